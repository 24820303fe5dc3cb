//! Drives the stages over Kafka: who reads what, delivery, the transaction, topics.
//!
//! ```text
//! service     puts settings in force, runs the stages until it is told to stop
//! membership  which partitions are ours; reads nothing itself
//! intake/     lanes -> tally log and join log: takes over, reads, sends, commits what every output has acknowledged
//! join/       a worker a partition of the join log: what waits is kept in local files, what becomes known goes to the tally log
//! tally       a worker a partition of the tally log
//! worker      fences, reads the state back, catches up in silence; results, alerts and state in one transaction
//! archive     results, alerts and, when asked, rows to whoever keeps them as files
//! notify      has somebody told of what stands in the alert topic
//! control     what is in force, agreed on through a topic
//! follow      results and alerts of all models, read back from their topics: what people are shown
//! ```
//!
//! The rules live in the stages themselves (`intake`, `tally`); what stands here does what they say. Only this module
//! names rdkafka.

mod acks;
mod again;
mod archive;
mod audit;
mod clients;
mod commands;
mod control;
mod crash;
mod dead_letters;
mod embedded;
mod error;
mod expressions;
mod follow;
mod intake;
mod join;
mod membership;
mod native;
mod notify;
mod producer;
mod pulse;
mod read;
mod sender;
mod service;
mod state_topic;
mod stop;
mod tally;
mod topics;
mod worker;

pub use self::again::rows_again;
pub use self::archive::{Archive, ArchiveError, Archived, ArchivedPartition, MakeArchive, Step};
pub use self::audit::{Audit, Finding, LaneAudit, audit};
pub use self::clients::Clients;
pub use self::commands::{Request, ask, ever_in_force, newest, read_topic, send};
pub use self::control::{
    Applied, ControlLog, InForce, Now, Profiles, apply, control_log, give_up, recorded_layout,
};
pub use self::crash::{ARCHIVE_POINTS, POINTS as CRASH_POINTS};
pub use self::embedded::EmbeddedBroker;
pub use self::error::{Disposition, StreamError};
pub use self::expressions::ExpressionMaker;
pub use self::follow::{Follow, read_published};
pub use self::join::{AnyKeep, KeepError, Kept, KeptOf, MakeKeep};
pub use self::notify::Tell;
pub use self::read::{ReadRecord, Reading, read_first, read_on, read_to_end};
pub use self::sender::Sender;
pub use self::service::{Service, Stages};
pub use self::stop::Stop;
pub use self::tally::MakeShow;
pub use self::topics::{Layout, Setting, Wanted, create, faults, lanes, wanted};
