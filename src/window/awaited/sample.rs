//! Rows of a sealed window that the concept is learnt from again, while their targets come.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::profile::{KeyedRows, Profile, Relearnt, TAUGHT, Truth};
use crate::stats::Undefined;
use crate::window::keyed;

/// The rows, or what they have taught.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) enum AwaitedSample {
    /// The window is open: targets of rows that may be among those with the least keys, by key; NaN where it was taken
    /// back. A row that has so many lesser ones beside it is not among them, so its target may go.
    #[n(0)]
    Open(#[n(0)] BTreeMap<u64, f64>),
    /// The rows, by key, with their targets.
    #[n(1)]
    Rows(#[cbor(n(0), with = "keyed")] KeyedRows),
    /// The rows are forgotten; `None` where they had taught nothing.
    #[n(2)]
    Taught(#[cbor(n(0), with = "taught")] Option<Box<Relearnt>>),
}

impl Default for AwaitedSample {
    fn default() -> Self {
        Self::Open(BTreeMap::new())
    }
}

impl AwaitedSample {
    /// Takes those of a window's rows that teach.
    pub(super) fn seal(&mut self, of_window: &KeyedRows) {
        let Self::Open(known) = self else { return };
        let mut rows = of_window.clone();
        rows.keep(TAUGHT);
        rows.targets.resize(rows.len(), f64::NAN);
        for (&key, &target) in &*known {
            set(&mut rows, key, target);
        }
        *self = Self::Rows(rows);
    }

    /// Takes the target of a row, or that it has none any more.
    pub(super) fn learn(&mut self, key: u64, target: Option<Truth>) {
        let target = match target {
            Some(Truth::Class(class)) => class as f64,
            Some(Truth::Number(number)) => number.clamp(f64::MIN, f64::MAX) + 0.0,
            None => f64::NAN,
        };
        match self {
            Self::Open(known) => {
                known.insert(key, target);
                if known.len() > TAUGHT {
                    known.pop_last();
                }
            }
            Self::Rows(rows) => set(rows, key, target),
            Self::Taught(_) => {}
        }
    }

    pub(super) fn relearnt(&self, profile: &Profile) -> Option<Result<Relearnt, Undefined>> {
        match self {
            Self::Open(_) => None,
            Self::Rows(rows) => profile.relearnt(rows),
            Self::Taught(taught) => Some(taught.as_deref().cloned().ok_or(Undefined::TooFew)),
        }
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Open(known) => known.len() * 24,
                Self::Rows(rows) => rows.bytes(),
                Self::Taught(taught) => taught.as_ref().map_or(0, |_| size_of::<Relearnt>()),
            }
    }

    pub(super) fn keeps_rows(&self) -> bool {
        matches!(self, Self::Rows(_))
    }

    pub(super) fn forget_rows(&mut self, taught: Option<Result<Relearnt, Undefined>>) {
        if self.keeps_rows() {
            *self = Self::Taught(taught.and_then(Result::ok).map(Box::new));
        }
    }
}

/// Sets the target of the row with a key, if there is one; of several it is the first: the others are the same prediction
/// come again.
fn set(rows: &mut KeyedRows, key: u64, target: f64) {
    let at = rows.keys.partition_point(|&of| of < key);
    if rows.keys.get(at) == Some(&key) {
        rows.targets[at] = target;
    }
}

/// What was taught, in the form that profiles have of it.
mod taught {
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};

    use crate::profile::Relearnt;

    #[expect(clippy::ref_option, reason = "minicbor asks for this signature")]
    pub(super) fn encode<C, W: Write>(
        taught: &Option<Box<Relearnt>>,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        let text = serde_json::to_vec(taught).map_err(EncodeError::message)?;
        e.bytes(&text)?.ok()
    }

    pub(super) fn decode<C>(
        d: &mut Decoder<'_>,
        _: &mut C,
    ) -> Result<Option<Box<Relearnt>>, DecodeError> {
        let position = d.position();
        let wrong = || DecodeError::message("what a window's targets have taught").at(position);
        serde_json::from_slice(d.bytes()?).map_err(|_| wrong())
    }
}
