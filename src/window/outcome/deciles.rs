//! Strata of rows by a number that the model puts out.

use crate::profile::{Profile, Values};

/// Where a stratum of a column ends and the next begins: the reference's deciles.
#[derive(Clone, Debug, Default)]
pub(in crate::window) struct Deciles(Vec<f64>);

impl Deciles {
    /// Those of a column; all rows are in one stratum where it is not there, or holds no numbers.
    pub(super) fn of_column(profile: &Profile, column: Option<usize>) -> Self {
        match column.map(|index| &profile.columns[index].values) {
            Some(Values::Continuous(numbers)) => Self(numbers.quantiles.edges.clone()),
            _ => Self::default(),
        }
    }

    /// The stratum of a number.
    #[inline]
    pub(in crate::window) fn stratum(&self, number: f64) -> usize {
        self.0.partition_point(|&cut| cut <= number)
    }

    /// How many strata there are.
    pub(in crate::window) fn count(&self) -> usize {
        self.0.len() + 1
    }
}
