//! Drives the intake stage over Kafka: the lanes that the group gives us, read into the tally log and the join log.
//!
//! One thread takes lanes over, reads them, closes stretches, sends them, and commits what every output has
//! acknowledged. It needs no transaction: what is sent twice has been seen, and does no harm.

mod lane;
mod outbox;
mod place;
mod take_over;

use std::mem;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;

use self::lane::{Books, Doubt, OpenLane};
pub(super) use self::lane::{from_metadata, metadata};
use self::outbox::Outbox;
use self::place::{hold, place};
use crate::batch::Heartbeat;
use crate::intake::{Outputs, To};
use crate::settings::Settings;
use crate::stream::acks::{Ack, Purpose};
use crate::stream::clients::{Clients, Quiet};
use crate::stream::control::{self, InForce};
use crate::stream::crash;
use crate::stream::error::{Disposition, StreamError, chain};
use crate::stream::expressions::ExpressionMaker;
use crate::stream::membership::{Change, Membership, Partition};
use crate::stream::native::{BatchConsumer, Trouble};
use crate::stream::pulse::{Pulse, Question};
use crate::stream::read::{client_position, is_passing};
use crate::stream::stop::Stop;
use crate::stream::topics::{Layout, watermarks};
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
/// What failed is tried again after so long.
const RETRY: Duration = Duration::from_secs(1);
/// Whether an operator has given up what is gone of a stopped lane is looked after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// What could not be sent is sent again, and nothing has failed for so long: then it is over.
const OVER: Duration = Duration::from_secs(5);
/// What readiness waits for until the group has answered, if only that there is nothing to do; and while what is read
/// cannot be sent.
const PART: &str = "intake";

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
    /// When sending failed last, until it has gone well for a while.
    failed_at: Option<Duration>,
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
        telemetry.readiness().wait_for(PART, "the group has not assigned partitions yet");
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
            failed_at: None,
        })
    }

    /// Runs until it is told to stop; where something fails that may pass, one that `make` makes begins anew from what is
    /// committed.
    pub(super) fn run_again_and_again(
        mut self,
        make: impl Fn() -> Result<Self, StreamError>,
    ) -> Result<(), StreamError> {
        loop {
            let Err(error) = self.run() else { return Ok(()) };
            let waiting = self.waiting.iter().map(|(partition, _)| partition);
            for (topic, partition) in self.lanes.iter().map(|lane| &lane.partition).chain(waiting) {
                self.books.telemetry.lane_released(topic, *partition);
            }
            if error.disposition() != Disposition::Retry {
                return Err(error);
            }
            let text = chain(&error);
            tracing::warn!(error = &text, "intake begins anew from what is committed");
            let Self { books, stop, .. } = self;
            if stop.wait(RETRY) {
                return Ok(());
            }
            self = make()?;
            books.telemetry.intake_restarted();
            self.fails(&text);
        }
    }

    /// Runs until it is told to stop; then what was read is sent, acknowledged and committed.
    fn run(&mut self) -> Result<(), StreamError> {
        while !self.stop.is_set() {
            self.take_changes()?;
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
            self.resolve_doubts()?;
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

    fn take_changes(&mut self) -> Result<(), StreamError> {
        loop {
            let change = match self.changes.try_recv() {
                Ok(change) => change,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(StreamError::gone_member("intake")),
            };
            match change {
                Change::Assigned(partitions) => {
                    let now = self.now();
                    if self.failed_at.is_none() {
                        self.books.telemetry.readiness().done(PART);
                    }
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

    // === Reading and sending

    /// Reads what is there, up to a stretch's worth; how many records that was.
    fn read(&mut self) -> Result<usize, StreamError> {
        let now = self.now();
        let Self { reader, lanes, last, books, outbox, .. } = self;
        let (mut read, mut events) = (0, 0);
        let mut troubles = Vec::new();
        while read < FULL && troubles.is_empty() {
            let wait = if read == 0 { IDLE } else { Duration::ZERO };
            let found = reader.each(wait, |message| {
                let message = match message {
                    Ok(message) => message,
                    Err(trouble) => {
                        troubles.push(trouble);
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
        self.read_failed(&troubles)?;
        Ok(read)
    }

    /// A lane that cannot be read is said, and begun again; one that has a hole is stopped.
    fn read_failed(&mut self, troubles: &[Trouble]) -> Result<(), StreamError> {
        let now = self.now();
        let mut has_hole = false;
        for Trouble { error, of } in troubles {
            let is_hole = matches!(
                error.rdkafka_error_code(),
                Some(RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset)
            );
            has_hole |= is_hole;
            // What passes is not said here, and a hole by whoever stops the lane for it.
            let is_said = !is_passing(error) && !is_hole;
            let lane = self.lanes.iter_mut().find(|lane| Some(&lane.partition) == of.as_ref());
            if let Some(lane) = lane {
                let was_said = lane.doubt.is_some_and(|doubt| doubt.said);
                let said = was_said || is_said;
                lane.doubt = Some(Doubt { since: now, begun_again: false, said });
                let (topic, partition) = &lane.partition;
                if said && !was_said {
                    tracing::warn!(topic, partition, %error, "a lane cannot be read; trying again");
                    self.books.telemetry.lane_waits(topic, *partition, &error.to_string());
                }
            } else if is_said {
                tracing::warn!(%error, "reading events; going on");
            }
        }
        if has_hole { self.stop_at_holes() } else { Ok(()) }
    }

    /// Lanes in which something went wrong are read from where we stand again, until nothing does.
    fn resolve_doubts(&mut self) -> Result<(), StreamError> {
        let now = self.now();
        let Self { lanes, reader, books, .. } = self;
        for lane in lanes.iter_mut().filter(|lane| lane.reading && !lane.held) {
            let Some(doubt) = lane.doubt else { continue };
            if now.saturating_sub(doubt.since) < RETRY {
                continue;
            }
            let (topic, partition) = &lane.partition;
            if doubt.begun_again {
                lane.doubt = None;
                if doubt.said {
                    tracing::info!(topic, partition, "the lane is read again");
                    books.telemetry.lane_reads(topic, *partition);
                }
            } else {
                place(reader.consumer(), &lane.partition, Some(lane.feed.position()))?;
                lane.doubt = Some(Doubt { since: now, begun_again: true, ..doubt });
            }
        }
        Ok(())
    }

    /// A hole is an error and not a guess: the lane that has it is stopped and named.
    fn stop_at_holes(&mut self) -> Result<(), StreamError> {
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
                self.fails(&error.to_string());
                self.fall_back(index)
            }
        }
    }

    /// What is read cannot be sent.
    fn fails(&mut self, reason: &str) {
        self.failed_at = Some(self.now());
        self.books.telemetry.readiness().wait_for(PART, reason);
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
            let is_known = lane.began.is_none() && !lane.held && lane.doubt.is_none();
            if let Some(position) = position.filter(|_| is_known) {
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
            let goes_well = self.under_way() == 0 || self.lanes.iter().any(|lane| lane.moved);
            if goes_well && self.failed_at.is_some_and(|at| now.saturating_sub(at) >= OVER) {
                self.failed_at = None;
                self.books.telemetry.readiness().done(PART);
            }
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
