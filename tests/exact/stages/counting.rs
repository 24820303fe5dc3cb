//! Every record in one place: ledgers, digests, ids.

use std::collections::{BTreeMap, BTreeSet};

use vigie::batch::{Body, Digest, Stretch};
use vigie::epoch::Timing;
use vigie::profile::WindowRule;
use vigie::tally::Output;

use super::desk::{Desk, lane};
use super::events::{Event, REJECT, at, card, of};
use super::quiet::{touchy, with_policy};
use super::rules::{CARDS, LOANS, PERIOD, one_epoch, timing};

#[test]
fn every_record_has_exactly_one_fate() {
    let skew = Timing { skew: 30_000, ..timing(PERIOD) };
    let mut desk = Desk::open(one_epoch(skew), 1);
    let stranger = Event::Reject(Some(("nobody", "1")));
    desk.send(
        lane(0),
        &[
            at(5),
            REJECT,
            Event::Hole,
            at(40),
            at(6),
            Event::Filtered(LOANS),
            Event::Filtered(CARDS),
            card("x", 5_000),
            card("x", 5),
            Event::Reject(None),
            stranger,
        ],
    );
    let fates = desk.state(lane(0)).fates;
    assert_eq!(fates.sealed, Digest::of([0]));
    assert_eq!(fates.open, Digest::of([3, 8]));
    assert_eq!(fates.late, Digest::of([4]));
    assert_eq!(fates.rejected, Digest::of([1, 9, 10]));
    assert_eq!(fates.quarantined, Digest::of([7]));
    assert_eq!(fates.filtered, Digest::of([5, 6]));
    assert_eq!(fates.total(), Digest::of((0..11).filter(|&offset| offset != 2)));
    assert_eq!(fates.lost, 0);
}

#[test]
fn results_hold_what_the_ledger_says_is_sealed() {
    for rule in [PERIOD, WindowRule::Size(3)] {
        let mut desk = Desk::open(one_epoch(timing(rule)), 2);
        for round in 0..10 {
            for partition in 0..2 {
                let second = round * 7 + i64::from(partition);
                desk.send(
                    lane(partition),
                    &[of("a", second), card("", second), of("b", second - 9)],
                );
            }
        }
        assert!(desk.results().len() > 5);
        for partition in 0..2 {
            let mut sum = 0u128;
            let mut rows = 0;
            for input in desk.results().iter().flat_map(|result| &result.inputs) {
                if input.partition == partition {
                    sum = sum.wrapping_add(u128::from_str_radix(&input.digest, 16).unwrap());
                    rows += input.rows;
                }
            }
            let sealed = desk.state(lane(partition)).fates.sealed;
            assert_eq!(sealed.count, rows);
            assert_eq!(sealed.to_string(), format!("{sum:032x}"));
        }
    }
}

#[test]
fn what_names_no_model_that_we_know_is_in_the_ledger_alone() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    let strange = [Event::Reject(None), Event::Reject(Some(("nobody", "1")))];
    desk.send(lane(0), &[at(5), strange[0], strange[1], at(40)]);
    assert_eq!(desk.brief(), ["00:00:00Z loans #0 epoch 1: 1 rows, Period"]);
    assert_eq!(desk.state(lane(0)).fates.rejected.count, 2);
}

#[test]
fn rejects_of_versions_that_nothing_serves_leave_no_trace_in_the_state() {
    // Versions come from strangers: a record a version must not make the state grow.
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    desk.send(lane(0), &[card("", 1)]);
    let before = desk.tally.checkpoint().head.len();
    let versions: Vec<&'static str> =
        (0..200).map(|n| &*Box::leak(format!("version {n}").into_boxed_str())).collect();
    let events: Vec<Event> =
        versions.iter().map(|version| Event::Reject(Some((CARDS, version)))).collect();
    desk.send(lane(0), &events);
    assert_eq!(desk.state(lane(0)).fates.rejected.count, 200);
    assert!(desk.tally.checkpoint().head.len() < before + 32);
}

#[test]
fn strays_of_a_version_without_windows_do_not_pile_up() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    let reject = Event::Reject(Some((LOANS, "b")));
    let mut sizes = Vec::new();
    for window in 0..50 {
        desk.send(lane(0), &[of("a", window * 10 + 5), reject]);
        sizes.push(desk.tally.checkpoint().head.len());
    }
    assert_eq!(desk.results().len(), 49);
    // The text of the latest result is now longer, now shorter.
    assert!(sizes[49] < sizes[5] + 256, "{sizes:?}");
    desk.send(lane(0), &[of("b", 600), of("a", 700)]);
    let last = desk.brief().pop().unwrap();
    assert_eq!(last, "00:10:00Z loans b #0 epoch 1: 1 rows, Period, 50 rejected");
}

#[test]
fn every_result_and_alert_has_an_id_of_its_own() {
    let mut desk = Desk::new(with_policy(PERIOD, touchy()), 1);
    desk.policy = 1;
    desk.open_lane(lane(0), 0);
    for window in 0..8 {
        let second = window * 10;
        desk.send(lane(0), &[of("a", second), of("a", second + 1), of("a", second + 2)]);
        desk.send(lane(0), &[of("b", second), card("a", second), card("b", second)]);
    }
    let ids: Vec<&str> = desk.results().iter().map(|result| result.id.as_str()).collect();
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len());
    assert_eq!(desk.results()[0].id, "loans/a/1/0/all/0");
    let mut indices: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for result in desk.results() {
        let next = indices.entry((&result.model, &result.version)).or_default();
        assert_eq!(result.window_index, *next);
        *next += 1;
    }
    let alerts: BTreeSet<(&str, u64)> =
        desk.alerts().iter().map(|alert| (alert.id.as_str(), alert.sequence)).collect();
    assert_eq!(alerts.len(), desk.alerts().len());
    assert!(!alerts.is_empty());
}

#[test]
fn an_open_window_is_never_published() {
    let mut desk = Desk::open(one_epoch(timing(WindowRule::Size(3))), 1);
    desk.send(lane(0), &[at(1), at(2)]);
    desk.beat(lane(0), 5_000);
    desk.now += 100_000;
    desk.beat(lane(0), 100_000);
    assert!(desk.out.is_empty());
    assert_eq!(desk.state(lane(0)).fates.open.count, 2);
}

#[test]
fn the_running_digest_covers_every_output_in_its_order() {
    let run = |rows: &[Event]| {
        let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
        let mut digests = vec![(0, 0)];
        for row in rows {
            desk.send(lane(0), &[*row]);
            let ledger = desk.tally.ledger();
            let alerts = desk.out.iter().filter(|out| matches!(out, Output::Alert(_))).count();
            assert_eq!(ledger.outputs as usize, desk.results().len() + alerts);
            if ledger.digest != digests.last().unwrap().1 {
                digests.push((desk.results().len(), ledger.digest));
            }
        }
        digests
    };
    let told = run(&[at(1), at(15), at(30), at(45)]);
    let counts: Vec<usize> = told.iter().map(|&(count, _)| count).collect();
    assert_eq!(counts, [0, 1, 2, 3], "each result changes it");
    assert_ne!(told[3], run(&[at(1), at(16), at(30), at(45)])[3], "and what it holds");
    assert_eq!(told, run(&[at(1), at(15), at(30), at(45)]));
}

#[test]
fn what_was_given_up_is_counted_as_lost() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    desk.send(lane(0), &[at(1)]);
    let lost = Body::Lost { reason: "retention".to_owned() };
    desk.say(&desk.record(lane(0), Stretch { from: 0, to: 7 }, lost));
    let state = desk.state(lane(0));
    assert_eq!((state.fates.lost, state.cursor.position), (6, 7));
    assert_eq!(state.fates.total(), Digest::of([0]));
}
