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

    /// `F - G` after each of the bins that both share, with `F` and `G` the shares of reference and window up to there;
    /// the window has `below` rows under the first bin.
    ///
    /// `visit` is given the numerators, and what comes back is the denominator of all: the product of both totals, so
    /// that nothing is rounded on the way; or 1 where a double does not hold that.
    pub(super) fn gaps(
        self,
        reference: &[u64],
        window: &[u64],
        below: u64,
        mut visit: impl FnMut(f64),
    ) -> f64 {
        let product = self.reference * self.window;
        if product < (1_u64 << f64::MANTISSA_DIGITS) as f64 {
            // No count is greater than its total, so no term is than the product.
            let (n, m) = (self.reference as i64, self.window as i64);
            let mut gap = -(below.cast_signed() * n);
            for (&r, &w) in reference.iter().zip(window) {
                gap += r.cast_signed() * m - w.cast_signed() * n;
                visit(gap as f64);
            }
            return product;
        }
        let (mut in_reference, mut in_window) = (0, below);
        for (&r, &w) in reference.iter().zip(window) {
            in_reference = r.saturating_add(in_reference);
            in_window = w.saturating_add(in_window);
            visit(self.in_reference(in_reference) - self.in_window(in_window));
        }
        1.0
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
