//! What the join works on: what stands under the keys of a batch.

use std::collections::BTreeMap;

use super::{Keep, Known};

/// What stands under the keys of a batch of records, taken from where it is kept and changed record by record.
///
/// Sorted by key, beside each other: a batch has some ten thousand keys, and most of them are new.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Working {
    /// Ascending, each once.
    keys: Vec<u128>,
    /// What stands under each; empty where nothing does.
    known: Vec<Known>,
    /// Whether a record was concerned with it.
    touched: Vec<bool>,
    /// The places of the keys in the order in which they were asked for, which is mostly that of the records.
    asked: Vec<usize>,
    /// How many of those are behind us.
    passed: usize,
}

impl Working {
    /// What is kept under these keys.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn fetch<K: Keep + ?Sized>(
        keep: &mut K,
        keys: impl IntoIterator<Item = u128>,
    ) -> Result<Self, K::Error> {
        let mut sorted: Vec<(u128, usize)> = keys.into_iter().zip(0..).collect();
        sorted.sort_unstable();
        let mut keys = Vec::with_capacity(sorted.len());
        let mut asked = vec![0; sorted.len()];
        for (key, at) in sorted {
            if keys.last() != Some(&key) {
                keys.push(key);
            }
            asked[at] = keys.len() - 1;
        }
        let known = keep.get(&keys)?;
        let touched = vec![false; keys.len()];
        Ok(Self { keys, known, touched, asked, passed: 0 })
    }

    /// Keys that records were concerned with, ascending, and what stands under each from now on.
    pub fn writes(&self) -> impl Iterator<Item = (u128, &Known)> {
        let all = self.keys.iter().zip(&self.known).zip(&self.touched);
        all.filter_map(|((key, known), touched)| touched.then_some((*key, known)))
    }

    /// What stands at a place.
    pub(super) fn at(&mut self, place: usize) -> &mut Known {
        &mut self.known[place]
    }

    /// The places of keys that a record is concerned with.
    pub(super) fn places(&mut self, keys: impl Iterator<Item = u128> + Clone) -> Vec<usize> {
        let found: Option<Vec<usize>> = keys.clone().map(|key| self.next_place(key)).collect();
        let places = found.unwrap_or_else(|| {
            self.asked.clear();
            for key in keys.clone() {
                if let Err(place) = self.keys.binary_search(&key) {
                    self.keys.insert(place, key);
                    self.known.insert(place, Known::default());
                    self.touched.insert(place, false);
                }
            }
            keys.filter_map(|key| self.place(key)).collect()
        });
        for &place in &places {
            self.touched[place] = true;
        }
        places
    }

    /// The place of a key that is asked for next, or of any other.
    fn next_place(&mut self, key: u128) -> Option<usize> {
        match self.asked.get(self.passed) {
            Some(&place) if self.keys[place] == key => {
                self.passed += 1;
                Some(place)
            }
            _ => self.place(key),
        }
    }

    fn place(&self, key: u128) -> Option<usize> {
        self.keys.binary_search(&key).ok()
    }
}

impl From<BTreeMap<u128, Known>> for Working {
    /// As if records had been concerned with all of it.
    fn from(all: BTreeMap<u128, Known>) -> Self {
        let touched = vec![true; all.len()];
        let (keys, known) = all.into_iter().unzip();
        Self { keys, known, touched, ..Self::default() }
    }
}
