//! How much denser a window lies than the reference, row by row.

use super::boosting::Shape;
use super::{Coded, held_out};
use crate::stats::Undefined;

/// Few small trees with large leaves: what they say of rows that they have not seen strays less than what large ones do,
/// and noise in it takes away from the ratio.
const SMALL: Shape = Shape { trees: 40, rate: 0.2, leaves: 4, rows_of_leaf: 50.0 };
/// A likelihood with one top: it takes five or six steps to get there.
const MOST_STEPS: usize = 50;
/// A step that changes both numbers by less is the last: where it leads is off by its square.
const SMALL_STEP: f64 = 1e-6;
/// Beyond it a logarithm of odds is certain.
const CERTAIN: f64 = 30.0;
/// So many numbers of at most 2 have a product that can be written.
const MOST_FACTORS: u32 = 1_000;

/// How many times as dense the window lies at each row as the reference does, after what gradient-boosted trees tell of
/// rows that they have not seen.
///
/// Trees (40 of at most four leaves with at least 50 rows) grow on one half, of the reference's rows on the first `teach`
/// alone, and are asked about the other; what they say is made a probability by a logistic curve (Platt 2000, with his
/// targets, so that it never is 0 or 1), and the ratio is `(n_reference / n_window) p / (1 - p)`. Where trees are wrong
/// more often than right the ratio is 1 everywhere. Source: Sugiyama, Suzuki and Kanamori 2012, 4.2; Bickel, Brückner and
/// Scheffer 2009. Rows must be in an order that has nothing to do with what they hold. O(rows features trees).
///
/// # Errors
/// As [`separation`](super::separation).
pub fn density_ratio(
    rows: &Coded,
    of_window: &[bool],
    teach: usize,
) -> Result<Vec<f64>, Undefined> {
    let mut gains = vec![0.0; rows.ordered.len()];
    let scores = held_out(rows, of_window, teach, SMALL, &mut gains)?;
    let of_window = &of_window[..scores.len()];
    let window = of_window.iter().filter(|&&class| class).count() as f64;
    let prior = (scores.len() as f64 - window) / window;
    let (start, slope) = logistic(&scores, of_window);
    let ratio = |score: f64| prior * libm::exp((start + slope * score).clamp(-CERTAIN, CERTAIN));
    Ok(scores.into_iter().map(ratio).collect())
}

/// The logistic curve through classes: where it starts and how it rises, never falling. Newton's method; a step that
/// leads down is halved.
fn logistic(scores: &[f64], classes: &[bool]) -> (f64, f64) {
    let positives = classes.iter().filter(|&&class| class).count() as f64;
    let negatives = classes.len() as f64 - positives;
    let [no, yes] = [1.0 / (negatives + 2.0), (positives + 1.0) / (positives + 2.0)];
    let at = |start, slope| {
        let target = |class: bool| if class { yes } else { no };
        let rows = scores.iter().zip(classes.iter().map(|&class| target(class)));
        Likelihood::of(rows, start, slope)
    };
    let flat = libm::log(positives / negatives);
    let (mut start, mut slope) = (flat, 0.0);
    let mut here = at(start, slope);
    for _ in 0..MOST_STEPS {
        let Likelihood { slopes: [g0, g1], curvatures: [h00, h01, h11], .. } = here;
        let determinant = h00 * h11 - h01 * h01;
        // All scores are the same, or all rows are certain.
        if determinant <= 1e-12 * h00 * h11 {
            break;
        }
        let (by0, by1) = ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant);
        let mut share = 1.0;
        let better = loop {
            let there = at(start - share * by0, slope - share * by1);
            if there.loss <= here.loss {
                break Some(there);
            }
            share /= 2.0;
            if share < 1e-6 {
                break None;
            }
        };
        let Some(better) = better else { break };
        here = better;
        start -= share * by0;
        slope -= share * by1;
        if (share * by0).abs().max((share * by1).abs()) < SMALL_STEP {
            break;
        }
    }
    if slope > 0.0 { (start, slope) } else { (flat, 0.0) }
}

/// How unlikely targets are by a logistic curve, and where that leads.
struct Likelihood {
    /// The negative logarithm.
    loss: f64,
    /// By the curve's start and by its slope.
    slopes: [f64; 2],
    /// By both twice, once each, and the slope twice.
    curvatures: [f64; 3],
}

impl Likelihood {
    fn of<'s>(rows: impl Iterator<Item = (&'s f64, f64)>, start: f64, slope: f64) -> Self {
        let mut sum = Self { loss: 0.0, slopes: [0.0; 2], curvatures: [0.0; 3] };
        // The sum of logarithms as that of a product, as long as it cannot overflow: each factor is at most 2.
        let (mut product, mut factors) = (1.0, 0);
        for (score, target) in rows {
            let logit = start + slope * score;
            // The smaller odds: no overflow in the probability, nor in 1 + exp(logit).
            let odds = libm::exp(-logit.abs());
            let smaller = odds / (1.0 + odds);
            let probability = if logit > 0.0 { 1.0 - smaller } else { smaller };
            sum.loss += logit.max(0.0) - target * logit;
            product *= 1.0 + odds;
            factors += 1;
            if factors == MOST_FACTORS {
                sum.loss += libm::log(product);
                (product, factors) = (1.0, 0);
            }
            let (gradient, curvature) = (probability - target, smaller * (1.0 - smaller));
            sum.slopes[0] += gradient;
            sum.slopes[1] += gradient * score;
            sum.curvatures[0] += curvature;
            sum.curvatures[1] += curvature * score;
            sum.curvatures[2] += curvature * score * score;
        }
        sum.loss += libm::log(product);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_through_classes_is_that_of_the_best_likelihood() {
        // Where both slopes of the likelihood are zero, by scipy 1.13.1 (`optimize.root`).
        let scores = [-2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0];
        let classes = [false, false, true, false, true, false, true, false, true, true];
        let (start, slope) = logistic(&scores, &classes);
        assert!((start - -0.258_066_532_776_329_6).abs() < 1e-8, "{start}");
        assert!((slope - 0.547_143_732_526_641_3).abs() < 1e-8, "{slope}");
    }

    #[test]
    fn what_says_the_opposite_says_nothing() {
        let scores: Vec<f64> = (0..100).map(f64::from).collect();
        let classes: Vec<bool> = (0..100).map(|row| row < 40).collect();
        let (start, slope) = logistic(&scores, &classes);
        assert_eq!((start, slope), (libm::log(40.0 / 60.0), 0.0));
        let (_, slope) = logistic(&scores, &classes.iter().map(|class| !class).collect::<Vec<_>>());
        assert!(slope > 0.0 && slope.is_finite());
        assert_eq!(logistic(&[1.0; 100], &classes), (libm::log(40.0 / 60.0), 0.0));
    }
}
