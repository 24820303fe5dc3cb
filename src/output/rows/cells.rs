//! Rows of any columns as JSON values: for people, for other programs, and to read results back.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use jiff::Timestamp;
use serde_json::{Map, Number, Value};

/// The rows as objects, by column name. Times are RFC 3339 in UTC; what JSON has no form for is text.
///
/// # Errors
/// A type that cannot be shown at all.
pub fn json_rows(rows: &RecordBatch) -> Result<Vec<Map<String, Value>>, ArrowError> {
    let mut objects = vec![Map::new(); rows.num_rows()];
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        for (object, value) in objects.iter_mut().zip(values(column)?) {
            object.insert(field.name().clone(), value);
        }
    }
    Ok(objects)
}

/// The values of a column.
fn values(column: &dyn Array) -> Result<Vec<Value>, ArrowError> {
    let rows = 0..column.len();
    let valid = |of: &dyn Fn(usize) -> Value| -> Vec<Value> {
        rows.clone().map(|row| if column.is_null(row) { Value::Null } else { of(row) }).collect()
    };
    Ok(match column.data_type() {
        DataType::Boolean => {
            let truths = column.as_boolean();
            valid(&|row| truths.value(row).into())
        }
        DataType::Int64 => {
            let numbers = column.as_primitive::<Int64Type>();
            valid(&|row| numbers.value(row).into())
        }
        DataType::Float64 => {
            let numbers = column.as_primitive::<Float64Type>();
            valid(&|row| numbers.value(row).into())
        }
        DataType::Float32 => {
            let numbers = column.as_primitive::<Float32Type>();
            valid(&|row| f64::from(numbers.value(row)).into())
        }
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            let inner = values(lists.values())?;
            valid(&|row| {
                let offsets = lists.value_offsets();
                let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
                Value::Array(inner[from..to].to_vec())
            })
        }
        DataType::Null => valid(&|_| Value::Null),
        other => {
            let options = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(column, &options)?;
            let text = |row| formatter.value(row).to_string();
            match other {
                // Times with a zone are written with its offset, and those without one are UTC here.
                DataType::Timestamp(..) => valid(&|row| time(text(row))),
                whole if whole.is_integer() => valid(&|row| {
                    text(row).parse::<Number>().map_or_else(|_| text(row).into(), Value::Number)
                }),
                _ => valid(&|row| text(row).into()),
            }
        }
    })
}

/// A time as it is published: without fractions that are none.
fn time(text: String) -> Value {
    let zoned = if text.ends_with('Z') { text.clone() } else { format!("{text}Z") };
    let read = text.parse::<Timestamp>().or_else(|_| zoned.parse::<Timestamp>());
    read.map_or(Value::String(text), |time| Value::String(time.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Date32Array, Int32Array, TimestampMicrosecondArray, UInt64Array};
    use serde_json::json;

    use super::*;
    use crate::output::made_up::result;
    use crate::output::rows::{batch, write_json_lines};

    #[test]
    fn rows_of_results_are_their_json_lines() {
        let mut lines = Vec::new();
        write_json_lines(&result(), &mut lines).unwrap();
        let lines: Vec<Value> = String::from_utf8(lines)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let rows = json_rows(&batch(&[result()]).unwrap()).unwrap();
        let rows: Vec<Value> = rows.into_iter().map(Value::Object).collect();
        assert_eq!(rows, lines);
    }

    #[test]
    fn other_types_have_a_form_too() {
        let columns: [(&str, ArrayRef); 4] = [
            ("day", Arc::new(Date32Array::from(vec![Some(20_454), None]))),
            ("small", Arc::new(Int32Array::from(vec![-3, 4]))),
            ("large", Arc::new(UInt64Array::from(vec![u64::MAX, 0]))),
            ("time", Arc::new(TimestampMicrosecondArray::from(vec![1_500_000, 0]))),
        ];
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let rows: Vec<Value> = json_rows(&rows).unwrap().into_iter().map(Value::Object).collect();
        let time = "1970-01-01T00:00:01.5Z";
        assert_eq!(
            rows[0],
            json!({"day": "2026-01-01", "small": -3, "large": u64::MAX, "time": time})
        );
        assert_eq!(rows[1]["day"], Value::Null);
    }
}
