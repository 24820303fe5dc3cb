//! Jensen-Shannon distance.

use std::f64::consts::LN_2;

use super::shares::Totals;
use crate::stats::Undefined;

/// Jensen-Shannon distance between the distributions of reference and window, base 2, in `[0, 1]`.
///
/// `sqrt((KL(p, m) + KL(q, m)) / 2)` with `m = (p + q) / 2`, logarithms to base 2 and `0 log 0 = 0`. `p` and
/// `q` are the shares of the bins (or categories) in reference and window; what the window has `outside` of
/// all bins (beyond the ends, new categories together) is one more bin, empty in the reference.
///
/// Source: Lin (1991); Endres and Schindelin (2003) for the root being a metric. Equals
/// `scipy.spatial.distance.jensenshannon(p, q, base=2)`, except near 0: each bin's term is taken as a function
/// of `(p - q) / (p + q)` that cannot cancel, so equal distributions give 0 and not the 1e-8 of rounding.
///
/// Undefined: `Empty` without window rows, `TooFew` without reference rows. O(bins), no allocation.
///
/// # Errors
///
/// Why the distance has no value.
///
/// # Examples
///
/// ```
/// use vigie::stats::jensen_shannon;
///
/// assert_eq!(jensen_shannon(&[30, 10], &[3, 1], 0), Ok(0.0));
/// assert_eq!(jensen_shannon(&[30, 10], &[0, 0], 5), Ok(1.0));
/// ```
pub fn jensen_shannon(reference: &[u64], window: &[u64], outside: u64) -> Result<f64, Undefined> {
    let totals = Totals::new(reference, window, outside)?;
    let known: f64 = totals.shares(reference, window).map(|(p, q)| divergence(p, q)).sum();
    let new = divergence(0.0, totals.in_window(outside));
    Ok(((known + new) / (2.0 * LN_2)).sqrt().min(1.0))
}

/// `p ln(p / m) + q ln(q / m)` with `m = (p + q) / 2`: never negative.
///
/// With `x = (p - q) / (p + q)` it is `m ((1 + x) ln(1 + x) + (1 - x) ln(1 - x))`, whose series is
/// `x^2 + x^4 / 6 + x^6 / 15 + ... + x^2k / (k (2k - 1))`.
fn divergence(p: f64, q: f64) -> f64 {
    let (sum, difference) = (p + q, (p - q).abs());
    if difference == 0.0 {
        return 0.0;
    }
    let x = difference / sum;
    let bracket = if x < 0.25 {
        // Fourteen terms: what is left out is below 1e-17 of the sum.
        let square = x * x;
        (1..=14).rev().fold(0.0, |rest, k: i32| square * (1.0 / f64::from(k * (2 * k - 1)) + rest))
    } else if p == 0.0 || q == 0.0 {
        2.0 * LN_2
    } else {
        (1.0 + x) * libm::log1p(x) + (1.0 - x) * libm::log1p(-x)
    };
    sum / 2.0 * bracket
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_distribution_at_any_size_is_at_zero() {
        for scale in 1..200 {
            let window: Vec<u64> = [7, 0, 13, 31, 1].iter().map(|count| count * scale).collect();
            assert_eq!(jensen_shannon(&[7, 0, 13, 31, 1], &window, 0), Ok(0.0), "{scale}");
        }
    }

    #[test]
    fn series_and_logarithms_meet() {
        let (p, q) = (0.5 * (1.0 + 0.25), 0.5 * (1.0 - 0.25));
        let below = divergence(p - 1e-9, q + 1e-9);
        let above = divergence(p + 1e-9, q - 1e-9);
        assert!((above - below) > 0.0 && (above - below) < 2e-9, "{below} {above}");
    }

    #[test]
    fn tiny_differences_are_resolved() {
        // Half a million and one against half a million: the distance is x / sqrt(8 ln 2) to first order.
        let distance = jensen_shannon(&[1, 1], &[500_001, 500_000], 0).unwrap();
        let expected = 1.0 / 1_000_001.0 / (8.0 * LN_2).sqrt();
        assert!((distance / expected - 1.0).abs() < 1e-6, "{distance} {expected}");
    }

    #[test]
    fn what_is_compared_with_nothing_says_why() {
        assert_eq!(jensen_shannon(&[1, 2], &[0, 0], 0), Err(Undefined::Empty));
        assert_eq!(jensen_shannon(&[0, 0], &[1, 0], 0), Err(Undefined::TooFew));
        assert_eq!(jensen_shannon(&[], &[], 4), Err(Undefined::TooFew));
    }

    #[test]
    fn counts_of_any_size_are_taken() {
        assert_eq!(jensen_shannon(&[u64::MAX, u64::MAX], &[1, 1], 0), Ok(0.0));
        assert_eq!(jensen_shannon(&[1, 1], &[0, 0], u64::MAX), Ok(1.0));
    }
}
