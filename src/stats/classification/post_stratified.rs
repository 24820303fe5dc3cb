//! Performance from the rows that have a target, weighed so that their scores are spread as those of all rows.

use super::cells::{Cell, Cells};
use super::ranking::{ScoreBin, average_precision, roc_auc};
use crate::stats::Undefined;
use crate::stats::strata::{Strata, StratifiedErrors};

/// A value and its standard errors, `None` where too few rows have a target to tell them.
pub type Weighed = (f64, Option<StratifiedErrors>);

/// The confusion matrix of all rows, from those that have a target.
#[derive(Clone, Debug, PartialEq)]
pub struct PostStratifiedCells {
    strata: Strata,
    counted: Vec<[f64; 4]>,
}

impl PostStratifiedCells {
    /// `rows`: rows with a prediction; `counted`: those of them with a target, by cell in the order of [`Cell::ALL`].
    /// Both by stratum, in the order of scores.
    ///
    /// # Errors
    ///
    /// `NoTargets`, `StratumWithoutTargets`.
    pub fn new(rows: &[u64], counted: Vec<[f64; 4]>) -> Result<Self, Undefined> {
        let targets: Vec<f64> = counted.iter().map(|cells| cells.iter().sum()).collect();
        Ok(Self { strata: Strata::new(rows, &targets)?, counted })
    }

    /// Expected rows by cell.
    pub fn cells(&self) -> Cells {
        let weights = self.strata.weights();
        let of = |cell: Cell| {
            let at = cell as usize;
            self.counted.iter().zip(&weights).map(|(cells, weight)| cells[at] * weight).sum()
        };
        let [true_positive, false_positive, false_negative, true_negative] = Cell::ALL.map(of);
        Cells { true_positive, false_positive, false_negative, true_negative }
    }

    /// The standard errors of a sum over the cells, each weighed by `above`, in the order of [`Cell::ALL`]; or of a
    /// ratio of two such sums. `None` where the ratio has no value or too few rows have a target.
    pub fn errors(&self, above: [f64; 4], below: Option<[f64; 4]>) -> Option<StratifiedErrors> {
        let cells = self.cells();
        let sum = |weights: [f64; 4]| -> f64 {
            Cell::ALL.iter().zip(weights).map(|(&cell, weight)| cells.cell(cell) * weight).sum()
        };
        let derivative = match below {
            None => above,
            Some(below) => {
                let (ratio, bottom) = (sum(above) / sum(below), sum(below));
                let mut z = [0.0; 4];
                for (z, (above, below)) in z.iter_mut().zip(above.iter().zip(below)) {
                    *z = (above - ratio * below) / bottom;
                }
                z
            }
        };
        let rows = self.counted.iter().enumerate().flat_map(|(stratum, cells)| {
            cells.iter().zip(derivative).map(move |(&rows, z)| (stratum, rows, z))
        });
        self.strata.errors(rows)
    }
}

/// Ranking metrics of all rows, from those that have a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PostStratifiedRanking {
    /// Area under the receiver operating characteristic.
    pub roc_auc: Result<Weighed, Undefined>,
    /// Average precision.
    pub average_precision: Result<Weighed, Undefined>,
}

impl PostStratifiedRanking {
    /// `rows`: rows with a score, by stratum; `bins`: those of them with a target, in ascending order of score, with
    /// the stratum that they lie in.
    ///
    /// # Errors
    ///
    /// `NoTargets`, `StratumWithoutTargets`.
    pub fn new(rows: &[u64], bins: &[(usize, ScoreBin)]) -> Result<Self, Undefined> {
        let mut targets = vec![0.0; rows.len()];
        for (stratum, bin) in bins {
            targets[*stratum] += bin.positives + bin.negatives;
        }
        let strata = Strata::new(rows, &targets)?;
        let weights = strata.weights();
        let weighed: Vec<ScoreBin> = bins
            .iter()
            .map(|(stratum, bin)| ScoreBin {
                positives: bin.positives * weights[*stratum],
                negatives: bin.negatives * weights[*stratum],
            })
            .collect();
        let errors = |derivatives: &[(f64, f64)]| {
            strata.errors(bins.iter().zip(derivatives).flat_map(|((stratum, bin), z)| {
                [(*stratum, bin.positives, z.0), (*stratum, bin.negatives, z.1)]
            }))
        };
        let area = roc_auc(weighed.iter().copied());
        let precision = average_precision(weighed.iter().copied());
        Ok(Self {
            roc_auc: area.map(|area| (area, errors(&roc_auc_derivatives(&weighed, area)))),
            average_precision: precision
                .map(|value| (value, errors(&average_precision_derivatives(&weighed, value)))),
        })
    }
}

/// The derivative of the area by the weight of a positive and of a negative, for each bin.
fn roc_auc_derivatives(bins: &[ScoreBin], area: f64) -> Vec<(f64, f64)> {
    let positives: f64 = bins.iter().map(|bin| bin.positives).sum();
    let negatives: f64 = bins.iter().map(|bin| bin.negatives).sum();
    let (mut positives_below, mut negatives_below) = (0.0, 0.0);
    let derivative = |bin: &ScoreBin| {
        let below = (negatives_below + bin.negatives / 2.0) / negatives;
        let above = (positives - positives_below - bin.positives / 2.0) / positives;
        positives_below += bin.positives;
        negatives_below += bin.negatives;
        ((below - area) / positives, (above - area) / negatives)
    };
    bins.iter().map(derivative).collect()
}

/// The derivative of average precision by the weight of a positive and of a negative, for each bin.
fn average_precision_derivatives(bins: &[ScoreBin], value: f64) -> Vec<(f64, f64)> {
    let total: f64 = bins.iter().map(|bin| bin.positives).sum();
    // Of each bin what lies in it and above.
    let mut above = vec![(0.0, 0.0); bins.len()];
    let (mut positives, mut negatives) = (0.0, 0.0);
    for (bin, above) in bins.iter().zip(&mut above).rev() {
        positives += bin.positives;
        negatives += bin.negatives;
        *above = (positives, negatives);
    }
    // A row adds to what lies in and above every bin up to its own.
    let (mut by_positive, mut by_negative) = (0.0, 0.0);
    let derivative = |(bin, &(positives, negatives)): (&ScoreBin, &(f64, f64))| {
        let rows = positives + negatives;
        if rows > 0.0 {
            by_positive += bin.positives * negatives / (rows * rows);
            by_negative -= bin.positives * positives / (rows * rows);
        }
        let precision = if rows > 0.0 { positives / rows } else { 0.0 };
        ((precision - value + by_positive) / total, by_negative / total)
    };
    bins.iter().zip(&above).map(derivative).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::draws::Draws;

    /// Rows as (score, positive, predicted): the higher the score, the likelier positive, but less than it says.
    fn rows(draws: &mut Draws, count: usize) -> Vec<(f64, bool, bool)> {
        let row = |_| {
            let score = (draws.next() * 200.0).floor() / 200.0;
            (score, draws.next() < 0.1 + 0.7 * score, score >= 0.6)
        };
        (0..count).map(row).collect()
    }

    fn stratum(score: f64) -> usize {
        (score * 10.0) as usize
    }

    fn cell(positive: bool, predicted: bool) -> usize {
        match (positive, predicted) {
            (true, true) => 0,
            (false, true) => 1,
            (true, false) => 2,
            (false, false) => 3,
        }
    }

    struct Sample {
        all: Vec<u64>,
        cells: Vec<[f64; 4]>,
        bins: Vec<(usize, ScoreBin)>,
    }

    fn sample(rows: &[(f64, bool, bool)], labelled: &[bool]) -> Sample {
        let mut all = vec![0; 10];
        let mut cells = vec![[0.0; 4]; 10];
        let mut bins: Vec<(usize, ScoreBin)> =
            (0..200).map(|at| (stratum(f64::from(at) / 200.0), ScoreBin::default())).collect();
        for (&(score, positive, predicted), &labelled) in rows.iter().zip(labelled) {
            all[stratum(score)] += 1;
            if labelled {
                cells[stratum(score)][cell(positive, predicted)] += 1.0;
                let bin = &mut bins[(score * 200.0).round() as usize].1;
                if positive { bin.positives += 1.0 } else { bin.negatives += 1.0 }
            }
        }
        Sample { all, cells, bins }
    }

    const ACCURACY: ([f64; 4], Option<[f64; 4]>) = ([1.0, 0.0, 0.0, 1.0], Some([1.0; 4]));
    const F1: ([f64; 4], Option<[f64; 4]>) = ([2.0, 0.0, 0.0, 0.0], Some([2.0, 1.0, 1.0, 0.0]));
    const POSITIVES: ([f64; 4], Option<[f64; 4]>) = ([1.0, 0.0, 1.0, 0.0], None);

    fn value(cells: &Cells, (above, below): ([f64; 4], Option<[f64; 4]>)) -> f64 {
        let sum = |weights: [f64; 4]| -> f64 {
            Cell::ALL.iter().zip(weights).map(|(&cell, weight)| cells.cell(cell) * weight).sum()
        };
        sum(above) / below.map_or(1.0, sum)
    }

    #[test]
    fn with_all_targets_it_is_the_realized_value_without_error() {
        let rows = rows(&mut Draws(1), 3000);
        let Sample { all, cells, bins } = sample(&rows, &vec![true; rows.len()]);
        let stratified = PostStratifiedCells::new(&all, cells.clone()).unwrap();
        for (at, cell) in Cell::ALL.into_iter().enumerate() {
            let counted: f64 = cells.iter().map(|cells| cells[at]).sum();
            assert_eq!(stratified.cells().cell(cell), counted);
        }
        let missing = |errors: Option<StratifiedErrors>| errors.map(|errors| errors.missing);
        assert_eq!(missing(stratified.errors(ACCURACY.0, ACCURACY.1)), Some(0.0));
        let ranking = PostStratifiedRanking::new(&all, &bins).unwrap();
        let counted = || bins.iter().map(|(_, bin)| *bin);
        let found = |found: Result<Weighed, Undefined>| {
            found.map(|(value, errors)| (value, missing(errors)))
        };
        let without = |value: f64| (value, Some(0.0));
        assert_eq!(found(ranking.roc_auc), roc_auc(counted()).map(without));
        let bins: Vec<ScoreBin> = counted().collect();
        assert_eq!(found(ranking.average_precision), average_precision(bins).map(without));
    }

    /// How often targets are drawn.
    const TIMES: usize = 400;

    /// Which targets have come depends on the score: high ones come first. Over many draws the values scatter around the
    /// window's own by the errors that are stated; those of the rows with a target alone do not.
    #[test]
    fn it_finds_the_windows_own_value_where_what_has_come_depends_on_the_score() {
        let mut draws = Draws(7);
        let rows = rows(&mut draws, 4000);
        let truth = sample(&rows, &vec![true; rows.len()]);
        let whole = PostStratifiedCells::new(&truth.all, truth.cells).unwrap().cells();
        let whole_ranking = PostStratifiedRanking::new(&truth.all, &truth.bins).unwrap();
        let mut scatter = [[0.0; 3]; 5];
        let mut naive = [0.0; 3];
        for _ in 0..TIMES {
            let come: Vec<bool> =
                rows.iter().map(|&(score, ..)| draws.next() < 0.1 + 0.6 * score).collect();
            let Sample { all, cells, bins } = sample(&rows, &come);
            let stratified = PostStratifiedCells::new(&all, cells).unwrap();
            let ranking = PostStratifiedRanking::new(&all, &bins).unwrap();
            let mut found = Vec::new();
            for metric in [ACCURACY, F1, POSITIVES] {
                let error = stratified.errors(metric.0, metric.1).unwrap().missing;
                found.push((value(&stratified.cells(), metric), error, value(&whole, metric)));
            }
            for (ours, theirs) in [
                (ranking.roc_auc, whole_ranking.roc_auc),
                (ranking.average_precision, whole_ranking.average_precision),
            ] {
                let (value, error) = ours.unwrap();
                found.push((value, error.unwrap().missing, theirs.unwrap().0));
            }
            for (sums, (value, error, truth)) in scatter.iter_mut().zip(found) {
                sums[0] += (value - truth) / TIMES as f64;
                sums[1] += (value - truth) * (value - truth) / TIMES as f64;
                sums[2] += error * error / TIMES as f64;
            }
            let labelled = || bins.iter().map(|(_, bin)| *bin);
            let error = roc_auc(labelled()).unwrap() - whole_ranking.roc_auc.unwrap().0;
            naive[0] += error / TIMES as f64;
            naive[1] += error * error / TIMES as f64;
        }
        for [bias, squares, stated] in scatter {
            // The mean of 400 draws scatters by a twentieth of one draw's error.
            assert!(bias.abs() < 0.25 * squares.sqrt(), "bias {bias}, scatter {}", squares.sqrt());
            let ratio = (stated / squares).sqrt();
            assert!((0.85..1.2).contains(&ratio), "stated over found {ratio}");
        }
        assert!(naive[0].abs() > naive[1].sqrt() / 2.0, "the naive value is biased: {naive:?}");
    }

    #[test]
    fn a_stratum_that_weighs_must_have_a_target() {
        let refused = PostStratifiedCells::new(&[50, 50], vec![[1.0; 4], [0.0; 4]]);
        assert_eq!(refused.err(), Some(Undefined::StratumWithoutTargets));
        let none = PostStratifiedRanking::new(&[50, 50], &[]);
        assert_eq!(none.err(), Some(Undefined::NoTargets));
        // One that does not lends its rows to its neighbour.
        let cells = vec![[10.0; 4], [0.0; 4]];
        let lent = PostStratifiedCells::new(&[1000, 5], cells).unwrap();
        assert!((lent.cells().rows() - 1005.0).abs() < 1e-9);
    }

    #[test]
    fn derivatives_are_differences() {
        let bins: Vec<ScoreBin> = [(1.0, 5.0), (2.0, 4.0), (0.0, 1.0), (6.0, 2.0)]
            .map(|(positives, negatives)| ScoreBin { positives, negatives })
            .to_vec();
        let area = roc_auc(bins.clone()).unwrap();
        let precision = average_precision(bins.clone()).unwrap();
        let (areas, precisions) =
            (roc_auc_derivatives(&bins, area), average_precision_derivatives(&bins, precision));
        let step = 1e-6;
        for at in 0..bins.len() {
            for positive in [true, false] {
                let mut moved = bins.clone();
                let weight =
                    if positive { &mut moved[at].positives } else { &mut moved[at].negatives };
                *weight += step;
                let pick = |pair: (f64, f64)| if positive { pair.0 } else { pair.1 };
                let by_area = (roc_auc(moved.clone()).unwrap() - area) / step;
                assert!((by_area - pick(areas[at])).abs() < 1e-5, "{at} {positive}");
                let by_precision = (average_precision(moved).unwrap() - precision) / step;
                assert!((by_precision - pick(precisions[at])).abs() < 1e-5, "{at} {positive}");
            }
        }
    }
}
