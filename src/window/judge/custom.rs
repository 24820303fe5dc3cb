//! Metrics of the user's own: a formula over the cells of the confusion matrix.

use crate::formula::Formula;
use crate::metric::{Measure, Metric};
use crate::profile::{Outputs, Performance};
use crate::stats::{Cell, Cells, Undefined};

/// A formula, and where each of its quantities is found.
#[derive(Clone, Debug)]
pub(in crate::window) struct OverCells {
    formula: Formula,
    from: Vec<Quantity>,
    /// How many cells there are.
    cells: usize,
}

/// Where a quantity is found.
#[derive(Clone, Copy, Debug)]
enum Quantity {
    /// In the cell of that number: of two classes in the order of [`Cell::ALL`], of several by true and then by predicted
    /// class.
    Cell(usize),
    /// In the sum of all cells.
    Rows,
}

impl OverCells {
    /// `None` where the model has no such cells.
    pub(super) fn new(formula: &Formula, outputs: &Outputs) -> Option<Self> {
        let names: Vec<String> = match outputs {
            Outputs::None | Outputs::Regression(_) => return None,
            Outputs::Binary(_) => Cell::ALL.map(|cell| name(cell).as_str().to_owned()).into(),
            Outputs::Multiclass(several) => {
                let labels = || several.classes.iter().map(|class| &class.label);
                let row = |truth: &String| {
                    let named = labels().map(|at| Measure::cell(truth, at).to_string());
                    // Those predicted as none of the classes count as rows alone.
                    named.chain([String::new()]).collect::<Vec<_>>()
                };
                labels().flat_map(row).collect()
            }
        };
        let find = |wanted: &String| match names.iter().position(|name| name == wanted) {
            Some(cell) => Some(Quantity::Cell(cell)),
            None => (wanted == ROWS).then_some(Quantity::Rows),
        };
        let from = formula.names().iter().map(find).collect::<Option<_>>()?;
        Some(Self { formula: formula.clone(), from, cells: names.len() })
    }

    /// What it is worth in a window.
    pub(super) fn value(&self, performance: &Performance) -> Result<f64, Undefined> {
        let cells = cells(performance)?;
        match self.formula.value(&self.quantities(&cells)) {
            Some(value) => Undefined::unless_finite(value),
            // A denominator is zero.
            None => Err(Undefined::TooFew),
        }
    }

    /// How much it changes with each cell.
    pub(in crate::window) fn slopes(&self, cells: &[f64]) -> Option<Vec<f64>> {
        let (_, by_quantity) = self.formula.gradient(&self.quantities(cells))?;
        let mut slopes = vec![0.0; self.cells];
        for (from, slope) in self.from.iter().zip(by_quantity) {
            match *from {
                Quantity::Cell(cell) => slopes[cell] += slope,
                // Another row in any cell is another row.
                Quantity::Rows => slopes.iter_mut().for_each(|own| *own += slope),
            }
        }
        slopes.iter().all(|slope| slope.is_finite()).then_some(slopes)
    }

    /// The cells' shares of the reference.
    pub(super) fn shares(outputs: &Outputs) -> Option<Vec<f64>> {
        let cells: Vec<f64> = match outputs {
            Outputs::Binary(found) => cells_of_two(&found.performance.as_ref()?.cells),
            Outputs::Multiclass(found) => found.performance.as_ref()?.cells.cells(),
            Outputs::None | Outputs::Regression(_) => return None,
        };
        let rows: f64 = cells.iter().sum();
        (rows > 0.0).then(|| cells.iter().map(|cell| cell / rows).collect())
    }

    /// The sampling error of so many rows: to first order that of a multinomial draw with the reference's shares,
    /// `sqrt(n (sum(p g^2) - sum(p g)^2))` with the slopes `g` at the cells that are expected then.
    pub(super) fn error(&self, shares: &[f64], rows: u64) -> Option<f64> {
        let n = rows as f64;
        let expected: Vec<f64> = shares.iter().map(|share| share * n).collect();
        let slopes = self.slopes(&expected)?;
        let mean: f64 = shares.iter().zip(&slopes).map(|(p, g)| p * g).sum();
        let spread: f64 =
            shares.iter().zip(&slopes).map(|(p, g)| p * (g - mean) * (g - mean)).sum();
        Undefined::unless_finite((n * spread).sqrt()).ok()
    }

    fn quantities(&self, cells: &[f64]) -> Vec<f64> {
        let rows: f64 = cells.iter().sum();
        let of = |from: &Quantity| match *from {
            Quantity::Cell(cell) => cells.get(cell).copied().unwrap_or(0.0),
            Quantity::Rows => rows,
        };
        self.from.iter().map(of).collect()
    }
}

/// What a formula calls the sum of all cells.
const ROWS: &str = "rows";

/// The cells of a window.
fn cells(performance: &Performance) -> Result<Vec<f64>, Undefined> {
    match performance {
        Performance::Binary(found) => match found.unpredicted() {
            Some(reason) => Err(reason),
            None => Ok(cells_of_two(&found.cells)),
        },
        Performance::Multiclass(found) => match found.unpredicted() {
            Some(reason) => Err(reason),
            None => Ok(found.cells.cells()),
        },
        Performance::Regression(_) => Err(Undefined::Empty),
    }
}

fn cells_of_two(cells: &Cells) -> Vec<f64> {
    Cell::ALL.map(|cell| cells.cell(cell)).into()
}

fn name(cell: Cell) -> Metric {
    match cell {
        Cell::TruePositive => Metric::TruePositive,
        Cell::FalsePositive => Metric::FalsePositive,
        Cell::FalseNegative => Metric::FalseNegative,
        Cell::TrueNegative => Metric::TrueNegative,
    }
}
