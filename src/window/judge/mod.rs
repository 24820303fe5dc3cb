//! From what was measured of a window to figures: sampling error, bounds, thresholds, breach.

mod binary;
mod concept;
mod custom;
mod multiclass;
mod regression;
mod split;

use std::sync::Arc;

use self::concept::ByChance;
pub(super) use self::custom::OverCells;
use self::split::Known;
use crate::metric::{Family, Kind, Measure, Metric};
use crate::profile::{
    Class, Column, ColumnReading, ColumnValue, Outputs, Performance, Profile, Reading, Robust,
    Role, RowMean, RowMetric, RowReading, Values,
};
use crate::stats::{
    Baseline, Basis, Limits, Normalization, Range, SamplingError, Threshold, Undefined, confidence,
};
use crate::window::criteria::Criteria;
use crate::window::early;
use crate::window::realized::Outcome;
use crate::window::result::{Figure, Method, Status};

/// A profile and criteria, compiled to one judgement a figure.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    performance: Vec<Judgement>,
    /// By column of the profile.
    columns: Vec<Vec<Judgement>>,
    /// Of all features at once.
    whole: Vec<Judgement>,
    rows: Judgement,
    /// Metrics over rows, each with its place among the profile's.
    rowwise: Vec<(usize, Judgement)>,
    /// What is learnt where the concept has not changed.
    by_chance: ByChance,
}

/// A performance figure that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// What it is called.
    pub(super) measure: Measure,
    /// The metric.
    pub(super) metric: Metric,
    /// Which cell of a matrix of several classes: true class, predicted class.
    pub(super) cell: Option<[usize; 2]>,
    /// The formula, of a metric of the user's own.
    pub(super) custom: Option<Arc<OverCells>>,
}

/// What one figure is held against.
#[derive(Clone, Debug)]
struct Judgement {
    of: Asked,
    limits: Limits,
    error: Scatter,
    range: Range,
    /// Why nothing is held against it, if it is so.
    unset: Option<Status>,
    /// What a change of performance is measured from.
    baseline: Option<Baseline>,
}

/// From so many reference windows with enough rows on the figures of a segment have a spread to be judged by.
const WINDOWS: usize = 2;

/// What is known of how far a figure strays by chance.
#[derive(Clone, Debug)]
enum Scatter {
    Unknown,
    Known(SamplingError),
    /// Of a formula: the reference's shares of the cells.
    OfCells(Arc<OverCells>, Vec<f64>),
}

impl From<Option<SamplingError>> for Scatter {
    fn from(error: Option<SamplingError>) -> Self {
        error.map_or(Self::Unknown, Self::Known)
    }
}

/// A chi-squared test breaches below this probability.
const SIGNIFICANCE: f64 = 0.05;

impl Judge {
    /// The judgements of a whole, or of a `segment`: that may be too small in most windows of the reference, and where it
    /// is, its figures have no thresholds and are not judged.
    pub(super) fn new(profile: &Profile, criteria: &Criteria, segment: bool) -> Self {
        // Reference windows below the least size say too little to set a threshold by.
        let enough = |reading: &&Reading| reading.rows >= criteria.min_rows;
        let readings = || profile.windows.iter().map(|window| &window.reading).filter(enough);
        let limits = |column: Option<&str>, metric: Metric, range, values: &[f64]| {
            criteria.threshold(column, metric).limits(values, range)
        };
        let few = segment && readings().count() < WINDOWS;
        let unset_by =
            |threshold: Threshold| (few && threshold.is_from_reference()).then_some(Status::TooFew);
        let unset =
            |column: Option<&str>, metric: Metric| unset_by(criteria.threshold(column, metric));
        let performance = all_asked(profile, criteria)
            .map(|(of, threshold)| {
                let range = match of.custom {
                    Some(_) => Range::ANY,
                    None => range(of.metric, criteria),
                };
                let value = |reading: &Reading| {
                    of.value(reading.realized.as_ref()?, Basis::Realized, criteria).ok()
                };
                let values: Vec<f64> = readings().filter_map(value).collect();
                let error = of.error(&profile.outputs, criteria);
                let limits = threshold.limits(&values, range);
                let unset = unset_by(threshold);
                let baseline = Judgement::baseline(&of, readings(), criteria);
                Judgement { of, limits, error, range, unset, baseline }
            })
            .collect();
        let of_vectors = vec![Metric::ReconstructionError];
        let columns = profile
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let of = |metric: Metric| {
                    let range = range(metric, criteria);
                    let value = |reading: &Reading| {
                        let column = reading.columns.get(index)?;
                        column_value(metric, column, reading.rows, criteria).value.0.ok()
                    };
                    let values: Vec<f64> = readings().filter_map(value).collect();
                    let limits = limits(Some(&column.name), metric, range, &values);
                    Judgement {
                        of: metric.into(),
                        limits,
                        error: column_error(metric, column, criteria).into(),
                        range,
                        unset: unset(Some(&column.name), metric),
                        baseline: None,
                    }
                };
                let methods = match column.values {
                    Values::Continuous(_) => &criteria.continuous,
                    Values::Categorical(_) => &criteria.categorical,
                    Values::Embedding(_) => &of_vectors,
                };
                let in_family =
                    |family| Metric::all().filter(move |metric| metric.spec().family == family);
                methods
                    .iter()
                    .copied()
                    .chain(in_family(Family::Quality))
                    .chain(in_family(Family::Summary))
                    .filter(|metric| metric.applies_to(column.kind()) && is_told(*metric, column))
                    .map(of)
                    .collect()
            })
            .collect();
        let whole = criteria
            .whole
            .iter()
            .map(|&metric| {
                let range = range(metric, criteria);
                let value = |reading: &Reading| reading.whole(metric)?.value.0.ok();
                let values: Vec<f64> = readings().filter_map(value).collect();
                Judgement {
                    of: metric.into(),
                    limits: limits(None, metric, range, &values),
                    error: Scatter::Unknown,
                    range,
                    unset: unset(None, metric),
                    baseline: None,
                }
            })
            .collect();
        let counts: Vec<f64> = readings().map(|reading| reading.rows as f64).collect();
        // Windows of equal size have no spread: then a window of another size is no surprise.
        let equal = counts.windows(2).all(|pair| pair[0] == pair[1]);
        let rows = Judgement {
            of: Metric::Rows.into(),
            limits: if equal && criteria.threshold(None, Metric::Rows).is_from_reference() {
                Limits::OPEN
            } else {
                limits(None, Metric::Rows, Metric::Rows.spec().range, &counts)
            },
            error: Scatter::Unknown,
            range: Metric::Rows.spec().range,
            unset: unset(None, Metric::Rows),
            baseline: None,
        };
        let (rowwise, by_chance) = (over_rows(profile, criteria, few), ByChance::of(profile));
        Self { performance, columns, whole, rows, rowwise, by_chance }
    }

    /// The figures of a window, performance first.
    pub(super) fn figures(
        &self,
        reading: &Reading,
        outcome: Option<&Outcome>,
        profile: &Profile,
        criteria: &Criteria,
    ) -> Vec<Figure> {
        let few = (reading.rows < criteria.min_rows).then_some(Status::TooFew);
        let mut figures = Vec::new();
        if let Some(estimated) = &reading.estimated {
            figures.extend(self.performance(Basis::Estimated, estimated, few, criteria));
            let method = estimated_by(estimated);
            for (at, judgement) in &self.rowwise {
                let mean = reading.metrics.get(*at).and_then(|found| found.estimated);
                figures.extend(judgement.mean(Kind::Estimated, method, mean, few));
            }
        }
        figures.extend(self.shifts(reading, outcome, few, criteria));
        match (outcome, &reading.realized) {
            (Some(outcome), _) => {
                let value = |figure: &Figure| Some((figure.metric.clone(), figure.value?));
                let estimated: Vec<_> = figures.iter().filter_map(value).collect();
                figures.extend(self.realized(reading.rows, outcome, &estimated, criteria));
            }
            (None, Some(realized)) => {
                let low = low_coverage(realized.usable(), reading.rows, criteria);
                let unjudged = few.or(low);
                figures.extend(self.performance(Basis::Realized, realized, unjudged, criteria));
                for (at, judgement) in &self.rowwise {
                    let mean = reading.metrics.get(*at).and_then(|found| found.realized);
                    let method = Method::Labelled;
                    figures.extend(judgement.mean(Kind::Realized, method, mean, unjudged));
                }
            }
            (None, None) => {}
        }
        figures.extend(reading.evidence.iter().map(early::figure));
        if let Some(robust) = &reading.robust {
            figures.extend(self.robust(robust, few, criteria));
        }
        for judgement in &self.whole {
            let Some(found) = reading.whole(judgement.of.metric) else { continue };
            let (value, error) = (found.value.0, found.sampling_error);
            let figure = judgement.figure_with(Kind::Drift, value, error, few);
            let gives_away = figure.breach == Some(true) && value.is_ok_and(|value| value > 0.5);
            figures.push(figure);
            for &(column, share) in found.by.iter().filter(|_| gives_away) {
                let open = Judgement { limits: Limits::OPEN, ..judgement.clone() };
                let figure = open.figure_with(Kind::Diagnosis, Ok(share), None, None);
                let column_name = profile.columns.get(column).map(|column| column.name.clone());
                let of = Some(judgement.of.measure.clone());
                figures.push(Figure { column_name, of, breach: None, ..figure });
            }
        }
        for family in [Family::Drift, Family::Quality, Family::Summary] {
            for ((column, judgements), reading_of) in
                profile.columns.iter().zip(&self.columns).zip(&reading.columns)
            {
                // Ground truth that has not come is no fault of the data: coverage speaks of it.
                if column.role == Role::Target && reading_of.missing == reading.rows {
                    continue;
                }
                let of_family = |judgement: &&Judgement| match judgement.of.metric.spec().family {
                    // What whole rows have, the vectors of a column have too.
                    Family::Whole => family == Family::Drift,
                    of => of == family,
                };
                for judgement in judgements.iter().filter(of_family) {
                    let metric = judgement.of.metric;
                    let found = column_value(metric, reading_of, reading.rows, criteria);
                    let value = found.value.0;
                    let rows = match family {
                        Family::Quality => reading.rows,
                        _ => reading.rows - reading_of.missing,
                    };
                    let kind = match family {
                        Family::Drift => Kind::Drift,
                        Family::Quality => Kind::Quality,
                        _ => Kind::Summary,
                    };
                    let error = found.sampling_error;
                    let error =
                        error.or_else(|| judgement.error_of(rows).filter(|_| value.is_ok()));
                    let mut figure = judgement.figure_with(kind, value, error, few);
                    figure.column_name = Some(column.name.clone());
                    figure.p_value = found.p_value;
                    if metric == Metric::Chi2 && figure.breach.is_some() {
                        figure.breach = found.p_value.map(|p| p < SIGNIFICANCE);
                    }
                    figures.push(figure);
                }
            }
        }
        figures.push(self.rows.figure(Kind::Summary, Ok(reading.rows as f64), 0, few));
        figures
    }

    /// What the inputs alone explain, of a window that has no targets yet.
    fn shifts(
        &self,
        reading: &Reading,
        outcome: Option<&Outcome>,
        few: Option<Status>,
        criteria: &Criteria,
    ) -> Vec<Figure> {
        let targets = reading.realized.as_ref().is_some_and(|realized| realized.usable() > 0);
        let (None, Some(estimated), false) = (outcome, &reading.estimated, targets) else {
            return Vec::new();
        };
        let known = self.performance.iter().filter_map(|judgement| {
            let of = &judgement.of;
            let value = of.value(estimated, Basis::Estimated, criteria).ok()?;
            Some((judgement, value, of.rows(estimated)))
        });
        let rowwise = self.rowwise.iter().filter_map(|(at, judgement)| {
            let mean = reading.metrics.get(*at)?.estimated?;
            Some((judgement, mean.value.0.ok()?, mean.rows))
        });
        let method = estimated_by(estimated);
        let shifts = known.chain(rowwise).filter_map(|(judgement, estimated, rows)| {
            let realized = Err(Undefined::NoTargets);
            let known = Known { estimated, method, rows, realized, errors: None };
            judgement.shift(&known, few, criteria)
        });
        shifts.collect()
    }

    /// The performance figure that leads: the first that is asked for and is no cell of several classes.
    pub(super) fn leading(&self) -> Option<&Asked> {
        self.performance.iter().map(|judgement| &judgement.of).find(|of| of.cell.is_none())
    }

    fn performance<'j>(
        &'j self,
        basis: Basis,
        performance: &'j Performance,
        unjudged: Option<Status>,
        criteria: &'j Criteria,
    ) -> impl Iterator<Item = Figure> + 'j {
        let (kind, method) = match basis {
            Basis::Estimated => (Kind::Estimated, estimated_by(performance)),
            Basis::Realized => (Kind::Realized, Method::Labelled),
        };
        self.performance.iter().map(move |judgement| {
            let value = judgement.of.value(performance, basis, criteria);
            let rows = judgement.of.rows(performance);
            Figure { method: Some(method), ..judgement.figure(kind, value, rows, unjudged) }
        })
    }

    /// What is estimated robust to covariate shift, held against the thresholds of the other estimate, and how many rows it
    /// can say nothing of.
    fn robust(&self, robust: &Robust, few: Option<Status>, criteria: &Criteria) -> Vec<Figure> {
        let of = |judgement: &Judgement| {
            let found = robust.performance.as_ref().map_err(|reason| *reason);
            let value =
                found.and_then(|found| judgement.of.value(found, Basis::Estimated, criteria));
            let rows = found.map_or(0, |found| judgement.of.rows(found));
            // What is known of the rows, and what of the reference's that stand for them.
            let wider = (1.0 + rows as f64 / robust.effective_rows).sqrt();
            let error = judgement.error_of(rows).map(|error| error * wider);
            let error = error.filter(|error| value.is_ok() && error.is_finite());
            let figure = judgement.figure_with(Kind::Estimated, value, error, few);
            Figure { method: Some(Method::Pape), ..figure }
        };
        let mut figures: Vec<Figure> = self.performance.iter().map(of).collect();
        let metric = Metric::SupportViolationRate;
        let outside = Judgement {
            of: metric.into(),
            limits: criteria.threshold(None, metric).limits(&[], Range::UNIT),
            error: Scatter::Unknown,
            range: Range::UNIT,
            unset: None,
            baseline: None,
        };
        let figure = outside.figure_with(Kind::Diagnosis, robust.outside.0, None, few);
        let breach = figure.breach.filter(|_| outside.limits != Limits::OPEN);
        figures.push(Figure { breach, ..figure });
        figures
    }

    /// The figures that targets change: of the rows that have one, of all rows as those stand for them, and what was
    /// estimated less that. `rows` are those of the window.
    pub(super) fn realized(
        &self,
        rows: u64,
        outcome: &Outcome,
        estimated: &[(Measure, f64)],
        criteria: &Criteria,
    ) -> Vec<Figure> {
        let few = (rows < criteria.min_rows).then_some(Status::TooFew);
        let low = low_coverage(outcome.targets(), outcome.rows, criteria);
        let unjudged = few.or(low);
        let mut figures: Vec<Figure> =
            self.performance(Basis::Realized, &outcome.labelled, unjudged, criteria).collect();
        let evidence = outcome.evidence.as_ref().map(early::figure);
        let relearnt = outcome.relearnt.as_ref();
        let concept = relearnt.map(|relearnt| self.concept(relearnt, unjudged, criteria));
        let beside = evidence.into_iter().chain(concept.into_iter().flatten());
        for (at, judgement) in &self.rowwise {
            let mean = outcome.rowwise.get(*at).map(|found| found.labelled);
            figures.extend(judgement.mean(Kind::Realized, Method::Labelled, mean, unjudged));
        }
        let stratified = &outcome.stratified;
        let Some(whole) = stratified.performance() else {
            figures.extend(beside);
            return figures;
        };
        let metric = Metric::EstimatedMinusRealized;
        let range = metric.spec().range;
        let limits = criteria.threshold(None, metric).limits(&[], range);
        let error = Scatter::Unknown;
        let difference =
            Judgement { of: metric.into(), limits, error, range, unset: None, baseline: None };
        let mut differences = Vec::new();
        let known = self.performance.iter().map(|judgement| {
            let of = &judgement.of;
            let value = stratified.value(of, criteria);
            (judgement, value, stratified.errors(of, criteria), of.rows(&whole))
        });
        let rowwise = self.rowwise.iter().filter_map(|(at, judgement)| {
            let found = outcome.rowwise.get(*at)?;
            let mean = found.stratified?;
            let errors = mean.ok().and_then(|mean| mean.errors);
            Some((judgement, mean.map(|mean| mean.mean), errors, found.rows))
        });
        for (judgement, realized, errors, with) in known.chain(rowwise) {
            let of = &judgement.of;
            let errors = errors.filter(|_| realized.is_ok());
            let missing = errors.map(|errors| errors.missing);
            figures.push(Figure {
                method: Some(Method::PostStratified),
                ..judgement.figure_with(Kind::Realized, realized, missing, unjudged)
            });
            let found = estimated.iter().find(|(measure, _)| *measure == of.measure);
            if let Some(&(_, estimated)) = found {
                // The scatter of so many rows, and what is not known of them yet.
                let scatter = judgement.error_of(with);
                let error = scatter.zip(missing).map(|(a, b)| libm::hypot(a, b));
                let value = realized.map(|realized| estimated - realized);
                let error = error.filter(|_| value.is_ok());
                let mut figure = difference.figure_with(Kind::Diagnosis, value, error, unjudged);
                // Without limits there is nothing to hold it against.
                figure.breach = figure.breach.filter(|_| limits != Limits::OPEN);
                figure.of = Some(of.measure.clone());
                figure.method = Some(Method::PostStratified);
                differences.push(figure);
                let method = estimated_by(&whole);
                let known = Known { estimated, method, rows, realized, errors };
                differences.extend(judgement.split(&known, few, unjudged, criteria));
            }
        }
        figures.extend(differences);
        figures.extend(beside);
        figures
    }
}

/// The judgements of the metrics over rows that are asked for, each with its place among the profile's; `few` where the
/// reference has too few windows to judge by.
fn over_rows(profile: &Profile, criteria: &Criteria, few: bool) -> Vec<(usize, Judgement)> {
    let readings = profile.windows.iter().map(|window| &window.reading);
    let enough = |reading: &&Reading| reading.rows >= criteria.min_rows;
    let readings: Vec<&Reading> = readings.filter(enough).collect();
    let judgement = |(at, metric): (usize, &RowMetric)| {
        let threshold = *criteria.rowwise.get(&metric.name)?;
        let value = |reading: &&Reading| reading.metrics.get(at)?.realized?.value.0.ok();
        let values: Vec<f64> = readings.iter().filter_map(value).collect();
        let windows = readings.iter().filter_map(|reading| {
            let RowReading { estimated, realized } = reading.metrics.get(at)?;
            let (estimated, realized) = (estimated.as_ref()?, realized.as_ref()?);
            Some((estimated.value.0.ok()?, realized.value.0.ok()?, realized.rows))
        });
        let judgement = Judgement {
            of: Asked::over_rows(&metric.name),
            limits: threshold.limits(&values, Range::ANY),
            error: metric.error.into(),
            range: Range::ANY,
            unset: (few && threshold.is_from_reference()).then_some(Status::TooFew),
            baseline: Baseline::of(&windows.collect::<Vec<_>>()).ok(),
        };
        Some((at, judgement))
    };
    profile.metrics.iter().enumerate().filter_map(judgement).collect()
}

/// How performance is estimated.
fn estimated_by(performance: &Performance) -> Method {
    match performance {
        Performance::Binary(_) | Performance::Multiclass(_) => Method::Cbpe,
        Performance::Regression(_) => Method::Dle,
    }
}

/// The performance figures that are asked for, with their thresholds.
fn all_asked<'a>(
    profile: &'a Profile,
    criteria: &'a Criteria,
) -> impl Iterator<Item = (Asked, Threshold)> + 'a {
    let known = criteria.performance.iter().flat_map(|&metric| asked(metric, profile));
    let known = known.map(|of| {
        let threshold = criteria.threshold(None, of.metric);
        (of, threshold)
    });
    let custom = criteria.custom.iter().filter_map(|custom| {
        let of = OverCells::new(&custom.formula, &profile.outputs)?;
        Some((Asked::custom(&custom.name, of), custom.threshold))
    });
    known.chain(custom)
}

/// The figures that a performance metric has.
fn asked(metric: Metric, profile: &Profile) -> Vec<Asked> {
    match &profile.outputs {
        Outputs::None => Vec::new(),
        Outputs::Multiclass(several) if metric == Metric::ConfusionMatrix => {
            let classes = || several.classes.iter().enumerate();
            let cell = |(truth, of): (usize, &Class), (at, predicted): (usize, &Class)| Asked {
                measure: Measure::cell(&of.label, &predicted.label),
                metric,
                cell: Some([truth, at]),
                custom: None,
            };
            classes().flat_map(|truth| classes().map(move |at| cell(truth, at))).collect()
        }
        Outputs::Binary(_) | Outputs::Multiclass(_) | Outputs::Regression(_) => vec![metric.into()],
    }
}

impl Asked {
    /// Its value in a window.
    pub(super) fn value(
        &self,
        performance: &Performance,
        basis: Basis,
        criteria: &Criteria,
    ) -> Result<f64, Undefined> {
        if let Some(formula) = &self.custom {
            return formula.value(performance);
        }
        match performance {
            Performance::Binary(found) => binary::value(self.metric, found, basis, criteria),
            Performance::Multiclass(found) => multiclass::value(self, found, basis, criteria),
            Performance::Regression(found) => regression::value(self.metric, found),
        }
    }

    /// The rows that it is of.
    fn rows(&self, performance: &Performance) -> u64 {
        match performance {
            Performance::Binary(found) => binary::rows(self.metric, found),
            Performance::Multiclass(found) => multiclass::rows(self, found),
            Performance::Regression(found) => found.predicted,
        }
    }

    /// What the whole reference says about its scatter.
    fn error(&self, outputs: &Outputs, criteria: &Criteria) -> Scatter {
        if let Some(formula) = &self.custom {
            let shares = OverCells::shares(outputs);
            return shares
                .map_or(Scatter::Unknown, |shares| Scatter::OfCells(Arc::clone(formula), shares));
        }
        let known = match outputs {
            Outputs::None => None,
            Outputs::Binary(found) => {
                let whole = found.performance.as_ref();
                whole.and_then(|whole| binary::error(self.metric, whole, criteria))
            }
            Outputs::Multiclass(found) => {
                let whole = found.performance.as_ref();
                whole.and_then(|whole| multiclass::error(self, whole, criteria))
            }
            Outputs::Regression(found) => regression::error(self.metric, found),
        };
        known.into()
    }

    /// A metric of the user's own over rows.
    fn over_rows(name: &str) -> Self {
        Self {
            measure: Measure::Custom(name.into()),
            metric: Metric::ConfusionMatrix,
            cell: None,
            custom: None,
        }
    }

    /// A metric of the user's own.
    fn custom(name: &Arc<str>, formula: OverCells) -> Self {
        Self {
            measure: Measure::Custom(Arc::clone(name)),
            metric: Metric::ConfusionMatrix,
            cell: None,
            custom: Some(Arc::new(formula)),
        }
    }
}

impl From<Metric> for Asked {
    fn from(metric: Metric) -> Self {
        Self { measure: metric.into(), metric, cell: None, custom: None }
    }
}

impl Judgement {
    /// The sampling error of so many rows.
    fn error_of(&self, rows: u64) -> Option<f64> {
        match &self.error {
            Scatter::Unknown => None,
            Scatter::Known(error) => error.for_rows(rows).ok(),
            Scatter::OfCells(formula, shares) => formula.error(shares, rows),
        }
    }

    /// `unjudged` says why a value is not held against its limits.
    fn figure(
        &self,
        kind: Kind,
        value: Result<f64, Undefined>,
        rows: u64,
        unjudged: Option<Status>,
    ) -> Figure {
        self.figure_with(kind, value, self.error_of(rows).filter(|_| value.is_ok()), unjudged)
    }

    /// That of a mean over rows; `None` where there is none.
    fn mean(
        &self,
        kind: Kind,
        method: Method,
        mean: Option<RowMean>,
        unjudged: Option<Status>,
    ) -> Option<Figure> {
        let RowMean { rows, value } = mean?;
        let figure = self.figure(kind, value.0, rows, unjudged);
        Some(Figure { method: Some(method), ..figure })
    }

    fn figure_with(
        &self,
        kind: Kind,
        value: Result<f64, Undefined>,
        error: Option<f64>,
        unjudged: Option<Status>,
    ) -> Figure {
        let unjudged = unjudged.or(self.unset);
        let limits = if self.unset.is_some() { Limits::OPEN } else { self.limits };
        let bounds =
            value.ok().zip(error).map(|(value, error)| confidence(value, error, self.range));
        Figure {
            kind,
            metric: self.of.measure.clone(),
            method: None,
            column_name: None,
            of: None,
            ranked_by: None,
            value: value.ok(),
            sampling_error: error,
            lower_confidence: bounds.map(|(lower, _)| lower),
            upper_confidence: bounds.map(|(_, upper)| upper),
            lower_threshold: limits.lower,
            upper_threshold: limits.upper,
            p_value: None,
            breach: match (value, unjudged) {
                (Ok(value), None) => Some(limits.breached_by(value)),
                _ => None,
            },
            status: match value {
                Ok(_) => unjudged.unwrap_or(Status::Ok),
                Err(reason) => reason.into(),
            },
        }
    }
}

fn low_coverage(labelled: u64, rows: u64, criteria: &Criteria) -> Option<Status> {
    ((labelled as f64) < criteria.min_coverage * rows as f64).then_some(Status::LowCoverage)
}

/// Targets are known to come later, so that some are missing says nothing about the data.
fn is_told(metric: Metric, column: &Column) -> bool {
    column.role != Role::Target || metric != Metric::MissingRate
}

/// The values that a metric can take in the form that is asked for.
fn range(metric: Metric, criteria: &Criteria) -> Range {
    match metric {
        _ if is_cell(metric) && criteria.confusion != Normalization::None => Range::UNIT,
        _ if metric.spec().family == Family::Quality && !criteria.rates => Range::POSITIVE,
        _ => metric.spec().range,
    }
}

/// Whether a metric is a cell of the confusion matrix, or all of them.
fn is_cell(metric: Metric) -> bool {
    use Metric::{ConfusionMatrix, FalseNegative, FalsePositive, TrueNegative, TruePositive};
    matches!(metric, ConfusionMatrix | TruePositive | TrueNegative | FalsePositive | FalseNegative)
}

/// A figure of a column.
fn column_value(
    metric: Metric,
    column: &ColumnReading,
    rows: u64,
    criteria: &Criteria,
) -> ColumnValue {
    let count = match metric {
        Metric::MissingRate => column.missing,
        Metric::UnseenRate => column.unseen,
        Metric::OutOfRangeRate => column.out_of_range,
        _ => {
            let found = column.get(metric).copied();
            return found.unwrap_or_else(|| ColumnValue::plain(metric, Err(Undefined::Empty)));
        }
    };
    let value = match rows {
        0 => Err(Undefined::Empty),
        _ if criteria.rates => Ok(count as f64 / rows as f64),
        _ => Ok(count as f64),
    };
    ColumnValue::plain(metric, value)
}

fn column_error(metric: Metric, column: &Column, criteria: &Criteria) -> Option<SamplingError> {
    match (metric, &column.values) {
        (Metric::MissingRate, _) if criteria.rates => {
            SamplingError::missing_rate(column.missing, column.rows).ok()
        }
        (Metric::MissingRate, _) => SamplingError::missing_count(column.missing, column.rows).ok(),
        (Metric::Mean, Values::Continuous(reference)) => reference.errors.mean,
        (Metric::StandardDeviation, Values::Continuous(reference)) => {
            reference.errors.standard_deviation
        }
        (Metric::Median, Values::Continuous(reference)) => reference.errors.median,
        (Metric::Sum, Values::Continuous(reference)) => reference.errors.sum,
        _ => None,
    }
}
