//! What tells the segments of rows in a batch.

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::compute;

use crate::batch::{Column, Values};
use crate::metric::ColumnKind;
use crate::profile::{Beside, Placer, Profile};
use crate::query::error::QueryError;
use crate::query::table::expressions::values;
use crate::query::table::rows::column;

/// What tells the segments of rows.
#[derive(Clone, Debug, Default)]
pub struct SegmentColumns {
    /// Columns that are read for segments alone, by name.
    pub beside: Vec<String>,
    /// Tells the segment of a row; `None` while they are being made: then what it would go by is handed on.
    pub placer: Option<Placer>,
}

impl SegmentColumns {
    /// Those of a profile, if it has segments.
    pub fn of(profile: &Profile) -> Option<Self> {
        let beside = profile.segments.as_deref()?.beside.clone();
        Some(Self { beside, placer: Placer::of(profile) })
    }

    /// The segment of each row by split; or, while there is nobody to tell it, what it would go by.
    pub(super) fn told(
        &self,
        batch: &RecordBatch,
        columns: &[Column],
        conditions: Vec<BooleanArray>,
    ) -> Result<(Vec<ScalarBuffer<u16>>, Option<Beside>), QueryError> {
        let label = |name: &String| {
            let found = column(batch, name)?;
            values(name, found, ColumnKind::Categorical).map(Column::new)
        };
        let beside = self.beside.iter().map(label).collect::<Result<_, _>>()?;
        let told = Beside { columns: beside, conditions };
        Ok(match &self.placer {
            Some(placer) => (placer.place(batch.num_rows(), columns, &told), None),
            None => (Vec::new(), Some(told)),
        })
    }
}

/// What tells segments, of the rows that are kept.
pub(super) fn kept_of(told: &Beside, kept: &BooleanArray) -> Result<Beside, QueryError> {
    let columns = told.columns.iter().map(|column| {
        let values: Result<Values, QueryError> = Ok(match &column.values {
            Values::Numbers(array) => {
                Values::Numbers(compute::filter(array, kept)?.as_primitive().clone())
            }
            Values::Labels(array) => {
                Values::Labels(compute::filter(array, kept)?.as_dictionary().clone())
            }
            Values::Vectors(vectors) => {
                Values::Vectors(vectors.keep(kept.iter().map(|kept| kept == Some(true))))
            }
        });
        values.map(Column::new)
    });
    let conditions = told.conditions.iter();
    let conditions =
        conditions.map(|of| Ok::<_, QueryError>(compute::filter(of, kept)?.as_boolean().clone()));
    Ok(Beside {
        columns: columns.collect::<Result<_, _>>()?,
        conditions: conditions.collect::<Result<_, _>>()?,
    })
}
