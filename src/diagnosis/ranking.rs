//! The columns of a model over some of its windows.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::diagnosis::rank::{Correlated, Course, Drift, by_breaches, by_correlation, changes};
use crate::metric::{Family, Kind, Measure, Metric};
use crate::profile::{Outputs, Role};
use crate::stats::{Basis, FEWEST_PAIRS};
use crate::window::{Figure, Method, Plan, RankBy, Status, WindowResult};

/// Over fewer windows nothing is ranked.
pub const FEWEST: usize = FEWEST_PAIRS;

/// What a window brings to the ranking of columns. What was not judged is left out: it says too little.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Seen {
    /// The index of the window.
    #[n(0)]
    pub window: u64,
    /// By what the settings rank by, then by column: its drift, or another figure of it.
    #[n(1)]
    ranked: Vec<Vec<Option<Drift>>>,
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
        let mut known: BTreeMap<(Option<&str>, Metric), &Figure> = BTreeMap::new();
        for figure in &result.figures {
            if let (Kind::Drift | Kind::Quality | Kind::Summary, Measure::Metric(metric)) =
                (figure.kind, &figure.metric)
            {
                known.entry((figure.column_name.as_deref(), *metric)).or_insert(figure);
            }
        }
        let judged = |column: Option<&str>, metric: Metric| {
            let figure = known.get(&(column, metric))?;
            Some(Drift { value: figure.value?, breach: figure.breach? })
        };
        let ranked = |by: &RankBy| match by {
            RankBy::Metric(metric) if is_of_windows(*metric) => vec![judged(None, *metric)],
            by => columns(plan, *by).map(|(column, metric)| judged(Some(column), metric)).collect(),
        };
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
            ranked: plan.criteria().rank_by.iter().map(ranked).collect(),
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
    /// By each thing that the settings rank by.
    pub orders: Vec<Order<'p>>,
    plan: &'p Plan,
}

/// The columns of a model, ranked by one thing.
#[derive(Clone, Debug)]
pub struct Order<'p> {
    /// By what.
    pub by: RankBy,
    /// By correlation with estimated performance; empty where too few windows have any.
    pub estimated: Vec<Correlated<'p>>,
    /// By correlation with realized performance, likewise.
    pub realized: Vec<Correlated<'p>>,
    /// By the number of windows in which the figure is a breach; empty where there are too few windows.
    pub breaches: Vec<(&'p str, u64)>,
    /// What each column is ranked by.
    metrics: BTreeMap<&'p str, Metric>,
}

impl<'p> Ranking<'p> {
    /// Ranks over windows that the plan judged, in their order. The target's column is left out: it comes late or never.
    pub fn over(plan: &'p Plan, seen: &[Seen]) -> Self {
        let changed = |basis: Basis, of: fn(&Seen) -> Option<f64>| {
            let performance: Vec<Option<f64>> = seen.iter().map(of).collect();
            let enough = performance.iter().flatten().count() >= FEWEST;
            let reference = plan.leading_in_reference(basis).filter(|_| enough)?;
            Some(changes(&performance, reference))
        };
        let estimated = changed(Basis::Estimated, |seen| seen.estimated);
        let realized = changed(Basis::Realized, |seen| seen.realized);
        let order = |(at, &by): (usize, &RankBy)| {
            let named: Vec<(&str, Metric)> = match by {
                RankBy::Metric(metric) if is_of_windows(metric) => vec![(metric.as_str(), metric)],
                by => columns(plan, by).collect(),
            };
            let course = |(index, &(column, _)): (usize, &(&'p str, Metric))| {
                let drift = |seen: &Seen| seen.ranked.get(at)?.get(index).copied().flatten();
                Course { column, drift: seen.iter().map(drift).collect() }
            };
            let courses: Vec<Course<'_>> = named.iter().enumerate().map(course).collect();
            let with = |changes: &Option<Vec<Option<f64>>>| {
                let changes = changes.as_deref();
                changes.map(|changes| by_correlation(&courses, changes)).unwrap_or_default()
            };
            Order {
                by,
                estimated: with(&estimated),
                realized: with(&realized),
                breaches: if seen.len() < FEWEST { Vec::new() } else { by_breaches(&courses) },
                metrics: named.into_iter().collect(),
            }
        };
        let orders = plan.criteria().rank_by.iter().enumerate().map(order).collect();
        Self { windows: seen.len(), of: plan.leading(), orders, plan }
    }

    /// As figures, each ranking in its order: correlations with estimated performance, then with realized performance,
    /// then the columns that were ever a breach.
    pub fn figures(&self) -> Vec<Figure> {
        self.orders.iter().flat_map(|order| self.figures_of(order)).collect()
    }

    fn figures_of(&self, order: &Order<'p>) -> impl Iterator<Item = Figure> {
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
                ..order.figure(Metric::DriftCorrelation, ranked.column)
            }
        };
        let estimated = order.estimated.iter().map(|of| correlated(of, estimated_by(self.plan)));
        let realized = order.realized.iter().map(|of| correlated(of, Some(Method::Labelled)));
        let breaches = order.breaches.iter().filter(|(_, breaches)| *breaches > 0);
        let breaches = breaches.map(|&(column, breaches)| Figure {
            of: order.metric_of(column).map(Measure::from),
            value: Some(breaches as f64),
            ..order.figure(Metric::BreachCount, column)
        });
        let all: Vec<Figure> = estimated.chain(realized).chain(breaches).collect();
        all.into_iter()
    }
}

impl Order<'_> {
    /// The metric that a column is ranked by.
    pub fn metric_of(&self, column: &str) -> Option<Metric> {
        self.metrics.get(column).copied()
    }

    fn figure(&self, metric: Metric, column: &str) -> Figure {
        let ranked_by = self.metric_of(column);
        // What is of whole windows has no column.
        let of_column = !ranked_by.is_some_and(is_of_windows);
        Figure {
            column_name: of_column.then(|| column.to_owned()),
            ranked_by,
            ..Figure::bare(Kind::Diagnosis, metric)
        }
    }
}

/// Whether a metric is of a window, not of its columns.
fn is_of_windows(metric: Metric) -> bool {
    metric.spec().family == Family::Rows
}

/// The columns that have something to be ranked by, and what.
fn columns(plan: &Plan, by: RankBy) -> impl Iterator<Item = (&str, Metric)> {
    let criteria = plan.criteria();
    let ranked = plan.profile().columns.iter().filter(|column| column.role != Role::Target);
    ranked.filter_map(move |column| {
        Some((column.name.as_str(), criteria.ranks_by(by, column.kind())?))
    })
}

/// How the model's performance is estimated.
fn estimated_by(plan: &Plan) -> Option<Method> {
    match plan.profile().outputs {
        Outputs::None => None,
        Outputs::Binary(_) | Outputs::Multiclass(_) => Some(Method::Cbpe),
        Outputs::Regression(_) => Some(Method::Dle),
    }
}
