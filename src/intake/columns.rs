//! Values of events, gathered into columns.

use arrow::array::{
    Array, BooleanBufferBuilder, DictionaryArray, Float64Array, Int32Array, StringBuilder,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::Int32Type;
use std::mem;
use std::sync::Arc;

use crate::batch::{Column, Values, Vectors};
use crate::intake::labels::Labels;

/// A column that is being gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    cells: Cells,
    /// Which rows have a value; `None` while all do.
    valid: Option<BooleanBufferBuilder>,
    /// Which rows did not even name the field; `None` while all did.
    absent: Option<BooleanBufferBuilder>,
    rows: usize,
}

#[derive(Debug)]
enum Cells {
    Numbers(Vec<f64>),
    Labels {
        keys: Vec<i32>,
        labels: Labels,
    },
    /// Lists one after another, and where each ends.
    Vectors {
        numbers: Vec<f64>,
        ends: Vec<i32>,
    },
}

impl Default for Cells {
    fn default() -> Self {
        Self::Numbers(Vec::new())
    }
}

impl Gathered {
    pub(super) fn numbers() -> Self {
        Self::default()
    }

    pub(super) fn labels() -> Self {
        Self {
            cells: Cells::Labels { keys: Vec::new(), labels: Labels::default() },
            ..Self::default()
        }
    }

    pub(super) fn vectors() -> Self {
        let cells = Cells::Vectors { numbers: Vec::new(), ends: vec![0] };
        Self { cells, ..Self::default() }
    }

    #[inline]
    pub(super) fn push_list(&mut self, list: &[f64]) {
        if let Cells::Vectors { numbers, ends } = &mut self.cells {
            numbers.extend_from_slice(list);
            ends.push(numbers.len() as i32);
        }
        self.note(true, false);
    }

    #[inline]
    pub(super) fn push_number(&mut self, number: f64) {
        if let Cells::Numbers(numbers) = &mut self.cells {
            numbers.push(number);
        }
        self.note(true, false);
    }

    #[inline]
    pub(super) fn push_label(&mut self, label: &str) {
        if let Cells::Labels { keys, labels } = &mut self.cells {
            keys.push(labels.key(label));
        }
        self.note(true, false);
    }

    /// A row without a value; `absent` where the event did not name the field.
    #[inline]
    pub(super) fn push_missing(&mut self, absent: bool) {
        match &mut self.cells {
            Cells::Numbers(numbers) => numbers.push(0.0),
            Cells::Labels { keys, .. } => keys.push(0),
            Cells::Vectors { numbers, ends } => ends.push(numbers.len() as i32),
        }
        self.note(false, absent);
    }

    #[inline]
    fn note(&mut self, valid: bool, absent: bool) {
        flag(&mut self.valid, valid, true, self.rows);
        flag(&mut self.absent, absent, false, self.rows);
        self.rows += 1;
    }

    /// The column, and an empty one of the same kind in its place.
    pub(super) fn take(&mut self) -> Column {
        let nulls = self.valid.take().map(|mut valid| NullBuffer::new(valid.finish()));
        let absent: Option<BooleanBuffer> = self.absent.take().map(|mut absent| absent.finish());
        self.rows = 0;
        let values = match &mut self.cells {
            Cells::Numbers(numbers) => {
                let capacity = numbers.len();
                let values = mem::replace(numbers, Vec::with_capacity(capacity));
                Values::Numbers(Float64Array::new(ScalarBuffer::from(values), nulls))
            }
            Cells::Vectors { numbers, ends } => {
                let (numbers, ends) = (mem::take(numbers), mem::replace(ends, vec![0]));
                let vectors = Vectors::raw(numbers, ends, nulls);
                Values::Vectors(vectors.expect("every row ends where the next one begins"))
            }
            Cells::Labels { keys, labels } => {
                let capacity = keys.len();
                let keys = mem::replace(keys, Vec::with_capacity(capacity));
                let mut texts = StringBuilder::new();
                for label in labels.take() {
                    texts.append_value(label);
                }
                let mut texts = texts.finish();
                if texts.is_empty() {
                    // Positions of missing values point somewhere too.
                    let mut one = StringBuilder::new();
                    one.append_value("");
                    texts = one.finish();
                }
                let keys = Int32Array::new(ScalarBuffer::from(keys), nulls);
                let array = DictionaryArray::<Int32Type>::try_new(keys, Arc::new(texts));
                Values::Labels(array.expect("positions are given out beside their list"))
            }
        };
        Column { values, absent }
    }
}

/// Appends to flags that are only kept once one differs from the usual.
#[inline]
fn flag(flags: &mut Option<BooleanBufferBuilder>, flag: bool, usual: bool, rows: usize) {
    match flags {
        Some(flags) => flags.append(flag),
        None if flag != usual => {
            let mut all = BooleanBufferBuilder::new(rows + 64);
            all.append_n(rows, usual);
            all.append(flag);
            *flags = Some(all);
        }
        None => {}
    }
}
