//! What a message says.

use std::fmt::Write as _;

use ring::hmac;
use serde_json::{Value, json};

use crate::alert::{AlertEvent, Event, Severity};
use crate::settings::{Notify, NotifyForm, Secret};

/// A message that is to be sent by POST.
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_debug_implementations, reason = "it holds secrets")]
pub struct Message {
    /// Where to.
    pub url: String,
    /// Beside `content-type: application/json`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The message that tells somebody of an event, published at a time (RFC 3339); `None` where they are not to be told.
///
/// Somebody who asked for quiet is told that an alert is over all the same: it may have been open before.
pub fn message(to: &Notify, event: &AlertEvent, at: &str) -> Option<Message> {
    let is_theirs = to.models.is_empty() || to.models.contains(&event.model);
    let is_muted = event.muted_until.is_some() && event.event != Event::Resolved;
    if !is_theirs || event.severity < to.severity || is_muted {
        return None;
    }
    let url = to.url.expose();
    let secret = to.secret.as_ref().map(Secret::expose);
    // The same event has the same id, whoever tells it again.
    let id = format!("{}/{}", event.id, event.sequence);
    let mut headers = vec![("idempotency-key", id.clone())];
    let (url, body) = match to.form {
        NotifyForm::Webhook => {
            let body = serde_json::to_vec(event).unwrap_or_default();
            headers.push(("ce-specversion", "1.0".to_owned()));
            headers.push(("ce-id", id));
            headers.push(("ce-source", "vigie".to_owned()));
            headers.push(("ce-type", format!("vigie.alert.{}", event.event.as_str())));
            headers.push(("ce-subject", event.id.clone()));
            if let Some(secret) = secret {
                headers.push(("x-vigie-signature", format!("sha256={}", signed(secret, &body))));
            }
            return Some(Message { url: url.to_owned(), headers, body });
        }
        NotifyForm::Pagerduty => (url.to_owned(), pagerduty(event, secret.unwrap_or_default())),
        NotifyForm::Alertmanager => {
            if let Some(token) = secret {
                headers.push(("authorization", format!("Bearer {token}")));
            }
            (format!("{}/api/v2/alerts", url.trim_end_matches('/')), alertmanager(event, at))
        }
        NotifyForm::Slack => (url.to_owned(), json!({ "text": text(event) })),
    };
    Some(Message { url, headers, body: body.to_string().into_bytes() })
}

/// HMAC-SHA256 (RFC 2104), in hexadecimal digits.
pub(super) fn signed(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut text = String::new();
    for byte in hmac::sign(&key, body).as_ref() {
        let _ok = write!(text, "{byte:02x}");
    }
    text
}

/// <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>
fn pagerduty(event: &AlertEvent, routing_key: &str) -> Value {
    let action = match (event.event, &event.acknowledged) {
        (Event::Resolved, _) => "resolve",
        (_, Some(_)) => "acknowledge",
        (Event::Opened | Event::Updated, None) => "trigger",
    };
    // It takes at most 1,024 characters.
    let summary: String = event.summary.chars().take(1_024).collect();
    let mut payload = json!({
        "summary": summary,
        "source": "vigie",
        "severity": event.severity.as_str(),
        "component": event.model,
        "group": event.version,
        "class": event.kind.as_str(),
        "custom_details": event,
    });
    if let Some(since) = &event.since {
        payload["timestamp"] = json!(since);
    }
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": event.id,
        "client": "vigie",
        "payload": payload,
    })
}

/// <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>
fn alertmanager(event: &AlertEvent, at: &str) -> Value {
    // It knows alerts by their labels: when it gets worse, that of the milder severity is over.
    let of = |severity: Severity, is_over: bool| {
        let mut alert = json!({
            "labels": {
                "alertname": "VigieAlert",
                "model": event.model,
                "version": event.version,
                "kind": event.kind.as_str(),
                "severity": severity.as_str(),
                "alert": event.id,
            },
            "annotations": { "summary": event.summary, "action": event.action, "result": event.result },
            // Without an end it forgets what is not told again.
            "endsAt": if is_over { at } else { "2999-01-01T00:00:00Z" },
        });
        if let Some(since) = event.since.as_deref().filter(|since| *since <= at) {
            alert["startsAt"] = json!(since);
        }
        alert
    };
    let is_over = event.event == Event::Resolved;
    let mut alerts = vec![of(event.severity, is_over)];
    if event.severity == Severity::Critical && event.event != Event::Opened {
        alerts.push(of(Severity::Warning, true));
    }
    Value::Array(alerts)
}

fn text(event: &AlertEvent) -> String {
    let what = match event.event {
        Event::Opened => event.severity.as_str().to_uppercase(),
        Event::Updated => format!("{}, update", event.severity.as_str().to_uppercase()),
        Event::Resolved => {
            format!("OVER ({})", event.resolution.map_or("", |resolution| resolution.as_str()))
        }
    };
    let version = if event.version.is_empty() { "" } else { " " };
    let taken = event.acknowledged.as_ref().map(|who| format!(" [taken up: {who}]"));
    // `&`, `<` and `>` mean something there.
    let summary = event.summary.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "*{what}* {}{version}{}: {summary}{} ({})",
        event.model,
        event.version,
        taken.unwrap_or_default(),
        event.id
    )
}
