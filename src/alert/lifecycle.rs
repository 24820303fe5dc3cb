//! When an alert opens, when something new is said of it, and when it is over.

use std::collections::BTreeSet;

use jiff::Timestamp;
use minicbor::{Decode, Encode};

use crate::alert::event::{AlertEvent, Event, Resolution, Severity};
use crate::alert::evidence::{Writer, resolved};
use crate::alert::policy::{Bad, Cooldown, Judged, Policy, Scope};
use crate::alert::successor::Newer;
use crate::metric::Kind;
use crate::window::{Figure, RevisionCause, WindowResult};

/// Where a model version stands with one kind of alert.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct Lifecycle {
    /// The last judged windows, newest last.
    #[n(0)]
    recent: Vec<Seen>,
    #[n(1)]
    open: Option<Open>,
    /// Windows before this one are past: the last alert is over, and so is what follows it.
    #[n(2)]
    from: u64,
    /// Nothing opens by a window that ends before this time, in microseconds since 1970.
    #[n(3)]
    calm_until: Option<i64>,
    /// Nor by one before this.
    #[n(4)]
    calm_windows: u64,
}

/// A window that was judged.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct Seen {
    #[n(0)]
    bad: bool,
    /// Where it began.
    #[n(1)]
    start: Option<String>,
    #[n(2)]
    window: u64,
}

/// An alert that is open.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct Open {
    #[n(0)]
    id: String,
    #[n(1)]
    sequence: u64,
    #[n(2)]
    since: Option<String>,
    /// The worst that it was.
    #[n(3)]
    critical: bool,
    /// Good windows in a row.
    #[n(4)]
    good: u32,
    /// What was said to be wrong: kinds, and columns.
    #[n(5)]
    told: BTreeSet<String>,
    /// The last event, as JSON: what a resolution refers to.
    #[n(6)]
    last: String,
    /// The bad windows that it rests on, the newest of them.
    #[n(7)]
    bad: Vec<u64>,
    /// The window that opened it.
    #[n(8)]
    opened_by: u64,
    /// Why a person has taken it up.
    #[n(9)]
    acknowledged: Option<String>,
    /// Whether nobody was woken by the last event.
    #[n(10)]
    muted: bool,
    /// The first of the windows that opened it: its index.
    #[n(11)]
    began: u64,
}

/// So many bad windows of an alert are known by their index.
const KNOWN: usize = 64;

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

    /// What is said next of it.
    fn tell(&mut self, event: AlertEvent) -> AlertEvent {
        self.muted = event.muted_until.is_some();
        self.last = serde_json::to_string(&event).unwrap_or_default();
        event
    }
}

impl Lifecycle {
    /// How bad the alert is that is open, if one is.
    pub(super) fn severity(&self) -> Option<Severity> {
        let open = self.open.as_ref()?;
        Some(if open.critical { Severity::Critical } else { Severity::Warning })
    }

    /// How many of the last judged windows were bad, and how many these are.
    pub(super) fn recent(&self) -> (u32, u32) {
        let bad = self.recent.iter().filter(|seen| seen.bad).count();
        (bad as u32, self.recent.len() as u32)
    }

    /// Takes the next result, or another revision of one; what follows from it, if anything.
    pub(super) fn step(
        &mut self,
        policy: &Policy,
        scope: Scope,
        writer: &Writer<'_>,
    ) -> Option<AlertEvent> {
        let result = writer.result;
        let judged = policy.judge(scope, result, writer.segments);
        let window = result.window_index;
        if !judged.is_judged(result) || window < self.from {
            return None;
        }
        let bad = judged.bad(result);
        let is_bad = !bad.is_empty();
        let is_new = match self.recent.iter_mut().find(|seen| seen.window == window) {
            // The same again, a little more certain.
            Some(before) if before.bad == is_bad && !is_bad => return None,
            Some(before) => {
                before.bad = is_bad;
                false
            }
            None => {
                let later = self.recent.partition_point(|seen| seen.window < window);
                let seen = Seen { bad: is_bad, start: result.window_start.clone(), window };
                self.recent.insert(later, seen);
                let surplus = self.recent.len().saturating_sub(policy.open_of.max(1) as usize);
                if later < surplus {
                    self.recent.remove(later);
                    return None;
                }
                self.recent.drain(..surplus);
                true
            }
        };
        if self.open.is_none() {
            return self.open(policy, scope, writer, &judged, &bad);
        }
        if is_bad {
            return self.go_on(writer, &judged, &bad);
        }
        let open = self.open.as_mut()?;
        open.rest_on(window, false);
        let about = |figure: &Figure| open.told.contains(&subject(figure));
        if !judged.is_well(result, about) {
            open.good = 0;
            return None;
        }
        // Another revision of a window that is bad no more is no second one.
        open.good += u32::from(is_new || open.good == 0);
        if open.good < policy.resolve_after {
            return None;
        }
        self.recent.clear();
        self.from = window + 1;
        self.cool_down(policy, result);
        self.resolve(Resolution::Recovered, writer)
    }

    fn open(
        &mut self,
        policy: &Policy,
        scope: Scope,
        writer: &Writer<'_>,
        judged: &Judged<'_>,
        bad: &[Bad<'_>],
    ) -> Option<AlertEvent> {
        let (worst, result) = (bad.first()?, writer.result);
        let farthest = bad.iter().map(|bad| bad.beyond).max_by(f64::total_cmp)?;
        let windows: Vec<u64> =
            self.recent.iter().filter(|seen| seen.bad).map(|seen| seen.window).collect();
        let is_far = policy.at_once.is_some_and(|least| farthest >= least);
        if (windows.len() as u32) < policy.open_after && !is_far || self.is_calm(result) {
            return None;
        }
        let first = self.recent.iter().find(|seen| seen.bad)?;
        let (since, began) = (first.start.clone(), first.window);
        let (version, epoch) = (&result.version, result.epoch);
        let window = result.window_index;
        let mut id = format!("{}/{version}/{epoch}/{window}", result.model);
        if scope == Scope::Realized {
            id += "/realized";
        }
        let event = writer.event(&id, 0, Event::Opened, (since.clone(), began), worst, judged);
        let mut open = Open {
            id,
            sequence: 0,
            since,
            critical: worst.severity == Severity::Critical,
            good: 0,
            told: bad.iter().map(|bad| subject(bad.figure)).collect(),
            last: String::new(),
            bad: windows,
            opened_by: window,
            acknowledged: None,
            muted: false,
            began,
        };
        let event = open.tell(event);
        self.open = Some(open);
        Some(event)
    }

    /// Takes another bad window of an alert that is open.
    fn go_on(
        &mut self,
        writer: &Writer<'_>,
        judged: &Judged<'_>,
        bad: &[Bad<'_>],
    ) -> Option<AlertEvent> {
        let (worst, open) = (bad.first()?, self.open.as_mut()?);
        open.good = 0;
        open.rest_on(writer.result.window_index, true);
        let is_worse = worst.severity == Severity::Critical && !open.critical;
        let is_new = !open.told.contains(&subject(worst.figure));
        let is_loud_again = open.muted && writer.muted_until.is_none();
        open.told.extend(bad.iter().map(|bad| subject(bad.figure)));
        if !is_worse && !is_new && !is_loud_again {
            return None;
        }
        if is_worse {
            open.critical = true;
            open.acknowledged = None;
        }
        open.sequence += 1;
        let begun = (open.since.clone(), open.began);
        let event = writer.event(&open.id, open.sequence, Event::Updated, begun, worst, judged);
        // While it is open it does not get better.
        let severity = if open.critical { Severity::Critical } else { Severity::Warning };
        let acknowledged = open.acknowledged.clone();
        Some(open.tell(AlertEvent { severity, acknowledged, ..event }))
    }

    /// Takes the result of a window that a person left out, or put other rows in the place of; what follows from it, if
    /// anything: an alert that rests on too few windows without it is over.
    pub(super) fn amend(
        &mut self,
        policy: &Policy,
        scope: Scope,
        writer: &Writer<'_>,
    ) -> Option<AlertEvent> {
        let result = writer.result;
        if !policy.judge(scope, result, writer.segments).bad(result).is_empty() {
            return self.step(policy, scope, writer);
        }
        let window = result.window_index;
        self.recent.retain(|seen| seen.window != window);
        let open = self.open.as_mut()?;
        let before = open.bad.len();
        open.rest_on(window, false);
        let left = open.bad.len();
        // It may have opened by one window that was far out.
        let needed = policy.open_after.max(1).min(before as u32);
        if left == before || left as u32 >= needed {
            return None;
        }
        // An id is given once.
        self.from = self.from.max(open.opened_by + 1);
        let from = self.from;
        self.recent.retain(|seen| seen.window >= from);
        let resolution = match result.revision_cause {
            Some(RevisionCause::Excluded) => Resolution::Excluded,
            _ => Resolution::Restated,
        };
        self.resolve(resolution, writer)
    }

    fn resolve(&mut self, resolution: Resolution, writer: &Writer<'_>) -> Option<AlertEvent> {
        let open = self.open.take()?;
        let last: AlertEvent = serde_json::from_str(&open.last).ok()?;
        Some(resolved(last, open.sequence + 1, resolution, writer))
    }

    /// Ends the alert of a version that is retired.
    pub(super) fn retire(
        &mut self,
        engine: &str,
        summary: &str,
        newer: Newer<'_>,
    ) -> Option<AlertEvent> {
        let open = self.open.take()?;
        self.recent.clear();
        self.from = self.from.max(open.opened_by + 1);
        let last: AlertEvent = serde_json::from_str(&open.last).ok()?;
        Some(last.superseded(engine, open.sequence + 1, summary, Some(newer)))
    }

    /// Notes that a person has taken the alert up, where it is that one and nobody has; what is said of it.
    pub(super) fn acknowledge(
        &mut self,
        id: &str,
        reason: &str,
        muted_until: Option<&str>,
    ) -> Option<AlertEvent> {
        let open = self.open.as_mut().filter(|open| open.id == id)?;
        if open.acknowledged.is_some() {
            return None;
        }
        let last: AlertEvent = serde_json::from_str(&open.last).ok()?;
        open.acknowledged = Some(reason.to_owned());
        open.sequence += 1;
        let was_muted = open.muted;
        let event = open.tell(AlertEvent {
            sequence: open.sequence,
            event: Event::Updated,
            acknowledged: Some(reason.to_owned()),
            muted_until: muted_until.map(str::to_owned),
            ..last
        });
        // Whoever took it up knows of it; the others are still to be told.
        open.muted = was_muted;
        Some(event)
    }

    fn cool_down(&mut self, policy: &Policy, result: &WindowResult) {
        match policy.cooldown {
            Cooldown::Windows(windows) => {
                self.calm_windows = result.window_index + 1 + u64::from(windows);
            }
            Cooldown::Time(length) => {
                let length = i64::try_from(length).unwrap_or(i64::MAX).saturating_mul(1000);
                self.calm_until = end_of(result).map(|end| end.saturating_add(length));
            }
        }
    }

    fn is_calm(&self, result: &WindowResult) -> bool {
        let calm = self.calm_until.zip(end_of(result)).is_some_and(|(until, end)| end <= until);
        calm || result.window_index < self.calm_windows
    }
}

/// When a window ends, in microseconds since 1970.
fn end_of(result: &WindowResult) -> Option<i64> {
    let end: Timestamp = result.window_end.as_ref()?.parse().ok()?;
    Some(end.as_microsecond())
}

/// What an alert is about: another metric of the same performance, or of the same column, is no news.
fn subject(figure: &Figure) -> String {
    let column = figure.column_name.as_deref().unwrap_or_default();
    match figure.kind {
        Kind::Realized | Kind::Estimated => format!("performance/{column}"),
        kind => format!("{kind}/{column}"),
    }
}
