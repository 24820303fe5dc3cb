//! A sample of a window's rows: codes, and what the model put out.

use std::collections::BTreeMap;

use arrow::array::Array;
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

use crate::batch::Values as Data;
use crate::metric::Metric;
use crate::profile::{KeyedRows, MISSING, Measured, Profile, Sample, WholeValue};
use crate::stats::{Undefined, separation};
use crate::window::keyed;
use crate::window::plan::Prepared;

/// At most so many features are named as those that give a window away.
const NAMED: usize = 5;

/// The rows of a window whose keys are least, see `Rows::keys_of`; of equal ones those whose codes are least.
#[derive(Clone, Debug)]
pub(super) struct SampleState {
    capacity: usize,
    /// Up to twice the capacity: what is too much goes when there is no more room.
    rows: KeyedRows,
    /// Keys above it are in no sample any more.
    bound: u64,
}

impl SampleState {
    pub(super) fn new(sample: &Sample) -> Self {
        Self { capacity: sample.capacity, rows: KeyedRows::default(), bound: u64::MAX }
    }

    pub(super) fn fold(
        &mut self,
        (profile, sample): (&Profile, &Sample),
        prepared: &Prepared<'_>,
        start: usize,
        length: usize,
    ) {
        let rows = &*prepared.rows;
        let made;
        let keys = if let Some(keys) = &rows.keys {
            keys
        } else {
            made = profile.keys((0..rows.len()).map(|_| None), &rows.columns);
            &made
        };
        for row in start..start + length {
            let key = keys[row];
            if key > self.bound {
                continue;
            }
            self.rows.keys.push(key);
            for feature in &sample.features {
                let column = &rows.columns[feature.column];
                self.rows.codes.push(match &column.values {
                    Data::Numbers(values) if values.is_valid(row) => {
                        feature.codes.of_number(values.value(row))
                    }
                    Data::Labels(labels) => match labels.key(row) {
                        Some(position) => {
                            let label = prepared.columns[feature.column].codes[position];
                            feature.codes.of_label(label.map(|label| label as usize))
                        }
                        None => MISSING,
                    },
                    Data::Vectors(vectors) => feature.of_vector(vectors, row),
                    Data::Numbers(_) => MISSING,
                });
            }
            if let Some(carried) = &sample.carried {
                self.rows.carry(carried, rows, row, |column, row| prepared.class(column, row));
            }
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        if self.rows.len() >= self.capacity * 2 {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.rows.keep(self.capacity);
        if self.rows.len() == self.capacity
            && let Some(&last) = self.rows.keys.last()
        {
            self.bound = last;
        }
    }

    /// The rows, by key.
    pub(super) fn rows(&mut self) -> &KeyedRows {
        self.settle();
        &self.rows
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.rows.extend(&other.rows);
        self.bound = self.bound.min(other.bound);
        self.make_room();
    }

    /// How well the window's rows are told from the reference's, and by which features.
    pub(super) fn read(
        &mut self,
        sample: &Sample,
        rows: u64,
        none: Option<Undefined>,
    ) -> WholeValue {
        self.settle();
        let (coded, of_window) = sample.beside(&self.rows);
        let found = match none {
            Some(reason) => Err(reason),
            None if !self.rows.choose_fairly(rows) => Err(Undefined::TooFew),
            // All of the reference is in the window: nothing tells it from itself.
            None if !of_window.contains(&false) => Ok((0.5, Vec::new())),
            None => separation(&coded, &of_window).map(|found| {
                let shares = found.shares.iter().copied();
                let columns = sample.features.iter().map(|feature| feature.column);
                // An embedding has several codes, and is one column.
                let mut of_columns: BTreeMap<usize, f64> = BTreeMap::new();
                for (column, share) in columns.zip(shares) {
                    *of_columns.entry(column).or_default() += share;
                }
                let mut by: Vec<(usize, f64)> = of_columns.into_iter().collect();
                by.sort_by(|a, b| b.1.total_cmp(&a.1));
                by.truncate(NAMED);
                by.retain(|(_, share)| *share > 0.0);
                (found.roc_auc, by)
            }),
        };
        let (value, by) = match found {
            Ok((value, by)) => (Ok(value), by),
            Err(reason) => (Err(reason), Vec::new()),
        };
        WholeValue {
            metric: Metric::DomainClassifier,
            value: Measured(value),
            sampling_error: None,
            by,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// What it comes to: the same for the same rows, however they came.
    fn settled(&self) -> Self {
        let mut settled = self.clone();
        settled.settle();
        settled
    }
}

impl PartialEq for SampleState {
    fn eq(&self, other: &Self) -> bool {
        self.capacity == other.capacity && self.settled().rows == other.settled().rows
    }
}

impl<C> Encode<C> for SampleState {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.array(2)?.u64(self.capacity as u64)?;
        keyed::encode(&self.settled().rows, e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for SampleState {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        let position = d.position();
        let wrong = || DecodeError::message("a sample: capacity, rows").at(position);
        if d.array()? != Some(2) {
            return Err(wrong());
        }
        let capacity = usize::try_from(d.u64()?).map_err(|_| wrong())?;
        let mut state = Self { capacity, rows: keyed::decode(d, ctx)?, bound: u64::MAX };
        state.settle();
        Ok(state)
    }
}
