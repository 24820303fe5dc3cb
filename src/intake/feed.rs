//! One lane on its way into the logs: which stretch is being read, sent, acknowledged, committed.
//!
//! Of each stretch the tally log gets its part first, and the join log its own once that is acknowledged: so nothing
//! becomes known of a prediction before the prediction itself.
//!
//! A pure state machine. Whoever drives it (Kafka, or a test) does what it says and tells it what came of it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use xxhash_rust::xxh3::xxh3_64;

use crate::batch::{Body, Content, Cursor, Header, Heartbeat, Keyed, Lane, Record, Stretch};

/// Owners may have come and gone of which no ledger has heard: a recovered number passes over so many.
const UNHEARD_OWNERS: u64 = 1000;

/// What the group's offset commit of a lane says: where to go on, and what every owner must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Everything below has been acknowledged by every output.
    pub offset: i64,
    /// Where the lane begins.
    pub beginning: i64,
    /// The number of the lane's owner.
    pub owner: u64,
    /// From which offset on which epoch is in force, ascending; the first at or below `offset`.
    pub boundaries: Vec<(i64, u64)>,
}

impl Committed {
    /// A lane that nobody has read yet.
    pub fn beginning_at(offset: i64, epoch: u64) -> Self {
        Self { offset, beginning: offset, owner: 0, boundaries: vec![(offset, epoch)] }
    }

    /// As the metadata of an offset commit: ASCII, a few dozen bytes.
    pub fn to_metadata(&self) -> String {
        let mut text = format!("1 {} {}", self.beginning, self.owner);
        for (offset, epoch) in &self.boundaries {
            // Writing to a string cannot fail.
            let _written = write!(text, " {offset}:{epoch}");
        }
        text
    }

    /// From an offset commit; `None` where the metadata are not ours.
    pub fn from_metadata(offset: i64, metadata: &str) -> Option<Self> {
        let mut words = metadata.split(' ');
        if words.next()? != "1" {
            return None;
        }
        let beginning = words.next()?.parse().ok()?;
        let owner = words.next()?.parse().ok()?;
        let boundaries = words
            .map(|word| {
                let (offset, epoch) = word.split_once(':')?;
                Some((offset.parse().ok()?, epoch.parse().ok()?))
            })
            .collect::<Option<Vec<_>>>()?;
        (!boundaries.is_empty()).then_some(Self { offset, beginning, owner, boundaries })
    }

    /// What a lost offset commit said, as far as the readers of the outputs know: of each the lane's cursor and the
    /// boundaries of its epochs. `None` where nobody knows the lane.
    ///
    /// Readers lag, and so what they know may be stale. Hence twice: once for a number to `open` the lane with, and again
    /// when every reader's cursor has that number; what was sent before it and not read by then never will be.
    pub fn recovered<'r>(
        readers: impl IntoIterator<Item = (Cursor, &'r [(i64, u64)])>,
    ) -> Option<Self> {
        let mut found: Option<Self> = None;
        let mut boundaries: BTreeMap<u64, i64> = BTreeMap::new();
        let mut everyone = true;
        for (cursor, theirs) in readers {
            for &(offset, epoch) in theirs {
                let first = boundaries.entry(epoch).or_insert(offset);
                *first = offset.min(*first);
            }
            if !cursor.is_known() {
                everyone = false;
                continue;
            }
            let found = found.get_or_insert(Self {
                offset: cursor.position,
                beginning: cursor.beginning,
                owner: 0,
                boundaries: Vec::new(),
            });
            found.offset = found.offset.min(cursor.position);
            found.beginning = found.beginning.min(cursor.beginning);
            found.owner = found.owner.max(cursor.owner + UNHEARD_OWNERS);
        }
        let mut found = found?;
        if !everyone {
            found.offset = found.beginning;
        }
        found.boundaries = boundaries.into_iter().map(|(epoch, from)| (from, epoch)).collect();
        found.forget_past_epochs();
        (!found.boundaries.is_empty()).then_some(found)
    }

    /// Epochs that ended at or below the offset are over.
    fn forget_past_epochs(&mut self) {
        let before = self.boundaries.partition_point(|&(from, _)| from <= self.offset);
        self.boundaries.drain(..before.saturating_sub(1));
    }

    /// The epoch in force at an offset.
    pub fn epoch_at(&self, offset: i64) -> u64 {
        let before = self.boundaries.partition_point(|&(from, _)| from <= offset);
        self.boundaries[before.saturating_sub(1)].1
    }
}

/// How many partitions the logs have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// Those of the tally log.
    pub tally: u32,
    /// Those of the join log; 0 where the lane has nothing for it, as the join's own.
    pub join: u32,
}

/// One lane on its way into the logs.
#[derive(Clone, Debug)]
pub struct Feed {
    lane: Lane,
    topic: String,
    partitions: i32,
    outputs: Outputs,
    policy: u64,
    committed: Committed,
    /// The first offset of the stretch that is being read.
    from: i64,
    /// The reader's position.
    position: i64,
    /// The greatest position so far: nothing from there on has been sent by this owner.
    furthest: i64,
    /// Whether every output has acknowledged the announcement of this owner.
    opened: bool,
    /// The epoch of the records in it, once there is one.
    reading: Option<u64>,
    /// How far each partition of the tally log was sent to, and each of the join log.
    tallied: Vec<i64>,
    joined: Vec<i64>,
    /// The epoch of what some of them have not been sent yet, as it holds nothing for them.
    lagging: Option<u64>,
    in_flight: VecDeque<InFlight>,
    next_ticket: u64,
}

/// To whom a stretch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// To those partitions that it holds something for. The others hear of it later, in one record with what follows;
    /// until then the offset to be committed stays.
    Concerned,
    /// To all.
    All,
}

/// A stretch that was sent and not yet acknowledged by every output.
#[derive(Clone, Debug)]
struct InFlight {
    ticket: u64,
    to: i64,
    waiting: u32,
    opens: bool,
    /// Whether every output has everything up to there once this is acknowledged, and what was sent before.
    whole: bool,
    /// What the join log gets once the tally log has its part.
    then: Option<Then>,
}

/// The join log's part of a stretch.
#[derive(Clone, Debug)]
struct Then {
    header: Header,
    /// By output partition; `None` where the stretch is lost.
    content: Option<BTreeMap<u32, Keyed>>,
    reason: String,
}

/// Records to be sent, one a partition of each log, in this order.
#[derive(Debug)]
pub struct Sending {
    /// What acknowledgements refer to.
    pub ticket: u64,
    /// By partition of the tally log.
    pub records: Vec<(u32, Record)>,
    /// By partition of the join log.
    pub keyed: Vec<(u32, Record<Keyed>)>,
}

impl Feed {
    /// Takes a lane over: the number of its owner rises. What it says must be committed
    /// ([`Feed::committed`]) before anything is sent.
    pub fn take_over(
        lane: Lane,
        topic: String,
        partitions: i32,
        outputs: Outputs,
        policy: u64,
        found: Committed,
    ) -> Self {
        let committed = Committed { owner: found.owner + 1, ..found };
        let offset = committed.offset;
        Self {
            lane,
            topic,
            partitions,
            outputs,
            policy,
            committed,
            from: offset,
            position: offset,
            furthest: offset,
            opened: false,
            reading: None,
            tallied: vec![offset; outputs.tally as usize],
            joined: vec![offset; outputs.join as usize],
            lagging: None,
            in_flight: VecDeque::new(),
            next_ticket: 0,
        }
    }

    /// What the lane's offset commit has to say now.
    pub fn committed(&self) -> &Committed {
        &self.committed
    }

    /// Whether every output has acknowledged that this owner took the lane. Until then, and again after a failed
    /// delivery of it, only [`Feed::open`] may be sent: a reader that has not heard of the lane drops all else for good.
    pub fn is_open(&self) -> bool {
        self.opened
    }

    /// The partition of the tally log of a model, or of what names none: XXH3-64 of the model's name, or the lane's own partition,
    /// modulo their number.
    pub fn output(&self, model: Option<&str>) -> u32 {
        let number = match model {
            Some(model) => xxh3_64(model.as_bytes()),
            None => u64::from(self.lane.partition.unsigned_abs()),
        };
        u32::try_from(number % u64::from(self.outputs.tally.max(1))).unwrap_or(0)
    }

    /// The partition of the join log of a key: modulo their number.
    pub fn join_output(&self, key: u128) -> u32 {
        u32::try_from(key % u128::from(self.outputs.join.max(1))).unwrap_or(0)
    }

    /// The next offset to be read.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// The epoch of a record at an offset.
    pub fn epoch_at(&self, offset: i64) -> u64 {
        self.committed.epoch_at(offset)
    }

    /// The lane.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// The policy that records carry from now on.
    pub fn set_policy(&mut self, policy: u64) {
        self.policy = policy;
    }

    /// Notes that an epoch begins at an offset: at or above everything that anybody may have sent. Must be committed
    /// before anything is read with it.
    pub fn begin_epoch(&mut self, offset: i64, epoch: u64) {
        if self.committed.boundaries.last().is_some_and(|&(_, last)| last < epoch) {
            // What was asked of the broker may be older than what was sent since.
            let offset = offset.max(self.furthest);
            // An epoch that never came into force leaves no trace.
            self.committed.boundaries.retain(|&(from, _)| from < offset);
            self.committed.boundaries.push((offset, epoch));
        }
    }

    /// The newest epoch that is known to the lane.
    pub fn newest_epoch(&self) -> u64 {
        self.committed.boundaries.last().map_or(0, |&(_, epoch)| epoch)
    }

    /// Whether a record at this offset belongs to another epoch than the stretch that is being read: then
    /// that stretch has to be closed first.
    ///
    /// It is closed for all: what some have not been sent yet has one epoch too.
    pub fn must_close_before(&self, offset: i64) -> bool {
        let before = self.reading.or(self.lagging);
        before.is_some_and(|epoch| epoch != self.committed.epoch_at(offset))
    }

    /// Whether some outputs have not been sent yet what holds nothing for them.
    pub fn lags(&self) -> bool {
        self.lagging.is_some()
    }

    /// Notes that the record at an offset has been read.
    pub fn read(&mut self, offset: i64) {
        let epoch = self.committed.epoch_at(offset);
        debug_assert!(self.reading.is_none_or(|reading| reading == epoch), "closed before");
        self.reading = Some(epoch);
        self.skip_to(offset + 1);
    }

    /// Notes that there is no record below `position` that was not read: offsets without one (compaction,
    /// transaction markers) are passed.
    pub fn skip_to(&mut self, position: i64) {
        self.position = self.position.max(position);
        self.furthest = self.furthest.max(self.position);
    }

    /// The announcement of a new owner, to every output.
    pub fn open(&mut self) -> Sending {
        let beginning = self.committed.beginning;
        let at = self.committed.offset;
        let epoch = self.committed.epoch_at(at);
        let mut sending =
            self.send(Stretch { from: at, to: at }, epoch, None, |_| Body::Open { beginning });
        // Both logs at once: nothing else is sent before either has it.
        if let (Some((_, first)), Some(sent)) = (sending.records.first(), self.in_flight.back_mut())
        {
            sent.waiting += self.outputs.join;
            let header = &first.header;
            let open = || Record { header: header.clone(), body: Body::Open { beginning } };
            sending.keyed = (0..self.outputs.join).map(|output| (output, open())).collect();
        }
        sending
    }

    /// Ends the stretch that is being read: what was read of it, by partition of the tally log and of the join log. Those
    /// without any get an empty record, now or later, so that records tile the lane in each of them. `None` where there
    /// is nothing to tell.
    pub fn close(
        &mut self,
        mut content: BTreeMap<u32, Content>,
        keyed: BTreeMap<u32, Keyed>,
        to: To,
    ) -> Option<Sending> {
        let lagging = self.lagging.filter(|_| to == To::All);
        let epoch = if self.position == self.from {
            lagging?
        } else {
            self.reading.unwrap_or_else(|| self.committed.epoch_at(self.position - 1))
        };
        let stretch = Stretch { from: self.from, to: self.position };
        let header = self.header(stretch, epoch);
        let mut records = Vec::new();
        for (output, reached) in (0..).zip(&mut self.tallied) {
            let content = content.remove(&output).filter(|content| !content.is_empty());
            if *reached < stretch.to && (content.is_some() || to == To::All) {
                let header =
                    Header { stretch: Stretch { from: *reached, ..stretch }, ..header.clone() };
                *reached = stretch.to;
                let body = Body::Rows(content.unwrap_or_default());
                records.push((output, Record { header, body }));
            }
        }
        debug_assert!(content.values().all(Content::is_empty), "every output partition exists");
        let then = Then { header, content: Some(keyed), reason: String::new() };
        self.from = self.position;
        self.reading = None;
        self.lagging = (to == To::Concerned).then_some(epoch);
        Some(self.under_way(stretch.to, records, to == To::All, Some(then)))
    }

    /// Gives up everything from the lane's position to before `to`, which is gone: an operator said to go on without it.
    /// `None` where there is nothing to give up, or a stretch is being read or not sent to all.
    pub fn lose(&mut self, to: i64, reason: &str) -> Option<Sending> {
        if self.position != self.from || to <= self.position || self.lags() {
            return None;
        }
        let stretch = Stretch { from: self.from, to };
        let epoch = self.committed.epoch_at(to - 1);
        self.skip_to(to);
        self.from = to;
        let then =
            Then { header: self.header(stretch, epoch), content: None, reason: reason.to_owned() };
        let lost = || Body::Lost { reason: reason.to_owned() };
        Some(self.send(stretch, epoch, Some(then), |_| lost()))
    }

    /// A sign of life, for one output of either log.
    pub fn heartbeat<C>(&self, heartbeat: Heartbeat) -> Record<C> {
        let at = self.from;
        Record {
            header: self.header(Stretch { from: at, to: at }, self.committed.epoch_at(at)),
            body: Body::Heartbeat(heartbeat),
        }
    }

    /// Sends the same to all.
    fn send(
        &mut self,
        stretch: Stretch,
        epoch: u64,
        then: Option<Then>,
        mut body: impl FnMut(u32) -> Body,
    ) -> Sending {
        let header = self.header(stretch, epoch);
        let records: Vec<(u32, Record)> = (0..self.outputs.tally)
            .map(|output| (output, Record { header: header.clone(), body: body(output) }))
            .collect();
        self.tallied.fill(stretch.to);
        self.under_way(stretch.to, records, true, then)
    }

    fn under_way(
        &mut self,
        to: i64,
        records: Vec<(u32, Record)>,
        whole: bool,
        then: Option<Then>,
    ) -> Sending {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let opens = records.iter().any(|(_, record)| matches!(record.body, Body::Open { .. }));
        let waiting = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let then = then.filter(|_| self.outputs.join > 0);
        self.in_flight.push_back(InFlight { ticket, to, waiting, opens, whole, then });
        Sending { ticket, records, keyed: Vec::new() }
    }

    /// What the join log gets next: of the oldest stretch that it has not got, if the tally log has it. To be asked after
    /// every acknowledgement and every stretch, until there is nothing.
    pub fn to_join(&mut self) -> Option<Sending> {
        loop {
            let next = self.in_flight.iter_mut().find(|sent| sent.then.is_some());
            let sent = next.filter(|sent| sent.waiting == 0)?;
            let Then { header, mut content, reason } = sent.then.take()?;
            let mut keyed = Vec::new();
            for (output, reached) in (0..).zip(&mut self.joined) {
                let body = match &mut content {
                    Some(content) => content.remove(&output).map(Body::Rows),
                    None => Some(Body::Lost { reason: reason.clone() }),
                };
                if *reached < sent.to && (body.is_some() || sent.whole) {
                    let stretch = Stretch { from: *reached, to: sent.to };
                    *reached = sent.to;
                    let header = Header { stretch, ..header.clone() };
                    let body = body.unwrap_or_else(|| Body::Rows(Keyed::default()));
                    keyed.push((output, Record { header, body }));
                }
            }
            sent.waiting = u32::try_from(keyed.len()).unwrap_or(u32::MAX);
            if !keyed.is_empty() {
                return Some(Sending { ticket: sent.ticket, records: Vec::new(), keyed });
            }
        }
    }

    fn header(&self, stretch: Stretch, epoch: u64) -> Header {
        Header {
            lane: self.lane,
            topic: self.topic.clone(),
            partitions: self.partitions,
            owner: self.committed.owner,
            epoch,
            policy: self.policy,
            stretch,
        }
    }

    /// Also waits for `more` deliveries of this ticket (dead letters).
    pub fn wait_for(&mut self, ticket: u64, more: u32) {
        if let Some(sent) = self.in_flight.iter_mut().find(|sent| sent.ticket == ticket) {
            sent.waiting += more;
        }
    }

    /// Takes one acknowledgement. Whether the offset to be committed moved, or the lane became free to be read.
    pub fn acknowledged(&mut self, ticket: u64) -> bool {
        if let Some(sent) = self.in_flight.iter_mut().find(|sent| sent.ticket == ticket) {
            sent.waiting = sent.waiting.saturating_sub(1);
        }
        self.settle()
    }

    /// Forgets what needs no acknowledgement any more: to be asked when [`Feed::close`] has given something and
    /// [`Feed::to_join`] gives nothing more, as all outputs may have had it before. As with an acknowledgement, whether
    /// something moved.
    pub fn settle(&mut self) -> bool {
        let mut moved = false;
        while self.in_flight.front().is_some_and(|sent| sent.waiting == 0 && sent.then.is_none()) {
            if let Some(sent) = self.in_flight.pop_front().filter(|sent| sent.whole) {
                self.committed.offset = sent.to;
                self.opened |= sent.opens;
                moved = true;
            }
        }
        if moved {
            self.committed.forget_past_epochs();
        }
        moved
    }

    /// How many offsets of the stretch that is being read have been passed.
    pub fn unsent(&self) -> usize {
        usize::try_from(self.position - self.from).unwrap_or(0)
    }

    /// Whether everything that was sent has been acknowledged.
    pub fn is_settled(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Stretches under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// A delivery failed: everything from the committed offset on is to be read and sent again, the announcement too
    /// ([`Feed::is_open`]). Acknowledgements of older tickets mean nothing any more. Returns where to read on.
    pub fn fall_back(&mut self) -> i64 {
        self.in_flight.clear();
        self.from = self.committed.offset;
        self.position = self.committed.offset;
        self.tallied.fill(self.position);
        self.joined.fill(self.position);
        self.lagging = None;
        self.reading = None;
        self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(found: Committed) -> Feed {
        let outputs = Outputs { tally: 2, join: 0 };
        Feed::take_over(Lane { topic: 1, partition: 0 }, "p".to_owned(), 1, outputs, 0, found)
    }

    #[test]
    fn the_commit_comes_back_from_its_metadata() {
        let committed = Committed {
            offset: 70,
            beginning: 3,
            owner: 9,
            boundaries: vec![(3, 1), (60, 4), (100, 5)],
        };
        let metadata = committed.to_metadata();
        assert_eq!(metadata, "1 3 9 3:1 60:4 100:5");
        assert_eq!(Committed::from_metadata(70, &metadata), Some(committed));
        for foreign in ["", "1", "1 2", "1 2 3", "2 3 9 3:1", "1 a 9 3:1", "1 3 9 3"] {
            assert_eq!(Committed::from_metadata(70, foreign), None, "{foreign}");
        }
    }

    #[test]
    fn the_offset_moves_only_when_every_output_has_every_stretch() {
        let mut feed = feed(Committed::beginning_at(10, 1));
        feed.read(14);
        let first = feed.close(BTreeMap::new(), BTreeMap::new(), To::All).unwrap();
        feed.read(19);
        let second = feed.close(BTreeMap::new(), BTreeMap::new(), To::All).unwrap();
        assert!(!feed.acknowledged(second.ticket));
        assert!(!feed.acknowledged(second.ticket));
        assert_eq!(feed.committed().offset, 10);
        assert!(!feed.acknowledged(first.ticket));
        assert!(feed.acknowledged(first.ticket));
        assert_eq!(feed.committed().offset, 20);
        assert!(feed.is_settled());
    }

    #[test]
    fn a_failed_delivery_goes_back_to_what_is_committed() {
        let mut feed = feed(Committed::beginning_at(10, 1));
        feed.read(14);
        let lost = feed.close(BTreeMap::new(), BTreeMap::new(), To::All).unwrap();
        assert_eq!(feed.fall_back(), 10);
        assert!(!feed.acknowledged(lost.ticket));
        feed.read(14);
        let again = feed.close(BTreeMap::new(), BTreeMap::new(), To::All).unwrap();
        assert_eq!(again.records[0].1.header.stretch, Stretch { from: 10, to: 15 });
    }

    #[test]
    fn no_stretch_spans_two_epochs() {
        let mut feed = feed(Committed::beginning_at(0, 1));
        feed.read(4);
        feed.begin_epoch(8, 2);
        assert!(!feed.must_close_before(7));
        feed.read(7);
        assert!(feed.must_close_before(8));
        let old = feed.close(BTreeMap::new(), BTreeMap::new(), To::All).unwrap();
        assert_eq!(old.records[0].1.header.epoch, 1);
        feed.read(8);
        let new = feed.close(BTreeMap::new(), BTreeMap::new(), To::All).unwrap();
        assert_eq!(new.records[0].1.header.epoch, 2);
        assert_eq!(new.records[0].1.header.stretch, Stretch { from: 8, to: 9 });
    }

    #[test]
    fn an_epoch_that_began_where_there_is_no_record_takes_the_hole() {
        // Offsets 5 to 9 hold no records; the epoch begins at 7.
        let mut feed = feed(Committed::beginning_at(0, 1));
        feed.read(4);
        let _old = feed.close(BTreeMap::new(), BTreeMap::new(), To::All).unwrap();
        feed.begin_epoch(7, 2);
        assert!(!feed.must_close_before(10), "nothing is being read");
        feed.read(10);
        let new = feed.close(BTreeMap::new(), BTreeMap::new(), To::All).unwrap();
        assert_eq!(new.records[0].1.header.epoch, 2);
        assert_eq!(new.records[0].1.header.stretch, Stretch { from: 5, to: 11 });
    }
}
