//! Rows told apart by what was predicted of them, so that those with a target can stand for those without.

use std::ops::Range;

use crate::stats::Undefined;

/// A stratum with at most this share of the rows may be without a target.
const NEGLIGIBLE: f64 = 0.01;
/// Neighbours are merged until each stratum has so many targets.
const ENOUGH: f64 = 30.0;

/// Strata of scores: how many rows each has and how many of them a target, and so what such a row stands for.
///
/// Row `i` of stratum `s` weighs `N_s / n_s`. A metric that is smooth in its weighted sums has, with `z_i` its
/// derivative by the weight of row `i`, the variance `sum_s N_s^2 (1 - n_s / N_s) v_s / n_s`, with `v_s` the sample
/// variance of `z` in the stratum: it is of the window's own value with all targets, and 0 once all are there.
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

    /// The standard error of a metric; `derivatives` are those of the rows that have a target, as stratum, number of
    /// rows and derivative.
    pub(in crate::stats) fn error(
        &self,
        derivatives: impl Iterator<Item = (usize, f64, f64)>,
    ) -> Option<f64> {
        self.error_of_moments(
            derivatives.map(|(stratum, rows, z)| (stratum, [rows, rows * z, rows * z * z])),
        )
    }

    /// The same from rows, sum and sum of squares of the derivatives, by stratum.
    pub(in crate::stats) fn error_of_moments(
        &self,
        moments: impl Iterator<Item = (usize, [f64; 3])>,
    ) -> Option<f64> {
        let mut sums = vec![[0.0; 3]; self.groups.len()];
        for (stratum, moments) in moments {
            let group = self.groups.iter().position(|(range, ..)| range.contains(&stratum))?;
            for (sum, moment) in sums[group].iter_mut().zip(moments) {
                *sum += moment;
            }
        }
        let mut variance = 0.0;
        for ((_, rows, _), [count, sum, squares]) in self.groups.iter().zip(sums) {
            if count >= *rows {
                continue;
            }
            if count < 2.0 {
                return None;
            }
            let within = (squares - sum * sum / count).max(0.0) / (count - 1.0);
            variance += rows * rows * (1.0 - count / rows) * within / count;
        }
        Some(variance.sqrt()).filter(|error| error.is_finite())
    }
}
