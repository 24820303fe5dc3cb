//! Hellinger distance.

use super::shares::Totals;
use crate::stats::Undefined;

/// Hellinger distance between the distributions of reference and window, in `[0, 1]`.
///
/// `sqrt(sum((sqrt(p) - sqrt(q))^2) / 2)` over the bins (or categories) and, as one more bin that the
/// reference does not have, what the window has `outside` of them.
///
/// Source: Hellinger (1909); equals `NannyML`'s figure, and `scipy`'s Euclidean distance of the roots divided
/// by the root of 2. The difference of roots is taken as `(p - q) / (sqrt(p) + sqrt(q))`, which keeps its
/// digits near 0.
///
/// Undefined: `Empty` without window rows, `TooFew` without reference rows. O(bins), no allocation.
///
/// # Errors
///
/// Why the distance has no value.
pub fn hellinger(reference: &[u64], window: &[u64], outside: u64) -> Result<f64, Undefined> {
    let totals = Totals::new(reference, window, outside)?;
    let known: f64 = totals
        .shares(reference, window)
        .filter(|(p, q)| p != q)
        .map(|(p, q)| {
            let difference = (p - q) / (p.sqrt() + q.sqrt());
            difference * difference
        })
        .sum();
    Ok((0.5 * (known + totals.in_window(outside))).sqrt().min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_are_at_zero_and_disjoint_ones_at_one() {
        assert_eq!(hellinger(&[10, 20, 0], &[1, 2, 0], 0), Ok(0.0));
        assert_eq!(hellinger(&[10, 0], &[0, 3], 0), Ok(1.0));
        assert_eq!(hellinger(&[10, 20], &[0, 0], 3), Ok(1.0));
    }

    #[test]
    fn half_and_half_against_one_side_is_the_textbook_value() {
        let expected = (1.0 - 0.5_f64.sqrt()).sqrt();
        assert!((hellinger(&[1, 1], &[4, 0], 0).unwrap() - expected).abs() < 1e-15);
    }

    #[test]
    fn what_is_compared_with_nothing_says_why() {
        assert_eq!(hellinger(&[1, 2], &[0, 0], 0), Err(Undefined::Empty));
        assert_eq!(hellinger(&[0], &[1], 0), Err(Undefined::TooFew));
    }
}
