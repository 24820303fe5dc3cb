//! How far a figure lies beyond its thresholds, in sampling errors, and how likely chance would bring it there.

use std::f64::consts::SQRT_2;

use crate::metric::{Kind, Metric};
use crate::window::Figure;

/// A threshold stands for so many standard errors: what thresholds are by default, and how many of its binomial standard
/// errors a share of faulty rows must lie above its threshold.
const THRESHOLD: f64 = 3.0;
/// No distance is greater.
const FAR: f64 = 1e6;
/// A test's threshold: a breach is a p-value below 0.05, which is so many standard errors.
const TEST: f64 = 1.644_853_626_951_472_7;

/// A figure held against its thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Distance {
    /// Beyond the threshold that is nearest, in sampling errors; negative inside.
    pub(super) beyond: f64,
    /// From the threshold to the middle between both: nothing can be further inside.
    room: f64,
    /// How likely it is by chance.
    pub(super) p_value: f64,
}

impl Distance {
    /// That of a figure of so many rows; `None` where it has no value, or nothing to be held against.
    ///
    /// The unit is the sampling error. A share of faulty rows has its binomial one, and counts from three of them above its
    /// threshold on: one row out of range in a thousand is no fault. Where there is none, thresholds are taken to lie three
    /// standard deviations from the middle between them, or from 0 where there is one alone: for a distance from the
    /// reference, which is not below 0, that makes its deviation too great rather than too small.
    pub(super) fn of(figure: &Figure, rows: u64) -> Option<Self> {
        let value = figure.value?;
        if figure.kind == Kind::Quality {
            return Self::of_share(value, figure.upper_threshold?, rows as f64);
        }
        // Nothing lies beyond the end of what a metric can be, so nothing is near it either.
        let range = figure.metric.metric().spec().range;
        let is_end = |limit: f64, end: Option<f64>| end == Some(limit);
        let lower = figure.lower_threshold.filter(|&limit| !is_end(limit, range.lower));
        let upper = figure.upper_threshold.filter(|&limit| !is_end(limit, range.upper));
        let below = lower.map_or(f64::NEG_INFINITY, |limit| limit - value);
        let above = upper.map_or(f64::NEG_INFINITY, |limit| value - limit);
        let excess = below.max(above);
        if excess == f64::NEG_INFINITY {
            let test = figure.metric == Metric::Chi2 || figure.metric == Metric::SliceChange;
            let p_value = figure.p_value.filter(|_| test)?;
            // A slice that got better is far from a breach.
            let is_better = figure.metric == Metric::SliceChange && value <= 0.0;
            let p_value = if is_better { 1.0 } else { p_value };
            let beyond = errors_of(p_value) - TEST;
            return Some(Self { beyond, room: f64::INFINITY, p_value });
        }
        let half = match (lower, upper) {
            (Some(lower), Some(upper)) => (upper - lower) / 2.0,
            (Some(limit), None) | (None, Some(limit)) => limit.abs(),
            (None, None) => 0.0,
        };
        let unit = figure.sampling_error.filter(|error| *error > 0.0).unwrap_or(half / THRESHOLD);
        let beyond = if unit > 0.0 { excess / unit } else { sign(excess) * FAR };
        let both = lower.is_some() && upper.is_some() && unit > 0.0;
        let room = if both { half / unit } else { f64::INFINITY };
        let room = if half == 0.0 && lower.is_some() && upper.is_some() { 0.0 } else { room };
        let beyond = beyond.clamp(-FAR, FAR);
        Some(Self { beyond, room, p_value: figure.p_value.unwrap_or(tail(THRESHOLD + beyond)) })
    }

    fn of_share(value: f64, limit: f64, rows: f64) -> Option<Self> {
        if rows < 1.0 {
            return None;
        }
        // Rates are at most 1; what is more is a number of rows.
        let whole = if value > 1.0 || limit > 1.0 { rows } else { 1.0 };
        let (share, limit) = (value / whole, limit / whole);
        // That of one row where there is none, or none without.
        let least = 1.0 / rows * (1.0 - 1.0 / rows);
        let error = ((share * (1.0 - share)).max(least) / rows).max(f64::MIN_POSITIVE).sqrt();
        let beyond = (share - limit) / error;
        let p_value = tail(beyond);
        let beyond = (beyond - THRESHOLD).clamp(-FAR, FAR);
        Some(Self { beyond, room: f64::INFINITY, p_value })
    }

    /// Whether it lies inside by a margin, or half way to the middle where thresholds are so near to each other.
    pub(super) fn is_inside_by(&self, margin: f64) -> bool {
        self.beyond <= -margin.min(self.room / 2.0)
    }
}

fn sign(value: f64) -> f64 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// Chance to lie so many standard errors above the mean.
fn tail(errors: f64) -> f64 {
    0.5 * libm::erfc(errors / SQRT_2)
}

/// The standard errors that a chance stands for: the other way round, by halving.
fn errors_of(chance: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if tail(middle) > chance { low = middle } else { high = middle }
    }
    low
}

/// The greatest p-value that is a discovery, where at most a share of the discoveries may be false; 0 where there is
/// none. Benjamini and Hochberg 1995; holds for tests that go together, too (Benjamini and Yekutieli 2001).
pub(super) fn discovered(mut p_values: Vec<f64>, share: f64) -> f64 {
    p_values.sort_by(f64::total_cmp);
    let tests = p_values.len() as f64;
    let least = |(place, p): (usize, &f64)| *p <= (place + 1) as f64 / tests * share;
    p_values.iter().enumerate().rev().find(|found| least(*found)).map_or(0.0, |(_, p)| *p)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;
    use crate::window::Status;

    fn figure(kind: Kind, metric: Metric, value: f64) -> Figure {
        Figure { kind, metric: metric.into(), ..Figure::count(value, Status::Ok) }
    }

    #[test]
    fn tails_are_those_of_scipy() {
        // scipy.stats.norm.sf
        for (errors, chance) in [
            (0.0, 0.5),
            (3.0, 0.001_349_898_031_630_093_3),
            (-1.0, 0.841_344_746_068_542_9),
            (8.0, 6.220_960_574_271_74e-16),
        ] {
            assert!((tail(errors) / chance - 1.0).abs() < 1e-12, "{errors}");
            assert!((errors_of(chance) - errors).abs() < 1e-9, "{errors}");
        }
        assert!((errors_of(0.05) - TEST).abs() < 1e-12);
    }

    #[test]
    fn discoveries_are_those_of_statsmodels() {
        // statsmodels.stats.multitest.multipletests(p, 0.05, "fdr_bh"): the second and the fourth.
        let p_values = vec![0.039, 0.001, 0.041, 0.008, 0.9];
        assert_eq!(discovered(p_values, 0.05), 0.008);
        // The last one carries those before it: p_(4) <= 4/4 * 0.05.
        assert_eq!(discovered(vec![0.03, 0.04, 0.045, 0.05], 0.05), 0.05);
        assert_eq!(discovered(vec![0.2, 0.06], 0.05), 0.0);
        assert_eq!(discovered(Vec::new(), 0.05), 0.0);
    }

    #[test]
    fn performance_is_measured_in_its_sampling_error() {
        let of = |value| {
            let figure = Figure {
                lower_threshold: Some(0.7),
                upper_threshold: Some(0.9),
                sampling_error: Some(0.02),
                ..figure(Kind::Estimated, Metric::RocAuc, value)
            };
            Distance::of(&figure, 1000).unwrap()
        };
        assert!((of(0.66).beyond - 2.0).abs() < 1e-9);
        assert!((of(0.94).beyond - 2.0).abs() < 1e-9);
        assert!((of(0.71).beyond + 0.5).abs() < 1e-9);
        assert!(of(0.71).is_inside_by(0.4) && !of(0.71).is_inside_by(0.6));
        assert!(
            of(0.8).is_inside_by(50.0),
            "however great the margin: half way to the middle will do"
        );
    }

    #[test]
    fn a_threshold_at_the_end_of_the_range_is_never_near() {
        let figure = Figure {
            lower_threshold: Some(0.9),
            upper_threshold: Some(1.0),
            sampling_error: Some(0.01),
            ..figure(Kind::Realized, Metric::Recall, 1.0)
        };
        assert!(Distance::of(&figure, 1000).unwrap().is_inside_by(3.0));
    }

    #[test]
    fn faulty_rows_count_from_three_binomial_errors_on() {
        let of = |faults: f64| {
            let figure = Figure {
                upper_threshold: Some(0.0),
                ..figure(Kind::Quality, Metric::MissingRate, faults / 1000.0)
            };
            Distance::of(&figure, 1000).unwrap()
        };
        assert!(of(8.0).beyond < 0.0);
        assert!(of(9.0).beyond > 0.0);
        assert!(of(0.0).is_inside_by(0.5));
        assert!(of(1000.0).beyond > 100.0);
    }

    #[test]
    fn drift_without_an_error_is_held_against_a_deviation_that_is_too_great() {
        let figure = Figure {
            upper_threshold: Some(0.1),
            ..figure(Kind::Drift, Metric::JensenShannon, 0.2)
        };
        let found = Distance::of(&figure, 1000).unwrap();
        assert!((found.beyond - 3.0).abs() < 1e-9);
        assert!((found.p_value / 9.865_876_450_376_946e-10 - 1.0).abs() < 1e-9, "norm.sf(6)");
    }

    #[test]
    fn a_test_has_its_own_p_value() {
        let figure = Figure { p_value: Some(0.05), ..figure(Kind::Drift, Metric::Chi2, 11.0) };
        let found = Distance::of(&figure, 1000).unwrap();
        assert!(found.beyond.abs() < 1e-9);
        assert_eq!(found.p_value, 0.05);
    }
}
