//! A place in the file that checks point at, whether anything was typed there or not.

use crate::settings::tree::{Node, Place, Value, below};

/// A place that may or may not have been typed: what checks point at.
#[derive(Clone)]
pub(crate) struct At<'a> {
    node: Option<&'a Node>,
    place: Place,
}

impl<'a> At<'a> {
    /// The whole file.
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { place: node.place.clone(), node: Some(node) }
    }

    /// The settings of a model that no file names.
    pub(crate) fn nowhere(path: &str) -> Self {
        Self { node: None, place: Place { path: path.to_owned(), line: None } }
    }

    /// A key of the table here; its line is the table's where it was not typed.
    pub(crate) fn key(&self, key: &str) -> Self {
        match self.node.and_then(|node| node.get(key)) {
            Some(node) => Self::root(node),
            None => Self {
                node: None,
                place: Place { path: below(&self.place.path, key), line: self.place.line },
            },
        }
    }

    /// Several keys down.
    pub(crate) fn keys(&self, keys: &[&str]) -> Self {
        keys.iter().fold(self.clone(), |at, key| at.key(key))
    }

    /// An item of the list here; the place itself where it is no list, as with one text for a list of one.
    pub(crate) fn item(&self, index: usize) -> Self {
        match self.node.map(|node| &node.value) {
            Some(Value::List(nodes)) => nodes.get(index).map_or_else(|| self.clone(), Self::root),
            _ => self.clone(),
        }
    }

    /// Whether something was typed here, be it among the defaults.
    pub(crate) fn is_written(&self) -> bool {
        self.node.is_some()
    }

    /// Whether what stands here comes from `[defaults]`.
    pub(crate) fn is_inherited(&self) -> bool {
        self.node.is_some_and(|node| node.place.path.starts_with("defaults."))
    }

    /// Whether what stands here came, in part, from the environment.
    pub(crate) fn is_filled_in(&self) -> bool {
        matches!(self.node, Some(Node { value: Value::Text { typed, meant }, .. }) if typed != meant)
    }

    /// The dotted key.
    pub(crate) fn path(&self) -> &str {
        &self.place.path
    }

    /// The line, from 1.
    pub(crate) fn line(&self) -> Option<u32> {
        self.place.line
    }

    /// What messages call what stands here.
    pub(crate) fn found(&self) -> String {
        self.node.map_or_else(|| "nothing".to_owned(), Node::found)
    }
}
