//! The columns of a window in the few bins that people look at.

use crate::metric::Metric;
use crate::profile::{Categorical, Continuous, Values, shown_labels};
use crate::window::categorical::CategoricalState;
use crate::window::continuous::ContinuousState;
use crate::window::plan::{ColumnPlan, ContinuousPlan, Plan, rows_below};
use crate::window::result::Distribution;
use crate::window::state::{ColumnState, WindowState};

/// So many bins and labels are told of a window: about 100 kB of JSON.
const MOST: usize = 20_000;

/// Where a grid was cut for other methods, a bin must have at least so many of its cells to be read from them.
const CELLS_A_BIN: usize = 20;

impl WindowState {
    /// The columns in few bins, in the order of the profile, as many as a result has room for. Left out is one whose
    /// values are no longer kept apart and whose drift is measured by bins that are too wide to tell.
    pub fn distributions(&mut self, plan: &Plan) -> Vec<Distribution> {
        let mut room = MOST;
        let columns = self.columns.iter_mut().zip(&plan.columns).zip(&plan.profile.columns);
        let each = columns.filter_map(|((state, plan), column)| {
            let counted = match (state, plan, &column.values) {
                (
                    ColumnState::Continuous(state),
                    ColumnPlan::Continuous(plan),
                    Values::Continuous(reference),
                ) => continuous(state, plan, reference)?,
                (ColumnState::Categorical(state), _, Values::Categorical(reference)) => {
                    categorical(state, reference)
                }
                _ => return None,
            };
            Some(Distribution { column_name: column.name.clone(), ..counted })
        });
        each.take_while(|found| {
            let left = room.checked_sub(found.counts.len());
            room = left.unwrap_or(0);
            left.is_some()
        })
        .collect()
    }
}

fn continuous(
    state: &mut ContinuousState,
    plan: &ContinuousPlan,
    reference: &Continuous,
) -> Option<Distribution> {
    let bins = reference.doane.counts.len();
    if bins == 0 {
        return None;
    }
    state.settle(plan);
    let shown = &plan.shown;
    let mut cells = vec![0; shown.grid.cells()];
    let mut count = |value: f64, rows: u64| cells[shown.grid.cell(value)] += rows;
    if state.values.is_exact() {
        state.values.for_each(|value, &rows| count(value, rows));
    } else {
        let cuts = plan.grid.cuts();
        let own = |method: &Metric| matches!(method, Metric::JensenShannon | Metric::Hellinger);
        let fine = cuts.len() >= CELLS_A_BIN * bins;
        if !plan.methods.iter().any(|(method, _)| own(method)) && !fine {
            return None;
        }
        // A cell begins at a cut: that of the bin's own edge, or one that is not far above it.
        let cells = state.binned(plan).cells;
        for (cell, &rows) in cells.iter().enumerate() {
            let from = cell.checked_sub(1).map_or(f64::NEG_INFINITY, |cut| cuts[cut]);
            count(from, rows);
        }
    }
    let finite = rows_below(&cells);
    let counts = shown.map.counts(&finite);
    let lower = finite[shown.map.first()];
    let upper = cells.iter().sum::<u64>() - lower - counts.iter().sum::<u64>();
    let [minus, plus] = state.infinite;
    let (below, above) = (lower + minus, upper + plus);
    Some(Distribution { counts, below, above, missing: state.missing, ..Distribution::none() })
}

fn categorical(state: &CategoricalState, reference: &Categorical) -> Distribution {
    let shown = shown_labels(&reference.counts);
    let counts: Vec<u64> =
        shown.iter().map(|&label| state.counts.get(label).copied().unwrap_or(0)).collect();
    Distribution {
        other: state.counts.iter().sum::<u64>() - counts.iter().sum::<u64>(),
        counts,
        unseen: state.unseen.rows,
        missing: state.missing,
        ..Distribution::none()
    }
}

impl Distribution {
    /// Of no rows, without a name.
    fn none() -> Self {
        Self {
            column_name: String::new(),
            counts: Vec::new(),
            below: 0,
            above: 0,
            other: 0,
            unseen: 0,
            missing: 0,
        }
    }
}
