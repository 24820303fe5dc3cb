//! `vigie report`: what was published or written into files, as one HTML file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::slice;

use anyhow::{Context, Result, bail};
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use crate::alert::{AlertEvent, Policy, replay};
use crate::app::page::Filling;
use crate::app::terminal::print;
use crate::app::{Outcome, load};
use crate::history::History;
use crate::output::rows::{Gather, rows};
use crate::query::{Files, Options};
use crate::report::{Parts, data, html, verdicts};
use crate::stream::{Clients, read_published};
use crate::web::{DOCUMENT, FIRST_PAINT, Page, SCRIPT, STYLE};
use crate::window::WindowResult;

/// What `vigie report` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie report results.parquet
  vigie report results.jsonl --output january.html --title January
  vigie report --config vigie.toml")]
pub(super) struct ReportArgs {
    /// Results that `vigie check --output` has written: `.jsonl` or `.parquet`. Without any, those on the results topic
    /// that `--config` names.
    #[arg(value_name = "RESULTS")]
    results: Vec<PathBuf>,
    /// The settings: where results are published, and when models alert.
    #[arg(long, value_name = "FILE", env = "VIGIE_CONFIG")]
    config: Option<PathBuf>,
    /// Where to write the report.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    /// What to call it.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
}

/// Runs `vigie report`.
pub(super) async fn run(args: ReportArgs) -> Result<Outcome> {
    let settings = args.config.as_deref().map(load::settings).transpose()?;
    let history = match (args.results.is_empty(), settings) {
        (true, None) => bail!(
            "results are needed: vigie report results.jsonl (from `vigie check --output`), or --config FILE for those on \
             the results topic"
        ),
        (true, Some(settings)) => {
            let clients = Clients::new(&settings.kafka, "report");
            let page = Page::new("report");
            let mut filling = Filling::new(&page);
            spawn_blocking(move || read_published(&clients, &mut filling).map(|()| page))
                .await
                .context("reading results ended early")??
                .read(Clone::clone)
        }
        (false, settings) => {
            let mut results = Vec::new();
            for path in &args.results {
                results.extend(read(path).await?);
            }
            let policy = |model: &str| {
                let model = settings.as_ref()?.models.get(model)?;
                Some(model.alerts.policy(true, model.performance.currencies()))
            };
            history_of(&results, |model| policy(model).unwrap_or_default())
        }
    };
    if history.names().next().is_none() {
        bail!("there are no results to report of");
    }
    let title = args.title.unwrap_or_else(|| title(&history));
    let said = write(&history, &title, &args.output)?;
    print(&said)?;
    Ok(Outcome::Fine)
}

/// A report is called after its models.
pub(super) fn title(history: &History) -> String {
    let mut names: Vec<&str> = history.names().map(|(model, _)| model).collect();
    names.dedup();
    match names.as_slice() {
        [one] => format!("{one}: report"),
        several => format!("{} models: report", several.len()),
    }
}

/// What results say, and the alerts that a policy makes of them.
pub(super) fn history_of(results: &[WindowResult], policy: impl Fn(&str) -> Policy) -> History {
    let mut history = History::default();
    for result in results {
        history.take(result, None);
    }
    for event in alerts(results, policy) {
        history.alert(event);
    }
    history
}

/// The alert events that would have been published of results in their order.
fn alerts(results: &[WindowResult], policy: impl Fn(&str) -> Policy) -> Vec<AlertEvent> {
    let mut models: BTreeMap<&str, Vec<WindowResult>> = BTreeMap::new();
    for result in results {
        models.entry(&result.model).or_default().push(result.clone());
    }
    models.iter().flat_map(|(model, results)| replay(&policy(model), results)).collect()
}

/// Writes a report; what to say of it.
pub(super) fn write(history: &History, title: &str, path: &Path) -> Result<String> {
    let now = Timestamp::now();
    let made_at = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let data = data(history, title, &made_at, now.as_microsecond()).context("the report")?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data.as_bytes()).context("the report cannot be packed")?;
    let packed = encoder.finish().context("the report cannot be packed")?;
    let parts =
        Parts { document: DOCUMENT, first_paint: FIRST_PAINT, style: STYLE, script: SCRIPT };
    let text = html(parts, title, &verdicts(history, now.as_microsecond()), &packed);
    load::make_parent(path)?;
    fs::write(path, &text)
        .with_context(|| format!("report {} cannot be written", path.display()))?;
    Ok(format!("report {} ({} kB)\n", path.display(), text.len().div_ceil(1000)))
}

/// The results in a file.
pub(super) async fn read(path: &Path) -> Result<Vec<WindowResult>> {
    let name = path.display().to_string();
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_lowercase();
    let mut gather = Gather::default();
    let mut results = Vec::new();
    match end.as_str() {
        "jsonl" | "ndjson" | "json" => {
            let file =
                File::open(path).with_context(|| format!("results {name} cannot be read"))?;
            for (at, line) in BufReader::new(file).lines().enumerate() {
                let line = line.with_context(|| format!("results {name} cannot be read"))?;
                if line.trim().is_empty() {
                    continue;
                }
                let row = serde_json::from_str(&line).and_then(|row| gather.take(row));
                let place = || {
                    format!(
                        "results {name}, line {}: it is no row of `vigie check --output`",
                        at + 1
                    )
                };
                results.extend(row.with_context(place)?);
            }
        }
        "parquet" | "pq" => {
            let files = Files::open(slice::from_ref(&name), &Options::default()).await?;
            let columns = files
                .schema()
                .fields()
                .iter()
                .map(|field| files.resolve(field.name()))
                .collect::<Result<Vec<_>, _>>()?;
            let batches = files.scan(&columns)?.blocking();
            let told = name.clone();
            results = spawn_blocking(move || {
                let mut gather = Gather::default();
                let mut results = Vec::new();
                for batch in batches {
                    for row in rows(&batch?)? {
                        let no_row =
                            || format!("results {told}: it is not of `vigie check --output`");
                        results.extend(gather.take(row).with_context(no_row)?);
                    }
                }
                results.extend(gather.finish());
                anyhow::Ok(results)
            })
            .await
            .context("reading results ended early")??;
        }
        _ => bail!("results {name}: `vigie check --output` writes .jsonl and .parquet"),
    }
    results.extend(gather.finish());
    Ok(results)
}
