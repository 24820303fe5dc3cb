//! What cannot be read goes aside with its reason and place, and takes no good row with it.

use std::collections::BTreeMap;

use rdkafka::Message;
use rdkafka::message::{Headers, OwnedMessage};
use rdkafka::producer::BaseRecord;
use serde_json::Value;
use vigie::batch::key_of;
use vigie::simulator::{Layout, World};

use crate::broker::Broker;
use crate::http;
use crate::patience;
use crate::site::Site;

const GOOD: u64 = 1_200;

/// Events that cannot be read, each made of a good one, and what is wrong with them.
fn bad(good: &[u8]) -> Vec<(&'static str, Option<Vec<u8>>)> {
    let text = str::from_utf8(good).unwrap();
    let with = |name: &str, value: Value| {
        let mut event: Value = serde_json::from_slice(good).unwrap();
        event[name] = value;
        Some(event.to_string().into_bytes())
    };
    let without_time = text.replacen("\"timestamp\"", "\"time\"", 1);
    vec![
        ("not_json", Some(text.replacen(':', "=", 1).into_bytes())),
        ("truncated", Some(good[..good.len() / 2].to_vec())),
        ("oversize", with("note", "x".repeat(1 << 20).into())),
        ("wrong_type", with("debt", "a lot".into())),
        ("probability_out_of_range", with("y_pred_proba", 1.7.into())),
        ("missing_timestamp", Some(without_time.into_bytes())),
        ("bad_timestamp", with("timestamp", "yesterday".into())),
        ("not_an_object", Some(b"[1, 2]".to_vec())),
        ("empty", Some(Vec::new())),
        ("invalid_utf8", Some(b"{\"id\": \"\xff\"}".to_vec())),
        ("tombstone", None),
    ]
}

fn header<'m>(letter: &'m OwnedMessage, name: &str) -> &'m str {
    let headers = letter.headers().unwrap();
    let found = headers.iter().find(|header| header.key == name).unwrap();
    str::from_utf8(found.value.unwrap()).unwrap()
}

#[test]
fn each_has_its_letter_and_no_good_row_is_lost() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(5);
    let site = Site::new(broker, &world, 2, "window = { period = '10min' }");
    let topic = site.predictions();
    let example = world.prediction(&world.case(0)).to_json(Layout::Flat);
    let bad = bad(&example);

    // Bad ones among good ones, in both partitions; each good row is sent once.
    let mut sent: Vec<(i32, Option<Vec<u8>>)> = Vec::new();
    let mut places: BTreeMap<String, (&str, Option<Vec<u8>>)> = BTreeMap::new();
    let mut ends = [0_i64; 2];
    let mut send = |partition: usize, event: Option<Vec<u8>>| {
        sent.push((i32::try_from(partition).unwrap(), event));
        ends[partition] += 1;
        ends[partition] - 1
    };
    for (index, prediction) in (0_u64..).zip(world.predictions(0..GOOD)) {
        let partition = usize::try_from(index % 2).unwrap();
        send(partition, Some(prediction.to_json(Layout::Flat)));
        if index % 60 < 2 {
            let (reason, event) = &bad[usize::try_from(index / 60).unwrap() % bad.len()];
            let offset = send(partition, event.clone());
            places.insert(format!("{topic}-{partition}-{offset}"), (*reason, event.clone()));
        }
    }
    broker.produce(sent.iter().map(|(partition, event)| {
        let record = BaseRecord::<(), [u8]>::to(topic).partition(*partition);
        match event {
            Some(event) => record.payload(event),
            None => record,
        }
    }));
    let instance = site.start("a").ready();
    site.send_later(broker, &world, GOOD);

    let results = site.results(broker, 2);
    let sum = |name: &str| results.iter().map(|result| result[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("window_rows"), GOOD);
    assert_eq!(sum("late_rows") + sum("quarantined_rows"), 0);

    let letters = site.records(broker, "dead-letters");
    assert_eq!(letters.len(), places.len(), "each record has one letter");
    for letter in &letters {
        let key = str::from_utf8(letter.key().unwrap()).unwrap();
        let (reason, event) = places.remove(key).unwrap_or_else(|| panic!("{key} is no bad one"));
        assert_eq!(header(letter, "reason"), reason, "{key}: {}", header(letter, "message"));
        let place = ["topic", "partition", "offset"].map(|name| header(letter, name));
        assert_eq!(place.join("-"), key);
        let bytes = event.as_ref().map_or(0, Vec::len);
        assert_eq!(header(letter, "bytes"), bytes.to_string());
        let kept = event.as_ref().map(|event| &event[..bytes.min(4_096)]);
        assert_eq!(letter.payload().unwrap_or_default(), kept.unwrap_or_default());
        assert!(!header(letter, "message").is_empty());
    }
    let counted = || {
        let metrics = http::get(instance.address(), "/metrics").1;
        bad.iter()
            .all(|(reason, _)| {
                metrics.contains(&format!("vigie_dead_letters_total{{reason=\"{reason}\"}}"))
            })
            .then_some(())
    };
    assert!(patience::until(counted).is_some());
    site.verify();
    instance.stop();
}

#[test]
fn a_topic_of_nothing_but_rubbish_is_read_to_its_end() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(5);
    let site = Site::new(broker, &world, 1, "window = { size = 300 }");
    // Long, and nothing that shrinks: more of it is sent at a time than a topic takes in one request.
    let noise = |number: u32| -> String {
        let part = |part: u32| format!("{:032x}", key_of([format!("{number}/{part}").as_str()]));
        (0..120).map(part).collect()
    };
    let rubbish: Vec<String> =
        (0..3_000).map(|number| format!("rubbish {number} {}", noise(number))).collect();
    broker.produce(
        rubbish.iter().map(|text| {
            BaseRecord::<(), String>::to(site.predictions()).partition(0).payload(text)
        }),
    );
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..300);
    let results = site.results(broker, 1);
    assert_eq!(results[0]["window_rows"], 300);
    assert_eq!(site.records(broker, "dead-letters").len(), rubbish.len());
    site.verify();
    instance.stop();
}
