//! Sampling errors of what is read from the confusion matrix of several classes.

use super::SamplingError;
use super::cells::share_of;
use crate::stats::Undefined;
use crate::stats::classification::{Cells, Confusion, Normalization, ValueNormalization};

/// What is added to the error of the mean area, as its classes are not independent: an empirical constant.
const AREA: f64 = 1.2;

impl SamplingError {
    /// Of a mean over the classes of a rate, from that of each class against the rest of the reference:
    /// `sqrt(sum_k u_k / (rows share_k)) / classes`.
    ///
    /// `u_k` and `share_k` are variance and share of the rows of class `k`, whose errors are taken as independent. Equals
    /// `NannyML`'s figure, but for F1, where it leaves out the factor from a share of true positives to F1 that its binary
    /// one has. Undefined as soon as one class's is.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn mean_rate(
        reference: &Confusion,
        of: fn(&Cells) -> Result<Self, Undefined>,
    ) -> Result<Self, Undefined> {
        reference.some_rows()?;
        let classes = 0..reference.classes();
        Self::mean_of(classes.map(|class| of(&reference.one_against_rest(class))), 1.0)
    }

    /// Of a mean area under the curve, from those of each class against the rest.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn mean_roc_auc(
        classes: impl IntoIterator<Item = Result<Self, Undefined>>,
    ) -> Result<Self, Undefined> {
        Self::mean_of(classes, AREA)
    }

    /// Of a mean average precision, from those of each class against the rest.
    ///
    /// The variance of the mean; `NannyML` states the mean of the variances.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn mean_average_precision(
        classes: impl IntoIterator<Item = Result<Self, Undefined>>,
    ) -> Result<Self, Undefined> {
        Self::mean_of(classes, 1.0)
    }

    /// Of a mean over classes of which each is a mean over a share of the rows.
    fn mean_of(
        classes: impl IntoIterator<Item = Result<Self, Undefined>>,
        factor: f64,
    ) -> Result<Self, Undefined> {
        let (mut variance, mut count) = (0.0, 0.0);
        for class in classes {
            match class? {
                Self::Mean { deviation, share } => variance += deviation * deviation / share,
                Self::Sum { .. } | Self::StandardDeviation { .. } => return Err(Undefined::Empty),
            }
            count += 1.0;
        }
        if count == 0.0 {
            return Err(Undefined::Empty);
        }
        let deviation = Undefined::unless_finite(factor * variance.sqrt() / count)?;
        Ok(Self::Mean { deviation, share: 1.0 })
    }

    /// Of the accuracy `q`: `sqrt(q (1 - q) / rows)`. Undefined: `Empty`.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn accuracy_of_several(reference: &Confusion) -> Result<Self, Undefined> {
        let rows = reference.some_rows()?;
        share_of(reference.right(), rows, rows)
    }

    /// Of a cell of the confusion matrix, however normalized; as the binary one.
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn cell_of_several(
        reference: &Confusion,
        at: [usize; 2],
        by: Normalization,
    ) -> Result<Self, Undefined> {
        let rows = reference.some_rows()?;
        let cell = reference.cell(at[0], at[1]);
        let error = share_of(cell, reference.whole_of(at, by), rows)?;
        Ok(match (by, error) {
            (Normalization::None, Self::Mean { deviation, .. }) => Self::Sum { deviation },
            _ => error,
        })
    }

    /// Of the business value; as the binary one (`NannyML` divides by one row less here).
    ///
    /// # Errors
    ///
    /// Why there is no sampling error.
    pub fn business_value_of_several(
        reference: &Confusion,
        worth: &[Vec<f64>],
        by: ValueNormalization,
    ) -> Result<Self, Undefined> {
        let rows = reference.some_rows()?;
        let mean = reference.weighed(worth).map(|(cell, worth)| cell * worth).sum::<f64>() / rows;
        let squares =
            reference.weighed(worth).map(|(cell, worth)| cell * (worth - mean) * (worth - mean));
        let deviation = Undefined::unless_finite((squares.sum::<f64>() / rows).sqrt())?;
        Ok(match by {
            ValueNormalization::None => Self::Sum { deviation },
            ValueNormalization::PerPrediction => Self::Mean { deviation, share: 1.0 },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Cell;

    fn confusion() -> Confusion {
        Confusion::new(vec![
            vec![50.0, 10.0, 0.0, 0.0],
            vec![20.0, 60.0, 10.0, 0.0],
            vec![0.0, 10.0, 20.0, 20.0],
        ])
    }

    fn close(found: Result<SamplingError, Undefined>, expected: f64) {
        let found = found.unwrap().for_rows(100).unwrap();
        assert!((found - expected).abs() < 1e-15, "{found} {expected}");
    }

    #[test]
    fn classes_err_independently() {
        let term = |q: f64, share: f64| q * (1.0 - q) / (100.0 * share);
        let recall = [(50.0 / 60.0, 0.3), (60.0 / 90.0, 0.45), (20.0 / 50.0, 0.25)];
        let sum: f64 = recall.iter().map(|&(q, share)| term(q, share)).sum();
        close(SamplingError::mean_rate(&confusion(), SamplingError::recall), sum.sqrt() / 3.0);
        let area = |deviation, share| Ok(SamplingError::Mean { deviation, share });
        let mean = SamplingError::mean_roc_auc([area(0.2, 0.5), area(0.3, 0.25)]);
        close(mean, 1.2 * (0.04_f64 / 50.0 + 0.09 / 25.0).sqrt() / 2.0);
    }

    #[test]
    fn of_two_classes_each_cell_errs_as_the_binary_one() {
        let two = Confusion::new(vec![vec![40.0, 10.0, 0.0], vec![20.0, 30.0, 0.0]]);
        let binary = two.one_against_rest(1);
        let by =
            [Normalization::None, Normalization::All, Normalization::True, Normalization::Pred];
        for by in by {
            let ours = SamplingError::cell_of_several(&two, [1, 1], by);
            let cell = Cell::TruePositive;
            assert_eq!(ours, SamplingError::cell(&binary, cell, by));
        }
        assert_eq!(SamplingError::accuracy_of_several(&two), SamplingError::accuracy(&binary));
        let worth = [[0.0, -1.0], [-4.0, 5.0]];
        let ours = SamplingError::business_value_of_several(
            &two,
            &worth.map(Vec::from),
            ValueNormalization::None,
        );
        close(ours, {
            let theirs =
                SamplingError::business_value(&binary, worth, ValueNormalization::None).unwrap();
            theirs.for_rows(100).unwrap()
        });
    }

    #[test]
    fn a_class_without_rows_says_why() {
        let missing = Confusion::new(vec![vec![5.0, 1.0, 0.0], vec![0.0; 3]]);
        let recall = SamplingError::mean_rate(&missing, SamplingError::recall);
        assert_eq!(recall, Err(Undefined::OneClass));
        let none = Confusion::new(vec![vec![0.0; 3]; 2]);
        assert_eq!(SamplingError::accuracy_of_several(&none), Err(Undefined::Empty));
        assert_eq!(SamplingError::mean_roc_auc([]), Err(Undefined::Empty));
    }
}
