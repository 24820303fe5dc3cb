//! What the concept that was learnt again says of a window, as figures.

use crate::metric::{Kind, Metric};
use crate::profile::{Performance, Profile, Relearnt};
use crate::stats::{Basis, Limits, Range, Undefined, sample_deviation};
use crate::window::criteria::Criteria;
use crate::window::judge::{Asked, Judge, Judgement, Scatter};
use crate::window::result::{Figure, Status};

/// What is learnt where the concept has not changed.
#[derive(Clone, Debug)]
pub(super) struct ByChance {
    found: Vec<Relearnt>,
    /// See [`Profile::widening`].
    widening: f64,
}

impl ByChance {
    pub(super) fn of(profile: &Profile) -> Self {
        Self { found: profile.concept.clone(), widening: profile.widening() }
    }
}

impl Judge {
    /// How far the probability has moved, and what that does to each metric, held against what is found by chance.
    pub(super) fn concept(
        &self,
        found: &Result<Relearnt, Undefined>,
        unjudged: Option<Status>,
        criteria: &Criteria,
    ) -> Vec<Figure> {
        // Chance brings more where fewer targets taught.
        let scale = |by_chance: &Relearnt| match found {
            Ok(found) if found.lessons < by_chance.lessons => {
                (by_chance.lessons as f64 / found.lessons.max(1) as f64).sqrt()
            }
            _ => 1.0,
        };
        let figure =
            |of: Option<&Asked>, range: Range, value: &dyn Fn(&Relearnt) -> Option<f64>| {
                let by_chance: Vec<f64> = self
                    .by_chance
                    .found
                    .iter()
                    .filter_map(|relearnt| Some(value(relearnt)? * scale(relearnt)))
                    .collect();
                let mean = by_chance.iter().sum::<f64>() / by_chance.len().max(1) as f64;
                let widened: Vec<f64> = by_chance
                    .iter()
                    .map(|found| mean + (found - mean) * self.by_chance.widening)
                    .collect();
                let metric = Metric::ConceptDriftMagnitude;
                let judgement = Judgement {
                    of: metric.into(),
                    limits: criteria.threshold(None, metric).limits(&widened, range),
                    error: Scatter::Unknown,
                    range,
                    unset: (by_chance.len() < 2).then_some(Status::TooFew),
                    baseline: None,
                };
                let error = sample_deviation(&by_chance).ok().filter(|error| *error > 0.0);
                let value = match found {
                    Ok(found) => value(found).ok_or(Undefined::OneClass),
                    Err(reason) => Err(*reason),
                };
                let error = error.filter(|_| value.is_ok());
                let figure = judgement.figure_with(Kind::Diagnosis, value, error, unjudged);
                let judged = judgement.limits != Limits::OPEN;
                let breach = figure.breach.filter(|_| judged);
                Figure { of: of.map(|of| of.measure.clone()), breach, ..figure }
            };
        let moved = figure(None, Range::POSITIVE, &|relearnt| Some(relearnt.moved));
        let of_metric = self.performance.iter().map(|judgement| {
            let of = &judgement.of;
            let at = |found: &Performance| of.value(found, Basis::Estimated, criteria).ok();
            figure(Some(of), Range::ANY, &|relearnt| {
                Some(at(&relearnt.after)? - at(&relearnt.before)?)
            })
        });
        [moved].into_iter().chain(of_metric).collect()
    }
}
