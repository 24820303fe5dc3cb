//! Follows what was published: results and alerts of all models, from the beginning, as anybody could who reads
//! committed.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::alert::AlertEvent;
use crate::epoch::Epochs;
use crate::stream::clients::{Clients, Quiet};
use crate::stream::control::{self, InForce};
use crate::stream::error::{StreamError, chain};
use crate::stream::read::{Reading, is_passing, read_all_to_end};
use crate::stream::stop::Stop;
use crate::stream::topics::{describe, watermarks};
use crate::window::WindowResult;

/// Who is told of what was published.
pub trait Follow: Send {
    /// A result, when it was published (in microseconds since 1970), and all that was ever in force.
    fn result(&mut self, result: WindowResult, published: Option<i64>, epochs: &Epochs);
    /// An alert event.
    fn alert(&mut self, event: AlertEvent);
    /// So many records were there at the beginning and are still to be read; or the topics cannot be read, for this
    /// reason.
    fn behind(&mut self, records: Result<u64, String>);
}

/// Nobody who is told.
pub(super) struct Nobody;

impl Follow for Nobody {
    fn result(&mut self, _: WindowResult, _: Option<i64>, _: &Epochs) {}
    fn alert(&mut self, _: AlertEvent) {}
    fn behind(&mut self, _: Result<u64, String>) {}
}

/// How long we wait before a topic that cannot be read is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// How long we wait for the next result before we look for alerts.
const WAIT: Duration = Duration::from_millis(100);

/// After so many results it is said how much is left to be read.
const EVERY: u64 = 200;

/// Where the next record of each partition lies.
type Positions = BTreeMap<i32, i64>;

/// Follows results and alerts until it is told to stop. What cannot be read is said and tried again.
pub(super) fn follow(clients: &Clients, in_force: &InForce, who: &mut dyn Follow, stop: &Stop) {
    let topics = &clients.kafka().topics;
    let mut positions = [&topics.results, &topics.alerts].map(|topic| (topic, Positions::new()));
    while !stop.is_set() {
        if let Err(error) = follow_once(clients, in_force, who, &mut positions, stop) {
            let error = chain(&error);
            tracing::warn!(error, "results and alerts cannot be followed; trying again");
            who.behind(Err(error));
            stop.wait(AGAIN);
        }
    }
}

/// Tells of everything that was published up to now.
///
/// # Errors
/// A cluster that does not answer, or what was put in force cannot be understood.
pub fn read_published(clients: &Clients, who: &mut dyn Follow) -> Result<(), StreamError> {
    let epochs = control::read(clients)?.compile()?;
    let topics = &clients.kafka().topics;
    let described = describe(clients, &[topics.results.clone(), topics.alerts.clone()])?;
    let partitions = |topic: &String| described.get(topic).map_or(0, |found| found.partitions);
    read_all_to_end(
        clients,
        &topics.results,
        partitions(&topics.results),
        Reading::Committed,
        |_, record| {
            if let Some(Ok(result)) = record.value.map(serde_json::from_slice) {
                who.result(result, record.timestamp.map(|time| time * 1000), &epochs);
            }
            Ok(())
        },
    )?;
    read_all_to_end(
        clients,
        &topics.alerts,
        partitions(&topics.alerts),
        Reading::Committed,
        |_, record| {
            if let Some(Ok(event)) = record.value.map(serde_json::from_slice) {
                who.alert(event);
            }
            Ok(())
        },
    )
}

/// A topic that is followed.
struct Source<'f> {
    topic: &'f str,
    reader: BaseConsumer<Quiet>,
    positions: &'f mut Positions,
    /// Where partitions ended when we came, as long as we have not got there.
    ends: Positions,
}

impl<'f> Source<'f> {
    fn open(
        clients: &Clients,
        topic: &'f str,
        positions: &'f mut Positions,
    ) -> Result<Self, StreamError> {
        let what = || format!("follow {topic}");
        let described = describe(clients, &[topic.to_owned()])?;
        // It was there when we started; without it nothing would ever be shown, and nobody told why.
        let partitions = described.get(topic).map(|found| found.partitions).ok_or_else(|| {
            let hint = "`vigie topics create` makes it again".to_owned();
            StreamError::NoTopic { topic: topic.to_owned(), hint }
        })?;
        let reader = clients.reader_with_end("follow", true)?;
        let mut list = TopicPartitionList::new();
        let mut ends = Positions::new();
        for partition in 0..partitions {
            let (first, next) = watermarks(&reader, topic, partition)?;
            let known = positions.get(&partition).copied().unwrap_or(first);
            // What retention took meanwhile is gone; a topic that was made anew begins anew.
            let from = if (first..=next).contains(&known) { known } else { first };
            positions.insert(partition, from);
            list.add_partition_offset(topic, partition, Offset::Offset(from))
                .map_err(StreamError::cluster(what()))?;
            if from < next {
                ends.insert(partition, next);
            }
        }
        reader.assign(&list).map_err(StreamError::cluster(what()))?;
        Ok(Self { topic, reader, positions, ends })
    }

    /// Gives the next record to `take`; whether there was one.
    fn next(
        &mut self,
        wait: Duration,
        take: impl FnOnce(&[u8], Option<i64>) -> Result<(), serde_json::Error>,
    ) -> Result<bool, StreamError> {
        match self.reader.poll(wait) {
            None => Ok(false),
            Some(Ok(message)) => {
                let (partition, offset) = (message.partition(), message.offset());
                let published = message.timestamp().to_millis().map(|time| time * 1000);
                let taken = message.payload().map_or(Ok(()), |value| take(value, published));
                if let Err(error) = taken {
                    let topic = self.topic;
                    let what = "a record is nothing that this version knows, and is not shown";
                    tracing::warn!(topic, partition, offset, %error, "{what}");
                }
                self.positions.insert(partition, offset + 1);
                Ok(true)
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.ends.remove(&partition);
                Ok(true)
            }
            Some(Err(error)) if is_passing(&error) => {
                tracing::debug!(%error, "following goes on");
                Ok(false)
            }
            Some(Err(error)) => {
                if is_out_of_range(&error) {
                    // What was to come next is gone: what is there is read from its beginning.
                    self.positions.clear();
                }
                Err(StreamError::cluster(format!("follow {}", self.topic))(error))
            }
        }
    }

    /// How many records are left of those that were there.
    fn left(&self) -> u64 {
        let at = |partition| self.positions.get(partition).copied().unwrap_or(0);
        let left = self.ends.iter().map(|(partition, end)| end - at(partition));
        left.map(|records| u64::try_from(records).unwrap_or(0)).sum()
    }
}

fn follow_once(
    clients: &Clients,
    in_force: &InForce,
    who: &mut dyn Follow,
    topics: &mut [(&String, Positions); 2],
    stop: &Stop,
) -> Result<(), StreamError> {
    let [(results, of_results), (alerts, of_alerts)] = topics;
    let mut results = Source::open(clients, results, of_results)?;
    let mut alerts = Source::open(clients, alerts, of_alerts)?;
    let mut said = None;
    let mut taken: u64 = 0;
    while !stop.is_set() {
        let left = results.left() + alerts.left();
        if said != Some(left) && (taken.is_multiple_of(EVERY) || left == 0) {
            who.behind(Ok(left));
            said = Some(left);
        }
        taken += 1;
        let more = results.next(WAIT, |value, published| {
            let result = serde_json::from_slice(value)?;
            who.result(result, published, &in_force.now().epochs);
            Ok(())
        })?;
        // While there are many results, alerts come between them.
        let more_alerts = |taken: u64| !more || taken.is_multiple_of(EVERY);
        while more_alerts(taken)
            && alerts.next(Duration::ZERO, |value, _| {
                who.alert(serde_json::from_slice(value)?);
                Ok(())
            })?
        {}
    }
    Ok(())
}

fn is_out_of_range(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset)
    )
}
