//! What the reference says about the model's outputs: calibration and sampling errors.

use arrow::array::Array;

use crate::batch::{Rows, Values as Data, labels};
use crate::fit::{CalibrationChoice, FitError};
use crate::profile::{Calibration, CalibrationReason, Profile, ReferencePerformance, Role};
use crate::stats::{Calibrator, Cells, SamplingError, ScoreBin, needs_calibration};

/// Score, prediction and target of the reference's rows.
pub(super) struct Outcomes {
    has_score: bool,
    /// Scores and targets of the rows that have both.
    scores: Vec<f64>,
    targets: Vec<bool>,
    cells: Cells,
}

impl Outcomes {
    pub(super) fn collect(profile: &Profile, batches: &[Rows]) -> Result<Self, FitError> {
        let find = |role| profile.columns.iter().position(|column| column.role == role);
        let (score, prediction, target) =
            (find(Role::Score), find(Role::Prediction), find(Role::Target));
        let mut all = Self {
            has_score: score.is_some(),
            scores: Vec::new(),
            targets: Vec::new(),
            cells: Cells::default(),
        };
        let mut first = 0;
        for batch in batches {
            let scores = score.and_then(|index| match &batch.columns[index].values {
                Data::Numbers(scores) => Some(scores),
                Data::Labels(_) => None,
            });
            if let (Some(scores), Some(index)) = (scores, score) {
                let outside = scores.iter().position(|score| {
                    score.is_some_and(|score| !score.is_nan() && !(0.0..=1.0).contains(&score))
                });
                if let Some(row) = outside {
                    return Err(FitError::NoProbability {
                        model: profile.model.clone(),
                        column: profile.columns[index].name.clone(),
                        row: first + row as u64,
                        value: scores.value(row),
                    });
                }
            }
            first += batch.len() as u64;
            let predictions =
                prediction.map(|index| classes(profile, &batch.columns[index].values));
            let Some(targets) = target.map(|index| classes(profile, &batch.columns[index].values))
            else {
                continue;
            };
            for (row, target) in targets.into_iter().enumerate() {
                let Some(target) = target else { continue };
                if let Some(predicted) = predictions.as_ref().and_then(|found| found[row]) {
                    let cells = &mut all.cells;
                    *match (target, predicted) {
                        (true, true) => &mut cells.true_positive,
                        (true, false) => &mut cells.false_negative,
                        (false, true) => &mut cells.false_positive,
                        (false, false) => &mut cells.true_negative,
                    } += 1.0;
                }
                let score = scores.filter(|scores| scores.is_valid(row)).map(|s| s.value(row));
                if let Some(score) = score.filter(|score| !score.is_nan()) {
                    all.scores.push(score);
                    all.targets.push(target);
                }
            }
        }
        Ok(all)
    }

    /// Whether and how scores are calibrated; `None` without scores.
    pub(super) fn calibration(&self, choice: CalibrationChoice) -> Option<Calibration> {
        if !self.has_score {
            return None;
        }
        let none = |reason| Calibration { calibrator: None, reason };
        let reason = match choice {
            CalibrationChoice::None => return Some(none(CalibrationReason::Asked)),
            CalibrationChoice::Isotonic => CalibrationReason::Asked,
            CalibrationChoice::Auto => match needs_calibration(&self.scores, &self.targets) {
                Ok(true) => CalibrationReason::Helps,
                Ok(false) => return Some(none(CalibrationReason::DoesNotHelp)),
                Err(_) => return Some(none(CalibrationReason::NotPossible)),
            },
        };
        Some(match Calibrator::fit(&self.scores, &self.targets) {
            Ok(calibrator) => Calibration { calibrator: Some(calibrator), reason },
            Err(_) => none(CalibrationReason::NotPossible),
        })
    }

    /// The reference taken together; `None` without targets.
    pub(super) fn performance(&self) -> Option<ReferencePerformance> {
        if self.targets.is_empty() && self.cells.rows() == 0.0 {
            return None;
        }
        let bins = self.bins();
        Some(ReferencePerformance {
            cells: self.cells,
            roc_auc: SamplingError::roc_auc(bins.iter().copied()).ok(),
            average_precision: SamplingError::average_precision(bins.iter().copied()).ok(),
        })
    }

    /// Rows by distinct score, ascending.
    fn bins(&self) -> Vec<ScoreBin> {
        let mut rows: Vec<(f64, bool)> =
            self.scores.iter().copied().zip(self.targets.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        rows.chunk_by(|a, b| a.0 == b.0)
            .map(|tied| {
                let positives = tied.iter().filter(|row| row.1).count();
                ScoreBin { positives: positives as f64, negatives: (tied.len() - positives) as f64 }
            })
            .collect()
    }
}

/// The class of every row.
fn classes(profile: &Profile, values: &Data) -> Vec<Option<bool>> {
    let Data::Labels(array) = values else { return vec![None; values.len()] };
    let of: Vec<Option<bool>> = labels(array).map(|label| profile.class(label)).collect();
    array.keys().iter().map(|position| of[position? as usize]).collect()
}
