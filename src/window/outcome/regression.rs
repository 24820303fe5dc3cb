//! The outputs of a regression in a window: the losses that are expected of them, and those that came to pass.

use std::ops::Range;

use arrow::array::{Array, Float64Array};
use minicbor::{Decode, Encode};

use crate::batch::{Expected, Values};
use crate::profile::{Measured, Profile, Regression, RegressionPerformance, Role};
use crate::stats::{ExactSum, Loss, Scale, Undefined, mean_loss};
use crate::window::outcome::deciles::Deciles;
use crate::window::plan::Prepared;

/// How many losses there are.
const LOSSES: usize = Loss::ALL.len();

/// Where the outputs lie, and how their losses are summed.
#[derive(Clone, Debug)]
pub(in crate::window) struct RegressionPlan {
    pub(in crate::window) prediction: Option<usize>,
    pub(in crate::window) target: Option<usize>,
    pub(in crate::window) strata: Deciles,
    /// In the order of [`Loss::ALL`], as all that follows.
    scales: [LossScale; LOSSES],
    /// Which of the losses that rows carry it is, or why they carry none.
    expected: [Result<usize, Undefined>; LOSSES],
}

/// The units in which losses are summed.
#[derive(Clone, Copy, Debug)]
struct LossScale {
    sum: Scale,
    squares: Scale,
}

impl RegressionPlan {
    pub(in crate::window) fn new(profile: &Profile, regression: &Regression) -> Self {
        let find = |role| profile.columns.iter().position(|column| column.role == role);
        let prediction = find(Role::Prediction);
        let strata = Deciles::of_column(profile, prediction);
        let scales = regression.losses.each_ref().map(|known| {
            let greatest = known.greatest;
            let squares = (greatest * greatest).min(f64::MAX);
            LossScale {
                sum: Scale::for_magnitude(greatest),
                squares: Scale::for_magnitude(squares),
            }
        });
        let mut carried = 0..LOSSES;
        let expected = regression.losses.each_ref().map(|known| match &known.model {
            Ok(_) => carried.next().ok_or(Undefined::NoTargets),
            Err(reason) => Err(*reason),
        });
        Self { prediction, target: find(Role::Target), strata, scales, expected }
    }

    /// Rows carry the losses that another plan expects.
    pub(super) fn carried_as(&mut self, whole: &Self) {
        self.expected = whole.expected;
    }

    /// Adds rows to both states.
    pub(super) fn fold(
        &self,
        prepared: &Prepared<'_>,
        range: Range<usize>,
        mut estimated: Option<&mut RegressionEstimated>,
        mut realized: Option<&mut RegressionRealized>,
    ) {
        let rows = &*prepared.rows;
        let numbers = |column: Option<usize>| match &rows.columns[column?].values {
            Values::Numbers(values) => Some(values),
            Values::Labels(_) | Values::Vectors(_) => None,
        };
        let (predictions, targets) = (numbers(self.prediction), numbers(self.target));
        let expected = match &rows.expected {
            Expected::Losses(losses) => losses.as_slice(),
            _ => &[],
        };
        for row in range {
            let prediction = number(predictions, row);
            if let (Some(state), Some(prediction)) = (&mut estimated, prediction) {
                state.note(prediction, self);
                for (loss, place) in self.expected.iter().enumerate() {
                    let losses = place.ok().and_then(|place| expected.get(place));
                    if let Some(losses) = losses {
                        state.sums[loss].add(losses[row], self.scales[loss].sum);
                    }
                }
            }
            if let (Some(state), Some(target)) = (&mut realized, number(targets, row)) {
                state.add(target, prediction, self);
            }
        }
    }
}

/// A value that is there.
#[inline]
fn number(values: Option<&Float64Array>, row: usize) -> Option<f64> {
    let values = values.filter(|values| values.is_valid(row))?;
    Some(values.value(row)).filter(|value| !value.is_nan())
}

/// What the profile expects of a window's predictions, without their targets.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(in crate::window) struct RegressionEstimated {
    /// Rows with a prediction, by its stratum.
    #[n(0)]
    pub(in crate::window) strata: Vec<u64>,
    /// Those of them whose prediction is infinite.
    #[n(1)]
    infinite: u64,
    /// Those of them whose prediction is below 0.
    #[n(2)]
    negative: u64,
    /// Of the losses that are expected of them.
    #[n(3)]
    sums: [ExactSum; LOSSES],
}

impl RegressionEstimated {
    #[inline]
    fn note(&mut self, prediction: f64, plan: &RegressionPlan) {
        if self.strata.is_empty() {
            self.strata.resize(plan.strata.count(), 0);
        }
        self.strata[plan.strata.stratum(prediction)] += 1;
        self.infinite += u64::from(prediction.is_infinite());
        self.negative += u64::from(prediction < 0.0);
    }

    pub(in crate::window) fn merge(&mut self, other: &Self) {
        add_counts(&mut self.strata, &other.strata);
        self.infinite += other.infinite;
        self.negative += other.negative;
        for (ours, theirs) in self.sums.iter_mut().zip(&other.sums) {
            ours.merge(theirs);
        }
    }

    /// What is measured of it; `rows` are those of the window.
    pub(in crate::window) fn measure(
        &self,
        plan: &RegressionPlan,
        rows: u64,
    ) -> RegressionPerformance {
        let predicted = self.strata.iter().sum();
        let mut losses = Loss::ALL.map(|loss| {
            let at = loss as usize;
            plan.expected[at]?;
            match predicted {
                0 if rows == 0 => Err(Undefined::Empty),
                0 => Err(Undefined::AllMissing),
                // An infinite prediction is infinitely far off, and one below 0 has no logarithm.
                _ if self.infinite > 0 => Err(Undefined::Infinite),
                _ if loss == Loss::SquaredLog && self.negative > 0 => Err(Undefined::Negative),
                _ => mean_loss(self.sums[at].value(plan.scales[at].sum), predicted),
            }
        });
        RegressionPerformance {
            usable: predicted,
            predicted,
            losses: losses.each_mut().map(|loss| Measured(*loss)),
        }
    }

    /// Bytes of memory held.
    pub(in crate::window) fn bytes(&self) -> usize {
        size_of::<Self>() + self.strata.len() * 8
    }
}

/// What came to pass of a window's predictions, as far as their targets are known.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(in crate::window) struct RegressionRealized {
    /// Rows with a target.
    #[n(0)]
    pub(in crate::window) targets: u64,
    /// Those of them with a prediction, by its stratum.
    #[n(1)]
    pub(in crate::window) strata: Vec<Stratum>,
}

/// Rows with a target and a prediction.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(in crate::window) struct Stratum {
    /// How many.
    #[n(0)]
    pub(in crate::window) rows: u64,
    /// Those of them with a target or a prediction below 0, none of them infinite.
    #[n(1)]
    negative: u64,
    #[n(2)]
    losses: [LossSums; LOSSES],
}

/// Sums of one loss.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
struct LossSums {
    /// Rows that have it.
    #[n(0)]
    rows: u64,
    #[n(1)]
    sum: ExactSum,
    /// Of its square.
    #[n(2)]
    squares: ExactSum,
}

impl RegressionRealized {
    /// Adds a row with a target.
    #[inline]
    pub(in crate::window) fn add(
        &mut self,
        target: f64,
        prediction: Option<f64>,
        plan: &RegressionPlan,
    ) {
        self.targets += 1;
        let Some(prediction) = prediction else { return };
        let at = plan.strata.stratum(prediction);
        if self.strata.len() <= at {
            self.strata.resize(plan.strata.count(), Stratum::default());
        }
        self.strata[at].add(target, prediction, plan);
    }

    pub(in crate::window) fn merge(&mut self, other: &Self) {
        self.targets += other.targets;
        if self.strata.len() < other.strata.len() {
            self.strata.resize(other.strata.len(), Stratum::default());
        }
        for (ours, theirs) in self.strata.iter_mut().zip(&other.strata) {
            ours.merge(theirs);
        }
    }

    /// All strata together, without what was taken back.
    pub(in crate::window) fn whole(&self, taken: Option<&Self>) -> Stratum {
        let mut whole = Stratum::default();
        for stratum in &self.strata {
            whole.merge(stratum);
        }
        for stratum in taken.iter().flat_map(|taken| &taken.strata) {
            whole.take_away(stratum);
        }
        whole
    }

    /// What is measured of it.
    pub(in crate::window) fn measure(&self, plan: &RegressionPlan) -> RegressionPerformance {
        self.whole(None).measure(plan, self.targets)
    }

    /// Bytes of memory held.
    pub(in crate::window) fn bytes(&self) -> usize {
        size_of::<Self>() + self.strata.len() * size_of::<Stratum>()
    }
}

impl Stratum {
    #[inline]
    fn add(&mut self, target: f64, prediction: f64, plan: &RegressionPlan) {
        self.rows += 1;
        let is_finite = target.is_finite() && prediction.is_finite();
        self.negative += u64::from(is_finite && (target < 0.0 || prediction < 0.0));
        for (at, loss) in Loss::ALL.into_iter().enumerate() {
            if let Ok(value) = loss.of(target, prediction) {
                let (sums, scale) = (&mut self.losses[at], plan.scales[at]);
                sums.rows += 1;
                sums.sum.add(value, scale.sum);
                // A square beyond the doubles stays at their end: the spread is then reported as unknown.
                sums.squares.add((value * value).min(f64::MAX), scale.squares);
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.negative += other.negative;
        for (ours, theirs) in self.losses.iter_mut().zip(&other.losses) {
            ours.rows += theirs.rows;
            ours.sum.merge(&theirs.sum);
            ours.squares.merge(&theirs.squares);
        }
    }

    /// Takes away rows that are among these.
    pub(in crate::window) fn take_away(&mut self, other: &Self) {
        self.rows = self.rows.saturating_sub(other.rows);
        self.negative = self.negative.saturating_sub(other.negative);
        for (ours, theirs) in self.losses.iter_mut().zip(&other.losses) {
            ours.rows = ours.rows.saturating_sub(theirs.rows);
            ours.sum.take_away(&theirs.sum);
            ours.squares.take_away(&theirs.squares);
        }
    }

    /// Why a loss has no sum over these rows.
    pub(in crate::window) fn undefined(&self, loss: Loss) -> Option<Undefined> {
        if self.losses[loss as usize].rows == self.rows {
            None
        } else if loss == Loss::SquaredLog && self.negative > 0 {
            Some(Undefined::Negative)
        } else {
            Some(Undefined::Infinite)
        }
    }

    /// The sum of a loss, and that of its square.
    pub(in crate::window) fn sums(&self, loss: Loss, plan: &RegressionPlan) -> (f64, f64) {
        let (sums, scale) = (&self.losses[loss as usize], plan.scales[loss as usize]);
        (sums.sum.value(scale.sum), sums.squares.value(scale.squares))
    }

    /// What is measured of these rows; so many have a target.
    pub(in crate::window) fn measure(
        &self,
        plan: &RegressionPlan,
        targets: u64,
    ) -> RegressionPerformance {
        let losses = Loss::ALL.map(|loss| {
            Measured(match (self.rows, self.undefined(loss)) {
                (0, _) if targets == 0 => Err(Undefined::NoTargets),
                (0, _) => Err(Undefined::AllMissing),
                (_, Some(reason)) => Err(reason),
                (rows, None) => mean_loss(self.sums(loss, plan).0, rows),
            })
        });
        RegressionPerformance { usable: targets, predicted: self.rows, losses }
    }
}

fn add_counts(ours: &mut Vec<u64>, theirs: &[u64]) {
    if ours.len() < theirs.len() {
        ours.resize(theirs.len(), 0);
    }
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours += theirs;
    }
}
