//! What each row adds to a figure.

use crate::stats::{Undefined, pairwise_sum};

/// A figure over rows, and what each row adds to it.
///
/// `value` moves to first order by `of_rows[i] / n` for each row `i`: its influence function at the row, of mean 0.
/// Source: Hampel (1974); a figure's variance is that of the mean of these (the infinitesimal jackknife, Efron 1982).
#[derive(Clone, Debug, PartialEq)]
pub struct Influence {
    /// The figure.
    pub value: f64,
    /// What each row adds.
    pub of_rows: Vec<f64>,
    /// By class and row: how much the figure, times the rows, changes with how likely the row is of the class. Empty for
    /// what is not of classes, and a run that is empty stands for zeros.
    pub slopes: Vec<Vec<f64>>,
}

impl Influence {
    /// Of the mean of some numbers.
    ///
    /// # Errors
    /// `Empty` without any, `Infinite` where their mean is no number.
    pub fn mean(values: &[f64]) -> Result<Self, Undefined> {
        Self::around(values.to_vec(), Vec::new(), None)
    }

    /// Of the root of the mean of some numbers, none below 0: by the delta method.
    ///
    /// # Errors
    /// As of the mean.
    pub fn root_of_mean(values: &[f64]) -> Result<Self, Undefined> {
        let mut of = Self::mean(values)?;
        let root = of.value.max(0.0).sqrt();
        let slope = if root > 0.0 { 0.5 / root } else { 0.0 };
        for row in &mut of.of_rows {
            *row *= slope;
        }
        of.value = root;
        Ok(of)
    }

    /// Of the ratio of two sums over the rows: by the delta method.
    ///
    /// # Errors
    /// `Empty` without rows, `TooFew` where the lower sum is 0, `Infinite` where the ratio is no number.
    pub fn ratio(upper: &[f64], lower: &[f64]) -> Result<Self, Undefined> {
        let rows = upper.len().min(lower.len());
        if rows == 0 {
            return Err(Undefined::Empty);
        }
        let below = pairwise_sum(&lower[..rows]) / rows as f64;
        if below == 0.0 {
            return Err(Undefined::TooFew);
        }
        let value = Undefined::unless_finite(pairwise_sum(&upper[..rows]) / rows as f64 / below)?;
        let of_rows = upper.iter().zip(lower).map(|(u, l)| (u - value * l) / below).collect();
        Self::around(of_rows, Vec::new(), Some(value))
    }

    /// Of a figure that is the mean of these numbers, or that has another value and moves with their mean.
    pub(super) fn around(
        mut of_rows: Vec<f64>,
        slopes: Vec<Vec<f64>>,
        value: Option<f64>,
    ) -> Result<Self, Undefined> {
        if of_rows.is_empty() {
            return Err(Undefined::Empty);
        }
        let mean = Undefined::unless_finite(pairwise_sum(&of_rows) / of_rows.len() as f64)?;
        for row in &mut of_rows {
            *row -= mean;
        }
        Ok(Self { value: Undefined::unless_finite(value.unwrap_or(mean))?, of_rows, slopes })
    }

    /// Of the mean of figures over the same rows.
    ///
    /// # Errors
    /// `Empty` without any.
    pub fn mean_of(mut figures: Vec<Self>) -> Result<Self, Undefined> {
        let share = 1.0 / figures.len() as f64;
        let mut mean = figures.pop().ok_or(Undefined::Empty)?;
        for figure in figures {
            mean.value += figure.value;
            for (sum, row) in mean.of_rows.iter_mut().zip(figure.of_rows) {
                *sum += row;
            }
            if mean.slopes.len() < figure.slopes.len() {
                mean.slopes.resize(figure.slopes.len(), Vec::new());
            }
            for (sum, slopes) in mean.slopes.iter_mut().zip(figure.slopes) {
                if sum.is_empty() {
                    *sum = slopes;
                } else {
                    for (sum, slope) in sum.iter_mut().zip(slopes) {
                        *sum += slope;
                    }
                }
            }
        }
        mean.value *= share;
        for row in &mut mean.of_rows {
            *row *= share;
        }
        for slope in mean.slopes.iter_mut().flatten() {
            *slope *= share;
        }
        Ok(mean)
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.of_rows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_moves_with_each_row_as_far_as_it_lies_from_it() {
        let mean = Influence::mean(&[1.0, 2.0, 6.0]).unwrap();
        assert_eq!((mean.value, mean.of_rows), (3.0, vec![-2.0, -1.0, 3.0]));
        assert_eq!(Influence::mean(&[]).map(|of| of.value), Err(Undefined::Empty));
        assert_eq!(Influence::mean(&[f64::NAN]).map(|of| of.value), Err(Undefined::Infinite));
    }

    #[test]
    fn roots_and_ratios_move_as_small_steps_say() {
        let values = [1.0, 4.0, 9.0, 2.0];
        let lower = [2.0, 1.0, 3.0, 5.0];
        let step = 1e-6;
        let root = Influence::root_of_mean(&values).unwrap();
        let ratio = Influence::ratio(&values, &lower).unwrap();
        for row in 0..values.len() {
            // A little more weight on one row.
            let weight = |at: usize| if at == row { 1.0 + step } else { 1.0 };
            let sum = |of: &[f64]| -> f64 { (0..4).map(|at| of[at] * weight(at)).sum() };
            let rows: f64 = (0..4).map(weight).sum();
            let moved = |new: f64, of: &Influence| (new - of.value) / (step / 4.0);
            let by_root = moved((sum(&values) / rows).sqrt(), &root);
            assert!((by_root - root.of_rows[row]).abs() < 1e-4, "{by_root} {:?}", root.of_rows);
            let by_ratio = moved(sum(&values) / sum(&lower), &ratio);
            assert!((by_ratio - ratio.of_rows[row]).abs() < 1e-4, "{by_ratio} {:?}", ratio.of_rows);
        }
        assert!(Influence::ratio(&values, &[0.0; 4]).is_err());
    }
}
