//! From reference rows to a profile.
//!
//! Holds the reference in memory, a column at a time where it copies. Knows nothing of where the rows come from, nor
//! of settings.

mod column;
mod outcome;
mod windows;

use std::sync::Arc;

use arrow::array::Array;

use self::column::fit_column;
use self::outcome::Outcomes;
use self::windows::fit_windows;
use crate::batch::{Column, Rows, Values, labels};
use crate::metric::{ColumnKind, Problem};
use crate::profile::{
    CalibrationReason, Classes, Derived, Input, Profile, Provenance, Role, WindowRule, same_label,
};
use crate::stats::Undefined;

/// What to make a profile of.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The model.
    pub model: String,
    /// The version that the profile is for; empty for all.
    pub version: String,
    /// What the model predicts.
    pub problem: Problem,
    /// How windows are cut.
    pub rule: WindowRule,
    /// What is read from events.
    pub inputs: Vec<Input>,
    /// Columns made by SQL.
    pub derived: Vec<Derived>,
    /// Which rows count.
    pub filter: Option<String>,
    /// Name, role and kind of each column, in the order of the rows' columns.
    pub columns: Vec<(String, Role, ColumnKind)>,
    /// Which label the probability is of; `None` to find it among the usual names.
    pub positive: Option<String>,
    /// The score from which on a prediction is positive, where the rows carry no prediction of their own.
    pub threshold: Option<f64>,
    /// Whether scores are calibrated.
    pub calibration: CalibrationChoice,
    /// Where the rows come from.
    pub provenance: Provenance,
}

/// Whether scores are calibrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CalibrationChoice {
    /// Where it lowers the expected calibration error.
    #[default]
    Auto,
    /// Always.
    Isotonic,
    /// Never.
    None,
}

/// Why no profile can be made of the rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// No rows.
    #[error("the reference of model `{model}` has no rows{}", hint(*.filtered))]
    Empty {
        /// The model.
        model: String,
        /// Rows that the filter left out.
        filtered: u64,
    },
    /// A column without a single value.
    #[error(
        "reference of model `{model}`: column `{column}` has no value in {rows} rows; leave it out of `features`"
    )]
    NoValues {
        /// The model.
        model: String,
        /// The column.
        column: String,
        /// Rows of the reference.
        rows: u64,
    },
    /// A score that is no probability.
    #[error(
        "reference of model `{model}`: row {row} has the probability {value} in `{column}`, outside of 0 to 1; \
         `probability` wants the model's probability of the positive class"
    )]
    NoProbability {
        /// The model.
        model: String,
        /// The column.
        column: String,
        /// Row from 0.
        row: u64,
        /// What stands there.
        value: f64,
    },
    /// The positive class cannot be told.
    #[error(
        "reference of model `{model}`: cannot tell which of {labels} is the class that `{column}` gives the probability \
         of; set `positive` in `[model.{model}.columns]`"
    )]
    NoPositive {
        /// The model.
        model: String,
        /// The score, or the prediction where there is none.
        column: String,
        /// The labels found.
        labels: String,
    },
    /// The positive class that the settings name is not among the labels.
    #[error(
        "reference of model `{model}`: `positive` is `{positive}`, but the labels are {labels}"
    )]
    UnknownPositive {
        /// The model.
        model: String,
        /// What the settings say.
        positive: String,
        /// The labels found.
        labels: String,
    },
    /// More than two classes where two are wanted.
    #[error(
        "reference of model `{model}`: a binary model has two classes, found {labels}; clean the column, or leave the \
         other rows out with `filter`"
    )]
    NotBinary {
        /// The model.
        model: String,
        /// The labels found.
        labels: String,
    },
    /// Windows by time without times.
    #[error(
        "reference of model `{model}`: windows of {rule} need event times; set `timestamp` in `[model.{model}.columns]`"
    )]
    NoTimes {
        /// The model.
        model: String,
        /// The rule.
        rule: WindowRule,
    },
    /// A statistic of the whole reference is undefined.
    #[error("reference of model `{model}`: column `{column}` cannot be profiled: {reason}")]
    Undefined {
        /// The model.
        model: String,
        /// The column.
        column: String,
        /// Why.
        reason: Undefined,
    },
}

fn hint(filtered: u64) -> String {
    if filtered == 0 { String::new() } else { format!(": `filter` leaves out all {filtered}") }
}

/// Makes a profile of reference rows, given in their order in batches.
///
/// # Errors
/// Where the rows cannot serve as a reference: see [`FitError`].
pub fn fit(spec: Spec, mut batches: Vec<Rows>) -> Result<Profile, FitError> {
    let rows: u64 = batches.iter().map(|batch| batch.len() as u64).sum();
    if rows == 0 {
        return Err(FitError::Empty { model: spec.model, filtered: spec.provenance.filtered });
    }
    if spec.rule.needs_time() && batches.iter().any(|batch| batch.times.is_none()) {
        return Err(FitError::NoTimes { model: spec.model, rule: spec.rule });
    }
    let classes = match spec.problem {
        Problem::Binary => Some(find_classes(&spec, &batches)?),
        _ => None,
    };
    if let Some(classes) = classes.as_ref().filter(|classes| classes.threshold.is_some()) {
        decide_all(&spec, classes, &mut batches);
    }
    let columns = spec
        .columns
        .iter()
        .enumerate()
        .map(|(index, (name, role, kind))| {
            let batches = batches.iter().map(|batch| &batch.columns[index].values);
            fit_column(&spec.model, name, *role, *kind, rows, batches)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut profile = Profile {
        model: spec.model,
        version: spec.version,
        problem: spec.problem,
        rule: spec.rule,
        inputs: spec.inputs,
        derived: spec.derived,
        filter: spec.filter,
        columns,
        classes,
        calibration: None,
        performance: None,
        windows: Vec::new(),
        provenance: Provenance { rows, ..spec.provenance },
    };
    if profile.problem == Problem::Binary {
        let outcomes = Outcomes::collect(&profile, &batches)?;
        profile.calibration = outcomes.calibration(spec.calibration);
        profile.performance = outcomes.performance();
        let possible = profile.calibration.as_ref();
        let possible = possible.is_none_or(|found| found.reason != CalibrationReason::NotPossible);
        if !possible {
            let note = "scores are taken as they are: the reference has too few targets of both classes to calibrate \
                        them";
            profile.provenance.notes.push(note.to_owned());
        }
    }
    for batch in &mut batches {
        batch.expected = profile.expected(&batch.columns);
    }
    profile.windows = fit_windows(&Arc::new(profile.clone()), &batches);
    Ok(profile)
}

/// Finds the two classes among the labels of targets and predictions.
fn find_classes(spec: &Spec, batches: &[Rows]) -> Result<Classes, FitError> {
    let mut labels: Vec<String> = Vec::new();
    for (index, (_, role, _)) in spec.columns.iter().enumerate() {
        // A prediction that follows from the score says nothing of how the classes are called.
        let says = match role {
            Role::Target => true,
            Role::Prediction => spec.threshold.is_none(),
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
    let positive = match &spec.positive {
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
        None => match found("1") {
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
    let threshold = spec.threshold;
    Ok(Classes { positive, negative: negative.or(usual), threshold })
}

/// The labels that rows really have.
fn used_labels(values: &Values) -> Vec<&str> {
    let Values::Labels(array) = values else { return Vec::new() };
    let mut used = vec![false; array.values().len()];
    for position in array.keys().iter().flatten() {
        used[position as usize] = true;
    }
    labels(array).zip(used).filter(|&(_, used)| used).map(|(label, _)| label).collect()
}

/// Makes the predictions that follow from the scores.
fn decide_all(spec: &Spec, classes: &Classes, batches: &mut [Rows]) {
    let find = |wanted| spec.columns.iter().position(|(_, role, _)| *role == wanted);
    let (Some(score), Some(prediction)) = (find(Role::Score), find(Role::Prediction)) else {
        return;
    };
    for batch in batches {
        let Values::Numbers(scores) = &batch.columns[score].values else { continue };
        let decided = scores.iter().map(|score| classes.decide(score?));
        batch.columns[prediction] = Column::new(Values::Labels(decided.collect()));
    }
}
