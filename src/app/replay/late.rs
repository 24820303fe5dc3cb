//! Targets that are sent later than their predictions: what is sent when.

#[expect(clippy::disallowed_types, reason = "only looked up")]
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Schema};
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use crate::app::terminal::count;
use crate::query::events::EventWriter;
use crate::query::table::ids;
use crate::query::{ColumnPath, Files, categorical};
use crate::settings::{Model, Probability, parse_duration};
use crate::simulator::{Dispatch, Order, OutcomePlan, Says, Sendable, dispatches};
use crate::window::utc;

/// How targets are sent.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Targets")]
pub(super) struct LateArgs {
    /// Sends targets to the ground-truth topic, by id, from this file; may be given several times.
    #[arg(long, value_name = "FILE")]
    targets: Vec<String>,
    /// Sends the target column of FILE apart from its rows, as ground truth.
    #[arg(long, conflicts_with = "targets", requires = "files")]
    split_targets: bool,
    /// Where to; the model's ground-truth topic where nothing is said.
    #[arg(long, value_name = "TOPIC")]
    targets_topic: Option<String>,
    /// How long after its prediction a target is sent: half of them sooner. `30s`, `10m`, ...
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    target_delay: Duration,
    /// How much delays differ: the standard deviation of their logarithm. At 1 one in six takes 2.7 times as long.
    #[arg(long, value_name = "NUMBER", default_value_t = 0.0, value_parser = number)]
    target_spread: f64,
    /// By how much the logarithm of the delay grows from score 0 to score 1, so that early targets are a biased sample.
    #[arg(long, value_name = "NUMBER", default_value_t = 0.0, value_parser = number, allow_negative_numbers = true)]
    target_score_effect: f64,
    /// Share of the targets that ever come.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = share)]
    target_share: f64,
    /// In which order they come.
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = OrderArg::Due)]
    target_order: OrderArg,
    /// Share of the targets that come twice.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    target_duplicates: f64,
    /// Share of the targets that are another one at first, and corrected later.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    target_corrections: f64,
    /// Share of the others that are taken back later.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    target_withdrawals: f64,
    /// Another seed is another draw of delays, shares and order.
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OrderArg {
    /// As they fall due, each after its prediction.
    Due,
    /// As they lie in the file.
    File,
    /// The last of the file first.
    Reversed,
    /// In none: some come before their prediction.
    Shuffled,
}

fn number(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if number.is_finite() { Ok(number) } else { Err(format!("`{text}` is no finite number")) }
}

fn share(text: &str) -> Result<f64, String> {
    let share = number(text)?;
    let fits = (0.0..=1.0).contains(&share);
    if fits { Ok(share) } else { Err(format!("{text} is no share: from 0 to 1")) }
}

/// Where targets lie, and where in an event they belong.
pub(super) struct Source {
    files: Files,
    /// The column of the rows that is sent apart.
    split: Option<ColumnPath>,
    /// The parts of the id: where they lie, and their places in an event.
    id: Vec<(ColumnPath, String)>,
    target: (ColumnPath, String),
    /// When they were decided: where that lies in the file, if it does, and its place in an event.
    time: Option<(Option<ColumnPath>, String)>,
    /// Where ids and score lie among the predictions.
    predictions: Option<(Vec<ColumnPath>, Option<ColumnPath>)>,
}

impl LateArgs {
    pub(super) fn files(&self) -> &[String] {
        &self.targets
    }

    pub(super) fn topic(&self) -> Option<&String> {
        self.targets_topic.as_ref()
    }

    /// Where targets lie; `None` where none are sent.
    pub(super) fn source(
        &self,
        rows: Option<&Files>,
        targets: Option<&Files>,
        model: &Model,
    ) -> Result<Option<Source>> {
        let (files, split) = match (targets, rows) {
            (Some(targets), _) => (targets, false),
            (None, Some(rows)) if self.split_targets => (rows, true),
            _ => return Ok(None),
        };
        let name = || files.names().collect::<Vec<_>>().join(", ");
        let truth = model.ground_truth.as_ref();
        let own = || Some(&model.columns.id).filter(|id| !id.is_empty());
        let key = truth.and_then(|truth| truth.key.as_ref()).or_else(own);
        let matches = truth.and_then(|truth| truth.matches.as_ref()).or_else(own);
        let (Some(key), Some(matches)) = (key, matches) else {
            bail!(
                "targets go by the id of their prediction; say where it is: [model.{}.columns] id = \"...\"",
                model.name
            );
        };
        let place = truth.and_then(|truth| truth.target.as_ref()).or(model.columns.target.as_ref());
        let Some(place) = place else {
            bail!("which is the target? [model.{}.columns] target = \"...\"", model.name);
        };
        let find = |path: &String, files: &Files| {
            files.resolve(path).with_context(|| files.names().collect::<Vec<_>>().join(", "))
        };
        let lies = if split { matches } else { key };
        let id = lies.iter().zip(key).map(|(lies, place)| -> Result<(ColumnPath, String)> {
            Ok((find(lies, files)?, place.clone()))
        });
        let column = model.columns.target.as_ref().filter(|_| split).unwrap_or(place);
        let column = find(column, files).or_else(|error| {
            let other = model.columns.target.as_ref().filter(|_| !split);
            other.and_then(|other| files.resolve(other).ok()).ok_or(error)
        })?;
        let time = truth.and_then(|truth| truth.timestamp.as_ref());
        let time = time.filter(|time| !time.path.starts_with('$'));
        let time = time.map(|time| (files.resolve(&time.path).ok(), time.path.clone()));
        let predictions = match rows {
            None => None,
            Some(rows) => {
                let ids = matches.iter().map(|path| find(path, rows));
                let score = match &model.columns.probability {
                    Some(Probability::Positive(path)) => rows.resolve(path).ok(),
                    _ => None,
                };
                Some((ids.collect::<Result<_>>()?, score))
            }
        };
        Ok(Some(Source {
            files: files.clone(),
            split: split.then(|| column.clone()),
            id: id.collect::<Result<_>>().with_context(|| format!("targets {}", name()))?,
            target: (column, place.clone()),
            time,
            predictions,
        }))
    }

    fn plan(&self) -> OutcomePlan {
        OutcomePlan {
            median_seconds: self.target_delay.as_secs_f64(),
            spread: self.target_spread,
            score_effect: self.target_score_effect,
            transit_seconds: 0.0,
            coverage: self.target_share,
            duplicated: self.target_duplicates,
            corrected: self.target_corrections,
            withdrawn: self.target_withdrawals,
        }
    }

    fn order(&self) -> Order {
        match self.target_order {
            OrderArg::Due => Order::Due,
            OrderArg::File => Order::File,
            OrderArg::Reversed => Order::Reversed,
            OrderArg::Shuffled => Order::Shuffled,
        }
    }
}

impl Source {
    /// The column of the rows that is sent apart.
    pub(super) fn split(&self) -> Option<&ColumnPath> {
        self.split.as_ref()
    }
}

/// Ground-truth events, and when each is sent.
pub(super) struct Late {
    dispatches: Vec<Dispatch>,
    /// Where the bytes of each lie.
    places: Vec<(usize, usize)>,
    bytes: Vec<u8>,
    targets: usize,
    without_id: usize,
    without_prediction: usize,
}

impl Late {
    /// Plans all of it; `rate` is that of the rows.
    #[expect(clippy::disallowed_types, reason = "only looked up")]
    pub(super) fn plan(
        args: &LateArgs,
        source: &Source,
        rows: Option<&Files>,
        rate: Option<f64>,
    ) -> Result<Self> {
        let known = match (&source.predictions, rows) {
            (Some((ids, score)), Some(rows)) => predictions(rows, ids, score.as_ref())?,
            _ => HashMap::default(),
        };
        let names: Vec<String> = (0..source.id.len()).map(|at| format!("id{at}")).collect();
        let wanted: Vec<ColumnPath> = source
            .id
            .iter()
            .zip(&names)
            .map(|((path, _), name)| path.clone().named(name))
            .collect();
        let mut late = Self {
            dispatches: Vec::new(),
            places: Vec::new(),
            bytes: Vec::new(),
            targets: 0,
            without_id: 0,
            without_prediction: 0,
        };
        let mut sendable = Vec::new();
        for batch in source.files.scan(&wanted)?.blocking() {
            for id in ids(&batch?, &names)? {
                let found = id.and_then(|id| known.get(&id));
                late.without_id += usize::from(id.is_none());
                late.without_prediction += usize::from(found.is_none() && rows.is_some());
                let (number, score) =
                    found.copied().map_or((0, 0.5), |(at, score)| (at + 1, score));
                let seconds = rate.map_or(0.0, |rate| number as f64 / rate);
                sendable.push(Sendable {
                    // Those without an id have nothing to do with each other; the service rejects them.
                    id: id.unwrap_or(sendable.len() as u128),
                    behind: number,
                    predicted_at: (seconds * 1e6) as i64,
                    score,
                });
            }
        }
        late.targets = sendable.len();
        // Times of the file's own, or none: then the last to come is right.
        let timed = matches!(source.time, Some((None, _)));
        late.dispatches = dispatches(args.plan(), args.seed, args.order(), timed, &sendable);
        late.write(source)?;
        Ok(late)
    }

    /// Makes the events, a file's batch at a time.
    fn write(&mut self, source: &Source) -> Result<()> {
        let began = Timestamp::now().as_microsecond();
        // By the row that they are made of.
        let mut by_row: Vec<(usize, usize)> =
            self.dispatches.iter().enumerate().map(|(at, one)| (one.target, at)).collect();
        by_row.sort_unstable();
        let mut columns: Vec<(ColumnPath, &str)> =
            source.id.iter().map(|(path, place)| (path.clone(), place.as_str())).collect();
        columns.push((source.target.0.clone(), &source.target.1));
        let target = columns.len() - 1;
        if let Some((Some(path), place)) = &source.time {
            columns.push((path.clone(), place));
        }
        // Columns come out under their names, which may be the same.
        let wanted: Vec<ColumnPath> = columns
            .iter()
            .enumerate()
            .map(|(at, (path, _))| path.clone().named(format!("column{at}")))
            .collect();
        if let Some((None, place)) = &source.time {
            columns.push((source.target.0.clone(), place));
        }
        let writer = EventWriter::of(columns);
        self.places = vec![(0, 0); self.dispatches.len()];
        let (mut first, mut next) = (0, 0);
        for batch in source.files.scan(&wanted)?.blocking() {
            let batch = batch?;
            let end = first + batch.num_rows();
            let from = next;
            next += by_row[from..].partition_point(|&(row, _)| row < end);
            let of_batch = &by_row[from..next];
            let others = others(batch.column(target))?;
            let index = |row: usize| u32::try_from(row - first).ok();
            let rows: UInt32Array = of_batch.iter().map(|&(row, _)| index(row)).collect();
            let says = of_batch.iter().map(|&(row, at)| match self.dispatches[at].says {
                Says::Target => index(row),
                Says::Wrong => others[row - first],
                Says::Nothing => None,
            });
            let said: UInt32Array = says.collect();
            let mut made: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns() + 1);
            for (at, values) in batch.columns().iter().enumerate() {
                made.push(compute::take(values, if at == target { &said } else { &rows }, None)?);
            }
            if let Some((None, _)) = &source.time {
                let decided = |at: usize| began.saturating_add(self.dispatches[at].decided_at);
                let times = of_batch.iter().map(|&(_, at)| utc(decided(at)));
                made.push(Arc::new(StringArray::from_iter_values(times)));
            }
            let fields = made.iter().enumerate().map(|(at, values)| {
                Field::new(format!("column{at}"), values.data_type().clone(), true)
            });
            let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            let made = RecordBatch::try_new(schema, made)?;
            let events = writer.rows(&made)?;
            for (row, &(_, at)) in of_batch.iter().enumerate() {
                let start = self.bytes.len();
                events.write(row, &mut self.bytes);
                self.places[at] = (start, self.bytes.len());
            }
            first = end;
        }
        Ok(())
    }

    /// How many events there are.
    pub(super) fn len(&self) -> usize {
        self.dispatches.len()
    }

    /// An event: when it is due, after how many rows, and its bytes.
    pub(super) fn get(&self, at: usize) -> Option<(Duration, u64, &[u8])> {
        let (one, &(start, end)) = (self.dispatches.get(at)?, self.places.get(at)?);
        let due = Duration::from_micros(one.at.max(0).unsigned_abs());
        Some((due, one.behind, &self.bytes[start..end]))
    }

    /// What is to be said of them.
    pub(super) fn said(&self) -> String {
        let of = |says| self.dispatches.iter().filter(|one| one.says == says).count();
        let mut text = format!(", of {} targets", count(self.targets as u64));
        for (number, what) in [
            (of(Says::Wrong), "wrong at first"),
            (of(Says::Nothing), "taken back"),
            (self.without_prediction, "of no prediction in the file"),
            (self.without_id, "without an id"),
        ] {
            if number > 0 {
                // Writing to a string cannot fail.
                let _ok = write!(text, "; {} {what}", count(number as u64));
            }
        }
        text
    }
}

/// The predictions of files: their number from 0 and score, by id; of several with one id the first.
#[expect(clippy::disallowed_types, reason = "only looked up")]
fn predictions(
    files: &Files,
    id: &[ColumnPath],
    score: Option<&ColumnPath>,
) -> Result<HashMap<u128, (u64, f64)>> {
    let names: Vec<String> = (0..id.len()).map(|at| format!("id{at}")).collect();
    let mut wanted: Vec<ColumnPath> =
        id.iter().zip(&names).map(|(path, name)| path.clone().named(name)).collect();
    wanted.extend(score.map(|score| score.clone().named("score")));
    let mut known = HashMap::new();
    let mut row = 0;
    for batch in files.scan(&wanted)?.blocking() {
        let batch = batch?;
        let scores = batch.column_by_name("score");
        let scores = scores.map(|scores| compute::cast(scores, &DataType::Float64)).transpose()?;
        let scores = scores.as_ref().and_then(|scores| scores.as_any().downcast_ref());
        for (at, id) in ids(&batch, &names)?.into_iter().enumerate() {
            let score = scores.filter(|scores: &&Float64Array| scores.is_valid(at));
            let score = score.map(|scores| scores.value(at)).filter(|score| score.is_finite());
            if let Some(id) = id {
                known.entry(id).or_insert((row, score.unwrap_or(0.5)));
            }
            row += 1;
        }
    }
    Ok(known)
}

/// For each row another one with another target; the row itself where all are the same.
fn others(targets: &ArrayRef) -> Result<Vec<Option<u32>>> {
    let labels = categorical("target", targets)?;
    let keys = labels.keys();
    let present = |row: &usize| keys.is_valid(*row);
    let first = (0..keys.len()).find(present);
    let second = first.and_then(|first| {
        (first..keys.len()).filter(present).find(|&row| keys.value(row) != keys.value(first))
    });
    let other = |row: usize| match (first, second) {
        (Some(first), Some(_)) if keys.is_null(row) || keys.value(row) != keys.value(first) => {
            first
        }
        (_, Some(second)) => second,
        _ => row,
    };
    Ok((0..keys.len()).map(|row| u32::try_from(other(row)).ok()).collect())
}
