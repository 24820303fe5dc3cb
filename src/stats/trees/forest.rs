//! A sum of regression trees.

use serde::{Deserialize, Serialize};

use super::flat::{Flat, ForestError};
use super::table::Table;

/// A node of a tree, as a tree is written: each before its left side, and that before its right side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Node {
    /// Rows whose bin is at least `cut` go right, others left.
    Split {
        /// Which input.
        input: u16,
        /// The bin, above 0.
        cut: u16,
        /// Whether missing numbers go right.
        missing_right: bool,
    },
    /// What the tree adds to the rows that arrive here.
    Leaf(f32),
}

/// A tree: its nodes in the order of [`Node`]; at most 32 leaves.
pub type Tree = Vec<Node>;

/// A sum of regression trees: `max(0, unit * (base + sum of the leaves))`.
///
/// Evaluated without walking down: what a bin rules out is known beforehand as a bit a leaf, for all trees side by side,
/// and the first leaf that nothing rules out is the one that the row arrives at. Source: Lucchese et al. (2015),
/// "`QuickScorer`". Costs inputs times trees, eight trees an instruction or so: 100 trees of eight inputs take less than
/// a microsecond a row. The sum is in the order of the trees, so the same rows give the same bytes everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Flat", into = "Flat")]
pub struct Forest {
    pub(super) flat: Flat,
    /// The first leaf of each tree.
    pub(super) first: Vec<u32>,
    pub(super) leaves: Vec<f64>,
    /// What each input rules out.
    pub(super) tables: Vec<Table>,
}

/// Rows that are summed side by side: their sums do not wait for each other.
const LANES: usize = 4;

impl Forest {
    /// A forest over so many inputs.
    ///
    /// # Errors
    ///
    /// Where a tree is not whole or too large, or a split is of an input that is not there.
    pub fn new(inputs: u16, base: f64, unit: f64, trees: &[Tree]) -> Result<Self, ForestError> {
        Flat::from_trees(inputs, base, unit, trees).try_into()
    }

    /// How many inputs it sees.
    pub fn inputs(&self) -> usize {
        self.tables.len()
    }

    /// How many trees it has.
    pub fn trees(&self) -> usize {
        self.first.len()
    }

    /// The value of each row. `bins` holds the bins of a row side by side, row after row; without inputs it is empty,
    /// and `rows` alone says how many there are.
    ///
    /// # Panics
    ///
    /// Where `bins` is not as long as rows and inputs ask.
    pub fn evaluate(&self, bins: &[u16], rows: usize) -> Vec<f64> {
        let (width, trees) = (self.inputs(), self.trees());
        assert_eq!(bins.len(), rows * width, "as many bins as rows have inputs");
        let mut values = Vec::with_capacity(rows);
        let mut left = vec![0; LANES * trees];
        for start in (0..rows).step_by(LANES) {
            let length = LANES.min(rows - start);
            left.fill(u32::MAX);
            for lane in 0..length {
                let bins = &bins[(start + lane) * width..(start + lane + 1) * width];
                let left = &mut left[lane * trees..(lane + 1) * trees];
                for (table, &bin) in self.tables.iter().zip(bins) {
                    table.rule_out(bin, left);
                }
            }
            let mut sums = [self.flat.base; LANES];
            for (tree, &first) in self.first.iter().enumerate() {
                for (lane, sum) in sums.iter_mut().enumerate() {
                    let leaf = left[lane * trees + tree].trailing_zeros();
                    *sum += self.leaves[(first + leaf) as usize];
                }
            }
            let values_of = sums[..length].iter().map(|sum| (sum * self.flat.unit).max(0.0));
            values.extend(values_of);
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::Node::{Leaf, Split};
    use super::*;
    use crate::stats::trees::MISSING_BIN;

    const fn at(input: u16, cut: u16, missing_right: bool) -> Node {
        Split { input, cut, missing_right }
    }

    #[test]
    fn rows_arrive_at_their_leaves() {
        // Right of 1: a leaf; left: a split of the other input.
        let tree = vec![at(0, 1, false), at(1, 2, true), Leaf(1.0), Leaf(2.0), Leaf(4.0)];
        let forest = Forest::new(2, 0.5, 2.0, &[tree, vec![Leaf(-0.25)]]).unwrap();
        let rows: [([u16; 2], f32); 7] = [
            ([0, 0], 1.0),
            ([0, 1], 1.0),
            ([0, 2], 2.0),
            ([0, MISSING_BIN], 2.0),
            ([1, 0], 4.0),
            ([7, MISSING_BIN], 4.0),
            ([MISSING_BIN, 0], 1.0),
        ];
        let bins: Vec<u16> = rows.iter().flat_map(|(bins, _)| *bins).collect();
        let expected: Vec<f64> =
            rows.iter().map(|(_, leaf)| 2.0 * (0.25 + f64::from(*leaf))).collect();
        assert_eq!(forest.evaluate(&bins, rows.len()), expected);
        // Any number of rows, in whatever lane they come to lie.
        for times in [1, 2, 3, 40] {
            let found = forest.evaluate(&bins.repeat(times), rows.len() * times);
            assert_eq!(found, expected.repeat(times));
        }
    }

    /// Walks down, as the definition says.
    fn walked(tree: &[Node], bins: &[u16]) -> f64 {
        let end_of = |mut at: usize| {
            let mut open = 1;
            while open > 0 {
                open += if matches!(tree[at], Split { .. }) { 1 } else { -1 };
                at += 1;
            }
            at
        };
        let mut here = 0;
        loop {
            match tree[here] {
                Leaf(value) => return f64::from(value),
                Split { input, cut, missing_right } => {
                    let bin = bins[usize::from(input)];
                    let right = if bin == MISSING_BIN { missing_right } else { bin >= cut };
                    here = if right { end_of(here + 1) } else { here + 1 };
                }
            }
        }
    }

    /// Numbers that look random and are always the same.
    fn draw(seed: &mut u64, below: u64) -> u64 {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % below
    }

    /// A tree that grows at random, of so many leaves.
    fn grown(seed: &mut u64, leaves: u64, inputs: u64) -> Tree {
        if leaves == 1 {
            return vec![Leaf(draw(seed, 1000) as f32 / 64.0)];
        }
        let left = 1 + draw(seed, leaves - 1);
        let split = at(draw(seed, inputs) as u16, 1 + draw(seed, 9) as u16, draw(seed, 2) == 0);
        let left_side = grown(seed, left, inputs);
        let right_side = grown(seed, leaves - left, inputs);
        [vec![split], left_side, right_side].concat()
    }

    #[test]
    fn ruling_out_is_walking_down() {
        let mut seed = 7;
        for (inputs, trees) in [(1, 3), (4, 40), (60, 25)] {
            let grown: Vec<Tree> = (0..trees)
                .map(|_| {
                    let leaves = 1 + draw(&mut seed, 32);
                    grown(&mut seed, leaves, inputs)
                })
                .collect();
            let forest = Forest::new(inputs as u16, 0.5, 1.0, &grown).unwrap();
            let row = |seed: &mut u64| -> Vec<u16> {
                let bin = |seed: &mut u64| {
                    if draw(seed, 8) == 0 { MISSING_BIN } else { draw(seed, 12) as u16 }
                };
                (0..inputs).map(|_| bin(seed)).collect()
            };
            let rows: Vec<Vec<u16>> = (0..101).map(|_| row(&mut seed)).collect();
            let found = forest.evaluate(&rows.concat(), rows.len());
            for (row, found) in rows.iter().zip(found) {
                let expected = grown.iter().fold(0.5, |sum, tree| sum + walked(tree, row));
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn a_loss_is_never_negative() {
        let forest = Forest::new(0, 1.0, 1.0, &[vec![Leaf(-3.0)]]).unwrap();
        assert_eq!(forest.evaluate(&[], 3), [0.0; 3]);
        let constant = Forest::new(0, 1.5, 4.0, &[]).unwrap();
        assert_eq!(constant.evaluate(&[], 2), [6.0; 2]);
        assert_eq!(constant.evaluate(&[], 0), [0.0; 0]);
    }
}
