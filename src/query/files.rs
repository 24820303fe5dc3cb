//! Files that are read as one table.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::task;

use super::error::QueryError;
use super::find::{Found, find};
use super::path::ColumnPath;
use super::scan::Scan;
use super::schema::{Described, merge};
use super::{csv, json, parquet};

/// How rows are written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet (`.parquet`, `.pq`).
    Parquet,
    /// Comma-separated values with a header (`.csv`, `.csv.gz`).
    Csv,
    /// Tab-separated values with a header (`.tsv`, `.tsv.gz`).
    Tsv,
    /// JSON objects, one a line or in one array (`.jsonl`, `.ndjson`, `.json`, each also `.gz`).
    Json,
}

impl Format {
    /// Types are not written down, but found by looking at the values.
    fn is_text(self) -> bool {
        !matches!(self, Self::Parquet)
    }
}

/// How files are opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The format of all files; default: by the end of each name.
    pub format: Option<Format>,
    /// From how many rows of a CSV or JSON file the types are inferred; default: from all, as pandas does, which
    /// reads the file twice but can never be contradicted by a later row, and counts the rows.
    pub infer_rows: Option<u64>,
    /// Rows in a batch at most; default 4,096.
    pub batch_rows: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { format: None, infer_rows: None, batch_rows: 4096 }
    }
}

/// One or several files that are read as one table, in order.
#[derive(Clone, Debug)]
pub struct Files {
    sources: Arc<[Source]>,
    schema: SchemaRef,
    rows: Option<u64>,
    batch_rows: usize,
}

/// A file with its schema.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) found: Found,
    /// Top-level columns as this file is decoded.
    pub(super) schema: SchemaRef,
}

/// What a look into a file says.
pub(super) struct Description {
    pub(super) schema: Schema,
    /// Where it is known without another look.
    pub(super) rows: Option<u64>,
}

impl Files {
    /// Finds the files and reads their schemas.
    ///
    /// An input is a path, a glob (`data/*.parquet`), a folder, or a URL (`s3://`, `gs://`, `az://`, `https://`;
    /// credentials from the environment variables that begin with `AWS_`, `GOOGLE_` and `AZURE_`). Inputs are read
    /// in the order given, the files of a glob or folder sorted by path. Needs a Tokio runtime.
    ///
    /// In CSV, a column of numbers with empty cells is numeric, `True`/`False` is Boolean, what is left is text;
    /// the empty cell and pandas' default marks (`NA`, `NaN`, `null`, `None`, ...) are missing. Timestamps stay text.
    ///
    /// # Errors
    /// A file that is missing, unreadable or of unknown format, and columns that do not fit together, by name.
    pub async fn open(inputs: &[String], options: &Options) -> Result<Self, QueryError> {
        let mut found = Vec::new();
        for input in inputs {
            found.extend(find(input, options.format).await?);
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = found.iter().find(|file| !seen.insert(file.identity())) {
            return Err(QueryError::Twice { file: twice.name.clone() });
        }
        let limit = options.infer_rows;
        let described: Vec<(Found, Description)> = stream::iter(found)
            .map(|file| async move {
                let look = task::spawn_blocking(move || {
                    let description = describe(&file, limit)?;
                    Ok::<_, QueryError>((file, description))
                });
                look.await.map_err(|_| QueryError::Interrupted)?
            })
            .buffered(4)
            .try_collect()
            .await?;
        Self::of(described, options.batch_rows)
    }

    fn of(files: Vec<(Found, Description)>, batch_rows: usize) -> Result<Self, QueryError> {
        let rows = files.iter().map(|(_, seen)| seen.rows).sum();
        let mut sources = Vec::with_capacity(files.len());
        for (found, seen) in files {
            check_names(&found.name, &seen.schema)?;
            sources.push(Source { found, schema: Arc::new(seen.schema) });
        }
        // Files without types of their own are decoded as what they are together.
        let text = merge(sources.iter().filter(|source| source.is_text()).map(Source::described))?;
        for source in sources.iter_mut().filter(|source| source.is_text()) {
            let own = source.schema.fields().iter();
            let wide =
                own.filter_map(|field| Some(Arc::clone(text.fields().find(field.name())?.1)));
            source.schema = Arc::new(Schema::new(wide.collect::<Vec<_>>()));
        }
        let schema = Arc::new(merge(sources.iter().map(Source::described))?);
        Ok(Self { sources: sources.into(), schema, rows, batch_rows })
    }

    /// The columns of all files, in the order in which they first appear; all nullable, objects as structs.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Rows in all files, where that is known: always for Parquet, for CSV and JSON where all rows were looked at.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// Paths and URLs in the order in which they are read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.found.name.as_str())
    }

    /// What a dotted path leads to, as [`ColumnPath::resolve`] finds it.
    ///
    /// # Errors
    /// [`QueryError::NoColumn`] with the nearest name.
    pub fn resolve(&self, path: &str) -> Result<ColumnPath, QueryError> {
        ColumnPath::resolve(path, &self.schema)
    }

    /// Reads these columns, and decodes no others: batches of flat columns in the order asked for, rows in the order
    /// in which they lie in the files. One column alone is a cheap pass. May be called again for another pass.
    ///
    /// Reading happens on a thread of the runtime's blocking pool and waits for its reader: about four batches and
    /// one page of each column are in memory.
    ///
    /// # Errors
    /// A path that leads nowhere; two columns of one name.
    pub fn scan(&self, columns: &[ColumnPath]) -> Result<Scan, QueryError> {
        let mut fields: Vec<Field> = Vec::with_capacity(columns.len());
        for column in columns {
            let name = column.name();
            let data_type = column
                .data_type(&self.schema)
                .ok_or_else(|| QueryError::NoColumn { path: name.to_owned(), nearest: None })?;
            if fields.iter().any(|field| field.name() == name) {
                return Err(QueryError::ChosenTwice { column: name.to_owned() });
            }
            fields.push(Field::new(name, data_type, true));
        }
        let schema = Arc::new(Schema::new(fields));
        Ok(Scan::start(Arc::clone(&self.sources), columns.to_vec(), schema, self.batch_rows))
    }
}

impl Source {
    fn is_text(&self) -> bool {
        self.found.format.is_text()
    }

    fn described(&self) -> Described<'_> {
        Described {
            file: &self.found.name,
            schema: &self.schema,
            open: self.found.format == Format::Json,
            from_text: self.is_text(),
        }
    }
}

fn describe(file: &Found, infer_rows: Option<u64>) -> Result<Description, QueryError> {
    match file.format {
        Format::Parquet => parquet::describe(file),
        Format::Csv | Format::Tsv => csv::describe(file, infer_rows),
        Format::Json => json::describe(file, infer_rows),
    }
}

fn check_names(file: &str, schema: &Schema) -> Result<(), QueryError> {
    let mut names = BTreeSet::new();
    match schema.fields().iter().find(|field| !names.insert(field.name())) {
        Some(twice) => {
            Err(QueryError::ColumnTwice { file: file.to_owned(), column: twice.name().clone() })
        }
        None => Ok(()),
    }
}
