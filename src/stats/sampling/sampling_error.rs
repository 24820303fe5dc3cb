//! One standard error as a function of the number of rows.

use serde::{Deserialize, Serialize};

use crate::stats::{Range, Undefined};

/// How many standard errors the confidence band reaches to either side.
const BAND: f64 = 3.0;

/// What the reference says about the scatter of a figure; with a window's rows it is the sampling error.
///
/// Stored in the profile, one for each figure that has one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplingError {
    /// Of a mean over a share of the rows: `deviation / sqrt(rows * share)`.
    Mean {
        /// Standard deviation of what is averaged.
        deviation: f64,
        /// Share of the rows that are averaged, above 0 and at most 1.
        share: f64,
    },
    /// Of a sum over the rows: `deviation * sqrt(rows)`.
    Sum {
        /// Standard deviation of what is summed.
        deviation: f64,
    },
    /// Of a sample standard deviation `s`, from that of its square:
    /// `sqrt((m4 - s^4 (rows - 3) / (rows - 1)) / rows) / (2 s)`.
    StandardDeviation {
        /// Sample standard deviation of the reference, above 0.
        deviation: f64,
        /// Fourth central moment of the reference.
        fourth_moment: f64,
    },
}

impl SamplingError {
    /// One standard error of the figure for a window with that many usable rows, in the figure's unit.
    ///
    /// Usable: those that the figure is made of, without missing values. Undefined: `Empty` without rows; for a
    /// standard deviation `TooFew` with one row, and where the term under the root is negative (all values at
    /// two points). O(1).
    ///
    /// # Errors
    ///
    /// Why the sampling error has no value.
    pub fn for_rows(&self, rows: u64) -> Result<f64, Undefined> {
        if rows == 0 {
            return Err(Undefined::Empty);
        }
        let n = rows as f64;
        match *self {
            Self::Mean { deviation, share } => {
                if share > 0.0 {
                    Undefined::unless_finite(deviation / (n * share).sqrt())
                } else {
                    Err(Undefined::TooFew)
                }
            }
            Self::Sum { deviation } => Undefined::unless_finite(deviation * n.sqrt()),
            Self::StandardDeviation { deviation, fourth_moment } => {
                if rows == 1 {
                    return Err(Undefined::TooFew);
                }
                let variance = deviation * deviation;
                let spread = fourth_moment - (n - 3.0) / (n - 1.0) * (variance * variance);
                if spread < 0.0 {
                    return Err(Undefined::TooFew);
                }
                Undefined::unless_finite((spread / n).sqrt() / (2.0 * deviation))
            }
        }
    }
}

/// The confidence band around a figure: three sampling errors to either side, cut to the metric's range.
pub fn confidence(value: f64, sampling_error: f64, range: Range) -> (f64, f64) {
    let reach = BAND * sampling_error;
    (range.clip(value - reach), range.clip(value + reach))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_narrow_and_sums_widen_with_the_rows() {
        let mean = SamplingError::Mean { deviation: 2.0, share: 0.25 };
        assert_eq!((mean.for_rows(16), mean.for_rows(64)), (Ok(1.0), Ok(0.5)));
        let sum = SamplingError::Sum { deviation: 2.0 };
        assert_eq!((sum.for_rows(16), sum.for_rows(64)), (Ok(8.0), Ok(16.0)));
    }

    #[test]
    fn a_standard_deviation_of_normal_values_errs_by_its_textbook_share() {
        // For a normal distribution m4 = 3 s^4, so the error is s / sqrt(2 (n - 1)) to first order.
        let normal = SamplingError::StandardDeviation { deviation: 2.0, fourth_moment: 48.0 };
        let expected = 2.0 / (2.0_f64 * 9_999.0).sqrt();
        assert!((normal.for_rows(10_000).unwrap() / expected - 1.0).abs() < 1e-3);
    }

    #[test]
    fn what_has_no_error_says_why() {
        let mean = SamplingError::Mean { deviation: 1.0, share: 1.0 };
        assert_eq!(mean.for_rows(0), Err(Undefined::Empty));
        assert_eq!(
            SamplingError::Mean { deviation: 1.0, share: 0.0 }.for_rows(5),
            Err(Undefined::TooFew)
        );
        let two_points = SamplingError::StandardDeviation { deviation: 1.0, fourth_moment: 0.9 };
        assert_eq!(two_points.for_rows(1), Err(Undefined::TooFew));
        assert_eq!(two_points.for_rows(1_000), Err(Undefined::TooFew));
    }

    #[test]
    fn the_band_is_three_errors_wide_within_the_range() {
        assert_eq!(confidence(0.5, 0.1, Range::ANY), (0.5 - 0.1 * 3.0, 0.5 + 0.1 * 3.0));
        assert_eq!(confidence(0.9, 0.1, Range::UNIT), (0.9 - 0.1 * 3.0, 1.0));
        assert_eq!(confidence(1.0, 5.0, Range::POSITIVE_OR_OPEN), (0.0, 16.0));
    }
}
