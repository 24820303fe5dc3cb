//! Bets on how often rows fall into cells.

use super::{bet, mean_wealth, slack, stakes};

/// Bets that rows fall into cells otherwise than those of the reference.
///
/// All that is kept of rows is how many are in each cell. Of ordered cells it is bet that values are greater or less, and
/// that they are further from the middle or nearer to it; of others, and of missing values, that each has more rows or fewer.
#[derive(Clone, Debug, PartialEq)]
pub struct CellBets {
    /// The logarithm of what each bet leaves of a wealth of 1, by cell.
    bets: Vec<Vec<f64>>,
}

impl CellBets {
    /// On cells in an order, given the reference's rows in each, and those without a value, which are in a cell behind them.
    ///
    /// `tolerance` is the share of a standard deviation within which a change is none. `None` where the reference has no rows
    /// in cells, or all in one and none elsewhere: then there is nothing to bet on.
    pub fn ordered(counts: &[u64], missing: Option<u64>, tolerance: f64) -> Option<Self> {
        let present: u64 = counts.iter().sum();
        if present == 0 {
            return None;
        }
        // Where the middle of a cell's rows ranks among all, from -1 to 1.
        let mut below = 0.0;
        let ranks: Vec<f64> = counts
            .iter()
            .map(|&rows| {
                let rank = (below + rows as f64 / 2.0) / present as f64;
                below += rows as f64;
                2.0 * rank - 1.0
            })
            .collect();
        let from_middle: Vec<f64> = ranks.iter().map(|rank| rank.abs()).collect();
        let mean = |payoffs: &[f64]| {
            let sum: f64 = payoffs.iter().zip(counts).map(|(of, &rows)| of * rows as f64).sum();
            sum / present as f64
        };
        // What has no value says nothing of where values lie.
        let mut payoffs: Vec<Vec<f64>> = [ranks, from_middle]
            .into_iter()
            .map(|mut payoffs| {
                let silent = mean(&payoffs);
                payoffs.extend(missing.map(|_| silent));
                payoffs
            })
            .collect();
        let all: Vec<u64> = counts.iter().copied().chain(missing).collect();
        if missing.is_some() {
            payoffs.push(only(counts.len(), all.len()));
        }
        Self::on(&payoffs, &all, tolerance)
    }

    /// On cells without an order: the reference's rows in each. Some of them may have none.
    ///
    /// `None` where the reference has no rows, or all in the only cell.
    pub fn unordered(counts: &[u64], tolerance: f64) -> Option<Self> {
        let payoffs: Vec<Vec<f64>> =
            (0..counts.len()).map(|cell| only(cell, counts.len())).collect();
        Self::on(&payoffs, counts, tolerance)
    }

    fn on(payoffs: &[Vec<f64>], counts: &[u64], tolerance: f64) -> Option<Self> {
        let rows = counts.iter().sum::<u64>() as f64;
        if rows == 0.0 {
            return None;
        }
        let mut bets = Vec::new();
        for payoffs in payoffs {
            let weigh = |of: &dyn Fn(f64) -> f64| {
                let weighed = payoffs.iter().zip(counts);
                weighed.map(|(&payoff, &count)| of(payoff) * count as f64).sum::<f64>() / rows
            };
            let mean = weigh(&|payoff| payoff);
            let deviation = weigh(&|payoff| (payoff - mean) * (payoff - mean)).sqrt();
            if payoffs.iter().all(|payoff| *payoff == payoffs[0]) {
                continue;
            }
            let slack = slack(deviation, rows, tolerance);
            bets.extend(stakes(slack).map(|stake| {
                payoffs.iter().map(|payoff| bet(stake, payoff - mean, slack)).collect()
            }));
        }
        (!bets.is_empty()).then_some(Self { bets })
    }

    /// How many cells there are.
    pub fn cells(&self) -> usize {
        self.bets.first().map_or(0, Vec::len)
    }

    /// The natural logarithm of the wealth that rows with these counts have brought, from 1.
    pub fn evidence(&self, counts: &[u64]) -> f64 {
        let wealth = |bet: &Vec<f64>| {
            let of = bet.iter().zip(counts).filter(|(_, rows)| **rows > 0);
            of.map(|(of, &rows)| of * rows as f64).sum::<f64>()
        };
        mean_wealth(&self.bets.iter().map(wealth).collect::<Vec<_>>())
    }
}

/// A payoff of one cell alone.
fn only(cell: usize, cells: usize) -> Vec<f64> {
    (0..cells).map(|of| if of == cell { 1.0 } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_as_in_the_reference_bring_nothing() {
        let counts = [100, 200, 300, 100];
        let bets = CellBets::ordered(&counts, Some(10), 0.0).unwrap();
        assert_eq!(bets.cells(), 5);
        assert!(bets.evidence(&[100, 200, 300, 100, 10]) < 0.0);
        assert_eq!(bets.evidence(&[0; 5]), 0.0);
    }

    #[test]
    fn every_kind_of_change_brings_evidence() {
        let ordered = CellBets::ordered(&[1000; 10], Some(0), 0.05).unwrap();
        let of = |counts: [u64; 11]| ordered.evidence(&counts);
        // Up, down, wider, narrower, missing.
        assert!(of([10, 10, 20, 20, 30, 30, 40, 50, 60, 80, 0]) > 7.0);
        assert!(of([80, 60, 50, 40, 30, 30, 20, 20, 10, 10, 0]) > 7.0);
        assert!(of([90, 50, 20, 10, 5, 5, 10, 20, 50, 90, 0]) > 7.0);
        assert!(of([5, 10, 20, 50, 90, 90, 50, 20, 10, 5, 0]) > 7.0);
        assert!(of([30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30]) > 7.0);
        let unordered = CellBets::unordered(&[7000, 2000, 1000, 0], 0.05).unwrap();
        assert!(unordered.evidence(&[50, 40, 30, 0]) > 0.0);
        assert!(unordered.evidence(&[70, 20, 10, 20]) > 7.0, "a category that was not there");
    }

    #[test]
    fn a_reference_that_never_varies_is_not_bet_on() {
        assert_eq!(CellBets::ordered(&[], None, 0.05), None);
        assert_eq!(CellBets::ordered(&[0, 0], Some(3), 0.05), None);
        assert_eq!(CellBets::ordered(&[10], None, 0.05), None);
        assert_eq!(CellBets::unordered(&[0, 0], 0.05), None);
        assert_eq!(CellBets::unordered(&[7], 0.05), None);
        // But that values go missing can be.
        assert!(CellBets::ordered(&[10], Some(0), 0.05).is_some());
    }

    #[test]
    fn a_small_reference_is_not_trusted() {
        let few = CellBets::ordered(&[3; 10], None, 0.0).unwrap();
        let many = CellBets::ordered(&[3000; 10], None, 0.0).unwrap();
        let counts = [5, 5, 6, 7, 8, 9, 10, 12, 14, 16];
        assert!(few.evidence(&counts) < many.evidence(&counts));
    }
}
