//! The reference, frozen: all that scoring needs of it, and its file.
//!
//! A profile is made by `fit` and never changes. It holds no rows (but for a sample in codes, where something is asked for
//! that needs rows) and no thresholds: those follow from the readings of its reference windows and the settings in force.

mod carried;
mod cells;
mod chances;
mod column;
mod concept;
mod embedding;
mod expect;
mod file;
mod losses;
mod outputs;
mod reading;
mod reconstruction;
mod rowwise;
mod sample;
mod segments;
mod shape;
mod slices;
mod windows;

use serde::{Deserialize, Serialize};

pub use self::carried::{Carried, RowOutputs};
pub use self::cells::Cells;
pub use self::chances::{Chance, Chances};
pub use self::column::{
    Bins, Categorical, Column, Continuous, Distribution, Role, SummaryErrors, Values,
};
pub use self::concept::{Relearnt, TAUGHT};
pub use self::embedding::{Embedding, Space};
pub use self::file::{FORMAT, ProfileError};
pub use self::losses::{LossInput, LossModel, ReferenceLoss, Regression};
pub use self::outputs::{
    Binary, Calibration, CalibrationReason, Class, Classes, Multiclass, MulticlassReference,
    Outputs, ReferencePerformance, is_whole, same_label, sort_classes,
};
pub use self::reading::{
    BinaryPerformance, ColumnReading, ColumnValue, Evidence, Measured, MulticlassPerformance,
    Performance, Reading, RegressionPerformance, Robust, RowMean, RowReading, WholeValue,
};
pub use self::reconstruction::{Feature, Reconstruction, Scaled};
pub use self::rowwise::{RowMetric, RowMetricError, RowTerms, Truth};
pub use self::sample::{Codes, Coding, KeyedRows, MISSING, Sample, UNSEEN};
pub use self::segments::{
    Beside, OTHER, Placer, Segment, SegmentReference, Segments, Split, count_values,
};
pub use self::shape::{Form, MOST_LABELS, Shape, shown_labels};
pub use self::slices::{
    Condition, FoundSlice, Kept, Slice, SliceChange, SliceLoss, Slices, SlicesReading,
    SlicesSearched, fulfilled, in_words,
};
pub use self::windows::WindowRule;
use crate::metric::Problem;

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
    /// Features, scores, prediction, target.
    pub columns: Vec<Column>,
    /// What is kept of the model's outputs.
    pub outputs: Outputs,
    /// What the features have in common; profiles that were asked for it, of at least two features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconstruction: Option<Reconstruction>,
    /// Parts of the rows that have a reference of their own; profiles that were asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<Box<Segments>>,
    /// Some of its rows, as codes with the model's outputs; profiles that were asked for what needs rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
    /// Where the model does worst by its targets; profiles of references that have some. Not part of its identity: only
    /// people read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<Box<Slices>>,
    /// Metrics of the user's own over single rows; profiles that were asked for some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<RowMetric>,
    /// What is found where the concept is learnt again and has not changed; profiles that were asked for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concept: Vec<Relearnt>,
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
    /// Lists of numbers: for features alone, SQL cannot read them.
    Vector,
}

/// A column made by an SQL expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived {
    /// Its name.
    pub name: String,
    /// The expression.
    pub sql: String,
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

impl Profile {
    /// The number of a label's class: for binary models 0 is the negative and 1 the positive one, of several classes
    /// their order counts. `None` for any other label.
    ///
    /// Labels compare by value: 1, 1.0 and true are one.
    pub fn class(&self, label: &str) -> Option<usize> {
        match &self.outputs {
            Outputs::None | Outputs::Regression(_) => None,
            Outputs::Binary(binary) => binary.class(label),
            Outputs::Multiclass(several) => several.class(label),
        }
    }

    /// How two classes are read; `None` for other models.
    pub fn two_classes(&self) -> Option<&Classes> {
        match &self.outputs {
            Outputs::Binary(binary) => Some(&binary.classes),
            Outputs::None | Outputs::Multiclass(_) | Outputs::Regression(_) => None,
        }
    }

    /// How several classes are read; `None` for other models.
    pub fn several_classes(&self) -> Option<&Multiclass> {
        match &self.outputs {
            Outputs::Multiclass(several) => Some(several),
            Outputs::None | Outputs::Binary(_) | Outputs::Regression(_) => None,
        }
    }

    /// Whether performance can be estimated without targets.
    pub fn can_estimate(&self) -> bool {
        match &self.outputs {
            Outputs::None => false,
            Outputs::Binary(_) | Outputs::Multiclass(_) => self.of_role(Role::Score).is_some(),
            Outputs::Regression(regression) => regression.expects().next().is_some(),
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
