//! What the features of the reference have in common.

use crate::batch::Rows;
use crate::metric::ColumnKind;
use crate::profile::{Column, Profile, Reconstruction, Role, Scaled, Values};
use crate::stats::Products;

/// Components hold more than this share of the variance.
pub(super) const SHARE: f64 = 0.65;
/// Rows are taken so many at once.
const BLOCK: usize = 1024;

/// The principal components of the features; `None` where there are fewer than two. Rows with an infinite value are
/// left out.
pub(super) fn fit_reconstruction(profile: &Profile, batches: &[Rows]) -> Option<Reconstruction> {
    let features: Vec<Scaled> = profile
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| {
            column.role == Role::Feature && column.kind() != ColumnKind::Embedding
        })
        .map(|(index, column)| about_unit(index, column))
        .collect();
    if features.len() < 2 {
        return None;
    }
    let mut products = Products::new(features.len());
    for batch in batches {
        let read: Vec<_> = features
            .iter()
            .map(|feature| feature.of(&profile.columns, &batch.columns))
            .collect::<Option<_>>()?;
        for first in (0..batch.len()).step_by(BLOCK) {
            let rows = first..batch.len().min(first + BLOCK);
            let mut finite = vec![true; rows.len()];
            let mut columns: Vec<Vec<f64>> = Vec::with_capacity(read.len());
            for feature in &read {
                let values: Vec<f64> = rows.clone().map(|row| feature.value(row)).collect();
                for (finite, value) in finite.iter_mut().zip(&values) {
                    *finite &= value.is_finite();
                }
                columns.push(values);
            }
            if !finite.iter().all(|&finite| finite) {
                for values in &mut columns {
                    let mut kept = finite.iter();
                    values.retain(|_| kept.next() == Some(&true));
                }
            }
            products.add(&columns);
        }
    }
    let rows = products.rows() as f64;
    let divisor = |column: usize, mean: f64, variance: f64| {
        let Scaled { centre, scale, .. } = features[column];
        divisor((centre, scale), rows, mean, variance)
    };
    let Ok(found) = products.components(SHARE, divisor) else {
        return Some(Reconstruction { features, residual: None });
    };
    let moved = features.iter().zip(found.means.iter().zip(&found.divisors));
    let features = moved
        .map(|(feature, (mean, divisor))| Scaled {
            centre: feature.centre + feature.scale * mean,
            scale: feature.scale * divisor,
            ..*feature
        })
        .collect();
    Some(Reconstruction { features, residual: Some(found.residual) })
}

/// By what a column of that mean and variance is divided, after it was scaled by centre and scale: its deviation, or 1 in
/// its own unit where it is constant.
///
/// Scikit-learn's rule: what lies within the rounding of the mean is constant.
pub(super) fn divisor((centre, scale): (f64, f64), rows: f64, mean: f64, variance: f64) -> f64 {
    let (mean, spread) = (centre + scale * mean, variance * scale * scale);
    let noise = rows * mean * f64::EPSILON;
    let constant = spread <= rows * f64::EPSILON * spread + noise * noise;
    if constant { 1.0 / scale } else { variance.sqrt() }
}

/// A scaling to about mean 0 and unit spread, from the column alone.
fn about_unit(index: usize, column: &Column) -> Scaled {
    let mut scaled = Scaled { column: index, centre: 0.0, scale: 1.0, filled: None };
    let spread = match &column.values {
        Values::Continuous(reference) => {
            scaled.centre = reference.mean;
            reference.standard_deviation
        }
        Values::Categorical(reference) => {
            // Of several labels that are as frequent, the first.
            let greatest = reference.counts.iter().max();
            scaled.filled = reference.counts.iter().position(|count| Some(count) == greatest);
            let labels = 0..reference.labels.len();
            let shares: Vec<f64> = labels.map(|label| scaled.share(column, Some(label))).collect();
            // A row's value is its label's share, so shares are weights and values at once.
            scaled.centre = shares.iter().map(|share| share * share).sum();
            let distance = |share: &f64| (share - scaled.centre) * (share - scaled.centre);
            let variance: f64 = shares.iter().map(|share| share * distance(share)).sum();
            variance.sqrt()
        }
        // They are measured by themselves.
        Values::Embedding(_) => 1.0,
    };
    if spread.is_finite() && spread > 0.0 {
        scaled.scale = spread;
    }
    scaled
}
