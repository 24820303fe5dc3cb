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
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

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
/// with a space, without offset (then UTC), without seconds, or the date alone; numbers, also as text, as a count of
/// `unit` since 1970-01-01 UTC.
///
/// Without a unit it is guessed from the magnitude: below 1e11 seconds, below 1e14 milliseconds, below 1e17
/// microseconds, else nanoseconds. A timestamp without a zone is UTC. Times outside the years -9999 to 9999 are
/// unreadable. `column` is its name, for the error.
///
/// # Errors
/// [`QueryError::ColumnUse`] for Booleans, lists, objects, times of day and durations.
pub fn event_times(
    column: &str,
    values: &ArrayRef,
    unit: Option<TimeUnit>,
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
        text if is_text(text) => from_text(values, unit)?,
        DataType::UInt64 => {
            let epochs = values.as_primitive::<UInt64Type>();
            each(epochs, |epoch| from_integer(i64::try_from(epoch).ok()?, unit))
        }
        integer if integer.is_integer() => {
            let epochs = compute::cast(values, &DataType::Int64)?;
            each(epochs.as_primitive::<Int64Type>(), |epoch| from_integer(epoch, unit))
        }
        number if is_number(number) => {
            let epochs = compute::cast(values, &DataType::Float64)?;
            let epochs = epochs.as_primitive::<Float64Type>();
            // NaN is how a data frame writes a missing number.
            let nan: Vec<bool> = epochs.values().iter().map(|epoch| epoch.is_nan()).collect();
            let epochs = compute::nullif(epochs, &nan.into())?;
            each(epochs.as_primitive::<Float64Type>(), |epoch| from_float(epoch, unit))
        }
        DataType::Dictionary(_, value) if is_text(value) || is_number(value) => {
            event_times(column, &compute::cast(values, value)?, unit)?
        }
        _ => return Err(unusable(column, values, "event times")),
    })
}

fn timestamps(values: &ArrayRef, unit: TimeUnit) -> EventTimes {
    match unit {
        TimeUnit::Second => each(values.as_primitive::<TimestampSecondType>(), |time| {
            from_integer(time, Some(unit))
        }),
        TimeUnit::Millisecond => each(values.as_primitive::<TimestampMillisecondType>(), |time| {
            from_integer(time, Some(unit))
        }),
        TimeUnit::Microsecond => each(values.as_primitive::<TimestampMicrosecondType>(), |time| {
            from_integer(time, Some(unit))
        }),
        TimeUnit::Nanosecond => each(values.as_primitive::<TimestampNanosecondType>(), |time| {
            from_integer(time, Some(unit))
        }),
    }
}

/// Microseconds from -009999-01-01 to the end of 9999, what a `Timestamp` holds.
fn in_range(micros: i64) -> Option<i64> {
    let range = Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond();
    range.contains(&micros).then_some(micros)
}

fn guessed(unit: Option<TimeUnit>, magnitude: f64) -> TimeUnit {
    unit.unwrap_or(match magnitude {
        ..1e11 => TimeUnit::Second,
        ..1e14 => TimeUnit::Millisecond,
        ..1e17 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    })
}

fn from_integer(epoch: i64, unit: Option<TimeUnit>) -> Option<i64> {
    in_range(match guessed(unit, epoch.unsigned_abs() as f64) {
        TimeUnit::Second => epoch.checked_mul(1_000_000)?,
        TimeUnit::Millisecond => epoch.checked_mul(1_000)?,
        TimeUnit::Microsecond => epoch,
        TimeUnit::Nanosecond => epoch.div_euclid(1_000),
    })
}

/// Rounded to the nearest microsecond.
fn from_float(epoch: f64, unit: Option<TimeUnit>) -> Option<i64> {
    let in_one: u32 = match guessed(unit, epoch.abs()) {
        TimeUnit::Second => 1_000_000,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1,
        TimeUnit::Nanosecond => {
            let micros = (epoch / 1e3).round();
            return if micros.abs() < 1e18 { in_range(micros as i64) } else { None };
        }
    };
    if epoch.is_nan() || epoch.abs() * f64::from(in_one) >= 1e18 {
        return None;
    }
    // The fraction apart: it is exact, and the product of the whole would round it away.
    let fraction = (epoch.fract() * f64::from(in_one)).round();
    in_range(epoch.trunc() as i64 * i64::from(in_one) + fraction as i64)
}

fn from_text(values: &ArrayRef, unit: Option<TimeUnit>) -> Result<EventTimes, QueryError> {
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
        let found = time.or_else(|| parse(text?, unit));
        if found.is_none() && text.is_some() {
            unreadable.push(row);
        }
        found
    });
    Ok(EventTimes { micros: micros.collect(), unreadable })
}

fn parse(text: &str, unit: Option<TimeUnit>) -> Option<i64> {
    let text = text.trim();
    // `20240301` is more likely a date than an epoch, unless a unit says so.
    let digits = text.bytes().skip_while(|byte| *byte == b'-');
    if unit.is_some() || digits.take_while(u8::is_ascii_digit).count() >= 9 {
        if let Ok(epoch) = text.parse() {
            return from_integer(epoch, unit);
        }
        if let Ok(epoch) = text.parse() {
            return from_float(epoch, unit);
        }
    }
    let time = text.parse::<Timestamp>();
    let time = time.or_else(|_| TimeZone::UTC.to_timestamp(text.parse::<DateTime>()?));
    Some(time.ok()?.as_microsecond())
}

fn each<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    micros: impl Fn(T::Native) -> Option<i64>,
) -> EventTimes {
    let times: Int64Array = values.unary_opt(micros);
    let mut unreadable = Vec::new();
    if times.null_count() > values.null_count() {
        let rows = 0..values.len();
        unreadable.extend(rows.filter(|&row| times.is_null(row) && values.is_valid(row)));
    }
    EventTimes { micros: times, unreadable }
}
