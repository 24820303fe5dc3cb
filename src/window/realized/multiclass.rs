//! Realized performance of a classifier of several classes.

use crate::metric::Metric;
use crate::profile::{Measured, MulticlassPerformance, Performance};
use crate::stats::{
    Confusion, Normalization, OfOnePrediction, PostStratifiedConfusion, PostStratifiedRanking,
    StratifiedErrors, Undefined, ValueNormalization, Weighed, mean_average_precision, mean_roc_auc,
};
use crate::window::criteria::Criteria;
use crate::window::judge::Asked;
use crate::window::outcome::{Deciles, LabelledCurve, MulticlassPlan, MulticlassRealized};
use crate::window::realized::binary::of_two_classes;
use crate::window::realized::{Outcome, Stratified};

/// Performance of all rows, from those that have a target.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::window) struct MulticlassStratified {
    pub(in crate::window) performance: MulticlassPerformance,
    cells: Result<PostStratifiedConfusion, Undefined>,
    roc_auc: Result<Weighed, Undefined>,
    average_precision: Result<Weighed, Undefined>,
}

/// Rows of a window that can have a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::window) struct StrataOfSeveral {
    /// Those with all scores and a prediction, by stratum.
    pub(in crate::window) predicted: Vec<u64>,
    /// Those with all scores, by the decile of the score of each class.
    pub(in crate::window) scored: Vec<Vec<u64>>,
}

impl Outcome {
    /// Measures it: what was given, without what was taken back again. `rows` can have a target.
    ///
    /// Exact while the curves are: beyond 16,384 distinct scores of a class a target that was taken back leaves the bin that
    /// is nearest to its score.
    pub(in crate::window) fn of_several_classes(
        plan: &MulticlassPlan,
        given: &mut MulticlassRealized,
        taken: Option<&mut MulticlassRealized>,
        rows: u64,
        strata: &StrataOfSeveral,
    ) -> Self {
        let nothing = &mut plan.realized();
        let taken = taken.unwrap_or(nothing);
        let in_stratum = |stratum: usize| OfOnePrediction {
            predicted: plan.predicted_in(stratum),
            by_truth: (0..plan.classes)
                .map(|truth| {
                    let given = given.in_stratum(plan, stratum, truth);
                    given.saturating_sub(taken.in_stratum(plan, stratum, truth)) as f64
                })
                .collect(),
        };
        let counted = (0..plan.strata()).map(in_stratum).collect();
        let (labelled, curves) = given.measure_without(taken);
        let stratified = if strata.predicted.is_empty() {
            // Without scores there are no strata.
            Stratified::None
        } else {
            let cells = PostStratifiedConfusion::new(plan.classes, &strata.predicted, counted);
            let found = MulticlassStratified::new(plan, &labelled, strata, cells, &curves);
            Stratified::Multiclass(Box::new(found))
        };
        let labelled = Performance::Multiclass(labelled);
        Self { rows, labelled, stratified, evidence: None, rowwise: Vec::new(), relearnt: None }
    }
}

impl MulticlassStratified {
    fn new(
        plan: &MulticlassPlan,
        labelled: &MulticlassPerformance,
        strata: &StrataOfSeveral,
        cells: Result<PostStratifiedConfusion, Undefined>,
        curves: &[LabelledCurve],
    ) -> Self {
        // Each class against the rest, by strata of its own score.
        let of_class = |((curve, rows), deciles): ((&LabelledCurve, &Vec<u64>), &Deciles)| {
            let stratum = |score: f64| deciles.stratum(score);
            let bins: Vec<_> = curve.iter().map(|(score, bin)| (stratum(*score), *bin)).collect();
            PostStratifiedRanking::new(rows, &bins)
        };
        let classes = curves.iter().zip(&strata.scored).zip(&plan.deciles).map(of_class);
        let rankings: Result<Vec<PostStratifiedRanking>, Undefined> = classes.collect();
        let values = |of: fn(&PostStratifiedRanking) -> Result<Weighed, Undefined>| {
            rankings.as_ref().map_or_else(
                |&reason| vec![Err(reason)],
                |rankings| rankings.iter().map(of).collect(),
            )
        };
        let areas = values(|ranking| ranking.roc_auc);
        let precisions = values(|ranking| ranking.average_precision);
        let first = |found: &Result<Weighed, Undefined>| found.map(|(value, _)| value);
        let roc_auc = mean_roc_auc(areas.iter().map(first)).map(|area| (area, most(&areas)));
        let average_precision = mean_average_precision(precisions.iter().map(first), 2)
            .map(|value| (value, most(&precisions)));
        let rows = |rows: &Vec<u64>| rows.iter().sum();
        let performance = MulticlassPerformance {
            usable: labelled.usable,
            predicted: if cells.is_ok() { rows(&strata.predicted) } else { 0 },
            scored: strata.scored.first().map_or(0, rows),
            cells: cells.as_ref().map(PostStratifiedConfusion::confusion).unwrap_or_default(),
            roc_auc: Measured(roc_auc.map(|(area, _)| area)),
            average_precision: Measured(average_precision.map(|(value, _)| value)),
        };
        Self { performance, cells, roc_auc, average_precision }
    }

    /// Why no metric of the cells has a value, where none has.
    pub(in crate::window) fn refused(&self, metric: Metric) -> Option<Undefined> {
        match metric {
            Metric::RocAuc => self.roc_auc.err(),
            Metric::AveragePrecision => self.average_precision.err(),
            _ => self.cells.as_ref().err().copied(),
        }
    }

    /// The standard errors of a metric, to first order.
    pub(in crate::window) fn errors(
        &self,
        of: &Asked,
        criteria: &Criteria,
    ) -> Option<StratifiedErrors> {
        match of.metric {
            Metric::RocAuc => return self.roc_auc.ok()?.1,
            Metric::AveragePrecision => return self.average_precision.ok()?.1,
            _ => {}
        }
        let cells = &self.performance.cells;
        let slopes = match &of.custom {
            Some(formula) => {
                let slopes = formula.slopes(&cells.cells())?;
                slopes.chunks(cells.classes() + 1).map(<[f64]>::to_vec).collect()
            }
            None => slopes(of, cells, criteria)?,
        };
        self.cells.as_ref().ok()?.errors(&slopes)
    }
}

/// The standard errors of a mean over the classes, at most: as if the classes strayed together.
fn most(classes: &[Result<Weighed, Undefined>]) -> Option<StratifiedErrors> {
    let errors: Option<Vec<StratifiedErrors>> =
        classes.iter().flatten().map(|(_, errors)| *errors).collect();
    let errors = errors.filter(|errors| !errors.is_empty())?;
    let mean =
        |of: fn(&StratifiedErrors) -> f64| errors.iter().map(of).sum::<f64>() / errors.len() as f64;
    Some(StratifiedErrors {
        missing: mean(|errors| errors.missing),
        drawn: mean(|errors| errors.drawn),
        learnt: mean(|errors| errors.learnt),
    })
}

/// How a metric changes with each cell: `[true class][predicted class]`.
fn slopes(of: &Asked, cells: &Confusion, criteria: &Criteria) -> Option<Vec<Vec<f64>>> {
    let classes = cells.classes();
    let by_cell = |slope: &dyn Fn(usize, usize) -> f64| -> Vec<Vec<f64>> {
        let row = |truth| (0..=classes).map(|predicted| slope(truth, predicted)).collect();
        (0..classes).map(row).collect()
    };
    // The slopes of a sum over the cells, or of its share of another.
    let share = |above: &dyn Fn(usize, usize) -> f64, below: &dyn Fn(usize, usize) -> f64| {
        let sum = |weight: &dyn Fn(usize, usize) -> f64| -> f64 {
            let row = |truth| {
                (0..=classes).map(move |at| cells.cell(truth, at) * weight(truth, at)).sum::<f64>()
            };
            (0..classes).map(row).sum()
        };
        let (top, bottom) = (sum(above), sum(below));
        (bottom > 0.0).then(|| {
            by_cell(&|truth, at| (above(truth, at) - top / bottom * below(truth, at)) / bottom)
        })
    };
    let one = |is: bool| if is { 1.0 } else { 0.0 };
    match (of.metric, of.cell) {
        (Metric::Accuracy, _) => share(&|truth, at| one(truth == at), &|_, _| 1.0),
        (Metric::BusinessValue, _) => {
            let worth = criteria.business_value.as_ref()?;
            let of = |truth: usize, at: usize| {
                worth.get(truth).and_then(|worth| worth.get(at)).copied().unwrap_or(0.0)
            };
            match criteria.business {
                ValueNormalization::None => Some(by_cell(&of)),
                ValueNormalization::PerPrediction => share(&of, &|_, _| 1.0),
            }
        }
        (_, Some([truth, predicted])) => {
            let this = |of: usize, at: usize| one(of == truth && at == predicted);
            match criteria.confusion {
                Normalization::None => Some(by_cell(&this)),
                Normalization::All => share(&this, &|_, at| one(at < classes)),
                Normalization::True => share(&this, &|of, at| one(of == truth && at < classes)),
                Normalization::Pred => share(&this, &|_, at| one(at == predicted)),
            }
        }
        (metric, None) => {
            let (above, below) = of_two_classes(metric, criteria)?;
            Some(cells.slopes_of_mean(above, below?))
        }
    }
}
