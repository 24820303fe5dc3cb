//! What `vigie compare` and `vigie check --within` say of files: words, exit codes, results.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::site;

/// Numbers that look random and are always the same, in `[0, 1)`.
fn uniform(seed: u64, index: u64) -> f64 {
    let mut z = (seed << 32).wrapping_add(index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A row as both models score it: the challenger sees `z` too. From `turn` on `z` works the other way.
fn row(at: u64, turn: u64) -> Value {
    let (x, z) = (uniform(1, at) * 4.0 - 2.0, uniform(2, at) * 4.0 - 2.0);
    let sigmoid = |raw: f64| (1e4 / (1.0 + libm::exp(-raw))).round() / 1e4;
    let truth = sigmoid(x + if at < turn { z } else { -z });
    let (first, second) = (sigmoid(x), sigmoid(x + 0.7 * z));
    let time = format!("2026-01-{:02}T{:02}:00:00Z", 1 + at / 400, at % 24);
    json!({
        "id": format!("r{at}"), "ts": time, "x": x, "z": z,
        "score": first, "prediction": u8::from(first >= 0.5),
        "score2": second, "prediction2": u8::from(second >= 0.5),
        "target": u8::from(uniform(3, at) < truth),
    })
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, rows: &[Value]| {
        let lines: Vec<String> = rows.iter().map(|row| row.to_string() + "\n").collect();
        fs::write(folder.path().join(name), lines.concat()).unwrap();
    };
    let rows = |from: u64, to: u64| (from..to).map(|at| row(at, u64::MAX)).collect::<Vec<_>>();
    let both = rows(2_000, 3_500);
    write("reference.jsonl", &rows(0, 2_000));
    write("both.jsonl", &both);
    write("few.jsonl", &both[..60]);
    let versions = |rows: &[Value]| -> Vec<Value> {
        let both = rows.iter().flat_map(|row| {
            let of = |version: u8, score: &str, prediction: &str| {
                json!({
                    "id": row["id"], "ts": row["ts"], "x": row["x"], "z": row["z"],
                    "version": version, "score": row[score], "prediction": row[prediction],
                    "target": row["target"],
                })
            };
            [of(1, "score", "prediction"), of(2, "score2", "prediction2")]
        });
        both.collect()
    };
    write("versions.jsonl", &versions(&both));
    write("reference-of-versions.jsonl", &versions(&rows(0, 2_000)));
    let turned: Vec<Value> = (0..4_000).map(|at| row(at, 2_000)).collect();
    write("training.jsonl", &turned);
    folder
}

/// Runs it; it ends by this code, and says these words.
#[track_caller]
fn says(folder: &TempDir, arguments: &[&str], code: i32, words: &[&str]) -> String {
    let (found, said) = site::run(folder.path(), arguments);
    assert_eq!(found, Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    said
}

const COLUMNS: &str = "probability=score2,prediction=prediction2";
const OTHERS: &str = "probability=score,prediction=prediction";

#[test]
fn the_better_model_is_found_and_passes_the_gate() {
    let folder = folder();
    let both = ["compare", "both.jsonl", "--reference", "reference.jsonl"];
    let of = |more: &[&'static str]| [&both, more].concat();
    let better = of(&["--champion-columns", OTHERS, "--challenger-columns", COLUMNS]);
    let gate = ["--gate", "better", "--output", "found.jsonl"];
    let words = ["BETTER  realized roc_auc", "1,500 predictions that both scored", "gate      YES"];
    says(&folder, &[better.as_slice(), &gate].concat(), 0, &words);
    let found = fs::read_to_string(folder.path().join("found.jsonl")).unwrap();
    let rows: Vec<Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let difference = rows
        .iter()
        .find(|row| {
            row["metric"] == "challenger_minus_champion"
                && row["of"] == "roc_auc"
                && row["method"] == "labelled"
        })
        .unwrap();
    let value = |key: &str| difference[key].as_f64().unwrap();
    assert!(value("value") > 0.05 && value("p_value") < 1e-4, "{difference}");
    assert_eq!(difference["breach"], false);
    assert_eq!(difference["version"], "challenger");

    let worse = of(&["--champion-columns", COLUMNS, "--challenger-columns", OTHERS]);
    let gate = ["--gate", "no-worse", "--margin", "0.01", "--metric", "accuracy,roc_auc"];
    let words = ["WORSE  realized accuracy", "gate      NO"];
    says(&folder, &[worse.as_slice(), &gate].concat(), 1, &words);
}

#[test]
fn versions_in_one_file_are_told_by_a_column() {
    let folder = folder();
    let words = ["model 2  BETTER  estimated accuracy", "1,500 predictions that both scored"];
    let arguments = [
        "compare",
        "versions.jsonl",
        "--reference",
        "reference-of-versions.jsonl",
        "--version-column",
        "version",
        "--champion",
        "1",
        "--challenger",
        "2",
        "--by",
        "estimated",
        "--metric",
        "accuracy",
    ];
    says(&folder, &arguments, 0, &words);
    let split = [&arguments[..], &["--traffic", "split"]].concat();
    says(&folder, &split, 0, &["their inputs cannot be told apart"]);
}

#[test]
fn a_gate_says_when_it_cannot_say() {
    let folder = folder();
    let arguments = [
        "compare",
        "few.jsonl",
        "--reference",
        "reference.jsonl",
        "--champion-columns",
        COLUMNS,
        "--challenger-columns",
        OTHERS,
        "--gate",
        "no-worse",
        "--metric",
        "recall",
        "--by",
        "realized",
    ];
    says(&folder, &arguments, 3, &["gate      CANNOT SAY"]);
    let one_file = ["compare", "few.jsonl", "--reference", "reference.jsonl"];
    says(&folder, &one_file, 2, &["is one file", "--challenger-columns"]);
    let without = ["compare", "few.jsonl", "both.jsonl"];
    says(&folder, &without, 2, &["a reference is needed", "--reference"]);
    let nothing = ["compare"];
    says(&folder, &nothing, 2, &["what is to be compared"]);
}

#[test]
fn results_of_two_versions_are_compared() {
    let folder = folder();
    let reference = ["--champion-columns", OTHERS, "--challenger-columns", COLUMNS];
    let files = [
        &["compare", "both.jsonl", "--reference", "reference.jsonl", "--output", "r.jsonl"],
        &reference[..],
    ];
    says(&folder, &files.concat(), 0, &[]);
    // Figures of a comparison have no errors of their own, so there is nothing to compare them by.
    let results = ["compare", "--results", "r.jsonl"];
    says(&folder, &results, 3, &["CANNOT JUDGE"]);
}

#[test]
fn rows_before_the_turn_are_no_more_worth_training_on() {
    let folder = folder();
    let words = ["TRAIN ON ROWS SINCE 2026-01-06", "2 of 4 parts", "concept moved"];
    let arguments = ["check", "--within", "training.jsonl", "--output", "parts.jsonl"];
    says(&folder, &arguments, 0, &words);
    let parts = fs::read_to_string(folder.path().join("parts.jsonl")).unwrap();
    let breaches: Vec<bool> = parts
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|row| row["metric"] == "explained_share")
        .map(|row| row["breach"].as_bool().unwrap())
        .collect();
    assert_eq!(breaches, [true, true, false]);
    says(&folder, &["check", "--within", "few.jsonl"], 2, &["too few"]);
}
