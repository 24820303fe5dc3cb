//! What the profile keeps of a model's outputs: how they are read, and what they are worth.

use serde::{Deserialize, Serialize};

use crate::profile::column::{Column, Role};
use crate::profile::losses::Regression;
use crate::stats::{Calibrator, Cells, Confusion, SamplingError};

/// What the profile keeps of a model's outputs, by what the model predicts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outputs {
    /// Nothing that performance is measured by.
    #[default]
    None,
    /// One of two classes.
    Binary(Box<Binary>),
    /// One of several classes.
    Multiclass(Multiclass),
    /// A number.
    Regression(Box<Regression>),
}

/// The outputs of a classifier of several classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Multiclass {
    /// The classes in their order: as numbers where all of them are numbers, else as texts.
    pub classes: Vec<Class>,
    /// The reference as a whole; models with prediction or scores, and target only.
    pub performance: Option<MulticlassReference>,
}

/// One of several classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// As the data write it.
    pub label: String,
    /// The column of its score; `None` for models without scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<String>,
    /// What its score is worth; models with scores and target only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// The reference rows of several classes taken together, as sampling errors need them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MulticlassReference {
    /// Rows with prediction and target, by both.
    pub cells: Confusion,
    /// Sampling error of the mean area under the curves; `None` where it has none.
    pub roc_auc: Option<SamplingError>,
    /// Sampling error of the mean average precision; `None` where it has none.
    pub average_precision: Option<SamplingError>,
}

/// The outputs of a binary classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binary {
    /// How they are read.
    pub classes: Classes,
    /// What the score is worth; models with score and target only.
    pub calibration: Option<Calibration>,
    /// The reference as a whole; models with prediction or score, and target only.
    pub performance: Option<ReferencePerformance>,
}

/// The two classes of a binary model, as the data write them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classes {
    /// The class that the probability is of.
    pub positive: String,
    /// The other one; `None` where the reference has only one.
    pub negative: Option<String>,
    /// Where events carry no prediction: the score from which on it is the positive class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// What a score is worth as a probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// From score to probability; the score itself where there is none.
    pub calibrator: Option<Calibrator>,
    /// Why there is one, or none.
    pub reason: CalibrationReason,
}

/// Why scores are calibrated, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationReason {
    /// Calibrating lowers the expected calibration error on held-out reference rows.
    Helps,
    /// Calibrating does not lower it.
    DoesNotHelp,
    /// The settings say so.
    Asked,
    /// The reference has one class, or too few rows, to fit a calibration.
    NotPossible,
}

/// The reference rows taken together, as sampling errors need them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferencePerformance {
    /// Rows with prediction and target, by both.
    pub cells: Cells,
    /// Sampling error of the area under the curve; `None` where it has none.
    pub roc_auc: Option<SamplingError>,
    /// Sampling error of the average precision; `None` where it has none.
    pub average_precision: Option<SamplingError>,
}

impl Calibration {
    /// The probability that a score stands for, within 0 and 1; NaN for NaN.
    pub fn probability(&self, score: f64) -> f64 {
        // A score is no probability where it was never calibrated: one beyond an end counts as certain.
        let calibrated = self.calibrator.as_ref().map(|calibrator| calibrator.calibrate(score));
        calibrated.unwrap_or(score).clamp(0.0, 1.0)
    }
}

impl Binary {
    /// What a segment has of it from the beginning.
    pub fn of_segment(&self) -> Box<Self> {
        Box::new(Self { classes: self.classes.clone(), calibration: None, performance: None })
    }

    /// The class of a label: 0 is the negative one, 1 the positive; `None` for any other label.
    pub fn class(&self, label: &str) -> Option<usize> {
        if same_label(label, &self.classes.positive) {
            Some(1)
        } else if same_label(label, self.classes.negative.as_deref()?) {
            Some(0)
        } else {
            None
        }
    }
}

impl Multiclass {
    /// What a segment has of it from the beginning.
    #[must_use]
    pub fn of_segment(&self) -> Self {
        let class = |class: &Class| Class { calibration: None, ..class.clone() };
        Self { classes: self.classes.iter().map(class).collect(), performance: None }
    }

    /// The number of a label's class.
    pub fn class(&self, label: &str) -> Option<usize> {
        self.classes.iter().position(|class| same_label(&class.label, label))
    }

    /// Where the scores of the classes lie among columns, in the order of the classes; `None` where one has none.
    pub fn scores(&self, columns: &[Column]) -> Option<Vec<usize>> {
        let column = |class: &Class| {
            let name = class.score.as_ref()?;
            columns.iter().position(|column| column.role == Role::Score && column.name == *name)
        };
        self.classes.iter().map(column).collect()
    }

    /// The probabilities of the classes for the scores of a row, in the order of the classes: calibrated one by one, then
    /// divided by their sum. Where they are all 0, every class is as likely.
    pub fn probabilities(&self, scores: &mut [f64]) {
        for (score, class) in scores.iter_mut().zip(&self.classes) {
            *score = match &class.calibration {
                Some(calibration) => calibration.probability(*score),
                None => score.clamp(0.0, 1.0),
            };
        }
        let sum: f64 = scores.iter().sum();
        let each = 1.0 / scores.len() as f64;
        for score in scores {
            *score = if sum == 0.0 { each } else { *score / sum };
        }
    }
}

/// Puts classes in their order: as numbers where all of them are numbers, else as texts.
pub fn sort_classes<T>(classes: &mut [T], label: impl Fn(&T) -> &str) {
    let number = |class: &T| label(class).parse::<f64>().ok().filter(|number| number.is_finite());
    if classes.iter().all(|class| number(class).is_some()) {
        classes.sort_by(|a, b| {
            let (a, b) = ((number(a), label(a)), (number(b), label(b)));
            a.0.unwrap_or(0.0).total_cmp(&b.0.unwrap_or(0.0)).then(a.1.cmp(b.1))
        });
    } else {
        classes.sort_by(|a, b| label(a).cmp(label(b)));
    }
}

/// Whether the probabilities of all classes add up to 1, but for their rounding to two digits; at most 0.05 is that.
pub fn is_whole(sum: f64, classes: usize) -> bool {
    (sum - 1.0).abs() <= (0.005 * classes as f64).min(0.05) + 1e-9
}

impl Classes {
    /// The prediction that follows from a score, where predictions do.
    pub fn decide(&self, score: f64) -> Option<&str> {
        let threshold = self.threshold.filter(|_| !score.is_nan())?;
        if score >= threshold { Some(&self.positive) } else { self.negative.as_deref() }
    }
}

/// Whether two labels are the same value: 1, 1.0 and true are one, and so are 0, 0.0 and false.
pub fn same_label(a: &str, b: &str) -> bool {
    fn value(label: &str) -> &str {
        match label {
            "true" | "True" | "TRUE" | "1.0" => "1",
            "false" | "False" | "FALSE" | "0.0" | "-0.0" => "0",
            other => other,
        }
    }
    value(a) == value(b)
}
