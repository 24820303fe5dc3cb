//! Records that could not be read, kept with the reason and the place.

use rdkafka::message::{Header, OwnedHeaders};

/// At most so many bytes of the record are kept.
const KEPT: usize = 4096;

/// A record that could not be read.
#[derive(Debug)]
pub(super) struct Letter {
    /// Topic, partition and offset: the same letter has the same key, however often it is sent.
    pub(super) key: String,
    /// The first bytes of its value.
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: OwnedHeaders,
}

impl Letter {
    pub(super) fn new(
        topic: &str,
        partition: i32,
        offset: i64,
        timestamp: Option<i64>,
        value: Option<&[u8]>,
        reason: &'static str,
        text: &str,
    ) -> Self {
        let size = value.map_or(0, <[u8]>::len);
        let mut headers = OwnedHeaders::new()
            .insert(Header { key: "reason", value: Some(reason) })
            .insert(Header { key: "message", value: Some(text) })
            .insert(Header { key: "topic", value: Some(topic) })
            .insert(Header { key: "partition", value: Some(&partition.to_string()) })
            .insert(Header { key: "offset", value: Some(&offset.to_string()) })
            .insert(Header { key: "bytes", value: Some(&size.to_string()) });
        if let Some(timestamp) = timestamp {
            headers =
                headers.insert(Header { key: "timestamp", value: Some(&timestamp.to_string()) });
        }
        Self {
            key: format!("{topic}-{partition}-{offset}"),
            value: value.map(|bytes| bytes[..bytes.len().min(KEPT)].to_vec()),
            headers,
        }
    }
}
