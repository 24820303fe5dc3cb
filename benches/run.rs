//! `vigie run` against a bare loop that consumes and parses the same topic, over a real Apache Kafka: CPU time of the
//! process of each.
//!
//! ```text
//! cargo bench --bench run                  # two classes
//! cargo bench --bench run -- regression    # a number, whose loss trees expect
//! cargo bench --bench run -- classes       # one of ten classes, each with a probability
//! ```
//!
//! 2,000,000 events (`-- 500000` for fewer) of 400 bytes of JSON with 20 features in 4 partitions. The loop polls
//! librdkafka, one by one and in batches, and lets `serde_json` read each event into a typed struct, whose fields go to
//! Arrow columns; nothing else. `vigie run` does intake, tally log, tally, transactions and all statistics; what it costs
//! to start it is measured on an installation without events, and taken away; all of it three times in turn, of which
//! the medians count (of more events once). `serde_json` reads numbers exactly here (`float_roundtrip`), as we do.
//!
//! Then the same with the join: every prediction waits for its target, and a twentieth of them get one meanwhile. Of each
//! run the resident memory is told after a million events, or half of them, and at the end.
//!
//! And what the guarantees cost: the stages of `vigie run` without the join in this process, from the same consumer to
//! the same results, with nothing between them, nothing written and nothing committed: what dies with it is lost.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]
#![expect(unsafe_code, reason = "rdkafka offers no polling in batches")]

mod broker;
mod cpu;
mod memory;
mod service;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::ptr::null_mut;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, slice};

use arrow::array::{Float64Builder, Int64Builder, StringDictionaryBuilder};
use arrow::datatypes::Int32Type;
use jiff::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::Producer;
use rdkafka::{Message, Offset, TopicPartitionList};
use rdkafka_sys as sys;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use vigie::batch::Lane;
use vigie::epoch::{Epoch, Epochs, compile};
use vigie::intake::json::Limits;
use vigie::intake::{Committed, Feed, NoHeaders, Outputs, Reader, RecordView, Sending, To};
use vigie::profile::Profile;
use vigie::settings::{Outside, Settings};
use vigie::simulator::{Layout, Timeline, WideRow, WideShape, WideWorld};
use vigie::tally::{Output, Tally};
use vigie::telemetry::Clock;

use self::broker::{Broker, PARTITIONS, PATIENCE, create, producer, send};
use self::service::{COLUMNS, TWO_CLASSES, installation, vigie};

/// How often everything is measured...
const ROUNDS: usize = 3;
/// ...of up to so many events; of more once: what they are asked for then is memory.
const MANY: u64 = 2_000_000;
const REFERENCE: u64 = 50_000;
const TOPIC: &str = "predictions";
const OUTCOMES: &str = "outcomes";
const GROUND_TRUTH: &str = r#"
[model.model-0.ground_truth]
topics = ["outcomes"]
key    = "id"
target = "target"
every  = "10s"
"#;
/// What a model predicts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Predicts {
    TwoClasses,
    Number,
    TenClasses,
}

const CLASSES: u64 = 10;
const WINDOW: u64 = 5_000;
/// Of the stages in this process: the number of the settings, and a time later than all events, in milliseconds since 1970.
const EPOCH: u64 = 1;
const APPENDED: i64 = 4_000_000_000_000;
/// Rows in the columns of the loop before they are given away, as in a stretch of ours.
const FULL: usize = 4_096;
/// By then it is ready, and idle where there are no events.
const START: Duration = Duration::from_secs(6);

fn main() {
    let events: u64 = env::args().find_map(|rows| rows.parse().ok()).unwrap_or(2_000_000);
    let events = events.next_multiple_of(WINDOW);
    let broker = Broker::start();
    let world = WideWorld::new(7, WideShape::default(), Timeline::default());
    let is_asked = |name: &str| env::args().any(|argument| argument == name);
    let (predicts, what) = match () {
        () if is_asked("regression") => (Predicts::Number, "regression"),
        () if is_asked("classes") => (Predicts::TenClasses, "ten classes"),
        () => (Predicts::TwoClasses, "two classes"),
    };
    produce(&broker, &world, predicts, "empty", 0);
    let bytes = produce(&broker, &world, predicts, TOPIC, events);
    let bytes = bytes / events;
    println!("{what}: {events} events of {bytes} bytes, 20 features, {PARTITIONS} partitions");
    println!("CPU microseconds an event");
    let each = |seconds: f64| seconds / events as f64 * 1e6;
    produce_outcomes(&broker, &world, predicts, events);
    let runs = [(false, "vigie run"), (true, "vigie run with the join")];
    let installed = install(&broker, &world, predicts, ("none", TOPIC), false);
    let (mut bare, mut unguarded) = (Vec::new(), Vec::new());
    let mut ours = [Vec::new(), Vec::new()];
    let rounds = if events > MANY { 1 } else { ROUNDS };
    // In turns, as machines change their pace.
    for round in 0..rounds {
        let mut fastest = f64::INFINITY;
        for (name, batches) in [("one by one", false), ("in batches", true)] {
            let empty = each(consume(&broker, events, batches, |_| {}));
            let mut columns = Columns::default();
            let parsed = each(consume(&broker, events, batches, |payload| columns.add(payload)));
            println!("{parsed:9.3} loop that polls {name} and parses ({empty:.3} without parsing)");
            fastest = fastest.min(parsed);
        }
        bare.push(fastest);
        let stages = each(stages(&broker, installed.path(), events));
        println!("{stages:9.3} the stages without logs and transactions");
        unguarded.push(stages);
        for ((joins, what), ours) in runs.iter().zip(&mut ours) {
            let run = |topic, events| {
                let namespace = format!("vigie-{topic}-{joins}-{round}");
                run(&broker, &world, predicts, (&namespace, topic), events, *joins)
            };
            let start = run("empty", 0);
            let spent = run(TOPIC, events);
            ours.push(each(spent.cpu - start.cpu));
            tell(what, each, &start, &spent, events);
        }
    }
    let (bare, unguarded) = (median(bare), median(unguarded));
    for ((_, what), ours) in runs.iter().zip(ours) {
        let ours = median(ours);
        let share = bare / ours;
        println!(
            "{share:9.2} events of {what} for one of the loop: {bare:.2} of {ours:.2}, medians of {rounds}"
        );
        println!("          {:.2} times what the stages take without guarantees", ours / unguarded);
    }
}

fn tell(what: &str, each: impl Fn(f64) -> f64, start: &Spent, spent: &Spent, events: u64) {
    let ours = each(spent.cpu - start.cpu);
    println!("{ours:9.3} {what}, and {:.1} s CPU to start it", start.cpu);
    println!("          of these, by thread that lived to the end");
    for (name, seconds) in spent.threads.iter().filter(|(_, seconds)| each(*seconds) > 0.05) {
        println!("  {:7.3} {name}", each(*seconds));
    }
    let rate = events as f64 / (spent.wall - start.wall).max(0.1);
    println!(
        "          {rate:.0} events a second; resident {} MB early, {} MB at the end",
        spent.resident[0], spent.resident[1]
    );
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// The class that a row is predicted to be in, one of ten, and how much more likely it is than any other.
fn class_of(row: &WideRow<'_>) -> (u64, f64) {
    let class = (row.prediction.features.numbers[1].abs() * 1e4) as u64 % CLASSES;
    (class, (row.prediction.score * 1e3).round() / 1e3)
}

/// A number that a row is predicted to be.
fn number_of(row: &WideRow<'_>) -> f64 {
    100.0 * row.prediction.score + row.prediction.features.numbers[0]
}

/// What came to pass, as it stands in JSON.
fn outcome(predicts: Predicts, row: &WideRow<'_>) -> String {
    let happened = f64::from(u8::from(row.target));
    match predicts {
        Predicts::TwoClasses => happened.to_string(),
        Predicts::Number => {
            format!("{:.4}", number_of(row) + 10.0 * (happened - row.prediction.score))
        }
        Predicts::TenClasses => {
            let (class, _) = class_of(row);
            (if row.target { class } else { (class + 1) % CLASSES }).to_string()
        }
    }
}

/// An event as JSON; in the reference with what came to pass.
fn write(predicts: Predicts, row: &WideRow<'_>, told: bool, text: &mut Vec<u8>) {
    row.prediction.write_json(Layout::Nested, text);
    text.pop();
    match predicts {
        Predicts::TwoClasses => {}
        Predicts::Number => {
            write!(text, r#","out":{{"value":{:.4}}}"#, number_of(row)).expect("into memory");
        }
        Predicts::TenClasses => {
            let (class, more) = class_of(row);
            write!(text, r#","out":{{"class":{class},"p":["#).expect("into memory");
            for each in 0..CLASSES {
                let share = 0.1 - 0.1 * more + if each == class { more } else { 0.0 };
                let comma = if each == 0 { "" } else { "," };
                write!(text, "{comma}{share:.4}").expect("into memory");
            }
            text.extend_from_slice(b"]}");
        }
    }
    if told {
        write!(text, r#","target":{}"#, outcome(predicts, row)).expect("into memory");
    }
    text.push(b'}');
}

/// What a run took.
struct Spent {
    cpu: f64,
    wall: f64,
    threads: Vec<(String, f64)>,
    /// Megabytes, early and at the end.
    resident: [u64; 2],
}

/// Fills the topic; how many bytes it has.
fn produce(
    broker: &Broker,
    world: &WideWorld,
    predicts: Predicts,
    topic: &str,
    events: u64,
) -> u64 {
    create(broker, topic);
    let producer = producer(broker);
    let mut bytes = 0;
    let mut text = Vec::new();
    for (index, row) in world.rows(REFERENCE..REFERENCE + events).enumerate() {
        text.clear();
        write(predicts, &row, false, &mut text);
        bytes += text.len() as u64;
        send(&producer, topic, (index / 64) as i32 % PARTITIONS, &text);
    }
    producer.flush(PATIENCE).expect("the broker takes records");
    bytes
}

/// Targets of every twentieth event.
fn produce_outcomes(broker: &Broker, world: &WideWorld, predicts: Predicts, events: u64) {
    create(broker, OUTCOMES);
    let producer = producer(broker);
    let rows = world.rows((REFERENCE..REFERENCE + events).step_by(20));
    for (index, row) in rows.enumerate() {
        let id = &row.prediction.id;
        let text = format!(r#"{{"id":"{id}","target":{}}}"#, outcome(predicts, &row));
        send(&producer, OUTCOMES, (index / 64) as i32 % PARTITIONS, text.as_bytes());
    }
    producer.flush(PATIENCE).expect("the broker takes records");
}

/// Reads the topic from its beginning; CPU seconds of this process.
fn consume(broker: &Broker, events: u64, batches: bool, mut with: impl FnMut(&[u8])) -> f64 {
    let consumer: BaseConsumer = broker
        .client()
        .set("group.id", "bare")
        .set("enable.auto.commit", "false")
        .set("queued.max.messages.kbytes", "16384")
        .create()
        .expect("a client");
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(TOPIC, partition, Offset::Beginning).expect("an offset");
    }
    let began = cpu::seconds("self");
    consumer.assign(&list).expect("the topic is there");
    let mut read = 0;
    if batches {
        let mut messages = vec![null_mut(); 1_024];
        // SAFETY: the consumer outlives the queue, and every message is destroyed once, after its last use; a payload is
        // as long as its message says.
        unsafe {
            let queue = sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr());
            while read < events {
                let found = sys::rd_kafka_consume_batch_queue(
                    queue,
                    100,
                    messages.as_mut_ptr(),
                    messages.len(),
                );
                for &message in &messages[..usize::try_from(found).expect("no error")] {
                    if (*message).err == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                        with(slice::from_raw_parts((*message).payload.cast(), (*message).len));
                        read += 1;
                    }
                    sys::rd_kafka_message_destroy(message);
                }
            }
            sys::rd_kafka_queue_destroy(queue);
        }
    } else {
        while read < events {
            if let Some(Ok(message)) = consumer.poll(PATIENCE) {
                with(message.payload().unwrap_or_default());
                read += 1;
            }
        }
    }
    cpu::seconds("self") - began
}

#[derive(Deserialize)]
struct Event<'a> {
    timestamp: &'a str,
    model: Named<'a>,
    #[serde(borrow)]
    features: Features<'a>,
    y_pred_proba: Option<f64>,
    y_pred: Option<i64>,
    out: Option<Out>,
}

#[derive(Deserialize)]
struct Out {
    value: Option<f64>,
    class: Option<i64>,
    p: Option<[f64; CLASSES as usize]>,
}

#[derive(Deserialize)]
struct Named<'a> {
    name: &'a str,
    version: &'a str,
}

macro_rules! features {
    ($($number:ident)*; $($category:ident)*) => {
        #[derive(Deserialize)]
        struct Features<'a> {
            $($number: Option<f64>,)*
            $(#[serde(borrow)] $category: Option<&'a str>,)*
        }

        /// Events as columns.
        #[derive(Default)]
        struct Columns {
            rows: usize,
            models: StringDictionaryBuilder<Int32Type>,
            versions: StringDictionaryBuilder<Int32Type>,
            times: Int64Builder,
            scores: Float64Builder,
            predictions: Int64Builder,
            values: Float64Builder,
            classes: Int64Builder,
            shares: [Float64Builder; CLASSES as usize],
            $($number: Float64Builder,)*
            $($category: StringDictionaryBuilder<Int32Type>,)*
        }

        impl Columns {
            fn add(&mut self, payload: &[u8]) {
                let event: Event<'_> = serde_json::from_slice(payload).expect("an event of ours");
                let time: Timestamp = event.timestamp.parse().expect("a time");
                self.models.append_value(event.model.name);
                self.versions.append_value(event.model.version);
                self.times.append_value(time.as_microsecond());
                self.scores.append_option(event.y_pred_proba);
                self.predictions.append_option(event.y_pred);
                if let Some(out) = event.out {
                    self.values.append_option(out.value);
                    self.classes.append_option(out.class);
                    for (column, share) in self.shares.iter_mut().zip(out.p.into_iter().flatten()) {
                        column.append_value(share);
                    }
                }
                $(self.$number.append_option(event.features.$number);)*
                $(self.$category.append_option(event.features.$category);)*
                self.rows += 1;
                if self.rows == FULL {
                    self.rows = 0;
                    black_box((self.models.finish(), self.versions.finish()));
                    black_box((self.times.finish(), self.scores.finish(), self.predictions.finish()));
                    black_box((self.values.finish(), self.classes.finish()));
                    for column in &mut self.shares {
                        black_box(column.finish());
                    }
                    $(black_box(self.$number.finish());)*
                    $(black_box(self.$category.finish());)*
                }
            }
        }
    };
}

features! {
    f00 f01 f02 f03 f04 f05 f06 f07 f08 f09 f10 f11 f12 f13 f14 f15; c00 c01 c02 c03
}

/// What the service is told.
fn settings(
    broker: &Broker,
    predicts: Predicts,
    (namespace, topic): (&str, &str),
    joins: bool,
) -> String {
    let truth = if joins { GROUND_TRUTH } else { "" };
    let (problem, outputs) = match predicts {
        Predicts::TwoClasses => ("binary", TWO_CLASSES.to_owned()),
        Predicts::Number => ("regression", "prediction = \"out.value\"".to_owned()),
        Predicts::TenClasses => {
            let share = |class: u64| format!("{class} = \"out.p[{class}]\"");
            let shares = (0..CLASSES).map(share).collect::<Vec<_>>().join(", ");
            let outputs = format!("probability = {{ {shares} }}\nprediction = \"out.class\"");
            ("multiclass", outputs)
        }
    };
    let mut text = installation(&broker.address, namespace, topic, 0);
    write!(
        text,
        r#"
[model.model-0]
problem = "{problem}"
profile = "profile.vigie"

[model.model-0.columns]{COLUMNS}{outputs}

[model.model-0.window]
size = {WINDOW}

[model.model-0.drift]
continuous   = ["kolmogorov_smirnov", "jensen_shannon", "wasserstein", "hellinger"]
categorical  = ["chi2", "jensen_shannon", "l_infinity", "hellinger"]
multivariate = []
{truth}"#
    )
    .expect("into memory");
    text
}

/// Settings and the profile, in a folder.
fn install(
    broker: &Broker,
    world: &WideWorld,
    predicts: Predicts,
    of: (&str, &str),
    joins: bool,
) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for files");
    let settings = settings(broker, predicts, of, joins);
    fs::write(folder.path().join("vigie.toml"), settings).expect("the folder is ours");
    let file = fs::File::create(folder.path().join("reference.jsonl")).expect("the folder is ours");
    let mut reference = BufWriter::new(file);
    let mut text = Vec::new();
    for row in world.rows(0..REFERENCE) {
        text.clear();
        write(predicts, &row, true, &mut text);
        text.push(b'\n');
        reference.write_all(&text).expect("the disk has room");
    }
    reference.flush().expect("the disk has room");
    let asked = ["profile", "build", "--reference", "reference.jsonl"];
    let built = vigie(folder.path(), &asked).output().expect("vigie starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    folder
}

/// What the stages take in this process, from the consumer to results.
fn stages(broker: &Broker, folder: &Path, events: u64) -> f64 {
    let text = fs::read_to_string(folder.join("vigie.toml")).expect("it was written");
    let settings = Settings::read(&text, "bench", &Outside::NOTHING).expect("good settings");
    let (name, model) = settings.models.into_iter().next().expect("there is a model");
    let profile = fs::read_to_string(folder.join("profile.vigie")).expect("it was built");
    let profile = Profile::from_text("profile.vigie", &profile).expect("it was built");
    let profiles = BTreeMap::from([(String::new(), Arc::new(profile))]);
    let compiled = compile(&Arc::new(model), &profiles, EPOCH).expect("it was made for that");
    let epoch = Epoch {
        topics: vec![TOPIC.to_owned()],
        models: BTreeMap::from([(name, Arc::new(compiled))]),
    };
    let mut reader = Reader::new(&epoch, Limits::default(), &|_| Ok(None)).expect("plain paths");
    let epochs =
        Epochs { epochs: BTreeMap::from([(EPOCH, Arc::new(epoch))]), policies: BTreeMap::new() };
    let lane = Lane { topic: 7, partition: 0 };
    let committed = Committed::beginning_at(0, EPOCH);
    let outputs = Outputs { tally: 1, join: 0 };
    let mut feed = Feed::take_over(lane, TOPIC.to_owned(), 1, outputs, 0, committed);
    let (mut tally, mut log, mut results) = (Tally::default(), 0, 0);
    let mut send = |feed: &mut Feed, sending: Sending| {
        let mut made = Vec::new();
        for (_, record) in sending.records {
            tally.apply(log, APPENDED, record, &epochs, &mut made).expect("our own record");
            log += 1;
        }
        feed.acknowledged(sending.ticket);
        results += made.iter().filter(|made| matches!(made, Output::Result(_))).count() as u64;
    };
    let opening = feed.open();
    send(&mut feed, opening);
    let mut offset = 0;
    let spent = consume(broker, events, true, |payload| {
        let record = RecordView {
            value: Some(payload),
            key: None,
            headers: &NoHeaders,
            timestamp_ms: None,
            topic: TOPIC,
        };
        feed.read(offset);
        reader.read(offset, &record).expect("an event of ours");
        offset += 1;
        if reader.len() == FULL || offset as u64 == events {
            let taken = reader.take(|_| 0, |_| 0).expect("no expressions");
            let sending = feed.close(taken.content, taken.keyed, To::All);
            send(&mut feed, sending.expect("something was read"));
        }
    });
    assert_eq!(results, events / WINDOW, "every window is sealed");
    spent
}

/// Runs the service until it has published every window.
fn run(
    broker: &Broker,
    world: &WideWorld,
    predicts: Predicts,
    of: (&str, &str),
    events: u64,
    joins: bool,
) -> Spent {
    let folder = install(broker, world, predicts, of, joins);
    let (namespace, _) = of;
    let log = fs::File::create(folder.path().join("log")).expect("the folder is ours");
    let mut service = vigie(folder.path(), &["run"]).stderr(log).spawn().expect("vigie starts");
    let process = service.id().to_string();

    let consumer: BaseConsumer = broker
        .client()
        .set("group.id", "results")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .set("topic.metadata.refresh.interval.ms", "500")
        .create()
        .expect("a client");
    consumer.subscribe(&[&format!("{namespace}.results")]).expect("a name");
    let (mut rows, mut early) = (0, None);
    let clock = Clock::machine();
    while rows < events || clock.running() < START {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(200)) {
            let result: Value =
                serde_json::from_slice(message.payload().unwrap_or_default()).expect("a result");
            if result["revision"] == 0 {
                rows += result["window_rows"].as_u64().expect("a number");
            }
            if rows >= (events / 2).min(1_000_000) {
                early.get_or_insert_with(|| memory::resident(&process));
            }
        }
        let ended = service.try_wait().expect("our child");
        let log = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        assert!(ended.is_none(), "vigie ended: {}", log());
    }
    let (spent, wall) = (cpu::seconds(&process), clock.running().as_secs_f64());
    let resident = [early.unwrap_or(0), memory::resident(&process)];
    let mut threads: BTreeMap<String, f64> = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{process}/task")).expect("it runs") {
        let task = task.expect("it runs").file_name();
        let task = format!("{process}/task/{}", task.display());
        // It may have ended meanwhile.
        let Ok(name) = fs::read_to_string(format!("/proc/{task}/comm")) else { continue };
        *threads.entry(name.trim().to_owned()).or_default() += cpu::seconds(&task);
    }
    service.kill().expect("it runs");
    drop(service.wait());
    let mut threads: Vec<(String, f64)> = threads.into_iter().collect();
    threads.sort_by(|a, b| b.1.total_cmp(&a.1));
    Spent { cpu: spent, wall, threads, resident }
}
