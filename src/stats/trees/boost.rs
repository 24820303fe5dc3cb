//! Growing regression trees one upon another.

use std::cmp::Ordering;
use std::ops::Range;

use super::forest::{Node, Tree};

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
    let mut grower = Grower {
        columns,
        places: Layout::new(columns),
        growth,
        order: (0..rows as u32).collect(),
        scratch: Vec::with_capacity(rows),
    };
    let mut trees = Vec::with_capacity(growth.trees);
    for _ in 0..growth.trees {
        trees.push(grower.grow(&mut left));
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

/// A leaf that may still be split.
struct Leaf {
    /// Which of the tree's nodes it is.
    node: usize,
    /// Its rows, in the grower's order.
    rows: Range<usize>,
    whole: Cell,
    cells: Vec<Cell>,
    best: Option<Best>,
}

/// A split, and what it gains.
#[derive(Clone, Copy)]
struct Best {
    gain: f64,
    column: usize,
    /// The bin from which on rows go right.
    cut: usize,
    missing_right: bool,
}

/// A node while its tree grows.
enum Growing {
    Leaf(f64),
    Split { best: Best, left: usize, right: usize },
}

struct Grower<'c> {
    columns: &'c [Binned],
    places: Layout,
    growth: Growth,
    /// Row numbers, those of a leaf side by side.
    order: Vec<u32>,
    scratch: Vec<u32>,
}

impl Grower<'_> {
    /// Grows a tree, and takes away what it explains.
    fn grow(&mut self, left: &mut [f64]) -> Tree {
        let rows = 0..self.order.len();
        for (place, row) in self.order.iter_mut().zip(0..) {
            *place = row;
        }
        let mut root = Leaf {
            node: 0,
            rows: rows.clone(),
            whole: Cell { sum: left.iter().sum(), rows: rows.len() as u64 },
            cells: self.counted(rows, left),
            best: None,
        };
        root.best = self.best(&root);
        let mut nodes = vec![Growing::Leaf(0.0)];
        let mut leaves = vec![root];
        while leaves.len() < self.growth.leaves {
            let gain = |at: usize| leaves[at].best.map_or(0.0, |best| best.gain);
            // Of equal ones the first.
            let most = (0..leaves.len()).max_by(|&a, &b| {
                gain(a).partial_cmp(&gain(b)).unwrap_or(Ordering::Equal).then(b.cmp(&a))
            });
            let Some((at, best)) = most.and_then(|at| Some((at, leaves[at].best?))) else { break };
            let parent = leaves.swap_remove(at);
            let [a, b] = self.split(parent, best, left, &mut nodes);
            // The place of the leaf that was split, and the end.
            leaves.push(a);
            let end = leaves.len() - 1;
            leaves.swap(at, end);
            leaves.push(b);
        }
        for leaf in &leaves {
            let value = f64::from(
                (self.growth.step * leaf.whole.sum / leaf.whole.rows.max(1) as f64) as f32,
            );
            nodes[leaf.node] = Growing::Leaf(value);
            for &row in &self.order[leaf.rows.clone()] {
                left[row as usize] -= value;
            }
        }
        written(&nodes)
    }

    /// Splits a leaf in two.
    fn split(
        &mut self,
        parent: Leaf,
        best: Best,
        left: &[f64],
        nodes: &mut Vec<Growing>,
    ) -> [Leaf; 2] {
        let Best { column, cut, missing_right, .. } = best;
        let bins = &self.columns[column];
        let rows = &mut self.order[parent.rows.clone()];
        self.scratch.clear();
        let mut kept = 0;
        for at in 0..rows.len() {
            let row = rows[at];
            let bin = usize::from(bins.rows[row as usize]);
            let right = if bin == bins.bins { missing_right } else { bin >= cut };
            if right {
                self.scratch.push(row);
            } else {
                rows[kept] = row;
                kept += 1;
            }
        }
        rows[kept..].copy_from_slice(&self.scratch);
        let middle = parent.rows.start + kept;
        let sides = [parent.rows.start..middle, middle..parent.rows.end];
        // The smaller side is counted, the other is what is left.
        let smaller = usize::from(sides[1].len() < sides[0].len());
        let counted = self.counted(sides[smaller].clone(), left);
        let mut rest = parent.cells;
        for (cell, counted) in rest.iter_mut().zip(&counted) {
            cell.sum -= counted.sum;
            cell.rows -= counted.rows;
        }
        let cells = if smaller == 0 { [counted, rest] } else { [rest, counted] };
        let first = nodes.len();
        nodes.push(Growing::Leaf(0.0));
        nodes.push(Growing::Leaf(0.0));
        nodes[parent.node] = Growing::Split { best, left: first, right: first + 1 };
        let leaf = |(node, rows, cells): (usize, Range<usize>, Vec<Cell>)| {
            let sum = self.order[rows.clone()].iter().map(|&row| left[row as usize]).sum();
            let whole = Cell { sum, rows: rows.len() as u64 };
            let leaf = Leaf { node, rows, whole, cells, best: None };
            Leaf { best: self.best(&leaf), ..leaf }
        };
        let ([low, high], [of_low, of_high]) = (sides, cells);
        [(first, low, of_low), (first + 1, high, of_high)].map(leaf)
    }

    /// The histogram of rows.
    fn counted(&self, rows: Range<usize>, left: &[f64]) -> Vec<Cell> {
        let mut cells = vec![Cell::default(); self.places.cells];
        let order = &self.order[rows];
        let values: Vec<f64> = order.iter().map(|&row| left[row as usize]).collect();
        for (column, &start) in self.columns.iter().zip(&self.places.starts) {
            let cells = &mut cells[start..=start + column.bins];
            for (&row, value) in order.iter().zip(&values) {
                let cell = &mut cells[usize::from(column.rows[row as usize])];
                cell.sum += value;
                cell.rows += 1;
            }
        }
        cells
    }

    /// The split that gains most, where one gains anything.
    fn best(&self, leaf: &Leaf) -> Option<Best> {
        let least = self.growth.rows_of_leaf;
        if leaf.whole.rows < 2 * least {
            return None;
        }
        let alone = score(leaf.whole);
        let mut best: Option<Best> = None;
        for (index, (column, &start)) in self.columns.iter().zip(&self.places.starts).enumerate() {
            let cells = &leaf.cells[start..=start + column.bins];
            let mut consider = |right: Cell, cut: usize, missing_right: bool| {
                let left =
                    Cell { sum: leaf.whole.sum - right.sum, rows: leaf.whole.rows - right.rows };
                if right.rows < least || left.rows < least {
                    return;
                }
                let gain = score(left) + score(right) - alone;
                if gain > best.map_or(0.0, |best| best.gain) {
                    best = Some(Best { gain, column: index, cut, missing_right });
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
}

/// The tree in the order of [`Node`].
fn written(nodes: &[Growing]) -> Tree {
    let mut tree = Vec::with_capacity(nodes.len());
    let mut next = vec![0];
    while let Some(at) = next.pop() {
        match nodes[at] {
            Growing::Leaf(value) => tree.push(Node::Leaf(value as f32)),
            Growing::Split { best, left, right } => {
                tree.push(Node::Split {
                    input: best.column as u16,
                    cut: best.cut as u16,
                    missing_right: best.missing_right,
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
