//! Performance metrics of a binary classifier.

use crate::metric::Metric;
use crate::profile::{BinaryPerformance, ReferencePerformance};
use crate::stats::{Basis, Cell, SamplingError, Undefined};
use crate::window::criteria::Criteria;

/// A performance metric of a window.
pub(super) fn value(
    metric: Metric,
    performance: &BinaryPerformance,
    basis: Basis,
    criteria: &Criteria,
) -> Result<f64, Undefined> {
    match metric {
        Metric::RocAuc => return performance.roc_auc.0,
        Metric::AveragePrecision => return performance.average_precision.0,
        _ => {}
    }
    if let Some(reason) = performance.unpredicted() {
        return Err(reason);
    }
    let cells = &performance.cells;
    match metric {
        Metric::F1 => cells.f1(basis),
        Metric::Precision => cells.precision(basis),
        Metric::Recall => cells.recall(basis),
        Metric::Specificity => cells.specificity(basis),
        Metric::Accuracy => cells.accuracy(),
        Metric::BusinessValue => match criteria.worth_of_two() {
            Some(worth) => cells.business_value(worth, criteria.business),
            None => Err(Undefined::Empty),
        },
        _ => match cell(metric) {
            Some(cell) => cells.normalized(cell, criteria.confusion),
            None => Err(Undefined::Empty),
        },
    }
}

/// What the whole reference says about the scatter of a performance metric.
pub(super) fn error(
    metric: Metric,
    whole: &ReferencePerformance,
    criteria: &Criteria,
) -> Option<SamplingError> {
    let cells = &whole.cells;
    match metric {
        Metric::RocAuc => whole.roc_auc,
        Metric::AveragePrecision => whole.average_precision,
        Metric::F1 => SamplingError::f1(cells).ok(),
        Metric::Precision => SamplingError::precision(cells).ok(),
        Metric::Recall => SamplingError::recall(cells).ok(),
        Metric::Specificity => SamplingError::specificity(cells).ok(),
        Metric::Accuracy => SamplingError::accuracy(cells).ok(),
        Metric::BusinessValue => {
            let worth = criteria.worth_of_two()?;
            SamplingError::business_value(cells, worth, criteria.business).ok()
        }
        _ => SamplingError::cell(cells, cell(metric)?, criteria.confusion).ok(),
    }
}

/// The rows that a metric is of.
pub(super) fn rows(metric: Metric, performance: &BinaryPerformance) -> u64 {
    match metric {
        Metric::RocAuc | Metric::AveragePrecision => performance.scored,
        _ => performance.predicted,
    }
}

fn cell(metric: Metric) -> Option<Cell> {
    Some(match metric {
        Metric::TruePositive => Cell::TruePositive,
        Metric::TrueNegative => Cell::TrueNegative,
        Metric::FalsePositive => Cell::FalsePositive,
        Metric::FalseNegative => Cell::FalseNegative,
        _ => return None,
    })
}
