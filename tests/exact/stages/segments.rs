//! Parts of windows: what is published of them when a window is sealed, restated, or left out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use vigie::alert::{AlertEvent, Subject};
use vigie::batch::{Body, Record};
use vigie::fit::{Spec, fit};
use vigie::metric::{Kind, Metric};
use vigie::profile::WindowRule;
use vigie::tally::{Halt, Output, Tally};
use vigie::window::{
    ALL, Figure, Plan, Repeated, RevisionCause, SegmentPlan, Status, WindowResult, WindowState,
};

use super::commands::{self, SIZE, come, exclude, mended, newest, restate, works};
use super::targets::{Run, Told, Works, is_late, labels, plan_for, run};
use crate::world::{self, Row};

/// A plan with segments by region, by region and prediction, and of small amounts: eight at most.
pub(super) fn plan() -> Plan {
    let reference = world::rows(1, 600);
    let segments = Some(world::segments(&reference, 30, 8));
    let spec = Spec { segments, metrics: world::own_loss(), ..world::spec(WindowRule::Size(100)) };
    plan_for(fit(spec, vec![world::batch(&reference, 0)]).unwrap())
}

fn named<'p>(plan: &'p Plan, name: &str) -> (usize, &'p SegmentPlan) {
    plan.segments().iter().enumerate().find(|(_, segment)| segment.name() == name).unwrap()
}

/// Realized figures as `vigie check` has them, of the whole or of a segment; and how many rows that has.
fn batch_answer(
    plan: &Plan,
    segment: &str,
    rows: &[Row],
    repeated: &[usize],
) -> (u64, Option<Vec<Figure>>) {
    let mut state = WindowState::new(plan);
    let rows = world::served(plan.profile(), rows, 0);
    state.fold(plan, &plan.prepare(&rows), 0, rows.len());
    let mut again = Repeated::default();
    again.note(plan, &rows, repeated);
    if segment == ALL {
        let reading = state.evaluate(plan);
        let outcome = state.outcome(plan, &again).map(|(outcome, _)| outcome);
        let figures = plan.figures(&reading, outcome.as_ref());
        return (reading.rows, Some(of_targets(figures)));
    }
    let (at, of_segment) = named(plan, segment);
    let rows = state.segment_rows(at);
    let figures = state.segment(at).zip(of_segment.plan()).map(|(state, plan)| {
        let reading = state.evaluate(plan);
        let outcome = state.outcome(plan, &again.of_segment(at)).map(|(outcome, _)| outcome);
        of_targets(plan.figures(&reading, outcome.as_ref()))
    });
    (rows, figures)
}

/// What targets change: realized figures, and the estimate held against them.
fn of_targets(figures: Vec<Figure>) -> Vec<Figure> {
    let of = |figure: &Figure| matches!(figure.kind, Kind::Realized | Kind::Diagnosis);
    figures.into_iter().filter(of).collect()
}

#[test]
fn the_last_revision_of_a_segment_is_the_batch_answer_of_its_rows() {
    let plan = plan();
    let mut compared = BTreeMap::new();
    for (seed, rule) in (0..6).flat_map(|seed| {
        [WindowRule::Size(25), WindowRule::Period(Duration::from_secs(30))].map(|rule| (seed, rule))
    }) {
        let (works, lanes, targets, order): Run = run(seed, rule, &plan);
        let labels = labels(&lanes, &targets, &order);
        let mut first = BTreeMap::new();
        for &(lane, at) in &order {
            first.entry(lanes[lane as usize][at].id).or_insert((lane, at));
        }
        for result in works.results().filter(|result| result.is_final) {
            let index = result.window_index as usize;
            let within = |&(lane, at): &(i32, usize)| {
                lanes[lane as usize][at].row.time / 30_000_000 == index as i64
                    && !is_late(&lanes, (lane, at))
            };
            let members: Vec<(i32, usize)> = match rule {
                WindowRule::Size(size) => order[index * size as usize..][..size as usize].to_vec(),
                _ => order.iter().copied().filter(within).collect(),
            };
            let row = |&(lane, at): &(i32, usize)| Row {
                target: labels[&(lane, at)],
                ..lanes[lane as usize][at].row.clone()
            };
            let rows: Vec<Row> = members.iter().map(row).collect();
            let again =
                |&(lane, at): &(i32, usize)| first[&lanes[lane as usize][at].id] != (lane, at);
            let repeated: Vec<usize> =
                (0..members.len()).filter(|&row| again(&members[row])).collect();
            let (count, figures) = batch_answer(&plan, &result.segment, &rows, &repeated);
            let what = format!("seed {seed} {rule} window {index} {}", result.segment);
            assert_eq!(result.window_rows, count, "{what}");
            let counted = result.figures.iter().any(|of| of.metric == Metric::Rows);
            assert_eq!(figures.is_none(), counted, "{what}");
            if let Some(figures) = figures {
                assert!(of_targets(result.figures.clone()) == figures, "{what}");
                *compared.entry(result.segment.clone()).or_insert(0) += 1;
            }
        }
        // Each is final once, and nothing waits.
        let ends = |of: fn(&WindowResult) -> bool| {
            let all = works.results().filter(|result| of(result));
            all.map(|result| (result.window_index, result.segment.clone())).collect::<Vec<_>>()
        };
        let [mut finals, mut sealed] = [ends(|of| of.is_final), ends(|of| of.revision == 0)];
        finals.sort();
        sealed.sort();
        assert_eq!(finals, sealed);
        assert_eq!(works.tally.awaiting_windows(), 0);
    }
    assert_eq!(compared.len(), 8, "{compared:?}");
    assert!(compared.values().all(|&windows| windows >= 10), "{compared:?}");
}

#[test]
fn whoever_runs_the_log_and_wherever_it_stops_segments_are_the_same() {
    let plan = plan();
    let (works, ..) = run(3, WindowRule::Size(25), &plan);
    assert!(works.results().filter(|result| result.segment != ALL).count() > 50);
    let once = commands::run(&works, &works.log, || false);
    assert_eq!(once, works.out);
    assert_eq!(commands::run(&works, &works.log, || true), once, "at every record");
    for stop in 0..works.log.len() {
        let mut record = 0..;
        let again = commands::run(&works, &works.log, || record.next() == Some(stop));
        assert!(again == once, "stopped at record {stop}");
    }
}

#[test]
fn what_is_shown_of_segments_comes_from_the_state() {
    let plan = plan();
    let (mut works, ..) = run(3, WindowRule::Size(25), &plan);
    let shown = |tally: &Tally| -> BTreeMap<String, (u64, u64)> {
        let latest = tally.latest().map(|text| serde_json::from_str::<WindowResult>(text).unwrap());
        latest.map(|of| (of.segment, (of.window_index, of.revision))).collect()
    };
    let before = shown(&works.tally);
    let names: BTreeSet<&str> = plan.segments().iter().map(SegmentPlan::name).collect();
    let of_plan = |name: &&str| before.contains_key(*name);
    assert!(names.iter().filter(|name| of_plan(name)).count() >= 7, "{before:?}");
    let checkpoint = works.tally.checkpoint();
    let restored = Tally::restore(&checkpoint.head, &checkpoint.changed, checkpoint.live).unwrap();
    assert_eq!(restored, works.tally);
    assert_eq!(shown(&restored), before);
    assert!(works.tally.checkpoint().changed.is_empty(), "nothing is new");
}

#[test]
fn segments_are_published_with_their_window_and_restated_when_something_is_new_of_them() {
    let plan = plan();
    let mut works = works(&plan);
    let of = |works: &Works, window: u64, revision: u64| -> BTreeMap<String, WindowResult> {
        let of_window = works.results().filter(|result| result.window_index == window);
        let of = of_window.filter(|result| result.revision == revision);
        of.map(|result| (result.segment.clone(), result.clone())).collect()
    };
    for window in 0..4 {
        let sealed = of(&works, window, 0);
        let whole = &sealed[ALL];
        let split = ["region=east", "region=north", "region=south", "region=other"];
        let rows = split.iter().filter_map(|name| sealed.get(*name));
        assert_eq!(rows.map(|of| of.window_rows).sum::<u64>(), whole.window_rows);
        for (name, result) in sealed.iter().filter(|(name, _)| *name != ALL) {
            assert_eq!(result.window_end, whole.window_end);
            assert_eq!((&result.epoch, &result.profile), (&whole.epoch, &whole.profile));
            assert!(result.inputs.is_empty(), "the records are those of the whole");
            assert!(result.id.contains(name.as_str()) && result.id != whole.id);
            let estimates = result.figures.iter().any(|of| of.kind == Kind::Estimated);
            assert_eq!(estimates, result.window_rows > 0 && named(&plan, name).1.plan().is_some());
        }
    }
    // One target, of one row in the window that is the last.
    let id = 3 * SIZE + 7;
    let row = world::row(9, id);
    let before = works.results().count();
    works.now += 10;
    works.know(&[Told { id, decided_at: 0, label: row.target }]);
    works.join(0, usize::MAX, false);
    let news: Vec<String> = works.results().skip(before).map(|of| of.segment.clone()).collect();
    let region = row.region.unwrap();
    let restated: BTreeSet<&str> = news.iter().map(String::as_str).collect();
    let expected = format!("region={region}");
    assert!(restated.contains(ALL) && restated.contains(expected.as_str()), "{restated:?}");
    for other in ["east", "north", "south"].iter().filter(|other| **other != region) {
        assert!(!restated.contains(format!("region={other}").as_str()), "{restated:?}");
    }
    let result = works.results().last().unwrap();
    assert_eq!(result.revision_cause, Some(RevisionCause::Targets));
    assert!(result.coverage.unwrap() > 0.0 && result.targets.as_ref().unwrap().rows == 1);
}

#[test]
fn a_segment_without_rows_says_so_and_is_not_judged() {
    let plan = plan();
    let mut works = Works::new(super::targets::epochs(&plan, WindowRule::Size(20), 1), 1, 1);
    let north = |id| Row { region: Some("north".to_owned()), ..world::row(9, id) };
    let predictions: Vec<_> =
        (0..20).map(|id| super::targets::Prediction { id, row: north(id) }).collect();
    works.predict(&plan, 0, &predictions);
    let sealed: BTreeMap<&str, &WindowResult> =
        works.results().map(|result| (result.segment.as_str(), result)).collect();
    assert_eq!(sealed["region=north"].window_rows, 20);
    let empty = sealed["region=south"];
    assert_eq!((empty.window_rows, empty.is_final), (0, true));
    let [rows] = &empty.figures[..] else { panic!("{:?}", empty.figures) };
    assert_eq!((rows.value, rows.status, rows.breach), (Some(0.0), Status::Empty, None));
    // The reference has no rows of `other`, and the window has none: nothing to say.
    assert!(!sealed.contains_key("region=other"), "{:?}", sealed.keys());
}

#[test]
fn a_segment_that_the_reference_has_too_few_rows_of_is_counted() {
    let plan = plan();
    let mut works = Works::new(super::targets::epochs(&plan, WindowRule::Size(20), 1), 1, 1);
    let moon = |id| Row { region: Some("moon".to_owned()), ..world::row(9, id) };
    let predictions: Vec<_> =
        (0..20).map(|id| super::targets::Prediction { id, row: moon(id) }).collect();
    works.predict(&plan, 0, &predictions);
    let other = works.results().find(|result| result.segment == "region=other").unwrap();
    let [rows] = &other.figures[..] else { panic!("{:?}", other.figures) };
    assert_eq!((rows.value, rows.status, rows.breach), (Some(20.0), Status::NoReference, None));
}

#[test]
fn a_window_that_is_left_out_is_so_in_all_its_segments() {
    let plan = plan();
    let mut works = works(&plan);
    let seen = newest(&works, 1).clone();
    let before = works.results().count();
    works.tell(&exclude("1", &seen));
    let published: Vec<&WindowResult> = works.results().skip(before).collect();
    assert_eq!(published.len(), 1 + plan.segments().len());
    for result in published {
        assert_eq!(result.revision, seen.revision + 1);
        assert_eq!(result.revision_cause, Some(RevisionCause::Excluded));
        assert!(result.is_final && result.figures.is_empty(), "{}", result.segment);
        assert_eq!(result.reason.as_deref(), Some("a broken export"));
    }
    let all = works.results().count();
    come(&mut works, SIZE..2 * SIZE, true);
    assert_eq!(works.results().count(), all, "targets of its rows count nowhere");
}

#[test]
fn other_rows_in_place_of_a_windows_own_are_told_apart_too() {
    let plan = plan();
    let mut works = works(&plan);
    let seen = newest(&works, 1).clone();
    let before = works.results().count();
    for record in restate("2", &seen, &plan, &mended(1), 3) {
        works.tell(&record);
    }
    let rows = mended(1);
    let published: Vec<&WindowResult> = works.results().skip(before).collect();
    assert_eq!(published.len(), 1 + plan.segments().len());
    for result in published {
        assert_eq!(result.revision_cause, Some(RevisionCause::Replaced));
        let (count, figures) = batch_answer(&plan, &result.segment, &rows, &[]);
        assert_eq!(result.window_rows, count, "{}", result.segment);
        if let Some(figures) = figures {
            assert!(of_targets(result.figures.clone()) == figures, "{}", result.segment);
        }
    }
}

#[test]
fn rows_whose_segments_are_not_those_of_the_profile_stop_the_tally() {
    let plan = plan();
    let works = works(&plan);
    for wrong in [0, 1] {
        let (appended, bytes) = works.log.iter().find(|(_, bytes)| has_rows(bytes)).unwrap();
        let mut record: Record = Record::from_bytes(bytes).unwrap();
        let Body::Rows(content) = &mut record.body else { panic!("it has rows") };
        let rows = &mut content.sections[0].rows;
        match wrong {
            0 => rows.segments.clear(),
            _ => rows.segments[0] = vec![99; rows.len()].into(),
        }
        let mut tally = Tally::default();
        let halt = tally.apply(0, *appended, record, &works.epochs, &mut Vec::new()).unwrap_err();
        assert!(matches!(halt, Halt::Segments { .. }), "{halt}");
        assert_eq!(tally, Tally::default());
    }
}

fn has_rows(bytes: &[u8]) -> bool {
    let record: Record = Record::from_bytes(bytes).unwrap();
    matches!(&record.body, Body::Rows(content) if !content.sections.is_empty())
}

#[test]
fn an_alert_of_the_whole_says_which_segments_are_furthest_out_and_they_alert_nobody() {
    let plan = plan();
    // All targets of the second window are wrong.
    let works = works(&plan);
    let alerts: Vec<&AlertEvent> = works
        .out
        .iter()
        .filter_map(|output| match output {
            Output::Alert(alert) => Some(&**alert),
            Output::Result(_) => None,
        })
        .collect();
    assert!(alerts.iter().all(|alert| alert.segment == ALL));
    let is_realized = |alert: &&&AlertEvent| alert.kind == Subject::Realized;
    let opened = alerts.iter().find(is_realized).unwrap();
    let found = &opened.evidence.segments;
    assert!((1..=5).contains(&found.len()), "{found:?}");
    for of in found {
        let result = works
            .results()
            .find(|result| result.segment == of.segment && result.figures.contains(&of.figure));
        assert_eq!(result.map(|result| result.window_rows), Some(of.rows));
        assert_eq!((of.figure.breach, of.figure.kind), (Some(true), Kind::Realized));
    }
    let worst = format!("furthest out is {}: ", found[0].segment);
    assert!(opened.summary.contains(&worst), "{}", opened.summary);
    // Of one without segments nothing is said.
    let plain = commands::works(&super::targets::plan());
    for output in &plain.out {
        if let Output::Alert(alert) = output {
            assert!(!serde_json::to_string(alert).unwrap().contains("segments"));
        }
    }
}
