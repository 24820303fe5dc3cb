//! What was written in vigie.toml, and what it means: values, defaults, secrets.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use insta::assert_snapshot;
use vigie::alert::{Cooldown, CriticalAbove, Severity};
use vigie::metric::{Metric, Problem};
use vigie::settings::{Cut, Model, OpenRule, Prediction, Start, example};
use vigie::stats::Threshold;

use crate::data::{assert_current, model, read, settings_file};
use crate::refusals::paths;

#[test]
fn ten_lines_are_enough() {
    let text = settings_file("minimal.toml");
    assert_eq!(text.lines().count(), 10);
    let settings = read(&text).unwrap();
    let mut expected = Model::new("car-loan", Problem::Binary);
    expected.columns = settings.models["car-loan"].columns.clone();
    assert_eq!(settings.models, BTreeMap::from([("car-loan".to_owned(), expected)]));
    assert_eq!(settings.kafka.topics.predictions, ["loans"]);
    assert_eq!(settings.service.instance.as_deref(), Some("pod-7"));
    settings.ready_to_run("vigie.toml").unwrap();
}

#[test]
fn a_model_without_a_file_is_one_with_an_empty_section() {
    for (name, problem) in [("binary", Problem::Binary), ("none", Problem::None)] {
        let settings = read(&format!("[model.a]\nproblem = \"{name}\"")).unwrap();
        assert_eq!(settings.models["a"], Model::new("a", problem));
    }
    assert_eq!(Model::new("a", Problem::None).performance.metrics, []);
}

#[test]
fn every_key_of_kafka_arrives() {
    let settings = read(&settings_file("full.toml")).unwrap();
    let start = "2026-01-31T00:00:00Z".parse().unwrap();
    assert_eq!(settings.kafka.topics.start, Start::At(start));
    let kafka = serde_json::to_string_pretty(&settings.kafka).unwrap();
    assert_snapshot!(kafka, @r#"
    {
      "bootstrap_servers": "kafka-1:9092, kafka-2:9092",
      "namespace": "lookout",
      "tally_partitions": 16,
      "join_partitions": 16,
      "id_secret": null,
      "topics": {
        "predictions": [
          "loans",
          "loans.batch"
        ],
        "ground_truth": [
          "ground-truth"
        ],
        "results": "lookout-results",
        "alerts": "lookout-alerts",
        "dead_letters": "lookout-dead",
        "start": "2026-01-31T00:00:00Z",
        "create": false
      },
      "properties": {
        "fetch.max.bytes": "1048576",
        "sasl.password": "***",
        "sasl.username": "***",
        "security.protocol": "sasl_ssl",
        "ssl.key.password": "***"
      }
    }
    "#);
}

#[test]
fn every_key_of_a_model_arrives() {
    let settings = read(&settings_file("full.toml")).unwrap();
    let loan = &settings.models["car-loan"];
    assert_snapshot!(loan.canonical().replace(",\"", ",\n\""), @r#"
    {"alerts":{"at_once":5.0,
    "cooldown":{"windows":0},
    "critical_above":null,
    "diagnosis":"off",
    "drift":"warning",
    "early_warning":"warning",
    "false_discovery":0.05,
    "margin":1.0,
    "min_coverage":0.0,
    "min_rows":0,
    "open_after":{"breaches":1,
    "windows":1},
    "performance":"warning",
    "quality":"off",
    "resolve_after":3,
    "silence":null,
    "superseded_after":3},
    "columns":{"categorical":["loan_length"],
    "continuous":["car_value"],
    "features":["features.*"],
    "id":["loan.id",
    "loan.try"],
    "model":"model.name",
    "positive":"yes",
    "prediction":{"threshold":0.3},
    "probability":{"positive":"outputs[0].probability"},
    "target":"repaid",
    "timestamp":{"path":"ts",
    "unit":"ms"},
    "version":"model.version"},
    "derived":{"debt_ratio":"debt / nullif(income, 0)"},
    "drift":{"categorical":["chi2"],
    "continuous":["jensen_shannon",
    "wasserstein"],
    "multivariate":[],
    "rank_by":["drift",
    "missing_rate",
    "wasserstein"],
    "rank_windows":50},
    "filter":"channel != 'test'",
    "ground_truth":null,
    "name":"car-loan",
    "performance":{"business_value":[[0.0,-1.0],[-1.5,5.0]],
    "calibration":{"all":"isotonic"},
    "concept_drift":false,
    "currency":"EUR",
    "custom":{},
    "metrics":["roc_auc",
    "f1",
    "true_positive",
    "true_negative",
    "false_positive",
    "false_negative",
    "business_value"],
    "normalize_business_value":"per_prediction",
    "normalize_confusion_matrix":"true",
    "robust":true},
    "problem":"binary",
    "profile":"profiles/{model}.vigie",
    "quality":{"normalize":false},
    "segment_max":10,
    "segment_min_rows":100,
    "segments":[],
    "thresholds":{"columns":{"car_value":{"jensen_shannon":{"constant":{"lower":null,
    "upper":0.25}}},
    "request.income":{"missing_rate":"none"}},
    "metrics":{"accuracy":{"constant":{"lower":0.7,
    "upper":1.0}},
    "f1":{"standard_deviation":{"lower":2.0,
    "upper":4.0}},
    "false_negative":{"constant":{"lower":null,
    "upper":0.9}},
    "false_positive":{"constant":{"lower":null,
    "upper":0.9}},
    "jensen_shannon":{"standard_deviation":{"lower":null,
    "upper":4.0}},
    "recall":"none",
    "roc_auc":{"standard_deviation":{"lower":2.0,
    "upper":2.0}},
    "true_negative":{"constant":{"lower":null,
    "upper":0.9}},
    "true_positive":{"constant":{"lower":null,
    "upper":0.9}},
    "unseen_rate":{"standard_deviation":{"lower":null,
    "upper":5.0}}}},
    "unknown_version":"dead_letter",
    "window":{"cut":{"period":5400000},
    "idle":600000,
    "lateness":120000,
    "max_wait":7200000,
    "min_rows":50,
    "skew":30000}}
    "#);
}

#[test]
fn what_holds_for_all_holds_where_a_model_says_nothing() {
    let settings = read(&settings_file("full.toml")).unwrap();
    let loan = &settings.models["car-loan"];
    let churn = &settings.models["churn"];
    assert_eq!(churn.window.cut, Some(Cut::Size(NonZeroU64::new(2000).unwrap())));
    assert_eq!(churn.window.lateness, Duration::from_mins(2));
    assert_eq!(churn.columns.model.as_deref(), Some("model.name"));
    assert_eq!(churn.alerts.silence, loan.alerts.silence);
}

#[test]
fn a_model_overrules_the_defaults_value_by_value() {
    let text = r#"
        [defaults]
        problem = "binary"
        thresholds = { roc_auc = { lower = 0.5, upper = 0.9 }, f1 = "none" }
        [defaults.window]
        size = 100
        lateness = "5m"
        [model.a.window]
        period = "1d"
        [model.a.thresholds]
        roc_auc = { lower = 0.6 }
    "#;
    let settings = read(text).unwrap();
    let model = &settings.models["a"];
    assert_eq!(model.window.cut, Some(Cut::Period(Duration::from_hours(24))));
    assert_eq!(model.window.lateness, Duration::from_mins(5));
    let limit = Threshold::Constant { lower: Some(0.6), upper: None };
    assert_eq!(model.thresholds.of(Metric::RocAuc, None), limit);
    assert_eq!(model.thresholds.of(Metric::F1, None), Threshold::None);
}

#[test]
fn defaults_are_passed_over_where_a_model_has_no_use_for_them() {
    let text = r#"
        [defaults]
        columns = { positive = 1, prediction = { threshold = 0.5 }, id = "id" }
        performance.metrics = ["roc_auc", "confusion_matrix"]
        thresholds = { roc_auc = { lower = 0.5 }, psi = { upper = 0.2 } }
        [model.a]
        problem = "binary"
        [model.b]
        problem = "none"
    "#;
    let settings = read(text).unwrap();
    let (a, b) = (&settings.models["a"], &settings.models["b"]);
    assert_eq!((a.performance.metrics.len(), b.performance.metrics.len()), (5, 0));
    assert_eq!((a.thresholds.metrics.len(), b.thresholds.metrics.len()), (2, 1));
    assert!(a.columns.positive.is_some() && a.columns.prediction.is_some());
    assert!(b.columns.positive.is_none() && b.columns.prediction.is_none());
    assert_eq!(b.columns.id, ["id"]);
    // What no model could have is still a mistake.
    let wrong = text.replace("roc_auc", "rocauc");
    assert_eq!(
        paths(read(&wrong)),
        ["defaults.performance.metrics[0]", "defaults.thresholds.rocauc"]
    );
}

#[test]
fn standard_deviations_go_to_the_sides_that_the_metric_has() {
    let model = model(
        r#"
        [model.a.thresholds]
        roc_auc = { standard_deviations = 2 }
        wasserstein = { standard_deviations = 2 }
        unseen_rate = { standard_deviations = 2 }
        mean = { upper_standard_deviations = 2 }
        "a.b.mean" = { lower = -1 }
        "#,
    )
    .unwrap();
    let both = Threshold::StandardDeviation { lower: Some(2.0), upper: Some(2.0) };
    let above = Threshold::StandardDeviation { lower: None, upper: Some(2.0) };
    let of = |metric, column| model.thresholds.of(metric, column);
    assert_eq!(of(Metric::RocAuc, None), both);
    assert_eq!(of(Metric::Wasserstein, Some("x")), above);
    assert_eq!(of(Metric::UnseenRate, None), above);
    assert_eq!(of(Metric::Mean, None), above);
    assert_eq!(
        of(Metric::Mean, Some("a.b")),
        Threshold::Constant { lower: Some(-1.0), upper: None }
    );
    assert_eq!(of(Metric::Psi, Some("a.b")), Threshold::THREE_SIGMA_ABOVE);
}

#[test]
fn secrets_are_fetched_and_never_shown() {
    let settings = read(&settings_file("full.toml")).unwrap();
    let exposed = |name: &str| settings.kafka.properties[name].expose().to_owned();
    assert_eq!(exposed("sasl.password"), "canary-password");
    assert_eq!(exposed("sasl.username"), "canary-user");
    assert_eq!(exposed("ssl.key.password"), "canary-key");
    let json = serde_json::to_string(&settings).unwrap();
    let mut shown = vec![format!("{settings:?} {settings:#?} {json}")];
    // Typed in the open, in every way that is a mistake.
    for line in [
        "\"sasl.password\" = \"canary",
        "\"sasl.password\" = canary",
        "\"sasl.password\" = [\"canary\"]",
        "\"sasl.password\" = { file = \"secrets/kafka\", fil = \"canary\" }",
        "\"sasl.password\" = { env = \"canary!\" }",
        "\"group.id\" = \"canary\"",
        "\"sasl.password\" = \"canary${NOPE}\"",
        "\"sasl.password\" = 2026-01-31",
        "\"sasl.password\" = 99999999999999999999",
    ] {
        let text = format!("[model.a]\nproblem = \"none\"\n[kafka.properties]\n{line}");
        match read(&text) {
            Err(refused) => shown.push(format!("{refused} {refused:?}")),
            Ok(settings) => shown.push(format!("{settings:?}")),
        }
    }
    let typed = "[model.a]\nproblem = \"none\"\n[kafka.properties]\n\"sasl.password\" = \"canary\"\n\"x.y\" = \"${KEY_PASSWORD}\"";
    shown.push(format!("{:?}", read(typed).unwrap()));
    // What came from the environment is shown as it was typed.
    let elsewhere =
        "[model.a]\nproblem = \"${KEY_PASSWORD}\"\n[service]\nlisten = \"${KEY_PASSWORD}\"";
    let refused = read(elsewhere).unwrap_err().to_string();
    assert!(refused.contains("found \"${KEY_PASSWORD}\""), "{refused}");
    shown.push(refused);
    let shown = shown.join("\n");
    assert!(!shown.contains("canary"), "{shown}");
    assert!(!shown.contains("99999"), "{shown}");
    assert!(shown.contains("***"));
}

#[test]
fn profiles_are_found_and_versions_lead_nowhere_else() {
    let mut model = Model::new("car-loan", Problem::Binary);
    assert_eq!(model.profile_for("").as_deref(), Some("profiles/car-loan.vigie"));
    assert_eq!(model.profile_for("7").as_deref(), Some("profiles/car-loan/7.vigie"));
    model.profile = Some("s3://bucket/{model}-{version}".to_owned());
    assert_eq!(model.profile_for("{model}").as_deref(), Some("s3://bucket/car-loan-{model}"));
    for version in ["../x", "a/b", "a\\b", ".."] {
        assert_eq!(model.profile_for(version), None);
    }
}

#[test]
fn what_alerts_may_wait_for() {
    let said = "alerts = { at_once = 'off', false_discovery = 'off', cooldown = '6h', \
                critical_above = { money = 1000 }, silence = { after = '30m' } }";
    let alerts = model(said).unwrap().alerts;
    assert_eq!((alerts.at_once, alerts.false_discovery), (None, None));
    assert_eq!(alerts.cooldown, Cooldown::Time(6 * 3_600_000));
    assert_eq!(alerts.critical_above, Some(CriticalAbove::Money(1000.0)));
    let silence = alerts.silence.unwrap();
    assert_eq!((silence.after, silence.severity), (Duration::from_mins(30), Severity::Critical));
    let alerts = model("alerts = { cooldown = 4, critical_above = 2 }").unwrap().alerts;
    assert_eq!(alerts.cooldown, Cooldown::Windows(4));
    assert_eq!(alerts.critical_above, Some(CriticalAbove::Errors(2.0)));
}

#[test]
fn other_ways_to_write_the_same() {
    let model =
        model("alerts = { open_after = 4, silence = \"off\" }\ncolumns.prediction.threshold = 1")
            .unwrap();
    assert_eq!(model.alerts.open_after, OpenRule { breaches: 4, windows: 4 });
    assert_eq!(model.alerts.silence, None);
    assert_eq!(model.alerts.cooldown, Cooldown::Windows(0));
    assert_eq!(model.columns.prediction, Some(Prediction::Threshold(1.0)));
}

#[test]
fn the_example_file_is_current_and_can_be_read() {
    assert_current("deploy/vigie.toml", &example());
    read(&example()).unwrap();
}

#[test]
fn every_line_of_the_example_file_can_be_uncommented() {
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') => key.to_owned() + "\n",
        _ => line.to_owned() + "\n",
    };
    let text = example().lines().map(uncomment).collect::<String>();
    let found = paths(read(&text));
    // One way to cut windows excludes the others, and so it is with secrets.
    assert_eq!(found, ["kafka.id_secret", "model.car-loan.window"]);
}
