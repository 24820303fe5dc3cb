//! Summary statistics' values of plain slices and their sampling errors, against `NannyML` and scipy.

use serde_json::Value;
use vigie::stats::{self, SamplingError};

use super::agreement::{Agreement, golden, numbers, present, size};

/// The values that are there.
fn values(rows: &[Option<f64>]) -> Vec<f64> {
    rows.iter().copied().flatten().collect()
}

fn figure(name: &str, rows: &[Option<f64>]) -> f64 {
    let values = values(rows);
    match name {
        "mean" => stats::mean(&values).unwrap(),
        "standard_deviation" => stats::sample_deviation(&values).unwrap(),
        "sum" => stats::pairwise_sum(&values),
        "median" => {
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            stats::median_of_sorted(&sorted).unwrap()
        }
        "missing_rate" => 1.0 - values.len() as f64 / rows.len() as f64,
        other => panic!("no statistic `{other}`"),
    }
}

fn error(name: &str, reference: &[Option<f64>]) -> SamplingError {
    let (rows, reference) = (reference.len() as u64, values(reference));
    let error = match name {
        "mean" => SamplingError::mean(&reference),
        "standard_deviation" => SamplingError::standard_deviation(&reference),
        "sum" => SamplingError::sum(&reference),
        "median" => SamplingError::median(&reference),
        "missing_rate" => SamplingError::missing_rate(rows - reference.len() as u64, rows),
        other => panic!("no statistic `{other}`"),
    };
    error.unwrap()
}

#[test]
fn summary_statistics_and_their_errors_are_those_of_the_peer() {
    let summary = &golden("vectors.json")["summary"];
    let (reference_rows, rows) = (size(&summary["reference_rows"]), size(&summary["window_rows"]));
    for name in ["mean", "standard_deviation", "median", "sum", "missing_rate"] {
        let mut figures = Agreement::within(1e-12, format!("NannyML {name}"));
        let mut errors = Agreement::within(1e-12, format!("NannyML {name} sampling error"));
        for column in ["complete", "with_missing"] {
            let data = numbers(&summary[column]);
            let theirs: &Value = &summary[name][column];
            for (window, theirs) in data.chunks(rows).zip(present(&theirs["value"])) {
                figures.check(figure(name, window), theirs);
            }
            // The peer's rows include the missing ones (register B60): so for comparison, all 100. With a
            // missing value in the reference it has no error of the standard deviation (B61).
            let theirs = theirs["sampling_error"][0].as_f64();
            let ours = error(name, &data[..reference_rows]).for_rows(rows as u64).unwrap();
            match theirs {
                Some(theirs) => errors.check(ours, theirs),
                None => assert_eq!((name, column), ("standard_deviation", "with_missing")),
            }
        }
    }
}

#[test]
fn errors_with_missing_values_are_those_of_the_values_that_are_there() {
    let summary = &golden("vectors.json")["summary"];
    let data = numbers(&summary["with_missing"]);
    let reference = &data[..size(&summary["reference_rows"])];
    let independent = &golden("independent.json")["windows_of_vectors"];
    let mut agreement = Agreement::within(1e-12, "numpy, scipy errors (B60, B61)");
    for name in ["standard_deviation", "median"] {
        let theirs = independent[&format!("{name}_error_for_91_rows")].as_f64().unwrap();
        agreement.check(error(name, reference).for_rows(91).unwrap(), theirs);
    }
}
