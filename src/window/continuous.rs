//! The state of a continuous column in a window.

use arrow::array::{Array, Float64Array};
use arrow::buffer::BooleanBuffer;
use minicbor::{Decode, Encode};

use crate::stats::{ExactSum, Histogram};
use crate::window::plan::ContinuousPlan;

/// A continuous column of a window: its multiset of values, exact while it has at most 16,384 distinct ones, else
/// counts over the plan's cells, exact sums, and binned values for the median.
///
/// Which of the two forms it has follows from the multiset alone, never from the order of rows or merges.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct ContinuousState {
    /// Rows without a value.
    #[n(0)]
    pub(super) missing: u64,
    /// Those of them whose event did not name the field.
    #[n(1)]
    pub(super) absent: u64,
    /// Rows with minus and plus infinity.
    #[n(2)]
    pub(super) infinite: [u64; 2],
    /// The finite values.
    #[n(3)]
    pub(super) values: Histogram<u64>,
    /// There once the values are no longer exact.
    #[n(4)]
    pub(super) binned: Option<Box<Binned>>,
}

/// What is read from single values, for when these are no longer kept apart.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) struct Binned {
    /// Finite values in each cell of the plan's grid.
    #[cbor(n(0), with = "crate::stats::codec::sparse")]
    pub(super) cells: Vec<u64>,
    #[n(1)]
    pub(super) sum: ExactSum,
    /// Of squared distances from the plan's centre.
    #[n(2)]
    pub(super) squares: ExactSum,
    /// Of the values below the reference's least.
    #[n(3)]
    pub(super) below: ExactSum,
    /// Of the values above the reference's greatest.
    #[n(4)]
    pub(super) above: ExactSum,
}

impl ContinuousState {
    pub(super) fn fold(
        &mut self,
        values: &Float64Array,
        absent: Option<&BooleanBuffer>,
        plan: &ContinuousPlan,
    ) {
        if let Some(absent) = absent {
            self.absent += absent.count_set_bits() as u64;
        }
        let slice = values.values();
        // Nothing missing and nothing infinite is by far the most common.
        if values.null_count() == 0 && slice.iter().fold(true, |all, v| all & v.is_finite()) {
            self.add_finite(slice, plan);
            return;
        }
        let mut finite = Vec::with_capacity(slice.len());
        for value in values {
            match value {
                None => self.missing += 1,
                Some(value) if value.is_nan() => self.missing += 1,
                Some(value) if value.is_infinite() => {
                    self.infinite[usize::from(value > 0.0)] += 1;
                }
                Some(value) => finite.push(value),
            }
        }
        self.add_finite(&finite, plan);
    }

    fn add_finite(&mut self, mut values: &[f64], plan: &ContinuousPlan) {
        while !values.is_empty() {
            let (now, later) = values.split_at(values.len().min(self.values.room()));
            if let Some(binned) = &mut self.binned {
                binned.add_all(now, plan);
            }
            for &value in now {
                self.values.push(value, ());
            }
            if self.values.is_due() {
                self.compact(plan);
            }
            values = later;
        }
    }

    /// Sorts the waiting values in; binned form follows where there are too many distinct ones.
    fn compact(&mut self, plan: &ContinuousPlan) {
        let mut leaving = None;
        self.values.compact(|value, &times| {
            leaving.get_or_insert_with(|| Binned::new(plan)).add(value, times, plan);
        });
        self.keep(leaving);
    }

    /// Makes certain which form the state has, without sorting where that is not needed.
    pub(super) fn settle(&mut self, plan: &ContinuousPlan) {
        let mut leaving = None;
        self.values.settle(|value, &times| {
            leaving.get_or_insert_with(|| Binned::new(plan)).add(value, times, plan);
        });
        self.keep(leaving);
    }

    fn keep(&mut self, leaving: Option<Binned>) {
        if let Some(binned) = leaving {
            self.binned = Some(Box::new(binned));
        }
    }

    pub(super) fn merge(&mut self, other: &Self, plan: &ContinuousPlan) {
        self.missing += other.missing;
        self.absent += other.absent;
        self.infinite[0] += other.infinite[0];
        self.infinite[1] += other.infinite[1];
        let mut other = other.clone();
        self.settle(plan);
        other.settle(plan);
        match (&mut self.binned, &other.binned) {
            (Some(ours), Some(theirs)) => ours.merge(theirs),
            (Some(ours), None) => {
                other.values.for_each(|value, &times| ours.add(value, times, plan));
            }
            (None, Some(theirs)) => {
                let mut binned = theirs.clone();
                self.values.for_each(|value, &times| binned.add(value, times, plan));
                self.binned = Some(binned);
            }
            (None, None) => {}
        }
        let mut leaving = None;
        self.values.merge(&other.values, |value, &times| {
            leaving.get_or_insert_with(|| Binned::new(plan)).add(value, times, plan);
        });
        if self.binned.is_none() {
            self.keep(leaving);
        }
    }

    /// What is read from single values; counted now where they are still kept apart.
    pub(super) fn binned(&self, plan: &ContinuousPlan) -> Binned {
        if let Some(binned) = &self.binned {
            return (**binned).clone();
        }
        let mut binned = Binned::new(plan);
        let waiting: Vec<f64> = self.values.pending().map(|(value, ())| value).collect();
        binned.add_all(&waiting, plan);
        self.values.for_each_sorted(|value, &times| binned.add(value, times, plan));
        binned
    }

    pub(super) fn bytes(&self) -> usize {
        self.values.bytes()
            + self.binned.as_ref().map_or(0, |binned| binned.cells.capacity() * size_of::<u64>())
    }
}

impl Binned {
    fn new(plan: &ContinuousPlan) -> Self {
        Self {
            cells: vec![0; plan.grid.cells()],
            sum: ExactSum::default(),
            squares: ExactSum::default(),
            below: ExactSum::default(),
            above: ExactSum::default(),
        }
    }

    /// Adds values once each.
    fn add_all(&mut self, values: &[f64], plan: &ContinuousPlan) {
        // Two loops: looking cells up waits for memory, and waits at once for many values with nothing else between.
        for &value in values {
            self.cells[plan.grid.cell(value)] += 1;
        }
        for &value in values {
            self.add_sums(value, 1, plan);
        }
    }

    fn add(&mut self, value: f64, times: u64, plan: &ContinuousPlan) {
        self.cells[plan.grid.cell(value)] += times;
        self.add_sums(value, times, plan);
    }

    #[inline]
    fn add_sums(&mut self, value: f64, times: u64, plan: &ContinuousPlan) {
        self.sum.add_times(value, times, plan.scale);
        let distance = value - plan.centre;
        // A square beyond the doubles stays at their end: the variance is then reported as infinite.
        self.squares.add_times((distance * distance).min(f64::MAX), times, plan.square_scale);
        if value < plan.least {
            self.below.add_times(value, times, plan.scale);
        } else if value > plan.greatest {
            self.above.add_times(value, times, plan.scale);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (cell, &rows) in self.cells.iter_mut().zip(&other.cells) {
            *cell += rows;
        }
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
        self.below.merge(&other.below);
        self.above.merge(&other.above);
    }
}
