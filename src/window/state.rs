//! The whole state of a window.

use minicbor::{Decode, Encode};

use crate::batch::{Values, Vectors};
use crate::profile::KeyedRows;
use crate::window::categorical::CategoricalState;
use crate::window::continuous::ContinuousState;
use crate::window::early::{EarlyPlan, EarlyState};
use crate::window::embedding::EmbeddingState;
use crate::window::outcome::{EstimatedState, RealizedState};
use crate::window::plan::{ColumnPlan, Plan, Prepared};
use crate::window::reconstruction::ReconstructionState;
use crate::window::rowwise::RowStates;
use crate::window::sample::SampleState;
use crate::window::segments::SegmentStates;

/// The whole state of a window: a bounded value, folded from rows in any order, merged with others in any order.
///
/// `fold` of the parts, merged, equals `fold` of the whole to the last bit, and so do the bytes that it encodes to
/// (CBOR with numbered fields).
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct WindowState {
    #[n(0)]
    rows: u64,
    #[n(1)]
    pub(super) columns: Vec<ColumnState>,
    #[n(2)]
    pub(super) estimated: Option<EstimatedState>,
    #[n(3)]
    pub(super) realized: Option<RealizedState>,
    #[n(4)]
    pub(super) reconstruction: Option<ReconstructionState>,
    /// `None` where the plan has no segments.
    #[n(5)]
    pub(super) segments: Option<Box<SegmentStates>>,
    #[n(6)]
    pub(super) sample: Option<SampleState>,
    /// `None` where nothing is watched while the window is open.
    #[n(7)]
    pub(super) early: Option<Box<EarlyState>>,
    /// `None` where the profile has no metrics over rows.
    #[n(8)]
    pub(super) rowwise: Option<Box<RowStates>>,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) enum ColumnState {
    #[n(0)]
    Continuous(#[n(0)] Box<ContinuousState>),
    #[n(1)]
    Categorical(#[n(0)] CategoricalState),
    #[n(2)]
    Embedding(#[n(0)] EmbeddingState),
}

impl WindowState {
    /// The state of no rows.
    pub fn new(plan: &Plan) -> Self {
        let columns = plan
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| match column {
                ColumnPlan::Continuous(_) => ColumnState::Continuous(Box::default()),
                ColumnPlan::Categorical(_) => {
                    ColumnState::Categorical(CategoricalState::new(plan.labels(index)))
                }
                ColumnPlan::Embedding(_) => ColumnState::Embedding(EmbeddingState::default()),
            })
            .collect();
        Self {
            rows: 0,
            columns,
            estimated: plan.outputs.estimated(),
            realized: plan.outputs.realized(),
            reconstruction: plan.reconstruction.map(|_| ReconstructionState::default()),
            segments: (!plan.segments.is_empty()).then(Box::default),
            sample: plan.sample().map(SampleState::new),
            early: plan.early.as_ref().map(EarlyPlan::state),
            rowwise: plan.rowwise.as_ref().map(|plan| Box::new(plan.none())),
        }
    }

    /// Rows folded so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// A sample of its rows, with what the model put out; `None` where nothing is asked for that needs rows.
    pub fn sample(&mut self) -> Option<&KeyedRows> {
        self.sample.as_mut().map(SampleState::rows)
    }

    /// Adds `length` rows from `start` on.
    pub fn fold(&mut self, plan: &Plan, prepared: &Prepared<'_>, start: usize, length: usize) {
        let rows = &*prepared.rows;
        self.rows += length as u64;
        for (index, state) in self.columns.iter_mut().enumerate() {
            let data = &rows.columns[index];
            let absent = data.absent.as_ref().map(|absent| absent.slice(start, length));
            match (state, &plan.columns[index], &data.values) {
                (
                    ColumnState::Continuous(state),
                    ColumnPlan::Continuous(plan),
                    Values::Numbers(values),
                ) => state.fold(&values.slice(start, length), absent.as_ref(), plan),
                (
                    ColumnState::Categorical(state),
                    ColumnPlan::Categorical(_),
                    Values::Labels(values),
                ) => {
                    let lookup = &prepared.columns[index];
                    let values = values.slice(start, length);
                    state.fold(&values, absent.as_ref(), &lookup.codes);
                }
                (
                    ColumnState::Embedding(state),
                    ColumnPlan::Embedding(plan),
                    Values::Vectors(Vectors::Measured(distances)),
                ) => state.fold(distances, start..start + length, absent.as_ref(), plan),
                _ => debug_assert!(false, "rows are laid out by the profile of their plan"),
            }
        }
        let range = start..start + length;
        if let (Some(state), Some(plan), Some(errors)) =
            (&mut self.reconstruction, &plan.reconstruction, &rows.reconstruction)
        {
            state.fold(&errors[range.clone()], plan);
        }
        if let (Some(state), Some(sample)) = (&mut self.sample, plan.sample()) {
            state.fold((plan.profile(), sample), prepared, start, length);
        }
        if let Some(early) = &mut self.early {
            early.fold(plan, prepared, &range);
        }
        if let (Some(states), Some(of)) = (&mut self.rowwise, &plan.rowwise) {
            of.fold(&plan.outputs, prepared, range.clone(), states);
        }
        plan.outputs.fold(prepared, range, &mut self.estimated, &mut self.realized);
        if let Some(segments) = &mut self.segments {
            segments.fold(plan, prepared, start, length);
        }
    }

    /// Adds the rows of another state of the same plan.
    pub fn merge(&mut self, other: &Self, plan: &Plan) {
        self.rows += other.rows;
        for ((ours, theirs), plan) in self.columns.iter_mut().zip(&other.columns).zip(&plan.columns)
        {
            match (ours, theirs, plan) {
                (
                    ColumnState::Continuous(ours),
                    ColumnState::Continuous(theirs),
                    ColumnPlan::Continuous(plan),
                ) => ours.merge(theirs, plan),
                (ColumnState::Categorical(ours), ColumnState::Categorical(theirs), _) => {
                    ours.merge(theirs);
                }
                (ColumnState::Embedding(ours), ColumnState::Embedding(theirs), _) => {
                    ours.merge(theirs);
                }
                _ => debug_assert!(false, "states of one plan have the same columns"),
            }
        }
        if let (Some(ours), Some(theirs)) = (&mut self.reconstruction, &other.reconstruction) {
            ours.merge(theirs);
        }
        if let (Some(ours), Some(theirs)) = (&mut self.sample, &other.sample) {
            ours.merge(theirs);
        }
        if let (Some(ours), Some(theirs)) = (&mut self.early, &other.early) {
            ours.merge(theirs);
        }
        if let (Some(ours), Some(theirs)) = (&mut self.estimated, &other.estimated) {
            ours.merge(theirs);
        }
        if let (Some(ours), Some(theirs)) = (&mut self.realized, &other.realized) {
            ours.merge(theirs);
        }
        if let (Some(ours), Some(theirs)) = (&mut self.rowwise, &other.rowwise) {
            ours.merge(theirs);
        }
        if let (Some(ours), Some(theirs)) = (&mut self.segments, &other.segments) {
            ours.merge(theirs, plan);
        }
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        let columns: usize = self
            .columns
            .iter()
            .map(|column| match column {
                ColumnState::Continuous(state) => state.bytes(),
                ColumnState::Categorical(state) => state.bytes(),
                // Nothing of it is on the heap.
                ColumnState::Embedding(_) => 0,
            })
            .sum();
        columns
            + self.estimated.as_ref().map_or(0, EstimatedState::bytes)
            + self.realized.as_ref().map_or(0, RealizedState::bytes)
            + self.segments.as_ref().map_or(0, |segments| segments.bytes())
            + self.sample.as_ref().map_or(0, SampleState::bytes)
            + self.early.as_ref().map_or(0, |early| early.bytes())
            + self.rowwise.as_ref().map_or(0, |states| states.bytes())
    }
}

/// A score that ranks: an infinite one where it belongs, at the end.
pub(super) fn usable(score: f64) -> Option<f64> {
    (!score.is_nan()).then(|| score.clamp(f64::MIN, f64::MAX))
}
