//! From long rows back to results, as far as rows hold them.

use std::mem;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use serde_json::{Error, Map, Value, json};

use crate::output::rows::arrow_rows::data_type;
use crate::output::rows::columns::{COLUMNS, Form};
use crate::window::{WindowResult, utc};

/// A row, by the names of columns.
pub type Row = Map<String, Value>;

/// Gathers the rows of one window after the other.
#[derive(Debug, Default)]
pub struct Gather {
    current: Option<WindowResult>,
}

impl Gather {
    /// Takes the next row; the result before it, where it is the first of another one.
    ///
    /// # Errors
    /// A row that is none of a window result.
    pub fn take(&mut self, mut row: Row) -> Result<Option<WindowResult>, Error> {
        let figure = serde_json::from_value(Value::Object(row.clone()))?;
        if let Some(current) = &mut self.current
            && row.get("id").and_then(Value::as_str) == Some(&current.id)
        {
            current.figures.push(figure);
            return Ok(None);
        }
        let mut take = |name: &str| row.remove(name).unwrap_or_default();
        let targets = json!({
            "rows": take("target_rows"),
            "repeated": take("repeated_rows"),
            "coverage_of_negative": take("coverage_of_negative"),
            "coverage_of_positive": take("coverage_of_positive"),
            "lag_p50_seconds": null,
            "lag_p90_seconds": null,
            "lag_p99_seconds": null,
        });
        if !targets["rows"].is_null() {
            row.insert("targets".to_owned(), targets);
        }
        if row.get("lanes_left_out").is_none_or(Value::is_null) {
            row.insert("lanes_left_out".to_owned(), json!([]));
        }
        row.insert("figures".to_owned(), json!([]));
        let mut next: WindowResult = serde_json::from_value(Value::Object(row))?;
        next.figures.push(figure);
        Ok(self.current.replace(next))
    }

    /// The last result.
    pub fn finish(&mut self) -> Option<WindowResult> {
        mem::take(&mut self.current)
    }
}

/// The rows of a batch that has the columns of [`schema`](super::schema), in any order.
///
/// # Errors
/// A column of another type.
pub fn rows(batch: &RecordBatch) -> Result<Vec<Row>, ArrowError> {
    let mut rows = vec![Row::new(); batch.num_rows()];
    for column in COLUMNS {
        let Some(found) = batch.column_by_name(column.name) else { continue };
        let array = cast(found, &data_type(column.form))?;
        for (at, row) in rows.iter_mut().enumerate() {
            let value =
                if array.is_null(at) { Value::Null } else { value(column.form, &array, at) };
            row.insert(column.name.to_owned(), value);
        }
    }
    Ok(rows)
}

fn value(form: Form, array: &dyn Array, at: usize) -> Value {
    match form {
        Form::Text => array.as_string::<i32>().value(at).into(),
        Form::Texts => {
            let texts = array.as_list::<i32>().value(at);
            let texts = texts.as_string_opt::<i32>().into_iter().flatten().flatten();
            texts.map(Value::from).collect()
        }
        Form::Time => utc(array.as_primitive::<TimestampMicrosecondType>().value(at)).into(),
        Form::Whole => array.as_primitive::<Int64Type>().value(at).into(),
        Form::Number => array.as_primitive::<Float64Type>().value(at).into(),
        Form::Truth => array.as_boolean().value(at).into(),
    }
}
