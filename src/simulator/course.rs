//! When and how targets come: which messages are sent of each prediction, and when.

use super::draws::{Draws, Stream};

/// Numbers that the messages of a prediction own.
const RESERVE: usize = 16;

/// When and how targets come. Shares are from 0 to 1.
///
/// It says of predictions by number and score which messages of ground truth are sent, and when; who makes them puts
/// ids and targets to it. A pure function of seed, number and score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutcomePlan {
    /// Half of the targets are decided sooner than this after the prediction, at a score of one half.
    pub median_seconds: f64,
    /// Standard deviation of the logarithm of the delay: 1 means that one in six takes 2.7 times the median.
    pub spread: f64,
    /// By how much the logarithm of the delay grows from score 0 to score 1; where it is not 0, early targets are a
    /// biased sample, but not within a stratum of the score.
    pub score_effect: f64,
    /// The longest that a decision travels; messages closer than that may overtake each other.
    pub transit_seconds: f64,
    /// Share of the cases whose target ever comes.
    pub coverage: f64,
    /// Share of them whose last message comes a second time.
    pub duplicated: f64,
    /// Share of them whose first target is wrong and corrected later.
    pub corrected: f64,
    /// Share of the others whose target is withdrawn later.
    pub withdrawn: f64,
}

impl Default for OutcomePlan {
    /// Days to months, as loans go: all come, once, and right.
    fn default() -> Self {
        Self {
            median_seconds: 20.0 * 86_400.0,
            spread: 0.8,
            score_effect: 0.0,
            transit_seconds: 60.0,
            coverage: 1.0,
            duplicated: 0.0,
            corrected: 0.0,
            withdrawn: 0.0,
        }
    }
}

impl OutcomePlan {
    /// The same with all times multiplied: a demonstration cannot wait for months.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            median_seconds: self.median_seconds * factor,
            transit_seconds: self.transit_seconds * factor,
            ..self
        }
    }
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// The target.
    Target,
    /// Another one, which is corrected later.
    Wrong,
    /// That there is none.
    Nothing,
}

/// A message of ground truth. Times are from the prediction on, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it was decided: of several the latest is right.
    pub decided_after: i64,
    /// When it arrives.
    pub arrives_after: i64,
    /// What it says.
    pub says: Says,
}

/// The messages of predictions by number.
#[derive(Debug)]
pub struct Roads {
    plan: OutcomePlan,
    draws: Draws,
}

impl Roads {
    /// Another seed is another draw of all.
    pub fn new(plan: OutcomePlan, seed: u64) -> Self {
        Self { plan, draws: Draws::new(seed, Stream::Outcomes, RESERVE) }
    }

    /// The messages of a prediction by their time of decision: none, or up to three.
    pub fn of(&mut self, number: u64, score: f64) -> Vec<Message> {
        let OutcomePlan { median_seconds, spread, score_effect, transit_seconds, .. } = self.plan;
        let mut rolls = self.draws.of(number);
        let comes = rolls.chance(self.plan.coverage);
        let corrected = rolls.chance(self.plan.corrected);
        let withdrawn = rolls.chance(self.plan.withdrawn) && !corrected;
        let duplicated = rolls.chance(self.plan.duplicated);
        if !comes {
            return Vec::new();
        }
        let (z_first, z_second) = rolls.normals();
        let mut message = |decided_after: i64, says| {
            let transit = micros(transit_seconds * rolls.uniform());
            Message { decided_after, arrives_after: decided_after.saturating_add(transit), says }
        };
        let delay = |z: f64, scale: f64| {
            let effect = score_effect * (score - 0.5);
            micros(scale * median_seconds * libm::exp(spread * z + effect))
        };
        let decided = delay(z_first, 1.0);
        let mut messages =
            vec![message(decided, if corrected { Says::Wrong } else { Says::Target })];
        if corrected || withdrawn {
            // Later by a microsecond at least: the greatest time of decision wins.
            let later = decided.saturating_add(delay(z_second, 0.25).max(1));
            messages.push(message(later, if corrected { Says::Target } else { Says::Nothing }));
        }
        if duplicated && let Some(&last) = messages.last() {
            messages.push(message(last.decided_after, last.says));
        }
        messages
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates after 290,000 years")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}
