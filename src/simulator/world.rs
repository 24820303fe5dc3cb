//! The world of loans: cases by number, each a pure function of the seed and its number.

use std::ops::Range;

use super::applicant::{Applicant, HARDER, REFERENCE};
use super::draws::{Draws, Stream};
use super::event::Prediction;
use super::lending::{self, Model, UNDECLARED_SHARE};
use super::schedule::Schedule;
use super::truth::{Performance, Scored, Truth};

/// Numbers that a case owns: its applicant, whose population, what got lost, undeclared burden, target, jitter.
const RESERVE: usize = 24;
const _: () = assert!(
    Applicant::DRAWS + 5 <= RESERVE,
    "a case takes more numbers than it owns"
);

/// When events happen, in event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Event 0, in microseconds since 1970, UTC.
    pub start: i64,
    /// Microseconds from one event to the next.
    pub spacing: u64,
    /// Each event is later than its place by up to this many microseconds. Up to the spacing, events are in order;
    /// beyond it, out of order by at most the difference.
    pub jitter: u64,
}

impl Default for Timeline {
    /// An event a second from 2026-01-01 on, in order.
    fn default() -> Self {
        Self {
            start: 1_767_225_600_000_000,
            spacing: 1_000_000,
            jitter: 1_000_000,
        }
    }
}

/// A seeded world in which people apply for loans, a model predicts who repays, and the truth is known.
///
/// Event `i` is a pure function of seed and `i` (and of the conditions at `i`), the same on every machine. So any
/// process can make any slice: `world.cases((0..n).skip(k).step_by(4))` is a partition of four.
///
/// What conditions do not touch stays the same to the bit: worlds that differ in the concept alone have the same
/// predictions, worlds that differ in the fault alone the same targets.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    seed: u64,
    stream: Stream,
    schedule: Schedule,
    timeline: Timeline,
    model: Model,
}

impl World {
    /// A steady world with the default model and timeline.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            stream: Stream::Production,
            schedule: Schedule::STEADY,
            timeline: Timeline::default(),
            model: Model::default(),
        }
    }

    /// The same world with things happening to it.
    #[must_use]
    pub fn with_schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// The same world at another time.
    #[must_use]
    pub fn with_timeline(mut self, timeline: Timeline) -> Self {
        self.timeline = timeline;
        self
    }

    /// The same world with another model deployed: the same cases, scored by it.
    #[must_use]
    pub fn with_model(mut self, model: Model) -> Self {
        self.model = model;
        self
    }

    /// The period before this world, from which a profile is made: steady, other cases, other ids, the same model;
    /// its first `rows` events end where this world starts.
    #[must_use]
    pub fn reference(&self, rows: u64) -> Self {
        let timeline = self.timeline;
        let start = timeline
            .start
            .saturating_sub_unsigned(rows.saturating_mul(timeline.spacing));
        Self {
            stream: Stream::Reference,
            schedule: Schedule::STEADY,
            timeline: Timeline { start, ..timeline },
            ..self.clone()
        }
    }

    /// What happens when.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// When events happen.
    pub fn timeline(&self) -> Timeline {
        self.timeline
    }

    /// The deployed model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The id of an event.
    pub fn id(&self, event: u64) -> String {
        let prefix = if self.stream == Stream::Reference {
            "reference"
        } else {
            "loan"
        };
        format!("{prefix}-{event}")
    }

    /// One case.
    pub fn case(&self, event: u64) -> Case {
        self.made(event, &mut self.draws())
    }

    /// Cases by number; numbers that follow each other are cheapest.
    pub fn cases<I>(&self, events: I) -> impl Iterator<Item = Case>
    where
        I: IntoIterator<Item = u64>,
    {
        let mut draws = self.draws();
        events
            .into_iter()
            .map(move |event| self.made(event, &mut draws))
    }

    /// What the deployed model says of a case, as its event.
    pub fn prediction(&self, case: &Case) -> Prediction<'_, Applicant> {
        let score = self.model.score(&case.seen);
        Prediction {
            id: self.id(case.event),
            time: case.time,
            model: &self.model.name,
            version: &self.model.version,
            features: case.seen,
            score,
            prediction: self.model.predicts(score),
            trace: None,
        }
    }

    /// Prediction events by number.
    pub fn predictions<I>(&self, events: I) -> impl Iterator<Item = Prediction<'_, Applicant>>
    where
        I: IntoIterator<Item = u64>,
    {
        self.cases(events).map(|case| self.prediction(&case))
    }

    /// How the deployed model truly did on a range of events.
    pub fn truth(&self, events: Range<u64>) -> Truth {
        let (mut expected, mut realized, mut claimed) = (Vec::new(), Vec::new(), Vec::new());
        for case in self.cases(events) {
            let score = self.model.score(&case.seen);
            let predicted = self.model.predicts(score);
            let row = |positive| Scored {
                score,
                predicted,
                positive,
            };
            expected.push(row(case.probability));
            realized.push(row(if case.repaid { 1.0 } else { 0.0 }));
            claimed.push(row(score));
        }
        Truth {
            expected: Performance::of(expected),
            realized: Performance::of(realized),
            claimed: Performance::of(claimed),
        }
    }

    fn draws(&self) -> Draws {
        Draws::new(self.seed, self.stream, RESERVE)
    }

    fn made(&self, event: u64, draws: &mut Draws) -> Case {
        let conditions = self.schedule.conditions(event);
        let mut rolls = draws.of(event);
        let jitter = rolls.below(self.timeline.jitter);
        let undeclared = rolls.chance(UNDECLARED_SHARE);
        let luck = rolls.uniform();
        let loses_income = rolls.chance(conditions.fault);
        let population = if rolls.chance(conditions.shift) {
            &HARDER
        } else {
            &REFERENCE
        };
        let applicant = Applicant::draw(population, &mut rolls);
        let probability = lending::expected_probability(&applicant, conditions.concept);
        let with_all_known =
            lending::repayment_probability(&applicant, conditions.concept, undeclared);
        let place = event
            .saturating_mul(self.timeline.spacing)
            .saturating_add(jitter);
        Case {
            event,
            time: self.timeline.start.saturating_add_unsigned(place),
            applicant,
            seen: if loses_income {
                applicant.without_income()
            } else {
                applicant
            },
            probability,
            repaid: luck < with_all_known,
        }
    }
}

/// One application with all that nobody else knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// Its number in the world.
    pub event: u64,
    /// When the model predicts, in microseconds since 1970, UTC.
    pub time: i64,
    /// Who applies.
    pub applicant: Applicant,
    /// What reaches the model: the applicant, less what an upstream fault loses.
    pub seen: Applicant,
    /// The true probability of repayment given all that the applicant states, lost or not.
    pub probability: f64,
    /// The target: drawn from the probability that also knows of undeclared burdens.
    pub repaid: bool,
}
