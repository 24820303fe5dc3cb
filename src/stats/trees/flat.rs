//! A forest as it is stored.

use serde::{Deserialize, Serialize};

use super::forest::{Forest, Node, Tree};
use super::input::MISSING_BIN;
use super::table::{Condition, Table};

/// Why stored arrays are no forest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForestError {
    /// A tree that ends too early, goes on too long, or has more than 32 leaves.
    #[error("tree {0} is not whole, or too large")]
    Shape(usize),
    /// Splits and leaves that do not fit the shapes.
    #[error("there are not as many splits and leaves as the trees have")]
    Length,
    /// A split of an input that is not there, or at a bin that none is below.
    #[error("a split is of no input or at no cut")]
    Split,
    /// A number that is not finite.
    #[error("a leaf is not finite")]
    Leaf,
}

/// A forest as it is stored: the shapes of its trees, and what their splits and leaves say, in the order of [`Node`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Flat {
    /// How many inputs there are.
    inputs: u16,
    /// What the trees add to.
    pub(super) base: f64,
    /// What the sum is in units of.
    pub(super) unit: f64,
    /// A letter a node: `l` and `r` for a split where missing numbers go left or right, `.` for a leaf.
    trees: Vec<String>,
    /// The input of each split.
    splits: Vec<u16>,
    /// The bin from which on rows go right, of each split.
    cuts: Vec<u16>,
    leaves: Vec<f32>,
}

impl Flat {
    pub(super) fn from_trees(inputs: u16, base: f64, unit: f64, trees: &[Tree]) -> Self {
        let (mut splits, mut cuts, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
        let mut letter = |node: &Node| match *node {
            Node::Split { input, cut, missing_right } => {
                splits.push(input);
                cuts.push(cut);
                if missing_right { 'r' } else { 'l' }
            }
            Node::Leaf(value) => {
                leaves.push(value);
                '.'
            }
        };
        let trees = trees.iter().map(|tree| tree.iter().map(&mut letter).collect()).collect();
        Self { inputs, base, unit, trees, splits, cuts, leaves }
    }
}

impl From<Forest> for Flat {
    fn from(forest: Forest) -> Self {
        forest.flat
    }
}

impl TryFrom<Flat> for Forest {
    type Error = ForestError;

    fn try_from(flat: Flat) -> Result<Self, ForestError> {
        let finite = [flat.base, flat.unit].iter().all(|value| value.is_finite());
        if !finite || !flat.leaves.iter().all(|leaf| leaf.is_finite()) {
            return Err(ForestError::Leaf);
        }
        if flat.splits.len() != flat.cuts.len() || flat.trees.len() > usize::from(u16::MAX) {
            return Err(ForestError::Length);
        }
        let mut conditions: Vec<Vec<Condition>> = vec![Vec::new(); flat.inputs.into()];
        let (mut splits, mut first, mut leaves) = (0, Vec::new(), 0);
        for (number, shape) in flat.trees.iter().enumerate() {
            first.push(leaves as u32);
            for (missing_right, left) in shape_of(shape).ok_or(ForestError::Shape(number))? {
                let (Some(&input), Some(&cut)) = (flat.splits.get(splits), flat.cuts.get(splits))
                else {
                    return Err(ForestError::Length);
                };
                let of_input = conditions.get_mut(usize::from(input)).ok_or(ForestError::Split)?;
                if cut == 0 || cut >= MISSING_BIN - 1 {
                    return Err(ForestError::Split);
                }
                of_input.push(Condition { tree: number as u16, cut, missing_right, left });
                splits += 1;
            }
            leaves += shape.matches('.').count();
        }
        if splits != flat.splits.len() || leaves != flat.leaves.len() {
            return Err(ForestError::Length);
        }
        Ok(Self {
            first,
            leaves: flat.leaves.iter().copied().map(f64::from).collect(),
            tables: conditions.iter().map(|of| Table::new(of, flat.trees.len())).collect(),
            flat,
        })
    }
}

/// Of each split whether missing numbers go right, and the leaves on its left side, a bit each; `None` where the letters
/// are no tree.
fn shape_of(shape: &str) -> Option<Vec<(bool, u32)>> {
    let mut splits: Vec<(bool, u32)> = Vec::new();
    // Splits whose left side is not yet whole, and the first leaf of that.
    let mut open: Vec<(usize, u32)> = Vec::new();
    let mut leaves = 0;
    let mut is_whole = false;
    for letter in shape.chars() {
        if is_whole {
            return None;
        }
        match letter {
            'l' | 'r' => {
                open.push((splits.len(), leaves));
                splits.push((letter == 'r', 0));
            }
            '.' if leaves < u32::BITS => {
                leaves += 1;
                // What follows upon a leaf is the right side of the last split that has none: its left side is whole.
                match open.pop() {
                    Some((split, from)) => splits[split].1 = bits(from, leaves),
                    None => is_whole = true,
                }
            }
            _ => return None,
        }
    }
    is_whole.then_some(splits)
}

/// The leaves from one to before another, of 32 at most.
fn bits(from: u32, to: u32) -> u32 {
    (((1u64 << (to - from)) - 1) << from) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::trees::Node::{Leaf, Split};

    fn forest() -> Forest {
        let at = |input, cut, missing_right| Split { input, cut, missing_right };
        let trees = [
            vec![at(0, 3, true), Leaf(0.1), at(2, 1, false), Leaf(-1e-7), Leaf(3.5)],
            vec![Leaf(0.25)],
        ];
        Forest::new(3, 0.1, 1024.0, &trees).unwrap()
    }

    #[test]
    fn what_is_stored_comes_back() {
        let forest = forest();
        let text = serde_json::to_string(&forest).unwrap();
        let expected = r#"{"inputs":3,"base":0.1,"unit":1024.0,"trees":["r.l..","."],"splits":[0,2],"cuts":[3,1],"leaves":[0.1,-1e-7,3.5,0.25]}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Forest>(&text).unwrap(), forest);
    }

    #[test]
    fn damage_is_found() {
        let broken = |change: fn(&mut Flat)| {
            let mut flat = Flat::from(forest());
            change(&mut flat);
            Forest::try_from(flat).unwrap_err()
        };
        assert_eq!(broken(|flat| flat.trees[0] = "r.l.".to_owned()), ForestError::Shape(0));
        assert_eq!(broken(|flat| flat.trees[1] = "..".to_owned()), ForestError::Shape(1));
        assert_eq!(broken(|flat| flat.trees[1] = String::new()), ForestError::Shape(1));
        assert_eq!(broken(|flat| flat.trees[0] = "r.x..".to_owned()), ForestError::Shape(0));
        let large =
            |flat: &mut Flat| flat.trees[1] = format!("{}{}", "l".repeat(32), ".".repeat(33));
        assert_eq!(broken(large), ForestError::Shape(1));
        assert_eq!(broken(|flat| flat.splits[0] = 3), ForestError::Split);
        assert_eq!(broken(|flat| flat.cuts[0] = 0), ForestError::Split);
        assert_eq!(broken(|flat| flat.leaves.push(0.0)), ForestError::Length);
        assert_eq!(broken(|flat| flat.cuts.push(1)), ForestError::Length);
        assert_eq!(broken(|flat| flat.trees[1] = "l..".to_owned()), ForestError::Length);
        assert_eq!(broken(|flat| flat.leaves[0] = f32::NAN), ForestError::Leaf);
        assert_eq!(broken(|flat| flat.unit = f64::INFINITY), ForestError::Leaf);
    }
}
