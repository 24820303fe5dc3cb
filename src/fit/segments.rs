//! The references of segments: the same as that of the whole, made of a part of its rows.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use arrow::array::Array;

use crate::batch::{Rows, Values as Data, Vectors};
use crate::fit::column::fit_column;
use crate::fit::reconstruction::fit_reconstruction;
use crate::fit::sample::fit_sample;
use crate::fit::{FitError, Predicts, binary, multiclass, regression, rowwise};
use crate::metric::ColumnKind;
use crate::profile::{
    Beside, Column, Embedding, Outputs, Placer, Profile, Provenance, Role, Segment,
    SegmentReference, Segments, Split, Values, count_values, in_words,
};

/// Which segments to make.
#[derive(Clone, Debug, Default)]
pub struct SegmentSpec {
    /// How rows are told apart.
    pub splits: Vec<Split>,
    /// Whether the slices where the model does worst are segments too.
    pub slices: bool,
    /// Columns that are read for segments alone, by name.
    pub beside: Vec<String>,
    /// What stands there, batch by batch, and which rows fulfil the conditions.
    pub told: Vec<Beside>,
    /// A segment with fewer rows has no reference of its own.
    pub min_rows: u64,
    /// At most so many segments.
    pub max: u64,
    /// Whether whole distributions are kept.
    pub distributions: bool,
}

/// From so many rows with score and target on a segment's scores are calibrated by themselves: with fewer, an isotonic
/// fit follows their noise more than it mends (Niculescu-Mizil and Caruana 2005).
const OWN_CALIBRATION: usize = 1000;

/// Segments have components of their own where all of these together hold at most so many numbers, and are measured by
/// the whole's where they would hold more: some megabytes of a profile.
const OWN_COMPONENTS: usize = 500_000;

/// So many segments, those with the most rows, are told apart from their reference by a classifier: each has a sample in
/// the profile and in every window, and takes as long as the whole.
const TOLD_APART: usize = 20;

/// Finds out which segments there are, and which row is in which.
pub(super) fn find_segments(
    profile: &mut Profile,
    spec: &SegmentSpec,
    batches: &mut [Rows],
) -> Result<(), FitError> {
    let mut splits = spec.splits.clone();
    let found = profile.slices.iter().filter(|_| spec.slices).flat_map(|slices| &slices.all);
    splits.extend(found.map(|slice| Split::Slice(slice.conditions.clone())));
    let all = choose(profile, spec, &splits, batches)?;
    let mut segments = Segments {
        min_rows: spec.min_rows,
        max: spec.max,
        distributions: spec.distributions,
        beside: spec.beside.clone(),
        splits,
        slices: spec.slices,
        all,
    };
    let placer = Placer::new(&segments, &profile.columns);
    let nothing = Beside::default();
    for (index, batch) in batches.iter_mut().enumerate() {
        let beside = spec.told.get(index).unwrap_or(&nothing);
        batch.segments = placer.place(batch.len(), &batch.columns, beside);
        for &segment in batch.segments.iter().flat_map(|split| split.iter()) {
            if let Some(segment) = segments.all.get_mut(usize::from(segment)) {
                segment.rows += 1;
            }
        }
    }
    for segment in segments.all.iter().filter(|segment| segment.rows < spec.min_rows) {
        if !segment.is_other(&segments.splits) {
            profile.provenance.notes.push(format!(
                "segment `{}` has {} rows in the reference and is only counted",
                segment.name, segment.rows
            ));
        }
    }
    profile.segments = Some(Box::new(segments));
    Ok(())
}

/// Values that may become a segment.
struct Candidate {
    split: usize,
    name: String,
    values: Vec<Vec<String>>,
    rows: u64,
}

/// The segments without their rows: of the values the most frequent, as many as there may be.
fn choose(
    profile: &Profile,
    spec: &SegmentSpec,
    splits: &[Split],
    batches: &[Rows],
) -> Result<Vec<Segment>, FitError> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for (split, by) in splits.iter().enumerate() {
        let Split::Columns(columns) = by else { continue };
        let found = candidates_of(profile, spec, batches, split, columns)?;
        let largest = found.iter().map(|candidate| candidate.rows).max().unwrap_or(0);
        if largest < spec.min_rows {
            return Err(FitError::SmallSegments {
                model: profile.model.clone(),
                columns: columns.join(", "),
                largest,
                min_rows: spec.min_rows,
            });
        }
        candidates.extend(found);
    }
    // Conditions are asked for by name, and every other split has its `other`.
    let room = spec.max.saturating_sub(splits.len() as u64);
    candidates.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.split.cmp(&b.split)));
    candidates.truncate(usize::try_from(room).unwrap_or(usize::MAX));
    candidates.sort_by(|a, b| a.split.cmp(&b.split).then_with(|| a.name.cmp(&b.name)));
    let mut all = Vec::new();
    for (split, by) in splits.iter().enumerate() {
        let segment =
            |name: String, values| Segment { name, split, values, rows: 0, reference: None };
        match by {
            Split::Where { name, .. } => all.push(segment(name.clone(), Vec::new())),
            Split::Slice(conditions) => all.push(segment(in_words(conditions), Vec::new())),
            Split::Columns(columns) => {
                let chosen = candidates.iter().filter(|candidate| candidate.split == split);
                all.extend(chosen.map(|of| segment(of.name.clone(), of.values.clone())));
                all.push(segment(Split::name_of_other(columns), Vec::new()));
            }
        }
    }
    Ok(all)
}

/// What a split by columns could make of the rows.
fn candidates_of(
    profile: &Profile,
    spec: &SegmentSpec,
    batches: &[Rows],
    split: usize,
    columns: &[String],
) -> Result<Vec<Candidate>, FitError> {
    let named = |column: &&Column| columns.contains(&column.name);
    if let Some(target) =
        profile.columns.iter().filter(named).find(|column| column.role == Role::Target)
    {
        return Err(FitError::TargetSegments {
            model: profile.model.clone(),
            column: target.name.clone(),
        });
    }
    let vectors = |column: &&Column| column.kind() == ColumnKind::Embedding;
    if let Some(column) = profile.columns.iter().filter(named).find(vectors) {
        return Err(FitError::VectorSegments {
            model: profile.model.clone(),
            column: column.name.clone(),
        });
    }
    let mut counts: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    for (index, batch) in batches.iter().enumerate() {
        let names = profile.columns.iter().map(|column| column.name.as_str());
        let mut known: Vec<_> = names.zip(&batch.columns).collect();
        let beside = spec.told.get(index).map(|told| told.columns.as_slice()).unwrap_or_default();
        known.extend(spec.beside.iter().map(String::as_str).zip(beside));
        if count_values(columns, &known, batch.len(), &mut counts).is_none() {
            let unknown = |name: &&String| !known.iter().any(|(known, _)| known == name);
            return Err(FitError::NoSegmentColumn {
                model: profile.model.clone(),
                column: columns.iter().find(unknown).cloned().unwrap_or_default(),
            });
        }
    }
    // Values whose names are the same, for their own commas, are one segment; and so are those called `other` with the
    // rest.
    let other = Split::name_of_other(columns);
    let mut by_name: BTreeMap<String, (Vec<Vec<String>>, u64)> = BTreeMap::new();
    for (values, rows) in counts {
        let name = Split::name_of(columns, values.iter().map(String::as_str));
        let (all, count) = by_name.entry(name).or_default();
        all.push(values);
        *count += rows;
    }
    by_name.remove(&other);
    let candidate = |(name, (values, rows))| Candidate { split, name, values, rows };
    Ok(by_name.into_iter().map(candidate).collect())
}

/// Gives every segment that has enough rows a reference of its own; its windows are still to be measured.
pub(super) fn fit_references(
    profile: &mut Profile,
    predicts: &Predicts,
    batches: &[Rows],
) -> Result<(), FitError> {
    let Some(mut segments) = profile.segments.take() else { return Ok(()) };
    // Which rows of each batch are in a segment: once for all of them.
    let mut places: Vec<Vec<Vec<u32>>> = vec![vec![Vec::new(); batches.len()]; segments.all.len()];
    for (index, batch) in batches.iter().enumerate() {
        for split in &batch.segments {
            for (row, &segment) in (0..).zip(split.iter()) {
                if let Some(places) = places.get_mut(usize::from(segment)) {
                    places[index].push(row);
                }
            }
        }
    }
    let with_reference = |segment: &Segment| segment.rows >= segments.min_rows;
    let own_components = profile.reconstruction.as_ref().is_some_and(|whole| {
        let referenced = segments.all.iter().filter(|of| with_reference(of)).count();
        have_own_components(whole.features.len(), referenced)
    });
    let sampled = largest(&segments, TOLD_APART);
    for (index, (segment, places)) in segments.all.iter_mut().zip(places).enumerate() {
        if segment.rows < segments.min_rows {
            continue;
        }
        let picked = batches.iter().zip(places).filter(|(_, places)| !places.is_empty());
        let rows: Vec<Rows> = picked.map(|(batch, places)| batch.pick(&places)).collect();
        let own = Own {
            distributions: segments.distributions,
            components: own_components,
            sample: profile.sample.is_some() && sampled.contains(&index),
        };
        let reference = fit_reference(profile, predicts, &own, rows)?;
        segment.reference = Some(Box::new(reference));
    }
    profile.segments = Some(segments);
    Ok(())
}

/// Whether so many segments may have components of their own, of so many features.
const fn have_own_components(features: usize, segments: usize) -> bool {
    features * features * segments <= OWN_COMPONENTS
}

/// The segments with the most rows; of as large ones the first.
fn largest(segments: &Segments, most: usize) -> BTreeSet<usize> {
    let mut order: Vec<usize> = (0..segments.all.len()).collect();
    order.sort_by_key(|&index| Reverse(segments.all[index].rows));
    order.into_iter().take(most).collect()
}

/// What a segment has of its own, beside columns and outputs.
struct Own {
    /// Whole distributions.
    distributions: bool,
    /// Principal components.
    components: bool,
    /// A sample.
    sample: bool,
}

/// The reference of a segment's rows.
fn fit_reference(
    whole: &Profile,
    predicts: &Predicts,
    own_parts: &Own,
    mut batches: Vec<Rows>,
) -> Result<SegmentReference, FitError> {
    let rows: u64 = batches.iter().map(|batch| batch.len() as u64).sum();
    let mut columns = Vec::new();
    let mut kept = Vec::new();
    for (index, column) in whole.columns.iter().enumerate() {
        if let Values::Embedding(whole) = &column.values {
            if let Some(column) = of_segment(column, whole, rows, index, &batches) {
                columns.push(column);
                kept.push(index);
            }
            continue;
        }
        let values = batches.iter().map(|batch| &batch.columns[index].values);
        let (name, role, kind) = (&column.name, column.role, column.kind());
        match fit_column(&whole.model, name, role, kind, rows, own_parts.distributions, values) {
            Ok(column) => {
                columns.push(column);
                kept.push(index);
            }
            // What has no value in the whole segment has nothing to be held against.
            Err(FitError::NoValues { .. } | FitError::Undefined { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    for batch in &mut batches {
        batch.columns = kept.iter().map(|&index| batch.columns[index].clone()).collect();
    }
    let outputs = match &whole.outputs {
        Outputs::None => Outputs::None,
        Outputs::Binary(binary) => Outputs::Binary(binary.of_segment()),
        Outputs::Multiclass(several) => Outputs::Multiclass(several.of_segment()),
        Outputs::Regression(_) => Outputs::Regression(Box::new(regression::unknown())),
    };
    let mut profile = Profile {
        model: whole.model.clone(),
        version: whole.version.clone(),
        problem: whole.problem,
        rule: whole.rule,
        inputs: Vec::new(),
        derived: Vec::new(),
        filter: None,
        columns,
        outputs,
        reconstruction: None,
        sample: None,
        concept: Vec::new(),
        segments: None,
        slices: None,
        metrics: Vec::new(),
        windows: Vec::new(),
        provenance: Provenance::default(),
    };
    let own = labelled(&profile, &batches) >= OWN_CALIBRATION;
    match predicts {
        Predicts::Nothing => {}
        Predicts::Number => regression::weigh_segment(&mut profile, &batches),
        Predicts::Binary(how) => {
            binary::weigh(&mut profile, own.then_some(how.calibration), &batches)?;
        }
        Predicts::Multiclass(how) => multiclass::weigh(&mut profile, how, own, &batches)?,
    }
    rowwise::fit_segment(&mut profile, whole, &batches);
    if own_parts.components {
        profile.reconstruction = fit_reconstruction(&profile, &batches);
    }
    if own_parts.sample {
        profile.sample = fit_sample(&profile, true, &mut batches);
    }
    profile.provenance = Provenance::default();
    Ok(SegmentReference { profile, columns: kept, own_calibration: own })
}

/// An embedding in a segment, whose vectors are measured by the whole's components; `None` where it has none.
fn of_segment(
    column: &Column,
    whole: &Embedding,
    rows: u64,
    index: usize,
    batches: &[Rows],
) -> Option<Column> {
    let (mut vectors, mut malformed) = (0, 0);
    for batch in batches {
        if let Data::Vectors(Vectors::Measured(of)) = &batch.columns[index].values {
            vectors += (of.errors.len() - of.errors.null_count()) as u64;
            malformed += of.malformed.as_ref().map_or(0, |of| of.count_set_bits() as u64);
        }
    }
    let embedding = Embedding { malformed, space: None, ..whole.clone() };
    let values = Values::Embedding(Box::new(embedding));
    (vectors > 0).then(|| Column {
        rows,
        missing: rows - vectors - malformed,
        values,
        ..column.clone()
    })
}

/// How many rows have all scores and a target.
fn labelled(profile: &Profile, batches: &[Rows]) -> usize {
    let of = |role| {
        let columns = profile.columns.iter().enumerate();
        columns.filter(move |(_, column)| column.role == role).map(|(index, _)| index)
    };
    let scores: Vec<usize> = of(Role::Score).collect();
    let Some(target) = of(Role::Target).next().filter(|_| !scores.is_empty()) else { return 0 };
    let rows_of = |batch: &Rows| {
        let scored =
            |row: usize| scores.iter().all(|&index| batch.columns[index].number(row).is_some());
        let told = |row: &usize| match &batch.columns[target].values {
            Data::Labels(_) => batch.columns[target].label(*row).is_some(),
            Data::Numbers(_) => batch.columns[target].number(*row).is_some(),
            Data::Vectors(_) => false,
        };
        (0..batch.len()).filter(told).filter(|&row| scored(row)).count()
    };
    batches.iter().map(rows_of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_of_segments_are_bounded_by_their_size() {
        assert!(have_own_components(10, 1000));
        assert!(have_own_components(100, 50));
        assert!(!have_own_components(100, 51));
        assert!(!have_own_components(1000, 1));
    }
}
