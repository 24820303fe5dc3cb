//! Long rows read back: the window that a row is of, with the row's figure.

use serde_json::{Map, Value};

use crate::output::rows::columns::COLUMNS;
use crate::window::{Figure, WindowResult};

/// Columns that a result can do without.
const OPTIONAL: &[&str] = &[
    "window_start_row",
    "window_end_row",
    "target_rows",
    "repeated_rows",
    "coverage_of_negative",
    "coverage_of_positive",
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
pub fn read(row: Map<String, Value>) -> Result<WindowResult, serde_json::Error> {
    let row = Value::Object(row);
    let figure: Figure = serde_json::from_value(row.clone())?;
    let Value::Object(mut window) = row else { return serde_json::from_value(row) };
    window.insert("figures".to_owned(), Value::Array(Vec::new()));
    window.remove("targets");
    window.remove("inputs");
    let mut window: WindowResult = serde_json::from_value(Value::Object(window))?;
    window.figures.push(figure);
    Ok(window)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::made_up::result;
    use crate::output::rows::{batch, json_rows, schema};

    #[test]
    fn every_figure_comes_back_with_its_window() {
        let whole = WindowResult { targets: None, ..result() };
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
