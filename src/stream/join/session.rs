//! One partition of the join log, worked off by the join stage, from one beginning to the next failure.
//!
//! What comes of a batch is sent and acknowledged; then the batch is kept in local files, with its position; then the
//! offset is committed. What is kept is where work begins again; below the committed offset everything was sent by
//! whoever had the partition then, so up to there the log is only run to have again what waits.

use std::collections::BTreeMap;
use std::mem;
use std::slice;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::About;
use super::batch::{Joined, Read, join, waits};
use super::keep::{AnyKeep, KeepError, KeptOf};
use super::output::Output;
use crate::batch::{Body, Content, Cursor, Keyed, Lane, Reached, Record};
use crate::intake::{Committed, Feed, Outputs, To};
use crate::join::{Join, KeptBatch, Working};
use crate::stream::clients::{PATIENCE, Quiet, whole};
use crate::stream::crash;
use crate::stream::error::StreamError;
use crate::stream::intake::{from_metadata, metadata};
use crate::stream::membership::Partition;
use crate::stream::read::{holds_nothing, is_passing};
use crate::stream::state_topic::{self, lane_in_ledgers};
use crate::stream::stop::Stop;
use crate::stream::topics::{describe, watermarks};
use crate::tally::JOINED;
use crate::telemetry::Stage;

/// A batch ends at so many predictions and targets...
const FULL: usize = 16_384;
/// ...or so many records.
const RECORDS: usize = 512;
/// A batch gathers records for so long: nobody waits for single targets, and every batch is a write.
const LINGER: Duration = Duration::from_millis(250);
/// How long to wait for a record where there is none.
const IDLE: Duration = Duration::from_millis(200);
/// Offsets are committed so often.
const COMMIT: Duration = Duration::from_secs(1);
/// How far it has come is told so often where nothing becomes known, and sooner where nothing more comes.
const TELL: Duration = Duration::from_secs(5);
const TELL_AT_REST: Duration = Duration::from_secs(1);
/// What is over is dropped so often, and how far the log goes is asked.
const TIDY: Duration = Duration::from_secs(5);

/// A partition that is ours.
pub(super) struct Session<'a> {
    about: &'a About,
    partition: Partition,
    stop: &'a Stop,
    reader: BaseConsumer<Quiet>,
    output: Output,
    feed: Feed,
    join: Join,
    keep: AnyKeep,
    /// The next offset to be read.
    next: i64,
    /// What was told of how far it has come with the lanes of the inputs, and when.
    told: BTreeMap<Lane, Cursor>,
    told_at: Duration,
    /// Where lanes were missing something, as was said.
    gaps: BTreeMap<Lane, i64>,
    committed_at: Duration,
    tidied_at: Duration,
    /// Whether there is something to commit.
    moved: bool,
}

impl<'a> Session<'a> {
    /// Takes the partition over, tells every output, and runs the log up to what was committed; `None` where it is told
    /// to stop meanwhile.
    pub(super) fn begin(
        about: &'a About,
        partition: i32,
        stop: &'a Stop,
    ) -> Result<Option<Self>, StreamError> {
        let clients = &about.clients;
        let topic = clients.kafka().topic("join");
        let described = describe(clients, slice::from_ref(&topic))?;
        let Some(described) = described.get(&topic) else {
            let hint = "it was there a moment ago: was it deleted?".to_owned();
            return Err(StreamError::NoTopic { topic, hint });
        };
        let lane = Lane { topic: described.id, partition };
        let reader = clients.patient_reader("join-reader", false)?;
        let (first, _) = watermarks(&reader, &topic, partition)?;
        let partition = (topic, partition);
        let found = find_commit(about, &partition, lane, first)?;
        if found.offset < first {
            let (topic, partition) = partition;
            return Err(StreamError::LogGone { topic, partition, from: found.offset, to: first });
        }
        let outputs = Outputs { tally: about.layout.tally, join: 0 };
        let policy = about.in_force.now().policy;
        let topic = partition.0.clone();
        let mut feed = Feed::take_over(lane, topic, described.partitions, outputs, policy, found);
        let commit = (partition.clone(), feed.position(), metadata(lane.topic, feed.committed()));
        about.membership.commit(&[commit], true)?;
        let output = Output::new(clients)?;
        let opening = feed.open();
        output.deliver(&mut feed, &opening)?;
        let (join, keep) = open(about, &reader, lane, first)?;
        let now = about.telemetry.clock().running();
        let mut session = Self {
            about,
            partition,
            stop,
            reader,
            output,
            next: join.position(),
            feed,
            join,
            keep,
            told: BTreeMap::new(),
            told_at: now,
            gaps: BTreeMap::new(),
            committed_at: now,
            tidied_at: now,
            moved: false,
        };
        session.read_from(session.next)?;
        session.catch_up()?;
        if stop.is_set() {
            return Ok(None);
        }
        let (offset, waiting) = (session.next, session.keep.rows());
        tracing::info!(
            partition = session.partition.1,
            offset,
            waiting,
            "the join has the partition"
        );
        about.telemetry.join_ready(session.partition.1);
        Ok(Some(session))
    }

    fn read_from(&self, offset: i64) -> Result<(), StreamError> {
        let (topic, partition) = &self.partition;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, *partition, Offset::Offset(offset))
            .and_then(|()| self.reader.assign(&list))
            .map_err(StreamError::cluster(format!("read {topic}/{partition}")))
    }

    /// Runs the log up to the committed offset: what comes of it was sent.
    fn catch_up(&mut self) -> Result<(), StreamError> {
        let committed = self.feed.committed().offset;
        let from = self.next;
        let mut told = self.now();
        while self.next < committed && !self.stop.is_set() {
            let records = self.read(committed)?;
            if records.is_empty() {
                if holds_nothing(&self.reader, &self.partition, self.next, committed)? {
                    self.next = committed;
                }
                continue;
            }
            let Joined { working, .. } = self.join(records)?;
            self.keep(&working)?;
            if self.now().saturating_sub(told) >= Duration::from_secs(1) {
                told = self.now();
                let done = self.next - from;
                let reason =
                    format!("what waits is made again: {done} of {} records", committed - from);
                self.about.telemetry.join_waits(self.partition.1, &reason);
            }
        }
        self.feed.skip_to(self.next);
        Ok(())
    }

    /// Works until it is told to stop.
    pub(super) fn work(&mut self) -> Result<(), StreamError> {
        while !self.stop.is_set() {
            let records = self.read(i64::MAX)?;
            let is_at_rest = records.is_empty();
            if !is_at_rest {
                let joined = self.join(records)?;
                self.feed.skip_to(self.next);
                if !joined.content.is_empty() {
                    self.send(joined.content, To::Concerned)?;
                    crash::point(crash::JOIN_ACKNOWLEDGED);
                }
                self.keep(&joined.working)?;
            }
            let now = self.now();
            // Where nothing more comes nothing more will tell it.
            let is_last = is_at_rest && self.untold().next().is_some();
            if now.saturating_sub(self.told_at) >= if is_last { TELL_AT_REST } else { TELL } {
                self.send(BTreeMap::new(), To::Concerned)?;
            }
            if self.moved && now.saturating_sub(self.committed_at) >= COMMIT {
                self.committed_at = now;
                self.send(BTreeMap::new(), To::All)?;
                self.commit(false)?;
            }
            if now.saturating_sub(self.tidied_at) >= TIDY {
                self.tidied_at = now;
                self.tidy()?;
            }
        }
        self.send(BTreeMap::new(), To::All)?;
        self.commit(true)
    }

    /// How far it has come with lanes of the inputs since that was told.
    fn untold(&self) -> impl Iterator<Item = Reached> {
        self.join.reached_lanes().filter(|at| self.told.get(&at.lane) != Some(&at.cursor))
    }

    fn now(&self) -> Duration {
        self.about.telemetry.clock().running()
    }

    /// Reads what is there below `to`, up to a batch's worth.
    fn read(&mut self, to: i64) -> Result<Vec<Read>, StreamError> {
        let mut records: Vec<Read> = Vec::new();
        let mut rows = 0;
        let mut until: Option<Duration> = None;
        while rows < FULL && records.len() < RECORDS && self.next < to {
            let now = self.now();
            let wait = match until {
                None => IDLE,
                // When we stop, what is there is enough.
                Some(_) if self.stop.is_set() => Duration::ZERO,
                Some(until) => until.saturating_sub(now).min(IDLE),
            };
            let message = match self.reader.poll(whole(wait)) {
                None if until.is_some_and(|until| now < until) && !self.stop.is_set() => continue,
                None => break,
                Some(Err(error)) if is_passing(&error) => break,
                Some(Err(error)) => {
                    let (topic, partition) = &self.partition;
                    return Err(StreamError::cluster(format!("read {topic}/{partition}"))(error));
                }
                Some(Ok(message)) => message,
            };
            until.get_or_insert(now + LINGER);
            let offset = message.offset();
            if offset < self.next {
                continue;
            }
            let partition = self.partition.1;
            let record: Record<Keyed> =
                Record::from_bytes(message.payload().unwrap_or_default()).map_err(|source| {
                    StreamError::Wire { log: "join", partition, offset, source }
                })?;
            if let Body::Rows(keyed) = &record.body {
                rows += 16 + keyed.predictions.len() + keyed.targets.len();
            }
            let epoch = record.header.epoch;
            let known = |about: &About| about.in_force.now().epochs.epochs.contains_key(&epoch);
            if !known(self.about) && !self.about.in_force.wait_for(epoch, Duration::from_secs(10)) {
                let what =
                    format!("join log partition {partition}: epoch {epoch} is not known yet");
                return Err(StreamError::Behind { what });
            }
            let appended = message.timestamp().to_millis().unwrap_or(0);
            records.push(Read { offset, appended, record });
            self.next = offset + 1;
        }
        Ok(records)
    }

    fn join(&mut self, records: Vec<Read>) -> Result<Joined, StreamError> {
        let before = self.join.counts();
        let epochs = self.about.in_force.now().epochs;
        let joined = join(&mut self.join, &mut *self.keep, records, &epochs, &self.feed)
            .map_err(|error| self.not_kept(error))?;
        self.about.telemetry.joined(before, self.join.counts());
        for (lane, &missing) in &joined.gaps {
            if self.gaps.insert(*lane, missing) != Some(missing) {
                tracing::warn!(
                    join = self.partition.1,
                    topic = self.join.topic(*lane),
                    partition = lane.partition,
                    missing,
                    "records of a lane are left out until their sender comes back to what is missing before them"
                );
            }
        }
        Ok(joined)
    }

    /// Sends what became known since the last time, and how far it has come, and waits until those have it that it goes to.
    fn send(&mut self, mut content: BTreeMap<u32, Content>, to: To) -> Result<(), StreamError> {
        self.told_at = self.now();
        let untold: Vec<Reached> = self.untold().collect();
        if !untold.is_empty() {
            content.entry(self.feed.output(None)).or_default().reached.clone_from(&untold);
        }
        self.feed.set_policy(self.about.in_force.now().policy);
        if let Some(sending) = self.feed.close(content, BTreeMap::new(), to) {
            self.output.deliver(&mut self.feed, &sending)?;
            self.moved = true;
            self.told.extend(untold.into_iter().map(|at| (at.lane, at.cursor)));
        }
        Ok(())
    }

    /// Keeps a batch.
    fn keep(&mut self, writes: &Working) -> Result<(), StreamError> {
        let epochs = self.about.in_force.now().epochs;
        let waits = waits(&epochs, self.join.epoch());
        let head = self.join.to_bytes();
        let batch = KeptBatch {
            writes,
            over_at: &|known| self.join.over_at(known, &waits),
            head: &head,
            position: self.next,
            time: self.join.time(),
        };
        let partition = self.partition.1;
        self.keep.put(&batch).map_err(|source| StreamError::Kept { partition, source })
    }

    fn not_kept(&self, source: KeepError) -> StreamError {
        StreamError::Kept { partition: self.partition.1, source }
    }

    fn commit(&mut self, wait: bool) -> Result<(), StreamError> {
        if !mem::take(&mut self.moved) {
            return Ok(());
        }
        crash::point(crash::JOIN_KEPT);
        let committed = self.feed.committed();
        let metadata = metadata(self.feed.lane().topic, committed);
        let commit = (self.partition.clone(), committed.offset, metadata);
        match self.about.membership.commit(&[commit], wait) {
            // Another has the partition: what we send is not heard any more.
            Err(error @ StreamError::Fenced { .. }) if !self.stop.is_set() => Err(error),
            // What is not committed is sent again and dropped by whoever has seen it.
            Err(_) => {
                self.moved = true;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Drops what is over, and says how much waits and how far behind the log's end we are.
    fn tidy(&mut self) -> Result<(), StreamError> {
        let epochs = self.about.in_force.now().epochs;
        if let Some(before) = self.join.over_until(&waits(&epochs, self.join.epoch())) {
            self.keep.forget(before).map_err(|error| self.not_kept(error))?;
        }
        let (topic, partition) = &self.partition;
        self.about.telemetry.pending(*partition, self.keep.rows());
        if let Ok((_, next)) = watermarks(&self.reader, topic, *partition) {
            self.about.telemetry.lag(Stage::Join, topic, *partition, next - self.next);
        }
        Ok(())
    }
}

/// What is kept of the partition; nothing where that cannot be used, or the log has lost what would have to follow.
fn open(
    about: &About,
    reader: &BaseConsumer<Quiet>,
    lane: Lane,
    first: i64,
) -> Result<(Join, AnyKeep), StreamError> {
    let partition = lane.partition;
    let of = KeptOf {
        cluster: reader.client().fetch_cluster_id(PATIENCE).unwrap_or_default(),
        namespace: about.clients.kafka().namespace.clone(),
        topic: lane.topic,
        partition,
    };
    let open = || (about.make_keep)(&of).map_err(|source| StreamError::Kept { partition, source });
    let mut kept = open()?;
    if let Some(why) = kept.unusable {
        tracing::warn!(
            partition,
            why,
            "what was kept cannot be used; it is made again from the log"
        );
    }
    let known = kept.state.and_then(|(_, head)| Join::from_bytes(&head));
    if let Some(join) = known.filter(|join| join.position() >= first) {
        return Ok((join, kept.keep));
    }
    kept.keep.clear().map_err(|source| StreamError::Kept { partition, source })?;
    Ok((Join::from_log(first), kept.keep))
}

/// What the group, or failing that tally's ledgers, or failing that nobody knows of the partition.
fn find_commit(
    about: &About,
    partition: &Partition,
    lane: Lane,
    first: i64,
) -> Result<Committed, StreamError> {
    let found = about.membership.committed(slice::from_ref(partition))?;
    if let Some((offset, metadata)) = found.into_iter().next().flatten()
        && let Some(committed) = from_metadata(lane.topic, offset, &metadata)
    {
        return Ok(committed);
    }
    let ledgers = state_topic::ledgers(&about.clients, about.layout.tally)?;
    let outputs = Outputs { tally: about.layout.tally, join: 0 };
    Ok(lane_in_ledgers(&ledgers, outputs, &partition.0, lane)
        .unwrap_or_else(|| Committed::beginning_at(first, JOINED)))
}
