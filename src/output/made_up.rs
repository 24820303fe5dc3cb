//! A result for tests, with a figure of every kind that is written today.

use std::collections::BTreeMap;

use crate::alert::{self, Action, AlertEvent, Event, Evidence, Severity, Subject};
use crate::metric::{Kind, Measure, Metric};
use crate::window::{
    ClosedBy, Dataset, ENGINE, Figure, Method, RevisionCause, SCHEMA, Status, Targets, WindowResult,
};

/// A figure with a value and thresholds.
pub(crate) fn figure(kind: Kind, metric: Metric, column: Option<&str>, value: f64) -> Figure {
    let upper = 0.5;
    Figure {
        kind,
        metric: Measure::Metric(metric),
        method: match kind {
            Kind::Estimated => Some(Method::Cbpe),
            Kind::Realized => Some(Method::Labelled),
            _ => None,
        },
        column_name: column.map(str::to_owned),
        upper_threshold: Some(upper),
        breach: Some(value > upper),
        ..Figure::count(value, Status::Ok)
    }
}

/// The third window of version 7 of `car-loan`.
pub(crate) fn result() -> WindowResult {
    let undefined = Figure {
        value: None,
        breach: None,
        upper_threshold: None,
        status: Status::OneClass,
        ..figure(Kind::Estimated, Metric::RocAuc, None, 0.0)
    };
    WindowResult {
        schema: SCHEMA,
        engine: ENGINE.to_owned(),
        id: "car-loan/7/1/2/all/0".to_owned(),
        model: "car-loan".to_owned(),
        version: "7".to_owned(),
        segment: "all".to_owned(),
        dataset: Dataset::Analysis,
        window_index: 2,
        window_start: Some("2026-01-01T00:00:00Z".to_owned()),
        window_end: Some("2026-01-01T01:00:00Z".to_owned()),
        window_start_row: None,
        window_end_row: None,
        window_rows: 5000,
        closed_by: ClosedBy::Period,
        late_rows: 3,
        rejected_rows: 2,
        quarantined_rows: 1,
        lanes_left_out: vec!["predictions/1".to_owned()],
        revision: 1,
        revision_cause: Some(RevisionCause::Targets),
        reason: Some("a mended export".to_owned()),
        is_final: false,
        coverage: Some(0.95),
        targets: Some(Targets {
            rows: 4_750,
            repeated: 1,
            coverage_of_negative: Some(0.94),
            coverage_by_class: BTreeMap::new(),
            coverage_of_positive: None,
            lag_p50_seconds: None,
            lag_p90_seconds: None,
            lag_p99_seconds: None,
        }),
        inputs: Vec::new(),
        epoch: 4,
        profile: "abc".to_owned(),
        settings: "def".to_owned(),
        figures: vec![
            undefined,
            figure(Kind::Estimated, Metric::F1, None, 0.75),
            figure(Kind::Realized, Metric::F1, None, 0.25),
            figure(Kind::Drift, Metric::JensenShannon, Some("income"), 0.625),
            figure(Kind::Quality, Metric::MissingRate, Some("income"), 0.125),
            figure(Kind::Summary, Metric::Mean, Some("income"), 0.5),
            Figure::count(5000.0, Status::Ok),
        ],
        distributions: Vec::new(),
    }
}

/// What is said when that model opens an alert.
pub(crate) fn alert() -> AlertEvent {
    AlertEvent {
        schema: alert::SCHEMA,
        engine: ENGINE.to_owned(),
        id: "car-loan/7/2".to_owned(),
        sequence: 0,
        event: Event::Opened,
        resolution: None,
        model: "car-loan".to_owned(),
        version: "7".to_owned(),
        severity: Severity::Critical,
        since: Some("2026-01-01T00:00:00Z".to_owned()),
        window: Some(2),
        kind: Subject::Estimated,
        metric: Some(Measure::Metric(Metric::F1)),
        column_name: None,
        segment: "all".to_owned(),
        value: Some(0.75),
        currency: None,
        sampling_error: None,
        lower_threshold: None,
        upper_threshold: Some(0.5),
        distance: None,
        acknowledged: None,
        muted_until: None,
        summary: "f1 is above 0.5".to_owned(),
        evidence: Evidence {
            drift: vec![figure(Kind::Drift, Metric::JensenShannon, Some("income"), 0.625)],
            ..Evidence::default()
        },
        action: Action::Confirm,
        result: "car-loan/7/1/2/all/0".to_owned(),
        profile: "abc".to_owned(),
        settings: "def".to_owned(),
    }
}
