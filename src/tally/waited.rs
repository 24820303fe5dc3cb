//! The lanes that a model's windows wait for, and how far each has come.

use std::collections::BTreeMap;

use crate::batch::Lane;
use crate::epoch::{Epochs, Timing};
use crate::tally::lane::LaneState;
use crate::tally::model::ModelState;
use crate::window::ClosedBy;

/// The lanes that a model's windows of one epoch wait for.
pub(super) struct Lanes<'t> {
    /// Of each topic the partitions of its newest incarnation.
    known: Vec<Waited<'t>>,
    /// Partitions of which nothing has been heard, as topic/partition.
    unheard: Vec<String>,
}

/// A lane that is waited for.
struct Waited<'t> {
    partition: i32,
    lane: &'t LaneState,
    /// Its watermark in the epoch, or before it.
    watermark: Option<i64>,
    /// Whether it has left the epoch behind.
    left: bool,
    /// When it last brought something of the model, or began.
    last_heard: i64,
}

/// Whether a window may be sealed.
pub(super) enum Verdict {
    /// A lane is waited for.
    Wait,
    Seal {
        by: ClosedBy,
        left_out: Vec<String>,
    },
}

/// Whether a lane has left an epoch of a model behind: it is in a later one that changed the model, or has it no more.
pub(super) fn has_left(lane: &LaneState, model: &str, since: u64, epochs: &Epochs) -> bool {
    lane.epoch > since && epochs.model(lane.epoch, model).is_none_or(|rules| rules.since > since)
}

impl<'t> Lanes<'t> {
    pub(super) fn of(
        all: &'t BTreeMap<Lane, LaneState>,
        topics: &[String],
        model: &ModelState,
        name: &str,
        since: u64,
        epochs: &Epochs,
    ) -> Self {
        let mut lanes = Self { known: Vec::new(), unheard: Vec::new() };
        for topic in topics {
            // A topic that was deleted and made again has a new id; its old lanes hold nobody up.
            let of_topic = all.iter().filter(|(_, lane)| lane.topic == *topic);
            let Some((newest, _)) = of_topic.max_by_key(|(_, lane)| lane.opened_at) else {
                lanes.unheard.push(format!("{topic}/0"));
                continue;
            };
            let at = |partition| Lane { topic: newest.topic, partition };
            let current = || all.range(at(0)..=at(i32::MAX));
            let partitions = current().map(|(_, lane)| lane.partitions).max().unwrap_or(1);
            let mut next = 0;
            for (id, lane) in current().filter(|(_, lane)| lane.cursor.is_known()) {
                lanes.unheard.extend((next..id.partition).map(|at| format!("{topic}/{at}")));
                next = id.partition + 1;
                let left = has_left(lane, name, since, epochs);
                let brought = model.lanes.get(id);
                lanes.known.push(Waited {
                    partition: id.partition,
                    lane,
                    watermark: brought.and_then(|brought| {
                        if left { brought.left_at(since) } else { brought.watermark }
                    }),
                    left,
                    last_heard: brought.map_or(i64::MIN, |it| it.last_row_at).max(lane.opened_at),
                });
            }
            lanes.unheard.extend((next..partitions).map(|at| format!("{topic}/{at}")));
        }
        lanes
    }

    /// The greatest watermark.
    pub(super) fn furthest(&self) -> Option<i64> {
        self.known.iter().filter_map(|waited| waited.watermark).max()
    }

    /// Until when all of them have brought what they held, in the log's time; `None` where one has said nothing yet.
    pub(super) fn reached(&self) -> Option<i64> {
        let least = self.known.iter().map(|waited| waited.lane.reached).min();
        least.filter(|&least| self.unheard.is_empty() && least > i64::MIN)
    }

    /// Those that have not left the epoch behind.
    pub(super) fn behind(&self) -> Vec<String> {
        let known = self.known.iter().filter(|waited| !waited.left).map(Waited::name);
        self.unheard.iter().cloned().chain(known).collect()
    }

    /// Whether a window that ends then may be sealed.
    pub(super) fn verdict(
        &self,
        end: i64,
        timing: Timing,
        first_passed: Option<i64>,
        now: i64,
    ) -> Verdict {
        let overdue =
            first_passed.is_some_and(|first| now >= first.saturating_add(timing.max_wait));
        if !overdue && !self.unheard.is_empty() {
            return Verdict::Wait;
        }
        let mut left_out = self.unheard.clone();
        let mut by = ClosedBy::Period;
        let mut waited_out = !self.unheard.is_empty();
        for waited in &self.known {
            if waited.watermark.is_some_and(|mark| timing.passed(end, mark)) {
                continue;
            }
            if waited.left {
                by = ClosedBy::Epoch;
                continue;
            }
            let reached = waited.lane.reached;
            // A model that is seldom asked is silent within its windows too: silence before a window's end says nothing.
            let over = timing.passed(end, reached.saturating_mul(1000));
            let idle = over && reached >= waited.last_heard.saturating_add(timing.idle);
            if !idle && !overdue {
                return Verdict::Wait;
            }
            waited_out |= !idle;
            left_out.push(waited.name());
        }
        if waited_out {
            by = ClosedBy::MaxWait;
        }
        Verdict::Seal { by, left_out }
    }
}

impl Waited<'_> {
    fn name(&self) -> String {
        format!("{}/{}", self.lane.topic, self.partition)
    }
}
