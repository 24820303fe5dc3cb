//! A model that gets worse opens one alert, and the same alert is over when it is well again.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::message::{Headers, OwnedMessage};
use serde_json::Value;
use vigie::simulator::{Conditions, Phase, Schedule, World};

use crate::alertmanager::{alertmanager, listening};
use crate::broker::Broker;
use crate::http;
use crate::instance::Instance;
use crate::patience::{self, PATIENCE};
use crate::prometheus::Prometheus;
use crate::site::{MODEL, Site};
use crate::tools::repository;

const WINDOW: u64 = 1_000;
/// What an instance shows of an open alert that is critical, but for its value.
const OPEN: &str = "severity=\"critical\"} 1";

fn world() -> World {
    let shifted = Conditions { shift: 0.9, ..Conditions::STEADY };
    World::new(7).with_schedule(Schedule::new(vec![
        Phase::new("steady", 3 * WINDOW, Conditions::STEADY),
        Phase::new("shifted", 3 * WINDOW, shifted),
        Phase::new("steady again", 4 * WINDOW, Conditions::STEADY),
    ]))
}

/// Only estimated performance alerts; two bad windows of three, two good ones.
const SETTINGS: &str = "
window = { size = 1000 }
performance = { metrics = ['roc_auc'] }
alerts = { quality = 'off', open_after = '2 of 3', resolve_after = 2, at_once = 'off' }
";

fn header<'m>(record: &'m OwnedMessage, name: &str) -> &'m str {
    let headers = record.headers().unwrap();
    let found = headers.iter().find(|header| header.key == name);
    str::from_utf8(found.unwrap().value.unwrap()).unwrap()
}

fn json(record: &OwnedMessage) -> Value {
    serde_json::from_slice(record.payload().unwrap()).unwrap()
}

#[test]
fn one_alert_from_opening_to_recovery_over_a_kill_between() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = world();
    let site = Site::new(broker, &world, 1, SETTINGS);
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..5 * WINDOW);
    site.results(broker, 5);
    let opened = site.records(broker, "alerts");
    assert_eq!(opened.len(), 1, "two bad windows open it: {:?}", opened.iter().map(json));
    let open = json(&opened[0]);
    assert_eq!((&open["event"], &open["sequence"]), (&"opened".into(), &0.into()));
    assert_eq!((&open["kind"], &open["metric"]), (&"estimated".into(), &"roc_auc".into()));
    assert_eq!((&open["severity"], &open["window"]), (&"critical".into(), &4.into()));
    assert!(open["value"].as_f64() < open["lower_threshold"].as_f64(), "{open}");
    assert!(!open["evidence"]["drift"].as_array().unwrap().is_empty(), "{open}");
    let results = site.results(broker, 5);
    assert_eq!(open["result"], results[4]["id"]);
    assert_eq!(open["since"], results[3]["window_start"], "the first bad one");
    shows_open(&instance, "1");

    instance.kill();
    let instance = site.start("a").ready();
    shows_open(&instance, "1");
    site.send(broker, &world, 5 * WINDOW..10 * WINDOW);
    site.results(broker, 10);
    let records = site.records(broker, "alerts");
    assert_eq!(records[0].payload(), opened[0].payload(), "what was said stays said");
    assert_eq!(records.len(), 2, "{:?}", records.iter().map(json));
    let resolved = json(&records[1]);
    assert_eq!(
        (&resolved["event"], &resolved["resolution"]),
        (&"resolved".into(), &"recovered".into())
    );
    assert_eq!((&resolved["id"], &resolved["sequence"]), (&open["id"], &1.into()));
    assert_eq!(resolved["window"], 7, "the second good one");
    for (sequence, record) in records.iter().enumerate() {
        let event = json(record);
        let id = event["id"].as_str().unwrap();
        let kind = event["event"].as_str().unwrap();
        assert_eq!(record.key(), Some(MODEL.as_bytes()));
        assert_eq!(header(record, "ce_specversion"), "1.0");
        assert_eq!(header(record, "ce_id"), format!("{id}/{sequence}"));
        assert_eq!(header(record, "ce_subject"), id);
        assert_eq!(header(record, "ce_type"), format!("vigie.alert.{kind}"));
        assert_eq!(header(record, "content-type"), "application/json");
    }
    shows_open(&instance, "0");
    site.verify();
    instance.stop();
}

#[test]
fn an_open_window_warns_and_once_sealed_confirms_it_over_a_kill_between() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let shifted = Conditions { shift: 0.9, ..Conditions::STEADY };
    let world = World::new(8).with_schedule(Schedule::constant(shifted));
    let settings = "window = { size = 6000 }\nearly_warning = {}\n\
                    performance = { metrics = ['roc_auc'] }\nalerts = { quality = 'off' }";
    let site = Site::new(broker, &world, 1, settings);
    let instance = site.start("a").ready();
    let half = 3_000;
    site.send(broker, &world, 0..half);
    let warned = || site.records(broker, "alerts").first().map(json);
    let warned = patience::until(warned).expect("half a window is enough");
    let said = (&warned["event"], &warned["kind"], &warned["metric"], &warned["window"]);
    assert_eq!(
        said,
        (&"opened".into(), &"early_warning".into(), &"drift_evidence".into(), &Value::Null),
        "{warned}"
    );
    assert_eq!(site.json(broker, "results"), Vec::<Value>::new(), "no window is sealed");
    instance.kill();

    let instance = site.start("a").ready();
    site.send(broker, &world, half..2 * half);
    site.results(broker, 1);
    let events: Vec<Value> = site.records(broker, "alerts").iter().map(json).collect();
    assert_eq!(events[0], warned, "what was said stays said");
    let of_warning: Vec<&Value> = events.iter().filter(|of| of["id"] == warned["id"]).collect();
    let ended = of_warning.last().unwrap();
    assert_eq!(of_warning.len(), 2, "{events:?}");
    assert_eq!(
        (&ended["event"], &ended["resolution"], &ended["window"]),
        (&"resolved".into(), &"confirmed".into(), &0.into()),
        "{ended}"
    );
    site.verify();
    instance.stop();
}

#[test]
fn that_instances_come_and_go_is_no_news_to_whoever_has_the_pager() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (pager, told) = listening();
    let Some((manager, _leash)) = alertmanager(folder.path(), &pager) else {
        return;
    };
    // By two ways: rules on what is scraped, and our own word.
    let settings = format!(
        "{SETTINGS}\n[[notify]]\nname = 'manager'\nto = 'alertmanager'\nurl = 'http://{manager}'"
    );
    let world = world();
    let site = Site::new(broker, &world, 1, &settings);
    let mut instances: Vec<Instance> =
        ["a", "b"].map(|name| site.start(name)).into_iter().map(Instance::ready).collect();
    let targets: Vec<&str> = instances.iter().map(Instance::address).collect();
    let rules = repository("deploy/alerts.rules.yml");
    let Some(prometheus) = Prometheus::watching(&targets, &[&rules], Some(&manager)) else {
        return;
    };
    site.send(broker, &world, 0..5 * WINDOW);
    site.results(broker, 5);
    let ours = ["VigieAlert", "VigieAlertOpen"];
    // What is told of each: its status, and when it began.
    let mut news: BTreeSet<(String, String, String)> = BTreeSet::new();
    let mut hear = |wait: Duration, enough: &dyn Fn(&BTreeSet<_>) -> bool| {
        while !enough(&news) {
            let Ok(message) = told.recv_timeout(wait) else { break };
            for alert in message["alerts"].as_array().unwrap() {
                let of = |at: &Value| at.as_str().unwrap().to_owned();
                let name = of(&alert["labels"]["alertname"]);
                if ours.contains(&name.as_str()) {
                    news.insert((name, of(&alert["status"]), of(&alert["startsAt"])));
                }
            }
        }
        news.clone()
    };
    let opened = hear(PATIENCE, &|news| news.len() == ours.len());
    let firing: Vec<_> = opened.iter().map(|(name, status, _)| (&**name, &**status)).collect();
    assert_eq!(firing, ours.map(|name| (name, "firing")));

    // Whoever shows it dies, the other one takes over, and a third comes.
    let shows = |of: &Instance| http::get(of.address(), "/metrics").1.contains(OPEN);
    let dies = usize::from(!shows(&instances[0]));
    instances.remove(dies).kill();
    shows_open(&instances[0], "1");
    let third = site.start("c").ready();
    let open = prometheus.eventually("ALERTS{alertname='VigieAlertOpen'}");
    assert_eq!(open.len(), 1, "{open:?}");
    // As long as it takes to say anything: rules and groups are looked at every second or oftener.
    assert_eq!(hear(Duration::from_secs(5), &|_| false), opened, "nothing is resolved or opened");

    site.send(broker, &world, 5 * WINDOW..10 * WINDOW);
    site.results(broker, 10);
    let is_over = |news: &BTreeSet<(String, String, String)>| {
        news.iter().any(|(name, status, _)| name == ours[0] && status == "resolved")
    };
    assert!(is_over(&hear(PATIENCE, &is_over)), "its end is news");
    site.verify();
    third.stop();
}

/// The gauge says so, once the commit has reached it.
fn shows_open(instance: &Instance, value: &str) {
    let shown = || {
        let metrics = http::get(instance.address(), "/metrics").1;
        let found = metrics.lines().any(|line| {
            line.starts_with("vigie_alert_open{")
                && line.contains("critical")
                && line.ends_with(&format!(" {value}"))
        });
        found.then_some(())
    };
    assert!(patience::until(shown).is_some(), "vigie_alert_open is not {value}");
}

#[test]
fn a_steady_model_pages_nobody() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(21);
    let settings = "window = { size = 1000 }";
    let site = Site::new(broker, &world, 1, settings);
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..6 * WINDOW);
    site.results(broker, 6);
    let alerts: Vec<Value> = site.records(broker, "alerts").iter().map(json).collect();
    assert_eq!(alerts, Vec::<Value>::new());
    instance.stop();
}

/// Silence of a second and a half; nothing else alerts.
const QUIET: &str = "
window = { size = 1000 }
alerts = { performance = 'off', quality = 'off', silence = { after = '1500ms', severity = 'warning' } }
";

#[test]
fn silence_opens_one_alert_whoever_comes_and_goes_and_an_event_ends_it() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(5);
    let site = Site::new(broker, &world, 2, QUIET);
    let first = site.start("a").ready();
    site.send(broker, &world, 0..WINDOW);
    site.results(broker, 1);
    let events = |count: usize| {
        let found = || {
            let all = site.json(broker, "alerts");
            (all.len() >= count).then_some(all)
        };
        patience::until(found).unwrap()
    };
    let opened = events(1);
    assert_eq!((&opened[0]["event"], &opened[0]["kind"]), (&"opened".into(), &"silence".into()));
    assert_eq!((&opened[0]["severity"], &opened[0]["metric"]), (&"warning".into(), &Value::Null));
    let id = opened[0]["id"].as_str().unwrap().to_owned();
    // Somebody takes it up.
    let said = site.well(&["alerts", "ack", &id, "--reason", "we know"]);
    assert!(said.contains("is taken up: we know"), "{said}");
    // A second one comes, the first one is killed and comes back.
    let second = site.start("b").ready();
    first.kill();
    let first = site.start("a").ready();
    thread::sleep(Duration::from_secs(4));
    let all = site.json(broker, "alerts");
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(all[1]["acknowledged"], "we know");
    let listed = site.run(&["alerts", "list"]);
    assert_eq!(listed.code, Some(1));
    assert!(listed.said.contains(&id) && listed.said.contains("we know"), "{}", listed.said);
    site.send(broker, &world, WINDOW..WINDOW + 10);
    let all = events(3);
    assert_eq!((&all[2]["event"], &all[2]["id"]), (&"resolved".into(), &id.as_str().into()));
    assert_eq!(all[2]["sequence"], 2);
    // And it may be silent again: another one.
    let again = events(4);
    assert_ne!(again[3]["id"], id.as_str());
    for instance in [first, second] {
        instance.stop();
    }
    site.verify();
}

#[test]
fn a_policy_is_run_over_what_was_recorded() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = world();
    let site = Site::new(broker, &world, 1, SETTINGS);
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..10 * WINDOW);
    site.results(broker, 10);
    let alerts = site.json(broker, "alerts");
    assert_eq!(alerts.len(), 2, "{alerts:?}");
    // As it was, and as it would have been.
    let said = site.well(&["alerts", "simulate"]);
    assert!(
        said.contains("loans  1 alerts (1 critical) in 10 windows, one in 10 windows"),
        "{said}"
    );
    assert!(said.contains("window 4") && said.contains("window 7"), "{said}");
    let said = site.well(&["alerts", "simulate", "--open-after", "1 of 1", "--resolve-after", "1"]);
    assert!(said.contains("window 3") && said.contains("window 6"), "{said}");
    let said = site.well(&["alerts", "simulate", "--margin", "1000", "--at-once", "0"]);
    assert!(said.contains("loans  0 alerts (0 critical) in 10 windows\n"), "{said}");
    instance.stop();
}
