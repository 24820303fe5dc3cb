//! Model against model: is the challenger better than the champion, and how surely?
//!
//! ```text
//! rows --Scored::add--> Scored (one a model) --Pairing--> Sides --compare--> Compared (a figure) --verdict--> words, gate
//! windows of results of two versions --over_results--> Compared
//! ```
//!
//! Rows that both scored are compared row by row, others side by side. Knows nothing of files.

mod figures;
mod gate;
mod pairing;
mod scored;
mod verdict;
mod windows;

pub use self::figures::{Beside, Compared, Side, compare};
pub use self::gate::{Answer, Gate, Margin, Question};
pub use self::pairing::{Pairing, Traffic, pair, side_by_side};
pub use self::scored::Scored;
pub use self::verdict::Verdict;
pub use self::windows::{Mended, Together, When, mended, over_results};
