//! A reference column as its distinct values with their counts.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::shares::total;
use crate::stats::Undefined;
use crate::stats::moments::all_finite;

/// The empirical distribution of a reference column: its distinct values, ascending, with their counts.
///
/// What the exact Kolmogorov-Smirnov statistic and the exact Wasserstein distance are taken against. A profile
/// keeps it while there are fewer than 10,000 distinct values, some 160 kB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct DistinctValues {
    values: Vec<f64>,
    counts: Vec<u64>,
}

/// As read from a file.
#[derive(Deserialize)]
struct Unchecked {
    values: Vec<f64>,
    counts: Vec<u64>,
}

/// Why values and counts are no distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotDistinct {
    /// The two lists differ in length, or are empty.
    #[error(
        "{values} distinct values have {counts} counts; there must be one for each, and at least one"
    )]
    Length {
        /// How many values.
        values: usize,
        /// How many counts.
        counts: usize,
    },
    /// A value is not finite, or not above the one before it.
    #[error("distinct value {index} is not finite or not above the one before it")]
    Order {
        /// Which value, from 0.
        index: usize,
    },
    /// A value that occurs zero times.
    #[error("distinct value {index} has a count of zero; leave it out")]
    Count {
        /// Which value, from 0.
        index: usize,
    },
}

impl DistinctValues {
    /// Checks values, ascending and finite, with their counts, all above zero.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn try_new(values: Vec<f64>, counts: Vec<u64>) -> Result<Self, NotDistinct> {
        if values.is_empty() || values.len() != counts.len() {
            return Err(NotDistinct::Length { values: values.len(), counts: counts.len() });
        }
        for (index, &value) in values.iter().enumerate() {
            let ascends = index == 0 || values[index - 1] < value;
            if !value.is_finite() || !ascends {
                return Err(NotDistinct::Order { index });
            }
        }
        if let Some(index) = counts.iter().position(|&count| count == 0) {
            return Err(NotDistinct::Count { index });
        }
        Ok(Self { values, counts })
    }

    /// Counts the values of a column, in any order, without the missing ones.
    ///
    /// Undefined: `Empty`; `Infinite` where one is not finite. O(n log n), one copy.
    ///
    /// # Errors
    ///
    /// Why there is no distribution.
    pub fn from_values(values: &[f64]) -> Result<Self, Undefined> {
        all_finite(values)?;
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (values, counts) =
            sorted.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len() as u64)).unzip();
        Ok(Self { values, counts })
    }

    /// The values, ascending.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// How often each value occurs; never zero.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// How many values there are in all, as a float.
    pub(super) fn rows(&self) -> f64 {
        total(&self.counts) as f64
    }
}

impl TryFrom<Unchecked> for DistinctValues {
    type Error = NotDistinct;

    fn try_from(read: Unchecked) -> Result<Self, NotDistinct> {
        Self::try_new(read.values, read.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_survive_a_file() {
        let distinct = DistinctValues::from_values(&[2.0, -1.0, 2.0, 0.0, -0.0]).unwrap();
        assert_eq!(distinct.values(), [-1.0, 0.0, 2.0]);
        assert_eq!(distinct.counts(), [1, 2, 2]);
        let text = serde_json::to_string(&distinct).unwrap();
        assert_eq!(serde_json::from_str::<DistinctValues>(&text).unwrap(), distinct);
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        let refusal = |values: &[f64], counts: &[u64]| {
            DistinctValues::try_new(values.to_vec(), counts.to_vec()).unwrap_err().to_string()
        };
        insta::assert_snapshot!(refusal(&[1.0], &[]), @"1 distinct values have 0 counts; there must be one for each, and at least one");
        insta::assert_snapshot!(refusal(&[1.0, 1.0], &[1, 1]), @"distinct value 1 is not finite or not above the one before it");
        insta::assert_snapshot!(refusal(&[1.0, 2.0], &[1, 0]), @"distinct value 1 has a count of zero; leave it out");
        assert!(refusal(&[f64::NAN], &[1]).contains("not finite"));
        assert!(
            serde_json::from_str::<DistinctValues>(r#"{"values":[2,1],"counts":[1,1]}"#).is_err()
        );
        assert_eq!(DistinctValues::from_values(&[]), Err(Undefined::Empty));
        assert_eq!(DistinctValues::from_values(&[f64::INFINITY]), Err(Undefined::Infinite));
    }
}
