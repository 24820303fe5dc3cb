//! What is kept of the past.

use serde::Serialize;

use crate::settings::at::At;
use crate::settings::mistake::Mistakes;
use crate::settings::typed;

/// Where results and alerts are kept as files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Archive {
    /// A folder, as it was written, or the URL of one in an object store.
    pub path: String,
    /// Whether scored rows and their targets are kept too.
    pub rows: bool,
}

/// What an object store's URL begins with.
const STORES: &[&str] = &["file", "s3", "s3a", "gs", "az", "azure", "abfs", "abfss"];

impl Archive {
    pub(crate) fn meant(
        typed: typed::Archive,
        at: &At<'_>,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        if typed.rows && typed.path.is_none() {
            let rows = at.key("rows");
            mistakes.add(
                &rows,
                "a place to keep them in",
                "set `path` beside it, or remove the key",
            );
        }
        let path = typed.path?;
        let at = at.key("path");
        if path.trim().is_empty() {
            mistakes.add(&at, "a folder or a URL", "write one, or remove the key");
        }
        if let Some((store, _)) = path.split_once("://")
            && !STORES.contains(&store)
        {
            let wanted =
                "a folder, or a URL that begins with `s3://`, `gs://`, `az://` or `file://`";
            mistakes.add(&at, wanted, "it must be a store that can be written");
        }
        Some(Self { path, rows: typed.rows })
    }

    /// Whether it is the URL of an object store, and no folder.
    pub fn is_url(&self) -> bool {
        self.path.contains("://")
    }
}
