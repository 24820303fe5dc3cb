//! Of one of two classes: what a score is worth where the window lies.

use crate::profile::{Binary, BinaryPerformance, Measured, RowOutputs};
use crate::stats::{Calibrator, Cell, Cells, ScoreBin, Undefined, average_precision, roc_auc};
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

/// What a window's rows are worth.
struct Measures {
    cells: Cells,
    /// Rows in the cells.
    predicted: f64,
    roc_auc: Measured,
    average_precision: Measured,
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
    let mut rows: Vec<(f64, f64, Option<usize>)> = window
        .iter()
        .map(|row| (score(row), probability(score(row)), row.predicted))
        .filter(|(score, ..)| !score.is_nan())
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let from = measure(&rows);
    for (score, probability, _) in &mut rows {
        *probability = worth.of(*score, *probability);
    }
    let to = measure(&rows);
    // Where the sample has no prediction, the window has hardly any.
    let scale = if from.predicted > 0.0 { known.predicted as f64 / from.predicted } else { 0.0 };
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

/// Of score, probability and predicted class of each row, by score.
fn measure(rows: &[(f64, f64, Option<usize>)]) -> Measures {
    let mut cells = Cells::default();
    let mut predicted = 0.0;
    for &(_, probability, class) in rows {
        let Some(class) = class else { continue };
        predicted += 1.0;
        let (positive, negative) = if class == 1 {
            (&mut cells.true_positive, &mut cells.false_positive)
        } else {
            (&mut cells.false_negative, &mut cells.true_negative)
        };
        *positive += probability;
        *negative += 1.0 - probability;
    }
    let bins = bins(rows.iter().map(|&(score, probability, _)| (score, probability)));
    Measures {
        cells,
        predicted,
        roc_auc: Measured(roc_auc(bins.iter().copied())),
        average_precision: Measured(average_precision(bins)),
    }
}

/// Expected rows of both classes at each score, of rows by score.
pub(super) fn bins(rows: impl Iterator<Item = (f64, f64)>) -> Vec<ScoreBin> {
    let mut bins: Vec<ScoreBin> = Vec::new();
    let mut last = f64::NAN;
    for (score, probability) in rows {
        if score != last {
            bins.push(ScoreBin::default());
            last = score;
        }
        if let Some(bin) = bins.last_mut() {
            bin.positives += probability;
            bin.negatives += 1.0 - probability;
        }
    }
    bins
}
