//! Derived columns and filters.

use std::slice;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    StringDictionaryBuilder, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Int32Type, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use insta::assert_snapshot;
use vigie::query::{Applied, QueryError, RowExpressions};

use super::{data, opened, print, rows};

fn loans() -> RecordBatch {
    let region = ["north", "south", "north", "x"].into_iter().collect::<Vec<_>>();
    let columns: [(&str, ArrayRef); 5] = [
        ("age", Arc::new(Int64Array::from(vec![Some(30), Some(45), None, Some(61)]))),
        (
            "debt",
            Arc::new(Float64Array::from(vec![Some(10.0), Some(5.0), Some(f64::NAN), Some(-1.0)])),
        ),
        ("income", Arc::new(Int64Array::from(vec![Some(4), Some(0), Some(2), None]))),
        ("region", Arc::new(StringArray::from(region))),
        ("features.carValue", Arc::new(Float64Array::from(vec![1.5, -0.0, 0.0, 2.5]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn columns(rows: &RecordBatch) -> Vec<(String, DataType)> {
    let fields = rows.schema_ref().fields().iter();
    fields.map(|field| (field.name().clone(), field.data_type().clone())).collect()
}

fn compile(derived: &[(&str, &str)], filter: Option<&str>) -> Result<RowExpressions, QueryError> {
    let derived: Vec<(String, String)> =
        derived.iter().map(|&(name, sql)| (name.to_owned(), sql.to_owned())).collect();
    RowExpressions::compile(&columns(&loans()), &derived, filter, &[])
}

/// The values of one expression over the four rows above.
fn values(sql: &str) -> String {
    let expressions = compile(&[("x", sql)], None).unwrap();
    let Applied { rows, .. } = expressions.apply(&loans()).unwrap();
    let x = rows.column(5);
    let options = FormatOptions::default();
    let shown = ArrayFormatter::try_new(x, &options).unwrap();
    let shown = (0..x.len())
        .map(|row| if x.is_null(row) { "-".to_owned() } else { shown.value(row).to_string() });
    shown.collect::<Vec<_>>().join(" ")
}

fn refused(sql: &str) -> String {
    compile(&[("x", sql)], None).unwrap_err().to_string()
}

#[test]
fn derived_columns_are_appended_and_the_filter_judges_each_row() {
    let derived = [("ratio", "debt / income"), ("high", "ratio > 2 or age > 60")];
    let expressions = compile(&derived, Some("region <> 'x' and coalesce(high, true)")).unwrap();
    let read: Vec<&str> = expressions.columns().collect();
    assert_eq!(read, ["age", "debt", "income", "region"]);
    let types: Vec<DataType> =
        expressions.derived().map(|field| field.data_type().clone()).collect();
    assert_eq!(types, [DataType::Float64, DataType::Boolean]);

    let Applied { rows, kept: keep, .. } = expressions.apply(&loans()).unwrap();
    assert_snapshot!(print(&rows), @r"
    +-----+------+--------+--------+-------------------+-------+------+
    | age | debt | income | region | features.carValue | ratio | high |
    +-----+------+--------+--------+-------------------+-------+------+
    | 30  | 10.0 | 4      | north  | 1.5               | 2.5   | true |
    | 45  | 5.0  | 0      | south  | -0.0              |       |      |
    |     | NaN  | 2      | north  | 0.0               |       |      |
    | 61  | -1.0 |        | x      | 2.5               |       | true |
    +-----+------+--------+--------+-------------------+-------+------+
    ");
    assert_eq!(keep, BooleanArray::from(vec![true, true, true, false]));
}

#[test]
fn a_filter_that_is_null_keeps_no_row() {
    let Applied { kept: keep, .. } =
        compile(&[], Some("age > 40")).unwrap().apply(&loans()).unwrap();
    assert_eq!(keep, BooleanArray::from(vec![false, true, false, true]));
    let Applied { rows, kept: keep, .. } = compile(&[], None).unwrap().apply(&loans()).unwrap();
    assert_eq!((rows.num_columns(), keep.true_count()), (5, 4));
}

#[test]
fn what_cannot_be_computed_is_null_for_its_row_alone() {
    assert_eq!(values("debt / income"), "2.5 - - -");
    assert_eq!(values("age % income"), "2.0 - - -");
    assert_eq!(values("1 / features.carValue"), "0.6666666666666666 - - 0.4");
    assert_eq!(values("sqrt(debt)"), "3.1622776601683795 2.23606797749979 - -");
    assert_eq!(values("cast(region as double)"), "- - - -");
    assert_eq!(values("cast(age as tinyint)"), "30.0 45.0 - 61.0");
    assert_eq!(values("cast(age * 10 as tinyint)"), "- - - -");
    assert_eq!(values("length(region) * 4000000000000000000"), "- - - 4e18");
    assert_eq!(
        values("to_timestamp(case when age > 40 then '2024-01-01' else region end)"),
        "- 2024-01-01T00:00:00 - 2024-01-01T00:00:00"
    );
    assert_eq!(values("case when ln(debt) > 0 then 1 else 0 end"), "1.0 1.0 0.0 0.0");
}

#[test]
fn arithmetic_is_that_of_doubles_whatever_the_columns_are() {
    assert_eq!(values("age / 4"), "7.5 11.25 - 15.25");
    assert_eq!(values("1 / 2"), "0.5 0.5 0.5 0.5");
    assert_eq!(values("7 % 4 + length(region)"), "8.0 8.0 8.0 4.0");
    assert_eq!(values("substr(region, 1, length(region) - 2)"), "nor sou nor -");
    assert_eq!(values("round(debt / 3, 2)"), "3.33 1.67 - -0.33");
    assert_eq!(values("age is null"), "false false true false");
    assert_eq!(values("debt is null"), "false false true false");
    assert_eq!(values("features.carValue = 0"), "false true true false");
    assert_eq!(values("null"), "- - - -");
    assert_eq!(values("concat(age, '/', cast(debt as varchar))"), "30/10 45/5 / 61/-1");
    assert_eq!(values("cast(age as varchar) = '45'"), "false true - false");
}

#[test]
fn names_are_as_they_are_written() {
    assert_eq!(values("ABS(\"features.carValue\")"), values("abs(features.carValue)"));
    assert_eq!(values("region || '!'"), "north! south! north! x!");
    assert_snapshot!(refused("Age + 1"), @"derived column `x` = `Age + 1`: there is no column `Age`; did you mean `age`?");
}

#[test]
fn rows_of_any_origin_give_the_same_values() {
    let mut region = StringDictionaryBuilder::<Int32Type>::new();
    region.append_value("north");
    region.append_null();
    let stream: [(&str, ArrayRef); 4] = [
        ("region", Arc::new(region.finish())),
        (
            "ts",
            Arc::new(
                TimestampNanosecondArray::from(vec![86_400_000_000_000, 1]).with_timezone("+05:00"),
            ),
        ),
        ("unused", Arc::new(BooleanArray::from(vec![true, false]))),
        ("age", Arc::new(Float64Array::from(vec![30.0, f64::NAN]))),
    ];
    let file: [(&str, ArrayRef); 3] = [
        ("age", Arc::new(Int32Array::from(vec![Some(30), None]))),
        ("region", Arc::new(StringArray::from(vec![Some("north"), None]))),
        ("ts", Arc::new(TimestampNanosecondArray::from(vec![86_400_000_000_000, 1]))),
    ];
    let known = [
        ("age".to_owned(), DataType::Int64),
        ("region".to_owned(), DataType::LargeUtf8),
        ("ts".to_owned(), DataType::Timestamp(TimeUnit::Millisecond, None)),
    ];
    let derived = [
        ("young", "age < 40 and region = 'north'"),
        ("day", "date_part('doy', ts)"),
        ("code", "concat(region, '-', cast(age as varchar))"),
    ];
    let derived = derived.map(|(name, sql)| (name.to_owned(), sql.to_owned()));
    let expressions =
        RowExpressions::compile(&known, &derived, Some("ts >= '1970-01-02'"), &[]).unwrap();
    let results = [stream.to_vec(), file.to_vec()].map(|columns| {
        let rows = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, values)| (name, values, true)),
        );
        let Applied { rows, kept: keep, .. } = expressions.apply(&rows.unwrap()).unwrap();
        let derived =
            ["young", "day", "code"].map(|name| Arc::clone(rows.column_by_name(name).unwrap()));
        (derived, keep)
    });
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0].1, BooleanArray::from(vec![true, false]));
    let codes = results[0].0[2].as_any().downcast_ref::<StringArray>().unwrap();
    assert_eq!(codes.value(0), "north-30");
}

#[tokio::test]
async fn files_of_any_format_give_the_same_values() {
    let columns = ["age", "children", "income", "owner", "region"];
    let derived = ("per_head".to_owned(), "round(income / (children + 1), 3)".to_owned());
    let mut results = Vec::new();
    for name in ["loans.parquet", "loans.csv", "loans.jsonl"] {
        let batch = rows(&opened(&[&data(name)]).await, &columns).await;
        let known = self::columns(&batch);
        let expressions = RowExpressions::compile(
            &known,
            slice::from_ref(&derived),
            Some("age > 30 and not owner"),
            &[],
        );
        let Applied { rows, kept: keep, .. } = expressions.unwrap().apply(&batch).unwrap();
        results.push((Arc::clone(rows.column(5)), keep));
    }
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
    assert_eq!(results[0].1.true_count(), 3);
}

#[test]
fn what_is_not_a_function_of_the_row_is_refused() {
    assert_snapshot!(refused("now()"), @"derived column `x` = `now()`: `now` gives another value each time; a row must always give the same");
    assert_snapshot!(refused("age * random()"), @"derived column `x` = `age * random()`: `random` gives another value each time; a row must always give the same");
    assert_snapshot!(refused("current_date"), @"derived column `x` = `current_date`: `current_date` gives another value each time; a row must always give the same");
    assert_snapshot!(refused("sum(age)"), @"derived column `x` = `sum(age)`: `sum` is an aggregate; only this row is there");
    assert_snapshot!(refused("age - avg(age) over ()"), @"derived column `x` = `age - avg(age) over ()`: `avg` looks at other rows; only this row is there");
    assert_snapshot!(refused("row_number()"), @"derived column `x` = `row_number()`: `row_number` looks at other rows; only this row is there");
    assert_snapshot!(refused("age > (select 1)"), @"derived column `x` = `age > (select 1)`: a subquery looks at other rows; only this row is there");
    assert_snapshot!(refused("age in (select 1)"), @"derived column `x` = `age in (select 1)`: a subquery looks at other rows; only this row is there");
    assert_snapshot!(refused("exists (select 1)"), @"derived column `x` = `exists (select 1)`: a subquery looks at other rows; only this row is there");
}

#[test]
fn mistakes_are_named_with_their_expression() {
    assert_snapshot!(refused("debt / incme"), @"derived column `x` = `debt / incme`: there is no column `incme`; did you mean `income`?");
    assert_snapshot!(refused("region = \"north\""), @r#"derived column `x` = `region = "north"`: there is no column `north`; a text is written 'north'"#);
    assert_snapshot!(refused("features.carvalue"), @"derived column `x` = `features.carvalue`: there is no column `features.carvalue`; did you mean `features.carValue`?");
    assert_snapshot!(refused("sqr(age)"), @"derived column `x` = `sqr(age)`: there is no function `sqr`; did you mean `sqrt`?");
    assert_snapshot!(refused("age +"), @"derived column `x` = `age +`: it ends where more should follow");
    assert_snapshot!(refused("age > 3 then"), @"derived column `x` = `age > 3 then`: `then` follows where the expression should end");
    assert_snapshot!(refused("age > 'a"), @"derived column `x` = `age > 'a`: unterminated string literal at Line: 1, Column: 7");
    assert_snapshot!(refused(""), @"derived column `x` = ``: it ends where more should follow");
    assert_snapshot!(refused("region + 1"), @"derived column `x` = `region + 1`: cannot coerce arithmetic expression text + Int64 to valid types");
    assert_snapshot!(refused("round(region, 2)"), @"derived column `x` = `round(region, 2)`: function 'round' failed to match any signature");
    assert_snapshot!(refused("sqrt()"), @"derived column `x` = `sqrt()`: 'sqrt' does not support zero arguments. No function matches the given name and argument types 'sqrt()'. You might need to add explicit type casts");
    assert_snapshot!(refused("make_array(age)"), @"derived column `x` = `make_array(age)`: it gives neither a number, a text, true or false, nor a time");
    assert_snapshot!(refused("*"), @"derived column `x` = `*`: expected: an expression, found: *");
    assert_snapshot!(refused("$1"), @"derived column `x` = `$1`: placeholder '$1' was not provided a value for execution");
    assert_snapshot!(refused("regexp_like(region, '(')"), @"derived column `x` = `regexp_like(region, '(')`: unclosed group");
    assert_snapshot!(refused(&vec!["age"; 600].join(" + ")), @"derived column `x` = `age + age + age + age + age + age + age + age + age + age + age + age + age + age + age + age + age  ...`: it has 599 operators; 500 are the most");
    assert_snapshot!(compile(&[("age", "debt")], None).unwrap_err(), @"derived column `age` = `debt`: there is a column of that name already; choose another");
    assert_snapshot!(compile(&[("x", "y"), ("y", "age")], None).unwrap_err(), @"derived column `x` = `y`: there is no column `y`; a text is written 'y'");
    assert_snapshot!(compile(&[], Some("age + 1")).unwrap_err(), @"filter `age + 1`: it gives numbers; a filter is true or false");
    let expressions = compile(&[("x", "region || 'a'")], None).unwrap();
    assert_snapshot!(expressions.apply(&loans().project(&[0]).unwrap()).unwrap_err(), @"there is no column `region`");
    let wrong = RecordBatch::try_from_iter([("region", Arc::clone(loans().column(0)))]).unwrap();
    assert_snapshot!(expressions.apply(&wrong).unwrap_err(), @"column `region` holds whole numbers, which cannot be used as text");
}

#[test]
fn a_long_expression_fits_the_stack() {
    let sum = vec!["age"; 499].join(" + ");
    assert_eq!(
        values(&sum),
        format!("{} {} - {}.0", 30.0 * 499.0, 45.0 * 499.0, 61 * 499)
            .replace("14970 22455", "14970.0 22455.0")
    );
    let nested = format!("{}age{}", "(".repeat(45), ")".repeat(45));
    assert_eq!(values(&nested), "30.0 45.0 - 61.0");
    assert_snapshot!(refused(&format!("{}age{}", "(".repeat(400), ")".repeat(400))), @"derived column `x` = `(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((( ...`: recursion limit exceeded");
}
