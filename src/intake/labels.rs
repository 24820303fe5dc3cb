//! Labels and their positions in the order in which they first came.

#[expect(
    clippy::disallowed_types,
    reason = "only looked up: positions are given in the order of arrival"
)]
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::mem;

use xxhash_rust::xxh3::Xxh3Default;

/// The labels of a column that is being gathered.
#[derive(Debug, Default)]
#[expect(clippy::disallowed_types, reason = "only looked up")]
pub(super) struct Labels {
    texts: Vec<String>,
    positions: HashMap<Box<str>, i32, BuildHasherDefault<Xxh3Default>>,
    /// The position found last: neighbours are often equal.
    last: i32,
}

impl Labels {
    /// The position of a label.
    #[inline]
    pub(super) fn key(&mut self, label: &str) -> i32 {
        if self.texts.get(self.last as usize).is_some_and(|last| last == label) {
            return self.last;
        }
        // Few labels: comparing beats hashing.
        if self.texts.len() <= 8 {
            if let Some(found) = self.texts.iter().position(|text| text == label) {
                self.last = found as i32;
                return self.last;
            }
        } else if let Some(&found) = self.positions.get(label) {
            self.last = found;
            return found;
        }
        self.add(label)
    }

    #[cold]
    fn add(&mut self, label: &str) -> i32 {
        let position = i32::try_from(self.texts.len()).unwrap_or(i32::MAX);
        self.texts.push(label.to_owned());
        self.positions.insert(label.into(), position);
        self.last = position;
        position
    }

    /// All labels by position, and none in their place.
    pub(super) fn take(&mut self) -> Vec<String> {
        self.positions.clear();
        self.last = 0;
        mem::take(&mut self.texts)
    }
}
