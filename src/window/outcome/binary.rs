//! The outputs of a binary classifier in a window: what is expected of them, and what came to pass.

use std::ops::Range;

use arrow::array::Array;
use minicbor::{Decode, Encode};

use crate::batch::{Expected as Added, Values};
use crate::profile::{BinaryPerformance, Measured, Profile, Role};
use crate::stats::{Cells, Histogram, ScoreBin, Undefined, Weight, average_precision, roc_auc};
use crate::window::outcome::deciles::Deciles;
use crate::window::outcome::weight::{Expected, Labelled, PROBABILITY_UNITS};
use crate::window::plan::Prepared;
use crate::window::state::usable;

/// Where the outputs lie.
#[derive(Clone, Debug)]
pub(in crate::window) struct BinaryPlan {
    pub(in crate::window) score: Option<usize>,
    pub(in crate::window) prediction: Option<usize>,
    pub(in crate::window) target: Option<usize>,
    pub(in crate::window) strata: Deciles,
}

impl BinaryPlan {
    pub(in crate::window) fn new(profile: &Profile) -> Self {
        let find = |role| profile.columns.iter().position(|column| column.role == role);
        let score = find(Role::Score);
        let strata = Deciles::of_column(profile, score);
        Self { score, prediction: find(Role::Prediction), target: find(Role::Target), strata }
    }

    /// Adds rows to both states.
    pub(super) fn fold(
        &self,
        prepared: &Prepared<'_>,
        range: Range<usize>,
        mut estimated: Option<&mut BinaryEstimated>,
        mut realized: Option<&mut BinaryRealized>,
    ) {
        let rows = &*prepared.rows;
        let scores = self.score.and_then(|index| match &rows.columns[index].values {
            Values::Numbers(scores) => Some(scores),
            Values::Labels(_) | Values::Vectors(_) => None,
        });
        let expected = match &rows.expected {
            Added::Probabilities(classes) => classes.first(),
            Added::Nothing | Added::Losses(_) => None,
        };
        let class = |column: Option<usize>, row: usize| Some(prepared.class(column?, row)? == 1);
        for row in range {
            let score = scores.and_then(|scores| {
                let score = scores.is_valid(row).then(|| scores.value(row));
                score.and_then(usable)
            });
            let predicted = class(self.prediction, row);
            if let (Some(state), Some(score), Some(expected)) = (&mut estimated, score, expected) {
                state.add(score, expected[row], predicted);
            }
            if let (Some(state), Some(target)) = (&mut realized, class(self.target, row)) {
                let score = score.map(|score| (score, self.strata.stratum(score)));
                state.add(target, Scored { score, predicted });
            }
        }
    }
}

/// What the profile expects of a window's predictions, without their targets.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(in crate::window) struct BinaryEstimated {
    /// Rows with a score, by score.
    #[n(0)]
    pub(in crate::window) curve: Histogram<Expected>,
    /// Rows with a score and a prediction, by predicted class: negative, positive.
    #[n(1)]
    pub(in crate::window) predicted: [Expected; 2],
}

impl BinaryEstimated {
    /// Adds a row with a score.
    #[inline]
    fn add(&mut self, score: f64, probability: u64, predicted: Option<bool>) {
        self.curve.push(score, probability);
        if self.curve.is_due() {
            self.curve.compact(|_, _| ());
        }
        if let Some(positive) = predicted {
            self.predicted[usize::from(positive)].add(probability);
        }
    }

    pub(in crate::window) fn merge(&mut self, other: &Self) {
        self.curve.merge(&other.curve, |_, _| ());
        self.predicted[0].merge(&other.predicted[0]);
        self.predicted[1].merge(&other.predicted[1]);
    }

    /// What is measured of it; `rows` are those of the window.
    pub(in crate::window) fn measure(&mut self, rows: u64) -> BinaryPerformance {
        let [negative, positive] = self.predicted;
        let units = |sum: u128| sum as f64 / PROBABILITY_UNITS;
        let whole = |rows: u64| u128::from(rows) << 52;
        // Sums are integers until here: one rounding each.
        let cells = Cells {
            true_positive: units(positive.positives),
            false_positive: units(whole(positive.rows) - positive.positives),
            false_negative: units(negative.positives),
            true_negative: units(whole(negative.rows) - negative.positives),
        };
        let bin = |(_, bin): (f64, &Expected)| ScoreBin {
            positives: units(bin.positives),
            negatives: units(whole(bin.rows) - bin.positives),
        };
        let scored = self.curve.rows();
        let none = (scored == 0).then_some(if rows == 0 {
            Undefined::Empty
        } else {
            Undefined::AllMissing
        });
        let curve = self.curve.ascending(|_, _| ());
        let of = |value| Measured(none.map_or(value, Err));
        BinaryPerformance {
            usable: scored,
            predicted: negative.rows + positive.rows,
            scored,
            cells,
            roc_auc: of(roc_auc(curve.clone().map(bin))),
            average_precision: of(average_precision(curve.map(bin))),
        }
    }
}

/// What came to pass of a window's predictions, as far as their targets are known.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(in crate::window) struct BinaryRealized {
    /// Rows with a target.
    #[n(0)]
    pub(in crate::window) targets: u64,
    /// Rows with a target and a prediction: `[target][prediction]`, negative first.
    #[n(1)]
    pub(in crate::window) cells: [[u64; 2]; 2],
    /// Rows with a target and a score, by score.
    #[n(2)]
    pub(in crate::window) curve: Histogram<Labelled>,
    /// Rows with a target, a score and a prediction by stratum of the score: `[target][prediction]`.
    #[n(3)]
    pub(in crate::window) strata: Vec<[[u64; 2]; 2]>,
}

impl BinaryRealized {
    /// Adds a row with a target.
    #[inline]
    pub(in crate::window) fn add(&mut self, target: bool, row: Scored) {
        let Scored { score, predicted } = row;
        self.targets += 1;
        if let Some(positive) = predicted {
            self.cells[usize::from(target)][usize::from(positive)] += 1;
            if let Some((_, stratum)) = score {
                if self.strata.len() <= stratum {
                    self.strata.resize(stratum + 1, [[0; 2]; 2]);
                }
                self.strata[stratum][usize::from(target)][usize::from(positive)] += 1;
            }
        }
        if let Some((score, _)) = score {
            self.curve.push(score, target);
            if self.curve.is_due() {
                self.curve.compact(|_, _| ());
            }
        }
    }

    pub(in crate::window) fn merge(&mut self, other: &Self) {
        self.targets += other.targets;
        for (ours, theirs) in self.cells.iter_mut().flatten().zip(other.cells.iter().flatten()) {
            *ours += theirs;
        }
        if self.strata.len() < other.strata.len() {
            self.strata.resize(other.strata.len(), [[0; 2]; 2]);
        }
        for (ours, theirs) in self.strata.iter_mut().zip(&other.strata) {
            for (ours, theirs) in ours.iter_mut().flatten().zip(theirs.iter().flatten()) {
                *ours += theirs;
            }
        }
        self.curve.merge(&other.curve, |_, _| ());
    }

    /// Bytes of memory held.
    pub(in crate::window) fn bytes(&self) -> usize {
        self.curve.bytes() + self.strata.len() * size_of::<[[u64; 2]; 2]>()
    }

    /// What is measured of it.
    pub(in crate::window) fn measure(&mut self) -> BinaryPerformance {
        let [[true_negative, false_positive], [false_negative, true_positive]] = self.cells;
        let cells = Cells {
            true_positive: true_positive as f64,
            false_positive: false_positive as f64,
            false_negative: false_negative as f64,
            true_negative: true_negative as f64,
        };
        let scored = self.curve.rows();
        let targets = self.targets;
        let none = (scored == 0).then_some(if targets == 0 {
            Undefined::NoTargets
        } else {
            Undefined::AllMissing
        });
        let curve = self.curve.ascending(|_, _| ());
        let of = |value| Measured(none.map_or(value, Err));
        let bin = |(_, bin): (f64, &Labelled)| ScoreBin {
            positives: bin.positives as f64,
            negatives: bin.negatives as f64,
        };
        BinaryPerformance {
            usable: targets,
            predicted: self.cells.iter().flatten().sum(),
            scored,
            cells,
            roc_auc: of(roc_auc(curve.clone().map(bin))),
            average_precision: of(average_precision(curve.map(bin))),
        }
    }
}

/// What a prediction is known by, beside its target.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::window) struct Scored {
    /// Its score, and the stratum that it lies in.
    pub(in crate::window) score: Option<(f64, usize)>,
    /// Whether the positive class was predicted.
    pub(in crate::window) predicted: Option<bool>,
}
