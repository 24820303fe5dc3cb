//! Performance computed the plain way, apart from the product's own statistics, so that tests can hold one against
//! the other.

/// One row: what the model said, and how much of it counts as positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The model's score of the positive class.
    pub score: f64,
    /// Whether the model predicts the positive class.
    pub predicted: bool,
    /// The part of the row that is positive: 1 or 0 for a target, a probability for an expectation.
    pub positive: f64,
}

/// Performance on a set of rows.
///
/// Each row counts as `positive` positives and `1 - positive` negatives. With targets that is realized performance;
/// with true probabilities it is the expected one, up to terms of one part in the number of rows (a row's two parts
/// are a tied pair of the ROC curve). Where a denominator is zero there is no value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Performance {
    /// How many rows.
    pub rows: u64,
    /// Positives predicted as such.
    pub true_positive: f64,
    /// Negatives predicted as positive.
    pub false_positive: f64,
    /// Negatives predicted as such.
    pub true_negative: f64,
    /// Positives predicted as negative.
    pub false_negative: f64,
    /// The chance that a positive scores above a negative, ties counting half.
    pub roc_auc: Option<f64>,
    /// The mean over recall of the precision at each distinct score.
    pub average_precision: Option<f64>,
}

impl Performance {
    /// Of these rows. Scores must not be NaN: they are sorted.
    pub fn of(rows: impl IntoIterator<Item = Scored>) -> Self {
        let mut rows: Vec<Scored> = rows.into_iter().collect();
        rows.sort_by(|a, b| b.score.total_cmp(&a.score));
        let sum = |predicted: bool, part: fn(&Scored) -> f64| -> f64 {
            rows.iter()
                .filter(|row| row.predicted == predicted)
                .map(part)
                .sum()
        };
        let (roc_auc, average_precision) = areas(&rows);
        Self {
            rows: rows.len() as u64,
            true_positive: sum(true, |row| row.positive),
            false_positive: sum(true, |row| 1.0 - row.positive),
            true_negative: sum(false, |row| 1.0 - row.positive),
            false_negative: sum(false, |row| row.positive),
            roc_auc,
            average_precision,
        }
    }

    /// The share of right predictions.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.true_positive + self.true_negative, self.rows as f64)
    }

    /// The share of the predicted positives that are positive.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positive, self.true_positive + self.false_positive)
    }

    /// The share of the positives that are predicted.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positive, self.true_positive + self.false_negative)
    }

    /// The share of the negatives that are predicted.
    pub fn specificity(&self) -> Option<f64> {
        ratio(self.true_negative, self.true_negative + self.false_positive)
    }

    /// The harmonic mean of precision and recall.
    pub fn f1(&self) -> Option<f64> {
        let errors = self.false_positive + self.false_negative;
        ratio(2.0 * self.true_positive, 2.0 * self.true_positive + errors)
    }

    /// What all predictions were worth; rows are the true class, columns the predicted one, negative first.
    pub fn business_value(&self, worth: [[f64; 2]; 2]) -> f64 {
        worth[0][0] * self.true_negative
            + worth[0][1] * self.false_positive
            + worth[1][0] * self.false_negative
            + worth[1][1] * self.true_positive
    }
}

/// Area under the ROC curve and average precision of rows by descending score, one step a distinct score.
fn areas(rows: &[Scored]) -> (Option<f64>, Option<f64>) {
    let (mut positives, mut negatives, mut roc, mut precision) = (0.0, 0.0, 0.0, 0.0);
    for tied in rows.chunk_by(|a, b| a.score == b.score) {
        let more: f64 = tied.iter().map(|row| row.positive).sum();
        let less: f64 = tied.iter().map(|row| 1.0 - row.positive).sum();
        roc += less * (positives + more / 2.0);
        positives += more;
        negatives += less;
        precision += more * ratio(positives, positives + negatives).unwrap_or(0.0);
    }
    (
        ratio(roc, positives * negatives),
        ratio(precision, positives),
    )
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// What is true of a model on a range of events, three ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// What to expect of these cases, from the true probabilities: free of the luck of the targets.
    pub expected: Performance,
    /// What came of them, from the targets.
    pub realized: Performance,
    /// What the model's scores claim if they are taken at their word: where an estimate without targets ends up.
    /// It differs from `expected` under a fault or concept drift, not under covariate shift.
    pub claimed: Performance,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(seed: u64, n: usize, fractions: bool) -> Vec<Scored> {
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        };
        (0..n)
            .map(|_| {
                let score = (next() * 20.0).round() / 20.0;
                let positive = if fractions { next() } else { next().round() };
                Scored {
                    score,
                    predicted: score > 0.4,
                    positive,
                }
            })
            .collect()
    }

    /// Every positive against every negative.
    fn auc_by_pairs(rows: &[Scored]) -> f64 {
        let (mut won, mut pairs) = (0.0, 0.0);
        for a in rows {
            for b in rows {
                let weight = a.positive * (1.0 - b.positive);
                pairs += weight;
                won += weight
                    * if a.score > b.score {
                        1.0
                    } else {
                        0.5 * f64::from(a.score == b.score)
                    };
            }
        }
        won / pairs
    }

    /// By its definition: every positive's precision at its own score, averaged.
    fn average_precision_by_rows(rows: &[Scored]) -> f64 {
        let above = |cut: f64, part: fn(&Scored) -> f64| -> f64 {
            rows.iter().filter(|row| row.score >= cut).map(part).sum()
        };
        let total: f64 = rows.iter().map(|row| row.positive).sum();
        let sum: f64 = rows
            .iter()
            .map(|row| row.positive * above(row.score, |r| r.positive) / above(row.score, |_| 1.0))
            .sum();
        sum / total
    }

    #[test]
    fn areas_equal_those_by_pairs() {
        for seed in 0..20 {
            for fractions in [false, true] {
                let rows = rows(seed, 150, fractions);
                let got = Performance::of(rows.iter().copied());
                assert!((got.roc_auc.unwrap() - auc_by_pairs(&rows)).abs() < 1e-12);
                let want = average_precision_by_rows(&rows);
                assert!((got.average_precision.unwrap() - want).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_small_table_by_hand() {
        let row = |score: f64, positive: f64| Scored {
            score,
            predicted: score >= 0.5,
            positive,
        };
        let got = Performance::of([
            row(0.9, 1.0),
            row(0.8, 0.0),
            row(0.7, 1.0),
            row(0.4, 1.0),
            row(0.3, 0.0),
        ]);
        assert_eq!(got.roc_auc, Some(4.0 / 6.0));
        assert_eq!(got.accuracy(), Some(0.6));
        assert_eq!(got.precision(), Some(2.0 / 3.0));
        assert_eq!(got.recall(), Some(2.0 / 3.0));
        assert_eq!(got.specificity(), Some(0.5));
        assert_eq!(got.f1(), Some(4.0 / 6.0));
        assert_eq!(got.business_value([[0.0, -1.0], [-1.0, 5.0]]), 8.0);
        let want = (1.0 + 2.0 / 3.0 + 3.0 / 4.0) / 3.0;
        assert!((got.average_precision.unwrap() - want).abs() < 1e-15);
    }

    #[test]
    fn one_class_or_no_rows_have_no_area() {
        let row = Scored {
            score: 0.5,
            predicted: true,
            positive: 1.0,
        };
        assert_eq!(Performance::of([row, row]).roc_auc, None);
        assert_eq!(Performance::of([row, row]).average_precision, Some(1.0));
        let none = Performance::of([]);
        assert_eq!(
            (none.roc_auc, none.accuracy(), none.f1()),
            (None, None, None)
        );
    }
}
