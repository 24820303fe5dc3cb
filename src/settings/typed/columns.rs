//! `[model.<name>.columns]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::typed::{OneOrMany, TextOr};
use crate::settings::{Label, TimeUnit};

/// Where in an event, or in which column of a file, everything lies.
///
/// Paths: `request.id`, `outputs[0].probability`; `$key`, `$timestamp`, `$topic` and `$header.name` are the record's
/// own. Where nothing is given, `vigie check` goes by the usual names and says what it took.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Columns {
    /// What tells one prediction from another; several paths together where one is not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"id")]
    pub(crate) id: Option<OneOrMany>,
    /// When the prediction was made: RFC 3339, ISO 8601 with a space or without offset (then UTC), Arrow timestamps,
    /// or epoch numbers. `{ path = "ts", unit = "ms" }` says in which unit a number counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"timestamp")]
    pub(crate) timestamp: Option<TextOr<TimestampTable>>,
    /// The score: the model's probability of the positive class. With several classes a table, class by class:
    /// `{ prepaid_card = "p_prepaid", upmarket_card = "p_upmarket" }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"y_pred_proba")]
    pub(crate) probability: Option<TextOr<BTreeMap<String, String>>>,
    /// What the model decided; or `{ threshold = 0.5 }`, where it follows from the probability: positive from the
    /// threshold upwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"y_pred")]
    pub(crate) prediction: Option<TextOr<PredictionTable>>,
    /// What turned out to be true, where the same event or the reference has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"repaid")]
    pub(crate) target: Option<String>,
    /// What the model saw; `features.*` is all of an object. Default: the profile's; for a new profile every other
    /// column, except texts and whole numbers whose values are all distinct, which are ids. Lists of numbers of one length
    /// are embeddings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = example_features())]
    pub(crate) features: Option<Vec<String>>,
    /// Binary models: which class the probability is of. Default: `1`, `true`, `"1"` or `"true"`, whichever the
    /// targets have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1)]
    pub(crate) positive: Option<Label>,
    /// Columns that hold categories, where their type says otherwise: numbers that are codes. Default: none.
    pub(crate) categorical: Vec<String>,
    /// Columns that hold numbers, where their type says otherwise. Default: none.
    pub(crate) continuous: Vec<String>,
    /// Which model the event is of. Default: the only model configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"model.name")]
    pub(crate) model: Option<String>,
    /// Which version of the model the event is of. Default: one version without a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"model.version")]
    pub(crate) version: Option<String>,
}

/// A time and how it counts.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct TimestampTable {
    /// Where it lies.
    pub(crate) path: String,
    /// What a number counts since 1970. Default: told from the size of the numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<TimeUnit>,
}

/// A prediction that follows from the probability.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct PredictionTable {
    /// From this probability upwards the prediction is positive.
    #[schemars(range(min = 0, max = 1))]
    pub(crate) threshold: f64,
}

fn example_features() -> [&'static str; 1] {
    ["features.*"]
}
