//! Windows that are still open.

use std::collections::BTreeMap;
use std::sync::Arc;

use minicbor::{Decode, Encode};

use crate::batch::{Digest, Lane};
use crate::epoch::Version;
use crate::window::{Awaited, Distribution, WindowState};

/// Which open window of a model: in the order in which they are sealed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(super) struct WindowId {
    /// The epoch that last changed the model.
    #[n(0)]
    pub(super) epoch: u64,
    /// By period: its start in microseconds since 1970 UTC. By size: how many were before it.
    #[n(1)]
    pub(super) start: i64,
    /// The model's version.
    #[n(2)]
    pub(super) version: String,
}

/// A window that is filling.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) struct OpenWindow {
    /// `None` where no profile serves the version: rows are counted only.
    #[n(0)]
    pub(super) state: Option<WindowState>,
    #[n(1)]
    pub(super) rows: u64,
    /// Least and greatest event time.
    #[n(2)]
    pub(super) times: Option<(i64, i64)>,
    /// Which records, by lane.
    #[n(3)]
    pub(super) inputs: BTreeMap<Lane, Input>,
    /// When the first lane passed its end, in the log's time.
    #[n(4)]
    pub(super) first_passed: Option<i64>,
    /// Whether it changed since the last checkpoint.
    #[n(5)]
    pub(super) changed: bool,
    /// What is known of its targets already.
    #[n(6)]
    pub(super) awaited: Option<Box<Awaited>>,
    /// How many rows and targets it had when it was last looked whether it warns.
    #[n(7)]
    pub(super) looked: u64,
    /// Whether it has warned by its rows, and by its targets.
    #[n(8)]
    pub(super) warned: [bool; 2],
}

/// Which records of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Input {
    #[n(0)]
    pub(super) from: i64,
    #[n(1)]
    pub(super) to: i64,
    #[n(2)]
    pub(super) digest: Digest,
}

/// Records that are in no window, counted in the one where their lane's watermark stood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Strays {
    #[n(0)]
    pub(super) late: u64,
    #[n(1)]
    pub(super) rejected: u64,
    #[n(2)]
    pub(super) quarantined: u64,
}

impl Strays {
    /// A record that could not be read.
    pub(super) const REJECTED: Self = Self { late: 0, rejected: 1, quarantined: 0 };

    /// Rows that are quarantined, or late.
    pub(super) fn of(quarantined: bool, rows: u64) -> Self {
        if quarantined {
            Self { quarantined: rows, ..Self::default() }
        } else {
            Self { late: rows, ..Self::default() }
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.late += other.late;
        self.rejected += other.rejected;
        self.quarantined += other.quarantined;
    }
}

impl OpenWindow {
    pub(super) fn new(state: Option<WindowState>) -> Self {
        Self {
            state,
            rows: 0,
            times: None,
            inputs: BTreeMap::new(),
            first_passed: None,
            changed: true,
            awaited: None,
            looked: 0,
            warned: [false; 2],
        }
    }

    /// Notes which records were folded, and their times.
    pub(super) fn note(&mut self, lane: Lane, offsets: &[i64], times: &[i64]) -> Digest {
        let digest = Digest::of(offsets.iter().copied());
        self.rows += digest.count;
        self.changed = true;
        if let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) {
            let input = self.inputs.entry(lane).or_insert(Input {
                from: first,
                to: last,
                digest: Digest::default(),
            });
            input.from = input.from.min(first);
            input.to = input.to.max(last);
            input.digest.merge(&digest);
        }
        for &time in times {
            let (least, greatest) = self.times.unwrap_or((time, time));
            self.times = Some((least.min(time), greatest.max(time)));
        }
        digest
    }

    /// Its columns in few bins, where a profile serves it.
    pub(super) fn distributions(&mut self, served: Option<&Arc<Version>>) -> Vec<Distribution> {
        let found = self.state.as_mut().zip(served);
        found.map_or_else(Vec::new, |(state, served)| state.distributions(&served.plan))
    }

    pub(super) fn bytes(&self) -> usize {
        self.state.as_ref().map_or(0, WindowState::bytes)
            + self.inputs.len() * 80
            + self.awaited.as_ref().map_or(0, |awaited| awaited.bytes())
    }
}
