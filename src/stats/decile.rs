//! Deciles of a reference column: the cuts of its population stability index.

use super::Undefined;
use super::moments::all_finite;

/// How many bins the cuts aim at.
const BINS: usize = 10;

/// The inner cuts of ten quantile bins, ascending and distinct; the outer bins are open.
///
/// Cut `i` of nine is the value at rank `ceil(i (n - 1) / 10)`, counted from 0: equals
/// `numpy.quantile(values, i / 10, method="higher")` with the rank found in integers. Tied cuts are merged, and
/// a cut at the least value, below which the reference has nothing, is left out: so there are fewer than ten
/// bins where values repeat, none of them without reference rows, and no cut at all for a constant column. A
/// value on a cut belongs to the bin above it.
///
/// `values` are the reference's, in any order, without the missing ones; the cuts are in their unit.
/// Undefined: `Empty`; `Infinite` where a value is not finite. O(n log n), one copy of the values.
///
/// # Errors
///
/// Why there are no cuts.
///
/// # Examples
///
/// ```
/// use vigie::stats::decile_cuts;
///
/// assert_eq!(decile_cuts(&[1.0, 2.0, 3.0]), Ok(vec![2.0, 3.0]));
/// ```
pub fn decile_cuts(values: &[f64]) -> Result<Vec<f64>, Undefined> {
    all_finite(values)?;
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut cuts: Vec<f64> =
        (1..BINS).map(|i| sorted[(i * (sorted.len() - 1)).div_ceil(BINS)]).collect();
    cuts.dedup();
    cuts.retain(|&cut| cut > sorted[0]);
    Ok(cuts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn evenly_spread_values_are_cut_at_their_tenths() {
        let values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let expected: Vec<f64> = (1..10).map(|i| f64::from(i) * 10.0).collect();
        assert_eq!(decile_cuts(&values), Ok(expected));
    }

    #[test]
    fn a_block_of_equal_values_is_one_bin() {
        let mut low = vec![0.0; 60];
        low.extend((1..=40).map(f64::from));
        assert_eq!(decile_cuts(&low), Ok(vec![1.0, 11.0, 21.0, 31.0]));
        let mut high = vec![9.0; 60];
        high.extend([1.0; 40]);
        assert_eq!(decile_cuts(&high), Ok(vec![9.0]));
    }

    #[test]
    fn constants_have_no_cut_and_nothing_has_a_reason() {
        assert_eq!(decile_cuts(&[5.0; 30]), Ok(vec![]));
        assert_eq!(decile_cuts(&[]), Err(Undefined::Empty));
        assert_eq!(decile_cuts(&[0.0, f64::NAN]), Err(Undefined::Infinite));
    }

    proptest! {
        #[test]
        fn every_bin_holds_reference_rows(values in prop::collection::vec(-20_i32..20, 1..200)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let cuts = decile_cuts(&values).unwrap();
            prop_assert!(cuts.len() < BINS && cuts.is_sorted_by(|a, b| a < b));
            let mut bins = vec![0; cuts.len() + 1];
            for value in values {
                bins[cuts.partition_point(|&cut| cut <= value)] += 1;
            }
            prop_assert!(bins.iter().all(|&rows| rows > 0), "{:?} {:?}", cuts, bins);
        }
    }
}
