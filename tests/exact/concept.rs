//! Simulated truth: how far a concept is said to have moved that did, or did not, held against how far it has.

use std::sync::{Arc, OnceLock};

use arrow::array::{DictionaryArray, Float64Array};
use arrow::datatypes::Int32Type;
use vigie::batch::{Column, Expected, Rows, Values};
use vigie::fit::{Predicts, Spec, TwoClasses, fit};
use vigie::metric::{ColumnKind, Metric};
use vigie::profile::{Profile, Provenance, Role, WindowRule};
use vigie::simulator::{Case, Conditions, Performance, Schedule, Scored, World};
use vigie::window::{Awaited, Criteria, Figure, Labels, Plan, Repeated, Status, WindowState};

type Number = fn(&Case) -> Option<f64>;
type Label = fn(&Case) -> String;

const NUMBERS: [(&str, Number); 6] = [
    ("age", |case| Some(f64::from(case.seen.age))),
    ("income", |case| case.seen.income),
    ("debt", |case| Some(case.seen.debt)),
    ("loan_amount", |case| Some(case.seen.loan_amount)),
    ("loan_length", |case| Some(f64::from(case.seen.loan_length))),
    ("employment_years", |case| case.seen.employment_years),
];
const LABELS: [(&str, Label); 3] = [
    ("region", |case| case.seen.region.as_str().to_owned()),
    ("channel", |case| case.seen.channel.as_str().to_owned()),
    ("previously_repaid", |case| case.seen.previously_repaid.to_string()),
];

fn columns() -> Vec<(String, Role, ColumnKind)> {
    let numbers = NUMBERS.iter().map(|(name, _)| (*name, Role::Feature, ColumnKind::Continuous));
    let labels = LABELS.iter().map(|(name, _)| (*name, Role::Feature, ColumnKind::Categorical));
    let outputs = [
        ("score", Role::Score, ColumnKind::Continuous),
        ("prediction", Role::Prediction, ColumnKind::Categorical),
        ("target", Role::Target, ColumnKind::Categorical),
    ];
    let all = numbers.chain(labels).chain(outputs);
    all.map(|(name, role, kind)| (name.to_owned(), role, kind)).collect()
}

/// The rows of some events, those with a target for which that is asked.
fn rows(world: &World, cases: &[Case], known: impl Fn(usize) -> bool) -> Rows {
    let labels = |of: &dyn Fn(usize, &Case) -> Option<String>| {
        let texts: Vec<Option<String>> =
            cases.iter().enumerate().map(|(at, case)| of(at, case)).collect();
        let array: DictionaryArray<Int32Type> = texts.iter().map(Option::as_deref).collect();
        Column::new(Values::Labels(array))
    };
    let numbers = |of: &dyn Fn(&Case) -> Option<f64>| {
        Column::new(Values::Numbers(cases.iter().map(of).collect::<Float64Array>()))
    };
    let class = |class: bool| if class { "1" } else { "0" }.to_owned();
    let score = |case: &Case| world.model().score(&case.seen);
    let mut columns: Vec<Column> = NUMBERS.iter().map(|(_, of)| numbers(of)).collect();
    columns.extend(LABELS.iter().map(|(_, of)| labels(&|_, case| Some(of(case)))));
    columns.push(numbers(&|case| Some(score(case))));
    columns.push(labels(&|_, case| Some(class(world.model().predicts(score(case))))));
    columns.push(labels(&|at, case| known(at).then(|| class(case.repaid))));
    Rows {
        offsets: (0..i64::try_from(cases.len()).unwrap()).collect(),
        times: None,
        columns,
        expected: Expected::Nothing,
        reconstruction: None,
        segments: Vec::new(),
        keys: None,
        terms: Vec::new(),
    }
}

fn profile(world: &World, reference: u64, window: u64) -> Profile {
    let before = world.reference(reference);
    let cases: Vec<Case> = before.cases(0..reference).collect();
    let spec = Spec {
        model: "loans".to_owned(),
        version: String::new(),
        predicts: Predicts::Binary(TwoClasses::default()),
        rule: WindowRule::Size(window),
        inputs: Vec::new(),
        derived: Vec::new(),
        filter: None,
        columns: columns(),
        whole: Vec::new(),
        sampled: false,
        concept: true,
        segments: None,
        metrics: Vec::new(),
        provenance: Provenance::default(),
    };
    fit(spec, vec![rows(&before, &cases, |_| true)]).unwrap()
}

/// What two tests hold windows against.
fn shared() -> &'static (World, Plan) {
    static SHARED: OnceLock<(World, Plan)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let world = World::new(71);
        let plan = plan(profile(&world, 4_000, 400));
        (world, plan)
    })
}

fn plan(profile: Profile) -> Plan {
    let performance = vec![Metric::RocAuc, Metric::Accuracy];
    let criteria = Criteria { performance, concept: true, ..Criteria::default() };
    Plan::new(Arc::new(profile), criteria)
}

/// What is said of how far the concept has moved, in a window of which some targets are known: of the probability, and
/// of what that does to both metrics.
fn said(plan: &Plan, mut rows: Rows) -> Vec<Figure> {
    rows.expected = plan.profile().expected(&rows.columns);
    let mut state = WindowState::new(plan);
    state.fold(plan, &plan.prepare(&rows), 0, rows.offsets.len());
    let reading = state.evaluate(plan);
    let (outcome, _) = state.outcome(plan, &Repeated::default()).unwrap();
    let figures = plan.figures(&reading, Some(&outcome));
    figures.into_iter().filter(|of| of.metric == Metric::ConceptDriftMagnitude).collect()
}

/// How far it has moved in truth on inputs as the reference has them: the probability, ROC AUC, accuracy.
fn truth(world: &World, conditions: Conditions) -> [f64; 3] {
    // Inputs that move do not move the concept.
    let conditions = Conditions { shift: 0.0, ..conditions };
    let events = 0..8_000;
    let score = |case: &Case| world.model().score(&case.seen);
    let of = |conditions| -> Vec<Case> {
        let world = world.reference(8_000).with_schedule(Schedule::constant(conditions));
        world.cases(events.clone()).collect()
    };
    let (before, after) = (of(Conditions::STEADY), of(conditions));
    let moved: f64 =
        before.iter().zip(&after).map(|(a, b)| (a.probability - b.probability).abs()).sum();
    let performance = |cases: &[Case]| {
        Performance::of(cases.iter().map(|case| Scored {
            score: score(case),
            predicted: world.model().predicts(score(case)),
            positive: case.probability,
        }))
    };
    let (a, b) = (performance(&before), performance(&after));
    [
        moved / before.len() as f64,
        b.roc_auc.unwrap() - a.roc_auc.unwrap(),
        b.accuracy().unwrap() - a.accuracy().unwrap(),
    ]
}

const STEADY: Conditions = Conditions::STEADY;
const WORLDS: [(&str, Conditions); 5] = [
    ("nothing", STEADY),
    ("shift", Conditions { shift: 0.9, ..STEADY }),
    ("half a concept drift", Conditions { concept: 0.5, ..STEADY }),
    ("concept drift", Conditions { concept: 1.0, ..STEADY }),
    ("both", Conditions { shift: 0.9, concept: 1.0, ..STEADY }),
];

#[test]
fn a_concept_that_has_moved_is_said_to_and_one_that_has_not_is_not() {
    let (world, plan) = shared();
    for (name, conditions) in [WORLDS[0], WORLDS[3]] {
        let world = world.clone().with_schedule(Schedule::constant(conditions));
        let cases: Vec<Case> = world.cases(0..400).collect();
        let found = said(plan, rows(&world, &cases, |_| true));
        let [moved, area, _] = found.as_slice() else { panic!("{found:?}") };
        let drifts = conditions.concept > 0.0;
        assert_eq!(moved.breach, Some(drifts), "{name} {moved:?}");
        assert_eq!(area.breach, Some(drifts), "{name} {area:?}");
        let [truly, area_truly, _] = truth(&world, conditions);
        if drifts {
            assert!((moved.value.unwrap() / truly - 1.0).abs() < 0.4, "{moved:?} {truly}");
            assert!((area.value.unwrap() / area_truly - 1.0).abs() < 0.4, "{area:?} {area_truly}");
        }
        // Too few targets, and one class alone, teach nothing, and say so.
        let few = said(plan, rows(&world, &cases, |at| at < 150));
        assert!(few.iter().all(|of| of.value.is_none() && of.status == Status::TooFew), "{few:?}");
        let ones: Vec<Case> = world.cases(0..800).filter(|case| case.repaid).collect();
        let ones = said(plan, rows(&world, &ones, |_| true));
        assert!(
            ones.iter().all(|of| of.value.is_none() && of.status == Status::OneClass),
            "{ones:?}"
        );
    }
}

#[test]
fn targets_that_come_late_teach_the_same() {
    let (world, plan) = shared();
    let cases: Vec<Case> = world.cases(0..400).collect();
    let with = rows(world, &cases, |at| at % 4 > 0);
    let mut served = rows(world, &cases, |_| false);
    served.expected = plan.profile().expected(&served.columns);
    let keys = plan.profile().keys(cases.iter().map(|_| None), &served.columns);
    let score = |case: &Case| world.model().score(&case.seen);
    let class = |class: bool| Some(if class { "1" } else { "0" });
    let learn = |awaited: &mut Awaited, at: usize, before: Option<&str>, after: Option<&str>| {
        let case = &cases[at];
        let news = Labels {
            score: Some(score(case)),
            scores: &[],
            predicted: class(world.model().predicts(score(case))),
            before,
            after,
            lag: 5,
            segments: &[],
            terms: &[],
            sample: Some(keys[at]),
        };
        awaited.learn(plan, news);
    };
    let mut awaited = Awaited::default();
    let mut state = WindowState::new(plan);
    state.fold(plan, &plan.prepare(&served), 0, cases.len());
    // Some come before the window is sealed; some are wrong at first, some are taken back.
    for (at, case) in cases[..150].iter().enumerate() {
        learn(&mut awaited, at, None, class(!case.repaid));
        learn(&mut awaited, at, class(!case.repaid), class(case.repaid));
    }
    let pack = |awaited: Awaited| -> Awaited {
        minicbor::decode(&minicbor::to_vec(&awaited).unwrap()).unwrap()
    };
    awaited = pack(awaited);
    awaited.seal(&mut state, plan);
    for at in (150..400).rev() {
        learn(&mut awaited, at, None, class(cases[at].repaid));
    }
    for at in (0..400).step_by(4) {
        learn(&mut awaited, at, class(cases[at].repaid), None);
    }
    awaited = pack(awaited);
    let mut figures = |awaited: &mut Awaited| -> Vec<Figure> {
        let reading = state.evaluate(plan);
        let outcome = awaited.measure(plan).unwrap();
        let figures = plan.figures(&reading, Some(&outcome));
        figures.into_iter().filter(|of| of.metric == Metric::ConceptDriftMagnitude).collect()
    };
    let late = figures(&mut awaited);
    assert_eq!(late, said(plan, with));
    assert!(late.iter().all(|of| of.value.is_some()), "{late:?}");
    // What they have taught stays when the rows are forgotten.
    assert!(awaited.keeps_rows());
    awaited.forget_rows(Some(plan));
    awaited = pack(awaited);
    assert!(!awaited.keeps_rows());
    learn(&mut awaited, 0, None, class(true));
    assert_eq!(figures(&mut awaited), late);
}

#[test]
#[ignore = "minutes; its figures stand in docs/statistics.md"]
fn over_many_worlds_the_magnitude_is_that_of_the_truth() {
    const SEEDS: u64 = 12;
    const WINDOWS: u64 = 5;
    for (window, reference) in [(1_000, 10_000), (4_000, 30_000)] {
        for (name, conditions) in WORLDS {
            let (mut out, mut count) = ([0_u64; 3], 0_u64);
            let (mut values, mut truths) = ([0.0; 3], [0.0; 3]);
            for seed in 0..SEEDS {
                let world = World::new(500 + seed);
                let plan = plan(profile(&world, reference, window));
                let truly = truth(&world, conditions);
                let world = world.with_schedule(Schedule::constant(conditions));
                for at in 0..WINDOWS {
                    let cases: Vec<Case> = world.cases(at * window..(at + 1) * window).collect();
                    let found = said(&plan, rows(&world, &cases, |_| true));
                    for (place, figure) in found.iter().enumerate() {
                        out[place] += u64::from(figure.breach == Some(true));
                        values[place] += figure.value.unwrap();
                        truths[place] += truly[place];
                    }
                    count += 1;
                }
            }
            let n = count as f64;
            for (place, (said, truly)) in values.iter().zip(truths).enumerate() {
                let (share, drifts) = (out[place] as f64 / n, conditions.concept > 0.0);
                let told = if drifts { share >= 0.9 } else { share <= 0.05 };
                assert!(told, "{name}, windows of {window}, figure {place}: out in {share}");
                assert!(
                    (said - truly).abs() / n < 0.035,
                    "{name} {window} {place}: {said} {truly}"
                );
            }
            let of = |at: usize| {
                format!(
                    "{:+.4} of {:+.4}, out in {:5.1} %",
                    values[at] / n,
                    truths[at] / n,
                    100.0 * out[at] as f64 / n
                )
            };
            println!(
                "windows of {window}, {name:22} probability {}; roc_auc {}; accuracy {}",
                of(0),
                of(1),
                of(2)
            );
        }
    }
}
