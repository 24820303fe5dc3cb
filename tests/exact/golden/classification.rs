//! Cells, rankings and their sampling errors, estimated and realized, against `NannyML` and scikit-learn.

use serde_json::Value;
use vigie::stats::{
    self, Basis, Calibrator, Cell, Cells, Normalization, Range, SamplingError, ScoreBin, Threshold,
    Undefined, ValueNormalization,
};

use super::agreement::{Agreement, draws, golden, present, size};

/// A row: score, probability of the positive class, whether it is predicted positive, and its target.
#[derive(Clone, Copy)]
struct Row {
    score: f64,
    probability: f64,
    predicted: bool,
    target: bool,
}

/// What a row adds as a positive; realized it is 0 or 1.
fn weight(row: &Row, reading: Basis) -> f64 {
    match reading {
        Basis::Estimated => row.probability,
        Basis::Realized => f64::from(u8::from(row.target)),
    }
}

fn cells(rows: &[Row], reading: Basis) -> Cells {
    let mut cells = Cells::default();
    for row in rows {
        let positive = weight(row, reading);
        if row.predicted {
            cells.true_positive += positive;
            cells.false_positive += 1.0 - positive;
        } else {
            cells.false_negative += positive;
            cells.true_negative += 1.0 - positive;
        }
    }
    cells
}

fn bins(rows: &[Row], reading: Basis) -> Vec<ScoreBin> {
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| a.score.total_cmp(&b.score));
    sorted
        .chunk_by(|a, b| a.score == b.score)
        .map(|tied| {
            let positives = tied.iter().map(|row| weight(row, reading)).sum::<f64>();
            ScoreBin { positives, negatives: tied.len() as f64 - positives }
        })
        .collect()
}

fn worth(binary: &Value) -> [[f64; 2]; 2] {
    let row = |i: usize| {
        let row = present(&binary["business_value_matrix"][i]);
        [row[0], row[1]]
    };
    [row(0), row(1)]
}

const CELLS: [(&str, Cell); 4] = [
    ("true_positive", Cell::TruePositive),
    ("false_positive", Cell::FalsePositive),
    ("false_negative", Cell::FalseNegative),
    ("true_negative", Cell::TrueNegative),
];

fn figure(
    name: &str,
    rows: &[Row],
    reading: Basis,
    worth: [[f64; 2]; 2],
) -> Result<f64, Undefined> {
    let counted = cells(rows, reading);
    match name {
        "roc_auc" => stats::roc_auc(bins(rows, reading)),
        "average_precision" => stats::average_precision(bins(rows, reading)),
        "f1" => counted.f1(reading),
        "precision" => counted.precision(reading),
        "recall" => counted.recall(reading),
        "specificity" => counted.specificity(reading),
        "accuracy" => counted.accuracy(),
        "business_value" => counted.business_value(worth, ValueNormalization::None),
        cell => {
            let (_, cell) = CELLS.into_iter().find(|(name, _)| *name == cell).unwrap();
            counted.normalized(cell, Normalization::None)
        }
    }
}

fn error(name: &str, reference: &[Row], worth: [[f64; 2]; 2]) -> SamplingError {
    let counted = cells(reference, Basis::Realized);
    let (name, by) = name.split_once('|').unwrap_or((name, "none"));
    let error = match name {
        "roc_auc" => SamplingError::roc_auc(bins(reference, Basis::Realized)),
        "f1" => SamplingError::f1(&counted),
        "precision" => SamplingError::precision(&counted),
        "recall" => SamplingError::recall(&counted),
        "specificity" => SamplingError::specificity(&counted),
        "accuracy" => SamplingError::accuracy(&counted),
        "business_value" => {
            let by = match by {
                "none" => ValueNormalization::None,
                _ => ValueNormalization::PerPrediction,
            };
            SamplingError::business_value(&counted, worth, by)
        }
        cell => {
            let (_, cell) = CELLS.into_iter().find(|(name, _)| *name == cell).unwrap();
            SamplingError::cell(&counted, cell, normalization(by))
        }
    };
    error.unwrap()
}

fn normalization(name: &str) -> Normalization {
    serde_json::from_value(Value::from(name)).unwrap()
}

fn range(name: &str) -> Range {
    match name {
        "business_value" => Range::ANY,
        cell if CELLS.iter().any(|(name, _)| *name == cell) => Range::POSITIVE,
        _ => Range::UNIT,
    }
}

/// The rows of reference and analysis; probabilities calibrated, or the scores themselves.
fn rows(binary: &Value, calibrated: bool) -> Vec<Row> {
    let column = |name: &str| {
        [present(&binary["reference"][name]), present(&binary["analysis"][name])].concat()
    };
    let (scores, predictions, targets) = (column("p"), column("y_pred"), column("y_true"));
    let knots = &binary["isotonic"];
    let calibrator = Calibrator::from_knots(&present(&knots["x"]), &present(&knots["y"])).unwrap();
    (0..scores.len())
        .map(|i| Row {
            score: scores[i],
            probability: if calibrated { calibrator.calibrate(scores[i]) } else { scores[i] },
            predicted: predictions[i] == 1.0,
            target: targets[i] == 1.0,
        })
        .collect()
}

/// How near the peer's estimate can be: it rounds the sums under its curves to five decimals.
fn tolerance(name: &str) -> f64 {
    if matches!(name, "roc_auc" | "average_precision") { 1e-6 } else { 1e-12 }
}

#[test]
fn estimated_and_realized_performance_is_that_of_the_peer() {
    let binary = &golden("vectors.json")["binary"];
    let worth = worth(binary);
    let reference_windows = binary["reference"]["p"].as_array().unwrap().len() / 100;
    for (key, calibrated) in [("cbpe", true), ("cbpe_uncalibrated", false)] {
        let rows = rows(binary, calibrated);
        let reference = &rows[..100 * reference_windows];
        for (name, theirs) in binary[key].as_object().unwrap() {
            let list = |leaf: &str| present(&theirs[leaf]);
            let mut estimates = Agreement::within(tolerance(name), format!("NannyML {key} {name}"));
            let mut realized = Agreement::within(1e-12, format!("NannyML realized {name}"));
            let mut limits = Agreement::within(1e-12, format!("NannyML {name} thresholds"));
            let mut bands =
                Agreement::within(tolerance(name), format!("NannyML {key} {name} bands"));
            let mut measured = Vec::new();
            for (i, window) in rows.chunks(100).enumerate() {
                let value = figure(name, window, Basis::Estimated, worth).unwrap();
                let outcome = figure(name, window, Basis::Realized, worth).unwrap();
                measured.push(outcome);
                realized.check(outcome, list("realized")[i]);
                realized.check(outcome, present(&binary["realized"][name]["value"])[i]);
                if name == "average_precision" && calibrated {
                    // Register B48: calibrated scores of a plateau are told apart by their raw scores here.
                    assert!((value - list("value")[i]).abs() < 1e-6);
                }
                estimates.check(value, list("value")[i]);
                if theirs.get("sampling_error").is_some() {
                    let error = error(name, reference, worth).for_rows(100).unwrap();
                    Agreement::within(1e-12, format!("NannyML {name} sampling error"))
                        .check(error, list("sampling_error")[i]);
                    let (lower, upper) = stats::confidence(value, error, range(name));
                    bands.check(lower, list("lower_confidence_boundary")[i]);
                    bands.check(upper, list("upper_confidence_boundary")[i]);
                }
            }
            let found = Threshold::THREE_SIGMA.limits(&measured[..reference_windows], range(name));
            limits.check_optional(found.lower, theirs["lower_threshold"][0].as_f64());
            limits.check_optional(found.upper, theirs["upper_threshold"][0].as_f64());
        }
    }
}

#[test]
fn normalized_cells_are_those_of_the_peer() {
    let binary = &golden("vectors.json")["binary"];
    let rows = rows(binary, true);
    for by in ["all", "true", "pred"] {
        let mut agreement = Agreement::within(1e-12, format!("NannyML cells by {by}"));
        for (name, cell) in CELLS {
            let theirs = present(&binary[&format!("cbpe_cells_{by}")][name]["value"]);
            for (window, theirs) in rows.chunks(100).zip(theirs) {
                let counted = cells(window, Basis::Estimated);
                agreement.check(counted.normalized(cell, normalization(by)).unwrap(), theirs);
            }
        }
    }
}

#[test]
fn sampling_errors_are_those_of_the_peer() {
    let binary = &golden("vectors.json")["binary"];
    let rows = rows(binary, false);
    let reference = &rows[..binary["reference"]["p"].as_array().unwrap().len()];
    let mut agreement = Agreement::within(1e-12, "NannyML sampling errors");
    for (name, theirs) in binary["sampling_errors_for_200_rows"].as_object().unwrap() {
        let ours = error(name, reference, worth(binary)).for_rows(200).unwrap();
        agreement.check(ours, theirs.as_f64().unwrap());
    }
}

#[test]
fn expected_rankings_are_those_of_weighted_rows() {
    // Without the peer's rounding, and with tied scores as one group (register B48).
    let binary = &golden("vectors.json")["binary"];
    let windows = &golden("independent.json")["windows_of_vectors"];
    let rows = rows(binary, true);
    for name in ["roc_auc", "average_precision"] {
        let mut agreement = Agreement::within(1e-12, format!("scikit-learn expected {name}"));
        let theirs = present(&windows[&format!("expected_{name}")]);
        for (window, theirs) in rows.chunks(100).zip(theirs) {
            let ours = figure(name, window, Basis::Estimated, [[0.0; 2]; 2]).unwrap();
            agreement.check(ours, theirs);
        }
    }
}

#[test]
fn tied_rankings_and_their_errors_are_those_of_scikit_learn() {
    let independent = golden("independent.json");
    let mut rankings = Agreement::within(1e-12, "scikit-learn rankings with ties");
    let mut errors = Agreement::within(1e-12, "roc_auc sampling error (B17, B18)");
    // Ours is from 50 draws, whose deviation has a relative error of a tenth; theirs from 4000.
    let mut bootstrap = Agreement::within(0.3, "average_precision sampling error (B21)");
    for case in independent["rankings"].as_array().unwrap() {
        let n = size(&case["n"]);
        let seed = |i: usize| case["seeds"][i].as_u64().unwrap();
        let shape = case["shape"].as_str().unwrap();
        let ps = draws(seed(1), n, "uniform");
        let outcomes = draws(seed(2), n, "uniform");
        let rows: Vec<Row> = draws(seed(0), n, shape)
            .into_iter()
            .zip(ps.into_iter().zip(outcomes))
            .map(|(score, (probability, outcome))| {
                let score = score + probability;
                let coarse = shape == "coarse";
                let score = if coarse { (score * 8.0).floor() / 8.0 } else { score };
                Row { score, probability, predicted: false, target: outcome < probability }
            })
            .collect();
        let theirs = |name: &str| case[name].as_f64().unwrap();
        for (prefix, reading) in [("", Basis::Realized), ("expected_", Basis::Estimated)] {
            for name in ["roc_auc", "average_precision"] {
                let ours = figure(name, &rows, reading, [[0.0; 2]; 2]).unwrap();
                rankings.check(ours, theirs(&format!("{prefix}{name}")));
            }
        }
        let counted = bins(&rows, Basis::Realized);
        let ours = SamplingError::roc_auc(counted.iter().copied()).unwrap();
        errors.check(ours.for_rows(100).unwrap(), theirs("roc_auc_error_for_100_rows"));
        let ours = SamplingError::average_precision(counted).unwrap();
        bootstrap
            .check(ours.for_rows(100).unwrap(), theirs("average_precision_error_for_100_rows"));
    }
}
