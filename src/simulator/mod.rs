//! A seeded world with a model, drift, faults and late targets, that knows the truth.
//!
//! [`World`] is one in which people apply for loans: a model scores them, its score is calibrated by construction,
//! and a [`Schedule`] lets the three troubles come and go that monitoring must tell apart: covariate shift, an
//! upstream fault, concept drift. [`World::truth`] says how the model truly did on any range of events, computed
//! apart from the product's own statistics. [`OutcomePlan`] brings the targets late, [`dispatches`] those of other data. [`WideWorld`] is plain and as
//! wide as a bench wants it.
//!
//! Every event is a pure function of seed and number: slices, partitions and processes agree to the byte, on every
//! machine. It knows nothing of the product, so that the product can be held against it.
//!
//! ```
//! use vigie::simulator::{Layout, Schedule, World};
//!
//! let world = World::new(7).with_schedule(Schedule::demo(5_000));
//! let reference = world.reference(20_000).truth(0..20_000);
//! let shifted = world.truth(7_000..10_000);
//! assert!(shifted.expected.roc_auc.unwrap() < reference.expected.roc_auc.unwrap() - 0.05);
//! let event = world.prediction(&world.case(0)).to_json(Layout::Nested);
//! assert!(event.starts_with(br#"{"id":"loan-0","timestamp":"2026-01-01T00:00:00"#));
//! ```

mod applicant;
mod course;
mod dispatch;
mod draws;
mod event;
mod lending;
mod outcome;
mod schedule;
mod truth;
mod wide;
mod world;

pub use self::applicant::{Applicant, Channel, Region};
pub use self::course::{Message, OutcomePlan, Roads, Says};
pub use self::dispatch::{Dispatch, Order, Sendable, dispatches};
pub use self::event::{Features, Layout, Prediction};
pub use self::lending::Model;
pub use self::outcome::Outcome;
pub use self::schedule::{Conditions, Phase, Schedule};
pub use self::truth::{Performance, Scored, Truth};
pub use self::wide::{WideFeatures, WideRow, WideShape, WideWorld};
pub use self::world::{Case, Timeline, World};

#[cfg(test)]
mod tests;
