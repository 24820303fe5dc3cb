//! Rows as JSON, one object a line.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::output::rows::columns::{COLUMNS, Cell};
use crate::window::{Figure, WindowResult};

/// Writes one line a figure. Every line has every column; what is undefined is null.
///
/// # Errors
/// What `to` has.
pub fn write_json_lines(result: &WindowResult, to: &mut impl Write) -> io::Result<()> {
    for figure in &result.figures {
        serde_json::to_writer(&mut *to, &Row(result, figure))?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

struct Row<'r>(&'r WindowResult, &'r Figure);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_map(Some(COLUMNS.len()))?;
        for column in COLUMNS {
            row.serialize_entry(column.name, &(column.cell)(self.0, self.1))?;
        }
        row.end()
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) | Self::Time(text) => text.serialize(serializer),
            Self::Texts(texts) => texts.serialize(serializer),
            Self::Whole(number) => number.serialize(serializer),
            Self::Number(number) => number.serialize(serializer),
            Self::Truth(truth) => truth.serialize(serializer),
        }
    }
}
