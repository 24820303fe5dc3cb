//! Expected losses of rows in memory (DLE) against NannyML: the same rows, CPU time of both.
//!
//! ```text
//! VIGIE_PEER_PYTHON=~/.cache/nml/bin/python cargo bench --bench losses
//! ```
//!
//! Eight features of which two are labels, a reference of 30,000 rows, 60,000 to be scored in windows of 5,000, all six
//! metrics of a regression. The cost of growing the trees is told too.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]

mod cpu;
mod peer;

use std::array;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;

use arrow::array::DictionaryArray;
use arrow::datatypes::Int32Type;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use vigie::batch::{Column, Expected, Rows, Values};
use vigie::fit::{Predicts, Spec, fit};
use vigie::metric::ColumnKind;
use vigie::profile::{Profile, Provenance, Role, WindowRule};

const REFERENCE: usize = 30_000;
const ANALYSIS: usize = 60_000;
const SIZE: u64 = 5_000;
/// Measured for at least so many CPU seconds.
const LEAST: f64 = 2.0;

const NUMBERS: [&str; 6] = ["f0", "f1", "f2", "f3", "f4", "f5"];
const LABELS: [&str; 2] = ["l0", "l1"];

/// A row of the made-up world.
struct Row {
    numbers: [f64; 6],
    labels: [&'static str; 2],
    prediction: f64,
    target: f64,
}

fn rows(seed: u64, count: usize) -> Vec<Row> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // In [0, 1).
    let mut draw = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    let mut row = || {
        let numbers: [f64; 6] = array::from_fn(|_| draw());
        let labels =
            [["a", "b", "c"][(draw() * 3.0) as usize], ["x", "y"][(draw() * 2.0) as usize]];
        let price = 1000.0 + 5000.0 * numbers[0] + 2000.0 * numbers[1] * numbers[2];
        let noise = draw() + draw() - 1.0;
        let spread = 100.0 + 400.0 * numbers[3] + if labels[0] == "b" { 300.0 } else { 0.0 };
        Row { numbers, labels, prediction: price, target: price + spread * noise }
    };
    (0..count).map(|_| row()).collect()
}

fn batch(rows: &[Row]) -> Rows {
    let numbers = |of: &dyn Fn(&Row) -> f64| {
        Column::new(Values::Numbers(rows.iter().map(of).collect::<Vec<_>>().into()))
    };
    let labels = |at: usize| {
        let labels: DictionaryArray<Int32Type> =
            rows.iter().map(|row| Some(row.labels[at])).collect();
        Column::new(Values::Labels(labels))
    };
    let mut columns: Vec<Column> =
        (0..NUMBERS.len()).map(|at| numbers(&|row: &Row| row.numbers[at])).collect();
    columns.extend((0..LABELS.len()).map(labels));
    columns.push(numbers(&|row| row.prediction));
    columns.push(numbers(&|row| row.target));
    Rows {
        offsets: (0..rows.len() as i64).collect(),
        times: None,
        columns,
        expected: Expected::Nothing,
        reconstruction: None,
        segments: Vec::new(),
        keys: None,
        terms: Vec::new(),
    }
}

fn profile(reference: &[Row]) -> Profile {
    let of = |names: &[&str], role, kind| -> Vec<(String, Role, ColumnKind)> {
        names.iter().map(|name| ((*name).to_owned(), role, kind)).collect()
    };
    let columns = [
        of(&NUMBERS, Role::Feature, ColumnKind::Continuous),
        of(&LABELS, Role::Feature, ColumnKind::Categorical),
        of(&["y_pred"], Role::Prediction, ColumnKind::Continuous),
        of(&["y_true"], Role::Target, ColumnKind::Continuous),
    ]
    .concat();
    let spec = Spec {
        model: "prices".to_owned(),
        version: String::new(),
        predicts: Predicts::Number,
        rule: WindowRule::Size(SIZE),
        inputs: Vec::new(),
        derived: Vec::new(),
        filter: None,
        columns,
        whole: Vec::new(),
        sampled: false,
        concept: false,
        segments: None,
        metrics: Vec::new(),
        provenance: Provenance::default(),
    };
    fit(spec, vec![batch(reference)]).expect("the rows are made to be fitted")
}

fn write(path: &Path, rows: &[Row]) {
    let mut text = format!("{},{},y_pred,y_true\n", NUMBERS.join(","), LABELS.join(","));
    for row in rows {
        for number in row.numbers {
            let _infallible = write!(text, "{number},");
        }
        let [a, b] = row.labels;
        let _infallible = writeln!(text, "{a},{b},{},{}", row.prediction, row.target);
    }
    fs::write(path, text).expect("the disk has room");
}

fn main() {
    let (reference, analysis) = (rows(1, REFERENCE), rows(2, ANALYSIS));
    let folder = tempfile::tempdir().expect("a folder for files");
    write(&folder.path().join("reference.csv"), &reference);
    write(&folder.path().join("analysis.csv"), &analysis);

    let began = cpu::seconds("self");
    let profile = profile(&reference);
    let fitted = cpu::seconds("self") - began;
    let windows: Vec<Rows> = analysis.chunks(SIZE as usize).map(batch).collect();
    let began = cpu::seconds("self");
    let mut done = 0;
    let ours = loop {
        for window in &windows {
            black_box(profile.expected(&window.columns));
            done += window.len();
        }
        let spent = cpu::seconds("self") - began;
        if spent >= LEAST {
            break spent / done as f64 * 1e6;
        }
    };
    println!("CPU microseconds a row, {ANALYSIS} rows, 8 features, six metrics");
    println!("vigie    {ours:9.3}    a profile of {REFERENCE} rows: {fitted:.2} s");

    let mut script = peer::script("losses.py", folder.path(), SIZE);
    let output = script.output().unwrap_or_else(|error| panic!("{script:?}: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // LightGBM has its say before.
    let said = String::from_utf8_lossy(&output.stdout);
    let spent: BTreeMap<String, f64> =
        serde_json::from_str(said.lines().last().unwrap_or_default()).expect("the script's own");
    let [fit, estimate, predict] = ["fit", "estimate", "predict"].map(|part| spent[part]);
    let a_row = |seconds: f64| seconds / ANALYSIS as f64 * 1e6;
    println!("NannyML  {:9.3}    fit: {fit:.2} s", a_row(estimate));
    println!("  {:7.3} of it in LightGBM", a_row(predict));
    println!(
        "ratio    {:9.1}    to LightGBM alone {:.1}",
        a_row(estimate) / ours,
        a_row(predict) / ours
    );
}
