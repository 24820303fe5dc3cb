//! What a service says of itself, as people read it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, Table};
use jiff::Timestamp;

use crate::app::status::exposition::{Exposition, Sample};
use crate::app::terminal::{count, figure};
use crate::metric::Metric;

/// What a service waits for, by part.
pub(super) type Waiting = BTreeMap<String, String>;

/// Everything: whether it is ready, how far it is, and how its models stand.
pub(super) fn said(server: &str, waiting: &Waiting, all: &Exposition) -> String {
    let build = all.of("vigie_build_info").next();
    let version = build.map(|build| format!(", vigie {}", build.label("version")));
    let ready = if waiting.is_empty() { "ready" } else { "NOT READY" };
    let mut text = format!("{server}  {ready}{}\n", version.unwrap_or_default());
    let mut line = |key: &str, value: &str| {
        let _ok = writeln!(text, "  {key:<9} {value}");
    };
    for (part, why) in waiting {
        line("waits", &format!("{part}: {why}"));
    }
    line("lanes", &lanes(all));
    line("read", &read(all));
    line("open", &open(all));
    for stopped in stopped(all) {
        line("STOPPED", &stopped);
    }
    text += &lags(all);
    text += &models(all);
    text
}

fn whole(all: &Exposition, family: &str) -> String {
    count(all.sum(family).unwrap_or(0.0).max(0.0) as u64)
}

fn lanes(all: &Exposition) -> String {
    format!("{} read by this instance", whole(all, "vigie_lanes"))
}

/// What was read, and what of it is in no figure.
fn read(all: &Exposition) -> String {
    let mut said = vec![format!("{} events", whole(all, "vigie_events_total"))];
    for (family, what) in [
        ("vigie_late_events_total", "late"),
        ("vigie_quarantined_events_total", "from the future"),
        ("vigie_filtered_events_total", "filtered"),
    ] {
        if all.sum(family).is_some_and(|number| number > 0.0) {
            said.push(format!("{} {what}", whole(all, family)));
        }
    }
    let letters = all.of("vigie_dead_letters_total").filter(|sample| sample.value > 0.0);
    let reasons: Vec<String> = letters
        .map(|sample| format!("{} {}", sample.label("reason"), count(sample.value as u64)))
        .collect();
    if !reasons.is_empty() {
        let number = whole(all, "vigie_dead_letters_total");
        said.push(format!("{number} dead letters ({})", reasons.join(", ")));
    }
    said.join(", ")
}

fn open(all: &Exposition) -> String {
    let bytes = all.sum("vigie_open_windows_bytes").unwrap_or(0.0);
    format!(
        "{} windows in {} MB; {} ids wait for their other half",
        whole(all, "vigie_open_windows"),
        figure(bytes / 1e6),
        whole(all, "vigie_pending_predictions")
    )
}

/// What needs a hand.
fn stopped(all: &Exposition) -> Vec<String> {
    let is = |sample: &&Sample| sample.value > 0.0;
    let lanes = all.of("vigie_lane_stopped").filter(is);
    let lanes = lanes.map(|lane| format!("{}/{}", lane.label("topic"), lane.label("partition")));
    let part = |family, what: &'static str| {
        let parts = all.of(family).filter(is);
        parts.map(move |part| format!("{what} partition {}", part.label("partition")))
    };
    let parts = part("vigie_tally_stopped", "tally").chain(part("vigie_join_stopped", "join"));
    lanes.chain(parts).map(|what| format!("{what}: the service's log says why")).collect()
}

/// How far each stage is behind, by topic.
fn lags(all: &Exposition) -> String {
    let mut topics: BTreeMap<(&str, &str), (u64, f64, f64)> = BTreeMap::new();
    for lag in all.of("vigie_lag_records") {
        let topic = topics.entry((lag.label("stage"), lag.label("topic"))).or_default();
        *topic = (topic.0 + 1, topic.1 + lag.value, topic.2.max(lag.value));
    }
    if topics.is_empty() {
        return String::new();
    }
    let mut table = titled(&["stage", "topic", "partitions", "records behind", "most in one"]);
    for ((stage, topic), (partitions, sum, most)) in topics {
        let numbers = [partitions, sum as u64, most as u64].map(|number| right(count(number)));
        table.add_row([Cell::new(stage), Cell::new(topic)].into_iter().chain(numbers));
    }
    format!("\n{table}\n")
}

/// Whose a sample is.
fn whose(sample: &Sample) -> (&str, &str) {
    (sample.label("model"), sample.label("version"))
}

/// A line a model version.
fn models(all: &Exposition) -> String {
    let known = all.of("vigie_last_event_timestamp_seconds").chain(all.of("vigie_profile_info"));
    let known: BTreeSet<(&str, &str)> = known.map(whose).collect();
    if known.is_empty() {
        return "\nno model has predicted yet\n".to_owned();
    }
    let mut table = titled(&[
        "model",
        "version",
        "epoch",
        "last event",
        "window until",
        "rows",
        "estimated",
        "realized",
        "coverage",
        "breaches",
        "alert",
    ]);
    for of in known {
        let samples = |family: &'static str| {
            all.of(family).filter(move |sample| whose(sample) == of && is_whole(sample))
        };
        let time = |family, kind: &str| {
            let mut found = samples(family).filter(|sample| sample.label("kind") == kind);
            found.next().map_or_else(String::new, |sample| moment(sample.value))
        };
        let value = |family, kind: &str| {
            samples(family).find(|sample| sample.label("kind") == kind).map(|sample| sample.value)
        };
        let breaches = samples("vigie_breach").filter(|sample| sample.value > 0.0).count();
        let alert = samples("vigie_alert_open").filter(|sample| sample.value > 0.0);
        let alert = alert.map(|sample| sample.label("severity")).min().unwrap_or("none");
        let epoch = samples("vigie_profile_info").next().map_or("", |sample| sample.label("epoch"));
        let rows = value("vigie_window_rows", "estimated").map(|rows| count(rows as u64));
        let coverage = value("vigie_window_coverage_ratio", "realized").map(figure);
        table.add_row([
            Cell::new(of.0),
            Cell::new(of.1),
            right(epoch.to_owned()),
            Cell::new(time("vigie_last_event_timestamp_seconds", "")),
            Cell::new(time("vigie_window_end_timestamp_seconds", "estimated")),
            right(rows.unwrap_or_default()),
            Cell::new(performance(samples("vigie_performance"), "estimated")),
            Cell::new(performance(samples("vigie_performance"), "realized")),
            right(coverage.unwrap_or_default()),
            right(breaches.to_string()),
            Cell::new(alert),
        ]);
    }
    format!("\n{table}\n")
}

/// Whether a sample is of no segment; some families know none.
fn is_whole(sample: &Sample) -> bool {
    matches!(sample.label("segment"), "" | "all")
}

/// The figure that stands first in the registry among those that there are.
fn performance<'s>(samples: impl Iterator<Item = &'s Sample>, kind: &str) -> String {
    let of_kind = samples.filter(|sample| sample.label("kind") == kind);
    let place = |sample: &&Sample| {
        let metric = sample.label("metric");
        Metric::all().position(|known| known.as_str() == metric).unwrap_or(usize::MAX)
    };
    let first = of_kind.min_by_key(place);
    first.map_or_else(String::new, |sample| {
        format!("{} {}", sample.label("metric"), figure(sample.value))
    })
}

fn moment(seconds: f64) -> String {
    Timestamp::from_second(seconds as i64).map_or_else(|_| String::new(), |time| time.to_string())
}

fn titled(names: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(names);
    table
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Stage, Telemetry};

    #[test]
    fn a_service_that_waits_says_for_what_and_how_far_it_is() {
        let telemetry = Telemetry::default();
        telemetry.events(12_345);
        telemetry.lanes(3);
        telemetry.lag(Stage::Intake, "predictions", 0, 1_000);
        telemetry.lag(Stage::Intake, "predictions", 1, 234);
        telemetry.lane_stopped("predictions", 2);
        let all = Exposition::read(&telemetry.exposition().unwrap());
        let waits = ("tally partition 0".to_owned(), "its state is read back".to_owned());
        let text = said("http://here", &Waiting::from([waits]), &all);
        let has = |wanted: &[&str]| {
            let line = text.lines().find(|line| wanted.iter().all(|word| line.contains(word)));
            assert!(line.is_some(), "{wanted:?} in\n{text}");
        };
        has(&["http://here", "NOT READY", "vigie 0."]);
        has(&["waits", "tally partition 0: its state is read back"]);
        has(&["lanes", "3 read"]);
        has(&["read", "12,345 events"]);
        has(&["STOPPED", "predictions/2"]);
        has(&["intake", "predictions", "2", "1,234", "1,000"]);
        has(&["no model has predicted yet"]);
    }

    #[test]
    fn a_model_is_a_line() {
        let all = Exposition::read(
            "vigie_last_event_timestamp_seconds{model=\"loans\",version=\"3\"} 1770026400\n\
             vigie_profile_info{model=\"loans\",version=\"3\",profile=\"p\",settings=\"s\",epoch=\"4\"} 1\n\
             vigie_window_rows{model=\"loans\",version=\"3\",segment=\"all\",kind=\"estimated\"} 1500\n\
             vigie_window_end_timestamp_seconds{model=\"loans\",version=\"3\",segment=\"all\",kind=\"estimated\"} 1770026000\n\
             vigie_performance{model=\"loans\",version=\"3\",segment=\"all\",kind=\"estimated\",method=\"cbpe\",metric=\"f1\"} 0.5\n\
             vigie_performance{model=\"loans\",version=\"3\",segment=\"young\",kind=\"estimated\",method=\"cbpe\",metric=\"roc_auc\"} 0.1\n\
             vigie_performance{model=\"loans\",version=\"3\",segment=\"all\",kind=\"estimated\",method=\"cbpe\",metric=\"roc_auc\"} 0.81\n\
             vigie_breach{model=\"loans\",version=\"3\",segment=\"all\",kind=\"drift\",metric=\"psi\",column=\"age\"} 1\n\
             vigie_alert_open{model=\"loans\",version=\"3\",segment=\"all\",severity=\"critical\"} 1\n",
        );
        let text = said("http://here", &Waiting::new(), &all);
        let line = text.lines().find(|line| line.contains("loans")).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "loans",
                "3",
                "4",
                "2026-02-02T10:00:00Z",
                "2026-02-02T09:53:20Z",
                "1,500",
                "roc_auc",
                "0.81",
                "1",
                "critical"
            ],
            "{text}"
        );
        assert!(text.starts_with("http://here  ready"), "{text}");
    }
}
