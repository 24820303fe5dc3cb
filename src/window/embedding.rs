//! The state of an embedding column in a window.

use std::ops::Range;

use arrow::array::Array;
use arrow::buffer::BooleanBuffer;
use minicbor::{Decode, Encode};

use crate::batch::Distances;
use crate::window::reconstruction::{ReconstructionPlan, ReconstructionState};

/// An embedding column of a window: how far its vectors lie from what the reference's have in common.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct EmbeddingState {
    /// Rows without a value.
    #[n(0)]
    pub(super) missing: u64,
    /// Those of them whose event did not name the field.
    #[n(1)]
    pub(super) absent: u64,
    /// Rows with something that is no vector of the reference's length.
    #[n(2)]
    pub(super) malformed: u64,
    /// Of all others.
    #[n(3)]
    pub(super) errors: ReconstructionState,
}

impl EmbeddingState {
    pub(super) fn fold(
        &mut self,
        distances: &Distances,
        rows: Range<usize>,
        absent: Option<&BooleanBuffer>,
        plan: &ReconstructionPlan,
    ) {
        if let Some(absent) = absent {
            self.absent += absent.count_set_bits() as u64;
        }
        for row in rows {
            if distances.errors.is_valid(row) {
                self.errors.add(distances.errors.value(row), plan);
            } else if distances.malformed.as_ref().is_some_and(|of| of.value(row)) {
                self.malformed += 1;
            } else {
                self.missing += 1;
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.missing += other.missing;
        self.absent += other.absent;
        self.malformed += other.malformed;
        self.errors.merge(&other.errors);
    }
}
