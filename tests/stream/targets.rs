//! Ground truth that comes late, out of order, twice, corrected or withdrawn: what is final is what `vigie check` says of
//! the same rows and targets, to the bit, whatever dies meanwhile.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::thread;
use std::time::Duration;

use rdkafka::producer::BaseRecord;
use serde_json::Value;
use vigie::simulator::{Conditions, Outcome, OutcomePlan, Schedule, World};

use crate::broker::Broker;
use crate::http;
use crate::instance::Instance;
use crate::patience;
use crate::published::{Figures, differences, figures};
use crate::site::Site;
use crate::topics::unique;

pub(crate) const EVENTS: u64 = 4_800;
const WINDOWS: usize = 4;

pub(crate) fn world() -> World {
    World::new(29)
        .with_schedule(Schedule::constant(Conditions { shift: 0.4, ..Conditions::STEADY }))
}

pub(crate) fn plan() -> OutcomePlan {
    OutcomePlan {
        median_seconds: 900.0,
        spread: 1.0,
        score_effect: 1.0,
        transit_seconds: 120.0,
        coverage: 0.85,
        duplicated: 0.1,
        corrected: 0.1,
        withdrawn: 0.05,
    }
}

/// A site whose targets come by a topic of their own, and that topic.
pub(crate) fn site(broker: &Broker, wait: &str) -> (Site, String) {
    site_with(broker, wait, "", "")
}

/// The same with more settings, and with more of performance.
fn site_with(broker: &Broker, wait: &str, more: &str, performance: &str) -> (Site, String) {
    let outcomes = unique("outcomes");
    broker.create_topic(&outcomes, 2, &[("retention.ms", "-1")]);
    let settings = format!(
        r"{more}
window = {{ period = '20min' }}
performance = {{ metrics = ['roc_auc', 'average_precision', 'f1', 'accuracy'], custom = {{ lost = {{ row = '''case when y_pred = 1 and repaid = 0 and region <> 'north' then loan_amount else 0 end''' }} }}{performance} }}
ground_truth = {{ topics = ['{outcomes}'], key = 'loan.id', target = 'outcome.repaid', timestamp = 'decided_at', wait = '{wait}', every = '1s' }}"
    );
    (Site::new(broker, &world(), 4, &settings), outcomes)
}

/// Sends a part of the targets, as they arrive; partitions share them by the event.
pub(crate) fn tell(broker: &Broker, topic: &str, part: usize, of: usize) {
    let all = plan().deliveries(&world(), 0..EVENTS);
    send(broker, topic, &all[part * all.len() / of..(part + 1) * all.len() / of], Duration::ZERO);
}

/// Sends targets, one so long after the other.
fn send(broker: &Broker, topic: &str, outcomes: &[Outcome], pause: Duration) {
    let events: Vec<(i32, Vec<u8>)> =
        outcomes.iter().map(|outcome| ((outcome.event % 2) as i32, outcome.to_json())).collect();
    broker.produce(events.iter().map(|(partition, event)| {
        thread::sleep(pause);
        BaseRecord::<(), [u8]>::to(topic).partition(*partition).payload(event)
    }));
}

/// What is realized of a window, and what follows from it; and all other figures, but for those of the target's column
/// and ranks by realized performance: the stream does not have these when it seals a window.
fn apart<'v>(rows: impl IntoIterator<Item = &'v Value>) -> [Figures; 2] {
    let of_targets = [
        "estimated_minus_realized",
        "performance_change",
        "covariate_shift_effect",
        "concept_drift_effect",
        "concept_drift_magnitude",
    ];
    let is_realized = |row: &&Value| {
        row["kind"] == "realized"
            || row["metric"].as_str().is_some_and(|of| of_targets.contains(&of))
    };
    let ranks_by_it = |row: &&Value| row["kind"] == "diagnosis" && row["method"] == "labelled";
    let rows = rows.into_iter().filter(|row| row["column_name"] != "repaid" && !ranks_by_it(row));
    let (realized, others): (Vec<_>, Vec<_>) = rows.partition(is_realized);
    [figures(realized), figures(others)]
}

/// Which window, and which segment of it.
type Place = (u64, String);

fn place(row: &Value) -> Place {
    (row["window_index"].as_u64().unwrap(), row["segment"].as_str().unwrap().to_owned())
}

/// What `vigie check` makes of the same predictions and targets, by window and segment.
fn checked(site: &Site) -> BTreeMap<Place, [Figures; 2]> {
    let world = world();
    let predictions = site.file(&world, 0..EVENTS);
    let mut last: BTreeMap<u64, (i64, String, Option<bool>)> = BTreeMap::new();
    for outcome in plan().deliveries(&world, 0..EVENTS) {
        let known = last.entry(outcome.event).or_insert((i64::MIN, outcome.id.clone(), None));
        if known.0 <= outcome.decided_at {
            *known = (outcome.decided_at, outcome.id, outcome.target);
        }
    }
    let mut rows = String::new();
    for (_, id, target) in last.values() {
        if let Some(target) = target {
            writeln!(rows, "{{\"id\":\"{id}\",\"repaid\":{}}}", u8::from(*target)).unwrap();
        }
    }
    fs::write(site.path("targets.jsonl"), rows).unwrap();
    let output = site.path("checked.jsonl");
    let [profile, config, targets, written] =
        ["loans.vigie", "vigie.toml", "targets.jsonl", "checked.jsonl"]
            .map(|name| site.path(name).display().to_string());
    let ended = site.run(&[
        "check",
        "--config",
        &config,
        "--profile",
        &profile,
        &predictions,
        "--targets",
        &targets,
        "--output",
        &written,
    ]);
    assert!(matches!(ended.code, Some(0 | 1)), "{}", ended.said);
    let mut windows: BTreeMap<Place, Vec<Value>> = BTreeMap::new();
    for line in fs::read_to_string(output).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if row["dataset"] == "analysis" {
            windows.entry(place(&row)).or_default().push(row);
        }
    }
    windows.into_iter().map(|(place, rows)| (place, apart(&rows))).collect()
}

/// The final result of every one of these, once all are there; each result stands once.
fn finals(
    broker: &Broker,
    site: &Site,
    wanted: &BTreeMap<Place, [Figures; 2]>,
) -> BTreeMap<Place, Value> {
    let mut found = BTreeMap::new();
    let all = patience::until(|| {
        let results = site.json(broker, "results");
        let finals = results.iter().filter(|result| result["final"] == true);
        found = finals.map(|of| (place(of), of.clone())).collect();
        wanted.keys().all(|place| found.contains_key(place)).then_some(results)
    });
    let all = all.unwrap_or_else(|| panic!("{} of {} are final", found.len(), wanted.len()));
    assert_each_once(&all);
    found
}

fn assert_each_once(results: &[Value]) {
    let mut ids: Vec<&str> = results.iter().map(|result| result["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    let before = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), before, "a result stands twice");
}

/// Waits until the newest revision of every window is what `vigie check` says with all targets, and so is what was said
/// when it was sealed; nothing stands twice, and every record is accounted for.
pub(crate) fn assert_settles(broker: &Broker, site: &Site) {
    let checked = checked(site);
    let mut differing = Vec::new();
    let settled = patience::until(|| {
        let results = site.json(broker, "results");
        assert_each_once(&results);
        let mut newest: BTreeMap<Place, (u64, [Figures; 2])> = BTreeMap::new();
        let mut sealed: BTreeMap<Place, Figures> = BTreeMap::new();
        for result in &results {
            let (place, revision) = (place(result), result["revision"].as_u64().unwrap());
            let figures = apart(result["figures"].as_array().unwrap());
            if revision == 0 {
                sealed.insert(place.clone(), figures[1].clone());
            }
            if newest.get(&place).is_none_or(|(known, _)| *known < revision) {
                newest.insert(place, (revision, figures));
            }
        }
        let nothing = Figures::new();
        differing.clear();
        for (place, [realized, others]) in &checked {
            let ours = newest.get(place).map_or(&nothing, |(_, figures)| &figures[0]);
            differing.extend(differences(ours, realized));
            differing.extend(differences(sealed.get(place).unwrap_or(&nothing), others));
        }
        differing.is_empty().then_some(())
    });
    assert!(settled.is_some(), "{} figures differ: {:?}", differing.len(), differing.first());
    site.verify();
}

fn assert_as_checked(broker: &Broker, site: &Site) {
    let checked = checked(site);
    let whole = checked.keys().filter(|(_, segment)| segment == "all");
    assert_eq!(whole.count(), WINDOWS);
    let finals = finals(broker, site, &checked);
    assert_eq!(finals.len(), checked.len());
    for ((place, result), (_, checked)) in finals.iter().zip(&checked) {
        let [streamed, _] = apart(result["figures"].as_array().unwrap());
        assert_eq!(differences(&streamed, &checked[0]), Vec::<String>::new(), "{place:?}");
        if place.1 == "all" {
            assert!(streamed.len() > 8, "{streamed:?}");
            assert!(result["coverage"].as_f64().unwrap() > 0.7, "{}", result["coverage"]);
        }
    }
    site.verify();
}

#[test]
fn late_targets_give_what_check_says() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = site_with(broker, "15s", "", ", concept_drift = true");
    let instance = site.start("a").ready();
    // Some come before their predictions.
    tell(broker, &outcomes, 0, 4);
    site.send(broker, &world(), 0..EVENTS);
    site.send_later(broker, &world(), EVENTS);
    for part in 1..4 {
        tell(broker, &outcomes, part, 4);
    }
    assert_as_checked(broker, &site);
    // What late targets teach of the concept is among it.
    let results = site.json(broker, "results");
    let newest = results.iter().rev().find(|result| result["final"] == true).unwrap();
    let is_taught = |of: &Value| of["metric"] == "concept_drift_magnitude" && of["value"].is_f64();
    assert!(newest["figures"].as_array().unwrap().iter().filter(|of| is_taught(of)).count() > 2);
    instance.stop();
}

#[test]
fn targets_that_trickle_in_one_by_one_are_all_joined() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = site(broker, "1h");
    let instance = site.start("a").ready();
    site.send(broker, &world(), 0..EVENTS);
    site.send_later(broker, &world(), EVENTS);
    let all = plan().deliveries(&world(), 0..EVENTS);
    let (bulk, last) = all.split_at(all.len() - 300);
    send(broker, &outcomes, bulk, Duration::ZERO);
    // Most partitions of the log get nothing of a stretch with a single target, and stand at different places then.
    send(broker, &outcomes, last, Duration::from_millis(25));
    assert_settles(broker, &site);
    instance.stop();
}

/// How many predictions the join of an instance has taken up.
fn taken_up(instance: &Instance) -> u64 {
    let metrics = http::get(instance.address(), "/metrics").1;
    let start = r#"vigie_joined_total{outcome="prediction"} "#;
    let value = metrics.lines().find_map(|line| line.strip_prefix(start));
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

/// Who makes what waits again from a log that has gone quiet gets none of it at once: the cluster keeps an answer back
/// until it has more.
#[test]
fn what_waits_is_made_again_while_nothing_comes() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = site(broker, "2h");
    let others = site.start_stages("a", "intake,tally").ready();
    let join = site.start_stages("j", "join").ready();
    tell(broker, &outcomes, 0, 2);
    site.send(broker, &world(), 0..EVENTS);
    site.send_later(broker, &world(), EVENTS);
    let all_taken = |join: &Instance| (taken_up(join) > EVENTS).then_some(());
    assert!(patience::until(|| all_taken(&join)).is_some(), "{}", taken_up(&join));
    join.stop();
    fs::remove_dir_all(site.path("j")).unwrap();
    let join = site.start_stages("j", "join").ready();
    assert!(
        all_taken(&join).is_some(),
        "{} are there when it says that it is ready",
        taken_up(&join)
    );
    tell(broker, &outcomes, 1, 2);
    assert_settles(broker, &site);
    join.stop();
    others.stop();
}

#[test]
fn instances_die_while_targets_come() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (site, outcomes) = site(broker, "25s");
    let mut a = site.start("a").ready();
    let mut b = site.start("b").ready();
    for part in 0..6 {
        site.send(broker, &world(), part * EVENTS / 6..(part + 1) * EVENTS / 6);
        tell(broker, &outcomes, part as usize, 6);
        if part % 2 == 0 {
            a.kill();
            a = site.start("a");
        } else {
            b.kill();
            b = site.start("b");
        }
    }
    site.send_later(broker, &world(), EVENTS);
    (a, b) = (a.ready(), b.ready());
    assert_as_checked(broker, &site);
    a.stop();
    b.stop();
}

#[test]
fn segments_with_late_targets_are_what_check_says_of_them() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let segments =
        "segments = ['region', ['region', 'channel'], { name = 'young', where = 'age < 30' }]
segment_min_rows = 100
segment_max = 12";
    let (site, outcomes) = site_with(broker, "15s", segments, "");
    // The channel is no feature: it is read for segments alone.
    let features = "features = ['age', 'income', 'debt', 'region', 'loan_amount', 'loan_length']";
    site.edit(
        "vigie.toml",
        "target = \"repaid\" }",
        &format!("target = \"repaid\", {features} }}"),
    );
    let reference = site.path("reference.jsonl").display().to_string();
    site.well(&["profile", "build", "--reference", &reference]);
    let shown = site.well(&["profile", "show", &site.path("loans.vigie").display().to_string()]);
    for name in ["region=north ", "region=other ", "young ", ",channel=web ", "own calibration"] {
        assert!(shown.contains(name), "{shown}");
    }
    let [mut a, b] = ["a", "b"].map(|name| site.start(name).ready());
    tell(broker, &outcomes, 0, 4);
    site.send(broker, &world(), 0..EVENTS / 2);
    tell(broker, &outcomes, 1, 4);
    a.kill();
    a = site.start("a").ready();
    site.send(broker, &world(), EVENTS / 2..EVENTS);
    site.send_later(broker, &world(), EVENTS);
    for part in 2..4 {
        tell(broker, &outcomes, part, 4);
    }
    assert_as_checked(broker, &site);
    assert_settles(broker, &site);
    let sealed = site.json(broker, "results");
    let of = |name: &str| sealed.iter().filter(|result| result["segment"] == name).count();
    assert!(of("young") >= WINDOWS && of("region=other,channel=other") >= WINDOWS);
    assert!(of("region=north") > WINDOWS, "it was restated");
    a.stop();
    b.stop();
}
