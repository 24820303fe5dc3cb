//! A policy over results that were recorded: what it would have said, and when.

use std::collections::BTreeMap;

use crate::alert::event::{AlertEvent, Event};
use crate::alert::policy::Policy;
use crate::alert::watch::{Published, Watch};
use crate::window::{ALL, Dataset, RevisionCause, WindowResult};

/// What a policy would have said of recorded results.
#[derive(Clone, Debug, Default)]
pub struct Simulation {
    /// The windows that there were, each once.
    pub windows: u64,
    /// The alerts that would have opened, in their order.
    pub incidents: Vec<Incident>,
}

/// An alert that would have opened.
#[derive(Clone, Debug)]
pub struct Incident {
    /// How it opened.
    pub opened: AlertEvent,
    /// How it was over; `None` where it was not.
    pub resolved: Option<AlertEvent>,
    /// How often it was told again meanwhile.
    pub updates: u64,
}

impl Simulation {
    /// Runs recorded results of one model through its policy, see [`replay`].
    pub fn of(policy: &Policy, results: &[WindowResult]) -> Self {
        let sealed = results.iter().filter(|result| {
            result.dataset == Dataset::Analysis && result.segment == ALL && result.revision == 0
        });
        let mut simulation = Self { windows: sealed.count() as u64, ..Self::default() };
        for event in replay(policy, results) {
            simulation.note(event);
        }
        simulation
    }

    fn note(&mut self, event: AlertEvent) {
        let known = self.incidents.iter_mut().rfind(|known| known.opened.id == event.id);
        match (event.event, known) {
            (Event::Opened, _) => {
                self.incidents.push(Incident { opened: event, resolved: None, updates: 0 });
            }
            (Event::Updated, Some(known)) => known.updates += 1,
            (Event::Resolved, Some(known)) => known.resolved = Some(event),
            (_, None) => {}
        }
    }
}

/// Runs recorded results of one model through its policy: in the order in which they were published, revisions too. What
/// people asked for, silence and retired versions are not in results, so they are not in it.
pub fn replay(policy: &Policy, results: &[WindowResult]) -> Vec<AlertEvent> {
    let watched = |result: &&WindowResult| result.dataset == Dataset::Analysis;
    let mut segments: BTreeMap<(&str, u64, u64, u64), Vec<WindowResult>> = BTreeMap::new();
    for result in results.iter().filter(watched).filter(|result| result.segment != ALL) {
        segments.entry(key(result)).or_default().push(result.clone());
    }
    let mut watches: BTreeMap<&str, Watch> = BTreeMap::new();
    let mut told = Vec::new();
    for result in results.iter().filter(watched).filter(|result| result.segment == ALL) {
        let segments = segments.get(&key(result)).map_or(&[][..], Vec::as_slice);
        let seen = Published { result, segments, muted_until: None };
        told.extend(watches.entry(&result.version).or_default().take(policy, &seen));
    }
    told
}

impl Watch {
    /// Takes a result as it was published, whatever it is of.
    fn take(&mut self, policy: &Policy, seen: &Published<'_>) -> Vec<AlertEvent> {
        let result = seen.result;
        match result.revision_cause {
            Some(RevisionCause::Targets) => self.revise(policy, seen).into_iter().collect(),
            Some(RevisionCause::Excluded | RevisionCause::Replaced) => self.amend(policy, seen),
            None => self.seal(policy, seen, !result.is_final),
        }
    }
}

fn key(result: &WindowResult) -> (&str, u64, u64, u64) {
    (&result.version, result.epoch, result.window_index, result.revision)
}
