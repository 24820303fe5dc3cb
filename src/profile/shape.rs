//! A column of the reference in few bins: what people look at beside a window's.

use crate::profile::{Column, Values};

/// More labels of a column are not told apart: the others are one.
pub const MOST_LABELS: usize = 20;

/// A column of the reference in few bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The column.
    pub column: String,
    /// Rows of the reference.
    pub rows: u64,
    /// Those of them without a value.
    pub missing: u64,
    /// How its values are told apart.
    pub form: Form,
    /// Rows of the reference by bin or label.
    pub counts: Vec<u64>,
    /// Rows of the reference with any other label.
    pub other: u64,
}

/// How values are told apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// By half-open bins between these edges, the last one closed: those of Doane's rule.
    Bins(Vec<f64>),
    /// By the labels that the reference has most often, the most frequent first.
    Labels(Vec<String>),
}

impl Shape {
    /// Of a column.
    pub fn of(column: &Column) -> Self {
        let (form, counts, other) = match &column.values {
            Values::Continuous(found) => {
                (Form::Bins(found.doane.edges.clone()), found.doane.counts.clone(), 0)
            }
            Values::Categorical(found) => {
                let shown = shown_labels(&found.counts);
                let label = |&position: &usize| found.labels.get(position).cloned();
                let labels = shown.iter().filter_map(label).collect();
                let counts: Vec<u64> = shown.iter().map(|&at| found.counts[at]).collect();
                let other = found.counts.iter().sum::<u64>() - counts.iter().sum::<u64>();
                (Form::Labels(labels), counts, other)
            }
            // Vectors are in no bins: nobody looks at a thousand dimensions.
            Values::Embedding(_) => (Form::Bins(Vec::new()), Vec::new(), 0),
        };
        let (rows, missing) = (column.rows, column.missing);
        Self { column: column.name.clone(), rows, missing, form, counts, other }
    }
}

/// The positions of the labels that are told apart, the most frequent first; of equals the first.
pub fn shown_labels(counts: &[u64]) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..counts.len()).collect();
    positions.sort_by(|&a, &b| counts[b].cmp(&counts[a]).then(a.cmp(&b)));
    positions.truncate(MOST_LABELS);
    positions
}
