//! Window results as they were published.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

use crate::output::archive::files::Read;
use crate::output::archive::{nullable, utc};
use crate::window::{RevisionCause, WindowResult};

/// What a message is found by, where it stood, and its text, byte for byte.
pub(super) fn schema() -> SchemaRef {
    nullable(&[
        ("id", DataType::Utf8),
        ("version", DataType::Utf8),
        ("segment", DataType::Utf8),
        ("window_index", DataType::Int64),
        ("revision", DataType::Int64),
        ("revision_cause", DataType::Utf8),
        ("reason", DataType::Utf8),
        ("partition", DataType::Int32),
        ("offset", DataType::Int64),
        ("published", utc(TimeUnit::Millisecond)),
        ("message", DataType::Utf8),
    ])
}

fn cause(result: &WindowResult) -> Option<&'static str> {
    result.revision_cause.map(RevisionCause::as_str)
}

pub(super) fn batch(
    partition: i32,
    read: &[Read<'_, WindowResult>],
) -> Result<RecordBatch, ArrowError> {
    let text = |of: fn(&WindowResult) -> &String| -> ArrayRef {
        Arc::new(read.iter().map(|(_, result)| Some(of(result))).collect::<StringArray>())
    };
    let number = |of: fn(&WindowResult) -> u64| -> ArrayRef {
        let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
        Arc::new(read.iter().map(|(_, result)| number(of(result))).collect::<Int64Array>())
    };
    let published = read.iter().map(|(record, _)| Some(record.timestamp));
    // What could be read as JSON is UTF-8.
    let message = read.iter().map(|(record, _)| str::from_utf8(&record.value).ok());
    RecordBatch::try_new(
        schema(),
        vec![
            text(|result| &result.id),
            text(|result| &result.version),
            text(|result| &result.segment),
            number(|result| result.window_index),
            number(|result| result.revision),
            Arc::new(read.iter().map(|(_, result)| cause(result)).collect::<StringArray>()),
            Arc::new(read.iter().map(|(_, r)| r.reason.as_deref()).collect::<StringArray>()),
            Arc::new(read.iter().map(|_| partition).collect::<Int32Array>()),
            Arc::new(read.iter().map(|(record, _)| record.offset).collect::<Int64Array>()),
            Arc::new(published.collect::<TimestampMillisecondArray>().with_timezone("UTC")),
            Arc::new(message.collect::<StringArray>()),
        ],
    )
}
