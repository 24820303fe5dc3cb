//! What holds for any sequence of results: held against a second machine, written from the description alone.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use vigie::alert::{
    Action, AlertEvent, Cooldown, CriticalAbove, Event, Level, Policy, Published, Resolution,
    Severity, Subject, Watch,
};
use vigie::metric::{Currencies, Kind, Measure, Metric};
use vigie::window::{Figure, Method, RevisionCause, WindowResult};

use super::{below, figure, held, result, take};

/// In sampling errors beyond the threshold; `None` where there was too little to judge.
type World = Vec<Option<f64>>;

fn policies() -> impl Strategy<Value = Policy> {
    let of = (1..=4u32).prop_flat_map(|of| (1..=of, Just(of)));
    let at_once = prop_oneof![Just(None), Just(Some(4.125))];
    (of, at_once, 1..=3u32, 0..3u32, 0..3u32).prop_map(
        |((open_after, open_of), at_once, resolve_after, margin, cooldown)| Policy {
            open_after,
            open_of,
            at_once,
            resolve_after,
            // Never where a value may lie.
            margin: 0.125 + f64::from(margin) / 2.0,
            cooldown: Cooldown::Windows(cooldown),
            ..Policy::default()
        },
    )
}

fn worlds() -> impl Strategy<Value = World> {
    let step = prop_oneof![
        8 => (-16..20i32).prop_map(|quarters| Some(f64::from(quarters) / 4.0)),
        1 => Just(None),
    ];
    prop::collection::vec(step, 0..60)
}

/// When an alert opens and when it is over, by the description in the settings.
fn described(policy: &Policy, world: &World) -> Vec<(Event, u64)> {
    let mut told = Vec::new();
    let (mut open, mut good, mut calm_until) = (false, 0, 0);
    let mut judged: Vec<bool> = Vec::new();
    for (window, beyond) in (0..).zip(world) {
        let Some(beyond) = *beyond else { continue };
        let bad = beyond > policy.margin;
        judged.push(bad);
        if open {
            good = if beyond <= -policy.margin { good + 1 } else { 0 };
            if good == policy.resolve_after {
                told.push((Event::Resolved, window));
                (open, judged) = (false, Vec::new());
                let Cooldown::Windows(calm) = policy.cooldown else { continue };
                calm_until = window + 1 + u64::from(calm);
            }
            continue;
        }
        let bads = judged.iter().rev().take(policy.open_of as usize).filter(|bad| **bad).count();
        let enough = bads >= policy.open_after as usize
            || policy.at_once.is_some_and(|least| beyond >= least);
        if bad && enough && window >= calm_until {
            told.push((Event::Opened, window));
            (open, good) = (true, 0);
        }
    }
    told
}

fn run(policy: &Policy, world: &World) -> Vec<AlertEvent> {
    let mut watch = Watch::default();
    let mut told = Vec::new();
    for (window, beyond) in (0..).zip(world) {
        let figures = beyond.map(below).into_iter().collect();
        told.extend(take(&mut watch, policy, &result(window, figures)));
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_opens_and_resolves_as_described(policy in policies(), world in worlds()) {
        let told = run(&policy, &world);
        let events: Vec<_> = told.iter().map(|of| (of.event, of.window.unwrap())).collect();
        prop_assert_eq!(events, described(&policy, &world));
    }

    #[test]
    fn one_id_opens_once_and_resolves_once(policy in policies(), world in worlds()) {
        let mut known = BTreeSet::new();
        let mut open: Option<AlertEvent> = None;
        for event in run(&policy, &world) {
            match event.event {
                Event::Opened => {
                    prop_assert!(open.is_none() && event.sequence == 0);
                    prop_assert!(known.insert(event.id.clone()), "{}", event.id);
                    open = Some(event);
                }
                Event::Updated | Event::Resolved => {
                    let before = open.take().unwrap();
                    prop_assert_eq!(&before.id, &event.id);
                    prop_assert_eq!(before.sequence + 1, event.sequence);
                    open = Some(event).filter(|event| event.event == Event::Updated);
                }
            }
        }
    }

    #[test]
    fn within_the_margin_nothing_happens(
        policy in policies(),
        before in worlds(),
        within in prop::collection::vec(-1.0..1.0f64, 1..40),
    ) {
        // Whatever was before: once values stay within the margin, nobody hears anything more.
        let from = before.len() as u64;
        let after: World = within.iter().map(|share| Some(share * policy.margin)).collect();
        let world = [before, after].concat();
        let late = run(&policy, &world).iter().filter(|of| of.window >= Some(from)).count();
        prop_assert_eq!(late, 0);
    }

    #[test]
    fn stopped_anywhere_it_goes_on_the_same(policy in policies(), world in worlds(), at in 0..60u64) {
        let mut watch = Watch::default();
        let mut told = Vec::new();
        for (window, beyond) in (0..).zip(&world) {
            if window == at {
                watch = minicbor::decode(&minicbor::to_vec(&watch).unwrap()).unwrap();
            }
            let figures = beyond.map(below).into_iter().collect();
            told.extend(take(&mut watch, &policy, &result(window, figures)));
        }
        prop_assert_eq!(told, run(&policy, &world));
    }
}

/// A column with so many of a thousand values missing, where none is expected.
fn missing(column: &str, rows: u32) -> Figure {
    let rate = f64::from(rows) / 1000.0;
    held(figure(Kind::Quality, Metric::MissingRate, Some(column), rate), None, Some(0.0))
}

#[test]
fn what_else_is_wrong_is_told_once() {
    let policy = Policy { open_after: 1, open_of: 1, ..Policy::default() };
    let mut watch = Watch::default();
    let mut told = Vec::new();
    // Two columns that take turns.
    for window in 0..10 {
        let (a, b) = if window % 2 == 0 { (300, 200) } else { (200, 300) };
        let both = vec![missing("a", a), missing("b", if window > 0 { b } else { 0 })];
        told.extend(take(&mut watch, &policy, &result(window, both)));
    }
    let events: Vec<_> =
        told.iter().map(|of| (of.event, of.column_name.as_deref().unwrap())).collect();
    assert_eq!(events, [(Event::Opened, "a"), (Event::Updated, "b")]);
    assert_eq!(told[0].action, Action::InvestigateUpstream);
}

#[test]
fn one_fault_among_many_columns_counts_by_what_chance_would_bring() {
    let opens = |policy: &Policy, columns: u32, rows: u32| {
        let figures =
            (0..columns).map(|at| missing(&at.to_string(), if at == 7 { rows } else { 0 }));
        let figures: Vec<_> = figures.collect();
        !take(&mut Watch::default(), policy, &result(0, figures)).is_empty()
    };
    let first = Policy { open_after: 1, open_of: 1, margin: 0.0, ..Policy::default() };
    let alone = Policy { false_discovery: None, ..first.clone() };
    // 10 of 1,000 are 3.18 standard errors: 1 in 1,300, which is nothing among 5,000 columns.
    assert!(opens(&alone, 5_000, 10) && opens(&first, 10, 10));
    assert!(!opens(&first, 5_000, 10));
    assert!(opens(&first, 5_000, 40));
}

#[test]
fn severity_goes_by_distance_or_by_money_and_never_back() {
    let policy = Policy {
        open_after: 1,
        open_of: 1,
        critical_above: Some(CriticalAbove::Errors(4.0)),
        ..Policy::default()
    };
    let world = [2.0, 5.0, 2.0, 2.0].map(Some).to_vec();
    let told: Vec<_> = run(&policy, &world).iter().map(|of| (of.event, of.severity)).collect();
    assert_eq!(told, [(Event::Opened, Severity::Warning), (Event::Updated, Severity::Critical)]);
    let policy = Policy { critical_above: Some(CriticalAbove::Money(100.0)), ..policy };
    let with = |value: f64| {
        let money =
            held(figure(Kind::Estimated, Metric::BusinessValue, None, value), Some(1000.0), None);
        let told = take(&mut Watch::default(), &policy, &result(0, vec![below(20.0), money]));
        told[0].severity
    };
    assert_eq!((with(950.0), with(899.0)), (Severity::Warning, Severity::Critical));
    // What may only be a warning stays one.
    let policy = Policy { performance: Level::Warning, critical_above: None, ..policy };
    assert_eq!(run(&policy, &vec![Some(9.0)])[0].severity, Severity::Warning);
}

#[test]
fn what_explains_performance_alerts_where_it_is_asked_to() {
    let slice = Figure {
        p_value: Some(1e-12),
        breach: Some(true),
        ..figure(Kind::Diagnosis, Metric::SliceChange, Some("age < 25"), 0.2)
    };
    let concept = figure(Kind::Diagnosis, Metric::ConceptDriftMagnitude, None, -0.2);
    let concept =
        Figure { of: Some(Metric::RocAuc.into()), ..held(concept, Some(-0.05), Some(0.05)) };
    let of = result(0, vec![slice, concept]);
    let told = |diagnosis: Level, awaits: bool| {
        let policy = Policy { diagnosis, ..Policy::default() };
        let seen = Published { result: &of, segments: &[], muted_until: None };
        Watch::default().seal(&policy, &seen, awaits)
    };
    assert_eq!(told(Level::Off, false), []);
    let [one] = &told(Level::Warning, false)[..] else { panic!("one alert for both") };
    assert_eq!((one.kind, one.severity), (Subject::Diagnosis, Severity::Warning));
    // What rests on targets that come later is judged by itself.
    let apart = told(Level::Critical, true);
    let [sealed, realized] = &apart[..] else { panic!("{apart:?}") };
    assert_eq!(sealed.metric, Some(Metric::SliceChange.into()));
    assert!(sealed.summary.contains("age < 25"), "{}", sealed.summary);
    assert_eq!(realized.metric, Some(Metric::ConceptDriftMagnitude.into()));
    let words = "concept_drift_magnitude of roc_auc is -0.2, below -0.05";
    assert!(realized.summary.contains(words), "{}", realized.summary);
}

#[test]
fn an_alert_says_which_of_two_estimates_it_is_of() {
    let robust = Figure { method: Some(Method::Pape), ..below(9.0) };
    let figures = vec![below(-1.0), robust];
    let told = take(&mut Watch::default(), &Policy::default(), &result(0, figures));
    let words = "estimated roc_auc, robust to covariate shift, is 0.6797";
    assert!(told[0].summary.starts_with(words), "{}", told[0].summary);
}

#[test]
fn an_alert_counts_money_in_the_currency_of_its_metric() {
    let custom = BTreeMap::from([("cost_per_loan".to_owned(), "CHF".to_owned())]);
    let currencies = Currencies::new(Some("EUR"), &custom);
    let policy = Policy { at_once: Some(5.0), resolve_after: 1, currencies, ..Policy::default() };
    let cost = |value: f64| Figure {
        metric: Measure::Custom("cost_per_loan".into()),
        sampling_error: Some(0.5),
        ..held(figure(Kind::Realized, Metric::RocAuc, None, value), None, Some(12.0))
    };
    let worth = |value: f64| Figure {
        sampling_error: Some(10.0),
        ..held(figure(Kind::Realized, Metric::BusinessValue, None, value), Some(1000.0), None)
    };
    let mut watch = Watch::default();
    let told = take(&mut watch, &policy, &result(0, vec![cost(30.0), below(-5.0)]));
    assert_eq!(told[0].currency.as_deref(), Some("CHF"));
    let words = "realized cost_per_loan is 30 CHF +-1.5 CHF, above 12 CHF";
    assert!(told[0].summary.starts_with(words), "{}", told[0].summary);
    let told = take(&mut watch, &policy, &result(1, vec![cost(10.0)]));
    let words = "realized cost_per_loan is 10 CHF +-1.5 CHF, not above 12 CHF";
    assert!(told[0].summary.starts_with(words), "{}", told[0].summary);
    let told = take(&mut watch, &policy, &result(2, vec![worth(500.0)]));
    assert_eq!(told[0].currency.as_deref(), Some("EUR"));
    let told = take(&mut Watch::default(), &policy, &result(3, vec![below(9.0)]));
    assert_eq!(told[0].currency, None);
}

#[test]
fn nothing_opens_for_a_while_after_one_is_over() {
    let policy = Policy {
        open_after: 1,
        open_of: 1,
        resolve_after: 1,
        cooldown: Cooldown::Time(3 * 3_600_000),
        ..Policy::default()
    };
    // Windows of an hour: the second is good, until the end of the fifth it is quiet.
    let world = [3.0, -3.0, 3.0, 3.0, 3.0, 3.0].map(Some).to_vec();
    let told: Vec<_> = run(&policy, &world).iter().map(|of| (of.event, of.window)).collect();
    assert_eq!(
        told,
        [(Event::Opened, Some(0)), (Event::Resolved, Some(1)), (Event::Opened, Some(5))]
    );
}

#[test]
fn too_few_rows_or_targets_change_nothing() {
    let rows = Policy { min_rows: 1001, ..Policy::default() };
    assert!(run(&rows, &vec![Some(9.0); 5]).is_empty());
    let targets = Policy { min_coverage: 0.5, ..Policy::default() };
    let realized = |coverage: f64| {
        let figures = vec![Figure { kind: Kind::Realized, ..below(9.0) }];
        let result = WindowResult { coverage: Some(coverage), ..result(0, figures) };
        let seen = Published { result: &result, segments: &[], muted_until: None };
        Watch::default().revise(&targets, &seen).is_some()
    };
    assert!(!realized(0.4) && realized(0.6));
}

#[test]
fn who_takes_it_up_is_named_until_it_gets_worse() {
    let policy = Policy { critical_above: Some(CriticalAbove::Errors(8.0)), ..Policy::default() };
    let mut watch = Watch::default();
    let opened = take(&mut watch, &policy, &result(0, vec![below(6.0)])).pop().unwrap();
    assert!(watch.acknowledge("another", "mine", None).is_none());
    let taken = watch.acknowledge(&opened.id, "mine", None).unwrap();
    assert_eq!((taken.event, taken.sequence), (Event::Updated, 1));
    assert_eq!(taken.acknowledged.as_deref(), Some("mine"));
    assert!(watch.acknowledge(&opened.id, "mine too", None).is_none(), "one is enough");
    assert!(take(&mut watch, &policy, &result(1, vec![below(6.0)])).is_empty());
    let worse = take(&mut watch, &policy, &result(2, vec![below(9.0)])).pop().unwrap();
    assert_eq!((worse.severity, worse.acknowledged), (Severity::Critical, None));
}

#[test]
fn what_opened_in_silence_is_told_once_the_quiet_is_over() {
    let policy = Policy::default();
    let mut watch = Watch::default();
    let mut step = |window: u64, muted_until: Option<&str>| {
        let result = result(window, vec![below(6.0)]);
        watch.seal(&policy, &Published { result: &result, segments: &[], muted_until }, false)
    };
    let until = Some("2026-01-01T02:00:00Z");
    let opened = step(0, until).pop().unwrap();
    assert_eq!((opened.event, opened.muted_until.as_deref()), (Event::Opened, until));
    assert!(step(1, until).is_empty());
    let loud = step(2, None).pop().unwrap();
    assert_eq!((loud.event, loud.muted_until), (Event::Updated, None));
    assert!(step(3, None).is_empty());
}

#[test]
fn a_window_that_is_left_out_takes_its_alert_with_it_and_no_id_comes_twice() {
    let policy = Policy::default();
    let mut watch = Watch::default();
    let bad = result(4, vec![below(9.0)]);
    let opened = take(&mut watch, &policy, &bad).pop().unwrap();
    let excluded = WindowResult {
        revision: 1,
        revision_cause: Some(RevisionCause::Excluded),
        figures: Vec::new(),
        ..bad.clone()
    };
    let mut amend = |result: &WindowResult| {
        watch.amend(&policy, &Published { result, segments: &[], muted_until: None })
    };
    let over = amend(&excluded).pop().unwrap();
    assert_eq!((over.id.as_str(), over.resolution), (&*opened.id, Some(Resolution::Excluded)));
    // Other rows in its place that are as bad: the id was given.
    let cause = Some(RevisionCause::Replaced);
    assert!(amend(&WindowResult { revision: 2, revision_cause: cause, ..bad }).is_empty());
    assert_eq!(take(&mut watch, &policy, &result(5, vec![below(9.0)])).len(), 1);
}
