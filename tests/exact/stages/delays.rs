//! Targets whose delay depends on the score: the first to come mislead, unless they are weighed.

use vigie::metric::{Kind, Metric};
use vigie::profile::WindowRule;
use vigie::simulator::{Case, OutcomePlan, Performance, Scored, Timeline, World};
use vigie::window::{Figure, Method, WindowResult};

use super::targets::{Prediction, Told, Works, epochs, plan_of};
use crate::world::Row;

const ROWS: u64 = 4_000;

/// The higher the score the later: at score 1 a target takes nearly five times as long as at score 0.
const BY_SCORE: OutcomePlan = OutcomePlan {
    median_seconds: 600.0,
    spread: 0.5,
    score_effect: 1.5,
    transit_seconds: 5.0,
    coverage: 1.0,
    duplicated: 0.05,
    corrected: 0.0,
    withdrawn: 0.0,
};

fn row(world: &World, case: &Case, target: Option<bool>) -> Row {
    let score = world.model().score(&case.seen);
    Row {
        time: case.time,
        amount: case.seen.income,
        region: Some(case.seen.region.as_str().to_owned()),
        score: Some(score),
        prediction: Some(world.model().predicts(score)),
        target,
    }
}

fn world(seed: u64) -> World {
    World::new(seed).with_timeline(Timeline { start: 0, spacing: 1_000, jitter: 0 })
}

/// All results of one window, revision by revision, with targets that come so.
fn revisions(world: &World, delays: OutcomePlan) -> Vec<WindowResult> {
    let before = world.reference(6_000);
    let reference: Vec<Row> =
        before.cases(0..6_000).map(|case| row(&before, &case, Some(case.repaid))).collect();
    let plan = plan_of(&reference);
    let mut works = Works::new(epochs(&plan, WindowRule::Size(ROWS), 1), 1, 1);
    let predictions: Vec<Prediction> = world
        .cases(0..ROWS)
        .map(|case| Prediction { id: case.event, row: row(world, &case, None) })
        .collect();
    works.predict(&plan, 0, &predictions);
    works.join(0, usize::MAX, false);
    for come in delays.deliveries(world, 0..ROWS).chunks(210) {
        let last = come.last().map_or(0, |outcome| outcome.arrives_at);
        works.now = 1_000 + last / 1_000_000;
        let told: Vec<Told> = come
            .iter()
            .map(|outcome| Told {
                id: outcome.event,
                decided_at: outcome.decided_at,
                label: outcome.target,
            })
            .collect();
        works.know(&told);
        works.join(0, usize::MAX, false);
    }
    works.results().cloned().collect()
}

fn figure(result: &WindowResult, metric: Metric, method: Method) -> &Figure {
    let of = |figure: &&Figure| {
        figure.kind == Kind::Realized && figure.metric == metric && figure.method == Some(method)
    };
    result.figures.iter().find(of).expect("it is there")
}

fn true_value(truth: &Performance, metric: Metric) -> f64 {
    let value = match metric {
        Metric::RocAuc => truth.roc_auc,
        Metric::AveragePrecision => truth.average_precision,
        Metric::F1 => truth.f1(),
        _ => truth.accuracy(),
    };
    value.expect("both classes")
}

/// By how much the plain and the weighed value of a metric were off, at about this coverage, over all seeds: on average,
/// and how far the weighed one was in its own standard errors (root of the mean square).
fn off(all: &[(Performance, Vec<WindowResult>)], metric: Metric, coverage: f64) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for (truth, revisions) in all {
        let near = |result: &WindowResult| (result.coverage.unwrap_or(0.0) - coverage).abs();
        let result = revisions.iter().min_by(|a, b| near(a).total_cmp(&near(b))).unwrap();
        assert!(near(result) < 0.05, "{:?}", result.coverage);
        let truth = true_value(truth, metric);
        let plain = figure(result, metric, Method::Labelled).value.unwrap();
        let weighed = figure(result, metric, Method::PostStratified);
        let error = weighed.value.unwrap() - truth;
        sums[0] += plain - truth;
        sums[1] += error;
        let unit = weighed.sampling_error.unwrap();
        sums[2] += if unit > 0.0 { (error / unit) * (error / unit) } else { 0.0 };
    }
    let [plain, weighed, squares] = sums.map(|sum| sum / all.len() as f64);
    [plain, weighed, squares.sqrt()]
}

#[test]
fn the_weighed_value_converges_on_the_truth_where_the_plain_one_does_not() {
    let all: Vec<(Performance, Vec<WindowResult>)> = (0..4)
        .map(|seed| {
            let world = world(seed);
            (world.truth(0..ROWS).realized, revisions(&world, BY_SCORE))
        })
        .collect();
    let mut wrong = Vec::new();
    for metric in [Metric::RocAuc, Metric::AveragePrecision, Metric::F1, Metric::Accuracy] {
        println!("{metric}: off by, plain and weighed; weighed in standard errors");
        for coverage in [0.3, 0.4, 0.5, 0.6, 0.7, 0.8] {
            let [plain, weighed, errors] = off(&all, metric, coverage);
            println!("  {coverage:.1}  {plain:+.4}  {weighed:+.4}  {errors:.2}");
            // A mean of four; within a stratum the score still tells a little of the delay.
            let converges = weighed.abs() < 0.01 && errors < 2.5;
            if !converges || plain.abs() < 2.5 * weighed.abs() || plain.abs() < 0.009 {
                wrong.push(format!("{metric} at {coverage}"));
            }
        }
        let [plain, weighed, _] = off(&all, metric, 1.0);
        assert!(plain.abs() < 1e-9 && weighed.abs() < 1e-9, "with all targets both are the truth");
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn what_the_world_knows_is_what_comes_out_of_corrections_and_withdrawals() {
    let messy =
        OutcomePlan { coverage: 0.9, duplicated: 0.1, corrected: 0.1, withdrawn: 0.1, ..BY_SCORE };
    let world = world(3);
    let last = revisions(&world, messy).pop().unwrap();
    let mut known = vec![None; ROWS as usize];
    let mut outcomes: Vec<_> = messy.outcomes(&world, 0..ROWS).collect();
    outcomes.sort_by_key(|outcome| outcome.decided_at);
    for outcome in outcomes {
        known[outcome.event as usize] = outcome.target;
    }
    let labelled = world.cases(0..ROWS).filter_map(|case| {
        let score = world.model().score(&case.seen);
        let positive = f64::from(known[case.event as usize]?);
        Some(Scored { score, predicted: world.model().predicts(score), positive })
    });
    let truth = Performance::of(labelled);
    assert_eq!(last.targets.as_ref().map(|targets| targets.rows), Some(truth.rows));
    assert!(truth.rows < ROWS * 85 / 100, "some never come, some are taken back");
    for metric in [Metric::RocAuc, Metric::AveragePrecision, Metric::F1, Metric::Accuracy] {
        let value = figure(&last, metric, Method::Labelled).value.unwrap();
        assert!((value - true_value(&truth, metric)).abs() < 1e-12, "{metric}");
    }
}
