//! Who may know whom. The architecture of the crate as a table, held against what every source file names.
//!
//! A new module needs a row, a new dependency a place. An allowance is a whole module where one layer stands on the
//! other, and single items where it only borrows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::sources::{self, Named};

/// A module at the top of the crate.
struct Layer {
    name: &'static str,
    /// No files, clock, network or threads.
    pure: bool,
    /// Modules and items of the crate that it may name, and, if it is pure, what it may still ask of `std`.
    /// Modules stand above it in the table, so nothing goes in circles.
    knows: &'static [&'static str],
}

const fn pure(name: &'static str, knows: &'static [&'static str]) -> Layer {
    Layer { name, pure: true, knows }
}

const fn daemon(name: &'static str, knows: &'static [&'static str]) -> Layer {
    Layer { name, pure: false, knows }
}

const LAYERS: &[Layer] = &[
    pure("stats", &[]),
    pure("formula", &[]),
    pure("simulator", &[]), // it makes events as the outside would, so it shares nothing with what reads them
    pure("metric", &["stats"]),
    pure("batch", &["stats::codec"]),
    pure("profile", &["stats", "formula", "metric", "batch"]),
    pure("window", &["stats", "formula", "metric", "batch", "profile"]),
    // It takes components apart on all cores.
    pure("fit", &["stats", "metric", "batch", "profile", "window", "std::thread"]),
    pure("diagnosis", &["stats", "formula", "metric", "batch", "profile", "window"]),
    pure("alert", &["metric", "window", "diagnosis::Origin", "diagnosis::Split"]),
    // Settings speak in value types of the layers that they set.
    pure(
        "settings",
        &[
            "formula::Formula",
            "metric",
            "stats::FEWEST_PAIRS",
            "stats::Normalization",
            "stats::Threshold",
            "stats::ValueNormalization",
            "profile::WindowRule",
            "window::Criteria",
            "window::CustomMetric",
            "window::Early",
            "window::RankBy",
            "alert::Cooldown",
            "alert::CriticalAbove",
            "alert::Level",
            "alert::Policy",
            "alert::Quiet",
            "alert::Severity",
        ],
    ),
    pure(
        "epoch",
        &[
            "metric::Measure",
            "metric::Metric",
            "profile",
            "settings",
            "window::Plan",
            "alert::Policy",
            "alert::Quiet",
        ],
    ),
    pure(
        "intake",
        &[
            "batch",
            "epoch",
            "profile",
            "metric::ColumnKind",
            "metric::Problem",
            "settings::GroundTruth",
            "settings::Model",
            "settings::Prediction",
            "settings::Probability",
            "settings::TimeUnit",
            "settings::UnknownVersion",
        ],
    ),
    pure("join", &["batch"]),
    pure(
        "tally",
        &[
            "batch",
            "epoch",
            "window",
            "diagnosis",
            "alert",
            "stats::codec",
            "metric::ColumnKind",
            "profile::WindowRule",
        ],
    ),
    pure("history", &["metric", "profile", "window", "alert"]),
    pure("report", &["history"]),
    pure("engine", &["batch", "profile", "window", "std::thread"]), // it uses all cores on one file
    daemon(
        "telemetry",
        &[
            "intake::Reason",
            "join::Counts",
            "window::ALL",
            "window::ClosedBy",
            "window::ENGINE",
            "window::WindowResult",
            "alert::AlertEvent",
            "alert::Event",
        ],
    ),
    daemon(
        "stream",
        &[
            "alert::AlertEvent",
            "batch",
            "epoch",
            "intake",
            "join",
            "profile::Profile",
            "settings",
            "tally",
            "telemetry",
            "window::RevisionCause",
            "window::WindowResult",
        ],
    ),
    daemon(
        "store",
        &[
            "join::Keep",
            "join::KeptBatch",
            "join::KeptInMemory",
            "join::Known",
            "join::Working",
            "stats::codec",
        ],
    ),
    daemon(
        "output",
        &[
            "alert",
            // The tally log, of which the archive makes rows.
            "batch",
            "epoch::Epochs",
            "profile::Column",
            "metric",
            "settings::Export",
            "settings::Notify",
            "settings::NotifyForm",
            "settings::Prometheus",
            "settings::Secret",
            "tally::Filling",
            "tally::Show",
            "tally::Standing",
            "telemetry",
            "window",
        ],
    ),
    daemon(
        "query",
        &[
            "batch",
            "engine::files::Read",
            "intake",
            "metric",
            "profile",
            "settings::Columns",
            "settings::Prediction",
            "settings::Probability",
            "settings::TimeUnit",
        ],
    ),
    daemon(
        "web",
        &[
            "history",
            "report::escaped",
            "telemetry",
            "window::ENGINE",
            // Tests fill a page.
            "metric::Metric",
            "metric::Currencies",
            "metric::Problem",
            "profile::Form",
            "profile::Shape",
            "window::WindowResult",
        ],
    ),
    daemon(
        "app",
        &[
            "alert",
            "batch",
            "diagnosis",
            "engine",
            "epoch",
            "fit",
            "history",
            "intake",
            "join",
            "metric",
            "output",
            "profile",
            "query",
            "report",
            "settings",
            "simulator",
            "stats",
            "store",
            "stream",
            "tally",
            "telemetry",
            "web",
            "window",
        ],
    ),
    daemon("main", &["app"]),
];

/// What reaches outside the process or asks for the hour; durations and locks do not.
const OUTSIDE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
];

/// Crates that any layer may use: they compute, spell or print, and touch nothing.
const ANYWHERE: &[&str] = &[
    "itoa",
    "jiff",
    "libm",
    "minicbor",
    "multiversion",
    "schemars",
    "serde",
    "serde_json",
    "strsim",
    "thiserror",
    "xxhash_rust",
];

/// Every other crate, and who may name it.
const CRATES: &[(&str, &[&str])] = &[
    ("anyhow", &["app"]), // whoever is called names its errors
    ("arrow", &["batch", "fit", "intake", "profile", "window", "output", "query", "app"]),
    ("axum", &["web"]),
    ("bytes", &["query", "stream", "web"]),
    ("clap", &["app"]),
    ("clap_complete", &["app"]),
    ("clap_mangen", &["app"]),
    ("comfy_table", &["app"]),
    ("datafusion", &["query"]),
    ("flate2", &["query", "web", "app"]),
    ("futures", &["query", "stream", "web", "app"]),
    ("glob", &["query"]),
    ("indicatif", &["app"]),
    ("libc", &["app"]), // the allocator
    ("object_store", &["query"]),
    ("parquet", &["query"]),
    ("prometheus", &["output", "telemetry"]),
    ("rand", &[]), // tests of the daemon do
    ("rand_chacha", &["simulator", "stats"]),
    ("rdkafka", &["stream"]),
    ("rdkafka_sys", &["stream"]),
    ("reqwest", &["output"]),
    ("ring", &["output"]),
    ("serde_ignored", &[]),
    ("siphasher", &["batch"]),
    ("sqlparser", &["formula"]),
    ("statrs", &["stats"]),
    ("tokio", &["stream", "query", "web", "app"]),
    ("toml", &["settings"]),
    ("tracing", &["output", "stream", "telemetry", "web", "app"]),
    ("tracing_subscriber", &["telemetry"]),
    ("url", &["query"]),
];

/// What `path` breaks, if anything, where the layer `layer` names it.
fn broken(layer: &Layer, path: &[String]) -> Option<String> {
    let at = path[1..].join("::");
    let spelled = path.join("::");
    match path[0].as_str() {
        "crate" | "vigie" => {
            let free = path[1] == layer.name
                || layer.knows.iter().any(|allowed| at_or_below(&at, allowed));
            let known =
                if layer.knows.is_empty() { "nothing".to_owned() } else { listed(layer.knows) };
            (!free).then(|| format!("`{}` may not know `{at}`, it knows {known}", layer.name))
        }
        "std" => {
            let outside =
                layer.pure && OUTSIDE.iter().any(|outside| at_or_below(&spelled, outside));
            let free = !outside || layer.knows.iter().any(|allowed| at_or_below(&spelled, allowed));
            (!free).then(|| format!("`{}` is pure and may not ask for `{spelled}`", layer.name))
        }
        name => {
            let (_, places) = CRATES.iter().find(|(known, _)| *known == name)?;
            let free = places.contains(&layer.name);
            let who = if places.is_empty() {
                "no source".to_owned()
            } else {
                format!("only {}", listed(places))
            };
            (!free).then(|| format!("`{}` may not name the crate `{name}`, {who} may", layer.name))
        }
    }
}

fn listed(names: &[&str]) -> String {
    format!("`{}`", names.join("`, `"))
}

fn at_or_below(path: &str, allowed: &str) -> bool {
    path.strip_prefix(allowed).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every violation of a file, as `file:line: rule`.
fn violations(file: &str, named: &[Named]) -> Vec<String> {
    let layer = file.split('/').next().map(|part| part.trim_end_matches(".rs"));
    if layer == Some("lib") {
        return Vec::new(); // it declares all modules
    }
    let Some(layer) = LAYERS.iter().find(|known| Some(known.name) == layer) else {
        return vec![format!(
            "src/{file}:1: the module has no row in the table of tests/exact/layers.rs"
        )];
    };
    let rules = named.iter().filter_map(|named| Some((named.line, broken(layer, &named.path)?)));
    rules.map(|(line, rule)| format!("src/{file}:{line}: {rule}")).collect()
}

#[test]
fn every_file_names_only_what_its_layer_may_know() {
    let found: Vec<String> =
        sources::all().iter().flat_map(|(file, named)| violations(file, named)).collect();
    assert!(found.is_empty(), "{}\n(the table is in tests/exact/layers.rs)", found.join("\n"));
}

#[test]
fn a_layer_knows_only_layers_above_it_in_the_table() {
    for (at, layer) in LAYERS.iter().enumerate() {
        for known in layer.knows.iter().filter(|known| !known.starts_with("std::")) {
            let module = known.split("::").next();
            assert!(
                LAYERS[..at]
                    .iter()
                    .any(|above| Some(above.name) == module && (above.pure || !layer.pure)),
                "`{}` knows `{known}`, which stands below it or is no layer",
                layer.name
            );
        }
    }
}

#[test]
fn what_the_table_allows_is_used() {
    let sources = sources::all();
    let of = |layer: &str| -> Vec<String> {
        let own =
            |file: &str| file == format!("{layer}.rs") || file.starts_with(&format!("{layer}/"));
        let files = sources.iter().filter(|(file, _)| own(file));
        files.flat_map(|(_, named)| named).map(|named| named.path.join("::")).collect()
    };
    for layer in LAYERS.iter().filter(|layer| layer.name != "app") {
        let paths = of(layer.name);
        for known in layer.knows {
            let uses = |path: &String| {
                let path = path.trim_start_matches("crate::").trim_start_matches("vigie::");
                at_or_below(path, known)
            };
            assert!(
                paths.iter().any(uses),
                "`{}` no longer names `{known}`: take it out of the table",
                layer.name
            );
        }
    }
}

#[test]
fn every_dependency_has_its_place() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let manifest: BTreeMap<String, toml::Value> = toml::from_str(&manifest).unwrap();
    let missing: Vec<String> = (manifest["dependencies"].as_table().unwrap().keys())
        .map(|name| name.replace('-', "_"))
        .filter(|name| {
            !ANYWHERE.contains(&name.as_str()) && !CRATES.iter().any(|(known, _)| known == name)
        })
        .collect();
    assert!(missing.is_empty(), "say in tests/exact/layers.rs who may name {missing:?}");
}

#[test]
fn a_violation_names_file_line_and_rule() {
    let found = |file: &str, text: &str| violations(file, &sources::named(file, text));
    assert_eq!(
        found("stats/a.rs", "use crate::stats::Range;\nuse crate::window::Plan;"),
        ["src/stats/a.rs:2: `stats` may not know `window::Plan`, it knows nothing"]
    );
    assert_eq!(
        found("batch/a.rs", "use crate::stats::codec::uint;\nuse crate::stats::{Range, codec};"),
        ["src/batch/a.rs:2: `batch` may not know `stats::Range`, it knows `stats::codec`"]
    );
    assert_eq!(
        found("tally/a.rs", "use std::time::{Duration, Instant};\nuse rdkafka::Message;"),
        [
            "src/tally/a.rs:1: `tally` is pure and may not ask for `std::time::Instant`",
            "src/tally/a.rs:2: `tally` may not name the crate `rdkafka`, only `stream` may"
        ]
    );
    assert_eq!(
        found("report/a.rs", "fn f() {\n    crate::stream::f();\n    datafusion::g();\n}"),
        [
            "src/report/a.rs:2: `report` may not know `stream::f`, it knows `history`",
            "src/report/a.rs:3: `report` may not name the crate `datafusion`, only `query` may"
        ]
    );
    assert_eq!(
        found("engine/a.rs", "use std::thread;\nuse std::fs::File;"),
        ["src/engine/a.rs:2: `engine` is pure and may not ask for `std::fs::File`"]
    );
    assert_eq!(
        found("gossip/mod.rs", "use crate::stats;"),
        ["src/gossip/mod.rs:1: the module has no row in the table of tests/exact/layers.rs"]
    );
}
