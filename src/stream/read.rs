//! Reading a partition from its beginning to its end.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use crate::intake;
use crate::stream::clients::{Clients, Quiet};
use crate::stream::error::StreamError;
use crate::stream::membership::Partition;
use crate::stream::topics::{lanes, watermarks};

/// Which records of a partition are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Those of transactions that were committed, and all outside of any.
    Committed,
    /// All that are there.
    Everything,
}

/// A record that was read.
#[derive(Clone, Copy)]
pub struct ReadRecord<'m> {
    /// Where it stands.
    pub offset: i64,
    /// Its key.
    pub key: Option<&'m [u8]>,
    /// Its value.
    pub value: Option<&'m [u8]>,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    headers: Option<&'m BorrowedHeaders>,
}

impl fmt::Debug for ReadRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadRecord").field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl<'m> ReadRecord<'m> {
    /// A header, as text.
    pub fn header(&self, name: &str) -> Option<&'m str> {
        let headers = self.headers?;
        let found = headers.iter().find(|header| header.key == name)?;
        str::from_utf8(found.value?).ok()
    }
}

impl intake::Headers for ReadRecord<'_> {
    fn last(&self, name: &str) -> Option<Option<&[u8]>> {
        self.headers?.iter().filter(|header| header.key == name).last().map(|header| header.value)
    }
}

/// How long a partition may say nothing before we take it that it cannot be read.
const SILENCE: Duration = Duration::from_secs(30);

/// Gives every record of a partition from the first that is there to the last, as it is now, to `take`.
///
/// # Errors
/// A cluster that does not answer, a partition that says nothing for long, and what `take` answers.
pub fn read_to_end(
    clients: &Clients,
    topic: &str,
    partition: i32,
    reading: Reading,
    take: impl FnMut(ReadRecord<'_>) -> Result<(), StreamError>,
) -> Result<(), StreamError> {
    let reader = clients.reader_to_end("read", reading == Reading::Committed)?;
    let (first, _) = watermarks(&reader, topic, partition)?;
    read_range(&reader, topic, partition, first, i64::MAX, take)
}

/// The same from a position on, or from the first record that is there where that is later or none is given.
///
/// # Errors
/// As those of [`read_to_end`].
pub fn read_on(
    clients: &Clients,
    topic: &str,
    partition: i32,
    from: Option<i64>,
    take: impl FnMut(ReadRecord<'_>) -> Result<(), StreamError>,
) -> Result<(), StreamError> {
    let reader = clients.reader_to_end("read", true)?;
    let (first, end) = watermarks(&reader, topic, partition)?;
    let from = from.unwrap_or(first).max(first);
    if from >= end {
        return Ok(());
    }
    read_range(&reader, topic, partition, from, i64::MAX, take)
}

/// Gives the first records of a topic to `take`, about `most` in all, as many of each partition.
///
/// # Errors
/// A cluster that does not answer, a topic that it does not have, and what `take` answers.
pub fn read_first(
    clients: &Clients,
    topic: &str,
    most: u32,
    mut take: impl FnMut(ReadRecord<'_>) -> Result<(), StreamError>,
) -> Result<(), StreamError> {
    let partitions = lanes(clients, &[topic.to_owned()])?.len();
    let share = u64::from(most).div_ceil(partitions.max(1) as u64);
    let reader = clients.reader_to_end("read", true)?;
    for partition in (0..).take(partitions) {
        let (first, _) = watermarks(&reader, topic, partition)?;
        let to = first.saturating_add_unsigned(share);
        read_range(&reader, topic, partition, first, to, &mut take)?;
    }
    Ok(())
}

/// Gives every record of partitions 0 to before `partitions` of a topic at once, each in its order, to `take`.
pub(super) fn read_all_to_end(
    clients: &Clients,
    topic: &str,
    partitions: i32,
    reading: Reading,
    mut take: impl FnMut(i32, ReadRecord<'_>) -> Result<(), StreamError>,
) -> Result<(), StreamError> {
    let reader = clients.reader_to_end("read", reading == Reading::Committed)?;
    let what = format!("read {topic}");
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        let (first, _) = watermarks(&reader, topic, partition)?;
        list.add_partition_offset(topic, partition, Offset::Offset(first))
            .map_err(StreamError::cluster(what.clone()))?;
    }
    reader.assign(&list).map_err(StreamError::cluster(what.clone()))?;
    let mut ended = BTreeSet::new();
    while ended.len() < partitions.unsigned_abs() as usize {
        match reader.poll(SILENCE) {
            // What comes after the end that was seen is for the next time.
            Some(Ok(message)) if ended.contains(&message.partition()) => {}
            Some(Ok(message)) => take(message.partition(), record(&message))?,
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ended.insert(partition);
            }
            Some(Err(error)) if is_passing(&error) => {
                tracing::debug!(%error, "reading goes on");
            }
            Some(Err(error)) => return Err(StreamError::cluster(what)(error)),
            None => {
                return Err(StreamError::cluster(what)(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::OperationTimedOut,
                )));
            }
        }
    }
    Ok(())
}

fn record<'m>(message: &'m BorrowedMessage<'_>) -> ReadRecord<'m> {
    ReadRecord {
        offset: message.offset(),
        key: message.key(),
        value: message.payload(),
        timestamp: message.timestamp().to_millis(),
        headers: message.headers(),
    }
}

/// Gives every record of a partition from `from` to before `to`, as far as it goes now, to `take`.
pub(super) fn read_range(
    reader: &BaseConsumer<Quiet>,
    topic: &str,
    partition: i32,
    from: i64,
    to: i64,
    mut take: impl FnMut(ReadRecord<'_>) -> Result<(), StreamError>,
) -> Result<(), StreamError> {
    let what = format!("read {topic}/{partition}");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(from))
        .and_then(|()| reader.assign(&list))
        .map_err(StreamError::cluster(what.clone()))?;
    loop {
        match reader.poll(SILENCE) {
            Some(Ok(message)) => {
                if message.offset() >= to {
                    return Ok(());
                }
                take(record(&message))?;
                if message.offset() + 1 >= to {
                    return Ok(());
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
            Some(Err(error)) if is_passing(&error) => {
                tracing::debug!(%error, "reading goes on");
            }
            Some(Err(error)) => return Err(StreamError::cluster(what)(error)),
            None => {
                return Err(StreamError::cluster(what)(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::OperationTimedOut,
                )));
            }
        }
    }
}

/// Whether a partition in which nothing was found from `from` on holds nothing before `to`: it ends before `from`, or the
/// client has come to `to` over offsets without a record (transaction markers).
///
/// That it ends before `to` says nothing: what lies between may still be on its way to us.
///
/// # Errors
/// A cluster that does not answer.
pub(super) fn holds_nothing(
    reader: &BaseConsumer<Quiet>,
    partition: &Partition,
    from: i64,
    to: i64,
) -> Result<bool, StreamError> {
    let (_, next) = watermarks(reader, &partition.0, partition.1)?;
    Ok(next <= from || client_position(reader, partition).is_some_and(|position| position >= to))
}

/// Where the client stands in a partition: behind what it has given out, and the offsets without a record that it has
/// passed. `None` before the first.
pub(super) fn client_position(
    reader: &BaseConsumer<Quiet>,
    (topic, partition): &Partition,
) -> Option<i64> {
    let positions = reader.position().ok()?;
    match positions.find_partition(topic, *partition)?.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}

/// Whether an error of a reader passes by itself: the client tries again.
pub(super) fn is_passing(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode::{
        AllBrokersDown, BrokerTransportFailure, LeaderNotAvailable, NetworkException,
        NotLeaderForPartition, OperationTimedOut, Resolve,
    };
    matches!(
        error.rdkafka_error_code(),
        Some(
            AllBrokersDown
                | BrokerTransportFailure
                | LeaderNotAvailable
                | NetworkException
                | NotLeaderForPartition
                | OperationTimedOut
                | Resolve
        )
    )
}
