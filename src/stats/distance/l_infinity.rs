//! L-infinity distance of categories.

use super::NewCategories;
use super::shares::Totals;
use crate::stats::Undefined;

/// The greatest change of a category's share between reference and window, in `[0, 1]`.
///
/// `max(|p - q|)` over the reference's categories and each new one, whose `p` is 0: of the new ones only the
/// most frequent matters. Equals `NannyML`'s figure, and `scipy.spatial.distance.chebyshev` of the shares.
///
/// Undefined: `Empty` without window rows, `TooFew` without reference rows. O(categories), no allocation.
///
/// # Errors
///
/// Why the distance has no value.
pub fn l_infinity(reference: &[u64], window: &[u64], new: NewCategories) -> Result<f64, Undefined> {
    let totals = Totals::new(reference, window, new.rows)?;
    let known = totals.shares(reference, window).map(|(p, q)| (p - q).abs());
    Ok(known.fold(totals.in_window(new.largest), f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_categories_are_compared_one_by_one() {
        let new = NewCategories { distinct: 2, rows: 5, largest: 3 };
        assert_eq!(l_infinity(&[10, 10], &[5, 0], new), Ok(0.5));
        assert_eq!(l_infinity(&[10, 10, 10, 10], &[1, 1, 1, 2], new), Ok(0.3));
    }

    #[test]
    fn equal_shares_are_at_zero() {
        assert_eq!(l_infinity(&[30, 10], &[3, 1], NewCategories::default()), Ok(0.0));
    }

    #[test]
    fn what_is_compared_with_nothing_says_why() {
        assert_eq!(l_infinity(&[3], &[0], NewCategories::default()), Err(Undefined::Empty));
        assert_eq!(l_infinity(&[0], &[3], NewCategories::default()), Err(Undefined::TooFew));
    }
}
