//! Pearson's chi-squared statistic of two tables of counts.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::NewCategories;
use super::shares::total;
use crate::stats::Undefined;

/// The chi-squared statistic of homogeneity, with its p-value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chi2 {
    /// The statistic, from 0 upwards; grows with the number of rows.
    pub statistic: f64,
    /// Categories in either side, less one.
    pub degrees_of_freedom: u64,
    /// Probability of a statistic at least as great if both sides have one distribution, in `[0, 1]`.
    pub p_value: f64,
}

/// Chi-squared statistic of the reference's and the window's counts of each category.
///
/// `sum((observed - expected)^2 / expected)` over the table of categories x (reference, window), with
/// `expected = row total * column total / rows`. Categories that neither side has are no rows of the table.
/// With exactly two categories each difference is first reduced by a half, or to 0 (Yates' correction); with
/// one the statistic is 0 and p is 1. A new category with `o` rows adds `o * reference / window` whatever the
/// others are, so of the new ones only their number and their rows are needed.
///
/// Source: Pearson (1900), Yates (1934); equals `scipy.stats.chi2_contingency`. The p-value comes from
/// `statrs` (regularised upper incomplete gamma function): to some 1e-12 of its size, and the one figure of
/// this module that may differ in its last bits between machines. Below 1e-307 it is 0.
///
/// Undefined: `Empty` without window rows, `TooFew` without reference rows. O(categories), no allocation.
///
/// # Errors
///
/// Why the statistic has no value.
///
/// # Examples
///
/// ```
/// use vigie::stats::{NewCategories, chi2};
///
/// let moved = chi2(&[60, 40], &[3, 7], NewCategories::default()).unwrap();
/// assert!((moved.statistic - 2.229905437352246).abs() < 1e-14);
/// assert!((moved.p_value - 0.13536213195326655).abs() < 1e-14);
/// ```
pub fn chi2(reference: &[u64], window: &[u64], new: NewCategories) -> Result<Chi2, Undefined> {
    debug_assert_eq!(reference.len(), window.len(), "both count the same categories");
    let in_reference = total(reference);
    let in_window = total(window) + u128::from(new.rows);
    if in_window == 0 {
        return Err(Undefined::Empty);
    }
    if in_reference == 0 {
        return Err(Undefined::TooFew);
    }
    let known = reference.iter().zip(window).filter(|&(&r, &w)| r > 0 || w > 0);
    let categories = known.clone().count() as u64 + new.distinct;
    let yates = if categories == 2 { 0.5 } else { 0.0 };
    let rows = in_reference as f64 + in_window as f64;
    let row = |(&r, &w): (&u64, &u64)| {
        // Observed less expected is the same in both columns but for its sign: (r W - w R) / rows, whose
        // products are taken in integers, because they all but cancel where little has changed.
        let (one, other) =
            (u128::from(r).saturating_mul(in_window), u128::from(w).saturating_mul(in_reference));
        let difference = one.abs_diff(other) as f64 / rows;
        let difference = difference - difference.min(yates);
        let both = r as f64 + w as f64;
        let per_row = rows / both / in_reference as f64 + rows / both / in_window as f64;
        difference * difference * per_row
    };
    let statistic = known.map(row).sum::<f64>()
        + match new.distinct {
            0 => 0.0,
            1 => row((&0, &new.rows)),
            _ => new.rows as f64 * (in_reference as f64 / in_window as f64),
        };
    let degrees_of_freedom = categories.saturating_sub(1);
    let statistic = Undefined::unless_finite(statistic)?;
    Ok(Chi2 { statistic, degrees_of_freedom, p_value: p_value(statistic, degrees_of_freedom) })
}

fn p_value(statistic: f64, degrees_of_freedom: u64) -> f64 {
    // One category cannot move, and `statrs` refuses zero degrees of freedom.
    ChiSquared::new(degrees_of_freedom as f64)
        .map_or(1.0, |chi2| chi2.sf(statistic).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: NewCategories = NewCategories { distinct: 0, rows: 0, largest: 0 };

    #[test]
    fn one_category_cannot_move() {
        let same = Chi2 { statistic: 0.0, degrees_of_freedom: 0, p_value: 1.0 };
        assert_eq!(chi2(&[50], &[7], NONE), Ok(same));
        assert_eq!(chi2(&[50, 0], &[7, 0], NONE), Ok(same));
    }

    #[test]
    fn new_categories_weigh_the_same_one_by_one_and_together() {
        let apart = chi2(&[30, 20, 0, 0], &[4, 5, 6, 2], NONE).unwrap();
        let together =
            chi2(&[30, 20], &[4, 5], NewCategories { distinct: 2, rows: 8, largest: 6 }).unwrap();
        assert!((apart.statistic - together.statistic).abs() < 1e-13);
        assert_eq!(apart.degrees_of_freedom, together.degrees_of_freedom);
    }

    #[test]
    fn two_categories_are_corrected_wherever_they_stand() {
        let known = chi2(&[60, 0], &[3, 7], NONE).unwrap();
        let new = chi2(&[60], &[3], NewCategories { distinct: 1, rows: 7, largest: 7 }).unwrap();
        assert_eq!(known, new);
        assert_eq!(known.degrees_of_freedom, 1);
    }

    #[test]
    fn both_categories_may_be_of_the_window_only_partly() {
        // One known category that the window lacks and one new one: two categories, so corrected.
        let split = chi2(&[60], &[0], NewCategories { distinct: 1, rows: 7, largest: 7 }).unwrap();
        assert_eq!(split, chi2(&[60, 0], &[0, 7], NONE).unwrap());
    }

    #[test]
    fn differences_below_a_half_are_corrected_to_nothing() {
        let near = chi2(&[50, 50], &[5, 5], NONE).unwrap();
        assert_eq!((near.statistic, near.p_value), (0.0, 1.0));
    }

    #[test]
    fn an_empty_side_has_a_reason_and_no_p_value_of_an_earlier_window() {
        assert_eq!(chi2(&[1, 2], &[0, 0], NONE), Err(Undefined::Empty));
        assert_eq!(chi2(&[0, 0], &[1, 2], NONE), Err(Undefined::TooFew));
    }

    #[test]
    fn an_overwhelming_difference_has_p_zero() {
        let huge = chi2(&[1_000_000, 1, 1], &[1, 1_000_000, 1], NONE).unwrap();
        assert_eq!(huge.p_value, 0.0);
        assert!(huge.statistic > 1e6);
    }
}
