//! The features of a sample in few cells each: what slices of a window are told by.

use crate::profile::{Codes, Column, Condition, Kept, KeyedRows, MISSING, Sample, UNSEEN, Values};
use crate::stats::{CELLS, CODES, CellRange, Field};

/// Numbers are cut into so many parts of as many rows of the reference, beside those beyond its ends.
const PARTS: u64 = 8;
/// So many of a column's labels have a cell of their own: those that the reference has most often.
const LABELS: usize = 12;

/// The features of a sample in few cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    fields: Vec<OfFeature>,
}

/// A feature in few cells; embeddings have none, as nobody knows what a distance says.
#[derive(Clone, Debug, PartialEq)]
struct OfFeature {
    /// Which of the sample's features.
    feature: usize,
    /// The cell of each code.
    cell_of: [u8; CODES],
    field: Field,
}

impl Cells {
    /// Those of a sample: numbers in parts of as many of its rows.
    pub fn of(sample: &Sample) -> Self {
        let features = sample.features.iter().enumerate();
        let fields = features.filter(|(_, of)| of.part.is_none()).map(|(feature, of)| {
            let mut counts = [0_u64; CODES];
            for row in 0..sample.rows.len() {
                counts[usize::from(sample.rows.row(row)[feature]) % CODES] += 1;
            }
            let mut cell_of = [0; CODES];
            let ordered = matches!(of.codes, Codes::Cuts(_));
            let last = match &of.codes {
                Codes::Cuts(cuts) => {
                    // The first code and the last are of numbers beyond the ends of the reference.
                    let beyond = (cuts.len() + 1).min(CODES - 1);
                    cell_of[1] = 1;
                    let total: u64 = counts[2..beyond.max(2)].iter().sum();
                    let (mut cell, mut part, mut before) = (1, None, 0);
                    for (code, count) in counts.iter().enumerate().take(beyond).skip(2) {
                        let now = before * PARTS / total.max(1);
                        if part != Some(now) {
                            part = Some(now);
                            cell += 1;
                        }
                        cell_of[code] = cell;
                        before += count;
                    }
                    cell_of[beyond] = cell + 1;
                    cell + 1
                }
                Codes::Labels(_) => {
                    let first = usize::from(UNSEEN) + 2;
                    for (code, cell) in cell_of.iter_mut().enumerate().skip(1) {
                        let own = code >= first && code < first + LABELS;
                        *cell = if own { code as u8 - 1 } else { LABELS as u8 + 2 };
                    }
                    cell_of[usize::from(UNSEEN)] = 1;
                    (LABELS + 2) as u8
                }
            };
            let cells = (usize::from(last) + 1).min(CELLS);
            OfFeature { feature, cell_of, field: Field { cells, ordered } }
        });
        Self { fields: fields.collect() }
    }

    /// The fields.
    pub fn fields(&self) -> Vec<Field> {
        self.fields.iter().map(|of| of.field).collect()
    }

    /// By field the cells of some rows, given by number.
    pub fn cells(&self, rows: &KeyedRows, chosen: &[usize]) -> Vec<Vec<u8>> {
        let of = |field: &OfFeature| {
            let cell =
                |&row: &usize| field.cell_of[usize::from(rows.row(row)[field.feature]) % CODES];
            chosen.iter().map(cell).collect()
        };
        self.fields.iter().map(of).collect()
    }

    /// What rows in a range have; the ends of what the reference has are open, but for what lies beyond them.
    pub fn condition(
        &self,
        sample: &Sample,
        columns: &[Column],
        range: CellRange,
    ) -> Option<Condition> {
        let of = self.fields.get(range.field)?;
        let coding = sample.features.get(of.feature)?;
        let column = columns.get(coding.column)?;
        let inside = |code: &usize| range.holds(of.cell_of[*code]);
        let holds = match (&coding.codes, &column.values) {
            _ if range.last == MISSING => Kept::Missing,
            (Codes::Cuts(cuts), _) => {
                let beyond = (cuts.len() + 1).min(CODES - 1);
                let mut codes = (1..=beyond).filter(inside);
                let first = codes.next()?;
                let last = codes.next_back().unwrap_or(first);
                let from = match first {
                    1 => None,
                    2 if last < beyond => None,
                    _ => cuts.get(first - 2).copied(),
                };
                let to = match last {
                    _ if last == beyond => None,
                    _ if last + 1 == beyond && first > 1 => None,
                    _ => cuts.get(last - 1).copied(),
                };
                Kept::Between(from, to)
            }
            (Codes::Labels(_), _) if range.last == UNSEEN => Kept::Unseen,
            (Codes::Labels(codes), Values::Categorical(reference)) => {
                let labels = |wanted: bool| -> Vec<String> {
                    let labels = reference.labels.iter().zip(codes);
                    let labels = labels.filter(|(_, code)| inside(&usize::from(**code)) == wanted);
                    labels.map(|(label, _)| label.clone()).collect()
                };
                let rest = usize::from(range.first) == LABELS + 2;
                if rest { Kept::NoneOf(labels(false)) } else { Kept::OneOf(labels(true)) }
            }
            _ => return None,
        };
        Some(Condition { column: column.name.clone(), holds, or_missing: false })
    }
}
