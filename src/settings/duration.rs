//! Durations as people write them: `90s`, `1h30m`, `60d`.

use std::time::Duration;

/// Unit, its other spelling, milliseconds; greatest first.
const UNITS: [(&str, &str, u64); 6] = [
    ("w", "w", 604_800_000),
    ("d", "d", 86_400_000),
    ("h", "h", 3_600_000),
    ("m", "min", 60_000),
    ("s", "s", 1_000),
    ("ms", "ms", 1),
];

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// Nothing, or not a number followed by a unit.
    #[error("write whole numbers, each with a unit: ms, s, m (or min), h, d, w")]
    Unreadable,
    /// A unit that does not exist.
    #[error("the units are ms, s, m (or min), h, d, w")]
    Unit,
    /// Units twice, or a smaller one before a greater one.
    #[error("write greater units first and each once, as in `1h30m`")]
    Order,
    /// Longer than can be counted.
    #[error("write less; it is longer than vigie can count")]
    TooLong,
}

/// Reads a duration: whole numbers with the units `ms`, `s`, `m` (or `min`), `h`, `d`, `w`, greater ones first.
///
/// A day is 24 hours, a week seven days.
///
/// # Errors
///
/// What to write instead; the caller says which text it was.
///
/// ```
/// # use std::time::Duration;
/// # use vigie::settings::{DurationError, parse_duration};
/// assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5_400)));
/// assert_eq!(parse_duration("90 min"), parse_duration("1h30m"));
/// assert_eq!(parse_duration("90"), Err(DurationError::Unreadable));
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.trim();
    let mut least = u64::MAX;
    let mut total = 0_u64;
    loop {
        let unit_from =
            rest.find(|c: char| !c.is_ascii_digit()).ok_or(DurationError::Unreadable)?;
        let (number, after) = rest.split_at(unit_from);
        let after = after.trim_start();
        let unit_to = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_to);
        if number.is_empty() || unit.is_empty() {
            return Err(DurationError::Unreadable);
        }
        let known = UNITS.iter().find(|(short, long, _)| unit == *short || unit == *long);
        let (_, _, milliseconds) = *known.ok_or(DurationError::Unit)?;
        if milliseconds >= least {
            return Err(DurationError::Order);
        }
        least = milliseconds;
        let number = number.parse::<u64>().map_err(|_| DurationError::TooLong)?;
        total = number
            .checked_mul(milliseconds)
            .and_then(|part| total.checked_add(part))
            .ok_or(DurationError::TooLong)?;
        rest = after.trim_start();
        if rest.is_empty() {
            return Ok(Duration::from_millis(total));
        }
    }
}

/// Writes a duration in the form that [`parse_duration`] reads, as short as it goes: `1h30m`. What is below a
/// millisecond is left out.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = whole_milliseconds(duration);
    if rest == 0 {
        return "0s".to_owned();
    }
    // Weeks are left to days: people say 60 days, not 8 weeks and 4 days.
    let units = UNITS.iter().filter(|(unit, _, _)| *unit != "w");
    let parts = units.filter_map(|(unit, _, milliseconds)| {
        let count = rest / milliseconds;
        rest %= milliseconds;
        (count > 0).then(|| format!("{count}{unit}"))
    });
    parts.collect()
}

/// A duration as the number that canonical forms hold.
fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Durations as whole milliseconds, for canonical forms: settings have none shorter.
pub(crate) mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(super::whole_milliseconds(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_may_be_joined_and_spaced() {
        for (text, milliseconds) in [
            ("250ms", 250),
            ("90s", 90_000),
            ("5m", 300_000),
            ("5min", 300_000),
            ("1h30m", 5_400_000),
            (" 1 h 30 min ", 5_400_000),
            ("2w3d", 17 * 86_400_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", DurationError::Unreadable),
            ("90", DurationError::Unreadable),
            ("h", DurationError::Unreadable),
            ("1.5h", DurationError::Unreadable),
            ("-1h", DurationError::Unreadable),
            ("1h 30", DurationError::Unreadable),
            ("3 months", DurationError::Unit),
            ("1H", DurationError::Unit),
            ("30m1h", DurationError::Order),
            ("1h1h", DurationError::Order),
            ("99999999999999999999s", DurationError::TooLong),
            ("99999999999999w", DurationError::TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(reason), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(milliseconds: u64) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
