//! What the profile adds to every row.

use arrow::array::{Array, Float64Array};
use arrow::buffer::ScalarBuffer;

use crate::batch::{Column as Data, Expected, Values};
use crate::profile::{Multiclass, Outputs, Profile, Role};

/// 2^52: calibrated probabilities are counted in units of its inverse.
const UNITS: f64 = (1u64 << 52) as f64;

impl Profile {
    /// What is expected of every row.
    ///
    /// Calibrated probabilities are in units of 2^-52, rounded once and within 0 and 1; zero where a score is missing.
    /// Losses are of every row, and mean something where it has a prediction.
    pub fn expected(&self, columns: &[Data]) -> Expected {
        match &self.outputs {
            Outputs::None => Expected::Nothing,
            Outputs::Multiclass(several) => self.expected_of(several, columns).unwrap_or_default(),
            Outputs::Regression(regression) => {
                let rows = columns.first().map_or(0, |column| column.values.len());
                let losses = regression.expects().map(|(_, model)| {
                    ScalarBuffer::from(model.expected(&self.columns, columns, rows))
                });
                let own = self.expected_of_metrics(columns, rows);
                Expected::Losses(losses.chain(own).collect())
            }
            Outputs::Binary(binary) => {
                let Some(scores) = self.scores(columns).next() else { return Expected::Nothing };
                let probability = |score| match &binary.calibration {
                    Some(calibration) => calibration.probability(score),
                    None => score,
                };
                let expected = (0..scores.len()).map(|row| {
                    if scores.is_valid(row) { units(probability(scores.value(row))) } else { 0 }
                });
                Expected::Probabilities(vec![expected.collect::<ScalarBuffer<u64>>()])
            }
        }
    }

    /// The probability of a class for a row: of two classes, of the positive one, by its score; of several, by all of theirs.
    /// The same as [`Profile::expected`] has it, as a number. `None` where a score is missing, or there is nothing to say.
    pub fn probability_of(&self, score: Option<f64>, scores: &[f64], class: usize) -> Option<f64> {
        let probability = match &self.outputs {
            Outputs::Binary(binary) => {
                let score = score.filter(|score| !score.is_nan())?;
                let calibration = binary.calibration.as_ref();
                calibration.map_or(score, |calibration| calibration.probability(score))
            }
            Outputs::Multiclass(several) => {
                if scores.len() != several.classes.len() || scores.iter().any(|of| of.is_nan()) {
                    return None;
                }
                let mut scores = scores.to_vec();
                several.probabilities(&mut scores);
                *scores.get(class)?
            }
            Outputs::None | Outputs::Regression(_) => return None,
        };
        Some(units(probability) as f64 / UNITS)
    }

    /// The probabilities of several classes for every row.
    fn expected_of(&self, several: &Multiclass, columns: &[Data]) -> Option<Expected> {
        let scores: Vec<&Float64Array> = several
            .scores(&self.columns)?
            .into_iter()
            .map(|at| match &columns.get(at)?.values {
                Values::Numbers(scores) => Some(scores),
                Values::Labels(_) | Values::Vectors(_) => None,
            })
            .collect::<Option<_>>()?;
        let rows = scores.first()?.len();
        let mut expected: Vec<Vec<u64>> = vec![Vec::with_capacity(rows); scores.len()];
        let mut row_of = vec![0.0; scores.len()];
        for row in 0..rows {
            let mut complete = true;
            for (place, scores) in row_of.iter_mut().zip(&scores) {
                *place = scores.value(row);
                complete &= scores.is_valid(row) && !place.is_nan();
            }
            if complete {
                several.probabilities(&mut row_of);
            }
            for (expected, &probability) in expected.iter_mut().zip(&row_of) {
                expected.push(if complete { units(probability) } else { 0 });
            }
        }
        Some(Expected::Probabilities(expected.into_iter().map(ScalarBuffer::from).collect()))
    }

    /// The values of the columns of scores.
    fn scores<'c>(&'c self, columns: &'c [Data]) -> impl Iterator<Item = &'c Float64Array> {
        let scores = self.columns.iter().zip(columns);
        let scores = scores.filter(|(column, _)| column.role == Role::Score);
        scores.filter_map(|(_, data)| match &data.values {
            Values::Numbers(scores) => Some(scores),
            Values::Labels(_) | Values::Vectors(_) => None,
        })
    }
}

/// A probability as an integer.
fn units(probability: f64) -> u64 {
    // A product with a power of two is exact, and `as` takes NaN to zero.
    (probability.clamp(0.0, 1.0) * UNITS).round_ties_even() as u64
}
