//! By which rule rows are cut into windows.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// By which rule rows are cut into windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowRule {
    /// This many rows each, in their order.
    Size(u64),
    /// This long each, in event time, aligned to UTC (weeks to Monday).
    Period(
        /// Whole milliseconds.
        #[serde(with = "milliseconds")]
        Duration,
    ),
    /// This many windows of equal size (files only).
    Number(u64),
    /// Days in UTC, neighbours joined until each window has at least this many rows (files only).
    Days {
        /// Rows wanted.
        at_least: u64,
    },
}

/// Microseconds from 1970-01-01, a Thursday, to the first Monday after it.
const FIRST_MONDAY: i64 = 4 * 86_400_000_000;

impl WindowRule {
    /// Whether windows are cut by event time.
    pub fn needs_time(self) -> bool {
        matches!(self, Self::Period(_) | Self::Days { .. })
    }

    /// Start and end, in microseconds since 1970 UTC, of the period that holds an event.
    ///
    /// Periods of whole weeks begin on Mondays, all others count from 1970.
    pub fn period_of(period: Duration, time: i64) -> (i64, i64) {
        let length = i64::try_from(period.as_micros()).unwrap_or(i64::MAX).max(1);
        let weeks = length % (7 * 86_400_000_000) == 0;
        let origin = if weeks { FIRST_MONDAY } else { 0 };
        let start = (time.saturating_sub(origin)).div_euclid(length).saturating_mul(length);
        let start = start.saturating_add(origin);
        (start, start.saturating_add(length))
    }
}

impl fmt::Display for WindowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(rows) => write!(f, "{rows} rows"),
            Self::Period(period) => write!(f, "{}", Period(*period)),
            Self::Number(windows) => write!(f, "{windows} equal parts"),
            Self::Days { at_least } => write!(f, "days joined to at least {at_least} rows"),
        }
    }
}

/// A period in its greatest whole unit.
struct Period(Duration);

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        for (unit, length) in [
            ("week", 604_800_000),
            ("day", 86_400_000),
            ("hour", 3_600_000),
            ("minute", 60_000),
            ("second", 1000),
        ] {
            if milliseconds.is_multiple_of(length) {
                let count = milliseconds / length;
                return write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" });
            }
        }
        write!(f, "{milliseconds} ms")
    }
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(period: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(u64::try_from(period.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_aligned_to_utc_and_weeks_to_monday() {
        let hour = Duration::from_hours(1);
        assert_eq!(WindowRule::period_of(hour, 5_400_000_000), (3_600_000_000, 7_200_000_000));
        assert_eq!(WindowRule::period_of(hour, -1), (-3_600_000_000, 0));
        let week = Duration::from_hours(7 * 24);
        // 2024-01-03 was a Wednesday; its week began on Monday 2024-01-01.
        let (start, end) = WindowRule::period_of(week, 1_704_240_000_000_000);
        assert_eq!((start, end), (1_704_067_200_000_000, 1_704_672_000_000_000));
    }

    #[test]
    fn rules_print_as_people_say_them() {
        assert_eq!(WindowRule::Period(Duration::from_mins(10)).to_string(), "10 minutes");
        assert_eq!(WindowRule::Period(Duration::from_hours(24)).to_string(), "1 day");
        assert_eq!(WindowRule::Size(5000).to_string(), "5000 rows");
    }
}
