//! Features alone, as rows of a model that predicts nothing.

use std::sync::Arc;

use arrow::array::{DictionaryArray, Float64Array};
use arrow::datatypes::Int32Type;
use vigie::batch::{Column, Expected, Rows, Values, Vectors};
use vigie::fit::{Predicts, Spec, fit};
use vigie::metric::{ColumnKind, Metric};
use vigie::profile::{Profile, Role, WindowRule};
use vigie::window::{Criteria, Plan, WindowState};

use crate::world::spec;

/// A feature's values.
#[derive(Clone, Debug)]
pub(crate) enum Feature {
    Numbers(Vec<Option<f64>>),
    Labels(Vec<Option<String>>),
    /// NaN stands for what is no number.
    Vectors(Vec<Option<Vec<f64>>>),
}

impl Feature {
    fn kind(&self) -> ColumnKind {
        match self {
            Self::Numbers(_) => ColumnKind::Continuous,
            Self::Labels(_) => ColumnKind::Categorical,
            Self::Vectors(_) => ColumnKind::Embedding,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Labels(values) => values.len(),
            Self::Vectors(values) => values.len(),
        }
    }

    fn values(&self, from: usize, to: usize) -> Values {
        match self {
            Self::Numbers(values) => {
                Values::Numbers(values[from..to].iter().copied().collect::<Float64Array>())
            }
            Self::Labels(values) => {
                let labels: DictionaryArray<Int32Type> =
                    values[from..to].iter().map(Option::as_deref).collect();
                Values::Labels(labels)
            }
            Self::Vectors(values) => {
                let values = &values[from..to];
                let mut ends = vec![0];
                for list in values {
                    let length = list.as_ref().map_or(0, Vec::len) as i32;
                    ends.push(ends.last().unwrap() + length);
                }
                let numbers = values.iter().flatten().flatten().copied().collect();
                let present = values.iter().map(Option::is_some).collect::<Vec<_>>().into();
                Values::Vectors(Vectors::raw(numbers, ends, Some(present)).unwrap())
            }
        }
    }
}

/// The rows from `from` to before `to`.
pub(crate) fn rows(features: &[(String, Feature)], from: usize, to: usize) -> Rows {
    Rows {
        offsets: (from as i64..to as i64).collect(),
        times: None,
        columns: features.iter().map(|(_, f)| Column::new(f.values(from, to))).collect(),
        expected: Expected::Nothing,
        reconstruction: None,
        segments: Vec::new(),
        keys: None,
        terms: Vec::new(),
    }
}

/// The profile of the first `reference` rows, in windows of so many, read in batches of 7 more.
pub(crate) fn profile(
    features: &[(String, Feature)],
    whole: Metric,
    reference: usize,
    window: usize,
) -> Profile {
    let columns = features.iter().map(|(name, f)| (name.clone(), Role::Feature, f.kind()));
    let spec = Spec {
        predicts: Predicts::Nothing,
        columns: columns.collect(),
        whole: vec![whole],
        sampled: false,
        concept: false,
        ..spec(WindowRule::Size(window as u64))
    };
    let batch = window + 7;
    let starts = (0..reference).step_by(batch);
    fit(spec, starts.map(|from| rows(features, from, reference.min(from + batch))).collect())
        .unwrap()
}

/// A drift over all features, judged.
pub(crate) fn plan(profile: Profile, whole: Metric) -> Plan {
    let whole = [whole].into();
    Plan::new(Arc::new(profile), Criteria { whole, min_rows: 1, ..Criteria::default() })
}

/// The state of the rows from `from` to before `to`, folded at once.
pub(crate) fn fold(
    plan: &Plan,
    features: &[(String, Feature)],
    from: usize,
    to: usize,
) -> WindowState {
    let mut rows = rows(features, from, to);
    rows.keys =
        plan.samples().then(|| plan.profile().keys((from..to).map(|_| None), &rows.columns));
    plan.profile().measure_vectors(&mut rows.columns);
    rows.reconstruction = plan.reconstruction_errors(&rows.columns);
    let mut state = WindowState::new(plan);
    state.fold(plan, &plan.prepare(&rows), 0, to - from);
    state
}

/// How many rows there are.
pub(crate) fn length(features: &[(String, Feature)]) -> usize {
    features.first().map_or(0, |(_, feature)| feature.len())
}
