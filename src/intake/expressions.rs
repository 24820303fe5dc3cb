//! SQL on rows, as intake sees it: somebody else knows SQL.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBuilder, Float64Builder, RecordBatch, RecordBatchOptions,
    StringBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::batch::Values;
use crate::intake::reject::{Found, Reason};
use crate::intake::slots::Slot;
use crate::profile::{Holds, Input};

/// The derived columns, the filter and the conditions of a model version.
pub trait RowExpressions: Debug + Send + Sync {
    /// The names of the inputs that they read.
    fn inputs(&self) -> Vec<String>;

    /// Computes the derived columns, in the order of the profile's, and which rows are kept.
    ///
    /// # Errors
    /// What cannot be computed for these rows, in words.
    fn compute(&self, inputs: &RecordBatch) -> Result<Computed, String>;
}

/// What expressions make of rows.
#[derive(Debug)]
pub struct Computed {
    /// The derived columns.
    pub derived: Vec<Values>,
    /// Which rows count.
    pub kept: BooleanArray,
    /// Which rows are in each of the segments that are made by conditions, in their order.
    pub conditions: Vec<BooleanArray>,
}

/// The inputs of expressions, gathered row by row.
#[derive(Debug)]
pub(super) struct Inputs {
    schema: SchemaRef,
    slots: Vec<usize>,
    columns: Vec<Builder>,
}

#[derive(Debug)]
enum Builder {
    Number(Float64Builder),
    Boolean(BooleanBuilder),
    Text(StringBuilder),
}

impl Inputs {
    pub(super) fn new(inputs: &[(Input, usize)]) -> Self {
        let fields: Vec<Field> = inputs
            .iter()
            .map(|(input, _)| Field::new(&input.name, data_type(input.holds), true))
            .collect();
        let columns = inputs
            .iter()
            .map(|(input, _)| match input.holds {
                // Nothing reads vectors.
                Holds::Number | Holds::Vector => Builder::Number(Float64Builder::new()),
                Holds::Boolean => Builder::Boolean(BooleanBuilder::new()),
                Holds::Text => Builder::Text(StringBuilder::new()),
            })
            .collect();
        let slots = inputs.iter().map(|&(_, slot)| slot).collect();
        Self { schema: Arc::new(Schema::new(fields)), slots, columns }
    }

    /// Whether an event's values are what the expressions read.
    pub(super) fn check<'s>(&self, slot: impl Fn(usize) -> Slot<'s>) -> Result<(), Reason> {
        for ((&index, builder), field) in
            self.slots.iter().zip(&self.columns).zip(self.schema.fields())
        {
            let found = slot(index);
            let wanted = match (builder, found) {
                (_, Slot::Missing | Slot::Null)
                | (Builder::Number(_), Slot::Int(_) | Slot::Float(_))
                | (Builder::Boolean(_), Slot::Bool(_))
                | (Builder::Text(_), Slot::Text(_)) => continue,
                (Builder::Number(_), _) => "a number",
                (Builder::Boolean(_), _) => "true or false",
                (Builder::Text(_), _) => "a text",
            };
            let path = field.name().as_str().into();
            return Err(Reason::WrongType { path, wanted, found: Found::slot(found) });
        }
        Ok(())
    }

    pub(super) fn push<'s>(&mut self, slot: impl Fn(usize) -> Slot<'s>) {
        for (&index, builder) in self.slots.iter().zip(&mut self.columns) {
            match (builder, slot(index)) {
                (Builder::Number(to), found) => to.append_option(found.number()),
                (Builder::Boolean(to), Slot::Bool(value)) => to.append_value(value),
                (Builder::Boolean(to), _) => to.append_null(),
                (Builder::Text(to), Slot::Text(text)) => to.append_value(text),
                (Builder::Text(to), _) => to.append_null(),
            }
        }
    }

    /// The rows gathered, and none in their place.
    pub(super) fn take(&mut self, rows: usize) -> RecordBatch {
        let columns: Vec<ArrayRef> = self
            .columns
            .iter_mut()
            .map(|builder| -> ArrayRef {
                match builder {
                    Builder::Number(from) => Arc::new(from.finish()),
                    Builder::Boolean(from) => Arc::new(from.finish()),
                    Builder::Text(from) => Arc::new(from.finish()),
                }
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .expect("the columns are made by the schema, a value a row")
    }
}

/// How an input is typed in SQL.
pub fn data_type(holds: Holds) -> DataType {
    match holds {
        Holds::Number | Holds::Vector => DataType::Float64,
        Holds::Boolean => DataType::Boolean,
        Holds::Text => DataType::Utf8,
    }
}
