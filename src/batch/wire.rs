//! A record as bytes: CBOR, with the values of each column in one run of bytes.
//!
//! Arrow's own form says the schema of every section anew, which costs more than the rows where a thousand models
//! share a stretch.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, DictionaryArray, Float64Array, Int32Array, StringArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, ToByteSlice};
use minicbor::decode::Error as DecodeError;
use minicbor::{Decode, Encode};

use crate::batch::command::Command;
use crate::batch::record::{
    Body, Carried, Content, Header, Heartbeat, Reached, Realized, Record, Reject, Section, Settled,
};
use crate::batch::rows::{Column, Expected, Rows, Values, labels};
use crate::batch::vectors::{Distances, Vectors};

// Numbers travel as they lie in memory.
const _: () = assert!(cfg!(target_endian = "little"), "vigie runs on little-endian machines");

/// The version of this form; a reader refuses any other.
const FORMAT: u8 = 4;

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
    /// Its rows are not of our form.
    #[error("the rows of the record are damaged{}", column.map(|at| format!(" in column {at}")).unwrap_or_default())]
    Rows {
        /// Which column, from 0; `None` for all of them.
        column: Option<usize>,
    },
}

/// What a record can carry, and how that is written.
pub trait Wired: Carried + Sized {
    /// The written form.
    type Wire<'b>: Encode<()> + Decode<'b, ()>;

    /// Into the written form, and about how many bytes that takes.
    fn write(&self) -> (Self::Wire<'_>, usize);

    /// From the written form.
    ///
    /// # Errors
    /// Where it is damaged.
    fn read(wire: Self::Wire<'_>) -> Result<Self, WireError>;
}

#[derive(Encode, Decode)]
struct Wire<W> {
    #[n(0)]
    format: u8,
    #[n(1)]
    header: Header,
    #[n(2)]
    body: WireBody<W>,
}

#[derive(Encode, Decode)]
enum WireBody<W> {
    #[n(0)]
    Open(#[n(0)] i64),
    #[n(1)]
    Rows(#[n(0)] W),
    #[n(2)]
    Heartbeat(#[n(0)] Heartbeat),
    #[n(3)]
    Lost(#[n(0)] String),
    #[n(4)]
    Command(#[n(0)] Box<Command>, #[n(1)] W),
}

/// [`Content`] as it is written.
#[derive(Encode, Decode)]
#[expect(missing_debug_implementations, reason = "it lives for a moment")]
pub struct WireContent<'b> {
    #[b(0)]
    sections: Vec<WireSection<'b>>,
    #[n(1)]
    rejects: Cow<'b, [Reject]>,
    #[n(2)]
    filtered: Cow<'b, [i64]>,
    #[n(3)]
    realized: Cow<'b, [Realized]>,
    #[n(4)]
    settled: Cow<'b, [Settled]>,
    #[n(5)]
    truths: Cow<'b, [i64]>,
    #[n(6)]
    reached: Cow<'b, [Reached]>,
}

#[derive(Encode, Decode)]
struct WireSection<'b> {
    #[b(0)]
    model: Cow<'b, str>,
    #[b(1)]
    version: Cow<'b, str>,
    #[n(2)]
    profiled: bool,
    #[b(3)]
    offsets: Bytes<'b>,
    #[b(4)]
    times: Option<Bytes<'b>>,
    #[b(5)]
    probabilities: Option<Vec<Bytes<'b>>>,
    #[b(6)]
    columns: Vec<WireColumn<'b>>,
    #[b(7)]
    reconstruction: Option<Bytes<'b>>,
    #[b(8)]
    losses: Option<Vec<Bytes<'b>>>,
    #[b(9)]
    segments: Option<Vec<Bytes<'b>>>,
    #[b(10)]
    keys: Option<Bytes<'b>>,
    #[b(11)]
    terms: Option<Vec<Bytes<'b>>>,
}

#[derive(Encode, Decode)]
struct WireColumn<'b> {
    /// Numbers, or positions in `labels`.
    #[b(0)]
    values: Bytes<'b>,
    /// Which rows have a value; `None` for all.
    #[b(1)]
    present: Option<Bytes<'b>>,
    #[b(2)]
    labels: Option<Vec<Cow<'b, str>>>,
    #[b(3)]
    absent: Option<Bytes<'b>>,
    /// Of an embedding, whose values are how far its vectors lie.
    #[b(4)]
    vectors: Option<WireVectors<'b>>,
}

#[derive(Encode, Decode)]
struct WireVectors<'b> {
    #[b(0)]
    malformed: Option<Bytes<'b>>,
    #[b(1)]
    along: Vec<Bytes<'b>>,
}

#[derive(Encode, Decode)]
#[cbor(transparent)]
pub(super) struct Bytes<'b>(#[cbor(b(0), with = "minicbor::bytes")] pub(super) Cow<'b, [u8]>);

impl From<Vec<u8>> for Bytes<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(bytes))
    }
}

impl<C: Wired> Record<C> {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (body, length) = match &self.body {
            Body::Open { beginning } => (WireBody::Open(*beginning), 0),
            Body::Heartbeat(heartbeat) => (WireBody::Heartbeat(*heartbeat), 0),
            Body::Lost { reason } => (WireBody::Lost(reason.clone()), reason.len()),
            Body::Rows(content) => {
                let (wire, length) = content.write();
                (WireBody::Rows(wire), length)
            }
            Body::Command(command, content) => {
                let (wire, length) = content.write();
                (WireBody::Command(command.clone(), wire), length + command.seen.len())
            }
        };
        let wire = Wire { format: FORMAT, header: self.header.clone(), body };
        // Growing would copy it several times over.
        let mut bytes = Vec::with_capacity(length + 256);
        // Writing to memory cannot fail, and no encoder of ours has errors of its own.
        let written = minicbor::encode(&wire, &mut bytes);
        debug_assert!(written.is_ok(), "records can be encoded");
        bytes
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
        let wire: Wire<C::Wire<'_>> = minicbor::decode(bytes)?;
        let body = match wire.body {
            WireBody::Open(beginning) => Body::Open { beginning },
            WireBody::Heartbeat(heartbeat) => Body::Heartbeat(heartbeat),
            WireBody::Lost(reason) => Body::Lost { reason },
            WireBody::Rows(content) => Body::Rows(C::read(content)?),
            WireBody::Command(command, content) => Body::Command(command, C::read(content)?),
        };
        Ok(Self { header: wire.header, body })
    }
}

impl Wired for Content {
    type Wire<'b> = WireContent<'b>;

    fn write(&self) -> (WireContent<'_>, usize) {
        let wire = WireContent {
            sections: self.sections.iter().map(write_section).collect(),
            rejects: Cow::Borrowed(&self.rejects),
            filtered: Cow::Borrowed(&self.filtered),
            realized: Cow::Borrowed(&self.realized),
            settled: Cow::Borrowed(&self.settled),
            truths: Cow::Borrowed(&self.truths),
            reached: Cow::Borrowed(&self.reached),
        };
        let length = self.sections.iter().map(bytes_of).sum::<usize>();
        (
            wire,
            length + self.rejects.len() * 64 + self.filtered.len() * 5 + self.realized.len() * 96,
        )
    }

    fn read(wire: WireContent<'_>) -> Result<Self, WireError> {
        Ok(Self {
            sections: wire.sections.into_iter().map(read_section).collect::<Result<_, _>>()?,
            rejects: wire.rejects.into_owned(),
            filtered: wire.filtered.into_owned(),
            realized: wire.realized.into_owned(),
            settled: wire.settled.into_owned(),
            truths: wire.truths.into_owned(),
            reached: wire.reached.into_owned(),
        })
    }
}

/// About how many bytes a section takes.
fn bytes_of(section: &Section) -> usize {
    let rows = section.rows.len();
    let probabilities = match &section.rows.expected {
        Expected::Nothing => 0,
        Expected::Probabilities(classes) => classes.len(),
        Expected::Losses(losses) => losses.len(),
    };
    256 + rows * (32 + section.rows.segments.len() * 2 + section.rows.terms.len() * 8)
        + probabilities * rows * 8
        + section.rows.columns.len() * (rows * 9 + 64)
}

fn write_section(section: &Section) -> WireSection<'_> {
    let rows = &section.rows;
    WireSection {
        model: section.model.as_str().into(),
        version: section.version.as_str().into(),
        profiled: section.profiled,
        offsets: numbers(&rows.offsets),
        times: rows.times.as_ref().map(|times| numbers(times)),
        probabilities: match &rows.expected {
            Expected::Nothing | Expected::Losses(_) => None,
            Expected::Probabilities(classes) => {
                Some(classes.iter().map(|class| numbers(class)).collect())
            }
        },
        columns: rows.columns.iter().map(write_column).collect(),
        reconstruction: rows.reconstruction.as_ref().map(|errors| numbers(errors)),
        losses: match &rows.expected {
            Expected::Losses(losses) => Some(losses.iter().map(|loss| numbers(loss)).collect()),
            Expected::Nothing | Expected::Probabilities(_) => None,
        },
        segments: (!rows.segments.is_empty())
            .then(|| rows.segments.iter().map(|split| numbers(split)).collect()),
        keys: rows.keys.as_ref().map(|keys| numbers(keys)),
        terms: (!rows.terms.is_empty())
            .then(|| rows.terms.iter().map(|term| numbers(term)).collect()),
    }
}

fn write_column(column: &Column) -> WireColumn<'_> {
    let (mut labelled, mut measured) = (None, None);
    let (values, nulls) = match &column.values {
        Values::Numbers(array) => (numbers(array.values()), array.nulls()),
        Values::Labels(array) => {
            labelled = Some(labels(array).map(Cow::Borrowed).collect());
            (numbers(array.keys().values()), array.nulls())
        }
        Values::Vectors(Vectors::Measured(of)) => {
            measured = Some(WireVectors {
                malformed: of.malformed.as_ref().map(bits),
                along: of.along.iter().map(|run| numbers(run)).collect(),
            });
            (numbers(of.errors.values()), of.errors.nulls())
        }
        // They never travel: a reader says that the column is damaged.
        Values::Vectors(Vectors::Raw(_)) => (numbers::<f64>(&[]), None),
    };
    WireColumn {
        values,
        present: nulls.map(|nulls| bits(nulls.inner())),
        labels: labelled,
        absent: column.absent.as_ref().map(bits),
        vectors: measured,
    }
}

fn read_section(section: WireSection<'_>) -> Result<Section, WireError> {
    let offsets: ScalarBuffer<i64> = section.offsets.read();
    let rows = offsets.len();
    let times = section.times.map(|times| times.read());
    let probabilities: Option<Vec<ScalarBuffer<u64>>> =
        section.probabilities.map(|classes| classes.iter().map(Bytes::read).collect());
    let losses: Option<Vec<ScalarBuffer<f64>>> =
        section.losses.map(|losses| losses.iter().map(Bytes::read).collect());
    let reconstruction = section.reconstruction.map(|errors| errors.read());
    let segments: Vec<ScalarBuffer<u16>> =
        section.segments.iter().flatten().map(Bytes::read).collect();
    let keys = section.keys.map(|keys| keys.read());
    let terms: Vec<ScalarBuffer<f64>> = section.terms.iter().flatten().map(Bytes::read).collect();
    let complete = times.as_ref().is_none_or(|times: &ScalarBuffer<i64>| times.len() == rows)
        && probabilities.iter().flatten().all(|class| class.len() == rows)
        && losses.iter().flatten().all(|loss| loss.len() == rows)
        && segments.iter().all(|split| split.len() == rows)
        && terms.iter().all(|term| term.len() == rows)
        && reconstruction.as_ref().is_none_or(|errors: &ScalarBuffer<f64>| errors.len() == rows)
        && keys.as_ref().is_none_or(|keys: &ScalarBuffer<u64>| keys.len() == rows);
    if !complete {
        return Err(WireError::Rows { column: None });
    }
    let columns = section.columns.into_iter().enumerate().map(|(index, column)| {
        read_column(column, rows).ok_or(WireError::Rows { column: Some(index) })
    });
    Ok(Section {
        model: section.model.into_owned(),
        version: section.version.into_owned(),
        profiled: section.profiled,
        rows: Rows {
            columns: columns.collect::<Result<_, _>>()?,
            offsets,
            times,
            expected: match (probabilities, losses) {
                (Some(probabilities), _) => Expected::Probabilities(probabilities),
                (None, Some(losses)) => Expected::Losses(losses),
                (None, None) => Expected::Nothing,
            },
            reconstruction,
            segments,
            keys,
            terms,
        },
    })
}

/// `None` where it is damaged.
fn read_column(column: WireColumn<'_>, rows: usize) -> Option<Column> {
    let bits = |bytes: Option<Bytes<'_>>| match bytes {
        None => Some(None),
        Some(bytes) if bytes.0.len() == rows.div_ceil(8) => {
            Some(Some(BooleanBuffer::new(Buffer::from(&*bytes.0), 0, rows)))
        }
        Some(_) => None,
    };
    let nulls = bits(column.present)?.map(NullBuffer::new);
    let values = match (column.vectors, column.labels) {
        (Some(vectors), _) => {
            let errors = Float64Array::try_new(column.values.read(), nulls).ok()?;
            let malformed = bits(vectors.malformed)?;
            let along: Vec<ScalarBuffer<f64>> = vectors.along.iter().map(Bytes::read).collect();
            if along.iter().any(|run| run.len() != rows) {
                return None;
            }
            Values::Vectors(Vectors::Measured(Distances { errors, malformed, along }))
        }
        (None, None) => Values::Numbers(Float64Array::try_new(column.values.read(), nulls).ok()?),
        (None, Some(labels)) => {
            let keys = Int32Array::try_new(column.values.read(), nulls).ok()?;
            let labels = StringArray::from_iter_values(labels);
            Values::Labels(DictionaryArray::try_new(keys, Arc::new(labels)).ok()?)
        }
    };
    (values.len() == rows).then_some(Column { values, absent: bits(column.absent)? })
}

/// Numbers as they lie in memory.
fn numbers<T: ArrowNativeType>(values: &[T]) -> Bytes<'_> {
    Bytes(values.to_byte_slice().into())
}

/// Bits, eight to a byte, the first one lowest.
fn bits(bits: &BooleanBuffer) -> Bytes<'static> {
    Bytes(bits.sliced().as_slice()[..bits.len().div_ceil(8)].to_vec().into())
}

impl Bytes<'_> {
    /// As numbers; what is left over at the end is dropped.
    fn read<T: ArrowNativeType>(&self) -> ScalarBuffer<T> {
        let length = self.0.len() / size_of::<T>();
        ScalarBuffer::new(Buffer::from(&*self.0), 0, length)
    }
}
