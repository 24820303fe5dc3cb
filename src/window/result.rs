//! What is published of a window.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::{Family, Kind, Measure, Metric};
use crate::stats::Undefined;

/// The version of the window result's schema.
pub const SCHEMA: u32 = 1;

/// What is published of one window: on the results topic as one message, in files as one row a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WindowResult {
    /// Version of this form.
    pub schema: u32,
    /// Version of vigie that made it.
    pub engine: String,
    /// Derived from model, version, epoch, window, segment and revision: the same result has the same id.
    pub id: String,
    /// The model.
    pub model: String,
    /// Its version; empty where events name none.
    pub version: String,
    /// `all` for everything.
    pub segment: String,
    /// Reference or analysis.
    pub dataset: Dataset,
    /// From 0 in each data set.
    pub window_index: u64,
    /// Start of the window (by period) or its first event (by size), RFC 3339 in UTC; null without timestamps.
    pub window_start: Option<String>,
    /// End of the window, exclusive, RFC 3339 in UTC; null without timestamps.
    pub window_end: Option<String>,
    /// First row in the file, from 0; files only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_start_row: Option<u64>,
    /// Last row in the file; files only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_end_row: Option<u64>,
    /// Rows of the window; of a segment those that are in it.
    pub window_rows: u64,
    /// What ended it.
    pub closed_by: ClosedBy,
    /// Rows that came after their window was sealed, met while this one was open.
    pub late_rows: u64,
    /// Records that could not be read, met while this one was open.
    pub rejected_rows: u64,
    /// Rows whose event time was too far ahead, met while this one was open.
    pub quarantined_rows: u64,
    /// Lanes that were not waited for, as topic/partition.
    pub lanes_left_out: Vec<String>,
    /// 0 when first published, higher when its realized figures are restated.
    pub revision: u64,
    /// Why it was restated.
    pub revision_cause: Option<RevisionCause>,
    /// Why a person restated it, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it can no more be restated by targets.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Share of the rows that have a target; null where the model has none to come.
    pub coverage: Option<f64>,
    /// What is known of the targets; only where they come later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Targets>,
    /// Which records it is made of, by lane; not in files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<LaneInput>,
    /// The settings and profiles in force, by number.
    pub epoch: u64,
    /// Hash of the profile.
    pub profile: String,
    /// Hash of the model's settings.
    pub settings: String,
    /// What was found.
    pub figures: Vec<Figure>,
    /// The columns in few bins, to be looked at beside the reference's; on the results topic alone, of the whole window
    /// when it is sealed, and only so many as fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distributions: Vec<Distribution>,
}

/// A column of a window in the few bins that its profile has for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Distribution {
    /// The column.
    pub column_name: String,
    /// Rows in each bin of the profile (Doane's rule), or with each of the labels that the reference has most often (at
    /// most 20, the most frequent first).
    pub counts: Vec<u64>,
    /// Rows below the first bin; numbers only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub below: u64,
    /// Rows above the last bin; numbers only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub above: u64,
    /// Rows with any other label of the reference.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other: u64,
    /// Rows with a label that the reference does not have.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unseen: u64,
    /// Rows without a value.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(rows: &u64) -> bool {
    *rows == 0
}

/// What is known of a window's targets, where they come later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Targets {
    /// Rows with a target.
    pub rows: u64,
    /// Predictions whose id, model and version had been there before: they can have no target, and are left out of
    /// coverage.
    pub repeated: u64,
    /// Share of the rows predicted negative that have a target; null where there are none.
    pub coverage_of_negative: Option<f64>,
    /// Share of the rows predicted positive that have a target; null where there are none.
    pub coverage_of_positive: Option<f64>,
    /// Of several classes: share of the rows predicted as each that have a target; those that no row was predicted as are
    /// left out. Of rows with all scores.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub coverage_by_class: BTreeMap<String, f64>,
    /// Half of the targets came within so many seconds of their prediction, to an eighth; null before the first.
    pub lag_p50_seconds: Option<f64>,
    /// Nine tenths of them.
    pub lag_p90_seconds: Option<f64>,
    /// All but a hundredth of them.
    pub lag_p99_seconds: Option<f64>,
}

/// Which rows a window is of.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Dataset {
    /// The profile's.
    Reference,
    /// Those that are watched.
    Analysis,
}

impl Dataset {
    /// The name used in results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Analysis => "analysis",
        }
    }
}

/// What ended a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClosedBy {
    /// It was full.
    Size,
    /// Every lane passed its end.
    Period,
    /// Settings or profile changed.
    Epoch,
    /// Some lanes were no more waited for.
    MaxWait,
    /// The file ended.
    End,
}

impl ClosedBy {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Size, Self::Period, Self::Epoch, Self::MaxWait, Self::End];

    /// The name used in results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Period => "period",
            Self::Epoch => "epoch",
            Self::MaxWait => "max_wait",
            Self::End => "end",
        }
    }
}

/// Why a result was restated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevisionCause {
    /// Targets came.
    Targets,
    /// The window was left out by a person.
    Excluded,
    /// Its rows were replaced by a person.
    Replaced,
}

impl RevisionCause {
    /// The name used in results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Targets => "targets",
            Self::Excluded => "excluded",
            Self::Replaced => "replaced",
        }
    }
}

/// Which records of a lane a window is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LaneInput {
    /// The topic's name.
    pub topic: String,
    /// The topic's id, in 32 hexadecimal digits.
    pub topic_id: String,
    /// The partition.
    pub partition: i32,
    /// The least offset.
    pub from: i64,
    /// The greatest offset.
    pub to: i64,
    /// How many records.
    pub rows: u64,
    /// Sum of the hashes of their offsets, in 32 hexadecimal digits.
    pub digest: String,
}

/// One figure of a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// What it says.
    pub kind: Kind,
    /// Which metric, or which cell of the confusion matrix.
    pub metric: Measure,
    /// How, where a kind knows several ways.
    pub method: Option<Method>,
    /// The column that it is of.
    pub column_name: Option<String>,
    /// For a diagnosis: the metric that it is about, of performance or of drift.
    pub of: Option<Measure>,
    /// Of ranks of columns: the metric that they are ranked by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranked_by: Option<Metric>,
    /// Its value; null where it is undefined, see `status`.
    pub value: Option<f64>,
    /// One standard error.
    pub sampling_error: Option<f64>,
    /// Three standard errors below the value, within what the metric can be.
    pub lower_confidence: Option<f64>,
    /// Three standard errors above the value, within what the metric can be.
    pub upper_confidence: Option<f64>,
    /// A value below it is a breach.
    pub lower_threshold: Option<f64>,
    /// A value above it is a breach.
    pub upper_threshold: Option<f64>,
    /// Probability of so great a value without drift, where the method is a test; of a correlation, of one so far from 0
    /// by chance.
    pub p_value: Option<f64>,
    /// Outside its thresholds; null where there was too little to judge.
    pub breach: Option<bool>,
    /// `ok`, or why there is no value or no judgement.
    pub status: Status,
}

impl Figure {
    /// A figure without a value, and without anything to hold it against.
    pub fn bare(kind: Kind, metric: Metric) -> Self {
        Self {
            kind,
            metric: metric.into(),
            method: None,
            column_name: None,
            of: None,
            ranked_by: None,
            value: None,
            sampling_error: None,
            lower_confidence: None,
            upper_confidence: None,
            lower_threshold: None,
            upper_threshold: None,
            p_value: None,
            breach: None,
            status: Status::Ok,
        }
    }

    /// Whether it is a rank of a column by its drift.
    pub fn ranks_by_drift(&self) -> bool {
        let ranks = self.metric == Metric::DriftCorrelation || self.metric == Metric::BreachCount;
        let families = [Family::Drift, Family::Whole];
        ranks && self.ranked_by.is_none_or(|by| families.contains(&by.spec().family))
    }

    /// The number of a window's rows, without anything to hold it against.
    pub fn count(rows: f64, status: Status) -> Self {
        Self { value: Some(rows), status, ..Self::bare(Kind::Summary, Metric::Rows) }
    }
}

/// How a figure was made, where a kind knows several ways.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Confidence-based performance estimation.
    Cbpe,
    /// Direct loss estimation.
    Dle,
    /// What is estimated by the reference as it would be if its rows were spread as the window's: robust to covariate
    /// shift.
    Pape,
    /// From the rows that have a target.
    Labelled,
    /// From the rows that have a target, weighed so that their scores are spread as those of all rows.
    PostStratified,
}

impl Method {
    /// The name used in results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cbpe => "cbpe",
            Self::Dle => "dle",
            Self::Pape => "pape",
            Self::Labelled => "labelled",
            Self::PostStratified => "post_stratified",
        }
    }
}

/// Whether a figure has a value and a judgement, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has both.
    Ok,
    /// No rows.
    Empty,
    /// No row has a value in the columns that it needs.
    AllMissing,
    /// The reference is constant; of a correlation, one of its sides is.
    Constant,
    /// One class only.
    OneClass,
    /// Too few rows: for a value, or (below `min_rows`) for a judgement.
    TooFew,
    /// An infinite value.
    Infinite,
    /// A value below zero where its logarithm is wanted.
    Negative,
    /// Too few rows have a target for a judgement.
    LowCoverage,
    /// No row has a target.
    NoTargets,
    /// Scores that weigh in the window of which no row has a target yet.
    StratumWithoutTargets,
    /// No profile serves this version of the model.
    NoProfile,
    /// The profile's column is not in the data.
    NotInData,
    /// The reference has too few rows of the segment.
    NoReference,
    /// Too many rows look like nothing in the reference.
    OutsideSupport,
}

impl Status {
    /// The name used in results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Empty => "empty",
            Self::AllMissing => "all_missing",
            Self::Constant => "constant",
            Self::OneClass => "one_class",
            Self::TooFew => "too_few",
            Self::Infinite => "infinite",
            Self::Negative => "negative",
            Self::LowCoverage => "low_coverage",
            Self::NoTargets => "no_targets",
            Self::StratumWithoutTargets => "stratum_without_targets",
            Self::NoProfile => "no_profile",
            Self::NotInData => "not_in_data",
            Self::NoReference => "no_reference",
            Self::OutsideSupport => "outside_support",
        }
    }
}

impl From<Undefined> for Status {
    fn from(reason: Undefined) -> Self {
        match reason {
            Undefined::Empty => Self::Empty,
            Undefined::AllMissing => Self::AllMissing,
            Undefined::Constant => Self::Constant,
            Undefined::OneClass => Self::OneClass,
            Undefined::TooFew => Self::TooFew,
            Undefined::Infinite => Self::Infinite,
            Undefined::Negative => Self::Negative,
            Undefined::NoTargets => Self::NoTargets,
            Undefined::StratumWithoutTargets => Self::StratumWithoutTargets,
            Undefined::NotInData => Self::NotInData,
            Undefined::OutsideSupport => Self::OutsideSupport,
        }
    }
}
