//! Rows as Arrow columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use jiff::Timestamp;

use crate::output::rows::columns::{COLUMNS, Cell, Column, Form};
use crate::window::{Figure, WindowResult};

/// The schema of long rows. Times are microseconds in UTC; every column may be null.
pub fn schema() -> SchemaRef {
    let field = |column: &Column| Field::new(column.name, data_type(column.form), true);
    Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
}

/// The figures of some results as rows of [`schema`], in their order.
///
/// # Errors
/// None that is known: columns and schema are made of one table.
pub fn batch(results: &[WindowResult]) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<(&WindowResult, &Figure)> = results
        .iter()
        .flat_map(|result| result.figures.iter().map(move |figure| (result, figure)))
        .collect();
    let arrays = COLUMNS.iter().map(|column| array(column, &rows)).collect();
    RecordBatch::try_new(schema(), arrays)
}

pub(super) fn data_type(form: Form) -> DataType {
    match form {
        Form::Text => DataType::Utf8,
        Form::Texts => DataType::new_list(DataType::Utf8, true),
        Form::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Form::Whole => DataType::Int64,
        Form::Number => DataType::Float64,
        Form::Truth => DataType::Boolean,
    }
}

fn array(column: &Column, rows: &[(&WindowResult, &Figure)]) -> ArrayRef {
    let cells = rows.iter().map(|(result, figure)| (column.cell)(result, figure));
    match column.form {
        Form::Text => Arc::new(cells.map(text).collect::<StringArray>()),
        Form::Texts => {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for cell in cells {
                let Cell::Texts(texts) = cell else { continue };
                lists.append_value(texts.iter().map(Some));
            }
            Arc::new(lists.finish())
        }
        Form::Time => {
            let times = cells.map(|cell| text(cell)?.parse::<Timestamp>().ok());
            let microseconds = times.map(|time| time.map(Timestamp::as_microsecond));
            Arc::new(microseconds.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        Form::Whole => Arc::new(cells.map(whole).collect::<Int64Array>()),
        Form::Number => Arc::new(cells.map(number).collect::<Float64Array>()),
        Form::Truth => Arc::new(cells.map(truth).collect::<BooleanArray>()),
    }
}

fn text(cell: Cell<'_>) -> Option<&str> {
    if let Cell::Text(text) | Cell::Time(text) = cell { text } else { None }
}

fn whole(cell: Cell<'_>) -> Option<i64> {
    let Cell::Whole(number) = cell else { return None };
    // Readers know signed numbers better; no count comes near their end.
    number.map(|number| i64::try_from(number).unwrap_or(i64::MAX))
}

fn number(cell: Cell<'_>) -> Option<f64> {
    if let Cell::Number(number) = cell { number } else { None }
}

fn truth(cell: Cell<'_>) -> Option<bool> {
    if let Cell::Truth(truth) = cell { truth } else { None }
}
