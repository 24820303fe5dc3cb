//! The segments of a check: their results, and a table of them, what is wrong first.

use std::collections::BTreeMap;

use comfy_table::{Attribute, Cell};

use crate::alert::Policy;
use crate::app::check::table::plain;
use crate::app::check::verdict::{beyond, expected, kind};
use crate::app::terminal::{count, figure};
use crate::engine::files::FileWindow;
use crate::window::{Dataset, Figure, Heading, Plan, Status, WindowResult};

/// The results of a window's segments.
pub(super) fn of_window(plan: &Plan, heading: Heading, window: &FileWindow) -> Vec<WindowResult> {
    let bare = heading.bare();
    let each = plan.segments().iter().zip(&window.segments);
    let result = each.filter_map(|(segment, found)| {
        let result = bare.of_segment(segment.name(), found.rows);
        match (&found.reading, segment.plan()) {
            (Some(reading), Some(plan)) => {
                let result = result.with_figures(plan, reading, found.outcome.as_ref());
                Some(WindowResult { targets: found.targets.clone(), ..result })
            }
            _ => result.counted(segment),
        }
    });
    result.collect()
}

/// How many segments are named.
const MOST: usize = 20;

/// What is known of a segment over all windows.
#[derive(Default)]
struct Told<'r> {
    rows: u64,
    windows: usize,
    judged: usize,
    /// Windows in which it is not well.
    bad: usize,
    worst: Option<&'r Figure>,
    no_reference: bool,
}

/// The segments of the analysis by name, those furthest out first.
fn ranked<'r>(results: &'r [WindowResult], policy: &Policy) -> Vec<(&'r str, Told<'r>)> {
    let mut segments: BTreeMap<&str, Told<'_>> = BTreeMap::new();
    for result in results.iter().filter(|result| result.dataset == Dataset::Analysis) {
        let told = segments.entry(&result.segment).or_default();
        told.rows += result.window_rows;
        told.windows += 1;
        let alerts = |figure: &&Figure| policy.level(figure.kind).severity().is_some();
        let judged = |figure: &Figure| figure.breach.is_some();
        told.judged += usize::from(result.figures.iter().filter(alerts).any(judged));
        told.no_reference |= result.figures.iter().any(|of| of.status == Status::NoReference);
        if let Some((_, worst)) = policy.deciding(result) {
            told.bad += 1;
            if told.worst.is_none_or(|before| beyond(worst) > beyond(before)) {
                told.worst = Some(worst);
            }
        }
    }
    let mut all: Vec<(&str, Told<'_>)> = segments.into_iter().collect();
    let far = |told: &Told<'_>| told.worst.map_or(-1.0, beyond);
    all.sort_by(|(_, a), (_, b)| far(b).total_cmp(&far(a)).then_with(|| b.rows.cmp(&a.rows)));
    all
}

/// How many segments are named in a line.
const FEW: usize = 3;

/// Which segments are not well, in words; nothing where all are.
pub(super) fn said(results: &[WindowResult], policy: &Policy) -> String {
    let ranked = ranked(results, policy);
    let bad = || ranked.iter().filter(|(_, told)| told.bad > 0);
    let words = |(name, told): &(&str, Told<'_>)| {
        format!("{name} not well in {} of {}", told.bad, told.judged)
    };
    let mut all: Vec<String> = bad().take(FEW).map(words).collect();
    let more = bad().count().saturating_sub(FEW);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all.join("; ")
}

/// The segments of the analysis, those furthest out first; nothing where there are none.
pub(super) fn table(results: &[WindowResult], policy: &Policy) -> String {
    let all = ranked(results, policy);
    if all.is_empty() {
        return String::new();
    }
    let mut table = plain();
    let header = ["segments", "rows", "windows judged", "not well", "worst", "expected"];
    table.set_header(header.map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    for (name, told) in all.iter().take(MOST) {
        let (worst, limits) = match told.worst {
            Some(worst) => (figure_said(worst), expected(worst)),
            None if told.no_reference => {
                ("too few rows in the reference".to_owned(), String::new())
            }
            None if told.judged == 0 => ("too few rows to judge".to_owned(), String::new()),
            None => (String::new(), String::new()),
        };
        let judged = format!("{} of {}", told.judged, told.windows);
        let bad = if told.bad > 0 { told.bad.to_string() } else { String::new() };
        table.add_row([(*name).to_owned(), count(told.rows), judged, bad, worst, limits]);
    }
    let more = all.len().saturating_sub(MOST);
    let more = if more > 0 { format!("  and {more} segments more\n") } else { String::new() };
    format!("\n{table}\n{more}")
}

fn figure_said(found: &Figure) -> String {
    let value = found.value.map_or_else(|| "undefined".to_owned(), figure);
    match &found.column_name {
        Some(column) => format!("{column} {} {value}", found.metric),
        None => format!("{} {} {value}", kind(found.kind), found.metric),
    }
}
