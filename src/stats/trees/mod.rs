//! Forests of regression trees, as they are evaluated: flat arrays, no training.
//!
//! An [`Input`] says in which bin a value lies, once for all trees of a [`Forest`]; trees compare bins.

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
