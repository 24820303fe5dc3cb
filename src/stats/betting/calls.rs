//! Bets on what comes to pass against what was said of it.

use minicbor::{Decode, Encode};

use super::{STAKES, bet, mean_wealth, slack, stakes};
use crate::stats::{ExactSum, Scale};

/// On both sides, and twice: on the level, and on the slope.
const BETS: usize = STAKES.len() * 4;

/// Bets that what was given a probability comes to pass more often or less than that, over all (the level), or more often
/// where it was held for unlikely and less where it was held for likely, or the other way round (the slope).
#[derive(Clone, Debug, PartialEq)]
pub struct CallBets {
    /// The share in the reference: below it something is unlikely.
    centre: f64,
    slack: f64,
}

/// How the bets stand: sums of logarithms, one a bet.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Calls {
    /// What was bet on.
    #[n(0)]
    calls: u64,
    #[n(1)]
    sums: [ExactSum; BETS],
}

/// The unit of logarithms of what is left, and won: between -1.7 and 0.6.
fn scale() -> Scale {
    Scale::for_magnitude(2.0)
}

impl CallBets {
    /// Given how often it came to pass in the reference; `None` without any rows. `tolerance` as for
    /// [`CellBets`](super::CellBets).
    pub fn new(hits: f64, rows: f64, tolerance: f64) -> Option<Self> {
        if rows < 1.0 || !(0.0..=rows).contains(&hits) {
            return None;
        }
        let centre = hits / rows;
        // Probabilities vary, and the variance of what comes to pass is the less for it: this is the most that it can be.
        let deviation = (centre * (1.0 - centre)).sqrt();
        Some(Self { centre, slack: slack(deviation, rows, tolerance) })
    }

    /// The share in the reference.
    pub fn centre(&self) -> f64 {
        self.centre
    }

    /// The logarithms of what a call leaves of a wealth of 1, by bet.
    fn logarithms(&self, came: bool, probability: f64) -> impl Iterator<Item = f64> {
        let surprise = if came { 1.0 - probability } else { -probability };
        // Within -1 and 1, and known before what comes to pass.
        let slope = (probability - self.centre) / self.centre.max(1.0 - self.centre);
        let slack = self.slack;
        [surprise, surprise * slope]
            .into_iter()
            .flat_map(move |payoff| stakes(slack).map(move |stake| bet(stake, payoff, slack)))
    }

    /// Notes whether something came to pass that was given a probability.
    pub fn add(&self, calls: &mut Calls, came: bool, probability: f64) {
        calls.calls += 1;
        for (sum, of) in calls.sums.iter_mut().zip(self.logarithms(came, probability)) {
            sum.add(of, scale());
        }
    }

    /// Takes one back that was noted.
    pub fn take_back(&self, calls: &mut Calls, came: bool, probability: f64) {
        calls.calls = calls.calls.saturating_sub(1);
        for (sum, of) in calls.sums.iter_mut().zip(self.logarithms(came, probability)) {
            sum.add(-of, scale());
        }
    }

    /// The natural logarithm of the wealth that they have brought, from 1.
    pub fn evidence(calls: &Calls) -> f64 {
        mean_wealth(&calls.sums.each_ref().map(|sum| sum.value(scale())))
    }
}

impl Calls {
    /// How many there are.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        for (ours, theirs) in self.sums.iter_mut().zip(&other.sums) {
            ours.merge(theirs);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn a_model_that_is_right_brings_nothing_and_one_that_is_wrong_does() {
        let bets = CallBets::new(30_000.0, 100_000.0, 0.05).unwrap();
        let of = |shares: [f64; 2]| {
            let mut calls = Calls::default();
            for row in 0..1000 {
                // Ten in a hundred of the unlikely ones, fifty of the likely ones.
                let (probability, share) =
                    if row % 2 == 0 { (0.1, shares[0]) } else { (0.5, shares[1]) };
                let came = f64::from(row / 2 % 50) < share * 50.0;
                bets.add(&mut calls, came, probability);
            }
            assert_eq!(calls.calls(), 1000);
            CallBets::evidence(&calls)
        };
        assert!(of([0.1, 0.5]) < 0.0);
        assert!(of([0.3, 0.7]) > 7.0, "too low");
        assert!(of([0.02, 0.3]) > 7.0, "too high");
        assert!(of([0.3, 0.3]) > 7.0, "no longer told apart, though as many came in all");
    }

    #[test]
    fn without_a_reference_nobody_bets() {
        assert_eq!(CallBets::new(0.0, 0.0, 0.05), None);
        assert_eq!(CallBets::new(f64::NAN, 10.0, 0.05), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn parts_merged_are_the_whole_and_what_is_taken_back_was_never_there(
            rows in prop::collection::vec((any::<bool>(), 0.0..=1.0f64), 0..60),
            cut in 0..60usize,
        ) {
            let bets = CallBets::new(300.0, 1000.0, 0.05).unwrap();
            let of = |rows: &[(bool, f64)]| {
                let mut calls = Calls::default();
                for &(came, probability) in rows {
                    bets.add(&mut calls, came, probability);
                }
                calls
            };
            let whole = of(&rows);
            let (first, second) = rows.split_at(cut.min(rows.len()));
            let mut parts = of(second);
            parts.merge(&of(first));
            prop_assert_eq!(&parts, &whole);
            for &(came, probability) in second {
                bets.take_back(&mut parts, came, probability);
            }
            prop_assert_eq!(parts, of(first));
        }
    }
}
