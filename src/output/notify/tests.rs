use reqwest::StatusCode;
use serde_json::Value;

use super::form::signed;
use super::send::{Answer, judged};
use super::*;
use crate::alert::{AlertEvent, Event, Quiet, Resolution, Severity, Silence};
use crate::settings::{Notify, NotifyForm, Secret};

fn to(form: NotifyForm) -> Notify {
    Notify {
        name: "on-call".to_owned(),
        form,
        url: Secret::new("https://example.org/x"),
        severity: Severity::Warning,
        models: Vec::new(),
        secret: Some(Secret::new("0123456789abcdef")),
    }
}

/// Silence, from its beginning to its end.
fn events() -> [AlertEvent; 2] {
    let mut silence = Silence::default();
    let quiet = Quiet { after: 60_000, severity: Severity::Critical };
    assert!(silence.hear("loans", "7", 0, None).is_none());
    let opened = silence.quiet("loans", Some(&quiet), 60_000, None).unwrap();
    [opened, silence.hear("loans", "7", 90_000, None).unwrap()]
}

const AT: &str = "2026-01-01T00:00:00Z";

fn body(message: &Message) -> Value {
    serde_json::from_slice(&message.body).unwrap()
}

#[test]
fn signatures_are_those_of_the_standard() {
    // RFC 4231, test case 2.
    assert_eq!(
        signed("Jefe", b"what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

#[test]
fn a_webhook_is_the_event_signed_and_known_by_its_id() {
    let [opened, _] = events();
    let message = message(&to(NotifyForm::Webhook), &opened, AT).unwrap();
    let read: AlertEvent = serde_json::from_slice(&message.body).unwrap();
    assert_eq!(read, opened);
    let header = |name: &str| {
        let found = message.headers.iter().find(|(known, _)| *known == name);
        found.unwrap().1.as_str()
    };
    assert_eq!(header("idempotency-key"), "loans/silence/0/0");
    assert_eq!(header("ce-type"), "vigie.alert.opened");
    let signature = format!("sha256={}", signed("0123456789abcdef", &message.body));
    assert_eq!(header("x-vigie-signature"), signature);
}

#[test]
fn pagerduty_knows_an_incident_from_its_beginning_to_its_end() {
    let [opened, resolved] = events();
    let taken = AlertEvent {
        event: Event::Updated,
        acknowledged: Some("mine".to_owned()),
        ..opened.clone()
    };
    for (event, action) in [(&opened, "trigger"), (&taken, "acknowledge"), (&resolved, "resolve")] {
        let said = body(&message(&to(NotifyForm::Pagerduty), event, AT).unwrap());
        assert_eq!(said["event_action"], action);
        assert_eq!(said["dedup_key"], "loans/silence/0");
        assert_eq!(said["routing_key"], "0123456789abcdef");
        assert_eq!(said["payload"]["severity"], "critical");
        assert!(said["payload"]["summary"].as_str().unwrap().contains("loans"));
    }
}

#[test]
fn alertmanager_is_told_the_end_of_what_it_was_told_the_beginning_of() {
    let [opened, resolved] = events();
    let first = message(&to(NotifyForm::Alertmanager), &opened, AT).unwrap();
    assert_eq!(first.url, "https://example.org/x/api/v2/alerts");
    let [first, last] =
        [body(&first), body(&message(&to(NotifyForm::Alertmanager), &resolved, AT).unwrap())];
    assert_eq!(first[0]["labels"], last[0]["labels"], "it knows them by their labels");
    assert_eq!(first[0]["endsAt"], "2999-01-01T00:00:00Z");
    assert_eq!(last[0]["endsAt"], AT);
    assert_eq!(
        last[1]["labels"]["severity"], "warning",
        "and of the milder one that it may have been"
    );
    assert_eq!(first[0]["startsAt"], "1970-01-01T00:00:00Z");
}

#[test]
fn a_text_says_what_and_whether_it_is_over() {
    let [opened, resolved] = events();
    let opened = AlertEvent { summary: "a < b & c".to_owned(), ..opened };
    let said = |event| body(&message(&to(NotifyForm::Slack), event, AT).unwrap())["text"].clone();
    assert_eq!(said(&opened), "*CRITICAL* loans 7: a &lt; b &amp; c (loans/silence/0)");
    assert_eq!(resolved.resolution, Some(Resolution::Recovered));
    assert!(said(&resolved).as_str().unwrap().starts_with("*OVER (recovered)* loans 7: "));
}

#[test]
fn who_is_not_concerned_is_not_told() {
    let [opened, resolved] = events();
    let told = |to: &Notify, event: &AlertEvent| message(to, event, AT).is_some();
    let of = |models: &[&str], severity| Notify {
        models: models.iter().map(|model| (*model).to_owned()).collect(),
        severity,
        ..to(NotifyForm::Webhook)
    };
    assert!(told(&of(&["cards", "loans"], Severity::Critical), &opened));
    assert!(!told(&of(&["cards"], Severity::Warning), &opened));
    let mild = AlertEvent { severity: Severity::Warning, ..opened.clone() };
    assert!(!told(&of(&[], Severity::Critical), &mild));
    let quiet =
        |event: &AlertEvent| AlertEvent { muted_until: Some(AT.to_owned()), ..event.clone() };
    assert!(!told(&of(&[], Severity::Warning), &quiet(&opened)));
    assert!(told(&of(&[], Severity::Warning), &quiet(&resolved)));
}

#[test]
fn what_may_be_mended_is_tried_again() {
    assert_eq!(judged(StatusCode::ACCEPTED), Answer::Taken);
    for code in [400, 413, 422] {
        assert!(matches!(judged(StatusCode::from_u16(code).unwrap()), Answer::Refused(_)));
    }
    for code in [301, 401, 403, 404, 408, 429, 500, 503] {
        assert!(matches!(judged(StatusCode::from_u16(code).unwrap()), Answer::Later(_)), "{code}");
    }
}
