//! Sampling errors: how far a figure strays when nothing has changed.
//!
//! From the reference alone, once; a window adds only how many rows it has. One type holds what is needed for
//! any figure ([`SamplingError`]); the other files find it: [`performance`](SamplingError::accuracy) from the
//! cells, ranking from score bins, summary from the reference's values.

mod average_precision;
mod cells;
mod confusion;
mod losses;
mod roc_auc;
mod sampling_error;
mod summary;

pub use self::sampling_error::{SamplingError, confidence};
