//! What can go wrong with local files, and what happens then.

use std::io;
use std::path::PathBuf;

use super::Identity;

/// What can go wrong with local files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refuses: the disk is full, read-only, or worse.
    #[error(
        "`{path}`: cannot {doing}: {source}; what is kept is as before, and the same is tried again"
    )]
    Disk {
        /// Which file or folder.
        path: PathBuf,
        /// What was to be done.
        doing: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// What is there is not what was written.
    #[error("`{path}` is damaged ({what}); pending predictions are rebuilt from the join log")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What was seen.
        what: &'static str,
    },
    /// Written by another version.
    #[error(
        "`{path}` has format {found}, this version of vigie reads {wanted}; pending predictions are rebuilt from the \
         join log"
    )]
    Format {
        /// Which file.
        path: PathBuf,
        /// The format that it names.
        found: u32,
        /// The format that can be read.
        wanted: u32,
    },
    /// Written for another partition.
    #[error(
        "`{path}` is of {found}, not of {wanted}; pending predictions are rebuilt from the join log"
    )]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// Whose it is.
        found: Box<Identity>,
        /// Whose it should be.
        wanted: Box<Identity>,
    },
    /// Another process has it open.
    #[error("`{path}` is in use by another process; give each instance a data folder of its own")]
    InUse {
        /// Which folder.
        path: PathBuf,
    },
}

impl StoreError {
    /// Whether what is kept cannot be used any more: it is dropped and rebuilt from the log. Otherwise the same may be
    /// tried again.
    pub fn needs_rebuild(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Format { .. } | Self::Foreign { .. })
    }
}
