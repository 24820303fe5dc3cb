//! Dotted paths into nested rows.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, Int64Array, OffsetSizeTrait,
    RecordBatch,
};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Fields, Schema};

use super::error::{QueryError, nearest};

/// Where a value lies in a row: a column and perhaps a way into it, and the name under which it comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnPath {
    name: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Item(usize),
}

impl ColumnPath {
    /// Finds what `path` (`age`, `features.age`, `outputs[0].p`) leads to: the nested value; where there is none,
    /// the flat column whose name is the whole path; then the flat column whose name is its last segment.
    ///
    /// The column comes out under the name `path`. So a flat reference file serves a model whose events are nested.
    ///
    /// # Errors
    /// [`QueryError::NoColumn`] with the nearest name.
    pub fn resolve(path: &str, schema: &Schema) -> Result<Self, QueryError> {
        let last = path.rsplit('.').next().unwrap_or(path);
        let nested = parse(path).filter(|steps| type_at(schema.fields(), steps).is_some());
        let flat = || [path, last].into_iter().find(|name| schema.index_of(name).is_ok());
        let steps = nested.or_else(|| Some(vec![Step::Field(flat()?.to_owned())]));
        if let Some(steps) = steps {
            return Ok(Self { name: path.to_owned(), steps });
        }
        let known = Self::leaves(schema);
        let like = |text| nearest(text, known.iter().map(Self::name));
        let nearest = like(path).or_else(|| like(last));
        Err(QueryError::NoColumn { path: path.to_owned(), nearest })
    }

    /// Every value of a row that is not an object: flat columns, and the fields of objects under their dotted path.
    pub fn leaves(schema: &Schema) -> Vec<Self> {
        fn walk(fields: &Fields, above: &[Step], prefix: &str, out: &mut Vec<ColumnPath>) {
            for field in fields {
                let name = format!("{prefix}{}", field.name());
                let mut steps = above.to_vec();
                steps.push(Step::Field(field.name().clone()));
                match field.data_type() {
                    DataType::Struct(inner) => walk(inner, &steps, &format!("{name}."), out),
                    _ => out.push(ColumnPath { name, steps }),
                }
            }
        }
        let mut out = Vec::new();
        walk(schema.fields(), &[], "", &mut out);
        out
    }

    /// The same value under another name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The name under which the column comes out.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of the value, or none where the schema does not have it.
    pub fn data_type(&self, schema: &Schema) -> Option<DataType> {
        type_at(schema.fields(), &self.steps)
    }

    /// The way from the row to the value.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether another path leads to the same value, under whatever name.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.steps == other.steps
    }

    /// The names of the objects on the way, and of the value unless it lies in a list.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map_while(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Item(_) => None,
        })
    }

    /// The values, or none where these rows do not have the path.
    pub(super) fn extract(&self, rows: &RecordBatch) -> Result<Option<ArrayRef>, QueryError> {
        let mut steps = self.steps.iter();
        let Some(Step::Field(column)) = steps.next() else {
            return Ok(None);
        };
        let Some(column) = rows.column_by_name(column) else {
            return Ok(None);
        };
        let mut values = Arc::clone(column);
        for step in steps {
            let Some(inner) = enter(&values, step)? else {
                return Ok(None);
            };
            values = inner;
        }
        Ok(Some(values))
    }
}

/// Only the fields that some path leads to or through.
pub(super) fn prune(fields: &Fields, paths: &[ColumnPath]) -> Fields {
    let ways: Vec<&[Step]> = paths.iter().map(|path| path.steps.as_slice()).collect();
    prune_ways(fields, &ways)
}

fn prune_ways(fields: &Fields, ways: &[&[Step]]) -> Fields {
    let keep = |field: &Field| -> Option<Field> {
        let inner: Vec<&[Step]> = ways
            .iter()
            .filter_map(|way| match way.split_first() {
                Some((Step::Field(name), rest)) if name == field.name() => Some(rest),
                _ => None,
            })
            .collect();
        let through = inner.iter().all(|way| matches!(way.first(), Some(Step::Field(_))));
        match field.data_type() {
            _ if inner.is_empty() => None,
            DataType::Struct(fields) if through => {
                let kept = DataType::Struct(prune_ways(fields, &inner));
                Some(field.clone().with_data_type(kept))
            }
            _ => Some(field.clone()),
        }
    };
    fields.iter().filter_map(|field| keep(field)).collect()
}

/// The steps of `outputs[0].p`; a key with dots or brackets in it stands in quotes: `features."loan.amount"`.
fn parse(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    loop {
        let (key, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_key(quoted)?
        } else {
            let (key, after) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
            (key.to_owned(), after)
        };
        if key.is_empty() {
            return None;
        }
        steps.push(Step::Field(key));
        rest = after;
        while let Some(item) = rest.strip_prefix('[') {
            let (index, after) = item.split_once(']')?;
            steps.push(Step::Item(index.parse().ok()?));
            rest = after;
        }
        if rest.is_empty() {
            return Some(steps);
        }
        rest = rest.strip_prefix('.')?;
    }
}

/// The text up to the closing quote, in which `\` takes the next character as it is, and what follows.
fn quoted_key(text: &str) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next()? {
            '"' => return Some((key, rest.as_str())),
            '\\' => key.push(rest.next()?),
            other => key.push(other),
        }
    }
}

fn type_at(fields: &Fields, steps: &[Step]) -> Option<DataType> {
    let (Step::Field(column), rest) = steps.split_first()? else {
        return None;
    };
    let mut found = fields.find(column)?.1.data_type();
    for step in rest {
        found = match (step, found) {
            (Step::Field(name), DataType::Struct(fields)) => fields.find(name)?.1.data_type(),
            (
                Step::Item(_),
                DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _),
            ) => item.data_type(),
            _ => return None,
        };
    }
    Some(found.clone())
}

fn enter(values: &ArrayRef, step: &Step) -> Result<Option<ArrayRef>, QueryError> {
    match (step, values.data_type()) {
        (Step::Field(name), DataType::Struct(_)) => {
            let Some(inner) = values.as_struct().column_by_name(name) else {
                return Ok(None);
            };
            // A child of an absent object may hold any value.
            match values.nulls() {
                Some(_) if inner.data_type() != &DataType::Null => {
                    Ok(Some(compute::nullif(inner, &compute::is_null(values)?)?))
                }
                _ => Ok(Some(Arc::clone(inner))),
            }
        }
        (Step::Item(index), DataType::List(_)) => item(values.as_list::<i32>(), *index),
        (Step::Item(index), DataType::LargeList(_)) => item(values.as_list::<i64>(), *index),
        (Step::Item(index), DataType::FixedSizeList(..)) => {
            fixed_item(values.as_fixed_size_list(), *index)
        }
        _ => Ok(None),
    }
}

fn item<O: OffsetSizeTrait>(
    lists: &GenericListArray<O>,
    index: usize,
) -> Result<Option<ArrayRef>, QueryError> {
    let at: Int64Array = lists
        .offsets()
        .windows(2)
        .enumerate()
        .map(|(row, ends)| {
            let (start, end) = (ends[0].as_usize(), ends[1].as_usize());
            (lists.is_valid(row) && index < end - start).then(|| position(start + index))
        })
        .collect();
    Ok(Some(compute::take(lists.values(), &at, None)?))
}

fn fixed_item(lists: &FixedSizeListArray, index: usize) -> Result<Option<ArrayRef>, QueryError> {
    let length = usize::try_from(lists.value_length()).unwrap_or(0);
    let at: Int64Array = (0..lists.len())
        .map(|row| {
            let start = usize::try_from(lists.value_offset(row)).unwrap_or(0);
            (lists.is_valid(row) && index < length).then(|| position(start + index))
        })
        .collect();
    Ok(Some(compute::take(lists.values(), &at, None)?))
}

fn position(at: usize) -> i64 {
    i64::try_from(at).expect("an Arrow array has fewer than 2^63 values")
}
