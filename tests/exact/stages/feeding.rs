//! The sending side of a lane, one rule after the other.

use std::collections::BTreeMap;

use proptest::prelude::{prop, prop_assert_eq, proptest};
use vigie::batch::{Body, Content, Cursor, Heartbeat, Keyed, Lane, Record, Stretch, Target};
use vigie::intake::{Committed, Feed, Outputs, Sending, To};

use super::desk::lane;

fn feed(found: Committed) -> Feed {
    let outputs = Outputs { tally: 2, join: 0 };
    Feed::take_over(lane(0), "predictions".to_owned(), 1, outputs, 0, found)
}

fn opened(found: Committed) -> Feed {
    let mut feed = feed(found);
    let ticket = feed.open().ticket;
    feed.acknowledged(ticket);
    feed.acknowledged(ticket);
    feed
}

fn nothing() -> BTreeMap<u32, Content> {
    BTreeMap::new()
}

#[test]
fn every_owner_has_a_higher_number() {
    let found = Committed::beginning_at(10, 1);
    let first = feed(found);
    assert_eq!(first.committed().owner, 1);
    let second = feed(first.committed().clone());
    assert_eq!(second.committed().owner, 2);
}

#[test]
fn a_lane_is_open_when_every_output_has_heard_of_it() {
    let mut feed = feed(Committed::beginning_at(10, 1));
    assert!(!feed.is_open());
    let open = feed.open();
    assert_eq!(open.records.len(), 2);
    assert!(matches!(open.records[1].1.body, Body::Open { beginning: 10 }));
    feed.acknowledged(open.ticket);
    assert!(!feed.is_open());
    assert!(feed.acknowledged(open.ticket), "it may be read now");
    assert!(feed.is_open());
}

#[test]
fn an_announcement_that_was_lost_is_made_again() {
    let mut feed = feed(Committed::beginning_at(10, 1));
    let lost = feed.open();
    feed.acknowledged(lost.ticket);
    feed.fall_back();
    assert!(feed.is_settled() && !feed.is_open(), "nothing is under way, but nobody has heard");
    feed.acknowledged(lost.ticket);
    assert!(!feed.is_open());
    let again = feed.open().ticket;
    feed.acknowledged(again);
    feed.acknowledged(again);
    assert!(feed.is_open());
    // Later failures do not take that back.
    feed.read(10);
    feed.close(nothing(), BTreeMap::new(), To::All).unwrap();
    feed.fall_back();
    assert!(feed.is_open());
}

#[test]
fn the_stretches_tile_the_lane_in_every_output() {
    let mut feed = opened(Committed::beginning_at(3, 1));
    let mut next = 3;
    for (record, end) in [(3, 4), (9, 12), (12, 13), (20, 30)] {
        feed.read(record);
        feed.skip_to(end);
        let sent = feed.close(nothing(), BTreeMap::new(), To::All).unwrap();
        let outputs: Vec<u32> = sent.records.iter().map(|(output, _)| *output).collect();
        assert_eq!(outputs, [0, 1]);
        for (_, record) in &sent.records {
            assert_eq!(record.header.stretch, Stretch { from: next, to: end });
        }
        next = end;
    }
    assert!(feed.close(nothing(), BTreeMap::new(), To::All).is_none());
}

#[test]
fn an_epoch_begins_above_all_that_was_sent_however_old_the_answer_of_the_broker() {
    let mut feed = opened(Committed::beginning_at(0, 1));
    for offset in 0..8 {
        feed.read(offset);
    }
    feed.close(nothing(), BTreeMap::new(), To::All).unwrap();
    // Some of it may have landed with epoch 1, so it must be sent again with that.
    feed.fall_back();
    feed.begin_epoch(5, 2);
    assert_eq!(feed.committed().boundaries, [(0, 1), (8, 2)]);
    assert_eq!((feed.epoch_at(7), feed.epoch_at(8)), (1, 2));
}

#[test]
fn an_epoch_that_never_came_into_force_leaves_no_trace() {
    let mut feed = opened(Committed::beginning_at(0, 1));
    feed.begin_epoch(5, 2);
    feed.begin_epoch(5, 3);
    assert_eq!(feed.committed().boundaries, [(0, 1), (5, 3)]);
    // An older one does not come back.
    feed.begin_epoch(9, 2);
    assert_eq!(feed.newest_epoch(), 3);
    assert_eq!(feed.committed().boundaries, [(0, 1), (5, 3)]);
    // One that rows may have been sent with stays.
    for offset in 0..7 {
        if feed.must_close_before(offset) {
            feed.close(nothing(), BTreeMap::new(), To::All).unwrap();
        }
        feed.read(offset);
    }
    feed.begin_epoch(5, 4);
    assert_eq!(feed.committed().boundaries, [(0, 1), (5, 3), (7, 4)]);
}

#[test]
fn epochs_that_are_over_are_not_committed_for_ever() {
    let mut feed = opened(Committed::beginning_at(0, 1));
    feed.begin_epoch(2, 2);
    feed.begin_epoch(4, 3);
    feed.read(0);
    feed.read(1);
    let ticket = feed.close(nothing(), BTreeMap::new(), To::All).unwrap().ticket;
    feed.acknowledged(ticket);
    assert_eq!(feed.committed().boundaries.len(), 3);
    feed.acknowledged(ticket);
    assert_eq!(feed.committed().boundaries, [(2, 2), (4, 3)]);
}

#[test]
fn a_heartbeat_speaks_of_what_was_sent() {
    let mut feed = opened(Committed::beginning_at(0, 1));
    feed.read(0);
    feed.begin_epoch(1, 2);
    let beat = Heartbeat { high_watermark: 1, reached: 5 };
    let header = |feed: &Feed| feed.heartbeat::<Content>(beat).header;
    assert_eq!((header(&feed).stretch, header(&feed).epoch), (Stretch { from: 0, to: 0 }, 1));
    feed.close(nothing(), BTreeMap::new(), To::All).unwrap();
    // At the boundary, and with nothing beyond it yet: the lane is in the new epoch.
    assert_eq!((header(&feed).stretch, header(&feed).epoch), (Stretch { from: 1, to: 1 }, 2));
}

#[test]
fn dead_letters_are_waited_for_too() {
    let mut feed = opened(Committed::beginning_at(0, 1));
    feed.read(0);
    let ticket = feed.close(nothing(), BTreeMap::new(), To::All).unwrap().ticket;
    feed.wait_for(ticket, 1);
    assert!(!feed.acknowledged(ticket) && !feed.acknowledged(ticket));
    assert_eq!(feed.committed().offset, 0);
    assert!(feed.acknowledged(ticket));
    assert_eq!(feed.committed().offset, 1);
}

#[test]
fn a_model_goes_to_one_output_and_what_has_none_with_its_lane() {
    let feed = Feed::take_over(
        Lane { topic: 1, partition: 21 },
        "p".to_owned(),
        32,
        Outputs { tally: 16, join: 4 },
        0,
        Committed::beginning_at(0, 1),
    );
    // XXH3-64 of the name (of the empty one 0x2d06800538d394c2); a change would put a model's rows in two places.
    let outputs = ["car-loan", "loans", "cards", ""].map(|model| feed.output(Some(model)));
    assert_eq!(outputs, [7, 13, 11, 2]);
    assert_eq!(feed.output(None), 5);
    assert_eq!([3, 4, u128::MAX].map(|key| feed.join_output(key)), [3, 0, 3]);
}

fn with_join(found: Committed) -> Feed {
    let outputs = Outputs { tally: 2, join: 1 };
    Feed::take_over(lane(0), "predictions".to_owned(), 1, outputs, 0, found)
}

#[test]
fn the_join_log_has_its_part_only_when_the_tally_log_has_all_before_it() {
    let mut feed = with_join(Committed::beginning_at(0, 1));
    let open = feed.open();
    assert_eq!((open.records.len(), open.keyed.len()), (2, 1), "both logs at once");
    for _ in 0..2 {
        feed.acknowledged(open.ticket);
    }
    assert!(!feed.is_open(), "the join log has not heard of it");
    feed.acknowledged(open.ticket);
    assert!(feed.is_open());
    let key = 7;
    let target = |offset| Target {
        key,
        offset,
        model: None,
        version: None,
        decided_at: 0,
        label: Some("1".into()),
    };
    let mut send = |offset| {
        feed.read(offset);
        let keyed = Keyed { targets: vec![target(offset)], ..Keyed::default() };
        let sending = feed.close(nothing(), [(0, keyed)].into(), To::All).unwrap();
        assert!(sending.keyed.is_empty(), "not yet");
        sending.ticket
    };
    let (first, second) = (send(0), send(1));
    // The second is acknowledged before the first: its part waits for that of the first.
    feed.acknowledged(second);
    feed.acknowledged(second);
    feed.acknowledged(first);
    assert!(feed.to_join().is_none());
    feed.acknowledged(first);
    for (ticket, from) in [(first, 0), (second, 1)] {
        let sending = feed.to_join().unwrap();
        assert_eq!((sending.ticket, sending.records.len()), (ticket, 0));
        let (output, record) = &sending.keyed[0];
        assert_eq!((*output, record.header.stretch), (0, Stretch { from, to: from + 1 }));
        let Body::Rows(keyed) = &record.body else { panic!("rows") };
        assert_eq!(keyed.targets[0].offset, from);
    }
    assert!(feed.to_join().is_none());
    assert_eq!(feed.committed().offset, 0, "the join log has neither yet");
    assert!(!feed.acknowledged(second));
    assert!(feed.acknowledged(first));
    assert_eq!(feed.committed().offset, 2);
    // What is lost is lost to both.
    let lost = feed.lose(9, "retention").unwrap();
    feed.acknowledged(lost.ticket);
    feed.acknowledged(lost.ticket);
    let lost = feed.to_join().unwrap();
    assert!(matches!(&lost.keyed[0].1.body, Body::Lost { reason } if reason == "retention"));
}

#[test]
fn a_failed_delivery_to_either_log_begins_again_with_the_tally_log() {
    let mut feed = with_join(Committed::beginning_at(0, 1));
    let open = feed.open();
    for _ in 0..3 {
        feed.acknowledged(open.ticket);
    }
    feed.read(0);
    let first = feed.close(nothing(), BTreeMap::new(), To::All).unwrap();
    feed.acknowledged(first.ticket);
    feed.acknowledged(first.ticket);
    assert!(feed.to_join().is_some());
    assert_eq!(feed.fall_back(), 0);
    feed.acknowledged(first.ticket);
    assert_eq!(feed.committed().offset, 0, "it was told of another attempt");
    feed.read(0);
    let again = feed.close(nothing(), BTreeMap::new(), To::All).unwrap();
    assert!(feed.to_join().is_none());
    feed.acknowledged(again.ticket);
    feed.acknowledged(again.ticket);
    assert!(feed.to_join().is_some());
    assert!(feed.acknowledged(again.ticket));
}

#[test]
fn a_range_that_is_gone_is_given_up_as_a_stretch_of_its_own() {
    let mut feed = opened(Committed::beginning_at(0, 1));
    feed.begin_epoch(6, 2);
    feed.read(0);
    assert!(feed.lose(9, "retention").is_none(), "what was read comes first");
    feed.close(nothing(), BTreeMap::new(), To::All).unwrap();
    assert!(feed.lose(1, "retention").is_none(), "nothing is gone");
    let lost = feed.lose(9, "retention").unwrap();
    let header = &lost.records[1].1.header;
    assert_eq!((header.stretch, header.epoch), (Stretch { from: 1, to: 9 }, 2));
    assert!(matches!(&lost.records[0].1.body, Body::Lost { reason } if reason == "retention"));
    feed.read(9);
    let next = feed.close(nothing(), BTreeMap::new(), To::All).unwrap();
    assert_eq!(next.records[0].1.header.stretch, Stretch { from: 9, to: 10 });
}

#[test]
fn a_lost_commit_is_recovered_from_what_the_readers_know() {
    let cursor = |owner, position| Cursor { owner, beginning: 3, position };
    let (ahead, behind) = ([(3, 1), (20, 2)], [(3, 1)]);
    let readers = [(cursor(4, 25), &ahead[..]), (cursor(5, 18), &behind[..])];
    let found = Committed::recovered(readers).unwrap();
    assert_eq!((found.offset, found.beginning), (18, 3));
    // Rows up to 25 were sent with the second epoch to one output, so they are to the other.
    assert_eq!(found.boundaries, [(3, 1), (20, 2)]);
    // An epoch began where the first of them met it.
    let later = [(3, 1), (22, 2)];
    for readers in [[&ahead[..], &later], [&later, &ahead]] {
        let readers = readers.map(|boundaries| (cursor(4, 18), boundaries));
        assert_eq!(Committed::recovered(readers).unwrap().boundaries, ahead);
    }
    // Owners of which no reader has heard may have had the next numbers.
    assert!(found.owner > 100);
    // Epochs that are over everywhere are forgotten.
    let all = [(cursor(4, 25), &ahead[..]), (cursor(5, 22), &ahead[..])];
    assert_eq!(Committed::recovered(all).unwrap().boundaries, [(20, 2)]);
    // Who has not heard of the lane needs all of it.
    let unheard = [(cursor(4, 25), &ahead[..]), (Cursor::unknown(), &[][..])];
    assert_eq!(Committed::recovered(unheard).unwrap().offset, 3);
    assert_eq!(Committed::recovered([(Cursor::unknown(), &[][..])]), None);
    assert_eq!(Committed::recovered([]), None);
}

proptest! {
    #[test]
    fn any_commit_comes_back_from_its_metadata(
        offset in 0..i64::MAX, beginning in 0..i64::MAX, owner in 0..u64::MAX,
        boundaries in prop::collection::vec((0..i64::MAX, 0..u64::MAX), 1..20),
    ) {
        let committed = Committed { offset, beginning, owner, boundaries };
        let metadata = committed.to_metadata();
        prop_assert_eq!(Committed::from_metadata(offset, &metadata), Some(committed));
        proptest::prop_assert!(metadata.is_ascii() && metadata.len() < 4096);
    }
}

#[test]
fn outputs_that_a_stretch_holds_nothing_for_hear_of_it_with_what_follows() {
    let mut feed = opened(Committed::beginning_at(0, 1));
    let rejected = |offset| Content { filtered: vec![offset], ..Content::default() };
    let stretches = |sending: &Sending| -> Vec<(u32, i64, i64)> {
        let of = |(output, record): &(u32, Record)| {
            let Stretch { from, to } = record.header.stretch;
            (*output, from, to)
        };
        sending.records.iter().map(of).collect()
    };
    feed.read(4);
    let first = feed.close([(1, rejected(4))].into(), BTreeMap::new(), To::Concerned).unwrap();
    assert_eq!(stretches(&first), [(1, 0, 5)]);
    feed.read(9);
    let second = feed.close([(1, rejected(9))].into(), BTreeMap::new(), To::Concerned).unwrap();
    assert_eq!(stretches(&second), [(1, 5, 10)]);
    assert!(!feed.acknowledged(first.ticket) && !feed.acknowledged(second.ticket));
    assert_eq!((feed.committed().offset, feed.is_settled()), (0, true), "one has not heard of it");
    assert!(feed.lags());
    feed.read(12);
    let third = feed.close([(0, rejected(12))].into(), BTreeMap::new(), To::Concerned).unwrap();
    assert_eq!(stretches(&third), [(0, 0, 13)], "in one record with what it was not told");
    let all = feed.close(nothing(), BTreeMap::new(), To::All).unwrap();
    assert_eq!(stretches(&all), [(1, 10, 13)], "the other has it already");
    assert!(feed.close(nothing(), BTreeMap::new(), To::All).is_none() && !feed.lags());
    assert!(!feed.acknowledged(third.ticket));
    assert!(feed.acknowledged(all.ticket));
    assert_eq!(feed.committed().offset, 13);
}

#[test]
fn what_some_have_not_heard_of_is_told_before_another_epoch_begins() {
    let mut feed = opened(Committed::beginning_at(0, 1));
    feed.read(4);
    let _some = feed.close(nothing(), BTreeMap::new(), To::Concerned);
    feed.begin_epoch(8, 2);
    assert!(!feed.must_close_before(7) && feed.must_close_before(8));
    let all = feed.close(nothing(), BTreeMap::new(), To::All).unwrap();
    assert!(all.records.iter().all(|(_, record)| record.header.epoch == 1));
    assert!(!feed.must_close_before(8));
}

#[test]
fn the_join_log_too_hears_of_what_concerns_it_and_later_of_the_rest() {
    let outputs = Outputs { tally: 1, join: 2 };
    let found = Committed::beginning_at(0, 1);
    let mut feed = Feed::take_over(lane(0), "predictions".to_owned(), 1, outputs, 0, found);
    let open = feed.open().ticket;
    for _ in 0..3 {
        feed.acknowledged(open);
    }
    feed.read(0);
    let content = [(0, Content { filtered: vec![0], ..Content::default() })];
    let keyed = [(1, Keyed::default())];
    let some = feed.close(content.into(), keyed.into(), To::Concerned).unwrap();
    feed.acknowledged(some.ticket);
    let joined = feed.to_join().unwrap();
    assert_eq!(joined.keyed.iter().map(|(output, _)| *output).collect::<Vec<_>>(), [1]);
    assert!(feed.to_join().is_none());
    assert!(!feed.acknowledged(some.ticket));
    let all = feed.close(nothing(), BTreeMap::new(), To::All).unwrap();
    assert!(all.records.is_empty(), "the tally log has everything");
    let joined = feed.to_join().unwrap();
    assert_eq!(joined.keyed[0].0, 0);
    assert_eq!(joined.keyed[0].1.header.stretch, Stretch { from: 0, to: 1 });
    assert!(!feed.settle());
    assert!(feed.acknowledged(all.ticket));
    assert_eq!(feed.committed().offset, 1);
}
