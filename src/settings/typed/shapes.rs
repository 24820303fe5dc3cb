//! Shapes that several keys share: one or many, a text or a table, a duration.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// One text or a list of them.
#[derive(Clone, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them, in the order that they were typed in.
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMany, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany::Many)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

// Not read by serde's `untagged`: that loses which key within the table was wrong.
/// A text, or a table with more to say.
#[derive(Clone, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum TextOr<T, S = String> {
    Text(S),
    Table(T),
}

impl<'de, T: Deserialize<'de>, S: Deserialize<'de>> Deserialize<'de> for TextOr<T, S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T, S>(PhantomData<(T, S)>);
        impl<'de, T: Deserialize<'de>, S: Deserialize<'de>> Visitor<'de> for Any<T, S> {
            type Value = TextOr<T, S>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a table")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<TextOr<T, S>, E> {
                S::deserialize(StrDeserializer::new(text)).map(TextOr::Text)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextOr<T, S>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Table)
            }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}

/// A duration as it was typed.
#[derive(Clone, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct DurationText(
    #[schemars(regex(pattern = r"^\s*([0-9]+\s*(ms|s|min|m|h|d|w)\s*)+$|\$\{"))] pub(crate) String,
);

impl DurationText {
    /// That duration.
    pub(crate) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for DurationText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = DurationText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(DURATION)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<DurationText, E> {
                Ok(DurationText::of(text))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// What a duration looks like, in messages.
pub(crate) const DURATION: &str = "a duration such as \"90s\" or \"1h30m\"";
