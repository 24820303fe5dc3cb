//! From the bytes of a record to what a row is made of, or to the reason why not; from rows to the tally log.
//!
//! [`EventPath`] says where a column lies, a format's extractor ([`json`]) puts what stands there into [`Slots`], and
//! [`Reason`] says why an event is turned away; [`timestamp`] reads event times however they are written. A bad event
//! is a value, never an error of the lane.
//!
//! Knows nothing of Kafka's client (a record is a [`RecordView`]), of files or of clocks.

mod feed;
pub mod json;
mod parts;
mod path;
mod record;
mod reject;
mod slots;
pub mod timestamp;

pub use self::feed::{Committed, Feed, Sending};
pub use self::path::{EventPath, PathError, Step};
pub use self::record::{Headers, NoHeaders, RecordView};
pub use self::reject::{Found, Reason};
pub use self::slots::{Nested, Slot, Slots};
