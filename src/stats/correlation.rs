//! Pearson's correlation, with its p-value.

use std::f64::consts::FRAC_1_PI;

use super::{Undefined, mean, pairwise_sum};

/// How two series go together, and how likely that is by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// From -1 to 1.
    pub r: f64,
    /// Probability of a value at least as far from 0, either way, of normal series that have nothing to do with each
    /// other; in `[0, 1]`.
    pub p_value: f64,
}

/// With fewer pairs than this any two series lie on a line.
pub const FEWEST_PAIRS: usize = 3;

/// Pearson's correlation of pairs.
///
/// `r = sum(a b) / sqrt(sum(a^2) sum(b^2))` with `a` and `b` the distances from the means. Its two-sided p-value is
/// that of `t = r sqrt((n - 2) / (1 - r^2))` under Student's distribution of `n - 2` degrees of freedom; to some 1e-12
/// of its size, and the same on every machine.
///
/// Source: Pearson (1896), Student (1908); equals `scipy.stats.pearsonr`, which gives two pairs an `r` of 1 or -1 and a
/// p of 1.
///
/// Undefined: `Empty` without pairs, `TooFew` below three, `Constant` where either side does not change, `Infinite`
/// where a value is not finite or their sum is not. O(n).
///
/// # Errors
///
/// Why there is no correlation.
///
/// # Examples
///
/// ```
/// use vigie::stats::pearson;
///
/// let found = pearson(&[(1.0, 10.0), (2.0, 9.0), (3.0, 2.5), (4.0, 6.0), (5.0, 4.0)]).unwrap();
/// assert!((found.r + 0.7426106572325057).abs() < 1e-14);
/// assert!((found.p_value - 0.15055580885344547).abs() < 1e-13);
/// ```
pub fn pearson(pairs: &[(f64, f64)]) -> Result<Correlation, Undefined> {
    if pairs.is_empty() {
        return Err(Undefined::Empty);
    }
    if pairs.len() < FEWEST_PAIRS {
        return Err(Undefined::TooFew);
    }
    let [first, second]: [Vec<f64>; 2] =
        [pairs.iter().map(|pair| pair.0).collect(), pairs.iter().map(|pair| pair.1).collect()];
    let (first, second) = (directions(&first)?, directions(&second)?);
    let products: Vec<f64> = first.iter().zip(&second).map(|(a, b)| a * b).collect();
    let r = pairwise_sum(&products).clamp(-1.0, 1.0);
    // So that no correlation has one sign.
    let r = r + 0.0;
    Ok(Correlation { r, p_value: two_sided(r, pairs.len()) })
}

/// The probability of a correlation of so many pairs at least as far from 0.
///
/// It is the regularised incomplete beta function of `x = 1 - r^2` with `a = (n - 2) / 2` and `1 / 2`, by the series of
/// its tail where that is small, else by that of the other side: all terms are positive, so nothing cancels.
/// Source: DLMF 8.17.4 and 8.17.8.
fn two_sided(r: f64, pairs: usize) -> f64 {
    let a = (pairs - 2) as f64 / 2.0;
    let (x, y) = ((1.0 - r) * (1.0 + r), r * r);
    // 1 / B(a, 1/2), from that of 1/2 or 1 upwards.
    let (mut at, mut front) = if pairs.is_multiple_of(2) { (1.0, 0.5) } else { (0.5, FRAC_1_PI) };
    while at < a {
        front *= (at + 0.5) / at;
        at += 1.0;
    }
    front *= libm::pow(x, a) * r.abs();
    let p = if x < (a + 1.0) / (a + 2.5) {
        front / a * series(a + 0.5, a + 1.0, x)
    } else {
        1.0 - 2.0 * front * series(a + 0.5, 1.5, y)
    };
    p.clamp(0.0, 1.0)
}

/// `1 + u/v z + u(u+1)/(v(v+1)) z^2 + ...` for `z` below 1: the hypergeometric function with 1 as its other parameter.
fn series(u: f64, v: f64, z: f64) -> f64 {
    let (mut sum, mut term, mut k) = (1.0, 1.0, 0.0);
    loop {
        term *= (u + k) / (v + k) * z;
        let next = sum + term;
        // It may grow at first, but never once it is so small.
        if next == sum {
            return sum;
        }
        sum = next;
        k += 1.0;
    }
}

/// The distances from the mean, as a vector of length 1.
fn directions(values: &[f64]) -> Result<Vec<f64>, Undefined> {
    if values.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(Undefined::Constant);
    }
    let mean = mean(values)?;
    let distances: Vec<f64> = values.iter().map(|value| value - mean).collect();
    // Brought to a size whose squares are neither too great nor too small.
    let greatest = distances.iter().fold(0.0_f64, |most, distance| most.max(distance.abs()));
    let greatest = Undefined::unless_finite(greatest)?;
    let scaled: Vec<f64> = distances.iter().map(|distance| distance / greatest).collect();
    let squares: Vec<f64> = scaled.iter().map(|value| value * value).collect();
    let length = pairwise_sum(&squares).sqrt();
    if !length.is_normal() {
        return Err(Undefined::Constant);
    }
    Ok(scaled.iter().map(|value| value / length).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(f64, f64)]) -> Result<f64, Undefined> {
        pearson(pairs).map(|found| found.r)
    }

    #[test]
    fn what_lies_on_a_line_goes_together_wholly() {
        let line: Vec<(f64, f64)> = (0..9).map(|i| (f64::from(i), 3.0 - f64::from(i))).collect();
        let found = pearson(&line).unwrap();
        assert!((found.r + 1.0).abs() < 1e-15 && found.p_value < 1e-30, "{found:?}");
        let none = pearson(&[(0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 1.0)]).unwrap();
        assert_eq!((none.r, none.p_value), (0.0, 1.0));
    }

    #[test]
    fn what_says_nothing_has_a_reason() {
        assert_eq!(of(&[]), Err(Undefined::Empty));
        assert_eq!(of(&[(0.0, 1.0), (1.0, 2.0)]), Err(Undefined::TooFew));
        assert_eq!(of(&[(0.0, 1.0), (0.0, 2.0), (0.0, 3.0)]), Err(Undefined::Constant));
        assert_eq!(of(&[(1.0, 5.0), (2.0, 5.0), (3.0, 5.0)]), Err(Undefined::Constant));
        assert_eq!(of(&[(0.0, f64::NAN), (1.0, 2.0), (2.0, 3.0)]), Err(Undefined::Infinite));
        assert_eq!(of(&[(0.0, f64::INFINITY), (1.0, 2.0), (2.0, 3.0)]), Err(Undefined::Infinite));
    }

    #[test]
    fn the_unit_of_either_side_is_of_no_account() {
        let pairs = [(1.0, 10.0), (2.0, 9.0), (3.0, 2.5), (4.0, 6.0)];
        let r = of(&pairs).unwrap();
        for unit in [1e-200, 1e-9, 1e9, 1e200] {
            let scaled = pairs.map(|(a, b)| (a * unit, b / unit));
            assert!((of(&scaled).unwrap() - r).abs() < 1e-14, "{unit}");
        }
    }
}
