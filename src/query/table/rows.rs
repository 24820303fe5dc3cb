//! From batches of a file to a model's rows.

#[expect(clippy::disallowed_types, reason = "only looked up")]
use std::collections::HashMap;
use std::iter;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, RecordBatch, StringArray,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute;
use arrow::datatypes::{DataType, Int32Type, TimeUnit as ArrowUnit};
use xxhash_rust::xxh3::xxh3_128;

use crate::batch::{Column, Expected, Rows, Values};
use crate::engine::files::Read;
use crate::intake::keep;
use crate::metric::ColumnKind;
use crate::profile::{Profile, Role};
use crate::query::error::QueryError;
use crate::query::labels::categorical;
use crate::query::table::expressions::{ProfileExpressions, values};
use crate::query::times::event_times;
use crate::settings::TimeUnit;

/// Where the columns of rows are found in a batch, by name.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Name, role and kind, in the order of the profile's columns.
    pub columns: Vec<(String, Role, ColumnKind)>,
    /// The column of event times, and what numbers in it count.
    pub time: Option<(String, Option<TimeUnit>)>,
    /// The columns of the id.
    pub id: Vec<String>,
    /// Whether predictions follow from the score: then no column has them.
    pub decided: bool,
}

/// Targets by id.
#[derive(Debug, Default)]
#[expect(clippy::disallowed_types, reason = "only looked up")]
pub struct Targets {
    by_id: HashMap<u128, Arc<str>>,
    /// Ids that stood there more than once; the last one counts.
    pub repeated: u64,
}

/// Makes rows of batches.
#[derive(Debug)]
pub struct RowMaker<'a> {
    /// Where columns are found.
    pub columns: &'a Columns,
    /// Derived columns and filter.
    pub expressions: Option<&'a ProfileExpressions>,
    /// What the profile adds to every row; `None` while it is being made.
    pub profile: Option<&'a Profile>,
    /// Targets that lie in another file.
    pub targets: Option<&'a Targets>,
    /// Whether rows without a readable time cannot be counted.
    pub needs_time: bool,
    /// Whether reconstruction errors are asked for.
    pub reconstructs: bool,
}

impl RowMaker<'_> {
    /// The rows of a batch whose first has the number `first` in its file.
    ///
    /// Rows with a score outside of 0 to 1, or without a time where one is needed, are counted and left out.
    ///
    /// # Errors
    /// A column that is missing or of a type that cannot serve.
    pub fn make(&self, batch: &RecordBatch, first: u64) -> Result<Read, QueryError> {
        let rows = batch.num_rows();
        let mut good: Option<Vec<bool>> = None;
        let mut refuse = |row: usize| {
            good.get_or_insert_with(|| vec![true; rows])[row] = false;
        };
        let times = match &self.columns.time {
            None => None,
            Some((name, unit)) => {
                let read = event_times(name, column(batch, name)?, unit.map(arrow_unit))?;
                if self.needs_time {
                    for row in (0..rows).filter(|&row| read.micros.is_null(row)) {
                        refuse(row);
                    }
                    Some(read.micros.values().clone())
                } else {
                    (read.micros.null_count() == 0).then(|| read.micros.values().clone())
                }
            }
        };
        let mut columns: Vec<Column> = Vec::with_capacity(self.columns.columns.len());
        let computed = self.expressions.map(|sql| sql.apply(batch)).transpose()?;
        let (mut derived, kept) = match computed {
            Some(computed) => (computed.derived.into_iter(), Some(computed.kept)),
            None => (Vec::new().into_iter(), None),
        };
        let made: Vec<&str> = self
            .expressions
            .map(|sql| sql.derived().iter().map(|(name, _)| name.as_str()).collect())
            .unwrap_or_default();
        for (name, role, kind) in &self.columns.columns {
            let mut absent = None;
            let values = match role {
                Role::Feature if made.contains(&name.as_str()) => {
                    derived.next().ok_or_else(|| missing(name))?
                }
                Role::Prediction if self.columns.decided => self.decided(&columns, rows),
                Role::Target => match (self.targets, batch.column_by_name(name)) {
                    (Some(targets), _) => Values::Labels(self.joined(batch, targets)?),
                    (None, Some(column)) => values(name, column, *kind)?,
                    (None, None) => {
                        absent = Some(BooleanBuffer::new_set(rows));
                        Values::Labels(iter::repeat_n(None::<&str>, rows).collect())
                    }
                },
                _ => values(name, column(batch, name)?, *kind)?,
            };
            if let (Role::Score, Values::Numbers(scores), true) =
                (role, &values, self.profile.is_some())
            {
                for (row, score) in scores.iter().enumerate() {
                    if score.is_some_and(|score| !score.is_nan() && !(0.0..=1.0).contains(&score)) {
                        refuse(row);
                    }
                }
            }
            columns.push(Column { absent, ..Column::new(values) });
        }
        let first = first.cast_signed();
        let mut made = Rows {
            offsets: (first..first + rows as i64).collect::<Vec<i64>>().into(),
            times,
            expected: self.profile.map_or(Expected::Nothing, |profile| profile.expected(&columns)),
            reconstruction: self
                .profile
                .filter(|_| self.reconstructs)
                .and_then(|profile| profile.reconstruction_errors(&columns)),
            columns,
        };
        let rejected = good.as_ref().map_or(0, |good| good.iter().filter(|&&good| !good).count());
        let good = good.map(|good| BooleanArray::new(BooleanBuffer::from(good), None));
        let kept = match (good, kept) {
            (Some(good), Some(kept)) => Some(compute::and(&good, &only_true(&kept))?),
            (Some(one), None) => Some(one),
            (None, Some(kept)) => Some(only_true(&kept)),
            (None, None) => None,
        };
        if let Some(kept) = kept.filter(|kept| kept.true_count() < rows) {
            made = keep(&made, &kept);
        }
        Ok(Read { rows: made, rejected: rejected as u64 })
    }

    /// Predictions that follow from the score; none while the profile that says how is being made.
    fn decided(&self, columns: &[Column], rows: usize) -> Values {
        let score = self.columns.columns.iter().position(|(_, role, _)| *role == Role::Score);
        let scores = score.and_then(|index| match &columns.get(index)?.values {
            Values::Numbers(scores) => Some(scores),
            Values::Labels(_) => None,
        });
        let classes = self.profile.and_then(Profile::two_classes);
        let decided: DictionaryArray<Int32Type> = (0..rows)
            .map(|row| classes?.decide(scores.filter(|scores| scores.is_valid(row))?.value(row)))
            .collect();
        Values::Labels(decided)
    }

    /// Targets that lie in another file, by id.
    fn joined(
        &self,
        batch: &RecordBatch,
        targets: &Targets,
    ) -> Result<DictionaryArray<Int32Type>, QueryError> {
        let ids = ids(batch, &self.columns.id)?;
        Ok(ids.iter().map(|id| targets.by_id.get(&(*id)?).map(|label| &**label)).collect())
    }
}

impl Targets {
    /// Adds the targets of a batch.
    ///
    /// # Errors
    /// A column that is missing or of a type that cannot serve.
    pub fn add(
        &mut self,
        batch: &RecordBatch,
        id: &[String],
        target: &str,
    ) -> Result<(), QueryError> {
        let labels = categorical(target, column(batch, target)?)?;
        let texts = labels.values().as_any().downcast_ref::<StringArray>();
        let shared: Vec<Arc<str>> =
            texts.into_iter().flatten().map(|text| text.unwrap_or_default().into()).collect();
        for (id, position) in ids(batch, id)?.into_iter().zip(labels.keys()) {
            let Some(id) = id else { continue };
            let position = position.and_then(|position| usize::try_from(position).ok());
            let before = match position.and_then(|position| shared.get(position)) {
                Some(label) => self.by_id.insert(id, Arc::clone(label)),
                None => self.by_id.remove(&id),
            };
            self.repeated += u64::from(before.is_some());
        }
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

/// The ids of rows, as 128-bit hashes of the texts of their parts; `None` where a part is missing.
///
/// # Errors
/// A column that is missing or can be no part of an id.
pub fn ids(batch: &RecordBatch, columns: &[String]) -> Result<Vec<Option<u128>>, QueryError> {
    let parts: Vec<ArrayRef> = columns
        .iter()
        .map(|name| {
            // Ids compare by value: 7 and 7.0 and "7" are one.
            let labels = categorical(name, column(batch, name)?)?;
            Ok(compute::cast(&labels, &DataType::Utf8)?)
        })
        .collect::<Result<_, QueryError>>()?;
    let mut key = Vec::new();
    Ok((0..batch.num_rows())
        .map(|row| {
            key.clear();
            for part in &parts {
                let part = part.as_string::<i32>();
                if part.is_null(row) {
                    return None;
                }
                key.extend_from_slice(part.value(row).as_bytes());
                key.push(0);
            }
            Some(xxh3_128(&key))
        })
        .collect())
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, QueryError> {
    batch.column_by_name(name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> QueryError {
    QueryError::NoColumn { path: name.to_owned(), nearest: None }
}

/// Null counts as not kept.
fn only_true(kept: &BooleanArray) -> BooleanArray {
    kept.iter().map(|kept| Some(kept == Some(true))).collect()
}

/// The settings' word for a unit of time in Arrow's.
fn arrow_unit(unit: TimeUnit) -> ArrowUnit {
    match unit {
        TimeUnit::Seconds => ArrowUnit::Second,
        TimeUnit::Milliseconds => ArrowUnit::Millisecond,
        TimeUnit::Microseconds => ArrowUnit::Microsecond,
        TimeUnit::Nanoseconds => ArrowUnit::Nanosecond,
    }
}
