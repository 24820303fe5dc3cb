//! What the values of JSON rows have in common.

use std::fmt;

use arrow::datatypes::{DataType, Field, Fields};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The type of a value as far as it has been seen. Fields stand in the order in which they first appeared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Shape {
    #[default]
    Missing,
    Boolean,
    Integer,
    Number,
    Text,
    List(Box<Self>),
    Object(Vec<(String, Self)>),
}

impl Shape {
    /// Arrow's type for it; what was never there has the type Null.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Missing => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::List(item) => DataType::new_list(item.data_type(), true),
            Self::Object(fields) => DataType::Struct(Self::fields(fields)),
        }
    }

    /// Arrow's fields for the fields of an object.
    pub(super) fn fields(fields: &[(String, Self)]) -> Fields {
        let fields = fields.iter().map(|(name, shape)| Field::new(name, shape.data_type(), true));
        fields.collect()
    }

    /// One more simple value. Numbers meet as doubles, other simple values as text.
    fn see<E: Error>(&mut self, new: Self) -> Result<(), E> {
        *self = match (&*self, new) {
            (Self::Missing, new) => new,
            (Self::List(_) | Self::Object(_), _) => return Err(mixed()),
            (old, new) if *old == new => new,
            (Self::Integer | Self::Number, Self::Integer | Self::Number) => Self::Number,
            _ => Self::Text,
        };
        Ok(())
    }
}

fn mixed<E: Error>() -> E {
    E::custom("a value is an object or list in one row and something else in another")
}

impl<'de> DeserializeSeed<'de> for &mut Shape {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Shape {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.see(Shape::Boolean)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.see(Shape::Integer)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.see(if i64::try_from(value).is_ok() { Shape::Integer } else { Shape::Number })
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.see(Shape::Number)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.see(Shape::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if *self == Shape::Missing {
            *self = Shape::List(Box::default());
        }
        let Shape::List(item) = self else {
            return Err(mixed());
        };
        while items.next_element_seed(&mut **item)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if *self == Shape::Missing {
            *self = Shape::Object(Vec::new());
        }
        let Shape::Object(fields) = self else {
            return Err(mixed());
        };
        // Rows mostly have their keys in one order, so the next one is looked for where it should stand.
        let mut expected = 0;
        while let Some(at) = entries.next_key_seed(Key { fields, expected })? {
            entries.next_value_seed(&mut fields[at].1)?;
            expected = at + 1;
        }
        Ok(())
    }
}

/// The place of a key among the fields, made where it is new.
struct Key<'a> {
    fields: &'a mut Vec<(String, Shape)>,
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<usize, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<usize, E> {
        if self.fields.get(self.expected).is_some_and(|(name, _)| name == key) {
            return Ok(self.expected);
        }
        let known = self.fields.iter().position(|(name, _)| name == key);
        Ok(known.unwrap_or_else(|| {
            self.fields.push((key.to_owned(), Shape::Missing));
            self.fields.len() - 1
        }))
    }
}
