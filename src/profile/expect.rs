//! What the profile adds to every row.

use arrow::array::Array;
use arrow::buffer::ScalarBuffer;

use crate::batch::{Column as Data, Values as DataValues};
use crate::profile::{Profile, Role};

/// 2^52: calibrated probabilities are counted in units of its inverse.
const UNITS: f64 = (1u64 << 52) as f64;

impl Profile {
    /// The calibrated probability of the positive class for every row, in units of 2^-52, rounded once and within
    /// 0 and 1; zero where the score is missing. `None` for models without a score.
    pub fn expected(&self, columns: &[Data]) -> Option<ScalarBuffer<u64>> {
        let index = self.columns.iter().position(|column| column.role == Role::Score)?;
        let DataValues::Numbers(scores) = &columns.get(index)?.values else { return None };
        let calibrator = self.calibration.as_ref().and_then(|found| found.calibrator.as_ref());
        let units = |score: f64| {
            let probability = calibrator.map_or(score, |calibrator| calibrator.calibrate(score));
            // A product with a power of two is exact, and `as` takes NaN to zero. A score is no probability where it
            // was never calibrated: one beyond an end counts as certain.
            (probability.clamp(0.0, 1.0) * UNITS).round_ties_even() as u64
        };
        let expected = (0..scores.len())
            .map(|row| if scores.is_valid(row) { units(scores.value(row)) } else { 0 })
            .collect::<Vec<u64>>();
        Some(ScalarBuffer::from(expected))
    }
}
