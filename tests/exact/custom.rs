//! Metrics of the user's own: written as formulas that vigie has anyway, they say what those say.

use std::collections::BTreeMap;

use vigie::metric::Kind;
use vigie::window::{Figure, WindowState};

use crate::world::{OWN, plan, rows, served};

/// The figures of a window by kind and name.
fn figures(seed: u64, count: u64) -> BTreeMap<(Kind, String), Figure> {
    let plan = plan();
    let batch = served(plan.profile(), &rows(seed, count), 0);
    let mut state = WindowState::new(plan);
    state.fold(plan, &plan.prepare(&batch), 0, batch.offsets.len());
    let figures = plan.figures(&state.evaluate(plan), None);
    let outputs = figures.into_iter().filter(|figure| figure.column_name.is_none());
    outputs.map(|figure| ((figure.kind, figure.metric.to_string()), figure)).collect()
}

/// Whether two numbers are the same but for the order of sums.
fn near(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        (a, b) => a == b,
    }
}

#[test]
fn a_formula_of_a_known_metric_is_that_metric() {
    for (seed, count) in [(1, 500), (9, 777)] {
        let figures = figures(seed, count);
        for kind in [Kind::Estimated, Kind::Realized] {
            for (own, known) in
                [("own_accuracy", "accuracy"), ("own_f1", "f1"), ("own_precision", "precision")]
            {
                let [own, known] = [own, known].map(|name| &figures[&(kind, name.to_owned())]);
                assert!(near(own.value, known.value), "{own:?}\n{known:?}");
                assert!(near(own.lower_threshold, known.lower_threshold), "{own:?}\n{known:?}");
                assert_eq!(
                    (own.breach, own.status, own.method),
                    (known.breach, known.status, known.method)
                );
                // Both are of first order; the known ones divide by one row less here and there.
                let ratio = own.sampling_error.unwrap() / known.sampling_error.unwrap();
                let range = if own.metric.as_str() == "own_f1" { 0.5..2.0 } else { 0.999..1.001 };
                assert!(range.contains(&ratio), "{ratio} {own:?}\n{known:?}");
            }
        }
    }
}

#[test]
fn every_one_is_there_estimated_and_realized_with_all_that_a_figure_has() {
    let figures = figures(3, 600);
    for kind in [Kind::Estimated, Kind::Realized] {
        for (name, _) in OWN {
            let figure = &figures[&(kind, (*name).to_owned())];
            assert!(figure.value.is_some() && figure.sampling_error.is_some(), "{figure:?}");
            assert!(
                figure.lower_confidence < figure.value && figure.value < figure.upper_confidence
            );
            assert!(figure.lower_threshold.is_some() && figure.breach.is_some(), "{figure:?}");
        }
    }
    let cost = &figures[&(Kind::Realized, "own_cost".to_owned())];
    let cell = |name: &str| figures[&(Kind::Realized, name.to_owned())].value.unwrap();
    let expected = (10.0 * cell("false_positive") + 500.0 * cell("false_negative")) / 600.0;
    assert_eq!(cost.value, Some(expected));
}

#[test]
fn a_window_without_rows_says_so() {
    let figures = figures(3, 0);
    let figure = &figures[&(Kind::Realized, "own_cost".to_owned())];
    let known = &figures[&(Kind::Realized, "accuracy".to_owned())];
    assert_eq!((figure.value, figure.status, figure.breach), (None, known.status, None));
}
