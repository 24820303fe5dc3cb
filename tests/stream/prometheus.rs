//! A real Prometheus that scrapes what it is given, and `promtool`.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use url::form_urlencoded;

use crate::leash::Leash;
use crate::patience::{self, PATIENCE};
use crate::{http, tools};

/// A running Prometheus; dropping it ends it and removes its data.
#[derive(Debug)]
pub(crate) struct Prometheus {
    address: String,
    _leash: Leash, // dropped before the folder that the process writes to
    _folder: TempDir,
}

/// One series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Prometheus {
    /// One that scrapes `/metrics` of `target` (`host:port`) as job `vigie` and, where given, judges a file of
    /// rules. None where Prometheus is not installed: then the test ends early.
    pub(crate) fn scraping(target: &str, rules: Option<&Path>) -> Option<Self> {
        let rules: Vec<&Path> = rules.into_iter().collect();
        Self::watching(&[target], &rules, None)
    }

    /// The same with several targets and files of rules, and with an Alertmanager that is told of alerts.
    pub(crate) fn watching(
        targets: &[&str],
        rules: &[&Path],
        alertmanager: Option<&str>,
    ) -> Option<Self> {
        if !tools::has("prometheus") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        fs::write(&config, configuration(targets, rules, alertmanager)).unwrap();
        let (address, leash) =
            started("prometheus", "Server is ready to receive web requests", |address| {
                vec![
                    format!("--config.file={}", config.display()),
                    format!("--storage.tsdb.path={}", folder.path().join("data").display()),
                    format!("--web.listen-address={address}"),
                ]
            });
        Some(Self { address, _leash: leash, _folder: folder })
    }

    /// Where it listens, as `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The answer to a `PromQL` expression now: no series where nothing matches.
    pub(crate) fn query(&self, expression: &str) -> Vec<Sample> {
        let form: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("query", expression)
            .finish();
        let answer: Value =
            serde_json::from_str(&get(&self.address, &format!("/api/v1/query?{form}"))).unwrap();
        assert_eq!(answer["status"], "success", "`{expression}`: {answer}");
        let series =
            answer["data"]["result"].as_array().expect("an expression that gives a vector");
        series.iter().map(Sample::read).collect()
    }

    /// The answer once it is not empty: what was scraped can be asked for within a second or two.
    ///
    /// To wait for a value write it into the expression: `up == 1`.
    pub(crate) fn eventually(&self, expression: &str) -> Vec<Sample> {
        let look = || Some(self.query(expression)).filter(|samples| !samples.is_empty());
        patience::until(look).unwrap_or_else(|| {
            let targets = get(&self.address, "/api/v1/targets");
            panic!("`{expression}` found nothing; targets: {targets}")
        })
    }
}

impl Sample {
    fn read(series: &Value) -> Self {
        let labels = series["metric"].as_object().expect("labels");
        let label =
            |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap().to_owned());
        let value = series["value"][1].as_str().unwrap().parse().unwrap();
        Self { labels: labels.iter().map(label).collect(), value }
    }
}

/// What `promtool check rules` has against a file, if anything. None where promtool is not installed.
pub(crate) fn check_rules(file: &Path) -> Option<Result<(), String>> {
    promtool(&["check", "rules"], file)
}

/// What `promtool test rules` finds wrong, if anything. None where promtool is not installed.
pub(crate) fn test_rules(file: &Path) -> Option<Result<(), String>> {
    promtool(&["test", "rules"], file)
}

fn promtool(what: &[&str], file: &Path) -> Option<Result<(), String>> {
    if !tools::has("promtool") {
        return None;
    }
    let checked = Command::new("promtool").args(what).arg(file).output().unwrap();
    let said = [checked.stdout, checked.stderr].concat();
    Some(if checked.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&said).into_owned())
    })
}

/// Starts a server that cannot choose a port by itself and says so once it listens; where, and the server.
pub(crate) fn started(
    program: &str,
    ready: &str,
    arguments: impl Fn(&str) -> Vec<String>,
) -> (String, Leash) {
    // Between our choice and its start another process may take the port.
    let mut told = String::new();
    for _ in 0..5 {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let leash = Leash::spawn(program, &arguments(&address));
        match leash.line_with(ready, PATIENCE) {
            Ok(_) => return (address, leash),
            Err(said) => told = said,
        }
        assert!(told.contains("address already in use"), "{program} did not start:\n{told}");
    }
    panic!("five ports in a row were taken:\n{told}")
}

fn configuration(targets: &[&str], rules: &[&Path], alertmanager: Option<&str>) -> String {
    let rules: Vec<String> = rules.iter().map(|file| format!("\"{}\"", file.display())).collect();
    let alerting = alertmanager.map_or_else(String::new, |address| {
        format!(
            "alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: [\"{address}\"] }}] }}] }}"
        )
    });
    format!(
        r"
global:
  scrape_interval: 500ms
  evaluation_interval: 500ms
rule_files: [{}]
{alerting}
scrape_configs:
  - job_name: vigie
    static_configs:
      - targets: {targets:?}
",
        rules.join(", ")
    )
}

/// The body at `path`.
fn get(address: &str, path: &str) -> String {
    let (status, body) = http::get(address, path);
    // 400 carries the reason of a refused expression; the caller shows it.
    assert!([200, 400].contains(&status), "{path}: {status}");
    body
}
