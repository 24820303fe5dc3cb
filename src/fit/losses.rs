//! What expects a loss: the columns as trees see them, and the trees.

use arrow::array::Array;

use crate::batch::{Rows, Values as Data, labels};
use crate::profile::{LossInput, LossModel, Profile, Role, Values};
use crate::stats::{Binned, Forest, ForestError, Growth, Input, Node, Tree, boost, cuts, mean};

/// Into how many bins numbers are cut.
const BINS: usize = 255;
/// Up to so many labels each is a column of its own: it, or another.
const APART: usize = 4;
/// How many rows of the mean loss each label begins with, when labels are put in their order.
const SHRINKAGE: f64 = 10.0;

/// What trees may look at: features and prediction of the rows that are learned from.
pub(super) struct Table {
    rows: usize,
    columns: Vec<(usize, Seen)>,
}

enum Seen {
    /// NaN where missing.
    Numbers(Vec<f64>),
    /// Positions among so many labels of the reference.
    Labels(Vec<Option<usize>>, usize),
}

/// An input, and the rows' bins of it.
struct Column {
    /// Its position in the profile.
    of: usize,
    bins: Binned,
    made_by: Made,
}

/// What stands for the values of a column.
enum Made {
    /// Themselves, cut.
    Numbers(Vec<f64>),
    /// 1 for a label (or a missing one), 0 for others; of so many.
    Label(Option<usize>, usize),
    /// Their places in an order, cut.
    Places(Order, Vec<f64>),
}

impl Table {
    /// Features and prediction of these rows of each batch.
    pub(super) fn new(profile: &Profile, batches: &[Rows], usable: &[Vec<usize>]) -> Self {
        let rows = usable.iter().map(Vec::len).sum();
        let is_seen = |role| matches!(role, Role::Feature | Role::Prediction);
        let seen = profile.columns.iter().enumerate().filter(|(_, column)| is_seen(column.role));
        let columns = seen.filter_map(|(index, column)| {
            let parts = batches
                .iter()
                .zip(usable)
                .map(|(batch, rows)| (&batch.columns[index].values, rows));
            let seen = match &column.values {
                Values::Continuous(_) => {
                    let mut numbers = Vec::with_capacity(rows);
                    for (values, usable) in parts {
                        let Data::Numbers(values) = values else { continue };
                        let number = |&row: &usize| {
                            if values.is_valid(row) { values.value(row) } else { f64::NAN }
                        };
                        numbers.extend(usable.iter().map(number));
                    }
                    Seen::Numbers(numbers)
                }
                Values::Categorical(reference) => {
                    let mut positions = Vec::with_capacity(rows);
                    for (values, usable) in parts {
                        let Data::Labels(array) = values else { continue };
                        let known: Vec<Option<usize>> =
                            labels(array).map(|label| reference.position(label)).collect();
                        let position = |&row: &usize| known.get(array.key(row)?).copied()?;
                        positions.extend(usable.iter().map(position));
                    }
                    Seen::Labels(positions, reference.labels.len())
                }
                // Trees split by single numbers.
                Values::Embedding(_) => return None,
            };
            Some((index, seen))
        });
        Self { rows, columns: columns.collect() }
    }

    /// The columns as trees split them.
    fn binned(&self, losses: &[f64], mean: f64) -> Vec<Column> {
        let mut binned = Vec::new();
        for (column, seen) in &self.columns {
            match seen {
                Seen::Numbers(values) => {
                    let has_missing = values.iter().any(|value| value.is_nan());
                    // Missing ones are one of the bins.
                    let cuts = cuts(values, BINS - usize::from(has_missing));
                    let bins = cut(values, &cuts);
                    binned.push(Column { of: *column, bins, made_by: Made::Numbers(cuts) });
                }
                Seen::Labels(positions, labels) => {
                    let order = Order::new(positions, *labels, losses, mean);
                    if order.labels.len() <= APART {
                        // Of two, one says it all.
                        let alone = usize::from(order.labels.len() <= 2);
                        let mut known = order.labels.clone();
                        known.sort_unstable();
                        for label in known.into_iter().skip(alone) {
                            let label = (label < *labels).then_some(label);
                            let is = |position: &Option<usize>| u16::from(*position == label);
                            let rows = positions.iter().map(is).collect();
                            let bins = Binned { rows, bins: 2, has_missing: false };
                            let made_by = Made::Label(label, *labels);
                            binned.push(Column { of: *column, bins, made_by });
                        }
                    } else {
                        let places: Vec<f64> =
                            positions.iter().map(|&position| order.place(position)).collect();
                        let cuts = cuts(&places, BINS);
                        let bins = cut(&places, &cuts);
                        let made_by = Made::Places(order, cuts);
                        binned.push(Column { of: *column, bins, made_by });
                    }
                }
            }
        }
        binned
    }
}

fn cut(values: &[f64], cuts: &[f64]) -> Binned {
    let bins = cuts.len() + 1;
    let bin = |value: &f64| {
        let below = cuts.partition_point(|cut| cut <= value);
        if value.is_nan() { bins as u16 } else { below as u16 }
    };
    let has_missing = values.iter().any(|value| value.is_nan());
    Binned { rows: values.iter().map(bin).collect(), bins, has_missing }
}

/// Labels in the order of their mean loss.
struct Order {
    /// Those that have rows, in their order; a missing one counts as one behind the last.
    labels: Vec<usize>,
    /// The place of each label that has rows, and last that of missing ones.
    places: Vec<Option<usize>>,
    /// Before which place a label belongs of which nothing is known.
    unknown: usize,
}

impl Order {
    /// Few rows say little of a label: each begins with some of the mean of all.
    ///
    /// With labels in this order a cut between two of them is as good as any split into two groups (Fisher 1958).
    fn new(positions: &[Option<usize>], labels: usize, losses: &[f64], mean: f64) -> Self {
        let mut sums = vec![(0.0, 0u64); labels + 1];
        for (position, loss) in positions.iter().zip(losses) {
            let (sum, rows) = &mut sums[position.unwrap_or(labels)];
            *sum += loss;
            *rows += 1;
        }
        let shrunk = |label: usize| {
            let (sum, rows) = sums[label];
            (sum + SHRINKAGE * mean) / (rows as f64 + SHRINKAGE)
        };
        let mut order: Vec<usize> = (0..=labels).filter(|&label| sums[label].1 > 0).collect();
        order.sort_by(|&a, &b| shrunk(a).total_cmp(&shrunk(b)).then(a.cmp(&b)));
        let mut places = vec![None; labels + 1];
        for (place, &label) in order.iter().enumerate() {
            places[label] = Some(place);
        }
        let unknown = order.iter().filter(|&&label| shrunk(label) < mean).count();
        Self { labels: order, places, unknown }
    }

    /// What stands for a label among the numbers that trees cut; a missing one is `None`.
    fn place(&self, position: Option<usize>) -> f64 {
        let label = position.unwrap_or(self.places.len() - 1);
        self.places[label].map_or(self.unknown(), |place| place as f64)
    }

    /// What stands for a label that the reference does not have.
    fn unknown(&self) -> f64 {
        self.unknown as f64 - 0.5
    }
}

/// Grows trees that expect these losses, a row each, of which there is at least one.
///
/// # Errors
///
/// What is wrong with the trees.
pub(super) fn grow(table: &Table, losses: &[f64]) -> Result<LossModel, ForestError> {
    debug_assert_eq!(table.rows, losses.len(), "a loss a row");
    let mean = mean(losses).unwrap_or(0.0);
    // Leaves are kept in single precision: losses near 1 keep clear of its ends, and a power of two changes no digit.
    let typical = losses.iter().map(|loss| loss.abs()).sum::<f64>() / losses.len() as f64;
    let typical = if mean > 0.0 && losses.iter().all(|loss| *loss >= 0.0) { mean } else { typical };
    let unit = if typical > 0.0 && typical.is_finite() {
        libm::ldexp(1.0, libm::log2(typical).floor() as i32)
    } else {
        1.0
    };
    let scaled: Vec<f64> = losses.iter().map(|loss| loss / unit).collect();
    let columns = table.binned(losses, mean);
    let (made, mut binned): (Vec<(usize, Made)>, Vec<Binned>) =
        columns.into_iter().map(|column| ((column.of, column.made_by), column.bins)).unzip();
    let (base, mut trees) = boost(&binned, &scaled, Growth::DEFAULT);
    for (bins, seen) in binned.iter_mut().zip(used(&trees, made.len())) {
        // Rows are not needed any more; what is left says how to renumber.
        bins.rows = seen;
    }
    let kept: Vec<usize> = (0..made.len()).filter(|&at| !binned[at].rows.is_empty()).collect();
    for node in trees.iter_mut().flatten() {
        if let Node::Split { input, cut, .. } = node {
            let used = &binned[usize::from(*input)].rows;
            *cut = used.partition_point(|used| used < cut) as u16 + 1;
            *input = kept.partition_point(|&at| at < usize::from(*input)) as u16;
        }
    }
    let forest = Forest::new(kept.len() as u16, base, unit, &trees)?;
    let inputs = made.iter().zip(&binned).filter(|(_, bins)| !bins.rows.is_empty());
    let inputs = inputs
        .map(|((column, made), bins)| LossInput { column: *column, sees: made.input(&bins.rows) });
    Ok(LossModel { inputs: inputs.collect(), forest })
}

/// The cuts that trees use of each input, ascending.
fn used(trees: &[Tree], inputs: usize) -> Vec<Vec<u16>> {
    let mut used = vec![Vec::new(); inputs];
    for node in trees.iter().flatten() {
        if let Node::Split { input, cut, .. } = node {
            used[usize::from(*input)].push(*cut);
        }
    }
    for cuts in &mut used {
        cuts.sort_unstable();
        cuts.dedup();
    }
    used
}

impl Made {
    /// What is kept of it, as trees use these cuts alone.
    fn input(&self, used: &[u16]) -> Input {
        // Behind the last cut there is nothing but missing numbers.
        let kept = |cuts: &[f64]| -> Vec<f64> {
            let cut = |&at: &u16| cuts.get(usize::from(at) - 1).copied().unwrap_or(f64::INFINITY);
            used.iter().map(cut).collect()
        };
        match self {
            Self::Numbers(cuts) => Input::Numbers { cuts: kept(cuts) },
            Self::Label(label, labels) => Input::Labels {
                bins: (0..*labels).map(|known| u16::from(Some(known) == *label)).collect(),
                missing: u16::from(label.is_none()),
                unseen: 0,
            },
            Self::Places(order, cuts) => {
                let cuts = kept(cuts);
                let bin = |place: f64| cuts.partition_point(|&cut| cut <= place) as u16;
                Input::Labels {
                    bins: (0..order.places.len() - 1)
                        .map(|label| bin(order.place(Some(label))))
                        .collect(),
                    missing: bin(order.place(None)),
                    unseen: bin(order.unknown()),
                }
            }
        }
    }
}
