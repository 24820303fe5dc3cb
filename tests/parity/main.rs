//! NannyML and vigie side by side: `cargo test --test parity` runs both on NannyML's own data sets and on random ones,
//! and holds every figure that both have against the other.
//!
//! What differs is wrong, unless `departures.rs` names it. `VIGIE_PARITY_SEED` takes other random data,
//! `VIGIE_PARITY_ROUNDS` more of them, and then the whole of the data sets.

#![expect(
    clippy::panic,
    reason = "clippy does not take the helpers of a test executable for tests"
)]

mod comparison;
mod departures;
mod documented;
mod figures;
mod peer;
#[path = "../stream/tools.rs"]
#[expect(dead_code, reason = "the tests of streams ask for programs that this one has no use for")]
mod tools;

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc;
use std::{env, fs, thread};

use tempfile::tempdir;

use comparison::Outcome;
use figures::Both;
use peer::Peer;

/// Data sets in the peer's wheel, the slow ones first.
const SETS: [&str; 8] = [
    "employment",
    "cards",
    "car_loan",
    "car_price",
    "work_from_home",
    "car_loan_data_quality",
    "california_housing",
    "titanic",
];
const KINDS: [&str; 3] = ["binary", "multiclass", "regression"];

/// The variable that names a folder in which the cases' files stay.
const KEPT: &str = "VIGIE_PARITY_KEEP";
/// Under which every departure occurs.
const SEED: u64 = 1;
/// A round cuts its windows in one of four ways.
const ROUNDS: u64 = 4;
/// How many windows of reference and analysis are taken of a data set, where it has more.
const WINDOWS: u64 = 3;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is `{text}`, not a whole number")))
}

/// What both say of a case.
fn both(peer: &mut Peer, case: &str) -> Both {
    let case = case.replace('\t', " ");
    let made = tempdir().expect("a folder");
    let kept = env::var_os(KEPT).map(|kept| Path::new(&kept).join(case.replace(' ', "-")));
    let folder = kept.as_deref().unwrap_or(made.path());
    let file = |name: &str| folder.join(name);
    if !file("vigie.toml").exists() {
        fs::create_dir_all(folder).expect("a folder");
        peer.make(folder, &case.replace(' ', "\t"));
    }
    check(folder);
    let (theirs, failed) = figures::theirs(&file("peer.jsonl"));
    let ours = figures::ours(&file("ours.jsonl"));
    Both { case, ours, theirs, failed }
}

fn check(folder: &Path) {
    let done = Command::new(tools::program())
        .args(
            "check reference.parquet analysis.parquet --config vigie.toml --output ours.jsonl"
                .split(' '),
        )
        .current_dir(folder)
        .output()
        .expect("vigie starts");
    assert!(
        matches!(done.status.code(), Some(0 | 1 | 3)),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn every_figure_is_the_peers_or_a_departure_that_is_named() {
    let Some(python) = peer::python() else { return };
    let (seed, rounds) = (number("VIGIE_PARITY_SEED"), number("VIGIE_PARITY_ROUNDS"));
    let windows = if rounds.is_some() { 0 } else { WINDOWS };
    let only = env::var("VIGIE_PARITY_ONLY").unwrap_or_default();
    let is_usual = seed.is_none() && rounds.is_none() && only.is_empty();
    let (seed, rounds) = (seed.unwrap_or(SEED), rounds.unwrap_or(ROUNDS));
    let sets = SETS.iter().map(|name| format!("set\t{name}\t{windows}"));
    let worlds = (0..rounds)
        .flat_map(|round| KINDS.iter().map(move |kind| format!("world\t{kind}\t{seed}\t{round}")));
    let cases: Vec<String> =
        sets.chain(worlds).filter(|case| case.replace('\t', " ").contains(&only)).collect();

    let cases = Mutex::new(cases.iter());
    let (send, received) = mpsc::channel();
    let mut outcome = Outcome::default();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let (cases, send, python) = (&cases, send.clone(), &python);
            scope.spawn(move || {
                let mut peer = Peer::start(python);
                let next = || cases.lock().expect("nobody panics with it").next();
                while let Some(case) = next() {
                    send.send(both(&mut peer, case)).expect("somebody listens");
                }
            });
        }
        drop(send);
        for both in received {
            outcome.add(&both);
        }
    });

    // Past the test runner's capture: this table is what the test is for.
    writeln!(io::stderr(), "{}", outcome.table()).expect("stderr can be written");
    let wrong = outcome.wrong();
    if let Some(kept) = env::var_os(KEPT) {
        fs::write(Path::new(&kept).join("wrong.txt"), wrong.join("\n")).expect("a file");
    }
    assert!(
        wrong.is_empty(),
        "{} of {} figures differ, among them\n{}",
        wrong.len(),
        outcome.figures(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    let idle = outcome.idle();
    assert!(!is_usual || idle.is_empty(), "departures that no figure needs any more: {idle:#?}");
}
