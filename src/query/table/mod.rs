//! Files as a model's rows: which columns are what, and from batches to rows.

mod choose;
mod expressions;
mod rows;
mod segments;
mod targets;

pub use self::choose::{Choice, Chosen, Hints, choose};
pub use self::expressions::{ProfileExpressions, conditions_of, expressions_of, for_stream};
pub use self::rows::{Columns, RowMaker};
pub use self::segments::SegmentColumns;
pub use self::targets::{TargetColumns, TargetCounts, Targets, ids};
