//! The figures of a check as tables, what is wrong first.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table};

use crate::alert::Policy;
use crate::app::check::verdict::{beyond, expected, kind};
use crate::app::terminal::{count, figure};
use crate::metric::{Kind, Measure, Metric};
use crate::settings::Model;
use crate::window::{Figure, Method, WindowResult};

/// The windows: when, how many rows, the leading performance figure, how many figures are out.
pub(super) fn windows(title: &str, windows: &[WindowResult], model: &Model) -> String {
    let mut table = plain();
    let lead = model.performance.metrics.first().copied();
    let by_time = windows.iter().any(|window| window.window_start.is_some());
    let of = |kind: Kind| {
        windows
            .iter()
            .flat_map(|window| &window.figures)
            .any(|figure| figure.kind == kind && lead.is_some_and(|lead| figure.metric == lead))
    };
    let kinds: Vec<Kind> =
        [Kind::Estimated, Kind::Realized].into_iter().filter(|&kind| of(kind)).collect();
    let mut header = vec![
        title.to_owned(),
        if by_time { "from" } else { "rows from" }.to_owned(),
        "rows".to_owned(),
    ];
    // Targets of some rows: how many, and whether they are like the rest.
    let partial = windows.iter().any(|window| window.coverage.is_some_and(|share| share < 1.0));
    let labelled = partial && kinds.contains(&Kind::Realized);
    let differs = windows.iter().any(|window| difference(window, lead).is_some());
    if let Some(lead) = lead {
        header.extend(kinds.iter().map(|of| format!("{} {}", kind(*of), lead.as_str())));
        if labelled {
            let mut told = windows.iter().filter_map(|window| window.targets.as_ref());
            let several = told.any(|told| !told.coverage_by_class.is_empty());
            let by = if several { "by predicted class" } else { "of predicted -, +" };
            header.extend(["labels".to_owned(), by.to_owned()]);
        }
        if differs {
            header.push("estimated - realized".to_owned());
        }
        if !kinds.is_empty() {
            header.push("expected".to_owned());
        }
    }
    header.extend(["performance".to_owned(), "quality".to_owned(), "drift".to_owned()]);
    table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    let out = |window: &&WindowResult| {
        let lead = |figure: &&Figure| kinds.contains(&figure.kind) && figure.breach == Some(true);
        window.figures.iter().any(|figure| lead(&figure))
    };
    // Of many windows those where performance is out, and the newest.
    let newest = windows.len().saturating_sub(NEWEST);
    let many = windows.len() > MANY;
    let named: Vec<&WindowResult> = windows
        .iter()
        .enumerate()
        .filter(|(index, window)| !many || *index >= newest || out(window))
        .map(|(_, window)| window)
        .collect();
    let surplus = if many { named.len().saturating_sub(MANY) } else { 0 };
    for window in named.iter().skip(surplus) {
        let found = |kind: Kind| {
            let of = |figure: &&Figure| {
                figure.kind == kind && lead.is_some_and(|lead| figure.metric == lead)
            };
            let weighed = |figure: &&Figure| {
                of(figure)
                    && figure.method == Some(Method::PostStratified)
                    && figure.value.is_some()
            };
            let weighed = window.figures.iter().find(weighed);
            let weighed = weighed.filter(|_| window.coverage < Some(1.0));
            weighed.or_else(|| window.figures.iter().find(of))
        };
        let from = match (&window.window_start, window.window_start_row) {
            (Some(start), _) => short(start),
            (None, Some(row)) => count(row),
            (None, None) => String::new(),
        };
        let mut cells = vec![
            right(window.window_index.to_string()),
            Cell::new(from),
            right(count(window.window_rows)),
        ];
        for of in &kinds {
            cells.push(marked(found(*of)));
        }
        if labelled {
            cells.push(right(window.coverage.map_or(String::new(), percent)));
            cells.push(right(by_class(window)));
        }
        if differs {
            cells.push(marked(difference(window, lead)));
        }
        if !kinds.is_empty() {
            cells.push(Cell::new(
                kinds.iter().find_map(|of| found(*of)).map_or(String::new(), expected),
            ));
        }
        for of in [&[Kind::Estimated, Kind::Realized][..], &[Kind::Quality], &[Kind::Drift]] {
            cells.push(tally(window, of));
        }
        table.add_row(cells);
    }
    format!("\n{table}\n{}", not_shown(windows.len() - (named.len() - surplus)))
}

/// What is said of windows that are not shown.
fn not_shown(windows: usize) -> String {
    if windows == 0 {
        return String::new();
    }
    format!("  {windows} windows are not shown; --output writes every figure of every window\n")
}

/// More windows than this are not all shown...
const MANY: usize = 24;
/// ...but so many of the newest are.
const NEWEST: usize = 6;

/// Which targets have come, by predicted class; of several classes from the least to the most.
fn by_class(window: &WindowResult) -> String {
    let Some(told) = &window.targets else { return String::new() };
    let shares = told.coverage_by_class.values().copied();
    let (least, most) = (shares.clone().reduce(f64::min), shares.reduce(f64::max));
    if let Some((least, most)) = least.zip(most) {
        return format!("{} to {}", percent(least), percent(most));
    }
    let share = |share: Option<f64>| share.map_or("-".to_owned(), percent);
    format!("{}, {}", share(told.coverage_of_negative), share(told.coverage_of_positive))
}

/// A share as people read it: never all of it while something is missing.
fn percent(share: f64) -> String {
    if share < 1.0 {
        format!("{:.1} %", (share * 1000.0).floor() / 10.0)
    } else {
        "100 %".to_owned()
    }
}

/// By how much the estimate of the leading metric was off.
fn difference(window: &WindowResult, lead: Option<Metric>) -> Option<&Figure> {
    let lead = Measure::from(lead?);
    let of = |figure: &&Figure| {
        figure.metric == Metric::EstimatedMinusRealized
            && figure.of.as_ref() == Some(&lead)
            && figure.value.is_some()
    };
    window.figures.iter().find(of)
}

/// How many figures are out.
fn tally(window: &WindowResult, kinds: &[Kind]) -> Cell {
    let of = || window.figures.iter().filter(|figure| kinds.contains(&figure.kind));
    let out = of().filter(|figure| figure.breach == Some(true)).count();
    let judged = of().any(|figure| figure.breach.is_some());
    match (judged, out) {
        (false, _) => Cell::new("-"),
        (true, 0) => Cell::new("ok"),
        (true, out) => Cell::new(format!("{out} out")).add_attribute(Attribute::Bold),
    }
}

/// How many columns that are well are still shown.
const CALM: usize = 12;

/// Every figure over all windows, what is wrong first.
pub(super) fn figures(windows: &[WindowResult], policy: &Policy, watched: bool) -> String {
    let mut rows: BTreeMap<Key<'_>, Vec<&Figure>> = BTreeMap::new();
    // With all targets the weighed value is the plain one.
    let whole = windows.iter().all(|window| window.coverage.is_none_or(|share| share >= 1.0));
    for figure in windows.iter().flat_map(|window| &window.figures) {
        let weighed =
            figure.kind == Kind::Realized && figure.method == Some(Method::PostStratified);
        // Ranks have a table of their own.
        let ranks = matches!(
            figure.metric,
            Measure::Metric(Metric::DriftCorrelation | Metric::BreachCount)
        );
        // And so have slices.
        let slices = figure.metric.metric().is_of_slices();
        let apart = ranks || slices || (whole && weighed);
        if figure.kind != Kind::Summary && !apart {
            let column = figure.column_name.as_deref();
            let of = if weighed { Some("all rows, by weight") } else { column };
            let robust = figure.method == Some(Method::Pape);
            let of = if robust { Some("robust to shift") } else { of };
            let of = figure.of.as_ref().map_or(of, |metric| Some(metric.as_str()));
            rows.entry((figure.kind, of, &figure.metric)).or_default().push(figure);
        }
    }
    let mut lines: Vec<Line<'_>> = rows
        .into_iter()
        .filter_map(|((kind, of, metric), figures)| {
            let worst = figures
                .iter()
                .filter(|figure| figure.value.is_some())
                .max_by(|a, b| {
                    (a.breach == Some(true))
                        .cmp(&(b.breach == Some(true)))
                        .then(beyond(a).total_cmp(&beyond(b)))
                })
                .or(figures.first())?;
            let out = figures.iter().filter(|figure| figure.breach == Some(true)).count();
            let level = if out > 0 { policy.level(kind).severity() } else { None };
            Some(Line {
                kind,
                of,
                metric,
                worst,
                out,
                windows: figures.len(),
                level: level.map_or(0, |severity| severity as u8 + 1),
            })
        })
        .collect();
    lines.sort_by(|a, b| {
        let rank = |line: &Line<'_>| (line.level, line.out > 0);
        rank(b)
            .cmp(&rank(a))
            .then(a.kind.cmp(&b.kind))
            .then(b.out.cmp(&a.out))
            .then(beyond(b.worst).total_cmp(&beyond(a.worst)))
    });
    let mut table = plain();
    let header = ["figure", "of", "worst", "expected", "windows out", "status"];
    table.set_header(header.map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    let wrong = lines.iter().filter(|line| line.out > 0).count();
    let performance =
        lines.iter().filter(|line| matches!(line.kind, Kind::Estimated | Kind::Realized)).count();
    let shown = if watched { wrong.max(performance) + CALM } else { lines.len() };
    for line in lines.iter().take(shown) {
        let out = if line.out > 0 {
            format!("{} of {}", line.out, line.windows)
        } else {
            "none".to_owned()
        };
        let status = serde_json::to_value(line.worst.status).ok();
        table.add_row(vec![
            Cell::new(match line.kind {
                // Its name says what it is.
                Kind::Diagnosis => line.metric.as_str().to_owned(),
                of => format!("{} {}", kind(of), line.metric.as_str()),
            }),
            Cell::new(line.of.unwrap_or("")),
            marked(Some(line.worst)),
            Cell::new(expected(line.worst)),
            Cell::new(out),
            Cell::new(status.as_ref().and_then(|status| status.as_str()).unwrap_or("")),
        ]);
    }
    let mut text = format!("\n{table}\n");
    if lines.len() > shown {
        let _ok = writeln!(
            text,
            "  and {} that are well; --output writes every figure of every window",
            lines.len() - shown
        );
    }
    text
}

/// What a line is of: the kind, the column or what else it is of, and the metric.
type Key<'f> = (Kind, Option<&'f str>, &'f Measure);

struct Line<'f> {
    kind: Kind,
    of: Option<&'f str>,
    metric: &'f Measure,
    worst: &'f Figure,
    out: usize,
    windows: usize,
    level: u8,
}

pub(super) fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A figure with its sampling error; bold and marked where it is out.
fn marked(found: Option<&Figure>) -> Cell {
    let Some(found) = found else { return Cell::new("") };
    let Some(value) = found.value else { return Cell::new("-") };
    let error = found.sampling_error.map_or(String::new(), |error| format!(" +-{}", figure(error)));
    if found.breach == Some(true) {
        Cell::new(format!("{}{error} !", figure(value))).add_attribute(Attribute::Bold)
    } else {
        Cell::new(format!("{}{error}", figure(value)))
    }
}

/// A time without what it does not say.
fn short(time: &str) -> String {
    let time = time.strip_suffix("T00:00:00Z").unwrap_or(time);
    time.strip_suffix('Z').unwrap_or(time).replace('T', " ")
}
