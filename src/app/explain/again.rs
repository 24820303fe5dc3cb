//! A result, computed again from its rows.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use crate::batch::{Digest, Rows};
use crate::diagnosis::Recent;
use crate::epoch::{Epochs, Model};
use crate::metric::Kind;
use crate::profile::WindowRule;
use crate::query::table::for_stream;
use crate::stream::{Clients, ExpressionMaker, ever_in_force, rows_again};
use crate::window::{
    ENGINE, Figure, LaneInput, Plan, Repeated, RevisionCause, WindowResult, WindowState, utc,
};

/// What came of it.
pub(super) struct Again {
    /// The result as it was published.
    pub(super) published: WindowResult,
    /// What restated it since, if the alert speaks of that.
    pub(super) restated: Option<WindowResult>,
    /// Rows that were read again.
    pub(super) rows: u64,
    /// Whether all of it was computed again: where targets come by topics of their own, realized figures were not.
    pub(super) whole: bool,
    /// Stretches of which other records were read than the result is made of.
    pub(super) other_inputs: Vec<String>,
    /// Figures that are not the same, as they were published and as they are now.
    pub(super) differing: Vec<(Option<Figure>, Option<Figure>)>,
    /// Whether what was compared is the same to the byte.
    same_bytes: bool,
    /// Bytes that were compared.
    pub(super) bytes: usize,
}

impl Again {
    /// Whether the same rows gave the same bytes.
    pub(super) fn is_same(&self) -> bool {
        self.same_bytes && self.other_inputs.is_empty()
    }

    /// Whether another version published it.
    pub(super) fn other_engine(&self) -> Option<&str> {
        Some(self.published.engine.as_str()).filter(|engine| *engine != ENGINE)
    }
}

/// The rows of a window, folded again.
struct Folded {
    state: WindowState,
    rows: u64,
    /// Of each stretch of the result's inputs.
    stretches: BTreeMap<usize, Stretch>,
    /// Least and greatest event time.
    times: Option<(i64, i64)>,
}

/// What was folded of a stretch.
#[derive(Default)]
struct Stretch {
    digest: Digest,
    /// Least and greatest offset.
    span: Option<(i64, i64)>,
}

/// Computes a sealed result again; `before` are all results of the version in the order of their topic, `text` is how
/// it was published.
pub(super) fn recompute(
    clients: &Clients,
    before: &[WindowResult],
    published: WindowResult,
    text: String,
    restated: Option<WindowResult>,
) -> Result<Again> {
    refuse_persons(restated.as_ref())?;
    let epochs = ever_in_force(clients)?;
    let (rules, plan) = judged_by(&epochs, &published)?;
    // By period a stretch also holds rows of the windows beside it; by size all of it are of the window.
    let span = match rules.timing.rule {
        WindowRule::Period(_) => Some((
            microseconds(published.window_start.as_deref())?,
            microseconds(published.window_end.as_deref())?,
        )),
        _ => None,
    };
    let mut folded = Folded::again(clients, &epochs, &published, plan, span)?;
    let mut bare = WindowResult { figures: Vec::new(), ..published.clone() };
    bare.window_rows = folded.rows;
    bare.inputs = (0..)
        .zip(&published.inputs)
        .map(|(at, input)| stretch(input, folded.stretches.get(&at)))
        .collect();
    if span.is_none() {
        bare.window_start = folded.times.map(|(least, _)| utc(least));
        bare.window_end = folded.times.map(|(_, greatest)| utc(greatest + 1));
    }
    let reading = folded.state.evaluate(plan);
    let whole = rules.settings.ground_truth.is_none();
    let mut computed = if whole {
        let state = &mut folded.state;
        let told = state.has_targets().then(|| state.outcome(plan, &Repeated::default()));
        let (outcome, targets) = told.flatten().unzip();
        WindowResult { targets, ..bare.with_figures(plan, &reading, outcome.as_ref()) }
    } else {
        let coverage = bare.coverage;
        let mut computed = bare.with_figures(plan, &reading, None);
        computed.figures.retain(rests_on_rows);
        WindowResult { coverage, ..computed }
    };
    computed.distributions = folded.state.distributions(plan);
    computed.figures.extend(up_to(before, &published, plan).take(plan, &computed));
    let mut compared = published.clone();
    let expected = if whole {
        text.into_bytes()
    } else {
        compared.figures.retain(rests_on_rows);
        serde_json::to_vec(&compared)?
    };
    let differ = |(old, new): &(&LaneInput, &LaneInput)| old != new;
    let other_inputs = published.inputs.iter().zip(&computed.inputs).filter(differ);
    let said = |(old, new): (&LaneInput, &LaneInput)| {
        format!(
            "{}/{}: {} records from {} to {} and not {} from {} to {}",
            old.topic, old.partition, new.rows, new.from, new.to, old.rows, old.from, old.to
        )
    };
    Ok(Again {
        restated,
        rows: folded.rows,
        whole,
        other_inputs: other_inputs.map(said).collect(),
        differing: differing(&compared.figures, &computed.figures),
        same_bytes: serde_json::to_vec(&computed)? == expected,
        bytes: expected.len(),
        published,
    })
}

/// What a person made of a window are not its rows.
fn refuse_persons(restated: Option<&WindowResult>) -> Result<()> {
    let Some(restated) = restated else { return Ok(()) };
    if let Some(RevisionCause::Excluded | RevisionCause::Replaced) = restated.revision_cause {
        bail!(
            "a person restated window {} ({}): what the alert speaks of are not its rows",
            restated.window_index,
            restated.reason.as_deref().unwrap_or("no reason given")
        );
    }
    Ok(())
}

/// The settings and the plan by which a result was judged.
fn judged_by<'e>(epochs: &'e Epochs, published: &WindowResult) -> Result<(&'e Model, &'e Plan)> {
    let WindowResult { epoch, model, version, profile, settings, .. } = published;
    let rules = epochs.model(*epoch, model);
    let rules = rules
        .with_context(|| format!("epoch {epoch} of model `{model}` was never in force here"))?;
    let served = rules.version(version).filter(|_| !profile.is_empty());
    let Some(served) = served else {
        bail!("no profile served version `{version}`: its rows were counted only");
    };
    if (&served.profile, &rules.settings_hash) != (profile, settings) {
        bail!(
            "the result names profile {profile} and settings {settings}, and epoch {epoch} has {} and {}",
            served.profile,
            rules.settings_hash
        );
    }
    Ok((rules, &served.plan))
}

impl Folded {
    /// Reads the rows of a result again and folds them; `span` is what their times lie in, where that tells them apart.
    fn again(
        clients: &Clients,
        epochs: &Epochs,
        published: &WindowResult,
        plan: &Plan,
        span: Option<(i64, i64)>,
    ) -> Result<Self> {
        let (state, stretches) = (WindowState::new(plan), BTreeMap::new());
        let mut folded = Self { state, rows: 0, stretches, times: None };
        let expressions = ExpressionMaker::new(for_stream);
        rows_again(clients, epochs, published, &expressions, |at, read: &Rows| {
            let kept = match (span, &read.times) {
                (Some((start, end)), Some(event)) => {
                    let within = |(_, time): &(u32, i64)| (start..end).contains(time);
                    let places = (0..).zip(event.iter().copied()).filter(within);
                    read.pick(&places.map(|(place, _)| place).collect::<Vec<u32>>())
                }
                _ => read.clone(),
            };
            folded.fold(plan, at, &kept);
        })?;
        Ok(folded)
    }

    fn fold(&mut self, plan: &Plan, at: usize, rows: &Rows) {
        let (Some(&first), Some(&last)) = (rows.offsets.first(), rows.offsets.last()) else {
            return;
        };
        self.state.fold(plan, &plan.prepare(rows), 0, rows.len());
        self.rows += rows.len() as u64;
        let stretch = self.stretches.entry(at).or_default();
        stretch.digest.merge(&Digest::of(rows.offsets.iter().copied()));
        let known = stretch.span.unwrap_or((first, last));
        stretch.span = Some((known.0.min(first), known.1.max(last)));
        for &time in rows.times.iter().flat_map(|times| times.iter()) {
            let known = self.times.unwrap_or((time, time));
            self.times = Some((known.0.min(time), known.1.max(time)));
        }
    }
}

/// The windows before a result, over which its columns were ranked, with what persons made of them.
fn up_to(before: &[WindowResult], published: &WindowResult, plan: &Plan) -> Recent {
    let mut recent = Recent::default();
    let same_epoch = before.iter().filter(|result| result.epoch == published.epoch);
    for result in same_epoch.take_while(|result| result.id != published.id) {
        let by_person = matches!(
            result.revision_cause,
            Some(RevisionCause::Excluded | RevisionCause::Replaced)
        );
        if by_person {
            recent.amend(result, Some(plan));
        } else if result.revision == 0 {
            recent.take(plan, result);
        }
    }
    recent
}

/// What does not rest on targets that came by topics of their own.
fn rests_on_rows(figure: &Figure) -> bool {
    figure.kind != Kind::Realized && !figure.metric.metric().rests_on_targets()
}

/// A stretch as it was folded now.
fn stretch(input: &LaneInput, folded: Option<&Stretch>) -> LaneInput {
    let nothing = Stretch::default();
    let folded = folded.unwrap_or(&nothing);
    let (from, to) = folded.span.unwrap_or((input.from, input.from));
    let (rows, digest) = (folded.digest.count, folded.digest.to_string());
    LaneInput { from, to, rows, digest, ..input.clone() }
}

/// Figures that are not the same, and those that only one has.
fn differing(old: &[Figure], new: &[Figure]) -> Vec<(Option<Figure>, Option<Figure>)> {
    let key = |figure: &Figure| {
        let Figure { kind, metric, method, column_name, of, ranked_by, .. } = figure;
        (
            *kind,
            metric.to_string(),
            *method,
            column_name.clone(),
            of.as_ref().map(ToString::to_string),
            *ranked_by,
        )
    };
    let mut found: BTreeMap<_, (Option<&Figure>, Option<&Figure>)> = BTreeMap::new();
    for figure in old {
        found.entry(key(figure)).or_default().0 = Some(figure);
    }
    for figure in new {
        found.entry(key(figure)).or_default().1 = Some(figure);
    }
    let differ = found.into_values().filter(|(old, new)| old != new);
    differ.map(|(old, new)| (old.cloned(), new.cloned())).collect()
}

fn microseconds(time: Option<&str>) -> Result<i64> {
    let time = time.context("the result has no times")?;
    let time: Timestamp = time.parse().context("the result's times cannot be read")?;
    Ok(time.as_microsecond())
}
