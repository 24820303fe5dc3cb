//! Which figures alert, and how bad that is.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::distance::{Distance, discovered};
use crate::alert::event::Severity;
use crate::metric::{Currencies, Kind, Metric};
use crate::window::{Figure, Method, WindowResult};

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
/// A window is bad when a figure of a kind that alerts lies beyond its threshold by more than the margin, and is no chance
/// among many; it is good when none does, and what the alert is about lies inside by the margin. What is neither changes
/// nothing, and so does a window of which there was too little to judge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Estimated and realized performance.
    pub performance: Level,
    /// Missing, unseen and out-of-range values.
    pub quality: Level,
    /// Distance of the data from the reference.
    pub drift: Level,
    /// What explains performance: slices, what has drifted by how much.
    pub diagnosis: Level,
    /// Windows that warn before they are sealed.
    pub early: Level,
    /// Opens when this many of the last windows are bad...
    pub open_after: u32,
    /// ...of this many.
    pub open_of: u32,
    /// Opens at once where a figure lies so many sampling errors beyond its threshold.
    pub at_once: Option<f64>,
    /// Resolves after this many good windows in a row.
    pub resolve_after: u32,
    /// How far outside is bad, and how far inside is good: in sampling errors.
    pub margin: f64,
    /// How long after one is over no other opens.
    pub cooldown: Cooldown,
    /// A window with fewer rows changes nothing.
    pub min_rows: u64,
    /// Realized performance with a lower share of targets changes nothing.
    pub min_coverage: f64,
    /// Of the faults of the data and the drifts that alert at most this share may be chance; `None`: each is looked at as
    /// if it were alone.
    pub false_discovery: Option<f64>,
    /// From where on what may be critical is; `None`: always.
    pub critical_above: Option<CriticalAbove>,
    /// A version is retired once newer ones have sealed so many windows and it none; 0: never.
    pub superseded_after: u32,
    /// When silence is an alert.
    pub silence: Option<Quiet>,
    /// What money is counted in.
    pub currencies: Currencies,
}

/// How long after an alert is over no other opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cooldown {
    /// So many windows.
    Windows(u32),
    /// So many milliseconds of event time.
    Time(u64),
}

/// From where on an alert is critical.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriticalAbove {
    /// So many sampling errors beyond the threshold.
    Errors(f64),
    /// So much business value below its threshold.
    Money(f64),
}

/// When silence is an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// So long without an event of the model, in milliseconds of the log's time.
    pub after: u64,
    /// How bad that is.
    pub severity: Severity,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            performance: Level::Critical,
            quality: Level::Critical,
            drift: Level::Evidence,
            diagnosis: Level::Off,
            early: Level::Warning,
            open_after: 2,
            open_of: 3,
            at_once: Some(5.0),
            resolve_after: 2,
            margin: 1.0,
            cooldown: Cooldown::Windows(0),
            min_rows: 0,
            min_coverage: 0.0,
            false_discovery: Some(0.05),
            critical_above: None,
            superseded_after: 3,
            silence: None,
            currencies: Currencies::default(),
        }
    }
}

/// Whether a breach counts. Faults of the data: where their share, less three of its binomial standard errors, is still
/// above the threshold; that there are fewer than expected is no fault.
pub fn weighs(figure: &Figure, rows: u64) -> bool {
    figure.kind != Kind::Quality
        || figure.value.is_none()
        || Distance::of(figure, rows).is_some_and(|found| found.beyond > 0.0)
}

/// Which figures of a result are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// All.
    All,
    /// Those that are final when a window is sealed: realized performance is judged apart, since it comes later.
    Sealed,
    /// Realized performance, and what explains it.
    Realized,
}

impl Scope {
    pub(super) fn has(self, figure: &Figure) -> bool {
        match self {
            Self::All => true,
            Self::Sealed => !rests_on_targets(figure),
            Self::Realized => rests_on_targets(figure),
        }
    }
}

/// Whether a figure changes as targets come.
fn rests_on_targets(figure: &Figure) -> bool {
    match figure.kind {
        Kind::Realized => true,
        Kind::Diagnosis => figure.metric.metric().rests_on_targets(),
        _ => false,
    }
}

/// A figure that makes a window bad.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bad<'r> {
    pub(super) severity: Severity,
    pub(super) figure: &'r Figure,
    /// Beyond its threshold, in sampling errors.
    pub(super) beyond: f64,
}

/// What a policy says of a result, and of those of its segments.
#[derive(Debug)]
pub(super) struct Judged<'p> {
    policy: &'p Policy,
    scope: Scope,
    /// The greatest p-value of a fault or a drift that is no chance among so many.
    chance: f64,
    /// Whether so little business value came that it is critical.
    dear: bool,
}

impl Policy {
    /// What a breach of this kind is worth.
    pub const fn level(&self, kind: Kind) -> Level {
        match kind {
            Kind::Estimated | Kind::Realized => self.performance,
            Kind::Quality => self.quality,
            Kind::Drift => self.drift,
            Kind::Diagnosis => self.diagnosis,
            Kind::Summary => Level::Off,
        }
    }

    /// The figure of a result that is outside its thresholds and of a kind that alerts, if any: the most severe,
    /// performance before quality before drift, then the one furthest beyond its threshold. Of one window alone: whether an
    /// alert opens is another question.
    ///
    /// Where realized performance was weighed to stand for all rows, that decides, and not the value of those rows
    /// whose targets happen to have come. Faults of the data count where there is more of them than chance would bring.
    pub fn deciding<'r>(&self, result: &'r WindowResult) -> Option<(Severity, &'r Figure)> {
        let rows = result.window_rows;
        let out = |figure: &&Figure| {
            figure.breach == Some(true) && weighs(figure, rows) && stands(result, figure)
        };
        let found = result.figures.iter().filter(out).filter_map(|figure| {
            Some(Bad { severity: self.level(figure.kind).severity()?, figure, beyond: 0.0 })
        });
        let worst = worst_first(found.collect()).into_iter().next()?;
        Some((worst.severity, worst.figure))
    }

    /// How far a figure of a result lies beyond its threshold, in sampling errors.
    pub(super) fn distance(result: &WindowResult, figure: &Figure) -> Option<f64> {
        Some(distance(result, figure)?.beyond)
    }

    /// Looks at a result and at those of its segments together.
    pub(super) fn judge(
        &self,
        scope: Scope,
        result: &WindowResult,
        segments: &[WindowResult],
    ) -> Judged<'_> {
        let tests = |result: &WindowResult| {
            let figures = result.figures.iter().filter(|figure| {
                matches!(figure.kind, Kind::Quality | Kind::Drift)
                    && scope.has(figure)
                    && figure.breach.is_some()
                    && self.level(figure.kind).severity().is_some()
            });
            let found = figures.filter_map(|figure| Distance::of(figure, result.window_rows));
            found.map(|found| found.p_value).collect::<Vec<_>>()
        };
        let chance = self.false_discovery.map_or(1.0, |share| {
            let all = [result].into_iter().chain(segments).flat_map(tests).collect();
            discovered(all, share)
        });
        Judged { policy: self, scope, chance, dear: self.is_dear(result) }
    }

    /// Whether what is lost is more than what is critical.
    fn is_dear(&self, result: &WindowResult) -> bool {
        let Some(CriticalAbove::Money(most)) = self.critical_above else { return false };
        result.figures.iter().any(|figure| {
            let lost = figure.lower_threshold.zip(figure.value).map(|(limit, value)| limit - value);
            figure.metric == Metric::BusinessValue
                && matches!(figure.kind, Kind::Estimated | Kind::Realized)
                && figure.breach == Some(true)
                && stands(result, figure)
                && lost.is_some_and(|lost| lost >= most)
        })
    }
}

impl Judged<'_> {
    /// Whether a figure of the result is one that this looks at: of a kind that alerts, and judged.
    fn looks_at(&self, result: &WindowResult, figure: &Figure) -> bool {
        let covered = !rests_on_targets(figure)
            || result.coverage.is_none_or(|coverage| coverage >= self.policy.min_coverage);
        self.scope.has(figure)
            && figure.breach.is_some()
            && self.policy.level(figure.kind).severity().is_some()
            && result.window_rows >= self.policy.min_rows
            && covered
    }

    /// Whether there was enough to judge by.
    pub(super) fn is_judged(&self, result: &WindowResult) -> bool {
        result.figures.iter().any(|figure| self.looks_at(result, figure))
    }

    /// What makes a result bad, the worst first.
    pub(super) fn bad<'r>(&self, result: &'r WindowResult) -> Vec<Bad<'r>> {
        let found = result.figures.iter().filter(|figure| {
            self.looks_at(result, figure) && figure.breach == Some(true) && stands(result, figure)
        });
        let found = found.filter_map(|figure| {
            let found = distance(result, figure)?;
            let many = matches!(figure.kind, Kind::Quality | Kind::Drift);
            let is_bad =
                found.beyond > self.policy.margin && (!many || found.p_value <= self.chance);
            let severity = self.severity(figure.kind, found.beyond)?;
            is_bad.then_some(Bad { severity, figure, beyond: found.beyond })
        });
        worst_first(found.collect())
    }

    /// Whether all figures that an alert is about lie inside their thresholds by the margin.
    pub(super) fn is_well(
        &self,
        result: &WindowResult,
        is_about: impl Fn(&Figure) -> bool,
    ) -> bool {
        let figures = result.figures.iter().filter(|figure| {
            self.looks_at(result, figure) && stands(result, figure) && is_about(figure)
        });
        let mut found = figures.filter_map(|figure| distance(result, figure));
        found.all(|found| found.is_inside_by(self.policy.margin))
    }

    fn severity(&self, kind: Kind, beyond: f64) -> Option<Severity> {
        let severity = self.policy.level(kind).severity()?;
        let is_critical = match self.policy.critical_above {
            None => true,
            Some(CriticalAbove::Errors(most)) => beyond >= most,
            Some(CriticalAbove::Money(_)) => self.dear,
        };
        Some(if is_critical { severity } else { Severity::Warning })
    }
}

/// The most severe first, performance before quality before drift before what explains them, then the furthest beyond
/// their thresholds.
fn worst_first(mut found: Vec<Bad<'_>>) -> Vec<Bad<'_>> {
    let order = |kind| match kind {
        Kind::Realized => 0,
        Kind::Estimated => 1,
        Kind::Quality => 2,
        Kind::Drift => 3,
        Kind::Diagnosis | Kind::Summary => 4,
    };
    // Stable, so figures at the same distance keep the order in which they are published.
    found.sort_by(|left, right| {
        right
            .severity
            .cmp(&left.severity)
            .then(order(left.figure.kind).cmp(&order(right.figure.kind)))
            .then(by_share(left.figure, right.figure))
    });
    found
}

/// Orders figures: the one further beyond its threshold first.
pub(super) fn by_share(left: &Figure, right: &Figure) -> Ordering {
    beyond(right).total_cmp(&beyond(left))
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

/// How far a figure lies beyond its threshold.
///
/// The error of a value that is weighed to stand for all rows says how far it may be from the window's own with all targets.
/// A window's own value strays, too, and thresholds are of that; so while targets are missing it is farther from them by
/// chance, as far as that of the rows with a target is. Without that, half of the targets alerted where all of them did not.
fn distance(result: &WindowResult, figure: &Figure) -> Option<Distance> {
    let labelled = |other: &&Figure| {
        other.method == Some(Method::Labelled)
            && other.kind == figure.kind
            && other.metric == figure.metric
    };
    let is_weighed = figure.method == Some(Method::PostStratified);
    let found = is_weighed.then(|| result.figures.iter().find(labelled)).flatten();
    let both = found.and_then(|other| other.sampling_error).zip(figure.sampling_error);
    let Some((by_chance, missing)) = both else {
        return Distance::of(figure, result.window_rows);
    };
    let sampling_error = Some(by_chance.max(missing));
    Distance::of(&Figure { sampling_error, ..figure.clone() }, result.window_rows)
}

/// Whether a figure stands for its window: while targets are missing, that of the rows that have one gives way to the one
/// that is weighed to stand for all rows.
pub(super) fn stands(result: &WindowResult, figure: &Figure) -> bool {
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
