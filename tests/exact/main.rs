<<<<<<< HEAD
//! Everything that needs no daemon: figures of other tools, laws, stages under every interleaving.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy does not take the helpers of a test executable for tests"
)]

mod golden; // agreement with the figures of other tools in tests/data/golden
mod laws; // what holds for any counts and cells
mod window; // the laws of the window state, bit for bit
mod world; // made-up data for the others
=======
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
>>>>>>> 29054b14bfc38ce83242338730ed0b163a3a3d53
