//! Metrics over rows in the reference: how far they stray, and what expects them.

use crate::batch::Rows;
use crate::fit::FitError;
use crate::fit::losses::{Table, grow};
use crate::metric::Problem;
use crate::profile::{Profile, Role, RowMetric, RowMetricError, RowTerms, Truth};
use crate::stats::{SamplingError, Undefined};

/// Puts the metrics into the profile, and what they read into the rows.
pub(super) fn fit_metrics(
    profile: &mut Profile,
    metrics: &[(String, String)],
    batches: &mut [Rows],
) -> Result<(), FitError> {
    let metric = |(name, sql): &(String, String)| RowMetric {
        name: name.clone(),
        sql: sql.clone(),
        greatest: 0.0,
        error: None,
        model: None,
    };
    profile.metrics = metrics.iter().map(metric).collect();
    let refuse = |RowMetricError { metric, problem }| FitError::Metric {
        model: profile.model.clone(),
        metric,
        problem,
    };
    let Some(terms) = RowTerms::of(profile).map_err(refuse)? else { return Ok(()) };
    for batch in batches.iter_mut() {
        batch.terms = terms.read(profile, &batch.columns, batch.len());
    }
    let values = weigh(profile, &terms, batches);
    if profile.problem != Problem::Regression {
        return Ok(());
    }
    for (at, values) in values.into_iter().enumerate() {
        let (rows, values) = values;
        let model = if values.is_empty() {
            Err(Undefined::NoTargets)
        } else {
            let table = Table::new(profile, batches, &rows);
            let grown = grow(&table, &values)
                .map_err(|reason| FitError::Losses { model: profile.model.clone(), reason });
            Ok(grown?)
        };
        profile.metrics[at].model = Some(model);
    }
    Ok(())
}

/// The same of a segment, whose rows have their terms; what expects its metrics is that of the whole.
pub(super) fn fit_segment(profile: &mut Profile, whole: &Profile, batches: &[Rows]) {
    let Ok(Some(terms)) = RowTerms::of(whole) else { return };
    let metric = |of: &RowMetric| RowMetric { error: None, model: None, ..of.clone() };
    profile.metrics = whole.metrics.iter().map(metric).collect();
    weigh(profile, &terms, batches);
}

/// Which rows of each batch a metric is told of, and what it is worth there.
type Told = (Vec<Vec<usize>>, Vec<f64>);

/// Finds out how far the metrics stray.
fn weigh(profile: &mut Profile, terms: &RowTerms, batches: &[Rows]) -> Vec<Told> {
    let target = profile.columns.iter().position(|column| column.role == Role::Target);
    let truths: Vec<Vec<Option<Truth>>> = batches
        .iter()
        .map(|batch| match target {
            Some(target) => profile.truths(&batch.columns[target]),
            None => vec![None; batch.len()],
        })
        .collect();
    let mut all = Vec::new();
    let mut work = Vec::new();
    for (at, metric) in profile.metrics.iter_mut().enumerate() {
        let mut told: Told = (Vec::new(), Vec::new());
        for (batch, truths) in batches.iter().zip(&truths) {
            let mut rows = Vec::new();
            for (row, truth) in truths.iter().enumerate() {
                let Some(truth) = *truth else { continue };
                let term = |term: usize| batch.terms[term][row];
                let value = terms.value(at, term, truth, &mut work);
                // Of what is infinite nothing can be learned.
                if let Some(value) = value.filter(|value| value.is_finite()) {
                    rows.push(row);
                    told.1.push(value);
                }
            }
            told.0.push(rows);
        }
        metric.greatest = told.1.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        metric.error = SamplingError::mean_loss(&told.1).ok();
        all.push(told);
    }
    all
}
