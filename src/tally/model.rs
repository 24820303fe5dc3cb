//! What tally knows of a model: its open windows, and how far each lane has come.

use std::collections::BTreeMap;
use std::sync::Arc;

use minicbor::{Decode, Encode};

use crate::alert::{Severity, Silence, Watch};
use crate::batch::Lane;
use crate::diagnosis::Recent;
use crate::epoch::Version;
use crate::tally::awaiting::{Awaiting, Settling};
use crate::tally::command::{Replacing, Restated};
use crate::tally::open::{OpenWindow, Strays, WindowId};
use crate::tally::quiet::Muted;
use crate::tally::realize::is_shown;
use crate::tally::retire::Retiring;
use crate::tally::segments::ShownSegments;
use crate::window::WindowResult;

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
    /// Records in no window that no result has counted yet, by version; then by epoch and start of the window in which
    /// their lane's watermark stood. The first result of the version at or after that takes them: when it is made, no
    /// lane can add to what stands before it, so what it says does not depend on how lanes interleave.
    #[n(4)]
    strays: BTreeMap<String, BTreeMap<(u64, i64), Strays>>,
    #[n(5)]
    pub(super) settling: Settling,
    /// Windows that persons left out or restated, by version and index.
    #[n(6)]
    pub(super) restated: BTreeMap<(String, u64), Restated>,
    /// Rows that are to take the place of a window's own and are not all there yet, by the id of the command.
    #[n(7)]
    pub(super) replacing: BTreeMap<String, Replacing>,
    #[n(8)]
    pub(super) silence: Silence,
    /// Until when nobody is to be woken.
    #[n(9)]
    pub(super) muted: Muted,
    /// How many versions have sealed a window.
    #[n(10)]
    pub(super) born: u64,
    /// Held apart from the rest in checkpoints.
    #[cbor(skip)]
    pub(super) windows: BTreeMap<WindowId, OpenWindow>,
    /// The same.
    #[cbor(skip)]
    pub(super) awaiting: Awaiting,
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
    /// Where the watermark stood when the lane left an epoch of the model behind.
    #[n(2)]
    left_at: BTreeMap<u64, Option<i64>>,
}

/// A version of a model.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct VersionState {
    /// The index of the next window to be sealed.
    #[n(0)]
    pub(super) next_index: u64,
    /// By size: the number of the window that is open or opens next, by the epochs that changed the model.
    #[n(1)]
    pub(super) next_size: BTreeMap<u64, i64>,
    #[n(2)]
    pub(super) watch: Watch,
    /// The latest result, as JSON: what gauges show.
    #[n(3)]
    pub(super) latest: Option<String>,
    /// The greatest event time of a row in a window.
    #[n(4)]
    pub(super) last_event: Option<i64>,
    /// Whether it is retired.
    #[n(5)]
    pub(super) retiring: Retiring,
    /// The newest window that realized performance is shown of: its index, and the result as JSON.
    #[n(6)]
    realized: Option<(u64, String)>,
    /// The last windows, over which columns are ranked.
    #[n(7)]
    pub(super) recent: Recent,
    /// What is shown of segments; held apart from the rest in checkpoints.
    #[cbor(skip)]
    pub(super) segments: ShownSegments,
}

impl VersionState {
    /// Notes the newest event of a window.
    pub(super) fn see(&mut self, window: &OpenWindow) {
        self.last_event = self.last_event.max(window.times.map(|(_, greatest)| greatest));
    }

    /// Ranks columns over the windows up to one that is sealed, where a profile serves it, and keeps its result to be
    /// shown.
    pub(super) fn show_sealed(&mut self, result: &mut WindowResult, served: Option<&Arc<Version>>) {
        if let Some(served) = served {
            result.figures.extend(self.recent.take(&served.plan, result));
        }
        self.latest = serde_json::to_string(result).ok();
    }

    /// Keeps a result that realized performance is shown of, unless there is one of a later window.
    pub(super) fn show_realized(&mut self, result: &WindowResult) {
        let index = result.window_index;
        let shown = self.realized.as_ref().map(|(index, _)| *index);
        if is_shown(result) && shown.is_none_or(|shown| shown <= index) {
            self.realized = serde_json::to_string(result).ok().map(|text| (index, text));
        } else if shown == Some(index) {
            self.realized = None;
        }
    }

    /// Keeps a result that a person asked for, where the one before it is shown.
    pub(super) fn amend(&mut self, result: &WindowResult) {
        let latest = self.latest.as_ref().and_then(|text| serde_json::from_str(text).ok());
        let shown = latest.map(|latest: WindowResult| latest.window_index);
        if shown == Some(result.window_index) {
            self.latest = serde_json::to_string(result).ok();
        }
        self.show_realized(result);
    }

    /// The result that realized performance is shown of, as JSON.
    pub(super) fn realized(&self) -> Option<&str> {
        self.realized.as_ref().map(|(_, text)| text.as_str())
    }

    /// How bad the alerts are that are open.
    pub(super) fn severity(&self) -> Option<Severity> {
        self.watch.severity()
    }
}

impl ModelState {
    /// Whether no row of the epoch can be in a window any more.
    pub(super) fn is_closed(&self, epoch: u64) -> bool {
        self.frontiers.get(&epoch) == Some(&i64::MAX)
    }

    /// The number of the window of a version that is filling, by size.
    pub(super) fn next_size(&self, epoch: u64, version: &str) -> i64 {
        let version = self.versions.get(version);
        version.and_then(|version| version.next_size.get(&epoch)).copied().unwrap_or(0)
    }

    /// Counts records that are in no window, at the window where their lane's watermark stands.
    pub(super) fn stray(&mut self, version: &str, at: (u64, i64), strays: Strays) {
        self.strays.entry(version.to_owned()).or_default().entry(at).or_default().merge(strays);
    }

    /// What a window's result counts of them.
    pub(super) fn take_strays(&mut self, id: &WindowId) -> Strays {
        let mut sum = Strays::default();
        if let Some(waiting) = self.strays.get_mut(&id.version) {
            let later = waiting.split_off(&(id.epoch, id.start.saturating_add(1)));
            for &strays in waiting.values() {
                sum.merge(strays);
            }
            *waiting = later;
        }
        self.strays.retain(|_, waiting| !waiting.is_empty());
        sum
    }

    /// Strays from before the frontier, where no window can open any more, wait together for the version's next one:
    /// there are never more of them than windows.
    pub(super) fn join_strays(&mut self, epoch: u64, frontier: i64) {
        for waiting in self.strays.values_mut() {
            let later = waiting.split_off(&(epoch, frontier));
            if let Some((&last, _)) = waiting.last_key_value() {
                let mut sum = Strays::default();
                for &strays in waiting.values() {
                    sum.merge(strays);
                }
                *waiting = BTreeMap::from([(last, sum)]);
            }
            waiting.extend(later);
        }
    }

    /// Ends an epoch of the model: what still comes of it is late.
    pub(super) fn close(&mut self, epoch: u64) {
        self.frontiers.insert(epoch, i64::MAX);
        self.left.remove(&epoch);
        for version in self.versions.values_mut() {
            version.next_size.remove(&epoch);
        }
        for lane in self.lanes.values_mut() {
            // The last one also tells of later epochs that the lane passed over.
            let last = lane.left_at.range(..=epoch).next_back().map(|(&left, _)| left);
            lane.left_at.retain(|&left, _| left > epoch || Some(left) == last);
        }
    }
}

impl ModelLane {
    /// Notes that the lane leaves an epoch of the model behind.
    pub(super) fn leave(&mut self, epoch: u64) {
        self.left_at.insert(epoch, self.watermark);
    }

    /// Where the watermark stood when the lane left the epoch behind.
    pub(super) fn left_at(&self, epoch: u64) -> Option<i64> {
        self.left_at.range(..=epoch).next_back().and_then(|(_, &watermark)| watermark)
    }
}
