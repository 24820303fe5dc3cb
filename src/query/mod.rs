//! Files and SQL: the only module that knows `DataFusion` and Parquet.
//!
//! ```text
//! Files        paths, globs, folders, object-store URLs -> one schema, a stream of rows in file order
//! ColumnPath   a dotted path into nested rows -> a flat column
//! typing       a column of any Arrow type -> what the engine folds: numbers, labels, event times
//! RowExpressions   derived columns, the row filter and conditions, compiled once, the same on files and on the stream
//! ParquetSink  rows -> a Parquet file, in bounded memory
//! Database     tables of files -> answers to SQL
//! Place        a folder of files that are written whole, on disk or in an object store
//! ```
//!
//! Invariants: rows come out in the order in which they lie in the files; no more than a few batches and one page
//! a column are in memory at a time; an expression gives the same value for a row whether it comes from a file or
//! from Kafka. Only [`table`] knows what a column is to a model; nothing here knows of windows.

mod csv;
mod database;
mod error;
pub mod events;
mod expressions;
mod files;
mod find;
mod json;
mod labels;
mod location;
mod parquet;
mod path;
mod place;
mod scan;
mod schema;
mod shape;
mod sink;
pub mod table;
mod times;
mod typing;
mod vectors;

pub use self::database::{Answer, Database};
pub use self::error::QueryError;
pub use self::expressions::{Applied, RowExpressions};
pub use self::files::{Files, Format, Options};
pub use self::labels::categorical;
pub use self::path::ColumnPath;
pub use self::place::Place;
pub use self::scan::{BlockingScan, Scan};
pub use self::sink::{ParquetSink, parquet_bytes};
pub use self::times::{EventTimes, event_times};
pub use self::typing::{Kind, kind, numeric};
pub use self::vectors::vectors;
