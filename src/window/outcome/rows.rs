//! The outputs of single rows, whatever the model predicts.

use arrow::array::{Array, Float64Array};

use crate::batch::Values;
use crate::profile::{Profile, Truth};
use crate::window::outcome::OutputsPlan;
use crate::window::plan::Prepared;
use crate::window::rowwise::OutputRow;
use crate::window::state::usable;

/// The outputs of rows, one by one.
pub(in crate::window) struct OutputReader<'r> {
    plan: &'r OutputsPlan,
    prepared: &'r Prepared<'r>,
    /// Scores, or the number that is predicted; empty where a column holds something else.
    numbers: Vec<&'r Float64Array>,
}

impl OutputsPlan {
    /// Reads rows one by one.
    pub(in crate::window) fn reader<'r>(&'r self, prepared: &'r Prepared<'r>) -> OutputReader<'r> {
        let columns = match self {
            Self::None => Vec::new(),
            Self::Binary(plan) => plan.score.into_iter().collect(),
            Self::Multiclass(plan) => plan.scores().to_vec(),
            Self::Regression(plan) => plan.prediction.into_iter().collect(),
        };
        let numbers = columns.iter().map(|&index| match &prepared.rows.columns[index].values {
            Values::Numbers(numbers) => Some(numbers),
            Values::Labels(_) | Values::Vectors(_) => None,
        });
        let numbers = numbers.collect::<Option<_>>().unwrap_or_default();
        OutputReader { plan: self, prepared, numbers }
    }

    /// How many strata there are.
    pub(in crate::window) fn strata(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Binary(plan) => plan.strata.count(),
            Self::Multiclass(plan) => plan.strata(),
            Self::Regression(plan) => plan.strata.count(),
        }
    }

    /// The stratum of a prediction that targets come for later.
    pub(in crate::window) fn stratum(
        &self,
        profile: &Profile,
        score: Option<f64>,
        scores: &[f64],
        predicted: Option<&str>,
    ) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Binary(plan) => Some(plan.strata.stratum(usable(score?)?)),
            Self::Multiclass(plan) => {
                let predicted = profile.class(predicted?).unwrap_or(plan.classes);
                (scores.len() == plan.classes).then(|| plan.stratum(scores, predicted))
            }
            Self::Regression(plan) => {
                Some(plan.strata.stratum(score.filter(|score| !score.is_nan())?))
            }
        }
    }
}

impl OutputReader<'_> {
    /// A row.
    pub(in crate::window) fn at(&self, row: usize) -> OutputRow {
        let number = |of: &&Float64Array| {
            of.is_valid(row).then(|| of.value(row)).filter(|number| !number.is_nan())
        };
        let first = self.numbers.first().and_then(number);
        let class = |column: Option<usize>| self.prepared.class(column?, row);
        match self.plan {
            OutputsPlan::None => OutputRow::default(),
            OutputsPlan::Binary(plan) => {
                let score = first.and_then(usable);
                OutputRow {
                    predicted: score,
                    stratum: score.map(|score| plan.strata.stratum(score)),
                    truth: class(plan.target).map(Truth::Class),
                }
            }
            OutputsPlan::Multiclass(plan) => {
                let scores = self.numbers.iter().map(|of| number(of).and_then(usable));
                let scores: Option<Vec<f64>> = scores.collect();
                let scores = scores.filter(|scores| scores.len() == plan.classes);
                let stratum = |scores: &Vec<f64>| {
                    class(plan.prediction).map(|predicted| plan.stratum(scores, predicted))
                };
                OutputRow {
                    predicted: scores.as_ref().and_then(|scores| scores.first().copied()),
                    stratum: scores.as_ref().and_then(stratum),
                    truth: class(plan.target).map(Truth::Class),
                }
            }
            OutputsPlan::Regression(plan) => {
                let target = plan.target.and_then(|target| {
                    let target = self.prepared.rows.columns[target].number(row);
                    target.map(Truth::Number)
                });
                OutputRow {
                    predicted: first,
                    stratum: first.map(|prediction| plan.strata.stratum(prediction)),
                    truth: target,
                }
            }
        }
    }
}
