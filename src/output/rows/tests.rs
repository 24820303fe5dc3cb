use std::collections::BTreeSet;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use serde_json::Value;

use super::*;
use crate::output::made_up::result;
use crate::window::WindowResult;

fn lines() -> Vec<Value> {
    let mut bytes = Vec::new();
    write_json_lines(&result(), &mut bytes).unwrap();
    String::from_utf8(bytes)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_line_has_the_fields_of_its_window_and_of_its_figure() {
    let result = result();
    let whole = serde_json::to_value(&result).unwrap();
    let lines = lines();
    assert_eq!(lines.len(), result.figures.len());
    for (line, figure) in lines.iter().zip(whole["figures"].as_array().unwrap()) {
        let mut expected = whole.as_object().unwrap().clone();
        expected.remove("figures");
        expected.remove("inputs");
        let told = expected.remove("targets").unwrap_or_default();
        for (column, field) in [
            ("target_rows", "rows"),
            ("repeated_rows", "repeated"),
            ("coverage_of_negative", "coverage_of_negative"),
            ("coverage_of_positive", "coverage_of_positive"),
        ] {
            expected.insert(column.to_owned(), told[field].clone());
        }
        expected.extend(figure.as_object().unwrap().clone());
        // Fields that results leave out where there are none are null in rows.
        expected.entry("window_start_row").or_insert(Value::Null);
        expected.entry("window_end_row").or_insert(Value::Null);
        expected.entry("ranked_by").or_insert(Value::Null);
        assert_eq!(line, &Value::Object(expected));
    }
}

#[test]
fn arrow_rows_have_the_same_names_and_values() {
    let rows = batch(&[result(), result()]).unwrap();
    let lines = lines();
    assert_eq!(rows.num_rows(), 2 * lines.len());
    let schema = rows.schema();
    let names: BTreeSet<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let keys = lines[0].as_object().unwrap().keys();
    assert_eq!(names, keys.map(String::as_str).collect());
    for (row, line) in lines.iter().enumerate() {
        let value = rows["value"].as_primitive::<Float64Type>();
        assert_eq!(value.is_valid(row).then(|| value.value(row)), line["value"].as_f64());
        let metric = rows["metric"].as_string::<i32>();
        assert_eq!(Some(metric.value(row)), line["metric"].as_str());
        let breach = rows["breach"].as_boolean();
        assert_eq!(breach.is_valid(row).then(|| breach.value(row)), line["breach"].as_bool());
    }
    let start = rows["window_start"].as_primitive::<TimestampMicrosecondType>();
    assert_eq!(start.value(0), 1_767_225_600_000_000);
}

#[test]
fn rows_of_both_forms_come_back_as_the_results_that_they_were() {
    let other = WindowResult { targets: None, reason: None, ..result() };
    let other = WindowResult { window_index: 3, lanes_left_out: Vec::new(), ..other }.with_id();
    let results = [result(), other];
    let mut bytes = Vec::new();
    for result in &results {
        write_json_lines(result, &mut bytes).unwrap();
    }
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<Row> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for read in [lines, rows(&batch(&results).unwrap()).unwrap()] {
        let mut gather = Gather::default();
        let mut found: Vec<_> =
            read.into_iter().filter_map(|row| gather.take(row).unwrap()).collect();
        found.extend(gather.finish());
        assert_eq!(found, results);
    }
}
