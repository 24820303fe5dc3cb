//! Where the rows of a segment that is still written to lie, in memory: eight bytes a row, at three quarters full.

use std::{cmp, mem};

/// Fingerprint and place of every row, ascending, with room between them: open addressing in which what comes later
/// moves on, and not what comes now. So all of it can be had in order without sorting, and who asks for keys in their
/// order goes through memory in its order.
#[derive(Debug)]
pub(super) struct Hot {
    /// The fingerprint above the place; 0 where there is nothing, as no row lies at the beginning of a file. Behind the
    /// homes lie those that found no room in theirs.
    slots: Vec<u64>,
    homes: usize,
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
        Self { slots: vec![0; LEAST], homes: LEAST, len: 0 }
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
        if (self.len + 1) * 4 > self.homes * 3 {
            self.grow();
        }
        let entry = entry(fingerprint, at);
        let slot = self.first_from(entry);
        let free = self.slots[slot..].iter().position(|&entry| entry == 0);
        let end = free.map_or(self.slots.len(), |free| slot + free);
        if end == self.slots.len() {
            add_slot(&mut self.slots);
        }
        self.slots.copy_within(slot..end, slot + 1);
        self.slots[slot] = entry;
        self.len += 1;
    }

    /// Puts a row in the place of an earlier one of the same fingerprint; `false` where that is not there.
    pub(super) fn replace(&mut self, fingerprint: u32, old: u32, new: u32) -> bool {
        let (old, new) = (entry(fingerprint, old), entry(fingerprint, new));
        let mut slot = self.first_from(old);
        if self.slots.get(slot) != Some(&old) {
            return false;
        }
        while let Some(&later) = self.slots.get(slot + 1)
            && later != 0
            && later < new
        {
            self.slots[slot] = later;
            slot += 1;
        }
        self.slots[slot] = new;
        true
    }

    /// The last row with this fingerprint before a place.
    pub(super) fn find(&self, fingerprint: u32, before: u32) -> Option<u32> {
        let slot = self.first_from(entry(fingerprint, before));
        let found = *self.slots.get(slot.checked_sub(1)?)?;
        (found != 0 && fingerprint_of(found) == fingerprint).then(|| place_of(found))
    }

    /// Fingerprint and place of every row, ascending.
    pub(super) fn sorted(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().copied().filter(|&entry| entry != 0)
    }

    /// The first slot from the home of an entry on that is free, or holds it or a greater one.
    fn first_from(&self, entry: u64) -> usize {
        let home = self.home(entry);
        let taken = self.slots[home..].iter();
        home + taken.take_while(|&&other| other != 0 && other < entry).count()
    }

    fn home(&self, entry: u64) -> usize {
        ((u64::from(fingerprint_of(entry)) * self.homes as u64) >> 32) as usize
    }

    /// By the half, so that it is never less than half full.
    fn grow(&mut self) {
        self.homes = self.homes / 2 * 3;
        let old = mem::replace(&mut self.slots, vec![0; self.homes]);
        let mut free = 0;
        for entry in old.into_iter().filter(|&entry| entry != 0) {
            let slot = cmp::max(self.home(entry), free);
            if slot == self.slots.len() {
                add_slot(&mut self.slots);
            }
            self.slots[slot] = entry;
            free = slot + 1;
        }
    }
}

/// One more behind the others: there are never many.
fn add_slot(slots: &mut Vec<u64>) {
    if slots.len() == slots.capacity() {
        slots.reserve_exact(16);
    }
    slots.push(0);
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
        assert_eq!(hot.sorted().count(), 1000);
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
