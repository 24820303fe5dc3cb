//! `[kafka]` and `[service]`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

/// The Kafka cluster that events come from and results go to.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Kafka {
    /// Brokers to begin with, as `host:port`, several with commas between. Default: a broker on this machine, so
    /// that a first try needs no settings.
    pub(crate) bootstrap_servers: String,
    /// Prefix of vigie's own topics, consumer groups and transactional ids. Two installations on one cluster need
    /// two. Default: `vigie`.
    pub(crate) namespace: String,
    /// Partitions of the tally log and of the state, made with them and never changed: models are spread over them,
    /// and each partition is worked off by one thread of one instance. Default: 16, enough for some tens of millions
    /// of predictions a second.
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) tally_partitions: u32,
    /// Partitions of the join log, made with it and never changed: predictions and targets are spread over them by id,
    /// and each partition is worked off by one thread of one instance. Default: 16, enough for some millions of targets
    /// a second.
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) join_partitions: u32,
    /// A secret of this installation by which the ids of predictions are hashed, `{ file = "path" }` or
    /// `{ env = "NAME" }`, for ids that must not be found out from vigie's topics and files. It is the same for all
    /// instances and can never be changed. Default: none; ids are hashed all the same, but whoever guesses one can see
    /// whether it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = example_secret())]
    pub(crate) id_secret: Option<Property>,
    /// Names of topics.
    pub(crate) topics: Topics,
    /// Any property of librdkafka that cannot break what vigie promises about delivery: security, time-outs, sizes.
    /// A value may be `{ file = "path" }` or `{ env = "NAME" }`, which is how secrets stay out of this file.
    #[schemars(example = example_properties())]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) properties: BTreeMap<String, Property>,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            bootstrap_servers: "localhost:9092".to_owned(),
            namespace: "vigie".to_owned(),
            tally_partitions: 16,
            join_partitions: 16,
            id_secret: None,
            topics: Topics::default(),
            properties: BTreeMap::new(),
        }
    }
}

fn example_secret() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([("env", "VIGIE_ID_SECRET")])
}

fn example_properties() -> BTreeMap<&'static str, BTreeMap<&'static str, &'static str>> {
    BTreeMap::from([("sasl.password", BTreeMap::from([("file", "/run/secrets/kafka")]))])
}

/// Names of topics.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Topics {
    /// Topics with prediction events. Default: `predictions`.
    pub(crate) predictions: Vec<String>,
    /// Topics with ground-truth events, for models that name none themselves. Default:
    /// `ground-truth`.
    pub(crate) ground_truth: Vec<String>,
    /// Where window results go. Default: `<namespace>.results`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"vigie.results")]
    pub(crate) results: Option<String>,
    /// Where alert events go. Default: `<namespace>.alerts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"vigie.alerts")]
    pub(crate) alerts: Option<String>,
    /// Where events go that cannot be read. Default: `<namespace>.dead-letters`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"vigie.dead-letters")]
    pub(crate) dead_letters: Option<String>,
    /// Where a partition begins that nobody has read yet: `earliest`, `latest`, or a time (RFC 3339). It moves no
    /// partition that is known. Default: `earliest`, so that nothing is skipped without being asked for.
    pub(crate) start: StartText,
    /// Create missing topics of our own with the right settings; `false`: say which commands would. Default: `true`,
    /// so that a first start works.
    pub(crate) create: bool,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            predictions: vec!["predictions".to_owned()],
            ground_truth: vec!["ground-truth".to_owned()],
            results: None,
            alerts: None,
            dead_letters: None,
            start: StartText("earliest".to_owned()),
            create: true,
        }
    }
}

/// `earliest`, `latest` or a time; the reader also hands over a TOML date as its text.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename = "StartText")]
#[schemars(inline)]
pub(crate) struct StartText(pub(crate) String);

impl StartText {
    /// The name by which the reader knows this type.
    pub(crate) const NAME: &'static str = "StartText";
}

/// A property of librdkafka as it was typed.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Property {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// `{ file = ".." }`, `{ env = ".." }`, or what TOML makes of a dotted key without quotes.
    Table(BTreeMap<String, Self>),
}

impl JsonSchema for Property {
    fn schema_name() -> Cow<'static, str> {
        "Property".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A value, or where a secret is found.",
            "anyOf": [
                { "type": ["string", "number", "boolean"] },
                {
                    "type": "object",
                    "properties": { "file": { "description": "The value is what this file holds, without a line break at its end.", "type": "string" } },
                    "required": ["file"], "additionalProperties": false
                },
                {
                    "type": "object",
                    "properties": { "env": { "description": "The value is that of this environment variable.", "type": "string" } },
                    "required": ["env"], "additionalProperties": false
                },
                {
                    "description": "The first part of a dotted name that is not in quotes.",
                    "type": "object",
                    "not": { "anyOf": [{ "required": ["file"] }, { "required": ["env"] }] },
                    "additionalProperties": { "$ref": "#/$defs/Property" }
                }
            ]
        })
    }
}

impl<'de> Deserialize<'de> for Property {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Property;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a text, a number, true, false, `{ file = \"path\" }` or `{ env = \"NAME\" }`",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Property, E> {
                Ok(Property::Text(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Property, E> {
                Ok(Property::Integer(number))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Property, E> {
                Ok(Property::Float(number))
            }

            fn visit_bool<E: Error>(self, switch: bool) -> Result<Property, E> {
                Ok(Property::Boolean(switch))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Property, A::Error> {
                let mut table = BTreeMap::new();
                while let Some((key, value)) = map.next_entry()? {
                    table.insert(key, value);
                }
                Ok(Property::Table(table))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// This instance of the service.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Service {
    /// Where the page and `/metrics` listen; `--listen` overrides it. Default: this machine only, as the page has no
    /// login.
    pub(crate) listen: String,
    /// Folder for local files; `--data-dir` overrides it. All that lies there can be made again from Kafka. Default:
    /// `vigie-data` where the service is started.
    pub(crate) data_dir: String,
    /// Name of this instance, also its static membership in the consumer groups, so that a restart moves no
    /// partitions; two instances need two names. `--instance` overrides it. Default: the variable `HOSTNAME`, or
    /// else the machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"${HOSTNAME}")]
    pub(crate) instance: Option<String>,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9464".to_owned(),
            data_dir: "vigie-data".to_owned(),
            instance: None,
        }
    }
}
