//! What tally knows of a model: its open windows, and how far each lane has come.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::alert::Lifecycle;
use crate::batch::Lane;
use crate::tally::open::{OpenWindow, Strays, WindowId};

/// A model as tally sees it.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct ModelState {
    /// What each lane has brought of it.
    #[n(0)]
    pub(super) lanes: BTreeMap<Lane, ModelLane>,
    #[n(1)]
    pub(super) versions: BTreeMap<String, VersionState>,
    /// By the epochs that changed the model: rows whose window ends at or before this time are late, because a lane
    /// was not waited for. The greatest time closes the epoch.
    #[n(2)]
    pub(super) frontiers: BTreeMap<u64, i64>,
    /// When the first lane left an epoch of the model behind, in the log's time.
    #[n(3)]
    pub(super) left: BTreeMap<u64, i64>,
    /// Held apart from the rest in checkpoints.
    #[cbor(skip)]
    pub(super) windows: BTreeMap<WindowId, OpenWindow>,
}

/// What a lane has brought of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct ModelLane {
    /// The greatest event time so far; `None` before the first row.
    #[n(0)]
    pub(super) watermark: Option<i64>,
    /// When its last row was appended to the log.
    #[n(1)]
    pub(super) last_row_at: i64,
    /// Records without a window that no window has counted yet, by version.
    #[n(2)]
    pub(super) strays: BTreeMap<String, Strays>,
}

/// A version of a model.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct VersionState {
    /// The index of the next window to be sealed.
    #[n(0)]
    pub(super) next_index: u64,
    /// By size: the number of the window that is open or opens next.
    #[n(1)]
    pub(super) next_size: i64,
    #[n(2)]
    pub(super) alert: Lifecycle,
    /// The latest result, as JSON: what gauges show.
    #[n(3)]
    pub(super) latest: Option<String>,
    /// The greatest event time of a row in a window.
    #[n(4)]
    pub(super) last_event: Option<i64>,
}

impl VersionState {
    /// Notes the newest event of a window.
    pub(super) fn see(&mut self, window: &OpenWindow) {
        self.last_event = self.last_event.max(window.times.map(|(_, greatest)| greatest));
    }
}
