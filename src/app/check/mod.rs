//! `vigie check`: the engine over files, the verdict first.

mod ranking;
mod save;
mod segments;
mod slices;
mod survey;
mod table;
mod targets;
mod verdict;
mod within;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Error, Result, bail};
use arrow::array::RecordBatch;
use clap::Args;
use jiff::Timestamp;
use tokio::task::spawn_blocking;

pub(super) use self::save::Save;
pub(super) use self::targets::read as read_targets;
use self::verdict::{Verdict, verdict};
use crate::app::load;
use crate::app::reference::{self, Reference};
use crate::app::report;
use crate::app::terminal::print;
use crate::app::{Outcome, is_watched};
use crate::diagnosis::{Recent, Seen};
use crate::engine::files::{self, Asked, FileWindow};
use crate::epoch::{check, rule};
use crate::history::About;
use crate::metric::{Metric, Problem};
use crate::profile::{Profile, WindowRule};
use crate::query::table::{Choice, Hints, RowMaker, SegmentColumns, expressions_of};
use crate::query::{Files, Options};
use crate::settings::Model;
use crate::window::{ALL, ClosedBy, Heading, Plan, WindowResult, reference_results};

/// What `vigie check` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie check reference.parquet analysis.parquet
  vigie check reference.parquet analysis.parquet --targets targets.parquet
  vigie check reference.parquet analysis.parquet --output results.parquet
  vigie check --config vigie.toml --reference old.parquet --analysis new.parquet
  vigie check --within training.parquet --output parts.jsonl
  vigie check --profile profiles/car-loan.vigie analysis.parquet || echo \"not well\"

Exit codes: 0 well, 1 not well, 2 an error, 3 nothing could be judged.")]
pub(super) struct CheckArgs {
    /// Data from when the model was known to be good: Parquet, CSV or JSON; a path, a glob, a folder or a URL.
    #[arg(value_name = "REFERENCE")]
    reference: Option<String>,
    /// Data to be scored.
    #[arg(value_name = "ANALYSIS")]
    analysis: Option<String>,
    /// One data set with time and targets: which of its rows are still worth training on, each part held against the newest;
    /// may be given several times.
    #[arg(
        long,
        value_name = "DATA",
        conflicts_with_all = ["reference", "analysis", "references", "analyses", "profile", "targets", "report"]
    )]
    within: Vec<String>,
    /// The same as REFERENCE; may be given several times.
    #[arg(long = "reference", value_name = "FILE", conflicts_with = "reference")]
    references: Vec<String>,
    /// The same as ANALYSIS; may be given several times.
    #[arg(long = "analysis", value_name = "FILE", conflicts_with = "analysis")]
    analyses: Vec<String>,
    /// Targets by id, in any order, for rows of the analysis; may be given several times. Of several for one id the
    /// last counts (by `ground_truth.timestamp` where it is set), and a missing one takes back.
    #[arg(long, value_name = "FILE")]
    targets: Vec<String>,
    /// Settings; without them columns are found by their usual names.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which model of the settings; without settings, what to call it.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// A profile in place of a reference; then there is one file, the analysis.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Where to write every figure of every window: `.jsonl` or `.parquet`.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where to write a report: one HTML file with charts, the verdict first.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Also shows the windows of the reference.
    #[arg(long)]
    show_reference: bool,
}

/// The least rows that a window should have before days are enough.
const DAY_ROWS: u64 = 300;

/// What is scored, and by what.
struct Subject {
    model: Model,
    profile: Profile,
    /// How columns of the reference were chosen, where there was one.
    choice: Option<Choice>,
    analysis: Files,
    targets: Option<Files>,
}

/// Checks files.
pub(super) async fn run(args: CheckArgs) -> Result<Outcome> {
    if !args.within.is_empty() {
        return within::run(&args, &args.within).await;
    }
    let save = args.output.as_deref().map(Save::create).transpose()?;
    let subject = subject(&args).await?;
    let mut lines = Verdict::assuming(assumed(&subject));
    let model = subject.model.clone();
    let rule = subject.profile.rule;
    let currencies = model.performance.currencies();
    let policy = model.alerts.policy(subject.profile.can_estimate(), currencies);
    let reports = args.report.is_some();
    let Scored { reference, analysis, segments, ranking, rejected, told, about } =
        spawn_blocking(move || score(&subject, reports)).await.context("scoring ended early")??;
    lines.rejected(rejected);
    lines.targets(told);
    lines.segments(segments::said(&segments, &policy));
    if let Some(mut save) = save {
        for result in in_order(&[&reference, &analysis, &segments]) {
            save.write(result)?;
        }
        save.finish()?;
    }
    let outcome = verdict(&model, rule, &policy, &analysis, &mut lines);
    let mut text = lines.text();
    if args.show_reference {
        text += &table::windows("reference", &reference, &model);
    }
    text += &table::windows("analysis", &analysis, &model);
    text += &ranking;
    text += &segments::table(&segments, &policy);
    text += &slices::table(&analysis);
    text += &table::figures(&analysis, &policy, is_watched());
    if let Some(path) = &args.report {
        let (model, version) = (&about.0, &about.1);
        let results = [analysis, segments].concat();
        let mut history = report::history_of(&results, |_| policy.clone());
        history.about(model, version, about.2);
        text.push('\n');
        text += &report::write(&history, &report::title(&history), path)?;
    }
    print(&text)?;
    Ok(outcome)
}

/// Window by window, those of the reference first, and of each window the whole first.
fn in_order<'r>(results: &[&'r [WindowResult]]) -> Vec<&'r WindowResult> {
    let mut all: Vec<&WindowResult> = results.iter().flat_map(|results| results.iter()).collect();
    // Stable: segments keep the order of the profile.
    all.sort_by_key(|result| (result.dataset, result.window_index, result.segment != ALL));
    all
}

async fn subject(args: &CheckArgs) -> Result<Subject> {
    let settings = args.config.as_deref().map(load::settings).transpose()?;
    let mut named: Vec<String> = args.reference.iter().chain(&args.analysis).cloned().collect();
    let (references, analyses) = match (&args.profile, args.references.as_slice()) {
        (Some(_), []) if named.len() < 2 => {
            named.extend(args.analyses.iter().cloned());
            (Vec::new(), named)
        }
        (Some(_), _) => bail!("with --profile there is one file, the analysis"),
        (None, references) => (
            if references.is_empty() {
                named.first().cloned().into_iter().collect()
            } else {
                references.to_vec()
            },
            match (args.analyses.as_slice(), named.get(1)) {
                ([], Some(analysis)) => vec![analysis.clone()],
                // `--reference R ANALYSIS`: the one name that stands alone.
                ([], None) if !references.is_empty() => named.clone(),
                (analyses, _) => analyses.to_vec(),
            },
        ),
    };
    if analyses.is_empty() || (references.is_empty() && args.profile.is_none()) {
        bail!(
            "two files are needed: vigie check REFERENCE ANALYSIS; or a profile and one: vigie check --profile P ANALYSIS"
        );
    }
    let options = Options::default();
    let open = async |files: &[String]| Files::open(files, &options).await;
    let analysis = open(&analyses).await?;
    let targets = if args.targets.is_empty() { None } else { Some(open(&args.targets).await?) };
    if let Some(path) = &args.profile {
        let profile = load::profile(path)?;
        let model = if let Some(settings) = &settings {
            let name = args.model.as_deref().or(Some(profile.model.as_str()));
            let name = name.filter(|name| settings.models.contains_key(*name));
            load::model(settings, name.or(args.model.as_deref()))?.clone()
        } else {
            let model = Model::new(&profile.model, profile.problem);
            let made = profile.segments.as_deref().map(|segments| segments.min_rows);
            Model { segment_min_rows: made.unwrap_or(model.segment_min_rows), ..model }
        };
        if settings.is_some() {
            check(&model, &profile, rule(&model.window, profile.rule))?;
        }
        return Ok(Subject { model, profile, choice: None, analysis, targets });
    }
    let (model, problem) = match &settings {
        Some(settings) => {
            let model = load::model(settings, args.model.as_deref())?.clone();
            let problem = model.problem;
            (model, Some(problem))
        }
        None => (Model::new(args.model.as_deref().unwrap_or("model"), Problem::Binary), None),
    };
    let files = open(&references).await?;
    let hints = Hints {
        infer: true,
        analysis: Some(analysis.schema().as_ref()),
        targets: targets.as_ref().map(|targets| targets.schema().as_ref()),
        ignored: &[],
    };
    let otherwise = |timed| {
        if timed { WindowRule::Days { at_least: DAY_ROWS } } else { WindowRule::Number(10) }
    };
    let made_at = Timestamp::now().to_string();
    let Reference { profile, choice } =
        reference::profile_of(&model, problem, "", &files, hints, otherwise, made_at).await?;
    // What is asked of a model follows from its problem.
    let model = if problem.is_none() { Model::new(&model.name, profile.problem) } else { model };
    Ok(Subject { model, profile, choice: Some(choice), analysis, targets })
}

/// What nobody said, as people read it.
fn assumed(subject: &Subject) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(choice) = &subject.choice {
        said.extend(choice.assumed.iter().map(|(key, value)| format!("{key} = {value}")));
        if subject.model.window.cut.is_none() {
            said.push(format!("windows of {}", subject.profile.rule));
        }
        said.extend(choice.ignored.iter().map(|(name, why)| format!("ignored {name} ({why})")));
    }
    said.extend(subject.profile.provenance.notes.iter().cloned());
    said
}

/// The windows of the reference and of the analysis, and how many rows of the latter are in none.
struct Scored {
    reference: Vec<WindowResult>,
    analysis: Vec<WindowResult>,
    /// Of both.
    segments: Vec<WindowResult>,
    /// The columns of the analysis by what their drift has to do with its performance, as a table.
    ranking: String,
    rejected: u64,
    /// What was met among the targets, in words.
    told: Vec<String>,
    /// The model, its version, and what is known of them, for a report.
    about: (String, String, About),
}

/// Scores all windows.
fn score(subject: &Subject, distributions: bool) -> Result<Scored> {
    let profile = Arc::new(subject.profile.clone());
    let names = || subject.analysis.names().collect::<Vec<_>>().join(", ");
    let plan = Plan::new(Arc::clone(&profile), subject.model.criteria());
    let expressions = expressions_of(&profile)?;
    let schema = subject.analysis.schema();
    let (columns, wanted) =
        reference::layout(&subject.model, &profile, subject.choice.as_ref(), schema, &names())?;
    let targets = subject.targets.as_ref();
    let read =
        |files| targets::read(files, &subject.model, &profile, subject.choice.as_ref(), &columns);
    let targets = targets.map(read).transpose()?;
    let splits = SegmentColumns::of(&profile);
    let maker = RowMaker {
        columns: &columns,
        expressions: expressions.as_ref(),
        profile: Some(&*profile),
        targets: targets.as_ref(),
        needs_time: profile.rule.needs_time(),
        reconstructs: plan.criteria().whole.contains(&Metric::ReconstructionError),
        segments: splits.as_ref(),
        samples: plan.samples(),
    };
    let cut = survey::survey(&subject.analysis, profile.rule, &maker, &wanted)
        .with_context(|| format!("analysis {}", names()))?;
    let headings = Headings::new(subject, &profile);
    let mut analysis: Vec<WindowResult> = Vec::new();
    let mut segments: Vec<WindowResult> = Vec::new();
    let (mut recent, mut seen) = (Recent::default(), Vec::<Seen>::new());
    let batches = subject.analysis.scan(&wanted)?.blocking().map(|batch| {
        let batch = batch.map_err(Error::from)?;
        Ok((batch.num_rows() as u64, batch))
    });
    let convert = |batch: RecordBatch, first| maker.make(&batch, first).map_err(Error::from);
    let awaits = targets.is_some() || subject.model.ground_truth.is_some();
    let asked = Asked { targets: awaits, distributions };
    let rejected = files::run(&plan, &cut, asked, batches, convert, |window| {
        let heading = headings.analysis(&window, analysis.len() as u64);
        segments.extend(segments::of_window(&plan, heading.clone(), &window));
        let mut result = heading.result(&plan, &window.reading, window.outcome.as_ref());
        result.figures.extend(recent.take(&plan, &result));
        seen.extend(recent.newest().cloned());
        let (targets, distributions) = (window.targets, window.distributions);
        analysis.push(WindowResult { targets, distributions, ..result });
    })
    .with_context(|| format!("analysis {}", names()))?;
    let told = targets.map(|targets| targets::told(&targets)).unwrap_or_default();
    if let (Some(last), false) =
        (analysis.last_mut(), matches!(profile.rule, WindowRule::Number(_)))
    {
        let full = matches!(profile.rule, WindowRule::Size(size) if last.window_rows == size);
        if !full {
            last.closed_by = ClosedBy::End;
            let index = last.window_index;
            for segment in segments.iter_mut().filter(|segment| segment.window_index == index) {
                segment.closed_by = ClosedBy::End;
            }
        }
    }
    let (reference, of_segments) = reference_results(&plan, |index, window| {
        headings.of(index, window.span, window.row_span, window.reading.rows, 0)
    });
    segments.extend(of_segments);
    let ranking = ranking::tables(&plan, &seen);
    let (model, version) = (headings.model.clone(), headings.version.clone());
    let about = About::of((&plan, &headings.profile), (&model, &version), 0, &headings.settings);
    let about = About { currencies: subject.model.performance.currencies(), ..about };
    Ok(Scored {
        reference,
        analysis,
        segments,
        ranking,
        rejected,
        told,
        about: (model, version, about),
    })
}

/// What all windows of a check have in common.
struct Headings {
    model: String,
    version: String,
    profile: String,
    settings: String,
    rule: WindowRule,
}

impl Headings {
    fn new(subject: &Subject, profile: &Profile) -> Self {
        Self {
            model: subject.model.name.clone(),
            version: profile.version.clone(),
            profile: profile.hash(),
            settings: format!("{:032x}", subject.model.figures_hash()),
            rule: profile.rule,
        }
    }

    fn analysis(&self, window: &FileWindow, index: u64) -> Heading {
        self.of(index, window.span, window.row_span, window.reading.rows, window.rejected)
    }

    fn of(
        &self,
        index: u64,
        span: Option<(i64, i64)>,
        row_span: (u64, u64),
        rows: u64,
        rejected: u64,
    ) -> Heading {
        Heading {
            index,
            span,
            row_span: Some(row_span),
            closed_by: match self.rule {
                WindowRule::Size(_) | WindowRule::Number(_) => ClosedBy::Size,
                WindowRule::Period(_) | WindowRule::Days { .. } => ClosedBy::Period,
            },
            rejected,
            profile: self.profile.clone(),
            settings: self.settings.clone(),
            ..Heading::of_rows(&self.model, &self.version, rows)
        }
    }
}
