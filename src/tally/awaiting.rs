//! Windows that were sealed and wait for targets.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::batch::Lane;
use crate::tally::open::{Input, WindowId};
use crate::window::{Awaited, WindowResult};

/// A window that was sealed and waits for targets.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) struct AwaitingWindow {
    /// Its result without figures, as JSON.
    #[n(0)]
    head: String,
    /// Which records, by lane.
    #[n(1)]
    pub(super) inputs: BTreeMap<Lane, Input>,
    #[n(2)]
    pub(super) awaited: Awaited,
    #[n(3)]
    pub(super) revision: u64,
    /// When it was last published, in the log's time.
    #[n(4)]
    pub(super) published_at: i64,
    /// The step of coverage that it had then.
    #[n(5)]
    pub(super) step: u32,
    /// When it is to be published again; `None` while nothing is new.
    #[n(6)]
    pub(super) due: Option<i64>,
    /// Whether it changed since the last checkpoint.
    #[n(7)]
    pub(super) changed: bool,
}

impl AwaitingWindow {
    pub(super) fn new(
        result: &WindowResult,
        inputs: BTreeMap<Lane, Input>,
        awaited: Awaited,
        now: i64,
        step: u32,
    ) -> Self {
        let bare = WindowResult { figures: Vec::new(), ..result.clone() };
        Self {
            head: serde_json::to_string(&bare).unwrap_or_default(),
            inputs,
            awaited,
            revision: 0,
            published_at: now,
            step,
            due: None,
            changed: true,
        }
    }

    /// Its result without figures.
    pub(super) fn head(&self) -> Option<WindowResult> {
        serde_json::from_str(&self.head).ok()
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        self.head.len() + self.inputs.len() * 80 + self.awaited.bytes()
    }
}

/// Which step of coverage a share of targets has reached: each is worth a revision of its own.
pub(super) fn step(coverage: f64, least: f64) -> u32 {
    (coverage * 10.0) as u32 + u32::from(coverage >= least)
}

/// Rows of a lane that are in no window: runs of them, with none of the model's other rows between.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Excluded {
    /// First and last position, ascending.
    #[n(0)]
    runs: Vec<(i64, i64)>,
    /// Whether the model's last row in the lane is in the last run.
    #[n(1)]
    going_on: bool,
}

impl Excluded {
    /// A row that is in no window.
    pub(super) fn add(&mut self, position: i64) {
        match self.runs.last_mut() {
            Some((_, last)) if self.going_on => *last = position,
            _ => self.runs.push((position, position)),
        }
        self.going_on = true;
    }

    /// A row that is in one.
    pub(super) fn end(&mut self) {
        self.going_on = false;
    }

    pub(super) fn has(&self, position: i64) -> bool {
        let before = self.runs.partition_point(|&(first, _)| first <= position);
        before.checked_sub(1).is_some_and(|at| position <= self.runs[at].1)
    }

    /// Nothing below will be asked for any more.
    fn forget(&mut self, until: i64) {
        self.runs.retain(|&(_, last)| last >= until);
    }
}

/// What a model knows of its targets, beside the windows.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct Settling {
    /// By partition of the join log, then by lane of predictions: below which position it has nothing more to say.
    #[n(0)]
    until: BTreeMap<Lane, BTreeMap<Lane, i64>>,
    /// How many partitions the join log has.
    #[n(1)]
    partitions: i32,
    /// Rows that are in no window, by lane: their targets count nowhere.
    #[n(2)]
    pub(super) excluded: BTreeMap<Lane, Excluded>,
    /// Targets whose prediction is in no window, or in one that is final.
    #[n(3)]
    pub(super) unplaced: u64,
    /// By size: of which window the rows of a lane are, by version: the first position of each, and its number.
    #[cbor(skip)]
    places: BTreeMap<(u64, String, Lane), BTreeMap<i64, i64>>,
}

impl Settling {
    /// Takes note of how far a partition of the join log has come.
    pub(super) fn hear(&mut self, from: Lane, partitions: i32, lane: Lane, until: i64) {
        self.partitions = self.partitions.max(partitions);
        let known = self.until.entry(from).or_default().entry(lane).or_insert(until);
        *known = until.max(*known);
    }

    /// The position of a lane below which nothing more will become known.
    pub(super) fn until(&self, lane: Lane) -> Option<i64> {
        if self.until.is_empty() || (self.until.len() as i32) < self.partitions {
            return None;
        }
        let mut least = i64::MAX;
        for of in self.until.values() {
            least = least.min(*of.get(&lane)?);
        }
        Some(least)
    }

    /// Whether nothing more will become known of the records of a window.
    pub(super) fn is_over(&self, inputs: &BTreeMap<Lane, Input>) -> bool {
        inputs.iter().all(|(&lane, input)| self.until(lane).is_some_and(|until| until > input.to))
    }

    /// Forgets rows of which nothing more will become known.
    pub(super) fn forget(&mut self) {
        let lanes: Vec<Lane> = self.excluded.keys().copied().collect();
        for lane in lanes {
            if let (Some(until), Some(excluded)) = (self.until(lane), self.excluded.get_mut(&lane))
            {
                excluded.forget(until);
            }
        }
    }

    /// Notes which records are in a window that was cut by size.
    pub(super) fn place(&mut self, id: &WindowId, inputs: &BTreeMap<Lane, Input>) {
        for (&lane, input) in inputs {
            let places = self.places.entry((id.epoch, id.version.clone(), lane)).or_default();
            places.insert(input.from, id.start);
        }
    }

    /// Forgets a window that is final.
    pub(super) fn leave(&mut self, id: &WindowId, inputs: &BTreeMap<Lane, Input>) {
        for (&lane, input) in inputs {
            let key = (id.epoch, id.version.clone(), lane);
            if let Some(places) = self.places.get_mut(&key) {
                places.remove(&input.from);
                if places.is_empty() {
                    self.places.remove(&key);
                }
            }
        }
    }

    /// The number of the sealed window that a record may be in.
    pub(super) fn find(&self, of: &(u64, String, Lane), position: i64) -> Option<i64> {
        let (_, &start) = self.places.get(of)?.range(..=position).next_back()?;
        Some(start)
    }
}
