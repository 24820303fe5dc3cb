//! The figures of two models over rows, and how far apart they are.

use std::sync::Arc;

use crate::diagnosis::compare::pairing::{Pairing, Traffic};
use crate::diagnosis::compare::scored::{NO_CLASS, Scored};
use crate::formula::Formula;
use crate::metric::{Better, Kind, Measure, Metric};
use crate::profile::{Outputs, Profile};
use crate::stats::{
    Basis, Cell, CellSlopes, Confusion, DECISIVE, Difference, Influence, Learned, Loss, Rate,
    Undefined, confusion_of, learning_variance,
};
use crate::window::{Criteria, Method};

/// Fewer rows than this are not compared: a normal distribution says nothing of them.
const FEWEST: usize = 30;

/// One of the two models.
#[derive(Clone, Copy, Debug)]
pub struct Side<'s> {
    /// Its rows.
    pub scored: &'s Scored,
    /// Its profile: what is expected was learned from its reference.
    pub profile: &'s Profile,
}

/// What two models have in common beside their rows.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'c> {
    /// What is asked.
    pub criteria: &'c Criteria,
    /// Whether both profiles were made of the same rows.
    pub same_reference: bool,
}

/// A figure of both, and how far apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Estimated or realized.
    pub kind: Kind,
    /// How.
    pub method: Method,
    /// Which.
    pub measure: Measure,
    /// Which direction is good news.
    pub better: Better,
    /// The champion's and the challenger's rows that it is of; of pairs both are their number.
    pub rows: (u64, u64),
    /// What was found, or why nothing was.
    pub found: Result<Difference, Undefined>,
    /// How much of the variance is what the estimates do not know: more rows do not make it less.
    pub learning: f64,
}

/// The figures that are asked of both, realized before estimated.
pub fn compare(
    champion: Side<'_>,
    challenger: Side<'_>,
    pairing: &Pairing,
    beside: Beside<'_>,
) -> Vec<Compared> {
    let mut figures = Vec::new();
    let labelled = champion.scored.labelled() + challenger.scored.labelled() > 0;
    let estimates = champion.scored.can_estimate() && challenger.scored.can_estimate();
    for basis in [Basis::Realized, Basis::Estimated] {
        if !(if basis == Basis::Realized { labelled } else { estimates }) {
            continue;
        }
        for asked in asked(beside.criteria, &champion.profile.outputs) {
            let views = Views::new(champion.scored, challenger.scored, pairing, basis, &asked);
            let (found, learning) = views.difference(champion, challenger, basis, &asked, beside);
            figures.push(Compared {
                kind: if basis == Basis::Realized { Kind::Realized } else { Kind::Estimated },
                method: match (basis, &champion.profile.outputs) {
                    (Basis::Realized, _) => Method::Labelled,
                    (_, Outputs::Regression(_)) => Method::Dle,
                    _ => Method::Cbpe,
                },
                measure: asked.measure,
                better: asked.better,
                rows: (views.champion.rows.len() as u64, views.challenger.rows.len() as u64),
                found,
                learning,
            });
        }
    }
    figures
}

/// A figure that is asked.
struct Asked<'c> {
    measure: Measure,
    better: Better,
    of: Of<'c>,
}

/// What it is made of.
enum Of<'c> {
    RocAuc,
    AveragePrecision,
    Rate(Rate),
    Accuracy,
    Worth(&'c [Vec<f64>]),
    Cells(&'c Formula),
    Loss(Loss, bool),
}

/// The metrics that say how good a model is: the cells of the confusion matrix are parts of these.
fn asked<'c>(criteria: &'c Criteria, outputs: &Outputs) -> Vec<Asked<'c>> {
    let numbers = matches!(outputs, Outputs::Regression(_));
    let of = |&metric: &Metric| {
        let of = match metric {
            _ if numbers => {
                let (loss, root) = metric.loss()?;
                Of::Loss(loss, root)
            }
            Metric::RocAuc => Of::RocAuc,
            Metric::AveragePrecision => Of::AveragePrecision,
            Metric::F1 => Of::Rate(Rate::F1),
            Metric::Precision => Of::Rate(Rate::Precision),
            Metric::Recall => Of::Rate(Rate::Recall),
            Metric::Specificity => Of::Rate(Rate::Specificity),
            Metric::Accuracy => Of::Accuracy,
            Metric::BusinessValue => Of::Worth(criteria.business_value.as_deref()?),
            _ => return None,
        };
        Some(Asked { measure: metric.into(), better: metric.spec().better, of })
    };
    let own = criteria.custom.iter().filter(|_| !numbers).map(|custom| Asked {
        measure: Measure::Custom(Arc::clone(&custom.name)),
        better: Better::Neither,
        of: Of::Cells(&custom.formula),
    });
    criteria.performance.iter().filter_map(of).chain(own).collect()
}

/// The rows of one side that a figure is of, and how likely each is of each class (or what it loses).
struct View {
    rows: Vec<u32>,
    truth: Vec<u16>,
    numbers: Vec<f64>,
}

struct Views {
    champion: View,
    challenger: View,
    traffic: Traffic,
}

impl Views {
    fn new(
        first: &Scored,
        second: &Scored,
        pairing: &Pairing,
        basis: Basis,
        asked: &Asked<'_>,
    ) -> Self {
        let truth = |of: &Scored, row: u32| of.truth.get(row as usize).copied().unwrap_or(NO_CLASS);
        let number =
            |of: &Scored, row: u32| of.numbers.get(row as usize).map_or(f64::NAN, |n| n[1]);
        let mut views =
            Self { champion: View::none(), challenger: View::none(), traffic: pairing.traffic };
        match pairing.traffic {
            Traffic::Paired => {
                for (&a, &b) in pairing.champion.iter().zip(&pairing.challenger) {
                    // What one of them knows of the target both know.
                    let class = truth(first, a).min(truth(second, b));
                    let known = number(first, a);
                    let known = if known.is_nan() { number(second, b) } else { known };
                    let usable = |of: &Scored, row: u32| asked.usable(of, row, basis, class, known);
                    if usable(first, a) && usable(second, b) {
                        views.champion.push(a, class, known);
                        views.challenger.push(b, class, known);
                    }
                }
            }
            Traffic::Split => {
                let sides = [
                    (first, &pairing.champion, &mut views.champion),
                    (second, &pairing.challenger, &mut views.challenger),
                ];
                for (of, rows, view) in sides {
                    for &row in rows {
                        let (class, known) = (truth(of, row), number(of, row));
                        if asked.usable(of, row, basis, class, known) {
                            view.push(row, class, known);
                        }
                    }
                }
            }
        }
        views
    }

    fn difference(
        &self,
        champion: Side<'_>,
        challenger: Side<'_>,
        basis: Basis,
        asked: &Asked<'_>,
        beside: Beside<'_>,
    ) -> (Result<Difference, Undefined>, f64) {
        let least = self.champion.rows.len().min(self.challenger.rows.len());
        if least == 0 {
            let why =
                if basis == Basis::Realized { Undefined::NoTargets } else { Undefined::AllMissing };
            return (Err(why), 0.0);
        }
        if least < FEWEST {
            return (Err(Undefined::TooFew), 0.0);
        }
        let both = || {
            // Sums of a formula's own over different traffic are told for as many rows.
            let first = self.champion.influence(champion, basis, asked, least)?;
            let second = self.challenger.influence(challenger, basis, asked, least)?;
            let classes: Option<Vec<bool>> = match (&asked.of, champion.scored.ranked.as_slice()) {
                (Of::RocAuc, [1]) if basis == Basis::Realized => {
                    Some(self.champion.truth.iter().map(|&class| class == 1).collect())
                }
                _ => None,
            };
            let found = match self.traffic {
                Traffic::Paired => Difference::paired(&first.0, &second.0, classes.as_deref())?,
                Traffic::Split => Difference::independent(&first.0, &second.0)?,
            };
            let learning = if basis == Basis::Estimated {
                self.learning(champion, challenger, asked, &first, &second, beside)
            } else {
                0.0
            };
            let found = found.with_variance(learning)?;
            // All rows the same, or a handful that outweighs all others.
            if found.decisive > 0.0 && found.decisive < DECISIVE {
                return Err(Undefined::TooFew);
            }
            Ok((found, learning))
        };
        match both() {
            Ok((found, learning)) => (Ok(found), learning),
            Err(reason) => (Err(reason), 0.0),
        }
    }

    /// The variance of what the estimates do not know.
    fn learning(
        &self,
        champion: Side<'_>,
        challenger: Side<'_>,
        asked: &Asked<'_>,
        first: &(Influence, Vec<Vec<f64>>),
        second: &(Influence, Vec<Vec<f64>>),
        beside: Beside<'_>,
    ) -> f64 {
        if let Of::Loss(loss, root) = asked.of {
            let of = |side: Side<'_>| {
                let Outputs::Regression(known) = &side.profile.outputs else { return 0.0 };
                let place = Loss::ALL.iter().position(|of| *of == loss);
                let Some(known) = place.and_then(|at| known.losses.get(at)) else { return 0.0 };
                let error = if root { known.root_error } else { known.error };
                let error = error.and_then(|error| error.for_rows(side.learned()).ok());
                error.map_or(0.0, |error| error * error)
            };
            return of(champion) + of(challenger);
        }
        let rows = (champion.learned().max(1) as f64, challenger.learned().max(1) as f64);
        let learned = match self.traffic {
            Traffic::Paired if beside.same_reference => Learned::Together(rows.0.min(rows.1)),
            _ => Learned::Apart(rows.0, rows.1),
        };
        learning_variance((&first.0, &first.1), (&second.0, &second.1), learned)
    }
}

impl Side<'_> {
    /// The reference rows that were learned from.
    fn learned(self) -> u64 {
        let of_cells = |rows: f64| (rows > 0.0).then_some(rows as u64);
        let known = match &self.profile.outputs {
            Outputs::Binary(of) => of.performance.as_ref().and_then(|of| of_cells(of.cells.rows())),
            Outputs::Multiclass(of) => {
                of.performance.as_ref().and_then(|of| of_cells(of.cells.rows()))
            }
            Outputs::None | Outputs::Regression(_) => None,
        };
        known.unwrap_or(self.profile.provenance.rows)
    }
}

impl View {
    fn none() -> Self {
        Self { rows: Vec::new(), truth: Vec::new(), numbers: Vec::new() }
    }

    fn push(&mut self, row: u32, class: u16, number: f64) {
        self.rows.push(row);
        self.truth.push(class);
        self.numbers.push(number);
    }

    /// What each row adds to a figure, and how likely each is of each class.
    fn influence(
        &self,
        side: Side<'_>,
        basis: Basis,
        asked: &Asked<'_>,
        for_rows: usize,
    ) -> Result<(Influence, Vec<Vec<f64>>), Undefined> {
        let of = side.scored;
        if let Of::Loss(loss, root) = asked.of {
            let losses = match basis {
                Basis::Realized => {
                    let numbers = self.rows.iter().zip(&self.numbers);
                    let of = |(&row, &truth): (&u32, &f64)| of.loss(loss, row as usize, truth);
                    numbers.map(of).collect::<Option<Vec<f64>>>().ok_or(Undefined::Infinite)?
                }
                Basis::Estimated => {
                    let expected = of.expected.iter().find(|(of, _)| *of == loss);
                    let (_, expected) = expected.ok_or(Undefined::NotInData)?;
                    self.rows.iter().map(|&row| expected[row as usize]).collect()
                }
            };
            let found =
                if root { Influence::root_of_mean(&losses) } else { Influence::mean(&losses) };
            return Ok((found?, Vec::new()));
        }
        let classes = of.classes.len();
        let likely: Vec<Vec<f64>> = match basis {
            Basis::Realized => {
                let of_class = |class: usize| {
                    self.truth.iter().map(|&at| f64::from(usize::from(at) == class)).collect()
                };
                (0..classes).map(of_class).collect()
            }
            Basis::Estimated => {
                let rows = |of: &Vec<f64>| self.rows.iter().map(|&row| of[row as usize]).collect();
                of.likely.iter().map(rows).collect()
            }
        };
        let found = match asked.of {
            Of::RocAuc | Of::AveragePrecision => self.ranking(of, &likely, basis, asked)?,
            _ => {
                let at = |&row: &u32| usize::from(of.predicted[row as usize]);
                let predicted: Vec<usize> = self.rows.iter().map(at).collect();
                let cells = confusion_of(&likely, &predicted);
                let two = of.ranked == [1];
                let slopes = match &asked.of {
                    Of::Rate(rate) if two => CellSlopes::of_two(*rate, &cells, basis),
                    Of::Rate(rate) => CellSlopes::of_several(*rate, &cells, basis),
                    Of::Worth(worth) => CellSlopes::worth(&cells, worth),
                    Of::Cells(formula) => own(formula, &cells, &of.classes, two, for_rows),
                    _ => CellSlopes::accuracy(&cells),
                }?;
                slopes.influence(&likely, &predicted)?
            }
        };
        Ok((found, likely))
    }

    /// Of what the order of the scores says: of the positive class, or the mean over several.
    fn ranking(
        &self,
        of: &Scored,
        likely: &[Vec<f64>],
        basis: Basis,
        asked: &Asked<'_>,
    ) -> Result<Influence, Undefined> {
        let mut found = Vec::new();
        for (scores, &class) in of.scores.iter().zip(&of.ranked) {
            let scores: Vec<f64> = self.rows.iter().map(|&row| scores[row as usize]).collect();
            let ranked = match asked.of {
                Of::RocAuc => Influence::roc_auc(&scores, &likely[class]),
                _ => Influence::average_precision(&scores, &likely[class]),
            };
            let mut ranked = match ranked {
                // A class without rows has no average, and the others have theirs.
                Err(Undefined::OneClass) if matches!(asked.of, Of::AveragePrecision) => continue,
                ranked => ranked?,
            };
            let slopes = ranked.slopes.pop().unwrap_or_default();
            ranked.slopes = vec![Vec::new(); likely.len()];
            ranked.slopes[class] = slopes;
            found.push(ranked);
        }
        let least = if of.ranked.len() > 1 && basis == Basis::Realized { 2 } else { 1 };
        if found.len() < least {
            return Err(Undefined::OneClass);
        }
        Influence::mean_of(found)
    }
}

impl Asked<'_> {
    /// Whether a row has what the figure needs.
    fn usable(&self, of: &Scored, row: u32, basis: Basis, class: u16, number: f64) -> bool {
        let row = row as usize;
        let scored =
            || !of.scores.is_empty() && of.scores.iter().all(|scores| !scores[row].is_nan());
        let predicted = || of.predicted.get(row).is_some_and(|&class| class != NO_CLASS);
        match (&self.of, basis) {
            (Of::Loss(loss, _), Basis::Realized) => of.loss(*loss, row, number).is_some(),
            (Of::Loss(..), Basis::Estimated) => {
                of.numbers.get(row).is_some_and(|[prediction, _]| !prediction.is_nan())
            }
            (Of::RocAuc | Of::AveragePrecision, Basis::Realized) => class != NO_CLASS && scored(),
            (Of::RocAuc | Of::AveragePrecision, Basis::Estimated) => scored(),
            (_, Basis::Realized) => class != NO_CLASS && predicted(),
            (_, Basis::Estimated) => predicted() && scored(),
        }
    }
}

/// What a formula of the user's own is worth, and how it changes with each cell's share of so many rows.
fn own(
    formula: &Formula,
    cells: &Confusion,
    labels: &[String],
    two: bool,
    rows: usize,
) -> Result<CellSlopes, Undefined> {
    let classes = labels.len();
    let place = |name: &String| -> Option<(usize, usize)> {
        if two {
            let cell = Cell::ALL.into_iter().find(|&cell| name_of(cell) == name.as_str())?;
            return Some(match cell {
                Cell::TruePositive => (1, 1),
                Cell::FalsePositive => (0, 1),
                Cell::FalseNegative => (1, 0),
                Cell::TrueNegative => (0, 0),
            });
        }
        let mut all = (0..classes).flat_map(|truth| (0..classes).map(move |at| (truth, at)));
        all.find(|&(truth, at)| Measure::cell(&labels[truth], &labels[at]).as_str() == name)
    };
    let scale = rows as f64 / cells.rows();
    let places: Vec<Option<(usize, usize)>> = formula.names().iter().map(place).collect();
    let quantities: Vec<f64> = places
        .iter()
        .map(|place| place.map_or(rows as f64, |(truth, at)| cells.cell(truth, at) * scale))
        .collect();
    // A denominator is zero.
    let (value, slopes) = formula.gradient(&quantities).ok_or(Undefined::TooFew)?;
    let mut by_cell = vec![vec![0.0; classes + 1]; classes];
    for (place, slope) in places.iter().zip(slopes) {
        let slope = slope * rows as f64;
        match place {
            Some((truth, at)) => by_cell[*truth][*at] += slope,
            // Another row in any cell is another row; their number is given.
            None => by_cell.iter_mut().flatten().for_each(|cell| *cell += slope),
        }
    }
    Ok(CellSlopes { value: Undefined::unless_finite(value)?, by_cell })
}

fn name_of(cell: Cell) -> &'static str {
    match cell {
        Cell::TruePositive => Metric::TruePositive.as_str(),
        Cell::FalsePositive => Metric::FalsePositive.as_str(),
        Cell::FalseNegative => Metric::FalseNegative.as_str(),
        Cell::TrueNegative => Metric::TrueNegative.as_str(),
    }
}
