//! From the bytes of a record to what a row is made of, or to the reason why not; from rows to the tally log.
//!
//! [`EventPath`] says where a column lies, a format's extractor ([`json`]) puts what stands there into [`Slots`], and
//! [`Reason`] says why an event is turned away; [`timestamp`] reads event times however they are written. A bad event
//! is a value, never an error of the lane.
//!
//! Knows nothing of Kafka's client (a record is a [`RecordView`]), of files or of clocks.

mod columns;
mod expressions;
mod feed;
pub mod json;
mod labels;
mod parts;
mod path;
mod reader;
mod record;
mod reject;
mod slots;
pub mod timestamp;
mod truth;
mod version;

pub use self::expressions::{Computed, RowExpressions, data_type};
pub use self::feed::{Committed, Feed, Outputs, Sending, To};
pub use self::path::{EventPath, PathError, Step};
pub use self::reader::{Expressions, Reader, ReaderError, Taken, score_path};
pub use self::record::{Headers, NoHeaders, RecordView};
pub use self::reject::{Found, Reason};
pub use self::slots::{Nested, Slot, Slots};
pub use self::version::{keep, number_label};
