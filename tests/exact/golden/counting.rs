//! Counts a window's rows as the states of a window would: plainly, for comparison.

use vigie::stats::{DistinctValues, Tails};

/// The window's rows on a grid, as numpy's histogram counts them: what lies inside, and the tails.
pub(crate) fn on_grid(values: &[f64], edges: &[f64]) -> (Vec<u64>, Tails) {
    let bins = edges.len() - 1;
    let (mut inside, mut tails) = (vec![0; bins], Tails::default());
    for &value in values {
        if value < edges[0] {
            tails.below += 1;
            tails.below_sum += value;
        } else if value > edges[bins] {
            tails.above += 1;
            tails.above_sum += value;
        } else {
            inside[edges.partition_point(|&edge| edge <= value).clamp(1, bins) - 1] += 1;
        }
    }
    (inside, tails)
}

/// The window's rows around the reference's distinct values, and the sums between them.
pub(crate) fn around(values: &[f64], reference: &DistinctValues) -> (Vec<u64>, Vec<f64>) {
    let anchors = reference.values();
    let (mut cells, mut sums) = (vec![0; 2 * anchors.len() + 1], vec![0.0; anchors.len() + 1]);
    for &value in values {
        let below = anchors.partition_point(|&anchor| anchor < value);
        if anchors.get(below) == Some(&value) {
            cells[2 * below + 1] += 1;
        } else {
            cells[2 * below] += 1;
            sums[below] += value;
        }
    }
    (cells, sums)
}
