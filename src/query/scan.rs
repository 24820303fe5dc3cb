//! The stream of rows.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute;
use arrow::datatypes::SchemaRef;
use futures::Stream;
use tokio::sync::mpsc;
use tokio::task;

use super::error::QueryError;
use super::files::{Format, Source};
use super::path::ColumnPath;
use super::{csv, json, parquet};

/// Batches of the columns that were asked for, in file order; ends after the first error.
#[derive(Debug)]
pub struct Scan {
    schema: SchemaRef,
    batches: mpsc::Receiver<Message>,
    over: bool,
}

/// None says that all was read: a channel that closes without it was cut short.
type Message = Option<Result<RecordBatch, QueryError>>;

/// Batches that wait for their reader.
const WAITING: usize = 2;

/// The batches of one file.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, QueryError>>>;

impl Scan {
    pub(super) fn start(
        sources: Arc<[Source]>,
        columns: Vec<ColumnPath>,
        schema: SchemaRef,
        batch_rows: usize,
    ) -> Self {
        let (send, batches) = mpsc::channel(WAITING);
        let projection = Projection { columns, schema: Arc::clone(&schema) };
        task::spawn_blocking(move || {
            for source in sources.iter() {
                let mut rows = match open(source, &projection, batch_rows) {
                    Ok(rows) => rows.map(|rows| projection.apply(&rows?)),
                    Err(error) => return send.blocking_send(Some(Err(error))),
                };
                // A reader that has gone away is no error: it has seen enough.
                rows.try_for_each(|rows| send.blocking_send(Some(rows)))?;
            }
            send.blocking_send(None)
        });
        Self { schema, batches, over: false }
    }

    /// The columns that were asked for.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The same for a thread that may block; it must not be one that runs async code.
    pub fn blocking(self) -> BlockingScan {
        BlockingScan(self)
    }

    fn next(&mut self, message: Option<Message>) -> Option<Result<RecordBatch, QueryError>> {
        let next = message.unwrap_or(Some(Err(QueryError::Interrupted)));
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Stream for Scan {
    type Item = Result<RecordBatch, QueryError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let message = ready!(self.batches.poll_recv(context));
        Poll::Ready(self.next(message))
    }
}

/// A [`Scan`] as an iterator.
#[derive(Debug)]
pub struct BlockingScan(Scan);

impl Iterator for BlockingScan {
    type Item = Result<RecordBatch, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.over {
            return None;
        }
        let message = self.0.batches.blocking_recv();
        self.0.next(message)
    }
}

/// The columns that are wanted, and the types in which they are handed out.
pub(super) struct Projection {
    pub(super) columns: Vec<ColumnPath>,
    pub(super) schema: SchemaRef,
}

impl Projection {
    /// Takes the columns out of the rows of one file; what this file does not have is missing in all its rows.
    fn apply(&self, rows: &RecordBatch) -> Result<RecordBatch, QueryError> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (path, field) in self.columns.iter().zip(self.schema.fields()) {
            columns.push(match path.extract(rows)? {
                None => new_null_array(field.data_type(), rows.num_rows()),
                Some(values) if values.data_type() == field.data_type() => values,
                Some(values) => compute::cast(&values, field.data_type())?,
            });
        }
        let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &count)?)
    }
}

fn open(source: &Source, wanted: &Projection, batch_rows: usize) -> Result<Batches, QueryError> {
    match source.found.format {
        Format::Parquet => parquet::read(source, &wanted.columns, batch_rows),
        Format::Csv | Format::Tsv => csv::read(source, &wanted.columns, batch_rows),
        Format::Json => json::read(source, &wanted.columns, batch_rows),
    }
}
