//! How good a classifier is: from the cells of its confusion matrix, and from the order of its scores.
//!
//! The same formulas serve expected cells (sums of calibrated probabilities) and counted ones; [`Basis`] says
//! which, because the two disagree on what an empty denominator means.

mod business_value;
mod cells;
mod confusion;
mod post_stratified;
mod post_stratified_confusion;
mod ranking;
mod rates;

pub use self::business_value::ValueNormalization;
pub use self::cells::{Cell, Cells, Normalization};
pub use self::confusion::{Confusion, mean_average_precision, mean_roc_auc};
pub use self::post_stratified::{PostStratifiedCells, PostStratifiedRanking, Weighed};
pub use self::post_stratified_confusion::{OfOnePrediction, PostStratifiedConfusion};
pub(in crate::stats) use self::ranking::both_classes;
pub use self::ranking::{ScoreBin, average_precision, roc_auc};
pub use self::rates::Basis;
