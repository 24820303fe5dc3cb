//! Columns as labels with one text for each value.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int32Array, StringArray, new_null_array,
};
use arrow::compute;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type};

use super::error::QueryError;
use super::schema::{is_number, is_text};
use super::typing::unusable;

/// The labels of a column, each with the one text that its value has in every format: `true` and `false`; `3` for an
/// integer and for a float that is whole; the shortest decimal that reads back as the same float; text as it is.
///
/// No two entries of the dictionary have the same text, none is null; it may hold texts that no row has. NaN is
/// missing. `column` is its name, for the error.
///
/// # Errors
/// [`QueryError::ColumnUse`] for timestamps, dates, lists, objects and binary data.
pub fn categorical(
    column: &str,
    values: &ArrayRef,
) -> Result<DictionaryArray<Int32Type>, QueryError> {
    let (key, value) = match values.data_type() {
        DataType::Dictionary(key, value) => (Some(key.as_ref()), value.as_ref()),
        other => (None, other),
    };
    if *value == DataType::Null {
        let wanted = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        return Ok(new_null_array(&wanted, values.len()).as_dictionary().clone());
    }
    if !(*value == DataType::Boolean || is_text(value) || is_number(value)) {
        return Err(unusable(column, values, "labels"));
    }
    let coded = match key {
        // A dictionary larger than the rows costs less to build anew than to look through.
        Some(_) if values.as_any_dictionary().values().len() > values.len() => {
            pack(&compute::cast(values, value)?)?
        }
        Some(DataType::Int32) => Arc::clone(values),
        Some(_) => {
            let wide = DataType::Dictionary(Box::new(DataType::Int32), Box::new(value.clone()));
            compute::cast(values, &wide)?
        }
        None => pack(values)?,
    };
    unify(coded.as_dictionary::<Int32Type>())
}

/// A dictionary of the values that occur.
fn pack(values: &ArrayRef) -> Result<ArrayRef, QueryError> {
    // Arrow packs no Booleans.
    let values = match values.data_type() {
        DataType::Boolean => compute::cast(values, &DataType::Utf8)?,
        _ => Arc::clone(values),
    };
    let own = Box::new(values.data_type().clone());
    Ok(compute::cast(&values, &DataType::Dictionary(Box::new(DataType::Int32), own))?)
}

/// The same rows over a dictionary in which each text stands once.
fn unify(coded: &DictionaryArray<Int32Type>) -> Result<DictionaryArray<Int32Type>, QueryError> {
    let texts = texts(coded.values())?;
    let mut codes: BTreeMap<&str, i32> = BTreeMap::new();
    let mut kept: Vec<&str> = Vec::with_capacity(texts.len());
    let mut code_of: Vec<Option<i32>> = Vec::with_capacity(texts.len());
    for text in &texts {
        code_of.push(text.map(|text| {
            *codes.entry(text).or_insert_with(|| {
                kept.push(text);
                i32::try_from(kept.len() - 1).expect("no more texts than 32-bit keys point to")
            })
        }));
    }
    if kept.len() == texts.len() {
        let keys = coded.keys().clone();
        return Ok(DictionaryArray::try_new(keys, Arc::new(texts))?);
    }
    let keys = coded.keys().iter();
    let keys: Int32Array = keys
        .map(|key| usize::try_from(key?).ok().and_then(|key| code_of.get(key).copied().flatten()))
        .collect();
    let kept = StringArray::from(kept);
    Ok(DictionaryArray::try_new(keys, Arc::new(kept))?)
}

/// The text of each value, none for what is missing.
fn texts(values: &ArrayRef) -> Result<StringArray, QueryError> {
    Ok(match values.data_type() {
        DataType::Float64 => {
            let floats = values.as_primitive::<Float64Type>().iter();
            floats.map(|float| float.filter(|f| !f.is_nan()).map(text)).collect()
        }
        DataType::Float32 => {
            let floats = values.as_primitive::<Float32Type>().iter();
            // `0.1` as a 32-bit float is not the double that is nearest to 0.1, but the same label.
            floats
                .map(|float| float.filter(|f| !f.is_nan()).map(|f| (f + 0.0).to_string()))
                .collect()
        }
        DataType::Float16 => texts(&compute::cast(values, &DataType::Float32)?)?,
        decimal if decimal.is_decimal() => {
            let digits = compute::cast(values, &DataType::Utf8)?;
            digits.as_string::<i32>().iter().map(|digits| digits.map(shorten)).collect()
        }
        _ => compute::cast(values, &DataType::Utf8)?.as_string::<i32>().clone(),
    })
}

/// The label of a float. Adding zero makes `-0` the same as `0`.
pub(super) fn text(float: f64) -> String {
    (float + 0.0).to_string()
}

/// `3.50` is `3.5` and `3.00` is `3`.
fn shorten(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}
