//! What the order of the scores says: area under the ROC curve, average precision.

use crate::stats::Undefined;

/// Rows with the same score, or of one bin of scores: how many are positive and how many negative.
///
/// Counts, or expected ones: the sums of `p` and of `1 - p` over the rows. Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScoreBin {
    /// Positive rows.
    pub positives: f64,
    /// Negative rows.
    pub negatives: f64,
}

/// Area under the receiver operating characteristic, in `[0, 1]`; 0.5 is chance.
///
/// The probability that a positive's score is above a negative's, ties counting a half:
/// `sum_b P_b (N_below_b + N_b / 2) / (P N)` over the bins, in ascending order of score. This is the trapezoid
/// rule over the curve, with every bin one tie.
///
/// Source: Bamber (1975); equals scikit-learn's `roc_auc_score` where bins are distinct scores, and
/// for expected counts `NannyML`'s estimate without its rounding to five decimals, which costs it up to
/// `1e-5 / min(P, N)`. With wider bins the error is at most `sum_b P_b N_b / (2 P N)`.
///
/// Undefined: `Empty` without rows, `OneClass` without positives or without negatives, `Infinite` where a
/// count is no number. O(bins); the sums run in ascending order, so equal bins give equal bits.
///
/// # Errors
///
/// Why the area has no value.
///
/// # Examples
///
/// ```
/// use vigie::stats::{ScoreBin, roc_auc};
///
/// let bin = |positives, negatives| ScoreBin { positives, negatives };
/// assert_eq!(roc_auc([bin(0.0, 2.0), bin(1.0, 1.0), bin(2.0, 0.0)]), Ok(8.5 / 9.0));
/// ```
pub fn roc_auc(ascending: impl IntoIterator<Item = ScoreBin>) -> Result<f64, Undefined> {
    let (mut positives, mut negatives, mut pairs) = (0.0, 0.0, 0.0);
    for bin in ascending {
        pairs += bin.positives * (negatives + bin.negatives / 2.0);
        positives += bin.positives;
        negatives += bin.negatives;
    }
    both_classes(positives, negatives)?;
    Ok(Undefined::unless_finite(pairs / (positives * negatives))?.min(1.0))
}

/// Average precision, in `(0, 1]`: the precisions at each score, weighed by the recall that it adds.
///
/// `sum_b (T_b - T_above_b) / P * T_b / K_b` over the bins in descending order of score, with `T_b` the
/// positives and `K_b` all rows in this bin and above: tied rows come in together, so their order does not
/// matter.
///
/// Source: scikit-learn's `average_precision_score`, which it equals where bins are distinct scores. For
/// expected counts `NannyML` takes tied rows one after the other, which is more by what the ties are worth.
///
/// Undefined: `Empty` without rows, `OneClass` without positives, `Infinite` where a count is no number.
/// O(bins); the sums run in descending order.
///
/// # Errors
///
/// Why the average has no value.
pub fn average_precision(
    ascending: impl IntoIterator<Item = ScoreBin, IntoIter: DoubleEndedIterator>,
) -> Result<f64, Undefined> {
    let (mut positives, mut rows, mut sum) = (0.0, 0.0, 0.0);
    for bin in ascending.into_iter().rev() {
        positives += bin.positives;
        rows += bin.positives + bin.negatives;
        if bin.positives != 0.0 {
            sum += bin.positives * (positives / rows);
        }
    }
    if rows == 0.0 {
        return Err(Undefined::Empty);
    }
    if positives == 0.0 {
        return Err(Undefined::OneClass);
    }
    Ok(Undefined::unless_finite(sum / positives)?.min(1.0))
}

/// Refuses a ranking without rows, or of one class.
pub(in crate::stats) fn both_classes(positives: f64, negatives: f64) -> Result<(), Undefined> {
    if positives == 0.0 && negatives == 0.0 {
        Err(Undefined::Empty)
    } else if positives == 0.0 || negatives == 0.0 {
        Err(Undefined::OneClass)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bin(positives: f64, negatives: f64) -> ScoreBin {
        ScoreBin { positives, negatives }
    }

    #[test]
    fn perfect_and_inverted_orders_are_at_the_ends() {
        let (low, high) = (bin(0.0, 3.0), bin(2.0, 0.0));
        assert_eq!(roc_auc([low, high]), Ok(1.0));
        assert_eq!(roc_auc([high, low]), Ok(0.0));
        assert_eq!(roc_auc([bin(2.0, 3.0)]), Ok(0.5));
        assert_eq!(average_precision([low, high]), Ok(1.0));
    }

    #[test]
    fn tied_estimates_are_grouped() {
        // Five rows at 0.2 and five at 0.8; taken one by one they would give 0.757 (register B48).
        let ap = average_precision([bin(1.0, 4.0), bin(4.0, 1.0)]).unwrap();
        assert!((ap - 0.74).abs() < 1e-15, "{ap}");
    }

    #[test]
    fn all_positive_is_one_for_precision_and_undefined_for_the_area() {
        assert_eq!(average_precision([bin(3.0, 0.0), bin(4.0, 0.0)]), Ok(1.0));
        assert_eq!(roc_auc([bin(3.0, 0.0), bin(4.0, 0.0)]), Err(Undefined::OneClass));
        assert_eq!(average_precision([bin(0.0, 3.0)]), Err(Undefined::OneClass));
        assert_eq!(roc_auc([]), Err(Undefined::Empty));
        assert_eq!(average_precision([]), Err(Undefined::Empty));
        assert_eq!(roc_auc([bin(f64::NAN, 1.0)]), Err(Undefined::Infinite));
        assert_eq!(average_precision([bin(f64::NAN, 1.0)]), Err(Undefined::Infinite));
    }

    #[test]
    fn tiny_expected_counts_are_not_rounded_away() {
        // Ten rows with probability 1e-7: the peer's five decimals make both undefined.
        let rows = vec![bin(1e-7, 1.0 - 1e-7); 10];
        assert!((roc_auc(rows.iter().copied()).unwrap() - 0.5).abs() < 1e-12);
        assert!((average_precision(rows).unwrap() - 1e-7).abs() < 1e-19);
    }

    proptest! {
        #[test]
        fn reversed_scores_have_the_complementary_area(
            counts in prop::collection::vec((0_u32..50, 0_u32..50), 2..60),
        ) {
            let bins: Vec<ScoreBin> =
                counts.iter().map(|&(p, n)| bin(f64::from(p), f64::from(n))).collect();
            match (roc_auc(bins.iter().copied()), roc_auc(bins.iter().rev().copied())) {
                (Ok(up), Ok(down)) => {
                    prop_assert!((0.0..=1.0).contains(&up));
                    prop_assert!((up + down - 1.0).abs() < 1e-12);
                }
                (up, down) => prop_assert_eq!(up, down),
            }
        }

        #[test]
        fn average_precision_lies_in_the_unit_interval(
            counts in prop::collection::vec((0_u32..50, 0_u32..50), 1..60),
        ) {
            let bins = counts.iter().map(|&(p, n)| bin(f64::from(p), f64::from(n)));
            if let Ok(ap) = average_precision(bins) {
                prop_assert!(ap > 0.0 && ap <= 1.0);
            }
        }
    }
}
