//! When a figure is a breach.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metric::{ColumnKind, Family, Metric, Problem};
use crate::settings::at::At;
use crate::settings::columns::Columns;
use crate::settings::later;
use crate::settings::mistake::{Mistakes, suggest};
use crate::settings::named::{performance_metrics, problem_name};
use crate::settings::path::check_path;
use crate::settings::performance::Custom;
use crate::settings::typed::{NoThreshold, TextOr, ThresholdTable};
use crate::stats::Threshold;

/// The threshold of a metric of the user's own, where none is named.
const OWN_DEFAULT: Threshold = Threshold::THREE_SIGMA;

/// Thresholds that differ from the metrics' own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// By metric.
    pub metrics: BTreeMap<Metric, Threshold>,
    /// By column and metric; they go before those by metric.
    pub columns: BTreeMap<String, BTreeMap<Metric, Threshold>>,
    /// By name of a metric of the user's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom: BTreeMap<String, Threshold>,
}

impl Thresholds {
    /// The threshold that holds for a metric, of a column where it is of one.
    pub fn of(&self, metric: Metric, column: Option<&str>) -> Threshold {
        column
            .and_then(|column| self.columns.get(column)?.get(&metric))
            .or_else(|| self.metrics.get(&metric))
            .copied()
            .unwrap_or(metric.spec().threshold)
    }

    /// The threshold that holds for a metric of the user's own.
    pub fn of_custom(&self, name: &str) -> Threshold {
        self.custom.get(name).copied().unwrap_or(OWN_DEFAULT)
    }

    pub(crate) fn meant(
        typed: &BTreeMap<String, TextOr<ThresholdTable, NoThreshold>>,
        problem: Option<Problem>,
        columns: &Columns,
        custom: &BTreeMap<String, Custom>,
        at: &At<'_>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut thresholds = Self::default();
        for (name, typed) in typed {
            let at = at.key(name);
            if mistakes.within(&at) {
                continue;
            }
            if let Some((column, metric)) = name.rsplit_once('.') {
                let metric = of_column(column, metric, columns, &at, mistakes);
                let threshold = metric.and_then(|metric| of_metric(typed, metric, &at, mistakes));
                if let (Some(metric), Some(threshold)) = (metric, threshold) {
                    thresholds
                        .columns
                        .entry(column.to_owned())
                        .or_default()
                        .insert(metric, threshold);
                }
                continue;
            }
            if custom.contains_key(name) {
                if let Some(threshold) = threshold(typed, OWN_DEFAULT, &at, mistakes) {
                    thresholds.custom.insert(name.clone(), threshold);
                }
                continue;
            }
            for metric in of_model(name, problem, custom, &at, mistakes) {
                if let Some(threshold) = of_metric(typed, metric, &at, mistakes) {
                    thresholds.metrics.insert(metric, threshold);
                }
            }
        }
        thresholds.drop_what_holds_anyway();
        thresholds
    }

    /// So that a default that is written out makes no other epoch than one that is not.
    fn drop_what_holds_anyway(&mut self) {
        self.metrics.retain(|metric, threshold| *threshold != metric.spec().threshold);
        let metrics = Self { metrics: self.metrics.clone(), ..Self::default() };
        for column in self.columns.values_mut() {
            column.retain(|metric, threshold| *threshold != metrics.of(*metric, None));
        }
        self.columns.retain(|_, column| !column.is_empty());
        self.custom.retain(|_, threshold| *threshold != OWN_DEFAULT);
    }
}

/// The metrics that a key of the section stands for.
fn of_model(
    name: &str,
    problem: Option<Problem>,
    custom: &BTreeMap<String, Custom>,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Vec<Metric> {
    let known = Metric::from_name(name);
    if let Some(metric) = known.filter(|metric| metric.spec().family != Family::Performance) {
        return vec![metric];
    }
    if later::METRICS.iter().any(|metric| metric.name == name && metric.problems.is_empty()) {
        later::refuse(at, &format!("`{name}`"), mistakes);
        return Vec::new();
    }
    let performance = performance_metrics(name, problem);
    if let Ok(metrics) = performance {
        return metrics;
    }
    if performance_metrics(name, None).is_ok() {
        // Defaults are for all models, so for those too that have another problem.
        if at.is_inherited() {
            return Vec::new();
        }
        let problem = problem.map_or("none", problem_name);
        mistakes.add_found(
            at,
            format!("a threshold for `{name}`"),
            format!("a metric that `problem = \"{problem}\"` has"),
            "remove it",
        );
    } else {
        let own = custom.keys().map(String::as_str);
        let all: Vec<&str> =
            Metric::all().map(|metric| -> &str { metric.as_str() }).chain(own).collect();
        let mend = suggest(name, all.iter().copied());
        let mend = if mend.starts_with("did") {
            mend
        } else {
            "for one column write `\"column.metric\"`, in quotes".to_owned()
        };
        mistakes.add_found(at, format!("a threshold for `{name}`"), "a metric", mend);
    }
    Vec::new()
}

/// The metric of `"column.metric"`.
fn of_column(
    column: &str,
    name: &str,
    columns: &Columns,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Option<Metric> {
    let of_columns = Metric::all().filter(|metric| {
        !metric.spec().columns.is_empty() && metric.spec().family != Family::Diagnosis
    });
    let known = of_columns.map(Metric::as_str).collect::<Vec<_>>();
    let Some(metric) = Metric::from_name(name).filter(|m| known.contains(&m.as_str())) else {
        mistakes.add_found(
            at,
            format!("`{name}` of a column"),
            "a metric that columns have after the last dot",
            suggest(name, known.iter().copied()),
        );
        return None;
    };
    if let Err(mend) = check_path(column) {
        mistakes.add_found(
            at,
            format!("the column `{column}`"),
            "a column before the last dot",
            mend,
        );
        return None;
    }
    for (kind, listed) in [
        (ColumnKind::Continuous, &columns.continuous),
        (ColumnKind::Categorical, &columns.categorical),
    ] {
        if !metric.applies_to(kind) && listed.iter().any(|listed| listed == column) {
            let kind = kind.as_str();
            mistakes.add_found(
                at,
                format!("`{name}` of a column that `columns.{kind}` lists"),
                format!("a metric that {kind} columns have"),
                "choose another metric, or remove it",
            );
            return None;
        }
    }
    Some(metric)
}

fn of_metric(
    typed: &TextOr<ThresholdTable, NoThreshold>,
    metric: Metric,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Option<Threshold> {
    if metric == Metric::Chi2 {
        mistakes.add_found(
            at,
            "a threshold for `chi2`",
            "none: its breach is `p < 0.05`",
            "remove it; to compare by distance choose another method, such as `l_infinity`",
        );
        return None;
    }
    if !metric.has_thresholds() {
        mistakes.add_found(
            at,
            format!("a threshold for `{metric}`"),
            "none: it says which figures to look at, and is no breach",
            "remove it",
        );
        return None;
    }
    threshold(typed, metric.spec().threshold, at, mistakes)
}

fn threshold(
    typed: &TextOr<ThresholdTable, NoThreshold>,
    default: Threshold,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Option<Threshold> {
    match typed {
        TextOr::Text(NoThreshold::None) => Some(Threshold::None),
        TextOr::Table(table) => of_table(table, default, at, mistakes),
    }
}

fn of_table(
    table: &ThresholdTable,
    default: Threshold,
    at: &At<'_>,
    mistakes: &mut Mistakes,
) -> Option<Threshold> {
    let ThresholdTable {
        standard_deviations: both,
        lower_standard_deviations: below,
        upper_standard_deviations: above,
        lower,
        upper,
    } = *table;
    let ways =
        [both.is_some(), below.is_some() || above.is_some(), lower.is_some() || upper.is_some()];
    match ways.iter().filter(|is| **is).count() {
        1 => {}
        0 => {
            mistakes.add(
                at,
                "a limit",
                "write for example `{ standard_deviations = 3 }`, `{ lower = 0.7 }` or `\"none\"`",
            );
            return None;
        }
        _ => {
            mistakes.add_found(
                at,
                "several kinds of limits",
                "one of `standard_deviations`, `lower_/upper_standard_deviations` and `lower`/`upper`",
                "keep the one that is meant",
            );
            return None;
        }
    }
    let mut fine = true;
    for (key, multiple) in [
        ("standard_deviations", both),
        ("lower_standard_deviations", below),
        ("upper_standard_deviations", above),
    ] {
        if multiple.is_some_and(|k| !(k.is_finite() && k >= 0.0)) {
            mistakes.add(&at.key(key), "a number of at least 0", "three is usual");
            fine = false;
        }
    }
    for (key, limit) in [("lower", lower), ("upper", upper)] {
        if limit.is_some_and(|limit| !limit.is_finite()) {
            mistakes.add(&at.key(key), "a finite number", "for no limit on this side leave it out");
            fine = false;
        }
    }
    if let (Some(lower), Some(upper)) = (lower, upper)
        && lower >= upper
    {
        mistakes.add_found(
            at,
            format!("`lower = {lower}` and `upper = {upper}`"),
            "a lower limit below the upper one",
            "swap or move them",
        );
        fine = false;
    }
    let threshold = match (both, ways[1]) {
        (Some(k), _) => {
            let (lower, upper) = sides(default);
            Threshold::StandardDeviation { lower: lower.then_some(k), upper: upper.then_some(k) }
        }
        (None, true) => Threshold::StandardDeviation { lower: below, upper: above },
        (None, false) => Threshold::Constant { lower, upper },
    };
    fine.then_some(threshold)
}

/// Which sides a metric's own threshold limits; both where it has none.
fn sides(default: Threshold) -> (bool, bool) {
    match default {
        Threshold::StandardDeviation { lower, upper } | Threshold::Constant { lower, upper } => {
            (lower.is_some(), upper.is_some())
        }
        Threshold::None => (true, true),
    }
}
