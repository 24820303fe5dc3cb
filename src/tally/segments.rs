//! What is published of the segments of a window, beside the result of the whole.
//!
//! When a window is sealed, every segment that has a reference of its own gets a result, if only that it is empty, and
//! of others their rows are counted. Targets restate a segment when something new is known of it, with the revision of
//! the whole; and all of them for the last time.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};

use crate::tally::awaiting::AwaitingWindow;
use crate::tally::model::VersionState;
use crate::tally::realize::is_shown;
use crate::window::{
    Awaited, Figure, Plan, Repeated, RevisionCause, SegmentPlan, Status, WindowResult, WindowState,
};

/// The results of the segments of a window that is sealed; `bare` is the result of the whole without its figures.
pub(super) fn sealed(
    bare: &WindowResult,
    state: &mut WindowState,
    plan: &Plan,
    mut awaited: Option<&mut Awaited>,
) -> Vec<WindowResult> {
    let result = plan.segments().iter().enumerate().filter_map(|(index, segment)| {
        let result = bare.of_segment(segment.name(), state.segment_rows(index));
        let Some((state, plan)) = state.segment(index).zip(segment.plan()) else {
            return result.counted(segment);
        };
        let reading = state.evaluate(plan);
        let Some(awaited) = &mut awaited else {
            // Events that bring their own targets.
            let told = state.has_targets().then(|| state.outcome(plan, &Repeated::default()));
            let (outcome, targets) = told.flatten().unzip();
            let result = result.with_figures(plan, &reading, outcome.as_ref());
            return Some(WindowResult { targets, ..result });
        };
        let awaited = awaited.segment(index)?;
        let outcome = awaited.measure(plan)?;
        let result = WindowResult {
            is_final: false,
            targets: Some(awaited.told(plan)),
            ..result.with_figures(plan, &reading, Some(&outcome))
        };
        awaited.keep_estimated(&result.figures);
        Some(result)
    });
    result.collect()
}

/// The results of the segments of which something is new, or of all; `bare` is the next result of the whole without its
/// figures.
pub(super) fn restated(
    bare: &WindowResult,
    window: &mut AwaitingWindow,
    plan: &Plan,
    all: bool,
) -> Vec<WindowResult> {
    let news = window.news.take().unwrap_or_default();
    let result = plan.segments().iter().enumerate().filter_map(|(index, segment)| {
        let plan = segment.plan()?;
        let is_new = all || u16::try_from(index).is_ok_and(|index| news.contains(&index));
        let awaited = window.awaited.segment(index).filter(|_| is_new)?;
        let rows = awaited.rows_sealed();
        if rows == 0 {
            return None;
        }
        let outcome = awaited.measure(plan)?;
        let estimated = awaited.estimated();
        Some(WindowResult {
            coverage: Some(outcome.coverage()),
            targets: Some(awaited.told(plan)),
            figures: plan.realized_figures(rows, &outcome, &estimated),
            ..bare.of_segment(segment.name(), rows)
        })
    });
    result.collect()
}

/// The results of the segments of a window that a person left out, or put other rows in the place of: these are in
/// `state`. No segment keeps what was said of it.
pub(super) fn amended(
    bare: &WindowResult,
    mut state: Option<&mut WindowState>,
    plan: &Plan,
) -> Vec<WindowResult> {
    let result = plan.segments().iter().enumerate().map(|(index, segment)| {
        let Some(state) = &mut state else { return bare.of_segment(segment.name(), 0) };
        let rows = state.segment_rows(index);
        let result = bare.of_segment(segment.name(), rows);
        let Some((state, plan)) = state.segment(index).zip(segment.plan()) else {
            let status = if rows == 0 { Status::Empty } else { Status::NoReference };
            return WindowResult { figures: vec![Figure::count(rows as f64, status)], ..result };
        };
        let reading = state.evaluate(plan);
        let told = state.has_targets().then(|| state.outcome(plan, &Repeated::default()));
        let (outcome, targets) = told.flatten().unzip();
        let result = result.with_figures(plan, &reading, outcome.as_ref());
        WindowResult { targets, ..result }
    });
    result.collect()
}

/// What is shown of a segment: as of the whole, but held apart from the rest in checkpoints, as there may be many.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct ShownSegment {
    /// The latest result, as JSON.
    #[n(0)]
    latest: Option<String>,
    /// The newest window that realized performance is shown of: its index, and the result as JSON.
    #[n(1)]
    realized: Option<(u64, String)>,
    /// Whether it changed since the last checkpoint.
    #[n(2)]
    pub(super) changed: bool,
}

impl ShownSegment {
    /// What is shown, as JSON.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let realized = self.realized.as_ref().map(|(_, text)| text.as_str());
        [self.latest.as_deref(), realized].into_iter().flatten()
    }

    fn latest_window(&self) -> Option<u64> {
        let latest: WindowResult = serde_json::from_str(self.latest.as_ref()?).ok()?;
        Some(latest.window_index)
    }

    fn show(&mut self, result: &WindowResult) {
        let index = result.window_index;
        self.changed = true;
        let is_latest = match result.revision_cause {
            None => true,
            Some(RevisionCause::Targets) => false,
            Some(RevisionCause::Excluded | RevisionCause::Replaced) => {
                self.latest_window() == Some(index)
            }
        };
        if is_latest {
            self.latest = serde_json::to_string(result).ok();
        }
        let shown = self.realized.as_ref().map(|(index, _)| *index);
        if is_shown(result) && shown.is_none_or(|shown| shown <= index) {
            self.realized = serde_json::to_string(result).ok().map(|text| (index, text));
        } else if shown == Some(index) {
            self.realized = None;
        }
    }
}

impl VersionState {
    /// Keeps what is to be shown of segments.
    pub(super) fn show_segments(&mut self, results: &[WindowResult]) {
        for result in results {
            self.segments.entry(result.segment.clone()).or_default().show(result);
        }
    }

    /// Forgets segments that a profile does not have; which those were.
    pub(super) fn forget_segments(&mut self, plan: Option<&Plan>) -> Vec<String> {
        let segments = plan.iter().flat_map(|plan| plan.segments());
        let known: BTreeSet<&str> = segments.map(SegmentPlan::name).collect();
        let gone = |name: &&String| !known.contains(name.as_str());
        let gone: Vec<String> = self.segments.keys().filter(gone).cloned().collect();
        for name in &gone {
            self.segments.remove(name);
        }
        gone
    }
}

/// What is shown of the segments of a version, by name.
pub(super) type ShownSegments = BTreeMap<String, ShownSegment>;
