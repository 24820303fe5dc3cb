//! `vigie replay` sends targets apart from their predictions, late and as untidy as it is told to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use rdkafka::Message;
use serde_json::{Value, json};
use vigie::simulator::{Layout, World};

use crate::broker::Broker;
use crate::site::Site;
use crate::topics::unique;

const ROWS: u64 = 1_000;

/// The messages of a topic, in the order of their one partition.
fn messages(broker: &Broker, topic: &str) -> Vec<Value> {
    let records = broker.read_committed(topic);
    records
        .iter()
        .map(|record| serde_json::from_slice(record.payload().unwrap()).unwrap())
        .collect()
}

#[test]
fn targets_are_split_off_and_come_untidily() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(4);
    let site = Site::new(broker, &world, 1, "window = { size = 900 }");
    let topic = unique("targets");
    broker.create_topic(&topic, 1, &[("retention.ms", "-1")]);
    let mut rows = Vec::new();
    let mut right = BTreeMap::new();
    for case in world.cases(0..ROWS) {
        let target = ("repaid", case.repaid);
        world.prediction(&case).write_json_with(target, Layout::Flat, &mut rows);
        rows.push(b'\n');
        right.insert(world.id(case.event), json!(u8::from(case.repaid)));
    }
    fs::write(site.path("rows.jsonl"), rows).unwrap();
    let file = site.path("rows.jsonl").display().to_string();
    let said = site.well(&[
        "replay",
        &file,
        "--split-targets",
        "--targets-topic",
        &topic,
        "--target-delay",
        "200ms",
        "--target-spread",
        "1",
        "--target-share",
        "0.8",
        "--target-order",
        "shuffled",
        "--target-duplicates",
        "0.1",
        "--target-corrections",
        "0.1",
        "--target-withdrawals",
        "0.1",
    ]);
    assert!(said.contains("wrong at first") && said.contains("taken back"), "{said}");
    let predictions = messages(broker, site.predictions());
    assert_eq!(predictions.len() as u64, ROWS);
    assert!(predictions.iter().all(|event| event.get("repaid").is_none()), "it is sent apart");
    let targets = messages(broker, &topic);
    let mut last: BTreeMap<String, Value> = BTreeMap::new();
    for event in &targets {
        last.insert(event["id"].as_str().unwrap().to_owned(), event["repaid"].clone());
    }
    assert!((760..840).contains(&last.len()), "{} of {ROWS} come", last.len());
    assert!((900..1_200).contains(&targets.len()), "{} messages", targets.len());
    let taken_back = last.values().filter(|target| target.is_null()).count();
    assert!((40..110).contains(&taken_back), "{taken_back} are taken back");
    let wrong = last.iter().filter(|(id, target)| !target.is_null() && right[*id] != **target);
    assert_eq!(wrong.count(), 0, "what comes last is right");
    let ids: Vec<&str> = targets.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert!(
        !ids.is_sorted_by_key(|id| id.trim_start_matches("loan-").parse::<u64>().unwrap()),
        "in no order"
    );
    // What was sent is what `vigie check` makes of it.
    let mut lines = String::new();
    for event in &targets {
        writeln!(lines, "{event}").unwrap();
    }
    fs::write(site.path("sent.jsonl"), lines).unwrap();
    let sent = site.path("sent.jsonl").display().to_string();
    let profile = site.path("loans.vigie").display().to_string();
    let bare = site.file(&world, 0..ROWS);
    let checked = site.run(&[
        "check",
        "--config",
        "vigie.toml",
        "--profile",
        &profile,
        "--targets",
        &sent,
        &bare,
    ]);
    let labels = format!("{} of 1,000 labels", last.len() - taken_back);
    assert!(checked.said.contains(&labels), "{labels}: {}", checked.said);
}
