//! `vigie check` on NannyML's car-loan set against NannyML's own figures, one by one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

use serde_json::Value;
use tempfile::tempdir;

use crate::tools::{has, repository, skip};

/// Relative; where a figure is below a thousandth, of a thousandth.
const TOLERANCE: f64 = 1e-9;

/// Figure by what it is of: kind, metric, column, data set, window, field.
type Figures = BTreeMap<(String, String, Option<String>, String, usize, String), Value>;

/// Where vigie departs from NannyML 0.13.1 on purpose; the ids are those of `tests/data/golden/README.md`.
struct Departure {
    id: &'static str,
    /// Of the peer's method, metric and field; what is empty is any.
    of: (&'static [&'static str], &'static [&'static str], &'static [&'static str]),
    /// How far apart they may be; `None` where they are another thing altogether.
    within: Option<f64>,
}

const ERRORS: &[&str] = &["sampling_error", "lower_confidence", "upper_confidence"];
const SUMMARY: &[&str] = &["avg", "std", "median", "sum"];
const THRESHOLDS: &[&str] = &["lower_threshold", "upper_threshold", "breach"];

const DEPARTURES: &[Departure] = &[
    Departure {
        id: "B17, B18: error of ROC AUC from all rows",
        of: (&[], &["roc_auc"], ERRORS),
        within: Some(1e-2),
    },
    Departure {
        id: "rounding of its ROC AUC to five decimals of a row",
        of: (&[], &["roc_auc"], &[]),
        within: Some(1e-8),
    },
    Departure {
        id: "B21: error of average precision is random",
        of: (&[], &["average_precision"], ERRORS),
        within: None,
    },
    Departure {
        id: "B48: average precision, tied scores as one group",
        of: (&[], &["average_precision"], &[]),
        within: Some(1e-3),
    },
    Departure {
        id: "B20: business value per row, not per predicted class",
        of: (&["cbpe_business_per_prediction"], &[], &[]),
        within: None,
    },
    Departure {
        id: "B31: Wasserstein counts the rows that there are",
        of: (&[], &["wasserstein"], &[]),
        within: Some(5e-2),
    },
    Departure {
        id: "summary statistics breach nothing there",
        of: (SUMMARY, &[], &["breach"]),
        within: None,
    },
    Departure {
        id: "windows of equal size have no spread of rows",
        of: (&["count"], &[], THRESHOLDS),
        within: None,
    },
];

impl Departure {
    fn covers(&self, method: &str, metric: &str, field: &str) -> bool {
        let among = |names: &[&str], name| names.is_empty() || names.contains(&name);
        among(self.of.0, method) && among(self.of.1, metric) && among(self.of.2, field)
    }
}

/// The settings under which the peer's figures of a method were made.
fn settings(method: &str) -> String {
    let normalize = match method {
        "cbpe_confusion_true" => "normalize = { confusion_matrix = \"true\" }",
        "cbpe_confusion_pred" => "normalize = { confusion_matrix = \"pred\" }",
        "cbpe_confusion_all" => "normalize = { confusion_matrix = \"all\" }",
        "cbpe_business_per_prediction" => "normalize = { business_value = \"per_prediction\" }",
        _ => "",
    };
    format!(
        r#"
[model.car-loan]
problem = "binary"
[model.car-loan.columns]
id = "id"
timestamp = "timestamp"
prediction = "y_pred"
probability = "y_pred_proba"
target = "repaid"
features = ["car_value", "salary_range", "debt_to_income_ratio", "loan_length", "repaid_loan_on_prev_car", "size_of_downpayment", "driver_tenure"]
[model.car-loan.window]
size = 5000
[model.car-loan.drift]
continuous = ["kolmogorov_smirnov", "jensen_shannon", "wasserstein", "hellinger"]
categorical = ["chi2", "jensen_shannon", "l_infinity", "hellinger"]
multivariate = ["reconstruction_error"]
[model.car-loan.performance]
metrics = ["roc_auc", "f1", "precision", "recall", "specificity", "accuracy", "average_precision", "confusion_matrix", "business_value"]
business_value = [[0, -1], [-1, 5]]
{normalize}
"#
    )
}

/// The folder of the peer's data sets, which are its own: fetched, never kept beside our files.
fn data() -> Option<PathBuf> {
    if !has("python3") {
        return None;
    }
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?.join("vigie");
    let folder = cache.join("nannyml-0.13.1");
    let sets = folder.join("nannyml/datasets/data");
    if sets.join("synthetic_car_loan_reference.csv").is_file() {
        return Some(sets);
    }
    fs::create_dir_all(&folder).expect("the cache can be written");
    let python = |arguments: &[&str]| {
        let done = Command::new("python3").args(arguments).current_dir(&folder).output();
        done.is_ok_and(|done| done.status.success())
    };
    let wheel = ["-m", "pip", "download", "--no-deps", "--quiet", "nannyml==0.13.1"];
    let unpacked =
        python(&wheel) && python(&["-m", "zipfile", "-e", "nannyml-0.13.1-py3-none-any.whl", "."]);
    if !unpacked {
        return skip("NannyML's data sets cannot be fetched (pip download nannyml==0.13.1)");
    }
    Some(sets)
}

/// What `vigie check` says under these settings.
fn checked(sets: &Path, method: &str) -> Figures {
    let folder = tempdir().expect("a folder");
    let (config, output) = (folder.path().join("vigie.toml"), folder.path().join("results.jsonl"));
    fs::write(&config, settings(method)).expect("settings can be written");
    let set = |name: &str| sets.join(format!("synthetic_car_loan_{name}.csv"));
    let done = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .arg("check")
        .args([set("reference"), set("analysis")])
        .arg("--targets")
        .arg(set("analysis_target"))
        .arg("--config")
        .arg(&config)
        .arg("--output")
        .arg(&output)
        .output()
        .expect("vigie starts");
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    let text = fs::read_to_string(&output).expect("figures were written");
    let mut figures = Figures::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).expect("a line is JSON");
        let name = |key: &str| row[key].as_str().map(str::to_owned);
        let window = usize::try_from(row["window_index"].as_u64().expect("an index")).expect("few");
        for field in [&["value"][..], ERRORS, THRESHOLDS].concat() {
            let key = (
                name("kind").expect("a kind"),
                name("metric").expect("a metric"),
                name("column_name"),
                name("dataset").expect("a data set"),
                window,
                field.to_owned(),
            );
            figures.insert(key, row[field].clone());
        }
    }
    figures
}

/// A column of the peer's table in our words: kind, metric, column, field.
fn named(
    method: &str,
    column: &str,
) -> Option<(&'static str, String, Option<String>, &'static str)> {
    const FIELDS: [(&str, &str); 7] = [
        ("_upper_confidence_boundary", "upper_confidence"),
        ("_lower_confidence_boundary", "lower_confidence"),
        ("_sampling_error", "sampling_error"),
        ("_upper_threshold", "upper_threshold"),
        ("_lower_threshold", "lower_threshold"),
        ("_alert", "breach"),
        ("_value", "value"),
    ];
    const DRIFT: [&str; 6] =
        ["kolmogorov_smirnov", "jensen_shannon", "wasserstein", "hellinger", "chi2", "l_infinity"];
    let (stem, field) =
        FIELDS.iter().find_map(|(end, field)| Some((column.strip_suffix(end)?, *field)))?;
    let of_column =
        |kind, metric: &str| Some((kind, metric.to_owned(), Some(stem.to_owned()), field));
    match method {
        "univariate" => DRIFT.iter().find_map(|metric| {
            let column = stem.strip_suffix(metric)?.strip_suffix('_')?;
            Some(("drift", (*metric).to_owned(), Some(column.to_owned()), field))
        }),
        "missing" => of_column("quality", "missing_rate"),
        "unseen" => of_column("quality", "unseen_rate"),
        "range" => of_column("quality", "out_of_range_rate"),
        "avg" => of_column("summary", "mean"),
        "std" => of_column("summary", "standard_deviation"),
        "median" => of_column("summary", "median"),
        "sum" => of_column("summary", "sum"),
        "count" => Some(("summary", "rows".to_owned(), None, field)),
        "pca" => Some(("drift", stem.to_owned(), None, field)),
        "realized" => Some(("realized", stem.to_owned(), None, field)),
        _ => Some(("estimated", stem.to_owned(), None, field)),
    }
}

/// How far apart two figures are: infinitely where only one of them is there.
fn distance(ours: &Value, theirs: &Value) -> f64 {
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() / theirs.abs().max(1e-3),
        _ if ours == theirs => 0.0,
        _ => f64::INFINITY,
    }
}

#[test]
fn car_loan_is_what_nannyml_says_to_nine_digits() {
    let Some(sets) = data() else { return };
    let golden = fs::read_to_string(repository("tests/data/golden/car_loan.json"));
    let golden: Value =
        serde_json::from_str(&golden.expect("golden figures")).expect("they are JSON");
    let mut runs: BTreeMap<String, Figures> = BTreeMap::new();
    // By method, or by departure: figures, and the largest difference.
    let mut seen: BTreeMap<String, (usize, f64)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (method, tables) in golden["results"].as_object().expect("methods") {
        let run = if method.starts_with("cbpe_") { method.clone() } else { String::new() };
        let ours = runs.entry(run).or_insert_with_key(|run| checked(&sets, run));
        for (dataset, columns) in tables.as_object().expect("data sets") {
            for (column, values) in columns.as_object().expect("columns") {
                let Some((kind, metric, of, field)) = named(method, column) else { continue };
                for (window, theirs) in values.as_array().expect("windows").iter().enumerate() {
                    let key = (
                        kind.to_owned(),
                        metric.clone(),
                        of.clone(),
                        dataset.clone(),
                        window,
                        field.to_owned(),
                    );
                    let departure =
                        DEPARTURES.iter().find(|one| one.covers(method, &metric, field));
                    let within = departure.map_or(Some(TOLERANCE), |one| one.within);
                    let Some(found) = ours.get(&key) else {
                        wrong.push(format!("{method}: {key:?} is not there"));
                        continue;
                    };
                    let apart = distance(found, theirs);
                    let line =
                        departure.map_or(method.clone(), |one| format!("departure {}", one.id));
                    let line = seen.entry(line).or_default();
                    line.0 += 1;
                    if let Some(within) = within {
                        line.1 = line.1.max(apart);
                        if apart > within {
                            wrong.push(format!("{method}: {key:?} is {found}, there {theirs}"));
                        }
                    }
                }
            }
        }
    }
    let mut report = String::new();
    for (line, (figures, worst)) in &seen {
        writeln!(report, "{figures:>6} figures, largest difference {worst:.1e}  {line}")
            .expect("a text takes all");
    }
    io::Write::write_all(&mut io::stderr(), report.as_bytes()).expect("stderr can be written");
    assert!(
        wrong.is_empty(),
        "{} figures differ, among them\n{}",
        wrong.len(),
        wrong[..wrong.len().min(10)].join("\n")
    );
}
