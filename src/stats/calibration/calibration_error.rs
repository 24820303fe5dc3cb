//! Expected calibration error.

use crate::stats::Undefined;
use crate::stats::moments::{all_finite, pairwise_sum};

/// Expected calibration error of scores as probabilities, in `[0, 1]`.
///
/// `sum_b rows_b / rows |mean score_b - mean target_b|` over bins of equally many rows in ascending order of
/// score: `bins` of `rows / bins` rows each and then more, the last one taking what is left; for up to
/// `2 * bins` rows, bins of two. Rows with equal scores are one group: each counts with the mean target of the
/// group, so that a bin's border inside of it does not depend on their order.
///
/// Source: Pakdaman Naeini et al. (2015), with bins of equal count; equals `NannyML`'s figure where no
/// group straddles a border; where one does, that figure depends on the sort. Undefined: `Empty`;
/// `Infinite` where a score is not finite; `TooFew` below four rows. O(n log n), one copy.
///
/// # Errors
///
/// Why the error has no value.
pub fn expected_calibration_error(
    scores: &[f64],
    targets: &[bool],
    bins: usize,
) -> Result<f64, Undefined> {
    debug_assert_eq!(scores.len(), targets.len(), "one target for each score");
    all_finite(scores)?;
    let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(targets.iter().copied()).collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let ascending: Vec<f64> = rows.iter().map(|row| row.0).collect();
    let mut shared = Vec::with_capacity(rows.len());
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        let positives = group.iter().filter(|row| row.1).count();
        let target = positives as f64 / group.len() as f64;
        shared.resize(shared.len() + group.len(), target);
    }
    let borders = borders(rows.len(), bins).ok_or(Undefined::TooFew)?;
    let error: f64 = borders
        .windows(2)
        .map(|ends| {
            let bin = ends[0]..ends[1];
            (pairwise_sum(&ascending[bin.clone()]) - pairwise_sum(&shared[bin])).abs()
        })
        .sum();
    Undefined::unless_finite(error / rows.len() as f64)
}

/// Where the bins begin, and where the last one ends; nothing where there would be fewer than two.
fn borders(rows: usize, bins: usize) -> Option<Vec<usize>> {
    let bins = if rows <= 2 * bins { rows / 2 } else { bins };
    if bins < 2 {
        return None;
    }
    let width = rows / bins;
    let mut borders: Vec<usize> = (0..=rows).step_by(width).collect();
    if let Some(last) = borders.last_mut() {
        *last = rows;
    }
    Some(borders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_those_of_the_peer() {
        assert_eq!(borders(25, 10).unwrap().len() - 1, 12);
        assert_eq!(borders(29, 10).unwrap().len() - 1, 14);
        assert_eq!(borders(39, 10).unwrap().len() - 1, 13);
        let uneven = borders(119, 10).unwrap();
        assert_eq!((uneven.len() - 1, uneven[9], uneven[10]), (10, 99, 119));
        assert_eq!(borders(5, 10), Some(vec![0, 2, 5]));
        assert_eq!(borders(3, 10), None);
    }

    #[test]
    fn the_order_of_tied_rows_does_not_matter() {
        let scores = [0.2, 0.5, 0.5, 0.5, 0.5, 0.9];
        let one = expected_calibration_error(&scores, &[false, true, true, false, false, true], 3);
        let other =
            expected_calibration_error(&scores, &[false, false, true, false, true, true], 3);
        assert_eq!(one, other);
        // Bins of two: (0.2, 0.5), (0.5, 0.5), (0.5, 0.9), half of the tied rows positive.
        let expected = ((0.7_f64 - 0.5).abs() + 0.0 + (1.4_f64 - 1.5).abs()) / 6.0;
        assert!((one.unwrap() - expected).abs() < 1e-15);
    }

    #[test]
    fn true_probabilities_have_no_error() {
        let scores = [0.0, 0.0, 0.5, 0.5, 1.0, 1.0];
        let targets = [false, false, true, false, true, true];
        assert_eq!(expected_calibration_error(&scores, &targets, 3), Ok(0.0));
    }

    #[test]
    fn what_cannot_be_binned_says_why() {
        assert_eq!(expected_calibration_error(&[], &[], 10), Err(Undefined::Empty));
        let few = expected_calibration_error(&[0.1, 0.2, 0.3], &[true, true, false], 10);
        assert_eq!(few, Err(Undefined::TooFew));
        assert_eq!(expected_calibration_error(&[f64::NAN], &[true], 10), Err(Undefined::Infinite));
    }
}
