//! What serde stumbled over, as a mistake that a person can mend.

use std::fmt::Display;

use serde::de::{Error, Expected, Unexpected};

use crate::metric::Metric;
use crate::settings::at::At;
use crate::settings::mistake::{Mistakes, nearest, suggest};
use crate::settings::tree::{Node, Step};

/// What serde stumbled over.
#[derive(Debug, thiserror::Error)]
#[error("{stumble:?}")]
pub(crate) struct Fault {
    stumble: Stumble,
    /// From the inside out.
    trail: Vec<Step>,
}

/// How.
#[derive(Debug)]
enum Stumble {
    /// A key that the table does not have.
    Key { key: String, known: &'static [&'static str] },
    /// A word that is not one of the choices.
    Word { known: &'static [&'static str] },
    /// A key that the table must have.
    Missing { key: &'static str },
    /// Something else than what is wanted.
    Shape { wanted: String },
}

impl Fault {
    fn new(stumble: Stumble) -> Self {
        Self { stumble, trail: Vec::new() }
    }

    /// One step further out.
    pub(crate) fn below(mut self, step: Step) -> Self {
        self.trail.push(step);
        self
    }

    /// Reports it; the trail to what must be taken out.
    pub(crate) fn report(mut self, root: &Node, mistakes: &mut Mistakes) -> Vec<Step> {
        self.trail.reverse();
        if let Stumble::Key { key, .. } = &self.stumble {
            self.trail.push(Step::Key(key.clone()));
        }
        let at = self.trail.iter().fold(At::root(root), |at, step| match step {
            Step::Key(key) => at.key(key),
            Step::Index(index) => at.item(*index),
        });
        match &self.stumble {
            Stumble::Key { key, known } => {
                let quoted =
                    known.contains(&"standard_deviations") && Metric::from_name(key).is_some();
                let mend = if quoted && nearest(key, known.iter().copied()).is_none() {
                    format!("put the whole name in quotes: `\"column.{key}\"`")
                } else {
                    suggest(key, known.iter().copied())
                };
                mistakes.add_found(&at, "an unknown key", "a key that this section has", mend);
            }
            Stumble::Word { known } => {
                let words = known.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>();
                let found = at.found();
                let nearest = nearest(found.trim_matches('"'), known.iter().copied());
                let mend = nearest.map_or_else(
                    || "choose one of them".to_owned(),
                    |word| format!("did you mean {word:?}?"),
                );
                let wanted = match words.as_slice() {
                    // A lone word always stands beside a table.
                    [only] => format!("{only} or a table"),
                    words => format!("one of {}", words.join(", ")),
                };
                mistakes.add(&at, wanted, mend);
            }
            Stumble::Missing { key } => {
                let (found, wanted) =
                    (format!("a table without `{key}`"), format!("`{key}` in it"));
                mistakes.add_found(&at, found, wanted, format!("add `{key} = ..`"));
            }
            Stumble::Shape { wanted } => {
                let mend = mend_shape(&at.found(), wanted);
                mistakes.add(&at, wanted.clone(), mend);
            }
        }
        self.trail
    }
}

/// How one shape becomes another.
fn mend_shape(found: &str, wanted: &str) -> String {
    let (text, number) = (found.starts_with('"'), found.starts_with('`'));
    let plain = found.trim_matches(['"', '`']);
    if wanted.contains("duration") {
        "write a number and a unit in quotes: ms, s, m (or min), h, d, w".to_owned()
    } else if wanted.contains("number") && text {
        "write a number, without quotes".to_owned()
    } else if wanted.starts_with("`true`") {
        "write one of them, without quotes".to_owned()
    } else if wanted.starts_with("a list") && text {
        format!("put it in brackets: `[{found}]`")
    } else if wanted.starts_with("a text") && number {
        format!("put it in quotes: `\"{plain}\"`")
    } else {
        "the example file `deploy/vigie.toml` shows how it is written".to_owned()
    }
}

/// serde's words for what it wants, in ours.
fn wanted(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u64" | "u32" | "usize" => "a whole number, not negative".to_owned(),
        "i64" => "a whole number".to_owned(),
        "f64" => "a number".to_owned(),
        "a string" => "a text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        _ if text.starts_with("struct ") => "a table".to_owned(),
        _ if text.starts_with("enum ") => "a text".to_owned(),
        _ => text,
    }
}

impl Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(Stumble::Shape { wanted: message.to_string() })
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Stumble::Shape { wanted: wanted(expected) })
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Stumble::Shape { wanted: wanted(expected) })
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new(Stumble::Shape { wanted: wanted(expected) })
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::new(Stumble::Word { known })
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::new(Stumble::Key { key: key.to_owned(), known })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(Stumble::Missing { key })
    }
}
