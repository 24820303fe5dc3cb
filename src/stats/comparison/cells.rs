//! What each row adds to what is read from the confusion matrix.

use super::influence::Influence;
use crate::stats::classification::Cells;
use crate::stats::{Basis, Confusion, Undefined};

/// A rate of one class against the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Harmonic mean of precision and recall.
    F1,
    /// Share of the predicted positives that are positive.
    Precision,
    /// Share of the positives that are predicted.
    Recall,
    /// Share of the negatives that are predicted.
    Specificity,
}

/// A figure of the confusion matrix, and how much it changes with the share of rows in each cell: by true class, then by
/// predicted class, those predicted as none of the list last.
#[derive(Clone, Debug, PartialEq)]
pub struct CellSlopes {
    /// The figure.
    pub value: f64,
    /// Its change with each cell's share of the rows.
    pub by_cell: Vec<Vec<f64>>,
}

/// The cells of rows: by how likely each is of each class, and the class that it is predicted as (their number for none of
/// the list).
pub fn confusion_of(likely: &[Vec<f64>], predicted: &[usize]) -> Confusion {
    let classes = likely.len();
    let mut cells = vec![vec![0.0; classes + 1]; classes];
    for (of, cells) in likely.iter().zip(&mut cells) {
        for (p, &at) in of.iter().zip(predicted) {
            cells[at.min(classes)] += p;
        }
    }
    Confusion::new(cells)
}

impl Rate {
    fn of(self, cells: &Cells, basis: Basis) -> Result<f64, Undefined> {
        match self {
            Self::F1 => cells.f1(basis),
            Self::Precision => cells.precision(basis),
            Self::Recall => cells.recall(basis),
            Self::Specificity => cells.specificity(basis),
        }
    }

    /// How much it changes with the share of true positives, false positives, false negatives and true negatives; not at
    /// all where it is 0 for want of a denominator.
    fn slopes(self, cells: &Cells) -> [f64; 4] {
        let rows = cells.rows();
        let share = |count: f64| count / rows;
        let (tp, fp) = (share(cells.true_positive), share(cells.false_positive));
        let (fn_, tn) = (share(cells.false_negative), share(cells.true_negative));
        // Of `part / (part + rest)`: by the part and by the rest.
        let of = |part: f64, rest: f64| {
            let whole = part + rest;
            if whole > 0.0 { (rest / (whole * whole), -part / (whole * whole)) } else { (0.0, 0.0) }
        };
        match self {
            Self::F1 => {
                let (part, rest) = of(tp, f64::midpoint(fp, fn_));
                [part, rest / 2.0, rest / 2.0, 0.0]
            }
            Self::Precision => {
                let (part, rest) = of(tp, fp);
                [part, rest, 0.0, 0.0]
            }
            Self::Recall => {
                let (part, rest) = of(tp, fn_);
                [part, 0.0, rest, 0.0]
            }
            Self::Specificity => {
                let (part, rest) = of(tn, fp);
                [0.0, rest, 0.0, part]
            }
        }
    }
}

impl CellSlopes {
    /// Of a rate of class 1 of two.
    ///
    /// # Errors
    /// Why the rate has no value.
    pub fn of_two(rate: Rate, cells: &Confusion, basis: Basis) -> Result<Self, Undefined> {
        let cells_of_one = cells.one_against_rest(1);
        let value = rate.of(&cells_of_one, basis)?;
        let mut by_cell = vec![vec![0.0; cells.classes() + 1]; cells.classes()];
        add(&mut by_cell, 1, rate.slopes(&cells_of_one), 1.0);
        Ok(Self { value, by_cell })
    }

    /// Of the mean of a rate over several classes.
    ///
    /// # Errors
    /// Why the mean has no value.
    pub fn of_several(rate: Rate, cells: &Confusion, basis: Basis) -> Result<Self, Undefined> {
        let value = match rate {
            Rate::F1 => cells.f1(basis),
            Rate::Precision => cells.precision(basis),
            Rate::Recall => cells.recall(basis),
            Rate::Specificity => cells.specificity(basis),
        }?;
        let classes = cells.classes();
        let mut by_cell = vec![vec![0.0; classes + 1]; classes];
        for class in 0..classes {
            let slopes = rate.slopes(&cells.one_against_rest(class));
            add(&mut by_cell, class, slopes, 1.0 / classes as f64);
        }
        Ok(Self { value, by_cell })
    }

    /// Of the share of predictions that are right.
    ///
    /// # Errors
    /// `Empty` without rows.
    pub fn accuracy(cells: &Confusion) -> Result<Self, Undefined> {
        let classes = cells.classes();
        let right = |truth: usize| (0..=classes).map(|at| f64::from(at == truth)).collect();
        Ok(Self { value: cells.accuracy()?, by_cell: (0..classes).map(right).collect() })
    }

    /// Of what a prediction is worth on average, given `worth[true class][predicted class]`.
    ///
    /// # Errors
    /// `Empty` without rows; `Infinite` where the value is no number.
    pub fn worth(cells: &Confusion, worth: &[Vec<f64>]) -> Result<Self, Undefined> {
        let classes = cells.classes();
        let rows = cells.some_rows()?;
        let of = |truth: usize, at: usize| {
            worth.get(truth).and_then(|worth| worth.get(at)).copied().unwrap_or(0.0)
        };
        let by_cell = (0..classes).map(|truth| (0..=classes).map(|at| of(truth, at)).collect());
        let by_cell: Vec<Vec<f64>> = by_cell.collect();
        let cells = cells.weighed(worth).map(|(cell, worth)| cell * worth);
        Ok(Self { value: Undefined::unless_finite(cells.sum::<f64>() / rows)?, by_cell })
    }

    /// What each row adds, by how likely it is of each class and the class that it is predicted as.
    ///
    /// # Errors
    /// `Empty` without rows; `Infinite` where a slope is no number.
    pub fn influence(
        &self,
        likely: &[Vec<f64>],
        predicted: &[usize],
    ) -> Result<Influence, Undefined> {
        let classes = likely.len();
        let mut of_rows = vec![0.0; predicted.len()];
        let mut slopes = Vec::with_capacity(classes);
        for (likely, by_predicted) in likely.iter().zip(&self.by_cell) {
            let of_class: Vec<f64> =
                predicted.iter().map(|&at| by_predicted[at.min(classes)]).collect();
            for ((row, slope), p) in of_rows.iter_mut().zip(&of_class).zip(likely) {
                *row += slope * p;
            }
            slopes.push(of_class);
        }
        Influence::around(of_rows, slopes, Some(self.value))
    }
}

/// Adds the slopes of one class against the rest.
fn add(by_cell: &mut [Vec<f64>], class: usize, slopes: [f64; 4], weight: f64) {
    let [true_positive, false_positive, false_negative, true_negative] = slopes;
    for (truth, by_predicted) in by_cell.iter_mut().enumerate() {
        for (at, slope) in by_predicted.iter_mut().enumerate() {
            *slope += weight
                * match (truth == class, at == class) {
                    (true, true) => true_positive,
                    (false, true) => false_positive,
                    (true, false) => false_negative,
                    (false, false) => true_negative,
                };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [Rate; 4] = [Rate::F1, Rate::Precision, Rate::Recall, Rate::Specificity];

    /// Three classes; the last row is predicted as none of them.
    fn rows() -> (Vec<Vec<f64>>, Vec<usize>) {
        let truth = [0, 0, 1, 1, 2, 2, 0, 1, 2];
        let likely = |class| truth.iter().map(|&at| f64::from(at == class)).collect();
        ((0..3).map(likely).collect(), vec![0, 1, 1, 1, 2, 0, 0, 2, 3])
    }

    #[test]
    fn rates_move_as_small_steps_say() {
        let (likely, predicted) = rows();
        let cells = confusion_of(&likely, &predicted);
        let n = predicted.len() as f64;
        for rate in RATES {
            let of = CellSlopes::of_several(rate, &cells, Basis::Realized).unwrap();
            let found = of.influence(&likely, &predicted).unwrap();
            for row in 0..predicted.len() {
                let step = 1e-6;
                let mut more = cells.cells();
                let truth = likely.iter().position(|of| of[row] == 1.0).unwrap();
                more[truth * 4 + predicted[row]] += step;
                let more = Confusion::new(more.chunks(4).map(<[f64]>::to_vec).collect());
                let moved = CellSlopes::of_several(rate, &more, Basis::Realized).unwrap().value;
                let moved = (moved - of.value) / step * n;
                assert!((moved - found.of_rows[row]).abs() < 1e-4, "{rate:?} {row} {moved}");
            }
        }
    }

    #[test]
    fn of_two_classes_the_second_one_counts() {
        let positive = [1.0, 1.0, 0.0, 0.0, 1.0];
        let likely = vec![positive.map(|p| 1.0 - p).to_vec(), positive.to_vec()];
        let predicted = vec![1, 0, 0, 1, 1];
        let cells = confusion_of(&likely, &predicted);
        let precision = CellSlopes::of_two(Rate::Precision, &cells, Basis::Realized).unwrap();
        assert!((precision.value - 2.0 / 3.0).abs() < 1e-15);
        // (right - precision) / share predicted positive, and nothing of the others.
        let found = precision.influence(&likely, &predicted).unwrap();
        let expected = [1.0 / 3.0, 0.0, 0.0, -2.0 / 3.0, 1.0 / 3.0].map(|row| row / 0.6);
        for (found, expected) in found.of_rows.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        let one = confusion_of(&[vec![1.0; 3], vec![0.0; 3]], &[0, 0, 0]);
        let none = CellSlopes::of_two(Rate::Recall, &one, Basis::Realized);
        assert_eq!(none.map(|of| of.value), Err(Undefined::OneClass));
    }

    #[test]
    fn worth_is_the_mean_of_what_rows_are_worth() {
        let (likely, predicted) = rows();
        let cells = confusion_of(&likely, &predicted);
        let worth = vec![vec![1.0, -2.0, 0.0], vec![0.0, 3.0, -1.0], vec![-5.0, 0.0, 4.0]];
        let found = CellSlopes::worth(&cells, &worth).unwrap();
        let each = [1.0, -2.0, 3.0, 3.0, 4.0, -5.0, 1.0, -1.0, 0.0];
        let mean = each.iter().sum::<f64>() / 9.0;
        assert!((found.value - mean).abs() < 1e-15);
        let found = found.influence(&likely, &predicted).unwrap();
        for (found, each) in found.of_rows.iter().zip(each) {
            assert!((found - (each - mean)).abs() < 1e-12);
        }
        let right = CellSlopes::accuracy(&cells).unwrap();
        assert!((right.value - 5.0 / 9.0).abs() < 1e-15);
    }
}
