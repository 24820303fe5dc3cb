//! The rules that we hand out: `promtool` takes them, and each alert fires when it should and only then.

use std::fs;

use crate::{prometheus, tools};

/// What follows `key` on its lines.
fn named<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    text.lines().filter_map(|line| line.trim().strip_prefix(key)).map(str::trim).collect()
}

#[test]
fn promtool_takes_the_rules() {
    for file in ["deploy/alerts.rules.yml", "deploy/recording.rules.yml"] {
        // None: promtool is not installed, and that was said.
        if let Some(checked) = prometheus::check_rules(&tools::repository(file)) {
            checked.unwrap_or_else(|said| panic!("{said}"));
        }
    }
}

#[test]
fn every_alert_fires_when_it_should_and_only_then() {
    let file = tools::repository("tests/data/rules/alerts.test.yml");
    if let Some(tested) = prometheus::test_rules(&file) {
        tested.unwrap_or_else(|said| panic!("{said}"));
    }
    let tests = fs::read_to_string(file).unwrap();
    let alerts = fs::read_to_string(tools::repository("deploy/alerts.rules.yml")).unwrap();
    for alert in named(&alerts, "- alert:") {
        let stories = named(&tests, "- name:");
        for of in [format!("{alert} fires when "), format!("{alert} is quiet ")] {
            assert!(stories.iter().any(|story| story.starts_with(&of)), "no story: {of}");
        }
    }
    let recorded = fs::read_to_string(tools::repository("deploy/recording.rules.yml")).unwrap();
    for series in named(&recorded, "- record:") {
        assert!(tests.contains(series), "nothing is said of {series}");
    }
}
