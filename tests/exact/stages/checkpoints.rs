//! A tally stops and goes on from its checkpoint.

use std::collections::BTreeMap;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::Config;
use vigie::batch::Record;
use vigie::epoch::{Epochs, Timing};
use vigie::profile::WindowRule;
use vigie::tally::{Checkpoint, CheckpointError, Ledger, Output, Tally};

use super::desk::{Desk, lane};
use super::events::{Event, REJECT, at, card, of};
use super::rules::{CARDS, LOANS, PERIOD, epoch, epochs, one_epoch, timing};

/// The windows of a state, as they lie in a compacted topic.
#[derive(Clone, Default)]
pub(crate) struct Stored {
    head: Vec<u8>,
    windows: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Stored {
    fn store(&mut self, tally: &mut Tally) {
        self.put(tally.checkpoint());
    }

    pub(crate) fn put(&mut self, checkpoint: Checkpoint) {
        self.head = checkpoint.head;
        self.windows.extend(checkpoint.changed);
        self.windows.retain(|key, _| !checkpoint.gone.contains(key));
        assert_eq!(self.windows.len(), checkpoint.live);
    }

    pub(crate) fn restore(&self) -> Tally {
        Tally::restore(&self.head, &self.windows, self.windows.len()).unwrap()
    }
}

/// A log in which everything happens.
fn eventful() -> Desk {
    let timing = Timing { idle: 50_000, max_wait: 300_000, skew: 10_000_000, ..timing(PERIOD) };
    let by_size = Timing { rule: WindowRule::Size(3), ..timing };
    let epochs = epochs([
        (1, epoch([(LOANS, 1, timing), (CARDS, 1, by_size)])),
        (2, epoch([(LOANS, 2, timing), (CARDS, 1, by_size)])),
    ]);
    let mut desk = Desk::open(epochs, 3);
    for round in 0..14 {
        desk.now += 20;
        desk.policy = u64::from(round > 6);
        for partition in 0..3 {
            // The third lane falls silent; each has its own boundary.
            if partition == 2 && round > 4 {
                desk.beat(lane(2), desk.now - 1);
                continue;
            }
            desk.epoch = if round > 7 + i64::from(partition) { 2 } else { 1 };
            let second = round * 4 + i64::from(partition);
            let far = if round == 3 { 40_000 } else { second };
            desk.send(lane(partition), &[of("a", second), card("x", second), REJECT, of("b", far)]);
            desk.send(lane(partition), &[of("a", second - 13), card("y", second)]);
        }
    }
    desk
}

pub(crate) fn texts(out: &[Output]) -> Vec<String> {
    out.iter()
        .map(|output| match output {
            Output::Result(result) => serde_json::to_string(result).unwrap(),
            Output::Alert(alert) => serde_json::to_string(alert).unwrap(),
        })
        .collect()
}

fn replay(tally: &mut Tally, log: &[(i64, Vec<u8>)], epochs: &Epochs) -> Vec<Output> {
    let mut out = Vec::new();
    let from = usize::try_from(tally.position()).unwrap();
    for (offset, (appended, bytes)) in (0..).zip(log).skip(from) {
        let record = Record::from_bytes(bytes).unwrap();
        tally.apply(offset, *appended, record, epochs, &mut out).unwrap();
    }
    out
}

#[test]
fn from_any_checkpoint_the_rest_is_the_same() {
    let desk = eventful();
    let all = texts(&desk.out);
    assert!(desk.results().len() > 20 && !desk.alerts().is_empty());
    assert!(desk.results().iter().any(|result| result.epoch == 2));
    let (mut tally, mut stored, mut out) = (Tally::default(), Stored::default(), Vec::new());
    for (offset, (appended, bytes)) in (0..).zip(&desk.log) {
        let record = Record::from_bytes(bytes).unwrap();
        tally.apply(offset, *appended, record, &desk.epochs, &mut out).unwrap();
        stored.store(&mut tally);
        let mut again = stored.restore();
        assert_eq!(again.ledger(), tally.ledger());
        assert_eq!(again, tally);
        let rest = replay(&mut again, &desk.log, &desk.epochs);
        assert_eq!(texts(&rest), all[out.len()..]);
        assert_eq!(again.ledger().to_bytes(), desk.tally.ledger().to_bytes());
        assert!(again.latest().eq(desk.tally.latest()));
    }
}

#[test]
fn a_checkpoint_holds_only_the_windows_that_changed() {
    let mut desk = Desk::open(one_epoch(timing(WindowRule::Size(3))), 1);
    desk.send(lane(0), &[of("a", 1), of("b", 1)]);
    let mut stored = Stored::default();
    stored.store(&mut desk.tally);
    assert_eq!(desk.tally.checkpoint().changed.len(), 0);
    desk.send(lane(0), &[of("a", 1)]);
    let checkpoint = desk.tally.checkpoint();
    assert_eq!((checkpoint.changed.len(), checkpoint.live), (1, 2));
    stored.windows.extend(checkpoint.changed);
    stored.head = checkpoint.head;
    assert_eq!(stored.restore(), desk.tally);
    // What a checkpoint took along counts as stored: who gives it up gives up the tally too.
    desk.send(lane(0), &[of("a", 1)]);
    assert_eq!(desk.tally.checkpoint().live, 1);
}

#[test]
fn a_window_that_is_missing_is_not_passed_over() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    desk.send(lane(0), &[at(1), at(11)]);
    let checkpoint = desk.tally.checkpoint();
    let mut windows = checkpoint.changed;
    windows.pop_first();
    let lacking = Tally::restore(&checkpoint.head, &windows, checkpoint.live).unwrap_err();
    assert_eq!(lacking.to_string(), "the state lacks 1 of 2 open windows");
}

#[test]
fn damage_and_other_versions_are_told_apart() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    desk.send(lane(0), &[at(1)]);
    let checkpoint = desk.tally.checkpoint();
    let ledger = desk.tally.ledger().to_bytes();
    assert_eq!(Ledger::from_bytes(&ledger).unwrap(), desk.tally.ledger());
    for bytes in [&checkpoint.head, &ledger] {
        let mut other = bytes.clone();
        other[1] = 23;
        let restore = |bytes: &[u8]| {
            let restored = Tally::restore(bytes, &checkpoint.changed, 1).map(drop);
            restored.and(Ledger::from_bytes(bytes).map(drop))
        };
        assert!(matches!(restore(&other), Err(CheckpointError::Format { found: 23 })));
        for length in 0..bytes.len() {
            assert!(restore(&bytes[..length]).is_err(), "cut at {length}");
        }
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => (prop_oneof![Just("a"), Just("b")], 0..60i64).prop_map(|(v, second)| of(v, second)),
        2 => (0..60i64).prop_map(|second| card("", second)),
        1 => Just(REJECT),
        1 => Just(Event::Hole),
    ]
}

proptest! {
    #![proptest_config(Config::with_cases(60))]

    #[test]
    fn whoever_runs_the_log_and_however_often_it_stops(
        script in prop::collection::vec(
            (0..3i32, prop::collection::vec(any_event(), 0..4), any::<bool>(), 0..40i64), 1..30),
    ) {
        let timing = Timing { idle: 60_000, max_wait: 200_000, ..timing(PERIOD) };
        let mut desk = Desk::open(one_epoch(timing), 3);
        let (mut tally, mut stored, mut out) = (Tally::default(), Stored::default(), Vec::new());
        stored.store(&mut tally);
        for (partition, events, stops, passed) in script {
            desk.now += passed;
            if events.is_empty() {
                desk.beat(lane(partition), desk.now - 1);
            } else {
                desk.send(lane(partition), &events);
            }
            out.extend(replay(&mut tally, &desk.log, &desk.epochs));
            if stops {
                // Back to the checkpoint before, silently up to here; then a new checkpoint.
                let known = tally.ledger();
                tally = stored.restore();
                replay(&mut tally, &desk.log, &desk.epochs);
                prop_assert_eq!(tally.ledger(), known);
                stored.store(&mut tally);
            }
        }
        prop_assert_eq!(texts(&out), texts(&desk.out));
        prop_assert_eq!(tally.ledger().to_bytes(), desk.tally.ledger().to_bytes());
    }
}

#[test]
fn the_model_names_of_the_state_are_those_of_the_settings() {
    // A guard for the tests above: both models are in the eventful log.
    let desk = eventful();
    for model in [LOANS, CARDS] {
        assert!(desk.results().iter().any(|result| result.model == model));
    }
}
