//! From window results to alert events.
//!
//! A policy is a pure state machine: the same results in the same order give the same events, so history can be
//! replayed through it. Knows nothing of where events go.

mod distance;
mod early;
mod event;
mod evidence;
mod lifecycle;
mod policy;
mod rank;
mod record;
mod replay;
mod silence;
mod successor;
mod watch;
mod words;

pub use self::early::{Place, Warning};
pub use self::event::{
    Action, AlertEvent, Cause, Change, Changed, Estimator, Event, Evidence, Resolution, SCHEMA,
    SegmentFigure, Severity, Subject, Successor,
};
pub use self::policy::{Cooldown, CriticalAbove, Level, Policy, Quiet, beyond, weighs};
pub use self::replay::{Incident, Simulation, replay};
pub use self::silence::Silence;
pub use self::successor::Newer;
pub use self::watch::{Published, Watch};
pub use self::words::{describe, number};
