//! `vigie replay`: a file's rows as prediction events.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::spawn_blocking;

use crate::app::terminal::{count, print};
use crate::app::{ConfigFile, Outcome, load};
use crate::query::events::EventWriter;
use crate::query::{Files, Options};
use crate::stream::{Clients, Sender};
use crate::telemetry::Clock;

/// What `vigie replay` is told.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Rows to send: Parquet, CSV or JSON; a path, a glob, a folder or a URL.
    #[arg(required = true, value_name = "FILE")]
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
}

/// Runs `vigie replay`.
pub(super) async fn run(args: ReplayArgs) -> Result<Outcome> {
    let settings = load::settings(&args.file.config)?;
    let model = load::model(&settings, args.model.as_deref())?.clone();
    if args.rate.is_some_and(|rate| rate.is_nan() || rate <= 0.0) {
        bail!("--rate: a number of rows a second, above 0");
    }
    let files = Files::open(&args.files, &Options::default()).await?;
    let names = files.names().collect::<Vec<_>>().join(", ");
    let mut writer = EventWriter::new(files.schema(), &model.columns, args.key.as_deref())
        .with_context(|| names.clone())?;
    if let Some(path) = &model.columns.model {
        writer.constant(path, &model.name);
    }
    let topic = args.topic.or_else(|| settings.kafka.topics.predictions.first().cloned());
    let topic = topic.context("no topic: name one with --topic, or in the settings: [kafka.topics] predictions = [\"...\"]")?;
    let clients = Clients::new(&settings.kafka, "replay");
    let rate = args.rate;
    spawn_blocking(move || {
        let sender = Sender::new(&clients, &topic)?;
        let bar = files.rows().map_or_else(ProgressBar::no_length, ProgressBar::new);
        let style = "{bar:30} {human_pos} of {human_len} rows  {per_sec}  {eta} to go";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
        let clock = Clock::machine();
        let mut sent = 0_u64;
        let mut event = Vec::new();
        for batch in files.scan(writer.columns())?.blocking() {
            let batch = batch?;
            let rows = writer.rows(&batch)?;
            for row in 0..batch.num_rows() {
                event.clear();
                rows.write(row, &mut event);
                sender.send(sent, rows.key(row), &event)?;
                sent += 1;
                if let Some(rate) = rate {
                    let due = Duration::from_secs_f64(sent as f64 / rate);
                    thread::sleep(due.saturating_sub(clock.running()));
                }
                if sent.is_multiple_of(1024) || rate.is_some() {
                    bar.set_position(sent);
                }
            }
        }
        sender.flush()?;
        bar.finish_and_clear();
        let seconds = clock.running().as_secs_f64().max(1e-3);
        print(&format!(
            "{} rows of {names} sent to `{topic}` in {seconds:.1} s ({} a second)\n",
            count(sender.arrived()),
            count((sent as f64 / seconds) as u64)
        ))?;
        let lost = writer.infinite();
        if lost > 0 {
            print(&format!(
                "  {} infinite values were sent as missing: JSON has no word for them\n",
                count(lost)
            ))?;
        }
        Ok(Outcome::Fine)
    })
    .await
    .context("replaying ended early")?
}
