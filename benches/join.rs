//! The join with millions of predictions pending: CPU time a prediction and a target, bytes on disk and in memory, the
//! time to rebuild; against an LSM tree in the place of the store.
//!
//! ```text
//! cargo bench --bench join
//! ```
//!
//! 10,000,000 predictions (`-- 100000000` for more, without the LSM tree) come as records of the join log of 4,096 each,
//! from memory; then targets of a tenth of them, at most a million, drawn at random. All that the stage does is
//! measured: records from bytes, the pure join, the store, and what became known to bytes for the tally log. Kafka and
//! the making of the records are not.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]
#![expect(clippy::disallowed_methods, reason = "wall time is what is measured")]

mod cpu;
mod lsm;
mod memory;

use std::fmt::Debug;
use std::num::NonZero;
use std::ops::Range;
use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use tempfile::TempDir;
use vigie::batch::{
    Body, Content, Header, Keyed, Lane, Pending as Predicted, Record, Stretch, Target, key_of,
};
use vigie::join::{Join, Keep, KeptBatch, Wait, Waits, Working};
use vigie::store::{Identity, Options, Pending};

use self::lsm::KeptInLsm;

const RECORD: u64 = 4_096;
/// Records that are made at once, and then measured.
const AT_ONCE: usize = 64;
const PREDICTIONS: Lane = Lane { topic: 1, partition: 0 };
const OUTCOMES: Lane = Lane { topic: 2, partition: 0 };
/// Milliseconds of the log's time from one record to the next: a million predictions take four minutes.
const STEP: i64 = 1_000;

fn main() {
    let count: u64 = env::args().find_map(|count| count.parse().ok()).unwrap_or(10_000_000);
    println!("{count} predictions pending, records of {RECORD}, targets of {}", targets_of(count));
    let hot = Options {
        hot_rows: usize::MAX,
        few_rows: usize::MAX,
        segment_bytes: 1 << 31,
        ..Options::default()
    };
    if count <= 20_000_000 {
        println!("\nstore, all of it hot");
        own(count, hot);
    }
    println!("\nstore, as it is by default");
    own(count, Options::default());
    if count <= 20_000_000 {
        rebuild(count);
        println!("\nfjall 3");
        let folder = folder();
        let mut keep = KeptInLsm::open(folder.path()).expect("the folder is new");
        fill_and_learn(&mut keep, count);
        drop(keep);
        told("bytes on disk a prediction", size(folder.path()) as f64 / count as f64);
    }
}

fn own(count: u64, options: Options) {
    let folder = folder();
    let identity = identity(0);
    let open = || Pending::open(folder.path(), &identity, options).expect("the folder is ours");
    let mut store = open().store;
    let mut flow = Flow::new();
    flow.fill(&mut store, count);
    let usage = store.usage();
    let rows = usage.hot_rows + usage.sealed_rows;
    assert_eq!(rows, count, "all of them wait");
    told("bytes on disk a prediction", usage.disk_bytes as f64 / count as f64);
    if usage.hot_rows > 0 {
        let bytes = usage.hot_bytes as f64 / usage.hot_rows as f64;
        println!("{bytes:12.2} bytes of memory a prediction, of {} hot", usage.hot_rows);
    }
    if usage.sealed_rows > 0 {
        let bytes = usage.sealed_bytes as f64 / usage.sealed_rows as f64;
        println!("{bytes:12.2} bytes of memory a prediction, of {} sealed", usage.sealed_rows);
    }
    println!("{:12} segments; resident {} MB", usage.segments, memory::resident("self"));
    flow.learn(&mut store, count);
    drop(store);
    let began = (Instant::now(), cpu::seconds("self"));
    let opened = open();
    assert!(opened.unusable.is_none() && opened.state.is_some(), "all is well");
    let spent = (began.0.elapsed().as_secs_f64(), cpu::seconds("self") - began.1);
    println!("{:12.2} s to open again ({:.2} s CPU)", spent.0, spent.1);
}

/// All partitions of the join log are rebuilt at once: here as many as there are cores.
fn rebuild(count: u64) {
    let cores = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let share = count / cores;
    let ready = Barrier::new(cores as usize);
    let one = |partition: i32| {
        let folder = folder();
        let mut store = Pending::open(folder.path(), &identity(partition), Options::default())
            .expect("the folder is ours")
            .store;
        let mut flow = Flow::new();
        let starts = (0..share).step_by(RECORD as usize);
        let record = |from: u64| predictions(from, (from + RECORD).min(share), flow.now);
        let records = starts.map(record).collect();
        ready.wait();
        let began = Instant::now();
        flow.take(&mut store, records);
        began.elapsed().as_secs_f64()
    };
    let slowest = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores as i32)
            .map(|partition| {
                scope.spawn({
                    let one = &one;
                    move || one(partition)
                })
            })
            .collect();
        let each = threads.into_iter().map(|thread| thread.join().expect("it does not panic"));
        each.fold(0.0, f64::max)
    });
    let rate = (share * cores) as f64 / slowest;
    println!("{rate:12.0} predictions a second rebuilt, {cores} partitions on as many cores");
}

fn identity(partition: i32) -> Identity {
    Identity { cluster: "bench".to_owned(), namespace: "vigie".to_owned(), topic: 3, partition }
}

fn fill_and_learn<K: Keep<Error: Debug>>(keep: &mut K, count: u64) {
    let mut flow = Flow::new();
    flow.fill(keep, count);
    println!("{:12} MB resident", memory::resident("self"));
    flow.learn(keep, count);
}

/// What goes through the join.
struct Flow {
    join: Join,
    waits: Waits,
    now: i64,
    outcomes: i64,
    known: u64,
}

impl Flow {
    fn new() -> Self {
        let wait = Wait { millis: 30 * 86_400_000, topics: vec!["outcomes".to_owned()] };
        let waits = [("credit".to_owned(), wait)].into();
        let mut flow =
            Self { join: Join::default(), waits, now: 1_760_000_000_000, outcomes: 0, known: 0 };
        for lane in [PREDICTIONS, OUTCOMES] {
            let body = Body::Open { beginning: 0 };
            let record: Record<Keyed> = Record { header: header(lane, 0, 0), body };
            flow.join.admit(0, flow.now, record);
        }
        flow
    }

    fn fill<K: Keep<Error: Debug>>(&mut self, keep: &mut K, count: u64) {
        let mut clock = Clock::default();
        let mut from = 0;
        while from < count {
            let mut records = Vec::with_capacity(AT_ONCE);
            while records.len() < AT_ONCE && from < count {
                let to = (from + RECORD).min(count);
                records.push(predictions(from, to, self.now));
                from = to;
            }
            clock.measure(|| self.take(keep, records));
        }
        clock.tell("a prediction taken up, as when all is rebuilt from the log", count);
    }

    fn learn<K: Keep<Error: Debug>>(&mut self, keep: &mut K, count: u64) {
        let mut clock = Clock::default();
        let targets = targets_of(count);
        self.known = 0;
        let mut from = 0;
        while from < targets {
            let mut records = Vec::with_capacity(AT_ONCE);
            while records.len() < AT_ONCE && from < targets {
                let to = (from + RECORD).min(targets);
                records.push(self.targets(from..to, count));
                from = to;
            }
            clock.measure(|| self.take(keep, records));
        }
        assert!(self.known > targets / 2, "{} of {targets} are known", self.known);
        clock.tell("a target joined", targets);
    }

    /// What the stage does with records: each is joined, and its outcome kept once it is sent.
    fn take<K: Keep<Error: Debug>>(&mut self, keep: &mut K, records: Vec<Vec<u8>>) {
        for bytes in records {
            self.now += STEP;
            let record = Record::<Keyed>::from_bytes(&bytes).expect("it is ours");
            let offset = self.join.position();
            let (_, admitted) = self.join.admit(offset, self.now, record);
            let admitted = admitted.expect("it is new");
            let mut working = Working::fetch(keep, admitted.needs()).expect("it can be read");
            let realized = self.join.apply(admitted, &mut working, &self.waits);
            self.known += realized.len() as u64;
            if !realized.is_empty() {
                let body = Body::Rows(Content { realized, ..Content::default() });
                let header = header(Lane { topic: 3, partition: 0 }, offset, offset + 1);
                assert!(!Record { header, body }.to_bytes().is_empty(), "it is sent");
            }
            let head = minicbor::to_vec(&self.join).expect("it can be encoded");
            let batch = KeptBatch {
                writes: &working,
                over_at: &|known| self.join.over_at(known, &self.waits),
                head: &head,
                position: offset + 1,
                time: self.now,
            };
            keep.put(&batch).expect("the disk has room");
        }
    }

    /// Targets of predictions that are drawn without rule.
    fn targets(&mut self, which: Range<u64>, count: u64) -> Vec<u8> {
        let from = self.outcomes;
        let target = |(offset, index): (i64, u64)| Target {
            key: key(index.wrapping_mul(0x9E37_79B9_7F4A_7C15) % count),
            offset,
            model: None,
            version: None,
            decided_at: self.now * 1000,
            label: Some(if index.is_multiple_of(3) { "1" } else { "0" }.into()),
        };
        let targets: Vec<Target> = (from..).zip(which).map(target).collect();
        self.outcomes += targets.len() as i64;
        let keyed = Keyed { targets, ..Keyed::default() };
        let header = header(OUTCOMES, from, self.outcomes);
        Record { header, body: Body::Rows(keyed) }.to_bytes()
    }
}

fn predictions(from: u64, to: u64, now: i64) -> Vec<u8> {
    let prediction = |id: u64| Predicted {
        key: key(id),
        offset: id as i64,
        model: 0,
        time: now * 1000 + id as i64 % 1_000_000,
        score: Some((id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64 / (1_u64 << 53) as f64),
        predicted: Some("1".into()),
        more: None,
    };
    let keyed = Keyed {
        models: vec![("credit".to_owned(), "2026-01".to_owned())],
        predictions: (from..to).map(prediction).collect(),
        targets: Vec::new(),
    };
    let header = header(PREDICTIONS, from as i64, to as i64);
    Record { header, body: Body::Rows(keyed) }.to_bytes()
}

fn header(lane: Lane, from: i64, to: i64) -> Header {
    let topic = if lane == OUTCOMES { "outcomes" } else { "predictions" };
    Header {
        lane,
        topic: topic.to_owned(),
        partitions: 1,
        owner: 1,
        epoch: 1,
        policy: 0,
        stretch: Stretch { from, to },
    }
}

fn key(id: u64) -> u128 {
    key_of([id.to_string().as_str()])
}

fn targets_of(count: u64) -> u64 {
    (count / 10).min(1_000_000)
}

/// CPU and wall time of what is measured.
#[derive(Default)]
struct Clock {
    cpu: f64,
    wall: Duration,
}

impl Clock {
    fn measure(&mut self, work: impl FnOnce()) {
        let began = (Instant::now(), cpu::seconds("self"));
        work();
        self.wall += began.0.elapsed();
        self.cpu += cpu::seconds("self") - began.1;
    }

    fn tell(&self, what: &str, count: u64) {
        let (each, rate) = (self.cpu / count as f64 * 1e6, count as f64 / self.cpu);
        let wall = count as f64 / self.wall.as_secs_f64();
        println!("{each:12.2} us CPU {what}: {rate:.0} a CPU-second, {wall:.0} a second");
    }
}

fn told(what: &str, value: f64) {
    println!("{value:12.2} {what}");
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("there is a folder for files")
}

/// Bytes of all files in a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("it is there");
    entries
        .map(|entry| {
            let entry = entry.expect("it can be read");
            let metadata = entry.metadata().expect("it is there");
            if metadata.is_dir() { size(&entry.path()) } else { metadata.len() }
        })
        .sum()
}
