//! A real Prometheus that scrapes what it is given, and `promtool`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use url::form_urlencoded;

use crate::leash::Leash;
use crate::tools;
use crate::topics::PATIENCE;

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
        if !tools::has("prometheus") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        fs::write(&config, configuration(target, rules)).unwrap();
        // It cannot choose a port by itself; between our choice and its start another process may take it.
        let mut told = String::new();
        for _ in 0..5 {
            let address = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .to_string();
            let leash = Leash::spawn(
                "prometheus",
                &[
                    format!("--config.file={}", config.display()),
                    format!(
                        "--storage.tsdb.path={}",
                        folder.path().join("data").display()
                    ),
                    format!("--web.listen-address={address}"),
                ],
            );
            match leash.line_with("Server is ready to receive web requests", PATIENCE) {
                Ok(_) => {
                    return Some(Self {
                        address,
                        _leash: leash,
                        _folder: folder,
                    });
                }
                Err(said) => told = said,
            }
            assert!(
                told.contains("address already in use"),
                "Prometheus did not start:\n{told}"
            );
        }
        panic!("five ports in a row were taken:\n{told}")
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
        let series = answer["data"]["result"]
            .as_array()
            .expect("an expression that gives a vector");
        series.iter().map(Sample::read).collect()
    }

    /// The answer once it is not empty: what was scraped can be asked for within a second or two.
    ///
    /// To wait for a value write it into the expression: `up == 1`.
    pub(crate) fn eventually(&self, expression: &str) -> Vec<Sample> {
        let pause = Duration::from_millis(100);
        for _ in 0..PATIENCE.as_millis() / pause.as_millis() {
            let samples = self.query(expression);
            if !samples.is_empty() {
                return samples;
            }
            thread::sleep(pause);
        }
        panic!(
            "`{expression}` found nothing; targets: {}",
            get(&self.address, "/api/v1/targets")
        )
    }
}

impl Sample {
    fn read(series: &Value) -> Self {
        let labels = series["metric"].as_object().expect("labels");
        let label =
            |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap().to_owned());
        let value = series["value"][1].as_str().unwrap().parse().unwrap();
        Self {
            labels: labels.iter().map(label).collect(),
            value,
        }
    }
}

/// What `promtool check rules` has against a file, if anything. None where promtool is not installed.
pub(crate) fn check_rules(file: &Path) -> Option<Result<(), String>> {
    if !tools::has("promtool") {
        return None;
    }
    let checked = Command::new("promtool")
        .args(["check", "rules"])
        .arg(file)
        .output()
        .unwrap();
    let said = [checked.stdout, checked.stderr].concat();
    Some(if checked.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&said).into_owned())
    })
}

fn configuration(target: &str, rules: Option<&Path>) -> String {
    let rules = rules.map_or_else(String::new, |file| file.display().to_string());
    let rules = if rules.is_empty() {
        "[]".to_owned()
    } else {
        format!("[\"{rules}\"]")
    };
    format!(
        r#"
global:
  scrape_interval: 500ms
  evaluation_interval: 500ms
rule_files: {rules}
scrape_configs:
  - job_name: vigie
    static_configs:
      - targets: ["{target}"]
"#
    )
}

/// The body at `path`. HTTP/1.0: the answer comes in one piece and ends with the connection.
fn get(address: &str, path: &str) -> String {
    let mut to = TcpStream::connect(address).unwrap();
    to.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(to, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    to.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    // 400 carries the reason of a refused expression; the caller shows it.
    assert!(
        head.contains(" 200 ") || head.contains(" 400 "),
        "{path}: {head}"
    );
    body.to_owned()
}
