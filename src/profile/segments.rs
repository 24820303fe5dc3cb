//! Parts of the rows that have a reference of their own: which there are, and which of them a row is in.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arrow::array::{BooleanArray, DictionaryArray};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::Int32Type;
use serde::{Deserialize, Serialize};

use crate::batch::{Column as Data, NO_SEGMENT, Values, labels};
use crate::profile::{Column, Condition, Profile, fulfilled};

/// The segments of a profile.
///
/// They follow from the reference: the values that its rows have most often, and `other` for all else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segments {
    /// A segment with fewer rows in the reference has none of its own.
    pub min_rows: u64,
    /// At most so many were to be made.
    pub max: u64,
    /// Whether distributions are kept for Kolmogorov-Smirnov and Wasserstein.
    pub distributions: bool,
    /// Columns that are read for segments alone, as labels: the names of inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// How rows are told apart: a row is in at most one segment of each split.
    pub splits: Vec<Split>,
    /// Whether the slices where the model does worst were asked for as segments; they are the last of the splits.
    #[serde(default, skip_serializing_if = "is_false")]
    pub slices: bool,
    /// All of them, split by split.
    pub all: Vec<Segment>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// How rows are told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// By the values of columns.
    Columns(Vec<String>),
    /// By whether they fulfil a condition.
    Where {
        /// What the segment is called.
        name: String,
        /// The condition.
        sql: String,
    },
    /// By whether they are in a slice where the model does worse.
    Slice(Vec<Condition>),
}

/// A part of the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// What it is called in results.
    pub name: String,
    /// Which of the splits it is of.
    pub split: usize,
    /// The values that it is made of, one a column; none for a condition, and for all that the other segments of the
    /// split are not made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Vec<String>>,
    /// Its rows in the reference.
    pub rows: u64,
    /// Its own reference; `None` where it has too few rows for one.
    ///
    /// Of the same form as the whole: own columns, sampling errors and windows, and own calibration where it has
    /// enough targets. Expected losses are those that the whole knows of each row, and so are reconstruction errors where
    /// components of their own would be too large for all segments. The largest ones have a sample, too, where the whole
    /// has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Box<SegmentReference>>,
}

/// The reference of a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentReference {
    /// Its profile, of the columns that have values in it.
    pub profile: Profile,
    /// Which of the whole's columns those are.
    pub columns: Vec<usize>,
    /// Whether its scores are calibrated by themselves; else as the whole's are.
    pub own_calibration: bool,
}

/// The name of what no other segment of a split by columns is made of.
pub const OTHER: &str = "other";

/// Values of more bytes than this are in no segment of their own.
const LONGEST: usize = 256;

impl Split {
    /// The name of the segment of these values.
    pub fn name_of<'v>(columns: &[String], values: impl Iterator<Item = &'v str>) -> String {
        let parts = columns.iter().zip(values).map(|(column, value)| format!("{column}={value}"));
        parts.collect::<Vec<_>>().join(",")
    }

    /// The name of the segment of all values that have none of their own.
    pub fn name_of_other(columns: &[String]) -> String {
        Self::name_of(columns, columns.iter().map(|_| OTHER))
    }
}

impl Segment {
    /// Whether it is all that the other segments of a split by columns are not.
    pub fn is_other(&self, splits: &[Split]) -> bool {
        self.values.is_empty() && matches!(splits.get(self.split), Some(Split::Columns(_)))
    }
}

/// What rows hold beside the profile's columns that tells their segments.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// The columns that are read for segments alone.
    pub columns: Vec<Data>,
    /// For each split by a condition: which rows fulfil it.
    pub conditions: Vec<BooleanArray>,
}

/// Tells which segment a row is in.
#[derive(Clone, Debug)]
pub struct Placer {
    splits: Vec<Places>,
}

#[derive(Clone, Debug)]
enum Places {
    Columns {
        columns: Vec<Source>,
        /// By column: the values that segments are made of.
        codes: Vec<BTreeMap<String, u32>>,
        /// By the codes of all columns.
        segments: BTreeMap<u128, u16>,
        other: u16,
    },
    Where {
        /// Which of the conditions.
        condition: usize,
        segment: u16,
    },
    Slice {
        conditions: Vec<Condition>,
        /// Which of the profile's columns each is of; `None` for a column that nobody knows.
        columns: Vec<Option<usize>>,
        segment: u16,
    },
}

/// Where the values of a column lie.
#[derive(Clone, Copy, Debug)]
enum Source {
    Profile(usize),
    Beside(usize),
}

impl Source {
    fn find(name: &str, columns: &[Column], beside: &[String]) -> Option<Self> {
        let named = |column: &Column| column.name == name;
        let of_profile = columns.iter().position(named).map(Self::Profile);
        of_profile.or_else(|| beside.iter().position(|of| of == name).map(Self::Beside))
    }

    fn of<'d>(self, columns: &'d [Data], beside: &'d Beside) -> Option<&'d Data> {
        match self {
            Self::Profile(at) => columns.get(at),
            Self::Beside(at) => beside.columns.get(at),
        }
    }
}

impl Placer {
    /// That of a profile; `None` where it has no segments.
    pub fn of(profile: &Profile) -> Option<Self> {
        profile.segments.as_deref().map(|segments| Self::new(segments, &profile.columns))
    }

    /// That of segments; columns that nobody knows have no values.
    pub fn new(segments: &Segments, columns: &[Column]) -> Self {
        let mut conditions = 0..;
        let splits = segments.splits.iter().enumerate().map(|(split, by)| {
            let of_split = || {
                let all = (0..NO_SEGMENT).zip(&segments.all);
                all.filter(move |(_, segment)| segment.split == split)
            };
            let first = |is: &dyn Fn(&Segment) -> bool| {
                of_split().find(|(_, segment)| is(segment)).map_or(NO_SEGMENT, |(at, _)| at)
            };
            match by {
                Split::Where { .. } => Places::Where {
                    condition: conditions.next().unwrap_or_default(),
                    segment: first(&|_| true),
                },
                Split::Slice(conditions) => Places::Slice {
                    columns: conditions
                        .iter()
                        .map(|of| columns.iter().position(|column| column.name == of.column))
                        .collect(),
                    conditions: conditions.clone(),
                    segment: first(&|_| true),
                },
                Split::Columns(names) => {
                    let mut codes: Vec<BTreeMap<String, u32>> = vec![BTreeMap::new(); names.len()];
                    let values = || of_split().flat_map(|(_, segment)| &segment.values);
                    for values in values() {
                        for (codes, value) in codes.iter_mut().zip(values) {
                            let next = codes.len() as u32;
                            codes.entry(value.clone()).or_insert(next);
                        }
                    }
                    let placed = of_split().flat_map(|(at, segment)| {
                        segment.values.iter().map(move |values| (at, values))
                    });
                    let placed = placed.map(|(at, values)| {
                        let codes = codes.iter().zip(values);
                        let codes = codes.map(|(codes, value)| (codes[value], codes.len()));
                        (codes.fold(0, crossed), at)
                    });
                    let segments_of = placed.collect();
                    let source = |name: &String| Source::find(name, columns, &segments.beside);
                    let found: Option<Vec<Source>> = names.iter().map(source).collect();
                    let found = found.unwrap_or_default();
                    Places::Columns {
                        columns: found,
                        codes,
                        segments: segments_of,
                        other: first(&|segment| segment.values.is_empty()),
                    }
                }
            }
        });
        Self { splits: splits.collect() }
    }

    /// The segment of each row, by split.
    pub fn place(&self, rows: usize, columns: &[Data], beside: &Beside) -> Vec<ScalarBuffer<u16>> {
        self.splits.iter().map(|split| split.place(rows, columns, beside)).collect()
    }
}

/// A code more.
fn crossed(before: u128, (code, of): (u32, usize)) -> u128 {
    // At most eight columns of fewer than 2^16 values each.
    before.wrapping_mul(of as u128).wrapping_add(u128::from(code))
}

impl Places {
    fn place(&self, rows: usize, columns: &[Data], beside: &Beside) -> ScalarBuffer<u16> {
        match self {
            Self::Where { condition, segment } => {
                let Some(fulfilled) = beside.conditions.get(*condition) else {
                    return vec![NO_SEGMENT; rows].into();
                };
                let is = |fulfilled| if fulfilled == Some(true) { *segment } else { NO_SEGMENT };
                fulfilled.iter().map(is).collect()
            }
            Self::Slice { conditions, columns: of, segment } => {
                let found = of.iter().map(|at| columns.get((*at)?));
                let is = |inside| if inside { *segment } else { NO_SEGMENT };
                match found.collect::<Option<Vec<_>>>() {
                    Some(found) => {
                        fulfilled(conditions, &found, rows).into_iter().map(is).collect()
                    }
                    None => vec![NO_SEGMENT; rows].into(),
                }
            }
            Self::Columns { columns: sources, codes, segments, other } => {
                let found: Option<Vec<Coded<'_>>> = sources
                    .iter()
                    .map(|source| Some(Coded::of(source.of(columns, beside)?)))
                    .collect();
                let Some(found) = found.filter(|found| !found.is_empty()) else {
                    return vec![*other; rows].into();
                };
                // Once for each text, not for each row.
                let known: Vec<Vec<Option<u32>>> = found
                    .iter()
                    .zip(codes)
                    .map(|(coded, codes)| {
                        coded.texts.iter().map(|text| codes.get(text.as_ref()).copied()).collect()
                    })
                    .collect();
                if let ([coded], [known], [codes]) = (&found[..], &known[..], &codes[..]) {
                    let segment = |code: &Option<u32>| {
                        let key = crossed(0, ((*code)?, codes.len()));
                        segments.get(&key).copied()
                    };
                    let by_text: Vec<u16> =
                        known.iter().map(|code| segment(code).unwrap_or(*other)).collect();
                    let of = |row| coded.code(row).map_or(*other, |text| by_text[text]);
                    return (0..rows).map(of).collect();
                }
                let of = |row: usize| {
                    let mut key = 0;
                    for ((coded, known), codes) in found.iter().zip(&known).zip(codes) {
                        key = crossed(key, (known[coded.code(row)?]?, codes.len()));
                    }
                    segments.get(&key).copied()
                };
                (0..rows).map(|row| of(row).unwrap_or(*other)).collect()
            }
        }
    }
}

/// The values of a column as positions in a list of texts.
#[derive(Debug)]
struct Coded<'d> {
    texts: Vec<Cow<'d, str>>,
    keys: Keys<'d>,
}

#[derive(Debug)]
enum Keys<'d> {
    Labels(&'d DictionaryArray<Int32Type>),
    Numbers(Vec<Option<usize>>),
}

impl<'d> Coded<'d> {
    fn of(column: &'d Data) -> Self {
        match &column.values {
            Values::Labels(array) => Self {
                texts: labels(array).map(Cow::Borrowed).collect(),
                keys: Keys::Labels(array),
            },
            Values::Numbers(array) => {
                let mut known: BTreeMap<u64, usize> = BTreeMap::new();
                let mut texts = Vec::new();
                let keys = array.iter().map(|number| {
                    // Adding zero makes -0 the same as 0.
                    let number = number.filter(|number| !number.is_nan())? + 0.0;
                    Some(*known.entry(number.to_bits()).or_insert_with(|| {
                        texts.push(Cow::Owned(number.to_string()));
                        texts.len() - 1
                    }))
                });
                let keys = keys.collect();
                Self { texts, keys: Keys::Numbers(keys) }
            }
            // No segments are made by vectors: `fit` refuses them.
            Values::Vectors(vectors) => {
                Self { texts: Vec::new(), keys: Keys::Numbers(vec![None; vectors.len()]) }
            }
        }
    }

    #[inline]
    fn code(&self, row: usize) -> Option<usize> {
        match &self.keys {
            Keys::Labels(array) => array.key(row),
            Keys::Numbers(keys) => keys[row],
        }
    }
}

/// How often each combination of values occurs in columns, given by name; rows that lack one, and texts that are too
/// long, are not counted. `None` where a column is not there.
pub fn count_values(
    names: &[String],
    known: &[(&str, &Data)],
    rows: usize,
    counts: &mut BTreeMap<Vec<String>, u64>,
) -> Option<()> {
    let found: Vec<Coded<'_>> = names
        .iter()
        .map(|name| known.iter().find(|(of, _)| of == name).map(|(_, data)| Coded::of(data)))
        .collect::<Option<_>>()?;
    let mut coded: BTreeMap<Vec<usize>, u64> = BTreeMap::new();
    for row in 0..rows {
        let codes: Option<Vec<usize>> = found.iter().map(|coded| coded.code(row)).collect();
        if let Some(codes) = codes {
            *coded.entry(codes).or_default() += 1;
        }
    }
    for (codes, rows) in coded {
        let values = found.iter().zip(codes).map(|(coded, code)| coded.texts[code].as_ref());
        let values: Vec<String> = values.map(str::to_owned).collect();
        if values.iter().all(|value| value.len() <= LONGEST) {
            *counts.entry(values).or_default() += rows;
        }
    }
    Some(())
}
