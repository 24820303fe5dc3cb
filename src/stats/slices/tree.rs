//! The worst leaves of a shallow tree on the loss.

use super::bound::chance;
use super::search::LEVEL;
use super::sliced::Spread;
use crate::stats::Undefined;
use crate::stats::classifier::{CODES, Coded};
use crate::stats::trees::{self, Ground, Grown, Order};

/// The tree has at most so many leaves.
const LEAVES: usize = 8;
/// A leaf has at least so many rows of those that the tree grows on...
const LEAST_ROWS: usize = 50;
/// ...and one in so many.
const LEAST_SHARE: usize = 50;
/// With fewer rows on either side nothing is said.
const LEAST: usize = 300;

/// Which codes of a feature: a bit each.
type Codes = u64;
const _: () = assert!(CODES == Codes::BITS as usize, "a bit a code");

/// A part of the rows whose loss is greater than elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct WorstPart {
    /// Features and which of their codes, a bit each; all of them must hold.
    pub conditions: Vec<(usize, u64)>,
    /// Rows that the tree has not seen.
    pub of: Spread,
    /// How far their mean loss is above that of all such rows.
    pub excess: f64,
    /// One standard error of that.
    pub error: f64,
    /// A bound of the probability of such a leaf by chance, among all that were asked about.
    pub p_value: f64,
}

/// Where a loss is greatest.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// Rows that the tree has not seen, and their losses.
    pub unseen: Spread,
    /// How many leaves they were asked about.
    pub asked: usize,
    /// The leaves that are worse there too, those first that hold most of the excess.
    pub found: Vec<WorstPart>,
}

/// The worst leaves of a tree on the losses of some rows, as other rows confirm them.
///
/// The tree has at most eight leaves of at least 50 rows and one row in 50, and parts where the squares around the means
/// of both sides fall most (Breiman et al. 1984), the leaf first that gains most. Of each leaf with a greater loss than all
/// rows conditions are dropped one by one as long as it stands out by no fewer standard errors for that (Quinlan 1987).
/// Then the rows in `unseen` are asked, those of the worst leaf first, without the rows of leaves that were found before:
/// a leaf is found where [`chance`] times the number of leaves is at most a twentieth. So figures of it are of rows that had
/// no part in finding it, and no more of it than of any other part of such rows. O(rows features leaves).
///
/// # Errors
/// `Empty` without features; `TooFew` with fewer than 300 rows on either side; `Constant` where losses are all equal;
/// `Infinite` where one is not finite.
pub fn worst_parts(
    rows: &Coded,
    losses: &[f64],
    unseen: &[bool],
    most: usize,
) -> Result<Worst, Undefined> {
    if rows.ordered.is_empty() {
        return Err(Undefined::Empty);
    }
    let all = rows.len().min(losses.len()).min(unseen.len());
    let (other, grown): (Vec<u32>, Vec<u32>) =
        (0..all as u32).partition(|&row| unseen[row as usize]);
    if other.len() < LEAST || grown.len() < LEAST {
        return Err(Undefined::TooFew);
    }
    if losses[..all].iter().any(|loss| !loss.is_finite()) {
        return Err(Undefined::Infinite);
    }
    let ground =
        Losses { rows, of_rows: losses, least: (grown.len() / LEAST_SHARE).max(LEAST_ROWS) };
    let mut order = Order::default();
    order.set(grown.iter().copied(), [].into_iter());
    let (nodes, leaves) = trees::grow(&ground, &mut order, LEAVES);
    let whole = ground.spread(&grown, &[]).ok_or(Undefined::Empty)?;
    if whole.variance <= 0.0 {
        return Err(Undefined::Constant);
    }
    let mut asked: Vec<(f64, Vec<(usize, Codes)>)> = Vec::new();
    for leaf in leaves {
        let conditions = ground.shortened(&grown, &whole, path(&nodes, leaf.node));
        let Some(of) = ground.spread(&grown, &conditions) else { continue };
        let held = (of.mean - whole.mean) * of.rows as f64;
        if held > 0.0 && !conditions.is_empty() && !asked.iter().any(|(_, of)| *of == conditions) {
            asked.push((held, conditions));
        }
    }
    asked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let unseen = ground.spread(&other, &[]).ok_or(Undefined::Empty)?;
    let mut rest = other.clone();
    let mut found: Vec<WorstPart> = Vec::new();
    for (_, conditions) in &asked {
        let (Some(of), Some(all)) = (ground.spread(&rest, conditions), ground.spread(&rest, &[]))
        else {
            continue;
        };
        let of_rest: Vec<f64> = rest.iter().map(|&row| losses[row as usize]).collect();
        let p_value = chance(&of_rest, all.mean, of.rows, of.mean - all.mean) * asked.len() as f64;
        if p_value > LEVEL || found.len() >= most {
            continue;
        }
        rest.retain(|&row| !ground.is_in(conditions, row));
        let others: Vec<u32> =
            other.iter().copied().filter(|&row| !ground.is_in(conditions, row)).collect();
        let (Some(of), Some(others)) =
            (ground.spread(&other, conditions), ground.spread(&others, &[]))
        else {
            continue;
        };
        let error = of.above(&others).1 * others.rows as f64 / unseen.rows as f64;
        let excess = of.mean - unseen.mean;
        found.push(WorstPart { conditions: conditions.clone(), of, excess, error, p_value });
    }
    let held = |part: &WorstPart| part.excess * part.of.rows as f64;
    found.sort_by(|a, b| held(b).total_cmp(&held(a)).then_with(|| a.conditions.cmp(&b.conditions)));
    Ok(Worst { unseen, asked: asked.len(), found })
}

/// The conditions that lead to a node, one a feature.
fn path(nodes: &[Grown<Split>], to: usize) -> Vec<(usize, Codes)> {
    let mut conditions: Vec<(usize, Codes)> = Vec::new();
    let mut at = to;
    while at != 0 {
        let above = nodes.iter().enumerate().find_map(|(parent, node)| match node {
            Grown::Split { split, left, right, .. } if *left == at || *right == at => {
                Some((parent, split, *left == at))
            }
            _ => None,
        });
        let Some((parent, split, is_left)) = above else { break };
        let codes = if is_left { split.left } else { !split.left };
        match conditions.iter_mut().find(|(feature, _)| *feature == split.feature) {
            Some((_, known)) => *known &= codes,
            None => conditions.push((split.feature, codes)),
        }
        at = parent;
    }
    conditions.sort_unstable();
    conditions
}

/// A split: which codes of a feature go left.
#[derive(Clone, Copy, Debug)]
struct Split {
    feature: usize,
    left: Codes,
}

/// What a tree grows on.
struct Losses<'r> {
    rows: &'r Coded,
    of_rows: &'r [f64],
    least: usize,
}

/// The rows of a code, and the sum of their losses.
type Cell = (f64, f64);

impl Losses<'_> {
    #[inline]
    fn is_in(&self, conditions: &[(usize, Codes)], row: u32) -> bool {
        let codes = self.rows.row(row as usize);
        conditions.iter().all(|&(feature, set)| contains(set, codes[feature]))
    }

    /// The losses of the rows that fulfil all conditions.
    fn spread(&self, rows: &[u32], conditions: &[(usize, Codes)]) -> Option<Spread> {
        let rows = rows.iter().filter(|&&row| self.is_in(conditions, row));
        Spread::of(rows.map(|&row| self.of_rows[row as usize]))
    }

    /// Conditions without those that it does not need to stand out by as many standard errors.
    fn shortened(
        &self,
        rows: &[u32],
        whole: &Spread,
        mut conditions: Vec<(usize, Codes)>,
    ) -> Vec<(usize, Codes)> {
        let far = |conditions: &[(usize, Codes)]| {
            let of = self.spread(rows, conditions)?;
            (of.rows < whole.rows).then(|| (of.mean - whole.mean) * (of.rows as f64).sqrt())
        };
        while conditions.len() > 1 {
            let Some(now) = far(&conditions) else { break };
            let shorter = (0..conditions.len()).filter_map(|at| {
                let mut fewer = conditions.clone();
                fewer.remove(at);
                Some((far(&fewer)?, fewer))
            });
            match shorter.max_by(|a, b| a.0.total_cmp(&b.0)) {
                Some((far, fewer)) if far >= now => conditions = fewer,
                _ => break,
            }
        }
        conditions
    }

    /// What is gained by parting the rows so; `None` where a side is too small.
    fn gain(&self, whole: Cell, left: Cell) -> Option<f64> {
        let right = (whole.0 - left.0, whole.1 - left.1);
        if left.0.min(right.0) < self.least as f64 {
            return None;
        }
        let worth = |(rows, sum): Cell| sum * sum / rows;
        let gain = worth(left) + worth(right) - worth(whole);
        (gain > 1e-12 * worth(whole).abs()).then_some(gain)
    }
}

impl Ground for Losses<'_> {
    type Sums = Vec<Cell>;
    type Split = Split;

    fn can_split(&self, rows: usize) -> bool {
        rows >= 2 * self.least
    }

    fn sum(&self, rows: &[u32], sums: &mut Vec<Cell>) {
        let features = self.rows.ordered.len();
        sums.clear();
        sums.resize(features * CODES, (0.0, 0.0));
        for &row in rows {
            let loss = self.of_rows[row as usize];
            for (feature, &code) in self.rows.row(row as usize).iter().enumerate() {
                let cell = &mut sums[feature * CODES + usize::from(code) % CODES];
                cell.0 += 1.0;
                cell.1 += loss;
            }
        }
    }

    fn take_away(&self, whole: &mut Vec<Cell>, part: &Vec<Cell>) {
        for (whole, part) in whole.iter_mut().zip(part) {
            whole.0 -= part.0;
            whole.1 -= part.1;
        }
    }

    fn best(&self, _: &[u32], sums: &Vec<Cell>) -> Option<(f64, Split)> {
        let mut best: Option<(f64, Split)> = None;
        for ((feature, &ordered), cells) in
            self.rows.ordered.iter().enumerate().zip(sums.chunks_exact(CODES))
        {
            let whole = cells.iter().fold((0.0, 0.0), add);
            let mut take = |left: Cell, set: Codes| {
                if let Some(gain) = self.gain(whole, left)
                    && best.is_none_or(|(most, _)| gain > most)
                {
                    best = Some((gain, Split { feature, left: set }));
                }
            };
            let mut present: Vec<usize> = (0..CODES).filter(|&code| cells[code].0 > 0.0).collect();
            if ordered {
                // Missing values go to either side, or are one.
                let missing = cells[0];
                let mut below = (0.0, 0.0);
                for (code, cell) in cells.iter().enumerate().skip(1) {
                    below = add(below, cell);
                    let set = up_to(code) & !1;
                    take(below, set);
                    if missing.0 > 0.0 {
                        take(add(below, &missing), set | 1);
                    }
                }
                take(missing, 1);
            } else {
                // The best of all sets is a run in the order of the means (Fisher 1958).
                let mean = |code: usize| cells[code].1 / cells[code].0;
                present.sort_by(|&a, &b| mean(b).total_cmp(&mean(a)).then(a.cmp(&b)));
                let (mut left, mut set) = ((0.0, 0.0), 0);
                for code in present {
                    left = add(left, &cells[code]);
                    set |= 1 << code;
                    take(left, set);
                }
            }
        }
        best
    }

    #[inline]
    fn goes_left(&self, split: &Split, row: u32) -> bool {
        contains(split.left, self.rows.row(row as usize)[split.feature])
    }
}

fn add(a: Cell, b: &Cell) -> Cell {
    (a.0 + b.0, a.1 + b.1)
}

/// All codes up to one.
fn up_to(code: usize) -> Codes {
    Codes::MAX >> (CODES - 1 - code)
}

#[inline]
fn contains(set: Codes, code: u8) -> bool {
    set >> (u32::from(code) % Codes::BITS) & 1 == 1
}
