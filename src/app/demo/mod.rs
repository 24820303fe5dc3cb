//! `vigie demo`: everything at once on one machine, with a world whose truth is known.

mod board;
mod world;

use std::env;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;

use self::board::Board;
use self::world::{Feed, Undecided};
use crate::app::run::{Told, bind, serve};
use crate::app::terminal::{count, print};
use crate::app::{Outcome, load, reference};
use crate::query::table::Hints;
use crate::query::{Files, Options};
use crate::settings::{Cut, Settings};
use crate::stream::{
    Clients, EmbeddedBroker, Profiles, Reading, Sender, Stages, Stop, read_to_end,
};
use crate::telemetry::{Clock, Telemetry, start_log};
use crate::web::Server;
use crate::window::WindowResult;

/// What `vigie demo` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie demo
  vigie demo --rate 2000 --window 3000 --windows 20
  vigie demo --listen 127.0.0.1:9999 --folder /tmp/demo")]
pub(super) struct DemoArgs {
    /// Where the page and `/metrics` listen, as host:port; any free port of this machine where it is taken.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    listen: String,
    /// Where settings, reference and profile are written.
    #[arg(long, value_name = "FOLDER", default_value = "vigie-demo")]
    folder: PathBuf,
    /// Predictions a second.
    #[arg(long, value_name = "EVENTS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=20_000))]
    rate: u64,
    /// Predictions a window.
    #[arg(long, value_name = "EVENTS", default_value_t = 1_500, value_parser = clap::value_parser!(u64).range(300..=1_000_000))]
    window: u64,
    /// Another seed is another world.
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    seed: u64,
    /// Ends after so many windows; until Ctrl-C where nothing is said.
    #[arg(long, value_name = "WINDOWS")]
    windows: Option<u64>,
}

/// The name of the simulated model.
const MODEL: &str = "car-loan";

/// Runs `vigie demo`.
pub(super) async fn run(args: DemoArgs) -> Result<Outcome> {
    if env::var_os("VIGIE_LOG").is_some() {
        start_log(None)?;
    }
    let stop = Stop::new();
    let told = stop.clone();
    let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        told.set();
    });
    let server = match bind(&args.listen).await {
        Ok(server) => server,
        Err(_) => bind("127.0.0.1:0").await?,
    };
    let address = server.address();
    let feed = Feed::new(args.seed, args.rate, args.window);
    let broker = EmbeddedBroker::start()?;
    let (settings, config) = write_settings(&args, &broker.address(), &address.to_string())?;
    broker.make_topics(&settings)?;
    print(&format!(
        "open http://{address}/\n\n\
         vigie demo: a simulated credit model, {} predictions a second, windows of {}\n  \
         broker    {} (inside this process)\n  metrics   http://{address}/metrics\n  settings  {}\n\
         making the reference profiles of its two versions...\n",
        args.rate,
        count(args.window),
        broker.address(),
        config.display()
    ))?;
    let profiles = profiles(&args.folder, &config, &settings, &feed).await?;
    live(settings, profiles, server, stop, feed.begin(), args.windows).await?;
    print(&format!(
        "\nended; {} holds the settings, the references and their profiles\n",
        args.folder.display()
    ))?;
    drop(broker);
    Ok(Outcome::Fine)
}

/// The settings of the demo, written for whoever wants to go on from them.
fn write_settings(args: &DemoArgs, broker: &str, listen: &str) -> Result<(Settings, PathBuf)> {
    fs::create_dir_all(&args.folder)
        .with_context(|| format!("folder {} cannot be made", args.folder.display()))?;
    let text = format!(
        r#"# The settings of `vigie demo`. Its broker lives only as long as the demo: put your own here.
[kafka]
bootstrap_servers = "{broker}"
tally_partitions = 1
join_partitions = 1

[kafka.topics]
predictions = ["predictions"]
ground_truth = ["outcomes"]

[service]
listen = "{listen}"

[defaults.columns]
model = "model.name"
version = "model.version"

[model.{MODEL}]
problem = "binary"
profile = "{{model}}-{{version}}.vigie"
worst_slices = 5

[model.{MODEL}.columns]
id = "id"
timestamp = "timestamp"
probability = "y_pred_proba"
prediction = "y_pred"
target = "repaid"
features = ["features.*"]

[model.{MODEL}.ground_truth]
key = "loan.id"
target = "outcome.repaid"
timestamp = "decided_at"
wait = "5m"
every = "2s"
min_coverage = 0.5

[model.{MODEL}.window]
size = {}
"#,
        args.window
    );
    let config = args.folder.join("vigie.toml");
    fs::write(&config, text).with_context(|| format!("{} cannot be written", config.display()))?;
    Ok((load::settings(&config)?, config))
}

/// Makes the references of both versions and their profiles, as `vigie profile build` does. That of the second is put in
/// force from the beginning, as a careful person does who deploys one: who knows when its first event comes.
async fn profiles(
    folder: &Path,
    config: &Path,
    settings: &Settings,
    feed: &Feed,
) -> Result<Profiles> {
    let model = load::model(settings, Some(MODEL))?;
    for (version, world) in feed.trained() {
        let path = folder.join(format!("reference-{version}.jsonl"));
        fs::write(&path, world::reference(&world))
            .with_context(|| format!("{} cannot be written", path.display()))?;
        let files = Files::open(&[path.display().to_string()], &Options::default()).await?;
        let hints = Hints { infer: true, analysis: None, targets: None, ignored: &[] };
        let made_at = Timestamp::now().to_string();
        let otherwise = |_| Cut::FOR_RUN.into();
        let problem = Some(model.problem);
        let made =
            reference::profile_of(model, problem, version, &files, hints, otherwise, made_at)
                .await?;
        let output = load::profile_path(config, model, version)?;
        fs::write(&output, made.profile.to_text())
            .with_context(|| format!("profile {} cannot be written", output.display()))?;
    }
    load::profiles(config, settings)
}

/// Runs the service, the simulated model and the table until somebody stops them.
async fn live(
    settings: Settings,
    profiles: Profiles,
    server: Server,
    stop: Stop,
    feed: Feed,
    windows: Option<u64>,
) -> Result<()> {
    let clients = Clients::embedded(&settings.kafka, "demo");
    let alerts = settings.kafka.topics.alerts.clone();
    let topics = &settings.kafka.topics;
    let topic = topics.predictions.first().cloned().unwrap_or_default();
    let outcomes = topics.ground_truth.first().cloned().unwrap_or_default();
    let (tell, results) = channel();
    let board = Board::new(&feed, windows);
    let shown = {
        let (clients, stop) = (clients.clone(), stop.clone());
        spawn_blocking(move || show(board, &results, &clients, &alerts, &stop))
    };
    let model = {
        let stop = stop.clone();
        thread::Builder::new()
            .name("model".to_owned())
            .spawn(move || predict(&clients, &topic, &outcomes, &feed, &stop))
            .context("no thread for the model")?
    };
    let stages = Stages { intake: true, join: true, tally: true };
    let telemetry = Telemetry::new(Clock::machine());
    let told = Told::also(tell);
    let served = serve(settings, profiles, stages, telemetry, stop.clone(), server, told).await;
    stop.set();
    // A thread that panicked has said so already.
    let predicted = model.join().unwrap_or(Ok(()));
    shown.await.context("the table ended early")??;
    served?;
    predicted
}

/// The deployed model publishes predictions at its rate; and whoever hears of it says what became of each.
fn predict(clients: &Clients, topic: &str, outcomes: &str, feed: &Feed, stop: &Stop) -> Result<()> {
    let sender = Sender::new(clients, topic)?;
    let truth = Sender::new(clients, outcomes)?;
    let mut undecided = Undecided::default();
    let mut event = Vec::new();
    let mut sent = 0;
    while !stop.is_set() {
        let due = feed.due();
        while sent < due {
            event.clear();
            feed.write(sent, &mut event);
            sender.send(sent, None, &event)?;
            feed.decide(sent, &mut undecided);
            sent += 1;
        }
        while let Some(outcome) = feed.decided(&mut undecided) {
            event.clear();
            outcome.write_json(&mut event);
            truth.send(outcome.event, None, &event)?;
        }
        stop.wait(Duration::from_millis(20));
    }
    Ok(())
}

/// Prints a line a window, and every alert.
fn show(
    mut board: Board,
    results: &Receiver<WindowResult>,
    clients: &Clients,
    alerts: &str,
    stop: &Stop,
) -> Result<()> {
    let mut heard = 0;
    while let Ok(result) = results.recv() {
        // All that are there: reading alerts takes longer than many a result is away from the next.
        for result in iter::once(result).chain(results.try_iter()) {
            if !board.is_over() {
                print(&board.line(&result))?;
            }
        }
        let mut events = Vec::new();
        read_to_end(clients, alerts, 0, Reading::Everything, |record| {
            if record.offset >= heard {
                heard = record.offset + 1;
                events.extend(record.value.and_then(|value| serde_json::from_slice(value).ok()));
            }
            Ok(())
        })?;
        for event in &events {
            print(&Board::alert(event))?;
        }
        if board.is_over() {
            stop.set();
        }
    }
    Ok(())
}
