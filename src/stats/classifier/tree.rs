//! One tree that tells classes apart.

use multiversion::multiversion;

use super::boosting::Shape;
use super::histogram::{Histogram, Sums, Word, rows_of, sum, sums, take_away};
use super::{CODES, Coded};
use crate::stats::trees::{self, Ground, Grown, Order};

/// A leaf has at least so much curvature.
const LEAST_CURVATURE: f64 = 1e-3;
/// A split that gains less gains nothing.
const LEAST_GAIN: f64 = 1e-9;
/// Categories with few rows are drawn towards the middle of the order by this, as `LightGBM` does.
const SMOOTHING: f64 = 10.0;
/// How much curvature a split into sets of categories must outweigh.
const SET_PENALTY: f64 = 10.0;
/// So many categories are looked at one against all others.
const ONE_BY_ONE: usize = 4;
/// At most so many categories are on the smaller side of a split.
const MOST_IN_A_SET: usize = 32;

/// Which codes go left: a bit a code.
type Set = [u64; CODES / 64];

/// A split.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    feature: usize,
    left: Set,
}

/// Codes as they are summed, row after row, and as rows are parted by them, feature after feature: what is looked up of one
/// feature lies together.
pub(super) struct Laid<'r> {
    rows: &'r Coded,
    by_feature: Vec<u8>,
}

impl<'r> Laid<'r> {
    pub(super) fn out(rows: &'r Coded) -> Self {
        let features = rows.ordered.len();
        let mut by_feature = Vec::with_capacity(rows.codes.len());
        for feature in 0..features {
            by_feature.extend(rows.codes.iter().skip(feature).step_by(features));
        }
        Self { rows, by_feature }
    }

    pub(super) fn features(&self) -> usize {
        self.rows.ordered.len()
    }

    fn code(&self, feature: usize, row: u32) -> u8 {
        self.by_feature[feature * self.rows.len() + row as usize]
    }
}

/// What a tree grows on.
pub(super) struct Classes<'r> {
    pub(super) laid: &'r Laid<'r>,
    /// A word a row; those that are held out have none.
    pub(super) words: &'r [Word],
    pub(super) shape: Shape,
}

/// Grows a tree. `leaf` gets the rows of each leaf, and those that are held out; `gains` what each feature gained.
pub(super) fn grow(
    ground: &Classes<'_>,
    order: &mut Order<Histogram>,
    gains: &mut [f64],
    mut leaf: impl FnMut(&[u32], &[u32]),
) {
    let (nodes, leaves) = trees::grow(ground, order, ground.shape.leaves);
    for node in nodes {
        if let Grown::Split { split, gain, .. } = node {
            gains[split.feature] += gain;
        }
    }
    for of in &leaves {
        let (rows, held) = order.of(of);
        leaf(rows, held);
    }
}

impl Ground for Classes<'_> {
    type Sums = Histogram;
    type Split = Split;

    fn can_split(&self, rows: usize) -> bool {
        rows as f64 >= 2.0 * self.shape.rows_of_leaf
    }

    fn sum(&self, rows: &[u32], histogram: &mut Histogram) {
        sum((&self.laid.rows.codes, self.laid.features()), self.words, rows, histogram);
    }

    fn take_away(&self, whole: &mut Histogram, part: &Histogram) {
        take_away(whole, part);
    }

    /// The first feature of several that gain most.
    fn best(&self, _: &[u32], histogram: &Histogram) -> Option<(f64, Split)> {
        let cells = histogram.as_chunks::<CODES>().0;
        let whole = sums(cells.first()?.iter().sum());
        let mut best: Option<(f64, Split)> = None;
        let least = self.shape.rows_of_leaf;
        let ordered = &self.laid.rows.ordered;
        for (feature, (cells, &ordered)) in cells.iter().zip(ordered).enumerate() {
            let found =
                if ordered { by_order(cells, whole, least) } else { by_sets(cells, whole, least) };
            if let Some((gain, left)) = found
                && best.is_none_or(|(most, _)| gain > most)
            {
                best = Some((gain, Split { feature, left }));
            }
        }
        best
    }

    #[inline]
    fn goes_left(&self, split: &Split, row: u32) -> bool {
        contains(split.left, self.laid.code(split.feature, row))
    }
}

fn contains(set: Set, code: u8) -> bool {
    set[usize::from(code) / 64 % set.len()] >> (code % 64) & 1 == 1
}

fn insert(set: &mut Set, code: usize) {
    set[code / 64] |= 1 << (code % 64);
}

/// What is gained by parting a leaf; `None` where a side is too small.
#[inline]
fn gain(whole: Sums, left: Word, least: f64, penalty: f64) -> Option<f64> {
    let rows = rows_of(left);
    if rows < least || whole.rows - rows < least {
        return None;
    }
    let left = sums(left);
    let right = Sums {
        rows: whole.rows - left.rows,
        gradient: whole.gradient - left.gradient,
        curvature: whole.curvature - left.curvature,
    };
    if left.curvature.min(right.curvature) < LEAST_CURVATURE {
        return None;
    }
    let worth = |side: Sums, penalty| side.gradient * side.gradient / (side.curvature + penalty);
    let gain = worth(left, penalty) + worth(right, penalty) - worth(whole, 0.0);
    (gain > LEAST_GAIN).then_some(gain)
}

/// The best cut between codes, or of all from missing values; these go to the side where they gain more.
fn by_order(cells: &[Word; CODES], whole: Sums, least: f64) -> Option<(f64, Set)> {
    let (gain, last, with_missing) = best_cut(cells, whole, least);
    let last = last?;
    let mut left = Set::default();
    let first = usize::from(!with_missing);
    (first..=last).for_each(|code| insert(&mut left, code));
    Some((gain, left))
}

/// The best cut: what it gains, the last code below it, and whether missing values are there too. Made with the widest
/// registers that the processor has, to the same bits.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn best_cut(cells: &[Word; CODES], whole: Sums, least: f64) -> (f64, Option<usize>, bool) {
    let missing = cells[0];
    let mut below = *cells;
    below[0] = 0;
    for code in 1..CODES {
        below[code] += below[code - 1];
    }
    let mut best = (LEAST_GAIN, None, false);
    for with_missing in [true, false] {
        // One side has them, then the other; where there are none both are the same.
        if !with_missing && missing == 0 {
            break;
        }
        let more = if with_missing { missing } else { 0 };
        let mut gains = gains(&below, more, cells, whole, least);
        gains[0] = 0.0;
        let most = greatest(&gains);
        if most >= best.0 {
            let code = gains.iter().position(|&gain| gain == most);
            // Of equal ones the least code, with missing ones before without.
            if most > best.0 || code < best.1 {
                best = (most, code, with_missing);
            }
        }
    }
    best
}

/// What is gained by parting a leaf so that one side has these sums and `more`, for each of them; 0 where a side is too
/// small, or the cell that came last is empty.
///
/// With `g` and `h` of the whole and `a` and `b` of the sides, `ga^2/ha + gb^2/hb - g^2/h` is
/// `(ga h - g ha)^2 / (ha hb h)`: one division, and no branch, so that several are made at once.
#[inline(always)]
#[expect(clippy::inline_always, reason = "else it is made for the least of processors")]
#[expect(clippy::needless_bitwise_bool, reason = "lazy ones are branches")]
fn gains(
    left: &[Word; CODES],
    more: Word,
    cells: &[Word; CODES],
    whole: Sums,
    least: f64,
) -> [f64; CODES] {
    let mut gains = [0.0; CODES];
    for ((gain, &word), &cell) in gains.iter_mut().zip(left).zip(cells) {
        let left = sums(word + more);
        let curvature = whole.curvature - left.curvature;
        let allowed = (cell != 0)
            & (left.rows >= least)
            & (whole.rows - left.rows >= least)
            & (left.curvature >= LEAST_CURVATURE)
            & (curvature >= LEAST_CURVATURE);
        let apart = left.gradient * whole.curvature - whole.gradient * left.curvature;
        let gained = apart * apart / (left.curvature * curvature * whole.curvature);
        *gain = if allowed { gained } else { 0.0 };
    }
    gains
}

/// The greatest of numbers that are not negative; several are compared at once.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as its caller")]
fn greatest(of: &[f64; CODES]) -> f64 {
    let greater = |a: f64, b: f64| if b > a { b } else { a };
    let mut most = [0.0; 8];
    for eight in of.as_chunks::<8>().0 {
        for (most, &of) in most.iter_mut().zip(eight) {
            *most = greater(*most, of);
        }
    }
    most.into_iter().fold(0.0, greater)
}

/// The best set of categories: in the order of what they would be worth alone, from either end.
///
/// Source: Fisher 1958, that the best of all sets is a run of that order.
fn by_sets(cells: &[Word; CODES], whole: Sums, least: f64) -> Option<(f64, Set)> {
    // What each category would be worth alone, and which it is.
    let (mut worths, mut codes) = ([0.0; CODES], [0; CODES]);
    let mut count = 0;
    for (code, &cell) in cells.iter().enumerate().filter(|(_, cell)| **cell != 0) {
        let cell = sums(cell);
        worths[count] = cell.gradient / (cell.curvature + SMOOTHING);
        codes[count] = code;
        count += 1;
    }
    let (worths, codes) = (&worths[..count], &codes[..count]);
    let mut best: Option<(f64, Set)> = None;
    let mut take = |gain: Option<f64>, set: Set| {
        if let Some(gain) = gain
            && best.is_none_or(|best| gain > best.0)
        {
            best = Some((gain, set));
        }
    };
    if count <= ONE_BY_ONE {
        for &code in codes {
            let mut set = Set::default();
            insert(&mut set, code);
            take(gain(whole, cells[code], least, 0.0), set);
        }
        return best;
    }
    // The place of each among them, by how many come before it; of equal ones the lesser code does. Without branches, as
    // nobody can guess what a leaf's categories are worth.
    let mut places = [0; CODES];
    for (at, worth) in worths.iter().enumerate() {
        for (other, before) in worths[..at].iter().enumerate() {
            let follows = usize::from(before <= worth);
            places[at] += follows;
            places[other] += 1 - follows;
        }
    }
    let mut sorted = [0; CODES];
    for (&code, place) in codes.iter().zip(places) {
        sorted[place % CODES] = code;
    }
    let most = MOST_IN_A_SET.min(count.div_ceil(2));
    for from_the_end in [false, true] {
        let (mut set, mut left) = (Set::default(), 0);
        for place in 0..most {
            let code = sorted[if from_the_end { count - 1 - place } else { place }];
            insert(&mut set, code);
            left += cells[code];
            take(gain(whole, left, least, SET_PENALTY), set);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::histogram::word;
    use super::*;

    /// Cells of so many rows each, all with the same gradient.
    fn cells(filled: &[(usize, u64, f64)]) -> [Word; CODES] {
        let mut cells = [0; CODES];
        for &(code, rows, gradient) in filled {
            cells[code] += word(gradient, 0.25) * rows;
        }
        cells
    }

    fn members(set: Set) -> Vec<usize> {
        (0..CODES).filter(|&code| contains(set, code as u8)).collect()
    }

    #[test]
    fn a_cut_parts_what_differs_and_missing_values_join_their_like() {
        let filled = cells(&[(0, 30, 0.5), (3, 40, -0.5), (4, 40, -0.5), (9, 40, 0.5)]);
        let whole = sums(filled.iter().sum());
        let (gain, set) = by_order(&filled, whole, 20.0).unwrap();
        assert_eq!(members(set), [1, 2, 3, 4]);
        // 80 rows at -0.5, 70 at 0.5, each with a curvature of a quarter.
        let wanted = 40.0 * 40.0 / 20.0 + 35.0 * 35.0 / 17.5 - 25.0 / 37.5;
        assert!((gain - wanted).abs() < 1e-9, "{gain} {wanted}");
        let filled = cells(&[(0, 30, 0.5), (3, 40, -0.5), (9, 40, -0.5)]);
        let (_, set) = by_order(&filled, sums(filled.iter().sum()), 20.0).unwrap();
        // Missing ones against all others.
        assert_eq!(members(set), (1..=9).collect::<Vec<_>>());
    }

    #[test]
    fn a_side_has_twenty_rows() {
        let filled = cells(&[(1, 19, 0.5), (2, 100, -0.5)]);
        assert_eq!(by_order(&filled, sums(filled.iter().sum()), 20.0), None);
        let filled = cells(&[(1, 20, 0.5), (2, 100, -0.5)]);
        assert!(by_order(&filled, sums(filled.iter().sum()), 20.0).is_some());
    }

    #[test]
    fn categories_have_no_order() {
        let few = cells(&[(1, 50, -0.5), (2, 50, 0.5), (3, 50, -0.5)]);
        let (_, set) = by_sets(&few, sums(few.iter().sum()), 20.0).unwrap();
        assert_eq!(members(set), [2]);
        let signs = [0.5, -0.5, 0.5, -0.5, -0.5, 0.5];
        let many: Vec<_> = signs.iter().enumerate().map(|(at, &sign)| (at + 1, 60, sign)).collect();
        let many = cells(&many);
        let (_, set) = by_sets(&many, sums(many.iter().sum()), 20.0).unwrap();
        assert_eq!(members(set), [2, 4, 5]);
    }
}
