//! Tally's state as bytes: a ledger for every transaction, checkpoints now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use minicbor::decode::Error as DecodeError;
use minicbor::{Decode, Encode};

use crate::batch::Lane;
use crate::tally::awaiting::AwaitingWindow;
use crate::tally::model::ModelState;
use crate::tally::open::WindowId;
use crate::tally::{LaneState, Tally};

/// The version of these forms; a reader refuses any other.
const FORMAT: u8 = 10;

/// What stands in the state topic after every transaction: how far the log was taken, and what became of each lane.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Ledger {
    #[n(0)]
    format: u8,
    /// The log's next offset.
    #[n(1)]
    pub position: i64,
    /// How many outputs there were.
    #[n(2)]
    pub outputs: u64,
    /// The running hash of the outputs.
    #[cbor(n(3), with = "crate::stats::codec::uint128")]
    pub digest: u128,
    /// What is known of each lane.
    #[n(4)]
    pub lanes: BTreeMap<Lane, LaneState>,
}

/// A state from which a tally can go on: a head, and by key the windows and what is shown of segments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// All but the windows.
    pub head: Vec<u8>,
    /// The windows that changed since the checkpoint before, by key.
    pub changed: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The keys of windows that are gone since then.
    pub gone: BTreeSet<Vec<u8>>,
    /// How many windows there are.
    pub live: usize,
}

/// A head as it is written...
#[derive(Encode)]
struct HeadOf<'t> {
    #[n(0)]
    format: u8,
    #[n(1)]
    time: i64,
    #[n(2)]
    ledger: Ledger,
    #[n(3)]
    models: &'t BTreeMap<String, ModelState>,
    #[n(4)]
    policy: u64,
}

/// ...and as it is read.
#[derive(Decode)]
struct Head {
    #[n(1)]
    time: i64,
    #[n(2)]
    ledger: Ledger,
    #[n(3)]
    models: BTreeMap<String, ModelState>,
    #[n(4)]
    policy: u64,
}

/// The key of a window.
#[derive(Encode, Decode)]
struct Key {
    #[n(0)]
    model: String,
    #[n(1)]
    id: WindowId,
    /// Whether it is sealed and waits for targets.
    #[n(2)]
    awaiting: bool,
    /// Where it is none, but what is shown of a segment of a version.
    #[n(3)]
    segment: Option<String>,
}

/// Why bytes are no state of ours.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Written by another version.
    #[error(
        "the state has format {found}, this version of vigie reads {FORMAT}; run the version that wrote it"
    )]
    Format {
        /// The format that it names.
        found: u8,
    },
    /// Damaged.
    #[error("the state is damaged")]
    Damaged(#[from] DecodeError),
    /// A window that the head counts on is not there.
    #[error("the state lacks {missing} of {live} open windows")]
    Missing {
        /// How many are missing.
        missing: usize,
        /// How many there should be.
        live: usize,
    },
}

impl Ledger {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes(self)
    }

    /// From bytes.
    ///
    /// # Errors
    /// Where they are damaged or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        expect_format(bytes)?;
        Ok(minicbor::decode(bytes)?)
    }
}

impl Tally {
    /// What stands in the state topic after a transaction.
    pub fn ledger(&self) -> Ledger {
        Ledger {
            format: FORMAT,
            position: self.position,
            outputs: self.outputs.0,
            digest: self.outputs.1,
            lanes: self.lanes.clone(),
        }
    }

    /// The whole state, as far as it changed since the last time.
    pub fn checkpoint(&mut self) -> Checkpoint {
        let mut checkpoint = Checkpoint::default();
        for (model, state) in &mut self.models {
            checkpoint.live += state.windows.len() + state.awaiting.len();
            for (id, window) in &mut state.windows {
                if mem::take(&mut window.changed) {
                    checkpoint.changed.insert(key(model, id, false), bytes(&*window));
                }
            }
            for (version, of_version) in &mut state.versions {
                checkpoint.live += of_version.segments.len();
                for (segment, shown) in &mut of_version.segments {
                    if mem::take(&mut shown.changed) {
                        let key = segment_key(model, version, segment);
                        checkpoint.changed.insert(key, bytes(&*shown));
                    }
                }
            }
            state.awaiting.pack(|id, window| {
                checkpoint.changed.insert(key(model, id, true), window.to_vec());
            });
        }
        checkpoint.gone = mem::take(&mut self.gone);
        checkpoint.gone.retain(|key| !checkpoint.changed.contains_key(key));
        checkpoint.head = bytes(&HeadOf {
            format: FORMAT,
            time: self.time,
            ledger: self.ledger(),
            models: &self.models,
            policy: self.policy,
        });
        checkpoint
    }

    /// The state that a checkpoint was made of; `windows` are the live ones by key.
    ///
    /// # Errors
    /// Where something is damaged, missing, or of another version.
    pub fn restore(
        head: &[u8],
        windows: &BTreeMap<Vec<u8>, Vec<u8>>,
        live: usize,
    ) -> Result<Self, CheckpointError> {
        expect_format(head)?;
        let head: Head = minicbor::decode(head)?;
        if windows.len() != live {
            let missing = live.saturating_sub(windows.len());
            return Err(CheckpointError::Missing { missing, live });
        }
        let mut tally = Self {
            lanes: head.ledger.lanes,
            models: head.models,
            time: head.time,
            policy: head.policy,
            position: head.ledger.position,
            outputs: (head.ledger.outputs, head.ledger.digest),
            due: BTreeSet::new(),
            gone: BTreeSet::new(),
        };
        for (key, bytes) in windows {
            let key: Key = minicbor::decode(key)?;
            let model = tally.models.entry(key.model.clone()).or_default();
            if let Some(segment) = key.segment {
                let version = model.versions.entry(key.id.version).or_default();
                version.segments.insert(segment, minicbor::decode(bytes)?);
                continue;
            }
            if !key.awaiting {
                model.windows.insert(key.id, minicbor::decode(bytes)?);
                continue;
            }
            let window: AwaitingWindow = minicbor::decode(bytes)?;
            window.place(&key.id, &mut model.settling);
            if let Some(due) = window.due {
                tally.due.insert((due, key.model, key.id.clone()));
            }
            model.awaiting.insert_packed(key.id, bytes);
        }
        Ok(tally)
    }
}

/// The key of a window.
pub(super) fn key(model: &str, id: &WindowId, awaiting: bool) -> Vec<u8> {
    bytes(&Key { model: model.to_owned(), id: id.clone(), awaiting, segment: None })
}

/// The key of what is shown of a segment.
pub(super) fn segment_key(model: &str, version: &str, segment: &str) -> Vec<u8> {
    let id = WindowId { epoch: 0, start: 0, version: version.to_owned() };
    let segment = Some(segment.to_owned());
    bytes(&Key { model: model.to_owned(), id, awaiting: false, segment })
}

fn bytes<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail, and no encoder of ours has errors of its own.
    let written = minicbor::encode(value, &mut bytes);
    debug_assert!(written.is_ok(), "states can be encoded");
    bytes
}

/// The format stands first in each form, so that another version is told from damage.
fn expect_format(bytes: &[u8]) -> Result<(), CheckpointError> {
    let mut start = minicbor::Decoder::new(bytes);
    start.array()?;
    let found = start.u8()?;
    if found == FORMAT { Ok(()) } else { Err(CheckpointError::Format { found }) }
}
