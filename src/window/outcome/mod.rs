//! The state of a window's predictions: what the profile expects of them, and what came to pass.
//!
//! A file for each problem, and here what they have in common: one enum for where a model's outputs lie, one for what is
//! expected of them, one for what came to pass.

mod binary;
mod deciles;
mod multiclass;
mod regression;
mod rows;
mod weight;

use std::ops::Range;

use minicbor::{Decode, Encode};

pub(super) use self::binary::{BinaryEstimated, BinaryPlan, BinaryRealized, Scored};
pub(super) use self::deciles::Deciles;
pub(super) use self::multiclass::{
    LabelledCurve, MulticlassEstimated, MulticlassPlan, MulticlassRealized,
};
pub(super) use self::regression::{
    RegressionEstimated, RegressionPlan, RegressionRealized, Stratum,
};
pub use self::weight::PROBABILITY_UNITS;
pub(super) use self::weight::{Expected, Labelled, OfSeveral};
use crate::profile::{Outputs, Performance, Profile};
use crate::window::plan::Prepared;

/// Where a model's outputs lie.
#[derive(Clone, Debug)]
pub(super) enum OutputsPlan {
    /// Nowhere.
    None,
    /// Score, prediction and target of two classes.
    Binary(BinaryPlan),
    /// Scores, prediction and target of several classes.
    Multiclass(MulticlassPlan),
    /// Prediction and target of a number.
    Regression(Box<RegressionPlan>),
}

/// What the profile expects of a window's predictions, without their targets.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) enum EstimatedState {
    /// Of two classes.
    #[n(0)]
    Binary(#[n(0)] BinaryEstimated),
    /// Of several classes.
    #[n(1)]
    Multiclass(#[n(0)] MulticlassEstimated),
    /// Of a number.
    #[n(2)]
    Regression(#[n(0)] RegressionEstimated),
}

/// What came to pass of a window's predictions, as far as their targets are known.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) enum RealizedState {
    /// Of two classes.
    #[n(0)]
    Binary(#[n(0)] BinaryRealized),
    /// Of several classes.
    #[n(1)]
    Multiclass(#[n(0)] MulticlassRealized),
    /// Of a number.
    #[n(2)]
    Regression(#[n(0)] RegressionRealized),
}

impl OutputsPlan {
    pub(super) fn new(profile: &Profile) -> Self {
        match &profile.outputs {
            Outputs::None => Self::None,
            Outputs::Binary(_) => Self::Binary(BinaryPlan::new(profile)),
            Outputs::Multiclass(several) => Self::Multiclass(MulticlassPlan::new(several, profile)),
            Outputs::Regression(regression) => {
                Self::Regression(Box::new(RegressionPlan::new(profile, regression)))
            }
        }
    }

    /// Where the target lies.
    pub(super) fn target(&self) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Binary(plan) => plan.target,
            Self::Multiclass(plan) => plan.target,
            Self::Regression(plan) => plan.target,
        }
    }

    /// Where the score of two classes lies.
    pub(super) fn score(&self) -> Option<usize> {
        match self {
            Self::Binary(plan) => plan.score,
            Self::None | Self::Multiclass(_) | Self::Regression(_) => None,
        }
    }

    /// Where the prediction lies.
    pub(super) fn prediction(&self) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Binary(plan) => plan.prediction,
            Self::Multiclass(plan) => plan.prediction,
            Self::Regression(plan) => plan.prediction,
        }
    }

    /// What rows carry is that of another plan.
    pub(super) fn carried_as(&mut self, whole: &Self) {
        if let (Self::Regression(ours), Self::Regression(whole)) = (self, whole) {
            ours.carried_as(whole);
        }
    }

    /// The state of no rows; `None` where nothing can be expected.
    pub(super) fn estimated(&self) -> Option<EstimatedState> {
        match self {
            Self::None => None,
            Self::Binary(plan) => {
                plan.score.map(|_| EstimatedState::Binary(BinaryEstimated::default()))
            }
            Self::Multiclass(plan) => plan.estimated().map(EstimatedState::Multiclass),
            Self::Regression(plan) => {
                plan.prediction.map(|_| EstimatedState::Regression(RegressionEstimated::default()))
            }
        }
    }

    /// The state of no rows; `None` where nothing can come to pass.
    pub(super) fn realized(&self) -> Option<RealizedState> {
        match self {
            Self::None => None,
            Self::Binary(plan) => {
                plan.target.map(|_| RealizedState::Binary(BinaryRealized::default()))
            }
            Self::Multiclass(plan) => {
                plan.target.map(|_| RealizedState::Multiclass(plan.realized()))
            }
            Self::Regression(plan) => {
                plan.target.map(|_| RealizedState::Regression(RegressionRealized::default()))
            }
        }
    }

    /// Adds rows to both states.
    pub(super) fn fold(
        &self,
        prepared: &Prepared<'_>,
        range: Range<usize>,
        estimated: &mut Option<EstimatedState>,
        realized: &mut Option<RealizedState>,
    ) {
        // The states of the plan's own problem; states of one plan are of no other.
        macro_rules! fold {
            ($problem:ident, $plan:expr) => {{
                let estimated = match estimated {
                    Some(EstimatedState::$problem(state)) => Some(state),
                    _ => None,
                };
                let realized = match realized {
                    Some(RealizedState::$problem(state)) => Some(state),
                    _ => None,
                };
                $plan.fold(prepared, range, estimated, realized);
            }};
        }
        match self {
            Self::None => {}
            Self::Binary(plan) => fold!(Binary, plan),
            Self::Multiclass(plan) => fold!(Multiclass, plan),
            Self::Regression(plan) => fold!(Regression, plan),
        }
    }
}

impl EstimatedState {
    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Binary(ours), Self::Binary(theirs)) => ours.merge(theirs),
            (Self::Multiclass(ours), Self::Multiclass(theirs)) => ours.merge(theirs),
            (Self::Regression(ours), Self::Regression(theirs)) => ours.merge(theirs),
            _ => debug_assert!(false, "states of one plan are of one problem"),
        }
    }

    /// What is measured of it; `rows` are those of the window.
    pub(super) fn measure(&mut self, plan: &OutputsPlan, rows: u64) -> Option<Performance> {
        match (self, plan) {
            (Self::Binary(state), _) => Some(Performance::Binary(state.measure(rows))),
            (Self::Multiclass(state), _) => Some(Performance::Multiclass(state.measure(rows))),
            (Self::Regression(state), OutputsPlan::Regression(plan)) => {
                Some(Performance::Regression(state.measure(plan, rows)))
            }
            (Self::Regression(_), _) => None,
        }
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Binary(state) => state.curve.bytes(),
            Self::Multiclass(state) => state.bytes(),
            Self::Regression(state) => state.bytes(),
        }
    }
}

impl RealizedState {
    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Binary(ours), Self::Binary(theirs)) => ours.merge(theirs),
            (Self::Multiclass(ours), Self::Multiclass(theirs)) => ours.merge(theirs),
            (Self::Regression(ours), Self::Regression(theirs)) => ours.merge(theirs),
            _ => debug_assert!(false, "states of one plan are of one problem"),
        }
    }

    /// What is measured of it.
    pub(super) fn measure(&mut self, plan: &OutputsPlan) -> Option<Performance> {
        match (self, plan) {
            (Self::Binary(state), _) => Some(Performance::Binary(state.measure())),
            (Self::Multiclass(state), _) => Some(Performance::Multiclass(state.measure())),
            (Self::Regression(state), OutputsPlan::Regression(plan)) => {
                Some(Performance::Regression(state.measure(plan)))
            }
            (Self::Regression(_), _) => None,
        }
    }

    /// Rows with a target.
    pub(super) fn targets(&self) -> u64 {
        match self {
            Self::Binary(state) => state.targets,
            Self::Multiclass(state) => state.targets,
            Self::Regression(state) => state.targets,
        }
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Binary(state) => state.bytes(),
            Self::Multiclass(state) => state.bytes(),
            Self::Regression(state) => state.bytes(),
        }
    }
}
