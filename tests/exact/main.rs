//! Everything that needs no daemon: figures of other tools, laws, stages under every interleaving.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy does not take the helpers of a test executable for tests"
)]

mod golden; // agreement with the figures of other tools in tests/data/golden
