//! The SQL of a profile, made ready: the same on the rows of files and on those of the stream.

use std::slice;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;

use crate::batch::Values;
use crate::intake::{self, Computed, data_type};
use crate::metric::ColumnKind;
use crate::profile::{Profile, Split};
use crate::query::error::QueryError;
use crate::query::expressions::{Applied, RowExpressions};
use crate::query::labels::categorical;
use crate::query::typing::{Kind, kind, numeric};
use crate::query::vectors::vectors;

/// The derived columns and the filter of a profile.
#[derive(Debug)]
pub struct ProfileExpressions {
    compiled: RowExpressions,
    /// The derived columns in their order, and whether each holds numbers or labels.
    derived: Vec<(String, ColumnKind)>,
}

/// The SQL of a profile, or `None` where it has none.
///
/// # Errors
/// An expression that cannot be computed from the profile's inputs.
pub fn expressions_of(profile: &Profile) -> Result<Option<ProfileExpressions>, QueryError> {
    let splits = profile.segments.as_deref().map(|segments| segments.splits.as_slice());
    let conditions = conditions_of(splits.unwrap_or_default());
    if profile.derived.is_empty() && profile.filter.is_none() && conditions.is_empty() {
        return Ok(None);
    }
    let inputs: Vec<(String, DataType)> =
        profile.inputs.iter().map(|input| (input.name.clone(), data_type(input.holds))).collect();
    let derived: Vec<(String, String)> =
        profile.derived.iter().map(|made| (made.name.clone(), made.sql.clone())).collect();
    let filter = profile.filter.as_deref();
    ProfileExpressions::compile(&inputs, &derived, filter, &conditions).map(Some)
}

/// The conditions of segments, each with what it is of.
pub fn conditions_of(splits: &[Split]) -> Vec<(String, String)> {
    let condition = |split: &Split| match split {
        Split::Where { name, sql } => Some((format!("segment `{name}` where"), sql.clone())),
        Split::Columns(_) | Split::Slice(_) => None,
    };
    splits.iter().filter_map(condition).collect()
}

impl ProfileExpressions {
    /// Compiles derived columns, in an order in which each comes after those that it uses, a filter, and conditions.
    ///
    /// # Errors
    /// [`QueryError::Expression`], which quotes the expression and says what to change.
    pub fn compile(
        inputs: &[(String, DataType)],
        derived: &[(String, String)],
        filter: Option<&str>,
        conditions: &[(String, String)],
    ) -> Result<Self, QueryError> {
        let compiled = RowExpressions::compile(inputs, derived, filter, conditions)?;
        let mut kinds = Vec::new();
        for field in compiled.derived() {
            let of = match kind(field.data_type()) {
                Kind::Continuous => ColumnKind::Continuous,
                Kind::Categorical => ColumnKind::Categorical,
                _ => {
                    return Err(QueryError::ColumnUse {
                        column: field.name().clone(),
                        found: field.data_type().to_string(),
                        wanted: "a feature: numbers or labels".to_owned(),
                    });
                }
            };
            kinds.push((field.name().clone(), of));
        }
        Ok(Self { compiled, derived: kinds })
    }

    /// An order in which every derived column comes after those that it uses.
    ///
    /// # Errors
    /// The first expression that no order makes sense of.
    pub fn order(
        inputs: &[(String, DataType)],
        derived: &[(String, String)],
    ) -> Result<Vec<(String, String)>, QueryError> {
        let mut left = derived.to_vec();
        let mut ordered: Vec<(String, String)> = Vec::new();
        while !left.is_empty() {
            let mut refused = None;
            let next = left.iter().position(|one| {
                let with = [ordered.as_slice(), slice::from_ref(one)].concat();
                match RowExpressions::compile(inputs, &with, None, &[]) {
                    Ok(_) => true,
                    Err(error) => {
                        refused.get_or_insert(error);
                        false
                    }
                }
            });
            match (next, refused) {
                (Some(next), _) => ordered.push(left.remove(next)),
                (None, Some(error)) => return Err(error),
                (None, None) => break,
            }
        }
        Ok(ordered)
    }

    /// The derived columns in their order, and whether each holds numbers or labels.
    pub fn derived(&self) -> &[(String, ColumnKind)] {
        &self.derived
    }

    /// The names of the columns that are read.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.compiled.columns()
    }

    /// Computes the derived columns, which rows are kept, and which fulfil the conditions.
    ///
    /// # Errors
    /// Only where a column is missing or of another type than it was compiled for.
    pub fn apply(&self, rows: &RecordBatch) -> Result<Computed, QueryError> {
        let Applied { rows: with, kept, conditions } = self.compiled.apply(rows)?;
        let derived = self
            .derived
            .iter()
            .map(|(name, kind)| {
                let column = with
                    .column_by_name(name)
                    .ok_or_else(|| QueryError::NoColumn { path: name.clone(), nearest: None })?;
                values(name, column, *kind)
            })
            .collect::<Result<_, _>>()?;
        Ok(Computed { derived, kept, conditions })
    }
}

/// A column of a batch as the engine has it.
pub(super) fn values(
    name: &str,
    column: &ArrayRef,
    kind: ColumnKind,
) -> Result<Values, QueryError> {
    Ok(match kind {
        ColumnKind::Continuous => Values::Numbers(numeric(name, column)?),
        ColumnKind::Categorical => Values::Labels(categorical(name, column)?),
        ColumnKind::Embedding => Values::Vectors(vectors(name, column)?),
    })
}

impl intake::RowExpressions for ProfileExpressions {
    fn inputs(&self) -> Vec<String> {
        self.columns().map(str::to_owned).collect()
    }

    fn compute(&self, inputs: &RecordBatch) -> Result<Computed, String> {
        debug_assert!(inputs.columns().iter().all(|column| column.len() == inputs.num_rows()));
        self.apply(inputs).map_err(|error| error.to_string())
    }
}

/// The SQL of a profile, for the stream.
///
/// # Errors
/// As [`expressions_of`], in words.
pub fn for_stream(profile: &Profile) -> Result<Option<Arc<dyn intake::RowExpressions>>, String> {
    let made = expressions_of(profile).map_err(|error| error.to_string())?;
    Ok(made.map(|made| -> Arc<dyn intake::RowExpressions> { Arc::new(made) }))
}
