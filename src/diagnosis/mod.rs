//! Why performance changed: which columns drifted when it did.
//!
//! ```text
//! WindowResult --seen--> Seen (what a window brings) --Recent--> the last windows --Ranking--> figures of kind `diagnosis`
//! ```
//!
//! Only the whole model is looked at, not its segments. Knows nothing of where windows come from: a file and the
//! stream rank by the same code.

mod compare;
mod rank;
mod ranking;
mod recent;
mod split;
mod within;

pub use self::compare::{
    Answer, Beside, Compared, Gate, Margin, Mended, Pairing, Question, Scored, Side, Together,
    Traffic, Verdict, When, compare, mended, over_results, pair, side_by_side,
};
pub use self::rank::{Correlated, Course, Drift, by_breaches, by_correlation, changes};
pub use self::ranking::{FEWEST, Order, Ranking, Seen};
pub use self::recent::Recent;
pub use self::split::{Origin, Share, Split};
pub use self::within::{
    Apart, Concept, Gathered, Part, Relevance, Since, Wanted, Within, apart, since, within,
};
