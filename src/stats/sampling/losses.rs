//! Sampling errors of mean losses.

use super::SamplingError;
use crate::stats::Undefined;
use crate::stats::moments::{mean, population_deviation};

impl SamplingError {
    /// Of a mean loss (MAE, MAPE, MSE, MSLE), from the losses of the reference's rows: `s / sqrt(rows)` with their
    /// population standard deviation `s`.
    ///
    /// Undefined: `Empty` without losses; `Infinite` where their squares are too great for a double. O(n).
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn mean_loss(losses: &[f64]) -> Result<Self, Undefined> {
        Ok(Self::Mean { deviation: population_deviation(losses)?, share: 1.0 })
    }

    /// Of the root of a mean loss (RMSE, RMSLE), by the delta method: `s / (2 sqrt(rows * m))` with their mean `m`.
    ///
    /// Undefined as [`mean_loss`](Self::mean_loss); `Constant` where all losses are 0. O(n).
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn root_mean_loss(losses: &[f64]) -> Result<Self, Undefined> {
        let (mean, deviation) = (mean(losses)?, population_deviation(losses)?);
        if mean == 0.0 {
            return Err(Undefined::Constant);
        }
        let deviation = Undefined::unless_finite(deviation / (2.0 * mean.sqrt()))?;
        Ok(Self::Mean { deviation, share: 1.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_losses_err_by_their_population_deviation() {
        let losses = [1.0, 3.0, 1.0, 3.0];
        assert_eq!(SamplingError::mean_loss(&losses).unwrap().for_rows(4), Ok(0.5));
        // sqrt has the slope 1 / (2 sqrt 2) at the mean of 2.
        let expected = 0.5 / (2.0 * 2.0_f64.sqrt());
        let found = SamplingError::root_mean_loss(&losses).unwrap().for_rows(4).unwrap();
        assert!((found - expected).abs() < 1e-16);
    }

    #[test]
    fn what_has_no_error_says_why() {
        assert_eq!(SamplingError::mean_loss(&[]), Err(Undefined::Empty));
        assert_eq!(SamplingError::root_mean_loss(&[0.0, 0.0]), Err(Undefined::Constant));
        assert_eq!(SamplingError::mean_loss(&[1e200, 0.0]), Err(Undefined::Infinite));
    }
}
