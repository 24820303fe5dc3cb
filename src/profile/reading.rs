//! What was measured of one window, before anyone says what it means.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::metric::Metric;
use crate::profile::SlicesReading;
use crate::stats::{Cells, Confusion, Loss, Undefined};

/// A value, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured(pub Result<f64, Undefined>);

/// What was measured of one window: of the reference, kept in the profile, or of the stream.
///
/// It does not depend on thresholds, normalisation or which metrics are asked for: those come with the settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Rows of the window.
    pub rows: u64,
    /// In the order of the profile's columns.
    pub columns: Vec<ColumnReading>,
    /// Drift of all features at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whole: Vec<WholeValue>,
    /// From calibrated probabilities; models with a score have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated: Option<Performance>,
    /// What is estimated robust to covariate shift, where that is asked for; profiles hold none.
    #[serde(skip)]
    pub robust: Option<Robust>,
    /// From targets; models with a target have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realized: Option<Performance>,
    /// Of the metrics over rows, in the order of the profile's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<RowReading>,
    /// What bets against the reference have won; of the stream alone.
    #[serde(skip)]
    pub evidence: Vec<Evidence>,
    /// Where the model does badly; only of windows that are scored, where it is asked for.
    #[serde(skip)]
    pub slices: Option<Box<SlicesReading>>,
}

/// What bets against the reference have won.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// On what.
    pub metric: Metric,
    /// The column, where it is of one.
    pub column: Option<String>,
    /// The natural logarithm of the wealth, from 1.
    pub logarithm: Measured,
    /// That of the wealth from which on it is a warning.
    pub limit: f64,
}

/// What was measured of a metric over rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RowReading {
    /// As it is expected; models of which something can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated: Option<RowMean>,
    /// From targets; models with a target have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realized: Option<RowMean>,
}

/// The mean of a metric over rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowMean {
    /// Rows that have a value; as many as are expected to.
    pub rows: u64,
    /// Their mean.
    pub value: Measured,
}

/// What was measured of one column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnReading {
    /// Rows without a value.
    pub missing: u64,
    /// Those of them whose event did not name the field.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub absent: u64,
    /// Rows whose category the reference does not have.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unseen: u64,
    /// Rows outside the reference's range; of an embedding: with a list that is no vector.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub out_of_range: u64,
    /// Summary statistics and drift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ColumnValue>,
}

/// One figure of a column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnValue {
    /// Which.
    pub metric: Metric,
    /// Its value.
    pub value: Measured,
    /// Where the method is a test: the probability of a value as great without drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// One standard error, where the window itself says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_error: Option<f64>,
}

impl ColumnValue {
    /// A figure that is no test, and of whose scatter the window says nothing.
    pub fn plain(metric: Metric, value: Result<f64, Undefined>) -> Self {
        Self { metric, value: Measured(value), p_value: None, sampling_error: None }
    }
}

/// One figure of all features at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WholeValue {
    /// Which.
    pub metric: Metric,
    /// Its value.
    pub value: Measured,
    /// One standard error, where the window itself says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_error: Option<f64>,
    /// The features that say most, greatest first: which of the profile's columns, and its share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<(usize, f64)>,
}

/// What was measured of the predictions, estimated or realized, by what the model predicts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Performance {
    /// One of two classes.
    Binary(BinaryPerformance),
    /// One of several classes.
    Multiclass(MulticlassPerformance),
    /// A number.
    Regression(RegressionPerformance),
}

/// What is estimated by the reference as it would be if its rows were spread as the window's.
#[derive(Clone, Debug, PartialEq)]
pub struct Robust {
    /// The performance, or why none is estimated.
    pub performance: Result<Performance, Undefined>,
    /// How many rows of the reference it stands on: fewer the more unequal their weights are.
    pub effective_rows: f64,
    /// Share of the rows that look like nothing in the reference.
    pub outside: Measured,
}

impl Performance {
    /// Rows that could be used at all: with a score, or with a target.
    pub fn usable(&self) -> u64 {
        match self {
            Self::Binary(binary) => binary.usable,
            Self::Multiclass(several) => several.usable,
            Self::Regression(regression) => regression.usable,
        }
    }
}

/// Why a confusion matrix of no rows has none: without any usable row the ranking metrics say it; else it is the
/// predictions that are missing.
fn unpredicted(predicted: u64, usable: u64, ranking: Measured) -> Option<Undefined> {
    match (predicted, usable, ranking.0) {
        (1.., ..) => None,
        (0, 0, Err(reason)) => Some(reason),
        (0, ..) => Some(Undefined::AllMissing),
    }
}

impl BinaryPerformance {
    /// Why the cells are of no rows, if they are.
    pub fn unpredicted(&self) -> Option<Undefined> {
        unpredicted(self.predicted, self.usable, self.roc_auc)
    }
}

impl MulticlassPerformance {
    /// Why the cells are of no rows, if they are.
    pub fn unpredicted(&self) -> Option<Undefined> {
        unpredicted(self.predicted, self.usable, self.roc_auc)
    }
}

/// What was measured of the predictions of a regression.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegressionPerformance {
    /// Rows that could be used at all: with a prediction, or with a target.
    pub usable: u64,
    /// Rows that have losses: with a prediction (and a target).
    pub predicted: u64,
    /// The mean of each loss, in the order of [`Loss::ALL`].
    pub losses: [Measured; Loss::ALL.len()],
}

/// What was measured of the predictions of a binary classifier.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BinaryPerformance {
    /// Rows that could be used at all: with a score, or with a target.
    pub usable: u64,
    /// Rows in the cells: with a prediction, and a score or target.
    pub predicted: u64,
    /// Rows in the order of scores: with a score (and a target).
    pub scored: u64,
    /// The confusion matrix, expected or counted.
    pub cells: Cells,
    /// Area under the receiver operating characteristic.
    pub roc_auc: Measured,
    /// Average precision.
    pub average_precision: Measured,
}

/// What was measured of the predictions of a classifier of several classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MulticlassPerformance {
    /// Rows that could be used at all: with all scores, or with a target.
    pub usable: u64,
    /// Rows in the cells: with a prediction, and all scores or a target.
    pub predicted: u64,
    /// Rows in the order of scores: with all scores (and a target).
    pub scored: u64,
    /// The confusion matrix, expected or counted.
    pub cells: Confusion,
    /// Mean over the classes of the area under the receiver operating characteristic.
    pub roc_auc: Measured,
    /// Mean over the classes of their average precision.
    pub average_precision: Measured,
}

impl Reading {
    /// The figure of a metric over all features, where it was measured.
    pub fn whole(&self, metric: Metric) -> Option<&WholeValue> {
        self.whole.iter().find(|value| value.metric == metric)
    }
}

impl ColumnReading {
    /// The figure of a metric, where it was measured.
    pub fn get(&self, metric: Metric) -> Option<&ColumnValue> {
        self.values.iter().find(|value| value.metric == metric)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Serialize for Measured {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Ok(value) => serializer.serialize_f64(value),
            Err(reason) => reason.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Measured {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Value(f64),
            Reason(Undefined),
        }
        match Either::deserialize(deserializer) {
            Ok(Either::Value(value)) => Ok(Self(Ok(value))),
            Ok(Either::Reason(reason)) => Ok(Self(Err(reason))),
            Err(_) => Err(D::Error::custom("a number or the reason why there is none")),
        }
    }
}
