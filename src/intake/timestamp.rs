//! Event times as producers write them, to microseconds since 1970, UTC.
//!
//! Dates follow ISO 8601 and RFC 3339 in the proleptic Gregorian calendar; a time without an offset is UTC. The one
//! layout that nearly every event has (`2024-03-01T12:00:00.123456Z`) is read by hand, in some ten nanoseconds; all
//! others go to `jiff`, with the same answers where both can read a text.

use jiff::fmt::temporal::{DateTimeParser, PiecesOffset};
use jiff::tz::Offset;
use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};

use super::slots::Slot;

/// What one step of an epoch number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Unit {
    /// Guessed from the magnitude: below 1e11 seconds (the year 5138), below 1e14 milliseconds, below 1e17
    /// microseconds, else nanoseconds. Right for every time after 3 March 1973 in milliseconds or finer.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Seconds, with a fraction where the number has one.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// Nanoseconds; cut to microseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
}

/// What is wrong with an event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Neither a date and time nor a number.
    #[error("not a time (RFC 3339, ISO 8601 or an epoch number)")]
    NotATime,
    /// Named only by a time zone, whose rules change; an offset is needed.
    #[error("a local time of a named zone; write its offset, as in `+01:00`")]
    NamedZone,
    /// A number in quotes that may be a date as well as an epoch.
    #[error("a short number in quotes; say what it counts by the column's `unit`")]
    ShortNumber,
    /// Before the year -9999 or after 9999.
    #[error("outside the years -9999 to 9999")]
    OutOfRange,
}

/// The event time in a slot: a text or an epoch number; `None` where there is no value.
///
/// # Errors
///
/// For what is no time, and for booleans, objects and arrays.
pub fn event_time(slot: Slot<'_>, unit: Unit) -> Result<Option<i64>, TimestampError> {
    match slot {
        Slot::Missing | Slot::Null => Ok(None),
        Slot::Int(number) => from_integer(number, unit).map(Some),
        Slot::Float(number) => from_float(number, unit).map(Some),
        Slot::Text(text) => from_text(text, unit).map(Some),
        Slot::Bool(_) | Slot::Other(_) | Slot::Numbers(_) => Err(TimestampError::NotATime),
    }
}

/// A time from text, in microseconds since 1970, UTC. Digits beyond the microsecond are cut off.
///
/// Text that is a number counts as an epoch number in `unit`; where the unit is to be guessed it needs nine digits
/// before the point, since `20240301` is more likely a date.
///
/// # Errors
///
/// For text that is no time, or one outside the years -9999 to 9999.
pub fn from_text(text: &str, unit: Unit) -> Result<i64, TimestampError> {
    match fixed_layout(text.as_bytes()) {
        Some(microseconds) => Ok(microseconds),
        None => any_layout(text, unit),
    }
}

/// A time from a whole epoch number, in microseconds since 1970, UTC.
///
/// # Errors
///
/// Outside the years -9999 to 9999.
pub fn from_integer(number: i64, unit: Unit) -> Result<i64, TimestampError> {
    let microseconds = match unit.or_guess(number.unsigned_abs() as f64) {
        Unit::Nanoseconds => Some(number.div_euclid(1_000)),
        Unit::Microseconds => Some(number),
        Unit::Milliseconds => number.checked_mul(1_000),
        Unit::Seconds | Unit::Auto => number.checked_mul(1_000_000),
    };
    in_range(microseconds.ok_or(TimestampError::OutOfRange)?)
}

/// A time from an epoch number with a fraction, rounded to the nearest microsecond, since 1970, UTC.
///
/// # Errors
///
/// Outside the years -9999 to 9999, and for what is no number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "both parts are whole numbers, far below 2^63: checked against the range just before"
)]
pub fn from_float(number: f64, unit: Unit) -> Result<i64, TimestampError> {
    let per_step = match unit.or_guess(number.abs()) {
        Unit::Nanoseconds => 1e-3,
        Unit::Microseconds => 1.0,
        Unit::Milliseconds => 1e3,
        Unit::Seconds | Unit::Auto => 1e6,
    };
    // A NaN is not within the range either.
    let largest = 1e18 / per_step;
    if !(-largest..largest).contains(&number) {
        return Err(TimestampError::OutOfRange);
    }
    // The fraction apart: it is exact, and the product of the whole would round it away.
    let whole = number.trunc();
    if per_step < 1.0 {
        return in_range((number / 1e3).round() as i64);
    }
    in_range(whole as i64 * per_step as i64 + ((number - whole) * per_step).round() as i64)
}

impl Unit {
    fn or_guess(self, magnitude: f64) -> Self {
        match self {
            Self::Auto if magnitude < 1e11 => Self::Seconds,
            Self::Auto if magnitude < 1e14 => Self::Milliseconds,
            Self::Auto if magnitude < 1e17 => Self::Microseconds,
            Self::Auto => Self::Nanoseconds,
            told => told,
        }
    }
}

fn in_range(microseconds: i64) -> Result<i64, TimestampError> {
    Timestamp::from_microsecond(microseconds)
        .map(|_| microseconds)
        .map_err(|_| TimestampError::OutOfRange)
}

/// `2024-03-01T12:00:00`, a fraction of up to nine digits or none, and `Z`, `+01:00` or nothing.
///
/// `None` for all else, valid or not.
fn fixed_layout(text: &[u8]) -> Option<i64> {
    let (head, mut rest) = text.split_first_chunk::<19>()?;
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T' | b' ',
        h0,
        h1,
        b':',
        i0,
        i1,
        b':',
        s0,
        s1,
    ] = *head
    else {
        return None;
    };
    let year = two(y0, y1)? * 100 + two(y2, y3)?;
    let (month, day) = (two(m0, m1)?, two(d0, d1)?);
    let (hour, minute, second) = (two(h0, h1)?, two(i0, i1)?, two(s0, s1)?);
    if month == 0 || day == 0 || day > days_of(year, month)? {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut fraction = 0;
    if let [b'.', after @ ..] = rest {
        let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 9 {
            return None;
        }
        let mut unit = 100_000;
        for byte in after.iter().take(digits.min(6)) {
            fraction += i64::from(byte - b'0') * unit;
            unit /= 10;
        }
        rest = after.get(digits..)?;
    }
    let offset_minutes = match *rest {
        [] | [b'Z'] => 0,
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            let (hours, minutes) = (two(h0, h1)?, two(m0, m1)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let minutes = (days_before(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    in_range((minutes * 60 + second) * 1_000_000 + fraction).ok()
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
}

fn days_of(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Days from 1970-01-01 to a date of the years 0 to 9999.
///
/// The year is made to begin in March, so that the leap day is its last; the days before a month are then a linear
/// function of it, rounded. Source: Hinnant, "chrono-compatible low-level date algorithms" (2013), `days_from_civil`.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    // 400 years are 146,097 days, and 1970 lies 719,468 days after 1 March of the year 0.
    let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
    let days = year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1;
    cycle * 146_097 + days - 719_468
}

fn any_layout(text: &str, unit: Unit) -> Result<i64, TimestampError> {
    let text = text.trim();
    if let Some(number) = number(text, unit) {
        return number;
    }
    let pieces = DateTimeParser::new().parse_pieces(text).map_err(|_| TimestampError::NotATime)?;
    let offset = match pieces.offset() {
        Some(PiecesOffset::Numeric(numeric)) => numeric.offset(),
        None if pieces.time_zone_annotation().is_some() => return Err(TimestampError::NamedZone),
        _ => Offset::UTC,
    };
    let time = pieces.time().unwrap_or(civil::Time::midnight());
    let time = offset
        .to_timestamp(pieces.date().to_datetime(time))
        .map_err(|_| TimestampError::OutOfRange)?;
    // Down, not towards zero: a window must not hold the last instant before 1970 twice.
    i64::try_from(time.as_nanosecond().div_euclid(1_000)).map_err(|_| TimestampError::OutOfRange)
}

/// Text that is an epoch number; `None` where it is something else.
fn number(text: &str, unit: Unit) -> Option<Result<i64, TimestampError>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    if unit == Unit::Auto && whole.len() < 9 {
        return Some(Err(TimestampError::ShortNumber));
    }
    if let Ok(number) = text.parse() {
        return Some(from_integer(number, unit));
    }
    Some(text.parse().map_or(Err(TimestampError::NotATime), |number| from_float(number, unit)))
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;
    use jiff::{Timestamp, civil};
    use proptest::prelude::*;

    use super::super::slots::{Nested, Slot};
    use super::{
        TimestampError, Unit, event_time, fixed_layout, from_float, from_integer, from_text,
    };

    const NOON: i64 = 1_709_294_400_000_000; // 2024-03-01T12:00:00Z

    #[test]
    fn texts_read_as_utc_microseconds() {
        for (text, microseconds) in [
            ("2024-03-01T12:00:00Z", NOON),
            ("2024-03-01t12:00:00z", NOON),
            ("2024-03-01T12:00:00", NOON),
            ("2024-03-01 12:00:00", NOON),
            (" 2024-03-01 12:00:00\n", NOON),
            ("2024-03-01T12:00", NOON),
            ("2024-03-01 12:00:00+00:00", NOON),
            ("2024-03-01T12:00:00-00:00", NOON),
            ("2024-03-01T13:30:00+01:30", NOON),
            ("2024-03-01T06:30:00-05:30", NOON),
            ("2024-03-01T13:00:00+0100", NOON),
            ("2024-03-01T13:00:00+01", NOON),
            ("2024-03-01T13:00:00+01:00[Europe/Paris]", NOON),
            ("20240301T120000Z", NOON),
            ("2024-03-01", NOON - 43_200_000_000),
            ("2024-03-01T12:00:00.5Z", NOON + 500_000),
            ("2024-03-01T12:00:00.123456", NOON + 123_456),
            ("2024-03-01 12:00:00,250", NOON + 250_000),
            ("2024-03-01T12:00:00.1234569Z", NOON + 123_456),
            ("2024-03-01T12:00:00.123456789+00:00", NOON + 123_456),
            ("1969-12-31T23:59:59.9999999Z", -1),
            ("1970-01-01T00:00:00Z", 0),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000_000), // a leap second is the second before it
            ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
            ("1709294400", NOON),
            ("1709294400.25", NOON + 250_000),
            ("1709294400123", NOON + 123_000),
            ("1709294400123456", NOON + 123_456),
            ("1709294400123456789", NOON + 123_456),
            ("-1709294400", -NOON),
        ] {
            assert_eq!(from_text(text, Unit::Auto), Ok(microseconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_says_why() {
        use TimestampError::{NamedZone, NotATime, OutOfRange, ShortNumber};
        for (text, why) in [
            ("", NotATime),
            ("yesterday", NotATime),
            ("2024-13-01T12:00:00Z", NotATime),
            ("2023-02-29T12:00:00Z", NotATime),
            ("2024-03-00T12:00:00Z", NotATime),
            ("2024-03-01T24:00:00Z", NotATime),
            ("2024-03-01T12:60:00Z", NotATime),
            ("2024-03-01T12:00:61Z", NotATime),
            ("2024-03-01T12:00:00.Z", NotATime),
            ("2024-03-01T12:00:00.1234567890Z", NotATime),
            ("2024-03-01T12:00:00Zulu", NotATime),
            ("2024-03-01T12:00:00+25:99", NotATime),
            ("01/03/2024", NotATime),
            ("NaN", NotATime),
            ("1e9", NotATime),
            ("2024-03-01T12:00[Europe/Paris]", NamedZone),
            ("20240301", ShortNumber),
            ("0", ShortNumber),
            ("9999-12-31T23:59:59-23:59", OutOfRange),
            ("9223372036854775807000", OutOfRange),
        ] {
            assert_eq!(from_text(text, Unit::Auto), Err(why), "{text}");
        }
        assert_eq!(from_text("20240301", Unit::Seconds), Ok(20_240_301_000_000));
    }

    #[test]
    fn epoch_numbers_are_guessed_by_magnitude_unless_told() {
        for unit in [Unit::Auto, Unit::Seconds] {
            assert_eq!(from_integer(1_709_294_400, unit), Ok(NOON));
            assert_eq!(from_float(1_709_294_400.123_456, unit), Ok(NOON + 123_456));
            assert_eq!(from_float(-0.25, unit), Ok(-250_000));
        }
        for unit in [Unit::Auto, Unit::Milliseconds] {
            assert_eq!(from_integer(1_709_294_400_123, unit), Ok(NOON + 123_000));
            assert_eq!(from_float(1_709_294_400_123.5, unit), Ok(NOON + 123_500));
        }
        for unit in [Unit::Auto, Unit::Microseconds] {
            assert_eq!(from_integer(NOON + 7, unit), Ok(NOON + 7));
            assert_eq!(from_float((NOON + 7) as f64, unit), Ok(NOON + 7));
        }
        for unit in [Unit::Auto, Unit::Nanoseconds] {
            assert_eq!(from_integer(NOON * 1_000 + 7_999, unit), Ok(NOON + 7));
            assert_eq!(from_float((NOON * 1_000) as f64, unit), Ok(NOON));
        }
        assert_eq!(from_integer(5, Unit::Milliseconds), Ok(5_000));
        assert_eq!(from_integer(-1, Unit::Nanoseconds), Ok(-1));
        assert_eq!(from_integer(0, Unit::Auto), Ok(0));
    }

    #[test]
    fn epoch_numbers_stay_within_the_calendar() {
        for unit in [Unit::Auto, Unit::Seconds, Unit::Milliseconds, Unit::Microseconds] {
            let far = if unit == Unit::Auto { 99_999_999_999_999_999 } else { i64::MAX };
            let result = from_integer(far, unit);
            assert!(matches!(result, Ok(_) | Err(TimestampError::OutOfRange)));
            if unit != Unit::Auto {
                assert_eq!(result, Err(TimestampError::OutOfRange), "{unit:?}");
            }
            for number in [f64::NAN, f64::INFINITY, f64::MIN, 1e300] {
                assert_eq!(from_float(number, unit), Err(TimestampError::OutOfRange));
            }
        }
        assert_eq!(from_integer(i64::MIN, Unit::Nanoseconds), Ok(-9_223_372_036_854_776));
    }

    #[test]
    fn slots_without_a_value_have_no_time_and_other_kinds_are_wrong() {
        assert_eq!(event_time(Slot::Missing, Unit::Auto), Ok(None));
        assert_eq!(event_time(Slot::Null, Unit::Auto), Ok(None));
        assert_eq!(event_time(Slot::Text("2024-03-01T12:00:00Z"), Unit::Auto), Ok(Some(NOON)));
        assert_eq!(event_time(Slot::Int(NOON), Unit::Auto), Ok(Some(NOON)));
        assert_eq!(event_time(Slot::Float(1_709_294_400.0), Unit::Auto), Ok(Some(NOON)));
        for slot in [Slot::Bool(true), Slot::Other(Nested::Array)] {
            assert_eq!(event_time(slot, Unit::Auto), Err(TimestampError::NotATime));
        }
    }

    #[test]
    fn units_have_the_names_of_the_settings() {
        for (unit, name) in [
            (Unit::Auto, "\"auto\""),
            (Unit::Seconds, "\"s\""),
            (Unit::Milliseconds, "\"ms\""),
            (Unit::Microseconds, "\"us\""),
            (Unit::Nanoseconds, "\"ns\""),
        ] {
            assert_eq!(serde_json::to_string(&unit).unwrap(), name);
            assert_eq!(serde_json::from_str::<Unit>(name).unwrap(), unit);
        }
    }

    /// The answer of jiff alone.
    fn by_jiff(text: &str) -> Option<i64> {
        let time = match text.parse::<Timestamp>() {
            Ok(time) => time,
            Err(_) if text.ends_with('Z') => return None,
            Err(_) => {
                let local: civil::DateTime = text.parse().ok()?;
                Offset::UTC.to_timestamp(local).ok()?
            }
        };
        i64::try_from(time.as_nanosecond().div_euclid(1_000)).ok()
    }

    /// Texts of the fixed layout, with fields in and slightly out of their range.
    fn fixed_text() -> impl Strategy<Value = String> {
        (
            (0..=9999u32, 0..=13u32, 0..=32u32, 0..=25u32, 0..=61u32, 0..=61u32),
            prop_oneof![Just('T'), Just(' ')],
            prop_oneof![Just(String::new()), "\\.[0-9]{0,10}"],
            prop_oneof![
                Just(String::new()),
                Just("Z".to_owned()),
                (any::<bool>(), 0..=26u32, 0..=61u32).prop_map(|(minus, hours, minutes)| format!(
                    "{}{hours:02}:{minutes:02}",
                    if minus { '-' } else { '+' }
                ))
            ],
        )
            .prop_map(|((year, month, day, hour, minute, second), t, fraction, offset)| {
                format!(
                    "{year:04}-{month:02}-{day:02}{t}{hour:02}:{minute:02}:{second:02}{fraction}{offset}"
                )
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_fast_layout_agrees_with_jiff(text in fixed_text()) {
            if let Some(fast) = fixed_layout(text.as_bytes()) {
                prop_assert_eq!(Some(fast), by_jiff(&text), "{}", text);
            }
            prop_assert_eq!(from_text(&text, Unit::Auto).ok(), by_jiff(&text), "{}", text);
        }

        #[test]
        fn what_jiff_prints_reads_back(microseconds in -62_167_219_200_000_000..253_402_207_200_000_000i64) {
            let text = Timestamp::from_microsecond(microseconds).unwrap().to_string();
            prop_assert_eq!(fixed_layout(text.as_bytes()), Some(microseconds), "{}", text);
        }

        #[test]
        fn one_changed_byte_never_panics_and_agrees_with_jiff(
            text in fixed_text(),
            position in any::<prop::sample::Index>(),
            byte in 0u8..128,
        ) {
            let mut bytes = text.into_bytes();
            let position = position.index(bytes.len());
            bytes[position] = byte;
            let text = String::from_utf8(bytes).unwrap();
            if let Some(fast) = fixed_layout(text.as_bytes()) {
                prop_assert_eq!(Some(fast), by_jiff(&text), "{}", text);
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>(), digits in "-?[0-9]{1,25}(\\.[0-9]{0,20})?") {
            for unit in [Unit::Auto, Unit::Seconds, Unit::Nanoseconds] {
                _ = from_text(&text, unit);
                _ = from_text(&digits, unit);
            }
        }

        #[test]
        fn seconds_with_a_fraction_keep_their_microseconds(microseconds in 0..4_000_000_000_000_000i64) {
            let number = microseconds as f64 / 1e6;
            prop_assert_eq!(from_float(number, Unit::Seconds), Ok(microseconds));
        }
    }
}
