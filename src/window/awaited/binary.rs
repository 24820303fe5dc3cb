//! What it takes to measure a binary classifier's window again.

use minicbor::{Decode, Encode};

use crate::profile::Profile;
use crate::window::awaited::{Labels, less};
use crate::window::outcome::{BinaryEstimated, BinaryPlan, BinaryRealized, Scored};
use crate::window::realized::Outcome;
use crate::window::state::usable;

/// Scores and predictions of a window, and its targets as they come.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct BinaryAwaited {
    /// Rows with a score, by stratum; empty before the window is sealed.
    #[n(0)]
    strata: Vec<u64>,
    /// Those of them with a prediction, by predicted class: negative, positive.
    #[n(1)]
    predicted: [u64; 2],
    /// The same of predictions that came again.
    #[n(2)]
    repeated_strata: Vec<u64>,
    #[n(3)]
    repeated_predicted: [u64; 2],
    #[n(4)]
    given: BinaryRealized,
    #[n(5)]
    taken: BinaryRealized,
}

impl BinaryAwaited {
    pub(super) fn seal(&mut self, estimated: &mut BinaryEstimated, plan: &BinaryPlan) {
        self.strata = vec![0; plan.strata.count()];
        for (score, bin) in estimated.curve.ascending(|_, _| ()) {
            self.strata[plan.strata.stratum(score)] += bin.rows;
        }
        self.predicted = estimated.predicted.map(|of_class| of_class.rows);
    }

    /// Takes news of a prediction; whether it is its first target.
    pub(super) fn learn(
        &mut self,
        plan: &BinaryPlan,
        profile: &Profile,
        news: &Labels<'_>,
    ) -> bool {
        let class = |label: Option<&str>| label.and_then(|label| Some(profile.class(label)? == 1));
        let row = scored(plan, profile, news.score, news.predicted);
        if let Some(before) = class(news.before) {
            self.taken.add(before, row);
        }
        let after = class(news.after);
        if let Some(after) = after {
            self.given.add(after, row);
        }
        after.is_some() && news.before.is_none()
    }

    pub(super) fn repeat(
        &mut self,
        plan: &BinaryPlan,
        profile: &Profile,
        score: Option<f64>,
        predicted: Option<&str>,
    ) {
        let Scored { score, predicted } = scored(plan, profile, score, predicted);
        if let Some((_, stratum)) = score {
            self.repeated_strata.resize(plan.strata.count(), 0);
            self.repeated_strata[stratum] += 1;
        }
        if let Some(positive) = predicted {
            self.repeated_predicted[usize::from(positive)] += 1;
        }
    }

    /// How many rows have a target.
    pub(super) fn targets(&self) -> u64 {
        self.given.targets.saturating_sub(self.taken.targets)
    }

    /// Share of the rows predicted as a class that have a target.
    pub(super) fn coverage(&self, class: usize) -> Option<f64> {
        self.coverage_by(&self.given, class)
    }

    /// The same, by other targets.
    pub(super) fn coverage_by(&self, given: &BinaryRealized, class: usize) -> Option<f64> {
        let of = |state: &BinaryRealized| state.cells[0][class] + state.cells[1][class];
        let targets = of(given).saturating_sub(of(&self.taken));
        let rows = self.predicted[class].saturating_sub(self.repeated_predicted[class]);
        (rows > 0).then(|| (targets as f64 / rows as f64).min(1.0))
    }

    pub(super) fn measure(&mut self, plan: &BinaryPlan, rows: u64) -> Outcome {
        let strata = self.strata();
        Outcome::of_two_classes(plan, &mut self.given, Some(&mut self.taken), rows, &strata)
    }

    pub(super) fn measure_with(
        &self,
        given: &mut BinaryRealized,
        plan: &BinaryPlan,
        rows: u64,
    ) -> Outcome {
        Outcome::of_two_classes(plan, given, None, rows, &self.strata())
    }

    /// Rows with a score that can have a target, by stratum.
    pub(super) fn strata(&self) -> Vec<u64> {
        less(&self.strata, &self.repeated_strata)
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.given.bytes()
            + self.taken.bytes()
            + (self.strata.len() + self.repeated_strata.len()) * 8
    }
}

fn scored(
    plan: &BinaryPlan,
    profile: &Profile,
    score: Option<f64>,
    predicted: Option<&str>,
) -> Scored {
    let score = score.and_then(usable).map(|score| (score, plan.strata.stratum(score)));
    let predicted = predicted.and_then(|label| Some(profile.class(label)? == 1));
    Scored { score, predicted }
}
