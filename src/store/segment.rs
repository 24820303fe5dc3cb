//! A file of rows: frames that are appended and never rewritten.
//!
//! ```text
//! header  magic (8), format (4), number (8), check (8)
//! frame   length of its rows (4), how many (4), check (8), rows
//! row     check (4), length of the value (1 to 5), key (16), value
//! ```
//!
//! The check of a frame covers the check of the one before, so no frame is believed without all before it; that of a
//! row lets it be read alone. All checks are seeded with a number that the whole store drew when it was made, so files
//! of another store do not pass.

use std::io;
use std::path::Path;

use minicbor::{Decode, Encode};
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use super::StoreError;
use super::file::{Disk, failed};
use super::filter::Probe;
use super::hot::Hot;
use super::sealed::Sealed;
use super::shelf::Shelf;
use crate::join::Known;

const MAGIC: &[u8; 8] = b"vigierow";
/// The version of this form.
pub(super) const FORMAT: u32 = 1;
/// How its name begins.
pub(super) const START: &str = "rows-";
const HEADER: usize = 28;
const FRAME: usize = 16;
/// A row is read in one go up to this length; few are longer.
const GUESS: usize = 128;

/// A file of rows.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) note: Note,
    disk: Disk,
    seed: u64,
    pub(super) index: Index,
    /// Whether something was written that may not be on the disk yet.
    pub(super) is_dirty: bool,
}

/// What the journal says of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Note {
    #[n(0)]
    pub(super) number: u64,
    #[n(1)]
    pub(super) shelf: Shelf,
    /// Where its last frame ends.
    #[n(2)]
    pub(super) length: u64,
    /// The check of its last frame.
    #[n(3)]
    pub(super) chain: u64,
    /// How many rows its index has, and the check of that; `None` while it is written to.
    #[n(4)]
    pub(super) sealed: Option<(u64, u64)>,
}

/// Where its rows lie.
#[derive(Debug)]
pub(super) enum Index {
    Hot(Hot),
    Sealed(Sealed),
}

impl Segment {
    /// An empty one.
    pub(super) fn create(
        folder: &Path,
        number: u64,
        shelf: Shelf,
        seed: u64,
    ) -> Result<Self, StoreError> {
        let disk = Disk::create(folder.join(name(number)))?;
        let header = header(number, seed);
        disk.write(&header, 0)?;
        let note =
            Note { number, shelf, length: HEADER as u64, chain: chain(&header), sealed: None };
        Ok(Self { note, disk, seed, index: Index::Hot(Hot::new()), is_dirty: true })
    }

    /// One that is there and sealed.
    pub(super) fn open_sealed(
        folder: &Path,
        note: Note,
        (rows, check): (u64, u64),
        seed: u64,
    ) -> Result<Self, StoreError> {
        let disk = open(folder, note.number, seed)?;
        let rows = usize::try_from(rows).map_err(|_| disk.damaged("it has too many rows"))?;
        let sealed = Sealed::read(&disk, note.length, rows, seed ^ note.number, check)?;
        Ok(Self { note, disk, seed, index: Index::Sealed(sealed), is_dirty: false })
    }

    /// One that is there and is written to, with what was read of it; what lies behind its last frame is cut off.
    pub(super) fn open_hot(
        folder: &Path,
        note: Note,
        seed: u64,
        frames: &Frames,
    ) -> Result<Self, StoreError> {
        let disk = open(folder, note.number, seed)?;
        disk.cut(note.length)?;
        let mut hot = Hot::new();
        for &(fingerprint, at) in &frames.rows {
            if u64::from(at) < note.length {
                hot.insert(fingerprint, at);
            }
        }
        Ok(Self { note, disk, seed, index: Index::Hot(hot), is_dirty: true })
    }

    /// Appends a frame; it counts from [`Segment::take`] on.
    pub(super) fn write(&self, frame: &mut Frame) -> Result<Note, StoreError> {
        // Places are numbers of 32 bits; a segment is sealed long before.
        if self.note.length + frame.bytes.len() as u64 > u64::from(u32::MAX) {
            let source = io::ErrorKind::FileTooLarge.into();
            return Err(failed(self.disk.path(), "take so much at once")(source));
        }
        let bytes = frame.finish(self.note.chain);
        self.disk.write(bytes, self.note.length)?;
        let length = self.note.length + bytes.len() as u64;
        Ok(Note { length, chain: frame.check, ..self.note })
    }

    /// Takes up a frame that was written.
    pub(super) fn take(&mut self, frame: &Frame, note: Note) {
        let begin = self.note.length as u32;
        self.note = note;
        self.is_dirty = true;
        let Index::Hot(hot) = &mut self.index else { return };
        for row in &frame.rows {
            let at = begin + row.at;
            let old = row.old.filter(|old| old.segment == note.number);
            if !old.is_some_and(|old| hot.replace(row.fingerprint, old.at, at)) {
                hot.insert(row.fingerprint, at);
            }
        }
    }

    /// Writes its index behind its rows; it is not written to any more.
    pub(super) fn seal(&mut self) -> Result<(), StoreError> {
        let Index::Hot(hot) = &self.index else { return Ok(()) };
        let (begin, seed) = (self.note.length, self.seed ^ self.note.number);
        let sealed = Sealed::write(&self.disk, begin, hot, seed)?;
        self.note.sealed = Some((sealed.len() as u64, sealed.check()));
        self.index = Index::Sealed(sealed);
        self.is_dirty = false;
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        if self.is_dirty {
            self.disk.sync()?;
            self.is_dirty = false;
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        self.disk.path()
    }

    /// Bytes on the disk.
    pub(super) fn size(&self) -> u64 {
        self.disk.length().unwrap_or(self.note.length)
    }

    /// Which of these may stand there, by their places.
    pub(super) fn may_hold_of(&self, probes: impl Iterator<Item = Probe>, places: &mut Vec<usize>) {
        match &self.index {
            Index::Hot(_) => {
                places.clear();
                places.extend(0..probes.count());
            }
            Index::Sealed(sealed) => sealed.may_hold_of(probes, places),
        }
    }

    /// The last row under a key, whose [`probe`] this is: its place, and what it says.
    pub(super) fn find(&self, key: u128, probe: Probe) -> Result<Option<(u32, Known)>, StoreError> {
        let mut before = u32::MAX;
        loop {
            let found = match &self.index {
                Index::Hot(hot) => hot.find(probe.fingerprint, before),
                Index::Sealed(sealed) => sealed.find(&self.disk, probe, before)?,
            };
            let Some(at) = found else { return Ok(None) };
            if let Some(known) = self.read(at, key)? {
                return Ok(Some((at, known)));
            }
            before = at;
        }
    }

    /// The row at a place, if it is of this key.
    fn read(&self, at: u32, key: u128) -> Result<Option<Known>, StoreError> {
        let cut = || self.disk.damaged("a row is not as it was written");
        let at = u64::from(at);
        let mut start = [0; GUESS];
        let got = self.disk.read_some(&mut start, at)?;
        let (length, begin) = start.get(4..).and_then(length_of).ok_or_else(cut)?;
        let end = 4 + begin + 16 + length;
        if at + end as u64 > self.note.length {
            return Err(cut());
        }
        let mut whole = Vec::new();
        let row = if end <= got {
            &start[..end]
        } else {
            whole.resize(end, 0);
            self.disk.read(&mut whole, at)?;
            &whole
        };
        let (check, row) = row.split_at(4);
        if row_check(row, self.seed ^ self.note.number) != check {
            return Err(cut());
        }
        let (of, value) = row[begin..].split_at(16);
        if of != key.to_le_bytes() {
            return Ok(None);
        }
        Known::from_bytes(value).map(Some).ok_or_else(cut)
    }
}

/// Where a row lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) at: u32,
    pub(super) shelf: Shelf,
}

/// Rows that are written together.
#[derive(Debug)]
pub(super) struct Frame {
    bytes: Vec<u8>,
    rows: Vec<FrameRow>,
    check: u64,
    /// A value on its way into `bytes`, behind its length.
    value: Vec<u8>,
}

#[derive(Debug)]
struct FrameRow {
    fingerprint: u32,
    /// From the beginning of the frame.
    at: u32,
    /// Where what stood under its key lies.
    old: Option<Place>,
}

impl Frame {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; FRAME], rows: Vec::new(), check: 0, value: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, key: u128, known: &Known, old: Option<Place>) {
        let at = self.bytes.len();
        self.rows.push(FrameRow { fingerprint: fingerprint(key), at: at as u32, old });
        self.value.clear();
        known.write(&mut self.value);
        self.bytes.extend([0; 4]);
        let mut left = self.value.len();
        while left >= 0x80 {
            self.bytes.push(left as u8 | 0x80);
            left >>= 7;
        }
        self.bytes.push(left as u8);
        self.bytes.extend_from_slice(&key.to_le_bytes());
        self.bytes.extend_from_slice(&self.value);
    }

    /// Writes the checks of the rows, for the segment that they go to.
    pub(super) fn check_rows(&mut self, number: u64, seed: u64) {
        let ends = self.rows.iter().skip(1).map(|row| row.at as usize).chain([self.bytes.len()]);
        for (row, end) in self.rows.iter().zip(ends) {
            let at = row.at as usize;
            let check = row_check(&self.bytes[at + 4..end], seed ^ number);
            self.bytes[at..at + 4].copy_from_slice(&check);
        }
    }

    fn finish(&mut self, chain: u64) -> &[u8] {
        let length = (self.bytes.len() - FRAME) as u32;
        self.bytes[..4].copy_from_slice(&length.to_le_bytes());
        self.bytes[4..8].copy_from_slice(&(self.rows.len() as u32).to_le_bytes());
        let mut hasher = Xxh3::with_seed(chain);
        hasher.update(&self.bytes[..8]);
        hasher.update(&self.bytes[FRAME..]);
        self.check = hasher.digest();
        self.bytes[8..FRAME].copy_from_slice(&self.check.to_le_bytes());
        &self.bytes
    }
}

/// What a file of rows holds, as far as its frames are whole.
#[derive(Debug)]
pub(super) struct Frames {
    /// Where each ends, and its check; the header's first.
    ends: Vec<(u64, u64)>,
    /// Fingerprint and place of every row.
    rows: Vec<(u32, u32)>,
}

impl Frames {
    /// Reads a file to its end, or to its first frame that is not whole.
    pub(super) fn read(folder: &Path, number: u64, seed: u64) -> Result<Self, StoreError> {
        let disk = open(folder, number, seed)?;
        let mut chain = chain(&header(number, seed));
        let mut at = HEADER as u64;
        let mut frames = Self { ends: vec![(at, chain)], rows: Vec::new() };
        let length = disk.length()?;
        let mut bytes = Vec::new();
        loop {
            let mut head = [0; FRAME];
            if at + FRAME as u64 > length {
                return Ok(frames);
            }
            disk.read(&mut head, at)?;
            let (numbers, check) = head.split_at(8);
            let (numbers, _) = numbers.as_chunks();
            let [size, rows] = [0, 1].map(|of: usize| u32::from_le_bytes(numbers[of]));
            let begin = at + FRAME as u64;
            if begin + u64::from(size) > length {
                return Ok(frames);
            }
            bytes.resize(size as usize, 0);
            disk.read(&mut bytes, begin)?;
            let mut hasher = Xxh3::with_seed(chain);
            hasher.update(&head[..8]);
            hasher.update(&bytes);
            chain = hasher.digest();
            if chain.to_le_bytes() != check {
                return Ok(frames);
            }
            let known = frames.rows.len();
            if frames.take_rows(&bytes, begin).is_none()
                || frames.rows.len() - known != rows as usize
            {
                frames.rows.truncate(known);
                return Ok(frames);
            }
            at = begin + u64::from(size);
            frames.ends.push((at, chain));
        }
    }

    /// Whether a frame ends there, with this check.
    pub(super) fn has(&self, note: &Note) -> bool {
        let at = self.ends.binary_search_by_key(&note.length, |(end, _)| *end);
        at.is_ok_and(|at| self.ends[at].1 == note.chain)
    }

    fn take_rows(&mut self, bytes: &[u8], begin: u64) -> Option<()> {
        let mut at = 0;
        while at < bytes.len() {
            let row = bytes.get(at + 4..)?;
            let (length, key) = length_of(row)?;
            let key = u128::from_le_bytes(*row.get(key..)?.first_chunk()?);
            self.rows.push((fingerprint(key), u32::try_from(begin + at as u64).ok()?));
            at += 4 + length_size(length) + 16 + length;
        }
        Some(())
    }
}

pub(super) fn name(number: u64) -> String {
    format!("{START}{number:08}")
}

fn fingerprint(key: u128) -> u32 {
    (key >> 96) as u32
}

/// What a key is looked for by.
pub(super) fn probe(key: u128) -> Probe {
    Probe::of(fingerprint(key))
}

fn open(folder: &Path, number: u64, seed: u64) -> Result<Disk, StoreError> {
    let disk = Disk::open(folder.join(name(number)))?;
    let mut found = [0; HEADER];
    disk.read(&mut found, 0)?;
    let format = u32::from_le_bytes([found[8], found[9], found[10], found[11]]);
    if found[..8] == *MAGIC && format != FORMAT {
        let path = disk.path().to_owned();
        return Err(StoreError::Format { path, found: format, wanted: FORMAT });
    }
    if found != header(number, seed) {
        return Err(disk.damaged("it is no file of this store"));
    }
    Ok(disk)
}

fn header(number: u64, seed: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    header[12..20].copy_from_slice(&number.to_le_bytes());
    let check = xxh3_64_with_seed(&header[..20], seed);
    header[20..].copy_from_slice(&check.to_le_bytes());
    header
}

fn chain(header: &[u8; HEADER]) -> u64 {
    header.last_chunk().map_or(0, |check| u64::from_le_bytes(*check))
}

fn row_check(row: &[u8], seed: u64) -> [u8; 4] {
    (xxh3_64_with_seed(row, seed) as u32).to_le_bytes()
}

/// A length of at most five bytes, seven bits each, and how many bytes it takes.
fn length_of(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * at);
        if *byte < 0x80 {
            return Some((length, at + 1));
        }
    }
    None
}

fn length_size(length: usize) -> usize {
    (length.checked_ilog2().unwrap_or(0) / 7 + 1) as usize
}
