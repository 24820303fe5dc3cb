//! Realized performance: from the rows that have a target, as they are and weighed to stand for all rows.

mod binary;
mod multiclass;
mod regression;

use self::binary::BinaryStratified;
use self::multiclass::MulticlassStratified;
pub(super) use self::multiclass::StrataOfSeveral;
use self::regression::RegressionStratified;
use crate::profile::{Evidence, Performance, Relearnt};
use crate::stats::{Basis, StratifiedErrors, Undefined};
use crate::window::criteria::Criteria;
use crate::window::judge::Asked;
use crate::window::rowwise::RowOutcome;

/// Realized performance as it was measured of a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Rows that can have a target.
    pub(super) rows: u64,
    /// Of those that have one.
    pub(super) labelled: Performance,
    /// Of all, as those stand for them.
    pub(super) stratified: Stratified,
    /// What the bets on targets say.
    pub(super) evidence: Option<Evidence>,
    /// By the metrics over rows.
    pub(super) rowwise: Vec<RowOutcome>,
    /// The concept learnt again, where that is asked for.
    pub(super) relearnt: Option<Result<Relearnt, Undefined>>,
}

/// Performance of all rows, from those that have a target.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stratified {
    /// Of two classes.
    Binary(BinaryStratified),
    /// Those that have a target stand for themselves alone.
    None,
    /// Of several classes.
    Multiclass(Box<MulticlassStratified>),
    /// Of a number.
    Regression(RegressionStratified),
}

impl Outcome {
    /// Share of the rows that have a target.
    pub fn coverage(&self) -> f64 {
        share(self.labelled.usable(), self.rows)
    }

    /// How many rows have a target.
    pub fn targets(&self) -> u64 {
        self.labelled.usable()
    }
}

impl Stratified {
    /// What was measured.
    pub(super) fn performance(&self) -> Option<Performance> {
        match self {
            Self::Binary(found) => Some(Performance::Binary(found.performance)),
            Self::Multiclass(found) => Some(Performance::Multiclass(found.performance.clone())),
            Self::Regression(found) => Some(Performance::Regression(found.performance)),
            Self::None => None,
        }
    }

    /// A figure's value.
    pub(super) fn value(&self, of: &Asked, criteria: &Criteria) -> Result<f64, Undefined> {
        let refused = match self {
            Self::Binary(found) => found.refused(of.metric),
            Self::Multiclass(found) => found.refused(of.metric),
            // Its values say it themselves.
            Self::Regression(_) | Self::None => None,
        };
        match (refused, self.performance()) {
            (Some(reason), _) => Err(reason),
            (None, Some(performance)) => of.value(&performance, Basis::Realized, criteria),
            (None, None) => Err(Undefined::NoTargets),
        }
    }

    /// Its standard errors.
    pub(super) fn errors(&self, of: &Asked, criteria: &Criteria) -> Option<StratifiedErrors> {
        match self {
            Self::Binary(found) => match &of.custom {
                Some(formula) => found.errors_of(formula),
                None => found.errors(of.metric, criteria),
            },
            Self::Multiclass(found) => found.errors(of, criteria),
            Self::Regression(found) => found.errors(of.metric),
            Self::None => None,
        }
    }
}

/// A share; of nothing it is 0.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
