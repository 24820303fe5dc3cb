//! A sample of the reference's rows: codes, and what the model put out.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use arrow::array::{Array, DictionaryArray, Float64Array};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::Int32Type;
use xxhash_rust::xxh3::xxh3_64;

use crate::batch::{Rows, Values as Data, Vectors, labels};
use crate::profile::{
    Carried, Categorical, Codes, Coding, KeyedRows, MISSING, Outputs, Profile, Role, Sample,
    UNSEEN, Values,
};
use crate::stats::{CODES, MOST_ROWS};

/// A sample holds about so many bytes...
const BYTES: usize = 2_000_000;
/// ...that of a segment so many, and at most so many rows...
const SEGMENT_BYTES: usize = BYTES / 4;
const SEGMENT_ROWS: usize = MOST_ROWS / 4;
/// ...and any at least so many rows.
const LEAST_ROWS: usize = 1_000;
/// Cuts between codes: one code less than cells, and one for missing values.
const MOST_CUTS: usize = CODES - 2;
/// The code of the reference's labels that are too rare for one of their own.
const RARE: u8 = UNSEEN + 1;

/// The rows with the least keys; `None` where there are no features. That of a segment is smaller, and its rows carry
/// nothing of the model's outputs: it tells windows apart, and nothing else.
///
/// Where too many rows are the same and have no id, they get keys of their own, by their place: then no row of a later
/// window is known to be one of the reference.
pub(super) fn fit_sample(profile: &Profile, segment: bool, batches: &mut [Rows]) -> Option<Sample> {
    let columns = profile.columns.iter().enumerate();
    let features: Vec<(usize, Option<usize>)> = columns
        .filter(|(_, column)| column.role == Role::Feature)
        .flat_map(|(index, column)| {
            let parts = match column.values {
                Values::Embedding(_) => 1 + column.values.along(),
                Values::Continuous(_) | Values::Categorical(_) => 0,
            };
            let whole = (parts == 0).then_some((index, None));
            whole.into_iter().chain((0..parts).map(move |part| (index, Some(part))))
        })
        .collect();
    if features.is_empty() {
        return None;
    }
    let carried = (!segment).then(|| Carried::of(profile));
    let width = |carried: &Carried| carried.width() + usize::from(carried.target.is_some());
    let numbers = carried.as_ref().map_or(0, width);
    let of_row = features.len() + size_of::<u64>() + numbers * size_of::<f64>();
    let (bytes, most) =
        if segment { (SEGMENT_BYTES, SEGMENT_ROWS) } else { (BYTES, MOST_ROWS / 2) };
    let capacity = (bytes / of_row).clamp(LEAST_ROWS, most);
    let mut chosen = choose(batches, capacity);
    let keys = chosen.iter().map(|(key, ..)| *key).collect();
    let rows = batches.iter().map(|batch| batch.len() as u64).sum();
    if !(KeyedRows { keys, ..KeyedRows::default() }).choose_fairly(rows) {
        for batch in batches.iter_mut() {
            let key = |offset: &i64| xxh3_64(&offset.to_le_bytes());
            batch.keys = Some(batch.offsets.iter().map(key).collect::<ScalarBuffer<u64>>());
        }
        chosen = choose(batches, capacity);
    }
    let batches = &*batches;
    let codings: Vec<Coding> = features
        .into_iter()
        .map(|(column, part)| Coding {
            column,
            part,
            codes: match &profile.columns[column].values {
                Values::Continuous(reference) => {
                    let values = chosen.iter().filter_map(|&(_, at, row)| {
                        let Data::Numbers(values) = &batches[at].columns[column].values else {
                            return None;
                        };
                        values.is_valid(row).then(|| values.value(row))
                    });
                    let values = values.filter(|value| value.is_finite()).collect();
                    Codes::Cuts(cuts(values, (reference.least, reference.greatest)))
                }
                Values::Embedding(_) => {
                    let values = chosen.iter().filter_map(|&(_, at, row)| {
                        match &batches[at].columns[column].values {
                            Data::Vectors(Vectors::Measured(of)) => of.part(part?, row),
                            _ => None,
                        }
                    });
                    let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
                    let least = values.iter().copied().reduce(f64::min).unwrap_or(0.0);
                    let greatest = values.iter().copied().reduce(f64::max).unwrap_or(0.0);
                    Codes::Cuts(cuts(values, (least, greatest)))
                }
                Values::Categorical(reference) => Codes::Labels(codes(reference)),
            },
        })
        .collect();
    chosen.sort_unstable_by_key(|&(_, at, row)| (at, row));
    let mut rows = KeyedRows::default();
    for of_batch in chosen.chunk_by(|a, b| a.1 == b.1) {
        let batch = &batches[of_batch[0].1];
        let coded = codings.iter().map(|coding| Coded::of(coding, profile, batch));
        let coded: Vec<Coded<'_>> = coded.collect::<Option<_>>()?;
        let classes =
            carried.as_ref().map(|carried| classes(profile, carried, batch)).unwrap_or_default();
        for &(key, _, row) in of_batch {
            rows.keys.push(key);
            rows.codes.extend(coded.iter().map(|feature| feature.code(row)));
            if let Some(carried) = &carried {
                rows.carry(carried, batch, row, |column, row| *classes.get(&column)?.get(row)?);
            }
        }
    }
    rows.keep(capacity);
    Some(Sample { features: codings, capacity, carried, rows })
}

/// Gives keys to rows that have none.
pub(super) fn key_rows(profile: &Profile, batches: &mut [Rows]) {
    for batch in batches.iter_mut().filter(|batch| batch.keys.is_none()) {
        batch.keys = Some(profile.keys((0..batch.len()).map(|_| None), &batch.columns));
    }
}

/// The rows with the least keys, by key: with the batch and the row in it.
fn choose(batches: &[Rows], capacity: usize) -> Vec<(u64, usize, usize)> {
    let keyed = batches.iter().enumerate().flat_map(|(at, batch)| {
        let keys = batch.keys.iter().flat_map(|keys| keys.iter().copied());
        keys.enumerate().map(move |(row, key)| (key, at, row))
    });
    let mut chosen: Vec<(u64, usize, usize)> = keyed.collect();
    chosen.sort_unstable();
    chosen.truncate(capacity);
    chosen
}

/// The class of every row of a batch, by column of outputs.
fn classes(
    profile: &Profile,
    carried: &Carried,
    batch: &Rows,
) -> BTreeMap<usize, Vec<Option<usize>>> {
    let columns = carried.predicted.into_iter().chain(carried.target);
    let of = columns.filter_map(|column| {
        let Data::Labels(keys) = &batch.columns[column].values else { return None };
        // Of several classes a prediction may be none.
        let other = match &profile.outputs {
            Outputs::Multiclass(several) if carried.predicted == Some(column) => {
                Some(several.classes.len())
            }
            _ => None,
        };
        let known: Vec<Option<usize>> =
            labels(keys).map(|label| profile.class(label).or(other)).collect();
        let class = |row| known.get(keys.key(row)?).copied()?;
        Some((column, (0..batch.len()).map(class).collect()))
    });
    of.collect()
}

/// A feature of a batch.
enum Coded<'b> {
    Numbers(&'b Float64Array, &'b Codes),
    /// The code of each of the batch's own labels.
    Labels(&'b DictionaryArray<Int32Type>, Vec<u8>),
    Vectors(&'b Vectors, &'b Coding),
}

impl<'b> Coded<'b> {
    fn of(coding: &'b Coding, profile: &Profile, batch: &'b Rows) -> Option<Self> {
        match (&batch.columns[coding.column].values, &profile.columns[coding.column].values) {
            (Data::Numbers(values), _) => Some(Self::Numbers(values, &coding.codes)),
            (Data::Vectors(vectors), _) => Some(Self::Vectors(vectors, coding)),
            (Data::Labels(keys), Values::Categorical(reference)) => {
                let code = |label| coding.codes.of_label(reference.position(label));
                Some(Self::Labels(keys, labels(keys).map(code).collect()))
            }
            _ => None,
        }
    }

    fn code(&self, row: usize) -> u8 {
        match self {
            Self::Numbers(values, codes) if values.is_valid(row) => {
                codes.of_number(values.value(row))
            }
            Self::Labels(keys, codes) => keys.key(row).map_or(MISSING, |label| codes[label]),
            Self::Vectors(vectors, coding) => coding.of_vector(vectors, row),
            Self::Numbers(..) => MISSING,
        }
    }
}

/// Cuts at the sample's quantiles, and at both ends of what the reference has; values that come often get a cell of
/// their own, and where there are few values all do, as do the gaps between them.
fn cuts(mut values: Vec<f64>, (least, greatest): (f64, f64)) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let mut cuts = vec![least, greatest.next_up()];
    let distinct = values.chunk_by(|a, b| a == b).count();
    if distinct <= (MOST_CUTS - cuts.len()) / 2 {
        let each = values.chunk_by(|a, b| a == b);
        cuts.extend(each.flat_map(|tied| [tied[0], tied[0].next_up()]));
    } else {
        let quantiles = MOST_CUTS - cuts.len();
        let at = |i: usize| values[i * values.len() / quantiles];
        let quantiles: Vec<f64> = (0..quantiles).map(at).collect();
        for tied in quantiles.chunk_by(|a, b| a == b) {
            cuts.push(tied[0]);
            if tied.len() > 1 {
                cuts.push(tied[0].next_up());
            }
        }
    }
    cuts.sort_unstable_by(f64::total_cmp);
    cuts.dedup();
    cuts
}

/// A code for each of the most frequent labels; of as frequent ones the first.
fn codes(reference: &Categorical) -> Vec<u8> {
    let mut order: Vec<usize> = (0..reference.labels.len()).collect();
    order.sort_by_key(|&label| Reverse(reference.counts[label]));
    let mut codes = vec![RARE; order.len()];
    for (code, label) in (RARE as usize + 1..CODES).zip(order) {
        codes[label] = code as u8;
    }
    codes
}
