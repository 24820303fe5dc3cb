//! How good a binary classifier is: from the four cells, and from the order of its scores.
//!
//! The same formulas serve expected cells (sums of calibrated probabilities) and counted ones; [`Basis`] says
//! which, because the two disagree on what an empty denominator means.

mod cells;
mod ranking;

pub use self::cells::{Basis, Cell, Cells, Normalization, ValueNormalization};
pub(in crate::stats) use self::ranking::both_classes;
pub use self::ranking::{ScoreBin, average_precision, roc_auc};
