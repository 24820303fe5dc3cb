//! How the columns of one model version are found in events, and gathered.

use std::mem;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, Int64Array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::filter;
use arrow::datatypes::ArrowNativeType;
use xxhash_rust::xxh3::xxh3_64;

use crate::batch::{Column as Data, Expected, Rows, Values, key_of};
use crate::epoch::Version;
use crate::intake::columns::Gathered;
use crate::intake::expressions::{Inputs, RowExpressions};
use crate::intake::reject::{Found, Reason};
use crate::intake::slots::{Slot, Slots};
use crate::metric::ColumnKind;
use crate::profile::{Beside, Classes, Input, Placer, Role, is_whole};

/// How the columns of one version are found.
#[derive(Debug)]
pub(super) struct VersionReader {
    pub(super) served: Arc<Version>,
    /// Those of the profile, and behind them what is read for segments alone.
    pub(super) columns: Vec<Source>,
    /// What expressions read, and where it is found.
    pub(super) inputs: Vec<(Input, usize)>,
    pub(super) expressions: Option<Arc<dyn RowExpressions>>,
    /// How many classes have a probability, where they are several; else 0.
    pub(super) several: usize,
    /// Tells the segments of rows; `None` where there are none.
    pub(super) placer: Option<Placer>,
    /// Where the parts of the prediction's id are found, none where it has no id; `None` where nobody chooses rows.
    pub(super) id: Option<Vec<usize>>,
}

/// Where a column's value comes from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) from: From,
    pub(super) role: Role,
    pub(super) kind: ColumnKind,
    /// For messages.
    pub(super) path: Box<str>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    Slot(usize),
    /// The score in a slot, held against the profile's threshold.
    Score(usize),
    /// An expression.
    Derived,
    /// Events do not have it.
    Nowhere,
}

/// Rows of one version while they are gathered.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    offsets: Vec<i64>,
    times: Vec<i64>,
    columns: Vec<Gathered>,
    inputs: Option<Inputs>,
    /// Offset and key of the rows by whose id targets will find them.
    ids: Vec<(i64, u128)>,
    /// The id of each row, where rows are chosen for samples.
    chosen_by: Vec<Option<u128>>,
    /// How many have no id.
    without_id: u64,
}

/// Longer labels are cut, so that nobody fills our memory with them; a hash keeps them apart.
const LONGEST_LABEL: usize = 256;

impl Gathering {
    /// Rows of which only times are kept.
    pub(super) fn bare() -> Self {
        Self::default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    pub(super) fn note(&mut self, offset: i64, time: i64) {
        self.offsets.push(offset);
        self.times.push(time);
    }

    /// Notes the key of a row's id, if it has one.
    pub(super) fn note_id(&mut self, offset: i64, key: Option<u128>) {
        match key {
            Some(key) => self.ids.push((offset, key)),
            None => self.without_id += 1,
        }
    }

    /// Offset and key of the rows that have an id, and how many have none.
    pub(super) fn take_ids(&mut self) -> (Vec<(i64, u128)>, u64) {
        (mem::take(&mut self.ids), mem::take(&mut self.without_id))
    }

    /// The rows of a version that no profile serves.
    pub(super) fn take_bare(&mut self) -> Rows {
        Rows {
            offsets: ScalarBuffer::from(mem::take(&mut self.offsets)),
            times: Some(ScalarBuffer::from(mem::take(&mut self.times))),
            columns: Vec::new(),
            expected: Expected::Nothing,
            reconstruction: None,
            segments: Vec::new(),
            keys: None,
            terms: Vec::new(),
        }
    }
}

impl VersionReader {
    pub(super) fn gathering(&self) -> Gathering {
        let column = |source: &Source| match source.kind {
            ColumnKind::Continuous => Gathered::numbers(),
            ColumnKind::Categorical => Gathered::labels(),
            ColumnKind::Embedding => Gathered::vectors(),
        };
        Gathering {
            columns: self.columns.iter().map(column).collect(),
            inputs: self.expressions.as_ref().map(|_| Inputs::new(&self.inputs)),
            ..Gathering::default()
        }
    }

    /// Whether an event can be a row.
    pub(super) fn check(&self, slots: &Slots, gathering: &Gathering) -> Result<(), Reason> {
        for source in &self.columns {
            let From::Slot(slot) = source.from else { continue };
            let found = slots.get(slot);
            let wanted = match (source.kind, found) {
                (ColumnKind::Continuous, Slot::Int(_) | Slot::Float(_)) => {
                    let probability =
                        source.role != Role::Score || found.number().is_some_and(is_probability);
                    if probability {
                        continue;
                    }
                    return Err(Reason::ProbabilityOutOfRange {
                        path: source.path.clone(),
                        found: Found::slot(found),
                    });
                }
                (ColumnKind::Categorical, Slot::Other(_)) => "a text, a number, true or false",
                (_, Slot::Missing | Slot::Null)
                | (ColumnKind::Categorical, _)
                | (ColumnKind::Embedding, Slot::Numbers(_)) => continue,
                (ColumnKind::Continuous, _) => "a number",
                (ColumnKind::Embedding, _) => "an array of numbers",
            };
            return Err(Reason::WrongType {
                path: source.path.clone(),
                wanted,
                found: Found::slot(found),
            });
        }
        if let Some(sum) = self.sum_of_several(slots)
            && !is_whole(sum, self.several)
        {
            return Err(Reason::ProbabilitiesNotWhole { found: Found::number(sum) });
        }
        match &gathering.inputs {
            Some(inputs) => inputs.check(|slot| slots.get(slot)),
            None => Ok(()),
        }
    }

    /// Adds an event that was checked.
    #[inline]
    pub(super) fn push(&self, gathering: &mut Gathering, offset: i64, time: i64, slots: &Slots) {
        gathering.note(offset, time);
        if let Some(parts) = &self.id {
            gathering.chosen_by.push(id(parts, slots));
        }
        for (source, column) in self.columns.iter().zip(&mut gathering.columns) {
            match source.from {
                From::Slot(slot) => match (source.kind, slots.get(slot)) {
                    (_, Slot::Missing) => column.push_missing(true),
                    (ColumnKind::Embedding, Slot::Numbers(list)) => column.push_list(list),
                    (_, Slot::Null | Slot::Other(_) | Slot::Numbers(_))
                    | (ColumnKind::Embedding, _) => column.push_missing(false),
                    (ColumnKind::Continuous, found) => match found.number() {
                        Some(number) => column.push_number(number),
                        None => column.push_missing(false),
                    },
                    (ColumnKind::Categorical, Slot::Text(text)) => push_label(column, text),
                    (ColumnKind::Categorical, Slot::Bool(value)) => {
                        column.push_label(if value { "true" } else { "false" });
                    }
                    (ColumnKind::Categorical, Slot::Int(number)) => {
                        column.push_label(itoa::Buffer::new().format(number));
                    }
                    (ColumnKind::Categorical, Slot::Float(number)) => {
                        column.push_label(&number_label(number));
                    }
                },
                From::Score(slot) => {
                    let score = slots.get(slot).number();
                    match score.zip(self.classes()).and_then(|(score, of)| of.decide(score)) {
                        Some(label) => column.push_label(label),
                        None => column.push_missing(false),
                    }
                }
                // Filled in once the expressions are computed.
                From::Derived => {}
                From::Nowhere => column.push_missing(true),
            }
        }
        if let Some(inputs) = &mut gathering.inputs {
            inputs.push(|slot| slots.get(slot));
        }
    }

    /// What the probabilities of several classes add up to; `None` for other models, or where one is missing.
    fn sum_of_several(&self, slots: &Slots) -> Option<f64> {
        if self.several == 0 {
            return None;
        }
        let scores = self.columns.iter().filter(|source| source.role == Role::Score);
        let score = |source: &Source| match source.from {
            From::Slot(slot) => slots.get(slot).number(),
            _ => None,
        };
        scores.map(score).sum()
    }

    fn classes(&self) -> Option<&Classes> {
        self.served.plan.profile().two_classes()
    }

    /// The rows gathered, with what the profile adds to each; and the offsets that the filter leaves out.
    ///
    /// # Errors
    /// Why the expressions cannot be computed.
    pub(super) fn take(&self, gathering: &mut Gathering) -> Result<(Rows, Vec<i64>), String> {
        let offsets = mem::take(&mut gathering.offsets);
        let times = mem::take(&mut gathering.times);
        let mut columns: Vec<Data> = gathering.columns.iter_mut().map(Gathered::take).collect();
        let profile = self.served.plan.profile();
        let mut beside =
            Beside { columns: columns.split_off(profile.columns.len()), ..Beside::default() };
        let mut kept = None;
        if let (Some(expressions), Some(inputs)) = (&self.expressions, &mut gathering.inputs) {
            let inputs = inputs.take(offsets.len());
            let computed = expressions.compute(&inputs)?;
            let derived = self.columns.iter().zip(&mut columns);
            let derived = derived.filter(|(source, _)| matches!(source.from, From::Derived));
            for ((_, column), values) in derived.zip(computed.derived) {
                *column = Data::new(values);
            }
            beside.conditions = computed.conditions;
            kept = (computed.kept.true_count() < offsets.len()).then_some(computed.kept);
        }
        let placer = self.placer.as_ref();
        let segments = placer.map(|placer| placer.place(offsets.len(), &columns, &beside));
        let profile = self.served.plan.profile();
        let ids = mem::take(&mut gathering.chosen_by);
        let keys = self.id.as_ref().map(|_| profile.keys(ids.into_iter(), &columns));
        profile.measure_vectors(&mut columns);
        let expected = profile.expected(&columns);
        let reconstruction = self.served.plan.reconstruction_errors(&columns);
        let terms = self.served.plan.terms(&columns, offsets.len());
        let mut rows = Rows {
            offsets: ScalarBuffer::from(offsets),
            times: Some(ScalarBuffer::from(times)),
            columns,
            expected,
            reconstruction,
            segments: segments.unwrap_or_default(),
            keys,
            terms,
        };
        let mut left_out = Vec::new();
        if let Some(kept) = kept {
            let offsets = rows.offsets.iter().zip(kept.iter());
            let dropped = offsets.filter(|(_, kept)| *kept != Some(true));
            left_out = dropped.map(|(&offset, _)| offset).collect();
            rows = keep(&rows, &kept);
        }
        Ok((rows, left_out))
    }
}

/// The rows that are kept.
///
/// # Panics
///
/// If `kept` has not one flag a row.
pub fn keep(rows: &Rows, kept: &BooleanArray) -> Rows {
    let numbers = |values: &ScalarBuffer<i64>| {
        let array = Int64Array::new(values.clone(), None);
        let filtered = filter(&array, kept).expect("one flag a row");
        let filtered = filtered.as_any().downcast_ref::<Int64Array>().map(|a| a.values().clone());
        filtered.expect("a filter keeps the type")
    };
    Rows {
        offsets: numbers(&rows.offsets),
        times: rows.times.as_ref().map(numbers),
        columns: rows
            .columns
            .iter()
            .map(|column| {
                let flags = column.absent.as_ref().map(|absent| {
                    let array = BooleanArray::new(absent.clone(), None);
                    let filtered = filter(&array, kept).expect("one flag a row");
                    let flags = filtered.as_any().downcast_ref::<BooleanArray>();
                    flags.expect("a filter keeps the type").values().clone()
                });
                let values = match &column.values {
                    Values::Numbers(array) => {
                        let filtered = filter(array, kept).expect("one flag a row");
                        let filtered = filtered.as_any().downcast_ref().cloned();
                        Values::Numbers(filtered.expect("a filter keeps the type"))
                    }
                    Values::Labels(array) => {
                        let filtered = filter(array, kept).expect("one flag a row");
                        let filtered = filtered.as_any().downcast_ref().cloned();
                        Values::Labels(filtered.expect("a filter keeps the type"))
                    }
                    Values::Vectors(vectors) => {
                        Values::Vectors(vectors.keep(kept.iter().map(|kept| kept == Some(true))))
                    }
                };
                Data { values, absent: flags }
            })
            .collect(),
        expected: rows.expected.keep(|| kept.iter().map(|kept| kept == Some(true))),
        reconstruction: rows.reconstruction.as_ref().map(|errors| kept_of(errors, kept)),
        segments: rows.segments.iter().map(|split| kept_of(split, kept)).collect(),
        keys: rows.keys.as_ref().map(|keys| kept_of(keys, kept)),
        terms: rows.terms.iter().map(|term| kept_of(term, kept)).collect(),
    }
}

/// The numbers of the rows that are kept.
fn kept_of<T: ArrowNativeType>(numbers: &ScalarBuffer<T>, kept: &BooleanArray) -> ScalarBuffer<T> {
    let flagged = numbers.iter().zip(kept.iter()).filter(|(_, kept)| *kept == Some(true));
    flagged.map(|(&number, _)| number).collect()
}

/// The id that chooses a row for samples; `None` where there is none, or a part of it is missing.
fn id(parts: &[usize], slots: &Slots) -> Option<u128> {
    let part = |slot: &usize| match slots.get(*slot) {
        Slot::Text(text) => Some(text),
        _ => None,
    };
    let whole = !parts.is_empty() && parts.iter().all(|slot| part(slot).is_some());
    whole.then(|| key_of(parts.iter().filter_map(part)))
}

fn is_probability(number: f64) -> bool {
    (0.0..=1.0).contains(&number)
}

/// The label of a number: whole ones without a fraction, the rest in the shortest form that reads back the same.
pub fn number_label(number: f64) -> String {
    (number + 0.0).to_string()
}

fn push_label(column: &mut Gathered, label: &str) {
    if label.len() <= LONGEST_LABEL {
        column.push_label(label);
        return;
    }
    let mut end = LONGEST_LABEL;
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    let start = label.get(..end).unwrap_or_default();
    column.push_label(&format!("{start}... #{:016x}", xxh3_64(label.as_bytes())));
}
