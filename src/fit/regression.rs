//! The outputs of a regression in the reference: how far it was off, and where.

use arrow::array::Array;

use crate::batch::{Rows, Values as Data};
use crate::fit::FitError;
use crate::fit::column::open_counts;
use crate::fit::losses::{Table, grow};
use crate::metric::Metric;
use crate::profile::{Bins, Outputs, Profile, ReferenceLoss, Regression, Role};
use crate::stats::{Loss, SamplingError, Undefined, decile_cuts, mean};

/// What is known before the rows have been looked at.
pub(super) fn unknown() -> Regression {
    let loss = ReferenceLoss {
        greatest: 0.0,
        error: None,
        root_error: None,
        model: Err(Undefined::NoTargets),
    };
    Regression { losses: [loss.clone(), loss.clone(), loss.clone(), loss], errors: None }
}

/// Finds out how far the reference as a whole strays, and grows what expects its losses.
pub(super) fn weigh(profile: &mut Profile, batches: &[Rows]) -> Result<(), FitError> {
    let find = |role| profile.columns.iter().position(|column| column.role == role);
    let (Some(prediction), Some(target)) = (find(Role::Prediction), find(Role::Target)) else {
        let note =
            "nothing is expected of predictions: the reference has no targets, or no predictions";
        profile.provenance.notes.push(note.to_owned());
        return Ok(());
    };
    let (usable, pairs) = both(batches, prediction, target);
    let table = Table::new(profile, batches, &usable);
    let mut known = Regression { errors: errors(&pairs), ..unknown() };
    for (loss, known) in Loss::ALL.into_iter().zip(&mut known.losses) {
        match measure(loss, &pairs, known) {
            Err(reason) => known.model = Err(reason),
            Ok(losses) => {
                known.model = match grow(&table, &losses) {
                    Ok(model) => Ok(model),
                    Err(reason) => {
                        return Err(FitError::Losses { model: profile.model.clone(), reason });
                    }
                };
            }
        }
    }
    let notes = &mut profile.provenance.notes;
    let all = Loss::ALL.into_iter().zip(&known.losses);
    for (loss, reason) in all.filter_map(|(loss, known)| Some((loss, known.model.as_ref().err()?)))
    {
        let metrics = Metric::names_of(loss).join(" and ");
        let why = match reason {
            Undefined::Negative => "it has targets or predictions below 0",
            Undefined::Infinite => "a loss of its rows, or their sum, is too great",
            _ => "no row has a target and a prediction",
        };
        notes.push(format!("the reference has no {metrics}: {why}"));
    }
    profile.outputs = Outputs::Regression(Box::new(known));
    Ok(())
}

/// Finds out how far a segment of the reference strays: what expects the losses of its rows is that of the whole.
pub(super) fn weigh_segment(profile: &mut Profile, batches: &[Rows]) {
    let find = |role| profile.columns.iter().position(|column| column.role == role);
    let (Some(prediction), Some(target)) = (find(Role::Prediction), find(Role::Target)) else {
        return;
    };
    let (_, pairs) = both(batches, prediction, target);
    let mut known = unknown();
    for (loss, known) in Loss::ALL.into_iter().zip(&mut known.losses) {
        if let Err(reason) = measure(loss, &pairs, known) {
            known.model = Err(reason);
        }
    }
    profile.outputs = Outputs::Regression(Box::new(known));
}

/// Which rows have both a target and a prediction, by batch, and what these are.
fn both(batches: &[Rows], prediction: usize, target: usize) -> (Vec<Vec<usize>>, Vec<(f64, f64)>) {
    let mut usable: Vec<Vec<usize>> = Vec::new();
    let mut pairs: Vec<(f64, f64)> = Vec::new();
    for batch in batches {
        let (targets, predictions) = (numbers(batch, target), numbers(batch, prediction));
        let both = targets.zip(predictions).enumerate();
        let both =
            both.filter_map(|(row, (target, prediction))| Some((row, (target?, prediction?))));
        let (rows, values): (Vec<_>, Vec<_>) = both.unzip();
        usable.push(rows);
        pairs.extend(values);
    }
    (usable, pairs)
}

/// How often predictions are how far off, between the deciles.
fn errors(pairs: &[(f64, f64)]) -> Option<Bins> {
    let far = pairs.iter().map(|(target, prediction)| (target - prediction).abs());
    let mut errors: Vec<f64> = far.filter(|error| error.is_finite()).collect();
    let edges = decile_cuts(&errors).ok()?;
    errors.sort_unstable_by(f64::total_cmp);
    Some(Bins { counts: open_counts(&errors, &edges), edges })
}

/// How far a loss strays; the losses of all rows, or why there are none.
fn measure(
    loss: Loss,
    pairs: &[(f64, f64)],
    known: &mut ReferenceLoss,
) -> Result<Vec<f64>, Undefined> {
    let losses: Vec<f64> = pairs
        .iter()
        .map(|&(target, prediction)| loss.of(target, prediction))
        .collect::<Result<_, Undefined>>()?;
    match mean(&losses) {
        Ok(_) => {}
        Err(Undefined::Empty) => return Err(Undefined::NoTargets),
        Err(reason) => return Err(reason),
    }
    known.greatest = losses.iter().copied().fold(0.0, f64::max);
    known.error = SamplingError::mean_loss(&losses).ok();
    known.root_error = SamplingError::root_mean_loss(&losses).ok();
    Ok(losses)
}

/// The numbers of a column; `None` where one is missing, or infinite: from such a row nothing can be learned.
fn numbers(batch: &Rows, column: usize) -> impl Iterator<Item = Option<f64>> {
    let values = match &batch.columns[column].values {
        Data::Numbers(values) => Some(values),
        Data::Labels(_) | Data::Vectors(_) => None,
    };
    (0..batch.len()).map(move |row| {
        let values = values.filter(|values| values.is_valid(row))?;
        Some(values.value(row)).filter(|value| value.is_finite())
    })
}
