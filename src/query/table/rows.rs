//! From batches of a file to a model's rows.

use std::iter;

use arrow::array::{Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, RecordBatch};
use arrow::buffer::{BooleanBuffer, ScalarBuffer};
use arrow::compute;
use arrow::datatypes::{Int32Type, TimeUnit as ArrowUnit};

use crate::batch::{Column, Expected, Rows, Values, labels as texts_of};
use crate::engine::files::Read;
use crate::intake::keep;
use crate::metric::ColumnKind;
use crate::profile::{Profile, Role, is_whole};
use crate::query::error::QueryError;
use crate::query::labels::categorical;
use crate::query::table::expressions::{ProfileExpressions, values};
use crate::query::table::segments::{SegmentColumns, kept_of};
use crate::query::table::targets::{Known, Targets, ids};
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
    /// The columns of the id that chooses rows for samples: the one that the settings name, as on the stream.
    pub chosen_by: Vec<String>,
    /// Whether predictions follow from the score: then no column has them.
    pub decided: bool,
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
    /// What tells the segments of rows; `None` where there are none.
    pub segments: Option<&'a SegmentColumns>,
    /// Whether rows are chosen for samples.
    pub samples: bool,
}

impl RowMaker<'_> {
    /// The rows of a batch whose first has the number `first` in its file.
    ///
    /// Rows with a score outside of 0 to 1, with probabilities of several classes that do not add up to 1, or without a time
    /// where one is needed, are counted and left out.
    ///
    /// # Errors
    /// A column that is missing or of a type that cannot serve.
    pub fn make(&self, batch: &RecordBatch, first: u64) -> Result<Read, QueryError> {
        let rows = batch.num_rows();
        let mut good: Option<Vec<bool>> = None;
        let mut refuse = |row: usize| {
            good.get_or_insert_with(|| vec![true; rows])[row] = false;
        };
        let times = self.times(batch, &mut refuse)?;
        let ids = self.targets.map(|_| ids(batch, &self.columns.id)).transpose()?;
        let known = self.targets.zip(ids.as_deref());
        let mut columns: Vec<Column> = Vec::with_capacity(self.columns.columns.len());
        let computed = self.expressions.map(|sql| sql.apply(batch)).transpose()?;
        let (mut derived, kept, conditions) = match computed {
            Some(computed) => {
                (computed.derived.into_iter(), Some(computed.kept), computed.conditions)
            }
            None => (Vec::new().into_iter(), None, Vec::new()),
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
                Role::Target => match (&known, batch.column_by_name(name)) {
                    (Some(known), own) => {
                        let labels = joined(*known, name, own)?;
                        match kind {
                            ColumnKind::Continuous => Values::Numbers(as_numbers(&labels)),
                            // No target is a list of numbers.
                            ColumnKind::Categorical | ColumnKind::Embedding => {
                                Values::Labels(labels)
                            }
                        }
                    }
                    (None, Some(column)) => values(name, column, *kind)?,
                    (None, None) => {
                        absent = Some(BooleanBuffer::new_set(rows));
                        no_targets(*kind, rows)
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
        self.unlike_one(&columns, rows).into_iter().for_each(&mut refuse);
        let (segments, mut told) = match self.segments {
            Some(segments) => segments.told(batch, &columns, conditions)?,
            None => (Vec::new(), None),
        };
        let keys = self.samples.then(|| self.keys(batch, &columns)).transpose()?;
        if let Some(profile) = self.profile {
            profile.measure_vectors(&mut columns);
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
            segments,
            keys,
            terms: self.profile.map(|profile| profile.terms(&columns, rows)).unwrap_or_default(),
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
        let mut ids = ids;
        if let Some(kept) = kept.filter(|kept| kept.true_count() < rows) {
            told = told.map(|told| kept_of(&told, &kept)).transpose()?;
            made = keep(&made, &kept);
            let mut flags = kept.values().iter();
            if let Some(ids) = &mut ids {
                ids.retain(|_| flags.next() == Some(true));
            }
        }
        Ok(Read { rows: made, rejected: rejected as u64, ids, told })
    }

    /// The times of the rows; those without one are refused where it is needed.
    fn times(
        &self,
        batch: &RecordBatch,
        refuse: &mut impl FnMut(usize),
    ) -> Result<Option<ScalarBuffer<i64>>, QueryError> {
        let Some((name, unit)) = &self.columns.time else { return Ok(None) };
        let read = event_times(name, column(batch, name)?, unit.map(arrow_unit))?;
        if self.needs_time {
            for row in (0..batch.num_rows()).filter(|&row| read.micros.is_null(row)) {
                refuse(row);
            }
            return Ok(Some(read.micros.values().clone()));
        }
        Ok((read.micros.null_count() == 0).then(|| read.micros.values().clone()))
    }

    /// The rows whose probabilities of several classes do not sum to one.
    fn unlike_one(&self, columns: &[Column], rows: usize) -> Vec<usize> {
        let Some(several) = self.profile.and_then(Profile::several_classes) else {
            return Vec::new();
        };
        let columns = self.columns.columns.iter().zip(columns);
        let scores = columns.filter(|((_, role, _), _)| *role == Role::Score);
        let scores: Vec<&Column> = scores.map(|(_, column)| column).collect();
        // Where one is missing the others say nothing.
        let sum = |row: usize| scores.iter().map(|column| column.number(row)).sum::<Option<f64>>();
        let unlike =
            |row: &usize| sum(*row).is_some_and(|sum| !is_whole(sum, several.classes.len()));
        (0..rows).filter(|_| !scores.is_empty()).filter(unlike).collect()
    }

    /// Predictions that follow from the score; none while the profile that says how is being made.
    fn decided(&self, columns: &[Column], rows: usize) -> Values {
        let score = self.columns.columns.iter().position(|(_, role, _)| *role == Role::Score);
        let scores = score.and_then(|index| match &columns.get(index)?.values {
            Values::Numbers(scores) => Some(scores),
            Values::Labels(_) | Values::Vectors(_) => None,
        });
        let classes = self.profile.and_then(Profile::two_classes);
        let decided: DictionaryArray<Int32Type> = (0..rows)
            .map(|row| classes?.decide(scores.filter(|scores| scores.is_valid(row))?.value(row)))
            .collect();
        Values::Labels(decided)
    }

    /// What chooses rows for samples.
    fn keys(
        &self,
        batch: &RecordBatch,
        columns: &[Column],
    ) -> Result<ScalarBuffer<u64>, QueryError> {
        let ids = match self.columns.chosen_by.as_slice() {
            [] => vec![None; batch.num_rows()],
            parts => ids(batch, parts)?,
        };
        let roles = self.columns.columns.iter().map(|(_, role, _)| role);
        let chosen = columns.iter().zip(roles).filter(|(_, role)| role.chooses());
        Ok(Rows::keys_of(ids.into_iter(), chosen.map(|(column, _)| column)))
    }
}

/// Targets that lie in another file, by id; where it says nothing of an id, those of the rows themselves.
fn joined(
    (targets, ids): (&Targets, &[Option<u128>]),
    name: &str,
    own: Option<&ArrayRef>,
) -> Result<DictionaryArray<Int32Type>, QueryError> {
    let own = own.map(|own| categorical(name, own)).transpose()?;
    let texts: Vec<&str> = own.iter().flat_map(texts_of).collect();
    let own = |row: usize| {
        let own = own.as_ref().filter(|own| own.is_valid(row))?;
        texts.get(usize::try_from(own.keys().value(row)).ok()?).copied()
    };
    let label = |(row, id): (usize, &Option<u128>)| {
        id.and_then(|id| targets.get(id)).map_or_else(|| own(row), Known::label)
    };
    Ok(ids.iter().enumerate().map(label).collect())
}

/// The targets of rows that have none.
fn no_targets(kind: ColumnKind, rows: usize) -> Values {
    match kind {
        ColumnKind::Continuous => Values::Numbers(Float64Array::new_null(rows)),
        ColumnKind::Categorical | ColumnKind::Embedding => {
            Values::Labels(iter::repeat_n(None::<&str>, rows).collect())
        }
    }
}

/// The numbers that labels stand for: each reads back as it was from the text that it was written as.
fn as_numbers(labels: &DictionaryArray<Int32Type>) -> Float64Array {
    let texts: Vec<Option<f64>> = texts_of(labels).map(|text| text.parse().ok()).collect();
    labels.keys().iter().map(|at| *texts.get(usize::try_from(at?).ok()?)?).collect()
}

/// A column of a batch.
pub(super) fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, QueryError> {
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
pub(super) fn arrow_unit(unit: TimeUnit) -> ArrowUnit {
    match unit {
        TimeUnit::Seconds => ArrowUnit::Second,
        TimeUnit::Milliseconds => ArrowUnit::Millisecond,
        TimeUnit::Microseconds => ArrowUnit::Microsecond,
        TimeUnit::Nanoseconds => ArrowUnit::Nanosecond,
    }
}
