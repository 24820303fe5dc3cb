//! The outputs of a binary model in the reference: its classes, calibration and sampling errors.

use arrow::array::Array;

use crate::batch::{Column, Rows, Values as Data, labels};
use crate::fit::{CalibrationChoice, FitError, Spec, TwoClasses, used_labels};
use crate::profile::{
    Binary, Calibration, CalibrationReason, Classes, Outputs, Profile, ReferencePerformance, Role,
    same_label,
};
use crate::stats::{Calibrator, Cells, SamplingError, ScoreBin, needs_calibration};

/// Finds the classes, and makes the predictions that follow from the scores where they do.
pub(super) fn read(
    spec: &Spec,
    how: &TwoClasses,
    batches: &mut [Rows],
) -> Result<Binary, FitError> {
    let classes = find_classes(spec, how, batches)?;
    if classes.threshold.is_some() {
        decide_all(spec, &classes, batches);
    }
    Ok(Binary { classes, calibration: None, performance: None })
}

/// Finds out what the scores are worth, and how far the reference as a whole strays; without a choice nothing is asked of
/// the scores.
pub(super) fn weigh(
    profile: &mut Profile,
    choice: Option<CalibrationChoice>,
    batches: &[Rows],
) -> Result<(), FitError> {
    let outcomes = Outcomes::collect(profile, batches)?;
    let Outputs::Binary(binary) = &mut profile.outputs else { return Ok(()) };
    binary.calibration = choice.and_then(|choice| outcomes.calibration(choice));
    binary.performance = outcomes.performance();
    let impossible = |found: &Calibration| found.reason == CalibrationReason::NotPossible;
    if binary.calibration.as_ref().is_some_and(impossible) {
        let note = "scores are taken as they are: the reference has too few targets of both classes to calibrate them";
        profile.provenance.notes.push(note.to_owned());
    }
    Ok(())
}

/// Finds the two classes among the labels of targets and predictions.
fn find_classes(spec: &Spec, how: &TwoClasses, batches: &[Rows]) -> Result<Classes, FitError> {
    let mut labels: Vec<String> = Vec::new();
    for (index, (_, role, _)) in spec.columns.iter().enumerate() {
        // A prediction that follows from the score says nothing of how the classes are called.
        let says = match role {
            Role::Target => true,
            Role::Prediction => how.threshold.is_none(),
            Role::Feature | Role::Score => false,
        };
        for batch in batches.iter().filter(|_| says) {
            for label in used_labels(&batch.columns[index].values) {
                if !labels.iter().any(|known| same_label(known, label)) {
                    labels.push(label.to_owned());
                }
            }
        }
    }
    labels.sort_unstable();
    let listed = || labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
    let model = || spec.model.clone();
    let column = || {
        let of = |wanted| spec.columns.iter().find(|(_, role, _)| *role == wanted);
        let named = of(Role::Score).or_else(|| of(Role::Prediction));
        named.map_or_else(String::new, |(name, _, _)| name.clone())
    };
    if labels.len() > 2 {
        return Err(FitError::NotBinary { model: model(), labels: listed() });
    }
    let found = |wanted: &str| labels.iter().find(|label| same_label(label, wanted)).cloned();
    let positive = match &how.positive {
        Some(named) => match found(named) {
            Some(label) => label,
            // Nothing says otherwise: the reference may hold the negative class alone.
            None if labels.len() < 2 => named.clone(),
            None => {
                let positive = named.clone();
                return Err(FitError::UnknownPositive {
                    model: model(),
                    positive,
                    labels: listed(),
                });
            }
        },
        // Of 1 and 2 nobody knows.
        None => match found("1").filter(|_| !labels.iter().any(|label| is_above_one(label))) {
            Some(label) => label,
            None if labels.iter().all(|label| same_label(label, "0")) => "1".to_owned(),
            None => {
                return Err(FitError::NoPositive {
                    model: model(),
                    column: column(),
                    labels: listed(),
                });
            }
        },
    };
    let negative = labels.iter().find(|label| !same_label(label, &positive)).cloned();
    // Where only one class of 0 and 1 was seen, the other is known by its usual name.
    let usual = same_label(&positive, "1").then(|| "0".to_owned());
    let threshold = how.threshold;
    Ok(Classes { positive, negative: negative.or(usual), threshold })
}

fn is_above_one(label: &str) -> bool {
    label.parse().is_ok_and(|number: f64| number > 1.0)
}

/// Makes the predictions that follow from the scores.
fn decide_all(spec: &Spec, classes: &Classes, batches: &mut [Rows]) {
    let find = |wanted| spec.columns.iter().position(|(_, role, _)| *role == wanted);
    let (Some(score), Some(prediction)) = (find(Role::Score), find(Role::Prediction)) else {
        return;
    };
    for batch in batches {
        let Data::Numbers(scores) = &batch.columns[score].values else { continue };
        let decided = scores.iter().map(|score| classes.decide(score?));
        batch.columns[prediction] = Column::new(Data::Labels(decided.collect()));
    }
}

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
                Data::Labels(_) | Data::Vectors(_) => None,
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
        Some(calibration(choice, &self.scores, &self.targets))
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

/// Whether and how scores are calibrated.
pub(super) fn calibration(
    choice: CalibrationChoice,
    scores: &[f64],
    targets: &[bool],
) -> Calibration {
    let none = |reason| Calibration { calibrator: None, reason };
    let reason = match choice {
        CalibrationChoice::None => return none(CalibrationReason::Asked),
        CalibrationChoice::Isotonic => CalibrationReason::Asked,
        CalibrationChoice::Auto => match needs_calibration(scores, targets) {
            Ok(true) => CalibrationReason::Helps,
            Ok(false) => return none(CalibrationReason::DoesNotHelp),
            Err(_) => return none(CalibrationReason::NotPossible),
        },
    };
    match Calibrator::fit(scores, targets) {
        Ok(calibrator) => Calibration { calibrator: Some(calibrator), reason },
        Err(_) => none(CalibrationReason::NotPossible),
    }
}

/// The class of every row.
fn classes(profile: &Profile, values: &Data) -> Vec<Option<bool>> {
    let Data::Labels(array) = values else { return vec![None; values.len()] };
    let class = |label| profile.class(label).map(|class| class == 1);
    let of: Vec<Option<bool>> = labels(array).map(class).collect();
    array.keys().iter().map(|position| of[position? as usize]).collect()
}
