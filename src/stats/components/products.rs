//! Sums of values and of products of columns, that do not depend on the order of rows.

use super::residual::Residual;
use super::symmetric_eigen;
use crate::stats::Undefined;

/// A value of 1 in the units that are summed.
const UNIT: f64 = (1u64 << 40) as f64;
/// Greater values count as so great. Among `n` rows none is further than `sqrt(n)` standard deviations from the mean.
const GREATEST: f64 = (1u64 << 22) as f64;

/// Exact sums over rows: of each column's values, and of the products of any two.
///
/// For values of about unit spread; each is rounded once to 2^-40, products and sums not at all. Merging is addition,
/// so parts in any order give the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Products {
    rows: u64,
    sums: Vec<i128>,
    /// Lower triangle, by rows.
    pairs: Vec<Vec<i128>>,
}

/// What columns are shifted and divided by for mean 0 and unit spread, and what principal components leave of rows then.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardized {
    /// Of each column.
    pub means: Vec<f64>,
    /// Of each column.
    pub divisors: Vec<f64>,
    /// What the components leave.
    pub residual: Residual,
    /// The first components, orthonormal, a row each: at most [`LEADING`].
    pub leading: Vec<Vec<f64>>,
}

/// At most so many components are given as they are.
pub const LEADING: usize = 8;

impl Products {
    /// Of no rows.
    pub fn new(columns: usize) -> Self {
        Self {
            rows: 0,
            sums: vec![0; columns],
            pairs: (0..columns).map(|column| vec![0; column + 1]).collect(),
        }
    }

    /// Adds rows, given in columns of equal length; all values must be finite. O(rows columns^2).
    pub fn add(&mut self, columns: &[Vec<f64>]) {
        let units: Vec<Vec<i64>> = columns
            .iter()
            .map(|values| {
                let unit = |value: &f64| {
                    (value.clamp(-GREATEST, GREATEST) * UNIT).round_ties_even() as i64
                };
                values.iter().map(unit).collect()
            })
            .collect();
        self.rows += units.first().map_or(0, Vec::len) as u64;
        for (sum, values) in self.sums.iter_mut().zip(&units) {
            *sum += values.iter().map(|&value| i128::from(value)).sum::<i128>();
        }
        for (row, (products, ours)) in self.pairs.iter_mut().zip(&units).enumerate() {
            for (product, theirs) in products.iter_mut().zip(&units[..=row]) {
                let pairs = ours.iter().zip(theirs);
                *product += pairs.map(|(&a, &b)| i128::from(a) * i128::from(b)).sum::<i128>();
            }
        }
    }

    /// Adds the rows of another part.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        for (ours, theirs) in self.sums.iter_mut().zip(&other.sums) {
            *ours += theirs;
        }
        let theirs = other.pairs.iter().flatten();
        for (ours, theirs) in self.pairs.iter_mut().flatten().zip(theirs) {
            *ours += theirs;
        }
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Principal components of the standardized columns: as many as it takes to hold more than `share` of their
    /// variance. `divisor` says by what a column of that number, mean and variance is divided: its deviation, or, where
    /// it counts as constant, something else.
    ///
    /// Source: Pearson 1901; Hotelling 1933. Equals scikit-learn's `StandardScaler` and `PCA(n_components=share)`.
    /// O(columns^3).
    ///
    /// # Errors
    /// `Empty` without rows or columns; `Constant` where all columns are constant, or where the components that are
    /// needed leave nothing of any row.
    pub fn components(
        &self,
        share: f64,
        divisor: impl Fn(usize, f64, f64) -> f64,
    ) -> Result<Standardized, Undefined> {
        if self.rows == 0 || self.sums.is_empty() {
            return Err(Undefined::Empty);
        }
        let n = self.rows as f64;
        let means: Vec<f64> = self.sums.iter().map(|&sum| sum as f64 / UNIT / n).collect();
        let covariance = |a: usize, b: usize| {
            (self.pairs[a][b] as f64 / (UNIT * UNIT)) / n - means[a] * means[b]
        };
        let divisors: Vec<f64> = (0..means.len())
            .map(|column| divisor(column, means[column], covariance(column, column).max(0.0)))
            .collect();
        let matrix: Vec<Vec<f64>> = (0..means.len())
            .map(|a| (0..=a).map(|b| covariance(a, b) / (divisors[a] * divisors[b])).collect())
            .collect();
        let eigen = symmetric_eigen(&matrix);
        let leading = eigen.vectors.iter().take(LEADING).cloned().collect::<Vec<_>>();
        let residual = Residual::beyond(eigen, share)?;
        let leading = leading.into_iter().take(residual.components).collect();
        Ok(Standardized { means, divisors, residual, leading })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert_eq, proptest};

    use super::super::LANES;
    use super::*;

    fn deviation(_: usize, _: f64, variance: f64) -> f64 {
        if variance == 0.0 { 1.0 } else { variance.sqrt() }
    }

    fn of(rows: &[[f64; 3]]) -> Products {
        let mut products = Products::new(3);
        let columns: Vec<Vec<f64>> =
            (0..3).map(|column| rows.iter().map(|row| row[column]).collect()).collect();
        products.add(&columns);
        products
    }

    proptest! {
        #[test]
        fn parts_in_any_order_are_the_whole(
            mut rows in prop::collection::vec(prop::array::uniform3(-1e6..1e6f64), 0..40),
            cut in 0..40usize,
        ) {
            let whole = of(&rows);
            let cut = cut.min(rows.len());
            let mut parts = of(&rows[cut..]);
            parts.merge(&of(&rows[..cut]));
            prop_assert_eq!(&parts, &whole);
            rows.reverse();
            prop_assert_eq!(&of(&rows), &whole);
        }
    }

    #[test]
    fn two_columns_that_go_together_leave_what_is_across() {
        let rows: Vec<[f64; 3]> = (0..8)
            .map(|i| {
                let (x, y) = (f64::from(i & 1) * 2.0 - 1.0, f64::from((i >> 1) & 1) * 2.0 - 1.0);
                [x, x, y]
            })
            .collect();
        let found = of(&rows).components(0.65, deviation).unwrap();
        assert_eq!(found.divisors, [1.0; 3]);
        // The two equal columns hold two thirds of the variance: one component is enough.
        let mut errors = [0.0; LANES];
        let mut block = [[0.0; LANES]; 3];
        (block[0][0], block[1][0], block[2][0]) = (1.0, 1.0, 0.0);
        (block[0][1], block[1][1], block[2][1]) = (1.0, -1.0, 0.0);
        block[2][2] = 3.0;
        found.residual.errors(&block, &mut errors);
        assert!(errors[0].abs() < 1e-12);
        assert!((errors[1] - 2.0_f64.sqrt()).abs() < 1e-12);
        assert!((errors[2] - 3.0).abs() < 1e-12);
    }

    #[test]
    fn what_leaves_nothing_says_so() {
        assert_eq!(Products::new(3).components(0.65, deviation), Err(Undefined::Empty));
        assert_eq!(of(&[[0.0; 3]; 4]).components(0.65, deviation), Err(Undefined::Constant));
        let mut two = Products::new(2);
        two.add(&[vec![1.0, -1.0, 1.0, -1.0], vec![1.0, 1.0, -1.0, -1.0]]);
        // Two columns that have nothing to do with each other need both components.
        assert_eq!(two.components(0.65, deviation), Err(Undefined::Constant));
    }
}
