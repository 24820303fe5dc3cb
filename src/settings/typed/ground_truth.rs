//! `[model.<name>.ground_truth]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::typed::{DurationText, OneOrMany, TextOr, TimestampTable};

/// Where targets come from that arrive after the prediction.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GroundTruth {
    /// Topics with this model's targets. Default: `kafka.topics.ground_truth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = example_topics())]
    pub(crate) topics: Option<Vec<String>>,
    /// Where a ground-truth event says which prediction it is of. Default: `columns.id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"loan.id")]
    pub(crate) key: Option<OneOrMany>,
    /// Where the prediction has the same. Default: `columns.id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"features.loan_id")]
    pub(crate) matches: Option<OneOrMany>,
    /// Where the target lies in a ground-truth event. Default: `columns.target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"outcome.repaid")]
    pub(crate) target: Option<String>,
    /// When the target was known; of two for one prediction the later counts. Default: the order of the topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"decided_at")]
    pub(crate) timestamp: Option<TextOr<TimestampTable>>,
    /// How long a prediction waits for its target, from its arrival. Default: 60 days, which covers two monthly
    /// cycles; every waiting prediction costs disk.
    pub(crate) wait: DurationText,
    /// Realized figures are restated at most this often, and at steps of coverage; once more when `wait` is over.
    /// Default: 15 minutes, often enough for a person to act on.
    pub(crate) every: DurationText,
    /// Below this share of rows with a target realized figures breach nothing. Default: 0.2, as the first targets to
    /// come are seldom like the rest.
    #[schemars(range(min = 0, max = 1))]
    pub(crate) min_coverage: f64,
}

impl Default for GroundTruth {
    fn default() -> Self {
        Self {
            topics: None,
            key: None,
            matches: None,
            target: None,
            timestamp: None,
            wait: DurationText::of("60d"),
            every: DurationText::of("15m"),
            min_coverage: 0.2,
        }
    }
}

fn example_topics() -> [&'static str; 1] {
    ["outcomes"]
}
