//! What segments cost: the same rows with none, 10 and 1000 of them.
//!
//! ```text
//! cargo bench --bench segments
//! ```
//!
//! Ten features of which two are labels, a reference of 400,000 rows in windows of 50,000, a model of two classes. Told
//! apart by a column of 10 and of 1000 labels that is no feature, each label as frequent as the others. In CPU time: what
//! it takes to tell a row's segment (in intake), to fold it (in tally; batches of 4,096 rows), and to publish a window;
//! and its state in memory and as it is packed into checkpoints. Then the same by the number of features.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]

mod cpu;

use std::array;
use std::hint::black_box;
use std::sync::Arc;

use arrow::array::DictionaryArray;
use arrow::datatypes::Int32Type;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use vigie::batch::{Column, Expected, Rows, Values};
use vigie::fit::{Predicts, SegmentSpec, Spec, TwoClasses, fit};
use vigie::metric::ColumnKind;
use vigie::profile::{Beside, Placer, Profile, Provenance, Role, Split, WindowRule};
use vigie::window::{Criteria, Plan, WindowState};

const REFERENCE: usize = 400_000;
const WINDOW: usize = 50_000;
const BATCH: usize = 4_096;
const NUMBERS: usize = 8;
const TIMES: usize = 20;
/// Telling segments is quicker than the kernel counts.
const TELLS: usize = 200;

struct Row {
    numbers: [f64; NUMBERS],
    labels: [usize; 2],
    score: f64,
    repaid: bool,
    segment: usize,
}

const LABELS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn rows(seed: u64, count: usize) -> Vec<Row> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // In [0, 1).
    let mut draw = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    let mut row = || {
        let score = draw();
        Row {
            numbers: array::from_fn(|_| draw()),
            labels: array::from_fn(|_| (draw() * 5.0) as usize),
            score,
            repaid: draw() < score,
            segment: (draw() * 1000.0) as usize,
        }
    };
    (0..count).map(|_| row()).collect()
}

fn labels<'r>(texts: impl Iterator<Item = &'r str>) -> Column {
    let array: DictionaryArray<Int32Type> = texts.map(Some).collect();
    Column::new(Values::Labels(array))
}

/// Rows as the stages have them, and what tells their segments.
fn batch(rows: &[Row], segments: usize) -> (Rows, Beside) {
    let names: Vec<String> = (0..segments.max(1)).map(|segment| format!("s{segment}")).collect();
    let numbers = |of: &dyn Fn(&Row) -> f64| {
        Column::new(Values::Numbers(rows.iter().map(of).collect::<Vec<_>>().into()))
    };
    let class = |class: bool| if class { "1" } else { "0" };
    let mut columns: Vec<Column> =
        (0..NUMBERS).map(|at| numbers(&move |row: &Row| row.numbers[at])).collect();
    columns.extend((0..2).map(|at| labels(rows.iter().map(|row| LABELS[row.labels[at]]))));
    columns.push(numbers(&|row| row.score));
    columns.push(labels(rows.iter().map(|row| class(row.score >= 0.5))));
    columns.push(labels(rows.iter().map(|row| class(row.repaid))));
    let told = labels(rows.iter().map(|row| names[row.segment % names.len()].as_str()));
    let rows = Rows {
        offsets: (0..rows.len() as i64).collect(),
        times: None,
        columns,
        expected: Expected::Nothing,
        reconstruction: None,
        segments: Vec::new(),
        keys: None,
        terms: Vec::new(),
    };
    (rows, Beside { columns: vec![told], conditions: Vec::new() })
}

fn spec() -> Spec {
    Spec {
        model: "bench".to_owned(),
        version: String::new(),
        predicts: Predicts::Binary(TwoClasses::default()),
        rule: WindowRule::Number(1),
        inputs: Vec::new(),
        derived: Vec::new(),
        filter: None,
        columns: Vec::new(),
        whole: Vec::new(),
        sampled: false,
        concept: false,
        segments: None,
        metrics: Vec::new(),
        provenance: Provenance::default(),
    }
}

fn profile(reference: &[Row], segments: usize) -> Profile {
    let mut columns: Vec<(String, Role, ColumnKind)> = Vec::new();
    columns
        .extend((0..NUMBERS).map(|at| (format!("f{at}"), Role::Feature, ColumnKind::Continuous)));
    columns.extend((0..2).map(|at| (format!("l{at}"), Role::Feature, ColumnKind::Categorical)));
    for (name, role, kind) in [
        ("score", Role::Score, ColumnKind::Continuous),
        ("predicted", Role::Prediction, ColumnKind::Categorical),
        ("repaid", Role::Target, ColumnKind::Categorical),
    ] {
        columns.push((name.to_owned(), role, kind));
    }
    let (rows, told): (Vec<Rows>, Vec<Beside>) =
        reference.chunks(WINDOW).map(|rows| batch(rows, segments)).unzip();
    let spec = Spec {
        rule: WindowRule::Size(WINDOW as u64),
        columns,
        segments: (segments > 0).then(|| SegmentSpec {
            splits: vec![Split::Columns(vec!["segment".to_owned()])],
            slices: false,
            beside: vec!["segment".to_owned()],
            told,
            min_rows: 300,
            max: 1001,
            distributions: false,
        }),
        ..spec()
    };
    fit(spec, rows).expect("the rows are made to be fitted")
}

fn main() {
    let reference = rows(1, REFERENCE);
    let analysis = rows(2, WINDOW);
    println!(
        "{:>8}  {:>9} {:>9} {:>9}  {:>11} {:>11}  {:>11} {:>9} {:>10}",
        "segments",
        "fit s",
        "tell ns",
        "fold ns",
        "publish ms",
        "results KB",
        "state KB",
        "packed KB",
        "profile MB"
    );
    for segments in [0, 10, 1000] {
        let begun = cpu::seconds("self");
        let profile = Arc::new(profile(&reference, segments));
        let fitted = cpu::seconds("self") - begun;
        let criteria = Criteria { whole: Vec::new(), ..Criteria::default() };
        let plan = Plan::new(Arc::clone(&profile), criteria);
        let placer = Placer::of(&profile);
        let mut batches: Vec<(Rows, Beside)> =
            analysis.chunks(BATCH).map(|rows| batch(rows, segments)).collect();
        for (rows, _) in &mut batches {
            rows.expected = profile.expected(&rows.columns);
        }
        let per_row = |seconds: f64, times: usize| seconds / (times * WINDOW) as f64 * 1e9;
        let begun = cpu::seconds("self");
        for _ in 0..TELLS {
            for (rows, told) in &mut batches {
                if let Some(placer) = &placer {
                    rows.segments = placer.place(rows.len(), &rows.columns, told);
                }
            }
        }
        let told = per_row(cpu::seconds("self") - begun, TELLS);
        let fold = || {
            let mut state = WindowState::new(&plan);
            for (rows, _) in &batches {
                state.fold(&plan, &plan.prepare(rows), 0, rows.len());
            }
            state
        };
        let mut state = black_box(fold());
        let begun = cpu::seconds("self");
        for _ in 0..TIMES {
            state = black_box(fold());
        }
        let folded = per_row(cpu::seconds("self") - begun, TIMES);
        let bytes = state.bytes();
        let begun = cpu::seconds("self");
        let mut written = 0;
        for _ in 0..TIMES {
            written = black_box(published(&plan, &mut state));
        }
        let publish = (cpu::seconds("self") - begun) / TIMES as f64;
        println!(
            "{segments:>8}  {fitted:>9.1} {told:>9.0} {folded:>9.0}  {:>11.1} {:>11}  {:>11} {:>9} {:>10.1}",
            publish * 1e3,
            written / 1000,
            bytes / 1000,
            packed(&state) / 1000,
            profile.to_text().len() as f64 / 1e6,
        );
    }
    by_features();
}

/// Bytes of a state as it stands in checkpoints.
fn packed(state: &WindowState) -> usize {
    minicbor::to_vec(state).map_or(0, |bytes| bytes.len())
}

/// The state of a window by the number of features, four fifths of them numbers.
fn by_features() {
    const ROWS: usize = 5_000;
    println!(
        "\n{:>8}  {:>11} {:>11}  a window of {ROWS} rows",
        "features", "state KB", "packed KB"
    );
    let (reference, analysis) = (rows(1, 2 * ROWS), rows(2, ROWS));
    for features in [10, 100, 1000] {
        let wide = |rows: &[Row]| {
            let (mut batch, _) = batch(rows, 0);
            let (numbers, labels) = (batch.columns[0].clone(), batch.columns[NUMBERS].clone());
            let made = |at: usize| if at % 5 < 4 { numbers.clone() } else { labels.clone() };
            batch.columns = (0..features).map(made).collect();
            batch
        };
        let kind = |at: usize| {
            if at % 5 < 4 { ColumnKind::Continuous } else { ColumnKind::Categorical }
        };
        let columns = (0..features).map(|at| (format!("f{at}"), Role::Feature, kind(at)));
        let spec = Spec {
            predicts: Predicts::Nothing,
            rule: WindowRule::Size(ROWS as u64),
            columns: columns.collect(),
            segments: None,
            ..spec()
        };
        let profile = fit(spec, vec![wide(&reference)]).expect("the rows are made to be fitted");
        let criteria = Criteria { whole: Vec::new(), ..Criteria::default() };
        let plan = Plan::new(Arc::new(profile), criteria);
        let mut state = WindowState::new(&plan);
        let rows = wide(&analysis);
        state.fold(&plan, &plan.prepare(&rows), 0, rows.len());
        println!("{features:>8}  {:>11} {:>11}", state.bytes() / 1000, packed(&state) / 1000);
    }
}

/// Evaluates and judges the whole and every segment; how many bytes of JSON the figures are.
fn published(plan: &Plan, state: &mut WindowState) -> usize {
    let reading = state.evaluate(plan);
    let text = |figures| serde_json::to_string(&figures).map_or(0, |text| text.len());
    let mut written = text(plan.figures(&reading, None));
    for (at, segment) in plan.segments().iter().enumerate() {
        if let Some((state, plan)) = state.segment(at).zip(segment.plan()) {
            let reading = state.evaluate(plan);
            written += text(plan.figures(&reading, None));
        }
    }
    written
}
