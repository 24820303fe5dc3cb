//! The boards and the rules over a running demo: every query of every board is asked of a real Prometheus, and the alert
//! of the rules arrives through a real Alertmanager.

use std::fs;
use std::path::Path;

use serde_json::Value;
use vigie::output::prometheus::FAMILIES;
use vigie::telemetry::MEASURES;

use crate::alertmanager::{alertmanager, listening};
use crate::leash::Leash;
use crate::patience::{self, PATIENCE};
use crate::prometheus::Prometheus;
use crate::tools::{program, repository};

/// What a panel says of itself that is empty on a good day.
const NEEDS_A_FAULT: &str = "Empty as long as nothing is wrong";

/// A query of a board.
struct Query {
    /// Board, panel and legend.
    place: String,
    expression: String,
    needs_a_fault: bool,
}

/// The queries of a board, as Grafana would ask them of the demo.
fn queries(name: &str) -> Vec<Query> {
    let board = fs::read_to_string(repository("deploy/grafana").join(name)).unwrap();
    let board: Value = serde_json::from_str(&board).unwrap();
    let all = if name == "model.json" { "car-loan" } else { ".*" };
    let asked = |expression: &str| {
        [
            ("$__rate_interval", "5s"),
            ("$model", all),
            ("$version", "1"),
            ("$segment", "all"),
            ("$metric", "roc_auc"),
            ("$instance", ".*"),
        ]
        .iter()
        .fold(expression.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let mut found = Vec::new();
    for panel in board["panels"].as_array().unwrap() {
        let needs_a_fault =
            panel["description"].as_str().is_some_and(|text| text.contains(NEEDS_A_FAULT));
        for target in panel["targets"].as_array().into_iter().flatten() {
            let place = format!("{name}: {}: {}", panel["title"], target["legendFormat"]);
            let expression = asked(target["expr"].as_str().unwrap());
            found.push(Query { place, expression, needs_a_fault });
        }
    }
    for variable in board["templating"]["list"].as_array().unwrap() {
        let Some(query) = variable["query"]["query"].as_str() else { continue };
        // label_values(series, label)
        let inside = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let (series, label) = inside.unwrap().rsplit_once(", ").unwrap();
        let place = format!("{name}: variable {}", variable["name"]);
        let expression = format!("count by ({label}) ({})", asked(series));
        found.push(Query { place, expression, needs_a_fault: false });
    }
    found
}

const BOARDS: [&str; 3] = ["fleet.json", "model.json", "service.json"];

#[test]
fn boards_ask_for_series_that_there_are() {
    let mut known: Vec<String> = FAMILIES.iter().map(|family| family.name.to_owned()).collect();
    for measure in MEASURES {
        known.push(measure.name.to_owned());
        if measure.kind == "histogram" {
            known.extend(["bucket", "sum", "count"].map(|part| format!("{}_{part}", measure.name)));
        }
    }
    for query in BOARDS.iter().flat_map(|name| queries(name)) {
        let words =
            query.expression.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        for word in words.filter(|word| word.starts_with("vigie_")) {
            assert!(known.iter().any(|name| name == word), "{}: no series {word}", query.place);
        }
        assert!(!query.expression.contains('$'), "{}: {}", query.place, query.expression);
    }
}

#[test]
fn every_query_finds_what_the_demo_shows_and_its_alert_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let (pager, told) = listening();
    let Some((alertmanager, _manager)) = alertmanager(folder.path(), &pager) else {
        return;
    };
    let there = folder.path().join("demo").display().to_string();
    let demo = Leash::spawn(
        program(),
        &[
            "demo",
            "--listen",
            "127.0.0.1:0",
            "--rate",
            "150",
            "--window",
            "300",
            "--folder",
            &there,
        ],
    );
    let line = demo.line_with("/metrics", PATIENCE).unwrap();
    let (_, address) = line.split_once("http://").unwrap();
    let address = address.trim_end_matches("/metrics");
    let rules = ["deploy/alerts.rules.yml", "deploy/recording.rules.yml"].map(repository);
    let rules: Vec<&Path> = rules.iter().map(AsRef::as_ref).collect();
    let Some(prometheus) = Prometheus::watching(&[address], &rules, Some(&alertmanager)) else {
        return;
    };
    // Nine tenths of a window's targets have come: some windows after the beginning.
    let realized = "vigie_performance{kind='realized', metric='roc_auc'}";
    let found = || Some(()).filter(|()| !prometheus.query(realized).is_empty());
    let found = (0..3).find_map(|_| patience::until(found));
    assert!(found.is_some(), "{}", demo.said());
    let mut asked = 0;
    for query in BOARDS.iter().flat_map(|name| queries(name)) {
        let found = || Some(()).filter(|()| !prometheus.query(&query.expression).is_empty());
        asked += 1;
        if query.needs_a_fault {
            // It can be asked; that is all that a good day shows.
            found();
        } else if patience::until(found).is_none() {
            panic!("{}: nothing found by {}", query.place, query.expression);
        }
    }
    assert!(asked > 60, "{asked}");
    for recorded in ["model:vigie_drift_of_threshold:max", "model:vigie_performance_margin:errors"]
    {
        prometheus.eventually(recorded);
    }

    // The world drifts, the model's policy opens an alert, and whoever has the pager hears of it.
    let alert = loop {
        let message = told.recv_timeout(PATIENCE).expect("an alert arrives");
        let alerts = message["alerts"].as_array().unwrap().clone();
        let ours = |alert: &&Value| alert["labels"]["alertname"] == "VigieAlertOpen";
        if let Some(alert) = alerts.iter().find(ours) {
            break alert.clone();
        }
    };
    assert_eq!(alert["status"], "firing");
    assert_eq!(alert["labels"]["model"], "car-loan");
    assert_eq!(alert["labels"]["severity"], "critical");
    assert_eq!(alert["annotations"]["summary"], "car-loan 1 is not well");
}
