//! The Kafka cluster that events come from and results go to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::settings::Outside;
use crate::settings::at::At;
use crate::settings::columns::unique;
use crate::settings::mistake::{Mistakes, suggest};
use crate::settings::properties::{self, Property};
use crate::settings::secret::Secret;
use crate::settings::typed;

/// The Kafka cluster that events come from and results go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kafka {
    /// `host:port`, several with commas between.
    pub bootstrap_servers: String,
    /// Prefix of our topics, groups and transactional ids.
    pub namespace: String,
    /// Partitions of the tally log and of the state, where they are made; at least 1.
    pub tally_partitions: u32,
    /// Partitions of the join log, where it is made; at least 1.
    pub join_partitions: u32,
    /// By which ids are hashed, where they must not be found out from our topics and files.
    pub id_secret: Option<Secret>,
    /// Names of topics.
    pub topics: Topics,
    /// Properties for librdkafka by name; none of them touches delivery.
    pub properties: BTreeMap<String, Property>,
}

/// Names of topics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Topics {
    /// With prediction events.
    pub predictions: Vec<String>,
    /// With ground-truth events, for models that name none themselves.
    pub ground_truth: Vec<String>,
    /// For window results.
    pub results: String,
    /// For alert events.
    pub alerts: String,
    /// For events that cannot be read.
    pub dead_letters: String,
    /// Where a partition begins that nobody has read yet.
    pub start: Start,
    /// Whether missing topics of our own are created.
    pub create: bool,
}

/// Where a partition begins that nobody has read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest record.
    Earliest,
    /// With what comes next.
    Latest,
    /// With the first record at or after this time.
    At(Timestamp),
}

impl Serialize for Start {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Earliest => serializer.serialize_str("earliest"),
            Self::Latest => serializer.serialize_str("latest"),
            Self::At(time) => serializer.collect_str(time),
        }
    }
}

/// Our own topics beside those that can be named.
const OWN: [&str; 4] = ["tally", "join", "state", "control"];

impl Kafka {
    /// One of our own topics by its short name: `<namespace>.tally`.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.namespace)
    }

    pub(crate) fn meant(
        typed: typed::Kafka,
        outside: &Outside<'_>,
        at: &At<'_>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let typed::Kafka {
            bootstrap_servers,
            namespace,
            tally_partitions,
            join_partitions,
            id_secret,
            topics,
            properties,
        } = typed;
        let id_secret = id_secret
            .and_then(|secret| properties::secret(secret, outside, &at.key("id_secret"), mistakes));
        for server in bootstrap_servers.split(',') {
            let port = server.rsplit_once(':').is_none_or(|(_, port)| {
                port.ends_with(']') || port.parse::<u16>().is_ok_and(|port| port > 0)
            });
            if server.trim().is_empty() || !port {
                mistakes.add(
                    &at.key("bootstrap_servers"),
                    "`host:port`, several with commas between",
                    "write for example \"kafka-1:9092,kafka-2:9092\"",
                );
                break;
            }
        }
        topic_name(&namespace, &at.key("namespace"), mistakes);
        for (key, partitions) in
            [("tally_partitions", tally_partitions), ("join_partitions", join_partitions)]
        {
            if !(1..=1024).contains(&partitions) {
                mistakes.add(
                    &at.key(key),
                    "a number from 1 to 1024",
                    "leave it out for 16, or write for example 4",
                );
            }
        }
        let topics = Topics::meant(topics, &namespace, &at.key("topics"), mistakes);
        let properties = properties::meant(properties, outside, &at.key("properties"), mistakes);
        Self {
            bootstrap_servers,
            namespace,
            tally_partitions,
            join_partitions,
            id_secret,
            topics,
            properties,
        }
    }
}

impl Topics {
    fn meant(typed: typed::Topics, namespace: &str, at: &At<'_>, mistakes: &mut Mistakes) -> Self {
        let named = |name: Option<String>, default: &str| {
            name.unwrap_or_else(|| format!("{namespace}.{default}"))
        };
        let topics = Self {
            predictions: typed.predictions,
            ground_truth: typed.ground_truth,
            results: named(typed.results, "results"),
            alerts: named(typed.alerts, "alerts"),
            dead_letters: named(typed.dead_letters, "dead-letters"),
            start: start(&typed.start.0, &at.key("start"), mistakes),
            create: typed.create,
        };
        topic_names(&topics.predictions, &at.key("predictions"), mistakes);
        topic_names(&topics.ground_truth, &at.key("ground_truth"), mistakes);
        if topics.predictions.is_empty() && !mistakes.within(&at.key("predictions")) {
            let mend = "name one, or remove the key";
            mistakes.add(&at.key("predictions"), "at least one topic", mend);
        }
        for (key, name) in [
            ("results", &topics.results),
            ("alerts", &topics.alerts),
            ("dead_letters", &topics.dead_letters),
        ] {
            if at.key(key).is_written() {
                topic_name(name, &at.key(key), mistakes);
            }
        }
        topics.each_for_one_purpose(namespace, at, mistakes);
        topics
    }

    /// A topic that we read and write would be a loop.
    fn each_for_one_purpose(&self, namespace: &str, at: &At<'_>, mistakes: &mut Mistakes) {
        let list = |key: &str, names: &[String]| {
            let at = at.key(key);
            let each = names.iter().enumerate();
            each.map(|(index, name)| (at.item(index), name.clone())).collect::<Vec<_>>()
        };
        let mut uses = vec![
            (at.key("results"), self.results.clone()),
            (at.key("alerts"), self.alerts.clone()),
            (at.key("dead_letters"), self.dead_letters.clone()),
        ];
        uses.extend(list("predictions", &self.predictions));
        uses.extend(list("ground_truth", &self.ground_truth));
        let own = OWN.map(|name| format!("{namespace}.{name}"));
        for (index, (place, name)) in uses.iter().enumerate() {
            let before = uses.iter().take(index).find(|(at, other)| {
                // Twice in one list is another mistake, which `unique` reports.
                other == name && list_of(at.path()) != list_of(place.path())
            });
            let purpose = before.map(|(at, _)| at.path().to_owned());
            let purpose = purpose
                .or_else(|| own.contains(name).then(|| "one of vigie's own topics".to_owned()));
            if let Some(purpose) = purpose {
                mistakes.add_found(
                    place,
                    format!("{name:?}, which is also {purpose}"),
                    "a topic for one purpose",
                    "name another topic",
                );
            }
        }
    }
}

/// The key without the position in its list.
fn list_of(path: &str) -> &str {
    path.split('[').next().unwrap_or(path)
}

fn start(text: &str, at: &At<'_>, mistakes: &mut Mistakes) -> Start {
    match text {
        "earliest" => Start::Earliest,
        "latest" => Start::Latest,
        time => time.parse().map_or_else(
            |_| {
                let mend = match suggest(time, ["earliest", "latest"]) {
                    mend if mend.starts_with("did") => mend,
                    _ => "write a time with its offset: \"2026-01-31T00:00:00Z\"".to_owned(),
                };
                mistakes.add(at, "\"earliest\", \"latest\" or a time (RFC 3339)", mend);
                Start::Earliest
            },
            Start::At,
        ),
    }
}

/// Names of topics, each once.
pub(crate) fn topic_names(names: &[String], at: &At<'_>, mistakes: &mut Mistakes) {
    for (index, name) in names.iter().enumerate() {
        topic_name(name, &at.item(index), mistakes);
    }
    unique(names, (0..).map(|index| at.item(index)), mistakes);
}

fn topic_name(name: &str, at: &At<'_>, mistakes: &mut Mistakes) {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 249 || !name.chars().all(legal) || matches!(name, "." | "..")
    {
        mistakes.add(
            at,
            "a name of letters, digits, `.`, `_` and `-`, at most 249 of them",
            "Kafka allows no other; patterns are not supported, so name each topic",
        );
    }
}
