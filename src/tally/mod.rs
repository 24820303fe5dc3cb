//! Which window a row belongs to, when that window is sealed, and what is published of it.
//!
//! One tally reads one partition of the tally log, where all that concerns a model stands in one order, and is a pure
//! function of it: the same records give the same state and the same outputs, whoever runs it. The rules behind it:
//!
//! - A record is taken once, by its lane's position ([`crate::batch::Cursor`]).
//! - By size, a window is the next so many rows of a model version. By period, a row is late when its window's end
//!   plus the lateness lies at or below its own lane's watermark before it; a window is sealed when every lane of the
//!   model's topics has passed that point, or is left out because it has nothing of the model for too long.
//! - Time is data: event times decide windows, append times of the log decide how long to wait.
//! - Every record of a lane ends in exactly one of the [`Fates`].
//!
//! Knows nothing of Kafka's clients, transactions or clocks.

mod awaiting;
mod check;
mod checkpoint;
mod command;
mod early;
mod fold;
mod lane;
mod model;
mod open;
mod part;
mod publish;
mod quiet;
mod realize;
mod retire;
mod seal;
mod segments;
mod show;
mod waited;

use std::collections::{BTreeMap, BTreeSet};

use self::check::check;
use self::model::ModelState;
use self::open::{OpenWindow, WindowId};
use self::segments::ShownSegment;
use crate::alert::AlertEvent;
use crate::batch::{Admission, Body, Header, Lane, Record};
use crate::epoch::{Epoch, Epochs, Model};
use crate::window::WindowResult;

pub use self::check::{Halt, JOINED};
pub use self::checkpoint::{Checkpoint, CheckpointError, Ledger};
pub use self::lane::{Fates, LaneState};
pub use self::show::{Filling, Show, Standing};

/// The tally of one partition of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    lanes: BTreeMap<Lane, LaneState>,
    models: BTreeMap<String, ModelState>,
    /// The log's time: the greatest append time so far, in milliseconds.
    time: i64,
    /// The greatest policy number so far: in force from the record that first carries it.
    policy: u64,
    /// The log's next offset.
    position: i64,
    /// How many outputs there were, and a running hash of them.
    outputs: (u64, u128),
    /// Windows that are to be published again, by when: in the log's time.
    due: BTreeSet<(i64, String, WindowId)>,
    /// The keys of windows that are gone since the last checkpoint.
    gone: BTreeSet<Vec<u8>>,
}

/// What tally publishes.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A window was sealed.
    Result(Box<WindowResult>),
    /// An alert began, changed or ended.
    Alert(Box<AlertEvent>),
}

/// A record that is being taken: all but what it carries.
struct Moment<'e> {
    lane: Lane,
    epoch: u64,
    appended: i64,
    epochs: &'e Epochs,
}

impl Tally {
    /// The log's next offset.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Notes that the log holds no record below an offset that was not taken.
    pub fn skip_to(&mut self, offset: i64) {
        self.position = self.position.max(offset);
    }

    /// What is known of each lane.
    pub fn lanes(&self) -> &BTreeMap<Lane, LaneState> {
        &self.lanes
    }

    /// Takes the record at `offset` of the log, appended at `appended` (milliseconds since 1970).
    ///
    /// Changes nothing where it fails.
    ///
    /// # Errors
    /// [`Halt`], where the record cannot be understood: nothing after it may be taken either.
    pub fn apply(
        &mut self,
        offset: i64,
        appended: i64,
        mut record: Record,
        epochs: &Epochs,
        out: &mut Vec<Output>,
    ) -> Result<Admission, Halt> {
        check(&record, epochs)?;
        self.position = offset + 1;
        self.time = self.time.max(appended);
        if let Body::Command(command, content) = &record.body {
            self.obey(command, content, epochs, out);
            return Ok(Admission::New);
        }
        let id = record.header.lane;
        let now = self.time;
        let lane = self.lanes.entry(id).or_insert_with(|| {
            LaneState::new(record.header.topic.clone(), record.header.partitions, now)
        });
        let admission = lane.cursor.admit(&mut record);
        if let Admission::Gap { .. } = admission {
            lane.gap_since.get_or_insert(now);
        }
        if admission == Admission::New {
            let Header { epoch, policy, partitions, stretch, .. } = record.header;
            lane.partitions = lane.partitions.max(partitions);
            self.policy = self.policy.max(policy);
            let before = lane.epoch;
            match &record.body {
                // Either speaks of the lane from the sender's position on: while records before it are missing, an
                // epoch that it names has not begun for us.
                Body::Open { .. } => lane.enter_at(epoch, stretch.from),
                Body::Heartbeat(heartbeat) => {
                    lane.hear(*heartbeat);
                    lane.enter_at(epoch, stretch.from);
                }
                Body::Lost { .. } => {
                    lane.gap_since = None;
                    lane.fates.lost += (stretch.to - stretch.from).unsigned_abs();
                    lane.settle();
                }
                Body::Rows(_) => {
                    lane.gap_since = None;
                    lane.enter(epoch, stretch.from);
                    lane.settle();
                }
                // It was obeyed before.
                Body::Command(..) => {}
            }
            let after = lane.epoch;
            if after != before {
                self.leave(id, before, after, epochs);
            }
            if let Body::Rows(content) = &record.body {
                let moment = Moment { lane: id, epoch, appended, epochs };
                self.fold(&moment, content, out);
                self.realize(&moment, content, out);
            }
            self.seal(epochs, out);
            if after != before {
                self.finish_all(epochs, out);
            }
            self.restate_due(epochs, out);
            if let Body::Rows(content) = &record.body {
                self.look_out(content, epochs, out);
            }
            self.listen(epochs, out);
        }
        Ok(admission)
    }

    /// Notes where a lane's watermarks stand as it goes from one epoch to another.
    fn leave(&mut self, lane: Lane, before: u64, after: u64, epochs: &Epochs) {
        let since = |epoch, name| epochs.model(epoch, name).map(|rules| rules.since);
        for (name, model) in &mut self.models {
            if let (Some(brought), Some(old)) = (model.lanes.get_mut(&lane), since(before, name))
                && since(after, name) != Some(old)
            {
                brought.leave(old);
            }
        }
    }

    /// What an epoch made of a model, and the newest epoch in which it still is so, among those that the log has come
    /// to: what else is known already must not change what a record does.
    fn in_force<'e>(
        &self,
        epochs: &'e Epochs,
        model: &str,
        since: u64,
    ) -> Option<(&'e Model, &'e Epoch)> {
        let newest = self.lanes.values().map(|lane| lane.epoch).max()?;
        epochs.epochs.range(since..=newest.max(since)).rev().find_map(|(_, epoch)| {
            let rules = epoch.models.get(model).filter(|rules| rules.since == since)?;
            Some((&**rules, &**epoch))
        })
    }

    /// Bytes of memory that windows hold: those that are open, and those that wait for targets.
    pub fn bytes(&self) -> usize {
        let models = || self.models.values();
        let open = models().flat_map(|model| model.windows.values()).map(OpenWindow::bytes);
        let awaiting = models().map(|model| model.awaiting.bytes());
        open.sum::<usize>() + awaiting.sum::<usize>()
    }

    /// How many windows wait for targets.
    pub fn awaiting_windows(&self) -> usize {
        self.models.values().map(|model| model.awaiting.len()).sum()
    }

    /// How many windows are open.
    pub fn open_windows(&self) -> usize {
        self.models.values().map(|model| model.windows.len()).sum()
    }

    /// The latest result of every model version and of its segments, and the one that its realized performance is shown
    /// of: as JSON.
    pub fn latest(&self) -> impl Iterator<Item = &str> {
        self.models.values().flat_map(|model| model.versions.values()).flat_map(|version| {
            let segments = version.segments.values().flat_map(ShownSegment::texts);
            [version.latest.as_deref(), version.realized()].into_iter().flatten().chain(segments)
        })
    }

    /// Lanes of which records have been missing since before `time`, in the log's time.
    pub fn gaps(&self, time: i64) -> impl Iterator<Item = (Lane, &LaneState)> {
        let missing = move |lane: &LaneState| lane.gap_since.is_some_and(|since| since < time);
        self.lanes.iter().filter(move |(_, lane)| missing(lane)).map(|(&id, lane)| (id, lane))
    }

    /// The log's time.
    pub fn time(&self) -> i64 {
        self.time
    }
}
