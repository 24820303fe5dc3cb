//! Performance that is estimated robust to covariate shift: the reference weighed to be spread as the window.
//!
//! What the state has of all rows carries the level; what the sample's rows are worth more or less, after the reference
//! was weighed, is added to it. Where nothing has moved, all weights are 1 and nothing is added.

mod binary;
mod multiclass;
mod regression;

use crate::profile::{
    KeyedRows, Measured, Outputs, Performance, Profile, Robust, RowOutputs, Sample,
};
use crate::stats::{Undefined, density_ratio};

/// What counts as fewer rows of the reference than this says nothing: as many as a window needs to be judged.
const LEAST_EFFECTIVE: f64 = 300.0;
/// Where the window lies so many times as dense as the reference, a row looks like nothing in it: told apart with a
/// probability of 0.99, were there as many rows of both.
const OUTSIDE: f64 = 99.0;
/// With a greater share of such rows nothing is said of the window.
const MOST_OUTSIDE: f64 = 0.1;

/// The labelled rows of the reference, each with how many it counts for, and the rows of the window.
struct Both<'s> {
    reference: Vec<(RowOutputs<'s>, f64)>,
    window: Vec<RowOutputs<'s>>,
}

/// What is estimated of a window of so many rows with this sample; `estimated` is what is estimated of all its rows.
pub(super) fn estimate(
    (profile, sample): (&Profile, &Sample),
    (window, rows): (&KeyedRows, u64),
    none: Option<Undefined>,
    estimated: &Performance,
) -> Robust {
    let without = |reason| Robust {
        performance: Err(reason),
        effective_rows: 0.0,
        outside: Measured(Err(reason)),
    };
    if let Some(reason) = none {
        return without(reason);
    }
    if !window.choose_fairly(rows) {
        return without(Undefined::TooFew);
    }
    let (coded, kept) = sample.apart(window, usize::MAX);
    let mut of_window = vec![false; kept.len()];
    of_window.resize(kept.len() + window.len(), true);
    let ratios = match density_ratio(&coded, &of_window, Sample::enough(window)) {
        Ok(ratios) => ratios,
        Err(reason) => return without(reason),
    };
    let (weights, of_rows) = ratios.split_at(kept.len());
    let outside = of_rows.iter().filter(|ratio| **ratio > OUTSIDE).count() as f64;
    let outside = outside / of_rows.len() as f64;
    let reference = kept.iter().map(|&row| sample.outputs(&sample.rows, row)).zip(weights);
    let both = Both {
        reference: reference.map(|(row, &weight)| (row, weight)).collect(),
        window: (0..window.len()).map(|row| sample.outputs(window, row)).collect(),
    };
    let (performance, effective_rows) = both.estimate(profile, estimated, outside);
    Robust { performance, effective_rows, outside: Measured(Ok(outside)) }
}

impl Both<'_> {
    /// What is estimated, and how many rows of the reference it stands on.
    fn estimate(
        &self,
        profile: &Profile,
        estimated: &Performance,
        outside: f64,
    ) -> (Result<Performance, Undefined>, f64) {
        let is_usable = |row: &RowOutputs<'_>| {
            row.target.is_some()
                && !row.numbers.is_empty()
                && !row.numbers.iter().any(|n| n.is_nan())
        };
        let labelled: Vec<(RowOutputs<'_>, f64)> =
            self.reference.iter().filter(|(row, _)| is_usable(row)).copied().collect();
        let effective = effective(&labelled);
        let found = if labelled.is_empty() {
            Err(Undefined::NoTargets)
        } else if outside > MOST_OUTSIDE {
            Err(Undefined::OutsideSupport)
        } else if effective < LEAST_EFFECTIVE {
            Err(Undefined::TooFew)
        } else {
            match (&profile.outputs, estimated) {
                (Outputs::Binary(outputs), Performance::Binary(known)) => {
                    let found = binary::estimate(outputs, &labelled, &self.window, known);
                    found.map(Performance::Binary)
                }
                (Outputs::Multiclass(outputs), Performance::Multiclass(known)) => {
                    let found = multiclass::estimate(outputs, &labelled, &self.window, known);
                    found.map(Performance::Multiclass)
                }
                (Outputs::Regression(outputs), Performance::Regression(known)) => {
                    Ok(Performance::Regression(regression::estimate(outputs, &labelled, known)))
                }
                _ => Err(Undefined::Empty),
            }
        };
        (found, effective)
    }
}

/// So many rows of equal weight would say as much. Source: Kish 1965.
fn effective(rows: &[(RowOutputs<'_>, f64)]) -> f64 {
    let sum: f64 = rows.iter().map(|(_, weight)| weight).sum();
    let squares: f64 = rows.iter().map(|(_, weight)| weight * weight).sum();
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

/// A figure of all rows, with what the sample says that it is off by.
fn moved(known: Measured, from: Measured, to: Measured) -> Measured {
    let of = || Ok((known.0? + (to.0? - from.0?)).clamp(0.0, 1.0));
    Measured(of())
}
