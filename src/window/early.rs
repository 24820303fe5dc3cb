//! What is bet on the rows of a window, so that it can warn while it is open.
//!
//! Each column that is watched is counted in few cells, and targets are held against what was said of them; what the bets
//! have won depends on the rows alone, not on their order. See [`CellBets`] and [`CallBets`] for what it says, and for how
//! often a warning is false.

use std::cmp::Reverse;
use std::f64::consts::LN_10;
use std::ops::Range;

use arrow::array::Array;
use minicbor::{Decode, Encode};

use crate::batch::{Expected, Values as Data};
use crate::metric::{Kind, Metric};
use crate::profile::{Categorical, Column, Evidence, Measured, Outputs, Profile, Role, Values};
use crate::stats::{CallBets, Calls, CellBets, Grid, Undefined};
use crate::window::awaited::Labels;
use crate::window::criteria::Early;
use crate::window::outcome::{OutputsPlan, PROBABILITY_UNITS};
use crate::window::plan::{Plan, Prepared};
use crate::window::result::{Figure, Status};
use crate::window::state::WindowState;

/// So many labels are watched one by one; the others, and those that the reference does not have, together.
const LABELS: usize = 15;

/// What is bet on.
#[derive(Clone, Debug)]
pub(super) struct EarlyPlan {
    columns: Vec<Watched>,
    /// Columns that were asked for in vain, and why.
    unwatched: Vec<(String, Undefined)>,
    targets: Option<TargetBets>,
    /// The logarithm of the wealth that is a warning.
    limit: f64,
}

/// A column that is watched.
#[derive(Clone, Debug)]
struct Watched {
    column: usize,
    cells: Cells,
    bets: CellBets,
}

/// Which cell a value is in; one without a value is in the last.
#[derive(Clone, Debug)]
enum Cells {
    Numbers(Grid),
    /// By the reference's position of a label; what is not there, or too rare, is in the one before the last.
    Labels(Vec<usize>),
}

/// What is bet on targets.
#[derive(Clone, Debug)]
enum TargetBets {
    /// That the positive class comes as often as its probability says.
    Positive(CallBets),
    /// That the class that was predicted comes as often as its probability says; where there is none, as often as in the
    /// reference.
    Hit { bets: CallBets, scored: bool },
    /// That predictions are as far off as in the reference.
    Error { grid: Grid, bets: CellBets },
}

/// How the bets on a window stand.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) struct EarlyState {
    /// Rows by cell, by column that is watched.
    #[n(0)]
    columns: Vec<Vec<u64>>,
    /// Of targets that came with the rows.
    #[n(1)]
    targets: EarlyTargets,
}

/// How the bets on targets stand.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct EarlyTargets {
    #[n(0)]
    calls: Calls,
    /// Errors by cell.
    #[n(1)]
    errors: Vec<u64>,
}

impl EarlyPlan {
    pub(super) fn new(asked: &Early, profile: &Profile, outputs: &OutputsPlan) -> Self {
        let (mut columns, mut unwatched) = (Vec::new(), Vec::new());
        for name in names(asked, profile) {
            match Watched::new(name, asked, profile) {
                Ok(watched) => columns.push(watched),
                Err(reason) => unwatched.push((name.to_owned(), reason)),
            }
        }
        let targets = asked.targets.then(|| TargetBets::new(asked, profile, outputs)).flatten();
        // Whoever looks at many things warns of each the more rarely.
        let watched = columns.len() + usize::from(targets.is_some());
        let limit = libm::log(watched.max(1) as f64) - libm::log(asked.false_alarms);
        Self { columns, unwatched, targets, limit }
    }

    /// The state of no rows.
    pub(super) fn state(&self) -> Box<EarlyState> {
        let columns = self.columns.iter().map(|watched| vec![0; watched.bets.cells()]).collect();
        Box::new(EarlyState { columns, targets: EarlyTargets::default() })
    }

    fn evidence(
        &self,
        metric: Metric,
        column: Option<&str>,
        of: Result<f64, Undefined>,
    ) -> Evidence {
        let logarithm = Measured(of.and_then(Undefined::unless_finite));
        Evidence { metric, column: column.map(str::to_owned), logarithm, limit: self.limit }
    }

    /// What the bets on targets say; `None` where there are none.
    pub(super) fn of_targets(&self, targets: Option<&EarlyTargets>) -> Option<Evidence> {
        let bets = self.targets.as_ref()?;
        let found = targets.map_or(Err(Undefined::NoTargets), |targets| targets.evidence(bets));
        Some(self.evidence(Metric::TargetEvidence, None, found))
    }
}

/// The columns that are asked for: by default what the model puts out.
fn names<'n>(asked: &'n Early, profile: &'n Profile) -> Vec<&'n str> {
    if let Some(columns) = &asked.columns {
        return columns.iter().map(String::as_str).collect();
    }
    let of = |role| {
        let columns = profile.columns.iter().filter(move |column| column.role == role);
        columns.map(|column| column.name.as_str()).collect::<Vec<_>>()
    };
    let scores = of(Role::Score);
    if scores.is_empty() { of(Role::Prediction) } else { scores }
}

impl Watched {
    fn new(name: &str, asked: &Early, profile: &Profile) -> Result<Self, Undefined> {
        let column = profile.position(name).ok_or(Undefined::NotInData)?;
        let of = &profile.columns[column];
        // They come later, and are held against what was said of them.
        if of.role == Role::Target {
            return Err(Undefined::NoTargets);
        }
        let (cells, bets) = match &of.values {
            Values::Continuous(reference) => {
                let bins = &reference.quantiles;
                let missing = Some(of.missing);
                let bets = CellBets::ordered(&bins.counts, missing, asked.tolerance);
                (Cells::Numbers(Grid::new(bins.edges.clone())), bets)
            }
            Values::Categorical(reference) => {
                let (cells, counts) = labels(reference, of);
                (Cells::Labels(cells), CellBets::unordered(&counts, asked.tolerance))
            }
            Values::Embedding(_) => return Err(Undefined::NotInData),
        };
        Ok(Self { column, cells, bets: bets.ok_or(Undefined::Constant)? })
    }

    /// Counts rows.
    fn fold(&self, prepared: &Prepared<'_>, range: Range<usize>, counts: &mut [u64]) {
        let last = counts.len() - 1;
        match (&prepared.rows.columns[self.column].values, &self.cells) {
            (Data::Numbers(values), Cells::Numbers(grid)) => {
                let full = values.null_count() == 0;
                for row in range {
                    let value = values.value(row);
                    let there = (full || values.is_valid(row)) && !value.is_nan();
                    counts[if there { grid.cell(value) } else { last }] += 1;
                }
            }
            (Data::Labels(values), Cells::Labels(cells)) => {
                let codes = &prepared.columns[self.column].codes;
                for row in range {
                    let cell = values.key(row).map_or(last, |position| {
                        let code = codes.get(position).copied().flatten();
                        code.map_or(last - 1, |code| cells[code as usize])
                    });
                    counts[cell] += 1;
                }
            }
            _ => debug_assert!(false, "rows are laid out by the profile of their plan"),
        }
    }
}

/// The cells of labels, and the reference's rows in each: the most frequent ones, all others, no value.
fn labels(reference: &Categorical, column: &Column) -> (Vec<usize>, Vec<u64>) {
    let mut by_rows: Vec<usize> = (0..reference.counts.len()).collect();
    // Stable: as many rows stay in their order.
    by_rows.sort_by_key(|&label| Reverse(reference.counts[label]));
    let kept = by_rows.len().min(LABELS);
    let mut cells = vec![kept; by_rows.len()];
    let mut counts = vec![0; kept + 2];
    for (place, &label) in by_rows.iter().enumerate() {
        cells[label] = place.min(kept);
        counts[place.min(kept)] += reference.counts[label];
    }
    counts[kept + 1] = column.missing;
    (cells, counts)
}

impl TargetBets {
    fn new(asked: &Early, profile: &Profile, outputs: &OutputsPlan) -> Option<Self> {
        let tolerance = asked.tolerance;
        match (&profile.outputs, outputs) {
            (Outputs::Binary(binary), OutputsPlan::Binary(plan)) if plan.score.is_some() => {
                binary.calibration.as_ref()?;
                let Values::Categorical(targets) = &profile.columns[plan.target?].values else {
                    return None;
                };
                let mut by_class = [0, 0];
                for (label, rows) in targets.labels.iter().zip(&targets.counts) {
                    if let Some(class) = binary.class(label) {
                        by_class[class.min(1)] += rows;
                    }
                }
                let [negative, positive] = by_class.map(|rows| rows as f64);
                CallBets::new(positive, negative + positive, tolerance).map(Self::Positive)
            }
            (Outputs::Binary(binary), OutputsPlan::Binary(_)) => {
                let cells = binary.performance.as_ref()?.cells;
                let right = cells.true_positive + cells.true_negative;
                let rows = right + cells.false_positive + cells.false_negative;
                let bets = CallBets::new(right, rows, tolerance)?;
                Some(Self::Hit { bets, scored: false })
            }
            (Outputs::Multiclass(several), OutputsPlan::Multiclass(plan)) => {
                let cells = &several.performance.as_ref()?.cells;
                let right = (0..cells.classes()).map(|class| cells.cell(class, class)).sum();
                let bets = CallBets::new(right, cells.rows(), tolerance)?;
                Some(Self::Hit { bets, scored: plan.has_scores() })
            }
            (Outputs::Regression(regression), OutputsPlan::Regression(_)) => {
                let bins = regression.errors.as_ref()?;
                let bets = CellBets::ordered(&bins.counts, None, tolerance)?;
                Some(Self::Error { grid: Grid::new(bins.edges.clone()), bets })
            }
            _ => None,
        }
    }

    /// Notes targets that came with the rows.
    fn fold(
        &self,
        prepared: &Prepared<'_>,
        range: Range<usize>,
        outputs: &OutputsPlan,
        state: &mut EarlyTargets,
    ) {
        let rows = &*prepared.rows;
        let Some(target) = outputs.target() else { return };
        let expected = match &rows.expected {
            Expected::Probabilities(classes) => classes.as_slice(),
            Expected::Nothing | Expected::Losses(_) => &[],
        };
        let number = |column: Option<usize>, row: usize| match &rows.columns[column?].values {
            Data::Numbers(values) => {
                values.is_valid(row).then(|| values.value(row)).filter(|value| !value.is_nan())
            }
            Data::Labels(_) | Data::Vectors(_) => None,
        };
        let (score, prediction) = (outputs.score(), outputs.prediction());
        for row in range {
            match self {
                Self::Positive(bets) => {
                    if let (Some(class), Some(_), Some(of)) =
                        (prepared.class(target, row), number(score, row), expected.first())
                    {
                        bets.add(&mut state.calls, class == 1, of[row] as f64 / PROBABILITY_UNITS);
                    }
                }
                Self::Hit { bets, scored } => {
                    let predicted = prediction.and_then(|column| prepared.class(column, row));
                    let Some((class, predicted)) = prepared.class(target, row).zip(predicted)
                    else {
                        continue;
                    };
                    // Without all scores nothing is expected of any class.
                    let probability = if *scored {
                        let whole = expected.iter().any(|of| of[row] > 0);
                        let of = expected.get(predicted).filter(|_| whole);
                        of.map(|of| of[row] as f64 / PROBABILITY_UNITS)
                    } else {
                        Some(bets.centre())
                    };
                    if let Some(probability) = probability {
                        bets.add(&mut state.calls, class == predicted, probability);
                    }
                }
                Self::Error { grid, bets } => {
                    if let Some((target, prediction)) =
                        number(Some(target), row).zip(number(prediction, row))
                    {
                        state.note_error(grid, bets, target, prediction, true);
                    }
                }
            }
        }
    }

    /// Takes news of a prediction.
    fn learn(&self, profile: &Profile, news: &Labels<'_>, state: &mut EarlyTargets) {
        let class = |label: Option<&str>| profile.class(label?);
        match self {
            Self::Positive(bets) => {
                let Some(probability) = profile.probability_of(news.score, &[], 1) else { return };
                if let Some(before) = class(news.before) {
                    bets.take_back(&mut state.calls, before == 1, probability);
                }
                if let Some(after) = class(news.after) {
                    bets.add(&mut state.calls, after == 1, probability);
                }
            }
            Self::Hit { bets, scored } => {
                let Some(predicted) = class(news.predicted) else { return };
                let probability = if *scored {
                    profile.probability_of(None, news.scores, predicted)
                } else {
                    Some(bets.centre())
                };
                let Some(probability) = probability else { return };
                if let Some(before) = class(news.before) {
                    bets.take_back(&mut state.calls, before == predicted, probability);
                }
                if let Some(after) = class(news.after) {
                    bets.add(&mut state.calls, after == predicted, probability);
                }
            }
            Self::Error { grid, bets } => {
                let Some(prediction) = news.score.filter(|score| !score.is_nan()) else { return };
                let number = |label: Option<&str>| {
                    label?.trim().parse::<f64>().ok().filter(|number| !number.is_nan())
                };
                if let Some(before) = number(news.before) {
                    state.note_error(grid, bets, before, prediction, false);
                }
                if let Some(after) = number(news.after) {
                    state.note_error(grid, bets, after, prediction, true);
                }
            }
        }
    }
}

impl EarlyTargets {
    /// Notes how far a prediction was off, or takes that back.
    fn note_error(
        &mut self,
        grid: &Grid,
        bets: &CellBets,
        target: f64,
        prediction: f64,
        is_so: bool,
    ) {
        let error = (target - prediction).abs();
        // Two infinities of one sign are as far apart as nobody knows.
        if error.is_nan() {
            return;
        }
        self.errors.resize(bets.cells(), 0);
        let count = &mut self.errors[grid.cell(error)];
        *count = if is_so { *count + 1 } else { count.saturating_sub(1) };
    }

    fn evidence(&self, bets: &TargetBets) -> Result<f64, Undefined> {
        let (found, known) = match bets {
            TargetBets::Positive(_) | TargetBets::Hit { .. } => {
                (CallBets::evidence(&self.calls), self.calls.calls())
            }
            TargetBets::Error { bets, .. } => {
                (bets.evidence(&self.errors), self.errors.iter().sum())
            }
        };
        if known == 0 { Err(Undefined::NoTargets) } else { Ok(found) }
    }

    /// Takes news of a prediction.
    pub(super) fn learn(&mut self, plan: &EarlyPlan, profile: &Profile, news: &Labels<'_>) {
        if let Some(bets) = &plan.targets {
            bets.learn(profile, news, self);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.calls.merge(&other.calls);
        let cells = self.errors.len().max(other.errors.len());
        self.errors.resize(cells, 0);
        for (ours, theirs) in self.errors.iter_mut().zip(&other.errors) {
            *ours += theirs;
        }
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.errors.len() * 8
    }
}

impl EarlyState {
    pub(super) fn fold(&mut self, plan: &Plan, prepared: &Prepared<'_>, range: &Range<usize>) {
        let Some(early) = &plan.early else { return };
        for (counts, watched) in self.columns.iter_mut().zip(&early.columns) {
            watched.fold(prepared, range.clone(), counts);
        }
        if let Some(bets) = &early.targets {
            bets.fold(prepared, range.clone(), &plan.outputs, &mut self.targets);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.columns.iter_mut().zip(&other.columns) {
            for (ours, theirs) in ours.iter_mut().zip(theirs) {
                *ours += theirs;
            }
        }
        self.targets.merge(&other.targets);
    }

    /// What the bets on columns say.
    pub(super) fn of_columns(&self, plan: &Plan) -> Vec<Evidence> {
        let Some(early) = &plan.early else { return Vec::new() };
        let metric = Metric::DriftEvidence;
        let found = early.columns.iter().zip(&self.columns).map(|(watched, counts)| {
            let name = &plan.profile().columns[watched.column].name;
            let rows: u64 = counts.iter().sum();
            let found =
                if rows == 0 { Err(Undefined::Empty) } else { Ok(watched.bets.evidence(counts)) };
            early.evidence(metric, Some(name), found)
        });
        let in_vain = early.unwatched.iter();
        let in_vain = in_vain.map(|(name, why)| early.evidence(metric, Some(name), Err(*why)));
        found.chain(in_vain).collect()
    }

    /// What the bets on targets say that came with the rows.
    pub(super) fn of_targets(&self, plan: &EarlyPlan) -> Option<Evidence> {
        plan.of_targets(Some(&self.targets))
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        let columns = self.columns.iter().map(|counts| 24 + counts.len() * 8);
        self.targets.bytes() + columns.sum::<usize>()
    }
}

impl WindowState {
    /// Whether something is watched while it is open.
    pub fn is_watched(&self) -> bool {
        self.early.is_some()
    }

    /// The figure that warns most, of a window that is still open; `None` where none does.
    pub fn warning(&self, plan: &Plan) -> Option<Figure> {
        let (state, early) = (self.early.as_deref()?, plan.early.as_ref()?);
        let all = state.of_columns(plan).into_iter().chain(state.of_targets(early));
        worst(all)
    }
}

/// The figure that warns most, if one does.
pub(super) fn worst(all: impl IntoIterator<Item = Evidence>) -> Option<Figure> {
    let mut worst: Option<Figure> = None;
    for figure in all.into_iter().map(|of| figure(&of)) {
        let more = || worst.as_ref().is_none_or(|worst| figure.value > worst.value);
        if figure.breach == Some(true) && more() {
            worst = Some(figure);
        }
    }
    worst
}

/// As a figure: in powers of ten.
pub(super) fn figure(of: &Evidence) -> Figure {
    let logarithm = of.logarithm.0;
    let power = |logarithm: f64| logarithm / LN_10;
    Figure {
        column_name: of.column.clone(),
        value: logarithm.ok().map(power),
        status: logarithm.err().map_or(Status::Ok, Status::from),
        upper_threshold: Some(power(of.limit)),
        // What is at most as likely by chance, whenever one looks.
        p_value: logarithm.ok().map(|of| libm::exp(-of).min(1.0)),
        breach: logarithm.ok().map(|found| found >= of.limit),
        ..Figure::bare(Kind::Diagnosis, of.metric)
    }
}
