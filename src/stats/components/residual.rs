//! How far rows lie from what principal components span.

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
    /// The figure of a row does not depend on the rows beside it. O(columns directions).
    pub fn errors(&self, block: &[[f64; LANES]], errors: &mut [f64; LANES]) {
        let mut squares = [0.0; LANES];
        if self.others {
            let (pairs, rest) = self.directions.as_chunks::<2>();
            for [a, b] in pairs {
                let (along_a, along_b) = along_two(a, b, block);
                for lane in 0..LANES {
                    squares[lane] += along_a[lane] * along_a[lane];
                    squares[lane] += along_b[lane] * along_b[lane];
                }
            }
            for direction in rest {
                for (square, part) in squares.iter_mut().zip(along(direction, block)) {
                    *square += part * part;
                }
            }
        } else {
            let mut left = block.to_vec();
            for direction in &self.directions {
                let part = along(direction, block);
                for (left, weight) in left.iter_mut().zip(direction) {
                    for (left, part) in left.iter_mut().zip(part) {
                        *left -= weight * part;
                    }
                }
            }
            for left in &left {
                for (square, left) in squares.iter_mut().zip(left) {
                    *square += left * left;
                }
            }
        }
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

/// How far rows reach in a direction.
fn along(direction: &[f64], block: &[[f64; LANES]]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for (weight, values) in direction.iter().zip(block) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += weight * value;
        }
    }
    sums
}

/// [`along`] for two directions: values are loaded once.
fn along_two(a: &[f64], b: &[f64], block: &[[f64; LANES]]) -> ([f64; LANES], [f64; LANES]) {
    let (mut of_a, mut of_b) = ([0.0; LANES], [0.0; LANES]);
    for ((a, b), values) in a.iter().zip(b).zip(block) {
        for lane in 0..LANES {
            of_a[lane] += a * values[lane];
            of_b[lane] += b * values[lane];
        }
    }
    (of_a, of_b)
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
