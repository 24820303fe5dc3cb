//! Rows into windows.

use crate::batch::{Content, Digest, Lane, Section};
use crate::epoch::{Epochs, Model};
use crate::profile::WindowRule;
use crate::tally::model::ModelState;
use crate::tally::open::{OpenWindow, Strays};
use crate::tally::{Fates, Output, Tally, WindowId};
use crate::window::{ClosedBy, Plan, Prepared, WindowState};

/// Rows of a section that belong together, from a first one.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    length: usize,
}

impl Tally {
    #[expect(clippy::too_many_arguments, reason = "all of one record")]
    pub(super) fn fold(
        &mut self,
        lane: Lane,
        epoch: u64,
        policy: u64,
        appended: i64,
        content: Content,
        epochs: &Epochs,
        out: &mut Vec<Output>,
    ) {
        for section in &content.sections {
            let Some(rules) = epochs.model(epoch, &section.model) else { continue };
            match rules.timing.rule {
                WindowRule::Size(size) => {
                    self.fold_by_size(lane, policy, appended, section, rules, size, epochs, out);
                }
                _ => self.fold_by_period(lane, appended, section, rules),
            }
        }
        let mut rejected = Digest::default();
        for reject in &content.rejects {
            rejected.add(reject.offset);
            // A reject that names no model that we know is in the ledger alone.
            let Some((model, version)) = &reject.model else { continue };
            let Some(rules) = epochs.model(epoch, model) else { continue };
            let strays = Strays { rejected: 1, ..Strays::default() };
            self.models.entry(model.clone()).or_default().stray(lane, version, rules, strays);
        }
        self.account(lane, |fates| {
            fates.rejected.merge(&rejected);
            fates.filtered.merge(&Digest::of(content.filtered));
        });
    }

    /// Enters what became of records in the ledger of their lane, which is there since its record was admitted.
    fn account(&mut self, lane: Lane, enter: impl FnOnce(&mut Fates)) {
        if let Some(state) = self.lanes.get_mut(&lane) {
            enter(&mut state.fates);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of one section")]
    fn fold_by_size(
        &mut self,
        lane: Lane,
        policy: u64,
        appended: i64,
        section: &Section,
        rules: &Model,
        size: u64,
        epochs: &Epochs,
        out: &mut Vec<Output>,
    ) {
        let offsets = &section.rows.offsets;
        let times = section.rows.times.as_deref().unwrap_or_default();
        let plan = plan_of(section, rules);
        let prepared = plan.map(|plan| plan.prepare(&section.rows));
        for (span, quarantined) in by_skew(times, offsets.len(), appended, rules.timing.skew) {
            if quarantined {
                self.quarantine(lane, section, rules, span);
                continue;
            }
            let model = self.models.entry(section.model.clone()).or_default();
            if model.is_closed(rules.since) {
                self.late(lane, section, rules, span);
                continue;
            }
            model.advance(lane, appended, times.get(span.start..span.start + span.length));
            let mut start = span.start;
            let end = span.start + span.length;
            while start < end {
                let model = self.models.entry(section.model.clone()).or_default();
                let version = model.versions.entry(section.version.clone()).or_default();
                let id = WindowId {
                    epoch: rules.since,
                    start: version.next_size,
                    version: section.version.clone(),
                };
                let window = model.windows.entry(id.clone()).or_insert_with(|| empty(plan));
                let room = size.saturating_sub(window.rows).max(1);
                let length = usize::try_from(room).unwrap_or(usize::MAX).min(end - start);
                let folded =
                    put(window, plan, prepared.as_ref(), lane, section, Span { start, length });
                version.see(window);
                let full = window.rows >= size;
                if let Some(state) = model.lanes.get_mut(&lane) {
                    if let Some(strays) = state.strays.remove(&section.version) {
                        window.strays.merge(strays);
                    }
                }
                self.account(lane, |fates| fates.open.merge(&folded));
                if full {
                    self.publish(&section.model, &id, ClosedBy::Size, &[], policy, epochs, out);
                }
                start += length;
            }
        }
    }

    fn fold_by_period(&mut self, lane: Lane, appended: i64, section: &Section, rules: &Model) {
        let WindowRule::Period(period) = rules.timing.rule else { return };
        let offsets = &section.rows.offsets;
        let Some(times) = section.rows.times.as_deref() else { return };
        let plan = plan_of(section, rules);
        let prepared = plan.map(|plan| plan.prepare(&section.rows));
        let lateness = rules.timing.lateness.saturating_mul(1000);
        let limit = future(appended, rules.timing.skew);
        let model = self.models.entry(section.model.clone()).or_default();
        let closed = model.is_closed(rules.since);
        let frontier = model.frontiers.get(&rules.since).copied().unwrap_or(i64::MIN);
        let mut watermark = model.lanes.get(&lane).and_then(|lane| lane.watermark);
        // Runs of rows with one destiny.
        let mut runs: Vec<(Destiny, Span, Option<i64>)> = Vec::new();
        let mut last: Option<(i64, i64)> = None;
        for (row, &time) in times.iter().enumerate() {
            let (start, end) = match last {
                Some((start, end)) if start <= time && time < end => (start, end),
                _ => WindowRule::period_of(period, time),
            };
            last = Some((start, end));
            let destiny = if time > limit {
                Destiny::Quarantined
            } else if closed
                || end <= frontier
                || watermark.is_some_and(|mark| end.saturating_add(lateness) <= mark)
            {
                Destiny::Late
            } else {
                watermark = Some(watermark.map_or(time, |mark| mark.max(time)));
                Destiny::Window(start)
            };
            match runs.last_mut() {
                // What a stray is counted in depends on the watermark where it stands.
                Some((before, span, mark))
                    if *before == destiny
                        && (matches!(destiny, Destiny::Window(_)) || *mark == watermark) =>
                {
                    span.length += 1;
                    *mark = watermark;
                }
                _ => runs.push((destiny, Span { start: row, length: 1 }, watermark)),
            }
        }
        for (destiny, span, watermark) in runs {
            let model = self.models.entry(section.model.clone()).or_default();
            let state = model.lanes.entry(lane).or_default();
            state.watermark = watermark;
            match destiny {
                Destiny::Quarantined => self.quarantine(lane, section, rules, span),
                Destiny::Late => {
                    state.last_row_at = state.last_row_at.max(appended);
                    self.late(lane, section, rules, span);
                }
                Destiny::Window(start) => {
                    state.last_row_at = state.last_row_at.max(appended);
                    let strays = state.strays.remove(&section.version);
                    let id =
                        WindowId { epoch: rules.since, start, version: section.version.clone() };
                    let window = model.windows.entry(id).or_insert_with(|| empty(plan));
                    let folded = put(window, plan, prepared.as_ref(), lane, section, span);
                    if let Some(strays) = strays {
                        window.strays.merge(strays);
                    }
                    model.versions.entry(section.version.clone()).or_default().see(window);
                    self.account(lane, |fates| fates.open.merge(&folded));
                }
            }
        }
        debug_assert_eq!(offsets.len(), times.len(), "every row has a time");
    }

    fn quarantine(&mut self, lane: Lane, section: &Section, rules: &Model, span: Span) {
        let digest = digest(section, span);
        self.account(lane, |fates| fates.quarantined.merge(&digest));
        let strays = Strays { quarantined: digest.count, ..Strays::default() };
        let model = self.models.entry(section.model.clone()).or_default();
        model.stray(lane, &section.version, rules, strays);
    }

    fn late(&mut self, lane: Lane, section: &Section, rules: &Model, span: Span) {
        let digest = digest(section, span);
        self.account(lane, |fates| fates.late.merge(&digest));
        let strays = Strays { late: digest.count, ..Strays::default() };
        let model = self.models.entry(section.model.clone()).or_default();
        model.stray(lane, &section.version, rules, strays);
    }
}

/// What becomes of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Destiny {
    /// Into the window that starts then.
    Window(i64),
    Late,
    Quarantined,
}

impl ModelState {
    /// Whether no row of the epoch can be in a window any more.
    fn is_closed(&self, epoch: u64) -> bool {
        self.frontiers.get(&epoch) == Some(&i64::MAX)
    }

    /// Moves the lane's watermark.
    fn advance(&mut self, lane: Lane, appended: i64, times: Option<&[i64]>) {
        let state = self.lanes.entry(lane).or_default();
        state.last_row_at = state.last_row_at.max(appended);
        let greatest = times.and_then(|times| times.iter().max().copied());
        state.watermark = state.watermark.max(greatest);
    }

    /// Counts records that are in no window: in the one where the lane's watermark stands, as soon as there is one.
    fn stray(&mut self, lane: Lane, version: &str, rules: &Model, strays: Strays) {
        let state = self.lanes.entry(lane).or_default();
        let start = match rules.timing.rule {
            WindowRule::Period(period) => {
                state.watermark.map(|mark| WindowRule::period_of(period, mark).0)
            }
            _ => self.versions.get(version).map(|version| version.next_size),
        };
        let id =
            start.map(|start| WindowId { epoch: rules.since, start, version: version.to_owned() });
        match id.and_then(|id| self.windows.get_mut(&id)) {
            Some(window) => {
                window.strays.merge(strays);
                window.changed = true;
            }
            None => state.strays.entry(version.to_owned()).or_default().merge(strays),
        }
    }
}

fn plan_of<'r>(section: &Section, rules: &'r Model) -> Option<&'r Plan> {
    let version = rules.version(&section.version).filter(|_| section.profiled)?;
    Some(&version.plan)
}

fn empty(plan: Option<&Plan>) -> OpenWindow {
    OpenWindow::new(plan.map(WindowState::new))
}

/// Folds rows into a window.
fn put(
    window: &mut OpenWindow,
    plan: Option<&Plan>,
    prepared: Option<&Prepared<'_>>,
    lane: Lane,
    section: &Section,
    span: Span,
) -> Digest {
    if let (Some(state), Some(plan), Some(prepared)) = (&mut window.state, plan, prepared) {
        state.fold(plan, prepared, span.start, span.length);
    }
    let range = span.start..span.start + span.length;
    let times = section.rows.times.as_deref().and_then(|times| times.get(range.clone()));
    window.note(lane, &section.rows.offsets[range], times.unwrap_or_default())
}

fn digest(section: &Section, span: Span) -> Digest {
    Digest::of(section.rows.offsets[span.start..span.start + span.length].iter().copied())
}

/// The greatest event time that is not from the future, in microseconds.
fn future(appended: i64, skew: i64) -> i64 {
    appended.saturating_add(skew).saturating_mul(1000)
}

/// Runs of rows that are from the future, and that are not.
fn by_skew(times: &[i64], rows: usize, appended: i64, skew: i64) -> Vec<(Span, bool)> {
    let limit = future(appended, skew);
    if times.iter().all(|&time| time <= limit) {
        return vec![(Span { start: 0, length: rows }, false)];
    }
    let mut start = 0;
    times
        .chunk_by(|a, b| (*a > limit) == (*b > limit))
        .map(|run| {
            let span = Span { start, length: run.len() };
            start += run.len();
            (span, run[0] > limit)
        })
        .collect()
}
