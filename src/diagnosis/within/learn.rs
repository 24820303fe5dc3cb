//! Trees over gathered rows: what follows from the inputs.

use crate::diagnosis::within::gathered::{Gathered, Wanted};
use crate::stats::{Binned, Forest, Growth, MISSING_BIN, boost, cuts};

/// Into how many bins numbers are cut.
const BINS: usize = 254;
/// Into how many cells columns are cut to be held against each other.
const CELLS: usize = 20;
/// How trees grow here: few rows, many forests.
const GROWTH: Growth = Growth { trees: 60, step: 0.1, leaves: 15, rows_of_leaf: 20 };
/// How many rows of the mean target each label begins with, when labels are put in their order.
const SHRINKAGE: f64 = 10.0;

/// All gathered rows in bins, part after part, and their targets.
pub(super) struct Ground {
    columns: Vec<Binned>,
    /// By output: one number, the positive class, or each of several classes.
    pub(super) outputs: Vec<Vec<f64>>,
    /// The rows of each part.
    pub(super) parts: Vec<Vec<u32>>,
}

impl Ground {
    pub(super) fn new(gathered: &Gathered) -> Self {
        let mut parts = Vec::with_capacity(gathered.parts.len());
        let mut next = 0_u32;
        for part in &gathered.parts {
            let end = next + part.rows.len() as u32;
            parts.push((next..end).collect());
            next = end;
        }
        let rows = || gathered.parts.iter().flat_map(|part| &part.rows);
        let targets: Vec<f64> = rows().map(|row| row.target).collect();
        let outputs = match (gathered.wanted(), gathered.classes()) {
            (Wanted::Nothing, _) => Vec::new(),
            (Wanted::Number, _) => vec![scaled(&targets)],
            // Of two classes one says it all.
            (Wanted::Class, 0..=2) => vec![targets.clone()],
            (Wanted::Class, classes) => (0..classes)
                .map(|class| targets.iter().map(|&at| f64::from(at == class as f64)).collect())
                .collect(),
        };
        let columns = (0..gathered.names.len()).map(|at| {
            let values: Vec<f64> = rows().map(|row| row.values[at]).collect();
            match gathered.labels(at) {
                None => binned(&values),
                Some(labels) => binned(&placed(&values, labels, &targets)),
            }
        });
        Self { columns: columns.collect(), outputs, parts }
    }

    /// What trees that are grown over some rows say of others.
    pub(super) fn learned(&self, targets: &[f64], from: &[u32], of: &[u32]) -> Vec<f64> {
        let pick = |column: &Binned| Binned {
            rows: from.iter().map(|&row| column.rows[row as usize]).collect(),
            bins: column.bins,
            has_missing: column.has_missing,
        };
        let columns: Vec<Binned> = self.columns.iter().map(pick).collect();
        let own: Vec<f64> = from.iter().map(|&row| targets[row as usize]).collect();
        let (base, trees) = boost(&columns, &own, GROWTH);
        let Ok(forest) = Forest::new(self.columns.len() as u16, base, 1.0, &trees) else {
            // Trees of ours are always sound.
            return vec![base; of.len()];
        };
        let mut bins = Vec::with_capacity(of.len() * self.columns.len());
        for &row in of {
            bins.extend(self.columns.iter().map(|column| {
                let bin = column.rows[row as usize];
                if usize::from(bin) == column.bins { MISSING_BIN } else { bin }
            }));
        }
        forest.evaluate(&bins, of.len())
    }

    /// Rows of a column by cell, missing ones last: a few bins each, so that chance says little.
    pub(super) fn counts(&self, column: usize, rows: &[u32]) -> Vec<u64> {
        let column = &self.columns[column];
        let cells = column.bins.min(CELLS);
        let mut counts = vec![0; cells + 1];
        for &row in rows {
            let bin = usize::from(column.rows[row as usize]);
            counts[if bin == column.bins { cells } else { bin * cells / column.bins }] += 1;
        }
        counts
    }
}

/// With a deviation of 1: leaves are kept in single precision.
fn scaled(targets: &[f64]) -> Vec<f64> {
    let rows = targets.len().max(1) as f64;
    let mean = targets.iter().sum::<f64>() / rows;
    let squares = targets.iter().map(|target| (target - mean) * (target - mean)).sum::<f64>();
    let deviation = (squares / rows).sqrt();
    let unit = if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 };
    targets.iter().map(|target| (target - mean) / unit).collect()
}

fn binned(values: &[f64]) -> Binned {
    let cuts = cuts(values, BINS);
    let bins = cuts.len() + 1;
    let bin = |value: &f64| {
        if value.is_nan() { bins as u16 } else { cuts.partition_point(|cut| cut <= value) as u16 }
    };
    let has_missing = values.iter().any(|value| value.is_nan());
    Binned { rows: values.iter().map(bin).collect(), bins, has_missing }
}

/// Labels by their places in the order of their mean target, few rows drawn to the mean of all.
fn placed(values: &[f64], labels: usize, targets: &[f64]) -> Vec<f64> {
    let mean = targets.iter().sum::<f64>() / targets.len().max(1) as f64;
    let mut sums = vec![(SHRINKAGE * mean, SHRINKAGE); labels];
    for (value, target) in values.iter().zip(targets).filter(|(value, _)| !value.is_nan()) {
        let (sum, rows) = &mut sums[*value as usize];
        *sum += target;
        *rows += 1.0;
    }
    let mut order: Vec<usize> = (0..labels).collect();
    order.sort_by(|&a, &b| {
        let of = |label: usize| sums[label].0 / sums[label].1;
        of(a).total_cmp(&of(b)).then(a.cmp(&b))
    });
    let mut places = vec![0.0; labels];
    for (place, &label) in order.iter().enumerate() {
        places[label] = place as f64;
    }
    values
        .iter()
        .map(|value| if value.is_nan() { *value } else { places[*value as usize] })
        .collect()
}
