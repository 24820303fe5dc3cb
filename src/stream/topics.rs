//! Our topics and those that we read: what they must be, making them, checking them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use xxhash_rust::xxh3::xxh3_128;

use crate::batch::Lane;
use crate::settings::Kafka;
use crate::stream::clients::{Clients, PATIENCE};
use crate::stream::error::StreamError;
use crate::stream::native::{Described, describe_topics, last_trouble};

/// A topic of ours, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// How many partitions it is made with.
    pub partitions: i32,
    /// Settings that it is made with; those marked are also checked.
    pub settings: Vec<Setting>,
}

/// A setting of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Why nothing works without it; `None` where another value is somebody's choice.
    pub needed: Option<&'static str>,
    /// Whether more is as good; -1 is without limit.
    pub at_least: bool,
}

impl Setting {
    /// Whether a value that was found will do.
    fn fits(&self, found: &str) -> bool {
        let number = |text: &str| text.parse::<i64>().ok();
        match (self.at_least, number(found), number(&self.value)) {
            (true, Some(found), Some(least)) => found < 0 || found >= least,
            _ => found == self.value,
        }
    }
}

/// How many partitions our logs have; recorded when they are made, and never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Partitions of the tally log and the state topic.
    pub tally: u32,
    /// Partitions of the join log.
    pub join: u32,
}

impl Layout {
    /// As the settings wish it, where nothing was recorded yet.
    pub fn wished(kafka: &Kafka) -> Self {
        Self { tally: kafka.tally_partitions, join: kafka.join_partitions }
    }

    /// Whether settings ask for what was recorded.
    ///
    /// # Errors
    /// Where they ask for another number of partitions: models and ids are spread over those that there are.
    pub fn holds(self, kafka: &Kafka) -> Result<(), StreamError> {
        let logs = [
            ("tally", "tally_partitions", kafka.tally_partitions, self.tally),
            ("join", "join_partitions", kafka.join_partitions, self.join),
        ];
        let Some((log, key, now, made)) = logs.into_iter().find(|(_, _, now, made)| now != made)
        else {
            return Ok(());
        };
        Err(StreamError::Topic {
            topic: kafka.topic(log),
            found: format!("`kafka.{key}` is {now}, but the log was made with {made}"),
            wanted: format!("the number stays: set it to {made}, or begin a new `kafka.namespace`"),
        })
    }
}

const DAY: u64 = 86_400_000;
/// How often topics that were made are looked for.
const SEEN_EVERY: Duration = Duration::from_millis(100);

/// The least that the join log is kept: without ground truth nothing in it is needed for long.
const JOIN_KEPT: Duration = Duration::from_hours(7 * 24);

/// All our topics; `wait` is how long predictions wait for their targets at most.
pub fn wanted(kafka: &Kafka, layout: Layout, wait: Duration) -> Vec<Wanted> {
    let set = |name, value: &str| Setting {
        name,
        value: value.to_owned(),
        needed: None,
        at_least: false,
    };
    let need = |name, value: &str, why| Setting { needed: Some(why), ..set(name, value) };
    let append_time = || {
        need(
            "message.timestamp.type",
            "LogAppendTime",
            "time in windows goes by when records were appended, never by a producer's clock",
        )
    };
    // A tenth longer than anything waits, so that what is rebuilt from it has all that still counts.
    let join_kept = JOIN_KEPT.max(wait + wait / 10 + Duration::from_hours(24)).as_millis();
    let keep = |days: u64| set("retention.ms", &(days * DAY).to_string());
    let large = || set("max.message.bytes", "10485760");
    let delete = || set("cleanup.policy", "delete");
    let compact =
        || need("cleanup.policy", "compact", "the newest value of every key must be kept for ever");
    let tally = i32::try_from(layout.tally).unwrap_or(i32::MAX);
    vec![
        Wanted {
            name: kafka.topic("tally"),
            partitions: tally,
            settings: vec![
                append_time(),
                need("cleanup.policy", "delete", "every record of the log counts"),
                keep(3),
                large(),
            ],
        },
        Wanted {
            name: kafka.topic("join"),
            partitions: i32::try_from(layout.join).unwrap_or(i32::MAX),
            settings: vec![
                append_time(),
                need("cleanup.policy", "delete", "every record of the log counts"),
                Setting {
                    at_least: true,
                    ..need(
                        "retention.ms",
                        &join_kept.to_string(),
                        "predictions wait so long for their targets, and what waits is made again from it",
                    )
                },
                large(),
            ],
        },
        Wanted {
            name: kafka.topic("state"),
            partitions: tally,
            settings: vec![compact(), large()],
        },
        Wanted { name: kafka.topic("control"), partitions: 1, settings: vec![compact(), large()] },
        Wanted {
            name: kafka.topics.results.clone(),
            partitions: 4,
            settings: vec![delete(), keep(366), large()],
        },
        Wanted {
            name: kafka.topics.alerts.clone(),
            partitions: 4,
            settings: vec![delete(), set("retention.ms", "-1"), large()],
        },
        Wanted {
            name: kafka.topics.dead_letters.clone(),
            partitions: 4,
            settings: vec![delete(), keep(30)],
        },
    ]
}

impl Wanted {
    /// The command that makes it, for people who may not let us.
    pub fn command(&self, servers: &str) -> String {
        let mut command = format!(
            "kafka-topics.sh --bootstrap-server {servers} --create --topic {} --partitions {}",
            self.name, self.partitions
        );
        for setting in &self.settings {
            let _ok = write!(command, " --config {}={}", setting.name, setting.value);
        }
        command
    }
}

/// Ids and partitions of topics; those that do not exist are left out.
pub(super) fn describe(
    clients: &Clients,
    topics: &[String],
) -> Result<BTreeMap<String, Described>, StreamError> {
    let admin = clients.admin()?;
    if clients.is_embedded() {
        return describe_embedded(&admin, topics);
    }
    let mut described = describe_topics(&admin, topics, PATIENCE).map_err(|source| {
        let names = topics.join(", ");
        let what = match last_trouble(&admin) {
            Some(trouble) => format!("describe topics {names}: {trouble}"),
            None => format!("describe topics {names}"),
        };
        StreamError::Cluster { what, source }
    })?;
    for (name, topic) in &mut described {
        // Brokers older than 2.8 know no ids: then the name has to do.
        if topic.id == 0 {
            topic.id = xxh3_128(name.as_bytes());
        }
    }
    Ok(described)
}

/// The same of the embedded broker, whose topics live as long as it does: their names are their ids.
fn describe_embedded(
    admin: &AdminClient<DefaultClientContext>,
    topics: &[String],
) -> Result<BTreeMap<String, Described>, StreamError> {
    let metadata = admin
        .inner()
        .fetch_metadata(None, PATIENCE)
        .map_err(StreamError::cluster("describe the embedded broker's topics"))?;
    let found =
        metadata.topics().iter().filter(|topic| topics.iter().any(|name| name == topic.name()));
    Ok(found
        .map(|topic| {
            let id = xxh3_128(topic.name().as_bytes());
            let partitions = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
            (topic.name().to_owned(), Described { id, partitions })
        })
        .collect())
}

/// Those of our topics that exist.
pub(super) fn describe_own(clients: &Clients) -> Result<BTreeMap<String, Described>, StreamError> {
    let names: Vec<String> = wanted(clients.kafka(), Layout { tally: 1, join: 1 }, Duration::ZERO)
        .into_iter()
        .map(|topic| topic.name)
        .collect();
    describe(clients, &names)
}

/// The lanes of topics.
///
/// # Errors
/// A cluster that does not answer.
pub fn lanes(
    clients: &Clients,
    topics: &[String],
) -> Result<Vec<(Lane, String, i32)>, StreamError> {
    let described = describe(clients, topics)?;
    let mut lanes = Vec::new();
    for (name, topic) in described {
        for partition in 0..topic.partitions {
            lanes.push((Lane { topic: topic.id, partition }, name.clone(), topic.partitions));
        }
    }
    Ok(lanes)
}

/// Makes the topics that do not exist.
///
/// # Errors
/// Where the cluster refuses, with the commands that would make them.
pub fn create(clients: &Clients, wanted: &[Wanted]) -> Result<Vec<String>, StreamError> {
    let admin = clients.admin()?;
    let brokers = admin
        .inner()
        .fetch_metadata(None, PATIENCE)
        .map_err(StreamError::cluster("ask the cluster for its brokers"))?
        .brokers()
        .len();
    // Three copies of which two must be written survive the loss of a broker; fewer brokers can do no better.
    let copies = brokers.clamp(1, 3);
    let in_sync = if copies == 3 { "2" } else { "1" };
    let new: Vec<NewTopic<'_>> = wanted
        .iter()
        .map(|topic| {
            let copies = TopicReplication::Fixed(i32::try_from(copies).unwrap_or(1));
            let mut new = NewTopic::new(&topic.name, topic.partitions, copies)
                .set("min.insync.replicas", in_sync)
                .set("unclean.leader.election.enable", "false");
            for setting in &topic.settings {
                new = new.set(setting.name, &setting.value);
            }
            new
        })
        .collect();
    let options =
        AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let answers = block_on(admin.create_topics(&new, &options))
        .map_err(StreamError::cluster("make topics"))?;
    let mut made = Vec::new();
    for answer in answers {
        match answer {
            Ok(name) => made.push(name),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                let servers = &clients.kafka().bootstrap_servers;
                let command = wanted.iter().find(|topic| topic.name == name);
                let command = command.map_or_else(String::new, |topic| topic.command(servers));
                return Err(StreamError::NoTopic {
                    topic: name,
                    hint: format!(
                        "the cluster refused to make it ({code}); make it by\n  {command}"
                    ),
                });
            }
        }
    }
    wait_until_seen(clients, wanted)?;
    Ok(made)
}

/// A broker answers before it has heard of a topic itself; whoever asks about it in this moment is told that there is
/// none.
fn wait_until_seen(clients: &Clients, wanted: &[Wanted]) -> Result<(), StreamError> {
    let names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
    for _ in 0..PATIENCE.as_millis() / SEEN_EVERY.as_millis() {
        let described = describe(clients, &names)?;
        if names.iter().all(|name| described.contains_key(name)) {
            return Ok(());
        }
        thread::sleep(SEEN_EVERY);
    }
    let unknown = KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition);
    Err(StreamError::cluster("see the topics that were made")(unknown))
}

/// What is wrong with our topics, and with those that we read (`read`, each with what it is read for and the setting that
/// names it); empty where all is well.
///
/// # Errors
/// A cluster that does not answer.
pub fn faults(
    clients: &Clients,
    wanted: &[Wanted],
    read: &[(String, String)],
) -> Result<Vec<StreamError>, StreamError> {
    let kafka = clients.kafka();
    let mut names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
    names.extend(read.iter().map(|(topic, _)| topic.clone()));
    let described = describe(clients, &names)?;
    let mut faults = Vec::new();
    for topic in wanted {
        let Some(found) = described.get(&topic.name) else {
            faults.push(StreamError::NoTopic {
                topic: topic.name.clone(),
                hint: format!(
                    "`vigie topics create` makes it, or\n  {}",
                    topic.command(&kafka.bootstrap_servers)
                ),
            });
            continue;
        };
        let fixed = topic.settings.iter().any(|setting| setting.needed.is_some());
        if fixed && found.partitions != topic.partitions {
            faults.push(StreamError::Topic {
                topic: topic.name.clone(),
                found: format!("{} partitions", found.partitions),
                wanted: format!(
                    "{} were recorded when it was made, and all is spread over them: put it back, or begin a new \
                     `kafka.namespace`",
                    topic.partitions
                ),
            });
        }
    }
    for (topic, hint) in read {
        if !described.contains_key(topic) {
            faults.push(StreamError::NoTopic { topic: topic.clone(), hint: hint.clone() });
        }
    }
    let existing: Vec<&String> =
        names.iter().filter(|name| described.contains_key(*name)).collect();
    let settings = read_settings(clients, &existing)?;
    for topic in wanted {
        let Some(found) = settings.get(&topic.name) else { continue };
        for setting in &topic.settings {
            let (Some(why), Some(value)) = (setting.needed, found.get(setting.name)) else {
                continue;
            };
            if !setting.fits(value) {
                faults.push(StreamError::Topic {
                    topic: topic.name.clone(),
                    found: format!("{} is {value}", setting.name),
                    wanted: format!(
                        "it must be {}{}, since {why}; mend it by\n  kafka-configs.sh --bootstrap-server {} --alter \
                         --entity-type topics --entity-name {} --add-config {}={}",
                        if setting.at_least { "at least " } else { "" },
                        setting.value,
                        kafka.bootstrap_servers,
                        topic.name,
                        setting.name,
                        setting.value
                    ),
                });
            }
        }
    }
    for topic in &kafka.topics.predictions {
        let policy = settings.get(topic).and_then(|found| found.get("cleanup.policy"));
        if policy.is_some_and(|policy| policy.contains("compact")) {
            faults.push(StreamError::Topic {
                topic: topic.clone(),
                found: "it is compacted".to_owned(),
                wanted: "predictions of one key would be dropped before they are counted: set cleanup.policy=delete"
                    .to_owned(),
            });
        }
    }
    Ok(faults)
}

fn read_settings(
    clients: &Clients,
    topics: &[&String],
) -> Result<BTreeMap<String, BTreeMap<String, String>>, StreamError> {
    if topics.is_empty() {
        return Ok(BTreeMap::new());
    }
    let admin = clients.admin()?;
    let resources: Vec<ResourceSpecifier<'_>> =
        topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let answers = block_on(admin.describe_configs(&resources, &options))
        .map_err(StreamError::cluster("ask for the settings of topics"))?;
    let mut settings = BTreeMap::new();
    for (topic, answer) in topics.iter().zip(answers) {
        // Without the right to ask there is nothing to hold against the topic.
        let Ok(found) = answer else { continue };
        let found = found
            .entries
            .into_iter()
            .filter_map(|entry| Some((entry.name, entry.value?)))
            .collect::<BTreeMap<String, String>>();
        settings.insert((*topic).clone(), found);
    }
    Ok(settings)
}

/// Where a partition begins that nobody has read yet, and what is there of it: first and next offset.
pub(super) fn watermarks<C: ConsumerContext>(
    reader: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
) -> Result<(i64, i64), StreamError> {
    reader
        .fetch_watermarks(topic, partition, PATIENCE)
        .map_err(StreamError::cluster(format!("ask for the ends of {topic}/{partition}")))
}
