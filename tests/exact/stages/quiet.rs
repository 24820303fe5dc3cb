//! Models of which nothing is heard, models of which nobody wants to hear, and versions that nobody uses any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie::alert::{AlertEvent, Event, Level, Policy, Quiet, Resolution, Severity, Subject};
use vigie::batch::{Act, Command, Content, Record};
use vigie::epoch::{Epochs, Policies};
use vigie::profile::WindowRule;
use vigie::tally::{JOINED, Output, Tally};

use super::desk::{Desk, lane};
use super::events::{REJECT, at, card, of};
use super::rules::{CARDS, LOANS, PERIOD, one_epoch, timing};

/// Silent after five minutes, critical; the cards may rest.
fn epochs(rule: WindowRule) -> Epochs {
    let quiet = Quiet { after: 300_000, severity: Severity::Critical };
    let policy = Policy { silence: Some(quiet), ..Policy::default() };
    with_policy(rule, policy)
}

pub(super) fn with_policy(rule: WindowRule, policy: Policy) -> Epochs {
    let mut epochs = one_epoch(timing(rule));
    let alerts = BTreeMap::from([(LOANS.to_owned(), policy)]);
    epochs.policies.insert(1, Arc::new(Policies { alerts }));
    epochs
}

fn desk(partitions: i32) -> Desk {
    let mut desk = Desk::new(epochs(PERIOD), partitions);
    desk.policy = 1;
    for partition in 0..partitions {
        desk.open_lane(lane(partition), 0);
    }
    desk
}

fn silences(desk: &Desk) -> Vec<(Event, u64, Option<f64>)> {
    let all = desk.alerts();
    let of = all.iter().filter(|event| event.kind == Subject::Silence);
    of.map(|event| (event.event, event.sequence, event.value)).collect()
}

#[test]
fn silence_is_told_by_the_time_that_all_lanes_have_reached_and_is_over_with_the_next_event() {
    let mut desk = desk(2);
    desk.send(lane(0), &[at(5)]);
    desk.now += 500;
    // What others say of is no life of the model.
    desk.send(lane(1), &[card("", 5)]);
    desk.beat(lane(0), 1_400);
    desk.beat(lane(1), 1_299);
    assert!(silences(&desk).is_empty(), "five minutes less a second");
    desk.beat(lane(1), 1_300);
    assert_eq!(silences(&desk), [(Event::Opened, 0, Some(300.0))]);
    let opened = desk.alerts()[0].clone();
    assert_eq!((opened.severity, opened.upper_threshold), (Severity::Critical, Some(300.0)));
    assert_eq!(opened.since.as_deref(), Some("1970-01-01T00:16:40Z"));
    assert_eq!(
        opened.summary,
        "no events of loans for 5 min: the last came at 1970-01-01T00:16:40Z"
    );
    assert_eq!((opened.window, &opened.metric, opened.result.as_str()), (None, &None, ""));
    let shown = desk.tally.standings(&desk.epochs);
    let alert = |model: &str| shown.iter().find(|of| of.model == model).and_then(|of| of.alert);
    assert_eq!((alert(LOANS), alert(CARDS)), (Some(Severity::Critical), None));
    desk.now += 100;
    desk.beat(lane(0), 1_500);
    desk.beat(lane(1), 1_550);
    assert_eq!(silences(&desk).len(), 1, "said once");
    // A record that cannot be read is a sign of life.
    desk.send(lane(1), &[REJECT]);
    assert_eq!(silences(&desk)[1..], [(Event::Resolved, 1, Some(600.0))]);
    let resolved = desk.alerts()[1].clone();
    assert_eq!((resolved.id, resolved.resolution), (opened.id, Some(Resolution::Recovered)));
    // And it may be silent again, under another id.
    desk.now += 400;
    desk.beat(lane(0), 2_000);
    desk.beat(lane(1), 2_000);
    assert_eq!(silences(&desk).len(), 3);
    assert_ne!(desk.alerts()[2].id, desk.alerts()[1].id);
}

#[test]
fn a_lane_that_nobody_reads_or_that_has_not_caught_up_is_no_silence() {
    let mut desk = desk(2);
    desk.send(lane(0), &[at(5)]);
    // We stood still for an hour: no heartbeats, and what came meanwhile has not been applied.
    desk.now += 3_600;
    desk.owner = 2;
    for partition in 0..2 {
        desk.open_lane(lane(partition), 0);
    }
    desk.beat(lane(0), 4_590);
    desk.beat_at(lane(1), 1, 4_590);
    assert!(silences(&desk).is_empty());
    desk.send(lane(1), &[at(6)]);
    assert!(silences(&desk).is_empty(), "it came in time");
    // A partition that was added and of which nothing was heard.
    desk.partitions = 3;
    desk.now += 1_000;
    desk.beat(lane(0), 5_600);
    desk.beat(lane(1), 5_600);
    assert!(silences(&desk).is_empty());
    desk.open_lane(lane(2), 0);
    desk.beat(lane(2), 5_600);
    assert_eq!(silences(&desk).len(), 1);
}

#[test]
fn a_rule_that_is_taken_away_takes_its_alert_away() {
    let mut desk = desk(1);
    desk.send(lane(0), &[at(5)]);
    desk.now += 500;
    desk.beat(lane(0), 1_500);
    assert_eq!(silences(&desk).len(), 1);
    desk.policy = 2;
    desk.beat(lane(0), 1_500);
    let last = desk.alerts()[1].clone();
    assert_eq!((last.event, last.resolution), (Event::Resolved, Some(Resolution::Superseded)));
}

fn command(id: &str, act: Act) -> Record {
    let command = Command {
        id: id.to_owned(),
        model: LOANS.to_owned(),
        version: String::new(),
        window: 0,
        seen: String::new(),
        reason: "we know".to_owned(),
        act,
    };
    Record::command(JOINED, command, Content::default())
}

#[test]
fn quiet_that_a_person_asks_for_lasts_until_then() {
    let mut desk = desk(1);
    desk.send(lane(0), &[at(5)]);
    desk.say(&command("1", Act::Mute { until: 1_700_000 }));
    desk.now = 1_500;
    desk.beat(lane(0), 1_500);
    let opened = desk.alerts()[0].clone();
    assert_eq!(opened.muted_until.as_deref(), Some("1970-01-01T00:28:20Z"));
    desk.now = 1_699;
    desk.beat(lane(0), 1_600);
    assert_eq!(silences(&desk).len(), 1);
    desk.now = 1_700;
    desk.beat(lane(0), 1_700);
    let loud = desk.alerts()[1].clone();
    assert_eq!((loud.event, loud.sequence, loud.muted_until), (Event::Updated, 1, None));
    // The same command again, a while later: it was obeyed.
    desk.say(&command("1", Act::Mute { until: 9_000_000 }));
    desk.send(lane(0), &[at(6)]);
    assert_eq!(desk.alerts()[2].muted_until, None);
}

#[test]
fn an_alert_that_is_taken_up_says_so_once() {
    let mut desk = desk(1);
    desk.send(lane(0), &[at(5)]);
    desk.now = 1_500;
    desk.beat(lane(0), 1_500);
    let id = desk.alerts()[0].id.clone();
    let act = || Act::Acknowledge { alert: id.clone() };
    desk.say(&command("1", Act::Acknowledge { alert: "another".to_owned() }));
    assert_eq!(silences(&desk).len(), 1);
    desk.say(&command("2", act()));
    desk.say(&command("2", act()));
    desk.say(&command("3", act()));
    let taken = desk.alerts()[1].clone();
    assert_eq!((taken.event, taken.acknowledged.as_deref()), (Event::Updated, Some("we know")));
    assert_eq!(silences(&desk).len(), 2);
    desk.send(lane(0), &[at(6)]);
    assert_eq!(desk.alerts()[2].sequence, 2);
}

/// Anything alerts, and nothing is ever well again.
pub(super) fn touchy() -> Policy {
    Policy {
        drift: Level::Critical,
        open_after: 1,
        open_of: 1,
        resolve_after: 1_000,
        margin: -1e9,
        false_discovery: None,
        ..Policy::default()
    }
}

/// Events of a version, in one window of ten seconds.
fn window(desk: &mut Desk, version: &'static str, number: i64) {
    let events: Vec<_> = (0..5).map(|second| of(version, number * 10 + second)).collect();
    desk.send(lane(0), &events);
}

#[test]
fn a_retired_version_does_not_page_for_ever() {
    let mut desk = Desk::new(with_policy(PERIOD, touchy()), 1);
    desk.policy = 1;
    desk.open_lane(lane(0), 0);
    for number in 0..3 {
        window(&mut desk, "old", number);
    }
    let of = |desk: &Desk, version: &str| -> Vec<AlertEvent> {
        let all = desk.alerts().into_iter().filter(|of| of.version == version);
        all.filter(|of| of.event != Event::Updated).cloned().collect()
    };
    assert_eq!(of(&desk, "old").len(), 1, "{:?}", desk.brief());
    // A window is sealed by the rows of the next one.
    for number in 3..5 {
        window(&mut desk, "new", number);
    }
    window(&mut desk, "old", 5);
    for number in 6..9 {
        window(&mut desk, "new", number);
        assert_eq!(of(&desk, "old").len(), 1, "it was used once more");
    }
    window(&mut desk, "new", 9);
    let events = of(&desk, "old");
    let last = events.last().unwrap();
    assert_eq!((last.event, last.resolution), (Event::Resolved, Some(Resolution::Superseded)));
    assert_eq!(last.id, events[0].id);
    let why = "version `old` is retired: version `new` has sealed 3 windows, and it none; ";
    assert!(last.summary.starts_with(why), "{}", last.summary);
    // The new one sees the same world by the same profile.
    let successor = last.evidence.successor.as_ref().unwrap();
    assert_eq!((successor.version.as_str(), successor.gone), ("new", Some(false)));
    assert!(successor.bad > 0, "{successor:?}");
    let words = match successor.figure.as_ref().unwrap().breach {
        Some(true) => "the problem is still there in version `new`",
        _ => "version `new` is not well either",
    };
    assert!(last.summary.contains(words), "{}", last.summary);
    // The newer one is not retired by the older one.
    assert!(of(&desk, "new").iter().all(|of| of.resolution.is_none()));
}

#[test]
fn wherever_it_stops_it_says_the_same() {
    let mut desk = desk(1);
    for number in 0..40 {
        window(&mut desk, if number < 20 { "old" } else { "new" }, number);
        if number % 9 == 4 {
            desk.now += 400;
            desk.beat(lane(0), desk.now);
            let id = desk.alerts().last().unwrap().id.clone();
            desk.say(&command(&number.to_string(), Act::Acknowledge { alert: id }));
        }
        if number == 30 {
            desk.say(&command("mute", Act::Mute { until: 3_000_000 }));
        }
        desk.now += 5;
        desk.beat(lane(0), desk.now);
    }
    assert!(desk.alerts().len() >= 8, "{:?}", silences(&desk));
    let said: Vec<Output> = desk.out.clone();
    for every in [1, 3, 7] {
        let mut tally = Tally::default();
        let (mut out, mut kept) = (Vec::new(), BTreeMap::new());
        for (offset, (appended, bytes)) in (0..).zip(&desk.log) {
            let record = Record::from_bytes(bytes).unwrap();
            tally.apply(offset, *appended, record, &desk.epochs, &mut out).unwrap();
            if offset % every == 0 {
                let checkpoint = tally.checkpoint();
                kept.extend(checkpoint.changed);
                kept.retain(|key, _| !checkpoint.gone.contains(key));
                tally = Tally::restore(&checkpoint.head, &kept, checkpoint.live).unwrap();
            }
        }
        assert!(out == said, "stopped every {every}");
    }
}
