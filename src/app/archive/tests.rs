use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow::array::DictionaryArray;
use arrow::datatypes::Int32Type;
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::runtime::Runtime;

use super::*;
use crate::app::query::add_rows;
use crate::batch::{
    Body, Column, Content, Expected, Header, Heartbeat, Label, Lane, News, Realized, Record, Rows,
    Section, Stretch, Values,
};
use crate::epoch::{Epoch, Epochs, Model, Timing, Version};
use crate::fit::{Predicts, Spec, fit};
use crate::metric::{ColumnKind, Problem};
use crate::output::made_up::{alert, result};
use crate::output::rows::json_rows;
use crate::profile::{Provenance, Role, WindowRule};
use crate::query::Database;
use crate::settings::Model as Settings;
use crate::window::{Criteria, Plan, WindowResult};

const HOUR: i64 = 3_600_000;

/// A partition, and all that stands on it.
type Topic = (ArchivedPartition, Vec<Published>);

/// Results of two models over four hours, with holes and a record that is none, and their alerts.
fn topics() -> Vec<Topic> {
    let results = (0..40).map(|at: i64| {
        let of = WindowResult {
            model: if at % 3 == 0 { "a" } else { "b c" }.to_owned(),
            window_index: at as u64,
            ..result()
        };
        let value =
            if at == 17 { b"?".to_vec() } else { serde_json::to_vec(&of).unwrap_or_default() };
        Published { offset: at * 2, timestamp: at * HOUR / 10, value }
    });
    let alerts = (0..6).map(|at| Published {
        offset: at,
        timestamp: at * HOUR / 2,
        value: serde_json::to_vec(&alert()).unwrap_or_default(),
    });
    let of = |holds| ArchivedPartition { holds, id: (5 + holds as u128) << 100, partition: 0 };
    vec![(of(Archived::Results), results.collect()), (of(Archived::Alerts), alerts.collect())]
}

/// Reads topics as the service does, from where the archive stands, until so many files are written; how many were.
fn archive(folder: &Path, topics: &[Topic], mut most: usize) -> usize {
    let place = Place::open(folder.to_str().unwrap()).unwrap();
    let mut keeper = Keeper::new(place, None);
    keeper.in_force = InForce::of(epochs().clone());
    let mut wrote = 0;
    for (of, records) in topics {
        let from = keeper.position(of).unwrap().unwrap_or(0);
        for record in records.iter().filter(|record| record.offset >= from) {
            if !keeper.take(of, record.offset, record.timestamp, &record.value) {
                continue;
            }
            loop {
                if most == 0 {
                    return wrote;
                }
                match keeper.step(of).unwrap() {
                    Step::Wrote => (wrote, most) = (wrote + 1, most - 1),
                    Step::Done(unreadable) => {
                        let has = records.iter().any(|record| record.value == b"?");
                        assert!(unreadable == 0 || has);
                        break;
                    }
                }
            }
        }
    }
    wrote
}

/// All files below a folder with what they hold.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn cut_off_after_any_file_and_begun_anew_it_is_the_same_to_the_byte() {
    let topics = topics();
    let calm = tempdir().unwrap();
    let files = archive(calm.path(), &topics, usize::MAX);
    let calm = tree(calm.path());
    // Three hours are complete, of two models in two tables; five half hours of alerts, two to a file; positions.
    assert_eq!(files, 3 * 2 * 2 + 3 + 2 + 2);
    assert_eq!(calm.len(), 3 * 2 * 2 + 2 + 2);
    assert_same_wherever_cut_off(&topics, &calm, files);
}

fn assert_same_wherever_cut_off(topics: &[Topic], calm: &BTreeMap<String, Vec<u8>>, files: usize) {
    for most in 0..=files {
        let folder = tempdir().unwrap();
        archive(folder.path(), topics, most);
        // What is there already is right, whatever is still missing.
        for (name, bytes) in tree(folder.path()) {
            assert!(calm.get(&name) == Some(&bytes) || name.starts_with("positions/"), "{name}");
        }
        archive(folder.path(), topics, usize::MAX);
        assert!(tree(folder.path()) == *calm, "cut off after {most} files");
    }
}

#[test]
fn two_at_once_and_one_that_was_asleep_write_the_same() {
    let topics = topics();
    let calm = tempdir().unwrap();
    archive(calm.path(), &topics, usize::MAX);
    let folder = tempdir().unwrap();
    // One that has read its position, and writes when the other is through.
    let place = Place::open(folder.path().to_str().unwrap()).unwrap();
    let mut asleep = Keeper::new(place, None);
    let (of, records) = &topics[0];
    assert_eq!(asleep.position(of).unwrap(), None);
    archive(folder.path(), &topics, usize::MAX);
    let cut = records
        .iter()
        .find(|record| asleep.take(of, record.offset, record.timestamp, &record.value));
    assert!(cut.is_some());
    while asleep.step(of).unwrap() == Step::Wrote {}
    // Its position lies before the other's: whoever comes next does again what is there.
    archive(folder.path(), &topics, usize::MAX);
    assert!(tree(folder.path()) == tree(calm.path()));
}

#[test]
fn a_disk_that_refuses_is_an_error_and_nothing_half_written() {
    let topics = topics();
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("results"), "a file where a folder is to be").unwrap();
    let place = Place::open(folder.path().to_str().unwrap()).unwrap();
    let mut keeper = Keeper::new(place, None);
    let (of, records) = &topics[0];
    let cut = records
        .iter()
        .find(|record| keeper.take(of, record.offset, record.timestamp, &record.value));
    assert!(cut.is_some());
    // The messages can be written, the results cannot.
    let mut step = || keeper.step(of);
    assert!(matches!(step(), Ok(Step::Wrote)) && matches!(step(), Ok(Step::Wrote)));
    let error = step().unwrap_err().to_string();
    assert!(error.contains("results/model=a") && error.contains("cannot be written"), "{error}");
    assert_eq!(keeper.position(of).unwrap(), None);
    assert_eq!(fs::read_dir(folder.path().join(".partial")).unwrap().count(), 0);
}

/// The lanes that speak in the log: two partitions of the predictions, and one of the join log.
const PREDICTIONS: u128 = 7 << 100;
const LANE: Lane = Lane { topic: PREDICTIONS, partition: 0 };
const OTHER: Lane = Lane { topic: PREDICTIONS, partition: 1 };
const JOIN: Lane = Lane { topic: 8 << 100, partition: 0 };

/// The columns of `loans` in an epoch: the second one has more, and labels where there were numbers.
fn columns(epoch: u64) -> Vec<(String, Role, ColumnKind)> {
    let feature = |name: &str, kind| (name.to_owned(), Role::Feature, kind);
    let mut columns = vec![
        feature("age", ColumnKind::Continuous),
        feature("region", ColumnKind::Categorical),
        feature("code", ColumnKind::Continuous),
    ];
    if epoch == 2 {
        columns[2].2 = ColumnKind::Categorical;
        columns.push(feature("time", ColumnKind::Continuous));
    }
    columns
}

/// Rows at these positions; every fifth has no age, every seventh no region.
fn rows(epoch: u64, from: i64, to: i64) -> Rows {
    let values = |(name, _, kind): (String, Role, ColumnKind)| {
        if kind == ColumnKind::Continuous {
            let missing = |at: i64| name == "age" && at % 5 == 0;
            let value = |at| if missing(at) { f64::NAN } else { at as f64 / 2.0 };
            return Values::Numbers((from..to).map(value).collect::<Vec<_>>().into());
        }
        let label = |at: i64| (at % 7 != 0).then(|| format!("{name} {}", at % 3));
        let labels: Vec<Option<String>> = (from..to).map(label).collect();
        let labels = labels.iter().map(Option::as_deref);
        Values::Labels(labels.collect::<DictionaryArray<Int32Type>>())
    };
    Rows {
        offsets: (from..to).collect(),
        times: Some((from..to).map(|at| at * 1_000_000).collect()),
        columns: columns(epoch).into_iter().map(|of| Column::new(values(of))).collect(),
        expected: Expected::Nothing,
        reconstruction: None,
        segments: Vec::new(),
        keys: None,
        terms: Vec::new(),
    }
}

/// Two epochs of `loans`, and of `cards`, which no profile serves.
fn epochs() -> &'static Epochs {
    static MADE: OnceLock<Epochs> = OnceLock::new();
    MADE.get_or_init(made)
}

fn made() -> Epochs {
    let rule = WindowRule::Size(20);
    let timing = Timing { rule, lateness: 0, idle: 0, max_wait: 0, skew: 0 };
    let model = |name: &str, since: u64, serves: bool| {
        let spec = Spec {
            model: name.to_owned(),
            version: String::new(),
            predicts: Predicts::Nothing,
            rule,
            inputs: Vec::new(),
            derived: Vec::new(),
            filter: None,
            columns: columns(since),
            whole: Vec::new(),
            sampled: false,
            concept: false,
            metrics: Vec::new(),
            segments: None,
            provenance: Provenance::default(),
        };
        let profile = Arc::new(fit(spec, vec![rows(since, 0, 60)]).unwrap());
        let hash = profile.hash();
        let version = Version { plan: Plan::new(profile, Criteria::default()), profile: hash };
        let model = Model {
            since,
            settings_hash: String::new(),
            settings: Arc::new(Settings::new(name, Problem::Binary)),
            timing,
            versions: BTreeMap::new(),
            any_version: serves.then(|| Arc::new(version)),
        };
        (name.to_owned(), Arc::new(model))
    };
    let epoch = |number| {
        let models = [model("loans", number, true), model("cards", 1, false)].into();
        (number, Arc::new(Epoch { topics: Vec::new(), models }))
    };
    Epochs { epochs: [epoch(1), epoch(2)].into(), policies: BTreeMap::new() }
}

fn said(lane: Lane, owner: u64, epoch: u64, (from, to): (i64, i64), body: Body) -> Vec<u8> {
    let topic = if lane == JOIN { "join" } else { "predictions" }.to_owned();
    let stretch = Stretch { from, to };
    let header = Header { lane, topic, partitions: 2, owner, epoch, policy: 0, stretch };
    Record { header, body }.to_bytes()
}

fn opens(lane: Lane, owner: u64, at: i64) -> Vec<u8> {
    said(lane, owner, 1, (at, at), Body::Open { beginning: 0 })
}

fn scored(lane: Lane, owner: u64, epoch: u64, (from, to): (i64, i64)) -> Vec<u8> {
    let section = |model: &str, rows, profiled| Section {
        model: model.to_owned(),
        version: "1".to_owned(),
        rows,
        profiled,
    };
    let mut sections = vec![section("loans", rows(epoch, from, to - 1), true)];
    let card = Rows { columns: Vec::new(), ..rows(epoch, to - 1, to) };
    sections.push(section("cards", card, false));
    let content = Content { sections, ..Content::default() };
    said(lane, owner, epoch, (from, to), Body::Rows(content))
}

/// News of the prediction at a position of a lane, at this offset of the join log.
fn heard(at: i64, lane: Lane, position: i64, news: News) -> Vec<u8> {
    let realized = Realized {
        offset: at,
        lane,
        position,
        epoch: 1,
        model: "loans".into(),
        version: "1".into(),
        time: position * 1_000_000,
        score: None,
        predicted: None,
        news,
        more: None,
    };
    let content = Content { realized: vec![realized], ..Content::default() };
    said(JOIN, 1, 0, (at, at + 1), Body::Rows(content))
}

fn target(before: Option<&str>, after: Option<&str>) -> News {
    let [before, after] = [before, after].map(|label| label.map(Label::from));
    News::Target { before, after, lag: 250 }
}

/// A tally log over four hours. Much is said twice: by an owner who was not heard, by one who was replaced, by the next
/// one from where its predecessor committed.
fn log() -> Topic {
    let beat = Heartbeat { high_watermark: 0, reached: 0 };
    let alive = |lane, at| said(lane, 1, 1, (at, at), Body::Heartbeat(beat));
    let first = || vec![opens(LANE, 1, 0), opens(OTHER, 1, 0), opens(JOIN, 1, 0)];
    let hours = vec![
        [
            first(),
            vec![
                scored(LANE, 1, 1, (0, 40)),
                scored(OTHER, 1, 1, (0, 10)),
                scored(LANE, 1, 1, (0, 40)),
                heard(0, LANE, 3, target(None, Some("0"))),
            ],
        ]
        .concat(),
        vec![
            opens(LANE, 2, 20),
            scored(LANE, 1, 1, (40, 90)),
            scored(LANE, 2, 1, (20, 60)),
            heard(0, LANE, 3, target(None, Some("0"))),
            heard(1, LANE, 3, target(Some("0"), Some("1"))),
            alive(OTHER, 10),
        ],
        vec![
            scored(LANE, 2, 2, (60, 100)),
            scored(OTHER, 1, 1, (10, 30)),
            b"?".to_vec(),
            // Beyond a gap, as far as anyone can know: what could not be read may have been of this lane.
            scored(OTHER, 1, 2, (40, 50)),
            heard(2, OTHER, 11, target(None, Some("1"))),
            heard(3, LANE, 4, News::Repeated),
        ],
        vec![alive(LANE, 100)],
        vec![alive(LANE, 100)],
    ];
    let of = ArchivedPartition { holds: Archived::Tally, id: 9 << 100, partition: 1 };
    let timed = (0..).zip(hours).flat_map(|(hour, said)| said.into_iter().map(move |v| (hour, v)));
    let record = |(offset, (hour, value)): (i64, (i64, Vec<u8>))| Published {
        offset,
        timestamp: hour * HOUR + offset,
        value,
    };
    (of, (10..).zip(timed).map(record).collect())
}

/// What an archive answers.
fn ask(folder: &Path, sql: &str) -> Vec<Value> {
    Runtime::new().unwrap().block_on(async {
        let mut database = Database::new().unwrap();
        let place = Place::open(folder.to_str().unwrap()).unwrap();
        add_rows(&mut database, &place).unwrap();
        let mut answer = database.query(sql).await.unwrap();
        let mut rows = Vec::new();
        while let Some(batch) = answer.next().await.unwrap() {
            rows.extend(json_rows(&batch).unwrap().into_iter().map(Value::Object));
        }
        rows
    })
}

#[test]
fn every_row_is_archived_once_however_often_it_is_said_and_wherever_it_is_cut_off() {
    let topics = [log()];
    let folder = tempdir().unwrap();
    let files = archive(folder.path(), &topics, usize::MAX);
    let calm = tree(folder.path());
    // Of three hours: rows of two models, and targets of one; how far that goes is written after each hour.
    assert_eq!(files, 3 * 3 + 4);
    assert_eq!(calm.len(), 3 * 3 + 1, "{:?}", calm.keys());

    let positions = |model: &str, partition: i32| -> Vec<i64> {
        let sql = format!(
            "SELECT position FROM rows WHERE model = '{model}' AND \"partition\" = {partition} ORDER BY position"
        );
        let rows = ask(folder.path(), &sql);
        rows.iter().map(|row| row["position"].as_i64().unwrap()).collect()
    };
    let all = |partition| {
        let mut all = [positions("loans", partition), positions("cards", partition)].concat();
        all.sort_unstable();
        all
    };
    assert_eq!(all(0), (0..100).collect::<Vec<_>>());
    assert_eq!(all(1), (0..30).chain(40..50).collect::<Vec<_>>());
    // The card of a stretch of which only the end was new.
    assert_eq!(positions("cards", 0), [39, 59, 99]);

    let sql = "SELECT * FROM rows WHERE model = 'loans' AND \"partition\" = 0 AND position IN (30, 70, 77) ORDER BY position";
    let rows = ask(folder.path(), sql);
    let value = |row: usize, name: &str| rows[row][name].clone();
    assert_eq!(value(0, "epoch"), json!(1));
    assert_eq!(value(0, "topic"), "predictions");
    assert_eq!(value(0, "topic_id"), format!("{PREDICTIONS:032x}"));
    assert_eq!(value(0, "version"), "1");
    assert_eq!(value(0, "date"), "1970-01-01");
    assert_eq!(value(0, "time"), "1970-01-01T00:00:30Z");
    assert_eq!(value(0, "age"), Value::Null, "NaN is nothing");
    assert_eq!(value(0, "region"), "region 0");
    // The epochs differ: one has numbers where the other has labels, and a column that has the name of one of ours.
    assert_eq!((value(0, "code"), value(1, "code")), (json!("15.0"), Value::Null));
    assert_eq!((value(2, "epoch"), value(2, "age")), (json!(2), json!(38.5)));
    assert_eq!(value(2, "region"), Value::Null);
    assert_eq!((value(0, "time_"), value(1, "time_")), (Value::Null, json!(35.0)));

    let sql = "SELECT topic, \"partition\", position, news, before, after, lag FROM targets ORDER BY log_offset";
    let news: Vec<String> = ask(folder.path(), sql)
        .iter()
        .map(|of| {
            let text = |name: &str| of[name].as_str().unwrap_or("-").to_owned();
            let number = |name: &str| of[name].as_i64().unwrap_or(-1);
            let place = format!("{}/{} {}", text("topic"), number("partition"), number("position"));
            format!(
                "{place}: {} {} {} {}",
                text("news"),
                text("before"),
                text("after"),
                number("lag")
            )
        })
        .collect();
    assert_eq!(
        news,
        [
            "predictions/0 3: target - 0 250",
            "predictions/0 3: target 0 1 250",
            "predictions/1 11: target - 1 250",
            "predictions/0 4: repeated - - -1",
        ]
    );
    let sql = "SELECT \"partition\", position, known_target, target_lag FROM labelled WHERE known_target IS NOT NULL ORDER BY 1";
    let labelled = ask(folder.path(), sql);
    assert_eq!(labelled.len(), 2, "{labelled:?}");
    assert_eq!((&labelled[0]["position"], &labelled[0]["known_target"]), (&json!(3), &json!("1")));
    assert_eq!((&labelled[1]["position"], &labelled[1]["target_lag"]), (&json!(11), &json!(250)));
    let count = ask(folder.path(), "SELECT count(*) AS rows FROM labelled");
    assert_eq!(count[0]["rows"], json!(140), "a row stays one, however often its target changed");

    assert_same_wherever_cut_off(&topics, &calm, files);
}

#[test]
fn what_was_deleted_before_it_was_archived_is_missing_and_nothing_stands_twice() {
    let (of, records) = log();
    let folder = tempdir().unwrap();
    let place = Place::open(folder.path().to_str().unwrap()).unwrap();
    let mut keeper = Keeper::new(place, None);
    keeper.in_force = InForce::of(epochs().clone());
    // The first hour; then the log begins in the middle of the second.
    for record in records.iter().filter(|record| record.timestamp < HOUR + 50) {
        if keeper.take(&of, record.offset, record.timestamp, &record.value) {
            while keeper.step(&of).unwrap() == Step::Wrote {}
        }
    }
    let position = keeper.position(&of).unwrap().unwrap();
    let left = records.iter().position(|record| record.offset == position).unwrap() + 3;
    keeper.lose(&of);
    for record in &records[left..] {
        if keeper.take(&of, record.offset, record.timestamp, &record.value) {
            while keeper.step(&of).unwrap() == Step::Wrote {}
        }
    }
    let sql = "SELECT \"partition\", position, count(*) AS times FROM rows GROUP BY 1, 2";
    let rows = ask(folder.path(), sql);
    assert!(rows.iter().all(|row| row["times"] == json!(1)), "{rows:?}");
    // Positions 40 to 59 were in what was lost; all others are there.
    let first = rows.iter().filter(|row| row["partition"] == json!(0));
    assert_eq!(first.count(), 80);
}

#[test]
fn without_rows_their_tables_are_empty_and_can_be_asked() {
    let folder = tempdir().unwrap();
    for table in ["rows", "targets", "labelled"] {
        let rows = ask(folder.path(), &format!("SELECT count(*) AS n FROM {table}"));
        assert_eq!(rows, [json!({ "n": 0 })], "{table}");
    }
}
