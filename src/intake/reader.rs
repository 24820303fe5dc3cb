//! From the records of a lane to what is written to the tally log.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::buffer::ScalarBuffer;

use crate::batch::{Column, Content, IdHash, Keyed, More, Pending, Reject, Rows, Section, Target};
use crate::epoch::{Epoch, Model, Version};
use crate::intake::expressions::RowExpressions;
use crate::intake::json::{Extractor, Limits, Plan as Paths, PlanError, Read};
use crate::intake::path::{EventPath, PathError};
use crate::intake::record::RecordView;
use crate::intake::reject::{Found, Reason};
use crate::intake::slots::{Slot, Slots};
use crate::intake::timestamp::{Unit, event_time};
use crate::intake::truth::{Id, TruthReader};
use crate::intake::version::{From, Gathering, Source, VersionReader};
use crate::metric::ColumnKind;
use crate::profile::{Placer, Profile, Role, same_label};
use crate::settings::{Model as Settings, Prediction, Probability, TimeUnit, UnknownVersion};

/// Makes the SQL of a profile ready; `None` for profiles without any.
pub type Expressions<'a> = &'a dyn Fn(&Profile) -> Result<Option<Arc<dyn RowExpressions>>, String>;

/// Reads the records of one lane as one epoch says.
///
/// [`Reader::read`] gathers rows, rejects and what the filter leaves out; [`Reader::take`] gives them away by model.
#[derive(Debug)]
pub struct Reader {
    extractor: Extractor,
    slots: Slots,
    /// Where events name their model: a slot, and which models are named there.
    named: Vec<(usize, BTreeMap<String, usize>)>,
    /// The model of events that name none, where there is only one.
    only: Option<usize>,
    models: Vec<ModelReader>,
    /// How ids are hashed.
    hash: IdHash,
    /// By topic that targets come by.
    truths: BTreeMap<String, TruthReader>,
    targets: Vec<Target>,
    /// Offsets of events that are ground truth and nothing else.
    truth_offsets: Vec<i64>,
    rejects: Vec<Reject>,
    rows: usize,
}

/// What was read since the last time.
#[derive(Debug, Default)]
pub struct Taken {
    /// For the tally log, by its partition.
    pub content: BTreeMap<u32, Content>,
    /// For the join log, by its partition.
    pub keyed: BTreeMap<u32, Keyed>,
    /// Predictions without an id, where targets are waited for: none will ever be theirs.
    pub without_id: u64,
}

/// Why the records of an epoch cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReaderError {
    /// A path is none.
    #[error("model `{model}`: `{path}` is no path into an event")]
    Path {
        /// The model.
        model: String,
        /// What was written.
        path: String,
        /// Why.
        #[source]
        source: PathError,
    },
    /// A path cannot be read.
    #[error("model `{model}`")]
    Plan {
        /// The model.
        model: String,
        /// Why.
        #[source]
        source: PlanError,
    },
    /// An SQL expression cannot be computed.
    #[error("model `{model}`: {message}")]
    Expression {
        /// The model.
        model: String,
        /// Why.
        message: String,
    },
    /// Several models, and events that do not say which they are of.
    #[error(
        "model `{model}`: there are several models, so `model.{model}.columns.model` must say where events name theirs"
    )]
    Unnamed {
        /// The model.
        model: String,
    },
}

/// How the events of one model are read.
#[derive(Debug)]
struct ModelReader {
    name: String,
    unknown: UnknownVersion,
    version: Option<usize>,
    time: usize,
    time_path: Box<str>,
    unit: Unit,
    versions: BTreeMap<String, VersionReader>,
    any: Option<VersionReader>,
    gathered: BTreeMap<String, Gathering>,
    /// Where predictions have the id by which targets find them; `None` where none are waited for.
    id: Option<Id>,
}

impl Reader {
    /// A reader of events as an epoch has them.
    ///
    /// # Errors
    /// Where a path or an expression makes no sense.
    pub fn new(
        epoch: &Epoch,
        limits: Limits,
        expressions: Expressions<'_>,
    ) -> Result<Self, ReaderError> {
        let mut paths = Paths::new(limits);
        let mut named: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        let mut only = None;
        let mut models = Vec::new();
        for (name, model) in &epoch.models {
            match &model.settings.columns.model {
                Some(path) => {
                    named.entry(path.clone()).or_default().insert(name.clone(), models.len());
                }
                None if epoch.models.len() == 1 => only = Some(models.len()),
                None => return Err(ReaderError::Unnamed { model: name.clone() }),
            }
            models.push(ModelReader::new(name, model, &mut paths, expressions)?);
        }
        let named = named
            .into_iter()
            .map(|(path, models_there)| {
                let model = models_there.keys().next().map_or("", String::as_str);
                Ok((slot(&mut paths, model, &path, Read::Text)?, models_there))
            })
            .collect::<Result<_, ReaderError>>()?;
        let extractor = Extractor::new(paths);
        Ok(Self {
            extractor,
            slots: Slots::default(),
            named,
            only,
            models,
            hash: IdHash::default(),
            truths: TruthReader::of(epoch, limits)?,
            targets: Vec::new(),
            truth_offsets: Vec::new(),
            rejects: Vec::new(),
            rows: 0,
        })
    }

    /// The same, with ids hashed in this way.
    #[must_use]
    pub fn with_ids(self, hash: IdHash) -> Self {
        Self { hash, ..self }
    }

    /// Reads one record: it becomes a row, or is rejected for a reason.
    ///
    /// # Errors
    /// The reason; the record is accounted for either way.
    pub fn read(&mut self, offset: i64, record: &RecordView<'_>) -> Result<(), Reason> {
        self.rows += 1;
        let mut whose = None;
        let truth = self.truths.get_mut(record.topic);
        let read = match truth {
            None => self.try_read(offset, record, &mut whose),
            Some(truth) if truth.is_all() => truth
                .read(offset, record, &self.hash, &mut self.targets)
                .map(|()| self.truth_offsets.push(offset)),
            Some(_) => self.try_read(offset, record, &mut whose).map(|()| {
                // It is a prediction, and need not bring a target too.
                if let Some(truth) = self.truths.get_mut(record.topic) {
                    drop(truth.read(offset, record, &self.hash, &mut self.targets));
                }
            }),
        };
        match read {
            Ok(()) => Ok(()),
            Err(reason) => {
                let reject = Reject { offset, model: whose, reason: reason.name().to_owned() };
                self.rejects.push(reject);
                Err(reason)
            }
        }
    }

    fn try_read(
        &mut self,
        offset: i64,
        record: &RecordView<'_>,
        whose: &mut Option<(String, String)>,
    ) -> Result<(), Reason> {
        self.extractor.extract(record, &mut self.slots)?;
        let index = self.model()?;
        let model = &mut self.models[index];
        let slots = &self.slots;
        let version = match model.version.map(|slot| slots.get(slot)) {
            Some(Slot::Text(version)) => version,
            _ => "",
        };
        let named = |whose: &mut Option<(String, String)>| {
            *whose = Some((model.name.clone(), version.to_owned()));
        };
        let time = match event_time(slots.get(model.time), model.unit) {
            Ok(Some(time)) => time,
            Ok(None) => {
                named(whose);
                return Err(Reason::MissingTimestamp { path: model.time_path.clone() });
            }
            Err(why) => {
                named(whose);
                let found = Found::slot(slots.get(model.time));
                return Err(Reason::BadTimestamp { path: model.time_path.clone(), found, why });
            }
        };
        let reader = model.versions.get(version).or(model.any.as_ref());
        if reader.is_none() && model.unknown == UnknownVersion::DeadLetter {
            named(whose);
            let found = Found::text(version);
            return Err(Reason::UnknownVersion { model: model.name.as_str().into(), found });
        }
        if !model.gathered.contains_key(version) {
            let new = reader.map_or_else(Gathering::bare, VersionReader::gathering);
            model.gathered.insert(version.to_owned(), new);
        }
        let Some(gathered) = model.gathered.get_mut(version) else { return Ok(()) };
        match reader {
            Some(reader) => {
                if let Err(reason) = reader.check(slots, gathered) {
                    named(whose);
                    return Err(reason);
                }
                reader.push(gathered, offset, time, slots);
                if let Some(id) = &model.id {
                    gathered.note_id(offset, id.key(slots, &self.hash));
                }
            }
            None => gathered.note(offset, time),
        }
        Ok(())
    }

    /// The model that the event is of.
    fn model(&self) -> Result<usize, Reason> {
        let mut found = None;
        for (slot, models) in &self.named {
            if let Slot::Text(name) = self.slots.get(*slot) {
                if let Some(&index) = models.get(name) {
                    return Ok(index);
                }
                found = Some(Found::text(name));
            }
        }
        match (self.only, found) {
            (Some(only), None) => Ok(only),
            (_, Some(found)) => Err(Reason::UnknownModel { found }),
            (None, None) => {
                Err(Reason::UnknownModel { found: Found::words("an event that names none") })
            }
        }
    }

    /// How many bytes a row may take on the log beside what stands in its event: a place in every column, named or not.
    pub fn row_bytes(&self) -> usize {
        let versions =
            self.models.iter().flat_map(|model| model.versions.values().chain(&model.any));
        let bytes = |version: &VersionReader| {
            let columns = version.served.plan.profile().columns.iter();
            let along: usize = columns.map(|column| column.values.along()).sum();
            9 * version.columns.len() + 8 * (version.several.max(1) + along)
        };
        24 + versions.map(bytes).max().unwrap_or(8)
    }

    /// Records read since the last time.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether no record was read since the last time.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// What was read since the last time, by output; `output` says which partition of the tally log a model (or what
    /// names none) goes to, and `join_output` which one of the join log a key.
    ///
    /// # Errors
    /// Where an expression cannot be computed for these rows: not a fault of any one of them, so none is dropped.
    pub fn take(
        &mut self,
        output: impl Fn(Option<&str>) -> u32,
        join_output: impl Fn(u128) -> u32,
    ) -> Result<Taken, ReaderError> {
        self.rows = 0;
        let mut contents: BTreeMap<u32, Content> = BTreeMap::new();
        let mut keyed: BTreeMap<u32, Keyed> = BTreeMap::new();
        let mut without_id = 0;
        for model in &mut self.models {
            let content = || output(Some(&model.name));
            for (version, gathered) in &mut model.gathered {
                if gathered.is_empty() {
                    continue;
                }
                let content = contents.entry(content()).or_default();
                let reader = model.versions.get(version).or(model.any.as_ref());
                let (ids, missing) = gathered.take_ids();
                without_id += missing;
                let (rows, profiled) = match reader {
                    Some(reader) => {
                        let (rows, left_out) = reader.take(gathered).map_err(|message| {
                            ReaderError::Expression { model: model.name.clone(), message }
                        })?;
                        content.filtered.extend(left_out);
                        let waits = Waits { model: &model.name, version, ids };
                        let plan = &reader.served.plan;
                        let sampled = rows.keys.as_ref().filter(|_| plan.learns_concept());
                        waits.note((plan.profile(), sampled), &rows, &join_output, &mut keyed);
                        (rows, true)
                    }
                    None => (gathered.take_bare(), false),
                };
                if !rows.is_empty() {
                    content.sections.push(Section {
                        model: model.name.clone(),
                        version: version.clone(),
                        rows,
                        profiled,
                    });
                }
            }
            // Versions come from strangers: those that nothing serves are not remembered.
            let (versions, any) = (&model.versions, model.any.is_some());
            model.gathered.retain(|version, _| any || versions.contains_key(version));
            if model.gathered.len() > MOST_VERSIONS {
                model.gathered.clear();
            }
        }
        for reject in self.rejects.drain(..) {
            let model = reject.model.as_ref().map(|(model, _)| model.as_str());
            contents.entry(output(model)).or_default().rejects.push(reject);
        }
        if !self.truth_offsets.is_empty() {
            contents.entry(output(None)).or_default().truths.append(&mut self.truth_offsets);
        }
        for target in self.targets.drain(..) {
            keyed.entry(join_output(target.key)).or_default().targets.push(target);
        }
        for content in contents.values_mut() {
            content.filtered.sort_unstable();
            content.rejects.sort_unstable_by_key(|reject| reject.offset);
        }
        for keyed in keyed.values_mut() {
            // Versions were gathered apart, and the join reads in the order of the lane.
            keyed.predictions.sort_by_key(|prediction| prediction.offset);
        }
        Ok(Taken { content: contents, keyed, without_id })
    }
}

/// Predictions of one model version that will wait for their targets.
struct Waits<'r> {
    model: &'r str,
    version: &'r str,
    /// Offset and key of every row that has an id.
    ids: Vec<(i64, u128)>,
}

impl Waits<'_> {
    /// Writes down what the join needs of them, but for those that the filter left out; with what chooses them for
    /// samples, where their targets are asked for there.
    fn note(
        self,
        (profile, sampled): (&Profile, Option<&ScalarBuffer<u64>>),
        rows: &Rows,
        join_output: impl Fn(u128) -> u32,
        keyed: &mut BTreeMap<u32, Keyed>,
    ) {
        let column = |role: Role| {
            let at = profile.columns.iter().position(|column| column.role == role)?;
            rows.columns.get(at)
        };
        let several = profile.several_classes();
        let score = column(Role::Score).filter(|_| several.is_none());
        let predicted = column(Role::Prediction);
        let label = predicted.map(Column::shared_labels);
        let scores = several.and_then(|several| several.scores(&profile.columns));
        let scores_of = |row: usize| -> Option<Vec<f64>> {
            scores.as_ref()?.iter().map(|&at| rows.columns.get(at)?.number(row)).collect()
        };
        let segments_of = |row: usize| {
            let segments = || rows.segments.iter().map(|split| split[row]).collect();
            (!rows.segments.is_empty()).then(segments)
        };
        let terms_of = |row: usize| {
            let terms = || rows.terms.iter().map(|term| Some(term[row]).filter(|of| !of.is_nan()));
            (!rows.terms.is_empty()).then(|| terms().collect())
        };
        let more_of = |row: usize| More {
            scores: scores_of(row).unwrap_or_default(),
            segments: segments_of(row),
            terms: terms_of(row),
            sample: sampled.map(|keys| keys[row]),
        };
        let has_more = scores.is_some()
            || sampled.is_some()
            || !rows.segments.is_empty()
            || !rows.terms.is_empty();
        let mut row = 0;
        for (offset, key) in self.ids {
            while rows.offsets.get(row).is_some_and(|&at| at < offset) {
                row += 1;
            }
            if rows.offsets.get(row) != Some(&offset) {
                continue;
            }
            let keyed = keyed.entry(join_output(key)).or_default();
            let names = (self.model, self.version);
            let known = keyed
                .models
                .iter()
                .rposition(|(model, version)| (model.as_str(), version.as_str()) == names);
            let model = known.unwrap_or_else(|| {
                keyed.models.push((self.model.to_owned(), self.version.to_owned()));
                keyed.models.len() - 1
            });
            keyed.predictions.push(Pending {
                key,
                offset,
                model: model as u32,
                time: rows.times.as_ref().map_or(0, |times| times[row]),
                // What regressions predict is a number, and they have no score.
                score: score.or(predicted).and_then(|column| column.number(row)),
                predicted: label.as_ref().and_then(|label| label(row)),
                more: if has_more { more_of(row).kept() } else { None },
            });
        }
    }
}

/// More versions at once are not kept between stretches.
const MOST_VERSIONS: usize = 64;

impl ModelReader {
    fn new(
        name: &str,
        model: &Model,
        paths: &mut Paths,
        expressions: Expressions<'_>,
    ) -> Result<Self, ReaderError> {
        let settings = &model.settings;
        let columns = &settings.columns;
        let (time_path, unit) = match &columns.timestamp {
            None => ("$timestamp", Unit::Milliseconds),
            Some(time) => (time.path.as_str(), unit(time.unit)),
        };
        let version = match &columns.version {
            Some(path) => Some(slot(paths, name, path, Read::Text)?),
            None => None,
        };
        let time = slot(paths, name, time_path, Read::Value)?;
        let mut read =
            |served: &Arc<Version>| version_reader(name, settings, served, paths, expressions);
        let versions = model
            .versions
            .iter()
            .map(|(version, served)| Ok((version.clone(), read(served)?)))
            .collect::<Result<_, ReaderError>>()?;
        Ok(Self {
            name: name.to_owned(),
            unknown: settings.unknown_version,
            version,
            time,
            time_path: time_path.into(),
            unit,
            versions,
            any: model.any_version.as_ref().map(&mut read).transpose()?,
            gathered: BTreeMap::new(),
            id: match &settings.ground_truth {
                Some(truth) => {
                    let parts = truth.matches.as_deref().unwrap_or(&columns.id);
                    Some(Id::new(paths, name, parts)?)
                }
                None => None,
            },
        })
    }
}

fn version_reader(
    model: &str,
    settings: &Settings,
    served: &Arc<Version>,
    paths: &mut Paths,
    expressions: Expressions<'_>,
) -> Result<VersionReader, ReaderError> {
    let profile = served.plan.profile();
    let columns = &settings.columns;
    let score = match &columns.probability {
        Some(Probability::Positive(path)) => Some(path.as_str()),
        _ => None,
    };
    let mut sources = Vec::with_capacity(profile.columns.len());
    for column in &profile.columns {
        let from = match column.role {
            Role::Feature if profile.derived.iter().any(|made| made.name == column.name) => {
                (From::Derived, column.name.clone())
            }
            Role::Feature => {
                let input = profile.inputs.iter().find(|input| input.name == column.name);
                let path = input.map_or(column.name.as_str(), |input| input.path.as_str());
                match column.kind() {
                    ColumnKind::Embedding => {
                        (From::Slot(slot(paths, model, path, Read::Numbers)?), path.to_owned())
                    }
                    ColumnKind::Continuous | ColumnKind::Categorical => {
                        at(paths, model, Some(path))?
                    }
                }
            }
            Role::Score => at(paths, model, score_path(settings, profile, &column.name))?,
            Role::Prediction => match &columns.prediction {
                Some(Prediction::Path(path)) => at(paths, model, Some(path))?,
                Some(Prediction::Threshold(_)) => match score {
                    Some(path) => {
                        (From::Score(slot(paths, model, path, Read::Value)?), path.to_owned())
                    }
                    None => (From::Nowhere, String::new()),
                },
                None => (From::Nowhere, String::new()),
            },
            Role::Target => at(paths, model, columns.target.as_deref())?,
        };
        let (from, path) = from;
        sources.push(Source { from, role: column.role, kind: column.kind(), path: path.into() });
    }
    let beside = profile.segments.iter().flat_map(|segments| &segments.beside);
    for name in beside {
        let input = profile.inputs.iter().find(|input| input.name == *name);
        let (from, path) = at(paths, model, input.map(|input| input.path.as_str()))?;
        let (role, kind) = (Role::Feature, ColumnKind::Categorical);
        sources.push(Source { from, role, kind, path: path.into() });
    }
    let made = expressions(profile)
        .map_err(|message| ReaderError::Expression { model: model.to_owned(), message })?;
    let mut inputs = Vec::new();
    if let Some(made) = &made {
        for name in made.inputs() {
            if let Some(input) = profile.inputs.iter().find(|input| input.name == name) {
                inputs.push((input.clone(), slot(paths, model, &input.path, Read::Value)?));
            }
        }
    }
    let scores = || profile.columns.iter().filter(|column| column.role == Role::Score);
    let several = profile.several_classes().map_or(0, |_| scores().count());
    let asked = served.plan.samples();
    let id = columns.id.iter().filter(|_| asked);
    let id: Vec<usize> =
        id.map(|path| slot(paths, model, path, Read::Text)).collect::<Result<_, _>>()?;
    Ok(VersionReader {
        served: Arc::clone(served),
        columns: sources,
        inputs,
        expressions: made,
        several,
        placer: Placer::of(profile),
        id: asked.then_some(id),
    })
}

/// Where a column of scores lies, as the settings have it.
pub fn score_path<'s>(settings: &'s Settings, profile: &Profile, column: &str) -> Option<&'s str> {
    match settings.columns.probability.as_ref()? {
        Probability::Positive(path) => Some(path),
        Probability::PerClass(paths) => {
            let classes = &profile.several_classes()?.classes;
            let class = classes.iter().find(|class| class.score.as_deref() == Some(column))?;
            let path = paths.iter().find(|(label, _)| same_label(label, &class.label));
            path.map(|(_, path)| path.as_str())
        }
    }
}

/// A source at a path, if there is one.
fn at(paths: &mut Paths, model: &str, path: Option<&str>) -> Result<(From, String), ReaderError> {
    Ok(match path {
        Some(path) => (From::Slot(slot(paths, model, path, Read::Value)?), path.to_owned()),
        None => (From::Nowhere, String::new()),
    })
}

pub(super) fn slot(
    paths: &mut Paths,
    model: &str,
    path: &str,
    read: Read,
) -> Result<usize, ReaderError> {
    let parsed: EventPath = path.parse().map_err(|source| ReaderError::Path {
        model: model.to_owned(),
        path: path.to_owned(),
        source,
    })?;
    paths.add(&parsed, read).map_err(|source| ReaderError::Plan { model: model.to_owned(), source })
}

pub(super) fn unit(unit: Option<TimeUnit>) -> Unit {
    match unit {
        None => Unit::Auto,
        Some(TimeUnit::Seconds) => Unit::Seconds,
        Some(TimeUnit::Milliseconds) => Unit::Milliseconds,
        Some(TimeUnit::Microseconds) => Unit::Microseconds,
        Some(TimeUnit::Nanoseconds) => Unit::Nanoseconds,
    }
}
