//! The metric registry: one row a metric.
//!
//! Settings, schemas, Prometheus, Parquet, the pages and the docs read this table. A new metric is a row here, an
//! arm in `evaluate.rs`, and its formula in `stats`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::stats::{Loss, Range, Threshold};

/// What a figure says.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Performance, estimated without ground truth.
    Estimated,
    /// Performance, measured against ground truth.
    Realized,
    /// Distance of the window's data from the reference's.
    Drift,
    /// Faults of the data: missing, unseen, out of range.
    Quality,
    /// What the data look like: mean, sum, rows.
    Summary,
    /// Why performance changed.
    Diagnosis,
}

impl Kind {
    /// The name used in results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Estimated => "estimated",
            Self::Realized => "realized",
            Self::Drift => "drift",
            Self::Quality => "quality",
            Self::Summary => "summary",
            Self::Diagnosis => "diagnosis",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a model predicts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// One of two classes.
    Binary,
    /// One of several classes.
    Multiclass,
    /// A number.
    Regression,
    /// Nothing that we measure: drift and quality only.
    None,
}

/// Whether a column holds numbers, categories or vectors.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Numbers with an order and distances.
    Continuous,
    /// Labels without an order.
    Categorical,
    /// Lists of numbers, each a point in a space.
    Embedding,
}

impl ColumnKind {
    /// The name used in settings and profiles.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Continuous => "continuous",
            Self::Categorical => "categorical",
            Self::Embedding => "embedding",
        }
    }
}

/// Which accumulator a metric is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// From probabilities or targets of the window's rows; estimated and realized alike.
    Performance,
    /// From the cells of one column.
    Drift,
    /// From all features at once; drift too.
    Whole,
    /// From the counters of one column.
    Quality,
    /// From the moments and values of one column.
    Summary,
    /// From the window itself.
    Rows,
    /// From other figures.
    Diagnosis,
}

/// Which direction is good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Greater is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither: a description, not a merit.
    Neither,
}

/// A row of the registry.
#[derive(Debug)]
pub struct Spec {
    /// Which metric.
    pub metric: Metric,
    /// Its name in settings, results and series.
    pub name: &'static str,
    /// Where it is read from.
    pub family: Family,
    /// The problems that have it; empty for all.
    pub problems: &'static [Problem],
    /// The columns that have it; empty where it is not of a column.
    pub columns: &'static [ColumnKind],
    /// The values that it can take.
    pub range: Range,
    /// Which direction is good news.
    pub better: Better,
    /// The threshold where the settings name none.
    pub threshold: Threshold,
    /// One line for people.
    pub help: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
}

macro_rules! metrics {
    ($($variant:ident $name:literal $family:ident $problems:ident $columns:ident $range:ident $better:ident $threshold:ident $help:literal $source:literal;)*) => {
        /// Every metric that vigie knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Metric {
            $(#[doc = $help] #[serde(rename = $name)] $variant,)*
        }

        /// The table.
        static REGISTRY: &[Spec] = &[$(Spec {
            metric: Metric::$variant,
            name: $name,
            family: Family::$family,
            problems: $problems,
            columns: $columns,
            range: Range::$range,
            better: Better::$better,
            threshold: Threshold::$threshold,
            help: $help,
            source: $source,
        },)*];
    };
}

const ALL: &[Problem] = &[];
const BINARY: &[Problem] = &[Problem::Binary];
const SEVERAL: &[Problem] = &[Problem::Multiclass];
const CLASSES: &[Problem] = &[Problem::Binary, Problem::Multiclass];
const REGRESSION: &[Problem] = &[Problem::Regression];
const NO: &[ColumnKind] = &[];
const NUMBERS: &[ColumnKind] = &[ColumnKind::Continuous];
const LABELS: &[ColumnKind] = &[ColumnKind::Categorical];
const BOTH: &[ColumnKind] = &[ColumnKind::Continuous, ColumnKind::Categorical];
const VECTORS: &[ColumnKind] = &[ColumnKind::Embedding];
const RANGED: &[ColumnKind] = &[ColumnKind::Continuous, ColumnKind::Embedding];
const EVERY: &[ColumnKind] =
    &[ColumnKind::Continuous, ColumnKind::Categorical, ColumnKind::Embedding];

metrics! {
    RocAuc "roc_auc" Performance CLASSES NO UNIT Higher THREE_SIGMA
        "area under the receiver operating characteristic" "Fawcett 2006; scikit-learn roc_auc_score";
    AveragePrecision "average_precision" Performance CLASSES NO UNIT Higher THREE_SIGMA
        "average precision over the recalls" "scikit-learn average_precision_score";
    F1 "f1" Performance CLASSES NO UNIT Higher THREE_SIGMA
        "harmonic mean of precision and recall" "van Rijsbergen 1979";
    Precision "precision" Performance CLASSES NO UNIT Higher THREE_SIGMA
        "share of the predicted positives that are positive" "Fawcett 2006";
    Recall "recall" Performance CLASSES NO UNIT Higher THREE_SIGMA
        "share of the positives that are predicted" "Fawcett 2006";
    Specificity "specificity" Performance CLASSES NO UNIT Higher THREE_SIGMA
        "share of the negatives that are predicted" "Fawcett 2006";
    Accuracy "accuracy" Performance CLASSES NO UNIT Higher THREE_SIGMA
        "share of the predictions that are right" "Fawcett 2006";
    TruePositive "true_positive" Performance BINARY NO POSITIVE Higher THREE_SIGMA
        "positives that are predicted" "confusion matrix";
    TrueNegative "true_negative" Performance BINARY NO POSITIVE Higher THREE_SIGMA
        "negatives that are predicted" "confusion matrix";
    FalsePositive "false_positive" Performance BINARY NO POSITIVE Lower THREE_SIGMA
        "negatives that are predicted as positive" "confusion matrix";
    FalseNegative "false_negative" Performance BINARY NO POSITIVE Lower THREE_SIGMA
        "positives that are predicted as negative" "confusion matrix";
    ConfusionMatrix "confusion_matrix" Performance SEVERAL NO POSITIVE Neither THREE_SIGMA
        "rows of a class by the class that is predicted: a figure a cell" "confusion matrix";
    BusinessValue "business_value" Performance CLASSES NO ANY Higher THREE_SIGMA
        "the confusion matrix weighed by what each cell is worth" "Elkan 2001";

    Mae "mae" Performance REGRESSION NO POSITIVE Lower THREE_SIGMA
        "mean absolute error, in the target's unit" "scikit-learn mean_absolute_error";
    Mape "mape" Performance REGRESSION NO POSITIVE Lower THREE_SIGMA
        "mean absolute error as a share of the target" "scikit-learn mean_absolute_percentage_error";
    Mse "mse" Performance REGRESSION NO POSITIVE Lower THREE_SIGMA
        "mean squared error" "scikit-learn mean_squared_error";
    Msle "msle" Performance REGRESSION NO POSITIVE Lower THREE_SIGMA
        "mean squared error of the logarithms of 1 + value" "scikit-learn mean_squared_log_error";
    Rmse "rmse" Performance REGRESSION NO POSITIVE Lower THREE_SIGMA
        "root of the mean squared error, in the target's unit" "scikit-learn root_mean_squared_error";
    Rmsle "rmsle" Performance REGRESSION NO POSITIVE Lower THREE_SIGMA
        "root of the mean squared error of the logarithms" "scikit-learn root_mean_squared_log_error";

    JensenShannon "jensen_shannon" Drift ALL BOTH POSITIVE Neither THREE_SIGMA_ABOVE
        "Jensen-Shannon distance, base 2" "Lin 1991; Endres and Schindelin 2003";
    KolmogorovSmirnov "kolmogorov_smirnov" Drift ALL NUMBERS UNIT Neither THREE_SIGMA_ABOVE
        "greatest distance between the two distribution functions" "Kolmogorov 1933; Smirnov 1948";
    Wasserstein "wasserstein" Drift ALL NUMBERS POSITIVE Neither THREE_SIGMA_ABOVE
        "area between the two distribution functions, in the column's unit" "Vallender 1974";
    Hellinger "hellinger" Drift ALL BOTH POSITIVE Neither THREE_SIGMA_ABOVE
        "Hellinger distance" "Hellinger 1909";
    Chi2 "chi2" Drift ALL LABELS POSITIVE Neither NONE
        "chi-squared statistic of the two tables of counts; a breach is p < 0.05" "Pearson 1900; Yates 1934";
    LInfinity "l_infinity" Drift ALL LABELS POSITIVE Neither THREE_SIGMA_ABOVE
        "greatest change of a category's share" "Chebyshev distance";
    Psi "psi" Drift ALL BOTH POSITIVE Neither THREE_SIGMA_ABOVE
        "population stability index" "Siddiqi 2006; Yurdakul 2018";

    ReconstructionError "reconstruction_error" Whole ALL VECTORS POSITIVE_OR_OPEN Neither THREE_SIGMA
        "mean distance of the rows, or of an embedding's vectors, from the principal components of the reference" "Pearson 1901; Hotelling 1933";
    DomainClassifier "domain_classifier" Whole ALL NO UNIT Neither TOLD_APART
        "how well trees tell the window from the reference: area under the curve" "Lopez-Paz and Oquab 2017";

    MissingRate "missing_rate" Quality ALL EVERY UNIT Lower THREE_SIGMA
        "share of the rows without a value" "binomial";
    UnseenRate "unseen_rate" Quality ALL LABELS UNIT Lower ABOVE_ZERO
        "share of the rows whose category the reference does not have" "count";
    OutOfRangeRate "out_of_range_rate" Quality ALL RANGED UNIT Lower ABOVE_ZERO
        "share of the rows below the reference's least or above its greatest value; of an embedding: with a list that is no vector of the reference's length" "count";

    Mean "mean" Summary ALL NUMBERS ANY Neither THREE_SIGMA
        "mean of the values" "sample mean";
    StandardDeviation "standard_deviation" Summary ALL NUMBERS POSITIVE_OR_OPEN Neither THREE_SIGMA
        "sample standard deviation of the values" "sample variance, n - 1";
    Median "median" Summary ALL NUMBERS ANY Neither THREE_SIGMA
        "median of the values" "order statistic";
    Sum "sum" Summary ALL NUMBERS ANY Neither THREE_SIGMA
        "sum of the values" "sum";
    Rows "rows" Rows ALL NO POSITIVE_OR_OPEN Neither THREE_SIGMA
        "rows of the window" "count";

    EstimatedMinusRealized "estimated_minus_realized" Diagnosis ALL NO ANY Neither NONE
        "what was estimated of a window less what came to pass" "difference of the two figures";
    PerformanceChange "performance_change" Diagnosis ALL NO ANY Neither NONE
        "what came to pass of a window less what did in the reference: what the inputs explain, and what they do not" "difference of the two figures";
    CovariateShiftEffect "covariate_shift_effect" Diagnosis ALL NO ANY Neither NONE
        "how much of the change the inputs explain: what is estimated of a window less what was of the reference" "difference of the two figures";
    ConceptDriftEffect "concept_drift_effect" Diagnosis ALL NO ANY Neither NONE
        "how much of the change they do not explain: realized less estimated, in a window and in the reference" "difference of the differences";
    SupportViolationRate "support_violation_rate" Diagnosis ALL NO UNIT Neither NONE
        "share of the rows that look like nothing in the reference" "density ratio above 99";
    ChallengerMinusChampion "challenger_minus_champion" Diagnosis ALL NO ANY Neither NONE
        "how much more a model's figure is than that of the one it is held against" "difference of the two figures";
    ExplainedShare "explained_share" Diagnosis ALL NO ANY Neither NONE
        "how much of the newest rows' targets is explained by what was learned on others: of its variance" "1 - mean squared error / variance; Bickel et al. 2009 for the weights of rows";
    ConceptDriftMagnitude "concept_drift_magnitude" Diagnosis ALL NO ANY Neither THREE_SIGMA
        "how far the chances of classes, or the absolute loss, have moved on the reference's inputs, by the concept learnt again from targets; and what that does to each metric" "Friedman 2001; Platt 1999";
    DriftCorrelation "drift_correlation" Diagnosis ALL EVERY EITHER_WAY Neither NONE
        "how a column's drift, or what else it is ranked by, goes together with the change of performance, over the last windows" "Pearson 1896";
    DriftEvidence "drift_evidence" Diagnosis ALL BOTH ANY Neither NONE
        "evidence that a column has drifted: what bets against the reference have won, in powers of ten" "Ville 1939; Waudby-Smith and Ramdas 2024";
    TargetEvidence "target_evidence" Diagnosis ALL NO ANY Neither NONE
        "evidence that targets contradict what was said of them: what bets have won, in powers of ten" "Ville 1939; Waudby-Smith and Ramdas 2024";
    BreachCount "breach_count" Diagnosis ALL EVERY POSITIVE Neither NONE
        "in how many of the last windows a column's drift, or what else it is ranked by, is a breach" "count";
    SliceExcess "slice_excess" Diagnosis ALL NO ANY Neither NONE
        "expected loss of a slice of the window's rows less that of all of them" "Hoeffding 1963; Chung et al. 2019";
    SliceLoss "slice_loss" Diagnosis ALL NO POSITIVE_OR_OPEN Neither NONE
        "mean expected loss of a slice" "sample mean";
    SliceShare "slice_share" Diagnosis ALL NO UNIT Neither NONE
        "share of the window's rows that are in a slice" "count";
    SliceChange "slice_change" Diagnosis ALL NO ANY Neither NONE
        "expected loss of a slice less that of the same slice of the reference" "difference of two means";
    SlicesExamined "slices_examined" Diagnosis ALL NO POSITIVE_OR_OPEN Neither NONE
        "how many slices were looked at, which chance is allowed for" "Bonferroni 1936";
    SliceColumnsUnpaired "slice_columns_unpaired" Diagnosis ALL NO POSITIVE_OR_OPEN Neither NONE
        "how many columns no pairs were made of, as there are too many" "count";
}

impl Metric {
    /// All metrics, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        REGISTRY.iter().map(|spec| spec.metric)
    }

    /// The row of this metric.
    pub fn spec(self) -> &'static Spec {
        // The macro writes enum and table from the same rows, so the discriminant is the index.
        &REGISTRY[self as usize]
    }

    /// The name in settings, results and series.
    pub fn as_str(self) -> &'static str {
        self.spec().name
    }

    /// The metric of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        REGISTRY.iter().find(|spec| spec.name == name).map(|spec| spec.metric)
    }

    /// The loss that a metric of predicted numbers is the mean of, and whether it is the root of that.
    pub const fn loss(self) -> Option<(Loss, bool)> {
        Some(match self {
            Self::Mae => (Loss::Absolute, false),
            Self::Mape => (Loss::AbsolutePercentage, false),
            Self::Mse => (Loss::Squared, false),
            Self::Rmse => (Loss::Squared, true),
            Self::Msle => (Loss::SquaredLog, false),
            Self::Rmsle => (Loss::SquaredLog, true),
            _ => return None,
        })
    }

    /// The names of the metrics that a loss is averaged to.
    pub fn names_of(loss: Loss) -> Vec<&'static str> {
        let of = |metric: &Self| metric.loss().is_some_and(|(of, _)| of == loss);
        Self::all().filter(of).map(Self::as_str).collect()
    }

    /// Whether targets that come later restate such a diagnosis.
    pub const fn rests_on_targets(self) -> bool {
        matches!(
            self,
            Self::EstimatedMinusRealized
                | Self::PerformanceChange
                | Self::CovariateShiftEffect
                | Self::ConceptDriftEffect
                | Self::TargetEvidence
                | Self::ConceptDriftMagnitude
        )
    }

    /// Whether a figure of this metric is held against thresholds that settings may name.
    pub const fn has_thresholds(self) -> bool {
        !self.is_of_slices()
            && !matches!(
                self,
                Self::Chi2
                    | Self::ChallengerMinusChampion
                    | Self::ExplainedShare
                    | Self::DriftCorrelation
                    | Self::BreachCount
                    | Self::DriftEvidence
                    | Self::TargetEvidence
            )
    }

    /// Whether a figure of this metric is of the worst slices of a window: its name is that of a slice, not of a column.
    pub const fn is_of_slices(self) -> bool {
        matches!(
            self,
            Self::SliceExcess
                | Self::SliceLoss
                | Self::SliceShare
                | Self::SliceChange
                | Self::SlicesExamined
                | Self::SliceColumnsUnpaired
        )
    }

    /// Whether a problem has this metric.
    pub fn serves(self, problem: Problem) -> bool {
        let problems = self.spec().problems;
        problems.is_empty() || problems.contains(&problem)
    }

    /// Whether a column of that kind has this metric.
    pub fn applies_to(self, column: ColumnKind) -> bool {
        self.spec().columns.contains(&column)
    }
}

/// What a figure is of: a metric, one of the cells that a metric consists of, or a metric of the user's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// A metric.
    Metric(Metric),
    /// A cell of the confusion matrix of several classes, by its name.
    Cell(Arc<str>),
    /// A metric of the user's own, by its name.
    Custom(Arc<str>),
}

impl Measure {
    /// A cell of the confusion matrix: `true_<class>_pred_<class>`.
    pub fn cell(truth: &str, predicted: &str) -> Self {
        Self::Cell(format!("true_{truth}_pred_{predicted}").into())
    }

    /// The name in results and series.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Metric(metric) => metric.as_str(),
            Self::Cell(name) | Self::Custom(name) => name,
        }
    }

    /// The metric that it is, or is a part of, or is made from.
    pub fn metric(&self) -> Metric {
        match self {
            Self::Metric(metric) => *metric,
            Self::Cell(_) | Self::Custom(_) => Metric::ConfusionMatrix,
        }
    }

    /// Whether a metric of the user's own may have that name: small letters, digits and `_`, no digit first.
    pub fn may_be_custom(name: &str) -> bool {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
    }

    /// Whether a name is that of a cell of several classes.
    pub fn is_cell(name: &str) -> bool {
        name.strip_prefix("true_").is_some_and(|rest| rest.contains("_pred_"))
    }

    /// The measure of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match Metric::from_name(name) {
            Some(metric) => Some(Self::Metric(metric)),
            None if Self::is_cell(name) => Some(Self::Cell(name.into())),
            None => Self::may_be_custom(name).then(|| Self::Custom(name.into())),
        }
    }
}

impl From<Metric> for Measure {
    fn from(metric: Metric) -> Self {
        Self::Metric(metric)
    }
}

impl PartialEq<Metric> for Measure {
    fn eq(&self, other: &Metric) -> bool {
        *self == Self::Metric(*other)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| D::Error::custom(format!("no metric `{name}`")))
    }
}

impl JsonSchema for Measure {
    fn schema_name() -> Cow<'static, str> {
        "Measure".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A metric, a cell of the confusion matrix of several classes, or a metric of the user's own.",
            "anyOf": [
                generator.subschema_for::<Metric>(),
                { "type": "string", "pattern": "^true_.*_pred_.*$" },
                { "type": "string", "pattern": "^[a-z_][a-z0-9_]*$" },
            ],
        })
    }
}

/// What money is counted in, by the metric that counts it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Currencies(BTreeMap<String, String>);

impl Currencies {
    /// No metric counts money.
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// That of the business value, and those of metrics of the user's own by name.
    pub fn new(business_value: Option<&str>, custom: &BTreeMap<String, String>) -> Self {
        let value = business_value.map(|of| (Metric::BusinessValue.as_str(), of));
        let custom = custom.iter().map(|(name, of)| (name.as_str(), of.as_str()));
        let all = custom.chain(value).map(|(name, of)| (name.to_owned(), of.to_owned()));
        Self(all.collect())
    }

    /// That of one metric alone.
    pub fn only(metric: &Measure, currency: Option<&str>) -> Self {
        let currency = currency.map(|of| (metric.as_str().to_owned(), of.to_owned()));
        Self(currency.into_iter().collect())
    }

    /// What a metric counts money in, if it does.
    pub fn of(&self, metric: &Measure) -> Option<&str> {
        self.0.get(metric.as_str()).map(String::as_str)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, spec) in REGISTRY.iter().enumerate() {
            assert_eq!(spec.metric as usize, index, "{}", spec.name);
            assert_eq!(Metric::from_name(spec.name), Some(spec.metric));
        }
    }
}
