//! The reference, frozen: all that scoring needs of it, and its file.
//!
//! A profile is made by `fit` and never changes. It holds no rows and no thresholds: those follow from the readings
//! of its reference windows and the settings in force.

mod column;
mod expect;
mod file;
mod reading;
mod windows;

use serde::{Deserialize, Serialize};

pub use self::column::{
    Bins, Categorical, Column, Continuous, Distribution, Role, SummaryErrors, Values,
};
pub use self::file::{FORMAT, ProfileError};
pub use self::reading::{ColumnReading, ColumnValue, Measured, Performance, Reading};
pub use self::windows::WindowRule;
use crate::metric::Problem;
use crate::stats::{Calibrator, Cells, SamplingError};

/// The reference of one model version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The model.
    pub model: String,
    /// The version that it was made for; empty for all.
    pub version: String,
    /// What the model predicts.
    pub problem: Problem,
    /// How its windows were cut, and so must be those that are scored by it.
    pub rule: WindowRule,
    /// What is read from events, in the order of `inputs`, before derived columns and the filter.
    pub inputs: Vec<Input>,
    /// Columns made by SQL expressions from the inputs.
    pub derived: Vec<Derived>,
    /// Which rows count, as an SQL expression; all where there is none.
    pub filter: Option<String>,
    /// Features, score, prediction, target.
    pub columns: Vec<Column>,
    /// How the model's outputs are read; classification only.
    pub classes: Option<Classes>,
    /// What the model's score is worth; models with score and target only.
    pub calibration: Option<Calibration>,
    /// The reference as a whole; models with prediction or score, and target only.
    pub performance: Option<ReferencePerformance>,
    /// The reference windows.
    pub windows: Vec<ReferenceWindow>,
    /// Where it comes from; not part of its identity.
    pub provenance: Provenance,
}

/// Something read from every event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its name: in SQL, and as a column where it is one.
    pub name: String,
    /// Where it lies in an event.
    pub path: String,
    /// What it holds.
    pub holds: Holds,
}

/// What an input holds, as SQL sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// Numbers.
    Number,
    /// Truth values.
    Boolean,
    /// Texts.
    Text,
}

/// A column made by an SQL expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived {
    /// Its name.
    pub name: String,
    /// The expression.
    pub sql: String,
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

/// What the model's score is worth as a probability.
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

/// One window of the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferenceWindow {
    /// Start and end in microseconds since 1970 UTC, end exclusive; `None` without timestamps.
    pub span: Option<(i64, i64)>,
    /// Its first and last row, counted from 0.
    pub row_span: (u64, u64),
    /// What was measured.
    pub reading: Reading,
}

/// Where a profile comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The files that were read.
    pub sources: Vec<String>,
    /// Rows that count.
    pub rows: u64,
    /// Rows that the filter left out.
    pub filtered: u64,
    /// Version of vigie that made it.
    pub engine: String,
    /// When, RFC 3339.
    pub made_at: String,
    /// What was assumed or left out on the way, in words.
    pub notes: Vec<String>,
}

impl Classes {
    /// The prediction that follows from a score, where predictions do.
    pub fn decide(&self, score: f64) -> Option<&str> {
        let threshold = self.threshold.filter(|_| !score.is_nan())?;
        if score >= threshold { Some(&self.positive) } else { self.negative.as_deref() }
    }
}

impl Profile {
    /// The class of a label: positive or negative; `None` for any other label.
    ///
    /// Labels compare by value: 1, 1.0 and true are one.
    pub fn class(&self, label: &str) -> Option<bool> {
        let classes = self.classes.as_ref()?;
        if same_label(label, &classes.positive) {
            Some(true)
        } else if same_label(label, classes.negative.as_deref()?) {
            Some(false)
        } else {
            None
        }
    }

    /// The position of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The column of a role.
    pub fn of_role(&self, role: Role) -> Option<&Column> {
        self.columns.iter().find(|column| column.role == role)
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
