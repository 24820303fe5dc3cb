//! What is shown at the moment, and for whom it may be taken away.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto;

use crate::output::prometheus::families::{FAMILIES, FamilySpec};
use crate::output::prometheus::series::{self, Series, Told, Whose};
use crate::settings::Prometheus;
use crate::tally::{Filling, Show, Standing};
use crate::telemetry::{ExpositionError, Telemetry};
use crate::window::{ALL, Dataset, RevisionCause, WindowResult};

/// The version of whatever no profile serves: such versions come from strangers.
pub(super) const OTHER: &str = "other";

/// The gauges of one process. Clones show the same.
#[derive(Clone)]
pub struct Gauges {
    settings: Arc<Prometheus>,
    telemetry: Telemetry,
    shown: Arc<Mutex<Shown>>,
    /// Whether it was said that there are too many.
    said: Arc<AtomicBool>,
}

/// The gauges of the models of one tally partition: they go when it goes to another instance, which then shows them.
#[derive(Clone, Debug)]
pub struct PartitionGauges {
    gauges: Gauges,
    partition: i32,
}

/// What is shown at the moment.
#[derive(Debug, Default)]
struct Shown {
    entries: BTreeMap<Whose, Entry>,
    /// How many series all entries have.
    series: usize,
}

/// What is shown of a segment of a model version.
#[derive(Debug, Default)]
struct Entry {
    partition: i32,
    /// The profile that its results are made by.
    profile: String,
    told: Option<Told>,
    /// Made of it.
    standing: Arc<[Series]>,
    latest: Option<Part>,
    realized: Option<Part>,
    filling: Arc<[Series]>,
}

/// What is shown of one window.
#[derive(Debug)]
struct Part {
    /// Its index, and the revision of its result.
    window: (u64, u64),
    /// Shared, so that whoever collects them keeps nobody waiting.
    series: Arc<[Series]>,
}

impl Gauges {
    /// Gauges that are exposed together with the metrics of the service.
    ///
    /// # Errors
    /// Where the telemetry has others already.
    pub fn new(settings: &Prometheus, telemetry: &Telemetry) -> Result<Self, ExpositionError> {
        let shown = Arc::new(Mutex::new(Shown::default()));
        telemetry.register(Box::new(Families::of(Arc::clone(&shown))))?;
        let (settings, telemetry) = (Arc::new(settings.clone()), telemetry.clone());
        Ok(Self { settings, telemetry, shown, said: Arc::default() })
    }

    /// The gauges of the models of one tally partition.
    pub fn partition(&self, partition: i32) -> PartitionGauges {
        PartitionGauges { gauges: self.clone(), partition }
    }
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl PartitionGauges {
    /// Shows a published result in place of the one before it; what is older than what is shown changes nothing.
    ///
    /// Estimated performance, drift and quality are of the latest window; realized performance is of the newest that
    /// has nine tenths of its targets, or all that will come. Where that window is restated and has them no more,
    /// none is shown.
    pub fn show(&self, result: &WindowResult) {
        let settings = &self.gauges.settings;
        if result.dataset != Dataset::Analysis {
            return;
        }
        // Targets may still restate windows of the profile before.
        if result.segment == ALL && result.revision_cause.is_none() {
            self.forget_others(result);
        }
        if !settings.exports(&result.segment) {
            return;
        }
        let served = !result.profile.is_empty();
        let version = if served { &result.version } else { OTHER };
        let latest = series::latest(result, &settings.families);
        let realized = series::realized(result, &settings.families);
        let window = (result.window_index, result.revision);
        let dropped = self.change(&result.model, version, &result.segment, |entry, room| {
            let mut dropped = 0;
            entry.profile.clone_from(&result.profile);
            // Windows of many versions in one have no order; a revision by targets says only what they change.
            let newer = entry.latest.as_ref().is_none_or(|shown| shown.window <= window);
            let whole = result.revision_cause != Some(RevisionCause::Targets);
            if whole && (!served || newer) {
                entry.latest = None;
                let room = room.saturating_sub(entry.series());
                dropped += Part::put(&mut entry.latest, window, latest, room);
            }
            let shown = entry.realized.as_ref().map(|shown| shown.window);
            let restated = shown.is_some_and(|shown| shown.0 == window.0 && shown <= window);
            if restated || realized.is_some() && shown.is_none_or(|shown| shown <= window) {
                entry.realized = None;
                let room = room.saturating_sub(entry.series());
                if let Some(realized) = realized {
                    dropped += Part::put(&mut entry.realized, window, realized, room);
                }
            }
            dropped
        });
        self.tell(&result.model, dropped);
    }

    /// Shows where the model versions of this partition stand, and nothing any more of those that are not among them.
    ///
    /// Until it is told, nothing is said of alerts: a zero before the state is read back would resolve what is open.
    pub fn stand(&self, all: &[Standing<'_>]) {
        let mut told: BTreeMap<(&str, &str), Told> = BTreeMap::new();
        for standing in all {
            let version = if standing.served { standing.version } else { OTHER };
            let told = told.entry((standing.model, version)).or_default();
            told.alert = told.alert.max(standing.alert);
            told.last_event = told.last_event.max(standing.last_event);
            told.open_rows = told.open_rows.max(standing.open_rows);
        }
        let gone = |whose: &Whose, entry: &Entry| {
            entry.partition == self.partition
                && !told.contains_key(&(&*whose.model, &*whose.version))
        };
        locked(&self.gauges.shown).remove(gone);
        for ((model, version), told) in &told {
            self.change(model, version, ALL, |entry, _| {
                if entry.told.as_ref() != Some(told) {
                    // What stands whatever windows say is never left out: it is little, and alerts are in it.
                    entry.standing = series::standing(told).into();
                    entry.told = Some(*told);
                }
            });
        }
    }

    /// Shows how windows stand that are filling, of this partition; of others nothing any more.
    pub fn fill(&self, all: &[Filling<'_>]) {
        let families = &self.gauges.settings.families;
        if !self.gauges.settings.exports(ALL) {
            return;
        }
        let mut series: BTreeMap<(Arc<str>, Arc<str>), Vec<Series>> = all
            .iter()
            .map(|one| {
                ((one.model.into(), one.version.into()), series::filling(&one.figures, families))
            })
            .collect();
        let mut shown = locked(&self.gauges.shown);
        let most = usize::try_from(self.gauges.settings.max_series).unwrap_or(usize::MAX);
        let Shown { entries, series: count } = &mut *shown;
        let mut dropped = 0;
        // Only beside what is shown already: a version shows itself by its standing.
        let ours = entries.iter_mut().filter(|(_, entry)| entry.partition == self.partition);
        for (whose, entry) in ours.filter(|(whose, _)| &*whose.segment == ALL) {
            *count -= entry.filling.len();
            let key = (Arc::clone(&whose.model), Arc::clone(&whose.version));
            let mut filling = series.remove(&key).unwrap_or_default();
            let room = most.saturating_sub(*count);
            dropped += filling.len().saturating_sub(room);
            filling.truncate(room);
            *count += filling.len();
            entry.filling = filling.into();
        }
        drop(shown);
        self.tell(all.first().map_or("", |one| one.model), dropped);
    }

    /// Shows segments of another profile no more: this one may not have them.
    fn forget_others(&self, whole: &WindowResult) {
        let of_other = |whose: &Whose, entry: &Entry| {
            (&*whose.model, &*whose.version) == (whole.model.as_str(), whole.version.as_str())
                && &*whose.segment != ALL
                && entry.profile != whole.profile
        };
        let mut shown = locked(&self.gauges.shown);
        if shown.entries.iter().any(|(whose, entry)| of_other(whose, entry)) {
            shown.remove(of_other);
        }
    }

    /// Shows nothing of this partition any more: it is another instance's.
    pub fn clear(&self) {
        locked(&self.gauges.shown).remove(|_, entry| entry.partition == self.partition);
    }

    /// Changes an entry, given how many series there may be of it.
    fn change<T: Default>(
        &self,
        model: &str,
        version: &str,
        segment: &str,
        change: impl FnOnce(&mut Entry, usize) -> T,
    ) -> T {
        let whose = Whose { model: model.into(), version: version.into(), segment: segment.into() };
        let most = usize::try_from(self.gauges.settings.max_series).unwrap_or(usize::MAX);
        let mut shown = locked(&self.gauges.shown);
        let Shown { entries, series } = &mut *shown;
        let entry = entries.entry(whose).or_default();
        entry.partition = self.partition;
        *series -= entry.series();
        let answer = change(entry, most.saturating_sub(*series));
        *series += entry.series();
        answer
    }

    /// Counts what is not shown, and says so the first time.
    fn tell(&self, model: &str, dropped: usize) {
        let Gauges { settings, telemetry, said, .. } = &self.gauges;
        if dropped == 0 {
            return;
        }
        telemetry.series_dropped(dropped as u64);
        if !said.swap(true, Ordering::Relaxed) {
            let max_series = settings.max_series;
            tracing::warn!(
                model,
                dropped,
                max_series,
                "more series than prometheus.max_series: some are not shown; show fewer families or segments, or raise \
                 it. vigie_series_dropped_total counts on"
            );
        }
    }
}

impl Show for PartitionGauges {
    fn result(&mut self, result: &WindowResult) {
        self.show(result);
    }

    fn standings(&mut self, all: &[Standing<'_>]) {
        self.stand(all);
    }

    fn filling(&mut self, all: &[Filling<'_>]) {
        self.fill(all);
    }

    /// What is shown stays: while the state is read back, the last that was committed still holds.
    fn ready(&mut self, _: bool) {}

    fn clear(&mut self) {
        Self::clear(self);
    }
}

impl Shown {
    fn remove(&mut self, which: impl Fn(&Whose, &Entry) -> bool) {
        self.entries.retain(|whose, entry| !which(whose, entry));
        self.series = self.entries.values().map(Entry::series).sum();
    }
}

impl Entry {
    fn parts(&self) -> impl Iterator<Item = &Arc<[Series]>> {
        let windows = [&self.latest, &self.realized];
        let of_windows = windows.into_iter().flatten().map(|part| &part.series);
        [&self.standing].into_iter().chain(of_windows).chain([&self.filling])
    }

    fn series(&self) -> usize {
        self.parts().map(|series| series.len()).sum()
    }
}

impl Part {
    /// Puts the series of a window in place, as far as there is room; how many are left out.
    fn put(
        part: &mut Option<Self>,
        window: (u64, u64),
        mut series: Vec<Series>,
        room: usize,
    ) -> usize {
        let dropped = series.len().saturating_sub(room);
        series.truncate(room);
        *part = Some(Self { window, series: series.into() });
        dropped
    }
}

fn locked(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The gauges as the registry asks for them.
struct Families {
    shown: Arc<Mutex<Shown>>,
    descs: Vec<Desc>,
}

impl Families {
    fn of(shown: Arc<Mutex<Shown>>) -> Self {
        let descs = FAMILIES.iter().map(|family| {
            let labels = family.labels.iter().map(|&label| label.to_owned()).collect();
            Desc::new(
                family.name.to_owned(),
                family.help.to_owned(),
                labels,
                BTreeMap::new().into_iter().collect(),
            )
            .expect("a test registers every row of the table")
        });
        Self { shown, descs: descs.collect() }
    }
}

impl Collector for Families {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let shown = locked(&self.shown);
        let parts: Vec<(Whose, Arc<[Series]>)> = shown
            .entries
            .iter()
            .flat_map(|(whose, entry)| entry.parts().map(|part| (whose.clone(), Arc::clone(part))))
            .collect();
        drop(shown);
        let mut metrics = vec![Vec::new(); FAMILIES.len()];
        for (whose, part) in &parts {
            for series in part.iter() {
                metrics[series.family as usize].push(series.metric(whose));
            }
        }
        let family = |(spec, metrics): (&FamilySpec, Vec<proto::Metric>)| {
            let mut family = proto::MetricFamily::default();
            family.set_name(spec.name.to_owned());
            family.set_help(spec.help.to_owned());
            family.set_field_type(proto::MetricType::GAUGE);
            family.set_metric(metrics);
            family
        };
        FAMILIES.iter().zip(metrics).map(family).collect()
    }
}
