//! Where a model version stands, in a word and in a sentence.

use serde::Serialize;

use crate::alert::{Event, Severity, beyond, describe, weighs};
use crate::history::series::Series;
use crate::history::table::{Head, Table};
use crate::history::version::Version;
use crate::metric::{Kind, Metric};
use crate::window::{Figure, Status, utc};

/// Where a model version stands, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A critical alert is open.
    Degraded,
    /// No window has come for too long.
    Silent,
    /// An alert of lesser severity is open, or something is outside its thresholds.
    Watch,
    /// Nothing could be judged.
    Unknown,
    /// All is as it should be.
    Well,
}

impl State {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Degraded => "degraded",
            Self::Silent => "silent",
            Self::Watch => "watch",
            Self::Unknown => "unknown",
            Self::Well => "well",
        }
    }
}

/// What a window says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// There was too little to judge, or it was left out.
    Unjudged,
    /// No profile serves it.
    NoProfile,
    /// Everything is within its thresholds.
    Good,
    /// Something is outside of them.
    Breach,
}

/// Whether figures of that kind are evidence.
const fn counts(kind: Kind) -> bool {
    matches!(kind, Kind::Estimated | Kind::Realized | Kind::Drift | Kind::Quality)
}

/// Whether a figure of a window is a breach that is more than chance would bring.
fn is_breach(series: &Series, place: usize, rows: u64) -> bool {
    if series.breach(place) != Some(true) {
        return false;
    }
    let (value, upper_threshold) = (series.value.get(place), series.upper_threshold.get(place));
    let bare = Figure::bare(series.key.kind, Metric::Rows);
    weighs(&Figure { value, upper_threshold, ..bare }, rows)
}

impl Class {
    /// What the figures of a window say.
    pub(super) fn of(table: &Table, place: usize) -> Self {
        let Some(head) = table.heads.get(place) else { return Self::Unjudged };
        let mut class = Self::Unjudged;
        for series in &table.all.series {
            match series.status(place) {
                None => continue,
                Some(Status::NoProfile) => return Self::NoProfile,
                Some(_) => {}
            }
            if !counts(series.key.kind) || series.breach(place).is_none() {
                continue;
            }
            if is_breach(series, place, head.rows) {
                return Self::Breach;
            }
            class = Self::Good;
        }
        class
    }
}

/// Where a model version stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    pub(super) state: State,
    /// RFC 3339.
    pub(super) since: Option<String>,
    pub(super) verdict: String,
}

impl Version {
    /// Where it stands at a time in microseconds since 1970; `retired` where another version has had a window since.
    pub(super) fn standing(&self, now: i64, retired: bool) -> Standing {
        let open = self.open_alerts();
        let heads = &self.analysis.heads[self.analysis.shown()..];
        if let Some(alert) = open.first().filter(|alert| alert.severity == Severity::Critical) {
            let (since, verdict) = (alert.since.clone(), self.alarmed(&alert.summary));
            return Standing { state: State::Degraded, since, verdict };
        }
        if let Some(standing) = heads.last().and_then(|head| self.silent(head, now, retired)) {
            return standing;
        }
        if let Some(alert) = open.first() {
            let (since, verdict) = (alert.since.clone(), self.alarmed(&alert.summary));
            return Standing { state: State::Watch, since, verdict };
        }
        // The newest that was judged; a window that no profile serves says that there is nothing to judge by.
        let told = heads.iter().rposition(|head| head.class != Class::Unjudged);
        let Some(newest) = told.filter(|&at| heads[at].class != Class::NoProfile) else {
            let since = run(heads, told, |class| !matches!(class, Class::Good | Class::Breach));
            let verdict = self.unjudged(heads);
            return Standing { state: State::Unknown, since: since.map(utc), verdict };
        };
        let place = self.analysis.shown() + newest;
        let class = heads[newest].class;
        let since = run(heads, Some(newest), |of| of == class || of == Class::Unjudged);
        if class == Class::Breach {
            let (since, verdict) = (since.map(utc), self.evidence(place));
            return Standing { state: State::Watch, since, verdict };
        }
        // While an alert is open it is not well, however good its last windows are.
        let resolved = self.events.values().filter(|event| event.event == Event::Resolved);
        let resolved = resolved.filter_map(|event| {
            let head = &self.analysis.heads[self.analysis.place(event.window?)?];
            head.start
        });
        let since = since.max(resolved.max()).map(utc);
        Standing { state: State::Well, since, verdict: sentence(&self.within(place)) }
    }

    fn silent(&self, newest: &Head, now: i64, retired: bool) -> Option<Standing> {
        let after = self.about.as_ref()?.silent_after?;
        let heard = newest.heard?;
        if retired || now.saturating_sub(heard) <= after {
            return None;
        }
        let since = utc(heard);
        let minutes = after / 60_000_000;
        let verdict = format!(
            "No window has come since {since}, and one is due every {}: is anybody predicting?",
            match minutes {
                0 => format!("{} seconds", after / 1_000_000),
                1..120 => format!("{minutes} minutes"),
                _ => format!("{} hours", minutes / 60),
            }
        );
        Some(Standing { state: State::Silent, since: Some(since), verdict })
    }

    /// The words of an alert, and whether there are targets.
    fn alarmed(&self, summary: &str) -> String {
        sentence(&format!("{summary}{}", self.targets()))
    }

    /// That there are no targets, where it is so.
    fn targets(&self) -> &'static str {
        let heads = self.analysis.shown()..self.analysis.heads.len();
        let performs = self.primary().is_some();
        let any = heads.into_iter().any(|place| {
            self.analysis.heads[place].coverage.is_some_and(|coverage| coverage > 0.0)
        });
        if performs && !any { "; no targets yet" } else { "" }
    }

    /// Performance of a window against its thresholds, estimated and realized.
    fn within(&self, place: usize) -> String {
        let currencies = self.currencies();
        let mut parts = Vec::new();
        parts.extend(self.estimated(place).map(|figure| describe(&figure, currencies)));
        // What was realized last is of an earlier window: it comes late.
        let first = self.analysis.shown();
        let realized = (first..=place).rev().find_map(|place| {
            let figure = self.realized(place).filter(|figure| figure.value.is_some())?;
            Some((place, figure))
        });
        if let Some((of, figure)) = realized {
            let head = &self.analysis.heads[of];
            let coverage =
                head.coverage.filter(|&share| share < 1.0).map_or_else(String::new, |share| {
                    format!(" by {:.0} % of the targets", share * 100.0)
                });
            let window =
                if of == place { String::new() } else { format!(" in window {}", head.index) };
            parts.push(format!("{}{window}{coverage}", describe(&figure, currencies)));
        }
        if parts.is_empty() {
            return "everything that was measured is within its thresholds".to_owned();
        }
        format!("{}{}", parts.join("; "), self.targets())
    }

    /// Performance, and what is outside its thresholds beside it: at most three.
    fn evidence(&self, place: usize) -> String {
        let rows = self.analysis.heads.get(place).map_or(0, |head| head.rows);
        let breaches = self
            .analysis
            .all
            .series
            .iter()
            .filter(|series| counts(series.key.kind) && is_breach(series, place, rows));
        let mut breaches: Vec<Figure> =
            breaches.filter_map(|series| series.figure(place)).collect();
        let order = |figure: &Figure| match figure.kind {
            Kind::Realized => 0,
            Kind::Estimated => 1,
            Kind::Quality => 2,
            _ => 3,
        };
        breaches.sort_by(|a, b| {
            let by_name = || (&a.column_name, &a.metric).cmp(&(&b.column_name, &b.metric));
            order(a).cmp(&order(b)).then(beyond(b).total_cmp(&beyond(a))).then_with(by_name)
        });
        let more = breaches.len().saturating_sub(3);
        let mut parts: Vec<String> = Vec::new();
        let performs = |kind: Kind| matches!(kind, Kind::Estimated | Kind::Realized);
        if !breaches.first().is_some_and(|figure| performs(figure.kind)) && self.primary().is_some()
        {
            parts.push(self.within(place));
        }
        parts.extend(breaches.iter().take(3).map(|figure| describe(figure, self.currencies())));
        if more > 0 {
            parts.push(format!("{more} more are outside their thresholds"));
        }
        sentence(&parts.join("; "))
    }

    /// Why nothing is judged.
    fn unjudged(&self, heads: &[Head]) -> String {
        let Some(newest) = heads.last() else {
            return "No window has been sealed yet".to_owned();
        };
        if newest.class == Class::NoProfile {
            return "Cannot judge: no profile serves this version; build one with `vigie profile build`, and put it in \
                    force with `vigie apply`"
                .to_owned();
        }
        if heads.iter().all(Head::is_excluded) {
            return "Cannot judge: every window was left out".to_owned();
        }
        let place = self.analysis.heads.len() - 1;
        let few = self
            .analysis
            .all
            .series
            .iter()
            .any(|series| series.status(place) == Some(Status::TooFew));
        let most = heads.iter().map(|head| head.rows).max().unwrap_or(0);
        if few {
            return format!(
                "Cannot judge: the largest window has {most} rows, fewer than `window.min_rows`"
            );
        }
        "Cannot judge: no figure has a value and thresholds".to_owned()
    }
}

/// Since when windows up to one have all been of a kind: the start of the first of them.
fn run(heads: &[Head], newest: Option<usize>, is: impl Fn(Class) -> bool) -> Option<i64> {
    let newest = newest.or(heads.len().checked_sub(1))?;
    let run = heads[..=newest].iter().rev().take_while(|head| is(head.class));
    run.last()?.start
}

/// With a great letter first, where that is not the name of a column.
fn sentence(words: &str) -> String {
    const BEGINNINGS: [&str; 4] = ["estimated ", "realized ", "the features ", "everything "];
    let mut chars = words.chars();
    match chars.next() {
        Some(first) if BEGINNINGS.iter().any(|beginning| words.starts_with(beginning)) => {
            first.to_uppercase().chain(chars).collect()
        }
        _ => words.to_owned(),
    }
}
