//! How a change of performance is split into what the inputs explain and what they do not, as figures.

use crate::metric::{Kind, Metric};
use crate::profile::{Performance, Reading};
use crate::stats::{
    Baseline, Basis, Effect, Limits, Range, StratifiedErrors, Undefined, confidence,
};
use crate::window::criteria::Criteria;
use crate::window::judge::{Asked, Judgement};
use crate::window::result::{Figure, Method, Status};

/// What is known of a window of some performance figure.
pub(super) struct Known {
    /// What was estimated, and how.
    pub(super) estimated: f64,
    pub(super) method: Method,
    /// Rows that it is of.
    pub(super) rows: u64,
    /// What came to pass, weighed to stand for all rows, and how far that may be off.
    pub(super) realized: Result<f64, Undefined>,
    pub(super) errors: Option<StratifiedErrors>,
}

impl Judgement {
    /// What a window's figure is held against: the windows of the reference that have both, as far as they are judged.
    /// Single cells of several classes are not looked at.
    pub(super) fn baseline<'r>(
        of: &Asked,
        readings: impl Iterator<Item = &'r Reading>,
        criteria: &Criteria,
    ) -> Option<Baseline> {
        if of.cell.is_some() {
            return None;
        }
        let value = |performance: &Performance, basis| of.value(performance, basis, criteria).ok();
        let windows = readings.filter_map(|reading| {
            let (estimated, realized) = (reading.estimated.as_ref()?, reading.realized.as_ref()?);
            let rows = of.rows(realized);
            Some((value(estimated, Basis::Estimated)?, value(realized, Basis::Realized)?, rows))
        });
        Baseline::of(&windows.collect::<Vec<_>>()).ok()
    }

    /// What the inputs alone explain: known when a window is sealed.
    pub(super) fn shift(
        &self,
        window: &Known,
        few: Option<Status>,
        criteria: &Criteria,
    ) -> Option<Figure> {
        let effect = self.shift_effect(window)?;
        Some(self.effect(Metric::CovariateShiftEffect, window.method, Ok(effect), few, criteria))
    }

    /// The whole change and its parts; where nothing is known of targets, the reason why there is no figure.
    pub(super) fn split(
        &self,
        window: &Known,
        few: Option<Status>,
        unjudged: Option<Status>,
        criteria: &Criteria,
    ) -> Vec<Figure> {
        let Some((baseline, shift)) = self.baseline.as_ref().zip(self.shift_effect(window)) else {
            return Vec::new();
        };
        let concept = window
            .realized
            .map(|realized| baseline.concept(window.estimated, realized, window.errors));
        let total = concept.map(|concept| shift.plus(concept));
        let figure = |metric, method, effect, unjudged| {
            self.effect(metric, method, effect, unjudged, criteria)
        };
        vec![
            figure(Metric::PerformanceChange, Method::PostStratified, total, unjudged),
            figure(Metric::CovariateShiftEffect, window.method, Ok(shift), few),
            figure(Metric::ConceptDriftEffect, Method::PostStratified, concept, unjudged),
        ]
    }

    fn shift_effect(&self, window: &Known) -> Option<Effect> {
        let baseline = self.baseline.as_ref()?;
        let scatter = self.error_of(window.rows).zip(self.error_of(baseline.rows));
        Some(baseline.shift(window.estimated, scatter))
    }

    fn effect(
        &self,
        metric: Metric,
        method: Method,
        effect: Result<Effect, Undefined>,
        unjudged: Option<Status>,
        criteria: &Criteria,
    ) -> Figure {
        let value = effect.map(|effect| effect.value);
        let error = effect.ok().and_then(|effect| effect.error);
        let bounds =
            value.ok().zip(error).map(|(value, error)| confidence(value, error, Range::ANY));
        let limits = criteria.threshold(None, metric).limits(&[], Range::ANY);
        let judged = value.ok().filter(|_| unjudged.is_none() && limits != Limits::OPEN);
        Figure {
            method: Some(method),
            of: Some(self.of.measure.clone()),
            value: value.ok(),
            sampling_error: error,
            lower_confidence: bounds.map(|(lower, _)| lower),
            upper_confidence: bounds.map(|(_, upper)| upper),
            lower_threshold: limits.lower,
            upper_threshold: limits.upper,
            p_value: effect.ok().and_then(|effect| effect.p_value()),
            breach: judged.map(|value| limits.breached_by(value)),
            status: match value {
                Ok(_) => unjudged.unwrap_or(Status::Ok),
                Err(reason) => reason.into(),
            },
            ..Figure::bare(Kind::Diagnosis, metric)
        }
    }
}
