//! How good a classifier of several classes is, from its confusion matrix.

use serde::{Deserialize, Serialize};

use super::business_value::ValueNormalization;
use super::cells::{Cells, Normalization, ratio};
use super::rates::Basis;
use crate::stats::Undefined;

/// The confusion matrix of a classifier of several classes: expected rows, or counted ones; never negative.
///
/// Expected: a row adds to the cells of the class that it is predicted as the calibrated probability of each class. The
/// classes are fixed, so one that no row has still has its cells. Rows that are predicted as no class of the list have a
/// column of their own, behind the others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    /// Rows by true class.
    by_truth: Vec<Row>,
}

/// The rows of one true class by predicted class, those predicted as none of the list last.
type Row = Vec<f64>;

impl Confusion {
    /// The matrix with these cells: `rows[true class][predicted class]`, each with one cell more than there are classes,
    /// for those predicted as none of them.
    pub fn new(by_truth: Vec<Vec<f64>>) -> Self {
        let classes = by_truth.len();
        debug_assert!(
            by_truth.iter().all(|row| row.len() == classes + 1),
            "a cell more than classes"
        );
        Self { by_truth }
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.by_truth.len()
    }

    /// Rows of one class that are predicted as a class; 0 where there is no such class.
    pub fn cell(&self, truth: usize, predicted: usize) -> f64 {
        self.by_truth.get(truth).and_then(|row| row.get(predicted)).copied().unwrap_or(0.0)
    }

    /// All cells, by true and then by predicted class, those predicted as none of the list last.
    pub fn cells(&self) -> Vec<f64> {
        self.by_truth.concat()
    }

    /// All rows.
    pub fn rows(&self) -> f64 {
        self.by_truth.iter().flatten().sum()
    }

    /// Rows of a class.
    fn truth(&self, class: usize) -> f64 {
        self.by_truth.get(class).into_iter().flatten().sum()
    }

    /// Rows predicted as a class.
    fn predicted(&self, class: usize) -> f64 {
        self.by_truth.iter().filter_map(|row| row.get(class)).sum()
    }

    /// Rows of the classes without those that are predicted as none of them.
    fn listed(&self) -> f64 {
        let classes = self.classes();
        self.by_truth.iter().flat_map(|row| row.iter().take(classes)).sum()
    }

    /// One class as the positive one, all others as the negative one.
    pub fn one_against_rest(&self, class: usize) -> Cells {
        let true_positive = self.cell(class, class);
        let others = |at: usize| at != class;
        let row = self.by_truth.get(class).into_iter().flatten().enumerate();
        let false_negative = row.filter(|&(at, _)| others(at)).map(|(_, rows)| rows).sum();
        let rest =
            || self.by_truth.iter().enumerate().filter(|&(at, _)| others(at)).map(|(_, row)| row);
        let false_positive = rest().filter_map(|row| row.get(class)).sum();
        let cells = rest().flat_map(|row| row.iter().enumerate());
        let true_negative = cells.filter(|&(at, _)| others(at)).map(|(_, rows)| rows).sum();
        Cells { true_positive, false_positive, false_negative, true_negative }
    }

    /// Mean over the classes of their F1, in `[0, 1]`; of a class of which nothing is known it is 0.
    ///
    /// Equals scikit-learn's `f1_score(average="macro")`. Realized, as precision, recall and specificity, it is undefined
    /// (`OneClass`) where the rows have one class or one predicted class. All are undefined (`Empty`) without rows.
    /// O(classes^3), as all of this type that are means over the classes.
    ///
    /// # Errors
    ///
    /// Why the metric has no value.
    pub fn f1(&self, basis: Basis) -> Result<f64, Undefined> {
        self.mean(basis, |cells| cells.f1(Basis::Estimated))
    }

    /// Mean over the classes of their precision. Undefined as [`f1`](Self::f1).
    ///
    /// # Errors
    ///
    /// Why the metric has no value.
    pub fn precision(&self, basis: Basis) -> Result<f64, Undefined> {
        self.mean(basis, |cells| cells.precision(Basis::Estimated))
    }

    /// Mean over the classes of their recall. Undefined as [`f1`](Self::f1).
    ///
    /// # Errors
    ///
    /// Why the metric has no value.
    pub fn recall(&self, basis: Basis) -> Result<f64, Undefined> {
        self.mean(basis, |cells| cells.recall(Basis::Estimated))
    }

    /// Mean over the classes of their specificity. Undefined as [`f1`](Self::f1).
    ///
    /// # Errors
    ///
    /// Why the metric has no value.
    pub fn specificity(&self, basis: Basis) -> Result<f64, Undefined> {
        self.mean(basis, |cells| cells.specificity(Basis::Estimated))
    }

    /// Share of the predictions that are right, in `[0, 1]`. Undefined: `Empty`.
    ///
    /// # Errors
    ///
    /// Why the metric has no value.
    pub fn accuracy(&self) -> Result<f64, Undefined> {
        let rows = self.some_rows()?;
        Ok((self.right() / rows).min(1.0))
    }

    /// A cell: in rows, or as a share of all cells, of those of its true class or of those of its predicted class.
    ///
    /// Equals scikit-learn's `confusion_matrix(normalize=...)`, except that a share of nothing is undefined
    /// (`OneClass`), not 0, and so, realized, is every cell where the rows have one class or one predicted class.
    /// `Empty` without rows.
    ///
    /// # Errors
    ///
    /// Why the cell has no value.
    pub fn normalized(
        &self,
        [truth, predicted]: [usize; 2],
        by: Normalization,
        basis: Basis,
    ) -> Result<f64, Undefined> {
        self.some_classes(basis)?;
        let cell = self.cell(truth, predicted);
        let whole = match by {
            Normalization::None => return Ok(cell),
            Normalization::All | Normalization::True | Normalization::Pred => {
                self.whole_of([truth, predicted], by)
            }
        };
        if whole == 0.0 { Err(Undefined::OneClass) } else { Ok(ratio(cell, whole)) }
    }

    /// What the predictions are worth, in the unit of `worth[true class][predicted class]`; one as none of the classes is
    /// worth nothing. As the binary one it is divided by the rows where it is asked per prediction.
    ///
    /// Undefined: `Empty`, and `Infinite` where `worth` is not finite.
    ///
    /// # Errors
    ///
    /// Why the value is undefined.
    pub fn business_value(
        &self,
        worth: &[Vec<f64>],
        by: ValueNormalization,
    ) -> Result<f64, Undefined> {
        let rows = self.some_rows()?;
        let value: f64 = self.weighed(worth).map(|(cell, worth)| cell * worth).sum();
        Undefined::unless_finite(match by {
            ValueNormalization::None => value,
            ValueNormalization::PerPrediction => value / rows,
        })
    }

    /// Each cell with what a row in it is worth.
    pub(in crate::stats) fn weighed<'w>(
        &'w self,
        worth: &'w [Vec<f64>],
    ) -> impl Iterator<Item = (f64, f64)> + 'w {
        self.by_truth.iter().enumerate().flat_map(move |(truth, row)| {
            let of = move |at: usize| {
                worth.get(truth).and_then(|worth| worth.get(at)).copied().unwrap_or(0.0)
            };
            row.iter().enumerate().map(move |(at, &cell)| (cell, of(at)))
        })
    }

    /// Rows that are predicted as what they are.
    pub(in crate::stats) fn right(&self) -> f64 {
        (0..self.classes()).map(|class| self.cell(class, class)).sum()
    }

    /// What a cell is a share of: the rows of its true or its predicted class, or of all cells.
    pub(in crate::stats) fn whole_of(
        &self,
        [truth, predicted]: [usize; 2],
        by: Normalization,
    ) -> f64 {
        let none = self.cell(truth, self.classes());
        match by {
            Normalization::None => self.rows(),
            Normalization::All => self.listed(),
            Normalization::True => self.truth(truth) - none,
            Normalization::Pred => self.predicted(predicted),
        }
    }

    /// The rows, unless there are none or a cell is no number of rows.
    pub(in crate::stats) fn some_rows(&self) -> Result<f64, Undefined> {
        if self.by_truth.iter().flatten().any(|cell| !cell.is_finite()) {
            return Err(Undefined::Infinite);
        }
        let rows = self.rows();
        if rows > 0.0 { Ok(rows) } else { Err(Undefined::Empty) }
    }

    /// Refuses what counted rows of one class, or of one predicted class, say nothing of.
    fn some_classes(&self, basis: Basis) -> Result<(), Undefined> {
        self.some_rows()?;
        let classes = self.classes();
        let several =
            |rows: &mut dyn Iterator<Item = f64>| rows.filter(|&rows| rows > 0.0).count() > 1;
        let truths = several(&mut (0..classes).map(|class| self.truth(class)));
        let predicted = several(&mut (0..=classes).map(|class| self.predicted(class)));
        match basis {
            Basis::Realized if !(truths && predicted) => Err(Undefined::OneClass),
            _ => Ok(()),
        }
    }

    fn mean(
        &self,
        basis: Basis,
        metric: impl Fn(&Cells) -> Result<f64, Undefined>,
    ) -> Result<f64, Undefined> {
        self.some_classes(basis)?;
        let mut sum = 0.0;
        for class in 0..self.classes() {
            sum += metric(&self.one_against_rest(class))?;
        }
        Ok((sum / self.classes() as f64).min(1.0))
    }
}

/// Mean over the classes of the area under the curve of each against the rest.
///
/// Equals scikit-learn's `roc_auc_score(multi_class="ovr")`. Undefined as soon as one class's area is: `OneClass` where a
/// class has no rows.
///
/// # Errors
///
/// Why the mean has no value: the reason of the first class that has none.
pub fn mean_roc_auc(
    classes: impl IntoIterator<Item = Result<f64, Undefined>>,
) -> Result<f64, Undefined> {
    let areas = classes.into_iter().collect::<Result<Vec<f64>, Undefined>>()?;
    mean(&areas).ok_or(Undefined::Empty)
}

/// Mean over the classes that have positives of the average precision of each against the rest.
///
/// Equals scikit-learn's `average_precision_score` of binarized targets where every class has positives; where one has
/// none it is left out (`NannyML` has no value then). Undefined: `OneClass` where fewer than `least` classes have positives.
///
/// # Errors
///
/// Why the mean has no value.
pub fn mean_average_precision(
    classes: impl IntoIterator<Item = Result<f64, Undefined>>,
    least: usize,
) -> Result<f64, Undefined> {
    let mut found = Vec::new();
    for class in classes {
        match class {
            Err(Undefined::OneClass) => {}
            value => found.push(value?),
        }
    }
    if found.len() < least {
        return Err(Undefined::OneClass);
    }
    mean(&found).ok_or(Undefined::OneClass)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| (values.iter().sum::<f64>() / values.len() as f64).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::Basis::{Estimated, Realized};
    use super::*;

    /// Three classes, the last of them predicted twice as something else.
    fn confusion() -> Confusion {
        Confusion::new(vec![
            vec![5.0, 1.0, 0.0, 0.0],
            vec![2.0, 6.0, 1.0, 0.0],
            vec![0.0, 1.0, 2.0, 2.0],
        ])
    }

    #[test]
    fn each_class_against_the_rest_has_all_rows() {
        let cells = [0, 1, 2].map(|class| confusion().one_against_rest(class));
        let of = |cells: &Cells| {
            [cells.true_positive, cells.false_positive, cells.false_negative, cells.true_negative]
        };
        assert_eq!(of(&cells[0]), [5.0, 2.0, 1.0, 12.0]);
        assert_eq!(of(&cells[1]), [6.0, 2.0, 3.0, 9.0]);
        assert_eq!(of(&cells[2]), [2.0, 1.0, 3.0, 14.0]);
    }

    #[test]
    fn rates_are_means_over_the_classes() {
        // sklearn 1.5.2: precision_recall_fscore_support(average="macro", labels=[0, 1, 2]) of these rows.
        let close = |found: Result<f64, Undefined>, expected: f64| {
            assert!((found.unwrap() - expected).abs() < 1e-15, "{found:?} {expected}");
        };
        let confusion = confusion();
        close(confusion.precision(Realized), (5.0 / 7.0 + 6.0 / 8.0 + 2.0 / 3.0) / 3.0);
        close(confusion.recall(Realized), (5.0 / 6.0 + 6.0 / 9.0 + 2.0 / 5.0) / 3.0);
        close(confusion.f1(Realized), (10.0 / 13.0 + 12.0 / 17.0 + 4.0 / 8.0) / 3.0);
        close(confusion.specificity(Realized), (12.0 / 14.0 + 9.0 / 11.0 + 14.0 / 15.0) / 3.0);
        close(confusion.accuracy(), 13.0 / 20.0);
    }

    #[test]
    fn shares_are_of_the_cells_of_the_listed_classes() {
        let cell = |at, by| confusion().normalized(at, by, Realized);
        assert_eq!(cell([2, 2], Normalization::None), Ok(2.0));
        assert_eq!(cell([2, 2], Normalization::All), Ok(2.0 / 18.0));
        assert_eq!(cell([2, 2], Normalization::True), Ok(2.0 / 3.0));
        assert_eq!(cell([2, 2], Normalization::Pred), Ok(2.0 / 3.0));
    }

    #[test]
    fn what_is_predicted_as_no_class_is_worth_nothing() {
        let worth = vec![vec![1.0; 3]; 3];
        let value = |by| confusion().business_value(&worth, by);
        assert_eq!(value(ValueNormalization::None), Ok(18.0));
        assert_eq!(value(ValueNormalization::PerPrediction), Ok(0.9));
        let infinite = vec![vec![f64::INFINITY; 3]; 3];
        let value = confusion().business_value(&infinite, ValueNormalization::None);
        assert_eq!(value, Err(Undefined::Infinite));
    }

    #[test]
    fn one_class_counts_are_undefined_and_estimates_are_not() {
        // Register B54: a single class has no rates, but a business value and an accuracy.
        let one = Confusion::new(vec![vec![4.0, 0.0, 0.0], vec![0.0; 3]]);
        for rate in [one.f1(Realized), one.recall(Realized), one.specificity(Realized)] {
            assert_eq!(rate, Err(Undefined::OneClass));
        }
        let cell = one.normalized([0, 0], Normalization::None, Realized);
        assert_eq!(cell, Err(Undefined::OneClass));
        assert_eq!(one.accuracy(), Ok(1.0));
        assert_eq!(one.recall(Estimated), Ok(0.5));
        let empty = Confusion::new(vec![vec![0.0; 3]; 2]);
        assert_eq!(empty.f1(Estimated), Err(Undefined::Empty));
        assert_eq!(empty.accuracy(), Err(Undefined::Empty));
    }

    #[test]
    fn a_class_without_rows_has_no_area_but_leaves_the_mean_precision_of_the_others() {
        let missing = [Ok(0.8), Err(Undefined::OneClass), Ok(0.6)];
        assert_eq!(mean_roc_auc(missing), Err(Undefined::OneClass));
        assert_eq!(mean_average_precision(missing, 2), Ok(0.7));
        assert_eq!(mean_average_precision(missing, 3), Err(Undefined::OneClass));
        assert_eq!(mean_roc_auc([]), Err(Undefined::Empty));
    }
}
