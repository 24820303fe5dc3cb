//! What the profile knows of a regression's losses: their scatter, and a model that expects them.

use arrow::array::Array;
use serde::{Deserialize, Serialize};

use crate::batch::{Column as Data, Values as DataValues, labels};
use crate::profile::{Bins, Column, Values};
use crate::stats::{Forest, Input, Loss, SamplingError, Undefined};

/// The outputs of a model that predicts a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// What the reference says of each loss, in the order of [`Loss::ALL`].
    pub losses: [ReferenceLoss; Loss::ALL.len()],
    /// How often predictions were how far off, in absolute value, between the deciles; profiles from when this was kept, with
    /// targets and predictions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<Bins>,
}

/// What the reference says of a loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferenceLoss {
    /// The greatest of a row; 0 where there is none.
    pub greatest: f64,
    /// Sampling error of their mean; `None` where it has none.
    pub error: Option<SamplingError>,
    /// Sampling error of the root of their mean; `None` where it has none.
    pub root_error: Option<SamplingError>,
    /// What is expected of a row without its target, or why nothing is.
    pub model: Result<LossModel, Undefined>,
}

/// Direct loss estimation: from a row's features and prediction to the loss that the reference leads to expect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossModel {
    /// What is seen of a row.
    pub inputs: Vec<LossInput>,
    /// The trees.
    pub forest: Forest,
}

/// What a loss model sees of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossInput {
    /// The position of the column in the profile.
    pub column: usize,
    /// How its values are told apart.
    pub sees: Input,
}

impl Regression {
    /// The losses that something is expected of, in the order of [`Loss::ALL`].
    pub fn expects(&self) -> impl Iterator<Item = (Loss, &LossModel)> {
        let all = Loss::ALL.into_iter().zip(&self.losses);
        all.filter_map(|(loss, known)| Some((loss, known.model.as_ref().ok()?)))
    }
}

impl LossModel {
    /// The expected loss of each row, whether or not it has a prediction.
    pub(super) fn expected(&self, columns: &[Column], data: &[Data], rows: usize) -> Vec<f64> {
        let width = self.inputs.len();
        let mut bins = vec![0; rows * width];
        for (at, LossInput { column, sees: input }) in self.inputs.iter().enumerate() {
            let (Some(column), Some(data)) = (columns.get(*column), data.get(*column)) else {
                debug_assert!(false, "rows are laid out by their profile");
                continue;
            };
            let places = bins.iter_mut().skip(at).step_by(width.max(1));
            match (&data.values, &column.values) {
                (DataValues::Numbers(values), _) if values.null_count() == 0 => {
                    for (place, &value) in places.zip(values.values()) {
                        *place = input.bin_of_number(value);
                    }
                }
                (DataValues::Numbers(values), _) => {
                    let missing = input.bin_of_missing();
                    for (place, value) in places.zip(values) {
                        *place = value.map_or(missing, |value| input.bin_of_number(value));
                    }
                }
                (DataValues::Labels(array), Values::Categorical(reference)) => {
                    let known: Vec<u16> = labels(array)
                        .map(|label| input.bin_of_label(reference.position(label)))
                        .collect();
                    let missing = input.bin_of_missing();
                    for (place, position) in places.zip(array.keys()) {
                        let known = position.and_then(|at| known.get(at as usize));
                        *place = known.copied().unwrap_or(missing);
                    }
                }
                (DataValues::Labels(_) | DataValues::Vectors(_), _) => {
                    debug_assert!(false, "rows are laid out by their profile");
                }
            }
        }
        self.forest.evaluate(&bins, rows)
    }
}
