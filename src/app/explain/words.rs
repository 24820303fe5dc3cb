//! An alert and what it rests on, in words.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use serde_json::Value;

use crate::alert::{Action, AlertEvent, Event, Evidence, Resolution, Subject};
use crate::app::explain::Named;
use crate::app::explain::again::Again;
use crate::app::terminal::{count, figure};
use crate::metric::{Kind, Metric};
use crate::window::{ClosedBy, Figure, Status, WindowResult};

/// What happened, of an alert of which no window says anything, or none yet.
pub(super) fn without_result(events: &[AlertEvent]) -> String {
    let mut text = told(events);
    let why = match events.last().map(|last| last.kind) {
        Some(Subject::EarlyWarning) => "its window cannot be judged yet: there is no result",
        _ => "no window says it: there is no result",
    };
    line(&mut text, &format!("  {why}"));
    text
}

/// What happened, event by event.
fn told(events: &[AlertEvent]) -> String {
    let Some(last) = events.last() else { return String::new() };
    let mut text = format!("alert {}\n", last.id);
    for event in events {
        let what = match (event.event, event.resolution) {
            (Event::Opened, _) => "opened".to_owned(),
            (Event::Updated, _) => "updated".to_owned(),
            (Event::Resolved, resolution) => format!("resolved: {}", resolved(resolution)),
        };
        line(
            &mut text,
            &match event.window {
                Some(window) => {
                    format!("  {what}, {}, by window {window}", event.severity.as_str())
                }
                None => format!("  {what}, {}", event.severity.as_str()),
            },
        );
        line(&mut text, &format!("    {}", event.summary));
    }
    if let Some(since) = &last.since {
        line(&mut text, &format!("  since {since}"));
    }
    if last.event != Event::Resolved {
        line(&mut text, &format!("  what to do: {}", advice(last.action)));
    }
    text
}

/// What happened, the figure that decided, what lies beside it, and what all of that rests on.
pub(super) fn explain(events: &[AlertEvent], result: &WindowResult, named: &Named) -> String {
    let Some(last) = events.last() else { return String::new() };
    let mut text = told(events);
    text.push_str("\nthe figure that decided\n");
    let mut table = figures();
    add(&mut table, &last.segment, &deciding(last));
    line(&mut text, &table.to_string());

    evidence(&mut text, &last.evidence);

    let _ok = writeln!(text, "\nthe window: {}", result.id);
    if let (Some(start), Some(end)) = (&result.window_start, &result.window_end) {
        line(&mut text, &format!("  from {start} to {end}"));
    }
    let rows = format!("  {} rows, sealed {}", count(result.window_rows), closed(result.closed_by));
    line(&mut text, &rows);
    for (records, what) in [
        (result.late_rows, "came too late"),
        (result.rejected_rows, "could not be read"),
        (result.quarantined_rows, "were from the future"),
    ] {
        if records > 0 {
            line(
                &mut text,
                &format!("  {} {what} meanwhile, and are in no figure", count(records)),
            );
        }
    }
    if !result.lanes_left_out.is_empty() {
        line(&mut text, &format!("  not waited for: {}", result.lanes_left_out.join(", ")));
    }
    if let Some(coverage) = result.coverage {
        let is_final = if result.is_final { ", and no more can come" } else { "" };
        line(
            &mut text,
            &format!("  {} % of its rows have a target{is_final}", figure(100.0 * coverage)),
        );
    }
    if let Some(reason) = &result.reason {
        line(&mut text, &format!("  restated by a person: {reason}"));
    }

    text.push_str("\nits rows\n");
    if result.inputs.is_empty() {
        line(
            &mut text,
            "  the result does not say: it restates a window, whose first result has them",
        );
    } else {
        let mut table = plain();
        table.set_header(["  lane", "offsets", "rows", "digest"]);
        for input in &result.inputs {
            table.add_row(vec![
                Cell::new(format!("  {}/{}", input.topic, input.partition)),
                Cell::new(format!("{} to {}", input.from, input.to)),
                number(count(input.rows)),
                Cell::new(&input.digest),
            ]);
        }
        line(&mut text, &table.to_string());
    }

    let _ok = writeln!(text, "\njudged by epoch {}", result.epoch);
    let gone = |there: bool| if there { "" } else { " (it is not to be had here any more)" };
    line(&mut text, &format!("  profile  {}{}", result.profile, gone(named.has_profile)));
    line(&mut text, &format!("  settings {}{}", result.settings, gone(named.settings.is_some())));
    line(&mut text, &format!("  by vigie {}", result.engine));
    if let Some(settings) = &named.settings {
        settings_in_lines(&mut text, settings);
    }
    text
}

/// What came of computing it again.
pub(super) fn recomputed(again: &Again) -> String {
    let published = &again.published;
    let mut text = format!("\ncomputed again: {}\n", published.id);
    if let Some(restated) = &again.restated {
        line(
            &mut text,
            &format!(
                "  {} restates it by targets, which came by topics of their own and were not joined again",
                restated.id
            ),
        );
    } else if !again.whole {
        line(
            &mut text,
            "  without what rests on targets: they came by topics of their own and were not joined again",
        );
    }
    line(&mut text, &format!("  {} rows read again", count(again.rows)));
    for other in &again.other_inputs {
        line(&mut text, &format!("  OTHER ROWS in {other}"));
    }
    if let Some(engine) = again.other_engine() {
        line(&mut text, &format!("  it was published by vigie {engine}"));
    }
    if again.is_same() {
        line(
            &mut text,
            &format!("  THE SAME: {} bytes, every one as published", count(again.bytes as u64)),
        );
        return text;
    }
    line(&mut text, "  NOT THE SAME");
    let mut table = plain();
    table.set_header(["  figure", "published", "now"]);
    for (old, new) in &again.differing {
        let Some(any) = old.as_ref().or(new.as_ref()) else { continue };
        let value = |figure: &Option<Figure>| match figure {
            Some(figure) => {
                figure.value.map_or(figure.status.as_str().to_owned(), |v| v.to_string())
            }
            None => "none".to_owned(),
        };
        table.add_row(vec![
            Cell::new(format!("  {}", name(any))),
            Cell::new(value(old)),
            Cell::new(value(new)),
        ]);
    }
    line(&mut text, &table.to_string());
    text
}

/// Adds a line.
fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn evidence(text: &mut String, evidence: &Evidence) {
    // The rest stands in the summary.
    let Evidence { performance, drift, quality, segments, split, .. } = evidence;
    for (title, found) in [
        (
            "the change since the reference, what the inputs explain of it, and what they do not",
            split,
        ),
        ("also out: performance", performance),
        ("columns that drifted, those first that go together with performance", drift),
        ("columns whose data are broken", quality),
    ] {
        if found.is_empty() {
            continue;
        }
        let _ok = writeln!(text, "\n{title}");
        let mut table = figures();
        for figure in found {
            add(&mut table, "", figure);
        }
        line(text, &table.to_string());
    }
    if !segments.is_empty() {
        text.push_str("\nsegments that are not well themselves\n");
        let mut table = figures();
        for found in segments {
            add(
                &mut table,
                &format!("{} ({} rows)", found.segment, count(found.rows)),
                &found.figure,
            );
        }
        line(text, &table.to_string());
    }
}

/// The figure that decided, as the event has it.
fn deciding(event: &AlertEvent) -> Figure {
    Figure {
        kind: match event.kind {
            Subject::Estimated => Kind::Estimated,
            Subject::Realized => Kind::Realized,
            Subject::Drift => Kind::Drift,
            Subject::Quality => Kind::Quality,
            Subject::Silence => Kind::Summary,
            Subject::Diagnosis | Subject::EarlyWarning => Kind::Diagnosis,
        },
        metric: event.metric.clone().unwrap_or_else(|| Metric::Rows.into()),
        column_name: event.column_name.clone(),
        value: event.value,
        sampling_error: event.sampling_error,
        lower_threshold: event.lower_threshold,
        upper_threshold: event.upper_threshold,
        ..Figure::count(0.0, Status::Ok)
    }
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn figures() -> Table {
    let mut table = plain();
    table.set_header(["  figure", "value", "error", "expected", "segment"]);
    table
}

fn add(table: &mut Table, segment: &str, of: &Figure) {
    let shown = |value: Option<f64>| value.map_or_else(String::new, figure);
    table.add_row(vec![
        Cell::new(format!("  {}", name(of))),
        number(shown(of.value)),
        number(shown(of.sampling_error)),
        Cell::new(expected(of)),
        Cell::new(segment),
    ]);
}

fn number(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn name(figure: &Figure) -> String {
    let column = figure.column_name.as_deref();
    let column = column.map_or_else(String::new, |column| format!("{column} "));
    let method = figure.method.map_or_else(String::new, |method| format!(" ({})", method.as_str()));
    let of = figure.of.as_ref().map_or_else(String::new, |of| format!(" of {of}"));
    format!("{} {column}{}{of}{method}", figure.kind.as_str(), figure.metric)
}

fn expected(of: &Figure) -> String {
    match (of.lower_threshold, of.upper_threshold) {
        (Some(low), Some(high)) => format!("{} to {}", figure(low), figure(high)),
        (Some(low), None) => format!("at least {}", figure(low)),
        (None, Some(high)) => format!("at most {}", figure(high)),
        (None, None) => String::new(),
    }
}

/// Settings in canonical form, a key a line; what is not set is left out.
fn settings_in_lines(text: &mut String, settings: &str) {
    let Ok(Value::Object(settings)) = serde_json::from_str(settings) else { return };
    // When it alerts is policy: it has a number of its own, and stands here as nobody set it.
    for (key, value) in settings.iter().filter(|(key, _)| *key != "alerts") {
        let nothing = match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(keys) => keys.is_empty(),
            _ => false,
        };
        if !nothing {
            line(text, &format!("    {key} = {value}"));
        }
    }
}

const fn resolved(resolution: Option<Resolution>) -> &'static str {
    match resolution {
        Some(Resolution::Recovered) => "back inside the thresholds",
        Some(Resolution::Restated) => "a person restated a window that it rested on",
        Some(Resolution::Excluded) => "a person left a window out that it rested on",
        Some(Resolution::Superseded) => "its version, or its rule, is retired",
        Some(Resolution::Confirmed) => "its window, once judged, is not well",
        Some(Resolution::TakenBack) => "its window, once judged, is well",
        None => "it is over",
    }
}

const fn advice(action: Action) -> &'static str {
    match action {
        Action::InvestigateUpstream => "a column is broken: find out where its data come from",
        Action::SwitchOff => "targets show that it does harm: switch it off",
        Action::Retrain => "targets show that the model has become worse: retrain it",
        Action::Confirm => "an estimate says so, without targets: get some to confirm it",
        Action::Wait => "nothing yet",
    }
}

const fn closed(by: ClosedBy) -> &'static str {
    match by {
        ClosedBy::Size => "when it was full",
        ClosedBy::Period => "when every lane had passed its end",
        ClosedBy::Epoch => "as settings or profile changed",
        ClosedBy::MaxWait => "as some lanes were waited for no longer",
        ClosedBy::End => "at the end of the file",
    }
}
