//! A window of predictions as one bounded value: folded from rows, merged, evaluated against a profile.
//!
//! Knows nothing of Kafka, files or clocks, nor of which rows belong to which window (that is `tally`).

mod metric;

pub use self::metric::{Better, ColumnKind, Family, Kind, Metric, Problem, Spec};
