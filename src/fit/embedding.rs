//! The profile of an embedding column: what its vectors have in common.

use std::collections::BTreeMap;
use std::thread;

use arrow::array::{Array, ListArray};

use crate::batch::{Distances, LONGEST, Rows, Values as Data, Vectors, vector};
use crate::fit::FitError;
use crate::fit::reconstruction::{SHARE, divisor};
use crate::profile::{Column, Embedding, Role, Space, Values};
use crate::stats::Products;

/// Components follow the rows that they are made of: of those they leave less than of any other. So the reference's own
/// vectors are measured by components of the others, in so many parts...
const PARTS: usize = 5;
/// ...and in two where more components would take too long.
const FEW_PARTS: usize = 2;
/// From so many dimensions on.
const MANY_DIMENSIONS: usize = 1025;
/// Products of numbers that are summed at most; of more vectors some are left out, evenly.
const PRODUCTS: usize = 40_000_000_000;
/// At least so many vectors a dimension are taken all the same.
const LEAST: usize = 4;
/// Vectors are taken so many at once.
const BLOCK: usize = 1024;

/// A column, and what its own vectors are measured by.
#[derive(Debug)]
pub(super) struct FittedEmbedding {
    pub(super) column: Column,
    /// What is worth saying.
    pub(super) note: Option<String>,
    chosen: Chosen,
    /// Components of all chosen vectors but those of a part.
    parts: Vec<Space>,
}

/// Which vectors components are made of, and in which part each is.
#[derive(Clone, Copy, Debug)]
struct Chosen {
    step: usize,
    parts: usize,
}

impl Chosen {
    fn new(vectors: usize, dimensions: usize) -> Self {
        let pairs = dimensions * (dimensions + 1) / 2;
        let most = (PRODUCTS / pairs).max(LEAST * dimensions);
        let parts = if dimensions < MANY_DIMENSIONS { PARTS } else { FEW_PARTS };
        Self { step: vectors.div_ceil(most).max(1), parts }
    }

    /// The part of a vector, by its place; `None` where it is in none.
    fn part(self, place: usize) -> Option<usize> {
        place.is_multiple_of(self.step).then(|| place / self.step % self.parts)
    }
}

/// The profile of the column at `index`; `leads` says whether its first components are kept.
pub(super) fn fit_embedding(
    model: &str,
    (name, role): (&str, Role),
    index: usize,
    leads: bool,
    batches: &[Rows],
) -> Result<FittedEmbedding, FitError> {
    let all: Vec<&ListArray> = batches.iter().filter_map(|batch| lists(batch, index)).collect();
    let rows = batches.iter().map(|batch| batch.len() as u64).sum();
    let mut lengths: BTreeMap<usize, u64> = BTreeMap::new();
    for numbers in all.iter().flat_map(|lists| present(lists)) {
        *lengths.entry(numbers.len()).or_default() += 1;
    }
    let (model, column) = (model.to_owned(), name.to_owned());
    // Of several lengths that are as frequent, the least.
    let Some(&most) = lengths.values().max() else {
        return Err(FitError::NoValues { model, column, rows });
    };
    let dimensions = lengths.iter().find(|(_, count)| **count == most).map_or(0, |(of, _)| *of);
    if !(2..=LONGEST).contains(&dimensions) {
        return Err(FitError::Dimensions { model, column, dimensions });
    }
    let mut embedding = Embedding { dimensions, malformed: 0, typical: None, space: None };
    let listed: u64 = lengths.values().sum();
    let vectors: Vec<&[f64]> = all
        .iter()
        .flat_map(|lists| present(lists))
        .filter(|numbers| embedding.is_vector(numbers))
        .collect();
    if vectors.is_empty() {
        return Err(FitError::NoValues { model, column, rows });
    }
    embedding.malformed = listed - vectors.len() as u64;
    let chosen = Chosen::new(vectors.len(), dimensions);
    let scaled = about_unit(&vectors, dimensions);
    let mut of_parts = vec![Products::new(dimensions); chosen.parts];
    for (part, products) in of_parts.iter_mut().enumerate() {
        let ours = vectors.iter().enumerate().filter(|(at, _)| chosen.part(*at) == Some(part));
        let ours: Vec<&[f64]> = ours.map(|(_, numbers)| *numbers).collect();
        for block in ours.chunks(BLOCK) {
            products.add(&columns_of(block, &scaled));
        }
    }
    // All of them, and all but each.
    let but = |part: Option<usize>| {
        let mut sum = Products::new(dimensions);
        let others = of_parts.iter().enumerate().filter(|(at, _)| Some(*at) != part);
        others.for_each(|(_, products)| sum.merge(products));
        sum
    };
    let (whole, parts) = thread::scope(|scope| {
        let start = |part| {
            let (products, scaled) = (but(part), &scaled);
            scope.spawn(move || space(&products, scaled, leads && part.is_none()))
        };
        let parts: Vec<_> = (0..chosen.parts).map(|part| start(Some(part))).collect();
        let (whole, typical) = start(None).join().unwrap_or_default();
        embedding.typical = typical;
        // Without a place of their own to be measured by, vectors are measured by the whole's.
        let parts = parts.into_iter().map(|part| part.join().unwrap_or_default().0);
        let parts = parts.map(|part| if part.residual.is_some() { part } else { whole.clone() });
        let parts: Vec<Space> = parts.collect();
        (whole, parts)
    });
    let note = (whole.residual.is_none()).then(|| {
        format!(
            "reconstruction error of `{name}`: its dimensions have nothing in common by which a vector could be told \
             from others"
        )
    });
    let note = note.or_else(|| {
        (chosen.step > 1).then(|| {
            let step = chosen.step;
            format!("the components of `{name}` are made of every {step}th vector, as they have {dimensions} dimensions")
        })
    });
    embedding.space = Some(whole);
    let missing = rows - listed;
    let values = Values::Embedding(Box::new(embedding));
    let column = Column { name: column, role, rows, missing, values };
    Ok(FittedEmbedding { column, note, chosen, parts })
}

impl FittedEmbedding {
    /// Puts in the place of the reference's own vectors how far they lie: each by components that it had no part in.
    pub(super) fn measure(&self, index: usize, batches: &mut [Rows]) {
        let Values::Embedding(embedding) = &self.column.values else { return };
        let mut place = 0;
        for batch in batches {
            let Some(lists) = lists(batch, index) else { continue };
            let distances: Distances = embedding.measure_with(lists, |rows, errors| {
                let mut by: Vec<Vec<usize>> = vec![Vec::new(); self.chosen.parts + 1];
                for &row in rows {
                    by[self.chosen.part(place).unwrap_or(self.chosen.parts)].push(row);
                    place += 1;
                }
                for (space, rows) in self.parts.iter().chain(&embedding.space).zip(by) {
                    space.errors(lists, &rows, errors);
                }
            });
            batch.columns[index].values = Data::Vectors(Vectors::Measured(distances));
        }
    }
}

fn lists(batch: &Rows, index: usize) -> Option<&ListArray> {
    match &batch.columns[index].values {
        Data::Vectors(Vectors::Raw(lists)) => Some(lists),
        Data::Vectors(Vectors::Measured(_)) | Data::Numbers(_) | Data::Labels(_) => None,
    }
}

fn present(lists: &ListArray) -> impl Iterator<Item = &[f64]> {
    (0..lists.len()).filter_map(|row| vector(lists, row))
}

/// Centre and scale of each dimension, for about mean 0 and unit spread.
fn about_unit(vectors: &[&[f64]], dimensions: usize) -> Vec<(f64, f64)> {
    let n = vectors.len() as f64;
    let mut means = vec![0.0; dimensions];
    for numbers in vectors {
        for (mean, number) in means.iter_mut().zip(*numbers) {
            *mean += number / n;
        }
    }
    let mut squares = vec![0.0; dimensions];
    for numbers in vectors {
        for ((square, mean), number) in squares.iter_mut().zip(&means).zip(*numbers) {
            *square += (number - mean) * (number - mean) / n;
        }
    }
    let scaled = |(mean, square): (f64, f64)| {
        let spread = square.sqrt();
        let usable = spread.is_finite() && spread > 0.0;
        (if mean.is_finite() { mean } else { 0.0 }, if usable { spread } else { 1.0 })
    };
    means.into_iter().zip(squares).map(scaled).collect()
}

/// Vectors as columns, scaled.
fn columns_of(vectors: &[&[f64]], scaled: &[(f64, f64)]) -> Vec<Vec<f64>> {
    let column = |(dimension, (centre, scale)): (usize, &(f64, f64))| {
        vectors.iter().map(|numbers| (numbers[dimension] - centre) / scale).collect()
    };
    scaled.iter().enumerate().map(column).collect()
}

/// What vectors are measured by, and the root of their mean squared error.
fn space(products: &Products, scaled: &[(f64, f64)], leads: bool) -> (Space, Option<f64>) {
    let rows = products.rows() as f64;
    let found =
        products.components(SHARE, |at, mean, variance| divisor(scaled[at], rows, mean, variance));
    let Ok(found) = found else {
        let (centres, scales) = scaled.iter().copied().unzip();
        return (Space { centres, scales, ..Space::default() }, None);
    };
    let moved = || scaled.iter().zip(found.means.iter().zip(&found.divisors));
    let space = Space {
        centres: moved().map(|((centre, scale), (mean, _))| centre + scale * mean).collect(),
        scales: moved().map(|((_, scale), (_, divisor))| scale * divisor).collect(),
        leading: if leads { found.leading } else { Vec::new() },
        residual: Some(found.residual),
    };
    let typical = space.residual.as_ref().map(|residual| residual.typical);
    (space, typical)
}
