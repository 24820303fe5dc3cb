//! What became known of predictions: into the windows that they are in, and out again as revisions.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::alert::{AlertEvent, Published};
use crate::batch::{Content, More, News, Realized};
use crate::epoch::{Epochs, Model, Version};
use crate::profile::WindowRule;
use crate::tally::awaiting::step;
use crate::tally::checkpoint::key;
use crate::tally::early::is_preliminary;
use crate::tally::model::ModelState;
use crate::tally::publish::chain;
use crate::tally::{Moment, Output, Tally, WindowId, segments};
use crate::window::{Awaited, Labels, Repeat, RevisionCause, WindowResult};

/// A realized figure is shown from this share of targets on.
const SHOWN: f64 = 0.9;

impl Tally {
    /// Takes what a partition of the join log has found out.
    pub(super) fn realize(
        &mut self,
        moment: &Moment<'_>,
        content: &Content,
        out: &mut Vec<Output>,
    ) {
        let mut touched: BTreeSet<(String, WindowId)> = BTreeSet::new();
        for realized in &content.realized {
            if let Some(id) = self.learn(realized, moment.epochs) {
                touched.insert((realized.model.to_string(), id));
            }
        }
        if let Some(lane) = self.lanes.get_mut(&moment.lane) {
            lane.joined
                .extend(content.reached.iter().map(|reached| (reached.lane, reached.cursor)));
        }
        for (model, id) in touched {
            self.touch(&model, &id, moment.epochs, out);
            self.look_at_targets(&model, &id, moment.epochs, out);
        }
        let partitions = self.lanes.get(&moment.lane).map_or(1, |lane| lane.partitions);
        let mut heard: BTreeSet<&str> = BTreeSet::new();
        for settled in &content.settled {
            if let Some(model) = self.models.get_mut(&settled.model) {
                model.settling.hear(moment.lane, partitions, settled.lane, settled.until);
                heard.insert(&settled.model);
            }
        }
        for model in heard {
            self.finish(model, moment.epochs, out);
        }
    }

    /// Puts news of a prediction where it belongs; the window, if it is a sealed one.
    fn learn(&mut self, realized: &Realized, epochs: &Epochs) -> Option<WindowId> {
        let rules = epochs.model(realized.epoch, &realized.model)?;
        let served = rules.version(&realized.version)?;
        rules.settings.ground_truth.as_ref()?;
        let model = self.models.get_mut(&*realized.model)?;
        let (lane, position) = (realized.lane, realized.position);
        let excluded = model.settling.excluded.get(&lane);
        let is_excluded = excluded.is_some_and(|excluded| excluded.has(position));
        let id = model.window_of(rules, realized).filter(|_| !is_excluded);
        let Some(id) = id else {
            model.settling.unplaced += 1;
            return None;
        };
        if let Some(open) = model.windows.get_mut(&id) {
            take(open.awaited.get_or_insert_default(), served, realized);
            open.changed = true;
            None
        } else if let Some(window) = model.awaiting.get_mut(&id).filter(|window| !window.left_out) {
            take(&mut window.awaited, served, realized);
            let more = realized.more.as_deref();
            if let Some(segments) = more.and_then(|more| more.segments.as_ref()) {
                window.news.get_or_insert_default().extend(segments);
            }
            window.changed = true;
            Some(id)
        } else {
            model.settling.unplaced += 1;
            None
        }
    }

    /// Publishes a window of which something new is known, now or when it is time.
    fn touch(&mut self, name: &str, id: &WindowId, epochs: &Epochs, out: &mut Vec<Output>) {
        let Some(rules) = self.in_force(epochs, name, id.epoch).map(|(rules, _)| rules) else {
            return;
        };
        let Some(truth) = &rules.settings.ground_truth else { return };
        let every = i64::try_from(truth.every.as_millis()).unwrap_or(i64::MAX);
        let window = self.models.get_mut(name).and_then(|model| model.awaiting.get_mut(id));
        let Some(window) = window else { return };
        let coverage = window.awaited.targets() as f64 / window.awaited.rows().max(1) as f64;
        let due = window.published_at.saturating_add(every);
        if step(coverage, truth.min_coverage) > window.step || due <= self.time {
            self.restate(name, id, false, epochs, out);
        } else if window.due.is_none() {
            window.due = Some(due);
            self.due.insert((due, name.to_owned(), id.clone()));
        }
    }

    /// Publishes the windows whose time has come; called after each record that was taken.
    pub(super) fn restate_due(&mut self, epochs: &Epochs, out: &mut Vec<Output>) {
        while let Some((due, name, id)) = self.due.pop_first() {
            if due > self.time {
                self.due.insert((due, name, id));
                return;
            }
            self.restate(&name, &id, false, epochs, out);
        }
    }

    /// Looks which windows of all models will change no more.
    pub(super) fn finish_all(&mut self, epochs: &Epochs, out: &mut Vec<Output>) {
        let awaiting = self.models.iter().filter(|(_, model)| !model.awaiting.is_empty());
        let names: Vec<String> = awaiting.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.finish(&name, epochs, out);
        }
    }

    /// Publishes for the last time what will change no more. Windows are looked at in their order, up to the first of
    /// which more may become known.
    pub(super) fn finish(&mut self, name: &str, epochs: &Epochs, out: &mut Vec<Output>) {
        // Without ground truth in the settings nothing more will come.
        let newest = epochs.epochs.last_key_value().and_then(|(_, epoch)| epoch.models.get(name));
        let none = newest.is_none_or(|rules| rules.settings.ground_truth.is_none());
        let Some(model) = self.models.get_mut(name) else { return };
        model.settling.forget();
        let settling = &model.settling;
        let over = model.awaiting.first(|window| none || settling.is_over(&window.inputs));
        for id in over {
            self.restate(name, &id, true, epochs, out);
            if let Some(model) = self.models.get_mut(name)
                && let Some(window) = model.awaiting.remove(&id)
            {
                model.settling.leave(&id, &window.inputs);
                self.gone.insert(key(name, &id, true));
            }
        }
    }

    /// Publishes what is known of a window by now.
    fn restate(
        &mut self,
        name: &str,
        id: &WindowId,
        is_final: bool,
        epochs: &Epochs,
        out: &mut Vec<Output>,
    ) {
        let now = self.time;
        let rules = self.in_force(epochs, name, id.epoch).map(|(rules, _)| rules);
        let Some(model) = self.models.get_mut(name) else { return };
        let Some(window) = model.awaiting.get_mut(id) else { return };
        if let Some(due) = window.due.take() {
            self.due.remove(&(due, name.to_owned(), id.clone()));
        }
        if window.left_out {
            return;
        }
        let Some((rules, served)) =
            rules.and_then(|rules| Some((rules, rules.version(&id.version)?)))
        else {
            return;
        };
        let head = window.result(name, id, (rules, served), &self.lanes);
        let Some(outcome) = window.awaited.measure(&served.plan) else { return };
        let coverage = outcome.coverage();
        window.revision += 1;
        window.published_at = now;
        window.step = least_coverage(rules).map_or(0, |least| step(coverage, least));
        window.changed = true;
        let estimated = window.awaited.estimated();
        let head = WindowResult {
            revision: window.revision,
            revision_cause: Some(RevisionCause::Targets),
            is_final,
            ..head
        };
        let segments = segments::restated(&head, window, &served.plan, is_final);
        let result = WindowResult {
            coverage: Some(coverage),
            targets: Some(window.awaited.told(&served.plan)),
            figures: served.plan.realized_figures(head.window_rows, &outcome, &estimated),
            ..head
        }
        .with_id();
        let version = model.versions.entry(id.version.clone()).or_default();
        version.show_realized(&result);
        version.show_segments(&segments);
        let policy = epochs.policy(self.policy, name);
        let muted_until = model.muted.until(now);
        let seen =
            Published { result: &result, segments: &segments, muted_until: muted_until.as_deref() };
        let alert = version.watch.revise(&policy, &seen);
        let settled = model.settle_targets(name, id, &seen, is_preliminary(&result, SHOWN));
        let alerts: Vec<AlertEvent> = settled.into_iter().chain(alert).collect();
        for result in [result].into_iter().chain(segments) {
            self.outputs = chain(self.outputs, &result);
            out.push(Output::Result(Box::new(result)));
        }
        self.tell(alerts, out);
    }
}

impl ModelState {
    /// The window that a prediction is in.
    fn window_of(&self, rules: &Model, realized: &Realized) -> Option<WindowId> {
        let (epoch, version) = (rules.since, &realized.version);
        let (lane, position) = (realized.lane, realized.position);
        let at = |start| WindowId { epoch, start, version: version.to_string() };
        match rules.timing.rule {
            WindowRule::Period(period) => Some(at(WindowRule::period_of(period, realized.time).0)),
            WindowRule::Size(_) => {
                let filling = at(self.next_size(epoch, version));
                let inputs = self.windows.get(&filling).map(|window| &window.inputs);
                let input = inputs.and_then(|inputs| inputs.get(&lane));
                if input.is_some_and(|input| input.from <= position) {
                    return Some(filling);
                }
                let start = self.settling.find(&(epoch, version.to_string(), lane), position)?;
                Some(at(start))
            }
            WindowRule::Number(_) | WindowRule::Days { .. } => None,
        }
    }
}

/// The least share of targets by which realized figures are judged.
pub(super) fn least_coverage(rules: &Model) -> Option<f64> {
    Some(rules.settings.ground_truth.as_ref()?.min_coverage)
}

/// Whether a result is one that realized performance is shown of.
pub(super) fn is_shown(result: &WindowResult) -> bool {
    let coverage = result.coverage.unwrap_or(0.0);
    coverage >= SHOWN || result.is_final && coverage > 0.0
}

fn take(awaited: &mut Awaited, served: &Arc<Version>, realized: &Realized) {
    let predicted = realized.predicted.as_deref();
    let more = realized.more.as_deref().unwrap_or(More::NOTHING);
    let segments = more.segments.as_deref().unwrap_or_default();
    match &realized.news {
        News::Target { before, after, lag } => awaited.learn(
            &served.plan,
            Labels {
                score: realized.score,
                scores: &more.scores,
                predicted,
                before: before.as_deref(),
                after: after.as_deref(),
                lag: *lag,
                segments,
                terms: more.terms.as_deref().unwrap_or_default(),
                sample: more.sample,
            },
        ),
        News::Repeated => {
            let (score, scores) = (realized.score, more.scores.as_slice());
            awaited.repeat(&served.plan, Repeat { score, scores, predicted, segments });
        }
    }
}
