//! Performance metrics of a classifier of several classes.

use crate::metric::Metric;
use crate::profile::{MulticlassPerformance, MulticlassReference};
use crate::stats::{Basis, SamplingError, Undefined};
use crate::window::criteria::Criteria;
use crate::window::judge::Asked;

/// A performance metric of a window.
pub(super) fn value(
    of: &Asked,
    performance: &MulticlassPerformance,
    basis: Basis,
    criteria: &Criteria,
) -> Result<f64, Undefined> {
    match of.metric {
        Metric::RocAuc => return performance.roc_auc.0,
        Metric::AveragePrecision => return performance.average_precision.0,
        _ => {}
    }
    if let Some(reason) = performance.unpredicted() {
        return Err(reason);
    }
    let cells = &performance.cells;
    match (of.metric, of.cell) {
        (Metric::F1, _) => cells.f1(basis),
        (Metric::Precision, _) => cells.precision(basis),
        (Metric::Recall, _) => cells.recall(basis),
        (Metric::Specificity, _) => cells.specificity(basis),
        (Metric::Accuracy, _) => cells.accuracy(),
        (Metric::BusinessValue, _) => match &criteria.business_value {
            Some(worth) => cells.business_value(worth, criteria.business),
            None => Err(Undefined::Empty),
        },
        (_, Some(cell)) => cells.normalized(cell, criteria.confusion, basis),
        (_, None) => Err(Undefined::Empty),
    }
}

/// What the whole reference says about the scatter of a performance metric.
pub(super) fn error(
    of: &Asked,
    whole: &MulticlassReference,
    criteria: &Criteria,
) -> Option<SamplingError> {
    let cells = &whole.cells;
    match of.metric {
        Metric::RocAuc => whole.roc_auc,
        Metric::AveragePrecision => whole.average_precision,
        Metric::F1 => SamplingError::mean_rate(cells, SamplingError::f1).ok(),
        Metric::Precision => SamplingError::mean_rate(cells, SamplingError::precision).ok(),
        Metric::Recall => SamplingError::mean_rate(cells, SamplingError::recall).ok(),
        Metric::Specificity => SamplingError::mean_rate(cells, SamplingError::specificity).ok(),
        Metric::Accuracy => SamplingError::accuracy_of_several(cells).ok(),
        Metric::BusinessValue => {
            let worth = criteria.business_value.as_ref()?;
            SamplingError::business_value_of_several(cells, worth, criteria.business).ok()
        }
        _ => SamplingError::cell_of_several(cells, of.cell?, criteria.confusion).ok(),
    }
}

/// The rows that a metric is of.
pub(super) fn rows(of: &Asked, performance: &MulticlassPerformance) -> u64 {
    match of.metric {
        Metric::RocAuc | Metric::AveragePrecision => performance.scored,
        _ => performance.predicted,
    }
}
