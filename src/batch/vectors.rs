//! The vectors of an embedding column: as they came, and as the profile has measured them.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Float64Array, ListArray, UInt32Array};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Float64Type};

use super::rows::{flags, picked};

/// The most numbers that a vector may have. Of longer lists so many and one more are read: they are no vectors.
pub const LONGEST: usize = 4096;

/// The vectors of some rows.
#[derive(Clone, Debug)]
pub enum Vectors {
    /// As they came: null where missing; NaN stands for what is no number. They never travel.
    Raw(ListArray),
    /// As the profile has measured them.
    Measured(Distances),
}

/// How far vectors lie from what those of the reference have in common.
#[derive(Clone, Debug)]
pub struct Distances {
    /// Null where a row has no vector that could be measured.
    pub errors: Float64Array,
    /// Which of these rows hold something all the same: a list of another length than the reference's, or one with
    /// something in it that is no finite number. `None` for no row.
    pub malformed: Option<BooleanBuffer>,
    /// How far vectors reach along the first components, a run of rows each; empty where nobody asks.
    pub along: Vec<ScalarBuffer<f64>>,
}

impl Distances {
    /// One of the numbers that say where a row's vector lies: how far from what the reference's have in common, then how
    /// far along each of the first components. `None` where there is no vector.
    #[inline]
    pub fn part(&self, part: usize, row: usize) -> Option<f64> {
        let values = match part.checked_sub(1) {
            None => self.errors.values(),
            Some(component) => self.along.get(component)?,
        };
        self.errors.is_valid(row).then(|| values.get(row).copied()).flatten()
    }
}

impl Vectors {
    /// Vectors as they came, of numbers one after another; the first row begins at the first end, each next one ends at
    /// the next. `None` where the ends are not ascending, or not those of the numbers and rows.
    pub fn raw(numbers: Vec<f64>, ends: Vec<i32>, present: Option<NullBuffer>) -> Option<Self> {
        let ascending = ends.first() == Some(&0) && ends.is_sorted();
        if !ascending || ends.last().copied() != i32::try_from(numbers.len()).ok() {
            return None;
        }
        let item = Arc::new(Field::new_list_field(DataType::Float64, true));
        let numbers = Arc::new(Float64Array::from(numbers));
        let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
        ListArray::try_new(item, ends, numbers, present).ok().map(Self::Raw)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Raw(lists) => lists.len(),
            Self::Measured(distances) => distances.errors.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn slice(&self, start: usize, length: usize) -> Self {
        match self {
            Self::Raw(lists) => Self::Raw(lists.slice(start, length)),
            Self::Measured(of) => Self::Measured(Distances {
                errors: of.errors.slice(start, length),
                malformed: of.malformed.as_ref().map(|of| of.slice(start, length)),
                along: of.along.iter().map(|run| run.slice(start, length)).collect(),
            }),
        }
    }

    pub(super) fn pick(&self, places: &[u32]) -> Self {
        match self {
            Self::Raw(lists) => {
                let at = UInt32Array::from(places.to_vec());
                let taken = compute::take(lists, &at, None);
                let taken = taken.expect("places are those of rows");
                Self::Raw(taken.as_list::<i32>().clone())
            }
            Self::Measured(of) => {
                let present =
                    of.errors.nulls().map(|of| NullBuffer::new(flags(of.inner(), places)));
                Self::Measured(Distances {
                    errors: Float64Array::new(picked(of.errors.values(), places), present),
                    malformed: of.malformed.as_ref().map(|of| flags(of, places)),
                    along: of.along.iter().map(|run| picked(run, places)).collect(),
                })
            }
        }
    }

    /// Those of the rows with these flags.
    #[must_use]
    pub fn keep(&self, kept: impl Iterator<Item = bool>) -> Self {
        let kept = (0..).zip(kept).filter(|(_, kept)| *kept);
        self.pick(&kept.map(|(place, _)| place).collect::<Vec<u32>>())
    }

    /// What a row holds, as bits that tell it from others: nothing where it has no vector.
    pub(super) fn bits(&self, row: usize) -> impl Iterator<Item = u64> {
        let numbers = match self {
            Self::Raw(lists) => vector(lists, row),
            Self::Measured(of) => {
                of.errors.is_valid(row).then(|| of.errors.values().get(row..=row)).flatten()
            }
        };
        // One zero.
        let numbers = numbers.unwrap_or_default().iter().take(LONGEST + 1);
        numbers.map(|number| (number + 0.0).to_bits())
    }
}

/// The numbers of a row's list; `None` where it is missing.
pub fn vector(lists: &ListArray, row: usize) -> Option<&[f64]> {
    let numbers = lists.values().as_primitive_opt::<Float64Type>()?;
    let ends = lists.value_offsets();
    let from = usize::try_from(*ends.get(row)?).ok()?;
    let to = usize::try_from(*ends.get(row + 1)?).ok()?;
    lists.is_valid(row).then(|| numbers.values().get(from..to)).flatten()
}
