//! Folding and evaluating windows in memory against NannyML: the same rows, methods and windows, CPU time of both.
//!
//! ```text
//! VIGIE_PEER_PYTHON=~/.cache/nml/bin/python cargo bench --bench fold
//! ```
//!
//! 10 features with score, prediction and target, windows of 5,000 rows, a reference of 100,000: calibrated
//! probabilities, all statistics of the default settings and every other drift method, thresholds applied. Neither
//! reading nor fitting is measured, on either side.
//!
//! Then what else can be asked of windows costs beside, a row as it comes and a window as it is sealed.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]

mod cpu;
mod peer;
mod rows;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use vigie::batch::Rows;
use vigie::fit::{Predicts, Spec, TwoClasses, fit};
use vigie::metric::{ColumnKind, Metric};
use vigie::profile::{Profile, Provenance, Role, WindowRule};
use vigie::query::ParquetSink;
use vigie::query::table::{Columns, RowMaker};
use vigie::window::{Criteria, Early, Plan, Repeated, WindowState};

const WINDOWS: u64 = 20;
/// Each part is measured for at least so many CPU seconds.
const LEAST: f64 = 2.0;

fn main() {
    let world = rows::world();
    let reference: Vec<RecordBatch> = rows::batches(&world, 0, rows::REFERENCE).collect();
    let count = WINDOWS * rows::SIZE;
    let analysis: Vec<RecordBatch> = rows::batches(&world, rows::REFERENCE, count).collect();
    let folder = tempfile::tempdir().expect("a folder for files");
    write(&folder.path().join("reference.parquet"), &reference);
    write(&folder.path().join("analysis.parquet"), &analysis);

    let profile = Arc::new(profile(&reference, false));
    let plan = Plan::new(Arc::clone(&profile), criteria());
    let windows = read(&analysis, false);
    let state = |rows: &Rows| {
        let mut state = WindowState::new(&plan);
        state.fold(&plan, &plan.prepare(rows), 0, rows.len());
        state
    };
    let expected: Vec<Rows> = windows
        .iter()
        .map(|rows| Rows { expected: profile.expected(&rows.columns), ..rows.clone() })
        .collect();
    let states: Vec<WindowState> = expected.iter().map(state).collect();
    let window = |index: usize| index % windows.len();
    let parts = [
        (
            "calibrate",
            cost(|index| {
                black_box(profile.expected(&windows[window(index)].columns));
            }),
        ),
        (
            "fold",
            cost(|index| {
                black_box(state(&expected[window(index)]));
            }),
        ),
        (
            "copy of the state, for the next line",
            cost(|index| {
                black_box(states[window(index)].clone());
            }),
        ),
        (
            "copy and evaluate",
            cost(|index| {
                black_box(states[window(index)].clone().evaluate(&plan));
            }),
        ),
    ];
    // All of it as it comes; the parts above say where it goes.
    let ours = cost(|index| {
        let rows = &windows[window(index)];
        let rows = Rows { expected: profile.expected(&rows.columns), ..rows.clone() };
        let reading = state(&rows).evaluate(&plan);
        black_box(plan.figures(&reading, None));
    });
    println!("CPU microseconds a row, {WINDOWS} windows of {} rows, 10 features", rows::SIZE);
    println!("vigie    {ours:9.3}");
    for (name, cost) in parts {
        println!("  {cost:7.3} {name}");
    }
    beside(&reference, &analysis);

    let mut script = peer::script("fold.py", folder.path(), rows::SIZE);
    let output = script.output().unwrap_or_else(|error| panic!("{script:?}: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let spent: BTreeMap<String, f64> =
        serde_json::from_slice(&output.stdout).expect("the script's own");
    let theirs = spent.values().sum::<f64>() / count as f64 * 1e6;
    println!("NannyML  {theirs:9.3}");
    for (name, seconds) in spent {
        println!("  {:7.3} {name}", seconds / count as f64 * 1e6);
    }
    println!("ratio    {:9.1}", theirs / ours);
}

/// What else can be asked of windows: what it adds to a row, and to a window that is sealed.
fn beside(reference: &[RecordBatch], analysis: &[RecordBatch]) {
    let profile = Arc::new(profile(reference, true));
    let windows = read(analysis, true);
    let expected = |rows: Rows| Rows { expected: profile.expected(&rows.columns), ..rows };
    let windows: Vec<Rows> = windows.into_iter().map(expected).collect();
    let early = |columns| Early { columns, targets: true, false_alarms: 0.001, tolerance: 0.05 };
    let all = columns().into_iter().map(|of| of.0).collect();
    let sample = Criteria { sampled: true, ..criteria() };
    let asked = [
        ("nothing", criteria()),
        (
            "early warnings of score and targets",
            Criteria { early: Some(early(None)), ..criteria() },
        ),
        ("and of all features", Criteria { early: Some(early(Some(all))), ..criteria() }),
        ("a sample of rows", sample.clone()),
        ("domain classifier", Criteria { whole: vec![Metric::DomainClassifier], ..sample.clone() }),
        ("worst slices", Criteria { worst_slices: 5, ..sample.clone() }),
        ("robust estimate", Criteria { robust: true, ..sample.clone() }),
        ("concept drift's magnitude", Criteria { concept: true, ..sample }),
    ];
    println!("what is asked beside: microseconds a row, milliseconds a window as it is sealed");
    let mut least = None;
    for (name, criteria) in asked {
        let plan = Plan::new(Arc::clone(&profile), criteria);
        let state = |rows: &Rows| {
            let mut state = WindowState::new(&plan);
            state.fold(&plan, &plan.prepare(rows), 0, rows.len());
            state
        };
        let folded = cost(|index| {
            black_box(state(&windows[index % windows.len()]));
        });
        let states: Vec<WindowState> = windows.iter().map(state).collect();
        let sealed = cost(|index| {
            let mut state = states[index % states.len()].clone();
            let reading = state.evaluate(&plan);
            let outcome = state.outcome(&plan, &Repeated::default()).map(|(outcome, _)| outcome);
            black_box(plan.figures(&reading, outcome.as_ref()));
        });
        let sealed = sealed * rows::SIZE as f64 / 1e3;
        let (row, window) = *least.get_or_insert((folded, sealed));
        println!("  {:7.3} {:7.2} {name}", folded - row, sealed - window);
        if plan.criteria().early.is_some() {
            let look = cost(|_| {
                black_box(states[0].warning(&plan));
            });
            println!("          {:.1} microseconds a look", look * rows::SIZE as f64);
        }
    }
}

/// CPU microseconds a row of what is done for one window, given its number.
fn cost(mut window: impl FnMut(usize)) -> f64 {
    let began = cpu::seconds("self");
    let mut windows = 0;
    loop {
        for _ in 0..WINDOWS {
            window(windows);
            windows += 1;
        }
        let spent = cpu::seconds("self") - began;
        if spent >= LEAST {
            return spent / (windows as u64 * rows::SIZE) as f64 * 1e6;
        }
    }
}

fn write(path: &Path, batches: &[RecordBatch]) {
    let mut sink = ParquetSink::create(path, batches[0].schema()).expect("the folder is ours");
    for batch in batches {
        sink.write(batch).expect("the disk has room");
    }
    sink.finish().expect("the disk has room");
}

fn criteria() -> Criteria {
    use Metric::{Chi2, Hellinger, JensenShannon, KolmogorovSmirnov, LInfinity, Wasserstein};
    Criteria {
        continuous: vec![KolmogorovSmirnov, JensenShannon, Wasserstein, Hellinger],
        categorical: vec![Chi2, JensenShannon, LInfinity, Hellinger],
        whole: Vec::new(),
        ..Criteria::default()
    }
}

/// Which columns rows have.
fn columns() -> Vec<(String, Role, ColumnKind)> {
    let names = rows::world().names().to_vec();
    let kind = |name: &str| {
        if name.starts_with('f') { ColumnKind::Continuous } else { ColumnKind::Categorical }
    };
    let features = names.into_iter().map(|name| {
        let kind = kind(&name);
        (name, Role::Feature, kind)
    });
    let outcomes = [
        ("y_pred_proba", Role::Score, ColumnKind::Continuous),
        ("y_pred", Role::Prediction, ColumnKind::Categorical),
        ("target", Role::Target, ColumnKind::Categorical),
    ];
    features.chain(outcomes.map(|(name, role, kind)| (name.to_owned(), role, kind))).collect()
}

/// Rows in memory, a window each.
fn read(batches: &[RecordBatch], samples: bool) -> Vec<Rows> {
    let columns = Columns {
        columns: columns(),
        time: None,
        id: Vec::new(),
        chosen_by: Vec::new(),
        decided: false,
    };
    let maker = RowMaker {
        columns: &columns,
        expressions: None,
        profile: None,
        targets: None,
        needs_time: false,
        reconstructs: false,
        segments: None,
        samples,
    };
    batches.iter().map(|batch| maker.make(batch, 0).expect("columns are there").rows).collect()
}

fn profile(reference: &[RecordBatch], sampled: bool) -> Profile {
    let spec = Spec {
        model: "wide".to_owned(),
        version: String::new(),
        predicts: Predicts::Binary(TwoClasses::default()),
        rule: WindowRule::Size(rows::SIZE),
        inputs: Vec::new(),
        derived: Vec::new(),
        filter: None,
        columns: columns(),
        whole: Vec::new(),
        sampled,
        concept: sampled,
        segments: None,
        metrics: Vec::new(),
        provenance: Provenance::default(),
    };
    fit(spec, read(reference, sampled)).expect("the rows are made to be fitted")
}
