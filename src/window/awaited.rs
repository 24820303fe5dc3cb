//! A window whose targets are still to come: what it takes to measure it again when they have.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::metric::{Kind, Metric};
use crate::window::outcome::{RealizedState, Scored};
use crate::window::plan::Plan;
use crate::window::realized::Outcome;
use crate::window::result::{Figure, Targets};
use crate::window::state::{WindowState, usable};

/// What is kept of a window while its targets come.
///
/// Targets are given and taken back; what is measured depends on those that count alone, not on the way there, as long
/// as the curve of scores is exact.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Awaited {
    /// Rows that can have a target: those of the window without repeated ones.
    #[n(0)]
    rows: u64,
    /// Those of them with a score, by stratum; empty before the window is sealed.
    #[n(1)]
    strata: Vec<u64>,
    /// Those of them with a score and a prediction, by predicted class: negative, positive.
    #[n(2)]
    predicted: [u64; 2],
    /// What was estimated of the window, by the name of the metric.
    #[n(3)]
    estimated: Vec<(String, f64)>,
    /// Of predictions that came again the same: no target will count for them.
    #[n(4)]
    repeated: Repeated,
    #[n(5)]
    given: RealizedState,
    #[n(6)]
    taken: RealizedState,
    /// How long targets took, by step of [`Self::lag_step`].
    #[n(7)]
    lags: BTreeMap<u32, u64>,
}

/// Predictions that came again.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
struct Repeated {
    #[n(0)]
    rows: u64,
    #[n(1)]
    strata: Vec<u64>,
    #[n(2)]
    predicted: [u64; 2],
}

/// A change of what is known of a prediction.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'l> {
    /// Its score.
    pub score: Option<f64>,
    /// What the model decided.
    pub predicted: Option<&'l str>,
    /// The target that counted before.
    pub before: Option<&'l str>,
    /// The target that counts now.
    pub after: Option<&'l str>,
    /// How long that took, in milliseconds.
    pub lag: i64,
}

/// Steps of a lag to the double of it: quantiles are off by at most an eighth.
const STEPS: f64 = 8.0;

impl Awaited {
    /// Notes what a window is made of, once it is sealed; `rows` is how many it has.
    pub fn seal(&mut self, state: &mut WindowState, plan: &Plan) {
        self.rows = state.rows();
        self.strata = vec![0; plan.strata()];
        if let Some(estimated) = &mut state.estimated {
            for (score, bin) in estimated.curve.ascending(|_, _| ()) {
                self.strata[plan.stratum(score)] += bin.rows;
            }
            self.predicted = estimated.predicted.map(|of_class| of_class.rows);
        }
    }

    /// Keeps what was estimated of the window, to hold it against what comes to pass.
    pub fn keep_estimated(&mut self, figures: &[Figure]) {
        let estimated = figures.iter().filter(|figure| figure.kind == Kind::Estimated);
        let named = |figure: &Figure| Some((figure.metric.as_str().to_owned(), figure.value?));
        self.estimated = estimated.filter_map(named).collect();
    }

    /// Takes news of one of its predictions.
    pub fn learn(&mut self, plan: &Plan, news: Labels<'_>) {
        let class = |label: Option<&str>| label.and_then(|label| plan.profile().class(label));
        let row = scored(plan, news.score, news.predicted);
        if let Some(before) = class(news.before) {
            self.taken.add(before, row);
        }
        if let Some(after) = class(news.after) {
            self.given.add(after, row);
            if news.before.is_none() {
                *self.lags.entry(Self::lag_step(news.lag)).or_default() += 1;
            }
        }
    }

    /// Takes note that one of its predictions came again: no target will count for it.
    pub fn repeat(&mut self, plan: &Plan, score: Option<f64>, predicted: Option<&str>) {
        let Scored { score, predicted } = scored(plan, score, predicted);
        self.repeated.rows += 1;
        if let Some((_, stratum)) = score {
            self.repeated.strata.resize(plan.strata().max(stratum + 1), 0);
            self.repeated.strata[stratum] += 1;
        }
        if let Some(positive) = predicted {
            self.repeated.predicted[usize::from(positive)] += 1;
        }
    }

    /// Rows that can have a target.
    pub fn rows(&self) -> u64 {
        self.rows.saturating_sub(self.repeated.rows)
    }

    /// How many rows have a target.
    pub fn targets(&self) -> u64 {
        self.given.targets.saturating_sub(self.taken.targets)
    }

    /// What was estimated of the window.
    pub fn estimated(&self) -> Vec<(Metric, f64)> {
        let metric = |(name, value): &(String, f64)| Some((Metric::from_name(name)?, *value));
        self.estimated.iter().filter_map(metric).collect()
    }

    /// Realized performance by the targets so far.
    pub fn measure(&mut self, plan: &Plan) -> Outcome {
        let (rows, strata) = (self.rows(), self.strata());
        Outcome::of(plan, &mut self.given, Some(&mut self.taken), rows, &strata)
    }

    /// The same by targets that came with the rows.
    pub(super) fn measure_with(&self, given: &mut RealizedState, plan: &Plan) -> Outcome {
        Outcome::of(plan, given, None, self.rows(), &self.strata())
    }

    /// Rows with a score that can have a target, by stratum.
    fn strata(&self) -> Vec<u64> {
        let mut strata = self.strata.clone();
        for (rows, repeated) in strata.iter_mut().zip(&self.repeated.strata) {
            *rows = rows.saturating_sub(*repeated);
        }
        strata
    }

    /// What is told of the targets so far.
    pub fn told(&self) -> Targets {
        let coverage = |positive: usize| {
            let of = |state: &RealizedState| state.cells[0][positive] + state.cells[1][positive];
            let targets = of(&self.given).saturating_sub(of(&self.taken));
            let rows = self.predicted[positive].saturating_sub(self.repeated.predicted[positive]);
            (rows > 0).then(|| (targets as f64 / rows as f64).min(1.0))
        };
        Targets {
            rows: self.targets(),
            repeated: self.repeated.rows,
            coverage_of_negative: coverage(0),
            coverage_of_positive: coverage(1),
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
        size_of::<Self>()
            + self.given.bytes()
            + self.taken.bytes()
            + self.strata.len() * 8
            + self.estimated.len() * 48
            + self.repeated.strata.len() * 8
            + self.lags.len() * 24
    }
}

fn scored(plan: &Plan, score: Option<f64>, predicted: Option<&str>) -> Scored {
    let score = score.and_then(usable).map(|score| (score, plan.stratum(score)));
    Scored { score, predicted: predicted.and_then(|label| plan.profile().class(label)) }
}
