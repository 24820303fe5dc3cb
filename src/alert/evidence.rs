//! What an alert says, and the figures that it puts beside it.

use crate::alert::event::{
    Action, AlertEvent, Cause, Event, Evidence, Resolution, SCHEMA, SegmentFigure, Severity,
    Subject, Successor,
};
use crate::alert::policy::{Bad, Judged, Level, Policy, by_share, stands};
use crate::alert::rank::Ranks;
use crate::alert::record::{Changes, TrackRecord};
use crate::alert::successor::Newer;
use crate::alert::words::{also, of_segment, summary};
use crate::diagnosis::{Origin, Split};
use crate::metric::{Currencies, Kind, Metric};
use crate::window::{Figure, WindowResult};

/// At most so many figures of each kind, segments and slices.
const MOST: usize = 5;
/// The change of a slice is told where its probability by chance is at most this.
const SIGNIFICANT: f64 = 0.05;

/// Writes events of a result.
pub(super) struct Writer<'w> {
    pub(super) policy: &'w Policy,
    pub(super) result: &'w WindowResult,
    /// The results of its segments.
    pub(super) segments: &'w [WindowResult],
    pub(super) record: &'w TrackRecord,
    pub(super) changes: &'w Changes,
    /// Until when nobody is to be woken.
    pub(super) muted_until: Option<&'w str>,
}

impl Writer<'_> {
    /// An event of an alert that began at a time, and with a window.
    pub(super) fn event(
        &self,
        id: &str,
        sequence: u64,
        event: Event,
        (since, began): (Option<String>, u64),
        worst: &Bad<'_>,
        judged: &Judged<'_>,
    ) -> AlertEvent {
        let (result, figure) = (self.result, worst.figure);
        let currencies = &self.policy.currencies;
        let mut evidence = self.evidence(figure, judged);
        evidence.estimator = self.record.of(&figure.metric, result.window_index);
        evidence.change = self.changes.before(began);
        let beside = evidence.segments.first().map(|worst| of_segment(worst, currencies));
        let mut sentence = summary(result, figure, &evidence, currencies);
        for part in beside.into_iter().chain(also(&figure.metric, &evidence)) {
            sentence = format!("{sentence}; {part}");
        }
        AlertEvent {
            schema: SCHEMA,
            engine: result.engine.clone(),
            id: id.to_owned(),
            sequence,
            event,
            resolution: None,
            model: result.model.clone(),
            version: result.version.clone(),
            severity: worst.severity,
            since,
            window: Some(result.window_index),
            kind: Subject::of(figure.kind).unwrap_or(Subject::Quality),
            metric: Some(figure.metric.clone()),
            column_name: figure.column_name.clone(),
            segment: result.segment.clone(),
            value: figure.value,
            currency: currencies.of(&figure.metric).map(str::to_owned),
            sampling_error: figure.sampling_error,
            lower_threshold: figure.lower_threshold,
            upper_threshold: figure.upper_threshold,
            distance: Some(worst.beyond),
            acknowledged: None,
            muted_until: self.muted_until.map(str::to_owned),
            summary: sentence,
            action: self.action(figure, &evidence),
            evidence,
            result: result.id.clone(),
            profile: result.profile.clone(),
            settings: result.settings.clone(),
        }
    }

    /// At most five figures of each kind beside the one that decided.
    fn evidence(&self, deciding: &Figure, judged: &Judged<'_>) -> Evidence {
        let result = self.result;
        let ranks = Ranks::of(result, deciding);
        let of = |kinds: &[Kind]| {
            let mut found: Vec<Figure> = result
                .figures
                .iter()
                .filter(|figure| kinds.contains(&figure.kind) && figure.breach == Some(true))
                .filter(|figure| {
                    self.policy.level(figure.kind) != Level::Off && *figure != deciding
                })
                .cloned()
                .collect();
            let place = |figure: &Figure| match figure.kind {
                Kind::Drift => ranks.place(figure),
                _ => (0, 0),
            };
            found.sort_by(|left, right| place(left).cmp(&place(right)).then(by_share(left, right)));
            found.truncate(MOST);
            found
        };
        Evidence {
            performance: of(&[Kind::Realized, Kind::Estimated]),
            drift: of(&[Kind::Drift]),
            quality: of(&[Kind::Quality]),
            segments: self.worst_segments(judged),
            slices: self.worse_slices(deciding),
            cause: self.cause(deciding),
            split: self.split(deciding).map_or_else(Vec::new, |split| {
                [split.total, split.shift, split.concept].map(Clone::clone).into()
            }),
            estimator: None,
            change: None,
            successor: None,
        }
    }

    /// At most five slices that are worse than in the reference, in their order.
    fn worse_slices(&self, deciding: &Figure) -> Vec<Figure> {
        if !matches!(deciding.kind, Kind::Estimated | Kind::Realized | Kind::Diagnosis) {
            return Vec::new();
        }
        let of = self.result.figures.iter().filter(|figure| {
            figure.metric == Metric::SliceChange
                && figure.value.is_some_and(|change| change > 0.0)
                && figure.p_value.is_some_and(|p| p <= SIGNIFICANT)
        });
        of.take(MOST).cloned().collect()
    }

    /// At most five segments that are not well, the furthest out first.
    fn worst_segments(&self, judged: &Judged<'_>) -> Vec<SegmentFigure> {
        let mut worst: Vec<(Severity, SegmentFigure)> = Vec::new();
        for result in self.segments {
            if let Some(bad) = judged.bad(result).first() {
                let (segment, rows) = (result.segment.clone(), result.window_rows);
                let figure = SegmentFigure { segment, rows, figure: bad.figure.clone() };
                worst.push((bad.severity, figure));
            }
        }
        worst.sort_by(|(a, left), (b, right)| b.cmp(a).then(by_share(&left.figure, &right.figure)));
        worst.truncate(MOST);
        worst.into_iter().map(|(_, figure)| figure).collect()
    }

    /// The change of what was realized, split; where targets decided, and it can be told.
    fn split(&self, deciding: &Figure) -> Option<Split<'_>> {
        let split = Split::of(&self.result.figures, &deciding.metric)?;
        (deciding.kind == Kind::Realized && split.total.value.is_some()).then_some(split)
    }

    /// What kind of change it looks like: by its split, and where there is none, by whether the estimate, which knows the
    /// inputs alone, has moved too.
    fn cause(&self, deciding: &Figure) -> Option<Cause> {
        if let Some(split) = self.split(deciding) {
            return split.origin().map(|origin| match origin {
                Origin::Shift => Cause::CovariateShift,
                Origin::Concept => Cause::ConceptDrift,
                Origin::Both => Cause::Both,
            });
        }
        match deciding.kind {
            Kind::Estimated => Some(Cause::CovariateShift),
            Kind::Realized => {
                let side = |value: f64| {
                    let below = deciding.lower_threshold.is_some_and(|limit| value < limit);
                    let above = deciding.upper_threshold.is_some_and(|limit| value > limit);
                    i32::from(above) - i32::from(below)
                };
                let estimated = self.estimated(deciding)?;
                let moved = side(estimated) == side(deciding.value?);
                Some(if moved { Cause::CovariateShift } else { Cause::ConceptDrift })
            }
            _ => None,
        }
    }

    /// What was estimated where this was realized: as a figure of the same result, or by what it differs.
    fn estimated(&self, realized: &Figure) -> Option<f64> {
        let figures = &self.result.figures;
        let same =
            |figure: &&Figure| figure.kind == Kind::Estimated && figure.metric == realized.metric;
        if let Some(estimated) = figures.iter().find(same) {
            return estimated.value;
        }
        let differs = |figure: &&Figure| {
            figure.metric == Metric::EstimatedMinusRealized
                && figure.of.as_ref() == Some(&realized.metric)
        };
        Some(realized.value? + figures.iter().find(differs)?.value?)
    }

    fn action(&self, figure: &Figure, evidence: &Evidence) -> Action {
        match figure.kind {
            _ if figure.kind == Kind::Quality || !evidence.quality.is_empty() => {
                Action::InvestigateUpstream
            }
            Kind::Realized if self.does_harm() => Action::SwitchOff,
            // The pattern still holds: a new model would learn the same.
            Kind::Realized if evidence.cause == Some(Cause::CovariateShift) => {
                Action::InvestigateUpstream
            }
            Kind::Realized => Action::Retrain,
            Kind::Diagnosis if figure.metric.metric().rests_on_targets() => Action::Retrain,
            Kind::Estimated | Kind::Diagnosis => Action::Confirm,
            _ => Action::Wait,
        }
    }

    /// Whether targets show, beyond three standard errors, that no model would do better: it ranks worse than chance, or
    /// brings a loss where by its thresholds it brought a gain.
    fn does_harm(&self) -> bool {
        self.result.figures.iter().any(|figure| {
            let at_most = figure.upper_confidence.or(figure.value);
            figure.kind == Kind::Realized
                && figure.breach == Some(true)
                && stands(self.result, figure)
                && at_most.is_some_and(|most| match figure.metric.metric() {
                    Metric::RocAuc => most < 0.5,
                    Metric::BusinessValue => {
                        most < 0.0 && figure.lower_threshold.is_some_and(|limit| limit > 0.0)
                    }
                    _ => false,
                })
        })
    }
}

/// The end of an alert, by what the result says of the figure that decided.
pub(super) fn resolved(
    last: AlertEvent,
    sequence: u64,
    resolution: Resolution,
    writer: &Writer<'_>,
) -> AlertEvent {
    let result = writer.result;
    let figure = result.figures.iter().find(|figure| {
        (Subject::of(figure.kind), Some(&figure.metric), &figure.column_name)
            == (Some(last.kind), last.metric.as_ref(), &last.column_name)
            && stands(result, figure)
    });
    AlertEvent {
        engine: result.engine.clone(),
        sequence,
        event: Event::Resolved,
        resolution: Some(resolution),
        window: Some(result.window_index),
        value: figure.and_then(|figure| figure.value),
        sampling_error: figure.and_then(|figure| figure.sampling_error),
        lower_threshold: figure.and_then(|figure| figure.lower_threshold),
        upper_threshold: figure.and_then(|figure| figure.upper_threshold),
        distance: figure.and_then(|figure| Policy::distance(result, figure)),
        muted_until: writer.muted_until.map(str::to_owned),
        summary: match (figure, &result.reason) {
            (_, Some(reason)) if resolution == Resolution::Excluded => {
                format!("window {} was left out: {reason}", result.window_index)
            }
            (Some(figure), _) => {
                let currencies = Currencies::only(&figure.metric, last.currency.as_deref());
                summary(result, figure, &Evidence::default(), &currencies)
            }
            (None, _) => String::new(),
        },
        evidence: Evidence::default(),
        action: Action::Wait,
        result: result.id.clone(),
        profile: result.profile.clone(),
        settings: result.settings.clone(),
        ..last
    }
}

impl AlertEvent {
    /// The end of this alert, as its version is retired.
    pub(super) fn superseded(
        self,
        engine: &str,
        sequence: u64,
        summary: &str,
        newer: Option<Newer<'_>>,
    ) -> Self {
        let successor = newer.map(|newer| Successor::of(&self, newer));
        let currencies =
            self.metric.as_ref().map(|metric| Currencies::only(metric, self.currency.as_deref()));
        let words = successor.as_ref().map(|found| found.words(&currencies.unwrap_or_default()));
        let summary =
            words.map_or_else(|| summary.to_owned(), |words| format!("{summary}; {words}"));
        Self {
            engine: engine.to_owned(),
            sequence,
            event: Event::Resolved,
            resolution: Some(Resolution::Superseded),
            window: None,
            value: None,
            sampling_error: None,
            distance: None,
            summary,
            evidence: Evidence { successor, ..Evidence::default() },
            action: Action::Wait,
            ..self
        }
    }
}
