//! `vigie topics`: our own topics and their settings.

use std::fmt::Write as _;

use anyhow::Result;
use clap::Subcommand;

use crate::app::terminal::print;
use crate::app::{ConfigFile, Outcome, load};
use crate::stream::{Clients, Layout, create, faults, recorded_layout, wanted};

/// What `vigie topics` is told.
#[derive(Debug, Subcommand)]
pub(super) enum TopicsCommand {
    /// Makes those that do not exist.
    #[command(after_help = "\
Examples:
  vigie topics create
  vigie topics create --config vigie.toml")]
    Create(ConfigFile),
    /// Says what is wrong with those that do.
    #[command(after_help = "\
Examples:
  vigie topics check
  vigie topics check --config vigie.toml

Exit codes: 0 nothing wrong, 1 something is, 2 an error.")]
    Check(ConfigFile),
}

/// Runs `vigie topics`.
pub(super) fn run(command: &TopicsCommand) -> Result<Outcome> {
    let (TopicsCommand::Create(file) | TopicsCommand::Check(file)) = command;
    let settings = load::settings(&file.config)?;
    let clients = Clients::new(&settings.kafka, "topics");
    let layout = recorded_layout(&clients)?.unwrap_or_else(|| Layout::wished(&settings.kafka));
    let wanted = wanted(&settings.kafka, layout, settings.longest_wait());
    if let TopicsCommand::Create(_) = command {
        let made = create(&clients, &wanted)?;
        let mut text = String::new();
        for topic in &wanted {
            let what = if made.contains(&topic.name) { "made" } else { "was there" };
            let _ok = writeln!(text, "{} {what}", topic.name);
        }
        print(&text)?;
    }
    let mut faults = faults(&clients, &wanted, &settings.read_topics())?;
    faults.extend(layout.holds(&settings.kafka).err());
    for fault in &faults {
        print(&format!("{fault}\n"))?;
    }
    if faults.is_empty() {
        print(&format!("{} topics, nothing wrong with them\n", wanted.len()))?;
        return Ok(Outcome::Fine);
    }
    Ok(Outcome::NotWell)
}
