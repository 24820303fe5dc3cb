//! The stages joined in memory.
//!
//! [`files`] cuts, folds and evaluates the windows of a file on all cores. Knows nothing of file formats.

pub mod files;
