//! One fault, at every point of a calm day.

use vigie::intake::To;

use super::super::events::{Event, REJECT, card, of};
use super::super::rules::{PERIOD, timing};
use super::broker::{LANES, OUTPUTS};
use super::oracle::{Calm, as_if_undisturbed, counted_once, published_once};
use super::sender::Way;
use super::storms::rising;
use super::world::{Act, Step, World};

/// Everything in it: both models, two versions, rejects, holes, late rows.
fn input() -> Vec<Vec<Event>> {
    let lane = |number: i64| {
        (0..18).map(move |at| match (at + number) % 9 {
            2 => REJECT,
            4 => Event::Hole,
            6 => card("", at * 3),
            8 => of("b", at * 3 - 20),
            _ => of("a", at * 3 + number),
        })
    };
    (0..3).map(|number| lane(number).collect()).collect()
}

/// A day in which each thing happens that happens without a fault, in small steps.
fn day() -> Vec<Step> {
    let mut day = Vec::new();
    for round in 0..2 {
        let owners = || 0..LANES;
        let of = |does| owners().map(move |who| Step::Sender { who, does });
        day.extend(owners().map(|lane| Step::Write { lane, events: 9 }));
        day.extend(of(Act::Flush));
        if round > 0 {
            day.push(Step::Epoch);
            day.extend(of(Act::Ask));
            day.extend(of(Act::Begin { hears: true }));
        }
        day.extend(of(Act::Read(6)));
        day.extend(of(Act::Close(To::Concerned)));
        day.extend(of(Act::Read(3)));
        day.extend(of(Act::Close(To::All)));
        for output in 0..=OUTPUTS {
            day.extend(of(Act::Deliver(output, Way::Landed)));
        }
        day.extend(of(Act::Commit));
        day.extend(of(Act::Beat));
        day.extend(of(Act::Flush));
        for output in 0..OUTPUTS {
            day.push(Step::Take { output, records: 7 });
            day.push(Step::Transact { output, checkpoint: round == 0 });
            day.push(Step::Take { output, records: 99 });
        }
    }
    day
}

/// The owner of a lane dies, or is replaced and goes on.
fn owners(point: usize) -> Vec<Vec<Step>> {
    let lane = point % LANES;
    let owner = |does| Step::Sender { who: lane, does };
    let zombie = |does| Step::Sender { who: LANES, does };
    vec![
        vec![Step::Kill { lane }],
        // It goes on, and is the first to send.
        vec![
            Step::Replace { lane },
            zombie(Act::Read(5)),
            zombie(Act::Close(To::All)),
            zombie(Act::Commit),
            zombie(Act::Flush),
        ],
        // What it sends lands between what its successor sends.
        vec![
            Step::Replace { lane },
            owner(Act::Flush),
            owner(Act::Read(3)),
            owner(Act::Close(To::All)),
            zombie(Act::Flush),
        ],
        vec![Step::Forget { lane }, Step::Kill { lane }],
        vec![Step::Forget { lane }, Step::Replace { lane }, Step::Kill { lane }],
    ]
}

/// A record does not land as it should, or an epoch is committed by who does not hear of it.
fn deliveries(point: usize) -> Vec<Vec<Step>> {
    let (who, output) = (point % LANES, point % OUTPUTS);
    let of = |does| Step::Sender { who, does };
    let begin = of(Act::Begin { hears: false });
    vec![
        vec![of(Act::Deliver(output, Way::Twice))],
        vec![of(Act::Deliver(output, Way::Unknown))],
        vec![of(Act::Deliver(output, Way::Failed))],
        vec![of(Act::Deliver(output, Way::Purged))],
        vec![Step::Epoch, begin],
        vec![Step::Epoch, of(Act::Ask), begin, Step::Kill { lane: who }],
    ]
}

/// A reader dies, or is replaced and goes on.
fn readers(point: usize) -> Vec<Vec<Step>> {
    let output = point % OUTPUTS;
    vec![
        vec![Step::KillReader { output }],
        vec![Step::ReplaceReader { output }],
        vec![Step::Transact { output, checkpoint: true }, Step::KillReader { output }],
    ]
}

fn is_readers(step: &Step) -> bool {
    matches!(step, Step::Take { .. } | Step::Transact { .. })
}

/// The day, with each of these faults at each point; between two steps of readers a sender's fault is the same as
/// before them, and the other way round.
fn end_well(of_readers: bool, faults: impl Fn(usize) -> Vec<Vec<Step>>) {
    let day = day();
    let matters = |&point: &usize| point == 0 || is_readers(&day[point - 1]) == of_readers;
    let mut calm = Calm::default();
    let mut before = World::new(rising(timing(PERIOD)), input());
    for point in 0..=day.len() {
        for fault in faults(point).iter().filter(|_| matters(&point)) {
            let mut world = before.clone();
            for step in fault.iter().chain(&day[point..]) {
                world.step(*step);
            }
            world.calm();
            published_once(&world);
            counted_once(&world);
            as_if_undisturbed(&world, &mut calm);
        }
        if let Some(step) = day.get(point) {
            before.step(*step);
        }
    }
}

#[test]
fn whoever_owns_a_lane_may_die_or_be_replaced_at_any_point() {
    end_well(false, owners);
}

#[test]
fn a_delivery_may_fail_or_be_repeated_at_any_point() {
    end_well(false, deliveries);
}

#[test]
fn a_reader_may_die_or_be_replaced_at_any_point() {
    end_well(true, readers);
}

#[test]
fn a_calm_day_publishes_of_every_epoch() {
    let mut world = World::new(rising(timing(PERIOD)), input());
    for step in day() {
        world.step(step);
    }
    world.calm();
    let epochs = (0..LANES).map(|lane| world.broker.boundaries[lane].len());
    assert_eq!(epochs.collect::<Vec<_>>(), [2, 2, 2]);
    let published: usize = world.broker.kept.iter().map(|kept| kept.published.len()).sum();
    assert!(published > 6, "{published}");
}
