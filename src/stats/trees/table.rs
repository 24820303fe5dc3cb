//! Which leaves a bin rules out.

use super::input::MISSING_BIN;

/// A split of one input, and the leaves on its left side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    pub(super) tree: u16,
    pub(super) cut: u16,
    pub(super) missing_right: bool,
    /// A bit a leaf.
    pub(super) left: u32,
}

/// For each bin of an input the leaves that it leaves over, a bit each, of all trees that look at it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    /// The trees; empty where it is all of them.
    trees: Vec<u16>,
    /// How many they are.
    width: usize,
    /// The last bin that splits tell from the one before; missing numbers follow upon it.
    last: u16,
    /// Bin after bin, a word a tree.
    left: Vec<u32>,
}

/// From this share of the trees on all of them stand side by side: plain passes are that much faster.
const SPARSE: usize = 4;

impl Table {
    /// The table of an input's splits, in the order of the trees; so many trees there are.
    pub(super) fn new(conditions: &[Condition], trees: usize) -> Self {
        let mut asked: Vec<u16> = conditions.iter().map(|split| split.tree).collect();
        asked.dedup();
        let is_dense = asked.len() * SPARSE >= trees;
        let width = if is_dense { trees } else { asked.len() };
        let last = conditions.iter().map(|split| split.cut).max().unwrap_or(0);
        let bins = usize::from(last) + 2;
        let mut left = vec![u32::MAX; if conditions.is_empty() { 0 } else { bins * width }];
        for split in conditions {
            let place = asked.partition_point(|&tree| tree < split.tree);
            let place = if is_dense { usize::from(split.tree) } else { place };
            let missing = split.missing_right.then_some(bins - 1);
            for bin in (usize::from(split.cut)..bins - 1).chain(missing) {
                left[bin * width + place] &= !split.left;
            }
        }
        Self { trees: if is_dense { Vec::new() } else { asked }, width, last, left }
    }

    /// Takes away what a bin rules out; a word a tree.
    #[inline]
    pub(super) fn rule_out(&self, bin: u16, left: &mut [u32]) {
        if self.left.is_empty() {
            return;
        }
        let bin =
            if bin == MISSING_BIN { usize::from(self.last) + 1 } else { bin.min(self.last).into() };
        let words = &self.left[bin * self.width..(bin + 1) * self.width];
        if self.trees.is_empty() {
            for (left, word) in left.iter_mut().zip(words) {
                *left &= word;
            }
        } else {
            for (&tree, word) in self.trees.iter().zip(words) {
                left[usize::from(tree)] &= word;
            }
        }
    }
}
