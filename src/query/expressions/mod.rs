//! SQL on single rows: derived columns and the row filter.
//!
//! Reference files and the stream bring the same row in different clothes: `income` is a 64-bit integer in a CSV, a
//! double in JSON, a dictionary of texts in Parquet. So that an expression means the same in all of them:
//!
//! - Every number is a double, every text a plain text, every timestamp UTC in microseconds without a zone, before an
//!   expression sees it and after. `1 / 2` is 0.5.
//! - NaN is a missing value (null), as it comes and as functions give it (`sqrt(-1)`).
//! - What cannot be computed for a row is null for that row and disturbs no other: division by zero, a text that is
//!   no number (`CAST` is `TRY_CAST`), an overflow, a function that refuses its argument.
//! - The filter keeps the rows for which it is true, so not those for which it is null.
//!
//! Only functions are allowed whose value follows from their arguments: no `now()`, no `random()`; and only such as
//! work on one row: no aggregates, subqueries or windows.
//!
//! Names are as they are written, upper or lower case; `"..."` quotes a name, `'...'` a text. A name with dots needs no
//! quotes. One limit: `exp`, `ln`, `power` and the trigonometric functions come from the machine's own library and may
//! differ in the last bit between processors.

mod evaluate;
mod parse;
mod plain;
mod plan;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::physical_plan::PhysicalExpr;

use self::evaluate::evaluate;
pub(super) use self::parse::plain_text;
use self::parse::{Parsed, Parser};
use self::plain::{plain, plain_type};
use self::plan::Planner;
use super::error::QueryError;
use super::schema::in_words;

/// Derived columns and a row filter, compiled once and applied to batches of any origin.
#[derive(Clone, Debug)]
pub struct RowExpressions {
    /// The source columns that are read, as the expressions see them.
    sources: Vec<Field>,
    derived: Vec<(Field, Arc<dyn PhysicalExpr>)>,
    filter: Option<Arc<dyn PhysicalExpr>>,
    conditions: Vec<Arc<dyn PhysicalExpr>>,
}

/// What expressions make of rows.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The rows with the derived columns appended.
    pub rows: RecordBatch,
    /// Which of them the filter keeps: all, where there is none.
    pub kept: BooleanArray,
    /// Which of them fulfil each of the conditions.
    pub conditions: Vec<BooleanArray>,
}

/// Bytes; ten times what the longest expression that is allowed takes in a debug build.
const PLANNING_STACK: usize = 64 << 20;

impl RowExpressions {
    /// Compiles expressions over source columns of these names and types.
    ///
    /// `derived` is names and expressions in their order: each may use those before it. No name may be that of a
    /// source column. `conditions`, given with what each is of, tell rows apart and leave none out; like the filter they
    /// may use derived columns.
    ///
    /// # Errors
    /// [`QueryError::Expression`], which quotes the expression and says what to change.
    pub fn compile(
        columns: &[(String, DataType)],
        derived: &[(String, String)],
        filter: Option<&str>,
        conditions: &[(String, String)],
    ) -> Result<Self, QueryError> {
        // Planning walks trees by recursion with large frames, and the caller may be on a small stack.
        let plan = || Self::compile_here(columns, derived, filter, conditions);
        thread::scope(|scope| {
            let planning = thread::Builder::new().stack_size(PLANNING_STACK);
            let planning = planning.spawn_scoped(scope, plan).map_err(ArrowError::from)?;
            planning.join().map_err(|_| QueryError::Interrupted)?
        })
    }

    fn compile_here(
        columns: &[(String, DataType)],
        derived: &[(String, String)],
        filter: Option<&str>,
        conditions: &[(String, String)],
    ) -> Result<Self, QueryError> {
        let planner = Planner::new();
        let parser = Parser::new(planner.state());
        let mut known: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();

        let mut parsed = Vec::with_capacity(derived.len());
        for (name, sql) in derived {
            let refuse = |problem| refusal(derived_column(name), sql, problem);
            if name.is_empty() || known.contains(&name.as_str()) {
                let problem = "there is a column of that name already; choose another";
                return Err(refuse(problem.to_owned()));
            }
            parsed.push(parser.parse(sql, &known).map_err(refuse)?);
            known.push(name);
        }
        let parsed_filter = filter
            .map(|sql| parser.parse(sql, &known).map_err(|problem| refusal(FILTER, sql, problem)))
            .transpose()?;
        let parsed_conditions = conditions
            .iter()
            .map(|(of, sql)| {
                parser.parse(sql, &known).map_err(|problem| refusal(of.as_str(), sql, problem))
            })
            .collect::<Result<Vec<_>, _>>()?;

        let all = parsed.iter().chain(&parsed_filter).chain(&parsed_conditions);
        let read: BTreeSet<&str> = all.flat_map(Parsed::columns).collect();
        let sources = columns.iter().filter(|(name, _)| read.contains(name.as_str()));
        let sources =
            sources.map(|(name, data_type)| Field::new(name, plain_type(data_type), true));
        let sources: Vec<Field> = sources.collect();

        let mut scope = sources.clone();
        let mut compiled = Vec::with_capacity(derived.len());
        for ((name, sql), parsed) in derived.iter().zip(parsed) {
            let refuse = |problem| refusal(derived_column(name), sql, problem);
            let (expression, data_type) = planner.plan(parsed, &scope).map_err(refuse)?;
            let data_type = match plain_type(&data_type) {
                DataType::Null => DataType::Float64,
                other => other,
            };
            if data_type.is_nested() || matches!(data_type, DataType::Interval(_)) {
                let problem = "it gives neither a number, a text, true or false, nor a time";
                return Err(refuse(problem.to_owned()));
            }
            let field = Field::new(name, data_type, true);
            scope.push(field.clone());
            compiled.push((field, expression));
        }
        let truth = |parsed: Parsed, of: &str, what: &str, sql: &str| {
            let refuse = |problem| refusal(of, sql, problem);
            let (expression, data_type) = planner.plan(parsed, &scope).map_err(refuse)?;
            match data_type {
                DataType::Boolean => Ok(expression),
                other => {
                    let given = in_words(&other);
                    Err(refuse(format!("it gives {given}; {what} is true or false")))
                }
            }
        };
        let filter = parsed_filter.zip(filter);
        let filter = filter.map(|(parsed, sql)| truth(parsed, FILTER, "a filter", sql));
        let told = parsed_conditions.into_iter().zip(conditions);
        let told = told.map(|(parsed, (of, sql))| truth(parsed, of, "a condition", sql));
        let conditions = told.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { sources, derived: compiled, filter: filter.transpose()?, conditions })
    }

    /// The source columns that the expressions read, so that others need not be.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|field| field.name().as_str())
    }

    /// Names and types of the derived columns, in their order: doubles, text, Booleans or times.
    pub fn derived(&self) -> impl Iterator<Item = &Field> {
        self.derived.iter().map(|(field, _)| field)
    }

    /// Computes the derived columns, which rows the filter keeps, and which fulfil the conditions.
    ///
    /// Columns are found by name, whatever their order and encoding.
    ///
    /// # Errors
    /// Only where a source column is missing, or of a type that cannot become the one it was compiled for.
    pub fn apply(&self, rows: &RecordBatch) -> Result<Applied, QueryError> {
        let mut values: Vec<ArrayRef> = Vec::with_capacity(self.sources.len() + self.derived.len());
        for field in &self.sources {
            let column = rows.column_by_name(field.name()).ok_or_else(|| QueryError::NoColumn {
                path: field.name().clone(),
                nearest: None,
            })?;
            values.push(plain(field.name(), column, field.data_type())?);
        }
        let mut scope = self.sources.clone();
        for (field, expression) in &self.derived {
            let found = evaluate(expression, &table(&scope, &values, rows.num_rows())?)?;
            values.push(plain(field.name(), &found, field.data_type())?);
            scope.push(field.clone());
        }
        let truth = |expression| -> Result<BooleanArray, QueryError> {
            let verdicts = evaluate(expression, &table(&scope, &values, rows.num_rows())?)?;
            let verdicts = verdicts.as_boolean();
            Ok(match verdicts.null_count() {
                0 => verdicts.clone(),
                _ => compute::prep_null_mask_filter(verdicts),
            })
        };
        let kept = match &self.filter {
            None => BooleanArray::from(vec![true; rows.num_rows()]),
            Some(filter) => truth(filter)?,
        };
        let conditions = self.conditions.iter().map(truth).collect::<Result<_, _>>()?;
        let added = values.split_off(self.sources.len());
        let fields = rows.schema_ref().fields().iter().cloned();
        let fields = fields.chain(self.derived().map(|field| Arc::new(field.clone())));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns = rows.columns().iter().cloned().chain(added).collect();
        Ok(Applied { rows: whole(schema, columns, rows.num_rows())?, kept, conditions })
    }
}

fn table(fields: &[Field], values: &[ArrayRef], rows: usize) -> Result<RecordBatch, QueryError> {
    whole(Arc::new(Schema::new(fields.to_vec())), values.to_vec(), rows)
}

/// A batch that knows its length even without columns.
fn whole(
    schema: SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch, QueryError> {
    let count = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, columns, &count)?)
}

/// Characters of an expression that an error repeats.
const MOST_SHOWN: usize = 100;

/// What the filter is called in errors.
const FILTER: &str = "filter";

fn derived_column(name: &str) -> String {
    format!("derived column `{name}` =")
}

fn refusal(what: impl Into<String>, sql: &str, problem: String) -> QueryError {
    let what = what.into();
    let mut shown: String = sql.chars().take(MOST_SHOWN).collect();
    if shown.len() < sql.len() {
        shown.push_str(" ...");
    }
    QueryError::Expression { what, sql: shown, problem }
}
