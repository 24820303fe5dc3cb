//! The reconstruction error: what holds for any rows, and what becomes of odd ones.

use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::Config;
use vigie::metric::Metric;
use vigie::stats::Undefined;
use vigie::window::{Figure, Plan, Status, WindowState};

use crate::features::{Feature, fold, length, plan, profile};
use crate::world::uniform;

/// A draw from about the normal distribution.
fn normal(seed: u64, row: u64) -> f64 {
    (0..12).map(|part| uniform(seed * 100 + part, row)).sum::<f64>() - 6.0
}

/// Four features: two numbers and a category that go together, and a number by itself.
fn features(count: u64) -> Vec<(String, Feature)> {
    let common = |row| normal(1, row);
    let numbers =
        |of: &dyn Fn(u64) -> f64| Feature::Numbers((0..count).map(|r| Some(of(r))).collect());
    let label = |row| if common(row) > 0.3 { "high" } else { "low" };
    vec![
        ("a".to_owned(), numbers(&|row| common(row) + 0.1 * normal(2, row))),
        ("b".to_owned(), numbers(&|row| 50.0 - common(row) + 0.1 * normal(3, row))),
        ("c".to_owned(), Feature::Labels((0..count).map(|r| Some(label(r).to_owned())).collect())),
        ("d".to_owned(), numbers(&|row| normal(4, row))),
    ]
}

fn set(feature: &mut Feature, row: usize, value: Option<f64>) {
    if let Feature::Numbers(values) = feature {
        values[row] = value;
    }
}

/// What is measured here.
const METRIC: Metric = Metric::ReconstructionError;

fn bytes(state: &WindowState) -> Vec<u8> {
    minicbor::to_vec(state).unwrap()
}

fn figure(plan: &Plan, state: &mut WindowState) -> Option<Figure> {
    let figures = plan.figures(&state.evaluate(plan), None);
    figures.into_iter().find(|figure| figure.metric == Metric::ReconstructionError)
}

fn number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        4 => (-60.0..60.0f64).prop_map(Some),
        1 => any::<u64>().prop_map(|bits| Some(f64::from_bits(bits))),
        1 => Just(None),
    ]
}

proptest! {
    #![proptest_config(Config::with_cases(100))]

    #[test]
    fn parts_merged_in_any_order_are_the_whole(
        odd in prop::collection::vec((number(), number(), "[a-c]{0,2}", number()), 1..40),
        cut in 0..40usize,
    ) {
        let plan = plan(profile(&features(400), METRIC, 400, 100), METRIC);
        let mut rows = features(odd.len() as u64);
        for (row, (a, b, label, d)) in odd.iter().enumerate() {
            set(&mut rows[0].1, row, *a);
            set(&mut rows[1].1, row, *b);
            set(&mut rows[3].1, row, *d);
            if let Feature::Labels(labels) = &mut rows[2].1 {
                labels[row] = (!label.is_empty()).then(|| label.clone());
            }
        }
        let cut = cut.min(odd.len());
        let mut whole = fold(&plan, &rows, 0, odd.len());
        let mut parts = fold(&plan, &rows, cut, odd.len());
        parts.merge(&fold(&plan, &rows, 0, cut), &plan);
        prop_assert_eq!(bytes(&parts), bytes(&whole));
        // A row's error does not depend on those beside it.
        let mut one_by_one = WindowState::new(&plan);
        for row in 0..odd.len() {
            one_by_one.merge(&fold(&plan, &rows, row, row + 1), &plan);
        }
        prop_assert_eq!(bytes(&one_by_one), bytes(&whole));
        prop_assert_eq!(figure(&plan, &mut parts), figure(&plan, &mut whole));
    }
}

#[test]
fn features_that_go_together_no_more_are_seen_though_each_is_as_before() {
    let mut features = features(1200);
    let plan = plan(profile(&features, METRIC, 400, 100), METRIC);
    // The second feature of another row: the same values, without the first one's company.
    if let Feature::Numbers(values) = &mut features[1].1 {
        values[800..].rotate_left(17);
    }
    let steady = figure(&plan, &mut fold(&plan, &features, 400, 800)).unwrap();
    let torn = figure(&plan, &mut fold(&plan, &features, 800, 1200)).unwrap();
    assert_eq!((steady.breach, torn.breach), (Some(false), Some(true)));
    assert!(torn.value.unwrap() > 1.25 * steady.value.unwrap(), "{torn:?} {steady:?}");
}

#[test]
fn infinite_values_leave_no_figure_and_do_not_touch_the_reference() {
    let mut features = features(600);
    let clean = profile(&features, METRIC, 400, 100);
    set(&mut features[3].1, 250, Some(f64::INFINITY));
    set(&mut features[0].1, 500, Some(f64::NEG_INFINITY));
    let plan = plan(profile(&features, METRIC, 400, 100), METRIC);
    let of = |from| fold(&plan, &features, from, from + 100);
    let lost = figure(&plan, &mut of(500)).unwrap();
    assert_eq!((lost.value, lost.breach, lost.status), (None, None, Status::Infinite));
    let fine = figure(&plan, &mut of(400)).unwrap();
    assert_eq!(fine.status, Status::Ok);
    // One row less of four hundred.
    let [with, without] = [plan.profile(), &clean].map(|profile| {
        let found = profile.reconstruction.as_ref().unwrap();
        found.residual.as_ref().unwrap().typical
    });
    assert!((with / without - 1.0).abs() < 0.02, "{with} {without}");
}

#[test]
fn what_leaves_nothing_to_measure_by_says_so() {
    let all = features(400);
    // Two features that have nothing to do with each other need both components; constant ones have none.
    let unrelated = vec![all[0].clone(), all[3].clone()];
    let constant: Vec<(String, Feature)> =
        ["p", "q"].map(|name| (name.to_owned(), Feature::Numbers(vec![Some(7.5); 400]))).into();
    for features in [unrelated, constant] {
        let plan = plan(profile(&features, METRIC, 400, 100), METRIC);
        let found = figure(&plan, &mut fold(&plan, &features, 0, 100)).unwrap();
        assert_eq!((found.value, found.breach, found.status), (None, None, Status::Constant));
        assert_eq!((found.lower_threshold, found.upper_threshold), (None, None));
        let reading = &plan.profile().windows[0].reading;
        let value = reading.whole(Metric::ReconstructionError).unwrap().value;
        assert_eq!(value.0, Err(Undefined::Constant));
    }
    // A single feature goes together with nothing.
    let single = vec![all[0].clone()];
    let plan = plan(profile(&single, METRIC, 400, 100), METRIC);
    assert_eq!(figure(&plan, &mut fold(&plan, &single, 0, 100)), None);
    assert_eq!(length(&single), 400);
}

#[test]
fn a_window_of_one_row_has_a_value_and_no_error() {
    let features = features(401);
    let plan = plan(profile(&features, METRIC, 400, 100), METRIC);
    let one = figure(&plan, &mut fold(&plan, &features, 400, 401)).unwrap();
    assert!(one.value.is_some() && one.sampling_error.is_none() && one.upper_confidence.is_none());
    let none = figure(&plan, &mut WindowState::new(&plan)).unwrap();
    assert_eq!((none.value, none.status), (None, Status::Empty));
}

#[test]
fn an_unseen_category_is_the_rarest_of_all() {
    let mut features = features(500);
    let plan = plan(profile(&features, METRIC, 400, 100), METRIC);
    let before = fold(&plan, &features, 400, 500);
    if let Feature::Labels(labels) = &mut features[2].1 {
        labels[400..].fill(Some("never seen".to_owned()));
    }
    let mut after = fold(&plan, &features, 400, 500);
    let value = |state: &mut WindowState| figure(&plan, state).unwrap().value.unwrap();
    assert!(value(&mut after) > value(&mut before.clone()) + 1.0);
}
