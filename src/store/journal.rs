//! What was kept when: the one file that says which frames of which segments count, with the join's own state and the
//! position of the log.
//!
//! ```text
//! header  magic (8), format (4), seed (8), whether an entry follows (1), length of the identity (4), identity, check (8)
//! entry   length (4), check (8), what it says
//! ```
//!
//! The first entry names all segments, each further one those that a batch was written to. The check of an entry covers
//! that of the one before: what lies behind a torn entry is not believed. A new journal replaces the old one as a
//! whole, once all that it names is on the disk.

use std::fs::{self, File};
use std::path::Path;

use minicbor::{Decode, Encode};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::file::{Disk, failed};
use super::segment::Note;
use super::{Identity, StoreError};

const MAGIC: &[u8; 8] = b"vigiejnl";
/// The version of this form and of all that it leads to.
const FORMAT: u32 = 3;
/// How its name begins.
pub(super) const START: &str = "journal-";
/// While it is written.
pub(super) const UNFINISHED: &str = "unfinished";
/// Length and check of an entry.
const HEAD: usize = 12;

/// What the journal says of a moment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Entry {
    /// The position of the log.
    #[n(0)]
    pub(super) position: i64,
    /// The join's own state.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(super) head: Vec<u8>,
    /// Segments as they are from now on.
    #[n(2)]
    pub(super) segments: Vec<Note>,
}

/// The file.
#[derive(Debug)]
pub(super) struct Journal {
    number: u64,
    disk: Disk,
    length: u64,
    /// The check of its last entry.
    chain: u64,
}

/// What was found in one.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) journal: Journal,
    pub(super) seed: u64,
    pub(super) entries: Vec<Written>,
    /// Whether its first entry was written and is not whole.
    pub(super) is_headless: bool,
}

/// An entry that was written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) entry: Entry,
    /// Where it ends.
    pub(super) length: u64,
    /// Its check.
    pub(super) chain: u64,
}

impl Journal {
    /// Writes a new one that begins with `entry`, to be read in the place of those before.
    pub(super) fn create(
        folder: &Path,
        number: u64,
        identity: &Identity,
        seed: u64,
        entry: Option<&Entry>,
    ) -> Result<Self, StoreError> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(FORMAT.to_le_bytes());
        bytes.extend(seed.to_le_bytes());
        bytes.push(u8::from(entry.is_some()));
        let identity = encoded(identity);
        bytes.extend((identity.len() as u32).to_le_bytes());
        bytes.extend(identity);
        let check = xxh3_64_with_seed(&bytes, seed);
        bytes.extend(check.to_le_bytes());
        let mut chain = check;
        if let Some(entry) = entry {
            let (entry, check) = framed(entry, chain);
            bytes.extend(entry);
            chain = check;
        }
        let unfinished = folder.join(UNFINISHED);
        let path = folder.join(name(number));
        let disk = Disk::create(unfinished.clone())?;
        disk.write(&bytes, 0)?;
        disk.sync()?;
        drop(disk);
        fs::rename(&unfinished, &path).map_err(failed(&path, "put it in its place"))?;
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(failed(folder, "bring it to the disk"))?;
        Ok(Self { number, disk: Disk::open(path)?, length: bytes.len() as u64, chain })
    }

    /// Reads the one of this number, as far as its entries are whole.
    pub(super) fn read(
        folder: &Path,
        number: u64,
        identity: &Identity,
    ) -> Result<Found, StoreError> {
        let disk = Disk::open(folder.join(name(number)))?;
        let length = usize::try_from(disk.length()?).map_err(|_| disk.damaged("it is too long"))?;
        let mut bytes = vec![0; length];
        disk.read(&mut bytes, 0)?;
        let torn = || disk.damaged("its beginning is not as it was written");
        let mut rest = bytes.as_slice();
        if take(&mut rest, 8).ok_or_else(torn)? != MAGIC {
            return Err(torn());
        }
        let format = take_u32(&mut rest).ok_or_else(torn)?;
        if format != FORMAT {
            let path = disk.path().to_owned();
            return Err(StoreError::Format { path, found: format, wanted: FORMAT });
        }
        let seed = take_u64(&mut rest).ok_or_else(torn)?;
        let begins = take(&mut rest, 1).ok_or_else(torn)? == [1];
        let size = take_u32(&mut rest).ok_or_else(torn)?;
        let found = take(&mut rest, size as usize).ok_or_else(torn)?;
        let written = &bytes[..length - rest.len()];
        let check = take_u64(&mut rest).ok_or_else(torn)?;
        if xxh3_64_with_seed(written, seed) != check {
            return Err(torn());
        }
        let found: Identity = minicbor::decode(found).map_err(|_| torn())?;
        if found != *identity {
            let path = disk.path().to_owned();
            let wanted = Box::new(identity.clone());
            return Err(StoreError::Foreign { path, found: Box::new(found), wanted });
        }
        let journal = Self { number, disk, length: (length - rest.len()) as u64, chain: check };
        let (mut chain, mut entries) = (check, Vec::new());
        while let Some((entry, check)) = next(&mut rest, chain) {
            chain = check;
            entries.push(Written { entry, length: (length - rest.len()) as u64, chain });
        }
        let is_headless = entries.is_empty() && (begins || !rest.is_empty());
        Ok(Found { journal, seed, entries, is_headless })
    }

    /// Goes on behind an entry that was read.
    pub(super) fn stand(&mut self, length: u64, chain: u64) {
        (self.length, self.chain) = (length, chain);
    }

    /// Cuts off what lies behind its last entry.
    pub(super) fn cut(&self) -> Result<(), StoreError> {
        self.disk.cut(self.length)
    }

    /// Appends an entry: from now on it counts.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let (bytes, chain) = framed(entry, self.chain);
        self.disk.write(&bytes, self.length)?;
        self.length += bytes.len() as u64;
        self.chain = chain;
        Ok(())
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

pub(super) fn name(number: u64) -> String {
    format!("{START}{number:08}")
}

/// The number in a journal's name; `None` for other files.
pub(super) fn number_in(name: &str) -> Option<u64> {
    name.strip_prefix(START)?.parse().ok()
}

fn framed(entry: &Entry, chain: u64) -> (Vec<u8>, u64) {
    let said = encoded(entry);
    let check = check(&said, chain);
    let mut bytes = Vec::with_capacity(HEAD + said.len());
    bytes.extend((said.len() as u32).to_le_bytes());
    bytes.extend(check.to_le_bytes());
    bytes.extend(said);
    (bytes, check)
}

/// The next entry, if it is whole.
fn next(rest: &mut &[u8], chain: u64) -> Option<(Entry, u64)> {
    let mut bytes = *rest;
    let size = take_u32(&mut bytes)?;
    let found = take_u64(&mut bytes)?;
    let said = take(&mut bytes, size as usize)?;
    if check(said, chain) != found {
        return None;
    }
    let entry = minicbor::decode(said).ok()?;
    *rest = bytes;
    Some((entry, found))
}

fn check(said: &[u8], chain: u64) -> u64 {
    xxh3_64_with_seed(said, chain ^ said.len() as u64)
}

fn encoded<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail, and no encoder of ours has errors of its own.
    let written = minicbor::encode(value, &mut bytes);
    debug_assert!(written.is_ok(), "it can be encoded");
    bytes
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*take(rest, 4)?.first_chunk()?))
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(*take(rest, 8)?.first_chunk()?))
}
