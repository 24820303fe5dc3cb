//! The knots of a calibrator: what a file holds, and what they must fulfil.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::calibrator::Calibrator;

/// As written to and read from a file.
#[derive(Serialize, Deserialize)]
pub(super) struct Knots {
    scores: Vec<f64>,
    probabilities: Vec<f64>,
}

/// Why knots are no calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidKnots {
    /// The two lists differ in length, or are empty.
    #[error(
        "{scores} scores have {probabilities} probabilities; there must be one for each, and at least one"
    )]
    Length {
        /// How many scores.
        scores: usize,
        /// How many probabilities.
        probabilities: usize,
    },
    /// A score is not finite, or not above the one before it.
    #[error("the score of knot {index} is not finite or not above the one before it")]
    Score {
        /// Which knot, from 0.
        index: usize,
    },
    /// A probability lies outside of 0 to 1, or below the one before it.
    #[error("the probability of knot {index} is not within 0 and 1 or below the one before it")]
    Probability {
        /// Which knot, from 0.
        index: usize,
    },
}

/// Pairs scores, strictly ascending, with probabilities from 0 to 1, not descending.
pub(super) fn checked(
    scores: &[f64],
    probabilities: &[f64],
) -> Result<Vec<(f64, f64)>, InvalidKnots> {
    if scores.is_empty() || scores.len() != probabilities.len() {
        let (scores, probabilities) = (scores.len(), probabilities.len());
        return Err(InvalidKnots::Length { scores, probabilities });
    }
    let (mut last_score, mut last_value) = (f64::NEG_INFINITY, 0.0);
    for (index, (&score, &value)) in scores.iter().zip(probabilities).enumerate() {
        if !(score.is_finite() && score > last_score) {
            return Err(InvalidKnots::Score { index });
        }
        if !(last_value..=1.0).contains(&value) {
            return Err(InvalidKnots::Probability { index });
        }
        (last_score, last_value) = (score, value);
    }
    Ok(scores.iter().copied().zip(probabilities.iter().copied()).collect())
}

impl TryFrom<Knots> for Calibrator {
    type Error = InvalidKnots;

    fn try_from(read: Knots) -> Result<Self, InvalidKnots> {
        Self::from_knots(&read.scores, &read.probabilities)
    }
}

impl From<Calibrator> for Knots {
    fn from(calibrator: Calibrator) -> Self {
        let (scores, probabilities) = calibrator.knots().unzip();
        Self { scores, probabilities }
    }
}
