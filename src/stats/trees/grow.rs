//! Growing a tree, the leaf that gains most first.

use std::mem;
use std::ops::Range;

/// What a tree grows on: rows by number, and how they can be split.
///
/// Whoever boosts says what is summed of a row and what a split is worth; which leaf is split next, which rows go where
/// and what need not be summed is the same for all. Source: Ke et al. (2017), "`LightGBM`".
pub(crate) trait Ground {
    /// Sums over the rows of a leaf, by what they can be split at.
    type Sums: Default;
    /// A split.
    type Split: Copy;

    /// Whether so many rows can be split at all.
    fn can_split(&self, rows: usize) -> bool;
    /// The sums over rows, in place of whatever was there.
    fn sum(&self, rows: &[u32], sums: &mut Self::Sums);
    /// Turns the sums of a leaf into those of one of its parts, given the other's.
    fn take_away(&self, whole: &mut Self::Sums, part: &Self::Sums);
    /// The split of these rows that gains most, and how much, where one gains anything.
    fn best(&self, rows: &[u32], sums: &Self::Sums) -> Option<(f64, Self::Split)>;
    /// Whether a row goes left.
    fn goes_left(&self, split: &Self::Split, row: u32) -> bool;
}

/// Rows by number, those of a leaf side by side, and room to sort and to sum them, for one tree after the other.
#[derive(Debug, Default)]
pub(crate) struct Order<S> {
    /// Rows that the tree grows on.
    rows: Vec<u32>,
    /// Rows that go along, and have no say.
    along: Vec<u32>,
    room: Vec<u32>,
    /// Sums that nobody needs any more.
    spare: Vec<S>,
}

impl<S: Default> Order<S> {
    /// Takes the rows that the next tree grows on, and those that go along.
    pub(crate) fn set(
        &mut self,
        rows: impl Iterator<Item = u32>,
        along: impl Iterator<Item = u32>,
    ) {
        self.rows.clear();
        self.rows.extend(rows);
        self.along.clear();
        self.along.extend(along);
        self.room.resize(self.rows.len().max(self.along.len()), 0);
    }

    /// The rows of a leaf: those that the tree grew on, and those that went along.
    pub(crate) fn of<T>(&self, leaf: &Leaf<T>) -> (&[u32], &[u32]) {
        (&self.rows[leaf.rows.clone()], &self.along[leaf.along.clone()])
    }

    /// The sums over some of the rows.
    fn sum<G: Ground<Sums = S>>(&mut self, ground: &G, rows: Range<usize>) -> S {
        let mut sums = self.spare.pop().unwrap_or_default();
        ground.sum(&self.rows[rows], &mut sums);
        sums
    }
}

/// A leaf.
pub(crate) struct Leaf<S> {
    /// Which of the tree's nodes it is.
    pub(crate) node: usize,
    rows: Range<usize>,
    along: Range<usize>,
    /// What gains most, while the tree grows.
    best: Option<(f64, S)>,
}

/// A node of a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Grown<S> {
    /// It is a leaf.
    Leaf,
    /// Where its rows part, what that gains, and the nodes to either side.
    Split { split: S, gain: f64, left: usize, right: usize },
}

/// A tree: its nodes, the first being the root, and its leaves.
pub(crate) type Whole<S> = (Vec<Grown<S>>, Vec<Leaf<S>>);

/// Grows a tree of so many leaves at most.
pub(crate) fn grow<G: Ground>(
    ground: &G,
    order: &mut Order<G::Sums>,
    leaves: usize,
) -> Whole<G::Split> {
    let most = leaves.max(1);
    let all = 0..order.rows.len();
    let root = Leaf { node: 0, rows: all.clone(), along: 0..order.along.len(), best: None };
    let mut nodes = vec![Grown::Leaf];
    let mut leaves = vec![root];
    // The sums of each leaf, where it can be split.
    let mut sums = vec![G::Sums::default()];
    if most > 1 && ground.can_split(all.len()) {
        sums[0] = order.sum(ground, all);
        leaves[0].best = ground.best(&order.rows, &sums[0]);
    }
    while leaves.len() < most {
        let gain = |leaf: &Leaf<G::Split>| leaf.best.map_or(0.0, |(gain, _)| gain);
        // Of equal ones the first.
        let mut at = 0;
        for other in 1..leaves.len() {
            if gain(&leaves[other]) > gain(&leaves[at]) {
                at = other;
            }
        }
        let Some((gain, split)) = leaves[at].best else { break };
        let Leaf { node, rows, along, .. } = &leaves[at];
        let (node, rows, along) = (*node, rows.clone(), along.clone());
        let middle =
            rows.start + part(ground, &split, &mut order.rows[rows.clone()], &mut order.room);
        let along_middle =
            along.start + part(ground, &split, &mut order.along[along.clone()], &mut order.room);
        let first = nodes.len();
        nodes.extend([Grown::Leaf, Grown::Leaf]);
        nodes[node] = Grown::Split { split, gain, left: first, right: first + 1 };
        let sides = [rows.start..middle, middle..rows.end];
        // Nobody asks what the last two leaves would be split at.
        let is_last = leaves.len() + 1 == most;
        let can_split = sides.clone().map(|side| !is_last && ground.can_split(side.len()));
        let mut parts = [G::Sums::default(), G::Sums::default()];
        let mut whole = mem::take(&mut sums[at]);
        if can_split.contains(&true) {
            // The smaller side is summed, the other is what is left.
            let smaller = usize::from(sides[1].len() < sides[0].len());
            parts[smaller] = order.sum(ground, sides[smaller].clone());
            ground.take_away(&mut whole, &parts[smaller]);
            parts[1 - smaller] = whole;
        } else {
            order.spare.push(whole);
        }
        let best = [0, 1].map(|side: usize| {
            let rows = &order.rows[sides[side].clone()];
            can_split[side].then(|| ground.best(rows, &parts[side])).flatten()
        });
        let [left, right] = sides;
        // The place of the leaf that was split, and the end.
        leaves[at] =
            Leaf { node: first, rows: left, along: along.start..along_middle, best: best[0] };
        leaves.push(Leaf {
            node: first + 1,
            rows: right,
            along: along_middle..along.end,
            best: best[1],
        });
        let [left, right] = parts;
        sums[at] = left;
        sums.push(right);
    }
    order.spare.extend(sums);
    (nodes, leaves)
}

/// Puts the rows that go left before those that go right, both in their order; how many go left.
fn part<G: Ground>(ground: &G, split: &G::Split, rows: &mut [u32], room: &mut [u32]) -> usize {
    let (mut left, mut right) = (0, 0);
    // Without branches, as nobody can guess which way a row goes. What is written before its time is written over.
    for at in 0..rows.len() {
        let row = rows[at];
        let goes_left = usize::from(ground.goes_left(split, row));
        rows[left] = row;
        room[right] = row;
        left += goes_left;
        right += 1 - goes_left;
    }
    rows[left..].copy_from_slice(&room[..right]);
    left
}
