//! One fault, at every point of a calm day.

use super::super::events::{Event, REJECT, card, of};
use super::super::rules::{PERIOD, timing};
use super::broker::{LANES, OUTPUTS};
use super::oracle::{as_if_undisturbed, counted_once, published_once};
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
    for round in 0..3 {
        let owners = || 0..LANES;
        let of = |does| owners().map(move |who| Step::Sender { who, does });
        day.extend(owners().map(|lane| Step::Write { lane, events: 6 }));
        day.extend(of(Act::Flush));
        if round > 0 {
            day.push(Step::Epoch);
            day.extend(of(Act::Ask));
            day.extend(of(Act::Begin { hears: true }));
        }
        day.extend(of(Act::Read(4)));
        day.extend(of(Act::Close));
        day.extend(of(Act::Read(2)));
        for output in 0..=OUTPUTS {
            day.extend(of(Act::Deliver(output, Way::Landed)));
        }
        day.extend(of(Act::Close));
        day.extend(of(Act::Commit));
        day.extend(of(Act::Beat));
        day.extend(of(Act::Flush));
        for output in 0..OUTPUTS {
            day.push(Step::Take { output, records: 7 });
            day.push(Step::Transact { output, checkpoint: round == 1 });
            day.push(Step::Take { output, records: 99 });
        }
    }
    day
}

/// A fault, and what still comes of who suffered it.
fn faults(point: usize) -> Vec<Vec<Step>> {
    let (lane, output) = (point % LANES, point % OUTPUTS);
    let deliver = |way| vec![Step::Sender { who: lane, does: Act::Deliver(output, way) }];
    let zombie = |does| Step::Sender { who: LANES, does };
    vec![
        vec![Step::Kill { lane }],
        vec![Step::Replace { lane }],
        // The one who was replaced goes on, and is the first to send.
        vec![
            Step::Replace { lane },
            zombie(Act::Read(5)),
            zombie(Act::Close),
            zombie(Act::Commit),
            zombie(Act::Flush),
        ],
        // It lands between what its successor sends.
        vec![
            Step::Replace { lane },
            Step::Sender { who: lane, does: Act::Flush },
            Step::Sender { who: lane, does: Act::Read(3) },
            Step::Sender { who: lane, does: Act::Close },
            zombie(Act::Flush),
        ],
        vec![Step::Forget { lane }, Step::Kill { lane }],
        vec![Step::Forget { lane }, Step::Replace { lane }, Step::Kill { lane }],
        deliver(Way::Twice),
        deliver(Way::Unknown),
        deliver(Way::Failed),
        deliver(Way::Purged),
        vec![Step::Epoch, Step::Sender { who: lane, does: Act::Begin { hears: false } }],
        vec![
            Step::Epoch,
            Step::Sender { who: lane, does: Act::Ask },
            Step::Sender { who: lane, does: Act::Begin { hears: false } },
            Step::Kill { lane },
        ],
        vec![Step::KillReader { output }],
        vec![Step::ReplaceReader { output }],
        vec![Step::Transact { output, checkpoint: true }, Step::KillReader { output }],
    ]
}

/// The day with these steps between; without recovery an owner that lost its commit would wait for ever.
fn ends_well(day: &[Step], point: usize, fault: &[Step]) {
    let mut world = World::new(rising(timing(PERIOD)), input());
    for step in day[..point].iter().chain(fault).chain(&day[point..]) {
        world.step(*step);
    }
    world.calm();
    published_once(&world);
    counted_once(&world);
    as_if_undisturbed(&world);
}

#[test]
fn no_fault_at_any_point_shows() {
    let day = day();
    for point in 0..=day.len() {
        for fault in faults(point) {
            ends_well(&day, point, &fault);
        }
    }
}

#[test]
fn a_calm_day_publishes_of_every_epoch() {
    let mut world = World::new(rising(timing(PERIOD)), input());
    for step in day() {
        world.step(step);
    }
    world.calm();
    let ledgers = (0..LANES).map(|lane| world.broker.boundaries[lane].len());
    assert_eq!(ledgers.collect::<Vec<_>>(), [3, 3, 3]);
    let published: usize = world.broker.kept.iter().map(|kept| kept.published.len()).sum();
    assert!(published > 15, "{published}");
}
