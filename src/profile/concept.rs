//! The concept learnt again from rows whose target is known, and what that would make of the model on the reference.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::profile::{
    Binary, BinaryPerformance, Chance, Chances, KeyedRows, Measured, Multiclass,
    MulticlassPerformance, Outputs, Performance, Profile, Regression, RegressionPerformance,
    RowOutputs, Sample,
};
use crate::stats::{Coded, Lesson, Loss, Undefined, Wanted, relearn};

/// At most so many rows of a window teach: those with the least keys.
pub const TAUGHT: usize = 2_000;
/// At most so many of the reference are asked about.
const ASKED: usize = 4_000;
/// How often a part of the reference is held against the rest.
const TIMES: usize = 10;
/// So wide is a code of a chance, in log-odds.
const STEP: f64 = 0.2;
/// How many codes tell what the model put out, beside the one of a missing value.
const STEPS: usize = 62;

/// What rows whose target is known say of the concept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Relearnt {
    /// How many there were.
    pub lessons: u64,
    /// How far it has moved: mean over the rows of the reference that were asked about. Of classes half of the sum of the
    /// absolute changes of their chances (of two: the change of one), of numbers the absolute change of the absolute loss
    /// (of the first loss that there is).
    pub moved: f64,
    /// The model's performance on them by what the profile holds them for...
    pub before: Performance,
    /// ...and by what was learnt.
    pub after: Performance,
}

/// Rows of the reference that are asked about, and rows that teach.
struct Question<'r> {
    /// The asked ones first.
    rows: Vec<RowOutputs<'r>>,
    asked: usize,
    coded: Coded,
}

impl Profile {
    /// Learns the concept again from rows of a window, and asks about the reference's; `None` where nothing is kept that
    /// could be asked about.
    pub fn relearnt(&self, window: &KeyedRows) -> Option<Result<Relearnt, Undefined>> {
        let sample = self.sample.as_ref()?;
        let lessons = (0..window.len().min(TAUGHT)).map(|at| (window, at));
        let asked = (0..sample.rows.len().min(ASKED)).map(|at| (&sample.rows, at));
        self.learn(sample, asked, lessons)
    }

    /// By how much three standard deviations of [`Self::concept`] are to be widened, as those are of few parts, which may
    /// overlap: as Student's distribution has it for as many as they are worth, of rows that were none of them.
    ///
    /// The mean correlation of parts is that of their rows in common; what so many correlated means are worth follows from
    /// it (Kish 1965). The quantile by three terms of Fisher and Cornish 1960.
    pub fn widening(&self) -> f64 {
        let Some((first, sample)) = self.concept.first().zip(self.sample.as_ref()) else {
            return 1.0;
        };
        let times = TIMES as f64;
        let share =
            (first.lessons as f64 / sample.rows.len().max(1) as f64).clamp(f64::EPSILON, 0.5);
        let common = (1..TIMES).map(|apart| {
            let apart = apart.min(TIMES - apart) as f64 / times;
            (1.0 - apart / share).max(0.0)
        });
        let correlation = common.sum::<f64>() / (times - 1.0);
        let parts = times / (1.0 + (times - 1.0) * correlation);
        let freedom = (parts - 1.0).max(1.0);
        let quantile = 3.0 + (7.5 + (17.25 + 30.1875 / freedom) / freedom) / freedom;
        quantile / 3.0 * ((1.0 + 1.0 / parts) / (1.0 - correlation)).sqrt()
    }

    /// What is found where the concept has not changed: parts of the reference, each of so many rows as a window has on
    /// average, held against the rest. Empty where there is too little of it.
    pub fn relearnt_by_chance(&self, of_window: u64) -> Vec<Relearnt> {
        let Some(sample) = &self.sample else { return Vec::new() };
        let rows = &sample.rows;
        let size = usize::try_from(of_window).unwrap_or(TAUGHT).min(TAUGHT).min(rows.len() / 2);
        let found = (0..TIMES).filter_map(|time| {
            // By key, so each part is a random one. They overlap where there are few rows.
            let first = rows.len() * time / TIMES;
            let part = |inside: bool| {
                let is_in = move |at: &usize| (*at + rows.len() - first) % rows.len() < size;
                (0..rows.len()).filter(move |at| is_in(at) == inside).map(|at| (rows, at))
            };
            self.learn(sample, part(false).take(ASKED), part(true))?.ok()
        });
        found.collect()
    }

    fn learn<'r>(
        &self,
        sample: &Sample,
        asked: impl Iterator<Item = (&'r KeyedRows, usize)>,
        lessons: impl Iterator<Item = (&'r KeyedRows, usize)>,
    ) -> Option<Result<Relearnt, Undefined>> {
        let mut codes = Vec::new();
        let mut take = |(rows, at): (&'r KeyedRows, usize)| {
            let row = sample.outputs(rows, at);
            let is_whole = !row.numbers.is_empty() && !row.numbers.iter().any(|n| n.is_nan());
            if is_whole {
                codes.push(rows.row(at));
            }
            is_whole.then_some(row)
        };
        let mut rows: Vec<RowOutputs<'_>> = asked.filter_map(&mut take).collect();
        let asked = rows.len();
        rows.extend(lessons.filter_map(take));
        if asked == 0 {
            return Some(Err(Undefined::Empty));
        }
        if rows[asked..].iter().all(|row| row.target.is_none()) {
            return Some(Err(Undefined::NoTargets));
        }
        // Beside the features the trees see what the model put out.
        let of_outputs = match &self.outputs {
            Outputs::None => return None,
            Outputs::Binary(binary) => vec![of_chances(&of_positive(binary, &rows))],
            Outputs::Multiclass(several) => {
                let all = of_classes(several, &rows);
                let of = |class: usize| of_chances(&column(&all, class));
                (0..several.classes.len()).map(of).collect()
            }
            Outputs::Regression(_) => vec![of_numbers(&rows)],
        };
        let mut coded = Coded { codes: Vec::new(), ordered: sample.ordered() };
        coded.ordered.extend(of_outputs.iter().map(|_| true));
        for (at, features) in codes.into_iter().enumerate() {
            coded.codes.extend(features);
            coded.codes.extend(of_outputs.iter().map(|output| output[at]));
        }
        let question = Question { rows, asked, coded };
        match &self.outputs {
            Outputs::None => None,
            Outputs::Binary(binary) => Some(question.of_two(binary)),
            Outputs::Multiclass(several) => Some(question.of_several(several)),
            Outputs::Regression(regression) => Some(question.of_numbers(regression)),
        }
    }
}

impl Question<'_> {
    /// What some rows teach; `truth` says what a target is of its row.
    fn lessons(
        &self,
        of: Range<usize>,
        truth: impl Fn(&RowOutputs<'_>, f64) -> Option<f64>,
    ) -> Vec<Lesson> {
        let lesson = |at: usize| {
            let row = &self.rows[at];
            let truth = truth(row, row.target?).filter(|truth| truth.is_finite())?;
            Some(Lesson { row: u32::try_from(at).ok()?, truth })
        };
        of.filter_map(lesson).collect()
    }

    /// What the asked rows are held for by what the others teach.
    fn ask(
        &self,
        before: &[f64],
        wanted: Wanted,
        truth: impl Fn(&RowOutputs<'_>, f64) -> Option<f64>,
    ) -> Result<Vec<f64>, Undefined> {
        let lessons = self.lessons(self.asked..self.rows.len(), truth);
        let asked: Vec<u32> = (0..).take(self.asked).collect();
        relearn(&self.coded, before, &lessons, &asked, wanted)
    }

    fn relearnt(&self, moved: f64, before: Performance, after: Performance) -> Relearnt {
        let taught = self.rows[self.asked..].iter().filter(|row| row.target.is_some()).count();
        Relearnt { lessons: taught as u64, moved: moved / self.asked as f64, before, after }
    }

    fn of_two(&self, outputs: &Binary) -> Result<Relearnt, Undefined> {
        let before = of_positive(outputs, &self.rows);
        let after = self.ask(&before, Wanted::Chance, |_, target| Some(target))?;
        let performance = |probabilities: &[f64]| {
            let row = |(row, &probability): (&RowOutputs<'_>, &f64)| Chance {
                score: row.numbers[0],
                probability,
                predicted: row.predicted,
            };
            let mut rows: Vec<Chance> = self.rows.iter().zip(probabilities).map(row).collect();
            Performance::Binary(BinaryPerformance::expected(&mut rows))
        };
        let before = &before[..self.asked];
        let moved = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).sum();
        Ok(self.relearnt(moved, performance(before), performance(&after)))
    }

    /// Each class against the rest, and then divided by their sum, as calibration is. Of a class that lessons have too few
    /// of, or none else, nothing is learnt.
    fn of_several(&self, outputs: &Multiclass) -> Result<Relearnt, Undefined> {
        let classes = outputs.classes.len();
        let all = of_classes(outputs, &self.rows);
        let mut after: Vec<Vec<f64>> = all[..self.asked].to_vec();
        let mut learnt = 0;
        for class in 0..classes {
            let is = |_: &RowOutputs<'_>, target| Some(f64::from(u8::from(target == class as f64)));
            match self.ask(&column(&all, class), Wanted::Chance, is) {
                Ok(found) => {
                    for (row, found) in after.iter_mut().zip(found) {
                        row[class] = found;
                    }
                    learnt += 1;
                }
                Err(Undefined::OneClass) => {}
                Err(reason) => return Err(reason),
            }
        }
        if learnt == 0 {
            return Err(Undefined::OneClass);
        }
        for row in &mut after {
            let sum: f64 = row.iter().sum();
            let each = 1.0 / classes as f64;
            for p in row {
                *p = if sum > 0.0 { *p / sum } else { each };
            }
        }
        let performance = |all: &[Vec<f64>]| {
            let rows = self.rows.iter().zip(all).map(|(row, probabilities)| Chances {
                scores: row.numbers,
                probabilities: probabilities.clone(),
                predicted: row.predicted,
            });
            let rows: Vec<Chances<'_>> = rows.collect();
            Performance::Multiclass(MulticlassPerformance::expected(&rows, classes))
        };
        let before = &all[..self.asked];
        let of_row = |(a, b): (&Vec<f64>, &Vec<f64>)| {
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
        };
        let moved = before.iter().zip(&after).map(of_row).sum();
        Ok(self.relearnt(moved, performance(before), performance(&after)))
    }

    /// What all rows are held for by what those of the reference teach in the same way: what the profile expects of them
    /// was learnt from these very rows, and is nearer to the truth of them than of any others.
    fn held_for(
        &self,
        truth: impl Fn(&RowOutputs<'_>, f64) -> Option<f64>,
    ) -> Result<Vec<f64>, Undefined> {
        let lessons = self.lessons(0..self.asked, truth);
        let mean = lessons.iter().map(|of| of.truth).sum::<f64>() / lessons.len().max(1) as f64;
        let all: Vec<u32> = (0..).take(self.rows.len()).collect();
        relearn(&self.coded, &vec![mean; self.rows.len()], &lessons, &all, Wanted::Amount)
    }

    fn of_numbers(&self, outputs: &Regression) -> Result<Relearnt, Undefined> {
        let asked = self.asked;
        let none = [Measured(Err(Undefined::NoTargets)); Loss::ALL.len()];
        let (mut before, mut after) = (none, none);
        let mut moved = None;
        for (loss, _) in outputs.expects() {
            let of = |row: &RowOutputs<'_>, target| loss.of(target, row.numbers[0]).ok();
            let found = self.held_for(of).and_then(|expected| {
                let found = self.ask(&expected, Wanted::Amount, of)?;
                Ok((expected, found))
            });
            let (expected, found) = match found {
                Ok(found) => found,
                Err(reason) => {
                    after[loss as usize] = Measured(Err(reason));
                    continue;
                }
            };
            let mean = |of: &[f64]| Measured(Ok(of.iter().sum::<f64>() / asked as f64));
            before[loss as usize] = mean(&expected[..asked]);
            after[loss as usize] = mean(&found);
            let change = || expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).sum();
            moved = moved.or_else(|| Some(change()));
        }
        let moved: f64 = match moved {
            Some(moved) => moved,
            // Why of the first loss there is nothing.
            None => return Err(after.iter().find_map(|of| of.0.err()).unwrap_or(Undefined::Empty)),
        };
        let performance = |losses| {
            let rows = asked as u64;
            Performance::Regression(RegressionPerformance { usable: rows, predicted: rows, losses })
        };
        Ok(self.relearnt(moved, performance(before), performance(after)))
    }
}

/// How likely each row is of the positive class by its score.
fn of_positive(outputs: &Binary, rows: &[RowOutputs<'_>]) -> Vec<f64> {
    let probability = |row: &RowOutputs<'_>| match &outputs.calibration {
        Some(calibration) => calibration.probability(row.numbers[0]),
        None => row.numbers[0].clamp(0.0, 1.0),
    };
    rows.iter().map(probability).collect()
}

/// How likely each row is of each class by its scores.
fn of_classes(outputs: &Multiclass, rows: &[RowOutputs<'_>]) -> Vec<Vec<f64>> {
    let probabilities = |row: &RowOutputs<'_>| {
        let mut all = row.numbers.to_vec();
        outputs.probabilities(&mut all);
        all
    };
    rows.iter().map(probabilities).collect()
}

fn column(rows: &[Vec<f64>], class: usize) -> Vec<f64> {
    rows.iter().map(|row| row[class]).collect()
}

/// Codes of chances, by their log-odds.
fn of_chances(chances: &[f64]) -> Vec<u8> {
    let code = |&chance: &f64| {
        let log_odds = libm::log(chance) - libm::log1p(-chance);
        (log_odds / STEP + STEPS as f64 / 2.0).clamp(0.0, STEPS as f64 - 1.0) as u8 + 1
    };
    chances.iter().map(code).collect()
}

/// Codes of predicted numbers, by where they lie among them.
fn of_numbers(rows: &[RowOutputs<'_>]) -> Vec<u8> {
    let mut sorted: Vec<f64> = rows.iter().map(|row| row.numbers[0]).collect();
    sorted.sort_by(f64::total_cmp);
    let cuts: Vec<f64> = (1..STEPS).map(|cut| sorted[sorted.len() * cut / STEPS]).collect();
    let code = |row: &RowOutputs<'_>| cuts.partition_point(|&cut| cut <= row.numbers[0]) as u8 + 1;
    rows.iter().map(code).collect()
}
