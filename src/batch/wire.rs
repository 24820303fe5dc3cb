//! A record as bytes: a CBOR header, then the rows of each section as Arrow IPC.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, RecordBatch,
    UInt64Array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use minicbor::decode::Error as DecodeError;
use minicbor::{Decode, Encode};

use crate::batch::record::{Body, Content, Header, Heartbeat, Record, Reject, Section};
use crate::batch::rows::{Column, Rows, Values};

/// The version of this form; a reader refuses any other.
const FORMAT: u8 = 1;

/// Why bytes are no record of ours.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Written by another version.
    #[error(
        "the record has format {found}, this version of vigie reads {FORMAT}; run one version over one log"
    )]
    Format {
        /// The format that it names.
        found: u8,
    },
    /// Not even CBOR, or not of our form.
    #[error("the record is damaged")]
    Damaged(#[from] DecodeError),
    /// Its rows are not Arrow IPC, or not of our form.
    #[error("the rows of the record are damaged")]
    Rows(#[from] ArrowError),
    /// A column of rows is not of our form.
    #[error("column `{column}` of the record's rows is damaged")]
    Column {
        /// Its name.
        column: String,
    },
}

#[derive(Encode, Decode)]
struct Wire<'b> {
    #[n(0)]
    format: u8,
    #[n(1)]
    header: Header,
    #[b(2)]
    body: WireBody<'b>,
}

#[derive(Encode, Decode)]
enum WireBody<'b> {
    #[n(0)]
    Open(#[n(0)] i64),
    #[n(1)]
    Rows(#[b(0)] Vec<WireSection<'b>>, #[n(1)] Vec<Reject>, #[n(2)] Vec<i64>),
    #[n(2)]
    Heartbeat(#[n(0)] Heartbeat),
    #[n(3)]
    Lost(#[n(0)] String),
}

#[derive(Encode, Decode)]
struct WireSection<'b> {
    #[n(0)]
    model: String,
    #[n(1)]
    version: String,
    #[n(2)]
    profiled: bool,
    #[cbor(b(3), with = "minicbor::bytes")]
    rows: Cow<'b, [u8]>,
}

impl Record {
    /// As bytes.
    ///
    /// # Errors
    /// Where Arrow cannot write the rows: never for rows that a reader of ours made.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        let body = match &self.body {
            Body::Open { beginning } => WireBody::Open(*beginning),
            Body::Heartbeat(heartbeat) => WireBody::Heartbeat(*heartbeat),
            Body::Lost { reason } => WireBody::Lost(reason.clone()),
            Body::Rows(content) => {
                let sections =
                    content.sections.iter().map(write_section).collect::<Result<_, _>>()?;
                WireBody::Rows(sections, content.rejects.clone(), content.filtered.clone())
            }
        };
        let wire = Wire { format: FORMAT, header: self.header.clone(), body };
        let mut bytes = Vec::new();
        minicbor::encode(&wire, &mut bytes)
            .map_err(|_| WireError::Damaged(DecodeError::message("it could not be encoded")))?;
        Ok(bytes)
    }

    /// From bytes.
    ///
    /// # Errors
    /// Where they are damaged or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        // The format stands first, so that another version is told from damage.
        let mut start = minicbor::Decoder::new(bytes);
        start.array()?;
        let found = start.u8()?;
        if found != FORMAT {
            return Err(WireError::Format { found });
        }
        let wire: Wire<'_> = minicbor::decode(bytes)?;
        let body = match wire.body {
            WireBody::Open(beginning) => Body::Open { beginning },
            WireBody::Heartbeat(heartbeat) => Body::Heartbeat(heartbeat),
            WireBody::Lost(reason) => Body::Lost { reason },
            WireBody::Rows(sections, rejects, filtered) => Body::Rows(Content {
                sections: sections.into_iter().map(read_section).collect::<Result<_, _>>()?,
                rejects,
                filtered,
            }),
        };
        Ok(Self { header: wire.header, body })
    }
}

fn write_section(section: &Section) -> Result<WireSection<'static>, WireError> {
    let rows = &section.rows;
    let mut fields = vec![Field::new("offset", DataType::Int64, false)];
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::new(rows.offsets.clone(), None))];
    if let Some(times) = &rows.times {
        fields.push(Field::new("time", DataType::Int64, false));
        arrays.push(Arc::new(Int64Array::new(times.clone(), None)));
    }
    if let Some(expected) = &rows.expected {
        fields.push(Field::new("expected", DataType::UInt64, false));
        arrays.push(Arc::new(UInt64Array::new(expected.clone(), None)));
    }
    for column in &rows.columns {
        let array: ArrayRef = match &column.values {
            Values::Numbers(array) => Arc::new(array.clone()),
            Values::Labels(array) => Arc::new(array.clone()),
        };
        fields.push(Field::new("value", array.data_type().clone(), true));
        arrays.push(array);
        if let Some(absent) = &column.absent {
            fields.push(Field::new("absent", DataType::Boolean, false));
            arrays.push(Arc::new(BooleanArray::new(absent.clone(), None)));
        }
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let mut bytes = Vec::with_capacity(batch.get_array_memory_size() + 1024);
    let mut writer = StreamWriter::try_new(&mut bytes, &schema)?;
    writer.write(&batch)?;
    writer.finish()?;
    drop(writer);
    Ok(WireSection {
        model: section.model.clone(),
        version: section.version.clone(),
        profiled: section.profiled,
        rows: bytes.into(),
    })
}

fn read_section(section: WireSection<'_>) -> Result<Section, WireError> {
    let mut reader = StreamReader::try_new(&*section.rows, None)?;
    let Some(batch) = reader.next().transpose()? else {
        return Err(WireError::Column { column: "offset".to_owned() });
    };
    let mut rows = Rows {
        offsets: ScalarBuffer::from(Vec::new()),
        times: None,
        columns: Vec::new(),
        expected: None,
    };
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let damaged = || WireError::Column { column: field.name().clone() };
        let array = array.as_any();
        match field.name().as_str() {
            "offset" => {
                rows.offsets =
                    array.downcast_ref::<Int64Array>().ok_or_else(damaged)?.values().clone();
            }
            "time" => {
                rows.times =
                    Some(array.downcast_ref::<Int64Array>().ok_or_else(damaged)?.values().clone());
            }
            "expected" => {
                rows.expected =
                    Some(array.downcast_ref::<UInt64Array>().ok_or_else(damaged)?.values().clone());
            }
            "value" => {
                let values = if let Some(numbers) = array.downcast_ref::<Float64Array>() {
                    Values::Numbers(numbers.clone())
                } else {
                    let labels: &DictionaryArray<Int32Type> =
                        array.downcast_ref().ok_or_else(damaged)?;
                    Values::Labels(labels.clone())
                };
                rows.columns.push(Column::new(values));
            }
            "absent" => {
                let absent = array.downcast_ref::<BooleanArray>().ok_or_else(damaged)?;
                rows.columns.last_mut().ok_or_else(damaged)?.absent = Some(absent.values().clone());
            }
            _ => return Err(damaged()),
        }
    }
    Ok(Section { model: section.model, version: section.version, profiled: section.profiled, rows })
}
