//! `vigie check --within`: one data set with time; which of its rows are still worth training on.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use arrow::array::RecordBatch;
use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table};
use futures::StreamExt;
use tokio::task::spawn_blocking;

use crate::app::check::{CheckArgs, Save};
use crate::app::terminal::{count, figure, print};
use crate::app::{Outcome, is_watched, load, reference};
use crate::batch::Column;
use crate::diagnosis::{Gathered, Part, Relevance, Since, Wanted, Within, since, within};
use crate::metric::{ColumnKind, Kind, Metric, Problem};
use crate::profile::Role;
use crate::query::table::{Choice, Columns, Hints, ProfileExpressions, RowMaker, choose};
use crate::query::{ColumnPath, Files, Options};
use crate::settings::{Cut, Model};
use crate::stats::Undefined;
use crate::window::{ClosedBy, Figure, Heading, Status, WindowResult, utc};

/// A part has at least so many rows, so that what follows from its inputs can be learned.
const LEAST: usize = 1_000;
/// More parts than this nobody reads.
const MOST_PARTS: usize = 60;
/// Parts where nobody says how many.
const PARTS: usize = 10;
/// By so many rows ids are told from features.
const LOOKED_AT: usize = 20_000;

/// What can be learned from a data set.
struct Learnable {
    model: Model,
    files: Files,
    choice: Choice,
    expressions: Option<ProfileExpressions>,
    wanted: Vec<ColumnPath>,
    columns: Columns,
    wants: Wanted,
}

/// A data set's parts: in time, or in the order of its rows.
struct Cuts {
    /// Where each but the first begins.
    starts: Vec<i64>,
    /// The first and the last of each; of times the end is beyond it.
    spans: Vec<(i64, i64)>,
    timed: bool,
    /// Rows without a time.
    untimed: u64,
}

/// Analyses a data set.
pub(super) async fn run(args: &CheckArgs, files: &[String]) -> Result<Outcome> {
    let save = args.output.as_deref().map(Save::create).transpose()?;
    let learnable = Learnable::of(args, files).await?;
    let name = learnable.files.names().collect::<Vec<_>>().join(", ");
    let (learnable, cuts, found) = spawn_blocking(move || {
        let cuts = learnable.cuts()?;
        let found = learnable.found(&cuts)?;
        anyhow::Ok((learnable, cuts, found))
    })
    .await
    .context("looking ended early")?
    .with_context(|| name.clone())?;
    if let Some(mut save) = save {
        for result in results(&learnable.model.name, &cuts, &found) {
            save.write(&result)?;
        }
        save.finish()?;
    }
    print(&text(&name, &learnable, &cuts, &found))?;
    Ok(if since(&found) == Since::Unknown { Outcome::NothingJudged } else { Outcome::Fine })
}

impl Learnable {
    async fn of(args: &CheckArgs, files: &[String]) -> Result<Self> {
        let settings = args.config.as_deref().map(load::settings).transpose()?;
        let (model, problem) = match &settings {
            Some(settings) => {
                let model = load::model(settings, args.model.as_deref())?.clone();
                let problem = model.problem;
                (model, Some(problem))
            }
            None => (Model::new(args.model.as_deref().unwrap_or("model"), Problem::Binary), None),
        };
        let files = Files::open(files, &Options::default()).await?;
        let name = || files.names().collect::<Vec<_>>().join(", ");
        let hints = Hints { infer: true, analysis: None, targets: None, ignored: &[] };
        let mut choice = choose(&model.name, problem, &model.columns, files.schema(), hints)
            .with_context(name)?;
        let Some(target) = choice.columns.iter().find(|column| column.role == Role::Target) else {
            bail!(
                "{}: no column is known as the target; say which: [model.{}.columns] target = \"...\"",
                name(),
                model.name
            );
        };
        let target = target.name.clone();
        let (expressions, wanted) =
            reference::computed(&model, &files, &choice).with_context(name)?;
        let batches = first(&files, &wanted).await.with_context(name)?;
        reference::drop_unfit(&model, &mut choice, &batches)?;
        let is_number = problem == Some(Problem::Regression)
            || problem.is_none() && reference::is_number(&target, &batches)?;
        if is_number {
            let of = choice.columns.iter_mut().filter(|column| column.role == Role::Target);
            of.for_each(|column| column.kind = ColumnKind::Continuous);
        }
        let wants = if is_number { Wanted::Number } else { Wanted::Class };
        let columns = reference::columns_with(&choice, expressions.as_ref());
        Ok(Self { model, files, choice, expressions, wanted, columns, wants })
    }

    fn maker(&self) -> RowMaker<'_> {
        RowMaker {
            columns: &self.columns,
            expressions: self.expressions.as_ref(),
            profile: None,
            targets: None,
            needs_time: self.columns.time.is_some(),
            reconstructs: false,
            segments: None,
            samples: false,
        }
    }

    /// Hands on the rows of each batch: their times or numbers.
    fn each(&self, mut with: impl FnMut(&[Column], &[i64])) -> Result<u64> {
        let maker = self.maker();
        let (mut first, mut rejected) = (0, 0);
        for batch in self.files.scan(&self.wanted)?.blocking() {
            let batch = batch?;
            let read = maker.make(&batch, first)?;
            first += batch.num_rows() as u64;
            rejected += read.rejected;
            let times = read.rows.times.as_deref();
            with(&read.rows.columns, times.unwrap_or(&read.rows.offsets));
        }
        Ok(rejected)
    }

    /// Where the parts begin.
    fn cuts(&self) -> Result<Cuts> {
        let timed = self.columns.time.is_some();
        let mut places: Vec<i64> = Vec::new();
        let untimed = self.each(|_, times| places.extend_from_slice(times))?;
        places.sort_unstable();
        let rows = places.len();
        if rows < 2 * LEAST {
            bail!(
                "{} rows are too few to tell older ones from newer ones: {} are needed",
                count(rows as u64),
                count(2 * LEAST as u64)
            );
        }
        let ends = match self.model.window.cut {
            Some(Cut::Period(period)) if timed => {
                let length = i64::try_from(period.as_micros()).unwrap_or(i64::MAX).max(1);
                by_period(&places, length)
            }
            Some(Cut::Number(parts)) => even(rows, parts.get() as usize),
            Some(Cut::Size(size)) => even(rows, rows / size.get() as usize),
            _ => even(rows, PARTS),
        };
        let mut starts: Vec<i64> = ends.iter().map(|&end| places[end]).collect();
        starts.dedup();
        starts.retain(|start| *start > places[0]);
        let begin = [places[0]].into_iter().chain(starts.iter().copied());
        let last = places[rows - 1] + 1;
        let end = starts.iter().copied().chain([last]);
        let spans = begin.zip(end).collect();
        Ok(Cuts { starts, spans, timed, untimed })
    }

    /// Holds each part against the newest.
    fn found(&self, cuts: &Cuts) -> Result<Within> {
        let is_input = |role: &Role, kind: &ColumnKind| {
            *role == Role::Feature && *kind != ColumnKind::Embedding
        };
        let inputs: Vec<(String, ColumnKind)> = self
            .columns
            .columns
            .iter()
            .filter(|(_, role, kind)| is_input(role, kind))
            .map(|(name, _, kind)| (name.clone(), *kind))
            .collect();
        if inputs.is_empty() {
            bail!("there is no feature, so nothing to learn from");
        }
        let mut gathered = Gathered::new(&inputs, self.wants.clone(), cuts.spans.len());
        let mut number = 0;
        self.each(|columns, times| {
            let of = self.columns.columns.iter().zip(columns);
            let features: Vec<&Column> = of
                .clone()
                .filter(|((_, role, kind), _)| is_input(role, kind))
                .map(|(_, column)| column)
                .collect();
            let mut of = of.filter(|((_, role, _), _)| *role == Role::Target);
            let target = of.next().map(|(_, column)| column);
            let part = |time: &i64| Some(cuts.starts.partition_point(|start| start <= time));
            let parts =
                times.iter().enumerate().map(|(row, time)| (part(time), number + row as u64));
            gathered.add(&features, target, parts);
            number += times.len() as u64;
        })?;
        gathered.finish();
        Ok(within(&gathered))
    }
}

/// The first rows of a file.
async fn first(files: &Files, wanted: &[ColumnPath]) -> Result<Vec<RecordBatch>> {
    let mut scan = files.scan(wanted)?;
    let (mut batches, mut rows) = (Vec::new(), 0);
    while rows < LOOKED_AT
        && let Some(batch) = scan.next().await
    {
        let batch = batch?;
        rows += batch.num_rows();
        batches.push(batch);
    }
    Ok(batches)
}

/// The ends of equal parts but the last, none of too few rows.
fn even(rows: usize, parts: usize) -> Vec<usize> {
    let parts = parts.clamp(2, MOST_PARTS).min(rows / LEAST).max(2);
    (1..parts).map(|part| part * rows / parts).collect()
}

/// The ends of periods but the last; some together where one has too few rows.
fn by_period(times: &[i64], length: i64) -> Vec<usize> {
    let least = LEAST.max(times.len() / MOST_PARTS);
    let mut ends: Vec<usize> = Vec::new();
    let mut begin = 0;
    for at in 1..times.len() {
        let is_next = times[at].div_euclid(length) != times[at - 1].div_euclid(length);
        if is_next && at - begin >= least {
            ends.push(at);
            begin = at;
        }
    }
    // The newest period has begun, but has not enough rows yet.
    if times.len() - begin < LEAST {
        ends.pop();
    }
    if ends.is_empty() { even(times.len(), 2) } else { ends }
}

/// A result a part: how its inputs and its concept are, the newest part last.
fn results(model: &str, cuts: &Cuts, found: &Within) -> Vec<WindowResult> {
    let whole = |index: usize, rows: u64| {
        let span = cuts.spans[index];
        Heading {
            index: index as u64,
            span: cuts.timed.then_some(span),
            row_span: (!cuts.timed)
                .then(|| (span.0.cast_unsigned(), span.1.cast_unsigned().saturating_sub(1))),
            closed_by: if index + 1 == cuts.spans.len() { ClosedBy::End } else { ClosedBy::Size },
            ..Heading::of_rows(model, "", rows)
        }
        .bare()
    };
    let share = |(rows, labelled): (u64, u64)| Some(labelled as f64 / rows.max(1) as f64);
    let mut results: Vec<WindowResult> = Vec::new();
    for (index, part) in found.parts.iter().enumerate() {
        let figures = figures(part);
        results.push(WindowResult {
            figures,
            coverage: share(part.rows),
            ..whole(index, part.rows.0)
        });
    }
    let newest = whole(found.parts.len(), found.newest.0);
    results.push(WindowResult { coverage: share(found.newest), ..newest });
    results
}

fn figures(part: &Part) -> Vec<Figure> {
    let classifier = Figure::bare(Kind::Drift, Metric::DomainClassifier);
    let explained = Figure::bare(Kind::Diagnosis, Metric::ExplainedShare);
    let mut figures = vec![match &part.inputs {
        Ok(inputs) => Figure {
            value: Some(inputs.roc_auc),
            sampling_error: Some(inputs.error),
            upper_threshold: Some(inputs.limit()),
            breach: Some(inputs.has_moved()),
            ..classifier
        },
        Err(reason) => Figure { status: (*reason).into(), ..classifier },
    }];
    for (column, distance) in part.inputs.iter().flat_map(|inputs| &inputs.columns) {
        figures.push(Figure {
            column_name: Some(column.clone()),
            value: Some(*distance),
            ..Figure::bare(Kind::Drift, Metric::JensenShannon)
        });
    }
    figures.push(match &part.concept {
        Ok(concept) => Figure {
            value: Some(concept.explained),
            sampling_error: Some(concept.error),
            lower_threshold: Some(concept.limit()),
            breach: Some(concept.has_moved()),
            ..explained
        },
        Err(reason) => Figure { status: Status::from(*reason), ..explained },
    });
    figures
}

/// Where a part begins or ends.
fn place(cuts: &Cuts, at: i64) -> String {
    if !cuts.timed {
        return count(at.cast_unsigned());
    }
    let text = utc(at);
    match text.strip_suffix("T00:00:00Z") {
        Some(day) => day.to_owned(),
        // Nobody trains from a microsecond on.
        None => text.split_once('.').map_or(text.clone(), |(whole, _)| format!("{whole}Z")),
    }
}

fn text(name: &str, learnable: &Learnable, cuts: &Cuts, found: &Within) -> String {
    let all = cuts.spans.len();
    let since = since(found);
    let from = |part: usize| place(cuts, cuts.spans[part].0);
    let rows = if cuts.timed { "rows since" } else { "rows from" };
    let mut text = match since {
        Since::All => format!(
            "{name}  TRAIN ON ALL ROWS  the same follows from the same inputs in all {all} parts\n"
        ),
        Since::Part(part) => format!(
            "{name}  TRAIN ON {} {}  {} of {all} parts; before, other targets follow from the same inputs\n",
            rows.to_uppercase(),
            from(part),
            all - part
        ),
        Since::Unknown => format!("{name}  CANNOT JUDGE  {}\n", nothing(found)),
    };
    let mut line = |key: &str, words: &str| {
        let _ok = writeln!(text, "  {key:<9} {words}");
    };
    let newest = cuts.spans[all - 1];
    let own = found.parts.iter().rev().find_map(|part| part.concept.as_ref().ok());
    let own = own.map_or(String::new(), |concept| {
        format!(
            "; what follows from its inputs explains {} of its targets' variance",
            figure(concept.own)
        )
    });
    line(
        "newest",
        &format!(
            "{} to {}, {} rows, {} with a target{own}",
            place(cuts, newest.0),
            place(cuts, newest.1),
            count(found.newest.0),
            count(found.newest.1)
        ),
    );
    let relevance: Vec<Relevance> = found.parts.iter().map(Part::relevance).collect();
    let named = |of: Relevance, from: usize| {
        let parts = (from..relevance.len()).filter(|&part| relevance[part] == of);
        runs(parts)
            .into_iter()
            .map(|(first, last)| {
                format!(
                    "{} to {}",
                    place(cuts, cuts.spans[first].0),
                    place(cuts, cuts.spans[last].1)
                )
            })
            .collect::<Vec<_>>()
            .join(", ")
    };
    let first = match since {
        Since::Part(part) => part,
        Since::All | Since::Unknown => 0,
    };
    let moved = named(Relevance::InputsMoved, first);
    if !moved.is_empty() {
        line(
            "inputs",
            &format!(
                "other inputs, from which the same follows, or too few like the newest to tell: {moved}"
            ),
        );
    }
    if first > 0 {
        let earlier = (0..first).filter(|&part| relevance[part] == Relevance::Relevant);
        let earlier: Vec<String> = runs(earlier)
            .into_iter()
            .map(|(a, b)| format!("{} to {}", from(a), place(cuts, cuts.spans[b].1)))
            .collect();
        if !earlier.is_empty() {
            line("also", &format!("relevant again: {}", earlier.join(", ")));
        }
    }
    if cuts.untimed > 0 {
        line("left out", &format!("{} rows without a readable time", count(cuts.untimed)));
    }
    let choice = &learnable.choice;
    let mut assumed: Vec<String> =
        choice.assumed.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    assumed.extend(choice.ignored.iter().map(|(name, why)| format!("ignored {name} ({why})")));
    if !assumed.is_empty() {
        line("assumed", &assumed.join(", "));
    }
    text + &table(cuts, found)
}

/// Those that follow each other, as first and last.
fn runs(parts: impl Iterator<Item = usize>) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for part in parts {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == part => *last = part,
            _ => runs.push((part, part)),
        }
    }
    runs
}

/// Why no part is judged.
fn nothing(found: &Within) -> &'static str {
    match found.parts.last().map(|part| &part.concept) {
        Some(Err(reason)) => why(*reason),
        _ => "there is nothing to hold the newest part against",
    }
}

fn why(reason: Undefined) -> &'static str {
    match reason {
        Undefined::TooFew => "too few rows, or too few that are like the newest ones",
        Undefined::OneClass => "the newest part's targets are all the same",
        Undefined::Constant => "nothing of the newest part's targets follows from its inputs",
        _ => reason.as_str(),
    }
}

fn table(cuts: &Cuts, found: &Within) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if !is_watched() {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    let header = [
        "  part",
        "from",
        "rows",
        "told apart",
        "explains",
        "+-",
        "expected",
        "it is",
        "moved most",
    ];
    table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    for (index, part) in found.parts.iter().enumerate() {
        let mut cells = vec![
            right(format!("  {index}")),
            Cell::new(place(cuts, cuts.spans[index].0)),
            right(count(part.rows.0)),
            right(
                part.inputs
                    .as_ref()
                    .map_or(String::new(), |inputs| format!("{:.3}", inputs.roc_auc)),
            ),
        ];
        match &part.concept {
            Ok(concept) => cells.extend([
                right(format!("{:.3}", concept.explained)),
                right(format!("{:.3}", concept.error)),
                right(format!("at least {:.3}", concept.limit())),
            ]),
            Err(reason) => {
                cells.extend([Cell::new(""), Cell::new(""), Cell::new(why(*reason))]);
            }
        }
        cells.push(Cell::new(part.relevance().as_str()));
        let moved = part.inputs.iter().filter(|inputs| inputs.has_moved());
        let moved: Vec<String> = moved
            .flat_map(|inputs| inputs.columns.iter().take(3))
            .map(|(column, distance)| format!("{column} {distance:.2}"))
            .collect();
        cells.push(Cell::new(moved.join(", ")));
        table.add_row(cells);
    }
    table.add_row([
        right(format!("  {}", found.parts.len())),
        Cell::new(place(cuts, cuts.spans[found.parts.len()].0)),
        right(count(found.newest.0)),
        Cell::new(""),
        Cell::new(""),
        Cell::new(""),
        Cell::new(""),
        Cell::new("the newest"),
    ]);
    format!("\n{}\n", table.trim_fmt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_even_and_never_too_small() {
        assert_eq!(even(10_000, 10).len(), 9);
        assert_eq!(even(3_500, 10), [1_166, 2_333]);
        assert_eq!(even(2_000, 1), [1_000]);
    }

    #[test]
    fn periods_of_few_rows_are_taken_together() {
        // 300 rows an hour.
        let times: Vec<i64> = (0..6_300).map(|row| row / 300).collect();
        let ends = by_period(&times, 1);
        assert_eq!(ends, [1_200, 2_400, 3_600, 4_800]);
    }

    #[test]
    fn parts_that_follow_each_other_are_one_stretch() {
        assert_eq!(runs([0, 1, 2, 5, 7, 8].into_iter()), [(0, 2), (5, 5), (7, 8)]);
    }
}
