//! New settings, rolled out instance by instance: in force once, and in no window together with the old ones.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::Message;
use serde_json::Value;
use vigie::simulator::World;

use crate::broker::Broker;
use crate::published::{estimated, figures_of};
use crate::site::Site;

const EVENTS: u64 = 9_600;

const OLD: &str = "window = { period = '20min' }\nperformance = { metrics = ['roc_auc'] }";
const NEW: &str = "
window = { period = '20min' }
performance = { metrics = ['roc_auc', 'f1'] }
thresholds = { roc_auc = { lower = 0.5, upper = 0.9 } }
";

/// The epochs that were ever put in force.
fn in_force(broker: &Broker, site: &Site) -> Vec<String> {
    let records = site.records(broker, "control");
    let keys = records.iter().map(|record| String::from_utf8_lossy(record.key().unwrap()));
    let mut epochs: Vec<String> =
        keys.filter(|key| key.starts_with("epoch/")).map(std::borrow::Cow::into_owned).collect();
    epochs.sort();
    epochs
}

/// Least and greatest offset by lane and epoch.
fn spans(results: &[Value]) -> BTreeMap<(i64, u64), (i64, i64)> {
    let mut spans = BTreeMap::new();
    for result in results {
        for input in result["inputs"].as_array().unwrap() {
            let number = |name: &str| input[name].as_i64().unwrap();
            let (from, to) = (number("from"), number("to"));
            let key = (number("partition"), result["epoch"].as_u64().unwrap());
            let span = spans.entry(key).or_insert((from, to));
            *span = (span.0.min(from), span.1.max(to));
        }
    }
    spans
}

fn epochs(results: &[Value]) -> BTreeSet<u64> {
    results.iter().map(|result| result["epoch"].as_u64().unwrap()).collect()
}

#[test]
fn a_rollout_changes_the_epoch_once_and_an_old_file_does_not_put_it_back() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(29);
    let site = Site::new(broker, &world, 4, OLD);
    let old_file = site.write_settings("old.toml", OLD);
    let [a, b] = ["a", "b"].map(|name| site.start(name).ready());
    site.send(broker, &world, 0..EVENTS / 3);
    site.results(broker, 2);
    assert_eq!(in_force(broker, &site), ["epoch/1"]);

    // One after the other, while events come.
    site.configure(NEW);
    a.stop();
    let a = site.start("a").ready();
    site.send(broker, &world, EVENTS / 3..EVENTS / 2);
    b.stop();
    let b = site.start("b").ready();
    site.send(broker, &world, EVENTS / 2..EVENTS * 3 / 4);
    site.results(broker, 6);
    assert_eq!(in_force(broker, &site), ["epoch/1", "epoch/2"]);

    // Somebody starts what they had before.
    a.stop();
    let a = site.start_by("a", &old_file).ready();
    a.says("these were in force once and have been replaced");
    assert_eq!(in_force(broker, &site), ["epoch/1", "epoch/2"]);
    site.send(broker, &world, EVENTS * 3 / 4..EVENTS);
    site.send_later(broker, &world, EVENTS);
    // Eight windows, and one of them in two parts: the old settings' and the new ones'.
    let results = site.results(broker, 9);
    assert_eq!(epochs(&results), [1, 2].into());

    let rows: u64 = results.iter().map(|result| result["window_rows"].as_u64().unwrap()).sum();
    assert_eq!(rows, EVENTS);
    for result in &results {
        let new = result["epoch"] == 2;
        let figures = figures_of(result);
        assert_eq!(figures.contains_key(&estimated("f1")), new, "{}", result["id"]);
        let [.., lower, upper, _] = figures[&estimated("roc_auc")].0[..] else { panic!() };
        let fixed = (Some(0.5_f64.to_bits()), Some(0.9_f64.to_bits()));
        assert_eq!((lower, upper) == fixed, new, "{}", result["id"]);
    }
    let hash = |epoch: u64| -> BTreeSet<String> {
        let of_epoch = results.iter().filter(|result| result["epoch"] == epoch);
        of_epoch.map(|result| result["settings"].to_string()).collect()
    };
    assert_eq!((hash(1).len(), hash(2).len()), (1, 1));
    assert_ne!(hash(1), hash(2));
    let spans = spans(&results);
    for partition in 0..4 {
        let (old, new) = (spans[&(partition, 1)], spans[&(partition, 2)]);
        assert!(old.1 < new.0, "lane {partition}: {old:?} and {new:?}");
    }
    assert!(results.iter().any(|result| result["closed_by"] == "epoch" && result["epoch"] == 1));
    site.verify();
    a.stop();
    b.stop();
}
