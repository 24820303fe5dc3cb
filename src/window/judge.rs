//! From what was measured of a window to figures: sampling error, bounds, thresholds, breach.

use crate::metric::{Family, Kind, Metric};
use crate::profile::{
    Column, ColumnReading, Performance, Profile, Reading, ReferencePerformance, Role, Values,
};
use crate::stats::{
    Basis, Cell, Limits, Normalization, Range, SamplingError, Undefined, confidence,
};
use crate::window::criteria::Criteria;
use crate::window::result::{Figure, Method, Status};

/// A profile and criteria, compiled to one judgement a figure.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    performance: Vec<Judgement>,
    /// By column of the profile.
    columns: Vec<Vec<Judgement>>,
    rows: Judgement,
}

/// What one figure is held against.
#[derive(Clone, Copy, Debug)]
struct Judgement {
    metric: Metric,
    limits: Limits,
    error: Option<SamplingError>,
    range: Range,
}

/// A chi-squared test breaches below this probability.
const SIGNIFICANCE: f64 = 0.05;

impl Judge {
    pub(super) fn new(profile: &Profile, criteria: &Criteria) -> Self {
        // Reference windows below the least size say too little to set a threshold by.
        let enough = |reading: &&Reading| reading.rows >= criteria.min_rows;
        let readings = || profile.windows.iter().map(|window| &window.reading).filter(enough);
        let limits = |column: Option<&str>, metric: Metric, range, values: &[f64]| {
            criteria.threshold(column, metric).limits(values, range)
        };
        let performance = criteria
            .performance
            .iter()
            .map(|&metric| {
                let range = range(metric, criteria);
                let value = |reading: &Reading| {
                    let realized = reading.realized.as_ref()?;
                    performance_value(metric, realized, Basis::Realized, criteria).ok()
                };
                let values: Vec<f64> = readings().filter_map(value).collect();
                let reference = profile.performance.as_ref();
                let error = reference.and_then(|whole| performance_error(metric, whole, criteria));
                Judgement { metric, limits: limits(None, metric, range, &values), error, range }
            })
            .collect();
        let columns = profile
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let of = |metric: Metric| {
                    let range = range(metric, criteria);
                    let value = |reading: &Reading| {
                        let column = reading.columns.get(index)?;
                        column_value(metric, column, reading.rows, criteria).0.ok()
                    };
                    let values: Vec<f64> = readings().filter_map(value).collect();
                    let limits = limits(Some(&column.name), metric, range, &values);
                    Judgement {
                        metric,
                        limits,
                        error: column_error(metric, column, criteria),
                        range,
                    }
                };
                let methods = match column.values {
                    Values::Continuous(_) => &criteria.continuous,
                    Values::Categorical(_) => &criteria.categorical,
                };
                let in_family =
                    |family| Metric::all().filter(move |metric| metric.spec().family == family);
                methods
                    .iter()
                    .copied()
                    .chain(in_family(Family::Quality))
                    .chain(in_family(Family::Summary))
                    .filter(|metric| metric.applies_to(column.kind()) && is_told(*metric, column))
                    .map(of)
                    .collect()
            })
            .collect();
        let counts: Vec<f64> = readings().map(|reading| reading.rows as f64).collect();
        // Windows of equal size have no spread: then a window of another size is no surprise.
        let equal = counts.windows(2).all(|pair| pair[0] == pair[1]);
        let rows = Judgement {
            metric: Metric::Rows,
            limits: if equal && criteria.threshold(None, Metric::Rows).is_from_reference() {
                Limits::OPEN
            } else {
                limits(None, Metric::Rows, Metric::Rows.spec().range, &counts)
            },
            error: None,
            range: Metric::Rows.spec().range,
        };
        Self { performance, columns, rows }
    }

    /// The figures of a window, performance first.
    pub(super) fn figures(
        &self,
        reading: &Reading,
        profile: &Profile,
        criteria: &Criteria,
    ) -> Vec<Figure> {
        let few = (reading.rows < criteria.min_rows).then_some(Status::TooFew);
        let mut figures = Vec::new();
        for (basis, kind, method) in [
            (Basis::Estimated, Kind::Estimated, Method::Cbpe),
            (Basis::Realized, Kind::Realized, Method::Labelled),
        ] {
            let (performance, low) = match basis {
                Basis::Estimated => (&reading.estimated, None),
                Basis::Realized => (&reading.realized, low_coverage(reading, criteria)),
            };
            let Some(performance) = performance else { continue };
            for judgement in &self.performance {
                let metric = judgement.metric;
                let value = performance_value(metric, performance, basis, criteria);
                let rows = match metric {
                    Metric::RocAuc | Metric::AveragePrecision => performance.scored,
                    _ => performance.predicted,
                };
                figures.push(Figure {
                    method: Some(method),
                    ..judgement.figure(kind, value, rows, few.or(low))
                });
            }
        }
        for family in [Family::Drift, Family::Quality, Family::Summary] {
            for ((column, judgements), reading_of) in
                profile.columns.iter().zip(&self.columns).zip(&reading.columns)
            {
                // Ground truth that has not come is no fault of the data: coverage speaks of it.
                if column.role == Role::Target && reading_of.missing == reading.rows {
                    continue;
                }
                let of_family = |judgement: &&Judgement| judgement.metric.spec().family == family;
                for judgement in judgements.iter().filter(of_family) {
                    let metric = judgement.metric;
                    let (value, p_value) = column_value(metric, reading_of, reading.rows, criteria);
                    let rows = match family {
                        Family::Quality => reading.rows,
                        _ => reading.rows - reading_of.missing,
                    };
                    let kind = match family {
                        Family::Drift => Kind::Drift,
                        Family::Quality => Kind::Quality,
                        _ => Kind::Summary,
                    };
                    let mut figure = judgement.figure(kind, value, rows, few);
                    figure.column_name = Some(column.name.clone());
                    figure.p_value = p_value;
                    if metric == Metric::Chi2 && figure.breach.is_some() {
                        figure.breach = p_value.map(|p| p < SIGNIFICANCE);
                    }
                    figures.push(figure);
                }
            }
        }
        figures.push(self.rows.figure(Kind::Summary, Ok(reading.rows as f64), 0, few));
        figures
    }
}

impl Judgement {
    /// `unjudged` says why a value is not held against its limits.
    fn figure(
        &self,
        kind: Kind,
        value: Result<f64, Undefined>,
        rows: u64,
        unjudged: Option<Status>,
    ) -> Figure {
        let error = self.error.and_then(|error| error.for_rows(rows).ok());
        let error = error.filter(|_| value.is_ok());
        let bounds =
            value.ok().zip(error).map(|(value, error)| confidence(value, error, self.range));
        Figure {
            kind,
            metric: self.metric,
            method: None,
            column_name: None,
            of: None,
            value: value.ok(),
            sampling_error: error,
            lower_confidence: bounds.map(|(lower, _)| lower),
            upper_confidence: bounds.map(|(_, upper)| upper),
            lower_threshold: self.limits.lower,
            upper_threshold: self.limits.upper,
            p_value: None,
            breach: match (value, unjudged) {
                (Ok(value), None) => Some(self.limits.breached_by(value)),
                _ => None,
            },
            status: match value {
                Ok(_) => unjudged.unwrap_or(Status::Ok),
                Err(reason) => reason.into(),
            },
        }
    }
}

fn low_coverage(reading: &Reading, criteria: &Criteria) -> Option<Status> {
    let labelled = reading.realized.as_ref()?.usable as f64;
    (labelled < criteria.min_coverage * reading.rows as f64).then_some(Status::LowCoverage)
}

/// Targets are known to come later, so that some are missing says nothing about the data.
fn is_told(metric: Metric, column: &Column) -> bool {
    column.role != Role::Target || metric != Metric::MissingRate
}

/// The values that a metric can take in the form that is asked for.
fn range(metric: Metric, criteria: &Criteria) -> Range {
    match metric {
        _ if cell(metric).is_some() && criteria.confusion != Normalization::None => Range::UNIT,
        _ if metric.spec().family == Family::Quality && !criteria.rates => Range::POSITIVE,
        _ => metric.spec().range,
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

/// A performance metric of a window.
fn performance_value(
    metric: Metric,
    performance: &Performance,
    basis: Basis,
    criteria: &Criteria,
) -> Result<f64, Undefined> {
    match metric {
        Metric::RocAuc => return performance.roc_auc.0,
        Metric::AveragePrecision => return performance.average_precision.0,
        _ => {}
    }
    if performance.predicted == 0 {
        // Without any usable row the ranking metrics say why; else it is the predictions that are missing.
        return Err(match (performance.usable, performance.roc_auc.0) {
            (0, Err(reason)) => reason,
            _ => Undefined::AllMissing,
        });
    }
    let cells = &performance.cells;
    match metric {
        Metric::F1 => cells.f1(basis),
        Metric::Precision => cells.precision(basis),
        Metric::Recall => cells.recall(basis),
        Metric::Specificity => cells.specificity(basis),
        Metric::Accuracy => cells.accuracy(),
        Metric::BusinessValue => match criteria.business_value {
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
fn performance_error(
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
            let worth = criteria.business_value?;
            SamplingError::business_value(cells, worth, criteria.business).ok()
        }
        _ => SamplingError::cell(cells, cell(metric)?, criteria.confusion).ok(),
    }
}

/// A figure of a column, and its p-value where it has one.
fn column_value(
    metric: Metric,
    column: &ColumnReading,
    rows: u64,
    criteria: &Criteria,
) -> (Result<f64, Undefined>, Option<f64>) {
    let count = match metric {
        Metric::MissingRate => column.missing,
        Metric::UnseenRate => column.unseen,
        Metric::OutOfRangeRate => column.out_of_range,
        _ => {
            return column
                .get(metric)
                .map_or((Err(Undefined::Empty), None), |found| (found.value.0, found.p_value));
        }
    };
    let value = match rows {
        0 => Err(Undefined::Empty),
        _ if criteria.rates => Ok(count as f64 / rows as f64),
        _ => Ok(count as f64),
    };
    (value, None)
}

fn column_error(metric: Metric, column: &Column, criteria: &Criteria) -> Option<SamplingError> {
    match (metric, &column.values) {
        (Metric::MissingRate, _) if criteria.rates => {
            SamplingError::missing_rate(column.missing, column.rows).ok()
        }
        (Metric::MissingRate, _) => SamplingError::missing_count(column.missing, column.rows).ok(),
        (Metric::Mean, Values::Continuous(reference)) => reference.errors.mean,
        (Metric::StandardDeviation, Values::Continuous(reference)) => {
            reference.errors.standard_deviation
        }
        (Metric::Median, Values::Continuous(reference)) => reference.errors.median,
        (Metric::Sum, Values::Continuous(reference)) => reference.errors.sum,
        _ => None,
    }
}
