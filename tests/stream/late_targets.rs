//! `vigie check` with targets in a file of their own, held against the same file with the targets in it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use vigie::simulator::{Layout, World};

use crate::tools::program;

const ROWS: u64 = 2_000;

const SETTINGS: &str = r#"
[model.loans]
problem = "binary"
columns = { id = "id", timestamp = "timestamp", probability = "y_pred_proba", prediction = "y_pred", target = "repaid" }
window = { size = 500 }
"#;

fn world() -> World {
    World::new(5)
}

/// A folder with settings and a reference.
fn folder(settings: &str) -> TempDir {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("vigie.toml"), settings).unwrap();
    let before = world().reference(4_000);
    let mut rows = Vec::new();
    for case in before.cases(0..4_000) {
        let target = ("repaid", case.repaid);
        before.prediction(&case).write_json_with(target, Layout::Flat, &mut rows);
        rows.push(b'\n');
    }
    fs::write(folder.path().join("reference.jsonl"), rows).unwrap();
    folder
}

/// Predictions as rows of a file, each changed by `with`.
fn write_rows(folder: &Path, name: &str, with: impl Fn(u64, bool, &mut Value)) {
    let world = world();
    let mut text = String::new();
    for case in world.cases(0..ROWS) {
        let event = world.prediction(&case).to_json(Layout::Flat);
        let mut row: Value = serde_json::from_slice(&event).unwrap();
        with(case.event, case.repaid, &mut row);
        writeln!(text, "{row}").unwrap();
    }
    fs::write(folder.join(name), text).unwrap();
}

/// What `vigie check` writes of the analysis, and what it says.
fn checked(folder: &Path, rows: &str, targets: &[&str]) -> (Vec<Value>, String) {
    let mut command = Command::new(program());
    command.current_dir(folder).args(["check", "reference.jsonl", rows]);
    command.args(["--config", "vigie.toml", "--output", "out.jsonl"]);
    for targets in targets {
        command.args(["--targets", targets]);
    }
    let done = command.output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(matches!(done.status.code(), Some(0 | 1)), "{said}");
    let lines = fs::read_to_string(folder.join("out.jsonl")).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap());
    (lines.filter(|line: &Value| line["dataset"] == "analysis").collect(), said)
}

/// Whether a row gets a target in the end.
fn labelled(event: u64) -> bool {
    event.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56 < 150
}

#[test]
fn targets_by_id_in_any_order_are_those_of_the_rows() {
    let folder = folder(SETTINGS);
    let at = folder.path();
    write_rows(at, "with.jsonl", |event, repaid, row| {
        row["id"] = json!(event);
        row["repaid"] = if labelled(event) { json!(u8::from(repaid)) } else { Value::Null };
    });
    write_rows(at, "rows.jsonl", |event, _, row| row["id"] = json!(event));
    let (wanted, _) = checked(at, "with.jsonl", &[]);
    let coverage = wanted[0]["coverage"].as_f64().unwrap();
    assert!((0.5..0.7).contains(&coverage), "{coverage}");
    // The last row first; some twice, some wrong at first, some taken back. Ids as whole numbers, floats and texts.
    let told = |id: &dyn Fn(u64) -> Value| {
        let mut rows = Vec::new();
        for case in world().cases(0..ROWS) {
            let (event, right) = (case.event, json!(u8::from(case.repaid)));
            let mut say = |target: &Value| {
                rows.push(json!({ "id": id(event), "repaid": target }));
            };
            let wrong = json!(u8::from(!case.repaid));
            if labelled(event) {
                if event % 11 == 0 {
                    say(&wrong);
                }
                say(&right);
                if event % 7 == 0 {
                    say(&right);
                }
            } else if event % 5 == 0 {
                say(&right);
                say(&Value::Null);
            }
        }
        rows
    };
    let forms: [&dyn Fn(u64) -> Value; 3] =
        [&|id| json!(id), &|id| json!(id as f64), &|id| json!(id.to_string())];
    for (number, form) in forms.into_iter().enumerate() {
        // What is said of one id keeps its order.
        let mut rows = told(form);
        rows.sort_by_key(|row| Reverse(row["id"].to_string()));
        let mut lines = String::new();
        for row in rows {
            writeln!(lines, "{row}").unwrap();
        }
        fs::write(at.join("targets.jsonl"), lines).unwrap();
        let (found, said) = checked(at, "rows.jsonl", &["targets.jsonl"]);
        assert_eq!(found, wanted, "ids in form {number}");
        assert!(said.contains("stand there again"), "{said}");
        assert!(said.contains("correct one before"), "{said}");
        assert!(said.contains("ids without a target in the end"), "{said}");
    }
}

#[test]
fn what_is_decided_last_counts_and_the_key_may_be_another_field() {
    let folder = folder(&format!(
        "{SETTINGS}ground_truth = {{ key = [\"loan.number\", \"loan.branch\"], matches = [\"number\", \"branch\"], target = \
         \"outcome\", timestamp = \"decided_at\" }}\n"
    ));
    let at = folder.path();
    let key = |event: u64| (event / 10, format!("b{}", event % 10));
    let with_key = |event: u64, row: &mut Value| {
        let (number, branch) = key(event);
        row["number"] = json!(number);
        row["branch"] = json!(branch);
    };
    write_rows(at, "rows.jsonl", |event, _, row| with_key(event, row));
    write_rows(at, "with.jsonl", |event, repaid, row| {
        with_key(event, row);
        row["repaid"] = if labelled(event) { json!(u8::from(repaid)) } else { Value::Null };
    });
    let mut lines = String::new();
    for case in world().cases(0..ROWS).filter(|case| labelled(case.event)) {
        let (number, branch) = key(case.event);
        for (right, day) in [(true, 20), (false, 3), (false, 19)] {
            let told = json!({
                "loan": { "number": number, "branch": branch },
                "outcome": u8::from(case.repaid == right),
                "decided_at": format!("2026-03-{day:02}"),
            });
            writeln!(lines, "{told}").unwrap();
        }
    }
    writeln!(lines, "{}", json!({ "loan": { "number": 1, "branch": "none" }, "outcome": 1 }))
        .unwrap();
    fs::write(at.join("targets.jsonl"), lines).unwrap();
    let (found, said) = checked(at, "rows.jsonl", &["targets.jsonl"]);
    let (wanted, _) = checked(at, "with.jsonl", &[]);
    assert_eq!(found, wanted);
    assert!(said.contains("were decided before the one that counts"), "{said}");
    assert!(said.contains("1 ids of no prediction"), "{said}");
}

#[test]
fn a_prediction_that_comes_again_has_no_target_and_is_left_out_of_coverage() {
    let folder = folder(SETTINGS);
    let at = folder.path();
    // Every tenth has the id of the one before.
    let id = |event: u64| if event % 10 == 9 { event - 1 } else { event };
    write_rows(at, "rows.jsonl", |event, _, row| row["id"] = json!(id(event)));
    let mut lines = "id,repaid\n".to_owned();
    for case in world().cases(0..ROWS) {
        if id(case.event) == case.event {
            writeln!(lines, "{},{}", case.event, u8::from(case.repaid)).unwrap();
        }
    }
    fs::write(at.join("targets.csv"), lines).unwrap();
    let (found, said) = checked(at, "rows.jsonl", &["targets.csv"]);
    for line in &found {
        assert_eq!(line["coverage"], 1.0);
        assert_eq!((&line["target_rows"], &line["repeated_rows"]), (&json!(450), &json!(50)));
        assert_eq!(line["window_rows"], 500);
    }
    assert!(said.contains("200 predictions have the id of an earlier one"), "{said}");
}

#[test]
fn with_few_targets_nothing_is_judged_and_every_figure_says_why() {
    let folder = folder(SETTINGS);
    let at = folder.path();
    write_rows(at, "rows.jsonl", |_, _, _| {});
    // None in the first window, few in the second, of high scores alone in the third, all in the fourth.
    let world = world();
    let mut lines = "id,repaid\n".to_owned();
    for case in world.cases(0..ROWS) {
        let says = match case.event / 500 {
            0 => false,
            1 => case.event % 50 == 0,
            2 => world.model().score(&case.seen) > 0.5,
            _ => true,
        };
        if says {
            writeln!(lines, "{},{}", world.id(case.event), u8::from(case.repaid)).unwrap();
        }
    }
    fs::write(at.join("targets.csv"), lines).unwrap();
    let (found, said) = checked(at, "rows.jsonl", &["targets.csv"]);
    let statuses = |window: u64, kind: &str, method: &str| -> Vec<&str> {
        let of = found.iter().filter(|line| {
            line["window_index"] == window && line["kind"] == kind && line["method"] == method
        });
        let mut statuses: Vec<&str> = of.map(|line| line["status"].as_str().unwrap()).collect();
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    };
    for kind in ["realized", "diagnosis"] {
        assert_eq!(statuses(0, kind, "post_stratified"), ["no_targets"]);
        assert_eq!(statuses(2, kind, "post_stratified"), ["stratum_without_targets"]);
        assert_eq!(statuses(3, kind, "post_stratified"), ["ok"]);
    }
    assert_eq!(statuses(0, "realized", "labelled"), ["no_targets"]);
    assert!(statuses(1, "realized", "labelled").contains(&"low_coverage"));
    assert_eq!(statuses(3, "realized", "labelled"), ["ok"]);
    for line in &found {
        let kind = line["kind"].as_str().unwrap();
        let judged = line["breach"].is_boolean();
        assert!(!judged || kind != "diagnosis", "it has nothing to be held against: {line}");
        if kind == "estimated" || kind == "drift" {
            assert!(judged, "rows without a target count for all else: {line}");
        }
        if line["window_index"] == 3 && line["metric"] == "estimated_minus_realized" {
            let of = |kind: &str| {
                let of = |other: &&Value| {
                    other["window_index"] == 3
                        && other["kind"] == kind
                        && other["metric"] == line["of"]
                        && other["method"] != "labelled"
                };
                found.iter().find(of).unwrap()["value"].as_f64().unwrap()
            };
            assert_eq!(line["value"].as_f64(), Some(of("estimated") - of("realized")));
            assert!(line["sampling_error"].as_f64().unwrap() > 0.0);
        }
    }
    let coverages: BTreeMap<u64, f64> = found
        .iter()
        .map(|line| (line["window_index"].as_u64().unwrap(), line["coverage"].as_f64().unwrap()))
        .collect();
    assert_eq!(coverages[&0], 0.0);
    assert_eq!(coverages[&3], 1.0);
    assert!(said.contains("labels") && said.contains("of predicted -, +"), "{said}");
}
