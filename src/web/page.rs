//! What the page shows: history that somebody fills, and who is told when something is new.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::Serialize;
use tokio::sync::{broadcast, watch};

use crate::history::History;

/// So many events wait for a browser that is slow; it is told that it missed some.
const WAITING: usize = 1024;

/// What the page shows. Clones are of the same page.
#[derive(Clone, Debug)]
pub struct Page {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    instance: String,
    history: RwLock<History>,
    /// Why history is not whole yet.
    reading: Mutex<Option<String>>,
    events: broadcast::Sender<Event>,
    closed: watch::Sender<bool>,
    listeners: AtomicUsize,
}

/// Something new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// A window was sealed or restated.
    Window {
        /// The model.
        model: String,
        /// Its version.
        version: String,
        /// The window.
        index: u64,
        /// The segment: `all`.
        segment: String,
    },
    /// An alert was opened, updated or resolved.
    Alert {
        /// Its id.
        id: String,
        /// The model.
        model: String,
        /// Its version.
        version: String,
        /// What happened.
        event: &'static str,
    },
}

impl Event {
    /// The name of the event.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Window { .. } => "window",
            Self::Alert { .. } => "alert",
        }
    }
}

impl Page {
    /// The part of the service that the page waits for.
    pub const PART: &str = "history";

    /// The page of an instance, with nothing to show yet.
    pub fn new(instance: &str) -> Self {
        let inner = Inner {
            instance: instance.to_owned(),
            history: RwLock::default(),
            reading: Mutex::new(Some("results are not read yet".to_owned())),
            events: broadcast::Sender::new(WAITING),
            closed: watch::Sender::new(false),
            listeners: AtomicUsize::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The name of the instance.
    pub fn instance(&self) -> &str {
        &self.inner.instance
    }

    /// Looks at history.
    pub fn read<T>(&self, look: impl FnOnce(&History) -> T) -> T {
        look(&self.inner.history.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes history.
    pub fn write<T>(&self, change: impl FnOnce(&mut History) -> T) -> T {
        change(&mut self.inner.history.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells every browser of something new.
    pub fn tell(&self, event: Event) {
        // Nobody may be there.
        drop(self.inner.events.send(event));
    }

    /// History is not whole, for this reason; `None` once it is.
    pub fn reading(&self, reason: Option<String>) {
        *self.why() = reason;
    }

    /// Why history is not whole.
    pub(super) fn waits_for(&self) -> Option<String> {
        self.why().clone()
    }

    /// Ends what is sent to browsers as things happen, so that the server can end.
    pub fn close(&self) {
        self.inner.closed.send_replace(true);
    }

    pub(super) fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.events.subscribe()
    }

    pub(super) fn closed(&self) -> watch::Receiver<bool> {
        self.inner.closed.subscribe()
    }

    /// A place among at most so many listeners, if there is one.
    pub(super) fn listen(&self, most: usize) -> Option<Listener> {
        let listener = Listener { page: self.clone() };
        (self.inner.listeners.fetch_add(1, Ordering::Relaxed) < most).then_some(listener)
    }

    fn why(&self) -> MutexGuard<'_, Option<String>> {
        self.inner.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A browser that listens.
#[derive(Debug)]
pub(super) struct Listener {
    page: Page,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.page.inner.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}
