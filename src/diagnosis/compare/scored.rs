//! What a model said of rows, and what came of it.

use crate::batch::{Column, Expected, Rows, Values, labels};
use crate::profile::{Outputs, Profile, Role};
use crate::stats::Loss;
use crate::window::PROBABILITY_UNITS;

/// A class that is none.
pub(super) const NO_CLASS: u16 = u16::MAX;

/// What a model said of rows, and what came of it: a value a row, in columns.
#[derive(Clone, Debug, Default)]
pub struct Scored {
    /// What tells the rows: the hash of their id, or where they stand; `None` for a row without an id.
    pub(super) ids: Vec<Option<u128>>,
    /// By class that is ranked: its score; NaN where missing.
    pub(super) scores: Vec<Vec<f64>>,
    /// The classes that are ranked: the positive one of two, or all of several.
    pub(super) ranked: Vec<usize>,
    /// By class: how likely; NaN where a score is missing.
    pub(super) likely: Vec<Vec<f64>>,
    /// The class that is predicted; [`NO_CLASS`] where none is.
    pub(super) predicted: Vec<u16>,
    /// The class that it was; [`NO_CLASS`] where that is not known.
    pub(super) truth: Vec<u16>,
    /// Of a regression: the prediction, and what it was; NaN where missing.
    pub(super) numbers: Vec<[f64; 2]>,
    /// Of a regression: the loss that is expected.
    pub(super) expected: Vec<(Loss, Vec<f64>)>,
    /// The classes in their order, as the reference writes them.
    pub classes: Vec<String>,
    /// Which segment each row is in: a run of rows for each way of splitting them.
    pub(super) segments: Vec<Vec<u16>>,
}

impl Scored {
    /// No rows yet, of a model with that profile.
    pub fn new(profile: &Profile) -> Self {
        let (classes, ranked): (Vec<String>, Vec<usize>) = match &profile.outputs {
            Outputs::None | Outputs::Regression(_) => (Vec::new(), Vec::new()),
            Outputs::Binary(binary) => {
                let negative = binary.classes.negative.clone().unwrap_or_default();
                (vec![negative, binary.classes.positive.clone()], vec![1])
            }
            Outputs::Multiclass(several) => {
                let classes = several.classes.iter().map(|class| class.label.clone());
                (classes.collect(), (0..several.classes.len()).collect())
            }
        };
        let scores = profile.of_role(Role::Score).map_or(0, |_| ranked.len());
        Self {
            scores: vec![Vec::new(); scores],
            likely: vec![Vec::new(); if scores > 0 { classes.len() } else { 0 }],
            ranked,
            classes,
            expected: match &profile.outputs {
                Outputs::Regression(of) => {
                    of.expects().map(|(loss, _)| (loss, Vec::new())).collect()
                }
                _ => Vec::new(),
            },
            ..Self::default()
        }
    }

    /// Adds rows that were laid out by the profile; without ids they are told by where they stand.
    pub fn add(&mut self, profile: &Profile, rows: &Rows, ids: Option<&[Option<u128>]>) {
        match ids {
            Some(ids) => self.ids.extend_from_slice(ids),
            None => self.ids.extend(rows.offsets.iter().map(|&at| Some(at.cast_unsigned().into()))),
        }
        for (at, split) in rows.segments.iter().enumerate() {
            if self.segments.len() <= at {
                self.segments.push(Vec::new());
            }
            self.segments[at].extend_from_slice(split);
        }
        let of_role = |role| {
            let columns = profile.columns.iter().zip(&rows.columns);
            columns.filter(move |(column, _)| column.role == role).map(|(_, data)| data)
        };
        match &profile.outputs {
            Outputs::None => {}
            Outputs::Regression(_) => {
                let number = |role, row: usize| {
                    of_role(role).next().and_then(|data| data.number(row)).unwrap_or(f64::NAN)
                };
                let numbers = |row| [number(Role::Prediction, row), number(Role::Target, row)];
                self.numbers.extend((0..rows.len()).map(numbers));
                if let Expected::Losses(losses) = &rows.expected {
                    for ((_, all), of) in self.expected.iter_mut().zip(losses) {
                        all.extend_from_slice(of);
                    }
                }
            }
            Outputs::Binary(_) | Outputs::Multiclass(_) => {
                let several = matches!(profile.outputs, Outputs::Multiclass(_));
                // Of several classes a prediction may be none of them; of two it is missing then.
                let other = if several { self.classes.len() as u16 } else { NO_CLASS };
                let predicted = of_role(Role::Prediction).next();
                classes_of(profile, predicted, rows.len(), other, &mut self.predicted);
                let truth = of_role(Role::Target).next();
                classes_of(profile, truth, rows.len(), NO_CLASS, &mut self.truth);
                self.add_scores(profile, rows);
            }
        }
    }

    fn add_scores(&mut self, profile: &Profile, rows: &Rows) {
        let places: Vec<usize> = if let Outputs::Multiclass(several) = &profile.outputs {
            several.scores(&profile.columns).unwrap_or_default()
        } else {
            let mut columns = profile.columns.iter();
            columns.position(|column| column.role == Role::Score).into_iter().collect()
        };
        for (scores, &at) in self.scores.iter_mut().zip(&places) {
            let column = &rows.columns[at];
            scores.extend((0..rows.len()).map(|row| column.number(row).unwrap_or(f64::NAN)));
        }
        let Expected::Probabilities(likely) = &rows.expected else { return };
        let from = self.scores.first().map_or(0, Vec::len) - rows.len();
        for row in 0..rows.len() {
            let missing = self.scores.iter().any(|scores| scores[from + row].is_nan());
            let p = |of: &[u64]| {
                if missing { f64::NAN } else { of[row] as f64 / PROBABILITY_UNITS }
            };
            match (likely.as_slice(), self.likely.as_mut_slice()) {
                ([positive], [negative, own]) => {
                    negative.push(1.0 - p(positive));
                    own.push(p(positive));
                }
                (classes, own) => {
                    for (own, of) in own.iter_mut().zip(classes) {
                        own.push(p(of));
                    }
                }
            }
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether anything is expected of rows without their targets.
    pub fn can_estimate(&self) -> bool {
        !self.likely.is_empty() || !self.expected.is_empty()
    }

    /// How many rows have a target.
    pub fn labelled(&self) -> usize {
        let known = self.truth.iter().filter(|&&truth| truth != NO_CLASS).count();
        known + self.numbers.iter().filter(|[_, truth]| !truth.is_nan()).count()
    }

    /// The losses of a row whose target is known.
    pub(super) fn loss(&self, loss: Loss, row: usize, truth: f64) -> Option<f64> {
        loss.of(truth, self.numbers.get(row)?[0]).ok()
    }
}

/// The classes of a column of labels, [`NO_CLASS`] where one is missing and `other` for one that is none of the classes.
fn classes_of(
    profile: &Profile,
    column: Option<&Column>,
    rows: usize,
    other: u16,
    classes: &mut Vec<u16>,
) {
    match column.map(|column| &column.values) {
        Some(Values::Labels(array)) => {
            let class = |label| profile.class(label).map_or(other, |class| class as u16);
            let known: Vec<u16> = labels(array).map(class).collect();
            let of = |key: Option<i32>| {
                key.and_then(|key| known.get(usize::try_from(key).ok()?).copied())
            };
            classes.extend(array.keys().iter().map(|key| of(key).unwrap_or(NO_CLASS)));
        }
        _ => classes.extend((0..rows).map(|_| NO_CLASS)),
    }
}
