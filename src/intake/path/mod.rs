//! Where in an event a column lies: `request.id`, `outputs[0].probability`, `$key`.

mod parse;

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

pub use self::parse::PathError;

/// A place in an event, written as in the settings.
///
/// | written | means |
/// | --- | --- |
/// | `request.id` | the key `id` of the object at the key `request` |
/// | `outputs[0].probability` | an element of an array, counted from 0 |
/// | `features."loan.amount"` | a key with `.`, `[`, `]`, `"` or a leading `$` or `*` in it, quoted; `\"` and `\\` inside |
/// | `features.*` | every key of `features`: only as the last step, see [`EventPath::under`] |
/// | `$key`, `$timestamp`, `$topic`, `$header.ce_id` | the record's own; a header's name is all that follows the point |
///
/// The order of paths is that of their steps; it has no meaning beyond being stable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventPath {
    /// The record's key, `$key`.
    Key,
    /// The record's timestamp, `$timestamp`: an epoch number in milliseconds.
    Timestamp,
    /// The record's topic, `$topic`.
    Topic,
    /// A header of the record, `$header.name`.
    Header(Box<str>),
    /// A place in the record's value: at least one step, the first of them not an index.
    Value(Vec<Step>),
}

/// One step of a path into the value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Into an object, by key.
    Key(Box<str>),
    /// Into an array, by position from 0.
    Index(usize),
    /// Every key of an object; always the last step.
    Every,
}

impl EventPath {
    /// Whether the path stands for many: its last step is `*`.
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::Value(steps) if steps.last() == Some(&Step::Every))
    }

    /// The path of one key that a wildcard stands for: `features.*` with `age` is `features.age`.
    ///
    /// `None` where the path is no wildcard.
    #[must_use]
    pub fn under(&self, key: &str) -> Option<Self> {
        let Self::Value(steps) = self else {
            return None;
        };
        let (Step::Every, parents) = steps.split_last()? else {
            return None;
        };
        let mut steps = parents.to_vec();
        steps.push(Step::Key(key.into()));
        Some(Self::Value(steps))
    }

    /// The last key on the path, the natural name of its column: `age` for `features.age` and `features.age[0]`.
    ///
    /// `None` for wildcards of the whole event and for the record's own parts, except headers.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Header(name) => Some(name),
            Self::Value(steps) => steps.iter().rev().find_map(|step| match step {
                Step::Key(key) => Some(&**key),
                Step::Index(_) | Step::Every => None,
            }),
            Self::Key | Self::Timestamp | Self::Topic => None,
        }
    }
}

impl fmt::Display for EventPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = match self {
            Self::Key => return f.write_str("$key"),
            Self::Timestamp => return f.write_str("$timestamp"),
            Self::Topic => return f.write_str("$topic"),
            Self::Header(name) => {
                f.write_str("$header.")?;
                let bare = !name.is_empty() && name.trim() == &**name && !name.starts_with('"');
                return if bare { f.write_str(name) } else { quote(f, name) };
            }
            Self::Value(steps) => steps,
        };
        for (position, step) in steps.iter().enumerate() {
            if position > 0 && !matches!(step, Step::Index(_)) {
                f.write_str(".")?;
            }
            match step {
                Step::Every => f.write_str("*")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let bare = !key.is_empty()
                        && key.trim() == &**key
                        && !key.starts_with(['$', '*'])
                        && !key.contains(['.', '[', ']', '"']);
                    if bare { f.write_str(key) } else { quote(f, key) }?;
                }
            }
        }
        Ok(())
    }
}

fn quote(f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
    write!(f, "\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Serialize for EventPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::{EventPath, Step};

    fn path(text: &str) -> EventPath {
        text.parse().unwrap()
    }

    fn key(text: &str) -> Step {
        Step::Key(text.into())
    }

    #[test]
    fn paths_read_as_steps() {
        let value = |steps: &[Step]| EventPath::Value(steps.to_vec());
        for (text, steps) in [
            ("id", value(&[key("id")])),
            ("loan amount", value(&[key("loan amount")])),
            ("request.id", value(&[key("request"), key("id")])),
            (
                "outputs[0].probability",
                value(&[key("outputs"), Step::Index(0), key("probability")]),
            ),
            ("a[0][12]", value(&[key("a"), Step::Index(0), Step::Index(12)])),
            ("a.\"b.c\"", value(&[key("a"), key("b.c")])),
            ("\"$key\"", value(&[key("$key")])),
            ("\"a\\\"b\\\\\"[1]", value(&[key("a\"b\\"), Step::Index(1)])),
            ("\"\"", value(&[key("")])),
            ("features.*", value(&[key("features"), Step::Every])),
            ("a[2].*", value(&[key("a"), Step::Index(2), Step::Every])),
            ("*", value(&[Step::Every])),
            ("price*rate", value(&[key("price*rate")])),
            ("âge.größe", value(&[key("âge"), key("größe")])),
            ("$key", EventPath::Key),
            ("$timestamp", EventPath::Timestamp),
            ("$topic", EventPath::Topic),
            ("$header.ce_id", EventPath::Header("ce_id".into())),
            ("$header.x.y", EventPath::Header("x.y".into())),
            ("$header.\" x\"", EventPath::Header(" x".into())),
        ] {
            assert_eq!(path(text), steps, "{text}");
            assert_eq!(path(text).to_string(), text);
        }
    }

    #[test]
    fn errors_name_the_place_and_the_way_out() {
        let mut texts = String::new();
        for text in [
            "",
            ".",
            "a..b",
            "a.",
            ".a",
            "$",
            "$keys",
            "$header",
            "$header.",
            "a.$b",
            "a]b",
            "a\"b",
            "\"a",
            "\"a\\n\"",
            "\"a\"b",
            "a[",
            "a[x]",
            "a[-1]",
            "a[]",
            "a[0]b",
            "[0].a",
            "*.a",
            "a.*.b",
            "a.*[0]",
            "a.*b",
            " a",
            "a .b",
            "$header. x",
            "a[99999999999999999999]",
        ] {
            let error = text.parse::<EventPath>().unwrap_err();
            writeln!(texts, "{error}").unwrap();
        }
        assert_snapshot!(texts, @r#"
        a path is empty; write a key such as `request.id`, or `$key`
        path `.`: no key at character 1; a key that is really empty is written `""`
        path `a..b`: no key at character 3; a key that is really empty is written `""`
        path `a.`: no key at character 3; a key that is really empty is written `""`
        path `.a`: no key at character 1; a key that is really empty is written `""`
        path `$`: the record has no `$`; it has `$key`, `$timestamp`, `$topic` and `$header.<name>` (a key of the event that begins with `$` is quoted: `"$"`)
        path `$keys`: the record has no `$keys`; it has `$key`, `$timestamp`, `$topic` and `$header.<name>` (a key of the event that begins with `$` is quoted: `"$keys"`)
        path `$header`: the record has no `$header`; it has `$key`, `$timestamp`, `$topic` and `$header.<name>` (a key of the event that begins with `$` is quoted: `"$header"`)
        path `$header.`: no key at character 9; a key that is really empty is written `""`
        path `a.$b`: unexpected `$` at character 3; a `.` parts two steps, and a key with such characters in it is quoted, as in `a."b.c"`
        path `a]b`: unexpected `]` at character 2; a `.` parts two steps, and a key with such characters in it is quoted, as in `a."b.c"`
        path `a"b`: unexpected `"` at character 2; a `.` parts two steps, and a key with such characters in it is quoted, as in `a."b.c"`
        path `"a`: the quoted key at character 1 does not end; inside quotes write `\"` for a quote and `\\` for a backslash
        path `"a\n"`: the quoted key at character 1 does not end; inside quotes write `\"` for a quote and `\\` for a backslash
        path `"a"b`: unexpected `b` at character 4; a `.` parts two steps, and a key with such characters in it is quoted, as in `a."b.c"`
        path `a[`: the brackets at character 2 hold no position; write `[0]` for the first element
        path `a[x]`: the brackets at character 2 hold no position; write `[0]` for the first element
        path `a[-1]`: the brackets at character 2 hold no position; write `[0]` for the first element
        path `a[]`: the brackets at character 2 hold no position; write `[0]` for the first element
        path `a[0]b`: unexpected `b` at character 5; a `.` parts two steps, and a key with such characters in it is quoted, as in `a."b.c"`
        path `[0].a` begins with an index; an event is an object, so begin with a key
        path `*.a`: `*` at character 1 is not the last step; it stands for every key of one object
        path `a.*.b`: `*` at character 3 is not the last step; it stands for every key of one object
        path `a.*[0]`: `*` at character 3 is not the last step; it stands for every key of one object
        path `a.*b`: unexpected `*` at character 3; a `.` parts two steps, and a key with such characters in it is quoted, as in `a."b.c"`
        path ` a`: space at character 1 beside a key; leave it out, or quote the key if it belongs to it
        path `a .b`: space at character 1 beside a key; leave it out, or quote the key if it belongs to it
        path `$header. x`: space at character 9 beside a key; leave it out, or quote the key if it belongs to it
        path `a[99999999999999999999]`: the brackets at character 2 hold no position; write `[0]` for the first element
        "#);
    }

    #[test]
    fn a_wildcard_gives_the_paths_it_stands_for() {
        assert!(path("features.*").is_wildcard());
        assert!(!path("features").is_wildcard());
        assert_eq!(path("features.*").under("a.b"), Some(path("features.\"a.b\"")));
        assert_eq!(path("*").under("age"), Some(path("age")));
        assert_eq!(path("features").under("age"), None);
        assert_eq!(path("$key").under("age"), None);
    }

    #[test]
    fn a_path_is_named_by_its_last_key() {
        assert_eq!(path("features.age").name(), Some("age"));
        assert_eq!(path("outputs[0]").name(), Some("outputs"));
        assert_eq!(path("$header.ce_id").name(), Some("ce_id"));
        assert_eq!(path("*").name(), None);
        assert_eq!(path("$key").name(), None);
    }

    #[test]
    fn settings_hold_paths_as_text() {
        let paths: Vec<EventPath> = serde_json::from_str(r#"["a.b", "$key"]"#).unwrap();
        assert_eq!(paths, [path("a.b"), EventPath::Key]);
        assert_eq!(serde_json::to_string(&paths).unwrap(), r#"["a.b","$key"]"#);
        let error = serde_json::from_str::<EventPath>("\"a..b\"").unwrap_err();
        assert!(error.to_string().contains("no key at character 3"), "{error}");
    }

    fn any_path() -> impl Strategy<Value = EventPath> {
        let odd = prop_oneof!["[a-c .$*\\[\\]\"\\\\]{0,4}", any::<String>()];
        let step = prop_oneof![
            3 => odd.clone().prop_map(|text| key(&text)),
            1 => any::<usize>().prop_map(Step::Index)
        ];
        let value = (odd.clone(), prop::collection::vec(step, 0..4), any::<bool>()).prop_map(
            |(first, rest, every)| {
                let mut steps = vec![key(&first)];
                steps.extend(rest);
                steps.extend(every.then_some(Step::Every));
                EventPath::Value(steps)
            },
        );
        prop_oneof![
            8 => value,
            2 => odd.prop_map(|name| EventPath::Header(name.into())),
            1 => Just(EventPath::Key),
            1 => Just(EventPath::Value(vec![Step::Every])),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(path in any_path()) {
            prop_assert_eq!(path.to_string().parse::<EventPath>(), Ok(path));
        }

        #[test]
        fn any_text_is_a_path_or_an_error(text in any::<String>()) {
            if let Ok(path) = text.parse::<EventPath>() {
                prop_assert_eq!(path.to_string().parse::<EventPath>(), Ok(path));
            }
        }
    }
}
