//! What a column can be used as, and its numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute;
use arrow::datatypes::{DataType, Float64Type};

use super::error::QueryError;
use super::schema::{in_words, is_number, is_text};
use super::vectors::is_vector;

/// What a column is by its type alone, never by its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Integers, floats and decimals.
    Continuous,
    /// Text, categories of anything, and Booleans.
    Categorical,
    /// Timestamps, dates, times and durations.
    Time,
    /// Nothing but missing values.
    Empty,
    /// Lists of numbers.
    Vector,
    /// Other lists, objects and binary data.
    Other,
}

/// The kind of a type; a dictionary is categorical whatever it holds.
pub fn kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Null => Kind::Empty,
        DataType::Boolean | DataType::Dictionary(..) => Kind::Categorical,
        text if is_text(text) => Kind::Categorical,
        number if is_number(number) => Kind::Continuous,
        time if time.is_temporal() => Kind::Time,
        list if is_vector(list) => Kind::Vector,
        _ => Kind::Other,
    }
}

/// The numbers of a column of integers, floats or decimals, also of a dictionary of them. What is missing stays
/// missing, NaN stays NaN; integers beyond 2^53 are rounded to the nearest double.
///
/// `column` is its name, for the error.
///
/// # Errors
/// [`QueryError::ColumnUse`] for every other type; Booleans are labels.
pub fn numeric(column: &str, values: &ArrayRef) -> Result<Float64Array, QueryError> {
    let number = match values.data_type() {
        DataType::Dictionary(_, value) => is_number(value),
        other => is_number(other) || *other == DataType::Null,
    };
    if !number {
        return Err(unusable(column, values, "numbers"));
    }
    let numbers = match values.data_type() {
        DataType::Float64 => Arc::clone(values),
        _ => compute::cast(values, &DataType::Float64)?,
    };
    Ok(numbers.as_primitive::<Float64Type>().clone())
}

pub(super) fn unusable(column: &str, values: &ArrayRef, wanted: &str) -> QueryError {
    QueryError::ColumnUse {
        column: column.to_owned(),
        found: in_words(values.data_type()),
        wanted: wanted.to_owned(),
    }
}
