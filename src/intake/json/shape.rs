//! The keys of an object, in the order in which they came last time.
//!
//! A producer writes its keys in the same order into every event. So each known key remembers the key that followed
//! it: the next event's key is then compared with one expected key, sixteen bytes at a time, instead of being
//! looked for. Keys that are not wanted are remembered too, since they must be passed as well. What was learned
//! changes only how fast an event is read, never what is read from it.

use std::collections::BTreeMap;

/// A key that leads nowhere.
pub(super) const UNWANTED: u32 = u32::MAX;
/// The place before the first key.
pub(super) const OPENING: u32 = 0;
/// How many keys beyond the wanted ones an object remembers, and how long they may be: an object with a key for each
/// user must not make us grow.
const MOST_LEARNED: usize = 512;
const LONGEST_LEARNED: usize = 128;

#[derive(Debug, Clone)]
pub(super) struct Shape {
    entries: Vec<Entry>,
    /// By the key as it is written between its quotes, escapes and all.
    known: BTreeMap<Box<[u8]>, u32>,
    learned: usize,
}

/// A key with the quote that ends it.
#[derive(Debug, Clone)]
struct Entry {
    /// The first 16 bytes, and which of them count.
    head: u128,
    mask: u128,
    /// The bytes behind them.
    tail: Box<[u8]>,
    length: u32,
    /// The entry that followed last time; `OPENING` where none did.
    next: u32,
    branch: u32,
}

/// A key that was recognized.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) entry: u32,
    pub(super) branch: u32,
    /// Bytes of the key and its closing quote.
    pub(super) length: usize,
}

impl Shape {
    /// Knows the wanted keys from the beginning, in the order given.
    pub(super) fn new<'a>(wanted: impl IntoIterator<Item = (&'a str, u32)>) -> Self {
        // The head of the place before the first key is one that no masked bytes can equal.
        let opening =
            Entry { head: 1, mask: 0, tail: Box::default(), length: 0, next: 0, branch: UNWANTED };
        let mut shape = Self { entries: vec![opening], known: BTreeMap::new(), learned: 0 };
        for (key, branch) in wanted {
            let plain = !key.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..=31));
            if plain {
                shape.insert(key.as_bytes(), branch);
            }
        }
        shape
    }

    /// The key at the beginning of `rest`, behind its opening quote, if it is the one that followed `previous` last
    /// time, or the one after that (a key may be left out).
    #[inline]
    pub(super) fn expected(&self, previous: u32, rest: &[u8]) -> Option<Known> {
        let next = self.entries[previous as usize].next;
        let entry = &self.entries[next as usize];
        if entry.begins(rest) {
            return Some(entry.known(next));
        }
        let next = entry.next;
        let entry = &self.entries[next as usize];
        entry.begins(rest).then(|| entry.known(next))
    }

    /// A key as it is written that was not expected: its entry, from now on expected after `previous`.
    pub(super) fn find(&mut self, previous: u32, raw: &[u8]) -> Option<Known> {
        let entry = *self.known.get(raw)?;
        self.entries[previous as usize].next = entry;
        Some(self.entries[entry as usize].known(entry))
    }

    /// Remembers a key that [`Self::find`] does not know, unless there are too many.
    pub(super) fn learn(&mut self, previous: u32, raw: &[u8], branch: u32) -> Option<u32> {
        if self.learned >= MOST_LEARNED || raw.len() > LONGEST_LEARNED {
            return None;
        }
        self.learned += 1;
        let entry = self.insert(raw, branch);
        self.entries[previous as usize].next = entry;
        Some(entry)
    }

    /// How many keys are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    fn insert(&mut self, raw: &[u8], branch: u32) -> u32 {
        let quoted = [raw, b"\""].concat();
        let (head, tail) = quoted.split_at(quoted.len().min(16));
        let mut bytes = [0; 16];
        bytes[..head.len()].copy_from_slice(head);
        let mut mask = [0; 16];
        mask[..head.len()].fill(0xff);
        let entry = u32::try_from(self.entries.len()).expect("bounded by plan and `MOST_LEARNED`");
        self.entries.push(Entry {
            head: u128::from_le_bytes(bytes),
            mask: u128::from_le_bytes(mask),
            tail: tail.into(),
            length: u32::try_from(quoted.len()).expect("a key of the settings, or bounded"),
            next: OPENING,
            branch,
        });
        self.known.insert(raw.into(), entry);
        entry
    }
}

impl Entry {
    #[inline]
    fn begins(&self, rest: &[u8]) -> bool {
        let Some((head, behind)) = rest.split_first_chunk::<16>() else {
            return self.begins_short(rest);
        };
        u128::from_le_bytes(*head) & self.mask == self.head
            && (self.tail.is_empty() || behind.starts_with(&self.tail))
    }

    /// The same where fewer than 16 bytes are left.
    #[cold]
    fn begins_short(&self, rest: &[u8]) -> bool {
        let length = self.length as usize;
        let head = self.head.to_le_bytes();
        length > 0 && head.get(..length).is_some_and(|key| rest.starts_with(key))
    }

    #[inline]
    fn known(&self, entry: u32) -> Known {
        Known { entry, branch: self.branch, length: self.length as usize }
    }
}
