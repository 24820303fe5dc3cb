//! What time it is; nobody else asks the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock: the time of day, and a time that never goes back. Clones show the same time.
///
/// What the service says about itself is measured with it; what it says about models never is.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Machine { began: Instant },
    Hand { began: i64, moved: Hand },
}

/// Moves a clock that stands still by itself.
#[derive(Clone, Debug, Default)]
pub struct Hand {
    nanoseconds: Arc<AtomicU64>,
}

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is where the machine is asked")]
    pub fn machine() -> Self {
        Self(Source::Machine { began: Instant::now() })
    }

    /// A clock that shows `now` (milliseconds since 1970, UTC) until its hand is moved; for tests.
    pub fn by_hand(now: i64) -> (Self, Hand) {
        let hand = Hand::default();
        (Self(Source::Hand { began: now, moved: hand.clone() }), hand)
    }

    /// The time of day in milliseconds since 1970, UTC; it may jump, when somebody sets the machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is where the machine is asked")]
    pub fn now(&self) -> i64 {
        match &self.0 {
            Source::Machine { .. } => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => milliseconds(since),
                Err(before) => -milliseconds(before.duration()),
            },
            Source::Hand { began, moved } => began.saturating_add(milliseconds(moved.moved())),
        }
    }

    /// How long this clock has been running: it never goes back, and differences of it are true durations.
    pub fn running(&self) -> Duration {
        match &self.0 {
            Source::Machine { began } => began.elapsed(),
            Source::Hand { moved, .. } => moved.moved(),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::machine()
    }
}

impl Hand {
    /// Moves the clock forwards.
    pub fn advance(&self, by: Duration) {
        let nanoseconds = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::SeqCst);
    }

    fn moved(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::SeqCst))
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_by_hand_stands_until_it_is_moved() {
        let (clock, hand) = Clock::by_hand(1_000);
        let same = clock.clone();
        assert_eq!((clock.now(), clock.running()), (1_000, Duration::ZERO));
        hand.advance(Duration::from_millis(1_500));
        hand.advance(Duration::from_micros(1));
        assert_eq!(same.now(), 2_500);
        assert_eq!(same.running(), Duration::from_micros(1_500_001));
    }

    #[test]
    fn the_machine_is_past_the_year_2025_and_runs_on() {
        let clock = Clock::machine();
        assert!(clock.now() > 1_735_689_600_000);
        let before = clock.running();
        assert!(clock.running() >= before);
        assert!(clock.running() < Duration::from_mins(1));
    }
}
