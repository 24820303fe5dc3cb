//! Why performance changed: laws of the orders of columns, and of the last windows from each to the next.

use std::slice;
use std::sync::Arc;

use proptest::prelude::{
    Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use vigie::alert::{Policy, Published, Watch};
use vigie::diagnosis::{
    Course, Drift, FEWEST, Ranking, Recent, Seen, by_breaches, by_correlation, changes,
};
use vigie::metric::{Kind, Metric};
use vigie::profile::WindowRule;
use vigie::stats::{Basis, Undefined};
use vigie::window::{
    ClosedBy, Criteria, Dataset, Figure, Heading, Method, Plan, RankBy, Status, WindowResult,
    WindowState,
};

use crate::world::{Row, profile_of, row, rows, served};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn drift() -> impl Strategy<Value = Option<Drift>> {
    // Few values, so that columns are tied and constant.
    let value = prop_oneof![3 => (0..4).prop_map(f64::from), 1 => 0.0..1.0f64];
    let of = (value, any::<bool>()).prop_map(|(value, breach)| Drift { value, breach });
    prop_oneof![5 => of.prop_map(Some), 1 => Just(None)]
}

type Over = (Vec<Course<'static>>, Vec<Option<f64>>);

/// Columns and performance over so many windows.
fn over() -> impl Strategy<Value = Over> {
    (0..12usize).prop_flat_map(|windows| {
        let columns = prop::collection::vec(prop::collection::vec(drift(), windows), NAMES.len());
        let value = prop_oneof![5 => (0.5..1.0f64).prop_map(Some), 1 => Just(None)];
        (columns, prop::collection::vec(value, windows)).prop_map(|(columns, performance)| {
            let course = |(column, drift)| Course { column, drift };
            (NAMES.into_iter().zip(columns).map(course).collect(), performance)
        })
    })
}

proptest! {
    #[test]
    fn every_column_has_one_place_whatever_order_they_came_in((mut courses, performance) in over(), turn in 0..6usize) {
        let change = changes(&performance, 0.8);
        let (counted, correlated) = (by_breaches(&courses), by_correlation(&courses, &change));
        courses.rotate_left(turn);
        courses.reverse();
        prop_assert_eq!(&by_breaches(&courses), &counted);
        prop_assert_eq!(&by_correlation(&courses, &change), &correlated);
        let mut names: Vec<&str> = correlated.iter().map(|ranked| ranked.column).collect();
        names.sort_unstable();
        prop_assert_eq!(names, NAMES);
        for pair in counted.windows(2) {
            prop_assert!(pair[0].1 > pair[1].1 || pair[0].1 == pair[1].1 && pair[0].0 < pair[1].0);
        }
        for pair in correlated.windows(2) {
            let fine = match (pair[0].found, pair[1].found) {
                (Ok(first), Ok(second)) if first.r != second.r => first.r > second.r,
                (Ok(_), Err(_)) => true,
                (Err(_), Ok(_)) => false,
                _ => pair[0].column < pair[1].column,
            };
            prop_assert!(fine, "{pair:?}");
        }
        for ranked in &correlated {
            let (_, breaches) = counted.iter().find(|(column, _)| *column == ranked.column).unwrap();
            prop_assert_eq!(ranked.has_drifted, *breaches > 0);
            if let Ok(found) = ranked.found {
                prop_assert!((-1.0..=1.0).contains(&found.r) && (0.0..=1.0).contains(&found.p_value));
            }
        }
    }

    #[test]
    fn windows_that_say_nothing_are_as_if_they_were_not_there((courses, performance) in over(), at in 0..12usize) {
        let at = at.min(performance.len());
        let with = |drift: &[Option<Drift>], nothing| {
            let mut drift = drift.to_vec();
            drift.insert(at, nothing);
            drift
        };
        let mut longer = performance.clone();
        longer.insert(at, None);
        let widened: Vec<Course<'_>> = courses
            .iter()
            .map(|of| Course {
                column: of.column,
                drift: with(&of.drift, Some(Drift { value: 9.0, breach: false })),
            })
            .collect();
        let before = by_correlation(&courses, &changes(&performance, 0.8));
        prop_assert_eq!(&by_correlation(&widened, &changes(&longer, 0.8)), &before);
        longer[at] = Some(0.1);
        let widened: Vec<Course<'_>> = courses
            .iter()
            .map(|of| Course { column: of.column, drift: with(&of.drift, None) })
            .collect();
        prop_assert_eq!(&by_correlation(&widened, &changes(&longer, 0.8)), &before);
    }
}

#[test]
fn what_cannot_be_said_has_a_reason() {
    let course = |values: &[f64]| Course {
        column: "a",
        drift: values.iter().map(|&value| Some(Drift { value, breach: false })).collect(),
    };
    let reason = |drift: &[f64], change: &[Option<f64>]| {
        by_correlation(&[course(drift)], change)[0].found.unwrap_err()
    };
    let change = [Some(0.1), Some(0.2), Some(0.4)];
    assert_eq!(reason(&[0.0; 3], &change), Undefined::Constant);
    assert_eq!(reason(&[1.0, 2.0, 3.0], &[Some(0.5); 3]), Undefined::Constant);
    assert_eq!(reason(&[1.0, 2.0], &change[..2]), Undefined::TooFew);
    assert_eq!(reason(&[1.0, 2.0, 3.0], &[None; 3]), Undefined::TooFew);
    assert_eq!(reason(&[], &[]), Undefined::TooFew);
}

/// So many rows a window.
const SIZE: u64 = 200;

fn plan(rank_windows: u64) -> Plan {
    let profile = profile_of(&rows(1, 2000), WindowRule::Size(SIZE)).unwrap();
    let criteria = Criteria {
        performance: vec![Metric::Accuracy, Metric::F1],
        continuous: vec![Metric::Wasserstein, Metric::JensenShannon],
        categorical: vec![Metric::LInfinity],
        min_rows: 50,
        rank_windows,
        ..Criteria::default()
    };
    Plan::new(Arc::new(profile), criteria)
}

/// Windows that move away from the reference, and come back: amounts, and with them how sure the model is.
fn results(plan: &Plan, windows: u64) -> Vec<WindowResult> {
    let moved = |window: u64, row: Row| {
        let far = (window % 5) as f64 / 5.0;
        Row {
            amount: row.amount.map(|amount| amount * (1.0 + far)),
            score: row.score.map(|score| score + (0.5 - score) * far),
            ..row
        }
    };
    let of = |window: u64| {
        let last = window * SIZE + if window == 7 { 20 } else { SIZE };
        let rows: Vec<Row> =
            (window * SIZE..last).map(|index| moved(window, row(3, index))).collect();
        let batch = served(plan.profile(), &rows, 0);
        let mut state = WindowState::new(plan);
        state.fold(plan, &plan.prepare(&batch), 0, rows.len());
        heading(window, rows.len() as u64).result(plan, &state.evaluate(plan), None)
    };
    (0..windows).map(of).collect()
}

fn heading(index: u64, rows: u64) -> Heading {
    Heading {
        model: "loans".to_owned(),
        version: String::new(),
        dataset: Dataset::Analysis,
        index,
        span: None,
        row_span: None,
        rows,
        closed_by: ClosedBy::Size,
        late: 0,
        rejected: 0,
        quarantined: 0,
        lanes_left_out: Vec::new(),
        inputs: Vec::new(),
        epoch: 1,
        profile: String::new(),
        settings: String::new(),
    }
}

fn of(figures: &[Figure], metric: Metric, method: Option<Method>) -> Vec<&Figure> {
    let of = |figure: &&Figure| figure.metric == metric && figure.method == method;
    figures.iter().filter(of).collect()
}

#[test]
fn the_last_windows_are_ranked_from_each_to_the_next() {
    for most in [3, 4, 20] {
        let plan = plan(most);
        let results = results(&plan, 12);
        let seen: Vec<Seen> = results.iter().map(|result| Seen::of(&plan, result)).collect();
        let (mut recent, mut stopped) = (Recent::default(), Recent::default());
        for (index, result) in results.iter().enumerate() {
            let figures = recent.take(&plan, result);
            let from = (index + 1).saturating_sub(most as usize);
            assert_eq!(figures, Ranking::over(&plan, &seen[from..=index]).figures());
            // Whoever stops goes on from its bytes.
            let bytes = minicbor::to_vec(&stopped).unwrap();
            stopped = minicbor::decode(&bytes).unwrap();
            assert_eq!(stopped.take(&plan, result), figures);
            assert!(bytes.len() < 400 * (most as usize), "{}", bytes.len());
            assert_eq!(figures.is_empty(), index + 1 < FEWEST, "window {index}");
        }
        assert_eq!(stopped, recent);
    }
}

#[test]
fn what_moves_with_performance_stands_first_and_says_what_it_is_held_against() {
    let plan = plan(20);
    let results = results(&plan, 12);
    let mut recent = Recent::default();
    let figures = results.iter().map(|result| recent.take(&plan, result)).last().unwrap();
    let estimated = of(&figures, Metric::DriftCorrelation, Some(Method::Cbpe));
    let columns: Vec<&str> =
        estimated.iter().map(|figure| figure.column_name.as_deref().unwrap()).collect();
    assert_eq!(columns.len(), 4, "all but the target: {columns:?}");
    let first = estimated[0];
    assert!(["score", "amount"].contains(&columns[0]), "{columns:?}");
    assert!(first.value.unwrap() > 0.9 && first.p_value.unwrap() < 1e-3, "{first:?}");
    assert_eq!((first.kind, first.status, first.breach), (Kind::Diagnosis, Status::Ok, None));
    assert_eq!(first.of.as_ref().unwrap(), &Metric::Accuracy, "the first that is asked for");
    // Targets came with the rows, so nothing can change what came to pass.
    assert_eq!(of(&figures, Metric::DriftCorrelation, Some(Method::Labelled)).len(), 4);
    let counted = of(&figures, Metric::BreachCount, None);
    let amount = counted.iter().find(|figure| figure.column_name.as_deref() == Some("amount"));
    assert_eq!(amount.unwrap().of.as_ref().unwrap(), &Metric::Wasserstein);
    for figure in counted {
        let breached = |result: &&WindowResult| {
            result.figures.iter().any(|found| {
                found.kind == Kind::Drift
                    && found.column_name == figure.column_name
                    && Some(&found.metric) == figure.of.as_ref()
                    && found.breach == Some(true)
            })
        };
        let expected = results.iter().filter(breached).count();
        assert!(expected > 0);
        assert_eq!(figure.value, Some(expected as f64));
    }
}

#[test]
fn columns_are_ranked_by_each_thing_that_is_asked_for() {
    const NAMES: [&str; 6] =
        ["mean", "drift", "missing_rate", "unseen_rate", "jensen_shannon", "rows"];
    let by_drift = plan(20);
    let rank_by = NAMES.map(|name| RankBy::from_name(name).unwrap()).to_vec();
    let criteria = Criteria { rank_by, ..by_drift.criteria().clone() };
    let plan = Plan::new(Arc::clone(by_drift.profile()), criteria);
    let results = results(&plan, 12);
    let (mut recent, mut only) = (Recent::default(), Recent::default());
    let figures = results.iter().map(|result| recent.take(&plan, result)).last().unwrap();
    let found = |result: &WindowResult, column: &Option<String>, metric: Metric| {
        let is_it = |figure: &&Figure| {
            figure.column_name == *column
                && figure.metric == metric
                && [Kind::Drift, Kind::Quality, Kind::Summary].contains(&figure.kind)
        };
        let figure = result.figures.iter().find(is_it)?;
        Some(Drift { value: figure.value?, breach: figure.breach? })
    };
    let performance = |result: &WindowResult, kind: Kind, method: Method| {
        let is_it = |figure: &&Figure| {
            figure.kind == kind
                && figure.method == Some(method)
                && figure.metric == Metric::Accuracy
        };
        let figure = result.figures.iter().find(is_it)?;
        figure.breach.and(figure.value)
    };
    let mut ranked_by = Vec::new();
    for figure in &figures {
        let by = figure.ranked_by.unwrap();
        let course = Course {
            column: "it",
            drift: results.iter().map(|result| found(result, &figure.column_name, by)).collect(),
        };
        if figure.metric == Metric::BreachCount {
            let (_, breaches) = by_breaches(&[course])[0];
            assert_eq!(figure.value, Some(breaches as f64), "{figure:?}");
            continue;
        }
        let method = figure.method.unwrap();
        let (kind, basis) = match method {
            Method::Labelled => (Kind::Realized, Basis::Realized),
            _ => (Kind::Estimated, Basis::Estimated),
        };
        let values: Vec<_> =
            results.iter().map(|result| performance(result, kind, method)).collect();
        let change = changes(&values, plan.leading_in_reference(basis).unwrap());
        let expected = by_correlation(&[course], &change)[0].found;
        assert_eq!(figure.value, expected.ok().map(|found| found.r), "{figure:?}");
        ranked_by.push((method, by, figure.column_name.clone()));
    }
    // Amount and score have a mean; and all windows that are judged have as many rows.
    let times = |metric: Metric| ranked_by.iter().filter(|(_, by, _)| *by == metric).count();
    assert_eq!([Metric::Mean, Metric::MissingRate, Metric::Rows].map(times), [4, 8, 2]);
    let rows = figures.iter().find(|figure| figure.ranked_by == Some(Metric::Rows)).unwrap();
    assert_eq!((rows.status, &rows.column_name), (Status::Constant, &None));
    // The order is that in which it was asked for; the ranking by drift is the same as without any other.
    assert_eq!(figures[0].ranked_by, Some(Metric::Mean));
    assert_eq!(figures.last().unwrap().ranked_by, Some(Metric::Rows));
    let by_drift = results.iter().map(|result| only.take(&by_drift, result)).last().unwrap();
    assert!(by_drift.iter().all(|figure| figures.contains(figure)));
    assert!(by_drift.iter().all(Figure::ranks_by_drift));
}

#[test]
fn windows_too_small_to_judge_and_those_of_persons_are_left_out() {
    let plan = plan(20);
    let results = results(&plan, 12);
    let seen: Vec<Seen> = results.iter().map(|result| Seen::of(&plan, result)).collect();
    let mut without = seen.clone();
    without.remove(7);
    let [mut all, mut less] = [&seen, &without].map(|seen| Ranking::over(&plan, seen).figures());
    // A window that was not judged adds nothing.
    assert_eq!(results[7].window_rows, 20);
    assert_eq!(all, less);
    let mut recent = Recent::default();
    for result in &results {
        recent.take(&plan, result);
    }
    // A person leaves the eighth out, and puts the fourth in the place of the third.
    let excluded = WindowResult { figures: Vec::new(), ..results[8].clone() };
    recent.amend(&excluded, Some(&plan));
    let replaced = WindowResult { window_index: 3, ..results[4].clone() };
    recent.amend(&replaced, Some(&plan));
    let next = WindowResult { window_index: 12, ..results[0].clone() };
    all = recent.take(&plan, &next);
    let mut expected = seen;
    expected[3] = Seen::of(&plan, &replaced);
    expected.remove(8);
    expected.push(Seen::of(&plan, &next));
    less = Ranking::over(&plan, &expected).figures();
    assert_eq!(all, less);
    // Another epoch begins anew.
    let other = WindowResult { epoch: 2, ..results[0].clone() };
    assert_eq!(recent.take(&plan, &other), []);
    recent.amend(&excluded, Some(&plan));
}

#[test]
fn where_nothing_is_asked_for_nothing_is_ranked() {
    let plan = plan(0);
    let mut recent = Recent::default();
    for result in results(&plan, 5) {
        assert_eq!(recent.take(&plan, &result), []);
    }
    assert_eq!(recent, {
        let mut empty = Recent::default();
        empty.take(&plan, &results(&plan, 1)[0]);
        empty
    });
}

#[test]
fn evidence_is_in_the_order_of_the_ranks_and_without_any_by_how_far_it_is_out() {
    let plain = Figure::count(0.0, Status::Ok);
    let bad = Figure {
        kind: Kind::Estimated,
        metric: Metric::Accuracy.into(),
        method: Some(Method::Cbpe),
        value: Some(0.5),
        lower_threshold: Some(0.7),
        breach: Some(true),
        ..plain.clone()
    };
    let drifted = |column: Option<&str>, value: f64| Figure {
        kind: Kind::Drift,
        metric: Metric::JensenShannon.into(),
        column_name: column.map(str::to_owned),
        value: Some(value),
        upper_threshold: Some(0.1),
        breach: Some(true),
        ..plain.clone()
    };
    let ranked =
        |metric: Metric, method: Option<Method>, column: &str, value: Option<f64>| Figure {
            kind: Kind::Diagnosis,
            metric: metric.into(),
            method,
            column_name: Some(column.to_owned()),
            value,
            ..plain.clone()
        };
    let drift = [
        drifted(None, 0.9),
        drifted(Some("far"), 0.8),
        drifted(Some("often"), 0.3),
        drifted(Some("second"), 0.2),
        drifted(Some("first"), 0.15),
    ];
    let by = |method, columns: [(&str, Option<f64>); 3]| {
        columns.map(|(column, r)| ranked(Metric::DriftCorrelation, Some(method), column, r))
    };
    let estimated = by(Method::Cbpe, [("first", Some(0.9)), ("second", Some(0.2)), ("far", None)]);
    let realized =
        by(Method::Labelled, [("far", Some(0.9)), ("often", Some(0.2)), ("first", None)]);
    let breaches = [("often", 5.0), ("far", 2.0)]
        .map(|(column, n)| ranked(Metric::BreachCount, None, column, Some(n)));
    let order = |deciding: &Figure, figures: &[&[Figure]]| -> Vec<String> {
        let figures = [&[&drift[..], slice::from_ref(deciding)], figures].concat().concat();
        let result = WindowResult { figures, ..heading(0, 100).bare() };
        let first = Policy { open_after: 1, open_of: 1, margin: 0.0, ..Policy::default() };
        let seen = Published { result: &result, segments: &[], muted_until: None };
        let event = Watch::default().seal(&first, &seen, false).pop();
        let drift = event.unwrap().evidence.drift.into_iter();
        drift.map(|figure| figure.column_name.unwrap_or_else(|| "all".to_owned())).collect()
    };
    assert_eq!(order(&bad, &[]), ["all", "far", "often", "second", "first"]);
    assert_eq!(order(&bad, &[&breaches]), ["often", "far", "all", "second", "first"]);
    let ranks: [&[Figure]; 3] = [&estimated, &realized, &breaches];
    assert_eq!(order(&bad, &ranks), ["first", "second", "often", "far", "all"]);
    let decided = Figure { kind: Kind::Realized, method: Some(Method::Labelled), ..bad.clone() };
    assert_eq!(order(&decided, &ranks), ["far", "often", "all", "second", "first"]);
    // Where realized performance ranks nothing, estimated performance does.
    assert_eq!(order(&decided, &[&estimated]), ["first", "second", "all", "far", "often"]);
}
