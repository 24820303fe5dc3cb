//! What librdkafka can do and rdkafka does not offer: the ids of topics, and the metadata of offsets as bytes.
#![expect(unsafe_code, reason = "topic ids and raw metadata are only to be had from rdkafka-sys")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr::null_mut;
use std::slice;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::admin::AdminClient;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka_sys as sys;

/// What the cluster says of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Described {
    /// Its id: another one when it is deleted and made again.
    pub(super) id: u128,
    /// How many partitions it has.
    pub(super) partitions: i32,
}

/// Describes topics; those that do not exist are left out.
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
                Ok(read(event))
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

/// # Safety
/// The event must be alive.
unsafe fn read(event: *mut sys::rd_kafka_event_t) -> BTreeMap<String, Described> {
    let mut described = BTreeMap::new();
    // SAFETY: by the caller the event is alive; what its accessors give lives as long and is read here only, within
    // the counts that they give.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return described;
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        for index in 0..count {
            let topic = *topics.add(index);
            let error = sys::rd_kafka_error_code(sys::rd_kafka_TopicDescription_error(topic));
            if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                continue;
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
    described
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
