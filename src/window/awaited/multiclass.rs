//! What it takes to measure a window of several classes again.

use minicbor::{Decode, Encode};

use crate::profile::Profile;
use crate::stats::Histogram;
use crate::window::awaited::{Labels, less};
use crate::window::outcome::{
    Deciles, Expected, MulticlassEstimated, MulticlassPlan, MulticlassRealized, OfSeveral,
};
use crate::window::realized::{Outcome, StrataOfSeveral};

/// Scores and predictions of a window, and its targets as they come.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct MulticlassAwaited {
    #[n(0)]
    given: MulticlassRealized,
    #[n(1)]
    taken: MulticlassRealized,
    /// Rows with all scores and a prediction, by stratum; empty before the window is sealed, and without scores.
    #[n(2)]
    predicted: Vec<u64>,
    /// Rows with all scores, by the decile of the score of each class.
    #[n(3)]
    scored: Vec<Vec<u64>>,
    /// The same of predictions that came again.
    #[n(4)]
    repeated_predicted: Vec<u64>,
    #[n(5)]
    repeated_scored: Vec<Vec<u64>>,
}

/// Rows by the decile of a class's score.
fn rows_by_decile(curve: &mut Histogram<OfSeveral<Expected>>, deciles: &Deciles) -> Vec<u64> {
    let mut rows = vec![0; deciles.count()];
    for (score, OfSeveral(bin)) in curve.ascending(|_, _| ()) {
        rows[deciles.stratum(score)] += bin.rows;
    }
    rows
}

impl MulticlassAwaited {
    pub(super) fn new(plan: &MulticlassPlan) -> Self {
        Self { given: plan.realized(), taken: plan.realized(), ..Self::default() }
    }

    pub(super) fn seal(&mut self, estimated: &mut MulticlassEstimated, plan: &MulticlassPlan) {
        self.predicted.clone_from(&estimated.strata);
        let by_class = estimated.curves.iter_mut().zip(&plan.deciles);
        self.scored = by_class.map(|(curve, deciles)| rows_by_decile(curve, deciles)).collect();
    }

    /// Takes note that one of its predictions came again.
    pub(super) fn repeat(
        &mut self,
        plan: &MulticlassPlan,
        profile: &Profile,
        scores: &[f64],
        predicted: Option<&str>,
    ) {
        if scores.len() != plan.classes {
            return;
        }
        self.repeated_scored.resize(plan.classes, Vec::new());
        let by_class = self.repeated_scored.iter_mut().zip(&plan.deciles).zip(scores);
        for ((rows, deciles), &score) in by_class {
            rows.resize(deciles.count(), 0);
            rows[deciles.stratum(score)] += 1;
        }
        if let Some(label) = predicted {
            let predicted = profile.class(label).unwrap_or(plan.classes);
            self.repeated_predicted.resize(plan.strata(), 0);
            self.repeated_predicted[plan.stratum(scores, predicted)] += 1;
        }
    }

    /// Rows that can have a target.
    pub(super) fn strata(&self) -> StrataOfSeveral {
        let nothing = Vec::new();
        let repeated = |class: usize| self.repeated_scored.get(class).unwrap_or(&nothing);
        let scored = self.scored.iter().enumerate();
        StrataOfSeveral {
            predicted: less(&self.predicted, &self.repeated_predicted),
            scored: scored.map(|(class, rows)| less(rows, repeated(class))).collect(),
        }
    }

    /// Takes news of a prediction; whether it is its first target.
    pub(super) fn learn(
        &mut self,
        plan: &MulticlassPlan,
        profile: &Profile,
        news: &Labels<'_>,
    ) -> bool {
        let class = |label: Option<&str>| label.and_then(|label| profile.class(label));
        let scores = (news.scores.len() == plan.classes).then_some(news.scores);
        let predicted = news.predicted.map(|label| profile.class(label).unwrap_or(plan.classes));
        if let Some(before) = class(news.before) {
            self.taken.add(before, scores, predicted, plan);
        }
        let after = class(news.after);
        if let Some(after) = after {
            self.given.add(after, scores, predicted, plan);
        }
        after.is_some() && news.before.is_none()
    }

    /// Share of the rows predicted as each class that have a target; of rows with all scores.
    pub(super) fn coverage(&self, plan: &MulticlassPlan) -> Vec<Option<f64>> {
        self.coverage_by(&self.given, plan)
    }

    /// The same, by other targets.
    pub(super) fn coverage_by(
        &self,
        given: &MulticlassRealized,
        plan: &MulticlassPlan,
    ) -> Vec<Option<f64>> {
        let mut rows = vec![0; plan.classes + 1];
        for (stratum, of_stratum) in self.strata().predicted.into_iter().enumerate() {
            rows[plan.predicted_in(stratum)] += of_stratum;
        }
        let targets = less(&given.by_predicted(plan), &self.taken.by_predicted(plan));
        let share = |(&rows, &targets): (&u64, &u64)| {
            (rows > 0).then(|| (targets as f64 / rows as f64).min(1.0))
        };
        rows.iter().zip(&targets).take(plan.classes).map(share).collect()
    }

    /// How many rows have a target.
    pub(super) fn targets(&self) -> u64 {
        self.given.targets.saturating_sub(self.taken.targets)
    }

    pub(super) fn measure(&mut self, plan: &MulticlassPlan, rows: u64) -> Outcome {
        let strata = self.strata();
        Outcome::of_several_classes(plan, &mut self.given, Some(&mut self.taken), rows, &strata)
    }

    pub(super) fn measure_with(
        &self,
        given: &mut MulticlassRealized,
        plan: &MulticlassPlan,
        rows: u64,
    ) -> Outcome {
        Outcome::of_several_classes(plan, given, None, rows, &self.strata())
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        let by_class = self.scored.iter().chain(&self.repeated_scored);
        let counts = self.predicted.len()
            + self.repeated_predicted.len()
            + by_class.map(|rows| 3 + rows.len()).sum::<usize>();
        size_of::<Self>() + self.given.bytes() + self.taken.bytes() + counts * 8
    }
}
