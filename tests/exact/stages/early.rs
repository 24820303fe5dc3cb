//! Windows that warn before they can be judged, and what becomes of their warnings.

use std::ops::Range;
use std::sync::Arc;

use vigie::alert::{AlertEvent, Event, Level, Policy, Resolution, Severity, Subject};
use vigie::batch::Record;
use vigie::epoch::{Epochs, Policies};
use vigie::metric::Metric;
use vigie::profile::WindowRule;
use vigie::tally::{Output, Tally};
use vigie::window::{Criteria, Early, Figure, Plan, Repeated, WindowResult, WindowState};

use super::checkpoints::{Stored, texts};
use super::rules::LOANS;
use super::targets::{Prediction, Told, Works, epochs};
use crate::world::{self, Row, profile_of};

const SIZE: u64 = 600;

fn plan(drift: bool) -> Plan {
    let profile = profile_of(&world::rows(1, 6000), WindowRule::Size(SIZE)).unwrap();
    let criteria = Criteria {
        performance: vec![Metric::Accuracy],
        continuous: if drift { vec![Metric::JensenShannon] } else { Vec::new() },
        categorical: Vec::new(),
        whole: Vec::new(),
        min_rows: 3,
        min_coverage: 0.5,
        early: Some(Early { columns: None, targets: true, false_alarms: 0.001, tolerance: 0.05 }),
        ..Criteria::default()
    };
    Plan::new(Arc::new(profile), criteria)
}

/// Predictions of a steady world.
fn steady(rows: Range<u64>) -> Vec<Prediction> {
    rows.map(|id| Prediction { id, row: world::row(7, id) }).collect()
}

/// The same with scores nearer to 1, and as many that come to pass.
fn shifted(rows: Range<u64>) -> Vec<Prediction> {
    let of = |Prediction { id, row }| {
        let score = row.score.map(|score| 0.3 + 0.7 * score);
        Prediction { id, row: Row { score, prediction: Some(score >= Some(0.5)), ..row } }
    };
    steady(rows).into_iter().map(of).collect()
}

/// Targets of predictions: as they are likely, or the other way round.
fn targets(of: &[Prediction], is_right: bool) -> Vec<Told> {
    of.iter()
        .map(|Prediction { id, row }| {
            let label = row.target.map(|target| target == is_right);
            Told { id: *id, decided_at: 0, label }
        })
        .collect()
}

fn warnings(out: &[Output]) -> Vec<&AlertEvent> {
    let alerts = out.iter().filter_map(|output| match output {
        Output::Alert(alert) => Some(&**alert),
        Output::Result(_) => None,
    });
    alerts.filter(|alert| alert.kind == Subject::EarlyWarning).collect()
}

/// In few words: what happened, how it ended, and of which window.
fn brief(out: &[Output]) -> Vec<(Event, Option<Resolution>, Option<u64>)> {
    let of = |alert: &&AlertEvent| (alert.event, alert.resolution, alert.window);
    warnings(out).iter().map(of).collect()
}

fn evidence(result: &WindowResult, metric: Metric) -> &Figure {
    result.figures.iter().find(|figure| figure.metric == metric).unwrap()
}

/// Whoever takes the log over says the same, from wherever.
fn the_rest_is_the_same(works: &Works) {
    let all = texts(&works.out);
    let (mut tally, mut stored, mut out) = (Tally::default(), Stored::default(), Vec::new());
    let apply = |tally: &mut Tally, offset: usize, out: &mut Vec<Output>| {
        let (appended, bytes) = &works.log[offset];
        let record = Record::from_bytes(bytes).unwrap();
        tally.apply(offset as i64, *appended, record, &works.epochs, out).unwrap();
    };
    for offset in 0..works.log.len() {
        apply(&mut tally, offset, &mut out);
        stored.put(tally.checkpoint());
        if offset % 3 > 0 {
            continue;
        }
        let (mut again, mut rest) = (stored.restore(), Vec::new());
        assert_eq!(again, tally);
        (offset + 1..works.log.len()).for_each(|offset| apply(&mut again, offset, &mut rest));
        assert_eq!(texts(&rest), all[out.len()..]);
    }
    assert_eq!(texts(&out), all);
}

fn works(plan: &Plan, level: Level) -> Works {
    let mut epochs: Epochs = epochs(plan, WindowRule::Size(SIZE), 0);
    let policy = Policy { early: level, ..Policy::default() };
    let alerts = [(LOANS.to_owned(), policy)].into();
    epochs.policies.insert(0, Arc::new(Policies { alerts }));
    Works::new(epochs, 1, 1)
}

#[test]
fn a_window_whose_scores_drift_warns_while_it_is_open_and_is_confirmed_when_it_is_sealed() {
    let plan = plan(true);
    let mut works = works(&plan, Level::Critical);
    for part in steady(0..SIZE).chunks(50) {
        works.predict(&plan, 0, part);
    }
    assert_eq!(brief(&works.out), [], "what is like the reference warns of nothing");
    for (place, part) in shifted(SIZE..2 * SIZE).chunks(50).enumerate() {
        works.predict(&plan, 0, part);
        if place == 8 {
            let warned = warnings(&works.out);
            assert_eq!(warned.len(), 1, "once, and before three quarters of the window");
            let warning = warned[0];
            assert_eq!(warning.severity, Severity::Critical);
            assert_eq!(warning.id, "loans//1/early/1");
            assert_eq!(warning.column_name.as_deref(), Some("score"));
            assert_eq!((warning.window, warning.result.as_str()), (None, ""));
            assert!(warning.value >= warning.upper_threshold);
            let shown = works.tally.standings(&works.epochs);
            assert_eq!(shown[0].alert, Some(Severity::Critical));
        }
    }
    assert_eq!(
        brief(&works.out),
        [(Event::Opened, None, None), (Event::Resolved, Some(Resolution::Confirmed), Some(1)),]
    );
    let [opened, resolved] = warnings(&works.out)[..] else { panic!("two events") };
    assert_eq!((&resolved.id, resolved.sequence), (&opened.id, 1));
    let results: Vec<&WindowResult> = works.results().collect();
    assert_eq!(resolved.result, results[1].id);
    for (result, warns) in results.iter().zip([false, true]) {
        let figure = evidence(result, Metric::DriftEvidence);
        assert_eq!((figure.breach, figure.column_name.as_deref()), (Some(warns), Some("score")));
    }
    assert_eq!(evidence(results[1], Metric::DriftEvidence).value, resolved.value);
    the_rest_is_the_same(&works);
}

#[test]
fn a_warning_that_the_sealed_window_does_not_bear_out_is_taken_back() {
    // Nobody asks for drift, and what is expected of the predictions is held against nothing.
    let plan = plan(false);
    let mut works = works(&plan, Level::Warning);
    let narrower = steady(0..2 * SIZE).into_iter().map(|Prediction { id, row }| {
        let score = row.score.map(|score| if id < SIZE { score } else { score * 0.5 + 0.25 });
        // Half of those that are left out would have been right more often than it is expected of the others.
        let score = score.map(|score| if id % 2 == 0 { score } else { 1.0 - score });
        Prediction { id, row: Row { score, prediction: None, ..row } }
    });
    for part in narrower.collect::<Vec<_>>().chunks(40) {
        works.predict(&plan, 0, part);
    }
    assert_eq!(
        brief(&works.out),
        [(Event::Opened, None, None), (Event::Resolved, Some(Resolution::TakenBack), Some(1)),]
    );
    the_rest_is_the_same(&works);
}

#[test]
fn targets_that_contradict_warn_before_there_are_enough_of_them_to_judge() {
    let plan = plan(true);
    let mut works = works(&plan, Level::Warning);
    let all = steady(0..2 * SIZE);
    for part in all.chunks(100) {
        works.predict(&plan, 0, part);
    }
    let (first, second) = all.split_at(SIZE as usize);
    let right = targets(first, true);
    let mut told: Vec<Told> = right.clone();
    told.extend(targets(second, false));
    for part in told[..SIZE as usize].chunks(60) {
        works.know(part);
        works.join(0, 100, false);
    }
    assert_eq!(brief(&works.out), [], "targets as they were likely");
    for part in told[SIZE as usize..].chunks(60) {
        works.know(part);
        works.join(0, 100, false);
        if let [warning] = warnings(&works.out)[..] {
            assert_eq!(warning.window, Some(1));
            assert_eq!(warning.id, "loans//1/early-targets/1");
            assert_eq!(warning.metric, Some(Metric::TargetEvidence.into()));
        }
    }
    assert_eq!(
        brief(&works.out),
        [(Event::Opened, None, Some(1)), (Event::Resolved, Some(Resolution::Confirmed), Some(1)),]
    );
    // With all targets it is what a file of the same rows says.
    let last = |window: u64| {
        works.results().filter(|result| result.window_index == window).last().unwrap()
    };
    let rows = second
        .iter()
        .zip(&told[SIZE as usize..])
        .map(|(of, told)| Row { target: told.label, ..of.row.clone() });
    let rows: Vec<Row> = rows.collect();
    let batch = world::served(plan.profile(), &rows, 0);
    let prepared = plan.prepare(&batch);
    let mut state = WindowState::new(&plan);
    state.fold(&plan, &prepared, 0, rows.len());
    let reading = state.evaluate(&plan);
    let (outcome, _) = state.outcome(&plan, &Repeated::default()).unwrap();
    let figures = plan.figures(&reading, Some(&outcome));
    let of_file = figures.iter().find(|figure| figure.metric == Metric::TargetEvidence).unwrap();
    assert_eq!(of_file, evidence(last(1), Metric::TargetEvidence));
    assert_eq!(of_file.breach, Some(true));
    assert_eq!(evidence(last(0), Metric::TargetEvidence).breach, Some(false));
    // Nothing is left of targets that are taken back.
    let withdrawn: Vec<Told> = told[SIZE as usize..]
        .iter()
        .map(|told| Told { decided_at: 1, label: None, ..told.clone() })
        .collect();
    works.know(&withdrawn);
    works.join(0, 100, false);
    let none = works.results().filter(|result| result.window_index == 1).last().unwrap();
    assert_eq!(evidence(none, Metric::TargetEvidence).value, None);
    the_rest_is_the_same(&works);
}

#[test]
fn whoever_wants_no_early_warnings_gets_none() {
    let plan = plan(true);
    let mut works = works(&plan, Level::Off);
    for part in shifted(0..SIZE).chunks(50) {
        works.predict(&plan, 0, part);
    }
    assert_eq!(brief(&works.out), []);
    let results: Vec<&WindowResult> = works.results().collect();
    assert_eq!(evidence(results[0], Metric::DriftEvidence).breach, Some(true));
}
