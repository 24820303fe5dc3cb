//! Doane's rule: how many equal-width bins a reference column gets.

use super::Undefined;
use super::equal_width::{equal_width_edges, widened};
use super::moments::{all_finite, mean, pairwise_sum_of, population_deviation};

/// Bin edges by Doane's rule, for the Jensen-Shannon and Hellinger distances of a continuous column.
///
/// With `n` values, `g1` their skewness and `s = sqrt(6 (n - 2) / ((n + 1) (n + 3)))`, there are
/// `ceil(1 + log2(n) + log2(1 + |g1| / s))` bins of equal width from the least to the greatest value: one bin
/// for up to two values and for a constant column, whose range is widened by a half on both sides.
///
/// Source: Doane (1976), "Aesthetic frequency classifications"; equals
/// `numpy.histogram_bin_edges(values, bins="doane")` of doubles to the bit: the edges are a function of the
/// ends and of the number of bins, and the latter differs only where the expression lies within some 1e-15 of
/// a whole number.
///
/// `values` are the reference's, without the missing ones. The edges are in their unit, never descend and are
/// at least two. Undefined: `Empty`; `Infinite` where a value, or the distance between the ends, is not finite.
/// O(n), four passes.
///
/// # Errors
///
/// Why there are no edges.
///
/// # Examples
///
/// ```
/// use vigie::stats::doane_edges;
///
/// assert_eq!(doane_edges(&[0.0, 1.0, 2.0, 4.0]), Ok(vec![0.0, 1.0, 2.0, 3.0, 4.0]));
/// assert_eq!(doane_edges(&[7.0, 7.0]), Ok(vec![6.5, 7.5]));
/// ```
pub fn doane_edges(values: &[f64]) -> Result<Vec<f64>, Undefined> {
    all_finite(values)?;
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bins = bin_count(values, highest - lowest)?;
    let (lowest, highest) = widened(lowest, highest);
    equal_width_edges(lowest, highest, bins)
}

fn bin_count(values: &[f64], range: f64) -> Result<usize, Undefined> {
    if range == 0.0 || values.len() <= 2 {
        return Ok(1);
    }
    let n = values.len() as f64;
    let centre = mean(values)?;
    let deviation = population_deviation(values)?;
    if deviation == 0.0 {
        return Ok(1);
    }
    let skewness = pairwise_sum_of(values, |value| {
        let z = (value - centre) / deviation;
        z * z * z
    }) / n;
    let spread = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
    let bins = 1.0 + libm::log2(n) + libm::log2(1.0 + skewness.abs() / spread);
    // Through the width and back, as numpy does: the same rounding before the ceiling.
    let bins = (range / (range / bins)).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to about 100")]
    Ok(bins.max(1.0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_column_has_one_bin_around_it() {
        assert_eq!(doane_edges(&[0.1; 100]), Ok(vec![-0.4, 0.6]));
    }

    #[test]
    fn two_values_have_one_bin() {
        assert_eq!(doane_edges(&[3.0, 1.0]), Ok(vec![1.0, 3.0]));
    }

    #[test]
    fn what_cannot_be_binned_says_why() {
        assert_eq!(doane_edges(&[]), Err(Undefined::Empty));
        assert_eq!(doane_edges(&[1.0, f64::NAN]), Err(Undefined::Infinite));
        assert_eq!(doane_edges(&[1.0, f64::NEG_INFINITY]), Err(Undefined::Infinite));
        assert_eq!(doane_edges(&[-f64::MAX, 0.0, f64::MAX]), Err(Undefined::Infinite));
    }

    #[test]
    fn values_too_small_to_square_are_still_binned() {
        let edges = doane_edges(&[0.0, f64::from_bits(1), f64::from_bits(2)]).unwrap();
        assert!(edges.len() >= 2 && edges.is_sorted());
    }
}
