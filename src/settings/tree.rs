//! The file as a tree whose every value knows where it was typed.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::settings::environment::{self, Dangling};
use crate::settings::mistake::{Mistake, Mistakes};

/// A value and its place.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// Where a value was typed.
#[derive(Clone)]
pub(crate) struct Place {
    /// The dotted key, quoted as TOML wants it.
    pub(crate) path: String,
    /// The line, from 1.
    pub(crate) line: Option<u32>,
}

/// A value of TOML, with references to the environment filled in.
#[derive(Clone)]
pub(crate) enum Value {
    Text {
        /// With `${NAME}` as it stands in the file: what messages may show.
        typed: String,
        /// What it stands for.
        meant: String,
    },
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Date(String),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

/// A step down the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// Reads TOML. Every mistake of the syntax is reported; what could be read is returned.
pub(crate) fn parse(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    mistakes: &mut Mistakes,
) -> Node {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        // Only the message: the error's own Display quotes the line, which may hold a password.
        let message = error.message().to_owned();
        let duplicate = message.contains("duplicate");
        mistakes.push(Mistake {
            path: String::new(),
            line: error.span().and_then(|span| lines.at(&span)),
            found: format!("broken TOML ({message})"),
            wanted: "valid TOML".to_owned(),
            mend: if duplicate { "keep one of the two" } else { "mend this line first" }.to_owned(),
        });
    }
    let place = Place { path: String::new(), line: None };
    let mut builder = Builder { lines, variable, mistakes };
    let value = builder.table(table.into_inner(), "");
    Node { value, place }
}

/// Turns TOML's own tree into ours.
struct Builder<'a> {
    lines: Lines,
    variable: &'a dyn Fn(&str) -> Option<String>,
    mistakes: &'a mut Mistakes,
}

impl Builder<'_> {
    fn table(&mut self, table: DeTable<'_>, path: &str) -> Value {
        let mut nodes = BTreeMap::new();
        for (key, value) in table {
            let line = self.lines.at(&key.span());
            let key = key.into_inner().into_owned();
            let place = Place { path: below(path, &key), line };
            if let Some(value) = self.value(value.into_inner(), &place) {
                nodes.insert(key, Node { value, place });
            }
        }
        Value::Table(nodes)
    }

    fn value(&mut self, value: DeValue<'_>, place: &Place) -> Option<Value> {
        Some(match value {
            DeValue::String(text) => self.text(text.into_owned(), place)?,
            DeValue::Integer(number) => {
                let read = i64::from_str_radix(number.as_str(), number.radix());
                if read.is_err() {
                    self.mistake(
                        place,
                        number.to_string(),
                        "a number of at most 64 bits",
                        "write a smaller one",
                    );
                }
                Value::Integer(read.ok()?)
            }
            // TOML's grammar has checked it.
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(switch) => Value::Boolean(switch),
            DeValue::Datetime(date) => Value::Date(date.to_string()),
            DeValue::Array(list) => {
                let mut nodes = Vec::new();
                for (index, item) in list.into_iter().enumerate() {
                    let line = self.lines.at(&item.span());
                    let place = Place { path: format!("{}[{index}]", place.path), line };
                    if let Some(value) = self.value(item.into_inner(), &place) {
                        nodes.push(Node { value, place });
                    }
                }
                Value::List(nodes)
            }
            DeValue::Table(table) => self.table(table, &place.path),
        })
    }

    fn text(&mut self, typed: String, place: &Place) -> Option<Value> {
        match environment::fill(&typed, self.variable) {
            Ok(filled) => {
                let meant = filled.unwrap_or_else(|| typed.clone());
                Some(Value::Text { typed, meant })
            }
            Err(Dangling::Unset(name)) => {
                self.mistake(
                    place,
                    format!("`${{{name}}}`, which is not set"),
                    "an environment variable that is set",
                    &format!("set `{name}`, or say what holds without it: `${{{name}:-text}}`"),
                );
                None
            }
            Err(Dangling::Unreadable) => {
                self.mistake(
                    place,
                    "a `${` without a name and a `}`".to_owned(),
                    "`${NAME}` or `${NAME:-text}`",
                    "for a plain `${` write `$${`",
                );
                None
            }
        }
    }

    fn mistake(&mut self, place: &Place, found: String, wanted: &str, mend: &str) {
        self.mistakes.push(Mistake {
            path: place.path.clone(),
            line: place.line,
            found: if is_hidden(&place.path) { "a value".to_owned() } else { found },
            wanted: wanted.to_owned(),
            mend: mend.to_owned(),
        });
    }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    fn at(&self, span: &Range<usize>) -> Option<u32> {
        u32::try_from(self.0.partition_point(|begin| *begin <= span.start) + 1).ok()
    }
}

/// The path of a key within a table, quoted as TOML wants it.
pub(crate) fn below(path: &str, key: &str) -> String {
    let bare = !key.is_empty()
        && key.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Whether values below this path are never shown.
fn is_hidden(path: &str) -> bool {
    path.starts_with("kafka.properties") || path.starts_with("notify")
}

impl Node {
    /// The node at a key, if this is a table that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(nodes) => nodes.get(key),
            _ => None,
        }
    }

    /// Takes out what lies at the end of a trail. Whether there was something.
    pub(crate) fn prune(&mut self, trail: &[Step]) -> bool {
        match (trail, &mut self.value) {
            ([Step::Key(key)], Value::Table(nodes)) => nodes.remove(key).is_some(),
            ([Step::Index(index)], Value::List(nodes)) if *index < nodes.len() => {
                nodes.remove(*index);
                true
            }
            ([Step::Key(key), rest @ ..], Value::Table(nodes)) => {
                nodes.get_mut(key).is_some_and(|node| node.prune(rest))
            }
            ([Step::Index(index), rest @ ..], Value::List(nodes)) => {
                nodes.get_mut(*index).is_some_and(|node| node.prune(rest))
            }
            _ => false,
        }
    }

    /// Lays a model over the defaults: sections are merged key by key, values are replaced as a whole.
    ///
    /// `alternatives` are keys of a section of which one excludes the others: naming one in the model takes the
    /// others' defaults away.
    pub(crate) fn inherit(&mut self, defaults: &Self, alternatives: &[(&str, &[&str])]) {
        let (Value::Table(own), Value::Table(inherited)) = (&mut self.value, &defaults.value)
        else {
            return;
        };
        for (key, default) in inherited {
            let Some(node) = own.get_mut(key) else {
                own.insert(key.clone(), default.clone());
                continue;
            };
            let (Value::Table(own), Value::Table(inherited)) = (&mut node.value, &default.value)
            else {
                continue;
            };
            let exclusive = alternatives.iter().find(|(section, _)| section == key);
            let exclusive = exclusive.map_or(&[][..], |(_, keys)| keys);
            let decided = exclusive.iter().any(|key| own.contains_key(*key));
            for (key, default) in inherited {
                if !(decided && exclusive.contains(&key.as_str())) {
                    own.entry(key.clone()).or_insert_with(|| default.clone());
                }
            }
        }
    }

    /// What messages call it.
    pub(crate) fn found(&self) -> String {
        let hidden = is_hidden(&self.place.path);
        match &self.value {
            Value::Text { .. } if hidden => "a text".to_owned(),
            Value::Integer(_) | Value::Float(_) if hidden => "a number".to_owned(),
            Value::Text { typed, .. } => format!("{typed:?}"),
            Value::Integer(number) => format!("`{number}`"),
            Value::Float(number) => format!("`{number:?}`"),
            Value::Boolean(switch) => format!("`{switch}`"),
            Value::Date(date) => format!("`{date}`"),
            Value::List(nodes) if nodes.is_empty() => "an empty list".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(nodes) if nodes.is_empty() => "an empty table".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}
