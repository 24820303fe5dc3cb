//! The confusion matrix of several classes from the rows that have a target, weighed to stand for all rows.

use super::cells::Cell;
use super::confusion::Confusion;
use crate::stats::Undefined;
use crate::stats::strata::{Strata, StratifiedErrors};

/// The confusion matrix of all rows, from those that have a target: strata of rows that are predicted as one class and
/// have about the same score, as `Strata` weighs them.
#[derive(Clone, Debug, PartialEq)]
pub struct PostStratifiedConfusion {
    strata: Strata,
    counted: Vec<OfOnePrediction>,
    classes: usize,
}

/// Rows with a target that are in one stratum.
#[derive(Clone, Debug, PartialEq)]
pub struct OfOnePrediction {
    /// The class that they are predicted as; one behind the last where it is none of them.
    pub predicted: usize,
    /// How many there are, by true class.
    pub by_truth: Vec<f64>,
}

impl PostStratifiedConfusion {
    /// `rows`: rows with a prediction; `counted`: those of them with a target. Both by stratum, those of one predicted class
    /// beside each other, in the order of its score.
    ///
    /// # Errors
    ///
    /// `NoTargets`, `StratumWithoutTargets`.
    pub fn new(
        classes: usize,
        rows: &[u64],
        counted: Vec<OfOnePrediction>,
    ) -> Result<Self, Undefined> {
        let targets: Vec<f64> = counted.iter().map(|of| of.by_truth.iter().sum()).collect();
        Ok(Self { strata: Strata::new(rows, &targets)?, counted, classes })
    }

    /// Expected rows by cell.
    pub fn confusion(&self) -> Confusion {
        let mut cells = vec![vec![0.0; self.classes + 1]; self.classes];
        for (of, weight) in self.counted.iter().zip(self.strata.weights()) {
            for (row, count) in cells.iter_mut().zip(&of.by_truth) {
                row[of.predicted.min(self.classes)] += count * weight;
            }
        }
        Confusion::new(cells)
    }

    /// The standard errors of what changes with each cell by its slope, `[true class][predicted class]`. `None` where too few
    /// rows have a target.
    pub fn errors(&self, slopes: &[Vec<f64>]) -> Option<StratifiedErrors> {
        let slope = |truth: usize, predicted: usize| slopes.get(truth)?.get(predicted).copied();
        let rows = self.counted.iter().enumerate().flat_map(|(stratum, of)| {
            let by_truth = of.by_truth.iter().enumerate();
            by_truth.map(move |(truth, &rows)| {
                (stratum, rows, slope(truth, of.predicted).unwrap_or(0.0))
            })
        });
        self.strata.errors(rows)
    }
}

impl Confusion {
    /// How the mean over the classes of a rate changes with each cell: `[true class][predicted class]`. The rate is a ratio of
    /// two weighed sums over the cells of a class against the rest, in the order of [`Cell::ALL`]; that of a class without
    /// rows below stays 0.
    pub fn slopes_of_mean(&self, above: [f64; 4], below: [f64; 4]) -> Vec<Vec<f64>> {
        let classes = self.classes();
        let of_class = |class: usize| {
            let cells = self.one_against_rest(class);
            let sum = |weights: [f64; 4]| -> f64 {
                Cell::ALL.iter().zip(weights).map(|(&cell, weight)| cells.cell(cell) * weight).sum()
            };
            let (top, bottom) = (sum(above), sum(below));
            let mut slopes = [0.0; 4];
            if bottom > 0.0 {
                for (slope, (above, below)) in slopes.iter_mut().zip(above.iter().zip(below)) {
                    *slope = (above - top / bottom * below) / bottom / classes as f64;
                }
            }
            slopes
        };
        // True positives, false positives, false negatives, true negatives.
        let by_class: Vec<[f64; 4]> = (0..classes).map(of_class).collect();
        let negative: f64 = by_class.iter().map(|of| of[3]).sum();
        let slope = |truth: usize, predicted: usize| {
            let [right, _, missed, not] = by_class[truth];
            if truth == predicted {
                return negative - not + right;
            }
            let taken = by_class.get(predicted).map_or(0.0, |of| of[1] - of[3]);
            negative - not + missed + taken
        };
        let row = |truth| (0..=classes).map(|predicted| slope(truth, predicted)).collect();
        (0..classes).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Basis;
    use crate::stats::draws::Draws;

    /// What is above and what is below.
    type Ratio = ([f64; 4], [f64; 4]);
    type Mean = fn(&Confusion) -> f64;

    const F1: Ratio = ([2.0, 0.0, 0.0, 0.0], [2.0, 1.0, 1.0, 0.0]);
    const PRECISION: Ratio = ([1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]);
    const SPECIFICITY: Ratio = ([0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0]);

    #[test]
    fn slopes_are_differences() {
        let cells = vec![
            vec![50.0, 10.0, 3.0, 1.0],
            vec![20.0, 60.0, 11.0, 2.0],
            vec![4.0, 12.0, 25.0, 6.0],
        ];
        let whole = Confusion::new(cells.clone());
        let metrics: [(Ratio, Mean); 3] = [
            (F1, |of| of.f1(Basis::Realized).unwrap()),
            (PRECISION, |of| of.precision(Basis::Realized).unwrap()),
            (SPECIFICITY, |of| of.specificity(Basis::Realized).unwrap()),
        ];
        for ((above, below), metric) in metrics {
            let slopes = whole.slopes_of_mean(above, below);
            for truth in 0..3 {
                for predicted in 0..4 {
                    let mut moved = cells.clone();
                    moved[truth][predicted] += 1e-5;
                    let found = (metric(&Confusion::new(moved)) - metric(&whole)) / 1e-5;
                    let slope = slopes[truth][predicted];
                    assert!((found - slope).abs() < 1e-6, "{truth} {predicted}: {found} {slope}");
                }
            }
        }
    }

    const CLASSES: usize = 3;
    const STEPS: usize = 5;

    /// A row's stratum and its true class: the surer the model, the more often it is right.
    fn rows(draws: &mut Draws, count: usize) -> Vec<(usize, usize)> {
        let row = |_| {
            let predicted = (draws.next() * 3.0) as usize;
            let step = (draws.next() * STEPS as f64) as usize;
            let right = draws.next() < 0.4 + 0.12 * step as f64;
            let other = (predicted + 1 + (draws.next() * 2.0) as usize) % CLASSES;
            (predicted * STEPS + step, if right { predicted } else { other })
        };
        (0..count).map(row).collect()
    }

    fn sample(
        rows: &[(usize, usize)],
        come: impl Fn(usize) -> bool,
    ) -> (Vec<u64>, Vec<OfOnePrediction>) {
        let mut all = vec![0; CLASSES * STEPS];
        let none = |stratum: usize| OfOnePrediction {
            predicted: stratum / STEPS,
            by_truth: vec![0.0; CLASSES],
        };
        let mut counted: Vec<OfOnePrediction> = (0..CLASSES * STEPS).map(none).collect();
        for (at, &(stratum, truth)) in rows.iter().enumerate() {
            all[stratum] += 1;
            if come(at) {
                counted[stratum].by_truth[truth] += 1.0;
            }
        }
        (all, counted)
    }

    /// Targets of rows that the model is sure of come first. Over many draws the value scatters around the window's own by
    /// the error that is stated; that of the rows with a target alone is off.
    #[test]
    fn it_finds_the_windows_own_value_where_what_has_come_depends_on_the_score() {
        let mut draws = Draws(11);
        let rows = rows(&mut draws, 4000);
        let (all, counted) = sample(&rows, |_| true);
        let whole = PostStratifiedConfusion::new(CLASSES, &all, counted).unwrap();
        let truth = whole.confusion().f1(Basis::Realized).unwrap();
        let all_there = whole.errors(&whole.confusion().slopes_of_mean(F1.0, F1.1)).unwrap();
        assert_eq!(all_there.missing, 0.0);
        let (mut bias, mut squares, mut stated, mut naive) = (0.0, 0.0, 0.0, 0.0);
        let times = 400;
        for _ in 0..times {
            let come: Vec<bool> = rows
                .iter()
                .map(|(stratum, _)| draws.next() < 0.2 + 0.15 * (stratum % STEPS) as f64)
                .collect();
            let (all, counted) = sample(&rows, |at| come[at]);
            let mut labelled = vec![vec![0.0; CLASSES + 1]; CLASSES];
            for of in &counted {
                for (row, count) in labelled.iter_mut().zip(&of.by_truth) {
                    row[of.predicted] += count;
                }
            }
            let found = PostStratifiedConfusion::new(CLASSES, &all, counted).unwrap();
            let cells = found.confusion();
            let error = found.errors(&cells.slopes_of_mean(F1.0, F1.1)).unwrap().missing;
            let off = cells.f1(Basis::Realized).unwrap() - truth;
            bias += off / f64::from(times);
            squares += off * off / f64::from(times);
            stated += error * error / f64::from(times);
            naive +=
                (Confusion::new(labelled).f1(Basis::Realized).unwrap() - truth) / f64::from(times);
        }
        assert!(bias.abs() < 0.25 * squares.sqrt(), "bias {bias}, scatter {}", squares.sqrt());
        let ratio = (stated / squares).sqrt();
        assert!((0.85..1.2).contains(&ratio), "stated over found {ratio}");
        assert!(naive > 5.0 * squares.sqrt(), "the naive value is biased: {naive}");
    }

    #[test]
    fn a_stratum_that_weighs_must_have_a_target() {
        let of = |predicted, by_truth: [f64; 2]| OfOnePrediction {
            predicted,
            by_truth: by_truth.to_vec(),
        };
        let refused =
            PostStratifiedConfusion::new(2, &[50, 50], vec![of(0, [3.0, 1.0]), of(1, [0.0; 2])]);
        assert_eq!(refused.err(), Some(Undefined::StratumWithoutTargets));
    }
}
