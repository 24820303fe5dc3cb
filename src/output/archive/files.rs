//! From results and alerts to the tables of a file, one a model.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::alert::AlertEvent;
use crate::output::archive::cut::Published;
use crate::output::archive::names::{ALERTS, MESSAGES, RESULTS, Source, Topic};
use crate::output::archive::{alerts, messages};
use crate::output::rows;
use crate::window::WindowResult;

/// A table, and the path below the archive that it goes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The path, with slashes.
    pub path: String,
    /// The rows.
    pub rows: RecordBatch,
}

/// What becomes of records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Made {
    /// The tables, in the order of their paths.
    pub tables: Vec<Table>,
    /// The profiles that the records name, by hash.
    pub profiles: BTreeSet<String>,
    /// The settings that they name, by hash.
    pub settings: BTreeSet<String>,
    /// Records that are not what their topic holds.
    pub unreadable: u64,
}

impl Made {
    /// Notes what a record names; what no profile served has none.
    fn name(&mut self, profile: &str, settings: &str) {
        for (names, hash) in [(&mut self.profiles, profile), (&mut self.settings, settings)] {
            if !hash.is_empty() {
                names.insert(hash.to_owned());
            }
        }
    }
}

/// The tables of records that a [`Cutter`](super::Cutter) put into one file; none of the tally log, see
/// [`log_files`](super::log_files).
///
/// # Errors
/// None that is known: columns and schemas are made of the same tables.
pub fn files(source: &Source, records: &[Published]) -> Result<Made, ArrowError> {
    let mut made = Made::default();
    match source.topic {
        Topic::Tally => {}
        Topic::Results => {
            for (model, of_model) in by_model(records, &mut made, |r: &WindowResult| &r.model) {
                for (_, result) in &of_model {
                    made.name(&result.profile, &result.settings);
                }
                let messages = messages::batch(source.partition, &of_model)?;
                let path = source.file(MESSAGES, &model, records);
                made.tables.push(Table { path, rows: messages });
                let results: Vec<WindowResult> = of_model.into_iter().map(|(_, r)| r).collect();
                let path = source.file(RESULTS, &model, records);
                made.tables.push(Table { path, rows: bare(&rows::batch(&results)?)? });
            }
        }
        Topic::Alerts => {
            for (model, of_model) in by_model(records, &mut made, |a: &AlertEvent| &a.model) {
                for (_, alert) in &of_model {
                    made.name(&alert.profile, &alert.settings);
                }
                let path = source.file(ALERTS, &model, records);
                made.tables.push(Table { path, rows: bare(&alerts::batch(&of_model)?)? });
            }
        }
    }
    made.tables.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(made)
}

/// A record with what it says.
pub(super) type Read<'r, T> = (&'r Published, T);

/// What the records say, by model, in their order.
fn by_model<'r, T: for<'a> serde::Deserialize<'a>>(
    records: &'r [Published],
    made: &mut Made,
    model: impl Fn(&T) -> &String,
) -> BTreeMap<String, Vec<Read<'r, T>>> {
    let mut models: BTreeMap<String, Vec<Read<'r, T>>> = BTreeMap::new();
    for record in records {
        match serde_json::from_slice::<T>(&record.value) {
            Ok(read) => models.entry(model(&read).clone()).or_default().push((record, read)),
            Err(_) => made.unreadable += 1,
        }
    }
    models
}

/// Without the model, which is in the folder's name: many readers refuse what is in both.
fn bare(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = rows.schema();
    let kept: Vec<usize> =
        (0..schema.fields().len()).filter(|&at| schema.field(at).name() != "model").collect();
    rows.project(&kept)
}

/// The same of a schema.
pub(super) fn without_model(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().filter(|field| field.name() != "model");
    Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()))
}
