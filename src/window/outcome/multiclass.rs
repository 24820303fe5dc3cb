//! The outputs of a classifier of several classes in a window: what is expected of them, and what came to pass.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::{Array, Float64Array};
use minicbor::{Decode, Encode};

use crate::batch::{Expected as Added, Values};
use crate::profile::{Measured, Multiclass, MulticlassPerformance, Profile, Role};
use crate::stats::{
    Confusion, Histogram, ScoreBin, Undefined, Weight, average_precision, mean_average_precision,
    mean_roc_auc, roc_auc,
};
use crate::window::outcome::deciles::Deciles;
use crate::window::outcome::weight::{Expected, Labelled, OfSeveral, PROBABILITY_UNITS};
use crate::window::plan::Prepared;
use crate::window::state::usable;

/// Where the outputs lie.
#[derive(Clone, Debug)]
pub(in crate::window) struct MulticlassPlan {
    /// By class; `None` for models without scores.
    scores: Option<Vec<usize>>,
    pub(in crate::window) prediction: Option<usize>,
    pub(in crate::window) target: Option<usize>,
    pub(in crate::window) classes: usize,
    /// By class: of its score.
    pub(in crate::window) deciles: Vec<Deciles>,
    /// Strata of one predicted class.
    width: usize,
}

impl MulticlassPlan {
    pub(in crate::window) fn new(several: &Multiclass, profile: &Profile) -> Self {
        let find = |role| profile.columns.iter().position(|column| column.role == role);
        let scores = several.scores(&profile.columns);
        let columns = scores.iter().flatten();
        let deciles: Vec<Deciles> =
            columns.map(|&index| Deciles::of_column(profile, Some(index))).collect();
        Self {
            width: deciles.iter().map(Deciles::count).max().unwrap_or(1),
            deciles,
            scores,
            prediction: find(Role::Prediction),
            target: find(Role::Target),
            classes: several.classes.len(),
        }
    }

    /// Whether there are scores.
    pub(in crate::window) fn has_scores(&self) -> bool {
        self.scores.is_some()
    }

    /// Where the scores lie, by class; nowhere for models without scores.
    pub(super) fn scores(&self) -> &[usize] {
        self.scores.as_deref().unwrap_or_default()
    }

    /// How many strata of rows with all scores and a prediction there are.
    pub(in crate::window) fn strata(&self) -> usize {
        self.classes * self.width + 1
    }

    /// Which of them a row is in: by predicted class, then by the score of that class; those predicted as none of them are
    /// in the last.
    pub(in crate::window) fn stratum(&self, scores: &[f64], predicted: usize) -> usize {
        match (self.deciles.get(predicted), scores.get(predicted)) {
            (Some(deciles), Some(&score)) => predicted * self.width + deciles.stratum(score),
            _ => self.classes * self.width,
        }
    }

    /// The predicted class of a stratum.
    pub(in crate::window) fn predicted_in(&self, stratum: usize) -> usize {
        (stratum / self.width).min(self.classes)
    }

    /// The state of no rows; `None` without scores.
    pub(super) fn estimated(&self) -> Option<MulticlassEstimated> {
        self.scores.as_ref().map(|_| MulticlassEstimated {
            curves: vec![Histogram::default(); self.classes],
            predicted: (0..=self.classes).map(|_| Predicted::none(self.classes)).collect(),
            strata: vec![0; self.strata()],
        })
    }

    /// The state of no rows.
    pub(in crate::window) fn realized(&self) -> MulticlassRealized {
        MulticlassRealized {
            targets: 0,
            cells: vec![0; self.classes * (self.classes + 1)],
            curves: vec![Histogram::default(); self.classes],
            strata: BTreeMap::new(),
        }
    }

    /// Adds rows to both states.
    pub(super) fn fold(
        &self,
        prepared: &Prepared<'_>,
        range: Range<usize>,
        mut estimated: Option<&mut MulticlassEstimated>,
        mut realized: Option<&mut MulticlassRealized>,
    ) {
        let rows = &*prepared.rows;
        let columns: Vec<&Float64Array> = self
            .scores
            .iter()
            .flatten()
            .filter_map(|&index| match &rows.columns[index].values {
                Values::Numbers(scores) => Some(scores),
                Values::Labels(_) | Values::Vectors(_) => None,
            })
            .collect();
        let expected = match &rows.expected {
            Added::Probabilities(classes) => Some(classes),
            Added::Nothing | Added::Losses(_) => None,
        };
        let class = |column: Option<usize>, row: usize| prepared.class(column?, row);
        let mut scores = vec![0.0; columns.len()];
        let mut probabilities = vec![0; columns.len()];
        for row in range {
            let mut complete = !columns.is_empty();
            for (place, column) in scores.iter_mut().zip(&columns) {
                let score = column.is_valid(row).then(|| column.value(row)).and_then(usable);
                complete &= score.is_some();
                *place = score.unwrap_or(0.0);
            }
            let scored = complete.then_some(scores.as_slice());
            let predicted = class(self.prediction, row);
            if let (Some(state), Some(scores), Some(expected)) = (&mut estimated, scored, expected)
            {
                for (place, expected) in probabilities.iter_mut().zip(expected) {
                    *place = expected[row];
                }
                state.add(scores, &probabilities, predicted);
                if let Some(predicted) = predicted
                    && let Some(rows) = state.strata.get_mut(self.stratum(scores, predicted))
                {
                    *rows += 1;
                }
            }
            if let (Some(state), Some(target)) = (&mut realized, class(self.target, row)) {
                state.add(target, scored, predicted, self);
            }
        }
    }
}

/// What the profile expects of a window's predictions, without their targets.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(in crate::window) struct MulticlassEstimated {
    /// Rows with all scores, by the score of each class.
    #[n(0)]
    pub(in crate::window) curves: Vec<Histogram<OfSeveral<Expected>>>,
    /// Rows with all scores and a prediction, by predicted class; those predicted as none of them last.
    #[n(1)]
    predicted: Vec<Predicted>,
    /// The same rows by stratum.
    #[n(2)]
    pub(in crate::window) strata: Vec<u64>,
}

/// Rows that are predicted as one class.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
struct Predicted {
    /// Rows.
    #[n(0)]
    rows: u64,
    /// Sum of the probabilities of each class.
    #[n(1)]
    classes: Vec<Units>,
}

/// A sum of probabilities, in units of 2^-52.
#[derive(Clone, Copy, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
struct Units(#[cbor(n(0), with = "crate::stats::codec::uint128")] u128);

impl Predicted {
    fn none(classes: usize) -> Self {
        Self { rows: 0, classes: vec![Units(0); classes] }
    }
}

impl MulticlassEstimated {
    /// Adds a row with all scores.
    fn add(&mut self, scores: &[f64], probabilities: &[u64], predicted: Option<usize>) {
        for (curve, (&score, &probability)) in
            self.curves.iter_mut().zip(scores.iter().zip(probabilities))
        {
            curve.push(score, probability);
            if curve.is_due() {
                curve.compact(|_, _| ());
            }
        }
        if let Some(of) = predicted.and_then(|class| self.predicted.get_mut(class)) {
            of.rows += 1;
            for (sum, &probability) in of.classes.iter_mut().zip(probabilities) {
                sum.0 += u128::from(probability);
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.curves.iter_mut().zip(&other.curves) {
            ours.merge(theirs, |_, _| ());
        }
        for (ours, theirs) in self.predicted.iter_mut().zip(&other.predicted) {
            ours.rows += theirs.rows;
            for (ours, theirs) in ours.classes.iter_mut().zip(&theirs.classes) {
                ours.0 += theirs.0;
            }
        }
        for (ours, theirs) in self.strata.iter_mut().zip(&other.strata) {
            *ours += theirs;
        }
    }

    /// What is measured of it; `rows` are those of the window.
    pub(super) fn measure(&mut self, rows: u64) -> MulticlassPerformance {
        let units = |sum: u128| sum as f64 / PROBABILITY_UNITS;
        // Sums are integers until here: one rounding each.
        let cells = (0..self.curves.len())
            .map(|truth| self.predicted.iter().map(|of| units(of.classes[truth].0)).collect())
            .collect();
        let scored = self.curves.first().map_or(0, Histogram::rows);
        let none = (scored == 0).then_some(if rows == 0 {
            Undefined::Empty
        } else {
            Undefined::AllMissing
        });
        let bin = |(_, OfSeveral(bin)): (f64, &OfSeveral<Expected>)| ScoreBin {
            positives: units(bin.positives),
            negatives: units((u128::from(bin.rows) << 52) - bin.positives),
        };
        let (areas, precisions) = rankings(&mut self.curves, bin);
        let of = |value| Measured(none.map_or(value, Err));
        MulticlassPerformance {
            usable: scored,
            predicted: self.predicted.iter().map(|of| of.rows).sum(),
            scored,
            cells: Confusion::new(cells),
            roc_auc: of(mean_roc_auc(areas)),
            average_precision: of(mean_average_precision(precisions, 1)),
        }
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        self.curves.iter().map(Histogram::bytes).sum::<usize>()
            + self.predicted.len() * (size_of::<Predicted>() + self.curves.len() * 16)
            + self.strata.len() * 8
    }
}

/// A metric of each class.
type ByClass = Vec<Result<f64, Undefined>>;

/// Area and average precision of each class against the rest.
fn rankings<W: Weight>(
    curves: &mut [Histogram<W>],
    bin: impl Fn((f64, &W)) -> ScoreBin + Copy,
) -> (ByClass, ByClass) {
    curves
        .iter_mut()
        .map(|curve| {
            let ascending = curve.ascending(|_, _| ());
            let area = roc_auc(ascending.clone().map(bin));
            (area, average_precision(ascending.map(bin)))
        })
        .unzip()
}

/// What came to pass of a window's predictions, as far as their targets are known.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(in crate::window) struct MulticlassRealized {
    /// Rows with a target.
    #[n(0)]
    pub(in crate::window) targets: u64,
    /// Rows with a target and a prediction: by target, then by prediction, those predicted as no class of the list last.
    #[n(1)]
    cells: Vec<u64>,
    /// Rows with a target and all scores, by the score of each class.
    #[n(2)]
    pub(in crate::window) curves: Vec<Histogram<OfSeveral<Labelled>>>,
    /// Rows with a target, all scores and a prediction: by stratum, then by target, in one number. Mostly few of them have
    /// any.
    #[n(3)]
    strata: BTreeMap<u32, u64>,
}

impl MulticlassRealized {
    /// Adds a row with a target; `scores` where it has them all.
    pub(in crate::window) fn add(
        &mut self,
        target: usize,
        scores: Option<&[f64]>,
        predicted: Option<usize>,
        plan: &MulticlassPlan,
    ) {
        self.targets += 1;
        if let (Some(scores), Some(predicted)) = (scores, predicted) {
            let cell = plan.stratum(scores, predicted) * plan.classes + target;
            *self.strata.entry(u32::try_from(cell).unwrap_or(u32::MAX)).or_default() += 1;
        }
        let width = self.curves.len() + 1;
        let cell = predicted.filter(|&predicted| predicted < width);
        if let Some(count) = cell.and_then(|at| self.cells.get_mut(target * width + at)) {
            *count += 1;
        }
        for (class, (curve, &score)) in
            self.curves.iter_mut().zip(scores.into_iter().flatten()).enumerate()
        {
            curve.push(score, class == target);
            if curve.is_due() {
                curve.compact(|_, _| ());
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.targets += other.targets;
        for (ours, theirs) in self.cells.iter_mut().zip(&other.cells) {
            *ours += theirs;
        }
        for (ours, theirs) in self.curves.iter_mut().zip(&other.curves) {
            ours.merge(theirs, |_, _| ());
        }
        for (&cell, theirs) in &other.strata {
            *self.strata.entry(cell).or_default() += theirs;
        }
    }

    /// Rows with a target, all scores and a prediction, by predicted class; those predicted as none of them last.
    pub(in crate::window) fn by_predicted(&self, plan: &MulticlassPlan) -> Vec<u64> {
        let mut rows = vec![0; plan.classes + 1];
        for (&cell, targets) in &self.strata {
            rows[plan.predicted_in(cell as usize / plan.classes)] += targets;
        }
        rows
    }

    /// Rows with a target, all scores and a prediction that are in a stratum and of a class.
    pub(in crate::window) fn in_stratum(
        &self,
        plan: &MulticlassPlan,
        stratum: usize,
        truth: usize,
    ) -> u64 {
        let cell = u32::try_from(stratum * plan.classes + truth).ok();
        cell.and_then(|cell| self.strata.get(&cell)).copied().unwrap_or(0)
    }

    /// What is measured of it.
    pub(super) fn measure(&mut self) -> MulticlassPerformance {
        let curves: Vec<_> =
            self.curves.iter_mut().map(|curve| labelled_curve(curve, None)).collect();
        performance(self.targets, &self.cells, &curves)
    }

    /// What is measured of it without what was taken back again; with the curve of each class, in ascending order of its
    /// score.
    ///
    /// Exact while the curves are: beyond that a target that was taken back leaves the bin that is nearest to its score.
    pub(in crate::window) fn measure_without(
        &mut self,
        taken: &mut Self,
    ) -> (MulticlassPerformance, Vec<LabelledCurve>) {
        let cells: Vec<u64> = self
            .cells
            .iter()
            .zip(&taken.cells)
            .map(|(given, taken)| given.saturating_sub(*taken))
            .collect();
        let curves = self.curves.iter_mut().zip(&mut taken.curves);
        let curves: Vec<_> =
            curves.map(|(given, taken)| labelled_curve(given, Some(taken))).collect();
        let targets = self.targets.saturating_sub(taken.targets);
        (performance(targets, &cells, &curves), curves)
    }

    /// Bytes of memory held.
    pub(in crate::window) fn bytes(&self) -> usize {
        self.curves.iter().map(Histogram::bytes).sum::<usize>()
            + self.cells.len() * 8
            + self.strata.len() * 24
    }
}

/// Rows with a target at each score of a class, in ascending order of it.
pub(in crate::window) type LabelledCurve = Vec<(f64, ScoreBin)>;

/// Rows with a target in ascending order of a class's score: those that were given, without those that were taken back.
fn labelled_curve(
    given: &mut Histogram<OfSeveral<Labelled>>,
    taken: Option<&mut Histogram<OfSeveral<Labelled>>>,
) -> LabelledCurve {
    let ascending = given.ascending(|_, _| ());
    let mut curve: Vec<(f64, Labelled)> =
        ascending.map(|(score, OfSeveral(bin))| (score, *bin)).collect();
    if let Some(taken) = taken {
        let taken = taken.ascending(|_, _| ()).map(|(score, OfSeveral(bin))| (score, *bin));
        Labelled::take_back(&mut curve, taken);
    }
    let bin = |bin: Labelled| ScoreBin {
        positives: bin.positives as f64,
        negatives: bin.negatives as f64,
    };
    curve.into_iter().map(|(score, rows)| (score, bin(rows))).collect()
}

/// What is measured of counted rows.
fn performance(targets: u64, cells: &[u64], curves: &[LabelledCurve]) -> MulticlassPerformance {
    let counted = cells.chunks(curves.len() + 1);
    let counted = counted.map(|row| row.iter().map(|&count| count as f64).collect()).collect();
    let rows = |curve: &LabelledCurve| -> f64 {
        curve.iter().map(|(_, bin)| bin.positives + bin.negatives).sum()
    };
    let bins =
        |curve: &LabelledCurve| -> Vec<ScoreBin> { curve.iter().map(|(_, bin)| *bin).collect() };
    let scored = curves.first().map_or(0.0, rows) as u64;
    let none = (scored == 0).then_some(if targets == 0 {
        Undefined::NoTargets
    } else {
        Undefined::AllMissing
    });
    let of = |value| Measured(none.map_or(value, Err));
    let areas: ByClass = curves.iter().map(|curve| roc_auc(bins(curve))).collect();
    let precisions = curves.iter().map(|curve| average_precision(bins(curve)));
    MulticlassPerformance {
        usable: targets,
        predicted: cells.iter().sum(),
        scored,
        cells: Confusion::new(counted),
        roc_auc: of(mean_roc_auc(areas)),
        // Where all rows are of one class its precision is 1 whatever the scores.
        average_precision: of(mean_average_precision(precisions, 2)),
    }
}
