//! How far rows lie from what principal components span.

use multiversion::multiversion;
use serde::{Deserialize, Serialize};

use super::Eigen;
use crate::stats::Undefined;

/// Rows are measured so many at once.
pub const LANES: usize = 8;

/// What principal components leave of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Residual {
    /// How many components hold the share of the variance that was asked for.
    pub components: usize,
    /// Orthonormal directions, a row each: the components, or, where that is less work, all others.
    directions: Vec<Vec<f64>>,
    /// Whether `directions` are the others.
    others: bool,
    /// Root of the mean squared error of the rows that the components were made of.
    pub typical: f64,
}

/// Errors below so much of the root of the number of columns are rounding.
const ROUNDING: f64 = 1e-9;

impl Residual {
    /// What is left by as many components as it takes to hold more than `share` of the variance.
    pub(super) fn beyond(eigen: Eigen, share: f64) -> Result<Self, Undefined> {
        let Eigen { values, mut vectors } = eigen;
        let columns = values.len();
        let total: f64 = values.iter().sum();
        if total <= 0.0 {
            return Err(Undefined::Constant);
        }
        let mut held = 0.0;
        let below = values.iter().take_while(|&&value| {
            held += value / total;
            held <= share
        });
        let components = (1 + below.count()).min(columns);
        if components == columns {
            return Err(Undefined::Constant);
        }
        let left: f64 = values[components..].iter().map(|value| value.max(0.0)).sum();
        // Components cost two products a value: there and back.
        let others = columns - components <= 2 * components;
        let directions =
            if others { vectors.split_off(components) } else { vectors[..components].to_vec() };
        Ok(Self { components, directions, others, typical: left.sqrt() })
    }

    /// The Euclidean distance of standardized rows, given in columns, from what the components span; infinite where a
    /// value is, or where the distance is too great for a double.
    ///
    /// The figure of a row does not depend on the rows beside it, nor on how many of them the processor takes at once.
    /// O(columns directions).
    pub fn errors(&self, block: &[[f64; LANES]], errors: &mut [f64; LANES]) {
        let squares = squares(self, block);
        let rounding = ROUNDING * (block.len() as f64).sqrt();
        for (error, square) in errors.iter_mut().zip(squares) {
            let length = square.sqrt();
            *error = match length {
                // Not a number is what infinity times nothing makes.
                _ if !length.is_finite() => f64::INFINITY,
                _ if length < rounding => 0.0,
                _ => length,
            };
        }
    }
}

/// Squared errors, made with the widest registers that the processor has.
///
/// Lanes do not meet, and products are rounded before they are added on every processor: the bits are the same.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn squares(residual: &Residual, block: &[[f64; LANES]]) -> [f64; LANES] {
    let Residual { directions, others, .. } = residual;
    let mut squares = [0.0; LANES];
    if *others {
        let (fours, rest) = directions.as_chunks::<4>();
        for four in fours {
            for part in along(four.each_ref().map(Vec::as_slice), block) {
                add_squares(&mut squares, &part);
            }
        }
        for direction in rest {
            let [part] = along([direction], block);
            add_squares(&mut squares, &part);
        }
        return squares;
    }
    let mut left = block.to_vec();
    for direction in directions {
        let [part] = along([direction], block);
        for (left, weight) in left.iter_mut().zip(direction) {
            for (left, part) in left.iter_mut().zip(part) {
                *left -= weight * part;
            }
        }
    }
    for left in &left {
        add_squares(&mut squares, left);
    }
    squares
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "else it is made for the least of processors")]
fn add_squares(squares: &mut [f64; LANES], of: &[f64; LANES]) {
    for (square, of) in squares.iter_mut().zip(of) {
        *square += of * of;
    }
}

/// How far rows reach in some directions: for several at once values are loaded once.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as its caller")]
fn along<const N: usize>(directions: [&[f64]; N], block: &[[f64; LANES]]) -> [[f64; LANES]; N] {
    let mut sums = [[0.0; LANES]; N];
    let columns = directions.iter().fold(block.len(), |least, of| least.min(of.len()));
    let directions = directions.map(|direction| &direction[..columns]);
    for (column, values) in block[..columns].iter().enumerate() {
        for (sums, direction) in sums.iter_mut().zip(directions) {
            let weight = direction[column];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += weight * value;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use std::array;

    use super::super::symmetric_eigen;
    use super::*;

    fn residual(values: &[f64], share: f64) -> Residual {
        let n = values.len();
        let matrix: Vec<Vec<f64>> = (0..n)
            .map(|i| (0..=i).map(|j| if i == j { values[i] } else { 0.0 }).collect())
            .collect();
        Residual::beyond(symmetric_eigen(&matrix), share).unwrap()
    }

    #[test]
    fn as_many_components_as_hold_more_than_the_share() {
        assert_eq!(residual(&[2.0, 1.0, 1.0], 0.49).components, 1);
        // A share that is just reached is not passed.
        assert_eq!(residual(&[2.0, 1.0, 1.0], 0.5).components, 2);
        let wide = residual(&[9.0, 1.0, 1.0, 1.0, 1.0, 1.0], 0.5);
        assert_eq!((wide.components, wide.directions.len(), wide.others), (1, 1, false));
        assert!((wide.typical - 5.0_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn both_ways_measure_the_same() {
        let values = [5.0, 4.0, 1.0, 0.5, 0.25, 0.25];
        let few = residual(&values, 0.3);
        let many = residual(&values, 0.7);
        assert!(!few.others && many.others);
        let block: Vec<[f64; LANES]> = (0..6)
            .map(|column| array::from_fn(|lane| f64::from((column * 7 + lane as i32 * 3) % 5)))
            .collect();
        let mut errors = [0.0; LANES];
        for (residual, from) in [(few, 1), (many, 2)] {
            residual.errors(&block, &mut errors);
            for (lane, error) in errors.iter().enumerate() {
                let wanted: f64 = block[from..].iter().map(|row| row[lane] * row[lane]).sum();
                assert!((error - wanted.sqrt()).abs() < 1e-14, "{error} {wanted}");
            }
        }
    }

    #[test]
    fn the_processor_does_not_change_a_bit() {
        let number = |at: usize| (at * 7_919 % 1_009) as f64 / 1_009.0 - 0.4;
        let vector = |at: usize| (0..13).map(|column| number(at * 13 + column)).collect();
        let directions: Vec<Vec<f64>> = (0..7).map(vector).collect();
        let block: Vec<[f64; LANES]> =
            (0..13).map(|column| array::from_fn(|lane| number(lane * 31 + column * 5))).collect();
        let residual = Residual { components: 6, directions, others: true, typical: 1.0 };
        let mut errors = [0.0; LANES];
        residual.errors(&block, &mut errors);
        for (lane, error) in errors.iter().enumerate() {
            let along = |direction: &Vec<f64>| {
                let products = direction.iter().zip(&block).map(|(weight, row)| weight * row[lane]);
                products.fold(0.0, |sum, product| sum + product)
            };
            let square = residual.directions.iter().map(along).fold(0.0, |sum, x| sum + x * x);
            assert_eq!(error.to_bits(), square.sqrt().to_bits());
        }
    }

    #[test]
    fn what_is_not_finite_is_infinitely_far_and_rounding_is_nothing() {
        let residual = residual(&[5.0, 4.0, 1.0], 0.5);
        let mut block = [[0.0; LANES]; 3];
        block[0][0] = f64::INFINITY;
        block[2][1] = f64::NEG_INFINITY;
        block[2][2] = 1e300;
        block[2][3] = 1e-10;
        block[2][4] = 1e-8;
        let mut errors = [0.0; LANES];
        residual.errors(&block, &mut errors);
        assert_eq!(errors[..4], [f64::INFINITY, f64::INFINITY, f64::INFINITY, 0.0]);
        assert_eq!(errors[4], 1e-8);
    }
}
