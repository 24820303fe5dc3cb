//! Of one of several classes: what the score of each is worth where the window lies.

use crate::profile::{Chances, Multiclass, MulticlassPerformance, RowOutputs};
use crate::stats::{Confusion, Undefined};
use crate::window::robust::binary::Worth;
use crate::window::robust::moved;

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
    let mut rows: Vec<Chances<'_>> = window
        .iter()
        .filter(complete)
        .map(|row| {
            let mut probabilities = row.numbers.to_vec();
            outputs.probabilities(&mut probabilities);
            Chances { scores: row.numbers, probabilities, predicted: row.predicted }
        })
        .collect();
    let from = MulticlassPerformance::expected(&rows, classes);
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
    let to = MulticlassPerformance::expected(&rows, classes);
    let scale = known.predicted as f64 / from.predicted.max(1) as f64;
    let cell = |truth: usize, predicted: usize| {
        let more = (to.cells.cell(truth, predicted) - from.cells.cell(truth, predicted)) * scale;
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
