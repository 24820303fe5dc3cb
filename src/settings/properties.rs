//! Properties of librdkafka: which may be set, and where their secrets come from.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Serialize;

use crate::settings::Outside;
use crate::settings::at::At;
use crate::settings::environment::is_name;
use crate::settings::mistake::Mistakes;
use crate::settings::secret::Secret;
use crate::settings::typed;

/// The value of a property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Property {
    /// It may be seen.
    Plain(String),
    /// It may not.
    Secret(Secret),
}

impl Property {
    /// The value itself, for librdkafka and nobody else.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }
}

/// Properties that vigie sets itself, and why; a name that ends in `*` stands for all that begin so.
static OURS: &[(&str, &str)] = &[
    ("bootstrap.servers", "write `kafka.bootstrap_servers`"),
    ("metadata.broker.list", "write `kafka.bootstrap_servers`"),
    ("group.id", "groups are named after `kafka.namespace`, so that all instances share the work"),
    ("group.instance.id", "write `service.instance`: a restart must find its partitions again"),
    ("group.protocol*", "assignment of partitions decides who may write results"),
    ("partition.assignment.strategy", "assignment of partitions decides who may write results"),
    (
        "enable.auto.commit",
        "offsets are committed with the results that they belong to, never by a timer",
    ),
    (
        "auto.commit.*",
        "offsets are committed with the results that they belong to, never by a timer",
    ),
    (
        "enable.auto.offset.store",
        "offsets are committed with the results that they belong to, never by a timer",
    ),
    (
        "offset.store.*",
        "offsets are committed with the results that they belong to, never by a timer",
    ),
    (
        "auto.offset.reset",
        "a hole in a topic must be an error, not a guess; for a first start write `kafka.topics.start`",
    ),
    (
        "topic.auto.offset.reset",
        "a hole in a topic must be an error, not a guess; for a first start write `kafka.topics.start`",
    ),
    ("isolation.level", "what was not committed must never be read"),
    (
        "transactional.id",
        "it belongs to a partition of the tally, so that a new owner shuts the old one out",
    ),
    ("transaction.timeout.ms", "it must outlast the slowest commit, which vigie knows"),
    ("enable.idempotence", "without it the broker may reorder or double what is sent again"),
    ("enable.gapless.guarantee", "vigie sends again itself, from the last committed offset"),
    ("acks", "a result counts only when all replicas have it"),
    ("request.required.acks", "a result counts only when all replicas have it"),
    ("max.in.flight*", "more requests in flight may change the order of records"),
    ("retries", "giving up early would lose records"),
    ("message.send.max.retries", "giving up early would lose records"),
    ("partitioner", "vigie chooses partitions itself, so that what belongs together meets"),
    ("enable.partition.eof", "vigie asks for the end of partitions itself"),
    ("allow.auto.create.topics", "topics need the right settings; write `kafka.topics.create`"),
    ("delivery.report.only.error", "what was delivered is what is committed"),
    ("plugin.library.paths", "it would load foreign code into the service"),
    ("test.mock.*", "a mock cluster loses what it is sent; `vigie demo` has one of its own"),
];

/// Parts of names whose values are secrets even where they are typed in the file.
const TELLING: [&str; 6] =
    ["password", "secret", ".pem", "oauthbearer.config", "token", "assertion.claim"];

/// A secret that vigie itself needs, wherever it lies.
pub(crate) fn secret(
    typed: typed::Property,
    outside: &Outside<'_>,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Option<Secret> {
    let mut reader = Reader { outside, mistakes, properties: BTreeMap::new() };
    let found = match typed {
        typed::Property::Text(text) => Some(Secret::new(text)),
        typed::Property::Table(table) if source(&table).is_some() => {
            let (source, place) = source(&table)?;
            match reader.secret(source, place, at)? {
                Property::Secret(secret) => Some(secret),
                Property::Plain(_) => None,
            }
        }
        _ => None,
    };
    // A short one could be found by trying.
    let found = found.filter(|secret| secret.expose().len() >= SHORTEST);
    if found.is_none() {
        mistakes.add_found(
            at,
            "what is no secret",
            "a text of at least 16 characters",
            "write `{ file = \"..\" }` or `{ env = \"..\" }`, and put a long random text there",
        );
    }
    found
}

/// Shorter secrets are none.
const SHORTEST: usize = 16;

/// Checks names and fetches secrets.
pub(crate) fn meant(
    typed: BTreeMap<String, typed::Property>,
    outside: &Outside<'_>,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> BTreeMap<String, Property> {
    let mut reader = Reader { outside, mistakes, properties: BTreeMap::new() };
    for (name, value) in typed {
        let at = at.key(&name);
        reader.read(name, value, &at);
    }
    reader.properties
}

struct Reader<'a> {
    outside: &'a Outside<'a>,
    mistakes: &'a mut Mistakes,
    properties: BTreeMap<String, Property>,
}

impl Reader<'_> {
    fn read(&mut self, name: String, value: typed::Property, at: &At<'_>) {
        let property = match value {
            typed::Property::Table(table) => {
                let Some((source, place)) = source(&table) else {
                    // `sasl.password = ".."` without quotes is a table in a table to TOML.
                    for (key, value) in table {
                        self.read(format!("{name}.{key}"), value, &at.key(&key));
                    }
                    return;
                };
                self.secret(source, place, at)
            }
            typed::Property::Text(text) if is_secret(&name, at) => {
                Some(Property::Secret(Secret::new(text)))
            }
            typed::Property::Text(text) => Some(Property::Plain(text)),
            typed::Property::Integer(number) => Some(Property::Plain(number.to_string())),
            typed::Property::Float(number) => Some(Property::Plain(number.to_string())),
            typed::Property::Boolean(switch) => Some(Property::Plain(switch.to_string())),
        };
        if let Some(why) = ours(&name) {
            self.mistakes.add_found(
                at,
                format!("`{name}`, which vigie sets itself"),
                "properties that leave delivery alone",
                format!("remove it: {why}"),
            );
            return;
        }
        let Some(property) = property else { return };
        match self.properties.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(property);
            }
            Entry::Occupied(entry) => self.mistakes.add_found(
                at,
                format!("`{}` a second time", entry.key()),
                "each only once",
                "remove one of the two",
            ),
        }
    }

    fn secret(&mut self, source: Source, place: &str, at: &At<'_>) -> Option<Property> {
        let text = match source {
            Source::Variable => {
                let value = (self.outside.variable)(place);
                if value.is_none() {
                    let found = if is_name(place) {
                        format!("the environment variable `{place}`, which is not set")
                    } else {
                        // It may well be the secret itself.
                        "what cannot be the name of an environment variable".to_owned()
                    };
                    let mend = "set it where vigie is started";
                    self.mistakes.add_found(at, found, "the name of one that is set", mend);
                }
                value?
            }
            Source::File => match (self.outside.file)(place) {
                Ok(text) => {
                    let line = text.strip_suffix('\n').unwrap_or(&text);
                    line.strip_suffix('\r').unwrap_or(line).to_owned()
                }
                Err(why) => {
                    self.mistakes.add_found(
                        at,
                        format!("the file `{place}`, which cannot be read ({why})"),
                        "a file that vigie can read",
                        "check the path and its rights",
                    );
                    return None;
                }
            },
        };
        Some(Property::Secret(Secret::new(text)))
    }
}

#[derive(Clone, Copy)]
enum Source {
    File,
    Variable,
}

fn source(table: &BTreeMap<String, typed::Property>) -> Option<(Source, &str)> {
    let mut entries = table.iter();
    match (entries.next(), entries.next()) {
        (Some((key, typed::Property::Text(place))), None) => match key.as_str() {
            "file" => Some((Source::File, place)),
            "env" => Some((Source::Variable, place)),
            _ => None,
        },
        _ => None,
    }
}

/// What came from outside, or has a telling name.
fn is_secret(name: &str, at: &At<'_>) -> bool {
    at.is_filled_in() || TELLING.iter().any(|part| name.contains(part))
}

fn ours(name: &str) -> Option<&'static str> {
    let name = name.trim();
    let is = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    };
    OURS.iter().find(|(pattern, _)| is(pattern)).map(|(_, why)| *why)
}
