//! The windows of one data set of a model version, and their figures.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::history::numbers::put;
use crate::history::series::{Key, Series, is_restated};
use crate::history::standing::Class;
use crate::metric::{Kind, Metric};
use crate::window::{ALL, ClosedBy, Distribution, Figure, RevisionCause, WindowResult};

/// So many windows beyond the limit are kept before the oldest are forgotten at once.
const SLACK: usize = 64;

/// At most so many numbers of figures are kept of a model version: of one with very many columns fewer windows.
const MOST_POINTS: usize = 4_000_000;

/// A model version keeps at least so many windows, however many columns it has.
const FEWEST_WINDOWS: usize = 60;

/// What is known of a window beside its figures.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) index: u64,
    /// Microseconds since 1970.
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
    pub(super) rows: u64,
    pub(super) coverage: Option<f64>,
    pub(super) is_final: bool,
    pub(super) revision: u64,
    pub(super) cause: Option<RevisionCause>,
    pub(super) reason: Option<Arc<str>>,
    pub(super) epoch: u64,
    pub(super) profile: Arc<str>,
    pub(super) settings: Arc<str>,
    pub(super) closed_by: ClosedBy,
    pub(super) late: u64,
    pub(super) rejected: u64,
    /// When the first of its results was heard of, in microseconds since 1970.
    pub(super) heard: Option<i64>,
    /// What its figures say.
    pub(super) class: Class,
}

impl Head {
    /// Whether a person left the window out.
    pub(super) fn is_excluded(&self) -> bool {
        self.cause == Some(RevisionCause::Excluded)
    }
}

/// The figures of the whole or of a segment, and of which revisions they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    pub(super) series: Vec<Series>,
    places: BTreeMap<Key, usize>,
    /// Of each window: one more than the newest revision of all its figures, and of those that targets restate.
    revisions: Vec<[u32; 2]>,
}

/// Windows of one data set.
#[derive(Clone, Debug)]
pub(super) struct Table {
    limit: usize,
    /// Windows up to this one are forgotten.
    forgotten: Option<u64>,
    pub(super) heads: Vec<Head>,
    pub(super) all: Track,
    pub(super) segments: BTreeMap<String, Track>,
    /// Of the newest windows.
    distributions: BTreeMap<u64, (u64, Arc<[Distribution]>)>,
    texts: BTreeMap<String, Arc<str>>,
}

/// Which figures of a result take effect.
#[derive(Clone, Copy)]
struct News {
    /// Those that are made when a window is sealed.
    sealed: bool,
    /// Those that targets restate.
    restated: bool,
}

impl Table {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            forgotten: None,
            heads: Vec::new(),
            all: Track::default(),
            segments: BTreeMap::new(),
            distributions: BTreeMap::new(),
            texts: BTreeMap::new(),
        }
    }

    /// How many windows are kept: fewer where there are very many figures.
    fn kept(&self) -> usize {
        let series = self.all.series.len()
            + self.segments.values().map(|track| track.series.len()).sum::<usize>();
        self.limit.min((MOST_POINTS / series.max(1)).max(FEWEST_WINDOWS))
    }

    /// Of how many windows the distributions are kept.
    fn kept_distributions(&self) -> usize {
        (self.kept() / 4).max(1)
    }

    /// The windows that are shown: the newest.
    pub(super) fn shown(&self) -> usize {
        self.heads.len().saturating_sub(self.kept())
    }

    /// The place of a window.
    pub(super) fn place(&self, index: u64) -> Option<usize> {
        self.heads.binary_search_by_key(&index, |head| head.index).ok()
    }

    /// The columns of a window in few bins.
    pub(super) fn distributions(&self, index: u64) -> Option<&[Distribution]> {
        self.distributions.get(&index).map(|(_, found)| &**found)
    }

    /// The newest windows whose columns are kept in few bins.
    pub(super) fn with_distributions(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.distributions.keys().copied()
    }

    /// Takes a result; whether something is new by it.
    pub(super) fn take(&mut self, result: &WindowResult, heard: Option<i64>) -> bool {
        let index = result.window_index;
        if self.forgotten.is_some_and(|forgotten| index <= forgotten) {
            return false;
        }
        let place = match self.heads.binary_search_by_key(&index, |head| head.index) {
            Ok(place) => place,
            Err(place) => {
                self.insert(place);
                let head = self.head(result);
                self.heads.insert(place, head);
                place
            }
        };
        let whole = result.segment == ALL;
        let new = if whole {
            if self.heads[place].revision <= result.revision {
                let Head { heard, class, .. } = self.heads[place];
                self.heads[place] = Head { heard, class, ..self.head(result) };
            }
            let known = &mut self.heads[place].heard;
            *known = match (*known, heard) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            self.take_distributions(result);
            // Slices are others in every window.
            self.all.take(place, result, |figure| !figure.metric.metric().is_of_slices())
        } else {
            let track = self.segments.entry(result.segment.clone()).or_default();
            track.take(place, result, |figure| {
                matches!(figure.kind, Kind::Estimated | Kind::Realized)
                    || figure.metric == Metric::Rows
            })
        };
        if self.heads.len() > self.kept() + SLACK {
            self.forget(self.heads.len() - self.kept());
        }
        new
    }

    fn take_distributions(&mut self, result: &WindowResult) {
        let (index, revision) = (result.window_index, result.revision);
        let by_person = matches!(
            result.revision_cause,
            Some(RevisionCause::Excluded | RevisionCause::Replaced)
        );
        let newer = self.distributions.get(&index).is_none_or(|(known, _)| *known < revision);
        if newer && (by_person || !result.distributions.is_empty()) {
            // Those of a window that was left out are kept as none, so that an older revision does not bring them back.
            self.distributions.insert(index, (revision, result.distributions.as_slice().into()));
        }
        while self.distributions.len() > self.kept_distributions() {
            self.distributions.pop_first();
        }
    }

    fn head(&mut self, result: &WindowResult) -> Head {
        let time = |text: &Option<String>| {
            let time: Timestamp = text.as_deref()?.parse().ok()?;
            Some(time.as_microsecond())
        };
        Head {
            index: result.window_index,
            start: time(&result.window_start),
            end: time(&result.window_end),
            rows: if result.segment == ALL { result.window_rows } else { 0 },
            coverage: result.coverage,
            is_final: result.is_final,
            revision: if result.segment == ALL { result.revision } else { 0 },
            cause: result.revision_cause,
            reason: result.reason.as_deref().map(Arc::from),
            epoch: result.epoch,
            profile: self.text(&result.profile),
            settings: self.text(&result.settings),
            closed_by: result.closed_by,
            late: result.late_rows,
            rejected: result.rejected_rows,
            heard: None,
            class: Class::Unjudged,
        }
    }

    /// A text that many windows have, once.
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let made: Arc<str> = text.into();
        self.texts.insert(text.to_owned(), Arc::clone(&made));
        made
    }

    /// Makes room for another window at a place.
    fn insert(&mut self, place: usize) {
        if place == self.heads.len() {
            return;
        }
        for track in [&mut self.all].into_iter().chain(self.segments.values_mut()) {
            if place < track.revisions.len() {
                track.revisions.insert(place, [0; 2]);
            }
            for series in &mut track.series {
                series.insert(place);
            }
        }
    }

    /// Forgets the first windows.
    fn forget(&mut self, windows: usize) {
        self.forgotten = self.heads.get(windows - 1).map(|head| head.index).or(self.forgotten);
        self.heads.drain(..windows);
        for track in [&mut self.all].into_iter().chain(self.segments.values_mut()) {
            track.revisions.drain(..windows.min(track.revisions.len()));
            for series in &mut track.series {
                series.forget(windows);
            }
        }
        self.segments.retain(|_, track| track.series.iter().any(|series| series.present() > 0));
        let least = self.heads.first().map_or(0, |head| head.index);
        self.distributions = self.distributions.split_off(&least);
    }

    pub(super) fn bytes(&self) -> usize {
        let tracks = [&self.all].into_iter().chain(self.segments.values());
        let distribution = |found: &Distribution| {
            size_of::<Distribution>() + found.column_name.len() + 8 * found.counts.len() + 32
        };
        let distributions = self.distributions.values().flat_map(|(_, found)| found.iter());
        self.heads.capacity() * size_of::<Head>()
            + tracks.map(Track::bytes).sum::<usize>()
            + distributions.map(distribution).sum::<usize>()
    }
}

impl Track {
    /// Takes the figures of a result that are wanted; whether something is new by them.
    fn take(
        &mut self,
        place: usize,
        result: &WindowResult,
        wanted: impl Fn(&Figure) -> bool,
    ) -> bool {
        let revision = u32::try_from(result.revision).unwrap_or(u32::MAX - 1) + 1;
        let by_targets = result.revision_cause == Some(RevisionCause::Targets);
        let [sealed, restated] = self.revisions.get(place).copied().unwrap_or_default();
        let news = News { sealed: !by_targets && revision > sealed, restated: revision > restated };
        if !news.sealed && !news.restated {
            return false;
        }
        let now = [
            if news.sealed { revision } else { sealed },
            if news.restated { revision } else { restated },
        ];
        put(&mut self.revisions, place, now, [0; 2]);
        let fresh = |restated: bool| if restated { news.restated } else { news.sealed };
        if sealed > 0 || restated > 0 {
            for series in &mut self.series {
                if fresh(series.key.is_restated()) {
                    series.clear(place);
                }
            }
        }
        let mut next = 0;
        for figure in result.figures.iter().filter(|figure| wanted(figure)) {
            // Ranks are of the newest window alone.
            let ranks =
                matches!(figure.metric.metric(), Metric::DriftCorrelation | Metric::BreachCount);
            if ranks || !fresh(is_restated(figure.kind, &figure.metric)) {
                continue;
            }
            // Figures come in the same order every time.
            let at = match self.series.get(next) {
                Some(series) if series.key.is_of(figure) => next,
                _ => self.find(figure),
            };
            self.series[at].set(place, figure);
            next = at + 1;
        }
        true
    }

    fn find(&mut self, figure: &Figure) -> usize {
        let next = self.series.len();
        let at = *self.places.entry(Key::of(figure)).or_insert(next);
        if at == next {
            self.series.push(Series::new(Key::of(figure)));
        }
        at
    }

    /// The series in the order in which they are shown, of those that have figures in windows from `shown` on.
    pub(super) fn ordered(&self) -> impl Iterator<Item = &Series> {
        self.places.values().map(|&at| &self.series[at]).filter(|series| series.present() > 0)
    }

    fn bytes(&self) -> usize {
        self.series.iter().map(Series::bytes).sum::<usize>()
            + self.places.len() * (size_of::<Key>() + 48)
            + self.revisions.capacity() * size_of::<[u32; 2]>()
    }
}
