//! How much memory a large row group takes.
//!
//! Measured in a process of its own: the executable calls itself, since a peak cannot be taken back and other tests
//! run beside this one.

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use futures::TryStreamExt;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vigie::query::ColumnPath;

use super::opened;

const ROWS: usize = 1_000_000;
const COLUMNS: usize = 12;
/// Names the file for the process that reads it.
const FILE: &str = "VIGIE_TEST_LARGE_FILE";

#[test]
fn a_row_group_of_a_million_rows_is_read_in_under_40_mb() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.parquet");
    write(&path);
    let bytes = fs::metadata(&path).unwrap().len();
    assert!(bytes > 90_000_000, "{bytes} bytes are too few to show anything");

    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "query::memory::reads_the_large_file", "--ignored", "--nocapture"])
        .env(FILE, &path)
        .output()
        .unwrap();
    let said = String::from_utf8(child.stdout).unwrap();
    let peak = said.split("peak ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let peak: u64 = peak.unwrap_or_else(|| panic!("no peak in {said}")).parse().unwrap();
    assert!(peak < 40_000, "{peak} kB for a file of {bytes} bytes");
}

#[tokio::test]
#[ignore = "run by the test above, in a process of its own"]
async fn reads_the_large_file() {
    let files = opened(&[&env::var(FILE).unwrap()]).await;
    assert_eq!(files.rows(), Some(ROWS as u64));
    let before = peak_kilobytes();
    let mut scan = files.scan(&ColumnPath::leaves(files.schema())).unwrap();
    let mut rows = 0;
    while let Some(batch) = scan.try_next().await.unwrap() {
        assert_eq!(batch.num_columns(), COLUMNS);
        rows += batch.num_rows();
    }
    assert_eq!(rows, ROWS);
    println!("peak {} kB", peak_kilobytes() - before);
}

/// The most memory that this process has had so far.
fn peak_kilobytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// One row group with a dictionary that is given up for plain pages, as pandas writes a column of doubles.
fn write(path: &Path) {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut batch = || {
        let column = |random: &mut ChaCha8Rng| -> ArrayRef {
            Arc::new((0..50_000).map(|_| random.random::<f64>()).collect::<Float64Array>())
        };
        let columns = (0..COLUMNS).map(|index| (format!("x{index}"), column(&mut random)));
        RecordBatch::try_from_iter(columns).unwrap()
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROWS))
        .set_data_page_row_count_limit(usize::MAX)
        .build();
    let first = batch();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, first.schema(), Some(properties)).unwrap();
    writer.write(&first).unwrap();
    for _ in 1..ROWS / 50_000 {
        writer.write(&batch()).unwrap();
    }
    let written = writer.close().unwrap();
    assert_eq!(written.row_groups().len(), 1);
}
