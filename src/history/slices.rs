//! The worst slices of windows, as people look at them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metric::{Measure, Metric};
use crate::window::{Method, RevisionCause, WindowResult};

/// Of so many windows slices are kept, the newest.
const WINDOWS: usize = 250;

/// The worst slices of a window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SlicesView {
    /// The window's index.
    pub window: u64,
    /// The performance metric whose loss is expected.
    pub of: Option<Measure>,
    /// How it is expected.
    pub method: Option<Method>,
    /// How many slices were looked at; null where none could be.
    pub examined: Option<f64>,
    /// How many columns no pairs were made of.
    pub columns_unpaired: Option<f64>,
    /// `ok`, or why nothing was looked at.
    pub status: &'static str,
    /// The slices, the one first that holds most of the excess.
    pub slices: Vec<SliceView>,
}

/// A slice of a window.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SliceView {
    /// What it is called.
    pub name: String,
    /// Its mean expected loss less that of all rows.
    pub excess: Option<f64>,
    /// One standard error of that.
    pub excess_error: Option<f64>,
    /// Where the excess lies at least and at most, allowing for all slices that were looked at.
    pub excess_bounds: [Option<f64>; 2],
    /// A bound of the probability of such a slice by chance.
    pub p_value: Option<f64>,
    /// Its mean expected loss.
    pub loss: Option<f64>,
    /// Its share of the rows.
    pub share: Option<f64>,
    /// How far its loss is above what it was in the reference; null where that has too few rows of it.
    pub change: Option<f64>,
    /// One standard error of that.
    pub change_error: Option<f64>,
    /// The probability of such a change by chance.
    pub change_p_value: Option<f64>,
}

impl SlicesView {
    /// Those that a result tells of; `None` where nobody asked for any.
    pub fn of(result: &WindowResult) -> Option<Self> {
        let figures =
            || result.figures.iter().filter(|figure| figure.metric.metric().is_of_slices());
        let first = |metric: Metric| figures().find(move |figure| figure.metric == metric);
        let examined = first(Metric::SlicesExamined)?;
        let mut slices: Vec<SliceView> = Vec::new();
        for figure in figures() {
            let Some(name) = figure.column_name.as_deref() else { continue };
            let at = slices.iter().position(|slice| slice.name == name);
            let at = at.unwrap_or_else(|| {
                slices.push(SliceView { name: name.to_owned(), ..SliceView::default() });
                slices.len() - 1
            });
            let slice = &mut slices[at];
            match figure.metric.metric() {
                Metric::SliceExcess => {
                    slice.excess = figure.value;
                    slice.excess_error = figure.sampling_error;
                    slice.excess_bounds = [figure.lower_confidence, figure.upper_confidence];
                    slice.p_value = figure.p_value;
                }
                Metric::SliceLoss => slice.loss = figure.value,
                Metric::SliceShare => slice.share = figure.value,
                Metric::SliceChange => {
                    slice.change = figure.value;
                    slice.change_error = figure.sampling_error;
                    slice.change_p_value = figure.p_value;
                }
                _ => {}
            }
        }
        Some(Self {
            window: result.window_index,
            of: examined.of.clone(),
            method: examined.method,
            examined: examined.value,
            columns_unpaired: first(Metric::SliceColumnsUnpaired).and_then(|of| of.value),
            status: examined.status.as_str(),
            slices,
        })
    }
}

/// The worst slices of the newest windows, by index, each with the revision that told them.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptSlices(BTreeMap<u64, (u64, Option<SlicesView>)>);

impl KeptSlices {
    pub(super) fn take(&mut self, result: &WindowResult) {
        let by_person = matches!(
            result.revision_cause,
            Some(RevisionCause::Excluded | RevisionCause::Replaced)
        );
        let found = SlicesView::of(result);
        let (index, revision) = (result.window_index, result.revision);
        let newer = self.0.get(&index).is_none_or(|(known, _)| *known < revision);
        if newer && (by_person || found.is_some()) {
            // Those of a window that was left out are kept as none, so that an older revision does not bring them back.
            self.0.insert(index, (revision, found));
        }
        while self.0.len() > WINDOWS {
            self.0.pop_first();
        }
    }

    /// Those of a window and of all after it, by window.
    pub(super) fn since(&self, window: u64) -> Vec<&SlicesView> {
        self.0.range(window..).filter_map(|(_, (_, found))| found.as_ref()).collect()
    }

    pub(super) fn bytes(&self) -> usize {
        let slices = self.0.values().flat_map(|(_, found)| found).flat_map(|found| &found.slices);
        let each = slices.map(|slice| size_of::<SliceView>() + slice.name.len());
        self.0.len() * (size_of::<SlicesView>() + 48) + each.sum::<usize>()
    }
}
