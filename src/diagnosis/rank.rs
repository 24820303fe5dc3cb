//! Orders of columns, from what their drift was in some windows.

use minicbor::{Decode, Encode};

use crate::stats::{Correlation, Undefined, pearson};

/// The drift of a column in a window that was judged.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
pub struct Drift {
    /// How far it is from the reference.
    #[n(0)]
    pub value: f64,
    /// Whether that is outside its thresholds.
    #[n(1)]
    pub breach: bool,
}

/// The drift of a column over some windows, in their order; `None` where it has no value or was not judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Course<'a> {
    /// The column.
    pub column: &'a str,
    /// By window.
    pub drift: Vec<Option<Drift>>,
}

impl Course<'_> {
    fn breaches(&self) -> u64 {
        self.drift.iter().flatten().filter(|drift| drift.breach).count() as u64
    }
}

/// How the drift of a column goes together with the change of performance.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlated<'a> {
    /// The column.
    pub column: &'a str,
    /// Pearson's correlation over the windows that have both.
    pub found: Result<Correlation, Undefined>,
    /// Whether the drift is a breach in any window.
    pub has_drifted: bool,
}

/// Columns by the number of windows in which their drift is a breach, the most first, then by name.
///
/// Source: `NannyML`'s `AlertCountRanker`, which puts equal numbers in the reverse order of names.
pub fn by_breaches<'a>(courses: &[Course<'a>]) -> Vec<(&'a str, u64)> {
    let mut ranked: Vec<(&str, u64)> =
        courses.iter().map(|course| (course.column, course.breaches())).collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    ranked
}

/// How far performance is from what it was in the reference, either way, by window.
pub fn changes(performance: &[Option<f64>], reference: f64) -> Vec<Option<f64>> {
    performance.iter().map(|value| value.map(|value| (value - reference).abs())).collect()
}

/// Columns by how their drift goes together with the change of performance, the greatest correlation first; those
/// without one last; then by name.
///
/// Source: `NannyML`'s `CorrelationRanker`.
pub fn by_correlation<'a>(courses: &[Course<'a>], changes: &[Option<f64>]) -> Vec<Correlated<'a>> {
    let of = |course: &Course<'a>| {
        let both = course.drift.iter().zip(changes);
        let pairs: Vec<(f64, f64)> =
            both.filter_map(|(drift, change)| Some(((*drift)?.value, (*change)?))).collect();
        // Windows there are, if none that has both.
        let found = pearson(&pairs).map_err(|reason| match reason {
            Undefined::Empty => Undefined::TooFew,
            other => other,
        });
        Correlated { column: course.column, found, has_drifted: course.breaches() > 0 }
    };
    let mut ranked: Vec<Correlated<'_>> = courses.iter().map(of).collect();
    // Below any correlation.
    let r = |ranked: &Correlated<'_>| ranked.found.as_ref().map_or(-2.0, |found| found.r);
    ranked.sort_by(|a, b| r(b).total_cmp(&r(a)).then(a.column.cmp(b.column)));
    ranked
}
