//! Numbers: the grammar of JSON, and the nearest double or the exact 64-bit integer.
//!
//! Digits are read eight at a time (the multiplications are those of Lemire, "Quickly parsing eight digits", 2018).
//! The double is found in one of three ways, each of them exact:
//!
//! 1. A number of at most 2^53 with a power of ten of at most 22 is one operation on two exact doubles (Clinger, "How
//!    to read floating point numbers accurately", 1990, section 4).
//! 2. Up to 19 digits with at most 27 of them behind the point, as languages print doubles, are multiplied by a
//!    reciprocal that is known from below and from above ([`scaled`]).
//! 3. All else, and what 2 cannot decide, goes to the standard library.

use super::scan::{Flaw, Scan, Stop, eight, first};

/// A number as it stands in an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
    /// Beyond the largest double.
    Beyond,
}

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// As many digits surely fit 64 bits.
const SAFE_DIGITS: usize = 19;

/// A number's digits as they were found.
#[derive(Clone, Copy)]
struct Shape {
    end: usize,
    negative: bool,
    /// All digits without point; right if there are at most `SAFE_DIGITS`.
    mantissa: u64,
    digits: usize,
    /// How many of them stand behind the point.
    behind: usize,
    exponent: Option<i64>,
}

/// Reads the number at `at`, where `-` or a digit stands; it and what follows it.
#[inline]
pub(super) fn read(scan: &mut Scan<'_>, at: usize) -> Result<(Number, usize), Stop> {
    let Some(number) = shape(scan.bytes, at) else {
        return Err(flaw(scan, at));
    };
    let Shape { end, negative, mantissa, digits, behind, exponent } = number;
    if exponent.is_none() && digits <= SAFE_DIGITS {
        if behind == 0 {
            // A negative zero is a double: only so is its sign kept.
            if let Ok(value) = i64::try_from(mantissa)
                && !(negative && value == 0)
            {
                return Ok((Number::Int(if negative { -value } else { value }), end));
            }
        } else {
            let value = if mantissa <= 1 << 53 {
                // Fewer than 20 digits stand behind the point.
                Some(mantissa as f64 / POWERS[behind])
            } else {
                scaled(mantissa, behind)
            };
            if let Some(value) = value {
                // No branch on the sign: it is as good as random, and each wrong guess costs the processor dearly.
                let sign = u64::from(negative) << 63;
                return Ok((Number::Float(f64::from_bits(value.to_bits() | sign)), end));
            }
        }
    }
    Ok((long(scan.slice(at, end), exponent.is_none() && behind == 0), end))
}

/// Checks the number at `at`, where `-` or a digit stands; what follows it.
#[inline]
pub(super) fn skip(scan: &mut Scan<'_>, at: usize) -> Result<usize, Stop> {
    match shape(scan.bytes, at) {
        Some(number) => Ok(number.end),
        None => Err(flaw(scan, at)),
    }
}

/// `None` where the grammar is broken.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "one branch that is never taken, in place of one that follows the random first digit"
)]
#[inline]
fn shape(bytes: &[u8], at: usize) -> Option<Shape> {
    let negative = bytes.get(at) == Some(&b'-');
    let start = at + usize::from(negative);
    let (end, whole) = digits(bytes, start, 0);
    let leading_zero = bytes.get(start) == Some(&b'0');
    if (end == start) | (leading_zero & (end > start + 1)) {
        return None;
    }
    let mut number =
        Shape { end, negative, mantissa: whole, digits: end - start, behind: 0, exponent: None };
    if bytes.get(end) == Some(&b'.') {
        let (after, mantissa) = digits(bytes, end + 1, whole);
        number.behind = after - (end + 1);
        if number.behind == 0 {
            return None;
        }
        number.end = after;
        number.mantissa = mantissa;
        number.digits += number.behind;
    }
    if let Some(b'e' | b'E') = bytes.get(number.end) {
        let sign = bytes.get(number.end + 1);
        let start = number.end + 1 + usize::from(matches!(sign, Some(b'+' | b'-')));
        let (end, size) = digits(bytes, start, 0);
        if end == start {
            return None;
        }
        // Of more than 19 digits only that there were many matters: the standard library reads them again.
        let size = if end - start > SAFE_DIGITS {
            i64::MAX
        } else {
            i64::try_from(size).unwrap_or(i64::MAX)
        };
        number.exponent = Some(if sign == Some(&b'-') { -size } else { size });
        number.end = end;
    }
    Some(number)
}

/// What is wrong with the number at `at`, which [`shape`] refused.
#[cold]
fn flaw(scan: &mut Scan<'_>, at: usize) -> Stop {
    let start = at + usize::from(scan.peek(at) == Some(b'-'));
    let (end, _) = digits(scan.bytes, start, 0);
    if end == start {
        return scan.no_value(at);
    }
    if scan.peek(start) == Some(b'0') && end > start + 1 {
        return scan.stop(start + 1, Flaw::Syntax("no digit after a leading zero"));
    }
    let mut at = end;
    if scan.peek(at) == Some(b'.') {
        let (end, _) = digits(scan.bytes, at + 1, 0);
        if end == at + 1 {
            return scan.wanted(end, "a digit");
        }
        at = end;
    }
    let signed = matches!(scan.peek(at + 1), Some(b'+' | b'-'));
    scan.wanted(at + 1 + usize::from(signed), "a digit")
}

#[inline(never)]
fn long(text: &str, integer: bool) -> Number {
    // A negative zero has no integer of its own.
    if integer
        && text != "-0"
        && let Ok(value) = text.parse()
    {
        return Number::Int(value);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Number::Float(value),
        _ => Number::Beyond,
    }
}

/// Past all digits from `at`, which are appended to `value` (modulo 2^64).
#[inline]
fn digits(bytes: &[u8], mut at: usize, mut value: u64) -> (usize, u64) {
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*word) ^ eight(b'0');
        // Ten to 127 reach the highest bit by the addition, 128 and above have it; a carry only spoils later bytes.
        let others = (word.wrapping_add(eight(0x76)) | word) & eight(0x80);
        let count = first(others);
        at += count;
        // The digits move to the top, so zeros come in before them. Two shifts, for one of 64 does nothing.
        let aligned = if count == 8 { word } else { (word << 8) << (56 - 8 * count) };
        value = value.wrapping_mul(TENS[count]).wrapping_add(eight_digits(aligned));
        if count < 8 {
            return (at, value);
        }
    }
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    (at, value)
}

/// The number that eight digits spell, the first in the lowest byte: pairs, then fours, then all.
#[inline]
fn eight_digits(word: u64) -> u64 {
    const EVERY_OTHER: u64 = 0x0000_00ff_0000_00ff;
    const FIRST: u64 = 100 + (1_000_000 << 32);
    const SECOND: u64 = 1 + (10_000 << 32);
    let pairs = word.wrapping_mul(10).wrapping_add(word >> 8);
    let first = (pairs & EVERY_OTHER).wrapping_mul(FIRST);
    let second = ((pairs >> 16) & EVERY_OTHER).wrapping_mul(SECOND);
    first.wrapping_add(second) >> 32
}

/// Of each power of five its reciprocal times a power of two, so that it has 128 bits, cut off; and what takes that
/// power of two back and makes a power of ten of that of five: `RECIPROCALS[k]` is `(r, p)` with `r` the whole part of
/// `2^-(p + k) / 5^k`. The first is never asked for.
const RECIPROCALS: [(u128, i64); 28] = {
    let mut all = [(0, 0); 28];
    let mut power = 1u64;
    let (mut k, mut exponent) = (0, 0);
    while k < 28 {
        // Long division, until the quotient has its 128 bits. The remainder stays below 5^27 < 2^63: it can be doubled.
        let (mut quotient, mut remainder) = (0u128, 1u64);
        let mut shift = 0;
        while quotient >> 127 == 0 {
            remainder <<= 1;
            quotient <<= 1;
            if remainder >= power {
                remainder -= power;
                quotient |= 1;
            }
            shift += 1;
        }
        all[k] = (quotient, -shift - exponent);
        if k < 27 {
            power *= 5;
        }
        k += 1;
        exponent += 1;
    }
    all
};

/// `mantissa / 10^behind` to the nearest double, or `None` where the bounds do not decide that. `mantissa` is not 0.
///
/// The product of mantissa and reciprocal, cut to 128 bits, lies below the true quotient by less than two units: one
/// for what was cut from the reciprocal, one for what is cut here. A double has 53 bits of those 128, so unless the
/// bits behind them are within two units of the next rounding, both bounds round to the same double, which is then
/// also that of the quotient between them. An exact tie is within two units, so it is never decided here.
#[inline]
fn scaled(mantissa: u64, behind: usize) -> Option<f64> {
    let &(reciprocal, scale) = RECIPROCALS.get(behind)?;
    let zeros = mantissa.leading_zeros();
    let wide = u128::from(mantissa << zeros);
    let (high, low) = (reciprocal >> 64, reciprocal & u128::from(u64::MAX));
    // At most 2^128 - 2^64 and 2^64 - 1: no overflow.
    let product = wide * high + ((wide * low) >> 64);
    // Both factors have their top bit, so the product has one of its two topmost; 54 bits of it are kept, the last of
    // them for rounding.
    let lead = product.leading_zeros();
    let cut = 74 - lead;
    let rest = product & ((1 << cut) - 1);
    if rest + 2 >= 1 << cut {
        return None;
    }
    // The quotient is strictly above the product (no reciprocal is a whole number), so with a half it rounds up.
    let kept = u64::try_from(product >> cut).ok()?;
    let rounded = (kept >> 1) + (kept & 1);
    // Back from what was shifted: 64 bits and `cut + 1` at the lower end, `zeros` at the upper.
    let power = 64 + i64::from(cut + 1) - i64::from(zeros) + scale;
    // `rounded` has 53 bits, and the result is far from where doubles become subnormal: its exponent is put in by hand.
    // Rounding up to 2^53 carries into it, as it must.
    let exponent = u64::try_from(power + 52 + 1023).ok()?;
    Some(f64::from_bits((exponent << 52) + (rounded - (1 << 52))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Number, RECIPROCALS, read, scaled};
    use crate::intake::json::scan::Scan;

    fn number(text: &str) -> Option<Number> {
        // With and without what follows, for the digits near the end are read one by one.
        let alone = read(&mut Scan::new(text, 0, 0), 0).ok().map(|(number, end)| {
            assert_eq!(end, text.len());
            number
        });
        let followed = format!("{text},              ");
        let among = read(&mut Scan::new(&followed, 0, 0), 0).ok().map(|(number, end)| {
            assert_eq!(end, text.len());
            number
        });
        assert_eq!(alone, among);
        alone
    }

    #[test]
    fn reciprocals_have_128_bits_and_are_cut_off() {
        // By hand: 2^130 / 5 = 272,225,893,536,750,770,770,699,685,945,414,569,164.8.
        assert_eq!(RECIPROCALS[1], (272_225_893_536_750_770_770_699_685_945_414_569_164, -131));
        for (k, (reciprocal, scale)) in RECIPROCALS.into_iter().enumerate().skip(1) {
            assert_eq!(reciprocal.leading_zeros(), 0, "{k}");
            // r * 5^k is 2^s less the remainder; in 128 bits that is 0 less what is below 5^k.
            let power = 5u128.pow(u32::try_from(k).unwrap());
            assert!(reciprocal.wrapping_mul(power).wrapping_neg() < power, "{k}");
            let length = i64::from(u128::BITS - power.leading_zeros());
            assert_eq!(scale, -(127 + length) - i64::try_from(k).unwrap());
        }
    }

    #[test]
    fn the_bounds_decide_nearly_always() {
        let mut state = 1u64;
        let mut undecided = 0;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mantissa = state >> 7 | 1 << 56;
            undecided += u32::from(scaled(mantissa, 17).is_none());
        }
        assert!(undecided < 3, "{undecided}");
    }

    #[test]
    fn ties_and_their_neighbours_round_to_even() {
        // 2^53 + 1 lies halfway; so do its quotients by powers of two, written in full.
        for text in [
            "9007199254740993.0",
            "9007199254740992.9",
            "9007199254740993.1",
            "4503599627370496.5",
            "4503599627370497.5",
            "4503599627370497.4999",
            "2251799813685248.25",
            "2251799813685249.75",
            "1125899906842624.125",
            "1125899906842625.375",
            "562949953421312.0625",
            "9223372036854775807.5",
            "1844674407370955161.5",
        ] {
            assert_eq!(number(text), Some(Number::Float(text.parse().unwrap())), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn scaled_numbers_are_the_nearest_doubles(mantissa in 1..10_000_000_000_000_000_000u64, behind in 1usize..28) {
            if let Some(value) = scaled(mantissa, behind) {
                prop_assert_eq!(value, format!("{mantissa}e-{behind}").parse::<f64>().unwrap());
            }
        }

        #[test]
        fn halfway_cases_are_the_nearest_doubles(bits in any::<u64>(), step in -2i64..3) {
            // The middle between two doubles from 1 to 2, cut to 19 digits, and what lies beside that.
            let middle = u128::from(bits >> 12 | 1 << 52) * 2 + 1;
            let digits = u64::try_from((middle * 10u128.pow(18)) >> 53).unwrap();
            let digits = digits.checked_add_signed(step).unwrap();
            let text = format!("{}.{:018}", digits / 10u64.pow(18), digits % 10u64.pow(18));
            prop_assert_eq!(number(&text), Some(Number::Float(text.parse().unwrap())));
        }
    }
}
