//! Rows into a Parquet file.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;

use super::error::QueryError;

/// Encoded bytes of the row group that is being written, at which it is closed: the writer holds no more than this
/// and one page a column.
const ROW_GROUP_BYTES: usize = 16 << 20;

/// Rows of a row group, where a file is made in memory.
const ROW_GROUP_ROWS: usize = 128 << 10;

/// Writes batches to a Parquet file (zstd), in bounded memory. Blocks.
///
/// The file appears under its name when it is complete: until [`finish`](Self::finish) it is a hidden file beside it,
/// which is taken away again when the sink is dropped unfinished. An older file of the name is replaced.
pub struct ParquetSink {
    path: PathBuf,
    // Before `partial`: the file is closed, then taken away.
    writer: ArrowWriter<BufWriter<File>>,
    partial: Partial,
}

/// A file under its hidden name, taken away when this is dropped.
struct Partial(PathBuf);

impl ParquetSink {
    /// Begins a file for rows of this schema.
    ///
    /// # Errors
    /// Where the folder cannot be written, or a type has no form in Parquet.
    pub fn create(path: &Path, schema: SchemaRef) -> Result<Self, QueryError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let hidden = path.with_file_name(format!(".{name}.partial"));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .build();
        let file = File::create(&hidden).map_err(|source| unwritable(path, source))?;
        let partial = Partial(hidden);
        let writer = ArrowWriter::try_new(BufWriter::new(file), schema, Some(properties))
            .map_err(|source| refused(path, source))?;
        Ok(Self { path: path.to_owned(), writer, partial })
    }

    /// Adds rows after those before.
    ///
    /// # Errors
    /// Rows of another schema; a full disk.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), QueryError> {
        self.writer.write(rows).map_err(|source| refused(&self.path, source))
    }

    /// Writes the footer, waits for the disk and gives the file its name.
    ///
    /// # Errors
    /// A full disk, or a name that is taken by a folder.
    pub fn finish(self) -> Result<(), QueryError> {
        let Self { path, writer, partial } = self;
        let file = writer.into_inner().map_err(|source| refused(&path, source))?;
        let whole = || -> io::Result<()> {
            file.into_inner()?.sync_all()?;
            fs::rename(&partial.0, &path)
        };
        whole().map_err(|source| unwritable(&path, source))
    }
}

/// Rows as a Parquet file: the same rows give the same bytes, by the same version of vigie.
///
/// # Errors
/// A type that has no form in Parquet.
pub fn parquet_bytes(rows: &RecordBatch) -> Result<Vec<u8>, QueryError> {
    let properties = WriterProperties::builder()
        .set_created_by("vigie".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let mut bytes = Vec::new();
    let failed = |source| refused(Path::new("in memory"), source);
    let mut writer =
        ArrowWriter::try_new(&mut bytes, rows.schema(), Some(properties)).map_err(failed)?;
    writer.write(rows).map_err(failed)?;
    writer.close().map_err(failed)?;
    Ok(bytes)
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a rename there is nothing left to take away.
        drop(fs::remove_file(&self.0));
    }
}

impl fmt::Debug for ParquetSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetSink").field("path", &self.path).finish_non_exhaustive()
    }
}

fn unwritable(path: &Path, source: io::Error) -> QueryError {
    QueryError::Write { file: path.display().to_string(), source: source.into() }
}

fn refused(path: &Path, source: ParquetError) -> QueryError {
    QueryError::Write { file: path.display().to_string(), source }
}
