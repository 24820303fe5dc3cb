//! Whether calibrating a model's scores makes them better probabilities.

use super::calibration_error::expected_calibration_error;
use super::calibrator::Calibrator;
use super::shuffle_split::ShuffleSplit;
use crate::stats::Undefined;
use crate::stats::classification::{ScoreBin, roc_auc};
use crate::stats::moments::all_finite;

/// Bins of the calibration error.
const BINS: usize = 10;
/// Splits that are tried.
const SPLITS: usize = 10;
/// Seed of the splits.
const SEED: u32 = 42;
/// Scores that separate the classes this well need none: there would be nothing between 0 and 1 to calibrate.
const SEPARATED: f64 = 0.999;

/// Whether isotonic calibration lowers the expected calibration error on rows that it was not fitted on.
///
/// Ten stratified splits: fit on nine tenths, calibrate the last tenth; over all tested rows together, is the
/// error after calibration below that before? No where there is one class only, and none is tried where the
/// area under the ROC curve passes 0.999.
///
/// Equals `NannyML`'s decision, splits included, except where the two errors all but agree: there the tied
/// calibrated scores, which are grouped here, decide by their order in the peer. Scores are the positive
/// class's, any finite numbers. Undefined: `Empty`; `Infinite` where a score is not finite; `TooFew` where a
/// class has one row or there are no more than ten rows. O(n log n), some seconds for a million rows.
///
/// # Errors
///
/// Why it cannot be told.
pub fn needs_calibration(scores: &[f64], targets: &[bool]) -> Result<bool, Undefined> {
    debug_assert_eq!(scores.len(), targets.len(), "one target for each score");
    all_finite(scores)?;
    let mut ascending: Vec<usize> = (0..scores.len()).collect();
    ascending.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let tied = ascending.chunk_by(|&a, &b| scores[a] == scores[b]).map(|rows| {
        let positives = rows.iter().filter(|&&row| targets[row]).count();
        ScoreBin { positives: positives as f64, negatives: (rows.len() - positives) as f64 }
    });
    match roc_auc(tied) {
        Err(Undefined::OneClass) => return Ok(false),
        Ok(area) if area > SEPARATED => return Ok(false),
        area => area?,
    };
    let mut before = Vec::new();
    let mut after = Vec::new();
    let mut outcomes = Vec::new();
    for split in ShuffleSplit::try_new(targets, SEED)?.take(SPLITS) {
        let mut tested = vec![false; scores.len()];
        for &row in &split.test {
            tested[row] = true;
        }
        // The rows are sorted once, and the tested ones left out: no sort a split.
        let trained = ascending.iter().filter(|&&row| !tested[row]);
        let calibrator =
            Calibrator::fit_ascending(trained.map(|&row| (scores[row], targets[row])))?;
        for row in split.test {
            before.push(scores[row]);
            after.push(calibrator.calibrate(scores[row]));
            outcomes.push(targets[row]);
        }
    }
    Ok(expected_calibration_error(&before, &outcomes, BINS)?
        > expected_calibration_error(&after, &outcomes, BINS)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows whose true probability is known: every 7th value of a full cycle is as good as random.
    fn rows(n: u32, score: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<bool>) {
        (0..n)
            .map(|i| {
                let (p, u) = (
                    (f64::from(i) + 0.5) / f64::from(n),
                    f64::from((i * 7_919) % n) / f64::from(n),
                );
                (score(p), u < p)
            })
            .unzip()
    }

    #[test]
    fn distorted_scores_need_it() {
        let (scores, targets) = rows(5_003, |p| p * p * p);
        assert_eq!(needs_calibration(&scores, &targets), Ok(true));
    }

    #[test]
    fn one_class_and_separated_classes_need_none() {
        assert_eq!(needs_calibration(&[0.1, 0.2], &[true, true]), Ok(false));
        let scores: Vec<f64> = (0..100).map(f64::from).collect();
        let targets: Vec<bool> = (0..100).map(|i| i >= 50).collect();
        assert_eq!(needs_calibration(&scores, &targets), Ok(false));
    }

    #[test]
    fn too_few_rows_cannot_tell() {
        let targets = [true, false, true, false, true, false, true, false];
        let scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
        assert_eq!(needs_calibration(&scores, &targets), Err(Undefined::TooFew));
        assert_eq!(needs_calibration(&[], &[]), Err(Undefined::Empty));
        assert_eq!(needs_calibration(&[f64::NAN], &[true]), Err(Undefined::Infinite));
    }
}
