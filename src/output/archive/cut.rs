//! Where a file ends and the next one begins.

use std::mem;

use crate::output::archive::names::Topic;

/// A file has the records of one hour, in milliseconds, by the time at which they were published.
const HOUR: i64 = 3_600_000;

/// The most that a file has.
#[derive(Clone, Copy, Debug)]
struct Most {
    /// So many records...
    records: usize,
    /// ...and so many bytes of them, unless one alone is larger.
    bytes: usize,
}

/// Of results and alerts.
const PUBLISHED: Most = Most { records: 1_000, bytes: 32 << 20 };
/// Of the tally log: most of its records are small and hold no row, and what rows take there they take several times
/// over while a file is made of them.
const LOGGED: Most = Most { records: 50_000, bytes: 16 << 20 };

/// A record as it stands on its topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where it stands in its partition.
    pub offset: i64,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: i64,
    /// Its value.
    pub value: Vec<u8>,
}

/// Gathers the records of a partition until a file is complete.
///
/// It is complete when a record comes that does not belong to it any more: no clock decides, so that a file is the
/// same whenever it is made. What is newest waits for that record.
#[derive(Debug)]
pub struct Cutter {
    most: Most,
    records: Vec<Published>,
    bytes: usize,
}

impl Cutter {
    /// Of a topic that holds this.
    pub fn of(topic: Topic) -> Self {
        let most = match topic {
            Topic::Results | Topic::Alerts => PUBLISHED,
            Topic::Tally => LOGGED,
        };
        Self { most, records: Vec::new(), bytes: 0 }
    }

    /// Takes the next record; the records of a file, where this one begins another.
    pub fn take(&mut self, record: Published) -> Option<Vec<Published>> {
        let ends = self.records.first().is_some_and(|first| {
            hour(first) != hour(&record)
                || self.records.len() >= self.most.records
                || self.bytes + record.value.len() > self.most.bytes
        });
        let complete = ends.then(|| self.rest());
        self.bytes += record.value.len();
        self.records.push(record);
        complete
    }

    /// What has come since the last file.
    pub fn rest(&mut self) -> Vec<Published> {
        self.bytes = 0;
        mem::take(&mut self.records)
    }
}

fn hour(record: &Published) -> i64 {
    record.timestamp.div_euclid(HOUR)
}
