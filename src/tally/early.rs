//! Windows that warn before they can be judged.
//!
//! A warning is decided from the state as it stands after a record, so it is published with it, once, whoever runs it again.
//! One may look at any time (see the bets of `stats`): it is looked when a record has been taken, and the window has
//! grown by a little.

use crate::alert::{AlertEvent, Place, Published, Warning};
use crate::batch::Content;
use crate::epoch::Epochs;
use crate::profile::WindowRule;
use crate::tally::model::{ModelState, VersionState};
use crate::tally::open::OpenWindow;
use crate::tally::realize::least_coverage;
use crate::tally::{Output, Tally, WindowId};
use crate::window::{WindowResult, WindowState, utc};

/// It is looked again when a window has grown by this part of itself.
const GROWTH: u64 = 64;

/// Whether a window has grown enough to be looked at again.
fn has_grown(now: u64, looked: u64) -> bool {
    now > looked.saturating_add(looked / GROWTH)
}

impl WindowId {
    /// Where its warning stands.
    pub(super) fn place<'p>(&'p self, model: &'p str, targets: bool) -> Place<'p> {
        Place { model, version: &self.version, epoch: self.epoch, start: self.start, targets }
    }
}

impl OpenWindow {
    /// What is known of it.
    fn known(&self) -> u64 {
        self.rows + self.awaited.as_ref().map_or(0, |awaited| awaited.targets())
    }
}

impl Tally {
    /// Looks whether windows warn of which a record told something.
    pub(super) fn look_out(&mut self, content: &Content, epochs: &Epochs, out: &mut Vec<Output>) {
        let of_rows = content.sections.iter().map(|section| &*section.model);
        let of_targets = content.realized.iter().map(|realized| &*realized.model);
        let mut names: Vec<&str> = of_rows.chain(of_targets).collect();
        // Mostly thousands of one model.
        names.dedup();
        names.sort_unstable();
        names.dedup();
        for name in names {
            self.look_at_open(name, epochs, out);
        }
    }

    fn look_at_open(&mut self, name: &str, epochs: &Epochs, out: &mut Vec<Output>) {
        let Some(model) = self.models.get(name) else { return };
        let grown = model.windows.iter().filter(|(_, window)| {
            window.state.as_ref().is_some_and(WindowState::is_watched)
                && has_grown(window.known(), window.looked)
        });
        let grown: Vec<WindowId> = grown.map(|(id, _)| id.clone()).collect();
        for id in grown {
            let Some((rules, _)) = self.in_force(epochs, name, id.epoch) else { continue };
            let Some(served) = rules.version(&id.version) else { continue };
            if served.plan.criteria().early.is_none() {
                continue;
            }
            let policy = epochs.policy(self.policy, name);
            let Some(model) = self.models.get_mut(name) else { return };
            let muted_until = model.muted.until(self.time);
            let Some(window) = model.windows.get_mut(&id) else { continue };
            window.looked = window.known();
            let of_rows = window.state.as_ref().and_then(|state| state.warning(&served.plan));
            let of_targets = window
                .awaited
                .as_ref()
                .map(|awaited| (awaited.warning(&served.plan), awaited.targets()));
            let since = match rules.timing.rule {
                WindowRule::Period(_) => Some(id.start),
                _ => window.times.map(|(least, _)| least),
            };
            let found = [(of_rows, window.rows), of_targets.unwrap_or((None, 0))];
            let mut told = Vec::new();
            for (figure, rows) in found {
                let Some(figure) = figure else { continue };
                // Of targets that came with the rows, too.
                let targets = figure.column_name.is_none();
                let warned = &mut window.warned[usize::from(targets)];
                if *warned {
                    continue;
                }
                let version = model.versions.entry(id.version.clone()).or_default();
                let warning = Warning {
                    place: id.place(name, targets),
                    figure: &figure,
                    rows,
                    since: since.map(utc),
                    window: None,
                    profile: &served.profile,
                    settings: &rules.settings_hash,
                    muted_until: muted_until.as_deref(),
                };
                let event = version.watch.warn(&policy, &warning);
                *warned = event.is_some();
                window.changed |= event.is_some();
                told.extend(event);
            }
            self.tell(told, out);
        }
    }

    /// Looks whether a window warns by its targets, as long as too few have come to judge it by them.
    pub(super) fn look_at_targets(
        &mut self,
        name: &str,
        id: &WindowId,
        epochs: &Epochs,
        out: &mut Vec<Output>,
    ) {
        let Some((rules, _)) = self.in_force(epochs, name, id.epoch) else { return };
        let Some((served, least)) = rules.version(&id.version).zip(least_coverage(rules)) else {
            return;
        };
        if served.plan.criteria().early.is_none() {
            return;
        }
        let policy = epochs.policy(self.policy, name);
        let Some(model) = self.models.get_mut(name) else { return };
        let muted_until = model.muted.until(self.time);
        let Some(window) = model.awaiting.get_mut(id) else { return };
        let (targets, rows) = (window.awaited.targets(), window.awaited.rows());
        let is_judged = targets as f64 >= least * rows as f64;
        if is_judged || window.warned || window.left_out || !has_grown(targets, window.looked) {
            return;
        }
        window.looked = targets;
        window.changed = true;
        let Some(figure) = window.awaited.warning(&served.plan) else { return };
        let warning = Warning {
            place: id.place(name, true),
            figure: &figure,
            rows: targets,
            since: window.start().map(utc),
            window: Some(window.index()),
            profile: &served.profile,
            settings: &rules.settings_hash,
            muted_until: muted_until.as_deref(),
        };
        let version = model.versions.entry(id.version.clone()).or_default();
        let told = version.watch.warn(&policy, &warning);
        window.warned = told.is_some();
        self.tell(told, out);
    }
}

impl VersionState {
    /// What the result of a window that was sealed makes of its warnings; if it `awaits` targets, that by targets goes on.
    pub(super) fn settle(
        &mut self,
        name: &str,
        id: &WindowId,
        seen: &Published<'_>,
        awaits: bool,
    ) -> Vec<AlertEvent> {
        let of_rows = self.watch.settle(&id.place(name, false), seen, false);
        let of_targets = self.watch.settle(&id.place(name, true), seen, awaits);
        of_rows.into_iter().chain(of_targets).collect()
    }
}

impl ModelState {
    /// What a result makes of the warning of its window by targets.
    pub(super) fn settle_targets(
        &mut self,
        name: &str,
        id: &WindowId,
        seen: &Published<'_>,
        more: bool,
    ) -> Option<AlertEvent> {
        let version = self.versions.get_mut(&id.version)?;
        version.watch.settle(&id.place(name, true), seen, more)
    }
}

/// Whether more may yet come of what is realized of a window: too few targets have come, and it is not final.
pub(super) fn is_preliminary(result: &WindowResult, enough: f64) -> bool {
    !result.is_final && result.coverage.unwrap_or(0.0) < enough
}
