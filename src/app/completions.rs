//! `vigie completions`: what a shell needs to complete commands and options.

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::app::terminal::print;
use crate::app::{Cli, Outcome};

/// What `vigie completions` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie completions bash > /etc/bash_completion.d/vigie
  vigie completions zsh > ~/.zfunc/_vigie
  vigie completions fish > ~/.config/fish/completions/vigie.fish")]
pub(super) struct CompletionsArgs {
    /// Which shell.
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Runs `vigie completions`.
pub(super) fn run(args: &CompletionsArgs) -> Result<Outcome> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "vigie", &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(Outcome::Fine)
}
