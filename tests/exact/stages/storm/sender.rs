//! The owner of a lane, or who still believes to be.

use std::collections::{BTreeMap, VecDeque};
use std::mem;

use vigie::batch::{Body, Cursor, Heartbeat, Record};
use vigie::intake::{Committed, Feed, Outputs, Sending, To};

use super::super::desk::lane;
use super::super::events::{Event, contents};
use super::super::rules::TOPIC;
use super::broker::{Broker, LANES, OUTPUTS};

/// Who owns a lane, or still believes to.
#[derive(Clone)]
pub(super) struct Sender {
    lane: usize,
    generation: u64,
    pub(super) feed: Feed,
    /// It found no commit, and waits until every reader knows its number: nothing was committed, and nothing may be
    /// sent but its announcement.
    recovering: bool,
    /// Where the consumer stands: it passes offsets without a record and says nothing.
    next: i64,
    /// What was read of the stretch.
    read: Vec<(i64, Event)>,
    /// By output, in the order in which the producer sends; the last one is of dead letters.
    queues: Vec<VecDeque<Sent>>,
    /// How often it fell back: acknowledgements of before mean nothing.
    turn: u64,
    /// An epoch is not known to be committed.
    held: bool,
    /// The high watermark as it was asked for some time ago, after every output knew of this owner.
    asked: Option<i64>,
    /// When the last heartbeat was appended, by output.
    beats: Vec<i64>,
}

#[derive(Clone)]
struct Sent {
    turn: u64,
    /// `None` for a heartbeat.
    ticket: Option<u64>,
    /// `None` for a dead letter.
    record: Option<Record>,
}

/// What becomes of a record on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Landed,
    /// Twice, as idempotent producers do over a broker's death.
    Twice,
    /// It landed, but its sender is told that it did not.
    Unknown,
    /// It did not land. What was sent after it may land all the same.
    Failed,
    /// Nothing that was under way lands.
    Purged,
}

impl Sender {
    /// Takes a lane over.
    pub(super) fn take_over(broker: &mut Broker, lane: usize) -> Self {
        let (generation, found) = broker.join(lane);
        let (found, recovering) = match (found, broker.recovered(lane)) {
            (Some(found), _) => (found, false),
            (None, Some(recovered)) => (recovered, true),
            // The first partition begins at its start, others behind it.
            (None, None) => (Committed::beginning_at(lane as i64, broker.epoch), false),
        };
        let mut sender = Self::with(lane, generation, found, recovering);
        if !recovering {
            assert!(broker.commit(lane, generation, sender.feed.committed()));
        }
        sender.announce();
        sender
    }

    fn with(number: usize, generation: u64, found: Committed, recovering: bool) -> Self {
        let outputs = Outputs { tally: OUTPUTS as u32, join: 0 };
        let next = found.offset;
        let topic = TOPIC.to_owned();
        let (id, partitions) = (lane(number as i32), LANES as i32);
        Self {
            lane: number,
            generation,
            feed: Feed::take_over(id, topic, partitions, outputs, 0, found),
            recovering,
            next,
            read: Vec::new(),
            queues: (0..=OUTPUTS).map(|_| VecDeque::new()).collect(),
            turn: 0,
            held: false,
            asked: None,
            beats: vec![0; OUTPUTS],
        }
    }

    fn announce(&mut self) {
        let sending = self.feed.open();
        self.enqueue(sending);
    }

    fn enqueue(&mut self, sending: Sending) {
        for (output, record) in sending.records {
            self.queues[output as usize].push_back(Sent {
                turn: self.turn,
                ticket: Some(sending.ticket),
                record: Some(record),
            });
        }
    }

    fn may_read(&self) -> bool {
        self.feed.is_open() && !self.held && !self.recovering
    }

    /// An owner that found no commit goes on where the readers stand, once they all know it.
    pub(super) fn recover(&mut self, broker: &mut Broker) {
        let number = self.feed.committed().owner;
        let heard = |(cursor, _): &(Cursor, _)| cursor.owner >= number;
        if !self.recovering || !broker.ledgers(self.lane).iter().all(heard) {
            return;
        }
        let found = broker.recovered(self.lane).unwrap();
        let queues = mem::take(&mut self.queues);
        let mut next = Self::with(self.lane, self.generation, found, false);
        if broker.commit(self.lane, self.generation, next.feed.committed()) {
            // Its announcement may still be under way, to be heard twice.
            next.queues = queues;
            next.turn = self.turn + 1;
            next.announce();
            *self = next;
        } else {
            self.queues = queues;
        }
    }

    /// Reads the next records.
    pub(super) fn read(&mut self, broker: &Broker, records: usize) {
        if !self.may_read() {
            return;
        }
        for _ in 0..records {
            let offset = self.next;
            let Some(&event) = broker.event(self.lane, offset) else { return };
            self.next += 1;
            if event == Event::Hole {
                continue;
            }
            if self.feed.must_close_before(offset) {
                self.close_read(broker, To::All);
            }
            self.feed.read(offset);
            self.read.push((offset, event));
        }
    }

    /// Ends the stretch that is being read; without one, says that there is nothing where the consumer has passed.
    pub(super) fn close(&mut self, broker: &Broker, to: To) {
        if !self.may_read() {
            return;
        }
        if self.read.is_empty() {
            self.feed.skip_to(self.next);
        }
        self.close_read(broker, to);
    }

    fn close_read(&mut self, broker: &Broker, to: To) {
        let read = mem::take(&mut self.read);
        let epoch = read.first().map_or(1, |&(offset, _)| self.feed.epoch_at(offset));
        let events = read.iter().map(|(offset, event)| (*offset, event));
        let content =
            contents(events, &broker.epochs.epochs[&epoch], |model| self.feed.output(model));
        let rejects: usize = content.values().map(|content| content.rejects.len()).sum();
        let Some(sending) = self.feed.close(content, BTreeMap::new(), to) else { return };
        self.feed.wait_for(sending.ticket, u32::try_from(rejects).unwrap());
        let (turn, ticket) = (self.turn, Some(sending.ticket));
        let letters = (0..rejects).map(|_| Sent { turn, ticket, record: None });
        self.queues[OUTPUTS].extend(letters);
        self.enqueue(sending);
        self.feed.settle();
    }

    /// What becomes of the next record on its way to an output.
    pub(super) fn deliver(&mut self, broker: &mut Broker, output: usize, way: Way) {
        let Some(sent) = self.queues[output].pop_front() else { return };
        let mut appended = 0;
        if let (Some(record), Way::Landed | Way::Twice | Way::Unknown) = (&sent.record, way) {
            appended = broker.append(output, record);
            if way == Way::Twice {
                broker.append(output, record);
            }
        }
        if sent.turn != self.turn {
            return;
        }
        match (way, sent.ticket) {
            (Way::Landed | Way::Twice, Some(ticket)) => {
                self.feed.acknowledged(ticket);
            }
            (Way::Landed | Way::Twice, None) => self.beats[output] = appended,
            (_, None) => {}
            (Way::Unknown | Way::Failed | Way::Purged, Some(_)) => {
                self.fall_back(way == Way::Purged);
            }
        }
    }

    fn fall_back(&mut self, purge: bool) {
        self.turn += 1;
        self.read.clear();
        self.next = self.feed.fall_back();
        if purge {
            self.queues.iter_mut().for_each(VecDeque::clear);
        }
        if !self.feed.is_open() {
            self.announce();
        }
    }

    /// All that is under way lands.
    pub(super) fn flush(&mut self, broker: &mut Broker) {
        for output in 0..=OUTPUTS {
            while !self.queues[output].is_empty() {
                self.deliver(broker, output, Way::Landed);
            }
        }
    }

    /// Commits what was acknowledged.
    pub(super) fn commit(&mut self, broker: &mut Broker) {
        if !self.recovering && broker.commit(self.lane, self.generation, self.feed.committed()) {
            self.held = false;
        }
    }

    /// Asks how far the lane goes.
    pub(super) fn ask(&mut self, broker: &Broker) {
        if self.feed.is_open() && !self.recovering {
            self.asked = Some(broker.high_watermark(self.lane));
        }
    }

    /// Begins the newest epoch where the lane went as it asked; whether that is committed it may not hear.
    pub(super) fn begin_epoch(&mut self, broker: &mut Broker, hears: bool) {
        let Some(asked) = self.asked.filter(|_| broker.epoch > self.feed.newest_epoch()) else {
            return;
        };
        self.feed.begin_epoch(asked, broker.epoch);
        self.held = true;
        let committed = broker.commit(self.lane, self.generation, self.feed.committed());
        if committed && hears {
            self.held = false;
        }
    }

    /// A sign of life for every output.
    pub(super) fn beat(&mut self, broker: &Broker) {
        if !self.may_read() {
            return;
        }
        for output in 0..OUTPUTS {
            let reached = self.beats[output];
            let high_watermark = broker.high_watermark(self.lane);
            let record: Record = self.feed.heartbeat(Heartbeat { high_watermark, reached });
            assert!(matches!(record.body, Body::Heartbeat(_)));
            let sent = Sent { turn: self.turn, ticket: None, record: Some(record) };
            self.queues[output].push_back(sent);
        }
    }

    /// Whether there is nothing left to be done.
    pub(super) fn is_done(&self, broker: &Broker) -> bool {
        self.may_read()
            && self.feed.committed().offset == broker.high_watermark(self.lane)
            && self.feed.newest_epoch() == broker.epoch
            && self.feed.is_settled()
    }
}
