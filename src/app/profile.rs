//! `vigie profile`: from reference data to a file, and what is in it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::app::alerts::held_out;
use crate::app::terminal::{count, figure, print};
use crate::app::{ConfigFile, Outcome, load, reference};
use crate::metric::{ColumnKind, Metric};
use crate::profile::{
    Binary, Calibration, CalibrationReason, Categorical, Embedding, Outputs, Profile,
    ReferenceWindow, Role, Segments, Slices, Values,
};
use crate::query::table::Hints;
use crate::query::{Files, Options};
use crate::settings::Cut;
use crate::stats::Undefined;
use crate::window::utc;

/// What `vigie profile` is told.
#[derive(Debug, Subcommand)]
pub(super) enum ProfileCommand {
    /// Makes the profile of a model from data of a time when it was good, targets included.
    Build(BuildArgs),
    /// Prints a profile for people.
    #[command(after_help = "\
Examples:
  vigie profile show profiles/car-loan.vigie")]
    Show {
        /// The profile.
        profile: PathBuf,
    },
}

/// What `vigie profile build` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie profile build --reference reference.parquet
  vigie profile build --model car-loan --version 7 --reference reference.parquet")]
pub(super) struct BuildArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Which model; the only one where there is one.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Which of its versions the profile is for; all where none is named.
    #[arg(long, value_name = "VERSION", default_value = "")]
    version: String,
    /// Reference data: Parquet, CSV or JSON; a path, a glob, a folder or a URL. May be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    reference: Vec<String>,
    /// Where to write it; as the settings say where nothing is said.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs `vigie profile`.
pub(super) async fn run(command: ProfileCommand) -> Result<Outcome> {
    match command {
        ProfileCommand::Build(args) => build(args).await,
        ProfileCommand::Show { profile } => {
            print(&shown(&load::profile(&profile)?))?;
            Ok(Outcome::Fine)
        }
    }
}

async fn build(args: BuildArgs) -> Result<Outcome> {
    let path = &args.file.config;
    let settings = load::settings(path)?;
    let model = load::model(&settings, args.model.as_deref())?;
    let output = match args.output {
        Some(output) => output,
        None => load::profile_path(path, model, &args.version)?,
    };
    if model.window.cut.is_some_and(|cut| matches!(cut, Cut::Number(_))) {
        bail!(
            "model `{}`: windows by `number` are for `vigie check`; a profile for `vigie run` needs `size` or `period`",
            model.name
        );
    }
    let files = Files::open(&args.reference, &Options::default()).await?;
    let hints = Hints { infer: true, analysis: None, targets: None, ignored: &[] };
    let made_at = Timestamp::now().to_string();
    let made = reference::profile_of(
        model,
        Some(model.problem),
        &args.version,
        &files,
        hints,
        |_| Cut::FOR_RUN.into(),
        made_at,
    )
    .await?;
    load::make_parent(&output)?;
    // Whole or not at all: a service may be reading it.
    let beside = output.with_extension("part");
    fs::write(&beside, made.profile.to_text())
        .and_then(|()| fs::rename(&beside, &output))
        .with_context(|| format!("profile {} cannot be written", output.display()))?;
    let mut text = format!("{} written\n", output.display());
    let assumed: Vec<String> = made
        .choice
        .assumed
        .iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .chain(made.choice.ignored.iter().map(|(name, why)| format!("ignored {name} ({why})")))
        .collect();
    if !assumed.is_empty() {
        let _ok = writeln!(text, "  assumed  {}", assumed.join(", "));
    }
    let profile = Arc::new(made.profile);
    text += &shown(&profile);
    text += "\n";
    for (key, value) in held_out(model, &profile) {
        let _ok = writeln!(text, "  {key:<12} {value}");
    }
    print(&text)?;
    Ok(Outcome::Fine)
}

/// A profile as people read it.
fn shown(profile: &Profile) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: String| {
        let _ok = writeln!(text, "  {key:<12} {value}");
    };
    line("model", format!("{} {}", profile.model, profile.version));
    line("problem", format!("{:?}", profile.problem).to_lowercase());
    let provenance = &profile.provenance;
    let filtered = match provenance.filtered {
        0 => String::new(),
        filtered => format!(", {} left out by the filter", count(filtered)),
    };
    line(
        "reference",
        format!("{} rows{filtered}: {}", count(provenance.rows), provenance.sources.join(", ")),
    );
    line("made", format!("{} by vigie {}", provenance.made_at, provenance.engine));
    line("hash", profile.hash());
    let span = match (profile.windows.first(), profile.windows.last()) {
        (Some(first), Some(last)) => match (first.span, last.span) {
            (Some((start, _)), Some((_, end))) => format!(", {} to {}", utc(start), utc(end)),
            _ => String::new(),
        },
        _ => String::new(),
    };
    line("windows", format!("{} of {}{span}", profile.windows.len(), profile.rule));
    if let Some(filter) = &profile.filter {
        line("filter", filter.clone());
    }
    for made in &profile.derived {
        line("derived", format!("{} = {}", made.name, made.sql));
    }
    if let Outputs::Binary(binary) = &profile.outputs {
        let Binary { classes, calibration, .. } = &**binary;
        let cut = classes
            .threshold
            .map_or(String::new(), |cut| format!(", predicted from a score of {cut}"));
        line("positive", format!("{}{cut}", classes.positive));
        if let Some(calibration) = calibration {
            line("calibration", calibrated(calibration));
        }
    }
    if let Outputs::Multiclass(several) = &profile.outputs {
        let labels: Vec<&str> = several.classes.iter().map(|class| class.label.as_str()).collect();
        line("classes", labels.join(", "));
        for class in &several.classes {
            if let Some(calibration) = &class.calibration {
                line("calibration", format!("{}: {}", class.label, calibrated(calibration)));
            }
        }
    }
    if let Outputs::Regression(regression) = &profile.outputs {
        let known: Vec<&str> =
            regression.expects().flat_map(|(loss, _)| Metric::names_of(loss)).collect();
        let trees = regression.expects().map(|(_, model)| model.forest.trees()).max();
        if let Some(trees) = trees {
            line("estimates", format!("{} from {trees} trees each", known.join(", ")));
        }
    }
    for note in &provenance.notes {
        line("note", note.clone());
    }
    if let Some(segments) = &profile.segments {
        line(
            "segments",
            format!(
                "{}, judged from {} rows in a window on",
                segments.all.len(),
                segments.min_rows
            ),
        );
    }
    text += "\n";
    text += &columns_shown(profile);
    let segments = profile.segments.as_deref();
    text += &segments.map(segments_shown).unwrap_or_default();
    text += &profile.slices.as_deref().map(slices_shown).unwrap_or_default();
    text
}

/// Where the model does worst in the reference, a line each.
fn slices_shown(slices: &Slices) -> String {
    let loss = slices.loss.as_str();
    match slices.none {
        Some(Undefined::TooFew) => {
            return "\n  where it does worst in the reference is not known: too few rows have a prediction and a target\n"
                .to_owned();
        }
        Some(_) => {
            return "\n  it does as well everywhere in the reference: the loss of all rows is the same\n".to_owned();
        }
        None => {}
    }
    let mut text = format!(
        "\n  where it does worst in the reference: {loss} {} in all ({} rows that had no part in finding it)\n",
        figure(slices.mean),
        count(slices.rows)
    );
    if slices.all.is_empty() {
        let _ok = writeln!(
            text,
            "  nowhere worse than chance explains: {} slices were looked at",
            slices.asked
        );
    }
    for slice in &slices.all {
        let rows = format!("{} rows", count(slice.rows));
        let share = format!("{} %", figure(100.0 * slice.share));
        let _ok = writeln!(
            text,
            "  {:<37} {rows:<11} {share:<8} {loss} {}, {} +-{} above all",
            slice.name(),
            figure(slice.loss),
            figure(slice.excess),
            figure(slice.error)
        );
    }
    text
}

/// The columns of a profile, a line each.
fn columns_shown(profile: &Profile) -> String {
    let mut text = String::new();
    for column in &profile.columns {
        let role = match column.role {
            Role::Feature => "",
            Role::Score => "score",
            Role::Prediction => "prediction",
            Role::Target => "target",
        };
        let kind = match column.kind() {
            ColumnKind::Continuous => "continuous",
            ColumnKind::Categorical => "categorical",
            ColumnKind::Embedding => "embedding",
        };
        let mut holds = match &column.values {
            Values::Continuous(values) => format!(
                "{} to {}, mean {}, standard deviation {}",
                figure(values.least),
                figure(values.greatest),
                figure(values.mean),
                figure(values.standard_deviation)
            ),
            Values::Categorical(values) => labels(values),
            Values::Embedding(values) => vectors(values),
        };
        if column.missing > 0 && column.rows > 0 {
            let share = 100.0 * column.missing as f64 / column.rows as f64;
            let _ok = write!(holds, ", {} % missing", figure(share));
        }
        let _ok = writeln!(text, "  {:<24} {kind:<12} {role:<11} {holds}", column.name);
    }
    text
}

/// The segments of a profile, a line each.
fn segments_shown(segments: &Segments) -> String {
    let mut text = "\n".to_owned();
    for segment in &segments.all {
        let holds = match &segment.reference {
            None => "too few for a reference: counted only".to_owned(),
            Some(reference) => {
                let enough = |window: &&ReferenceWindow| window.reading.rows >= segments.min_rows;
                let windows = &reference.profile.windows;
                let own = if reference.own_calibration { ", own calibration" } else { "" };
                let enough = windows.iter().filter(enough).count();
                format!("enough in {enough} of {} windows{own}", windows.len())
            }
        };
        let rows = format!("{} rows", count(segment.rows));
        let _ok = writeln!(text, "  {:<37} {rows:<11} {holds}", segment.name);
    }
    text
}

/// How scores become probabilities, and why.
fn calibrated(calibration: &Calibration) -> String {
    let why = match calibration.reason {
        CalibrationReason::Asked => "as the settings ask",
        CalibrationReason::Helps => "it lowers the expected calibration error",
        CalibrationReason::DoesNotHelp => "it would not lower the expected calibration error",
        CalibrationReason::NotPossible => "the reference has one class, or too few rows",
    };
    let kind = if calibration.calibrator.is_some() { "isotonic" } else { "none" };
    format!("{kind}: {why}")
}

/// The vectors of an embedding, and what they have in common.
fn vectors(values: &Embedding) -> String {
    let residual = values.space.as_ref().and_then(|space| space.residual.as_ref());
    let held = match residual {
        Some(residual) => format!("{} components hold 65 % of the variance", residual.components),
        None => "nothing in common".to_owned(),
    };
    let malformed = match values.malformed {
        0 => String::new(),
        rows => format!(", {} rows with none", count(rows)),
    };
    format!("vectors of {} numbers, {held}{malformed}", values.dimensions)
}

/// How many labels are named.
const NAMED: usize = 5;

/// The most frequent labels, the most frequent first.
fn labels(values: &Categorical) -> String {
    let mut labels: Vec<(&String, u64)> =
        values.labels.iter().zip(values.counts.iter().copied()).collect();
    labels.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let named: Vec<&str> = labels.iter().take(NAMED).map(|(label, _)| label.as_str()).collect();
    let more = labels.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}
