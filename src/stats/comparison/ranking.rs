//! What each row adds to what the order of the scores says.

use super::influence::Influence;
use crate::stats::Undefined;
use crate::stats::classification::both_classes;

/// Rows of the same score, and what lies below them.
struct Tied {
    rows: Vec<u32>,
    positives: f64,
    negatives: f64,
}

/// The rows in ascending order of score, those of one score together.
fn tied(scores: &[f64], likely: &[f64]) -> Vec<Tied> {
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    order.sort_by(|&a, &b| scores[a as usize].total_cmp(&scores[b as usize]));
    let same = |a: &u32, b: &u32| scores[*a as usize] == scores[*b as usize];
    let group = |rows: &[u32]| {
        let positives = rows.iter().map(|&row| likely[row as usize]).sum::<f64>();
        Tied { rows: rows.to_vec(), positives, negatives: rows.len() as f64 - positives }
    };
    order.chunk_by(same).map(group).collect()
}

impl Influence {
    /// Of the area under the ROC curve, with how likely each row is positive: 0 or 1 where that is known.
    ///
    /// `(p (N_below - P_above) + P_above) / (pi (1 - pi)) - A (p / pi + (1 - p) / (1 - pi))` for a row of probability `p`, with
    /// the shares of negatives below and of positives above its score (equal scores count a half), the share `pi` of
    /// positives and the area `A`. Where targets are known these are the components of `DeLong` et al. (1988). Undefined:
    /// `Empty`, `OneClass`, `Infinite`. O(n log n).
    ///
    /// # Errors
    /// Why there is no area.
    pub fn roc_auc(scores: &[f64], likely: &[f64]) -> Result<Self, Undefined> {
        let groups = tied(scores, likely);
        let positives = groups.iter().map(|group| group.positives).sum::<f64>();
        let negatives = groups.iter().map(|group| group.negatives).sum::<f64>();
        both_classes(positives, negatives)?;
        let rows = scores.len() as f64;
        let (share, rest) = (positives / rows, negatives / rows);
        let (mut below, mut above, mut pairs) = (0.0, positives, 0.0);
        let mut places = vec![(0.0, 0.0); scores.len()];
        for group in &groups {
            above -= group.positives;
            let place = (below + group.negatives / 2.0, above + group.positives / 2.0);
            pairs += group.positives * place.0;
            for &row in &group.rows {
                places[row as usize] = (place.0 / rows, place.1 / rows);
            }
            below += group.negatives;
        }
        let area = Undefined::unless_finite(pairs / (positives * negatives))?.min(1.0);
        let both = share * rest;
        let slope =
            |&(below, above): &(f64, f64)| (below - above) / both - area / share + area / rest;
        let slopes: Vec<f64> = places.iter().map(slope).collect();
        let of = |((&(_, above), slope), p): ((&(f64, f64), &f64), &f64)| {
            slope * p + above / both - area / rest
        };
        let of_rows = places.iter().zip(&slopes).zip(likely).map(of).collect();
        Self::around(of_rows, vec![slopes], Some(area))
    }

    /// Of the average precision, with how likely each row is positive: 0 or 1 where that is known.
    ///
    /// `(p (q(s) - AP + A(s)) - B(s)) / pi` for a row of probability `p` and score `s`: `q` is the precision from the score on,
    /// `A` the sum of `p / K` and `B` that of `p q / K` over the rows at or below the score, `K` the rows from theirs on. The
    /// derivative of `E[p T(S) / K(S)] / pi` by the weight of a row. Undefined: `Empty`, `OneClass`, `Infinite`. O(n log n).
    ///
    /// # Errors
    /// Why there is no average.
    pub fn average_precision(scores: &[f64], likely: &[f64]) -> Result<Self, Undefined> {
        if scores.is_empty() {
            return Err(Undefined::Empty);
        }
        let groups = tied(scores, likely);
        let positives = groups.iter().map(|group| group.positives).sum::<f64>();
        if positives == 0.0 {
            return Err(Undefined::OneClass);
        }
        let (mut above, mut from) = (0.0, 0.0);
        // By group, descending: rows from there on, and the precision.
        let mut reached = Vec::with_capacity(groups.len());
        let mut sum = 0.0;
        for group in groups.iter().rev() {
            above += group.positives;
            from += group.positives + group.negatives;
            let precision = above / from;
            sum += group.positives * precision;
            reached.push((from, precision));
        }
        let average = Undefined::unless_finite(sum / positives)?.min(1.0);
        let share = positives / scores.len() as f64;
        let mut slopes = vec![0.0; scores.len()];
        let mut of_rows = vec![0.0; scores.len()];
        let (mut lower, mut weighed) = (0.0, 0.0);
        for (group, (from, precision)) in groups.iter().zip(reached.into_iter().rev()) {
            lower += group.positives / from;
            weighed += group.positives * precision / from;
            let slope = (precision - average + lower) / share;
            for &row in &group.rows {
                let row = row as usize;
                slopes[row] = slope;
                of_rows[row] = slope * likely[row] - weighed / share;
            }
        }
        Self::around(of_rows, vec![slopes], Some(average))
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    const SCORES: [f64; 8] = [0.1, 0.4, 0.4, 0.35, 0.8, 0.7, 0.9, 0.2];
    const LIKELY: [f64; 8] = [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.3];

    /// The derivatives by the weight of a row and by its probability, by small steps.
    fn steps(of: fn(&[f64], &[f64], &[f64]) -> f64, found: &Influence) {
        let rows = SCORES.len();
        let step = 1e-6;
        let value = |weights: &[f64], likely: &[f64]| of(&SCORES, likely, weights);
        let ones = [1.0; 8];
        assert!((value(&ones, &LIKELY) - found.value).abs() < 1e-12);
        for row in 0..rows {
            let (mut weights, mut likely) = (ones, LIKELY);
            weights[row] += step;
            likely[row] += step;
            let n = rows as f64;
            let by_weight = (value(&weights, &LIKELY) - found.value) / step * n;
            assert!((by_weight - found.of_rows[row]).abs() < 1e-4, "{row} {by_weight} {found:?}");
            let by_likely = (value(&ones, &likely) - found.value) / step * n;
            assert!((by_likely - found.slopes[0][row]).abs() < 1e-4, "{row} {by_likely} {found:?}");
        }
    }

    #[test]
    fn the_area_moves_as_small_steps_say() {
        let area = |scores: &[f64], likely: &[f64], weights: &[f64]| {
            let (mut pairs, mut positives, mut negatives) = (0.0, 0.0, 0.0);
            for i in 0..scores.len() {
                positives += weights[i] * likely[i];
                negatives += weights[i] * (1.0 - likely[i]);
                for j in 0..scores.len() {
                    let wins = match scores[i].total_cmp(&scores[j]) {
                        Ordering::Greater => 1.0,
                        Ordering::Equal => 0.5,
                        Ordering::Less => 0.0,
                    };
                    pairs += weights[i] * likely[i] * weights[j] * (1.0 - likely[j]) * wins;
                }
            }
            pairs / (positives * negatives)
        };
        steps(area, &Influence::roc_auc(&SCORES, &LIKELY).unwrap());
    }

    #[test]
    fn the_average_moves_as_small_steps_say() {
        let average = |scores: &[f64], likely: &[f64], weights: &[f64]| {
            let (mut sum, mut positives) = (0.0, 0.0);
            for i in 0..scores.len() {
                let from = |of: &dyn Fn(usize) -> f64| -> f64 {
                    (0..scores.len()).filter(|&j| scores[j] >= scores[i]).map(of).sum()
                };
                let above = from(&|j| weights[j] * likely[j]);
                let all = from(&|j| weights[j]);
                sum += weights[i] * likely[i] * above / all;
                positives += weights[i] * likely[i];
            }
            sum / positives
        };
        steps(average, &Influence::average_precision(&SCORES, &LIKELY).unwrap());
    }

    #[test]
    fn one_class_or_none_says_why() {
        let area = |likely: &[f64]| Influence::roc_auc(&SCORES[..likely.len()], likely).err();
        assert_eq!(area(&[]), Some(Undefined::Empty));
        assert_eq!(area(&[1.0, 1.0]), Some(Undefined::OneClass));
        assert_eq!(area(&[0.0, 0.0]), Some(Undefined::OneClass));
        let average = Influence::average_precision(&SCORES[..2], &[0.0, 0.0]).err();
        assert_eq!(average, Some(Undefined::OneClass));
        assert!(Influence::average_precision(&[], &[]).is_err());
    }
}
