//! The reference's own windows, measured like those that will be scored.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::Rows;
use crate::metric::{Family, Metric};
use crate::profile::{Profile, Reading, ReferenceWindow};
use crate::window::{Criteria, Cut, Plan, WindowKey, WindowState};

/// A window while it fills.
struct Open {
    state: WindowState,
    rows: (u64, u64),
    times: Option<(i64, i64)>,
}

/// Measures everything that any settings may ask for: of the whole, and of each of its segments. Of a window that has too
/// few rows of a segment only these are counted: nobody will judge by it.
pub(super) fn fit_windows(
    profile: &Arc<Profile>,
    batches: &[Rows],
) -> (Vec<ReferenceWindow>, Vec<Vec<ReferenceWindow>>) {
    let of = |family| Metric::all().filter(move |metric| metric.spec().family == family).collect();
    let drift: Vec<Metric> = of(Family::Drift);
    let criteria = Criteria {
        continuous: drift.clone(),
        categorical: drift,
        whole: of(Family::Whole),
        ..Criteria::default()
    };
    let plan = Plan::new(Arc::clone(profile), criteria);
    let rows = batches.iter().map(|batch| batch.len() as u64).sum();
    let times = batches.iter().flat_map(|batch| batch.times.iter().flat_map(|t| t.iter().copied()));
    let cut = Cut::new(profile.rule, rows, times);
    let mut open: BTreeMap<WindowKey, Open> = BTreeMap::new();
    let mut first = 0;
    for batch in batches {
        let prepared = plan.prepare(batch);
        for run in cut.runs(first, batch.len(), batch.times.as_deref()) {
            let from = first + run.start as u64;
            let to = from + run.length as u64 - 1;
            let window = open.entry(run.key).or_insert_with(|| Open {
                state: WindowState::new(&plan),
                rows: (from, to),
                times: None,
            });
            window.state.fold(&plan, &prepared, run.start, run.length);
            window.rows.1 = to;
            let run_times = batch.times.iter().flat_map(|t| &t[run.start..run.start + run.length]);
            for &time in run_times {
                let (least, greatest) = window.times.unwrap_or((time, time));
                window.times = Some((least.min(time), greatest.max(time)));
            }
        }
        first += batch.len() as u64;
    }
    let min_rows = profile.segments.as_ref().map_or(0, |segments| segments.min_rows);
    let mut whole = Vec::new();
    let mut of_segments: Vec<Vec<ReferenceWindow>> = vec![Vec::new(); plan.segments().len()];
    for (key, mut window) in open {
        let span = cut.span(key).or(window.times.map(|(least, greatest)| (least, greatest + 1)));
        let row_span = window.rows;
        let of = |reading| ReferenceWindow { span, row_span, reading };
        whole.push(of(window.state.evaluate(&plan)));
        for (index, windows) in of_segments.iter_mut().enumerate() {
            let rows = window.state.segment_rows(index);
            let state = window.state.segment(index).filter(|_| rows >= min_rows);
            let reading = match (state, plan.segments().get(index).and_then(|of| of.plan())) {
                (Some(state), Some(plan)) => state.evaluate(plan),
                _ => Reading { rows, ..Reading::default() },
            };
            windows.push(of(reading));
        }
    }
    (whole, of_segments)
}
