//! What the join knows of a lane.

use minicbor::{Decode, Encode};

use crate::batch::{Body, Cursor, Heartbeat, Keyed, Record};

/// Arrivals that lie closer together than this, in milliseconds, are told as one: no prediction expires before its time.
const GRAIN: i64 = 60_000;

/// So many arrivals are told apart at most, whatever the wait: what waits for long expires a little later.
const MOST: usize = 512;

/// A lane as the join sees it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct JoinLane {
    /// The name of its topic.
    #[n(0)]
    pub(super) topic: String,
    /// How many partitions the topic has, as last heard.
    #[n(1)]
    pub(super) partitions: i32,
    #[n(2)]
    pub(super) cursor: Cursor,
    /// The log's time up to which all that the lane held has been applied; `i64::MIN` before the first.
    #[n(3)]
    pub(super) reached: i64,
    /// Heartbeats whose high watermark has not been applied yet, oldest first.
    #[n(4)]
    waiting: Vec<Heartbeat>,
    /// When its records came, in the log's time, and the position behind them; both ascending.
    #[n(5)]
    arrivals: Vec<(i64, i64)>,
    /// Whether it was met in its middle, and its owner has not said since where it stands.
    #[n(6)]
    unsure: bool,
}

impl JoinLane {
    pub(super) fn new(topic: String, partitions: i32) -> Self {
        Self {
            topic,
            partitions,
            cursor: Cursor::unknown(),
            reached: i64::MIN,
            waiting: Vec::new(),
            arrivals: Vec::new(),
            unsure: false,
        }
    }

    /// Finds out where the lane stands in a log that has lost its beginning: by what an owner says when it takes the lane
    /// over, and until then by what comes, whose predecessors are gone for good.
    pub(super) fn meet(&mut self, record: &Record<Keyed>) {
        let stretch = record.header.stretch;
        let known = self.cursor.is_known();
        match &record.body {
            Body::Open { .. } if !known || self.unsure => {
                self.cursor.beginning = stretch.from;
                self.cursor.position = stretch.from.max(self.cursor.position);
                self.unsure = false;
            }
            Body::Rows(_) | Body::Lost { .. } if !known => {
                self.cursor.beginning = stretch.from;
                self.cursor.position = stretch.from;
                self.unsure = true;
            }
            Body::Rows(_) | Body::Lost { .. } if self.unsure => {
                self.cursor.position = stretch.from.max(self.cursor.position);
            }
            _ => {}
        }
    }

    /// Takes a sign of life.
    pub(super) fn hear(&mut self, heartbeat: Heartbeat) {
        self.waiting.push(heartbeat);
        self.settle();
    }

    /// Notes what the position that was reached says of the time.
    pub(super) fn settle(&mut self) {
        let position = self.cursor.position;
        let mut reached = self.reached;
        self.waiting.retain(|heartbeat| {
            let applied = heartbeat.high_watermark <= position;
            if applied {
                reached = reached.max(heartbeat.reached);
            }
            !applied
        });
        self.reached = reached;
    }

    /// Notes that everything below `to` came by `now`.
    pub(super) fn note(&mut self, now: i64, to: i64) {
        match self.arrivals.last_mut() {
            // The later time holds for all: they wait a little longer.
            Some((at, until)) if now.div_euclid(GRAIN) == at.div_euclid(GRAIN) => {
                (*at, *until) = (now, to);
            }
            _ => self.arrivals.push((now, to)),
        }
    }

    /// The position below which everything came by `time`; `None` where nothing did.
    pub(super) fn arrived_until(&self, time: i64) -> Option<i64> {
        let before = self.arrivals.partition_point(|&(at, _)| at <= time);
        Some(self.arrivals[before.checked_sub(1)?].1)
    }

    /// Forgets when records came of which nobody will ask again: all but the last by `time`.
    pub(super) fn forget(&mut self, time: i64) {
        let before = self.arrivals.partition_point(|&(at, _)| at <= time);
        self.arrivals.drain(..before.saturating_sub(1));
    }

    /// Tells arrivals less finely where there are many of them, by the longest wait in milliseconds.
    pub(super) fn thin(&mut self, longest: i64) {
        if self.arrivals.len() < MOST {
            return;
        }
        let grain = (longest / (MOST as i64 / 2)).max(GRAIN);
        self.arrivals.dedup_by(|later, earlier| {
            let is_same = later.0.div_euclid(grain) == earlier.0.div_euclid(grain);
            if is_same {
                *earlier = *later;
            }
            is_same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_is_told_by_few_arrivals_and_nothing_expires_early() {
        let (wait, minute) = (2 * 365 * 86_400_000, 60_000);
        let mut lane = JoinLane::new("predictions".to_owned(), 1);
        let minutes = 2 * 365 * 24 * 60;
        for at in 0..minutes {
            lane.note(at * minute, at + 1);
            lane.thin(wait);
            assert!(lane.arrivals.len() <= MOST, "{at}");
        }
        for at in (0..minutes).step_by(997) {
            // What is below came by then; and of what came long before nothing is left out.
            let until = lane.arrived_until(at * minute).unwrap_or(0);
            assert!(until <= at + 1, "{at}");
            assert!(until >= at - minutes / 200, "{at}: {until}");
        }
    }
}
