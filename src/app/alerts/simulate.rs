//! `vigie alerts simulate`: how often would a policy have paged?

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use tokio::task::spawn_blocking;

use crate::alert::{AlertEvent, Cooldown, Incident, Level, Policy, Severity, Simulation};
use crate::app::report::read;
use crate::app::terminal::{count, figure, print};
use crate::app::{Outcome, load};
use crate::metric::{Better, Kind, Measure, Problem};
use crate::profile::Profile;
use crate::settings::{Model, Settings};
use crate::stream::{Clients, read_topic};
use crate::window::{ALL, ClosedBy, Figure, Heading, Plan, WindowResult};

/// What `vigie alerts simulate` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie alerts simulate results.jsonl
  vigie alerts simulate results.parquet --open-after \"3 of 5\" --drift warning
  vigie alerts simulate --config vigie.toml --model car-loan")]
pub(in crate::app) struct SimulateArgs {
    /// Results as `vigie check --output` writes them, `.jsonl` or `.parquet`; without any those of the results topic that
    /// the settings name.
    #[arg(value_name = "RESULTS")]
    results: Vec<PathBuf>,
    /// Settings, for the policy of each model; without them the default one.
    #[arg(long, value_name = "FILE", env = "VIGIE_CONFIG")]
    config: Option<PathBuf>,
    /// Of this model alone.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// In place of the policy's `open_after`: `2 of 3`.
    #[arg(long, value_name = "N of M")]
    open_after: Option<String>,
    /// In place of its `resolve_after`.
    #[arg(long, value_name = "WINDOWS")]
    resolve_after: Option<u32>,
    /// In place of its `margin`.
    #[arg(long, value_name = "ERRORS")]
    margin: Option<f64>,
    /// In place of its `at_once`; 0 is never.
    #[arg(long, value_name = "ERRORS")]
    at_once: Option<f64>,
    /// In place of its `cooldown`.
    #[arg(long, value_name = "WINDOWS")]
    cooldown: Option<u32>,
    /// In place of its `false_discovery`; 0 looks at each figure alone.
    #[arg(long, value_name = "SHARE")]
    false_discovery: Option<f64>,
    /// In place of what drift leads to.
    #[arg(long, value_name = "LEVEL", value_parser = ["critical", "warning", "evidence", "off"])]
    drift: Option<String>,
}

/// Runs `vigie alerts simulate`.
pub(super) async fn run(args: SimulateArgs) -> Result<Outcome> {
    let settings = match &args.config {
        Some(path) => Some(load::settings(path)?),
        None if args.results.is_empty() => Some(load::settings("vigie.toml".as_ref())?),
        None => None,
    };
    let mut all = Vec::new();
    for path in &args.results {
        all.extend(read(path).await?);
    }
    if args.results.is_empty() {
        let settings = settings.clone().context("no settings")?;
        all = spawn_blocking(move || of_topic(&settings)).await.context("ended early")??;
    }
    let mut models: BTreeMap<String, Vec<WindowResult>> = BTreeMap::new();
    for result in all {
        if args.model.as_ref().is_none_or(|model| *model == result.model) {
            models.entry(result.model.clone()).or_default().push(result);
        }
    }
    if models.is_empty() {
        bail!("no results{}", args.model.map_or(String::new(), |model| format!(" of `{model}`")));
    }
    for (name, results) in &models {
        let policy = args.policy(settings.as_ref(), name, results)?;
        print(&told(name, &Simulation::of(&policy, results)))?;
    }
    Ok(Outcome::Fine)
}

impl SimulateArgs {
    /// The policy of a model, with what was said in place of its own.
    fn policy(
        &self,
        settings: Option<&Settings>,
        name: &str,
        results: &[WindowResult],
    ) -> Result<Policy> {
        let known = settings.and_then(|settings| settings.models.get(name));
        // Without settings any problem will do: what the policy makes of drift depends on what there is.
        let known = known.cloned().unwrap_or_else(|| Model::new(name, Problem::Binary));
        let mut figures = results.iter().flat_map(|result| &result.figures);
        let estimates = figures.any(|figure| figure.kind == Kind::Estimated);
        let mut policy = known.alerts.policy(estimates, known.performance.currencies());
        if let Some(text) = &self.open_after {
            let parts = text.split_once("of");
            let parts =
                parts.and_then(|(n, of)| Some((n.trim().parse().ok()?, of.trim().parse().ok()?)));
            let Some((after, of)) = parts.filter(|&(n, of): &(u32, u32)| 0 < n && n <= of) else {
                bail!("--open-after: write for example \"2 of 3\"");
            };
            (policy.open_after, policy.open_of) = (after, of);
        }
        policy.resolve_after = self.resolve_after.unwrap_or(policy.resolve_after).max(1);
        policy.margin = self.margin.unwrap_or(policy.margin);
        policy.cooldown = self.cooldown.map_or(policy.cooldown, Cooldown::Windows);
        if let Some(errors) = self.at_once {
            policy.at_once = Some(errors).filter(|&errors| errors > 0.0);
        }
        if let Some(share) = self.false_discovery {
            policy.false_discovery = Some(share).filter(|&share| share > 0.0);
        }
        policy.drift = match self.drift.as_deref() {
            Some("critical") => Level::Critical,
            Some("warning") => Level::Warning,
            Some("evidence") => Level::Evidence,
            Some(_) => Level::Off,
            None => policy.drift,
        };
        Ok(policy)
    }
}

pub(in crate::app) fn of_topic(settings: &Settings) -> Result<Vec<WindowResult>> {
    let clients = Clients::new(&settings.kafka, "alerts");
    let mut results = Vec::new();
    read_topic(&clients, &clients.kafka().topics.results, |record| {
        results.extend(record.value.and_then(|value| serde_json::from_slice(value).ok()));
    })?;
    Ok(results)
}

/// How often, when, how long.
fn told(name: &str, simulation: &Simulation) -> String {
    let Simulation { windows, incidents } = simulation;
    let critical = incidents.iter().filter(|one| one.opened.severity == Severity::Critical).count();
    let often = match incidents.len() as u64 {
        0 => String::new(),
        some => format!(", one in {} windows", figure(*windows as f64 / some as f64)),
    };
    let mut text = format!(
        "{name}  {} alerts ({critical} critical) in {} windows{often}\n",
        incidents.len(),
        count(*windows)
    );
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["  opened", "over", "windows", "updates", "severity", "what"]);
    for Incident { opened, resolved, updates } in incidents {
        let at = |event: &AlertEvent| {
            event.window.map_or(String::new(), |window| format!("window {window}"))
        };
        let length = resolved.as_ref().and_then(|over| Some(over.window? - opened.window? + 1));
        table.add_row([
            format!("  {}", at(opened)),
            resolved.as_ref().map_or("open".to_owned(), at),
            length.map_or(String::new(), count),
            count(*updates),
            opened.severity.as_str().to_owned(),
            opened.summary.clone(),
        ]);
    }
    if !incidents.is_empty() {
        let _ok = writeln!(text, "{}", table.trim_fmt());
    }
    text
}

/// How often the policy of a model would have paged over the windows of its reference, each held against the others; and
/// the smallest drops that windows of this size show.
pub(in crate::app) fn held_out(model: &Model, profile: &Arc<Profile>) -> Vec<(String, String)> {
    let policy = model.alerts.policy(profile.can_estimate(), model.performance.currencies());
    let plan = Plan::new(Arc::clone(profile), model.criteria());
    let inside: Vec<WindowResult> = (0..)
        .zip(&profile.windows)
        .map(|(index, window)| {
            let heading = Heading {
                index,
                span: window.span,
                closed_by: ClosedBy::Size,
                ..Heading::of_rows(&model.name, &profile.version, window.reading.rows)
            };
            heading.result(&plan, &window.reading, None)
        })
        .collect();
    let outside: Vec<WindowResult> = (0..inside.len())
        .map(|at| {
            let mut result = inside[at].clone();
            debug_assert!(result.segment == ALL);
            for place in 0..result.figures.len() {
                hold_out(model, &inside, at, &mut result.figures[place]);
            }
            result
        })
        .collect();
    let simulation = Simulation::of(&policy, &outside);
    let mut lines = vec![(
        "alerts".to_owned(),
        format!(
            "{} over the {} reference windows, each held against the others",
            simulation.incidents.len(),
            inside.len()
        ),
    )];
    let drops = drops(&policy, &inside);
    if !drops.is_empty() {
        let errors = figure(policy.margin);
        let rule = format!(
            "what makes every other window bad: to the threshold, and {errors} sampling errors"
        );
        lines.push(("detects".to_owned(), format!("{} ({rule})", drops.join(", "))));
    }
    lines
}

/// Whether two figures are the same one of two windows; of performance, realized values stand for both kinds, as they do in
/// thresholds.
fn same(figure: &Figure, other: &Figure, kind: Kind) -> bool {
    other.kind == kind
        && other.metric == figure.metric
        && other.column_name == figure.column_name
        && (kind == Kind::Realized || other.method == figure.method)
}

/// Holds a figure against all other windows.
fn hold_out(model: &Model, all: &[WindowResult], at: usize, figure: &mut Figure) {
    let metric = figure.metric.metric();
    let threshold = model.criteria().threshold(figure.column_name.as_deref(), metric);
    let is_metric = matches!(figure.metric, Measure::Metric(_));
    if figure.breach.is_none() || !threshold.is_from_reference() || !is_metric {
        return;
    }
    let others = |kind: Kind| -> Vec<f64> {
        let others = all.iter().enumerate().filter(|(other, _)| *other != at);
        let found = others.filter_map(|(_, result)| {
            result.figures.iter().find(|other| same(figure, other, kind))?.value
        });
        found.collect()
    };
    let values = match figure.kind {
        Kind::Estimated => Some(others(Kind::Realized)).filter(|values| !values.is_empty()),
        _ => None,
    };
    let values = values.unwrap_or_else(|| others(figure.kind));
    let limits = threshold.limits(&values, metric.spec().range);
    let Some(value) = figure.value else { return };
    figure.lower_threshold = limits.lower;
    figure.upper_threshold = limits.upper;
    let below = limits.lower.is_some_and(|limit| value < limit);
    figure.breach = Some(below || limits.upper.is_some_and(|limit| value > limit));
}

/// Of each metric of performance the smallest change for the worse that makes half of the windows bad: from the mean of the
/// reference windows to the threshold, and the margin beyond it.
fn drops(policy: &Policy, windows: &[WindowResult]) -> Vec<String> {
    let Some(first) = windows.first() else { return Vec::new() };
    let performance = first.figures.iter().filter(|figure| {
        matches!(figure.kind, Kind::Realized | Kind::Estimated)
            && matches!(figure.metric, Measure::Metric(_))
    });
    let mut told: BTreeMap<&str, Option<String>> = BTreeMap::new();
    let mut order = Vec::new();
    for one in performance {
        let kind = windows.iter().flat_map(|window| &window.figures);
        let realized = kind.clone().any(|other| same(one, other, Kind::Realized));
        let kind = if realized { Kind::Realized } else { one.kind };
        let values: Vec<f64> = windows
            .iter()
            .filter_map(|window| window.figures.iter().find(|of| same(one, of, kind))?.value)
            .collect();
        let name = one.metric.as_str();
        if values.is_empty() || told.contains_key(name) {
            continue;
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let beyond = policy.margin * one.sampling_error.unwrap_or(0.0);
        let drop = match one.metric.metric().spec().better {
            Better::Higher => one.lower_threshold.map(|limit| limit - beyond - mean),
            Better::Lower => one.upper_threshold.map(|limit| limit + beyond - mean),
            Better::Neither => None,
        };
        order.push(name);
        told.insert(name, drop.map(|drop| format!("{name} {drop:+.4} from {}", figure(mean))));
    }
    order.into_iter().filter_map(|name| told.remove(name).flatten()).collect()
}
