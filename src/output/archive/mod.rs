//! Results, alerts, scored rows and targets as files: which records go into which file, under which name, in which
//! columns.
//!
//! ```text
//! records of a partition --cut--> those of one file --files--> a table a model, each with its path
//!                                                   --log----> the same of the tally log; `lanes` knows what came before
//! ```
//!
//! All of it is a function of the topic alone: whoever reads the same partition from the same position makes the same
//! files, after a crash, beside another instance, or years later. Knows nothing of Kafka, disks and Parquet.

mod alerts;
mod cut;
mod files;
mod lanes;
mod log;
mod messages;
mod names;
mod scored;
mod targets;
#[cfg(test)]
mod tests;

pub use self::cut::{Cutter, Published};
pub use self::files::{Made, Table, files};
pub use self::lanes::Lanes;
pub use self::log::{Logged, log_files};
pub use self::names::{
    ALERTS, MESSAGES, POSITIONS, PROFILES, RESULTS, ROWS, SETTINGS, Source, TARGETS, Topic,
    folder_model, profile_file, settings_file,
};

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::output::rows;

/// A schema of columns that may all be null.
fn nullable(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// The type of a time in UTC.
fn utc(unit: TimeUnit) -> DataType {
    DataType::Timestamp(unit, Some("UTC".into()))
}

/// The schema of a table of the archive, as its files have it: the model stands in their folder's name. Files of rows
/// have the columns of their models behind these.
///
/// # Panics
/// Where there is no such table.
pub fn schema_of(table: &str) -> SchemaRef {
    match table {
        RESULTS => files::without_model(&rows::schema()),
        ALERTS => files::without_model(&alerts::schema()),
        MESSAGES => messages::schema(),
        ROWS => scored::schema(),
        TARGETS => targets::schema(),
        _ => unreachable!("the archive has no table `{table}`"),
    }
}
