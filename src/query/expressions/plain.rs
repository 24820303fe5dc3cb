//! The few types in which expressions see values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute;
use arrow::datatypes::{DataType, Float64Type, TimeUnit, TimestampMicrosecondType};

use super::super::error::QueryError;
use super::super::schema::{in_words, is_number, is_text};
use super::super::times::event_times;

/// Doubles for numbers, one kind of text, microseconds without a zone for timestamps.
pub(super) fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, value) => plain_type(value),
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Date64 => DataType::Date32,
        number if is_number(number) => DataType::Float64,
        text if is_text(text) => DataType::Utf8,
        other => other.clone(),
    }
}

/// The values in the plain type that is wanted; NaN is null and there is no negative zero.
pub(super) fn plain(
    column: &str,
    values: &ArrayRef,
    wanted: &DataType,
) -> Result<ArrayRef, QueryError> {
    if matches!(wanted, DataType::Timestamp(..)) {
        let times = event_times(column, values, None)?;
        return Ok(Arc::new(times.micros.reinterpret_cast::<TimestampMicrosecondType>()));
    }
    // A text that is no number in a column of numbers is a fault of the caller, not of a row.
    if plain_type(values.data_type()) != *wanted && *values.data_type() != DataType::Null {
        return Err(QueryError::ColumnUse {
            column: column.to_owned(),
            found: in_words(values.data_type()),
            wanted: in_words(wanted),
        });
    }
    let values = if values.data_type() == wanted {
        Arc::clone(values)
    } else {
        compute::cast(values, wanted)?
    };
    Ok(match values.as_primitive_opt::<Float64Type>() {
        Some(numbers) if numbers.values().iter().any(|number| odd(*number)) => {
            let tidy = |number: f64| (!number.is_nan()).then_some(number + 0.0);
            Arc::new(numbers.unary_opt::<_, Float64Type>(tidy) as Float64Array)
        }
        _ => values,
    })
}

fn odd(number: f64) -> bool {
    number.is_nan() || (number == 0.0 && number.is_sign_negative())
}
