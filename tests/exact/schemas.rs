//! The schemas of what others read and write: current, and as strict as the types.

use jsonschema::validator_for;
use serde_json::Value;
use vigie::settings::{example, schema};

use crate::data::{assert_current, settings_file};

fn json(toml: &str) -> Value {
    toml::from_str(toml).expect("it is TOML")
}

#[test]
fn the_schema_of_the_settings_is_current() {
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    assert_current("schemas/vigie.toml.schema.json", &text);
}

#[test]
fn right_settings_are_valid() {
    let validator = validator_for(&schema()).unwrap();
    let mut texts = ["minimal.toml", "contract.toml"].map(settings_file).to_vec();
    texts.push(example());
    // A date of TOML is no JSON: as a text it means the same.
    texts.push(
        settings_file("full.toml").replace("2026-01-31T00:00:00Z", "\"2026-01-31T00:00:00Z\""),
    );
    texts.push("[defaults.window]\nlateness = \"${LATENESS:-1m}\"".to_owned());
    for text in texts {
        let found = validator.iter_errors(&json(&text)).map(|e| e.to_string()).collect::<Vec<_>>();
        assert!(found.is_empty(), "{found:?}\n{text}");
    }
}

#[test]
fn wrong_settings_are_invalid() {
    let validator = validator_for(&schema()).unwrap();
    for text in [
        settings_file("mistakes.toml").as_str(),
        "kafak = {}",
        "[kafka]\nname_space = \"x\"",
        "[kafka.topics]\npredictions = \"loans\"",
        "[kafka.properties]\n\"sasl.password\" = { file = \"x\", env = \"y\" }",
        "[model.a]\nproblem = \"binray\"",
        "[model.a.window]\nsize = 0",
        "[model.a.window]\nsize = \"5000\"",
        "[model.a.window]\nlateness = \"1 month\"",
        "[model.a.columns]\nprediction = { threshold = 5 }",
        "[model.a.columns]\ntimestamp = { path = \"t\", unit = \"min\" }",
        "[model.a.performance]\nmetrics = [\"presicion\"]",
        "[model.a.drift]\ncontinuous = [\"chi2\"]",
        "[model.a.thresholds]\nroc_auc = { standard_deviation = 3 }",
        "[model.a.thresholds]\nrocauc = { lower = 0.5 }",
        "[model.a.thresholds]\n\"x.roc_auc\" = { lower = 0.5 }",
        "[model.a.alerts]\nopen_after = \"often\"",
        "[defaults.alerts]\ndrift = \"pager\"",
        "[prometheus]\nmax_series = 0",
    ] {
        assert!(!validator.is_valid(&json(text)), "{text}");
    }
}

#[test]
fn every_key_is_described() {
    let schema = schema();
    let sections = schema["$defs"].as_object().unwrap().iter();
    for (name, section) in sections.map(|(name, at)| (name.as_str(), at)).chain([("file", &schema)])
    {
        for (key, property) in section["properties"].as_object().into_iter().flatten() {
            assert!(property.get("description").is_some(), "{name}.{key}");
        }
    }
}
