//! What can go wrong between us and the cluster, and what happens then.

use std::error::Error;

use rdkafka::error::KafkaError;

use crate::batch::{Lane, WireError};
use crate::epoch::CompileError;
use crate::tally::{CheckpointError, Halt};

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It is tried again, from what is committed.
    Retry,
    /// The partition is given up until the group assigns it again.
    GiveUp,
    /// It needs a hand: the partition stops and is named.
    Stop,
}

/// What can go wrong between us and the cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// A client cannot be made of its properties.
    #[error("kafka: {0}; see `[kafka.properties]`")]
    Configuration(#[source] KafkaError),
    /// The cluster did not answer, or not as hoped.
    #[error("{what}: {source}")]
    Cluster {
        /// What was asked.
        what: String,
        /// What librdkafka says.
        #[source]
        source: KafkaError,
    },
    /// Somebody else has taken over.
    #[error("{what}: another instance has taken over")]
    Fenced {
        /// What was taken over.
        what: String,
    },
    /// A topic does not exist.
    #[error("topic `{topic}` does not exist; {hint}")]
    NoTopic {
        /// The topic.
        topic: String,
        /// What to do.
        hint: String,
    },
    /// A topic is not as it must be.
    #[error("topic `{topic}`: {found}; {wanted}")]
    Topic {
        /// The topic.
        topic: String,
        /// What it is.
        found: String,
        /// What it must be, and how to make it so.
        wanted: String,
    },
    /// Records that were to be read are gone.
    #[error(
        "topic `{topic}` partition {partition}: offsets {from} to {to} are gone (retention?), and were not read; say \
         `vigie apply --lost {topic}/{partition}` to go on behind them"
    )]
    Gone {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The first offset that is gone.
        from: i64,
        /// The first that is there.
        to: i64,
    },
    /// Records of our own log that were to be read are gone.
    #[error(
        "topic `{topic}` partition {partition}: offsets {from} to {to} are gone (retention?), and were not read. Nothing \
         can make up for what they held: begin a new `kafka.namespace`, and keep its logs for longer than their readers \
         may be down"
    )]
    LogGone {
        /// The log.
        topic: String,
        /// The partition.
        partition: i32,
        /// The first offset that is gone.
        from: i64,
        /// The first that is there.
        to: i64,
    },
    /// A record of our own log cannot be read.
    #[error("{log} log partition {partition} offset {offset}")]
    Wire {
        /// Which log.
        log: &'static str,
        /// The partition.
        partition: i32,
        /// Where it stands.
        offset: i64,
        /// Why.
        #[source]
        source: WireError,
    },
    /// A record of our own log cannot be understood.
    #[error("tally log partition {partition} offset {offset}")]
    Halt {
        /// The partition.
        partition: i32,
        /// Where it stands.
        offset: i64,
        /// Why.
        #[source]
        source: Halt,
    },
    /// What waits for targets cannot be kept or read in local files.
    #[error("join partition {partition}: its local files")]
    Kept {
        /// The partition.
        partition: i32,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The archive cannot be written or read.
    #[error("archive of {topic}/{partition}")]
    Archive {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// We have not read as far as whoever wrote this.
    #[error("{what}")]
    Behind {
        /// What is not known yet.
        what: String,
    },
    /// Our own state cannot be read.
    #[error("state of tally partition {partition}")]
    State {
        /// The partition.
        partition: i32,
        /// Why.
        #[source]
        source: CheckpointError,
    },
    /// What was computed again is not what was published.
    #[error(
        "tally partition {partition}: up to log position {position} this version answers otherwise than what was \
         published ({found} against {published} results); run the version that published it, or begin a new namespace"
    )]
    Diverged {
        /// The partition.
        partition: i32,
        /// Up to where.
        position: i64,
        /// How many results were computed.
        found: u64,
        /// How many were published.
        published: u64,
    },
    /// A profile cannot serve its model.
    #[error(transparent)]
    Profile(#[from] CompileError),
    /// The control topic cannot be understood.
    #[error("control topic: {0}")]
    Control(String),
    /// This instance cannot go on.
    #[error("this instance cannot go on: {0}")]
    Instance(String),
    /// The lane's commit carries metadata that are not ours, and no ledger knows the lane.
    #[error(
        "lane {lane} (topic `{topic}`): its group offset was committed by something else than vigie"
    )]
    Foreign {
        /// The lane.
        lane: Lane,
        /// Its topic.
        topic: String,
    },
}

/// An error with all its causes, in a line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let more = source.to_string();
        // Some libraries repeat their cause in their own text.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = source.source();
    }
    text
}

impl StreamError {
    pub(super) fn cluster(what: impl Into<String>) -> impl FnOnce(KafkaError) -> Self {
        let what = what.into();
        move |source| Self::Cluster { what, source }
    }

    /// The thread of a member of one of our groups has ended, which it never does before it is told to.
    pub(super) fn gone_member(group: &str) -> Self {
        Self::Instance(format!("the member of the group `{group}` is gone; the log says why"))
    }

    /// What happens next.
    pub fn disposition(&self) -> Disposition {
        match self {
            // Whoever wrote an unknown number has read the control topic further than we have.
            Self::Cluster { .. }
            | Self::Behind { .. }
            // Disks fill and are emptied: nothing is taken meanwhile, and nothing lost.
            | Self::Kept { .. }
            | Self::Archive { .. }
            | Self::Halt {
                source: Halt::UnknownEpoch { .. } | Halt::UnknownPolicy { .. }, ..
            } => Disposition::Retry,
            Self::Fenced { .. } => Disposition::GiveUp,
            _ => Disposition::Stop,
        }
    }
}
