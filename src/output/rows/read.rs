//! Long rows read back: the window that a row is of, with the row's figure; and whole results, as far as rows hold them.

use std::mem;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::error::ArrowError;
use serde_json::{Error, Map, Value, json};

use crate::output::rows::arrow_rows::data_type;
use crate::output::rows::cells::json_rows;
use crate::output::rows::columns::COLUMNS;
use crate::window::{Figure, WindowResult};

/// A row, by the names of columns.
pub type Row = Map<String, Value>;

/// Columns that a result can do without.
const OPTIONAL: &[&str] = &[
    "window_start_row",
    "window_end_row",
    "target_rows",
    "repeated_rows",
    "coverage_of_negative",
    "coverage_of_positive",
    "ranked_by",
];

/// The columns that rows lack to be read back.
pub fn missing<'c>(columns: &[&str]) -> Vec<&'c str> {
    let needed = COLUMNS.iter().map(|column| column.name);
    needed.filter(|name| !OPTIONAL.contains(name) && !columns.contains(name)).collect()
}

/// The window of a row, with its one figure; without what rows do not tell: its inputs, and the lags of its targets.
///
/// # Errors
/// A value that its column does not have in a result.
pub fn read(row: Row) -> Result<WindowResult, Error> {
    let figure: Figure = serde_json::from_value(Value::Object(row.clone()))?;
    let mut window = row;
    let mut take = |name: &str| window.remove(name).unwrap_or_default();
    let targets = json!({
        "rows": take("target_rows"),
        "repeated": take("repeated_rows"),
        "coverage_of_negative": take("coverage_of_negative"),
        "coverage_of_positive": take("coverage_of_positive"),
        "lag_p50_seconds": null,
        "lag_p90_seconds": null,
        "lag_p99_seconds": null,
    });
    window.remove("inputs");
    if targets["rows"].is_null() {
        window.remove("targets");
    } else {
        window.insert("targets".to_owned(), targets);
    }
    if window.get("lanes_left_out").is_none_or(Value::is_null) {
        window.insert("lanes_left_out".to_owned(), json!([]));
    }
    window.insert("figures".to_owned(), json!([]));
    let mut window: WindowResult = serde_json::from_value(Value::Object(window))?;
    window.figures.push(figure);
    Ok(window)
}

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
    pub fn take(&mut self, row: Row) -> Result<Option<WindowResult>, Error> {
        if let Some(current) = &mut self.current
            && row.get("id").and_then(Value::as_str) == Some(&current.id)
        {
            current.figures.push(serde_json::from_value(Value::Object(row))?);
            return Ok(None);
        }
        Ok(self.current.replace(read(row)?))
    }

    /// The last result.
    pub fn finish(&mut self) -> Option<WindowResult> {
        mem::take(&mut self.current)
    }
}

/// The rows of a batch that has columns of [`schema`](super::schema), in any order and of types that become theirs.
///
/// # Errors
/// A column of another type.
pub fn rows(batch: &RecordBatch) -> Result<Vec<Row>, ArrowError> {
    let known = COLUMNS.iter().filter_map(|column| {
        let found = batch.column_by_name(column.name)?;
        Some(cast(found, &data_type(column.form)).map(|array| (column.name, array, true)))
    });
    json_rows(&RecordBatch::try_from_iter_with_nullable(known.collect::<Result<Vec<_>, _>>()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::made_up::result;
    use crate::output::rows::{batch, schema};
    use crate::window::Targets;

    #[test]
    fn every_figure_comes_back_with_its_window() {
        let lags = |targets: Targets| Targets {
            lag_p50_seconds: None,
            lag_p90_seconds: None,
            lag_p99_seconds: None,
            ..targets
        };
        let whole = WindowResult { targets: result().targets.map(lags), ..result() };
        let rows = json_rows(&batch(&[result()]).unwrap()).unwrap();
        assert_eq!(rows.len(), whole.figures.len());
        for (row, figure) in rows.into_iter().zip(&whole.figures) {
            let expected = WindowResult { figures: vec![figure.clone()], ..whole.clone() };
            assert_eq!(read(row).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let schema = schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(missing(&names), [""; 0]);
        let without: Vec<&str> =
            names.into_iter().filter(|name| !["value", "target_rows"].contains(name)).collect();
        assert_eq!(missing(&without), ["value"]);
    }
}
