//! Columns of every type as numbers, labels and event times.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int8Array, Int64Array, LargeStringArray, NullArray, StringArray,
    StringDictionaryBuilder, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Int8Type, Int32Type, TimeUnit};
use insta::assert_snapshot;
use vigie::query::{Kind, categorical, event_times, kind, numeric};

use super::{data, opened, rows};

fn array(values: impl Array + 'static) -> ArrayRef {
    Arc::new(values)
}

/// The label of each row, and how many texts the dictionary has.
fn labels(values: &ArrayRef) -> (Vec<Option<String>>, usize) {
    let labels = categorical("x", values).unwrap();
    let texts = labels.downcast_dict::<StringArray>().unwrap();
    (texts.into_iter().map(|text| text.map(str::to_owned)).collect(), labels.values().len())
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|&text| (text != "-").then(|| text.to_owned())).collect()
}

#[test]
fn numbers_of_every_width_become_doubles() {
    let decimal = Decimal128Array::from(vec![Some(1250), None]);
    let decimal = decimal.with_precision_and_scale(6, 2).unwrap();
    let dictionary = DictionaryArray::new(
        vec![Some(1), None].into_iter().collect(),
        array(Int64Array::from(vec![7, 12])),
    );
    let dictionary: DictionaryArray<Int8Type> = dictionary;
    for (values, first) in [
        (array(Int8Array::from(vec![Some(-3), None])), -3.0),
        (array(UInt64Array::from(vec![Some(1 << 60), None])), (1_u64 << 60) as f64),
        (array(Float32Array::from(vec![Some(0.5), None])), 0.5),
        (array(decimal), 12.5),
        (array(dictionary), 12.0),
    ] {
        let numbers = numeric("x", &values).unwrap();
        assert_eq!(numbers, Float64Array::from(vec![Some(first), None]), "{}", values.data_type());
    }
    let kept = numeric("x", &array(Float64Array::from(vec![Some(f64::NAN), None]))).unwrap();
    assert!(kept.value(0).is_nan() && kept.is_null(1));
    assert_eq!(numeric("x", &array(NullArray::new(3))).unwrap().null_count(), 3);
}

#[test]
fn a_label_has_the_same_text_in_every_type() {
    let whole = some(&["3", "-", "12", "3"]);
    let ints = array(Int64Array::from(vec![Some(3), None, Some(12), Some(3)]));
    let floats = array(Float64Array::from(vec![3.0, f64::NAN, 12.0, 3.0]));
    let singles = array(Float32Array::from(vec![Some(3.0), None, Some(12.0), Some(3.0)]));
    let texts = array(StringArray::from(vec![Some("3"), None, Some("12"), Some("3")]));
    let wide = array(LargeStringArray::from(vec![Some("3"), None, Some("12"), Some("3")]));
    let decimals = Decimal128Array::from(vec![Some(300), None, Some(1200), Some(300)]);
    let decimals = array(decimals.with_precision_and_scale(6, 2).unwrap());
    for values in [ints, floats, singles, texts, wide, decimals] {
        let (found, _) = labels(&values);
        assert_eq!(found, whole, "{}", values.data_type());
    }
    let truth = array(BooleanArray::from(vec![Some(true), None, Some(false)]));
    assert_eq!(labels(&truth).0, some(&["true", "-", "false"]));
    let odd = array(Float64Array::from(vec![0.1, -0.0, 0.0, 1e21, -2.5, f64::INFINITY]));
    let odd_texts = some(&["0.1", "0", "0", "1000000000000000000000", "-2.5", "inf"]);
    assert_eq!(labels(&odd), (odd_texts, 5));
    let single = array(Float32Array::from(vec![0.1]));
    assert_eq!(labels(&single).0, some(&["0.1"]));
    assert_eq!(labels(&array(NullArray::new(2))), (some(&["-", "-"]), 0));
}

#[test]
fn a_dictionary_keeps_each_text_once_and_drops_none() {
    let mut category = StringDictionaryBuilder::<Int8Type>::new();
    for label in ["b", "a", "b"] {
        category.append_value(label);
    }
    category.append_null();
    let category = array(category.finish());
    assert_eq!(labels(&category), (some(&["b", "a", "b", "-"]), 2));
    assert_eq!(labels(&category.slice(1, 1)), (some(&["a"]), 1));

    let keys = vec![Some(0), Some(1), Some(2), Some(3), None];
    let values = array(StringArray::from(vec![Some("x"), Some("y"), Some("x"), None]));
    let doubled = DictionaryArray::<Int32Type>::new(keys.into_iter().collect(), values);
    assert_eq!(labels(&array(doubled)), (some(&["x", "y", "x", "-", "-"]), 2));
}

#[tokio::test]
async fn labels_of_one_table_are_the_same_in_every_format() {
    let columns = ["id", "children", "owner", "member", "grade", "term"];
    let parquet = rows(&opened(&[&data("loans.parquet")]).await, &columns).await;
    for name in ["loans.csv", "loans.jsonl"] {
        let other = rows(&opened(&[&data(name)]).await, &columns).await;
        for (index, column) in columns.iter().enumerate() {
            let expected = labels(parquet.column(index)).0;
            assert_eq!(labels(other.column(index)).0, expected, "{column} of {name}");
        }
    }
}

#[test]
fn times_of_every_unit_and_form_are_microseconds() {
    let noon = 1_704_110_400_000_000;
    for (values, expected) in [
        (array(TimestampSecondArray::from(vec![1_704_110_400])), noon),
        (array(TimestampMillisecondArray::from(vec![1_704_110_400_000])), noon),
        (array(TimestampNanosecondArray::from(vec![-1])), -1),
        (array(TimestampSecondArray::from(vec![1_704_110_400]).with_timezone("+09:00")), noon),
        (array(Date32Array::from(vec![1])), 86_400_000_000),
        (array(StringArray::from(vec!["2024-01-01T12:00:00Z"])), noon),
        (array(StringArray::from(vec!["2024-01-01T13:00:00+01:00"])), noon),
        (array(StringArray::from(vec!["2024-01-01 12:00:00"])), noon),
        (array(StringArray::from(vec!["2024-01-01 12:00"])), noon),
        (array(StringArray::from(vec!["2024-01-01T12:00Z"])), noon),
        (array(StringArray::from(vec![" 2024-01-01T12:00:00.000001999Z "])), noon + 1),
        (array(StringArray::from(vec!["2024-01-01"])), noon - 43_200_000_000),
        (array(StringArray::from(vec!["1704110400000"])), noon),
        (array(LargeStringArray::from(vec!["1969-12-31T23:59:59.5Z"])), -500_000),
        (array(Int64Array::from(vec![1_704_110_400])), noon),
        (array(UInt64Array::from(vec![1_704_110_400_000])), noon),
        (array(Float64Array::from(vec![1_704_110_400.25])), noon + 250_000),
        (array(Int64Array::from(vec![1_704_110_400_000_000_999])), noon),
    ] {
        let times = event_times("ts", &values, None).unwrap();
        assert_eq!(times.unreadable, [0; 0], "{values:?}");
        assert_eq!(times.micros, Int64Array::from(vec![expected]), "{values:?}");
    }
    let few = array(Int64Array::from(vec![5]));
    let times = event_times("ts", &few, Some(TimeUnit::Millisecond)).unwrap();
    assert_eq!(times.micros.value(0), 5_000);
}

#[test]
fn what_is_no_time_is_told_from_what_is_missing() {
    let texts = vec![Some("2024-01-01"), None, Some("soon"), Some("2024-13-01"), Some("20240301")];
    let times = event_times("ts", &array(StringArray::from(texts)), None).unwrap();
    assert_eq!(times.unreadable, [2, 3]);
    assert_eq!(times.micros.null_count(), 3);
    let numbers = array(Float64Array::from(vec![f64::NAN, f64::INFINITY, 1e300, 0.0]));
    let times = event_times("ts", &numbers, Some(TimeUnit::Second)).unwrap();
    assert_eq!(times.unreadable, [1, 2]);
    let far = array(Int64Array::from(vec![Some(i64::MAX), None]));
    let times = event_times("ts", &far, Some(TimeUnit::Second)).unwrap();
    assert_eq!(times.unreadable, [0]);
    assert_eq!(times.micros.null_count(), 2);
}

#[test]
fn a_wrong_use_of_a_column_names_it() {
    let truth = array(BooleanArray::from(vec![true]));
    let time = array(TimestampSecondArray::from(vec![0]));
    let text = array(StringArray::from(vec!["a"]));
    assert_snapshot!(numeric("owner", &truth).unwrap_err(), @"column `owner` holds true or false, which cannot be used as numbers");
    assert_snapshot!(numeric("region", &text).unwrap_err(), @"column `region` holds text, which cannot be used as numbers");
    assert_snapshot!(categorical("ts", &time).unwrap_err(), @"column `ts` holds timestamps, which cannot be used as labels");
    assert_snapshot!(event_times("owner", &truth, None).unwrap_err(), @"column `owner` holds true or false, which cannot be used as event times");
}

#[test]
fn a_kind_follows_from_the_type_alone() {
    let category = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Int64));
    for (data_type, expected) in [
        (DataType::UInt8, Kind::Continuous),
        (DataType::Decimal128(4, 2), Kind::Continuous),
        (DataType::Boolean, Kind::Categorical),
        (DataType::LargeUtf8, Kind::Categorical),
        (category, Kind::Categorical),
        (DataType::Timestamp(TimeUnit::Second, None), Kind::Time),
        (DataType::Date32, Kind::Time),
        (DataType::Null, Kind::Empty),
        (DataType::Binary, Kind::Other),
        (DataType::new_list(DataType::Int8, true), Kind::Vector),
        (DataType::new_list(DataType::Binary, true), Kind::Other),
    ] {
        assert_eq!(kind(&data_type), expected, "{data_type}");
    }
}
