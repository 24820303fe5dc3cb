//! Targets that lie in a file of their own, by the id of their prediction.

#[expect(clippy::disallowed_types, reason = "only looked up")]
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute;
use arrow::datatypes::DataType;

use crate::batch::key_of;
use crate::query::error::QueryError;
use crate::query::labels::categorical;
use crate::query::table::rows::{arrow_unit, column};
use crate::query::times::event_times;
use crate::settings::TimeUnit;

/// Targets by id. Of several for one id the one decided last counts, then the one that stands last; a null takes back.
#[derive(Debug, Default)]
#[expect(clippy::disallowed_types, reason = "only looked up")]
pub struct Targets {
    by_id: HashMap<u128, Known>,
    counts: TargetCounts,
}

/// The target that counts.
#[derive(Debug)]
pub(super) struct Known {
    decided_at: i64,
    label: Option<Arc<str>>,
    /// Whether a prediction asked for it.
    asked: AtomicBool,
}

impl Known {
    /// The target; `None` where there is none any more.
    pub(super) fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }
}

/// What was met among targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetCounts {
    /// Rows.
    pub rows: u64,
    /// Rows without an id.
    pub without_id: u64,
    /// Rows that name another model.
    pub of_others: u64,
    /// Rows that say again what was known.
    pub doubled: u64,
    /// Rows that say something else of an id than a row before them.
    pub corrected: u64,
    /// Rows that lie behind one that was decided later.
    pub outdated: u64,
}

/// Where the parts of a target lie in a batch, by name.
#[derive(Clone, Debug)]
pub struct TargetColumns {
    /// The parts of the id.
    pub id: Vec<String>,
    /// The target.
    pub target: String,
    /// When it was decided, and what numbers in it count; without it the order of the rows decides.
    pub time: Option<(String, Option<TimeUnit>)>,
    /// The model that it is for, and the name of ours: rows that name another one are not for us.
    pub model: Option<(String, String)>,
}

impl Targets {
    /// Adds the targets of a batch.
    ///
    /// # Errors
    /// A column that is missing or of a type that cannot serve.
    pub fn add(&mut self, batch: &RecordBatch, columns: &TargetColumns) -> Result<(), QueryError> {
        let labels = categorical(&columns.target, column(batch, &columns.target)?)?;
        let texts = labels.values().as_any().downcast_ref::<StringArray>();
        let shared: Vec<Arc<str>> =
            texts.into_iter().flatten().map(|text| text.unwrap_or_default().into()).collect();
        let times = match &columns.time {
            Some((name, unit)) => {
                Some(event_times(name, column(batch, name)?, unit.map(arrow_unit))?.micros)
            }
            None => None,
        };
        let others = columns.model.as_ref().map(|(name, ours)| of_others(batch, name, ours));
        let others = others.transpose()?;
        let ids = ids(batch, &columns.id)?;
        for (row, (id, position)) in ids.into_iter().zip(labels.keys()).enumerate() {
            self.counts.rows += 1;
            if others.as_ref().is_some_and(|others| others[row]) {
                self.counts.of_others += 1;
                continue;
            }
            let Some(id) = id else {
                self.counts.without_id += 1;
                continue;
            };
            // A target without a time is older than any with one.
            let decided_at = times.as_ref().filter(|times| times.is_valid(row));
            let decided_at = decided_at.map_or(i64::MIN, |times| times.value(row));
            let position = position.and_then(|position| usize::try_from(position).ok());
            let label = position.and_then(|position| shared.get(position)).map(Arc::clone);
            self.learn(id, Known { decided_at, label, asked: AtomicBool::new(false) });
        }
        Ok(())
    }

    fn learn(&mut self, id: u128, new: Known) {
        let counts = &mut self.counts;
        match self.by_id.entry(id) {
            Entry::Vacant(place) => {
                place.insert(new);
            }
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                if known.decided_at > new.decided_at {
                    counts.outdated += 1;
                } else {
                    if known.label == new.label {
                        counts.doubled += 1;
                    } else {
                        counts.corrected += 1;
                    }
                    *known = new;
                }
            }
        }
    }

    /// What is known of an id.
    pub(super) fn get(&self, id: u128) -> Option<&Known> {
        let known = self.by_id.get(&id)?;
        known.asked.store(true, Ordering::Relaxed);
        Some(known)
    }

    /// How many ids no prediction has asked for.
    pub fn unmatched(&self) -> usize {
        self.by_id.values().filter(|known| !known.asked.load(Ordering::Relaxed)).count()
    }

    /// What was met.
    pub fn counts(&self) -> TargetCounts {
        self.counts
    }

    /// How many ids have a target.
    pub fn len(&self) -> usize {
        self.by_id.values().filter(|known| known.label.is_some()).count()
    }

    /// How many ids were told of without one: it was taken back, or never there.
    pub fn withdrawn(&self) -> usize {
        self.by_id.len() - self.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Which rows name another model.
fn of_others(batch: &RecordBatch, name: &str, ours: &str) -> Result<Vec<bool>, QueryError> {
    let named = categorical(name, column(batch, name)?)?;
    let named = compute::cast(&named, &DataType::Utf8)?;
    let named = named.as_string::<i32>();
    Ok(named.iter().map(|named| named.is_some_and(|named| named != ours)).collect())
}

/// The ids of rows, as 128-bit hashes of the texts of their parts; `None` where a part is missing.
///
/// Ids compare by value: 7 and 7.0 and "7" are one.
///
/// # Errors
/// A column that is missing or can be no part of an id.
pub fn ids(batch: &RecordBatch, columns: &[String]) -> Result<Vec<Option<u128>>, QueryError> {
    let parts: Vec<ArrayRef> = columns
        .iter()
        .map(|name| {
            let labels = categorical(name, column(batch, name)?)?;
            Ok(compute::cast(&labels, &DataType::Utf8)?)
        })
        .collect::<Result<_, QueryError>>()?;
    let parts: Vec<&StringArray> = parts.iter().map(AsArray::as_string::<i32>).collect();
    let id = |row| {
        let present = parts.iter().all(|part| part.is_valid(row));
        present.then(|| key_of(parts.iter().map(|part| part.value(row))))
    };
    Ok((0..batch.num_rows()).map(id).collect())
}
