//! What the profile keeps of one column of the reference.

use serde::{Deserialize, Serialize};

use crate::metric::ColumnKind;
use crate::profile::Embedding;
use crate::stats::{DistinctValues, SamplingError, Scale};

/// What a column is to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An input.
    Feature,
    /// The model's probability.
    Score,
    /// What the model said.
    Prediction,
    /// What came to pass.
    Target,
}

impl Role {
    /// Whether what rows hold of it has a part in choosing them for samples: what is neither made of other columns nor
    /// known later.
    pub const fn chooses(self) -> bool {
        matches!(self, Self::Feature | Self::Score)
    }
}

/// One column of the reference, as scoring needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in results and settings.
    pub name: String,
    /// What it is to the model.
    pub role: Role,
    /// Rows of the reference.
    pub rows: u64,
    /// Those of them without a value.
    pub missing: u64,
    /// What its values look like.
    pub values: Values,
}

impl Column {
    /// Whether it holds numbers, categories or vectors.
    pub fn kind(&self) -> ColumnKind {
        match self.values {
            Values::Continuous(_) => ColumnKind::Continuous,
            Values::Categorical(_) => ColumnKind::Categorical,
            Values::Embedding(_) => ColumnKind::Embedding,
        }
    }
}

/// The values of a column in the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Numbers.
    Continuous(Box<Continuous>),
    /// Labels.
    Categorical(Categorical),
    /// Vectors.
    Embedding(Box<Embedding>),
}

impl Values {
    /// How many numbers beside the first say where a row's vector lies.
    pub fn along(&self) -> usize {
        match self {
            Self::Embedding(of) => of.space.as_ref().map_or(0, |space| space.leading.len()),
            Self::Continuous(_) | Self::Categorical(_) => 0,
        }
    }
}

/// The numbers of a column in the reference. There is at least one finite one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Continuous {
    /// How many infinite values there were; they are in no other figure here.
    pub infinite: u64,
    /// How many finite values there are.
    pub finite: u64,
    /// The least of them.
    pub least: f64,
    /// The greatest of them.
    pub greatest: f64,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation (n - 1); 0 for a single value.
    pub standard_deviation: f64,
    /// Their median.
    pub median: f64,
    /// What they say about the scatter of a window's summary statistics.
    pub errors: SummaryErrors,
    /// Counts between the edges by Doane's rule: Jensen-Shannon, Hellinger.
    pub doane: Bins,
    /// Counts between quantiles: population stability index.
    pub quantiles: Bins,
    /// The distribution: Kolmogorov-Smirnov, Wasserstein.
    pub distribution: Distribution,
}

impl Continuous {
    /// The unit in which a window's values are summed.
    pub fn scale(&self) -> Scale {
        Scale::for_magnitude(self.least.abs().max(self.greatest.abs()))
    }

    /// The unit in which squared distances from [`Continuous::mean`] are summed.
    pub fn square_scale(&self) -> Scale {
        let reach = (self.greatest - self.mean).abs().max((self.mean - self.least).abs());
        Scale::for_magnitude(reach * reach)
    }
}

/// Sampling errors of a column's summary statistics; `None` where the reference says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SummaryErrors {
    /// Of the mean.
    pub mean: Option<SamplingError>,
    /// Of the standard deviation.
    pub standard_deviation: Option<SamplingError>,
    /// Of the median.
    pub median: Option<SamplingError>,
    /// Of the sum.
    pub sum: Option<SamplingError>,
}

/// Counts between edges: half-open bins, the last one closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    /// Ascending; one more than bins. For quantiles: the inner ones alone, both ends open.
    pub edges: Vec<f64>,
    /// Values of the reference in each bin.
    pub counts: Vec<u64>,
}

/// The distribution of a column in the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Every distinct value: below 10,000 rows.
    Exact(DistinctValues),
    /// Counts in equally wide bins between least and greatest value: from 10,000 rows on.
    Binned {
        /// Values of the reference in each bin.
        counts: Vec<u64>,
    },
    /// It was not asked for: of segments it would be larger than all else.
    NotKept,
}

/// The labels of a column in the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Categorical {
    /// Ascending.
    pub labels: Vec<String>,
    /// How often each occurs.
    pub counts: Vec<u64>,
}

impl Categorical {
    /// The position of a label.
    pub fn position(&self, label: &str) -> Option<usize> {
        self.labels.binary_search_by(|known| known.as_str().cmp(label)).ok()
    }
}
