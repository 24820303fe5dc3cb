//! Who keeps what waits: made by whoever knows local files, and handed in.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use crate::join::{Keep, KeptBatch, KeptInMemory, Known};

/// Why something cannot be kept, or read back.
pub type KeepError = Box<dyn Error + Send + Sync>;

/// What a partition keeps, whoever does it.
pub type AnyKeep = Box<dyn Keep<Error = KeepError>>;

/// Opens what a partition keeps.
pub type MakeKeep = Arc<dyn Fn(&KeptOf) -> Result<Kept, KeepError> + Send + Sync>;

/// Of which partition something is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptOf {
    /// The cluster's own id; empty where it has none.
    pub cluster: String,
    /// The installation's namespace.
    pub namespace: String,
    /// The id of the join log.
    pub topic: u128,
    /// The partition.
    pub partition: i32,
}

/// What is kept of a partition.
#[expect(missing_debug_implementations, reason = "what keeps it need not")]
pub struct Kept {
    /// Who keeps it.
    pub keep: AnyKeep,
    /// The position of the log and the join's own state; `None` where all is to be made again from the log.
    pub state: Option<(i64, Vec<u8>)>,
    /// Why what was there could not be used, if anything was.
    pub unusable: Option<String>,
}

/// Keeps in memory: for a broker that ends with the process.
struct InMemory(KeptInMemory);

impl Kept {
    /// Nothing yet, in memory.
    pub fn in_memory() -> Self {
        let keep = Box::new(InMemory(KeptInMemory::default()));
        Self { keep, state: None, unusable: None }
    }
}

fn never(never: Infallible) -> KeepError {
    match never {}
}

impl Keep for InMemory {
    type Error = KeepError;

    fn get(&mut self, keys: &[u128]) -> Result<Vec<Known>, KeepError> {
        self.0.get(keys).map_err(never)
    }

    fn put(&mut self, batch: &KeptBatch<'_>) -> Result<(), KeepError> {
        self.0.put(batch).map_err(never)
    }

    fn forget(&mut self, before: i64) -> Result<(), KeepError> {
        self.0.forget(before).map_err(never)
    }

    fn clear(&mut self) -> Result<(), KeepError> {
        self.0.clear().map_err(never)
    }

    fn rows(&self) -> u64 {
        self.0.rows()
    }
}
