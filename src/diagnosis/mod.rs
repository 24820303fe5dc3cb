//! Why performance changed: which columns drifted when it did.
//!
//! ```text
//! WindowResult --seen--> Seen (what a window brings) --Recent--> the last windows --Ranking--> figures of kind `diagnosis`
//! ```
//!
//! Only the whole model is looked at, not its segments. Knows nothing of where windows come from: a file and the
//! stream rank by the same code.

mod rank;
mod ranking;
mod recent;
mod split;

pub use self::rank::{Correlated, Course, Drift, by_breaches, by_correlation, changes};
pub use self::ranking::{FEWEST, Ranking, Seen};
pub use self::recent::Recent;
pub use self::split::{Origin, Share, Split};
