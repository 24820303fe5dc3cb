//! Where the rows of a segment that is still written to lie, in memory: eight bytes a row, at three quarters full.

use std::mem;

/// Fingerprint and place of every row: open addressing, in the order of the fingerprints but for collisions.
#[derive(Debug)]
pub(super) struct Hot {
    /// The fingerprint above the place; 0 where there is nothing, as no row lies at the beginning of a file.
    slots: Vec<u64>,
    len: usize,
}

const LEAST: usize = 64;

pub(super) fn entry(fingerprint: u32, at: u32) -> u64 {
    (u64::from(fingerprint) << 32) | u64::from(at)
}

pub(super) fn fingerprint_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

pub(super) fn place_of(entry: u64) -> u32 {
    entry as u32
}

impl Hot {
    pub(super) fn new() -> Self {
        Self { slots: vec![0; LEAST], len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u64>()
    }

    /// Adds a row.
    pub(super) fn insert(&mut self, fingerprint: u32, at: u32) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        self.put(entry(fingerprint, at));
        self.len += 1;
    }

    /// Puts a row in the place of another of the same fingerprint; `false` where that is not there.
    pub(super) fn replace(&mut self, fingerprint: u32, old: u32, new: u32) -> bool {
        let mut slot = self.home(fingerprint);
        while self.slots[slot] != 0 {
            if self.slots[slot] == entry(fingerprint, old) {
                self.slots[slot] = entry(fingerprint, new);
                return true;
            }
            slot = self.next(slot);
        }
        false
    }

    /// The last row with this fingerprint before a place.
    pub(super) fn find(&self, fingerprint: u32, before: u32) -> Option<u32> {
        let mut found = None;
        let mut slot = self.home(fingerprint);
        loop {
            let entry = self.slots[slot];
            if entry == 0 {
                return found;
            }
            let at = place_of(entry);
            if fingerprint_of(entry) == fingerprint && at < before {
                found = found.max(Some(at));
            }
            slot = self.next(slot);
        }
    }

    /// Fingerprint and place of every row, ascending.
    pub(super) fn sorted(&self) -> Vec<u64> {
        let mut entries: Vec<u64> =
            self.slots.iter().copied().filter(|&entry| entry != 0).collect();
        entries.sort_unstable();
        entries
    }

    fn home(&self, fingerprint: u32) -> usize {
        ((u64::from(fingerprint) * self.slots.len() as u64) >> 32) as usize
    }

    fn next(&self, slot: usize) -> usize {
        if slot + 1 == self.slots.len() { 0 } else { slot + 1 }
    }

    fn put(&mut self, entry: u64) {
        let mut slot = self.home(fingerprint_of(entry));
        while self.slots[slot] != 0 {
            slot = self.next(slot);
        }
        self.slots[slot] = entry;
    }

    /// By the half, so that it is never less than half full.
    fn grow(&mut self) {
        let larger = self.slots.len() / 2 * 3;
        let old = mem::replace(&mut self.slots, vec![0; larger]);
        for entry in old.into_iter().filter(|&entry| entry != 0) {
            self.put(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_equal_fingerprints_is_found_first() {
        let mut hot = Hot::new();
        for at in 1..=1000_u32 {
            hot.insert(at % 7, at);
        }
        assert_eq!(hot.find(3, u32::MAX), Some(997));
        assert_eq!(hot.find(3, 997), Some(990));
        assert_eq!(hot.find(3, 3), None);
        assert_eq!(hot.find(8, u32::MAX), None);
        assert!(hot.replace(3, 997, 2000));
        assert!(!hot.replace(3, 997, 2001));
        assert_eq!(hot.find(3, u32::MAX), Some(2000));
        assert_eq!(hot.len(), 1000);
        assert!(hot.sorted().is_sorted());
    }

    #[test]
    fn a_row_takes_at_most_sixteen_bytes() {
        let mut hot = Hot::new();
        for at in 1..200_000_u32 {
            hot.insert(at.wrapping_mul(0x9E37_79B1), at);
            assert!(at < 100 || hot.bytes() <= 17 * hot.len(), "{at}");
        }
        for at in 1..200_000_u32 {
            assert_eq!(hot.find(at.wrapping_mul(0x9E37_79B1), u32::MAX), Some(at));
        }
    }
}
