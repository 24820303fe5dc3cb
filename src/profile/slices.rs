//! Slices: parts of the rows in words, and those of the reference where the model does worst.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::batch::{Column as Data, Values, labels};
use crate::metric::{Measure, Metric};
use crate::profile::{Outputs, Profile, Role};
use crate::stats::{Found, Undefined};

/// Where the model did worst in the reference, by its targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slices {
    /// What is greater there than elsewhere.
    pub loss: SliceLoss,
    /// Rows by which slices were confirmed: none of them had a part in finding these.
    pub rows: u64,
    /// Their mean loss.
    pub mean: f64,
    /// How many slices were held against them.
    pub asked: u64,
    /// Why nothing was looked for, where it is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub none: Option<Undefined>,
    /// Those that were confirmed, the one first that holds most of the loss: excess times share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<Slice>,
}

/// A part of the reference where the model does worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Which rows are in it: those that fulfil all of them.
    pub conditions: Vec<Condition>,
    /// Its rows in the reference.
    pub rows: u64,
    /// Their share.
    pub share: f64,
    /// The mean loss of those of them that confirmed it.
    pub loss: f64,
    /// How far that is above the mean loss of all.
    pub excess: f64,
    /// One standard error of that.
    pub error: f64,
    /// A bound of the probability of such a slice by chance, among all that were asked about.
    pub p_value: f64,
}

/// What a slice is said to be worse by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceLoss {
    /// 1 where the prediction is wrong: models that predict classes.
    ZeroOne,
    /// The logarithm of what the true class was held likely by: classifiers with probabilities alone.
    Log,
    /// How far the prediction is off: regressions.
    Absolute,
}

/// What rows of a slice have in a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// What it holds.
    pub holds: Kept,
    /// Whether rows without a value are in it too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub or_missing: bool,
}

/// Which values a condition keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Numbers from one (inclusive) to another (exclusive).
    Between(Option<f64>, Option<f64>),
    /// These labels.
    OneOf(Vec<String>),
    /// All other labels.
    NoneOf(Vec<String>),
    /// Labels that the reference does not have; only of windows.
    Unseen,
    /// None: rows without a value.
    Missing,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What was found of slices in a window, without targets.
#[derive(Clone, Debug, PartialEq)]
pub struct SlicesReading {
    /// What is greater in them.
    pub loss: SliceLoss,
    /// What was looked at, or why nothing was.
    pub searched: Result<SlicesSearched, Undefined>,
    /// The slices, the one first that holds most of the excess.
    pub found: Vec<FoundSlice>,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlicesSearched {
    /// How many slices chance was allowed for.
    pub looked_at: u64,
    /// How many columns there are.
    pub columns: usize,
    /// Of how many of them pairs were made.
    pub paired: usize,
}

/// A slice of a window.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundSlice {
    /// What it is called.
    pub name: String,
    /// Its expected loss.
    pub found: Found,
    /// Its share of the rows.
    pub share: f64,
    /// What became of it since the reference.
    pub change: Result<SliceChange, Undefined>,
}

/// How far the mean loss of a slice is above what it was in the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SliceChange {
    /// By how much.
    pub value: f64,
    /// One standard error of that.
    pub error: f64,
    /// The probability of so great a change by chance, among all slices that were looked at.
    pub p_value: f64,
}

impl SliceLoss {
    /// That of a profile's model; `None` where nothing says how far its predictions are off.
    pub fn of(profile: &Profile) -> Option<Self> {
        let has = |role| profile.of_role(role).is_some();
        match &profile.outputs {
            Outputs::None => None,
            Outputs::Binary(_) | Outputs::Multiclass(_) if has(Role::Prediction) => {
                Some(Self::ZeroOne)
            }
            Outputs::Binary(_) | Outputs::Multiclass(_) => has(Role::Score).then_some(Self::Log),
            Outputs::Regression(_) => has(Role::Prediction).then_some(Self::Absolute),
        }
    }

    /// The metric that it is about.
    pub fn measure(self) -> Measure {
        match self {
            Self::ZeroOne => Metric::Accuracy.into(),
            Self::Log => Measure::Custom("log_loss".into()),
            Self::Absolute => Metric::Mae.into(),
        }
    }

    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ZeroOne => "wrong predictions",
            Self::Log => "log loss",
            Self::Absolute => "absolute error",
        }
    }
}

impl Slice {
    /// What it is called.
    pub fn name(&self) -> String {
        in_words(&self.conditions)
    }
}

/// Conditions in words: `age < 25 and region in (north, west)`.
pub fn in_words(conditions: &[Condition]) -> String {
    let several = conditions.len() > 1;
    let words = conditions.iter().map(|condition| {
        if several && condition.or_missing {
            format!("({condition})")
        } else {
            condition.to_string()
        }
    });
    words.collect::<Vec<_>>().join(" and ")
}

/// More labels than this are not named one by one.
const NAMED: usize = 8;

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = &self.column;
        match &self.holds {
            Kept::Between(None, None) => write!(f, "{column} is not missing")?,
            Kept::Between(Some(from), Some(to)) if from.next_up() == *to => {
                write!(f, "{column} = {}", short(*from))?;
            }
            Kept::Between(from, to) => {
                // What begins just above a number, or ends there.
                let bound = |at: f64, at_it: &'static str, beyond: &'static str| {
                    let down = at.next_down();
                    let is_next = down.to_string().len() + 4 < at.to_string().len();
                    if is_next { (short(down), beyond) } else { (short(at), at_it) }
                };
                let from = from.map(|from| bound(from, ">=", ">"));
                let to = to.map(|to| bound(to, "<", "<="));
                match (from, to) {
                    (Some((from, above)), Some((to, below))) => {
                        let above = if above == ">" { "<" } else { "<=" };
                        write!(f, "{from} {above} {column} {below} {to}")?;
                    }
                    (Some((from, above)), None) => write!(f, "{column} {above} {from}")?,
                    (None, Some((to, below))) => write!(f, "{column} {below} {to}")?,
                    (None, None) => {}
                }
            }
            Kept::OneOf(labels) => match labels.as_slice() {
                [label] => write!(f, "{column} = {label}")?,
                labels => write!(f, "{column} in ({})", listed(labels))?,
            },
            Kept::NoneOf(labels) => match labels.as_slice() {
                [label] => write!(f, "{column} != {label}")?,
                labels => write!(f, "{column} not in ({})", listed(labels))?,
            },
            Kept::Unseen => write!(f, "{column} never seen before")?,
            Kept::Missing => return write!(f, "{column} is missing"),
        }
        if self.or_missing { f.write_str(" or missing") } else { Ok(()) }
    }
}

fn listed(labels: &[String]) -> String {
    let mut words = labels.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let more = labels.len().saturating_sub(NAMED);
    if more > 0 {
        words.push(format!("{more} more"));
    }
    words.join(", ")
}

/// A number as people read it: as it is where that is short, else to five digits.
fn short(number: f64) -> String {
    let exact = number.to_string();
    if exact.len() <= 8 || number == 0.0 || !number.is_finite() {
        return exact;
    }
    let digits = 4 - libm::floor(libm::log10(number.abs())) as i32;
    if (0..12).contains(&digits) {
        let text = format!("{number:.*}", digits as usize);
        let text = if text.contains('.') { text.trim_end_matches('0') } else { &text };
        text.trim_end_matches('.').to_owned()
    } else {
        format!("{number:.4e}")
    }
}

impl Condition {
    /// Which rows of a column fulfil it.
    fn fulfilled(&self, column: &Data) -> Vec<bool> {
        match &column.values {
            Values::Numbers(values) => {
                let number = |number: Option<f64>| match (&self.holds, number) {
                    (_, Some(number)) if number.is_nan() => self.without_value(),
                    (_, None) => self.without_value(),
                    (Kept::Between(from, to), Some(number)) => {
                        from.is_none_or(|from| number >= from) && to.is_none_or(|to| number < to)
                    }
                    _ => false,
                };
                values.iter().map(number).collect()
            }
            Values::Labels(array) => {
                // Once for each label, not for each row.
                let known: Vec<bool> = labels(array)
                    .map(|label| match &self.holds {
                        Kept::OneOf(labels) => labels.iter().any(|of| of == label),
                        Kept::NoneOf(labels) => !labels.iter().any(|of| of == label),
                        Kept::Between(..) | Kept::Unseen | Kept::Missing => false,
                    })
                    .collect();
                let of = |row| match array.key(row) {
                    Some(label) => known.get(label).copied().unwrap_or(false),
                    None => self.without_value(),
                };
                (0..array.len()).map(of).collect()
            }
            Values::Vectors(vectors) => vec![false; vectors.len()],
        }
    }

    fn without_value(&self) -> bool {
        self.or_missing || self.holds == Kept::Missing
    }
}

/// Which rows fulfil all conditions, given the column of each.
pub fn fulfilled(conditions: &[Condition], columns: &[&Data], rows: usize) -> Vec<bool> {
    let mut all = vec![true; rows];
    for (condition, column) in conditions.iter().zip(columns) {
        for (all, one) in all.iter_mut().zip(condition.fulfilled(column)) {
            *all &= one;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_like_a_sentence() {
        let of = |column: &str, holds, or_missing| Condition {
            column: column.to_owned(),
            holds,
            or_missing,
        };
        let labels = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect();
        let said = [
            (Kept::Between(None, Some(25.0)), false, "x < 25"),
            (Kept::Between(Some(25.0), None), true, "x >= 25 or missing"),
            (Kept::Between(Some(0.5), Some(1234.5)), false, "0.5 <= x < 1234.5"),
            (Kept::Between(Some(3.0_f64.next_up()), Some(8.0_f64.next_up())), false, "3 < x <= 8"),
            (Kept::Between(Some(3.0), Some(3.0_f64.next_up())), false, "x = 3"),
            (Kept::Between(None, Some(23_456.789_123_4)), false, "x < 23457"),
            (Kept::Between(None, Some(0.012_345_678_9)), false, "x < 0.012346"),
            (Kept::Between(None, Some(-1.234_567_89e-9)), false, "x < -1.2346e-9"),
            (Kept::Between(None, None), false, "x is not missing"),
            (Kept::OneOf(labels(&["north"])), false, "x = north"),
            (Kept::OneOf(labels(&["north", "west"])), false, "x in (north, west)"),
            (Kept::NoneOf(labels(&["south"])), false, "x != south"),
            (Kept::Unseen, false, "x never seen before"),
            (Kept::Missing, true, "x is missing"),
        ];
        for (holds, or_missing, words) in said {
            assert_eq!(of("x", holds, or_missing).to_string(), words);
        }
        let many: Vec<String> = (0..11).map(|n| n.to_string()).collect();
        assert_eq!(
            of("x", Kept::OneOf(many), false).to_string(),
            "x in (0, 1, 2, 3, 4, 5, 6, 7, 3 more)"
        );
        let both = [
            of("age", Kept::Between(None, Some(25.0)), true),
            of("region", Kept::OneOf(labels(&["north"])), false),
        ];
        assert_eq!(in_words(&both), "(age < 25 or missing) and region = north");
        assert_eq!(in_words(&both[..1]), "age < 25 or missing");
    }
}
