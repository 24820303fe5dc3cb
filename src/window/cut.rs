//! Which window of a file a row belongs to.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::profile::WindowRule;

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// A window rule, applied to one file whose size and times are known. Rows need no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// This many rows each.
    Size(u64),
    /// A window from each of these rows on.
    FromRows(Vec<u64>),
    /// By event time.
    Period(Duration),
    /// A window from each of these times on, in microseconds since 1970 UTC.
    FromTimes(Vec<i64>),
}

/// Tells the windows of one file apart; ascending in their order.
pub type WindowKey = i64;

/// Rows one after the other that belong to one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Their window.
    pub key: WindowKey,
    /// The first of them.
    pub start: usize,
    /// How many.
    pub length: usize,
}

impl Cut {
    /// Applies a rule to a file of `rows` rows; `times` are their event times in any order, read for days only.
    pub fn new(rule: WindowRule, rows: u64, times: impl IntoIterator<Item = i64>) -> Self {
        match rule {
            WindowRule::Size(size) => Self::Size(size.max(1)),
            WindowRule::Period(period) => Self::Period(period),
            WindowRule::Number(windows) => {
                // The remainder is spread over the first windows, a row each.
                let windows = windows.clamp(1, rows.max(1));
                let (size, more) = (rows / windows, rows % windows);
                Self::FromRows((0..windows).map(|i| i * size + i.min(more)).collect())
            }
            WindowRule::Days { at_least } => {
                let mut days: BTreeMap<i64, u64> = BTreeMap::new();
                for time in times {
                    *days.entry(time.div_euclid(DAY)).or_default() += 1;
                }
                let mut starts = Vec::new();
                let mut open = 0;
                for (day, rows) in days {
                    if open == 0 {
                        starts.push(day * DAY);
                    }
                    open += rows;
                    if open >= at_least {
                        open = 0;
                    }
                }
                // What is left over at the end joins the window before.
                if open > 0 && starts.len() > 1 {
                    starts.pop();
                }
                Self::FromTimes(starts)
            }
        }
    }

    /// Start and end of a window, in microseconds since 1970 UTC, end exclusive, where the rule says them.
    pub fn span(&self, key: WindowKey) -> Option<(i64, i64)> {
        match self {
            Self::Period(period) => Some(WindowRule::period_of(*period, key)),
            Self::Size(_) | Self::FromRows(_) | Self::FromTimes(_) => None,
        }
    }

    /// The windows of rows that follow each other in the file, the first of which is row `first`.
    ///
    /// `times` are theirs; rules by time need them.
    pub fn runs(&self, first: u64, length: usize, times: Option<&[i64]>) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut add = |key, start, length| match runs.last_mut() {
            Some(run) if run.key == key => run.length += length,
            _ => runs.push(Run { key, start, length }),
        };
        match self {
            Self::Size(_) | Self::FromRows(_) => {
                let mut start = 0;
                while start < length {
                    let row = first + start as u64;
                    let (key, next) = self.window_of_row(row);
                    let rows =
                        usize::try_from(next - row).unwrap_or(usize::MAX).min(length - start);
                    add(key, start, rows);
                    start += rows;
                }
            }
            Self::Period(_) | Self::FromTimes(_) => {
                let mut last = None;
                for (row, &time) in times.unwrap_or_default().iter().take(length).enumerate() {
                    // Neighbours mostly share a window.
                    let key = match last {
                        Some((key, from, to)) if from <= time && time < to => key,
                        _ => {
                            let (from, to) = self.window_of_time(time);
                            last = Some((from, from, to));
                            from
                        }
                    };
                    add(key, row, 1);
                }
            }
        }
        runs
    }

    /// The window of a row, and the first row of the next one.
    fn window_of_row(&self, row: u64) -> (WindowKey, u64) {
        let (index, next) = match self {
            Self::FromRows(starts) => {
                let next = starts.partition_point(|&start| start <= row);
                (next.saturating_sub(1) as u64, starts.get(next).copied().unwrap_or(u64::MAX))
            }
            Self::Size(size) => (row / size, (row / size + 1) * size),
            Self::Period(_) | Self::FromTimes(_) => (0, u64::MAX),
        };
        (index.cast_signed(), next)
    }

    /// Start and end of the window of a time.
    fn window_of_time(&self, time: i64) -> (i64, i64) {
        match self {
            Self::Period(period) => WindowRule::period_of(*period, time),
            Self::FromTimes(starts) => {
                let next = starts.partition_point(|&start| start <= time);
                // What lies before the first start belongs to the first window.
                let from = starts.get(next.saturating_sub(1)).copied().unwrap_or(i64::MIN);
                (from, starts.get(next.max(1)).copied().unwrap_or(i64::MAX))
            }
            Self::Size(_) | Self::FromRows(_) => (0, i64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows_of(cut: &Cut, rows: u64, batch: usize) -> Vec<(i64, usize)> {
        let mut windows: BTreeMap<i64, usize> = BTreeMap::new();
        let mut first = 0;
        while first < rows {
            let length = batch.min((rows - first) as usize);
            for run in cut.runs(first, length, None) {
                *windows.entry(run.key).or_default() += run.length;
            }
            first += length as u64;
        }
        windows.into_iter().collect()
    }

    #[test]
    fn a_number_of_windows_is_that_number_and_equal_to_a_row() {
        for batch in [1, 7, 1000] {
            let cut = Cut::new(WindowRule::Number(10), 109, []);
            let sizes: Vec<usize> = rows_of(&cut, 109, batch).iter().map(|w| w.1).collect();
            assert_eq!(sizes, [11, 11, 11, 11, 11, 11, 11, 11, 11, 10]);
        }
        assert_eq!(rows_of(&Cut::new(WindowRule::Number(10), 3, []), 3, 9).len(), 3);
        assert_eq!(rows_of(&Cut::new(WindowRule::Number(10), 0, []), 0, 9).len(), 0);
    }

    #[test]
    fn the_last_window_by_size_takes_what_is_left() {
        for batch in [1, 3, 100] {
            assert_eq!(rows_of(&Cut::Size(4), 10, batch), [(0, 4), (1, 4), (2, 2)]);
        }
    }

    #[test]
    fn days_join_until_there_are_enough_rows() {
        let day = |day: i64| day * DAY + 5;
        let times = [day(1), day(1), day(2), day(5), day(6), day(6), day(6), day(9)];
        let cut = Cut::new(WindowRule::Days { at_least: 3 }, 8, times);
        assert_eq!(cut, Cut::FromTimes(vec![DAY, 5 * DAY]));
        let runs = cut.runs(0, 8, Some(&times));
        let found: Vec<(i64, usize)> = runs.iter().map(|run| (run.key / DAY, run.length)).collect();
        assert_eq!(found, [(1, 3), (5, 5)]);
    }

    #[test]
    fn periods_take_rows_in_any_order() {
        let hour = 3_600_000_000;
        let times = [hour + 1, 1, 2, hour + 2, 2 * hour];
        let cut = Cut::new(WindowRule::Period(Duration::from_hours(1)), 5, []);
        let runs = cut.runs(0, 5, Some(&times));
        let found: Vec<(i64, usize, usize)> =
            runs.iter().map(|run| (run.key / hour, run.start, run.length)).collect();
        assert_eq!(found, [(1, 0, 1), (0, 1, 2), (1, 3, 1), (2, 4, 1)]);
        assert_eq!(cut.span(hour), Some((hour, 2 * hour)));
    }
}
