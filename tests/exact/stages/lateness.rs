//! Which rows are late, and where they are counted.

use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::Config;
use vigie::epoch::Timing;
use vigie::profile::WindowRule;

use super::desk::{Desk, lane};
use super::events::{Event, REJECT, at, card, of};
use super::rules::{CARDS, LOANS, PERIOD, one_epoch, timing};

#[test]
fn a_row_is_late_by_its_own_lanes_watermark_row_by_row() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 2);
    // The window to 10 s ends for a lane at 12 s: not before the row that says so, and from the one after it on.
    desk.send(lane(0), &[at(5), at(11), at(3), at(12), at(4)]);
    assert_eq!(desk.state(lane(0)).fates.late.count, 1);
    // What the other lane has passed does not matter.
    desk.send(lane(1), &[at(1)]);
    assert_eq!(desk.state(lane(1)).fates.late.count, 0);
    desk.send(lane(1), &[at(25)]);
    assert_eq!(desk.brief(), ["00:00:00Z loans #0 epoch 1: 3 rows, Period"]);
}

#[test]
fn each_model_has_its_own_watermark() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    desk.send(lane(0), &[at(100), card("", 5), at(3)]);
    assert_eq!(desk.state(lane(0)).fates.late.count, 1, "only of the model that went on");
}

#[test]
fn versions_of_a_model_share_its_watermark_in_the_order_of_the_lane() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    desk.send(lane(0), &[of("b", 3), of("a", 15), of("b", 4), of("b", 16)]);
    // Row by row: the first of `b` came before `a` went on, the second after.
    assert_eq!(desk.state(lane(0)).fates.late.count, 1);
    desk.send(lane(0), &[of("a", 40)]);
    assert_eq!(
        desk.brief(),
        [
            "00:00:00Z loans b #0 epoch 1: 1 rows, Period",
            "00:00:10Z loans a #0 epoch 1: 1 rows, Period",
            "00:00:10Z loans b #1 epoch 1: 1 rows, Period, 1 late",
        ]
    );
}

#[test]
fn a_late_row_is_counted_where_its_lanes_watermark_stands() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 2);
    desk.send(lane(0), &[at(5), at(25), at(6)]);
    desk.send(lane(1), &[at(5), at(15), at(1), at(16), at(2), at(3), at(26)]);
    desk.send(lane(0), &[at(45)]);
    desk.send(lane(1), &[at(45)]);
    assert_eq!(
        desk.brief(),
        [
            "00:00:00Z loans #0 epoch 1: 2 rows, Period",
            "00:00:10Z loans #1 epoch 1: 2 rows, Period, 3 late",
            "00:00:20Z loans #2 epoch 1: 2 rows, Period, 1 late",
        ]
    );
}

#[test]
fn a_stray_waits_for_the_versions_next_window_where_there_is_none() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    // Of `b` there is nothing in the window where the watermark stands, nor in the next one.
    let reject = Event::Reject(Some((LOANS, "b")));
    desk.send(lane(0), &[of("a", 5), reject, of("a", 15), of("a", 27), of("b", 28), of("a", 50)]);
    assert_eq!(
        desk.brief(),
        [
            "00:00:00Z loans a #0 epoch 1: 1 rows, Period",
            "00:00:10Z loans a #1 epoch 1: 1 rows, Period",
            "00:00:20Z loans a #2 epoch 1: 1 rows, Period",
            "00:00:20Z loans b #0 epoch 1: 1 rows, Period, 1 rejected",
        ]
    );
}

#[test]
fn a_reject_is_counted_in_the_same_window_whoever_comes_first() {
    let first = [lane(0), lane(1)];
    let reject = Event::Reject(Some((LOANS, "b")));
    let told: Vec<Vec<String>> = [first, [lane(1), lane(0)]]
        .into_iter()
        .map(|order| {
            let mut desk = Desk::open(one_epoch(timing(PERIOD)), 2);
            for lane_now in order {
                // Whether the window has rows of `b` yet depends on the other lane.
                let other = if lane_now == lane(0) { of("b", 5) } else { reject };
                desk.send(lane_now, &[of("a", 5), other]);
            }
            for lane_now in order {
                desk.send(lane_now, &[of("a", 15), of("b", 16)]);
            }
            desk.send(lane(0), &[of("a", 40)]);
            desk.send(lane(1), &[of("a", 40)]);
            desk.brief()
        })
        .collect();
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0][1], "00:00:00Z loans b #0 epoch 1: 1 rows, Period, 1 rejected");
}

#[test]
fn an_event_from_the_future_is_quarantined_and_moves_no_watermark() {
    let skew = Timing { skew: 30_000, ..timing(PERIOD) };
    let mut desk = Desk::open(one_epoch(skew), 1);
    desk.send(lane(0), &[at(1_005), at(1_031), at(1_030), at(1_003)]);
    let fates = desk.state(lane(0)).fates;
    assert_eq!((fates.quarantined.count, fates.late.count), (1, 1));
    assert_eq!((fates.sealed.count, fates.open.count), (1, 1));
    desk.now = 1_100;
    desk.send(lane(0), &[at(1_100)]);
    assert_eq!(
        desk.brief(),
        [
            "00:16:40Z loans #0 epoch 1: 1 rows, Period, 1 quarantined",
            "00:17:10Z loans #1 epoch 1: 1 rows, Period, 1 late",
        ]
    );
}

#[test]
fn an_event_from_the_future_is_in_no_window_by_size_either() {
    let skew = Timing { skew: 30_000, ..timing(WindowRule::Size(3)) };
    let mut desk = Desk::open(one_epoch(skew), 1);
    desk.send(lane(0), &[at(5), at(2_000), at(2_000), REJECT, at(6), at(7), at(8)]);
    assert_eq!(
        desk.brief(),
        ["00:00:05Z loans #0 epoch 1: 3 rows, Size, 1 rejected, 2 quarantined"]
    );
    assert_eq!(desk.state(lane(0)).fates.open.count, 1);
}

#[test]
fn time_before_1970_and_far_ahead_are_times_too() {
    let mut desk = Desk::open(one_epoch(timing(PERIOD)), 1);
    desk.send(lane(0), &[at(-15), at(-1), at(4_000_000_000), at(-1)]);
    assert_eq!(
        desk.brief(),
        [
            "1969-12-31T23:59:40Z loans #0 epoch 1: 1 rows, Period",
            "1969-12-31T23:59:50Z loans #1 epoch 1: 1 rows, Period",
        ]
    );
    assert_eq!(desk.state(lane(0)).fates.late.count, 1);
}

fn any_event() -> impl Strategy<Value = Event> {
    let version = || prop_oneof![3 => Just("a"), 1 => Just("b")];
    prop_oneof![
        6 => (version(), 0..40i64).prop_map(|(version, second)| of(version, second)),
        2 => (version(), 0..40i64).prop_map(|(version, second)| card(version, second)),
        2 => version().prop_map(|version| Event::Reject(Some((LOANS, version)))),
        1 => Just(Event::Reject(None)),
        1 => Just(Event::Filtered(CARDS)),
        1 => Just(Event::Hole),
    ]
}

proptest! {
    #![proptest_config(Config::with_cases(150))]

    #[test]
    fn what_becomes_of_a_row_does_not_depend_on_where_the_lane_was_cut(
        events in prop::collection::vec(any_event(), 1..30),
        cuts in prop::collection::vec(any::<bool>(), 30),
        by_size in any::<bool>(),
    ) {
        let rule = if by_size { WindowRule::Size(4) } else { PERIOD };
        let mut whole = Desk::open(one_epoch(timing(rule)), 1);
        whole.send(lane(0), &events);
        let mut parts = Desk::open(one_epoch(timing(rule)), 1);
        let mut from = 0;
        for to in 1..=events.len() {
            if cuts[to - 1] || to == events.len() {
                parts.send(lane(0), &events[from..to]);
                from = to;
            }
        }
        prop_assert_eq!(whole.state(lane(0)).fates, parts.state(lane(0)).fates);
        // By size, windows of different versions are full in another order; those of one are not.
        let of_version = |desk: &Desk, model: &str, version: &str| -> Vec<String> {
            let results = desk.results().into_iter();
            results
                .filter(|result| result.model == model && result.version == version)
                .map(|result| serde_json::to_string(result).unwrap())
                .collect()
        };
        for model in [LOANS, CARDS] {
            for version in ["a", "b"] {
                prop_assert_eq!(of_version(&whole, model, version), of_version(&parts, model, version));
            }
        }
    }
}
