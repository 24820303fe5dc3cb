//! Sampling errors of a column's summary statistics and of its missing values.

use std::f64::consts::TAU;

use super::SamplingError;
use crate::stats::Undefined;
use crate::stats::moments::{
    fourth_central_moment, median_of_sorted, pairwise_sum_of, sample_deviation,
};

impl SamplingError {
    /// Of a column's mean: `s / sqrt(rows)` with the reference's sample standard deviation `s`.
    ///
    /// As all of a column: from its reference values without the missing ones, for the window's rows that have
    /// a value. Undefined: `Empty`; `TooFew` with one value; `Infinite` where one is not finite. O(n).
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn mean(reference: &[f64]) -> Result<Self, Undefined> {
        Ok(Self::Mean { deviation: sample_deviation(reference)?, share: 1.0 })
    }

    /// Of a column's sum: `s sqrt(rows)` with the reference's sample standard deviation `s`.
    ///
    /// Undefined as [`mean`](Self::mean). O(n).
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn sum(reference: &[f64]) -> Result<Self, Undefined> {
        Ok(Self::Sum { deviation: sample_deviation(reference)? })
    }

    /// Of a column's sample standard deviation `s`: `sqrt((m4 - s^4 (rows - 3) / (rows - 1)) / rows) / (2 s)`.
    ///
    /// `m4` is the reference's fourth central moment. Source: the variance of the sample variance (Cramer,
    /// 1946, 27.4), carried to its root by the delta method. Undefined as [`mean`](Self::mean), and `Constant`
    /// where the reference is. O(n).
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn standard_deviation(reference: &[f64]) -> Result<Self, Undefined> {
        let deviation = sample_deviation(reference)?;
        if deviation == 0.0 || is_constant(reference) {
            return Err(Undefined::Constant);
        }
        Ok(Self::StandardDeviation { deviation, fourth_moment: fourth_central_moment(reference)? })
    }

    /// Of a column's median: `1 / (2 f sqrt(rows))` with the reference's density `f` at its median.
    ///
    /// `f` is a Gaussian kernel estimate, `sum(exp(-((median - x) / h)^2 / 2)) / (n h sqrt(2 pi))`, of
    /// bandwidth `h = s n^(-1/5)` (Scott, 1992). Source: the asymptotic variance of a quantile (Cramer, 1946,
    /// 28.5); equals `NannyML`'s figure through `scipy.stats.gaussian_kde`. A constant reference has infinite
    /// density and no error. Undefined as [`mean`](Self::mean). O(n log n), one copy.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn median(reference: &[f64]) -> Result<Self, Undefined> {
        let deviation = sample_deviation(reference)?;
        if deviation == 0.0 || is_constant(reference) {
            return Ok(Self::Mean { deviation: 0.0, share: 1.0 });
        }
        let mut sorted = reference.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let median = median_of_sorted(&sorted)?;
        let n = reference.len() as f64;
        let bandwidth = deviation * libm::pow(n, -0.2);
        let kernels = pairwise_sum_of(reference, |value| {
            let z = (median - value) / bandwidth;
            libm::exp(-0.5 * z * z)
        });
        let density = kernels / (n * bandwidth * TAU.sqrt());
        // No value near the median, or a bandwidth beyond what a float holds: then nothing is known.
        let deviation = Undefined::unless_finite(0.5 / density)?;
        Ok(Self::Mean { deviation, share: 1.0 })
    }

    /// Of the share of missing values: `sqrt(p (1 - p) / rows)` with the reference's share `p`; binomial.
    ///
    /// For all of the window's rows. Undefined: `Empty` without reference rows. O(1).
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn missing_rate(missing: u64, rows: u64) -> Result<Self, Undefined> {
        Ok(Self::Mean { deviation: missing_deviation(missing, rows)?, share: 1.0 })
    }

    /// Of the number of missing values: `sqrt(p (1 - p) rows)` with the reference's share `p`; binomial.
    ///
    /// For all of the window's rows. Undefined: `Empty` without reference rows. O(1).
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn missing_count(missing: u64, rows: u64) -> Result<Self, Undefined> {
        Ok(Self::Sum { deviation: missing_deviation(missing, rows)? })
    }
}

/// A constant may have a spread of rounding, where its mean is not exact.
fn is_constant(values: &[f64]) -> bool {
    values.iter().all(|&value| value == values[0])
}

fn missing_deviation(missing: u64, rows: u64) -> Result<f64, Undefined> {
    if rows == 0 {
        return Err(Undefined::Empty);
    }
    let share = (missing as f64 / rows as f64).min(1.0);
    Ok((share * (1.0 - share)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f64; 8] = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];

    #[test]
    fn means_and_sums_err_by_the_sample_deviation() {
        let s = (32.0_f64 / 7.0).sqrt();
        assert_eq!(SamplingError::mean(&VALUES).unwrap().for_rows(4), Ok(s / 2.0));
        assert_eq!(SamplingError::sum(&VALUES).unwrap().for_rows(4), Ok(s * 2.0));
    }

    #[test]
    fn the_median_of_a_wide_kernel_errs_by_its_density() {
        // Two values: bandwidth h = s 2^(-1/5), both at the distance s / sqrt(2) from the median.
        let error = SamplingError::median(&[-1.0, 1.0]).unwrap().for_rows(1).unwrap();
        let h = 2.0_f64.sqrt() * libm::pow(2.0, -0.2);
        let density = libm::exp(-0.5 / (h * h)) / (h * TAU.sqrt());
        assert!((error - 0.5 / density).abs() < 1e-14);
    }

    #[test]
    fn a_constant_reference_has_no_error_but_for_its_deviation() {
        let constant = [0.1; 10];
        assert_eq!(SamplingError::median(&constant).unwrap().for_rows(5), Ok(0.0));
        assert!(SamplingError::mean(&constant).unwrap().for_rows(5).unwrap() < 1e-16);
        assert_eq!(SamplingError::standard_deviation(&constant), Err(Undefined::Constant));
    }

    #[test]
    fn missing_values_err_binomially() {
        assert_eq!(SamplingError::missing_rate(1, 2).unwrap().for_rows(25), Ok(0.1));
        assert_eq!(SamplingError::missing_count(1, 2).unwrap().for_rows(25), Ok(2.5));
        assert_eq!(SamplingError::missing_rate(0, 9).unwrap().for_rows(25), Ok(0.0));
        assert_eq!(SamplingError::missing_count(0, 0), Err(Undefined::Empty));
    }

    #[test]
    fn too_little_or_no_numbers_say_why() {
        for error in [
            SamplingError::mean,
            SamplingError::sum,
            SamplingError::median,
            SamplingError::standard_deviation,
        ] {
            assert_eq!(error(&[]), Err(Undefined::Empty));
            assert_eq!(error(&[1.0]), Err(Undefined::TooFew));
            assert_eq!(error(&[1.0, f64::NAN]), Err(Undefined::Infinite));
            assert_eq!(error(&[-f64::MAX, f64::MAX]), Err(Undefined::Infinite));
        }
    }
}
