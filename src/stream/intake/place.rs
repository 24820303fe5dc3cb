//! From where the client reads a partition.

use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::stream::clients::Quiet;
use crate::stream::error::StreamError;
use crate::stream::membership::Partition;
use crate::stream::read::client_position;

/// The client forgets within this where it stood in a partition that is read from elsewhere; it takes no millisecond.
const FORGETS_WITHIN: Duration = Duration::from_secs(10);

/// Has a partition read from an offset, or no more.
pub(super) fn place(
    reader: &BaseConsumer<Quiet>,
    of: &Partition,
    offset: Option<i64>,
) -> Result<(), StreamError> {
    let (topic, partition) = of;
    let what = format!("read {topic}/{partition}");
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, *partition);
    let assigned = reader.assignment().map_err(StreamError::cluster(what.clone()))?;
    if assigned.find_partition(topic, *partition).is_some() {
        reader.incremental_unassign(&list).map_err(StreamError::cluster(what.clone()))?;
    }
    let Some(offset) = offset else { return Ok(()) };
    list.set_partition_offset(topic, *partition, Offset::Offset(offset))
        .and_then(|()| reader.incremental_assign(&list))
        .map_err(StreamError::cluster(what.clone()))?;
    // Where it stood before is forgotten by another thread of the client's. Until then its position would lead us over
    // what is to be read again; from then on it has none before it gives a record out, which is for us to ask.
    for _ in 0..FORGETS_WITHIN.as_millis() {
        if client_position(reader, of).is_none() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1));
    }
    let slow = KafkaError::Seek("the client still stands where it stood".to_owned());
    Err(StreamError::cluster(what)(slow))
}

/// Has a partition not read for a while, or read again.
pub(super) fn hold(reader: &BaseConsumer<Quiet>, (topic, partition): &Partition, hold: bool) {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, *partition);
    let done = if hold { reader.pause(&list) } else { reader.resume(&list) };
    if let Err(error) = done {
        tracing::debug!(%error, "a lane cannot be held");
    }
}
