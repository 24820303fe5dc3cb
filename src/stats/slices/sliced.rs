//! Rows in few cells a feature, and the ranges of cells that are looked at.

use super::search::MOST_ROWS;
use crate::stats::Undefined;

/// A feature has at most so many cells; the first holds missing values.
pub const CELLS: usize = 16;

/// A feature in few cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// How many cells it has, that of missing values counted.
    pub cells: usize,
    /// Whether those after the first have an order.
    pub ordered: bool,
}

/// Neighbouring cells of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// Which field.
    pub field: usize,
    /// The first cell.
    pub first: u8,
    /// The last cell.
    pub last: u8,
}

impl Range {
    /// Whether a cell is in it.
    #[inline]
    pub fn holds(self, cell: u8) -> bool {
        (self.first..=self.last).contains(&cell)
    }
}

/// Rows in cells, field by field, each row with its loss.
#[derive(Clone, Debug, Default)]
pub struct Sliced {
    /// The fields.
    pub fields: Vec<Field>,
    /// By field the cell of every row.
    pub cells: Vec<Vec<u8>>,
    /// The loss of every row: finite.
    pub losses: Vec<f64>,
}

/// The losses of a slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many rows.
    pub rows: u64,
    /// Their mean loss.
    pub mean: f64,
    /// Sample variance of their losses; 0 for one row.
    pub variance: f64,
}

impl Spread {
    /// Of losses in their order; `None` for none.
    pub(super) fn of(losses: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let (mut rows, mut sum) = (0_u64, 0.0);
        for loss in losses.clone() {
            rows += 1;
            sum += loss;
        }
        if rows == 0 {
            return None;
        }
        let mean = sum / rows as f64;
        let squares: f64 = losses.map(|loss| (loss - mean) * (loss - mean)).sum();
        Some(Self { rows, mean, variance: squares / (rows as f64 - 1.0).max(1.0) })
    }

    /// One standard error of the mean, squared.
    pub(super) fn error_squared(&self) -> f64 {
        self.variance / self.rows as f64
    }

    /// How far this mean is above another's, and one standard error of that.
    pub fn above(&self, other: &Self) -> (f64, f64) {
        let error = self.error_squared() + other.error_squared();
        (self.mean - other.mean, error.sqrt())
    }
}

impl Sliced {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.losses.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.losses.is_empty()
    }

    /// Whether a row is in all ranges.
    #[inline]
    pub fn is_in(&self, ranges: &[Range], row: usize) -> bool {
        ranges.iter().all(|range| range.holds(self.cells[range.field][row]))
    }

    /// The losses of the rows that are in all ranges; `None` where none is.
    pub fn spread(&self, ranges: &[Range]) -> Option<Spread> {
        let rows = (0..self.len()).filter(|&row| self.is_in(ranges, row));
        Spread::of(rows.map(|row| self.losses[row]))
    }

    /// The losses of the rows that are not in all ranges.
    pub(super) fn rest(&self, ranges: &[Range]) -> Option<Spread> {
        let rows = (0..self.len()).filter(|&row| !self.is_in(ranges, row));
        Spread::of(rows.map(|row| self.losses[row]))
    }

    /// Keeps the rows that are not in all ranges.
    pub(super) fn leave_out(&mut self, ranges: &[Range]) {
        let keep: Vec<bool> = (0..self.len()).map(|row| !self.is_in(ranges, row)).collect();
        for cells in &mut self.cells {
            let mut at = keep.iter();
            cells.retain(|_| at.next() == Some(&true));
        }
        let mut at = keep.iter();
        self.losses.retain(|_| at.next() == Some(&true));
    }

    /// Whether rows can be searched.
    pub(super) fn check(&self, least: usize) -> Result<(), Undefined> {
        if self.fields.is_empty() || self.is_empty() {
            return Err(Undefined::Empty);
        }
        if self.len() < least || self.len() > MOST_ROWS {
            return Err(Undefined::TooFew);
        }
        if self.losses.iter().any(|loss| !loss.is_finite()) {
            return Err(Undefined::Infinite);
        }
        if self.losses.windows(2).all(|pair| pair[0] == pair[1]) {
            return Err(Undefined::Constant);
        }
        Ok(())
    }

    /// The ranges of a field that are looked at: every cell that has rows; of fields with an order also all cells up to
    /// one, and all from one on. None that holds all rows, and of those that hold the same rows the first.
    pub(super) fn ranges(&self, field: usize) -> Vec<Range> {
        let Field { cells, ordered } = self.fields[field];
        let cells = cells.min(CELLS);
        let mut counts = [0_usize; CELLS];
        for &cell in &self.cells[field] {
            counts[usize::from(cell) % CELLS] += 1;
        }
        let range =
            |first: usize, last: usize| Range { field, first: first as u8, last: last as u8 };
        let mut found = Vec::new();
        let mut add = |first: usize, last: usize| {
            // Empty cells at its ends: one that was added before holds the same rows.
            let rows: usize = counts[first..=last].iter().sum();
            if counts[first] > 0 && counts[last] > 0 && rows < self.len() {
                found.push(range(first, last));
            }
        };
        (0..cells).for_each(|cell| add(cell, cell));
        let with_rows: Vec<usize> = (1..cells).filter(|&cell| counts[cell] > 0).collect();
        if let (true, [least, middle @ .., greatest]) = (ordered, with_rows.as_slice()) {
            for &cell in middle {
                add(*least, cell);
            }
            for &cell in middle {
                add(cell, *greatest);
            }
            if counts[0] > 0 {
                add(*least, *greatest);
            }
        }
        found
    }
}
