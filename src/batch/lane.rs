//! Where events come from: lanes, and the stretches of them.

use std::fmt;

use minicbor::{Decode, Encode};

/// One partition of one incarnation of an input topic. A topic that was deleted and made again is another lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Lane {
    /// The id that the broker gave the topic when it was made.
    #[cbor(n(0), with = "crate::stats::codec::uint128")]
    pub topic: u128,
    /// Its partition.
    #[n(1)]
    pub partition: i32,
}

impl Lane {
    /// What is said for no lane: no topic has this id.
    pub const NONE: Self = Self { topic: 0, partition: 0 };
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}/{}", self.topic, self.partition)
    }
}

/// A run of a lane's offsets: from the first to before the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Stretch {
    /// The first offset.
    #[n(0)]
    pub from: i64,
    /// The reader's position behind it, so that what holds no record (compaction, transaction markers) is no gap.
    #[n(1)]
    pub to: i64,
}

/// How many records, and which: a sum over hashes of their offsets that is equal only for the same records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Digest {
    /// How many.
    #[n(0)]
    pub count: u64,
    /// The sum of the hashes of their offsets, modulo 2^128.
    #[cbor(n(1), with = "crate::stats::codec::uint128")]
    pub sum: u128,
}

impl Digest {
    /// Adds a record.
    #[inline]
    pub fn add(&mut self, offset: i64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(hash(offset));
    }

    /// Adds all records of another.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Takes away records that are among these.
    pub fn remove(&mut self, other: &Self) {
        self.count -= other.count;
        self.sum = self.sum.wrapping_sub(other.sum);
    }

    /// The digest of records at these offsets.
    pub fn of(offsets: impl IntoIterator<Item = i64>) -> Self {
        let mut digest = Self::default();
        for offset in offsets {
            digest.add(offset);
        }
        digest
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.sum)
    }
}

/// Two rounds of the `SplitMix64` finaliser (Steele, Lea, Flood 2014) with different increments, side by side.
#[inline]
fn hash(offset: i64) -> u128 {
    #[inline]
    fn mix(mut z: u64) -> u64 {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    let offset = offset.cast_unsigned();
    let low = mix(offset.wrapping_add(0x9e37_79b9_7f4a_7c15));
    let high = mix(offset.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(0x2545_f491_4f6c_dd1d));
    (u128::from(high) << 64) | u128::from(low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn another_record_is_another_digest() {
        assert_ne!(Digest::of([1, 2, 3]), Digest::of([1, 2, 4]));
        assert_ne!(Digest::of([1, 1]), Digest::of([1]));
        assert_eq!(Digest::of([3, 2, 1]), Digest::of([1, 2, 3]));
    }

    proptest! {
        #[test]
        fn digests_add_and_take_away(offsets in prop::collection::vec(0..1000i64, 0..50), cut in 0..50usize) {
            let cut = cut.min(offsets.len());
            let mut whole = Digest::of(offsets.iter().copied());
            let part = Digest::of(offsets[..cut].iter().copied());
            whole.remove(&part);
            prop_assert_eq!(whole, Digest::of(offsets[cut..].iter().copied()));
        }
    }
}
