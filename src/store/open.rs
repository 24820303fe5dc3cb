//! Opening what is there: what counts of it, and what does not.

use std::collections::{BTreeMap, btree_map};
use std::fs::{self, DirEntry, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;

use super::file::failed;
use super::journal::{self, Entry, Found, Journal, UNFINISHED, Written};
use super::segment::{self, Frames, Note, Segment};
use super::{Identity, Opened, Options, Pending, StoreError, remove, sort};

const LOCK: &str = "lock";

impl Pending {
    /// Opens the files in a folder, which is made where it is not there. What cannot be used is removed, and told.
    ///
    /// # Errors
    /// Where the file system refuses, or another process has them open.
    pub fn open(
        folder: &Path,
        identity: &Identity,
        options: Options,
    ) -> Result<Opened, StoreError> {
        fs::create_dir_all(folder).map_err(failed(folder, "make the folder"))?;
        let path = folder.join(LOCK);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let lock = lock.map_err(failed(&path, "open it"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::InUse { path: folder.to_owned() },
            TryLockError::Error(error) => failed(&path, "lock it")(error),
        })?;
        let (unusable, restored) = match restore(folder, identity) {
            Ok(restored) => (None, restored),
            Err(error) if error.needs_rebuild() => (Some(error), None),
            Err(error) => return Err(error),
        };
        let restored = match restored {
            Some(restored) => restored,
            None => begin(folder, identity)?,
        };
        let Restored { seed, journal, segments, state } = restored;
        let live: Vec<String> = segments.iter().map(|of| segment::name(of.note.number)).collect();
        clear(folder, |name| {
            *name == journal::name(journal.number()) || live.iter().any(|live| live == name)
        })?;
        let store = Self {
            folder: folder.to_owned(),
            identity: identity.clone(),
            options,
            _lock: lock,
            seed,
            journal,
            is_journal_due: false,
            segments,
            state: state.clone(),
            asked: Vec::new(),
        };
        Ok(Opened { store, state, unusable })
    }

    /// Drops all that is kept: for a store that was found damaged while it was in use.
    ///
    /// # Errors
    /// Where the file system refuses.
    pub fn start_over(&mut self) -> Result<(), StoreError> {
        let Restored { seed, journal, .. } = begin(&self.folder, &self.identity)?;
        self.segments.clear();
        self.asked.clear();
        (self.seed, self.journal, self.state) = (seed, journal, None);
        self.is_journal_due = false;
        let current = journal::name(self.journal.number());
        clear(&self.folder, |name| *name == current)
    }
}

struct Restored {
    seed: u64,
    journal: Journal,
    segments: Vec<Segment>,
    state: Option<(i64, Vec<u8>)>,
}

/// An empty store, in the place of what is there.
fn begin(folder: &Path, identity: &Identity) -> Result<Restored, StoreError> {
    let number = numbers(folder)?.into_iter().max().map_or(0, |last| last + 1);
    // It tells files of this store from those of others; nothing that is computed depends on it.
    let seed = RandomState::new().hash_one(number);
    let journal = Journal::create(folder, number, identity, seed, None)?;
    Ok(Restored { seed, journal, segments: Vec::new(), state: None })
}

/// What is there, as far as it counts; `None` where nothing was kept yet.
fn restore(folder: &Path, identity: &Identity) -> Result<Option<Restored>, StoreError> {
    let Some(number) = numbers(folder)?.into_iter().max() else {
        let rows = names(folder)?.into_iter().find(|name| name.starts_with(segment::START));
        return match rows {
            None => Ok(None),
            Some(name) => {
                Err(StoreError::Damaged { path: folder.join(name), what: "its journal is gone" })
            }
        };
    };
    let Found { mut journal, seed, entries, is_headless } =
        Journal::read(folder, number, identity)?;
    let (mut notes, mut frames) = (BTreeMap::new(), BTreeMap::new());
    let mut last = None;
    for Written { entry, length, chain } in entries {
        match whole(folder, seed, &entry, &mut frames) {
            Ok(()) => {}
            // The last batches before a power cut, of which not all came to the disk: the join does them again.
            Err(error) if last.is_some() && error.needs_rebuild() => break,
            Err(error) => return Err(error),
        }
        notes.extend(entry.segments.iter().map(|note| (note.number, *note)));
        journal.stand(length, chain);
        last = Some((entry.position, entry.head));
    }
    if is_headless {
        let path = folder.join(journal::name(number));
        return Err(StoreError::Damaged { path, what: "its first entry is not as it was written" });
    }
    journal.cut()?;
    let open = |note: Note| match (note.sealed, frames.get(&note.number)) {
        (None, Some(frames)) => Segment::open_hot(folder, note, seed, frames),
        (sealed, _) => Segment::open_sealed(folder, note, sealed.unwrap_or_default(), seed),
    };
    let mut segments = notes.into_values().map(open).collect::<Result<Vec<_>, _>>()?;
    sort(&mut segments);
    Ok(Some(Restored { seed, journal, segments, state: last }))
}

/// Reads the segments of an entry that are written to, where that was not done yet, and sees whether what it names is
/// there.
fn whole(
    folder: &Path,
    seed: u64,
    entry: &Entry,
    frames: &mut BTreeMap<u64, Frames>,
) -> Result<(), StoreError> {
    for note in entry.segments.iter().filter(|note| note.sealed.is_none()) {
        let read = match frames.entry(note.number) {
            btree_map::Entry::Occupied(read) => read.into_mut(),
            btree_map::Entry::Vacant(unread) => {
                unread.insert(Frames::read(folder, note.number, seed)?)
            }
        };
        if !read.has(note) {
            let path = folder.join(segment::name(note.number));
            return Err(StoreError::Damaged {
                path,
                what: "its rows are not as they were written",
            });
        }
    }
    Ok(())
}

/// The numbers of the journals.
fn numbers(folder: &Path) -> Result<Vec<u64>, StoreError> {
    Ok(names(folder)?.iter().filter_map(|name| journal::number_in(name)).collect())
}

/// The names of the files in the folder.
fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let read = fs::read_dir(folder).and_then(|entries| {
        let name = |entry: io::Result<DirEntry>| Ok(entry?.file_name().into_string().ok());
        entries.filter_map(|entry| name(entry).transpose()).collect()
    });
    read.map_err(failed(folder, "read the folder"))
}

/// Removes the files of ours that are not live.
fn clear(folder: &Path, is_live: impl Fn(&String) -> bool) -> Result<(), StoreError> {
    let is_ours = |name: &String| {
        name.starts_with(journal::START) || name.starts_with(segment::START) || name == UNFINISHED
    };
    let dead = names(folder)?.into_iter().filter(|name| is_ours(name) && !is_live(name));
    dead.map(|name| folder.join(name)).try_for_each(|path| remove(&path))
}
