//! Lists of numbers as features: in files of every kind, and the same by way of a topic.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Float64Array, ListArray, RecordBatch,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use rdkafka::producer::BaseRecord;
use serde_json::{Map, Value, json};
use vigie::query::ParquetSink;
use vigie::simulator::{Layout, World};

use crate::broker::Broker;
use crate::published::{Figures, differences, figures, figures_of};
use crate::site::{self, Site};

type Row = Map<String, Value>;

/// A vector near a plane; `torn` ones have numbers that go together no more.
fn vector(number: u64, torn: bool) -> Vec<f64> {
    let draw = |salt: u64| {
        // SplitMix64.
        let mut mixed = (number * 8 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let (a, b) = (draw(0) * 4.0, draw(1) * 3.0);
    let c = if torn { draw(2) * 7.0 } else { a + b };
    [a, b, c, a - b, 2.0 * b].iter().zip(3..).map(|(on, salt)| on + draw(salt) * 0.3).collect()
}

fn row(text: &[u8]) -> Row {
    serde_json::from_slice(text).unwrap()
}

/// Rows of the past, with their targets.
fn reference(count: u64) -> Vec<Row> {
    let world = World::new(11);
    let past = world.reference(count);
    let cases = past.cases(0..count).enumerate();
    let rows = cases.map(|(number, case)| {
        let mut text = Vec::new();
        let prediction = past.prediction(&case);
        prediction.write_json_with(("repaid", case.repaid), Layout::Flat, &mut text);
        let mut row = row(&text);
        row.insert("text".to_owned(), json!(vector(number as u64, false)));
        row
    });
    rows.collect()
}

/// Rows of which some have no vector, or something else; from `torn` on those that they have are others.
fn analysis(count: u64, torn: u64) -> Vec<Row> {
    let world = World::new(11);
    let rows = world.predictions(0..count).zip(0_u64..).map(|(prediction, number)| {
        let mut row = row(&prediction.to_json(Layout::Flat));
        let mut text = json!(vector(number + 1_000_000, number >= torn));
        match number {
            _ if number.is_multiple_of(97) => text = Value::Null,
            _ if number.is_multiple_of(101) => text = json!([]),
            _ if number.is_multiple_of(103) => text.as_array_mut().unwrap().push(json!(0.5)),
            _ if number.is_multiple_of(107) => text[2] = Value::Null,
            _ => {}
        }
        if !number.is_multiple_of(89) {
            row.insert("text".to_owned(), text);
        }
        row
    });
    rows.collect()
}

fn write(path: &Path, rows: &[Row]) -> String {
    let lines: Vec<String> = rows.iter().map(|row| json!(row).to_string() + "\n").collect();
    fs::write(path, lines.concat()).unwrap();
    path.display().to_string()
}

/// What `vigie check` has written of the analysis, by window.
fn written(path: &Path) -> Vec<Figures> {
    let mut windows: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if row["dataset"] == "analysis" {
            windows.entry(row["window_index"].as_u64().unwrap()).or_default().push(row);
        }
    }
    windows.values().map(figures).collect()
}

/// Whether a figure of the vectors is a breach in each window.
fn breaches(windows: &[Figures], metric: &str) -> Vec<Value> {
    let of = |window: &Figures| {
        let named = |key: &&[String; 5]| key[1].contains(metric) && key[2].contains("text");
        let keys: Vec<&[String; 5]> = window.keys().filter(named).collect();
        assert_eq!(keys.len(), 1, "one figure an embedding: {keys:?}");
        window[keys[0]].1.clone()
    };
    windows.iter().map(of).collect()
}

#[test]
fn a_topic_says_of_vectors_what_a_file_says() {
    let Some(broker) = Broker::shared() else {
        return;
    };
    let settings = "window = { size = 1000 }\n\
                    drift = { multivariate = ['reconstruction_error', 'domain_classifier'] }";
    let site = Site::new(broker, &World::new(11), 1, settings);
    let past = write(&site.path("reference.jsonl"), &reference(4_000));
    let built = site.well(&["profile", "build", "--reference", &past]);
    assert!(built.contains("vectors of 5 numbers"), "{built}");
    let rows = analysis(4_000, 3_000);
    let file = write(&site.path("analysis.jsonl"), &rows);
    let output = site.path("checked.jsonl");
    let [config, profile, to] = [site.path("vigie.toml"), site.path("loans.vigie"), output.clone()]
        .map(|path| path.display().to_string());
    let ended =
        site.run(&["check", "--config", &config, "--profile", &profile, &file, "--output", &to]);
    assert_eq!(ended.code, Some(1), "what is no vector shows: {}", ended.said);
    let checked = written(&output);
    assert_eq!(breaches(&checked, "reconstruction_error").last(), Some(&json!(true)));
    assert_eq!(breaches(&checked, "out_of_range_rate"), [true; 4]);

    let instance = site.start("a").ready();
    site.well(&["replay", &file]);
    let to = site.predictions();
    // What is no list at all is no prediction of this model.
    let mut wrong = rows[1].clone();
    wrong.insert("text".to_owned(), json!("[1,2,3,4,5]"));
    let wrong = json!(wrong).to_string().into_bytes();
    broker.produce([BaseRecord::<(), [u8]>::to(to).payload(&wrong)]);
    let results = site.results(broker, 4);
    let streamed: Vec<Figures> = results.iter().map(figures_of).collect();
    assert_eq!(streamed.len(), checked.len());
    for (index, (streamed, checked)) in streamed.iter().zip(&checked).enumerate() {
        assert_eq!(differences(streamed, checked), Vec::<String>::new(), "window {index}");
    }
    site.verify();
    instance.stop();
}

#[test]
fn check_takes_lists_of_one_length_for_vectors_and_says_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut past = reference(2_000);
    let mut now = analysis(1_000, 500);
    for (number, row) in (0_u64..).zip(past.iter_mut().chain(&mut now)) {
        row.insert("items".to_owned(), json!(vec![1; (number % 4) as usize]));
        row.insert("names".to_owned(), json!(["a", "b"]));
    }
    let [past, now] = [("past.jsonl", &past), ("now.jsonl", &now)]
        .map(|(name, rows)| write(&folder.path().join(name), rows));
    let (code, said) = site::run(folder.path(), &["check", &past, &now, "--output", "out.jsonl"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("items (lists of different lengths)"), "{said}");
    assert!(said.contains("names (neither numbers nor labels)"), "{said}");
    let windows = written(&folder.path().join("out.jsonl"));
    assert!(breaches(&windows, "reconstruction_error").contains(&json!(true)), "{said}");
}

#[test]
fn a_text_among_the_numbers_of_a_file_is_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let past = write(&folder.path().join("past.jsonl"), &reference(2_000));
    let mut now = analysis(1_000, 1_000);
    let clean = write(&folder.path().join("clean.jsonl"), &now);
    now[500].get_mut("text").unwrap()[1] = json!("much");
    let odd = write(&folder.path().join("odd.jsonl"), &now);
    let rates = [("clean.jsonl", clean), ("odd.jsonl", odd)].map(|(name, file)| {
        let output = format!("figures-of-{name}");
        let (_, said) = site::run(folder.path(), &["check", &past, &file, "--output", &output]);
        let windows = written(&folder.path().join(&output));
        let total = |window: &Figures| {
            let of = |key: &&[String; 5]| {
                key[1].contains("out_of_range_rate") && key[2].contains("text")
            };
            let bits = window[window.keys().find(of).unwrap_or_else(|| panic!("{said}"))].0[0];
            f64::from_bits(bits.unwrap())
        };
        let mean = windows.iter().map(total).sum::<f64>() / windows.len() as f64;
        (mean * 1_000.0).round()
    });
    assert_eq!(rates[1], rates[0] + 1.0, "windows of equal size");
}

#[test]
fn a_model_of_embeddings_alone_is_checked_from_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, first: u64, rows: u64, torn: bool| {
        let item = |of| Arc::new(Field::new_list_field(of, true));
        let schema = Schema::new(vec![
            Field::new("text", DataType::new_fixed_size_list(DataType::Float32, 5, true), true),
            Field::new("image", DataType::new_list(DataType::Float64, true), true),
        ]);
        let vectors = (first..first + rows).flat_map(|number| vector(number, torn));
        let text: Float32Array = vectors.map(|number| Some(number as f32)).collect();
        let text = FixedSizeListArray::new(item(DataType::Float32), 5, Arc::new(text), None);
        let vectors = (first..first + rows).flat_map(|number| vector(number + 500_000, false));
        let ends = OffsetBuffer::from_lengths((0..rows).map(|_| 5));
        let image: Float64Array = vectors.map(Some).collect();
        let image = ListArray::new(item(DataType::Float64), ends, Arc::new(image), None);
        let columns: Vec<ArrayRef> = vec![Arc::new(text), Arc::new(image)];
        let batch = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
        let path = folder.path().join(name);
        let mut sink = ParquetSink::create(&path, batch.schema()).unwrap();
        sink.write(&batch).unwrap();
        sink.finish().unwrap();
    };
    write("past.parquet", 0, 4_000, false);
    write("now.parquet", 10_000, 4_000, true);
    let arguments = ["check", "past.parquet", "now.parquet", "--output", "out.jsonl"];
    let (code, said) = site::run(folder.path(), &arguments);
    assert!(code.is_some_and(|code| code < 2), "{said}");
    assert!(said.contains("problem = none"), "{said}");
    let windows = written(&folder.path().join("out.jsonl"));
    let mut steady = 0;
    for window in &windows {
        let drift = |column: &str| {
            let of = |key: &&[String; 5]| {
                key[1].contains("reconstruction_error") && key[2].contains(column)
            };
            window.iter().find(|(key, _)| of(key)).map(|(_, (_, breach, _))| breach.clone())
        };
        assert_eq!(drift("text"), Some(json!(true)));
        steady += usize::from(drift("image") == Some(json!(false)));
    }
    // Few may be beyond three standard deviations of ten by chance.
    assert!(windows.len() == 10 && steady >= 8, "{steady} of {}: {said}", windows.len());
}
