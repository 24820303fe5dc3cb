//! What a classifier's predictions are worth.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cells::Cells;
use crate::stats::Undefined;

/// What the business value is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueNormalization {
    /// By nothing: the value of all rows together.
    #[default]
    None,
    /// By the rows: the mean value of a prediction.
    PerPrediction,
}

impl Cells {
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
    fn the_value_per_prediction_is_the_mean() {
        // Register B20: the peer divides each column of the matrix by its own sum instead.
        let worth = [[1.0, -2.0], [-3.0, 4.0]];
        assert_eq!(CELLS.business_value(worth, ValueNormalization::None), Ok(80.0));
        assert_eq!(CELLS.business_value(worth, ValueNormalization::PerPrediction), Ok(0.8));
    }

    #[test]
    fn a_window_of_one_class_is_worth_what_its_rows_are() {
        // Register B53: the peer spreads the one count over the whole matrix and says 0.
        let only_true_positives = Cells { true_positive: 1_000.0, ..Cells::default() };
        let worth = [[0.0, -1.0], [-4.0, 5.0]];
        let value = only_true_positives.business_value(worth, ValueNormalization::None);
        assert_eq!(value, Ok(5_000.0));
    }

    #[test]
    fn nothing_and_infinities_say_why() {
        let value =
            |cells: Cells, worth| cells.business_value([[worth, 0.0]; 2], ValueNormalization::None);
        assert_eq!(value(CELLS, f64::INFINITY), Err(Undefined::Infinite));
        assert_eq!(value(Cells::default(), 1.0), Err(Undefined::Empty));
    }
}
