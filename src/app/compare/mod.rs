//! `vigie compare`: model against model, over files and over results.

mod form;
mod over_files;
mod over_results;
mod side;
mod words;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use self::form::results;
use self::words::Told;
use crate::app::Outcome;
use crate::app::check::Save;
use crate::app::terminal::print;
use crate::diagnosis::{Answer, Compared, Gate, Margin, Question};
use crate::metric::{Better, Kind, Measure};

/// What `vigie compare` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie compare champion.parquet challenger.parquet --reference reference.parquet
  vigie compare both.csv --reference past.csv --challenger-columns probability=p2,prediction=y2
  vigie compare both.csv --reference past.csv --version-column version --champion 1 --challenger 2
  vigie compare --config vigie.toml both.csv --version-column version --champion 1 --challenger 2
  vigie compare --results results.parquet --champion 1 --challenger 2
  vigie compare --config vigie.toml --model car-loan --champion 1 --challenger 2 --gate no-worse

Exit codes: 0 fine, or the gate says yes; 1 the challenger is worse, or the gate says no; 2 an error; 3 nothing could be judged, or
the gate cannot say yet.")]
pub(super) struct CompareArgs {
    /// Rows that were scored: the champion's and the challenger's, or one of both. Without any, results are compared.
    #[arg(value_name = "FILE", num_args = 0..=2)]
    files: Vec<String>,
    /// Data from when the champion was known to be good; where the challenger has none of its own, it is of both.
    #[arg(long, value_name = "FILE")]
    reference: Vec<String>,
    /// Data from when the challenger was known to be good.
    #[arg(long, value_name = "FILE", conflicts_with = "challenger_profile")]
    challenger_reference: Vec<String>,
    /// The champion's profile in place of a reference.
    #[arg(long, value_name = "FILE", conflicts_with = "reference")]
    profile: Option<PathBuf>,
    /// The challenger's profile in place of a reference.
    #[arg(long, value_name = "FILE")]
    challenger_profile: Option<PathBuf>,
    /// Targets by id, in any order, for rows of both.
    #[arg(long, value_name = "FILE")]
    targets: Vec<String>,
    /// Settings; without them columns are found by their usual names.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which model of the settings, or of the results; without settings, what to call it.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Which model of the settings is the challenger, where it is another one.
    #[arg(long, value_name = "NAME")]
    challenger_model: Option<String>,
    /// The champion's version.
    #[arg(long, value_name = "VERSION")]
    champion: Option<String>,
    /// The challenger's version.
    #[arg(long, value_name = "VERSION")]
    challenger: Option<String>,
    /// The column that tells the rows of the two versions apart, where one file has both.
    #[arg(long, value_name = "COLUMN", requires = "champion", requires = "challenger")]
    version_column: Option<String>,
    /// Where the champion's outputs lie: probability=COLUMN, prediction=COLUMN, id=COLUMN, target=COLUMN; of several classes
    /// probability.CLASS=COLUMN.
    #[arg(long, value_name = "KEY=COLUMN", value_delimiter = ',')]
    champion_columns: Vec<String>,
    /// Where the challenger's outputs lie, likewise.
    #[arg(long, value_name = "KEY=COLUMN", value_delimiter = ',')]
    challenger_columns: Vec<String>,
    /// Rows with the same id are the same prediction, or each model has its own; without it they are pairs where half of
    /// the ids of the smaller side are found in the other.
    #[arg(long, value_name = "HOW", value_enum)]
    traffic: Option<Told>,
    /// Results as `vigie check --output` writes them, `.jsonl` or `.parquet`, in place of rows.
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    results: Vec<PathBuf>,
    /// What decides: metrics, each of which must pass the gate; without it the first one that the model is asked for.
    #[arg(long, value_name = "METRIC", value_delimiter = ',')]
    metric: Vec<String>,
    /// Whether realized or estimated performance decides; without it realized, where there are targets.
    #[arg(long, value_name = "KIND", value_enum)]
    by: Option<By>,
    /// How sure a verdict must be.
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = share)]
    confidence: f64,
    /// What is asked, for pipelines: the exit code is the answer.
    #[arg(long, value_name = "QUESTION", value_enum)]
    gate: Option<Asked>,
    /// A difference that does not matter: 0.01 in the metric's unit, or 1% of the champion's figure. For `no-worse` it is 1% if
    /// nothing is said, for `better` it is 0.
    #[arg(long, value_name = "MARGIN")]
    margin: Option<Margin>,
    /// Where to write every figure: `.jsonl` or `.parquet`.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What a gate is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Asked {
    /// Is the challenger surely not worse by more than the margin?
    NoWorse,
    /// Is the challenger surely better by more than the margin?
    Better,
}

/// Which performance decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// Against targets.
    Realized,
    /// Without them.
    Estimated,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.5 && *share < 1.0);
    share.ok_or_else(|| "a share between 0.5 and 1, for example 0.95".to_owned())
}

/// A comparison, whatever it is over.
struct Found {
    /// The names of the two, as people read them.
    names: (String, String),
    /// Model and version of each, for the results.
    identity: [(String, String); 2],
    figures: Vec<Compared>,
    /// Of segments: their names and figures.
    segments: Vec<(String, Vec<Compared>)>,
    /// The metric that the model is asked for first.
    leading: Option<Measure>,
    /// What was compared, and what must be known of it: a key and what is said.
    said: Vec<(&'static str, String)>,
    /// What the figures are of, in words: `4,000 predictions that both scored`.
    over: String,
    /// Rows of each, for the results.
    rows: (u64, u64),
    /// Start and end of what was compared.
    span: [Option<(i64, i64)>; 2],
}

/// Runs `vigie compare`.
pub(super) async fn run(args: CompareArgs) -> Result<Outcome> {
    if let Some((gate, metric)) =
        args.gate.zip(args.metric.iter().find(|name| known(name).is_none()))
    {
        bail!("--gate {gate:?}: no metric is called `{metric}`");
    }
    let save = args.output.as_deref().map(Save::create).transpose()?;
    let found = if args.files.is_empty() {
        over_results::compare(&args).await?
    } else {
        over_files::compare(&args).await?
    };
    let deciding = deciding(&args, &found)?;
    let gate = args.gate.map(|asked| Gate {
        question: match asked {
            Asked::NoWorse => Question::NoWorse,
            Asked::Better => Question::Better,
        },
        margin: args.margin.unwrap_or(match asked {
            Asked::NoWorse => Margin::Share(0.01),
            Asked::Better => Margin::Absolute(0.0),
        }),
        confidence: args.confidence,
    });
    if let Some(mut save) = save {
        for result in results(&found, gate, args.confidence) {
            save.write(&result)?;
        }
        save.finish()?;
    }
    print(&words::text(&found, &deciding, gate, args.confidence))?;
    let Some(gate) = gate else { return Ok(words::outcome(&deciding, args.confidence)) };
    Ok(match gate.of_all(&deciding) {
        Answer::Yes => Outcome::Fine,
        Answer::No => Outcome::NotWell,
        Answer::Unknown => Outcome::NothingJudged,
    })
}

/// The figures that decide.
fn deciding<'f>(args: &CompareArgs, found: &'f Found) -> Result<Vec<&'f Compared>> {
    let kinds: &[Kind] = match args.by {
        Some(By::Realized) => &[Kind::Realized],
        Some(By::Estimated) => &[Kind::Estimated],
        None => &[Kind::Realized, Kind::Estimated],
    };
    let of = |measure: &Measure| {
        let of_kind = |kind: &Kind| {
            found.figures.iter().find(|one| one.kind == *kind && one.measure == *measure)
        };
        let all: Vec<&Compared> = kinds.iter().filter_map(of_kind).collect();
        // Targets of too few rows do not silence the estimate.
        let judged = all.iter().find(|one| one.found.is_ok()).or_else(|| all.first());
        judged.copied()
    };
    if args.metric.is_empty() {
        let leading = found.leading.as_ref().and_then(of);
        let first = || {
            let merit =
                |one: &&Compared| one.better != Better::Neither && kinds.contains(&one.kind);
            found.figures.iter().find(merit)
        };
        return Ok(leading.or_else(first).into_iter().collect());
    }
    let mut deciding = Vec::new();
    for name in &args.metric {
        let compared = known(name).as_ref().and_then(of);
        let Some(compared) = compared else {
            let mut names: Vec<&str> = Vec::new();
            for one in &found.figures {
                if !names.contains(&one.measure.as_str()) {
                    names.push(one.measure.as_str());
                }
            }
            bail!("--metric {name}: there is no such figure; there are {}", names.join(", "));
        };
        if args.gate.is_some() && compared.better == Better::Neither {
            bail!(
                "--gate: whether more or less of `{name}` is good nobody says, so no gate can go by it"
            );
        }
        deciding.push(compared);
    }
    Ok(deciding)
}

fn known(name: &str) -> Option<Measure> {
    Measure::from_name(name)
}
