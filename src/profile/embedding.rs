//! How far the vectors of an embedding lie from what the reference's have in common.

use arrow::array::{Array, Float64Array, ListArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use serde::{Deserialize, Serialize};

use crate::batch::{Column as Data, Distances, Values as DataValues, Vectors, vector};
use crate::profile::{Profile, Values};
use crate::stats::{LANES, Residual};

/// The vectors of a column in the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// How many numbers each has.
    pub dimensions: usize,
    /// Rows of the reference with something else: a list of another length, or with something in it that is no number.
    pub malformed: u64,
    /// Root of the vectors' mean squared error; `None` where the components leave nothing of any vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typical: Option<f64>,
    /// What vectors are measured by; `None` in segments, whose rows are measured by the whole's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<Space>,
}

/// What vectors are measured by: principal components, after each dimension has mean 0 and unit spread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Space {
    /// What is taken away from each dimension.
    pub centres: Vec<f64>,
    /// What the rest is divided by.
    pub scales: Vec<f64>,
    /// What the components leave; `None` where they leave nothing of any vector of the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<Residual>,
    /// The first components, a row each; profiles that were asked for a domain classifier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leading: Vec<Vec<f64>>,
}

impl Embedding {
    /// Whether numbers are a vector like those of the reference.
    pub fn is_vector(&self, numbers: &[f64]) -> bool {
        numbers.len() == self.dimensions && numbers.iter().all(|number| number.is_finite())
    }

    /// How far the vectors of rows lie, by what measures those of the reference.
    pub fn measure(&self, lists: &ListArray) -> Distances {
        self.measure_with(lists, |rows, errors| {
            if let Some(space) = &self.space {
                space.errors(lists, rows, errors);
            }
        })
    }

    /// [`Embedding::measure`], where `errors` fills in how far the vectors of these rows lie.
    pub fn measure_with(
        &self,
        lists: &ListArray,
        errors: impl FnOnce(&[usize], &mut [f64]),
    ) -> Distances {
        let mut rows = Vec::with_capacity(lists.len());
        let mut malformed = vec![false; lists.len()];
        for (row, malformed) in malformed.iter_mut().enumerate() {
            match vector(lists, row) {
                Some(numbers) if self.is_vector(numbers) => rows.push(row),
                found => *malformed = found.is_some(),
            }
        }
        let mut found = vec![0.0; lists.len()];
        errors(&rows, &mut found);
        let mut present = vec![false; lists.len()];
        for &row in &rows {
            present[row] = true;
        }
        let some_lack = rows.len() < lists.len();
        Distances {
            errors: Float64Array::new(
                ScalarBuffer::from(found),
                some_lack.then(|| NullBuffer::new(BooleanBuffer::from(present))),
            ),
            malformed: malformed.contains(&true).then(|| BooleanBuffer::from(malformed)),
            along: self.space.iter().flat_map(|space| space.along(lists, &rows)).collect(),
        }
    }
}

impl Space {
    /// How far the vectors of these rows lie from what the components span: infinite where that is too far for a double.
    pub fn errors(&self, lists: &ListArray, rows: &[usize], errors: &mut [f64]) {
        let Some(residual) = &self.residual else { return };
        let mut block = vec![[0.0; LANES]; self.centres.len()];
        let mut found = [0.0; LANES];
        for rows in rows.chunks(LANES) {
            for (lane, &row) in rows.iter().enumerate() {
                let numbers = vector(lists, row).unwrap_or_default();
                for (values, value) in block.iter_mut().zip(self.standardized(numbers)) {
                    values[lane] = value;
                }
            }
            residual.errors(&block, &mut found);
            for (&row, error) in rows.iter().zip(found) {
                errors[row] = error;
            }
        }
    }

    /// How far the vectors of these rows reach along the first components; 0 in all other rows.
    fn along(&self, lists: &ListArray, rows: &[usize]) -> Vec<ScalarBuffer<f64>> {
        let mut runs = vec![vec![0.0; lists.len()]; self.leading.len()];
        for &row in rows.iter().filter(|_| !self.leading.is_empty()) {
            let numbers = vector(lists, row).unwrap_or_default();
            let values: Vec<f64> = self.standardized(numbers).collect();
            for (run, direction) in runs.iter_mut().zip(&self.leading) {
                let reach: f64 = direction.iter().zip(&values).map(|(a, b)| a * b).sum();
                // What is beyond the doubles may be no number at all.
                run[row] = if reach.is_nan() { f64::INFINITY } else { reach };
            }
        }
        runs.into_iter().map(ScalarBuffer::from).collect()
    }

    fn standardized<'n>(&'n self, numbers: &'n [f64]) -> impl Iterator<Item = f64> + 'n {
        let scaled = self.centres.iter().zip(&self.scales);
        numbers.iter().zip(scaled).map(|(number, (centre, scale))| (number - centre) / scale)
    }
}

impl Profile {
    /// Measures the vectors of rows that came as lists of numbers.
    pub fn measure_vectors(&self, columns: &mut [Data]) {
        for (column, data) in self.columns.iter().zip(columns) {
            if let (Values::Embedding(embedding), DataValues::Vectors(vectors)) =
                (&column.values, &mut data.values)
                && let Vectors::Raw(lists) = vectors
            {
                *vectors = Vectors::Measured(embedding.measure(lists));
            }
        }
    }
}
