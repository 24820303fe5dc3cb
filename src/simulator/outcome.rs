//! Ground truth as it comes in life: late, out of order, sometimes twice, sometimes wrong at first, sometimes never.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::course::{OutcomePlan, Roads, Says};
use super::event::{Rfc3339, append_json};
use super::world::{Case, World};

impl OutcomePlan {
    /// The outcomes of a world's events, event by event; those of one event by their time of decision.
    pub fn outcomes<'a, I>(
        &'a self,
        world: &'a World,
        events: I,
    ) -> impl Iterator<Item = Outcome> + use<'a, I>
    where
        I: IntoIterator<Item = u64>,
        I::IntoIter: 'a,
    {
        let mut roads = Roads::new(*self, world.seed());
        world.cases(events).flat_map(move |case| of(&mut roads, world, &case))
    }

    /// The outcomes of a world's events in the order in which they arrive.
    pub fn deliveries(&self, world: &World, events: impl IntoIterator<Item = u64>) -> Vec<Outcome> {
        let mut all: Vec<Outcome> = self.outcomes(world, events).collect();
        all.sort_by_key(|outcome| (outcome.arrives_at, outcome.event));
        all
    }
}

fn of(roads: &mut Roads, world: &World, case: &Case) -> impl Iterator<Item = Outcome> + use<> {
    let (event, id, time, repaid) = (case.event, world.id(case.event), case.time, case.repaid);
    let messages = roads.of(event, world.model().score(&case.seen));
    messages.into_iter().map(move |message| Outcome {
        event,
        id: id.clone(),
        decided_at: time.saturating_add(message.decided_after),
        arrives_at: time.saturating_add(message.arrives_after),
        target: match message.says {
            Says::Target => Some(repaid),
            Says::Wrong => Some(!repaid),
            Says::Nothing => None,
        },
    })
}

/// One message of ground truth.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    /// Which event of the world it is about.
    pub event: u64,
    /// The id of its prediction.
    pub id: String,
    /// When it was decided, in microseconds since 1970, UTC; of several for one id the latest is right.
    pub decided_at: i64,
    /// When the message arrives, in microseconds since 1970, UTC; not in the message.
    pub arrives_at: i64,
    /// Whether the loan was repaid; `None` takes back what was said before.
    pub target: Option<bool>,
}

impl Outcome {
    /// Appends the event as one JSON object: `loan.id`, `outcome.repaid` (1, 0 or null), `decided_at`.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        append_json(self, out);
    }

    /// The event as one JSON object.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        self.write_json(&mut out);
        out
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("loan", &One("id", &self.id))?;
        map.serialize_entry("outcome", &One("repaid", self.target.map(u8::from)))?;
        map.serialize_entry("decided_at", &Rfc3339(self.decided_at))?;
        map.end()
    }
}

struct One<V>(&'static str, V);

impl<V: Serialize> Serialize for One<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const MESSY: OutcomePlan = OutcomePlan {
        median_seconds: 600.0,
        spread: 1.0,
        score_effect: 1.0,
        transit_seconds: 30.0,
        coverage: 0.9,
        duplicated: 0.1,
        corrected: 0.05,
        withdrawn: 0.05,
    };

    #[test]
    fn the_event_reads_as_documented() {
        let world = World::new(1);
        let mut outcomes = MESSY.outcomes(&world, 0..500);
        let first = outcomes.next().unwrap().to_json();
        insta::assert_snapshot!(String::from_utf8(first).unwrap(), @r#"{"loan":{"id":"loan-0"},"outcome":{"repaid":1},"decided_at":"2026-01-01T00:01:28.343263Z"}"#);
        let withdrawn = outcomes.find(|outcome| outcome.target.is_none()).unwrap().to_json();
        insta::assert_snapshot!(String::from_utf8(withdrawn).unwrap(), @r#"{"loan":{"id":"loan-28"},"outcome":{"repaid":null},"decided_at":"2026-01-01T00:10:41.801291Z"}"#);
    }

    #[test]
    fn the_latest_decision_is_the_truth() {
        let world = World::new(3);
        let mut latest = BTreeMap::new();
        let mut messages = 0;
        for outcome in MESSY.deliveries(&world, 0..20_000) {
            messages += 1;
            let entry = latest.entry(outcome.event).or_insert((i64::MIN, None));
            if outcome.decided_at >= entry.0 {
                *entry = (outcome.decided_at, outcome.target);
            }
        }
        let mut withdrawn = 0;
        for (event, (_, target)) in &latest {
            withdrawn += u32::from(target.is_none());
            assert!(target.is_none_or(|target| target == world.case(*event).repaid));
        }
        assert!((17_800..18_200).contains(&latest.len()), "{}", latest.len());
        assert!((750..950).contains(&withdrawn), "{withdrawn}");
        // A message a case, a tenth twice, and a second one for a correction or a withdrawal.
        assert!((21_300..21_700).contains(&messages), "{messages}");
    }

    #[test]
    fn arrivals_are_sorted_and_predictions_are_not() {
        let deliveries = MESSY.deliveries(&World::new(3), 0..2_000);
        assert!(deliveries.is_sorted_by_key(|outcome| outcome.arrives_at));
        assert!(!deliveries.is_sorted_by_key(|outcome| outcome.event));
        assert!(deliveries.iter().all(|outcome| outcome.arrives_at >= outcome.decided_at));
    }

    #[test]
    fn delays_have_their_median_and_grow_with_the_score() {
        let world = World::new(3);
        let plan = OutcomePlan { corrected: 0.0, withdrawn: 0.0, duplicated: 0.0, ..MESSY };
        let mut logs = [Vec::new(), Vec::new()];
        for outcome in plan.outcomes(&world, 0..40_000) {
            let case = world.case(outcome.event);
            let score = world.model().score(&case.seen);
            let seconds = (outcome.decided_at - case.time) as f64 / 1e6;
            // Without the effect of the score, the logarithm is normal around that of the median.
            logs[0].push(libm::log(seconds / 600.0) - (score - 0.5));
            logs[1].push((score - 0.5) * libm::log(seconds / 600.0));
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        assert!(mean(&logs[0]).abs() < 0.03, "{}", mean(&logs[0]));
        assert!(mean(&logs[1]) > 0.03, "{}", mean(&logs[1]));
    }

    #[test]
    fn scaling_scales_every_delay() {
        let world = World::new(3);
        let scaled = MESSY.scaled(0.01);
        for (slow, fast) in MESSY.outcomes(&world, 0..500).zip(scaled.outcomes(&world, 0..500)) {
            let case = world.case(slow.event);
            let (slow, fast) = (slow.arrives_at - case.time, fast.arrives_at - case.time);
            assert!((slow / 100 - fast).abs() <= 3, "{slow} {fast}");
        }
    }

    #[test]
    fn a_slice_has_the_outcomes_of_the_whole() {
        let world = World::new(3);
        let whole: Vec<Outcome> = MESSY.outcomes(&world, 0..1_000).collect();
        let slices: Vec<Outcome> = [0..300, 300..1_000]
            .into_iter()
            .flat_map(|events| MESSY.outcomes(&world, events))
            .collect();
        assert_eq!(whole, slices);
    }
}
