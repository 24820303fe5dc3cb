//! What a hundred models with a thousand windows each take in memory, how long the page waits for its answers, and
//! Prometheus for its scrape, and how large the report of one of them is.
//!
//! ```text
//! cargo bench --bench history
//! ```
//!
//! Each window has the figures of a binary model with default settings: seven performance figures, estimated, labelled
//! and weighed, and of every column drift, quality and summary. Once sealed, it is restated twice by targets.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use vigie::history::{Asked, Digits, History};
use vigie::metric::{Kind, Metric};
use vigie::output::prometheus::Gauges;
use vigie::report::{Parts, data, html, verdicts};
use vigie::settings::Prometheus;
use vigie::telemetry::{Clock, Telemetry};
use vigie::web::{DOCUMENT, FIRST_PAINT, SCRIPT, STYLE};
use vigie::window::{
    ALL, ClosedBy, Dataset, Distribution, ENGINE, Figure, Method, RevisionCause, SCHEMA, Status,
    WindowResult, utc,
};

const MODELS: usize = 100;
const WINDOWS: u64 = 1_000;
const HOUR: i64 = 3_600_000_000;

const PERFORMANCE: [Metric; 7] = [
    Metric::RocAuc,
    Metric::AveragePrecision,
    Metric::F1,
    Metric::Precision,
    Metric::Recall,
    Metric::Specificity,
    Metric::Accuracy,
];

fn main() {
    println!(
        "columns  figures a window   take us a result   memory MB   overview ms   60 windows ms (MB)   all windows ms (MB)"
    );
    for columns in [10, 50] {
        measure(columns);
    }
}

fn measure(columns: usize) {
    let clock = Clock::machine();
    let mut history = History::default();
    let mut taking = Duration::ZERO;
    let mut results = 0u32;
    let mut figures = 0;
    for model in 0..MODELS {
        for index in 0..WINDOWS {
            let sealed = sealed(model, index, columns);
            figures = sealed.figures.len();
            let restated = [1, 2].map(|revision| restated(&sealed, revision));
            let began = clock.running();
            for result in [&sealed, &restated[0], &restated[1]] {
                history.take(result, Some(index as i64 * HOUR));
                results += 1;
            }
            taking += clock.running().saturating_sub(began);
        }
    }
    let began = clock.running();
    let overview = serde_json::to_vec(&history.overview(0)).unwrap_or_default().len();
    let overviewed = clock.running().saturating_sub(began);
    let [(view, viewed), (all, all_viewed)] = [Some(60), None].map(|windows| {
        let began = clock.running();
        let asked = Asked { windows, ..Asked::default() };
        let view = history.model("model7", "", asked, Digits::Kept, 0);
        let view = serde_json::to_vec(&view).unwrap_or_default().len();
        (view, clock.running().saturating_sub(began))
    });
    assert!(overview > 0 && view > 0 && all > view);
    println!(
        "{columns:>7} {figures:>18} {:>18.1} {:>11.0} {:>13.1} {:>15.1} ({:.2}) {:>15.1} ({:.1})",
        taking.as_secs_f64() * 1e6 / f64::from(results),
        history.bytes() as f64 / 1e6,
        overviewed.as_secs_f64() * 1e3,
        viewed.as_secs_f64() * 1e3,
        view as f64 / 1e6,
        all_viewed.as_secs_f64() * 1e3,
        all as f64 / 1e6
    );
    scrape(columns, &clock);
    report(columns);
}

/// The newest windows of all models on `/metrics`: with the cap that is the default, and with none.
fn scrape(columns: usize, clock: &Clock) {
    for max_series in [Prometheus::default().max_series, u64::MAX] {
        let telemetry = Telemetry::new(clock.clone());
        let settings = Prometheus { max_series, ..Prometheus::default() };
        let gauges = Gauges::new(&settings, &telemetry).expect("they are the first");
        let partition = gauges.partition(0);
        for model in 0..MODELS {
            partition.show(&sealed(model, WINDOWS, columns));
            partition.show(&restated(&sealed(model, WINDOWS - 1, columns), 3));
        }
        let began = clock.running();
        let exposed = telemetry.exposition().expect("it can be written");
        let took = clock.running().saturating_sub(began);
        let series = exposed.lines().filter(|line| !line.starts_with('#')).count();
        println!(
            "        /metrics: {series} series, {:.1} MB, {:.0} ms a scrape",
            exposed.len() as f64 / 1e6,
            took.as_secs_f64() * 1e3
        );
    }
}

/// One model with all its windows, as a file.
fn report(columns: usize) {
    let mut history = History::default();
    for index in 0..WINDOWS {
        let result = sealed(0, index, columns);
        history.take(&result, None);
        history.take(&restated(&result, 2), None);
    }
    let data = data(&history, "bench", "2026-01-01T00:00:00Z", 0).expect("it can be written");
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(data.as_bytes()).expect("into memory");
    let packed = packed.finish().expect("into memory");
    let parts =
        Parts { document: DOCUMENT, first_paint: FIRST_PAINT, style: STYLE, script: SCRIPT };
    let html = html(parts, "bench", &verdicts(&history, 0), &packed);
    println!("        report of one model: {:.2} MB", html.len() as f64 / 1e6);
}

/// A number between 0 and 1 that is another one every time.
fn some(seed: u64) -> f64 {
    let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

fn figure(kind: Kind, metric: Metric, method: Option<Method>, seed: u64) -> Figure {
    let value = some(seed);
    Figure {
        method,
        value: Some(value),
        sampling_error: (kind != Kind::Drift).then(|| 0.01 * some(seed + 1)),
        lower_confidence: Some(value - 0.03),
        upper_confidence: Some(value + 0.03),
        lower_threshold: (kind != Kind::Drift).then_some(0.01),
        upper_threshold: Some(0.99),
        breach: Some(value > 0.99),
        ..Figure::bare(kind, metric)
    }
}

fn sealed(model: usize, index: u64, columns: usize) -> WindowResult {
    let seed = (model as u64 * WINDOWS + index) * 1_000;
    let mut figures: Vec<Figure> = PERFORMANCE
        .iter()
        .zip(seed..)
        .map(|(&metric, seed)| figure(Kind::Estimated, metric, Some(Method::Cbpe), seed))
        .collect();
    for column in 0..columns {
        let name = format!("feature_{column}");
        let seed = seed + 50 + 10 * column as u64;
        // All windows have as many rows, so that the error of a column's figures is that of all of them.
        let of = |kind, metric, more| Figure {
            column_name: Some(name.clone()),
            sampling_error: (kind != Kind::Drift).then(|| 0.01 * some(column as u64)),
            ..figure(kind, metric, None, seed + more)
        };
        figures.extend([
            of(Kind::Drift, Metric::JensenShannon, 0),
            of(Kind::Quality, Metric::MissingRate, 1),
            of(Kind::Quality, Metric::OutOfRangeRate, 2),
            of(Kind::Summary, Metric::Mean, 3),
            of(Kind::Summary, Metric::StandardDeviation, 4),
            of(Kind::Summary, Metric::Median, 5),
            of(Kind::Summary, Metric::Sum, 6),
        ]);
    }
    figures.push(Figure::count(5_000.0, Status::Ok));
    let distribution = |column: usize| Distribution {
        column_name: format!("feature_{column}"),
        counts: vec![index; 18],
        below: 0,
        above: 0,
        other: 0,
        unseen: 0,
        missing: 0,
    };
    WindowResult {
        schema: SCHEMA,
        engine: ENGINE.to_owned(),
        id: String::new(),
        model: format!("model{model}"),
        version: String::new(),
        segment: ALL.to_owned(),
        dataset: Dataset::Analysis,
        window_index: index,
        window_start: Some(utc(index as i64 * HOUR)),
        window_end: Some(utc((index as i64 + 1) * HOUR)),
        window_start_row: None,
        window_end_row: None,
        window_rows: 5_000,
        closed_by: ClosedBy::Size,
        late_rows: 0,
        rejected_rows: 0,
        quarantined_rows: 0,
        lanes_left_out: Vec::new(),
        revision: 0,
        revision_cause: None,
        reason: None,
        is_final: false,
        coverage: Some(0.0),
        targets: None,
        inputs: Vec::new(),
        epoch: 1,
        profile: "abc".to_owned(),
        settings: "def".to_owned(),
        figures,
        distributions: (0..columns).map(distribution).collect(),
    }
}

fn restated(sealed: &WindowResult, revision: u64) -> WindowResult {
    let seed = sealed.window_index * 7 + revision;
    let methods = [Method::Labelled, Method::PostStratified];
    let realized = methods.iter().flat_map(|&method| {
        PERFORMANCE.map(|metric| figure(Kind::Realized, metric, Some(method), seed))
    });
    WindowResult {
        revision,
        revision_cause: Some(RevisionCause::Targets),
        coverage: Some(0.4 * revision as f64),
        figures: realized.collect(),
        distributions: Vec::new(),
        ..sealed.clone()
    }
}
