//! An installation of vigie in a namespace of its own: settings, a profile, a topic that predictions come by.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rdkafka::producer::BaseRecord;
use tempfile::TempDir;
use vigie::simulator::{Case, Layout, World};

use crate::broker::Broker;
use crate::instance::Instance;
use crate::tools::program;
use crate::topics::unique;

/// The model of every site.
pub(crate) const MODEL: &str = "loans";
/// Rows that its profile is made of.
const REFERENCE: u64 = 6_000;

/// Runs a command of vigie in a folder to its end: exit code, and what it said on both outputs.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(program());
    let ended = command.args(arguments).current_dir(folder).env("NO_COLOR", "1").output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// An installation; its folder goes with it.
#[derive(Debug)]
pub(crate) struct Site {
    folder: TempDir,
    servers: String,
    namespace: String,
    predictions: String,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// What it said, on both outputs.
    pub(crate) said: String,
}

impl Site {
    /// A new one with a topic of so many partitions, the profile of the world's reference, and `settings` of the model
    /// (TOML below `[model.loans]`, beginning with its own keys).
    pub(crate) fn new(broker: &Broker, world: &World, partitions: i32, settings: &str) -> Self {
        let namespace = unique("site");
        let predictions = format!("{namespace}.predictions");
        broker.create_topic(
            &predictions,
            partitions,
            &[("retention.ms", "-1"), ("max.message.bytes", "4194304")],
        );
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
            servers: broker.address().to_owned(),
            namespace,
            predictions,
        };
        site.configure(settings);
        let reference = world.reference(REFERENCE);
        let mut rows = Vec::new();
        for case in reference.cases(0..REFERENCE) {
            let prediction = reference.prediction(&case);
            prediction.write_json_with(("repaid", case.repaid), Layout::Flat, &mut rows);
            rows.push(b'\n');
        }
        fs::write(site.path("reference.jsonl"), rows).unwrap();
        site.well(&["profile", "build", "--reference", &site.text("reference.jsonl")]);
        site
    }

    /// The same installation in another namespace: it reads the same topic by the same profile, and knows nothing of
    /// what the first one did.
    pub(crate) fn beside(&self, settings: &str) -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
            servers: self.servers.clone(),
            namespace: unique("site"),
            predictions: self.predictions.clone(),
        };
        site.configure(settings);
        fs::copy(self.path("loans.vigie"), site.path("loans.vigie")).unwrap();
        site
    }

    /// Writes `vigie.toml`.
    pub(crate) fn configure(&self, settings: &str) {
        self.write_settings("vigie.toml", settings);
    }

    /// Writes settings of another name beside it.
    pub(crate) fn write_settings(&self, name: &str, settings: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, self.settings(settings)).unwrap();
        path
    }

    /// Replaces text in one of its files.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.path(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "no `{from}` in {name}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    fn settings(&self, settings: &str) -> String {
        let Self { servers, namespace, predictions, .. } = self;
        format!(
            r#"
[kafka]
bootstrap_servers = "{servers}"
namespace = "{namespace}"
tally_partitions = 2
join_partitions = 3
[kafka.topics]
predictions = ["{predictions}"]
[model.{MODEL}]
problem = "binary"
profile = "loans.vigie"
columns = {{ id = "id", timestamp = "timestamp", probability = "y_pred_proba", prediction = "y_pred", target = "repaid" }}
{settings}
"#
        )
    }

    /// A file in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// The topic that predictions come by.
    pub(crate) fn predictions(&self) -> &str {
        &self.predictions
    }

    /// One of its own topics.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.namespace)
    }

    /// Runs a command of vigie to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(program());
        command.args(arguments).current_dir(self.folder.path()).env("NO_COLOR", "1");
        command.env("VIGIE_CONFIG", self.path("vigie.toml"));
        let ended = command.output().unwrap();
        let mut said = String::from_utf8_lossy(&ended.stdout).into_owned();
        write!(said, "{}", String::from_utf8_lossy(&ended.stderr)).unwrap();
        Ended { code: ended.status.code(), said }
    }

    /// The same, and it must find nothing to complain of; what it said.
    pub(crate) fn well(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "vigie {}:\n{}", arguments.join(" "), ended.said);
        ended.said
    }

    /// An instance of the service.
    pub(crate) fn start(&self, instance: &str) -> Instance {
        self.start_by(instance, &self.path("vigie.toml"))
    }

    /// The same by other settings than the site's own.
    pub(crate) fn start_by(&self, instance: &str, settings: &Path) -> Instance {
        Instance::start(&self.arguments(instance, settings))
    }

    /// An instance that runs these stages alone.
    pub(crate) fn start_stages(&self, instance: &str, stages: &str) -> Instance {
        let arguments = self.arguments(instance, &self.path("vigie.toml"));
        Instance::start(&[arguments, vec!["--stages".to_owned(), stages.to_owned()]].concat())
    }

    /// An instance that ends as if by kill -9 when it comes to a named point.
    pub(crate) fn start_to_crash(&self, instance: &str, point: &str) -> Instance {
        self.start_with(instance, &[format!("VIGIE_CRASH_AT={point}")])
    }

    /// An instance with these variables in its environment.
    pub(crate) fn start_with(&self, instance: &str, variables: &[String]) -> Instance {
        let arguments = self.arguments(instance, &self.path("vigie.toml"));
        Instance::start_with(variables, &arguments)
    }

    fn arguments(&self, instance: &str, settings: &Path) -> Vec<String> {
        vec![
            "--config".to_owned(),
            settings.display().to_string(),
            "--instance".to_owned(),
            instance.to_owned(),
            "--data-dir".to_owned(),
            self.text(instance),
        ]
    }

    /// Writes cases as a file of predictions; its name.
    pub(crate) fn file(&self, world: &World, cases: impl IntoIterator<Item = u64>) -> String {
        let mut rows = Vec::new();
        for prediction in world.predictions(cases) {
            prediction.write_json(Layout::Flat, &mut rows);
            rows.push(b'\n');
        }
        fs::write(self.path("analysis.jsonl"), rows).unwrap();
        self.text("analysis.jsonl")
    }

    /// Sends cases, in turn to the partitions.
    pub(crate) fn send(
        &self,
        broker: &Broker,
        world: &World,
        cases: impl IntoIterator<Item = u64>,
    ) {
        let partitions = broker.partitions(&self.predictions);
        let events: Vec<(i32, Vec<u8>)> = (world.cases(cases))
            .map(|case| (turn(&case, partitions), world.prediction(&case).to_json(Layout::Flat)))
            .collect();
        broker.produce(events.iter().map(|(partition, event)| {
            BaseRecord::<(), [u8]>::to(&self.predictions).partition(*partition).payload(event)
        }));
    }

    /// Sends an event to every partition that is a day later than case `next`: it ends every window before.
    pub(crate) fn send_later(&self, broker: &Broker, world: &World, next: u64) {
        let timeline = world.timeline();
        let day = 86_400_000_000 / timeline.spacing;
        let first = (next + day).next_multiple_of(u64::from(partitions_of(broker, self)));
        self.send(broker, world, first..first + u64::from(partitions_of(broker, self)));
    }
}

fn partitions_of(broker: &Broker, site: &Site) -> u32 {
    broker.partitions(&site.predictions).unsigned_abs()
}

fn turn(case: &Case, partitions: i32) -> i32 {
    let partitions = u64::from(partitions.unsigned_abs());
    i32::try_from(case.event % partitions).expect("less than the partitions")
}
