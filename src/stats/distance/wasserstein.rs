//! Wasserstein-1 distance: the area between two distribution functions.

use super::DistinctValues;
use super::shares::Totals;
use crate::stats::Undefined;

/// Wasserstein-1 distance of a window, by its own distinct values, from the reference's; exact, from 0 upwards,
/// in the column's unit.
///
/// `integral |F(x) - G(x)| dx` with `F` and `G` the shares of reference and window at or below `x`. `window`
/// are its distinct values in ascending order with their counts; it is walked twice.
///
/// Source: Vallender (1974); equals `scipy.stats.wasserstein_distance`. Undefined: `Empty` without window
/// rows; `Infinite` where a window value, or the distance, is not finite. O(distinct values), no allocation.
///
/// # Errors
///
/// Why the distance has no value.
///
/// # Examples
///
/// ```
/// use vigie::stats::{DistinctValues, wasserstein};
///
/// let reference = DistinctValues::from_values(&[0.0, 1.0, 3.0]).unwrap();
/// let distance = wasserstein(&reference, [(5.0, 1), (6.0, 1), (8.0, 1)]).unwrap();
/// assert!((distance - 5.0).abs() < 1e-14);
/// ```
pub fn wasserstein(
    reference: &DistinctValues,
    window: impl IntoIterator<Item = (f64, u64), IntoIter: Clone>,
) -> Result<f64, Undefined> {
    let window = window.into_iter();
    let mut m = 0_u64;
    for (value, count) in window.clone() {
        Undefined::unless_finite(value)?;
        m = m.saturating_add(count);
    }
    if m == 0 {
        return Err(Undefined::Empty);
    }
    let (n, m) = (reference.rows(), m as f64);
    let mut left =
        reference.values().iter().copied().zip(reference.counts().iter().copied()).peekable();
    let mut right = window.peekable();
    let (mut in_reference, mut in_window) = (0_u64, 0_u64);
    let mut previous = None;
    let mut area = 0.0;
    loop {
        let here = match (left.peek(), right.peek()) {
            (Some(&(a, _)), Some(&(b, _))) => a.min(b),
            (Some(&(a, _)), None) => a,
            (None, Some(&(b, _))) => b,
            (None, None) => break,
        };
        if let Some(before) = previous {
            area += (here - before) * (in_reference as f64 / n - in_window as f64 / m).abs();
        }
        if let Some((_, count)) = left.next_if(|&(value, _)| value <= here) {
            in_reference = count.saturating_add(in_reference);
        }
        if let Some((_, count)) = right.next_if(|&(value, _)| value <= here) {
            in_window = count.saturating_add(in_window);
        }
        previous = Some(here);
    }
    Undefined::unless_finite(area)
}

/// What a window has beyond the ends of a grid.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tails {
    /// Rows below the lowest edge.
    pub below: u64,
    /// Sum of their values.
    pub below_sum: f64,
    /// Rows above the highest edge.
    pub above: u64,
    /// Sum of their values.
    pub above_sum: f64,
}

/// Wasserstein-1 distance from counts on an equal-width grid, from 0 upwards, in the column's unit.
///
/// `w sum(|F(e) - G(e)|)` over the right edges `e` of the bins of width `w = (highest - lowest) / bins`, with
/// `F` and `G` the shares of reference and window up to `e`, and beyond the ends exactly: the mean distance of
/// the window's values from the nearer end. The grid's part is off by at most `w`. `lowest` and `highest` are
/// those of [`widened`](crate::stats::widened).
///
/// Equals `NannyML`'s estimated mode with its error mended: there one row too many counts as below the
/// reference as soon as there is any, which shifts the distance by up to `(highest - lowest) / m`.
/// Undefined: `Empty` without window rows, `TooFew` without reference rows, `Infinite` where the sums are not
/// finite. O(bins), no allocation.
///
/// # Errors
///
/// Why the distance has no value.
pub fn wasserstein_binned(
    (lowest, highest): (f64, f64),
    reference: &[u64],
    window: &[u64],
    tails: Tails,
) -> Result<f64, Undefined> {
    let totals = Totals::new(reference, window, tails.below.saturating_add(tails.above))?;
    let width = (highest - lowest) / reference.len() as f64;
    let mut heights = 0.0;
    let whole = totals.gaps(reference, window, tails.below, |gap| heights += gap.abs());
    let shortfall = (tails.below as f64 * lowest - tails.below_sum).max(0.0);
    let excess = (tails.above_sum - tails.above as f64 * highest).max(0.0);
    Undefined::unless_finite(
        width * (heights / whole) + (shortfall + excess) / totals.window_rows(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> DistinctValues {
        DistinctValues::from_values(&[0.0, 1.0, 1.0, 4.0]).unwrap()
    }

    #[test]
    fn a_shift_is_its_own_distance() {
        let shifted = [(10.0, 1), (11.0, 2), (14.0, 1)];
        assert_eq!(wasserstein(&reference(), shifted), Ok(10.0));
        assert_eq!(wasserstein(&reference(), [(0.0, 5), (1.0, 10), (4.0, 5)]), Ok(0.0));
    }

    #[test]
    fn what_is_compared_with_nothing_or_with_infinity_says_why() {
        assert_eq!(wasserstein(&reference(), []), Err(Undefined::Empty));
        assert_eq!(wasserstein(&reference(), [(1.0, 0)]), Err(Undefined::Empty));
        assert_eq!(wasserstein(&reference(), [(f64::INFINITY, 1)]), Err(Undefined::Infinite));
        let far = DistinctValues::from_values(&[-f64::MAX]).unwrap();
        assert_eq!(wasserstein(&far, [(f64::MAX, 1)]), Err(Undefined::Infinite));
        let none = Tails::default();
        assert_eq!(wasserstein_binned((0.0, 1.0), &[1], &[0], none), Err(Undefined::Empty));
        assert_eq!(wasserstein_binned((0.0, 1.0), &[0], &[1], none), Err(Undefined::TooFew));
        let endless = Tails { above: 1, above_sum: f64::INFINITY, ..none };
        assert_eq!(wasserstein_binned((0.0, 1.0), &[1], &[1], endless), Err(Undefined::Infinite));
    }

    #[test]
    fn rows_beyond_the_grid_count_by_their_distance_from_it() {
        let below = Tails { below: 2, below_sum: -6.0, ..Tails::default() };
        assert_eq!(wasserstein_binned((0.0, 2.0), &[0, 5], &[0, 0], below), Ok(3.0 + 1.0));
        let above = Tails { above: 1, above_sum: 7.0, ..Tails::default() };
        assert_eq!(wasserstein_binned((0.0, 2.0), &[0, 5], &[0, 0], above), Ok(1.0 + 5.0));
    }
}
