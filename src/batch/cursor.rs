//! What a reader of the log knows of a lane, and so which records it takes.

use minicbor::{Decode, Encode};

use crate::batch::{Body, Carried, Record};

/// How far a lane has been applied. Drops what was seen, cuts what overlaps, drops what lies beyond a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Cursor {
    /// The greatest owner number seen.
    #[n(0)]
    pub owner: u64,
    /// Where the lane begins.
    #[n(1)]
    pub beginning: i64,
    /// Everything below has been applied.
    #[n(2)]
    pub position: i64,
}

/// What became of a record at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is new; what of it lies below the lane's position was cut off.
    New,
    /// It comes from an owner who has been replaced.
    Zombie,
    /// All of it had been applied.
    Seen,
    /// Something before it is missing; its sender will come back to it.
    Gap {
        /// The first offset that is missing.
        missing: i64,
    },
}

impl Cursor {
    /// A lane that nobody knows yet.
    pub fn unknown() -> Self {
        Self { owner: 0, beginning: -1, position: -1 }
    }

    /// Whether the lane's beginning is known.
    pub fn is_known(&self) -> bool {
        self.beginning >= 0
    }

    /// Judges a record, and moves on where it is new.
    pub fn admit<C: Carried>(&mut self, record: &mut Record<C>) -> Admission {
        let header = &record.header;
        if header.owner < self.owner {
            return Admission::Zombie;
        }
        self.owner = header.owner;
        let stretch = header.stretch;
        match &mut record.body {
            Body::Open { beginning } => {
                if !self.is_known() {
                    self.beginning = *beginning;
                    self.position = *beginning;
                }
                Admission::New
            }
            Body::Heartbeat(_) | Body::Command(..) => Admission::New,
            Body::Rows(_) | Body::Lost { .. } if !self.is_known() => {
                Admission::Gap { missing: stretch.from }
            }
            Body::Rows(_) | Body::Lost { .. } if stretch.to <= self.position => Admission::Seen,
            Body::Rows(_) | Body::Lost { .. } if stretch.from > self.position => {
                Admission::Gap { missing: self.position }
            }
            Body::Rows(content) => {
                content.cut(self.position);
                record.header.stretch.from = self.position;
                self.position = stretch.to;
                Admission::New
            }
            Body::Lost { .. } => {
                record.header.stretch.from = self.position;
                self.position = stretch.to;
                Admission::New
            }
        }
    }
}
