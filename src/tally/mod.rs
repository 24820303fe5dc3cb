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

mod checkpoint;
mod fold;
mod lane;
mod model;
mod open;
mod publish;
mod seal;
mod show;

use std::collections::BTreeMap;

use self::model::ModelState;
use self::open::WindowId;
use crate::alert::AlertEvent;
use crate::batch::{Admission, Body, Lane, Record};
use crate::epoch::Epochs;
use crate::window::WindowResult;

pub use self::checkpoint::{Checkpoint, CheckpointError, Ledger};
pub use self::lane::{Fates, LaneState};
pub use self::show::{Show, Standing};

/// The tally of one partition of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    lanes: BTreeMap<Lane, LaneState>,
    models: BTreeMap<String, ModelState>,
    /// The log's time: the greatest append time so far, in milliseconds.
    time: i64,
    /// The log's next offset.
    position: i64,
    /// How many outputs there were, and a running hash of them.
    outputs: (u64, u128),
}

/// What tally publishes.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A window was sealed.
    Result(Box<WindowResult>),
    /// An alert began, changed or ended.
    Alert(Box<AlertEvent>),
}

/// Why a tally cannot go on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Halt {
    /// Rows of an epoch whose settings are not known.
    #[error("lane {lane}: rows of epoch {epoch}, which the control topic does not have yet")]
    UnknownEpoch {
        /// The lane.
        lane: Lane,
        /// The epoch.
        epoch: u64,
    },
    /// Rows of a model that the epoch does not have: the log was written by other settings.
    #[error("lane {lane}: rows of model `{model}`, which epoch {epoch} does not have")]
    UnknownModel {
        /// The lane.
        lane: Lane,
        /// The model.
        model: String,
        /// The epoch.
        epoch: u64,
    },
    /// Rows that are not laid out as the profile says.
    #[error(
        "lane {lane}: rows of model `{model}` have {found} columns, its profile in epoch {epoch} has {wanted}; the log \
         was written by another version"
    )]
    Layout {
        /// The lane.
        lane: Lane,
        /// The model.
        model: String,
        /// The epoch.
        epoch: u64,
        /// Columns of the rows.
        found: usize,
        /// Columns of the profile.
        wanted: usize,
    },
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
            lane.gap_since = None;
            lane.partitions = lane.partitions.max(record.header.partitions);
            let (epoch, policy) = (record.header.epoch, record.header.policy);
            match record.body {
                // Either speaks of the lane from the sender's position on: while records before it are missing, an epoch
                // that it names has not begun for us.
                Body::Open { .. } => lane.enter_at(epoch, record.header.stretch.from),
                Body::Heartbeat(heartbeat) => {
                    lane.hear(heartbeat);
                    lane.enter_at(epoch, record.header.stretch.from);
                }
                Body::Lost { .. } => {
                    let stretch = record.header.stretch;
                    lane.fates.lost += (stretch.to - stretch.from).unsigned_abs();
                    lane.settle();
                }
                Body::Rows(content) => {
                    lane.enter(epoch, record.header.stretch.from);
                    lane.settle();
                    self.fold(id, epoch, policy, appended, content, epochs, out);
                }
            }
            self.seal(policy, epochs, out);
        }
        Ok(admission)
    }

    /// Bytes of memory that open windows hold.
    pub fn bytes(&self) -> usize {
        self.models.values().flat_map(|model| model.windows.values()).map(|w| w.bytes()).sum()
    }

    /// How many windows are open.
    pub fn open_windows(&self) -> usize {
        self.models.values().map(|model| model.windows.len()).sum()
    }

    /// The latest result of every model version, as JSON.
    pub fn latest(&self) -> impl Iterator<Item = &str> {
        self.models
            .values()
            .flat_map(|model| model.versions.values())
            .filter_map(|version| version.latest.as_deref())
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

/// Whether the record's settings are known and its rows laid out by them.
fn check(record: &Record, epochs: &Epochs) -> Result<(), Halt> {
    let Body::Rows(content) = &record.body else { return Ok(()) };
    let (lane, epoch) = (record.header.lane, record.header.epoch);
    if !epochs.epochs.contains_key(&epoch) {
        return Err(Halt::UnknownEpoch { lane, epoch });
    }
    for section in &content.sections {
        let model = section.model.clone();
        let Some(rules) = epochs.model(epoch, &model) else {
            return Err(Halt::UnknownModel { lane, model, epoch });
        };
        let wanted = match rules.version(&section.version) {
            Some(version) if section.profiled => version.plan.profile().columns.len(),
            _ => 0,
        };
        let found = section.rows.columns.len();
        if found != wanted {
            return Err(Halt::Layout { lane, model, epoch, found, wanted });
        }
    }
    Ok(())
}
