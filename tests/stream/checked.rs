//! What `vigie check` says of files that it cannot use, or not as they are: the thing, the place, the way out.

use std::fs;

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use vigie::simulator::{Layout, World};

use crate::site;

type Row = Map<String, Value>;

/// Rows of a reference and of an analysis, to be spoilt.
struct Files {
    folder: TempDir,
    reference: Vec<Row>,
    analysis: Vec<Row>,
}

impl Files {
    fn new() -> Self {
        let world = World::new(41);
        let row = |text: &[u8]| serde_json::from_slice::<Row>(text).unwrap();
        let past = world.reference(2_000);
        let reference = past.cases(0..2_000).map(|case| {
            let mut text = Vec::new();
            let prediction = past.prediction(&case);
            prediction.write_json_with(("repaid", case.repaid), Layout::Flat, &mut text);
            row(&text)
        });
        let analysis = world.predictions(0..1_000).map(|it| row(&it.to_json(Layout::Flat)));
        let mut files = Self {
            reference: reference.collect(),
            analysis: analysis.collect(),
            folder: tempfile::tempdir().unwrap(),
        };
        for (month, rows) in [(1, &mut files.reference), (2, &mut files.analysis)] {
            for (index, row) in rows.iter_mut().enumerate() {
                let time =
                    format!("2026-{month:02}-{:02} 00:{:02}:00", 1 + index / 400, index % 60);
                row.insert("timestamp".to_owned(), json!(time));
            }
        }
        files
    }

    fn write(&self, name: &str, rows: &[Row]) -> String {
        let lines: Vec<String> = rows.iter().map(|row| json!(row).to_string() + "\n").collect();
        fs::write(self.folder.path().join(name), lines.concat()).unwrap();
        name.to_owned()
    }

    /// Runs the check on them, as they are now.
    fn check(&self, more: &[&str]) -> (Option<i32>, String) {
        let reference = self.write("reference.jsonl", &self.reference);
        let analysis = self.write("analysis.jsonl", &self.analysis);
        let mut arguments = vec!["check", &reference, &analysis];
        arguments.extend(more);
        site::run(self.folder.path(), &arguments)
    }

    /// It ends by one of these codes, and says these words.
    #[track_caller]
    fn says(&self, codes: &[i32], words: &[&str]) {
        let (found, said) = self.check(&[]);
        assert!(found.is_some_and(|found| codes.contains(&found)), "{found:?}: {said}");
        for word in words {
            assert!(said.contains(word), "no `{word}` in: {said}");
        }
    }
}

#[test]
fn what_is_assumed_is_said() {
    let words =
        ["target = repaid", "timestamp = timestamp", "windows of days", "0 of 1,000 labels"];
    Files::new().says(&[0, 1], &words);
}

#[test]
fn a_column_that_the_reference_has_and_the_analysis_has_not() {
    let mut files = Files::new();
    for row in &mut files.reference {
        let target = row.remove("repaid").unwrap();
        row.insert("target".to_owned(), target);
    }
    for row in &mut files.analysis {
        row.remove("debt");
    }
    files.says(&[2], &["analysis.jsonl", "column `debt` is missing", "had it as numbers"]);
}

#[test]
fn a_lost_column_is_not_taken_for_the_target() {
    let mut files = Files::new();
    for row in &mut files.analysis {
        row.remove("debt");
    }
    let words =
        ["`target` could be", "`debt`", "`repaid`", "the data to be judged lack", "say which"];
    files.says(&[2], &words);
    // Both files have the target, by a name that targets have.
    for rows in [&mut files.reference, &mut files.analysis] {
        for row in rows {
            let target = row.remove("repaid").unwrap_or(json!(1));
            row.insert("target".to_owned(), target);
        }
    }
    files.says(&[2], &["analysis.jsonl", "column `debt` is missing", "had it as numbers"]);
}

#[test]
fn a_column_that_holds_something_else() {
    let mut files = Files::new();
    for row in &mut files.analysis {
        row.insert("debt".to_owned(), json!("a lot"));
    }
    files.says(&[2], &["analysis.jsonl", "column `debt` holds text", "numbers"]);
}

#[test]
fn a_probability_beyond_1() {
    let mut files = Files::new();
    files.analysis[7].insert("y_pred_proba".to_owned(), json!(1.7));
    files.says(&[0, 1], &["1 row left out: a score outside of 0 to 1"]);
    files.reference[7].insert("y_pred_proba".to_owned(), json!(1.7));
    files.says(&[2], &["row 7 has the probability 1.7 in `y_pred_proba`", "outside of 0 to 1"]);
}

#[test]
fn times_that_cannot_be_read() {
    let mut files = Files::new();
    for row in &mut files.reference {
        row.insert("timestamp".to_owned(), json!("01/31/2026 9:30"));
    }
    files.says(
        &[2],
        &["reference.jsonl", "column `timestamp` holds no time", "2000 rows", "RFC 3339"],
    );
}

#[test]
fn targets_of_more_than_two_classes_or_of_none() {
    let mut files = Files::new();
    files.reference[3].insert("repaid".to_owned(), json!(2));
    files.says(&[2], &["a binary model has two classes, found `0`, `1`, `2`", "`filter`"]);
    for row in &mut files.reference {
        row.insert("repaid".to_owned(), Value::Null);
    }
    files.says(&[2], &["column `repaid` has no value in 2000 rows"]);
}

#[test]
fn files_that_are_not_there_or_have_no_rows() {
    let mut files = Files::new();
    let (code, said) = files.check(&["--targets", "target.jsonl"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`target.jsonl` does not exist"), "{said}");
    files.analysis.truncate(1);
    files.says(&[3], &["CANNOT JUDGE", "the largest has 1", "min_rows asks for 300"]);
    files.reference.clear();
    files.says(&[2], &["the reference of model `model` has no rows"]);
}
