//! Predictions of a file that came again: no target counts for them.

use arrow::array::{Array, DictionaryArray, Float64Array, Int32Array};
use arrow::buffer::{BooleanBuffer, NullBuffer};

use crate::batch::{Column, Rows, Values, labels};
use crate::profile::{Outputs, Role};
use crate::window::awaited::{Awaited, Repeat};
use crate::window::plan::Plan;
use crate::window::state::usable;

/// Rows of a window that came again: what each is known by. Of any number of parts of the window, in any order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repeated(Vec<RepeatedRow>);

#[derive(Clone, Debug, PartialEq)]
struct RepeatedRow {
    score: Option<f64>,
    scores: Vec<f64>,
    predicted: Option<String>,
    segments: Vec<u16>,
}

impl Repeated {
    /// Adds some rows, which are laid out as the plan's profile says.
    pub fn note(&mut self, plan: &Plan, rows: &Rows, repeated: &[usize]) {
        let find = |role| plan.profile().columns.iter().position(|column| column.role == role);
        // What regressions predict is a number, and they have no score.
        let score = find(Role::Score).or_else(|| find(Role::Prediction));
        let score = score.and_then(|index| rows.columns.get(index));
        let prediction = find(Role::Prediction).and_then(|index| rows.columns.get(index));
        let scores = match &plan.profile().outputs {
            Outputs::Multiclass(several) => several.scores(&plan.profile().columns),
            _ => None,
        };
        let columns: Vec<&Column> =
            scores.iter().flatten().filter_map(|&index| rows.columns.get(index)).collect();
        for &row in repeated {
            let usable = |column: &&Column| number(column, row).and_then(usable);
            self.0.push(RepeatedRow {
                score: score.and_then(|column| number(column, row)),
                scores: columns.iter().map(usable).collect::<Option<_>>().unwrap_or_default(),
                predicted: prediction.and_then(|column| text(column, row)),
                segments: rows.segments.iter().map(|split| split[row]).collect(),
            });
        }
    }

    /// Those that are in a segment of the plan.
    #[must_use]
    pub fn of_segment(&self, segment: usize) -> Self {
        let is_in = |row: &&RepeatedRow| row.segments.iter().any(|&at| usize::from(at) == segment);
        Self(self.0.iter().filter(is_in).cloned().collect())
    }

    /// Adds those of another part of the same window.
    pub fn merge(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// A window that waits for targets, and none for these.
    pub(super) fn awaited(&self, plan: &Plan) -> Awaited {
        let mut awaited = Awaited::default();
        for row in &self.0 {
            let predicted = row.predicted.as_deref();
            let (score, scores) = (row.score, row.scores.as_slice());
            awaited.repeat(plan, Repeat { score, scores, predicted, segments: &[] });
        }
        awaited
    }
}

fn number(column: &Column, row: usize) -> Option<f64> {
    let Values::Numbers(numbers) = &column.values else { return None };
    numbers.is_valid(row).then(|| numbers.value(row))
}

fn text(column: &Column, row: usize) -> Option<String> {
    match &column.values {
        Values::Numbers(_) => number(column, row).map(|number| number.to_string()),
        // Neither predictions nor targets are lists.
        Values::Vectors(_) => None,
        Values::Labels(array) => {
            let position = array.key(row)?;
            labels(array).nth(position).map(str::to_owned)
        }
    }
}

impl Plan {
    /// Rows of which some came again, without the targets of these.
    #[must_use]
    pub fn without_targets(&self, mut rows: Rows, repeated: &[usize]) -> Rows {
        let target = self.profile().columns.iter().position(|column| column.role == Role::Target);
        let Some(target) = target.and_then(|index| rows.columns.get_mut(index)) else {
            return rows;
        };
        let mut present = vec![true; target.values.len()];
        for &row in repeated {
            present[row] = false;
        }
        let present = NullBuffer::new(BooleanBuffer::from(present));
        match &mut target.values {
            Values::Numbers(numbers) => {
                let (_, values, nulls) = numbers.clone().into_parts();
                let nulls = NullBuffer::union(nulls.as_ref(), Some(&present));
                *numbers = Float64Array::new(values, nulls);
            }
            Values::Labels(labels) => {
                let (keys, texts) = labels.clone().into_parts();
                let (_, keys, nulls) = keys.into_parts();
                let nulls = NullBuffer::union(nulls.as_ref(), Some(&present));
                // The keys are those that were there.
                *labels = DictionaryArray::new(Int32Array::new(keys, nulls), texts);
            }
            Values::Vectors(_) => {}
        }
        rows
    }
}
