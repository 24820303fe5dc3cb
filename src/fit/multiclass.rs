//! The outputs of a model of several classes in the reference: its classes, calibration and sampling errors.

use arrow::array::{Array, Float64Array};

use crate::batch::{Rows, Values as Data, labels};
use crate::fit::binary::calibration;
use crate::fit::{FitError, SeveralClasses, Spec, used_labels};
use crate::profile::{
    CalibrationReason, Class, Multiclass, MulticlassReference, Outputs, Profile, Role, is_whole,
    same_label, sort_classes,
};
use crate::stats::{Confusion, SamplingError, ScoreBin};

/// Finds the classes: those that have a score, or where there are no scores those of targets and predictions.
pub(super) fn read(
    spec: &Spec,
    how: &SeveralClasses,
    batches: &[Rows],
) -> Result<Multiclass, FitError> {
    let mut classes: Vec<Class> = how
        .scores
        .iter()
        .map(|(label, column)| Class {
            label: label.clone(),
            score: Some(column.clone()),
            calibration: None,
        })
        .collect();
    let of_role = |wanted| {
        let column = spec.columns.iter().position(|(_, role, _)| *role == wanted)?;
        let mut found: Vec<String> = Vec::new();
        for label in batches.iter().flat_map(|batch| used_labels(&batch.columns[column].values)) {
            if !found.iter().any(|known| same_label(known, label)) {
                found.push(label.to_owned());
            }
        }
        sort_classes(&mut found, String::as_str);
        Some((spec.columns[column].0.clone(), found))
    };
    let (targets, predictions) = (of_role(Role::Target), of_role(Role::Prediction));
    if classes.is_empty() {
        for (_, found) in targets.into_iter().chain(predictions) {
            for label in found {
                if !classes.iter().any(|class| same_label(&class.label, &label)) {
                    classes.push(Class { label, score: None, calibration: None });
                }
            }
        }
        sort_classes(&mut classes, |class| &class.label);
        return Ok(Multiclass { classes, performance: None });
    }
    sort_classes(&mut classes, |class| &class.label);
    let twice = classes.iter().enumerate().find_map(|(at, class)| {
        let same = |other: &&Class| same_label(&other.label, &class.label);
        classes[..at].iter().find(same).map(|other| (other.label.clone(), class.label.clone()))
    });
    if let Some((one, other)) = twice {
        return Err(FitError::SameClass { model: spec.model.clone(), one, other });
    }
    let is_class = |label: &String| classes.iter().any(|class| same_label(&class.label, label));
    let listed = |labels: &mut dyn Iterator<Item = &String>| {
        labels.map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
    };
    let unknown =
        |column: String, strange: &mut dyn Iterator<Item = &String>| FitError::UndeclaredClass {
            model: spec.model.clone(),
            column,
            labels: listed(strange),
            classes: listed(&mut classes.iter().map(|class| &class.label)),
        };
    if let Some((column, found)) = targets
        && !found.iter().all(is_class)
    {
        return Err(unknown(column, &mut found.iter().filter(|label| !is_class(label))));
    }
    // A prediction may be none of the classes ("unknown"), but not always.
    if let Some((column, found)) = predictions
        && !found.is_empty()
        && !found.iter().any(is_class)
    {
        return Err(unknown(column, &mut found.iter()));
    }
    Ok(Multiclass { classes, performance: None })
}

/// Finds out what the scores are worth (where they are to be `calibrated`), and how far the reference as a whole strays.
pub(super) fn weigh(
    profile: &mut Profile,
    how: &SeveralClasses,
    calibrated: bool,
    batches: &[Rows],
) -> Result<(), FitError> {
    let Outputs::Multiclass(several) = &profile.outputs else { return Ok(()) };
    let mut several = several.clone();
    let outcomes = Outcomes::collect(profile, &several, batches)?;
    for (at, class) in several.classes.iter_mut().enumerate() {
        if class.score.is_none() || !calibrated {
            continue;
        }
        let is_class: Vec<bool> = outcomes.targets.iter().map(|&target| target == at).collect();
        let found = calibration(how.choice(&class.label), &outcomes.scores[at], &is_class);
        if found.reason == CalibrationReason::NotPossible {
            profile.provenance.notes.push(format!(
                "scores of class {} are taken as they are: the reference has too few targets of it, or of the others, to \
                 calibrate them",
                class.label
            ));
        }
        class.calibration = Some(found);
        if outcomes.has_target && !is_class.contains(&true) {
            let note = format!("class {} is no row's target in the reference", class.label);
            profile.provenance.notes.push(note);
        }
    }
    several.performance = outcomes.performance(several.classes.len());
    profile.outputs = Outputs::Multiclass(several);
    Ok(())
}

/// Scores, predictions and targets of the reference's rows.
struct Outcomes {
    has_target: bool,
    /// By class: scores of the rows that have all of them and a target.
    scores: Vec<Vec<f64>>,
    /// Targets of these rows.
    targets: Vec<usize>,
    /// Rows by target and prediction; those predicted as no class of the list last.
    cells: Vec<Vec<f64>>,
}

impl Outcomes {
    fn collect(
        profile: &Profile,
        several: &Multiclass,
        batches: &[Rows],
    ) -> Result<Self, FitError> {
        let find = |role| profile.columns.iter().position(|column| column.role == role);
        let (prediction, target) = (find(Role::Prediction), find(Role::Target));
        let columns = several.scores(&profile.columns).unwrap_or_default();
        let count = several.classes.len();
        let mut all = Self {
            has_target: target.is_some(),
            scores: vec![Vec::new(); count],
            targets: Vec::new(),
            cells: vec![vec![0.0; count + 1]; count],
        };
        let mut first = 0;
        let mut row_of = vec![0.0; columns.len()];
        for batch in batches {
            let scores: Vec<&Float64Array> = columns
                .iter()
                .filter_map(|&at| match &batch.columns[at].values {
                    Data::Numbers(scores) => Some(scores),
                    Data::Labels(_) | Data::Vectors(_) => None,
                })
                .collect();
            let classes = |column: Option<usize>, other: Option<usize>| match column {
                Some(at) => classes(several, &batch.columns[at].values, other),
                None => vec![None; batch.len()],
            };
            let predictions = classes(prediction, Some(count));
            let targets = classes(target, None);
            for row in 0..batch.len() {
                let mut complete = !scores.is_empty();
                for ((place, scores), &column) in row_of.iter_mut().zip(&scores).zip(&columns) {
                    *place = scores.value(row);
                    let known = scores.is_valid(row) && !place.is_nan();
                    complete &= known;
                    if known && !(0.0..=1.0).contains(place) {
                        return Err(FitError::NoProbability {
                            model: profile.model.clone(),
                            column: profile.columns[column].name.clone(),
                            row: first + row as u64,
                            value: *place,
                        });
                    }
                }
                let sum: f64 = row_of.iter().sum();
                if complete && !is_whole(sum, count) {
                    return Err(FitError::NotWhole {
                        model: profile.model.clone(),
                        row: first + row as u64,
                        sum,
                    });
                }
                let Some(target) = targets[row] else { continue };
                if let Some(predicted) = predictions[row] {
                    all.cells[target][predicted] += 1.0;
                }
                if complete {
                    for (scores, &score) in all.scores.iter_mut().zip(&row_of) {
                        scores.push(score);
                    }
                    all.targets.push(target);
                }
            }
            first += batch.len() as u64;
        }
        Ok(all)
    }

    /// The reference taken together; `None` without targets.
    fn performance(self, classes: usize) -> Option<MulticlassReference> {
        let cells = Confusion::new(self.cells.clone());
        if self.targets.is_empty() && cells.rows() == 0.0 {
            return None;
        }
        let bins: Vec<Vec<ScoreBin>> = (0..classes).map(|class| self.bins(class)).collect();
        let areas = bins.iter().map(|bins| SamplingError::roc_auc(bins.iter().copied()));
        let precisions =
            bins.iter().map(|bins| SamplingError::average_precision(bins.iter().copied()));
        Some(MulticlassReference {
            roc_auc: SamplingError::mean_roc_auc(areas).ok(),
            average_precision: SamplingError::mean_average_precision(precisions).ok(),
            cells,
        })
    }

    /// Rows by distinct score of a class, ascending.
    fn bins(&self, class: usize) -> Vec<ScoreBin> {
        let targets = self.targets.iter().map(|&target| target == class);
        let mut rows: Vec<(f64, bool)> = self.scores[class].iter().copied().zip(targets).collect();
        rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        rows.chunk_by(|a, b| a.0 == b.0)
            .map(|tied| {
                let positives = tied.iter().filter(|row| row.1).count();
                ScoreBin { positives: positives as f64, negatives: (tied.len() - positives) as f64 }
            })
            .collect()
    }
}

/// The class of every row; `other` for a label that is none.
fn classes(several: &Multiclass, values: &Data, other: Option<usize>) -> Vec<Option<usize>> {
    let Data::Labels(array) = values else { return vec![None; values.len()] };
    let of: Vec<Option<usize>> =
        labels(array).map(|label| several.class(label).or(other)).collect();
    array.keys().iter().map(|position| of[position? as usize]).collect()
}
