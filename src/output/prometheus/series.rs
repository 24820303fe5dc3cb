//! What is to be seen of a result.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use jiff::Timestamp;
use prometheus::proto;

use crate::alert::Severity;
use crate::metric::{Kind, Measure};
use crate::output::prometheus::families::Family;
use crate::settings::Export;
use crate::window::{ALL, Figure, WindowResult};

/// Realized figures are shown of windows that have so many of their targets...
const COVERAGE: f64 = 0.9;
/// ...and these are their labels in `kind`.
const ESTIMATED: &str = Kind::Estimated.as_str();
const REALIZED: &str = Kind::Realized.as_str();

/// Whose series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Whose {
    pub(super) model: Arc<str>,
    pub(super) version: Arc<str>,
    pub(super) segment: Arc<str>,
}

/// What was told of a model version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) alert: Option<Severity>,
    pub(super) last_event: Option<i64>,
    pub(super) open_rows: Option<u64>,
}

/// One gauge, without whose it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub(super) family: Family,
    labels: [Text; 3],
    value: f64,
}

/// The value of a label.
#[derive(Clone, Debug, PartialEq)]
enum Text {
    Fixed(&'static str),
    Shared(Arc<str>),
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

/// No value of a label is as good as no label.
const NONE: Text = Text::Fixed("");

impl Series {
    /// Its value.
    pub(super) fn value(&self) -> f64 {
        self.value
    }

    /// The series as the registry takes it.
    pub(super) fn metric(&self, whose: &Whose) -> proto::Metric {
        let mut own = self.labels.iter();
        let labels = self.family.spec().labels.iter().map(|&name| {
            let value = match name {
                "model" => &whose.model,
                "version" => &whose.version,
                "segment" => &whose.segment,
                _ => own.next().map_or("", Text::as_str),
            };
            let mut label = proto::LabelPair::default();
            label.set_name(name.to_owned());
            label.set_value(value.to_owned());
            label
        });
        let mut metric = proto::Metric::from_label(labels.collect());
        let mut gauge = proto::Gauge::default();
        gauge.set_value(self.value);
        metric.set_gauge(gauge);
        metric
    }
}

/// Gathers the series of one window.
struct Gathered<'r> {
    series: Vec<Series>,
    families: &'r [Export],
    columns: BTreeMap<&'r str, Arc<str>>,
    breaches: BTreeMap<(Kind, &'r Measure, &'r str), bool>,
}

/// What is shown of the latest sealed window: all but realized performance.
pub(super) fn latest(result: &WindowResult, families: &[Export]) -> Vec<Series> {
    let mut gathered = Gathered::of(families);
    if !result.profile.is_empty() && result.segment == ALL {
        let texts = [result.profile.as_str(), &result.settings, &result.epoch.to_string()];
        gathered.add(Family::ProfileInfo, texts.map(|text| Text::Shared(text.into())), Some(1.0));
    }
    gathered.window(result, ESTIMATED);
    gathered.figures(result.figures.iter().filter(|figure| figure.kind != Kind::Realized));
    gathered.done()
}

/// What is shown of a window as realized; `None` where too few targets have come, and more may come.
pub(super) fn realized(result: &WindowResult, families: &[Export]) -> Option<Vec<Series>> {
    let coverage = result.coverage?;
    if coverage < COVERAGE && !(result.is_final && coverage > 0.0) {
        return None;
    }
    let mut gathered = Gathered::of(families);
    gathered.window(result, REALIZED);
    gathered.figures(result.figures.iter().filter(|figure| figure.kind == Kind::Realized));
    Some(gathered.done())
}

/// What is shown of a model version whatever its windows say.
pub(super) fn standing(told: &Told) -> Vec<Series> {
    let mut gathered = Gathered::of(&[]);
    for severity in [Severity::Warning, Severity::Critical] {
        let labels = [Text::Fixed(severity.as_str()), NONE, NONE];
        gathered.add(Family::AlertOpen, labels, Some(truth(told.alert == Some(severity))));
    }
    let seconds = told.last_event.map(|microseconds| microseconds as f64 / 1e6);
    gathered.add(Family::LastEvent, [NONE, NONE, NONE], seconds);
    gathered.add(Family::OpenRows, [NONE, NONE, NONE], told.open_rows.map(|rows| rows as f64));
    gathered.done()
}

/// What is shown of a window that is filling.
pub(super) fn filling(figures: &[Figure], families: &[Export]) -> Vec<Series> {
    let mut gathered = Gathered::of(families);
    for figure in figures {
        if export(figure.kind).is_some_and(|export| families.contains(&export)) {
            let labels = performance_labels(figure);
            gathered.add(Family::OpenPerformance, labels, figure.value);
        }
    }
    gathered.done()
}

/// The labels of a performance figure.
fn performance_labels(figure: &Figure) -> [Text; 3] {
    let method = figure.method.map_or("", |method| method.as_str());
    [Text::Fixed(figure.kind.as_str()), Text::Fixed(method), text(&figure.metric)]
}

/// The label of a measure.
fn text(measure: &Measure) -> Text {
    match measure {
        Measure::Metric(metric) => Text::Fixed(metric.as_str()),
        Measure::Cell(name) | Measure::Custom(name) => Text::Shared(Arc::clone(name)),
    }
}

impl<'r> Gathered<'r> {
    fn of(families: &'r [Export]) -> Self {
        let (columns, breaches) = (BTreeMap::new(), BTreeMap::new());
        Self { series: Vec::new(), families, columns, breaches }
    }

    fn add(&mut self, family: Family, labels: [Text; 3], value: Option<f64>) {
        self.series.extend(value.map(|value| Series { family, labels, value }));
    }

    fn window(&mut self, result: &WindowResult, kind: &'static str) {
        let end = result.window_end.as_ref().and_then(|end| end.parse::<Timestamp>().ok());
        for (family, value) in [
            (Family::WindowRows, Some(result.window_rows as f64)),
            (Family::WindowEnd, end.map(|end| end.as_microsecond() as f64 / 1e6)),
            (Family::WindowCoverage, result.coverage),
            (Family::WindowRevision, Some(result.revision as f64)),
        ] {
            self.add(family, [Text::Fixed(kind), NONE, NONE], value);
        }
    }

    fn figures(&mut self, figures: impl Iterator<Item = &'r Figure>) {
        for figure in figures {
            let Some(export) = export(figure.kind) else { continue };
            if self.families.contains(&export) {
                self.figure(figure);
            }
        }
    }

    fn figure(&mut self, figure: &'r Figure) {
        let (kind, metric) = (figure.kind, text(&figure.metric));
        let column = figure.column_name.as_deref().unwrap_or_default();
        if let Some(breach) = figure.breach {
            // Methods are not told apart here: one that breaches is enough.
            *self.breaches.entry((kind, &figure.metric, column)).or_default() |= breach;
        }
        let [value, lower, upper] = match kind {
            Kind::Estimated | Kind::Realized => {
                let labels = performance_labels(figure);
                for (family, value) in [
                    (Family::Performance, figure.value),
                    (Family::PerformanceError, figure.sampling_error),
                    (Family::PerformanceLowerConfidence, figure.lower_confidence),
                    (Family::PerformanceUpperConfidence, figure.upper_confidence),
                    (Family::PerformanceLower, figure.lower_threshold),
                    (Family::PerformanceUpper, figure.upper_threshold),
                ] {
                    self.add(family, labels.clone(), value);
                }
                return;
            }
            Kind::Drift => [Family::Drift, Family::DriftLower, Family::DriftUpper],
            Kind::Quality => [Family::Quality, Family::QualityLower, Family::QualityUpper],
            // What is not of a column is the window's rows, which have a family of their own.
            _ if column.is_empty() => return,
            _ => [Family::Statistic, Family::StatisticLower, Family::StatisticUpper],
        };
        let labels = [metric, self.column(column), NONE];
        self.add(value, labels.clone(), figure.value);
        self.add(lower, labels.clone(), figure.lower_threshold);
        self.add(upper, labels, figure.upper_threshold);
    }

    /// A column's name, kept once.
    fn column(&mut self, name: &'r str) -> Text {
        Text::Shared(Arc::clone(self.columns.entry(name).or_insert_with(|| name.into())))
    }

    /// The most important families first.
    fn done(mut self) -> Vec<Series> {
        for ((kind, metric, column), breach) in mem::take(&mut self.breaches) {
            let column = self.column(column);
            let labels = [Text::Fixed(kind.as_str()), text(metric), column];
            self.add(Family::Breach, labels, Some(truth(breach)));
        }
        self.series.sort_by_key(|series| series.family);
        self.series
    }
}

fn truth(truth: bool) -> f64 {
    f64::from(u8::from(truth))
}

/// The setting that a kind of figure goes by; diagnoses have no family.
const fn export(kind: Kind) -> Option<Export> {
    match kind {
        Kind::Estimated | Kind::Realized => Some(Export::Performance),
        Kind::Drift => Some(Export::Drift),
        Kind::Quality | Kind::Summary => Some(Export::Quality),
        Kind::Diagnosis => None,
    }
}
