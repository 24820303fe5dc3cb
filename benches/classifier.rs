//! The domain classifier in memory against NannyML's: the same windows, CPU time of both.
//!
//! ```text
//! VIGIE_PEER_PYTHON=~/.cache/nml/bin/python cargo bench --bench classifier
//! ```
//!
//! NannyML's car-loan set, which its script writes down: seven features, a reference of 50,000 rows, four windows of
//! 5,000, of which the last two have changed. A window is 220,000 rows of training to the peer, in five folds of a
//! hundred trees, and 15,000 to us, in two of 30: a sample stands for the reference.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]

mod cpu;
mod peer;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{DictionaryArray, Float64Array};
use arrow::datatypes::Int32Type;
use vigie::batch::{Column, Expected, Rows, Values};
use vigie::fit::{Predicts, Spec, fit};
use vigie::metric::{ColumnKind, Metric};
use vigie::profile::{Provenance, Role, WindowRule};
use vigie::window::{Criteria, Plan, WindowState};

const SIZE: usize = 5_000;
/// Every window is measured so many times.
const TIMES: usize = 3;

/// A file of the peer's: no field of it is in quotes.
struct Table {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("the script writes it");
        let mut lines =
            text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        Self { names: lines.next().unwrap_or_default(), rows: lines.collect() }
    }

    fn kind(&self, column: usize) -> ColumnKind {
        let is_number =
            |row: &Vec<String>| row[column].is_empty() || row[column].parse::<f64>().is_ok();
        if self.rows.iter().all(is_number) {
            ColumnKind::Continuous
        } else {
            ColumnKind::Categorical
        }
    }

    fn rows(&self, kinds: &[ColumnKind], from: usize, to: usize) -> Rows {
        let rows = &self.rows[from..to];
        let column = |(column, kind): (usize, &ColumnKind)| {
            let text =
                |row: &'_ Vec<String>| (!row[column].is_empty()).then(|| row[column].clone());
            Column::new(match kind {
                ColumnKind::Continuous => {
                    let number = |row| text(row).and_then(|text| text.parse::<f64>().ok());
                    Values::Numbers(rows.iter().map(number).collect::<Float64Array>())
                }
                ColumnKind::Categorical | ColumnKind::Embedding => {
                    let labels: Vec<Option<String>> = rows.iter().map(text).collect();
                    let labels: DictionaryArray<Int32Type> =
                        labels.iter().map(Option::as_deref).collect();
                    Values::Labels(labels)
                }
            })
        };
        Rows {
            offsets: (from as i64..to as i64).collect(),
            times: None,
            columns: kinds.iter().enumerate().map(column).collect(),
            expected: Expected::Nothing,
            reconstruction: None,
            segments: Vec::new(),
            keys: None,
            terms: Vec::new(),
        }
    }
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder for files");
    let mut script = peer::script("classifier.py", folder.path(), SIZE as u64);
    let output = script.output().unwrap_or_else(|error| panic!("{script:?}: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // LightGBM has its say before.
    let said = String::from_utf8_lossy(&output.stdout);
    let said: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(said.lines().last().unwrap_or_default()).expect("the script's own");
    let theirs: Vec<f64> = serde_json::from_value(said["areas"].clone()).expect("an area a window");
    let first = said["first"].as_u64().expect("a row") as usize;

    let reference = Table::read(&folder.path().join("reference.csv"));
    let analysis = Table::read(&folder.path().join("analysis.csv"));
    let kinds: Vec<ColumnKind> = (0..reference.names.len()).map(|at| reference.kind(at)).collect();
    let columns = reference.names.iter().zip(&kinds);
    let spec = Spec {
        model: "car-loan".to_owned(),
        version: String::new(),
        predicts: Predicts::Nothing,
        rule: WindowRule::Size(SIZE as u64),
        inputs: Vec::new(),
        derived: Vec::new(),
        filter: None,
        columns: columns.map(|(name, kind)| (name.clone(), Role::Feature, *kind)).collect(),
        whole: vec![Metric::DomainClassifier],
        sampled: false,
        concept: false,
        segments: None,
        metrics: Vec::new(),
        provenance: Provenance::default(),
    };
    let rows = reference.rows(&kinds, 0, reference.rows.len());
    let profile = fit(spec, vec![rows]).expect("the rows are made to be fitted");
    let whole = vec![Metric::DomainClassifier];
    let plan = Plan::new(Arc::new(profile), Criteria { whole, ..Criteria::default() });
    let mut ours = Vec::new();
    let mut spent = 0.0;
    for window in 0..theirs.len() {
        let from = first + window * SIZE;
        let rows = analysis.rows(&kinds, from, from + SIZE);
        let mut state = WindowState::new(&plan);
        state.fold(&plan, &plan.prepare(&rows), 0, SIZE);
        let began = cpu::seconds("self");
        let mut area = None;
        for _ in 0..TIMES {
            let reading = state.evaluate(&plan);
            area = reading.whole(Metric::DomainClassifier).and_then(|found| found.value.0.ok());
        }
        spent += cpu::seconds("self") - began;
        ours.push(area.expect("a value"));
    }
    let a_window = spent / (TIMES * ours.len()) as f64;
    println!(
        "CPU seconds a window of {SIZE} rows, 7 features, beside {} rows",
        reference.rows.len()
    );
    println!("vigie    {a_window:8.3}    area under the curve {ours:.3?}");
    for (name, areas) in [("as it is", None), ("one thread", Some(&theirs))] {
        let seconds = said[name].as_f64().expect("seconds");
        let areas = areas.map(|areas| format!("area under the curve {areas:.3?}"));
        println!("NannyML  {seconds:8.3}    {}", areas.as_deref().unwrap_or_default());
        println!("ratio    {:8.1}    ({name})", seconds / a_window);
    }
    let apart = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    println!("apart by {apart:.4} at most");
    assert!(apart < 0.02, "the figures are not the same");
}
