//! A monotone map from scores to probabilities.

use serde::{Deserialize, Serialize};

use super::isotonic::Isotonic;
use super::knots::{self, InvalidKnots, Knots};
use crate::stats::Undefined;
use crate::stats::moments::all_finite;

/// Slots per knot in the index of segments.
const SLOTS_PER_KNOT: usize = 16;
/// The index is never shorter, so that scores crowded at one end meet few knots in a slot.
const LEAST_SLOTS: usize = 1 << 10;
/// The index is never longer: 256 kB.
const MOST_SLOTS: usize = 1 << 16;

/// A map from scores to calibrated probabilities: linear between knots, constant beyond the outer ones.
///
/// [`fit`](Self::fit) finds the knots by isotonic regression. [`calibrate`](Self::calibrate) takes some
/// nanoseconds whatever their number: a score's slot among equal-width ones says between which knots to look.
/// A file holds the knots alone; what is derived from them is built again when it is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Knots", into = "Knots")]
pub struct Calibrator {
    /// Ascending by `from`; never empty.
    segments: Vec<Segment>,
    /// Slot -> the last knot that lies in it or in a lower one.
    index: Vec<u32>,
    slots_per_score: f64,
    /// The scores of the outer knots.
    first: f64,
    last: f64,
}

/// From one knot to the next; the last one is flat.
#[derive(Clone, Copy, Debug)]
struct Segment {
    from: f64,
    value: f64,
    slope: f64,
}

impl Calibrator {
    /// Isotonic regression of targets on scores.
    ///
    /// Equal scores (within 1e-15) become one point with their mean target; neighbours whose level falls are
    /// pooled into one level; of each level the two outer points become knots.
    ///
    /// Source: Zadrozny and Elkan (2002); Barlow et al. (1972) for pooling. Equals scikit-learn's
    /// `IsotonicRegression(out_of_bounds="clip")` with doubles, plateaus flat and ramps between them. Scores
    /// may be any finite numbers; NaN ones must have been left out. Undefined: `Empty`; `Infinite` where a
    /// score is not finite. O(n log n), one copy.
    ///
    /// # Errors
    ///
    /// Why there is nothing to fit.
    ///
    /// # Examples
    ///
    /// ```
    /// use vigie::stats::Calibrator;
    ///
    /// let calibrator = Calibrator::fit(&[0.25, 0.5, 0.75, 1.0], &[false, true, false, true]).unwrap();
    /// assert_eq!(calibrator.calibrate(0.625), 0.5);
    /// assert_eq!(calibrator.calibrate(0.875), 0.75);
    /// assert_eq!(calibrator.calibrate(2.0), 1.0);
    /// ```
    pub fn fit(scores: &[f64], targets: &[bool]) -> Result<Self, Undefined> {
        debug_assert_eq!(scores.len(), targets.len(), "one target for each score");
        all_finite(scores)?;
        let mut rows: Vec<(f64, bool)> =
            scores.iter().copied().zip(targets.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        Self::fit_ascending(rows)
    }

    /// [`fit`](Self::fit) of rows that count for as many as their weight says; those without any are left out.
    ///
    /// Equals scikit-learn's `IsotonicRegression` with `sample_weight`.
    ///
    /// # Errors
    ///
    /// Why there is nothing to fit.
    pub fn fit_weighed(
        scores: &[f64],
        targets: &[bool],
        weights: &[f64],
    ) -> Result<Self, Undefined> {
        all_finite(scores)?;
        all_finite(weights)?;
        let rows = scores.iter().zip(targets).zip(weights);
        let rows = rows.map(|((&score, &target), &weight)| (score, target, weight));
        let mut rows: Vec<(f64, bool, f64)> = rows.filter(|&(.., weight)| weight > 0.0).collect();
        // Stable: rows of one score are added up in their order.
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut isotonic = Isotonic::default();
        for (score, target, weight) in rows {
            isotonic.push_weighed(score, target, weight);
        }
        let mut knots = isotonic.into_knots();
        // Sums are rounded: what is certain may pass 1.
        for (_, level) in &mut knots {
            *level = level.min(1.0);
        }
        Self::build(&knots).ok_or(Undefined::Empty)
    }

    /// [`fit`](Self::fit) of finite scores that come in ascending order.
    pub(super) fn fit_ascending(
        rows: impl IntoIterator<Item = (f64, bool)>,
    ) -> Result<Self, Undefined> {
        let mut isotonic = Isotonic::default();
        for (score, target) in rows {
            isotonic.push(score, target);
        }
        Self::build(&isotonic.into_knots()).ok_or(Undefined::Empty)
    }

    /// A calibrator with these knots: scores strictly ascending, probabilities from 0 to 1, not descending.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn from_knots(scores: &[f64], probabilities: &[f64]) -> Result<Self, InvalidKnots> {
        let knots = knots::checked(scores, probabilities)?;
        Self::build(&knots).ok_or(InvalidKnots::Length { scores: 0, probabilities: 0 })
    }

    /// The knots, ascending: score and probability.
    pub fn knots(&self) -> impl ExactSizeIterator<Item = (f64, f64)> {
        self.segments.iter().map(|segment| (segment.from, segment.value))
    }

    /// The calibrated probability of a score, in `[0, 1]`; NaN for NaN, so that a missing score stays missing.
    ///
    /// The value of `numpy.interp` on the knots to the bit, cut at 1 where its last rounding passes 1: between
    /// the knots `j` and `j + 1` it is `(y_j+1 - y_j) / (x_j+1 - x_j) * (score - x_j) + y_j`. O(1) for knots
    /// that are spread, O(log knots) for crowded ones; no allocation.
    #[inline]
    pub fn calibrate(&self, score: f64) -> f64 {
        if score.is_nan() {
            return score;
        }
        let score = score.max(self.first).min(self.last);
        let slot = slot(score, self.first, self.slots_per_score).min(self.index.len() - 1);
        // All knots of higher slots lie above the score, all of lower ones below: `slot` is monotone. So the last
        // knot of this or a lower slot is the one, unless it lies in this slot and above the score.
        let mut here = self.index[slot] as usize;
        if self.segments[here].from > score {
            let before = if slot == 0 { 0 } else { self.index[slot - 1] as usize };
            let within = &self.segments[before..here];
            here = before + within.partition_point(|knot| knot.from <= score) - 1;
        }
        let segment = self.segments[here];
        (segment.slope * (score - segment.from) + segment.value).min(1.0)
    }

    /// Segments and index from checked knots; nothing where there are none.
    fn build(knots: &[(f64, f64)]) -> Option<Self> {
        let (&(first, _), &(last, _)) = (knots.first()?, knots.last()?);
        let slots = SLOTS_PER_KNOT.saturating_mul(knots.len()).next_power_of_two();
        let slots = slots.clamp(LEAST_SLOTS, MOST_SLOTS);
        // The range may be zero or, between ends of opposite sign, infinite: then one slot holds all.
        let slots_per_score = slots as f64 / (last - first);
        let slots_per_score = if slots_per_score.is_finite() { slots_per_score } else { 0.0 };
        let mut index = vec![0_u32; slots];
        for &(score, _) in &knots[1..] {
            index[slot(score, first, slots_per_score).min(slots - 1)] += 1;
        }
        for slot in 1..slots {
            index[slot] += index[slot - 1];
        }
        let nexts = knots.iter().skip(1).map(Some).chain([None]);
        let segments = knots
            .iter()
            .zip(nexts)
            .map(|(&(from, value), next)| {
                let slope = next.map_or(0.0, |&(to, end)| (end - value) / (to - from));
                // Between neighbouring subnormal scores nothing lies that a slope could serve.
                Segment { from, value, slope: if slope.is_finite() { slope } else { 0.0 } }
            })
            .collect();
        Some(Self { segments, index, slots_per_score, first, last })
    }
}

/// The slot of a score at or above `first`, which the caller limits; it never falls as the score rises.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn slot(score: f64, first: f64, slots_per_score: f64) -> usize {
    // An infinite distance times 0 is NaN, whose cast is 0: then one slot holds all.
    ((score - first) * slots_per_score) as usize
}

impl PartialEq for Calibrator {
    fn eq(&self, other: &Self) -> bool {
        self.knots().eq(other.knots())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `numpy.interp`, by a plain search.
    fn interpolated(knots: &[(f64, f64)], score: f64) -> f64 {
        let (first, last) = (knots[0], knots[knots.len() - 1]);
        if score <= first.0 {
            return first.1;
        }
        if score >= last.0 {
            return last.1;
        }
        let j = knots.iter().rposition(|knot| knot.0 <= score).unwrap();
        let ((x, y), (x1, y1)) = (knots[j], knots[j + 1]);
        ((y1 - y) / (x1 - x) * (score - x) + y).min(1.0)
    }

    #[test]
    fn beyond_the_knots_it_is_constant_and_missing_stays_missing() {
        let calibrator = Calibrator::from_knots(&[0.2, 0.6], &[0.1, 0.9]).unwrap();
        assert_eq!(calibrator.calibrate(-1.0), 0.1);
        assert_eq!(calibrator.calibrate(f64::NEG_INFINITY), 0.1);
        assert_eq!(calibrator.calibrate(0.6), 0.9);
        assert_eq!(calibrator.calibrate(f64::INFINITY), 0.9);
        assert!(calibrator.calibrate(f64::NAN).is_nan());
    }

    #[test]
    fn one_score_or_one_class_is_a_constant() {
        let one = Calibrator::fit(&[0.3, 0.3, 0.3, 0.3], &[true, false, false, false]).unwrap();
        assert_eq!(
            (one.calibrate(0.0), one.calibrate(0.3), one.calibrate(9.0)),
            (0.25, 0.25, 0.25)
        );
        let positive = Calibrator::fit(&[0.1, 0.9], &[true, true]).unwrap();
        assert_eq!(positive.calibrate(0.5), 1.0);
    }

    #[test]
    fn extreme_ranges_are_found_too() {
        let wide = Calibrator::from_knots(&[-1e308, 0.0, 1e308], &[0.0, 0.5, 1.0]).unwrap();
        assert_eq!(wide.calibrate(0.0), 0.5);
        assert_eq!(wide.calibrate(f64::INFINITY), 1.0);
        let tiny = [0.0, f64::from_bits(1), f64::from_bits(2)];
        let narrow = Calibrator::from_knots(&tiny, &[0.0, 0.5, 1.0]).unwrap();
        assert_eq!(tiny.map(|score| narrow.calibrate(score)), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn crowded_knots_give_the_same_as_a_plain_search() {
        // A rare event: a thousand knots below a thousandth, one far off.
        let mut scores: Vec<f64> = (0..1_000).map(|i| f64::from(i) * 1e-6).collect();
        scores.push(1.0);
        let probabilities: Vec<f64> = (0..=1_000).map(|i| f64::from(i) / 1_000.0).collect();
        let calibrator = Calibrator::from_knots(&scores, &probabilities).unwrap();
        let knots: Vec<(f64, f64)> = calibrator.knots().collect();
        for i in 0..5_000 {
            let score = f64::from(i) * 3.1e-7;
            assert_eq!(calibrator.calibrate(score), interpolated(&knots, score), "{score}");
        }
    }

    #[test]
    fn knots_survive_a_file_and_are_checked_when_read() {
        let calibrator = Calibrator::fit(&[0.2, 0.4, 0.6], &[false, true, true]).unwrap();
        let text = serde_json::to_string(&calibrator).unwrap();
        insta::assert_snapshot!(text, @r#"{"scores":[0.2,0.4,0.6],"probabilities":[0.0,1.0,1.0]}"#);
        assert_eq!(serde_json::from_str::<Calibrator>(&text).unwrap(), calibrator);
        let refusal = |scores: &[f64], probabilities: &[f64]| {
            Calibrator::from_knots(scores, probabilities).unwrap_err().to_string()
        };
        insta::assert_snapshot!(refusal(&[], &[]), @"0 scores have 0 probabilities; there must be one for each, and at least one");
        insta::assert_snapshot!(refusal(&[0.1, 0.1], &[0.0, 1.0]), @"the score of knot 1 is not finite or not above the one before it");
        insta::assert_snapshot!(refusal(&[0.1, 0.2], &[0.5, 0.4]), @"the probability of knot 1 is not within 0 and 1 or below the one before it");
        assert!(refusal(&[0.1], &[f64::NAN]).contains("probability of knot 0"));
        assert!(refusal(&[f64::NAN], &[0.0]).contains("score of knot 0"));
    }

    #[test]
    fn nothing_and_no_numbers_cannot_be_fitted() {
        assert_eq!(Calibrator::fit(&[], &[]).unwrap_err(), Undefined::Empty);
        assert_eq!(Calibrator::fit(&[f64::NAN], &[true]).unwrap_err(), Undefined::Infinite);
    }

    proptest! {
        #[test]
        fn calibration_is_monotone_within_the_unit_interval_and_found_like_by_plain_search(
            rows in prop::collection::vec((0_u32..400, any::<bool>()), 1..300),
            asked in prop::collection::vec(-0.2_f64..1.2, 1..100),
        ) {
            let (scores, targets): (Vec<f64>, Vec<bool>) =
                rows.into_iter().map(|(score, target)| (f64::from(score) / 400.0, target)).unzip();
            let calibrator = Calibrator::fit(&scores, &targets).unwrap();
            let knots: Vec<(f64, f64)> = calibrator.knots().collect();
            let mut asked = [asked, scores].concat();
            asked.sort_by(f64::total_cmp);
            let mut last = 0.0;
            for score in asked {
                let found = calibrator.calibrate(score);
                prop_assert_eq!(found, interpolated(&knots, score));
                prop_assert!((0.0..=1.0).contains(&found));
                prop_assert!(found >= last - 1e-15, "{} after {}", found, last);
                last = found;
            }
        }

        #[test]
        fn calibration_keeps_the_mean(
            rows in prop::collection::vec((0_u32..50, any::<bool>()), 1..200),
        ) {
            let (scores, targets): (Vec<f64>, Vec<bool>) =
                rows.into_iter().map(|(score, target)| (f64::from(score), target)).unzip();
            let calibrator = Calibrator::fit(&scores, &targets).unwrap();
            let fitted: f64 = scores.iter().map(|&score| calibrator.calibrate(score)).sum();
            let positives = targets.iter().filter(|&&target| target).count() as f64;
            prop_assert!((fitted - positives).abs() < 1e-9);
        }
    }
}
