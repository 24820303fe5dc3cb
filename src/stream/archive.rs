//! Reads results and alerts, committed, and the tally log where rows are asked for, for whoever keeps them as files.
//!
//! A group shares out the partitions of all topics. How far each is archived is known by the archive itself and not by
//! the group: whoever takes a partition over goes on there, and what is written a second time is the same. Any failure
//! ends a session, is said and counted, and the next one begins anew; nothing else of the service waits for it.

use std::collections::BTreeMap;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use crate::stream::clients::{Clients, Quiet};
use crate::stream::crash;
use crate::stream::error::{StreamError, chain};
use crate::stream::membership::{Change, Membership, Partition};
use crate::stream::read::is_passing;
use crate::stream::stop::Stop;
use crate::stream::topics::{describe, watermarks};
use crate::telemetry::{Stage, Telemetry};

/// Why something cannot be archived.
pub type ArchiveError = Box<dyn Error + Send + Sync>;

/// Makes what keeps files: anew after every failure.
pub type MakeArchive =
    Box<dyn Fn(&Clients) -> Result<Box<dyn Archive>, ArchiveError> + Send + Sync>;

/// What a topic that is archived holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Archived {
    /// Window results.
    Results,
    /// Alert events.
    Alerts,
    /// Scored rows, and what became known of them.
    Tally,
}

/// A partition that is archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchivedPartition {
    /// What its topic holds.
    pub holds: Archived,
    /// The topic's own id.
    pub id: u128,
    /// The partition.
    pub partition: i32,
}

/// What was done of what there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A file was written; there is more to do.
    Wrote,
    /// All is written that can be, and so is how far that goes; with the number of records that are none.
    Done(u64),
}

/// Keeps records as files.
pub trait Archive: Send {
    /// From where on a partition is not archived yet; `None` where nothing of it is.
    ///
    /// # Errors
    /// A place that cannot be read.
    fn position(&mut self, of: &ArchivedPartition) -> Result<Option<i64>, ArchiveError>;

    /// Records between that and the next one that comes are gone.
    fn lose(&mut self, of: &ArchivedPartition);

    /// Takes the next record of a partition; whether files are complete by it.
    fn take(&mut self, of: &ArchivedPartition, offset: i64, timestamp: i64, value: &[u8]) -> bool;

    /// Writes the next of the files that are complete.
    ///
    /// # Errors
    /// A place that cannot be written.
    fn step(&mut self, of: &ArchivedPartition) -> Result<Step, ArchiveError>;

    /// Forgets what was taken of a partition and is not written.
    fn release(&mut self, of: &ArchivedPartition);
}

/// The archive of one instance.
pub(super) struct Archiving<'a> {
    pub(super) clients: &'a Clients,
    pub(super) make: &'a MakeArchive,
    /// Whether scored rows are kept too.
    pub(super) rows: bool,
    pub(super) telemetry: &'a Telemetry,
    pub(super) stop: &'a Stop,
}

/// How long to wait for a record where there is none.
const IDLE: Duration = Duration::from_millis(500);
/// How far the topics go is asked so often.
const LAG_EVERY: Duration = Duration::from_secs(5);
/// After a failure it begins anew so much later, and after twice as long each time...
const AGAIN: Duration = Duration::from_secs(1);
/// ...but no later than this.
const AGAIN_AT_MOST: Duration = Duration::from_mins(1);

impl Archiving<'_> {
    /// Runs until it is told to stop.
    pub(super) fn run(&self) {
        let mut wait = AGAIN;
        while !self.stop.is_set() {
            let began = self.telemetry.clock().running();
            // A fault of ours must not take the stages along either.
            let error = match catch_unwind(AssertUnwindSafe(|| self.member())) {
                Ok(Ok(())) => break,
                Ok(Err(error)) => chain(&error),
                Err(_) => "it panicked; see above".to_owned(),
            };
            self.telemetry.archive_failed();
            tracing::error!(
                error,
                "the archive has failed and begins anew; the stages go on without it"
            );
            let lasted = self.telemetry.clock().running().saturating_sub(began);
            wait = if lasted > AGAIN_AT_MOST { AGAIN } else { (wait * 2).min(AGAIN_AT_MOST) };
            self.stop.wait(wait);
        }
    }

    /// One membership in the group, until something fails.
    fn member(&self) -> Result<(), StreamError> {
        let topics = &self.clients.kafka().topics;
        let mut read = vec![topics.results.clone(), topics.alerts.clone()];
        if self.rows {
            read.push(self.clients.kafka().topic("tally"));
        }
        let (_membership, changes) = Membership::join(self.clients, "archive", &read)?;
        let archive = (self.make)(self.clients).map_err(|source| StreamError::Archive {
            topic: read[0].clone(),
            partition: 0,
            source,
        })?;
        let mut session = Session {
            clients: self.clients,
            telemetry: self.telemetry,
            reader: self.clients.reader("archive-reader", true)?,
            archive,
            open: BTreeMap::new(),
        };
        let ended = session.work(&changes, self.stop);
        for (topic, partition) in session.open.keys() {
            self.telemetry.archive_released(topic, *partition);
        }
        ended
    }
}

/// Partitions that are ours, until something fails.
struct Session<'a> {
    clients: &'a Clients,
    telemetry: &'a Telemetry,
    reader: BaseConsumer<Quiet>,
    archive: Box<dyn Archive>,
    open: BTreeMap<Partition, Open>,
}

/// A partition that is read.
struct Open {
    of: ArchivedPartition,
    /// The offset that is read next.
    next: i64,
}

impl Session<'_> {
    fn work(&mut self, changes: &Receiver<Change>, stop: &Stop) -> Result<(), StreamError> {
        let mut asked = Duration::ZERO;
        while !stop.is_set() {
            match changes.try_recv() {
                Ok(Change::Assigned(partitions)) => {
                    for partition in partitions {
                        let open = self.open(&partition)?;
                        self.open.insert(partition, open);
                    }
                    self.assign()?;
                    continue;
                }
                Ok(Change::Revoked(partitions, done)) => {
                    for partition in &partitions {
                        if let Some(open) = self.open.remove(partition) {
                            self.archive.release(&open.of);
                            self.telemetry.archive_released(&partition.0, partition.1);
                        }
                    }
                    self.assign()?;
                    drop(done);
                    continue;
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => break,
            }
            let now = self.telemetry.clock().running();
            if now.saturating_sub(asked) >= LAG_EVERY {
                asked = now;
                self.report_lag();
            }
            if self.open.is_empty() {
                stop.wait(IDLE);
            } else {
                self.take_next()?;
            }
        }
        Ok(())
    }

    /// Finds out where a partition goes on.
    fn open(&mut self, (topic, partition): &Partition) -> Result<Open, StreamError> {
        let described = describe(self.clients, slice::from_ref(topic))?;
        let id =
            described.get(topic).map(|found| found.id).ok_or_else(|| StreamError::NoTopic {
                topic: topic.clone(),
                hint: "it has just been deleted".to_owned(),
            })?;
        let topics = &self.clients.kafka().topics;
        let holds = if *topic == topics.alerts {
            Archived::Alerts
        } else if *topic == topics.results {
            Archived::Results
        } else {
            Archived::Tally
        };
        let of = ArchivedPartition { holds, id, partition: *partition };
        let position = self.archive.position(&of).map_err(failed(topic, *partition))?;
        let (first, end) = watermarks(&self.reader, topic, *partition)?;
        let next = position.unwrap_or(first);
        if next < first {
            tracing::error!(
                topic,
                partition,
                from = next,
                to = first,
                "these offsets were deleted before they were archived, and are missing from it"
            );
            self.telemetry.archive_lost((first - next).unsigned_abs());
            self.archive.lose(&of);
        }
        let next = next.max(first);
        tracing::info!(topic, partition, from = next, end, "archiving");
        Ok(Open { of, next })
    }

    fn assign(&self) -> Result<(), StreamError> {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), open) in &self.open {
            list.add_partition_offset(topic, *partition, Offset::Offset(open.next))
                .map_err(StreamError::cluster(format!("read {topic}/{partition}")))?;
        }
        self.reader.assign(&list).map_err(StreamError::cluster("read what is archived"))
    }

    fn take_next(&mut self) -> Result<(), StreamError> {
        let message = match self.reader.poll(IDLE) {
            None => return Ok(()),
            Some(Err(error)) if is_passing(&error) => return Ok(()),
            Some(Err(error)) => {
                return Err(StreamError::cluster("read what is archived")(error));
            }
            Some(Ok(message)) => message,
        };
        let (topic, partition) = (message.topic().to_owned(), message.partition());
        let Some(open) = self.open.get_mut(&(topic.clone(), partition)) else { return Ok(()) };
        // What an assignment before this one had fetched.
        if message.offset() < open.next {
            return Ok(());
        }
        open.next = message.offset() + 1;
        let timestamp = message.timestamp().to_millis().unwrap_or(0);
        let value = message.payload().unwrap_or_default();
        if !self.archive.take(&open.of, message.offset(), timestamp, value) {
            return Ok(());
        }
        crash::point(crash::ARCHIVE_CUT);
        loop {
            match self.archive.step(&open.of).map_err(failed(&topic, partition))? {
                Step::Wrote => {
                    self.telemetry.archived();
                    crash::point(crash::ARCHIVE_WRITTEN);
                }
                Step::Done(unreadable) => {
                    if unreadable > 0 {
                        tracing::error!(
                            topic,
                            partition,
                            records = unreadable,
                            "records that are not what their topic holds, or of another version, are not archived"
                        );
                        self.telemetry.archive_lost(unreadable);
                    }
                    crash::point(crash::ARCHIVE_DONE);
                    return Ok(());
                }
            }
        }
    }

    /// Says how far behind the topics' ends we are.
    fn report_lag(&self) {
        for ((topic, partition), open) in &self.open {
            match watermarks(&self.reader, topic, *partition) {
                Ok((_, end)) => {
                    self.telemetry.lag(Stage::Archive, topic, *partition, end - open.next);
                }
                Err(error) => tracing::debug!(topic, error = chain(&error), "the lag is not known"),
            }
        }
    }
}

fn failed(topic: &str, partition: i32) -> impl FnOnce(ArchiveError) -> StreamError {
    move |source| StreamError::Archive { topic: topic.to_owned(), partition, source }
}
