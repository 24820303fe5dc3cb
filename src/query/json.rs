//! JSON: objects one a line, one after the other, or in one array.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Fields, Schema};
use arrow::error::ArrowError;
use datafusion::arrow::json::ReaderBuilder;
use flate2::read::MultiGzDecoder;
use serde::de::DeserializeSeed;
use serde_json::Deserializer;

use super::error::QueryError;
use super::files::{Description, Source};
use super::find::Found;
use super::path::{ColumnPath, prune};
use super::scan::Batches;
use super::shape::Shape;

/// The fields of all objects, in the order in which they first appear.
pub(super) fn describe(file: &Found, infer_rows: Option<u64>) -> Result<Description, QueryError> {
    let mut bytes = objects(file)?;
    let limit = infer_rows.unwrap_or(u64::MAX);
    let mut shape = Shape::default();
    let mut rows = 0;
    let (mut line, mut next_line) = (1, 1);
    let mut text = Vec::new();
    let mut ended = false;
    while rows < limit && !ended {
        if text.is_empty() {
            line = next_line;
        }
        next_line += 1;
        let read = bytes.read_until(b'\n', &mut text);
        ended = read.map_err(|source| unreadable(file, source))? == 0;
        if text.trim_ascii().is_empty() {
            text.clear();
            continue;
        }
        let mut value = Deserializer::from_slice(&text);
        match shape.deserialize(&mut value).and_then(|()| value.end()) {
            Ok(()) => {
                rows += 1;
                text.clear();
            }
            // An object may go on in the next line; what was seen of it stays true.
            Err(error) if error.is_eof() && !ended => {}
            Err(error) => {
                let text = error.to_string();
                let problem = text.split(" at line ").next().unwrap_or(&text);
                return Err(malformed(file, &format!("line {line}: {problem}")));
            }
        }
    }
    let fields = match &shape {
        Shape::Missing => Fields::empty(),
        Shape::Object(fields) => Shape::fields(fields),
        _ => {
            return Err(malformed(file, "each row must be an object: {\"column\": value, ...}"));
        }
    };
    Ok(Description { schema: Schema::new(fields), rows: ended.then_some(rows) })
}

/// Reads the fields that some path leads to.
pub(super) fn read(
    source: &Source,
    columns: &[ColumnPath],
    batch_rows: usize,
) -> Result<Batches, QueryError> {
    let file = source.found.clone();
    let schema = Arc::new(Schema::new(prune(source.schema.fields(), columns)));
    let rows = ReaderBuilder::new(schema)
        .with_coerce_primitive(true)
        .with_batch_size(batch_rows)
        .build(objects(&file)?)?;
    Ok(Box::new(rows.map(move |rows: Result<RecordBatch, ArrowError>| {
        rows.map_err(|error| {
            let text = error.to_string();
            malformed(&file, text.trim_start_matches("Json error: "))
        })
    })))
}

/// The objects of a file with nothing but white space between them.
fn objects(file: &Found) -> Result<BufReader<Box<dyn Read + Send>>, QueryError> {
    let failed = |source| unreadable(file, source);
    let mut bytes = file.location.read().map_err(failed)?;
    if file.gzip {
        bytes = Box::new(MultiGzDecoder::new(bytes));
    }
    let mut bytes = BufReader::with_capacity(BUFFER, bytes);
    let start = bytes.fill_buf().map_err(failed)?.trim_ascii_start();
    if start.first() != Some(&b'[') {
        return Ok(bytes);
    }
    Ok(BufReader::with_capacity(BUFFER, Box::new(Elements::of(bytes))))
}

const BUFFER: usize = 1 << 18;

/// The elements of a JSON array: its own brackets and commas become line ends.
struct Elements<R> {
    bytes: R,
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl<R> Elements<R> {
    fn of(bytes: R) -> Self {
        Self { bytes, depth: 0, in_text: false, escaped: false }
    }

    fn pass(&mut self, byte: u8) -> u8 {
        if self.in_text {
            self.in_text = byte != b'"' || self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            return byte;
        }
        let outside = match byte {
            b'"' => {
                self.in_text = true;
                false
            }
            b'[' | b'{' => {
                self.depth += 1;
                self.depth == 1
            }
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                self.depth == 0
            }
            b',' => self.depth == 1,
            _ => false,
        };
        if outside { b'\n' } else { byte }
    }
}

impl<R: Read> Read for Elements<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.bytes.read(buffer)?;
        for byte in &mut buffer[..length] {
            *byte = self.pass(*byte);
        }
        if length == 0 && self.depth > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the array has no end"));
        }
        Ok(length)
    }
}

fn unreadable(file: &Found, source: io::Error) -> QueryError {
    QueryError::Read { file: file.name.clone(), source }
}

fn malformed(file: &Found, problem: &str) -> QueryError {
    QueryError::Malformed { file: file.name.clone(), format: "JSON", problem: problem.to_owned() }
}
