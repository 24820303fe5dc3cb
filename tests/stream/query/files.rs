//! Every format as pandas writes it; order, several files, errors.

use std::fs;

use futures::TryStreamExt;
use insta::assert_snapshot;
use tokio::runtime::Runtime;
use vigie::query::{ColumnPath, Files, Format, Options, QueryError, numeric};

use super::{data, open, opened, rows, table, text, types};

const ALL: [&str; 8] = ["id", "age", "children", "income", "owner", "member", "region", "term"];

#[tokio::test]
async fn parquet_of_pandas_keeps_types_and_gaps() {
    let files = opened(&[&data("loans.parquet")]).await;
    assert_eq!(files.rows(), Some(6));
    assert_snapshot!(types(&files), @r#"
    id: Int64
    age: Float64
    children: Int64
    income: Float64
    score: Float32
    owner: Boolean
    member: Boolean
    region: LargeUtf8
    grade: Dictionary(Int32, LargeUtf8)
    term: Dictionary(Int32, Int64)
    ts: Timestamp(µs)
    seen: Timestamp(µs, "Europe/Berlin")
    empty: Null
    "#);
    assert_snapshot!(table(&files, &ALL).await, @r"
    +------+------+----------+-----------+-------+--------+--------+------+
    | id   | age  | children | income    | owner | member | region | term |
    +------+------+----------+-----------+-------+--------+--------+------+
    | 1001 | 31.0 | 0        | 1200.5    | true  | true   | north  | 12   |
    | 1002 | 45.0 | 2        | 2400.0    | false |        | south  | 24   |
    | 1003 |      | 1        |           | true  | false  |        | 12   |
    | 1004 | 28.0 |          | 3100.25   | true  | true   | north  | 36   |
    | 1005 | 52.0 | 3        | 1000000.0 | false |        | NA     |      |
    | 1006 | 39.0 | 0        | -0.0      | false | false  | east   | 24   |
    +------+------+----------+-----------+-------+--------+--------+------+
    ");
}

#[tokio::test]
async fn csv_has_the_types_that_pandas_sees() {
    let files = opened(&[&data("loans.csv")]).await;
    assert_eq!(files.rows(), Some(6));
    assert_snapshot!(types(&files), @r"
    Unnamed: 0: Int64
    id: Int64
    age: Float64
    children: Int64
    income: Float64
    score: Float64
    owner: Boolean
    member: Boolean
    region: Utf8
    grade: Utf8
    term: Int64
    ts: Utf8
    seen: Utf8
    empty: Null
    ");
    assert_snapshot!(table(&files, &ALL).await, @r"
    +------+------+----------+-----------+-------+--------+--------+------+
    | id   | age  | children | income    | owner | member | region | term |
    +------+------+----------+-----------+-------+--------+--------+------+
    | 1001 | 31.0 | 0        | 1200.5    | true  | true   | north  | 12   |
    | 1002 | 45.0 | 2        | 2400.0    | false |        | south  | 24   |
    | 1003 |      | 1        |           | true  | false  |        | 12   |
    | 1004 | 28.0 |          | 3100.25   | true  | true   | north  | 36   |
    | 1005 | 52.0 | 3        | 1000000.0 | false |        |        |      |
    | 1006 | 39.0 | 0        | -0.0      | false | false  | east   | 24   |
    +------+------+----------+-----------+-------+--------+--------+------+
    ");
}

#[tokio::test]
async fn json_lines_have_types_by_their_values() {
    let files = opened(&[&data("loans.jsonl")]).await;
    assert_eq!(files.rows(), Some(6));
    assert_snapshot!(types(&files), @r"
    id: Int64
    age: Float64
    children: Int64
    income: Float64
    score: Float64
    owner: Boolean
    member: Boolean
    region: Utf8
    grade: Utf8
    term: Float64
    ts: Utf8
    seen: Utf8
    empty: Null
    ");
    assert_snapshot!(table(&files, &ALL).await, @r"
    +------+------+----------+-----------+-------+--------+--------+------+
    | id   | age  | children | income    | owner | member | region | term |
    +------+------+----------+-----------+-------+--------+--------+------+
    | 1001 | 31.0 | 0        | 1200.5    | true  | true   | north  | 12.0 |
    | 1002 | 45.0 | 2        | 2400.0    | false |        | south  | 24.0 |
    | 1003 |      | 1        |           | true  | false  |        | 12.0 |
    | 1004 | 28.0 |          | 3100.25   | true  | true   | north  | 36.0 |
    | 1005 | 52.0 | 3        | 1000000.0 | false |        | NA     |      |
    | 1006 | 39.0 | 0        | 0.0       | false | false  | east   | 24.0 |
    +------+------+----------+-----------+-------+--------+--------+------+
    ");
}

#[tokio::test]
async fn compressed_and_differently_wrapped_files_hold_the_same_rows() {
    let lines = opened(&[&data("loans.jsonl")]).await;
    let array = opened(&[&data("loans.json")]).await;
    assert_eq!(array.rows(), Some(6));
    let columns = ["id", "age", "region", "ts", "empty"];
    assert_eq!(rows(&array, &columns).await, rows(&lines, &columns).await);

    let plain = opened(&[&data("loans.csv")]).await;
    let gzip = opened(&[&data("loans.csv.gz")]).await;
    assert_eq!(rows(&gzip, &columns).await, rows(&plain, &columns).await);
}

#[tokio::test]
async fn row_labels_are_a_column_only_where_they_have_a_name() {
    assert_snapshot!(types(&opened(&[&data("filtered.parquet")]).await), @"age: Float64");
    assert_snapshot!(types(&opened(&[&data("indexed.parquet")]).await), @r"
    age: Float64
    key: LargeUtf8
    ");
}

#[tokio::test]
async fn a_folder_a_glob_and_a_list_are_one_table_in_order() {
    let list = ["parts/part-2.parquet", "parts/part-0.parquet"].map(data);
    let list = opened(&[&list[0], &list[1]]).await;
    assert_snapshot!(table(&list, &["id"]).await, @r"
    +----+
    | id |
    +----+
    | 8  |
    | 9  |
    | 0  |
    | 1  |
    | 2  |
    | 3  |
    +----+
    ");

    let folder = opened(&[&data("parts")]).await;
    assert_eq!(folder.rows(), Some(10));
    assert_snapshot!(table(&folder, &["id", "count"]).await, @r"
    +----+-------+
    | id | count |
    +----+-------+
    | 0  | 10.0  |
    | 1  | 11.0  |
    | 2  | 12.0  |
    | 3  | 13.0  |
    | 4  | 14.0  |
    | 5  |       |
    | 6  | 16.0  |
    | 7  | 17.0  |
    | 8  | 18.0  |
    | 9  | 19.0  |
    +----+-------+
    ");
    let glob = opened(&[&data("parts/part-*.parquet")]).await;
    assert_eq!(rows(&glob, &["label"]).await, rows(&folder, &["label"]).await);
    let names: Vec<&str> = glob.names().collect();
    assert!(names.is_sorted() && names.len() == 3, "{names:?}");
}

#[tokio::test]
async fn rows_keep_their_order_over_many_batches() {
    let folder = tempfile::tempdir().unwrap();
    for part in 0..3 {
        let cells: Vec<String> =
            (0..5000).map(|row| format!("{},x{row}\n", part * 5000 + row)).collect();
        let path = folder.path().join(format!("{part}.csv"));
        fs::write(path, format!("n,label\n{}", cells.concat())).unwrap();
    }
    let options = Options { batch_rows: 700, ..Options::default() };
    let inputs = [folder.path().display().to_string()];
    let files = Files::open(&inputs, &options).await.unwrap();
    let scan = files.scan(&[files.resolve("n").unwrap()]).unwrap();
    let batches: Vec<_> = scan.try_collect().await.unwrap();
    assert!(batches.iter().all(|rows| rows.num_rows() <= 700 && rows.num_columns() == 1));
    let n: Vec<f64> = batches
        .iter()
        .flat_map(|rows| numeric("n", rows.column(0)).unwrap().values().to_vec())
        .collect();
    assert_eq!(n, (0..15_000).map(f64::from).collect::<Vec<_>>());
}

#[tokio::test]
async fn nested_rows_become_flat_columns() {
    let paths = ["request.id", "features.age", "features.car.value", "outputs[1].p", "shap[0]"];
    let parquet = opened(&[&data("nested.parquet")]).await;
    assert_snapshot!(table(&parquet, &paths).await, @r"
    +------------+--------------+--------------------+--------------+---------+
    | request.id | features.age | features.car.value | outputs[1].p | shap[0] |
    +------------+--------------+--------------------+--------------+---------+
    | r1         | 31           | 9.5                | 0.9          | 1.0     |
    | r2         |              |                    |              |         |
    |            | 40           | 1.0                |              | 3.0     |
    +------------+--------------+--------------------+--------------+---------+
    ");
    let json = opened(&[&data("nested.jsonl")]).await;
    assert_eq!(table(&json, &paths).await, table(&parquet, &paths).await);

    let leaves = ColumnPath::leaves(json.schema());
    let names: Vec<&str> = leaves.iter().map(ColumnPath::name).collect();
    assert_eq!(names, ["request.id", "features.age", "features.car.value", "outputs", "shap"]);
}

#[tokio::test]
async fn a_dotted_path_finds_the_flat_column_of_a_flat_file() {
    let files = opened(&[&data("loans.parquet")]).await;
    let age = files.resolve("features.age").unwrap();
    assert_eq!(age.name(), "features.age");
    let scan = files.scan(&[age.named("years")]).unwrap();
    assert_eq!(scan.schema().field(0).name(), "years");
    assert_snapshot!(
        text(&files.resolve("features.incom").unwrap_err()),
        @"there is no column `features.incom`; did you mean `income`?"
    );
}

#[tokio::test]
async fn csv_follows_pandas_in_the_odd_cases() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.csv");
    let header = "\u{feff}int,float,bool,flag,mixed,long,text,none\n";
    let lines = [
        "1,1,True,TRUE,1,12345678901234567890,\"a,\"\"b\"\"\",\n",
        " 2,-inf,False,,True,1,007x,n/a\n",
        "\n",
        "NA,1e3,,false,x,,None,NULL\n",
        "+4,.5\n",
    ];
    fs::write(&path, header.to_owned() + &lines.concat()).unwrap();
    let files = opened(&[path.to_str().unwrap()]).await;
    assert_snapshot!(types(&files), @r"
    int: Int64
    float: Float64
    bool: Boolean
    flag: Boolean
    mixed: Utf8
    long: Utf8
    text: Utf8
    none: Null
    ");
    let all = ["int", "float", "bool", "flag", "mixed", "long", "text", "none"];
    assert_snapshot!(table(&files, &all).await, @r#"
    +-----+--------+-------+-------+-------+----------------------+-------+------+
    | int | float  | bool  | flag  | mixed | long                 | text  | none |
    +-----+--------+-------+-------+-------+----------------------+-------+------+
    | 1   | 1.0    | true  | true  | 1     | 12345678901234567890 | a,"b" |      |
    | 2   | -inf   | false |       | True  | 1                    | 007x  |      |
    |     | 1000.0 |       | false | x     |                      |       |      |
    | 4   | 0.5    |       |       |       |                      |       |      |
    +-----+--------+-------+-------+-------+----------------------+-------+------+
    "#);
}

#[tokio::test]
async fn types_seen_in_some_rows_are_held_against_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.csv");
    fs::write(&path, "a,b\n1,\n2,\n3,\nx,y\n").unwrap();
    let inputs = [path.display().to_string()];
    let few = Options { infer_rows: Some(3), ..Options::default() };
    let files = Files::open(&inputs, &few).await.unwrap();
    assert_eq!(files.rows(), None);
    let read = |column: &'static str| {
        let scan = files.scan(&[files.resolve(column).unwrap()]).unwrap();
        async move {
            let error = scan.try_collect::<Vec<_>>().await.unwrap_err().to_string();
            error.replace(&inputs_of(&error), "late.csv")
        }
    };
    assert_snapshot!(read("a").await, @"file `late.csv`, row 4: column `a` holds `x` where the rows before hold whole numbers; infer its type from more rows");
    assert_snapshot!(read("b").await, @"file `late.csv`, row 4: column `b` holds `y` where the rows before hold nothing; infer its type from more rows");
    let all = Files::open(&inputs, &Options::default()).await.unwrap();
    assert_eq!(types(&all), "a: Utf8\nb: Utf8");
}

fn inputs_of(error: &str) -> String {
    error.split('`').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn files_without_types_of_their_own_are_one_file_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("1.csv"), "code,gap\n1,\n2,\n").unwrap();
    fs::write(folder.path().join("2.csv"), "gap,code\n0.5,A\n").unwrap();
    let files = opened(&[folder.path().to_str().unwrap()]).await;
    assert_eq!(types(&files), "code: Utf8\ngap: Float64");
    assert_snapshot!(table(&files, &["code", "gap"]).await, @r"
    +------+-----+
    | code | gap |
    +------+-----+
    | 1    |     |
    | 2    |     |
    | A    | 0.5 |
    +------+-----+
    ");

    fs::write(folder.path().join("3.jsonl"), "{\"code\": 3}\n{}\n").unwrap();
    let files = opened(&[folder.path().to_str().unwrap()]).await;
    assert_snapshot!(table(&files, &["code", "gap"]).await, @r"
    +------+-----+
    | code | gap |
    +------+-----+
    | 1    |     |
    | 2    |     |
    | A    | 0.5 |
    | 3    |     |
    |      |     |
    +------+-----+
    ");
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let gone = async |inputs: &[&str]| {
        let error = open(inputs).await.unwrap_err();
        text(&error).replace(&format!("{}/", folder.path().display()), "")
    };
    let loans = data("loans.parquet");
    assert_snapshot!(gone(&[&data("loan.parquet")]).await, @"file `loan.parquet` does not exist; did you mean `loans.parquet`?");
    assert_snapshot!(gone(&["/nowhere/loans.parquet"]).await, @"file `/nowhere/loans.parquet` does not exist");
    assert_snapshot!(gone(&[&data("*.feather")]).await, @"`*.feather` holds no file to read; known are .parquet, .csv, .tsv, .jsonl, .ndjson and .json");
    assert_snapshot!(gone(&[&data("make.py")]).await, @"file `make.py`: its name does not tell the format; known are .parquet, .csv, .tsv, .jsonl, .ndjson and .json");
    assert_snapshot!(gone(&[&loans, &data("parts/../loans.par*")]).await, @"file `parts/../loans.parquet` is named twice; its rows would count twice");
    assert_snapshot!(gone(&["a[.csv"]).await, @"`a[.csv` is not a usable path: Pattern syntax error near position 1: invalid range pattern");
    assert_snapshot!(gone(&[&file("no.parquet", "id,age\n1,2\n")]).await, @"file `no.parquet` is not readable as Parquet: Invalid Parquet file. Corrupt footer");
    assert_snapshot!(gone(&[&file("empty.csv", "")]).await, @"file `empty.csv` is not readable as CSV: it is empty; a header is needed");
    assert_snapshot!(gone(&[&file("long.csv", "a,b\n1,2\n1,2,3\n")]).await, @"file `long.csv` is not readable as CSV: incorrect number of fields for line 3, expected 2 got 3");
    assert_snapshot!(gone(&[&file("twice.csv", "a,b,a\n1,2,3\n")]).await, @"file `twice.csv`: column `a` is there twice; rename one");
    assert_snapshot!(gone(&[&file("no.csv.gz", "a,b\n")]).await, @"file `no.csv.gz` is not readable as CSV: unexpected end of file");
    assert_snapshot!(gone(&[&file("bad.jsonl", "{\"a\": 1}\n{\"a\": \n")]).await, @"file `bad.jsonl` is not readable as JSON: line 2: EOF while parsing a value");
    assert_snapshot!(gone(&[&file("list.jsonl", "1\n2\n")]).await, @r#"file `list.jsonl` is not readable as JSON: each row must be an object: {"column": value, ...}"#);
    assert_snapshot!(gone(&[&file("mixed.jsonl", "{\"a\": 1}\n{\"a\": {}}\n")]).await, @"file `mixed.jsonl` is not readable as JSON: line 2: a value is an object or list in one row and something else in another");
    assert_snapshot!(gone(&[&file("open.json", "[{\"a\": 1}, ")]).await, @"file `open.json`: the array has no end");
    assert_snapshot!(gone(&[&loans, &data("parts/part-0.parquet")]).await, @"file `loans.parquet`: column `count` is missing; `parts/part-0.parquet` has it");
    let labels = [file("1.csv", "label\n1\n"), file("2.parquet", "")];
    fs::copy(data("parts/part-0.parquet"), &labels[1]).unwrap();
    assert_snapshot!(gone(&[&labels[0], &labels[1]]).await, @"file `1.csv`: column `id` is missing; `2.parquet` has it");
    let texts = file("text.csv", "id,count,label\nx,1,a\n");
    assert_snapshot!(gone(&[&texts, &labels[1]]).await, @"file `2.parquet`: column `id` holds whole numbers; in `text.csv` it holds text");
}

#[tokio::test]
async fn the_format_can_be_said_where_the_name_does_not_tell() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.txt");
    fs::write(&path, "a\tb\n1\tx y\n").unwrap();
    let options = Options { format: Some(Format::Tsv), ..Options::default() };
    let files = Files::open(&[path.display().to_string()], &options).await.unwrap();
    assert_eq!(types(&files), "a: Int64\nb: Utf8");
}

#[tokio::test]
async fn a_column_is_read_once_and_under_one_name() {
    let files = opened(&[&data("loans.csv")]).await;
    let id = files.resolve("id").unwrap();
    let error = files.scan(&[id.clone(), id]).unwrap_err();
    assert!(matches!(error, QueryError::ChosenTwice { .. }), "{error}");
}

#[test]
fn a_scan_can_be_drawn_by_a_thread_that_blocks() {
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    let files = runtime.block_on(opened(&[&data("parts")]));
    let scan = files.scan(&[files.resolve("id").unwrap()]).unwrap();
    let rows: usize = scan.blocking().map(|rows| rows.unwrap().num_rows()).sum();
    assert_eq!(rows, 10);
}
