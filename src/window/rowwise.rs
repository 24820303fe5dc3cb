//! Metrics of the user's own over single rows in a window: what is expected of them, and what came to pass.

use std::ops::Range;
use std::sync::Arc;

use minicbor::{Decode, Encode};

use crate::batch::{Expected, Rows};
use crate::profile::{Measured, Outputs, Profile, RowMean, RowReading, RowTerms, Truth};
use crate::stats::{ExactSum, PostStratifiedLosses, Scale, StratumLosses, Undefined};
use crate::window::outcome::{OutputsPlan, PROBABILITY_UNITS};
use crate::window::plan::Prepared;

/// How metrics over rows are computed and summed.
#[derive(Clone, Debug)]
pub(super) struct RowPlan {
    terms: Arc<RowTerms>,
    metrics: Vec<MetricPlan>,
    /// Whether something is expected of rows, and whether something comes to pass.
    estimates: bool,
    realizes: bool,
}

#[derive(Clone, Debug)]
struct MetricPlan {
    scale: Scale,
    squares: Scale,
    /// Of models that predict a number: which of the losses that rows carry is expected; or why nothing is.
    carried: Option<Result<usize, Undefined>>,
}

/// A row, as far as metrics over rows ask for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OutputRow {
    /// Its score (the first, of several classes), or the number that was predicted; `None` where nothing is expected of it.
    pub(super) predicted: Option<f64>,
    /// Among which it stands for others; `None` where that cannot be told.
    pub(super) stratum: Option<usize>,
    /// Its target.
    pub(super) truth: Option<Truth>,
}

/// Metrics over rows in a window.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) struct RowStates {
    /// By metric.
    #[n(0)]
    expected: Vec<ExpectedSums>,
    #[n(1)]
    pub(super) realized: RowsRealized,
}

/// What is expected of the rows by a metric.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
struct ExpectedSums {
    /// How many rows are expected to have a value, in units of 2^-52.
    #[cbor(n(0), with = "crate::stats::codec::uint128")]
    weight: u128,
    #[n(1)]
    sum: ExactSum,
    /// Rows that may be worth something infinite.
    #[n(2)]
    infinite: u64,
}

/// What came to pass of rows with a target.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct RowsRealized {
    /// By stratum; those that are in none last.
    #[n(0)]
    strata: Vec<RowStratum>,
}

#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
struct RowStratum {
    #[n(0)]
    targets: u64,
    /// By metric.
    #[n(1)]
    sums: Vec<RealizedSums>,
}

#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
struct RealizedSums {
    /// Rows that have a value.
    #[n(0)]
    rows: u64,
    /// Those of them whose value is infinite.
    #[n(1)]
    infinite: u64,
    #[n(2)]
    sum: ExactSum,
    #[n(3)]
    squares: ExactSum,
}

/// A metric over rows, from those that have a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RowOutcome {
    /// Of those alone.
    pub(super) labelled: RowMean,
    /// Of all, as those stand for them; `None` where they stand for themselves alone.
    pub(super) stratified: Option<Result<PostStratifiedLosses, Undefined>>,
    /// How many they are.
    pub(super) rows: u64,
}

impl RowPlan {
    /// `None` where the profile has no metrics over rows.
    pub(super) fn new(profile: &Profile, outputs: &OutputsPlan) -> Option<Self> {
        // They were told apart when the profile was made.
        let terms = RowTerms::of(profile).ok().flatten()?;
        let mut carried = match &profile.outputs {
            Outputs::Regression(regression) => Some(regression.expects().count()..),
            Outputs::None | Outputs::Binary(_) | Outputs::Multiclass(_) => None,
        };
        let metrics = profile.metrics.iter().map(|metric| MetricPlan {
            scale: Scale::for_magnitude(metric.greatest),
            squares: Scale::for_magnitude((metric.greatest * metric.greatest).min(f64::MAX)),
            carried: carried.as_mut().map(|places| match &metric.model {
                Some(Ok(_)) => places.next().ok_or(Undefined::NoTargets),
                Some(Err(reason)) => Err(*reason),
                None => Err(Undefined::NoTargets),
            }),
        });
        Some(Self {
            metrics: metrics.collect(),
            terms: Arc::new(terms),
            estimates: outputs.estimated().is_some(),
            realizes: outputs.realized().is_some(),
        })
    }

    /// What formulas read of rows.
    pub(super) fn terms(&self) -> &RowTerms {
        &self.terms
    }

    /// The state of no rows.
    pub(super) fn none(&self) -> RowStates {
        let expected = vec![ExpectedSums::default(); self.metrics.len()];
        RowStates { expected, realized: RowsRealized::default() }
    }

    /// Adds rows.
    pub(super) fn fold(
        &self,
        outputs: &OutputsPlan,
        prepared: &Prepared<'_>,
        range: Range<usize>,
        states: &mut RowStates,
    ) {
        let rows = &*prepared.rows;
        if rows.terms.len() != self.terms.len() {
            debug_assert!(false, "rows carry what their profile's formulas read");
            return;
        }
        let reader = outputs.reader(prepared);
        let mut work = Vec::new();
        for row in range {
            let of = reader.at(row);
            if let (Some(predicted), true) = (of.predicted, self.estimates) {
                for (metric, state) in states.expected.iter_mut().enumerate() {
                    self.expect(metric, rows, row, predicted, state, &mut work);
                }
            }
            if let (Some(truth), true) = (of.truth, self.realizes) {
                let at = |term: usize| rows.terms[term][row];
                self.add(&mut states.realized, outputs.strata(), of.stratum, truth, at, &mut work);
            }
        }
    }

    /// Adds what is expected of a row: by each class as likely as it is, or what the reference leads to expect.
    fn expect(
        &self,
        metric: usize,
        rows: &Rows,
        row: usize,
        predicted: f64,
        state: &mut ExpectedSums,
        work: &mut Vec<f64>,
    ) {
        let at = |term: usize| rows.terms[term][row];
        let plan = &self.metrics[metric];
        let whole = PROBABILITY_UNITS as u64;
        match &rows.expected {
            Expected::Nothing => {}
            Expected::Losses(losses) => {
                let carried = plan.carried.and_then(Result::ok).and_then(|at| losses.get(at));
                let Some(losses) = carried else { return };
                // What is missing in the row makes it one that has no value, whatever its target.
                if self.terms.value(metric, at, Truth::Number(predicted), work).is_some() {
                    state.add(losses[row], whole, plan);
                }
            }
            Expected::Probabilities(classes) => {
                let (mut sum, mut weight) = (0.0, 0);
                let mut each = |class: usize, probability: u64| {
                    if probability == 0 {
                        return;
                    }
                    if let Some(value) = self.terms.value(metric, at, Truth::Class(class), work) {
                        sum += probability as f64 / PROBABILITY_UNITS * value;
                        weight += probability;
                    }
                };
                match classes.as_slice() {
                    // Of two classes rows carry the probability of the second.
                    [positive] => {
                        each(0, whole - positive[row].min(whole));
                        each(1, positive[row]);
                    }
                    several => {
                        for (class, probabilities) in several.iter().enumerate() {
                            each(class, probabilities[row]);
                        }
                    }
                }
                if weight > 0 {
                    state.add(sum, weight, plan);
                }
            }
        }
    }

    /// Adds a row with a target; there are so many strata.
    pub(super) fn add(
        &self,
        realized: &mut RowsRealized,
        strata: usize,
        stratum: Option<usize>,
        truth: Truth,
        at: impl Fn(usize) -> f64,
        work: &mut Vec<f64>,
    ) {
        if realized.strata.is_empty() {
            realized.strata.resize_with(strata + 1, RowStratum::default);
        }
        let Some(state) = realized.strata.get_mut(stratum.unwrap_or(strata)) else { return };
        state.targets += 1;
        state.sums.resize_with(self.metrics.len(), RealizedSums::default);
        for (metric, (sums, plan)) in state.sums.iter_mut().zip(&self.metrics).enumerate() {
            if let Some(value) = self.terms.value(metric, &at, truth, work) {
                sums.rows += 1;
                if value.is_finite() {
                    sums.sum.add(value, plan.scale);
                    // A square beyond the doubles stays at their end: the spread is then reported as unknown.
                    sums.squares.add((value * value).min(f64::MAX), plan.squares);
                } else {
                    sums.infinite += 1;
                }
            }
        }
    }

    /// What is measured of a window of so many rows.
    pub(super) fn measure(&self, states: &RowStates, rows: u64) -> Vec<RowReading> {
        let of = |(metric, plan): (usize, &MetricPlan)| RowReading {
            estimated: self.estimates.then(|| states.expected[metric].mean(plan, rows)),
            realized: self.realizes.then(|| self.labelled(metric, &states.realized, None)),
        };
        self.metrics.iter().enumerate().map(of).collect()
    }

    /// A metric over the rows that have a target.
    fn labelled(
        &self,
        metric: usize,
        given: &RowsRealized,
        taken: Option<&RowsRealized>,
    ) -> RowMean {
        let mut whole = RowStratum::default();
        for stratum in &given.strata {
            whole.merge(stratum);
        }
        for stratum in taken.iter().flat_map(|taken| &taken.strata) {
            whole.take_away(stratum);
        }
        let (sum, _, rows) = whole.sums(metric, &self.metrics[metric]);
        let value = match (whole.targets, rows) {
            (0, _) => Err(Undefined::NoTargets),
            (_, 0) => Err(Undefined::AllMissing),
            _ if whole.infinite(metric) => Err(Undefined::Infinite),
            _ => Undefined::unless_finite(sum / rows as f64),
        };
        RowMean { rows, value: Measured(value) }
    }

    /// The metrics by what was given, without what was taken back again; `strata`: the rows that can have a target, by
    /// stratum.
    pub(super) fn outcomes(
        &self,
        given: &RowsRealized,
        taken: Option<&RowsRealized>,
        strata: Option<&[u64]>,
    ) -> Vec<RowOutcome> {
        let of = |metric: usize| RowOutcome {
            labelled: self.labelled(metric, given, taken),
            stratified: strata.map(|rows| self.stratified(metric, given, taken, rows)),
            rows: strata.iter().copied().flatten().sum(),
        };
        (0..self.metrics.len()).map(of).collect()
    }

    fn stratified(
        &self,
        metric: usize,
        given: &RowsRealized,
        taken: Option<&RowsRealized>,
        rows: &[u64],
    ) -> Result<PostStratifiedLosses, Undefined> {
        let mut infinite = false;
        let losses: Vec<StratumLosses> = (0..rows.len())
            .map(|at| {
                let mut stratum = given.strata.get(at).cloned().unwrap_or_default();
                if let Some(taken) = taken.and_then(|taken| taken.strata.get(at)) {
                    stratum.take_away(taken);
                }
                infinite |= stratum.infinite(metric);
                let (sum, squares, known) = stratum.sums(metric, &self.metrics[metric]);
                StratumLosses { rows: stratum.targets, known, sum, squares }
            })
            .collect();
        if infinite { Err(Undefined::Infinite) } else { PostStratifiedLosses::new(rows, &losses) }
    }
}

impl ExpectedSums {
    fn add(&mut self, value: f64, weight: u64, plan: &MetricPlan) {
        self.weight += u128::from(weight);
        if value.is_finite() {
            self.sum.add(value, plan.scale);
        } else {
            self.infinite += 1;
        }
    }

    fn mean(&self, plan: &MetricPlan, rows: u64) -> RowMean {
        let weight = self.weight as f64 / PROBABILITY_UNITS;
        let value = match (plan.carried, self.weight) {
            (Some(Err(reason)), _) => Err(reason),
            (_, 0) if rows == 0 => Err(Undefined::Empty),
            (_, 0) => Err(Undefined::AllMissing),
            _ if self.infinite > 0 => Err(Undefined::Infinite),
            _ => Undefined::unless_finite(self.sum.value(plan.scale) / weight),
        };
        RowMean { rows: weight.round() as u64, value: Measured(value) }
    }
}

impl RowStates {
    pub(super) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.expected.iter_mut().zip(&other.expected) {
            ours.weight += theirs.weight;
            ours.sum.merge(&theirs.sum);
            ours.infinite += theirs.infinite;
        }
        self.realized.merge(&other.realized);
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.expected.len() * size_of::<ExpectedSums>() + self.realized.bytes()
    }
}

impl RowsRealized {
    pub(super) fn merge(&mut self, other: &Self) {
        if self.strata.len() < other.strata.len() {
            self.strata.resize_with(other.strata.len(), RowStratum::default);
        }
        for (ours, theirs) in self.strata.iter_mut().zip(&other.strata) {
            ours.merge(theirs);
        }
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        let of = |stratum: &RowStratum| {
            size_of::<RowStratum>() + stratum.sums.len() * size_of::<RealizedSums>()
        };
        self.strata.iter().map(of).sum()
    }
}

impl RowStratum {
    fn merge(&mut self, other: &Self) {
        self.targets += other.targets;
        if self.sums.len() < other.sums.len() {
            self.sums.resize_with(other.sums.len(), RealizedSums::default);
        }
        for (ours, theirs) in self.sums.iter_mut().zip(&other.sums) {
            ours.rows += theirs.rows;
            ours.infinite += theirs.infinite;
            ours.sum.merge(&theirs.sum);
            ours.squares.merge(&theirs.squares);
        }
    }

    /// Takes away rows that are among these.
    fn take_away(&mut self, other: &Self) {
        self.targets = self.targets.saturating_sub(other.targets);
        for (ours, theirs) in self.sums.iter_mut().zip(&other.sums) {
            ours.rows = ours.rows.saturating_sub(theirs.rows);
            ours.infinite = ours.infinite.saturating_sub(theirs.infinite);
            ours.sum.take_away(&theirs.sum);
            ours.squares.take_away(&theirs.squares);
        }
    }

    fn infinite(&self, metric: usize) -> bool {
        self.sums.get(metric).is_some_and(|sums| sums.infinite > 0)
    }

    /// Sum, sum of squares, and how many rows have a value.
    fn sums(&self, metric: usize, plan: &MetricPlan) -> (f64, f64, u64) {
        self.sums.get(metric).map_or((0.0, 0.0, 0), |sums| {
            (sums.sum.value(plan.scale), sums.squares.value(plan.squares), sums.rows)
        })
    }
}
