//! Has somebody told of what stands in the alert topic: in its order, at least once, and after a restart from where they
//! were.
//!
//! A consumer group for each of them shares out the partitions and keeps the places. What cannot be told is tried again
//! until it can; the place moves on when it was told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{mem, slice};

use rdkafka::consumer::Consumer;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::stream::clients::Clients;
use crate::stream::error::{StreamError, chain};
use crate::stream::membership::{Change, Membership, Partition};
use crate::stream::read::is_passing;
use crate::stream::stop::{Stop, end};
use crate::stream::topics::watermarks;

/// Tells somebody of an event (JSON, and when it was published in milliseconds since 1970); whether that is done, or why it is
/// to be tried again.
pub type Tell = Arc<dyn Fn(&[u8], i64) -> Result<(), String> + Send + Sync>;

/// Waits after a failure, and twice as long after each that follows.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long to wait for an event where there is none.
const IDLE: Duration = Duration::from_millis(200);

/// Tells somebody of alerts until `stop` is set; `name` is what their group is called by.
///
/// # Errors
/// A group that cannot be joined.
pub(super) fn notify(
    clients: &Clients,
    name: &str,
    tell: &Tell,
    stop: &Stop,
) -> Result<(), StreamError> {
    let topic = clients.kafka().topics.alerts.clone();
    let (membership, changes) = Membership::join(clients, &format!("notify.{name}"), &[topic])?;
    let membership = Arc::new(membership);
    let mut workers: BTreeMap<Partition, (Stop, JoinHandle<()>)> = BTreeMap::new();
    while !stop.is_set() {
        match changes.recv_timeout(IDLE) {
            Ok(Change::Assigned(partitions)) => {
                for partition in partitions {
                    let stop = Stop::new();
                    let worker = Worker {
                        clients: clients.clone(),
                        membership: Arc::clone(&membership),
                        name: name.to_owned(),
                        partition: partition.clone(),
                        tell: Arc::clone(tell),
                        stop: stop.clone(),
                    };
                    let thread = thread::Builder::new()
                        .name(format!("notify-{name}"))
                        .spawn(move || worker.run())
                        .map_err(|error| {
                            StreamError::Instance(format!("no thread for notify {name}: {error}"))
                        })?;
                    workers.insert(partition, (stop, thread));
                }
            }
            Ok(Change::Revoked(partitions, done)) => {
                let gone = partitions.iter().filter_map(|partition| workers.remove(partition));
                end(gone.collect());
                drop(done);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    end(mem::take(&mut workers).into_values().collect());
    Ok(())
}

/// Tells what stands in one partition.
struct Worker {
    clients: Clients,
    membership: Arc<Membership>,
    name: String,
    partition: Partition,
    tell: Tell,
    stop: Stop,
}

impl Worker {
    fn run(self) {
        while !self.stop.is_set() {
            let Err(error) = self.session() else { return };
            tracing::warn!(notify = self.name, error = chain(&error), "alerts are read anew");
            self.stop.wait(Duration::from_secs(1));
        }
    }

    /// From the place that is kept on.
    fn session(&self) -> Result<(), StreamError> {
        let (topic, number) = &self.partition;
        let reader = self.clients.reader("notify", true)?;
        let place = self.membership.committed(slice::from_ref(&self.partition))?;
        let (first, next) = watermarks(&reader, topic, *number)?;
        let from = if let Some((place, _)) = place.into_iter().next().flatten() {
            place.max(first)
        } else {
            // Who is new is not told of the past; but of all from now on, whatever becomes of us.
            self.keep(next)?;
            next
        };
        let what = format!("read {topic}/{number}");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, *number, Offset::Offset(from))
            .and_then(|()| reader.assign(&list))
            .map_err(StreamError::cluster(what.clone()))?;
        while !self.stop.is_set() {
            let message = match reader.poll(IDLE) {
                None => continue,
                Some(Ok(message)) => message,
                Some(Err(error)) if is_passing(&error) => continue,
                Some(Err(error)) => return Err(StreamError::cluster(what)(error)),
            };
            let published = message.timestamp().to_millis().unwrap_or_default();
            if self.told(message.payload().unwrap_or_default(), published) {
                self.keep(message.offset() + 1)?;
            }
        }
        Ok(())
    }

    /// Tells of an event until that is done; false where it is told to stop before.
    fn told(&self, event: &[u8], published: i64) -> bool {
        let mut pause = FIRST_PAUSE;
        loop {
            match (self.tell)(event, published) {
                Ok(()) => return true,
                Err(error) => {
                    tracing::warn!(
                        notify = self.name,
                        error,
                        "an alert could not be told; it is tried again"
                    );
                }
            }
            if self.stop.wait(pause) {
                return false;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn keep(&self, place: i64) -> Result<(), StreamError> {
        self.membership.commit(&[(self.partition.clone(), place, String::new())], true)
    }
}
