//! `vigie run`: the service.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::net::lookup_host;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::interval;

use crate::app::archive::in_place;
use crate::app::keep::in_files;
use crate::app::page::Filling as FillPage;
use crate::app::{ConfigFile, Outcome, allocator, load, notify};
use crate::output::prometheus::{Gauges, PartitionGauges};
use crate::query::Place;
use crate::query::table::for_stream;
use crate::settings::Settings;
use crate::stream::{Clients, ExpressionMaker, Kept, Profiles, Service, Stages, Stop};
use crate::tally::{Filling, Show, Standing};
use crate::telemetry::{Clock, Telemetry, start_log};
use crate::web::{Page, Server, router};
use crate::window::WindowResult;

/// Memory that is free is given back so often.
const GIVE_BACK: Duration = Duration::from_secs(30);

/// What `vigie run` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie run
  vigie run --config /etc/vigie/vigie.toml --instance vigie-0 --data-dir /var/lib/vigie
  vigie run --stages intake")]
pub(super) struct RunArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Where the page and `/metrics` listen, as host:port; overrides the settings.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Folder for local files; overrides the settings.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The name of this instance; overrides the settings. Two at once must not have the same.
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Which stages it runs.
    #[arg(long, value_delimiter = ',', default_value = "intake,join,tally")]
    stages: Vec<String>,
}

/// Runs the service until SIGTERM or Ctrl-C.
pub(super) async fn run(args: RunArgs) -> Result<Outcome> {
    start_log(None)?;
    let path = &args.file.config;
    let mut settings = load::settings(path)?;
    settings.ready_to_run(&path.display().to_string())?;
    if let Some(listen) = args.listen {
        settings.service.listen = listen;
    }
    if let Some(folder) = args.data_dir {
        settings.service.data_dir = folder;
    }
    if args.instance.is_some() {
        settings.service.instance = args.instance;
    }
    let mut stages = Stages { intake: false, join: false, tally: false };
    for stage in &args.stages {
        match stage.trim() {
            "intake" => stages.intake = true,
            "join" => stages.join = true,
            "tally" => stages.tally = true,
            other => bail!(
                "--stages: there is no stage `{other}`; there are `intake`, `join` and `tally`"
            ),
        }
    }
    let profiles = load::profiles(path, &settings)?;
    let telemetry = Telemetry::new(Clock::machine());
    let stop = Stop::new();
    let told = stop.clone();
    let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: what was read is being finished; once more ends at once");
        told.set();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        process::abort();
    });
    let server = bind(&settings.service.listen).await?;
    tracing::info!(
        address = format!("http://{}", server.address()),
        "the page and metrics are served"
    );
    serve(settings, profiles, stages, telemetry, stop, server, Told::nobody()).await?;
    Ok(Outcome::Fine)
}

/// Who is told of results beside the gauges; with somebody there, the broker is the embedded one.
pub(super) struct Told(Option<Sender<WindowResult>>);

impl Told {
    /// The gauges alone.
    pub(super) fn nobody() -> Self {
        Self(None)
    }

    /// Whoever receives from this channel.
    pub(super) fn also(results: Sender<WindowResult>) -> Self {
        Self(Some(results))
    }
}

/// The gauges of a partition, and who else is told.
struct Shown {
    gauges: PartitionGauges,
    told: Option<Sender<WindowResult>>,
}

impl Show for Shown {
    fn result(&mut self, result: &WindowResult) {
        self.gauges.result(result);
        if let Some(told) = &self.told {
            // Who has gone need not know.
            drop(told.send(result.clone()));
        }
    }

    fn standings(&mut self, all: &[Standing<'_>]) {
        self.gauges.standings(all);
    }

    fn filling(&mut self, all: &[Filling<'_>]) {
        self.gauges.filling(all);
    }

    fn ready(&mut self, ready: bool) {
        self.gauges.ready(ready);
    }

    fn clear(&mut self) {
        Show::clear(&mut self.gauges);
    }
}

/// Takes the port.
pub(super) async fn bind(listen: &str) -> Result<Server> {
    let found = lookup_host(listen).await;
    let mut addresses = found.with_context(|| format!("`{listen}` is no address to listen on"))?;
    let address: SocketAddr =
        addresses.next().with_context(|| format!("`{listen}` is no address to listen on"))?;
    Ok(Server::bind(address).await?)
}

/// Runs the stages, and the server beside them, until `stop` is set or they fail.
pub(super) async fn serve(
    settings: Settings,
    profiles: Profiles,
    stages: Stages,
    telemetry: Telemetry,
    stop: Stop,
    server: Server,
    told: Told,
) -> Result<()> {
    let gauges = Gauges::new(&settings.prometheus, &telemetry)?;
    let instance = settings.service.instance.clone().unwrap_or_else(host);
    let page = Page::new(&instance);
    let make_keep = if told.0.is_some() {
        Arc::new(|_: &_| Ok(Kept::in_memory()))
    } else {
        in_files(settings.service.data_dir.clone())
    };
    let archive = match &settings.archive {
        Some(archive) => Some(in_place(Place::open(&archive.path)?)),
        None => None,
    };
    let tells = notify::tells(&settings.notify)?;
    let service = Service {
        clients: if told.0.is_some() {
            Clients::embedded(&settings.kafka, &instance)
        } else {
            Clients::new(&settings.kafka, &instance)
        },
        settings,
        profiles,
        stages,
        expressions: ExpressionMaker::new(for_stream),
        telemetry: telemetry.clone(),
        make_keep,
        archive,
        make_show: Box::new(move |partition| {
            Box::new(Shown { gauges: gauges.partition(partition), told: told.0.clone() })
        }),
        follow: Box::new(FillPage::new(&page)),
        tells,
        stop,
    };
    let (ended, end) = oneshot::channel::<()>();
    let stages = spawn_blocking(move || {
        let outcome = service.run();
        drop(ended);
        outcome
    });
    let giving_back = tokio::spawn(async {
        let mut ticks = interval(GIVE_BACK);
        loop {
            ticks.tick().await;
            drop(spawn_blocking(allocator::give_back).await);
        }
    });
    let shown = page.clone();
    let served = server.serve(router(&telemetry, &page), async move {
        // Either way the stages have ended.
        end.await.unwrap_or(());
        shown.close();
    });
    let (stages, served) = tokio::join!(stages, served);
    giving_back.abort();
    stages.context("the stages ended early")??;
    served?;
    Ok(())
}

/// The name of this machine.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { format!("vigie-{}", process::id()) } else { name.to_owned() }
}
