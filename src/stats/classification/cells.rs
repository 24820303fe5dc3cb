//! The confusion matrix of a binary classifier.

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

    /// The rows, unless there are none or a cell is no number of rows.
    pub(in crate::stats) fn some_rows(&self) -> Result<f64, Undefined> {
        if Cell::ALL.iter().any(|&cell| !self.cell(cell).is_finite()) {
            return Err(Undefined::Infinite);
        }
        let rows = self.rows();
        if rows > 0.0 { Ok(rows) } else { Err(Undefined::Empty) }
    }
}

/// A share; 0 of nothing, and never above 1 by rounding.
pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { (part / whole).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELLS: Cells = Cells {
        true_positive: 30.0,
        false_positive: 10.0,
        false_negative: 20.0,
        true_negative: 40.0,
    };

    #[test]
    fn cells_are_shares_of_what_they_are_normalized_by() {
        let all = |by| Cell::ALL.map(|cell| CELLS.normalized(cell, by).unwrap());
        assert_eq!(all(Normalization::None), [30.0, 10.0, 20.0, 40.0]);
        assert_eq!(all(Normalization::All), [0.3, 0.1, 0.2, 0.4]);
        assert_eq!(all(Normalization::True), [0.6, 0.2, 0.4, 0.8]);
        assert_eq!(all(Normalization::Pred), [0.75, 0.25, 20.0 / 60.0, 40.0 / 60.0]);
    }

    #[test]
    fn a_share_of_nothing_is_undefined() {
        let no_positives = Cells { false_positive: 3.0, true_negative: 4.0, ..Cells::default() };
        let share = no_positives.normalized(Cell::TruePositive, Normalization::True);
        assert_eq!(share, Err(Undefined::OneClass));
        assert_eq!(no_positives.normalized(Cell::TruePositive, Normalization::All), Ok(0.0));
    }

    #[test]
    fn no_rows_and_no_numbers_have_reasons() {
        let count = |cells: Cells| cells.normalized(Cell::TruePositive, Normalization::None);
        assert_eq!(count(Cells::default()), Err(Undefined::Empty));
        assert_eq!(count(Cells { true_negative: f64::NAN, ..CELLS }), Err(Undefined::Infinite));
    }
}
