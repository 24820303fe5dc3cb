//! Which records a reader takes.

use vigie::batch::{Admission, Body, Cursor, Digest, Heartbeat, Lane, Stretch};

use super::desk::{Desk, lane};
use super::events::{Event, REJECT, at, card};
use super::rules::{LOANS, PERIOD, one_epoch, timing};

fn desk() -> Desk {
    Desk::open(one_epoch(timing(PERIOD)), 1)
}

#[test]
fn what_lies_below_the_position_is_dropped() {
    let mut desk = desk();
    let first = desk.stretch(lane(0), 0, &[at(1), at(2), at(3)]);
    assert_eq!(desk.say(&first), Admission::New);
    assert_eq!(desk.say(&first), Admission::Seen);
    assert_eq!(desk.say(&desk.stretch(lane(0), 1, &[at(2)])), Admission::Seen);
    assert_eq!(desk.state(lane(0)).fates.open, Digest::of([0, 1, 2]));
}

#[test]
fn what_overlaps_is_cut_rows_rejects_and_all() {
    let mut desk = desk();
    desk.say(&desk.stretch(lane(0), 0, &[at(1), REJECT, Event::Filtered(LOANS), at(2)]));
    let again = [REJECT, Event::Filtered(LOANS), at(2), at(3), REJECT, Event::Filtered(LOANS)];
    assert_eq!(desk.say(&desk.stretch(lane(0), 1, &again)), Admission::New);
    let fates = desk.state(lane(0)).fates;
    assert_eq!(fates.open, Digest::of([0, 3, 4]));
    assert_eq!(fates.rejected, Digest::of([1, 5]));
    assert_eq!(fates.filtered, Digest::of([2, 6]));
    assert_eq!(desk.state(lane(0)).cursor.position, 7);
}

#[test]
fn what_lies_beyond_a_gap_is_dropped_until_its_sender_comes_back_to_it() {
    let mut desk = desk();
    desk.say(&desk.stretch(lane(0), 0, &[at(1)]));
    desk.now += 5;
    let beyond = desk.stretch(lane(0), 2, &[at(3)]);
    assert_eq!(desk.say(&beyond), Admission::Gap { missing: 1 });
    assert_eq!(desk.state(lane(0)).cursor.position, 1);
    desk.say(&desk.stretch(lane(0), 1, &[at(2)]));
    assert_eq!(desk.say(&beyond), Admission::New);
    assert_eq!(desk.state(lane(0)).fates.open, Digest::of(0..3));
}

#[test]
fn a_gap_is_reported_until_the_lane_comes_back_to_it() {
    let mut desk = desk();
    desk.say(&desk.stretch(lane(0), 0, &[at(1)]));
    desk.say(&desk.stretch(lane(0), 2, &[at(3)]));
    let missing = |desk: &Desk, since: i64| {
        desk.tally.gaps(since * 1000).map(|(id, _)| id).collect::<Vec<Lane>>()
    };
    assert_eq!(missing(&desk, 1_000), []);
    assert_eq!(missing(&desk, 1_001), [lane(0)]);
    // Signs of life do not bring what is missing.
    desk.now += 30;
    let at_end = Stretch { from: 3, to: 3 };
    let beat = Body::Heartbeat(Heartbeat { high_watermark: 3, reached: 0 });
    desk.say(&desk.record(lane(0), at_end, beat));
    desk.say(&desk.record(lane(0), at_end, Body::Open { beginning: 0 }));
    desk.say(&desk.stretch(lane(0), 2, &[at(3)]));
    assert_eq!(missing(&desk, 1_001), [lane(0)]);
    desk.say(&desk.stretch(lane(0), 1, &[at(2), at(3)]));
    assert_eq!(missing(&desk, 2_000), []);
}

#[test]
fn open_and_heartbeats_move_no_position() {
    let mut desk = desk();
    let ahead = Stretch { from: 5, to: 9 };
    desk.say(&desk.record(lane(0), ahead, Body::Open { beginning: 5 }));
    let beat = Body::Heartbeat(Heartbeat { high_watermark: 9, reached: 0 });
    desk.say(&desk.record(lane(0), ahead, beat));
    let cursor = desk.state(lane(0)).cursor;
    assert_eq!((cursor.beginning, cursor.position), (0, 0));
    assert_eq!(desk.state(lane(0)).epoch, 1);
}

#[test]
fn a_replaced_owner_is_not_heard() {
    let mut desk = desk();
    desk.owner = 2;
    desk.open_lane(lane(0), 0);
    desk.owner = 1;
    assert_eq!(desk.say(&desk.stretch(lane(0), 0, &[at(1)])), Admission::Zombie);
    assert_eq!(desk.open_lane(lane(0), 0), Admission::Zombie);
    desk.owner = 2;
    assert_eq!(desk.say(&desk.stretch(lane(0), 0, &[at(1)])), Admission::New);
    // A higher number replaces also where it comes with something that is dropped.
    desk.owner = 3;
    assert_eq!(desk.say(&desk.stretch(lane(0), 9, &[at(1)])), Admission::Gap { missing: 1 });
    desk.owner = 2;
    assert_eq!(desk.say(&desk.stretch(lane(0), 1, &[at(1)])), Admission::Zombie);
}

#[test]
fn the_beginning_of_a_lane_that_is_known_is_ignored() {
    let mut desk = desk();
    desk.send(lane(0), &[at(1), at(2)]);
    desk.owner = 2;
    desk.open_lane(lane(0), 2);
    let cursor = desk.state(lane(0)).cursor;
    assert_eq!(cursor, Cursor { owner: 2, beginning: 0, position: 2 });
}

#[test]
fn a_lane_that_nobody_opened_is_not_taken() {
    let mut desk = Desk::new(one_epoch(timing(PERIOD)), 1);
    assert_eq!(desk.say(&desk.stretch(lane(0), 4, &[at(1)])), Admission::Gap { missing: 4 });
    desk.open_lane(lane(0), 4);
    assert_eq!(desk.say(&desk.stretch(lane(0), 4, &[at(1)])), Admission::New);
    assert_eq!(desk.state(lane(0)).cursor.beginning, 4);
}

#[test]
fn holes_in_the_lane_are_no_gaps() {
    let mut desk = desk();
    desk.send(lane(0), &[at(1), Event::Hole, Event::Hole]);
    desk.send(lane(0), &[Event::Hole, at(2)]);
    desk.send(lane(0), &[Event::Hole]);
    assert_eq!(desk.state(lane(0)).cursor.position, 6);
    assert_eq!(desk.state(lane(0)).fates.total(), Digest::of([0, 4]));
}

#[test]
fn the_lanes_of_two_incarnations_are_two() {
    let mut desk = desk();
    desk.send(lane(0), &[at(1), at(2), at(3)]);
    let again = Lane { topic: 99, partition: 0 };
    desk.open_lane(again, 0);
    desk.send(again, &[at(4)]);
    assert_eq!(desk.state(again).fates.open, Digest::of([0]));
    assert_eq!(desk.state(lane(0)).fates.open, Digest::of([0, 1, 2]));
}

#[test]
fn what_is_given_up_is_cut_and_dropped_like_rows() {
    let mut desk = desk();
    desk.send(lane(0), &[at(1), card("", 2)]);
    let lost = || Body::Lost { reason: "retention".to_owned() };
    let say = |desk: &mut Desk, from, to| {
        let record = desk.record(lane(0), Stretch { from, to }, lost());
        desk.say(&record)
    };
    assert_eq!(say(&mut desk, 0, 2), Admission::Seen);
    assert_eq!(say(&mut desk, 3, 9), Admission::Gap { missing: 2 });
    assert_eq!(say(&mut desk, 1, 5), Admission::New);
    assert_eq!(desk.state(lane(0)).fates.lost, 3);
    assert_eq!(say(&mut desk, 1, 5), Admission::Seen);
}
