//! Many faults, in any order.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use proptest::test_runner::Config;
use vigie::epoch::{Epochs, Timing};
use vigie::intake::To;
use vigie::profile::WindowRule;

use super::super::events::{Event, card, of};
use super::super::rules::{CARDS, LOANS, PERIOD, epoch, epochs, timing};
use super::broker::{LANES, OUTPUTS};
use super::oracle::{Calm, as_if_undisturbed, counted_once, published_once};
use super::sender::Way;
use super::world::{Act, Step, World};

/// Four epochs: the second changes one model, the third the other, the fourth both.
pub(super) fn rising(timing: Timing) -> Epochs {
    epochs([
        (1, epoch([(LOANS, 1, timing), (CARDS, 1, timing)])),
        (2, epoch([(LOANS, 2, timing), (CARDS, 1, timing)])),
        (3, epoch([(LOANS, 2, timing), (CARDS, 3, timing)])),
        (4, epoch([(LOANS, 4, timing), (CARDS, 4, timing)])),
    ])
}

/// An event whose time is about where its lane is.
fn event() -> impl Strategy<Value = (Event, i64)> {
    let version = || prop_oneof![3 => Just("a"), 1 => Just("b")];
    let event = prop_oneof![
        8 => version().prop_map(|version| of(version, 0)),
        4 => version().prop_map(|version| card(version, 0)),
        1 => version().prop_map(|version| Event::Reject(Some((LOANS, version)))),
        1 => Just(Event::Reject(None)),
        1 => Just(Event::Filtered(CARDS)),
        2 => Just(Event::Hole),
    ];
    (event, -6..9i64)
}

/// A lane goes on by a second with each event, and some come early or late.
fn lane_of(events: Vec<(Event, i64)>) -> Vec<Event> {
    let timed = |(at, (event, off)): (i64, (Event, i64))| match event {
        Event::Row { model, version, .. } => Event::Row { model, version, second: at + off },
        other => other,
    };
    (0..).zip(events).map(timed).collect()
}

fn input() -> impl Strategy<Value = Vec<Vec<Event>>> {
    prop::collection::vec(prop::collection::vec(event(), 20..60).prop_map(lane_of), LANES)
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        6 => Just(Way::Landed),
        1 => Just(Way::Twice),
        1 => Just(Way::Unknown),
        2 => Just(Way::Failed),
        1 => Just(Way::Purged),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let lane = || 0..LANES;
    let output = || 0..OUTPUTS;
    let act = prop_oneof![
        6 => (1..5usize).prop_map(Act::Read),
        3 => Just(Act::Close(To::All)),
        3 => Just(Act::Close(To::Concerned)),
        12 => (0..=OUTPUTS, way()).prop_map(|(output, way)| Act::Deliver(output, way)),
        5 => Just(Act::Flush),
        3 => Just(Act::Commit),
        2 => Just(Act::Ask),
        2 => any::<bool>().prop_map(|hears| Act::Begin { hears }),
        1 => Just(Act::Beat),
        1 => Just(Act::Recover),
    ];
    prop_oneof![
        8 => (lane(), 1..8usize).prop_map(|(lane, events)| Step::Write { lane, events }),
        1 => (0..90i64).prop_map(Step::Wait),
        1 => Just(Step::Epoch),
        70 => (0..LANES + 2, act).prop_map(|(who, does)| Step::Sender { who, does }),
        1 => lane().prop_map(|lane| Step::Kill { lane }),
        1 => lane().prop_map(|lane| Step::Replace { lane }),
        1 => lane().prop_map(|lane| Step::Forget { lane }),
        8 => (output(), 1..9usize)
            .prop_map(|(output, records)| Step::Take { output, records }),
        2 => (output(), any::<bool>())
            .prop_map(|(output, checkpoint)| Step::Transact { output, checkpoint }),
        1 => output().prop_map(|output| Step::KillReader { output }),
        1 => output().prop_map(|output| Step::ReplaceReader { output }),
    ]
}

fn after(epochs: Epochs, input: Vec<Vec<Event>>, steps: Vec<Step>) -> World {
    let mut world = World::new(epochs, input);
    for step in steps {
        world.step(step);
    }
    world.calm();
    world
}

proptest! {
    #![proptest_config(Config::with_cases(100))]

    #[test]
    fn by_event_time_nothing_shows_of_any_storm(
        input in input(),
        steps in prop::collection::vec(step(), 0..400),
    ) {
        let world = after(rising(timing(PERIOD)), input, steps);
        published_once(&world);
        counted_once(&world);
        as_if_undisturbed(&world, &mut Calm::default());
    }

    #[test]
    fn windows_by_size_and_impatient_ones_are_counted_once_in_any_storm(
        input in input(),
        steps in prop::collection::vec(step(), 0..400),
        by_size in any::<bool>(),
    ) {
        let impatient = Timing { idle: 40_000, max_wait: 120_000, ..timing(PERIOD) };
        let timing = if by_size { timing(WindowRule::Size(4)) } else { impatient };
        let world = after(rising(timing), input, steps);
        published_once(&world);
        counted_once(&world);
    }
}
