//! The state topic: a ledger after every transaction, and checkpoints, of the tally partition of the same number.
//!
//! Keys: `ledger`; `head/<part>`; `window/<key>/<part>`. Everything of one checkpoint is written in one transaction, and
//! the topic is compacted, so what stands there after a transaction is one whole state.

use std::collections::BTreeMap;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::batch::{Cursor, Lane};
use crate::intake::{Committed, Outputs};
use crate::stream::clients::Clients;
use crate::stream::error::StreamError;
use crate::stream::read::{Reading, read_all_to_end, read_to_end};
use crate::tally::{Checkpoint, CheckpointError, Ledger, Tally};

/// Larger values are cut into parts, to fit messages.
const PART: usize = 900_000;

/// How many windows a checkpoint counts on, and how many parts everything has.
#[derive(Debug, Default, Encode, Decode)]
struct Manifest {
    #[n(0)]
    head_parts: usize,
    #[n(1)]
    windows: usize,
    /// The parts of the windows that have several, by key; all others have one.
    #[n(2)]
    parts: BTreeMap<ByteVec, usize>,
}

/// What stands in a partition of the state topic.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) ledger: Option<Ledger>,
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    manifest: Option<Manifest>,
}

const LEDGER: &[u8] = b"ledger";
const MANIFEST: &[u8] = b"manifest";

/// Reads what stands in a partition.
pub(super) fn read(clients: &Clients, partition: i32) -> Result<Stored, StreamError> {
    let topic = clients.kafka().topic("state");
    let mut stored = Stored::default();
    let state = |source: CheckpointError| StreamError::State { partition, source };
    read_to_end(clients, &topic, partition, Reading::Committed, |record| {
        let Some(key) = record.key else { return Ok(()) };
        match (key, record.value) {
            (LEDGER, Some(value)) => {
                stored.ledger = Some(Ledger::from_bytes(value).map_err(state)?);
            }
            (MANIFEST, Some(value)) => {
                let manifest = minicbor::decode(value).map_err(CheckpointError::from);
                stored.manifest = Some(manifest.map_err(state)?);
            }
            (_, Some(value)) => {
                stored.values.insert(key.to_vec(), value.to_vec());
            }
            (_, None) => {
                stored.values.remove(key);
            }
        }
        Ok(())
    })?;
    Ok(stored)
}

impl Stored {
    /// The tally of the last checkpoint, and what the next one has to clear away; `None` before the first.
    pub(super) fn restore(&self) -> Result<Option<(Tally, Written)>, CheckpointError> {
        let Some(manifest) = &self.manifest else { return Ok(None) };
        let join = |prefix: &[u8], parts: usize| -> Option<Vec<u8>> {
            let mut whole = Vec::new();
            for part in 0..parts {
                whole.extend_from_slice(self.values.get(&part_key(prefix, part))?);
            }
            Some(whole)
        };
        let live = manifest.windows;
        let missing = |missing| CheckpointError::Missing { missing, live };
        let head = join(HEAD, manifest.head_parts).ok_or_else(|| missing(0))?;
        let several: BTreeMap<Vec<u8>, usize> =
            manifest.parts.iter().map(|(key, &parts)| (key.to_vec(), parts)).collect();
        let mut windows = BTreeMap::new();
        for key in self.values.keys().filter_map(|key| first_part(key)) {
            let parts = several.get(key).copied().unwrap_or(1);
            if let Some(window) = join(&window_key(key), parts) {
                windows.insert(key.to_vec(), window);
            }
        }
        let tally = Tally::restore(&head, &windows, live)?;
        Ok(Some((tally, Written { several })))
    }
}

const HEAD: &[u8] = b"head";

const WINDOW: &[u8] = b"window/";

fn window_key(key: &[u8]) -> Vec<u8> {
    [WINDOW, key].concat()
}

/// The key of a window, where this is the key of its first part.
fn first_part(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(WINDOW)?.strip_suffix(b"/0")
}

fn part_key(prefix: &[u8], part: usize) -> Vec<u8> {
    [prefix, b"/", part.to_string().as_bytes()].concat()
}

/// Which windows stand in the topic in several parts, and in how many.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    several: BTreeMap<Vec<u8>, usize>,
}

impl Written {
    /// The records of a checkpoint, in place of the one before: keys and values, `None` to clear one away.
    pub(super) fn replace(&mut self, checkpoint: Checkpoint) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let mut records = Vec::new();
        let head_parts = put(&mut records, HEAD, &checkpoint.head);
        let changed = checkpoint.changed.into_iter().map(|(key, window)| (key, Some(window)));
        let gone = checkpoint.gone.into_iter().map(|key| (key, None));
        for (key, window) in changed.chain(gone) {
            let prefix = window_key(&key);
            let parts = window.map_or(0, |window| put(&mut records, &prefix, &window));
            let before = self.several.remove(&key).unwrap_or(1);
            records.extend((parts..before).map(|part| (part_key(&prefix, part), None)));
            if parts > 1 {
                self.several.insert(key, parts);
            }
        }
        let parts = self.several.iter().map(|(key, &parts)| (key.clone().into(), parts)).collect();
        let manifest = Manifest { head_parts, windows: checkpoint.live, parts };
        let mut bytes = Vec::new();
        // Writing to memory cannot fail.
        drop(minicbor::encode(&manifest, &mut bytes));
        records.push((MANIFEST.to_vec(), Some(bytes)));
        records
    }
}

/// Adds a value in parts; how many those are.
fn put(records: &mut Vec<(Vec<u8>, Option<Vec<u8>>)>, prefix: &[u8], value: &[u8]) -> usize {
    let parts = value.chunks(PART);
    let count = parts.len();
    let record = |(part, bytes): (usize, &[u8])| (part_key(prefix, part), Some(bytes.to_vec()));
    records.extend(parts.enumerate().map(record));
    count
}

/// The record of a ledger.
pub(super) fn ledger_record(ledger: &Ledger) -> (Vec<u8>, Option<Vec<u8>>) {
    (LEDGER.to_vec(), Some(ledger.to_bytes()))
}

/// The ledgers of all tally partitions; those without any are left out.
pub(super) fn ledgers(
    clients: &Clients,
    outputs: u32,
) -> Result<BTreeMap<u32, Ledger>, StreamError> {
    let topic = clients.kafka().topic("state");
    let partitions = i32::try_from(outputs).unwrap_or(i32::MAX);
    let mut ledgers = BTreeMap::new();
    read_all_to_end(clients, &topic, partitions, Reading::Committed, |partition, record| {
        if let (Some(LEDGER), Some(value)) = (record.key, record.value) {
            let ledger = Ledger::from_bytes(value)
                .map_err(|source| StreamError::State { partition, source })?;
            ledgers.insert(partition.unsigned_abs(), ledger);
        }
        Ok(())
    })?;
    Ok(ledgers)
}

/// What the ledgers know of a lane of which the group knows nothing any more: where every output has it, those of the join
/// log among them where the lane has any there.
pub(super) fn lane_in_ledgers(
    ledgers: &BTreeMap<u32, Ledger>,
    outputs: Outputs,
    join_log: &str,
    lane: Lane,
) -> Option<Committed> {
    let known = (0..outputs.tally).map(|output| {
        let state = ledgers.get(&output).and_then(|ledger| ledger.lanes.get(&lane));
        state.map_or((Cursor::unknown(), &[][..]), |state| (state.cursor, &state.boundaries[..]))
    });
    let of_join = |partition: u32| {
        let lanes = ledgers.values().flat_map(|ledger| &ledger.lanes);
        let log = lanes.filter(|(id, state)| {
            state.topic == join_log && id.partition.unsigned_abs() == partition
        });
        let cursors = log.filter_map(|(_, state)| state.joined.get(&lane).copied());
        // What it told last is the furthest.
        let furthest = cursors.max_by_key(|cursor| cursor.position);
        (furthest.unwrap_or_else(Cursor::unknown), &[][..])
    };
    Committed::recovered(known.chain((0..outputs.join).map(of_join)))
}
