//! Sums over the rows of a leaf, by code of a feature.

use super::CODES;

/// A row's gradient (plus one, so that it has no sign), its curvature and the number one, in one word: a sum over rows
/// is one addition.
pub(super) type Word = u64;

/// Units of gradient and curvature.
const UNIT: f64 = 2048.0;
/// Bits of the rows.
const ROWS: u32 = 14;
/// Bits of the curvature: at most a quarter for each of 2^14 rows, in 2048ths.
const CURVATURE: u32 = 23;

/// Added to 2^52 a small number that is not negative stands rounded in the lowest bits.
const SHIFT: f64 = (1u64 << 52) as f64;

/// What a word says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) rows: f64,
    pub(super) gradient: f64,
    pub(super) curvature: f64,
}

/// The word of one row.
#[inline]
pub(super) fn word(gradient: f64, curvature: f64) -> Word {
    let rounded = |number: f64| (number * UNIT + SHIFT).to_bits() ^ SHIFT.to_bits();
    let (gradient, curvature) = (rounded(gradient + 1.0), rounded(curvature));
    (gradient << (ROWS + CURVATURE)) | (curvature << ROWS) | 1
}

/// What the sum of words says.
#[inline]
pub(super) fn sums(word: Word) -> Sums {
    let rows = rows_of(word);
    let curvature = number((word >> ROWS) & ((1 << CURVATURE) - 1)) * (1.0 / UNIT);
    let gradient = number(word >> (ROWS + CURVATURE)) * (1.0 / UNIT) - rows;
    Sums { rows, gradient, curvature }
}

/// How many rows a sum is of.
#[inline]
pub(super) fn rows_of(word: Word) -> f64 {
    number(word & ((1 << ROWS) - 1))
}

/// Below 2^52. Several are converted at once, which no processor's own conversion from 64 bits does.
#[inline]
fn number(integer: u64) -> f64 {
    f64::from_bits(integer | SHIFT.to_bits()) - SHIFT
}

/// Words by feature and code.
pub(super) type Histogram = Vec<Word>;

/// Sums the rows of a leaf; `codes` hold `features` of each row.
pub(super) fn sum(
    (codes, features): (&[u8], usize),
    words: &[Word],
    rows: &[u32],
    histogram: &mut Histogram,
) {
    histogram.clear();
    histogram.resize(features * CODES, 0);
    for &row in rows {
        let row = row as usize;
        let word = words[row];
        let codes = &codes[row * features..(row + 1) * features];
        for (cells, &code) in histogram.as_chunks_mut::<CODES>().0.iter_mut().zip(codes) {
            cells[usize::from(code) % CODES] += word;
        }
    }
}

/// Turns the sums of a leaf into those of one of its parts, given the other's.
pub(super) fn take_away(whole: &mut Histogram, part: &Histogram) {
    for (whole, part) in whole.iter_mut().zip(part) {
        *whole -= part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_add_up_to_their_limits() {
        for (gradient, curvature) in [(1.0, 0.25), (-1.0, 0.25), (0.5, 0.0), (-0.125, 0.109_375)] {
            let rows = 16_000;
            let found = sums(word(gradient, curvature) * rows);
            let rows = rows as f64;
            assert_eq!(
                found,
                Sums { rows, gradient: gradient * rows, curvature: curvature * rows }
            );
        }
        assert_eq!(sums(0), Sums::default());
    }
}
