//! What intake sends: records to every partition of the tally log and of the join log, and dead letters.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _};

use crate::batch::{Keyed, Record};
use crate::intake::Sending;
use crate::stream::acks::{Ack, Acks, Purpose, Ticket};
use crate::stream::clients::{Carries, Clients, SOON};
use crate::stream::dead_letters::Letter;
use crate::stream::error::StreamError;
use crate::stream::producer::Producer;

/// How long the join log's records are gathered: each stretch has one for every partition, and nobody waits for them.
const GATHER: Duration = Duration::from_millis(250);

/// Sends, and hears what became of it.
pub(super) struct Outbox {
    clients: Clients,
    to_tally: Producer<Acks>,
    to_join: Producer<Acks>,
    told: Sender<Ack>,
    acks: Receiver<Ack>,
    tally: String,
    join: String,
    dead_letters: String,
}

impl Outbox {
    pub(super) fn new(clients: &Clients) -> Result<Self, StreamError> {
        let (told, acks) = channel();
        let [to_tally, to_join] = producers(clients, &told)?;
        Ok(Self {
            clients: clients.clone(),
            to_tally,
            to_join,
            told,
            acks,
            tally: clients.kafka().topic("tally"),
            join: clients.kafka().topic("join"),
            dead_letters: clients.kafka().topics.dead_letters.clone(),
        })
    }

    /// What became of what was sent since the last time.
    pub(super) fn acks(&self) -> impl Iterator<Item = Ack> {
        self.acks.try_iter()
    }

    /// Waits for news of what was sent, but not for long.
    pub(super) fn wait(&self, time: Duration) -> Option<Ack> {
        self.acks.recv_timeout(time).ok()
    }

    /// Sends a stretch to every partition of the log or logs that it is for.
    pub(super) fn stretch(
        &self,
        lane: u64,
        turn: u64,
        sending: &Sending,
    ) -> Result<(), StreamError> {
        let ticket = Ticket { lane, turn, purpose: Purpose::Stretch(sending.ticket) };
        // Each says where its output stands, so that no two need be alike, empty as they may be.
        for (output, record) in &sending.records {
            Self::produce((&self.to_tally, &self.tally), *output, &record.to_bytes(), ticket)?;
        }
        for (output, record) in &sending.keyed {
            Self::produce((&self.to_join, &self.join), *output, &record.to_bytes(), ticket)?;
        }
        Ok(())
    }

    /// Sends a heartbeat to one partition of the tally log.
    pub(super) fn heartbeat(
        &self,
        lane: u64,
        turn: u64,
        output: u32,
        record: &Record,
    ) -> Result<(), StreamError> {
        let ticket = Ticket { lane, turn, purpose: Purpose::Heartbeat(output) };
        Self::produce((&self.to_tally, &self.tally), output, &record.to_bytes(), ticket)
    }

    /// Sends a heartbeat to one partition of the join log.
    pub(super) fn join_heartbeat(
        &self,
        lane: u64,
        turn: u64,
        output: u32,
        record: &Record<Keyed>,
    ) -> Result<(), StreamError> {
        let ticket = Ticket { lane, turn, purpose: Purpose::JoinHeartbeat(output) };
        Self::produce((&self.to_join, &self.join), output, &record.to_bytes(), ticket)
    }

    /// Sends a dead letter, acknowledged with the stretch that its record belongs to.
    pub(super) fn letter(
        &self,
        lane: u64,
        turn: u64,
        stretch: u64,
        letter: &Letter,
    ) -> Result<(), StreamError> {
        let ticket = Ticket { lane, turn, purpose: Purpose::Stretch(stretch) };
        Self::retrying(|| {
            let mut record = BaseRecord::with_opaque_to(&self.dead_letters, Box::new(ticket))
                .key(&letter.key)
                .headers(letter.headers.clone());
            if let Some(value) = &letter.value {
                record = record.payload(value);
            }
            self.to_tally.send(record).map_err(|(error, _)| error)
        })
    }

    fn produce(
        (producer, log): (&Producer<Acks>, &str),
        output: u32,
        bytes: &[u8],
        ticket: Ticket,
    ) -> Result<(), StreamError> {
        let partition = i32::try_from(output).unwrap_or(i32::MAX);
        Self::retrying(|| {
            let record = BaseRecord::<(), [u8], _>::with_opaque_to(log, Box::new(ticket))
                .partition(partition)
                .payload(bytes);
            producer.send(record).map_err(|(error, _)| error)
        })
    }

    /// Tries until the producer's queue has room.
    fn retrying(mut send: impl FnMut() -> Result<(), KafkaError>) -> Result<(), StreamError> {
        loop {
            match send() {
                Ok(()) => return Ok(()),
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(StreamError::cluster("send to our logs")(error)),
            }
        }
    }

    /// Whether no more can be sent, ever.
    pub(super) fn is_broken(&self) -> bool {
        self.to_tally.is_broken() || self.to_join.is_broken()
    }

    /// New producers in place of those of which one is broken; what was under way is forgotten.
    pub(super) fn renew(&mut self) -> Result<(), StreamError> {
        [self.to_tally, self.to_join] = producers(&self.clients, &self.told)?;
        Ok(())
    }

    /// Sends what waits.
    pub(super) fn flush(&self, time: Duration) {
        // What is not acknowledged by then is sent again by the next owner.
        drop(self.to_tally.flush(time));
        drop(self.to_join.flush(time));
    }
}

/// That of the tally log and dead letters, and that of the join log.
fn producers(clients: &Clients, told: &Sender<Ack>) -> Result<[Producer<Acks>; 2], StreamError> {
    let producer =
        |purpose, linger| clients.producer(purpose, Carries::Rows, linger, Acks::new(told.clone()));
    let to_tally = producer("intake-to-tally", SOON)?;
    let to_join = producer("intake-to-join", GATHER)?;
    Ok([to_tally, to_join])
}
