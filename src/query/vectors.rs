//! Columns of lists of numbers.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, OffsetSizeTrait};
use arrow::buffer::NullBuffer;
use arrow::compute;
use arrow::datatypes::{DataType, Float64Type};

use super::error::QueryError;
use super::schema::is_number;
use super::typing::unusable;
use crate::batch::{LONGEST, Vectors};

/// Whether a type is that of lists of numbers.
pub(super) fn is_vector(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            is_number(item.data_type())
        }
        _ => false,
    }
}

/// The lists of a column, as an embedding has them: what is no number in them is NaN. Texts that read as numbers count as
/// such, as in files of text one item that is none makes texts of all.
///
/// `column` is its name, for the error.
///
/// # Errors
/// [`QueryError::ColumnUse`] for all that is no list, and for lists of lists or objects.
pub fn vectors(column: &str, values: &ArrayRef) -> Result<Vectors, QueryError> {
    let rows = values.len();
    let wrong = || unusable(column, values, "lists of numbers");
    let made = match values.data_type() {
        DataType::Null => {
            let nulls = NullBuffer::new_null(rows);
            return Vectors::raw(Vec::new(), vec![0; rows + 1], Some(nulls)).ok_or_else(wrong);
        }
        DataType::List(_) => of_lists::<i32>(values)?,
        DataType::LargeList(_) => of_lists::<i64>(values)?,
        DataType::FixedSizeList(_, length) => {
            let lists = values.as_fixed_size_list();
            let length = usize::try_from(*length).unwrap_or(0);
            let range = |row: usize| row * length..(row + 1) * length;
            numbers(lists.values())?.map(|numbers| gathered(rows, values.nulls(), &numbers, range))
        }
        _ => None,
    };
    let (numbers, ends) = made.ok_or_else(wrong)?;
    Vectors::raw(numbers, ends, values.nulls().cloned()).ok_or_else(wrong)
}

type Gathered = (Vec<f64>, Vec<i32>);

fn of_lists<O: OffsetSizeTrait>(values: &ArrayRef) -> Result<Option<Gathered>, QueryError> {
    let lists = values.as_list::<O>();
    let ends = lists.value_offsets();
    let range = |row: usize| ends[row].as_usize()..ends[row + 1].as_usize();
    let found = numbers(lists.values())?;
    Ok(found.map(|numbers| gathered(lists.len(), lists.nulls(), &numbers, range)))
}

/// The items of lists as numbers; `None` where they can be none.
fn numbers(items: &ArrayRef) -> Result<Option<Float64Array>, QueryError> {
    let as_numbers = |items: &ArrayRef| {
        let cast = compute::cast(items, &DataType::Float64)?;
        Ok(Some(cast.as_primitive::<Float64Type>().clone()))
    };
    match items.data_type() {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            as_numbers(items)
        }
        number if is_number(number) => as_numbers(items),
        // True is no number.
        DataType::Boolean => Ok(Some(Float64Array::new_null(items.len()))),
        _ => Ok(None),
    }
}

fn gathered(
    rows: usize,
    present: Option<&NullBuffer>,
    items: &Float64Array,
    range: impl Fn(usize) -> Range<usize>,
) -> Gathered {
    let (mut all, mut ends) = (Vec::with_capacity(items.len()), vec![0]);
    for row in 0..rows {
        if present.is_none_or(|present| present.is_valid(row)) {
            let item = |at| if items.is_valid(at) { items.value(at) } else { f64::NAN };
            all.extend(range(row).take(LONGEST + 1).map(item));
        }
        ends.push(all.len() as i32);
    }
    (all, ends)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, StringArray, new_null_array};
    use arrow::array::{FixedSizeListArray, Float32Array, Int64Array, LargeListArray, ListArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{Field, Int64Type};

    use super::*;
    use crate::batch::vector;

    fn read(values: &ArrayRef) -> Vec<Option<Vec<f64>>> {
        let Vectors::Raw(lists) = vectors("v", values).unwrap() else { unreachable!() };
        (0..lists.len()).map(|row| vector(&lists, row).map(<[f64]>::to_vec)).collect()
    }

    fn lists(items: ArrayRef, lengths: &[usize]) -> ArrayRef {
        let item = Arc::new(Field::new_list_field(items.data_type().clone(), true));
        let ends = OffsetBuffer::from_lengths(lengths.iter().copied());
        Arc::new(ListArray::new(item, ends, items, None))
    }

    #[test]
    fn every_kind_of_list_is_read() {
        let of = [Some(vec![Some(1), Some(2)]), None, Some(vec![]), Some(vec![Some(3), None])];
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>(of.clone());
        let large = LargeListArray::from_iter_primitive::<Int64Type, _, _>(of);
        for lists in [Arc::new(list) as ArrayRef, Arc::new(large)] {
            assert!(is_vector(lists.data_type()));
            let found = read(&lists);
            assert_eq!(found[..3], [Some(vec![1.0, 2.0]), None, Some(vec![])]);
            let odd = found[3].as_ref().unwrap();
            assert!(odd[0] == 3.0 && odd[1].is_nan());
        }
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        let items = Arc::new(Float32Array::from(vec![0.5, 1.0, 9.0, 9.0, -2.0, 4.0]));
        let nulls = NullBuffer::from(vec![true, false, true]);
        let fixed = FixedSizeListArray::new(item, 2, items, Some(nulls));
        let wanted = [Some(vec![0.5, 1.0]), None, Some(vec![-2.0, 4.0])];
        assert_eq!(read(&(Arc::new(fixed.clone()) as ArrayRef)), wanted);
        assert_eq!(read(&(Arc::new(fixed.slice(1, 2)) as ArrayRef)), wanted[1..]);
    }

    #[test]
    fn what_is_no_number_is_none() {
        let texts = lists(Arc::new(StringArray::from(vec!["1.5", "x", "-2"])), &[2, 1]);
        let found = read(&texts);
        let first = found[0].as_ref().unwrap();
        assert!(first[0] == 1.5 && first[1].is_nan() && found[1] == Some(vec![-2.0]));
        let truths = lists(Arc::new(BooleanArray::from(vec![true])), &[1]);
        assert!(read(&truths)[0].as_ref().unwrap()[0].is_nan());
        let nothing = lists(new_null_array(&DataType::Null, 1), &[1]);
        assert!(read(&nothing)[0].as_ref().unwrap()[0].is_nan());
        assert_eq!(read(&new_null_array(&DataType::Null, 2)), [None, None]);
        let inner = lists(Arc::new(Int64Array::from(vec![1, 2])), &[2]);
        let error = vectors("v", &lists(inner, &[1])).unwrap_err().to_string();
        assert!(error.contains("`v`") && error.contains("lists of numbers"), "{error}");
    }

    #[test]
    fn a_list_that_is_too_long_is_cut_and_still_too_long() {
        let long = lists(Arc::new(Int64Array::from(vec![1; LONGEST + 50])), &[LONGEST + 50]);
        assert_eq!(read(&long)[0].as_ref().unwrap().len(), LONGEST + 1);
    }
}
