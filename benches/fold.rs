//! Folding and evaluating windows in memory against NannyML: the same rows, methods and windows, CPU time of both.
//!
//! ```text
//! VIGIE_PEER_PYTHON=~/.cache/nml/bin/python cargo bench --bench fold
//! ```
//!
//! 10 features with score, prediction and target, windows of 5,000 rows, a reference of 100,000: calibrated
//! probabilities, all statistics of the default settings and every other drift method, thresholds applied. Neither
//! reading nor fitting is measured, on either side.
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
use vigie::window::{Criteria, Early, Plan, WindowState};

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

    let profile = Arc::new(profile(&reference));
    let plan = Plan::new(Arc::clone(&profile), criteria());
    let windows = read(&analysis);
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
    // What early warnings cost beside.
    let mut watched = Vec::new();
    for (name, columns) in [
        ("fold, watching score and targets", None),
        ("fold, watching all features too", Some(columns().into_iter().map(|of| of.0).collect())),
    ] {
        let early = Early { columns, targets: true, false_alarms: 0.001, tolerance: 0.05 };
        let plan = Plan::new(Arc::clone(&profile), Criteria { early: Some(early), ..criteria() });
        let state = |rows: &Rows| {
            let mut state = WindowState::new(&plan);
            state.fold(&plan, &plan.prepare(rows), 0, rows.len());
            state
        };
        let folded = cost(|index| {
            black_box(state(&expected[window(index)]));
        });
        let open = state(&expected[0]);
        let look = cost(|_| {
            black_box(open.warning(&plan));
        });
        watched.push((name, folded, look * rows::SIZE as f64));
    }
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

    for (name, folded, look) in watched {
        println!("  {folded:7.3} {name}; {look:.1} microseconds a look");
    }

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
fn read(batches: &[RecordBatch]) -> Vec<Rows> {
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
        samples: false,
    };
    batches.iter().map(|batch| maker.make(batch, 0).expect("columns are there").rows).collect()
}

fn profile(reference: &[RecordBatch]) -> Profile {
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
        sampled: false,
        concept: false,
        segments: None,
        metrics: Vec::new(),
        provenance: Provenance::default(),
    };
    fit(spec, read(reference)).expect("the rows are made to be fitted")
}
