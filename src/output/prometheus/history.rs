//! What was shown of past windows, each at its end: `OpenMetrics` text from which Prometheus' own tool makes blocks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use jiff::Timestamp;

use crate::metric::{Kind, Measure};
use crate::output::prometheus::families::{FAMILIES, Family};
use crate::output::prometheus::gauges::OTHER;
use crate::output::prometheus::series::{self, Series, Whose};
use crate::settings::Export;
use crate::window::{Dataset, Figure, Method, WindowResult};

/// Everything that can be shown of a window.
const ALL_FAMILIES: [Export; 3] = [Export::Performance, Export::Drift, Export::Quality];

/// Past windows, gathered from their rows in any order.
#[derive(Debug, Default)]
pub struct History {
    windows: BTreeMap<Key, Past>,
    /// Rows of windows without an end in time.
    timeless: u64,
}

/// A window of a model version and segment.
type Key = (String, String, String, u64);

/// What is known of a window.
#[derive(Debug)]
struct Past {
    /// Its newest revision.
    newest: WindowResult,
    /// The newest that says more than what targets change.
    whole: Option<WindowResult>,
    figures: BTreeMap<Which, (u64, Figure)>,
}

/// A figure of a window.
type Which = (Kind, Measure, Option<Method>, Option<String>, Option<Measure>);

/// The samples of a series by their time in milliseconds.
type Samples = BTreeMap<i64, f64>;

impl History {
    /// Takes a window, or a row of one; of several revisions each figure counts as it was published last.
    pub fn take(&mut self, row: WindowResult) {
        if row.dataset != Dataset::Analysis {
            return;
        }
        if end(&row).is_none() {
            self.timeless += 1;
            return;
        }
        let key = (row.model.clone(), row.version.clone(), row.segment.clone(), row.window_index);
        let past = self.windows.entry(key).or_insert_with(|| Past {
            newest: WindowResult { figures: Vec::new(), ..row.clone() },
            whole: None,
            figures: BTreeMap::new(),
        });
        let (revision, figures) = (row.revision, &row.figures);
        for figure in figures {
            let which = (
                figure.kind,
                figure.metric.clone(),
                figure.method,
                figure.column_name.clone(),
                figure.of.clone(),
            );
            let known = past.figures.entry(which).or_insert_with(|| (revision, figure.clone()));
            if known.0 < revision {
                *known = (revision, figure.clone());
            }
        }
        let says_more = |figure: &Figure| !matches!(figure.kind, Kind::Realized | Kind::Diagnosis);
        let whole = past.whole.as_ref().is_none_or(|whole| whole.revision < revision);
        if whole && figures.iter().any(says_more) {
            past.whole = Some(WindowResult { figures: Vec::new(), ..row.clone() });
        }
        if past.newest.revision < revision {
            past.newest = WindowResult { figures: Vec::new(), ..row };
        }
    }

    /// Rows that have no place in time, as their windows have no end.
    pub fn timeless(&self) -> u64 {
        self.timeless
    }

    /// Writes the series under the names that the endpoint has them by; how many samples.
    ///
    /// # Errors
    /// What `to` has.
    pub fn write(&self, to: &mut impl Write) -> io::Result<u64> {
        let mut families: BTreeMap<Family, BTreeMap<String, Samples>> = BTreeMap::new();
        for past in self.windows.values() {
            let figures: Vec<Figure> = past.figures.values().map(|(_, f)| f.clone()).collect();
            let with = |of: &WindowResult| WindowResult { figures: figures.clone(), ..of.clone() };
            let window = with(&past.newest);
            let Some(time) = end(&window) else { continue };
            let version = if window.profile.is_empty() { OTHER } else { &window.version };
            let whose = Whose {
                model: window.model.as_str().into(),
                version: version.into(),
                segment: window.segment.as_str().into(),
            };
            let whole = past.whole.as_ref().map(with);
            let shown = whole.map(|whole| series::latest(&whole, &ALL_FAMILIES));
            let shown = shown.unwrap_or_default();
            let realized = series::realized(&window, &ALL_FAMILIES).unwrap_or_default();
            for series in shown.iter().chain(&realized) {
                let labels = labels(series, &whose);
                let samples = families.entry(series.family).or_default().entry(labels).or_default();
                samples.insert(time, series.value());
            }
        }
        let mut count = 0;
        for (family, all) in families {
            let spec = &FAMILIES[family as usize];
            writeln!(to, "# TYPE {} gauge", spec.name)?;
            writeln!(to, "# HELP {} {}", spec.name, spec.help)?;
            for (labels, samples) in all {
                for (time, value) in samples {
                    let (seconds, rest) = (time.div_euclid(1000), time.rem_euclid(1000));
                    writeln!(to, "{}{{{labels}}} {value} {seconds}.{rest:03}", spec.name)?;
                    count += 1;
                }
            }
        }
        writeln!(to, "# EOF")?;
        Ok(count)
    }
}

fn end(window: &WindowResult) -> Option<i64> {
    Some(window.window_end.as_ref()?.parse::<Timestamp>().ok()?.as_millisecond())
}

fn labels(series: &Series, whose: &Whose) -> String {
    let mut text = String::new();
    for label in series.metric(whose).get_label() {
        let value = label.value().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ok = write!(text, "{comma}{}=\"{value}\"", label.name());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;
    use crate::output::made_up::result;

    fn text(history: &History) -> String {
        let mut bytes = Vec::new();
        let samples = history.write(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(samples, lines as u64);
        text
    }

    #[test]
    fn a_window_stands_at_its_end_under_the_names_of_the_endpoint() {
        let mut history = History::default();
        let whole = result();
        for figure in whole.figures.iter().rev() {
            history.take(WindowResult { figures: vec![figure.clone()], ..whole.clone() });
        }
        let text = text(&history);
        let whose = r#"model="car-loan",version="7",segment="all""#;
        for line in [
            format!(
                r#"vigie_performance{{{whose},kind="estimated",method="cbpe",metric="f1"}} 0.75 1767229200.000"#
            ),
            format!(
                r#"vigie_performance{{{whose},kind="realized",method="labelled",metric="f1"}} 0.25 1767229200.000"#
            ),
            format!(
                r#"vigie_drift{{{whose},metric="jensen_shannon",column="income"}} 0.625 1767229200.000"#
            ),
            format!(
                r#"vigie_breach{{{whose},kind="drift",metric="jensen_shannon",column="income"}} 1 1767229200.000"#
            ),
            format!(r#"vigie_window_rows{{{whose},kind="estimated"}} 5000 1767229200.000"#),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("roc_auc"), "what is undefined is absent");
        assert!(text.ends_with("# EOF\n"));
        let types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let mut once = types.clone();
        once.dedup();
        assert_eq!(types, once);
    }

    #[test]
    fn the_newest_revision_counts_whatever_comes_first() {
        let of = |revision, value| {
            let mut result = result();
            result.revision = revision;
            result.figures.retain(|figure| figure.metric == Metric::F1);
            for figure in &mut result.figures {
                figure.value = Some(value);
            }
            result
        };
        let mut forth = History::default();
        let mut back = History::default();
        let all = [of(0, 0.1), of(2, 0.3), of(1, 0.2)];
        all.iter().cloned().for_each(|result| forth.take(result));
        all.iter().rev().cloned().for_each(|result| back.take(result));
        assert_eq!(text(&forth), text(&back));
        assert!(text(&forth).contains(" 0.3 ") && !text(&forth).contains(" 0.1 "));
    }

    #[test]
    fn what_targets_change_stands_beside_what_was_sealed() {
        let sealed = WindowResult { revision: 0, is_final: false, coverage: Some(0.0), ..result() };
        let mut restated = WindowResult { revision: 4, ..result() };
        restated.figures.retain(|figure| figure.kind == Kind::Realized);
        restated.figures[0].value = Some(0.375);
        let mut history = History::default();
        history.take(sealed);
        history.take(restated);
        let text = text(&history);
        for end in [
            r#"kind="estimated",method="cbpe",metric="f1"} 0.75 1767229200.000"#,
            r#"kind="realized",method="labelled",metric="f1"} 0.375 1767229200.000"#,
            r#"vigie_window_revision{model="car-loan",version="7",segment="all",kind="estimated"} 0 1767229200.000"#,
            r#"vigie_window_revision{model="car-loan",version="7",segment="all",kind="realized"} 4 1767229200.000"#,
        ] {
            assert!(text.lines().any(|line| line.ends_with(end)), "{end}\n{text}");
        }
    }

    #[test]
    fn what_has_no_time_is_counted_and_the_reference_left_out() {
        let mut history = History::default();
        history.take(WindowResult { window_end: None, ..result() });
        history.take(WindowResult { dataset: Dataset::Reference, ..result() });
        assert_eq!((text(&history).as_str(), history.timeless()), ("# EOF\n", 1));
    }
}
