//! From scores to probabilities: isotonic calibration, and whether it is needed.
//!
//! All of it is done once, on the reference; only [`Calibrator::calibrate`] runs on every row.

mod calibration_error;
mod calibrator;
mod isotonic;
mod knots;
mod mersenne_twister;
mod needs_calibration;
mod shuffle_split;

pub use self::calibration_error::expected_calibration_error;
pub use self::calibrator::Calibrator;
pub use self::knots::InvalidKnots;
pub use self::needs_calibration::needs_calibration;
pub use self::shuffle_split::{ShuffleSplit, Split};
