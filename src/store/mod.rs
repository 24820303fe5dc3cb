//! What the join keeps between batches, in local files: predictions that wait for their targets, and targets that wait
//! for their predictions.
//!
//! They are written once, read once or a few times, and die by age; and they are a copy of the join log. So this is no
//! database: rows are appended to segments and never rewritten; those that are over at about the same time
//! lie on one shelf, and their files are removed together. Where a row lies is known in memory while its segment is
//! written to, eight bytes at three quarters full, and from a sorted index behind its rows later, with
//! a filter of under two bytes a row in memory. The journal says what counts.
//!
//! Of the rows under a key the last counts. It lies on the same shelf as those before, in a later place, or on a later
//! shelf: so it is met first where later shelves are looked at first, and is never dropped before them.
//!
//! Nothing waits for the disk but a new journal. After a power cut the last batches may be missing or torn: they are
//! found by their checks and left out, and the join does them again. What is damaged otherwise, of another version or
//! of another partition, is told, removed, and rebuilt from the log.
//!
//! It knows nothing of Kafka, and of the join only what it keeps.

mod error;
mod file;
mod filter;
mod hot;
mod journal;
mod open;
mod sealed;
mod segment;
mod shelf;

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::{cmp, mem};

use minicbor::{Decode, Encode};

use self::file::failed;
use self::filter::Probe;
use self::journal::{Entry, Journal};
use self::segment::{Frame, Index, Note, Place, Segment};
use self::shelf::Shelf;
use crate::join::{Keep, KeptBatch, Known};

pub use self::error::StoreError;

/// Whose files they are: all of it must be the same for them to be used.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Identity {
    /// The cluster's own id.
    #[n(0)]
    pub cluster: String,
    /// The installation's namespace.
    #[n(1)]
    pub namespace: String,
    /// The id of the join log: a topic made again under the same name is another.
    #[cbor(n(2), with = "crate::stats::codec::uint128")]
    pub topic: u128,
    /// Its partition.
    #[n(3)]
    pub partition: i32,
}

impl Display for Identity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { cluster, namespace, topic, partition } = self;
        write!(
            f,
            "partition {partition} of topic {topic:032x} of `{namespace}` on cluster `{cluster}`"
        )
    }
}

/// How much is kept where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// At most so many rows are known by memory, at most 16 bytes each, before the largest segment is sealed.
    pub hot_rows: usize,
    /// So many may always be; beyond them an eighth of those that are sealed, and towards a quarter where these are many.
    /// So memory hardly grows with what waits, and segments become larger as they become many: each is asked for every
    /// key.
    pub few_rows: usize,
    /// A segment is sealed when it has so many bytes; at most 2^31.
    pub segment_bytes: u64,
    /// The journal is made anew when it has so many bytes.
    pub journal_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hot_rows: 4 << 20,
            few_rows: 1 << 16,
            segment_bytes: 1 << 30,
            journal_bytes: 64 << 20,
        }
    }
}

/// What it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Rows in segments that are written to.
    pub hot_rows: u64,
    /// Rows in those that are not any more.
    pub sealed_rows: u64,
    /// Bytes of memory for where hot rows lie.
    pub hot_bytes: u64,
    /// Bytes of memory for where sealed rows lie.
    pub sealed_bytes: u64,
    /// Bytes of all files.
    pub disk_bytes: u64,
    /// Segments.
    pub segments: u64,
}

/// The files of one partition of the join log.
#[derive(Debug)]
pub struct Pending {
    folder: PathBuf,
    identity: Identity,
    options: Options,
    /// Holds the lock.
    _lock: File,
    /// All checks are seeded with it.
    seed: u64,
    journal: Journal,
    /// Whether a new journal is to be made before anything else is written.
    is_journal_due: bool,
    /// Ordered so that what is met first counts: later shelves first, then later segments.
    segments: Vec<Segment>,
    /// The position and the join's own state; `None` before the first batch.
    state: Option<(i64, Vec<u8>)>,
    /// Where the keys that were asked for since the last batch lie.
    asked: Vec<(u128, Option<Place>)>,
}

/// What opening came to.
#[derive(Debug)]
pub struct Opened {
    /// Ready to be used.
    pub store: Pending,
    /// The position of the log and the join's own state; `None` where all is to be rebuilt from the log's beginning.
    pub state: Option<(i64, Vec<u8>)>,
    /// Why what was there could not be used; it is removed. `None` where nothing was there, or all is well.
    pub unusable: Option<StoreError>,
}

impl Pending {
    /// What it takes.
    pub fn usage(&self) -> Usage {
        let mut usage = Usage {
            disk_bytes: self.journal.length(),
            segments: self.segments.len() as u64,
            ..Usage::default()
        };
        for segment in &self.segments {
            usage.disk_bytes += segment.size();
            match &segment.index {
                Index::Hot(hot) => {
                    usage.hot_rows += hot.len() as u64;
                    usage.hot_bytes += hot.bytes() as u64;
                }
                Index::Sealed(sealed) => {
                    usage.sealed_rows += sealed.len() as u64;
                    usage.sealed_bytes += sealed.bytes() as u64;
                }
            }
        }
        usage
    }

    /// What stands under each of these keys, and where; also where it says that nothing stands there any more.
    ///
    /// Segment by segment: what one knows of all keys stays near, while each key would fetch something of every segment.
    fn look(&self, keys: &[u128]) -> Result<Vec<Option<(Place, Known)>>, StoreError> {
        let mut found: Vec<Option<(Place, Known)>> = vec![None; keys.len()];
        let numbered = keys.iter().enumerate();
        let mut open: Vec<(usize, Probe)> =
            numbered.map(|(index, &key)| (index, segment::probe(key))).collect();
        let mut places = Vec::new();
        for segment in &self.segments {
            let Note { number, shelf, .. } = segment.note;
            segment.may_hold_of(open.iter().map(|(_, probe)| *probe), &mut places);
            let mut is_any_found = false;
            for &place in &places {
                let (index, probe) = open[place];
                if let Some((at, known)) = segment.find(keys[index], probe)? {
                    found[index] = Some((Place { segment: number, at, shelf }, known));
                    is_any_found = true;
                }
            }
            if is_any_found {
                open.retain(|(index, _)| found[*index].is_none());
            }
        }
        Ok(found)
    }

    /// Where what was kept under these keys lies, in their order; what was not asked for is looked for.
    fn places(
        &mut self,
        keys: impl Iterator<Item = u128>,
    ) -> Result<Vec<Option<Place>>, StoreError> {
        let mut asked = mem::take(&mut self.asked);
        asked.sort_unstable_by_key(|(key, _)| *key);
        let mut known = asked.iter().peekable();
        keys.map(|key| {
            while known.next_if(|(other, _)| *other < key).is_some() {}
            match known.peek() {
                Some((other, place)) if *other == key => Ok(*place),
                _ => Ok(self.look(&[key])?.pop().flatten().map(|(place, _)| place)),
            }
        })
        .collect()
    }

    /// What has to be done before anything else is written.
    fn tidy(&mut self) -> Result<(), StoreError> {
        while let Some(at) = self.full() {
            self.segments[at].seal()?;
            self.is_journal_due = true;
        }
        if self.is_journal_due || self.journal.length() > self.options.journal_bytes {
            self.renew_journal(|_| true)?;
        }
        Ok(())
    }

    /// The segment that is to be sealed next.
    fn full(&self) -> Option<usize> {
        let hot =
            self.segments.iter().enumerate().filter_map(|(at, segment)| match &segment.index {
                Index::Hot(hot) if hot.len() > 0 => Some((at, hot.len(), segment.note.length)),
                _ => None,
            });
        let rows: usize = hot.clone().map(|(_, rows, _)| rows).sum();
        let sealed = self.segments.iter().filter_map(|segment| match &segment.index {
            Index::Sealed(sealed) => Some(sealed.len()),
            Index::Hot(_) => None,
        });
        let Options { hot_rows, few_rows, .. } = self.options;
        let sealed: usize = sealed.sum();
        let share = sealed / 4 - (sealed / 8).min(few_rows.saturating_mul(2));
        let most = hot_rows.min(few_rows.max(share));
        let too_long = hot.clone().find(|(.., length)| *length >= self.options.segment_bytes);
        let largest = || hot.max_by_key(|(_, rows, _)| *rows);
        too_long.or_else(|| if rows > most { largest() } else { None }).map(|of| of.0)
    }

    /// A new journal that names the segments that `stays` says, once all that it names is on the disk.
    fn renew_journal(&mut self, stays: impl Fn(&Segment) -> bool) -> Result<(), StoreError> {
        for segment in &mut self.segments {
            segment.sync()?;
        }
        // Where nothing was kept yet there is nothing to name.
        let entry = self.state.as_ref().map(|(position, head)| Entry {
            position: *position,
            head: head.clone(),
            segments: self.segments.iter().filter(|of| stays(of)).map(|of| of.note).collect(),
        });
        let old = self.journal.number();
        let (folder, identity) = (&self.folder, &self.identity);
        self.journal = Journal::create(folder, old + 1, identity, self.seed, entry.as_ref())?;
        self.is_journal_due = false;
        remove(&folder.join(journal::name(old)))
    }

    /// Which frame each row goes into.
    fn frames(&mut self, batch: &KeptBatch<'_>) -> Result<BTreeMap<Shelf, Frame>, StoreError> {
        let places = self.places(batch.writes.writes().map(|(key, _)| key))?;
        let mut frames: BTreeMap<Shelf, Frame> = BTreeMap::new();
        for ((key, known), old) in batch.writes.writes().zip(places) {
            let shelf = match old {
                None if known.is_empty() => continue,
                // What is gone is to be known as long as what it was.
                Some(old) if known.is_empty() => old.shelf,
                None => Shelf::of((batch.over_at)(known), batch.time),
                // Never on an earlier shelf than before.
                Some(old) => cmp::max_by_key(
                    Shelf::of((batch.over_at)(known), batch.time),
                    old.shelf,
                    |shelf| shelf.until,
                ),
            };
            frames.entry(shelf).or_insert_with(Frame::new).push(key, known, old);
        }
        Ok(frames)
    }

    /// The segment of a shelf that is written to.
    fn open_on(&self, shelf: Shelf) -> Option<usize> {
        let is_open = |of: &Segment| of.note.shelf == shelf && matches!(of.index, Index::Hot(_));
        self.segments.iter().position(is_open)
    }
}

impl Keep for Pending {
    type Error = StoreError;

    fn get(&mut self, keys: &[u128]) -> Result<Vec<Known>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        self.asked.reserve(keys.len());
        for (&key, at) in keys.iter().zip(self.look(keys)?) {
            let (place, known) = at.unzip();
            self.asked.push((key, place));
            found.push(known.unwrap_or_default());
        }
        Ok(found)
    }

    fn put(&mut self, batch: &KeptBatch<'_>) -> Result<(), StoreError> {
        self.tidy()?;
        let frames = self.frames(batch)?;
        let next = self.segments.iter().map(|of| of.note.number + 1).max().unwrap_or(0);
        let (mut written, mut made) = (Vec::new(), Vec::new());
        for (shelf, mut frame) in frames {
            let open = self.open_on(shelf);
            let at = if let Some(at) = open {
                at
            } else {
                let number = next + made.len() as u64;
                made.push(Segment::create(&self.folder, number, shelf, self.seed)?);
                self.segments.len() + made.len() - 1
            };
            let segment = self.segments.get(at).unwrap_or_else(|| &made[at - self.segments.len()]);
            frame.check_rows(segment.note.number, self.seed);
            let note = segment.write(&mut frame)?;
            written.push((at, frame, note));
        }
        let entry = Entry {
            position: batch.position,
            head: batch.head.to_vec(),
            segments: written.iter().map(|(.., note)| *note).collect(),
        };
        self.journal.append(&entry)?;
        // All is written: now it counts.
        self.state = Some((batch.position, entry.head));
        self.segments.append(&mut made);
        for (at, frame, note) in written {
            self.segments[at].take(&frame, note);
        }
        sort(&mut self.segments);
        Ok(())
    }

    fn forget(&mut self, before: i64) -> Result<(), StoreError> {
        let is_over = |segment: &Segment| segment.note.shelf.until <= before;
        if !self.segments.iter().any(is_over) {
            return Ok(());
        }
        self.asked.clear();
        self.renew_journal(|segment| !is_over(segment))?;
        let (over, stay): (Vec<Segment>, _) =
            mem::take(&mut self.segments).into_iter().partition(is_over);
        self.segments = stay;
        over.iter().try_for_each(|segment| remove(segment.path()))
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.start_over()
    }

    fn rows(&self) -> u64 {
        let usage = self.usage();
        usage.hot_rows + usage.sealed_rows
    }
}

/// Later shelves first, then later segments.
fn sort(segments: &mut [Segment]) {
    segments.sort_unstable_by_key(|of| cmp::Reverse((of.note.shelf, of.note.number)));
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed(path, "remove it")(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
