//! What needs the order of values: an adaptive histogram.

use std::fmt::Debug;
use std::mem;

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

use crate::stats::codec::leb128::{put, take};

/// What a histogram keeps for each distinct value.
pub trait Weight: Clone + Default + Debug + PartialEq {
    /// What one row brings.
    type Item: Copy + Debug;
    /// How many distinct values are kept apart; above it they are binned.
    const CAPACITY: usize;

    /// Adds a row.
    fn add(&mut self, item: Self::Item);
    /// Adds the rows of another.
    fn merge(&mut self, other: &Self);
    /// How many rows there are.
    fn rows(&self) -> u64;
    /// Writes its parts as numbers below 2^128.
    fn write(&self, put: impl FnMut(u128));
    /// Reads its parts in the order written.
    fn read(take: impl FnMut() -> Option<u128>) -> Option<Self>;
}

/// A plain count of rows.
impl Weight for u64 {
    type Item = ();
    const CAPACITY: usize = 16_384;

    #[inline]
    fn add(&mut self, (): ()) {
        *self += 1;
    }
    fn merge(&mut self, other: &Self) {
        *self += other;
    }
    fn rows(&self) -> u64 {
        *self
    }
    fn write(&self, mut put: impl FnMut(u128)) {
        put(u128::from(*self));
    }
    fn read(mut take: impl FnMut() -> Option<u128>) -> Option<Self> {
        Self::try_from(take()?).ok()
    }
}

/// The multiset of a window's finite values: exact while it has at most [`Weight::CAPACITY`] distinct ones, binned
/// beyond.
///
/// Bins are runs of doubles that share their leading bits: a value's bin is its order-preserving bit pattern without
/// the lowest `level` bits, and `level` is the least for which the bins fit the capacity. So the state follows from
/// the multiset alone, never from the order in which rows came or states were merged. At `level` the relative width
/// of a bin is at most `2^(level - 52)`; the figures read from it say what that means for them.
///
/// Adding is amortised: rows wait in a buffer that is sorted in when it is full.
#[derive(Clone, Debug, Default)]
pub struct Histogram<W: Weight> {
    level: u32,
    /// Bit patterns without their lowest `level` bits, ascending, each once.
    keys: Vec<u64>,
    weights: Vec<W>,
    pending: Vec<(f64, W::Item)>,
}

impl<W: Weight> Histogram<W> {
    /// Adds a finite value.
    #[inline]
    pub fn push(&mut self, value: f64, item: W::Item) {
        debug_assert!(value.is_finite(), "infinities and NaN are counted apart");
        self.pending.push((value, item));
    }

    /// Whether the buffer is full, so that [`Histogram::compact`] is due.
    #[inline]
    pub fn is_due(&self) -> bool {
        self.pending.len() >= W::CAPACITY
    }

    /// How many rows may be added before [`Histogram::compact`] is due.
    #[inline]
    pub fn room(&self) -> usize {
        W::CAPACITY.saturating_sub(self.pending.len()).max(1)
    }

    /// Whether every distinct value is kept apart. Certain only when settled.
    pub fn is_exact(&self) -> bool {
        self.level == 0
    }

    /// Greatest relative width of a bin; 0 while exact.
    pub fn resolution(&self) -> f64 {
        if self.level == 0 { 0.0 } else { libm::ldexp(1.0, self.level.cast_signed() - 52) }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.pending.is_empty()
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.weights.iter().map(W::rows).sum::<u64>() + self.pending.len() as u64
    }

    /// Makes [`Histogram::is_exact`] certain, sorting only where that needs it.
    pub fn settle(&mut self, leaving: impl FnMut(f64, &W)) {
        if self.keys.len() + self.pending.len() > W::CAPACITY {
            self.compact(leaving);
        }
    }

    /// Sorts the buffer in, and bins where there are too many distinct values.
    ///
    /// When exactness ends here, `leaving` is given every distinct value a last time.
    pub fn compact(&mut self, leaving: impl FnMut(f64, &W)) {
        if self.pending.is_empty() {
            return;
        }
        let level = self.level;
        let mut rows: Vec<(u64, W::Item)> =
            self.pending.drain(..).map(|(value, item)| (key(value) >> level, item)).collect();
        rows.sort_unstable_by_key(|&(key, _)| key);
        let mut keys: Vec<u64> = Vec::with_capacity(rows.len().min(W::CAPACITY * 2));
        let mut weights: Vec<W> = Vec::with_capacity(keys.capacity());
        for (key, item) in rows {
            if keys.last() != Some(&key) {
                keys.push(key);
                weights.push(W::default());
            }
            if let Some(weight) = weights.last_mut() {
                weight.add(item);
            }
        }
        self.absorb(keys, weights, leaving);
    }

    /// Adds the rows of another; `leaving` as for [`Histogram::compact`].
    pub fn merge(&mut self, other: &Self, mut leaving: impl FnMut(f64, &W)) {
        if self.level == 0 && other.level == 0 && other.keys.is_empty() {
            // Rows that wait there wait here: nothing has to be sorted yet.
            self.pending.extend_from_slice(&other.pending);
            if self.is_due() {
                self.compact(leaving);
            }
            return;
        }
        self.compact(&mut leaving);
        let other = other.compacted();
        let level = self.level.max(other.level);
        if self.level < level {
            self.coarsen(level - self.level);
        }
        let (keys, weights) = if other.level < level {
            let mut coarse = other;
            coarse.coarsen(level - coarse.level);
            (coarse.keys, coarse.weights)
        } else {
            (other.keys, other.weights)
        };
        self.absorb(keys, weights, leaving);
    }

    /// Merges a sorted run of the same level into this one.
    fn absorb(&mut self, keys: Vec<u64>, weights: Vec<W>, mut leaving: impl FnMut(f64, &W)) {
        if self.keys.is_empty() {
            (self.keys, self.weights) = (keys, weights);
        } else if !keys.is_empty() {
            let mut merged = Vec::with_capacity(self.keys.len() + keys.len());
            let mut sums = Vec::with_capacity(merged.capacity());
            let mut ours = self.keys.drain(..).zip(self.weights.drain(..)).peekable();
            let mut theirs = keys.into_iter().zip(weights).peekable();
            loop {
                let next = match (ours.peek(), theirs.peek()) {
                    (None, None) => break,
                    (Some((a, _)), Some((b, _))) if a == b => {
                        let both = ours.next();
                        both.zip(theirs.next()).map(|((key, mut weight), (_, other))| {
                            weight.merge(&other);
                            (key, weight)
                        })
                    }
                    (Some((a, _)), Some((b, _))) if a > b => theirs.next(),
                    (Some(_), _) => ours.next(),
                    (None, _) => theirs.next(),
                };
                let (keys, weights): (Option<u64>, Option<W>) = next.unzip();
                merged.extend(keys);
                sums.extend(weights);
            }
            drop(ours);
            (self.keys, self.weights) = (merged, sums);
        }
        if self.keys.len() > W::CAPACITY {
            if self.level == 0 {
                for (&key, weight) in self.keys.iter().zip(&self.weights) {
                    leaving(value(key), weight);
                }
            }
            let excess = self.excess();
            self.coarsen(excess);
        }
    }

    /// How many more low bits must go for the bins to fit.
    fn excess(&self) -> u32 {
        // Neighbours fall together once all bits in which they differ are gone.
        let mut apart = [0usize; 65];
        for pair in self.keys.windows(2) {
            apart[(64 - (pair[0] ^ pair[1]).leading_zeros()) as usize] += 1;
        }
        let mut distinct = self.keys.len();
        for (bits, pairs) in apart.iter().enumerate() {
            distinct -= pairs;
            if distinct <= W::CAPACITY {
                return bits as u32;
            }
        }
        64
    }

    fn coarsen(&mut self, bits: u32) {
        self.level += bits;
        let mut kept = 0usize;
        for index in 0..self.keys.len() {
            let key = self.keys[index] >> bits;
            if kept > 0 && self.keys[kept - 1] == key {
                let weight = mem::take(&mut self.weights[index]);
                self.weights[kept - 1].merge(&weight);
            } else {
                self.keys[kept] = key;
                self.weights.swap(kept, index);
                kept += 1;
            }
        }
        self.keys.truncate(kept);
        self.weights.truncate(kept);
    }

    /// The state with its buffer sorted in.
    fn compacted(&self) -> Self {
        let mut whole = self.clone();
        whole.compact(|_, _| ());
        whole
    }

    /// Every value with its weight, in no order; a bin stands at its middle.
    pub fn for_each(&self, mut visit: impl FnMut(f64, &W)) {
        self.for_each_sorted(&mut visit);
        for (value, item) in self.pending() {
            let mut weight = W::default();
            weight.add(item);
            visit(value, &weight);
        }
    }

    /// The part of [`Histogram::for_each`] that is sorted in.
    pub fn for_each_sorted(&self, mut visit: impl FnMut(f64, &W)) {
        for (&key, weight) in self.keys.iter().zip(&self.weights) {
            visit(self.middle(key), weight);
        }
    }

    /// The part of [`Histogram::for_each`] that waits to be sorted in, one by one.
    pub fn pending(&self) -> impl ExactSizeIterator<Item = (f64, W::Item)> {
        self.pending.iter().copied()
    }

    /// Values with their weights in ascending order, each once; a bin stands at its middle.
    ///
    /// Sorts the buffer in first.
    pub fn ascending(
        &mut self,
        leaving: impl FnMut(f64, &W),
    ) -> impl DoubleEndedIterator<Item = (f64, &W)> + Clone {
        self.compact(leaving);
        let level = self.level;
        self.keys.iter().zip(&self.weights).map(move |(&key, weight)| (middle(key, level), weight))
    }

    /// The median of these values, `below` more under all of them and `above` more over all of them: the middle value,
    /// or the mean of the two middle ones. `None` where there is none, or where it is not among these values.
    ///
    /// Where values are binned, ranks are spread evenly over a bin, so the error is at most the bin's width:
    /// [`Histogram::resolution`] relative to the value. Linear in the rows while exact.
    pub fn median(&self, below: u64, above: u64) -> Option<f64> {
        let rows = self.rows();
        let middle = (rows + below + above).checked_sub(1)?;
        let low = (middle / 2).checked_sub(below)?;
        let high = middle.div_ceil(2).checked_sub(below).filter(|&rank| rank < rows)?;
        if self.keys.is_empty() {
            let mut values: Vec<f64> = self.pending.iter().map(|&(value, _)| value).collect();
            let rank = usize::try_from(high).ok()?;
            let (under, &mut upper, _) = values.select_nth_unstable_by(rank, f64::total_cmp);
            let lower = if low == high {
                upper
            } else {
                under.iter().copied().max_by(f64::total_cmp).unwrap_or(upper)
            };
            return Some(midpoint(lower, upper));
        }
        if self.pending.is_empty() {
            return Some(midpoint(self.at_rank(low)?, self.at_rank(high)?));
        }
        self.compacted().median(below, above)
    }

    /// The value at a rank from 0, in a state without a buffer.
    fn at_rank(&self, rank: u64) -> Option<f64> {
        let mut before = 0;
        for (&key, weight) in self.keys.iter().zip(&self.weights) {
            let rows = weight.rows();
            if rank < before + rows {
                if self.level == 0 {
                    return Some(value(key));
                }
                let (low, high) = edges(key, self.level);
                let share = ((rank - before) as f64 + 0.5) / rows as f64;
                return Some(low + (high - low) * share);
            }
            before += rows;
        }
        None
    }

    fn middle(&self, key: u64) -> f64 {
        middle(key, self.level)
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.keys.capacity() * size_of::<u64>()
            + self.weights.capacity() * size_of::<W>()
            + self.pending.capacity() * size_of::<(f64, W::Item)>()
    }
}

/// Equal as multisets of rows, however they are held.
impl<W: Weight> PartialEq for Histogram<W> {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.compacted(), other.compacted());
        a.level == b.level && a.keys == b.keys && a.weights == b.weights
    }
}

/// The bit pattern of a double as an integer of the same order; both zeros are one.
#[inline]
fn key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

#[inline]
fn value(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

/// Least and greatest double of a bin.
fn edges(key: u64, level: u32) -> (f64, f64) {
    let low = if level >= 64 { 0 } else { key << level };
    let high = low | if level >= 64 { u64::MAX } else { (1 << level) - 1 };
    let finite = |value: f64| value.clamp(f64::MIN, f64::MAX);
    let (low, high) = (value(low), value(high));
    // The pattern of a bin at the very end may be that of an infinity or NaN; its rows are finite.
    (
        finite(if low.is_nan() { f64::MIN } else { low }),
        finite(if high.is_nan() { f64::MAX } else { high }),
    )
}

fn middle(key: u64, level: u32) -> f64 {
    if level == 0 {
        return value(key);
    }
    let (low, high) = edges(key, level);
    midpoint(low, high)
}

/// Half of the sum, without overflow.
fn midpoint(a: f64, b: f64) -> f64 {
    if a == b {
        return a;
    }
    let sum = a + b;
    if sum.is_finite() { sum / 2.0 } else { a / 2.0 + b / 2.0 }
}

/// As bytes: level, number of bins, then for each the distance to the key before and the weight's parts, all LEB128.
impl<W: Weight, C> Encode<C> for Histogram<W> {
    fn encode<T: Write>(&self, e: &mut Encoder<T>, _: &mut C) -> Result<(), EncodeError<T::Error>> {
        let whole = self.compacted();
        let mut bytes = Vec::with_capacity(whole.keys.len() * 8);
        put(&mut bytes, u128::from(whole.level));
        put(&mut bytes, whole.keys.len() as u128);
        let mut before = 0;
        for (&key, weight) in whole.keys.iter().zip(&whole.weights) {
            put(&mut bytes, u128::from(key - before));
            before = key;
            weight.write(|part| put(&mut bytes, part));
        }
        e.bytes(&bytes)?;
        Ok(())
    }
}

impl<'b, W: Weight, C> Decode<'b, C> for Histogram<W> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let position = d.position();
        let mut bytes = d.bytes()?;
        read(&mut bytes).ok_or_else(|| DecodeError::message("damaged histogram").at(position))
    }
}

fn read<W: Weight>(bytes: &mut &[u8]) -> Option<Histogram<W>> {
    let level = u32::try_from(take(bytes)?).ok().filter(|&level| level <= 64)?;
    let length = usize::try_from(take(bytes)?).ok().filter(|&length| length <= W::CAPACITY)?;
    let mut keys = Vec::with_capacity(length);
    let mut weights = Vec::with_capacity(length);
    let mut before = 0u64;
    for index in 0..length {
        let step = u64::try_from(take(bytes)?).ok().filter(|&step| step > 0 || index == 0)?;
        before = before.checked_add(step)?;
        keys.push(before);
        weights.push(W::read(|| take(bytes))?);
    }
    bytes.is_empty().then_some(Histogram { level, keys, weights, pending: Vec::new() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// A count that keeps only eight values apart, so that small tests reach the bins.
    #[derive(Clone, Default, Debug, PartialEq)]
    struct Few(u64);

    impl Weight for Few {
        type Item = ();
        const CAPACITY: usize = 8;
        fn add(&mut self, (): ()) {
            self.0 += 1;
        }
        fn merge(&mut self, other: &Self) {
            self.0 += other.0;
        }
        fn rows(&self) -> u64 {
            self.0
        }
        fn write(&self, mut put: impl FnMut(u128)) {
            put(u128::from(self.0));
        }
        fn read(mut take: impl FnMut() -> Option<u128>) -> Option<Self> {
            take()?.try_into().ok().map(Self)
        }
    }

    fn of(values: &[f64]) -> Histogram<Few> {
        let mut histogram = Histogram::default();
        for &value in values {
            histogram.push(value, ());
            if histogram.is_due() {
                histogram.compact(|_, _| ());
            }
        }
        histogram
    }

    fn finite() -> impl Strategy<Value = f64> {
        any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite())
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        let value = proptest::prop_oneof![finite(), -3.0..3.0f64, (0..5).prop_map(f64::from)];
        prop::collection::vec(value, 0..80)
    }

    fn bytes(histogram: &Histogram<Few>) -> Vec<u8> {
        minicbor::to_vec(histogram).unwrap()
    }

    #[test]
    fn median_of_few_values_is_exact() {
        let median = |values: &[f64]| of(values).median(0, 0);
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[3.0, 1.0]), Some(2.0));
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[5.0, 1.0, 2.0, 4.0]), Some(3.0));
        let many: Vec<f64> = (0..1000).map(|i| f64::from(i % 7)).collect();
        assert_eq!(median(&many), Some(3.0));
        assert_eq!(median(&[f64::MAX, f64::MAX]), Some(f64::MAX));
    }

    #[test]
    fn values_beyond_the_ends_shift_the_median() {
        let three = of(&[1.0, 2.0, 3.0]);
        assert_eq!(three.median(1, 1), Some(2.0));
        assert_eq!(three.median(0, 1), Some(2.5));
        assert_eq!(three.median(2, 0), Some(1.0));
        assert_eq!(three.median(3, 0), None);
        assert_eq!(three.median(0, 4), None);
    }

    #[test]
    fn exactness_ends_with_a_last_look_at_every_value() {
        let mut histogram = Histogram::<Few>::default();
        let mut seen = Vec::new();
        for i in 0..9 {
            histogram.push(f64::from(i), ());
        }
        histogram.compact(|value, weight| seen.push((value, weight.0)));
        assert!(!histogram.is_exact());
        assert_eq!(seen, (0..9).map(|i| (f64::from(i), 1)).collect::<Vec<_>>());
        histogram.push(9.0, ());
        histogram.compact(|_, _| unreachable!("exactness ends once"));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let good = bytes(&of(&[1.0, 2.0, 3.0]));
        assert!(minicbor::decode::<Histogram<Few>>(&good).is_ok());
        for length in 0..good.len() {
            assert!(minicbor::decode::<Histogram<Few>>(&good[..length]).is_err());
        }
    }

    proptest! {
        #[test]
        fn the_state_follows_from_the_multiset_alone(mut rows in values(), cuts in prop::collection::vec(0..80usize, 3)) {
            let whole = of(&rows);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(rows.len())).collect();
            cuts.sort_unstable();
            let parts = [&rows[..cuts[0]], &rows[cuts[0]..cuts[1]], &rows[cuts[1]..cuts[2]], &rows[cuts[2]..]];
            let mut forwards = Histogram::default();
            for part in parts {
                forwards.merge(&of(part), |_, _| ());
            }
            let mut backwards = of(parts[3]);
            let mut rest = of(parts[2]);
            rest.merge(&of(parts[1]), |_, _| ());
            backwards.merge(&rest, |_, _| ());
            backwards.merge(&of(parts[0]), |_, _| ());
            prop_assert_eq!(bytes(&forwards), bytes(&whole));
            prop_assert_eq!(bytes(&backwards), bytes(&whole));
            rows.reverse();
            prop_assert_eq!(bytes(&of(&rows)), bytes(&whole));
            prop_assert_eq!(minicbor::decode::<Histogram<Few>>(&bytes(&whole)).unwrap(), whole);
        }

        #[test]
        fn median_is_off_by_at_most_a_bin(rows in prop::collection::vec(-1e6..1e6f64, 1..200)) {
            let mut histogram = of(&rows);
            histogram.compact(|_, _| ());
            let mut sorted = rows.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let exact = f64::midpoint(sorted[(rows.len() - 1) / 2], sorted[rows.len() / 2]);
            let found = histogram.median(0, 0).unwrap();
            let greatest = sorted[(rows.len() - 1) / 2].abs().max(sorted[rows.len() / 2].abs());
            if histogram.resolution() < 1.0 {
                // A bin's width is at most `resolution` of the power of two above the value.
                prop_assert!((found - exact).abs() <= 2.0 * histogram.resolution() * greatest.max(f64::MIN_POSITIVE));
            }
        }

        #[test]
        fn keys_keep_the_order(a in finite(), b in finite()) {
            prop_assert_eq!(key(a).cmp(&key(b)), a.partial_cmp(&b).unwrap());
            prop_assert_eq!(value(key(a)), a);
        }
    }
}
