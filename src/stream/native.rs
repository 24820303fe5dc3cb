//! What librdkafka can do and rdkafka does not offer: the ids of topics, the metadata of offsets as bytes, and records by
//! the batch.
#![expect(unsafe_code, reason = "these are only to be had from rdkafka-sys")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_void};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{null, null_mut};
use std::slice;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::admin::AdminClient;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka_sys as sys;

use crate::intake::Headers;
use crate::stream::clients::log;
use crate::stream::membership::Partition;

/// What the cluster says of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Described {
    /// Its id: another one when it is deleted and made again.
    pub(super) id: u128,
    /// How many partitions it has.
    pub(super) partitions: i32,
}

/// Describes topics; those that do not exist are left out. A topic of which the cluster cannot tell is an error: whoever
/// asks must not take it for one that is not there.
pub(super) fn describe_topics<C: ClientContext>(
    client: &AdminClient<C>,
    topics: &[String],
    patience: Duration,
) -> Result<BTreeMap<String, Described>, KafkaError> {
    let names: Vec<CString> = topics
        .iter()
        .map(|topic| CString::new(topic.as_str()))
        .collect::<Result<_, _>>()
        .map_err(|_| KafkaError::AdminOp(RDKafkaErrorCode::InvalidTopic))?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let native = client.inner().native_ptr();
    let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: every pointer that is made here is destroyed below, after its last use; the event owns what the result
    // pointers refer to; the names outlive the call that copies them.
    unsafe {
        let collection =
            sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let queue = sys::rd_kafka_queue_new(native);
        sys::rd_kafka_DescribeTopics(native, collection, null_mut(), queue);
        let event = sys::rd_kafka_queue_poll(queue, milliseconds);
        let found = if event.is_null() {
            Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut))
        } else {
            let error = sys::rd_kafka_event_error(event);
            if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                read(event)
            } else {
                Err(KafkaError::AdminOp(error.into()))
            }
        };
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_queue_destroy(queue);
        sys::rd_kafka_TopicCollection_destroy(collection);
        found
    }
}

/// Takes what was logged from a queue: its level, as syslog has them, who says it, and what.
///
/// # Safety
/// The queue must be alive.
unsafe fn take_logs(queue: *mut sys::rd_kafka_queue_t, mut take: impl FnMut(i32, &str, &str)) {
    // SAFETY: by the caller the queue is alive; each event is destroyed once, after the last use of what it holds.
    unsafe {
        loop {
            let event = sys::rd_kafka_queue_poll(queue, 0);
            if event.is_null() {
                return;
            }
            let (mut facility, mut message, mut level) = (null(), null(), 0);
            let (of, what) = (&raw mut facility, &raw mut message);
            if sys::rd_kafka_event_log(event, of, what, &raw mut level) == 0 {
                let [facility, message] =
                    [facility, message].map(|text| CStr::from_ptr(text).to_string_lossy());
                take(level, &facility, &message);
            }
            sys::rd_kafka_event_destroy(event);
        }
    }
}

/// What a client has said of its connections, the last of it: why the cluster gives no answer.
pub(super) fn last_trouble<C: ClientContext>(client: &AdminClient<C>) -> Option<String> {
    let mut last = None;
    // SAFETY: the client is alive, and with it its queue, which is given back.
    unsafe {
        let main = sys::rd_kafka_queue_get_main(client.inner().native_ptr());
        take_logs(main, |_, facility, message| {
            if facility == "FAIL" {
                // Before it stands which of the client's threads says so.
                let said = message.split_once("]: ").map_or(message, |(_, said)| said);
                last = Some(said.to_owned());
            }
        });
        sys::rd_kafka_queue_destroy(main);
    }
    last
}

/// # Safety
/// The event must be alive.
unsafe fn read(
    event: *mut sys::rd_kafka_event_t,
) -> Result<BTreeMap<String, Described>, KafkaError> {
    let mut described = BTreeMap::new();
    // SAFETY: by the caller the event is alive; what its accessors give lives as long and is read here only, within
    // the counts that they give.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Ok(described);
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        for index in 0..count {
            let topic = *topics.add(index);
            let error = sys::rd_kafka_error_code(sys::rd_kafka_TopicDescription_error(topic));
            match error.into() {
                RDKafkaErrorCode::NoError => {}
                RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition => {
                    continue;
                }
                error => return Err(KafkaError::AdminOp(error)),
            }
            let name = CStr::from_ptr(sys::rd_kafka_TopicDescription_name(topic));
            let id = sys::rd_kafka_TopicDescription_topic_id(topic);
            let high = sys::rd_kafka_Uuid_most_significant_bits(id).cast_unsigned();
            let low = sys::rd_kafka_Uuid_least_significant_bits(id).cast_unsigned();
            let mut partitions = 0;
            sys::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
            described.insert(
                name.to_string_lossy().into_owned(),
                Described {
                    id: u128::from(high) << 64 | u128::from(low),
                    partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
                },
            );
        }
    }
    Ok(described)
}

/// The metadata of a list's elements, in their order; what is not UTF-8 (anyone with access to the group can commit
/// it) is replaced.
pub(super) fn metadata(list: &TopicPartitionList) -> Vec<String> {
    let native = list.ptr();
    // SAFETY: the list is alive while it is borrowed; its elements and their metadata are read within the sizes that
    // it states.
    unsafe {
        (0..usize::try_from((*native).cnt).unwrap_or(0))
            .map(|index| {
                let element = (*native).elems.add(index);
                let (start, size) = ((*element).metadata.cast::<u8>(), (*element).metadata_size);
                if start.is_null() {
                    return String::new();
                }
                String::from_utf8_lossy(slice::from_raw_parts(start, size)).into_owned()
            })
            .collect()
    }
}

/// A consumer that gives its records by the batch: asked for one by one, each costs as much as it takes to parse the
/// half of it.
pub(super) struct BatchConsumer<C: ConsumerContext + 'static> {
    /// Its queue; destroyed before the consumer.
    queue: *mut sys::rd_kafka_queue_t,
    /// What it logs: with its records it would come to whoever polls by the batch, who has no ear for it, and be printed.
    logs: *mut sys::rd_kafka_queue_t,
    room: Vec<*mut sys::rd_kafka_message_t>,
    consumer: BaseConsumer<C>,
}

// SAFETY: librdkafka's queues may be used from any thread; `room` holds no message between calls.
unsafe impl<C: ConsumerContext + 'static> Send for BatchConsumer<C> {}

/// A record, while its batch is alive.
pub(super) struct Incoming<'b> {
    message: *mut sys::rd_kafka_message_t,
    batch: PhantomData<&'b ()>,
}

/// What a batch has in the place of a record.
#[derive(Debug)]
pub(super) struct Trouble {
    /// What librdkafka says.
    pub(super) error: KafkaError,
    /// The partition that it is of, where it is of one. Then the client's position in it may be wrong: librdkafka takes the
    /// offset at which the trouble is for one that it has given out (`rd_kafka_q_serve_rkmessages`, seen in 2.12.1).
    pub(super) of: Option<Partition>,
}

/// Messages of a batch that are to be destroyed.
struct Batch<'r>(&'r [*mut sys::rd_kafka_message_t]);

impl<C: ConsumerContext + 'static> BatchConsumer<C> {
    /// Takes over a consumer, of which so many records are asked for at once.
    pub(super) fn new(consumer: BaseConsumer<C>, batch: usize) -> Self {
        let native = consumer.client().native_ptr();
        // SAFETY: the consumer is alive, and outlives both queues.
        let (queue, logs) = unsafe {
            let logs = sys::rd_kafka_queue_new(native);
            // It fails only where logs do not go to any queue.
            let _error = sys::rd_kafka_set_log_queue(native, logs);
            (sys::rd_kafka_queue_get_consumer(native), logs)
        };
        Self { queue, logs, room: vec![null_mut(); batch], consumer }
    }

    /// The consumer, for all but its records.
    pub(super) fn consumer(&self) -> &BaseConsumer<C> {
        &self.consumer
    }

    /// Passes on what was logged.
    fn pass_logs_on(&self) {
        let pass_on = |level, facility: &str, message: &str| {
            let level = match level {
                ..=2 => RDKafkaLogLevel::Critical,
                3 | 4 => RDKafkaLogLevel::Error,
                _ => RDKafkaLogLevel::Debug,
            };
            log(level, facility, message);
        };
        // SAFETY: the queue is ours, and alive as long as we are.
        unsafe { take_logs(self.logs, pass_on) };
    }

    /// Gives each record or error that is there, or comes within `wait`, to `take`, until it refuses one: what is left
    /// of the batch is then lost to whoever does not ask for it again. How many there were.
    pub(super) fn each<E>(
        &mut self,
        wait: Duration,
        mut take: impl FnMut(Result<Incoming<'_>, Trouble>) -> Result<(), E>,
    ) -> Result<usize, E> {
        self.pass_logs_on();
        let milliseconds = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: queue and room are ours, and of the size that is said.
        let found = unsafe {
            sys::rd_kafka_consume_batch_queue(
                self.queue,
                milliseconds,
                self.room.as_mut_ptr(),
                self.room.len(),
            )
        };
        // Negative where the queue is none of ours, which it is.
        let batch = Batch(&self.room[..usize::try_from(found).unwrap_or(0)]);
        for &message in batch.0 {
            // SAFETY: a message of the batch, which is alive until the end of this function.
            let (error, is_of_one) = unsafe { ((*message).err, !(*message).rkt.is_null()) };
            let incoming = Incoming { message, batch: PhantomData };
            take(match error {
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(incoming),
                error => Err(Trouble {
                    error: KafkaError::MessageConsumption(error.into()),
                    of: is_of_one.then(|| (incoming.topic().to_owned(), incoming.partition())),
                }),
            })?;
        }
        Ok(batch.0.len())
    }
}

impl<C: ConsumerContext + 'static> Drop for BatchConsumer<C> {
    fn drop(&mut self) {
        self.pass_logs_on();
        // SAFETY: they are ours and not used again; the consumer is dropped after them.
        unsafe {
            sys::rd_kafka_queue_destroy(self.queue);
            sys::rd_kafka_queue_destroy(self.logs);
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for &message in self.0 {
            // SAFETY: each is destroyed once, and nothing that was read of it lives on.
            unsafe { sys::rd_kafka_message_destroy(message) };
        }
    }
}

impl Incoming<'_> {
    /// Its topic.
    pub(super) fn topic(&self) -> &str {
        // SAFETY: the topic and its name, which Kafka allows ASCII for only, live as long as the message.
        let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name((*self.message).rkt)) };
        name.to_str().unwrap_or_default()
    }

    /// Its partition.
    pub(super) fn partition(&self) -> i32 {
        // SAFETY: the message is alive.
        unsafe { (*self.message).partition }
    }

    /// Its offset.
    pub(super) fn offset(&self) -> i64 {
        // SAFETY: the message is alive.
        unsafe { (*self.message).offset }
    }

    /// Its value; `None` where it is null.
    pub(super) fn value(&self) -> Option<&[u8]> {
        // SAFETY: the message is alive, and its value as long as it says.
        unsafe { bytes((*self.message).payload, (*self.message).len) }
    }

    /// Its key; `None` where it is null.
    pub(super) fn key(&self) -> Option<&[u8]> {
        // SAFETY: the message is alive, and its key as long as it says.
        unsafe { bytes((*self.message).key, (*self.message).key_len) }
    }

    /// Its time in milliseconds since 1970, where it has one.
    pub(super) fn timestamp_ms(&self) -> Option<i64> {
        use sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        let mut kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive.
        let time = unsafe { sys::rd_kafka_message_timestamp(self.message, &raw mut kind) };
        (kind != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && time >= 0).then_some(time)
    }
}

impl Headers for Incoming<'_> {
    fn last(&self, name: &str) -> Option<Option<&[u8]>> {
        let name = CString::new(name).ok()?;
        let mut headers = null_mut();
        let (mut value, mut size) = (null::<c_void>(), 0);
        // SAFETY: the message is alive, owns its headers, and these their values; the name outlives the call.
        unsafe {
            use RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
            let found = sys::rd_kafka_message_headers(self.message, &raw mut headers);
            if found != RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            let found = sys::rd_kafka_header_get_last(
                headers,
                name.as_ptr(),
                &raw mut value,
                &raw mut size,
            );
            (found == RD_KAFKA_RESP_ERR_NO_ERROR).then(|| bytes(value, size))
        }
    }
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} at {}", self.topic(), self.partition(), self.offset())
    }
}

/// # Safety
/// Where it is not null, `start` must be alive for so many bytes as long as what is made of it.
unsafe fn bytes<'b>(start: *const c_void, size: usize) -> Option<&'b [u8]> {
    // SAFETY: by the caller.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast(), size) })
}
