//! Estimates that are robust to covariate shift against scikit-learn's and `LightGBM`'s.

use std::sync::Arc;

use arrow::array::{DictionaryArray, Float64Array};
use arrow::datatypes::Int32Type;
use serde_json::Value;
use vigie::batch::{Column, Expected, Rows, Values};
use vigie::fit::{CalibrationChoice, Predicts, Spec, TwoClasses, fit};
use vigie::metric::{ColumnKind, Kind, Metric};
use vigie::profile::{Role, WindowRule};
use vigie::stats::Calibrator;
use vigie::window::{Criteria, Method, Plan, WindowState};

use super::agreement::{golden, present};
use crate::world::spec;

/// Other trees on other folds: so many sampling errors, which know nothing of the weights, apart at most. A window that has
/// not moved gets weights of nearly 1 from both.
const WITHIN: f64 = 0.5;

/// Rows as the file has them.
fn rows(of: &Value) -> Rows {
    let numbers = |name: &str| Column::new(Values::Numbers(Float64Array::from(present(&of[name]))));
    let labels = |values: Vec<bool>| {
        let array: DictionaryArray<Int32Type> =
            values.into_iter().map(|yes| Some(if yes { "1" } else { "0" })).collect();
        Column::new(Values::Labels(array))
    };
    let is =
        |name: &str, least: f64| present(&of[name]).iter().map(|value| *value >= least).collect();
    Rows {
        offsets: (0..present(&of["score"]).len() as i64).collect(),
        times: None,
        columns: vec![
            numbers("first"),
            numbers("second"),
            labels(is("part", 1.0)),
            numbers("score"),
            labels(is("score", 0.5)),
            labels(is("target", 1.0)),
        ],
        expected: Expected::Nothing,
        reconstruction: None,
        segments: Vec::new(),
        keys: None,
        terms: Vec::new(),
    }
}

#[test]
fn a_weighed_calibration_is_that_of_scikit_learn() {
    let case = golden("robust.json");
    let reference = &case["reference"];
    let targets: Vec<bool> = present(&reference["target"]).iter().map(|one| *one == 1.0).collect();
    let scores = present(&reference["score"]);
    let calibrator =
        Calibrator::fit_weighed(&scores, &targets, &present(&case["weights"])).unwrap();
    for (score, wanted) in present(&case["grid"]).into_iter().zip(present(&case["calibrated"])) {
        let found = calibrator.calibrate(score);
        assert!((found - wanted).abs() < 1e-12, "{score}: {found} there {wanted}");
    }
    // Rows that count for one are rows.
    let ones = vec![1.0; scores.len()];
    let plain = Calibrator::fit(&scores, &targets).unwrap();
    assert_eq!(Calibrator::fit_weighed(&scores, &targets, &ones).unwrap(), plain);
}

#[test]
fn what_is_robust_to_a_shift_is_as_scikit_learn_and_lightgbm_have_it() {
    let case = golden("robust.json");
    let names: [(&str, Role, ColumnKind); 6] = [
        ("first", Role::Feature, ColumnKind::Continuous),
        ("second", Role::Feature, ColumnKind::Continuous),
        ("part", Role::Feature, ColumnKind::Categorical),
        ("score", Role::Score, ColumnKind::Continuous),
        ("prediction", Role::Prediction, ColumnKind::Categorical),
        ("target", Role::Target, ColumnKind::Categorical),
    ];
    let calibration = CalibrationChoice::Isotonic;
    let spec = Spec {
        predicts: Predicts::Binary(TwoClasses { calibration, ..TwoClasses::default() }),
        columns: names.map(|(name, role, kind)| (name.to_owned(), role, kind)).into(),
        whole: Vec::new(),
        sampled: true,
        ..spec(WindowRule::Size(1500))
    };
    let profile = fit(spec, vec![rows(&case["reference"])]).unwrap();
    let whole = Vec::new();
    let plan =
        Plan::new(Arc::new(profile), Criteria { whole, robust: true, ..Criteria::default() });
    for of in case["cases"].as_array().unwrap() {
        let mut batch = rows(&of["window"]);
        batch.expected = plan.profile().expected(&batch.columns);
        let mut state = WindowState::new(&plan);
        state.fold(&plan, &plan.prepare(&batch), 0, batch.len());
        let reading = state.evaluate(&plan);
        let found = reading.robust.as_ref().unwrap();
        let wanted = of["effective_rows"].as_f64().unwrap();
        println!("{}: rows {:.0} there {wanted:.0}", of["moved"], found.effective_rows);
        assert!((found.effective_rows / wanted - 1.0).abs() < 0.15, "{}", found.effective_rows);
        assert_eq!(found.outside.0, Ok(0.0));
        for figure in plan.figures(&reading, None) {
            let robust = figure.method == Some(Method::Pape);
            let name = figure.metric.as_str();
            if figure.kind != Kind::Estimated || figure.metric == Metric::AveragePrecision {
                continue;
            }
            let there = of[if robust { "robust" } else { "plain" }][name].as_f64().unwrap();
            let value = figure.value.unwrap();
            println!("{} {name} robust {robust}: {value:.5} there {there:.5}", of["moved"]);
            let error = figure.sampling_error.unwrap();
            let apart = if robust { WITHIN * error } else { 1e-9 };
            assert!((value - there).abs() < apart, "{name}: {value} there {there} +-{error}");
        }
    }
}
