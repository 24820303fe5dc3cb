//! Where results go once they are published: gauges for Prometheus, long rows and an archive for files.
//!
//! Knows nothing of Kafka, HTTP, or how a file is written.

pub mod archive;
pub mod prometheus;
pub mod rows;

#[cfg(test)]
pub(crate) mod made_up;
