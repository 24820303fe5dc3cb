//! Writing Parquet.

use std::fs;

use vigie::query::ParquetSink;

use super::{data, opened, rows};

#[tokio::test]
async fn what_is_written_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.parquet");
    let loans =
        rows(&opened(&[&data("loans.parquet")]).await, &["id", "region", "term", "ts"]).await;
    let mut sink = ParquetSink::create(&path, loans.schema()).unwrap();
    sink.write(&loans).unwrap();
    sink.write(&loans.slice(2, 3)).unwrap();
    assert!(!path.exists(), "it appears when it is complete");
    sink.finish().unwrap();

    let files = opened(&[path.to_str().unwrap()]).await;
    assert_eq!(files.rows(), Some(9));
    let back = rows(&files, &["id", "region", "term", "ts"]).await;
    assert_eq!(back.slice(0, 6), loans);
    assert_eq!(back.slice(6, 3), loans.slice(2, 3));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn an_unfinished_file_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.parquet");
    let loans = rows(&opened(&[&data("loans.parquet")]).await, &["id"]).await;
    let mut sink = ParquetSink::create(&path, loans.schema()).unwrap();
    sink.write(&loans).unwrap();
    drop(sink);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let error = ParquetSink::create(&folder.path().join("no/copy.parquet"), loans.schema());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("no/copy.parquet` cannot be written: "), "{error}");
}
