//! What an event costs from its bytes to window results, in memory: by the number of features and of models.
//!
//! ```text
//! cargo bench --bench models
//! ```
//!
//! Intake reads stretches of 4,096 events of nested JSON, writes them as records of the tally log, tally reads those and
//! folds windows of 1,000 rows, sealed ones included; default settings. The models predict in turn, so with 1,000 of
//! them every stretch has a few rows of each. CPU time, and the memory that open windows take.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]

mod cpu;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use vigie::batch::{Column, Expected, Lane, Record, Rows, Values};
use vigie::epoch::{Epoch, Epochs, compile};
use vigie::fit::{Predicts, Spec, TwoClasses, fit};
use vigie::intake::json::Limits;
use vigie::intake::{Committed, Feed, NoHeaders, Outputs, Reader, RecordView, To};
use vigie::metric::{ColumnKind, Metric};
use vigie::profile::{Holds, Input, Profile, Provenance, Role, WindowRule};
use vigie::settings::{Outside, Settings};
use vigie::simulator::{Layout, Timeline, WideRow, WideShape, WideWorld};
use vigie::tally::{Output, Tally};

const SIZE: u64 = 1_000;
const REFERENCE: u64 = 10_000;
const STRETCH: usize = 4_096;
/// Events whose bytes are in memory at a time.
const PART: u64 = 100_000;
const EPOCH: u64 = 1;
/// Later than all events, in milliseconds since 1970.
const APPENDED: i64 = 4_000_000_000_000;

fn main() {
    let names = "features  models  bytes   us an event: intake   wire   tally   total   windows MB";
    println!("{names}");
    for (numbers, categories) in [(16, 4), (80, 20)] {
        for models in [1, 1_000] {
            let shape = WideShape { numbers, categories, models, event_bytes: 0 };
            measure(shape, if models == 1 { 300_000 } else { 1_000_000 }, true);
        }
    }
    for (multivariate, what) in [(false, "without"), (true, "with")] {
        println!("\n{what} reconstruction errors\n{names}");
        let mut before: Option<f64> = None;
        for (numbers, categories) in [(8, 2), (80, 20), (800, 200)] {
            let shape = WideShape { numbers, categories, models: 1, event_bytes: 0 };
            let events = 3_000_000 / (numbers + categories) as u64;
            let cost = measure(shape, events.clamp(20_000, PART), multivariate);
            if let Some(before) = before.replace(cost) {
                println!(
                    "         ten times the features: features to the {:.2}",
                    libm::log10(cost / before)
                );
            }
        }
    }
}

/// What an event costs, in microseconds.
fn measure(shape: WideShape, events: u64, multivariate: bool) -> f64 {
    let world = WideWorld::new(7, shape, Timeline::default());
    let epochs = epochs(&world, shape, multivariate);
    let mut reader = Reader::new(&epochs.epochs[&EPOCH], Limits::default(), &|_| Ok(None))
        .expect("all paths are plain");
    let lane = Lane { topic: 7, partition: 0 };
    let committed = Committed::beginning_at(0, EPOCH);
    let outputs = Outputs { tally: 1, join: 0 };
    let mut feed = Feed::take_over(lane, "predictions".to_owned(), 1, outputs, 0, committed);
    let mut tally = Tally::default();
    let mut out = Vec::new();
    let opening = feed.open();
    let mut log = 0;
    for (_, record) in opening.records {
        tally.apply(log, APPENDED, record, &epochs, &mut out).expect("our own record");
        log += 1;
    }
    feed.acknowledged(opening.ticket);

    let (mut intake, mut wire, mut fold, mut bytes, mut open) = (0.0, 0.0, 0.0, 0, 0);
    let mut results = 0;
    let mut offset = 0;
    for start in (0..events).step_by(PART as usize) {
        let end = events.min(start + PART);
        let rows = world.rows(REFERENCE + start..REFERENCE + end);
        let texts: Vec<Vec<u8>> = rows.map(|row| row.prediction.to_json(Layout::Nested)).collect();
        bytes += texts.iter().map(Vec::len).sum::<usize>();
        let mut made = Vec::new();
        intake += cost(|| {
            for stretch in texts.chunks(STRETCH) {
                for text in stretch {
                    let record = RecordView {
                        value: Some(text),
                        key: None,
                        headers: &NoHeaders,
                        timestamp_ms: None,
                        topic: "predictions",
                    };
                    feed.read(offset);
                    reader.read(offset, &record).expect("an event of ours");
                    offset += 1;
                }
                let taken = reader.take(|_| 0, |_| 0).expect("no expressions");
                let sending =
                    feed.close(taken.content, taken.keyed, To::All).expect("something was read");
                feed.acknowledged(sending.ticket);
                made.extend(sending.records.into_iter().map(|(_, record)| record));
            }
        });
        let mut records = Vec::new();
        wire += cost(|| {
            for record in made.drain(..) {
                let bytes = record.to_bytes();
                records.push(Record::from_bytes(&bytes).expect("our own record"));
            }
        });
        fold += cost(|| {
            for record in records.drain(..) {
                tally.apply(log, APPENDED, record, &epochs, &mut out).expect("our own record");
                log += 1;
            }
        });
        open = open.max(tally.bytes());
        results += out.drain(..).filter(|made| matches!(made, Output::Result(_))).count();
    }
    assert_eq!(results as u64, events / SIZE, "every window is sealed");
    let each = |seconds: f64| seconds / events as f64 * 1e6;
    println!(
        "{:8} {:7} {:6} {:21.2} {:6.2} {:7.2} {:7.2} {:12.1}",
        shape.numbers + shape.categories,
        shape.models,
        bytes as u64 / events,
        each(intake),
        each(wire),
        each(fold),
        each(intake + wire + fold),
        open as f64 / 1e6
    );
    each(intake + wire + fold)
}

fn cost(work: impl FnOnce()) -> f64 {
    let began = cpu::seconds("self");
    work();
    cpu::seconds("self") - began
}

/// All models in force, each by the same profile under its own name.
fn epochs(world: &WideWorld, shape: WideShape, multivariate: bool) -> Epochs {
    let mut text =
        String::from("[defaults.columns]\nmodel = 'model.name'\nversion = 'model.version'\n");
    text += "timestamp = 'timestamp'\nprobability = 'y_pred_proba'\nprediction = 'y_pred'\n";
    let mut add = |line: fmt::Arguments<'_>| text.write_fmt(line).expect("a String takes all");
    add(format_args!("[defaults.window]\nsize = {SIZE}\n"));
    if !multivariate {
        add(format_args!("[defaults.drift]\nmultivariate = []\n"));
    }
    for model in 0..shape.models {
        add(format_args!("[model.model-{model}]\nproblem = 'binary'\n"));
    }
    let settings = Settings::read(&text, "bench", &Outside::NOTHING).expect("good settings");
    let whole = if multivariate { vec![Metric::ReconstructionError] } else { Vec::new() };
    let profile = profile(world, shape, &settings, whole);
    let models = settings.models.into_iter().map(|(name, model)| {
        let profile = Profile { model: name.clone(), ..profile.clone() };
        let profiles = BTreeMap::from([(String::new(), Arc::new(profile))]);
        let compiled = compile(&Arc::new(model), &profiles, EPOCH).expect("it was made for that");
        (name, Arc::new(compiled))
    });
    let epoch = Epoch { topics: vec!["predictions".to_owned()], models: models.collect() };
    Epochs { epochs: BTreeMap::from([(EPOCH, Arc::new(epoch))]), policies: BTreeMap::new() }
}

fn profile(
    world: &WideWorld,
    shape: WideShape,
    settings: &Settings,
    whole: Vec<Metric>,
) -> Profile {
    let rows: Vec<WideRow<'_>> = world.rows(0..REFERENCE).collect();
    let numbers = |of: &dyn Fn(&WideRow<'_>) -> f64| {
        Column::new(Values::Numbers(rows.iter().map(|row| Some(of(row))).collect()))
    };
    let labels = |of: &dyn Fn(&WideRow<'_>) -> &'static str| {
        Column::new(Values::Labels(rows.iter().map(|row| Some(of(row))).collect()))
    };
    let class = |class: bool| if class { "1" } else { "0" };
    let (mut columns, mut data, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
    for (index, name) in world.names().iter().enumerate() {
        let path = format!("features.{name}");
        let (kind, holds, values) = match index.checked_sub(shape.numbers) {
            None => (
                ColumnKind::Continuous,
                Holds::Number,
                numbers(&|row| row.prediction.features.numbers[index]),
            ),
            Some(index) => (
                ColumnKind::Categorical,
                Holds::Text,
                labels(&|row| row.prediction.features.categories[index]),
            ),
        };
        columns.push((name.clone(), Role::Feature, kind));
        data.push(values);
        inputs.push(Input { name: name.clone(), path, holds });
    }
    columns.push(("y_pred_proba".to_owned(), Role::Score, ColumnKind::Continuous));
    data.push(numbers(&|row| row.prediction.score));
    columns.push(("y_pred".to_owned(), Role::Prediction, ColumnKind::Categorical));
    data.push(labels(&|row| class(row.prediction.prediction)));
    columns.push(("target".to_owned(), Role::Target, ColumnKind::Categorical));
    data.push(labels(&|row| class(row.target)));
    let first = settings.models.keys().next().expect("there is a model");
    let spec = Spec {
        model: first.clone(),
        version: String::new(),
        predicts: Predicts::Binary(TwoClasses::default()),
        rule: WindowRule::Size(SIZE),
        inputs,
        derived: Vec::new(),
        filter: None,
        columns,
        whole,
        sampled: false,
        concept: false,
        segments: None,
        metrics: Vec::new(),
        provenance: Provenance::default(),
    };
    let offsets = (0..REFERENCE as i64).collect();
    let rows = Rows {
        offsets,
        times: None,
        columns: data,
        expected: Expected::Nothing,
        reconstruction: None,
        segments: Vec::new(),
        keys: None,
        terms: Vec::new(),
    };
    fit(spec, vec![rows]).expect("the rows are made to be fitted")
}
