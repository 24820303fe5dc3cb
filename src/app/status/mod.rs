//! `vigie status`: how a running service stands, as it says itself.

mod ask;
mod exposition;
mod said;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use self::ask::{Server, get};
use self::exposition::Exposition;
use self::said::{Waiting, said};
use crate::app::terminal::print;
use crate::app::{Outcome, load};

/// What `vigie status` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie status
  vigie status --listen 10.0.0.7:9464
  vigie status --url http://vigie-0.vigie:9464 && echo ready

Exit codes: 0 ready, 1 not ready, 2 no answer.")]
pub(super) struct StatusArgs {
    /// Settings that say where the service listens; where there are none, it is asked on 127.0.0.1:9464.
    #[arg(long, value_name = "FILE", env = "VIGIE_CONFIG")]
    config: Option<PathBuf>,
    /// Where it listens, as host:port.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "url")]
    listen: Option<String>,
    /// The same as an address of the web; only http.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Where the settings lie where nothing is said.
const USUAL: &str = "vigie.toml";
/// Where the service listens where nothing is said.
const LISTEN: &str = "127.0.0.1:9464";

/// Runs `vigie status`.
pub(super) async fn run(args: StatusArgs) -> Result<Outcome> {
    let server = args.server()?;
    let ready = get(&server, "/readyz").await?;
    let waiting = match ready.status {
        200 => Waiting::new(),
        503 => waiting(&ready.body).with_context(|| {
            format!("{server}/readyz does not answer as vigie does: {}", ready.body.trim())
        })?,
        other => bail!("{server}/readyz answers with {other}: is it vigie that listens there?"),
    };
    let metrics = get(&server, "/metrics").await?;
    if metrics.status != 200 {
        bail!("{server}/metrics answers with {}: {}", metrics.status, metrics.body.trim());
    }
    let exposition = Exposition::read(&metrics.body);
    print(&said(&server.to_string(), &waiting, &exposition))?;
    Ok(if ready.status == 200 { Outcome::Fine } else { Outcome::NotWell })
}

impl StatusArgs {
    fn server(&self) -> Result<Server> {
        if let Some(url) = &self.url {
            return Server::of_url(url);
        }
        if let Some(listen) = &self.listen {
            return Server::of_listen(listen);
        }
        let usual = PathBuf::from(USUAL);
        let config = self.config.as_ref().or(usual.is_file().then_some(&usual));
        match config {
            Some(config) => Server::of_listen(&load::settings(config)?.service.listen),
            None => Server::of_listen(LISTEN),
        }
    }
}

/// What the service waits for, by part.
fn waiting(body: &str) -> Option<Waiting> {
    let body: Value = serde_json::from_str(body).ok()?;
    let parts = body.get("waiting")?.as_object()?;
    let parts = parts.iter();
    Some(parts.map(|(part, why)| (part.clone(), text(why))).collect())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
