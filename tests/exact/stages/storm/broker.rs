//! What is kept, whoever dies: the input, the logs, the group's commits, tally's state and what it published.

use std::collections::BTreeMap;

use vigie::batch::{Cursor, Record};
use vigie::epoch::Epochs;
use vigie::intake::Committed;
use vigie::tally::{Ledger, Output};

use super::super::checkpoints::Stored;
use super::super::desk::lane;
use super::super::events::Event;

/// How many partitions the input has.
pub(super) const LANES: usize = 3;
/// How many partitions the tally log has: enough that the two models do not share one.
pub(super) const OUTPUTS: usize = 4;

#[derive(Clone)]
pub(super) struct Broker {
    pub(super) epochs: Epochs,
    /// The newest epoch in the control topic.
    pub(super) epoch: u64,
    /// By lane; what lies at or beyond `written` is not there yet.
    pub(super) input: Vec<Vec<Event>>,
    written: Vec<usize>,
    groups: Vec<Group>,
    /// By lane, from which offset on which epoch is in force, as it was committed.
    pub(super) boundaries: Vec<BTreeMap<i64, u64>>,
    /// By output: append times in milliseconds, and records as they come back from their bytes.
    pub(super) logs: Vec<Vec<(i64, Record)>>,
    /// By output.
    pub(super) kept: Vec<Kept>,
    /// The broker's clock, in milliseconds.
    pub(super) now: i64,
}

/// What the consumer group knows of a lane.
#[derive(Clone, Default)]
struct Group {
    generation: u64,
    commit: Option<(i64, String)>,
}

/// What a tally partition's transactions left behind.
#[derive(Clone, Default)]
pub(super) struct Kept {
    pub(super) state: Option<Stored>,
    pub(super) ledger: Option<Vec<u8>>,
    pub(super) published: Vec<Output>,
    pub(super) generation: u64,
}

impl Broker {
    pub(super) fn new(epochs: Epochs, input: Vec<Vec<Event>>) -> Self {
        Self {
            epochs,
            epoch: 1,
            input,
            written: vec![0; LANES],
            groups: (0..LANES).map(|_| Group::default()).collect(),
            boundaries: vec![BTreeMap::new(); LANES],
            logs: vec![Vec::new(); OUTPUTS],
            kept: (0..OUTPUTS).map(|_| Kept::default()).collect(),
            now: 1_000_000,
        }
    }

    pub(super) fn write(&mut self, lane: usize, events: usize) {
        self.written[lane] = (self.written[lane] + events).min(self.input[lane].len());
    }

    pub(super) fn high_watermark(&self, lane: usize) -> i64 {
        i64::try_from(self.written[lane]).unwrap()
    }

    pub(super) fn event(&self, lane: usize, offset: i64) -> Option<&Event> {
        let offset = usize::try_from(offset).unwrap();
        self.input[lane][..self.written[lane]].get(offset)
    }

    /// Gives the lane to a new member, who hears what was committed.
    pub(super) fn join(&mut self, lane: usize) -> (u64, Option<Committed>) {
        let group = &mut self.groups[lane];
        group.generation += 1;
        let found = group.commit.as_ref();
        let found = found.map(|(offset, text)| Committed::from_metadata(*offset, text).unwrap());
        (group.generation, found)
    }

    /// Whether it was committed: not by who was replaced.
    pub(super) fn commit(&mut self, lane: usize, generation: u64, commit: &Committed) -> bool {
        let group = &mut self.groups[lane];
        if group.generation != generation {
            return false;
        }
        group.commit = Some((commit.offset, commit.to_metadata()));
        let known = &mut self.boundaries[lane];
        known.split_off(&commit.boundaries[0].0);
        known.extend(commit.boundaries.iter().copied());
        true
    }

    /// The group was empty for a week. By then all readers have heard of the lane.
    pub(super) fn forget_commit(&mut self, lane: usize) {
        if self.ledgers(lane).iter().all(|(cursor, _)| cursor.is_known()) {
            self.groups[lane].commit = None;
        }
    }

    /// What the readers of all outputs know of a lane.
    pub(super) fn ledgers(&self, number: usize) -> Vec<(Cursor, Vec<(i64, u64)>)> {
        let of = |kept: &Kept| {
            let ledger = kept.ledger.as_ref().map(|bytes| Ledger::from_bytes(bytes).unwrap());
            let state = ledger.and_then(|mut it| it.lanes.remove(&lane(number as i32)));
            match state {
                Some(state) => (state.cursor, state.boundaries),
                None => (Cursor::unknown(), Vec::new()),
            }
        };
        self.kept.iter().map(of).collect()
    }

    /// What readers know, as an owner needs it that finds no commit.
    pub(super) fn recovered(&self, lane: usize) -> Option<Committed> {
        let ledgers = self.ledgers(lane);
        Committed::recovered(ledgers.iter().map(|(cursor, of)| (*cursor, &of[..])))
    }

    /// Appends to a log; the append time.
    pub(super) fn append(&mut self, output: usize, record: &Record) -> i64 {
        self.now += 10;
        let record = Record::from_bytes(&record.to_bytes()).unwrap();
        self.logs[output].push((self.now, record));
        self.now
    }
}
