//! Local files for what the join keeps: a folder a partition, in the data folder of the instance.

use std::path::PathBuf;
use std::sync::Arc;

use crate::join::{Keep, KeptBatch, Known};
use crate::store::{Identity, Opened, Options, Pending, StoreError};
use crate::stream::{KeepError, Kept, MakeKeep};

/// Opens the files of a partition below `data_dir`.
pub(super) fn in_files(data_dir: PathBuf) -> MakeKeep {
    Arc::new(move |of| {
        let folder = data_dir.join(&of.namespace).join("join").join(of.partition.to_string());
        let identity = Identity {
            cluster: of.cluster.clone(),
            namespace: of.namespace.clone(),
            topic: of.topic,
            partition: of.partition,
        };
        let Opened { store, state, unusable } =
            Pending::open(&folder, &identity, Options::default())?;
        let unusable = unusable.map(|error| error.to_string());
        Ok(Kept { keep: Box::new(Files(store)), state, unusable })
    })
}

/// Local files; those that turn out to be damaged are given up.
struct Files(Pending);

impl Files {
    fn failed(&mut self, error: StoreError) -> KeepError {
        if error.needs_rebuild()
            && let Err(error) = self.0.start_over()
        {
            return error.into();
        }
        error.into()
    }
}

impl Keep for Files {
    type Error = KeepError;

    fn get(&mut self, keys: &[u128]) -> Result<Vec<Known>, KeepError> {
        self.0.get(keys).map_err(|error| self.failed(error))
    }

    fn put(&mut self, batch: &KeptBatch<'_>) -> Result<(), KeepError> {
        self.0.put(batch).map_err(|error| self.failed(error))
    }

    fn forget(&mut self, before: i64) -> Result<(), KeepError> {
        self.0.forget(before).map_err(|error| self.failed(error))
    }

    fn clear(&mut self) -> Result<(), KeepError> {
        self.0.clear().map_err(KeepError::from)
    }

    fn rows(&self) -> u64 {
        self.0.rows()
    }
}
