//! Where results go once they are published: gauges for Prometheus, long rows for files.
//!
//! Knows nothing of Kafka, HTTP, or how a file is written.

pub mod prometheus;
pub mod rows;

#[cfg(test)]
mod made_up;
