//! Growing regression trees one upon another.

use std::iter;

use super::forest::{Node, Tree};
use super::grow::{Ground, Grown, Order, grow};

/// How trees are grown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// How many.
    pub trees: usize,
    /// How much of what is left each of them explains.
    pub step: f64,
    /// How many leaves a tree has at most.
    pub leaves: usize,
    /// How many rows a leaf has at least.
    pub rows_of_leaf: u64,
}

impl Growth {
    /// What `LightGBM` does where nothing is said.
    pub const DEFAULT: Self = Self { trees: 100, step: 0.1, leaves: 31, rows_of_leaf: 20 };
}

/// A column that trees may split, in bins.
#[derive(Clone, Debug)]
pub struct Binned {
    /// The bin of each row; that of missing numbers is `bins`.
    pub rows: Vec<u16>,
    /// How many bins there are, without that of missing numbers.
    pub bins: usize,
    /// Whether numbers are missing.
    pub has_missing: bool,
}

/// Grows trees for the mean of squares, and returns what they add to.
///
/// Gradient boosting over histograms, the leaf that gains most split first. Source: Friedman (2001); Ke et al. (2017).
/// One thread and no randomness, double precision throughout and sums in the order of the rows: the same rows give the
/// same trees on every machine. O(trees * columns * rows * depth).
pub fn boost(columns: &[Binned], targets: &[f64], growth: Growth) -> (f64, Vec<Tree>) {
    let rows = targets.len();
    let base = targets.iter().sum::<f64>() / rows.max(1) as f64;
    let mut left: Vec<f64> = targets.iter().map(|target| target - base).collect();
    let places = Layout::new(columns);
    let mut order = Order::default();
    let mut trees = Vec::with_capacity(growth.trees);
    for _ in 0..growth.trees {
        order.set(0..rows as u32, iter::empty());
        let ground = Squares { columns, places: &places, growth, left: &left };
        let (nodes, leaves) = grow(&ground, &mut order, growth.leaves);
        let mut values = vec![0.0; nodes.len()];
        for leaf in &leaves {
            let (rows, _) = order.of(leaf);
            let whole = ground.whole(rows);
            values[leaf.node] = (growth.step * whole.sum / whole.rows.max(1) as f64) as f32;
        }
        for leaf in &leaves {
            for &row in order.of(leaf).0 {
                left[row as usize] -= f64::from(values[leaf.node]);
            }
        }
        trees.push(written(&nodes, &values));
    }
    (base, trees)
}

/// Where the bins of each column lie in a histogram.
struct Layout {
    starts: Vec<usize>,
    cells: usize,
}

impl Layout {
    fn new(columns: &[Binned]) -> Self {
        let mut cells = 0;
        let starts = columns
            .iter()
            .map(|column| {
                let start = cells;
                cells += column.bins + 1;
                start
            })
            .collect();
        Self { starts, cells }
    }
}

/// The rows of a bin.
#[derive(Clone, Copy, Default)]
struct Cell {
    sum: f64,
    rows: u64,
}

/// A split.
#[derive(Clone, Copy)]
struct Place {
    column: usize,
    /// The bin from which on rows go right.
    cut: usize,
    missing_right: bool,
}

/// What a tree grows on: the bins of rows, and what is left to explain of each.
struct Squares<'c> {
    columns: &'c [Binned],
    places: &'c Layout,
    growth: Growth,
    left: &'c [f64],
}

impl Squares<'_> {
    /// All of these rows together, in their order.
    fn whole(&self, rows: &[u32]) -> Cell {
        let sum = rows.iter().map(|&row| self.left[row as usize]).sum();
        Cell { sum, rows: rows.len() as u64 }
    }
}

impl Ground for Squares<'_> {
    type Sums = Vec<Cell>;
    type Split = Place;

    fn can_split(&self, rows: usize) -> bool {
        rows as u64 >= 2 * self.growth.rows_of_leaf
    }

    fn sum(&self, rows: &[u32], cells: &mut Vec<Cell>) {
        cells.clear();
        cells.resize(self.places.cells, Cell::default());
        let values: Vec<f64> = rows.iter().map(|&row| self.left[row as usize]).collect();
        for (column, &start) in self.columns.iter().zip(&self.places.starts) {
            let cells = &mut cells[start..=start + column.bins];
            for (&row, value) in rows.iter().zip(&values) {
                let cell = &mut cells[usize::from(column.rows[row as usize])];
                cell.sum += value;
                cell.rows += 1;
            }
        }
    }

    fn take_away(&self, whole: &mut Vec<Cell>, part: &Vec<Cell>) {
        for (cell, part) in whole.iter_mut().zip(part) {
            cell.sum -= part.sum;
            cell.rows -= part.rows;
        }
    }

    fn best(&self, rows: &[u32], cells: &Vec<Cell>) -> Option<(f64, Place)> {
        let least = self.growth.rows_of_leaf;
        let whole = self.whole(rows);
        let alone = score(whole);
        let mut best: Option<(f64, Place)> = None;
        for (index, (column, &start)) in self.columns.iter().zip(&self.places.starts).enumerate() {
            let cells = &cells[start..=start + column.bins];
            let mut consider = |right: Cell, cut: usize, missing_right: bool| {
                let left = Cell { sum: whole.sum - right.sum, rows: whole.rows - right.rows };
                if right.rows < least || left.rows < least {
                    return;
                }
                let gain = score(left) + score(right) - alone;
                if gain > best.map_or(0.0, |(gain, _)| gain) {
                    best = Some((gain, Place { column: index, cut, missing_right }));
                }
            };
            let ways: &[bool] = if column.has_missing { &[false, true] } else { &[false] };
            for &missing_right in ways {
                let mut right = if missing_right { cells[column.bins] } else { Cell::default() };
                if missing_right {
                    consider(right, column.bins, true);
                }
                for cut in (1..column.bins).rev() {
                    right.sum += cells[cut].sum;
                    right.rows += cells[cut].rows;
                    if cells[cut].rows > 0 {
                        consider(right, cut, missing_right);
                    }
                }
            }
        }
        best
    }

    fn goes_left(&self, split: &Place, row: u32) -> bool {
        let column = &self.columns[split.column];
        let bin = usize::from(column.rows[row as usize]);
        if bin == column.bins { !split.missing_right } else { bin < split.cut }
    }
}

/// The tree in the order of [`Node`]; `values` are those of the leaves.
fn written(nodes: &[Grown<Place>], values: &[f32]) -> Tree {
    let mut tree = Vec::with_capacity(nodes.len());
    let mut next = vec![0];
    while let Some(at) = next.pop() {
        match nodes[at] {
            Grown::Leaf => tree.push(Node::Leaf(values[at])),
            Grown::Split { split, left, right, .. } => {
                tree.push(Node::Split {
                    input: split.column as u16,
                    cut: split.cut as u16,
                    missing_right: split.missing_right,
                });
                next.push(right);
                next.push(left);
            }
        }
    }
    tree
}

/// How much of the squares a leaf of these rows explains.
fn score(cell: Cell) -> f64 {
    cell.sum * cell.sum / cell.rows as f64
}
