//! How far one model's figure is from another's.

use super::influence::Influence;
use crate::stats::Undefined;

/// Fewer rows than this do not decide: what a normal distribution says of their mean is not to be trusted.
pub const DECISIVE: f64 = 10.0;

/// How far the challenger's figure is from the champion's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The champion's figure.
    pub champion: f64,
    /// The challenger's.
    pub challenger: f64,
    /// One standard error of their difference; 0 where all rows say the same.
    pub error: f64,
    /// How many rows make the difference: as few as two where two of them outweigh all others.
    ///
    /// `(sum d^2)^2 / sum d^4` over what rows add to it; of rows that either differ by as much or not at all it is about
    /// the number of those that do. 0 where none does.
    pub decisive: f64,
}

/// What how-likely was learned from: so many rows of a reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Learned {
    /// Of one that both models share, row by row.
    Together(f64),
    /// Of one each: the champion's, the challenger's.
    Apart(f64, f64),
}

impl Difference {
    /// What the challenger's figure is more than the champion's.
    pub fn value(&self) -> f64 {
        self.challenger - self.champion
    }

    /// Over the same rows, in the same order.
    ///
    /// The variance of the mean of what rows add to the one less what they add to the other: of a mean it is that of the
    /// paired t-test (Student 1908). With `classes` the rows of each class vary on their own and keep their number, which of
    /// the area under the ROC curve is exactly `DeLong` et al. (1988).
    ///
    /// # Errors
    /// `TooFew` with fewer than two rows (of each class), `Infinite` where the error is no number.
    pub fn paired(
        champion: &Influence,
        challenger: &Influence,
        classes: Option<&[bool]>,
    ) -> Result<Self, Undefined> {
        let rows = champion.rows().min(challenger.rows());
        let apart = challenger.of_rows.iter().zip(&champion.of_rows).map(|(b, a)| b - a);
        let apart: Vec<f64> = apart.collect();
        let variance = match classes {
            None => variance_of_mean(apart.iter().copied())?,
            Some(classes) => {
                let of = |class: bool| {
                    let rows_of = apart.iter().zip(classes).filter(move |(_, of)| **of == class);
                    rows_of.map(|(row, _)| *row)
                };
                let mut sum = 0.0;
                for class in [false, true] {
                    let share = of(class).count() as f64 / rows as f64;
                    sum += share * share * variance_of_mean(of(class))?;
                }
                sum
            }
        };
        Self::new(champion, challenger, variance, decisive(apart.iter().copied()))
    }

    /// Over rows of their own.
    ///
    /// # Errors
    /// As of paired rows.
    pub fn independent(champion: &Influence, challenger: &Influence) -> Result<Self, Undefined> {
        let rows = |of: &Influence| of.of_rows.clone().into_iter();
        let variance = variance_of_mean(rows(champion))? + variance_of_mean(rows(challenger))?;
        let decisive = match (decisive(rows(champion)), decisive(rows(challenger))) {
            // Rows that are all the same do not make the error wrong.
            (0.0, other) | (other, 0.0) => other,
            (a, b) => a.min(b),
        };
        Self::new(champion, challenger, variance, decisive)
    }

    fn new(
        champion: &Influence,
        challenger: &Influence,
        variance: f64,
        decisive: f64,
    ) -> Result<Self, Undefined> {
        let error = Undefined::unless_finite(variance.max(0.0).sqrt())?;
        Ok(Self { champion: champion.value, challenger: challenger.value, error, decisive })
    }

    /// With a variance beside that of the rows.
    ///
    /// # Errors
    /// `Infinite` where that is no number.
    pub fn with_variance(self, more: f64) -> Result<Self, Undefined> {
        let variance = Undefined::unless_finite(self.error * self.error + more)?;
        Ok(Self { error: variance.max(0.0).sqrt(), ..self })
    }
}

/// The variance that a difference of estimates has from what was learned of the reference.
///
/// A row's probability is as sure as the reference rows near its score are many. To first order an estimate strays with
/// the targets of the reference as if they had been drawn again: `E[(sum_t s_t (y_t - p_t))^2] / m` with the slopes `s` by class
/// and `m` rows learned from, the reference's scores being spread as these are. Where both models learned from the same
/// rows, a target moves both: then it is the square of the difference that is averaged, targets being drawn from the mean
/// of the two probabilities.
pub fn learning_variance(
    champion: (&Influence, &[Vec<f64>]),
    challenger: (&Influence, &[Vec<f64>]),
    learned: Learned,
) -> f64 {
    let of = |(influence, likely): (&Influence, &[Vec<f64>])| {
        let rows = influence.rows();
        let of_row = |row: usize| {
            let (mut mean, mut square) = (0.0, 0.0);
            for (likely, slopes) in likely.iter().zip(&influence.slopes) {
                let (p, slope) = (likely[row], slopes.get(row).copied().unwrap_or(0.0));
                mean += slope * p;
                square += slope * slope * p;
            }
            (square - mean * mean).max(0.0)
        };
        (0..rows).map(of_row).sum::<f64>() / rows.max(1) as f64
    };
    match learned {
        Learned::Apart(first, second) => of(champion) / first + of(challenger) / second,
        Learned::Together(rows) => together(champion, challenger) / rows,
    }
}

/// The mean square of how far one target moves the one estimate more than the other.
fn together(champion: (&Influence, &[Vec<f64>]), challenger: (&Influence, &[Vec<f64>])) -> f64 {
    let rows = champion.0.rows().min(challenger.0.rows());
    let classes = champion.1.len().min(challenger.1.len());
    let slope = |of: &Influence, class: usize, row: usize| {
        of.slopes.get(class).and_then(|slopes| slopes.get(row)).copied().unwrap_or(0.0)
    };
    let mut sum = 0.0;
    for row in 0..rows {
        let mean = |(of, likely): (&Influence, &[Vec<f64>])| -> f64 {
            (0..classes).map(|class| slope(of, class, row) * likely[class][row]).sum()
        };
        let centre = mean(challenger) - mean(champion);
        for class in 0..classes {
            let p = f64::midpoint(champion.1[class][row], challenger.1[class][row]);
            let moved = slope(challenger.0, class, row) - slope(champion.0, class, row) - centre;
            sum += p * moved * moved;
        }
    }
    sum / rows.max(1) as f64
}

/// The variance of the mean of numbers.
fn variance_of_mean(values: impl Iterator<Item = f64> + Clone) -> Result<f64, Undefined> {
    let rows = values.clone().count() as f64;
    if rows < 2.0 {
        return Err(Undefined::TooFew);
    }
    let mean = values.clone().sum::<f64>() / rows;
    let squares = values.map(|value| (value - mean) * (value - mean)).sum::<f64>();
    Ok(squares / (rows - 1.0) / rows)
}

/// How many of the numbers make up their mean.
fn decisive(values: impl Iterator<Item = f64>) -> f64 {
    let (mut squares, mut fourth) = (0.0, 0.0);
    for value in values {
        let square = value * value;
        squares += square;
        fourth += square * square;
    }
    if fourth > 0.0 { squares * squares / fourth } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64]) -> Influence {
        Influence::mean(values).unwrap()
    }

    #[test]
    fn what_is_hard_for_both_cancels() {
        let champion: Vec<f64> = (0..100).map(f64::from).collect();
        let challenger: Vec<f64> =
            champion.iter().enumerate().map(|(row, x)| x + f64::from(row as u32 % 2)).collect();
        let paired = Difference::paired(&mean(&champion), &mean(&challenger), None).unwrap();
        let apart = Difference::independent(&mean(&champion), &mean(&challenger)).unwrap();
        assert!((paired.value() - 0.5).abs() < 1e-12);
        assert_eq!(paired.value(), apart.value());
        assert!((paired.error - (0.25_f64 / 99.0).sqrt()).abs() < 1e-12, "{}", paired.error);
        assert!(apart.error > 3.0);
    }

    #[test]
    fn the_same_model_differs_nowhere() {
        let values = [0.0, 1.0, 1.0, 0.0];
        let same = Difference::paired(&mean(&values), &mean(&values), None).unwrap();
        assert_eq!((same.value(), same.error, same.decisive), (0.0, 0.0, 0.0));
    }

    #[test]
    fn as_many_rows_decide_as_differ() {
        let champion = [0.0; 1000];
        let mut challenger = champion;
        challenger[..7].fill(1.0);
        let few = Difference::paired(&mean(&champion), &mean(&challenger), None).unwrap();
        assert!((few.decisive - 7.0).abs() < 0.2, "{}", few.decisive);
        challenger[3] = 100.0;
        let one = Difference::paired(&mean(&champion), &mean(&challenger), None).unwrap();
        assert!(one.decisive < 1.1, "{}", one.decisive);
    }

    #[test]
    fn what_a_shared_reference_teaches_both_cancels() {
        let p = vec![0.2, 0.5, 0.9];
        let likely = vec![p.iter().map(|p| 1.0 - p).collect::<Vec<f64>>(), p];
        let slopes = vec![Vec::new(), vec![1.0, 2.0, 3.0]];
        let of = Influence { value: 0.0, of_rows: vec![0.0; 3], slopes };
        let one = (&of, likely.as_slice());
        assert!(learning_variance(one, one, Learned::Together(10.0)).abs() < 1e-15);
        let mean = (0.16 + 4.0 * 0.25 + 9.0 * 0.09) / 3.0;
        let apart = learning_variance(one, one, Learned::Apart(10.0, 20.0));
        assert!((apart - mean * (0.1 + 0.05)).abs() < 1e-12, "{apart}");
        let none = Influence { slopes: vec![Vec::new(), vec![0.0; 3]], ..of.clone() };
        let against = learning_variance((&none, &likely), one, Learned::Together(10.0));
        assert!((against - mean * 0.1).abs() < 1e-12, "{against}");
    }

    #[test]
    fn too_few_rows_have_no_error() {
        let one = mean(&[1.0]);
        assert_eq!(Difference::paired(&one, &one, None), Err(Undefined::TooFew));
        let two = mean(&[1.0, 0.0]);
        let of_one_class = Difference::paired(&two, &two, Some(&[true, true]));
        assert_eq!(of_one_class, Err(Undefined::TooFew));
    }
}
