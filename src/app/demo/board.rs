//! The live table: a line a window, the truth beside the estimate.

use std::collections::BTreeMap;

use crate::alert::{AlertEvent, Event};
use crate::app::demo::world::Feed;
use crate::app::terminal::figure;
use crate::diagnosis::Split;
use crate::metric::{Kind, Metric};
use crate::window::{Figure, Method, WindowResult};

/// What is printed of windows.
#[derive(Debug)]
pub(super) struct Board {
    feed: Feed,
    windows: Option<u64>,
    printed: u64,
    /// Windows whose targets come, by version and index: what was estimated, and the coverage of each revision.
    waiting: BTreeMap<(String, u64), Waiting>,
    /// The version whose window was printed last.
    version: Option<String>,
}

/// A window whose targets come.
#[derive(Debug)]
struct Waiting {
    estimated: Option<f64>,
    coverage: Vec<f64>,
}

/// From this share of targets on realized performance is told.
const TOLD: f64 = 0.9;
/// More windows do not wait.
const MOST: usize = 64;

impl Board {
    /// A table that is over after so many windows.
    pub(super) fn new(feed: &Feed, windows: Option<u64>) -> Self {
        Self { feed: feed.clone(), windows, printed: 0, waiting: BTreeMap::new(), version: None }
    }

    /// Whether all windows were printed that were asked for.
    pub(super) fn is_over(&self) -> bool {
        self.windows.is_some_and(|windows| self.printed >= windows)
    }

    /// What is to be said of a result: the line of a window when it is sealed, and another one once its targets are there.
    pub(super) fn line(&mut self, result: &WindowResult) -> String {
        if result.revision > 0 {
            return self.restated(result).unwrap_or_default();
        }
        let estimated = value(result, Kind::Estimated, Method::Cbpe).and_then(|found| found.value);
        let coverage = result.coverage.into_iter().collect();
        self.waiting.insert(key(result), Waiting { estimated, coverage });
        while self.waiting.len() > MOST {
            self.waiting.pop_first();
        }
        self.sealed(result)
    }

    /// How coverage has climbed, and how realized performance compares, once most targets are there.
    fn restated(&mut self, result: &WindowResult) -> Option<String> {
        let waiting = self.waiting.get_mut(&key(result))?;
        let coverage = result.coverage?;
        waiting.coverage.push(coverage);
        if coverage < TOLD {
            return None;
        }
        let Waiting { estimated, coverage } = self.waiting.remove(&key(result))?;
        let realized = value(result, Kind::Realized, Method::PostStratified)
            .filter(|found| found.value.is_some())
            .or_else(|| value(result, Kind::Realized, Method::Labelled))?;
        let error = realized.sampling_error.map_or(String::new(), |e| format!(" +-{e:.3}"));
        let climb: Vec<String> =
            coverage.iter().map(|share| format!("{:.0}", share * 100.0)).collect();
        let events = self.feed.events(&result.version, result.window_index, result.window_rows);
        let truth = self.feed.truth(events).realized.roc_auc;
        let shown =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
        let split = Split::of(&result.figures, &Metric::RocAuc.into());
        let split = split.and_then(|split| split.words(|value| format!("{value:.3}")));
        let split = split.map_or(String::new(), |words| format!("{:>8}{words}\n", ""));
        Some(format!(
            "{:>6}  targets {} %: realized roc_auc {}{error}, it was estimated as {}, with all targets it is {}\n{split}",
            result.window_index,
            climb.join(", "),
            shown(realized.value),
            shown(estimated),
            shown(truth),
        ))
    }

    /// The line of a window, with the heading before the first and now and then.
    fn sealed(&mut self, result: &WindowResult) -> String {
        let heading = if self.printed.is_multiple_of(20) {
            format!(
                "\n{:>6}  {:<24} {:>19} {:>8} {:>17}  {:<34} {}\n",
                "window",
                "what happens",
                "estimated roc_auc",
                "true",
                "expected",
                "drifted most",
                "data quality"
            )
        } else {
            String::new()
        };
        self.printed += 1;
        let is_new = self.version.as_ref().is_some_and(|version| *version != result.version);
        self.version = Some(result.version.clone());
        let deployed = if is_new {
            let words = "trained on the drifted world, with a reference of its own";
            format!("        >> VERSION {}  {words}\n", result.version)
        } else {
            String::new()
        };
        let events = self.feed.events(&result.version, result.window_index, result.window_rows);
        // What there is to expect of these cases: without the luck of their targets, as an estimate is.
        let truth = self.feed.truth(events.clone()).expected.roc_auc;
        let estimate = result
            .figures
            .iter()
            .find(|figure| figure.kind == Kind::Estimated && figure.metric == Metric::RocAuc);
        let value = estimate.map_or("-".to_owned(), |found| {
            let value = found.value.map_or("-".to_owned(), |value| format!("{value:.3}"));
            let error = found.sampling_error.map_or(String::new(), |e| format!(" +-{e:.3}"));
            format!("{value}{error}{}", if found.breach == Some(true) { " !" } else { "  " })
        });
        let expected = estimate.map_or(String::new(), |found| {
            match (found.lower_threshold, found.upper_threshold) {
                (Some(low), Some(high)) => format!("{low:.3} to {high:.3}"),
                (Some(low), None) => format!("at least {low:.3}"),
                _ => String::new(),
            }
        });
        format!(
            "{heading}{deployed}{:>6}  {:<24} {value:>19} {:>8} {expected:>17}  {:<34} {}\n",
            result.window_index,
            self.feed.phase(events.start + result.window_rows / 2),
            truth.map_or("-".to_owned(), |truth| format!("{truth:.3}")),
            worst(result, Kind::Drift).map_or("-".to_owned(), |found| {
                format!("{} {}", column(found), found.value.map_or(String::new(), figure))
            }),
            worst(result, Kind::Quality).map_or("ok".to_owned(), |found| {
                let share = figure(100.0 * found.value.unwrap_or(0.0));
                format!("{} {share} % {}", column(found), words(found.metric.metric()))
            }),
        )
    }

    /// The line of an alert.
    pub(super) fn alert(event: &AlertEvent) -> String {
        let word = match event.event {
            Event::Opened => "ALERT",
            Event::Updated => "ALERT, changed",
            Event::Resolved => "RESOLVED",
        };
        // The rest of the sentence is the evidence, which the table shows; but how it ended is told whole.
        let first = event.summary.split(';').next().unwrap_or_default();
        let ended = event.event == Event::Resolved;
        let summary = if ended { event.summary.as_str() } else { first };
        format!("        >> {word}  {summary}\n")
    }
}

/// Which window a result is of: versions count theirs each from 0.
fn key(result: &WindowResult) -> (String, u64) {
    (result.version.clone(), result.window_index)
}

/// The leading figure of a kind.
fn value(result: &WindowResult, kind: Kind, method: Method) -> Option<&Figure> {
    result.figures.iter().find(|figure| {
        figure.kind == kind && figure.method == Some(method) && figure.metric == Metric::RocAuc
    })
}

fn column(figure: &Figure) -> &str {
    figure.column_name.as_deref().unwrap_or("")
}

fn words(metric: Metric) -> &'static str {
    match metric {
        Metric::MissingRate => "missing",
        Metric::UnseenRate => "never seen before",
        _ => "out of range",
    }
}

/// The figure of a kind that is furthest out.
fn worst(result: &WindowResult, kind: Kind) -> Option<&Figure> {
    let out = |figure: &&Figure| figure.kind == kind && figure.breach == Some(true);
    let excess =
        |figure: &Figure| figure.value.unwrap_or(0.0) - figure.upper_threshold.unwrap_or(0.0);
    result.figures.iter().filter(out).max_by(|a, b| excess(a).total_cmp(&excess(b)))
}
