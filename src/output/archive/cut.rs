//! Where a file ends and the next one begins.

use std::mem;

/// A file has so many records at most...
const RECORDS: usize = 1_000;
/// ...so many bytes of them, unless one alone is larger...
const BYTES: usize = 32 << 20;
/// ...and those of one hour, in milliseconds, by the time at which they were published.
const HOUR: i64 = 3_600_000;

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
#[derive(Debug, Default)]
pub struct Cutter {
    records: Vec<Published>,
    bytes: usize,
}

impl Cutter {
    /// Takes the next record; the records of a file, where this one begins another.
    pub fn take(&mut self, record: Published) -> Option<Vec<Published>> {
        let ends = self.records.first().is_some_and(|first| {
            hour(first) != hour(&record)
                || self.records.len() >= RECORDS
                || self.bytes + record.value.len() > BYTES
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
