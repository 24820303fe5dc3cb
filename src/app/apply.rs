//! `vigie apply`: settings and profiles in force, without the service.

use anyhow::{Result, bail};
use clap::Args;

use crate::app::terminal::print;
use crate::app::{ConfigFile, Outcome, load};
use crate::stream::{Applied, Clients, apply, give_up};

/// What `vigie apply` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie apply
  vigie apply --config vigie.toml --again
  vigie apply --lost predictions/3")]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Also where they were in force once and have been replaced.
    #[arg(long)]
    again: bool,
    /// Puts nothing in force, but has a stopped lane go on behind offsets that are gone: topic/partition.
    #[arg(long, value_name = "LANE")]
    lost: Option<String>,
}

/// Runs `vigie apply`.
pub(super) fn run(args: &ApplyArgs) -> Result<Outcome> {
    let path = &args.file.config;
    let settings = load::settings(path)?;
    if let Some(lane) = &args.lost {
        let named = lane.rsplit_once('/');
        let named = named.and_then(|(topic, number)| Some((topic, number.parse().ok()?)));
        let Some((topic, partition)) = named else {
            bail!("--lost: `{lane}` is no lane; write topic/partition, for example predictions/3");
        };
        let first = give_up(&Clients::new(&settings.kafka, "apply"), topic, partition)?;
        print(&format!("{lane} goes on at offset {first}; what lay before is counted as lost\n"))?;
        return Ok(Outcome::Fine);
    }
    settings.ready_to_run(&path.display().to_string())?;
    let profiles = load::profiles(path, &settings)?;
    let clients = Clients::new(&settings.kafka, "apply");
    let (figures, policy) = apply(&clients, &settings, &profiles, args.again)?;
    let mut replaced = false;
    for (what, applied) in [("settings and profiles", figures), ("alert policy", policy)] {
        match applied {
            Applied::New(number) => {
                print(&format!("{what}: number {number}, in force from now on\n"))?;
            }
            Applied::Unchanged(number) => {
                print(&format!("{what}: number {number}, in force already\n"))?;
            }
            Applied::Superseded { was, now } => {
                replaced = true;
                print(&format!(
                    "{what}: they were number {was} and have been replaced; number {now} stays in force\n"
                ))?;
            }
        }
    }
    if replaced {
        bail!("nothing was put back; `vigie apply --again` does");
    }
    Ok(Outcome::Fine)
}
