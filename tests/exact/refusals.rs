//! Settings that are refused: every mistake at once, each with its place and the way out.

use insta::assert_snapshot;
use proptest::prelude::*;
use proptest::sample::Index;
use vigie::settings::{Mistake, SettingsError};

use crate::data::{model, read, settings_file};

/// What settings were refused for; nothing where they were not.
fn mistakes(refused: Result<impl Sized, SettingsError>) -> Vec<Mistake> {
    match refused.err() {
        Some(SettingsError::Refused { mistakes, .. }) => mistakes,
        _ => Vec::new(),
    }
}

/// Where the mistakes are.
pub(crate) fn paths(refused: Result<impl Sized, SettingsError>) -> Vec<String> {
    mistakes(refused).into_iter().map(|mistake| mistake.path).collect()
}

#[test]
fn the_contracts_example_is_read() {
    read(&settings_file("contract.toml")).unwrap();
}

#[test]
fn every_mistake_is_told_at_once() {
    let refused = read(&settings_file("mistakes.toml")).unwrap_err();
    assert_snapshot!(refused, @r#"
    vigie.toml: 36 mistakes
      line 3: `kafka.bootstrap_servers`: found "localhost:kafka", wanted `host:port`, several with commas between; write for example "kafka-1:9092,kafka-2:9092"
      line 4: `kafka.name_space`: found an unknown key, wanted a key that this section has; did you mean `namespace`?
      line 7: `kafka.topics.predictions`: found "loans", wanted a list; put it in brackets: `["loans"]`
      line 8: `kafka.topics.start`: found "yesterday", wanted "earliest", "latest" or a time (RFC 3339); write a time with its offset: "2026-01-31T00:00:00Z"
      line 11: `kafka.properties."group.id"`: found `group.id`, which vigie sets itself, wanted properties that leave delivery alone; remove it: groups are named after `kafka.namespace`, so that all instances share the work
      line 12: `kafka.properties.sasl.password`: found the environment variable `KAFKA_PASSWORD`, which is not set, wanted the name of one that is set; set it where vigie is started
      line 15: `service.listen`: found `9464`, wanted a text; put it in quotes: `"9464"`
      line 16: `service.instance`: found `${POD_NAME}`, which is not set, wanted an environment variable that is set; set `POD_NAME`, or say what holds without it: `${POD_NAME:-text}`
      line 19: `defaults.window.size`: found "5000", wanted a whole number, not negative; write a number, without quotes
      line 20: `defaults.window.idle`: found `idle = "2h"` with `max_wait = "1h"`, wanted an `idle` of at most `max_wait`, else no partition ever counts as idle; lower `idle` or raise `max_wait`
      line 23: `model.car-loan.problem`: found "binray", wanted one of "binary", "multiclass", "regression", "none"; did you mean "binary"?
      line 27: `model.loan.profile`: found "profiles/{modell}.vigie", wanted a path with no other braces than `{model}` and `{version}`; these two are filled in, nothing else
      line 28: `model.loan.windw`: found an unknown key, wanted a key that this section has; did you mean `window`?
      line 29: `model.loan.segments[1]`: found a list, wanted one column, or two to eight different ones; name each column once
      line 32: `model.loan.columns.id`: found "request..id", wanted a path such as `request.id`, `outputs[0].score` or `$key`; write a key before, between and after dots
      line 33: `model.loan.columns.timestamp`: found "$offset", wanted a path such as `request.id`, `outputs[0].score` or `$key`; of the record itself there are `$key`, `$timestamp`, `$topic` and `$header.name`
      line 34: `model.loan.columns.prediction.threshold`: found `5`, wanted a number between 0 and 1; a probability decides; write for example 0.5
      line 36: `model.loan.columns.continuous[0]`: found `loan_length`, which is also under `categorical`, wanted a column in one of the two lists; remove it from the other
      line 38: `model.loan.window`: found `size` and `period`, wanted one of `size`, `period` and `number`; keep the one that shall decide when a window is full
      line 40: `model.loan.window.period`: found "1 hour", wanted a duration such as "90s" or "1h30m"; the units are ms, s, m (or min), h, d, w
      line 41: `model.loan.window.min_rows`: found `5000` with `size = 1000`, wanted at most `size`, else no window is ever judged; lower `min_rows` or raise `size`
      line 44: `model.loan.performance.metrics[1]`: found "presicion", wanted a metric of `problem = "binary"`; did you mean `precision`?
      line 44: `model.loan.performance.metrics[2]`: found "mae", wanted a metric of `problem = "binary"`; choose from `roc_auc`, `average_precision`, `f1`, `precision`, `recall`, `specificity`, `accuracy`, `true_positive`, `true_negative`, `false_positive`, `false_negative`, `business_value`, `confusion_matrix`
      line 44: `model.loan.performance.metrics`: found `business_value`, wanted what each cell of the confusion matrix is worth; add `business_value = [[true negative, false positive], [false negative, true positive]]`
      line 45: `model.loan.performance.calibration`: found "isotonc", wanted one of "auto", "isotonic", "none"; did you mean "isotonic"?
      line 48: `model.loan.drift.continuous[0]`: found "chi2", wanted a drift method for continuous columns; choose from `jensen_shannon`, `kolmogorov_smirnov`, `wasserstein`, `hellinger`, `psi`
      line 51: `model.loan.thresholds.roc_auc`: found `lower = 0.9` and `upper = 0.7`, wanted a lower limit below the upper one; swap or move them
      line 52: `model.loan.thresholds.f1.standard_deviation`: found an unknown key, wanted a key that this section has; did you mean `standard_deviations`?
      line 53: `model.loan.thresholds.accuracy.standard_deviations`: found `-1`, wanted a number of at least 0; three is usual
      line 54: `model.loan.thresholds.recall`: found "3", wanted "none" or a table; choose one of them
      line 55: `model.loan.thresholds."car.value.roc_auc"`: found `roc_auc` of a column, wanted a metric that columns have after the last dot; choose from `jensen_shannon`, `kolmogorov_smirnov`, `wasserstein`, `hellinger`, `chi2`, `l_infinity`, `psi`, `reconstruction_error`, `missing_rate`, `unseen_rate`, `out_of_range_rate`, `mean`, `standard_deviation`, `median`, `sum`
      line 56: `model.loan.thresholds.car_value.jensen_shannon`: found an unknown key, wanted a key that this section has; put the whole name in quotes: `"column.jensen_shannon"`
      line 59: `model.loan.alerts.open_after`: found "3 of 2", wanted at least one window, and not more than there are; write for example "2 of 3"
      line 60: `model.loan.alerts.drift`: found "pager", wanted one of "off", "evidence", "warning", "critical"; choose one of them
      line 63: `prometheus.families[1]`: found "performance" a second time, wanted each only once; remove one of the two
      line 64: `prometheus.max_series`: found `0`, wanted a whole number of at least 1; write a greater one
    "#);
}

#[test]
fn broken_toml_hides_nothing_but_its_own_line() {
    let text = "[kafka]\nnamespace = \"a\nbootstrap_servers = 5\n[model.a]\nproblm = \"binary\"\nproblem = binary\n[model.a]\nfilter = 1";
    let refused = read(text).unwrap_err();
    assert_snapshot!(refused, @r#"
    vigie.toml: 6 mistakes
      line 2: found broken TOML (invalid basic string, expected `"`), wanted valid TOML; mend this line first
      line 3: `kafka.bootstrap_servers`: found `5`, wanted a text; put it in quotes: `"5"`
      line 5: `model.a.problm`: found an unknown key, wanted a key that this section has; did you mean `problem`?
      line 6: found broken TOML (string values must be quoted, expected literal string), wanted valid TOML; mend this line first
      line 7: found broken TOML (duplicate key), wanted valid TOML; keep one of the two
      line 8: `model.a.filter`: found `1`, wanted a text; put it in quotes: `"1"`
    "#);
}

#[test]
fn what_is_wrong_with_the_defaults_is_told_once_and_there() {
    let text = "[defaults.window]\nsize = 0\nidel = \"5m\"\n[model.a]\nproblem = \"binary\"\n[model.b]\nproblem = \"binary\"";
    assert_eq!(paths(read(text)), ["defaults.window.size", "defaults.window.idel"]);
}

#[test]
fn contradictions_are_found() {
    for (lines, path) in [
        ("window = { size = 10, number = 3 }", "model.a.window"),
        ("window = { size = 10, min_rows = 11 }", "model.a.window.min_rows"),
        ("window = { idle = \"1h\", max_wait = \"1m\" }", "model.a.window.idle"),
        ("window = { max_wait = \"1m\" }", "model.a.window.max_wait"),
        ("window = { period = \"0s\" }", "model.a.window.period"),
        ("columns.probability = { yes = \"p\", no = \"q\" }", "model.a.columns.probability"),
        ("columns.id = []", "model.a.columns.id"),
        ("columns.id = [\"a\", \"a\"]", "model.a.columns.id[1]"),
        ("columns.target = \"outcome.*\"", "model.a.columns.target"),
        ("performance.metrics = [\"business_value\"]", "model.a.performance.metrics"),
        ("performance.metrics = [\"f1\", \"f1\"]", "model.a.performance.metrics[1]"),
        (
            "performance = { metrics = [\"f1\"], business_value = [[0, 1], [1, 0]] }",
            "model.a.performance.business_value",
        ),
        (
            "performance.business_value = [[0, 1, 2], [1, 0, 2]]",
            "model.a.performance.business_value",
        ),
        ("performance.business_value = [[0, 1], [1, nan]]", "model.a.performance.business_value"),
        (
            "performance.business_value = [[0, 1], [1, \"x\"]]",
            "model.a.performance.business_value[1][1]",
        ),
        (
            "performance.normalize.confusion_matrix = \"predicted\"",
            "model.a.performance.normalize.confusion_matrix",
        ),
        ("performance.calibration = { yes = \"auto\" }", "model.a.performance.calibration"),
        ("thresholds.f1 = { lower = 1, standard_deviations = 3 }", "model.a.thresholds.f1"),
        ("thresholds.f1 = { lower = 1, upper = 1 }", "model.a.thresholds.f1"),
        ("thresholds.f1 = { upper = inf }", "model.a.thresholds.f1.upper"),
        ("thresholds.f1 = {}", "model.a.thresholds.f1"),
        ("thresholds.mae = { upper = 1 }", "model.a.thresholds.mae"),
        ("thresholds.chi2 = \"none\"", "model.a.thresholds.chi2"),
        (
            "columns.categorical = [\"x\"]\nthresholds.\"x.mean\" = { upper = 1 }",
            "model.a.thresholds.\"x.mean\"",
        ),
        ("alerts.open_after = 0", "model.a.alerts.open_after"),
        ("alerts.open_after = \"two of three\"", "model.a.alerts.open_after"),
        ("alerts.resolve_after = 0", "model.a.alerts.resolve_after"),
        ("profile = \"{name}.vigie\"", "model.a.profile"),
        ("filter = \" \"", "model.a.filter"),
        ("derived = { x = \"\" }", "model.a.derived.x"),
    ] {
        assert_eq!(paths(model(lines)), [path], "{lines}");
    }
}

#[test]
fn later_parts_are_checked_like_the_rest() {
    for (lines, path) in [
        ("alerts.silence.after = \"0s\"", "model.a.alerts.silence.after"),
        ("segments = [\"a\", [\"b\", \"c\"], [\"c\", \"b\"]]", "model.a.segments[2]"),
        ("segments = [{ name = \"all\", where = \"x > 1\" }]", "model.a.segments[0]"),
        ("segments = [{ name = \"young\" }]", "model.a.segments[0]"),
        ("segments = [{ name = \"age=1\", where = \"x > 1\" }]", "model.a.segments[0]"),
        (
            "segments = [{ name = \"b\", where = \"x\" }, { name = \"b\", where = \"y\" }]",
            "model.a.segments[1]",
        ),
        (
            "segments = [[\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\"]]",
            "model.a.segments[0]",
        ),
        (
            "segments = [\"a\", { name = \"b\", where = \"x\" }]\nsegment_max = 2",
            "model.a.segment_max",
        ),
        ("segment_max = 10001", "model.a.segment_max"),
        ("segment_max = 0", "model.a.segment_max"),
        ("ground_truth = { wait = \"1m\" }", "model.a.ground_truth"),
        ("ground_truth = { min_coverage = 20 }", "model.a.ground_truth.min_coverage"),
        ("ground_truth = { key = [\"a\", \"b\"], matches = \"a\" }", "model.a.ground_truth"),
        ("performance.custom = { f1 = \"1\" }", "model.a.performance.custom.f1"),
        ("performance.custom = { Cost = { row = \"x\" } }", "model.a.performance.custom.Cost"),
        ("performance.custom = { cost = {} }", "model.a.performance.custom.cost"),
        (
            "performance.custom = { cost = { cells = \"rows\", row = \"x\" } }",
            "model.a.performance.custom.cost",
        ),
        (
            "performance.custom = { cost = { cells = \"rows\", currency = \" \" } }",
            "model.a.performance.custom.cost.currency",
        ),
        ("drift.multivariate = [\"reconstruction\"]", "model.a.drift.multivariate[0]"),
        ("drift.rank_windows = 2", "model.a.drift.rank_windows"),
        ("drift.rank_windows = 201", "model.a.drift.rank_windows"),
        ("drift.rank_by = [\"drift\", \"average\"]", "model.a.drift.rank_by[1]"),
        ("drift.rank_by = [\"wasserstein\"]", "model.a.drift.rank_by[0]"),
        ("drift.rank_by = [\"mean\", \"mean\"]", "model.a.drift.rank_by[1]"),
        ("thresholds.breach_count = { upper = 3 }", "model.a.thresholds.breach_count"),
        (
            "thresholds.\"x.drift_correlation\" = { upper = 0.5 }",
            "model.a.thresholds.\"x.drift_correlation\"",
        ),
        ("columns.probability = { x = \"p\" }", "model.a.columns.probability"),
    ] {
        let found = paths(model(lines));
        assert!(found.contains(&path.to_owned()), "{lines}: {found:?}");
    }
    let several = "[model.a]\nproblem = \"multiclass\"\ncolumns.probability = { x = \"p\", y = \"q\" }\nperformance = { metrics = [\"f1\"], calibration = { x = \"none\" } }";
    assert_eq!(paths(read(several)), [""; 0], "several classes have all of it");
    let number = "[model.a]\nproblem = \"regression\"\nperformance.metrics = [\"mae\"]\nthresholds.rmse = { upper = 3 }";
    assert_eq!(paths(read(number)), Vec::<String>::new());
    let wrong = "[model.a]\nproblem = \"regression\"\nperformance.metrics = [\"f1\"]\ncolumns = { positive = 1, prediction = { threshold = 0.5 } }";
    assert_eq!(
        paths(read(wrong)),
        [
            "model.a.performance.metrics[0]",
            "model.a.columns.prediction",
            "model.a.columns.positive"
        ],
    );
}

#[test]
fn kafka_is_checked_too() {
    for (lines, path) in [
        ("[kafka]\nbootstrap_servers = \"a:1,\"", "kafka.bootstrap_servers"),
        ("[kafka]\nnamespace = \"a b\"", "kafka.namespace"),
        ("[kafka.topics]\npredictions = []", "kafka.topics.predictions"),
        ("[kafka.topics]\npredictions = [5]", "kafka.topics.predictions[0]"),
        ("[kafka.topics]\npredictions = [\"^loans.*\"]", "kafka.topics.predictions[0]"),
        ("[kafka.topics]\npredictions = [\"a\", \"a\"]", "kafka.topics.predictions[1]"),
        ("[kafka.topics]\npredictions = [\"vigie.tally\"]", "kafka.topics.predictions[0]"),
        ("[kafka.topics]\npredictions = [\"x\"]\nresults = \"x\"", "kafka.topics.predictions[0]"),
        ("[kafka.topics]\nresults = \"x\"\nalerts = \"x\"", "kafka.topics.alerts"),
        ("[kafka.topics]\nstart = \"earlist\"", "kafka.topics.start"),
        ("[kafka.topics]\nstart = 2026-01-31", "kafka.topics.start"),
        ("[kafka]\nnamespace = 2026-01-31", "kafka.namespace"),
        ("[service]\nlisten = \"9464\"", "service.listen"),
        ("[service]\ninstance = \"\"", "service.instance"),
        ("[prometheus]\nsegments = [\"region=*\", \"*=north\"]", "prometheus.segments[1]"),
        ("[prometheus]\nsegments = [\"\"]", "prometheus.segments[0]"),
        ("[archive]\npath = \"\"", "archive.path"),
        ("[archive]\npath = \"ftp://host/folder\"", "archive.path"),
        ("[archive]\nrows = true", "archive.rows"),
        ("[[notify]]\nname = \"a\"\nto = \"slack\"\nurl = \"ftp://example.org\"", "notify[0].url"),
        ("[[notify]]\nname = \"a\"\nto = \"slack\"", "notify[0].url"),
        (
            "[[notify]]\nname = \"a b\"\nto = \"slack\"\nurl = \"https://example.org\"",
            "notify[0].name",
        ),
        ("[[notify]]\nname = \"a\"\nto = \"pagerduty\"", "notify[0].secret"),
    ] {
        let text = format!("[model.a]\nproblem = \"none\"\n{lines}");
        assert_eq!(paths(read(&text)), [path], "{lines}");
    }
    assert_eq!(paths(read("")), ["model"]);
    assert_eq!(paths(read("model = 5")), ["model"]);
}

#[test]
fn properties_that_break_delivery_are_refused_with_the_reason() {
    for name in [
        "bootstrap.servers",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "enable.auto.commit",
        "auto.commit.interval.ms",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "isolation.level",
        "transactional.id",
        "transaction.timeout.ms",
        "enable.idempotence",
        "acks",
        "retries",
        "partitioner",
        "max.in.flight.requests.per.connection",
        "partition.assignment.strategy",
        "test.mock.num.brokers",
    ] {
        let text = format!("[model.a]\nproblem = \"none\"\n[kafka.properties]\n{name} = \"x\"");
        let mistakes = mistakes(read(&text));
        assert_eq!(mistakes.len(), 1, "{name}");
        assert!(mistakes[0].mend.starts_with("remove it: "), "{}", mistakes[0]);
        assert_eq!(mistakes[0].line, Some(4));
    }
}

#[test]
fn what_only_a_stream_needs_is_asked_for_apart() {
    let text = r#"
        [defaults]
        problem = "binary"
        [model.a.window]
        number = 10
        [model.b.window]
        period = "1h"
    "#;
    let settings = read(text).unwrap();
    let missing = settings.ready_to_run("vigie.toml").unwrap_err();
    assert_snapshot!(missing, @r#"
    vigie.toml: 4 mistakes
      `model.a.window.number`: found a number of windows, wanted `size` or `period`: a stream has no end that could be divided; `number` is for `vigie check`
      `model.a.columns.model`: found nothing, wanted where an event names its model, as there are several; add `model = ".."` under `[defaults.columns]`
      `model.b.columns.timestamp`: found nothing, wanted the time of a prediction, as its windows go by time; add `timestamp = ".."`, or `"$timestamp"` for the record's own
      `model.b.columns.model`: found nothing, wanted where an event names its model, as there are several; add `model = ".."` under `[defaults.columns]`
    "#);
}

proptest! {
    /// Whatever somebody's editor did to a file: it is read or refused with reasons.
    #[test]
    fn no_text_is_too_broken_to_be_refused(
        places: [Index; 2],
        typed in "[\\[\\]{}=\"'.,#$\n a0-]{0,4}|\\$\\{[A-Z]{0,2}\\}|nan|inf|\\PC",
    ) {
        for name in ["contract.toml", "full.toml"] {
            let letters = settings_file(name).chars().collect::<Vec<_>>();
            let mut places = places.map(|place| place.index(letters.len()));
            places.sort_unstable();
            // Mostly a few letters, sometimes half the file.
            let to = places[1].min(places[0] + places[1] % 40);
            let mut text = letters[..places[0]].iter().collect::<String>();
            text += &typed;
            text.extend(&letters[to..]);
            if let Err(refused) = read(&text) {
                prop_assert!(!mistakes(Err::<(), _>(refused)).is_empty());
            }
        }
    }
}
