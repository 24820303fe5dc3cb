//! Metrics of the user's own over single rows: they are what the same sums by hand are.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use vigie::batch::Expected;
use vigie::fit::{Spec, fit};
use vigie::metric::Kind;
use vigie::profile::{Profile, RowMean, WindowRule};
use vigie::stats::Threshold;
use vigie::window::{Criteria, Figure, Method, Plan, Repeated, Status, WindowState};

use crate::world::{Row, all_criteria, batch, rows, segments, served, spec};

/// Name, formula, and the same by hand: what a row is worth by its target.
type Own = (&'static str, &'static str, fn(&Row, bool) -> Option<f64>);

const OWN: [Own; 6] = [
    ("signed", "amount * (target - prediction)", |row, target| {
        Some(row.amount? * (number(target) - number(row.prediction?)))
    }),
    ("right", "case when prediction = target then 1 else 0 end", |row, target| {
        Some(number(row.prediction == Some(target)))
    }),
    // Of some rows alone, which are not known without the target.
    (
        "amount_of_good",
        "case when target then amount end",
        |row, target| {
            if target { row.amount } else { None }
        },
    ),
    (
        "east",
        "case when region in ('east', 'west') then probability when region is null then 2 else 0 end",
        |row, _| match row.region.as_deref() {
            Some("east") => row.score,
            Some(_) => Some(0.0),
            None => Some(2.0),
        },
    ),
    ("share", "case when target = '1' then 1 - score else score end", |row, target| {
        Some(if target { 1.0 - row.score? } else { row.score? })
    }),
    ("nothing", "amount / (target - target)", |_, _| None),
];

fn number(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

fn made(rows: &[Row], with_segments: bool) -> Profile {
    let metrics = OWN.iter().map(|(name, sql, _)| ((*name).to_owned(), (*sql).to_owned()));
    let segments = with_segments.then(|| segments(rows, 50, 20));
    let spec = Spec { metrics: metrics.collect(), segments, ..spec(WindowRule::Size(500)) };
    fit(spec, vec![batch(rows, 0)]).unwrap()
}

fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let of = |own: &Own| (own.0.to_owned(), Threshold::THREE_SIGMA);
        let criteria = Criteria { rowwise: OWN.iter().map(of).collect(), ..all_criteria() };
        Plan::new(Arc::new(made(&rows(1, 2000), true)), criteria)
    })
}

/// A window with gaps of every kind.
fn window(seed: u64, count: u64) -> Vec<Row> {
    let mut rows = rows(seed, count);
    for (at, row) in rows.iter_mut().enumerate() {
        if at % 7 == 0 {
            row.target = None;
        }
        if at % 11 == 0 {
            row.region = None;
        }
        if at % 13 == 0 {
            row.score = None;
        }
        if at % 17 == 0 {
            row.prediction = None;
        }
    }
    rows
}

fn folded(plan: &Plan, rows: &[Row]) -> WindowState {
    let batch = served(plan.profile(), rows, 0);
    let mut state = WindowState::new(plan);
    state.fold(plan, &plan.prepare(&batch), 0, rows.len());
    state
}

fn figures(plan: &Plan, rows: &[Row]) -> BTreeMap<(Kind, Option<Method>, String), Figure> {
    let mut state = folded(plan, rows);
    let outcome = state.outcome(plan, &Repeated::default()).map(|(outcome, _)| outcome);
    let figures = plan.figures(&state.evaluate(plan), outcome.as_ref());
    let whole = figures.into_iter().filter(|of| of.column_name.is_none() && of.of.is_none());
    whole.map(|of| ((of.kind, of.method, of.metric.to_string()), of)).collect()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

#[test]
fn they_are_the_means_by_hand() {
    let rows = window(3, 900);
    let (plan, found) = (plan(), figures(plan(), &rows));
    let expected = plan.profile().expected(&batch(&rows, 0).columns);
    let Expected::Probabilities(classes) = expected else { panic!("a classifier") };
    for (name, _, of) in OWN {
        let estimated = &found[&(Kind::Estimated, Some(Method::Cbpe), name.to_owned())];
        let (mut sum, mut weight) = (0.0, 0.0);
        for (row, units) in rows.iter().zip(classes[0].iter()) {
            let positive = *units as f64 / (1u64 << 52) as f64;
            if row.score.is_none() {
                continue;
            }
            for (target, share) in [(false, 1.0 - positive), (true, positive)] {
                if let Some(value) = of(row, target).filter(|_| share > 0.0) {
                    sum += share * value;
                    weight += share;
                }
            }
        }
        let realized = &found[&(Kind::Realized, Some(Method::Labelled), name.to_owned())];
        let values: Vec<f64> = rows.iter().filter_map(|row| of(row, row.target?)).collect();
        if name == "nothing" {
            assert_eq!((estimated.value, estimated.status), (None, Status::AllMissing));
            assert_eq!((realized.value, realized.status), (None, Status::AllMissing));
            continue;
        }
        assert!(near(estimated.value.unwrap(), sum / weight), "{estimated:?} {}", sum / weight);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!(near(realized.value.unwrap(), mean), "{realized:?} {mean}");
        // The scatter of the reference's rows.
        let metric = plan.profile().metrics.iter().find(|of| of.name == name).unwrap();
        let error = metric.error.unwrap().for_rows(values.len() as u64).unwrap();
        assert_eq!(realized.sampling_error, Some(error));
        assert!(realized.lower_threshold < realized.upper_threshold && realized.breach.is_some());
    }
}

#[test]
fn what_a_known_metric_says_they_say_too() {
    let rows: Vec<Row> = window(5, 1200)
        .into_iter()
        .filter(|row| row.score.is_some() && row.prediction.is_some())
        .collect();
    let found = figures(plan(), &rows);
    for (kind, method) in [
        (Kind::Estimated, Method::Cbpe),
        (Kind::Realized, Method::Labelled),
        (Kind::Realized, Method::PostStratified),
    ] {
        let [own, known] =
            ["right", "accuracy"].map(|name| &found[&(kind, Some(method), name.to_owned())]);
        assert!(near(own.value.unwrap(), known.value.unwrap()), "{own:?}\n{known:?}");
        let ratio = own.sampling_error.unwrap() / known.sampling_error.unwrap();
        assert!((0.99..1.01).contains(&ratio), "{ratio} {own:?}\n{known:?}");
        assert_eq!((own.breach, own.status), (known.breach, known.status));
    }
}

#[test]
fn parts_merged_are_the_whole_and_segments_are_their_rows() {
    let (plan, rows) = (plan(), window(8, 700));
    let whole = folded(plan, &rows);
    let bytes = |state: &WindowState| minicbor::to_vec(state).unwrap();
    for cut in [0, 1, 350, 699] {
        let (first, second) = rows.split_at(cut);
        let mut merged = folded(plan, second);
        merged.merge(&folded(plan, first), plan);
        assert_eq!(bytes(&merged), bytes(&whole), "{cut}");
        assert_eq!(minicbor::decode::<WindowState>(&bytes(&merged)).unwrap(), merged);
    }
    let at = plan.segments().iter().position(|of| of.name() == "region=north").unwrap();
    let mut state = folded(plan, &rows);
    let of_segment = plan.segments()[at].plan().unwrap();
    let reading = state.segment(at).unwrap().evaluate(of_segment);
    let north: Vec<Row> =
        rows.iter().filter(|row| row.region.as_deref() == Some("north")).cloned().collect();
    let alone = folded(plan, &north).evaluate(plan);
    for ((ours, theirs), (name, ..)) in reading.metrics.iter().zip(&alone.metrics).zip(OWN) {
        assert_eq!(ours.realized, theirs.realized, "{name}");
        let value = |of: Option<RowMean>| of.and_then(|of| of.value.0.ok());
        match (value(ours.estimated), value(theirs.estimated)) {
            (Some(ours), Some(theirs)) => assert!(near(ours, theirs), "{name} {ours} {theirs}"),
            (ours, theirs) => assert_eq!(ours, theirs, "{name}"),
        }
    }
    assert!(reading.metrics[0].realized.unwrap().rows > 100);
}

#[test]
fn what_cannot_be_computed_is_refused_with_the_way_out() {
    let refused = |sql: &str| {
        let metrics = vec![("own".to_owned(), sql.to_owned())];
        let spec = Spec { metrics, ..spec(WindowRule::Size(500)) };
        fit(spec, vec![batch(&rows(1, 100), 0)]).unwrap_err().to_string()
    };
    for (sql, says) in [
        ("price * 2", "no column `price`; it may use amount, region, score, prediction, target"),
        ("region + 1", "`region` holds texts"),
        ("case when amount = 'much' then 1 end", "`amount` holds numbers"),
        ("amount +", "no SQL expression"),
    ] {
        let found = refused(sql);
        assert!(found.contains(says) && found.contains("performance.custom.own"), "{found}");
    }
}
