//! When a window is complete.

use std::collections::BTreeMap;

use crate::batch::Lane;
use crate::epoch::{Epoch, Epochs, Timing};
use crate::profile::WindowRule;
use crate::tally::lane::LaneState;
use crate::tally::model::ModelState;
use crate::tally::{Output, Tally, WindowId};
use crate::window::ClosedBy;

/// The lanes that a model's windows wait for.
struct Lanes<'t> {
    /// Of each topic the partitions of its newest incarnation.
    known: Vec<(Lane, &'t LaneState)>,
    /// Partitions of which nothing has been heard, as topic/partition.
    unheard: Vec<String>,
}

/// Whether a window may be sealed.
enum Verdict {
    /// A lane is waited for.
    Wait,
    Seal {
        by: ClosedBy,
        left_out: Vec<String>,
    },
}

impl Tally {
    /// Seals every window that is complete; called after each record that was taken.
    pub(super) fn seal(&mut self, policy: u64, epochs: &Epochs, out: &mut Vec<Output>) {
        let models: Vec<String> = self
            .models
            .iter()
            .filter(|(_, model)| !model.windows.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        for model in models {
            self.seal_epochs(&model, policy, epochs, out);
            self.seal_periods(&model, policy, epochs, out);
        }
    }

    /// Seals by time the windows of one model, the earliest first.
    fn seal_periods(&mut self, name: &str, policy: u64, epochs: &Epochs, out: &mut Vec<Output>) {
        loop {
            let Some(model) = self.models.get(name) else { return };
            // Windows of an epoch are in the order of their starts, so the first that waits ends the round.
            let mut due = None;
            let mut passed_now = Vec::new();
            let mut epoch_done = None;
            for (id, window) in &model.windows {
                if epoch_done == Some(id.epoch) {
                    continue;
                }
                let Some((number, epoch)) = epoch_of(epochs, name, id.epoch) else { continue };
                let Some(rules) = epochs.model(number, name) else { continue };
                let WindowRule::Period(period) = rules.timing.rule else { continue };
                let end = WindowRule::period_of(period, id.start).1;
                let lanes = Lanes::of(&self.lanes, epoch);
                if window.first_passed.is_none() && lanes.any_passed(model, end, rules.timing) {
                    passed_now.push(id.clone());
                }
                let first = window.first_passed.or(passed_now.contains(id).then_some(self.time));
                match lanes.verdict(model, end, rules.timing, first, self.time) {
                    Verdict::Wait => epoch_done = Some(id.epoch),
                    Verdict::Seal { by, left_out } => {
                        due = Some((id.clone(), end, by, left_out));
                        break;
                    }
                }
            }
            let Some(model) = self.models.get_mut(name) else { return };
            for id in passed_now {
                if let Some(window) = model.windows.get_mut(&id) {
                    window.first_passed = Some(self.time);
                    window.changed = true;
                }
            }
            let Some((id, end, by, left_out)) = due else { return };
            let frontier = model.frontiers.entry(id.epoch).or_insert(i64::MIN);
            *frontier = (*frontier).max(end);
            self.publish(name, &id, by, &left_out, policy, epochs, out);
        }
    }

    /// Seals what is left of epochs that every lane has left behind.
    fn seal_epochs(&mut self, name: &str, policy: u64, epochs: &Epochs, out: &mut Vec<Output>) {
        let Some(model) = self.models.get(name) else { return };
        let mut open: Vec<u64> = model.windows.keys().map(|id| id.epoch).collect();
        open.dedup();
        for since in open {
            // A lane has left the epoch behind when what was last heard of it has a later one of this model.
            let beyond = |lane: &LaneState| {
                epochs.model(lane.epoch, name).is_none_or(|rules| rules.since > since)
            };
            let Some((number, epoch)) = epoch_of(epochs, name, since) else { continue };
            let Some(rules) = epochs.model(number, name) else { continue };
            let lanes = Lanes::of(&self.lanes, epoch);
            let behind: Vec<String> = lanes
                .known
                .iter()
                .filter(|(_, lane)| !beyond(lane))
                .map(|(id, lane)| format!("{}/{}", lane.topic, id.partition))
                .collect();
            if behind.len() == lanes.known.len() {
                continue;
            }
            let max_wait = rules.timing.max_wait;
            let Some(model) = self.models.get_mut(name) else { return };
            let first = *model.left.entry(since).or_insert(self.time);
            if !behind.is_empty() && self.time < first.saturating_add(max_wait) {
                continue;
            }
            model.left.remove(&since);
            model.frontiers.insert(since, i64::MAX);
            let ids: Vec<WindowId> =
                model.windows.keys().filter(|id| id.epoch == since).cloned().collect();
            for id in ids {
                self.publish(name, &id, ClosedBy::Epoch, &behind, policy, epochs, out);
            }
        }
    }
}

/// The newest epoch in which a model is still as it was made by epoch `since`.
fn epoch_of<'e>(epochs: &'e Epochs, model: &str, since: u64) -> Option<(u64, &'e Epoch)> {
    epochs
        .epochs
        .iter()
        .rev()
        .find(|(_, epoch)| epoch.models.get(model).is_some_and(|rules| rules.since == since))
        .map(|(&number, epoch)| (number, &**epoch))
}

impl<'t> Lanes<'t> {
    fn of(all: &'t BTreeMap<Lane, LaneState>, epoch: &Epoch) -> Self {
        let mut lanes = Self { known: Vec::new(), unheard: Vec::new() };
        for topic in &epoch.topics {
            let of_topic = || all.iter().filter(|(_, lane)| lane.topic == *topic);
            // A topic that was deleted and made again has a new id; its old lanes hold nobody up.
            let newest = of_topic().max_by_key(|(_, lane)| lane.opened_at).map(|(id, _)| id.topic);
            let current = || of_topic().filter(|(id, _)| Some(id.topic) == newest);
            let partitions = current().map(|(_, lane)| lane.partitions).max().unwrap_or(1);
            for partition in 0..partitions {
                match current().find(|(id, _)| id.partition == partition) {
                    Some((&id, lane)) if lane.cursor.is_known() => lanes.known.push((id, lane)),
                    _ => lanes.unheard.push(format!("{topic}/{partition}")),
                }
            }
        }
        lanes
    }

    fn any_passed(&self, model: &ModelState, end: i64, timing: Timing) -> bool {
        self.known.iter().any(|(id, _)| passed(model, *id, end, timing))
    }

    fn verdict(
        &self,
        model: &ModelState,
        end: i64,
        timing: Timing,
        first_passed: Option<i64>,
        now: i64,
    ) -> Verdict {
        let overdue =
            first_passed.is_some_and(|first| now >= first.saturating_add(timing.max_wait));
        if !overdue && !self.unheard.is_empty() {
            return Verdict::Wait;
        }
        let mut left_out = self.unheard.clone();
        let mut waited_out = !self.unheard.is_empty();
        for (id, lane) in &self.known {
            if passed(model, *id, end, timing) {
                continue;
            }
            let last = model.lanes.get(id).map_or(i64::MIN, |lane| lane.last_row_at);
            let idle = lane.reached >= last.max(lane.opened_at).saturating_add(timing.idle);
            if !idle && !overdue {
                return Verdict::Wait;
            }
            waited_out |= !idle;
            left_out.push(format!("{}/{}", lane.topic, id.partition));
        }
        let by = if waited_out { ClosedBy::MaxWait } else { ClosedBy::Period };
        Verdict::Seal { by, left_out }
    }
}

/// Whether a lane has passed a window's end and lateness.
fn passed(model: &ModelState, lane: Lane, end: i64, timing: Timing) -> bool {
    let watermark = model.lanes.get(&lane).and_then(|lane| lane.watermark);
    let lateness = timing.lateness.saturating_mul(1000);
    watermark.is_some_and(|mark| end.saturating_add(lateness) <= mark)
}
