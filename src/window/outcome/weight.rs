//! What is kept of the rows at a score.

use minicbor::{Decode, Encode};

use crate::stats::Weight;

/// Calibrated probabilities are counted in units of 2^-52.
pub const PROBABILITY_UNITS: f64 = (1u64 << 52) as f64;

/// Rows at a score and the sum of their calibrated probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Encode, Decode)]
pub(in crate::window) struct Expected {
    /// Rows.
    #[n(0)]
    pub(in crate::window) rows: u64,
    /// Sum of their probabilities, in units of 2^-52.
    #[cbor(n(1), with = "crate::stats::codec::uint128")]
    pub(in crate::window) positives: u128,
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
pub(in crate::window) struct Labelled {
    /// Rows of the negative class.
    pub(in crate::window) negatives: u64,
    /// Rows of the positive class.
    pub(in crate::window) positives: u64,
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

impl Labelled {
    /// Takes rows out of a curve again, each from the nearest score that there is; both ascend.
    pub(in crate::window) fn take_back(
        curve: &mut Vec<(f64, Self)>,
        taken: impl Iterator<Item = (f64, Self)>,
    ) {
        for (score, bin) in taken {
            let after = curve.partition_point(|&(at, _)| at < score);
            let nearest = [after.checked_sub(1), Some(after)]
                .into_iter()
                .flatten()
                .filter(|&at| at < curve.len())
                .min_by(|&a, &b| (curve[a].0 - score).abs().total_cmp(&(curve[b].0 - score).abs()));
            if let Some(at) = nearest {
                let given = &mut curve[at].1;
                given.positives = given.positives.saturating_sub(bin.positives);
                given.negatives = given.negatives.saturating_sub(bin.negatives);
            }
        }
        curve.retain(|(_, bin)| bin.positives + bin.negatives > 0);
    }
}

/// The same with fewer distinct scores kept apart, as there is a curve for each of several classes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::window) struct OfSeveral<W>(pub(in crate::window) W);

impl<W: Weight> Weight for OfSeveral<W> {
    type Item = W::Item;
    const CAPACITY: usize = 16_384;

    #[inline]
    fn add(&mut self, item: W::Item) {
        self.0.add(item);
    }
    fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }
    fn rows(&self) -> u64 {
        self.0.rows()
    }
    fn write(&self, put: impl FnMut(u128)) {
        self.0.write(put);
    }
    fn read(take: impl FnMut() -> Option<u128>) -> Option<Self> {
        W::read(take).map(Self)
    }
}
