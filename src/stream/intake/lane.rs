//! A lane that is ours.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::mem;
use std::time::Duration;

use crate::batch::IdHash;
use crate::intake::json::Limits;
use crate::intake::{Committed, Feed, Outputs, Reader, RecordView, Taken, To};
use crate::stream::control::InForce;
use crate::stream::crash;
use crate::stream::dead_letters::Letter;
use crate::stream::error::StreamError;
use crate::stream::expressions::ExpressionMaker;
use crate::stream::intake::outbox::Outbox;
use crate::stream::membership::Partition;
use crate::stream::native::Incoming;
use crate::telemetry::Telemetry;

/// A stretch that would take so many bytes is closed: half of what a message may have.
const LARGE: usize = 4 << 20;

/// What lanes read records by.
#[derive(Clone)]
pub(super) struct Books {
    pub(super) in_force: InForce,
    pub(super) expressions: ExpressionMaker,
    pub(super) outputs: Outputs,
    pub(super) ids: IdHash,
    pub(super) telemetry: Telemetry,
}

/// A lane that is ours.
pub(super) struct OpenLane {
    /// Told apart from all others that were ever ours.
    pub(super) number: u64,
    /// How often it has fallen back.
    pub(super) turn: u64,
    pub(super) partition: Partition,
    /// How many partitions its topic had when it began.
    of: i32,
    pub(super) feed: Feed,
    /// By epoch; older ones go when the lane has passed them.
    readers: BTreeMap<u64, Reader>,
    letters: Vec<Letter>,
    /// About how many bytes what was read of the stretch takes on the log.
    bytes: usize,
    /// When the first record of the stretch was read.
    pub(super) began: Option<Duration>,
    /// When all outputs were told how far it has come.
    pub(super) told_all_at: Duration,
    /// Reading begins when every output knows us.
    pub(super) reading: bool,
    /// Whether there is something to commit.
    pub(super) moved: bool,
    /// Nothing may be read until the beginning of an epoch is committed.
    pub(super) held: bool,
    /// What went wrong when it was read.
    pub(super) doubt: Option<Doubt>,
    /// When our last heartbeat was appended, by partition of the tally log, in milliseconds since 1970; 0 before the
    /// first.
    pub(super) beats: Vec<i64>,
    /// The same of the join log, which hears of lanes that targets come by.
    pub(super) join_beats: Option<Vec<i64>>,
    /// Up to where an operator gave up what is gone of it.
    pub(super) lost: Option<i64>,
}

/// Reading a lane went wrong: where the client says that it stands in it may be behind a record that it has not given out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    /// When it went wrong last, or was begun again.
    pub(super) since: Duration,
    /// Whether it is read from where we stand again since.
    pub(super) begun_again: bool,
    /// Whether it was said: what passes by itself is not.
    pub(super) said: bool,
}

impl OpenLane {
    pub(super) fn new(
        number: u64,
        partition: Partition,
        of: i32,
        feed: Feed,
        outputs: Outputs,
        has_truth: bool,
    ) -> Self {
        Self {
            number,
            turn: 0,
            partition,
            of,
            feed,
            readers: BTreeMap::new(),
            letters: Vec::new(),
            bytes: 0,
            began: None,
            told_all_at: Duration::ZERO,
            reading: false,
            moved: false,
            held: false,
            doubt: None,
            beats: vec![0; outputs.tally as usize],
            join_beats: has_truth.then(|| vec![0; outputs.join as usize]),
            lost: None,
        }
    }

    /// Says to every output that what an operator gave up is lost, unless it is behind us already.
    pub(super) fn give_up(&mut self, outbox: &Outbox) -> Result<(), StreamError> {
        let Some(to) = self.lost else { return Ok(()) };
        match self.feed.lose(to, "given up by an operator: it was gone before it was read") {
            Some(sending) => outbox.stretch(self.number, self.turn, &sending),
            None => Ok(()),
        }
    }

    /// Reads one record of the lane; a stretch that it cannot be part of is closed first.
    pub(super) fn read(
        &mut self,
        message: &Incoming<'_>,
        now: Duration,
        books: &Books,
        outbox: &Outbox,
    ) -> Result<(), StreamError> {
        let offset = message.offset();
        if offset < self.feed.position() {
            return Ok(());
        }
        if self.feed.must_close_before(offset) || self.bytes >= LARGE {
            self.close(To::All, books, outbox)?;
        }
        let epoch = self.feed.epoch_at(offset);
        let reader = match self.readers.entry(epoch) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(Self::make_reader(epoch, books)?),
        };
        self.began.get_or_insert(now);
        self.feed.read(offset);
        let value = message.value();
        self.bytes += value.map_or(0, <[u8]>::len) + reader.row_bytes();
        let view = RecordView {
            value,
            key: message.key(),
            headers: message,
            timestamp_ms: message.timestamp_ms(),
            topic: &self.partition.0,
        };
        if let Err(reason) = reader.read(offset, &view) {
            books.telemetry.dead_letter(&reason);
            let (topic, partition) = &self.partition;
            self.letters.push(Letter::new(
                topic,
                *partition,
                offset,
                view.timestamp_ms,
                view.value,
                reason.name(),
                &reason.to_string(),
            ));
        }
        Ok(())
    }

    fn make_reader(epoch: u64, books: &Books) -> Result<Reader, StreamError> {
        // Whoever began the epoch had read it from the control topic; we may be a moment behind.
        books.in_force.wait_for(epoch, Duration::from_secs(10));
        let epochs = books.in_force.now().epochs;
        let Some(found) = epochs.epochs.get(&epoch) else {
            return Err(StreamError::Control(format!("epoch {epoch} is not there yet")));
        };
        Reader::new(found, Limits::default(), &|profile| books.expressions.make(profile))
            .map(|reader| reader.with_ids(books.ids.clone()))
            .map_err(|error| StreamError::Control(format!("epoch {epoch}: {error}")))
    }

    /// Ends the stretch that is being read, and sends it.
    pub(super) fn close(
        &mut self,
        to: To,
        books: &Books,
        outbox: &Outbox,
    ) -> Result<(), StreamError> {
        self.began = None;
        self.bytes = 0;
        let mut taken = Taken::default();
        for reader in self.readers.values_mut().filter(|reader| !reader.is_empty()) {
            // A stretch has one epoch, so only one reader has read anything.
            taken = reader
                .take(|model| self.feed.output(model), |key| self.feed.join_output(key))
                .map_err(|error| StreamError::Control(error.to_string()))?;
        }
        let Taken { content, keyed, without_id } = taken;
        let filtered = content.values().map(|content| content.filtered.len() as u64).sum();
        books.telemetry.filtered(filtered);
        books.telemetry.without_id(without_id);
        while self.readers.len() > 2 {
            self.readers.pop_first();
        }
        let Some(sending) = self.feed.close(content, keyed, to) else { return Ok(()) };
        let letters = mem::take(&mut self.letters);
        self.feed.wait_for(sending.ticket, u32::try_from(letters.len()).unwrap_or(u32::MAX));
        for letter in &letters {
            outbox.letter(self.number, self.turn, sending.ticket, letter)?;
        }
        outbox.stretch(self.number, self.turn, &sending)?;
        crash::point(crash::INTAKE_SENT);
        self.go_on(outbox)
    }

    /// Sends what may be sent now that something was sent or acknowledged.
    pub(super) fn go_on(&mut self, outbox: &Outbox) -> Result<(), StreamError> {
        while let Some(sending) = self.feed.to_join() {
            crash::point(crash::INTAKE_TALLY_HAS_IT);
            outbox.stretch(self.number, self.turn, &sending)?;
        }
        self.moved |= self.feed.settle();
        Ok(())
    }

    /// Everything from the committed offset on is to be read and sent again; where to read on.
    pub(super) fn fall_back(&mut self) {
        self.turn += 1;
        self.readers.clear();
        self.letters.clear();
        self.bytes = 0;
        self.began = None;
        self.feed.fall_back();
    }

    /// The commit's metadata: which incarnation of the topic it is of, and what every owner must know.
    pub(super) fn metadata(&self) -> String {
        lane_metadata(self.of, self.feed.lane().topic, self.feed.committed())
    }
}

/// The metadata of an offset commit.
pub(in crate::stream) fn metadata(topic: u128, committed: &Committed) -> String {
    format!("{topic:032x} {}", committed.to_metadata())
}

/// What a commit says; `None` where it is not ours, or of a topic that was deleted since.
pub(in crate::stream) fn from_metadata(
    topic: u128,
    offset: i64,
    metadata: &str,
) -> Option<Committed> {
    let rest = metadata.strip_prefix(&format!("{topic:032x} "))?;
    Committed::from_metadata(offset, rest)
}

/// The same of a lane of predictions or targets: before it stands how many partitions the topic had when it began.
pub(super) fn lane_metadata(of: i32, topic: u128, committed: &Committed) -> String {
    format!("{of} {}", metadata(topic, committed))
}

/// What that says, and how many partitions there were.
pub(super) fn from_lane_metadata(
    topic: u128,
    offset: i64,
    metadata: &str,
) -> Option<(Committed, i32)> {
    let (of, rest) = metadata.split_once(' ')?;
    Some((from_metadata(topic, offset, rest)?, of.parse().ok()?))
}
