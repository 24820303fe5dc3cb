//! Forests of regression trees: grown by boosting over bins, evaluated as flat arrays.
//!
//! [`cuts()`] says where numbers are cut into bins, [`boost()`] grows trees over those. An [`Input`] says in which bin a value
//! lies, once for all trees of a [`Forest`]; trees compare bins.

mod boost;
mod cuts;
mod flat;
mod forest;
mod input;
mod table;

pub use self::boost::{Binned, Growth, boost};
pub use self::cuts::cuts;
pub use self::flat::ForestError;
pub use self::forest::{Forest, Node, Tree};
pub use self::input::{Input, MISSING_BIN};
