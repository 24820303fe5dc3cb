//! Population stability index.

use super::shares::total;
use crate::stats::Undefined;

/// No share is taken as less than this, so that an empty bin has a logarithm.
const FLOOR: f64 = 1e-4;

/// Population stability index of a window against the reference, from 0 upwards.
///
/// `sum((q - p) ln(q / p))` over bins, where `p` and `q` are the shares in reference and window, none of them
/// taken as less than 1e-4, then divided by their sum. Bins are the caller's: for a continuous column those of
/// [`decile_cuts`](crate::stats::decile_cuts), for a categorical one its categories and "other"; missing
/// values are a bin of their own in both.
///
/// Source: Siddiqi (2006), "Credit risk scorecards"; it is the symmetrised Kullback-Leibler divergence of
/// Jeffreys (1946). Without drift its mean is about `(bins - 1) (1/n + 1/m)` for `n` reference and `m` window
/// rows (Yurdakul, 2018): a fixed limit of 0.1 or 0.25 means nothing for small windows. Checked against the
/// formula in numpy.
///
/// Undefined: `Empty` without window rows, `TooFew` without reference rows. O(bins), no allocation.
///
/// # Errors
///
/// Why the index has no value.
///
/// # Examples
///
/// ```
/// use vigie::stats::psi;
///
/// let moved = psi(&[500, 500], &[600, 400]).unwrap();
/// assert!((moved - (0.1 * 1.2_f64.ln() - 0.1 * 0.8_f64.ln())).abs() < 1e-15);
/// ```
pub fn psi(reference: &[u64], window: &[u64]) -> Result<f64, Undefined> {
    debug_assert_eq!(reference.len(), window.len(), "both are counts of the same bins");
    let (n, m) = (total(reference) as f64, total(window) as f64);
    if m == 0.0 {
        return Err(Undefined::Empty);
    }
    if n == 0.0 {
        return Err(Undefined::TooFew);
    }
    let floored = |count: u64, rows: f64| (count as f64 / rows).max(FLOOR);
    let reference_sum: f64 = reference.iter().map(|&count| floored(count, n)).sum();
    let window_sum: f64 = window.iter().map(|&count| floored(count, m)).sum();
    let index: f64 = reference
        .iter()
        .zip(window)
        .map(|(&r, &w)| {
            let (p, q) = (floored(r, n) / reference_sum, floored(w, m) / window_sum);
            (q - p) * libm::log(q / p)
        })
        .sum();
    // Each term is a product of two numbers of one sign; rounding alone could go below.
    Ok(index.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_shares_are_at_zero() {
        assert_eq!(psi(&[10, 20, 30], &[100, 200, 300]), Ok(0.0));
        assert_eq!(psi(&[10, 0, 30], &[1, 0, 3]), Ok(0.0));
    }

    #[test]
    fn an_empty_bin_is_finite() {
        let gone = psi(&[50, 50], &[10, 0]).unwrap();
        let (p, q) = (0.5, 1.0 / (1.0 + 1e-4));
        let expected = (q - p) * libm::log(q / p) + (p - q) * libm::log((1.0 - q) / p);
        assert!((gone - expected).abs() < 1e-12, "{gone} {expected}");
    }

    #[test]
    fn what_is_compared_with_nothing_says_why() {
        assert_eq!(psi(&[1], &[0]), Err(Undefined::Empty));
        assert_eq!(psi(&[0], &[1]), Err(Undefined::TooFew));
    }
}
