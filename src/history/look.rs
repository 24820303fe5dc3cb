//! History, looked at: the views are made here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::alert::AlertEvent;
use crate::history::numbers::Numbers;
use crate::history::series::{Key, Series};
use crate::history::standing::Standing;
use crate::history::table::{Head, Table, Track};
use crate::history::version::Version;
use crate::history::view::{
    Alerts, Asked, ColumnForm, ColumnView, Digits, Epoch, ModelRow, ModelView, Number, OpenAlert,
    Overview, Packed, Primary, Rows, SeriesView, Span, WindowsView,
};
use crate::history::{History, NoColumn};
use crate::metric::{Kind, Metric};
use crate::profile::{Form, Shape};
use crate::window::{ALL, Dataset, Distribution, ENGINE, Status, utc};

/// So many windows lie in a row of the overview.
const IN_A_ROW: usize = 60;

/// So many alert events are told of all models together.
const EVENTS: usize = 1000;

/// All labels that are not told apart.
const OTHER: &str = "other";
/// Labels that the reference does not have.
const UNSEEN: &str = "never seen before";

impl History {
    /// All model versions, the worst first, at a time in microseconds since 1970.
    pub fn overview(&self, now: i64) -> Overview {
        let mut models: Vec<ModelRow> = self
            .versions
            .iter()
            .filter(|(_, of)| !of.analysis.heads.is_empty() || !of.events.is_empty())
            .map(|((model, version), of)| self.row(model, version, of, now))
            .collect();
        // Stable: models of one state keep the order of their names.
        models.sort_by_key(|row| row.state);
        Overview { engine: ENGINE, now: utc(now), models }
    }

    fn row(&self, model: &str, version: &str, of: &Version, now: i64) -> ModelRow {
        let standing = self.standing(model, version, of, now);
        let heads = &of.analysis.heads;
        let shown = heads.len() - of.analysis.shown();
        let first = heads.len() - shown.min(IN_A_ROW);
        let primary = of.primary().map(|metric| {
            let estimated: Vec<_> = (first..heads.len()).map(|place| of.estimated(place)).collect();
            let realized: Vec<_> = (first..heads.len()).map(|place| of.realized(place)).collect();
            let newest = estimated.iter().chain(&realized).rev().flatten();
            let limits = estimated.iter().rev().flatten().next().or(newest.last());
            Primary {
                metric: metric.clone(),
                lower_threshold: limits.and_then(|figure| figure.lower_threshold),
                upper_threshold: limits.and_then(|figure| figure.upper_threshold),
                estimated: estimated.iter().map(|figure| figure.as_ref()?.value).collect(),
                realized: realized.iter().map(|figure| figure.as_ref()?.value).collect(),
            }
        });
        let alert = of.open_alerts().first().map(|event| OpenAlert {
            id: event.id.clone(),
            severity: event.severity,
            since: event.since.clone(),
            summary: event.summary.clone(),
        });
        ModelRow {
            model: model.to_owned(),
            version: version.to_owned(),
            problem: of.about.as_ref().map(|about| about.problem),
            state: standing.state,
            since: standing.since,
            verdict: standing.verdict,
            primary,
            window: heads.last().map(Span::of),
            windows: shown,
            alert,
        }
    }

    /// Where a version stands; and what it has mended, where the one before it was not well.
    fn standing(&self, model: &str, version: &str, of: &Version, now: i64) -> Standing {
        let mut standing = of.standing(now, self.is_retired(model, version, of));
        let first = |of: &Version| of.analysis.heads.get(of.analysis.shown())?.start;
        let older = self.versions.iter().filter(|((other, own), older)| {
            other == model && own != version && first(older) < first(of)
        });
        let before = older.max_by_key(|(_, older)| first(older));
        let calm = of.open_alerts().is_empty() && !of.analysis.heads.is_empty();
        if let Some(((_, before), older)) = before.filter(|_| calm)
            && let Some(wrong) = older.wrong_to_the_end()
        {
            let wrong = wrong.split(';').next().unwrap_or_default();
            let said = match of.is_realized_well() {
                Some(true) => format!("this mends what version {before} had"),
                Some(false) => format!("version {before} was not well before"),
                None => format!("targets will tell whether it mends what version {before} had"),
            };
            standing.verdict = format!("{}; {said}: {wrong}", standing.verdict);
        }
        standing
    }

    /// Whether another version of the model has had a window since.
    fn is_retired(&self, model: &str, version: &str, of: &Version) -> bool {
        let heard = |of: &Version| of.analysis.heads.last().and_then(|head| head.heard);
        let mut others =
            self.versions.iter().filter(|((other, own), _)| other == model && own != version);
        others.any(|(_, other)| heard(other) > heard(of))
    }

    /// What is asked of one model version; `None` where there is none.
    pub fn model(
        &self,
        model: &str,
        version: &str,
        asked: Asked,
        digits: Digits,
        now: i64,
    ) -> Option<ModelView<'_>> {
        let key = (model.to_owned(), version.to_owned());
        let ((model, version), of) = self.versions.get_key_value(&key)?;
        let standing = self.standing(model, version, of, now);
        let tables = [
            (&of.reference, Asked::default().places(&of.reference)),
            (&of.analysis, asked.places(&of.analysis)),
        ];
        let track = |name: &str| {
            tables.each_ref().map(|(table, span)| {
                let track = if name == ALL { &table.all } else { table.segments.get(name)? };
                Some((span.clone(), track))
            })
        };
        let mut series = both(ALL, track(ALL), digits);
        let names: BTreeSet<&str> = tables
            .iter()
            .flat_map(|(table, _)| table.segments.keys())
            .map(String::as_str)
            .collect();
        if asked.segments {
            for &name in &names {
                series.extend(both(name, track(name), digits));
            }
        }
        let newest = of.analysis.heads.last();
        let shown = of.analysis.heads.get(tables[1].1.start).map_or(u64::MAX, |head| head.index);
        let about = of.about.as_ref();
        Some(ModelView {
            model,
            version,
            problem: about.map(|about| about.problem),
            state: standing.state,
            since: standing.since,
            verdict: standing.verdict,
            currencies: of.currencies(),
            primary: of.primary(),
            profile: newest
                .map_or_else(|| about.map_or("", |about| &about.profile), |of| &of.profile),
            settings: newest
                .map_or_else(|| about.map_or("", |about| &about.settings), |of| &of.settings),
            kept: of.analysis.heads.len() - of.analysis.shown(),
            windows: WindowsView::of(&tables),
            segments: [ALL].into_iter().chain(names).collect(),
            series,
            alerts: of.events.values().collect(),
            ranking: of.ranking(),
            slices: of.slices.since(shown),
        })
    }

    /// The names of all model versions.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.versions.keys().map(|(model, version)| (model.as_str(), version.as_str()))
    }

    /// The newest alert events of all models, the newest last.
    pub fn alerts(&self) -> Alerts<'_> {
        let mut found: Vec<(i64, &AlertEvent)> = Vec::new();
        for of in self.versions.values() {
            found.extend(of.events.values().map(|event| {
                // Of the time of its window; where that is forgotten it is older than all others.
                let head = event.window.and_then(|window| of.analysis.place(window));
                let head = head.map(|place| &of.analysis.heads[place]);
                (head.and_then(|head| head.end).unwrap_or(i64::MIN), event)
            }));
        }
        // Stable: events of one window keep their order.
        found.sort_by_key(|(time, _)| *time);
        let alerts = found.iter().map(|(_, event)| *event);
        Alerts { alerts: alerts.skip(found.len().saturating_sub(EVENTS)).collect() }
    }

    /// Which settings and profiles judged the windows that are kept.
    pub fn epochs(&self) -> Vec<Epoch> {
        let mut found = BTreeSet::new();
        for ((model, version), of) in &self.versions {
            let heads = &of.analysis.heads;
            for same in heads.chunk_by(|a, b| {
                (a.epoch, &a.profile, &a.settings) == (b.epoch, &b.profile, &b.settings)
            }) {
                let head = &same[0];
                found.insert(Epoch {
                    epoch: head.epoch,
                    model: model.clone(),
                    version: version.clone(),
                    profile: head.profile.to_string(),
                    settings: head.settings.to_string(),
                });
            }
        }
        found.into_iter().collect()
    }

    /// A column of a window beside the reference's; of the newest window that has it where none is named.
    ///
    /// # Errors
    /// Where there is none.
    pub fn column(
        &self,
        model: &str,
        version: &str,
        column: &str,
        window: Option<u64>,
    ) -> Result<ColumnView, NoColumn> {
        let of = self.versions.get(&(model.to_owned(), version.to_owned())).ok_or_else(|| {
            NoColumn::Model { model: model.to_owned(), version: version.to_owned() }
        })?;
        let table = &of.analysis;
        let kept = || {
            let mut kept = table.with_distributions();
            match (kept.next(), kept.next_back()) {
                (Some(first), Some(last)) => format!("{first} to {last}"),
                (Some(only), None) => only.to_string(),
                (None, _) => "so far of none".to_owned(),
            }
        };
        let newest = || {
            let mut newest = table.with_distributions().rev();
            newest
                .find(|&window| table.distributions(window).is_some_and(|found| !found.is_empty()))
        };
        let missing = |window| NoColumn::Window { window, kept: kept() };
        let window = window.or_else(newest).ok_or_else(|| missing(0))?;
        let found = table.distributions(window).filter(|found| !found.is_empty());
        let found = found.ok_or_else(|| missing(window))?;
        let distribution = found.iter().find(|found| found.column_name == column);
        let distribution = distribution.ok_or_else(|| NoColumn::Column {
            window,
            column: column.to_owned(),
            columns: found.iter().map(|of| of.column_name.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        let place = table.place(window).ok_or_else(|| missing(window))?;
        let profile = &table.heads[place].profile;
        let shapes = of.shapes(profile);
        let shape = shapes.and_then(|shapes| shapes.iter().find(|shape| shape.column == column));
        let shape = shape.ok_or_else(|| NoColumn::Profile(profile.to_string()))?;
        Ok(ColumnView::of(window, shape, distribution))
    }

    /// The columns that a window has in few bins: of the newest window that has any where none is named.
    pub fn columns(&self, model: &str, version: &str, window: Option<u64>) -> Vec<ColumnView> {
        let Some(of) = self.versions.get(&(model.to_owned(), version.to_owned())) else {
            return Vec::new();
        };
        let mut windows = of.analysis.with_distributions().rev();
        let of_window =
            |window: &u64| of.analysis.distributions(*window).filter(|found| !found.is_empty());
        let Some(window) = window.or_else(|| windows.find(|window| of_window(window).is_some()))
        else {
            return Vec::new();
        };
        let found = of_window(&window).unwrap_or_default();
        let view = |found: &Distribution| {
            self.column(model, version, &found.column_name, Some(window)).ok()
        };
        found.iter().filter_map(view).collect()
    }
}

impl Asked {
    /// The windows of a table that are asked for.
    fn places(self, table: &Table) -> Range<usize> {
        let end = table.heads.len();
        let since = self.since.and_then(|window| table.place(window)).unwrap_or(end);
        let first = self.windows.map_or(0, |newest| end.saturating_sub(newest).min(since));
        first.max(table.shown())..end
    }
}

impl Span {
    fn of(head: &Head) -> Self {
        Self {
            index: head.index,
            start: head.start.map(utc),
            end: head.end.map(utc),
            rows: head.rows,
            coverage: head.coverage,
            sealed_at: head.heard.map(utc),
        }
    }
}

impl<'h> WindowsView<'h> {
    fn of(tables: &[(&'h Table, Range<usize>); 2]) -> Self {
        let mut view = Self::default();
        for ((table, span), dataset) in tables.iter().zip([Dataset::Reference, Dataset::Analysis]) {
            for head in &table.heads[span.clone()] {
                view.dataset.push(dataset);
                view.index.push(head.index);
                view.start.push(head.start.map(utc));
                view.end.push(head.end.map(utc));
                view.rows.push(head.rows);
                view.coverage.push(head.coverage);
                view.is_final.push(head.is_final);
                view.revision.push(head.revision);
                view.revision_cause.push(head.cause);
                view.reason.push(head.reason.as_deref());
                view.epoch.push(head.epoch);
                view.closed_by.push(head.closed_by.as_str());
                view.late_rows.push(head.late);
                view.rejected_rows.push(head.rejected);
                view.profile.push(&head.profile);
                view.sealed_at.push(head.heard.map(utc));
            }
        }
        view
    }
}

/// The series of a segment, over these windows of both tables.
fn both<'h>(
    segment: &'h str,
    tracks: [Option<(Range<usize>, &'h Track)>; 2],
    digits: Digits,
) -> Vec<SeriesView<'h>> {
    let mut found: BTreeMap<&Key, [Option<&Series>; 2]> = BTreeMap::new();
    for (at, track) in tracks.iter().enumerate() {
        for series in track.iter().flat_map(|(_, track)| track.ordered()) {
            found.entry(&series.key).or_default()[at] = Some(series);
        }
    }
    let spans = tracks.map(|track| track.map_or(0..0, |(span, _)| span));
    let view = |(key, series): (&'h Key, [Option<&'h Series>; 2])| {
        let places = || {
            series.iter().zip(&spans).flat_map(|(series, span)| {
                span.clone()
                    .map(move |place| series.filter(|of| of.has(place)).map(|of| (of, place)))
            })
        };
        let is_performance = matches!(key.kind, Kind::Estimated | Kind::Realized | Kind::Diagnosis);
        let written = |of: fn(&Series) -> &Numbers, few: usize| {
            let number = move |(series, place): (&Series, usize)| {
                let value = of(series).get(place);
                match digits {
                    Digits::Kept => Number { value, short: !is_performance },
                    Digits::Few => {
                        Number { value: value.map(|value| rounded(value, few)), short: false }
                    }
                }
            };
            places().map(move |found| found.map(number))
        };
        let numbers = |of| written(of, if is_performance { 5 } else { 4 });
        let none = Number { value: None, short: false };
        SeriesView {
            segment,
            kind: key.kind,
            metric: &key.metric,
            method: key.method,
            column: key.column.as_deref(),
            of: key.of.as_ref(),
            value: numbers(|series| &series.value).map(|number| number.unwrap_or(none)).collect(),
            sampling_error: packed(written(|series| &series.sampling_error, 3), none, Number::same),
            lower_confidence: packed(
                numbers(|series| &series.lower_confidence),
                none,
                Number::same,
            ),
            upper_confidence: packed(
                numbers(|series| &series.upper_confidence),
                none,
                Number::same,
            ),
            lower_threshold: packed(numbers(|series| &series.lower_threshold), none, Number::same),
            upper_threshold: packed(numbers(|series| &series.upper_threshold), none, Number::same),
            p_value: packed(numbers(|series| &series.p_value), none, Number::same),
            breach: packed(
                places().map(|found| found.map(|(series, place)| series.breach(place))),
                None,
                Option::eq,
            ),
            status: packed(
                places().map(|found| {
                    found.map(|(series, place)| series.status(place).map(Status::as_str))
                }),
                None,
                Option::eq,
            ),
        }
    };
    found.into_iter().map(view).collect()
}

/// One value where there is but one, wherever there is a figure.
fn packed<T: Copy>(
    values: impl Iterator<Item = Option<T>>,
    none: T,
    same: impl Fn(&T, &T) -> bool,
) -> Packed<T> {
    let values: Vec<Option<T>> = values.collect();
    let mut present = values.iter().flatten();
    match present.next() {
        None => Packed::Same(none),
        Some(first) if present.all(|value| same(first, value)) => Packed::Same(*first),
        Some(_) => Packed::Each(values.into_iter().map(|value| value.unwrap_or(none)).collect()),
    }
}

/// To so many digits.
fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.0$e}", digits - 1).parse().unwrap_or(value)
}

impl ColumnView {
    fn of(window: u64, shape: &Shape, found: &Distribution) -> Self {
        let (mut ours, mut theirs) = (shape.counts.clone(), found.counts.clone());
        let (form, edges, categories) = match &shape.form {
            Form::Bins(edges) => (ColumnForm::Continuous, Some(edges.clone()), None),
            Form::Labels(labels) => {
                let mut labels = labels.clone();
                let others = [(OTHER, shape.other, found.other), (UNSEEN, 0, found.unseen)];
                for (label, of_reference, of_window) in others {
                    if of_reference + of_window > 0 {
                        labels.push(label.to_owned());
                        ours.push(of_reference);
                        theirs.push(of_window);
                    }
                }
                (ColumnForm::Categorical, None, Some(labels))
            }
        };
        let rows = Rows {
            reference: ours.iter().sum(),
            observed: theirs.iter().sum::<u64>() + found.below + found.above,
        };
        let share = |rows: u64, of: u64| if of == 0 { 0.0 } else { rows as f64 / of as f64 };
        let some_share = |rows: u64, of: u64| (of > 0).then(|| share(rows, of));
        Self {
            column: shape.column.clone(),
            form,
            window,
            reference: ours.iter().map(|&count| share(count, rows.reference)).collect(),
            observed: theirs.iter().map(|&count| share(count, rows.observed)).collect(),
            outside: edges
                .is_some()
                .then(|| [found.below, found.above].map(|count| share(count, rows.observed))),
            missing: [
                some_share(shape.missing, shape.rows),
                some_share(found.missing, rows.observed + found.missing),
            ],
            rows,
            edges,
            categories,
        }
    }
}

impl ModelView<'_> {
    /// Leaves out what never moved: faults of the data and differences that are the same in every window and never a
    /// breach. How many series that were.
    pub fn without_still(&mut self) -> usize {
        let before = self.series.len();
        self.series.retain(|series| {
            let still = matches!(series.breach, Packed::Same(breach) if breach != Some(true));
            let mut values = series.value.iter().filter_map(|number| number.value);
            let first = values.next();
            let moved = values.any(|value| Some(value) != first);
            series.kind != Kind::Quality || !still || moved || *series.metric == Metric::Rows
        });
        before - self.series.len()
    }
}
