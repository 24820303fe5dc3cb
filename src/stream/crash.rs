//! Named points at which a test has the process end as if by kill -9; only in builds with debug assertions.
//!
//! `VIGIE_CRASH_AT=<point>` or `<point>:<n>`: when the point is reached, or reached for the n-th time. `VIGIE_PANIC_AT` has
//! the thread panic there instead.

use std::env;
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Every point, in the order of the flow.
pub const POINTS: [&str; 12] = [
    INTAKE_OWNER_COMMITTED,
    INTAKE_SENT,
    INTAKE_TALLY_HAS_IT,
    INTAKE_BEFORE_COMMIT,
    JOIN_SENT,
    JOIN_ACKNOWLEDGED,
    JOIN_KEPT,
    TALLY_BEGUN,
    TALLY_WITHIN_CHECKPOINT,
    TALLY_BEFORE_COMMIT,
    TALLY_COMMITTED,
    TALLY_CAUGHT_UP,
];

/// Those of the archive, which not every instance has.
pub const ARCHIVE_POINTS: [&str; 3] = [ARCHIVE_CUT, ARCHIVE_WRITTEN, ARCHIVE_DONE];

/// The number of a lane's new owner is committed, and nobody has heard of it.
pub(super) const INTAKE_OWNER_COMMITTED: &str = "intake-owner-committed";
/// A stretch is on its way to the tally log.
pub(super) const INTAKE_SENT: &str = "intake-sent";
/// The tally log has a stretch, the join log does not.
pub(super) const INTAKE_TALLY_HAS_IT: &str = "intake-tally-has-it";
/// Both logs have a stretch, the offset is not committed.
pub(super) const INTAKE_BEFORE_COMMIT: &str = "intake-before-commit";
/// What became known is on its way to the tally log.
pub(super) const JOIN_SENT: &str = "join-sent";
/// The tally log has it, and it is not kept.
pub(super) const JOIN_ACKNOWLEDGED: &str = "join-acknowledged";
/// It is kept, and the offset is not committed.
pub(super) const JOIN_KEPT: &str = "join-kept";
/// A transaction is begun, and nothing is in it.
pub(super) const TALLY_BEGUN: &str = "tally-begun";
/// Half of a checkpoint is in the transaction.
pub(super) const TALLY_WITHIN_CHECKPOINT: &str = "tally-within-checkpoint";
/// Everything is in the transaction, and it is not committed.
pub(super) const TALLY_BEFORE_COMMIT: &str = "tally-before-commit";
/// It is committed, and nobody has been shown.
pub(super) const TALLY_COMMITTED: &str = "tally-committed";
/// The state is read back, and nothing is published since.
pub(super) const TALLY_CAUGHT_UP: &str = "tally-caught-up";

/// The records of files are read, and nothing of them is written.
pub(super) const ARCHIVE_CUT: &str = "archive-cut";
/// One of several files is written.
pub(super) const ARCHIVE_WRITTEN: &str = "archive-written";
/// All of them are, and so is how far that goes.
pub(super) const ARCHIVE_DONE: &str = "archive-done";

/// What a test has asked for: at which point, after how many times, and whether as a panic.
struct Wish {
    name: String,
    left: AtomicU64,
    panics: bool,
}

static ARMED: OnceLock<Option<Wish>> = OnceLock::new();

fn wish() -> Option<Wish> {
    let [crash, panic] = ["VIGIE_CRASH_AT", "VIGIE_PANIC_AT"].map(|name| env::var(name).ok());
    let panics = crash.is_none();
    let wish = crash.or(panic)?;
    let (name, times) = wish.split_once(':').unwrap_or((&wish, "1"));
    let left = AtomicU64::new(times.parse().unwrap_or(1));
    Some(Wish { name: name.to_owned(), left, panics })
}

/// Ends the process here, where a test has asked for that.
pub(super) fn point(name: &str) {
    if !cfg!(debug_assertions) {
        return;
    }
    if let Some(wish) = ARMED.get_or_init(wish)
        && wish.name == name
        && wish.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        assert!(!wish.panics, "panicking at {name}, as asked");
        tracing::warn!(name, "crashing here, as asked");
        process::abort();
    }
}
