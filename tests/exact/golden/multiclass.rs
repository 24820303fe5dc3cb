//! Several classes from rows to figures, against `NannyML`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{DictionaryArray, Float64Array};
use arrow::datatypes::Int32Type;
use serde_json::Value;
use vigie::batch::{Column, Expected, Rows, Values};
use vigie::fit::{CalibrationChoice, Predicts, SeveralClasses, Spec, fit};
use vigie::metric::{ColumnKind, Kind, Metric, Problem};
use vigie::profile::{Provenance, Role, WindowRule};
use vigie::window::{Criteria, Figure, Plan, WindowState};

use super::agreement::{Agreement, golden, present, size};

const SIZE: usize = 100;

fn batch(data: &Value, rows: Range<usize>) -> Rows {
    let numbers = |name: &str| {
        let column = present(&data[name]);
        Column::new(Values::Numbers(Float64Array::from(column[rows.clone()].to_vec())))
    };
    let labels = |name: &str| {
        let column = data[name].as_array().unwrap()[rows.clone()].iter().map(Value::as_str);
        Column::new(Values::Labels(column.collect::<DictionaryArray<Int32Type>>()))
    };
    let (first, end) = (rows.start as i64, rows.end as i64);
    Rows {
        offsets: (first..end).collect(),
        times: None,
        columns: vec![numbers("pa"), numbers("pb"), numbers("pc"), labels("yp"), labels("y")],
        expected: Expected::Nothing,
        reconstruction: None,
        segments: Vec::new(),
        keys: None,
        terms: Vec::new(),
    }
}

fn plan(case: &Value, calibration: CalibrationChoice) -> Plan {
    let column = |name: &str, role, kind| (name.to_owned(), role, kind);
    let scores = [("a", "pa"), ("b", "pb"), ("c", "pc")];
    let mut columns: Vec<_> =
        scores.map(|(_, name)| column(name, Role::Score, ColumnKind::Continuous)).into();
    columns.push(column("yp", Role::Prediction, ColumnKind::Categorical));
    columns.push(column("y", Role::Target, ColumnKind::Categorical));
    let spec = Spec {
        model: "three".to_owned(),
        version: String::new(),
        predicts: Predicts::Multiclass(SeveralClasses {
            scores: scores.map(|(class, name)| (class.to_owned(), name.to_owned())).into(),
            calibration,
            by_class: BTreeMap::new(),
        }),
        rule: WindowRule::Size(SIZE as u64),
        inputs: Vec::new(),
        derived: Vec::new(),
        filter: None,
        columns,
        whole: Vec::new(),
        sampled: false,
        concept: false,
        segments: None,
        metrics: Vec::new(),
        provenance: Provenance::default(),
    };
    let rows = size(&case["reference_rows"]);
    let profile = fit(spec, vec![batch(&case["data"], 0..rows)]).unwrap();
    let worth = case["business_value_matrix"].as_array().unwrap();
    let performance = Metric::all()
        .filter(|metric| metric.serves(Problem::Multiclass) && !metric.serves(Problem::None));
    let criteria = Criteria {
        performance: performance.collect(),
        business_value: Some(worth.iter().map(present).collect()),
        min_rows: 1,
        whole: Vec::new(),
        ..Criteria::default()
    };
    Plan::new(Arc::new(profile), criteria)
}

/// The figures of all windows, those of the reference first.
fn figures(case: &Value, plan: &Plan) -> Vec<Vec<Figure>> {
    let reference = plan.profile().windows.iter();
    let mut found: Vec<Vec<Figure>> =
        reference.map(|window| plan.figures(&window.reading, None)).collect();
    let rows = case["data"]["y"].as_array().unwrap().len();
    for first in (size(&case["reference_rows"])..rows).step_by(SIZE) {
        let mut rows = batch(&case["data"], first..first + SIZE);
        rows.expected = plan.profile().expected(&rows.columns);
        let mut state = WindowState::new(plan);
        state.fold(plan, &plan.prepare(&rows), 0, SIZE);
        found.push(plan.figures(&state.evaluate(plan), None));
    }
    found
}

/// How near a figure must be; `None` where the peer states another thing.
fn tolerance(metric: &str, leaf: &str) -> Option<f64> {
    let scatters = matches!(
        leaf,
        "sampling_error" | "upper_confidence_boundary" | "lower_confidence_boundary"
    );
    match metric {
        // B21, B23: random, and the mean of the variances.
        // B22: without the factor from a share of true positives to F1.
        "average_precision" | "f1" if scatters => None,
        // B17, B18, B50: all rows, mid-ranks, tied scores as one group.
        "roc_auc" if scatters => Some(1e-2),
        // It rounds the sums under its curves to five decimals.
        "roc_auc" | "average_precision" => Some(1e-5),
        // B19: it divides by one row less.
        "business_value" if scatters => Some(2e-3),
        _ => Some(1e-12),
    }
}

fn compare(key: &str, case: &Value, kind: Kind, theirs: &Value, calibration: CalibrationChoice) {
    let plan = plan(case, calibration);
    let found = figures(case, &plan);
    let mut compared = BTreeMap::new();
    for (name, values) in theirs.as_object().unwrap() {
        let (metric, leaf) = name.split_once('|').unwrap();
        if leaf == "realized" || leaf == "targets_missing_rate" {
            continue;
        }
        let Some(within) = tolerance(metric, leaf) else { continue };
        let mut agreement = Agreement::within(within, format!("NannyML {key} {name}"));
        for (window, theirs) in values.as_array().unwrap().iter().enumerate() {
            let of = |figure: &&Figure| figure.kind == kind && figure.metric.as_str() == metric;
            let figure = found[window].iter().find(of);
            let figure = figure.unwrap_or_else(|| panic!("{key}: no {metric}"));
            let ours = match leaf {
                "value" => figure.value,
                "sampling_error" => figure.sampling_error,
                "upper_confidence_boundary" => figure.upper_confidence,
                "lower_confidence_boundary" => figure.lower_confidence,
                "upper_threshold" => figure.upper_threshold,
                "lower_threshold" => figure.lower_threshold,
                "alert" => {
                    assert_eq!(figure.breach, theirs.as_bool(), "{key}: {name} {window}");
                    continue;
                }
                other => panic!("{key}: no field `{other}`"),
            };
            agreement.check_optional(ours, theirs.as_f64());
        }
        *compared.entry(metric).or_insert(0) += 1;
    }
    // Seven rates, nine cells, the value of the business.
    assert_eq!(compared.len(), 17, "{compared:?}");
}

#[test]
fn several_classes_are_what_the_peer_says() {
    let golden = golden("multiclass_vectors.json");
    let (plain, calibrated) = (&golden["multiclass"], &golden["multiclass_calibrated"]);
    compare("as they are", plain, Kind::Estimated, &plain["cbpe"], CalibrationChoice::None);
    compare("realized", plain, Kind::Realized, &plain["realized"], CalibrationChoice::None);
    let isotonic = CalibrationChoice::Isotonic;
    compare("calibrated", calibrated, Kind::Estimated, &calibrated["cbpe"], isotonic);
}
