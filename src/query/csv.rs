//! CSV as pandas sees it: types by the values, missing marks in every column.
//!
//! Arrow's reader splits the cells; what a cell means is decided here, so that each cell that does not fit can be
//! named with its row and column.

use std::io::{BufReader, Read};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, NullArray, RecordBatch,
    RecordBatchOptions, StringArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::csv::reader::{BufReader as Rows, Format as Dialect, ReaderBuilder};
use flate2::read::MultiGzDecoder;

use super::error::QueryError;
use super::files::{Description, Format, Source};
use super::find::Found;
use super::path::ColumnPath;
use super::scan::Batches;
use super::schema::in_words;

/// The marks that `pandas.read_csv` takes for a missing value.
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

fn is_missing(cell: &str) -> bool {
    cell.len() <= 8 && MISSING.contains(&cell)
}

/// What the cells of a column have in common so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Guess {
    Missing,
    Boolean,
    Integer,
    Number,
    Text,
}

impl Guess {
    fn of(cell: &str) -> Self {
        if integer(cell).is_some() {
            Self::Integer
        } else if is_missing(cell) {
            Self::Missing
        } else if number(cell).is_some() {
            Self::Number
        } else if boolean(cell).is_some() {
            Self::Boolean
        } else {
            Self::Text
        }
    }

    fn see(&mut self, cell: &str) {
        *self = match (*self, Self::of(cell)) {
            (Self::Boolean, Self::Integer | Self::Number)
            | (Self::Integer | Self::Number, Self::Boolean) => Self::Text,
            (before, now) => before.max(now),
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Missing => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Text => DataType::Utf8,
        }
    }
}

fn integer(cell: &str) -> Option<i64> {
    cell.trim_ascii().parse().ok()
}

/// Finite or infinite; `NaN` is a mark among others. An integer beyond 64 bits is an identifier, which a double would
/// make equal to its neighbours.
fn number(cell: &str) -> Option<f64> {
    let cell = cell.trim_ascii();
    let number: f64 = cell.parse().ok()?;
    let identifier = number.abs() >= 9e18 && cell.bytes().all(|byte| byte.is_ascii_digit());
    (!number.is_nan() && !identifier).then_some(number)
}

fn boolean(cell: &str) -> Option<bool> {
    match cell {
        "True" | "TRUE" | "true" => Some(true),
        "False" | "FALSE" | "false" => Some(false),
        _ => None,
    }
}

/// Names from the header, types from the cells.
pub(super) fn describe(file: &Found, infer_rows: Option<u64>) -> Result<Description, QueryError> {
    let header = header(file)?;
    let width = header.len();
    let limit = infer_rows.unwrap_or(u64::MAX);
    let mut guesses = vec![Guess::Missing; width];
    let mut seen = 0;
    let mut whole = true;
    for rows in cells(file, width, (0..width).collect(), 8192)? {
        let rows = rows?;
        if seen >= limit {
            whole = false;
            break;
        }
        let left = usize::try_from(limit - seen).unwrap_or(usize::MAX);
        let rows = rows.slice(0, rows.num_rows().min(left));
        for (guess, cells) in guesses.iter_mut().zip(rows.columns()) {
            // Nothing widens text.
            let mut cells = cells.as_string::<i32>().iter().flatten();
            while let (true, Some(cell)) = (*guess != Guess::Text, cells.next()) {
                guess.see(cell);
            }
        }
        seen += rows.num_rows() as u64;
    }
    let fields = header.into_iter().zip(guesses);
    let fields = fields.map(|(name, guess)| Field::new(name, guess.data_type(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    Ok(Description { schema, rows: (whole && seen < limit).then_some(seen) })
}

/// Reads the columns that some path begins with.
pub(super) fn read(
    source: &Source,
    columns: &[ColumnPath],
    batch_rows: usize,
) -> Result<Batches, QueryError> {
    let file = source.found.clone();
    let first = columns.iter().filter_map(|column| column.fields().next());
    let mut wanted: Vec<usize> =
        first.filter_map(|name| source.schema.index_of(name).ok()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let schema = Arc::new(source.schema.project(&wanted)?);
    let width = source.schema.fields().len();
    let mut before = 0;
    Ok(Box::new(cells(&file, width, wanted, batch_rows)?.map(move |rows| {
        let rows = rows?;
        let typed = typed(&rows, &schema).map_err(|misfit| QueryError::Cell {
            file: file.name.clone(),
            row: before + misfit.row as u64 + 1,
            column: misfit.column,
            text: misfit.text,
            expected: in_words(&misfit.expected),
        })?;
        before += rows.num_rows() as u64;
        let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), typed, &count)?)
    })))
}

/// A cell that is not of its column's type.
struct Misfit {
    row: usize,
    column: String,
    text: String,
    expected: DataType,
}

fn typed(rows: &RecordBatch, schema: &SchemaRef) -> Result<Vec<ArrayRef>, Misfit> {
    let columns = schema.fields().iter().zip(rows.columns());
    let typed = columns.map(|(field, cells)| {
        let cells = cells.as_string::<i32>();
        convert(cells, field.data_type()).map_err(|row| Misfit {
            row,
            column: field.name().clone(),
            text: cells.value(row).chars().take(40).collect(),
            expected: field.data_type().clone(),
        })
    });
    typed.collect()
}

/// The cells as values, or the row of the first that is none.
fn convert(cells: &StringArray, wanted: &DataType) -> Result<ArrayRef, usize> {
    Ok(match wanted {
        DataType::Boolean => Arc::new(parse::<_, BooleanArray>(cells, boolean)?),
        DataType::Int64 => Arc::new(parse::<_, Int64Array>(cells, integer)?),
        DataType::Float64 => Arc::new(parse::<_, Float64Array>(cells, number)?),
        DataType::Null => {
            let values = parse::<(), Vec<Option<()>>>(cells, |_| None)?;
            Arc::new(NullArray::new(values.len()))
        }
        _ => {
            let present = |cell: &&str| !is_missing(cell);
            Arc::new(cells.iter().map(|cell| cell.filter(present)).collect::<StringArray>())
        }
    })
}

fn parse<T, A: FromIterator<Option<T>>>(
    cells: &StringArray,
    value: impl Fn(&str) -> Option<T>,
) -> Result<A, usize> {
    let values = cells.iter().enumerate().map(|(row, cell)| match cell {
        None => Ok(None),
        Some(cell) => match value(cell) {
            Some(value) => Ok(Some(value)),
            None if is_missing(cell) => Ok(None),
            None => Err(row),
        },
    });
    values.collect()
}

fn header(file: &Found) -> Result<Vec<String>, QueryError> {
    let dialect = Dialect::default().with_header(true).with_delimiter(delimiter(file));
    let (schema, _) = dialect
        .infer_schema(bytes(file)?, Some(0))
        .map_err(|error| malformed(file, &error.to_string()))?;
    if schema.fields().is_empty() {
        return Err(malformed(file, "it is empty; a header is needed"));
    }
    let names = schema.fields().iter().enumerate();
    Ok(names.map(|(index, field)| name(index, field.name())).collect())
}

/// A data frame's row labels come without a name.
fn name(index: usize, name: &str) -> String {
    if name.is_empty() { format!("Unnamed: {index}") } else { name.to_owned() }
}

/// The cells of some columns as text, the empty ones as nulls. A short row lacks its last cells.
fn cells(
    file: &Found,
    width: usize,
    columns: Vec<usize>,
    batch_rows: usize,
) -> Result<impl Iterator<Item = Result<RecordBatch, QueryError>> + use<>, QueryError> {
    let fields = (0..width).map(|index| Field::new(index.to_string(), DataType::Utf8, true));
    let rows: Rows<BufReader<Box<dyn Read + Send>>> =
        ReaderBuilder::new(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
            .with_header(true)
            .with_delimiter(delimiter(file))
            .with_truncated_rows(true)
            .with_projection(columns)
            .with_batch_size(batch_rows)
            .build_buffered(BufReader::with_capacity(1 << 18, bytes(file)?))
            .map_err(|error| malformed(file, &error.to_string()))?;
    let file = file.clone();
    Ok(rows.map(move |rows| rows.map_err(|error| malformed(&file, &error.to_string()))))
}

fn delimiter(file: &Found) -> u8 {
    if file.format == Format::Tsv { b'\t' } else { b',' }
}

fn bytes(file: &Found) -> Result<Box<dyn Read + Send>, QueryError> {
    let bytes = file.location.read();
    let bytes = bytes.map_err(|source| QueryError::Read { file: file.name.clone(), source })?;
    Ok(if file.gzip { Box::new(MultiGzDecoder::new(bytes)) } else { bytes })
}

fn malformed(file: &Found, problem: &str) -> QueryError {
    QueryError::Malformed {
        file: file.name.clone(),
        format: "CSV",
        problem: problem.trim_start_matches("Csv error: ").to_owned(),
    }
}
