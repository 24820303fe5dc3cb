//! Of one of two classes: what a score is worth where the window lies.

use crate::profile::{Binary, BinaryPerformance, Chance, RowOutputs};
use crate::stats::{Calibrator, Cell, Cells, Undefined};
use crate::window::robust::moved;

/// By how much a score is worth more where the window lies than it was on average.
pub(super) struct Worth {
    weighed: Calibrator,
    plain: Calibrator,
}

impl Worth {
    /// Isotonic regressions of the same rows, with and without their weights.
    pub(super) fn fit(
        scores: &[f64],
        targets: &[bool],
        weights: &[f64],
    ) -> Result<Self, Undefined> {
        if targets.iter().all(|&target| target) || !targets.contains(&true) {
            return Err(Undefined::OneClass);
        }
        Ok(Self {
            weighed: Calibrator::fit_weighed(scores, targets, weights)?,
            plain: Calibrator::fit(scores, targets)?,
        })
    }

    /// What a score is worth, given what it was on average.
    pub(super) fn of(&self, score: f64, probability: f64) -> f64 {
        let more = self.weighed.calibrate(score) - self.plain.calibrate(score);
        (probability + more).clamp(0.0, 1.0)
    }
}

/// `known` is what is estimated of all rows by what scores are worth on average.
pub(super) fn estimate(
    outputs: &Binary,
    labelled: &[(RowOutputs<'_>, f64)],
    window: &[RowOutputs<'_>],
    known: &BinaryPerformance,
) -> Result<BinaryPerformance, Undefined> {
    let score = |row: &RowOutputs<'_>| row.numbers.first().copied().unwrap_or(f64::NAN);
    let scores: Vec<f64> = labelled.iter().map(|(row, _)| score(row)).collect();
    let targets: Vec<bool> = labelled.iter().map(|(row, _)| row.target == Some(1.0)).collect();
    let weights: Vec<f64> = labelled.iter().map(|(_, weight)| *weight).collect();
    let worth = Worth::fit(&scores, &targets, &weights)?;
    let probability = |score: f64| match &outputs.calibration {
        Some(calibration) => calibration.probability(score),
        None => score.clamp(0.0, 1.0),
    };
    let chance = |row: &RowOutputs<'_>| {
        let (score, predicted) = (score(row), row.predicted);
        (!score.is_nan()).then(|| Chance { score, probability: probability(score), predicted })
    };
    let mut rows: Vec<Chance> = window.iter().filter_map(chance).collect();
    let from = BinaryPerformance::expected(&mut rows);
    for row in &mut rows {
        row.probability = worth.of(row.score, row.probability);
    }
    let to = BinaryPerformance::expected(&mut rows);
    // Where the sample has no prediction, the window has hardly any.
    let scale = known.predicted as f64 / from.predicted.max(1) as f64;
    let cell = |cell: Cell| {
        let more = (to.cells.cell(cell) - from.cells.cell(cell)) * scale;
        (known.cells.cell(cell) + more).max(0.0)
    };
    Ok(BinaryPerformance {
        cells: Cells {
            true_positive: cell(Cell::TruePositive),
            false_positive: cell(Cell::FalsePositive),
            false_negative: cell(Cell::FalseNegative),
            true_negative: cell(Cell::TrueNegative),
        },
        roc_auc: moved(known.roc_auc, from.roc_auc, to.roc_auc),
        average_precision: moved(
            known.average_precision,
            from.average_precision,
            to.average_precision,
        ),
        ..*known
    })
}
