//! Whatever dies, hangs or comes back meanwhile: what is published is that of a calm day, each result once.

use std::collections::BTreeMap;

use rdkafka::Message;
use vigie::simulator::{Conditions, Schedule, World};

use crate::broker::Broker;
use crate::instance::Instance;
use crate::site::Site;
use crate::targets::assert_settles;
use crate::{patience, storm, targets};

const EVENTS: u64 = 9_600;
const WINDOWS: usize = 8;
const SETTINGS: &str =
    "window = { period = '20min' }\nperformance = { metrics = ['roc_auc', 'f1'] }";

fn world() -> World {
    World::new(17)
        .with_schedule(Schedule::constant(Conditions { shift: 0.5, ..Conditions::STEADY }))
}

/// Every result by its id: its bytes as they stand on the topic.
fn published(broker: &Broker, site: &Site) -> BTreeMap<String, String> {
    site.results(broker, WINDOWS);
    let mut found = BTreeMap::new();
    for record in site.records(broker, "results") {
        let text = String::from_utf8(record.payload().unwrap().to_vec()).unwrap();
        let result: serde_json::Value = serde_json::from_str(&text).unwrap();
        let id = result["id"].as_str().unwrap().to_owned();
        assert_eq!(found.insert(id.clone(), text), None, "{id} stands there twice");
    }
    found
}

/// What one undisturbed instance publishes of everything that lies in the topic, and so must the site.
fn assert_as_on_a_calm_day(broker: &Broker, site: &Site) {
    let disturbed = published(broker, site);
    site.verify();
    let calm = site.beside(SETTINGS);
    let instance = calm.start("calm").ready();
    let undisturbed = published(broker, &calm);
    instance.stop();
    assert_eq!(undisturbed.len(), WINDOWS);
    assert_eq!(disturbed.keys().collect::<Vec<_>>(), undisturbed.keys().collect::<Vec<_>>());
    for (id, text) in &undisturbed {
        assert_eq!(&disturbed[id], text, "{id}");
    }
}

/// Sends a part of the events, and the later ones that end their windows with the last.
fn send(broker: &Broker, site: &Site, part: u64, of: u64) {
    let world = world();
    site.send(broker, &world, part * EVENTS / of..(part + 1) * EVENTS / of);
    if part + 1 == of {
        site.send_later(broker, &world, EVENTS);
    }
}

#[test]
fn instances_are_killed_in_mid_flow() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let site = Site::new(broker, &world(), 4, SETTINGS);
    let mut a = site.start("a").ready();
    let mut b = site.start("b").ready();
    for part in 0..6 {
        send(broker, &site, part, 6);
        // Some while it reads, some when it has published.
        if part % 2 == 0 {
            a.kill();
            a = site.start("a");
        } else {
            site.results(broker, usize::try_from(part).unwrap());
            b.kill();
            b = site.start("b");
        }
    }
    published(broker, &site);
    (a, b) = (a.ready(), b.ready());
    assert_as_on_a_calm_day(broker, &site);
    a.stop();
    b.stop();
}

#[test]
fn a_zombie_comes_back_when_another_has_taken_over() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let site = Site::new(broker, &world(), 4, SETTINGS);
    let mut zombie = site.start("a").ready();
    send(broker, &site, 0, 3);
    site.results(broker, 2);
    send(broker, &site, 1, 3);
    zombie.freeze();
    let heir = site.start("b");
    // It gets everything once the group has waited for the silent one long enough.
    for partition in 0..2 {
        heir.says(&format!("\"partition\":{partition},\"from\""));
    }
    send(broker, &site, 2, 3);
    zombie.thaw();
    published(broker, &site);
    let (zombie, heir) = (zombie.ready(), heir.ready());
    assert_as_on_a_calm_day(broker, &site);
    heir.stop();
    zombie.stop();
}

#[test]
fn the_broker_is_killed_and_comes_back() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let site = Site::new(&broker, &world(), 4, SETTINGS);
    let [a, b] = ["a", "b"].map(|name| site.start(name).ready());
    send(&broker, &site, 0, 3);
    site.results(&broker, 1);
    send(&broker, &site, 1, 3);
    broker.kill();
    broker.restart();
    send(&broker, &site, 2, 3);
    published(&broker, &site);
    let [a, b] = [a, b].map(Instance::ready);
    assert_as_on_a_calm_day(&broker, &site);
    a.stop();
    b.stop();
}

#[test]
fn a_panic_is_seen_and_loses_nothing() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = targets::site(broker, storm::WAIT);
    let panicking = |point: &str| site.start_with("a", &[format!("VIGIE_PANIC_AT={point}")]);
    for (part, (point, what)) in
        (0..).zip([("tally-begun", "tally panicked"), ("join-sent", "the join panicked")])
    {
        let instance = panicking(point);
        storm::send(broker, &site, &outcomes, part, 4);
        instance.says(what);
        // Of one partition: the others go on.
        let waits = || {
            let (status, text) = instance.readiness();
            (status == 503 && text.matches("partition ").count() == 1).then_some(())
        };
        assert!(patience::until(waits).is_some(), "{:?}", instance.readiness());
        instance.stop();
    }
    // Without intake it is of no use: whoever runs it starts it again.
    let instance = panicking("intake-sent");
    storm::send(broker, &site, &outcomes, 2, 4);
    instance.failed();
    storm::send(broker, &site, &outcomes, 3, 4);
    let instance = site.start("a").ready();
    assert_settles(broker, &site);
    instance.stop();
}

#[test]
fn coordinators_and_leaders_move() {
    let Some(broker) = Broker::of_nodes(3) else {
        return;
    };
    let (site, outcomes) = targets::site(&broker, storm::WAIT);
    let [a, b] = ["a", "b"].map(|name| site.start(name).ready());
    // Each node in turn: wherever a group, a transaction or a partition was, it has moved when all have died once.
    for (part, node) in (0..).zip(1..=3) {
        storm::send(&broker, &site, &outcomes, 2 * part, 6);
        broker.kill_node(node);
        storm::send(&broker, &site, &outcomes, 2 * part + 1, 6);
        broker.restart_node(node);
    }
    assert_settles(&broker, &site);
    let [a, b] = [a, b].map(Instance::ready);
    a.stop();
    b.stop();
}
