//! Ground-truth events: which predictions they are of, and what turned out to be true.

use std::collections::BTreeMap;

use crate::batch::{IdHash, Label, Target};
use crate::epoch::Epoch;
use crate::intake::json::{Extractor, Limits, Plan as Paths, Read};
use crate::intake::reader::{ReaderError, slot, unit};
use crate::intake::record::RecordView;
use crate::intake::reject::{Found, Reason};
use crate::intake::slots::{Slot, Slots};
use crate::intake::timestamp::{Unit, event_time};
use crate::intake::version::number_label;
use crate::metric::Problem;
use crate::settings::{GroundTruth, Model as Settings};

/// Where the parts of an id lie.
#[derive(Clone, Debug)]
pub(super) struct Id {
    slots: Vec<usize>,
    path: Box<str>,
}

impl Id {
    pub(super) fn new(
        paths: &mut Paths,
        model: &str,
        parts: &[String],
    ) -> Result<Self, ReaderError> {
        let slots = parts.iter().map(|path| slot(paths, model, path, Read::Text));
        Ok(Self { slots: slots.collect::<Result<_, _>>()?, path: parts.join("`, `").into() })
    }

    /// The key of an event; `None` where a part of the id is missing.
    pub(super) fn key(&self, slots: &Slots, hash: &IdHash) -> Option<u128> {
        let part = |&slot: &usize| match slots.get(slot) {
            Slot::Text(text) => Some(text),
            _ => None,
        };
        // Mostly there is one part, and then nothing has to be gathered.
        if let [only] = self.slots.as_slice() {
            return Some(hash.key_of([part(only)?]));
        }
        Some(hash.key_of(self.slots.iter().map(part).collect::<Option<Vec<&str>>>()?))
    }
}

/// Reads the events of one topic that targets come by.
#[derive(Debug)]
pub(super) struct TruthReader {
    extractor: Extractor,
    slots: Slots,
    kinds: Vec<Kind>,
    /// Whether the topic has nothing else: then an event without a target is a bad one.
    only: bool,
}

/// How targets of some models are read: those that are found at the same places.
#[derive(Debug)]
struct Kind {
    id: Id,
    target: (usize, Box<str>),
    /// Whether targets are numbers, not classes.
    numbers: bool,
    time: Option<(usize, Unit, Box<str>)>,
    /// Where events name their model and version.
    model: Option<usize>,
    version: Option<usize>,
    models: Vec<String>,
    /// Whether these are all that wait for targets: then nobody has to be named.
    all: bool,
}

/// Where the parts of a model's ground-truth events lie: two models with the same are read at once.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Places<'s> {
    key: &'s [String],
    target: &'s str,
    numbers: bool,
    time: Option<(&'s str, Unit)>,
    model: Option<&'s str>,
    version: Option<&'s str>,
}

impl<'s> Places<'s> {
    fn of(settings: &'s Settings, truth: &'s GroundTruth) -> Self {
        let columns = &settings.columns;
        let time = truth.timestamp.as_ref();
        Self {
            key: truth.key.as_deref().unwrap_or(&columns.id),
            // The settings refuse ground truth that nobody says where to find.
            target: truth.target.as_deref().or(columns.target.as_deref()).unwrap_or_default(),
            numbers: settings.problem == Problem::Regression,
            time: time.map(|time| (time.path.as_str(), unit(time.unit))),
            model: columns.model.as_deref(),
            version: columns.version.as_deref(),
        }
    }
}

impl TruthReader {
    /// Readers of the topics that targets of an epoch's models come by.
    pub(super) fn of(epoch: &Epoch, limits: Limits) -> Result<BTreeMap<String, Self>, ReaderError> {
        let mut topics: BTreeMap<&str, BTreeMap<Places<'_>, Vec<String>>> = BTreeMap::new();
        let mut waiting = 0;
        for (name, model) in &epoch.models {
            let Some(truth) = &model.settings.ground_truth else { continue };
            waiting += 1;
            for topic in truth.topics.iter().flatten() {
                let places = Places::of(&model.settings, truth);
                let kinds = topics.entry(topic.as_str()).or_default();
                kinds.entry(places).or_default().push(name.clone());
            }
        }
        topics
            .into_iter()
            .map(|(topic, kinds)| {
                let mut paths = Paths::new(limits);
                let kinds = kinds
                    .into_iter()
                    .map(|(places, models)| Kind::new(&places, models, waiting, &mut paths))
                    .collect::<Result<_, _>>()?;
                let only = !epoch.topics.iter().any(|predictions| predictions == topic);
                let extractor = Extractor::new(paths);
                let reader = Self { extractor, slots: Slots::default(), kinds, only };
                Ok((topic.to_owned(), reader))
            })
            .collect()
    }

    /// Whether the topic has nothing but ground truth.
    pub(super) fn is_all(&self) -> bool {
        self.only
    }

    /// Reads one event; its targets go to `targets`.
    pub(super) fn read(
        &mut self,
        offset: i64,
        record: &RecordView<'_>,
        hash: &IdHash,
        targets: &mut Vec<Target>,
    ) -> Result<(), Reason> {
        self.extractor.extract(record, &mut self.slots)?;
        let mut wrong = None;
        let before = targets.len();
        for kind in &self.kinds {
            match kind.read(offset, &self.slots, hash, targets) {
                Ok(()) => {}
                Err(reason) => wrong = wrong.or(Some(reason)),
            }
        }
        match wrong {
            // An event may be of one of several kinds.
            Some(reason) if targets.len() == before => Err(reason),
            _ => Ok(()),
        }
    }
}

impl Kind {
    fn new(
        places: &Places<'_>,
        models: Vec<String>,
        waiting: usize,
        paths: &mut Paths,
    ) -> Result<Self, ReaderError> {
        let named = models.first().cloned().unwrap_or_default();
        let mut at = |path: &str, read| slot(paths, &named, path, read);
        let target = (at(places.target, Read::Value)?, places.target.into());
        let time = match places.time {
            Some((path, unit)) => Some((at(path, Read::Value)?, unit, path.into())),
            None => None,
        };
        let model = places.model.map(|path| at(path, Read::Text)).transpose()?;
        let version = places.version.map(|path| at(path, Read::Text)).transpose()?;
        let id = Id::new(paths, &named, places.key)?;
        let all = models.len() == waiting;
        let numbers = places.numbers;
        Ok(Self { id, target, numbers, time, model, version, models, all })
    }

    fn read(
        &self,
        offset: i64,
        slots: &Slots,
        hash: &IdHash,
        targets: &mut Vec<Target>,
    ) -> Result<(), Reason> {
        let (slot, path) = &self.target;
        let label = match slots.get(*slot) {
            Slot::Missing => return Err(Reason::MissingTarget { path: path.clone() }),
            Slot::Null => None,
            found @ (Slot::Text(_) | Slot::Bool(_) | Slot::Other(_) | Slot::Numbers(_))
                if self.numbers =>
            {
                return Err(Reason::WrongType {
                    path: path.clone(),
                    wanted: "a number",
                    found: Found::slot(found),
                });
            }
            Slot::Text(text) => Some(Label::from(text)),
            Slot::Bool(value) => Some(Label::from(if value { "true" } else { "false" })),
            Slot::Int(number) => Some(Label::from(itoa::Buffer::new().format(number))),
            Slot::Float(number) => Some(Label::from(&*number_label(number))),
            found @ (Slot::Other(_) | Slot::Numbers(_)) => {
                return Err(Reason::WrongType {
                    path: path.clone(),
                    wanted: "a text, a number, true or false",
                    found: Found::slot(found),
                });
            }
        };
        let Some(key) = self.id.key(slots, hash) else {
            return Err(Reason::MissingId { path: self.id.path.clone() });
        };
        let decided_at = match &self.time {
            None => i64::MIN,
            Some((slot, unit, path)) => match event_time(slots.get(*slot), *unit) {
                Ok(Some(time)) => time,
                Ok(None) => return Err(Reason::MissingTimestamp { path: path.clone() }),
                Err(why) => {
                    let found = Found::slot(slots.get(*slot));
                    return Err(Reason::BadTimestamp { path: path.clone(), found, why });
                }
            },
        };
        let text = |slot: Option<usize>| match slot.map(|slot| slots.get(slot)) {
            Some(Slot::Text(text)) => Some(text.to_owned()),
            _ => None,
        };
        let named = text(self.model);
        if let Some(name) = named.as_ref().filter(|name| !self.models.contains(name)) {
            return Err(Reason::UnknownModel { found: Found::text(name) });
        }
        let version = text(self.version);
        let target = |model: Option<String>| Target {
            key,
            offset,
            model,
            version: version.clone(),
            decided_at,
            label: label.clone(),
        };
        if named.is_some() || self.all {
            targets.push(target(named));
        } else {
            targets.extend(self.models.iter().map(|model| target(Some(model.clone()))));
        }
        Ok(())
    }
}
