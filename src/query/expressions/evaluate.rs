//! Computing an expression for every row, whatever single rows do.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow::compute;
use arrow::error::ArrowError;
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_plan::PhysicalExpr;

use super::super::error::QueryError;

/// The values of an expression; null for the rows for which it cannot be computed.
///
/// A kernel refuses a whole batch for one row. Then each half is tried alone, so a few bad rows cost a few halvings.
pub(super) fn evaluate(
    expression: &Arc<dyn PhysicalExpr>,
    rows: &RecordBatch,
) -> Result<ArrayRef, QueryError> {
    if let Ok(values) = attempt(expression, rows) {
        return Ok(values);
    }
    let data_type = expression.data_type(rows.schema_ref());
    let data_type = data_type.map_err(|error| ArrowError::from_external_error(Box::new(error)))?;
    let mut parts = Vec::new();
    let mut waiting = vec![rows.clone()];
    while let Some(rows) = waiting.pop() {
        match attempt(expression, &rows) {
            Ok(values) => parts.push(values),
            Err(_) if rows.num_rows() <= 1 => {
                parts.push(new_null_array(&data_type, rows.num_rows()));
            }
            Err(_) => {
                let half = rows.num_rows() / 2;
                waiting.push(rows.slice(half, rows.num_rows() - half));
                waiting.push(rows.slice(0, half));
            }
        }
    }
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    Ok(compute::concat(&parts)?)
}

fn attempt(expression: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> DataFusionResult<ArrayRef> {
    expression.evaluate(rows)?.into_array_of_size(rows.num_rows())
}
