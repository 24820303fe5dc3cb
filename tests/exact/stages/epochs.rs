//! Settings and profiles change while windows are open.

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie::alert::{Level, Policy};
use vigie::batch::{Body, Content, Heartbeat, Lane, Stretch};
use vigie::epoch::{Epochs, Policies, Timing};
use vigie::profile::WindowRule;
use vigie::tally::Halt;

use super::desk::{Desk, lane};
use super::events::{at, card};
use super::rules::{CARDS, LOANS, PERIOD, TOPIC, epoch, epochs, timing};

/// Epoch 2 changes `loans` alone.
fn loans_change(timing: Timing) -> Epochs {
    epochs([
        (1, epoch([(LOANS, 1, timing), (CARDS, 1, timing)])),
        (2, epoch([(LOANS, 2, timing), (CARDS, 1, timing)])),
    ])
}

#[test]
fn no_window_mixes_two_epochs_of_its_model_and_others_do_not_notice() {
    let mut desk = Desk::open(loans_change(timing(PERIOD)), 1);
    desk.send(lane(0), &[at(5), card("", 5)]);
    desk.epoch = 2;
    desk.send(lane(0), &[at(6), card("", 6), at(7)]);
    assert_eq!(desk.brief(), ["00:00:00Z loans #0 epoch 1: 1 rows, Epoch"]);
    desk.send(lane(0), &[at(20), card("", 20)]);
    assert_eq!(
        desk.brief()[1..],
        [
            "00:00:00Z cards #0 epoch 1: 2 rows, Period",
            "00:00:00Z loans #1 epoch 2: 2 rows, Period"
        ]
    );
    let profiles: Vec<&str> = desk.results().iter().map(|it| it.profile.as_str()).collect();
    assert_ne!(profiles[0], profiles[2]);
    let settings: Vec<&str> = desk.results().iter().map(|it| it.settings.as_str()).collect();
    assert_eq!(settings, ["settings 1", "settings 1", "settings 2"]);
}

#[test]
fn an_epoch_ends_when_every_lane_has_passed_its_boundary() {
    let mut desk = Desk::open(loans_change(timing(PERIOD)), 2);
    desk.send(lane(0), &[at(5)]);
    desk.epoch = 2;
    desk.send(lane(0), &[at(6)]);
    assert!(desk.brief().is_empty());
    desk.epoch = 1;
    desk.send(lane(1), &[at(7)]);
    desk.epoch = 2;
    // At its end, without a row yet: a heartbeat says so.
    desk.beat(lane(1), 1_000);
    assert_eq!(desk.brief(), ["00:00:00Z loans #0 epoch 1: 2 rows, Epoch"]);
}

#[test]
fn an_epoch_that_did_not_touch_the_model_seals_nothing_of_it() {
    let mut desk = Desk::open(loans_change(timing(PERIOD)), 1);
    desk.send(lane(0), &[card("", 5)]);
    desk.epoch = 2;
    desk.send(lane(0), &[card("", 6)]);
    assert!(desk.brief().is_empty());
    assert_eq!(desk.tally.open_windows(), 1);
}

#[test]
fn results_come_in_one_order_however_the_lanes_change_their_epoch() {
    // One lane goes far ahead before the change, the other one is hours behind after it.
    let before = [at(5), at(11), at(105)];
    let after = [at(32), at(33), at(200)];
    let slow = [at(4), at(31)];
    let slow_after = [at(34), at(50), at(210)];
    let mut told = Vec::new();
    for order in
        [[0, 1, 2, 3], [0, 2, 1, 3], [0, 2, 3, 1], [2, 0, 3, 1], [2, 3, 0, 1], [2, 0, 1, 3]]
    {
        let mut desk = Desk::open(loans_change(timing(PERIOD)), 2);
        for step in order {
            let (partition, number, events) = match step {
                0 => (0, 1, &before[..]),
                1 => (0, 2, &after[..]),
                2 => (1, 1, &slow[..]),
                _ => (1, 2, &slow_after[..]),
            };
            desk.epoch = number;
            desk.send(lane(partition), events);
        }
        for partition in 0..2 {
            desk.send(lane(partition), &[at(300)]);
        }
        let texts = desk.results().into_iter().map(|it| serde_json::to_string(it).unwrap());
        told.push((desk.brief(), texts.collect::<Vec<_>>()));
    }
    assert_eq!(
        told[0].0,
        [
            "00:00:00Z loans #0 epoch 1: 2 rows, Period",
            // The lane passed it in the later epoch only; the row of this one came before it left.
            "00:00:10Z loans #1 epoch 1: 1 rows, Period",
            "00:00:30Z loans #2 epoch 1: 1 rows, Epoch",
            "00:01:40Z loans #3 epoch 1: 1 rows, Epoch",
            "00:00:30Z loans #4 epoch 2: 1 rows, Period",
            "00:00:50Z loans #5 epoch 2: 1 rows, Period",
            // Two rows were late, where their lane's watermark stood at 105 s; this is the first result after that.
            "00:03:20Z loans #6 epoch 2: 1 rows, Period, 2 late",
            "00:03:30Z loans #7 epoch 2: 1 rows, Period",
        ]
    );
    for other in &told[1..] {
        assert_eq!(*other, told[0]);
    }
}

#[test]
fn a_new_model_is_not_ended_by_lanes_that_do_not_have_it_yet() {
    let impatient = Timing { max_wait: 60_000, ..timing(PERIOD) };
    let with_loans = epochs([
        (1, epoch([(CARDS, 1, impatient)])),
        (2, epoch([(CARDS, 1, impatient), (LOANS, 2, impatient)])),
    ]);
    let mut desk = Desk::open(with_loans, 2);
    desk.epoch = 2;
    desk.send(lane(0), &[at(5)]);
    desk.epoch = 1;
    desk.now += 100;
    desk.send(lane(1), &[card("", 5)]);
    assert!(desk.brief().is_empty());
    desk.epoch = 2;
    desk.send(lane(1), &[at(6), at(20)]);
    desk.send(lane(0), &[at(7), at(20)]);
    assert_eq!(desk.brief(), ["00:00:00Z loans #0 epoch 2: 3 rows, Period"]);
}

#[test]
fn a_model_that_is_gone_is_sealed() {
    let without = epochs([
        (1, epoch([(LOANS, 1, timing(PERIOD)), (CARDS, 1, timing(PERIOD))])),
        (2, epoch([(CARDS, 1, timing(PERIOD))])),
    ]);
    let mut desk = Desk::open(without, 2);
    desk.send(lane(0), &[at(5)]);
    desk.epoch = 2;
    desk.send(lane(0), &[card("", 5)]);
    assert!(desk.brief().is_empty(), "the other lane may still bring of it");
    desk.send(lane(1), &[card("", 5)]);
    assert_eq!(desk.brief(), ["00:00:00Z loans #0 epoch 1: 1 rows, Epoch"]);
}

#[test]
fn a_lane_that_stays_behind_is_waited_for_no_longer_than_max_wait() {
    let impatient = Timing { max_wait: 60_000, ..timing(PERIOD) };
    let mut desk = Desk::open(loans_change(impatient), 2);
    desk.send(lane(0), &[at(5)]);
    desk.epoch = 2;
    desk.send(lane(0), &[at(6)]);
    desk.epoch = 1;
    desk.now += 59;
    desk.send(lane(1), &[at(7)]);
    assert!(desk.brief().is_empty());
    desk.now += 1;
    desk.beat(lane(1), 1_000);
    assert_eq!(desk.brief(), ["00:00:00Z loans #0 epoch 1: 2 rows, Epoch, without predictions/1"]);
    desk.send(lane(1), &[at(8)]);
    assert_eq!(desk.state(lane(1)).fates.late.count, 1);
}

#[test]
fn the_windows_of_a_size_are_counted_in_each_epoch_for_itself() {
    let mut desk = Desk::open(loans_change(timing(WindowRule::Size(3))), 2);
    desk.send(lane(0), &[at(1), at(2)]);
    desk.epoch = 2;
    desk.send(lane(0), &[at(3), at(4)]);
    // The lane behind goes on with the window of its epoch, and one more of it fills.
    desk.epoch = 1;
    desk.send(lane(1), &[at(5), at(6)]);
    assert_eq!(desk.brief(), ["00:00:01Z loans #0 epoch 1: 3 rows, Size"]);
    desk.epoch = 2;
    // Sealing what is left of the old epoch does not open another window of the new one.
    desk.send(lane(1), &[at(7)]);
    assert_eq!(
        desk.brief()[1..],
        ["00:00:03Z loans #1 epoch 2: 3 rows, Size", "00:00:06Z loans #2 epoch 1: 1 rows, Epoch"]
    );
    assert_eq!(desk.tally.open_windows(), 0);
    desk.send(lane(0), &[at(8)]);
    desk.send(lane(1), &[at(9), at(10)]);
    assert_eq!(desk.brief()[3..], ["00:00:08Z loans #3 epoch 2: 3 rows, Size"]);
}

#[test]
fn a_model_may_change_from_sizes_to_periods() {
    let change = epochs([
        (1, epoch([(LOANS, 1, timing(WindowRule::Size(3)))])),
        (2, epoch([(LOANS, 2, timing(PERIOD))])),
        (3, epoch([(LOANS, 3, timing(WindowRule::Size(2)))])),
    ]);
    let mut desk = Desk::open(change, 1);
    desk.send(lane(0), &[at(1), at(2), at(3), at(4)]);
    desk.epoch = 2;
    desk.send(lane(0), &[at(5), at(15)]);
    desk.epoch = 3;
    desk.send(lane(0), &[at(16), at(17), at(18)]);
    assert_eq!(
        desk.brief(),
        [
            "00:00:01Z loans #0 epoch 1: 3 rows, Size",
            "00:00:04Z loans #1 epoch 1: 1 rows, Epoch",
            "00:00:00Z loans #2 epoch 2: 1 rows, Period",
            "00:00:16Z loans #3 epoch 3: 2 rows, Size",
            "00:00:10Z loans #4 epoch 2: 1 rows, Epoch",
        ]
    );
}

#[test]
fn what_is_known_already_but_not_carried_by_the_log_changes_nothing() {
    let patient = timing(PERIOD);
    let known_at_once = loans_change(patient);
    let mut later = (*epoch([(LOANS, 1, patient), (CARDS, 1, patient)])).clone();
    // An epoch that reads one more topic, whose lanes would be waited for.
    later.topics.push("more".to_owned());
    let mut all = known_at_once.clone();
    all.epochs.insert(3, Arc::new(later));
    let quiet = Policy { quality: Level::Off, performance: Level::Off, ..Policy::default() };
    let alerts = BTreeMap::from([(LOANS.to_owned(), quiet)]);
    all.policies.insert(9, Arc::new(Policies { alerts }));
    let run = |epochs: &Epochs| {
        let mut desk = Desk::open(epochs.clone(), 1);
        desk.send(lane(0), &[at(1), at(2), at(3), at(4), at(40)]);
        (desk.brief(), desk.out.len(), desk.tally.ledger().to_bytes())
    };
    assert_eq!(run(&known_at_once), run(&all));
    assert_eq!(run(&all).0.len(), 1);
}

#[test]
fn an_epoch_that_is_not_known_yet_stops_the_tally_and_changes_nothing() {
    let mut desk = Desk::open(loans_change(timing(PERIOD)), 1);
    desk.send(lane(0), &[at(5)]);
    let before = desk.tally.clone();
    let known = desk.epochs.epochs.remove(&2).unwrap();
    desk.epoch = 2;
    // Not only rows: a heartbeat of an unknown epoch would seal windows that another instance would not.
    let beat = Heartbeat { high_watermark: 1, reached: 0 };
    for body in [Body::Heartbeat(beat), Body::Open { beginning: 0 }, Body::Rows(Content::default())]
    {
        let record = desk.record(lane(0), Stretch { from: 1, to: 2 }, body);
        let halt = desk.try_say(&record).unwrap_err();
        assert_eq!(halt, Halt::UnknownEpoch { lane: lane(0), epoch: 2 });
        assert_eq!(desk.tally, before);
    }
    desk.epochs.epochs.insert(2, known);
    desk.beat(lane(0), 1_000);
    assert_eq!(desk.brief().len(), 1);
}

#[test]
fn a_policy_is_in_force_from_the_record_that_first_carries_it() {
    let mut epochs = loans_change(timing(PERIOD));
    let alerts = |level| {
        let policy = Policy {
            quality: level,
            performance: level,
            drift: level,
            open_after: 1,
            open_of: 1,
            margin: 0.0,
            false_discovery: None,
            ..Policy::default()
        };
        Arc::new(Policies { alerts: BTreeMap::from([(LOANS.to_owned(), policy)]) })
    };
    epochs.policies.insert(1, alerts(Level::Critical));
    epochs.policies.insert(2, alerts(Level::Off));
    let bad = |desk: &mut Desk, second| {
        // Three rows of an otherwise unseen region: a drift that a tiny profile notices.
        desk.send(lane(0), &[at(second), at(second), at(second), at(second + 13)]);
    };
    let mut desk = Desk::open(epochs.clone(), 1);
    desk.policy = 1;
    bad(&mut desk, 1);
    let alerts_then = desk.alerts().len();
    assert_eq!(alerts_then, 1, "{:#?}", desk.results()[0].figures);
    // An instance that has not heard of the new policy does not bring the old one back.
    let mut desk = Desk::open(epochs, 1);
    desk.policy = 2;
    desk.beat(lane(0), 1_000);
    desk.policy = 1;
    bad(&mut desk, 1);
    assert_eq!(desk.results().len(), 1);
    assert!(desk.alerts().is_empty());
    desk.policy = 7;
    let record = desk.stretch(lane(0), 4, &[at(50)]);
    let halt = desk.try_say(&record).unwrap_err();
    assert_eq!(halt, Halt::UnknownPolicy { lane: lane(0), policy: 7 });
}

#[test]
fn lanes_of_a_topic_that_is_no_longer_read_are_given_up() {
    let impatient = Timing { max_wait: 60_000, ..timing(PERIOD) };
    let mut epochs = loans_change(impatient);
    let mut first = (*epochs.epochs[&1]).clone();
    first.topics = vec![TOPIC.to_owned(), "old".to_owned()];
    epochs.epochs.insert(1, Arc::new(first));
    let mut desk = Desk::open(epochs, 1);
    let old = Lane { topic: 8, partition: 0 };
    let mut record = desk.record(old, Stretch { from: 0, to: 0 }, Body::Open { beginning: 0 });
    record.header.topic = "old".to_owned();
    desk.say(&record);
    desk.send(lane(0), &[at(5)]);
    desk.epoch = 2;
    desk.send(lane(0), &[at(6), at(40)]);
    assert!(desk.brief().is_empty());
    desk.now += 60;
    desk.beat(lane(0), 1_000);
    assert_eq!(
        desk.brief(),
        [
            "00:00:00Z loans #0 epoch 1: 1 rows, Epoch, without old/0",
            "00:00:00Z loans #1 epoch 2: 1 rows, Period"
        ]
    );
}
