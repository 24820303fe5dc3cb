//! Mean losses from the rows that have a target, weighed so that their predictions are spread as those of all rows.

use crate::stats::Undefined;
use crate::stats::strata::{Strata, StratifiedErrors};

/// The losses of the rows of one stratum that have a target.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StratumLosses {
    /// How many.
    pub rows: u64,
    /// Those of them that have a loss.
    pub known: u64,
    /// Sum of their losses.
    pub sum: f64,
    /// Sum of the squares of their losses.
    pub squares: f64,
}

/// The mean loss of all rows, from those that have a target: strata of predictions, as `Strata` weighs them. Rows without a
/// loss are left out of the mean, which is a ratio of two weighted sums then.
///
/// `sum_s N_s / N mean_s` with the variance `sum_s (N_s / N)^2 (1 - n_s / N_s) v_s / n_s`, `v_s` the sample variance of
/// the loss in the stratum. Source: Särndal, Swensson, Wretman (1992), 7.6. O(strata).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PostStratifiedLosses {
    /// The mean loss.
    pub mean: f64,
    /// Its standard errors; `None` where too few rows have a target to tell them.
    pub errors: Option<StratifiedErrors>,
}

impl PostStratifiedLosses {
    /// `rows`: rows with a prediction; `labelled`: those of them with a target. Both by stratum, in the order of
    /// predictions.
    ///
    /// # Errors
    ///
    /// `NoTargets`, `StratumWithoutTargets`; `Infinite` where a sum is too great for a double.
    pub fn new(rows: &[u64], labelled: &[StratumLosses]) -> Result<Self, Undefined> {
        let targets: Vec<f64> = labelled.iter().map(|stratum| stratum.rows as f64).collect();
        let strata = Strata::new(rows, &targets)?;
        let weights = strata.weights();
        // As many rows as weigh: a stratum without targets that weighs next to nothing is left out.
        let known = labelled.iter().map(|stratum| stratum.known as f64);
        let total: f64 = known.zip(&weights).map(|(rows, weight)| rows * weight).sum();
        if total == 0.0 {
            return Err(Undefined::AllMissing);
        }
        let sum: f64 =
            labelled.iter().zip(&weights).map(|(stratum, weight)| stratum.sum * weight).sum();
        let mean = Undefined::unless_finite(sum / total)?;
        // The derivative of the mean by the weight of a row is (loss - mean) / total; all rows of a stratum at once.
        let moments = labelled.iter().map(|stratum| {
            let (rows, n) = (stratum.rows as f64, stratum.known as f64);
            let sum = (stratum.sum - n * mean) / total;
            let squares =
                (stratum.squares - 2.0 * mean * stratum.sum + n * mean * mean) / (total * total);
            [rows, sum, squares]
        });
        let errors = strata.errors_of_moments(moments.enumerate());
        Ok(Self { mean, errors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stratum(losses: &[f64]) -> StratumLosses {
        StratumLosses {
            rows: losses.len() as u64,
            known: losses.len() as u64,
            sum: losses.iter().sum(),
            squares: losses.iter().map(|loss| loss * loss).sum(),
        }
    }

    #[test]
    fn strata_are_weighed_by_all_their_rows() {
        // 100 rows at a mean loss of 1, 300 at 3; the targets of the first have all come.
        let low = stratum(&[0.5, 1.5].repeat(50));
        let high = stratum(&[2.0, 4.0].repeat(30));
        let found = PostStratifiedLosses::new(&[100, 300], &[low, high]).unwrap();
        assert!((found.mean - 2.5).abs() < 1e-15);
        // Only the second stratum is uncertain: (3/4)^2 (1 - 60/300) v / 60 with v = 60 / 59.
        let variance = 0.5625 * 0.8 * (60.0 / 59.0) / 60.0;
        assert!((found.errors.unwrap().missing - f64::sqrt(variance)).abs() < 1e-15);
    }

    #[test]
    fn with_all_targets_nothing_is_uncertain() {
        let all = stratum(&[1.0, 2.0].repeat(20));
        let found = PostStratifiedLosses::new(&[40], &[all]).unwrap();
        assert_eq!((found.mean, found.errors.unwrap().missing), (1.5, 0.0));
        // As if they were drawn again: v / n with v = 10 / 39.
        let drawn = f64::sqrt(10.0 / 39.0 / 40.0);
        assert!((found.errors.unwrap().drawn - drawn).abs() < 1e-15);
    }

    #[test]
    fn rows_without_a_loss_are_left_out_of_the_mean() {
        // Of the second stratum every other row has none.
        let low = stratum(&[0.5, 1.5].repeat(50));
        let high = StratumLosses { rows: 60, ..stratum(&[2.0, 4.0].repeat(15)) };
        let found = PostStratifiedLosses::new(&[100, 300], &[low, high]).unwrap();
        // 100 rows at 1, and 150 of the 300 at 3.
        assert!((found.mean - 2.2).abs() < 1e-15);
        let none = StratumLosses { rows: 60, ..StratumLosses::default() };
        assert_eq!(PostStratifiedLosses::new(&[60], &[none]), Err(Undefined::AllMissing));
    }

    #[test]
    fn what_cannot_be_told_says_why() {
        let (none, some) = (StratumLosses::default(), stratum(&[1.0; 40]));
        assert_eq!(PostStratifiedLosses::new(&[10], &[none]), Err(Undefined::NoTargets));
        assert_eq!(
            PostStratifiedLosses::new(&[10, 40], &[none, some]),
            Err(Undefined::StratumWithoutTargets)
        );
    }
}
