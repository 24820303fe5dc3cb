//! Sampling errors of what is read from the confusion matrix.

use super::SamplingError;
use crate::stats::Undefined;
use crate::stats::classification::{Cell, Cells, Normalization, ValueNormalization};

impl SamplingError {
    /// Of the accuracy, from the reference's realized cells: `sqrt(q (1 - q) / rows)` with its accuracy `q`.
    ///
    /// Binomial, as all of a share. Undefined: `Empty` without reference rows. O(1), as all from cells.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn accuracy(reference: &Cells) -> Result<Self, Undefined> {
        let rows = reference.some_rows()?;
        share_of(reference.true_positive + reference.true_negative, rows, rows)
    }

    /// Of the precision `q`: `sqrt(q (1 - q) / (rows * share))` with the share of rows predicted positive.
    ///
    /// Undefined: `Empty`; `OneClass` where the reference has no predicted positives.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn precision(reference: &Cells) -> Result<Self, Undefined> {
        let rows = reference.some_rows()?;
        share_of(reference.true_positive, reference.predicted_positives(), rows)
    }

    /// Of the recall `q`: `sqrt(q (1 - q) / (rows * share))` with the share of positive rows.
    ///
    /// Undefined: `Empty`; `OneClass` where the reference has no positives.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn recall(reference: &Cells) -> Result<Self, Undefined> {
        let rows = reference.some_rows()?;
        share_of(reference.true_positive, reference.positives(), rows)
    }

    /// Of the specificity `q`: `sqrt(q (1 - q) / (rows * share))` with the share of negative rows.
    ///
    /// Undefined: `Empty`; `OneClass` where the reference has no negatives.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn specificity(reference: &Cells) -> Result<Self, Undefined> {
        let rows = reference.some_rows()?;
        share_of(reference.true_negative, reference.negatives(), rows)
    }

    /// Of the F1 score: `k sqrt(q (1 - q) / (rows * share))` over the `r = TP + FP + FN` rows that it looks at.
    ///
    /// `q = TP / r` is their share of true positives, `share = r / n`, and `k = r / (TP + (FP + FN) / 2)`
    /// scales `q` to F1. Undefined: `Empty`; `OneClass` where `r` is 0.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn f1(reference: &Cells) -> Result<Self, Undefined> {
        let rows = reference.some_rows()?;
        let errors = reference.false_positive + reference.false_negative;
        let relevant = reference.true_positive + errors;
        let correction = relevant / (reference.true_positive + errors / 2.0);
        match share_of(reference.true_positive, relevant, rows)? {
            Self::Mean { deviation, share } => {
                Ok(Self::Mean { deviation: deviation * correction, share })
            }
            other => Ok(other),
        }
    }

    /// Of a cell of the confusion matrix, however normalized.
    ///
    /// With `q` the cell's share of what it is divided by (of all rows where it is not):
    /// `sqrt(q (1 - q) rows)` in rows, `sqrt(q (1 - q) / rows)` as a share of all, and
    /// `sqrt(q (1 - q) / (rows * share))` as a share of a class with that share of the rows. Undefined:
    /// `Empty`; `OneClass` where that class is empty in the reference.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn cell(reference: &Cells, cell: Cell, by: Normalization) -> Result<Self, Undefined> {
        let rows = reference.some_rows()?;
        let error = share_of(reference.cell(cell), reference.class_of(cell, by), rows)?;
        Ok(match (by, error) {
            (Normalization::None, Self::Mean { deviation, .. }) => Self::Sum { deviation },
            _ => error,
        })
    }

    /// Of the business value: `s sqrt(rows)` in sum and `s / sqrt(rows)` per prediction, in the unit of `worth`.
    ///
    /// `s` is the population standard deviation of what a row of the reference is worth. Undefined: `Empty`;
    /// `Infinite` where `worth` is not finite.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn business_value(
        reference: &Cells,
        worth: [[f64; 2]; 2],
        by: ValueNormalization,
    ) -> Result<Self, Undefined> {
        let rows = reference.some_rows()?;
        let weighed = reference.weighed(worth);
        let mean = weighed.iter().map(|(cell, worth)| cell * worth).sum::<f64>() / rows;
        let squares = weighed.iter().map(|(cell, worth)| cell * (worth - mean) * (worth - mean));
        let deviation = Undefined::unless_finite((squares.sum::<f64>() / rows).sqrt())?;
        Ok(match by {
            ValueNormalization::None => Self::Sum { deviation },
            ValueNormalization::PerPrediction => Self::Mean { deviation, share: 1.0 },
        })
    }
}

/// Of a share `part / whole`, where `whole` are so many of all rows.
pub(super) fn share_of(part: f64, whole: f64, rows: f64) -> Result<SamplingError, Undefined> {
    if whole == 0.0 {
        return Err(Undefined::OneClass);
    }
    let q = (part / whole).clamp(0.0, 1.0);
    Ok(SamplingError::Mean { deviation: (q * (1.0 - q)).sqrt(), share: whole / rows })
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

    fn close(found: Result<SamplingError, Undefined>, expected: f64) {
        let found = found.unwrap().for_rows(200).unwrap();
        assert!((found - expected).abs() < 1e-15, "{found} {expected}");
    }

    #[test]
    fn a_share_errs_by_its_binomial_deviation() {
        close(SamplingError::accuracy(&CELLS), (0.7_f64 * 0.3 / 200.0).sqrt());
        close(SamplingError::precision(&CELLS), (0.75_f64 * 0.25 / 80.0).sqrt());
        close(SamplingError::recall(&CELLS), (0.6_f64 * 0.4 / 100.0).sqrt());
        close(SamplingError::specificity(&CELLS), (0.8_f64 * 0.2 / 100.0).sqrt());
        close(SamplingError::f1(&CELLS), 60.0 / 45.0 * (0.5_f64 * 0.5 / 120.0).sqrt());
    }

    #[test]
    fn cells_err_by_what_they_are_divided_by() {
        let cell = |by| SamplingError::cell(&CELLS, Cell::FalseNegative, by);
        close(cell(Normalization::None), (0.2_f64 * 0.8 * 200.0).sqrt());
        close(cell(Normalization::All), (0.2_f64 * 0.8 / 200.0).sqrt());
        close(cell(Normalization::True), (0.4_f64 * 0.6 / 100.0).sqrt());
        close(cell(Normalization::Pred), (1.0 / 3.0 * 2.0 / 3.0 / 120.0_f64).sqrt());
    }

    #[test]
    fn the_value_errs_by_the_spread_of_what_rows_are_worth() {
        let worth = [[0.0, 0.0], [0.0, 10.0]];
        let deviation = 10.0 * (0.3_f64 * 0.7).sqrt();
        let value = |by| SamplingError::business_value(&CELLS, worth, by);
        close(value(ValueNormalization::None), deviation * 200.0_f64.sqrt());
        close(value(ValueNormalization::PerPrediction), deviation / 200.0_f64.sqrt());
    }

    #[test]
    fn an_empty_reference_or_class_says_why() {
        let none = Cells::default();
        assert_eq!(SamplingError::accuracy(&none), Err(Undefined::Empty));
        let negatives = Cells { true_negative: 9.0, ..none };
        assert_eq!(SamplingError::precision(&negatives), Err(Undefined::OneClass));
        assert_eq!(SamplingError::recall(&negatives), Err(Undefined::OneClass));
        assert_eq!(SamplingError::f1(&negatives), Err(Undefined::OneClass));
        let cell = SamplingError::cell(&negatives, Cell::TruePositive, Normalization::Pred);
        assert_eq!(cell, Err(Undefined::OneClass));
        let endless = [[f64::INFINITY, 0.0], [0.0, 0.0]];
        let value = SamplingError::business_value(&negatives, endless, ValueNormalization::None);
        assert_eq!(value, Err(Undefined::Infinite));
    }
}
