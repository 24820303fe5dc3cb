//! The experiment of arXiv 2401.08348 in small: on the sets in NannyML's wheel, how far from what came of each window are
//! the plain estimate (CBPE, DLE) and the one that is robust to covariate shift, in sampling errors.
//!
//! ```text
//! VIGIE_PEER_PYTHON=~/.cache/nml/bin/python cargo bench --no-default-features --bench robust_sets
//! ```
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]

mod peer;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{DictionaryArray, Float64Array};
use arrow::datatypes::Int32Type;
use serde::Deserialize;
use vigie::batch::{Column, Expected, Rows, Values};
use vigie::fit::{Predicts, SeveralClasses, Spec, TwoClasses, fit};
use vigie::metric::{ColumnKind, Kind, Metric};
use vigie::profile::{Provenance, Role, WindowRule};
use vigie::window::{Criteria, Figure, Method, Plan, WindowState};

/// What the script says of a set.
#[derive(Deserialize)]
struct Set {
    problem: String,
    labels: Vec<String>,
    numbers: Vec<String>,
    scores: BTreeMap<String, String>,
    prediction: String,
    target: String,
    window: usize,
}

/// A file of the script's: no field of it is in quotes.
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

    fn batch(&self, columns: &[(String, Role, ColumnKind)], from: usize, to: usize) -> Rows {
        let column = |(name, _, kind): &(String, Role, ColumnKind)| {
            let at = self.names.iter().position(|of| of == name).expect("the script's own column");
            let text = |row: &Vec<String>| (!row[at].is_empty()).then(|| row[at].clone());
            let rows = self.rows[from..to].iter();
            Column::new(match kind {
                ColumnKind::Continuous => {
                    let number = |row| text(row).and_then(|text| text.parse::<f64>().ok());
                    Values::Numbers(rows.map(number).collect::<Float64Array>())
                }
                ColumnKind::Categorical | ColumnKind::Embedding => {
                    let labels: Vec<Option<String>> = rows.map(text).collect();
                    let labels: DictionaryArray<Int32Type> =
                        labels.iter().map(Option::as_deref).collect();
                    Values::Labels(labels)
                }
            })
        };
        Rows {
            offsets: (from as i64..to as i64).collect(),
            times: None,
            columns: columns.iter().map(column).collect(),
            expected: Expected::Nothing,
            reconstruction: None,
            segments: Vec::new(),
            keys: None,
            terms: Vec::new(),
        }
    }
}

impl Set {
    fn columns(&self) -> Vec<(String, Role, ColumnKind)> {
        let (numbers, labels) = (ColumnKind::Continuous, ColumnKind::Categorical);
        let features = |names: &[String], kind| {
            let of = names.iter().map(move |name| (name.clone(), Role::Feature, kind));
            of.collect::<Vec<_>>()
        };
        let mut all = [features(&self.labels, labels), features(&self.numbers, numbers)].concat();
        all.extend(self.scores.values().map(|name| (name.clone(), Role::Score, numbers)));
        let kind = if self.problem == "regression" { numbers } else { labels };
        all.push((self.prediction.clone(), Role::Prediction, kind));
        all.push((self.target.clone(), Role::Target, kind));
        all
    }

    fn predicts(&self) -> Predicts {
        match self.problem.as_str() {
            "binary" => Predicts::Binary(TwoClasses::default()),
            "multiclass" => Predicts::Multiclass(SeveralClasses {
                scores: self.scores.clone().into_iter().collect(),
                ..SeveralClasses::default()
            }),
            _ => Predicts::Number,
        }
    }

    fn metrics(&self) -> &'static [Metric] {
        use Metric::{Accuracy, AveragePrecision, F1, Mae, Mse, Precision, Recall, Rmse, RocAuc};
        match self.problem.as_str() {
            "regression" => &[Mae, Mse, Rmse],
            _ => &[RocAuc, AveragePrecision, F1, Precision, Recall, Accuracy],
        }
    }
}

/// How far estimates are off, in sampling errors of the window.
#[derive(Default)]
struct Off {
    plain: f64,
    robust: f64,
    windows: usize,
    /// Windows of which the robust estimate says nothing.
    without: usize,
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder for files");
    let mut script = peer::script("robust.py", folder.path(), 0);
    let output = script.output().unwrap_or_else(|error| panic!("{script:?}: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    let sets: BTreeMap<String, Set> =
        serde_json::from_str(said.lines().last().unwrap_or_default()).expect("the script's own");
    println!("mean absolute error over the windows, in sampling errors: plain, robust");
    for (name, set) in sets {
        let table = |of: &str| Table::read(&folder.path().join(format!("{name}.{of}.csv")));
        let (reference, analysis) = (table("reference"), table("analysis"));
        let columns = set.columns();
        let spec = Spec {
            model: name.clone(),
            version: String::new(),
            predicts: set.predicts(),
            rule: WindowRule::Size(set.window as u64),
            inputs: Vec::new(),
            derived: Vec::new(),
            filter: None,
            columns: columns.clone(),
            whole: Vec::new(),
            sampled: true,
            concept: false,
            segments: None,
            metrics: Vec::new(),
            provenance: Provenance::default(),
        };
        let rows = reference.batch(&columns, 0, reference.rows.len());
        let profile = fit(spec, vec![rows]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let criteria = Criteria {
            performance: set.metrics().to_vec(),
            whole: Vec::new(),
            robust: true,
            ..Criteria::default()
        };
        let plan = Plan::new(Arc::new(profile), criteria);
        let mut off: BTreeMap<Metric, Off> = BTreeMap::new();
        let (mut outside, mut effective, mut windows) = (0.0, 0.0, 0.0);
        for from in (0..analysis.rows.len()).step_by(set.window) {
            let to = (from + set.window).min(analysis.rows.len());
            let mut rows = analysis.batch(&columns, from, to);
            rows.expected = plan.profile().expected(&rows.columns);
            let mut state = WindowState::new(&plan);
            state.fold(&plan, &plan.prepare(&rows), 0, to - from);
            let reading = state.evaluate(&plan);
            if let Some(robust) = &reading.robust {
                outside += robust.outside.0.unwrap_or(0.0);
                effective += robust.effective_rows;
                windows += 1.0;
            }
            let figures = plan.figures(&reading, None);
            for &metric in set.metrics() {
                let of = |kind, robust| {
                    let is = |figure: &&Figure| {
                        let pape = figure.method == Some(Method::Pape);
                        figure.kind == kind && figure.metric == metric && pape == robust
                    };
                    figures.iter().find(is)
                };
                let value = |kind, robust| of(kind, robust).and_then(|figure| figure.value);
                let error = of(Kind::Estimated, false).and_then(|figure| figure.sampling_error);
                let (Some(came), Some(plain), Some(error)) =
                    (value(Kind::Realized, false), value(Kind::Estimated, false), error)
                else {
                    continue;
                };
                let off = off.entry(metric).or_default();
                let Some(robust) = value(Kind::Estimated, true) else {
                    off.without += 1;
                    continue;
                };
                off.plain += (plain - came).abs() / error;
                off.robust += (robust - came).abs() / error;
                off.windows += 1;
            }
        }
        println!(
            "\n{name}: {windows} windows of {}, {:.0} effective rows, {:.4} outside",
            set.window,
            effective / windows,
            outside / windows
        );
        for (metric, off) in off {
            let of = off.windows.max(1) as f64;
            let without = match off.without {
                0 => String::new(),
                without => format!("  (and {without} windows without)"),
            };
            println!(
                "  {:18} {:6.2} {:6.2}{without}",
                metric.as_str(),
                off.plain / of,
                off.robust / of
            );
        }
    }
}
