//! How good a binary classifier is: from the four cells, and from the order of its scores.
//!
//! The same formulas serve expected cells (sums of calibrated probabilities) and counted ones; [`Basis`] says
//! which, because the two disagree on what an empty denominator means.

mod business_value;
mod cells;
mod post_stratified;
mod ranking;
mod rates;

pub use self::business_value::ValueNormalization;
pub use self::cells::{Cell, Cells, Normalization};
pub use self::post_stratified::{PostStratifiedCells, PostStratifiedRanking, Weighed};
pub(in crate::stats) use self::ranking::both_classes;
pub use self::ranking::{ScoreBin, average_precision, roc_auc};
pub use self::rates::Basis;
