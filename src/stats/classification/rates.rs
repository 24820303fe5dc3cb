//! Rates of a binary classifier: shares of the cells of its confusion matrix.

use super::cells::{Cells, ratio};
use crate::stats::Undefined;

/// What cells stand for, which decides what an empty denominator means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Expected cells: a ratio without a denominator is 0.
    Estimated,
    /// Counted cells: a metric that cannot be measured is undefined.
    Realized,
}

impl Cells {
    /// Harmonic mean of precision and recall, in `[0, 1]`: `TP / (TP + (FP + FN) / 2)`.
    ///
    /// Source: van Rijsbergen (1979); equals scikit-learn's `f1_score`. Realized, as precision and recall, it
    /// is undefined (`OneClass`) where there is one target class or one predicted class; estimated it is 0
    /// where the denominator is. Both are undefined (`Empty`) without rows. O(1), as all of this type.
    ///
    /// # Errors
    ///
    /// Why the metric has no value.
    pub fn f1(&self, basis: Basis) -> Result<f64, Undefined> {
        let errors = self.false_positive + self.false_negative;
        self.both_classes(basis)?;
        Ok(ratio(self.true_positive, self.true_positive + errors / 2.0))
    }

    /// Share of the predicted positives that are positive, in `[0, 1]`: `TP / (TP + FP)`.
    ///
    /// Equals scikit-learn's `precision_score`. Undefined as [`f1`](Self::f1).
    ///
    /// # Errors
    ///
    /// Why the metric has no value.
    pub fn precision(&self, basis: Basis) -> Result<f64, Undefined> {
        self.both_classes(basis)?;
        Ok(ratio(self.true_positive, self.predicted_positives()))
    }

    /// Share of the positives that are predicted, in `[0, 1]`: `TP / (TP + FN)`.
    ///
    /// Equals scikit-learn's `recall_score`. Undefined as [`f1`](Self::f1).
    ///
    /// # Errors
    ///
    /// Why the metric has no value.
    pub fn recall(&self, basis: Basis) -> Result<f64, Undefined> {
        self.both_classes(basis)?;
        Ok(ratio(self.true_positive, self.positives()))
    }

    /// Share of the negatives that are predicted, in `[0, 1]`: `TN / (TN + FP)`.
    ///
    /// Realized it is undefined (`OneClass`) without negatives, estimated it is 0 then; `Empty` without rows.
    ///
    /// # Errors
    ///
    /// Why the metric has no value.
    pub fn specificity(&self, basis: Basis) -> Result<f64, Undefined> {
        self.some_rows()?;
        if basis == Basis::Realized && self.negatives() == 0.0 {
            return Err(Undefined::OneClass);
        }
        Ok(ratio(self.true_negative, self.negatives()))
    }

    /// Share of the predictions that are right, in `[0, 1]`: `(TP + TN) / rows`. Undefined: `Empty`.
    ///
    /// # Errors
    ///
    /// Why the metric has no value.
    pub fn accuracy(&self) -> Result<f64, Undefined> {
        let rows = self.some_rows()?;
        Ok(((self.true_positive + self.true_negative) / rows).min(1.0))
    }

    fn both_classes(&self, basis: Basis) -> Result<(), Undefined> {
        self.some_rows()?;
        let margins = [
            self.positives(),
            self.negatives(),
            self.predicted_positives(),
            self.predicted_negatives(),
        ];
        if basis == Basis::Realized && margins.contains(&0.0) {
            return Err(Undefined::OneClass);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Basis::{Estimated, Realized};
    use super::*;

    fn cells(tp: f64, fp: f64, fn_: f64, tn: f64) -> Cells {
        Cells { true_positive: tp, false_positive: fp, false_negative: fn_, true_negative: tn }
    }

    #[test]
    fn the_textbook_table_has_the_textbook_metrics() {
        let cells = cells(30.0, 10.0, 20.0, 40.0);
        for basis in [Estimated, Realized] {
            assert_eq!(cells.precision(basis), Ok(0.75));
            assert_eq!(cells.recall(basis), Ok(0.6));
            assert_eq!(cells.specificity(basis), Ok(0.8));
            assert_eq!(cells.f1(basis), Ok(30.0 / 45.0));
        }
        assert_eq!(cells.accuracy(), Ok(0.7));
    }

    #[test]
    fn an_empty_denominator_is_zero_estimated_and_undefined_realized() {
        let no_predicted_positive = cells(0.0, 0.0, 5.0, 7.0);
        assert_eq!(no_predicted_positive.precision(Estimated), Ok(0.0));
        assert_eq!(no_predicted_positive.f1(Estimated), Ok(0.0));
        assert_eq!(no_predicted_positive.specificity(Estimated), Ok(1.0));
        assert_eq!(no_predicted_positive.precision(Realized), Err(Undefined::OneClass));
        assert_eq!(no_predicted_positive.f1(Realized), Err(Undefined::OneClass));
        assert_eq!(no_predicted_positive.recall(Realized), Err(Undefined::OneClass));
        assert_eq!(no_predicted_positive.specificity(Realized), Ok(1.0));
    }

    #[test]
    fn a_window_of_one_class_keeps_four_cells() {
        // Register B53: the peer finds one cell here, and no specificity.
        let only_true_positives = cells(1_000.0, 0.0, 0.0, 0.0);
        assert_eq!(only_true_positives.specificity(Realized), Err(Undefined::OneClass));
        assert_eq!(only_true_positives.specificity(Estimated), Ok(0.0));
        assert_eq!(only_true_positives.accuracy(), Ok(1.0));
        let only_true_negatives = cells(0.0, 0.0, 0.0, 10.0);
        assert_eq!(only_true_negatives.specificity(Realized), Ok(1.0));
    }

    #[test]
    fn no_rows_and_no_numbers_have_reasons() {
        assert_eq!(Cells::default().accuracy(), Err(Undefined::Empty));
        assert_eq!(Cells::default().f1(Estimated), Err(Undefined::Empty));
        assert_eq!(cells(f64::NAN, 1.0, 1.0, 1.0).accuracy(), Err(Undefined::Infinite));
    }
}
