//! Realized performance of a binary classifier.

use crate::metric::Metric;
use crate::profile::{BinaryPerformance, Measured, Performance};
use crate::stats::{
    Cell, Cells, Normalization, PostStratifiedCells, PostStratifiedRanking, ScoreBin,
    StratifiedErrors, Undefined, ValueNormalization, average_precision, roc_auc,
};
use crate::window::criteria::Criteria;
use crate::window::judge::OverCells;
use crate::window::outcome::{BinaryPlan, BinaryRealized, Labelled};
use crate::window::realized::{Outcome, Stratified};

/// Performance of all rows, from those that have a target.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::window) struct BinaryStratified {
    pub(in crate::window) performance: BinaryPerformance,
    cells: Result<PostStratifiedCells, Undefined>,
    ranking: Result<PostStratifiedRanking, Undefined>,
}

impl Outcome {
    /// Measures it: what was given, without what was taken back again. `rows` can have a target, `strata` are those of
    /// them with a score.
    ///
    /// Exact while the curves are: beyond 65,536 distinct scores a target that was taken back leaves the bin that is
    /// nearest to its score.
    pub(in crate::window) fn of_two_classes(
        plan: &BinaryPlan,
        given: &mut BinaryRealized,
        taken: Option<&mut BinaryRealized>,
        rows: u64,
        strata: &[u64],
    ) -> Self {
        let nothing = &mut BinaryRealized::default();
        let taken = taken.unwrap_or(nothing);
        let less = |given: u64, taken: u64| given.saturating_sub(taken);
        let mut cells = given.cells;
        for (cell, taken) in cells.iter_mut().flatten().zip(taken.cells.iter().flatten()) {
            *cell = less(*cell, *taken);
        }
        let targets = less(given.targets, taken.targets);
        let curve = curve(given, taken);
        let bins = || curve.iter().map(|(_, bin)| score_bin(bin));
        let scored = curve.iter().map(|(_, bin)| bin.positives + bin.negatives).sum();
        let none = (scored == 0).then_some(if targets == 0 {
            Undefined::NoTargets
        } else {
            Undefined::AllMissing
        });
        let of = |value| Measured(none.map_or(value, Err));
        let labelled = BinaryPerformance {
            usable: targets,
            predicted: cells.iter().flatten().sum(),
            scored,
            cells: counted(cells),
            roc_auc: of(roc_auc(bins())),
            average_precision: of(average_precision(bins().collect::<Vec<_>>())),
        };
        let mut by_stratum = vec![[[0; 2]; 2]; plan.strata.count()];
        for (stratum, cells) in by_stratum.iter_mut().enumerate() {
            let of =
                |state: &BinaryRealized| state.strata.get(stratum).copied().unwrap_or_default();
            let (given, taken) = (of(given), of(taken));
            for (cell, (given, taken)) in
                cells.iter_mut().flatten().zip(given.iter().flatten().zip(taken.iter().flatten()))
            {
                *cell = less(*given, *taken);
            }
        }
        let by_stratum =
            by_stratum.into_iter().map(|of| Cell::ALL.map(|cell| counted(of).cell(cell)));
        let bins: Vec<(usize, ScoreBin)> = curve
            .iter()
            .map(|(score, bin)| (plan.strata.stratum(*score), score_bin(bin)))
            .collect();
        let stratified = BinaryStratified::new(&labelled, strata, by_stratum.collect(), &bins);
        Self {
            rows,
            labelled: Performance::Binary(labelled),
            stratified: Stratified::Binary(stratified),
            evidence: None,
            rowwise: Vec::new(),
            relearnt: None,
        }
    }
}

impl BinaryStratified {
    fn new(
        labelled: &BinaryPerformance,
        strata: &[u64],
        cells: Vec<[f64; 4]>,
        bins: &[(usize, ScoreBin)],
    ) -> Self {
        let rows = strata.iter().sum();
        let cells = PostStratifiedCells::new(strata, cells);
        let ranking = PostStratifiedRanking::new(strata, bins);
        let value = |of: fn(&PostStratifiedRanking) -> Result<f64, Undefined>| {
            Measured(ranking.as_ref().map_err(|&reason| reason).and_then(of))
        };
        let performance = BinaryPerformance {
            usable: labelled.usable,
            predicted: if cells.is_ok() { rows } else { 0 },
            scored: rows,
            cells: cells.as_ref().map(PostStratifiedCells::cells).unwrap_or_default(),
            roc_auc: value(|ranking| ranking.roc_auc.map(|(area, _)| area)),
            average_precision: value(|ranking| ranking.average_precision.map(|(value, _)| value)),
        };
        Self { performance, cells, ranking }
    }

    /// Why no metric of the cells has a value, where none has.
    pub(in crate::window) fn refused(&self, metric: Metric) -> Option<Undefined> {
        match metric {
            Metric::RocAuc | Metric::AveragePrecision => self.ranking.as_ref().err().copied(),
            _ => self.cells.as_ref().err().copied(),
        }
    }

    /// The standard errors of a metric.
    pub(in crate::window) fn errors(
        &self,
        metric: Metric,
        criteria: &Criteria,
    ) -> Option<StratifiedErrors> {
        let ranking = self.ranking.as_ref();
        match metric {
            Metric::RocAuc => return ranking.ok()?.roc_auc.ok()?.1,
            Metric::AveragePrecision => return ranking.ok()?.average_precision.ok()?.1,
            _ => {}
        }
        let (above, below) = of_two_classes(metric, criteria)?;
        self.cells.as_ref().ok()?.errors(above, below)
    }

    /// The standard errors of a metric of the user's own, to first order.
    pub(in crate::window) fn errors_of(&self, formula: &OverCells) -> Option<StratifiedErrors> {
        let cells = self.cells.as_ref().ok()?;
        let slopes = formula.slopes(&Cell::ALL.map(|cell| cells.cells().cell(cell)))?;
        cells.errors(slopes.try_into().ok()?, None)
    }
}

/// A metric as a sum over the cells, in the order of [`Cell::ALL`]; or as a ratio of two.
pub(super) fn of_two_classes(
    metric: Metric,
    criteria: &Criteria,
) -> Option<([f64; 4], Option<[f64; 4]>)> {
    const ROWS: [f64; 4] = [1.0; 4];
    // True positives, false positives, false negatives, true negatives.
    let cell = |above: [f64; 4]| {
        let [tp, fp, fn_, tn] = above;
        let of_class = if tp + fn_ > 0.0 { [1.0, 0.0, 1.0, 0.0] } else { [0.0, 1.0, 0.0, 1.0] };
        let predicted = if tp + fp > 0.0 { [1.0, 1.0, 0.0, 0.0] } else { [0.0, 0.0, 1.0, 1.0] };
        debug_assert!((tp + fp + fn_ + tn - 1.0).abs() < f64::EPSILON, "one cell");
        let below = match criteria.confusion {
            Normalization::None => None,
            Normalization::All => Some(ROWS),
            Normalization::True => Some(of_class),
            Normalization::Pred => Some(predicted),
        };
        (above, below)
    };
    Some(match metric {
        Metric::F1 => ([2.0, 0.0, 0.0, 0.0], Some([2.0, 1.0, 1.0, 0.0])),
        Metric::Precision => ([1.0, 0.0, 0.0, 0.0], Some([1.0, 1.0, 0.0, 0.0])),
        Metric::Recall => ([1.0, 0.0, 0.0, 0.0], Some([1.0, 0.0, 1.0, 0.0])),
        Metric::Specificity => ([0.0, 0.0, 0.0, 1.0], Some([0.0, 1.0, 0.0, 1.0])),
        Metric::Accuracy => ([1.0, 0.0, 0.0, 1.0], Some(ROWS)),
        Metric::TruePositive => cell([1.0, 0.0, 0.0, 0.0]),
        Metric::FalsePositive => cell([0.0, 1.0, 0.0, 0.0]),
        Metric::FalseNegative => cell([0.0, 0.0, 1.0, 0.0]),
        Metric::TrueNegative => cell([0.0, 0.0, 0.0, 1.0]),
        Metric::BusinessValue => {
            let [[tn, fp], [fn_, tp]] = criteria.worth_of_two()?;
            let below = match criteria.business {
                ValueNormalization::None => None,
                ValueNormalization::PerPrediction => Some(ROWS),
            };
            ([tp, fp, fn_, tn], below)
        }
        _ => return None,
    })
}

fn counted(cells: [[u64; 2]; 2]) -> Cells {
    let [[true_negative, false_positive], [false_negative, true_positive]] = cells;
    Cells {
        true_positive: true_positive as f64,
        false_positive: false_positive as f64,
        false_negative: false_negative as f64,
        true_negative: true_negative as f64,
    }
}

fn score_bin(bin: &Labelled) -> ScoreBin {
    ScoreBin { positives: bin.positives as f64, negatives: bin.negatives as f64 }
}

/// Rows with a target in ascending order of score: those that were given, without those that were taken back.
fn curve(given: &mut BinaryRealized, taken: &mut BinaryRealized) -> Vec<(f64, Labelled)> {
    let mut curve: Vec<(f64, Labelled)> =
        given.curve.ascending(|_, _| ()).map(|(score, bin)| (score, *bin)).collect();
    Labelled::take_back(
        &mut curve,
        taken.curve.ascending(|_, _| ()).map(|(score, bin)| (score, *bin)),
    );
    curve
}
