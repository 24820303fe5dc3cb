//! What the page and the report show, as it is written in JSON.

use serde::{Serialize, Serializer};

use crate::alert::{AlertEvent, Severity};
use crate::history::slices::SlicesView;
use crate::history::standing::State;
use crate::metric::{Currencies, Kind, Measure, Problem};
use crate::window::{Dataset, Method, RevisionCause};

/// All model versions, the worst first.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    /// Version of vigie.
    pub engine: &'static str,
    /// When it was made, RFC 3339.
    pub now: String,
    /// The rows.
    pub models: Vec<ModelRow>,
}

/// A model version in the overview.
#[derive(Clone, Debug, Serialize)]
pub struct ModelRow {
    /// The model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// What it predicts; null as long as no profile is known.
    pub problem: Option<Problem>,
    /// Where it stands.
    pub state: State,
    /// Since when, RFC 3339.
    pub since: Option<String>,
    /// The same as a sentence.
    pub verdict: String,
    /// The leading figure over the newest windows; null where the model has no performance.
    pub primary: Option<Primary>,
    /// The newest window.
    pub window: Option<Span>,
    /// How many windows are kept.
    pub windows: usize,
    /// The alert that is open, the worst if several are.
    pub alert: Option<OpenAlert>,
}

/// The leading figure over the newest windows.
#[derive(Clone, Debug, Serialize)]
pub struct Primary {
    /// Which.
    pub metric: Measure,
    /// Without ground truth.
    pub estimated: Vec<Option<f64>>,
    /// With it.
    pub realized: Vec<Option<f64>>,
    /// A value below it is a breach.
    pub lower_threshold: Option<f64>,
    /// A value above it is a breach.
    pub upper_threshold: Option<f64>,
}

/// A window in a row.
#[derive(Clone, Debug, Serialize)]
pub struct Span {
    /// Its index.
    pub index: u64,
    /// Its start, RFC 3339.
    pub start: Option<String>,
    /// Its end.
    pub end: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// Share of its rows with a target.
    pub coverage: Option<f64>,
    /// When it was published.
    pub sealed_at: Option<String>,
}

/// An alert in a row.
#[derive(Clone, Debug, Serialize)]
pub struct OpenAlert {
    /// Its id.
    pub id: String,
    /// How bad.
    pub severity: Severity,
    /// Since when.
    pub since: Option<String>,
    /// In a sentence.
    pub summary: String,
}

/// What is asked of a model version; by default all windows that are kept, of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The performance of all segments, too.
    pub segments: bool,
    /// Only so many of the newest windows.
    pub windows: Option<usize>,
    /// But from this window on, by its index, where that is older.
    pub since: Option<u64>,
}

/// One model version.
#[derive(Clone, Debug, Serialize)]
pub struct ModelView<'h> {
    /// The model.
    pub model: &'h str,
    /// Its version.
    pub version: &'h str,
    /// What it predicts.
    pub problem: Option<Problem>,
    /// Where it stands.
    pub state: State,
    /// Since when.
    pub since: Option<String>,
    /// The same as a sentence.
    pub verdict: String,
    /// What money is counted in.
    pub currencies: &'h Currencies,
    /// The leading figure.
    pub primary: Option<&'h Measure>,
    /// Hash of the profile, of the newest window.
    pub profile: &'h str,
    /// Hash of the settings.
    pub settings: &'h str,
    /// How many windows of the analysis could be asked for.
    pub kept: usize,
    /// The windows, those of the reference first.
    pub windows: WindowsView<'h>,
    /// All segments that are known.
    pub segments: Vec<&'h str>,
    /// The figures.
    pub series: Vec<SeriesView<'h>>,
    /// The alert events, the oldest first.
    pub alerts: Vec<&'h AlertEvent>,
    /// The columns by what their drift has to do with performance.
    pub ranking: &'h [Ranked],
    /// The worst slices of the newest windows, the oldest first.
    pub slices: Vec<&'h SlicesView>,
}

/// Windows in columns.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the fields of window results")]
pub struct WindowsView<'h> {
    pub dataset: Vec<Dataset>,
    pub index: Vec<u64>,
    pub start: Vec<Option<String>>,
    pub end: Vec<Option<String>>,
    pub rows: Vec<u64>,
    pub coverage: Vec<Option<f64>>,
    #[serde(rename = "final")]
    pub is_final: Vec<bool>,
    pub revision: Vec<u64>,
    pub revision_cause: Vec<Option<RevisionCause>>,
    pub reason: Vec<Option<&'h str>>,
    pub epoch: Vec<u64>,
    pub closed_by: Vec<&'static str>,
    pub late_rows: Vec<u64>,
    pub rejected_rows: Vec<u64>,
    pub profile: Vec<&'h str>,
    pub sealed_at: Vec<Option<String>>,
}

/// One figure over the windows. Columns that are the same wherever there is a figure are one value.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields of figures")]
pub struct SeriesView<'h> {
    pub segment: &'h str,
    pub kind: Kind,
    pub metric: &'h Measure,
    pub method: Option<Method>,
    pub column: Option<&'h str>,
    pub of: Option<&'h Measure>,
    pub value: Vec<Number>,
    pub sampling_error: Packed<Number>,
    pub lower_confidence: Packed<Number>,
    pub upper_confidence: Packed<Number>,
    pub lower_threshold: Packed<Number>,
    pub upper_threshold: Packed<Number>,
    pub p_value: Packed<Number>,
    pub breach: Packed<Option<bool>>,
    pub status: Packed<Option<&'static str>>,
}

/// How many digits numbers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digits {
    /// All that are kept.
    Kept,
    /// As many as a picture shows: five of performance, four of all else, three of errors.
    Few,
}

/// A number, or none.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    pub(super) value: Option<f64>,
    pub(super) short: bool,
}

impl Number {
    pub(super) fn same(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            // Seven digits are written as such.
            Some(value) if self.short => serializer.serialize_f32(value as f32),
            Some(value) => serializer.serialize_f64(value),
            None => serializer.serialize_none(),
        }
    }
}

/// One value for all windows, or one for each.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Packed<T> {
    /// For all.
    Same(T),
    /// One each.
    Each(Vec<T>),
}

/// A column in the ranking.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// The column.
    pub column: String,
    /// How its drift goes together with the change of performance.
    pub correlation: Option<f64>,
    /// In how many of the last windows it is outside its thresholds.
    pub alerts: u64,
}

/// Alert events of all models, the newest last.
#[derive(Clone, Debug, Serialize)]
pub struct Alerts<'h> {
    /// The events.
    pub alerts: Vec<&'h AlertEvent>,
}

/// A column of a window beside the reference's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnView {
    /// The column.
    pub column: String,
    /// Numbers or labels.
    pub form: ColumnForm,
    /// The window's index.
    pub window: u64,
    /// The edges of the bins; numbers only.
    pub edges: Option<Vec<f64>>,
    /// The labels, and what stands for all others; labels only.
    pub categories: Option<Vec<String>>,
    /// Shares of the reference's values.
    pub reference: Vec<f64>,
    /// Shares of the window's values.
    pub observed: Vec<f64>,
    /// Shares of the window's values below the first and above the last edge.
    pub outside: Option<[f64; 2]>,
    /// Shares of the rows without a value, in the reference and in the window.
    pub missing: [Option<f64>; 2],
    /// Rows with a value.
    pub rows: Rows,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnForm {
    /// Numbers.
    Continuous,
    /// Labels.
    Categorical,
}

/// Rows with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// Of the reference.
    pub reference: u64,
    /// Of the window.
    pub observed: u64,
}

/// Settings and profile that judged windows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Epoch {
    /// Its number.
    pub epoch: u64,
    /// The model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// Hash of the profile.
    pub profile: String,
    /// Hash of the settings.
    pub settings: String,
}
