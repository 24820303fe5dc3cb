//! What tally knows of a lane: how far it has been applied, what became of its records, until when it is complete.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::batch::{Cursor, Digest, Heartbeat, Lane};

/// A lane as tally sees it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LaneState {
    /// The name of its topic.
    #[n(0)]
    pub topic: String,
    /// How many partitions the topic has, as last heard.
    #[n(1)]
    pub partitions: i32,
    /// How far it has been applied.
    #[n(2)]
    pub cursor: Cursor,
    /// The epoch of what was last heard of it.
    #[n(3)]
    pub epoch: u64,
    /// The offsets from which on epochs begin, as far as rows were applied: ascending.
    #[n(4)]
    pub boundaries: Vec<(i64, u64)>,
    /// What became of its records.
    #[n(5)]
    pub fates: Fates,
    /// When it was first heard of, in milliseconds of the log's time.
    #[n(6)]
    pub(super) opened_at: i64,
    /// The log's time up to which all that the lane held has been applied; `i64::MIN` before the first.
    #[n(7)]
    pub(super) reached: i64,
    /// Heartbeats whose high watermark has not been applied yet, oldest first.
    #[n(8)]
    waiting: Vec<Heartbeat>,
    /// Since when records are missing, in the log's time.
    #[n(9)]
    pub(super) gap_since: Option<i64>,
    /// Of a partition of the join log: how far it has applied the lanes of the inputs.
    #[n(10)]
    pub joined: BTreeMap<Lane, Cursor>,
}

/// What became of a lane's records: every one is in exactly one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Fates {
    /// In windows that were published.
    #[n(0)]
    pub sealed: Digest,
    /// In windows that are open.
    #[n(1)]
    pub open: Digest,
    /// Came after their window was sealed.
    #[n(2)]
    pub late: Digest,
    /// Could not be read; they are dead letters.
    #[n(3)]
    pub rejected: Digest,
    /// From the future.
    #[n(4)]
    pub quarantined: Digest,
    /// Left out by the model's filter.
    #[n(5)]
    pub filtered: Digest,
    /// Stretches that an operator gave up: how many offsets, without a digest, since nobody could read them.
    #[n(6)]
    pub lost: u64,
    /// Ground truth: what they say went by the join log.
    #[n(7)]
    pub truths: Digest,
    /// In windows that a person left out, or put other rows in the place of.
    #[n(8)]
    pub excluded: Digest,
}

impl Fates {
    /// Adds what another partition knows of the same lane.
    pub fn merge(&mut self, other: &Self) {
        self.sealed.merge(&other.sealed);
        self.open.merge(&other.open);
        self.late.merge(&other.late);
        self.rejected.merge(&other.rejected);
        self.quarantined.merge(&other.quarantined);
        self.filtered.merge(&other.filtered);
        self.truths.merge(&other.truths);
        self.lost = self.lost.max(other.lost);
        self.excluded.merge(&other.excluded);
    }

    /// All records that were read, however they ended.
    pub fn total(&self) -> Digest {
        let mut total = self.sealed;
        let others =
            [self.open, self.late, self.rejected, self.quarantined, self.filtered, self.truths];
        for part in others.iter().chain([&self.excluded]) {
            total.merge(part);
        }
        total
    }
}

/// More heartbeats than this do not wait: the newest takes the place of the one before it.
const WAITING: usize = 64;

impl LaneState {
    pub(super) fn new(topic: String, partitions: i32, now: i64) -> Self {
        Self {
            topic,
            partitions,
            cursor: Cursor::unknown(),
            epoch: 0,
            boundaries: Vec::new(),
            fates: Fates::default(),
            opened_at: now,
            reached: i64::MIN,
            waiting: Vec::new(),
            gap_since: None,
            joined: BTreeMap::new(),
        }
    }

    /// Takes a heartbeat of the lane's owner.
    pub(super) fn hear(&mut self, heartbeat: Heartbeat) {
        if self.waiting.len() == WAITING {
            self.waiting.pop();
        }
        self.waiting.push(heartbeat);
        self.settle();
    }

    /// Moves the time that the lane has reached, after rows were applied.
    pub(super) fn settle(&mut self) {
        let position = self.cursor.position;
        for heartbeat in self.waiting.extract_if(.., |beat| beat.high_watermark <= position) {
            self.reached = self.reached.max(heartbeat.reached);
        }
    }

    /// Notes the epoch that begins at the sender's position, if everything below it has been applied.
    pub(super) fn enter_at(&mut self, epoch: u64, position: i64) {
        if self.cursor.position >= position {
            self.enter(epoch, position);
        }
    }

    /// Notes the epoch of rows from `from` on.
    pub(super) fn enter(&mut self, epoch: u64, from: i64) {
        self.epoch = self.epoch.max(epoch);
        if self.boundaries.last().is_none_or(|&(_, last)| last < epoch) {
            self.boundaries.push((from, epoch));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane_at(position: i64) -> LaneState {
        let mut lane = LaneState::new("predictions".to_owned(), 1, 0);
        lane.cursor = Cursor { owner: 1, beginning: 0, position };
        lane
    }

    #[test]
    fn a_lane_never_goes_back_in_time() {
        let mut lane = lane_at(10);
        // Brokers' clocks differ, and the next leader's may be behind.
        for reached in [100, 90] {
            lane.hear(Heartbeat { high_watermark: 10, reached });
        }
        assert_eq!(lane.reached, 100);
    }

    #[test]
    fn an_epoch_that_is_named_before_its_rows_begins_when_all_before_them_has_come() {
        let mut lane = lane_at(10);
        lane.enter(1, 0);
        lane.enter_at(2, 20);
        assert_eq!((lane.epoch, lane.boundaries.len()), (1, 1));
        lane.cursor.position = 20;
        lane.enter_at(2, 20);
        assert_eq!((lane.epoch, lane.boundaries.last()), (2, Some(&(20, 2))));
    }
}
