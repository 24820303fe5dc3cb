//! Settings as bytes: they travel and come back, and tell one epoch from another.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use vigie::alert::{Cooldown, CriticalAbove, Level, Severity};
use vigie::metric::{Measure, Metric, Problem};
use vigie::settings::{
    Alerts, Calibration, Calibrator, Columns, Custom, Cut, Drift, EarlyWarning, GroundTruth, Label,
    Model, Multivariate, OpenRule, Outside, Performance, Policy, Prediction, Probability, Quality,
    Segment, Settings, Silence, Thresholds, TimeUnit, Timestamp, UnknownVersion, Window,
};
use vigie::stats::{Normalization, Threshold, ValueNormalization};
use vigie::window::RankBy;

fn text() -> impl Strategy<Value = String> {
    "\\PC{1,12}"
}

fn finite() -> impl Strategy<Value = f64> {
    prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO
}

fn duration() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_millis)
}

fn metrics() -> impl Strategy<Value = Vec<Metric>> {
    let all = Metric::all().collect::<Vec<_>>();
    let count = all.len();
    subsequence(all, 0..=count)
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    let units =
        [TimeUnit::Seconds, TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds];
    (text(), option::of(select(units.to_vec()))).prop_map(|(path, unit)| Timestamp { path, unit })
}

fn columns() -> impl Strategy<Value = Columns> {
    let probability = prop_oneof![
        text().prop_map(Probability::Positive),
        btree_map(text(), text(), 0..3).prop_map(Probability::PerClass),
    ];
    let prediction =
        prop_oneof![text().prop_map(Prediction::Path), finite().prop_map(Prediction::Threshold)];
    let label = prop_oneof![
        any::<bool>().prop_map(Label::Boolean),
        any::<i64>().prop_map(Label::Integer),
        text().prop_map(Label::Text),
    ];
    let lists =
        (vec(text(), 0..3), option::of(vec(text(), 0..3)), vec(text(), 0..3), vec(text(), 0..3));
    let paths = (option::of(text()), option::of(text()), option::of(text()));
    let values = (
        option::of(timestamp()),
        option::of(probability),
        option::of(prediction),
        option::of(label),
    );
    (lists, paths, values).prop_map(|(lists, paths, values)| {
        let (id, features, categorical, continuous) = lists;
        let (target, model, version) = paths;
        let (timestamp, probability, prediction, positive) = values;
        Columns {
            id,
            timestamp,
            probability,
            prediction,
            target,
            features,
            positive,
            categorical,
            continuous,
            model,
            version,
        }
    })
}

fn ground_truth() -> impl Strategy<Value = GroundTruth> {
    let paths = || option::of(vec(text(), 0..3));
    let texts = (paths(), paths(), paths(), option::of(text()), option::of(timestamp()));
    (texts, duration(), duration(), finite()).prop_map(|(texts, wait, every, min_coverage)| {
        let (topics, key, matches, target, timestamp) = texts;
        GroundTruth { topics, key, matches, target, timestamp, wait, every, min_coverage }
    })
}

fn window() -> impl Strategy<Value = Window> {
    let rows = || any::<NonZeroU64>();
    let cut = prop_oneof![
        rows().prop_map(Cut::Size),
        duration().prop_map(Cut::Period),
        rows().prop_map(Cut::Number),
    ];
    let durations = [duration(), duration(), duration(), duration()];
    (option::of(cut), durations, any::<u64>()).prop_map(|(cut, durations, min_rows)| {
        let [lateness, idle, max_wait, skew] = durations;
        Window { cut, lateness, idle, max_wait, skew, min_rows }
    })
}

fn calibrator() -> impl Strategy<Value = Calibrator> {
    select(vec![Calibrator::Auto, Calibrator::Isotonic, Calibrator::None])
}

fn performance() -> impl Strategy<Value = Performance> {
    let calibration = prop_oneof![
        calibrator().prop_map(Calibration::All),
        btree_map(text(), calibrator(), 0..3).prop_map(Calibration::PerClass),
    ];
    let custom = prop_oneof![text().prop_map(Custom::Cells), text().prop_map(Custom::Row)];
    let matrix = select(vec![
        Normalization::None,
        Normalization::All,
        Normalization::True,
        Normalization::Pred,
    ]);
    let value = select(vec![ValueNormalization::None, ValueNormalization::PerPrediction]);
    (
        calibration,
        metrics(),
        option::of(vec(vec(finite(), 0..3), 0..3)),
        (matrix, value),
        (option::of(text()), btree_map(text(), text(), 0..2)),
        (btree_map(text(), custom, 0..3), any::<bool>(), any::<bool>()),
    )
        .prop_map(
            |(
                calibration,
                metrics,
                business_value,
                normalize,
                (currency, custom_currency),
                (custom, robust, concept),
            )| {
                Performance {
                    calibration,
                    metrics,
                    business_value,
                    normalize_confusion_matrix: normalize.0,
                    normalize_business_value: normalize.1,
                    currency,
                    custom_currency,
                    custom,
                    robust,
                    concept_drift: concept,
                }
            },
        )
}

fn drift() -> impl Strategy<Value = Drift> {
    let both = vec![Multivariate::ReconstructionError, Multivariate::DomainClassifier];
    let by = prop_oneof![
        Just(vec![RankBy::Drift]),
        subsequence(RankBy::all().collect::<Vec<_>>(), 0..4)
    ];
    (metrics(), metrics(), subsequence(both, 0..=2), 0..200u64, by).prop_map(
        |(continuous, categorical, multivariate, rank_windows, rank_by)| Drift {
            continuous,
            categorical,
            multivariate,
            rank_windows,
            rank_by,
        },
    )
}

fn thresholds() -> impl Strategy<Value = Thresholds> {
    let limits = || (option::of(finite()), option::of(finite()));
    let threshold = prop_oneof![
        limits().prop_map(|(lower, upper)| Threshold::StandardDeviation { lower, upper }),
        limits().prop_map(|(lower, upper)| Threshold::Constant { lower, upper }),
        Just(Threshold::None),
    ];
    let metric = select(Metric::all().collect::<Vec<_>>());
    let metrics = btree_map(metric, threshold, 0..4).boxed();
    (metrics.clone(), btree_map(text(), metrics, 0..3)).prop_map(|(metrics, columns)| Thresholds {
        metrics,
        columns,
        ..Thresholds::default()
    })
}

fn alerts() -> impl Strategy<Value = Alerts> {
    let level = || select(vec![Level::Off, Level::Evidence, Level::Warning, Level::Critical]);
    let severity = select(vec![Severity::Warning, Severity::Critical]);
    let silence = (duration(), severity).prop_map(|(after, severity)| Silence { after, severity });
    let cooldown = prop_oneof![
        any::<u32>().prop_map(Cooldown::Windows),
        any::<u64>().prop_map(Cooldown::Time)
    ];
    let critical = prop_oneof![
        finite().prop_map(CriticalAbove::Errors),
        finite().prop_map(CriticalAbove::Money)
    ];
    let numbers = (finite(), finite(), any::<u64>());
    let may_be = (option::of(finite()), option::of(finite()), option::of(critical));
    let levels = (level(), level(), option::of(level()), level(), level());
    (levels, any::<[u32; 4]>(), option::of(silence), cooldown, numbers, may_be).prop_map(
        |(levels, counts, silence, cooldown, numbers, may_be)| {
            let (performance, quality, drift, diagnosis, early_warning) = levels;
            let [breaches, windows, resolve_after, superseded_after] = counts;
            let (margin, min_coverage, min_rows) = numbers;
            let (at_once, false_discovery, critical_above) = may_be;
            Alerts {
                performance,
                quality,
                drift,
                diagnosis,
                early_warning,
                open_after: OpenRule { breaches, windows },
                at_once,
                resolve_after,
                margin,
                cooldown,
                min_rows,
                min_coverage,
                false_discovery,
                critical_above,
                superseded_after,
                silence,
            }
        },
    )
}

fn early_warning() -> impl Strategy<Value = EarlyWarning> {
    (option::of(vec(text(), 0..3)), any::<bool>(), finite(), finite()).prop_map(
        |(columns, targets, false_alarms, tolerance)| EarlyWarning {
            columns,
            targets,
            false_alarms,
            tolerance,
        },
    )
}

fn model() -> impl Strategy<Value = Model> {
    let problem =
        select(vec![Problem::Binary, Problem::Multiclass, Problem::Regression, Problem::None]);
    let unknown = select(vec![UnknownVersion::Observe, UnknownVersion::DeadLetter]);
    let segment = prop_oneof![
        Just(Segment::Auto),
        vec(text(), 1..3).prop_map(Segment::Columns),
        (text(), text()).prop_map(|(name, condition)| Segment::Where { name, condition }),
    ];
    let head = (text(), problem, option::of(text()), unknown);
    let rows = (
        vec(segment, 0..3),
        any::<[u64; 3]>(),
        option::of(text()),
        btree_map(text(), text(), 0..3),
    );
    let sections = (columns(), option::of(ground_truth()), window(), performance(), drift());
    let warns = (option::of(early_warning()), alerts());
    (head, rows, sections, any::<bool>(), thresholds(), warns).prop_map(
        |(head, rows, sections, normalize, thresholds, (early_warning, alerts))| {
            let (name, problem, profile, unknown_version) = head;
            let (segments, [segment_min_rows, segment_max, worst_slices], filter, derived) = rows;
            let (columns, ground_truth, window, performance, drift) = sections;
            Model {
                name,
                problem,
                profile,
                unknown_version,
                segments,
                segment_min_rows,
                segment_max,
                worst_slices,
                filter,
                derived,
                columns,
                ground_truth,
                window,
                performance,
                drift,
                quality: Quality { normalize },
                thresholds,
                early_warning,
                alerts,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_model_travels_and_comes_back(model in model()) {
        let text = model.canonical();
        let back = Model::from_canonical(&text).unwrap();
        prop_assert_eq!(&back, &model);
        prop_assert_eq!(back.canonical(), text);
        prop_assert_eq!(back.figures_hash(), model.figures_hash());
    }
}

const PLAIN: &str = r#"
    [kafka.topics]
    predictions = ["loans"]

    [model.a]
    problem = "binary"

    [model.a.window]
    size = 100

    [model.a.thresholds]
    roc_auc = { lower = 0.5, upper = 0.75 }
"#;

fn read(text: &str) -> Settings {
    Settings::read(text, "vigie.toml", &Outside::NOTHING).expect("they are right")
}

#[test]
fn comments_order_and_formatting_make_no_other_epoch() {
    let same = r#"
        # Another file.
        model."a".thresholds = { roc_auc.upper = 7.5e-1, roc_auc.lower = 0.50, f1.standard_deviations = 3 }
        model.a.window.size = 1_00
        model.a.performance.metrics = ["accuracy", "specificity", "f1", "precision", "recall", "average_precision", "roc_auc"]
        [defaults]
        problem = "binary"
        [kafka]
        topics.predictions = ["loans"]
    "#;
    let (plain, same) = (read(PLAIN), read(same));
    assert_eq!(plain, same);
    assert_eq!(plain.figures_hash(), same.figures_hash());
    assert_eq!(plain.policy().hash(), same.policy().hash());
}

#[test]
fn what_changes_no_figure_makes_no_other_epoch() {
    let plain = read(PLAIN);
    for (lines, policy) in [
        ("[kafka]\nnamespace = \"x\"\nbootstrap_servers = \"x\"", false),
        ("[service]\nlisten = \"x:1\"", false),
        ("[model.a]\nprofile = \"elsewhere\"", false),
        ("[model.a.alerts]\nperformance = \"off\"", true),
        ("[model.a.performance]\ncurrency = \"EUR\"", true),
        ("[prometheus]\nmax_series = 5", true),
    ] {
        let other = with(lines);
        assert_eq!(other.figures_hash(), plain.figures_hash(), "{lines}");
        assert_eq!(other.policy().hash() != plain.policy().hash(), policy, "{lines}");
    }
}

#[test]
fn what_a_metric_of_ones_own_counts_makes_no_other_epoch() {
    let bare = with("[model.a.performance]\ncustom = { cost = \"rows * 2\" }");
    let table = with("[model.a.performance]\ncustom = { cost = { cells = \"rows * 2\" } }");
    assert_eq!(bare, table);
    let euros =
        "[model.a.performance]\ncustom = { cost = { cells = \"rows * 2\", currency = \"EUR\" } }";
    let euros = with(euros);
    assert_eq!(bare.figures_hash(), euros.figures_hash());
    assert_ne!(bare.policy().hash(), euros.policy().hash());
    let currencies = euros.models["a"].performance.currencies();
    assert_eq!(currencies.of(&Measure::Custom("cost".into())), Some("EUR"));
    assert_eq!(currencies.of(&Metric::BusinessValue.into()), None);
}

#[test]
fn what_changes_a_figure_makes_another_epoch() {
    let mut seen = BTreeMap::from([(read(PLAIN).figures_hash(), "plain")]);
    for lines in [
        "[model.a]\nproblem = \"none\"\n[model.a.thresholds]\nroc_auc = 0",
        "[model.a]\nunknown_version = \"dead_letter\"",
        "[model.a]\nfilter = \"x > 1\"",
        "[model.a]\nderived = { x = \"y\" }",
        "[model.a.columns]\nid = \"x\"",
        "[model.a.columns]\npositive = 1",
        "[model.a.columns]\npositive = \"1\"",
        "[model.a.window]\nlateness = \"2m\"",
        "[model.a.window]\nmin_rows = 1",
        "[model.a.performance]\ncalibration = \"none\"",
        "[model.a.performance]\nmetrics = [\"roc_auc\"]",
        "[model.a.performance]\nbusiness_value = [[0, 1], [1, 0]]",
        "[model.a.performance]\nnormalize.confusion_matrix = \"all\"",
        "[model.a.drift]\ncontinuous = []",
        "[model.a.drift]\nrank_windows = 0",
        "[model.a.drift]\nrank_by = []",
        "[model.a.drift]\nrank_by = [\"drift\", \"mean\"]",
        "[model.a.drift]\nrank_by = [\"mean\", \"drift\"]",
        "[model.a.quality]\nnormalize = false",
        "[model.a.thresholds]\nf1 = \"none\"",
        "[model.b]\nproblem = \"binary\"",
    ] {
        let other = with(lines);
        if let Some(same) = seen.insert(other.figures_hash(), lines) {
            panic!("{lines} is the same as {same}");
        }
    }
    // The name belongs to it: two models are never one.
    let of = |name| Model::new(name, Problem::Binary).figures_hash();
    assert_ne!(of("a"), of("b"));
}

/// The plain settings with some lines laid over them; `roc_auc = 0` takes that threshold away.
fn with(lines: &str) -> Settings {
    let mut table: toml::Table = toml::from_str(PLAIN).expect("it is TOML");
    merge(&mut table, toml::from_str(lines).expect("it is TOML"));
    read(&table.to_string())
}

fn merge(onto: &mut toml::Table, lines: toml::Table) {
    for (key, value) in lines {
        match (onto.get_mut(&key), value) {
            (Some(toml::Value::Table(onto)), toml::Value::Table(lines)) => merge(onto, lines),
            (Some(_), toml::Value::Integer(0)) => drop(onto.remove(&key)),
            (_, value) => drop(onto.insert(key, value)),
        }
    }
}

/// A change here means that every installation begins a new epoch with the next version: never by accident.
#[test]
fn the_hash_of_the_defaults_stays() {
    let hash = Model::new("car-loan", Problem::Binary).figures_hash();
    insta::assert_snapshot!(format!("{hash:032x}"), @"2f3fa19bf0ad737646883ff2b1e6f09e");
}

#[test]
fn a_policy_travels_and_comes_back() {
    let policy = read(PLAIN).policy();
    assert_eq!(Policy::from_canonical(&policy.canonical()).unwrap(), policy);
    let broken = Policy::from_canonical("{}").unwrap_err();
    insta::assert_snapshot!(broken, @"settings in canonical form cannot be read back; they come from another version of vigie");
}
