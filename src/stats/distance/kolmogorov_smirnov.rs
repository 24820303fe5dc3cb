//! Two-sample Kolmogorov-Smirnov statistic.

use super::DistinctValues;
use super::shares::{Totals, total};
use crate::stats::Undefined;

/// Kolmogorov-Smirnov statistic of a window against the reference's distinct values, exact, in `[0, 1]`.
///
/// `max(|F(x) - G(x)|)` over all `x`, with `F` and `G` the shares of reference and window at or below `x`.
/// `counts` are the window's around the reference's `k` distinct values `u`, ascending, `2 k + 1` of them:
/// below `u_1`, equal to `u_1`, between `u_1` and `u_2`, equal to `u_2`, ..., above `u_k`. `F` is constant
/// between its values and `G` does not fall, so the greatest distance lies at an end of one of these cells.
///
/// Source: Smirnov (1948); equals `scipy.stats.ks_2samp(...).statistic`. An infinite value of the window
/// counts as below or above all. Undefined: `Empty` without window rows. O(k), no allocation.
///
/// # Errors
///
/// Why the statistic has no value.
///
/// # Examples
///
/// ```
/// use vigie::stats::{DistinctValues, kolmogorov_smirnov};
///
/// let reference = DistinctValues::from_values(&[1.0, 2.0, 2.0, 3.0]).unwrap();
/// // A window of 0.5, 2 and 2.5.
/// assert_eq!(kolmogorov_smirnov(&reference, &[1, 0, 0, 1, 1, 0, 0]), Ok(1.0 / 3.0));
/// ```
pub fn kolmogorov_smirnov(reference: &DistinctValues, counts: &[u64]) -> Result<f64, Undefined> {
    debug_assert_eq!(
        counts.len(),
        2 * reference.values().len() + 1,
        "one cell at each value and around"
    );
    let (n, m) = (reference.rows(), total(counts) as f64);
    let Some((&below, rest)) = counts.split_first().filter(|_| m > 0.0) else {
        return Err(Undefined::Empty);
    };
    let (mut in_reference, mut in_window) = (0, below);
    let mut greatest = below as f64 / m;
    for (&at_reference, &[at, after]) in reference.counts().iter().zip(rest.as_chunks::<2>().0) {
        in_reference = at_reference.saturating_add(in_reference);
        let share = in_reference as f64 / n;
        for count in [at, after] {
            in_window = count.saturating_add(in_window);
            greatest = greatest.max((share - in_window as f64 / m).abs());
        }
    }
    Ok(greatest)
}

/// Kolmogorov-Smirnov statistic from counts on an equal-width grid, in `[0, 1]`.
///
/// `max(|F(e) - G(e)|)` over the edges `e` of [`equal_width_edges`](crate::stats::equal_width_edges), with `F`
/// and `G` the shares of reference and window below `e` (at the last edge: at or below). `below` and `above`
/// are the window's rows outside of the grid. It is at most the exact statistic, and less by at most the
/// largest over the bins of the smaller of the two shares in it: some 1e-4 with 10,000 bins.
///
/// Equals `NannyML`'s estimated mode, except that the left end is evaluated too: there a window wholly below
/// the reference stays under 1. Undefined: `Empty` without window rows, `TooFew` without reference rows.
/// O(bins), no allocation.
///
/// # Errors
///
/// Why the statistic has no value.
pub fn kolmogorov_smirnov_binned(
    reference: &[u64],
    window: &[u64],
    below: u64,
    above: u64,
) -> Result<f64, Undefined> {
    let totals = Totals::new(reference, window, below.saturating_add(above))?;
    let (mut least, mut greatest) = (0.0, 0.0);
    let whole = totals.gaps(reference, window, below, |gap| {
        least = if gap < least { gap } else { least };
        greatest = if gap > greatest { gap } else { greatest };
    });
    Ok(totals.in_window(below).max(f64::max(greatest, -least) / whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_on_one_side_of_the_reference_is_at_one() {
        let reference = DistinctValues::from_values(&[1.0, 2.0]).unwrap();
        assert_eq!(kolmogorov_smirnov(&reference, &[3, 0, 0, 0, 0]), Ok(1.0));
        assert_eq!(kolmogorov_smirnov(&reference, &[0, 0, 0, 0, 3]), Ok(1.0));
        assert_eq!(kolmogorov_smirnov_binned(&[1, 1], &[0, 0], 3, 0), Ok(1.0));
        assert_eq!(kolmogorov_smirnov_binned(&[1, 1], &[0, 0], 0, 3), Ok(1.0));
    }

    #[test]
    fn the_left_end_of_the_grid_counts() {
        // The peer says 0.99995 here: it looks only at right ends (register B29).
        let mut reference = vec![2; 10_000];
        reference[0] = 1;
        reference[9_999] = 3;
        assert_eq!(kolmogorov_smirnov_binned(&reference, &vec![0; 10_000], 18, 0), Ok(1.0));
    }

    #[test]
    fn the_reference_itself_is_at_zero() {
        let reference = DistinctValues::from_values(&[1.0, 2.0, 2.0, 3.0]).unwrap();
        assert_eq!(kolmogorov_smirnov(&reference, &[0, 10, 0, 20, 0, 10, 0]), Ok(0.0));
        assert_eq!(kolmogorov_smirnov_binned(&[1, 2, 1], &[10, 20, 10], 0, 0), Ok(0.0));
    }

    #[test]
    fn a_constant_reference_is_told_from_smaller_and_greater_constants() {
        // All edges are equal, so the last bin holds the constant and the rest is outside.
        assert_eq!(kolmogorov_smirnov_binned(&[0, 0, 9], &[0, 0, 4], 0, 0), Ok(0.0));
        assert_eq!(kolmogorov_smirnov_binned(&[0, 0, 9], &[0, 0, 0], 4, 0), Ok(1.0));
        assert_eq!(kolmogorov_smirnov_binned(&[0, 0, 9], &[0, 0, 0], 0, 4), Ok(1.0));
    }

    #[test]
    fn counts_of_any_size_are_taken() {
        let large = [u64::MAX / 4, u64::MAX / 2];
        assert_eq!(kolmogorov_smirnov_binned(&large, &[1, 2], 0, 0), Ok(0.0));
        assert_eq!(kolmogorov_smirnov_binned(&large, &large, 0, 0), Ok(0.0));
        assert_eq!(kolmogorov_smirnov_binned(&large, &[0, 0], u64::MAX, 0), Ok(1.0));
        assert_eq!(kolmogorov_smirnov_binned(&[2, 0], &[0, 0], 0, u64::MAX), Ok(1.0));
    }

    #[test]
    fn an_empty_side_has_a_reason() {
        let reference = DistinctValues::from_values(&[1.0]).unwrap();
        assert_eq!(kolmogorov_smirnov(&reference, &[0, 0, 0]), Err(Undefined::Empty));
        assert_eq!(kolmogorov_smirnov_binned(&[1], &[0], 0, 0), Err(Undefined::Empty));
        assert_eq!(kolmogorov_smirnov_binned(&[0], &[1], 0, 0), Err(Undefined::TooFew));
    }
}
