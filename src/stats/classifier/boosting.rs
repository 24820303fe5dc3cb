//! Trees, one after the other.

use super::histogram::{Histogram, word};
use super::tree::{Classes, Laid, grow};
use crate::stats::trees::Order;

/// How trees that tell classes apart are grown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// How many.
    pub(super) trees: usize,
    /// How much of what is left each of them explains.
    pub(super) rate: f64,
    /// How many leaves a tree has at most...
    pub(super) leaves: usize,
    /// ...and how many rows a leaf has at least.
    pub(super) rows_of_leaf: f64,
}

/// Beyond it a row is certain.
const CERTAIN: f64 = 1e100;

/// What trees that tell classes apart say of rows that are held out: the greater, the more they look like the second
/// class. They grow on `train`, in which both classes must be; the scores are in the order of `held`. `gains` gets what
/// each feature gained; `order` is room that one call after the other may have.
///
/// Gradient boosting with the logistic loss. Source: Friedman 2001. Splits are chosen by sums in fixed point, leaves are
/// worth what their rows say in full.
pub(super) fn scores(
    (laid, classes): (&Laid<'_>, &[bool]),
    (train, held): (&[u32], &[u32]),
    shape: Shape,
    order: &mut Order<Histogram>,
    gains: &mut [f64],
) -> Vec<f64> {
    let positives = train.iter().filter(|&&row| classes[row as usize]).count() as f64;
    let start = positives / (train.len() as f64 - positives);
    // Odds in place of their logarithm: a leaf multiplies them, so that one exponential serves all its rows.
    let mut odds = vec![start; classes.len()];
    let mut scores = vec![libm::log(start); classes.len()];
    let mut gradients = vec![[0.0; 2]; classes.len()];
    let mut words = vec![0; classes.len()];
    for _ in 0..shape.trees {
        for &row in train {
            let row = row as usize;
            let probability = odds[row] / (1.0 + odds[row]);
            let gradient = probability - f64::from(u8::from(classes[row]));
            let curvature = probability * (1.0 - probability);
            gradients[row] = [gradient, curvature];
            words[row] = word(gradient, curvature);
        }
        order.set(train.iter().copied(), held.iter().copied());
        let ground = Classes { laid, words: &words, shape };
        grow(&ground, order, gains, |leaf, held| {
            let [mut gradient, mut curvature] = [0.0; 2];
            for &row in leaf {
                let [g, c] = gradients[row as usize];
                gradient += g;
                curvature += c;
            }
            let value = -shape.rate * gradient / curvature.max(f64::MIN_POSITIVE);
            let factor = libm::exp(value);
            for &row in leaf {
                let odds = &mut odds[row as usize];
                *odds = (*odds * factor).clamp(1.0 / CERTAIN, CERTAIN);
            }
            for &row in held {
                scores[row as usize] += value;
            }
        });
    }
    held.iter().map(|&row| scores[row as usize]).collect()
}
