//! What it takes to measure a window of several classes again.

use minicbor::{Decode, Encode};

use crate::profile::{Performance, Profile};
use crate::window::awaited::Labels;
use crate::window::outcome::{MulticlassPlan, MulticlassRealized};
use crate::window::realized::{Outcome, Stratified};

/// The targets of a window as they come.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct MulticlassAwaited {
    #[n(0)]
    given: MulticlassRealized,
    #[n(1)]
    taken: MulticlassRealized,
}

impl MulticlassAwaited {
    pub(super) fn new(plan: &MulticlassPlan) -> Self {
        Self { given: plan.realized(), taken: plan.realized() }
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
            self.taken.add(before, scores, predicted);
        }
        let after = class(news.after);
        if let Some(after) = after {
            self.given.add(after, scores, predicted);
        }
        after.is_some() && news.before.is_none()
    }

    /// How many rows have a target.
    pub(super) fn targets(&self) -> u64 {
        self.given.targets.saturating_sub(self.taken.targets)
    }

    pub(super) fn measure(&mut self, rows: u64) -> Outcome {
        Outcome {
            rows,
            labelled: Performance::Multiclass(self.given.measure_without(&mut self.taken)),
            stratified: Stratified::None,
        }
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.given.bytes() + self.taken.bytes()
    }
}
