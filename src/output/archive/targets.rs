//! What became known of predictions: a row a piece of news.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

use crate::batch::{News, Realized};
use crate::output::archive::{nullable, utc};

/// A piece of news.
pub(super) struct Heard {
    /// The name of the prediction's topic; `None` where nothing of it has come.
    pub(super) topic: Option<String>,
    /// When it was put into the tally log, in milliseconds since 1970.
    pub(super) arrived: i64,
    /// Where it stands there: which record, and where in it.
    pub(super) log: (i64, i32),
    pub(super) realized: Realized,
}

pub(super) fn schema() -> SchemaRef {
    nullable(&[
        ("version", DataType::Utf8),
        ("epoch", DataType::Int64),
        ("topic", DataType::Utf8),
        ("topic_id", DataType::Utf8),
        ("partition", DataType::Int32),
        ("position", DataType::Int64),
        ("time", utc(TimeUnit::Microsecond)),
        ("news", DataType::Utf8),
        ("before", DataType::Utf8),
        ("after", DataType::Utf8),
        ("lag", DataType::Int64),
        ("arrived", utc(TimeUnit::Millisecond)),
        ("log_offset", DataType::Int64),
        ("log_row", DataType::Int32),
    ])
}

pub(super) fn batch(heard: &[Heard]) -> Result<RecordBatch, ArrowError> {
    let text = |of: fn(&Heard) -> Option<&str>| -> ArrayRef {
        Arc::new(heard.iter().map(of).collect::<StringArray>())
    };
    let number = |of: fn(&Heard) -> Option<i64>| -> ArrayRef {
        Arc::new(heard.iter().map(of).collect::<Int64Array>())
    };
    let ids = heard.iter().map(|of| Some(format!("{:032x}", of.realized.lane.topic)));
    let times = heard.iter().map(|of| Some(of.realized.time));
    let arrived = heard.iter().map(|of| Some(of.arrived));
    RecordBatch::try_new(
        schema(),
        vec![
            text(|of| Some(&of.realized.version)),
            number(|of| i64::try_from(of.realized.epoch).ok()),
            text(|of| of.topic.as_deref()),
            Arc::new(ids.collect::<StringArray>()),
            Arc::new(heard.iter().map(|of| of.realized.lane.partition).collect::<Int32Array>()),
            number(|of| Some(of.realized.position)),
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
            text(|of| match of.realized.news {
                News::Target { .. } => Some("target"),
                News::Repeated => Some("repeated"),
            }),
            text(|of| match &of.realized.news {
                News::Target { before, .. } => before.as_deref(),
                News::Repeated => None,
            }),
            text(|of| match &of.realized.news {
                News::Target { after, .. } => after.as_deref(),
                News::Repeated => None,
            }),
            number(|of| match of.realized.news {
                News::Target { lag, .. } => Some(lag),
                News::Repeated => None,
            }),
            Arc::new(arrived.collect::<TimestampMillisecondArray>().with_timezone("UTC")),
            number(|of| Some(of.log.0)),
            Arc::new(heard.iter().map(|of| of.log.1).collect::<Int32Array>()),
        ],
    )
}
