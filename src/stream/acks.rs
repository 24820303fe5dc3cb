//! What became of what was sent: from the producer's thread to the one that waits for it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::Sender;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, ProducerContext};

use crate::stream::clients::log;

/// What a record was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    /// Which lane, by the number that it was given here.
    pub(super) lane: u64,
    /// How often that lane had fallen back when it was sent: what was sent before means nothing any more.
    pub(super) turn: u64,
    pub(super) purpose: Purpose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Part of a stretch, by the feed's ticket.
    Stretch(u64),
    /// A heartbeat to a partition of the tally log.
    Heartbeat(u32),
    /// A heartbeat to a partition of the join log.
    JoinHeartbeat(u32),
}

/// What became of a record.
#[derive(Debug)]
pub(super) struct Ack {
    pub(super) ticket: Ticket,
    /// When it was appended, in milliseconds since 1970; or why it was not.
    pub(super) appended: Result<i64, KafkaError>,
}

/// Tells what became of every record.
pub(super) struct Acks {
    told: Mutex<Sender<Ack>>,
}

impl Acks {
    pub(super) fn new(told: Sender<Ack>) -> Self {
        Self { told: Mutex::new(told) }
    }
}

impl ClientContext for Acks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "producer");
    }
}

impl ProducerContext for Acks {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let appended = match result {
            Ok(record) => Ok(record.timestamp().to_millis().unwrap_or(0)),
            Err((error, _)) => Err(error.clone()),
        };
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody waits any more only when the service ends.
        drop(told.send(Ack { ticket: *ticket, appended }));
    }
}
