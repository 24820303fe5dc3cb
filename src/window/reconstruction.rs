//! Reconstruction errors of a window.

use minicbor::{Decode, Encode};

use crate::metric::Metric;
use crate::profile::{Measured, Reconstruction, WholeValue};
use crate::stats::{ExactSum, Scale, Undefined};

/// Errors up to so many times the reference's are summed fast, greater ones as exactly.
const USUAL: f64 = 256.0;

/// In which units errors are summed.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReconstructionPlan {
    /// Whether there is anything to measure by.
    measures: bool,
    centre: f64,
    scale: Scale,
    square_scale: Scale,
}

/// The errors of a window's rows.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct ReconstructionState {
    /// Rows whose error is finite.
    #[n(0)]
    rows: u64,
    /// Rows whose error is not.
    #[n(1)]
    infinite: u64,
    #[n(2)]
    sum: ExactSum,
    /// Of squared distances from the plan's centre.
    #[n(3)]
    squares: ExactSum,
}

impl ReconstructionPlan {
    pub(super) fn new(reference: &Reconstruction) -> Self {
        let centre = reference.residual.as_ref().map_or(0.0, |residual| residual.typical);
        let greatest = centre * USUAL;
        Self {
            measures: reference.residual.is_some(),
            centre,
            scale: Scale::for_magnitude(greatest),
            square_scale: Scale::for_magnitude(greatest * greatest),
        }
    }
}

impl ReconstructionState {
    pub(super) fn fold(&mut self, errors: &[f64], plan: &ReconstructionPlan) {
        for &error in errors {
            if !error.is_finite() {
                self.infinite += 1;
                continue;
            }
            self.rows += 1;
            self.sum.add(error, plan.scale);
            let distance = error - plan.centre;
            // A square beyond the doubles stays at their end: the sampling error is then reported as none.
            self.squares.add((distance * distance).min(f64::MAX), plan.square_scale);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.infinite += other.infinite;
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    /// The mean error of the window's rows, and the standard error of that mean; `none` says why it has none.
    pub(super) fn read(&self, plan: &ReconstructionPlan, none: Option<Undefined>) -> WholeValue {
        let n = self.rows as f64;
        let reason = match self {
            _ if none.is_some() => none,
            _ if !plan.measures => Some(Undefined::Constant),
            _ if self.infinite > 0 => Some(Undefined::Infinite),
            _ => None,
        };
        let mean = Undefined::unless_finite(self.sum.value(plan.scale) / n);
        let value = reason.map_or(mean, Err);
        let distance = self.sum.minus_times(plan.centre, self.rows, plan.scale);
        let squares = self.squares.value(plan.square_scale);
        let spread = (squares - distance * distance / n).max(0.0);
        let error = (spread / (n - 1.0)).sqrt() / n.sqrt();
        WholeValue {
            metric: Metric::ReconstructionError,
            value: Measured(value),
            sampling_error: Some(error).filter(|error| value.is_ok() && error.is_finite()),
            by: Vec::new(),
        }
    }
}
