//! The example file, made from the docs of the typed settings: every key, its meaning, its default.

use std::fmt::Write;

use serde::de::value::Error as ValueError;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use crate::settings::schema::schema;
use crate::settings::typed;

/// What stands at the top.
const HEAD: &str = "\
# Every setting of vigie, what it means and what holds where it is left out.
# Keys that begin with `#` are not set: where there is a default, it is what they show; else an example.
# This file is made from the documentation of the settings; edit a copy.
";

/// Whom to tell, at the end: there may be several.
const NOTIFY: &str = "
# Somebody who is told of alerts, beside the alert topic; there may be several. Each event is told at
# least once, in its order, and what cannot be told is tried again.
#[[notify]]

# What it is called: its place in the alert topic is kept under that name.
#name = \"chat\"

# \"webhook\" (the event as JSON), \"pagerduty\" (Events API v2), \"alertmanager\" (API v2) or \"slack\".
#to = \"slack\"

# Where it goes, as a text, `{ file = \"path\" }` or `{ env = \"NAME\" }`. Default for PagerDuty: its own address.
#url = \"https://hooks.slack.com/services/T/B/X\"

# What signs a webhook (HMAC-SHA256 of the body, in the header `x-vigie-signature`), PagerDuty's routing
# key, or a bearer token for Alertmanager, is set as `secret = { file = \"path\" }` or `{ env = \"NAME\" }`.

# From which severity on. Default: all.
#severity = \"warning\"

# Of which models. Default: all.
#models = []
";

/// Columns of a comment, with its `# `.
const WIDTH: usize = 100;

/// The example file `deploy/vigie.toml`: all keys with their docs, all but the model's problem commented out.
///
/// A line `#key = value` is a key that can be set by removing the `#`; prose has a space after it.
pub fn example() -> String {
    let schema = schema();
    let mut text = HEAD.to_owned();
    let model = "model.car-loan";
    for (section, keys) in [
        ("kafka", fields::<typed::Kafka>()),
        ("kafka.topics", fields::<typed::Topics>()),
        ("service", fields::<typed::Service>()),
        ("archive", fields::<typed::Archive>()),
        ("prometheus", fields::<typed::Prometheus>()),
        ("defaults", &[]),
        (model, fields::<typed::Model>()),
        ("model.car-loan.columns", fields::<typed::Columns>()),
        ("model.car-loan.window", fields::<typed::Window>()),
        ("model.car-loan.performance", fields::<typed::Performance>()),
        ("model.car-loan.performance.normalize", fields::<typed::Normalize>()),
        ("model.car-loan.drift", fields::<typed::Drift>()),
        ("model.car-loan.quality", fields::<typed::Quality>()),
        ("model.car-loan.alerts", fields::<typed::Alerts>()),
        ("model.car-loan.ground_truth", fields::<typed::GroundTruth>()),
    ] {
        write_section(&mut text, &schema, section, keys, section == model);
    }
    text + NOTIFY
}

fn write_section(text: &mut String, schema: &Value, section: &str, keys: &[&str], live: bool) {
    let described = find(schema, section);
    text.push('\n');
    // The defaults are of the type of a model, but have a meaning of their own.
    let own = schema.get("properties").and_then(|sections| sections.get("defaults"));
    let comment = own.filter(|_| section == "defaults").unwrap_or(described);
    write_comment(text, description(schema, comment));
    let mark = if live { "" } else { "#" };
    write_line(text, &format!("{mark}[{section}]"));
    for key in keys {
        let Some(property) = described.get("properties").and_then(|p| p.get(key)) else {
            continue;
        };
        let value = property.get("default").or_else(|| property.get("examples")?.get(0));
        // Sections of their own follow below.
        let Some(value) = value else { continue };
        text.push('\n');
        write_comment(text, description(schema, property));
        let live = live && *key == "problem";
        let mark = if live { "" } else { "#" };
        match value {
            Value::Object(entries) if *key != "silence" => {
                for (inner, value) in entries {
                    let inner = quoted(inner);
                    write_line(text, &format!("{mark}{key}.{inner} = {}", inline(value)));
                }
            }
            value => write_line(text, &format!("{mark}{key} = {}", inline(value))),
        }
    }
}

/// The schema of a section.
fn find<'a>(schema: &'a Value, section: &str) -> &'a Value {
    section.split('.').fold(schema, |at, key| {
        let properties = at.get("properties").and_then(|properties| properties.get(key));
        let below = properties.or_else(|| at.get("additionalProperties")).unwrap_or(&Value::Null);
        resolve(schema, below)
    })
}

fn resolve<'a>(schema: &'a Value, at: &'a Value) -> &'a Value {
    let reference = at.get("$ref").and_then(Value::as_str);
    reference.and_then(|reference| schema.pointer(reference.strip_prefix('#')?)).unwrap_or(at)
}

fn description<'a>(schema: &'a Value, at: &'a Value) -> &'a str {
    let own = at.get("description").or_else(|| resolve(schema, at).get("description"));
    own.and_then(Value::as_str).unwrap_or_default()
}

fn write_comment(text: &mut String, comment: &str) {
    for paragraph in comment.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        let mut line = String::from("#");
        for word in paragraph.split(' ') {
            if line.len() + 1 + word.len() > WIDTH {
                write_line(text, &line);
                line = String::from("#");
            }
            line.push(' ');
            line.push_str(word);
        }
        write_line(text, &line);
    }
}

fn write_line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ok = writeln!(text, "{line}");
}

fn quoted(key: &str) -> String {
    let bare =
        key.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    if bare { key.to_owned() } else { format!("{key:?}") }
}

/// A value on one line, as TOML.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Object(entries) => {
            let entries =
                entries.iter().map(|(key, value)| format!("{} = {}", quoted(key), inline(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        // Texts, numbers and switches are written alike in JSON and TOML.
        other => other.to_string(),
    }
}

/// The keys of a section in the order of its type, which JSON does not keep.
fn fields<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // Always an error: all that it wanted is to be told the names.
    let _told = T::deserialize(Names(&mut keys));
    keys
}

struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = ValueError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ValueError> {
        *self.0 = fields;
        Err(ValueError::custom("names only"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ValueError> {
        Err(ValueError::custom("names only"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
