//! How a change of performance is split: what the inputs explain, and what they do not.

use crate::stats::moments::mean;
use crate::stats::{StratifiedErrors, Undefined, two_sided};

/// Over fewer windows of the reference nothing is known of how much of the scatter is that of the inputs.
const FEWEST: usize = 4;

/// Performance in the reference, which a window's is held against.
///
/// With `E` what is estimated of a window from its inputs and `R` what came to pass, both less their mean over the
/// windows of the reference,
///
/// ```text
/// total = R            shift = E            concept = R - E            total = shift + concept
/// ```
///
/// The scatter of `R` by chance has two parts that do not go together: that of the inputs, which `E` has too, and that of
/// the targets given the inputs. The share of the first is that of the spread of `E` over the windows of the reference,
/// among that of `E` and `R - E`. Source: the law of total variance; `statistics.md`, "Why performance changed".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// Mean of what is estimated of its windows.
    pub estimated: f64,
    /// Mean of what came to pass in them.
    pub realized: f64,
    /// Its rows.
    pub rows: u64,
    /// How much of the variance by chance is that of the inputs, at most.
    share: f64,
}

/// What something did to performance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// The change.
    pub value: f64,
    /// One standard error; `None` where it is not known.
    pub error: Option<f64>,
}

impl Effect {
    /// The chance of an effect so far from 0, either way, where there is none.
    pub fn p_value(&self) -> Option<f64> {
        let error = self.error.filter(|error| *error > 0.0)?;
        Some(two_sided(self.value / error))
    }

    /// That of both together; they do not go together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let error = self.error.zip(other.error).map(|(a, b)| libm::hypot(a, b));
        Self { value: self.value + other.value, error }
    }
}

impl Baseline {
    /// That of windows of the reference: what was estimated, what came to pass, and their rows.
    ///
    /// # Errors
    /// `Empty` without any.
    pub fn of(windows: &[(f64, f64, u64)]) -> Result<Self, Undefined> {
        let of = |of: fn(&(f64, f64, u64)) -> f64| windows.iter().map(of).collect::<Vec<f64>>();
        let estimated = of(|window| window.0);
        let beyond = of(|window| window.1 - window.0);
        let spread = |values: &[f64]| -> Result<f64, Undefined> {
            let middle = mean(values)?;
            Ok(values.iter().map(|value| (value - middle) * (value - middle)).sum())
        };
        let (inputs, targets) = (spread(&estimated)?, spread(&beyond)?);
        let both = inputs + targets;
        let share = if windows.len() < FEWEST || both == 0.0 {
            1.0
        } else {
            // So few windows tell it badly: so that a value is as often beyond three errors as it should be, those are a
            // little greater, by the variance of a t distribution.
            let freedom = (windows.len() - 1) as f64;
            (inputs / both * freedom / (freedom - 2.0).max(1.0)).min(1.0)
        };
        Ok(Self {
            estimated: mean(&estimated)?,
            realized: mean(&of(|window| window.1))?,
            rows: windows.iter().map(|window| window.2).sum(),
            share,
        })
    }

    /// What the inputs of a window explain. `scatter` is the sampling error of so many rows as it has, and of so many as
    /// the reference has.
    pub fn shift(&self, estimated: f64, scatter: Option<(f64, f64)>) -> Effect {
        let error = scatter.map(|(ours, theirs)| libm::hypot(ours, theirs) * self.share.sqrt());
        Effect { value: estimated - self.estimated, error }
    }

    /// What they do not.
    pub fn concept(
        &self,
        estimated: f64,
        realized: f64,
        errors: Option<StratifiedErrors>,
    ) -> Effect {
        let rows = self.rows as f64;
        let error = errors.map(|errors| libm::hypot(errors.drawn, errors.learnt / rows.sqrt()));
        Effect {
            value: realized - estimated - (self.realized - self.estimated),
            // Where nothing scatters, too little is known of it.
            error: error.filter(|error| error.is_finite() && *error > 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_add_up() {
        let windows = [(0.80, 0.81, 100), (0.82, 0.80, 100), (0.81, 0.83, 100), (0.79, 0.80, 100)];
        let baseline = Baseline::of(&windows).unwrap();
        assert!((baseline.estimated - 0.805).abs() < 1e-15);
        assert!((baseline.realized - 0.81).abs() < 1e-15);
        let errors = StratifiedErrors { missing: 0.0, drawn: 0.03, learnt: 0.8 };
        let shift = baseline.shift(0.70, Some((0.04, 0.03)));
        let concept = baseline.concept(0.70, 0.65, Some(errors));
        let total = shift.plus(concept);
        assert!((total.value - (0.65 - 0.81)).abs() < 1e-15);
        // Of the windows: 5e-4 by the inputs, (11, -19, 21, 12)e-3 around their mean by the targets; three of freedom.
        let share = f64::min(1.0, 5e-4 / (5e-4 + 8.75e-4) * 3.0);
        assert!((shift.error.unwrap() - 0.05 * share.sqrt()).abs() < 1e-12);
        assert!((concept.error.unwrap() - 0.05).abs() < 1e-15);
    }

    #[test]
    fn p_values_are_those_of_scipy() {
        // 2 * scipy.stats.norm.sf(3)
        let p = Effect { value: -0.3, error: Some(0.1) }.p_value().unwrap();
        assert!((p / 0.002_699_796_063_260_189 - 1.0).abs() < 1e-12);
        assert_eq!(Effect { value: 1.0, error: None }.p_value(), None);
    }

    #[test]
    fn without_windows_there_is_nothing_to_hold_against() {
        assert_eq!(Baseline::of(&[]), Err(Undefined::Empty));
    }
}
