//! Alerts in a sentence.

use crate::alert::event::{Cause, Estimator, Evidence, SegmentFigure};
use crate::diagnosis::Split;
use crate::metric::{Currencies, Kind, Measure, Metric};
use crate::window::{Figure, Method, WindowResult};

/// What is wrong, by how much, and what lies beside it.
pub(super) fn summary(
    result: &WindowResult,
    figure: &Figure,
    evidence: &Evidence,
    currencies: &Currencies,
) -> String {
    let describe = |figure: &Figure| describe(figure, currencies);
    let what = describe(figure);
    let mut sentence = match (&result.window_start, &result.window_end) {
        (Some(start), Some(end)) => format!("{what} from {start} to {end}"),
        _ => format!("{what} in window {}", result.window_index),
    };
    let beside: Vec<String> =
        evidence.quality.iter().chain(&evidence.drift).take(3).map(&describe).collect();
    if !beside.is_empty() {
        sentence.push_str("; ");
        sentence.push_str(&beside.join("; "));
    }
    sentence
}

/// Where it is, what kind of change of the metric it looks like, and how far the estimator can be trusted.
pub(super) fn also(metric: &Measure, evidence: &Evidence) -> impl Iterator<Item = String> {
    let split = Split::of(&evidence.split, metric);
    let split = split.and_then(|split| split.words(|value| number(metric.metric(), value)));
    let cause = split.or_else(|| {
        let moved = evidence.cause == Some(Cause::ConceptDrift);
        moved.then(|| "the estimate has not moved, so the pattern itself has".to_owned())
    });
    let estimator = evidence.estimator.map(|so_far| {
        let Estimator { windows, within, .. } = so_far;
        format!("the estimate was right in {within} of {windows} windows before")
    });
    let slice = evidence.slices.first().and_then(|slice| slice.column_name.as_deref());
    let slice = slice.map(|name| format!("expected to do worse than before where {name}"));
    slice.into_iter().chain(cause).chain(estimator)
}

/// A segment that is not well.
pub(super) fn of_segment(found: &SegmentFigure, currencies: &Currencies) -> String {
    format!("furthest out is {}: {}", found.segment, describe(&found.figure, currencies))
}

/// One figure against its threshold.
pub fn describe(figure: &Figure, currencies: &Currencies) -> String {
    let metric = &figure.metric;
    let unit = currencies.of(metric).map_or_else(String::new, |unit| format!(" {unit}"));
    let name = match (&figure.column_name, figure.kind) {
        (Some(column), Kind::Drift) => format!("{column} drifted: {metric}"),
        (Some(column), _) => format!("{column}: {metric}"),
        (None, Kind::Drift) => format!("the features together drifted: {metric}"),
        (None, Kind::Estimated) if figure.method == Some(Method::Pape) => {
            format!("estimated {metric}, robust to covariate shift,")
        }
        (None, Kind::Estimated) => format!("estimated {metric}"),
        (None, Kind::Realized) => format!("realized {metric}"),
        (None, _) => {
            figure.of.as_ref().map_or_else(|| metric.to_string(), |of| format!("{metric} of {of}"))
        }
    };
    let Some(value) = figure.value else { return format!("{name} has no value") };
    let shown = |value: f64| format!("{}{unit}", number(metric.metric(), value));
    let error = figure
        .sampling_error
        .map_or_else(String::new, |error| format!(" +-{}", shown(3.0 * error)));
    let limit = match (figure.lower_threshold, figure.upper_threshold) {
        (Some(lower), _) if value < lower => format!(", below {}", shown(lower)),
        (_, Some(upper)) if value > upper => format!(", above {}", shown(upper)),
        (Some(lower), Some(upper)) => format!(", within {} to {}", shown(lower), shown(upper)),
        (Some(lower), None) => format!(", not below {}", shown(lower)),
        (None, Some(upper)) => format!(", not above {}", shown(upper)),
        (None, None) => match figure.p_value {
            Some(p) => format!(" (p {p:.1e})"),
            None => String::new(),
        },
    };
    format!("{name} is {}{error}{limit}", shown(value))
}

/// Shares as people read them, the rest to four digits.
pub fn number(metric: Metric, value: f64) -> String {
    match metric {
        Metric::MissingRate | Metric::UnseenRate | Metric::OutOfRangeRate if value <= 1.0 => {
            // One row in thousands is not none.
            let places = if value > 0.0 && value < 0.01 { 3 } else { 1 };
            format!("{:.places$} %", value * 100.0)
        }
        _ if value == 0.0 || (0.001..10_000.0).contains(&value.abs()) => {
            let text = format!("{value:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => format!("{value:.3e}"),
    }
}
