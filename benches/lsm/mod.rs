//! What the join keeps, in an LSM tree: the other way to do it, to measure against and to test against.

use std::path::Path;

use fjall::{Database, Error, Keyspace, KeyspaceCreateOptions};
use vigie::join::{Keep, KeptBatch, Known};

/// Keeps it in fjall.
pub(crate) struct KeptInLsm {
    database: Database,
    rows: Keyspace,
}

impl KeptInLsm {
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let database = Database::builder(folder).open()?;
        let rows = database.keyspace("pending", KeyspaceCreateOptions::default)?;
        Ok(Self { database, rows })
    }
}

impl Keep for KeptInLsm {
    type Error = Error;

    fn get(&mut self, keys: &[u128]) -> Result<Vec<Known>, Error> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let row = self.rows.get(key.to_be_bytes())?;
            // What is over stands before the rest.
            let known = row.as_deref().and_then(|row| Known::from_bytes(row.get(8..)?));
            found.push(known.unwrap_or_default());
        }
        Ok(found)
    }

    fn put(&mut self, batch: &KeptBatch<'_>) -> Result<(), Error> {
        let mut writes = self.database.batch();
        for (key, known) in batch.writes.writes() {
            if known.is_empty() {
                writes.remove(&self.rows, key.to_be_bytes());
            } else {
                let over_at = (batch.over_at)(known).to_le_bytes();
                let row = [over_at.as_slice(), &known.to_bytes()].concat();
                writes.insert(&self.rows, key.to_be_bytes(), row);
            }
        }
        writes.insert(&self.rows, b"head", [&batch.position.to_le_bytes(), batch.head].concat());
        writes.commit()
    }

    fn forget(&mut self, before: i64) -> Result<(), Error> {
        for row in self.rows.iter() {
            let (key, row) = row.into_inner()?;
            let over_at = row.first_chunk().map(|bytes| i64::from_le_bytes(*bytes));
            if key.len() == 16 && over_at.is_some_and(|over_at| over_at <= before) {
                self.rows.remove(key)?;
            }
        }
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Error> {
        for row in self.rows.iter() {
            self.rows.remove(row.into_inner()?.0)?;
        }
        Ok(())
    }

    fn rows(&self) -> u64 {
        self.rows.approximate_len() as u64
    }
}
