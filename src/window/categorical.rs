//! The state of a categorical column in a window.

use std::collections::BTreeMap;

use arrow::array::{Array, DictionaryArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::Int32Type;
use minicbor::{Decode, Encode};
use xxhash_rust::xxh3::xxh3_64;

use crate::batch::labels;

/// Counts of a categorical column's labels.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct CategoricalState {
    /// Rows without a value.
    #[n(0)]
    pub(super) missing: u64,
    /// Those of them whose event did not name the field.
    #[n(1)]
    pub(super) absent: u64,
    /// Rows of each of the reference's labels.
    #[n(2)]
    pub(super) counts: Vec<u64>,
    /// Rows with any other label.
    #[n(3)]
    pub(super) unseen: Unseen,
}

/// Rows whose labels the reference does not have.
///
/// Every label is counted by itself while there are at most 1,024. Beyond that the labels with the least hashes are
/// kept: their counts stay exact, since a label that is kept in the end was never dropped; the number of labels is
/// then estimated from the density of the hashes (Bar-Yossef et al. 2002; relative error about 3 %).
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct Unseen {
    /// Rows in all.
    #[n(0)]
    pub(super) rows: u64,
    /// Labels and their rows, by the hash of the label.
    #[n(1)]
    labels: BTreeMap<u64, (String, u64)>,
    /// Whether labels were dropped.
    #[n(2)]
    truncated: bool,
}

/// Labels kept apart.
const KEPT: usize = 1024;

impl CategoricalState {
    pub(super) fn new(labels: usize) -> Self {
        Self { counts: vec![0; labels], ..Self::default() }
    }

    /// Adds rows; `codes` says for each position of their own list of labels which of the reference's it is.
    pub(super) fn fold(
        &mut self,
        values: &DictionaryArray<Int32Type>,
        absent: Option<&BooleanBuffer>,
        codes: &[Option<u32>],
    ) {
        if let Some(absent) = absent {
            self.absent += absent.count_set_bits() as u64;
        }
        let keys = values.keys();
        let mut unseen: BTreeMap<usize, u64> = BTreeMap::new();
        let mut count = |position: i32| {
            // The list of labels is as long as the positions reach: readers make them together.
            let position = position as usize;
            match codes[position] {
                Some(code) => self.counts[code as usize] += 1,
                None => *unseen.entry(position).or_default() += 1,
            }
        };
        if keys.null_count() == 0 {
            keys.values().iter().for_each(|&position| count(position));
        } else {
            self.missing += keys.null_count() as u64;
            keys.iter().flatten().for_each(count);
        }
        if unseen.is_empty() {
            return;
        }
        let labels: Vec<&str> = labels(values).collect();
        for (position, rows) in unseen {
            self.unseen.add(labels[position], rows);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.missing += other.missing;
        self.absent += other.absent;
        for (count, &rows) in self.counts.iter_mut().zip(&other.counts) {
            *count += rows;
        }
        self.unseen.merge(&other.unseen);
    }

    /// Rows with a value.
    pub(super) fn present(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.unseen.rows
    }

    pub(super) fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u64>() + self.unseen.labels.len() * 64
    }
}

impl Unseen {
    fn add(&mut self, label: &str, rows: u64) {
        self.rows += rows;
        self.count(xxh3_64(label.as_bytes()), label, rows);
    }

    fn count(&mut self, hash: u64, label: &str, rows: u64) {
        if let Some((_, count)) = self.labels.get_mut(&hash) {
            *count += rows;
            return;
        }
        if self.labels.len() == KEPT {
            self.truncated = true;
            match self.labels.last_entry() {
                Some(last) if hash < *last.key() => {
                    last.remove();
                }
                _ => return,
            }
        }
        self.labels.insert(hash, (label.to_owned(), rows));
    }

    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.truncated |= other.truncated;
        for (&hash, (label, rows)) in &other.labels {
            self.count(hash, label, *rows);
        }
    }

    /// How many different labels there are.
    pub(super) fn distinct(&self) -> u64 {
        match self.labels.last_key_value() {
            Some((&greatest, _)) if self.truncated => {
                ((KEPT - 1) as f64 * (u64::MAX as f64 / greatest as f64)) as u64
            }
            _ => self.labels.len() as u64,
        }
    }

    /// Rows of the most frequent label (of those kept).
    pub(super) fn most_frequent(&self) -> u64 {
        self.labels.values().map(|&(_, rows)| rows).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn of(labels: &[u32]) -> Unseen {
        let mut unseen = Unseen::default();
        for label in labels {
            unseen.add(&label.to_string(), 1);
        }
        unseen
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn unseen_labels_follow_from_the_multiset_alone(
            mut labels in prop::collection::vec(0..3000u32, 0..6000),
            cut in 0..6000usize,
        ) {
            let whole = of(&labels);
            let cut = cut.min(labels.len());
            let mut parts = of(&labels[cut..]);
            parts.merge(&of(&labels[..cut]));
            prop_assert_eq!(&parts, &whole);
            labels.reverse();
            prop_assert_eq!(&of(&labels), &whole);
            labels.sort_unstable();
            let counts: Vec<u64> = labels.chunk_by(|a, b| a == b).map(|run| run.len() as u64).collect();
            let distinct = counts.len() as f64;
            prop_assert!((whole.distinct() as f64 - distinct).abs() <= 0.15 * distinct);
            if counts.len() <= KEPT {
                prop_assert_eq!(whole.distinct(), counts.len() as u64);
                prop_assert_eq!(whole.most_frequent(), counts.iter().copied().max().unwrap_or(0));
            }
        }
    }
}
