//! Each part of a data set against its newest one.

use crate::diagnosis::within::gathered::{Gathered, hash};
use crate::diagnosis::within::learn::Ground;
use crate::stats::{ScoreBin, Undefined, jensen_shannon, roc_auc};

/// Fewer rows than this on a side are not told apart.
const FEWEST: usize = 200;
/// The newest part is taken apart so many times: each learns, and is asked by what the others learned.
const QUARTERS: usize = 4;
/// Inputs have moved where trees tell them apart by more than chance: beyond so much above a half...
const TOLD_APART: f64 = 0.05;
/// ...and beyond so many standard errors.
const ERRORS: f64 = 4.0;
/// The concept has moved where what was learned there is worse by so many standard errors...
const SURE: f64 = 3.0;
/// ...and by so much of what the newest part knows of itself.
const MATTERS: f64 = 0.05;
/// What is explained less than this is not to be learned.
const LEARNABLE: f64 = 0.01;
/// A row counts at most so many times as another one.
const HEAVIEST: f64 = 20.0;

/// How a part's inputs differ from those of the newest.
#[derive(Clone, Debug, PartialEq)]
pub struct Apart {
    /// How well trees tell them apart: area under the curve, 0.5 where nothing does.
    pub roc_auc: f64,
    /// One standard error of that where nothing does.
    pub error: f64,
    /// By column: the Jensen-Shannon distance, greatest first.
    pub columns: Vec<(String, f64)>,
    /// How many of its rows are left where each counts as often as such rows are in the newest part.
    pub effective: f64,
}

/// Whether the same inputs lead to the same targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concept {
    /// Which share of the newest part's variance a model explains that was learned on this part...
    pub explained: f64,
    /// ...and one that was learned on as many rows of the newest part.
    pub own: f64,
    /// One standard error of their difference where the two parts are one.
    pub error: f64,
}

/// A part against the newest.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its rows, and those of them with a target.
    pub rows: (u64, u64),
    /// Its inputs, or why they are not told apart.
    pub inputs: Result<Apart, Undefined>,
    /// What follows from them, or why that is not known.
    pub concept: Result<Concept, Undefined>,
}

/// What a part is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relevance {
    /// As the newest part.
    Relevant,
    /// Other inputs, of which the same follows: of use where rows are weighed.
    InputsMoved,
    /// Other targets follow from the same inputs: it teaches what is no more so.
    ConceptMoved,
    /// Nobody can say.
    Unknown,
}

impl Relevance {
    /// As it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relevant => "relevant",
            Self::InputsMoved => "inputs moved",
            Self::ConceptMoved => "concept moved",
            Self::Unknown => "cannot judge",
        }
    }
}

/// All parts but the newest, oldest first, and the newest.
#[derive(Clone, Debug, PartialEq)]
pub struct Within {
    /// The older parts.
    pub parts: Vec<Part>,
    /// The newest part's rows, and those with a target.
    pub newest: (u64, u64),
}

/// From which part on a data set is worth training on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// All of it.
    All,
    /// From that part on: the one before teaches another concept.
    Part(usize),
    /// Nobody can say: not even of the last part before the newest.
    Unknown,
}

impl Apart {
    /// Above which the area says that inputs have moved.
    pub fn limit(&self) -> f64 {
        0.5 + TOLD_APART.max(ERRORS * self.error)
    }

    /// Whether they have.
    pub fn has_moved(&self) -> bool {
        self.roc_auc > self.limit()
    }
}

impl Concept {
    /// Below which the explained share says that the concept has moved.
    pub fn limit(&self) -> f64 {
        self.own - (SURE * self.error).max(MATTERS * self.own)
    }

    /// Whether it has.
    pub fn has_moved(&self) -> bool {
        self.explained < self.limit()
    }
}

impl Part {
    /// What it is good for.
    pub fn relevance(&self) -> Relevance {
        match (&self.inputs, &self.concept) {
            (_, Ok(concept)) if concept.has_moved() => Relevance::ConceptMoved,
            (Ok(inputs), _) if inputs.has_moved() => Relevance::InputsMoved,
            (Ok(_), Ok(_)) => Relevance::Relevant,
            _ => Relevance::Unknown,
        }
    }
}

/// From which part on the parts teach what the newest does: up to the last one whose concept has moved.
pub fn since(within: &Within) -> Since {
    let relevance: Vec<Relevance> = within.parts.iter().map(Part::relevance).collect();
    match relevance.iter().rposition(|of| *of == Relevance::ConceptMoved) {
        Some(last) => Since::Part(last + 1),
        None if relevance.iter().all(|of| *of == Relevance::Unknown) => Since::Unknown,
        None => Since::All,
    }
}

/// How well trees tell the first part from the second, and by which columns.
///
/// # Errors
/// `Empty` without columns, `TooFew` with fewer than 200 rows on a side.
pub fn apart(gathered: &Gathered) -> Result<Apart, Undefined> {
    let ground = Ground::new(gathered);
    let [first, second] = ground.parts.as_slice() else { return Err(Undefined::Empty) };
    told_apart(gathered, &ground, first, second).map(|(apart, _)| apart)
}

/// Holds each part against the newest, which is the last.
///
/// *Inputs*: gradient-boosted trees, cross-fitted, tell the part's rows from the newest part's; the odds are also how often
/// each row would have to count for the part to have the newest part's inputs (Bickel et al. 2009).
///
/// *Concept*: the newest part is dealt into four. Trees that learned on as many rows of the part, drawn with those odds, and
/// trees that learned on another fourth of the newest part say what the targets of each fourth are; whose squares of errors
/// are less knows the newest concept better. How far two fourths of the newest part itself are apart, as seen by a third, is
/// how far chance goes. So other inputs alone are no other concept.
pub fn within(gathered: &Gathered) -> Within {
    let ground = Ground::new(gathered);
    let counts = |at: usize| (gathered.parts[at].seen, gathered.parts[at].labelled);
    let Some(last) = ground.parts.len().checked_sub(1) else {
        return Within { parts: Vec::new(), newest: (0, 0) };
    };
    let newest = Newest::new(&ground, last);
    let parts = (0..last).map(|at| {
        let rows = &ground.parts[at];
        let told = told_apart(gathered, &ground, rows, &ground.parts[last]);
        let concept = match (&newest, &told) {
            (Ok(newest), Ok((apart, weights))) => {
                newest.against(&ground, rows, weights, apart.effective)
            }
            (Err(reason), _) | (_, Err(reason)) => Err(*reason),
        };
        Part { rows: counts(at), inputs: told.map(|(apart, _)| apart), concept }
    });
    Within { parts: parts.collect(), newest: counts(last) }
}

/// How well the two are told apart, and how often each row of the first would have to count.
fn told_apart(
    gathered: &Gathered,
    ground: &Ground,
    first: &[u32],
    second: &[u32],
) -> Result<(Apart, Vec<f64>), Undefined> {
    if gathered.names.is_empty() {
        return Err(Undefined::Empty);
    }
    if first.len() < FEWEST || second.len() < FEWEST {
        return Err(Undefined::TooFew);
    }
    // Rows lie in the order of a hash, so every other one is a fair half.
    let rows: Vec<(u32, f64)> =
        first.iter().map(|&row| (row, 0.0)).chain(second.iter().map(|&row| (row, 1.0))).collect();
    let mut classes = vec![0.0; ground.parts.iter().map(Vec::len).sum()];
    for &(row, class) in &rows {
        classes[row as usize] = class;
    }
    let mut likely = vec![0.0; rows.len()];
    for fold in 0..2 {
        let of = |is: bool| -> Vec<usize> {
            (0..rows.len()).filter(|at| (at % 2 == fold) == is).collect()
        };
        let (held, train) = (of(true), of(false));
        let numbers = |of: &[usize]| -> Vec<u32> { of.iter().map(|&at| rows[at].0).collect() };
        let said = ground.learned(&classes, &numbers(&train), &numbers(&held));
        for (at, said) in held.into_iter().zip(said) {
            likely[at] = said;
        }
    }
    let mut scored: Vec<(f64, f64)> =
        likely.iter().zip(&rows).map(|(&said, &(_, class))| (said, class)).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let bins = scored.chunk_by(|a, b| a.0 == b.0).map(|tied| {
        let positives: f64 = tied.iter().map(|(_, class)| class).sum();
        ScoreBin { positives, negatives: tied.len() as f64 - positives }
    });
    let roc_auc = roc_auc(bins.collect::<Vec<_>>())?;
    let (n, m) = (first.len() as f64, second.len() as f64);
    let weights: Vec<f64> = likely[..first.len()]
        .iter()
        .map(|said| {
            let p = said.clamp(0.01, 0.99);
            (p / (1.0 - p) * n / m).min(HEAVIEST)
        })
        .collect();
    let (sum, squares) =
        weights.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
    let mut columns: Vec<(String, f64)> = Vec::new();
    for (at, name) in gathered.names.iter().enumerate() {
        let (a, b) = (ground.counts(at, second), ground.counts(at, first));
        if let Ok(distance) = jensen_shannon(&a, &b, 0) {
            columns.push((name.clone(), distance));
        }
    }
    columns.sort_by(|a, b| b.1.total_cmp(&a.1));
    let apart = Apart {
        roc_auc,
        // Mann and Whitney 1947.
        error: ((n + m + 1.0) / (12.0 * n * m)).sqrt(),
        columns,
        effective: if squares > 0.0 { sum * sum / squares } else { 0.0 },
    };
    Ok((apart, weights))
}

/// What the newest part knows of itself.
struct Newest {
    quarters: Vec<Vec<u32>>,
    /// Mean square of what each quarter's rows are from their mean.
    spread: f64,
    /// By learner and asked: the mean square of errors.
    losses: [[f64; QUARTERS]; QUARTERS],
    /// How far two quarters are apart as seen by a third, by chance.
    chance: f64,
}

impl Newest {
    fn new(ground: &Ground, last: usize) -> Result<Self, Undefined> {
        let rows = &ground.parts[last];
        if rows.len() < FEWEST * QUARTERS {
            return Err(Undefined::TooFew);
        }
        let quarter = |of: usize| rows.iter().copied().skip(of).step_by(QUARTERS).collect();
        let quarters: Vec<Vec<u32>> = (0..QUARTERS).map(quarter).collect();
        let spread: f64 = ground.outputs.iter().map(|output| spread(output, rows)).sum();
        if spread <= 0.0 {
            return Err(Undefined::OneClass);
        }
        let mut losses = [[0.0; QUARTERS]; QUARTERS];
        for (learner, from) in quarters.iter().enumerate() {
            for (asked, of) in quarters.iter().enumerate().filter(|(asked, _)| *asked != learner) {
                losses[learner][asked] = loss(ground, from, of);
            }
        }
        let asked = |of: usize| {
            let learners = losses.iter().enumerate().filter(move |(at, _)| *at != of);
            learners.map(move |(_, losses)| losses[of]).collect::<Vec<f64>>()
        };
        let mut squares = Vec::new();
        for learners in (0..QUARTERS).map(asked) {
            for (at, first) in learners.iter().enumerate() {
                let others = learners.iter().take(at);
                squares.extend(others.map(|second| (first - second) * (first - second)));
            }
        }
        let chance = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
        let found = Self { quarters, spread, losses, chance };
        // Where nothing follows from the inputs, no concept can move.
        if found.own() < LEARNABLE { Err(Undefined::Constant) } else { Ok(found) }
    }

    /// The explained share of quarters that others learned.
    fn own(&self) -> f64 {
        let learned: f64 = self.losses.iter().flatten().sum();
        1.0 - learned / (QUARTERS * (QUARTERS - 1)) as f64 / self.spread
    }

    /// What is learned on a part, its rows drawn as often as such rows are in the newest part.
    fn against(
        &self,
        ground: &Ground,
        rows: &[u32],
        weights: &[f64],
        effective: f64,
    ) -> Result<Concept, Undefined> {
        let size = self.quarters[0].len();
        if effective < size as f64 {
            return Err(Undefined::TooFew);
        }
        let mut sum = 0.0;
        for (asked, of) in self.quarters.iter().enumerate() {
            let from = drawn(rows, weights, size, asked as u64);
            sum += loss(ground, &from, of);
        }
        let explained = 1.0 - sum / QUARTERS as f64 / self.spread;
        // Half of what chance does is the newest part's, of which there are four; the other half that of the part, of whose
        // rows there are so many times as many as were drawn.
        let times = (effective / size as f64).min(QUARTERS as f64);
        let share = f64::midpoint(1.0 / QUARTERS as f64, 1.0 / times);
        let error = self.chance * share.sqrt() / self.spread;
        Ok(Concept { explained, own: self.own(), error })
    }
}

/// The mean square of what trees that learned on some rows are wrong about others, over all outputs.
fn loss(ground: &Ground, from: &[u32], of: &[u32]) -> f64 {
    let each = ground.outputs.iter().map(|output| {
        let said = ground.learned(output, from, of);
        let squares = said.iter().zip(of).map(|(said, &row)| {
            let wrong = said - output[row as usize];
            wrong * wrong
        });
        squares.sum::<f64>() / of.len().max(1) as f64
    });
    each.sum()
}

fn spread(output: &[f64], rows: &[u32]) -> f64 {
    let count = rows.len().max(1) as f64;
    let mean = rows.iter().map(|&row| output[row as usize]).sum::<f64>() / count;
    let squares = rows.iter().map(|&row| {
        let apart = output[row as usize] - mean;
        apart * apart
    });
    squares.sum::<f64>() / count
}

/// So many of the rows, each as likely as it weighs. Source: Efraimidis and Spirakis 2006.
fn drawn(rows: &[u32], weights: &[f64], size: usize, draw: u64) -> Vec<u32> {
    let mut keyed: Vec<(f64, u32)> = rows
        .iter()
        .zip(weights)
        .map(|(&row, weight)| {
            let bits = hash(hash(u64::from(row)).wrapping_add(draw)) >> 11;
            let uniform = (bits as f64 + 0.5) / (1_u64 << 53) as f64;
            (-libm::log(uniform) / weight, row)
        })
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    keyed.truncate(size);
    keyed.into_iter().map(|(_, row)| row).collect()
}
