//! Isotonic regression of targets on scores, by pooling adjacent violators.

/// Scores closer than this to the first of their group are one score, as in scikit-learn.
const SAME_SCORE: f64 = 1e-15;

/// Isotonic regression, fed in ascending order of score; keeps one block a level.
///
/// Source: Barlow et al. (1972); equals scikit-learn's `IsotonicRegression` of 0 and 1 with equal weights.
/// O(1) amortised a row, memory O(levels).
#[derive(Debug, Default)]
pub(super) struct Isotonic {
    blocks: Vec<Block>,
    group: Option<Block>,
}

/// Neighbouring scores with one fitted value, which is `positives / rows`.
#[derive(Clone, Copy, Debug)]
struct Block {
    first: f64,
    last: f64,
    rows: f64,
    positives: f64,
}

impl Block {
    /// Whether the level does not rise to the next block's; in products of counts, so without rounding.
    fn violates(&self, next: &Self) -> bool {
        self.positives * next.rows >= next.positives * self.rows
    }
}

impl Isotonic {
    /// Takes the next row; scores must not descend.
    pub(super) fn push(&mut self, score: f64, target: bool) {
        self.push_weighed(score, target, 1.0);
    }

    /// The same of a row that counts for so many.
    pub(super) fn push_weighed(&mut self, score: f64, target: bool, rows: f64) {
        let positives = if target { rows } else { 0.0 };
        match &mut self.group {
            Some(group) if score - group.first < SAME_SCORE => {
                group.rows += rows;
                group.positives += positives;
            }
            _ => {
                self.close_group();
                self.group = Some(Block { first: score, last: score, rows, positives });
            }
        }
    }

    fn close_group(&mut self) {
        let Some(mut block) = self.group.take() else {
            return;
        };
        while let Some(before) = self.blocks.pop_if(|before| before.violates(&block)) {
            block = Block {
                first: before.first,
                last: block.last,
                rows: before.rows + block.rows,
                positives: before.positives + block.positives,
            };
        }
        self.blocks.push(block);
    }

    /// The knots, score and fitted value: both ends of every level, once where they are the same.
    pub(super) fn into_knots(mut self) -> Vec<(f64, f64)> {
        self.close_group();
        let mut knots = Vec::with_capacity(2 * self.blocks.len());
        for block in &self.blocks {
            let level = block.positives / block.rows;
            knots.push((block.first, level));
            if block.last > block.first {
                knots.push((block.last, level));
            }
        }
        knots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knots(rows: &[(f64, u8)]) -> Vec<(f64, f64)> {
        let mut isotonic = Isotonic::default();
        for &(score, target) in rows {
            isotonic.push(score, target == 1);
        }
        isotonic.into_knots()
    }

    #[test]
    fn violators_are_pooled_and_the_ends_of_a_level_kept() {
        let rows = [(0.1, 0), (0.2, 1), (0.3, 0), (0.4, 0), (0.5, 1), (0.6, 1)];
        let third = 1.0 / 3.0;
        let expected = [(0.1, 0.0), (0.2, third), (0.4, third), (0.5, 1.0), (0.6, 1.0)];
        assert_eq!(knots(&rows), expected);
    }

    #[test]
    fn equal_scores_share_a_knot() {
        assert_eq!(knots(&[(0.3, 0), (0.3, 1), (0.3 + 1e-16, 1), (0.9, 1)]).len(), 2);
    }

    #[test]
    fn nothing_has_no_knots_and_one_score_has_one() {
        assert_eq!(knots(&[]), []);
        assert_eq!(knots(&[(0.3, 0), (0.3, 1)]), [(0.3, 0.5)]);
    }
}
