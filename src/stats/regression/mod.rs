//! How far a predicted number is from the true one: losses of a row, and their means over rows.

mod loss;
mod post_stratified;

pub use self::loss::{Loss, mean_loss};
pub use self::post_stratified::{PostStratifiedLosses, StratumLosses};
