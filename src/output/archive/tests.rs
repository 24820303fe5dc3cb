use std::collections::BTreeSet;

use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int64Type};
use serde_json::Value;

use super::*;
use crate::output::made_up::{alert, result};
use crate::window::WindowResult;

const HOUR: i64 = 3_600_000;
const SOURCE: Source = Source { topic: Topic::Results, id: 0xabcd_ef01 << 96, partition: 3 };

fn record(offset: i64, timestamp: i64, value: Vec<u8>) -> Published {
    Published { offset, timestamp, value }
}

/// The offsets of each file that records of these times and sizes are cut into, and of what is left.
fn cut(records: impl IntoIterator<Item = (i64, usize)>) -> Vec<Vec<i64>> {
    cut_of(Topic::Results, records)
}

fn cut_of(topic: Topic, records: impl IntoIterator<Item = (i64, usize)>) -> Vec<Vec<i64>> {
    let mut cutter = Cutter::of(topic);
    let mut files = Vec::new();
    for (offset, (timestamp, size)) in (0..).zip(records) {
        files.extend(cutter.take(record(offset, timestamp, vec![b'x'; size])));
    }
    files.push(cutter.rest());
    files.iter().map(|file| file.iter().map(|record| record.offset).collect()).collect()
}

#[test]
fn a_file_ends_with_its_hour() {
    let times = [0, HOUR - 1, HOUR, HOUR + 5, 26 * HOUR, -1];
    assert_eq!(cut(times.map(|time| (time, 1))), [vec![0, 1], vec![2, 3], vec![4], vec![5]]);
}

#[test]
fn a_file_ends_when_it_is_full() {
    let files = cut((0..2_100).map(|_| (5, 1)));
    assert_eq!(files.iter().map(Vec::len).collect::<Vec<_>>(), [1_000, 1_000, 100]);
    let large = [20 << 20, 20 << 20, 12 << 20, 1, 40 << 20, 1].map(|size| (5, size));
    assert_eq!(cut(large), [vec![0], vec![1, 2], vec![3], vec![4], vec![5]]);
    // Of the tally log it has more records, and fewer bytes.
    assert_eq!(cut_of(Topic::Tally, (0..2_100).map(|_| (5, 1))).len(), 1);
    assert_eq!(cut_of(Topic::Tally, large), [vec![0], vec![1], vec![2, 3], vec![4], vec![5]]);
}

#[test]
fn where_reading_begins_again_at_a_file_the_files_are_the_same() {
    let records: Vec<(i64, usize)> =
        (0..5_000).map(|at| (at * 7_000, 1 + at as usize % 3)).collect();
    let files = cut(records.iter().copied());
    for file in &files {
        let from = file[0];
        let again = cut(records.iter().copied().skip(from as usize));
        let moved: Vec<Vec<i64>> =
            again.iter().map(|file| file.iter().map(|offset| offset + from).collect()).collect();
        let at = files.iter().position(|known| known == file).unwrap();
        assert_eq!(moved, files[at..]);
    }
}

#[test]
fn results_are_put_apart_by_model_and_keep_their_order() {
    let of = |model: &str, index: u64| WindowResult {
        model: model.to_owned(),
        window_index: index,
        ..result()
    };
    let value = |result: &WindowResult| serde_json::to_vec(result).unwrap();
    let day = 1_767_225_600_000; // 2026-01-01
    let records = [
        record(7, day, value(&of("a", 0))),
        record(9, day, b"no result".to_vec()),
        record(10, day, value(&of("b/c %", 0))),
        record(12, day, value(&of("a", 1))),
    ];
    let made = files(&SOURCE, &records).unwrap();
    assert_eq!(made.unreadable, 1);
    assert_eq!(made.profiles, BTreeSet::from(["abc".to_owned()]));
    assert_eq!(made.settings, BTreeSet::from(["def".to_owned()]));
    let name = "date=2026-01-01/3-00000000000000000007-00000000000000000012-abcdef01.parquet";
    let paths: Vec<&str> = made.tables.iter().map(|table| table.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            format!("messages/model=a/{name}"),
            format!("messages/model=b%2Fc%20%25/{name}"),
            format!("results/model=a/{name}"),
            format!("results/model=b%2Fc%20%25/{name}"),
        ]
    );
    assert_eq!(folder_model("model=b%2Fc%20%25").as_deref(), Some("b/c %"));
    assert_eq!(folder_model("date=2026-01-01"), None);

    let messages = &made.tables[0].rows;
    assert_eq!(messages.schema(), schema_of(MESSAGES));
    assert_eq!(messages["offset"].as_primitive::<Int64Type>().values(), &[7, 12]);
    let text = messages["message"].as_string::<i32>().value(1);
    assert_eq!(text.as_bytes(), records[3].value);
    assert_eq!(messages["revision_cause"].as_string::<i32>().value(0), "targets");

    let rows = &made.tables[2].rows;
    assert_eq!(rows.schema(), schema_of(RESULTS));
    assert!(rows.column_by_name("model").is_none(), "it is in the folder's name");
    assert_eq!(rows.num_rows(), 2 * result().figures.len());
    let windows = rows["window_index"].as_primitive::<Int64Type>();
    assert_eq!((windows.value(0), windows.value(rows.num_rows() - 1)), (0, 1));
}

#[test]
fn an_alert_has_every_field_in_a_column() {
    let source = Source { topic: Topic::Alerts, ..SOURCE };
    let event = alert();
    let records = [record(0, 5, serde_json::to_vec(&event).unwrap())];
    let made = files(&source, &records).unwrap();
    let [table] = &made.tables[..] else { panic!("{:?}", made.tables) };
    assert!(table.path.starts_with("alerts/model=car-loan/date=1970-01-01/"), "{}", table.path);
    let rows = &table.rows;
    assert_eq!(rows.schema(), schema_of(ALERTS));
    let fields = serde_json::to_value(&event).unwrap();
    let mut fields: BTreeSet<String> = fields.as_object().unwrap().keys().cloned().collect();
    fields.remove("model");
    fields.insert("published".to_owned());
    let columns = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(fields, columns, "a field of the event without a column, or the other way round");
    assert_eq!(rows["value"].as_primitive::<Float64Type>().value(0), 0.75);
    assert_eq!(rows["event"].as_string::<i32>().value(0), "opened");
    let evidence: Value =
        serde_json::from_str(rows["evidence"].as_string::<i32>().value(0)).unwrap();
    assert_eq!(evidence, serde_json::to_value(&event.evidence).unwrap());
}
