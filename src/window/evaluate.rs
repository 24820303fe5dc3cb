//! From a window's state to what was measured of it.

use crate::metric::{ColumnKind, Kind, Metric};
use crate::profile::{
    Categorical, Column, ColumnReading, ColumnValue, Distribution, Reading, Relearnt, Role,
    RowReading, Values,
};
use crate::stats::{
    Histogram, NewCategories, Tails, Undefined, chi2, hellinger, jensen_shannon,
    kolmogorov_smirnov, kolmogorov_smirnov_binned, l_infinity, psi, wasserstein,
    wasserstein_binned, widened,
};
use crate::window::again::Repeated;
use crate::window::categorical::CategoricalState;
use crate::window::continuous::{Binned, ContinuousState};
use crate::window::embedding::EmbeddingState;
use crate::window::plan::{CategoricalPlan, CellMap, ColumnPlan, ContinuousPlan, Plan, rows_below};
use crate::window::realized::Outcome;
use crate::window::reconstruction::ReconstructionPlan;
use crate::window::result::{Figure, Targets};
use crate::window::robust;
use crate::window::state::{ColumnState, WindowState};

impl WindowState {
    /// What is measured of the window against the plan's profile.
    ///
    /// The same bytes in, the same bytes out: it depends on the rows alone, not on how the state came about. Takes
    /// `&mut self` only to sort what waits in buffers.
    pub fn evaluate(&mut self, plan: &Plan) -> Reading {
        let rows = self.rows();
        let columns: Vec<ColumnReading> = self
            .columns
            .iter_mut()
            .zip(&plan.columns)
            .zip(&plan.profile.columns)
            .map(|((state, plan), column)| match (state, plan, &column.values) {
                (
                    ColumnState::Continuous(state),
                    ColumnPlan::Continuous(plan),
                    Values::Continuous(_),
                ) => continuous(state, plan, column, rows),
                (
                    ColumnState::Categorical(state),
                    ColumnPlan::Categorical(plan),
                    Values::Categorical(reference),
                ) => categorical(state, plan, reference, column.missing, rows),
                (ColumnState::Embedding(state), ColumnPlan::Embedding(plan), _) => {
                    embedding(state, plan, rows)
                }
                _ => ColumnReading::default(),
            })
            .collect();
        let reconstruction = self.reconstruction.as_ref().zip(plan.reconstruction.as_ref());
        let none = no_features(&columns, plan, rows);
        let reconstruction = reconstruction.map(|(state, plan)| state.read(plan, none));
        let sample = self.sample.as_mut().zip(plan.sample().filter(|_| plan.tells_apart()));
        let told_apart = sample.map(|(state, sample)| state.read(sample, rows, none));
        let estimated =
            self.estimated.as_mut().and_then(|state| state.measure(&plan.outputs, rows));
        let sample = self.sample.as_mut().zip(plan.sample().filter(|_| plan.criteria().robust));
        let robust = sample.zip(estimated.as_ref()).map(|((state, sample), estimated)| {
            robust::estimate((&plan.profile, sample), (state.rows(), rows), none, estimated)
        });
        let slices = self.sample.as_mut().zip(plan.slices());
        let few = rows < plan.criteria().min_rows;
        let none = none.or(few.then_some(Undefined::TooFew));
        let slices = slices.and_then(|(state, slices)| {
            let unfair = (!state.rows().choose_fairly(rows)).then_some(Undefined::TooFew);
            slices.read(&plan.profile, state.rows(), none.or(unfair))
        });
        Reading {
            rows,
            columns,
            whole: reconstruction.into_iter().chain(told_apart).collect(),
            estimated,
            robust,
            realized: self.realized.as_mut().and_then(|state| state.measure(&plan.outputs)),
            evidence: self.early.as_ref().map_or_else(Vec::new, |early| early.of_columns(plan)),
            slices: slices.map(Box::new),
            metrics: self.row_metrics(plan),
        }
    }
}

impl WindowState {
    /// Realized performance by the targets that the rows have, also weighed to stand for those without, and what is told
    /// of them; `repeated` are rows that came again, without a target. `None` where the model has no targets.
    pub fn outcome(&mut self, plan: &Plan, repeated: &Repeated) -> Option<(Outcome, Targets)> {
        self.realized.as_ref()?;
        let mut awaited = repeated.awaited(plan);
        awaited.seal(self, plan);
        let realized = self.realized.as_mut()?;
        let early = self.early.as_ref().zip(plan.early.as_ref());
        let evidence = early.and_then(|(state, plan)| state.of_targets(plan));
        let rowwise = self.rowwise.as_deref().map(|states| &states.realized);
        let measured = awaited.measure_with(realized, rowwise, plan)?;
        let told = awaited.told_with(realized, plan);
        let relearnt = self.relearnt(plan, measured.targets());
        Some((Outcome { evidence, relearnt, ..measured }, told))
    }

    /// The concept learnt again from the sampled rows' targets, where that is asked for.
    fn relearnt(&mut self, plan: &Plan, targets: u64) -> Option<Result<Relearnt, Undefined>> {
        let sample = self.sample.as_mut().filter(|_| plan.learns_concept())?;
        if targets < plan.criteria().min_rows {
            return Some(Err(Undefined::TooFew));
        }
        plan.profile.relearnt(sample.rows())
    }

    /// What is measured of the metrics over rows.
    fn row_metrics(&self, plan: &Plan) -> Vec<RowReading> {
        let of = self.rowwise.as_deref().zip(plan.rowwise.as_ref());
        of.map(|(states, plan)| plan.measure(states, self.rows())).unwrap_or_default()
    }

    /// Whether rows have a target.
    pub fn has_targets(&self) -> bool {
        self.realized.as_ref().is_some_and(|realized| realized.targets() > 0)
    }

    /// Estimated performance of the rows so far; nothing where the model has no score.
    pub fn estimated_so_far(&self, plan: &Plan) -> Vec<Figure> {
        let Some(mut state) = self.estimated.clone() else { return Vec::new() };
        let rows = self.rows();
        let estimated = state.measure(&plan.outputs, rows);
        let metrics = self.row_metrics(plan);
        let reading = Reading { rows, estimated, metrics, ..Reading::default() };
        let figures = plan.figures(&reading, None).into_iter();
        figures.filter(|figure| figure.kind == Kind::Estimated).collect()
    }
}

/// Why a column without values has no figure.
fn why_none(rows: u64, absent: u64) -> Undefined {
    match rows {
        0 => Undefined::Empty,
        _ if absent == rows => Undefined::NotInData,
        _ => Undefined::AllMissing,
    }
}

/// Why there is no figure of all features, where no row has a value in any of them.
fn no_features(columns: &[ColumnReading], plan: &Plan, rows: u64) -> Option<Undefined> {
    let features = || {
        let of_profile = plan.profile.columns.iter();
        columns.iter().zip(of_profile).filter(|(_, column)| column.role == Role::Feature)
    };
    let has_values = |(reading, column): (&ColumnReading, &Column)| {
        // What is no vector is no value either.
        let malformed = match column.kind() {
            ColumnKind::Embedding => reading.out_of_range,
            ColumnKind::Continuous | ColumnKind::Categorical => 0,
        };
        reading.missing + malformed < rows
    };
    if features().any(has_values) {
        return None;
    }
    Some(why_none(rows, features().map(|(column, _)| column.absent).min().unwrap_or(0)))
}

fn embedding(state: &EmbeddingState, plan: &ReconstructionPlan, rows: u64) -> ColumnReading {
    let none = (state.errors.is_empty()).then(|| why_none(rows, state.absent));
    ColumnReading {
        missing: state.missing,
        absent: state.absent,
        unseen: 0,
        out_of_range: state.malformed,
        values: vec![state.errors.of_column(plan, none)],
    }
}

fn continuous(
    state: &mut ContinuousState,
    plan: &ContinuousPlan,
    column: &Column,
    rows: u64,
) -> ColumnReading {
    state.settle(plan);
    let mut binned = state.binned(plan);
    let finite: u64 = binned.cells.iter().sum();
    let [minus, plus] = state.infinite;
    binned.cells[0] += minus;
    if let Some(last) = binned.cells.last_mut() {
        *last += plus;
    }
    let present = finite + minus + plus;
    let below = rows_below(&binned.cells);
    let in_range: u64 = plan.range.counts(&below).iter().sum();
    let none = (present == 0).then(|| why_none(rows, state.absent));
    let mut values = summary(state, &binned, plan, finite, none);
    // Two of the methods read the same ten thousand bins.
    let mut last: Option<(&CellMap, Vec<u64>)> = None;
    for (metric, map) in &plan.methods {
        let value = if let Some(reason) = none {
            Err(reason)
        } else {
            let known = last.take().filter(|(of, _)| *of == map).map(|(_, counts)| counts);
            let counts = known.unwrap_or_else(|| map.counts(&below));
            let lower = below[map.first()];
            let outside =
                Outside { below: lower, above: present - lower - counts.iter().sum::<u64>() };
            let value = distance(*metric, &counts, outside, state, &binned, column, plan);
            last = Some((map, counts));
            value
        };
        values.push(ColumnValue::plain(*metric, value));
    }
    ColumnReading {
        missing: state.missing,
        absent: state.absent,
        unseen: 0,
        out_of_range: present - in_range,
        values,
    }
}

/// Below this share of the squares around the reference's centre, a spread around the mean is what rounding left.
const CANCELLED: f64 = 1.0 / (1 << 20) as f64;

/// The sum of squares around the mean, from the values themselves: of a column that got stuck far from the reference.
///
/// O(n log n), one copy.
fn spread_of(values: &Histogram<u64>) -> f64 {
    let mut known = Vec::new();
    values.for_each(|value, &times| known.push((value, times)));
    known.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rows, mut sum, mut squares) = (0.0, 0.0, 0.0);
    // However rows came and were merged: each value once, in order.
    for equal in known.chunk_by(|a, b| a.0 == b.0) {
        let times = equal.iter().map(|&(_, times)| times).sum::<u64>() as f64;
        let apart = equal[0].0 - known[0].0;
        rows += times;
        sum += times * apart;
        squares += times * (apart * apart);
    }
    (squares - sum * sum / rows).max(0.0)
}

fn summary(
    state: &ContinuousState,
    binned: &Binned,
    plan: &ContinuousPlan,
    finite: u64,
    none: Option<Undefined>,
) -> Vec<ColumnValue> {
    let of = ColumnValue::plain;
    let reason = none.or((state.infinite != [0, 0]).then_some(Undefined::Infinite));
    let when = |value: Result<f64, Undefined>| reason.map_or(value, Err);
    let n = finite as f64;
    let sum = binned.sum.value(plan.scale);
    let finite_or =
        |value: f64| if value.is_finite() { Ok(value) } else { Err(Undefined::Infinite) };
    let deviation = || {
        if finite < 2 {
            return Err(Undefined::TooFew);
        }
        let distance = binned.sum.minus_times(plan.centre, finite, plan.scale);
        let squares = binned.squares.value(plan.square_scale);
        let spread = squares - distance * distance / n;
        let spread = if spread < CANCELLED * squares && state.values.is_exact() {
            spread_of(&state.values)
        } else {
            spread.max(0.0)
        };
        finite_or((spread / (n - 1.0)).sqrt())
    };
    // A sum of no values is zero, but only where there are rows.
    let sum_value = match none {
        Some(Undefined::AllMissing) => Ok(0.0),
        _ => when(finite_or(sum)),
    };
    // The middle of values of which some are infinite may well be finite; their mean is not.
    let [minus, plus] = state.infinite;
    let median = match none {
        Some(reason) => Err(reason),
        None => state.values.median(minus, plus).ok_or(Undefined::Infinite),
    };
    vec![
        of(Metric::Mean, when(finite_or(sum / n))),
        of(Metric::StandardDeviation, when(deviation())),
        of(Metric::Median, median),
        of(Metric::Sum, sum_value),
    ]
}

/// Rows with a value outside of a method's bins.
#[derive(Clone, Copy)]
struct Outside {
    below: u64,
    above: u64,
}

fn distance(
    metric: Metric,
    counts: &[u64],
    outside: Outside,
    state: &mut ContinuousState,
    binned: &Binned,
    column: &Column,
    plan: &ContinuousPlan,
) -> Result<f64, Undefined> {
    let Values::Continuous(reference) = &column.values else { return Err(Undefined::Empty) };
    let Outside { below, above } = outside;
    match (metric, &reference.distribution) {
        (Metric::JensenShannon, _) => {
            jensen_shannon(&reference.doane.counts, counts, below + above)
        }
        (Metric::Hellinger, _) => hellinger(&reference.doane.counts, counts, below + above),
        (Metric::Psi, _) => {
            // Missing values are a bin of their own, in both.
            let ours = [reference.quantiles.counts.as_slice(), &[column.missing]].concat();
            psi(&ours, &[counts, &[state.missing]].concat())
        }
        (Metric::KolmogorovSmirnov, Distribution::Exact(values)) => {
            kolmogorov_smirnov(values, &[&[below], counts, &[above]].concat())
        }
        (Metric::KolmogorovSmirnov, Distribution::Binned { counts: reference }) => {
            kolmogorov_smirnov_binned(reference, counts, below, above)
        }
        (Metric::Wasserstein, _) if state.infinite != [0, 0] => Err(Undefined::Infinite),
        (Metric::Wasserstein, Distribution::Exact(values)) => {
            // Ascending values, each once; once they are binned, a bin stands at its middle, so the distance is off
            // by at most half the mean width of the rows' bins.
            let ascending = state.values.ascending(|_, _| ());
            wasserstein(values, ascending.map(|(value, &rows)| (value, rows)))
        }
        (Metric::Wasserstein, Distribution::Binned { counts: ours }) => {
            let tails = Tails {
                below,
                below_sum: binned.below.value(plan.scale),
                above,
                above_sum: binned.above.value(plan.scale),
            };
            wasserstein_binned(widened(reference.least, reference.greatest), ours, counts, tails)
        }
        _ => Err(Undefined::Empty),
    }
}

fn categorical(
    state: &CategoricalState,
    plan: &CategoricalPlan,
    reference: &Categorical,
    reference_missing: u64,
    rows: u64,
) -> ColumnReading {
    let none = (state.present() == 0).then(|| why_none(rows, state.absent));
    let new = NewCategories {
        distinct: state.unseen.distinct(),
        rows: state.unseen.rows,
        largest: state.unseen.most_frequent(),
    };
    let (ours, theirs) = (&reference.counts, &state.counts);
    let values = plan
        .methods
        .iter()
        .map(|&metric| {
            let mut p_value = None;
            let value = match (metric, none) {
                (_, Some(reason)) => Err(reason),
                (Metric::JensenShannon, _) => jensen_shannon(ours, theirs, new.rows),
                (Metric::Hellinger, _) => hellinger(ours, theirs, new.rows),
                (Metric::LInfinity, _) => l_infinity(ours, theirs, new),
                (Metric::Chi2, _) => chi2(ours, theirs, new).map(|test| {
                    p_value = Some(test.p_value);
                    test.statistic
                }),
                (Metric::Psi, _) => {
                    // Labels, all others, and missing values.
                    let ours = [ours.as_slice(), &[0, reference_missing]].concat();
                    psi(&ours, &[theirs.as_slice(), &[new.rows, state.missing]].concat())
                }
                _ => Err(Undefined::Empty),
            };
            ColumnValue { p_value, ..ColumnValue::plain(metric, value) }
        })
        .collect();
    ColumnReading {
        missing: state.missing,
        absent: state.absent,
        unseen: new.rows,
        out_of_range: 0,
        values,
    }
}
