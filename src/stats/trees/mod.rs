//! Trees: how they grow, and forests of regression trees as they are evaluated.
//!
//! [`cuts()`] says where numbers are cut into bins, [`boost()`] grows trees over those that expect losses, once a profile. An
//! [`Input`] says in which bin a value lies, once for all trees of a [`Forest`]; trees compare bins. How a tree grows is
//! shared with the classifier beside this module, which grows hundreds for every window: it sums words of rounded integers
//! where losses need doubles, and splits labels into sets where forests compare bins. With sums in doubles it would take
//! several times as long; with words the losses would be off by percents.

mod boost;
mod cuts;
mod flat;
mod forest;
mod grow;
mod input;
mod table;

pub use self::boost::{Binned, Growth, boost};
pub use self::cuts::cuts;
pub use self::flat::ForestError;
pub use self::forest::{Forest, Node, Tree};
pub(super) use self::grow::{Ground, Grown, Order, grow};
pub use self::input::{Input, MISSING_BIN};
