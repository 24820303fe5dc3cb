//! `vigie verify` finds what is wrong, and so does tally as it takes a partition over: a judge who never says no proves
//! nothing.

use rdkafka::Message;
use rdkafka::message::{Headers, OwnedHeaders, OwnedMessage};
use rdkafka::producer::BaseRecord;
use serde_json::Value;
use vigie::simulator::World;
use vigie::tally::Ledger;

use crate::broker::Broker;
use crate::http;
use crate::patience;
use crate::site::Site;
use crate::targets;

/// Appends a copy of a record, with another value where one is given.
fn again(broker: &Broker, topic: &str, record: &OwnedMessage, value: Option<&str>) {
    let mut headers = OwnedHeaders::new();
    for header in record.headers().unwrap().iter() {
        headers = headers.insert(header);
    }
    let value = value.map_or(record.payload().unwrap(), str::as_bytes);
    broker.produce([BaseRecord::to(topic)
        .partition(record.partition())
        .key(record.key().unwrap())
        .payload(value)
        .headers(headers)]);
}

/// The audit must say no, for this reason.
fn finds(site: &Site, words: &[&str]) {
    let audit = site.run(&["verify", "--patience", "0"]);
    assert_eq!(audit.code, Some(1), "{}", audit.said);
    for word in words.iter().chain(&["NOT VERIFIED"]) {
        assert!(audit.said.contains(word), "no `{word}` in {}", audit.said);
    }
}

#[test]
fn a_result_that_stands_there_twice_or_is_none_is_found() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(37);
    let site = Site::new(broker, &world, 2, "window = { size = 600 }");
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..1_200);
    site.results(broker, 2);
    instance.stop();
    site.verify();
    let topic = site.topic("results");
    let records = site.records(broker, "results");
    let result: Value = serde_json::from_slice(records[0].payload().unwrap()).unwrap();
    let id = result["id"].as_str().unwrap();
    again(broker, &topic, &records[0], None);
    finds(&site, &[&format!("result {id} stands on {topic} more than once"), "NOT EXACT"]);
    again(broker, &topic, &records[0], Some("{}"));
    finds(&site, &["1 messages on", "are no window results"]);
}

#[test]
fn targets_that_nobody_has_joined_are_found() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = targets::site(broker, "1h");
    let others = site.start_stages("a", "intake,tally").ready();
    site.send(broker, &targets::world(), 0..1_200);
    targets::tell(broker, &outcomes, 0, 4);
    let audit = || site.run(&["verify", "--patience", "0"]);
    let is_told =
        || audit().said.contains("of the join log has come to nothing of it").then_some(());
    assert!(patience::until(is_told).is_some(), "{}", audit().said);
    finds(&site, &["NOT JUDGED"]);
    let join = site.start_stages("j", "join").ready();
    site.verify();
    join.stop();
    others.stop();
}

#[test]
fn a_result_that_says_it_is_made_of_other_records_is_found() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(37);
    let site = Site::new(broker, &world, 1, "window = { size = 600 }");
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..700);
    site.results(broker, 1);
    instance.stop();
    site.verify();
    // In its place one of as many records, one of them twice and another not at all: only the digest can tell.
    let records = site.records(broker, "results");
    let text = str::from_utf8(records[0].payload().unwrap()).unwrap();
    let result: Value = serde_json::from_str(text).unwrap();
    let digest = result["inputs"][0]["digest"].as_str().unwrap();
    let forged = text.replacen(digest, &format!("{:032x}", 1), 1);
    assert_ne!(forged, text);
    let topic = site.topic("results");
    broker.delete_records(&topic, records[0].partition(), records[0].offset() + 1);
    again(broker, &topic, &records[0], Some(&forged));
    finds(&site, &["NOT EXACT: the results are made of 600 records", "the ledgers count 600"]);
}

#[test]
fn who_would_answer_otherwise_than_what_was_published_stops() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(37);
    let site = Site::new(broker, &world, 1, "window = { size = 600 }");
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..1_300);
    let published = site.results(broker, 2).len();
    instance.stop();
    // As if another version had published: the same number of outputs, and not the same ones.
    let states = site.records(broker, "state");
    let ledgers = states.iter().filter(|record| record.key() == Some(b"ledger".as_slice()));
    let (record, mut ledger) = ledgers
        .map(|record| (record, Ledger::from_bytes(record.payload().unwrap()).unwrap()))
        .max_by_key(|(_, ledger)| ledger.outputs)
        .expect("every transaction leaves one");
    ledger.digest ^= 1;
    let topic = site.topic("state");
    broker.produce([BaseRecord::to(&topic)
        .partition(record.partition())
        .key(b"ledger".as_slice())
        .payload(&ledger.to_bytes())]);
    let instance = site.start("a");
    instance.says("answers otherwise than what was published");
    let stopped = format!("vigie_tally_stopped{{partition=\"{}\"}} 1", record.partition());
    let shown = || http::get(instance.address(), "/metrics").1.contains(&stopped).then_some(());
    patience::until(shown).expect("metrics say so");
    // More than a window of new rows, and nothing more is published.
    site.send(broker, &world, 1_300..2_600);
    assert_eq!(instance.readiness().0, 503);
    instance.stop();
    assert_eq!(site.records(broker, "results").len(), published);
}
