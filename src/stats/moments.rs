//! Sums, means and spreads of a plain slice, in the order of additions that numpy uses.
//!
//! For the reference, whose values lie in memory. Windows have exact sums that merge.

use super::Undefined;

/// Up to this many values are summed with eight running sums.
const BLOCK: usize = 128;
/// Numpy reduces through a buffer of this many values, and adds buffer to buffer.
const BUFFER: usize = 8192;

/// Sum of a slice by pairwise summation: the rounding error grows with ln n, not with n.
///
/// Blocks of up to 128 values are summed with eight running sums, longer ones are halved at a multiple of
/// eight, and runs of 8,192 values are added one after the other. Source: Higham (1993), "The accuracy of
/// floating point summation"; equals `numpy.sum` of a contiguous array to the bit. An empty slice gives 0;
/// infinities and NaN go through. O(n), no allocation.
pub fn pairwise_sum(values: &[f64]) -> f64 {
    pairwise_sum_of(values, |value| value)
}

/// [`pairwise_sum`] of a function of each value, without an array of the results.
pub(crate) fn pairwise_sum_of(values: &[f64], term: impl Fn(f64) -> f64 + Copy) -> f64 {
    values.chunks(BUFFER).fold(0.0, |sum, buffer| sum + halved_sum(buffer, term))
}

fn halved_sum(values: &[f64], term: impl Fn(f64) -> f64 + Copy) -> f64 {
    if values.len() <= BLOCK {
        return block_sum(values, term);
    }
    let half = values.len() / 2;
    let (left, right) = values.split_at(half - half % 8);
    halved_sum(left, term) + halved_sum(right, term)
}

fn block_sum(values: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    let (eights, rest) = values.as_chunks::<8>();
    let Some((first, others)) = eights.split_first() else {
        return rest.iter().fold(0.0, |sum, &value| sum + term(value));
    };
    let mut lanes = first.map(&term);
    for eight in others {
        for (lane, &value) in lanes.iter_mut().zip(eight) {
            *lane += term(value);
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
    rest.iter().fold(sum, |sum, &value| sum + term(value))
}

/// Arithmetic mean, in the unit of the values.
///
/// `sum(x) / n`; equals `numpy.mean`. Undefined: `Empty` without values, `Infinite` where one is not finite
/// or their sum is not. O(n).
///
/// # Errors
///
/// Why the mean has no value.
pub fn mean(values: &[f64]) -> Result<f64, Undefined> {
    if values.is_empty() {
        return Err(Undefined::Empty);
    }
    Undefined::unless_finite(pairwise_sum(values) / values.len() as f64)
}

/// Population standard deviation, in the unit of the values.
///
/// `sqrt(sum((x - mean)^2) / n)` in two passes; equals `numpy.std`. Undefined as [`mean`]. O(n).
///
/// # Errors
///
/// Why the deviation has no value.
pub fn population_deviation(values: &[f64]) -> Result<f64, Undefined> {
    let centre = mean(values)?;
    let squares = pairwise_sum_of(values, |value| (value - centre) * (value - centre));
    Undefined::unless_finite((squares / values.len() as f64).sqrt())
}

/// Sample standard deviation, in the unit of the values.
///
/// `sqrt(sum((x - mean)^2) / (n - 1))` in two passes; equals `numpy.std(ddof=1)`. Undefined as [`mean`], and
/// `TooFew` with one value. O(n).
///
/// # Errors
///
/// Why the deviation has no value.
pub fn sample_deviation(values: &[f64]) -> Result<f64, Undefined> {
    let centre = mean(values)?;
    if values.len() < 2 {
        return Err(Undefined::TooFew);
    }
    let squares = pairwise_sum_of(values, |value| (value - centre) * (value - centre));
    Undefined::unless_finite((squares / (values.len() - 1) as f64).sqrt())
}

/// Fourth central moment of the population, in the fourth power of the values' unit.
///
/// `sum((x - mean)^4) / n` in two passes; equals `scipy.stats.moment(x, 4)`. Undefined as [`mean`]. O(n).
///
/// # Errors
///
/// Why the moment has no value.
pub fn fourth_central_moment(values: &[f64]) -> Result<f64, Undefined> {
    let centre = mean(values)?;
    let fourths = pairwise_sum_of(values, |value| {
        let square = (value - centre) * (value - centre);
        square * square
    });
    Undefined::unless_finite(fourths / values.len() as f64)
}

/// Median of values in ascending order, in their unit: the middle one, or the mean of the two middle ones.
///
/// Equals `numpy.median`. Undefined: `Empty`; `Infinite` where a middle value is not finite. O(1).
///
/// # Errors
///
/// Why the median has no value.
pub fn median_of_sorted(sorted: &[f64]) -> Result<f64, Undefined> {
    let half = sorted.len() / 2;
    match sorted {
        [] => Err(Undefined::Empty),
        _ if sorted.len() % 2 == 1 => Undefined::unless_finite(sorted[half]),
        _ => Undefined::unless_finite(f64::midpoint(sorted[half - 1], sorted[half])),
    }
}

/// Refuses a slice that is empty or holds anything but finite numbers.
pub(crate) fn all_finite(values: &[f64]) -> Result<(), Undefined> {
    if values.is_empty() {
        Err(Undefined::Empty)
    } else if values.iter().all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(Undefined::Infinite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairwise_and_plain_sums_agree_on_integers_of_every_length() {
        let values: Vec<f64> = (0..1_000).map(|i| f64::from(i * i % 37)).collect();
        for n in 0..values.len() {
            assert_eq!(pairwise_sum(&values[..n]), values[..n].iter().sum::<f64>(), "{n}");
        }
    }

    #[test]
    fn small_samples_have_the_moments_of_the_textbook() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&values), Ok(5.0));
        assert_eq!(population_deviation(&values), Ok(2.0));
        assert_eq!(sample_deviation(&values), Ok((32.0_f64 / 7.0).sqrt()));
        assert_eq!(fourth_central_moment(&values), Ok(44.5));
        assert_eq!(median_of_sorted(&values), Ok(4.5));
        assert_eq!(median_of_sorted(&values[..3]), Ok(4.0));
    }

    #[test]
    fn what_has_no_moments_says_why() {
        assert_eq!(mean(&[]), Err(Undefined::Empty));
        assert_eq!(median_of_sorted(&[]), Err(Undefined::Empty));
        assert_eq!(sample_deviation(&[1.0]), Err(Undefined::TooFew));
        assert_eq!(population_deviation(&[1.0]), Ok(0.0));
        assert_eq!(mean(&[1.0, f64::INFINITY]), Err(Undefined::Infinite));
        assert_eq!(mean(&[1.0, f64::NAN]), Err(Undefined::Infinite));
        assert_eq!(mean(&[f64::MAX, f64::MAX]), Err(Undefined::Infinite));
        assert_eq!(fourth_central_moment(&[-1e300, 1e300]), Err(Undefined::Infinite));
    }
}
