//! What a tally does not go on with: rows that it could not account for.

use vigie::batch::{Body, Content, Record};
use vigie::profile::WindowRule;
use vigie::tally::Halt;

use super::desk::{Desk, lane};
use super::events::{at, card};
use super::rules::{LOANS, PERIOD, one_epoch, timing};

fn content(record: &mut Record) -> &mut Content {
    match &mut record.body {
        Body::Rows(content) => content,
        _ => panic!("no rows"),
    }
}

/// Says a record that was tampered with; the tally must halt and stay as it was.
fn halts(desk: &mut Desk, tamper: impl FnOnce(&mut Content)) -> String {
    let mut record = desk.stretch(lane(0), 0, &[at(1), at(2)]);
    tamper(content(&mut record));
    let before = desk.tally.clone();
    let halt: Halt = desk.try_say(&record).unwrap_err();
    assert_eq!(desk.tally, before);
    halt.to_string()
}

#[test]
fn rows_of_a_model_that_the_epoch_does_not_have_halt_the_tally() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    let found = halts(&mut desk, |content| content.sections[0].model = "strange".to_owned());
    assert_eq!(
        found,
        "lane 00000000000000000000000000000007/0: rows of model `strange`, which epoch 1 does not have"
    );
}

#[test]
fn rows_that_are_laid_out_otherwise_halt_the_tally() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    let found = halts(&mut desk, |content| drop(content.sections[0].rows.columns.pop()));
    assert!(found.contains("have 4 columns, its profile in epoch 1 has 5"), "{found}");
    let found = halts(&mut desk, |content| content.sections[0].rows.columns.swap(0, 1));
    assert!(found.contains("column `amount` of model `loans` is not what its profile"), "{found}");
    let found = halts(&mut desk, |content| content.sections[0].profiled = false);
    assert!(found.contains("have 5 columns, its profile in epoch 1 has 0"), "{found}");
}

#[test]
fn rows_that_could_be_in_no_window_halt_the_tally() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    let found = halts(&mut desk, |content| content.sections[0].rows.times = None);
    assert!(found.contains("cannot be cut by 10 seconds"), "{found}");
    let mut desk = Desk::open(one_epoch(timing(WindowRule::Number(10))), 1);
    let found = halts(&mut desk, |_| ());
    assert!(found.contains("cannot be cut by 10 equal parts"), "{found}");
}

#[test]
fn rows_without_times_may_be_cut_by_size() {
    let mut desk = Desk::open(one_epoch(timing(WindowRule::Size(2))), 1);
    let mut record = desk.stretch(lane(0), 0, &[card("", 1), card("", 2), at(3)]);
    for section in &mut content(&mut record).sections {
        section.rows.times = None;
    }
    desk.say(&record);
    assert_eq!(desk.brief(), ["cards #0 epoch 1: 2 rows, Size"]);
    assert_eq!(desk.state(lane(0)).fates.open.count, 1);
    assert_eq!(desk.results()[0].model, "cards");
    assert_ne!(LOANS, "cards");
}
