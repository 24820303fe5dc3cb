//! Performance metrics of a regression.

use crate::metric::Metric;
use crate::profile::{Regression, RegressionPerformance};
use crate::stats::{SamplingError, Undefined};

/// A performance metric of a window.
pub(super) fn value(metric: Metric, performance: &RegressionPerformance) -> Result<f64, Undefined> {
    let (loss, is_root) = metric.loss().ok_or(Undefined::Empty)?;
    let mean = performance.losses[loss as usize].0?;
    Ok(if is_root { mean.sqrt() } else { mean })
}

/// What the whole reference says about the scatter of a performance metric.
pub(super) fn error(metric: Metric, regression: &Regression) -> Option<SamplingError> {
    let (loss, is_root) = metric.loss()?;
    let known = &regression.losses[loss as usize];
    if is_root { known.root_error } else { known.error }
}
