//! The windows of a file: cut, folded and evaluated on all cores, in memory that does not grow with the file.
//!
//! A window is a monoid, so parts of it may be folded anywhere in any order: batches of rows are handed to whoever is
//! free, what they make is merged, and a window is evaluated once its last row is in.

use std::collections::BTreeMap;
#[expect(clippy::disallowed_types, reason = "only looked up")]
use std::collections::HashSet;
use std::mem;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::batch::Rows;
use crate::profile::{Beside, Reading};
use crate::window::{
    Cut, Distribution, Outcome, Plan, Repeated, SegmentPlan, Targets, WindowKey, WindowState,
};

/// A window of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileWindow {
    /// Which.
    pub key: WindowKey,
    /// Start and end, in microseconds since 1970 UTC, end exclusive.
    pub span: Option<(i64, i64)>,
    /// Its first and last row in the file, from 0.
    pub row_span: (u64, u64),
    /// Rows that could not be read, met while it was filling.
    pub rejected: u64,
    /// What was measured.
    pub reading: Reading,
    /// Realized performance, where rows have targets or may yet have some.
    pub outcome: Option<Outcome>,
    /// What is told of the targets, where it is.
    pub targets: Option<Targets>,
    /// Its segments, in the order of the plan's.
    pub segments: Vec<FileSegment>,
    /// Its columns in few bins, where these are asked for.
    pub distributions: Vec<Distribution>,
}

/// What is asked of windows beside their figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Targets are known to come: a window without any says so.
    pub targets: bool,
    /// The columns in few bins are to be shown.
    pub distributions: bool,
}

/// A segment of a window of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSegment {
    /// How many rows it has.
    pub rows: u64,
    /// What was measured; `None` where there are no rows, or the reference has too few.
    pub reading: Option<Reading>,
    /// Realized performance, as of the window.
    pub outcome: Option<Outcome>,
    /// What is told of the targets, where it is.
    pub targets: Option<Targets>,
}

/// Rows of a batch that could be read, and how many could not.
#[derive(Debug)]
pub struct Read {
    /// The rows; their offsets are their numbers in the file.
    pub rows: Rows,
    /// How many rows of the batch could not be read.
    pub rejected: u64,
    /// The ids of the rows, where targets are found by them; `None` for a row without.
    ///
    /// Of rows with the same id only the first one can have a target.
    pub ids: Option<Vec<Option<u128>>>,
    /// What tells segments that are still to be made; `None` where there are none.
    pub told: Option<Beside>,
}

/// How a file is cut, and where its windows end.
#[derive(Clone, Debug)]
pub struct FileCut {
    /// The cut. Windows by size count the rows that could be read.
    pub cut: Cut,
    /// For windows by time: the last row of each. Without it every window stays open to the end of the file.
    pub last_rows: BTreeMap<WindowKey, u64>,
}

impl FileCut {
    /// A file that is cut so.
    pub fn new(cut: Cut) -> Self {
        Self { cut, last_rows: BTreeMap::new() }
    }

    /// Notes the next rows of the file, so that windows by time can be sealed before its end.
    pub fn note(&mut self, rows: &Rows) {
        for run in self.cut.runs(0, rows.len(), rows.times.as_deref()) {
            let Some(last) = rows.offsets.get(run.start + run.length - 1) else { continue };
            let known = self.last_rows.entry(run.key).or_default();
            *known = last.cast_unsigned().max(*known);
        }
    }

    /// Whether all rows of a window are in: `rows` of the file, of which `read` could be read.
    fn is_complete(&self, key: WindowKey, rows: u64, read: u64) -> bool {
        let by_size = |next: Option<u64>| next.is_some_and(|next| read >= next);
        match &self.cut {
            Cut::Size(size) => by_size((key.cast_unsigned() + 1).checked_mul(*size)),
            Cut::FromRows(starts) => {
                by_size(usize::try_from(key + 1).ok().and_then(|next| starts.get(next).copied()))
            }
            Cut::Period(_) | Cut::FromTimes(_) => {
                self.last_rows.get(&key).is_some_and(|&last| last < rows)
            }
        }
    }
}

/// A window while it fills, or part of one.
#[derive(Debug)]
struct Part {
    state: WindowState,
    /// Rows whose id had been there before.
    repeated: Repeated,
    rows: (u64, u64),
    times: Option<(i64, i64)>,
    rejected: u64,
}

enum Job<B> {
    Convert {
        first: u64,
        length: u64,
        batch: B,
    },
    /// `read` rows of the file could be read before these.
    Fold {
        first: u64,
        length: u64,
        read: u64,
        rows: Box<Rows>,
        /// Those of them whose id had been there before.
        repeated: Vec<usize>,
    },
    Evaluate {
        key: WindowKey,
        part: Box<Part>,
    },
}

enum Done<E> {
    Converted { first: u64, length: u64, read: Box<Read> },
    Folded { first: u64, length: u64, read: u64, parts: Vec<(WindowKey, Part)> },
    Evaluated(Box<FileWindow>),
    Failed(E),
}

/// Ids that were there.
#[expect(clippy::disallowed_types, reason = "only looked up")]
type Ids = HashSet<u128>;

/// Gives every window of a file to `emit`, in their order.
///
/// `batches` are the file's rows in their order, each with its number of rows; `convert` makes rows of a batch, whose
/// first row has that number in the file. Where no targets are known to come, realized performance is that of windows
/// with some. Returns how many rows were rejected; a window counts those read since the one before, so those behind the
/// last good row are in none.
///
/// # Errors
/// The first error of a batch or of `convert`.
pub fn run<B: Send, E: Send>(
    plan: &Plan,
    cut: &FileCut,
    asked: Asked,
    batches: impl Iterator<Item = Result<(u64, B), E>>,
    convert: impl Fn(B, u64) -> Result<Read, E> + Sync,
    mut emit: impl FnMut(FileWindow),
) -> Result<u64, E> {
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (jobs, waiting) = sync_channel::<Job<B>>(workers * 2);
    let (done, finished) = channel::<Done<E>>();
    let waiting = Mutex::new(waiting);
    thread::scope(|scope| {
        for _ in 0..workers {
            let (done, waiting, convert) = (done.clone(), &waiting, &convert);
            scope.spawn(move || work(plan, cut, asked, waiting, &done, convert));
        }
        drop(done);
        let mut collector = Collector {
            plan,
            cut,
            jobs,
            finished,
            open: BTreeMap::new(),
            converted: BTreeMap::new(),
            next: 0,
            read: 0,
            rejected: 0,
            all_rejected: 0,
            folded: BTreeMap::new(),
            frontier: (0, 0),
            seen: Ids::new(),
            under_way: 0,
            sealed: BTreeMap::new(),
        };
        // The workers end when the collector is gone, and with it whoever gives them work.
        collector.collect(batches, &mut emit)?;
        Ok(collector.all_rejected)
    })
}

fn work<B, E>(
    plan: &Plan,
    cut: &FileCut,
    asked: Asked,
    waiting: &Mutex<Receiver<Job<B>>>,
    done: &Sender<Done<E>>,
    convert: &impl Fn(B, u64) -> Result<Read, E>,
) {
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let outcome = match job {
            Err(_) => return,
            Ok(Job::Convert { first, length, batch }) => match convert(batch, first) {
                Ok(read) => Done::Converted { first, length, read: Box::new(read) },
                Err(error) => Done::Failed(error),
            },
            Ok(Job::Fold { first, length, read, rows, repeated }) => {
                let rows = if repeated.is_empty() {
                    *rows
                } else {
                    plan.without_targets(*rows, &repeated)
                };
                let parts = fold(plan, cut, read, &rows, &repeated);
                Done::Folded { first, length, read: rows.len() as u64, parts }
            }
            Ok(Job::Evaluate { key, part }) => {
                let Part { mut state, repeated, rows, times, rejected } = *part;
                let span = times.map(|(least, greatest)| (least, greatest + 1));
                let reading = state.evaluate(plan);
                let (outcome, targets) = outcome(&mut state, plan, &repeated, asked.targets);
                let segments = segments(&mut state, plan, &repeated, asked.targets);
                let distributions =
                    if asked.distributions { state.distributions(plan) } else { Vec::new() };
                Done::Evaluated(Box::new(FileWindow {
                    key,
                    span: cut.cut.span(key).or(span),
                    row_span: rows,
                    rejected,
                    reading,
                    outcome,
                    targets,
                    segments,
                    distributions,
                }))
            }
        };
        if done.send(outcome).is_err() {
            return;
        }
    }
}

/// Realized performance, where rows have targets or may yet have some.
fn outcome(
    state: &mut WindowState,
    plan: &Plan,
    repeated: &Repeated,
    awaits: bool,
) -> (Option<Outcome>, Option<Targets>) {
    let told = awaits || state.has_targets();
    told.then(|| state.outcome(plan, repeated)).flatten().unzip()
}

/// The segments of a window.
fn segments(
    state: &mut WindowState,
    plan: &Plan,
    repeated: &Repeated,
    awaits: bool,
) -> Vec<FileSegment> {
    let of = |(index, segment): (usize, &SegmentPlan)| {
        let rows = state.segment_rows(index);
        let measured = state.segment(index).zip(segment.plan()).map(|(state, plan)| {
            let reading = state.evaluate(plan);
            (reading, outcome(state, plan, &repeated.of_segment(index), awaits))
        });
        let (reading, told) = measured.unzip();
        let (outcome, targets) = told.unwrap_or_default();
        FileSegment { rows, reading, outcome, targets }
    };
    plan.segments().iter().enumerate().map(of).collect()
}

/// The parts of windows that rows are; `read` rows of the file came before them, those at `repeated` had been there.
fn fold(
    plan: &Plan,
    cut: &FileCut,
    read: u64,
    rows: &Rows,
    repeated: &[usize],
) -> Vec<(WindowKey, Part)> {
    let prepared = plan.prepare(rows);
    let mut parts: Vec<(WindowKey, Part)> = Vec::new();
    for run in cut.cut.runs(read, rows.len(), rows.times.as_deref()) {
        let range = run.start..run.start + run.length;
        let offsets = &rows.offsets[range.clone()];
        let (Some(&from), Some(&to)) = (offsets.first(), offsets.last()) else { continue };
        let (from, to) = (from.cast_unsigned(), to.cast_unsigned());
        let index = parts.iter().position(|(key, _)| *key == run.key).unwrap_or_else(|| {
            parts.push((run.key, Part::new(plan, (from, to))));
            parts.len() - 1
        });
        let part = &mut parts[index].1;
        part.state.fold(plan, &prepared, run.start, run.length);
        let first = repeated.partition_point(|&row| row < range.start);
        let last = repeated.partition_point(|&row| row < range.end);
        part.repeated.note(plan, rows, &repeated[first..last]);
        part.rows = (part.rows.0.min(from), part.rows.1.max(to));
        for &time in rows.times.iter().flat_map(|times| &times[range.clone()]) {
            let (least, greatest) = part.times.unwrap_or((time, time));
            part.times = Some((least.min(time), greatest.max(time)));
        }
    }
    parts
}

struct Collector<'p, B, E> {
    plan: &'p Plan,
    cut: &'p FileCut,
    jobs: SyncSender<Job<B>>,
    finished: Receiver<Done<E>>,
    open: BTreeMap<WindowKey, Part>,
    /// Batches that are converted, but not those before them: by first row.
    converted: BTreeMap<u64, (u64, Read)>,
    /// The first row of the next batch to be folded.
    next: u64,
    /// Rows that could be read before it.
    read: u64,
    /// Rows that could not be read, and that no window has counted yet.
    rejected: u64,
    /// Rows that could not be read.
    all_rejected: u64,
    /// Batches that are folded, but not those before them: by first row, with rows and rows read.
    folded: BTreeMap<u64, (u64, u64)>,
    /// Rows below which everything is folded: of the file, and of those that could be read.
    frontier: (u64, u64),
    /// The ids so far.
    seen: Ids,
    /// Jobs that are not done.
    under_way: usize,
    /// Windows that are complete and not emitted yet; `None` while they are evaluated.
    sealed: BTreeMap<WindowKey, Option<FileWindow>>,
}

impl<B, E> Collector<'_, B, E> {
    fn collect(
        &mut self,
        batches: impl Iterator<Item = Result<(u64, B), E>>,
        emit: &mut impl FnMut(FileWindow),
    ) -> Result<(), E> {
        let mut first = 0;
        for batch in batches {
            let (length, batch) = batch?;
            self.put(Job::Convert { first, length, batch });
            first += length;
            while let Ok(done) = self.finished.try_recv() {
                self.take(done, emit)?;
            }
        }
        loop {
            while self.under_way > 0 {
                let Ok(done) = self.finished.recv() else { return Ok(()) };
                self.take(done, emit)?;
            }
            // All rows are in: whatever is open is complete.
            if self.open.is_empty() {
                return Ok(());
            }
            for key in self.open.keys().copied().collect::<Vec<_>>() {
                self.seal(key);
            }
        }
    }

    fn put(&mut self, job: Job<B>) {
        self.under_way += 1;
        // The workers outlive us.
        drop(self.jobs.send(job));
    }

    fn take(&mut self, done: Done<E>, emit: &mut impl FnMut(FileWindow)) -> Result<(), E> {
        self.under_way -= 1;
        match done {
            Done::Failed(error) => return Err(error),
            Done::Converted { first, length, read } => {
                self.converted.insert(first, (length, *read));
                self.fold_in_order();
            }
            Done::Folded { first, length, read, parts } => {
                for (key, part) in parts {
                    match self.open.get_mut(&key) {
                        Some(open) => open.merge(&part, self.plan),
                        None => {
                            self.open.insert(key, part);
                        }
                    }
                }
                self.folded.insert(first, (length, read));
                while let Some((length, read)) = self.folded.remove(&self.frontier.0) {
                    self.frontier.0 += length;
                    self.frontier.1 += read;
                }
                let (rows, read) = self.frontier;
                let complete = self.open.keys().copied();
                let complete: Vec<WindowKey> =
                    complete.filter(|&key| self.cut.is_complete(key, rows, read)).collect();
                for key in complete {
                    self.seal(key);
                }
            }
            Done::Evaluated(window) => {
                self.sealed.insert(window.key, Some(*window));
            }
        }
        // In their order: one that is open or being evaluated holds back those behind it.
        while let Some(first) = self.sealed.first_entry() {
            let open_before = self.open.keys().next().is_some_and(|open| open < first.key());
            if open_before || first.get().is_none() {
                break;
            }
            if let Some(window) = first.remove() {
                emit(window);
            }
        }
        Ok(())
    }

    /// Hands converted batches on in their order, since windows by size count the rows before.
    fn fold_in_order(&mut self) {
        while let Some((length, read)) = self.converted.remove(&self.next) {
            let (first, before) = (self.next, self.read);
            self.next += length;
            self.read += read.rows.len() as u64;
            self.rejected += read.rejected;
            self.all_rejected += read.rejected;
            if read.rejected > 0 && !read.rows.is_empty() {
                let times = read.rows.times.as_deref();
                if let Some(run) = self.cut.cut.runs(before, read.rows.len(), times).first() {
                    self.note_rejected(run.key, read.rows.offsets[0].cast_unsigned());
                }
            }
            let repeated = self.repeated(read.ids.as_deref().unwrap_or_default());
            self.put(Job::Fold {
                first,
                length,
                read: before,
                rows: Box::new(read.rows),
                repeated,
            });
        }
    }

    /// Which of the next rows have an id that had been there before.
    fn repeated(&mut self, ids: &[Option<u128>]) -> Vec<usize> {
        let rows = ids.iter().enumerate().filter_map(|(row, id)| Some((row, (*id)?)));
        rows.filter(|&(_, id)| !self.seen.insert(id)).map(|(row, _)| row).collect()
    }

    /// Counts rows that could not be read in a window.
    fn note_rejected(&mut self, key: WindowKey, row: u64) {
        let rejected = mem::take(&mut self.rejected);
        let plan = self.plan;
        let part = self.open.entry(key).or_insert_with(|| Part::new(plan, (row, row)));
        part.rejected += rejected;
    }

    fn seal(&mut self, key: WindowKey) {
        let Some(part) = self.open.remove(&key) else { return };
        self.sealed.insert(key, None);
        self.put(Job::Evaluate { key, part: Box::new(part) });
    }
}

impl Part {
    fn new(plan: &Plan, rows: (u64, u64)) -> Self {
        let (state, repeated) = (WindowState::new(plan), Repeated::default());
        Self { state, repeated, rows, times: None, rejected: 0 }
    }

    fn merge(&mut self, other: &Self, plan: &Plan) {
        self.state.merge(&other.state, plan);
        self.repeated.merge(&other.repeated);
        self.rows = (self.rows.0.min(other.rows.0), self.rows.1.max(other.rows.1));
        self.times = match (self.times, other.times) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
        self.rejected += other.rejected;
    }
}
