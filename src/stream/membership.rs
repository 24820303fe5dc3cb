//! Who reads which partition: a member of a consumer group that reads nothing itself.
//!
//! The group only assigns partitions and keeps offsets. Records are read by clients that belong to no group, at
//! positions that we know: so no rebalance can reset a position behind our back. A member has a thread of its own that
//! does nothing but poll, so that it never misses a session; a zombie's commits are refused by its generation.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::stream::clients::{Clients, PATIENCE, log};
use crate::stream::error::StreamError;
use crate::stream::native;
use crate::stream::stop::Stop;

/// A partition of a topic.
pub(super) type Partition = (String, i32);

/// What the group decided.
#[derive(Debug)]
pub(super) enum Change {
    /// These are ours from now on.
    Assigned(Vec<Partition>),
    /// These are not ours any more; answered when all work on them has ended.
    Revoked(Vec<Partition>, Sender<()>),
}

/// A member of a group.
pub(super) struct Membership {
    consumer: Arc<BaseConsumer<Context>>,
    thread: Option<JoinHandle<()>>,
    stop: Stop,
}

/// How long the group waits for work on revoked partitions to end; below the session's time-out.
const HAND_OVER: Duration = Duration::from_secs(15);

impl Membership {
    /// Joins a group that shares out the partitions of these topics; changes come through the channel.
    pub(super) fn join(
        clients: &Clients,
        group: &str,
        topics: &[String],
    ) -> Result<(Self, Receiver<Change>), StreamError> {
        let (changes, told) = channel();
        // It outlives the service's stop until it is dropped: work must end while the partitions are still ours.
        let leave = Stop::new();
        let context = Context {
            changes: Mutex::new(changes),
            group: group.to_owned(),
            leaving: leave.clone(),
        };
        let consumer = Arc::new(clients.member(group, context)?);
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(StreamError::cluster(format!("join group {group}")))?;
        let polled = Arc::clone(&consumer);
        let left = leave.clone();
        let name = group.to_owned();
        let thread = thread::Builder::new()
            .name(format!("{group}-member"))
            .spawn(move || {
                while !left.is_set() {
                    match polled.poll(Duration::from_millis(200)) {
                        None | Some(Ok(_)) => {}
                        Some(Err(error)) => tracing::debug!(group = name, %error, "group"),
                    }
                }
            })
            .map_err(|error| {
                StreamError::Control(format!("no thread for group {group}: {error}"))
            })?;
        Ok((Self { consumer, thread: Some(thread), stop: leave }, told))
    }

    /// What is committed for partitions: offset and metadata; `None` where nothing is.
    pub(super) fn committed(
        &self,
        partitions: &[Partition],
    ) -> Result<Vec<Option<(i64, String)>>, StreamError> {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in partitions {
            list.add_partition(topic, *partition);
        }
        let what = || "ask for committed offsets".to_owned();
        let found = self
            .consumer
            .committed_offsets(list, PATIENCE)
            .map_err(StreamError::cluster(what()))?;
        let metadata = native::metadata(&found);
        let mut answers = BTreeMap::new();
        for (element, metadata) in found.elements().iter().zip(metadata) {
            element.error().map_err(StreamError::cluster(what()))?;
            if let Offset::Offset(offset) = element.offset() {
                let partition = (element.topic().to_owned(), element.partition());
                answers.insert(partition, (offset, metadata));
            }
        }
        Ok(partitions.iter().map(|partition| answers.remove(partition)).collect())
    }

    /// Commits an offset with metadata, and waits until it is done. Refused where the partition is no more ours.
    pub(super) fn commit(
        &self,
        offsets: &[(Partition, i64, String)],
        wait: bool,
    ) -> Result<(), StreamError> {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), offset, metadata) in offsets {
            let mut element = list.add_partition(topic, *partition);
            element
                .set_offset(Offset::Offset(*offset))
                .map_err(StreamError::cluster("commit offsets"))?;
            element.set_metadata(metadata);
        }
        let mode = if wait { CommitMode::Sync } else { CommitMode::Async };
        self.consumer.commit(&list, mode).map_err(|source| {
            if is_stale(&source) {
                StreamError::Fenced { what: "commit offsets".to_owned() }
            } else {
                StreamError::Cluster { what: "commit offsets".to_owned(), source }
            }
        })
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            drop(thread.join());
        }
    }
}

/// Whether a commit was refused because the group has moved on.
fn is_stale(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::IllegalGeneration
                | RDKafkaErrorCode::UnknownMemberId
                | RDKafkaErrorCode::FencedInstanceId
                | RDKafkaErrorCode::RebalanceInProgress
                | RDKafkaErrorCode::AssignmentLost
        )
    )
}

struct Context {
    changes: Mutex<Sender<Change>>,
    group: String,
    /// Set when all work has ended: then nothing is waited for.
    leaving: Stop,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, group = self.group, "group");
    }
}

impl Context {
    fn tell(&self, change: Change) {
        // Nobody listens any more only when the service ends.
        drop(self.changes.lock().unwrap_or_else(PoisonError::into_inner).send(change));
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let named: Vec<Partition> = partitions
            .elements()
            .iter()
            .map(|element| (element.topic().to_owned(), element.partition()))
            .collect();
        if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // Assigned at a place that is never read: paused, and read by other clients.
            let mut parked = partitions.clone();
            let parked = parked
                .set_all_offsets(Offset::Offset(0))
                .and_then(|()| consumer.assign(&parked))
                .and_then(|()| consumer.pause(&parked));
            if let Err(error) = parked {
                tracing::warn!(group = self.group, %error, "taking an assignment failed; the group will try again");
                return;
            }
            tracing::debug!(group = self.group, ?named, "assigned");
            self.tell(Change::Assigned(named));
        } else {
            tracing::debug!(group = self.group, ?named, "revoked");
            let (done, ended) = channel();
            self.tell(Change::Revoked(named, done));
            let patience = if self.leaving.is_set() { Duration::ZERO } else { HAND_OVER };
            // Whoever ends work on them drops its end: that, too, is an answer.
            if ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) && !patience.is_zero()
            {
                tracing::warn!(
                    group = self.group,
                    "partitions were handed over before work on them had ended"
                );
            }
            if let Err(error) = consumer.unassign() {
                tracing::warn!(group = self.group, %error, "giving an assignment back failed");
            }
        }
    }
}
