//! Where the rows of a segment lie that is no longer written to: sorted by fingerprint, in pages behind its rows, with a
//! filter and the first fingerprint of each page in memory.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::StoreError;
use super::file::Disk;
use super::filter::{Filter, Probe};
use super::hot::{Hot, entry, fingerprint_of, place_of};

/// Rows that a page holds.
const ROWS: usize = 127;
/// Bytes of a page: a check, then its rows.
const PAGE: usize = 8 + 8 * ROWS;

/// The index of a segment that is no longer written to.
#[derive(Debug)]
pub(super) struct Sealed {
    /// Where its pages begin.
    begin: u64,
    rows: usize,
    /// The first fingerprint of each page.
    first: Vec<u32>,
    filter: Filter,
    seed: u64,
    /// What proves that filter and first fingerprints are those that were written.
    check: u64,
}

impl Sealed {
    /// Writes the index behind the rows, which end at `begin`, and waits until all is on the disk.
    pub(super) fn write(disk: &Disk, begin: u64, hot: &Hot, seed: u64) -> Result<Self, StoreError> {
        let mut filter = Filter::with_room_for(hot.len());
        let mut pages = vec![0; hot.len().div_ceil(ROWS) * PAGE];
        let mut first = Vec::with_capacity(hot.len().div_ceil(ROWS));
        let mut entries = hot.sorted();
        for (number, page) in (0..).zip(pages.chunks_exact_mut(PAGE)) {
            let (check, rows) = page.split_at_mut(8);
            let (places, _) = rows.as_chunks_mut();
            for (place, entry) in places.iter_mut().zip(entries.by_ref().take(ROWS)) {
                filter.add(Probe::of(fingerprint_of(entry)));
                *place = entry.to_le_bytes();
            }
            first.push(fingerprint_of(u64::from_le_bytes(places[0])));
            check.copy_from_slice(&xxh3_64_with_seed(rows, page_seed(seed, number)).to_le_bytes());
        }
        let tail = tail(&first, &filter);
        let check = xxh3_64_with_seed(&tail, seed);
        let behind = begin + pages.len() as u64;
        disk.write(&pages, begin)?;
        disk.write(&tail, behind)?;
        disk.cut(behind + tail.len() as u64)?;
        disk.sync()?;
        Ok(Self { begin, rows: hot.len(), first, filter, seed, check })
    }

    /// Reads back what is to be in memory.
    pub(super) fn read(
        disk: &Disk,
        begin: u64,
        rows: usize,
        seed: u64,
        check: u64,
    ) -> Result<Self, StoreError> {
        let pages = rows.div_ceil(ROWS);
        let behind = begin + (pages * PAGE) as u64;
        let length = disk.length()?;
        let size =
            length.checked_sub(behind).ok_or_else(|| disk.damaged("its index is cut off"))?;
        let mut tail = vec![0; usize::try_from(size).unwrap_or(0)];
        disk.read(&mut tail, behind)?;
        if xxh3_64_with_seed(&tail, seed) != check || tail.len() < pages * 4 {
            return Err(disk.damaged("the end of its index is not as it was written"));
        }
        let (first, filter) = tail.split_at(pages * 4);
        let (first, _) = first.as_chunks();
        let first = first.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        Ok(Self { begin, rows, first, filter: Filter::read(filter), seed, check })
    }

    pub(super) fn len(&self) -> usize {
        self.rows
    }

    pub(super) fn check(&self) -> u64 {
        self.check
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        self.filter.bytes() + self.first.capacity() * size_of::<u32>()
    }

    /// Which of these may be there, by their places.
    pub(super) fn may_hold_of(&self, probes: impl Iterator<Item = Probe>, places: &mut Vec<usize>) {
        self.filter.may_hold_of(probes, places);
    }

    /// The last row with this fingerprint before a place.
    pub(super) fn find(
        &self,
        disk: &Disk,
        probe: Probe,
        before: u32,
    ) -> Result<Option<u32>, StoreError> {
        if !self.filter.may_hold(probe) {
            return Ok(None);
        }
        let fingerprint = probe.fingerprint;
        let sought = entry(fingerprint, before);
        // The page that begins last at or below it; equal fingerprints may go on over several.
        let mut number = self.first.partition_point(|&first| first <= fingerprint);
        while let Some(at) = number.checked_sub(1) {
            let mut page = [0; PAGE];
            disk.read(&mut page, self.begin + (at * PAGE) as u64)?;
            let (check, rows) = page.split_at(8);
            if xxh3_64_with_seed(rows, page_seed(self.seed, at as u64)).to_le_bytes() != check {
                return Err(disk.damaged("a page of its index is not as it was written"));
            }
            let (rows, _) = rows.as_chunks();
            let rows = &rows[..ROWS.min(self.rows - at * ROWS)];
            let below = rows.partition_point(|row| u64::from_le_bytes(*row) < sought);
            if let Some(last) = below.checked_sub(1) {
                let found = u64::from_le_bytes(rows[last]);
                return Ok((fingerprint_of(found) == fingerprint).then_some(place_of(found)));
            }
            number = at;
        }
        Ok(None)
    }
}

fn page_seed(seed: u64, number: u64) -> u64 {
    seed ^ (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn tail(first: &[u32], filter: &Filter) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(first.len() * 4 + filter.bytes());
    bytes.extend(first.iter().flat_map(|first| first.to_le_bytes()));
    filter.write(&mut bytes);
    bytes
}
