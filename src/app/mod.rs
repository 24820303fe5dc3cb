//! The commands: one file each, wiring only.

mod amend;
mod apply;
mod archive;
mod check;
mod config;
mod demo;
mod explain;
mod keep;
mod load;
mod page;
mod profile;
mod query;
mod reference;
mod replay;
mod report;
mod run;
mod splitting;
mod terminal;
mod topics;
mod verify;

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use tokio::runtime::Builder;

use self::terminal::complain;

/// The lookout for machine-learning models in production.
#[derive(Debug, Parser)]
#[command(name = "vigie", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything at once on one machine: an embedded broker, a simulated model whose world drifts, live figures.
    Demo(demo::DemoArgs),
    /// Scores files against a reference: the verdict first, then the figures.
    Check(check::CheckArgs),
    /// Makes and shows reference profiles.
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
    /// Runs the service: prediction events from Kafka, results, alerts and metrics out.
    Run(run::RunArgs),
    /// Puts settings and profiles in force without starting the service.
    Apply(apply::ApplyArgs),
    /// Writes a file's rows to a topic as prediction events, and their targets to another one later.
    Replay(replay::ReplayArgs),
    /// Leaves a window out that was poisoned by a fault upstream, and says why.
    Exclude(amend::ExcludeArgs),
    /// Puts mended rows in the place of a window's own, and says why.
    Restate(amend::RestateArgs),
    /// Writes what was published, or what a check has written, as one HTML file that needs nothing else.
    Report(report::ReportArgs),
    /// Says whether every input offset is accounted for exactly once.
    Verify(verify::VerifyArgs),
    /// Says why an alert was raised: figures, rows, profile and settings; `--recompute` does it again.
    Explain(explain::ExplainArgs),
    /// SQL over archived results and alerts, and over files.
    Query(query::QueryArgs),
    /// Makes and checks vigie's own topics.
    #[command(subcommand)]
    Topics(topics::TopicsCommand),
    /// Checks settings, and says what can be set.
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// Where the settings are.
#[derive(Clone, Debug, Args)]
struct ConfigFile {
    /// The settings.
    #[arg(long, value_name = "FILE", default_value = "vigie.toml", env = "VIGIE_CONFIG")]
    config: PathBuf,
}

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing to complain of.
    Fine,
    /// A model is not well, or a verification failed.
    NotWell,
    /// Nothing could be judged.
    NothingJudged,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::NotWell => Self::from(1),
            Outcome::NothingJudged => Self::from(3),
        }
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<Outcome> {
    let runtime = Builder::new_multi_thread().enable_all().build().context("no async runtime")?;
    runtime.block_on(async {
        match command {
            Command::Demo(args) => demo::run(args).await,
            Command::Check(args) => check::run(args).await,
            Command::Profile(command) => profile::run(command).await,
            Command::Run(args) => run::run(args).await,
            Command::Apply(args) => apply::run(&args),
            Command::Replay(args) => replay::run(args).await,
            Command::Exclude(args) => amend::exclude(args).await,
            Command::Restate(args) => amend::restate(args).await,
            Command::Report(args) => report::run(args).await,
            Command::Verify(args) => verify::run(&args),
            Command::Explain(args) => explain::run(args).await,
            Command::Query(args) => query::run(args).await,
            Command::Topics(command) => topics::run(&command),
            Command::Config(command) => config::run(&command),
        }
    })
}

/// Whether a person watches.
fn is_watched() -> bool {
    stdout().is_terminal()
}
