//! Records on the tally log: what they say of their lane, and what they carry.

use minicbor::{Decode, Encode};

use crate::batch::{Command, Cursor, Label, Lane, More, Rows, Stretch};

/// One record of a log of ours: of the tally log, or with [`Keyed`](crate::batch::Keyed) content of the join log.
#[derive(Clone, Debug)]
pub struct Record<C = Content> {
    /// Which lane it speaks for.
    pub header: Header,
    /// What it says.
    pub body: Body<C>,
}

/// What a record carries of a stretch, each part with the offset of the record that it comes from.
pub trait Carried {
    /// Leaves out what lies below `offset`.
    fn cut(&mut self, offset: i64);
}

impl Record {
    /// What a person asks for, with the rows that it takes: it speaks for no lane, and moves no position.
    pub fn command(epoch: u64, command: Command, content: Content) -> Self {
        let header = Header {
            lane: Lane::NONE,
            topic: String::new(),
            partitions: 0,
            owner: 0,
            epoch,
            policy: 0,
            stretch: Stretch { from: 0, to: 0 },
        };
        Self { header, body: Body::Command(Box::new(command), content) }
    }
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
pub enum Body<C = Content> {
    /// A new owner has taken the lane, which begins at this offset for readers who do not know it yet.
    Open {
        /// The lane's first offset that counts.
        beginning: i64,
    },
    /// What was read of a stretch.
    Rows(C),
    /// The lane is alive.
    Heartbeat(Heartbeat),
    /// The stretch is gone: an operator said to go on without it.
    Lost {
        /// Why.
        reason: String,
    },
    /// A person asks for something; with the rows that it takes. It speaks for no lane.
    Command(Box<Command>, C),
}

/// What was read of a stretch: every record of the input once, as a row, a reject, filtered out, or ground
/// truth.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// The rows, a section a model version.
    pub sections: Vec<Section>,
    /// Records that could not be read.
    pub rejects: Vec<Reject>,
    /// Offsets of the records that the model's filter leaves out.
    pub filtered: Vec<i64>,
    /// Offsets of the records that are ground truth: what they say goes by the join log.
    pub truths: Vec<i64>,
    /// What the join has found out; its lane is a partition of the join log.
    pub realized: Vec<Realized>,
    /// How far it has come; of the same lane.
    pub settled: Vec<Settled>,
    /// How far it has applied the lanes of the inputs; of the same lane.
    pub reached: Vec<Reached>,
}

/// Below which place in a lane of predictions nothing more will become known of a model, in one partition of the join
/// log: its predictions there have waited long enough.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Settled {
    /// Where in the join log that was known.
    #[n(0)]
    pub offset: i64,
    /// The model.
    #[n(1)]
    pub model: String,
    /// The lane of predictions.
    #[n(2)]
    pub lane: Lane,
    /// The first position that may still hear of a target.
    #[n(3)]
    pub until: i64,
}

/// How far a partition of the join log has applied a lane: for whoever has to know it when the group has forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reached {
    /// Where in the join log that was known.
    #[n(0)]
    pub offset: i64,
    /// The lane.
    #[n(1)]
    pub lane: Lane,
    /// What its reader knew of it.
    #[n(2)]
    pub cursor: Cursor,
}

/// What became known of one prediction.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Realized {
    /// Where in the join log that was.
    #[n(0)]
    pub offset: i64,
    /// The lane of the prediction.
    #[n(1)]
    pub lane: Lane,
    /// Where the prediction stands in it.
    #[n(2)]
    pub position: i64,
    /// The epoch that it was read in.
    #[n(3)]
    pub epoch: u64,
    /// Its model.
    #[n(4)]
    pub model: Label,
    /// Its version.
    #[n(5)]
    pub version: Label,
    /// Its event time in microseconds since 1970, UTC.
    #[n(6)]
    pub time: i64,
    /// Its score, or the number that was predicted; `None` where it is missing.
    #[n(7)]
    pub score: Option<f64>,
    /// What the model decided; `None` where it is missing.
    #[n(8)]
    pub predicted: Option<Label>,
    /// What that is.
    #[n(9)]
    pub news: News,
    /// What more there is of it.
    #[n(10)]
    pub more: Option<Box<More>>,
}

/// What is new of a prediction.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum News {
    /// Its target is another one than before; `None` where there is none.
    #[n(0)]
    Target {
        /// The one before.
        #[n(0)]
        before: Option<Label>,
        /// The one that counts now.
        #[n(1)]
        after: Option<Label>,
        /// From the prediction's arrival to the target's, in milliseconds of the join log's time; 0 where the target
        /// was there first.
        #[n(2)]
        lag: i64,
    },
    /// It has the id of an earlier prediction of the same version: no target will count for it.
    #[n(1)]
    Repeated,
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
    /// How many records of an input it accounts for.
    pub fn len(&self) -> usize {
        let rows: usize = self.sections.iter().map(|section| section.rows.len()).sum();
        rows + self.rejects.len() + self.filtered.len() + self.truths.len()
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
            && self.realized.is_empty()
            && self.settled.is_empty()
            && self.reached.is_empty()
    }
}

impl Carried for Content {
    fn cut(&mut self, offset: i64) {
        for section in &mut self.sections {
            let below = section.rows.offsets.partition_point(|&at| at < offset);
            if below > 0 {
                section.rows = section.rows.slice(below, section.rows.len() - below);
            }
        }
        self.sections.retain(|section| !section.rows.is_empty());
        self.rejects.retain(|reject| reject.offset >= offset);
        self.filtered.retain(|&at| at >= offset);
        self.truths.retain(|&at| at >= offset);
        self.realized.retain(|realized| realized.offset >= offset);
        self.settled.retain(|settled| settled.offset >= offset);
        self.reached.retain(|reached| reached.offset >= offset);
    }
}
