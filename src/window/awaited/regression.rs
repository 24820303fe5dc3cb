//! What it takes to measure a regression's window again.

use minicbor::{Decode, Encode};

use crate::window::awaited::{Labels, less};
use crate::window::outcome::{RegressionEstimated, RegressionPlan, RegressionRealized};
use crate::window::realized::Outcome;

/// Predictions of a window, and its targets as they come.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct RegressionAwaited {
    /// Rows with a prediction, by stratum; empty before the window is sealed.
    #[n(0)]
    strata: Vec<u64>,
    /// The same of predictions that came again.
    #[n(1)]
    repeated: Vec<u64>,
    #[n(2)]
    given: RegressionRealized,
    #[n(3)]
    taken: RegressionRealized,
}

impl RegressionAwaited {
    pub(super) fn seal(&mut self, estimated: &RegressionEstimated, plan: &RegressionPlan) {
        self.strata.clone_from(&estimated.strata);
        self.strata.resize(plan.strata.count(), 0);
    }

    /// Takes news of a prediction; whether it is its first target.
    pub(super) fn learn(&mut self, plan: &RegressionPlan, news: &Labels<'_>) -> bool {
        let prediction = there(news.score);
        if let Some(before) = number(news.before) {
            self.taken.add(before, prediction, plan);
        }
        let after = number(news.after);
        if let Some(after) = after {
            self.given.add(after, prediction, plan);
        }
        after.is_some() && news.before.is_none()
    }

    pub(super) fn repeat(&mut self, plan: &RegressionPlan, prediction: Option<f64>) {
        if let Some(prediction) = there(prediction) {
            self.repeated.resize(plan.strata.count(), 0);
            self.repeated[plan.strata.stratum(prediction)] += 1;
        }
    }

    /// How many rows have a target.
    pub(super) fn targets(&self) -> u64 {
        self.given.targets.saturating_sub(self.taken.targets)
    }

    pub(super) fn measure(&self, plan: &RegressionPlan, rows: u64) -> Outcome {
        Outcome::of_a_number(plan, &self.given, Some(&self.taken), rows, &self.strata())
    }

    pub(super) fn measure_with(
        &self,
        given: &RegressionRealized,
        plan: &RegressionPlan,
        rows: u64,
    ) -> Outcome {
        Outcome::of_a_number(plan, given, None, rows, &self.strata())
    }

    /// Rows with a prediction that can have a target, by stratum.
    pub(super) fn strata(&self) -> Vec<u64> {
        less(&self.strata, &self.repeated)
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.given.bytes()
            + self.taken.bytes()
            + (self.strata.len() + self.repeated.len()) * 8
    }
}

fn there(number: Option<f64>) -> Option<f64> {
    number.filter(|number| !number.is_nan())
}

/// The number that a target is written as.
fn number(label: Option<&str>) -> Option<f64> {
    there(label?.trim().parse().ok())
}
