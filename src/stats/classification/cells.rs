//! The confusion matrix of a binary classifier and what is read from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stats::Undefined;

/// The four cells of a binary confusion matrix: expected rows, or counted ones; never negative.
///
/// Expected: with calibrated probability `p` of the positive class, a row predicted positive adds `p` to the
/// true and `1 - p` to the false positives; one predicted negative `p` to the false and `1 - p` to the true
/// negatives. The classes are fixed, so a window with one of them still has four cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cells {
    /// Positives that are predicted positive.
    pub true_positive: f64,
    /// Negatives that are predicted positive.
    pub false_positive: f64,
    /// Positives that are predicted negative.
    pub false_negative: f64,
    /// Negatives that are predicted negative.
    pub true_negative: f64,
}

/// One of the four cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Positives that are predicted positive.
    TruePositive,
    /// Negatives that are predicted positive.
    FalsePositive,
    /// Positives that are predicted negative.
    FalseNegative,
    /// Negatives that are predicted negative.
    TrueNegative,
}

/// What the cells of a confusion matrix are divided by.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// By nothing: rows.
    #[default]
    None,
    /// By all rows.
    All,
    /// By the rows of the same true class.
    True,
    /// By the rows of the same predicted class.
    Pred,
}

/// What the business value is divided by.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ValueNormalization {
    /// By nothing: the value of all rows together.
    #[default]
    None,
    /// By the rows: the mean value of a prediction.
    PerPrediction,
}

/// What cells stand for, which decides what an empty denominator means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Expected cells: a ratio without a denominator is 0.
    Estimated,
    /// Counted cells: a metric that cannot be measured is undefined.
    Realized,
}

impl Cell {
    /// All four, in the order of the fields of [`Cells`].
    pub const ALL: [Self; 4] =
        [Self::TruePositive, Self::FalsePositive, Self::FalseNegative, Self::TrueNegative];
}

impl Cells {
    /// One of the four.
    pub fn cell(&self, cell: Cell) -> f64 {
        match cell {
            Cell::TruePositive => self.true_positive,
            Cell::FalsePositive => self.false_positive,
            Cell::FalseNegative => self.false_negative,
            Cell::TrueNegative => self.true_negative,
        }
    }

    /// Rows of the positive class.
    pub fn positives(&self) -> f64 {
        self.true_positive + self.false_negative
    }

    /// Rows of the negative class.
    pub fn negatives(&self) -> f64 {
        self.true_negative + self.false_positive
    }

    /// Rows predicted positive.
    pub fn predicted_positives(&self) -> f64 {
        self.true_positive + self.false_positive
    }

    /// Rows predicted negative.
    pub fn predicted_negatives(&self) -> f64 {
        self.true_negative + self.false_negative
    }

    /// All rows.
    pub fn rows(&self) -> f64 {
        self.predicted_positives() + self.predicted_negatives()
    }

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

    /// A cell of the confusion matrix: in rows, or as a share of all rows, of those of its true class or of
    /// those of its predicted class.
    ///
    /// Equals scikit-learn's `confusion_matrix(normalize=...)`, except that a share of nothing is undefined
    /// (`OneClass`) in both bases, not 0. `Empty` without rows, whatever the normalization.
    ///
    /// # Errors
    ///
    /// Why the cell has no value.
    pub fn normalized(&self, cell: Cell, by: Normalization) -> Result<f64, Undefined> {
        let rows = self.some_rows()?;
        let whole = match by {
            Normalization::None => return Ok(self.cell(cell)),
            Normalization::All => rows,
            Normalization::True | Normalization::Pred => self.class_of(cell, by),
        };
        if whole == 0.0 { Err(Undefined::OneClass) } else { Ok(ratio(self.cell(cell), whole)) }
    }

    /// The rows that a cell is a share of: those of its true or its predicted class, or all.
    pub(in crate::stats) fn class_of(&self, cell: Cell, by: Normalization) -> f64 {
        match (by, cell) {
            (Normalization::None | Normalization::All, _) => self.rows(),
            (Normalization::True, Cell::TruePositive | Cell::FalseNegative) => self.positives(),
            (Normalization::True, Cell::FalsePositive | Cell::TrueNegative) => self.negatives(),
            (Normalization::Pred, Cell::TruePositive | Cell::FalsePositive) => {
                self.predicted_positives()
            }
            (Normalization::Pred, Cell::FalseNegative | Cell::TrueNegative) => {
                self.predicted_negatives()
            }
        }
    }

    /// What the predictions are worth, in the unit of `worth`: the cells weighed by it.
    ///
    /// `worth[true class][predicted class]`, negative class first: `[[TN, FP], [FN, TP]]`. Per prediction it is
    /// divided by the rows, so that it is the mean whose sampling error is stated beside it (`NannyML` divides
    /// each column by its own sum instead). Source: Elkan (2001). Undefined: `Empty`, and `Infinite` where
    /// `worth` is not finite.
    ///
    /// # Errors
    ///
    /// Why the value is undefined.
    pub fn business_value(
        &self,
        worth: [[f64; 2]; 2],
        by: ValueNormalization,
    ) -> Result<f64, Undefined> {
        let rows = self.some_rows()?;
        let value = self.weighed(worth).iter().map(|(cell, worth)| cell * worth).sum::<f64>();
        Undefined::unless_finite(match by {
            ValueNormalization::None => value,
            ValueNormalization::PerPrediction => value / rows,
        })
    }

    /// Each cell with what a row in it is worth.
    pub(in crate::stats) fn weighed(&self, worth: [[f64; 2]; 2]) -> [(f64, f64); 4] {
        let [[true_negative, false_positive], [false_negative, true_positive]] = worth;
        [
            (self.true_negative, true_negative),
            (self.false_positive, false_positive),
            (self.false_negative, false_negative),
            (self.true_positive, true_positive),
        ]
    }

    /// The rows, unless there are none or a cell is no number of rows.
    pub(in crate::stats) fn some_rows(&self) -> Result<f64, Undefined> {
        if Cell::ALL.iter().any(|&cell| !self.cell(cell).is_finite()) {
            return Err(Undefined::Infinite);
        }
        let rows = self.rows();
        if rows > 0.0 { Ok(rows) } else { Err(Undefined::Empty) }
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

/// A share; 0 of nothing, and never above 1 by rounding.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { (part / whole).min(1.0) }
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
        // Register B53: the peer spreads the one count over the whole value matrix and says 0.
        let only_true_positives = cells(1_000.0, 0.0, 0.0, 0.0);
        let worth = [[0.0, -1.0], [-4.0, 5.0]];
        let value = only_true_positives.business_value(worth, ValueNormalization::None);
        assert_eq!(value, Ok(5_000.0));
        assert_eq!(only_true_positives.specificity(Realized), Err(Undefined::OneClass));
        assert_eq!(only_true_positives.specificity(Estimated), Ok(0.0));
        assert_eq!(only_true_positives.accuracy(), Ok(1.0));
        let only_true_negatives = cells(0.0, 0.0, 0.0, 10.0);
        assert_eq!(only_true_negatives.specificity(Realized), Ok(1.0));
    }

    #[test]
    fn cells_are_shares_of_what_they_are_normalized_by() {
        let cells = cells(30.0, 10.0, 20.0, 40.0);
        let all = |by| Cell::ALL.map(|cell| cells.normalized(cell, by).unwrap());
        assert_eq!(all(Normalization::None), [30.0, 10.0, 20.0, 40.0]);
        assert_eq!(all(Normalization::All), [0.3, 0.1, 0.2, 0.4]);
        assert_eq!(all(Normalization::True), [0.6, 0.2, 0.4, 0.8]);
        assert_eq!(all(Normalization::Pred), [0.75, 0.25, 20.0 / 60.0, 40.0 / 60.0]);
    }

    #[test]
    fn a_share_of_nothing_is_undefined() {
        let no_positives = cells(0.0, 3.0, 0.0, 4.0);
        let share = no_positives.normalized(Cell::TruePositive, Normalization::True);
        assert_eq!(share, Err(Undefined::OneClass));
        assert_eq!(no_positives.normalized(Cell::TruePositive, Normalization::All), Ok(0.0));
    }

    #[test]
    fn the_value_per_prediction_is_the_mean() {
        let cells = cells(30.0, 10.0, 20.0, 40.0);
        let worth = [[1.0, -2.0], [-3.0, 4.0]];
        assert_eq!(cells.business_value(worth, ValueNormalization::None), Ok(80.0));
        assert_eq!(cells.business_value(worth, ValueNormalization::PerPrediction), Ok(0.8));
        let endless = [[f64::INFINITY, 0.0], [0.0, 0.0]];
        let value = cells.business_value(endless, ValueNormalization::None);
        assert_eq!(value, Err(Undefined::Infinite));
    }

    #[test]
    fn no_rows_and_no_numbers_have_reasons() {
        let none = Cells::default();
        assert_eq!(none.accuracy(), Err(Undefined::Empty));
        assert_eq!(none.f1(Estimated), Err(Undefined::Empty));
        assert_eq!(none.normalized(Cell::TruePositive, Normalization::None), Err(Undefined::Empty));
        assert_eq!(cells(f64::NAN, 1.0, 1.0, 1.0).accuracy(), Err(Undefined::Infinite));
    }
}
