//! A model with more columns than fit a message four thousand times.

use std::fs;

use rdkafka::producer::BaseRecord;
use vigie::simulator::{Layout, World};

use crate::broker::Broker;
use crate::site::Site;

/// Columns beside those of the world: with 8 bytes a value, a full stretch would be 13 MB.
const COLUMNS: usize = 400;
const EVENTS: u64 = 6_000;

/// An event with its further columns, which it mostly does not name.
fn widened(mut event: Vec<u8>, number: u64) -> Vec<u8> {
    assert_eq!(event.pop(), Some(b'}'));
    let all = number.is_multiple_of(500);
    for column in
        (0..COLUMNS).filter(|column| all || (column + number as usize).is_multiple_of(100))
    {
        event.extend_from_slice(format!(",\"x{column}\":{}.5", number % 7).as_bytes());
    }
    event.push(b'}');
    event
}

#[test]
fn a_backlog_of_wide_events_goes_through() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let world = World::new(5);
    let site = Site::new(broker, &world, 1, "window = { size = 1000 }");
    let reference = world.reference(2_000);
    let mut rows = Vec::new();
    for (number, case) in (0..).zip(reference.cases(0..2_000)) {
        let mut row = Vec::new();
        let prediction = reference.prediction(&case);
        prediction.write_json_with(("repaid", case.repaid), Layout::Flat, &mut row);
        rows.extend(widened(row, number));
        rows.push(b'\n');
    }
    fs::write(site.path("reference.jsonl"), rows).unwrap();
    let reference = site.path("reference.jsonl").display().to_string();
    let built = site.well(&["profile", "build", "--reference", &reference]);
    assert!(built.contains("x399"), "{built}");
    let cases = world.cases(0..EVENTS);
    let events: Vec<Vec<u8>> = (0..)
        .zip(cases)
        .map(|(number, case)| widened(world.prediction(&case).to_json(Layout::Flat), number))
        .collect();
    let to = site.predictions();
    broker.produce(events.iter().map(|event| BaseRecord::<(), [u8]>::to(to).payload(event)));
    let instance = site.start("a").ready();
    assert_eq!(site.results(broker, 6).len(), 6);
    site.verify();
    instance.stop();
}
