//! Scored rows: a row a prediction, in the columns of its model.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, new_null_array,
};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

use crate::batch::{Column as ColumnOfRows, Lane, Rows, Values, Vectors};
use crate::metric::ColumnKind;
use crate::output::archive::{nullable, utc};
use crate::profile::Column;

/// Rows of one version that came in one record.
pub(super) struct Scored<'e> {
    pub(super) version: String,
    pub(super) epoch: u64,
    pub(super) topic: String,
    pub(super) lane: Lane,
    /// When they were put into the tally log, in milliseconds since 1970.
    pub(super) arrived: i64,
    /// What the columns of the rows are.
    pub(super) columns: &'e [Column],
    pub(super) rows: Rows,
}

/// Names that a column of a model does not have here: those of our own columns, of the folders, and of what is put
/// beside rows where they are asked together with their targets.
const TAKEN: &[&str] = &[
    "model",
    "date",
    "version",
    "epoch",
    "topic",
    "topic_id",
    "partition",
    "position",
    "time",
    "arrived",
    "known_target",
    "target_arrived",
    "target_lag",
];

/// The columns before those of the model.
pub(super) fn schema() -> SchemaRef {
    nullable(&[
        ("version", DataType::Utf8),
        ("epoch", DataType::Int64),
        ("topic", DataType::Utf8),
        ("topic_id", DataType::Utf8),
        ("partition", DataType::Int32),
        ("position", DataType::Int64),
        ("time", utc(TimeUnit::Microsecond)),
        ("arrived", utc(TimeUnit::Millisecond)),
    ])
}

/// What a column of a model is called: its own name, with `_` behind it where that is one of ours. What ends so already
/// gets another, so that no two are the same.
fn name_of(column: &str) -> String {
    let bare = column.trim_end_matches('_');
    if TAKEN.contains(&bare) { format!("{column}_") } else { column.to_owned() }
}

/// What values of a column are.
fn type_of(column: &Column) -> DataType {
    match column.kind() {
        // Of a vector it is how far that lies from the reference's.
        ColumnKind::Continuous | ColumnKind::Embedding => DataType::Float64,
        ColumnKind::Categorical => DataType::Utf8,
    }
}

/// All of them, in the order in which they came; what some do not have is null there.
pub(super) fn batch(parts: &[Scored<'_>]) -> Result<RecordBatch, ArrowError> {
    let mut names: Vec<String> = Vec::new();
    let mut types: BTreeMap<String, DataType> = BTreeMap::new();
    for column in parts.iter().flat_map(|part| part.columns) {
        let (name, data_type) = (name_of(&column.name), type_of(column));
        match types.get_mut(&name) {
            // Numbers in one epoch and labels in another: text says both.
            Some(known) if *known != data_type => *known = DataType::Utf8,
            Some(_) => {}
            None => {
                names.push(name.clone());
                types.insert(name, data_type);
            }
        }
    }
    let mut fields: Vec<Field> =
        schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let mut arrays = own(parts);
    for name in names {
        let data_type = types.remove(&name).unwrap_or(DataType::Utf8);
        let of_part = |part: &Scored<'_>| {
            let at = part.columns.iter().position(|column| name_of(&column.name) == name);
            match at.and_then(|at| part.rows.columns.get(at)) {
                Some(column) => values(column, &data_type),
                None => Ok(new_null_array(&data_type, part.rows.len())),
            }
        };
        let pieces = parts.iter().map(of_part).collect::<Result<Vec<_>, _>>()?;
        let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
        arrays.push(concat(&pieces)?);
        fields.push(Field::new(name, data_type, true));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

/// Our own columns.
fn own(parts: &[Scored<'_>]) -> Vec<ArrayRef> {
    let each = || parts.iter().flat_map(|part| part.rows.offsets.iter().map(move |_| part));
    let epoch = |part: &Scored<'_>| i64::try_from(part.epoch).unwrap_or(i64::MAX);
    let ids: Vec<String> = parts.iter().map(|part| format!("{:032x}", part.lane.topic)).collect();
    let with_ids = parts.iter().zip(&ids);
    let ids = with_ids.flat_map(|(part, id)| part.rows.offsets.iter().map(move |_| Some(id)));
    let times = parts.iter().flat_map(|part| {
        let times = part.rows.times.as_deref();
        (0..part.rows.len()).map(move |row| times.and_then(|times| times.get(row).copied()))
    });
    let positions = parts.iter().flat_map(|part| part.rows.offsets.iter().copied());
    vec![
        Arc::new(each().map(|part| Some(&part.version)).collect::<StringArray>()),
        Arc::new(each().map(epoch).collect::<Int64Array>()),
        Arc::new(each().map(|part| Some(&part.topic)).collect::<StringArray>()),
        Arc::new(ids.collect::<StringArray>()),
        Arc::new(each().map(|part| part.lane.partition).collect::<Int32Array>()),
        Arc::new(positions.collect::<Int64Array>()),
        Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        Arc::new(
            each()
                .map(|part| Some(part.arrived))
                .collect::<TimestampMillisecondArray>()
                .with_timezone("UTC"),
        ),
    ]
}

/// A column's values; null where they are missing.
fn values(column: &ColumnOfRows, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    match &column.values {
        Values::Numbers(numbers) => {
            let numbers = numbers.iter().map(|number| number.filter(|number| !number.is_nan()));
            cast(&numbers.collect::<Float64Array>(), data_type)
        }
        Values::Labels(labels) => cast(labels, data_type),
        Values::Vectors(Vectors::Measured(of)) => cast(&of.errors, data_type),
        // They never travel.
        Values::Vectors(Vectors::Raw(lists)) => Ok(new_null_array(data_type, lists.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_column_of_a_model_has_a_name_of_ours_or_of_another() {
        let names = ["time", "time_", "time__", "age", "age_", "Time"].map(name_of);
        assert_eq!(names, ["time_", "time__", "time___", "age", "age_", "Time"]);
        for field in schema().fields() {
            assert!(TAKEN.contains(&field.name().as_str()), "{}", field.name());
        }
    }
}
