//! Where vigie departs from NannyML 0.13.1 on purpose, each as narrow as it can be said. The ids are those of
//! `tests/data/golden/README.md`; the README's table has them in words.

use crate::comparison::Pair;
use crate::figures::Key;

/// Figures that differ on purpose.
pub(crate) struct Departure {
    /// Which, and why.
    pub(crate) id: &'static str,
    /// Whether a pair that differs is one of them, and differs by no more than it may.
    pub(crate) meets: fn(&Pair<'_>) -> bool,
}

/// Calculators of the peer's that end in an error where vigie has figures.
pub(crate) struct Refusal {
    /// Which, and why.
    pub(crate) id: &'static str,
    /// Whether it is this one, by the calculator and the error.
    pub(crate) meets: fn(&str, &str) -> bool,
}

pub(crate) const REFUSALS: &[Refusal] = &[Refusal {
    id: "B59: estimates of several classes: one window of the reference without a class ends all there",
    meets: |calculator, error| calculator == "CBPE" && error.contains("pos_label"),
}];

/// All but the ids that come with the right figures of `mended.py`.
pub(crate) const DEPARTURES: &[Departure] = &[
    Departure {
        id: "B33: Jensen-Shannon near 0, which is noise there",
        meets: |pair| {
            let squared = |figure: Option<f64>| figure.map_or(0.0, |figure| figure * figure);
            pair.key.metric == "jensen_shannon"
                && pair.key.field == "value"
                && (squared(pair.ours.as_f64()) - squared(pair.expected.as_f64())).abs() < 1e-15
        },
    },
    Departure {
        id: "B21, B23: error of average precision, which is random there; of several classes it is of their mean",
        meets: |pair| {
            let (Some(ours), Some(theirs)) =
                (pair.our("sampling_error"), pair.expected("sampling_error"))
            else {
                return false;
            };
            let classes = pair
                .both
                .ours
                .keys()
                .filter(|key| key.metric.starts_with("true_") && key.metric.contains("_pred_"));
            let several = if classes.count() > 0 { 3.0_f64.sqrt() } else { 1.0 };
            pair.key.metric == "average_precision"
                && ["sampling_error", "lower_confidence", "upper_confidence"]
                    .contains(&&*pair.key.field)
                && (ours * several / theirs - 1.0).abs() < 0.5
        },
    },
    Departure {
        id: "domain classifier within 0.02: trees, folds and samples are our own; breaches are the same",
        meets: |pair| {
            let apart =
                pair.our("value").zip(pair.expected("value")).map(|(ours, theirs)| ours - theirs);
            pair.key.metric == "domain_classifier"
                && pair.key.field == "value"
                && apart.is_some_and(|apart| apart.abs() <= 0.02)
        },
    },
    Departure {
        id: "B59: its error, where a window lacks a class",
        meets: |pair| {
            pair.key.metric == "average_precision"
                && pair.key.field == "sampling_error"
                && pair.expected.is_null()
                && pair.expected("value").is_some()
                && pair.our("sampling_error").is_some_and(|error| error > 0.0)
        },
    },
    Departure {
        id: "DLE within half a sampling error: losses and gradients are doubles, there singles",
        meets: |pair| !has_many_labels(pair) && is_near_in_losses(pair, 0.5, 0.0),
    },
    Departure {
        id: "DLE within a sampling error or a fifth, where a column has more than three labels: other groups of labels",
        meets: |pair| has_many_labels(pair) && is_near_in_losses(pair, 1.0, 0.2),
    },
];

/// Of the random data: whether there are columns of more than three labels.
fn has_many_labels(pair: &Pair<'_>) -> bool {
    pair.both.theirs.keys().any(|key| key.column.as_deref() == Some("rare"))
}

/// Whether an expected loss, or what follows from it, is as near to theirs: in sampling errors, or relative to it.
fn is_near_in_losses(pair: &Pair<'_>, errors: f64, relative: f64) -> bool {
    let Key { kind, metric, field, .. } = pair.key;
    let is_loss = ["mae", "mape", "mse", "msle", "rmse", "rmsle"].contains(&metric.as_str());
    let (Some(ours), Some(theirs)) = (pair.our("value"), pair.expected("value")) else {
        return false;
    };
    if kind != "estimated" || !is_loss {
        return false;
    }
    let allowed = (errors * pair.our("sampling_error").unwrap_or(0.0)).max(relative * theirs);
    let is_near = |limit: f64| (limit - theirs).abs() <= allowed;
    match field.as_str() {
        "value" | "lower_confidence" | "upper_confidence" => is_near(ours),
        "breach" => {
            let limits = [pair.expected("lower_threshold"), pair.expected("upper_threshold")];
            is_near(ours) && limits.into_iter().flatten().any(is_near)
        }
        _ => false,
    }
}
