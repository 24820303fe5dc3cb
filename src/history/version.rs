//! What was published of one model version.

use std::collections::{BTreeMap, BTreeSet};

use crate::alert::{AlertEvent, Event, Resolution, Subject};
use crate::history::about::About;
use crate::history::series::Key;
use crate::history::slices::KeptSlices;
use crate::history::standing::Class;
use crate::history::table::Table;
use crate::history::view::Ranked;
use crate::metric::{Currencies, Kind, Measure, Metric};
use crate::profile::Shape;
use crate::window::{ALL, Dataset, Figure, Method, WindowResult};

/// So many alert events are kept, the newest.
const EVENTS: usize = 500;

/// The columns of so many profiles are kept, the newest.
const PROFILES: usize = 8;

/// What was published of a model version.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) reference: Table,
    pub(super) analysis: Table,
    pub(super) about: Option<About>,
    /// By window, id and sequence.
    pub(super) events: BTreeMap<(u64, String, u64), AlertEvent>,
    /// Of which window and revision it is.
    ranking: Option<(u64, u64, Vec<Ranked>)>,
    pub(super) slices: KeptSlices,
    /// By epoch: the profile's hash and the columns.
    shapes: BTreeMap<u64, (String, Vec<Shape>)>,
    windows: usize,
}

impl Version {
    pub(super) fn new(windows: usize) -> Self {
        Self {
            reference: Table::new(windows),
            analysis: Table::new(windows),
            about: None,
            events: BTreeMap::new(),
            ranking: None,
            slices: KeptSlices::default(),
            shapes: BTreeMap::new(),
            windows,
        }
    }

    pub(super) fn take(&mut self, result: &WindowResult, heard: Option<i64>) -> bool {
        if result.dataset == Dataset::Reference {
            return self.reference.take(result, heard);
        }
        if result.segment == ALL {
            // Also where the window was restated since: it says how columns ranked then.
            self.rank(result);
            self.slices.take(result);
        }
        let new = self.analysis.take(result, heard);
        if new
            && result.segment == ALL
            && let Some(place) = self.analysis.place(result.window_index)
        {
            self.analysis.heads[place].class = Class::of(&self.analysis, place);
        }
        new
    }

    pub(super) fn alert(&mut self, event: AlertEvent) -> bool {
        // What no window says stands behind all of them.
        let window = if event.kind == Subject::EarlyWarning {
            self.window_of(&event)
        } else {
            event.window.unwrap_or(u64::MAX)
        };
        let key = (window, event.id.clone(), event.sequence);
        let new = self.events.insert(key, event).is_none();
        while self.events.len() > EVENTS {
            self.events.pop_first();
        }
        new
    }

    /// Where an early warning stands: it has a window once that is sealed, and all that was said of it stands there then.
    fn window_of(&mut self, event: &AlertEvent) -> u64 {
        let same = |key: &&(u64, String, u64)| key.1 == event.id;
        let before: Vec<_> = self.events.keys().filter(same).cloned().collect();
        let known = before.iter().map(|(window, ..)| *window).min().unwrap_or(u64::MAX);
        let window = event.window.unwrap_or(u64::MAX).min(known);
        for (at, id, sequence) in before {
            if at != window
                && let Some(event) = self.events.remove(&(at, id.clone(), sequence))
            {
                self.events.insert((window, id, sequence), event);
            }
        }
        window
    }

    pub(super) fn knows(&self, epoch: u64, profile: &str) -> bool {
        let newest = self.about.as_ref().map_or(0, |about| about.epoch);
        let known = self.shapes.get(&epoch).is_some_and(|(known, _)| known == profile);
        known && newest >= epoch
    }

    pub(super) fn about(&mut self, about: About) {
        self.shapes.insert(about.epoch, (about.profile.clone(), about.shapes.clone()));
        while self.shapes.len() > PROFILES {
            self.shapes.pop_first();
        }
        if self.about.as_ref().is_some_and(|known| known.epoch > about.epoch) {
            return;
        }
        self.reference = Table::new(self.windows);
        for result in &about.reference {
            self.reference.take(result, None);
        }
        let bare = About { reference: Vec::new(), shapes: Vec::new(), ..about };
        self.about = Some(bare);
    }

    /// The columns of a profile, if it is known.
    pub(super) fn shapes(&self, profile: &str) -> Option<&[Shape]> {
        let known = self.shapes.values().rev().find(|(known, _)| known == profile)?;
        Some(&known.1)
    }

    /// The alerts that are open: the newest event of each, the worst first.
    pub(super) fn open_alerts(&self) -> Vec<&AlertEvent> {
        let mut newest: BTreeMap<&str, &AlertEvent> = BTreeMap::new();
        for event in self.events.values() {
            let known = newest.entry(&event.id).or_insert(event);
            if known.sequence <= event.sequence {
                *known = event;
            }
        }
        let open = newest.into_values().filter(|event| event.event != Event::Resolved);
        let mut open: Vec<&AlertEvent> = open.collect();
        open.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.since.cmp(&b.since)));
        open
    }

    /// What an alert of performance said that was open when nobody asked this version any more, or is open still.
    pub(super) fn wrong_to_the_end(&self) -> Option<&str> {
        let performs =
            |event: &&AlertEvent| matches!(event.kind, Subject::Estimated | Subject::Realized);
        let over = |of: &AlertEvent| {
            let mut ends = self.events.values().filter(|event| event.id == of.id);
            ends.any(|event| event.resolution.is_some_and(|how| how != Resolution::Superseded))
        };
        let told = self.events.values().filter(performs);
        let mut told = told.filter(|event| event.event != Event::Resolved && !over(event));
        let worst = told.next_back()?;
        Some(&worst.summary)
    }

    /// Whether what was realized last lies within its thresholds; `None` before any was judged.
    pub(super) fn is_realized_well(&self) -> Option<bool> {
        let places = self.analysis.shown()..self.analysis.heads.len();
        let judged = |place| self.realized(place)?.breach;
        places.rev().find_map(judged).map(|breach| !breach)
    }

    /// The columns by rank in the newest window, best first.
    pub(super) fn ranking(&self) -> &[Ranked] {
        self.ranking.as_ref().map_or(&[], |(_, _, ranking)| ranking)
    }

    fn rank(&mut self, result: &WindowResult) {
        let (window, revision) = (result.window_index, result.revision);
        if self.ranking.as_ref().is_some_and(|known| (known.0, known.1) >= (window, revision)) {
            return;
        }
        let ranking = ranking_of(result);
        if !ranking.is_empty() {
            self.ranking = Some((window, revision, ranking));
        }
    }

    /// The figure that leads.
    pub(super) fn primary(&self) -> Option<&Measure> {
        let known = self.about.as_ref().and_then(|about| about.primary.as_ref());
        known.or_else(|| {
            let performance = |kind: Kind| matches!(kind, Kind::Estimated | Kind::Realized);
            let mut series = self.analysis.all.ordered();
            let leading = series.find(|series| {
                performance(series.key.kind) && matches!(series.key.metric, Measure::Metric(_))
            })?;
            Some(&leading.key.metric)
        })
    }

    /// What money is counted in.
    pub(super) fn currencies(&self) -> &Currencies {
        const NONE: &Currencies = &Currencies::none();
        self.about.as_ref().map_or(NONE, |about| &about.currencies)
    }

    /// The leading figure of a window as it was estimated.
    pub(super) fn estimated(&self, place: usize) -> Option<Figure> {
        let primary = self.primary()?;
        self.performance(place, |key| key.kind == Kind::Estimated && key.metric == *primary)
    }

    /// The leading figure of a window as it came to pass: while targets are missing, that which stands for all rows.
    pub(super) fn realized(&self, place: usize) -> Option<Figure> {
        let primary = self.primary()?;
        let by = |method: Method| {
            self.performance(place, |key| {
                key.kind == Kind::Realized && key.metric == *primary && key.method == Some(method)
            })
        };
        let partial = self.analysis.heads.get(place)?.coverage.is_some_and(|share| share < 1.0);
        let weighed = by(Method::PostStratified).filter(|figure| partial && figure.value.is_some());
        weighed.or_else(|| by(Method::Labelled))
    }

    fn performance(&self, place: usize, is: impl Fn(&Key) -> bool) -> Option<Figure> {
        let mut series = self.analysis.all.series.iter();
        series.find(|series| is(&series.key)).and_then(|series| series.figure(place))
    }

    pub(super) fn bytes(&self) -> usize {
        // An event is some kilobytes, most of it figures of its evidence.
        let event = |event: &AlertEvent| {
            let evidence = &event.evidence;
            let figures = evidence.performance.len()
                + evidence.drift.len()
                + evidence.quality.len()
                + evidence.segments.len();
            size_of::<AlertEvent>() + 600 + figures * (size_of::<Figure>() + 32)
        };
        let shape = |shape: &Shape| size_of::<Shape>() + 24 * shape.counts.len();
        let shapes = self.shapes.values().flat_map(|(_, shapes)| shapes);
        self.reference.bytes()
            + self.analysis.bytes()
            + self.slices.bytes()
            + self.events.values().map(event).sum::<usize>()
            + shapes.map(shape).sum::<usize>()
    }
}

/// The columns of a result by their correlation with realized performance where there is any, else with estimated
/// performance; behind them those that are a breach now and then.
fn ranking_of(result: &WindowResult) -> Vec<Ranked> {
    let of = |metric: Metric| {
        let ranks = move |figure: &&Figure| figure.metric == metric && figure.ranks_by_drift();
        result.figures.iter().filter(ranks)
    };
    // Where columns are ranked by several drift methods, the first counts.
    let mut breaches: BTreeMap<&str, u64> = BTreeMap::new();
    for figure in of(Metric::BreachCount) {
        if let (Some(column), Some(value)) = (figure.column_name.as_deref(), figure.value) {
            breaches.entry(column).or_insert(value as u64);
        }
    }
    let is_realized = |figure: &&Figure| figure.method == Some(Method::Labelled);
    let realized = of(Metric::DriftCorrelation).any(|figure| is_realized(&figure));
    let mut named = BTreeSet::new();
    let mut ranking: Vec<Ranked> = of(Metric::DriftCorrelation)
        .filter(|figure| is_realized(figure) == realized)
        .filter(|figure| named.insert(figure.column_name.as_deref()))
        .filter_map(|figure| {
            let column = figure.column_name.clone()?;
            let alerts = breaches.get(column.as_str()).copied().unwrap_or(0);
            Some(Ranked { column, correlation: figure.value, alerts })
        })
        .collect();
    for figure in of(Metric::BreachCount) {
        let Some(column) = &figure.column_name else { continue };
        if !ranking.iter().any(|ranked| ranked.column == *column) {
            let alerts = figure.value.map_or(0, |value| value as u64);
            ranking.push(Ranked { column: column.clone(), correlation: None, alerts });
        }
    }
    ranking
}
