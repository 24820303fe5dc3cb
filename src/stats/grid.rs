//! Counting values between cuts.

/// Ascending cuts of the number line and the cells between them.
///
/// Cell `i` holds the values `x` with exactly `i` cuts at or below `x`: cell 0 lies below the first cut, the last one
/// at and above the last cut. A value on a cut belongs to the cell above it. One grid serves every method that reads
/// a column: it holds the union of their cuts, and each method joins the cells between two of its own.
///
/// Finding a cell takes about 5 ns: a table over equally wide slots says which few cuts may lie in the value's slot.
#[derive(Clone, Debug)]
pub struct Grid {
    /// Ascending, and behind them two NaN, which no value reaches: two may be looked at wherever one lies.
    padded: Vec<f64>,
    /// Where the cuts of each slot begin; one more at the end.
    slots: Vec<u32>,
    low: f64,
    slots_per_unit: f64,
}

/// How many cuts are looked at in any case.
const PADDING: usize = 2;

impl Grid {
    /// The grid of these cuts, in any order; NaN and infinite ones are left out.
    pub fn new(mut cuts: Vec<f64>) -> Self {
        cuts.retain(|cut| cut.is_finite());
        for cut in &mut cuts {
            *cut += 0.0;
        }
        cuts.sort_unstable_by(f64::total_cmp);
        cuts.dedup();
        let low = cuts.first().copied().unwrap_or(0.0);
        let width = cuts.last().copied().unwrap_or(0.0) - low;
        let count = cuts.len().next_power_of_two().max(2);
        let per_unit = (count - 1) as f64 / width;
        let slots_per_unit = if per_unit.is_finite() { per_unit } else { 0.0 };
        cuts.extend([f64::NAN; PADDING]);
        let mut grid = Self { padded: cuts, slots: Vec::new(), low, slots_per_unit };
        // Slots of the cuts themselves, by the same arithmetic as those of values: what a value's slot excludes is
        // then excluded for certain, since that arithmetic is monotone.
        let mut slots = vec![0u32; count + 1];
        for &cut in grid.cuts() {
            slots[grid.slot(cut, count) + 1] += 1;
        }
        for slot in 1..slots.len() {
            slots[slot] += slots[slot - 1];
        }
        grid.slots = slots;
        grid
    }

    /// The cuts, ascending.
    pub fn cuts(&self) -> &[f64] {
        &self.padded[..self.padded.len() - PADDING]
    }

    /// How many cells there are: one more than cuts.
    pub fn cells(&self) -> usize {
        self.cuts().len() + 1
    }

    /// The first cell at or above a cut, that is the number of cuts at or below it.
    pub fn cell_from(&self, cut: f64) -> usize {
        self.cuts().partition_point(|&c| c <= cut)
    }

    #[inline]
    fn slot(&self, value: f64, count: usize) -> usize {
        // `as` saturates: what lies below the first cut is in slot 0, what lies above the last in the last one.
        (((value - self.low) * self.slots_per_unit) as usize).min(count - 1)
    }

    /// The cell of a finite or infinite value.
    #[inline]
    pub fn cell(&self, value: f64) -> usize {
        debug_assert!(!value.is_nan(), "missing values have no cell");
        let slot = self.slot(value, self.slots.len() - 1);
        let (begin, end) = (self.slots[slot] as usize, self.slots[slot + 1] as usize);
        if end - begin <= PADDING {
            // Without a jump that nobody can foresee: what lies in a later slot is greater for certain.
            let reached = |at: usize| usize::from(self.padded[at] <= value);
            return begin + reached(begin) + reached(begin + 1);
        }
        begin + self.padded[begin..end].partition_point(|&cut| cut <= value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn no_cut_means_one_cell() {
        let grid = Grid::new(vec![f64::NAN]);
        assert_eq!(grid.cells(), 1);
        assert_eq!(grid.cell(3.0), 0);
        assert_eq!(grid.cell(f64::INFINITY), 0);
    }

    #[test]
    fn a_value_on_a_cut_lies_above_it() {
        let grid = Grid::new(vec![2.0, 1.0, 2.0]);
        let cells: Vec<usize> =
            [f64::NEG_INFINITY, 0.9, 1.0, 1.5, 2.0, f64::INFINITY].map(|x| grid.cell(x)).into();
        assert_eq!(cells, [0, 0, 1, 1, 2, 2]);
        assert_eq!(grid.cell_from(2.0), 2);
    }

    fn number() -> impl Strategy<Value = f64> {
        proptest::prop_oneof![
            any::<u64>().prop_map(f64::from_bits).prop_filter("not NaN", |x| !x.is_nan()),
            -10.0..10.0f64,
            (-5..5i32).prop_map(f64::from),
        ]
    }

    proptest! {
        #[test]
        fn a_cell_is_the_number_of_cuts_at_or_below(
            cuts in prop::collection::vec(number(), 0..100),
            values in prop::collection::vec(number(), 1..50),
        ) {
            let grid = Grid::new(cuts.clone());
            for value in values.into_iter().chain(cuts) {
                let expected = grid.cuts().iter().filter(|&&cut| cut <= value).count();
                prop_assert_eq!(grid.cell(value), expected);
            }
        }
    }
}
