//! Counts of the same bins in reference and window, as shares of their totals.

use crate::stats::Undefined;

/// The reference's and the window's total, as floats; neither is zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Totals {
    reference: f64,
    window: f64,
}

impl Totals {
    /// Sums the counts of bins that both share, and what the window has `outside` of them.
    ///
    /// An empty window is `Empty`; an empty reference, which cannot be a profile's, is `TooFew`.
    pub(super) fn new(reference: &[u64], window: &[u64], outside: u64) -> Result<Self, Undefined> {
        debug_assert_eq!(reference.len(), window.len(), "both are counts of the same bins");
        let (reference, window) = (total(reference), total(window) + u128::from(outside));
        if window == 0 {
            Err(Undefined::Empty)
        } else if reference == 0 {
            Err(Undefined::TooFew)
        } else {
            Ok(Self { reference: reference as f64, window: window as f64 })
        }
    }

    /// The shares of each bin: reference, window.
    ///
    /// Each is one division of integers, so equal shares are equal to the bit and their difference is 0.
    pub(super) fn shares(
        self,
        reference: &[u64],
        window: &[u64],
    ) -> impl Iterator<Item = (f64, f64)> {
        reference.iter().zip(window).map(move |(&r, &w)| (self.in_reference(r), self.in_window(w)))
    }

    /// The window's rows, those outside included.
    pub(super) fn window_rows(self) -> f64 {
        self.window
    }

    /// The share that a count has of the reference.
    pub(super) fn in_reference(self, count: u64) -> f64 {
        count as f64 / self.reference
    }

    /// The share that a count has of the window.
    pub(super) fn in_window(self, count: u64) -> f64 {
        count as f64 / self.window
    }
}

/// Sum of counts; wide enough for any slice of them.
pub(super) fn total(counts: &[u64]) -> u128 {
    counts.iter().map(|&count| u128::from(count)).sum()
}
