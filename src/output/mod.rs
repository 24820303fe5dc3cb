//! Where results and alerts go once they are published: gauges for Prometheus, long rows and an archive for files,
//! messages to people.
//!
//! Knows nothing of Kafka, or how a file is written.

pub mod archive;
pub mod notify;
pub mod prometheus;
pub mod rows;

#[cfg(test)]
pub(crate) mod made_up;
