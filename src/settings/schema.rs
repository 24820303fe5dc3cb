//! The JSON Schema of vigie.toml, made from the typed settings and their docs.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, json_schema};
use serde_json::{Value, json};

use crate::settings::canonical::sorted;
use crate::settings::typed;

/// The JSON Schema (draft 2020-12) of vigie.toml, for editors and other tools.
///
/// It knows shapes, names and ranges; what belongs together only [`Settings::read`](crate::settings::Settings::read)
/// knows.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(ForPeople);
    let schema = settings.into_generator().into_root_schema_for::<typed::File>();
    sorted(schema.as_value())
}

/// What schemars writes, without what TOML and people have no use for.
#[derive(Clone, Debug)]
struct ForPeople;

impl Transform for ForPeople {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        without_null(schema);
        if let Some(Value::String(text)) = schema.get_mut("description") {
            *text = unwrapped(text);
        }
        // A section's default is that of its keys, and stands there.
        let section = schema.get("$ref").is_some() || schema.get("additionalProperties").is_some();
        let empty = schema.get("default").is_some_and(|default| *default == json!({}));
        if section && schema.get("default").is_some_and(Value::is_object) || empty {
            schema.remove("default");
        }
        // Rust's names for sizes of numbers say nothing to others.
        if schema.get("type") != Some(&json!("string")) {
            schema.remove("format");
        }
    }
}

/// TOML has no null: a key is there or it is not.
fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| *choice != json!({ "type": "null" }));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                // A description of the key goes before that of its type.
                if schema.get(&key).is_none() {
                    schema.insert(key, value);
                }
            }
        }
    }
}

/// Joins the lines of a doc comment; paragraphs stay.
fn unwrapped(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|lines| lines.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// A schema that allows nothing else than the given names.
pub(crate) fn list_of<'a>(names: impl Iterator<Item = &'a str>) -> Schema {
    let names = names.collect::<Vec<_>>();
    json_schema!({ "type": "array", "items": { "type": "string", "enum": names } })
}
