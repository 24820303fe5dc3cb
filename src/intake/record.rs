//! One Kafka record as intake sees it, without a word of any Kafka client.

use std::fmt;

/// A record, borrowed from whatever read it.
#[derive(Debug, Clone, Copy)]
pub struct RecordView<'a> {
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The headers; they are asked only where a path names one. `&NoHeaders` where there are none.
    pub headers: &'a dyn Headers,
    /// The record's timestamp in milliseconds since 1970, UTC.
    pub timestamp_ms: Option<i64>,
    /// The topic's name.
    pub topic: &'a str,
}

/// The headers of a record.
pub trait Headers: fmt::Debug {
    /// The last header of that name: `None` where there is none, `Some(None)` where its value is null.
    ///
    /// The last, since that is what Kafka's own clients mean by "the" header of a name.
    fn last(&self, name: &str) -> Option<Option<&[u8]>>;
}

/// A record without headers.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHeaders;

impl Headers for NoHeaders {
    fn last(&self, _name: &str) -> Option<Option<&[u8]>> {
        None
    }
}

impl Headers for Vec<(&str, Option<&[u8]>)> {
    fn last(&self, name: &str) -> Option<Option<&[u8]>> {
        self.iter().rev().find(|(its, _)| *its == name).map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::{Headers, NoHeaders};

    #[test]
    fn the_last_header_of_a_name_counts() {
        let headers: Vec<(&str, Option<&[u8]>)> =
            vec![("a", Some(b"1")), ("b", None), ("a", Some(b"2"))];
        assert_eq!(headers.last("a"), Some(Some(&b"2"[..])));
        assert_eq!(headers.last("b"), Some(None));
        assert_eq!(headers.last("c"), None);
        assert_eq!(NoHeaders.last("a"), None);
    }
}
