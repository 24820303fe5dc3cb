//! Which rows of two models are the same prediction.

use std::collections::BTreeSet;

use crate::diagnosis::compare::figures::Side;
use crate::diagnosis::compare::scored::{NO_CLASS, Scored};

/// The rows of two models that are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairing {
    /// The champion's rows.
    pub champion: Vec<u32>,
    /// The challenger's: where both scored the same ones, in the same order.
    pub challenger: Vec<u32>,
    /// Whether both scored the same ones.
    pub traffic: Traffic,
    /// Rows of either that were left out: the other has none of their id.
    pub alone: (u64, u64),
    /// Rows that were left out as their id is there several times, or missing.
    pub doubled: u64,
    /// Pairs that were left out as the two sides know different targets.
    pub contradicted: u64,
}

/// Who scored what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Traffic {
    /// Both scored the same predictions.
    #[default]
    Paired,
    /// Each scored its own.
    Split,
}

impl Pairing {
    /// Those of a segment: of pairs the champion's row tells.
    #[must_use]
    pub fn of_segment(&self, sides: (Side<'_>, Side<'_>), split: usize, segment: u16) -> Self {
        let is = |side: Side<'_>, row: u32| {
            let split = side.scored.segments.get(split);
            split.and_then(|of| of.get(row as usize)) == Some(&segment)
        };
        let mut found = Self { champion: Vec::new(), challenger: Vec::new(), ..self.clone() };
        match self.traffic {
            Traffic::Paired => {
                let pairs = self.champion.iter().zip(&self.challenger);
                (found.champion, found.challenger) =
                    pairs.filter(|(row, _)| is(sides.0, **row)).unzip();
            }
            Traffic::Split => {
                let of = |side, rows: &[u32]| {
                    rows.iter().copied().filter(|&row| is(side, row)).collect()
                };
                found.champion = of(sides.0, &self.champion);
                found.challenger = of(sides.1, &self.challenger);
            }
        }
        found
    }
}

/// Pairs the rows that have the same id.
pub fn pair(champion: &Scored, challenger: &Scored) -> Pairing {
    let mut found = Pairing::default();
    let (first, doubled) = sorted(&champion.ids);
    let (second, doubled_too) = sorted(&challenger.ids);
    found.doubled = doubled + doubled_too;
    let mut pairs = Vec::new();
    let mut next = second.iter().peekable();
    for &(id, row) in &first {
        while next.next_if(|(other, _)| *other < id).is_some() {}
        if let Some((_, other)) = next.next_if(|(other, _)| *other == id) {
            pairs.push((row, *other));
        }
    }
    found.alone = ((first.len() - pairs.len()) as u64, (second.len() - pairs.len()) as u64);
    let before = pairs.len();
    pairs.retain(|&(a, b)| agree(champion, a as usize, challenger, b as usize));
    found.contradicted = (before - pairs.len()) as u64;
    // In the champion's order, whatever the ids are.
    pairs.sort_unstable();
    (found.champion, found.challenger) = pairs.into_iter().unzip();
    found
}

/// All rows of each.
pub fn side_by_side(champion: &Scored, challenger: &Scored) -> Pairing {
    Pairing {
        champion: (0..champion.len() as u32).collect(),
        challenger: (0..challenger.len() as u32).collect(),
        traffic: Traffic::Split,
        ..Pairing::default()
    }
}

/// Ids and their rows, and how many rows have none or one that is there several times.
fn sorted(ids: &[Option<u128>]) -> (Vec<(u128, u32)>, u64) {
    let with_id = ids.iter().enumerate().filter_map(|(row, id)| Some(((*id)?, row as u32)));
    let mut sorted: Vec<(u128, u32)> = with_id.collect();
    sorted.sort_unstable();
    let doubled: BTreeSet<u128> =
        sorted.windows(2).filter(|two| two[0].0 == two[1].0).map(|two| two[0].0).collect();
    sorted.retain(|(id, _)| !doubled.contains(id));
    let left = (ids.len() - sorted.len()) as u64;
    (sorted, left)
}

/// Whether two rows of the same id know the same target, or one of them none.
fn agree(first: &Scored, row: usize, second: &Scored, other: usize) -> bool {
    if let (Some(&a), Some(&b)) = (first.truth.get(row), second.truth.get(other)) {
        return a == NO_CLASS || b == NO_CLASS || a == b;
    }
    match (first.numbers.get(row), second.numbers.get(other)) {
        (Some([_, a]), Some([_, b])) => a.is_nan() || b.is_nan() || a == b,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(ids: &[Option<u128>], truth: &[u16]) -> Scored {
        Scored { ids: ids.to_vec(), truth: truth.to_vec(), ..Scored::default() }
    }

    #[test]
    fn rows_of_one_id_are_a_pair() {
        let champion = scored(&[Some(7), Some(3), Some(9), None, Some(5)], &[0, 1, NO_CLASS, 0, 1]);
        let challenger = scored(&[Some(9), Some(7), Some(4), Some(5)], &[1, 0, 1, 0]);
        let found = pair(&champion, &challenger);
        assert_eq!(found.champion, [0, 2]);
        assert_eq!(found.challenger, [1, 0]);
        assert_eq!((found.alone, found.doubled, found.contradicted), ((1, 1), 1, 1));
    }

    #[test]
    fn an_id_that_is_there_twice_is_no_pair() {
        let champion = scored(&[Some(7), Some(7), Some(1)], &[0, 1, 0]);
        let challenger = scored(&[Some(7), Some(1)], &[0, 0]);
        let found = pair(&champion, &challenger);
        assert_eq!((found.champion, found.challenger, found.doubled), (vec![2], vec![1], 2));
    }
}
