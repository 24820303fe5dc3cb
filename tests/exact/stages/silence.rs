//! Who is not waited for: idle lanes by their heartbeats, and everybody in the end.

use std::time::Duration;

use vigie::epoch::Timing;
use vigie::profile::WindowRule;

use super::desk::{Desk, lane};
use super::events::{at, card};
use super::rules::{PERIOD, one_epoch, timing};

fn impatient() -> Timing {
    Timing { idle: 300_000, max_wait: 3_600_000, ..timing(PERIOD) }
}

#[test]
fn a_lane_with_nothing_of_the_model_is_left_out_by_the_time_that_it_has_reached() {
    let mut desk = Desk::open(one_epoch(impatient()), 2);
    desk.send(lane(1), &[at(5)]);
    desk.send(lane(0), &[at(5), at(30)]);
    desk.now += 400;
    // Other models do not count as life.
    desk.send(lane(1), &[card("", 500)]);
    desk.beat(lane(1), 1_299);
    assert!(desk.brief().is_empty(), "five minutes less a second");
    desk.beat(lane(1), 1_300);
    assert_eq!(desk.brief(), ["00:00:00Z loans #0 epoch 1: 2 rows, Period, without predictions/1"]);
}

#[test]
fn a_lane_that_has_not_caught_up_is_not_idle() {
    let mut desk = Desk::open(one_epoch(impatient()), 2);
    desk.send(lane(0), &[at(5), at(30)]);
    // Its owner knows of two records that we have not seen: what it says of the time holds when we have.
    desk.now += 400;
    desk.beat_at(lane(1), 2, 1_400);
    assert!(desk.brief().is_empty());
    desk.send(lane(1), &[at(4)]);
    assert!(desk.brief().is_empty());
    desk.send(lane(1), &[card("", 4)]);
    assert_eq!(desk.state(lane(1)).fates.late.count, 0, "it was not left out before");
    // And the row was brought just now.
    assert!(desk.brief().is_empty());
    desk.now += 300;
    desk.beat(lane(1), 1_700);
    assert_eq!(desk.brief(), ["00:00:00Z loans #0 epoch 1: 2 rows, Period, without predictions/1"]);
}

#[test]
fn an_old_heartbeat_says_only_old_things() {
    let mut desk = Desk::open(one_epoch(impatient()), 2);
    desk.send(lane(0), &[at(5), at(30)]);
    desk.now += 1_000;
    // However late it comes, it speaks of its own time.
    desk.beat(lane(1), 1_100);
    desk.beat(lane(1), 1_299);
    assert!(desk.brief().is_empty());
    desk.beat(lane(1), 1_300);
    assert_eq!(desk.brief().len(), 1);
}

#[test]
fn a_replaced_owner_does_not_speak_for_its_lane() {
    let mut desk = Desk::open(one_epoch(impatient()), 2);
    desk.send(lane(0), &[at(5), at(30)]);
    desk.owner = 2;
    desk.open_lane(lane(1), 0);
    desk.owner = 1;
    desk.now += 1_000;
    desk.beat(lane(1), 1_900);
    assert!(desk.brief().is_empty());
}

#[test]
fn a_row_after_its_lane_was_left_out_is_late() {
    let mut desk = Desk::open(one_epoch(impatient()), 2);
    desk.send(lane(0), &[at(5), at(30)]);
    desk.now += 400;
    desk.beat(lane(1), 1_400);
    assert_eq!(desk.brief().len(), 1);
    desk.send(lane(1), &[at(6), at(15), at(33)]);
    let fates = desk.state(lane(1)).fates;
    // Of the next window nothing was sealed, since it had no row: there the row is in time.
    assert_eq!((fates.late.count, fates.sealed.count, fates.open.count), (1, 1, 1));
    desk.send(lane(0), &[at(50)]);
    desk.send(lane(1), &[at(50)]);
    assert_eq!(
        desk.brief()[1..],
        [
            "00:00:10Z loans #1 epoch 1: 1 rows, Period, 1 late",
            "00:00:30Z loans #2 epoch 1: 2 rows, Period"
        ]
    );
}

#[test]
fn silence_within_a_window_does_not_end_it() {
    // A model that is asked seldom: the window of this hour is not over because nobody came for five minutes.
    let hour = Timing { rule: WindowRule::Period(Duration::from_hours(1)), ..impatient() };
    let mut desk = Desk::open(one_epoch(hour), 1);
    desk.send(lane(0), &[at(1_000)]);
    desk.now = 1_600;
    desk.beat(lane(0), 1_599);
    assert!(desk.brief().is_empty());
    desk.send(lane(0), &[at(1_600)]);
    desk.now = 3_650;
    desk.beat(lane(0), 3_601);
    assert!(desk.brief().is_empty(), "the lateness is not over");
    desk.beat(lane(0), 3_602);
    assert_eq!(desk.brief(), ["00:00:00Z loans #0 epoch 1: 2 rows, Period, without predictions/0"]);
    assert_eq!(desk.state(lane(0)).fates.late.count, 0);
}

#[test]
fn nobody_is_waited_for_longer_than_max_wait_after_the_first_lane_passed() {
    let mut desk = Desk::open(one_epoch(impatient()), 2);
    desk.send(lane(0), &[at(5)]);
    desk.now = 2_000;
    desk.send(lane(0), &[at(30)]);
    desk.now = 5_599;
    // Busy, and far behind: neither passed nor idle.
    desk.send(lane(1), &[at(1)]);
    assert!(desk.brief().is_empty());
    desk.now = 5_600;
    desk.send(lane(1), &[at(2)]);
    assert_eq!(
        desk.brief(),
        ["00:00:00Z loans #0 epoch 1: 3 rows, MaxWait, without predictions/1"]
    );
    desk.send(lane(1), &[at(3), at(31)]);
    let fates = desk.state(lane(1)).fates;
    assert_eq!((fates.sealed.count, fates.late.count, fates.open.count), (2, 1, 1));
}

#[test]
fn the_logs_time_never_goes_back() {
    let mut desk = Desk::open(one_epoch(impatient()), 2);
    desk.send(lane(0), &[at(5), at(30)]);
    desk.now = 5_000;
    desk.beat(lane(0), 1_000);
    assert_eq!(desk.brief().len(), 1);
    desk.now = 900;
    desk.beat(lane(0), 1_000);
    assert_eq!(desk.tally.time(), 5_000_000);
}
