//! Stratified shuffle split: random test rows with the classes' shares kept.

use std::cmp::Ordering;

use super::mersenne_twister::MersenneTwister;
use crate::stats::Undefined;

/// Share of the rows in each test set.
const TEST_SHARE: f64 = 0.1;

/// An endless sequence of splits into nine tenths to train on and a tenth to test on, both with the classes'
/// shares of the whole.
///
/// Source: equals scikit-learn's `StratifiedShuffleSplit(test_size=0.1, random_state=seed)` row for row, order
/// included. O(n) time and memory a split.
#[derive(Clone, Debug)]
pub struct ShuffleSplit {
    /// Row numbers of the negatives and of the positives.
    classes: [Vec<usize>; 2],
    train_rows: usize,
    test_rows: usize,
    generator: MersenneTwister,
}

/// Row numbers, each exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Rows to fit on.
    pub train: Vec<usize>,
    /// Rows to test on: `ceil(n / 10)` of them.
    pub test: Vec<usize>,
}

impl ShuffleSplit {
    /// Splits of rows with these targets.
    ///
    /// Undefined: `Empty` without rows, `OneClass`, and `TooFew` where a class has one row or there are no more
    /// than ten rows, so that a test set could not hold both classes.
    ///
    /// # Errors
    ///
    /// Why the rows cannot be split.
    pub fn try_new(targets: &[bool], seed: u32) -> Result<Self, Undefined> {
        if targets.is_empty() {
            return Err(Undefined::Empty);
        }
        let rows_of = |class: bool| -> Vec<usize> {
            (0..targets.len()).filter(|&row| targets[row] == class).collect()
        };
        let classes = [rows_of(false), rows_of(true)];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most n")]
        let test_rows = (TEST_SHARE * targets.len() as f64).ceil() as usize;
        let train_rows = targets.len() - test_rows;
        if classes.iter().any(Vec::is_empty) {
            return Err(Undefined::OneClass);
        }
        if classes.iter().any(|class| class.len() < 2) || test_rows < 2 || train_rows < 2 {
            return Err(Undefined::TooFew);
        }
        Ok(Self { classes, train_rows, test_rows, generator: MersenneTwister::new(seed) })
    }

    /// How many rows each class gives to a draw of `draws`, near its share of `counts`; ties are drawn for.
    fn allocate(&mut self, counts: [usize; 2], draws: usize) -> [usize; 2] {
        let total = (counts[0] + counts[1]) as f64;
        let exact = counts.map(|count| count as f64 / total * draws as f64);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most draws"
        )]
        let mut given = exact.map(|share| share.floor() as usize);
        let remainder = [exact[0] - exact[0].floor(), exact[1] - exact[1].floor()];
        let mut candidates = match remainder[0].total_cmp(&remainder[1]) {
            Ordering::Greater => vec![vec![0], vec![1]],
            Ordering::Less => vec![vec![1], vec![0]],
            Ordering::Equal => vec![vec![0, 1]],
        };
        let mut missing = draws.saturating_sub(given[0] + given[1]);
        for tied in &mut candidates {
            if missing == 0 {
                break;
            }
            self.generator.shuffle(tied);
            for &class in tied.iter().take(missing) {
                given[class] += 1;
            }
            missing -= missing.min(tied.len());
        }
        given
    }
}

impl Iterator for ShuffleSplit {
    type Item = Split;

    fn next(&mut self) -> Option<Split> {
        let counts = [self.classes[0].len(), self.classes[1].len()];
        let train_counts = self.allocate(counts, self.train_rows);
        let left = [0, 1].map(|class| counts[class].saturating_sub(train_counts[class]));
        let test_counts = self.allocate(left, self.test_rows);
        let mut split = Split {
            train: Vec::with_capacity(self.train_rows),
            test: Vec::with_capacity(self.test_rows),
        };
        for class in 0..2 {
            let mut rows = self.classes[class].clone();
            self.generator.shuffle(&mut rows);
            let (train, rest) = rows.split_at(train_counts[class].min(rows.len()));
            split.train.extend(train);
            split.test.extend(rest.iter().take(test_counts[class]));
        }
        self.generator.shuffle(&mut split.train);
        self.generator.shuffle(&mut split.test);
        Some(split)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn too_few_rows_or_classes_cannot_be_split() {
        let refusal = |targets: &[bool]| ShuffleSplit::try_new(targets, 42).unwrap_err();
        assert_eq!(refusal(&[]), Undefined::Empty);
        assert_eq!(refusal(&[true; 20]), Undefined::OneClass);
        let mut targets = [false; 20];
        targets[3] = true;
        assert_eq!(refusal(&targets), Undefined::TooFew);
        targets[4] = true;
        assert_eq!(refusal(&targets[..10]), Undefined::TooFew);
        assert!(ShuffleSplit::try_new(&targets[..11], 42).is_ok());
    }

    proptest! {
        #[test]
        fn every_row_is_trained_or_tested_on_once(
            negatives in 6_usize..60,
            positives in 5_usize..60,
            seed in any::<u32>(),
        ) {
            let targets: Vec<bool> = (0..negatives + positives).map(|row| row < positives).collect();
            for split in ShuffleSplit::try_new(&targets, seed).unwrap().take(3) {
                let mut rows = [split.train.as_slice(), &split.test].concat();
                rows.sort_unstable();
                prop_assert!(rows.iter().copied().eq(0..targets.len()));
                let tested = split.test.iter().filter(|&&row| targets[row]).count() as f64;
                let share = positives as f64 / targets.len() as f64 * split.test.len() as f64;
                prop_assert!((tested - share).abs() <= 1.0);
            }
        }
    }
}
