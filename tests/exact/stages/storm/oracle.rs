//! What must have come of a world, whatever went wrong in it.

use std::collections::BTreeMap;

use vigie::batch::{Body, Digest, Header, Heartbeat, Record, Stretch};
use vigie::tally::{Ledger, Output, Tally};
use xxhash_rust::xxh3::xxh3_64;

use super::super::checkpoints::texts;
use super::super::desk::lane;
use super::super::events::{Event, contents};
use super::super::rules::TOPIC;
use super::broker::{Broker, LANES, OUTPUTS};
use super::world::World;

/// What was published is what one reader publishes who takes the log as it is and is never disturbed.
pub(super) fn published_once(world: &World) {
    for (log, kept) in world.broker.logs.iter().zip(&world.broker.kept) {
        let (mut tally, mut out) = (Tally::default(), Vec::new());
        for (offset, (appended, record)) in (0..).zip(log) {
            let record = record.clone();
            tally.apply(offset, *appended, record, &world.broker.epochs, &mut out).unwrap();
        }
        assert_eq!(texts(&kept.published), texts(&out));
        assert_eq!(kept.ledger.as_ref(), Some(&tally.ledger().to_bytes()));
    }
}

/// Every record of every lane is in the ledgers once, and the results hold what the ledgers call sealed.
pub(super) fn counted_once(world: &World) {
    let ledgers: Vec<Ledger> = ledgers(&world.broker);
    let mut sealed: BTreeMap<i32, Digest> = BTreeMap::new();
    for output in world.broker.kept.iter().flat_map(|kept| &kept.published) {
        let Output::Result(result) = output else { continue };
        for input in &result.inputs {
            let sum = u128::from_str_radix(&input.digest, 16).unwrap();
            let part = Digest { count: input.rows, sum };
            sealed.entry(input.partition).or_default().merge(&part);
        }
    }
    for number in 0..LANES {
        let partition = number as i32;
        let (mut total, mut in_results) = (Digest::default(), Digest::default());
        for ledger in &ledgers {
            let state = &ledger.lanes[&lane(partition)];
            total.merge(&state.fates.total());
            in_results.merge(&state.fates.sealed);
            assert_eq!(state.cursor.beginning, i64::from(partition));
            assert_eq!(state.cursor.position, world.broker.high_watermark(number));
        }
        let events = (0..).zip(&world.broker.input[number]).skip(number);
        let there = events.filter(|(_, event)| **event != Event::Hole);
        assert_eq!(total, Digest::of(there.map(|(offset, _)| offset)), "lane {number}");
        assert_eq!(in_results, sealed.remove(&partition).unwrap_or_default());
    }
    assert!(world.readers.iter().all(|reader| reader.tally().gaps(i64::MAX).next().is_none()));
}

/// Under what a log was run: the boundaries of each lane, and a number.
type Under = (Vec<BTreeMap<i64, u64>>, u64);

/// The runs without a fault over one input, by what they depend on: where which epoch began, and which is the newest.
#[derive(Default)]
pub(super) struct Calm {
    runs: BTreeMap<Under, Vec<(Tally, Texts)>>,
}

/// Results and alerts of each model.
type Texts = BTreeMap<String, Vec<String>>;

/// Where windows depend on event times alone, each model's results and alerts, and each lane's ledger, are those of a
/// log that was written without a fault, one lane after the other, each in the fewest pieces.
pub(super) fn as_if_undisturbed(world: &World, calm: &mut Calm) {
    let broker = &world.broker;
    let made = calm.runs.entry((broker.boundaries.clone(), broker.epoch)).or_insert_with(|| {
        let run = |output| undisturbed(broker, output as u32);
        (0..OUTPUTS).map(run).map(|(tally, out)| (tally, by_model(&out))).collect()
    });
    let found = broker.kept.iter().zip(ledgers(broker));
    for (output, ((kept, ledger), (tally, texts))) in found.zip(made).enumerate() {
        assert_eq!(by_model(&kept.published), *texts, "output {output}");
        for (id, state) in tally.lanes() {
            let found = &ledger.lanes[id];
            assert_eq!(found.fates, state.fates, "lane {id} in output {output}");
            assert_eq!(found.epoch, state.epoch);
        }
    }
}

fn undisturbed(broker: &Broker, output: u32) -> (Tally, Vec<Output>) {
    let (mut tally, mut out) = (Tally::default(), Vec::new());
    let mut say = |number: usize, epoch, stretch, body| {
        let header = Header {
            lane: lane(number as i32),
            topic: TOPIC.to_owned(),
            partitions: LANES as i32,
            owner: 1,
            epoch,
            policy: 0,
            stretch,
        };
        let record = Record { header, body };
        let (at, appended) = (tally.position(), 1_000_000);
        tally.apply(at, appended, record, &broker.epochs, &mut out).unwrap();
    };
    let first = |number: usize| i64::try_from(number).unwrap();
    for number in 0..LANES {
        let at = Stretch { from: first(number), to: first(number) };
        say(number, 1, at, Body::Open { beginning: first(number) });
    }
    for number in 0..LANES {
        let end = broker.high_watermark(number);
        let boundaries: Vec<(i64, u64)> =
            broker.boundaries[number].iter().map(|(&from, &epoch)| (from, epoch)).collect();
        for (at, &(from, epoch)) in boundaries.iter().enumerate() {
            let to = boundaries.get(at + 1).map_or(end, |&(next, _)| next);
            let events = (0..to).zip(&broker.input[number]).skip(usize::try_from(from).unwrap());
            let output_of = |model: Option<&str>| world_output(number, model);
            let mut made = contents(events, &broker.epochs.epochs[&epoch], output_of);
            if to > from {
                let content = made.remove(&output).unwrap_or_default();
                say(number, epoch, Stretch { from, to }, Body::Rows(content));
            }
        }
        let beat = Heartbeat { high_watermark: end, reached: 0 };
        say(number, broker.epoch, Stretch { from: end, to: end }, Body::Heartbeat(beat));
    }
    (tally, out)
}

/// Where the protocol says that something goes.
fn world_output(lane: usize, model: Option<&str>) -> u32 {
    let number = match model {
        Some(model) => xxh3_64(model.as_bytes()),
        None => lane as u64,
    };
    (number % OUTPUTS as u64) as u32
}

fn ledgers(broker: &Broker) -> Vec<Ledger> {
    let bytes = broker.kept.iter().map(|kept| kept.ledger.as_ref().unwrap());
    bytes.map(|bytes| Ledger::from_bytes(bytes).unwrap()).collect()
}

fn by_model(out: &[Output]) -> Texts {
    let mut found = Texts::new();
    for (output, text) in out.iter().zip(texts(out)) {
        let model = match output {
            Output::Result(result) => &result.model,
            Output::Alert(alert) => &alert.model,
        };
        found.entry(model.clone()).or_default().push(text);
    }
    found
}
