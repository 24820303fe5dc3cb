//! A concept learnt again: how likely rows are of a class, or what they cost, by others of which that is known.

use super::boosting::Shape;
use super::histogram::word;
use super::tree::{Classes, Laid, grow};
use super::{Coded, LEAST, MOST_ROWS};
use crate::stats::Undefined;
use crate::stats::trees::Order;

/// The rows of which it is known are taken apart so many times.
const FOLDS: usize = 4;
/// Small trees and short steps: what is learnt is a difference, of which there may be none.
const SMALL: Shape = Shape { trees: 60, rate: 0.15, leaves: 8, rows_of_leaf: 20.0 };
/// Log-odds beyond it are certain enough.
const CERTAIN: f64 = 12.0;
/// Fewer rows of a class teach nothing.
const LEAST_OF_CLASS: usize = 10;
/// As if so many rows more said that what is held out is right as it is.
const DOUBT: f64 = 4.0;

/// A row of which the truth is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lesson {
    /// Which of the rows.
    pub row: u32,
    /// What came to pass: of a chance 1 or 0, else an amount.
    pub truth: f64,
}

/// What is wanted of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// How likely something is of them.
    Chance,
    /// How much something is of them; not below zero.
    Amount,
}

/// What each of `asked` is held for by what the lessons teach. `before` is what every row was held for: what is learnt is
/// the difference to it, so where there is none, next to nothing is learnt.
///
/// Gradient boosting (Friedman 2001) from `before` on, of chances with the logistic loss, of amounts with the square; four
/// folds, each taught by the other three. So many trees count as those that are held out are foretold best by, none among
/// them; then a line through what is said of those that are held out, by the same loss, sets level and spread right (Platt
/// 1999). What is said is the mean of the folds, of chances in log-odds. Lessons must be in an order that has nothing to do
/// with what they hold. One thread, no randomness. O(rows features trees folds).
///
/// # Errors
/// `Empty` without features; `TooFew` with fewer than 100 lessons, or more than 20,000 rows; `OneClass` with fewer than
/// ten lessons of a class.
pub fn relearn(
    rows: &Coded,
    before: &[f64],
    lessons: &[Lesson],
    asked: &[u32],
    what: Wanted,
) -> Result<Vec<f64>, Undefined> {
    if rows.ordered.is_empty() {
        return Err(Undefined::Empty);
    }
    if lessons.len() < LEAST || rows.len() > MOST_ROWS {
        return Err(Undefined::TooFew);
    }
    if what == Wanted::Chance {
        let positives = lessons.iter().filter(|lesson| lesson.truth == 1.0).count();
        if positives < LEAST_OF_CLASS || lessons.len() - positives < LEAST_OF_CLASS {
            return Err(Undefined::OneClass);
        }
    }
    let scale = Scale::of(what, before, lessons);
    let start: Vec<f64> = before.iter().map(|&held| scale.to(held)).collect();
    let mut truths = vec![0.0; rows.len()];
    for lesson in lessons {
        truths[lesson.row as usize] = scale.truth(lesson.truth);
    }
    let laid = Laid::out(rows);
    let folds: Vec<Vec<Vec<f64>>> = (0..FOLDS)
        .map(|fold| {
            let of_fold = |at: usize| at % FOLDS == fold;
            let rows_of = |held: bool| -> Vec<u32> {
                let chosen = lessons.iter().enumerate().filter(|(at, _)| of_fold(*at) == held);
                chosen.map(|(_, lesson)| lesson.row).collect()
            };
            let (train, mut held) = (rows_of(false), rows_of(true));
            held.extend(asked);
            boosted(&laid, (scale, &truths), &start, (&train, &held))
        })
        .collect();
    // Of each number of trees: what was said of the lessons that were held out, and their truth.
    let held_out = |trees: usize| -> Vec<(f64, f64)> {
        let of = |fold: usize| {
            let lessons = lessons.iter().skip(fold).step_by(FOLDS);
            folds[fold][trees].iter().copied().zip(lessons.map(|lesson| scale.truth(lesson.truth)))
        };
        (0..FOLDS).flat_map(of).collect()
    };
    let loss = |trees: usize| -> f64 {
        held_out(trees).into_iter().map(|(said, truth)| scale.loss(said, truth)).sum()
    };
    let losses: Vec<f64> = (0..=SMALL.trees).map(loss).collect();
    let best = (0..=SMALL.trees).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap_or(0);
    let (level, slope) = line(&held_out(best), scale);
    let mean = |at: usize| {
        let of = |fold: &Vec<Vec<f64>>| {
            let found = &fold[best];
            found[found.len() - asked.len() + at]
        };
        folds.iter().map(of).sum::<f64>() / FOLDS as f64
    };
    Ok((0..asked.len()).map(|at| scale.from(level + slope * mean(at))).collect())
}

/// How what is learnt lies on a line that trees can add to.
#[derive(Clone, Copy, Debug)]
enum Scale {
    /// Chances as their log-odds.
    LogOdds,
    /// Amounts in units of the greatest.
    Units(f64),
}

impl Scale {
    fn of(what: Wanted, before: &[f64], lessons: &[Lesson]) -> Self {
        match what {
            Wanted::Chance => Self::LogOdds,
            Wanted::Amount => {
                let all = before.iter().copied().chain(lessons.iter().map(|lesson| lesson.truth));
                let greatest = all.filter(|amount| amount.is_finite()).fold(0.0, f64::max);
                Self::Units(if greatest > 0.0 { greatest } else { 1.0 })
            }
        }
    }

    /// What a row is held for, on the line.
    fn to(self, held: f64) -> f64 {
        match self {
            _ if held.is_nan() => 0.0,
            Self::LogOdds => (libm::log(held) - libm::log1p(-held)).clamp(-CERTAIN, CERTAIN),
            Self::Units(unit) => (held / unit).clamp(0.0, 1.0),
        }
    }

    fn from(self, at: f64) -> f64 {
        match self {
            Self::LogOdds => chance(at),
            Self::Units(unit) => at.max(0.0) * unit,
        }
    }

    fn truth(self, truth: f64) -> f64 {
        match self {
            Self::LogOdds => truth,
            Self::Units(unit) => (truth / unit).clamp(0.0, 1.0),
        }
    }

    /// Gradient and curvature of the loss.
    #[inline]
    fn slopes(self, at: f64, truth: f64) -> [f64; 2] {
        match self {
            Self::LogOdds => {
                let p = chance(at);
                [p - truth, p * (1.0 - p)]
            }
            Self::Units(_) => [at - truth, 1.0],
        }
    }

    /// By how much gradients are made greater where a split is sought: few amounts are much greater than most.
    fn focus(self, rows: impl Iterator<Item = (f64, f64)>) -> f64 {
        match self {
            Self::LogOdds => 1.0,
            Self::Units(_) => {
                let (count, sum) = rows.fold((0.0, 0.0), |(count, sum), (at, truth)| {
                    (count + 1.0, sum + f64::abs(at - truth))
                });
                if sum > 0.0 { (0.25 * count / sum).max(1.0) } else { 1.0 }
            }
        }
    }

    /// What a truth costs of which that was said.
    fn loss(self, at: f64, truth: f64) -> f64 {
        match self {
            Self::LogOdds => {
                let at = if truth == 1.0 { -at } else { at };
                libm::log1p(libm::exp(at.min(40.0)))
            }
            Self::Units(_) => (at - truth) * (at - truth),
        }
    }

    fn within(self, at: f64) -> f64 {
        match self {
            Self::LogOdds => at.clamp(-CERTAIN, CERTAIN),
            Self::Units(_) => at.clamp(0.0, 1.0),
        }
    }
}

/// What is said of the rows that are held out, after each number of trees, none first.
fn boosted(
    laid: &Laid<'_>,
    (scale, truths): (Scale, &[f64]),
    start: &[f64],
    (train, held): (&[u32], &[u32]),
) -> Vec<Vec<f64>> {
    let mut scores = start.to_vec();
    let mut words = vec![0; truths.len()];
    let mut slopes = vec![[0.0; 2]; truths.len()];
    let mut order = Order::default();
    let mut gains = vec![0.0; laid.features()];
    let said = |scores: &[f64]| held.iter().map(|&row| scores[row as usize]).collect::<Vec<f64>>();
    let mut all = vec![said(&scores)];
    let focus = scale.focus(train.iter().map(|&row| (start[row as usize], truths[row as usize])));
    for _ in 0..SMALL.trees {
        for &row in train {
            let row = row as usize;
            let [gradient, curvature] = scale.slopes(scores[row], truths[row]);
            slopes[row] = [gradient, curvature];
            // Where to split is decided by numbers of few bits: of gradients from -1 to 1, of curvatures up to a quarter.
            let seen = (gradient * focus).clamp(-1.0, 1.0);
            words[row] = word(seen, curvature.min(0.25));
        }
        order.set(train.iter().copied(), held.iter().copied());
        let ground = Classes { laid, words: &words, shape: SMALL };
        grow(&ground, &mut order, &mut gains, |leaf, beside| {
            let [mut gradient, mut curvature] = [0.0; 2];
            for &row in leaf {
                let [g, c] = slopes[row as usize];
                gradient += g;
                curvature += c;
            }
            // One row of doubt in each leaf, as if it were right as it is.
            let value = -SMALL.rate * gradient / (curvature + 1.0);
            for &row in leaf.iter().chain(beside) {
                let score = &mut scores[row as usize];
                *score = scale.within(*score + value);
            }
        });
        all.push(said(&scores));
    }
    all
}

/// Level and slope of the line by which truths are foretold best from what was said of them; drawn towards that as it is.
fn line(rows: &[(f64, f64)], scale: Scale) -> (f64, f64) {
    const STEPS: usize = 25;
    let squares = rows.iter().map(|(at, _)| at * at).sum::<f64>() / rows.len().max(1) as f64;
    let doubt = DOUBT * squares.min(1.0);
    let (mut level, mut slope) = (0.0, 1.0);
    for _ in 0..STEPS {
        // Newton's step for the loss and the draw.
        let (mut g, mut h) = ([DOUBT * level, doubt * (slope - 1.0)], [DOUBT, 0.0, doubt]);
        for &(at, truth) in rows {
            let [off, curvature] = scale.slopes(level + slope * at, truth);
            g[0] += off;
            g[1] += off * at;
            h[0] += curvature;
            h[1] += curvature * at;
            h[2] += curvature * at * at;
        }
        let determinant = h[0] * h[2] - h[1] * h[1];
        if determinant <= 0.0 {
            break;
        }
        let step =
            [(h[2] * g[0] - h[1] * g[1]) / determinant, (h[0] * g[1] - h[1] * g[0]) / determinant];
        level -= step[0].clamp(-2.0, 2.0);
        slope -= step[1].clamp(-0.5, 0.5);
        if step[0].abs() + step[1].abs() < 1e-10 {
            break;
        }
    }
    (level, slope)
}

fn chance(log_odds: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-log_odds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::draws::Draws;

    fn one(is: bool) -> f64 {
        f64::from(u8::from(is))
    }

    /// Rows of two numbers, how likely they were held to be positive, and how likely they are: `drift` turns the part of
    /// the first number.
    fn world(draws: &mut Draws, count: usize, drift: f64) -> (Coded, Vec<f64>, Vec<f64>) {
        let (mut codes, mut before, mut now) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let (a, b) = (draws.next(), draws.next());
            codes.extend([(a * 60.0) as u8 + 1, (b * 60.0) as u8 + 1]);
            let at = |part: f64| chance(4.0 * part * (a - 0.5) + 3.0 * (b - 0.5));
            before.push(at(1.0));
            now.push(at(1.0 - 2.0 * drift));
        }
        (Coded { codes, ordered: vec![true, true] }, before, now)
    }

    fn learnt(seed: u64, drift: f64) -> (f64, f64, f64) {
        let mut draws = Draws(seed);
        let (asked, taught) = (2_000, 1_000);
        let (rows, before, now) = world(&mut draws, asked + taught, drift);
        let lesson = |row: usize| Lesson { row: row as u32, truth: one(draws.next() < now[row]) };
        let lessons: Vec<Lesson> = (asked..asked + taught).map(lesson).collect();
        let all: Vec<u32> = (0..asked as u32).collect();
        let found = relearn(&rows, &before, &lessons, &all, Wanted::Chance).unwrap();
        let mean = |of: &dyn Fn(usize) -> f64| (0..asked).map(of).sum::<f64>() / asked as f64;
        let moved = mean(&|row| (found[row] - before[row]).abs());
        let truly = mean(&|row| (now[row] - before[row]).abs());
        let off = mean(&|row| (found[row] - now[row]).abs());
        (moved, truly, off)
    }

    #[test]
    fn what_has_changed_is_learnt_and_nothing_where_nothing_has() {
        let (moved, _, off) = learnt(1, 0.0);
        assert!(moved < 0.04, "{moved} {off}");
        let (moved, truly, off) = learnt(2, 1.0);
        assert!((moved / truly - 1.0).abs() < 0.25 && off < 0.09, "{moved} {truly} {off}");
    }

    #[test]
    fn an_amount_is_learnt_where_it_has_changed() {
        let mut draws = Draws(5);
        let (asked, taught) = (2_000, 1_000);
        let (rows, before, now) = world(&mut draws, asked + taught, 0.8);
        let all: Vec<u32> = (0..asked as u32).collect();
        let mut learnt = |truths: &[f64]| {
            // Three hundred times as much as is usual here, and as uneven as losses are.
            let amount = |row: usize, draw: f64| -300.0 * truths[row] * libm::log(1.0 - draw);
            let lesson = |row: usize| Lesson { row: row as u32, truth: amount(row, draws.next()) };
            let lessons: Vec<Lesson> = (asked..asked + taught).map(lesson).collect();
            let before: Vec<f64> = before.iter().map(|held| held * 300.0).collect();
            relearn(&rows, &before, &lessons, &all, Wanted::Amount).unwrap()
        };
        let mean = |found: &[f64], truths: &[f64]| {
            let off = found.iter().zip(truths).map(|(found, truth)| (found - truth * 300.0).abs());
            off.sum::<f64>() / found.len() as f64
        };
        let nothing = mean(&learnt(&before), &before[..asked]);
        assert!(nothing < 15.0, "{nothing}");
        let (off, moved) = (
            mean(&learnt(&now), &now[..asked]),
            mean(&before.iter().map(|b| b * 300.0).collect::<Vec<_>>()[..asked], &now[..asked]),
        );
        assert!(off < 0.5 * moved, "{off} of {moved}");
    }

    #[test]
    fn too_little_teaches_nothing() {
        let mut draws = Draws(3);
        let (rows, before, _) = world(&mut draws, 400, 0.0);
        let taught = |count: u32, positives: u32| -> Vec<Lesson> {
            (0..count).map(|row| Lesson { row, truth: one(row < positives) }).collect()
        };
        let ask = |lessons: &[Lesson]| relearn(&rows, &before, lessons, &[1], Wanted::Chance).err();
        assert_eq!(ask(&taught(99, 50)), Some(Undefined::TooFew));
        assert_eq!(ask(&taught(200, 9)), Some(Undefined::OneClass));
        assert_eq!(ask(&taught(200, 191)), Some(Undefined::OneClass));
        assert_eq!(ask(&taught(200, 100)), None);
        let none = Coded::default();
        assert_eq!(
            relearn(&none, &[], &taught(200, 100), &[], Wanted::Chance),
            Err(Undefined::Empty)
        );
    }
}
