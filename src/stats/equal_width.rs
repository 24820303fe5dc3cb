//! Equal-width edges between the least and the greatest value of a reference column.

use super::Undefined;

/// `bins + 1` edges of equal width from `lowest` to `highest`, both included, never descending.
///
/// `edge_i = lowest + i * (highest - lowest) / bins`, the last one `highest` exactly; equals `numpy.linspace`
/// to the bit. The bins are half-open, `[edge_i, edge_i+1)`, and the last one is closed. Where
/// `lowest == highest` all edges are equal and the last bin holds that value: what the Kolmogorov-Smirnov
/// statistic wants. The other methods widen first ([`widened`]).
///
/// Undefined: `Infinite` where an end or their distance is not finite, `TooFew` without bins. O(bins).
///
/// # Errors
///
/// Why there are no edges.
pub fn equal_width_edges(lowest: f64, highest: f64, bins: usize) -> Result<Vec<f64>, Undefined> {
    let width = highest - lowest;
    if !width.is_finite() {
        return Err(Undefined::Infinite);
    }
    if bins == 0 {
        return Err(Undefined::TooFew);
    }
    let step = width / bins as f64;
    let edge = |i: usize| {
        let along = if step == 0.0 {
            // So narrow that the step underflows: divide last.
            i as f64 / bins as f64 * width
        } else {
            i as f64 * step
        };
        lowest + along
    };
    // Rounding may carry an edge past `highest` where few floats lie between the ends.
    let mut edges: Vec<f64> = (0..bins).map(|i| edge(i).min(highest.max(lowest))).collect();
    edges.push(highest);
    Ok(edges)
}

/// The range of a column, widened by a half on both sides where the column is constant.
///
/// As `numpy.histogram` does; the same for Doane's bins and for the Wasserstein distance. Beyond 2^53 a half
/// is lost to rounding, so the next float is taken.
pub fn widened(lowest: f64, highest: f64) -> (f64, f64) {
    if lowest == highest {
        ((lowest - 0.5).min(lowest.next_down()), (highest + 0.5).max(highest.next_up()))
    } else {
        (lowest, highest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edges_run_from_end_to_end() {
        assert_eq!(equal_width_edges(0.0, 1.0, 4), Ok(vec![0.0, 0.25, 0.5, 0.75, 1.0]));
        assert_eq!(equal_width_edges(-1.0, 2.0, 1), Ok(vec![-1.0, 2.0]));
        assert_eq!(equal_width_edges(0.1, 0.1, 2), Ok(vec![0.1, 0.1, 0.1]));
    }

    #[test]
    fn a_range_narrower_than_its_bins_still_ascends() {
        let edges = equal_width_edges(0.0, f64::from_bits(3), 7).unwrap();
        assert!(edges.is_sorted());
        assert_eq!(edges.last(), Some(&f64::from_bits(3)));
    }

    #[test]
    fn ends_that_are_no_numbers_give_no_edges() {
        assert_eq!(equal_width_edges(0.0, f64::INFINITY, 3), Err(Undefined::Infinite));
        assert_eq!(equal_width_edges(-f64::MAX, f64::MAX, 3), Err(Undefined::Infinite));
        assert_eq!(equal_width_edges(f64::NAN, 1.0, 3), Err(Undefined::Infinite));
        assert_eq!(equal_width_edges(0.0, 1.0, 0), Err(Undefined::TooFew));
    }

    #[test]
    fn a_constant_is_widened_on_both_sides_whatever_its_size() {
        assert_eq!(widened(2.0, 2.0), (1.5, 2.5));
        assert_eq!(widened(1.0, 3.0), (1.0, 3.0));
        let (lowest, highest) = widened(1e300, 1e300);
        assert!(lowest < 1e300 && 1e300 < highest);
    }

    proptest! {
        #[test]
        fn edges_never_descend(lowest in -1e12..1e12, width in 0.0..1e12, bins in 1_usize..200) {
            let highest: f64 = lowest + width;
            let edges = equal_width_edges(lowest, highest, bins).unwrap();
            prop_assert_eq!(edges.len(), bins + 1);
            prop_assert!(edges.is_sorted());
            prop_assert_eq!((edges[0], edges[bins]), (lowest, highest));
        }
    }
}
