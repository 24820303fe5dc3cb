//! How predictions are cut into windows.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::settings::at::At;
use crate::settings::duration::{self, parse_duration};
use crate::settings::mistake::Mistakes;
use crate::settings::typed::{self, DurationText};

/// How predictions are cut into windows, and when a window is ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// What makes a window; `None` leaves it to the command: see [`Cut::FOR_RUN`].
    pub cut: Option<Cut>,
    /// How long after its end a window of a period waits for stragglers, in event time.
    #[serde(with = "duration::milliseconds")]
    pub lateness: Duration,
    /// A partition without anything of the model for so long is not waited for.
    #[serde(with = "duration::milliseconds")]
    pub idle: Duration,
    /// After so long a window waits for no partition any more; never shorter than `idle`.
    #[serde(with = "duration::milliseconds")]
    pub max_wait: Duration,
    /// An event further in the future than this is set aside.
    #[serde(with = "duration::milliseconds")]
    pub skew: Duration,
    /// A window with fewer rows is not judged; never more than the size of a [`Cut::Size`].
    pub min_rows: u64,
}

/// What makes a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// So many rows, in the order in which they come.
    Size(NonZeroU64),
    /// So long, in event time, aligned to UTC; longer than nothing.
    Period(#[serde(with = "duration::milliseconds")] Duration),
    /// So many windows, as equal as can be; only where the number of rows is known.
    Number(NonZeroU64),
}

impl Cut {
    /// What the service takes where nothing is set: 5,000 rows, enough for three digits of most figures.
    pub const FOR_RUN: Self = Self::Size(NonZeroU64::new(5_000).expect("5,000 is not zero"));
}

/// Rows below which the sampling error of most figures is wider than any change worth knowing.
const MIN_ROWS: u64 = 300;

impl Window {
    pub(crate) fn meant(typed: &typed::Window, at: &At<'_>, mistakes: &mut Mistakes) -> Self {
        let cut = cut(typed, at, mistakes);
        let mut of = |key: &str, typed: &DurationText| duration(typed, &at.key(key), mistakes);
        let lateness = of("lateness", &typed.lateness);
        let [idle, max_wait, skew] =
            [("idle", &typed.idle), ("max_wait", &typed.max_wait), ("skew", &typed.skew)]
                .map(|(key, typed)| positive_duration(typed, &at.key(key), mistakes));
        if let (Some(idle), Some(max_wait)) = (idle, max_wait)
            && idle > max_wait
        {
            let (idle, max_wait) = (&typed.idle.0, &typed.max_wait.0);
            // One of them was typed: the defaults agree.
            let key = if at.key("idle").is_written() { "idle" } else { "max_wait" };
            mistakes.add_found(
                &at.key(key),
                format!("`idle = {idle:?}` with `max_wait = {max_wait:?}`"),
                "an `idle` of at most `max_wait`, else no partition ever counts as idle",
                "lower `idle` or raise `max_wait`",
            );
        }
        let most = match cut {
            Some(Cut::Size(size)) => size.get(),
            _ => u64::MAX,
        };
        let min_rows = typed.min_rows.unwrap_or(MIN_ROWS.min(most));
        if min_rows > most {
            mistakes.add_found(
                &at.key("min_rows"),
                format!("`{min_rows}` with `size = {most}`"),
                "at most `size`, else no window is ever judged",
                "lower `min_rows` or raise `size`",
            );
        }
        Self {
            cut,
            lateness: lateness.unwrap_or_default(),
            idle: idle.unwrap_or_default(),
            max_wait: max_wait.unwrap_or_default(),
            skew: skew.unwrap_or_default(),
            min_rows,
        }
    }
}

fn cut(typed: &typed::Window, at: &At<'_>, mistakes: &mut Mistakes) -> Option<Cut> {
    let typed::Window { size, period, number, .. } = typed;
    let given =
        [("size", size.is_some()), ("period", period.is_some()), ("number", number.is_some())];
    let given = given.iter().filter(|(_, is)| *is).map(|(key, _)| format!("`{key}`"));
    let given = given.collect::<Vec<_>>();
    if given.len() > 1 {
        mistakes.add_found(
            at,
            given.join(" and "),
            "one of `size`, `period` and `number`",
            "keep the one that shall decide when a window is full",
        );
    }
    let size = size.and_then(|rows| at_least_one(rows, &at.key("size"), mistakes)).map(Cut::Size);
    let number = number.and_then(|n| at_least_one(n, &at.key("number"), mistakes)).map(Cut::Number);
    let period =
        period.as_ref().and_then(|typed| positive_duration(typed, &at.key("period"), mistakes));
    size.or(period.map(Cut::Period)).or(number)
}

/// A count that must not be zero.
pub(crate) fn at_least_one(count: u64, at: &At<'_>, mistakes: &mut Mistakes) -> Option<NonZeroU64> {
    let count = NonZeroU64::new(count);
    if count.is_none() {
        mistakes.add(at, "a whole number of at least 1", "write a greater one");
    }
    count
}

/// A duration, or a mistake.
pub(crate) fn duration(
    typed: &DurationText,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Option<Duration> {
    parse_duration(&typed.0).map_err(|why| mistakes.add(at, typed::DURATION, why.to_string())).ok()
}

/// A duration longer than nothing, or a mistake.
pub(crate) fn positive_duration(
    typed: &DurationText,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Option<Duration> {
    let duration = duration(typed, at, mistakes)?;
    if duration.is_zero() {
        mistakes.add(at, "a duration longer than nothing", "write a longer one");
        return None;
    }
    Some(duration)
}
