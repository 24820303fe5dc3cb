//! How far rows lie from what the reference's features have in common.

use arrow::array::{Array, DictionaryArray, Float64Array};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::Int32Type;
use serde::{Deserialize, Serialize};

use crate::batch::{Column as Data, Values as DataValues, labels};
use crate::profile::{Column, Profile, Values};
use crate::stats::{LANES, Residual};

/// What the reference's features have in common: its principal components, after missing values are filled in (numbers
/// by their mean, categories by the most frequent one), categories stand for their share of the reference, and all
/// columns have mean 0 and unit spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reconstruction {
    /// The features, in the order of the profile's columns.
    pub features: Vec<Scaled>,
    /// What the components leave of a row; `None` where they leave nothing of any row of the reference.
    pub residual: Option<Residual>,
}

/// A feature on its way to mean 0 and unit spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaled {
    /// Which of the profile's columns.
    pub column: usize,
    /// What is taken away from its values.
    pub centre: f64,
    /// What the rest is divided by.
    pub scale: f64,
    /// Of categories: the label that stands for missing values, by its position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled: Option<usize>,
}

/// A feature of some rows, ready to be read.
#[derive(Debug)]
pub enum Feature<'d> {
    /// Numbers.
    Numbers {
        /// As they are.
        values: &'d Float64Array,
        /// How they are scaled.
        scaled: Scaled,
        /// The scaled value of those that are missing.
        missing: f64,
    },
    /// Categories.
    Labels {
        /// Positions among the rows' own labels.
        keys: &'d DictionaryArray<Int32Type>,
        /// The scaled share of each of these.
        scaled: Vec<f64>,
        /// The scaled value of those that are missing.
        missing: f64,
    },
}

impl Scaled {
    /// The share of a label in the reference, once missing values are filled in; 0 for one that it does not have.
    pub fn share(self, column: &Column, label: Option<usize>) -> f64 {
        let Values::Categorical(reference) = &column.values else { return 0.0 };
        let count = label.and_then(|at| reference.counts.get(at)).copied().unwrap_or(0);
        let filled = if label.is_some() && label == self.filled { column.missing } else { 0 };
        (count + filled) as f64 / column.rows as f64
    }

    #[inline]
    fn apply(self, value: f64) -> f64 {
        (value - self.centre) / self.scale
    }

    /// The feature of rows, given their columns and those of the profile. `None` where they do not belong together.
    pub fn of<'d>(self, profile: &[Column], columns: &'d [Data]) -> Option<Feature<'d>> {
        let column = profile.get(self.column)?;
        match (&columns.get(self.column)?.values, &column.values) {
            (DataValues::Numbers(values), Values::Continuous(reference)) => {
                let missing = self.apply(reference.mean);
                Some(Feature::Numbers { values, scaled: self, missing })
            }
            (DataValues::Labels(keys), Values::Categorical(reference)) => {
                let scaled = |label| self.apply(self.share(column, label));
                let missing = scaled(self.filled);
                let scaled = labels(keys).map(|label| scaled(reference.position(label)));
                Some(Feature::Labels { keys, scaled: scaled.collect(), missing })
            }
            _ => None,
        }
    }
}

impl Feature<'_> {
    /// The scaled value of a row: infinite where the row's own value is, never NaN.
    #[inline]
    pub fn value(&self, row: usize) -> f64 {
        match self {
            Self::Numbers { values, scaled, missing } => {
                let value = if values.is_valid(row) { values.value(row) } else { f64::NAN };
                if value.is_nan() { *missing } else { scaled.apply(value) }
            }
            Self::Labels { keys, scaled, missing } => {
                let known = keys.key(row).and_then(|position| scaled.get(position));
                known.copied().unwrap_or(*missing)
            }
        }
    }
}

impl Profile {
    /// The reconstruction error of every row: its distance from what the reference's features have in common. Infinite
    /// where a feature is. `None` where there is nothing to measure by.
    pub fn reconstruction_errors(&self, columns: &[Data]) -> Option<ScalarBuffer<f64>> {
        let reconstruction = self.reconstruction.as_ref()?;
        let residual = reconstruction.residual.as_ref()?;
        let features = reconstruction.features.iter();
        let features: Vec<Feature<'_>> =
            features.map(|feature| feature.of(&self.columns, columns)).collect::<Option<_>>()?;
        let rows = columns.first().map_or(0, |column| column.values.len());
        let mut found = Vec::with_capacity(rows);
        let mut block = vec![[0.0; LANES]; features.len()];
        let mut errors = [0.0; LANES];
        for first in (0..rows).step_by(LANES) {
            let length = LANES.min(rows - first);
            for (values, feature) in block.iter_mut().zip(&features) {
                for (lane, value) in values.iter_mut().take(length).enumerate() {
                    *value = feature.value(first + lane);
                }
            }
            residual.errors(&block, &mut errors);
            found.extend_from_slice(&errors[..length]);
        }
        Some(ScalarBuffer::from(found))
    }
}
