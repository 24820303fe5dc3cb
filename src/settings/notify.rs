//! `[[notify]]`: whom to tell of alerts beside the alert topic.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::Severity;
use crate::settings::Outside;
use crate::settings::at::At;
use crate::settings::mistake::Mistakes;
use crate::settings::properties::secret;
use crate::settings::secret::Secret;
use crate::settings::typed;

/// Somebody who is told of alerts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notify {
    /// What it is called: its place in the alert topic is kept under that name.
    pub name: String,
    /// In which form.
    pub form: NotifyForm,
    /// Where it goes; it may hold a secret.
    pub url: Secret,
    /// From which severity on.
    pub severity: Severity,
    /// Of which models; empty for all.
    pub models: Vec<String>,
    /// What signs a webhook, PagerDuty's routing key, or a bearer token for Alertmanager.
    pub secret: Option<Secret>,
}

/// In which form alerts are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum NotifyForm {
    /// The alert event itself, signed.
    Webhook,
    /// PagerDuty's Events API v2.
    Pagerduty,
    /// Alertmanager's API v2.
    Alertmanager,
    /// A text, as Slack's incoming webhooks take it, and others that are compatible.
    Slack,
}

impl Notify {
    pub(crate) fn meant(
        typed: Vec<typed::Notify>,
        outside: &Outside<'_>,
        at: &At<'_>,
        mistakes: &mut Mistakes,
    ) -> Vec<Self> {
        let mut meant: Vec<Self> = Vec::new();
        for (index, typed) in typed.into_iter().enumerate() {
            let at = at.item(index);
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if typed.name.is_empty() || !typed.name.chars().all(is_name) {
                let wanted = "a name of letters, digits, `-` and `_`";
                mistakes.add(&at.key("name"), wanted, "write for example \"on-call\"");
            } else if meant.iter().any(|other| other.name == typed.name) {
                mistakes.add(&at.key("name"), "a name of its own", "give each another one");
            }
            let url = match (typed.url, typed.to) {
                (Some(url), _) => secret(url, outside, &at.key("url"), mistakes),
                (None, NotifyForm::Pagerduty) => {
                    Some(Secret::new("https://events.pagerduty.com/v2/enqueue"))
                }
                (None, _) => {
                    let nothing = "nothing";
                    let wanted = "where it goes";
                    let mend =
                        "add `url = \"https://..\"`, `{ file = \"..\" }` or `{ env = \"..\" }`";
                    mistakes.add_found(&at.key("url"), nothing, wanted, mend);
                    None
                }
            };
            let is_url = |url: &Secret| {
                url.expose().starts_with("https://") || url.expose().starts_with("http://")
            };
            if url.as_ref().is_some_and(|url| !is_url(url)) {
                let wanted = "an address that begins with https:// or http://";
                mistakes.add_found(&at.key("url"), "another one", wanted, "write it whole");
            }
            let key = at.key("secret");
            let key = typed.secret.and_then(|typed| secret(typed, outside, &key, mistakes));
            if key.is_none() && matches!(typed.to, NotifyForm::Webhook | NotifyForm::Pagerduty) {
                let wanted = "what signs a webhook, or PagerDuty's routing key";
                let mend = "add `secret = { file = \"..\" }` or `{ env = \"..\" }`";
                mistakes.add_found(&at.key("secret"), "nothing", wanted, mend);
            }
            meant.push(Self {
                name: typed.name,
                form: typed.to,
                url: url.unwrap_or_else(|| Secret::new("")),
                severity: typed.severity,
                models: typed.models,
                secret: key,
            });
        }
        meant
    }
}
