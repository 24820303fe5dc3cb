//! When a window is complete.

use vigie::batch::Lane;
use vigie::epoch::Timing;
use vigie::profile::WindowRule;
use vigie::window::Status;

use super::desk::{Desk, lane};
use super::events::{at, card, of};
use super::rules::{PERIOD, one_epoch, timing};

#[test]
fn a_window_is_sealed_when_every_lane_has_passed_its_end_and_lateness() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 3);
    desk.send(lane(0), &[at(5), at(30)]);
    desk.send(lane(1), &[at(5), at(12)]);
    desk.send(lane(2), &[at(5), at(11)]);
    assert!(desk.brief().is_empty());
    desk.send(lane(2), &[at(12)]);
    assert_eq!(desk.brief(), ["00:00:00Z loans #0 epoch 1: 3 rows, Period"]);
}

#[test]
fn windows_without_rows_are_not_published() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    desk.send(lane(0), &[at(5), at(55), at(100)]);
    assert_eq!(
        desk.brief(),
        [
            "00:00:00Z loans #0 epoch 1: 1 rows, Period",
            "00:00:50Z loans #1 epoch 1: 1 rows, Period"
        ]
    );
}

#[test]
fn a_lane_that_nobody_has_heard_of_is_waited_for() {
    let timing = Timing { idle: 5_000, max_wait: 60_000, ..timing(PERIOD) };
    let mut desk = Desk::new(one_epoch(timing), 3);
    desk.open_lane(lane(0), 0);
    desk.send(lane(0), &[at(5), at(30)]);
    desk.open_lane(lane(2), 0);
    desk.send(lane(2), &[at(6), at(30)]);
    assert!(desk.brief().is_empty());
    // The first lane passed it a minute ago.
    desk.now += 60;
    desk.beat(lane(0), desk.now - 1);
    assert_eq!(
        desk.brief(),
        ["00:00:00Z loans #0 epoch 1: 2 rows, MaxWait, without predictions/1"]
    );
    // A row of it that comes after all is late: its window is gone.
    desk.open_lane(lane(1), 0);
    desk.send(lane(1), &[at(7), at(8), at(31)]);
    assert_eq!(desk.state(lane(1)).fates.late.count, 2);
    desk.send(lane(0), &[at(90)]);
    desk.send(lane(1), &[at(90)]);
    desk.send(lane(2), &[at(90)]);
    assert_eq!(
        desk.brief()[1..],
        ["00:00:30Z loans #1 epoch 1: 3 rows, Period, 2 late"],
        "the late rows are counted in the next"
    );
}

#[test]
fn a_new_partition_is_waited_for_as_soon_as_a_lane_tells_of_it() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    desk.send(lane(0), &[at(5), at(15)]);
    assert_eq!(desk.brief().len(), 1);
    desk.partitions = 2;
    desk.send(lane(0), &[at(30)]);
    assert_eq!(desk.brief().len(), 1, "what the new one holds is not known yet");
    desk.open_lane(lane(1), 0);
    desk.send(lane(1), &[at(16), at(30)]);
    assert_eq!(desk.brief()[1..], ["00:00:10Z loans #1 epoch 1: 2 rows, Period"]);
}

#[test]
fn a_topic_that_was_made_again_is_another_lane_and_the_old_ones_hold_nobody_up() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 2);
    desk.send(lane(0), &[at(5), at(6)]);
    desk.send(lane(1), &[at(5)]);
    let again = |partition| Lane { topic: 3, partition };
    desk.now += 1;
    desk.open_lane(again(0), 0);
    // Offsets begin anew, and are not taken for old ones.
    desk.send(again(0), &[at(7), at(30)]);
    assert!(desk.brief().is_empty(), "its second partition is waited for");
    desk.open_lane(again(1), 0);
    desk.send(again(1), &[at(30)]);
    assert_eq!(desk.brief(), ["00:00:00Z loans #0 epoch 1: 4 rows, Period"]);
    let inputs = &desk.results()[0].inputs;
    let of: Vec<_> = inputs
        .iter()
        .map(|input| (input.topic_id.trim_start_matches('0'), input.partition))
        .collect();
    assert_eq!(of, [("3", 0), ("7", 0), ("7", 1)]);
}

#[test]
fn all_versions_of_a_window_are_sealed_together() {
    let timing = Timing { max_wait: 60_000, ..timing(PERIOD) };
    let mut desk = Desk::open(one_epoch(timing), 2);
    desk.send(lane(0), &[of("a", 5), of("a", 30)]);
    desk.now += 50;
    desk.send(lane(1), &[of("b", 5)]);
    // For `b` the wait began with the row of `a` that passed: nothing can enter its window once the other is sealed.
    desk.now += 10;
    desk.beat(lane(0), 1_000);
    assert_eq!(
        desk.brief(),
        [
            "00:00:00Z loans a #0 epoch 1: 1 rows, MaxWait, without predictions/1",
            "00:00:00Z loans b #0 epoch 1: 1 rows, MaxWait, without predictions/1",
        ]
    );
}

#[test]
fn windows_that_wait_for_one_lane_wait_at_the_same_time() {
    // Not one after the other: else a lane that is gone would hold up every window for so long.
    let timing = Timing { max_wait: 60_000, ..timing(PERIOD) };
    let mut desk = Desk::open(one_epoch(timing), 2);
    desk.send(lane(0), &[at(5), at(15)]);
    desk.now += 20;
    desk.send(lane(0), &[at(25), at(35)]);
    desk.now += 40;
    desk.beat(lane(0), 1_000);
    assert_eq!(desk.brief().len(), 1);
    desk.now += 20;
    desk.beat(lane(0), 1_000);
    assert_eq!(
        desk.brief(),
        [
            "00:00:00Z loans #0 epoch 1: 1 rows, MaxWait, without predictions/1",
            "00:00:10Z loans #1 epoch 1: 1 rows, MaxWait, without predictions/1",
            "00:00:20Z loans #2 epoch 1: 1 rows, MaxWait, without predictions/1",
        ]
    );
}

#[test]
fn a_window_of_a_size_holds_exactly_so_many_rows_in_the_order_of_the_log() {
    let mut desk = Desk::open(one_epoch(timing(WindowRule::Size(3))), 2);
    desk.send(lane(0), &[at(9), at(1)]);
    desk.send(lane(1), &[at(5), at(4), at(3), at(2), at(1)]);
    desk.send(lane(0), &[at(7)]);
    assert_eq!(
        desk.brief(),
        ["00:00:01Z loans #0 epoch 1: 3 rows, Size", "00:00:02Z loans #1 epoch 1: 3 rows, Size"]
    );
    let ranges: Vec<Vec<_>> = (desk.results().iter())
        .map(|result| result.inputs.iter().map(|it| (it.partition, it.from, it.to)).collect())
        .collect();
    assert_eq!(ranges, [vec![(0, 0, 1), (1, 0, 0)], vec![(1, 1, 3)]]);
    assert_eq!(desk.tally.open_windows(), 1);
}

#[test]
fn every_version_fills_windows_of_its_own() {
    let mut desk = Desk::open(one_epoch(timing(WindowRule::Size(2))), 1);
    desk.send(lane(0), &[of("a", 1), of("b", 2), of("b", 3), of("a", 4), of("b", 5)]);
    assert_eq!(
        desk.brief(),
        [
            "00:00:02Z loans b #0 epoch 1: 2 rows, Size",
            "00:00:01Z loans a #0 epoch 1: 2 rows, Size"
        ]
    );
}

#[test]
fn too_small_a_window_is_published_and_breaches_nothing() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    desk.send(lane(0), &[at(1), at(2), at(11), at(12), at(13), at(40)]);
    let [small, enough] = desk.results()[..] else { panic!("{:?}", desk.brief()) };
    assert!(small.figures.iter().all(|figure| figure.breach != Some(true)));
    assert!(small.figures.iter().any(|figure| figure.status == Status::TooFew));
    assert!(enough.figures.iter().any(|figure| figure.breach.is_some()));
    assert!(enough.figures.iter().all(|figure| figure.status != Status::TooFew));
}

#[test]
fn versions_that_no_profile_serves_are_counted() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    desk.send(lane(0), &[card("x", 1), card("y", 2), card("x", 3), card("x", 40)]);
    assert_eq!(
        desk.brief(),
        [
            "00:00:00Z cards x #0 epoch 1: 2 rows, Period",
            "00:00:00Z cards y #0 epoch 1: 1 rows, Period"
        ]
    );
    let [x, _] = desk.results()[..] else { panic!() };
    assert_eq!(x.figures.len(), 1);
    assert_eq!((x.figures[0].value, x.figures[0].status), (Some(2.0), Status::NoProfile));
    assert_eq!(x.profile, "");
    assert!(desk.alerts().is_empty());
}
