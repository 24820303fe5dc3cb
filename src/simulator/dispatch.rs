//! What is sent when, where somebody sends targets after their predictions: the plan of a rehearsal.

use std::collections::BTreeMap;

use super::course::{OutcomePlan, Roads, Says};
use super::draws::{Draws, Stream};

/// A target that is there to be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sendable {
    /// What tells its prediction from others.
    pub id: u128,
    /// How many predictions are sent before it can be: its own is the last of them; 0 where it has none.
    pub behind: u64,
    /// When its prediction is sent, in microseconds from the beginning.
    pub predicted_at: i64,
    /// What the model said of it; one half where nobody knows.
    pub score: f64,
}

/// In which order targets are sent. The times at which one is sent are the same for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they fall due.
    #[default]
    Due,
    /// As they lie in the file.
    File,
    /// The last first.
    Reversed,
    /// In none: many come before their prediction.
    Shuffled,
}

/// A message that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// When, in microseconds from the beginning.
    pub at: i64,
    /// After how many predictions at least.
    pub behind: u64,
    /// Of which target, from 0.
    pub target: usize,
    /// What it says.
    pub says: Says,
    /// When that was decided, in microseconds from the beginning: of several for one id the latest is right.
    pub decided_at: i64,
}

/// Plans what is sent when of these targets, which lie in the order of their file.
///
/// Of two targets with one id the one that lies behind is decided later. Where events do not say when they were
/// decided (`timed` is false) what is right in the end is also sent last.
pub fn dispatches(
    plan: OutcomePlan,
    seed: u64,
    order: Order,
    timed: bool,
    targets: &[Sendable],
) -> Vec<Dispatch> {
    let mut roads = Roads::new(plan, seed);
    let mut latest: BTreeMap<u128, i64> = BTreeMap::new();
    let mut all: Vec<Dispatch> = Vec::with_capacity(targets.len());
    for (number, target) in targets.iter().enumerate() {
        let messages = roads.of(number as u64, target.score);
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else { continue };
        let decided = |after: i64| target.predicted_at.saturating_add(after);
        // Not before what lies before it.
        let known = latest.entry(target.id).or_insert(i64::MIN);
        let late = known.saturating_add(1).saturating_sub(decided(first.decided_after)).max(0);
        *known = decided(last.decided_after).saturating_add(late);
        all.extend(messages.iter().map(|message| Dispatch {
            at: decided(message.arrives_after).saturating_add(late),
            behind: target.behind,
            target: number,
            says: message.says,
            decided_at: decided(message.decided_after).saturating_add(late),
        }));
    }
    // By their making: the order of the file, and of decisions.
    let made: Vec<Dispatch> = all.clone();
    all.sort_by_key(|one| (one.at, one.behind, one.target, one.decided_at));
    let slots: Vec<(i64, u64)> = all.iter().map(|one| (one.at, one.behind)).collect();
    match order {
        Order::Due => {}
        Order::File => all.clone_from(&made),
        Order::Reversed => {
            all.clone_from(&made);
            all.reverse();
        }
        Order::Shuffled => {
            let mut draws = Draws::new(seed, Stream::Dispatches, 8);
            for last in (1..all.len()).rev() {
                let other = draws.of(last as u64).below(last as u64 + 1);
                all.swap(last, usize::try_from(other).unwrap_or(last));
            }
        }
    }
    if !timed {
        put_right_last(&mut all, &made, targets);
    }
    for (one, (at, behind)) in all.iter_mut().zip(slots) {
        (one.at, one.behind) = (at, behind);
    }
    all
}

/// Of messages with one id lets those that were decided later come later; places of others stay.
fn put_right_last(all: &mut [Dispatch], made: &[Dispatch], targets: &[Sendable]) {
    let mut places: BTreeMap<u128, Vec<usize>> = BTreeMap::new();
    for (place, one) in all.iter().enumerate() {
        places.entry(targets[one.target].id).or_default().push(place);
    }
    let mut next: BTreeMap<u128, usize> = BTreeMap::new();
    for &one in made {
        let id = targets[one.target].id;
        let turn = next.entry(id).or_insert(0);
        all[places[&id][*turn]] = one;
        *turn += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSY: OutcomePlan = OutcomePlan {
        median_seconds: 5.0,
        spread: 1.0,
        score_effect: 2.0,
        transit_seconds: 3.0,
        coverage: 0.8,
        duplicated: 0.2,
        corrected: 0.2,
        withdrawn: 0.2,
    };

    /// A target a second; every tenth is of the same id as the one before.
    fn targets(count: u64) -> Vec<Sendable> {
        let target = |at: u64| Sendable {
            id: u128::from(if at % 10 == 9 { at - 1 } else { at }),
            behind: at + 1,
            predicted_at: at as i64 * 1_000_000,
            score: (at % 7) as f64 / 6.0,
        };
        (0..count).map(target).collect()
    }

    const ORDERS: [Order; 4] = [Order::Due, Order::File, Order::Reversed, Order::Shuffled];

    /// What stands in the end, by id: of which target, and what.
    fn standing(
        targets: &[Sendable],
        sent: &[Dispatch],
        by: impl Fn(usize, &Dispatch) -> i64,
    ) -> BTreeMap<u128, (usize, Says)> {
        let mut last: BTreeMap<u128, (i64, usize, Says)> = BTreeMap::new();
        for (place, one) in sent.iter().enumerate() {
            let entry = (by(place, one), one.target, one.says);
            let known = last.entry(targets[one.target].id).or_insert(entry);
            if entry.0 >= known.0 {
                *known = entry;
            }
        }
        last.into_iter().map(|(id, (_, target, says))| (id, (target, says))).collect()
    }

    #[test]
    fn it_is_the_same_every_time_and_another_with_another_seed() {
        let targets = targets(500);
        let sent = |seed| dispatches(MESSY, seed, Order::Shuffled, true, &targets);
        assert_eq!(sent(1), sent(1));
        assert_ne!(sent(1), sent(2));
    }

    #[test]
    fn every_order_sends_the_same_at_the_same_times() {
        let targets = targets(500);
        let due = dispatches(MESSY, 1, Order::Due, true, &targets);
        let contents = |sent: &[Dispatch]| {
            let mut all: Vec<_> =
                sent.iter().map(|one| (one.target, one.says, one.decided_at)).collect();
            all.sort_unstable();
            all
        };
        for order in ORDERS {
            let sent = dispatches(MESSY, 1, order, true, &targets);
            assert!(sent.is_sorted_by_key(|one| (one.at, one.behind)));
            assert!(sent.iter().zip(&due).all(|(a, b)| (a.at, a.behind) == (b.at, b.behind)));
            assert_eq!(contents(&sent), contents(&due), "{order:?}");
        }
        // A fifth never comes; a fifth each is corrected, withdrawn and doubled.
        let of = |says| due.iter().filter(|one| one.says == says).count();
        assert!((60..110).contains(&of(Says::Wrong)), "{}", of(Says::Wrong));
        assert!((60..110).contains(&of(Says::Nothing)), "{}", of(Says::Nothing));
    }

    #[test]
    fn as_they_fall_due_none_comes_before_its_prediction() {
        let targets = targets(500);
        for one in dispatches(MESSY, 1, Order::Due, true, &targets) {
            let target = targets[one.target];
            assert!(one.at >= target.predicted_at && one.behind == target.behind);
        }
        let early = |one: &&Dispatch| one.behind < targets[one.target].behind;
        let shuffled = dispatches(MESSY, 1, Order::Shuffled, true, &targets);
        assert!(shuffled.iter().filter(early).count() > 100);
    }

    #[test]
    fn the_same_is_right_in_the_end_in_every_order() {
        let targets = targets(500);
        let made = dispatches(MESSY, 1, Order::File, true, &targets);
        let right = standing(&targets, &made, |_, one| one.decided_at);
        for order in ORDERS {
            for timed in [true, false] {
                let sent = dispatches(MESSY, 1, order, timed, &targets);
                let by_time = standing(&targets, &sent, |_, one| one.decided_at);
                assert_eq!(by_time, right, "{order:?} {timed}");
                let by_place = standing(&targets, &sent, |place, _| place as i64);
                assert!(timed || by_place == right, "{order:?}: what is sent last is right");
            }
        }
        assert!(right.values().all(|(_, says)| *says != Says::Wrong));
    }
}
