//! A sample of the reference's rows, as codes: what a classifier needs to tell a window from it.

use std::cmp::Ordering;

use arrow::buffer::ScalarBuffer;
use serde::{Deserialize, Serialize};

use crate::batch::{Column as Data, Rows, Vectors};
use crate::profile::Profile;
use crate::profile::carried::{Carried, RowOutputs};
use crate::stats::Coded;

/// The code of a missing value.
pub const MISSING: u8 = 0;
/// The code of a category that the reference does not have.
pub const UNSEEN: u8 = 1;

/// So many rows of the reference for each of a window tell it apart as well as more of them: the window's are too few...
const FOR_EACH: usize = 3;
/// ...and never fewer.
const ENOUGH: usize = 3_000;

/// Rows of the reference, chosen by a hash, as codes of their features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The features, in the order of the profile's columns.
    pub features: Vec<Coding>,
    /// How many rows a sample has at most, here and of windows: those whose keys are least.
    pub capacity: usize,
    /// Which of the model's outputs rows carry, here and of windows; `None` in profiles of a form before they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Carried>,
    /// The rows, by key.
    pub rows: KeyedRows,
}

/// How the values of a feature become codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coding {
    /// Which of the profile's columns.
    pub column: usize,
    /// Of an embedding: which of the numbers that say where a vector lies, see `Distances::part`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<usize>,
    /// What stands for what.
    pub codes: Codes,
}

impl Coding {
    /// The code of a row's vector.
    #[inline]
    pub fn of_vector(&self, vectors: &Vectors, row: usize) -> u8 {
        let Vectors::Measured(distances) = vectors else { return MISSING };
        let found = distances.part(self.part.unwrap_or(0), row);
        found.map_or(MISSING, |number| self.codes.of_number(number))
    }
}

/// What stands for what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codes {
    /// Numbers, by how many of these ascending cuts they reach.
    Cuts(Vec<f64>),
    /// The code of each of the column's labels.
    Labels(#[serde(with = "hexadecimal")] Vec<u8>),
}

/// Rows of codes, each with the hash that chooses it and with what the model put out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeyedRows {
    /// A key a row.
    #[serde(with = "hexadecimal_keys")]
    pub keys: Vec<u64>,
    /// Row after row, a code a feature.
    #[serde(with = "hexadecimal")]
    pub codes: Vec<u8>,
    /// Row after row what it carries, NaN where it has none: see [`Sample::outputs`].
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "numbers")]
    pub outputs: Vec<f64>,
    /// The target of each row as a number, or as that of its class; NaN where it has none. Empty where nobody has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "numbers")]
    pub targets: Vec<f64>,
}

impl PartialEq for KeyedRows {
    fn eq(&self, other: &Self) -> bool {
        let bits = |numbers: &[f64]| numbers.iter().map(|n| n.to_bits()).collect::<Vec<u64>>();
        self.keys == other.keys
            && self.codes == other.codes
            && bits(&self.outputs) == bits(&other.outputs)
            && bits(&self.targets) == bits(&other.targets)
    }
}

impl Codes {
    /// The code of a number; NaN is missing.
    #[inline]
    pub fn of_number(&self, number: f64) -> u8 {
        match self {
            Self::Cuts(cuts) if !number.is_nan() => {
                // Fewer cuts than codes, see `fit`.
                cuts.partition_point(|&cut| cut <= number) as u8 + 1
            }
            _ => MISSING,
        }
    }

    /// The code of one of the reference's labels, by its position; `None` for any other label.
    #[inline]
    pub fn of_label(&self, label: Option<usize>) -> u8 {
        match (self, label) {
            (Self::Labels(codes), Some(label)) => codes.get(label).copied().unwrap_or(UNSEEN),
            _ => UNSEEN,
        }
    }
}

impl Profile {
    /// What chooses rows for samples, by their ids and columns.
    pub fn keys(
        &self,
        ids: impl Iterator<Item = Option<u128>>,
        columns: &[Data],
    ) -> ScalarBuffer<u64> {
        let chosen = self.columns.iter().zip(columns).filter(|(column, _)| column.role.chooses());
        Rows::keys_of(ids, chosen.map(|(_, data)| data))
    }
}

/// From this share of different ones on, keys choose as fairly as if all were.
const DIFFERENT: f64 = 0.9;

impl KeyedRows {
    /// Whether keys choose fairly of so many rows, of which these are the ones with the least: rows that have the same
    /// key are in a sample together, or not at all.
    ///
    /// How many different keys there are follows from where the least ones lie. Source: Bar-Yossef et al. 2002.
    pub fn choose_fairly(&self, of: u64) -> bool {
        let Some(&last) = self.keys.last().filter(|_| (self.len() as u64) < of) else {
            return true;
        };
        let different = self.keys.chunk_by(|a, b| a == b).count() as f64;
        let share = last as f64 / u64::MAX as f64;
        different >= DIFFERENT * share * of as f64
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The codes of a row.
    pub fn row(&self, row: usize) -> &[u8] {
        let features = self.codes.len() / self.keys.len().max(1);
        &self.codes[row * features..(row + 1) * features]
    }

    /// What a row carries.
    pub fn outputs(&self, row: usize) -> &[f64] {
        let width = self.outputs.len() / self.keys.len().max(1);
        &self.outputs[row * width..(row + 1) * width]
    }

    /// Adds what a row carries of the model's outputs, and its target; `class` tells the class that a row has in a column.
    pub fn carry(
        &mut self,
        carried: &Carried,
        rows: &Rows,
        row: usize,
        class: impl Fn(usize, usize) -> Option<usize>,
    ) {
        carried.push(rows, row, &class, &mut self.outputs);
        self.targets
            .extend(carried.target.map(|column| Carried::number(rows, column, row, &class)));
    }

    /// By key, and by the codes where keys are equal: what tells one row from another, whoever carries what of it.
    fn compare_codes(&self, row: usize, other: &Self, theirs: usize) -> Ordering {
        let by_key = self.keys[row].cmp(&other.keys[theirs]);
        by_key.then_with(|| self.row(row).cmp(other.row(theirs)))
    }

    /// By key, and by all that they hold where keys are equal: the order in which rows are chosen.
    pub fn compare(&self, row: usize, other: &Self, theirs: usize) -> Ordering {
        let ours = self.outputs(row).iter().chain(self.targets.get(row));
        let of_other = || other.outputs(theirs).iter().chain(other.targets.get(theirs));
        self.compare_codes(row, other, theirs)
            .then_with(|| ours.map(|n| n.to_bits()).cmp(of_other().map(|n| n.to_bits())))
    }

    /// Sorts the rows and keeps the first ones.
    pub fn keep(&mut self, capacity: usize) {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_unstable_by(|&a, &b| self.compare(a, self, b));
        order.truncate(capacity);
        let targets = self.targets.len().min(self.len());
        *self = Self {
            keys: order.iter().map(|&row| self.keys[row]).collect(),
            codes: order.iter().flat_map(|&row| self.row(row)).copied().collect(),
            outputs: order.iter().flat_map(|&row| self.outputs(row)).copied().collect(),
            targets: order
                .iter()
                .filter(|&&row| row < targets)
                .map(|&row| self.targets[row])
                .collect(),
        };
    }

    /// Adds the rows of another.
    pub fn extend(&mut self, other: &Self) {
        self.keys.extend(&other.keys);
        self.codes.extend(&other.codes);
        self.outputs.extend(&other.outputs);
        self.targets.extend(&other.targets);
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        let numbers = self.outputs.capacity() + self.targets.capacity();
        self.keys.capacity() * size_of::<u64>() + self.codes.capacity() + numbers * size_of::<f64>()
    }
}

impl Sample {
    /// Of each feature, whether its codes have an order.
    pub(super) fn ordered(&self) -> Vec<bool> {
        self.features.iter().map(|feature| matches!(feature.codes, Codes::Cuts(_))).collect()
    }

    /// What a row carries, of the reference or of a window; nothing where it carries nothing.
    pub fn outputs<'r>(&self, rows: &'r KeyedRows, row: usize) -> RowOutputs<'r> {
        let Some(carried) = &self.carried else { return RowOutputs::default() };
        carried.read(rows.outputs(row), rows.targets.get(row).copied())
    }

    /// So many of its rows tell a window apart as well as more would.
    pub fn enough(window: &KeyedRows) -> usize {
        ENOUGH.max(FOR_EACH * window.len())
    }

    /// The sample's rows without those of a window, as many as tell it apart, and then the window's; and which are the
    /// window's. Both sorted.
    ///
    /// A row that is in both counts as the window's: told apart from itself it would teach the opposite.
    pub fn beside(&self, window: &KeyedRows) -> (Coded, Vec<bool>) {
        let (coded, kept) = self.apart(window, Self::enough(window));
        let mut of_window = vec![false; kept.len()];
        of_window.resize(kept.len() + window.len(), true);
        (coded, of_window)
    }

    /// The same with at most so many of the sample's rows, and which of them stand before the window's.
    pub fn apart(&self, window: &KeyedRows, most: usize) -> (Coded, Vec<usize>) {
        let mut codes = Vec::with_capacity(self.rows.codes.len() + window.codes.len());
        let mut theirs = 0;
        let mut kept = Vec::with_capacity(self.rows.len());
        for row in 0..self.rows.len() {
            if kept.len() >= most {
                break;
            }
            while theirs < window.len() && window.compare_codes(theirs, &self.rows, row).is_lt() {
                theirs += 1;
            }
            if theirs < window.len() && window.compare_codes(theirs, &self.rows, row).is_eq() {
                theirs += 1;
                continue;
            }
            codes.extend_from_slice(self.rows.row(row));
            kept.push(row);
        }
        codes.extend_from_slice(&window.codes);
        (Coded { codes, ordered: self.ordered() }, kept)
    }
}

/// Two digits a byte.
mod hexadecimal {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(bytes.len() * 2);
        text.extend(bytes.iter().copied().flat_map(digits));
        s.serialize_str(&text)
    }

    /// A profile has hundreds of thousands of bytes, and is hashed by its text: formatting each was half of that work.
    pub(super) fn digits(byte: u8) -> [char; 2] {
        [byte >> 4, byte & 15].map(|half| char::from(b"0123456789abcdef"[usize::from(half)]))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(d)?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let byte = |&[high, low]: &[u8; 2]| Some((digit(high)? * 16 + digit(low)?) as u8);
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        bytes
            .filter(|_| rest.is_empty())
            .ok_or_else(|| D::Error::custom("bytes of two hexadecimal digits each"))
    }
}

/// Sixteen digits a key, the lowest byte first.
mod hexadecimal_keys {
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    use super::hexadecimal;

    #[expect(clippy::ptr_arg, reason = "serde asks for this signature")]
    pub(super) fn serialize<S: Serializer>(keys: &Vec<u64>, s: S) -> Result<S::Ok, S::Error> {
        hexadecimal::serialize(
            &keys.iter().flat_map(|key| key.to_le_bytes()).collect::<Vec<_>>(),
            s,
        )
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u64>, D::Error> {
        let bytes = hexadecimal::deserialize(d)?;
        let (keys, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(D::Error::custom("keys of sixteen hexadecimal digits each"));
        }
        Ok(keys.iter().map(|key| u64::from_le_bytes(*key)).collect())
    }
}

/// The sixteen digits of a number's bits, less zeros at the end, each with a comma behind it: classes and rounded numbers
/// are short.
mod numbers {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::hexadecimal;

    const DIGITS: usize = 16;

    pub(super) fn serialize<S: Serializer>(numbers: &Vec<f64>, s: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(numbers.len() * 8);
        let mut digits = String::with_capacity(DIGITS);
        for number in numbers {
            digits.clear();
            digits.extend(number.to_bits().to_be_bytes().into_iter().flat_map(hexadecimal::digits));
            text.push_str(digits.trim_end_matches('0'));
            text.push(',');
        }
        s.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<f64>, D::Error> {
        let text = String::deserialize(d)?;
        let wrong = || {
            D::Error::custom("numbers of at most sixteen hexadecimal digits, a comma behind each")
        };
        let Some(digits) = text.strip_suffix(',') else {
            return if text.is_empty() { Ok(Vec::new()) } else { Err(wrong()) };
        };
        let number = |digits: &str| {
            let zeros = DIGITS.checked_sub(digits.len())?;
            let written = if digits.is_empty() { "0" } else { digits };
            let bits = u64::from_str_radix(written, 16).ok()?;
            Some(f64::from_bits(bits.checked_shl(4 * zeros as u32).unwrap_or(0)))
        };
        digits.split(',').map(|digits| number(digits).ok_or_else(wrong)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_what_they_carry_and_equal_ones_are_in_its_order() {
        let mut all = rows(&[(7, [1, 1]), (3, [2, 2]), (3, [2, 2]), (9, [0, 0])]);
        all.outputs = vec![0.7, 1.0, 0.4, f64::NAN, 0.3, 0.0, 0.9, 0.0];
        all.targets = vec![1.0, 0.0, f64::NAN, 1.0];
        let mut parts = rows(&[(3, [2, 2]), (9, [0, 0])]);
        parts.outputs = all.outputs[4..].to_vec();
        parts.targets = all.targets[2..].to_vec();
        let mut first = rows(&[(7, [1, 1]), (3, [2, 2])]);
        first.outputs = all.outputs[..4].to_vec();
        first.targets = all.targets[..2].to_vec();
        parts.extend(&first);
        all.keep(3);
        parts.keep(3);
        assert_eq!(all, parts);
        assert_eq!(all.keys, [3, 3, 7]);
        assert_eq!(all.outputs(0), [0.3, 0.0]);
        assert!(all.targets[0].is_nan() && all.targets[1] == 0.0);
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<KeyedRows>(&text).unwrap(), all);
        assert!(serde_json::from_str::<KeyedRows>(&text.replace("3ff,", "3ffg,")).is_err());
    }

    fn rows(rows: &[(u64, [u8; 2])]) -> KeyedRows {
        let mut keyed = KeyedRows::default();
        for (key, codes) in rows {
            keyed.keys.push(*key);
            keyed.codes.extend(codes);
        }
        keyed
    }

    #[test]
    fn the_least_keys_are_kept_and_equal_ones_by_what_they_hold() {
        let mut all = rows(&[(7, [1, 1]), (3, [2, 9]), (3, [2, 2]), (9, [0, 0])]);
        all.keep(3);
        assert_eq!(all, rows(&[(3, [2, 2]), (3, [2, 9]), (7, [1, 1])]));
    }

    #[test]
    fn what_is_in_both_is_the_windows() {
        let sample = Sample {
            features: vec![
                Coding { column: 0, part: None, codes: Codes::Cuts(vec![1.0]) },
                Coding { column: 1, part: None, codes: Codes::Labels(vec![3]) },
            ],
            capacity: 9,
            carried: None,
            rows: rows(&[(1, [1, 1]), (2, [1, 1]), (2, [1, 2]), (5, [1, 1])]),
        };
        let (coded, of_window) = sample.beside(&rows(&[(0, [9, 9]), (2, [1, 2]), (5, [1, 3])]));
        assert_eq!(of_window, [false, false, false, true, true, true]);
        assert_eq!(coded.row(2), [1, 1]);
        assert_eq!(coded.row(3), [9, 9]);
        assert_eq!(coded.ordered, [true, false]);
        let text = serde_json::to_string(&sample).unwrap();
        assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), sample);
    }

    #[test]
    fn codes_tell_missing_unseen_and_beyond_apart() {
        let cuts = Codes::Cuts(vec![0.0, 10.0]);
        let found = [f64::NAN, -1.0, 0.0, 9.9, 10.0, f64::INFINITY].map(|x| cuts.of_number(x));
        assert_eq!(found, [MISSING, 1, 2, 2, 3, 3]);
        let labels = Codes::Labels(vec![3, 4]);
        assert_eq!([None, Some(0), Some(1)].map(|at| labels.of_label(at)), [UNSEEN, 3, 4]);
    }
}
