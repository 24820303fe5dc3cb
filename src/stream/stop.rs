//! The wish to end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A wish to end that many threads can see. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    set: AtomicBool,
    lock: Mutex<()>,
    woken: Condvar,
}

impl Stop {
    /// Nobody has wished to end yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wishes to end.
    pub fn set(&self) {
        self.shared.set.store(true, Ordering::SeqCst);
        let _guard = self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.woken.notify_all();
    }

    /// Wishes to end when what this gives is dropped: when its owner returns, fails or panics.
    pub(super) fn at_the_end(&self) -> AtTheEnd {
        AtTheEnd(self.clone())
    }

    /// Whether somebody wishes to end.
    pub fn is_set(&self) -> bool {
        self.shared.set.load(Ordering::SeqCst)
    }

    /// Waits, but no longer than until somebody wishes to end; whether somebody does.
    pub fn wait(&self, time: Duration) -> bool {
        let guard = self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_set() {
            drop(
                self.shared
                    .woken
                    .wait_timeout_while(guard, time, |()| !self.is_set())
                    .unwrap_or_else(PoisonError::into_inner),
            );
        }
        self.is_set()
    }
}

/// A wish to end that waits for its owner's end.
pub(super) struct AtTheEnd(Stop);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// Has workers end, all at once.
pub(super) fn end(workers: Vec<(Stop, JoinHandle<()>)>) {
    for (stop, _) in &workers {
        stop.set();
    }
    for (_, thread) in workers {
        // A worker that panicked has said so already.
        drop(thread.join());
    }
}
