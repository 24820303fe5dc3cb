//! `vigie check` on NannyML's car-loan, multiclass and car-price sets against NannyML's own figures, one by one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

use rdkafka::Message;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::broker::Broker;
use crate::instance::Instance;
use crate::patience;
use crate::tools::{has, program, repository, skip};
use crate::topics::unique;

/// Relative; where a figure is below a thousandth, of a thousandth.
const TOLERANCE: f64 = 1e-9;

/// Figure by what it is of: kind, metric, column, data set, window, field.
type Figures = BTreeMap<Key, Value>;
/// What a figure is of.
type Key = (String, String, Option<String>, String, usize, String);

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

/// Realized performance where two fifths of the targets are missing.
const PARTIAL: &str = "realized_60pct_labelled";

impl Departure {
    fn covers(&self, method: &str, metric: &str, field: &str) -> bool {
        let among = |names: &[&str], name| names.is_empty() || names.contains(&name);
        among(self.of.0, method) && among(self.of.1, metric) && among(self.of.2, field)
    }
}

/// One of the peer's data sets.
struct Set {
    /// The file of its golden figures.
    golden: &'static str,
    /// Its files: reference, analysis, targets.
    files: [&'static str; 3],
    /// The name of its model.
    model: &'static str,
    /// The settings under which the peer's figures were made.
    settings: &'static str,
    /// Metrics of performance.
    metrics: &'static [&'static str],
    /// Departures that only these figures have.
    departures: &'static [Departure],
    /// How far correlations of drift with estimated and with realized performance may be from the peer's, and their
    /// p-values of themselves.
    correlations: [(f64, f64); 2],
}

const CLASSES: &[&str] = &[
    "roc_auc",
    "f1",
    "precision",
    "recall",
    "specificity",
    "accuracy",
    "average_precision",
    "confusion_matrix",
    "business_value",
];

const CAR_LOAN: Set = Set {
    golden: "car_loan.json",
    files: [
        "synthetic_car_loan_reference.csv",
        "synthetic_car_loan_analysis.csv",
        "synthetic_car_loan_analysis_target.csv",
    ],
    model: "car-loan",
    settings: r#"
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
[model.car-loan.performance]
business_value = [[0, -1], [-1, 5]]
"#,
    metrics: CLASSES,
    departures: &[],
    // Estimated ROC AUC is rounded there.
    correlations: [(1e-6, 1e-4), (TOLERANCE, TOLERANCE)],
};

const MULTICLASS: Set = Set {
    golden: "multiclass.json",
    files: ["mc_reference.csv", "mc_analysis.csv", "mc_analysis_gt.csv"],
    model: "cards",
    settings: r#"
[model.cards]
problem = "multiclass"
[model.cards.columns]
id = "id"
timestamp = "timestamp"
prediction = "y_pred"
probability = { prepaid_card = "y_pred_proba_prepaid_card", highstreet_card = "y_pred_proba_highstreet_card", upmarket_card = "y_pred_proba_upmarket_card" }
target = "y_true"
features = ["acq_channel", "app_behavioral_score", "requested_credit_limit", "app_channel", "credit_bureau_score", "stated_income", "is_customer"]
[model.cards.window]
size = 6000
[model.cards.performance]
business_value = [[3, -1, 0], [-1, 4, -2], [0, -2, 5]]
# Where both errors all but agree, the order of tied scores decides there.
calibration = { prepaid_card = "none" }
"#,
    metrics: CLASSES,
    departures: &[
        Departure {
            id: "B50: several classes, tied scores as one group",
            of: (&[], &["roc_auc"], &["value"]),
            within: Some(1e-5),
        },
        Departure {
            id: "B48, B50: several classes, average precision of tied scores as one group",
            of: (&[], &["average_precision"], &["value", "breach"]),
            within: Some(1e-2),
        },
        Departure {
            id: "B22: error of F1 with its factor for several classes",
            of: (&[], &["f1"], ERRORS),
            within: Some(0.3),
        },
        Departure {
            id: "B19: error of the business value divides by all rows",
            of: (&["cbpe", "realized"], &["business_value"], ERRORS),
            within: Some(2e-5),
        },
    ],
    // B50: its order of tied scores is in the estimates.
    correlations: [(1e-5, 1e-2), (TOLERANCE, TOLERANCE)],
};

const CAR_PRICE: Set = Set {
    golden: "car_price.json",
    files: [
        "regression_synthetic_reference.csv",
        "regression_synthetic_analysis.csv",
        "regression_synthetic_analysis_targets.csv",
    ],
    model: "car-price",
    settings: r#"
[model.car-price]
problem = "regression"
[model.car-price.columns]
id = "id"
timestamp = "timestamp"
prediction = "y_pred"
target = "y_true"
features = ["car_age", "km_driven", "price_new", "accident_count", "door_count", "fuel", "transmission"]
[model.car-price.window]
size = 6000
[model.car-price.performance]"#,
    metrics: &["mae", "mape", "mse", "msle", "rmse", "rmsle"],
    departures: &[Departure {
        id: "trees grown in double precision, there in single",
        of: (&["dle"], &[], &[]),
        within: Some(1e-6),
    }],
    correlations: [(TOLERANCE, 1e-6), (TOLERANCE, TOLERANCE)],
};

/// The settings under which the peer's figures of a method were made.
fn settings(set: &Set, method: &str) -> String {
    let normalize = match method {
        "cbpe_confusion_true" => "normalize = { confusion_matrix = \"true\" }",
        "cbpe_confusion_pred" => "normalize = { confusion_matrix = \"pred\" }",
        "cbpe_confusion_all" => "normalize = { confusion_matrix = \"all\" }",
        "cbpe_business_per_prediction" => "normalize = { business_value = \"per_prediction\" }",
        _ => "",
    };
    format!(
        r#"{}
metrics = {:?}
{normalize}
[model.{}.drift]
continuous = ["kolmogorov_smirnov", "jensen_shannon", "wasserstein", "hellinger"]
categorical = ["chi2", "jensen_shannon", "l_infinity", "hellinger"]
multivariate = ["reconstruction_error"]
rank_by = {:?}
"#,
        set.settings,
        set.metrics,
        set.model,
        [&["drift"][..], &RANKED_BY].concat()
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

/// Which rows of the peer's have a target in `realized_60pct_labelled`: where `numpy.random.default_rng(7).random()` is at
/// least 0.4. The generator is PCG64 (O'Neill 2014), seeded as numpy does.
fn labelled(rows: usize) -> Vec<bool> {
    const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;
    const INCREMENT: u128 = 261_136_684_632_268_670_825_940_853_076_396_136_793;
    let mut state: u128 = 208_745_520_555_909_116_978_795_849_195_383_758_904;
    let mut next = || {
        state = state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        let folded = (state >> 64) as u64 ^ state as u64;
        (folded.rotate_right((state >> 122) as u32) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..rows).map(|_| next() >= 0.4).collect()
}

/// The targets of a share of the rows, the last row first, in a file; its name.
fn some_targets(sets: &Path, folder: &Path) -> PathBuf {
    let read = |name: &str| {
        fs::read_to_string(sets.join(format!("synthetic_car_loan_{name}.csv"))).expect("a data set")
    };
    let (analysis, targets) = (read("analysis"), read("analysis_target"));
    let by_id: BTreeMap<&str, &str> =
        targets.lines().skip(1).filter_map(|line| line.split_once(',')).collect();
    let ids: Vec<&str> =
        analysis.lines().skip(1).filter_map(|line| Some(line.split_once(',')?.0)).collect();
    let labelled = labelled(ids.len());
    let rows = ids.iter().zip(&labelled).rev().filter(|(_, labelled)| **labelled);
    let mut text = "id,repaid\n".to_owned();
    for (id, _) in rows {
        writeln!(text, "{id},{}", by_id[id]).expect("a text takes all");
    }
    let file = folder.join("some_targets.csv");
    fs::write(&file, text).expect("targets can be written");
    file
}

/// What `vigie check` says under these settings, row by row.
fn rows_of_check(set: &Set, sets: &Path, method: &str) -> Vec<Value> {
    let folder = tempdir().expect("a folder");
    let (config, output) = (folder.path().join("vigie.toml"), folder.path().join("results.jsonl"));
    fs::write(&config, settings(set, method)).expect("settings can be written");
    let [reference, analysis, all_targets] = set.files.map(|name| sets.join(name));
    let targets = match method {
        PARTIAL => some_targets(sets, folder.path()),
        _ => all_targets,
    };
    let done = Command::new(program())
        .arg("check")
        .args([reference, analysis])
        .arg("--targets")
        .arg(targets)
        .arg("--config")
        .arg(&config)
        .arg("--output")
        .arg(&output)
        .output()
        .expect("vigie starts");
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    let text = fs::read_to_string(&output).expect("figures were written");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// What columns are ranked by beside their drift.
const RANKED_BY: [&str; 7] =
    ["missing_rate", "unseen_rate", "mean", "standard_deviation", "median", "sum", "rows"];

/// A diagnosis is told apart by what it was made from, too.
fn metric_of(figure: &Value) -> String {
    let text = |key: &str| figure[key].as_str().unwrap_or_default();
    match text("kind") {
        "diagnosis" if RANKED_BY.contains(&text("ranked_by")) => {
            format!("{} {} by {}", text("metric"), text("method"), text("ranked_by"))
        }
        "diagnosis" => format!("{} {}", text("metric"), text("method")),
        _ => text("metric").to_owned(),
    }
}

/// What `vigie check` says under these settings.
fn checked(set: &Set, sets: &Path, method: &str) -> Figures {
    figures_of_rows(&rows_of_check(set, sets, method))
}

fn figures_of_rows(rows: &[Value]) -> Figures {
    let mut figures = Figures::new();
    for row in rows {
        // The peer has nothing like it.
        if row["method"] == "post_stratified" {
            continue;
        }
        let name = |key: &str| row[key].as_str().map(str::to_owned);
        let window = usize::try_from(row["window_index"].as_u64().expect("an index")).expect("few");
        for field in [&["value"][..], ERRORS, THRESHOLDS].concat() {
            let key = (
                name("kind").expect("a kind"),
                metric_of(row),
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
        "realized" | PARTIAL => Some(("realized", stem.to_owned(), None, field)),
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

/// How many figures were compared, and the largest difference: by method, or by departure.
type Seen = BTreeMap<String, (usize, f64)>;

/// Where our figures differ from the peer's of a method, in words.
fn compared(
    set: &Set,
    method: &str,
    tables: &Value,
    datasets: &[&str],
    ours: &Figures,
    seen: &mut Seen,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for dataset in datasets {
        for (column, values) in tables[*dataset].as_object().expect("columns") {
            let Some((kind, metric, of, field)) = named(method, column) else { continue };
            for (window, theirs) in values.as_array().expect("windows").iter().enumerate() {
                let key = (
                    kind.to_owned(),
                    metric.clone(),
                    of.clone(),
                    (*dataset).to_owned(),
                    window,
                    field.to_owned(),
                );
                let mut departures = set.departures.iter().chain(DEPARTURES);
                let departure = departures.find(|one| one.covers(method, &metric, field));
                let within = departure.map_or(Some(TOLERANCE), |one| one.within);
                let Some(found) = ours.get(&key) else {
                    wrong.push(format!("{method}: {key:?} is not there"));
                    continue;
                };
                let apart = distance(found, theirs);
                let line =
                    departure.map_or(method.to_owned(), |one| format!("departure {}", one.id));
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
    wrong
}

fn assert_right(seen: &Seen, wrong: &[String]) {
    let mut report = String::new();
    for (line, (figures, worst)) in seen {
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

/// The peer's figures.
fn golden(set: &Set) -> Value {
    let golden = fs::read_to_string(repository("tests/data/golden").join(set.golden));
    serde_json::from_str(&golden.expect("golden figures")).expect("they are JSON")
}

#[test]
fn car_loan_is_what_nannyml_says_to_nine_digits() {
    check(&CAR_LOAN);
}

#[test]
fn several_classes_are_what_nannyml_says_to_nine_digits() {
    check(&MULTICLASS);
}

#[test]
fn car_price_is_what_nannyml_says_to_nine_digits_and_six_where_trees_expect() {
    check(&CAR_PRICE);
}

fn check(set: &Set) {
    let Some(sets) = data() else { return };
    let golden = golden(set);
    let rows = rows_of_check(set, &sets, "");
    assert_ranked(set, &rows);
    let mut runs = BTreeMap::from([(String::new(), figures_of_rows(&rows))]);
    let (mut seen, mut wrong) = (Seen::new(), Vec::new());
    for (method, tables) in golden["results"].as_object().expect("methods") {
        let apart = method.starts_with("cbpe_") || method == PARTIAL;
        let run = if apart { method.clone() } else { String::new() };
        let ours = runs.entry(run).or_insert_with_key(|run| checked(set, &sets, run));
        wrong.extend(compared(set, method, tables, &["reference", "analysis"], ours, &mut seen));
    }
    assert_right(&seen, &wrong);
}

/// The last window of a check ranks the columns over the whole analysis, as the peer does.
fn assert_ranked(set: &Set, rows: &[Value]) {
    let golden = fs::read_to_string(repository("tests/data/golden/ranking.json"));
    let golden: Value = serde_json::from_str(&golden.expect("ranks")).expect("they are JSON");
    let name = set.golden.trim_end_matches(".json");
    // All windows of the analysis are among the last twenty.
    let last = rows.iter().filter(|row| row["dataset"] == "analysis");
    let last = last.filter_map(|row| row["window_index"].as_u64()).max();
    let of = |metric: &str| -> Vec<&Value> {
        let is_it = |row: &&Value| {
            row["window_index"].as_u64() == last
                && row["dataset"] == "analysis"
                && metric_of(row) == metric
        };
        rows.iter().filter(is_it).collect()
    };
    let ranks = &golden[name]["analysis"];
    let ours: Vec<(u64, String)> = of("breach_count ")
        .iter()
        .map(|row| (row["value"].as_f64().expect("a count") as u64, text(&row["column_name"])))
        .collect();
    // B64: columns of the same number are in the reverse order there.
    let mut theirs: Vec<(u64, String)> = list(&ranks["alert_count"]["number_of_alerts"])
        .zip(list(&ranks["alert_count"]["column_name"]))
        .map(|(count, column)| (count.as_u64().expect("a count"), text(column)))
        .filter(|(count, _)| *count > 0)
        .collect();
    theirs.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    assert_eq!(ours, theirs, "{name}");

    let estimator = if name == "car_price" { "dle" } else { "cbpe" };
    for ((kind, method), (within, of_p)) in
        [("estimated", estimator), ("realized", "labelled")].into_iter().zip(set.correlations)
    {
        let ours = of(&format!("drift_correlation {method}"));
        let theirs: BTreeMap<String, (f64, f64)> = list(&ranks[kind]["column_name"])
            .zip(list(&ranks[kind]["pearsonr_correlation"]))
            .zip(list(&ranks[kind]["pearsonr_pvalue"]))
            .map(|((column, r), p)| {
                (text(column), (r.as_f64().expect("r"), p.as_f64().expect("p")))
            })
            .collect();
        assert_eq!(ours.len(), theirs.len(), "{name} {kind}");
        let (mut above, mut worst) = (f64::INFINITY, [0.0_f64; 2]);
        for row in ours {
            let column = text(&row["column_name"]);
            let (r, p) = theirs[&column];
            let found = [&row["value"], &row["p_value"]].map(|of| of.as_f64().expect("found"));
            assert_eq!(row["of"], golden[name]["metric"]);
            assert!(r <= above + 2.0 * within, "{name} {kind}: {column} stands too low");
            above = r;
            let apart = [(found[0] - r).abs(), (found[1] - p).abs() / p];
            worst = [worst[0].max(apart[0]), worst[1].max(apart[1])];
            assert!(apart[0] <= within, "{name} {kind}: r of {column} is {found:?}, not {r}");
            assert!(apart[1] <= of_p, "{name} {kind}: p of {column} is {found:?}, not {p}");
        }
        let line = format!("{name} {kind}: r within {:.1e}, p within {:.1e}\n", worst[0], worst[1]);
        io::Write::write_all(&mut io::stderr(), line.as_bytes()).expect("stderr can be written");
    }
    let others = fs::read_to_string(repository("tests/data/golden/ranking_by.json"));
    let others: Value = serde_json::from_str(&others.expect("ranks")).expect("they are JSON");
    let Some(others) = others.get(name) else { return };
    for (by, theirs) in others["by"].as_object().expect("what is ranked by") {
        for ((kind, method), (within, _)) in
            [("estimated", estimator), ("realized", "labelled")].into_iter().zip(set.correlations)
        {
            let ours: BTreeMap<String, Option<f64>> =
                of(&format!("drift_correlation {method} by {by}"))
                    .iter()
                    .map(|row| {
                        (
                            row["column_name"].as_str().unwrap_or("rows_count").to_owned(),
                            row["value"].as_f64(),
                        )
                    })
                    .collect();
            let columns = list(&theirs[kind]["column_name"]);
            for (column, r) in columns.zip(list(&theirs[kind]["pearsonr_correlation"])) {
                let found = ours[&text(column)];
                let apart = found.zip(r.as_f64()).map(|(found, r)| (found - r).abs());
                let same = apart.map_or(found.is_none() && r.is_null(), |apart| apart <= within);
                assert!(same, "{name} {kind} by {by}: r of {column} is {found:?}, not {r}");
            }
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// An installation that watches the peer's model; its folder, and the topics of predictions, targets and results.
fn watching(broker: &Broker, set: &Set, sets: &Path) -> (TempDir, [String; 3]) {
    let folder = tempdir().expect("a folder");
    let namespace = unique("golden");
    let topics = ["predictions", "targets"].map(|name| format!("{namespace}.{name}"));
    for topic in &topics {
        // Windows by size take the order of one partition.
        broker.create_topic(topic, 1, &[("retention.ms", "-1")]);
    }
    let [predictions, targets] = &topics;
    let address = broker.address();
    let text = format!(
        r#"
[kafka]
bootstrap_servers = "{address}"
namespace = "{namespace}"
tally_partitions = 1
join_partitions = 3
[kafka.topics]
predictions = ["{predictions}"]
ground_truth = ["{targets}"]
{}
[model.{}.ground_truth]
wait = "1h"
every = "1s"
"#,
        settings(set, ""),
        set.model
    );
    fs::write(folder.path().join("vigie.toml"), text).expect("settings can be written");
    let reference = sets.join(set.files[0]).display().to_string();
    vigie(folder.path(), &["profile", "build", "--reference", &reference]);
    let results = format!("{namespace}.results");
    let [predictions, targets] = topics;
    (folder, [predictions, targets, results])
}

fn vigie(folder: &Path, arguments: &[&str]) {
    let done = Command::new(program()).args(arguments).current_dir(folder).output();
    let done = done.expect("vigie starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The newest figures of every window: those of its last revision.
fn streamed(broker: &Broker, topic: &str) -> Figures {
    let mut newest: BTreeMap<u64, Value> = BTreeMap::new();
    for result in results(broker, topic) {
        newest.insert(result["window_index"].as_u64().expect("an index"), result);
    }
    figures_of(newest.into_values())
}

/// The newest value of every figure of every window: revisions hold those alone that targets change.
fn newest(broker: &Broker, topic: &str) -> Figures {
    figures_of(results(broker, topic).into_iter())
}

/// All results; revisions of a window come in their order.
fn results(broker: &Broker, topic: &str) -> Vec<Value> {
    let read = broker.read_committed(topic).into_iter();
    read.map(|record| serde_json::from_slice(record.payload().expect("a result")).expect("JSON"))
        .collect()
}

fn figures_of(results: impl Iterator<Item = Value>) -> Figures {
    let mut figures = Figures::new();
    for result in results {
        let window = result["window_index"].as_u64().expect("an index");
        for figure in result["figures"].as_array().expect("figures") {
            if figure["method"] == "post_stratified" {
                continue;
            }
            let name = |key: &str| figure[key].as_str().map(str::to_owned);
            for field in [&["value"][..], ERRORS, THRESHOLDS].concat() {
                let key = (
                    name("kind").expect("a kind"),
                    metric_of(figure),
                    name("column_name"),
                    "analysis".to_owned(),
                    usize::try_from(window).expect("few"),
                    field.to_owned(),
                );
                figures.insert(key, figure[field].clone());
            }
        }
    }
    figures
}

/// A service that watches the peer's model, whose targets come late, in disorder, twice, and wrong at first.
fn with_late_targets(
    broker: &Broker,
    set: &Set,
    sets: &Path,
    targets: impl FnOnce(&Path) -> PathBuf,
) -> (TempDir, String, Instance) {
    let (folder, [_, _, results]) = watching(broker, set, sets);
    let targets = targets(folder.path()).display().to_string();
    let instance = Instance::start(&[
        "--config".to_owned(),
        folder.path().join("vigie.toml").display().to_string(),
        "--data-dir".to_owned(),
        folder.path().join("data").display().to_string(),
    ])
    .ready();
    let rows = sets.join(set.files[1]).display().to_string();
    vigie(
        folder.path(),
        &[
            "replay",
            &rows,
            "--targets",
            &targets,
            "--target-delay",
            "2s",
            "--target-spread",
            "1",
            "--target-order",
            "shuffled",
            "--target-duplicates",
            "0.05",
            "--target-corrections",
            "0.05",
        ],
    );
    (folder, results, instance)
}

#[test]
fn car_loan_through_kafka_with_its_targets_late_and_in_disorder() {
    let Some(sets) = data() else { return };
    let Some(broker) = Broker::shared() else { return };
    let golden = golden(&CAR_LOAN);
    for method in ["realized", PARTIAL] {
        let targets = |folder: &Path| match method {
            PARTIAL => some_targets(&sets, folder),
            _ => sets.join(CAR_LOAN.files[2]),
        };
        let (_folder, results, instance) = with_late_targets(broker, &CAR_LOAN, &sets, targets);
        let tables = &golden["results"][method];
        let (mut seen, mut wrong) = (Seen::new(), vec!["nothing yet".to_owned()]);
        patience::until(|| {
            seen = Seen::new();
            let ours = streamed(broker, &results);
            wrong = compared(&CAR_LOAN, method, tables, &["analysis"], &ours, &mut seen);
            wrong.is_empty().then_some(())
        });
        assert_right(&seen, &wrong);
        instance.stop();
    }
}

#[test]
fn several_classes_through_kafka_are_those_of_check_to_the_bit() {
    stream(&MULTICLASS);
}

#[test]
fn predicted_prices_through_kafka_are_those_of_check_to_the_bit() {
    stream(&CAR_PRICE);
}

fn stream(set: &Set) {
    let Some(sets) = data() else { return };
    let Some(broker) = Broker::shared() else { return };
    // Of the target's column the events know nothing, and late targets rank no columns.
    let is_told = |(_, metric, column, dataset, ..): &Key| {
        dataset == "analysis"
            && column.as_deref() != Some("y_true")
            && !metric.starts_with("drift_correlation labelled")
    };
    let mut checked = checked(set, &sets, "");
    checked.retain(|key, _| is_told(key));
    let targets = |_: &Path| sets.join(set.files[2]);
    let (_folder, results, instance) = with_late_targets(broker, set, &sets, targets);
    let mut differ = vec!["nothing yet".to_owned()];
    patience::until(|| {
        let ours = newest(broker, &results);
        differ = checked
            .iter()
            .filter(|(key, theirs)| ours.get(key) != Some(theirs))
            .map(|(key, theirs)| format!("{key:?} is {:?}, not {theirs}", ours.get(key)))
            .collect();
        differ.is_empty().then_some(())
    });
    assert!(checked.len() > 4_000, "{} figures", checked.len());
    assert!(
        differ.is_empty(),
        "{} of {} figures differ, among them\n{}",
        differ.len(),
        checked.len(),
        differ[..differ.len().min(10)].join("\n")
    );
    instance.stop();
}
