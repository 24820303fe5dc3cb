//! What can go wrong while reading files and compiling expressions.

use std::io;

use arrow::error::ArrowError;
use datafusion::parquet::errors::ParquetError;
use thiserror::Error;

/// Why files cannot be read or an expression not be used. Every text names the file or expression and the way out.
///
/// None of them passes by waiting, except [`QueryError::Store`] and [`QueryError::Read`], which a network or disk
/// can cause; the object stores have been retried by then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A path that names no file.
    #[error("file `{path}` does not exist{}", or_nothing("; did you mean", nearest.as_deref()))]
    Missing {
        /// As it was given.
        path: String,
        /// A file beside it with nearly that name.
        nearest: Option<String>,
    },
    /// A glob or folder in which there is nothing to read.
    #[error(
        "`{input}` holds no file to read; known are .parquet, .csv, .tsv, .jsonl, .ndjson and .json"
    )]
    Nothing {
        /// As it was given.
        input: String,
    },
    /// A glob or URL that cannot be understood.
    #[error("`{input}` is not a usable path: {problem}")]
    Input {
        /// As it was given.
        input: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The name does not tell the format.
    #[error(
        "file `{file}`: its name does not tell the format; known are .parquet, .csv, .tsv, .jsonl, .ndjson and .json"
    )]
    UnknownFormat {
        /// Path or URL.
        file: String,
    },
    /// Two inputs hold the same file, whose rows would count twice.
    #[error("file `{file}` is named twice; its rows would count twice")]
    Twice {
        /// Path or URL.
        file: String,
    },
    /// The disk or the network failed, or the bytes are not gzip.
    #[error("file `{file}`: {source}")]
    Read {
        /// Path or URL.
        file: String,
        /// From the operating system.
        source: io::Error,
    },
    /// The object store refused.
    #[error("`{file}`: {source}")]
    Store {
        /// URL.
        file: String,
        /// From the store.
        source: object_store::Error,
    },
    /// Not a Parquet file, or a broken one.
    #[error("file `{file}` is not readable as Parquet: {}", bare(source))]
    Parquet {
        /// Path or URL.
        file: String,
        /// From the Parquet reader.
        source: ParquetError,
    },
    /// A Parquet file cannot be written.
    #[error("file `{file}` cannot be written: {source}")]
    Write {
        /// Path.
        file: String,
        /// From the Parquet writer or the disk.
        source: ParquetError,
    },
    /// Rows that do not have the shape of their format.
    #[error("file `{file}` is not readable as {format}: {problem}")]
    Malformed {
        /// Path or URL.
        file: String,
        /// `CSV` or `JSON`.
        format: &'static str,
        /// Which line and what.
        problem: String,
    },
    /// A column that one file lacks and another has.
    #[error("file `{file}`: column `{column}` is missing; `{other}` has it")]
    ColumnMissing {
        /// Path or URL of the file without it.
        file: String,
        /// Its name.
        column: String,
        /// Path or URL of the file with it.
        other: String,
    },
    /// A column whose types in two files have nothing in common.
    #[error("file `{file}`: column `{column}` holds {found}; in `{other}` it holds {expected}")]
    ColumnType {
        /// Path or URL.
        file: String,
        /// Its name.
        column: String,
        /// What this file holds.
        found: String,
        /// The file before it.
        other: String,
        /// What the files before it hold.
        expected: String,
    },
    /// Two columns of one name.
    #[error("file `{file}`: column `{column}` is there twice; rename one")]
    ColumnTwice {
        /// Path or URL.
        file: String,
        /// Their name.
        column: String,
    },
    /// One column asked for twice.
    #[error("column `{column}` is asked for twice")]
    ChosenTwice {
        /// Its name.
        column: String,
    },
    /// A value that is not of the type that the rows before it showed.
    #[error(
        "file `{file}`, row {row}: column `{column}` holds `{text}` where the rows before hold {expected}; infer its type from more rows"
    )]
    Cell {
        /// Path or URL.
        file: String,
        /// Counted from 1, without the header.
        row: u64,
        /// Its name.
        column: String,
        /// The value, cut after 40 characters.
        text: String,
        /// What was expected.
        expected: String,
    },
    /// Several columns that could be meant.
    #[error(
        "model `{model}`: `{key}` could be {}{}say which in `[model.{model}.columns]`",
        listed(candidates),
        if why.is_empty() { "; ".to_owned() } else { format!(", {why}") }
    )]
    Ambiguous {
        /// The model.
        model: String,
        /// What it is that could be each of them.
        key: &'static str,
        /// Their names.
        candidates: Vec<String>,
        /// What they have in common, where that says more than their names.
        why: &'static str,
    },
    /// A path that leads to no column.
    #[error("there is no column `{path}`{}", or_nothing("; did you mean", nearest.as_deref()))]
    NoColumn {
        /// As it was given.
        path: String,
        /// The column with nearly that name.
        nearest: Option<String>,
    },
    /// A column that cannot be used in the way that is wanted.
    #[error("column `{column}` holds {found}, which cannot be used as {wanted}")]
    ColumnUse {
        /// Its name.
        column: String,
        /// Its type in words.
        found: String,
        /// In words.
        wanted: String,
    },
    /// An expression that cannot be used.
    #[error("{what} `{sql}`: {problem}")]
    Expression {
        /// `filter`, or `derived column `x` =`.
        what: String,
        /// As it was written.
        sql: String,
        /// What is wrong, and the way out.
        problem: String,
    },
    /// A query that cannot be understood or answered.
    #[error("the query cannot be answered: {problem}")]
    Sql {
        /// What is wrong, and the way out.
        problem: String,
    },
    /// A kernel failed on rows, which no input should cause.
    #[error("rows could not be converted: {0}")]
    Rows(#[from] ArrowError),
    /// The reading thread ended without saying so (it panicked, or the runtime stops).
    #[error("reading stopped before the end of the files")]
    Interrupted,
}

fn or_nothing(lead: &str, name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("{lead} `{name}`?"))
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

/// Without the heading that says once more that it is Parquet.
fn bare(source: &ParquetError) -> String {
    let text = source.to_string();
    text.trim_start_matches("Parquet error: ").trim_start_matches("External: ").to_owned()
}

/// The name that is most like `wanted`, where one is much like it.
pub(super) fn nearest<'a>(
    wanted: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let wanted = wanted.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}
