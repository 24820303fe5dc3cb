//! Files made by pandas (`tests/data/query/make.py`) and SQL on their rows.

mod expressions;
mod files;
mod memory;
mod remote;
mod sink;
mod typing;

use std::slice;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute;
use arrow::util::pretty;
use futures::TryStreamExt;
use vigie::query::{ColumnPath, Files, Options, QueryError};

fn data(name: &str) -> String {
    format!("{}/tests/data/query/{name}", env!("CARGO_MANIFEST_DIR"))
}

async fn open(inputs: &[&str]) -> Result<Files, QueryError> {
    let inputs: Vec<String> = inputs.iter().map(|&input| input.to_owned()).collect();
    Files::open(&inputs, &Options::default()).await
}

async fn opened(inputs: &[&str]) -> Files {
    open(inputs).await.unwrap()
}

/// All rows of some columns in one batch.
async fn rows(files: &Files, columns: &[&str]) -> RecordBatch {
    let paths: Vec<ColumnPath> = columns.iter().map(|path| files.resolve(path).unwrap()).collect();
    let scan = files.scan(&paths).unwrap();
    let schema = Arc::clone(scan.schema());
    let batches: Vec<RecordBatch> = scan.try_collect().await.unwrap();
    compute::concat_batches(&schema, &batches).unwrap()
}

async fn table(files: &Files, columns: &[&str]) -> String {
    print(&rows(files, columns).await)
}

fn print(rows: &RecordBatch) -> String {
    pretty::pretty_format_batches(slice::from_ref(rows)).unwrap().to_string()
}

/// The text of an error with the folder of the test data taken out.
fn text(error: &QueryError) -> String {
    error.to_string().replace(&data(""), "")
}

fn types(files: &Files) -> String {
    let fields = files.schema().fields().iter();
    fields
        .map(|field| format!("{}: {}", field.name(), field.data_type()))
        .collect::<Vec<_>>()
        .join("\n")
}
