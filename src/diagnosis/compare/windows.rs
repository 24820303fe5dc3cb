//! Two versions by their results: windows that were sealed long ago, their rows gone.

use std::collections::BTreeMap;

use crate::diagnosis::compare::figures::Compared;
use crate::metric::{Better, Kind, Measure, Metric};
use crate::stats::{Difference, Undefined, mean, sample_deviation};
use crate::window::{ALL, Dataset, Method, Status, WindowResult};

/// So many windows of the same periods say by their own differences how these scatter.
const SCATTER: usize = 20;

/// How windows of two versions lie in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Windows of the same periods, one of each.
    SamePeriods,
    /// Windows of the time that both were there.
    SameTime,
    /// One after the other: their inputs may have changed meanwhile.
    Apart,
}

/// Two versions over windows of their results.
#[derive(Clone, Debug, PartialEq)]
pub struct Together {
    /// How they lie in time.
    pub when: When,
    /// How many windows of each.
    pub windows: (usize, usize),
    /// The figures of both.
    pub figures: Vec<Compared>,
}

/// Compares two versions of a model by their windows, in any order and with all revisions; the newest counts.
///
/// A version's figure is the mean over its windows, weighed by their rows; its error follows from their sampling errors. The
/// versions' errors count as independent. Where twenty windows of the same periods are there, the error is that of the mean
/// of their differences: what is hard for both in a period cancels.
pub fn over_results(champion: &[WindowResult], challenger: &[WindowResult]) -> Together {
    let (first, second) = (newest(champion), newest(challenger));
    let key =
        |window: &&WindowResult| Some((window.window_start.clone()?, window.window_end.clone()?));
    let by_period: BTreeMap<_, &WindowResult> =
        second.iter().filter_map(|window| Some((key(window)?, *window))).collect();
    let pairs: Vec<(&WindowResult, &WindowResult)> =
        first.iter().filter_map(|window| Some((*window, *by_period.get(&key(window)?)?))).collect();
    let (when, first, second) = if pairs.is_empty() {
        let shared = (within(&first, &second), within(&second, &first));
        if shared.0.is_empty() || shared.1.is_empty() {
            (When::Apart, first, second)
        } else {
            (When::SameTime, shared.0, shared.1)
        }
    } else {
        let (first, second) = pairs.iter().copied().unzip();
        (When::SamePeriods, first, second)
    };
    let mut figures = Vec::new();
    for (kind, measure) in measures(&first) {
        let of = |windows: &[&WindowResult]| -> Vec<Option<(f64, f64, f64)>> {
            windows.iter().map(|window| told(window, kind, &measure)).collect()
        };
        let (a, b) = (of(&first), of(&second));
        let rows = (rows(&a), rows(&b));
        let found = difference(&a, &b, when);
        let better = match &measure {
            Measure::Metric(metric) => metric.spec().better,
            Measure::Cell(_) | Measure::Custom(_) => Better::Neither,
        };
        let method = if kind == Kind::Realized { Method::Labelled } else { estimated(&first) };
        figures.push(Compared { kind, method, measure, better, rows, found, learning: 0.0 });
    }
    Together { when, windows: (first.len(), second.len()), figures }
}

/// The newest revision of each window of the whole, in the order of their time.
fn newest(results: &[WindowResult]) -> Vec<&WindowResult> {
    let mut newest: BTreeMap<(u64, u64), &WindowResult> = BTreeMap::new();
    for result in results {
        if result.segment == ALL && result.dataset == Dataset::Analysis {
            let known = newest.entry((result.epoch, result.window_index)).or_insert(result);
            if result.revision >= known.revision {
                *known = result;
            }
        }
    }
    newest.into_values().collect()
}

/// Those of the windows that lie within the time of the others.
fn within<'r>(windows: &[&'r WindowResult], others: &[&WindowResult]) -> Vec<&'r WindowResult> {
    let start = others.iter().filter_map(|window| window.window_start.as_ref()).min();
    let end = others.iter().filter_map(|window| window.window_end.as_ref()).max();
    let (Some(start), Some(end)) = (start, end) else { return Vec::new() };
    let meets = |window: &&&WindowResult| {
        window.window_start.as_ref().is_some_and(|from| from < end)
            && window.window_end.as_ref().is_some_and(|to| to > start)
    };
    windows.iter().filter(meets).copied().collect()
}

/// What is said of performance, each once, realized first. Business value is left out: whether it is a sum or a mean no
/// result says.
fn measures(windows: &[&WindowResult]) -> Vec<(Kind, Measure)> {
    let mut found: Vec<(Kind, Measure)> = Vec::new();
    for kind in [Kind::Realized, Kind::Estimated] {
        for figure in windows.iter().flat_map(|window| &window.figures) {
            let counts = match &figure.metric {
                Measure::Metric(metric) => !matches!(
                    metric,
                    Metric::TruePositive
                        | Metric::TrueNegative
                        | Metric::FalsePositive
                        | Metric::FalseNegative
                        | Metric::BusinessValue
                ),
                Measure::Cell(_) => false,
                Measure::Custom(_) => true,
            };
            let one = (kind, figure.metric.clone());
            if figure.kind == kind && counts && !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

/// How the windows were estimated.
fn estimated(windows: &[&WindowResult]) -> Method {
    let mut figures = windows.iter().flat_map(|window| &window.figures);
    let method = figures.find(|figure| figure.kind == Kind::Estimated);
    method.and_then(|figure| figure.method).unwrap_or(Method::Cbpe)
}

/// Value, error and rows of a figure of a window; where targets are missing, the one that allows for it.
fn told(window: &WindowResult, kind: Kind, measure: &Measure) -> Option<(f64, f64, f64)> {
    let of = |method: Option<Method>| {
        window.figures.iter().find(|figure| {
            figure.kind == kind
                && figure.metric == *measure
                && (method.is_none() || figure.method == method)
                && matches!(figure.status, Status::Ok | Status::TooFew)
                && figure.value.is_some()
        })
    };
    let partial = window.coverage.is_some_and(|share| share < 1.0);
    let figure = match kind {
        Kind::Realized if partial => {
            of(Some(Method::PostStratified)).or_else(|| of(Some(Method::Labelled)))
        }
        Kind::Realized => of(Some(Method::Labelled)),
        _ => of(None),
    }?;
    let share = if kind == Kind::Realized { window.coverage.unwrap_or(1.0) } else { 1.0 };
    Some((figure.value?, figure.sampling_error?, window.window_rows as f64 * share))
}

fn rows(windows: &[Option<(f64, f64, f64)>]) -> u64 {
    windows.iter().flatten().map(|(_, _, rows)| rows).sum::<f64>().round() as u64
}

/// The weighed mean over windows, and the error of it.
fn weighed(windows: &[Option<(f64, f64, f64)>]) -> Result<(f64, f64), Undefined> {
    let rows: f64 = windows.iter().flatten().map(|(_, _, rows)| rows).sum();
    if rows <= 0.0 {
        return Err(Undefined::Empty);
    }
    let (mut value, mut variance) = (0.0, 0.0);
    for (of, error, of_rows) in windows.iter().flatten() {
        let weight = of_rows / rows;
        value += weight * of;
        variance += weight * weight * error * error;
    }
    Ok((Undefined::unless_finite(value)?, Undefined::unless_finite(variance.sqrt())?))
}

fn difference(
    first: &[Option<(f64, f64, f64)>],
    second: &[Option<(f64, f64, f64)>],
    when: When,
) -> Result<Difference, Undefined> {
    let both = first.iter().zip(second).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
    let both: Vec<_> = both.collect();
    if when == When::SamePeriods && both.len() >= SCATTER {
        let apart: Vec<f64> = both.iter().map(|(a, b)| b.0 - a.0).collect();
        let champion = mean(&both.iter().map(|(a, _)| a.0).collect::<Vec<f64>>())?;
        let challenger = mean(&both.iter().map(|(_, b)| b.0).collect::<Vec<f64>>())?;
        let error = sample_deviation(&apart)? / (both.len() as f64).sqrt();
        return Ok(Difference { champion, challenger, error, decisive: both.len() as f64 });
    }
    let (a, b) = (weighed(first)?, weighed(second)?);
    let error = Undefined::unless_finite((a.1 * a.1 + b.1 * b.1).sqrt())?;
    let decisive = first.iter().chain(second).flatten().map(|(_, _, rows)| rows).sum();
    Ok(Difference { champion: a.0, challenger: b.0, error, decisive })
}

/// So many of the last windows say how a version is.
const LAST: usize = 3;

/// What became of a version's bad performance in the version after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mended {
    /// The figure that was out.
    pub kind: Kind,
    /// Of which metric.
    pub measure: Measure,
    /// In how many of the old version's last judged windows it was out, and how many these are.
    pub before: (usize, usize),
    /// Likewise the new version's windows, all that were judged.
    pub after: (usize, usize),
}

impl Mended {
    /// Whether it is gone: in none, or in most of the new version's windows; `None` where that is not clear.
    pub const fn is_gone(&self) -> Option<bool> {
        match self.after {
            (_, 0) => None,
            (0, _) => Some(true),
            (bad, all) if bad * 2 >= all => Some(false),
            _ => None,
        }
    }
}

/// Where the old version's performance was outside of its thresholds at last: whether the new version's is.
///
/// The first figure of the old version's that was out in at least half of its last three judged windows, realized before
/// estimated. `None` where none was.
pub fn mended(old: &[WindowResult], new: &[WindowResult]) -> Option<Mended> {
    let (old, new) = (newest(old), newest(new));
    let judged = |windows: &[&WindowResult], kind: Kind, measure: &Measure| -> Vec<bool> {
        let of = |window: &&WindowResult| {
            let mut figures = window.figures.iter();
            figures.find_map(|figure| {
                figure.breach.filter(|_| figure.kind == kind && figure.metric == *measure)
            })
        };
        windows.iter().filter_map(of).collect()
    };
    let count =
        |breaches: &[bool]| (breaches.iter().filter(|&&breach| breach).count(), breaches.len());
    measures(&old).into_iter().find_map(|(kind, measure)| {
        let before = judged(&old, kind, &measure);
        let before = count(&before[before.len().saturating_sub(LAST)..]);
        let after = count(&judged(&new, kind, &measure));
        let was_bad = before.0 > 0 && before.0 * 2 >= before.1;
        was_bad.then_some(Mended { kind, measure, before, after })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::{ClosedBy, Figure, Heading};

    /// A window of an hour with an accuracy.
    fn window(version: &str, hour: u64, value: f64, breach: Option<bool>) -> WindowResult {
        let start = hour as i64 * 3_600_000_000;
        let heading = Heading {
            index: hour,
            span: Some((start, start + 3_600_000_000)),
            closed_by: ClosedBy::Period,
            epoch: 1,
            ..Heading::of_rows("m", version, 1000)
        };
        let figure = Figure {
            method: Some(Method::Cbpe),
            value: Some(value),
            sampling_error: Some(0.01),
            breach,
            ..Figure::bare(Kind::Estimated, Metric::Accuracy)
        };
        WindowResult { figures: vec![figure], ..heading.bare() }
    }

    #[test]
    fn windows_of_the_same_periods_are_held_together() {
        let first: Vec<_> = (0..6).map(|h| window("1", h, 0.8, None)).collect();
        let second: Vec<_> = (2..8).map(|h| window("2", h, 0.83, None)).collect();
        let found = over_results(&first, &second);
        assert_eq!((found.when, found.windows), (When::SamePeriods, (4, 4)));
        let one = &found.figures[0];
        let difference = one.found.unwrap();
        assert!((difference.value() - 0.03).abs() < 1e-12);
        // Two means of four windows each.
        assert!((difference.error - (2.0 * 1e-4 / 4.0_f64).sqrt()).abs() < 1e-12);
        assert_eq!(one.rows, (4000, 4000));
    }

    #[test]
    fn many_periods_say_themselves_how_their_differences_scatter() {
        // What is hard for both in an hour: the one is always better by a little.
        let hard = |h: u64| 0.8 + 0.1 * ((h * 7 % 5) as f64 - 2.0) / 2.0;
        let first: Vec<_> = (0..24).map(|h| window("1", h, hard(h), None)).collect();
        let second: Vec<_> = (0..24)
            .map(|h| window("2", h, hard(h) + 0.002 + 0.001 * (h % 2) as f64, None))
            .collect();
        let found = over_results(&first, &second).figures[0].found.unwrap();
        assert!((found.value() - 0.0025).abs() < 1e-12);
        assert!(found.error < 0.0002, "{}", found.error);
    }

    #[test]
    fn only_the_newest_revision_counts() {
        let mut first = vec![window("1", 0, 0.5, None)];
        first.push(WindowResult { revision: 1, ..window("1", 0, 0.7, None) });
        first.push(window("1", 0, 0.6, None));
        let found = over_results(&first, &[window("2", 0, 0.9, None)]);
        assert_eq!(found.figures[0].found.unwrap().champion, 0.7);
    }

    #[test]
    fn one_after_the_other_is_told_apart() {
        let first = [window("1", 0, 0.8, Some(true)), window("1", 1, 0.7, Some(true))];
        let second = [window("2", 5, 0.9, Some(false)), window("2", 6, 0.9, Some(false))];
        assert_eq!(over_results(&first, &second).when, When::Apart);
        let gone = mended(&first, &second).unwrap();
        assert_eq!((gone.before, gone.after, gone.is_gone()), ((2, 2), (0, 2), Some(true)));
        let still = mended(&first, &[window("2", 5, 0.7, Some(true))]).unwrap();
        assert_eq!(still.is_gone(), Some(false));
        let unjudged = mended(&first, &[window("2", 5, 0.7, None)]).unwrap();
        assert_eq!(unjudged.is_gone(), None);
        assert_eq!(mended(&second, &first), None);
    }
}
