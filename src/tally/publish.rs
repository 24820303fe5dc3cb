//! From a sealed window to its result, and to what the alert policy makes of it.

use xxhash_rust::xxh3::Xxh3;

use crate::alert::{AlertEvent, Published};
use crate::epoch::Epochs;
use crate::profile::WindowRule;
use crate::tally::awaiting::{AwaitingWindow, Sealed, step, told};
use crate::tally::checkpoint::{key, segment_key};
use crate::tally::model::ModelState;
use crate::tally::open::OpenWindow;
use crate::tally::realize::least_coverage;
use crate::tally::{Output, Tally, WindowId, segments};
use crate::window::{Awaited, ClosedBy, Dataset, Heading, Plan, Repeated, WindowResult};

/// So many windows of a model that wait for targets keep the rows that the concept is learnt from again.
const WITH_ROWS: usize = 100;

impl Tally {
    /// Takes a window out of the open ones and publishes it.
    pub(super) fn publish(
        &mut self,
        name: &str,
        id: &WindowId,
        by: ClosedBy,
        left_out: &[String],
        epochs: &Epochs,
        out: &mut Vec<Output>,
    ) {
        // The epoch that made the model what the window was folded by may not be the newest.
        let rules = self.in_force(epochs, name, id.epoch).map(|(rules, _)| rules);
        let Some(model) = self.models.get_mut(name) else { return };
        let Some(mut window) = model.windows.remove(id) else { return };
        self.gone.insert(key(name, id, false));
        let strays = model.take_strays(id);
        let version_state = model.versions.entry(id.version.clone()).or_default();
        let index = version_state.next_index;
        version_state.next_index += 1;
        for (lane, input) in &window.inputs {
            let Some(state) = self.lanes.get_mut(lane) else { continue };
            state.fates.open.remove(&input.digest);
            state.fates.sealed.merge(&input.digest);
        }
        let served = rules.and_then(|rules| rules.version(&id.version));
        let period = rules.and_then(|rules| match rules.timing.rule {
            WindowRule::Period(period) => Some(WindowRule::period_of(period, id.start)),
            _ => None,
        });
        if period.is_none() {
            version_state.next_size.insert(id.epoch, id.start + 1);
        }
        let heading = Heading {
            model: name.to_owned(),
            version: id.version.clone(),
            dataset: Dataset::Analysis,
            index,
            span: period.or(window.times.map(|(least, greatest)| (least, greatest + 1))),
            row_span: None,
            rows: window.rows,
            closed_by: by,
            late: strays.late,
            rejected: strays.rejected,
            quarantined: strays.quarantined,
            lanes_left_out: left_out.to_vec(),
            inputs: told(&window.inputs, &self.lanes),
            epoch: id.epoch,
            profile: served.map_or_else(String::new, |served| served.profile.clone()),
            settings: rules.map_or_else(String::new, |rules| rules.settings_hash.clone()),
        };
        let sealed = Sealed::new(&heading, strays, period.is_none());
        let least = rules.and_then(least_coverage);
        let (mut result, segments, awaited) =
            measured(&mut window, heading, served.map(|served| &served.plan), least);
        version_state.show_sealed(&mut result, served.filter(|_| window.state.is_some()));
        for segment in version_state.forget_segments(served.map(|served| &served.plan)) {
            self.gone.insert(segment_key(name, &id.version, &segment));
        }
        version_state.show_segments(&segments);
        // They are looked at, not judged: neither state nor alerts hold them.
        let distributions = window.distributions(served);
        let policy = epochs.policy(self.policy, name);
        let muted_until = model.muted.until(self.time);
        let seen =
            Published { result: &result, segments: &segments, muted_until: muted_until.as_deref() };
        let mut alerts = version_state.settle(name, id, &seen, awaited.is_some());
        alerts.extend(version_state.watch.seal(&policy, &seen, awaited.is_some()));
        if let Some((awaited, step)) = awaited {
            version_state.show_realized(&result);
            let mut waiting = AwaitingWindow::new(sealed, window.inputs, awaited, self.time, step);
            waiting.warned = window.warned[1];
            waiting.place(id, &mut model.settling);
            model.awaiting.insert(id.clone(), waiting);
        }
        alerts.extend(model.retire_older(&result, period.is_none(), policy.superseded_after));
        for result in [WindowResult { distributions, ..result }].into_iter().chain(segments) {
            self.outputs = chain(self.outputs, &result);
            out.push(Output::Result(Box::new(result)));
        }
        self.tell(alerts, out);
        if served.is_some_and(|served| served.plan.learns_concept()) {
            self.forget_rows(name, id, epochs);
        }
    }

    /// Forgets the rows of the window that is the first of more than [`WITH_ROWS`] which keep some, now that another one
    /// waits for targets.
    fn forget_rows(&mut self, name: &str, newest: &WindowId, epochs: &Epochs) {
        let beyond = |model: &ModelState| model.awaiting.beyond(WITH_ROWS, newest);
        let Some(id) = self.models.get(name).and_then(beyond) else { return };
        let rules = self.in_force(epochs, name, id.epoch).map(|(rules, _)| rules);
        let served = rules.and_then(|rules| rules.version(&id.version));
        let Some(model) = self.models.get_mut(name) else { return };
        let Some(window) = model.awaiting.get_mut(&id) else { return };
        if window.awaited.keeps_rows() {
            window.awaited.forget_rows(served.map(|served| &served.plan));
            window.changed = true;
        }
    }

    /// Publishes what is said of alerts.
    pub(super) fn tell(
        &mut self,
        alerts: impl IntoIterator<Item = AlertEvent>,
        out: &mut Vec<Output>,
    ) {
        for event in alerts {
            self.outputs.0 += 1;
            out.push(Output::Alert(Box::new(event)));
        }
    }
}

/// The result of a window, those of its segments, and what is kept while its targets come, with the step of coverage that
/// they have reached; `least` is the least coverage that counts, where targets come late.
fn measured(
    window: &mut OpenWindow,
    heading: Heading,
    plan: Option<&Plan>,
    least: Option<f64>,
) -> (WindowResult, Vec<WindowResult>, Option<(Awaited, u32)>) {
    let (Some(state), Some(plan)) = (&mut window.state, plan) else {
        return (heading.result_without_profile(), Vec::new(), None);
    };
    let bare = heading.clone().bare();
    let Some(least) = least else {
        let reading = state.evaluate(plan);
        // Events that bring their own targets.
        let told = state.has_targets().then(|| state.outcome(plan, &Repeated::default()));
        let (outcome, targets) = told.flatten().unzip();
        let segments = segments::sealed(&bare, state, plan, None);
        let result = heading.result(plan, &reading, outcome.as_ref());
        return (WindowResult { targets, ..result }, segments, None);
    };
    let mut awaited = *window.awaited.take().unwrap_or_default();
    awaited.seal(state, plan);
    let reading = state.evaluate(plan);
    let Some(outcome) = awaited.measure(plan) else {
        let segments = segments::sealed(&bare, state, plan, None);
        return (heading.result(plan, &reading, None), segments, None);
    };
    let result = WindowResult {
        is_final: false,
        targets: Some(awaited.told(plan)),
        ..heading.result(plan, &reading, Some(&outcome))
    };
    awaited.keep_estimated(&result.figures);
    let segments = segments::sealed(&bare, state, plan, Some(&mut awaited));
    (result, segments, Some((awaited, step(outcome.coverage(), least))))
}

/// The running hash of outputs: all figures that are published, but not the version of vigie. Alerts and distributions
/// follow from the same rows.
pub(super) fn chain((count, hash): (u64, u128), result: &WindowResult) -> (u64, u128) {
    let mut hasher = Xxh3::new();
    hasher.update(&hash.to_le_bytes());
    let bare = WindowResult { engine: String::new(), distributions: Vec::new(), ..result.clone() };
    if let Ok(bytes) = serde_json::to_vec(&bare) {
        hasher.update(&bytes);
    }
    (count + 1, hasher.digest128())
}
