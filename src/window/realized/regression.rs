//! Realized performance of a regression.

use crate::metric::Metric;
use crate::profile::{Measured, Performance, RegressionPerformance};
use crate::stats::{Loss, PostStratifiedLosses, StratifiedErrors, StratumLosses, Undefined};
use crate::window::outcome::{RegressionPlan, RegressionRealized, Stratum};
use crate::window::realized::{Outcome, Stratified};

/// Performance of all rows, from those that have a target.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::window) struct RegressionStratified {
    pub(in crate::window) performance: RegressionPerformance,
    /// Of the mean losses, in the order of [`Loss::ALL`].
    errors: [Option<StratifiedErrors>; Loss::ALL.len()],
}

impl Outcome {
    /// Measures it: what was given, without what was taken back again. `rows` can have a target, `strata` are those of
    /// them with a prediction. Exact, whatever was taken back.
    pub(in crate::window) fn of_a_number(
        plan: &RegressionPlan,
        given: &RegressionRealized,
        taken: Option<&RegressionRealized>,
        rows: u64,
        strata: &[u64],
    ) -> Self {
        let targets = given.targets.saturating_sub(taken.map_or(0, |taken| taken.targets));
        let labelled = given.whole(taken).measure(plan, targets);
        let by_stratum: Vec<Stratum> = (0..plan.strata.count())
            .map(|at| {
                let mut stratum = given.strata.get(at).cloned().unwrap_or_default();
                if let Some(taken) = taken.and_then(|taken| taken.strata.get(at)) {
                    stratum.take_away(taken);
                }
                stratum
            })
            .collect();
        let stratified = RegressionStratified::new(plan, &labelled, strata, &by_stratum);
        Self {
            rows,
            labelled: Performance::Regression(labelled),
            stratified: Stratified::Regression(stratified),
            evidence: None,
            rowwise: Vec::new(),
            relearnt: None,
        }
    }
}

impl RegressionStratified {
    fn new(
        plan: &RegressionPlan,
        labelled: &RegressionPerformance,
        rows: &[u64],
        strata: &[Stratum],
    ) -> Self {
        let found = Loss::ALL.map(|loss| {
            if let Some(reason) = strata.iter().find_map(|stratum| stratum.undefined(loss)) {
                return Err(reason);
            }
            let losses = strata.iter().map(|stratum| {
                let (sum, squares) = stratum.sums(loss, plan);
                StratumLosses { rows: stratum.rows, known: stratum.rows, sum, squares }
            });
            PostStratifiedLosses::new(rows, &losses.collect::<Vec<_>>())
        });
        let performance = RegressionPerformance {
            usable: labelled.usable,
            predicted: rows.iter().sum(),
            losses: found.map(|found| Measured(found.map(|found| found.mean))),
        };
        Self { performance, errors: found.map(|found| found.ok()?.errors) }
    }

    /// The standard errors of a metric.
    pub(in crate::window) fn errors(&self, metric: Metric) -> Option<StratifiedErrors> {
        let (loss, is_root) = metric.loss()?;
        let errors = self.errors[loss as usize]?;
        if !is_root {
            return Some(errors);
        }
        // The slope of the root.
        let mean = self.performance.losses[loss as usize].0.ok()?;
        let slope = Undefined::unless_finite(0.5 / mean.sqrt()).ok()?;
        Some(errors.times(slope))
    }
}
