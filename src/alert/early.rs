//! Warnings of a window that cannot be judged yet: it is still open, or its targets are still to come.

use std::collections::BTreeMap;
use std::mem;

use minicbor::{Decode, Encode};

use crate::alert::event::{
    Action, AlertEvent, Event, Evidence, Resolution, SCHEMA, Severity, Subject,
};
use crate::alert::policy::{Policy, beyond, stands, weighs};
use crate::alert::watch::Published;
use crate::alert::words::describe;
use crate::metric::{Currencies, Kind, Metric};
use crate::window::{ALL, ENGINE, Figure, RevisionCause};

/// A window that warns.
#[derive(Clone, Debug)]
pub struct Warning<'w> {
    /// Which.
    pub place: Place<'w>,
    /// The figure by which it warns.
    pub figure: &'w Figure,
    /// How many rows it has so far; of targets, how many have come.
    pub rows: u64,
    /// When it began; `None` without timestamps.
    pub since: Option<String>,
    /// Its index, where it is sealed.
    pub window: Option<u64>,
    /// Hash of the profile.
    pub profile: &'w str,
    /// Hash of the model's settings.
    pub settings: &'w str,
    /// RFC 3339 in UTC; `None` where nobody asked for quiet, or it is over.
    pub muted_until: Option<&'w str>,
}

/// Which window warns, and of what: a window warns once of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'w> {
    /// The model.
    pub model: &'w str,
    /// Its version.
    pub version: &'w str,
    /// The epoch that last changed the model.
    pub epoch: u64,
    /// By period: its start in microseconds since 1970 UTC. By size: how many were before it.
    pub start: i64,
    /// Whether by targets, and not by rows.
    pub targets: bool,
}

impl Place<'_> {
    /// The id of its warning.
    fn id(&self) -> String {
        let Self { model, version, epoch, start, targets } = self;
        let of = if *targets { "early-targets" } else { "early" };
        format!("{model}/{version}/{epoch}/{of}/{start}")
    }
}

/// The warnings of a model version that nothing has confirmed or taken back yet, by id.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct Warnings {
    #[n(0)]
    open: BTreeMap<String, Open>,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct Open {
    #[n(0)]
    sequence: u64,
    #[n(1)]
    critical: bool,
    /// The last event, as JSON.
    #[n(2)]
    last: String,
    #[n(3)]
    acknowledged: bool,
}

impl Open {
    /// What is said last of it, if anything was said.
    fn last(&self) -> Option<AlertEvent> {
        serde_json::from_str(&self.last).ok()
    }
}

impl Warnings {
    /// How bad the worst is that is open.
    pub(super) fn severity(&self) -> Option<Severity> {
        let of = |open: &Open| if open.critical { Severity::Critical } else { Severity::Warning };
        self.open.values().map(of).max()
    }

    /// Takes a window that warns.
    pub(super) fn warn(&mut self, policy: &Policy, warning: &Warning<'_>) -> Option<AlertEvent> {
        let (severity, id) = (policy.early.severity()?, warning.place.id());
        if self.open.contains_key(&id) {
            return None;
        }
        let (Place { model, version, .. }, figure) = (warning.place, warning.figure);
        let event = AlertEvent {
            schema: SCHEMA,
            engine: ENGINE.to_owned(),
            id: id.clone(),
            sequence: 0,
            event: Event::Opened,
            resolution: None,
            model: model.to_owned(),
            version: version.to_owned(),
            severity,
            since: warning.since.clone(),
            window: warning.window,
            kind: Subject::EarlyWarning,
            metric: Some(figure.metric.clone()),
            column_name: figure.column_name.clone(),
            segment: ALL.to_owned(),
            value: figure.value,
            currency: None,
            sampling_error: None,
            lower_threshold: None,
            upper_threshold: figure.upper_threshold,
            distance: None,
            acknowledged: None,
            muted_until: warning.muted_until.map(str::to_owned),
            summary: warning.summary(),
            evidence: Evidence::default(),
            action: Action::Wait,
            result: String::new(),
            profile: warning.profile.to_owned(),
            settings: warning.settings.to_owned(),
        };
        let last = serde_json::to_string(&event).unwrap_or_default();
        let critical = severity == Severity::Critical;
        self.open.insert(id, Open { sequence: 0, critical, last, acknowledged: false });
        Some(event)
    }

    /// Takes the result of the window of a warning: it confirms it or takes it back. While `more` may come of it, it only
    /// confirms, or is left out by a person.
    pub(super) fn settle(
        &mut self,
        place: &Place<'_>,
        seen: &Published<'_>,
        more: bool,
    ) -> Option<AlertEvent> {
        let id = place.id();
        let (result, last) = (seen.result, self.open.get(&id)?.last()?);
        let bears_out = |figure: &&Figure| {
            let of_its = match figure.kind {
                Kind::Realized => place.targets && stands(result, figure),
                Kind::Estimated => !place.targets,
                Kind::Drift | Kind::Quality => {
                    !place.targets
                        && figure.column_name.is_some()
                        && figure.column_name == last.column_name
                        && weighs(figure, result.window_rows)
                }
                Kind::Summary | Kind::Diagnosis => false,
            };
            of_its && figure.breach == Some(true)
        };
        let found = result.figures.iter().filter(bears_out);
        let found = found.max_by(|left, right| beyond(left).total_cmp(&beyond(right)));
        let window = result.window_index;
        let (resolution, summary) = match (result.revision_cause, found) {
            (Some(RevisionCause::Excluded), _) => {
                let reason = result.reason.as_deref().unwrap_or("a person left it out");
                (Resolution::Excluded, format!("window {window} was left out: {reason}"))
            }
            (Some(RevisionCause::Replaced), _) => {
                let summary = format!("other rows are in the place of those of window {window}");
                (Resolution::Restated, summary)
            }
            (_, Some(figure)) => {
                let by = describe(figure, &Currencies::none());
                (Resolution::Confirmed, format!("window {window} confirms the early warning: {by}"))
            }
            (_, None) if more => return None,
            (_, None) => {
                let what =
                    if place.targets { "what was realized of it" } else { "what it was warned of" };
                let summary = format!(
                    "window {window} takes the early warning back: {what} is not outside of its thresholds"
                );
                (Resolution::TakenBack, summary)
            }
        };
        let open = self.open.remove(&id)?;
        let same = |figure: &&Figure| {
            Some(&figure.metric) == last.metric.as_ref() && figure.column_name == last.column_name
        };
        let now = result.figures.iter().find(same);
        Some(AlertEvent {
            engine: result.engine.clone(),
            sequence: open.sequence + 1,
            event: Event::Resolved,
            resolution: Some(resolution),
            window: Some(window),
            value: now.and_then(|figure| figure.value),
            upper_threshold: now.and_then(|figure| figure.upper_threshold),
            muted_until: seen.muted_until.map(str::to_owned),
            summary,
            action: Action::Wait,
            result: result.id.clone(),
            profile: result.profile.clone(),
            settings: result.settings.clone(),
            ..last
        })
    }

    /// Ends what is open, as the version is retired.
    pub(super) fn retire(&mut self, engine: &str, summary: &str) -> Vec<AlertEvent> {
        let open = mem::take(&mut self.open).into_values();
        let over = open.filter_map(|open| {
            Some(open.last()?.superseded(engine, open.sequence + 1, summary, None))
        });
        over.collect()
    }

    /// Notes that a person has taken a warning up, where it is one of these and nobody has; what is said of it.
    pub(super) fn acknowledge(
        &mut self,
        id: &str,
        reason: &str,
        muted_until: Option<&str>,
    ) -> Option<AlertEvent> {
        let open = self.open.get_mut(id).filter(|open| !open.acknowledged)?;
        let last = open.last()?;
        open.acknowledged = true;
        open.sequence += 1;
        let event = AlertEvent {
            sequence: open.sequence,
            event: Event::Updated,
            acknowledged: Some(reason.to_owned()),
            muted_until: muted_until.map(str::to_owned),
            ..last
        };
        open.last = serde_json::to_string(&event).unwrap_or_default();
        Some(event)
    }
}

impl Warning<'_> {
    /// In one sentence.
    fn summary(&self) -> String {
        let Self { place: Place { model, version, .. }, figure, rows, .. } = self;
        let name =
            if version.is_empty() { (*model).to_owned() } else { format!("{model} {version}") };
        let what = match (&figure.column_name, figure.metric.metric()) {
            (Some(column), _) => format!("{column} is distributed otherwise than in the reference"),
            (None, Metric::TargetEvidence) => "targets contradict what was said of them".to_owned(),
            (None, _) => "something has changed".to_owned(),
        };
        let (counted, of) = match (figure.metric == Metric::TargetEvidence, self.window) {
            (true, Some(window)) => ("targets", format!("window {window}")),
            (true, None) => ("targets or rows", "a window that is still open".to_owned()),
            (false, _) => ("rows", "a window that is still open".to_owned()),
        };
        let power = |of: Option<f64>| format!("{:.1}", of.unwrap_or(0.0));
        let (value, limit) = (power(figure.value), power(figure.upper_threshold));
        format!(
            "early warning of {name}: {what}, after {rows} {counted} of {of} (evidence of 10^{value} to 1, it warns from 10^{limit} on); the sealed window confirms it or takes it back"
        )
    }
}
