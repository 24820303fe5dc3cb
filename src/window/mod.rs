//! A window of predictions as one bounded value: folded from rows, merged, evaluated against a profile.
//!
//! ```text
//! rows --fold--> WindowState --merge--> WindowState --evaluate--> Reading --figures--> WindowResult
//! ```
//!
//! [`Plan`] is a profile together with what the settings ask of it: it lays out the state, reads it, and judges what
//! was read. Knows nothing of Kafka, files or clocks, nor (but for files, [`Cut`]) of which rows belong to which
//! window: that is `tally`.

mod again;
mod assemble;
mod awaited;
mod categorical;
mod continuous;
mod criteria;
mod cut;
mod distribution;
mod early;
mod embedding;
mod evaluate;
mod judge;
mod keyed;
mod outcome;
mod plan;
mod realized;
mod reconstruction;
mod reference;
mod result;
mod robust;
mod rowwise;
mod sample;
mod segments;
mod slices;
mod state;

pub use self::again::Repeated;
pub use self::assemble::{ALL, ENGINE, Heading, utc};
pub use self::awaited::{Awaited, Labels, Repeat};
pub use self::criteria::{Criteria, CustomMetric, Early, RankBy};
pub use self::cut::{Cut, Run, WindowKey};
pub use self::outcome::PROBABILITY_UNITS;
pub use self::plan::{Plan, Prepared};
pub use self::realized::Outcome;
pub use self::reference::reference_results;
pub use self::result::{
    ClosedBy, Dataset, Distribution, Figure, LaneInput, Method, RevisionCause, SCHEMA, Status,
    Targets, WindowResult,
};
pub use self::segments::SegmentPlan;
pub use self::state::WindowState;
