//! What has to be joined, as it is written: of predictions each field in one run of bytes, as they are as many as events.

use std::borrow::Cow;
use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use super::keyed::{Keyed, More, Pending, Target};
use super::label::Label;
use super::wire::{Bytes, WireError, Wired};
use crate::stats::codec::leb128;

/// [`Keyed`] as it is written.
#[derive(Encode, Decode)]
#[expect(missing_debug_implementations, reason = "it lives for a moment")]
pub struct WireKeyed<'b> {
    #[n(0)]
    models: Cow<'b, [(String, String)]>,
    #[b(1)]
    predictions: Predictions<'b>,
    #[n(2)]
    targets: Cow<'b, [Target]>,
}

#[derive(Encode, Decode)]
struct Predictions<'b> {
    /// Sixteen bytes each.
    #[b(0)]
    keys: Bytes<'b>,
    /// How far each is from the one before.
    #[b(1)]
    offsets: Bytes<'b>,
    #[b(2)]
    models: Bytes<'b>,
    /// How far each is from the one before.
    #[b(3)]
    times: Bytes<'b>,
    /// Numbers as they lie in memory; NaN where there is none.
    #[b(4)]
    scores: Bytes<'b>,
    #[b(5)]
    labels: Vec<Cow<'b, str>>,
    /// Positions in `labels`, from one on; 0 where there is none.
    #[b(6)]
    predicted: Bytes<'b>,
    /// Here and in what follows: `None` where no row has any.
    #[b(7)]
    several: Option<Lists<'b>>,
    #[b(8)]
    segments: Option<Lists<'b>>,
    #[b(9)]
    terms: Option<Lists<'b>>,
    /// One at most each.
    #[b(10)]
    samples: Option<Lists<'b>>,
}

/// A list each.
#[derive(Encode, Decode)]
struct Lists<'b> {
    /// One more than each has; 0 where there is none.
    #[b(0)]
    lengths: Bytes<'b>,
    /// All of them, one behind the other.
    #[b(1)]
    values: Bytes<'b>,
}

impl Wired for Keyed {
    type Wire<'b> = WireKeyed<'b>;

    fn write(&self) -> (WireKeyed<'_>, usize) {
        let predictions = Predictions::of(&self.predictions);
        let length = 64 * self.targets.len() + predictions.length();
        let models = Cow::Borrowed(&*self.models);
        let targets = Cow::Borrowed(&*self.targets);
        (WireKeyed { models, predictions, targets }, length)
    }

    fn read(wire: WireKeyed<'_>) -> Result<Self, WireError> {
        Ok(Self {
            models: wire.models.into_owned(),
            predictions: wire.predictions.rows().ok_or(WireError::Rows { column: None })?,
            targets: wire.targets.into_owned(),
        })
    }
}

impl<'b> Predictions<'b> {
    fn of(rows: &'b [Pending]) -> Self {
        let mut labels: Vec<&str> = Vec::new();
        let mut positions: BTreeMap<&str, u64> = BTreeMap::new();
        let [mut keys, mut offsets, mut models, mut times, mut scores, mut predicted] =
            [16, 2, 1, 4, 8, 1].map(|bytes| Vec::with_capacity(bytes * rows.len()));
        let (mut offset, mut time) = (0, 0);
        for row in rows {
            keys.extend_from_slice(&row.key.to_le_bytes());
            put_step(&mut offsets, &mut offset, row.offset);
            put(&mut models, row.model.into());
            put_step(&mut times, &mut time, row.time);
            scores.extend_from_slice(&row.score.unwrap_or(f64::NAN).to_le_bytes());
            let position = row.predicted.as_deref().map_or(0, |label| {
                *positions.entry(label).or_insert_with(|| {
                    labels.push(label);
                    labels.len() as u64
                })
            });
            put(&mut predicted, position);
        }
        let more = |row: &'b Pending| row.more.as_deref();
        let several = |row| Some(&*more(row)?.scores).filter(|list| !list.is_empty());
        let sample = |row| Some(more(row)?.sample.as_slice()).filter(|of| !of.is_empty());
        let term = |term: Option<f64>| term.unwrap_or(f64::NAN).to_le_bytes();
        Self {
            keys: keys.into(),
            offsets: offsets.into(),
            models: models.into(),
            times: times.into(),
            scores: scores.into(),
            labels: labels.into_iter().map(Cow::Borrowed).collect(),
            predicted: predicted.into(),
            several: Lists::of(rows, several, f64::to_le_bytes),
            segments: Lists::of(rows, |row| more(row)?.segments.as_deref(), u16::to_le_bytes),
            terms: Lists::of(rows, |row| more(row)?.terms.as_deref(), term),
            samples: Lists::of(rows, sample, u64::to_le_bytes),
        }
    }

    /// About how many bytes they take.
    fn length(&self) -> usize {
        let Self { keys, offsets, models, times, scores, predicted, .. } = self;
        let runs = [keys, offsets, models, times, scores, predicted];
        let lists = [&self.several, &self.segments, &self.terms, &self.samples];
        let lists = lists.into_iter().flatten().flat_map(|lists| [&lists.lengths, &lists.values]);
        runs.into_iter().chain(lists).map(|run| run.0.len() + 8).sum()
    }

    /// `None` where they are damaged.
    fn rows(&self) -> Option<Vec<Pending>> {
        let labels: Vec<Label> = self.labels.iter().map(|label| Label::from(&**label)).collect();
        let (keys, []) = self.keys.0.as_chunks() else { return None };
        let (scores, []) = self.scores.0.as_chunks() else { return None };
        let [mut offsets, mut models, mut times, mut predicted] =
            [&self.offsets, &self.models, &self.times, &self.predicted].map(|run| &*run.0);
        let [mut several, mut segments, mut terms, mut samples] =
            [&self.several, &self.segments, &self.terms, &self.samples]
                .map(|lists| lists.as_ref().map(Left::of));
        let (mut offset, mut time) = (0, 0);
        let number = |bytes: &[u8; 8]| Some(f64::from_le_bytes(*bytes)).filter(|of| !of.is_nan());
        let mut rows = Vec::with_capacity(keys.len());
        let has_more =
            several.is_some() || segments.is_some() || terms.is_some() || samples.is_some();
        for (key, score) in keys.iter().zip(scores) {
            let mut more = None;
            if has_more {
                more = More {
                    scores: next(&mut several, |of| f64::from_le_bytes(*of))?.unwrap_or_default(),
                    segments: next(&mut segments, |of| u16::from_le_bytes(*of))?,
                    terms: next(&mut terms, number)?,
                    sample: next(&mut samples, |of| u64::from_le_bytes(*of))?
                        .and_then(|of| of.first().copied()),
                }
                .kept();
            }
            rows.push(Pending {
                key: u128::from_le_bytes(*key),
                offset: take_step(&mut offsets, &mut offset)?,
                model: u32::try_from(take(&mut models)?).ok()?,
                time: take_step(&mut times, &mut time)?,
                score: number(score),
                predicted: match usize::try_from(take(&mut predicted)?).ok()?.checked_sub(1) {
                    Some(position) => Some(labels.get(position)?.clone()),
                    None => None,
                },
                more,
            });
        }
        let left = [offsets, models, times, predicted];
        let is_whole = keys.len() == scores.len() && left.iter().all(|run| run.is_empty());
        is_whole.then_some(rows)
    }
}

impl Lists<'static> {
    fn of<'r, T: Copy + 'r, const N: usize>(
        rows: &'r [Pending],
        list: impl Fn(&'r Pending) -> Option<&'r [T]>,
        bytes: impl Fn(T) -> [u8; N],
    ) -> Option<Self> {
        if rows.iter().all(|row| list(row).is_none()) {
            return None;
        }
        let (mut lengths, mut values) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            let list = list(row);
            put(&mut lengths, list.map_or(0, |list| 1 + list.len() as u64));
            list.into_iter().flatten().for_each(|&value| values.extend_from_slice(&bytes(value)));
        }
        Some(Self { lengths: lengths.into(), values: values.into() })
    }
}

/// What was not read yet of lists.
struct Left<'b> {
    lengths: &'b [u8],
    values: &'b [u8],
}

impl<'b> Left<'b> {
    fn of(lists: &'b Lists<'_>) -> Self {
        Self { lengths: &lists.lengths.0, values: &lists.values.0 }
    }
}

/// The list of the next row, if it has one; `None` where it is damaged.
#[expect(clippy::option_option, reason = "that there is none is no damage")]
fn next<T, const N: usize>(
    lists: &mut Option<Left<'_>>,
    value: impl Fn(&[u8; N]) -> T,
) -> Option<Option<Vec<T>>> {
    let Some(left) = lists else { return Some(None) };
    let Some(length) = take(&mut left.lengths)?.checked_sub(1) else { return Some(None) };
    let size = usize::try_from(length).ok()?.checked_mul(N)?;
    let (list, rest) = left.values.split_at_checked(size)?;
    left.values = rest;
    Some(Some(list.as_chunks().0.iter().map(value).collect()))
}

fn put(bytes: &mut Vec<u8>, number: u64) {
    leb128::put(bytes, number.into());
}

/// `None` where there is none.
fn take(bytes: &mut &[u8]) -> Option<u64> {
    leb128::take(bytes)?.try_into().ok()
}

/// How far a number is from the one before, which it becomes: small ones take few bytes, of either sign.
fn put_step(bytes: &mut Vec<u8>, before: &mut i64, number: i64) {
    let step = number.wrapping_sub(*before);
    put(bytes, ((step << 1) ^ (step >> 63)).cast_unsigned());
    *before = number;
}

fn take_step(bytes: &mut &[u8], before: &mut i64) -> Option<i64> {
    let step = take(bytes)?;
    *before = before.wrapping_add((step >> 1).cast_signed() ^ -(step & 1).cast_signed());
    Some(*before)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{
        Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
    };

    use super::*;

    fn pending() -> impl Strategy<Value = Pending> {
        let number = prop_oneof![Just(0.25), any::<f64>().prop_filter("a number", |n| !n.is_nan())];
        let label = prop::option::of(prop_oneof![Just("1"), Just("0"), Just("")]);
        let lists = (
            prop::collection::vec(number.clone(), 0..4),
            prop::option::of(prop::collection::vec(any::<u16>(), 0..4)),
            prop::option::of(prop::collection::vec(prop::option::of(number.clone()), 0..4)),
            any::<Option<u64>>(),
        );
        let numbers = (any::<u128>(), any::<i64>(), 0..3_u32, any::<i64>());
        (numbers, prop::option::of(number), label, lists).prop_map(
            |((key, offset, model, time), score, predicted, (scores, segments, terms, sample))| {
                let predicted = predicted.map(Label::from);
                let more = More { scores, segments, terms, sample }.kept();
                Pending { key, offset, model, time, score, predicted, more }
            },
        )
    }

    proptest! {
        #[test]
        fn they_come_back_and_damage_is_seen(
            predictions in prop::collection::vec(pending(), 0..20),
            bare in any::<bool>(),
            cut in 0..40_usize,
        ) {
            let mut keyed = Keyed { predictions, ..Keyed::default() };
            if bare {
                for row in &mut keyed.predictions {
                    row.more = None;
                }
            }
            let (mut wire, length) = keyed.write();
            prop_assert!(length >= keyed.predictions.len() * 30);
            let runs = [
                &mut wire.predictions.keys,
                &mut wire.predictions.offsets,
                &mut wire.predictions.models,
                &mut wire.predictions.times,
                &mut wire.predictions.scores,
                &mut wire.predictions.predicted,
            ];
            let run = runs.into_iter().nth(cut).filter(|run| !run.0.is_empty());
            let is_cut = run.is_some_and(|run| {
                run.0 = run.0[..run.0.len() - 1].to_vec().into();
                true
            });
            let read = Keyed::read(wire);
            if is_cut {
                prop_assert!(read.is_err(), "a run that is too short is damage");
            } else {
                prop_assert_eq!(read.unwrap(), keyed);
            }
        }

        #[test]
        fn numbers_come_back(numbers in prop::collection::vec(any::<i64>(), 0..20)) {
            let (mut bytes, mut before) = (Vec::new(), 0);
            for &number in &numbers {
                put_step(&mut bytes, &mut before, number);
            }
            let (mut rest, mut before) = (&*bytes, 0);
            for number in numbers {
                prop_assert_eq!(take_step(&mut rest, &mut before), Some(number));
            }
            prop_assert_eq!(take(&mut rest), None);
        }
    }
}
