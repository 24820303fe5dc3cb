//! Tree -> typed settings, with every mistake of shape.
//!
//! serde stops at the first thing that it cannot take. So what it stumbled over is reported, taken out of the tree,
//! and the tree is read again, until nothing is left to stumble over: every key has a default, so nothing is missed
//! by being taken out.

use std::collections::btree_map;
use std::slice;

use serde::de::value::{StrDeserializer, StringDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::settings::fault::Fault;
use crate::settings::mistake::Mistakes;
use crate::settings::tree::{Node, Step, Value};
use crate::settings::typed::StartText;

/// Reads a tree; what has the wrong shape is reported and taken out of it.
pub(crate) fn read<T: DeserializeOwned + Default>(node: &mut Node, mistakes: &mut Mistakes) -> T {
    loop {
        let fault = match T::deserialize(&*node) {
            Ok(read) => return read,
            Err(fault) => fault,
        };
        let trail = fault.report(node, mistakes);
        if !node.prune(&trail) {
            return T::default();
        }
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Text { meant, .. } => visitor.visit_str(meant),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(switch) => visitor.visit_bool(*switch),
            Value::Date(_) => Err(Fault::invalid_type(Unexpected::Other("date"), &visitor)),
            Value::List(nodes) => visitor.visit_seq(List { nodes: nodes.iter(), index: 0 }),
            Value::Table(nodes) => visitor.visit_map(Table { nodes: nodes.iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.value {
            // TOML has dates of its own, and a time to start from may well be typed as one.
            Value::Date(date) if name == StartText::NAME => {
                visitor.visit_newtype_struct(StrDeserializer::new(date))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.value {
            Value::Text { meant, .. } => visitor.visit_enum(Word(meant)),
            _ => Err(Fault::invalid_type(Unexpected::Other("no text"), &"a text")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

struct List<'de> {
    nodes: slice::Iter<'de, Node>,
    index: usize,
}

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.nodes.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        seed.deserialize(node).map(Some).map_err(|fault| fault.below(Step::Index(index)))
    }
}

struct Table<'de> {
    nodes: btree_map::Iter<'de, String, Node>,
    value: Option<(&'de String, &'de Node)>,
}

impl<'de> MapAccess<'de> for Table<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.value = self.nodes.next();
        let Some((key, _)) = self.value else {
            return Ok(None);
        };
        let key: StringDeserializer<Fault> = key.clone().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, node) = self.value.take().expect("serde asks for a value after its key");
        seed.deserialize(node).map_err(|fault| fault.below(Step::Key(key.clone())))
    }
}

/// A word of a closed list.
struct Word<'de>(&'de str);

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let word: StrDeserializer<'_, Fault> = self.0.into_deserializer();
        Ok((seed.deserialize(word)?, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Fault> {
        Err(Fault::custom("a text"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(Fault::custom("a text"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fault> {
        Err(Fault::custom("a text"))
    }
}
