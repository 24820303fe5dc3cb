use std::slice::from_ref;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, proptest};
use serde::Serialize;
use serde_json::{Value, json};

use super::*;
use crate::alert::{Action, Event, Evidence, Resolution, Severity, Subject};
use crate::metric::{Currencies, Kind, Measure, Metric, Problem};
use crate::profile::{Form, Shape};
use crate::window::{
    ALL, ClosedBy, Dataset, Distribution, ENGINE, Figure, Method, RevisionCause, SCHEMA, Status,
    utc,
};

const HOUR: i64 = 3_600_000_000;

fn figure(kind: Kind, metric: Metric, column: Option<&str>, value: f64, upper: f64) -> Figure {
    Figure {
        method: match kind {
            Kind::Estimated => Some(Method::Cbpe),
            Kind::Realized => Some(Method::Labelled),
            _ => None,
        },
        column_name: column.map(str::to_owned),
        value: Some(value),
        sampling_error: Some(0.01),
        lower_threshold: (kind == Kind::Estimated).then_some(0.5),
        upper_threshold: Some(upper),
        breach: Some(value > upper || kind == Kind::Estimated && value < 0.5),
        ..Figure::bare(kind, metric)
    }
}

/// The result of a window when it is sealed: its estimate, the drift and the faults of a column.
fn sealed(index: u64, estimated: f64, drift: f64, missing: f64) -> WindowResult {
    let start = index as i64 * HOUR;
    WindowResult {
        schema: SCHEMA,
        engine: ENGINE.to_owned(),
        id: String::new(),
        model: "loans".to_owned(),
        version: "7".to_owned(),
        segment: ALL.to_owned(),
        dataset: Dataset::Analysis,
        window_index: index,
        window_start: Some(utc(start)),
        window_end: Some(utc(start + HOUR)),
        window_start_row: None,
        window_end_row: None,
        window_rows: 1000 + index,
        closed_by: ClosedBy::Period,
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
        figures: vec![
            figure(Kind::Estimated, Metric::RocAuc, None, estimated, 1.0),
            Figure {
                value: None,
                breach: None,
                status: Status::NoTargets,
                ..figure(Kind::Realized, Metric::RocAuc, None, 0.0, 1.0)
            },
            figure(Kind::Drift, Metric::JensenShannon, Some("income"), drift, 0.1),
            figure(Kind::Quality, Metric::MissingRate, Some("income"), missing, 0.05),
            Figure::count(1000.0, Status::Ok),
            Figure {
                column_name: Some("income".to_owned()),
                value: Some(0.5),
                ..Figure::bare(Kind::Diagnosis, Metric::DriftCorrelation)
            },
        ],
        distributions: vec![Distribution {
            column_name: "income".to_owned(),
            counts: vec![index, 1000],
            below: 0,
            above: 0,
            other: 0,
            unseen: 0,
            missing: 3,
        }],
    }
    .with_id()
}

fn restated(index: u64, revision: u64, realized: f64) -> WindowResult {
    WindowResult {
        revision,
        revision_cause: Some(RevisionCause::Targets),
        coverage: Some(0.1 * revision as f64),
        figures: vec![figure(Kind::Realized, Metric::RocAuc, None, realized, 1.0)],
        distributions: Vec::new(),
        ..sealed(index, 0.0, 0.0, 0.0)
    }
}

fn excluded(index: u64, revision: u64) -> WindowResult {
    WindowResult {
        revision,
        revision_cause: Some(RevisionCause::Excluded),
        reason: Some("a broken export".to_owned()),
        coverage: None,
        is_final: true,
        figures: Vec::new(),
        distributions: Vec::new(),
        ..sealed(index, 0.0, 0.0, 0.0)
    }
}

fn replaced(index: u64, revision: u64, estimated: f64) -> WindowResult {
    WindowResult {
        revision,
        revision_cause: Some(RevisionCause::Replaced),
        is_final: true,
        ..sealed(index, estimated, 0.01, 0.0)
    }
}

fn of_segment(result: &WindowResult) -> WindowResult {
    let rows = result.window_rows / 2;
    WindowResult {
        distributions: Vec::new(),
        segment: "region=north".to_owned(),
        window_rows: rows,
        ..result.clone()
    }
}

fn alert(id: &str, sequence: u64, window: u64, event: Event, severity: Severity) -> AlertEvent {
    AlertEvent {
        schema: 1,
        engine: ENGINE.to_owned(),
        id: id.to_owned(),
        sequence,
        event,
        resolution: (event == Event::Resolved).then_some(Resolution::Recovered),
        model: "loans".to_owned(),
        version: "7".to_owned(),
        severity,
        since: Some(utc(window as i64 * HOUR)),
        window: Some(window),
        kind: Subject::Estimated,
        metric: Some(Metric::RocAuc.into()),
        column_name: None,
        segment: ALL.to_owned(),
        value: Some(0.4),
        currency: None,
        sampling_error: None,
        lower_threshold: Some(0.5),
        upper_threshold: None,
        distance: None,
        acknowledged: None,
        muted_until: None,
        summary: "estimated roc_auc is 0.4, below 0.5".to_owned(),
        evidence: Evidence::default(),
        action: Action::Confirm,
        result: String::new(),
        profile: "abc".to_owned(),
        settings: "def".to_owned(),
    }
}

fn about() -> About {
    let reference = (0..3).map(|index| WindowResult {
        dataset: Dataset::Reference,
        coverage: None,
        distributions: Vec::new(),
        ..sealed(index, 0.75, 0.02, 0.0)
    });
    About {
        epoch: 1,
        problem: Problem::Binary,
        primary: Some(Metric::RocAuc.into()),
        currencies: Currencies::default(),
        profile: "abc".to_owned(),
        settings: "def".to_owned(),
        silent_after: Some(3 * HOUR),
        reference: reference.collect(),
        shapes: vec![Shape {
            column: "income".to_owned(),
            rows: 400,
            missing: 0,
            form: Form::Bins(vec![0.0, 1.0, 2.0]),
            counts: vec![100, 300],
            other: 0,
        }],
    }
}

/// As it is written: short numbers as such.
fn written(view: &impl Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(view).unwrap()).unwrap()
}

/// All that can be seen, as JSON.
fn seen(history: &History, now: i64) -> Value {
    let columns: Vec<_> = (0..20)
        .map(|window| {
            let column = history.column("loans", "7", "income", Some(window));
            column.map_err(|error| error.to_string()).map_or_else(Value::from, |view| json!(view))
        })
        .collect();
    json!({
        "overview": history.overview(now),
        "model": history.model("loans", "7", Asked { segments: true, ..Asked::default() }, Digits::Kept, now),
        "alerts": history.alerts(),
        "epochs": history.epochs(),
        "columns": columns,
    })
}

/// Results of some windows as a stream publishes them, and alerts.
fn published() -> impl Strategy<Value = (Vec<WindowResult>, Vec<AlertEvent>)> {
    let window = (any::<bool>(), 0u64..3, 0u8..6, 0.4f64..1.0, 0.0f64..0.2);
    prop::collection::vec(window, 1..14).prop_map(|windows| {
        let mut results = Vec::new();
        let mut alerts = Vec::new();
        for (index, (alerts_too, revisions, person, estimated, drift)) in
            windows.into_iter().enumerate()
        {
            let index = index as u64;
            let mut of_window = vec![sealed(index, estimated, drift, 0.0)];
            of_window.extend((1..=revisions).map(|revision| restated(index, revision, estimated)));
            match person {
                0 => of_window.push(excluded(index, revisions + 1)),
                1 => of_window.push(replaced(index, revisions + 1, estimated)),
                _ => {}
            }
            for result in of_window {
                results.push(of_segment(&result));
                results.push(result);
            }
            if alerts_too {
                let id = format!("loans/7/1/{index}");
                alerts.push(alert(&id, 0, index, Event::Opened, Severity::Critical));
                alerts.push(alert(&id, 1, index, Event::Resolved, Severity::Critical));
            }
        }
        (results, alerts)
    })
}

fn heard(result: &WindowResult) -> i64 {
    (result.window_index as i64 + 1) * HOUR + result.revision as i64
}

proptest! {
    #[test]
    fn in_any_order_and_twice_the_same_is_seen(
        ((results, alerts), shuffled, again, limit) in published().prop_flat_map(|(results, alerts)| {
            let order: Vec<usize> = (0..results.len()).collect();
            let again = prop::collection::vec(0..results.len(), 0..6);
            (Just((results, alerts)), Just(order).prop_shuffle(), again, 3usize..20)
        })
    ) {
        let mut straight = History::new(limit);
        straight.about("loans", "7", about());
        for result in &results {
            straight.take(result, Some(heard(result)));
        }
        for event in &alerts {
            straight.alert(event.clone());
        }
        let mut other = History::new(limit);
        for event in alerts.iter().rev() {
            other.alert(event.clone());
        }
        for &at in shuffled.iter().chain(&again) {
            other.take(&results[at], Some(heard(&results[at])));
        }
        other.about("loans", "7", about());
        prop_assert_eq!(seen(&straight, 20 * HOUR), seen(&other, 20 * HOUR));
    }
}

fn history(results: &[WindowResult]) -> History {
    let mut history = History::default();
    history.about("loans", "7", about());
    for result in results {
        history.take(result, Some(heard(result)));
    }
    history
}

fn row(history: &History, now: i64) -> ModelRow {
    history.overview(now).models.into_iter().next().unwrap()
}

#[test]
fn the_newest_revision_of_each_figure_counts() {
    let history = history(&[restated(0, 2, 0.7), sealed(0, 0.8, 0.0, 0.0), restated(0, 1, 0.6)]);
    let view = written(&history.model("loans", "7", Asked::default(), Digits::Kept, HOUR));
    let windows = &view["windows"];
    assert_eq!(windows["dataset"], json!(["reference", "reference", "reference", "analysis"]));
    assert_eq!((&windows["revision"][3], &windows["coverage"][3]), (&json!(2), &json!(0.2)));
    assert_eq!(windows["start"][3], json!("1970-01-01T00:00:00Z"));
    let series = view["series"].as_array().unwrap();
    let of = |kind: &str| series.iter().find(|series| series["kind"] == kind).unwrap();
    assert_eq!(of("estimated")["value"], json!([0.75, 0.75, 0.75, 0.8]));
    assert_eq!(of("realized")["value"][3], json!(0.7));
    assert_eq!(of("estimated")["lower_threshold"], json!(0.5));
    assert_eq!(of("realized")["status"], json!(["no_targets", "no_targets", "no_targets", "ok"]));
    assert_eq!(view["ranking"], json!([{ "column": "income", "correlation": 0.5, "alerts": 0 }]));
    assert_eq!((&view["problem"], &view["primary"]), (&json!("binary"), &json!("roc_auc")));
}

#[test]
fn no_more_windows_are_told_than_are_asked_for() {
    let results: Vec<_> = (0..9).map(|index| sealed(index, 0.8, 0.0, 0.0)).collect();
    let history = history(&results);
    let told = |windows, since| {
        let asked = Asked { windows, since, ..Asked::default() };
        let view = written(&history.model("loans", "7", asked, Digits::Kept, HOUR));
        let length = view["windows"]["index"].as_array().unwrap().len();
        for series in view["series"].as_array().unwrap() {
            assert_eq!(series["value"].as_array().unwrap().len(), length);
        }
        assert_eq!(view["kept"], json!(9));
        (length - 3, view["windows"]["index"][3].clone())
    };
    assert_eq!(told(None, None), (9, json!(0)));
    assert_eq!(told(Some(2), None), (2, json!(7)));
    assert_eq!(told(Some(2), Some(4)), (5, json!(4)), "back to the one that is looked at");
    assert_eq!(told(Some(2), Some(8)), (2, json!(7)));
    assert_eq!(told(Some(2), Some(100)), (2, json!(7)), "there is no such window");
    assert_eq!(told(Some(100), None), (9, json!(0)));
    assert_eq!(told(Some(0), None), (0, Value::Null));
}

#[test]
fn what_a_person_left_out_is_a_gap_with_its_reason() {
    let history = history(&[sealed(0, 0.8, 0.3, 0.0), excluded(0, 1), sealed(1, 0.8, 0.0, 0.0)]);
    let view = written(&history.model("loans", "7", Asked::default(), Digits::Kept, HOUR));
    assert_eq!(view["windows"]["reason"][3], json!("a broken export"));
    let series = view["series"].as_array().unwrap();
    let drift = series.iter().find(|series| series["kind"] == "drift").unwrap();
    assert_eq!(drift["value"], json!([0.02, 0.02, 0.02, null, 0.0]));
    assert!(history.column("loans", "7", "income", Some(0)).is_err());
}

#[test]
fn states_go_by_alerts_then_by_what_is_outside() {
    let well = sealed(0, 0.8, 0.02, 0.0);
    let mut of = history(from_ref(&well));
    let found = row(&of, HOUR);
    assert_eq!((found.state, found.since.as_deref()), (State::Well, Some("1970-01-01T00:00:00Z")));
    assert_eq!(found.verdict, "Estimated roc_auc is 0.8 +-0.03, within 0.5 to 1; no targets yet");
    // A window without targets, one row of a thousand missing: no news.
    of.take(&sealed(1, 0.8, 0.02, 0.051), Some(heard(&sealed(1, 0.8, 0.0, 0.0))));
    assert_eq!(row(&of, 2 * HOUR).state, State::Well);
    of.take(&sealed(2, 0.8, 0.3, 0.0), Some(3 * HOUR));
    let found = row(&of, 3 * HOUR);
    assert_eq!((found.state, found.since.as_deref()), (State::Watch, Some("1970-01-01T02:00:00Z")));
    assert!(found.verdict.contains("income drifted: jensen_shannon is 0.3"), "{}", found.verdict);
    // A window that says nothing changes nothing.
    let few = |mut result: WindowResult| {
        for figure in &mut result.figures {
            (figure.breach, figure.status) = (None, Status::TooFew);
        }
        result
    };
    of.take(&few(sealed(3, 0.8, 0.0, 0.0)), Some(4 * HOUR));
    assert_eq!(row(&of, 4 * HOUR).state, State::Watch);
    of.alert(alert("a", 0, 2, Event::Opened, Severity::Critical));
    let found = row(&of, 4 * HOUR);
    assert_eq!(
        (found.state, found.since.as_deref()),
        (State::Degraded, Some("1970-01-01T02:00:00Z"))
    );
    assert_eq!(found.verdict, "Estimated roc_auc is 0.4, below 0.5; no targets yet");
    assert_eq!(found.alert.unwrap().id, "a");
    of.alert(alert("a", 1, 4, Event::Resolved, Severity::Critical));
    of.take(&sealed(4, 0.8, 0.0, 0.0), Some(5 * HOUR));
    let found = row(&of, 5 * HOUR);
    assert_eq!((found.state, found.since.as_deref()), (State::Well, Some("1970-01-01T04:00:00Z")));
    of.alert(alert("b", 0, 4, Event::Opened, Severity::Warning));
    assert_eq!(row(&of, 5 * HOUR).state, State::Watch);
    assert_eq!(row(&history(&[few(well)]), HOUR).state, State::Unknown);
}

#[test]
fn a_version_is_silent_when_its_windows_stop_but_not_when_another_takes_over() {
    let mut of = history(&[sealed(0, 0.8, 0.0, 0.0)]);
    assert_eq!(row(&of, 4 * HOUR).state, State::Well);
    let found = row(&of, 4 * HOUR + 1);
    assert_eq!(
        (found.state, found.since.as_deref()),
        (State::Silent, Some("1970-01-01T01:00:00Z"))
    );
    let next = WindowResult { version: "8".to_owned(), ..sealed(0, 0.8, 0.0, 0.0) };
    of.take(&next, Some(2 * HOUR));
    let states = of.overview(4 * HOUR + 1).models.into_iter().map(|row| (row.version, row.state));
    assert_eq!(
        states.collect::<Vec<_>>(),
        [("7".to_owned(), State::Well), ("8".to_owned(), State::Well)]
    );
}

#[test]
fn a_version_without_a_profile_is_unknown_and_says_what_to_do() {
    let bare = WindowResult {
        profile: String::new(),
        figures: vec![Figure::count(10.0, Status::NoProfile)],
        distributions: Vec::new(),
        ..sealed(0, 0.0, 0.0, 0.0)
    };
    let mut history = History::default();
    history.take(&bare, None);
    let found = row(&history, HOUR);
    assert_eq!(found.state, State::Unknown);
    assert!(found.verdict.contains("vigie profile build"), "{}", found.verdict);
    assert!(found.primary.is_none());
}

#[test]
fn a_column_is_shown_beside_the_reference() {
    let history = history(&[sealed(1, 0.8, 0.0, 0.0), sealed(250, 0.8, 0.0, 0.0)]);
    let view = json!(history.column("loans", "7", "income", Some(250)).unwrap());
    assert_eq!(view["reference"], json!([0.25, 0.75]));
    assert_eq!(view["observed"], json!([0.2, 0.8]));
    assert_eq!(view["edges"], json!([0.0, 1.0, 2.0]));
    assert_eq!(view["rows"], json!({ "reference": 400, "observed": 1250 }));
    assert_eq!(history.column("loans", "7", "income", None).unwrap().window, 250);
    let refused = |version: &str, column: &str, window| {
        history.column("loans", version, column, window).unwrap_err().to_string()
    };
    assert_eq!(
        refused("7", "age", None),
        "window 250 says nothing of column `age`: it tells of income"
    );
    assert!(refused("7", "income", Some(2)).ends_with("the newest windows, 1 to 250"));
    assert!(refused("8", "income", None).contains("/api/overview lists"));
}

#[test]
fn windows_beyond_the_limit_are_forgotten_the_oldest_first() {
    let mut history = History::new(10);
    for index in (0..500).rev().chain(500..1000) {
        history.take(&sealed(index, 0.8, 0.0, 0.0), None);
    }
    let view = history.model("loans", "7", Asked::default(), Digits::Kept, 0).unwrap();
    assert_eq!(view.windows.index, (990..1000).collect::<Vec<u64>>());
    assert_eq!(view.series[0].value.len(), 10);
    let bytes = history.bytes();
    assert!(bytes < 60_000, "{bytes} bytes");
    // What is known of a window that is gone comes too late.
    assert!(!history.take(&restated(3, 1, 0.5), None));
}

#[test]
fn many_series_mean_fewer_windows() {
    let mut history = History::default();
    let wide = |index| {
        let mut result = sealed(index, 0.8, 0.0, 0.0);
        result.distributions.clear();
        let column = |n: usize| Some(format!("column{n}"));
        result.figures.extend((0..20_000).map(|n| Figure {
            column_name: column(n),
            ..figure(Kind::Drift, Metric::Psi, None, 0.5, 0.1)
        }));
        result
    };
    for index in 0..3 {
        history.take(&wide(index), None);
    }
    for index in 3..400 {
        history.take(&sealed(index, 0.8, 0.0, 0.0), None);
    }
    let view = history.model("loans", "7", Asked::default(), Digits::Kept, 0).unwrap();
    assert_eq!(view.windows.index.len(), 199);
    assert_eq!(*view.primary.unwrap(), Measure::from(Metric::RocAuc));
}

/// A window that names slices: of each its excess, and what became of it.
fn sliced(index: u64, names: &[&str]) -> WindowResult {
    let mut result = sealed(index, 0.8, 0.0, 0.0);
    let of_slice = |metric: Metric, name: Option<&str>, value: f64| Figure {
        column_name: name.map(str::to_owned),
        of: Some(Metric::Accuracy.into()),
        value: Some(value),
        p_value: Some(0.001),
        ..Figure::bare(Kind::Diagnosis, metric)
    };
    result.figures.push(of_slice(Metric::SlicesExamined, None, 900.0));
    for name in names {
        result.figures.push(of_slice(Metric::SliceExcess, Some(name), 0.2));
        result.figures.push(of_slice(Metric::SliceShare, Some(name), 0.1));
        result.figures.push(of_slice(Metric::SliceChange, Some(name), 0.15));
    }
    result
}

#[test]
fn slices_are_told_by_window_and_make_no_series() {
    let mut history = History::default();
    history.take(&sliced(2, &["age < 25", "region = north"]), None);
    history.take(&sliced(1, &[]), None);
    history.take(&sealed(3, 0.8, 0.0, 0.0), None);
    // Targets restate what they change; a person leaves all of it out.
    history.take(&restated(2, 1, 0.7), None);
    let view = |history: &History| {
        let view = history.model("loans", "7", Asked::default(), Digits::Kept, 9 * HOUR);
        serde_json::to_value(view.expect("it is known")).expect("JSON")
    };
    let told = view(&history);
    assert_eq!(told["slices"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&told["slices"][0]["window"], &told["slices"][0]["slices"]),
        (&json!(1), &json!([]))
    );
    let second = &told["slices"][1];
    assert_eq!((&second["of"], &second["examined"]), (&json!("accuracy"), &json!(900.0)));
    let first = &second["slices"][0];
    assert_eq!(
        [&first["name"], &first["excess"], &first["share"], &first["change"], &first["loss"]],
        [&json!("age < 25"), &json!(0.2), &json!(0.1), &json!(0.15), &Value::Null]
    );
    let series = told["series"].as_array().expect("series").iter();
    let names: Vec<&Value> = series.map(|series| &series["metric"]).collect();
    assert!(!names.iter().any(|name| name.as_str().is_some_and(|name| name.starts_with("slice"))));
    history.take(&excluded(2, 2), None);
    history.take(&sliced(2, &["age < 25"]), None);
    assert_eq!(view(&history)["slices"].as_array().map(Vec::len), Some(1));
}
