//! `[model.<name>.early_warning]`: what an open window warns of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an open window warns of, before it is sealed: with an alert of its own kind, which the sealed window confirms or
/// takes back.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct EarlyWarning {
    /// Columns whose drift is watched, by name: of numbers or of categories. Default: the model's scores, or its predictions
    /// where it has none, since they move when inputs move to where the model says something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &["score"])]
    pub(crate) columns: Option<Vec<String>>,
    /// Whether targets are held against what was said of them, as they come. Default: true.
    pub(crate) targets: bool,
    /// Warnings for nothing come in at most this share of the windows, over all that is watched together, as long as rows
    /// are drawn like those of the reference. Default: 0.001, one in a thousand windows.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub(crate) false_alarms: f64,
    /// A mean that moves by less than so many standard deviations is not worth a warning. Default: 0.05; 0 warns of all that
    /// the reference can tell from itself.
    #[schemars(range(min = 0))]
    pub(crate) tolerance: f64,
}

impl Default for EarlyWarning {
    fn default() -> Self {
        Self { columns: None, targets: true, false_alarms: 0.001, tolerance: 0.05 }
    }
}
