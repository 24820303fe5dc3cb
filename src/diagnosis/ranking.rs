//! The columns of a model over some of its windows.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::diagnosis::rank::{Correlated, Course, Drift, by_breaches, by_correlation, changes};
use crate::metric::{ColumnKind, Kind, Measure, Metric};
use crate::profile::{Column, Outputs, Role};
use crate::stats::{Basis, FEWEST_PAIRS};
use crate::window::{Figure, Method, Plan, Status, WindowResult};

/// Over fewer windows nothing is ranked.
pub const FEWEST: usize = FEWEST_PAIRS;

/// What a window brings to the ranking of columns. What was not judged is left out: it says too little.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Seen {
    /// The index of the window.
    #[n(0)]
    pub window: u64,
    /// By column of the profile: its drift by the first method that the settings name for its kind.
    #[n(1)]
    columns: Vec<Option<Drift>>,
    /// The leading performance figure, as it was estimated...
    #[n(2)]
    estimated: Option<f64>,
    /// ...and as it came to pass; only of windows of which no target can change that any more.
    #[n(3)]
    realized: Option<f64>,
}

impl Seen {
    /// What the result of a window says.
    pub fn of(plan: &Plan, result: &WindowResult) -> Self {
        let mut drift: BTreeMap<&str, &Figure> = BTreeMap::new();
        for figure in result.figures.iter().filter(|figure| figure.kind == Kind::Drift) {
            if let Some(column) = &figure.column_name {
                // The figures of a column are in the order of its methods.
                drift.entry(column).or_insert(figure);
            }
        }
        let judged =
            |figure: &&Figure| Some(Drift { value: figure.value?, breach: figure.breach? });
        let columns = plan.profile().columns.iter();
        let columns =
            columns.map(|column| drift.get(column.name.as_str()).and_then(judged)).collect();
        let leading = |kind: Kind, method: Option<Method>| {
            let is_it = |figure: &&Figure| {
                figure.kind == kind
                    && figure.method == method
                    && Some(&figure.metric) == plan.leading()
            };
            let figure = result.figures.iter().find(is_it)?;
            figure.breach.and(figure.value)
        };
        Self {
            window: result.window_index,
            columns,
            estimated: leading(Kind::Estimated, estimated_by(plan)),
            realized: leading(Kind::Realized, Some(Method::Labelled)).filter(|_| result.is_final),
        }
    }
}

/// The columns of a model, ranked over some windows.
#[derive(Clone, Debug)]
pub struct Ranking<'p> {
    /// How many windows.
    pub windows: usize,
    /// The performance figure that columns are held against.
    pub of: Option<&'p Measure>,
    /// By correlation with estimated performance; empty where too few windows have any.
    pub estimated: Vec<Correlated<'p>>,
    /// By correlation with realized performance, likewise.
    pub realized: Vec<Correlated<'p>>,
    /// By the number of windows in which their drift is a breach; empty where there are too few windows.
    pub breaches: Vec<(&'p str, u64)>,
    plan: &'p Plan,
}

impl<'p> Ranking<'p> {
    /// Ranks over windows that the plan judged, in their order. The target's column is left out: it comes late or never.
    pub fn over(plan: &'p Plan, seen: &[Seen]) -> Self {
        let columns = plan.profile().columns.iter().enumerate();
        let ranked = columns.filter(|(_, column)| {
            column.role != Role::Target && method(plan, column.kind()).is_some()
        });
        let course = |(index, column): (usize, &'p Column)| Course {
            column: &column.name,
            drift: seen.iter().map(|seen| seen.columns.get(index).copied().flatten()).collect(),
        };
        let courses: Vec<Course<'_>> = ranked.map(course).collect();
        let with = |basis: Basis, of: fn(&Seen) -> Option<f64>| {
            let performance: Vec<Option<f64>> = seen.iter().map(of).collect();
            let reference = plan.leading_in_reference(basis);
            match reference {
                Some(reference) if performance.iter().flatten().count() >= FEWEST => {
                    by_correlation(&courses, &changes(&performance, reference))
                }
                _ => Vec::new(),
            }
        };
        Self {
            windows: seen.len(),
            of: plan.leading(),
            estimated: with(Basis::Estimated, |seen| seen.estimated),
            realized: with(Basis::Realized, |seen| seen.realized),
            breaches: if seen.len() < FEWEST { Vec::new() } else { by_breaches(&courses) },
            plan,
        }
    }

    /// As figures, each ranking in its order: correlations with estimated performance, then with realized performance,
    /// then the columns that were ever a breach.
    pub fn figures(&self) -> Vec<Figure> {
        let correlated = |ranked: &Correlated<'_>, method: Option<Method>| {
            let (value, p_value) = match &ranked.found {
                Ok(found) => (Some(found.r), Some(found.p_value)),
                Err(_) => (None, None),
            };
            Figure {
                method,
                of: self.of.cloned(),
                value,
                p_value,
                status: ranked.found.map_or_else(Status::from, |_| Status::Ok),
                ..figure(Metric::DriftCorrelation, ranked.column)
            }
        };
        let estimated = self.estimated.iter().map(|of| correlated(of, estimated_by(self.plan)));
        let realized = self.realized.iter().map(|of| correlated(of, Some(Method::Labelled)));
        let breaches = self.breaches.iter().filter(|(_, breaches)| *breaches > 0);
        let breaches = breaches.map(|&(column, breaches)| Figure {
            of: self.method_of(column).map(Measure::from),
            value: Some(breaches as f64),
            ..figure(Metric::BreachCount, column)
        });
        estimated.chain(realized).chain(breaches).collect()
    }

    /// The drift method that a column is ranked by.
    pub fn method_of(&self, column: &str) -> Option<Metric> {
        let profile = self.plan.profile();
        method(self.plan, profile.columns.get(profile.position(column)?)?.kind())
    }
}

/// The drift method that columns of a kind are ranked by: the first that the settings name.
fn method(plan: &Plan, kind: ColumnKind) -> Option<Metric> {
    let criteria = plan.criteria();
    let methods = match kind {
        ColumnKind::Continuous => &criteria.continuous,
        ColumnKind::Categorical => &criteria.categorical,
        ColumnKind::Embedding => return Some(Metric::ReconstructionError),
    };
    methods.iter().copied().find(|method| method.applies_to(kind))
}

/// How the model's performance is estimated.
fn estimated_by(plan: &Plan) -> Option<Method> {
    match plan.profile().outputs {
        Outputs::None => None,
        Outputs::Binary(_) | Outputs::Multiclass(_) => Some(Method::Cbpe),
        Outputs::Regression(_) => Some(Method::Dle),
    }
}

fn figure(metric: Metric, column: &str) -> Figure {
    Figure { column_name: Some(column.to_owned()), ..Figure::bare(Kind::Diagnosis, metric) }
}
