//! `vigie man`: manual pages, made from the same words as `--help`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Command, CommandFactory};
use clap_mangen::{Man, generate_to};

use crate::app::terminal::print;
use crate::app::{Cli, Outcome};

/// What `vigie man` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie man | man -l -
  vigie man profile build | man -l -
  vigie man --folder /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// The page of this command; of vigie itself where none is named.
    #[arg(value_name = "COMMAND", conflicts_with = "folder")]
    command: Vec<String>,
    /// Writes the pages of all commands into this folder.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Runs `vigie man`.
pub(super) fn run(args: &ManArgs) -> Result<Outcome> {
    let mut cli = Cli::command();
    cli.build();
    if let Some(folder) = &args.folder {
        let failed = || format!("pages cannot be written to {}", folder.display());
        fs::create_dir_all(folder).with_context(failed)?;
        generate_to(cli, folder).with_context(failed)?;
        return Ok(Outcome::Fine);
    }
    let mut page = Vec::new();
    Man::new(named(&cli, &args.command)?).render(&mut page)?;
    print(&String::from_utf8(page)?)?;
    Ok(Outcome::Fine)
}

/// The command that goes by these words.
fn named(cli: &Command, words: &[String]) -> Result<Command> {
    let mut at = cli;
    for word in words {
        let Some(below) = at.find_subcommand(word) else {
            let there: Vec<&str> = at.get_subcommands().map(Command::get_name).collect();
            bail!("no command `{word}`; there are {}", there.join(", "));
        };
        at = below;
    }
    Ok(at.clone())
}
