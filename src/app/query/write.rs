//! An answer on the terminal or in a file.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, Table};
use serde_json::{Map, Value};

use crate::app::load::make_parent;
use crate::app::query::Format;
use crate::app::terminal::{count, remark};
use crate::output::prometheus::History;
use crate::output::rows::{json_rows, missing, read};
use crate::query::ParquetSink;

/// Rows that a table has on the terminal at most.
const SHOWN: usize = 1_000;

/// Where an answer goes, and in which form.
pub(super) enum Writer {
    /// Gathered, as columns are as wide as what is in them.
    Table { to: Out, names: Vec<String>, rows: Vec<Vec<Value>>, more: u64 },
    /// Line by line.
    Lines { to: Out, csv: bool },
    /// Row groups.
    Parquet(Box<ParquetSink>),
    /// Gathered, as all samples of a series stand together.
    History { to: Out, history: Box<History> },
}

/// A file, or standard output.
pub(super) struct Out {
    to: Box<dyn Write>,
    name: String,
}

impl Out {
    fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            let to = Box::new(BufWriter::new(stdout()));
            return Ok(Self { to, name: "the answer".to_owned() });
        };
        make_parent(path)?;
        let name = format!("output {}", path.display());
        let file = File::create(path).with_context(|| format!("{name} cannot be written"))?;
        Ok(Self { to: Box::new(BufWriter::new(file)), name })
    }

    /// Writes; whether anybody reads on: one who has seen enough (`| head`) is no error.
    fn write(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<bool> {
        match write(&mut *self.to) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error).with_context(|| format!("{} cannot be written", self.name)),
        }
    }
}

impl Writer {
    /// Begins an answer of these columns.
    pub(super) fn create(
        format: Format,
        output: Option<PathBuf>,
        schema: &SchemaRef,
    ) -> Result<Self> {
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut known: Vec<&String> = names.iter().collect();
        known.sort();
        if let Some([twice, _]) = known.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!("the answer has two columns `{twice}`: name one of them with `AS`");
        }
        Ok(match format {
            Format::Table => {
                let to = Out::open(output.as_deref())?;
                Self::Table { to, names, rows: Vec::new(), more: 0 }
            }
            Format::Csv => {
                let mut to = Out::open(output.as_deref())?;
                let header: Vec<String> = names.iter().map(|name| quoted(name)).collect();
                to.write(|to| writeln!(to, "{}", header.join(",")))?;
                Self::Lines { to, csv: true }
            }
            Format::Json => Self::Lines { to: Out::open(output.as_deref())?, csv: false },
            Format::Parquet => {
                let path = output.context("--format parquet: name a file with --output")?;
                make_parent(&path)?;
                Self::Parquet(Box::new(ParquetSink::create(&path, SchemaRef::clone(schema))?))
            }
            Format::Openmetrics => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let missing = missing(&names);
                if !missing.is_empty() {
                    bail!(
                        "--format openmetrics wants whole rows of `results` or `latest` (SELECT * FROM latest ...); \
                         missing are `{}`",
                        missing.join("`, `")
                    );
                }
                let history = Box::new(History::default());
                Self::History { to: Out::open(output.as_deref())?, history }
            }
        })
    }

    /// Takes rows; whether anybody wants more.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<bool> {
        if let Self::Parquet(sink) = self {
            sink.write(batch)?;
            return Ok(true);
        }
        let fields = batch.schema();
        let objects = json_rows(batch).context("the answer cannot be written")?;
        match self {
            Self::Table { rows, more, .. } => {
                for mut object in objects {
                    if rows.len() == SHOWN {
                        *more += 1;
                        continue;
                    }
                    let cell = |name: &String| object.remove(name).unwrap_or_default();
                    rows.push(fields.fields().iter().map(|field| field.name()).map(cell).collect());
                }
            }
            Self::Lines { to, csv: true } => {
                for object in &objects {
                    let cells: Vec<String> = fields
                        .fields()
                        .iter()
                        .map(|field| quoted(&plain(&object[field.name()])))
                        .collect();
                    if !to.write(|to| writeln!(to, "{}", cells.join(",")))? {
                        return Ok(false);
                    }
                }
            }
            Self::Lines { to, csv: false } => {
                for object in &objects {
                    if !to.write(|to| writeln!(to, "{}", Line(&fields, object)))? {
                        return Ok(false);
                    }
                }
            }
            Self::History { history, .. } => {
                for object in objects {
                    history.take(read(object).context("rows are not those of results")?);
                }
            }
            Self::Parquet(_) => {}
        }
        Ok(true)
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::Table { mut to, names, rows, more } => {
                let text = table(&names, &rows);
                to.write(|to| {
                    to.write_all(text.as_bytes())?;
                    to.flush()
                })?;
                if more > 0 {
                    remark(&format!(
                        "{} more rows are not shown: --format csv or json writes all",
                        count(more)
                    ));
                }
                Ok(())
            }
            Self::Lines { mut to, .. } => to.write(|to| to.flush()).map(drop),
            Self::Parquet(sink) => Ok(sink.finish()?),
            Self::History { mut to, history } => {
                let mut samples = 0;
                to.write(|mut to| {
                    samples = history.write(&mut to)?;
                    to.flush()
                })?;
                if history.timeless() > 0 {
                    remark(&format!(
                        "{} rows are left out: their windows have no end in time",
                        count(history.timeless())
                    ));
                }
                remark(&format!("{} samples", count(samples)));
                Ok(())
            }
        }
    }
}

/// A row as an object with its columns in their order.
struct Line<'r>(&'r SchemaRef, &'r Map<String, Value>);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, field) in self.0.fields().iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let name = Value::String(field.name().clone());
            write!(f, "{comma}{name}:{}", self.1[field.name()])?;
        }
        f.write_str("}")
    }
}

/// The rows as people read them.
fn table(names: &[String], rows: &[Vec<Value>]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(names.iter().map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    for row in rows {
        table.add_row(row.iter().map(|value| {
            let cell = Cell::new(plain(value));
            if value.is_number() { cell.set_alignment(CellAlignment::Right) } else { cell }
        }));
    }
    format!("{table}\n")
}

/// A value without the marks of JSON; nothing for null.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A cell of CSV.
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
