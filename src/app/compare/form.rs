//! A comparison in the form of results.

use crate::app::compare::Found;
use crate::diagnosis::{Answer, Compared, Gate, Verdict};
use crate::metric::{Better, Kind, Metric};
use crate::stats::{Range, confidence};
use crate::window::{Figure, Heading, Status, WindowResult};

/// A result of each model with its own figures, and the challenger's with the differences.
pub(super) fn results(found: &Found, gate: Option<Gate>, sure: f64) -> Vec<WindowResult> {
    let of = |side: usize, rows: u64| {
        let (model, version) = &found.identity[side];
        Heading { span: found.span[side], ..Heading::of_rows(model, version, rows) }.bare()
    };
    let wholes = [of(0, found.rows.0), of(1, found.rows.1)];
    let mut results = Vec::new();
    let parts = found.segments.iter().map(|(name, figures)| (Some(name), figures));
    for (segment, figures) in [(None, &found.figures)].into_iter().chain(parts) {
        for (side, whole) in wholes.iter().enumerate() {
            let mut result = match segment {
                Some(name) => {
                    let rows =
                        figures.iter().map(|one| if side == 0 { one.rows.0 } else { one.rows.1 });
                    whole.of_segment(name, rows.max().unwrap_or(0))
                }
                None => whole.clone(),
            };
            result.figures = figures.iter().map(|one| own(one, side)).collect();
            if side == 1 {
                result.figures.extend(figures.iter().map(|one| difference(one, gate, sure)));
            }
            results.push(result);
        }
    }
    results
}

/// A model's own figure.
fn own(one: &Compared, side: usize) -> Figure {
    let found = one.found.as_ref();
    Figure {
        metric: one.measure.clone(),
        method: Some(one.method),
        value: found.ok().map(|found| if side == 0 { found.champion } else { found.challenger }),
        status: found.map_or_else(|&reason| reason.into(), |_| Status::Ok),
        ..Figure::bare(one.kind, Metric::Rows)
    }
}

/// What the challenger's is more; a breach where it is worse, or where the gate says no.
fn difference(one: &Compared, gate: Option<Gate>, sure: f64) -> Figure {
    let bare = Figure {
        method: Some(one.method),
        of: Some(one.measure.clone()),
        ..Figure::bare(Kind::Diagnosis, Metric::ChallengerMinusChampion)
    };
    let found = match &one.found {
        Ok(found) => found,
        Err(reason) => return Figure { status: (*reason).into(), ..bare },
    };
    let (low, high) = confidence(found.value(), found.error, Range::ANY);
    let bar = gate.map(|gate| gate.bar(found.champion));
    let breach = match (gate.map(|gate| gate.answer(one)), one.verdict(sure)) {
        _ if one.better == Better::Neither => None,
        (Some(answer), _) => match answer {
            Answer::Yes => Some(false),
            Answer::No => Some(true),
            Answer::Unknown => None,
        },
        (None, Verdict::Worse) => Some(true),
        (None, Verdict::Better | Verdict::Same) => Some(false),
        (None, _) => None,
    };
    Figure {
        value: Some(found.value()),
        sampling_error: Some(found.error),
        lower_confidence: Some(low),
        upper_confidence: Some(high),
        lower_threshold: bar.filter(|_| one.better == Better::Higher),
        upper_threshold: bar.filter(|_| one.better == Better::Lower).map(|bar| -bar),
        p_value: one.p_value(),
        breach,
        ..bare
    }
}
