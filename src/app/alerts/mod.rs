//! `vigie alerts`: what is open; who has taken it up, who wants quiet; and what a policy would have said.

mod people;
mod simulate;

use anyhow::{Context, Result};
use clap::Subcommand;
use tokio::task::spawn_blocking;

use self::people::{AckArgs, ListArgs, MuteArgs};
use self::simulate::SimulateArgs;
use crate::app::Outcome;

pub(super) use self::simulate::{held_out, of_topic};

/// What `vigie alerts` is told.
#[derive(Debug, Subcommand)]
pub(super) enum AlertsCommand {
    /// The alerts that are open.
    List(ListArgs),
    /// Says that somebody has taken an alert up.
    Ack(AckArgs),
    /// Asks that nobody is woken by alerts of a model until a time; they are published all the same.
    Mute(MuteArgs),
    /// Runs a policy over recorded results: how often would it have paged, when, and for how long?
    Simulate(SimulateArgs),
}

/// Runs `vigie alerts`.
pub(super) async fn run(command: AlertsCommand) -> Result<Outcome> {
    match command {
        AlertsCommand::List(args) => spawn_blocking(move || args.run()).await,
        AlertsCommand::Ack(args) => spawn_blocking(move || args.run()).await,
        AlertsCommand::Mute(args) => spawn_blocking(move || args.run()).await,
        AlertsCommand::Simulate(args) => return simulate::run(args).await,
    }
    .context("ended early")?
}
