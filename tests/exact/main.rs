//! Tests without the daemon: what is exact is tested exactly.

/// Settings as bytes: they travel and come back, and tell one epoch from another.
mod canonical;
/// Files that tests read, and files that a test keeps current.
mod data;
/// Settings that are refused: every mistake at once.
mod refusals;
/// The schemas of what others read and write.
mod schemas;
/// What was written in vigie.toml, and what it means.
mod settings;
