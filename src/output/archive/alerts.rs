//! Alert events as rows: every field a column, the evidence as JSON.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use jiff::Timestamp;
use serde_json::Value;

use crate::alert::AlertEvent;
use crate::output::archive::files::Read;

/// The type of a column; all but `published` are fields of the event under their own names.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Whole,
    Number,
    Time,
    Json,
}

/// All columns but the last, in the order of the event's fields.
const COLUMNS: &[(&str, Form)] = &[
    ("schema", Form::Whole),
    ("engine", Form::Text),
    ("id", Form::Text),
    ("sequence", Form::Whole),
    ("event", Form::Text),
    ("resolution", Form::Text),
    ("model", Form::Text),
    ("version", Form::Text),
    ("severity", Form::Text),
    ("since", Form::Time),
    ("window", Form::Whole),
    ("kind", Form::Text),
    ("metric", Form::Text),
    ("column_name", Form::Text),
    ("segment", Form::Text),
    ("value", Form::Number),
    ("currency", Form::Text),
    ("sampling_error", Form::Number),
    ("lower_threshold", Form::Number),
    ("upper_threshold", Form::Number),
    ("summary", Form::Text),
    ("evidence", Form::Json),
    ("action", Form::Text),
    ("result", Form::Text),
    ("profile", Form::Text),
    ("settings", Form::Text),
];

/// When it was published.
const PUBLISHED: &str = "published";

pub(super) fn schema() -> SchemaRef {
    let own = COLUMNS.iter().map(|&(name, form)| Field::new(name, data_type(form), true));
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    Arc::new(Schema::new(own.chain([Field::new(PUBLISHED, time, true)]).collect::<Vec<_>>()))
}

fn data_type(form: Form) -> DataType {
    match form {
        Form::Text | Form::Json => DataType::Utf8,
        Form::Whole => DataType::Int64,
        Form::Number => DataType::Float64,
        Form::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

pub(super) fn batch(read: &[Read<'_, AlertEvent>]) -> Result<RecordBatch, ArrowError> {
    // An event's own form has the fields by name, and every word as it is published.
    let events: Vec<Value> =
        read.iter().map(|(_, event)| serde_json::to_value(event).unwrap_or_default()).collect();
    let mut arrays: Vec<ArrayRef> =
        COLUMNS.iter().map(|&(name, form)| array(&events, name, form)).collect();
    let published = read.iter().map(|(record, _)| Some(record.timestamp));
    let published = published.collect::<TimestampMillisecondArray>();
    arrays.push(Arc::new(published.with_timezone("UTC")));
    RecordBatch::try_new(schema(), arrays)
}

fn array(events: &[Value], name: &str, form: Form) -> ArrayRef {
    let cells = events.iter().map(|event| &event[name]);
    match form {
        Form::Text => Arc::new(cells.map(Value::as_str).collect::<StringArray>()),
        Form::Json => Arc::new(cells.map(|cell| Some(cell.to_string())).collect::<StringArray>()),
        Form::Whole => Arc::new(cells.map(Value::as_i64).collect::<Int64Array>()),
        Form::Number => Arc::new(cells.map(Value::as_f64).collect::<Float64Array>()),
        Form::Time => {
            let time =
                |cell: &Value| Some(cell.as_str()?.parse::<Timestamp>().ok()?.as_microsecond());
            let times = cells.map(time).collect::<TimestampMicrosecondArray>();
            Arc::new(times.with_timezone("UTC"))
        }
    }
}
