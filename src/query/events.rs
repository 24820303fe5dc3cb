//! Rows of a file as prediction events: the inverse of reading them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringArray};
use arrow::compute;
use arrow::datatypes::{
    ArrowNativeType, DataType, Float64Type, Int64Type, Schema, TimeUnit, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::intake::{EventPath, Step};
use crate::query::error::QueryError;
use crate::query::path::ColumnPath;
use crate::query::schema::{in_words, is_number, is_text};
use crate::settings::{Columns, Prediction, Probability};

/// Writes rows as JSON objects, each column where an event has it.
#[derive(Debug)]
pub struct EventWriter {
    columns: Vec<ColumnPath>,
    shape: Shape,
    key: Option<usize>,
    infinite: Cell<u64>,
}

/// An event, with a column or a constant at each leaf.
#[derive(Debug)]
enum Shape {
    Object(BTreeMap<String, Self>),
    List(BTreeMap<usize, Self>),
    Column(usize),
    Constant(String),
}

/// The rows of a batch, ready to be written.
#[derive(Debug)]
pub struct EventRows<'w> {
    writer: &'w EventWriter,
    columns: Vec<Cells>,
    keys: Option<StringArray>,
}

/// The cells of a column as they are written.
#[derive(Debug)]
enum Cells {
    Texts(StringArray),
    /// What is written as it stands: numbers, true and false.
    Bare(ArrayRef),
    /// Lists, and their items.
    Lists(ListArray, Box<Self>),
    Nothing,
}

impl EventWriter {
    /// A writer for the rows of files of this schema, for events that are read with these settings.
    ///
    /// `without` is a column that is left out.
    ///
    /// # Errors
    /// A key that is no column.
    pub fn new(
        schema: &Schema,
        settings: &Columns,
        key: Option<&str>,
        without: Option<&ColumnPath>,
    ) -> Result<Self, QueryError> {
        let mut shape = Shape::Object(BTreeMap::new());
        let mut columns = ColumnPath::leaves(schema);
        columns.retain(|column| without.is_none_or(|without| !without.is_same_place(column)));
        let named = named(settings);
        let found: Vec<(ColumnPath, &EventPath)> = named
            .iter()
            .filter_map(|path| Some((ColumnPath::resolve(&path.to_string(), schema).ok()?, path)))
            .collect();
        let patterns = settings.features.iter().flatten().filter_map(|path| path.parse().ok());
        // A flat file for nested events: every other column is one of the features.
        let nest = patterns.filter(EventPath::is_wildcard).find(|pattern: &EventPath| {
            let text = pattern.to_string();
            let prefix = text.trim_end_matches('*');
            !prefix.is_empty() && !columns.iter().any(|column| column.name().starts_with(prefix))
        });
        for (index, column) in columns.iter().enumerate() {
            let path = match found.iter().find(|(place, _)| place.is_same_place(column)) {
                Some((_, path)) => (*path).clone(),
                None => match nest.as_ref().and_then(|pattern| pattern.under(column.name())) {
                    Some(path) => path,
                    None => column.event_path(),
                },
            };
            if let EventPath::Value(steps) = path {
                shape.put(&steps, Shape::Column(index));
            }
        }
        let key = match key {
            None => None,
            Some(key) => {
                columns.push(ColumnPath::resolve(key, schema)?.named("\u{1}key"));
                Some(columns.len() - 1)
            }
        };
        Ok(Self { columns, shape, key, infinite: Cell::new(0) })
    }

    /// A writer of these columns, each at its place in the event.
    pub fn of(columns: Vec<(ColumnPath, &str)>) -> Self {
        let mut shape = Shape::Object(BTreeMap::new());
        for (index, (_, place)) in columns.iter().enumerate() {
            if let Ok(EventPath::Value(steps)) = place.parse() {
                shape.put(&steps, Shape::Column(index));
            }
        }
        let columns = columns.into_iter().map(|(column, _)| column).collect();
        Self { columns, shape, key: None, infinite: Cell::new(0) }
    }

    /// Writes the same text into every event, unless a column stands there.
    pub fn constant(&mut self, path: &str, text: &str) {
        if let Ok(EventPath::Value(steps)) = path.parse() {
            self.shape.put(&steps, Shape::Constant(text.to_owned()));
        }
    }

    /// Which columns are read.
    pub fn columns(&self) -> &[ColumnPath] {
        &self.columns
    }

    /// How many infinite values were written as null.
    pub fn infinite(&self) -> u64 {
        self.infinite.get()
    }

    /// Prepares the rows of a batch.
    ///
    /// # Errors
    /// A column of a type that has no JSON.
    pub fn rows(&self, batch: &RecordBatch) -> Result<EventRows<'_>, QueryError> {
        let columns = batch
            .columns()
            .iter()
            .zip(&self.columns)
            .map(|(values, path)| cells(path.name(), values))
            .collect::<Result<_, _>>()?;
        let keys = self.key.and_then(|key| batch.columns().get(key));
        let keys = keys.map(|key| compute::cast(key, &DataType::Utf8)).transpose()?;
        let keys = keys.map(|keys| keys.as_string::<i32>().clone());
        Ok(EventRows { writer: self, columns, keys })
    }
}

/// The places in an event that settings name one by one.
fn named(settings: &Columns) -> Vec<EventPath> {
    let score = match &settings.probability {
        Some(Probability::Positive(path)) => vec![path],
        Some(Probability::PerClass(paths)) => paths.values().collect(),
        None => Vec::new(),
    };
    let prediction = match &settings.prediction {
        Some(Prediction::Path(path)) => Some(path),
        _ => None,
    };
    let time = settings.timestamp.as_ref().map(|time| &time.path);
    let others = [
        time,
        prediction,
        settings.target.as_ref(),
        settings.model.as_ref(),
        settings.version.as_ref(),
    ];
    let features = settings.features.iter().flatten();
    let all = settings.id.iter().chain(score).chain(others.into_iter().flatten()).chain(features);
    all.filter_map(|path| path.parse().ok())
        .filter(|path: &EventPath| matches!(path, EventPath::Value(_)) && !path.is_wildcard())
        .collect()
}

impl Shape {
    /// Puts something at a place; what stands there already stays.
    fn put(&mut self, steps: &[Step], what: Self) {
        let Some((step, rest)) = steps.split_first() else { return };
        let next = match (step, &mut *self) {
            (Step::Key(key), Self::Object(fields)) => fields.entry(key.to_string()),
            (Step::Index(index), Self::List(items)) => {
                let place = items.entry(*index);
                if rest.is_empty() {
                    place.or_insert(what);
                } else {
                    place.or_insert_with(|| Self::around(rest)).put(rest, what);
                }
                return;
            }
            _ => return,
        };
        if rest.is_empty() {
            next.or_insert(what);
        } else {
            next.or_insert_with(|| Self::around(rest)).put(rest, what);
        }
    }

    /// What holds a step.
    fn around(steps: &[Step]) -> Self {
        match steps.first() {
            Some(Step::Index(_)) => Self::List(BTreeMap::new()),
            _ => Self::Object(BTreeMap::new()),
        }
    }
}

impl EventRows<'_> {
    /// Writes a row.
    pub fn write(&self, row: usize, out: &mut Vec<u8>) {
        self.write_shape(&self.writer.shape, row, out);
    }

    /// The key of a row.
    pub fn key(&self, row: usize) -> Option<&[u8]> {
        let keys = self.keys.as_ref()?;
        (!keys.is_null(row)).then(|| keys.value(row).as_bytes())
    }

    fn write_shape(&self, shape: &Shape, row: usize, out: &mut Vec<u8>) {
        match shape {
            Shape::Object(fields) => {
                out.push(b'{');
                for (at, (name, field)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    quote(name, out);
                    out.push(b':');
                    self.write_shape(field, row, out);
                }
                out.push(b'}');
            }
            Shape::List(items) => {
                out.push(b'[');
                let last = items.last_key_value().map_or(0, |(index, _)| *index);
                for index in 0..=last {
                    if index > 0 {
                        out.push(b',');
                    }
                    match items.get(&index) {
                        Some(item) => self.write_shape(item, row, out),
                        None => out.extend_from_slice(b"null"),
                    }
                }
                out.push(b']');
            }
            Shape::Constant(text) => quote(text, out),
            Shape::Column(index) => match self.columns.get(*index) {
                Some(cells) => self.write_cell(cells, row, out),
                None => out.extend_from_slice(b"null"),
            },
        }
    }

    fn write_cell(&self, cells: &Cells, row: usize, out: &mut Vec<u8>) {
        match cells {
            Cells::Texts(texts) if texts.is_valid(row) => quote(texts.value(row), out),
            Cells::Bare(values) if values.is_valid(row) => self.bare(values, row, out),
            Cells::Lists(lists, items) if lists.is_valid(row) => {
                let ends = lists.value_offsets();
                out.push(b'[');
                for item in ends[row]..ends[row + 1] {
                    if item > ends[row] {
                        out.push(b',');
                    }
                    self.write_cell(items, item.as_usize(), out);
                }
                out.push(b']');
            }
            _ => out.extend_from_slice(b"null"),
        }
    }

    fn bare(&self, values: &ArrayRef, row: usize, out: &mut Vec<u8>) {
        let text = match values.data_type() {
            DataType::Boolean => values.as_boolean().value(row).to_string(),
            DataType::Int64 => values.as_primitive::<Int64Type>().value(row).to_string(),
            DataType::UInt64 => values.as_primitive::<UInt64Type>().value(row).to_string(),
            _ => match values.as_primitive::<Float64Type>().value(row) {
                number if number.is_finite() => serde_json::to_string(&number).unwrap_or_default(),
                number => {
                    if number.is_infinite() {
                        self.writer.infinite.set(self.writer.infinite.get() + 1);
                    }
                    "null".to_owned()
                }
            },
        };
        out.extend_from_slice(text.as_bytes());
    }
}

fn quote(text: &str, out: &mut Vec<u8>) {
    // Writing a text into memory cannot fail.
    out.extend_from_slice(serde_json::to_string(text).unwrap_or_default().as_bytes());
}

fn cells(column: &str, values: &ArrayRef) -> Result<Cells, QueryError> {
    let cast = |wanted: &DataType| compute::cast(values, wanted);
    Ok(match values.data_type() {
        DataType::Null => Cells::Nothing,
        DataType::Boolean | DataType::UInt64 => Cells::Bare(Arc::clone(values)),
        integer if integer.is_integer() => Cells::Bare(cast(&DataType::Int64)?),
        number if is_number(number) => Cells::Bare(cast(&DataType::Float64)?),
        text if is_text(text) => Cells::Texts(cast(&DataType::Utf8)?.as_string::<i32>().clone()),
        DataType::Dictionary(_, value) => return cells(column, &cast(value)?),
        DataType::List(_) => {
            let lists = values.as_list::<i32>().clone();
            let items = cells(column, lists.values())?;
            Cells::Lists(lists, Box::new(items))
        }
        DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            return cells(column, &cast(&DataType::List(Arc::clone(item)))?);
        }
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            let utc = cast(&DataType::Timestamp(TimeUnit::Nanosecond, Some("+00:00".into())))
                .or_else(|_| {
                    cast(&DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())))
                })?;
            let options = FormatOptions::default();
            let texts = ArrayFormatter::try_new(utc.as_ref(), &options)?;
            let texts =
                (0..utc.len()).map(|row| utc.is_valid(row).then(|| texts.value(row).to_string()));
            Cells::Texts(texts.collect())
        }
        other => {
            return Err(QueryError::ColumnUse {
                column: column.to_owned(),
                found: in_words(other),
                wanted: "numbers, texts, true or false, times, or lists of these".to_owned(),
            });
        }
    })
}
