//! Waiting for what another process does in its own time; nothing else may wait.

use std::thread;
use std::time::Duration;

/// How long anything may take before it has failed; generous, since two cores may run many tests.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(50);

/// What `look` finds, asked again and again; none where it has found nothing when [`PATIENCE`] ends.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        if let Some(found) = look() {
            return Some(found);
        }
        thread::sleep(PAUSE);
    }
    None
}
