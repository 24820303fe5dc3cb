//! Results, alerts and rows as files, SQL over them, and accounts of the past: the same whoever dies meanwhile, and found
//! out where they are not what was published.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rdkafka::Message;
use rdkafka::message::OwnedMessage;
use rdkafka::producer::BaseRecord;
use serde_json::Value;
use vigie::batch::{Body, Content, News, Record};
use vigie::simulator::{Conditions, Layout, Phase, Schedule, World};
use vigie::stream::ARCHIVE_POINTS;

use crate::broker::Broker;
use crate::instance::Instance;
use crate::patience;
use crate::published::{differences, figures, figures_of};
use crate::site::{MODEL, Site};
use crate::topics::unique;
use crate::{http, targets, tools};

const WINDOW: u64 = 1_000;
const WINDOWS: usize = 10;
const SETTINGS: &str = "
window = { size = 1000 }
segments = ['region']
segment_min_rows = 100
performance = { metrics = ['roc_auc', 'f1'] }
alerts = { quality = 'off', open_after = '2 of 3', resolve_after = 2 }
";

fn world() -> World {
    let shifted = Conditions { shift: 0.9, ..Conditions::STEADY };
    World::new(7).with_schedule(Schedule::new(vec![
        Phase::new("steady", 3 * WINDOW, Conditions::STEADY),
        Phase::new("shifted", 3 * WINDOW, shifted),
        Phase::new("steady again", 4 * WINDOW, Conditions::STEADY),
    ]))
}

/// An installation that has published results and alerts and has stopped.
struct Past {
    site: Site,
    results: Vec<OwnedMessage>,
    alerts: Vec<OwnedMessage>,
}

/// The one that these tests look back on.
fn past(broker: &'static Broker) -> &'static Past {
    static PAST: OnceLock<Past> = OnceLock::new();
    PAST.get_or_init(|| {
        let world = world();
        let site = Site::new(broker, &world, 1, SETTINGS);
        let instance = site.start("a").ready();
        site.send(broker, &world, 0..WINDOWS as u64 * WINDOW);
        let whole = || {
            let all = site.json(broker, "results");
            let whole = all.iter().filter(|result| result["segment"] == "all").count();
            (whole == WINDOWS).then_some(())
        };
        assert!(patience::until(whole).is_some());
        instance.stop();
        let results = site.records(broker, "results");
        let alerts = site.records(broker, "alerts");
        assert_eq!(alerts.len(), 2, "opened and resolved");
        Past { site, results, alerts }
    })
}

/// Topics that hold the same, published twenty minutes apart, and a last record that ends what is before it.
struct Topics {
    results: String,
    alerts: String,
}

const DAY: i64 = 1_772_323_200_000; // 2026-03-01

impl Topics {
    fn of(broker: &Broker, past: &Past, change: impl Fn(&[u8]) -> Vec<u8>) -> Self {
        let (results, alerts) = (unique("results"), unique("alerts"));
        for (topic, records) in [(&results, &past.results), (&alerts, &past.alerts)] {
            // Their times lie far back: retention would take them at once.
            broker.create_topic(topic, 1, &[("retention.ms", "-1")]);
            let mut values: Vec<Vec<u8>> =
                records.iter().map(|record| change(record.payload().unwrap())).collect();
            values.push(b"the end".to_vec());
            let last = records.len() as i64;
            let later = |at| if at == last { 86_400_000 } else { 0 };
            let times = (0..=last).map(|at| DAY + at * 1_200_000 + later(at));
            broker.produce(values.iter().zip(times).map(|(value, time)| {
                BaseRecord::to(topic).key(MODEL).partition(0).timestamp(time).payload(value)
            }));
        }
        Self { results, alerts }
    }

    /// An installation beside the one before that archives these topics, and publishes nothing itself.
    fn site(&self, past: &Past) -> Site {
        let site = past.site.beside(&format!("{SETTINGS}[archive]\npath = 'kept'\n"));
        let Self { results, alerts } = self;
        let topics = format!("[kafka.topics]\nresults = '{results}'\nalerts = '{alerts}'\n");
        site.edit("vigie.toml", "[kafka.topics]\n", &topics);
        site
    }
}

fn arguments(site: &Site, name: &str) -> Vec<String> {
    let path = |name: &str| site.path(name).display().to_string();
    let named = ["--config", &path("vigie.toml"), "--instance", name, "--data-dir", &path(name)];
    // The join alone: it has nothing to do.
    named.into_iter().chain(["--stages", "join"]).map(str::to_owned).collect()
}

fn start(site: &Site, name: &str) -> Instance {
    Instance::start(&arguments(site, name))
}

/// What an archive holds by path, without what is being written.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with(".partial") {
                folders.push(path);
            } else if path.is_file() {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                // One that has just got its name may have been replaced by itself meanwhile.
                found.insert(name, fs::read(&path).unwrap_or_default());
            }
        }
    }
    found
}

/// Waits until both topics are archived up to their last record.
fn archived(site: &Site, results: usize) {
    let folder = site.path("kept").display().to_string();
    let count = "SELECT count(*) AS messages FROM messages";
    let whole = || {
        let asked = site.run(&["query", count, "--archive", &folder, "--format", "csv"]);
        let alerts = "SELECT count(*) AS alerts FROM alerts";
        let alerts = site.run(&["query", alerts, "--archive", &folder, "--format", "csv"]);
        (asked.said == format!("messages\n{results}\n") && alerts.said == "alerts\n2\n")
            .then_some(())
    };
    assert!(patience::until(whole).is_some(), "{:?}", tree(&site.path("kept")).keys());
}

fn lines(said: &str) -> Vec<Value> {
    said.lines()
        .filter(|line| line.starts_with('{'))
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn what_is_published_is_archived_and_the_same_after_a_crash_at_every_point() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let past = past(broker);
    let topics = Topics::of(broker, past, <[u8]>::to_vec);
    let site = topics.site(past);
    let instance = start(&site, "a").ready();
    archived(&site, past.results.len());
    instance.says("archiving");
    instance.stop();
    let calm = tree(&site.path("kept"));

    // Every figure, as it was published.
    let folder = site.path("kept").display().to_string();
    let all = "SELECT * FROM results";
    let rows = lines(&site.well(&["query", all, "--archive", &folder, "--format", "json"]));
    let mut by_id: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in &rows {
        assert_eq!((&row["model"], &row["dataset"]), (&MODEL.into(), &"analysis".into()));
        assert_eq!(row["date"], "2026-03-01", "{row}");
        by_id.entry(row["id"].as_str().unwrap()).or_default().push(row);
    }
    assert_eq!(by_id.len(), past.results.len());
    for record in &past.results {
        let result: Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
        let rows = &by_id[result["id"].as_str().unwrap()];
        let differ = differences(&figures(rows.iter().copied()), &figures_of(&result));
        assert!(differ.is_empty(), "{differ:?}");
        for field in ["window_start", "window_end", "window_rows", "segment", "profile"] {
            assert_eq!(rows[0][field], result[field], "{field}");
        }
        for (folder, hash, end) in
            [("profiles", &result["profile"], "vigie"), ("settings", &result["settings"], "json")]
        {
            let file = format!("{folder}/{}.{end}", hash.as_str().unwrap());
            assert!(calm.contains_key(&file), "{file} is not in {:?}", calm.keys());
        }
    }
    let profile = calm.iter().find(|(name, _)| name.starts_with("profiles/")).unwrap();
    assert_eq!(*profile.1, fs::read(site.path("loans.vigie")).unwrap());
    // Files of an hour each: three results, or the two alerts.
    let tables = |name: &str| calm.keys().filter(|file| file.starts_with(name)).count();
    let hours = past.results.len().div_ceil(3);
    assert_eq!((tables("results/"), tables("messages/")), (hours, hours), "{:?}", calm.keys());
    assert_eq!(tables("alerts/"), 1);

    // Dead at every point, at first and later on.
    let site = topics.site(past);
    for (number, (point, time)) in
        (0..).zip(ARCHIVE_POINTS.iter().flat_map(|point| [1, 2, 3].map(|time| (point, time))))
    {
        let variables = [format!("VIGIE_CRASH_AT={point}:{time}")];
        let instance = Instance::start_with(&variables, &arguments(&site, "a"));
        instance.crashed();
        println!("died at {point} for the {time}. time");
        for (name, bytes) in tree(&site.path("kept")) {
            let right = calm.get(&name) == Some(&bytes) || name.starts_with("positions/");
            assert!(right, "{name} after {point}:{time} ({number})");
        }
    }
    // Two at once end what was begun.
    let both = ["a", "b"].map(|name| start(&site, name));
    archived(&site, past.results.len());
    let settled = || (tree(&site.path("kept")) == calm).then_some(());
    assert!(patience::until(settled).is_some(), "{:?}", tree(&site.path("kept")).keys());
    for instance in both {
        instance.ready().stop();
    }
}

/// What a tally log says: how many rows, which predictions they are of, and the target of each that has one.
#[derive(Default)]
struct Said {
    rows: u64,
    predictions: BTreeMap<(i64, i64), Option<String>>,
}

impl Said {
    fn by(log: &[OwnedMessage]) -> Self {
        let mut said = Self::default();
        for message in log {
            said.take(message);
        }
        said
    }

    fn take(&mut self, message: &OwnedMessage) {
        let record = Record::<Content>::from_bytes(message.payload().unwrap()).unwrap();
        let Body::Rows(content) = record.body else { return };
        let partition = i64::from(record.header.lane.partition);
        for &position in content.sections.iter().flat_map(|section| section.rows.offsets.iter()) {
            self.rows += 1;
            self.predictions.entry((partition, position)).or_default();
        }
        for realized in content.realized {
            if let News::Target { after, .. } = realized.news {
                let place = (i64::from(realized.lane.partition), realized.position);
                self.predictions.insert(place, after.as_deref().map(str::to_owned));
            }
        }
    }
}

/// Has a tally log say the same again, over half a day: in step with the predictions that are new in it, however many a
/// record has.
fn say_again(broker: &Broker, topic: &str, log: &[OwnedMessage], events: u64) {
    let half_day = 12 * 3_600_000;
    let end = |partition| (partition, DAY + 2 * half_day, &b"the end"[..]);
    let mut before = Said::default();
    let records = log.iter().map(|record| {
        let new = before.predictions.len() as i64;
        before.take(record);
        (record.partition(), DAY + new * half_day / events as i64, record.payload().unwrap())
    });
    broker.produce(records.chain([end(0), end(1)]).map(|(partition, time, value)| {
        BaseRecord::<(), [u8]>::to(topic).partition(partition).timestamp(time).payload(value)
    }));
}

#[test]
fn every_prediction_is_archived_once_with_its_target_whoever_dies_meanwhile() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let (world, events) = (targets::world(), targets::EVENTS);
    let outcomes = unique("outcomes");
    broker.create_topic(&outcomes, 2, &[("retention.ms", "-1")]);
    let settings = format!(
        "
window = {{ period = '20min' }}
performance = {{ metrics = ['roc_auc'] }}
ground_truth = {{ topics = ['{outcomes}'], key = 'loan.id', target = 'outcome.repaid', timestamp = 'decided_at', wait = '2h', every = '1h' }}
"
    );
    let site = Site::new(broker, &world, 4, &settings);
    site.send(broker, &world, 0..events);
    targets::tell(broker, &outcomes, 0, 1);
    // Both logs say things twice: what has come to the tally log is not committed.
    let is_said = (0..10).any(|_| {
        site.start_to_crash("a", "intake-before-commit").crashed();
        Said::by(&broker.read_committed(&site.topic("tally"))).rows > 0
    });
    assert!(is_said, "no row has come to the tally log");
    site.start_to_crash("a", "join-acknowledged").crashed();
    let instance = site.start("a");
    // The last decision on each event counts; one that was withdrawn is none.
    let mut last: BTreeMap<u64, (i64, Option<bool>)> = BTreeMap::new();
    for outcome in targets::plan().deliveries(&world, 0..events) {
        let known = last.entry(outcome.event).or_insert((i64::MIN, None));
        if known.0 <= outcome.decided_at {
            *known = (outcome.decided_at, outcome.target);
        }
    }
    let expected = last.values().filter(|(_, target)| target.is_some()).count();
    let mut said = Said::default();
    let whole = || {
        said = Said::by(&broker.read_committed(&site.topic("tally")));
        let known = said.predictions.values().filter(|target| target.is_some()).count();
        (said.predictions.len() as u64 == events && known == expected).then_some(())
    };
    assert!(patience::until(whole).is_some(), "{} predictions", said.predictions.len());
    instance.ready().stop();
    assert!(said.rows > events, "nothing was said twice, and this test shows nothing");

    // The same log, said over some hours: an archive ends a file with its hour.
    let log = broker.read_committed(&site.topic("tally"));
    let kept = site.beside(&format!("{settings}[archive]\npath = 'kept'\nrows = true\n"));
    let topic = kept.topic("tally");
    broker.create_topic(&topic, 2, &[("retention.ms", "-1"), ("max.message.bytes", "10485760")]);
    say_again(broker, &topic, &log, events);
    let append_time = ("message.timestamp.type", "LogAppendTime");
    broker
        .set_up_topic(&topic, &[append_time, ("retention.ms", "-1"), ("cleanup.policy", "delete")]);

    let folder = kept.path("kept").display().to_string();
    let ask = |sql: &str| {
        let ended = kept.run(&["query", sql, "--archive", &folder, "--format", "json"]);
        (ended.code == Some(0)).then(|| lines(&ended.said))
    };
    let counts = "SELECT (SELECT count(*) FROM rows) AS rows, (SELECT count(*) FROM labelled WHERE known_target IS NOT NULL) AS known";
    let through = || {
        let found = ask(counts)?;
        (found[0]["rows"] == events && found[0]["known"] == expected).then_some(())
    };
    let archived = || {
        let ended = patience::until(through);
        assert!(ended.is_some(), "{:?} of {events}, {expected}", ask(counts));
    };
    let instance = start(&kept, "a").ready();
    archived();
    instance.stop();
    let calm = tree(&kept.path("kept"));
    assert!(calm.keys().filter(|name| name.starts_with("rows/")).count() > 1, "{:?}", calm.keys());

    let sql =
        "SELECT \"partition\", position, y_pred_proba, known_target FROM labelled ORDER BY 1, 2";
    let rows = ask(sql).unwrap();
    assert_eq!(rows.len() as u64, events);
    // Events went to the partitions in turn.
    for case in world.cases(0..events) {
        let (partition, position) = (case.event % 4, case.event / 4);
        let row = &rows[(partition * (events / 4) + position) as usize];
        assert_eq!((&row["partition"], &row["position"]), (&partition.into(), &position.into()));
        let event: Value =
            serde_json::from_slice(&world.prediction(&case).to_json(Layout::Flat)).unwrap();
        assert_eq!(row["y_pred_proba"].as_f64(), event["y_pred_proba"].as_f64(), "{row}");
        let target = last.get(&case.event).and_then(|(_, target)| *target);
        let known = row["known_target"].as_str().map(|label| label == "1" || label == "true");
        assert_eq!(known, target, "{row}");
    }

    // Dead at every point, from the beginning and going on.
    fs::remove_dir_all(kept.path("kept")).unwrap();
    for point in ARCHIVE_POINTS {
        let variables = [format!("VIGIE_CRASH_AT={point}")];
        Instance::start_with(&variables, &arguments(&kept, "a")).crashed();
    }
    let instance = start(&kept, "a").ready();
    archived();
    let same = || (tree(&kept.path("kept")) == calm).then_some(());
    assert!(patience::until(same).is_some(), "{:?}", tree(&kept.path("kept")).keys());
    instance.stop();
}

#[test]
fn a_place_that_cannot_be_written_is_said_and_ends_nothing() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let past = past(broker);
    let topics = Topics::of(broker, past, <[u8]>::to_vec);
    let site = topics.site(past);
    fs::write(site.path("kept"), "a file where a folder is to be").unwrap();
    let instance = start(&site, "a").ready();
    instance.says("the archive has failed and begins anew");
    let failures = || {
        let metrics = http::get(instance.address(), "/metrics").1;
        let line = metrics.lines().find(|l| l.starts_with("vigie_archive_failures_total "))?;
        (line.rsplit(' ').next()?.parse::<u64>().ok()? > 0).then_some(())
    };
    assert!(patience::until(failures).is_some());
    assert_eq!(instance.readiness().0, 200);
    fs::remove_file(site.path("kept")).unwrap();
    archived(&site, past.results.len());
    let files = |metrics: &str| {
        let line = metrics.lines().find(|l| l.starts_with("vigie_archive_files_total ")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
    };
    // Positions are written anew each time.
    let metrics = http::get(instance.address(), "/metrics").1;
    assert!(files(&metrics) >= tree(&site.path("kept")).len(), "{metrics}");
    instance.stop();
}

#[test]
fn topics_are_asked_together_with_the_archive() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let past = past(broker);
    // Nothing is archived: all is read from the topics.
    let windows =
        "SELECT count(DISTINCT window_index) AS windows FROM latest WHERE segment = 'all'";
    let said = past.site.well(&["query", windows, "--format", "csv"]);
    assert_eq!(said, format!("windows\n{WINDOWS}\n"));
    // Most of it is, and the rest is still in the hour that has not ended.
    let topics = Topics::of(broker, past, <[u8]>::to_vec);
    let site = topics.site(past);
    let instance = start(&site, "a").ready();
    archived(&site, past.results.len());
    instance.stop();
    let more: Value = serde_json::from_slice(past.results[0].payload().unwrap()).unwrap();
    let restated = |revision: u64, cause: &str, value: f64| {
        let mut result = more.clone();
        result["revision"] = revision.into();
        result["revision_cause"] = cause.into();
        let id = more["id"].as_str().unwrap();
        result["id"] = format!("{}/{revision}", id.rsplit_once('/').unwrap().0).into();
        let figures = result["figures"].as_array_mut().unwrap();
        figures.retain(|figure| figure["kind"] == "estimated" && figure["metric"] == "f1");
        assert_eq!(figures.len(), 1);
        figures[0]["value"] = value.into();
        result.to_string()
    };
    let time = DAY + 86_400_000;
    let send = |text: &str| {
        broker.produce([BaseRecord::to(&topics.results)
            .key(MODEL)
            .partition(0)
            .timestamp(time)
            .payload(text)]);
    };
    let values = "SELECT revision, value FROM latest WHERE segment = 'all' AND window_index = 0 AND metric = 'f1' AND kind = 'estimated'";
    let of_window =
        "SELECT count(*) AS figures FROM latest WHERE segment = 'all' AND window_index = 0";
    let count = |sql: &str| site.well(&["query", sql, "--format", "csv"]);
    let sealed = count(of_window);
    send(&restated(1, "targets", 0.125));
    assert_eq!(count(values), "revision,value\n1,0.125\n");
    assert_eq!(count(of_window), sealed, "what targets do not change stays");
    send(&restated(2, "replaced", 0.25));
    assert_eq!(count(values), "revision,value\n2,0.25\n");
    assert_eq!(count(of_window), "figures\n1\n", "what a person put in its place is all of it");
}

#[test]
fn mistakes_in_a_query_are_told_with_what_there_is() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let past = past(broker);
    for (sql, words) in [
        (
            "SELECT valeu FROM results",
            &["no column `valeu`", "did you mean `value`?", "`window_end`"][..],
        ),
        ("SELECT * FROM result", &["no table `result`", "did you mean `results`?", "`alerts`"]),
        ("SELEC 1", &["SELEC"]),
        ("DROP VIEW latest", &["cannot be answered"]),
        ("SELECT value, value FROM results", &["value"]),
    ] {
        let ended = past.site.run(&["query", sql]);
        assert_eq!(ended.code, Some(2), "{sql}: {}", ended.said);
        for word in words {
            assert!(ended.said.contains(word), "{sql}: {}", ended.said);
        }
    }
    let ended = past.site.run(&["query", "SELECT 1", "--archive", "nowhere"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.said.contains("archive `nowhere` holds no `results`"), "{}", ended.said);
    let ended = past.site.run(&["query", "SELECT model FROM latest", "--format", "openmetrics"]);
    assert!(ended.said.contains("missing are `schema`"), "{}", ended.said);
}

#[test]
fn files_of_check_are_asked_in_every_form() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let past = past(broker);
    let world = world();
    let folder = tempfile::tempdir().unwrap();
    let site = past.site.beside(SETTINGS);
    fs::copy(past.site.path("reference.jsonl"), site.path("reference.jsonl")).unwrap();
    let file = site.file(&world, 0..3 * WINDOW);
    let name = |end: &str| folder.path().join(format!("figures.{end}")).display().to_string();
    let config = site.path("vigie.toml").display().to_string();
    let reference = site.path("reference.jsonl").display().to_string();
    for end in ["parquet", "jsonl"] {
        let checked =
            site.run(&["check", &reference, &file, "--config", &config, "--output", &name(end)]);
        assert!(matches!(checked.code, Some(0 | 1)), "{}", checked.said);
    }
    let sql = "SELECT window_index, value FROM latest WHERE dataset = 'analysis' AND metric = 'roc_auc' AND segment = 'all' AND kind = 'estimated' ORDER BY window_index";
    let ask = |end: &str, format: &str| site.well(&["query", sql, &name(end), "--format", format]);
    let (parquet, json) = (ask("parquet", "json"), ask("jsonl", "json"));
    assert_eq!(parquet, json);
    let rows = lines(&parquet);
    assert_eq!(rows.len(), 3);
    let csv = ask("parquet", "csv");
    assert!(csv.starts_with("window_index,value\n0,"), "{csv}");
    assert!(ask("parquet", "table").contains("window_index"));
    // And back again.
    let again = name("again.parquet");
    site.well(&["query", sql, &name("parquet"), "--format", "parquet", "--output", &again]);
    let back = site.well(&["query", "SELECT * FROM results", &again, "--format", "json"]);
    assert_eq!(back, parquet);
}

#[test]
fn promtool_makes_blocks_of_the_past() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    if !tools::has("promtool") {
        return;
    }
    let past = past(broker);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("past.om").display().to_string();
    let blocks = folder.path().join("blocks").display().to_string();
    let sql = "SELECT * FROM latest";
    past.site.well(&["query", sql, "--format", "openmetrics", "--output", &file]);
    let promtool = |arguments: &[&str]| {
        let ended = Command::new("promtool").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let complained = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{arguments:?}: {said}{complained}");
        said
    };
    promtool(&["tsdb", "create-blocks-from", "openmetrics", &file, &blocks]);
    // A folder of Prometheus has one, and without it nothing is dumped.
    fs::create_dir(folder.path().join("blocks/wal")).unwrap();
    let dumped = promtool(&["tsdb", "dump", &blocks]);
    let mut expected = 0;
    for record in &past.results {
        let result: Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
        let end: jiff::Timestamp = result["window_end"].as_str().unwrap().parse().unwrap();
        let figures = result["figures"].as_array().unwrap();
        for figure in figures.iter().filter(|figure| figure["kind"] == "estimated") {
            let Some(value) = figure["value"].as_f64() else { continue };
            expected += 1;
            let found = dumped.lines().any(|line| {
                let label = |name: &str, value: &Value| {
                    line.contains(&format!("{name}=\"{}\"", value.as_str().unwrap_or_default()))
                };
                line.contains("\"vigie_performance\"")
                    && label("metric", &figure["metric"])
                    && label("segment", &result["segment"])
                    && line.ends_with(&format!(" {}", end.as_millisecond()))
                    && line.split_whitespace().rev().nth(1).and_then(|v| v.parse().ok())
                        == Some(value)
            });
            assert!(found, "{figure} of {} is not in what was dumped:\n{dumped}", result["id"]);
        }
    }
    assert!(expected > WINDOWS, "{expected}");
}

#[test]
fn an_alert_is_explained_and_computed_again_to_the_byte() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let past = past(broker);
    let opened: Value = serde_json::from_slice(past.alerts[0].payload().unwrap()).unwrap();
    let id = opened["id"].as_str().unwrap();
    let said = past.site.well(&["explain", id, "--recompute"]);
    for words in [
        opened["summary"].as_str().unwrap(),
        "resolved: back inside the thresholds",
        "estimated roc_auc",
        "1,000 rows, sealed when it was full",
        &format!("{}/0", past.site.predictions()),
        "7000 to 7999",
        opened["profile"].as_str().unwrap(),
        opened["settings"].as_str().unwrap(),
        "1,000 rows read again",
        "THE SAME",
    ] {
        assert!(said.contains(words), "`{words}` is not in:\n{said}");
    }
    // From the archive alone there are no rows; what is in it is told all the same.
    let topics = Topics::of(broker, past, <[u8]>::to_vec);
    let site = topics.site(past);
    let instance = start(&site, "a").ready();
    archived(&site, past.results.len());
    instance.stop();
    let folder = site.path("kept").display().to_string();
    let told = site.well(&["explain", id, "--archive", &folder]);
    assert_eq!(Some(told.as_str()), said.split("\ncomputed again").next());
    let refused = site.run(&["explain", id, "--archive", &folder, "--recompute"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.said.contains("--config"), "{}", refused.said);

    let unknown = past.site.run(&["explain", "loans/9/9"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.said.contains(id), "it names those that there are: {}", unknown.said);
}

#[test]
fn a_window_of_several_lanes_is_computed_again_without_what_rests_on_targets() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let shifted = Conditions { shift: 0.9, ..Conditions::STEADY };
    let world = World::new(19).with_schedule(Schedule::constant(shifted));
    let outcomes = unique("outcomes");
    broker.create_topic(&outcomes, 1, &[]);
    let settings = format!(
        "
window = {{ period = '20min' }}
performance = {{ metrics = ['roc_auc', 'f1'] }}
drift = {{ multivariate = ['reconstruction_error', 'domain_classifier'] }}
alerts = {{ quality = 'off', open_after = 1 }}
ground_truth = {{ topics = ['{outcomes}'], key = 'loan.id', target = 'outcome.repaid', timestamp = 'decided_at', wait = '2h', every = '1s' }}
"
    );
    let site = Site::new(broker, &world, 4, &settings);
    let instance = site.start("a").ready();
    site.send(broker, &world, 0..7_200);
    site.send_later(broker, &world, 7_200);
    site.results(broker, 6);
    instance.stop();
    let alerts = site.json(broker, "alerts");
    let opened = alerts.first().expect("it is out from the first window on");
    let last = alerts.last().unwrap();
    assert_eq!(opened["id"], last["id"]);
    let said = site.well(&["explain", opened["id"].as_str().unwrap(), "--recompute"]);
    for words in [
        "without what rests on targets",
        "1,200 rows read again",
        "THE SAME",
        "sealed when every lane had passed its end",
    ] {
        assert!(said.contains(words), "`{words}` is not in:\n{said}");
    }
    for partition in 0..4 {
        assert!(said.contains(&format!("{}/{partition}", site.predictions())), "{said}");
    }
    // Rows that retention has taken since cannot be read again, and that is said.
    broker.delete_records(site.predictions(), 2, 1_000);
    let refused = site.run(&["explain", opened["id"].as_str().unwrap(), "--recompute"]);
    assert_eq!(refused.code, Some(2), "{}", refused.said);
    assert!(refused.said.contains("have been deleted since"), "{}", refused.said);
}

#[test]
fn a_result_that_was_tampered_with_is_found_out() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let past = past(broker);
    let opened: Value = serde_json::from_slice(past.alerts[0].payload().unwrap()).unwrap();
    let id = opened["id"].as_str().unwrap();
    let ended: Value = serde_json::from_slice(past.alerts[1].payload().unwrap()).unwrap();
    let changed = |field: &'static str| {
        let of = ended["result"].clone();
        move |bytes: &[u8]| {
            let mut result: Value = serde_json::from_slice(bytes).unwrap();
            if result["id"] != of {
                return bytes.to_vec();
            }
            match field {
                "value" => {
                    let figures = result["figures"].as_array_mut().unwrap();
                    let figure = figures.iter_mut().find(|f| f["metric"] == "f1").unwrap();
                    let value = figure["value"].as_f64().unwrap();
                    figure["value"] = f64::from_bits(value.to_bits() + 1).into();
                }
                _ => result["inputs"][0]["to"] = 7_998.into(),
            }
            serde_json::to_vec(&result).unwrap()
        }
    };
    for (field, words) in [("value", "estimated f1"), ("to", "OTHER ROWS in")] {
        let topics = Topics::of(broker, past, changed(field));
        let site = topics.site(past);
        site.well(&["topics", "create"]);
        site.well(&["apply"]);
        let found = site.run(&["explain", id, "--recompute"]);
        assert_eq!(found.code, Some(1), "{}", found.said);
        assert!(found.said.contains("NOT THE SAME"), "{}", found.said);
        assert!(found.said.contains(words), "{}", found.said);
    }
}

#[test]
fn nothing_is_left_behind_by_what_reads_the_topics() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let past = past(broker);
    let temporary = tempfile::tempdir().unwrap();
    let ended = Command::new(tools::program())
        .args(["query", "SELECT count(*) FROM results"])
        .env("VIGIE_CONFIG", past.site.path("vigie.toml"))
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    assert!(ended.status.success());
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}
