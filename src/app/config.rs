//! `vigie config`: are these settings right, and what can be set?

use std::fmt::Write as _;

use anyhow::Result;
use clap::Subcommand;

use crate::app::terminal::print;
use crate::app::{ConfigFile, Outcome, load};
use crate::settings::schema;

/// What `vigie config` is told.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Says what is wrong with settings, everything at once, and whether their profiles are there.
    Check(ConfigFile),
    /// Prints the JSON Schema of the settings, for editors.
    Schema,
}

/// Runs `vigie config`.
pub(super) fn run(command: &ConfigCommand) -> Result<Outcome> {
    match command {
        ConfigCommand::Schema => {
            print(&format!("{:#}\n", schema()))?;
        }
        ConfigCommand::Check(file) => {
            let settings = load::settings(&file.config)?;
            settings.ready_to_run(&file.config.display().to_string())?;
            let mut text = format!("{}: fine\n", file.config.display());
            for (name, model) in &settings.models {
                let path = load::profile_path(&file.config, model, "")?;
                let found = load::profile_files(&file.config, model)?.len();
                let _ok = match found {
                    0 => writeln!(
                        text,
                        "  {name}: no profile yet; `vigie profile build --config {} --model {name} --reference FILE` writes {}",
                        file.config.display(),
                        path.display()
                    ),
                    1 => writeln!(text, "  {name}: one profile"),
                    found => writeln!(text, "  {name}: {found} profiles"),
                };
            }
            print(&text)?;
        }
    }
    Ok(Outcome::Fine)
}
