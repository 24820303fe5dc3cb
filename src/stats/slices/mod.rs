//! Where a loss is greater than elsewhere: parts of the rows that one value, or two, tell.
//!
//! Two questions. Of a reference with targets, asked once: [`worst_parts`] grows a shallow tree on half of the rows and
//! asks the other half whether its leaves are worse. Of every window, without targets: [`worst_slices`] looks at all
//! single values and pairs of them. Both say nothing that chance explains: [`chance`] bounds how likely a mean as great is
//! if the slice has nothing to do with the loss, and that is multiplied by how many slices were looked at.

mod bound;
mod search;
mod sliced;
mod tree;

pub use self::bound::chance;
pub use self::search::{Found, LEVEL, MOST_PAIRED, Searched, worst_slices};
pub use self::sliced::{CELLS, Field, Range, Sliced, Spread};
pub use self::tree::{Worst, WorstPart, worst_parts};
