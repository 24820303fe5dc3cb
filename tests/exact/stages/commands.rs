//! What persons ask of windows: one is left out, another gets other rows.

use std::collections::BTreeMap;
use std::ops::Range;

use vigie::alert::{AlertEvent, Event, Resolution};
use vigie::batch::{Act, Body, Command, Content, Digest, Record, Section};
use vigie::profile::WindowRule;
use vigie::tally::{JOINED, Output, Tally};
use vigie::window::{ALL, Plan, Repeated, RevisionCause, WindowResult, WindowState};

use super::rules::LOANS;
use super::targets::{Draws, Prediction, Told, Works, epochs, plan};
use crate::world::{self, Row};

pub(super) const SIZE: u64 = 50;

fn predictions(count: u64) -> Vec<Prediction> {
    (0..count).map(|id| Prediction { id, row: world::row(9, id) }).collect()
}

/// Targets that are right, or all wrong.
fn told(ids: Range<u64>, right: bool) -> Vec<Told> {
    ids.map(|id| {
        let row = world::row(9, id);
        let label = if right { row.target } else { row.prediction.map(|class| !class) };
        Told { id, decided_at: 0, label }
    })
    .collect()
}

/// Four windows, of which the last two have no targets yet.
pub(super) fn works(plan: &Plan) -> Works {
    let mut works = Works::new(epochs(plan, WindowRule::Size(SIZE), 1), 1, 1);
    works.predict(plan, 0, &predictions(4 * SIZE));
    works.join(0, usize::MAX, false);
    come(&mut works, 0..SIZE, true);
    come(&mut works, SIZE..2 * SIZE, false);
    works
}

pub(super) fn come(works: &mut Works, ids: Range<u64>, right: bool) {
    works.now += 10;
    works.know(&told(ids, right));
    works.join(0, usize::MAX, false);
}

pub(super) fn newest(works: &Works, window: u64) -> &WindowResult {
    let whole = works.results().filter(|result| result.segment == ALL);
    whole.filter(|result| result.window_index == window).last().unwrap()
}

pub(super) fn record(id: &str, seen: &WindowResult, act: Act, content: Content) -> Record {
    let bare = WindowResult { figures: Vec::new(), distributions: Vec::new(), ..seen.clone() };
    let command = Command {
        id: id.to_owned(),
        model: seen.model.clone(),
        version: seen.version.clone(),
        window: seen.window_index,
        seen: serde_json::to_string(&bare).unwrap(),
        reason: "a broken export".to_owned(),
        act,
    };
    Record::command(JOINED, command, content)
}

pub(super) fn exclude(id: &str, seen: &WindowResult) -> Record {
    record(id, seen, Act::Exclude, Content::default())
}

/// These rows in place of a window's own, in parts.
pub(super) fn restate(
    id: &str,
    seen: &WindowResult,
    plan: &Plan,
    rows: &[Row],
    parts: usize,
) -> Vec<Record> {
    let length = rows.len().div_ceil(parts);
    let chunks: Vec<&[Row]> = rows.chunks(length).collect();
    let parts = chunks.len() as u32;
    (0..)
        .zip(chunks)
        .map(|(part, rows)| {
            let section = Section {
                model: LOANS.to_owned(),
                version: String::new(),
                rows: world::served(plan.profile(), rows, 0),
                profiled: true,
            };
            let content = Content { sections: vec![section], ..Content::default() };
            record(id, seen, Act::Restate { part, parts }, content)
        })
        .collect()
}

/// The rows of a window with their true targets.
pub(super) fn mended(window: u64) -> Vec<Row> {
    (window * SIZE..(window + 1) * SIZE).map(|id| world::row(9, id)).collect()
}

fn alerts(out: &[Output]) -> Vec<&AlertEvent> {
    let of = out.iter().filter_map(|output| match output {
        Output::Alert(alert) => Some(&**alert),
        Output::Result(_) => None,
    });
    of.collect()
}

#[test]
fn a_window_that_is_left_out_is_a_revision_without_figures_and_the_last() {
    let plan = plan();
    let mut works = works(&plan);
    let before: Vec<_> = works.tally.lanes().values().map(|lane| lane.fates).collect();
    let seen = newest(&works, 1).clone();
    assert!(seen.revision > 0 && !seen.is_final);
    works.tell(&exclude("1", &seen));
    let result = newest(&works, 1);
    assert_eq!(result.revision, seen.revision + 1);
    assert_eq!(result.revision_cause, Some(RevisionCause::Excluded));
    assert_eq!(result.reason.as_deref(), Some("a broken export"));
    assert!(result.is_final && result.figures.is_empty() && result.coverage.is_none());
    assert_eq!(result.inputs, seen.inputs);
    assert_ne!(result.id, seen.id);
    // Its records are counted apart, and all are there.
    let after: Vec<_> = works.tally.lanes().values().map(|lane| lane.fates).collect();
    let excluded = after.iter().map(|fates| fates.excluded.count).sum::<u64>();
    assert_eq!(excluded, SIZE);
    assert!(after.iter().any(|fates| fates.excluded == Digest::of(50..100)));
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.total(), after.total());
        assert_eq!(before.sealed.count, after.sealed.count + after.excluded.count);
    }
    // Targets of its rows count nowhere; not in the window before either.
    let all = works.results().count();
    come(&mut works, SIZE..2 * SIZE, true);
    assert_eq!(works.results().count(), all);
    come(&mut works, 2 * SIZE..3 * SIZE, true);
    assert_eq!(newest(&works, 2).coverage, Some(1.0));
    // Nor does a restart change that.
    let checkpoint = works.tally.checkpoint();
    let live = checkpoint.live;
    let restored = Tally::restore(&checkpoint.head, &checkpoint.changed, live).unwrap();
    assert_eq!(restored, works.tally);
}

#[test]
fn the_alert_of_a_window_that_is_left_out_is_over() {
    let plan = plan();
    let mut works = works(&plan);
    let opened = |works: &Works| alerts(&works.out).iter().any(|of| of.event == Event::Opened);
    assert!(opened(&works), "all its targets are wrong");
    let count = alerts(&works.out).len();
    works.tell(&exclude("0", &newest(&works, 0).clone()));
    assert_eq!(alerts(&works.out).len(), count, "it does not rest on that one");
    works.tell(&exclude("1", &newest(&works, 1).clone()));
    let all = alerts(&works.out);
    let realized = |of: &&&AlertEvent| of.id.ends_with("/realized");
    let last = all.iter().rfind(realized).unwrap();
    assert_eq!((last.event, last.resolution), (Event::Resolved, Some(Resolution::Excluded)));
    assert_eq!(last.summary, "window 1 was left out: a broken export");
    assert_eq!(last.window, Some(1));
}

#[test]
fn other_rows_in_its_place_give_the_figures_of_these_rows_however_they_are_cut() {
    let plan = plan();
    let rows = mended(1);
    let whole = world::served(plan.profile(), &rows, 0);
    let mut state = WindowState::new(&plan);
    state.fold(&plan, &plan.prepare(&whole), 0, whole.len());
    let reading = state.evaluate(&plan);
    let outcome = state.outcome(&plan, &Repeated::default()).map(|(outcome, _)| outcome);
    let figures = plan.figures(&reading, outcome.as_ref());
    for parts in [1, 2, 7] {
        let mut works = works(&plan);
        let seen = newest(&works, 1).clone();
        for part in restate("1", &seen, &plan, &rows, parts) {
            works.tell(&part);
            works.tell(&part);
        }
        let result = newest(&works, 1);
        assert_eq!(result.figures, figures, "in {parts} parts");
        assert_eq!(result.revision_cause, Some(RevisionCause::Replaced));
        assert_eq!((result.revision, result.is_final), (seen.revision + 1, true));
        assert_eq!(result.coverage, Some(1.0));
        let all = alerts(&works.out);
        let last = all.iter().rfind(|of| of.id.ends_with("/realized")).unwrap();
        assert_eq!((last.event, last.resolution), (Event::Resolved, Some(Resolution::Restated)));
        // And it may still be left out.
        works.tell(&exclude("2", &newest(&works, 1).clone()));
        assert_eq!(newest(&works, 1).revision, seen.revision + 2);
        let excluded = works.tally.lanes().values().map(|lane| lane.fates.excluded.count);
        assert_eq!(excluded.sum::<u64>(), SIZE, "counted once");
    }
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let plan = plan();
    let mut works = works(&plan);
    let seen = newest(&works, 1).clone();
    let untouched = works.tally.clone();
    let unknown = WindowResult { window_index: 99, ..seen.clone() };
    let other = WindowResult { model: "another".to_owned(), ..seen.clone() };
    let mut bare = mended(1);
    bare.truncate(10);
    let mut wrong = restate("3", &seen, &plan, &bare, 1).remove(0);
    if let Body::Command(_, content) = &mut wrong.body {
        content.sections[0].rows.columns.pop();
    }
    for record in [exclude("1", &unknown), exclude("2", &other), wrong] {
        let results = works.results().count();
        works.tell(&record);
        assert_eq!(works.results().count(), results);
        assert_eq!(works.tally.lanes(), untouched.lanes());
    }
}

/// What comes out of a log, from an empty tally; it stops and goes on wherever `stops` says so.
pub(super) fn run(
    works: &Works,
    log: &[(i64, Vec<u8>)],
    mut stops: impl FnMut() -> bool,
) -> Vec<Output> {
    let mut tally = Tally::default();
    let mut out = Vec::new();
    let mut kept: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (offset, (appended, bytes)) in (0..).zip(log) {
        let record = Record::from_bytes(bytes).unwrap();
        tally.apply(offset, *appended, record, &works.epochs, &mut out).unwrap();
        if stops() {
            let checkpoint = tally.checkpoint();
            kept.extend(checkpoint.changed);
            kept.retain(|key, _| !checkpoint.gone.contains(key));
            let live = checkpoint.live;
            tally = Tally::restore(&checkpoint.head, &kept, live).unwrap();
        }
    }
    out
}

#[test]
fn sent_twice_in_any_order_and_after_any_crash_it_is_the_same() {
    let plan = plan();
    for seed in 0..20 {
        let mut draws = Draws(seed, 0);
        let mut works = works(&plan);
        let at = [0, 1].map(|window| newest(&works, window).clone());
        let commands = [
            vec![exclude("1", &at[0])],
            restate("2", &at[1], &plan, &mended(1), 1 + draws.below(4) as usize),
        ];
        let mut sent: Vec<(usize, Record)> = Vec::new();
        for (turn, commands) in commands.iter().enumerate() {
            for command in commands {
                works.tell(command);
                sent.push((works.log.len(), command.clone()));
                if draws.chance(0.5) {
                    let from = (2 + turn as u64) * SIZE + draws.below(SIZE);
                    come(&mut works, from..(from + 9).min(4 * SIZE), true);
                }
            }
        }
        come(&mut works, 0..4 * SIZE, true);
        let once = run(&works, &works.log, || false);
        assert_eq!(once, works.out);
        // Each again, somewhere behind.
        let mut log = works.log.clone();
        let mut again: Vec<(usize, Vec<u8>)> = Vec::new();
        for (after, command) in &sent {
            for _ in 0..=draws.below(3) {
                let room = (works.log.len() - after) as u64 + 1;
                again.push((after + draws.below(room) as usize, command.to_bytes()));
            }
        }
        again.sort_by_key(|(at, _)| *at);
        for (at, bytes) in again.into_iter().rev() {
            let appended = log[at - 1].0;
            log.insert(at, (appended, bytes));
        }
        let twice = run(&works, &log, || draws.chance(0.2));
        assert_eq!(twice, once, "seed {seed}");
    }
}

#[test]
fn when_it_comes_changes_nothing_of_other_windows() {
    let plan = plan();
    let mut outcomes = Vec::new();
    for place in 0..4 {
        let mut works = works(&plan);
        let command = exclude("1", &newest(&works, 1).clone());
        for (turn, ids) in
            [0..2 * SIZE, 2 * SIZE..3 * SIZE, 3 * SIZE..4 * SIZE].into_iter().enumerate()
        {
            if place == turn {
                works.tell(&command);
            }
            come(&mut works, ids, true);
        }
        if place == 3 {
            works.tell(&command);
        }
        let others: Vec<WindowResult> =
            works.results().filter(|result| result.window_index != 1).cloned().collect();
        let last = newest(&works, 1);
        assert_eq!(last.revision_cause, Some(RevisionCause::Excluded));
        outcomes.push(others);
    }
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
}
