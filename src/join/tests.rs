use std::slice;

use proptest::prelude::{
    Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::*;
use crate::batch::{Header, Heartbeat, More, Pending, Stretch, key_of};

const PREDICTIONS: Lane = Lane { topic: 1, partition: 0 };
const OUTCOMES: Lane = Lane { topic: 2, partition: 0 };

fn waits(millis: i64) -> Waits {
    let wait = Wait { millis, topics: vec!["outcomes".to_owned()] };
    [("a", wait.clone()), ("b", wait)].map(|(name, wait)| (name.to_owned(), wait)).into()
}

/// The join with what stands under keys, driven as a caller drives it.
#[derive(Clone, Default)]
struct Desk {
    join: Join,
    kept: BTreeMap<u128, Vec<u8>>,
    time: i64,
    /// Of each topic beside the first.
    more_partitions: i32,
    told: Vec<Realized>,
}

impl Desk {
    fn send(
        &mut self,
        lane: Lane,
        stretch: (i64, i64),
        body: Body<Keyed>,
        waits: &Waits,
    ) -> Admission {
        let topic = if lane == PREDICTIONS { "predictions" } else { "outcomes" };
        let header = Header {
            lane,
            topic: topic.to_owned(),
            partitions: 1 + self.more_partitions,
            owner: 1,
            epoch: 1,
            policy: 0,
            stretch: Stretch { from: stretch.0, to: stretch.1 },
        };
        // What travels is bytes.
        let record = Record::from_bytes(&Record { header, body }.to_bytes()).unwrap();
        let (admission, admitted) = self.join.admit(self.join.position(), self.time, record);
        if let Some(admitted) = admitted {
            let kept = |key| self.kept.get(&key).map(|bytes| Known::from_bytes(bytes).unwrap());
            let found = admitted.needs().filter_map(|key| Some((key, kept(key)?)));
            let mut working = Working::from(found.collect::<BTreeMap<_, _>>());
            self.told.extend(self.join.apply(admitted, &mut working, waits));
            for (key, known) in working.writes() {
                if known.is_empty() {
                    self.kept.remove(&key);
                } else {
                    self.kept.insert(key, known.to_bytes());
                }
            }
        }
        admission
    }

    fn open(&mut self, waits: &Waits) {
        for lane in [PREDICTIONS, OUTCOMES] {
            self.send(lane, (0, 0), Body::Open { beginning: 0 }, waits);
        }
    }

    fn events(&mut self, lane: Lane, first: i64, events: &[Event], waits: &Waits) -> Admission {
        let to = first + events.len() as i64;
        self.send(lane, (first, to), Body::Rows(keyed(first, events)), waits)
    }

    /// The outcomes' lane says that it has reached a time.
    fn reach(&mut self, high_watermark: i64, reached: i64, waits: &Waits) {
        self.beat(OUTCOMES, high_watermark, reached, waits);
    }

    fn beat(&mut self, lane: Lane, high_watermark: i64, reached: i64, waits: &Waits) {
        let beat = Heartbeat { high_watermark, reached };
        let at = (high_watermark, high_watermark);
        self.send(lane, at, Body::Heartbeat(beat), waits);
    }

    /// The target of each prediction by its position, and which predictions are repeated.
    fn outcome(&self) -> BTreeMap<i64, Option<String>> {
        let mut labels = BTreeMap::new();
        for realized in &self.told {
            match &realized.news {
                News::Target { before, after, .. } => {
                    let after = after.as_deref().map(str::to_owned);
                    let was = labels.insert(realized.position, after).flatten();
                    assert_eq!(
                        was.as_deref(),
                        before.as_deref(),
                        "what is taken back was given before"
                    );
                }
                News::Repeated => {
                    let was = labels.insert(realized.position, Some("repeated".to_owned()));
                    assert_eq!(was, None);
                }
            }
        }
        labels.retain(|_, label| label.is_some());
        labels
    }
}

#[derive(Clone, Debug)]
enum Event {
    Predicted { id: u8, model: u8 },
    Known { id: u8, model: Option<u8>, decided_at: i64, label: Option<u8> },
}

const MODELS: [(&str, &str); 3] = [("a", "1"), ("a", "2"), ("b", "1")];

fn keyed(first: i64, events: &[Event]) -> Keyed {
    let mut keyed = Keyed {
        models: MODELS.map(|(model, version)| (model.to_owned(), version.to_owned())).to_vec(),
        ..Keyed::default()
    };
    for (offset, event) in (first..).zip(events) {
        match *event {
            Event::Predicted { id, model } => keyed.predictions.push(Pending {
                key: key_of([id.to_string().as_str()]),
                offset,
                model: u32::from(model),
                time: offset,
                score: Some(0.5),
                predicted: Some("1".into()),
                more: More { sample: Some(77), ..More::default() }.kept(),
            }),
            Event::Known { id, model, decided_at, label } => {
                let named = model.map(|model| MODELS[usize::from(model)]);
                keyed.targets.push(Target {
                    key: key_of([id.to_string().as_str()]),
                    offset,
                    model: named.map(|(model, _)| model.to_owned()),
                    version: named.map(|(_, version)| version.to_owned()),
                    decided_at,
                    label: label.map(|label| label.to_string().as_str().into()),
                });
            }
        }
    }
    keyed
}

fn predicted() -> impl Strategy<Value = Event> {
    (0..6u8, 0..3u8).prop_map(|(id, model)| Event::Predicted { id, model })
}

fn known() -> impl Strategy<Value = Event> {
    let model = prop_oneof![3 => Just(None), 1 => (0..3u8).prop_map(Some)];
    (0..6u8, model, 0..1000i64, prop_oneof![1 => Just(None), 4 => (0..2u8).prop_map(Some)])
        .prop_map(|(id, model, decided_at, label)| Event::Known { id, model, decided_at, label })
}

/// What a person would say: by the position of each prediction.
fn answer(predictions: &[Event], targets: &[Event]) -> BTreeMap<i64, Option<String>> {
    let mut seen = Vec::new();
    let mut labels = BTreeMap::new();
    for (position, event) in (0..).zip(predictions) {
        let &Event::Predicted { id, model } = event else { continue };
        if seen.contains(&(id, model)) {
            labels.insert(position, Some("repeated".to_owned()));
            continue;
        }
        seen.push((id, model));
        let counts = targets.iter().enumerate().filter_map(|(turn, target)| match *target {
            Event::Known { id: of, model: named, decided_at, label }
                if of == id && named.is_none_or(|named| named == model) =>
            {
                Some(((decided_at, turn), label))
            }
            _ => None,
        });
        if let Some((_, Some(label))) = counts.max_by_key(|(order, _)| *order) {
            labels.insert(position, Some(label.to_string()));
        }
    }
    labels
}

proptest! {
    #[test]
    fn any_interleaving_gives_the_batch_answer(
        predictions in prop::collection::vec(predicted(), 0..25),
        targets in prop::collection::vec(known(), 0..40),
        cuts in prop::collection::vec((any::<bool>(), 1..6usize, any::<bool>()), 0..60),
    ) {
        let waits = waits(i64::MAX);
        let mut desk = Desk::default();
        desk.open(&waits);
        let (mut from, mut until) = ([0, 0], cuts.into_iter());
        let all = [(PREDICTIONS, &predictions), (OUTCOMES, &targets)];
        loop {
            let (which, length, again) = until.next().unwrap_or((true, 1, false));
            let mut which = usize::from(which);
            if from[which] == all[which].1.len() {
                which = 1 - which;
            }
            let (lane, events) = all[which];
            let (first, to) = (from[which], (from[which] + length).min(events.len()));
            if first == to {
                break;
            }
            desk.time += 1;
            let before = desk.told.len();
            prop_assert_eq!(desk.events(lane, first as i64, &events[first..to], &waits), Admission::New);
            if again {
                // From an earlier place, as after a crash.
                let back = first.saturating_sub(3);
                let told = desk.told.len();
                desk.events(lane, back as i64, &events[back..to], &waits);
                prop_assert_eq!(desk.told.len(), told);
            }
            prop_assert!(desk.told.len() >= before);
            from[which] = to;
        }
        prop_assert_eq!(desk.outcome(), answer(&predictions, &targets));
        let counts = desk.join.counts();
        prop_assert_eq!(counts.targets as usize, targets.len());
        prop_assert_eq!((counts.predictions + counts.repeated) as usize, predictions.len());
    }

    #[test]
    fn a_crash_between_two_records_changes_nothing(
        predictions in prop::collection::vec(predicted(), 1..20),
        targets in prop::collection::vec(known(), 1..20),
        crash in 0..20usize,
    ) {
        let waits = waits(i64::MAX);
        let mut calm = Desk::default();
        calm.open(&waits);
        let mut crashed = calm.clone();
        let mut steps = Vec::new();
        for at in 0..predictions.len().max(targets.len()) {
            steps.extend(predictions.get(at).map(|event| (PREDICTIONS, at, event)));
            steps.extend(targets.get(at).map(|event| (OUTCOMES, at, event)));
        }
        let send = |desk: &mut Desk, (lane, at, event): (Lane, usize, &Event)| {
            desk.time += 1;
            desk.events(lane, at as i64, slice::from_ref(event), &waits);
        };
        for &step in &steps {
            send(&mut calm, step);
        }
        let (before, after) = steps.split_at(crash.min(steps.len()));
        for &step in before {
            send(&mut crashed, step);
        }
        // What was sent is out; what was to be kept is not.
        let kept = crashed.clone();
        if let Some(&lost) = after.first() {
            send(&mut crashed, lost);
        }
        let state: Join = minicbor::decode(&minicbor::to_vec(&kept.join).unwrap()).unwrap();
        let mut crashed = Desk { join: state, ..kept };
        for &step in after {
            send(&mut crashed, step);
        }
        prop_assert_eq!(&crashed.told, &calm.told);
        prop_assert_eq!(&crashed.kept, &calm.kept);
        prop_assert_eq!(&crashed.join, &calm.join);
    }
}

#[test]
fn a_prediction_waits_as_long_as_the_slowest_lane_of_its_targets() {
    let waits = waits(1_000_000);
    let mut desk = Desk::default();
    desk.open(&waits);
    desk.events(PREDICTIONS, 0, &[Event::Predicted { id: 1, model: 0 }], &waits);
    let told = |decided_at| Event::Known { id: 1, model: None, decided_at, label: Some(1) };
    // Far later by the log's time, but the lane of outcomes may still hold what was said long ago.
    desk.time = 5_000_000;
    assert_eq!(desk.join.settled(&waits["a"]).count(), 0);
    desk.events(OUTCOMES, 0, &[told(1)], &waits);
    assert_eq!(desk.outcome().len(), 1);
    // Now it says that it has come far enough: what comes from then on is too late.
    desk.reach(1, 1_000_000, &waits);
    assert_eq!(desk.join.settled(&waits["a"]).next(), Some((PREDICTIONS, 1)));
    desk.events(
        OUTCOMES,
        1,
        &[Event::Known { id: 1, model: None, decided_at: 2, label: Some(0) }],
        &waits,
    );
    assert_eq!(desk.outcome(), BTreeMap::from([(0, Some("1".to_owned()))]));
    assert_eq!(desk.join.counts().expired, 1);
}

#[test]
fn a_lane_that_has_not_caught_up_has_reached_nothing() {
    let waits = waits(1_000_000);
    let mut desk = Desk::default();
    desk.open(&waits);
    desk.events(PREDICTIONS, 0, &[Event::Predicted { id: 1, model: 0 }], &waits);
    // A target stands in the topic that nobody has sent yet.
    desk.reach(1, 2_000_000, &waits);
    assert_eq!(desk.join.settled(&waits["a"]).count(), 0);
    let told = Event::Known { id: 1, model: None, decided_at: 1, label: Some(1) };
    desk.events(OUTCOMES, 0, &[told], &waits);
    assert_eq!(desk.outcome(), BTreeMap::from([(0, Some("1".to_owned()))]));
    assert_eq!(desk.join.settled(&waits["a"]).next(), Some((PREDICTIONS, 1)));
}

#[test]
fn a_stretch_is_joined_in_the_order_of_its_lane_however_it_is_cut() {
    let waits = waits(1_000_000);
    let told = |label: u8| Event::Known {
        id: 1,
        model: None,
        decided_at: i64::from(label),
        label: Some(label),
    };
    let events = [told(1), Event::Predicted { id: 1, model: 0 }, told(2)];
    let after = |cuts: &[usize]| {
        let mut desk = Desk::default();
        desk.open(&waits);
        let mut from = 0;
        for &to in cuts {
            desk.events(PREDICTIONS, from as i64, &events[from..to], &waits);
            from = to;
        }
        let news: Vec<News> = desk.told.iter().map(|realized| realized.news.clone()).collect();
        (news, desk.join.counts(), desk.kept)
    };
    let whole = after(&[3]);
    assert_eq!(whole.0.len(), 2);
    assert_eq!(whole.1.unmatched, 1, "the first target came before its prediction");
    for cuts in [&[1, 2, 3][..], &[1, 3], &[2, 3]] {
        assert_eq!(after(cuts), whole, "{cuts:?}");
    }
}

#[test]
fn the_slowest_of_several_lanes_of_targets_is_waited_for() {
    let waits = waits(1_000_000);
    let other = Lane { partition: 1, ..OUTCOMES };
    let mut desk = Desk { more_partitions: 1, ..Desk::default() };
    desk.open(&waits);
    desk.events(PREDICTIONS, 0, &[Event::Predicted { id: 1, model: 0 }], &waits);
    desk.reach(0, 5_000_000, &waits);
    assert_eq!(desk.join.reached(&waits["a"]), None, "of the other nobody has heard");
    desk.send(other, (0, 0), Body::Open { beginning: 0 }, &waits);
    desk.beat(other, 0, 500_000, &waits);
    assert_eq!(desk.join.reached(&waits["a"]), Some(500_000));
    assert_eq!(desk.join.settled(&waits["a"]).count(), 0);
    desk.beat(other, 0, 2_000_000, &waits);
    assert_eq!(desk.join.reached(&waits["a"]), Some(2_000_000));
    assert_eq!(desk.join.settled(&waits["a"]).next(), Some((PREDICTIONS, 1)));
}

#[test]
fn a_lane_of_targets_that_nobody_has_heard_of_lets_nothing_expire() {
    let waits = waits(10);
    let mut desk = Desk::default();
    desk.send(PREDICTIONS, (0, 0), Body::Open { beginning: 0 }, &waits);
    desk.events(PREDICTIONS, 0, &[Event::Predicted { id: 1, model: 0 }], &waits);
    desk.time = 1_000_000;
    assert_eq!(desk.join.reached(&waits["a"]), None);
    assert_eq!(desk.join.settled(&waits["a"]).count(), 0);
}
