//! Estimates that are robust to covariate shift: the same however rows came, nothing added where nothing has moved, and no
//! number where there is nothing to make it of.

use std::sync::Arc;

use vigie::fit::{Spec, fit};
use vigie::metric::{Kind, Metric};
use vigie::profile::{Profile, WindowRule};
use vigie::window::{Criteria, Figure, Method, Plan, Status, WindowState};

use crate::world::{self, Row};

fn profile(rows: &[Row]) -> Profile {
    let spec = Spec { whole: Vec::new(), sampled: true, ..world::spec(WindowRule::Size(500)) };
    fit(spec, vec![world::batch(rows, 0)]).unwrap()
}

fn plan(profile: Profile) -> Plan {
    let criteria = Criteria { whole: Vec::new(), robust: true, ..Criteria::default() };
    Plan::new(Arc::new(profile), criteria)
}

fn fold(plan: &Plan, rows: &[Row]) -> WindowState {
    let batch = world::served(plan.profile(), rows, 0);
    let mut state = WindowState::new(plan);
    state.fold(plan, &plan.prepare(&batch), 0, rows.len());
    state
}

fn figures(plan: &Plan, state: &mut WindowState) -> Vec<Figure> {
    plan.figures(&state.evaluate(plan), None)
}

fn robust(figures: &[Figure], metric: Metric) -> &Figure {
    let of = |figure: &&Figure| figure.method == Some(Method::Pape) && figure.metric == metric;
    figures.iter().find(of).unwrap()
}

fn plain(figures: &[Figure], metric: Metric) -> &Figure {
    let of = |figure: &&Figure| figure.kind == Kind::Estimated && figure.metric == metric;
    figures.iter().find(of).unwrap()
}

fn outside(figures: &[Figure]) -> &Figure {
    figures.iter().find(|figure| figure.metric == Metric::SupportViolationRate).unwrap()
}

#[test]
fn parts_merged_are_the_whole_and_a_steady_world_adds_nothing() {
    let plan = plan(profile(&world::rows(1, 2000)));
    let rows = world::rows(2, 1200);
    let whole = figures(&plan, &mut fold(&plan, &rows));
    let mut merged = fold(&plan, &rows[700..]);
    merged.merge(&fold(&plan, &rows[..300]), &plan);
    merged.merge(&fold(&plan, &rows[300..700]), &plan);
    assert_eq!(figures(&plan, &mut merged), whole);
    let mut again: WindowState = minicbor::decode(&minicbor::to_vec(&merged).unwrap()).unwrap();
    assert_eq!(figures(&plan, &mut again), whole);
    for metric in [Metric::RocAuc, Metric::F1, Metric::Accuracy, Metric::Specificity] {
        let (robust, plain) = (robust(&whole, metric), plain(&whole, metric));
        let error = plain.sampling_error.unwrap();
        assert!((robust.value.unwrap() - plain.value.unwrap()).abs() < 0.2 * error, "{metric}");
        // Reference and window have about as many rows: their errors together.
        let wider = robust.sampling_error.unwrap() / error;
        assert!((1.1..1.6).contains(&wider), "{wider}");
        assert_eq!((robust.breach, robust.status), (Some(false), Status::Ok));
        assert_eq!(robust.lower_threshold, plain.lower_threshold);
    }
    assert_eq!(outside(&whole).value, Some(0.0));
}

#[test]
fn a_score_that_is_worth_less_where_the_rows_are_now_is_found_out() {
    // In the south the score says nothing; there are few such rows in the reference, and nearly all are in the window.
    let south = |rows: Vec<Row>, share: f64| -> Vec<Row> {
        let of = |(at, row): (usize, Row)| {
            let moved = world::uniform(91, at as u64) < share;
            let coin = world::uniform(92, at as u64) < 0.5;
            let region = if moved { "south" } else { "north" };
            let target = if moved { Some(coin) } else { row.target };
            Row { region: Some(region.to_owned()), target, ..row }
        };
        rows.into_iter().enumerate().map(of).collect()
    };
    let plan = plan(profile(&south(world::rows(1, 4000), 0.2)));
    let rows = south(world::rows(2, 1500), 0.8);
    let found = figures(&plan, &mut fold(&plan, &rows));
    let of = |figure: &&Figure| figure.kind == Kind::Realized && figure.metric == Metric::RocAuc;
    let came = found.iter().find(of).unwrap().value.unwrap();
    let (robust, plain) = (robust(&found, Metric::RocAuc), plain(&found, Metric::RocAuc));
    let off = |figure: &Figure| (figure.value.unwrap() - came).abs();
    assert!(off(plain) > 0.1, "{plain:?} {came}");
    assert!(off(robust) < 3.0 * robust.sampling_error.unwrap(), "{robust:?} {came}");
    assert!(off(robust) < 0.4 * off(plain), "{robust:?} {plain:?} {came}");
    assert_eq!(robust.breach, Some(true), "{robust:?}");
}

#[test]
fn where_there_is_nothing_to_stand_on_there_is_a_reason_and_no_number() {
    let status = |plan: &Plan, rows: &[Row]| {
        let found = figures(plan, &mut fold(plan, rows));
        let figure = robust(&found, Metric::RocAuc);
        assert_eq!((figure.value, figure.sampling_error, figure.breach), (None, None, None));
        figure.status
    };
    let steady = plan(profile(&world::rows(1, 2000)));
    let mut moved = world::rows(2, 800);
    for row in &mut moved {
        row.amount = row.amount.map(|amount| 1e6 + amount);
        row.region = Some("atlantis".to_owned());
    }
    assert_eq!(status(&steady, &moved), Status::OutsideSupport);
    let found = figures(&steady, &mut fold(&steady, &moved));
    assert!(outside(&found).value.unwrap() > 0.9);
    assert_eq!(status(&steady, &world::rows(2, 50)), Status::TooFew);
    let mut one = world::rows(1, 2000);
    for row in &mut one {
        row.target = Some(true);
    }
    assert_eq!(status(&plan(profile(&one)), &world::rows(2, 800)), Status::OneClass);
    // A few labelled rows say nothing of a window.
    let mut few = world::rows(1, 2000);
    for row in few.iter_mut().skip(250) {
        row.target = None;
    }
    assert_eq!(status(&plan(profile(&few)), &world::rows(2, 800)), Status::TooFew);
    let mut none = world::rows(2, 800);
    for row in &mut none {
        row.score = None;
    }
    assert_eq!(status(&steady, &none), Status::AllMissing);
}
