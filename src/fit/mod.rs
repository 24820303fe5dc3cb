//! From reference rows to a profile.
//!
//! Holds the reference in memory, a column at a time where it copies. Knows nothing of where the rows come from, nor
//! of settings.

mod binary;
mod column;
mod embedding;
mod losses;
mod multiclass;
mod reconstruction;
mod regression;
mod rowwise;
mod sample;
mod segments;
mod slices;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array;

use self::column::fit_column;
use self::embedding::{FittedEmbedding, fit_embedding};
use self::reconstruction::fit_reconstruction;
use self::rowwise::fit_metrics;
use self::sample::{fit_sample, key_rows};
pub use self::segments::SegmentSpec;
use self::segments::{find_segments, fit_references};
use self::slices::find_slices;
use self::windows::fit_windows;
use crate::batch::{LONGEST, Rows, Values, labels};
use crate::metric::{ColumnKind, Metric, Problem};
use crate::profile::{Derived, Input, Outputs, Profile, Provenance, Role, WindowRule, same_label};
use crate::stats::{ForestError, Undefined};

/// What to make a profile of.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The model.
    pub model: String,
    /// The version that the profile is for; empty for all.
    pub version: String,
    /// What the model predicts, and how its outputs are read.
    pub predicts: Predicts,
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
    /// Which drift of all features at once is to be measured.
    pub whole: Vec<Metric>,
    /// Whether something else is asked for that needs rows.
    pub sampled: bool,
    /// Whether the concept is to be learnt again of windows with targets.
    pub concept: bool,
    /// Parts of the rows that get a reference of their own; `None` for none.
    pub segments: Option<SegmentSpec>,
    /// Metrics of the user's own over single rows: name and formula.
    pub metrics: Vec<(String, String)>,
    /// Where the rows come from.
    pub provenance: Provenance,
}

/// What a model predicts, and how its outputs are read.
#[derive(Clone, Debug)]
pub enum Predicts {
    /// Nothing that we measure.
    Nothing,
    /// One of two classes.
    Binary(TwoClasses),
    /// One of several classes.
    Multiclass(SeveralClasses),
    /// A number.
    Number,
}

/// How the outputs of a model of several classes are read.
#[derive(Clone, Debug, Default)]
pub struct SeveralClasses {
    /// Each class and the column of its score; empty for models without scores.
    pub scores: Vec<(String, String)>,
    /// Whether scores are calibrated.
    pub calibration: CalibrationChoice,
    /// The same of single classes.
    pub by_class: BTreeMap<String, CalibrationChoice>,
}

impl SeveralClasses {
    /// Whether the scores of a class are calibrated.
    fn choice(&self, label: &str) -> CalibrationChoice {
        let of_class = self.by_class.iter().find(|(class, _)| same_label(class, label));
        of_class.map_or(self.calibration, |(_, choice)| *choice)
    }
}

/// How the outputs of a binary model are read.
#[derive(Clone, Debug, Default)]
pub struct TwoClasses {
    /// Which label the probability is of; `None` to find it among the usual names.
    pub positive: Option<String>,
    /// The score from which on a prediction is positive, where the rows carry no prediction of their own.
    pub threshold: Option<f64>,
    /// Whether scores are calibrated.
    pub calibration: CalibrationChoice,
}

impl Predicts {
    /// The problem that the model solves.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Nothing => Problem::None,
            Self::Binary(_) => Problem::Binary,
            Self::Multiclass(_) => Problem::Multiclass,
            Self::Number => Problem::Regression,
        }
    }
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
        "reference of model `{model}`: column `{column}` has no value in {rows} rows; leave the column out, or take a \
         reference that has some"
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
         `probability` wants probabilities of the model"
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
    /// Lists that are too short or too long.
    #[error(
        "reference of model `{model}`: the lists of `{column}` have {dimensions} numbers, of an embedding they have 2 to \
         {LONGEST}; leave the column out of `features`, or give single numbers a column of their own"
    )]
    Dimensions {
        /// The model.
        model: String,
        /// The column.
        column: String,
        /// The most frequent length.
        dimensions: usize,
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
    /// A label that none of the classes is.
    #[error(
        "reference of model `{model}`: `{column}` has {labels}, but the classes with a probability are {classes}; name \
         them alike in `[model.{model}.columns] probability = {{ class = \"path\", .. }}`, or leave the other rows out \
         with `filter`"
    )]
    UndeclaredClass {
        /// The model.
        model: String,
        /// The column of targets or predictions.
        column: String,
        /// The labels that are no class.
        labels: String,
        /// The classes.
        classes: String,
    },
    /// Two classes that are one.
    #[error(
        "reference of model `{model}`: `{one}` and `{other}` are the same class; name it once in `probability`"
    )]
    SameClass {
        /// The model.
        model: String,
        /// One of them.
        one: String,
        /// The other one.
        other: String,
    },
    /// Probabilities that do not add up to 1.
    #[error(
        "reference of model `{model}`: the probabilities of row {row} add up to {sum}, not to 1; `probability` wants one \
         for every class of the model"
    )]
    NotWhole {
        /// The model.
        model: String,
        /// Row from 0.
        row: u64,
        /// What they add up to.
        sum: f64,
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
    /// Nothing can be learned of the losses.
    #[error(
        "reference of model `{model}`: no trees can be grown that expect its losses: {reason}; this is a fault of \
         vigie, please report it"
    )]
    Losses {
        /// The model.
        model: String,
        /// What is wrong.
        reason: ForestError,
    },
    /// Segments by something that the rows do not have.
    #[error(
        "reference of model `{model}`: no segments can be made by `{column}`: the data have no such column; mend `segments` \
         in `[model.{model}]`"
    )]
    NoSegmentColumn {
        /// The model.
        model: String,
        /// The column.
        column: String,
    },
    /// Segments by what is still to come.
    #[error(
        "reference of model `{model}`: no segments can be made by `{column}`: it is the target, which predictions do not \
         have yet; mend `segments` in `[model.{model}]`"
    )]
    TargetSegments {
        /// The model.
        model: String,
        /// The column.
        column: String,
    },
    /// Segments by lists of numbers.
    #[error(
        "reference of model `{model}`: no segments can be made by `{column}`: it holds lists of numbers; mend `segments` in \
         `[model.{model}]`"
    )]
    VectorSegments {
        /// The model.
        model: String,
        /// The column.
        column: String,
    },
    /// Segments that would all be too small.
    #[error(
        "reference of model `{model}`: of the segments by {columns} the largest has {largest} rows, and \
         `segment_min_rows` asks for {min_rows}; take columns with fewer different values, or lower it"
    )]
    SmallSegments {
        /// The model.
        model: String,
        /// The columns.
        columns: String,
        /// Rows of the largest.
        largest: u64,
        /// Rows that are asked for.
        min_rows: u64,
    },
    /// A metric over rows that the columns cannot give.
    #[error(
        "reference of model `{model}`: `performance.custom.{metric}` cannot be computed: {problem}"
    )]
    Metric {
        /// The model.
        model: String,
        /// The metric.
        metric: String,
        /// What is wrong, and the way out.
        problem: String,
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
    let outputs = match &spec.predicts {
        Predicts::Nothing => Outputs::None,
        Predicts::Number => Outputs::Regression(Box::new(regression::unknown())),
        Predicts::Binary(how) => Outputs::Binary(Box::new(binary::read(&spec, how, &mut batches)?)),
        Predicts::Multiclass(how) => Outputs::Multiclass(multiclass::read(&spec, how, &batches)?),
    };
    let sampled = spec.sampled || spec.concept || spec.whole.contains(&Metric::DomainClassifier);
    let mut embeddings: Vec<(usize, FittedEmbedding)> = Vec::new();
    let columns = spec
        .columns
        .iter()
        .enumerate()
        .map(|(index, (name, role, kind))| {
            if *kind == ColumnKind::Embedding {
                let of = (name.as_str(), *role);
                let fitted = fit_embedding(&spec.model, of, index, sampled, &batches)?;
                let column = fitted.column.clone();
                embeddings.push((index, fitted));
                return Ok(column);
            }
            let batches = batches.iter().map(|batch| &batch.columns[index].values);
            fit_column(&spec.model, name, *role, *kind, rows, true, batches)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut profile = Profile {
        model: spec.model,
        version: spec.version,
        problem: spec.predicts.problem(),
        rule: spec.rule,
        inputs: spec.inputs,
        derived: spec.derived,
        filter: spec.filter,
        columns,
        outputs,
        reconstruction: None,
        segments: None,
        sample: None,
        slices: None,
        metrics: Vec::new(),
        concept: Vec::new(),
        windows: Vec::new(),
        provenance: Provenance { rows, ..spec.provenance },
    };
    match &spec.predicts {
        Predicts::Nothing => {}
        Predicts::Number => regression::weigh(&mut profile, &batches)?,
        Predicts::Binary(how) => binary::weigh(&mut profile, Some(how.calibration), &batches)?,
        Predicts::Multiclass(how) => multiclass::weigh(&mut profile, how, true, &batches)?,
    }
    if spec.whole.contains(&Metric::ReconstructionError) {
        profile.reconstruction = fit_reconstruction(&profile, &batches);
    }
    if profile.reconstruction.as_ref().is_some_and(|found| found.residual.is_none()) {
        let note = "reconstruction error: the features have nothing in common by which a row could be told from others";
        profile.provenance.notes.push(note.to_owned());
    }
    if sampled {
        // By what vectors hold, not by how far they lie.
        key_rows(&profile, &mut batches);
    }
    for (index, fitted) in embeddings {
        fitted.measure(index, &mut batches);
        profile.provenance.notes.extend(fitted.note);
    }
    fit_metrics(&mut profile, &spec.metrics, &mut batches)?;
    for batch in &mut batches {
        batch.expected = profile.expected(&batch.columns);
        batch.reconstruction = profile.reconstruction_errors(&batch.columns);
    }
    if sampled {
        profile.sample = fit_sample(&profile, false, &mut batches);
    }
    profile.slices = find_slices(&profile, &batches);
    if let Some(segments) = &spec.segments {
        find_segments(&mut profile, segments, &mut batches)?;
        fit_references(&mut profile, &spec.predicts, &batches)?;
    }
    let (windows, of_segments) = fit_windows(&Arc::new(profile.clone()), &batches);
    profile.windows = windows;
    if spec.concept {
        let of_window = rows / (profile.windows.len() as u64).max(1);
        profile.concept = profile.relearnt_by_chance(of_window);
        if profile.concept.is_empty() {
            let note = "concept drift's magnitude: with targets alone, and of enough rows";
            profile.provenance.notes.push(note.to_owned());
        }
    }
    let segments = profile.segments.iter_mut().flat_map(|segments| &mut segments.all);
    for (segment, windows) in segments.zip(of_segments) {
        if let Some(reference) = &mut segment.reference {
            reference.profile.windows = windows;
        }
    }
    Ok(profile)
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
