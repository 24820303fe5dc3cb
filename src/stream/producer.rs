//! A producer with a thread of its own that hears what became of what was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::KafkaError;
use rdkafka::message::ToBytes;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};

/// How long the thread waits for news at a time.
///
/// A little above whole milliseconds: rdkafka cuts what is left of the time to those, and would spend the last one
/// of a hundred asking again and again. That is a hundredth of a core for every producer, sending or not.
const NEWS: Duration = Duration::from_micros(100_050);

/// A producer, and the thread that gives what became of each record to its context.
pub(super) struct Producer<C: ProducerContext + 'static> {
    client: Arc<BaseProducer<C>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What could not be sent, and why.
type Refused<'a, C, K, P> =
    (KafkaError, BaseRecord<'a, K, P, <C as ProducerContext>::DeliveryOpaque>);

impl<C: ProducerContext + 'static> Producer<C> {
    /// A producer with these settings.
    pub(super) fn new(config: &ClientConfig, context: C) -> Result<Self, KafkaError> {
        let client = Arc::new(BaseProducer::from_config_and_context(config, context)?);
        let over = Arc::new(AtomicBool::new(false));
        let (polled, ended) = (Arc::clone(&client), Arc::clone(&over));
        let listen = move || {
            while !ended.load(Ordering::Relaxed) {
                polled.poll(NEWS);
            }
        };
        let thread = thread::Builder::new().name("acks".to_owned()).spawn(listen);
        let thread = thread.map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Self { client, over, thread: Some(thread) })
    }

    /// Puts a record into the producer's queue, or gives it back.
    pub(super) fn send<'a, K: ToBytes + ?Sized, P: ToBytes + ?Sized>(
        &self,
        record: BaseRecord<'a, K, P, C::DeliveryOpaque>,
    ) -> Result<(), Refused<'a, C, K, P>> {
        self.client.send(record)
    }

    /// Sends what waits.
    pub(super) fn flush(&self, time: Duration) -> Result<(), KafkaError> {
        self.client.flush(time)
    }

    /// Whether it can send no more, ever.
    pub(super) fn is_broken(&self) -> bool {
        self.client.client().fatal_error().is_some()
    }
}

impl<C: ProducerContext + 'static> Drop for Producer<C> {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It can only have panicked in a context of ours; the producer ends either way.
            drop(thread.join());
        }
    }
}
