//! When an alert opens and when it is over.

use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::event::{
    Action, AlertEvent, Event, Evidence, Resolution, SCHEMA, SegmentFigure, Severity,
};
use crate::alert::rank::Ranks;
use crate::alert::words::{of_segment, summary};
use crate::metric::{Kind, Metric};
use crate::window::{Figure, Method, RevisionCause, WindowResult};

/// What a breach of a kind leads to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Level {
    /// Nothing.
    Off,
    /// It stands in the evidence of alerts that others open.
    Evidence,
    /// An alert that can wait until morning.
    Warning,
    /// An alert that wakes somebody.
    Critical,
}

impl Level {
    /// How bad an alert of this level is; `None` where there is none.
    pub const fn severity(self) -> Option<Severity> {
        match self {
            Self::Critical => Some(Severity::Critical),
            Self::Warning => Some(Severity::Warning),
            Self::Evidence | Self::Off => None,
        }
    }
}

/// Which breaches alert, and how many windows it takes.
///
/// A window is bad when a figure of a kind that alerts is outside its thresholds, good when none is, and neither when
/// there was too little to judge: such a window changes nothing. A fault of the data counts where there is more of it
/// than chance would bring: one row out of range in a thousand wakes nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Estimated and realized performance.
    pub performance: Level,
    /// Missing, unseen and out-of-range values.
    pub quality: Level,
    /// Distance of the data from the reference.
    pub drift: Level,
    /// Opens when this many of the last windows are bad...
    pub open_after: u32,
    /// ...of this many.
    pub open_of: u32,
    /// Resolves after this many good windows in a row.
    pub resolve_after: u32,
    /// What the business value counts.
    pub currency: Option<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            performance: Level::Critical,
            quality: Level::Critical,
            drift: Level::Evidence,
            open_after: 1,
            open_of: 1,
            resolve_after: 1,
            currency: None,
        }
    }
}

/// How many standard errors a share of faulty rows must lie above its threshold.
const CHANCE: f64 = 3.0;

/// Whether a breach counts. Faults of the data: where their share, less three of its binomial standard errors, is still
/// above the threshold; that there are fewer than expected is no fault.
pub fn weighs(figure: &Figure, rows: u64) -> bool {
    let (Kind::Quality, Some(value)) = (figure.kind, figure.value) else { return true };
    let Some(limit) = figure.upper_threshold else { return false };
    let rows = rows as f64;
    // Rates are at most 1; what is more is a number of rows.
    let whole = if value > 1.0 { rows } else { 1.0 };
    let share = value / whole;
    let error = (share * (1.0 - share) / rows).max(0.0).sqrt();
    share - CHANCE * error > limit / whole
}

/// Where a model version stands with its alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Lifecycle {
    /// The last judged windows, newest last: whether each was bad, where it began, and its index.
    #[n(0)]
    recent: Vec<(bool, Option<String>, u64)>,
    #[n(1)]
    open: Option<Open>,
    /// Windows before this one are past: the last alert is over.
    #[n(2)]
    from: u64,
}

/// Which figures of a result are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// Those that are final when a window is sealed: realized performance is judged apart, since it comes later.
    Sealed,
    /// Realized performance.
    Realized,
}

impl Scope {
    const fn has(self, kind: Kind) -> bool {
        match self {
            Self::All => true,
            Self::Sealed => !matches!(kind, Kind::Realized),
            Self::Realized => matches!(kind, Kind::Realized),
        }
    }
}

/// An alert that is open.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Open {
    #[n(0)]
    id: String,
    #[n(1)]
    sequence: u64,
    #[n(2)]
    since: Option<String>,
    #[n(3)]
    critical: bool,
    /// Good windows in a row.
    #[n(4)]
    good: u32,
    /// Kind and column that decided last.
    #[n(5)]
    decided_by: String,
    /// The last event that was not a resolution, as JSON: what a resolution refers to.
    #[n(6)]
    last: String,
    /// The bad windows that it rests on, the newest of them.
    #[n(7)]
    bad: Vec<u64>,
}

/// So many bad windows of an alert are known by their index.
const KNOWN: usize = 64;

impl Lifecycle {
    /// How bad the alert is that is open, if one is.
    pub fn severity(&self) -> Option<Severity> {
        let open = self.open.as_ref()?;
        Some(if open.critical { Severity::Critical } else { Severity::Warning })
    }
}

impl Open {
    /// Notes whether a window is bad.
    fn rest_on(&mut self, window: u64, bad: bool) {
        match self.bad.binary_search(&window) {
            Ok(at) if !bad => {
                self.bad.remove(at);
            }
            Err(at) if bad => {
                self.bad.insert(at, window);
                let surplus = self.bad.len().saturating_sub(KNOWN);
                self.bad.drain(..surplus);
            }
            _ => {}
        }
    }
}

impl Policy {
    /// What a breach of this kind is worth.
    pub const fn level(&self, kind: Kind) -> Level {
        match kind {
            Kind::Estimated | Kind::Realized => self.performance,
            Kind::Quality => self.quality,
            Kind::Drift => self.drift,
            Kind::Summary | Kind::Diagnosis => Level::Off,
        }
    }

    /// The figure of a result that alerts, if any: the most severe, performance before quality before drift, then the
    /// one furthest beyond its threshold.
    ///
    /// Where realized performance was weighed to stand for all rows, that decides, and not the value of those rows
    /// whose targets happen to have come.
    pub fn deciding<'r>(&self, result: &'r WindowResult) -> Option<(Severity, &'r Figure)> {
        self.deciding_in(Scope::All, result)
    }

    fn deciding_in<'r>(
        &self,
        scope: Scope,
        result: &'r WindowResult,
    ) -> Option<(Severity, &'r Figure)> {
        let order = |kind| match kind {
            Kind::Realized => 0,
            Kind::Estimated => 1,
            Kind::Quality => 2,
            _ => 3,
        };
        let mut found: Vec<(Severity, &Figure)> = result
            .figures
            .iter()
            .filter(|figure| figure.breach == Some(true) && scope.has(figure.kind))
            .filter(|figure| weighs(figure, result.window_rows) && stands(result, figure))
            .filter_map(|figure| Some((self.level(figure.kind).severity()?, figure)))
            .collect();
        // Stable, so figures at the same distance keep the order in which they are published.
        found.sort_by(|(a, left), (b, right)| {
            b.cmp(a)
                .then(order(left.kind).cmp(&order(right.kind)))
                .then(beyond(right).total_cmp(&beyond(left)))
        });
        found.first().copied()
    }

    /// Takes the next result of a model version, or another revision of one; what follows from it, if anything. Segments
    /// alert nobody by themselves: they are evidence of where the whole is not well.
    pub fn step(
        &self,
        life: &mut Lifecycle,
        scope: Scope,
        result: &WindowResult,
        segments: &[WindowResult],
    ) -> Option<AlertEvent> {
        let alerts = |figure: &Figure| {
            scope.has(figure.kind) && self.level(figure.kind).severity().is_some()
        };
        let judged = result.figures.iter().any(|figure| alerts(figure) && figure.breach.is_some());
        let window = result.window_index;
        if !judged || window < life.from {
            return None;
        }
        let deciding = self.deciding_in(scope, result);
        let bad = deciding.is_some();
        match life.recent.iter_mut().find(|(_, _, index)| *index == window) {
            // The same again, a little more certain.
            Some((before, _, _)) if *before == bad && !bad => return None,
            Some((before, _, _)) => *before = bad,
            None => {
                let later = life.recent.partition_point(|&(_, _, index)| index < window);
                life.recent.insert(later, (bad, result.window_start.clone(), window));
                let surplus = life.recent.len().saturating_sub(self.open_of.max(1) as usize);
                if later < surplus {
                    life.recent.remove(later);
                    return None;
                }
                life.recent.drain(..surplus);
            }
        }
        match (life.open.as_mut(), deciding) {
            (None, Some((severity, figure))) => {
                let bad = life.recent.iter().filter(|(bad, _, _)| *bad);
                if (bad.clone().count() as u32) < self.open_after {
                    return None;
                }
                let windows = bad.clone().map(|(.., window)| *window).collect();
                let since = bad.map(|(_, start, _)| start.clone()).next().flatten();
                let version = &result.version;
                let (epoch, window) = (result.epoch, result.window_index);
                let mut id = format!("{}/{version}/{epoch}/{window}", result.model);
                if scope == Scope::Realized {
                    id += "/realized";
                }
                let worst = self.worst_segments(scope, segments);
                let event = self.event(result, &id, 0, Event::Opened, severity, since, figure);
                let event = event.with_segments(worst);
                life.open = Some(Open {
                    id,
                    sequence: 0,
                    since: event.since.clone(),
                    critical: severity == Severity::Critical,
                    good: 0,
                    decided_by: decided_by(figure),
                    last: serde_json::to_string(&event).unwrap_or_default(),
                    bad: windows,
                });
                Some(event)
            }
            (Some(open), Some((severity, figure))) => {
                open.good = 0;
                open.rest_on(window, true);
                let critical = severity == Severity::Critical;
                let by = decided_by(figure);
                if open.critical == critical && open.decided_by == by {
                    return None;
                }
                open.critical = critical;
                open.decided_by = by;
                open.sequence += 1;
                let (id, since) = (open.id.clone(), open.since.clone());
                let event =
                    self.event(result, &id, open.sequence, Event::Updated, severity, since, figure);
                let event = event.with_segments(self.worst_segments(scope, segments));
                open.last = serde_json::to_string(&event).unwrap_or_default();
                Some(event)
            }
            (Some(open), None) => {
                open.rest_on(window, false);
                open.good += 1;
                if open.good < self.resolve_after {
                    return None;
                }
                life.recent.clear();
                life.from = window + 1;
                life.resolve(Resolution::Recovered, result)
            }
            (None, None) => None,
        }
    }

    /// Takes the result of a window that a person left out, or put other rows in the place of; what follows from it, if
    /// anything: an alert that rests on too few windows without it is over.
    pub fn amend(
        &self,
        life: &mut Lifecycle,
        scope: Scope,
        result: &WindowResult,
        segments: &[WindowResult],
    ) -> Option<AlertEvent> {
        if self.deciding_in(scope, result).is_some() {
            return self.step(life, scope, result, segments);
        }
        let window = result.window_index;
        life.recent.retain(|(.., index)| *index != window);
        let open = life.open.as_mut()?;
        let before = open.bad.len();
        open.rest_on(window, false);
        let left = open.bad.len();
        if left == before || left as u32 >= self.open_after.max(1) {
            return None;
        }
        let resolution = match result.revision_cause {
            Some(RevisionCause::Excluded) => Resolution::Excluded,
            _ => Resolution::Restated,
        };
        life.resolve(resolution, result)
    }

    #[expect(clippy::too_many_arguments, reason = "all parts of one record")]
    fn event(
        &self,
        result: &WindowResult,
        id: &str,
        sequence: u64,
        event: Event,
        severity: Severity,
        since: Option<String>,
        figure: &Figure,
    ) -> AlertEvent {
        let evidence = self.evidence(result, figure);
        let currency = self.currency.clone().filter(|_| figure.metric == Metric::BusinessValue);
        AlertEvent {
            schema: SCHEMA,
            engine: result.engine.clone(),
            id: id.to_owned(),
            sequence,
            event,
            resolution: None,
            model: result.model.clone(),
            version: result.version.clone(),
            severity,
            since,
            window: result.window_index,
            kind: figure.kind,
            metric: figure.metric.clone(),
            column_name: figure.column_name.clone(),
            segment: result.segment.clone(),
            value: figure.value,
            sampling_error: figure.sampling_error,
            lower_threshold: figure.lower_threshold,
            upper_threshold: figure.upper_threshold,
            summary: summary(result, figure, &evidence, self.currency.as_deref()),
            currency,
            action: action(figure, &evidence),
            evidence,
            result: result.id.clone(),
            profile: result.profile.clone(),
            settings: result.settings.clone(),
        }
    }

    /// At most five segments that are not well, the furthest out first.
    fn worst_segments(&self, scope: Scope, segments: &[WindowResult]) -> Vec<SegmentFigure> {
        let deciding = |result: &WindowResult| {
            let (severity, figure) = self.deciding_in(scope, result)?;
            let (segment, rows) = (result.segment.clone(), result.window_rows);
            Some((severity, SegmentFigure { segment, rows, figure: figure.clone() }))
        };
        let mut worst: Vec<_> = segments.iter().filter_map(deciding).collect();
        worst.sort_by(|(a, left), (b, right)| {
            b.cmp(a).then(beyond(&right.figure).total_cmp(&beyond(&left.figure)))
        });
        worst.truncate(5);
        worst.into_iter().map(|(_, figure)| figure).collect()
    }

    /// At most five figures of each kind beside the one that decided.
    fn evidence(&self, result: &WindowResult, deciding: &Figure) -> Evidence {
        let ranks = Ranks::of(result, deciding);
        let of = |kinds: &[Kind]| {
            let mut found: Vec<Figure> = result
                .figures
                .iter()
                .filter(|figure| kinds.contains(&figure.kind) && figure.breach == Some(true))
                .filter(|figure| self.level(figure.kind) != Level::Off && *figure != deciding)
                .cloned()
                .collect();
            let place = |figure: &Figure| match figure.kind {
                Kind::Drift => ranks.place(figure),
                _ => (0, 0),
            };
            found.sort_by(|left, right| {
                place(left).cmp(&place(right)).then(beyond(right).total_cmp(&beyond(left)))
            });
            found.truncate(5);
            found
        };
        Evidence {
            performance: of(&[Kind::Realized, Kind::Estimated]),
            drift: of(&[Kind::Drift]),
            quality: of(&[Kind::Quality]),
            segments: Vec::new(),
        }
    }
}

impl AlertEvent {
    /// With the segments that are not well in its evidence, and the worst of them in its sentence.
    fn with_segments(mut self, segments: Vec<SegmentFigure>) -> Self {
        if let Some(worst) = segments.first() {
            self.summary =
                format!("{}; {}", self.summary, of_segment(worst, self.currency.as_deref()));
        }
        self.evidence.segments = segments;
        self
    }
}

impl Lifecycle {
    /// The severity of the alert that is open.
    pub fn open(&self) -> Option<Severity> {
        let open = self.open.as_ref()?;
        Some(if open.critical { Severity::Critical } else { Severity::Warning })
    }
}

impl Lifecycle {
    fn resolve(&mut self, resolution: Resolution, result: &WindowResult) -> Option<AlertEvent> {
        let open = self.open.take()?;
        let last: Option<AlertEvent> = serde_json::from_str(&open.last).ok();
        Some(resolved(last?, open.sequence + 1, resolution, result))
    }
}

/// Whether a figure stands for its window: while targets are missing, that of the rows that have one gives way to the one
/// that is weighed to stand for all rows.
fn stands(result: &WindowResult, figure: &Figure) -> bool {
    // With all targets it is the same value; what it stands for is the window, so it has no error.
    let partial = result.coverage.is_some_and(|coverage| coverage < 1.0);
    let weighed = || {
        result.figures.iter().any(|other| {
            other.method == Some(Method::PostStratified)
                && other.kind == Kind::Realized
                && other.metric == figure.metric
                && other.value.is_some()
        })
    };
    figure.method != Some(Method::Labelled) || !partial || !weighed()
}

fn resolved(
    last: AlertEvent,
    sequence: u64,
    resolution: Resolution,
    result: &WindowResult,
) -> AlertEvent {
    let figure = result.figures.iter().find(|figure| {
        (figure.kind, &figure.metric, &figure.column_name)
            == (last.kind, &last.metric, &last.column_name)
            && stands(result, figure)
    });
    AlertEvent {
        engine: result.engine.clone(),
        sequence,
        event: Event::Resolved,
        resolution: Some(resolution),
        window: result.window_index,
        value: figure.and_then(|figure| figure.value),
        sampling_error: figure.and_then(|figure| figure.sampling_error),
        lower_threshold: figure.and_then(|figure| figure.lower_threshold),
        upper_threshold: figure.and_then(|figure| figure.upper_threshold),
        summary: match (figure, &result.reason) {
            (_, Some(reason)) if resolution == Resolution::Excluded => {
                format!("window {} was left out: {reason}", result.window_index)
            }
            (Some(figure), _) => {
                summary(result, figure, &Evidence::default(), last.currency.as_deref())
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

/// What an alert is about: another metric of the same performance, or of the same column, is no news.
fn decided_by(figure: &Figure) -> String {
    let column = figure.column_name.as_deref().unwrap_or_default();
    format!("{}/{column}", figure.kind)
}

/// How far a value lies beyond its threshold: rates in themselves, all else as a share of the threshold.
pub fn beyond(figure: &Figure) -> f64 {
    let Some(value) = figure.value else { return 0.0 };
    let distance = |limit: f64, distance: f64| match figure.kind {
        Kind::Quality => distance,
        _ => distance / limit.abs().max(f64::MIN_POSITIVE),
    };
    let below = figure.lower_threshold.map_or(0.0, |limit| distance(limit, limit - value));
    let above = figure.upper_threshold.map_or(0.0, |limit| distance(limit, value - limit));
    below.max(above)
}

fn action(figure: &Figure, evidence: &Evidence) -> Action {
    match figure.kind {
        _ if figure.kind == Kind::Quality || !evidence.quality.is_empty() => {
            Action::InvestigateUpstream
        }
        Kind::Realized => Action::Retrain,
        Kind::Estimated => Action::Confirm,
        _ => Action::Wait,
    }
}
