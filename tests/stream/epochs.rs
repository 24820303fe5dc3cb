//! New settings, rolled out instance by instance: in force once, and in no window together with the old ones.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::Message;
use serde_json::Value;
use vigie::simulator::World;

use crate::broker::Broker;
use crate::instance::Instance;
use crate::patience;
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

fn rows(results: &[Value]) -> u64 {
    results.iter().map(|result| result["window_rows"].as_u64().unwrap()).sum()
}

/// Every event is in one result, which has the figures of the old settings or of the new ones; each lane has gone over
/// from the old to the new once.
fn assert_no_window_has_both(results: &[Value]) {
    assert_eq!(rows(results), EVENTS);
    for result in results {
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
    let spans = spans(results);
    for partition in 0..4 {
        let (old, new) = (spans[&(partition, 1)], spans[&(partition, 2)]);
        assert!(old.1 < new.0, "lane {partition}: {old:?} and {new:?}");
    }
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

    assert_no_window_has_both(&results);
    assert!(results.iter().any(|result| result["closed_by"] == "epoch" && result["epoch"] == 1));
    site.verify();
    a.stop();
    b.stop();
}

#[test]
fn instances_with_different_settings_die_and_no_window_has_both() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(31);
    let site = Site::new(broker, &world, 4, OLD);
    let files = [site.path("vigie.toml"), site.write_settings("new.toml", NEW)];
    let a = site.start_by("a", &files[0]).ready();
    // Ends in the middle of the third window.
    let old = EVENTS * 5 / 16;
    site.send(broker, &world, 0..old);
    site.results(broker, 2);
    // While that is open, another comes that knows better; both die over and over, each with its own file.
    let mut both = vec![a, site.start_by("b", &files[1])];
    let rounds = 8;
    for round in 0..rounds {
        let sent = |rounds_done| old + rounds_done * (EVENTS - old) / rounds;
        site.send(broker, &world, sent(round)..sent(round + 1));
        if round % 3 < 2 {
            both = both.into_iter().map(Instance::ready).collect();
        }
        let which = (round % 2) as usize;
        both.remove(which).kill();
        both.insert(which, site.start_by(["a", "b"][which], &files[which]));
    }
    both[0].says("these were in force once and have been replaced");
    site.send_later(broker, &world, EVENTS);
    // A lane may be a window ahead of another where the settings change: more than one window may be in two parts.
    let all = || (rows(&site.json(broker, "results")) >= EVENTS).then_some(());
    assert!(patience::until(all).is_some(), "{} rows", rows(&site.json(broker, "results")));
    assert_no_window_has_both(&site.json(broker, "results"));
    assert_eq!(in_force(broker, &site), ["epoch/1", "epoch/2"]);
    site.verify();
    both.into_iter().map(Instance::ready).for_each(Instance::stop);
}
