//! Why an event was turned away: a closed list, for counters and dead letters.
//!
//! Every reason has a [`Reason::name`] that never changes (a label of `vigie_dead_letters_total`) and a text for
//! people. What strangers sent stands in the text shortened by [`Found`], so a text stays short whatever came in.

use std::fmt;

use super::slots::{Nested, Slot};
use super::timestamp::TimestampError;

/// The most characters of a found thing that a text repeats.
const FOUND_CHARS: usize = 64;

/// Why an event was turned away.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Reason {
    /// The record has no value.
    #[error("the record has no value (a tombstone)")]
    Tombstone,
    /// The value has no bytes, or only white space.
    #[error("the value is empty")]
    Empty,
    /// The value is longer than allowed.
    #[error("the value has {bytes} bytes, more than the {limit} allowed")]
    Oversize {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The value is not JSON.
    #[error("not JSON at byte {at}: wanted {wanted}, found {found}")]
    NotJson {
        /// Where in the value, in bytes from 0.
        at: usize,
        /// What could have stood there.
        wanted: &'static str,
        /// What stands there.
        found: Found,
    },
    /// The value is the beginning of a JSON document.
    #[error("the JSON breaks off at byte {bytes}")]
    Truncated {
        /// How long the value is.
        bytes: usize,
    },
    /// The value is JSON, but not an object.
    #[error("an event is a JSON object, found {found}")]
    NotAnObject {
        /// What it is.
        found: Found,
    },
    /// Bytes, or an escape, that stand for no Unicode text.
    #[error("{place} is not UTF-8 at byte {at}")]
    InvalidUtf8 {
        /// What is not, such as `the value` or a path.
        place: Box<str>,
        /// Where, in bytes from the beginning of the place.
        at: usize,
    },
    /// Objects and arrays lie too deep within each other.
    #[error("objects and arrays are nested more than {limit} deep")]
    TooDeep {
        /// How deep they may be.
        limit: usize,
    },
    /// Too many keys in all objects of the event together.
    #[error("the event has more than {limit} keys")]
    TooManyKeys {
        /// How many it may have.
        limit: usize,
    },
    /// A key on the way to a column stands twice in its object, so its value is anybody's guess.
    #[error("`{path}` stands twice in the event")]
    DuplicateKey {
        /// The path of the key.
        path: Box<str>,
    },
    /// A number that no double can hold.
    #[error("`{path}` is {found}, beyond the largest number (1.8e308)")]
    NumberOutOfRange {
        /// The path of the number.
        path: Box<str>,
        /// The number as written.
        found: Found,
    },
    /// `NaN`, `Infinity` or `-Infinity`, which JSON does not have; `null` says "no value".
    #[error("`{found}` at byte {at} is no JSON; write `null` for a missing value")]
    Nan {
        /// Where in the value, in bytes from 0.
        at: usize,
        /// Which of the three.
        found: &'static str,
    },
    /// A value of another kind than its column.
    #[error("`{path}` is {found}, wanted {wanted}")]
    WrongType {
        /// The path of the value.
        path: Box<str>,
        /// What the column holds.
        wanted: &'static str,
        /// What was found.
        found: Found,
    },
    /// An event time that is none.
    #[error("`{path}` is {found}, {why}")]
    BadTimestamp {
        /// The path of the time.
        path: Box<str>,
        /// What was found.
        found: Found,
        /// What is wrong with it.
        why: TimestampError,
    },
    /// The event has no time.
    #[error("`{path}`, the event time, is missing")]
    MissingTimestamp {
        /// Where it was looked for.
        path: Box<str>,
    },
    /// The event names no model, or one that is not configured.
    #[error("no model is configured for {found}")]
    UnknownModel {
        /// The model that it names.
        found: Found,
    },
    /// The event names a version of its model that has no profile.
    #[error("model `{model}` has no profile for version {found}")]
    UnknownVersion {
        /// The model.
        model: Box<str>,
        /// The version that the event names.
        found: Found,
    },
    /// The event has no id.
    #[error("`{path}`, the id, is missing")]
    MissingId {
        /// Where it was looked for.
        path: Box<str>,
    },
    /// A ground-truth event without the target itself (a retracted target is `null`, not absent).
    #[error("`{path}`, the target, is missing")]
    MissingTarget {
        /// Where it was looked for.
        path: Box<str>,
    },
    /// A probability outside 0 to 1.
    #[error("`{path}` is {found}, not a probability (0 to 1)")]
    ProbabilityOutOfRange {
        /// The path of the probability.
        path: Box<str>,
        /// What was found.
        found: Found,
    },
    /// The probabilities of all classes do not add up to 1.
    #[error("the probabilities of the classes add up to {found}, not to 1")]
    ProbabilitiesNotWhole {
        /// What they add up to.
        found: Found,
    },
    /// A class that the profile does not know.
    #[error("`{path}` is {found}, a class that the profile does not know")]
    UnknownClass {
        /// The path of the class.
        path: Box<str>,
        /// What was found.
        found: Found,
    },
}

impl Reason {
    /// Every name that [`Self::name`] can give, sorted.
    pub const NAMES: [&'static str; 22] = [
        "bad_timestamp",
        "duplicate_key",
        "empty",
        "invalid_utf8",
        "missing_id",
        "missing_target",
        "missing_timestamp",
        "nan",
        "not_an_object",
        "not_json",
        "number_out_of_range",
        "oversize",
        "probabilities_not_whole",
        "probability_out_of_range",
        "tombstone",
        "too_deep",
        "too_many_keys",
        "truncated",
        "unknown_class",
        "unknown_model",
        "unknown_version",
        "wrong_type",
    ];

    /// The reason's stable name, for labels and dead letters.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Tombstone => "tombstone",
            Self::Empty => "empty",
            Self::Oversize { .. } => "oversize",
            Self::NotJson { .. } => "not_json",
            Self::Truncated { .. } => "truncated",
            Self::NotAnObject { .. } => "not_an_object",
            Self::InvalidUtf8 { .. } => "invalid_utf8",
            Self::TooDeep { .. } => "too_deep",
            Self::TooManyKeys { .. } => "too_many_keys",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::NumberOutOfRange { .. } => "number_out_of_range",
            Self::Nan { .. } => "nan",
            Self::WrongType { .. } => "wrong_type",
            Self::BadTimestamp { .. } => "bad_timestamp",
            Self::MissingTimestamp { .. } => "missing_timestamp",
            Self::UnknownModel { .. } => "unknown_model",
            Self::UnknownVersion { .. } => "unknown_version",
            Self::MissingId { .. } => "missing_id",
            Self::MissingTarget { .. } => "missing_target",
            Self::ProbabilityOutOfRange { .. } => "probability_out_of_range",
            Self::ProbabilitiesNotWhole { .. } => "probabilities_not_whole",
            Self::UnknownClass { .. } => "unknown_class",
        }
    }
}

/// A thing found in an event, as a text repeats it: at most 64 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found(Box<str>);

impl Found {
    /// Text that came with the event, in backticks.
    pub fn text(text: &str) -> Self {
        let cut = text.chars().nth(FOUND_CHARS).is_some();
        let kept = if cut { FOUND_CHARS - 1 } else { FOUND_CHARS };
        let mut shown = String::from("`");
        shown.extend(text.chars().take(kept).map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        shown.push_str(if cut { "…`" } else { "`" });
        Self(shown.into())
    }

    /// Bytes that may be no text, in backticks; what is no UTF-8 shows as `\u{fffd}`.
    pub fn bytes(bytes: &[u8]) -> Self {
        // A character has at most four bytes, so these suffice for what `text` keeps, and for it to see that it cut.
        let head = bytes.get(..4 * (FOUND_CHARS + 1)).unwrap_or(bytes);
        Self::text(&String::from_utf8_lossy(head))
    }

    /// A number, in backticks.
    pub fn number(number: f64) -> Self {
        Self::text(&number.to_string())
    }

    /// What a slot holds.
    pub fn slot(slot: Slot<'_>) -> Self {
        match slot {
            Slot::Missing => Self::words("missing"),
            Slot::Null => Self::words("null"),
            Slot::Bool(value) => Self::text(if value { "true" } else { "false" }),
            Slot::Int(number) => Self::text(&number.to_string()),
            Slot::Float(number) => Self::number(number),
            Slot::Text(text) => Self::text(text),
            Slot::Other(Nested::Object) => Self::words("an object"),
            Slot::Other(Nested::Array) | Slot::Numbers(_) => Self::words("an array"),
        }
    }

    /// Words of our own, such as `an array`.
    pub fn words(words: &'static str) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::{Found, Reason};
    use crate::intake::timestamp::TimestampError;

    fn one_of_each() -> Vec<Reason> {
        let path = || Box::<str>::from("request.x");
        let found = || Found::text("what was sent");
        vec![
            Reason::Tombstone,
            Reason::Empty,
            Reason::Oversize { bytes: 10_485_760, limit: 1_048_576 },
            Reason::NotJson { at: 7, wanted: "`,` or `}`", found: found() },
            Reason::Truncated { bytes: 200 },
            Reason::NotAnObject { found: Found::words("an array") },
            Reason::InvalidUtf8 { place: "the value".into(), at: 12 },
            Reason::TooDeep { limit: 64 },
            Reason::TooManyKeys { limit: 10_000 },
            Reason::DuplicateKey { path: path() },
            Reason::NumberOutOfRange { path: path(), found: Found::text("1e999") },
            Reason::Nan { at: 3, found: "NaN" },
            Reason::WrongType { path: path(), wanted: "a number", found: found() },
            Reason::BadTimestamp { path: path(), found: found(), why: TimestampError::NotATime },
            Reason::MissingTimestamp { path: path() },
            Reason::UnknownModel { found: found() },
            Reason::UnknownVersion { model: "car-loan".into(), found: found() },
            Reason::MissingId { path: path() },
            Reason::MissingTarget { path: path() },
            Reason::ProbabilityOutOfRange { path: path(), found: Found::number(1.25) },
            Reason::ProbabilitiesNotWhole { found: Found::number(1.25) },
            Reason::UnknownClass { path: path(), found: found() },
        ]
    }

    #[test]
    fn each_reason_has_its_own_name_and_the_list_is_complete() {
        let names: BTreeSet<&str> = one_of_each().iter().map(Reason::name).collect();
        assert!(names.iter().eq(&Reason::NAMES), "{names:?}");
        for name in names {
            assert!(name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'_' | b'8')), "{name}");
        }
    }

    #[test]
    fn texts_name_the_place_and_what_was_found() {
        let mut texts = String::new();
        for reason in one_of_each() {
            writeln!(texts, "{}: {reason}", reason.name()).unwrap();
        }
        assert_snapshot!(texts, @r#"
        tombstone: the record has no value (a tombstone)
        empty: the value is empty
        oversize: the value has 10485760 bytes, more than the 1048576 allowed
        not_json: not JSON at byte 7: wanted `,` or `}`, found `what was sent`
        truncated: the JSON breaks off at byte 200
        not_an_object: an event is a JSON object, found an array
        invalid_utf8: the value is not UTF-8 at byte 12
        too_deep: objects and arrays are nested more than 64 deep
        too_many_keys: the event has more than 10000 keys
        duplicate_key: `request.x` stands twice in the event
        number_out_of_range: `request.x` is `1e999`, beyond the largest number (1.8e308)
        nan: `NaN` at byte 3 is no JSON; write `null` for a missing value
        wrong_type: `request.x` is `what was sent`, wanted a number
        bad_timestamp: `request.x` is `what was sent`, not a time (RFC 3339, ISO 8601 or an epoch number)
        missing_timestamp: `request.x`, the event time, is missing
        unknown_model: no model is configured for `what was sent`
        unknown_version: model `car-loan` has no profile for version `what was sent`
        missing_id: `request.x`, the id, is missing
        missing_target: `request.x`, the target, is missing
        probability_out_of_range: `request.x` is `1.25`, not a probability (0 to 1)
        probabilities_not_whole: the probabilities of the classes add up to `1.25`, not to 1
        unknown_class: `request.x` is `what was sent`, a class that the profile does not know
        "#);
    }

    #[test]
    fn found_things_are_cut_to_64_characters() {
        let exact = "é".repeat(64);
        assert_eq!(Found::text(&exact).to_string(), format!("`{exact}`"));
        let cut = format!("`{}…`", "é".repeat(63));
        assert_eq!(Found::text(&"é".repeat(65)).to_string(), cut);
        assert_eq!(Found::bytes("é".repeat(1_000_000).as_bytes()).to_string(), cut);
        assert_eq!(Found::bytes(b"\x00\xffab\n").to_string(), "`\u{fffd}\u{fffd}ab\u{fffd}`");
        assert_eq!(Found::number(0.1).to_string(), "`0.1`");
        assert!(Found::number(1e300).to_string().chars().count() <= 66);
    }

    proptest! {
        #[test]
        fn nothing_found_makes_a_text_long(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let shown = Found::bytes(&bytes).to_string();
            prop_assert!(shown.chars().count() <= 66);
            prop_assert!(!shown.contains(char::is_control));
        }
    }
}
