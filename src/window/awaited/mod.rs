//! A window whose targets are still to come: what it takes to measure it again when they have.

mod binary;
mod multiclass;
mod regression;
mod sample;

use std::collections::BTreeMap;
use std::iter;

use minicbor::{Decode, Encode};

use self::binary::BinaryAwaited;
use self::multiclass::MulticlassAwaited;
use self::regression::RegressionAwaited;
use self::sample::AwaitedSample;
use crate::metric::{Kind, Measure};
use crate::profile::{Outputs, Relearnt};
use crate::stats::Undefined;
use crate::window::early::{EarlyTargets, worst};
use crate::window::outcome::{EstimatedState, OutputsPlan, RealizedState};
use crate::window::plan::Plan;
use crate::window::realized::Outcome;
use crate::window::result::{Figure, Method, Targets};
use crate::window::rowwise::{RowOutcome, RowsRealized};
use crate::window::segments::SegmentPlan;
use crate::window::state::WindowState;

/// What is kept of a window while its targets come.
///
/// Targets are given and taken back; what is measured depends on those that count alone, not on the way there, as long
/// as the curve of scores is exact.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Awaited {
    /// Rows of the window; 0 before it is sealed.
    #[n(0)]
    rows: u64,
    /// Those of them that are predictions that came again the same: no target will count for them.
    #[n(1)]
    repeated: u64,
    /// What the model's problem needs; `None` before the first news.
    #[n(2)]
    outputs: Option<AwaitedOutputs>,
    /// What was estimated of the window, by the name of the metric.
    #[n(3)]
    estimated: Vec<(String, f64)>,
    /// How long targets took, by step of [`Self::lag_step`].
    #[n(4)]
    lags: BTreeMap<u32, u64>,
    /// The same of segments, by their number; `None` before the first that has something to keep.
    #[n(5)]
    segments: Option<BTreeMap<u16, Self>>,
    /// How the bets on targets stand; `None` before the first, and where nobody bets.
    #[n(6)]
    early: Option<Box<EarlyTargets>>,
    /// What came to pass by the metrics over rows; `None` before the first news, and where there are none.
    #[n(7)]
    rowwise: Option<Box<AwaitedRows>>,
    /// The rows that the concept is learnt from again; `None` where nobody asks for it.
    #[n(8)]
    sample: Option<Box<AwaitedSample>>,
}

/// What came to pass by metrics over rows.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
struct AwaitedRows {
    #[n(0)]
    given: RowsRealized,
    #[n(1)]
    taken: RowsRealized,
}

/// What it takes to measure a window again, by what the model predicts.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
enum AwaitedOutputs {
    /// One of two classes.
    #[n(0)]
    Binary(#[n(0)] Box<BinaryAwaited>),
    /// One of several classes.
    #[n(1)]
    Multiclass(#[n(0)] Box<MulticlassAwaited>),
    /// A number.
    #[n(2)]
    Regression(#[n(0)] Box<RegressionAwaited>),
}

impl AwaitedOutputs {
    fn new(plan: &OutputsPlan) -> Option<Self> {
        match plan {
            OutputsPlan::None => None,
            OutputsPlan::Multiclass(plan) => {
                Some(Self::Multiclass(Box::new(MulticlassAwaited::new(plan))))
            }
            OutputsPlan::Binary(_) => Some(Self::Binary(Box::default())),
            OutputsPlan::Regression(_) => Some(Self::Regression(Box::default())),
        }
    }

    /// Rows that can have a target, by stratum; `None` where rows are in none.
    fn strata(&self) -> Option<Vec<u64>> {
        match self {
            Self::Binary(ours) => Some(ours.strata()),
            Self::Multiclass(ours) => Some(ours.strata().predicted).filter(|all| !all.is_empty()),
            Self::Regression(ours) => Some(ours.strata()),
        }
    }
}

/// Rows by stratum without those that came again, of which the last strata may have none.
fn less(rows: &[u64], repeated: &[u64]) -> Vec<u64> {
    let repeated = repeated.iter().copied().chain(iter::repeat(0));
    rows.iter().zip(repeated).map(|(rows, repeated)| rows.saturating_sub(repeated)).collect()
}

/// A change of what is known of a prediction.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'l> {
    /// Its score, or the number that was predicted.
    pub score: Option<f64>,
    /// Those of several classes, in their order; empty where one is missing, and for other models.
    pub scores: &'l [f64],
    /// What the model decided.
    pub predicted: Option<&'l str>,
    /// The target that counted before.
    pub before: Option<&'l str>,
    /// The target that counts now.
    pub after: Option<&'l str>,
    /// How long that took, in milliseconds.
    pub lag: i64,
    /// Which segments it is in, one for each way of splitting rows; those that there are not are passed over.
    pub segments: &'l [u16],
    /// What the formulas of the profile's metrics over rows read of it.
    pub terms: &'l [Option<f64>],
    /// What chooses it for samples, where their rows' targets are asked for.
    pub sample: Option<u64>,
}

/// A prediction whose id, model and version had been there before.
#[derive(Clone, Copy, Debug)]
pub struct Repeat<'l> {
    /// Its score, or the number that was predicted.
    pub score: Option<f64>,
    /// Those of several classes, in their order; empty where one is missing, and for other models.
    pub scores: &'l [f64],
    /// What the model decided.
    pub predicted: Option<&'l str>,
    /// Which segments it is in, one for each way of splitting rows; those that there are not are passed over.
    pub segments: &'l [u16],
}

/// With the coverage of each of two classes.
fn by_two_classes(told: Targets, coverage: impl Fn(usize) -> Option<f64>) -> Targets {
    Targets { coverage_of_negative: coverage(0), coverage_of_positive: coverage(1), ..told }
}

/// With the coverage of each of several classes.
fn by_class(told: Targets, plan: &Plan, coverage: &[Option<f64>]) -> Targets {
    let Outputs::Multiclass(several) = &plan.profile.outputs else { return told };
    let classes = several.classes.iter().zip(coverage);
    let coverage_by_class =
        classes.filter_map(|(class, coverage)| Some((class.label.clone(), (*coverage)?)));
    Targets { coverage_by_class: coverage_by_class.collect(), ..told }
}

/// Steps of a lag to the double of it: quantiles are off by at most an eighth.
const STEPS: f64 = 8.0;

impl Awaited {
    /// Notes what a window is made of, once it is sealed.
    pub fn seal(&mut self, state: &mut WindowState, plan: &Plan) {
        self.rows = state.rows();
        match (&plan.outputs, self.outputs(plan), &mut state.estimated) {
            (
                OutputsPlan::Binary(plan),
                Some(AwaitedOutputs::Binary(ours)),
                Some(EstimatedState::Binary(estimated)),
            ) => ours.seal(estimated, plan),
            (
                OutputsPlan::Multiclass(plan),
                Some(AwaitedOutputs::Multiclass(ours)),
                Some(EstimatedState::Multiclass(estimated)),
            ) => ours.seal(estimated, plan),
            (
                OutputsPlan::Regression(plan),
                Some(AwaitedOutputs::Regression(ours)),
                Some(EstimatedState::Regression(estimated)),
            ) => ours.seal(estimated, plan),
            _ => {}
        }
        if let Some(sample) = state.sample.as_mut().filter(|_| plan.learns_concept()) {
            self.sample.get_or_insert_default().seal(sample.rows());
        }
        for (segment, plan) in plan.segments().iter().enumerate() {
            if let (Some(plan), Some(state)) = (plan.plan(), state.segment(segment))
                && let Ok(segment) = u16::try_from(segment)
            {
                self.segments.get_or_insert_default().entry(segment).or_default().seal(state, plan);
            }
        }
    }

    /// What is kept of a segment.
    pub fn segment(&mut self, segment: usize) -> Option<&mut Self> {
        self.segments.as_mut()?.get_mut(&u16::try_from(segment).ok()?)
    }

    /// What is kept of the segments that something is to be kept of, with their plans.
    fn segments_of<'p>(
        &mut self,
        plan: &'p Plan,
        segments: &[u16],
        mut with: impl FnMut(&mut Self, &'p Plan),
    ) {
        for &segment in segments {
            let of_segment = plan.segments().get(usize::from(segment));
            if let Some(plan) = of_segment.and_then(SegmentPlan::plan) {
                with(self.segments.get_or_insert_default().entry(segment).or_default(), plan);
            }
        }
    }

    /// What the model's problem needs, made where it is not there yet.
    fn outputs(&mut self, plan: &Plan) -> Option<&mut AwaitedOutputs> {
        if self.outputs.is_none() {
            self.outputs = AwaitedOutputs::new(&plan.outputs);
        }
        self.outputs.as_mut()
    }

    /// Keeps what was estimated of the window, to hold it against what comes to pass.
    pub fn keep_estimated(&mut self, figures: &[Figure]) {
        let estimated = figures
            .iter()
            .filter(|figure| figure.kind == Kind::Estimated && figure.method != Some(Method::Pape));
        let named = |figure: &Figure| Some((figure.metric.as_str().to_owned(), figure.value?));
        self.estimated = estimated.filter_map(named).collect();
    }

    /// Takes news of one of its predictions.
    pub fn learn(&mut self, plan: &Plan, news: Labels<'_>) {
        self.segments_of(plan, news.segments, |of_segment, plan| {
            of_segment.learn(plan, Labels { segments: &[], ..news });
        });
        if let Some(early) = &plan.early {
            self.early.get_or_insert_default().learn(early, plan.profile(), &news);
        }
        let first = match (&plan.outputs, self.outputs(plan)) {
            (OutputsPlan::Binary(outputs), Some(AwaitedOutputs::Binary(ours))) => {
                ours.learn(outputs, plan.profile(), &news)
            }
            (OutputsPlan::Multiclass(outputs), Some(AwaitedOutputs::Multiclass(ours))) => {
                ours.learn(outputs, plan.profile(), &news)
            }
            (OutputsPlan::Regression(outputs), Some(AwaitedOutputs::Regression(ours))) => {
                ours.learn(outputs, &news)
            }
            _ => false,
        };
        self.learn_rowwise(plan, &news);
        if let Some(key) = news.sample.filter(|_| plan.learns_concept()) {
            let target = news.after.and_then(|label| plan.profile().truth(label));
            self.sample.get_or_insert_default().learn(key, target);
        }
        if first {
            *self.lags.entry(Self::lag_step(news.lag)).or_default() += 1;
        }
    }

    /// The same for the metrics over rows.
    fn learn_rowwise(&mut self, plan: &Plan, news: &Labels<'_>) {
        let Some(of) = plan.rowwise.as_ref().filter(|of| of.terms().len() == news.terms.len())
        else {
            return;
        };
        let profile = plan.profile();
        let (outputs, mut work) = (&plan.outputs, Vec::new());
        let stratum = outputs.stratum(profile, news.score, news.scores, news.predicted);
        let state = self.rowwise.get_or_insert_default();
        let mut add = |to: &mut RowsRealized, label: Option<&str>| {
            if let Some(truth) = label.and_then(|label| profile.truth(label)) {
                let at = |term: usize| news.terms[term].unwrap_or(f64::NAN);
                of.add(to, outputs.strata(), stratum, truth, at, &mut work);
            }
        };
        add(&mut state.taken, news.before);
        add(&mut state.given, news.after);
    }

    /// Takes note that one of its predictions came again: no target will count for it.
    pub fn repeat(&mut self, plan: &Plan, again: Repeat<'_>) {
        self.segments_of(plan, again.segments, |of_segment, plan| {
            of_segment.repeat(plan, Repeat { segments: &[], ..again });
        });
        self.repeated += 1;
        let Repeat { score, scores, predicted, .. } = again;
        match (&plan.outputs, self.outputs(plan)) {
            (OutputsPlan::Binary(outputs), Some(AwaitedOutputs::Binary(ours))) => {
                ours.repeat(outputs, plan.profile(), score, predicted);
            }
            (OutputsPlan::Multiclass(outputs), Some(AwaitedOutputs::Multiclass(ours))) => {
                ours.repeat(outputs, plan.profile(), scores, predicted);
            }
            (OutputsPlan::Regression(outputs), Some(AwaitedOutputs::Regression(ours))) => {
                ours.repeat(outputs, score);
            }
            _ => {}
        }
    }

    /// Rows of the window; 0 before it is sealed.
    pub fn rows_sealed(&self) -> u64 {
        self.rows
    }

    /// Rows that can have a target.
    pub fn rows(&self) -> u64 {
        self.rows.saturating_sub(self.repeated)
    }

    /// How many rows have a target.
    pub fn targets(&self) -> u64 {
        match &self.outputs {
            Some(AwaitedOutputs::Binary(ours)) => ours.targets(),
            Some(AwaitedOutputs::Multiclass(ours)) => ours.targets(),
            Some(AwaitedOutputs::Regression(ours)) => ours.targets(),
            None => 0,
        }
    }

    /// What was estimated of the window.
    pub fn estimated(&self) -> Vec<(Measure, f64)> {
        let measure = |(name, value): &(String, f64)| Some((Measure::from_name(name)?, *value));
        self.estimated.iter().filter_map(measure).collect()
    }

    /// The figure by which the targets so far warn; `None` where they do not.
    pub fn warning(&self, plan: &Plan) -> Option<Figure> {
        worst(plan.early.as_ref()?.of_targets(self.early.as_deref()))
    }

    /// Realized performance by the targets so far; `None` where the model has none that could be measured.
    pub fn measure(&mut self, plan: &Plan) -> Option<Outcome> {
        let early = plan.early.as_ref();
        let evidence = early.and_then(|early| early.of_targets(self.early.as_deref()));
        let measured = self.measured(plan)?;
        let relearnt = self.relearnt(plan, measured.targets());
        Some(Outcome { evidence, relearnt, ..measured })
    }

    /// The concept learnt again from the rows whose target has come, where that is asked for.
    fn relearnt(&self, plan: &Plan, targets: u64) -> Option<Result<Relearnt, Undefined>> {
        let sample = self.sample.as_ref().filter(|_| plan.learns_concept())?;
        if targets < plan.criteria().min_rows {
            return Some(Err(Undefined::TooFew));
        }
        sample.relearnt(plan.profile())
    }

    /// Whether it keeps rows that the concept is learnt from.
    pub fn keeps_rows(&self) -> bool {
        self.sample.as_ref().is_some_and(|sample| sample.keeps_rows())
    }

    /// Forgets the rows that the concept is learnt from: what their targets have taught so far stands.
    pub fn forget_rows(&mut self, plan: Option<&Plan>) {
        let taught = plan.and_then(|plan| self.relearnt(plan, self.targets()));
        if let Some(sample) = &mut self.sample {
            sample.forget_rows(taught);
        }
    }

    fn measured(&mut self, plan: &Plan) -> Option<Outcome> {
        let rows = self.rows();
        let outcome = match (&plan.outputs, self.outputs(plan)) {
            (OutputsPlan::Binary(outputs), Some(AwaitedOutputs::Binary(ours))) => {
                Some(ours.measure(outputs, rows))
            }
            (OutputsPlan::Multiclass(outputs), Some(AwaitedOutputs::Multiclass(ours))) => {
                Some(ours.measure(outputs, rows))
            }
            (OutputsPlan::Regression(outputs), Some(AwaitedOutputs::Regression(ours))) => {
                Some(ours.measure(outputs, rows))
            }
            _ => None,
        };
        let nothing = AwaitedRows::default();
        let AwaitedRows { given, taken } = self.rowwise.as_deref().unwrap_or(&nothing);
        let rowwise = self.rowwise(plan, given, Some(taken));
        outcome.map(|outcome| Outcome { rowwise, ..outcome })
    }

    /// The metrics over rows.
    fn rowwise(
        &self,
        plan: &Plan,
        given: &RowsRealized,
        taken: Option<&RowsRealized>,
    ) -> Vec<RowOutcome> {
        let strata = self.outputs.as_ref().and_then(AwaitedOutputs::strata);
        let of = plan.rowwise.as_ref();
        of.map(|of| of.outcomes(given, taken, strata.as_deref())).unwrap_or_default()
    }

    /// The same by targets that came with the rows.
    pub(super) fn measure_with(
        &mut self,
        given: &mut RealizedState,
        rowwise: Option<&RowsRealized>,
        plan: &Plan,
    ) -> Option<Outcome> {
        let rows = self.rows();
        let outcome = match (&plan.outputs, self.outputs(plan), given) {
            (
                OutputsPlan::Binary(outputs),
                Some(AwaitedOutputs::Binary(ours)),
                RealizedState::Binary(given),
            ) => Some(ours.measure_with(given, outputs, rows)),
            (
                OutputsPlan::Multiclass(outputs),
                Some(AwaitedOutputs::Multiclass(ours)),
                RealizedState::Multiclass(given),
            ) => Some(ours.measure_with(given, outputs, rows)),
            (
                OutputsPlan::Regression(outputs),
                Some(AwaitedOutputs::Regression(ours)),
                RealizedState::Regression(given),
            ) => Some(ours.measure_with(given, outputs, rows)),
            _ => None,
        };
        let rowwise = rowwise.map(|given| self.rowwise(plan, given, None)).unwrap_or_default();
        outcome.map(|outcome| Outcome { rowwise, ..outcome })
    }

    /// What is told of the targets so far.
    pub fn told(&self, plan: &Plan) -> Targets {
        let told = self.told_of(self.targets());
        match (&self.outputs, &plan.outputs) {
            (Some(AwaitedOutputs::Binary(ours)), _) => {
                by_two_classes(told, |class| ours.coverage(class))
            }
            (Some(AwaitedOutputs::Multiclass(ours)), OutputsPlan::Multiclass(outputs)) => {
                by_class(told, plan, &ours.coverage(outputs))
            }
            _ => told,
        }
    }

    /// What is told of targets that came with the rows.
    pub(super) fn told_with(&self, given: &RealizedState, plan: &Plan) -> Targets {
        let told = self.told_of(given.targets());
        match (&self.outputs, given, &plan.outputs) {
            (Some(AwaitedOutputs::Binary(ours)), RealizedState::Binary(given), _) => {
                by_two_classes(told, |class| ours.coverage_by(given, class))
            }
            (
                Some(AwaitedOutputs::Multiclass(ours)),
                RealizedState::Multiclass(given),
                OutputsPlan::Multiclass(outputs),
            ) => by_class(told, plan, &ours.coverage_by(given, outputs)),
            _ => told,
        }
    }

    fn told_of(&self, rows: u64) -> Targets {
        Targets {
            rows,
            repeated: self.repeated,
            coverage_of_negative: None,
            coverage_of_positive: None,
            coverage_by_class: BTreeMap::new(),
            lag_p50_seconds: self.lag(0.5),
            lag_p90_seconds: self.lag(0.9),
            lag_p99_seconds: self.lag(0.99),
        }
    }

    /// A quantile of how long targets took, in seconds; `None` before the first.
    fn lag(&self, share: f64) -> Option<f64> {
        let all: u64 = self.lags.values().sum();
        let rank = (share * all as f64).ceil();
        let mut below = 0;
        let step = self.lags.iter().find_map(|(&step, &targets)| {
            below += targets;
            (below as f64 >= rank).then_some(step)
        })?;
        // The middle of a step, by ratio.
        let milliseconds =
            if step == 0 { 0.0 } else { libm::exp2((f64::from(step) - 0.5) / STEPS) };
        Some((milliseconds.round()) / 1000.0)
    }

    /// Which step a lag is in: 0 for none, else an eighth of the logarithm to base 2 of its milliseconds.
    fn lag_step(milliseconds: i64) -> u32 {
        if milliseconds <= 0 {
            return 0;
        }
        (libm::log2(milliseconds as f64) * STEPS) as u32 + 1
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        let outputs = match &self.outputs {
            Some(AwaitedOutputs::Binary(ours)) => ours.bytes(),
            Some(AwaitedOutputs::Multiclass(ours)) => ours.bytes(),
            Some(AwaitedOutputs::Regression(ours)) => ours.bytes(),
            None => 0,
        };
        let rowwise = self.rowwise.as_ref().map_or(0, |of| of.given.bytes() + of.taken.bytes());
        let segments = self.segments.iter().flat_map(|segments| segments.values());
        let segments = segments.map(|segment| 32 + segment.bytes()).sum::<usize>();
        let early = self.early.as_ref().map_or(0, |early| early.bytes());
        let lists = self.estimated.len() * 48 + self.lags.len() * 24;
        let sample = self.sample.as_ref().map_or(0, |sample| sample.bytes());
        size_of::<Self>() + early + outputs + rowwise + lists + segments + sample
    }
}
