//! The schemas of what travels on topics: current, and what the program emits is valid under them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jsonschema::validator_for;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use vigie::alert::{AlertEvent, Event, Level, Policy, Published, Quiet, Severity, Silence, Watch};
use vigie::metric::{Kind, Metric};
use vigie::simulator::{Layout, OutcomePlan, World};
use vigie::window::{
    ClosedBy, Dataset, Figure, Heading, LaneInput, Method, WindowResult, WindowState,
};

use crate::data::assert_current;
use crate::world::{Row, plan, rows, served};

/// The schema of a type as it is written.
fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn current<T: JsonSchema>(name: &str) {
    let text = serde_json::to_string_pretty(&schema_of::<T>()).unwrap() + "\n";
    assert_current(name, &text);
}

fn valid(schema: &Value, value: &Value) {
    let validator = validator_for(schema).unwrap();
    let found: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(found.is_empty(), "{found:?}\n{value:#}");
    let known: BTreeSet<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let keys: BTreeSet<&String> = value.as_object().unwrap().keys().collect();
    assert!(keys.is_subset(&known), "{keys:?}");
}

/// The result of a window of these rows.
fn result(rows: &[Row]) -> WindowResult {
    let plan = plan();
    let batch = served(plan.profile(), rows, 0);
    let mut state = WindowState::new(plan);
    state.fold(plan, &plan.prepare(&batch), 0, rows.len());
    let input = LaneInput {
        topic: "predictions".to_owned(),
        topic_id: "0".repeat(32),
        partition: 0,
        from: 0,
        to: 499,
        rows: 500,
        digest: "0".repeat(32),
    };
    let heading = Heading {
        model: "a".to_owned(),
        version: "1".to_owned(),
        dataset: Dataset::Analysis,
        index: 3,
        span: Some((0, 3_600_000_000)),
        row_span: Some((0, 499)),
        rows: rows.len() as u64,
        closed_by: ClosedBy::Size,
        late: 0,
        rejected: 0,
        quarantined: 0,
        lanes_left_out: vec!["predictions/1".to_owned()],
        inputs: vec![input],
        epoch: 1,
        profile: "p".to_owned(),
        settings: "s".to_owned(),
    };
    heading.result(plan, &state.evaluate(plan), None)
}

/// Rows whose amounts have moved far away.
fn moved() -> Vec<Row> {
    let moved = |row: Row| Row { amount: row.amount.map(|amount| amount + 1e4), ..row };
    rows(2, 500).into_iter().map(moved).collect()
}

#[test]
fn the_schemas_are_current() {
    current::<WindowResult>("schemas/window-result.schema.json");
    current::<AlertEvent>("schemas/alert.schema.json");
}

#[test]
fn results_are_valid() {
    let schema = schema_of::<WindowResult>();
    for rows in [rows(2, 500), moved(), Vec::new()] {
        valid(&schema, &serde_json::to_value(result(&rows)).unwrap());
    }
    let mut wrong = serde_json::to_value(result(&moved())).unwrap();
    wrong["closed_by"] = json!("boredom");
    assert!(!validator_for(&schema).unwrap().is_valid(&wrong));
    wrong["closed_by"] = json!("size");
    wrong["figures"][0].as_object_mut().unwrap().remove("status");
    assert!(!validator_for(&schema).unwrap().is_valid(&wrong));
}

#[test]
fn alerts_are_valid() {
    let schema = schema_of::<AlertEvent>();
    let policy = Policy { drift: Level::Critical, ..Policy::default() };
    let mut watch = Watch::default();
    let result = result(&moved());
    let seen =
        Published { result: &result, segments: &[], muted_until: Some("2026-01-01T00:00:00Z") };
    let opened = watch.seal(&policy, &seen, false).pop().unwrap();
    valid(&schema, &serde_json::to_value(&opened).unwrap());
    assert!(watch.severity().is_some());
    let taken = watch.acknowledge(&opened.id, "on it", None).unwrap();
    valid(&schema, &serde_json::to_value(&taken).unwrap());
    let mut silence = Silence::default();
    let quiet = Quiet { after: 1, severity: Severity::Warning };
    assert!(silence.hear("a", "1", 0, None).is_none());
    let silent = silence.quiet("a", Some(&quiet), 1, None).unwrap();
    valid(&schema, &serde_json::to_value(&silent).unwrap());
    let mut wrong = serde_json::to_value(&opened).unwrap();
    wrong["severity"] = json!("dire");
    assert!(!validator_for(&schema).unwrap().is_valid(&wrong));
}

/// A schema that is written by hand: the paths in it are those of the example settings.
fn written(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_fault_of_the_data_wakes_somebody_only_beyond_chance() {
    let policy = Policy { performance: Level::Off, ..Policy::default() };
    // Reference amounts lie below 1e4; of 500 rows so many lie far beyond.
    for (beyond, wakes) in [(0, false), (1, false), (5, false), (30, true), (500, true)] {
        let outliers = |(at, row): (usize, Row)| Row {
            amount: if at < beyond { Some(1e9) } else { row.amount },
            ..row
        };
        let result =
            result(&rows(2, 500).into_iter().enumerate().map(outliers).collect::<Vec<_>>());
        let deciding = policy.deciding(&result).map(|(_, figure)| figure.metric.as_str());
        assert_eq!(deciding, wakes.then_some("out_of_range_rate"), "{beyond} of 500");
    }
}

#[test]
fn predictions_are_valid() {
    let schema = written("prediction-event.schema.json");
    let world = World::new(1);
    let event = world.prediction(&world.case(12)).to_json(Layout::Nested);
    let event: Value = serde_json::from_slice(&event).unwrap();
    valid(&schema, &event);
    for (key, value) in [
        ("id", Value::Null),
        ("timestamp", json!(true)),
        ("y_pred_proba", json!(1.5)),
        ("features", json!([1, 2])),
        ("model", json!("car-loan")),
    ] {
        let mut wrong = event.clone();
        wrong[key] = value;
        assert!(!validator_for(&schema).unwrap().is_valid(&wrong), "{key}");
    }
}

#[test]
fn ground_truth_is_valid() {
    let schema = written("ground-truth-event.schema.json");
    let world = World::new(1);
    let plan = OutcomePlan { withdrawn: 0.3, ..OutcomePlan::default() };
    let mut withdrawn = 0;
    for outcome in plan.outcomes(&world, 0..50) {
        let event: Value = serde_json::from_slice(&outcome.to_json()).unwrap();
        valid(&schema, &event);
        withdrawn += u32::from(event["outcome"]["repaid"].is_null());
        for (key, value) in [
            ("loan", json!({"id": null})),
            ("loan", json!("loan-1")),
            ("outcome", json!({})),
            ("outcome", json!({"repaid": [1]})),
            ("decided_at", json!(true)),
        ] {
            let mut wrong = event.clone();
            wrong[key] = value;
            assert!(!validator_for(&schema).unwrap().is_valid(&wrong), "{key}");
        }
    }
    assert!(withdrawn > 0);
}

#[test]
fn an_alert_speaks_of_the_figure_that_stands_for_its_window_to_its_end() {
    let policy = Policy { resolve_after: 1, ..Policy::default() };
    let mut watch = Watch::default();
    // While targets are missing, the weighed value decides, whatever the plain one says.
    let mut step = |window: u64, labelled: f64, weighed: f64| {
        let mut result = result(&moved());
        let of = |method, value: f64| Figure {
            kind: Kind::Realized,
            metric: Metric::RocAuc.into(),
            method: Some(method),
            column_name: None,
            value: Some(value),
            lower_threshold: Some(0.8),
            upper_threshold: None,
            sampling_error: Some(0.01),
            breach: Some(value < 0.8),
            ..result.figures[0].clone()
        };
        result.figures = vec![of(Method::Labelled, labelled), of(Method::PostStratified, weighed)];
        result.coverage = Some(0.6);
        result.window_index = window;
        watch.revise(&policy, &Published { result: &result, segments: &[], muted_until: None })
    };
    let opened = step(0, 0.9, 0.7).unwrap();
    assert_eq!((opened.event, opened.value), (Event::Opened, Some(0.7)));
    let resolved = step(1, 0.7, 0.9).unwrap();
    assert_eq!((resolved.event, resolved.value), (Event::Resolved, Some(0.9)));
    assert!(resolved.summary.contains("not below 0.8"), "{}", resolved.summary);
}
