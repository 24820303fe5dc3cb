//! Reconstruction errors of a window.

use minicbor::{Decode, Encode};

use crate::metric::Metric;
use crate::profile::{ColumnValue, Measured, Reconstruction, WholeValue};
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
        Self::of(reference.residual.as_ref().map(|residual| residual.typical))
    }

    /// For errors of about that size; `None` where there is nothing to measure by.
    pub(super) fn of(typical: Option<f64>) -> Self {
        let centre = typical.unwrap_or(0.0);
        let greatest = centre * USUAL;
        Self {
            measures: typical.is_some(),
            centre,
            scale: Scale::for_magnitude(greatest),
            square_scale: Scale::for_magnitude(greatest * greatest),
        }
    }
}

impl ReconstructionState {
    pub(super) fn fold(&mut self, errors: &[f64], plan: &ReconstructionPlan) {
        for &error in errors {
            self.add(error, plan);
        }
    }

    #[inline]
    pub(super) fn add(&mut self, error: f64, plan: &ReconstructionPlan) {
        if !error.is_finite() {
            self.infinite += 1;
            return;
        }
        self.rows += 1;
        self.sum.add(error, plan.scale);
        let distance = error - plan.centre;
        // A square beyond the doubles stays at their end: the sampling error is then reported as none.
        self.squares.add((distance * distance).min(f64::MAX), plan.square_scale);
    }

    /// Whether there are no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.rows + self.infinite == 0
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.infinite += other.infinite;
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    /// The mean error of the window's rows, and the standard error of that mean; `none` says why it has none.
    pub(super) fn read(&self, plan: &ReconstructionPlan, none: Option<Undefined>) -> WholeValue {
        let (value, sampling_error) = self.measure(plan, none);
        let (metric, value) = (Metric::ReconstructionError, Measured(value));
        WholeValue { metric, value, sampling_error, by: Vec::new() }
    }

    /// The same of a column.
    pub(super) fn of_column(
        &self,
        plan: &ReconstructionPlan,
        none: Option<Undefined>,
    ) -> ColumnValue {
        let (value, sampling_error) = self.measure(plan, none);
        ColumnValue { sampling_error, ..ColumnValue::plain(Metric::ReconstructionError, value) }
    }

    fn measure(
        &self,
        plan: &ReconstructionPlan,
        none: Option<Undefined>,
    ) -> (Result<f64, Undefined>, Option<f64>) {
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
        (value, Some(error).filter(|error| value.is_ok() && error.is_finite()))
    }
}
