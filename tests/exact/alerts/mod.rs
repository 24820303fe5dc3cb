//! From results to alerts: what holds for any sequence of results, how often nothing pages, how soon something does.

mod laws; // an alert opens once, resolves once, and does not flutter
mod records; // what is remembered beside: how well was estimated, what changed
mod steady; // in a steady world hardly anybody is woken; how long a fault of known size takes

use vigie::alert::{AlertEvent, Policy, Published, Watch};
use vigie::metric::{Kind, Metric};
use vigie::window::{ALL, ClosedBy, Dataset, ENGINE, Figure, SCHEMA, Status, WindowResult};

/// A result with these figures.
fn result(window: u64, figures: Vec<Figure>) -> WindowResult {
    let hour = |hour: u64| format!("2026-01-{:02}T{:02}:00:00Z", 1 + hour / 24 % 28, hour % 24);
    WindowResult {
        schema: SCHEMA,
        engine: ENGINE.to_owned(),
        id: format!("loans//1/{window}/all/0"),
        model: "loans".to_owned(),
        version: String::new(),
        segment: ALL.to_owned(),
        dataset: Dataset::Analysis,
        window_index: window,
        window_start: Some(hour(window)),
        window_end: Some(hour(window + 1)),
        window_start_row: None,
        window_end_row: None,
        window_rows: 1000,
        closed_by: ClosedBy::Period,
        late_rows: 0,
        rejected_rows: 0,
        quarantined_rows: 0,
        lanes_left_out: Vec::new(),
        revision: 0,
        revision_cause: None,
        reason: None,
        is_final: true,
        coverage: None,
        targets: None,
        inputs: Vec::new(),
        epoch: 1,
        profile: "p".to_owned(),
        settings: "s".to_owned(),
        figures,
        distributions: Vec::new(),
    }
}

/// A figure with thresholds.
fn figure(kind: Kind, metric: Metric, column: Option<&str>, value: f64) -> Figure {
    let column_name = column.map(str::to_owned);
    Figure { kind, metric: metric.into(), column_name, ..Figure::count(value, Status::Ok) }
}

/// The same between two limits.
fn held(figure: Figure, lower: Option<f64>, upper: Option<f64>) -> Figure {
    let value = figure.value.unwrap();
    let out = lower.is_some_and(|limit| value < limit) || upper.is_some_and(|limit| value > limit);
    Figure { lower_threshold: lower, upper_threshold: upper, breach: Some(out), ..figure }
}

/// Estimated ROC AUC so many sampling errors below its threshold.
fn below(errors: f64) -> Figure {
    let estimated = figure(Kind::Estimated, Metric::RocAuc, None, 0.75 - errors / 128.0);
    Figure { sampling_error: Some(1.0 / 128.0), ..held(estimated, Some(0.75), None) }
}

fn take(watch: &mut Watch, policy: &Policy, result: &WindowResult) -> Vec<AlertEvent> {
    watch.seal(policy, &Published { result, segments: &[], muted_until: None }, false)
}
