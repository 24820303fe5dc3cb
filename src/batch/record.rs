//! Records on the tally log: what they say of their lane, and what they carry.

use minicbor::{Decode, Encode};

use crate::batch::{Lane, Rows, Stretch};

/// One record of the tally log.
#[derive(Clone, Debug)]
pub struct Record {
    /// Which lane it speaks for.
    pub header: Header,
    /// What it says.
    pub body: Body,
}

/// What every record says of its lane.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// Which lane.
    #[n(0)]
    pub lane: Lane,
    /// The name of its topic.
    #[n(1)]
    pub topic: String,
    /// How many partitions the topic has.
    #[n(2)]
    pub partitions: i32,
    /// Rises with every owner of the lane; what carries a lower one than seen is a zombie's.
    #[n(3)]
    pub owner: u64,
    /// The settings and profiles by which the rows were read.
    #[n(4)]
    pub epoch: u64,
    /// The settings that change no figure.
    #[n(5)]
    pub policy: u64,
    /// The stretch of the lane that it stands for; empty at the lane's position where it carries none.
    #[n(6)]
    pub stretch: Stretch,
}

/// What a record carries.
#[derive(Clone, Debug)]
pub enum Body {
    /// A new owner has taken the lane, which begins at this offset for readers who do not know it yet.
    Open {
        /// The lane's first offset that counts.
        beginning: i64,
    },
    /// What was read of a stretch.
    Rows(Content),
    /// The lane is alive.
    Heartbeat(Heartbeat),
    /// The stretch is gone: an operator said to go on without it.
    Lost {
        /// Why.
        reason: String,
    },
}

/// What was read of a stretch: every record of the input once, as a row, a reject, or filtered out.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// The rows, a section a model version.
    pub sections: Vec<Section>,
    /// Records that could not be read.
    pub rejects: Vec<Reject>,
    /// Offsets of the records that the model's filter leaves out.
    pub filtered: Vec<i64>,
}

/// Rows of one model version.
#[derive(Clone, Debug)]
pub struct Section {
    /// The model.
    pub model: String,
    /// Its version; empty where events name none.
    pub version: String,
    /// Its rows; `None` in place of columns where no profile serves the version: such rows are counted only.
    pub rows: Rows,
    /// Whether a profile serves this version.
    pub profiled: bool,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reject {
    /// Where it stands.
    #[n(0)]
    pub offset: i64,
    /// The model and version that it named, where that could be read.
    #[n(1)]
    pub model: Option<(String, String)>,
    /// Why.
    #[n(2)]
    pub reason: String,
}

/// How far a lane's owner is, so that silence can be told from delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Heartbeat {
    /// The lane's high watermark, asked from the broker for this heartbeat.
    #[n(0)]
    pub high_watermark: i64,
    /// When the owner's heartbeat before this one was appended to the log, in milliseconds since 1970: whoever has
    /// applied everything below `high_watermark` has seen all that the lane held at this time.
    #[n(1)]
    pub reached: i64,
}

impl Content {
    /// How many records of the input it accounts for.
    pub fn len(&self) -> usize {
        let rows: usize = self.sections.iter().map(|section| section.rows.len()).sum();
        rows + self.rejects.len() + self.filtered.len()
    }

    /// Whether it accounts for none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Leaves out what lies below `offset`.
    pub fn cut(&mut self, offset: i64) {
        for section in &mut self.sections {
            let below = section.rows.offsets.partition_point(|&at| at < offset);
            if below > 0 {
                section.rows = section.rows.slice(below, section.rows.len() - below);
            }
        }
        self.sections.retain(|section| !section.rows.is_empty());
        self.rejects.retain(|reject| reject.offset >= offset);
        self.filtered.retain(|&at| at >= offset);
    }
}
