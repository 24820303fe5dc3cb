//! What a difference means, in words.

use crate::diagnosis::compare::figures::Compared;
use crate::metric::Better;
use crate::stats::{Undefined, normal_quantile, two_sided};

/// A difference that is as great as is looked for shall be found in so many of a hundred cases.
const POWER: f64 = 0.8;

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The challenger is better.
    Better,
    /// The challenger is worse.
    Worse,
    /// The challenger's figure is more or less; nobody said which is good.
    Apart,
    /// Both are the same on every row.
    Same,
    /// It may be chance. So many rows would tell a difference of this size from it; none would where `None`.
    Open {
        /// Pairs, or rows of the side that has fewer.
        needed: Option<u64>,
    },
    /// There is no figure, and why.
    Unjudged(Undefined),
}

impl Verdict {
    /// As it stands in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Apart => "different",
            Self::Same => "the same",
            Self::Open { .. } => "not distinguishable",
            Self::Unjudged(_) => "cannot judge",
        }
    }
}

impl Compared {
    /// By how much the challenger is better: the difference, turned where less is better; nothing where nobody said which
    /// direction is good.
    pub fn gain(&self) -> Option<f64> {
        let value = self.found.as_ref().ok()?.value();
        match self.better {
            Better::Higher => Some(value),
            Better::Lower => Some(-value),
            Better::Neither => None,
        }
    }

    /// Probability of so great a difference between models that are equally good.
    pub fn p_value(&self) -> Option<f64> {
        let found = self.found.as_ref().ok()?;
        if found.error > 0.0 {
            return Some(two_sided(found.value() / found.error));
        }
        Some(if found.value() == 0.0 { 1.0 } else { 0.0 })
    }

    /// What the difference means at that confidence (two-sided: 0.95 is wrong in one of twenty comparisons of equals).
    pub fn verdict(&self, confidence: f64) -> Verdict {
        let found = match &self.found {
            Ok(found) => found,
            Err(reason) => return Verdict::Unjudged(*reason),
        };
        let value = found.value();
        if value == 0.0 && found.error == 0.0 {
            return Verdict::Same;
        }
        let reach = normal_quantile(f64::midpoint(1.0, confidence)) * found.error;
        if value.abs() <= reach {
            return Verdict::Open { needed: self.needed(confidence, value) };
        }
        match self.gain() {
            Some(gain) if gain > 0.0 => Verdict::Better,
            Some(_) => Verdict::Worse,
            None => Verdict::Apart,
        }
    }

    /// How many rows would tell a difference of that size from none, in four of five cases. What the estimates do not know
    /// stays, however many there are: `None` where no number of rows would do.
    pub fn needed(&self, confidence: f64, size: f64) -> Option<u64> {
        let found = self.found.as_ref().ok()?;
        let reach = normal_quantile(f64::midpoint(1.0, confidence)) + normal_quantile(POWER);
        let of_row = (found.error * found.error - self.learning).max(0.0)
            * self.rows.0.min(self.rows.1) as f64;
        let allowed = (size / reach) * (size / reach) - self.learning;
        let needed = (of_row / allowed).ceil();
        (allowed > 0.0 && needed.is_finite() && needed < 1e15).then_some(needed as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Kind, Metric};
    use crate::stats::Difference;
    use crate::window::Method;

    impl Compared {
        /// A realized figure of a thousand rows each.
        pub(in crate::diagnosis::compare) fn made_up(
            metric: Metric,
            champion: f64,
            value: f64,
            error: f64,
        ) -> Self {
            let found =
                Difference { champion, challenger: champion + value, error, decisive: 99.0 };
            Self {
                kind: Kind::Realized,
                method: Method::Labelled,
                measure: metric.into(),
                better: metric.spec().better,
                rows: (1000, 1000),
                found: Ok(found),
                learning: 0.0,
            }
        }
    }

    fn compared(metric: Metric, value: f64, error: f64) -> Compared {
        Compared::made_up(metric, 0.5, value, error)
    }

    #[test]
    fn less_loss_is_better() {
        let verdict = |metric, value| compared(metric, value, 0.01).verdict(0.95);
        assert_eq!(verdict(Metric::Accuracy, 0.03), Verdict::Better);
        assert_eq!(verdict(Metric::Accuracy, -0.03), Verdict::Worse);
        assert_eq!(verdict(Metric::Mae, 0.03), Verdict::Worse);
        assert_eq!(verdict(Metric::Mae, -0.03), Verdict::Better);
        assert_eq!(compared(Metric::Mae, 0.0, 0.0).verdict(0.95), Verdict::Same);
        assert!(matches!(verdict(Metric::Accuracy, 0.019), Verdict::Open { .. }));
    }

    #[test]
    fn four_times_the_rows_tell_half_the_difference() {
        let one = compared(Metric::Accuracy, 0.01, 0.01);
        let needed = one.needed(0.95, 0.01).unwrap();
        // (1.96 + 0.842)^2 errors squared.
        assert_eq!(needed, 7849);
        assert!(one.needed(0.95, 0.005).unwrap().abs_diff(4 * needed) <= 4);
        assert_eq!(one.needed(0.95, 0.0), None);
        // What is not known of the estimates is more than the difference that is looked for.
        let unknown = Compared { learning: 0.9e-4, ..one };
        assert_eq!(unknown.needed(0.95, 0.01), None);
        assert!(unknown.needed(0.95, 0.1).unwrap() < 30);
    }
}
