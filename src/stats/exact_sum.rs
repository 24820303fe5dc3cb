//! Sums of doubles that do not depend on the order of the values.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

/// The binary exponent of the unit in which a sum counts: what a column's values are multiples of, nearly always.
///
/// Frozen in the profile, so that all states of a column count in the same unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale(i32);

/// Bits between the unit and the lowest bit of the greatest value expected.
const REACH: i32 = 36;
/// Bits of a double's mantissa.
const MANTISSA: i32 = 52;
/// A limb of the overflow holds multiples of `2^(LIMB * index)`.
const LIMB: i32 = 32;

impl Scale {
    /// The scale for values whose magnitude is at most about `greatest`.
    ///
    /// Greater values, and full-precision ones below `greatest * 2^-36`, are summed as exactly, only slower.
    pub fn for_magnitude(greatest: f64) -> Self {
        let greatest = if greatest.is_finite() { greatest.abs() } else { f64::MAX };
        let (_, exponent) = decompose(greatest.max(f64::MIN_POSITIVE));
        Self(exponent - REACH)
    }
}

/// The exact sum of doubles: associative and commutative to the bit.
///
/// Values near the column's magnitude are added as 128-bit integers in units of the [`Scale`] (about 3 ns each);
/// the rest goes to exact limbs beside it. 2^38 values of the greatest magnitude fit. Equal to a superaccumulator
/// (Kulisch 1981) by construction: no bit is ever rounded before [`ExactSum::value`].
#[derive(Clone, Debug, Default, Encode, Decode)]
pub struct ExactSum {
    #[cbor(n(0), with = "crate::stats::codec::int128")]
    units: i128,
    #[cbor(n(1), with = "crate::stats::codec::int128_map")]
    limbs: BTreeMap<i32, i128>,
}

impl ExactSum {
    /// Adds a finite value.
    #[inline]
    pub fn add(&mut self, value: f64, scale: Scale) {
        self.add_times(value, 1, scale);
    }

    /// Adds a finite value `times` times.
    #[inline]
    pub fn add_times(&mut self, value: f64, times: u64, scale: Scale) {
        debug_assert!(value.is_finite(), "infinities and NaN are counted apart");
        let (mantissa, exponent) = decompose(value);
        let shift = exponent.wrapping_sub(scale.0);
        if (0..=REACH).contains(&shift) {
            self.units += (i128::from(mantissa) * i128::from(times)) << shift;
        } else {
            self.add_outlier(mantissa, exponent, times);
        }
    }

    /// Which way a value takes depends on the value alone, so the parts are as independent of order as the whole.
    #[cold]
    fn add_outlier(&mut self, mantissa: i64, exponent: i32, times: u64) {
        if mantissa == 0 {
            return;
        }
        let limb = exponent.div_euclid(LIMB);
        let part = (i128::from(mantissa) << exponent.rem_euclid(LIMB)) * i128::from(times);
        let sum = self.limbs.entry(limb).or_default();
        *sum += part;
        if *sum == 0 {
            self.limbs.remove(&limb);
        }
    }

    /// Adds another sum of the same scale.
    pub fn merge(&mut self, other: &Self) {
        self.units += other.units;
        for (&limb, part) in &other.limbs {
            let sum = self.limbs.entry(limb).or_default();
            *sum += part;
            if *sum == 0 {
                self.limbs.remove(&limb);
            }
        }
    }

    /// Takes another sum of the same scale away.
    pub fn take_away(&mut self, other: &Self) {
        self.units -= other.units;
        for (&limb, part) in &other.limbs {
            let sum = self.limbs.entry(limb).or_default();
            *sum -= part;
            if *sum == 0 {
                self.limbs.remove(&limb);
            }
        }
    }

    /// The sum, rounded once to the nearest double (ties to even).
    pub fn value(&self, scale: Scale) -> f64 {
        self.wide(scale).round()
    }

    /// The sum minus `times` times `value`, rounded once.
    pub fn minus_times(&self, value: f64, times: u64, scale: Scale) -> f64 {
        let (mantissa, exponent) = decompose(value);
        let mut wide = self.wide(scale);
        wide.add(-i128::from(mantissa) * i128::from(times), exponent);
        wide.round()
    }

    fn wide(&self, scale: Scale) -> Wide {
        let mut wide = Wide::new();
        wide.add(self.units, scale.0);
        for (&limb, &part) in &self.limbs {
            wide.add(part, limb * LIMB);
        }
        wide
    }
}

impl PartialEq for ExactSum {
    fn eq(&self, other: &Self) -> bool {
        self.units == other.units && self.limbs == other.limbs
    }
}

/// `value = mantissa * 2^exponent`, exactly.
#[inline]
fn decompose(value: f64) -> (i64, i32) {
    let bits = value.to_bits();
    let biased = ((bits >> MANTISSA) & 0x7ff) as i32;
    let fraction = (bits & ((1 << MANTISSA) - 1)) as i64;
    let (magnitude, exponent) =
        if biased == 0 { (fraction, -1074) } else { (fraction | (1 << MANTISSA), biased - 1075) };
    (if value.is_sign_negative() { -magnitude } else { magnitude }, exponent)
}

/// A fixed-point number wide enough for every sum of doubles: 32 bits a limb, carries kept apart until the end.
struct Wide {
    limbs: [i64; Self::LIMBS],
}

impl Wide {
    /// Exponent of the lowest bit: that of the least double, and 128 bits below for sums at small scales.
    const LOWEST: i32 = -1216;
    /// Up to 2^1024 times 2^64 values, and a limb for the sign.
    const LIMBS: usize = 76;

    fn new() -> Self {
        Self { limbs: [0; Self::LIMBS] }
    }

    /// Adds `part * 2^exponent`.
    fn add(&mut self, part: i128, exponent: i32) {
        let position = exponent - Self::LOWEST;
        debug_assert!(position >= 0, "no double has bits below 2^-1074");
        let (limb, shift) = ((position / 32) as usize, position % 32);
        let negative = part < 0;
        let mut rest = part.unsigned_abs();
        // 128 bits shifted by up to 31 spread over five limbs.
        let mut carried = 0u64;
        for index in limb..Self::LIMBS {
            let low = (rest & 0xffff_ffff) as u64;
            rest >>= 32;
            let shifted = (low << shift) | carried;
            carried = shifted >> 32;
            let digit = (shifted & 0xffff_ffff) as i64;
            self.limbs[index] += if negative { -digit } else { digit };
            if rest == 0 && carried == 0 {
                break;
            }
        }
    }

    /// The nearest double, ties to even.
    fn round(mut self) -> f64 {
        // Propagate carries; the sign ends in the top limb.
        let mut carry = 0i64;
        for limb in &mut self.limbs {
            let total = *limb + carry;
            *limb = total & 0xffff_ffff;
            carry = total >> 32;
        }
        let negative = carry < 0;
        if negative {
            // Two's complement: the magnitude is the inverted digits plus one.
            let mut carry = 1i64;
            for limb in &mut self.limbs {
                let total = (!*limb & 0xffff_ffff) + carry;
                *limb = total & 0xffff_ffff;
                carry = total >> 32;
            }
        }
        let Some(top) = self.limbs.iter().rposition(|&limb| limb != 0) else { return 0.0 };
        let digit = |index: usize| u128::from(self.limbs[index].unsigned_abs());
        // The top four limbs hold at least 97 significant bits; what lies below only breaks ties.
        let low = top.saturating_sub(3);
        let mut head = (low..=top).rev().fold(0u128, |head, index| (head << 32) | digit(index));
        let sticky = self.limbs[..low].iter().any(|&limb| limb != 0);
        let exponent = Self::LOWEST + low as i32 * 32;
        // Keep 53 bits, or fewer where the result is subnormal.
        let length = 128 - head.leading_zeros() as i32;
        let excess = (length - 53).max(-1074 - exponent);
        if excess > 0 {
            let half = 1u128 << (excess - 1);
            let remainder = head & ((half << 1) - 1);
            head >>= excess;
            if remainder > half || (remainder == half && (sticky || head & 1 == 1)) {
                head += 1;
            }
            scale_by(head, exponent + excess, negative)
        } else {
            scale_by(head, exponent, negative)
        }
    }
}

/// `magnitude * 2^exponent` for a magnitude that fits a mantissa (or just overflowed it to a power of two).
fn scale_by(magnitude: u128, exponent: i32, negative: bool) -> f64 {
    let value = libm::ldexp(magnitude as f64, exponent);
    if negative { -value } else { value }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};

    use super::*;

    fn sum(values: &[f64], scale: Scale) -> ExactSum {
        let mut sum = ExactSum::default();
        for &value in values {
            sum.add(value, scale);
        }
        sum
    }

    #[test]
    fn cancellation_leaves_the_small_part() {
        let scale = Scale::for_magnitude(1.0);
        for (values, expected) in [
            (vec![1e100, 1.0, -1e100], 1.0),
            (vec![1e300, 1e-300, -1e300], 1e-300),
            (vec![5e-324, 5e-324], 1e-323),
            (vec![f64::MAX, -f64::MAX, 0.1], 0.1),
            (vec![f64::MAX, f64::MAX, -f64::MAX], f64::MAX),
            (vec![0.1; 10], 1.0),
            (vec![-0.1, -0.2], -0.300_000_000_000_000_04),
            (vec![1.0, f64::EPSILON / 2.0], 1.0),
            (vec![1.0, f64::EPSILON / 2.0, 5e-324], 1.0 + f64::EPSILON),
            (vec![], 0.0),
        ] {
            assert_eq!(
                sum(&values, scale).value(scale).to_bits(),
                expected.to_bits(),
                "{values:?}"
            );
        }
    }

    #[test]
    fn a_sum_beyond_the_greatest_double_is_infinite() {
        let scale = Scale::for_magnitude(1.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX], scale).value(scale), f64::INFINITY);
    }

    #[test]
    fn integers_sum_as_integers() {
        let scale = Scale::for_magnitude(1000.0);
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(sum(&values, scale).value(scale), 499_500.0);
        assert_eq!(sum(&values, scale).minus_times(499.5, 1000, scale), 0.0);
    }

    fn finite() -> impl Strategy<Value = f64> {
        any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite())
    }

    proptest! {
        #[test]
        fn order_and_splits_do_not_matter(
            values in prop::collection::vec(finite(), 0..60),
            cut in 0..60usize,
            magnitude in finite(),
        ) {
            let scale = Scale::for_magnitude(magnitude);
            let whole = sum(&values, scale);
            let mut reversed = values.clone();
            reversed.reverse();
            prop_assert_eq!(&sum(&reversed, scale), &whole);
            let cut = cut.min(values.len());
            let mut parts = sum(&values[cut..], scale);
            parts.merge(&sum(&values[..cut], scale));
            prop_assert_eq!(&parts, &whole);
            let mut rest = whole.clone();
            rest.take_away(&sum(&values[cut..], scale));
            prop_assert_eq!(rest, sum(&values[..cut], scale));
            // What is added and taken away leaves nothing.
            for value in &values {
                parts.add(-value, scale);
            }
            prop_assert_eq!(parts.value(scale), 0.0);
        }

        #[test]
        fn two_values_sum_as_ieee_rounds_them(a in finite(), b in finite(), magnitude in finite()) {
            let scale = Scale::for_magnitude(magnitude);
            let expected = a + b;
            let found = sum(&[a, b], scale).value(scale);
            // The exact zero has no sign.
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn times_is_repetition(value in finite(), times in 0..50u64) {
            let scale = Scale::for_magnitude(1e3);
            let mut at_once = ExactSum::default();
            at_once.add_times(value, times, scale);
            let one_by_one = sum(&vec![value; times as usize], scale);
            prop_assert_eq!(at_once, one_by_one);
        }
    }
}
