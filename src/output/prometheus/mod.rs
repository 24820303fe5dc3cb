//! The latest results of each model as Prometheus gauges.
//!
//! A result replaces what was shown of the window before it, so what is undefined in it is absent, never zero. Values
//! of labels come from settings and profiles: versions that no profile serves are one, `other`.
//!
//! ```text
//! result --series--> what is to be seen of it --gauges--> the store --collect--> /metrics
//! ```
//!
//! Knows nothing of HTTP, nor of how often anybody looks.

mod families;
mod gauges;
mod history;
mod series;
#[cfg(test)]
mod tests;

pub use self::families::{FAMILIES, FamilySpec};
pub use self::gauges::{Gauges, PartitionGauges};
pub use self::history::History;
