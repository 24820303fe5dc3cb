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
    /// One id from opening to resolution: model, version, and the window that opened it; of an early warning the window that
    /// it is of, by its start.
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
    /// Start of the first window of the run that opened it, or of the silence; null without timestamps.
    pub since: Option<String>,
    /// The window that says so: its index; null where no event came, or none that could say so, and of an early warning
    /// while its window is open.
    pub window: Option<u64>,
    /// What kind of figure decided; or `silence`, or `early_warning`.
    pub kind: Subject,
    /// Which metric; null where no event came.
    pub metric: Option<Measure>,
    /// The column that the figure is of.
    pub column_name: Option<String>,
    /// The segment that it is of.
    pub segment: String,
    /// Its value; of silence, how many seconds it has lasted.
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
    /// How far beyond its threshold the value lies, in sampling errors; negative inside. Where the figure has none, a
    /// third of the way from the middle to the threshold counts as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance: Option<f64>,
    /// Why a person has taken it up, in their words; null while nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<String>,
    /// Until when nobody is to be woken for this model, RFC 3339 in UTC; null where nobody asked for quiet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<String>,
    /// One sentence that a person can act on.
    pub summary: String,
    /// The figures beside it.
    pub evidence: Evidence,
    /// What to do next.
    pub action: Action,
    /// The id of the window result to look up; empty where there is none yet.
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
    /// It got worse, something else is wrong too, a person has taken it up, or it goes on after the quiet that a person
    /// asked for.
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
    /// Its version is retired: a newer one has sealed windows, and it has not.
    Superseded,
    /// An early warning: its window is not well.
    Confirmed,
    /// An early warning: its window is well, or there was too little to judge it by.
    TakenBack,
}

impl Resolution {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::Restated => "restated",
            Self::Excluded => "excluded",
            Self::Superseded => "superseded",
            Self::Confirmed => "confirmed",
            Self::TakenBack => "taken_back",
        }
    }
}

/// What an alert is about.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Performance, estimated without ground truth.
    Estimated,
    /// Performance, measured against ground truth.
    Realized,
    /// Distance of the window's data from the reference's.
    Drift,
    /// Faults of the data: missing, unseen, out of range.
    Quality,
    /// What explains performance: a slice that has become worse, a concept that has drifted.
    Diagnosis,
    /// No events of the model.
    Silence,
    /// A window that cannot be judged yet: it is still open, or its targets are still to come.
    EarlyWarning,
}

impl Subject {
    /// What a figure of that kind alerts of; `None` where such figures alert nobody.
    pub const fn of(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::Estimated => Self::Estimated,
            Kind::Realized => Self::Realized,
            Kind::Drift => Self::Drift,
            Kind::Quality => Self::Quality,
            Kind::Diagnosis => Self::Diagnosis,
            Kind::Summary => return None,
        })
    }

    /// The name used in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Estimated => "estimated",
            Self::Realized => "realized",
            Self::Drift => "drift",
            Self::Quality => "quality",
            Self::Diagnosis => "diagnosis",
            Self::Silence => "silence",
            Self::EarlyWarning => "early_warning",
        }
    }
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
    /// Slices of the window that are expected to do worse than in the reference: `slice_change`, the one first that holds
    /// most of the loss; only where slices are asked for, and performance decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Figure>,
    /// What kind of change it looks like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Where targets decided: how much of the change since the reference the inputs explain, and how much they do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub split: Vec<Figure>,
    /// How well the metric that decided was estimated so far, where targets have come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimator: Option<Estimator>,
    /// What changed last, at or before the first bad window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// What became of it in the version after this one; only where the alert is over as its version is retired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<Successor>,
}

/// What became of an alert in the version after its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Successor {
    /// That version.
    pub version: String,
    /// How many of its last windows were judged.
    pub windows: u32,
    /// How many of these were bad.
    pub bad: u32,
    /// The figure that decided, in its newest window; of realized performance the estimate until targets come.
    pub figure: Option<Figure>,
    /// Whether the problem is gone; null where nobody can say.
    pub gone: Option<bool>,
}

/// What kind of change it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The inputs have moved to where the model is less good: the estimate, which knows inputs alone, has moved too.
    CovariateShift,
    /// The relation of inputs and target has changed: what was realized has moved, the estimate has not.
    ConceptDrift,
    /// Both have a part in it.
    Both,
}

/// How well a metric was estimated so far: over the newest windows, 32 at most, of which enough targets have come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimator {
    /// So many windows.
    pub windows: u64,
    /// In so many of them what came lay within three standard errors of the estimate.
    pub within: u64,
    /// Mean of what was estimated less what came.
    pub mean_difference: f64,
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// What.
    pub what: Changed,
    /// The first window after it: its index.
    pub window: u64,
    /// When that window began; null without timestamps.
    pub at: Option<String>,
    /// The epoch of that window.
    pub epoch: u64,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// This version came to be used.
    Version,
    /// It is held against another profile.
    Profile,
    /// Other settings are in force, with the same profile.
    Settings,
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
    /// A column is broken, or the inputs have moved and all of the change comes from there: find out where they come from.
    InvestigateUpstream,
    /// Targets show that the model has become worse.
    Retrain,
    /// Targets show that it does harm: worse than chance, or a loss where there was a gain.
    SwitchOff,
    /// An estimate says so, without targets: get some.
    Confirm,
    /// Nothing yet.
    Wait,
}
