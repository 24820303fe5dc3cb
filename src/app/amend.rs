//! `vigie exclude` and `vigie restate`: a window was poisoned by a fault upstream.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::ProgressBar;
use tokio::task::spawn_blocking;

use crate::app::terminal::{count, print};
use crate::app::{ConfigFile, Outcome, load, reference};
use crate::batch::{Content, Section};
use crate::epoch::Model;
use crate::metric::Metric;
use crate::query::table::{RowMaker, SegmentColumns, expressions_of};
use crate::query::{Files, Options};
use crate::stream::{Clients, Request, ever_in_force, newest, send};
use crate::telemetry::Clock;
use crate::window::{RevisionCause, WindowResult};

/// Which window, and why.
#[derive(Debug, Args)]
pub(super) struct WindowArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// The model.
    #[arg(value_name = "MODEL")]
    model: String,
    /// The window's index, as its result has it.
    #[arg(value_name = "WINDOW")]
    window: u64,
    /// Which version of the model; the only one where there is one.
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Why: stands in the result.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// How long to wait for the result, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
}

/// What `vigie exclude` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie exclude car-loan 17 --reason \"the feed sent zeros from 09:00 to 11:00\"
  vigie exclude car-loan 17 --version 7 --reason \"test traffic\"")]
pub(super) struct ExcludeArgs {
    #[command(flatten)]
    window: WindowArgs,
}

/// What `vigie restate` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie restate car-loan 17 --rows mended.parquet --reason \"the feed sent zeros\"")]
pub(super) struct RestateArgs {
    #[command(flatten)]
    window: WindowArgs,
    /// Mended rows that take the place of the window's own, with targets where they are known: those that come later do
    /// not count. Parquet, CSV or JSON; may be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    rows: Vec<String>,
}

/// Runs `vigie exclude`.
pub(super) async fn exclude(args: ExcludeArgs) -> Result<Outcome> {
    spawn_blocking(move || args.window.ask(|_, _| Ok(None))).await.context("ended early")?
}

/// Runs `vigie restate`.
pub(super) async fn restate(args: RestateArgs) -> Result<Outcome> {
    let files = Files::open(&args.rows, &Options::default()).await?;
    let made = move |clients: &Clients, seen: &WindowResult| parts(clients, seen, &files).map(Some);
    spawn_blocking(move || args.window.ask(made)).await.context("ended early")?
}

impl WindowArgs {
    /// Asks for it, and waits for what is published.
    fn ask(
        &self,
        rows: impl Fn(&Clients, &WindowResult) -> Result<Option<Vec<Content>>>,
    ) -> Result<Outcome> {
        if self.reason.trim().is_empty() {
            bail!("--reason: say why; it stands in the result for whoever asks later");
        }
        let settings = load::settings(&self.file.config)?;
        let clients = Clients::new(&settings.kafka, "commands");
        let clock = Clock::machine();
        let patience = Duration::from_secs(self.patience);
        let bar = ProgressBar::new_spinner();
        let mut asked: Option<(Request, bool)> = None;
        loop {
            let seen = self.seen(&clients)?;
            let cause = |rows: bool| {
                if rows { RevisionCause::Replaced } else { RevisionCause::Excluded }
            };
            if let Some((request, restated)) = &asked
                && seen.revision > request.seen.revision
                && seen.revision_cause == Some(cause(*restated))
                && seen.reason.as_ref() == Some(&self.reason)
            {
                bar.finish_and_clear();
                print(&said(&seen))?;
                return Ok(Outcome::Fine);
            }
            // The first time; and again where its targets have become final meanwhile, so that nobody knows its newest
            // result but us.
            let news = asked
                .as_ref()
                .is_none_or(|(request, _)| seen.revision > request.seen.revision && seen.is_final);
            if news {
                bar.set_message("reading");
                let rows = rows(&clients, &seen)?;
                let restated = rows.is_some();
                let request = Request { seen, reason: self.reason.clone(), rows };
                send(&clients, &request)?;
                asked = Some((request, restated));
            } else if clock.running() > patience {
                bail!(
                    "the command stands in the log, but no result has come in {} s: is `vigie run` running? It is obeyed once \
                     the service comes to it; the same command again does no harm",
                    self.patience
                );
            }
            bar.set_message("waiting for the result");
            for _ in 0..10 {
                bar.tick();
                thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// The window's newest result.
    fn seen(&self, clients: &Clients) -> Result<WindowResult> {
        let mut found = newest(clients, &self.model, self.version.as_deref(), self.window)?;
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => bail!(
                "model `{}` has no result of window {} on {}: is it still open?",
                self.model,
                self.window,
                clients.kafka().topics.results
            ),
            _ => {
                let versions: Vec<String> =
                    found.iter().map(|result| format!("`{}`", result.version)).collect();
                bail!(
                    "several versions have a window {}: say which with --version; there are {}",
                    self.window,
                    versions.join(", ")
                )
            }
        }
    }
}

/// Bytes of rows that one message takes at most.
const PART: usize = 2_000_000;

/// A file's rows as the profile of the window has them, in parts.
fn parts(clients: &Clients, seen: &WindowResult, files: &Files) -> Result<Vec<Content>> {
    let file = files.names().collect::<Vec<_>>().join(", ");
    let epochs = ever_in_force(clients)?;
    let rules = epochs.model(seen.epoch, &seen.model);
    let served = rules.and_then(|rules| Some((rules, rules.version(&seen.version)?)));
    let Some((rules, served)) = served else {
        bail!(
            "no profile served version `{}` of model `{}`: its rows were counted only",
            seen.version,
            seen.model
        );
    };
    let rules: &Model = rules;
    let profile = served.plan.profile();
    let expressions = expressions_of(profile)?;
    let schema = files.schema();
    let (columns, wanted) = reference::layout(&rules.settings, profile, None, schema, &file)?;
    let segments = SegmentColumns::of(profile);
    let maker = RowMaker {
        columns: &columns,
        expressions: expressions.as_ref(),
        profile: Some(&**profile),
        targets: None,
        needs_time: false,
        reconstructs: served.plan.criteria().whole.contains(&Metric::ReconstructionError),
        segments: segments.as_ref(),
        samples: served.plan.samples(),
    };
    let width = profile.columns.len() * 9 + 40;
    let most = (PART / width).max(1);
    let mut parts = Vec::new();
    let (mut rows, mut rejected) = (0, 0);
    for batch in files.scan(&wanted)?.blocking() {
        let batch = batch?;
        let read = maker.make(&batch, rows).with_context(|| format!("rows {file}"))?;
        rows += batch.num_rows() as u64;
        rejected += read.rejected;
        let mut start = 0;
        while start < read.rows.len() {
            let length = most.min(read.rows.len() - start);
            let section = Section {
                model: seen.model.clone(),
                version: seen.version.clone(),
                rows: read.rows.slice(start, length),
                profiled: true,
            };
            parts.push(Content { sections: vec![section], ..Content::default() });
            start += length;
        }
    }
    if parts.is_empty() {
        bail!("rows {file}: none that counts; `vigie exclude` leaves a window out");
    }
    if rejected > 0 {
        bail!(
            "rows {file}: {} of {} have a score outside of 0 to 1; mend them too",
            count(rejected),
            count(rows)
        );
    }
    Ok(parts)
}

fn said(result: &WindowResult) -> String {
    let what = match result.revision_cause {
        Some(RevisionCause::Excluded) => "is left out".to_owned(),
        _ => format!("is restated by {} rows", count(result.window_rows)),
    };
    format!("window {} of `{}` {what}: {}\n", result.window_index, result.model, result.id)
}
