//! How a model's windows are folded and read: a profile together with what the settings ask of it.

use std::mem;
use std::ops::Deref;
use std::sync::Arc;

use arrow::buffer::ScalarBuffer;

use crate::batch::{Column as Data, Rows, Values as DataValues, labels};
use crate::metric::{Measure, Metric};
use crate::profile::{
    Categorical, Column, Continuous, Distribution, Profile, Reading, Role, Sample, Values,
    same_label,
};
use crate::stats::{Basis, Grid, Scale, equal_width_edges, mean};
use crate::window::criteria::Criteria;
use crate::window::early::EarlyPlan;
use crate::window::judge::Judge;
use crate::window::outcome::OutputsPlan;
use crate::window::realized::Outcome;
use crate::window::reconstruction::ReconstructionPlan;
use crate::window::result::Figure;
use crate::window::rowwise::RowPlan;
use crate::window::segments::{PreparedSplit, SegmentPlan};
use crate::window::slices::{self, SlicesPlan};

/// A profile together with what the settings ask of it: the layout of every window's state, and what its figures are
/// held against.
///
/// A state may only be merged or read with the plan that it was folded by.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) profile: Arc<Profile>,
    criteria: Criteria,
    judge: Judge,
    pub(super) columns: Vec<ColumnPlan>,
    pub(super) outputs: OutputsPlan,
    /// Where reconstruction errors are asked for, and the profile can make them.
    pub(super) reconstruction: Option<ReconstructionPlan>,
    /// Parts of the rows that are folded and judged beside the whole.
    pub(super) segments: Vec<SegmentPlan>,
    /// What is bet on rows while a window is open, where something is.
    pub(super) early: Option<EarlyPlan>,
    /// Where slices are asked for, and what rows are expected to lose is known.
    slices: Option<Arc<SlicesPlan>>,
    /// Where the profile has metrics over rows.
    pub(super) rowwise: Option<RowPlan>,
}

#[derive(Clone, Debug)]
pub(super) enum ColumnPlan {
    Continuous(Box<ContinuousPlan>),
    Categorical(CategoricalPlan),
    Embedding(ReconstructionPlan),
}

#[derive(Clone, Debug)]
pub(super) struct ContinuousPlan {
    pub(super) grid: Grid,
    pub(super) scale: Scale,
    pub(super) square_scale: Scale,
    pub(super) centre: f64,
    pub(super) least: f64,
    pub(super) greatest: f64,
    /// The cells below the reference's range and those above it.
    pub(super) range: CellMap,
    pub(super) methods: Vec<(Metric, CellMap)>,
    /// The few bins that people look at.
    pub(super) shown: Cut,
}

#[derive(Clone, Debug)]
pub(super) struct CategoricalPlan {
    pub(super) methods: Vec<Metric>,
}

/// Which cells of the grid belong to the bins of a method: bin `i` holds the cells from `bounds[i]` to before
/// `bounds[i + 1]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CellMap {
    bounds: Vec<u32>,
}

impl CellMap {
    fn new(bounds: impl IntoIterator<Item = usize>) -> Self {
        // A profile has far fewer cuts than that.
        let bounds = bounds.into_iter().map(|bound| u32::try_from(bound).unwrap_or(u32::MAX));
        Self { bounds: bounds.collect() }
    }

    /// The first cell of the first bin.
    pub(super) fn first(&self) -> usize {
        self.bounds.first().map_or(0, |&first| first as usize)
    }

    /// Rows in each bin, from the rows below each cell.
    pub(super) fn counts(&self, below: &[u64]) -> Vec<u64> {
        let mut bounds = self.bounds.iter().map(|&bound| below[bound as usize]);
        let mut before = bounds.next().unwrap_or(0);
        bounds.map(|upto| upto - mem::replace(&mut before, upto)).collect()
    }
}

/// Rows below each cell, and below the end of all: a bin's are the difference of two.
pub(super) fn rows_below(cells: &[u64]) -> Vec<u64> {
    let mut below = Vec::with_capacity(cells.len() + 1);
    let mut total = 0;
    below.push(0);
    for &cell in cells {
        total += cell;
        below.push(total);
    }
    below
}

/// Bins with a grid of their own.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub(super) grid: Grid,
    pub(super) map: CellMap,
}

impl Cut {
    fn new(edges: Vec<f64>) -> Self {
        let grid = Grid::new(edges.clone());
        let map = CellMap::new(edges.into_iter().map(|edge| grid.cell_from(edge)));
        Self { grid, map }
    }
}

impl Plan {
    /// The plan for a profile and criteria; drift methods that a kind of column does not have are passed over.
    pub fn new(profile: Arc<Profile>, criteria: Criteria) -> Self {
        Self::make(profile, criteria, false)
    }

    fn make(profile: Arc<Profile>, criteria: Criteria, segment: bool) -> Self {
        let columns = profile
            .columns
            .iter()
            .map(|column| match &column.values {
                Values::Continuous(reference) => ColumnPlan::Continuous(Box::new(
                    ContinuousPlan::new(reference, &criteria.continuous),
                )),
                Values::Categorical(_) => ColumnPlan::Categorical(CategoricalPlan {
                    methods: chosen(&criteria.categorical, column),
                }),
                Values::Embedding(reference) => {
                    ColumnPlan::Embedding(ReconstructionPlan::of(reference.typical))
                }
            })
            .collect();
        let judge = Judge::new(&profile, &criteria, segment);
        let outputs = OutputsPlan::new(&profile);
        let reconstruction = criteria
            .whole
            .contains(&Metric::ReconstructionError)
            .then(|| profile.reconstruction.as_ref().map(ReconstructionPlan::new))
            .flatten();
        let slices = SlicesPlan::new(&profile, criteria.worst_slices).map(Arc::new);
        let segments = Vec::new();
        let early = criteria.early.as_ref();
        let early = early.map(|asked| EarlyPlan::new(asked, &profile, &outputs));
        // That of a segment is the whole's.
        let rowwise = if segment { None } else { RowPlan::new(&profile, &outputs) };
        let mut plan = Self {
            profile,
            criteria,
            judge,
            columns,
            outputs,
            reconstruction,
            segments,
            early,
            slices,
            rowwise,
        };
        if let Some(segments) = plan.profile.segments.as_deref() {
            let all = segments.all.iter();
            plan.segments =
                all.map(|segment| SegmentPlan::new(segment, &plan, &plan.criteria)).collect();
        }
        plan
    }

    /// That of a segment: what the whole adds to every row it reads from there.
    pub(super) fn of_segment(profile: Arc<Profile>, criteria: Criteria, whole: &Self) -> Self {
        let mut plan = Self::make(profile, criteria, true);
        if plan.profile.reconstruction.is_none() {
            plan.reconstruction = whole.reconstruction;
        }
        plan.outputs.carried_as(&whole.outputs);
        plan.rowwise.clone_from(&whole.rowwise);
        plan
    }

    /// Parts of the rows that are folded and judged beside the whole.
    pub fn segments(&self) -> &[SegmentPlan] {
        &self.segments
    }

    /// Whether the concept is learnt again of windows whose targets are known.
    pub fn learns_concept(&self) -> bool {
        self.criteria.concept && !self.profile.concept.is_empty()
    }

    /// The reference's sample, where something is asked for that needs rows.
    pub fn sample(&self) -> Option<&Sample> {
        let criteria = &self.criteria;
        let asked = criteria.sampled || criteria.robust || criteria.worst_slices > 0;
        let asked = asked || criteria.concept || self.tells_apart();
        self.profile.sample.as_ref().filter(|_| asked)
    }

    /// Whether a domain classifier is asked for.
    pub(super) fn tells_apart(&self) -> bool {
        self.criteria.whole.contains(&Metric::DomainClassifier)
    }

    /// How slices are looked for, where they are asked for.
    pub(super) fn slices(&self) -> Option<&SlicesPlan> {
        self.slices.as_deref()
    }

    /// Whether rows are chosen for samples, by a hash of their ids.
    pub fn samples(&self) -> bool {
        self.sample().is_some()
    }

    /// The reconstruction error of every row, given their columns, where the settings ask for it.
    pub fn reconstruction_errors(&self, columns: &[Data]) -> Option<ScalarBuffer<f64>> {
        self.reconstruction.as_ref().and_then(|_| self.profile.reconstruction_errors(columns))
    }

    /// What the formulas of the profile's metrics over rows read of these, given their columns.
    pub fn terms(&self, columns: &[Data], rows: usize) -> Vec<ScalarBuffer<f64>> {
        let terms = self.rowwise.as_ref().map(RowPlan::terms);
        terms.map(|terms| terms.read(&self.profile, columns, rows)).unwrap_or_default()
    }

    /// The figures of a window; `outcome` where its realized performance was measured row by row.
    pub fn figures(&self, reading: &Reading, outcome: Option<&Outcome>) -> Vec<Figure> {
        let mut figures = self.judge.figures(reading, outcome, &self.profile, &self.criteria);
        let judged = reading.rows >= self.criteria.min_rows;
        figures.extend(reading.slices.iter().flat_map(|slices| slices::figures(slices, judged)));
        figures
    }

    /// The figures that targets change; `rows` and `estimated` are those of the window.
    pub fn realized_figures(
        &self,
        rows: u64,
        outcome: &Outcome,
        estimated: &[(Measure, f64)],
    ) -> Vec<Figure> {
        self.judge.realized(rows, outcome, estimated, &self.criteria)
    }

    /// The performance figure that leads: the first that is asked for and is no cell of several classes.
    pub fn leading(&self) -> Option<&Measure> {
        self.judge.leading().map(|of| &of.measure)
    }

    /// The mean of the leading figure over the windows of the reference that have enough rows; `None` where it has no
    /// value in any.
    pub fn leading_in_reference(&self, basis: Basis) -> Option<f64> {
        let leading = self.judge.leading()?;
        let readings = self.profile.windows.iter().map(|window| &window.reading);
        let enough = readings.filter(|reading| reading.rows >= self.criteria.min_rows);
        let value = |reading: &Reading| {
            let found = match basis {
                Basis::Estimated => reading.estimated.as_ref(),
                Basis::Realized => reading.realized.as_ref(),
            };
            leading.value(found?, basis, &self.criteria).ok()
        };
        mean(&enough.filter_map(value).collect::<Vec<f64>>()).ok()
    }

    /// What the settings ask.
    pub fn criteria(&self) -> &Criteria {
        &self.criteria
    }

    /// How many labels a categorical column has in the reference.
    pub(super) fn labels(&self, column: usize) -> usize {
        match &self.profile.columns[column].values {
            Values::Categorical(reference) => reference.labels.len(),
            Values::Continuous(_) | Values::Embedding(_) => 0,
        }
    }

    /// The profile.
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// Looks up what rows have in common, once for all windows that they belong to.
    pub fn prepare<'r>(&self, rows: &'r Rows) -> Prepared<'r> {
        self.prepare_held(Held::Lent(rows))
    }

    pub(super) fn prepare_held<'r>(&self, rows: Held<'r>) -> Prepared<'r> {
        let columns = rows
            .columns
            .iter()
            .zip(&self.profile.columns)
            .map(|(data, column)| {
                let (DataValues::Labels(array), Values::Categorical(reference)) =
                    (&data.values, &column.values)
                else {
                    return Lookup::default();
                };
                let outcome = matches!(column.role, Role::Prediction | Role::Target);
                let codes = labels(array).map(|label| code(reference, label, outcome)).collect();
                let classes = if outcome {
                    // Of several classes a prediction may be none, and is wrong then.
                    let other = match &self.outputs {
                        OutputsPlan::Multiclass(several) if column.role == Role::Prediction => {
                            Some(several.classes)
                        }
                        _ => None,
                    };
                    labels(array).map(|label| self.profile.class(label).or(other)).collect()
                } else {
                    Vec::new()
                };
                Lookup { codes, classes }
            })
            .collect();
        let splits = PreparedSplit::all(self, &rows);
        Prepared { rows, columns, splits }
    }
}

/// Rows with what was looked up for them.
#[derive(Debug)]
pub struct Prepared<'r> {
    pub(super) rows: Held<'r>,
    pub(super) columns: Vec<Lookup>,
    /// The same rows by their segments.
    pub(super) splits: Vec<PreparedSplit>,
}

/// Rows, whoever has them.
#[derive(Debug)]
pub(super) enum Held<'r> {
    Lent(&'r Rows),
    Shared(Arc<Rows>),
}

impl Deref for Held<'_> {
    type Target = Rows;

    #[inline]
    fn deref(&self) -> &Rows {
        match self {
            Self::Lent(rows) => rows,
            Self::Shared(rows) => rows,
        }
    }
}

/// What the positions of a categorical column's own list of labels stand for.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// The reference's label.
    pub(super) codes: Vec<Option<u32>>,
    /// The class, of outputs alone.
    classes: Vec<Option<usize>>,
}

/// The position of a label among the reference's; predictions and targets compare by value.
fn code(reference: &Categorical, label: &str, outcome: bool) -> Option<u32> {
    let same = || {
        let by_value = |known: &String| same_label(known, label);
        outcome.then(|| reference.labels.iter().position(by_value)).flatten()
    };
    reference.position(label).or_else(same).and_then(|position| u32::try_from(position).ok())
}

/// The methods that this kind of column has.
fn chosen(methods: &[Metric], column: &Column) -> Vec<Metric> {
    methods.iter().copied().filter(|method| method.applies_to(column.kind())).collect()
}

impl ContinuousPlan {
    fn new(reference: &Continuous, methods: &[Metric]) -> Self {
        let edges: Vec<(Metric, Vec<f64>)> = methods
            .iter()
            .filter_map(|&method| Some((method, closed_edges(reference, method)?)))
            .collect();
        let range = [reference.least, reference.greatest.next_up()];
        let cuts = edges.iter().flat_map(|(_, edges)| edges).chain(&range).copied().collect();
        let grid = Grid::new(cuts);
        let methods = edges
            .into_iter()
            .map(|(method, edges)| {
                let open = method == Metric::Psi;
                let inner = edges.iter().map(|&edge| grid.cell_from(edge));
                let map = if open {
                    CellMap::new([0].into_iter().chain(inner).chain([grid.cells()]))
                } else {
                    CellMap::new(inner)
                };
                (method, map)
            })
            .collect();
        Self {
            scale: reference.scale(),
            square_scale: reference.square_scale(),
            centre: reference.mean,
            least: reference.least,
            greatest: reference.greatest,
            range: CellMap::new(range.map(|cut| grid.cell_from(cut))),
            shown: Cut::new(closed(reference.doane.edges.clone())),
            methods,
            grid,
        }
    }
}

/// The cuts of half-open bins that are those between these edges, of which the last one is closed.
fn closed(mut edges: Vec<f64>) -> Vec<f64> {
    if let Some(last) = edges.last_mut() {
        *last = last.next_up();
    }
    edges
}

/// The cuts of a method's half-open bins; a last bin that is closed in the definition ends just above its edge.
fn closed_edges(reference: &Continuous, method: Metric) -> Option<Vec<f64>> {
    Some(match (method, &reference.distribution) {
        (Metric::JensenShannon | Metric::Hellinger, _) => closed(reference.doane.edges.clone()),
        (Metric::Psi, _) => reference.quantiles.edges.clone(),
        (Metric::KolmogorovSmirnov, Distribution::Exact(values)) => {
            // A cell for every distinct value and one for every gap.
            values.values().iter().flat_map(|&value| [value, value.next_up()]).collect()
        }
        (Metric::KolmogorovSmirnov | Metric::Wasserstein, Distribution::Binned { counts }) => {
            closed(equal_width_edges(reference.least, reference.greatest, counts.len()).ok()?)
        }
        // Read from the values themselves: no cuts of its own.
        (Metric::Wasserstein, Distribution::Exact(_)) => Vec::new(),
        _ => return None,
    })
}

impl Prepared<'_> {
    /// The class that a row has in a column of outputs.
    #[inline]
    pub(super) fn class(&self, column: usize, row: usize) -> Option<usize> {
        let DataValues::Labels(array) = &self.rows.columns[column].values else { return None };
        let position = array.key(row)?;
        self.columns[column].classes.get(position).copied().flatten()
    }
}
