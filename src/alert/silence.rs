//! When a model is silent, and when it is heard again.

use jiff::Timestamp;
use minicbor::{Decode, Encode};

use crate::alert::event::{
    Action, AlertEvent, Event, Evidence, Resolution, SCHEMA, Severity, Subject,
};
use crate::alert::policy::Quiet;
use crate::window::{ALL, ENGINE};

/// Where a model stands with silence.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Silence {
    /// When the model was last heard, in milliseconds of the log's time; `None` before its first event.
    #[n(0)]
    heard: Option<i64>,
    #[n(1)]
    open: Option<Open>,
    /// The version that was heard last.
    #[n(2)]
    version: String,
}

/// A silence that was told.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct Open {
    #[n(0)]
    sequence: u64,
    #[n(1)]
    critical: bool,
    #[n(2)]
    acknowledged: Option<String>,
    #[n(3)]
    muted: bool,
    #[n(4)]
    after: u64,
    #[n(5)]
    heard: i64,
}

impl Silence {
    /// How bad the alert is that is open, if one is.
    pub fn severity(&self) -> Option<Severity> {
        let open = self.open.as_ref()?;
        Some(if open.critical { Severity::Critical } else { Severity::Warning })
    }

    /// How bad that alert is, where the version was heard last.
    pub fn severity_of(&self, version: &str) -> Option<Severity> {
        self.severity().filter(|_| self.version == version)
    }

    /// Whether it may be silent by now, or may have something to say: what is cheap to ask.
    pub fn may_change(&self, policy: Option<&Quiet>, now: i64, is_muted: bool) -> bool {
        match (&self.open, policy) {
            (Some(open), Some(_)) => open.muted && !is_muted,
            (Some(_), None) => true,
            (None, Some(policy)) => self.is_over(policy, now),
            (None, None) => false,
        }
    }

    fn is_over(&self, policy: &Quiet, reached: i64) -> bool {
        let after = i64::try_from(policy.after).unwrap_or(i64::MAX);
        self.heard.is_some_and(|heard| reached >= heard.saturating_add(after))
    }

    /// Takes that nothing was heard of a model up to `reached`, in milliseconds of the log's time.
    pub fn quiet(
        &mut self,
        model: &str,
        policy: Option<&Quiet>,
        reached: i64,
        muted_until: Option<&str>,
    ) -> Option<AlertEvent> {
        let Some(policy) = policy else {
            // Whoever takes the rule away takes its alert away.
            let open = self.open.take()?;
            let resolution = Some(Resolution::Superseded);
            let event = Event::Resolved;
            let mut event = self.event(model, &open, open.sequence + 1, event, reached);
            event.resolution = resolution;
            event.summary = format!("silence of {model} is no alert any more, by its settings");
            event.muted_until = muted_until.map(str::to_owned);
            return Some(event);
        };
        let is_over = self.is_over(policy, reached);
        let kind = match &mut self.open {
            Some(open) if open.muted && muted_until.is_none() => {
                open.sequence += 1;
                open.muted = false;
                Event::Updated
            }
            None if is_over => {
                self.open = Some(Open {
                    sequence: 0,
                    critical: policy.severity == Severity::Critical,
                    acknowledged: None,
                    muted: muted_until.is_some(),
                    after: policy.after,
                    heard: self.heard?,
                });
                Event::Opened
            }
            Some(_) | None => return None,
        };
        let open = self.open.as_ref()?;
        let event = self.event(model, open, open.sequence, kind, reached);
        Some(AlertEvent { muted_until: muted_until.map(str::to_owned), ..event })
    }

    /// Takes that the model was heard at a time of the log, by an event of a version.
    pub fn hear(
        &mut self,
        model: &str,
        version: &str,
        now: i64,
        muted_until: Option<&str>,
    ) -> Option<AlertEvent> {
        let open = self.open.take();
        let event = open.map(|open| {
            let event = self.event(model, &open, open.sequence + 1, Event::Resolved, now);
            AlertEvent {
                resolution: Some(Resolution::Recovered),
                summary: format!("{model} is heard again, after {}", length(event.value)),
                muted_until: muted_until.map(str::to_owned),
                action: Action::Wait,
                ..event
            }
        });
        self.heard = self.heard.max(Some(now));
        if self.version != version {
            version.clone_into(&mut self.version);
        }
        event
    }

    /// Notes that a person has taken it up.
    pub fn acknowledge(
        &mut self,
        model: &str,
        id: &str,
        reason: &str,
        now: i64,
        muted_until: Option<&str>,
    ) -> Option<AlertEvent> {
        let heard = self.open.as_ref()?.heard;
        if id_of(model, heard) != id {
            return None;
        }
        let open = self.open.as_mut().filter(|open| open.acknowledged.is_none())?;
        open.acknowledged = Some(reason.to_owned());
        open.sequence += 1;
        let open = open.clone();
        let event = self.event(model, &open, open.sequence, Event::Updated, now);
        Some(AlertEvent { muted_until: muted_until.map(str::to_owned), ..event })
    }

    fn event(&self, model: &str, open: &Open, sequence: u64, event: Event, now: i64) -> AlertEvent {
        let since = Timestamp::from_millisecond(open.heard).ok().map(|since| since.to_string());
        let seconds = now.saturating_sub(open.heard).max(0) as f64 / 1000.0;
        let limit = open.after as f64 / 1000.0;
        let last = since.as_deref().unwrap_or("long ago");
        AlertEvent {
            schema: SCHEMA,
            engine: ENGINE.to_owned(),
            id: id_of(model, open.heard),
            sequence,
            event,
            resolution: None,
            model: model.to_owned(),
            version: self.version.clone(),
            severity: if open.critical { Severity::Critical } else { Severity::Warning },
            summary: format!(
                "no events of {model} for {}: the last came at {last}",
                length(Some(seconds))
            ),
            since,
            window: None,
            kind: Subject::Silence,
            metric: None,
            column_name: None,
            segment: ALL.to_owned(),
            value: Some(seconds),
            currency: None,
            sampling_error: None,
            lower_threshold: None,
            upper_threshold: Some(limit),
            distance: None,
            acknowledged: open.acknowledged.clone(),
            muted_until: None,
            evidence: Evidence::default(),
            action: Action::InvestigateUpstream,
            result: String::new(),
            profile: String::new(),
            settings: String::new(),
        }
    }
}

fn id_of(model: &str, heard: i64) -> String {
    format!("{model}/silence/{heard}")
}

/// A length of time as people say it.
fn length(seconds: Option<f64>) -> String {
    let seconds = seconds.unwrap_or(0.0);
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} d", s / 86_400.0),
    }
}
