//! Thresholds: from the values of reference windows, or constant.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::moments::{mean, population_deviation};

/// How the limits of a figure are found.
///
/// The default of most metrics is three standard deviations around the mean of the reference windows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// Mean of the reference windows minus and plus a multiple of their population standard deviation; `None`
    /// leaves that side open.
    StandardDeviation {
        /// How many below the mean.
        lower: Option<f64>,
        /// How many above the mean.
        upper: Option<f64>,
    },
    /// Fixed limits, in the unit of the figure; `None` leaves that side open.
    Constant {
        /// A value below it is a breach.
        lower: Option<f64>,
        /// A value above it is a breach.
        upper: Option<f64>,
    },
    /// Never a breach.
    None,
}

impl Threshold {
    /// Three standard deviations on both sides.
    pub const THREE_SIGMA: Self = Self::StandardDeviation { lower: Some(3.0), upper: Some(3.0) };
    /// Three standard deviations above the mean, open below.
    pub const THREE_SIGMA_ABOVE: Self = Self::StandardDeviation { lower: None, upper: Some(3.0) };
    /// No limits at all.
    pub const NONE: Self = Self::None;
    /// Anything above zero is a breach.
    pub const ABOVE_ZERO: Self = Self::Constant { lower: None, upper: Some(0.0) };

    /// From 0.45 to 0.65: what two samples of the same rows stay within when a classifier tries to tell them apart.
    pub const TOLD_APART: Self = Self::Constant { lower: Some(0.45), upper: Some(0.65) };

    /// Whether the limits follow from reference windows.
    pub const fn is_from_reference(self) -> bool {
        matches!(self, Self::StandardDeviation { .. })
    }

    /// The limits that follow from the values of the reference windows, cut to the range that the metric can take.
    ///
    /// Windows without a value are not in `values`. Without any there is no mean, so a standard-deviation
    /// threshold has no limits; nor has it where a value is not finite. One value, or equal ones, put both limits
    /// on that value. O(values).
    #[must_use]
    pub fn limits(self, values: &[f64], range: Range) -> Limits {
        match self {
            Self::None => Limits::OPEN,
            Self::Constant { lower, upper } => range.cut(Limits { lower, upper }),
            Self::StandardDeviation { lower, upper } => {
                let (Ok(mean), Ok(deviation)) = (mean(values), population_deviation(values)) else {
                    return Limits::OPEN;
                };
                range.cut(Limits {
                    lower: lower.map(|k| mean - deviation * k),
                    upper: upper.map(|k| mean + deviation * k),
                })
            }
        }
    }
}

/// The values that a figure can take, and what becomes of a limit outside of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Least possible value.
    pub lower: Option<f64>,
    /// Greatest possible value.
    pub upper: Option<f64>,
    /// A limit at or beyond the end of the range is dropped (`true`) or set to that end (`false`).
    pub drop: bool,
}

impl Range {
    /// Any value.
    pub const ANY: Self = Self { lower: None, upper: None, drop: false };
    /// From 0 to 1.
    pub const UNIT: Self = Self { lower: Some(0.0), upper: Some(1.0), drop: false };
    /// From -1 to 1.
    pub const EITHER_WAY: Self = Self { lower: Some(-1.0), upper: Some(1.0), drop: false };
    /// From 0 upwards.
    pub const POSITIVE: Self = Self { lower: Some(0.0), upper: None, drop: false };
    /// From 0 upwards; a lower limit at or below 0 is no limit.
    pub const POSITIVE_OR_OPEN: Self = Self { lower: Some(0.0), upper: None, drop: true };

    /// Cuts limits to the range.
    #[must_use]
    pub fn cut(self, limits: Limits) -> Limits {
        let end = |end: f64| if self.drop { None } else { Some(end) };
        Limits {
            lower: match (limits.lower, self.lower) {
                (Some(limit), Some(least)) if limit <= least => end(least),
                (limit, _) => limit,
            },
            upper: match (limits.upper, self.upper) {
                (Some(limit), Some(greatest)) if limit >= greatest => end(greatest),
                (limit, _) => limit,
            },
        }
    }

    /// Cuts a value to the range.
    #[must_use]
    pub fn clip(self, value: f64) -> f64 {
        let value = self.lower.map_or(value, |least| value.max(least));
        self.upper.map_or(value, |greatest| value.min(greatest))
    }
}

/// The limits of a figure; an open side is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// A value below it is a breach.
    pub lower: Option<f64>,
    /// A value above it is a breach.
    pub upper: Option<f64>,
}

impl Limits {
    /// No limits.
    pub const OPEN: Self = Self { lower: None, upper: None };

    /// Whether a value lies strictly outside.
    #[must_use]
    pub fn breached_by(self, value: f64) -> bool {
        self.lower.is_some_and(|limit| value < limit)
            || self.upper.is_some_and(|limit| value > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(lower: f64, upper: f64) -> Limits {
        Limits { lower: Some(lower), upper: Some(upper) }
    }

    #[test]
    fn three_deviations_lie_around_the_mean_of_the_windows() {
        let found = Threshold::THREE_SIGMA.limits(&[1.0, 3.0], Range::ANY);
        assert_eq!(found, limits(-1.0, 5.0));
        let above = Threshold::THREE_SIGMA_ABOVE.limits(&[1.0, 3.0], Range::ANY);
        assert_eq!(above, Limits { lower: None, upper: Some(5.0) });
    }

    #[test]
    fn a_single_window_is_both_limits_and_does_not_breach_itself() {
        let found = Threshold::THREE_SIGMA.limits(&[0.7], Range::UNIT);
        assert_eq!(found, limits(0.7, 0.7));
        assert!(!found.breached_by(0.7));
        assert!(found.breached_by(0.700_000_1) && found.breached_by(0.699_999_9));
    }

    #[test]
    fn no_windows_and_infinite_ones_set_no_limits() {
        assert_eq!(Threshold::THREE_SIGMA.limits(&[], Range::UNIT), Limits::OPEN);
        assert_eq!(Threshold::THREE_SIGMA.limits(&[f64::INFINITY], Range::UNIT), Limits::OPEN);
        assert_eq!(Threshold::NONE.limits(&[0.5], Range::UNIT), Limits::OPEN);
    }

    #[test]
    fn limits_at_or_beyond_the_range_are_cut_or_dropped() {
        let wide = Threshold::Constant { lower: Some(-1.0), upper: Some(1.0) };
        assert_eq!(wide.limits(&[], Range::UNIT), limits(0.0, 1.0));
        let open = wide.limits(&[], Range::POSITIVE_OR_OPEN);
        assert_eq!(open, Limits { lower: None, upper: Some(1.0) });
        assert!(Threshold::ABOVE_ZERO.limits(&[], Range::UNIT).breached_by(0.01));
    }

    #[test]
    fn what_has_no_value_breaches_nothing() {
        assert!(!limits(0.0, 1.0).breached_by(f64::NAN));
    }
}
