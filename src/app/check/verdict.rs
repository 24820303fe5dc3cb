//! Is the model well? The first lines that a person reads.

use std::fmt::Write as _;

use crate::alert::Policy;
use crate::app::Outcome;
use crate::app::terminal::{count, figure};
use crate::diagnosis::{Share, Split};
use crate::metric::{Currencies, Kind, Metric};
use crate::profile::WindowRule;
use crate::settings::Model;
use crate::window::{Figure, Method, Status, WindowResult};

/// The first lines.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    headline: String,
    why: Vec<String>,
    segments: String,
    realized: Option<String>,
    change: Option<String>,
    rejected: u64,
    targets: Vec<String>,
    assumed: Vec<String>,
}

impl Verdict {
    /// Nothing but what was assumed.
    pub(super) fn assuming(assumed: Vec<String>) -> Self {
        Self { assumed, ..Self::default() }
    }

    /// That so many rows could not be used.
    pub(super) fn rejected(&mut self, rows: u64) {
        self.rejected = rows;
    }

    /// Which segments are not well.
    pub(super) fn segments(&mut self, said: String) {
        self.segments = said;
    }

    /// What was met among the targets.
    pub(super) fn targets(&mut self, said: Vec<String>) {
        self.targets = said;
    }

    /// As they are printed.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n", self.headline);
        let mut line = |key: &str, words: &str| {
            if !words.is_empty() {
                let _ok = writeln!(text, "  {key:<9} {words}");
            }
        };
        line("why", &self.why.join("; "));
        line("segments", &self.segments);
        line("realized", self.realized.as_deref().unwrap_or_default());
        line("change", self.change.as_deref().unwrap_or_default());
        line("targets", &self.targets.join(", "));
        if self.rejected > 0 {
            let rows = if self.rejected == 1 { "row" } else { "rows" };
            let what = "left out: a score outside of 0 to 1, scores that do not add up to 1, or no readable time";
            line("rejected", &format!("{} {rows} {what}", count(self.rejected)));
        }
        line("assumed", &self.assumed.join(", "));
        text
    }
}

/// How many reasons are named.
const REASONS: usize = 5;

/// Judges the windows of an analysis as the alert policy has it.
pub(super) fn verdict(
    model: &Model,
    rule: WindowRule,
    policy: &Policy,
    windows: &[WindowResult],
    lines: &mut Verdict,
) -> Outcome {
    let all = windows.len();
    let name = &model.name;
    let judged = windows.iter().any(|window| {
        let judges = |figure: &&Figure| policy.level(figure.kind).severity().is_some();
        window.figures.iter().filter(judges).any(|figure| figure.breach.is_some())
    });
    if !judged {
        let why = nothing_judged(model, windows, lines.rejected);
        lines.headline = format!("{name}  CANNOT JUDGE  {why}");
        return Outcome::NothingJudged;
    }
    let bad: Vec<(&WindowResult, &Figure)> =
        windows.iter().filter_map(|window| Some((window, policy.deciding(window)?.1))).collect();
    let in_words = |count: usize| format!("{count} of {all} {}", unit(rule, all));
    lines.realized = realized(windows);
    lines.change = change(windows, bad.iter().map(|(_, figure)| *figure));
    let Some(&(_, first)) = bad
        .iter()
        .max_by(|a, b| rank(a.1).cmp(&rank(b.1)).then(beyond(a.1).total_cmp(&beyond(b.1))))
    else {
        lines.headline = match headline_figure(windows) {
            Some((figure, low, high)) => format!(
                "{name}  OK  {} {} {low} to {high}, expected {} ({})",
                kind(figure.kind),
                figure.metric.as_str(),
                expected(figure),
                in_words(all)
            ),
            None => format!("{name}  OK  {}", in_words(all)),
        };
        return Outcome::Fine;
    };
    lines.headline =
        format!("{name}  NOT OK  {} ({})", said(first, &policy.currencies), in_words(bad.len()));
    lines.why = reasons(policy, windows, first);
    Outcome::NotWell
}

/// Which kind of figure leads: performance before quality before drift.
fn rank(figure: &Figure) -> u8 {
    match figure.kind {
        Kind::Realized => 3,
        Kind::Estimated => 2,
        Kind::Quality => 1,
        _ => 0,
    }
}

/// How far beyond its thresholds, as a share of their distance.
pub(super) fn beyond(figure: &Figure) -> f64 {
    let Some(value) = figure.value else { return 0.0 };
    let over = figure.upper_threshold.map_or(0.0, |limit| value - limit);
    let under = figure.lower_threshold.map_or(0.0, |limit| limit - value);
    let scale = match (figure.lower_threshold, figure.upper_threshold) {
        (Some(low), Some(high)) => high - low,
        (Some(limit), None) | (None, Some(limit)) => limit.abs(),
        (None, None) => 1.0,
    };
    over.max(under).max(0.0) / scale.abs().max(1e-12)
}

fn said(figure: &Figure, currencies: &Currencies) -> String {
    let unit = currencies.of(&figure.metric);
    let unit = unit.map_or_else(String::new, |unit| format!(" {unit}"));
    let value = figure.value.map_or("undefined".to_owned(), figure_value);
    let error = figure.sampling_error.map_or(String::new(), |e| format!(" +-{}", figure_value(e)));
    let metric = figure.metric.as_str();
    let of = match &figure.column_name {
        Some(column) => column.as_str(),
        None => kind(figure.kind),
    };
    format!("{of} {metric} {value}{error}{unit}, expected {}", expected(figure))
}

fn figure_value(value: f64) -> String {
    figure(value)
}

/// The range that is no breach.
pub(super) fn expected(figure: &Figure) -> String {
    match (figure.lower_threshold, figure.upper_threshold) {
        (Some(low), Some(high)) => format!("{} to {}", figure_value(low), figure_value(high)),
        (Some(low), None) => format!("at least {}", figure_value(low)),
        (None, Some(high)) => format!("at most {}", figure_value(high)),
        (None, None) if figure.p_value.is_some() => "p at least 0.05".to_owned(),
        (None, None) => "anything".to_owned(),
    }
}

pub(super) const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Estimated => "estimated",
        Kind::Realized => "realized",
        Kind::Drift => "drift",
        Kind::Quality => "quality",
        Kind::Summary => "summary",
        Kind::Diagnosis => "diagnosis",
    }
}

fn unit(rule: WindowRule, windows: usize) -> &'static str {
    match (rule, windows) {
        (WindowRule::Days { .. }, 1) => "day",
        (WindowRule::Days { .. }, _) => "days",
        (_, 1) => "window",
        _ => "windows",
    }
}

/// The performance figure that leads, and its least and greatest value.
fn headline_figure(windows: &[WindowResult]) -> Option<(&Figure, String, String)> {
    let is_other = |figure: &Figure| figure.method == Some(Method::Pape);
    let lead = [Kind::Realized, Kind::Estimated].into_iter().find_map(|kind| {
        let judged =
            |figure: &&Figure| figure.kind == kind && figure.breach.is_some() && !is_other(figure);
        windows.iter().flat_map(|window| &window.figures).find(judged)
    })?;
    let same = |figure: &&Figure| {
        figure.kind == lead.kind && figure.metric == lead.metric && !is_other(figure)
    };
    let values = windows.iter().flat_map(|window| &window.figures).filter(same);
    let values: Vec<f64> = values.filter_map(|figure| figure.value).collect();
    let low = values.iter().copied().min_by(f64::total_cmp)?;
    let high = values.iter().copied().max_by(f64::total_cmp)?;
    Some((lead, figure_value(low), figure_value(high)))
}

/// From this share of the rows on a fault of the data is named before any drift.
const GRAVE: f64 = 0.01;

/// How much of the rows is at fault beyond what is expected.
fn excess(found: &Figure) -> f64 {
    found.value.unwrap_or(0.0) - found.upper_threshold.unwrap_or(0.0)
}

/// What else is wrong in the windows that are bad, the furthest out first; a column once.
fn reasons(policy: &Policy, windows: &[WindowResult], first: &Figure) -> Vec<String> {
    let bad = windows.iter().filter(|window| policy.deciding(window).is_some());
    let mut worst: Vec<&Figure> = Vec::new();
    for found in bad.flat_map(|window| &window.figures) {
        let evidence = matches!(found.kind, Kind::Drift | Kind::Quality);
        if !evidence || found.breach != Some(true) || found == first {
            continue;
        }
        let same = |known: &&mut &Figure| {
            known.kind == found.kind && known.column_name == found.column_name
        };
        match worst.iter_mut().find(same) {
            Some(known) if beyond(found) > beyond(known) => *known = found,
            Some(_) => {}
            None => worst.push(found),
        }
    }
    // A fault of the data comes first where it is one of many rows.
    let grave = |found: &Figure| found.kind == Kind::Quality && excess(found) >= GRAVE;
    worst.sort_by(|a, b| {
        let drift = |found: &Figure| found.kind == Kind::Drift;
        (grave(b), drift(b)).cmp(&(grave(a), drift(a))).then(if drift(a) && drift(b) {
            beyond(b).total_cmp(&beyond(a))
        } else {
            excess(b).total_cmp(&excess(a))
        })
    });
    let more = worst.len().saturating_sub(REASONS);
    let mut words: Vec<String> = worst.iter().take(REASONS).map(|figure| reason(figure)).collect();
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words
}

fn reason(found: &Figure) -> String {
    let all = if found.kind == Kind::Drift { "the features together" } else { "the rows" };
    let column = found.column_name.as_deref().unwrap_or(all);
    let value = found.value.unwrap_or(f64::NAN);
    let percent = |what: &str| format!("{column} {} % {what}", figure(value * 100.0));
    match found.metric.metric() {
        Metric::MissingRate if value <= 1.0 => percent("missing"),
        Metric::UnseenRate if value <= 1.0 => percent("never seen before"),
        Metric::OutOfRangeRate if value <= 1.0 => percent("out of range"),
        _ => {
            let (sign, limit) = match (found.lower_threshold, found.upper_threshold) {
                (_, Some(high)) if value > high => (">", Some(high)),
                (Some(low), _) if value < low => ("<", Some(low)),
                _ => ("", None),
            };
            let limit = limit.map_or(String::new(), |limit| format!(" {sign} {}", figure(limit)));
            let drifted = if found.kind == Kind::Drift { "drifted " } else { "" };
            format!("{column} {drifted}({} {}{limit})", found.metric, figure(value))
        }
    }
}

/// What is known of the truth.
fn realized(windows: &[WindowResult]) -> Option<String> {
    let rows: u64 = windows.iter().map(|window| window.window_rows).sum();
    let labels: f64 = windows
        .iter()
        .filter_map(|window| match &window.targets {
            Some(targets) => Some(targets.rows as f64),
            None => Some(window.coverage? * window.window_rows as f64),
        })
        .sum();
    let repeated: u64 =
        windows.iter().filter_map(|window| Some(window.targets.as_ref()?.repeated)).sum();
    let known = windows.iter().any(|window| window.coverage.is_some());
    let judged = windows
        .iter()
        .flat_map(|window| &window.figures)
        .any(|figure| figure.kind == Kind::Realized && figure.breach.is_some());
    let mut labels = format!("{} of {} labels", count(labels.round() as u64), count(rows));
    if repeated > 0 {
        let _ok = write!(
            labels,
            "; {} predictions have the id of an earlier one, so no target counts for them",
            count(repeated)
        );
    }
    match (known, judged) {
        (false, _) => None,
        (true, false) => Some(format!("cannot judge: {labels}")),
        (true, true) => Some(labels),
    }
}

/// What the change of performance comes from: how often, and in the window that is furthest from the reference. Of the
/// metric that decided, or of the one that leads.
fn change<'w>(
    windows: &'w [WindowResult],
    mut bad: impl Iterator<Item = &'w Figure>,
) -> Option<String> {
    let performance = |figure: &&Figure| matches!(figure.kind, Kind::Realized | Kind::Estimated);
    let all = || windows.iter().flat_map(|window| &window.figures);
    let leading = bad.find(performance).or_else(|| all().find(performance));
    let metric = &leading?.metric;
    let of = |window: &'w WindowResult| Some((window, Split::of(&window.figures, metric)?));
    let told = |(_, split): &(&WindowResult, Split<'_>)| split.total.status == Status::Ok;
    let found: Vec<_> = windows.iter().filter_map(of).filter(told).collect();
    let size = |split: &Split<'_>| split.total.value.map_or(0.0, f64::abs);
    let (window, worst) = found.iter().max_by(|a, b| size(&a.1).total_cmp(&size(&b.1)))?;
    let told_in = |part: fn(&Split<'w>) -> Share| {
        found.iter().filter(|(_, split)| part(split) == Share::Told).count()
    };
    Some(format!(
        "{} (window {}); told from chance: covariate shift in {}, concept drift in {} of {}",
        worst.words(figure)?,
        window.window_index,
        told_in(Split::told_of_shift),
        told_in(Split::told_of_concept),
        found.len()
    ))
}

fn nothing_judged(model: &Model, windows: &[WindowResult], rejected: u64) -> String {
    let rows: u64 = windows.iter().map(|window| window.window_rows).sum();
    if rows == 0 && rejected > 0 {
        return format!("no row of the analysis can be used: all {} are rejected", count(rejected));
    }
    if rows == 0 {
        return "no rows in the analysis".to_owned();
    }
    let small = windows
        .iter()
        .all(|window| window.figures.iter().any(|figure| figure.status == Status::TooFew));
    if small {
        let most = windows.iter().map(|window| window.window_rows).max().unwrap_or(0);
        return format!(
            "no window has enough rows: the largest has {}, [model.{}.window] min_rows asks for {}",
            count(most),
            model.name,
            count(model.window.min_rows)
        );
    }
    "no figure that alerts has a value and thresholds".to_owned()
}
