//! Rows of the parts of a data set, some of each, as numbers.

use std::collections::BTreeMap;

use crate::batch::{Column, Values, labels};
use crate::metric::ColumnKind;

/// So many rows of a part are looked at, at most.
const MOST: usize = 10_000;

/// What is wanted of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A number.
    Number,
    /// A class.
    Class,
    /// Nothing: inputs alone.
    Nothing,
}

/// Some rows of each part: those whose hash is least, so which ones does not depend on the order in which they come.
#[derive(Clone, Debug)]
pub struct Gathered {
    pub(super) names: Vec<String>,
    kinds: Vec<ColumnKind>,
    wanted: Wanted,
    /// By column: the number of each label.
    codes: Vec<BTreeMap<String, u32>>,
    classes: BTreeMap<String, u32>,
    pub(super) parts: Vec<Sample>,
}

/// Some rows of a part.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) rows: Vec<Row>,
    /// How many rows there were.
    pub(super) seen: u64,
    /// How many of them have a target.
    pub(super) labelled: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Row {
    key: u64,
    /// Numbers, and numbers of labels; NaN where missing.
    pub(super) values: Box<[f64]>,
    /// A number, or the number of a class; NaN where missing.
    pub(super) target: f64,
}

impl Gathered {
    /// No rows yet, of so many parts. Lists of numbers are left out: trees split by single ones.
    pub fn new(columns: &[(String, ColumnKind)], wanted: Wanted, parts: usize) -> Self {
        let of = columns.iter().filter(|(_, kind)| *kind != ColumnKind::Embedding);
        let (names, kinds): (Vec<String>, Vec<ColumnKind>) = of.cloned().unzip();
        Self {
            codes: vec![BTreeMap::new(); names.len()],
            classes: BTreeMap::new(),
            parts: vec![Sample::default(); parts],
            names,
            kinds,
            wanted,
        }
    }

    /// Adds rows: the columns that are no lists in their order, the target, and for each row its part (`None` for none)
    /// and its number in the data.
    pub fn add(
        &mut self,
        columns: &[&Column],
        target: Option<&Column>,
        parts: impl Iterator<Item = (Option<usize>, u64)>,
    ) {
        let known: Vec<Vec<u32>> = columns
            .iter()
            .zip(&mut self.codes)
            .map(|(column, codes)| numbered(column, codes))
            .collect();
        let classes = target.map(|target| numbered(target, &mut self.classes)).unwrap_or_default();
        for (row, (part, number)) in parts.enumerate() {
            let Some(sample) = part.and_then(|part| self.parts.get_mut(part)) else { continue };
            let target = match (&self.wanted, target) {
                (Wanted::Nothing, _) => 0.0,
                (_, None) => f64::NAN,
                (Wanted::Number, Some(target)) => {
                    target.number(row).filter(|number| number.is_finite()).unwrap_or(f64::NAN)
                }
                (Wanted::Class, Some(target)) => value(target, &classes, row),
            };
            sample.seen += 1;
            if target.is_nan() {
                continue;
            }
            sample.labelled += 1;
            let key = hash(number);
            if sample.rows.len() >= MOST && sample.rows.last().is_some_and(|last| last.key < key) {
                continue;
            }
            let values =
                columns.iter().zip(&known).map(|(column, known)| value(column, known, row));
            sample.rows.push(Row { key, values: values.collect(), target });
            if sample.rows.len() >= 2 * MOST {
                sample.keep();
            }
        }
    }

    /// Sorts what is kept: to be called once all rows are there.
    pub fn finish(&mut self) {
        self.parts.iter_mut().for_each(Sample::keep);
    }

    /// How many classes there are.
    pub(super) fn classes(&self) -> usize {
        self.classes.len()
    }

    /// What is wanted.
    pub(super) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Whether a column holds labels, and how many.
    pub(super) fn labels(&self, column: usize) -> Option<usize> {
        (self.kinds[column] == ColumnKind::Categorical).then(|| self.codes[column].len())
    }
}

impl Sample {
    fn keep(&mut self) {
        self.rows.sort_by_key(|row| row.key);
        self.rows.truncate(MOST);
    }
}

/// The number of each label of a column, new ones behind those that are known.
fn numbered(column: &Column, codes: &mut BTreeMap<String, u32>) -> Vec<u32> {
    let Values::Labels(array) = &column.values else { return Vec::new() };
    let number = |label: &str| {
        let next = codes.len() as u32;
        *codes.entry(label.to_owned()).or_insert(next)
    };
    labels(array).map(number).collect()
}

fn value(column: &Column, codes: &[u32], row: usize) -> f64 {
    match &column.values {
        Values::Numbers(_) => column.number(row).unwrap_or(f64::NAN),
        Values::Labels(array) => {
            let code = array.key(row).and_then(|key| codes.get(key));
            code.map_or(f64::NAN, |&code| f64::from(code))
        }
        Values::Vectors(_) => f64::NAN,
    }
}

/// Chooses rows; a bijection, so no two rows have the same. Source: Steele et al. 2014 (`SplitMix64`).
pub(super) fn hash(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
