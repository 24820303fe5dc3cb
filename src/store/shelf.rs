//! Which rows lie together: those that are over at about the same time, so that they are dropped together.

use minicbor::{Decode, Encode};

/// The shortest stretch of time that is told apart: 2^16 milliseconds, about a minute.
const LEAST: u32 = 16;

/// A stretch of time in which what lies there is over. The later one first in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(super) struct Shelf {
    /// When all of it is over, in the log's milliseconds.
    #[n(0)]
    pub(super) until: i64,
    /// The binary logarithm of how long it is.
    #[n(1)]
    width: u32,
}

impl Shelf {
    /// Where what is over at `over_at` lies when it is written at `now`: it is dropped at most by an eighth of the time
    /// that it has too late.
    pub(super) fn of(over_at: i64, now: i64) -> Self {
        let left = over_at.saturating_sub(now).max(1);
        let width = left.ilog2().saturating_sub(3).max(LEAST);
        let end = (i128::from(over_at >> width) + 1) << width;
        Self { until: i64::try_from(end - 1).unwrap_or(i64::MAX), width }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_soon_after_what_lies_there_is_over() {
        for left in [1, 1000, 65_536, 86_400_000, 2 * 365 * 86_400_000, i64::MAX >> 1] {
            for now in [-5_000_000, 0, 1, 1_700_000_000_000] {
                let over_at = now + left;
                let late = Shelf::of(over_at, now).until - over_at;
                assert!((0..(left / 8).max(65_536)).contains(&late), "{late} of {left}");
            }
        }
        assert_eq!(Shelf::of(i64::MAX, 0).until, i64::MAX);
        assert_eq!(Shelf::of(i64::MAX, i64::MIN).until, i64::MAX);
        assert!(Shelf::of(i64::MIN, i64::MAX).until < i64::MIN + 65_536);
    }
}
