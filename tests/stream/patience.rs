//! Waiting for what another process does in its own time; nothing else may wait.

use std::thread;
use std::time::Duration;

use vigie::telemetry::Clock;

/// How long anything may take before it has failed; generous, since two cores may run many tests.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(50);

/// What `look` finds, asked again and again; none where it has found nothing when [`PATIENCE`] ends.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Clock::machine();
    while began.running() < PATIENCE {
        if let Some(found) = look() {
            return Some(found);
        }
        thread::sleep(PAUSE);
    }
    look()
}
