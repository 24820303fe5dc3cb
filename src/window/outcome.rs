//! The state of a window's predictions: what the profile expects of them, and what came to pass.

use minicbor::{Decode, Encode};

use crate::stats::{Histogram, Weight};

/// Calibrated probabilities are counted in units of 2^-52.
pub const PROBABILITY_UNITS: f64 = (1u64 << 52) as f64;

/// Rows at a score and the sum of their calibrated probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct Expected {
    /// Rows.
    #[n(0)]
    pub(super) rows: u64,
    /// Sum of their probabilities, in units of 2^-52.
    #[cbor(n(1), with = "crate::stats::codec::uint128")]
    pub(super) positives: u128,
}

impl Weight for Expected {
    type Item = u64;
    const CAPACITY: usize = 65_536;

    #[inline]
    fn add(&mut self, probability: u64) {
        self.rows += 1;
        self.positives += u128::from(probability);
    }
    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.positives += other.positives;
    }
    fn rows(&self) -> u64 {
        self.rows
    }
    fn write(&self, mut put: impl FnMut(u128)) {
        put(u128::from(self.rows));
        put(self.positives);
    }
    fn read(mut take: impl FnMut() -> Option<u128>) -> Option<Self> {
        Some(Self { rows: take()?.try_into().ok()?, positives: take()? })
    }
}

/// Rows at a score by what came to pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Labelled {
    /// Rows of the negative class.
    pub(super) negatives: u64,
    /// Rows of the positive class.
    pub(super) positives: u64,
}

impl Weight for Labelled {
    type Item = bool;
    const CAPACITY: usize = 65_536;

    #[inline]
    fn add(&mut self, positive: bool) {
        if positive {
            self.positives += 1;
        } else {
            self.negatives += 1;
        }
    }
    fn merge(&mut self, other: &Self) {
        self.negatives += other.negatives;
        self.positives += other.positives;
    }
    fn rows(&self) -> u64 {
        self.negatives + self.positives
    }
    fn write(&self, mut put: impl FnMut(u128)) {
        put(u128::from(self.negatives));
        put(u128::from(self.positives));
    }
    fn read(mut take: impl FnMut() -> Option<u128>) -> Option<Self> {
        Some(Self { negatives: take()?.try_into().ok()?, positives: take()?.try_into().ok()? })
    }
}

/// What the profile expects of a window's predictions, without their targets.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct EstimatedState {
    /// Rows with a score, by score.
    #[n(0)]
    pub(super) curve: Histogram<Expected>,
    /// Rows with a score and a prediction, by predicted class: negative, positive.
    #[n(1)]
    pub(super) predicted: [Expected; 2],
}

impl EstimatedState {
    /// Adds a row with a score.
    #[inline]
    pub(super) fn add(&mut self, score: f64, probability: u64, predicted: Option<bool>) {
        self.curve.push(score, probability);
        if self.curve.is_due() {
            self.curve.compact(|_, _| ());
        }
        if let Some(positive) = predicted {
            self.predicted[usize::from(positive)].add(probability);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.curve.merge(&other.curve, |_, _| ());
        self.predicted[0].merge(&other.predicted[0]);
        self.predicted[1].merge(&other.predicted[1]);
    }
}

/// What came to pass of a window's predictions, as far as their targets are known.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct RealizedState {
    /// Rows with a target.
    #[n(0)]
    pub(super) targets: u64,
    /// Rows with a target and a prediction: `[target][prediction]`, negative first.
    #[n(1)]
    pub(super) cells: [[u64; 2]; 2],
    /// Rows with a target and a score, by score.
    #[n(2)]
    pub(super) curve: Histogram<Labelled>,
    /// Rows with a target, a score and a prediction by stratum of the score: `[target][prediction]`.
    #[n(3)]
    pub(super) strata: Vec<[[u64; 2]; 2]>,
}

impl RealizedState {
    /// Adds a row with a target.
    #[inline]
    pub(super) fn add(&mut self, target: bool, row: Scored) {
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

    pub(super) fn merge(&mut self, other: &Self) {
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
    pub(super) fn bytes(&self) -> usize {
        self.curve.bytes() + self.strata.len() * size_of::<[[u64; 2]; 2]>()
    }
}

/// What a prediction is known by, beside its target.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scored {
    /// Its score, and the stratum that it lies in.
    pub(super) score: Option<(f64, usize)>,
    /// Whether the positive class was predicted.
    pub(super) predicted: Option<bool>,
}
