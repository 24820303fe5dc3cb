//! The record's own parts (`$key`, `$timestamp`, `$topic`, headers) into slots, the same for every format.

use std::fmt::Write as _;
use std::str;

use super::json::Read;
use super::path::EventPath;
use super::record::RecordView;
use super::reject::Reason;
use super::slots::{Cell, Slots};

/// Which slots are filled from the record itself.
#[derive(Debug, Clone)]
pub(super) struct Parts(Vec<(EventPath, Read, u32)>);

impl Parts {
    /// Those of a plan's slots whose path does not lead into the value.
    pub(super) fn new(slots: &[(EventPath, Read)]) -> Self {
        let parts = (0..).zip(slots).filter(|(_, (path, _))| !matches!(path, EventPath::Value(_)));
        Self(parts.map(|(slot, (path, read))| (path.clone(), *read, slot)).collect())
    }

    pub(super) fn read(&self, record: &RecordView<'_>, slots: &mut Slots) -> Result<(), Reason> {
        for (path, read, slot) in &self.0 {
            let bytes = match path {
                EventPath::Key => record.key,
                EventPath::Topic => Some(record.topic.as_bytes()),
                EventPath::Header(name) => match record.headers.last(name) {
                    Some(None) => {
                        slots.set(*slot, Cell::Null);
                        None
                    }
                    found => found.flatten(),
                },
                EventPath::Timestamp => {
                    let Some(milliseconds) = record.timestamp_ms else { continue };
                    if *read == Read::Value {
                        slots.set(*slot, Cell::Int(milliseconds));
                    } else {
                        // Writing to a string cannot fail.
                        _ = slots.write_text(*slot, |text| write!(text, "{milliseconds}"));
                    }
                    None
                }
                EventPath::Value(_) => None,
            };
            if let Some(bytes) = bytes {
                let text = str::from_utf8(bytes).map_err(|error| Reason::InvalidUtf8 {
                    place: format!("`{path}`").into(),
                    at: error.valid_up_to(),
                })?;
                slots.set_text(*slot, text);
            }
        }
        Ok(())
    }
}
