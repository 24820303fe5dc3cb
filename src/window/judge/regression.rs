//! Performance metrics of a regression.

use crate::metric::Metric;
use crate::profile::{Regression, RegressionPerformance};
use crate::stats::{Loss, SamplingError, Undefined};

/// The loss that a metric is the mean of, and whether it is the root of that.
pub(in crate::window) fn loss_of(metric: Metric) -> Option<(Loss, bool)> {
    Some(match metric {
        Metric::Mae => (Loss::Absolute, false),
        Metric::Mape => (Loss::AbsolutePercentage, false),
        Metric::Mse => (Loss::Squared, false),
        Metric::Rmse => (Loss::Squared, true),
        Metric::Msle => (Loss::SquaredLog, false),
        Metric::Rmsle => (Loss::SquaredLog, true),
        _ => return None,
    })
}

/// A performance metric of a window.
pub(super) fn value(metric: Metric, performance: &RegressionPerformance) -> Result<f64, Undefined> {
    let (loss, is_root) = loss_of(metric).ok_or(Undefined::Empty)?;
    let mean = performance.losses[loss as usize].0?;
    Ok(if is_root { mean.sqrt() } else { mean })
}

/// What the whole reference says about the scatter of a performance metric.
pub(super) fn error(metric: Metric, regression: &Regression) -> Option<SamplingError> {
    let (loss, is_root) = loss_of(metric)?;
    let known = &regression.losses[loss as usize];
    if is_root { known.root_error } else { known.error }
}
