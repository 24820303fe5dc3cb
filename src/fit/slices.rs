//! Where the model does worst in the reference: a shallow tree on the losses of its rows.

use std::cmp::Reverse;

use arrow::array::Array;
use xxhash_rust::xxh3::xxh3_64;

use crate::batch::{Expected, Rows, Values as Data, labels};
use crate::profile::{
    Categorical, Column, Condition, Kept, MISSING, Outputs, Profile, Role, Slice, SliceLoss,
    Slices, Values, fulfilled,
};
use crate::stats::{CODES, Coded, worst_parts};

/// At most so many slices: more are none that anybody looks at.
const MOST: usize = 5;
/// Of more rows with a loss a tree learns nothing that it does not know of so many.
const MOST_ROWS: u64 = 100_000;
/// Numbers are cut into so many parts of as many rows.
const PARTS: usize = 16;
/// The code of labels that are too rare for one of their own.
const RARE: u8 = CODES as u8 - 1;
/// A class that is less likely than this counts as likely as this: what was calibrated to 0 may happen.
const LEAST_LIKELY: f64 = 1e-6;
/// 2^-52: probabilities of rows are in units of it.
const UNIT: f64 = 1.0 / (1_u64 << 52) as f64;

/// Finds the slices of the reference where the loss is greater; `None` where nothing says how far predictions are off, or
/// there are no features to tell rows by.
pub(super) fn find_slices(profile: &Profile, batches: &[Rows]) -> Option<Box<Slices>> {
    let loss = SliceLoss::of(profile)?;
    let target = profile.columns.iter().position(|column| column.role == Role::Target)?;
    let features: Vec<usize> = (0..profile.columns.len())
        .filter(|&at| {
            let column = &profile.columns[at];
            column.role == Role::Feature && !matches!(column.values, Values::Embedding(_))
        })
        .collect();
    if features.is_empty() {
        return None;
    }
    let chosen = choose(profile, loss, target, batches);
    let codings: Vec<Coding> =
        features.iter().map(|&column| Coding::of(column, profile, batches, &chosen)).collect();
    let mut codes = Vec::with_capacity(chosen.len() * codings.len());
    for of_batch in chosen.chunk_by(|a, b| a.batch == b.batch) {
        let batch = &batches[of_batch[0].batch];
        let columns: Vec<Vec<u8>> =
            codings.iter().map(|coding| coding.codes(profile, batch, of_batch)).collect();
        codes.extend((0..of_batch.len()).flat_map(|row| columns.iter().map(move |of| of[row])));
    }
    let ordered = codings.iter().map(|coding| matches!(coding.told, Told::Cuts(_))).collect();
    let losses: Vec<f64> = chosen.iter().map(|row| row.loss).collect();
    let unseen: Vec<bool> = chosen.iter().map(|row| row.unseen).collect();
    let coded = Coded { codes, ordered };
    let worst = match worst_parts(&coded, &losses, &unseen, MOST) {
        Ok(worst) => worst,
        Err(reason) => {
            let (rows, mean, asked, all) = (0, 0.0, 0, Vec::new());
            return Some(Box::new(Slices { loss, rows, mean, asked, none: Some(reason), all }));
        }
    };
    let all = worst.found.iter().map(|found| {
        let conditions = found.conditions.iter();
        let conditions: Vec<Condition> = conditions
            .map(|&(at, set)| codings[at].condition(&profile.columns[codings[at].column], set))
            .collect();
        let held = batches.iter().map(|batch| {
            let of = found.conditions.iter();
            let of: Vec<_> = of.map(|&(at, _)| &batch.columns[codings[at].column]).collect();
            fulfilled(&conditions, &of, batch.len()).into_iter().filter(|inside| *inside).count()
                as u64
        });
        let rows: u64 = held.sum();
        Slice {
            conditions,
            rows,
            share: rows as f64 / profile.provenance.rows.max(1) as f64,
            loss: found.of.mean,
            excess: found.excess,
            error: found.error,
            p_value: found.p_value,
        }
    });
    Some(Box::new(Slices {
        loss,
        rows: worst.unseen.rows,
        mean: worst.unseen.mean,
        asked: worst.asked as u64,
        none: None,
        all: all.collect(),
    }))
}

/// A row with a loss.
struct Chosen {
    batch: usize,
    row: usize,
    loss: f64,
    /// Whether it is to confirm what others found.
    unseen: bool,
}

/// The rows that have a loss, or as many of them as are enough, by a hash of their place.
fn choose(profile: &Profile, loss: SliceLoss, target: usize, batches: &[Rows]) -> Vec<Chosen> {
    let of_batches: Vec<Vec<Option<f64>>> =
        batches.iter().map(|batch| losses(profile, loss, target, batch)).collect();
    let known = of_batches.iter().flatten().flatten().count() as u64;
    // One more halves what may be chosen by chance of the hash; so exactly as many as there are do not matter.
    let share = if known > MOST_ROWS { u64::MAX / known * MOST_ROWS } else { u64::MAX };
    let mut chosen = Vec::new();
    let mut place = 0_u64;
    for (batch, losses) in of_batches.iter().enumerate() {
        for (row, loss) in losses.iter().enumerate() {
            let hash = xxh3_64(&place.to_le_bytes());
            place += 1;
            let Some(loss) = loss.filter(|loss| loss.is_finite()) else { continue };
            if hash.rotate_left(32) <= share {
                chosen.push(Chosen { batch, row, loss, unseen: hash & 1 == 1 });
            }
        }
    }
    chosen
}

/// The loss of every row of a batch; `None` where it has none.
fn losses(profile: &Profile, loss: SliceLoss, target: usize, batch: &Rows) -> Vec<Option<f64>> {
    let prediction = profile.columns.iter().position(|column| column.role == Role::Prediction);
    let classes = |column: usize| -> Vec<Option<usize>> {
        let Data::Labels(array) = &batch.columns[column].values else {
            return vec![None; batch.len()];
        };
        // What is none of several classes is wrong, where it is predicted.
        let other = match &profile.outputs {
            Outputs::Multiclass(several) if Some(column) == prediction => {
                Some(several.classes.len())
            }
            _ => None,
        };
        let known: Vec<Option<usize>> =
            labels(array).map(|label| profile.class(label).or(other)).collect();
        (0..batch.len()).map(|row| known[array.key(row)?]).collect()
    };
    let rows = 0..batch.len();
    match (loss, prediction) {
        (SliceLoss::ZeroOne, Some(prediction)) => {
            let both = classes(target).into_iter().zip(classes(prediction));
            both.map(|(target, predicted)| Some(f64::from(target? != predicted?))).collect()
        }
        (SliceLoss::Absolute, Some(prediction)) => {
            let number = |column: usize, row| batch.columns[column].number(row);
            rows.map(|row| Some((number(target, row)? - number(prediction, row)?).abs())).collect()
        }
        (SliceLoss::Log, _) => {
            let Expected::Probabilities(likely) = &batch.expected else {
                return vec![None; batch.len()];
            };
            let scores = profile.columns.iter().enumerate();
            let scores: Vec<usize> =
                scores.filter(|(_, column)| column.role == Role::Score).map(|(at, _)| at).collect();
            let targets = classes(target);
            rows.map(|row| {
                let class = targets[row]?;
                let missing = |&at: &usize| batch.columns[at].number(row).is_none_or(f64::is_nan);
                if scores.iter().any(missing) {
                    return None;
                }
                let of = |class: usize| likely.get(class).map(|of| of[row] as f64 * UNIT);
                // Of two classes there is one score, that of the second.
                let likely = match (likely.len(), class) {
                    (1, 1) => of(0)?,
                    (1, _) => 1.0 - of(0)?,
                    _ => of(class)?,
                };
                Some(-libm::log(likely.max(LEAST_LIKELY)))
            })
            .collect()
        }
        _ => vec![None; batch.len()],
    }
}

/// How a feature is told apart.
struct Coding {
    column: usize,
    told: Told,
}

enum Told {
    /// By how many of these it reaches.
    Cuts(Vec<f64>),
    /// By the code of each label of the reference.
    Labels(Vec<u8>),
}

impl Coding {
    fn of(column: usize, profile: &Profile, batches: &[Rows], chosen: &[Chosen]) -> Self {
        let told = if let Values::Categorical(reference) = &profile.columns[column].values {
            Told::Labels(codes(reference))
        } else {
            let number = |row: &Chosen| batches[row.batch].columns[column].number(row.row);
            let numbers = chosen.iter().filter_map(number);
            Told::Cuts(cuts(numbers.filter(|number| number.is_finite()).collect()))
        };
        Self { column, told }
    }

    fn codes(&self, profile: &Profile, batch: &Rows, rows: &[Chosen]) -> Vec<u8> {
        let values = &batch.columns[self.column].values;
        match (&self.told, values, &profile.columns[self.column].values) {
            (Told::Cuts(cuts), Data::Numbers(values), _) => {
                let code =
                    |row: &Chosen| match values.is_valid(row.row).then(|| values.value(row.row)) {
                        Some(number) if !number.is_nan() => {
                            cuts.partition_point(|&cut| cut <= number) as u8 + 1
                        }
                        _ => MISSING,
                    };
                rows.iter().map(code).collect()
            }
            (Told::Labels(codes), Data::Labels(array), Values::Categorical(reference)) => {
                // A batch has a list of labels of its own.
                let code = |label| reference.position(label).map_or(RARE, |at| codes[at]);
                let known: Vec<u8> = labels(array).map(code).collect();
                let code = |row: &Chosen| array.key(row.row).map_or(MISSING, |label| known[label]);
                rows.iter().map(code).collect()
            }
            _ => vec![MISSING; rows.len()],
        }
    }

    /// A set of codes as a condition.
    fn condition(&self, column: &Column, set: u64) -> Condition {
        let has = |code: u8| set >> code & 1 == 1;
        let holds = match (&self.told, &column.values) {
            (Told::Cuts(cuts), _) => {
                let last = cuts.len() as u8 + 1;
                let mut inside = (1..=last).filter(|&code| has(code));
                match (inside.next(), inside.next_back()) {
                    (None, _) => Kept::Missing,
                    (Some(first), end) => {
                        let end = end.unwrap_or(first);
                        let from = (first > 1).then(|| cuts[usize::from(first) - 2]);
                        let to = (end < last).then(|| cuts[usize::from(end) - 1]);
                        Kept::Between(from, to)
                    }
                }
            }
            (Told::Labels(codes), Values::Categorical(reference)) => {
                let of = |inside: bool| {
                    let labels = reference.labels.iter().zip(codes);
                    let labels = labels.filter(move |(_, code)| has(**code) == inside);
                    labels.map(|(label, _)| label.clone()).collect::<Vec<_>>()
                };
                let (inside, outside) = (of(true), of(false));
                match (inside.is_empty(), outside.len() < inside.len() && !outside.is_empty()) {
                    (true, _) => Kept::Missing,
                    (false, true) => Kept::NoneOf(outside),
                    (false, false) => Kept::OneOf(inside),
                }
            }
            _ => Kept::Missing,
        };
        // Where the reference has no missing values it says nothing of them.
        let or_missing = has(MISSING) && column.missing > 0 && holds != Kept::Missing;
        Condition { column: column.name.clone(), holds, or_missing }
    }
}

/// Cuts into parts of about as many numbers, each the shortest number within a quarter of a part.
fn cuts(mut numbers: Vec<f64>) -> Vec<f64> {
    numbers.sort_unstable_by(f64::total_cmp);
    let mut cuts: Vec<f64> = (1..PARTS)
        .filter_map(|part| {
            let quarter = |at: usize| numbers.get(at * numbers.len() / (4 * PARTS)).copied();
            let (low, high) = (quarter(4 * part - 1)?, quarter(4 * part + 1)?);
            if low < high {
                return Some(shortest(low, high));
            }
            let before = numbers.partition_point(|&number| number < high).checked_sub(1)?;
            Some(shortest(numbers[before], high))
        })
        .collect();
    cuts.dedup();
    cuts
}

/// The shortest decimal number above one and up to another.
fn shortest(below: f64, at: f64) -> f64 {
    // Fewer digits behind the point first, and of as many the one nearest the upper end.
    for digits in -12..=12 {
        let unit = libm::pow(10.0, f64::from(-digits));
        let rounded = libm::floor(at / unit);
        // A whole number over a power of ten reads as it should.
        let found =
            if digits > 0 { rounded / libm::pow(10.0, f64::from(digits)) } else { rounded * unit };
        if found > below && found <= at {
            return found + 0.0;
        }
    }
    at
}

/// A code for each of the most frequent labels; of as frequent ones the first.
fn codes(reference: &Categorical) -> Vec<u8> {
    let mut order: Vec<usize> = (0..reference.labels.len()).collect();
    order.sort_by_key(|&label| Reverse(reference.counts[label]));
    let mut codes = vec![RARE; order.len()];
    for (code, label) in (1..RARE).zip(order) {
        codes[label] = code;
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_short_numbers_that_part_the_same_values() {
        assert_eq!(shortest(24.0, 25.0), 25.0);
        assert_eq!(shortest(24.371, 24.402), 24.4);
        assert_eq!(shortest(1033.2, 2899.7), 2000.0);
        assert_eq!(shortest(-3.0, 4.0), 0.0);
        assert_eq!(shortest(0.123_41, 0.123_46), 0.12346);
        assert_eq!(shortest(1.0, 1.0_f64.next_up()), 1.0_f64.next_up());
        let ages: Vec<f64> = (0..1000).map(|row| f64::from(18 + row % 60)).collect();
        let found = cuts(ages);
        assert_eq!(found.len(), 15);
        assert!(found.iter().all(|cut| cut.fract() == 0.0), "{found:?}");
        let even: Vec<f64> = (0..3000).map(|row| f64::from(row) / 3000.0).collect();
        assert!(cuts(even).iter().all(|cut| cut.to_string().len() <= 4));
        assert!(cuts(vec![2.0; 50]).is_empty() && cuts(Vec::new()).is_empty());
    }
}
