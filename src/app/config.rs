//! `vigie config`: are these settings right, what can be set, and what to begin with?

use std::fmt::Write as _;

use anyhow::Result;
use clap::Subcommand;

use crate::app::terminal::print;
use crate::app::{ConfigFile, Outcome, infer, load};
use crate::settings::schema;

/// What `vigie config` is told.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Says what is wrong with settings, everything at once, and whether their profiles are there.
    #[command(after_help = "\
Examples:
  vigie config check
  vigie config check --config /etc/vigie/vigie.toml")]
    Check(ConfigFile),
    /// Prints the JSON Schema of the settings, for editors.
    #[command(after_help = "\
Examples:
  vigie config schema > vigie.toml.schema.json")]
    Schema,
    /// Proposes settings for a file, or for what lies in a topic.
    Infer(infer::InferArgs),
}

/// Runs `vigie config`.
pub(super) async fn run(command: ConfigCommand) -> Result<Outcome> {
    match command {
        ConfigCommand::Infer(args) => return infer::run(args).await,
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
