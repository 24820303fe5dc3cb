//! Rows of one model version, in columns.

use std::sync::Arc;

use arrow::array::{Array, DictionaryArray, Float64Array, Int32Array, StringArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, Int32Type};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::label::Label;
use super::vectors::Vectors;

/// Predictions of one model version, in columns; the order of the columns is that of its profile.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Where each row stands in its lane: the offset of its record, or its number in a file. Ascending.
    pub offsets: ScalarBuffer<i64>,
    /// Event times in microseconds since 1970, UTC; `None` where the data have none.
    pub times: Option<ScalarBuffer<i64>>,
    /// Features, score, prediction, target.
    pub columns: Vec<Column>,
    /// What the profile adds to each row.
    pub expected: Expected,
    /// How far each row is from what the reference's features have in common; infinite where a feature is. `None` where
    /// nobody asks.
    pub reconstruction: Option<ScalarBuffer<f64>>,
    /// Which segment each row is in, a run of rows for each way of splitting them; [`NO_SEGMENT`] for none. Empty
    /// where the profile has no segments.
    pub segments: Vec<ScalarBuffer<u16>>,
    /// What chooses rows for samples, see [`Rows::keys_of`]. `None` where nobody asks.
    pub keys: Option<ScalarBuffer<u64>>,
    /// What the formulas of the profile's metrics over rows read, a run of numbers each; NaN where there is no value.
    pub terms: Vec<ScalarBuffer<f64>>,
}

/// A row that is in no segment of a split.
pub const NO_SEGMENT: u16 = u16::MAX;

/// What the profile expects of each row.
#[derive(Clone, Debug, Default)]
pub enum Expected {
    /// Nothing: it knows no score.
    #[default]
    Nothing,
    /// Calibrated probabilities in units of 2^-52: of the positive class, or a run of rows for each of several classes.
    /// Meaningful where no score is missing.
    Probabilities(Vec<ScalarBuffer<u64>>),
    /// Losses of a regression: a run of rows for each that something is expected of. Meaningful where a prediction is
    /// there.
    Losses(Vec<ScalarBuffer<f64>>),
}

/// One column of rows.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its values; null where missing.
    pub values: Values,
    /// Which of the missing values are so because the event did not even name the field. `None` for none.
    pub absent: Option<BooleanBuffer>,
}

/// The values of a column.
#[derive(Clone, Debug)]
pub enum Values {
    /// Of a continuous column. Null or NaN where missing.
    Numbers(Float64Array),
    /// Of a categorical column: positions in a list of labels that belongs to these rows alone.
    Labels(DictionaryArray<Int32Type>),
    /// Of an embedding: lists of numbers.
    Vectors(Vectors),
}

impl Rows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The rows from `start` on, `length` of them, without copying.
    #[must_use]
    pub fn slice(&self, start: usize, length: usize) -> Self {
        Self {
            offsets: self.offsets.slice(start, length),
            times: self.times.as_ref().map(|times| times.slice(start, length)),
            columns: self.columns.iter().map(|column| column.slice(start, length)).collect(),
            expected: self.expected.slice(start, length),
            reconstruction: self.reconstruction.as_ref().map(|errors| errors.slice(start, length)),
            segments: self.segments.iter().map(|split| split.slice(start, length)).collect(),
            keys: self.keys.as_ref().map(|keys| keys.slice(start, length)),
            terms: self.terms.iter().map(|term| term.slice(start, length)).collect(),
        }
    }

    /// The rows at these places, in this order.
    #[must_use]
    pub fn pick(&self, places: &[u32]) -> Self {
        Self {
            offsets: picked(&self.offsets, places),
            times: self.times.as_ref().map(|times| picked(times, places)),
            columns: self.columns.iter().map(|column| column.pick(places)).collect(),
            expected: self.expected.pick(places),
            reconstruction: self.reconstruction.as_ref().map(|errors| picked(errors, places)),
            segments: self.segments.iter().map(|split| picked(split, places)).collect(),
            keys: self.keys.as_ref().map(|keys| picked(keys, places)),
            terms: self.terms.iter().map(|term| picked(term, places)).collect(),
        }
    }

    /// What chooses rows for samples: a hash of the id of each (see [`crate::batch::key_of`]; `None` where it has none) and
    /// of what it holds in these columns.
    ///
    /// It depends on nothing that a file and a topic have in different ways, as places and times of arrival, so the same
    /// rows are chosen of both. As an id is hashed with all that its row holds, it cannot be guessed from the hash.
    pub fn keys_of<'c>(
        ids: impl Iterator<Item = Option<u128>>,
        columns: impl Iterator<Item = &'c Column>,
    ) -> ScalarBuffer<u64> {
        let id = |id: Option<u128>| id.map_or(0, |id| xxh3_64(&id.to_le_bytes()));
        let mut keys: Vec<u64> = ids.map(id).collect();
        for column in columns {
            column.mix_into(&mut keys);
        }
        keys.into()
    }
}

/// The values at these places.
pub(super) fn picked<T: ArrowNativeType>(values: &[T], places: &[u32]) -> ScalarBuffer<T> {
    places.iter().map(|&place| values[place as usize]).collect()
}

/// The flags at these places.
pub(super) fn flags(flags: &BooleanBuffer, places: &[u32]) -> BooleanBuffer {
    places.iter().map(|&place| flags.value(place as usize)).collect()
}

/// Longer labels are cut on the stream; this much of them is the same there.
const SAME_OF_LABEL: usize = 128;
/// Stands for a missing value: not the bits of any number that is one.
const MISSING: u64 = u64::MAX;

impl Expected {
    fn slice(&self, start: usize, length: usize) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Probabilities(classes) => Self::Probabilities(
                classes.iter().map(|class| class.slice(start, length)).collect(),
            ),
            Self::Losses(losses) => {
                Self::Losses(losses.iter().map(|loss| loss.slice(start, length)).collect())
            }
        }
    }

    fn pick(&self, places: &[u32]) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Probabilities(classes) => {
                Self::Probabilities(classes.iter().map(|class| picked(class, places)).collect())
            }
            Self::Losses(losses) => {
                Self::Losses(losses.iter().map(|loss| picked(loss, places)).collect())
            }
        }
    }

    /// That of the rows that are kept; one flag a row.
    #[must_use]
    pub fn keep<I: Iterator<Item = bool>>(&self, kept: impl Fn() -> I) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Probabilities(classes) => {
                Self::Probabilities(classes.iter().map(|class| only(class, kept())).collect())
            }
            Self::Losses(losses) => {
                Self::Losses(losses.iter().map(|loss| only(loss, kept())).collect())
            }
        }
    }
}

/// Those of the values that are kept.
fn only<T: ArrowNativeType>(
    values: &ScalarBuffer<T>,
    kept: impl Iterator<Item = bool>,
) -> ScalarBuffer<T> {
    let kept = values.iter().zip(kept).filter(|(_, kept)| *kept);
    kept.map(|(&value, _)| value).collect()
}

impl Column {
    /// A column whose missing values were all named as such.
    pub fn new(values: Values) -> Self {
        Self { values, absent: None }
    }

    /// The number in a row; `None` where it is missing, or the column is none of numbers.
    pub fn number(&self, row: usize) -> Option<f64> {
        match &self.values {
            Values::Numbers(array) => {
                array.is_valid(row).then(|| array.value(row)).filter(|number| !number.is_nan())
            }
            Values::Labels(_) | Values::Vectors(_) => None,
        }
    }

    /// The label in a row; `None` where it is missing, or the column is none of labels.
    pub fn label(&self, row: usize) -> Option<&str> {
        match &self.values {
            Values::Labels(array) => {
                let strings = array.values().as_any().downcast_ref::<StringArray>()?;
                Some(strings.value(array.key(row)?))
            }
            Values::Numbers(_) | Values::Vectors(_) => None,
        }
    }

    /// The same for whoever asks for many rows: each label is made once, and shared.
    pub fn shared_labels(&self) -> impl Fn(usize) -> Option<Label> {
        let array = match &self.values {
            Values::Labels(array) => Some(array),
            Values::Numbers(_) | Values::Vectors(_) => None,
        };
        let all: Vec<Label> = array.into_iter().flat_map(labels).map(Label::from).collect();
        move |row| all.get(array?.key(row)?).cloned()
    }

    /// Mixes the value of each row into its key.
    fn mix_into(&self, keys: &mut [u64]) {
        let mix = |key: &mut u64, value: u64| *key = xxh3_64_with_seed(&value.to_le_bytes(), *key);
        match &self.values {
            Values::Numbers(array) => {
                for (key, value) in keys.iter_mut().zip(array) {
                    let value = value.filter(|value| !value.is_nan());
                    // One zero.
                    mix(key, value.map_or(MISSING, |value| (value + 0.0).to_bits()));
                }
            }
            Values::Labels(array) => {
                let hash = |label: &str| {
                    let bytes = label.as_bytes();
                    xxh3_64(bytes.get(..SAME_OF_LABEL).unwrap_or(bytes))
                };
                let hashes: Vec<u64> = labels(array).map(hash).collect();
                for (key, position) in keys.iter_mut().zip(array.keys()) {
                    let position = position.and_then(|position| usize::try_from(position).ok());
                    let hash = position.and_then(|position| hashes.get(position));
                    mix(key, hash.copied().unwrap_or(MISSING));
                }
            }
            Values::Vectors(vectors) => {
                for (row, key) in keys.iter_mut().enumerate() {
                    let mut any = false;
                    for bits in vectors.bits(row) {
                        mix(key, bits);
                        any = true;
                    }
                    if !any {
                        mix(key, MISSING);
                    }
                }
            }
        }
    }

    fn slice(&self, start: usize, length: usize) -> Self {
        Self {
            values: match &self.values {
                Values::Numbers(array) => Values::Numbers(array.slice(start, length)),
                Values::Labels(array) => Values::Labels(array.slice(start, length)),
                Values::Vectors(vectors) => Values::Vectors(vectors.slice(start, length)),
            },
            absent: self.absent.as_ref().map(|absent| absent.slice(start, length)),
        }
    }

    fn pick(&self, places: &[u32]) -> Self {
        let nulls = |nulls: Option<&NullBuffer>| {
            nulls.map(|nulls| NullBuffer::new(flags(nulls.inner(), places)))
        };
        let values = match &self.values {
            Values::Numbers(array) => {
                let values = picked(array.values(), places);
                Values::Numbers(Float64Array::new(values, nulls(array.nulls())))
            }
            Values::Labels(array) => {
                let keys = picked(array.keys().values(), places);
                let keys = Int32Array::new(keys, nulls(array.nulls()));
                // The positions are some of those that were there.
                Values::Labels(DictionaryArray::new(keys, Arc::clone(array.values())))
            }
            Values::Vectors(vectors) => Values::Vectors(vectors.pick(places)),
        };
        Self { values, absent: self.absent.as_ref().map(|absent| flags(absent, places)) }
    }
}

impl Values {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(array) => array.len(),
            Self::Labels(array) => array.len(),
            Self::Vectors(vectors) => vectors.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The labels that the positions of a categorical column stand for.
pub fn labels(array: &DictionaryArray<Int32Type>) -> impl Iterator<Item = &str> {
    // Every reader of ours makes its dictionaries of strings; anything else has no labels.
    let strings = array.values().as_any().downcast_ref::<StringArray>();
    strings.into_iter().flat_map(|strings| strings.iter().map(Option::unwrap_or_default))
}
