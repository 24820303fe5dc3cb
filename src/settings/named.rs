//! Problems and metrics by the names that they are typed with.

use crate::metric::{Family, Metric, Problem};
use crate::settings::later;
use crate::settings::mistake::nearest;

/// The cells that `confusion_matrix` stands for where there are two classes.
pub(crate) const CELLS: [Metric; 4] =
    [Metric::TruePositive, Metric::TrueNegative, Metric::FalsePositive, Metric::FalseNegative];

/// A problem as it is typed.
pub(crate) fn problem_name(problem: Problem) -> &'static str {
    match problem {
        Problem::Binary => "binary",
        Problem::Multiclass => "multiclass",
        Problem::Regression => "regression",
        Problem::None => "none",
    }
}

/// What should stand where a metric of a problem is named.
pub(crate) fn wanted(problem: Option<Problem>) -> String {
    problem.map_or_else(
        || "a performance metric".to_owned(),
        |problem| format!("a metric of `problem = \"{}\"`", problem_name(problem)),
    )
}

/// The metrics that a name stands for; `Err` is how to mend it.
pub(crate) fn performance_metrics(
    name: &str,
    problem: Option<Problem>,
) -> Result<Vec<Metric>, String> {
    let has = |metric: Metric| {
        metric.spec().family == Family::Performance && problem.is_none_or(|p| metric.serves(p))
    };
    let of_problem = |names: Vec<&'static str>| {
        if names.is_empty() {
            return "remove it: without a problem there is no performance".to_owned();
        }
        let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        format!("choose from {}", names.join(", "))
    };
    if name == Metric::ConfusionMatrix.as_str() {
        let cells: Vec<Metric> =
            CELLS.into_iter().chain([Metric::ConfusionMatrix]).filter(|&cell| has(cell)).collect();
        if !cells.is_empty() {
            return Ok(cells);
        }
    }
    if let Some(metric) = Metric::from_name(name).filter(|metric| has(*metric)) {
        return Ok(vec![metric]);
    }
    let later = later::METRICS.iter().filter(|m| problem.is_none_or(|p| m.problems.contains(&p)));
    if later.clone().any(|metric| metric.name == name) {
        // The problem itself is refused, once.
        return Ok(Vec::new());
    }
    let mut known =
        Metric::all().filter(|metric| has(*metric)).map(Metric::as_str).collect::<Vec<_>>();
    if CELLS.into_iter().all(has) && !has(Metric::ConfusionMatrix) {
        known.push(Metric::ConfusionMatrix.as_str());
    }
    known.extend(later.map(|metric| metric.name));
    Err(nearest(name, known.iter().copied())
        .map_or_else(|| of_problem(known), |name| format!("did you mean `{name}`?")))
}
