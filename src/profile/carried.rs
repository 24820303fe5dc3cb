//! What the rows of a sample carry of the model's outputs.

use arrow::array::Array;
use serde::{Deserialize, Serialize};

use crate::batch::{Expected, Rows, Values as Data};
use crate::profile::{Outputs, Profile, Role};

/// Which of the model's outputs the rows of a sample carry, in this order, and the columns where they come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The scores, in the order of the classes; of two classes there is one. Of a regression the prediction.
    pub numbers: Vec<usize>,
    /// How many losses are expected of a row: those of `Regression::expects`, in its order.
    #[serde(default)]
    pub losses: usize,
    /// The predicted class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<usize>,
    /// The target, which is kept by itself: others of the same row may lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<usize>,
}

/// What a row carries.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowOutputs<'r> {
    /// Its scores as the model put them out, in the order of the classes; of two classes there is one, that of the positive
    /// class. Of a regression its prediction. NaN where it is missing; an infinite one stands at the end of the doubles.
    pub numbers: &'r [f64],
    /// The losses that are expected of it, in the order of `Regression::expects`.
    pub losses: &'r [f64],
    /// The number of its predicted class (of several classes, one more than there are for none of them).
    pub predicted: Option<usize>,
    /// Its target: a number, or that of its class.
    pub target: Option<f64>,
}

impl Carried {
    /// What the rows of a profile's model carry.
    pub fn of(profile: &Profile) -> Self {
        let find = |role| profile.columns.iter().position(|column| column.role == role);
        let numbers = match &profile.outputs {
            Outputs::None => return Self::default(),
            Outputs::Binary(_) => find(Role::Score).into_iter().collect(),
            Outputs::Multiclass(several) => several.scores(&profile.columns).unwrap_or_default(),
            Outputs::Regression(_) => find(Role::Prediction).into_iter().collect(),
        };
        let (losses, predicted) = match &profile.outputs {
            Outputs::Regression(regression) => (regression.expects().count(), None),
            _ => (0, find(Role::Prediction)),
        };
        Self { numbers, losses, predicted, target: find(Role::Target) }
    }

    /// How many numbers a row carries, its target not counted.
    pub fn width(&self) -> usize {
        self.numbers.len() + self.losses + usize::from(self.predicted.is_some())
    }

    /// What a row carries, as a row of numbers.
    pub(super) fn push(
        &self,
        rows: &Rows,
        row: usize,
        class: &impl Fn(usize, usize) -> Option<usize>,
        to: &mut Vec<f64>,
    ) {
        to.extend(self.numbers.iter().map(|&column| Self::number(rows, column, row, class)));
        let losses: &[_] = match &rows.expected {
            Expected::Losses(losses) => losses,
            Expected::Nothing | Expected::Probabilities(_) => &[],
        };
        let loss = |at: usize| losses.get(at).and_then(|of| of.get(row).copied());
        to.extend((0..self.losses).map(|at| loss(at).unwrap_or(f64::NAN)));
        to.extend(self.predicted.map(|column| Self::number(rows, column, row, class)));
    }

    /// A value of a row as a number, or as that of its class; the one NaN where it is missing.
    pub(super) fn number(
        rows: &Rows,
        column: usize,
        row: usize,
        class: &impl Fn(usize, usize) -> Option<usize>,
    ) -> f64 {
        let found = match &rows.columns[column].values {
            Data::Numbers(values) if values.is_valid(row) => {
                let number = values.value(row).clamp(f64::MIN, f64::MAX);
                // Adding zero makes -0 the same as 0.
                (!number.is_nan()).then_some(number + 0.0)
            }
            Data::Labels(_) => class(column, row).map(|class| class as f64),
            Data::Numbers(_) | Data::Vectors(_) => None,
        };
        found.unwrap_or(f64::NAN)
    }

    /// A row of numbers as what it carries.
    pub(super) fn read<'r>(&self, outputs: &'r [f64], target: Option<f64>) -> RowOutputs<'r> {
        if outputs.len() != self.width() {
            return RowOutputs::default();
        }
        let (numbers, rest) = outputs.split_at(self.numbers.len());
        let (losses, predicted) = rest.split_at(self.losses);
        let predicted = predicted.first().filter(|class| !class.is_nan());
        RowOutputs {
            numbers,
            losses,
            predicted: predicted.map(|&class| class as usize),
            target: target.filter(|target| !target.is_nan()),
        }
    }
}
