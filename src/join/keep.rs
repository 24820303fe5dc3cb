//! Where what stands under keys is kept between batches.

use std::collections::BTreeMap;
use std::convert::Infallible;

use super::{Known, Working};

/// Keeps what stands under keys: a copy of the log, up to a position of it.
///
/// The caller sends what came of a batch and has it acknowledged, then lets the batch be kept. So after a crash the
/// stage starts again from what was kept, and what it sends again is known by its position.
pub trait Keep {
    /// What can go wrong.
    type Error;

    /// What stands under each of these keys, in their order; empty where nothing does.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn get(&mut self, keys: &[u128]) -> Result<Vec<Known>, Self::Error>;

    /// Takes a batch, all of it or nothing.
    ///
    /// # Errors
    /// Where it cannot be written; all is as before then, and the same may be tried again.
    fn put(&mut self, batch: &KeptBatch<'_>) -> Result<(), Self::Error>;

    /// May drop what is over: all that stands under a key of which `over_at` is `before` or less.
    ///
    /// # Errors
    /// Where it cannot be dropped; the same may be tried again.
    fn forget(&mut self, before: i64) -> Result<(), Self::Error>;

    /// Forgets everything: what stands under keys means nothing beside another state of the join.
    ///
    /// # Errors
    /// Where it cannot be dropped; the same may be tried again.
    fn clear(&mut self) -> Result<(), Self::Error>;

    /// About how many rows are kept; rows that later ones have replaced may be among them.
    fn rows(&self) -> u64;
}

/// What a batch leads to, and where it ends.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it lives for a moment")]
pub struct KeptBatch<'a> {
    /// What stands under the keys that it was concerned with from now on; what is empty is gone.
    pub writes: &'a Working,
    /// From when on it is over, in the log's milliseconds ([`Join::over_at`](super::Join::over_at)).
    pub over_at: &'a dyn Fn(&Known) -> i64,
    /// The join's own state.
    pub head: &'a [u8],
    /// The offset of the log that this is the state of: the next one to read.
    pub position: i64,
    /// The log's time by then, in milliseconds.
    pub time: i64,
}

/// Keeps it in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptInMemory {
    /// What stands under keys, as bytes, and from when on it is over.
    kept: BTreeMap<u128, (i64, Vec<u8>)>,
    /// The position and the join's own state, as they were kept last.
    state: Option<(i64, Vec<u8>)>,
}

impl KeptInMemory {
    /// The position and the join's own state, as they were kept last.
    pub fn state(&self) -> Option<(i64, &[u8])> {
        self.state.as_ref().map(|(position, head)| (*position, head.as_slice()))
    }

    /// How many keys something stands under.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing stands under any key.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

impl Keep for KeptInMemory {
    type Error = Infallible;

    fn get(&mut self, keys: &[u128]) -> Result<Vec<Known>, Infallible> {
        let known = |key| self.kept.get(key).and_then(|(_, bytes)| Known::from_bytes(bytes));
        Ok(keys.iter().map(|key| known(key).unwrap_or_default()).collect())
    }

    fn put(&mut self, batch: &KeptBatch<'_>) -> Result<(), Infallible> {
        for (key, known) in batch.writes.writes() {
            if known.is_empty() {
                self.kept.remove(&key);
            } else {
                self.kept.insert(key, ((batch.over_at)(known), known.to_bytes()));
            }
        }
        self.state = Some((batch.position, batch.head.to_vec()));
        Ok(())
    }

    fn forget(&mut self, before: i64) -> Result<(), Infallible> {
        self.kept.retain(|_, (over_at, _)| *over_at > before);
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        *self = Self::default();
        Ok(())
    }

    fn rows(&self) -> u64 {
        self.kept.len() as u64
    }
}
