//! Drives the intake stage over Kafka: the lanes that the group gives us, read into the tally log and the join log.
//!
//! One thread takes lanes over, reads them, closes stretches, sends them, and commits what every output has
//! acknowledged. It needs no transaction: what is sent twice has been seen, and does no harm.

mod lane;
mod outbox;

use std::collections::BTreeMap;
use std::mem;
use std::slice;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use self::lane::{Books, OpenLane, from_lane_metadata, lane_metadata};
pub(super) use self::lane::{from_metadata, metadata};
use self::outbox::Outbox;
use crate::batch::{Heartbeat, Lane};
use crate::intake::{Committed, Feed, Outputs, To};
use crate::settings::{Settings, Start};
use crate::stream::acks::{Ack, Purpose};
use crate::stream::clients::{Clients, PATIENCE, Quiet};
use crate::stream::control::{self, InForce};
use crate::stream::crash;
use crate::stream::error::{Disposition, StreamError, chain};
use crate::stream::expressions::ExpressionMaker;
use crate::stream::membership::{Change, Membership, Partition};
use crate::stream::native::BatchConsumer;
use crate::stream::pulse::{Pulse, Question};
use crate::stream::read::{client_position, is_passing};
use crate::stream::state_topic::{self, lane_in_ledgers};
use crate::stream::stop::Stop;
use crate::stream::topics::{Layout, describe, watermarks};
use crate::tally::Ledger;
use crate::telemetry::{Stage, Telemetry};

/// A stretch is closed at so many records...
const FULL: usize = 4096;
/// So many are taken from the client at once.
const BATCH: usize = 1024;
/// ...or when so much time has passed since its first.
const LINGER: Duration = Duration::from_millis(250);
/// Outputs that stretches hold nothing for hear of them so often: there are many, and most have to do with few models.
const TELL_ALL: Duration = Duration::from_secs(1);
/// How long to wait for a record where there is none.
const IDLE: Duration = Duration::from_millis(20);
/// Offsets are committed so often.
const COMMIT: Duration = Duration::from_secs(1);
/// Heartbeats are sent so often.
const BEAT: Duration = Duration::from_secs(1);
/// To the join log, which is kept for long, at most so often; and the sooner the shorter predictions wait.
const JOIN_BEAT: Duration = Duration::from_mins(1);
const JOIN_BEATS_A_WAIT: u32 = 100;
/// The client forgets within this where it stood in a partition that is read from elsewhere; it takes no millisecond.
const FORGETS_WITHIN: Duration = Duration::from_secs(10);
/// What failed is tried again after so long.
const RETRY: Duration = Duration::from_secs(1);
/// Whether an operator has given up what is gone of a stopped lane is looked after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// At most so many stretches of all lanes are under way, or so many for each lane: beyond it nothing more is read.
const UNDER_WAY: usize = 48;
const UNDER_WAY_A_LANE: usize = 4;
/// How long what is under way may take to end when we stop.
const DRAIN: Duration = Duration::from_secs(10);

/// The intake of one instance.
pub(super) struct Intake {
    clients: Clients,
    books: Books,
    stop: Stop,
    membership: Membership,
    changes: Receiver<Change>,
    reader: BatchConsumer<Quiet>,
    outbox: Outbox,
    pulse: Pulse,
    /// Partitions that are ours and not open yet, and when to try.
    waiting: Vec<(Partition, Duration)>,
    lanes: Vec<OpenLane>,
    next_lane: u64,
    /// The lane of the last record: neighbours mostly share one.
    last: usize,
    committed_at: Duration,
    beat_at: Duration,
    /// Topics that targets come by.
    truths: Vec<String>,
    /// How often the join log hears of a lane with targets, and when it did.
    join_beat: Duration,
    join_beat_at: Duration,
}

impl Intake {
    pub(super) fn new(
        clients: &Clients,
        settings: &Settings,
        layout: Layout,
        in_force: &InForce,
        expressions: ExpressionMaker,
        telemetry: &Telemetry,
        stop: &Stop,
    ) -> Result<Self, StreamError> {
        let topics: Vec<String> =
            settings.read_topics().into_iter().map(|(topic, _)| topic).collect();
        let truths = settings.models.values().filter_map(|model| model.ground_truth.as_ref());
        let truths = truths.flat_map(|truth| truth.topics.iter().flatten()).cloned().collect();
        let waits =
            settings.models.values().filter_map(|model| Some(model.ground_truth.as_ref()?.wait));
        let join_beat = waits.min().map_or(JOIN_BEAT, |wait| wait / JOIN_BEATS_A_WAIT);
        let (membership, changes) = Membership::join(clients, "intake", &topics)?;
        let books = Books {
            in_force: in_force.clone(),
            expressions,
            outputs: Outputs { tally: layout.tally, join: layout.join },
            ids: control::id_hash(clients.kafka()),
            telemetry: telemetry.clone(),
        };
        Ok(Self {
            clients: clients.clone(),
            books,
            stop: stop.clone(),
            membership,
            changes,
            reader: BatchConsumer::new(clients.reader("intake-reader", true)?, BATCH),
            outbox: Outbox::new(clients)?,
            pulse: Pulse::start(clients)?,
            waiting: Vec::new(),
            lanes: Vec::new(),
            next_lane: 0,
            last: 0,
            committed_at: Duration::ZERO,
            beat_at: Duration::ZERO,
            truths,
            join_beat: join_beat.clamp(BEAT, JOIN_BEAT),
            join_beat_at: Duration::ZERO,
        })
    }

    /// Runs until it is told to stop; then what was read is sent, acknowledged and committed.
    pub(super) fn run(mut self) -> Result<(), StreamError> {
        while !self.stop.is_set() {
            self.take_changes();
            self.open_waiting();
            self.take_acks()?;
            self.enter_epochs();
            let most = UNDER_WAY.max(UNDER_WAY_A_LANE * self.lanes.len());
            let read = if self.under_way() < most {
                self.read()?
            } else {
                // Not reading holds back whoever sends: the queue in front of us is bounded.
                if let Some(ack) = self.outbox.wait(IDLE) {
                    self.take_ack(ack)?;
                }
                0
            };
            self.close_due(read == 0)?;
            self.beat()?;
            self.commit_due();
        }
        self.drain()
    }

    fn now(&self) -> Duration {
        self.books.telemetry.clock().running()
    }

    fn under_way(&self) -> usize {
        self.lanes.iter().map(|lane| lane.feed.in_flight()).sum()
    }

    // === Which lanes are ours

    fn take_changes(&mut self) {
        while let Ok(change) = self.changes.try_recv() {
            match change {
                Change::Assigned(partitions) => {
                    let now = self.now();
                    self.waiting.extend(partitions.into_iter().map(|partition| (partition, now)));
                }
                Change::Revoked(partitions, done) => {
                    self.give_back(&partitions);
                    drop(done);
                }
            }
        }
    }

    /// Ends work on partitions: what is acknowledged is committed, the rest is the next owner's.
    fn give_back(&mut self, partitions: &[Partition]) {
        self.commit_now(true);
        self.waiting.retain(|(partition, _)| !partitions.contains(partition));
        let (given, kept): (Vec<OpenLane>, Vec<OpenLane>) = mem::take(&mut self.lanes)
            .into_iter()
            .partition(|lane| partitions.contains(&lane.partition));
        self.lanes = kept;
        self.last = 0;
        self.books.telemetry.lanes(self.lanes.len());
        for (topic, partition) in partitions {
            self.books.telemetry.lane_released(topic, *partition);
        }
        for lane in given.iter().filter(|lane| lane.reading) {
            if let Err(error) = place(self.reader.consumer(), &lane.partition, None) {
                tracing::debug!(error = chain(&error), "a lane is no more read");
            }
        }
    }

    fn open_waiting(&mut self) {
        let now = self.now();
        let (due, later): (Vec<_>, Vec<_>) =
            mem::take(&mut self.waiting).into_iter().partition(|&(_, at)| at <= now);
        self.waiting = later;
        // Read once for all lanes that nobody has committed yet.
        let mut ledgers = None;
        for (partition, _) in due {
            let Err(error) = self.open_lane(&partition, &mut ledgers) else { continue };
            let (topic, number, text) = (&partition.0, partition.1, chain(&error));
            match error.disposition() {
                Disposition::Retry => {
                    tracing::warn!(
                        topic,
                        partition = number,
                        error = text,
                        "taking a lane over; trying again"
                    );
                    self.waiting.push((partition, now + RETRY));
                }
                Disposition::GiveUp => {
                    tracing::info!(topic, partition = number, "the lane went to another instance");
                }
                Disposition::Stop => {
                    tracing::error!(topic, partition = number, error = text, "the lane is stopped");
                    self.books.telemetry.lane_stopped(topic, number);
                    // An operator may give up what is gone.
                    if matches!(error, StreamError::Gone { .. }) {
                        self.waiting.push((partition, now + LOOK_AGAIN));
                    }
                }
            }
        }
    }

    /// Takes a lane over: raises the number of its owner, and tells every output.
    fn open_lane(
        &mut self,
        partition: &Partition,
        ledgers: &mut Option<BTreeMap<u32, Ledger>>,
    ) -> Result<(), StreamError> {
        let (topic, number) = partition;
        let described = describe(&self.clients, slice::from_ref(topic))?;
        let Some(described) = described.get(topic) else {
            return Err(StreamError::NoTopic {
                topic: topic.clone(),
                hint: "it was there a moment ago: was it deleted?".to_owned(),
            });
        };
        let lane = Lane { topic: described.id, partition: *number };
        let (first, _) = watermarks(self.reader.consumer(), topic, *number)?;
        let (found, of) =
            self.find_commit(partition, lane, described.partitions, first, ledgers)?;
        let lost = self.books.in_force.now().lost.get(&lane).copied();
        let lost = lost.filter(|&to| found.offset < to);
        if found.offset < first && lost.is_none_or(|to| to < first) {
            let (from, to) = (found.offset, first);
            return Err(StreamError::Gone { topic: topic.clone(), partition: *number, from, to });
        }
        let policy = self.books.in_force.now().policy;
        let outputs = self.books.outputs;
        let mut feed =
            Feed::take_over(lane, topic.clone(), described.partitions, outputs, policy, found);
        let commit =
            (partition.clone(), feed.position(), lane_metadata(of, lane.topic, feed.committed()));
        self.membership.commit(&[commit], true)?;
        crash::point(crash::INTAKE_OWNER_COMMITTED);
        tracing::info!(topic, partition = number, offset = feed.position(), "lane taken over");
        self.next_lane += 1;
        let opening = feed.open();
        let has_truth = self.truths.contains(topic);
        let mut open =
            OpenLane::new(self.next_lane, partition.clone(), of, feed, outputs, has_truth);
        open.lost = lost;
        self.outbox.stretch(open.number, open.turn, &opening)?;
        self.lanes.push(open);
        self.books.telemetry.lane_released(topic, *number);
        self.books.telemetry.lanes(self.lanes.len());
        Ok(())
    }

    /// What the group, or failing that tally's ledgers, or failing that nobody knows of a lane; and how many partitions
    /// its topic had when it began.
    fn find_commit(
        &self,
        partition: &Partition,
        lane: Lane,
        partitions: i32,
        first: i64,
        ledgers: &mut Option<BTreeMap<u32, Ledger>>,
    ) -> Result<(Committed, i32), StreamError> {
        let (topic, number) = partition;
        let ours = |found: Option<(i64, String)>| {
            let (at, metadata) = found?;
            from_lane_metadata(lane.topic, at, &metadata)
        };
        let found = self.membership.committed(slice::from_ref(partition))?;
        if let Some(found) = found.into_iter().next().and_then(ours) {
            return Ok(found);
        }
        let ledgers = match ledgers {
            Some(known) => known,
            None => ledgers.insert(state_topic::ledgers(&self.clients, self.books.outputs.tally)?),
        };
        let join_log = self.clients.kafka().topic("join");
        if let Some(committed) = lane_in_ledgers(ledgers, self.books.outputs, &join_log, lane) {
            let offset = committed.offset;
            tracing::warn!(
                topic,
                partition = number,
                offset,
                "the group lost the lane's offset; the ledgers know it"
            );
            return Ok((committed, partitions));
        }
        // Where other lanes of the topic began when it had fewer partitions, this one was added since: whatever it
        // holds was sent to us.
        let others: Vec<Partition> = (0..*number).map(|other| (topic.clone(), other)).collect();
        let mut others = self.membership.committed(&others)?.into_iter().filter_map(ours);
        let mut before = ledgers.values().flat_map(|ledger| &ledger.lanes);
        let added = others.any(|(_, of)| of <= *number)
            || before.any(|(its, state)| its.topic == lane.topic && state.partitions <= *number);
        let beginning = if added { first } else { self.beginning(partition, first)? };
        Ok((Committed::beginning_at(beginning, self.books.in_force.now().epoch), partitions))
    }

    /// Where a lane begins that nobody knows.
    fn beginning(&self, (topic, partition): &Partition, first: i64) -> Result<i64, StreamError> {
        let next = || Ok(watermarks(self.reader.consumer(), topic, *partition)?.1);
        let time = match self.clients.kafka().topics.start {
            Start::Earliest => return Ok(first),
            Start::Latest => return next(),
            Start::At(time) => time,
        };
        let what = || format!("find the first record of {topic}/{partition} at {time}");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, *partition, Offset::Offset(time.as_millisecond()))
            .map_err(StreamError::cluster(what()))?;
        let found = self
            .reader
            .consumer()
            .offsets_for_times(list, PATIENCE)
            .map_err(StreamError::cluster(what()))?;
        match found.find_partition(topic, *partition).map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => Ok(offset),
            _ => next(),
        }
    }

    // === Reading and sending

    /// Reads what is there, up to a stretch's worth; how many records that was.
    fn read(&mut self) -> Result<usize, StreamError> {
        let now = self.now();
        let Self { reader, lanes, last, books, outbox, .. } = self;
        let (mut read, mut events) = (0, 0);
        let mut failed = None;
        while read < FULL && failed.is_none() {
            let wait = if read == 0 { IDLE } else { Duration::ZERO };
            let found = reader.each(wait, |message| {
                let message = match message {
                    Ok(message) => message,
                    Err(error) if is_passing(&error) => return Ok(()),
                    Err(error) => {
                        failed = Some(error);
                        return Ok(());
                    }
                };
                events += 1;
                let (topic, partition) = (message.topic(), message.partition());
                let is =
                    |lane: &OpenLane| lane.partition.1 == partition && lane.partition.0 == topic;
                if !lanes.get(*last).is_some_and(is) {
                    match lanes.iter().position(is) {
                        Some(found) => *last = found,
                        // It was given back a moment ago.
                        None => return Ok(()),
                    }
                }
                let lane = &mut lanes[*last];
                if lane.reading { lane.read(&message, now, books, outbox) } else { Ok(()) }
            })?;
            read += found;
            if found == 0 {
                break;
            }
        }
        books.telemetry.events(events);
        match failed {
            Some(error) => self.read_failed(&error).map(|()| read),
            None => Ok(read),
        }
    }

    /// A hole is an error and not a guess: the lane that has it is stopped and named.
    fn read_failed(&mut self, error: &KafkaError) -> Result<(), StreamError> {
        let out_of_range = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset)
        );
        if !out_of_range {
            tracing::warn!(%error, "reading events; going on");
            return Ok(());
        }
        let mut gone = Vec::new();
        for lane in self.lanes.iter().filter(|lane| lane.reading) {
            let (topic, partition) = &lane.partition;
            let (first, next) = watermarks(self.reader.consumer(), topic, *partition)?;
            let position = lane.feed.position();
            if !(first..=next).contains(&position) {
                let (from, to) = (position, first);
                gone.push(StreamError::Gone {
                    topic: topic.clone(),
                    partition: *partition,
                    from,
                    to,
                });
            }
        }
        for error in gone {
            tracing::error!(error = chain(&error), "the lane is stopped");
            if let StreamError::Gone { topic, partition, .. } = error {
                self.books.telemetry.lane_stopped(&topic, partition);
                let partition = (topic, partition);
                place(self.reader.consumer(), &partition, None)?;
                self.lanes.retain(|lane| lane.partition != partition);
                self.waiting.push((partition, self.now() + LOOK_AGAIN));
                self.books.telemetry.lanes(self.lanes.len());
                self.last = 0;
            }
        }
        Ok(())
    }

    /// Closes stretches that are full or old; all of them where nothing more is there to be read.
    fn close_due(&mut self, idle: bool) -> Result<(), StreamError> {
        let now = self.now();
        let Self { lanes, books, outbox, .. } = self;
        for lane in lanes {
            let full = idle || lane.feed.unsent() >= FULL;
            let due = lane.began.map(|began| full || now.saturating_sub(began) >= LINGER);
            let tell_all = now.saturating_sub(lane.told_all_at) >= TELL_ALL;
            // Between two stretches those that lag are told nevertheless.
            if tell_all && due.unwrap_or(lane.feed.lags()) {
                lane.told_all_at = now;
                lane.close(To::All, books, outbox)?;
            } else if due == Some(true) {
                lane.close(To::Concerned, books, outbox)?;
            }
        }
        Ok(())
    }

    fn take_acks(&mut self) -> Result<(), StreamError> {
        let acks: Vec<Ack> = self.outbox.acks().collect();
        for ack in acks {
            self.take_ack(ack)?;
        }
        Ok(())
    }

    fn take_ack(&mut self, Ack { ticket, appended }: Ack) -> Result<(), StreamError> {
        let found = |lane: &OpenLane| lane.number == ticket.lane && lane.turn == ticket.turn;
        let Some(index) = self.lanes.iter().position(found) else { return Ok(()) };
        match (appended, ticket.purpose) {
            (Ok(appended), Purpose::Heartbeat(output)) => {
                if let Some(beat) = self.lanes[index].beats.get_mut(output as usize) {
                    *beat = appended;
                }
                Ok(())
            }
            (Ok(appended), Purpose::JoinHeartbeat(output)) => {
                let beats = self.lanes[index].join_beats.as_mut();
                if let Some(beat) = beats.and_then(|beats| beats.get_mut(output as usize)) {
                    *beat = appended;
                }
                Ok(())
            }
            // The next one will do.
            (Err(_), Purpose::Heartbeat(_) | Purpose::JoinHeartbeat(_)) => Ok(()),
            (Ok(_), Purpose::Stretch(stretch)) => {
                let lane = &mut self.lanes[index];
                lane.moved |= lane.feed.acknowledged(stretch);
                lane.go_on(&self.outbox)?;
                if !lane.reading && lane.feed.is_settled() {
                    lane.reading = true;
                    lane.give_up(&self.outbox)?;
                    let position = lane.feed.position();
                    place(self.reader.consumer(), &lane.partition, Some(position))?;
                }
                Ok(())
            }
            (Err(error), Purpose::Stretch(_)) => {
                tracing::warn!(%error, "a delivery failed; what is not acknowledged is sent again");
                self.fall_back(index)
            }
        }
    }

    /// Sends again, from what is committed; all lanes where the producer is broken.
    fn fall_back(&mut self, index: usize) -> Result<(), StreamError> {
        let all = self.outbox.is_broken();
        if all {
            self.outbox.renew()?;
        }
        let Self { lanes, outbox, reader, .. } = self;
        for (number, lane) in lanes.iter_mut().enumerate() {
            if !all && number != index {
                continue;
            }
            lane.fall_back();
            if lane.reading {
                lane.give_up(outbox)?;
                let position = lane.feed.position();
                place(reader.consumer(), &lane.partition, Some(position))?;
            } else {
                let opening = lane.feed.open();
                outbox.stretch(lane.number, lane.turn, &opening)?;
            }
        }
        Ok(())
    }

    /// Begins newer epochs in every lane that does not know them yet: at an offset that is committed first.
    fn enter_epochs(&mut self) {
        let now = self.books.in_force.now();
        for lane in self.lanes.iter_mut().filter(|lane| lane.reading) {
            lane.feed.set_policy(now.policy);
            if lane.feed.newest_epoch() >= now.epoch {
                continue;
            }
            let (topic, partition) = &lane.partition;
            let next = match watermarks(self.reader.consumer(), topic, *partition) {
                Ok((_, next)) => next,
                Err(error) => {
                    tracing::warn!(
                        error = chain(&error),
                        "an epoch cannot begin yet; trying again"
                    );
                    return;
                }
            };
            tracing::info!(topic, partition, epoch = now.epoch, offset = next, "epoch begins");
            lane.feed.begin_epoch(next, now.epoch);
            lane.held = true;
        }
        for lane in self.lanes.iter_mut().filter(|lane| lane.held) {
            let commit = (lane.partition.clone(), lane.feed.committed().offset, lane.metadata());
            match self.membership.commit(&[commit], true) {
                Ok(()) => {
                    lane.held = false;
                    hold(self.reader.consumer(), &lane.partition, false);
                }
                Err(error) => {
                    // Whether it was committed is not known: nothing is read until it is.
                    tracing::warn!(
                        error = chain(&error),
                        "an epoch cannot begin yet; trying again"
                    );
                    hold(self.reader.consumer(), &lane.partition, true);
                }
            }
        }
    }

    // === Signs of life, and what is committed

    fn beat(&mut self) -> Result<(), StreamError> {
        let now = self.now();
        if now.saturating_sub(self.beat_at) >= BEAT {
            self.beat_at = now;
            let joins = now.saturating_sub(self.join_beat_at) >= self.join_beat;
            if joins {
                self.join_beat_at = now;
            }
            let questions = self.lanes.iter().filter(|lane| lane.reading).map(|lane| Question {
                lane: lane.number,
                partition: lane.partition.clone(),
                beats: lane.beats.clone(),
                join_beats: lane.join_beats.clone().filter(|_| joins),
            });
            self.pulse.ask(questions.collect());
        }
        for answer in self.pulse.answers() {
            let number = answer.question.lane;
            let Some(lane) = self.lanes.iter_mut().find(|lane| lane.number == number) else {
                continue;
            };
            let (topic, partition) = &lane.partition;
            let lag = answer.high_watermark - lane.feed.position();
            self.books.telemetry.lag(Stage::Intake, topic, *partition, lag);
            // Offsets at the end that hold no record (transaction markers) are passed by the client without a word.
            let position = client_position(self.reader.consumer(), &lane.partition);
            if let Some(position) = position.filter(|_| lane.began.is_none() && !lane.held) {
                lane.feed.skip_to(position);
                lane.close(To::All, &self.books, &self.outbox)?;
            }
            for (output, &reached) in answer.question.beats.iter().enumerate() {
                let heartbeat = Heartbeat { high_watermark: answer.high_watermark, reached };
                let output = u32::try_from(output).unwrap_or(u32::MAX);
                let record = lane.feed.heartbeat(heartbeat);
                self.outbox.heartbeat(lane.number, lane.turn, output, &record)?;
            }
            for (output, &reached) in answer.question.join_beats.iter().flatten().enumerate() {
                let heartbeat = Heartbeat { high_watermark: answer.high_watermark, reached };
                let output = u32::try_from(output).unwrap_or(u32::MAX);
                let record = lane.feed.heartbeat(heartbeat);
                self.outbox.join_heartbeat(lane.number, lane.turn, output, &record)?;
            }
        }
        Ok(())
    }

    fn commit_due(&mut self) {
        let now = self.now();
        if now.saturating_sub(self.committed_at) >= COMMIT {
            self.committed_at = now;
            self.commit_now(false);
        }
    }

    fn commit_now(&mut self, wait: bool) {
        let moved: Vec<_> = self
            .lanes
            .iter()
            .filter(|lane| lane.moved)
            .map(|lane| (lane.partition.clone(), lane.feed.committed().offset, lane.metadata()))
            .collect();
        if moved.is_empty() {
            return;
        }
        crash::point(crash::INTAKE_BEFORE_COMMIT);
        match self.membership.commit(&moved, wait) {
            Ok(()) => {
                for lane in &mut self.lanes {
                    lane.moved = false;
                }
            }
            // What is not committed is sent again and dropped by whoever has seen it.
            Err(error) => tracing::debug!(error = chain(&error), "offsets are not committed yet"),
        }
    }

    fn drain(&mut self) -> Result<(), StreamError> {
        let began = self.now();
        for lane in &mut self.lanes {
            lane.close(To::All, &self.books, &self.outbox)?;
        }
        self.outbox.flush(DRAIN);
        while self.under_way() > 0 && self.now().saturating_sub(began) < DRAIN {
            if let Some(ack) = self.outbox.wait(IDLE) {
                self.take_ack(ack)?;
            }
        }
        self.commit_now(true);
        Ok(())
    }
}

/// Has a partition read from an offset, or no more.
fn place(
    reader: &BaseConsumer<Quiet>,
    of: &Partition,
    offset: Option<i64>,
) -> Result<(), StreamError> {
    let (topic, partition) = of;
    let what = format!("read {topic}/{partition}");
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, *partition);
    let assigned = reader.assignment().map_err(StreamError::cluster(what.clone()))?;
    if assigned.find_partition(topic, *partition).is_some() {
        reader.incremental_unassign(&list).map_err(StreamError::cluster(what.clone()))?;
    }
    let Some(offset) = offset else { return Ok(()) };
    list.set_partition_offset(topic, *partition, Offset::Offset(offset))
        .and_then(|()| reader.incremental_assign(&list))
        .map_err(StreamError::cluster(what.clone()))?;
    // Where it stood before is forgotten by another thread of the client's. Until then its position would lead us over
    // what is to be read again; from then on it has none before it gives a record out, which is for us to ask.
    for _ in 0..FORGETS_WITHIN.as_millis() {
        if client_position(reader, of).is_none() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1));
    }
    let slow = KafkaError::Seek("the client still stands where it stood".to_owned());
    Err(StreamError::cluster(what)(slow))
}

/// Has a partition not read for a while, or read again.
fn hold(reader: &BaseConsumer<Quiet>, (topic, partition): &Partition, hold: bool) {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, *partition);
    let done = if hold { reader.pause(&list) } else { reader.resume(&list) };
    if let Err(error) = done {
        tracing::debug!(%error, "a lane cannot be held");
    }
}
