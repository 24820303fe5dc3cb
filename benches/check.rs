//! `vigie check` against NannyML: the same files, methods and windows; wall time, CPU time and peak memory of both.
//!
//! ```text
//! VIGIE_PEER_PYTHON=~/.cache/nml/bin/python cargo bench --bench check
//! ```
//!
//! A reference of 100,000 rows and an analysis of 1,000,000 (`-- 200000` for fewer), 10 features, Parquet; windows of
//! 5,000 rows. The binary is the one that this bench was built with. Both read the files and make the reference's
//! figures too. Both give all their figures, which are held against each other, so that a bench of different work would
//! show.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]
#![expect(clippy::disallowed_methods, reason = "wall time is what is measured")]

mod cpu;
mod peer;
mod rows;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use serde_json::Value;
use vigie::query::ParquetSink;

const SETTINGS: &str = r#"
[model.wide]
problem = "binary"

[model.wide.columns]
id          = "id"
timestamp   = "timestamp"
probability = "y_pred_proba"
prediction  = "y_pred"
target      = "target"

[model.wide.window]
size = 5000

[model.wide.drift]
continuous   = ["kolmogorov_smirnov", "jensen_shannon", "wasserstein", "hellinger"]
categorical  = ["chi2", "jensen_shannon", "l_infinity", "hellinger"]
multivariate = []
"#;

fn main() {
    let rows = env::args().nth(1).and_then(|rows| rows.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder for files");
    let folder = folder.path();
    write(&folder.join("reference.parquet"), 0, rows::REFERENCE);
    write(&folder.join("analysis.parquet"), rows::REFERENCE, rows);
    fs::write(folder.join("vigie.toml"), SETTINGS).expect("the folder is ours");

    let mut ours = Command::new(env!("CARGO_BIN_EXE_vigie"));
    ours.current_dir(folder).args(["check", "--config", "vigie.toml", "reference.parquet"]);
    ours.args(["analysis.parquet", "--output", "results.jsonl"]).stdout(Stdio::piped());
    let (ours, _) = watch(&mut ours);
    let (theirs, said) = watch(&mut peer::script("check.py", folder, rows::SIZE));
    let spent: BTreeMap<String, [f64; 2]> = serde_json::from_str(&said).expect("the script's own");

    println!(
        "{rows} rows of 10 features, reference {}, windows of {}",
        rows::REFERENCE,
        rows::SIZE
    );
    println!("            wall s     CPU s   peak MB");
    for (name, cost) in [("vigie", &ours), ("NannyML", &theirs)] {
        println!("{name:8} {:9.2} {:9.2} {:9.0}", cost.wall, cost.cpu, cost.peak / 1e6);
    }
    let ratio = |of: fn(&Cost) -> f64| of(&theirs) / of(&ours);
    println!(
        "ratio    {:9.1} {:9.1} {:9.1}",
        ratio(|c| c.wall),
        ratio(|c| c.cpu),
        ratio(|c| c.peak)
    );
    let (import, cpu) = spent["import"].into();
    println!(
        "without the peer's imports: {:.1} times in wall time, {:.1} times in CPU time",
        (theirs.wall - import) / ours.wall,
        (theirs.cpu - cpu) / ours.cpu
    );
    println!("the peer's steps (wall s, CPU s):");
    for (step, [wall, cpu]) in &spent {
        println!("  {step:20} {wall:8.2} {cpu:8.2}");
    }
    compare(folder);
}

fn write(path: &Path, first: u64, rows: u64) {
    let world = rows::world();
    let mut batches = rows::batches(&world, first, rows).peekable();
    let schema = batches.peek().expect("there are rows").schema();
    let mut sink = ParquetSink::create(path, schema).expect("the folder is ours");
    for batch in batches {
        sink.write(&batch).expect("the disk has room");
    }
    sink.finish().expect("the disk has room");
}

/// What a process took: seconds, and bytes at its peak.
struct Cost {
    wall: f64,
    cpu: f64,
    peak: f64,
}

/// Runs a process to its end; what it took and what it said.
fn watch(command: &mut Command) -> (Cost, String) {
    let began = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut output = child.stdout.take().expect("it is piped");
    let reading = thread::spawn(move || {
        let mut said = String::new();
        output.read_to_string(&mut said).map(|_| said)
    });
    let status = format!("/proc/{}/status", child.id());
    let (mut peak, mut cpu) = (0.0, 0.0);
    // The kernel keeps the peak, so looking at it now and then misses no more than its last growth. What
    // `ru_maxrss` says of a child would begin at what we have ourselves.
    let wall = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kilobytes) = line.and_then(|line| line.split_whitespace().next()) {
            peak = kilobytes.parse::<f64>().expect("a number of kB") * 1024.0;
        }
        // What has ended stays in the list until it is waited for.
        cpu = cpu_of(child.id()).max(cpu);
        let wall = began.elapsed().as_secs_f64();
        if text.contains("\nState:\tZ") {
            break wall;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let code = child.wait().expect("our child").code();
    assert!(matches!(code, Some(0 | 1)), "{command:?} ended with {code:?}");
    let said = reading.join().expect("it only reads").expect("text");
    (Cost { wall, cpu, peak }, said)
}

fn cpu_of(process: u32) -> f64 {
    cpu::seconds(&process.to_string())
}

/// Holds the figures of both against each other.
fn compare(folder: &Path) {
    let lines = |name| {
        let file = File::open(folder.join(name)).expect("it was written");
        BufReader::new(file).lines().map(|line| line.expect("text"))
    };
    let mut theirs: BTreeMap<String, f64> = BTreeMap::new();
    for line in lines("peer.jsonl") {
        let (kind, metric, column, window, value): (String, String, Option<String>, u64, f64) =
            serde_json::from_str(&line).expect("the script's own");
        theirs.insert(format!("{kind} {metric} {} {window}", column.unwrap_or_default()), value);
    }
    let (mut compared, mut ours, mut worst) = (0, 0, BTreeMap::<String, f64>::new());
    for line in lines("results.jsonl") {
        let figure: Value = serde_json::from_str(&line).expect("a figure a line");
        let text = |key: &str| figure[key].as_str().unwrap_or_default().to_owned();
        if text("dataset") == "reference" {
            continue;
        }
        ours += 1;
        let metric = text("metric");
        let column = text("column_name");
        let key = format!("{} {metric} {column} {}", text("kind"), figure["window_index"]);
        if let (Some(&peer), Some(value)) = (theirs.get(&key), figure["value"].as_f64()) {
            compared += 1;
            let difference = (peer - value).abs() / peer.abs().max(1e-7);
            let worst = worst.entry(metric).or_default();
            *worst = worst.max(difference);
        }
    }
    println!(
        "{compared} of the peer's {} figures are among our {ours}; largest relative difference:",
        theirs.len()
    );
    for (metric, difference) in worst {
        println!("  {metric:20} {difference:8.1e}");
    }
}
