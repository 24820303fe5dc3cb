//! The worst slices of some rows: all ranges of single fields, and all pairs of them.

use std::cmp::Ordering;

use super::bound::chance;
use super::sliced::{CELLS, Range, Sliced, Spread};
use crate::stats::{Undefined, normal_quantile};

/// The probability that any slice is named where the loss has nothing to do with the features.
pub const LEVEL: f64 = 0.05;
/// Pairs are made of at most so many fields: those whose values alone tell most.
pub const MOST_PAIRED: usize = 64;
/// More rows than this do not fit the counters.
pub(super) const MOST_ROWS: usize = (1 << ROWS) - 1;
/// With fewer rows nothing is said.
const LEAST_ROWS: usize = 300;
/// A slice has at least so many rows...
const LEAST_IN_SLICE: usize = 30;
/// ...and one in so many of all.
const LEAST_SHARE: usize = 100;
/// So many of the slices that stand out furthest are held against chance.
const TRIED: usize = 8;
/// Below so many standard deviations nothing is ever named: the bound is above that of one slice alone.
const FLOOR: f64 = 2.0;

/// Bits of a word that count rows; above them lies the sum of losses.
const ROWS: u32 = 20;
/// A loss in units: within 24 bits, so that a word holds them of 2^20 rows.
const UNITS: f64 = ((1 << 24) - 1) as f64;

/// A slice whose loss is greater than chance explains.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// One range, or two of different fields.
    pub ranges: Vec<Range>,
    /// Its rows.
    pub of: Spread,
    /// How far its mean loss is above that of all rows.
    pub excess: f64,
    /// One standard error of that.
    pub error: f64,
    /// How many slices of its kind (of one range, or of two) were looked at.
    pub among: u64,
    /// So many standard errors to either side of the excess hold those of all slices of the kind together, with
    /// probability 1 - [`LEVEL`].
    pub reach: f64,
    /// A bound of the probability of such a slice by chance, among all that were looked at.
    pub p_value: f64,
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Searched {
    /// Rows that were looked at.
    pub rows: u64,
    /// Their mean loss.
    pub mean: f64,
    /// The slices, those first that hold most of the excess: excess times rows.
    pub found: Vec<Found>,
    /// How many slices chance was allowed for.
    pub looked_at: u64,
    /// How many fields pairs were made of; fewer than there are only beyond [`MOST_PAIRED`].
    pub paired: usize,
}

/// Finds at most `most` slices whose mean loss is above that of all rows by more than chance explains.
///
/// Looked at are the cells of each field, of ordered ones also all up to a cell and all from one on, and all pairs of two
/// fields' ranges, as far as they hold one row in a hundred, and 30. The one that stands out by most standard deviations (of
/// a draw of as many rows without replacement) is held against [`chance`], times the number of slices looked at: the
/// single ones and the pairs have half of [`LEVEL`] each (Bonferroni). It is named if that is at most the level; then its
/// rows are left out, and what stands out of the rest is looked for: so no slice is named for the rows of another. A pair
/// is named only where it is worse than the rest of either of its ranges too; else the range is. Where the loss has
/// nothing to do with any field nothing is named with probability 1 - [`LEVEL`] at least, whatever the losses' distribution.
///
/// Sums are of integers, so they do not depend on order. O(rows fields^2) with at most [`MOST_PAIRED`] fields squared, for
/// each slice that is found and once more; no memory beyond the rows.
///
/// # Errors
/// `Empty` without fields or rows; `TooFew` below 300 rows; `Constant` where all losses are equal; `Infinite` where one is
/// not finite.
pub fn worst_slices(all: &Sliced, most: usize) -> Result<Searched, Undefined> {
    all.check(LEAST_ROWS)?;
    let least = (all.len() / LEAST_SHARE).max(LEAST_IN_SLICE);
    let whole = Spread::of(all.losses.iter().copied()).ok_or(Undefined::Empty)?;
    let mut rest = all.clone();
    let mut found: Vec<Found> = Vec::new();
    let mut looked_at = None;
    let mut paired = 0;
    while found.len() < most.max(1) {
        let scan = Scan::over(&rest, least);
        // Later rounds look at no more slices than the first.
        let counted = *looked_at.get_or_insert(scan.counted);
        paired = paired.max(scan.paired);
        if found.len() >= most {
            break;
        }
        let Some((ranges, p_value)) = scan.named(&rest, counted, least) else { break };
        let (Some(of), Some(others)) = (all.spread(&ranges), all.rest(&ranges)) else { break };
        let share = others.rows as f64 / whole.rows as f64;
        found.push(Found {
            of,
            excess: of.mean - whole.mean,
            // The mean of all has the slice in it.
            error: of.above(&others).1 * share,
            among: counted.of(&ranges),
            reach: -normal_quantile(LEVEL / 4.0 / counted.of(&ranges) as f64),
            p_value,
            ranges: ranges.clone(),
        });
        rest.leave_out(&ranges);
        if rest.check(LEAST_ROWS).is_err() {
            break;
        }
    }
    let held = |found: &Found| found.excess * found.of.rows as f64;
    found.sort_by(|a, b| held(b).total_cmp(&held(a)).then_with(|| a.ranges.cmp(&b.ranges)));
    let looked_at = looked_at.map_or(0, |counted| counted.single + counted.pairs);
    Ok(Searched { rows: whole.rows, mean: whole.mean, found, looked_at, paired })
}

/// How many slices there are.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    single: u64,
    pairs: u64,
    /// Ranges of single fields, however few rows they hold.
    ranges: u64,
}

impl Counted {
    /// How many of the kind.
    fn of(&self, ranges: &[Range]) -> u64 {
        if ranges.len() == 1 { self.single.max(1) } else { self.pairs.max(1) }
    }
}

/// A slice that stands out.
#[derive(Clone, Debug)]
struct Candidate {
    /// By how many standard deviations.
    z: f64,
    ranges: Vec<Range>,
}

/// The slices of some rows.
struct Scan {
    counted: Counted,
    paired: usize,
    /// Those that stand out furthest.
    best: Vec<Candidate>,
}

/// What all rows come to.
struct Ground {
    rows: f64,
    mean: f64,
    variance: f64,
    least: u64,
}

impl Ground {
    /// By how many standard deviations a draw of so many rows with this sum stands out; `None` for too few rows.
    #[inline]
    fn z(&self, word: u64) -> Option<f64> {
        let rows = word & ((1 << ROWS) - 1);
        if rows < self.least {
            return None;
        }
        let (rows, sum) = (rows as f64, (word >> ROWS) as f64);
        let excess = sum - rows * self.mean;
        if excess <= 0.0 {
            return Some(0.0);
        }
        let variance = self.variance * rows * (self.rows - rows) / (self.rows - 1.0);
        Some(if variance > 0.0 { excess / variance.sqrt() } else { 0.0 })
    }
}

impl Scan {
    fn over(rows: &Sliced, least: usize) -> Self {
        let words = words(&rows.losses);
        let sum: u64 = words.iter().map(|word| word >> ROWS).sum();
        let count = rows.len() as f64;
        let mean = sum as f64 / count;
        let squares = words.iter().map(|word| (word >> ROWS) as f64 - mean);
        let variance = squares.map(|apart| apart * apart).sum::<f64>() / count;
        let ground = Ground { rows: count, mean, variance, least: least as u64 };
        let mut scan = Self { counted: Counted::default(), paired: 0, best: Vec::new() };
        let ranges: Vec<Vec<Range>> =
            (0..rows.fields.len()).map(|field| rows.ranges(field)).collect();
        let mut told = vec![0.0_f64; ranges.len()];
        for (field, of_field) in ranges.iter().enumerate() {
            scan.counted.ranges += of_field.len() as u64;
            let below = below(&rows.cells[field], &words);
            for &range in of_field {
                let word = below[usize::from(range.last) + 1] - below[usize::from(range.first)];
                let Some(z) = ground.z(word) else { continue };
                scan.counted.single += 1;
                told[field] = told[field].max(z);
                scan.take(z, || vec![range]);
            }
        }
        let mut order: Vec<usize> = (0..ranges.len()).collect();
        order.sort_by(|&a, &b| told[b].total_cmp(&told[a]).then(a.cmp(&b)));
        let mut left_out = order.split_off(order.len().min(MOST_PAIRED));
        order.sort_unstable();
        left_out.sort_unstable();
        scan.paired = order.len();
        // What was not looked at for what the losses say counts as if it had been.
        let mut before: u64 = order.iter().map(|&field| ranges[field].len() as u64).sum();
        for field in left_out {
            let these = ranges[field].len() as u64;
            scan.counted.pairs += before * these;
            before += these;
        }
        for (at, &one) in order.iter().enumerate() {
            for &other in &order[at + 1..] {
                scan.pair(&ground, (rows, &words), &ranges[one], &ranges[other]);
            }
        }
        scan
    }

    /// Looks at the pairs of two fields' ranges.
    fn pair(
        &mut self,
        ground: &Ground,
        (rows, words): (&Sliced, &[u64]),
        ours: &[Range],
        theirs: &[Range],
    ) {
        let (Some(one), Some(other)) = (ours.first(), theirs.first()) else { return };
        let mut table = [[0_u64; CELLS]; CELLS];
        let cells = rows.cells[one.field].iter().zip(&rows.cells[other.field]);
        for ((&a, &b), &word) in cells.zip(words) {
            table[usize::from(a) % CELLS][usize::from(b) % CELLS] += word;
        }
        // Summed over the cells before each, both ways: a range is the difference of two.
        let mut below = [[0_u64; CELLS + 1]; CELLS + 1];
        for (a, of_row) in table.iter().enumerate() {
            let mut row = 0;
            for (b, word) in of_row.iter().enumerate() {
                row += word;
                below[a + 1][b + 1] = below[a][b + 1] + row;
            }
        }
        for &range in ours {
            let (first, last) = (usize::from(range.first), usize::from(range.last) + 1);
            for &with in theirs {
                let (from, to) = (usize::from(with.first), usize::from(with.last) + 1);
                let word =
                    (below[last][to] - below[first][to]) - (below[last][from] - below[first][from]);
                let Some(z) = ground.z(word) else { continue };
                self.counted.pairs += 1;
                self.take(z, || vec![range, with]);
            }
        }
    }

    /// Keeps what stands out furthest; of as far ones the first.
    #[inline]
    fn take(&mut self, z: f64, ranges: impl FnOnce() -> Vec<Range>) {
        let least = if self.best.len() < TRIED { FLOOR } else { self.best[TRIED - 1].z };
        if z <= least {
            return;
        }
        let at = self.best.partition_point(|known| known.z >= z);
        self.best.insert(at, Candidate { z, ranges: ranges() });
        self.best.truncate(TRIED);
    }

    /// The slice that stands out furthest of those that chance does not explain, with its bound.
    fn named(&self, rows: &Sliced, counted: Counted, least: usize) -> Option<(Vec<Range>, f64)> {
        let whole = Spread::of(rows.losses.iter().copied())?;
        let bound = |z: Option<f64>, ranges: &[Range]| {
            let of = 2.0 * counted.of(ranges) as f64;
            // Chance is never less likely than that of a normal mean by so much that this would matter.
            if z.is_some_and(|z| z < -normal_quantile(LEVEL / of)) {
                return None;
            }
            let spread = rows.spread(ranges)?;
            let chance = chance(&rows.losses, whole.mean, spread.rows, spread.mean - whole.mean);
            Some(chance * of).filter(|&p| p <= LEVEL)
        };
        for candidate in &self.best {
            let Some(p_value) = bound(Some(candidate.z), &candidate.ranges) else { continue };
            let [one, other] = candidate.ranges.as_slice() else {
                return Some((candidate.ranges.clone(), p_value));
            };
            // Is it worse than what else is in either of its ranges?
            let enough = -normal_quantile(LEVEL / counted.ranges.max(1) as f64);
            let parents = [*one, *other].map(|range| {
                let stands_out = stands_out(rows, &candidate.ranges, range, enough);
                (range, stands_out)
            });
            let simpler: Vec<Range> =
                parents.iter().filter(|(_, worse)| !worse).map(|(range, _)| *range).collect();
            let simpler = simpler.into_iter().filter_map(|range| {
                let p_value = bound(None, &[range])?;
                let of = rows.spread(&[range]).filter(|of| of.rows >= least as u64)?;
                Some((of, range, p_value))
            });
            let far = |of: &Spread| (of.mean - whole.mean) * (of.rows as f64).sqrt();
            let better = |a: &(Spread, Range, f64), b: &(Spread, Range, f64)| -> Ordering {
                far(&a.0).total_cmp(&far(&b.0)).then_with(|| b.1.cmp(&a.1))
            };
            return Some(match simpler.max_by(better) {
                Some((_, range, p_value)) => (vec![range], p_value),
                None => (candidate.ranges.clone(), p_value),
            });
        }
        None
    }
}

/// Whether a pair is worse than the other rows of one of its ranges by so many standard deviations.
fn stands_out(rows: &Sliced, pair: &[Range], of: Range, enough: f64) -> bool {
    let in_range = (0..rows.len()).filter(|&row| rows.is_in(&[of], row));
    let Some(all) = Spread::of(in_range.map(|row| rows.losses[row])) else { return false };
    let Some(inner) = rows.spread(pair) else { return false };
    let (n, of_all) = (inner.rows as f64, all.rows as f64);
    if inner.rows >= all.rows {
        return false;
    }
    let error = (all.variance / n * (of_all - n) / of_all).sqrt();
    inner.mean - all.mean > enough * error
}

/// Each loss as a word: its units above the bits that count the row.
fn words(losses: &[f64]) -> Vec<u64> {
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Halved, so that the distance of two doubles is one.
    let range = greatest / 2.0 - least / 2.0;
    let unit = |loss: f64| {
        let share = if range > 0.0 { (loss / 2.0 - least / 2.0) / range } else { 0.0 };
        (share.clamp(0.0, 1.0) * UNITS).round_ties_even() as u64
    };
    losses.iter().map(|&loss| (unit(loss) << ROWS) | 1).collect()
}

/// The sum of words before each cell.
fn below(cells: &[u8], words: &[u64]) -> [u64; CELLS + 1] {
    let mut sums = [0; CELLS];
    for (&cell, &word) in cells.iter().zip(words) {
        sums[usize::from(cell) % CELLS] += word;
    }
    let mut below = [0; CELLS + 1];
    for (cell, sum) in sums.into_iter().enumerate() {
        below[cell + 1] = below[cell] + sum;
    }
    below
}
