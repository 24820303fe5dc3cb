//! Who reads which partition: a member of a consumer group that reads nothing itself.
//!
//! The group only assigns partitions and keeps offsets. Records are read by clients that belong to no group, at
//! positions that we know: so no rebalance can reset a position behind our back. A member has a thread of its own that
//! does nothing but poll, so that it never misses a session; a zombie's commits are refused by its generation.

use std::collections::BTreeMap;
use std::mem;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
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
use crate::telemetry::Clock;

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
    seat: Arc<Seat>,
    thread: Option<JoinHandle<()>>,
    stop: Stop,
}

/// How long the group waits for work on revoked partitions to end; below the session's time-out.
const HAND_OVER: Duration = Duration::from_secs(15);
/// Who was thrown out joins again after so long, and after twice as long each time it happens soon again.
const REJOIN: Duration = Duration::from_secs(1);
const REJOIN_AT_MOST: Duration = Duration::from_mins(1);

/// What a member is made of, and where its client lies.
struct Seat {
    clients: Clients,
    group: String,
    topics: Vec<String>,
    changes: Mutex<Sender<Change>>,
    /// What the group has given us.
    held: Mutex<Vec<Partition>>,
    /// Set when all work has ended: then nothing is waited for.
    leaving: Stop,
    /// None between a client that broke and the one that follows it. Only the member's thread writes it.
    consumer: RwLock<Option<BaseConsumer<Context>>>,
}

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
        let seat = Arc::new(Seat {
            clients: clients.clone(),
            group: group.to_owned(),
            topics: topics.to_vec(),
            changes: Mutex::new(changes),
            held: Mutex::default(),
            leaving: leave.clone(),
            consumer: RwLock::default(),
        });
        seat.take()?;
        let polled = Arc::clone(&seat);
        let thread = thread::Builder::new()
            .name(format!("{group}-member"))
            .spawn(move || polled.stay())
            .map_err(|error| {
                StreamError::Instance(format!("no thread for group {group}: {error}"))
            })?;
        Ok((Self { seat, thread: Some(thread), stop: leave }, told))
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
            .seat
            .with(|consumer| consumer.committed_offsets(list, PATIENCE))
            .ok_or_else(|| StreamError::Fenced { what: what() })?
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
        match self.seat.with(|consumer| consumer.commit(&list, mode)) {
            Some(Ok(())) => Ok(()),
            Some(Err(source)) if !is_stale(&source) => {
                Err(StreamError::Cluster { what: "commit offsets".to_owned(), source })
            }
            None | Some(Err(_)) => Err(StreamError::Fenced { what: "commit offsets".to_owned() }),
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            drop(thread.join());
        }
        // Its last words come by the seat, so it goes first.
        drop(self.seat.put(None));
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

impl Seat {
    /// What the client of now answers; `None` while there is none.
    fn with<T>(&self, ask: impl FnOnce(&BaseConsumer<Context>) -> T) -> Option<T> {
        self.consumer.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(ask)
    }

    fn put(&self, consumer: Option<BaseConsumer<Context>>) -> Option<BaseConsumer<Context>> {
        mem::replace(&mut self.consumer.write().unwrap_or_else(PoisonError::into_inner), consumer)
    }

    /// Joins the group by a new client.
    fn take(self: &Arc<Self>) -> Result<(), StreamError> {
        let context = Context { seat: Arc::downgrade(self) };
        let consumer = self.clients.member(&self.group, context)?;
        let names: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let what = format!("join group {}", self.group);
        consumer.subscribe(&names).map_err(StreamError::cluster(what))?;
        self.put(Some(consumer));
        Ok(())
    }

    /// Polls until it is told to leave. A client that can do nothing any more is replaced: after a broker's silence a
    /// member that asked twice to join is fenced by itself, and would stay out for ever.
    fn stay(self: Arc<Self>) {
        let mut pause = REJOIN;
        let mut since = Clock::machine();
        while !self.leaving.is_set() {
            let polled = self.with(|consumer| {
                if let Some(Err(error)) = consumer.poll(Duration::from_millis(200)) {
                    tracing::debug!(group = self.group, %error, "group");
                }
                consumer.client().fatal_error()
            });
            if let Some(None) = polled {
                continue;
            }
            if let Some(Some((_, reason))) = polled {
                tracing::warn!(
                    group = self.group,
                    reason,
                    "thrown out of the group, joining again; no two instances may have one --instance"
                );
            }
            // While it is dropped, it may still give back what it had, through the context.
            drop(self.put(None));
            self.give_back();
            if since.running() > REJOIN_AT_MOST {
                pause = REJOIN;
            }
            if self.leaving.wait(pause) {
                return;
            }
            pause = (pause * 2).min(REJOIN_AT_MOST);
            since = Clock::machine();
            if let Err(error) = self.take() {
                tracing::warn!(group = self.group, %error, "joining a group; trying again");
            }
        }
    }

    fn tell(&self, change: Change) {
        // Nobody listens any more only when the service ends.
        drop(self.changes.lock().unwrap_or_else(PoisonError::into_inner).send(change));
    }

    fn hold(&self, partitions: Vec<Partition>) -> Vec<Partition> {
        mem::replace(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner), partitions)
    }

    /// What was ours is so no more; returns when work on it has ended, or was given up.
    fn give_back(&self) {
        let named = self.hold(Vec::new());
        if named.is_empty() {
            return;
        }
        tracing::debug!(group = self.group, ?named, "revoked");
        let (done, ended) = channel();
        self.tell(Change::Revoked(named, done));
        let patience = if self.leaving.is_set() { Duration::ZERO } else { HAND_OVER };
        // Whoever ends work on them drops its end: that, too, is an answer.
        if ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) && !patience.is_zero() {
            tracing::warn!(
                group = self.group,
                "partitions were handed over before work on them had ended"
            );
        }
    }
}

struct Context {
    /// It holds our client, and so us.
    seat: Weak<Seat>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "group");
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        // A client goes before its seat does.
        let Some(seat) = self.seat.upgrade() else {
            return;
        };
        if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // Assigned at a place that is never read: paused, and read by other clients.
            let mut parked = partitions.clone();
            let parked = parked
                .set_all_offsets(Offset::Offset(0))
                .and_then(|()| consumer.assign(&parked))
                .and_then(|()| consumer.pause(&parked));
            if let Err(error) = parked {
                tracing::warn!(group = seat.group, %error, "taking an assignment failed; the group will try again");
                return;
            }
            let named: Vec<Partition> = partitions
                .elements()
                .iter()
                .map(|element| (element.topic().to_owned(), element.partition()))
                .collect();
            tracing::debug!(group = seat.group, ?named, "assigned");
            seat.hold(named.clone());
            seat.tell(Change::Assigned(named));
        } else {
            seat.give_back();
            if let Err(error) = consumer.unassign() {
                tracing::warn!(group = seat.group, %error, "giving an assignment back failed");
            }
        }
    }
}
