//! From window results to alert events.
//!
//! A policy is a pure state machine: the same results in the same order give the same events, so history can be
//! replayed through it. Knows nothing of where events go.

mod event;
mod policy;
mod rank;
mod words;

pub use self::event::{
    Action, AlertEvent, Event, Evidence, Resolution, SCHEMA, SegmentFigure, Severity,
};
pub use self::policy::{Level, Lifecycle, Policy, Scope, beyond, weighs};
pub use self::words::{describe, number};
