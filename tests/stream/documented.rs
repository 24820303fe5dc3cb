//! The documentation that is made from the program.

use std::env;
use std::fmt::Write as _;
use std::fs;

use vigie::metric::Metric;
use vigie::output::prometheus::FAMILIES;
use vigie::telemetry::MEASURES;

use crate::tools::repository;

const HEAD: &str = "\
# Metrics

What `/metrics` shows, in the text format of Prometheus. This page is made from the program's own tables: a test fails where it is not current.

## Models

Gauges, of the latest sealed window unless something else is said; [results.md](results.md#models) says when they are set and which are left out. What is undefined is absent.
";

const OF_THE_SERVICE: &str = "
## The service

[operations.md](operations.md#is-it-keeping-up) says what to do about them. Beside these there are the usual `process_*` of CPU time, memory, open files and threads.
";

const OF_METRICS: &str = "
## Values of the label `metric`

Each is defined in [statistics.md](statistics.md). Beside these there are the cells of several classes (`true_<class>_pred_<class>`) and metrics of your own, under their names.
";

fn labels(labels: &[&str]) -> String {
    labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
}

/// `docs/metrics.md`.
fn metrics() -> String {
    let mut text = HEAD.to_owned();
    writeln!(text, "\n| family | labels | what |\n| --- | --- | --- |").unwrap();
    for family in FAMILIES {
        writeln!(text, "| `{}` | {} | {} |", family.name, labels(family.labels), family.help)
            .unwrap();
    }
    text += OF_THE_SERVICE;
    writeln!(text, "\n| metric | type | unit | labels | what |\n| --- | --- | --- | --- | --- |")
        .unwrap();
    for measure in MEASURES {
        let (name, kind, unit) = (measure.name, measure.kind, measure.unit);
        writeln!(
            text,
            "| `{name}` | {kind} | {unit} | {} | {} |",
            labels(measure.labels),
            measure.help
        )
        .unwrap();
    }
    text += OF_METRICS;
    writeln!(text, "\n| metric | what | source |\n| --- | --- | --- |").unwrap();
    for metric in Metric::all() {
        let spec = metric.spec();
        writeln!(text, "| `{}` | {} | {} |", spec.name, spec.help, spec.source).unwrap();
    }
    text
}

#[test]
fn the_page_of_metrics_is_current() {
    let path = repository("docs/metrics.md");
    let expected = metrics();
    if env::var_os("VIGIE_BLESS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/metrics.md is not current; write it again with `VIGIE_BLESS=1 cargo test --test stream documented`"
    );
}

/// The places in a page that a link can name: its headings, as GitHub makes anchors of them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
        let words: String = line.trim_start_matches('#').trim().chars().filter(kept).collect();
        words.to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let mut pages = vec![repository("README.md"), repository("CHANGELOG.md")];
    let docs = fs::read_dir(repository("docs")).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(docs.filter(|path| path.extension().is_some_and(|end| end == "md")));
    let mut links = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for part in text.split("](").skip(1) {
            let link = part.split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            links += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            assert!(target.exists(), "{}: {link} is not there", page.display());
            if !anchor.is_empty() {
                let there = anchors(&fs::read_to_string(&target).unwrap());
                assert!(
                    there.iter().any(|known| known == anchor),
                    "{}: no {link}: {there:?}",
                    page.display()
                );
            }
        }
    }
    assert!(links > 30, "{links}");
}
