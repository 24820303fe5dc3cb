use std::env;
use std::ops::Range;
use std::process::Command;
use std::thread;
use std::time::Duration;

use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

use super::*;
use crate::join::{KeptInMemory, Working};

/// A minute and a bit: so long is the shortest shelf.
const STEP: i64 = 100_000;

fn identity(partition: i32) -> Identity {
    let (cluster, namespace) = ("cluster".to_owned(), "vigie".to_owned());
    Identity { cluster, namespace, topic: 7, partition }
}

/// In memory where there is such a place: nothing here is about disks.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn options(hot_rows: usize) -> Options {
    Options { hot_rows, segment_bytes: 3000, journal_bytes: 2000, ..Options::default() }
}

/// A program that another test is starting has our lock, too, until it has taken our place in its process.
fn open(folder: &Path, options: Options) -> Opened {
    let mut tries = 0;
    loop {
        match Pending::open(folder, &identity(0), options) {
            Err(StoreError::InUse { .. }) if tries < 1000 => tries += 1,
            opened => return opened.unwrap(),
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Few of them share a fingerprint, some do.
fn key(id: u8) -> u128 {
    if id.is_multiple_of(5) { u128::from(id) } else { u128::from(id) << 96 | 0x4d }
}

fn put(keep: &mut impl Keep<Error: fmt::Debug>, writes: &BTreeMap<u128, Known>, at: (i64, i64)) {
    let (position, time) = at;
    let head = position.to_le_bytes();
    let writes = &Working::from(writes.clone());
    let batch = KeptBatch { writes, over_at: &Known::arrived, head: &head, position, time };
    keep.put(&batch).unwrap();
}

/// What is kept under these keys, where anything is.
fn some(keep: &mut impl Keep<Error: fmt::Debug>, keys: &[u128]) -> Vec<Known> {
    let found = keep.get(keys).unwrap();
    found.into_iter().filter(|known| !known.is_empty()).collect()
}

#[derive(Clone, Debug)]
enum Act {
    /// Id, predictions and how many steps from now it is over; and whether it is asked for first.
    Put(Vec<(u8, u32, i64)>, bool),
    Get(Vec<u8>),
    /// How many steps before or after now.
    Forget(i64),
    Reopen,
    StartOver,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let write = (0..40u8, 0..4u32, prop_oneof![0..40i64, Just(1000)]);
    let act = prop_oneof![
        12 => (prop::collection::vec(write, 0..12), any::<bool>())
            .prop_map(|(writes, asks)| Act::Put(writes, asks)),
        6 => prop::collection::vec(0..45u8, 0..10).prop_map(Act::Get),
        2 => (-5..30i64).prop_map(Act::Forget),
        2 => Just(Act::Reopen),
        1 => prop_oneof![9 => Just(Act::Reopen), 1 => Just(Act::StartOver)],
    ];
    prop::collection::vec(act, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn it_says_what_a_map_says(acts in acts(), hot_rows in prop_oneof![1..20usize, Just(1000)]) {
        let folder = folder();
        let mut store = open(folder.path(), options(hot_rows)).store;
        let mut map = KeptInMemory::default();
        let (mut now, mut forgotten) = (0, i64::MIN);
        for act in acts {
            now += STEP;
            let asked: Vec<u128> = match act {
                Act::Put(writes, asks) => {
                    let writes: BTreeMap<u128, Known> = writes
                        .into_iter()
                        .map(|(id, count, left)| {
                            (key(id), Known::made_up(count, now + left * STEP, "label"))
                        })
                        .collect();
                    let keys: Vec<u128> = writes.keys().copied().collect();
                    if asks {
                        store.get(&keys).unwrap();
                    }
                    let position = map.state().map_or(0, |(position, _)| position) + 1;
                    put(&mut store, &writes, (position, now));
                    put(&mut map, &writes, (position, now));
                    keys
                }
                Act::Get(ids) => ids.into_iter().map(key).collect(),
                Act::Forget(steps) => {
                    forgotten = forgotten.max(now + steps * STEP);
                    store.forget(now + steps * STEP).unwrap();
                    (0..40).map(key).collect()
                }
                Act::Reopen => {
                    drop(store);
                    let opened = open(folder.path(), options(hot_rows));
                    prop_assert!(opened.unusable.is_none(), "{:?}", opened.unusable);
                    let state = opened.state.as_ref();
                    let state = state.map(|(position, head)| (*position, head.as_slice()));
                    prop_assert_eq!(state, map.state());
                    store = opened.store;
                    (0..45).map(key).collect()
                }
                Act::StartOver => {
                    store.start_over().unwrap();
                    map = KeptInMemory::default();
                    (0..45).map(key).collect()
                }
            };
            let (found, kept) = (store.get(&asked).unwrap(), map.get(&asked).unwrap());
            for (key, (found, kept)) in asked.into_iter().zip(found.into_iter().zip(kept)) {
                if found.is_empty() && !kept.is_empty() {
                    prop_assert!(kept.arrived() <= forgotten, "{}", key);
                } else {
                    prop_assert_eq!(found, kept);
                }
            }
        }
    }
}

/// What was kept at each position.
type History = BTreeMap<i64, KeptInMemory>;

/// A store with sealed and hot segments on several shelves, small enough to be damaged byte by byte.
fn filled(folder: &Path) -> History {
    let mut store = open(folder, options(6)).store;
    let mut map = KeptInMemory::default();
    let mut history = History::from([(0, map.clone())]);
    let batches: [(Range<u8>, u32, i64); 5] =
        [(0..7, 1, 10), (3..5, 2, 30), (10..13, 1, 10), (5..6, 0, 0), (11..12, 3, 30)];
    for (position, (ids, count, left)) in (1..).zip(batches) {
        let known = |id| (key(id), Known::made_up(count, (position + left) * STEP, "x"));
        let writes = ids.map(known).collect();
        put(&mut store, &writes, (position, position * STEP));
        put(&mut map, &writes, (position, position * STEP));
        history.insert(position, map.clone());
    }
    let usage = store.usage();
    assert!(usage.sealed_rows > 0 && usage.hot_rows > 0, "{usage:?}");
    history
}

/// Opens what was damaged: it answers as at some time before, or says that it cannot. How many of its answers were
/// right.
fn judge(folder: &Path, history: &History, what: &str) -> usize {
    let opened = open(folder, options(6));
    let mut store = opened.store;
    let Some((position, head)) = opened.state else {
        assert!(opened.unusable.is_some(), "{what}: it is silent");
        assert!(some(&mut store, &(0..20).map(key).collect::<Vec<_>>()).is_empty());
        return 0;
    };
    assert!(opened.unusable.is_none(), "{what}");
    assert_eq!(head, position.to_le_bytes(), "{what}");
    let mut kept = history[&position].clone();
    let mut right = 0;
    for key in (0..20).map(key) {
        match store.get(&[key]) {
            Ok(found) => {
                assert_eq!(found, kept.get(&[key]).unwrap(), "{what}: {key:x} at {position}");
                right += usize::from(!found[0].is_empty());
            }
            Err(error) => assert!(error.needs_rebuild(), "{what}: {error}"),
        }
    }
    right
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The files of a store, but for the lock.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = paths.filter(|path| !path.ends_with("lock")).collect();
    files.sort();
    files
}

/// Does something to each file in turn, in a copy each, and judges what is left.
fn damage(each: impl Fn(&Path, &[u8], &mut dyn FnMut(Vec<u8>, &str))) -> usize {
    let whole = folder();
    let history = filled(whole.path());
    assert_eq!(judge(whole.path(), &history, "undamaged"), 9);
    let (mut cases, mut right) = (0, 0);
    for path in files(whole.path()) {
        let bytes = fs::read(&path).unwrap();
        each(&path, &bytes, &mut |changed, what| {
            let other = folder();
            copy(whole.path(), other.path());
            fs::write(other.path().join(path.file_name().unwrap()), changed).unwrap();
            right += judge(other.path(), &history, &format!("{}: {what}", path.display()));
            cases += 1;
        });
    }
    assert!(right > 0, "something is left in some of {cases} cases");
    cases
}

#[test]
fn files_cut_off_at_any_length_give_an_earlier_state_or_none() {
    let cases = damage(|_, bytes, judge| {
        for length in 0..bytes.len() {
            judge(bytes[..length].to_vec(), &format!("cut at {length}"));
        }
    });
    assert!(cases > 2000, "{cases}");
}

#[test]
fn no_byte_can_be_changed_unseen() {
    let cases = damage(|_, bytes, judge| {
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1 << (at % 8);
            judge(changed, &format!("byte {at} of {} changed", bytes.len()));
        }
    });
    assert!(cases > 2000, "{cases}");
}

#[test]
fn bytes_behind_the_end_are_no_rows() {
    damage(|path, bytes, judge| {
        let zeros = |count| [bytes, &vec![0; count]].concat();
        // What follows the index of a sealed segment is part of its check.
        judge(zeros(1), "a zero");
        judge(zeros(4096), "a page of zeros");
        judge([bytes, bytes].concat(), "all of it twice");
        assert!(path.exists());
    });
}

#[test]
fn a_file_that_is_gone_or_of_another_store_is_told() {
    let (ours, theirs) = (folder(), folder());
    let history = filled(ours.path());
    filled(theirs.path());
    for path in files(ours.path()) {
        let name = path.file_name().unwrap();
        let other = folder();
        copy(ours.path(), other.path());
        fs::remove_file(other.path().join(name)).unwrap();
        judge(other.path(), &history, "gone");
        let other = folder();
        copy(ours.path(), other.path());
        fs::copy(theirs.path().join(name), other.path().join(name)).unwrap();
        judge(other.path(), &history, "of another store");
    }
    let other = folder();
    copy(ours.path(), other.path());
    let opened = Pending::open(other.path(), &identity(1), options(6)).unwrap();
    assert!(opened.state.is_none());
    let why = opened.unusable.unwrap().to_string();
    assert!(
        why.contains("is of partition 0 of topic 00000000000000000000000000000007 of `vigie` on cluster `cluster`, not of partition 1"),
        "{why}"
    );
    // It is removed: the next one finds nothing to complain of.
    drop(opened.store);
    let opened = Pending::open(other.path(), &identity(1), options(6)).unwrap();
    assert!(opened.state.is_none() && opened.unusable.is_none());
    assert_eq!(files(other.path()).len(), 1);
}

#[test]
fn another_version_is_told() {
    let whole = folder();
    filled(whole.path());
    let journal = files(whole.path()).remove(0);
    let mut bytes = fs::read(&journal).unwrap();
    bytes[8] = 9;
    fs::write(&journal, bytes).unwrap();
    let why = open(whole.path(), options(6)).unusable.unwrap().to_string();
    assert!(why.contains("has format 9, this version of vigie reads 3"), "{why}");
}

#[test]
fn two_cannot_have_it_open() {
    let folder = folder();
    let first = open(folder.path(), options(6));
    let second = Pending::open(folder.path(), &identity(0), options(6)).unwrap_err();
    assert!(matches!(second, StoreError::InUse { .. }) && !second.needs_rebuild());
    drop(first);
    open(folder.path(), options(6));
}

#[test]
fn memory_hardly_grows_with_what_waits() {
    let folder = folder();
    let options = Options { few_rows: 40, ..Options::default() };
    let mut store = open(folder.path(), options).store;
    for position in 1..=2000_i64 {
        let id = |at: i64| u128::from(xxh3_64(&(position * 8 + at).to_le_bytes())) << 64;
        let writes = (0..8).map(|at| (id(at), Known::made_up(1, 1 << 40, "x")));
        put(&mut store, &writes.collect(), (position, position));
        let Usage { hot_rows, sealed_rows, segments, .. } = store.usage();
        assert!(hot_rows <= 48.max(sealed_rows / 4 + 8), "{hot_rows} of {sealed_rows}");
        // Each segment is a share of those before, so they are as many as the logarithm.
        assert!(segments <= 35, "{segments}");
    }
    assert_eq!(store.rows(), 16_000);
}

#[test]
fn what_is_over_leaves_the_disk() {
    let folder = folder();
    let mut store = open(folder.path(), options(1000)).store;
    for step in 1..=20 {
        let writes = (0..20).map(|id| (key(id), Known::made_up(1, (step + 5) * STEP, "x")));
        put(&mut store, &writes.collect(), (step, step * STEP));
    }
    assert_eq!(some(&mut store, &[key(1)]).len(), 1);
    let before = store.usage();
    store.forget(24 * STEP).unwrap();
    let after = store.usage();
    assert!(after.segments * 3 < before.segments && after.disk_bytes * 3 < before.disk_bytes);
    assert_eq!(some(&mut store, &[key(1)]).len(), 1, "the last is not over");
    store.forget(30 * STEP).unwrap();
    assert_eq!(store.usage().segments, 0);
    assert!(some(&mut store, &[key(1)]).is_empty());
    assert_eq!(files(folder.path()).len(), 1);
    drop(store);
    let opened = open(folder.path(), options(1000));
    assert_eq!(opened.state.unwrap().0, 20);
}

/// A file system of its own of so many kilobytes; `None` where that is not allowed here.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(kilobytes: u32) -> Option<Self> {
        let at = tempfile::tempdir().unwrap();
        let size = format!("size={kilobytes}k");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at.path());
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(Self(at));
        }
        assert!(env::var_os("CI").is_none(), "a small file system cannot be mounted: {mount:?}");
        None
    }

    fn remount(&self, how: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{how}")]).arg(self.0.path());
        assert!(mount.status().unwrap().success(), "{mount:?}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0.path()).status().ok();
    }
}

#[test]
fn a_full_disk_pauses_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(200) else { return };
    let (folder, options) = (disk.0.path(), Options { hot_rows: 1500, ..Options::default() });
    let mut store = open(folder, options).store;
    let mut map = KeptInMemory::default();
    let writes = |position: i64| -> BTreeMap<u128, Known> {
        let golden = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835_u128;
        let id = |at: i64| ((position * 100 + at) as u128).wrapping_mul(golden);
        (0..100).map(|at| (id(at), Known::made_up(1, 1 << 40, "x"))).collect()
    };
    // Twice: after room was made it goes on, to the next end.
    for kilobytes in [400, 800] {
        let refused = loop {
            let position = map.state().map_or(0, |(position, _)| position) + 1;
            let (over_at, writes) = (&Known::arrived, &Working::from(writes(position)));
            let batch = KeptBatch { writes, over_at, head: &[], position, time: 0 };
            match store.put(&batch) {
                Ok(()) => map.put(&batch).unwrap(),
                Err(error) => break error,
            }
            assert!(position < 1000, "it is full some time");
        };
        let position = map.state().map_or(0, |(position, _)| position);
        assert!(!refused.needs_rebuild(), "{refused}");
        assert!(refused.to_string().contains("No space left"), "{refused}");
        // It still answers, refuses again, and opens clean.
        let all: Vec<u128> = (1..=position + 1).flat_map(|at| writes(at).into_keys()).collect();
        assert_eq!(store.get(&all).unwrap(), map.get(&all).unwrap());
        drop(store);
        let opened = Pending::open(folder, &identity(0), options).unwrap();
        assert!(opened.unusable.is_none());
        assert_eq!(opened.state.as_ref().map(|(position, _)| *position), Some(position));
        store = opened.store;
        assert_eq!(store.get(&all).unwrap(), map.get(&all).unwrap());
        disk.remount(&format!("size={kilobytes}k"));
    }
    let position = map.state().map_or(0, |(position, _)| position);
    put(&mut store, &writes(position + 1), (position + 1, 0));
}

#[test]
fn a_read_only_folder_is_told_and_nothing_in_it_is_lost() {
    let Some(disk) = SmallDisk::mount(4000) else { return };
    let folder = disk.0.path();
    let history = filled(folder);
    disk.remount("ro");
    let refused = Pending::open(folder, &identity(0), options(6)).unwrap_err();
    assert!(!refused.needs_rebuild(), "{refused}");
    assert!(refused.to_string().contains("Read-only file system"), "{refused}");
    disk.remount("rw");
    assert_eq!(judge(folder, &history, "writable again"), 9);
}
