//! `[model.<name>.performance]`, `.drift`, `.quality` and `.thresholds`.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use crate::metric::{ColumnKind, Family, Metric};
use crate::settings::schema::list_of;
use crate::settings::typed::TextOr;
use crate::settings::{Calibrator, Multivariate, later};
use crate::stats::{Normalization, Threshold, ValueNormalization};
use crate::window::RankBy;

/// Which performance is estimated and measured.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Performance {
    /// How scores become probabilities before they are counted; a table with a calibrator a class where there are
    /// several. Default: `auto`, isotonic where that lowers the calibration error on the reference.
    pub(crate) calibration: TextOr<BTreeMap<String, Calibrator>, Calibrator>,
    /// Which metrics; `confusion_matrix` stands for its four cells. Default: all that the problem has, except the
    /// confusion matrix and the business value, which depend on the window's size or need prices: for `binary`
    /// `roc_auc`, `average_precision`, `f1`, `precision`, `recall`, `specificity` and `accuracy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "performance_metrics")]
    #[schemars(example = example_metrics())]
    pub(crate) metrics: Option<Vec<String>>,
    /// What each cell of the confusion matrix is worth: rows are true classes, columns predicted classes, both in
    /// ascending order, so `[[true negative, false positive], [false negative, true positive]]`. With it,
    /// `business_value` is among the default metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = example_business_value())]
    pub(crate) business_value: Option<Vec<Vec<f64>>>,
    /// What counts are divided by.
    pub(crate) normalize: Normalize,
    /// What the business value counts, for reading only: in alerts, on the page and in reports. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"EUR")]
    pub(crate) currency: Option<String>,
    /// Whether the concept is learnt again from the targets of each window, by trees, and held against the reference's:
    /// how far have the chances of the classes moved, or the absolute loss, and what does that do to each metric
    /// (`concept_drift_magnitude`)? At least a hundred targets teach, two thousand at most; late ones in the last hundred
    /// windows. Default: no, as it needs a sample of rows: two megabytes in the profile and in each open window, up to a
    /// quarter of one in each that waits for targets, eight bytes in each prediction that waits, and up to some seconds a window.
    pub(crate) concept_drift: bool,
    /// Metrics of your own: an SQL expression over the cells of the confusion matrix (of several classes
    /// `"true_<class>_pred_<class>"`) and `rows`. Or `{ row = ".." }`, an expression over the columns of a row
    /// (features, scores, prediction and target), of which the mean over the rows is taken. `currency = ".."` beside
    /// `row` or `cells` says what the metric counts, as in `{ cells = "..", currency = "EUR" }`. Default: none.
    #[schemars(example = example_custom())]
    pub(crate) custom: BTreeMap<String, TextOr<CustomTable>>,
    /// Whether performance is also estimated in a way that is robust to covariate shift (method `pape`): where the score
    /// is worth something else in the region that the inputs have moved to than it was on average. Default: `false`, as
    /// it keeps a sample of rows in the profile and of every open window, and takes some hundredths of a second a window.
    pub(crate) robust: bool,
}

impl Default for Performance {
    fn default() -> Self {
        Self {
            calibration: TextOr::Text(Calibrator::Auto),
            metrics: None,
            business_value: None,
            normalize: Normalize::default(),
            currency: None,
            concept_drift: false,
            custom: BTreeMap::new(),
            robust: false,
        }
    }
}

fn example_metrics() -> [&'static str; 5] {
    ["roc_auc", "f1", "accuracy", "confusion_matrix", "business_value"]
}

fn example_business_value() -> [[i32; 2]; 2] {
    [[0, -1], [-1, 5]]
}

fn example_custom() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([("cost_per_loan", "(10 * false_positive + 500 * false_negative) / rows")])
}

/// What counts are divided by.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Normalize {
    /// The cells of the confusion matrix. Default: `none`, they are counts of rows.
    pub(crate) confusion_matrix: Normalization,
    /// The business value. Default: `none`, it is the sum of the window.
    pub(crate) business_value: ValueNormalization,
}

/// A metric of one's own: over `cells` or over a `row`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct CustomTable {
    /// SQL expression over the cells of the confusion matrix and `rows`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cells: Option<String>,
    /// SQL expression over columns, averaged over the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) row: Option<String>,
    /// What the metric counts, for reading only. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
}

impl CustomTable {
    /// A metric over cells that has no unit.
    pub(crate) fn cells(expression: String) -> Self {
        Self { cells: Some(expression), row: None, currency: None }
    }
}

/// How columns are compared with the reference.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Drift {
    /// Methods for columns of numbers. Default: `jensen_shannon`, which sees any change of shape, lies between 0 and
    /// 1 and does not depend on the column's unit.
    #[schemars(schema_with = "continuous_methods")]
    pub(crate) continuous: Vec<String>,
    /// Methods for columns of categories. Default: `jensen_shannon`, so that both kinds of columns can be compared.
    #[schemars(schema_with = "categorical_methods")]
    pub(crate) categorical: Vec<String>,
    /// Methods over all features at once. Default: `reconstruction_error`, which sees where features no longer go
    /// together as they did, though each by itself may look as before. `domain_classifier` tells how well trees
    /// tell a window from the reference, and by which features; it costs some hundredths of a second a window.
    pub(crate) multivariate: Vec<Multivariate>,
    /// Columns are ranked over so many of the last windows: by how their drift goes together with the change of the
    /// leading performance figure, and by the number of breaches. 3 to 200; 0 ranks nothing. Default: 20, enough to
    /// tell columns apart, and few enough to forget what is over.
    #[schemars(range(min = 0, max = 200))]
    pub(crate) rank_windows: u64,
    /// What columns are ranked by, a ranking each: `drift` (of each column the first method that is asked for), a drift
    /// method, `missing_rate`, `unseen_rate`, `out_of_range_rate`, `mean`, `standard_deviation`, `median`, `sum`, or
    /// `rows`. Default: `drift`; each more adds up to three figures a column to every result.
    #[schemars(schema_with = "ranked_by")]
    pub(crate) rank_by: Vec<String>,
}

impl Default for Drift {
    fn default() -> Self {
        let method = vec![Metric::JensenShannon.as_str().to_owned()];
        let multivariate = vec![Multivariate::ReconstructionError];
        let rank_by = vec![RankBy::Drift.as_str().to_owned()];
        let (continuous, categorical) = (method.clone(), method);
        Self { continuous, categorical, multivariate, rank_windows: 20, rank_by }
    }
}

/// How faults of the data are counted.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Quality {
    /// Shares of the rows; `false`: numbers of rows. Default: `true`, as shares do not depend on the window's size.
    pub(crate) normalize: bool,
}

impl Default for Quality {
    fn default() -> Self {
        Self { normalize: true }
    }
}

/// When a figure is a breach: by standard deviations of the reference windows, or by fixed limits.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ThresholdTable {
    /// So many standard deviations around the mean of the reference windows, on the sides that the metric's default
    /// has: both for performance, above for drift and faults.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub(crate) standard_deviations: Option<f64>,
    /// So many below the mean; without it the lower side is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub(crate) lower_standard_deviations: Option<f64>,
    /// So many above the mean; without it the upper side is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub(crate) upper_standard_deviations: Option<f64>,
    /// A value below it is a breach; without it the lower side is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lower: Option<f64>,
    /// A value above it is a breach; without it the upper side is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upper: Option<f64>,
}

/// Never a breach.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum NoThreshold {
    /// Never a breach.
    None,
}

fn performance_metrics(_: &mut SchemaGenerator) -> Schema {
    let of_performance = |metric: &Metric| metric.spec().family == Family::Performance;
    let names = Metric::all().filter(of_performance).map(Metric::as_str);
    let later = later::METRICS.iter().filter(|metric| !metric.problems.is_empty());
    list_of(names.chain(["confusion_matrix"]).chain(later.map(|metric| metric.name)))
}

fn continuous_methods(_: &mut SchemaGenerator) -> Schema {
    list_of(methods(ColumnKind::Continuous).map(Metric::as_str))
}

fn categorical_methods(_: &mut SchemaGenerator) -> Schema {
    list_of(methods(ColumnKind::Categorical).map(Metric::as_str))
}

fn ranked_by(_: &mut SchemaGenerator) -> Schema {
    list_of(RankBy::all().map(RankBy::as_str))
}

/// The drift methods that a kind of column has.
pub(crate) fn methods(kind: ColumnKind) -> impl Iterator<Item = Metric> {
    Metric::all()
        .filter(move |metric| metric.spec().family == Family::Drift && metric.applies_to(kind))
}

/// Metrics by name with their help, so that an editor can complete them; else `column.metric`.
pub(super) fn thresholds(generator: &mut SchemaGenerator) -> Schema {
    let each = generator.subschema_for::<TextOr<ThresholdTable, NoThreshold>>();
    generator.definitions_mut().insert("Threshold".to_owned(), each.into());
    let threshold = json!({ "$ref": "#/$defs/Threshold" });
    let metrics = || Metric::all().filter(|metric| metric.has_thresholds());
    let mut properties = Map::new();
    for metric in metrics() {
        let spec = metric.spec();
        let description = format!("{}. Default: {}.", spec.help, in_words(spec.threshold));
        let threshold = json!({ "$ref": "#/$defs/Threshold", "description": description });
        properties.insert(spec.name.to_owned(), threshold);
    }
    let later = later::METRICS.iter().map(|metric| metric.name);
    for name in later.chain(["confusion_matrix"]) {
        properties.insert(name.to_owned(), threshold.clone());
    }
    let of_columns = metrics().filter(|metric| !metric.spec().columns.is_empty());
    let names = of_columns.map(Metric::as_str).collect::<Vec<_>>().join("|");
    let patterns = Map::from_iter([(format!(r"\.({names})$"), threshold)]);
    json_schema!({
        "type": "object",
        "properties": properties,
        "patternProperties": patterns,
        "additionalProperties": false
    })
}

fn in_words(threshold: Threshold) -> String {
    let limit = |side: &str, limit: Option<f64>| limit.map(|limit| format!("{side} {limit}"));
    let (all, sides) = match threshold {
        Threshold::None => return "never a breach".to_owned(),
        Threshold::Constant { lower, upper } => {
            ("a breach", [limit("below", lower), limit("above", upper)])
        }
        Threshold::StandardDeviation { lower, upper } => {
            let sides = [limit("below by", lower), limit("above by", upper)];
            ("standard deviations from the mean of the reference windows", sides)
        }
    };
    let sides = sides.into_iter().flatten().collect::<Vec<_>>().join(", ");
    format!("{all}: {sides}")
}
