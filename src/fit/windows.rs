//! The reference's own windows, measured like those that will be scored.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::Rows;
use crate::metric::{Family, Metric};
use crate::profile::{Profile, ReferenceWindow};
use crate::window::{Criteria, Cut, Plan, WindowKey, WindowState};

/// A window while it fills.
struct Open {
    state: WindowState,
    rows: (u64, u64),
    times: Option<(i64, i64)>,
}

/// Measures everything that any settings may ask for.
pub(super) fn fit_windows(profile: &Arc<Profile>, batches: &[Rows]) -> Vec<ReferenceWindow> {
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
    open.into_iter()
        .map(|(key, mut window)| ReferenceWindow {
            span: cut.span(key).or(window.times.map(|(least, greatest)| (least, greatest + 1))),
            row_span: window.rows,
            reading: window.state.evaluate(&plan),
        })
        .collect()
}
