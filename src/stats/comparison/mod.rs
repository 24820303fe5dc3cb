//! Two models over rows: how far apart a figure of one is from that of the other, and how surely.
//!
//! Every figure comes as an [`Influence`]: its value, and what each row adds to it. Rows that both models scored are
//! compared row by row ([`Difference::paired`]), so what is hard for both cancels; rows of their own side by side
//! ([`Difference::independent`]). One form serves means, ratios and ranks, realized and estimated.

mod cells;
mod difference;
mod influence;
mod ranking;

pub use self::cells::{CellSlopes, Rate, confusion_of};
pub use self::difference::{DECISIVE, Difference, Learned, learning_variance};
pub use self::influence::Influence;
