//! What the profile keeps of a model's outputs: how they are read, and what they are worth.

use serde::{Deserialize, Serialize};

use crate::stats::{Calibrator, Cells, SamplingError};

/// What the profile keeps of a model's outputs, by what the model predicts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outputs {
    /// Nothing that performance is measured by.
    #[default]
    None,
    /// One of two classes.
    Binary(Box<Binary>),
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
