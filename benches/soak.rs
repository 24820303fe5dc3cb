//! What `vigie run` holds as time passes: memory, open files and threads, over a real Apache Kafka.
//!
//! ```text
//! cargo bench --bench soak                     # ten million events, 20,000 a second: eleven minutes
//! cargo bench --bench soak -- 2000000 5000     # so many events, so many a second
//! ```
//!
//! Every event has a target, five seconds after it, and waits for it for half a minute; then its window is final. On the
//! way memory goes up and down with what waits, which is dropped many at a time. So there is a pause after the first million
//! and one after the last, until nothing waits: what is held after the last beyond what was held after the first, and beyond
//! the page's thousand windows that have come meanwhile, is a leak. `vigie verify` must agree.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]

mod broker;
mod cpu;
mod memory;
mod service;

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;
use std::{env, fs, thread};

use rdkafka::producer::Producer;
use vigie::simulator::{Layout, Timeline, WideShape, WideWorld};
use vigie::telemetry::Clock;

use self::broker::{Broker, PARTITIONS, PATIENCE, create, producer, send};
use self::service::{COLUMNS, TWO_CLASSES, installation, vigie};

const REFERENCE: u64 = 50_000;
/// Seconds from an event to its target.
const LATER: u64 = 5;
/// By then it has all partitions.
const START: Duration = Duration::from_secs(10);
/// A tick of the clock that paces events.
const TICK: Duration = Duration::from_millis(20);
/// What is held is told after so many events.
const EACH: u64 = 1_000_000;
/// After the last target: what waits is over, and windows are final.
const SETTLED: Duration = Duration::from_mins(1);

fn main() {
    let mut numbers = env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let events = numbers.next().unwrap_or(10_000_000);
    let rate = numbers.next().unwrap_or(20_000);
    let broker = Broker::start();
    let world = WideWorld::new(7, WideShape::default(), Timeline::default());
    for topic in ["predictions", "outcomes"] {
        create(&broker, topic);
    }
    let folder = tempfile::tempdir().expect("a folder for files");
    install(&broker, &world, folder.path());
    let log = fs::File::create(folder.path().join("log")).expect("the folder is ours");
    let mut service = vigie(folder.path(), &["run"]).stderr(log).spawn().expect("vigie starts");
    thread::sleep(START);
    println!("{events} events, {rate} a second, each with a target {LATER} s later");
    println!("    events   resident MB   files   threads");
    tell(0, &service, "");
    let first = EACH.min(events);
    for part in [0..first, first..events] {
        if !part.is_empty() {
            let end = part.end;
            let before = cpu::seconds(&service.id().to_string());
            let seconds = pace(&broker, &world, part, rate, &mut service);
            let spent = cpu::seconds(&service.id().to_string()) - before;
            tell(end, &service, &format!("   {:.2} cores", spent / seconds));
            thread::sleep(SETTLED);
            tell(end, &service, "   nothing waits");
        }
    }
    // `kill` ends it as an orchestrator would.
    let id = service.id().to_string();
    let told = Command::new("kill").arg(&id).status().expect("kill is there");
    assert!(told.success());
    assert!(service.wait().expect("our child").success(), "an orderly end");
    let verified = vigie(folder.path(), &["verify"]).output().expect("vigie starts");
    println!("{}", String::from_utf8_lossy(&verified.stdout).trim());
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

/// Settings and the profile.
fn install(broker: &Broker, world: &WideWorld, folder: &Path) {
    let mut settings = installation(&broker.address, "soak", "predictions", 0);
    write!(
        settings,
        r#"
[model.model-0]
problem = "binary"
profile = "profile.vigie"
window  = {{ size = 5000 }}

[model.model-0.columns]{COLUMNS}{TWO_CLASSES}
[model.model-0.ground_truth]
topics = ["outcomes"]
key    = "id"
target = "target"
every  = "10s"
wait   = "30s"
"#
    )
    .expect("into memory");
    fs::write(folder.join("vigie.toml"), settings).expect("the folder is ours");
    let file = fs::File::create(folder.join("reference.jsonl")).expect("the folder is ours");
    let mut reference = BufWriter::new(file);
    let mut text = Vec::new();
    for row in world.rows(0..REFERENCE) {
        text.clear();
        row.prediction.write_json(Layout::Nested, &mut text);
        text.pop();
        let target = u8::from(row.target);
        reference.write_all(&text).expect("the disk has room");
        writeln!(reference, r#","target":{target}}}"#).expect("the disk has room");
    }
    reference.flush().expect("the disk has room");
    let asked = ["profile", "build", "--reference", "reference.jsonl"];
    let built = vigie(folder, &asked).output().expect("vigie starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// Sends events and their targets as time passes; how many seconds that took.
fn pace(
    broker: &Broker,
    world: &WideWorld,
    events: Range<u64>,
    rate: u64,
    service: &mut Child,
) -> f64 {
    let producer = producer(broker);
    let clock = Clock::machine();
    let all = || world.rows(REFERENCE + events.start..REFERENCE + events.end);
    let (mut rows, mut outcomes) = (all(), all());
    let (mut sent, mut known) = (events.start, events.start);
    let mut text = Vec::new();
    while known < events.end {
        let due = events.start + (clock.running().as_secs_f64() * rate as f64) as u64;
        for row in rows.by_ref().take(due.saturating_sub(sent) as usize) {
            text.clear();
            row.prediction.write_json(Layout::Nested, &mut text);
            send(&producer, "predictions", (sent / 64) as i32 % PARTITIONS, &text);
            sent += 1;
            if sent % EACH == 0 && sent < events.end {
                tell(sent, service, "");
            }
        }
        let due = due.saturating_sub(LATER * rate);
        for row in outcomes.by_ref().take(due.saturating_sub(known) as usize) {
            let (id, target) = (&row.prediction.id, u8::from(row.target));
            let text = format!(r#"{{"id":"{id}","target":{target}}}"#);
            send(&producer, "outcomes", (known / 64) as i32 % PARTITIONS, text.as_bytes());
            known += 1;
        }
        let ended = service.try_wait().expect("our child");
        assert!(ended.is_none(), "vigie ended");
        thread::sleep(TICK);
    }
    producer.flush(PATIENCE).expect("the broker takes records");
    clock.running().as_secs_f64()
}

/// What the service holds.
fn tell(events: u64, service: &Child, what: &str) {
    let id = service.id().to_string();
    let count = |what: &str| fs::read_dir(format!("/proc/{id}/{what}")).map_or(0, Iterator::count);
    let (files, threads) = (count("fd"), count("task"));
    println!("{events:10} {:13} {files:7} {threads:9}{what}", memory::resident(&id));
}
