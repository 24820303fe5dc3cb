//! Parquet, page by page.
//!
//! `DataFusion`'s own scan and the async reader fetch whole column parts of a row group, and pandas writes row groups
//! of a million rows. The blocking reader holds one page a column, on disk as in an object store.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetStatisticsPolicy};
use datafusion::parquet::file::reader::ChunkReader;
use datafusion::parquet::schema::types::SchemaDescriptor;
use std::fs::File;
use std::io;

use super::error::QueryError;
use super::files::{Description, Source};
use super::find::Found;
use super::location::{Location, Ranged};
use super::path::ColumnPath;
use super::scan::Batches;

/// Schema and row count from the footer.
pub(super) fn describe(file: &Found) -> Result<Description, QueryError> {
    let metadata = match &file.location {
        Location::Local(path) => {
            footer(&File::open(path).map_err(|source| unreadable(file, source))?)
        }
        Location::Remote(remote) => footer(&Ranged::new(remote.clone(), 1)),
    };
    let metadata = metadata.map_err(|source| broken(file, source))?;
    let fields = metadata.schema().fields().iter();
    // The row labels of a data frame are no column of it.
    let fields = fields.filter(|field| !field.name().starts_with("__index_level_"));
    let schema = Schema::new(fields.cloned().collect::<Vec<_>>());
    let rows = u64::try_from(metadata.metadata().file_metadata().num_rows()).ok();
    Ok(Description { schema, rows })
}

/// Reads the columns that some path leads to.
pub(super) fn read(
    source: &Source,
    columns: &[ColumnPath],
    batch_rows: usize,
) -> Result<Batches, QueryError> {
    let found = source.found.clone();
    let reader = match &found.location {
        Location::Local(path) => {
            let file = File::open(path).map_err(|source| unreadable(&found, source))?;
            reader(file, columns, batch_rows)
        }
        Location::Remote(remote) => {
            let object = Ranged::new(remote.clone(), columns.len());
            reader(object, columns, batch_rows)
        }
    };
    let reader = reader.map_err(|source| broken(&found, source))?;
    Ok(Box::new(reader.map(move |rows: Result<RecordBatch, ArrowError>| {
        rows.map_err(|source| broken(&found, source.into()))
    })))
}

fn reader<R: ChunkReader + 'static>(
    bytes: R,
    columns: &[ColumnPath],
    batch_rows: usize,
) -> ParquetResult<ParquetRecordBatchReader> {
    let metadata = footer(&bytes)?;
    let mask = mask(metadata.parquet_schema(), columns);
    ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata)
        .with_projection(mask)
        .with_batch_size(batch_rows)
        .build()
}

fn footer<R: ChunkReader>(bytes: &R) -> ParquetResult<ArrowReaderMetadata> {
    let options = ArrowReaderOptions::new()
        .with_page_index_policy(PageIndexPolicy::Skip)
        .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let metadata = ArrowReaderMetadata::load(bytes, options.clone())?;
    match wide_keys(metadata.schema()) {
        None => Ok(metadata),
        Some(schema) => {
            let whole = Arc::clone(metadata.metadata());
            ArrowReaderMetadata::try_new(whole, options.with_schema(schema))
        }
    }
}

/// A pandas category comes with 8-bit keys, which overflow where a batch spans two dictionaries.
fn wide_keys(schema: &SchemaRef) -> Option<SchemaRef> {
    let wide = |field: &Field| match field.data_type() {
        DataType::Dictionary(key, value) if **key != DataType::Int32 => {
            let wide = DataType::Dictionary(Box::new(DataType::Int32), value.clone());
            Some(field.clone().with_data_type(wide))
        }
        _ => None,
    };
    schema.fields().iter().any(|field| wide(field).is_some()).then(|| {
        let fields = schema.fields().iter();
        let fields = fields.map(|field| wide(field).unwrap_or_else(|| field.as_ref().clone()));
        let fields = fields.collect::<Vec<_>>();
        Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
    })
}

/// The leaves below the objects that the paths go through.
fn mask(schema: &SchemaDescriptor, columns: &[ColumnPath]) -> ProjectionMask {
    let leaves = schema.columns().iter().enumerate().filter_map(|(index, leaf)| {
        let parts = leaf.path().parts();
        let wanted = |column: &ColumnPath| {
            let mut parts = parts.iter();
            column.fields().all(|field| parts.next().is_some_and(|part| part == field))
        };
        columns.iter().any(wanted).then_some(index)
    });
    ProjectionMask::leaves(schema, leaves.collect::<Vec<_>>())
}

fn unreadable(file: &Found, source: io::Error) -> QueryError {
    QueryError::Read { file: file.name.clone(), source }
}

fn broken(file: &Found, source: ParquetError) -> QueryError {
    QueryError::Parquet { file: file.name.clone(), source }
}
