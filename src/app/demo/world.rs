//! The simulated model: which event is due when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use jiff::Timestamp;

use crate::simulator::{
    Conditions, Layout, Model, Outcome, OutcomePlan, Phase, Schedule, Timeline, Truth, World,
};
use crate::telemetry::Clock;

/// Rows of the reference.
const REFERENCE_ROWS: u64 = 30_000;
/// Windows that each phase of the schedule lasts.
const PHASE_WINDOWS: u64 = 6;
/// Half of the targets come within so many windows.
const MEDIAN_WINDOWS: f64 = 0.7;

/// Events as they fall due.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    /// With the model of the beginning.
    world: World,
    /// The same world with the model that is trained after the drift...
    mended: World,
    /// ...and the first event that it scores.
    mended_from: u64,
    pub(super) window: u64,
    plan: OutcomePlan,
    rate: u64,
    clock: Clock,
}

/// Outcomes that have not come yet.
#[derive(Debug, Default)]
pub(super) struct Undecided(BinaryHeap<Reverse<(i64, u64, Outcome)>>);

impl Feed {
    /// A world that begins now.
    pub(super) fn new(seed: u64, rate: u64, window: u64) -> Self {
        let spacing = 1_000_000 / rate;
        let timeline =
            Timeline { start: Timestamp::now().as_microsecond(), spacing, jitter: spacing };
        let schedule = Schedule::story(PHASE_WINDOWS * window);
        let mended_from = schedule.story_until();
        let world = World::new(seed).with_schedule(schedule).with_timeline(timeline);
        let plan = OutcomePlan {
            median_seconds: MEDIAN_WINDOWS * window as f64 / rate as f64,
            spread: 0.6,
            // Who repays shows late: the first targets are a biased sample.
            score_effect: 1.0,
            transit_seconds: 1.0,
            coverage: 0.97,
            duplicated: 0.02,
            corrected: 0.02,
            withdrawn: 0.01,
        };
        let mended = Model { version: "2".to_owned(), concept: 1.0, ..Model::default() };
        let mended = world.clone().with_model(mended);
        Self { world, mended, mended_from, window, plan, rate, clock: Clock::machine() }
    }

    /// Begins now: nothing was due while the profiles were made.
    pub(super) fn begin(self) -> Self {
        let timeline =
            Timeline { start: Timestamp::now().as_microsecond(), ..self.world.timeline() };
        let [world, mended] = [self.world, self.mended].map(|world| world.with_timeline(timeline));
        Self { world, mended, clock: Clock::machine(), ..self }
    }

    /// The world with the model that is in use at an event.
    fn at(&self, event: u64) -> &World {
        if event < self.mended_from { &self.world } else { &self.mended }
    }

    /// Both versions of the model, each in the world that it was trained on before it was put to use.
    pub(super) fn trained(&self) -> [(&str, World); 2] {
        let drifted = Conditions { concept: 1.0, ..Conditions::STEADY };
        let mended = self.mended.reference(REFERENCE_ROWS);
        [
            (self.world.model().version.as_str(), self.world.reference(REFERENCE_ROWS)),
            (
                self.mended.model().version.as_str(),
                mended.with_schedule(Schedule::constant(drifted)),
            ),
        ]
    }

    /// The events of a window of a version, by its index and rows.
    pub(super) fn events(&self, version: &str, index: u64, rows: u64) -> Range<u64> {
        let first = if version == self.mended.model().version { self.mended_from } else { 0 };
        let from = first + index * self.window;
        from..from + rows
    }

    /// How the model in use truly did.
    pub(super) fn truth(&self, events: Range<u64>) -> Truth {
        self.at(events.start).truth(events)
    }

    /// Adds what will become of an event.
    pub(super) fn decide(&self, event: u64, undecided: &mut Undecided) {
        for outcome in self.plan.outcomes(self.at(event), [event]) {
            let place = undecided.0.len() as u64;
            undecided.0.push(Reverse((outcome.arrives_at, place, outcome)));
        }
    }

    /// The next outcome that has come by now.
    pub(super) fn decided(&self, undecided: &mut Undecided) -> Option<Outcome> {
        let since = i64::try_from(self.clock.running().as_micros()).unwrap_or(i64::MAX);
        let now = self.world.timeline().start.saturating_add(since);
        let Reverse((arrives_at, ..)) = undecided.0.peek()?;
        if *arrives_at > now {
            return None;
        }
        undecided.0.pop().map(|Reverse((.., outcome))| outcome)
    }

    /// How many events are due by now.
    pub(super) fn due(&self) -> u64 {
        (self.clock.running().as_secs_f64() * self.rate as f64) as u64
    }

    /// Writes an event as the model publishes it.
    pub(super) fn write(&self, event: u64, out: &mut Vec<u8>) {
        let world = self.at(event);
        world.prediction(&world.case(event)).write_json(Layout::Nested, out);
    }

    /// What the world is going through at an event.
    pub(super) fn phase(&self, event: u64) -> &'static str {
        self.world.schedule().phase(event).map_or("steady", |phase: &Phase| phase.name)
    }
}

/// The reference of a version: what it did, and what came of it, before it was put to use.
pub(super) fn reference(before: &World) -> Vec<u8> {
    let mut rows = Vec::new();
    for case in before.cases(0..REFERENCE_ROWS) {
        let target = ("repaid", case.repaid);
        before.prediction(&case).write_json_with(target, Layout::Nested, &mut rows);
        rows.push(b'\n');
    }
    rows
}
