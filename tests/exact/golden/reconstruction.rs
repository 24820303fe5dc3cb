//! Reconstruction error of windows and of the reference's own windows, and eigenvalues, against `NannyML` and numpy.

use serde_json::Value;
use vigie::metric::Metric;
use vigie::stats::symmetric_eigen;

use super::agreement::{Agreement, golden, numbers, size};
use crate::features::{Feature, fold, length, plan, profile};

/// The columns of a case, by name.
pub(super) fn features(case: &Value) -> Vec<(String, Feature)> {
    let columns = case["columns"].as_object().unwrap();
    columns.iter().map(|(name, column)| (name.clone(), feature(column))).collect()
}

fn feature(column: &Value) -> Feature {
    let values = column.as_array().unwrap();
    if values.iter().any(Value::is_string) {
        Feature::Labels(values.iter().map(|label| label.as_str().map(str::to_owned)).collect())
    } else {
        Feature::Numbers(numbers(column))
    }
}

#[test]
fn reconstruction_errors_are_those_of_the_peer() {
    for (name, case) in golden("multivariate.json")["reconstruction"].as_object().unwrap() {
        let features = features(case);
        let (reference, window) = (size(&case["reference_rows"]), size(&case["window_rows"]));
        let plan = plan(
            profile(&features, Metric::ReconstructionError, reference, window),
            Metric::ReconstructionError,
        );
        let found = plan.profile().reconstruction.as_ref().unwrap();
        assert_eq!(found.residual.as_ref().unwrap().components, size(&case["components"]));
        let mut agreement = Agreement::within(1e-12, format!("NannyML reconstruction of {name}"));
        let starts = (0..length(&features)).step_by(window);
        for (index, from) in starts.enumerate() {
            let reading = if from < reference {
                plan.profile().windows[index].reading.clone()
            } else {
                fold(&plan, &features, from, from + window).evaluate(&plan)
            };
            let figures = plan.figures(&reading, None);
            let figure = figures.iter().find(|f| f.metric == Metric::ReconstructionError).unwrap();
            for (field, ours) in [
                ("value", figure.value),
                ("sampling_error", figure.sampling_error),
                ("upper_confidence_boundary", figure.upper_confidence),
                ("lower_confidence_boundary", figure.lower_confidence),
                ("upper_threshold", figure.upper_threshold),
                ("lower_threshold", figure.lower_threshold),
            ] {
                agreement.check_optional(ours, case["result"][field][index].as_f64());
            }
        }
    }
}

#[test]
fn eigenvalues_are_those_of_numpy() {
    let mut agreement = Agreement::within(1e-13, "numpy.linalg.eigvalsh");
    for case in golden("multivariate.json")["eigen"].as_array().unwrap() {
        let rows = case["matrix"].as_array().unwrap();
        let matrix: Vec<Vec<f64>> =
            rows.iter().map(|row| numbers(row).into_iter().flatten().collect()).collect();
        let found = symmetric_eigen(&matrix);
        for (ours, theirs) in found.values.iter().zip(numbers(&case["eigenvalues"])) {
            agreement.check(*ours, theirs.unwrap());
        }
    }
}
