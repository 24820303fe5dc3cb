//! What persons ask of windows that were published: to leave one out, or to put other rows in its place.
//!
//! Both are revisions of the window's result, and its last: targets of its rows count nowhere from then on.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};

use crate::alert::Published;
use crate::batch::{Act, Command, Content, Digest, Lane};
use crate::epoch::{Epochs, Version};
use crate::tally::check::check_section;
use crate::tally::model::ModelState;
use crate::tally::publish::chain;
use crate::tally::{Output, Tally, WindowId, segments};
use crate::window::{LaneInput, Repeated, RevisionCause, WindowResult, WindowState};

/// A window that a person left out or restated.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct Restated {
    /// The revision of its newest result.
    #[n(0)]
    revision: u64,
    /// The commands that were obeyed.
    #[n(1)]
    obeyed: BTreeSet<String>,
}

/// Rows that are to take the place of a window's own, as far as they have come.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) struct Replacing {
    #[n(0)]
    version: String,
    #[n(1)]
    window: u64,
    /// The next part.
    #[n(2)]
    next: u32,
    #[n(3)]
    state: WindowState,
}

impl Tally {
    /// Does what a person asks. What does not fit (a window that nobody knows, rows of another layout, a command that was
    /// obeyed) changes nothing: who sent it sees that no result comes.
    pub(super) fn obey(
        &mut self,
        command: &Command,
        content: &Content,
        epochs: &Epochs,
        out: &mut Vec<Output>,
    ) {
        if let Act::Mute { .. } | Act::Acknowledge { .. } = &command.act {
            self.heed(command, epochs, out);
            return;
        }
        let Ok(seen) = serde_json::from_str::<WindowResult>(&command.seen) else { return };
        let is_its = seen.model == command.model
            && seen.version == command.version
            && seen.window_index == command.window;
        let rules = self.in_force(epochs, &command.model, seen.epoch).map(|(rules, _)| rules);
        let Some(model) = self.models.get_mut(&command.model).filter(|_| is_its) else { return };
        let waiting = model.waiting(command, &seen);
        let revision = waiting.as_ref().map(|(_, revision)| *revision);
        let Some(head) = model.head(command, seen, revision) else { return };
        let served = rules.and_then(|rules| rules.version(&command.version));
        let told = |result| WindowResult {
            reason: Some(command.reason.clone()),
            is_final: true,
            ..result
        };
        let (result, segments) = match &command.act {
            // They were heeded before.
            Act::Mute { .. } | Act::Acknowledge { .. } => return,
            Act::Exclude => {
                let result = told(WindowResult {
                    revision_cause: Some(RevisionCause::Excluded),
                    coverage: None,
                    targets: None,
                    figures: Vec::new(),
                    ..head
                });
                let segments = served.map(|served| segments::amended(&result, None, &served.plan));
                (result, segments.unwrap_or_default())
            }
            Act::Restate { part, parts } => {
                let (Some(rules), Some(served)) = (rules, served) else { return };
                let fits = content.sections.iter().all(|section| {
                    section.profiled
                        && (&section.model, &section.version) == (&command.model, &command.version)
                        && check_section(Lane::NONE, head.epoch, section, rules).is_ok()
                });
                if !fits || !model.gather(command, (*part, *parts), content, served) {
                    return;
                }
                let Some(Replacing { mut state, .. }) = model.replacing.remove(&command.id) else {
                    return;
                };
                let result = told(restated(head, &mut state, served));
                let distributions = state.distributions(&served.plan);
                let result = WindowResult { distributions, ..result };
                let bare = WindowResult {
                    figures: Vec::new(),
                    distributions: Vec::new(),
                    ..result.clone()
                };
                (result, segments::amended(&bare, Some(&mut state), &served.plan))
            }
        };
        let waiting = waiting.map(|(id, _)| id);
        self.amend(command, waiting.as_ref(), (result.with_id(), segments), epochs, out);
    }

    /// Publishes a result, and those of its segments, in place of those before them.
    fn amend(
        &mut self,
        command: &Command,
        waiting: Option<&WindowId>,
        (result, segments): (WindowResult, Vec<WindowResult>),
        epochs: &Epochs,
        out: &mut Vec<Output>,
    ) {
        let name = &command.model;
        let rules = self.in_force(epochs, name, result.epoch).map(|(rules, _)| rules);
        let served = rules.and_then(|rules| rules.version(&command.version));
        let Some(model) = self.models.get_mut(name) else { return };
        if let Some(id) = waiting
            && let Some(window) = model.awaiting.get_mut(id)
        {
            window.leave_out();
            if let Some(due) = window.due.take() {
                self.due.remove(&(due, name.clone(), id.clone()));
            }
        }
        model.replacing.retain(|_, other| {
            (&other.version, other.window) != (&command.version, command.window)
        });
        let restated = model.restated.entry((command.version.clone(), command.window)).or_default();
        let first = restated.obeyed.is_empty();
        restated.obeyed.insert(command.id.clone());
        restated.revision = result.revision;
        if first {
            for (lane, digest) in result.inputs.iter().filter_map(LaneInput::read) {
                let Some(state) = self.lanes.get_mut(&lane) else { continue };
                if state.fates.sealed.count >= digest.count {
                    state.fates.sealed.remove(&digest);
                    state.fates.excluded.merge(&digest);
                }
            }
        }
        let version = model.versions.entry(command.version.clone()).or_default();
        version.amend(&result);
        version.recent.amend(&result, served.map(|served| &served.plan));
        version.show_segments(&segments);
        let policy = epochs.policy(self.policy, name);
        // Which of them has judged it depends on whether targets were waited for.
        let muted_until = model.muted.until(self.time);
        let seen =
            Published { result: &result, segments: &segments, muted_until: muted_until.as_deref() };
        let mut alerts = version.watch.amend(&policy, &seen);
        if let Some(id) = waiting {
            alerts.extend(model.settle_targets(name, id, &seen, false));
        }
        for result in [result].into_iter().chain(segments) {
            self.outputs = chain(self.outputs, &result);
            out.push(Output::Result(Box::new(result)));
        }
        self.tell(alerts, out);
    }
}

impl ModelState {
    /// The window where it still waits for targets, and its newest revision.
    fn waiting(&self, command: &Command, seen: &WindowResult) -> Option<(WindowId, u64)> {
        self.awaiting.find(|id, window| {
            id.epoch == seen.epoch
                && id.version == command.version
                && window.index() == command.window
                && !window.left_out
        })
    }

    /// What the next result of the window begins as; `None` where the command was obeyed, or where the person has not seen
    /// the newest result of a window that we know no more.
    fn head(
        &self,
        command: &Command,
        seen: WindowResult,
        waiting: Option<u64>,
    ) -> Option<WindowResult> {
        let restated = self.restated.get(&(command.version.clone(), command.window));
        if restated.is_some_and(|restated| restated.obeyed.contains(&command.id)) {
            return None;
        }
        let final_one = seen.is_final.then_some(seen.revision);
        let revision = restated.map(|restated| restated.revision).or(waiting).or(final_one)?;
        Some(WindowResult { revision: revision + 1, ..seen })
    }

    /// Takes the next part of a command's rows; whether all are there now.
    fn gather(
        &mut self,
        command: &Command,
        (part, parts): (u32, u32),
        content: &Content,
        served: &Version,
    ) -> bool {
        let replacing = self.replacing.entry(command.id.clone()).or_insert_with(|| Replacing {
            version: command.version.clone(),
            window: command.window,
            next: 0,
            state: WindowState::new(&served.plan),
        });
        // One that came before, or that comes before its turn: its sender begins anew.
        if part != replacing.next {
            return false;
        }
        replacing.next += 1;
        for section in &content.sections {
            let prepared = served.plan.prepare(&section.rows);
            replacing.state.fold(&served.plan, &prepared, 0, section.rows.len());
        }
        replacing.next >= parts
    }
}

/// The result of other rows in place of a window's own.
fn restated(head: WindowResult, state: &mut WindowState, served: &Version) -> WindowResult {
    let reading = state.evaluate(&served.plan);
    let told = state.has_targets().then(|| state.outcome(&served.plan, &Repeated::default()));
    let (outcome, targets) = told.flatten().unzip();
    WindowResult {
        targets,
        revision_cause: Some(RevisionCause::Replaced),
        window_rows: state.rows(),
        profile: served.profile.clone(),
        ..head.with_figures(&served.plan, &reading, outcome.as_ref())
    }
}

impl LaneInput {
    /// Lane and digest; `None` where it is damaged.
    pub fn read(&self) -> Option<(Lane, Digest)> {
        let topic = u128::from_str_radix(&self.topic_id, 16).ok()?;
        let sum = u128::from_str_radix(&self.digest, 16).ok()?;
        Some((Lane { topic, partition: self.partition }, Digest { count: self.rows, sum }))
    }
}
