//! The domain classifier: what it says of made-up samples, and that a window's sample does not depend on how rows came.

use std::sync::Arc;

use vigie::fit::{Spec, fit};
use vigie::metric::{Kind, Metric};
use vigie::profile::{KeyedRows, Profile, Sample, WindowRule};
use vigie::stats::{Coded, Undefined, separation};
use vigie::window::{Criteria, Figure, Plan, Status, WindowState};

use crate::features::{Feature, fold, plan, profile, rows as rows_of};
use crate::world::{self, uniform};

/// What is measured here.
const METRIC: Metric = Metric::DomainClassifier;

fn draw(seed: u64, row: usize) -> f64 {
    uniform(seed, row as u64)
}

/// Rows of three features, the second a category; `moved` rows from the end on have another first feature.
fn features(count: usize, moved: usize) -> Vec<(String, Feature)> {
    let shift = |row: usize| if row + moved >= count { 0.4 } else { 0.0 };
    let numbers =
        |of: &dyn Fn(usize) -> f64| Feature::Numbers((0..count).map(|r| Some(of(r))).collect());
    let label = |row| ["x", "y", "z"][(draw(2, row) * 3.0) as usize].to_owned();
    vec![
        ("a".to_owned(), numbers(&|row| draw(1, row) + shift(row))),
        ("b".to_owned(), Feature::Labels((0..count).map(|row| Some(label(row))).collect())),
        ("c".to_owned(), numbers(&|row| (draw(3, row) * 8.0).floor())),
    ]
}

fn figures(plan: &Plan, state: &mut WindowState) -> Vec<Figure> {
    let figures = plan.figures(&state.evaluate(plan), None);
    figures.into_iter().filter(|figure| figure.metric == Metric::DomainClassifier).collect()
}

#[test]
fn what_nothing_tells_apart_is_at_a_half_and_what_differs_is_found() {
    let rows = 2000;
    let of_window: Vec<bool> = (0..rows).map(|row| row >= 1000).collect();
    // The first feature is noise; the second moves in the window; the third is a category that only windows have.
    let codes = |seen: bool| -> Vec<u8> {
        (0..rows)
            .flat_map(|row| {
                let late = seen && of_window[row];
                let code = |seed, most: f64| (draw(seed, row) * most) as u8 + 1;
                let moved = if late { 20 } else { 0 };
                [code(1, 60.0), code(2, 40.0) + moved, code(3, 3.0)]
            })
            .collect()
    };
    let ordered = vec![true, true, false];
    let same = Coded { codes: codes(false), ordered: ordered.clone() };
    let found = separation(&same, &of_window).unwrap();
    assert!((found.roc_auc - 0.5).abs() < 0.05, "{found:?}");
    let moved = Coded { codes: codes(true), ordered };
    let found = separation(&moved, &of_window).unwrap();
    // Half of either side lies where the other has nothing, the rest cannot be told: 3/4 and the ties of 1/4.
    assert!((found.roc_auc - 0.875).abs() < 0.03, "{found:?}");
    assert!(found.shares[1] > 0.8, "{found:?}");
    assert!((found.shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(separation(&moved, &of_window), Ok(found));
    let few = Coded { codes: vec![1; 3 * 150], ordered: vec![true; 3] };
    assert_eq!(separation(&few, &of_window[940..1090]), Err(Undefined::TooFew));
    assert_eq!(separation(&Coded::default(), &[]), Err(Undefined::Empty));
}

#[test]
fn a_window_that_moved_is_told_apart_by_what_moved() {
    let rows = features(6000, 1000);
    let plan = plan(profile(&rows, METRIC, 3000, 1000), METRIC);
    let [steady] = figures(&plan, &mut fold(&plan, &rows, 3000, 4000)).try_into().unwrap();
    assert_eq!((steady.kind, steady.breach, steady.status), (Kind::Drift, Some(false), Status::Ok));
    let moved = figures(&plan, &mut fold(&plan, &rows, 5000, 6000));
    assert_eq!(moved[0].breach, Some(true));
    assert!(moved[0].value.unwrap() > 0.65);
    let first = &moved[1];
    assert_eq!((first.kind, first.column_name.as_deref()), (Kind::Diagnosis, Some("a")));
    assert_eq!(
        (first.breach, first.of.as_ref().unwrap() == &Metric::DomainClassifier),
        (None, true)
    );
    assert!(first.value.unwrap() > 0.5);
    // The reference's own windows are not held against themselves.
    for window in &plan.profile().windows {
        let value = window.reading.whole(Metric::DomainClassifier).unwrap().value.0.unwrap();
        assert!((value - 0.5).abs() < 0.06, "{value}");
    }
}

#[test]
fn rows_that_are_too_much_alike_are_chosen_by_nothing_fair() {
    let code = |row: usize| draw(5, row / 40);
    let alike = |count: usize| {
        vec![(
            "a".to_owned(),
            Feature::Numbers((0..count).map(|row| Some((code(row) * 900.0).floor())).collect()),
        )]
    };
    let features = alike(24_000);
    let plan = plan(profile(&features, METRIC, 12_000, 3_000), METRIC);
    // The reference gives its rows keys of their own.
    assert!(plan.profile().windows.iter().all(|window| window.reading.whole(METRIC).is_some()));
    let status = |to| figures(&plan, &mut fold(&plan, &features, 12_000, to))[0].status;
    assert_eq!([status(15_000), status(24_000)], [Status::Ok, Status::TooFew]);
}

#[test]
fn keys_are_of_ids_and_values_and_of_nothing_else() {
    let rows = features(50, 0);
    let plan = plan(profile(&features(1000, 0), METRIC, 1000, 500), METRIC);
    let keys = |from: usize, to: usize, id: Option<u128>| {
        let rows = rows_of(&rows, from, to);
        plan.profile().keys((from..to).map(|_| id), &rows.columns).to_vec()
    };
    let all = keys(0, 50, None);
    assert_eq!(all, [keys(0, 20, None), keys(20, 50, None)].concat());
    let with_id = keys(0, 50, Some(7));
    assert!(all.iter().all(|key| !with_id.contains(key)));
    let mut sorted = all.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), 50, "rows that differ have keys that differ");
}

#[test]
fn rows_of_samples_carry_what_the_model_put_out() {
    let reference = world::rows(1, 1500);
    let spec = Spec { sampled: true, ..world::spec(WindowRule::Size(500)) };
    let profile = fit(spec, vec![world::batch(&reference, 0)]).unwrap();
    let text = profile.to_text();
    assert!(text.starts_with("{\"vigie_profile\":3,"));
    assert_eq!(Profile::from_text("it", &text).unwrap(), profile);
    let of_id = |keyed: &KeyedRows, sample: &Sample, rows: &[world::Row]| {
        let columns = world::batch(rows, 0).columns;
        let ids = rows.iter().map(|row| Some(row.time as u128));
        let keys = profile.keys(ids, &columns);
        for (row, key) in rows.iter().zip(keys.iter()) {
            let at = keyed.keys.binary_search(key).unwrap();
            let found = sample.outputs(keyed, at);
            assert_eq!(found.numbers.len(), 1);
            assert_eq!(Some(found.numbers[0]).filter(|score| !score.is_nan()), row.score);
            assert_eq!(found.predicted, row.prediction.map(usize::from));
            assert_eq!(found.target, row.target.map(|target| f64::from(u8::from(target))));
        }
    };
    let sample = profile.sample.as_ref().unwrap();
    // The reference of this test has no ids.
    let target = |at| sample.outputs(&sample.rows, at).target.unwrap();
    let positives: f64 = (0..sample.rows.len()).map(target).sum();
    assert_eq!(positives, reference.iter().filter(|row| row.target == Some(true)).count() as f64);
    let mut rows = world::rows(2, 900);
    for (at, row) in rows.iter_mut().enumerate() {
        row.score = row.score.filter(|_| at % 7 > 0);
        row.prediction = row.prediction.filter(|_| at % 5 > 0);
        row.target = row.target.filter(|_| at % 3 > 0);
    }
    let whole = Criteria { whole: Vec::new(), sampled: true, ..Criteria::default() };
    let plan = Plan::new(Arc::new(profile.clone()), whole);
    let fold = |rows: &[world::Row]| {
        let rows = world::served(plan.profile(), rows, 0);
        let mut state = WindowState::new(&plan);
        state.fold(&plan, &plan.prepare(&rows), 0, rows.len());
        state
    };
    let mut state = fold(&rows);
    of_id(state.sample().unwrap(), sample, &rows);
    let mut merged = fold(&rows[600..]);
    merged.merge(&fold(&rows[..600]), &plan);
    let bytes = |state: &WindowState| minicbor::to_vec(state).unwrap();
    assert_eq!(bytes(&merged), bytes(&state));
    let mut again: WindowState = minicbor::decode(&bytes(&state)).unwrap();
    assert_eq!(again.sample(), state.sample());
}

#[test]
fn a_sample_is_the_same_however_the_rows_came_and_stays_bounded() {
    let mut rows = features(26_000, 0);
    // Few distinct values, so that what is looked at is the sample.
    if let Feature::Numbers(values) = &mut rows[0].1 {
        for value in values.iter_mut().flatten() {
            *value = (*value * 500.0).floor();
        }
    }
    let plan = plan(profile(&rows, METRIC, 1000, 500), METRIC);
    let whole = fold(&plan, &rows, 1000, 26_000);
    let bytes = |state: &WindowState| minicbor::to_vec(state).unwrap();
    for parts in [2, 7] {
        let mut merged = WindowState::new(&plan);
        let size = 25_000 / parts + 1;
        for from in (1000..26_000).step_by(size).collect::<Vec<_>>().into_iter().rev() {
            merged.merge(&fold(&plan, &rows, from, 26_000.min(from + size)), &plan);
        }
        assert_eq!(bytes(&merged), bytes(&whole));
        assert_eq!(merged, whole);
    }
    let again: WindowState = minicbor::decode(&bytes(&whole)).unwrap();
    assert_eq!(again, whole);
    // Ten thousand rows of a key and three codes each, and little beside.
    assert!(bytes(&whole).len() < 150_000, "{}", bytes(&whole).len());
}
