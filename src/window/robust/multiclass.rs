//! Of one of several classes: what the score of each is worth where the window lies.

use crate::profile::{Measured, Multiclass, MulticlassPerformance, RowOutputs};
use crate::stats::{
    Confusion, Undefined, average_precision, mean_average_precision, mean_roc_auc, roc_auc,
};
use crate::window::robust::binary::{Worth, bins};
use crate::window::robust::moved;

/// A row of the window.
struct Row<'r> {
    scores: &'r [f64],
    probabilities: Vec<f64>,
    predicted: Option<usize>,
}

/// What a window's rows are worth.
struct Measures {
    cells: Vec<Vec<f64>>,
    /// Rows in the cells.
    predicted: f64,
    roc_auc: Measured,
    average_precision: Measured,
}

/// `known` is what is estimated of all rows by what scores are worth on average. Each class against the rest, and then
/// divided by their sum, as calibration is.
pub(super) fn estimate(
    outputs: &Multiclass,
    labelled: &[(RowOutputs<'_>, f64)],
    window: &[RowOutputs<'_>],
    known: &MulticlassPerformance,
) -> Result<MulticlassPerformance, Undefined> {
    let classes = outputs.classes.len();
    let weights: Vec<f64> = labelled.iter().map(|(_, weight)| *weight).collect();
    let worth = |class: usize| {
        let scores: Vec<f64> = labelled.iter().map(|(row, _)| row.numbers[class]).collect();
        let is = |row: &RowOutputs<'_>| row.target == Some(class as f64);
        let targets: Vec<bool> = labelled.iter().map(|(row, _)| is(row)).collect();
        Worth::fit(&scores, &targets, &weights)
    };
    let worth: Vec<Worth> = (0..classes).map(worth).collect::<Result<_, _>>()?;
    let complete = |row: &&RowOutputs<'_>| {
        row.numbers.len() == classes && !row.numbers.iter().any(|n| n.is_nan())
    };
    let mut rows: Vec<Row<'_>> = window
        .iter()
        .filter(complete)
        .map(|row| {
            let mut probabilities = row.numbers.to_vec();
            outputs.probabilities(&mut probabilities);
            Row { scores: row.numbers, probabilities, predicted: row.predicted }
        })
        .collect();
    let from = measure(&rows, classes);
    for row in &mut rows {
        let of = row.probabilities.iter_mut().zip(row.scores).zip(&worth);
        for ((probability, &score), worth) in of {
            *probability = worth.of(score, *probability);
        }
        let sum: f64 = row.probabilities.iter().sum();
        let each = 1.0 / classes as f64;
        for probability in &mut row.probabilities {
            *probability = if sum > 0.0 { *probability / sum } else { each };
        }
    }
    let to = measure(&rows, classes);
    let scale = if from.predicted > 0.0 { known.predicted as f64 / from.predicted } else { 0.0 };
    let cell = |truth: usize, predicted: usize| {
        let more = (to.cells[truth][predicted] - from.cells[truth][predicted]) * scale;
        (known.cells.cell(truth, predicted) + more).max(0.0)
    };
    let row = |truth: usize| (0..=classes).map(|predicted| cell(truth, predicted)).collect();
    Ok(MulticlassPerformance {
        cells: Confusion::new((0..classes).map(row).collect()),
        roc_auc: moved(known.roc_auc, from.roc_auc, to.roc_auc),
        average_precision: moved(
            known.average_precision,
            from.average_precision,
            to.average_precision,
        ),
        ..*known
    })
}

fn measure(rows: &[Row<'_>], classes: usize) -> Measures {
    let mut cells = vec![vec![0.0; classes + 1]; classes];
    let mut predicted = 0.0;
    for row in rows {
        let Some(class) = row.predicted.filter(|&class| class <= classes) else { continue };
        predicted += 1.0;
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
    Measures {
        cells,
        predicted,
        roc_auc: Measured(mean_roc_auc(areas)),
        average_precision: Measured(mean_average_precision(precisions, 1)),
    }
}
