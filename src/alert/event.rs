//! What is said of a model that is not well.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::{Kind, Measure};
use crate::window::Figure;

/// The version of the alert event's schema.
pub const SCHEMA: u32 = 1;

/// One event in the life of an alert. JSON on the alert topic, keyed by model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertEvent {
    /// Version of this form.
    pub schema: u32,
    /// Version of vigie that made it.
    pub engine: String,
    /// One id from opening to resolution: model, version, and the window that opened it.
    pub id: String,
    /// 0 when opened, then 1, 2...
    pub sequence: u64,
    /// What happened.
    pub event: Event,
    /// Why it was resolved.
    pub resolution: Option<Resolution>,
    /// The model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// How bad.
    pub severity: Severity,
    /// Start of the first window of the run that opened it; null without timestamps.
    pub since: Option<String>,
    /// The window that says so: its index.
    pub window: u64,
    /// What kind of figure decided.
    pub kind: Kind,
    /// Which metric.
    pub metric: Measure,
    /// The column that the figure is of.
    pub column_name: Option<String>,
    /// The segment that it is of.
    pub segment: String,
    /// Its value.
    pub value: Option<f64>,
    /// The unit of the value, its error and its thresholds, where the metric counts money and the settings name one.
    #[serde(default)]
    pub currency: Option<String>,
    /// One standard error.
    pub sampling_error: Option<f64>,
    /// A value below it is a breach.
    pub lower_threshold: Option<f64>,
    /// A value above it is a breach.
    pub upper_threshold: Option<f64>,
    /// One sentence that a person can act on.
    pub summary: String,
    /// The figures beside it.
    pub evidence: Evidence,
    /// What to do next.
    pub action: Action,
    /// The id of the window result to look up.
    pub result: String,
    /// Hash of the profile.
    pub profile: String,
    /// Hash of the model's settings.
    pub settings: String,
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It began.
    Opened,
    /// It got worse or better, or another figure decides.
    Updated,
    /// It is over.
    Resolved,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Opened, Self::Updated, Self::Resolved];

    /// The name used in headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Resolved => "resolved",
        }
    }
}

/// Why an alert is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Back inside the thresholds.
    Recovered,
    /// A window that it rested on was restated by a person, and is well.
    Restated,
    /// A window that it rested on was left out by a person.
    Excluded,
}

/// How bad it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Severity {
    /// It can wait until morning.
    Warning,
    /// It wakes somebody.
    Critical,
}

impl Severity {
    /// The name used in results and series.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// The figures beside the one that decided, those furthest beyond their thresholds first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Performance outside its thresholds.
    pub performance: Vec<Figure>,
    /// Columns whose data have moved: those first whose drift goes together with the change of performance, then those
    /// that drifted most often, where the result ranks them.
    pub drift: Vec<Figure>,
    /// Columns whose data are broken.
    pub quality: Vec<Figure>,
    /// Segments that are not well themselves: the figure that would decide in each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<SegmentFigure>,
}

/// A figure of a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentFigure {
    /// The segment.
    pub segment: String,
    /// Its rows in the window.
    pub rows: u64,
    /// What is outside its thresholds.
    pub figure: Figure,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A column is broken: find out where its data come from.
    InvestigateUpstream,
    /// Targets show that the model has become worse.
    Retrain,
    /// An estimate says so, without targets: get some.
    Confirm,
    /// Nothing yet.
    Wait,
}
