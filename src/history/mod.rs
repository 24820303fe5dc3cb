//! What was published of models, as people look at it: window results and alert events in, views out.
//!
//! ```text
//! WindowResult, AlertEvent, About --take--> History --overview, model, column, alerts--> what the page and the report show
//! ```
//!
//! Results may come in any order and more than once: of a window the newest revision of each figure counts, so the views
//! are the same. Memory is bounded by the number of windows a model version keeps, and figures lie packed in columns.
//!
//! A model version is in one of five states:
//!
//! - *degraded*: a critical alert is open;
//! - *silent*: no window has come for longer than its period, lateness and longest wait allow, and no other version of
//!   the model has had one since;
//! - *watch*: an alert of lesser severity is open, or a figure of the newest window that was judged is outside its
//!   thresholds (faults of the data where there are more of them than chance would bring);
//! - *unknown*: no window could be judged, or no profile serves the newest;
//! - *well*: none of these.
//!
//! Knows nothing of where results come from, and nothing of HTTP.

mod about;
mod look;
mod numbers;
mod series;
mod slices;
mod standing;
mod table;
#[cfg(test)]
mod tests;
mod version;
mod view;

use std::collections::BTreeMap;

pub use self::about::About;
pub use self::slices::{SliceView, SlicesView};
pub use self::standing::State;
use self::version::Version;
pub use self::view::{
    Alerts, Asked, ColumnForm, ColumnView, Digits, Epoch, ModelRow, ModelView, OpenAlert, Overview,
    Primary, Ranked, SeriesView, Span, WindowsView,
};
use crate::alert::AlertEvent;
use crate::window::WindowResult;

/// The windows that a model version keeps where nothing else is said.
pub const WINDOWS: usize = 1000;

/// What was published of models.
#[derive(Clone, Debug)]
pub struct History {
    windows: usize,
    versions: BTreeMap<(String, String), Version>,
}

impl Default for History {
    fn default() -> Self {
        Self::new(WINDOWS)
    }
}

/// Why a column cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoColumn {
    /// There is no such model version.
    #[error(
        "there is no model `{model}` of version `{version}`: /api/overview lists those that there are"
    )]
    Model {
        /// The model.
        model: String,
        /// Its version.
        version: String,
    },
    /// Its window is not among those of which columns are kept.
    #[error(
        "window {window} has no distributions any more, or none yet: they are kept of the newest windows, {kept}"
    )]
    Window {
        /// The window that was asked for.
        window: u64,
        /// Which windows have them.
        kept: String,
    },
    /// The window does not have the column.
    #[error("window {window} says nothing of column `{column}`: it tells of {columns}")]
    Column {
        /// The window.
        window: u64,
        /// The column that was asked for.
        column: String,
        /// Those that there are.
        columns: String,
    },
    /// The profile that the window was judged by is not known.
    #[error(
        "the profile {0} is not known here, so there is nothing to hold window and column against"
    )]
    Profile(String),
}

impl History {
    /// One that keeps so many windows of a model version.
    pub fn new(windows: usize) -> Self {
        Self { windows, versions: BTreeMap::new() }
    }

    /// Takes a result, heard of at a time in microseconds since 1970; whether something is new by it.
    pub fn take(&mut self, result: &WindowResult, heard: Option<i64>) -> bool {
        self.version(&result.model, &result.version).take(result, heard)
    }

    /// Takes an alert event; whether it is new.
    pub fn alert(&mut self, event: AlertEvent) -> bool {
        self.version(&event.model, &event.version).alert(event)
    }

    /// Whether what a profile says is known of a model version already: of this epoch, or of a later one and this
    /// profile.
    pub fn knows(&self, model: &str, version: &str, epoch: u64, profile: &str) -> bool {
        let known = self.versions.get(&(model.to_owned(), version.to_owned()));
        known.is_some_and(|known| known.knows(epoch, profile))
    }

    /// Takes what settings and profile say of a model version; what an earlier epoch said gives way.
    pub fn about(&mut self, model: &str, version: &str, about: About) {
        self.version(model, version).about(about);
    }

    /// Bytes of memory that it takes, to a few per cent.
    pub fn bytes(&self) -> usize {
        self.versions.values().map(Version::bytes).sum()
    }

    fn version(&mut self, model: &str, version: &str) -> &mut Version {
        let key = (model.to_owned(), version.to_owned());
        self.versions.entry(key).or_insert_with(|| Version::new(self.windows))
    }
}
