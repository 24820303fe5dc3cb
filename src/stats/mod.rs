//! Numbers in, numbers out.
//!
//! Every statistic of vigie as a pure function or a small state with `add`, `merge` and a way to read it. Each
//! states its formula, its source and the tool whose figures it equals.
//!
//! Invariants: no I/O, no clock, no names of columns or models, no global state, no unseeded randomness; NaN
//! never leaves: what has no value is [`Undefined`] with its reason; transcendental functions come from `libm`,
//! so the same bytes come out on every machine.

pub(crate) mod codec;
mod exact_sum;
mod grid;
mod histogram;
mod threshold;
mod undefined;

pub use self::exact_sum::{ExactSum, Scale};
pub use self::grid::Grid;
pub use self::histogram::{Histogram, Weight};
pub use self::threshold::{Limits, Range, Threshold};
pub use self::undefined::Undefined;
