//! All that is remembered of a model version, so that its results become alerts.

use minicbor::{Decode, Encode};

use crate::alert::early::{Place, Warning, Warnings};
use crate::alert::event::{AlertEvent, Severity};
use crate::alert::evidence::Writer;
use crate::alert::lifecycle::Lifecycle;
use crate::alert::policy::{Policy, Scope};
use crate::alert::record::{Changes, TrackRecord};
use crate::alert::successor::Newer;
use crate::window::WindowResult;

/// Where a model version stands with its alerts.
///
/// There are two lives: that of what is known when a window is sealed, and where targets come later that of realized
/// performance, which speaks of older windows.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Watch {
    #[n(0)]
    sealed: Lifecycle,
    #[n(1)]
    realized: Lifecycle,
    #[n(2)]
    record: TrackRecord,
    #[n(3)]
    changes: Changes,
    #[n(4)]
    warnings: Warnings,
    /// Whether an alert ended because the version was retired, and it has sealed no window since.
    #[n(5)]
    #[cbor(default)]
    retired: bool,
}

/// A result and those of its segments, and until when nobody is to be woken.
#[derive(Clone, Copy, Debug)]
pub struct Published<'r> {
    /// The result.
    pub result: &'r WindowResult,
    /// Those of its segments: they alert nobody by themselves, and are evidence of where the whole is not well.
    pub segments: &'r [WindowResult],
    /// RFC 3339 in UTC; `None` where nobody asked for quiet, or it is over.
    pub muted_until: Option<&'r str>,
}

impl Watch {
    /// How bad the worst alert is that is open, if one is.
    pub fn severity(&self) -> Option<Severity> {
        self.sealed.severity().max(self.realized.severity()).max(self.warnings.severity())
    }

    /// Takes the result of a window that was sealed; what follows from it. `awaits` targets: then what is realized is
    /// judged apart.
    pub fn seal(&mut self, policy: &Policy, seen: &Published<'_>, awaits: bool) -> Vec<AlertEvent> {
        self.changes.note(seen.result);
        self.record.note(seen.result);
        self.retired = false;
        let scopes = if awaits { Scope::Sealed } else { Scope::All };
        let sealed = self.step(policy, seen, scopes);
        let realized = if awaits { self.step(policy, seen, Scope::Realized) } else { None };
        sealed.into_iter().chain(realized).collect()
    }

    /// Takes another revision of a result, as targets came. Of a version that is retired nobody is told how bad it was.
    pub fn revise(&mut self, policy: &Policy, seen: &Published<'_>) -> Option<AlertEvent> {
        self.record.note(seen.result);
        if self.retired {
            return None;
        }
        self.step(policy, seen, Scope::Realized)
    }

    /// Takes the result of a window that a person left out, or put other rows in the place of.
    pub fn amend(&mut self, policy: &Policy, seen: &Published<'_>) -> Vec<AlertEvent> {
        self.record.note(seen.result);
        if self.retired {
            return Vec::new();
        }
        // Which of them has judged it depends on whether targets were waited for.
        let Self { sealed, realized, record, changes, .. } = self;
        let writer = writer(policy, seen, record, changes);
        let sealed = sealed.amend(policy, Scope::All, &writer);
        let realized = realized.amend(policy, Scope::Realized, &writer);
        sealed.into_iter().chain(realized).collect()
    }

    /// Ends what is open, as the version is retired; nothing opens until it seals a window again.
    pub fn retire(&mut self, engine: &str, summary: &str, newer: Newer<'_>) -> Vec<AlertEvent> {
        self.retired = true;
        let all = [&mut self.sealed, &mut self.realized];
        let over = all.into_iter().filter_map(|life| life.retire(engine, summary, newer));
        over.chain(self.warnings.retire(engine, summary)).collect()
    }

    /// How many of the last windows that were judged when they were sealed were bad, and how many these are.
    pub fn recent(&self) -> (u32, u32) {
        self.sealed.recent()
    }

    /// Notes that a person has taken an alert up; what is said of it, where it is one of these and nobody has.
    pub fn acknowledge(
        &mut self,
        id: &str,
        reason: &str,
        muted_until: Option<&str>,
    ) -> Option<AlertEvent> {
        let mut all = [&mut self.sealed, &mut self.realized].into_iter();
        let known = all.find_map(|life| life.acknowledge(id, reason, muted_until));
        known.or_else(|| self.warnings.acknowledge(id, reason, muted_until))
    }

    /// Takes a window that warns before it can be judged; what is said of it, unless it was said.
    pub fn warn(&mut self, policy: &Policy, warning: &Warning<'_>) -> Option<AlertEvent> {
        self.warnings.warn(policy, warning)
    }

    /// Takes the result of a window that has warned: it confirms the warning, or takes it back unless `more` may come of it.
    pub fn settle(
        &mut self,
        place: &Place<'_>,
        seen: &Published<'_>,
        more: bool,
    ) -> Option<AlertEvent> {
        self.warnings.settle(place, seen, more)
    }

    fn step(&mut self, policy: &Policy, seen: &Published<'_>, scope: Scope) -> Option<AlertEvent> {
        let Self { sealed, realized, record, changes, .. } = self;
        let life = if scope == Scope::Realized { realized } else { sealed };
        life.step(policy, scope, &writer(policy, seen, record, changes))
    }
}

fn writer<'w>(
    policy: &'w Policy,
    seen: &Published<'w>,
    record: &'w TrackRecord,
    changes: &'w Changes,
) -> Writer<'w> {
    let Published { result, segments, muted_until } = *seen;
    Writer { policy, result, segments, record, changes, muted_until }
}
