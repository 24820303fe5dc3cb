//! Sends events, as somebody's deployed model would.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext};

use crate::stream::clients::{Carries, Clients, PATIENCE, SOON, log};
use crate::stream::error::StreamError;
use crate::stream::producer::Producer;
use crate::stream::topics::describe;

/// Sends events to a topic and counts what arrived.
#[expect(missing_debug_implementations, reason = "a client has no useful form")]
pub struct Sender {
    producer: Producer<Counting>,
    counts: Arc<Counts>,
    topic: String,
    partitions: i32,
}

#[derive(Debug, Default)]
struct Counts {
    arrived: AtomicU64,
    failed: Mutex<Option<KafkaError>>,
}

struct Counting(Arc<Counts>);

impl ClientContext for Counting {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }
}

impl ProducerContext for Counting {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.0.arrived.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => {
                let mut failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert_with(|| error.clone());
            }
        }
    }
}

impl Sender {
    /// A sender to a topic that exists.
    ///
    /// # Errors
    /// A topic that does not exist, a cluster that does not answer.
    pub fn new(clients: &Clients, topic: &str) -> Result<Self, StreamError> {
        let described = describe(clients, &[topic.to_owned()])?;
        let Some(found) = described.get(topic) else {
            return Err(StreamError::NoTopic {
                topic: topic.to_owned(),
                hint: "make it, or name another with --topic".to_owned(),
            });
        };
        let counts = Arc::new(Counts::default());
        let producer =
            clients.producer("replay", Carries::Text, SOON, Counting(Arc::clone(&counts)))?;
        Ok(Self { producer, counts, topic: topic.to_owned(), partitions: found.partitions.max(1) })
    }

    /// How many partitions the topic has.
    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    /// Sends an event: by its key where it has one, else to the partition of that number modulo their count.
    ///
    /// # Errors
    /// Where an event before it could not be delivered.
    pub fn send(&self, turn: u64, key: Option<&[u8]>, value: &[u8]) -> Result<(), StreamError> {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&self.topic).payload(value);
        record = if let Some(key) = key {
            record.key(key)
        } else {
            let partition = turn % u64::from(self.partitions.unsigned_abs());
            record.partition(i32::try_from(partition).unwrap_or_default())
        };
        loop {
            self.check()?;
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    thread::sleep(Duration::from_millis(5));
                    record = back;
                }
                Err((error, _)) => return Err(self.failed(error)),
            }
        }
    }

    /// How many have arrived.
    pub fn arrived(&self) -> u64 {
        self.counts.arrived.load(Ordering::Relaxed)
    }

    /// Waits until all have arrived.
    ///
    /// # Errors
    /// Where one could not be delivered.
    pub fn flush(&self) -> Result<(), StreamError> {
        self.producer.flush(PATIENCE * 4).map_err(|error| self.failed(error))?;
        self.check()
    }

    fn check(&self) -> Result<(), StreamError> {
        let failed = self.counts.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        failed.map_or(Ok(()), |error| Err(self.failed(error)))
    }

    fn failed(&self, error: KafkaError) -> StreamError {
        StreamError::cluster(format!("send events to `{}`", self.topic))(error)
    }
}
