//! What the world does to the model, and when.

use std::ops::Range;

/// How far the world is from the one that the model was made for; all zero is the reference world.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Conditions {
    /// Covariate shift: the share of the cases that come from the harder population, 0 to 1. The target given the
    /// features stays what it was, so the score stays calibrated; it tells less.
    pub shift: f64,
    /// Upstream fault: the share of the cases whose income gets lost on its way to the model, 0 to 1. The model
    /// puts a stand-in; cases and targets stay what they were.
    pub fault: f64,
    /// Concept drift: how far the target given the features has moved, 0 (reference) to 1. Features and scores stay
    /// what they were to the bit, so nothing but targets can show it.
    pub concept: f64,
}

impl Conditions {
    /// The world of the reference.
    pub const STEADY: Self = Self { shift: 0.0, fault: 0.0, concept: 0.0 };

    /// Part of the way from one to another: `part` 0 is `self`, 1 is `other`.
    #[must_use]
    pub fn towards(self, other: Self, part: f64) -> Self {
        let mix = |a: f64, b: f64| a + (b - a) * part;
        Self {
            shift: mix(self.shift, other.shift),
            fault: mix(self.fault, other.fault),
            concept: mix(self.concept, other.concept),
        }
    }
}

/// A stretch of events under the same conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// What people call it.
    pub name: &'static str,
    /// How many events, the transition included.
    pub events: u64,
    /// How many events at its beginning take it, linearly, from the conditions before to its own; 0 is sudden.
    pub transition: u64,
    /// Where it goes.
    pub conditions: Conditions,
}

impl Phase {
    /// A phase that begins suddenly.
    pub const fn new(name: &'static str, events: u64, conditions: Conditions) -> Self {
        Self { name, events, transition: 0, conditions }
    }

    /// The same phase, entered over that many events.
    #[must_use]
    pub const fn entered_over(mut self, events: u64) -> Self {
        self.transition = events;
        self
    }
}

/// Phases one after the other; the last one lasts for ever, or the first one follows it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Schedule {
    phases: Vec<Phase>,
    repeats: bool,
}

impl Schedule {
    /// Nothing ever happens.
    pub const STEADY: Self = Self { phases: Vec::new(), repeats: false };

    /// Those phases, the last one without an end; what comes before the first is [`Conditions::STEADY`].
    pub const fn new(phases: Vec<Phase>) -> Self {
        Self { phases, repeats: false }
    }

    /// The same conditions from the first event on.
    pub fn constant(conditions: Conditions) -> Self {
        Self::new(vec![Phase::new("constant", u64::MAX, conditions)])
    }

    /// Every kind of trouble once, each followed by as long a recovery; each phase lasts `events` events and is
    /// entered over a quarter of them, but for the fault, which comes and goes at once.
    pub fn demo(events: u64) -> Self {
        let conditions = Conditions::STEADY;
        let steady = |name| Phase::new(name, events, conditions);
        let ramp = events / 4;
        Self::new(vec![
            steady("steady"),
            Phase::new("covariate shift", events, Conditions { shift: 0.9, ..conditions })
                .entered_over(ramp),
            steady("recovery from the shift").entered_over(ramp),
            Phase::new("upstream fault", events, Conditions { fault: 0.6, ..conditions }),
            steady("recovery from the fault"),
            Phase::new("concept drift", events, Conditions { concept: 1.0, ..conditions })
                .entered_over(ramp),
            steady("recovery from the drift").entered_over(ramp),
        ])
    }

    /// The story of a model: a shift of its inputs, which passes; a fault upstream, which passes; and concept drift, which
    /// does not. From [`Self::story_until`] on somebody has to have trained a new one.
    pub fn story(events: u64) -> Self {
        let mut story = Self::demo(events);
        let drifted = story
            .phases
            .pop()
            .map_or(Conditions::STEADY, |_| Conditions { concept: 1.0, ..Conditions::STEADY });
        story.phases.push(Phase::new("a new version", events, drifted));
        story
    }

    /// The event before which the old model of [`Self::story`] is in use: it lasts all phases but the last.
    pub fn story_until(&self) -> u64 {
        let last = self.phases.last().map_or(0, |phase| phase.events);
        self.events().saturating_sub(last)
    }

    /// The same phases over and over.
    #[must_use]
    pub fn repeating(mut self) -> Self {
        self.repeats = true;
        self
    }

    /// Events of all phases together.
    pub fn events(&self) -> u64 {
        self.phases.iter().fold(0, |sum, phase| sum.saturating_add(phase.events))
    }

    /// The phases, each with the events of its first round.
    pub fn phases(&self) -> impl Iterator<Item = (&Phase, Range<u64>)> {
        self.phases.iter().scan(0_u64, |from, phase| {
            let start = *from;
            *from = start.saturating_add(phase.events);
            Some((phase, start..*from))
        })
    }

    /// The phase that an event falls into; none where there are no phases.
    pub fn phase(&self, event: u64) -> Option<&Phase> {
        let at = self.within(event);
        self.phases()
            .find(|(_, events)| events.contains(&at))
            .map(|(phase, _)| phase)
            .or(self.phases.last())
    }

    /// The conditions of an event.
    pub fn conditions(&self, event: u64) -> Conditions {
        let at = self.within(event);
        let mut before = Conditions::STEADY;
        for (phase, events) in self.phases() {
            let since = at.saturating_sub(events.start);
            if events.contains(&at) && since < phase.transition {
                // The first event of a transition has already moved, the last one is one step from its end.
                let part = (since + 1) as f64 / (phase.transition as f64 + 1.0);
                return before.towards(phase.conditions, part);
            }
            before = phase.conditions;
            if events.contains(&at) {
                break;
            }
        }
        before
    }

    /// The event of the first round that stands for this one.
    fn within(&self, event: u64) -> u64 {
        if self.repeats { event.checked_rem(self.events()).unwrap_or(event) } else { event }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARD: Conditions = Conditions { shift: 1.0, ..Conditions::STEADY };

    fn schedule() -> Schedule {
        Schedule::new(vec![
            Phase::new("steady", 10, Conditions::STEADY),
            Phase::new("hard", 10, HARD).entered_over(3),
            Phase::new("steady again", 5, Conditions::STEADY),
        ])
    }

    #[test]
    fn a_transition_is_linear_and_ends() {
        let shifts: Vec<f64> = (9..21).map(|event| schedule().conditions(event).shift).collect();
        let want = [0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0];
        assert_eq!(shifts, want);
    }

    #[test]
    fn the_last_phase_lasts_or_the_first_one_follows() {
        assert_eq!(schedule().phase(1_000).unwrap().name, "steady again");
        assert_eq!(schedule().conditions(1_000), Conditions::STEADY);
        let round = schedule().repeating();
        assert_eq!(round.phase(1_000 + 14).unwrap().name, "hard");
        for event in 0..25 {
            assert_eq!(round.conditions(event + 50), schedule().conditions(event));
        }
    }

    #[test]
    fn without_phases_nothing_happens() {
        assert_eq!(Schedule::STEADY.repeating().conditions(5), Conditions::STEADY);
        assert_eq!(Schedule::STEADY.phase(5), None);
        assert_eq!(Schedule::constant(HARD).conditions(0), HARD);
    }

    #[test]
    fn the_story_ends_in_the_drifted_world() {
        let story = Schedule::story(1_000);
        assert_eq!(story.story_until(), 6_000);
        assert_eq!(story.phase(5_999).unwrap().name, "concept drift");
        assert_eq!(story.phase(u64::MAX).unwrap().name, "a new version");
        let drifted = Conditions { concept: 1.0, ..Conditions::STEADY };
        assert_eq!([5_999, 6_000, u64::MAX].map(|event| story.conditions(event)), [drifted; 3]);
    }

    #[test]
    fn the_demo_ends_as_it_began() {
        let demo = Schedule::demo(1_000);
        assert_eq!(demo.events(), 7_000);
        assert_eq!(demo.conditions(0), Conditions::STEADY);
        assert_eq!(demo.conditions(u64::MAX), Conditions::STEADY);
    }
}
