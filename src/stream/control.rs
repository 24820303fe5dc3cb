//! What is in force, agreed on through the control topic: settings and profiles under a rising number.
//!
//! The topic has one partition and one writer at a time (the transactional id `<namespace>.control`), is compacted, and
//! no key is ever written twice: `layout`, `epoch/<n>`, `policy/<n>`, `profile/<hash>/<part>`,
//! `lost/<topic id>/<partition>/<offset>`.

use std::collections::BTreeMap;
use std::slice;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::batch::{IdHash, Lane};
use crate::epoch::{Epoch, Epochs, Policies, compile};
use crate::profile::Profile;
use crate::settings::{Kafka, Model, Performance, Policy, Settings};
use crate::stream::clients::{Clients, PATIENCE};
use crate::stream::error::{StreamError, chain};
use crate::stream::read::{Reading, is_passing, read_to_end};
use crate::stream::stop::Stop;
use crate::stream::topics::{Layout, describe, watermarks};
use crate::telemetry::Telemetry;

/// All that was ever put in force.
#[derive(Clone, Debug, Default)]
pub struct ControlLog {
    layout: Option<LayoutRecord>,
    epochs: BTreeMap<u64, EpochRecord>,
    policies: BTreeMap<u64, PolicyRecord>,
    profiles: BTreeMap<String, BTreeMap<usize, Vec<u8>>>,
    /// Up to where an operator gave lanes up.
    lost: BTreeMap<Lane, i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct LayoutRecord {
    tally_partitions: u32,
    join_partitions: u32,
    /// By which secret ids are hashed: what tells it from another.
    ids: String,
}

/// How ids are hashed under these settings.
pub(super) fn id_hash(kafka: &Kafka) -> IdHash {
    let secret = kafka.id_secret.as_ref();
    secret.map_or_else(IdHash::default, |secret| IdHash::by_secret(secret.expose()))
}

/// Settings that change figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct EpochRecord {
    hash: String,
    topics: Vec<String>,
    models: BTreeMap<String, ModelRecord>,
}

/// One model of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ModelRecord {
    /// Hash of the settings that change its figures.
    hash: String,
    /// In canonical form.
    settings: String,
    /// Hashes of its profiles by version.
    profiles: BTreeMap<String, String>,
}

/// Settings that change no figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PolicyRecord {
    hash: String,
    /// In canonical form.
    policy: String,
}

/// What became of settings that were to be put in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// They are in force from now on.
    New(u64),
    /// They were in force already.
    Unchanged(u64),
    /// They were in force once and were replaced: what replaced them stays.
    Superseded {
        /// The number that they had.
        was: u64,
        /// The number in force.
        now: u64,
    },
}

impl Applied {
    /// The number in force.
    pub fn in_force(self) -> u64 {
        match self {
            Self::New(number) | Self::Unchanged(number) | Self::Superseded { now: number, .. } => {
                number
            }
        }
    }
}

/// A profile's text is cut into parts of this size, to fit messages.
const PART: usize = 900_000;

/// Profiles by model and version.
pub type Profiles = BTreeMap<(String, String), Arc<Profile>>;

impl ControlLog {
    fn take(&mut self, key: &str, value: &[u8]) -> Result<(), StreamError> {
        let damaged = |error: serde_json::Error| {
            StreamError::Control(format!(
                "`{key}` cannot be read ({error}); was it written by another version?"
            ))
        };
        let mut words = key.split('/');
        match (words.next(), words.next(), words.next()) {
            (Some("layout"), None, None) => {
                self.layout = Some(serde_json::from_slice(value).map_err(damaged)?);
            }
            (Some("epoch"), Some(number), None) => {
                let record = serde_json::from_slice(value).map_err(damaged)?;
                if let Ok(number) = number.parse() {
                    self.epochs.insert(number, record);
                }
            }
            (Some("policy"), Some(number), None) => {
                let record = serde_json::from_slice(value).map_err(damaged)?;
                if let Ok(number) = number.parse() {
                    self.policies.insert(number, record);
                }
            }
            (Some("profile"), Some(hash), Some(part)) => {
                if let Ok(part) = part.parse() {
                    self.profiles.entry(hash.to_owned()).or_default().insert(part, value.to_vec());
                }
            }
            (Some("lost"), Some(topic), Some(partition)) => {
                let to = words.next().and_then(|to| to.parse().ok());
                if let (Ok(topic), Ok(partition), Some(to)) =
                    (u128::from_str_radix(topic, 16), partition.parse(), to)
                {
                    let known = self.lost.entry(Lane { topic, partition }).or_insert(to);
                    *known = to.max(*known);
                }
            }
            // Another version may keep other things here.
            _ => tracing::debug!(key, "control topic: a key that this version does not know"),
        }
        Ok(())
    }

    /// How the logs were laid out when they were made.
    pub fn layout(&self) -> Option<Layout> {
        self.layout
            .as_ref()
            .map(|record| Layout { tally: record.tally_partitions, join: record.join_partitions })
    }

    /// The number in force; 0 before the first.
    pub fn newest_epoch(&self) -> u64 {
        self.epochs.keys().next_back().copied().unwrap_or(0)
    }

    /// The policy in force; 0 before the first.
    pub fn newest_policy(&self) -> u64 {
        self.policies.keys().next_back().copied().unwrap_or(0)
    }

    /// The text of a profile that was ever put in force, by its hash.
    ///
    /// # Errors
    /// Where the topic does not hold it whole.
    pub fn profile_text(&self, hash: &str) -> Result<String, StreamError> {
        let missing = || StreamError::Control(format!("profile {hash} is not there"));
        let parts = self.profiles.get(hash).ok_or_else(missing)?;
        let bytes: Vec<u8> = parts.values().flatten().copied().collect();
        String::from_utf8(bytes).map_err(|_| missing())
    }

    /// Settings of a model that were ever in force, in canonical form, by their hash.
    pub fn settings_text(&self, hash: &str) -> Option<String> {
        let models = self.epochs.values().flat_map(|epoch| epoch.models.values());
        let mut found = models.filter(|model| model.hash == hash);
        found.next().map(|model| model.settings.clone())
    }

    /// Everything compiled.
    ///
    /// # Errors
    /// Settings or a profile on the topic that this version cannot read.
    pub fn compile(&self) -> Result<Epochs, StreamError> {
        let mut compiled = Epochs::default();
        let mut parsed: BTreeMap<&str, Arc<Profile>> = BTreeMap::new();
        let mut since: BTreeMap<&str, (u64, &ModelRecord)> = BTreeMap::new();
        for (&number, record) in &self.epochs {
            let mut epoch = Epoch { topics: record.topics.clone(), models: BTreeMap::new() };
            since.retain(|model, _| record.models.contains_key(*model));
            for (name, model) in &record.models {
                let began = match since.get(name.as_str()) {
                    Some(&(began, before)) if before == model => began,
                    _ => number,
                };
                since.insert(name, (began, model));
                let same = compiled
                    .epochs
                    .last_key_value()
                    .and_then(|(_, before): (_, &Arc<Epoch>)| before.models.get(name));
                if let Some(same) = same.filter(|same| same.since == began) {
                    epoch.models.insert(name.clone(), Arc::clone(same));
                    continue;
                }
                let mut profiles = BTreeMap::new();
                for (version, hash) in &model.profiles {
                    let profile = if let Some(profile) = parsed.get(hash.as_str()) {
                        Arc::clone(profile)
                    } else {
                        let profile = Arc::new(self.profile(hash)?);
                        parsed.insert(hash, Arc::clone(&profile));
                        profile
                    };
                    profiles.insert(version.clone(), profile);
                }
                let settings = Model::from_canonical(&model.settings).map_err(|error| {
                    StreamError::Control(format!(
                        "settings of model `{name}` in epoch {number}: {error}"
                    ))
                })?;
                let model = compile(&Arc::new(settings), &profiles, began)
                    .map_err(|error| StreamError::Control(format!("epoch {number}: {error}")))?;
                epoch.models.insert(name.clone(), Arc::new(model));
            }
            compiled.epochs.insert(number, Arc::new(epoch));
        }
        for (&number, record) in &self.policies {
            let policy = Policy::from_canonical(&record.policy)
                .map_err(|error| StreamError::Control(format!("policy {number}: {error}")))?;
            let alerts = policy
                .models
                .iter()
                .map(|(name, model)| (name.clone(), model.alerts.policy(true, model.currencies())))
                .collect();
            compiled.policies.insert(number, Arc::new(Policies { alerts }));
        }
        Ok(compiled)
    }

    fn profile(&self, hash: &str) -> Result<Profile, StreamError> {
        let text = self.profile_text(hash)?;
        Profile::from_text(hash, &text).map_err(|error| StreamError::Control(error.to_string()))
    }
}

/// Whether every profile can serve its model: what is written is there for ever, and must be understood by all.
fn can_serve(settings: &Settings, profiles: &Profiles) -> Result<(), StreamError> {
    for (name, model) in &settings.models {
        let of_model = profiles.iter().filter(|((of, _), _)| of == name);
        let of_model =
            of_model.map(|((_, version), profile)| (version.clone(), Arc::clone(profile)));
        compile(&Arc::new(model.clone()), &of_model.collect(), 0)?;
    }
    Ok(())
}

/// The settings that change figures, with their profiles, as an epoch.
fn epoch_of(settings: &Settings, profiles: &Profiles) -> EpochRecord {
    let models: BTreeMap<String, ModelRecord> = settings
        .models
        .iter()
        .map(|(name, model)| {
            let profiles = profiles
                .iter()
                .filter(|((of, _), _)| of == name)
                .map(|((_, version), profile)| (version.clone(), profile.hash()))
                .collect();
            let hash = format!("{:032x}", model.figures_hash());
            (name.clone(), ModelRecord { hash, settings: figures_of(model), profiles })
        })
        .collect();
    let topics = settings.kafka.topics.predictions.clone();
    let identity: Vec<(&String, &String, &BTreeMap<String, String>)> =
        models.iter().map(|(name, model)| (name, &model.hash, &model.profiles)).collect();
    let text = serde_json::to_vec(&(&topics, identity)).unwrap_or_default();
    EpochRecord { hash: format!("{:032x}", xxh3_128(&text)), topics, models }
}

/// A model's settings without what changes no figure, so that a change of policy alone leaves the epoch equal.
fn figures_of(model: &Model) -> String {
    let bare = Model::new(&model.name, model.problem);
    let figures = Model { alerts: bare.alerts, profile: None, ..model.clone() };
    let performance = Performance {
        currency: None,
        custom_currency: BTreeMap::new(),
        ..figures.performance.clone()
    };
    Model { performance, ..figures }.canonical()
}

/// Reads the control topic from its beginning to its end.
pub(super) fn read(clients: &Clients) -> Result<ControlLog, StreamError> {
    let mut log = ControlLog::default();
    let topic = clients.kafka().topic("control");
    read_to_end(clients, &topic, 0, Reading::Committed, |record| {
        let key = record.key.map(String::from_utf8_lossy);
        match (key, record.value) {
            (Some(key), Some(value)) => log.take(&key, value),
            _ => Ok(()),
        }
    })?;
    Ok(log)
}

/// All that was ever put in force.
///
/// # Errors
/// A cluster that does not answer.
pub fn control_log(clients: &Clients) -> Result<ControlLog, StreamError> {
    read(clients)
}

/// The layout of our own logs that was recorded when they were made; `None` before.
///
/// # Errors
/// Where the cluster does not answer.
pub fn recorded_layout(clients: &Clients) -> Result<Option<Layout>, StreamError> {
    let topic = clients.kafka().topic("control");
    if describe(clients, slice::from_ref(&topic))?.contains_key(&topic) {
        Ok(read(clients)?.layout())
    } else {
        Ok(None)
    }
}

/// Puts settings and profiles in force, if they never were; those that have been replaced only where `again` says so.
///
/// # Errors
/// Where a profile cannot serve its model: nothing is written then. Where the cluster refuses, or another instance does
/// the same at this moment: then try again.
pub fn apply(
    clients: &Clients,
    settings: &Settings,
    profiles: &Profiles,
    again: bool,
) -> Result<(Applied, Applied), StreamError> {
    let topic = clients.kafka().topic("control");
    let producer = clients.transactional("control")?;
    // Ends what a writer before us left open: from here on the log is ours.
    producer
        .init_transactions(PATIENCE)
        .map_err(StreamError::cluster("begin to write the control topic"))?;
    let log = read(clients)?;
    let epoch = epoch_of(settings, profiles);
    let policy = settings.policy();
    let mut records: Vec<(String, Vec<u8>)> = Vec::new();
    let ids = id_hash(&settings.kafka).fingerprint();
    if log.layout.as_ref().is_some_and(|layout| layout.ids != ids) {
        return Err(StreamError::Control(
            "ids were hashed by another secret than `kafka.id_secret` when this namespace began, and what waits could \
             not be found by it: put that one back, or begin a new `kafka.namespace`"
                .to_owned(),
        ));
    }
    if let Some(layout) = log.layout() {
        layout.holds(&settings.kafka)?;
    } else {
        let layout = LayoutRecord {
            tally_partitions: settings.kafka.tally_partitions,
            join_partitions: settings.kafka.join_partitions,
            ids,
        };
        records.push(("layout".to_owned(), json(&layout)));
    }
    let now = log.newest_epoch();
    let known =
        log.epochs.iter().rev().find(|(_, record)| record.hash == epoch.hash).map(|(&n, _)| n);
    let epoch_applied = match known {
        Some(number) if number == now => Applied::Unchanged(now),
        Some(was) if !again => Applied::Superseded { was, now },
        _ => {
            can_serve(settings, profiles)?;
            for profile in profiles.values() {
                let hash = profile.hash();
                if !log.profiles.contains_key(&hash) {
                    let text = profile.to_text();
                    for (part, bytes) in text.as_bytes().chunks(PART).enumerate() {
                        records.push((format!("profile/{hash}/{part}"), bytes.to_vec()));
                    }
                }
            }
            records.push((format!("epoch/{}", now + 1), json(&epoch)));
            Applied::New(now + 1)
        }
    };
    let hash = format!("{:032x}", policy.hash());
    let now = log.newest_policy();
    let known = log.policies.iter().rev().find(|(_, record)| record.hash == hash).map(|(&n, _)| n);
    let policy_applied = match known {
        Some(number) if number == now => Applied::Unchanged(now),
        Some(was) if !again => Applied::Superseded { was, now },
        _ => {
            let record = PolicyRecord { hash, policy: policy.canonical() };
            records.push((format!("policy/{}", now + 1), json(&record)));
            Applied::New(now + 1)
        }
    };
    if records.is_empty() {
        return Ok((epoch_applied, policy_applied));
    }
    let what = "write the control topic";
    producer.begin_transaction().map_err(StreamError::cluster(what))?;
    for (key, value) in &records {
        let record = BaseRecord::to(&topic).partition(0).key(key).payload(value);
        producer.send(record).map_err(|(error, _)| StreamError::cluster(what)(error))?;
    }
    producer.commit_transaction(PATIENCE * 3).map_err(StreamError::cluster(what))?;
    Ok((epoch_applied, policy_applied))
}

/// Has a lane go on at the first offset that is left, without those before it that nobody can read any more.
///
/// # Errors
/// A topic or partition that does not exist, a log of our own; where the cluster refuses.
pub fn give_up(clients: &Clients, topic: &str, partition: i32) -> Result<i64, StreamError> {
    let no_topic = || StreamError::NoTopic {
        topic: format!("{topic}/{partition}"),
        hint: "lanes are named topic/partition".to_owned(),
    };
    if ["tally", "join"].map(|log| clients.kafka().topic(log)).iter().any(|log| log == topic) {
        return Err(StreamError::Topic {
            topic: topic.to_owned(),
            found: "it is a log of vigie's own".to_owned(),
            wanted: "what is gone of it cannot be given up; begin a new `kafka.namespace`"
                .to_owned(),
        });
    }
    let described = describe(clients, &[topic.to_owned()])?;
    let found = described.get(topic).filter(|found| (0..found.partitions).contains(&partition));
    let found = found.ok_or_else(no_topic)?;
    let reader = clients.reader_with_end("control", true)?;
    let (first, _) = watermarks(&reader, topic, partition)?;
    let key = format!("lost/{:032x}/{partition}/{first}", found.id);
    let what = "write the control topic";
    let producer = clients.transactional("control")?;
    producer.init_transactions(PATIENCE).map_err(StreamError::cluster(what))?;
    producer.begin_transaction().map_err(StreamError::cluster(what))?;
    let log = clients.kafka().topic("control");
    let value = json(&first);
    let record = BaseRecord::to(&log).partition(0).key(&key).payload(&value);
    producer.send(record).map_err(|(error, _)| StreamError::cluster(what)(error))?;
    producer.commit_transaction(PATIENCE * 3).map_err(StreamError::cluster(what))?;
    Ok(first)
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    // Every map has strings for keys, and every number is finite.
    serde_json::to_vec(value).unwrap_or_default()
}

/// What is in force now, for every thread of an instance. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    shared: Arc<(Mutex<Now>, Condvar)>,
}

/// What is in force at a moment.
#[derive(Clone, Debug, Default)]
pub struct Now {
    /// All epochs and policies, compiled.
    pub epochs: Arc<Epochs>,
    /// The epoch for what is read next.
    pub epoch: u64,
    /// The policy for what is sent next.
    pub policy: u64,
    /// Up to where an operator gave lanes up.
    pub lost: Arc<BTreeMap<Lane, i64>>,
}

impl InForce {
    /// What is in force now.
    pub fn now(&self) -> Now {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, now: Now) {
        *self.shared.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
        self.shared.1.notify_all();
    }

    /// Waits until an epoch is known, but not for ever.
    pub(super) fn wait_for(&self, epoch: u64, patience: Duration) -> bool {
        let now = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = |now: &mut Now| !now.epochs.epochs.contains_key(&epoch);
        let (_now, waited) = self
            .shared
            .1
            .wait_timeout_while(now, patience, unknown)
            .unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }
}

/// Whether the cluster answers is asked so often.
const ASK: Duration = Duration::from_secs(5);
/// What readiness waits for while it does not.
const CLUSTER: &str = "cluster";

/// Follows the control topic until it is told to stop. What cannot be read is said and tried again. While the cluster gives
/// no answer, the instance is not ready.
pub(super) fn follow(clients: &Clients, in_force: &InForce, telemetry: &Telemetry, stop: &Stop) {
    while !stop.is_set() {
        if let Err(error) = follow_once(clients, in_force, telemetry, stop) {
            let error = chain(&error);
            tracing::warn!(error = &error, "following the control topic; trying again");
            telemetry.readiness().wait_for(CLUSTER, error);
            stop.wait(Duration::from_secs(1));
        }
    }
}

fn follow_once(
    clients: &Clients,
    in_force: &InForce,
    telemetry: &Telemetry,
    stop: &Stop,
) -> Result<(), StreamError> {
    let topic = clients.kafka().topic("control");
    let reader = clients.reader_with_end("control", true)?;
    let (first, _) = watermarks(&reader, &topic, 0)?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 0, Offset::Offset(first))
        .and_then(|()| reader.assign(&list))
        .map_err(StreamError::cluster("read the control topic"))?;
    let now = || telemetry.clock().running();
    let mut asked = now();
    let mut log = ControlLog::default();
    let mut seen = (0, 0);
    let mut given_up = BTreeMap::new();
    while !stop.is_set() {
        match reader.poll(Duration::from_millis(200)) {
            Some(Ok(record)) => {
                if let (Some(key), Some(value)) = (record.key(), record.payload()) {
                    log.take(&String::from_utf8_lossy(key), value)?;
                }
                continue;
            }
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) if is_passing(&error) => {}
            Some(Err(error)) => return Err(StreamError::cluster("read the control topic")(error)),
        }
        if now().saturating_sub(asked) >= ASK {
            match watermarks(&reader, &topic, 0) {
                Ok(_) => telemetry.readiness().done(CLUSTER),
                Err(error) => telemetry.readiness().wait_for(CLUSTER, chain(&error)),
            }
            asked = now();
        }
        let newest = (log.newest_epoch(), log.newest_policy());
        if newest != seen || log.lost != given_up {
            let epochs = Arc::new(log.compile()?);
            if newest != seen {
                tracing::info!(epoch = newest.0, policy = newest.1, "settings in force");
            }
            seen = newest;
            given_up.clone_from(&log.lost);
            let lost = Arc::new(log.lost.clone());
            in_force.set(Now { epochs, epoch: newest.0, policy: newest.1, lost });
        }
    }
    Ok(())
}
