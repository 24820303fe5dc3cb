//! `vigie replay`: a file's rows as prediction events, and their targets as ground truth that comes later.

mod late;

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::spawn_blocking;

use self::late::{Late, LateArgs, Source};
use crate::app::terminal::{count, print};
use crate::app::{ConfigFile, Outcome, load};
use crate::query::events::EventWriter;
use crate::query::{ColumnPath, Files, Options};
use crate::settings::{Model, Settings};
use crate::stream::{Clients, Sender};
use crate::telemetry::Clock;

/// What `vigie replay` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie replay analysis.parquet
  vigie replay analysis.parquet --model car-loan --rate 500 --key id
  vigie replay --targets targets.parquet")]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Rows to send: Parquet, CSV or JSON; a path, a glob, a folder or a URL. May be left out where there are targets.
    #[arg(required_unless_present = "targets", value_name = "FILE")]
    files: Vec<String>,
    /// Which model's events they are; the only one where there is one.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Where to; the first of the settings' prediction topics where nothing is said.
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// A column whose value is the record's key; without it the rows go to the partitions in turn.
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// Rows a second; as fast as it goes where nothing is said.
    #[arg(long, value_name = "ROWS")]
    rate: Option<f64>,
    #[command(flatten)]
    late: LateArgs,
}

/// Runs `vigie replay`.
pub(super) async fn run(args: ReplayArgs) -> Result<Outcome> {
    let settings = load::settings(&args.file.config)?;
    let model = load::model(&settings, args.model.as_deref())?.clone();
    if args.rate.is_some_and(|rate| rate.is_nan() || rate <= 0.0) {
        bail!("--rate: a number of rows a second, above 0");
    }
    let open = async |names: &[String]| -> Result<Option<Files>> {
        if names.is_empty() {
            return Ok(None);
        }
        Ok(Some(Files::open(names, &Options::default()).await?))
    };
    let (rows, targets) = (open(&args.files).await?, open(args.late.files()).await?);
    let source = args.late.source(rows.as_ref(), targets.as_ref(), &model)?;
    let job = Job { settings, model, args, rows };
    spawn_blocking(move || job.run(source)).await.context("replaying ended early")?
}

struct Job {
    settings: Settings,
    model: Model,
    args: ReplayArgs,
    rows: Option<Files>,
}

impl Job {
    fn run(self, source: Option<Source>) -> Result<Outcome> {
        let clients = Clients::new(&self.settings.kafka, "replay");
        let rate = self.args.rate;
        let without = source.as_ref().and_then(Source::split).cloned();
        let topics = &self.settings.kafka.topics;
        let predictions = match &self.rows {
            None => None,
            Some(files) => {
                let topic = self.args.topic.as_ref().or(topics.predictions.first());
                let topic = topic.context(
                    "no topic: name one with --topic, or in the settings: [kafka.topics] predictions = [\"...\"]",
                )?;
                let writer = self.writer(files, without.as_ref())?;
                Some((files, writer, Sender::new(&clients, topic)?, topic.clone()))
            }
        };
        let late = match source {
            None => None,
            Some(source) => {
                let of_model = self.model.ground_truth.as_ref().and_then(|it| it.topics.as_ref());
                let of_model = of_model.and_then(|topics| topics.first());
                let topic =
                    self.args.late.topic().or(of_model).or(topics.ground_truth.first()).context(
                        "no topic for targets: name one with --targets-topic, or in the settings: [kafka.topics] \
                         ground_truth = [\"...\"]",
                    )?;
                let late = Late::plan(&self.args.late, &source, self.rows.as_ref(), rate)?;
                Some((late, Sender::new(&clients, topic)?, topic.clone()))
            }
        };
        let rows = self.rows.as_ref().map_or(Some(0), Files::rows);
        let messages = late.as_ref().map_or(0, |(late, ..)| late.len());
        let all = rows.map(|rows| rows + messages as u64);
        let bar = all.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let style = "{bar:30} {human_pos} of {human_len} {msg}  {per_sec}  {eta} to go";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
        bar.set_message(if late.is_some() { "rows and targets" } else { "rows" });
        let mut feed = Feed {
            clock: Clock::machine(),
            bar,
            rows: 0,
            late: late.as_ref().map(|(late, sender, _)| (late, sender)),
            targets: 0,
        };
        if let Some((files, writer, sender, _)) = &predictions {
            feed.send(files, writer, sender, rate)?;
            sender.flush()?;
        }
        let seconds = feed.clock.running().as_secs_f64().max(1e-3);
        feed.wait_until(Duration::MAX)?;
        feed.bar.finish_and_clear();
        if let Some((files, writer, sender, topic)) = &predictions {
            let names = files.names().collect::<Vec<_>>().join(", ");
            print(&format!(
                "{} rows of {names} sent to `{topic}` in {seconds:.1} s ({} a second)\n",
                count(sender.arrived()),
                count((feed.rows as f64 / seconds) as u64)
            ))?;
            let lost = writer.infinite();
            if lost > 0 {
                print(&format!(
                    "  {} infinite values were sent as missing: JSON has no word for them\n",
                    count(lost)
                ))?;
            }
        }
        if let Some((late, sender, topic)) = &late {
            sender.flush()?;
            print(&format!(
                "{} ground-truth events sent to `{topic}`{}\n",
                count(sender.arrived()),
                late.said()
            ))?;
        }
        Ok(Outcome::Fine)
    }

    fn writer(&self, files: &Files, without: Option<&ColumnPath>) -> Result<EventWriter> {
        let key = self.args.key.as_deref();
        let writer = EventWriter::new(files.schema(), &self.model.columns, key, without);
        let mut writer = writer.with_context(|| files.names().collect::<Vec<_>>().join(", "))?;
        if let Some(path) = &self.model.columns.model {
            writer.constant(path, &self.model.name);
        }
        Ok(writer)
    }
}

/// Sends both, each when it is due.
struct Feed<'f> {
    clock: Clock,
    bar: ProgressBar,
    /// How many rows were sent...
    rows: u64,
    late: Option<(&'f Late, &'f Sender)>,
    /// ...and how many targets.
    targets: usize,
}

impl Feed<'_> {
    fn send(
        &mut self,
        files: &Files,
        writer: &EventWriter,
        sender: &Sender,
        rate: Option<f64>,
    ) -> Result<()> {
        let mut event = Vec::new();
        for batch in files.scan(writer.columns())?.blocking() {
            let batch = batch?;
            let rows = writer.rows(&batch)?;
            for row in 0..batch.num_rows() {
                event.clear();
                rows.write(row, &mut event);
                sender.send(self.rows, rows.key(row), &event)?;
                self.rows += 1;
                match rate {
                    Some(rate) => {
                        self.wait_until(Duration::from_secs_f64(self.rows as f64 / rate))?;
                    }
                    None if self.rows.is_multiple_of(64) => {
                        self.wait_until(self.clock.running())?;
                    }
                    None => {}
                }
                if self.rows.is_multiple_of(1024) || rate.is_some() {
                    self.bar.set_position(self.rows + self.targets as u64);
                }
            }
        }
        Ok(())
    }

    /// Waits until then, and sends the targets that fall due meanwhile; without an end all that are left.
    fn wait_until(&mut self, end: Duration) -> Result<()> {
        let for_ever = end == Duration::MAX;
        while let Some((late, sender)) = self.late
            && let Some((due, behind, event)) = late.get(self.targets)
            && (for_ever || (due <= end && behind <= self.rows))
        {
            thread::sleep(due.saturating_sub(self.clock.running()));
            sender.send(self.targets as u64, None, event)?;
            self.targets += 1;
            if for_ever && (self.targets.is_multiple_of(1024) || !due.is_zero()) {
                self.bar.set_position(self.rows + self.targets as u64);
            }
        }
        if !for_ever {
            thread::sleep(end.saturating_sub(self.clock.running()));
        }
        Ok(())
    }
}
