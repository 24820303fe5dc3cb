//! From the tally log to tables of rows and of what became known of them.

use std::collections::{BTreeMap, BTreeSet};

use arrow::error::ArrowError;

use crate::batch::{Admission, Body, Content, Header, Record, Section};
use crate::epoch::Epochs;
use crate::output::archive::cut::Published;
use crate::output::archive::files::{Made, Table};
use crate::output::archive::lanes::Lanes;
use crate::output::archive::names::{ROWS, Source, TARGETS};
use crate::output::archive::scored::{self, Scored};
use crate::output::archive::targets::{self, Heard};
use crate::profile::Column;

/// What becomes of records of the tally log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logged {
    /// The tables, and the records that are in none.
    pub made: Made,
    /// What is known of the lanes behind them.
    pub lanes: Lanes,
    /// Epochs that rows name and that are not among those that were given: their rows are unreadable.
    pub unknown_epochs: BTreeSet<u64>,
}

/// What a file has of one model.
#[derive(Default)]
struct OfModel<'e> {
    rows: Vec<Scored<'e>>,
    targets: Vec<Heard>,
}

/// The tables of records of the tally log that a [`Cutter`](super::Cutter) put into one file, by what was known of its
/// lanes before them.
///
/// # Errors
/// None that is known: columns and schemas are made of the same tables.
pub fn log_files(
    source: &Source,
    records: &[Published],
    mut lanes: Lanes,
    epochs: &Epochs,
) -> Result<Logged, ArrowError> {
    let mut models: BTreeMap<String, OfModel<'_>> = BTreeMap::new();
    let mut made = Made::default();
    let mut unknown_epochs = BTreeSet::new();
    for published in records {
        let Ok(mut record) = Record::<Content>::from_bytes(&published.value) else {
            made.unreadable += 1;
            // Of which lane it is, nobody knows.
            lanes.tear();
            continue;
        };
        // What a person asks for speaks for no lane, and its rows are of none.
        if matches!(record.body, Body::Command(..)) || lanes.admit(&mut record) != Admission::New {
            continue;
        }
        let Body::Rows(content) = record.body else { continue };
        let mut whole = true;
        for section in content.sections {
            let Some(columns) = columns_of(&record.header, &section, epochs) else {
                whole = false;
                if !epochs.epochs.contains_key(&record.header.epoch) {
                    unknown_epochs.insert(record.header.epoch);
                }
                continue;
            };
            let model = models.entry(section.model).or_default();
            model.rows.push(Scored {
                version: section.version,
                epoch: record.header.epoch,
                topic: record.header.topic.clone(),
                lane: record.header.lane,
                arrived: published.timestamp,
                columns,
                rows: section.rows,
            });
        }
        made.unreadable += u64::from(!whole);
        for (at, realized) in (0..).zip(content.realized) {
            let topic = lanes.topic(realized.lane).map(str::to_owned);
            let model = models.entry(realized.model.to_string()).or_default();
            let (arrived, offset) = (published.timestamp, published.offset);
            model.targets.push(Heard { topic, arrived, log: (offset, at), realized });
        }
    }
    for (model, of) in &models {
        if !of.rows.is_empty() {
            let path = source.file(ROWS, model, records);
            made.tables.push(Table { path, rows: scored::batch(&of.rows)? });
        }
        if !of.targets.is_empty() {
            let path = source.file(TARGETS, model, records);
            made.tables.push(Table { path, rows: targets::batch(&of.targets)? });
        }
    }
    made.tables.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Logged { made, lanes, unknown_epochs })
}

/// The columns of rows by the profile that they were read with; none where no profile serves their version. `None` where
/// they are not laid out so, or of an epoch or model that is not known.
fn columns_of<'e>(header: &Header, section: &Section, epochs: &'e Epochs) -> Option<&'e [Column]> {
    let rules = epochs.model(header.epoch, &section.model)?;
    let columns = match rules.version(&section.version) {
        Some(version) if section.profiled => &version.plan.profile().columns[..],
        _ => &[],
    };
    (columns.len() == section.rows.columns.len()).then_some(columns)
}
