//! The commands: one file each, wiring only.

mod alerts;
mod allocator;
mod amend;
mod apply;
mod archive;
mod check;
mod compare;
mod completions;
mod config;
mod demo;
mod explain;
mod infer;
mod keep;
mod load;
mod man;
mod notify;
mod page;
mod profile;
mod query;
mod reference;
mod replay;
mod report;
mod run;
mod splitting;
mod status;
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
#[command(after_help = "\
Examples:
  vigie demo
  vigie check reference.parquet analysis.parquet
  vigie run --config vigie.toml

`vigie COMMAND --help` has examples of each.")]
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
    /// Compares two models: champion against challenger or shadow, over rows that they scored or over results.
    Compare(compare::CompareArgs),
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
    /// What is open; taking an alert up, asking for quiet, and what a policy would have said.
    #[command(subcommand)]
    Alerts(alerts::AlertsCommand),
    /// Says whether every input offset is accounted for exactly once.
    Verify(verify::VerifyArgs),
    /// Says why an alert was raised: figures, rows, profile and settings; `--recompute` does it again.
    Explain(explain::ExplainArgs),
    /// SQL over archived results and alerts, and over files.
    Query(query::QueryArgs),
    /// Makes and checks vigie's own topics.
    #[command(subcommand)]
    Topics(topics::TopicsCommand),
    /// Checks settings, says what can be set, and proposes some.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Says how a running service stands: lanes, lags, windows, epochs.
    Status(status::StatusArgs),
    /// Prints what a shell needs to complete commands and options.
    Completions(completions::CompletionsArgs),
    /// Prints manual pages.
    Man(man::ManArgs),
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
    if matches!(command, Command::Run(_)) {
        allocator::share_arenas();
    }
    let runtime = Builder::new_multi_thread().enable_all().build().context("no async runtime")?;
    runtime.block_on(async {
        match command {
            Command::Demo(args) => demo::run(args).await,
            Command::Check(args) => check::run(args).await,
            Command::Compare(args) => compare::run(args).await,
            Command::Profile(command) => profile::run(command).await,
            Command::Run(args) => run::run(args).await,
            Command::Apply(args) => apply::run(&args),
            Command::Replay(args) => replay::run(args).await,
            Command::Exclude(args) => amend::exclude(args).await,
            Command::Restate(args) => amend::restate(args).await,
            Command::Report(args) => report::run(args).await,
            Command::Alerts(command) => alerts::run(command).await,
            Command::Verify(args) => verify::run(&args),
            Command::Explain(args) => explain::run(args).await,
            Command::Query(args) => query::run(args).await,
            Command::Topics(command) => topics::run(&command),
            Command::Config(command) => config::run(command).await,
            Command::Status(args) => status::run(args).await,
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
        }
    })
}

/// Whether a person watches.
fn is_watched() -> bool {
    stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::{Command, CommandFactory};

    use super::*;

    /// Every command that does something, by its words.
    fn leaves(at: &Command, words: &str, found: &mut Vec<(String, Command)>) {
        for below in at.get_subcommands().filter(|below| below.get_name() != "help") {
            leaves(below, &format!("{words} {}", below.get_name()), found);
        }
        if !at.has_subcommands() {
            found.push((words.to_owned(), at.clone()));
        }
    }

    /// A line as a shell would split it, up to a pipe or a redirection.
    fn split(line: &str) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for (at, part) in line.split('"').enumerate() {
            if at % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        let end = |word: &String| matches!(word.as_str(), "|" | ">" | "&&" | "||" | ";");
        let end = words.iter().position(end).unwrap_or(words.len());
        words.truncate(end);
        words
    }

    #[test]
    fn the_help_of_every_command_has_examples_that_can_be_typed() {
        let mut cli = Cli::command();
        cli.build();
        cli.clone().debug_assert();
        let mut found = Vec::new();
        leaves(&cli, "vigie", &mut found);
        assert!(found.len() > 10);
        for (words, mut command) in found {
            let help = command.render_long_help().to_string();
            let short = command.render_help().to_string();
            let examples = help.split_once("\nExamples:\n").map(|(_, examples)| examples);
            let examples = examples.unwrap_or_else(|| panic!("{words} has no examples"));
            assert!(short.contains(examples), "{words} -h has them too");
            let lines = examples.lines().take_while(|line| line.starts_with("  "));
            let lines: Vec<&str> = lines.map(str::trim).collect();
            assert!(!lines.is_empty(), "{words}");
            for line in lines {
                assert!(line.starts_with(&words), "{words}: {line}");
                if let Err(error) = Cli::try_parse_from(split(line)) {
                    panic!("{line}\n{error}");
                }
            }
        }
    }

    #[test]
    fn every_command_has_a_page_and_completions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let run = |words: &[&str]| {
            run(Cli::try_parse_from([&["vigie"], words].concat()).unwrap().command).unwrap()
        };
        assert_eq!(run(&["man", "--folder", &path.display().to_string()]), Outcome::Fine);
        let page = fs::read_to_string(path.join("vigie-check.1")).unwrap();
        assert!(page.contains(".TH") && page.contains("Examples"), "{page}");
        let mut found = Vec::new();
        leaves(&Cli::command(), "vigie", &mut found);
        for (words, _) in found {
            let page = path.join(format!("{}.1", words.replace(' ', "-")));
            assert!(page.is_file(), "{}", page.display());
        }
        for shell in ["bash", "zsh", "fish"] {
            assert_eq!(run(&["completions", shell]), Outcome::Fine);
        }
    }
}
