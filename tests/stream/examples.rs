//! The examples that read the alerts topic, over a real one.

use std::fs;
use std::path::Path;

use jsonschema::validator_for;
use rdkafka::producer::BaseRecord;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::deployed::python;
use crate::http;
use crate::leash::Leash;
use crate::patience::{self, PATIENCE};
use crate::tools::repository;
use crate::topics::unique;

/// An alert event; valid, or this test would show nothing.
fn event(model: &str, number: u64, sequence: u64, what: &str, action: &str) -> Value {
    let event = json!({
        "schema": 1,
        "engine": "0.1.0",
        "id": format!("{model}/7/{number}"),
        "sequence": sequence,
        "event": what,
        "resolution": if what == "resolved" { json!("recovered") } else { Value::Null },
        "model": model,
        "version": "7",
        "severity": "critical",
        "since": null,
        "window": number,
        "kind": "realized",
        "metric": "roc_auc",
        "column_name": null,
        "segment": "all",
        "value": 0.7,
        "sampling_error": 0.01,
        "lower_threshold": 0.8,
        "upper_threshold": null,
        "currency": null,
        "summary": format!("{model} is not what it was"),
        "evidence": {"performance": [], "drift": [], "quality": []},
        "action": action,
        "result": "r",
        "profile": "p",
        "settings": "s",
    });
    let schema = fs::read_to_string(repository("schemas/alert.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&event).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    event
}

fn send(broker: &Broker, topic: &str, events: &[Value]) {
    let texts: Vec<String> = events.iter().map(Value::to_string).collect();
    broker.produce(
        texts
            .iter()
            .map(|text| BaseRecord::<(), [u8]>::to(topic).partition(0).payload(text.as_bytes())),
    );
}

fn example(name: &str, broker: &Broker, topic: &str, more: &[&str]) -> Leash {
    let file = repository("deploy/examples").join(name);
    let mut arguments =
        vec![file.to_str().unwrap(), "--bootstrap-servers", broker.address(), "--topic", topic];
    arguments.extend(more);
    Leash::spawn(python().to_str().unwrap(), &arguments)
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn a_training_is_started_once_an_alert_and_again_where_it_fails() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let topic = unique("alerts");
    broker.create_topic(&topic, 1, &[]);
    send(
        broker,
        &topic,
        &[
            event("loans", 1, 0, "opened", "confirm"),
            event("loans", 1, 1, "updated", "retrain"),
            event("loans", 1, 1, "updated", "retrain"), // sent again
            event("loans", 1, 2, "updated", "retrain"), // the same alert
            json!("no event"),
            event("cars", 2, 0, "opened", "investigate_upstream"),
            event("cars", 3, 0, "opened", "retrain"),
            event("loans", 1, 3, "resolved", "wait"),
        ],
    );
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("trained");
    let tried = folder.path().join("tried");
    // The first try fails.
    let script = format!(
        "echo \"$VIGIE_MODEL $VIGIE_VERSION $VIGIE_ALERT\" >> {0}; [ $(wc -l < {0}) -gt 1 ] && cat >> {1} && echo >> {1}",
        tried.display(),
        log.display()
    );
    let group = unique("retrain");
    let start = |events: &str| {
        example(
            "retrain.py",
            broker,
            &topic,
            &["--group", &group, "--pause", "0.1", "--events", events, "--run", &script],
        )
    };
    assert_eq!(start("8").exit_code(PATIENCE), Ok(0));
    assert_eq!(lines(&tried), ["loans 7 loans/7/1", "loans 7 loans/7/1", "cars 7 cars/7/3"]);
    let trained: Vec<Value> =
        lines(&log).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(trained.iter().map(|event| &event["model"]).collect::<Vec<_>>(), ["loans", "cars"]);
    // What was done is done: another one begins where this one ended.
    send(broker, &topic, &[event("cars", 4, 0, "opened", "retrain")]);
    assert_eq!(start("1").exit_code(PATIENCE), Ok(0));
    assert_eq!(lines(&tried).len(), 4, "{:?}", lines(&tried));
}

#[test]
fn the_breaker_opens_with_a_critical_alert_and_closes_with_its_end() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let topic = unique("alerts");
    broker.create_topic(&topic, 1, &[]);
    send(
        broker,
        &topic,
        &[
            event("loans", 1, 0, "opened", "confirm"),
            event("loans", 1, 1, "resolved", "wait"),
            event("cars", 2, 0, "opened", "confirm"),
        ],
    );
    let breaker = example(
        "circuit_breaker.py",
        broker,
        &topic,
        &["--listen", "127.0.0.1:0", "--when-blind", "open"],
    );
    let line = breaker.line_with("listening on http://", PATIENCE).unwrap();
    let address = line.rsplit('/').next().unwrap();
    let eventually = |path: &str, status: u16| {
        let answer = || Some(http::get(address, path)).filter(|answer| answer.0 == status);
        patience::until(answer)
            .unwrap_or_else(|| panic!("{path}: {:?}\n{}", http::get(address, path), breaker.said()))
            .1
    };
    // Blind at first, and open; then it has read the topic.
    assert_eq!(eventually("/loans/7", 200), "closed\n");
    assert_eq!(eventually("/cars/7", 503), "open: cars is not what it was\n");
    assert_eq!(eventually("/cars", 503), "open: cars is not what it was\n");
    assert_eq!(eventually("/cars/8", 200), "closed\n", "another version");
    let mut drift = event("loans", 5, 0, "opened", "wait");
    drift["kind"] = json!("drift");
    send(
        broker,
        &topic,
        &[
            drift,
            event("cars", 2, 1, "resolved", "wait"),
            event("cars", 2, 0, "opened", "confirm"), // old news
            event("boats", 6, 0, "opened", "confirm"),
        ],
    );
    eventually("/boats/7", 503);
    assert_eq!(eventually("/cars/7", 200), "closed\n");
    assert_eq!(eventually("/loans/7", 200), "closed\n", "drift alone harms nobody");
}
