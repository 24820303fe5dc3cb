//! One schema for several files.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};

use super::error::QueryError;

/// A type in words that a person who wrote a CSV understands.
pub(super) fn in_words(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "nothing".to_owned(),
        DataType::Boolean => "true or false".to_owned(),
        DataType::Dictionary(_, value) => in_words(value),
        DataType::Timestamp(..) => "timestamps".to_owned(),
        DataType::Date32 | DataType::Date64 => "dates".to_owned(),
        DataType::Struct(_) => "objects".to_owned(),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            "lists".to_owned()
        }
        other if is_text(other) => "text".to_owned(),
        other if other.is_integer() => "whole numbers".to_owned(),
        other if is_number(other) => "numbers".to_owned(),
        other => format!("values of type {other}"),
    }
}

/// Any of Arrow's string types.
pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Integers, floats and decimals.
pub(super) fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// The type that holds the values of both without changing their meaning.
///
/// With `from_text` (files without types of their own: CSV, JSON) two simple types that have nothing else in common
/// meet as text, as they would in one file.
pub(super) fn widen(a: &DataType, b: &DataType, from_text: bool) -> Option<DataType> {
    use DataType::{
        Dictionary, Float64, Int64, LargeUtf8, List, Null, Struct, Timestamp, UInt64, Utf8,
    };
    Some(match (a, b) {
        (a, b) if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (Dictionary(_, x), Dictionary(_, y)) if x == y => {
            Dictionary(Box::new(DataType::Int32), x.clone())
        }
        (Dictionary(_, x), y) | (y, Dictionary(_, x)) => widen(x, y, from_text)?,
        (Struct(x), Struct(y)) => Struct(widen_fields(x, y, from_text)?),
        (List(x), List(y)) => List(Arc::new(Field::new(
            x.name(),
            widen(x.data_type(), y.data_type(), from_text)?,
            true,
        ))),
        (Timestamp(x, zone), Timestamp(y, other)) => Timestamp(
            if x == y { *x } else { TimeUnit::Microsecond },
            if zone == other { zone.clone() } else { Some("+00:00".into()) },
        ),
        (x, y) if is_text(x) && is_text(y) => {
            if *x == LargeUtf8 || *y == LargeUtf8 {
                LargeUtf8
            } else {
                Utf8
            }
        }
        (x, y) if x.is_integer() && y.is_integer() && *x != UInt64 && *y != UInt64 => Int64,
        (x, y) if is_number(x) && is_number(y) => Float64,
        (x, y) if from_text && !x.is_nested() && !y.is_nested() => Utf8,
        _ => return None,
    })
}

fn widen_fields(a: &Fields, b: &Fields, from_text: bool) -> Option<Fields> {
    let mut fields = Vec::with_capacity(a.len());
    for x in a {
        let data_type = match b.iter().find(|y| y.name() == x.name()) {
            Some(y) => widen(x.data_type(), y.data_type(), from_text)?,
            None => x.data_type().clone(),
        };
        fields.push(Field::new(x.name(), data_type, true));
    }
    let new = b.iter().filter(|y| a.iter().all(|x| x.name() != y.name()));
    fields.extend(new.map(|y| y.as_ref().clone().with_nullable(true)));
    Some(fields.into())
}

/// What is known of a file when schemas are merged.
pub(super) struct Described<'a> {
    /// Path or URL.
    pub(super) file: &'a str,
    /// Its own schema.
    pub(super) schema: &'a Schema,
    /// A key that is absent is a missing value (JSON); else an absent column is an error.
    pub(super) open: bool,
    /// It has no types of its own (CSV, JSON).
    pub(super) from_text: bool,
}

/// The schema of all files together: columns in the order in which they first appear, all nullable.
pub(super) fn merge<'a>(files: impl Iterator<Item = Described<'a>>) -> Result<Schema, QueryError> {
    let files: Vec<Described<'_>> = files.collect();
    let mut merged: Vec<(Field, &Described<'_>)> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        for field in file.schema.fields() {
            let Some((known, first)) = merged.iter_mut().find(|(f, _)| f.name() == field.name())
            else {
                if let Some(before) = files.iter().take(index).find(|before| !before.open) {
                    return Err(missing(before, field.name(), file));
                }
                merged.push((Field::new(field.name(), field.data_type().clone(), true), file));
                continue;
            };
            let from_text = file.from_text && first.from_text;
            let wide = widen(known.data_type(), field.data_type(), from_text).ok_or_else(|| {
                QueryError::ColumnType {
                    file: file.file.to_owned(),
                    column: field.name().clone(),
                    found: in_words(field.data_type()),
                    other: first.file.to_owned(),
                    expected: in_words(known.data_type()),
                }
            })?;
            known.set_data_type(wide);
        }
        if !file.open
            && let Some((field, first)) =
                merged.iter().find(|(f, _)| file.schema.field_with_name(f.name()).is_err())
        {
            return Err(missing(file, field.name(), first));
        }
    }
    Ok(Schema::new(merged.into_iter().map(|(field, _)| field).collect::<Vec<_>>()))
}

fn missing(file: &Described<'_>, column: &str, other: &Described<'_>) -> QueryError {
    QueryError::ColumnMissing {
        file: file.file.to_owned(),
        column: column.to_owned(),
        other: other.file.to_owned(),
    }
}
