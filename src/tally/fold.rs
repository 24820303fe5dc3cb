//! Rows into windows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::batch::{Content, Digest, Lane};
use crate::epoch::Model;
use crate::profile::WindowRule;
use crate::tally::lane::{Fates, LaneState};
use crate::tally::model::ModelState;
use crate::tally::open::{OpenWindow, Strays};
use crate::tally::part::{Part, Run, Served, Span};
use crate::tally::{Moment, Output, Tally, WindowId};
use crate::window::{ClosedBy, WindowState};

/// Rows of one version that are on their way into the window that is filling.
#[derive(Clone, Copy)]
struct Filling {
    section: usize,
    span: Span,
    /// How many more it takes.
    room: usize,
}

impl Tally {
    pub(super) fn fold(&mut self, moment: &Moment<'_>, content: &Content, out: &mut Vec<Output>) {
        let rejects = content.rejects.iter().filter_map(|reject| reject.model.as_ref());
        let names: BTreeSet<&str> = (content.sections.iter().map(|section| &section.model))
            .chain(rejects.map(|(model, _)| model))
            .map(String::as_str)
            .collect();
        for name in names {
            // A reject that names no model that we know is in the ledger alone; rows have one, see `check`.
            let Some(rules) = moment.epochs.model(moment.epoch, name) else { continue };
            self.hear(name, content, out);
            let part = Part::of(content, name, rules);
            match rules.timing.rule {
                WindowRule::Size(size) => self.fold_by_size(moment, &part, size, out),
                WindowRule::Period(period) => self.fold_by_period(moment, &part, period),
                WindowRule::Number(_) | WindowRule::Days { .. } => {}
            }
        }
        account(&mut self.lanes, moment.lane, |fates| {
            let offsets = content.rejects.iter().map(|reject| reject.offset);
            fates.rejected.merge(&Digest::of(offsets));
            fates.filtered.merge(&Digest::of(content.filtered.iter().copied()));
            fates.truths.merge(&Digest::of(content.truths.iter().copied()));
        });
    }

    fn fold_by_size(
        &mut self,
        moment: &Moment<'_>,
        part: &Part<'_>,
        size: u64,
        out: &mut Vec<Output>,
    ) {
        let since = part.rules.since;
        let limit = future(moment.appended, part.rules.timing.skew);
        // By the first section of the version.
        let mut filling: Vec<Option<Filling>> = vec![None; part.sections.len()];
        for run in part.runs() {
            let (section, rows) = match run {
                Run::Rows { section, span } => (section, span),
                Run::Reject(version) => {
                    let model = self.models.entry(part.name.to_owned()).or_default();
                    model.stray(
                        version,
                        (since, model.next_size(since, version)),
                        Strays::REJECTED,
                    );
                    continue;
                }
            };
            let served = &part.sections[section];
            for (span, quarantined) in by_skew(served, rows, limit) {
                let model = self.models.entry(part.name.to_owned()).or_default();
                let at = (since, model.next_size(since, served.version()));
                if quarantined || model.is_closed(since) {
                    model.exclude(part.rules, moment.lane, served.offsets(span));
                    let digest = served.digest(span);
                    let strays = Strays::of(quarantined, digest.count);
                    model.stray(served.version(), at, strays);
                    account(&mut self.lanes, moment.lane, |fates| {
                        if quarantined { &mut fates.quarantined } else { &mut fates.late }
                            .merge(&digest);
                    });
                    continue;
                }
                model.include(moment.lane);
                let state = model.lanes.entry(moment.lane).or_default();
                state.last_row_at = state.last_row_at.max(moment.appended);
                state.watermark = state.watermark.max(served.latest(span));
                let mut rest = span;
                while rest.length > 0 {
                    rest = self.fill(
                        moment,
                        part,
                        section,
                        rest,
                        size,
                        &mut filling[served.first_of_version],
                        out,
                    );
                }
            }
        }
        for filling in filling.into_iter().flatten() {
            self.put_filling(moment, part, filling);
        }
    }

    /// Adds as many rows as the window that is filling takes; publishes it when it is full. What is left over.
    #[expect(clippy::too_many_arguments, reason = "all of one run")]
    fn fill(
        &mut self,
        moment: &Moment<'_>,
        part: &Part<'_>,
        section: usize,
        rest: Span,
        size: u64,
        filling: &mut Option<Filling>,
        out: &mut Vec<Output>,
    ) -> Span {
        let mut now = match filling.take() {
            Some(now) if now.section == section && now.span.end() == rest.start => now,
            before => {
                if let Some(before) = before {
                    self.put_filling(moment, part, before);
                }
                let id = self.filling_id(part, section);
                let window = self.models.get(part.name).and_then(|model| model.windows.get(&id));
                let room = size.saturating_sub(window.map_or(0, |window| window.rows)).max(1);
                let room = usize::try_from(room).unwrap_or(usize::MAX);
                Filling { section, span: Span { start: rest.start, length: 0 }, room }
            }
        };
        let taken = now.room.min(rest.length);
        now.span.length += taken;
        now.room -= taken;
        if now.room == 0 {
            let id = self.put_filling(moment, part, now);
            self.publish(part.name, &id, ClosedBy::Size, &[], moment.epochs, out);
        } else {
            *filling = Some(now);
        }
        Span { start: rest.start + taken, length: rest.length - taken }
    }

    /// The window that is filling with rows of a section.
    fn filling_id(&self, part: &Part<'_>, section: usize) -> WindowId {
        let (epoch, version) = (part.rules.since, part.sections[section].version());
        let start = self.models.get(part.name).map_or(0, |model| model.next_size(epoch, version));
        WindowId { epoch, start, version: version.to_owned() }
    }

    fn put_filling(&mut self, moment: &Moment<'_>, part: &Part<'_>, filling: Filling) -> WindowId {
        let id = self.filling_id(part, filling.section);
        let model = self.models.entry(part.name.to_owned()).or_default();
        let served = &part.sections[filling.section];
        let folded = model.put(moment.lane, id.clone(), served, filling.span);
        account(&mut self.lanes, moment.lane, |fates| fates.open.merge(&folded));
        id
    }

    fn fold_by_period(&mut self, moment: &Moment<'_>, part: &Part<'_>, period: Duration) {
        let since = part.rules.since;
        let timing = part.rules.timing;
        let limit = future(moment.appended, timing.skew);
        let model = self.models.entry(part.name.to_owned()).or_default();
        let closed = model.is_closed(since);
        let frontier = model.frontiers.get(&since).copied().unwrap_or(i64::MIN);
        let mut watermark = model.lanes.get(&moment.lane).and_then(|lane| lane.watermark);
        let mut had_rows = false;
        let [mut open, mut late, mut quarantined] = [Digest::default(); 3];
        let window_of = |time| WindowRule::period_of(period, time);
        let stand =
            |watermark: Option<i64>| (since, watermark.map_or(i64::MIN, |mark| window_of(mark).0));
        // Runs of rows that go into one window, by section.
        let mut spans: Vec<Vec<(i64, Span)>> = vec![Vec::new(); part.sections.len()];
        for run in part.runs() {
            let (section, rows) = match run {
                Run::Rows { section, span } => (section, span),
                Run::Reject(version) => {
                    model.stray(version, stand(watermark), Strays::REJECTED);
                    continue;
                }
            };
            let served = &part.sections[section];
            let mut last: Option<(i64, i64)> = None;
            for (row, &time) in (rows.start..).zip(served.times(rows)) {
                if time > limit {
                    model.exclude(part.rules, moment.lane, &[served.offset(row)]);
                    quarantined.add(served.offset(row));
                    model.stray(served.version(), stand(watermark), Strays::of(true, 1));
                    continue;
                }
                had_rows = true;
                let (start, end) = match last {
                    Some((start, end)) if start <= time && time < end => (start, end),
                    _ => window_of(time),
                };
                last = Some((start, end));
                let passed = watermark.is_some_and(|mark| timing.passed(end, mark));
                if closed || end <= frontier || passed {
                    model.exclude(part.rules, moment.lane, &[served.offset(row)]);
                    late.add(served.offset(row));
                    model.stray(served.version(), stand(watermark), Strays::of(false, 1));
                    continue;
                }
                model.include(moment.lane);
                watermark = watermark.max(Some(time));
                match spans[section].last_mut() {
                    Some((before, span)) if *before == start && span.end() == row => {
                        span.length += 1;
                    }
                    _ => spans[section].push((start, Span { start: row, length: 1 })),
                }
            }
        }
        if had_rows {
            let state = model.lanes.entry(moment.lane).or_default();
            state.last_row_at = state.last_row_at.max(moment.appended);
            state.watermark = watermark;
        }
        for (served, spans) in part.sections.iter().zip(spans) {
            for (start, span) in spans {
                let id = WindowId { epoch: since, start, version: served.version().to_owned() };
                open.merge(&model.put(moment.lane, id, served, span));
            }
        }
        account(&mut self.lanes, moment.lane, |fates| {
            fates.open.merge(&open);
            fates.late.merge(&late);
            fates.quarantined.merge(&quarantined);
        });
    }
}

impl ModelState {
    /// Notes rows that are in no window, where targets may come for them.
    fn exclude(&mut self, rules: &Model, lane: Lane, offsets: &[i64]) {
        if rules.settings.ground_truth.is_some() {
            let excluded = self.settling.excluded.entry(lane).or_default();
            for &offset in offsets {
                excluded.add(offset);
            }
        }
    }

    /// Notes that a row of the lane is in a window.
    fn include(&mut self, lane: Lane) {
        if let Some(excluded) = self.settling.excluded.get_mut(&lane) {
            excluded.end();
        }
    }

    /// Folds rows into a window.
    fn put(&mut self, lane: Lane, id: WindowId, served: &Served<'_>, span: Span) -> Digest {
        let version = self.versions.entry(id.version.clone()).or_default();
        let window = self
            .windows
            .entry(id)
            .or_insert_with(|| OpenWindow::new(served.plan.map(WindowState::new)));
        if let (Some(state), Some(plan), Some(prepared)) =
            (&mut window.state, served.plan, &served.prepared)
        {
            state.fold(plan, prepared, span.start, span.length);
        }
        let noted = window.note(lane, served.offsets(span), served.times(span));
        version.see(window);
        noted
    }
}

/// Enters what became of records in the ledger of their lane, which is there since its record was admitted.
fn account(lanes: &mut BTreeMap<Lane, LaneState>, lane: Lane, enter: impl FnOnce(&mut Fates)) {
    if let Some(state) = lanes.get_mut(&lane) {
        enter(&mut state.fates);
    }
}

/// The greatest event time that is not from the future, in microseconds.
fn future(appended: i64, skew: i64) -> i64 {
    appended.saturating_add(skew).saturating_mul(1000)
}

/// Runs of rows that are from the future, and that are not.
fn by_skew(served: &Served<'_>, rows: Span, limit: i64) -> Vec<(Span, bool)> {
    let times = served.times(rows);
    if times.iter().all(|&time| time <= limit) {
        return vec![(rows, false)];
    }
    let mut start = rows.start;
    times
        .chunk_by(|a, b| (*a > limit) == (*b > limit))
        .map(|run| {
            let span = Span { start, length: run.len() };
            start += run.len();
            (span, run[0] > limit)
        })
        .collect()
}
