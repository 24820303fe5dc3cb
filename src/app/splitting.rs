//! Which columns of a reference tell its segments.

use anyhow::{Context, Result};
use arrow::array::RecordBatch;

use crate::app::reference::{input, is_decided};
use crate::epoch::{distributions, slices, splits};
use crate::fit::SegmentSpec;
use crate::profile::{Beside, Input};
use crate::query::table::{Choice, Columns, SegmentColumns};
use crate::query::{ColumnPath, Files};
use crate::settings::{Model, Segment};

/// The columns that tell segments and are not made by SQL, and where they lie in an event.
pub(super) struct Splitting {
    columns: Vec<(ColumnPath, String)>,
    /// Whether there are segments at all.
    any: bool,
}

impl Splitting {
    /// Those that the settings name; they are added to what is read.
    pub(super) fn new(
        model: &Model,
        files: &Files,
        choice: &Choice,
        derived: &[(String, String)],
        wanted: &mut Vec<ColumnPath>,
    ) -> Result<Self> {
        let mut found: Vec<(ColumnPath, String)> = Vec::new();
        for segment in &model.segments {
            let Segment::Columns(names) = segment else { continue };
            for name in names {
                let known = found.iter().any(|(path, _)| path.name() == name);
                if known || derived.iter().any(|(made, _)| made == name) {
                    continue;
                }
                match choice.columns.iter().find(|column| column.name == *name) {
                    Some(column) if is_decided(choice, column) => {}
                    Some(column) => {
                        found.push((column.path.clone().named(name), column.event.clone()));
                    }
                    None => {
                        let path = files.resolve(name).with_context(|| {
                            format!("model `{}`: segments by `{name}`", model.name)
                        })?;
                        let event = path.event_path().to_string();
                        found.push((path.named(name), event));
                    }
                }
            }
        }
        for (path, _) in &found {
            if !wanted.iter().any(|known| known.name() == path.name()) {
                wanted.push(path.clone());
            }
        }
        Ok(Self { columns: found, any: !model.segments.is_empty() })
    }

    /// What rows are told apart by: those of the columns that are none of the profile's are read beside them, and so are
    /// inputs too. `None` where there are no segments.
    pub(super) fn columns(
        &self,
        columns: &Columns,
        batches: &[RecordBatch],
        inputs: &mut Vec<Input>,
    ) -> Result<Option<SegmentColumns>> {
        let mut beside = Vec::new();
        for (path, event) in &self.columns {
            let name = path.name();
            if columns.columns.iter().any(|(column, ..)| column == name) {
                continue;
            }
            beside.push(name.to_owned());
            if !inputs.iter().any(|input| input.name == name) {
                let data_type = batches.first().and_then(|batch| {
                    batch.column_by_name(name).map(|column| column.data_type().clone())
                });
                inputs.push(input(name, event, data_type)?);
            }
        }
        Ok(self.any.then_some(SegmentColumns { beside, placer: None }))
    }
}

/// Which segments to make of rows that are told apart so.
pub(super) fn spec(model: &Model, beside: Vec<String>, told: Vec<Beside>) -> SegmentSpec {
    SegmentSpec {
        splits: splits(model),
        slices: slices(model),
        beside,
        told,
        min_rows: model.segment_min_rows,
        max: model.segment_max,
        distributions: distributions(model).is_some(),
    }
}
