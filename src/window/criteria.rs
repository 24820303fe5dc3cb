//! What the settings ask of a model's windows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::formula::Formula;
use crate::metric::{ColumnKind, Family, Metric};
use crate::stats::{Normalization, Threshold, ValueNormalization};

/// What the settings ask of a model's windows: which figures, in which form, held against what.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct Criteria {
    /// Performance metrics, in the order in which they are published.
    pub performance: Vec<Metric>,
    /// Drift methods for continuous columns.
    pub continuous: Vec<Metric>,
    /// Drift methods for categorical columns.
    pub categorical: Vec<Metric>,
    /// Drift methods for all features at once.
    pub whole: Vec<Metric>,
    /// Whether performance is also estimated robust to covariate shift.
    pub robust: bool,
    /// Whether something else is asked for that needs a sample of rows.
    pub sampled: bool,
    /// Whether the concept is learnt again from the targets, as they come.
    pub concept: bool,
    /// How the cells of the confusion matrix are published.
    pub confusion: Normalization,
    /// What a prediction is worth: rows are true classes, columns predicted ones, in their order (the negative one first).
    pub business_value: Option<Vec<Vec<f64>>>,
    /// How business value is published.
    pub business: ValueNormalization,
    /// Metrics of the user's own, in the order of their names.
    pub custom: Vec<CustomMetric>,
    /// When the metrics over rows that the profile has are breaches, by name; one that is not here is not published.
    pub rowwise: BTreeMap<String, Threshold>,
    /// Rates of missing, unseen and out-of-range values; counts where false.
    pub rates: bool,
    /// Thresholds that differ from the metrics' own: by column, or for all columns and performance without one. The
    /// narrower one wins.
    pub thresholds: BTreeMap<(Option<String>, Metric), Threshold>,
    /// A window with fewer rows breaches nothing.
    pub min_rows: u64,
    /// A segment with fewer rows in a window breaches nothing.
    pub segment_min_rows: u64,
    /// Realized figures of a window with a lower share of targets breach nothing.
    pub min_coverage: f64,
    /// At most so many of a window's worst slices are named; none are looked for where it is 0.
    pub worst_slices: u64,
    /// Columns are ranked over so many of the last windows; not at all where it is 0.
    pub rank_windows: u64,
    /// What they are ranked by: a ranking each, in their order.
    pub rank_by: Vec<RankBy>,
    /// What an open window warns of; `None`: of nothing.
    pub early: Option<Early>,
}

/// What an open window warns of.
#[derive(Clone, Debug, PartialEq)]
pub struct Early {
    /// The columns whose drift is watched; `None` for what the model puts out.
    pub columns: Option<Vec<String>>,
    /// Whether targets are held against what was said of them.
    pub targets: bool,
    /// Warnings for nothing come in at most this share of the windows.
    pub false_alarms: f64,
    /// A change within so many standard deviations is none.
    pub tolerance: f64,
}

/// What columns are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RankBy {
    /// Their drift: of each column the first method that is asked for of its kind.
    Drift,
    /// One metric of columns, or the number of rows.
    Metric(Metric),
}

impl RankBy {
    /// All that there is to rank by: distances of single columns, faults of their data, what their values look like, and
    /// the number of rows.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_columns = |metric: &Metric| {
            let family = metric.spec().family;
            matches!(family, Family::Drift | Family::Quality | Family::Summary | Family::Rows)
        };
        let metrics = Metric::all().filter(of_columns).map(Self::Metric);
        [Self::Drift].into_iter().chain(metrics)
    }

    /// The name in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Metric(metric) => metric.as_str(),
        }
    }

    /// What is ranked by under that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|by| by.as_str() == name)
    }
}

impl Serialize for RankBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RankBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_name(&name)
            .ok_or_else(|| D::Error::custom(format!("nothing is ranked by `{name}`")))
    }
}

/// A metric of the user's own.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomMetric {
    /// What it is called.
    pub name: Arc<str>,
    /// What it is worth, given the cells of the confusion matrix by their names, and the `rows` that they add up to.
    pub formula: Formula,
    /// When it is a breach.
    pub threshold: Threshold,
}

impl Criteria {
    /// The threshold of a figure.
    pub fn threshold(&self, column: Option<&str>, metric: Metric) -> Threshold {
        let of = |column: Option<&str>| self.thresholds.get(&(column.map(str::to_owned), metric));
        of(column).or_else(|| of(None)).copied().unwrap_or(metric.spec().threshold)
    }
}

impl Criteria {
    /// The metric that a column of a kind is ranked by; `None` where it has none that is asked for.
    pub fn ranks_by(&self, by: RankBy, kind: ColumnKind) -> Option<Metric> {
        let asked = match kind {
            ColumnKind::Continuous => self.continuous.as_slice(),
            ColumnKind::Categorical => self.categorical.as_slice(),
            ColumnKind::Embedding => &[],
        };
        match by {
            RankBy::Drift if kind == ColumnKind::Embedding => Some(Metric::ReconstructionError),
            RankBy::Drift => asked.iter().copied().find(|method| method.applies_to(kind)),
            RankBy::Metric(metric) => {
                let made = metric.spec().family != Family::Drift || asked.contains(&metric);
                Some(metric).filter(|metric| made && metric.applies_to(kind))
            }
        }
    }

    /// What a prediction of one of two classes is worth.
    pub(super) fn worth_of_two(&self) -> Option<[[f64; 2]; 2]> {
        match self.business_value.as_deref()? {
            [negative, positive] => {
                Some([negative.as_slice().try_into().ok()?, positive.as_slice().try_into().ok()?])
            }
            _ => None,
        }
    }
}

impl Default for Criteria {
    fn default() -> Self {
        use Metric::{
            Accuracy, AveragePrecision, F1, JensenShannon, Precision, Recall, ReconstructionError,
            RocAuc, Specificity,
        };
        Self {
            performance: vec![
                RocAuc,
                AveragePrecision,
                F1,
                Precision,
                Recall,
                Specificity,
                Accuracy,
            ],
            continuous: vec![JensenShannon],
            categorical: vec![JensenShannon],
            whole: vec![ReconstructionError],
            robust: false,
            sampled: false,
            concept: false,
            confusion: Normalization::None,
            business_value: None,
            business: ValueNormalization::None,
            custom: Vec::new(),
            rowwise: BTreeMap::new(),
            rates: true,
            thresholds: BTreeMap::new(),
            min_rows: 300,
            segment_min_rows: 300,
            min_coverage: 0.2,
            worst_slices: 0,
            rank_windows: 20,
            rank_by: vec![RankBy::Drift],
            early: None,
        }
    }
}
