//! A producer with a thread of its own that hears what became of what was sent.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};

use crate::stream::clients::whole;

/// How long the thread waits for news at a time; each ends with a millisecond of asking again and again.
const NEWS: Duration = Duration::from_secs(5);

/// A producer, and the thread that gives what became of each record to its context.
pub(super) struct Producer<C: ProducerContext + 'static> {
    client: Arc<BaseProducer<C>>,
    over: Arc<AtomicBool>,
}

impl<C: ProducerContext + 'static> Producer<C> {
    /// A producer with these settings.
    pub(super) fn new(config: &ClientConfig, context: C) -> Result<Self, KafkaError> {
        let client = Arc::new(BaseProducer::from_config_and_context(config, context)?);
        let over = Arc::new(AtomicBool::new(false));
        let (polled, ended) = (Arc::clone(&client), Arc::clone(&over));
        let listen = move || {
            while !ended.load(Ordering::Relaxed) {
                polled.poll(whole(NEWS));
            }
        };
        thread::Builder::new()
            .name("acks".to_owned())
            .spawn(listen)
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Self { client, over })
    }

    /// Whether it can send no more, ever.
    pub(super) fn is_broken(&self) -> bool {
        self.client.client().fatal_error().is_some()
    }
}

impl<C: ProducerContext + 'static> Deref for Producer<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl<C: ProducerContext + 'static> Drop for Producer<C> {
    fn drop(&mut self) {
        // The thread ends within its wait, and the client with it.
        self.over.store(true, Ordering::Relaxed);
    }
}
