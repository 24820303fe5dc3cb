//! How likely so great a mean is by chance.

/// Steps towards the best exponent; any exponent makes a bound, so that there is no need to come closer.
const STEPS: usize = 12;

/// A bound of the probability that `rows` of these losses, drawn without replacement, have a mean as far above that of
/// all as `excess`.
///
/// Chernoff's bound with the losses' own moment generating function: `min over t > 0 of exp(rows (ln M(t) - t excess))`, which
/// holds for draws without replacement too (Hoeffding 1963, theorem 4). It is no approximation: it holds for few rows and
/// for skewed losses. Of more than half of the rows it is that of the others, which must be as far below. In `[0, 1]`; 1
/// where nothing is known. `mean` is that of the losses. O(losses).
pub fn chance(losses: &[f64], mean: f64, rows: u64, excess: f64) -> f64 {
    let all = losses.len() as u64;
    if rows == 0 || rows >= all || excess.is_nan() || excess <= 0.0 {
        return 1.0;
    }
    if rows * 2 <= all {
        upper(&losses.iter().map(|loss| loss - mean), rows as f64, excess)
    } else {
        let others = (all - rows) as f64;
        upper(&losses.iter().map(|loss| mean - loss), others, excess * rows as f64 / others)
    }
}

/// The bound for values whose mean is 0.
fn upper(values: &(impl Iterator<Item = f64> + Clone), rows: f64, excess: f64) -> f64 {
    let all = values.clone().count() as f64;
    let greatest = values.clone().fold(0.0, f64::max);
    let variance = values.clone().map(|value| value * value).sum::<f64>() / all;
    if variance.is_nan() || variance <= 0.0 {
        return 1.0;
    }
    if excess > greatest {
        return 0.0;
    }
    // The logarithm of M(t), and its first two derivatives; exponents are at most 0.
    let at = |t: f64| {
        let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
        for value in values.clone() {
            let weight = libm::exp(t * (value - greatest));
            sum += weight;
            first += weight * value;
            second += weight * value * value;
        }
        let mean = first / sum;
        (libm::log(sum / all) + t * greatest, mean, (second / sum - mean * mean).max(0.0))
    };
    let (mut low, mut high) = (0.0_f64, f64::INFINITY);
    let mut t = excess / variance;
    let mut least = 0.0_f64;
    for _ in 0..STEPS {
        let (logarithm, mean, spread) = at(t);
        let exponent = rows * (logarithm - t * excess);
        if !exponent.is_finite() {
            break;
        }
        least = least.min(exponent);
        if mean < excess {
            low = t;
        } else {
            high = t;
        }
        let next = t + (excess - mean) / spread;
        let middle = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * t };
        t = if next > low && next < high.min(8.0 * t) { next } else { middle };
    }
    libm::exp(least).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_above_the_exact_probability_and_not_far() {
        // One loss in ten is 1. scipy.stats.hypergeom.sf(k - 1, 1000, 100, 50).
        let losses: Vec<f64> = (0..1000).map(|row| f64::from(row % 10 == 0)).collect();
        for (count, exact) in
            [(10.0, 0.021_440_329), (15.0, 4.200_127_1e-5), (20.0, 6.380_389_1e-9)]
        {
            let found = chance(&losses, 0.1, 50, count / 50.0 - 0.1);
            assert!(found > exact && found < exact * 60.0, "{count}: {found:e} {exact:e}");
        }
        // All of them at once, and more than there are.
        assert_eq!(chance(&losses, 0.1, 50, 0.95), 0.0);
        assert_eq!(chance(&losses, 0.1, 50, -0.1), 1.0);
        assert_eq!(chance(&losses, 0.1, 1000, 0.1), 1.0);
        assert_eq!(chance(&[0.5; 9], 0.5, 3, 0.1), 1.0);
        // What most rows have too much of the others have too little of: 99 of the 100 in 900.
        let most = chance(&losses, 0.1, 900, 0.01);
        assert!(most > 0.000_198 && most < 0.01, "{most}");
    }
}
