//! Which columns stand first in evidence, where the result ranks them.

use std::collections::BTreeMap;

use crate::metric::{Kind, Metric};
use crate::window::{Figure, Method, WindowResult};

/// The places of columns in the rankings of a result: by correlation of their drift with performance, then by the number
/// of breaches.
pub(super) struct Ranks<'r> {
    correlated: BTreeMap<&'r str, usize>,
    breached: BTreeMap<&'r str, usize>,
}

impl<'r> Ranks<'r> {
    /// Those of a result, by realized performance where that decided and columns are ranked by it.
    pub(super) fn of(result: &'r WindowResult, deciding: &Figure) -> Self {
        let correlated = |realized: bool| {
            places(result, |figure| {
                figure.metric == Metric::DriftCorrelation
                    && figure.ranks_by_drift()
                    && figure.value.is_some()
                    && (figure.method == Some(Method::Labelled)) == realized
            })
        };
        let by_realized = correlated(true);
        let realized = deciding.kind == Kind::Realized && !by_realized.is_empty();
        Self {
            correlated: if realized { by_realized } else { correlated(false) },
            breached: places(result, |figure| {
                figure.metric == Metric::BreachCount && figure.ranks_by_drift()
            }),
        }
    }

    /// The place of a figure: that of its column, behind all others where it has none.
    pub(super) fn place(&self, figure: &Figure) -> (usize, usize) {
        let column = figure.column_name.as_deref().unwrap_or_default();
        let place = |places: &BTreeMap<&str, usize>| places.get(column).copied();
        let last = usize::MAX;
        (place(&self.correlated).unwrap_or(last), place(&self.breached).unwrap_or(last))
    }
}

/// The places of the columns that these figures are of, in their order; of several rankings the first counts.
fn places(result: &WindowResult, is: impl Fn(&Figure) -> bool) -> BTreeMap<&str, usize> {
    let figures = result.figures.iter().filter(|figure| is(figure));
    let columns = figures.filter_map(|figure| figure.column_name.as_deref());
    let mut places = BTreeMap::new();
    for (place, column) in columns.enumerate() {
        places.entry(column).or_insert(place);
    }
    places
}
