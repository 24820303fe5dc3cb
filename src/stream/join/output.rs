//! What the join sends to the tally log, one stretch after the other.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _};

use crate::intake::{Feed, Sending};
use crate::stream::acks::{Ack, Acks, Purpose, Ticket};
use crate::stream::clients::{Carries, Clients, PATIENCE, SOON};
use crate::stream::crash;
use crate::stream::error::StreamError;
use crate::stream::producer::Producer;

/// Sends, and waits until it is acknowledged.
pub(super) struct Output {
    producer: Producer<Acks>,
    acks: Receiver<Ack>,
    log: String,
}

impl Output {
    pub(super) fn new(clients: &Clients) -> Result<Self, StreamError> {
        let (told, acks) = channel();
        let producer = clients.producer("join-producer", Carries::Rows, SOON, Acks::new(told))?;
        Ok(Self { producer, acks, log: clients.kafka().topic("tally") })
    }

    /// Sends to every output, and waits until all have it.
    pub(super) fn deliver(&self, feed: &mut Feed, sending: &Sending) -> Result<(), StreamError> {
        let ticket = Ticket { lane: 0, turn: 0, purpose: Purpose::Stretch(sending.ticket) };
        for (output, record) in &sending.records {
            self.produce(*output, &record.to_bytes(), ticket)?;
        }
        crash::point(crash::JOIN_SENT);
        let failed = |error| StreamError::cluster("send to the tally log")(error);
        feed.settle();
        while !feed.is_settled() {
            // The producer gives up by itself, and says so.
            let Ok(ack) = self.acks.recv_timeout(PATIENCE) else { continue };
            ack.appended.map_err(failed)?;
            if let Purpose::Stretch(ticket) = ack.ticket.purpose {
                feed.acknowledged(ticket);
            }
        }
        Ok(())
    }

    fn produce(&self, output: u32, bytes: &[u8], ticket: Ticket) -> Result<(), StreamError> {
        let partition = i32::try_from(output).unwrap_or(i32::MAX);
        loop {
            let record = BaseRecord::<(), [u8], _>::with_opaque_to(&self.log, Box::new(ticket))
                .partition(partition)
                .payload(bytes);
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => {
                    return Err(StreamError::cluster("send to the tally log")(error));
                }
            }
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // What is not acknowledged is sent again, and dropped by whoever has seen it.
        drop(self.producer.flush(Duration::ZERO));
    }
}
