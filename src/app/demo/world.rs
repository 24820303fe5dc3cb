//! The simulated model: which event is due when.

use jiff::Timestamp;

use crate::simulator::{Layout, Phase, Schedule, Timeline, World};
use crate::telemetry::Clock;

/// Rows of the reference.
const REFERENCE_ROWS: u64 = 30_000;
/// Windows that each phase of the schedule lasts.
const PHASE_WINDOWS: u64 = 6;

/// Events as they fall due.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub(super) world: World,
    pub(super) window: u64,
    rate: u64,
    clock: Clock,
}

impl Feed {
    /// A world that begins now.
    pub(super) fn new(seed: u64, rate: u64, window: u64) -> Self {
        let spacing = 1_000_000 / rate;
        let timeline =
            Timeline { start: Timestamp::now().as_microsecond(), spacing, jitter: spacing };
        let schedule = Schedule::demo(PHASE_WINDOWS * window).repeating();
        let world = World::new(seed).with_schedule(schedule).with_timeline(timeline);
        Self { world, window, rate, clock: Clock::machine() }
    }

    /// How many events are due by now.
    pub(super) fn due(&self) -> u64 {
        (self.clock.running().as_secs_f64() * self.rate as f64) as u64
    }

    /// Writes an event as the model publishes it.
    pub(super) fn write(&self, event: u64, out: &mut Vec<u8>) {
        self.world.prediction(&self.world.case(event)).write_json(Layout::Nested, out);
    }

    /// What the world is going through at an event.
    pub(super) fn phase(&self, event: u64) -> &'static str {
        self.world.schedule().phase(event).map_or("steady", |phase: &Phase| phase.name)
    }
}

/// The reference: what the model did, and what came of it, before the demo began.
pub(super) fn reference(world: &World) -> Vec<u8> {
    let before = world.reference(REFERENCE_ROWS);
    let mut rows = Vec::new();
    for case in before.cases(0..REFERENCE_ROWS) {
        let target = ("repaid", case.repaid);
        before.prediction(&case).write_json_with(target, Layout::Nested, &mut rows);
        rows.push(b'\n');
    }
    rows
}
