//! One partition of the tally log, worked off by the tally stage; results, alerts and state in one transaction.
//!
//! The producer's transactional id is the partition's: beginning fences whoever had it before. Then the state is read
//! back, and the log is run from the last checkpoint to the position of the last transaction without output, proving
//! by the running hash that it answers as before. Any failure of a transaction ends here and begins anew there.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message as _, OwnedHeaders, ToBytes};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::batch::{Body, Record};
use crate::stream::clients::{Clients, Quiet};
use crate::stream::control::InForce;
use crate::stream::crash;
use crate::stream::error::{Disposition, StreamError, chain};
use crate::stream::read::{holds_nothing, is_passing};
use crate::stream::state_topic::{self, Written, ledger_record};
use crate::stream::stop::Stop;
use crate::stream::topics::watermarks;
use crate::tally::{Halt, JOINED, Output, Show, Tally};
use crate::telemetry::{Stage, Telemetry};

/// How long a transaction may take.
const TRANSACTION: Duration = Duration::from_secs(40);
/// The ledger is written so often, even where nothing was published...
const LEDGER_EVERY: Duration = Duration::from_secs(5);
/// ...or so soon after the log has gone quiet.
const QUIET: Duration = Duration::from_millis(700);
/// A checkpoint is written so often, where anything changed.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
/// How far the log goes is asked so often.
const LAG_EVERY: Duration = Duration::from_secs(5);
/// How long to wait for a record where there is none.
const IDLE: Duration = Duration::from_millis(200);
/// At most so many records are taken before what they gave is committed.
const BATCH: usize = 64;
/// And no more once results have waited so long for them.
const SOON: Duration = Duration::from_millis(100);
/// Records missing for longer than this are said.
const GAP: i64 = 60_000;

/// The header of a result that says at which position of which partition of the tally log it was published.
pub(super) const LOG_POSITION: &str = "vigie-log-position";

/// Works off one partition.
pub(super) struct Worker {
    pub(super) clients: Clients,
    pub(super) partition: i32,
    pub(super) in_force: InForce,
    pub(super) telemetry: Telemetry,
    pub(super) show: Box<dyn Show>,
    pub(super) stop: Stop,
}

/// A partition that is ours, from one beginning to the next failure.
struct Session<'w> {
    worker: &'w mut Worker,
    log: String,
    producer: BaseProducer<Quiet>,
    reader: BaseConsumer<Quiet>,
    tally: Tally,
    written: Written,
    /// The log's position that the ledger in the state topic has.
    ledger_at: i64,
    ledger_time: Duration,
    checkpoint_at: i64,
    checkpoint_time: Duration,
    /// When the last record came.
    heard: Duration,
    /// Of each output that is not committed yet: when the record behind it was appended, in milliseconds since 1970.
    appended: Vec<i64>,
    /// When it was last said how far the log goes.
    lag_time: Duration,
}

impl Worker {
    /// Works until it is told to stop, the partition is somebody else's, or it needs a hand.
    pub(super) fn run(mut self) {
        while !self.stop.is_set() {
            let Err(error) = self.session() else { break };
            self.show.ready(false);
            self.telemetry.tally_ready(self.partition, false);
            let (partition, text) = (self.partition, chain(&error));
            match error.disposition() {
                Disposition::Retry => {
                    tracing::warn!(
                        partition,
                        error = &text,
                        "tally begins anew from what is committed"
                    );
                    self.telemetry.restarted(partition, &text);
                    self.stop.wait(Duration::from_secs(1));
                }
                Disposition::GiveUp => {
                    // If it is still ours by the time that a dead member would have been noticed, it was our own
                    // time-out that fenced us.
                    tracing::warn!(partition, error = text, "tally gives the partition up");
                    self.show.clear();
                    self.stop.wait(super::clients::SESSION + Duration::from_secs(5));
                }
                Disposition::Stop => {
                    tracing::error!(partition, error = text, "tally is stopped");
                    self.telemetry.tally_stopped(partition);
                    self.show.clear();
                    self.stop.wait(Duration::MAX);
                }
            }
        }
        self.show.clear();
    }

    fn session(&mut self) -> Result<(), StreamError> {
        let Some(mut session) = Session::begin(self)? else { return Ok(()) };
        let worked = session.work();
        if worked.is_ok() {
            // What was read and not yet committed is read again by whoever comes next; but a ledger now spares it that.
            session.transact(&[], true)?;
        }
        worked
    }
}

impl<'w> Session<'w> {
    /// Fences whoever was here before, reads the state back, and catches up in silence; `None` where it is told to
    /// stop meanwhile.
    fn begin(worker: &'w mut Worker) -> Result<Option<Self>, StreamError> {
        let partition = worker.partition;
        let clients = worker.clients.clone();
        let producer = clients.transactional(&format!("tally.{partition}"))?;
        let what = format!("take tally partition {partition} over");
        producer.init_transactions(TRANSACTION).map_err(StreamError::cluster(what))?;
        let stored = state_topic::read(&clients, partition)?;
        let state = |source| StreamError::State { partition, source };
        let (tally, written) = stored.restore().map_err(state)?.unwrap_or_default();
        let log = clients.kafka().topic("tally");
        let reader = clients.reader("tally-reader", false)?;
        let (first, _) = watermarks(&reader, &log, partition)?;
        let from = tally.position();
        if from < first {
            return Err(StreamError::LogGone { topic: log, partition, from, to: first });
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&log, partition, Offset::Offset(from))
            .and_then(|()| reader.assign(&list))
            .map_err(StreamError::cluster(format!("read {log}/{partition}")))?;
        let now = worker.telemetry.clock().running();
        let mut session = Self {
            worker,
            log,
            producer,
            reader,
            checkpoint_at: tally.position(),
            tally,
            written,
            ledger_at: from,
            ledger_time: now,
            checkpoint_time: now,
            heard: now,
            appended: Vec::new(),
            lag_time: now,
        };
        if let Some(ledger) = stored.ledger {
            session.catch_up(ledger.position)?;
            if session.worker.stop.is_set() {
                return Ok(None);
            }
            let ours = session.tally.ledger();
            if (ours.outputs, ours.digest) != (ledger.outputs, ledger.digest) {
                return Err(StreamError::Diverged {
                    partition,
                    position: ledger.position,
                    found: ours.outputs,
                    published: ledger.outputs,
                });
            }
            session.ledger_at = ledger.position;
        }
        crash::point(crash::TALLY_CAUGHT_UP);
        for latest in session.tally.latest() {
            if let Ok(result) = serde_json::from_str(latest) {
                session.worker.show.result(&result);
            }
        }
        session.report();
        session.report_lag();
        session.worker.show.ready(true);
        session.worker.telemetry.tally_ready(partition, true);
        tracing::info!(
            partition,
            from,
            position = session.tally.position(),
            windows = session.tally.open_windows(),
            "tally has taken the partition over"
        );
        Ok(Some(session))
    }

    /// Runs the log up to a position without publishing anything.
    fn catch_up(&mut self, position: i64) -> Result<(), StreamError> {
        let mut silenced = Vec::new();
        while self.tally.position() < position && !self.worker.stop.is_set() {
            if !self.take_next(Duration::from_secs(1), &mut silenced)? {
                let log = (self.log.clone(), self.worker.partition);
                if holds_nothing(&self.reader, &log, self.tally.position(), position)? {
                    self.tally.skip_to(position);
                }
            }
            silenced.clear();
            self.appended.clear();
        }
        Ok(())
    }

    fn now(&self) -> Duration {
        self.worker.telemetry.clock().running()
    }

    fn work(&mut self) -> Result<(), StreamError> {
        let mut outputs = Vec::new();
        while !self.worker.stop.is_set() {
            let mut made: Option<Duration> = None;
            for _ in 0..BATCH {
                let wait = if outputs.is_empty() { IDLE } else { Duration::ZERO };
                if !self.take_next(wait, &mut outputs)? {
                    break;
                }
                if !outputs.is_empty() {
                    let now = self.now();
                    if now.saturating_sub(*made.get_or_insert(now)) >= SOON {
                        break;
                    }
                }
            }
            let now = self.now();
            let moved = self.tally.position() > self.ledger_at;
            // Once things have gone quiet, and not with every heartbeat from then on.
            let quiet = self.heard > self.ledger_time && now.saturating_sub(self.heard) >= QUIET;
            let due = now.saturating_sub(self.ledger_time) >= LEDGER_EVERY || quiet;
            let checkpoint = now.saturating_sub(self.checkpoint_time) >= CHECKPOINT_EVERY
                && self.tally.position() > self.checkpoint_at;
            if !outputs.is_empty() || (moved && due) || checkpoint {
                self.transact(&outputs, checkpoint)?;
                outputs.clear();
                self.appended.clear();
            }
            if now.saturating_sub(self.lag_time) >= LAG_EVERY {
                self.lag_time = now;
                self.report_lag();
                let epochs = self.worker.in_force.now().epochs;
                self.worker.show.filling(&self.tally.filling(&epochs));
            }
        }
        Ok(())
    }

    /// Takes the next record of the log; whether there was one.
    fn take_next(
        &mut self,
        wait: Duration,
        outputs: &mut Vec<Output>,
    ) -> Result<bool, StreamError> {
        let partition = self.worker.partition;
        let (offset, appended, record) = match self.reader.poll(wait) {
            None => return Ok(false),
            Some(Err(error)) if is_passing(&error) => return Ok(false),
            Some(Err(error)) => {
                return Err(StreamError::cluster(format!("read {}/{partition}", self.log))(error));
            }
            Some(Ok(message)) => {
                let offset = message.offset();
                let wire = |source| StreamError::Wire { log: "tally", partition, offset, source };
                let record = Record::from_bytes(message.payload().unwrap_or_default());
                (offset, message.timestamp().to_millis().unwrap_or(0), record.map_err(wire)?)
            }
        };
        if offset < self.tally.position() {
            return Ok(true);
        }
        let halted = |source| StreamError::Halt { partition, offset, source };
        let epoch = record.header.epoch;
        if epoch != JOINED
            && !self.worker.in_force.now().epochs.epochs.contains_key(&epoch)
            && !self.worker.in_force.wait_for(epoch, Duration::from_secs(10))
        {
            return Err(halted(Halt::UnknownEpoch { lane: record.header.lane, epoch }));
        }
        let epochs = Arc::clone(&self.worker.in_force.now().epochs);
        // A heartbeat is no news.
        if !matches!(record.body, Body::Heartbeat(_)) {
            self.heard = self.now();
        }
        self.tally.apply(offset, appended, record, &epochs, outputs).map_err(halted)?;
        self.appended.resize(outputs.len(), appended);
        Ok(true)
    }

    /// Publishes, and writes how far that goes, all or nothing.
    fn transact(&mut self, outputs: &[Output], checkpoint: bool) -> Result<(), StreamError> {
        let partition = self.worker.partition;
        let began = self.now();
        let what = format!("commit results of tally partition {partition}");
        let state = self.worker.clients.kafka().topic("state");
        self.producer.begin_transaction().map_err(|error| Self::failed(error, &what))?;
        crash::point(crash::TALLY_BEGUN);
        for output in outputs {
            self.publish(output).map_err(|error| Self::failed(error, &what))?;
        }
        let mut records = Vec::new();
        if checkpoint {
            let made = self.tally.checkpoint();
            records = self.written.replace(made);
        }
        let ledger = self.tally.ledger();
        records.push(ledger_record(&ledger));
        for (at, (key, value)) in records.iter().enumerate() {
            if checkpoint && at == records.len() / 2 {
                crash::point(crash::TALLY_WITHIN_CHECKPOINT);
            }
            let mut record = BaseRecord::to(&state).partition(partition).key(key);
            if let Some(value) = value {
                record = record.payload(value);
            }
            self.send(record).map_err(|error| Self::failed(error, &what))?;
        }
        crash::point(crash::TALLY_BEFORE_COMMIT);
        self.producer
            .commit_transaction(TRANSACTION)
            .map_err(|error| Self::failed(error, &what))?;
        crash::point(crash::TALLY_COMMITTED);
        let now = self.now();
        self.worker.telemetry.committed(now.saturating_sub(began));
        self.ledger_at = ledger.position;
        self.ledger_time = now;
        if checkpoint {
            self.checkpoint_at = ledger.position;
            self.checkpoint_time = now;
        }
        let telemetry = self.worker.telemetry.clone();
        let time = telemetry.clock().now();
        for (output, appended) in outputs.iter().zip(&self.appended) {
            match output {
                Output::Result(result) => {
                    // The broker's clock may be ahead of ours.
                    let delay = u64::try_from(time - appended).unwrap_or(0);
                    telemetry.sealed(result, Duration::from_millis(delay));
                    self.worker.show.result(result);
                }
                Output::Alert(event) => telemetry.alerted(event),
            }
        }
        self.report();
        Ok(())
    }

    fn publish(&self, output: &Output) -> Result<(), KafkaError> {
        let topics = &self.worker.clients.kafka().topics;
        match output {
            Output::Result(result) => {
                let value = serde_json::to_vec(result).unwrap_or_default();
                // Where in the log it stands: a reader of a ledger knows by it which results the ledger counts.
                let position = format!("{}/{}", self.worker.partition, self.tally.position());
                let header = Header { key: LOG_POSITION, value: Some(&position) };
                let record = BaseRecord::to(&topics.results).key(result.model.as_str());
                self.send(record.payload(&value).headers(OwnedHeaders::new().insert(header)))
            }
            Output::Alert(event) => {
                let value = serde_json::to_vec(event).unwrap_or_default();
                let id = format!("{}/{}", event.id, event.sequence);
                let kind = format!("vigie.alert.{}", event.event.as_str());
                let headers = [
                    ("ce_specversion", "1.0"),
                    ("ce_id", &id),
                    ("ce_source", "vigie"),
                    ("ce_type", &kind),
                    ("ce_subject", &event.id),
                    ("content-type", "application/json"),
                ]
                .into_iter()
                .fold(OwnedHeaders::new(), |headers, (key, value)| {
                    headers.insert(Header { key, value: Some(value) })
                });
                let record = BaseRecord::to(&topics.alerts).key(event.model.as_str());
                self.send(record.payload(&value).headers(headers))
            }
        }
    }

    /// Sends, waiting for room in the producer's queue.
    fn send<K: ToBytes + ?Sized>(
        &self,
        record: BaseRecord<'_, K, Vec<u8>>,
    ) -> Result<(), KafkaError> {
        let mut record = record;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    self.producer.poll(Duration::from_millis(10));
                    record = back;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// What a failed step of a transaction means: fenced, or begin anew and read back what happened.
    fn failed(error: KafkaError, what: &str) -> StreamError {
        let fenced = matches!(
            error.rdkafka_error_code(),
            Some(
                RDKafkaErrorCode::Fenced
                    | RDKafkaErrorCode::ProducerFenced
                    | RDKafkaErrorCode::InvalidProducerEpoch
            )
        );
        if fenced {
            StreamError::Fenced { what: what.to_owned() }
        } else {
            StreamError::Cluster { what: what.to_owned(), source: error }
        }
    }

    /// Says how far behind the log's end we are.
    fn report_lag(&self) {
        let partition = self.worker.partition;
        match watermarks(&self.reader, &self.log, partition) {
            Ok((_, next)) => {
                let lag = next - self.tally.position();
                self.worker.telemetry.lag(Stage::Tally, &self.log, partition, lag);
            }
            Err(error) => {
                tracing::debug!(partition, error = chain(&error), "the lag is not known");
            }
        }
    }

    fn report(&mut self) {
        let epochs = self.worker.in_force.now().epochs;
        self.worker.show.standings(&self.tally.standings(&epochs));
        let telemetry = &self.worker.telemetry;
        telemetry.open_windows(
            self.worker.partition,
            self.tally.open_windows(),
            self.tally.bytes(),
        );
        for (lane, state) in self.tally.gaps(self.tally.time() - GAP) {
            let (topic, partition) = (&state.topic, lane.partition);
            tracing::warn!(
                topic,
                partition,
                position = state.cursor.position,
                "records of a lane have been missing for a minute"
            );
        }
    }
}
