//! The performance of a classifier on rows of whose class only the chances are known.

use crate::profile::{BinaryPerformance, Measured, MulticlassPerformance};
use crate::stats::{
    Cells, Confusion, ScoreBin, average_precision, mean_average_precision, mean_roc_auc, roc_auc,
};

/// A row of one of two classes.
#[derive(Clone, Copy, Debug)]
pub struct Chance {
    /// Its score; not NaN.
    pub score: f64,
    /// How likely it is of the positive class.
    pub probability: f64,
    /// The class that was predicted: 1 is the positive one.
    pub predicted: Option<usize>,
}

/// A row of one of several classes.
#[derive(Clone, Debug)]
pub struct Chances<'r> {
    /// Its scores, none NaN.
    pub scores: &'r [f64],
    /// How likely it is of each class.
    pub probabilities: Vec<f64>,
    /// The class that was predicted; one more than there are for none of them.
    pub predicted: Option<usize>,
}

impl BinaryPerformance {
    /// What is expected on rows, which are sorted by score for that.
    pub fn expected(rows: &mut [Chance]) -> Self {
        rows.sort_by(|a, b| a.score.total_cmp(&b.score));
        let mut cells = Cells::default();
        let mut predicted = 0;
        for row in &*rows {
            let Some(class) = row.predicted else { continue };
            predicted += 1;
            let (positive, negative) = if class == 1 {
                (&mut cells.true_positive, &mut cells.false_positive)
            } else {
                (&mut cells.false_negative, &mut cells.true_negative)
            };
            *positive += row.probability;
            *negative += 1.0 - row.probability;
        }
        let bins = bins(rows.iter().map(|row| (row.score, row.probability)));
        Self {
            usable: rows.len() as u64,
            predicted,
            scored: rows.len() as u64,
            cells,
            roc_auc: Measured(roc_auc(bins.iter().copied())),
            average_precision: Measured(average_precision(bins)),
        }
    }
}

impl MulticlassPerformance {
    /// What is expected on rows of so many classes.
    pub fn expected(rows: &[Chances<'_>], classes: usize) -> Self {
        let mut cells = vec![vec![0.0; classes + 1]; classes];
        let mut predicted = 0;
        for row in rows {
            let Some(class) = row.predicted.filter(|&class| class <= classes) else { continue };
            predicted += 1;
            for (cells, probability) in cells.iter_mut().zip(&row.probabilities) {
                cells[class] += probability;
            }
        }
        let (areas, precisions): (Vec<_>, Vec<_>) = (0..classes)
            .map(|class| {
                let of = rows.iter().map(|row| (row.scores[class], row.probabilities[class]));
                let mut of: Vec<(f64, f64)> = of.collect();
                of.sort_by(|a, b| a.0.total_cmp(&b.0));
                let bins = bins(of.into_iter());
                (roc_auc(bins.iter().copied()), average_precision(bins))
            })
            .unzip();
        Self {
            usable: rows.len() as u64,
            predicted,
            scored: rows.len() as u64,
            cells: Confusion::new(cells),
            roc_auc: Measured(mean_roc_auc(areas)),
            average_precision: Measured(mean_average_precision(precisions, 1)),
        }
    }
}

/// Expected rows of both classes at each score, of rows by score.
fn bins(rows: impl Iterator<Item = (f64, f64)>) -> Vec<ScoreBin> {
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
