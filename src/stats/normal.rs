//! The normal distribution.

use std::f64::consts::SQRT_2;

/// Probability of a value at least so many standard errors from 0, on either side, by chance: `erfc(|z| / sqrt(2))`.
pub fn two_sided(errors: f64) -> f64 {
    libm::erfc(errors.abs() / SQRT_2)
}

/// Probability of a value more standard errors above 0 than this, by chance: `erfc(z / sqrt(2)) / 2`.
pub fn normal_tail(errors: f64) -> f64 {
    libm::erfc(errors / SQRT_2) / 2.0
}

/// How many standard errors have that probability below them; within -38 and 38, and 0 for what is no probability.
///
/// By halving: `libm` has the distribution, not its inverse. To 1e-14.
pub fn normal_quantile(probability: f64) -> f64 {
    if !(0.0..=1.0).contains(&probability) {
        return 0.0;
    }
    let (mut low, mut high) = (-38.0, 38.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if normal_tail(-middle) < probability { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_textbook() {
        // scipy 1.13.1: norm.ppf([0.8, 0.95, 0.975, 0.995])
        let table = [
            (0.8, 0.841_621_233_572_914_3),
            (0.95, 1.644_853_626_951_472_2),
            (0.975, 1.959_963_984_540_054),
            (0.995, 2.575_829_303_548_900_4),
        ];
        for (probability, quantile) in table {
            assert!((normal_quantile(probability) - quantile).abs() < 1e-12);
            assert!((normal_quantile(1.0 - probability) + quantile).abs() < 1e-12);
            let tails = two_sided(quantile);
            assert!((tails - 2.0 * (1.0 - probability)).abs() < 1e-12, "{tails}");
        }
        assert_eq!(normal_quantile(f64::NAN), 0.0);
        // scipy.stats.norm.isf: far out, too.
        for (probability, errors) in [(1e-6, 4.753_424_308_822_899), (1e-12, 7.034_483_825_301_13)]
        {
            assert!((normal_quantile(probability) + errors).abs() < 1e-10, "{probability}");
            assert!((normal_tail(errors) / probability - 1.0).abs() < 1e-9);
        }
    }
}
