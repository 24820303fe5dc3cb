//! What a prediction costs: a number a row, averaged over the rows of a window.

use serde::{Deserialize, Serialize};

use crate::stats::Undefined;

/// What a row costs: a function of its target and its prediction, never below 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// `|y - p|`, in the unit of the target.
    Absolute,
    /// `|y - p| / |y|`, with at least the machine's epsilon below: a target of 0 costs without measure.
    AbsolutePercentage,
    /// `(y - p)^2`, in the square of the target's unit.
    Squared,
    /// `(ln(1 + y) - ln(1 + p))^2`; of values below 0 there is none.
    SquaredLog,
}

impl Loss {
    /// All of them, in the order in which they are kept.
    pub const ALL: [Self; 4] =
        [Self::Absolute, Self::AbsolutePercentage, Self::Squared, Self::SquaredLog];

    /// The loss of a row.
    ///
    /// Equals the terms of scikit-learn's `mean_absolute_error`, `mean_absolute_percentage_error`,
    /// `mean_squared_error` and `mean_squared_log_error`. Undefined: `Infinite` where target or prediction is not
    /// finite, or the loss is too great for a double; `Negative` for a logarithm of a value below 0.
    ///
    /// # Errors
    ///
    /// Why the row has no loss.
    #[inline]
    pub fn of(self, target: f64, prediction: f64) -> Result<f64, Undefined> {
        if !target.is_finite() || !prediction.is_finite() {
            return Err(Undefined::Infinite);
        }
        let distance = (target - prediction).abs();
        Undefined::unless_finite(match self {
            Self::Absolute => distance,
            Self::AbsolutePercentage => distance / target.abs().max(f64::EPSILON),
            Self::Squared => distance * distance,
            Self::SquaredLog => {
                if target < 0.0 || prediction < 0.0 {
                    return Err(Undefined::Negative);
                }
                let distance = libm::log1p(target) - libm::log1p(prediction);
                distance * distance
            }
        })
    }
}

/// The mean of losses, from their sum: MAE, MAPE, MSE, MSLE.
///
/// Undefined: `Empty` without rows; `Infinite` where the sum is too great for a double. O(1).
///
/// # Errors
///
/// Why there is no mean.
pub fn mean_loss(sum: f64, rows: u64) -> Result<f64, Undefined> {
    if rows == 0 {
        return Err(Undefined::Empty);
    }
    Undefined::unless_finite(sum / rows as f64)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::LN_2;

    use super::*;

    #[test]
    fn losses_are_those_of_the_textbook() {
        assert_eq!(Loss::Absolute.of(3.0, 5.0), Ok(2.0));
        assert_eq!(Loss::Absolute.of(-3.0, 5.0), Ok(8.0));
        assert_eq!(Loss::AbsolutePercentage.of(-4.0, 5.0), Ok(2.25));
        assert_eq!(Loss::Squared.of(3.0, 5.0), Ok(4.0));
        // (ln 4 - ln 8)^2 = (ln 2)^2
        let expected = LN_2 * LN_2;
        assert!((Loss::SquaredLog.of(3.0, 7.0).unwrap() - expected).abs() < 1e-15);
        assert_eq!(Loss::SquaredLog.of(0.0, 0.0), Ok(0.0));
    }

    #[test]
    fn a_target_of_zero_costs_without_measure_but_finitely() {
        let loss = Loss::AbsolutePercentage.of(0.0, 1.0);
        assert_eq!(loss, Ok(1.0 / f64::EPSILON));
    }

    #[test]
    fn what_has_no_loss_says_why() {
        for loss in Loss::ALL {
            assert_eq!(loss.of(f64::INFINITY, 1.0), Err(Undefined::Infinite));
            assert_eq!(loss.of(1.0, f64::NEG_INFINITY), Err(Undefined::Infinite));
            assert_eq!(loss.of(f64::NAN, 1.0), Err(Undefined::Infinite));
        }
        assert_eq!(Loss::Squared.of(1e200, 0.0), Err(Undefined::Infinite));
        assert_eq!(Loss::SquaredLog.of(-1e-9, 1.0), Err(Undefined::Negative));
        assert_eq!(Loss::SquaredLog.of(1.0, -0.5), Err(Undefined::Negative));
        // Minus zero is zero.
        assert_eq!(Loss::SquaredLog.of(-0.0, 0.0), Ok(0.0));
        assert_eq!(Loss::Absolute.of(-1.0, -2.0), Ok(1.0));
    }

    #[test]
    fn means_say_why_there_is_none() {
        assert_eq!(mean_loss(6.0, 3), Ok(2.0));
        assert_eq!(mean_loss(0.0, 0), Err(Undefined::Empty));
        assert_eq!(mean_loss(f64::INFINITY, 2), Err(Undefined::Infinite));
    }
}
