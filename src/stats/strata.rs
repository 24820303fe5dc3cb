//! Rows told apart by what was predicted of them, so that those with a target can stand for those without.

use std::ops::Range;

use crate::stats::Undefined;

/// A stratum with at most this share of the rows may be without a target.
const NEGLIGIBLE: f64 = 0.01;
/// Neighbours are merged until each stratum has so many targets.
const ENOUGH: f64 = 30.0;

/// How far a value that stands for all rows of a window may be off: standard errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StratifiedErrors {
    /// From the window's own value with all targets; 0 once all are there.
    pub missing: f64,
    /// From what is expected of these rows by their stratum: the targets might have fallen otherwise. It is what an
    /// estimate of the window, which knows the inputs alone, may be off by chance.
    pub drawn: f64,
    /// The same of the reference, where its rows are spread over the strata alike: of one row; of more it falls with the
    /// root of their number. What was learnt of a stratum from few rows weighs more where many rows of the window lie.
    pub learnt: f64,
}

impl StratifiedErrors {
    /// Those of a value that changes with this one by a slope.
    #[must_use]
    pub fn times(self, slope: f64) -> Self {
        let Self { missing, drawn, learnt } = self;
        Self { missing: missing * slope, drawn: drawn * slope, learnt: learnt * slope }
    }

    fn all_finite(self) -> Option<Self> {
        let Self { missing, drawn, learnt } = self;
        [missing, drawn, learnt].iter().all(|error| error.is_finite()).then_some(self)
    }
}

/// Strata of scores: how many rows each has and how many of them a target, and so what such a row stands for.
///
/// Row `i` of stratum `s` weighs `N_s / n_s`. A metric that is smooth in its weighted sums has, with `z_i` its
/// derivative by the weight of row `i`, the variance `sum_s N_s^2 (1 - n_s / N_s) v_s / n_s`, with `v_s` the sample
/// variance of `z` in the stratum: it is of the window's own value with all targets, and 0 once all are there. Without
/// `1 - n_s / N_s` it is that of the targets given the strata, whichever of them have come.
///
/// Neighbouring strata are merged to at least 30 targets each. Refused (`StratumWithoutTargets`) while one with more
/// than 1 % of the rows has none; `NoTargets` without any.
///
/// Assumes that within a stratum it does not depend on the target when it comes. Where it does (fraud is confirmed
/// fast), nothing in the data tells.
///
/// Source: post-stratification and linearized variance, Särndal, Swensson, Wretman (1992), 5.5 and 7.6.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::stats) struct Strata {
    /// Merged strata: of which they are made, their rows and targets.
    groups: Vec<(Range<usize>, f64, f64)>,
}

impl Strata {
    /// `rows` and `targets` by stratum, in the order of scores.
    pub(in crate::stats) fn new(rows: &[u64], targets: &[f64]) -> Result<Self, Undefined> {
        let total: u64 = rows.iter().sum();
        if targets.iter().sum::<f64>() == 0.0 {
            return Err(Undefined::NoTargets);
        }
        let weighs = |rows: u64| rows as f64 > NEGLIGIBLE * total as f64;
        if rows.iter().zip(targets).any(|(&rows, &targets)| weighs(rows) && targets == 0.0) {
            return Err(Undefined::StratumWithoutTargets);
        }
        let mut groups: Vec<(Range<usize>, f64, f64)> = Vec::new();
        for (at, (&rows, &targets)) in rows.iter().zip(targets).enumerate() {
            match groups.last_mut() {
                Some((range, all, labelled)) if *labelled < ENOUGH => {
                    range.end = at + 1;
                    *all += rows as f64;
                    *labelled += targets;
                }
                _ => groups.push((at..at + 1, rows as f64, targets)),
            }
        }
        if let [.., _, (_, _, labelled)] = groups[..]
            && labelled < ENOUGH
            && let Some((last, rows, targets)) = groups.pop()
            && let Some((range, all, labelled)) = groups.last_mut()
        {
            range.end = last.end;
            *all += rows;
            *labelled += targets;
        }
        Ok(Self { groups })
    }

    /// What a row with a target stands for, by the stratum that it was counted in.
    pub(in crate::stats) fn weights(&self) -> Vec<f64> {
        let weights = self.groups.iter().flat_map(|(range, rows, targets)| {
            range.clone().map(move |_| if *targets > 0.0 { rows / targets } else { 0.0 })
        });
        weights.collect()
    }

    /// The standard errors of a metric; `derivatives` are those of the rows that have a target, as stratum, number of
    /// rows and derivative.
    pub(in crate::stats) fn errors(
        &self,
        derivatives: impl Iterator<Item = (usize, f64, f64)>,
    ) -> Option<StratifiedErrors> {
        self.errors_of_moments(
            derivatives.map(|(stratum, rows, z)| (stratum, [rows, rows * z, rows * z * z])),
        )
    }

    /// The same from rows, sum and sum of squares of the derivatives, by stratum.
    pub(in crate::stats) fn errors_of_moments(
        &self,
        moments: impl Iterator<Item = (usize, [f64; 3])>,
    ) -> Option<StratifiedErrors> {
        let mut sums = vec![[0.0; 3]; self.groups.len()];
        for (stratum, moments) in moments {
            let group = self.groups.iter().position(|(range, ..)| range.contains(&stratum))?;
            for (sum, moment) in sums[group].iter_mut().zip(moments) {
                *sum += moment;
            }
        }
        let strata: usize = self.groups.iter().map(|(range, ..)| range.len()).sum();
        let [mut missing, mut drawn, mut learnt] = [0.0; 3];
        for ((range, rows, _), [count, sum, squares]) in self.groups.iter().zip(sums) {
            if count < 2.0 && count < *rows {
                return None;
            }
            if count == 0.0 {
                continue;
            }
            let within = (squares - sum * sum / count).max(0.0) / (count - 1.0).max(1.0);
            missing += rows * rows * (1.0 - count / rows).max(0.0) * within / count;
            drawn += rows * rows * within / count;
            learnt += rows * rows * within * strata as f64 / range.len() as f64;
        }
        StratifiedErrors { missing: missing.sqrt(), drawn: drawn.sqrt(), learnt: learnt.sqrt() }
            .all_finite()
    }
}
