//! `[[notify]]`: whom to tell of alerts beside the alert topic.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::Severity;
use crate::settings::NotifyForm;
use crate::settings::typed::Property;

/// Somebody who is told of alerts. Each event is told at least once, in its order, with an id by which doubles are known; what
/// cannot be told is tried again, and a restart goes on where the last one was.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notify {
    /// What it is called: its place in the alert topic is kept under that name.
    pub(crate) name: String,
    /// In which form.
    pub(crate) to: NotifyForm,
    /// Where it goes, as a text, `{ file = "path" }` or `{ env = "NAME" }`. Default for PagerDuty: its own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<Property>,
    /// From which severity on. Default: `warning`, all.
    #[serde(default = "all")]
    pub(crate) severity: Severity,
    /// Of which models. Default: all.
    #[serde(default)]
    pub(crate) models: Vec<String>,
    /// What signs a webhook (HMAC-SHA256 of the body, in the header `x-vigie-signature`), PagerDuty's routing key, or a
    /// bearer token for Alertmanager: `{ file = "path" }` or `{ env = "NAME" }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Property>,
}

const fn all() -> Severity {
    Severity::Warning
}
