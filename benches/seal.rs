//! Whether the work at sealing delays the stream: a hundred models whose windows are full at once.
//!
//! ```text
//! cargo bench --bench seal
//! ```
//!
//! 5,000 events a second for a minute over a real Apache Kafka, of 100 models in turn, in windows of 1,000: every 20 s all
//! hundred are sealed at once. First with default settings, then with all that a window can be asked: domain classifier,
//! worst slices, estimation that is robust to covariate shift, early warnings; then so with windows of 1,000 to 2,000,
//! which are not full at once. What `vigie run` says of its own delay, from the append of the record that filled a window
//! to the commit of its result.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]

mod broker;
mod cpu;
mod service;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::Duration;
use std::{fs, thread};

use rdkafka::producer::Producer;
use vigie::simulator::{Layout, Timeline, WideShape, WideWorld};
use vigie::telemetry::Clock;

use self::broker::{Broker, PARTITIONS, PATIENCE, create, producer, send};
use self::service::{COLUMNS, TWO_CLASSES, installation, vigie};

const MODELS: usize = 100;
const REFERENCE: u64 = 10_000;
const RATE: u64 = 5_000;
const SECONDS: u64 = 60;
const WINDOW: u64 = 1_000;
/// By then it has all partitions.
const START: Duration = Duration::from_secs(10);
/// A tick of the clock that paces events.
const TICK: Duration = Duration::from_millis(20);

const ALL: &str = r#"
worst_slices = 5
drift        = { multivariate = ["reconstruction_error", "domain_classifier"] }
performance  = { robust = true }
early_warning = {}
"#;

fn main() {
    let broker = Broker::start();
    let world = WideWorld::new(
        7,
        WideShape { models: MODELS, ..WideShape::default() },
        Timeline::default(),
    );
    let reference = reference();
    println!("{MODELS} models, {RATE} events a second for {SECONDS} s, windows of {WINDOW}");
    for (name, asked, apart) in [
        ("default settings", "", 0),
        ("all that can be asked", ALL, 0),
        ("all that can be asked, not at once", ALL, 10),
    ] {
        let topic = name.replace([' ', ','], "-");
        create(&broker, &topic);
        let folder = tempfile::tempdir().expect("a folder for files");
        let port = free_port();
        let settings = settings((&broker, &topic, port), asked, apart);
        fs::write(folder.path().join("vigie.toml"), settings).expect("the folder is ours");
        let mut service = start(folder.path(), &reference);
        thread::sleep(START);
        let before = cpu::seconds(&service.id().to_string());
        pace(&broker, &world, &topic);
        let each = RATE * SECONDS / MODELS as u64;
        let sealed = (0..MODELS as u64).map(|model| each / (WINDOW + apart * model)).sum();
        let delays = until(sealed, port, &mut service, folder.path());
        let spent = cpu::seconds(&service.id().to_string()) - before;
        println!("\n{name}: {sealed} windows, {:.2} cores", spent / SECONDS as f64);
        for share in [0.5, 0.99, 1.0] {
            println!(
                "  {:6.3} s: {:3.0} % of seal delays are below",
                delays.below(share),
                share * 100.0
            );
        }
        service.kill().expect("it runs");
        drop(service.wait());
    }
}

/// Rows with targets, which the profiles are made of: every model learnt from the same.
fn reference() -> String {
    let world = WideWorld::new(7, WideShape::default(), Timeline::default());
    let mut text = Vec::new();
    for row in world.rows(0..REFERENCE) {
        row.prediction.write_json(Layout::Nested, &mut text);
        text.pop();
        writeln!(text, r#","target":{}}}"#, u8::from(row.target)).expect("into memory");
    }
    String::from_utf8(text).expect("JSON is text")
}

/// The window of each model is longer by so many rows than that of the one before.
fn settings((broker, topic, port): (&Broker, &str, u16), asked: &str, apart: u64) -> String {
    let mut text = installation(&broker.address, topic, topic, port);
    for model in 0..MODELS as u64 {
        let size = WINDOW + apart * model;
        write!(
            text,
            r#"
[model.model-{model}]
problem = "binary"
profile = "model-{model}.vigie"
window  = {{ size = {size} }}
{asked}
[model.model-{model}.columns]{COLUMNS}{TWO_CLASSES}"#
        )
        .expect("into memory");
    }
    text
}

fn start(folder: &Path, reference: &str) -> Child {
    for model in 0..MODELS {
        let name = format!("model-{model}");
        let rows = reference.replace(r#""model-0""#, &format!("\"{name}\""));
        fs::write(folder.join("reference.jsonl"), rows).expect("the folder is ours");
        let built = ["profile", "build", "--model", &name, "--reference", "reference.jsonl"];
        let built = vigie(folder, &built).output().expect("vigie starts");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    }
    let log = fs::File::create(folder.join("log")).expect("the folder is ours");
    vigie(folder, &["run"]).stderr(log).spawn().expect("vigie starts")
}

/// Sends events as time passes.
fn pace(broker: &Broker, world: &WideWorld, topic: &str) {
    let producer = producer(broker);
    let clock = Clock::machine();
    let mut text = Vec::new();
    let mut sent = 0;
    let mut rows = world.rows(REFERENCE..REFERENCE + RATE * SECONDS);
    while sent < RATE * SECONDS {
        let due = (clock.running().as_secs_f64() * RATE as f64) as u64;
        for row in rows.by_ref().take(due.saturating_sub(sent) as usize) {
            text.clear();
            row.prediction.write_json(Layout::Nested, &mut text);
            send(&producer, topic, (sent / 64) as i32 % PARTITIONS, &text);
            sent += 1;
        }
        thread::sleep(TICK);
    }
    producer.flush(PATIENCE).expect("the broker takes records");
}

/// The bounds of the histogram's buckets, and how many delays lie at or below each.
struct Delays(Vec<(f64, f64)>);

impl Delays {
    fn of(metrics: &str) -> Self {
        let bucket = |line: &str| {
            let (bound, count) =
                line.strip_prefix("vigie_seal_delay_seconds_bucket{le=\"")?.split_once("\"} ")?;
            Some((bound.parse().ok()?, count.parse().ok()?))
        };
        Self(metrics.lines().filter_map(bucket).collect())
    }

    fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, count)| *count)
    }

    /// The bound below which a share of the delays lie.
    fn below(&self, share: f64) -> f64 {
        let found = self.0.iter().find(|(_, count)| *count >= share * self.count());
        found.map_or(f64::INFINITY, |(bound, _)| *bound)
    }
}

/// The delays once so many windows are sealed.
fn until(sealed: u64, port: u16, service: &mut Child, folder: &Path) -> Delays {
    let clock = Clock::machine();
    loop {
        let delays = Delays::of(&metrics(port));
        if delays.count() >= sealed as f64 {
            return delays;
        }
        let ended = service.try_wait().expect("our child").is_some();
        assert!(
            !ended && clock.running() < 2 * PATIENCE,
            "{} of {sealed} windows: {}",
            delays.count(),
            fs::read_to_string(folder.join("log")).unwrap_or_default()
        );
        thread::sleep(Duration::from_millis(500));
    }
}

fn metrics(port: u16) -> String {
    let mut text = String::new();
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
        let asked = b"GET /metrics HTTP/1.0\r\n\r\n";
        let read = stream.write_all(asked).and_then(|()| stream.read_to_string(&mut text));
        assert!(read.is_ok(), "{read:?}");
    }
    text
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
