//! What a window says that is empty, broken or strange: every metric, in every such case.
//!
//! The reference has eight rows and the window four, so that each figure can be worked out by hand.

use arrow::array::DictionaryArray;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::Int32Type;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use vigie::batch::{Column, Rows, Values};
use vigie::fit::{CalibrationChoice, Predicts, Spec, TwoClasses, fit};
use vigie::metric::{Family, Kind, Measure, Metric, Problem};
use vigie::profile::{Profile, WindowRule};
use vigie::stats::Threshold;
use vigie::window::{Criteria, Figure, Plan, WindowState};

use crate::world::{Row, all_criteria, batch, rows, spec};

/// What is expected of each case, by subject: metrics and their outcome, which is a value, with `!` where it
/// breaches (below 0.22 or above 0.77; chi-squared by its p-value), or the status of a figure without one.
///
/// The values come from the definitions worked out over all pairs and cells in another language, not from here.
const EXPECTED: &str = "
empty window
  estimated: roc_auc average_precision f1 precision recall specificity accuracy true_positive true_negative
    false_positive false_negative business_value empty
  realized: roc_auc average_precision f1 precision recall specificity accuracy true_positive true_negative
    false_positive false_negative business_value no_targets
  amount: jensen_shannon kolmogorov_smirnov wasserstein hellinger psi mean standard_deviation median sum
    missing_rate out_of_range_rate empty
  region: jensen_shannon hellinger chi2 l_infinity psi missing_rate unseen_rate empty
  window: rows 0!, reconstruction_error empty, domain_classifier empty

one row
  estimated: roc_auc 0.5, average_precision 0.2!, f1 precision recall 0!, specificity 1!, accuracy 0.8!,
    true_positive 0!, true_negative 0.8!, false_positive 0!, false_negative 0.2!, business_value -1!
  realized: roc_auc average_precision f1 precision recall one_class, specificity accuracy 1!, true_positive 0!,
    true_negative 1!, false_positive false_negative business_value 0!
  amount: jensen_shannon 0.740806952380577, hellinger 0.7071067811865476, kolmogorov_smirnov 0.875!, wasserstein
    3.5!, psi 8.05180006211633!, mean 1!, standard_deviation too_few, median sum 1!, missing_rate
    out_of_range_rate 0!
  region: jensen_shannon 0.5579230452841438, hellinger 0.541196100146197, chi2 0, l_infinity 0.5, psi
    4.603328592167027!, missing_rate unseen_rate 0!
  window: rows 1!, reconstruction_error 0!, domain_classifier too_few

all missing
  estimated: roc_auc average_precision f1 precision recall specificity accuracy true_positive true_negative
    false_positive false_negative business_value all_missing
  realized: roc_auc average_precision f1 precision recall specificity accuracy true_positive true_negative
    false_positive false_negative business_value no_targets
  amount: jensen_shannon kolmogorov_smirnov wasserstein hellinger psi mean standard_deviation median
    all_missing, sum 0!, missing_rate 1!, out_of_range_rate 0!
  region: jensen_shannon hellinger chi2 l_infinity psi all_missing, missing_rate 1!, unseen_rate 0!
  window: rows 4!, reconstruction_error all_missing, domain_classifier all_missing

constant window
  estimated: roc_auc 0.5, average_precision 0.8!, f1 0.888888888888889!, precision 0.8!, recall 1!, specificity
    0!, accuracy 0.8!, true_positive 3.2!, true_negative 0!, false_positive 0.7999999999999998!, false_negative
    0!, business_value 8.8!
  realized: roc_auc average_precision 0.5, f1 precision recall one_class, specificity 0!, accuracy 0.5,
    true_positive 2!, true_negative 0!, false_positive 2!, false_negative 0!, business_value 4!
  amount: jensen_shannon 0.740806952380577, hellinger 0.7071067811865476, kolmogorov_smirnov 0.75, wasserstein
    2.75!, psi 8.051800062116332!, mean 7!, standard_deviation 0!, median 7!, sum 28!, missing_rate
    out_of_range_rate 0!
  region: jensen_shannon 0.5579230452841438, hellinger 0.541196100146197, chi2 1.171875, l_infinity 0.5, psi
    4.603328592167027!, missing_rate unseen_rate 0!
  window: rows 4!, reconstruction_error 0!, domain_classifier too_few

constant reference
  estimated: roc_auc 0.7500000000000001, average_precision 0.7000000000000001, f1 precision recall specificity
    accuracy 0.7, true_positive true_negative 1.4!, false_positive 0.6, false_negative 0.6000000000000001,
    business_value 0.5999999999999988
  realized: roc_auc 0.75, average_precision 0.8333333333333333!, f1 precision recall specificity accuracy 0.5,
    true_positive true_negative false_positive false_negative 1!, business_value -3!
  amount: jensen_shannon 0.740806952380577, hellinger 0.7071067811865475, kolmogorov_smirnov 0.5, wasserstein
    2!, psi 0!, mean 4!, standard_deviation 2.581988897471611!, median 4!, sum 16!, missing_rate 0!,
    out_of_range_rate 0.75
  region: jensen_shannon 0.5579230452841438, hellinger 0.541196100146197, chi2 1.8750000000000002, l_infinity
    0.5, psi 4.603788872078758!, missing_rate 0!, unseen_rate 0.5
  window: rows 4!, reconstruction_error constant, domain_classifier too_few

one class
  estimated: roc_auc 0.7500000000000001, average_precision 0.7000000000000001, f1 0.6666666666666666, precision
    0.5, recall 1!, specificity 0!, accuracy 0.5, true_positive 2!, true_negative 0!, false_positive
    1.9999999999999998!, false_negative 0!, business_value 4!
  realized: roc_auc one_class, average_precision 1!, f1 precision recall specificity one_class, accuracy 1!,
    true_positive 4!, true_negative false_positive false_negative 0!, business_value 12!
  amount: jensen_shannon hellinger 0!, kolmogorov_smirnov 0.125!, wasserstein 0.5, psi 3.9085038155760277!, mean
    4!, standard_deviation 2.581988897471611!, median 4!, sum 16!, missing_rate out_of_range_rate 0!
  region: jensen_shannon hellinger 0!, chi2 0, l_infinity psi missing_rate unseen_rate 0!
  window: rows 4!, reconstruction_error 0!, domain_classifier too_few

not a number
  estimated: roc_auc 0.6851851851851852, average_precision 0.7222222222222223, f1 0.7368421052631579, precision
    0.7, recall 0.7777777777777778!, specificity 0.5, accuracy 0.6666666666666666, true_positive 1.4!,
    true_negative false_positive 0.6, false_negative 0.4, business_value 1.5999999999999992!
  realized: roc_auc 0.5, average_precision 0.8333333333333333!, f1 precision recall specificity accuracy 0.5,
    true_positive true_negative false_positive false_negative 1!, business_value -3!
  amount: jensen_shannon 0.3713830650016639, hellinger 0.36602540378443865, kolmogorov_smirnov 0.25, wasserstein
    0.8333333333333334!, psi 6.666750506931035!, mean 5!, standard_deviation 2!, median 5!, sum 15!,
    missing_rate 0.25, out_of_range_rate 0!
  region: jensen_shannon hellinger 0!, chi2 0, l_infinity psi missing_rate unseen_rate 0!
  window: rows 4!, reconstruction_error 0!, domain_classifier too_few

infinite
  estimated: roc_auc 0.7976190476190476!, average_precision 0.8857142857142859!, f1 0.5833333333333334,
    precision 0.7, recall specificity accuracy 0.5, true_positive 1.4!, true_negative false_positive 0.6,
    false_negative 1.4!, business_value -3.4000000000000004!
  realized: roc_auc 0.25, average_precision f1 precision recall specificity accuracy 0.5, true_positive
    true_negative false_positive false_negative 1!, business_value -3!
  amount: jensen_shannon hellinger 0.5, kolmogorov_smirnov 0.25, wasserstein infinite, psi 3.9085038155760277!,
    mean standard_deviation infinite, median 6!, sum infinite, missing_rate 0!, out_of_range_rate 0.25
  region: jensen_shannon hellinger 0!, chi2 0, l_infinity psi missing_rate unseen_rate 0!
  window: rows 4!, reconstruction_error infinite, domain_classifier too_few

probability outside 0 to 1
  estimated: roc_auc 0.9!, average_precision 0.8733333333333333!, f1 precision recall specificity accuracy 0.8!,
    true_positive true_negative 1.6!, false_positive false_negative 0.4, business_value 2.400000000000001!
  realized: roc_auc 0.75, average_precision 0.8333333333333333!, f1 precision recall specificity accuracy 0.5,
    true_positive true_negative false_positive false_negative 1!, business_value -3!
  amount: jensen_shannon hellinger 0!, kolmogorov_smirnov 0.125!, wasserstein 0.5, psi 3.9085038155760277!, mean
    4!, standard_deviation 2.581988897471611!, median 4!, sum 16!, missing_rate out_of_range_rate 0!
  region: jensen_shannon hellinger 0!, chi2 0, l_infinity psi missing_rate unseen_rate 0!
  window: rows 4!, reconstruction_error 0!, domain_classifier too_few

new category
  estimated: roc_auc 0.7500000000000001, average_precision 0.7000000000000001, f1 precision recall specificity
    accuracy 0.7, true_positive true_negative 1.4!, false_positive 0.6, false_negative 0.6000000000000001,
    business_value 0.5999999999999988
  realized: roc_auc 0.75, average_precision 0.8333333333333333!, f1 precision recall specificity accuracy 0.5,
    true_positive true_negative false_positive false_negative 1!, business_value -3!
  amount: jensen_shannon hellinger 0!, kolmogorov_smirnov 0.125!, wasserstein 0.5, psi 3.9085038155760277!, mean
    4!, standard_deviation 2.581988897471611!, median 4!, sum 16!, missing_rate out_of_range_rate 0!
  region: jensen_shannon 0.5579230452841438, hellinger 0.541196100146197, chi2 4.800000000000001, l_infinity
    0.5, psi 4.603788872078758!, missing_rate 0!, unseen_rate 0.5
  window: rows 4!, reconstruction_error 0.25, domain_classifier too_few

column not in data
  estimated: roc_auc 0.7500000000000001, average_precision 0.7000000000000001, f1 precision recall specificity
    accuracy 0.7, true_positive true_negative 1.4!, false_positive 0.6, false_negative 0.6000000000000001,
    business_value 0.5999999999999988
  realized: roc_auc 0.75, average_precision 0.8333333333333333!, f1 precision recall specificity accuracy 0.5,
    true_positive true_negative false_positive false_negative 1!, business_value -3!
  amount: jensen_shannon kolmogorov_smirnov wasserstein hellinger psi mean standard_deviation median sum
    not_in_data, missing_rate 1!, out_of_range_rate 0!
  region: jensen_shannon hellinger chi2 l_infinity psi not_in_data, missing_rate 1!, unseen_rate 0!
  window: rows 4!, reconstruction_error not_in_data, domain_classifier not_in_data
";

/// The reference, and the window of a case.
struct Case {
    name: &'static str,
    reference: Vec<Row>,
    window: Vec<Row>,
    /// Whether events name neither feature.
    absent: bool,
}

fn reference() -> Vec<Row> {
    let scores = [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9];
    let targets = [false, false, true, false, true, true, false, true];
    let row = |(index, (score, target)): (u32, (f64, bool))| Row {
        time: i64::from(index) * 1_000_000,
        amount: Some(f64::from(index + 1)),
        region: Some(["east", "north"][index as usize % 2].to_owned()),
        score: Some(score),
        prediction: Some(score >= 0.5),
        target: Some(target),
    };
    (0..).zip(scores.into_iter().zip(targets)).map(row).collect()
}

fn constant_reference() -> Vec<Row> {
    let constant = |row| Row { amount: Some(5.0), region: Some("east".to_owned()), ..row };
    reference().into_iter().map(constant).collect()
}

/// Every other row of the reference, with scores and targets of its own.
fn window() -> Vec<Row> {
    let scores = [0.2, 0.4, 0.6, 0.8];
    let regions = ["east", "north", "east", "north"];
    let rows = reference().into_iter().step_by(2).zip(scores).zip(regions).enumerate();
    rows.map(|(index, ((row, score), region))| Row {
        region: Some(region.to_owned()),
        score: Some(score),
        prediction: Some(score >= 0.5),
        target: Some(index % 2 == 1),
        ..row
    })
    .collect()
}

fn changed(change: impl Fn(usize, Row) -> Row) -> Vec<Row> {
    window().into_iter().enumerate().map(|(index, row)| change(index, row)).collect()
}

fn first_is(number: f64) -> Vec<Row> {
    let change = |row| Row { amount: Some(number), score: Some(number), ..row };
    changed(|index, row| if index == 0 { change(row) } else { row })
}

fn cases() -> Vec<Case> {
    let case = |name, window| Case { name, reference: reference(), window, absent: false };
    let steady = Row {
        time: 0,
        amount: Some(7.0),
        region: Some("east".to_owned()),
        score: Some(0.8),
        prediction: Some(true),
        target: None,
    };
    let blank =
        Row { time: 0, amount: None, region: None, score: None, prediction: None, target: None };
    let outside = [-0.5, 0.4, 0.6, 1.5];
    let new = |row| Row { region: Some("west".to_owned()), ..row };
    let without_features = changed(|_, row| Row { amount: None, region: None, ..row });
    vec![
        case("empty window", Vec::new()),
        case("one row", window()[..1].to_vec()),
        case("all missing", vec![blank; 4]),
        case(
            "constant window",
            changed(|index, _| Row { target: Some(index % 2 == 0), ..steady.clone() }),
        ),
        Case { reference: constant_reference(), ..case("constant reference", window()) },
        case(
            "one class",
            changed(|_, row| Row { prediction: Some(true), target: Some(true), ..row }),
        ),
        case("not a number", first_is(f64::NAN)),
        case("infinite", first_is(f64::INFINITY)),
        case(
            "probability outside 0 to 1",
            changed(|index, row| Row { score: Some(outside[index]), ..row }),
        ),
        case("new category", changed(|index, row| if index < 2 { row } else { new(row) })),
        Case { absent: true, ..case("column not in data", without_features) },
    ]
}

fn plan_for(reference: &[Row]) -> Plan {
    let calibration = CalibrationChoice::None;
    let predicts = Predicts::Binary(TwoClasses { calibration, ..TwoClasses::default() });
    let whole = vec![Metric::ReconstructionError, Metric::DomainClassifier];
    let spec = Spec { predicts, whole, ..spec(WindowRule::Size(4)) };
    let profile = fit(spec, vec![batch(reference, 0)]).unwrap();
    let threshold = Threshold::Constant { lower: Some(0.22), upper: Some(0.77) };
    let thresholds = Metric::all().map(|metric| ((None, metric), threshold)).collect();
    Plan::new(Arc::new(profile), Criteria { thresholds, min_rows: 0, ..all_criteria() })
}

fn data(case: &Case, profile: &Profile) -> Rows {
    let mut rows = batch(&case.window, 0);
    if case.absent {
        let all = BooleanBuffer::new_set(case.window.len());
        rows.columns[..2].iter_mut().for_each(|column| column.absent = Some(all.clone()));
    }
    rows.expected = profile.expected(&rows.columns);
    rows.reconstruction = profile.reconstruction_errors(&rows.columns);
    rows
}

fn figures(case: &Case) -> Vec<Figure> {
    let plan = plan_for(&case.reference);
    let rows = data(case, plan.profile());
    let mut state = WindowState::new(&plan);
    state.fold(&plan, &plan.prepare(&rows), 0, case.window.len());
    plan.figures(&state.evaluate(&plan), None)
}

/// By subject and metric: the outcome.
type Outcomes<'t> = BTreeMap<(&'t str, &'t str), &'t str>;

fn expected(text: &str) -> BTreeMap<&str, Outcomes<'_>> {
    let mut cases: BTreeMap<&str, Outcomes> = BTreeMap::new();
    let mut case = "";
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if !line.starts_with(' ') {
            case = line;
            continue;
        }
        let (name, entries) = line.split_once(": ").unwrap();
        let subject = name.trim();
        for entry in entries.split(", ") {
            let (metrics, outcome) = entry.rsplit_once(' ').unwrap();
            for metric in metrics.split(' ') {
                let twice = cases.entry(case).or_default().insert((subject, metric), outcome);
                assert!(twice.is_none(), "{case}: {subject} {metric} stands there twice");
            }
        }
    }
    cases
}

/// Whether a figure is what is expected of it; sums may be off by some roundings.
fn is_as_expected(figure: &Figure, outcome: &str) -> bool {
    let number = outcome.trim_end_matches('!');
    match (number.parse::<f64>(), figure.value) {
        (Ok(expected), Some(value)) => {
            (value - expected).abs() <= 1e-12 * expected.abs().max(1e-3)
                && figure.breach == Some(outcome.ends_with('!'))
                && figure.status.as_str() == "ok"
        }
        (Err(_), None) => figure.breach.is_none() && figure.status.as_str() == outcome,
        _ => false,
    }
}

fn subject(figure: &Figure) -> &str {
    match (figure.kind, &figure.column_name) {
        (Kind::Estimated | Kind::Realized, _) => figure.kind.as_str(),
        (_, Some(column)) => column,
        _ => "window",
    }
}

#[test]
fn every_metric_has_the_expected_figure_in_every_case() {
    let text = EXPECTED.replace("\n    ", " ");
    let expected = expected(&text);
    let names: BTreeSet<&str> = cases().iter().map(|case| case.name).collect();
    assert_eq!(names, expected.keys().copied().collect());
    let mut wrong = Vec::new();
    for case in cases() {
        let mut expected = expected[case.name].clone();
        // A diagnosis is of other figures.
        let measured = |metric: &Metric| {
            metric.spec().family != Family::Diagnosis && metric.serves(Problem::Binary)
        };
        for metric in Metric::all().filter(measured) {
            let told = expected.keys().any(|(_, name)| *name == metric.as_str());
            assert!(told, "{}: nothing is expected of `{metric}`", case.name);
        }
        // The model's outputs are columns too; the features stand for all.
        let outputs = ["score", "prediction", "target"];
        let figures = figures(&case);
        // What formulas and bets say is tested by themselves.
        let own =
            |figure: &Figure| matches!(figure.metric, Measure::Custom(_)) || is_evidence(figure);
        let figures = figures.iter().filter(|figure| !own(figure));
        for figure in figures.filter(|figure| !outputs.contains(&subject(figure))) {
            let (of, metric) = (subject(figure), figure.metric.as_str());
            let outcome = expected.remove(&(of, metric)).unwrap_or("nothing");
            if !is_as_expected(figure, outcome) {
                let (value, breach, status) = (figure.value, figure.breach, figure.status.as_str());
                wrong.push(format!(
                    "{}: {of} {metric} is {value:?} {breach:?} {status}, not {outcome}",
                    case.name
                ));
            }
        }
        wrong
            .extend(expected.keys().map(|(of, metric)| format!("{}: no {of} {metric}", case.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_but_numbers_leaves_in_any_case() {
    for case in cases() {
        for figure in figures(&case) {
            let numbers = [
                figure.value,
                figure.sampling_error,
                figure.lower_confidence,
                figure.upper_confidence,
                figure.lower_threshold,
                figure.upper_threshold,
                figure.p_value,
            ];
            assert!(
                numbers.iter().flatten().all(|number| number.is_finite()),
                "{}: {figure:?}",
                case.name
            );
            assert!(figure.value.is_some() || figure.breach.is_none(), "{}: {figure:?}", case.name);
            let text = serde_json::to_string(&figure).unwrap();
            assert_eq!(serde_json::from_str::<Figure>(&text).unwrap(), figure, "{}", case.name);
        }
    }
}

#[test]
fn a_column_that_got_stuck_far_away_has_no_spread() {
    let deviation = |amounts: [f64; 4]| {
        let window = changed(|index, row| Row { amount: Some(amounts[index]), ..row });
        let case = Case { name: "", reference: reference(), window, absent: false };
        let is_it = |figure: &Figure| {
            figure.column_name.as_deref() == Some("amount")
                && figure.metric.metric() == Metric::StandardDeviation
        };
        figures(&case).into_iter().find(is_it).unwrap().value.unwrap()
    };
    for stuck in [-7.3, 1e6 / 3.0, -1e-9] {
        assert_eq!(deviation([stuck; 4]), 0.0, "{stuck}");
    }
    // 2^-20 apart: half of them a step above the others, the deviation of a sample is a step divided by the root of 3.
    let step = 1.0 / f64::from(1 << 20);
    let nearly = deviation([-7.0, -7.0 + step, -7.0, -7.0 + step]);
    assert!((nearly * 3.0_f64.sqrt() / step - 1.0).abs() < 1e-12, "{nearly}");
}

/// Whether it says what bets against the reference have won.
fn is_evidence(figure: &Figure) -> bool {
    matches!(figure.metric.metric(), Metric::DriftEvidence | Metric::TargetEvidence)
}

#[test]
fn targets_that_have_not_come_are_no_fault_of_the_data() {
    let of_target = |window: Vec<Row>| {
        let case = Case { name: "", reference: reference(), window, absent: false };
        let figures = figures(&case).into_iter();
        let figures = figures.filter(|figure| !is_evidence(figure));
        let target = figures.filter(|figure| figure.column_name.as_deref() == Some("target"));
        target.map(|figure| figure.metric.metric().as_str()).collect::<Vec<_>>()
    };
    let drift = ["jensen_shannon", "hellinger", "chi2", "l_infinity", "psi", "unseen_rate"];
    assert_eq!(of_target(window()), drift);
    let late = |index: usize, row: Row| if index == 0 { row } else { Row { target: None, ..row } };
    assert_eq!(of_target(changed(late)), drift, "some targets are there to look at");
    assert!(of_target(changed(|_, row| Row { target: None, ..row })).is_empty());
    assert!(of_target(Vec::new()).is_empty());
}

#[test]
fn which_class_is_positive_is_never_guessed() {
    let fitted = |classes: [&str; 2]| {
        let rows = rows(1, 600);
        let mut data = batch(&rows, 0);
        let labels = |of: &dyn Fn(&Row) -> Option<bool>| {
            let label = |row: &Row| of(row).map(|class| classes[usize::from(class)]);
            let array: DictionaryArray<Int32Type> = rows.iter().map(label).collect();
            Column::new(Values::Labels(array))
        };
        data.columns[3] = labels(&|row| row.prediction);
        data.columns[4] = labels(&|row| row.target);
        fit(spec(WindowRule::Size(300)), vec![data])
    };
    for classes in [["0", "1"], ["false", "true"], ["-1", "1"], ["no", "1"]] {
        let profile = fitted(classes).unwrap();
        assert_eq!(profile.two_classes().unwrap().positive, classes[1]);
    }
    for classes in [["1", "2"], ["no", "yes"]] {
        let error = fitted(classes).unwrap_err().to_string();
        assert!(error.contains("cannot tell which of") && error.contains(classes[1]), "{error}");
    }
}
