//! The join over its local files, over an LSM tree and over a map: the same is told, whatever is opened again when.

#[path = "../../benches/lsm/mod.rs"]
mod lsm;

use std::fmt::Debug;
use std::path::Path;

use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest,
};
use tempfile::TempDir;
use vigie::batch::{
    Body, Header, Heartbeat, Keyed, Lane, Pending as Predicted, Realized, Record, Stretch, Target,
    key_of,
};
use vigie::join::{Counts, Join, Keep, KeptBatch, KeptInMemory, Wait, Waits, Working};
use vigie::store::{Identity, Opened, Options, Pending, StoreError};

use self::lsm::KeptInLsm;
use crate::patience;

const PREDICTIONS: Lane = Lane { topic: 1, partition: 0 };
const OUTCOMES: Lane = Lane { topic: 2, partition: 0 };
/// Two minutes: some shelves are over while the test goes on.
const STEP: i64 = 120_000;
const WAIT: i64 = 40 * STEP;

#[derive(Clone, Debug)]
enum Act {
    Predicted(Vec<(u16, u8)>),
    Known(Vec<(u16, i64, Option<u8>)>),
    /// All lanes of targets have come to their end.
    Beat,
    Reopen,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let label = prop_oneof![1 => Just(None), 4 => (0..2u8).prop_map(Some)];
    let act = prop_oneof![
        6 => prop::collection::vec((0..60u16, 0..2u8), 1..12).prop_map(Act::Predicted),
        6 => prop::collection::vec((0..60u16, 0..9i64, label), 1..12).prop_map(Act::Known),
        4 => Just(Act::Beat),
        1 => Just(Act::Reopen),
    ];
    prop::collection::vec(act, 1..90)
}

/// The stage over one way to keep things.
struct Desk<K> {
    join: Join,
    keep: K,
    waits: Waits,
    sent: [i64; 2],
    now: i64,
    told: Vec<Realized>,
}

impl<K: Keep<Error: Debug>> Desk<K> {
    fn new(keep: K) -> Self {
        let wait = Wait { millis: WAIT, topics: vec!["outcomes".to_owned()] };
        let waits = [("a".to_owned(), wait)].into();
        let (join, told) = (Join::default(), Vec::new());
        let mut desk = Self { join, keep, waits, sent: [0; 2], now: 0, told };
        for lane in [PREDICTIONS, OUTCOMES] {
            desk.send(lane, (0, 0), Body::Open { beginning: 0 });
        }
        desk
    }

    fn send(&mut self, lane: Lane, (from, to): (i64, i64), body: Body<Keyed>) {
        let topic = if lane == OUTCOMES { "outcomes" } else { "predictions" }.to_owned();
        let stretch = Stretch { from, to };
        let header = Header { lane, topic, partitions: 1, owner: 1, epoch: 1, policy: 0, stretch };
        let record = Record::from_bytes(&Record { header, body }.to_bytes()).unwrap();
        let (_, admitted) = self.join.admit(self.join.position(), self.now, record);
        let mut writes = Working::default();
        if let Some(admitted) = admitted {
            writes = Working::fetch(&mut self.keep, admitted.needs()).unwrap();
            self.told.extend(self.join.apply(admitted, &mut writes, &self.waits));
        }
        let batch = KeptBatch {
            writes: &writes,
            over_at: &|known| self.join.over_at(known, &self.waits),
            head: &minicbor::to_vec(&self.join).unwrap(),
            position: self.join.position(),
            time: self.join.time(),
        };
        self.keep.put(&batch).unwrap();
        if let Some(until) = self.join.over_until(&self.waits) {
            self.keep.forget(until).unwrap();
        }
    }

    fn act(&mut self, act: &Act) {
        self.now += STEP;
        let key = |id: u16| key_of([id.to_string().as_str()]);
        match act {
            Act::Predicted(of) => {
                let from = self.sent[0];
                let prediction = |(offset, (id, model)): (i64, &(u16, u8))| Predicted {
                    key: key(*id),
                    offset,
                    model: u32::from(*model),
                    time: offset,
                    score: Some(0.5),
                    predicted: Some("1".into()),
                    more: None,
                };
                let version = |version: &str| ("a".to_owned(), version.to_owned());
                let keyed = Keyed {
                    models: vec![version("1"), version("2")],
                    predictions: (from..).zip(of).map(prediction).collect(),
                    targets: Vec::new(),
                };
                self.sent[0] += of.len() as i64;
                self.send(PREDICTIONS, (from, self.sent[0]), Body::Rows(keyed));
            }
            Act::Known(of) => {
                let from = self.sent[1];
                let target =
                    |(offset, (id, decided_at, label)): (i64, &(u16, i64, Option<u8>))| Target {
                        key: key(*id),
                        offset,
                        model: None,
                        version: None,
                        decided_at: *decided_at,
                        label: label.map(|label| label.to_string().as_str().into()),
                    };
                let targets = (from..).zip(of).map(target).collect();
                self.sent[1] += of.len() as i64;
                let keyed = Keyed { targets, ..Keyed::default() };
                self.send(OUTCOMES, (from, self.sent[1]), Body::Rows(keyed));
            }
            Act::Beat => {
                let at = self.sent[1];
                let beat = Heartbeat { high_watermark: at, reached: self.now };
                self.send(OUTCOMES, (at, at), Body::Heartbeat(beat));
            }
            Act::Reopen => {}
        }
    }
}

fn identity() -> Identity {
    let (cluster, namespace) = ("cluster".to_owned(), "vigie".to_owned());
    Identity { cluster, namespace, topic: 7, partition: 0 }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A program that another test is starting has our lock, too, until it has taken our place in its process.
fn opened(folder: &Path, options: Options) -> Opened {
    let opened = patience::until(|| match Pending::open(folder, &identity(), options) {
        Err(StoreError::InUse { .. }) => None,
        opened => Some(opened.unwrap()),
    });
    opened.expect("nobody else has it for long")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn all_ways_to_keep_give_the_same(acts in acts(), hot_rows in 1..80usize, small in any::<bool>()) {
        let options = Options {
            hot_rows,
            journal_bytes: if small { 4_000 } else { 1 << 20 },
            ..Options::default()
        };
        let (ours, theirs) = (folder(), folder());
        let open = || opened(ours.path(), options);
        let mut memory = Desk::new(KeptInMemory::default());
        let mut store = Desk::new(open().store);
        let mut lsm = Desk::new(KeptInLsm::open(theirs.path()).unwrap());
        for act in acts {
            memory.act(&act);
            store.act(&act);
            lsm.act(&act);
            if matches!(act, Act::Reopen) {
                let Desk { join, keep, waits, sent, now, told } = store;
                drop(keep);
                let opened = open();
                let (position, head) = opened.state.unwrap();
                prop_assert_eq!(position, join.position());
                let kept: Join = minicbor::decode(&head).unwrap();
                prop_assert_eq!(&kept, &join);
                store = Desk { join: kept, keep: opened.store, waits, sent, now, told };
            }
            prop_assert_eq!(&store.told, &memory.told);
            prop_assert_eq!(&lsm.told, &memory.told);
        }
        // How often something was met whose wait was over depends on when it is dropped.
        let counts = |join: &Join| Counts { expired: 0, ..join.counts() };
        prop_assert_eq!(counts(&store.join), counts(&memory.join));
        prop_assert_eq!(&lsm.join, &memory.join);
    }
}
