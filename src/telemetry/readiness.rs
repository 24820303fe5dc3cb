//! Whether the process does yet what it is there for, and if not, what it waits for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the process waits for before it is ready: a reason for each part that is not. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Readiness {
    waiting: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Readiness {
    /// The part that a process waits for from its first moment.
    pub const SERVICE: &str = "service";

    /// A process that is just starting, and not ready.
    pub fn starting() -> Self {
        let start = (Self::SERVICE.to_owned(), "it is starting".to_owned());
        Self { waiting: Arc::new(Mutex::new(BTreeMap::from([start]))) }
    }

    /// A part is not ready, for a reason that a person can act on; it replaces the one before.
    pub fn wait_for(&self, part: &str, reason: impl Into<String>) {
        self.locked().insert(part.to_owned(), reason.into());
    }

    /// A part is ready, or is not ours any more.
    pub fn done(&self, part: &str) {
        self.locked().remove(part);
    }

    /// What is waited for, by part; nothing when the process is ready.
    pub fn waiting(&self) -> BTreeMap<String, String> {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_every_part_is() {
        let readiness = Readiness::starting();
        let same = readiness.clone();
        readiness.wait_for("tally partition 0", "its state is read back");
        readiness.done(Readiness::SERVICE);
        assert_eq!(same.waiting().len(), 1);
        readiness.wait_for("tally partition 0", "it needs a hand");
        assert_eq!(same.waiting()["tally partition 0"], "it needs a hand");
        readiness.done("tally partition 0");
        assert!(same.waiting().is_empty());
    }
}
