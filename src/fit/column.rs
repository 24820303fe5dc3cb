//! The profile of one column.

use std::collections::BTreeMap;

use crate::batch::{Values as Data, labels};
use crate::fit::FitError;
use crate::metric::ColumnKind;
use crate::profile::{
    Bins, Categorical, Column, Continuous, Distribution, Role, SummaryErrors, Values,
};
use crate::stats::{
    DistinctValues, Grid, SamplingError, Undefined, decile_cuts, doane_edges, equal_width_edges,
    mean, median_of_sorted, sample_deviation,
};

/// From this many values on the distribution is kept as counts in equally wide bins.
const BINNED_FROM: usize = 10_000;
/// How many bins that is.
const BINS: usize = 10_000;

/// `keeps` says whether the whole distribution of numbers is kept.
pub(super) fn fit_column<'r>(
    model: &str,
    name: &str,
    role: Role,
    kind: ColumnKind,
    rows: u64,
    keeps: bool,
    batches: impl Iterator<Item = &'r Data>,
) -> Result<Column, FitError> {
    let fitted = match kind {
        ColumnKind::Continuous => fit_continuous(keeps, batches),
        ColumnKind::Categorical => Ok(fit_categorical(batches)),
        // It is of the whole reference, see `embedding`.
        ColumnKind::Embedding => Err(Undefined::Empty),
    };
    let (values, present) = fitted.map_err(|reason| match reason {
        Undefined::Empty => {
            FitError::NoValues { model: model.to_owned(), column: name.to_owned(), rows }
        }
        reason => FitError::Undefined { model: model.to_owned(), column: name.to_owned(), reason },
    })?;
    if present == 0 {
        return Err(FitError::NoValues { model: model.to_owned(), column: name.to_owned(), rows });
    }
    Ok(Column { name: name.to_owned(), role, rows, missing: rows - present, values })
}

fn fit_continuous<'r>(
    keeps: bool,
    batches: impl Iterator<Item = &'r Data>,
) -> Result<(Values, u64), Undefined> {
    let mut values = Vec::new();
    let mut infinite = 0;
    for batch in batches {
        let Data::Numbers(numbers) = batch else { continue };
        for value in numbers.iter().flatten() {
            if value.is_finite() {
                values.push(value);
            } else if value.is_infinite() {
                infinite += 1;
            }
        }
    }
    let present = values.len() as u64 + infinite;
    let doane = doane_edges(&values)?;
    let errors = SummaryErrors {
        mean: SamplingError::mean(&values).ok(),
        standard_deviation: SamplingError::standard_deviation(&values).ok(),
        median: SamplingError::median(&values).ok(),
        sum: SamplingError::sum(&values).ok(),
    };
    let (mean, deviation) = (mean(&values)?, sample_deviation(&values).unwrap_or(0.0));
    values.sort_unstable_by(f64::total_cmp);
    let (Some(&least), Some(&greatest)) = (values.first(), values.last()) else {
        return Err(Undefined::Empty);
    };
    let distribution = if !keeps {
        Distribution::NotKept
    } else if values.len() < BINNED_FROM || least == greatest {
        Distribution::Exact(DistinctValues::from_values(&values)?)
    } else {
        let edges = equal_width_edges(least, greatest, BINS)?;
        Distribution::Binned { counts: closed_counts(&values, &edges) }
    };
    let cuts = decile_cuts(&values)?;
    let quantiles = open_counts(&values, &cuts);
    let fitted = Continuous {
        infinite,
        finite: values.len() as u64,
        least,
        greatest,
        mean,
        standard_deviation: deviation,
        median: median_of_sorted(&values)?,
        errors,
        doane: Bins { counts: closed_counts(&values, &doane), edges: doane },
        quantiles: Bins { counts: quantiles, edges: cuts },
        distribution,
    };
    Ok((Values::Continuous(Box::new(fitted)), present))
}

/// Counts of sorted values in half-open bins between edges, the last bin closed.
fn closed_counts(sorted: &[f64], edges: &[f64]) -> Vec<u64> {
    let last = edges.len().saturating_sub(1);
    let below: Vec<usize> = edges
        .iter()
        .enumerate()
        .map(|(index, &edge)| {
            sorted
                .partition_point(|&value| if index == last { value <= edge } else { value < edge })
        })
        .collect();
    below.windows(2).map(|pair| (pair[1] - pair[0]) as u64).collect()
}

/// Counts of values between cuts and beyond them.
pub(super) fn open_counts(values: &[f64], cuts: &[f64]) -> Vec<u64> {
    let grid = Grid::new(cuts.to_vec());
    let mut counts = vec![0; grid.cells()];
    for &value in values {
        counts[grid.cell(value)] += 1;
    }
    counts
}

fn fit_categorical<'r>(batches: impl Iterator<Item = &'r Data>) -> (Values, u64) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for batch in batches {
        let Data::Labels(array) = batch else { continue };
        let names: Vec<&str> = labels(array).collect();
        let mut found = vec![0u64; names.len()];
        for position in array.keys().iter().flatten() {
            found[position as usize] += 1;
        }
        for (name, rows) in names.into_iter().zip(found) {
            if rows > 0 {
                *counts.entry(name).or_default() += rows;
            }
        }
    }
    let present = counts.values().sum();
    let fitted = Categorical {
        labels: counts.keys().map(|&label| label.to_owned()).collect(),
        counts: counts.values().copied().collect(),
    };
    (Values::Categorical(fitted), present)
}
