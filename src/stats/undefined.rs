//! Why a figure has no value.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a figure has no value; becomes its `status` in results.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Undefined {
    /// No rows at all.
    Empty,
    /// Rows, but none with a value in the columns that the figure needs.
    AllMissing,
    /// The reference is constant, so its spread is zero.
    Constant,
    /// Only one class among the targets (or the expected targets) or the predictions.
    OneClass,
    /// A denominator is zero, or the reference gave too few rows to say.
    TooFew,
    /// A value was infinite or not a number, or a sum of values was too great to hold.
    Infinite,
    /// A value was below zero where its logarithm is wanted.
    Negative,
    /// No row has a target.
    NoTargets,
    /// Scores that weigh in the window of which no row has a target yet.
    StratumWithoutTargets,
    /// The column is not in the data.
    NotInData,
    /// Too many rows look like nothing in the reference.
    OutsideSupport,
}

impl Undefined {
    /// The name used in results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::AllMissing => "all_missing",
            Self::Constant => "constant",
            Self::OneClass => "one_class",
            Self::TooFew => "too_few",
            Self::Infinite => "infinite",
            Self::Negative => "negative",
            Self::NoTargets => "no_targets",
            Self::StratumWithoutTargets => "stratum_without_targets",
            Self::NotInData => "not_in_data",
            Self::OutsideSupport => "outside_support",
        }
    }

    /// A computed figure, or the reason why it is none: NaN and infinities do not leave `stats`.
    pub(crate) fn unless_finite(value: f64) -> Result<f64, Self> {
        if value.is_finite() { Ok(value) } else { Err(Self::Infinite) }
    }
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
