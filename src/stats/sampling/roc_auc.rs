//! Sampling error of the area under the ROC curve.

use super::SamplingError;
use crate::stats::Undefined;
use crate::stats::classification::{ScoreBin, both_classes};

impl SamplingError {
    /// Of the area under the ROC curve: `s / sqrt(rows * share)`, from the reference's counts per score.
    ///
    /// The rarer class decides: for each of its rows, the share of the other class that its score is above,
    /// equal scores counting a half; `s` is the population standard deviation of these shares and `share` that
    /// of the rarer class's rows. Bins ascend by score; they are walked three times.
    ///
    /// Source: the leading term of `DeLong` et al. (1988); equals `NannyML`'s figure except that no row is
    /// dropped (it loses the rarer class's row with the least score of all) and that ties have mid-ranks.
    /// Undefined: `Empty`, `OneClass`; `Infinite` where a count is no number. O(bins).
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn roc_auc(
        ascending: impl IntoIterator<Item = ScoreBin, IntoIter: Clone>,
    ) -> Result<Self, Undefined> {
        let bins = ascending.into_iter();
        let (mut positives, mut negatives) = (0.0, 0.0);
        for bin in bins.clone() {
            positives += bin.positives;
            negatives += bin.negatives;
        }
        both_classes(positives, negatives)?;
        // From the other end of the scores the shares are their complements, with the same deviation: so the
        // classes can change places without turning the bins around.
        let swapped = positives > negatives;
        let (rare, common) = if swapped { (negatives, positives) } else { (positives, negatives) };
        let shares = || {
            let mut below = 0.0;
            bins.clone().map(move |bin| {
                let (rows, others) = if swapped {
                    (bin.negatives, bin.positives)
                } else {
                    (bin.positives, bin.negatives)
                };
                let share = (below + others / 2.0) / common;
                below += others;
                (rows, share)
            })
        };
        let mean = shares().map(|(rows, share)| rows * share).sum::<f64>() / rare;
        let squares = shares().map(|(rows, share)| rows * (share - mean) * (share - mean));
        let deviation = Undefined::unless_finite((squares.sum::<f64>() / rare).sqrt())?;
        Ok(Self::Mean { deviation, share: rare / (positives + negatives) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(targets: &[u8]) -> Vec<ScoreBin> {
        targets
            .iter()
            .map(|&y| ScoreBin { positives: f64::from(y), negatives: f64::from(1 - y) })
            .collect()
    }

    #[test]
    fn the_lowest_row_counts_even_if_it_is_positive() {
        // Register B17: the peer drops it and says 0.2.
        let error = SamplingError::roc_auc(bins(&[1, 0, 0, 1, 0, 0, 1, 0])).unwrap();
        let SamplingError::Mean { deviation, share } = error else { panic!("{error:?}") };
        assert!((deviation - 0.326_598_632_371_090_44).abs() < 1e-15, "{deviation}");
        assert_eq!(share, 0.375);
    }

    #[test]
    fn the_classes_may_be_swapped() {
        let targets = [0, 1, 0, 0, 1, 0, 1];
        let swapped: Vec<u8> = targets.iter().rev().map(|y| 1 - y).collect();
        let (one, other) =
            (SamplingError::roc_auc(bins(&targets)), SamplingError::roc_auc(bins(&swapped)));
        let (one, other) = (one.unwrap().for_rows(50), other.unwrap().for_rows(50));
        assert!((one.unwrap() - other.unwrap()).abs() < 1e-15);
    }

    #[test]
    fn tied_rows_share_a_rank() {
        let tied = ScoreBin { positives: 3.0, negatives: 5.0 };
        let error = SamplingError::roc_auc([tied]).unwrap();
        assert_eq!(error, SamplingError::Mean { deviation: 0.0, share: 0.375 });
    }

    #[test]
    fn one_class_or_none_says_why() {
        assert_eq!(SamplingError::roc_auc([]), Err(Undefined::Empty));
        assert_eq!(SamplingError::roc_auc(bins(&[1, 1])), Err(Undefined::OneClass));
        let broken = ScoreBin { positives: f64::NAN, negatives: 1.0 };
        assert_eq!(SamplingError::roc_auc([broken]), Err(Undefined::Infinite));
    }
}
