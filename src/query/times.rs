//! Event times.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Int64Array, PrimitiveArray, StringArray,
};
use arrow::compute;
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Error, Timestamp};

use super::error::QueryError;
use super::schema::{is_number, is_text};
use super::typing::unusable;

/// When events happened.
#[derive(Clone, Debug, PartialEq)]
pub struct EventTimes {
    /// Microseconds since 1970-01-01 UTC, rounded down; null where there is none or it is unreadable.
    pub micros: Int64Array,
    /// Rows that hold something which is no time, or one outside of what 64 bits hold, in rising order.
    pub unreadable: Vec<usize>,
}

/// Reads a column as event times: Arrow timestamps of every unit and zone and dates; text as RFC 3339, or ISO 8601
/// with a space, without offset (then UTC), without seconds, or the date alone; numbers as a count of `unit` since
/// 1970-01-01 UTC.
///
/// A timestamp without a zone is UTC. `column` is its name, for the error.
///
/// # Errors
/// [`QueryError::ColumnUse`] for Booleans, lists, objects, times of day and durations.
pub fn event_times(
    column: &str,
    values: &ArrayRef,
    unit: TimeUnit,
) -> Result<EventTimes, QueryError> {
    Ok(match values.data_type() {
        DataType::Null => {
            EventTimes { micros: Int64Array::new_null(values.len()), unreadable: Vec::new() }
        }
        DataType::Timestamp(unit, _) => timestamps(values, *unit),
        DataType::Date32 | DataType::Date64 => {
            let wanted = DataType::Timestamp(TimeUnit::Microsecond, None);
            timestamps(&compute::cast(values, &wanted)?, TimeUnit::Microsecond)
        }
        text if is_text(text) => from_text(values)?,
        DataType::UInt64 => {
            let epochs = values.as_primitive::<UInt64Type>();
            each(epochs, |epoch| scale(i64::try_from(epoch).ok()?, unit))
        }
        integer if integer.is_integer() => {
            let epochs = compute::cast(values, &DataType::Int64)?;
            each(epochs.as_primitive::<Int64Type>(), |epoch| scale(epoch, unit))
        }
        number if is_number(number) => from_floats(values, unit)?,
        DataType::Dictionary(_, value) if is_text(value) || is_number(value) => {
            event_times(column, &compute::cast(values, value)?, unit)?
        }
        _ => return Err(unusable(column, values, "event times")),
    })
}

fn timestamps(values: &ArrayRef, unit: TimeUnit) -> EventTimes {
    match unit {
        TimeUnit::Second => {
            each(values.as_primitive::<TimestampSecondType>(), |time| scale(time, unit))
        }
        TimeUnit::Millisecond => {
            each(values.as_primitive::<TimestampMillisecondType>(), |time| scale(time, unit))
        }
        TimeUnit::Microsecond => {
            each(values.as_primitive::<TimestampMicrosecondType>(), |time| scale(time, unit))
        }
        TimeUnit::Nanosecond => {
            each(values.as_primitive::<TimestampNanosecondType>(), |time| scale(time, unit))
        }
    }
}

fn scale(count: i64, unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Second => count.checked_mul(1_000_000),
        TimeUnit::Millisecond => count.checked_mul(1_000),
        TimeUnit::Microsecond => Some(count),
        TimeUnit::Nanosecond => Some(count.div_euclid(1_000)),
    }
}

fn from_floats(values: &ArrayRef, unit: TimeUnit) -> Result<EventTimes, QueryError> {
    let micros_in_unit = match unit {
        TimeUnit::Second => 1e6,
        TimeUnit::Millisecond => 1e3,
        TimeUnit::Microsecond => 1.0,
        TimeUnit::Nanosecond => 1e-3,
    };
    let floats = compute::cast(values, &DataType::Float64)?;
    let floats = floats.as_primitive::<Float64Type>();
    // NaN is how a data frame writes a missing number.
    let nan: Vec<bool> = floats.values().iter().map(|float| float.is_nan()).collect();
    let floats = compute::nullif(floats, &nan.into())?;
    Ok(each(floats.as_primitive::<Float64Type>(), |float| {
        let micros = (float * micros_in_unit).floor();
        // 2^63 itself is one too many.
        let fits = (-9.223_372_036_854_775_808e18..9.223_372_036_854_775_808e18).contains(&micros);
        #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
        fits.then_some(micros as i64)
    }))
}

fn from_text(values: &ArrayRef) -> Result<EventTimes, QueryError> {
    let texts = compute::cast(values, &DataType::Utf8)?;
    let texts: &StringArray = texts.as_string();
    let wanted = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
    let times = compute::cast(texts, &wanted)?;
    let times = times.as_primitive::<TimestampMicrosecondType>();
    if times.null_count() == texts.null_count() {
        return Ok(timestamps(&(Arc::new(times.clone()) as ArrayRef), TimeUnit::Microsecond));
    }
    // Arrow's parser is fast and wants seconds; what it does not take gets a second look.
    let mut unreadable = Vec::new();
    let micros = times.iter().zip(texts).enumerate();
    let micros = micros.map(|(row, (time, text))| {
        let found = time.or_else(|| parse(text?).ok());
        if found.is_none() && text.is_some() {
            unreadable.push(row);
        }
        found
    });
    Ok(EventTimes { micros: micros.collect(), unreadable })
}

fn parse(text: &str) -> Result<i64, Error> {
    let text = text.trim();
    let time = text.parse::<Timestamp>().or_else(|_| {
        let local: DateTime = text.parse()?;
        TimeZone::UTC.to_timestamp(local)
    })?;
    Ok(time.as_microsecond())
}

fn each<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    micros: impl Fn(T::Native) -> Option<i64>,
) -> EventTimes {
    let times: Int64Array = values.unary_opt(micros);
    let mut unreadable = Vec::new();
    if times.null_count() > values.null_count() {
        unreadable
            .extend((0..values.len()).filter(|&row| times.is_null(row) && values.is_valid(row)));
    }
    EventTimes { micros: times, unreadable }
}
