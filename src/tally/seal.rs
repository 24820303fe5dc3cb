//! When a window is complete.

use std::collections::BTreeSet;

use crate::epoch::{Epochs, Model};
use crate::profile::WindowRule;
use crate::tally::waited::{Lanes, Verdict, has_left};
use crate::tally::{Output, Tally, WindowId};
use crate::window::ClosedBy;

impl Tally {
    /// Seals every window that is complete; called after each record that was taken.
    pub(super) fn seal(&mut self, epochs: &Epochs, out: &mut Vec<Output>) {
        let models: Vec<String> = self
            .models
            .iter()
            .filter(|(_, model)| !model.windows.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        for model in models {
            self.seal_model(&model, epochs, out);
        }
    }

    /// Seals windows of one model, epoch by epoch: what a later epoch made waits until the one before is over, so that
    /// results come in one order however lanes interleave.
    fn seal_model(&mut self, name: &str, epochs: &Epochs, out: &mut Vec<Output>) {
        let Some(model) = self.models.get(name) else { return };
        let since = |epoch| epochs.model(epoch, name).map(|rules| rules.since);
        let lanes = self.lanes.values().filter_map(|lane| since(lane.epoch));
        let of_windows = model.windows.keys().map(|id| id.epoch);
        let all: BTreeSet<u64> = of_windows.chain(lanes).collect();
        for since in all {
            if self.models.get(name).is_none_or(|model| model.is_closed(since)) {
                continue;
            }
            let Some((rules, epoch)) = self.in_force(epochs, name, since) else { continue };
            if let WindowRule::Period(period) = rules.timing.rule {
                let end_of = |start| WindowRule::period_of(period, start).1;
                self.note_passed(name, since, rules, &epoch.topics, epochs, end_of);
                while let Some((start, by, left_out)) =
                    self.due(name, since, rules, &epoch.topics, epochs, end_of)
                {
                    let end = end_of(start);
                    if let Some(model) = self.models.get_mut(name) {
                        let frontier = model.frontiers.entry(since).or_insert(i64::MIN);
                        *frontier = (*frontier).max(end);
                    }
                    for id in self.open_from(name, since, Some(start)) {
                        self.publish(name, &id, by, &left_out, epochs, out);
                    }
                    if let Some(model) = self.models.get_mut(name) {
                        model.join_strays(since, end);
                    }
                }
            }
            if !self.close_epoch(name, since, rules, &epoch.topics, epochs, out) {
                break;
            }
        }
    }

    /// Notes for windows that the first lane has passed since when they wait for the others.
    fn note_passed(
        &mut self,
        name: &str,
        since: u64,
        rules: &Model,
        topics: &[String],
        epochs: &Epochs,
        end_of: impl Fn(i64) -> i64,
    ) {
        let Some(model) = self.models.get(name) else { return };
        let Some(mark) = Lanes::of(&self.lanes, topics, model, name, since, epochs).furthest()
        else {
            return;
        };
        let now = self.time;
        let Some(model) = self.models.get_mut(name) else { return };
        for (id, window) in &mut model.windows {
            let passed = || rules.timing.passed(end_of(id.start), mark);
            if id.epoch == since && window.first_passed.is_none() && passed() {
                window.first_passed = Some(now);
                window.changed = true;
            }
        }
    }

    /// The earliest windows of an epoch, if they are to be sealed: their start, and why.
    fn due(
        &self,
        name: &str,
        since: u64,
        rules: &Model,
        topics: &[String],
        epochs: &Epochs,
        end_of: impl Fn(i64) -> i64,
    ) -> Option<(i64, ClosedBy, Vec<String>)> {
        let model = self.models.get(name)?;
        let start = model.windows.keys().find(|id| id.epoch == since)?.start;
        let same = |id: &WindowId| id.epoch == since && id.start == start;
        // Versions that share a window's time are sealed together.
        let of_start = model.windows.iter().filter(|(id, _)| same(id));
        let first_passed = of_start.filter_map(|(_, window)| window.first_passed).min();
        let lanes = Lanes::of(&self.lanes, topics, model, name, since, epochs);
        match lanes.verdict(end_of(start), rules.timing, first_passed, self.time) {
            Verdict::Wait => None,
            Verdict::Seal { by, left_out } => Some((start, by, left_out)),
        }
    }

    /// The open windows of an epoch, or those of them that start then.
    fn open_from(&self, name: &str, since: u64, start: Option<i64>) -> Vec<WindowId> {
        let windows = self.models.get(name).into_iter().flat_map(|model| model.windows.keys());
        let of_epoch = windows.filter(|id| id.epoch == since);
        of_epoch.filter(|id| start.is_none_or(|start| id.start == start)).cloned().collect()
    }

    /// Seals what is left of an epoch when every lane has left it behind, or was waited for long enough. Whether it is
    /// over.
    fn close_epoch(
        &mut self,
        name: &str,
        since: u64,
        rules: &Model,
        topics: &[String],
        epochs: &Epochs,
        out: &mut Vec<Output>,
    ) -> bool {
        let mut read = self.lanes.values().filter(|lane| topics.contains(&lane.topic));
        if !read.any(|lane| has_left(lane, name, since, epochs)) {
            return false;
        }
        let now = self.time;
        let Some(model) = self.models.get_mut(name) else { return false };
        let first = *model.left.entry(since).or_insert(now);
        let behind = Lanes::of(&self.lanes, topics, model, name, since, epochs).behind();
        if !behind.is_empty() && now < first.saturating_add(rules.timing.max_wait) {
            return false;
        }
        for id in self.open_from(name, since, None) {
            self.publish(name, &id, ClosedBy::Epoch, &behind, epochs, out);
        }
        if let Some(model) = self.models.get_mut(name) {
            model.close(since);
        }
        true
    }
}
