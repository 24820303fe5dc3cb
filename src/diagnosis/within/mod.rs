//! Inside one data set: how its older parts differ from its newest one, in their inputs and in what follows from these.
//!
//! ```text
//! rows --Gathered::add--> Gathered (a sample of each part) --within--> Part (a part against the newest) --since--> words
//! ```
//!
//! Which rows are still worth training on. Knows nothing of files, nor of a model's outputs: it learns by itself.

mod gathered;
mod learn;
mod parts;

pub use self::gathered::{Gathered, Wanted};
pub use self::parts::{Apart, Concept, Part, Relevance, Since, Within, apart, since, within};
