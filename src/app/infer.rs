//! `vigie config infer`: settings to begin with, from a file or from what lies in a topic.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use anyhow::{Context, Result, bail};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use clap::Args;
use tokio::task::spawn_blocking;

use crate::app::terminal::{print, remark};
use crate::app::{Outcome, load, reference};
use crate::batch::labels as texts_of;
use crate::metric::Problem;
use crate::profile::Role;
use crate::query::table::Choice;
use crate::query::{ColumnPath, Files, Kind, Options, categorical, kind};
use crate::settings::{Kafka, Model, Outside, Settings};
use crate::stream::{Clients, read_first};

/// What `vigie config infer` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie config infer reference.parquet --model car-loan
  vigie config infer reference.csv --model car-loan --output vigie.toml
  vigie config infer --topic predictions --bootstrap-servers kafka:9092")]
pub(super) struct InferArgs {
    /// Data of the model: Parquet, CSV or JSON; a path, a glob, a folder or a URL.
    #[arg(value_name = "FILE", required_unless_present = "topic", conflicts_with = "topic")]
    files: Vec<String>,
    /// A topic with prediction events, in place of files.
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Brokers to begin with, as host:port.
    #[arg(long, value_name = "SERVERS", requires = "topic", conflicts_with = "config")]
    bootstrap_servers: Option<String>,
    /// Settings whose `[kafka]` says how to reach the cluster, where that takes more than its address.
    #[arg(long, value_name = "FILE", requires = "topic")]
    config: Option<PathBuf>,
    /// What to call the model.
    #[arg(long, value_name = "NAME", default_value = "my-model")]
    model: String,
    /// How many rows or messages are looked at.
    #[arg(long, value_name = "ROWS", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    rows: u32,
    /// Where to write the settings; to the terminal where nothing is said. What is there already is left as it is.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Brokers to begin with where nothing is said.
const SERVERS: &str = "localhost:9092";

/// Where the rows come from, in words and as settings.
struct Source {
    said: String,
    kafka: String,
    topic: Option<String>,
}

/// Runs `vigie config infer`.
pub(super) async fn run(args: InferArgs) -> Result<Outcome> {
    if let Some(output) = args.output.as_deref().filter(|output| output.exists()) {
        bail!("{} is there already, and stays as it is: name another file", output.display());
    }
    let (text, passed) = match &args.topic {
        None => (of_files(&args, &args.files, &Source::files(&args.files)).await?, 0),
        Some(topic) => of_topic(&args, topic).await?,
    };
    if passed > 0 {
        remark(&format!("{passed} messages are no JSON objects and were passed over"));
    }
    match &args.output {
        None => print(&text)?,
        Some(output) => {
            fs::write(output, text)
                .with_context(|| format!("{} cannot be written", output.display()))?;
            print(&format!(
                "{} written; look through it, then: vigie profile build --config {} --reference FILE\n",
                output.display(),
                output.display()
            ))?;
        }
    }
    Ok(Outcome::Fine)
}

impl Source {
    fn files(files: &[String]) -> Self {
        Self { said: files.join(", "), kafka: SERVERS.to_owned(), topic: None }
    }
}

/// Proposes settings for what lies in a topic; also how many messages could not be read.
async fn of_topic(args: &InferArgs, topic: &str) -> Result<(String, u64)> {
    let kafka = match (&args.config, &args.bootstrap_servers) {
        (Some(config), _) => load::settings(config)?.kafka,
        (None, servers) => {
            let servers = servers.as_deref().unwrap_or(SERVERS);
            // Settings have at least one model; of these only the cluster is wanted.
            let text = format!(
                "kafka.bootstrap_servers = {}\nmodel.any.problem = \"none\"",
                quoted(servers)
            );
            Settings::read(&text, "--bootstrap-servers", &Outside::NOTHING)?.kafka
        }
    };
    let source = Source {
        said: format!("topic {topic}"),
        kafka: kafka.bootstrap_servers.clone(),
        topic: Some(topic.to_owned()),
    };
    let (name, most) = (topic.to_owned(), args.rows);
    let (lines, passed) = spawn_blocking(move || messages(&kafka, &name, most))
        .await
        .context("reading ended early")??;
    if lines.is_empty() {
        bail!(
            "topic `{topic}` holds no JSON objects ({passed} other messages): nothing can be inferred from it"
        );
    }
    let path = env::temp_dir().join(format!("vigie-infer-{}.jsonl", process::id()));
    fs::write(&path, lines).with_context(|| format!("{} cannot be written", path.display()))?;
    let text = of_files(args, &[path.display().to_string()], &source).await;
    // A temporary file that stays is in nobody's way.
    drop(fs::remove_file(&path));
    Ok((text?, passed))
}

/// The first messages of a topic, as lines of JSON; and how many are none.
fn messages(kafka: &Kafka, topic: &str, most: u32) -> Result<(Vec<u8>, u64)> {
    let (mut lines, mut passed) = (Vec::new(), 0);
    read_first(&Clients::new(kafka, "infer"), topic, most, |record| {
        let value: Option<serde_json::Value> =
            record.value.and_then(|value| serde_json::from_slice(value).ok());
        match value.filter(serde_json::Value::is_object) {
            Some(value) => lines.extend(format!("{value}\n").into_bytes()),
            None => passed += 1,
        }
        Ok(())
    })?;
    Ok((lines, passed))
}

/// Columns that say which model, and which version, an event is of, where the file has them.
const MODELS: &[&str] = &["model.name", "model_name", "model"];
const VERSIONS: &[&str] = &["model.version", "model_version", "version"];

/// Proposes settings for rows of files.
async fn of_files(args: &InferArgs, files: &[String], source: &Source) -> Result<String> {
    let files = Files::open(files, &Options::default()).await?;
    let schema = files.schema();
    let mut model = Model::new(&args.model, Problem::Binary);
    model.columns.model = usual(MODELS, schema);
    model.columns.version = usual(VERSIONS, schema);
    let rows = usize::try_from(args.rows)?;
    let (choice, batches) = reference::inferred(&model, &files, rows).await?;
    let text = written(&model, &choice, &batches, source)?;
    let name = args.output.as_deref().unwrap_or(Path::new("the proposal")).display().to_string();
    // What is proposed must be what `vigie` takes.
    Settings::read(&text, &name, &Outside::NOTHING)?;
    Ok(text)
}

/// The first of these that is there and holds no times or lists.
fn usual(names: &[&str], schema: &Schema) -> Option<String> {
    let serves = |name: &&&str| {
        let found = ColumnPath::resolve(name, schema).ok();
        let found = found.and_then(|path| path.data_type(schema));
        found.is_some_and(|of| matches!(kind(&of), Kind::Categorical | Kind::Continuous))
    };
    names.iter().find(serves).map(|name| (*name).to_owned())
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    // JSON's escapes are TOML's too.
    serde_json::Value::from(text).to_string()
}

/// A key as TOML has it.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

/// The settings, with what was assumed beside them.
fn written(
    model: &Model,
    choice: &Choice,
    batches: &[RecordBatch],
    source: &Source,
) -> Result<String> {
    let mut text = format!(
        "# Proposed by `vigie config infer` from {}: look through it, above all at `problem` and the columns.\n\n\
         [kafka]\nbootstrap_servers = {}\n",
        source.said.replace('\n', " "),
        quoted(&source.kafka)
    );
    if let Some(topic) = &source.topic {
        let _ok = write!(text, "\n[kafka.topics]\npredictions = [{}]\n", quoted(topic));
    }
    let name = key(&model.name);
    let problem = format!("{:?}", choice.problem).to_lowercase();
    let why = choice.assumed.iter().find(|(key, _)| *key == "problem");
    let why = why.map(|(_, why)| format!(" # assumed: {why}")).unwrap_or_default();
    let _ok = write!(text, "\n[model.{name}]\nproblem = {}{why}\n", quoted(&problem));
    let _ok = write!(text, "\n[model.{name}.columns]\n");
    let mut line = |key: &str, value: String| {
        let _ok = writeln!(text, "{key} = {value}");
    };
    match choice.id.as_slice() {
        [] => {}
        [one] => line("id", place(one)),
        several => {
            let paths: Vec<String> = several.iter().map(place).collect();
            line("id", format!("[{}]", paths.join(", ")));
        }
    }
    if let Some((path, _)) = &choice.time {
        line("timestamp", place(path));
    }
    let of = |role| choice.columns.iter().filter(move |column| column.role == role);
    if choice.classes.is_empty() {
        for score in of(Role::Score) {
            line("probability", quoted(&score.event));
        }
    } else {
        let paths: Vec<String> = choice
            .classes
            .iter()
            .map(|(class, column)| format!("{} = {}", key(class), quoted(column)))
            .collect();
        line("probability", format!("{{ {} }}", paths.join(", ")));
    }
    for prediction in of(Role::Prediction) {
        line("prediction", quoted(&prediction.event));
    }
    let target = of(Role::Target).next();
    if let Some(target) = target {
        line("target", quoted(&target.event));
    }
    let mut remarks = Vec::new();
    if target.is_none() && choice.problem != Problem::None {
        remarks.push(
            "target = \"...\": where the reference has it; without it no profile can be made"
                .to_owned(),
        );
    }
    if let Some(target) = target.filter(|_| choice.problem == Problem::Binary) {
        remarks.extend(positive(&target.name, batches)?);
    }
    for (key, path) in [("model", &model.columns.model), ("version", &model.columns.version)] {
        if let Some(path) = path {
            remarks.push(format!("{key} = {}: where one topic has several", quoted(path)));
        }
    }
    let features: Vec<&str> = of(Role::Feature).map(|column| column.name.as_str()).collect();
    remarks.push(format!("features, every other column: {}", features.join(", ")));
    remarks.extend(choice.ignored.iter().map(|(name, why)| format!("no feature: {name}, {why}")));
    for remark in remarks {
        let _ok = writeln!(text, "# {}", remark.replace('\n', " "));
    }
    if target.is_none() && choice.problem != Problem::None {
        let id = choice.id.first().map_or_else(|| quoted("id"), place);
        let _ok = write!(
            text,
            "\n# Where targets come later, on a topic of their own:\n#[model.{name}.ground_truth]\n\
             #topics = [\"ground-truth\"]\n#key = {id}\n#target = \"target\"\n"
        );
    }
    Ok(text)
}

/// Where a column lies in an event, as TOML has it.
fn place(path: &ColumnPath) -> String {
    quoted(&path.event_path().to_string())
}

/// That somebody must say which class the probability is of, where no class is called as it usually is.
fn positive(target: &str, batches: &[RecordBatch]) -> Result<Option<String>> {
    let mut classes = BTreeSet::new();
    for batch in batches {
        let Some(values) = batch.column_by_name(target) else { continue };
        let labels = categorical(target, values)?;
        classes.extend(texts_of(&labels).map(str::to_owned));
    }
    let usual = ["1", "1.0", "true", "True"];
    if classes.iter().any(|class| usual.contains(&class.as_str())) || classes.is_empty() {
        return Ok(None);
    }
    let classes: Vec<String> = classes.iter().take(5).map(|class| quoted(class)).collect();
    Ok(Some(format!("positive = ...: which of {} is the probability of?", classes.join(" and "))))
}
