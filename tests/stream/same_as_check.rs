//! What the stream publishes is what `vigie check` says of the same rows, to the bit.

use std::collections::BTreeMap;
use std::fs;

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use serde_json::Value;
use vigie::simulator::{Conditions, Phase, Schedule, World};

use crate::broker::Broker;
use crate::published::{Figures, differences, estimated, figures, figures_of};
use crate::site::Site;

/// A steady hour, then applicants of another kind with incomes that get lost.
fn world() -> World {
    let trouble = Conditions { shift: 0.8, fault: 0.3, concept: 0.0 };
    World::new(11).with_schedule(Schedule::new(vec![
        Phase::new("steady", 3_600, Conditions::STEADY),
        Phase::new("trouble", 3_600, trouble).entered_over(900),
    ]))
}

/// What a window is of, and its figures.
type Window = (BTreeMap<&'static str, Value>, Figures);

fn window(common: &Value, figures: Figures) -> Window {
    let names = ["window_rows", "window_start", "window_end", "model", "segment", "profile"];
    (names.into_iter().map(|name| (name, common[name].clone())).collect(), figures)
}

/// The analysis windows that `vigie check` finds in a file.
fn checked(site: &Site, file: &str) -> Vec<Window> {
    let profile = site.path("loans.vigie").display().to_string();
    let output = site.path("checked.jsonl");
    let written = output.display().to_string();
    let config = site.path("vigie.toml").display().to_string();
    let ended = site.run(&[
        "check",
        "--config",
        &config,
        "--profile",
        &profile,
        file,
        "--output",
        &written,
    ]);
    assert_eq!(ended.code, Some(1), "the trouble shows: {}", ended.said);
    let mut rows: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for line in fs::read_to_string(output).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if row["dataset"] == "analysis" {
            rows.entry(row["window_index"].as_u64().unwrap()).or_default().push(row);
        }
    }
    rows.values().map(|rows| window(&rows[0], figures(rows))).collect()
}

fn streamed(results: &[Value]) -> Vec<Window> {
    results.iter().map(|result| window(result, figures_of(result))).collect()
}

fn assert_same(streamed: &[Window], checked: &[Window]) {
    assert_eq!(streamed.len(), checked.len());
    for (index, (streamed, checked)) in streamed.iter().zip(checked).enumerate() {
        assert_eq!(streamed.0, checked.0, "window {index}");
        assert_eq!(differences(&streamed.1, &checked.1), Vec::<String>::new(), "window {index}");
        assert!(streamed.1.contains_key(&estimated("roc_auc")), "it is there to be compared");
    }
}

/// A site of one partition, a file of seven windows by size, and what `vigie check` says of it.
fn by_size(broker: &Broker) -> (Site, String, Vec<Window>) {
    let world = world();
    let site = Site::new(broker, &world, 1, "window = { size = 900 }");
    let file = site.file(&world, 0..6_300);
    let checked = checked(&site, &file);
    (site, file, checked)
}

#[test]
fn windows_by_size_of_one_partition() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, file, checked) = by_size(broker);
    let instance = site.start("a").ready();
    site.well(&["replay", &file]);
    let results = site.results(broker, 7);
    assert_same(&streamed(&results), &checked);
    for rank in ["\"drift_correlation\"", "\"breach_count\""] {
        assert!(checked[6].1.keys().any(|key| key[1] == rank), "{rank} is there to be compared");
    }
    site.verify();
    instance.stop();
}

#[test]
fn what_stands_beside_the_event_is_read_from_there() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, file, checked) = by_size(broker);
    site.edit("vigie.toml", "id = \"id\"", "id = \"$key\"");
    site.edit("vigie.toml", "timestamp = \"timestamp\"", "timestamp = \"$header.at\"");
    let instance = site.start("a").ready();
    let text = fs::read_to_string(&file).unwrap();
    let taken =
        |event: &mut Value, name: &str| event.as_object_mut().unwrap().remove(name).unwrap();
    let events: Vec<[String; 3]> = text
        .lines()
        .map(|line| {
            let mut event: Value = serde_json::from_str(line).unwrap();
            let [id, at] = ["id", "timestamp"].map(|name| taken(&mut event, name));
            let string = |value: Value| value.as_str().map_or(value.to_string(), str::to_owned);
            [event.to_string(), string(id), string(at)]
        })
        .collect();
    broker.produce(events.iter().map(|[event, id, at]| {
        // The last of a name is meant.
        let headers = OwnedHeaders::new()
            .insert(Header { key: "at", value: Some("long ago") })
            .insert(Header { key: "other", value: None::<&str> })
            .insert(Header { key: "at", value: Some(at) });
        BaseRecord::to(site.predictions()).partition(0).key(id).payload(event).headers(headers)
    }));
    let results = site.results(broker, 7);
    assert_same(&streamed(&results), &checked);
    site.verify();
    instance.stop();
}

#[test]
fn windows_by_period_of_four_partitions_and_two_instances() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = world();
    let site = Site::new(broker, &world, 4, "window = { period = '20min' }");
    let file = site.file(&world, 0..7_200);
    let checked = checked(&site, &file);
    let [a, b] = ["a", "b"].map(|name| site.start(name).ready());
    site.well(&["replay", &file]);
    site.send_later(broker, &world, 7_200);
    let results = site.results(broker, 6);
    assert_same(&streamed(&results), &checked);
    for result in &results {
        assert_eq!(result["inputs"].as_array().map(Vec::len), Some(4), "every lane has its part");
        assert_eq!(result["late_rows"], 0);
    }
    site.verify();
    a.stop();
    b.stop();
}

#[test]
fn samples_hold_the_same_rows_of_topic_and_file_with_what_the_model_put_out() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let trouble = Conditions { shift: 0.8, fault: 0.3, concept: 0.0 };
    let world =
        World::new(12).with_schedule(Schedule::new(vec![Phase::new("trouble", 12_000, trouble)]));
    // More rows than a sample has, in four partitions: which of them are chosen must depend on none of that.
    let settings = "window = { period = '1d' }\nworst_slices = 5\n\
                    drift = { multivariate = ['domain_classifier'] }\n\
                    performance = { robust = true }";
    let site = Site::new(broker, &world, 4, settings);
    let file = site.file(&world, 0..12_000);
    let checked = checked(&site, &file);
    let [a, b] = ["a", "b"].map(|name| site.start(name).ready());
    site.well(&["replay", &file]);
    site.send_later(broker, &world, 100_000);
    let results = site.results(broker, checked.len());
    assert_same(&streamed(&results), &checked);
    let large = results.iter().find(|result| result["window_rows"].as_u64() > Some(10_000));
    let figures = large.unwrap()["figures"].as_array().unwrap().iter();
    let found: Vec<&Value> =
        figures.filter(|figure| figure["metric"] == "domain_classifier").collect();
    assert_eq!(found[0]["breach"], true, "{found:?}");
    assert_eq!(found[1]["kind"], "diagnosis", "{found:?}");
    // Where the model is less sure: the figures are those of `check`, as all are.
    let figures = large.unwrap()["figures"].as_array().unwrap().iter();
    let excess: Vec<&Value> = figures.filter(|figure| figure["metric"] == "slice_excess").collect();
    let named = excess.first().and_then(|figure| figure["column_name"].as_str());
    assert!(named.is_some_and(|name| !name.is_empty()), "{excess:?}");
    assert!(excess[0]["lower_confidence"].as_f64() > Some(0.0), "{excess:?}");
    let of = |figures: &'_ Value, method: &str| {
        let estimated = figures.as_array().unwrap().iter().filter(|of| of["kind"] == "estimated");
        estimated.filter(|figure| figure["method"] == *method).count()
    };
    let figures = &large.unwrap()["figures"];
    assert_eq!(of(figures, "pape"), of(figures, "cbpe"), "{figures}");
    site.verify();
    a.stop();
    b.stop();
}
